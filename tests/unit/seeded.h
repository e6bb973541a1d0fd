/* SPDX-License-Identifier: BSD-3-Clause */
/* Programs of random tests: one generator, its seed printed and taken from TERN_SEED to replay. */
#ifndef SEEDED_H
#define SEEDED_H
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "suite.h"
#include "../random.h"

static uint64_t seed;

static inline uint64_t
rnd(void)
{
	return random_next(&seed);
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
