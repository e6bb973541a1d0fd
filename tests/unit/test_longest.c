/* SPDX-License-Identifier: BSD-3-Clause */
/* The longest poll of a worker, with and without those in which its core was somebody else's. */
#include <unistd.h>
#if __has_include(<sys/rseq.h>)
#include <sys/rseq.h>
#endif
#include "longest.h"
#include "seeded.h"

static void
test_longest(void)
{
	struct longest l = {0};
	uint64_t now_us = 1000000;

	longest_look(&l, 300, false);
	longest_look(&l, 5000, true);
	CU_ASSERT_EQUAL(l.own_us, 300);
	CU_ASSERT_EQUAL(l.any_us, 5000);
	CU_ASSERT_EQUAL(l.n_over, 0);
	longest_look(&l, 1000, false);
	longest_look(&l, 1001, false);
	longest_look(&l, 3000, false);
	longest_look(&l, 2000, false);
	CU_ASSERT_EQUAL(l.own_us, 3000);
	CU_ASSERT_EQUAL(l.n_over, 3);
	CU_ASSERT_EQUAL(l.least_us, LONGEST_LIMIT_US); /* or those that are not the longest would not be counted */

	l = (struct longest){0};
	longest_poll(&l, now_us);
	CU_ASSERT_EQUAL(l.any_us, 0); /* what was before is no poll */
	longest_poll(&l, now_us += 20);
	longest_poll(&l, now_us += 700);
	longest_poll(&l, now_us += 30);
	CU_ASSERT_EQUAL(l.any_us, 700);
}

/* Who sleeps gives the core away. That nobody took it otherwise can't be asked for. */
static void
test_disturbed(void)
{
	unsigned int i;
	bool quiet = false;

	longest_disturbed();
	for (i = 0; i < 1000 && !quiet; i++)
		quiet = !longest_disturbed();
	CU_ASSERT_TRUE(quiet);
	usleep(1000);
#if __has_include(<sys/rseq.h>)
	CU_ASSERT_TRUE(longest_disturbed() || !__rseq_size);
#endif
}

int
main(int argc, char **argv)
{
	static CU_TestInfo tests[] = {
		{"longest", test_longest},
		{"disturbed", test_disturbed},
		CU_TEST_INFO_NULL,
	};

	return seeded_main("longest", tests);
}
