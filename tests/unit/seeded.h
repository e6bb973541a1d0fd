/* SPDX-License-Identifier: BSD-3-Clause */
/* Programs of random tests: one generator, its seed printed and taken from TERN_SEED to replay. */
#ifndef SEEDED_H
#define SEEDED_H
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <CUnit/Basic.h>

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

/* What main() returns after running the tests as one suite. */
static inline int
seeded_main(const char *suite, CU_TestInfo *tests)
{
	const char *env = getenv("TERN_SEED");
	CU_SuiteInfo suites[] = {{.pName = suite, .pTests = tests}, CU_SUITE_INFO_NULL};

	seed = env ? strtoull(env, NULL, 0) : (uint64_t)getpid() * 2654435761u;
	printf("TERN_SEED=%llu\n", (unsigned long long)seed);
	if (CU_initialize_registry() != CUE_SUCCESS || CU_register_suites(suites) != CUE_SUCCESS)
		return 1;
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	return CU_get_number_of_failures() || CU_get_error() ? 1 : 0;
}
#endif
