/* SPDX-License-Identifier: BSD-3-Clause */
/* What main() of every CUnit program does: its tests are run, and the exit status says whether all was well. */
#ifndef SUITE_H
#define SUITE_H
#include <CUnit/Basic.h>

/** Run what is in the registry. @return main()'s: 0 only if tests were run and none failed. */
static inline int
registry_run(void)
{
	unsigned int bad;

	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	bad = CU_get_number_of_failures() || CU_get_number_of_suites_failed() || CU_get_error() ||
	      CU_get_number_of_tests_run() == 0;
	CU_cleanup_registry();
	return bad;
}

/** One suite; set_up() and tear_down() stand around all of it and may be NULL. */
static inline int
suite_run_in(const char *name, CU_InitializeFunc set_up, CU_CleanupFunc tear_down, CU_TestInfo *tests)
{
	CU_SuiteInfo suites[] = {{.pName = name, .pInitFunc = set_up, .pCleanupFunc = tear_down, .pTests = tests},
				 CU_SUITE_INFO_NULL};

	if (CU_initialize_registry() != CUE_SUCCESS || CU_register_suites(suites) != CUE_SUCCESS)
		return 1;
	return registry_run();
}

static inline int
suite_run(const char *name, CU_TestInfo *tests)
{
	return suite_run_in(name, NULL, NULL, tests);
}
#endif
