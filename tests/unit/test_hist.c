/* SPDX-License-Identifier: BSD-3-Clause */
/* Times in buckets: each is counted in the one whose bounds it lies in, which is 3 % wide at most. */
#include <string.h>
#include "hist.h"
#include "seeded.h"

static struct hist h, before, since;

static unsigned int
bucket_of(uint64_t us)
{
	unsigned int i;

	memset(&h, 0, sizeof(h));
	hist_add(&h, us);
	for (i = 0; i < HIST_SIZE - 1 && !h.n[i]; i++)
		;
	return i;
}

static void
test_buckets(void)
{
	uint64_t us;
	unsigned int i;

	for (i = 0; i < HIST_SIZE - 1; i++) {
		CU_ASSERT_EQUAL(bucket_of(hist_upper_us(i)), i);
		CU_ASSERT_EQUAL(bucket_of(hist_upper_us(i) + 1), i + 1);
	}
	for (us = 1; us < (1ull << 40); us = us * 3 / 2 + 1)
		CU_ASSERT_TRUE(hist_upper_us(bucket_of(us)) <= us + us / 32 && hist_upper_us(bucket_of(us)) >= us);
	CU_ASSERT_EQUAL(bucket_of(UINT64_MAX), HIST_SIZE - 1);
}

static void
test_quantiles(void)
{
	uint64_t us;

	memset(&h, 0, sizeof(h));
	CU_ASSERT_EQUAL(hist_quantile(&h, 0.99), 0);
	for (us = 1; us <= 100000; us++)
		hist_add(&h, us);
	CU_ASSERT_EQUAL(hist_count(&h), 100000);
	CU_ASSERT_TRUE(hist_quantile(&h, 0.5) >= 50000 && hist_quantile(&h, 0.5) <= 51600);
	CU_ASSERT_TRUE(hist_quantile(&h, 0.99) >= 99000);
	CU_ASSERT_EQUAL(hist_quantile(&h, 1), 100000); /* and no bucket's bound */
	CU_ASSERT_EQUAL(h.max_us, 100000);
}

static void
test_since(void)
{
	memset(&h, 0, sizeof(h));
	hist_add(&h, 1000000);
	before = h;
	hist_add(&h, 5);
	hist_add(&h, 70);
	hist_since(&since, &h, &before);
	CU_ASSERT_EQUAL(hist_count(&since), 2);
	CU_ASSERT_EQUAL(since.max_us, 71); /* its bucket's: the longest of all was before */
	hist_merge(&since, &before);
	CU_ASSERT_EQUAL(hist_count(&since), 3);
	CU_ASSERT_EQUAL(since.max_us, 1000000);
}

int
main(int argc, char **argv)
{
	static CU_TestInfo tests[] = {
		{"buckets", test_buckets},
		{"quantiles", test_quantiles},
		{"since", test_since},
		CU_TEST_INFO_NULL,
	};

	return seeded_main("hist", tests);
}
