/* SPDX-License-Identifier: BSD-3-Clause */
/* Programs of random tests: one generator, its seed printed and taken from TERN_SEED to replay. */
#ifndef SEEDED_H
#define SEEDED_H
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "suite.h"

static uint64_t seed;

/* splitmix64 */
static inline uint64_t
rnd(void)
{
	uint64_t z = seed += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

static inline void
seed_init(void)
{
	const char *env = getenv("TERN_SEED");

	seed = env ? strtoull(env, NULL, 0) : (uint64_t)getpid() * 2654435761u;
	printf("TERN_SEED=%llu\n", (unsigned long long)seed);
}

/* What main() returns after running the tests as one suite. */
static inline int
seeded_main(const char *suite, CU_TestInfo *tests)
{
	seed_init();
	return suite_run(suite, tests);
}
#endif
