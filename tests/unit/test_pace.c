/* SPDX-License-Identifier: BSD-3-Clause */
/* When an open loop's connections are due: to the microsecond if they are constant, by their distribution if not. */
#include <math.h>
#include <rte_random.h>
#include "pace.h"
#include "seeded.h"

static double
due_after(struct pace *p, unsigned int n)
{
	while (n--)
		pace_next(p);
	return p->due_us;
}

#define NEAR(got, want, by) CU_ASSERT_DOUBLE_EQUAL(got, want, by)

static void
test_constant(void)
{
	struct pace p;

	pace_init(&p, 1000, 0, 0, 0, false);
	CU_ASSERT_EQUAL(p.due_us, 0);
	NEAR(due_after(&p, 1), 1000, 1e-6);
	NEAR(due_after(&p, 59999), 60e6, 1e-3); /* a minute, and nothing was lost */
	NEAR(pace_rate(&p, 60e6), 1000, 1e-9);
	pace_init(&p, 1700000, 0, 0, 0, false);
	NEAR(due_after(&p, 17000000), 10e6, 1e-3);
	pace_init(&p, 1, 0, 0, 3, false);
	NEAR(due_after(&p, 2), 2e6, 1e-6);
	CU_ASSERT_TRUE(isinf(due_after(&p, 1))); /* at the end of --duration none starts */
}

/* 2 s up, 6 s even, 2 s down at 1000/s: 1000, 6000 and 1000 of them; half a ramp's time has a quarter of its number. */
static void
test_ramps(void)
{
	struct pace p;

	pace_init(&p, 1000, 2000, 2000, 10, false);
	CU_ASSERT_EQUAL(p.due_us, 0);
	NEAR(due_after(&p, 250), 1e6, 1e-3);
	NEAR(due_after(&p, 750), 2e6, 1e-3);
	NEAR(due_after(&p, 1), 2001000, 1e-3);
	NEAR(due_after(&p, 5999), 8e6, 1e-3);
	NEAR(due_after(&p, 750), 9e6, 1e-3);
	CU_ASSERT_TRUE(due_after(&p, 249) < 10e6);
	CU_ASSERT_TRUE(isinf(due_after(&p, 1)));
	NEAR(pace_rate(&p, 0), 0, 1e-9);
	NEAR(pace_rate(&p, 5e5), 250, 1e-9);
	NEAR(pace_rate(&p, 5e6), 1000, 1e-9);
	NEAR(pace_rate(&p, 9e6), 500, 1e-9);
	NEAR(pace_rate(&p, 11e6), 0, 1e-9);
	pace_init(&p, 1000, 500, 500, 1, false); /* nothing between the ramps */
	NEAR(due_after(&p, 250), 5e5, 1e-3);
	CU_ASSERT_TRUE(isinf(due_after(&p, 250)));
}

/* Poisson: the gaps' mean is the rate's, their deviation is their mean, e^-1 of them are longer than it. */
static void
test_poisson(void)
{
	const unsigned int n = 100000;
	double before = 0, sum = 0, squares = 0, gap;
	unsigned int longer = 0, i;
	struct pace p;

	rte_srand(rnd());
	pace_init(&p, 1000, 0, 0, 0, true);
	for (i = 0; i < n; i++, before = p.due_us, pace_next(&p)) {
		gap = p.due_us - before;
		CU_ASSERT_FATAL(gap >= 0);
		sum += gap;
		squares += gap * gap;
		longer += gap > 1000;
	}
	NEAR(sum / n, 1000, 25); /* eight deviations of the mean */
	NEAR(sqrt(squares / n - sum / n * sum / n), 1000, 40);
	NEAR((double)longer / n, 0.3679, 0.0125);
}

int
main(int argc, char **argv)
{
	static CU_TestInfo tests[] = {
		{"constant", test_constant},
		{"ramps", test_ramps},
		{"Poisson", test_poisson},
		CU_TEST_INFO_NULL,
	};

	return seeded_main("pace", tests);
}
