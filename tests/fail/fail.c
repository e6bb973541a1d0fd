/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Each scenario of scenes.c once for each request for memory that it makes, which then fails: alone, and with those
 * that follow it, OUTAGE in all. The scenario says what must come of it all the same; the harness asks for every
 * invariant after every burst, and in the end every pool is full. A table says what failed where.
 *
 *	fail [part of a scenario's name]
 *
 * By default each request fails alone over IPv4, and some of them over IPv6 and in a row with those that follow.
 * FAIL_ALL=1: all of them, all ways; FAIL_NTH=n: only that one; TERN_TRACE=1: with its segments.
 */
#include "fail.h"
#include "talk.h"
#include "../random.h"

#define OUTAGE 24u /* requests in a row */
#define OUTAGE_NEIGH 4u /* so few that a SYN-ACK is sent again after it */

static uint64_t runs, rng;
static uint64_t table[SITES_MAX][64];
static unsigned int columns;
static const char *heads[64];

/* @return requests made. */
static uint32_t
once(const struct talk *t, uint8_t af, uint32_t nth, uint32_t in_a_row)
{
	const unsigned int bad = CU_get_number_of_failure_records();
	const struct fail_site *s;
	const int64_t live = fail_live();
	uint32_t n;

	fail_end(); /* a run that was given up */
	bed_down();
	bed_reset(af);
	rng = 1;
	bed.conf.max_conns = bed.conf.max_requests = bed.conf.max_timewait = 16; /* small pools are soon checked */
	bed.conf.n_mbufs = 512;
	if (t->conf)
		t->conf();
	bed_start_pair();
	fail_begin(nth, in_a_row);
	if (t->alone)
		t->alone();
	else
		talk(t);
	bed_down();
	s = fail_first();
	n = fail_end();
	CHECK_EQ(fail_live(), live);
	CHECK(!nth || s || !fail_worth(nth));
	runs++;
	if (CU_get_number_of_failure_records() != bad)
		printf("  FAIL_NTH=%u%s of \"%s\", IPv%u: %s of %s() failed\n", nth,
		       in_a_row > 1 ? " and what followed" : "", t->name, af, s ? s->kind : "nothing",
		       s ? s->func : "");
	return n;
}

static void
each(const struct talk *t)
{
	const char *only = getenv("FAIL_NTH"), *all = getenv("FAIL_ALL");
	const uint8_t af = bed.af;
	uint32_t n;

	for (unsigned int i = 0; i < fail_n_sites; i++)
		fail_sites[i].asked = fail_sites[i].failed = 0;
	n = once(t, af, 0, 1);
	if (getenv("FAIL_COUNT"))
		printf("K %s IPv%u %u\n", t->name, af, n);
	for (uint32_t i = 1; i <= n; i++) {
		if (!fail_worth(i) || (only && strtoul(only, NULL, 0) != i))
			continue;
		if (all || only || af == 4 || i % 8 == 1)
			once(t, af, i, 1);
		if (all || only || i % 6 == (af == 4 ? 0 : 2))
			once(t, af, i, strcmp(fail_kind(i), "neighbour") ? OUTAGE : OUTAGE_NEIGH);
	}
	for (unsigned int i = 0; i < fail_n_sites; i++)
		table[i][columns] += fail_sites[i].failed;
}

/* A test of CUnit has no argument: the name of the one that runs says which scenario it is. */
static void
test_scenario(void)
{
	const char *name = CU_get_current_test()->pName;

	for (unsigned int i = 0; i < n_talks; i++) {
		if (strcmp(talks[i].name, name))
			continue;
		columns = i;
		heads[i] = talks[i].name;
		each(&talks[i]);
	}
}

static void
print_table(void)
{
	uint64_t all = 0;
	unsigned int pairs = 0;

	printf("\nrequests that failed, by site and scenario (both families, alone and with those that followed):\n");
	for (unsigned int k = 0; k < n_talks; k++)
		if (heads[k])
			printf("  %2u %s\n", k, heads[k]);
	printf("%42s", "");
	for (unsigned int k = 0; k < n_talks; k++)
		if (heads[k])
			printf(" %4u", k);
	putchar('\n');
	for (unsigned int i = 0; i < fail_n_sites; i++) {
		printf("%-18s%-24s", fail_sites[i].kind, fail_sites[i].func);
		for (unsigned int k = 0; k < n_talks; k++) {
			if (!heads[k])
				continue;
			if (table[i][k])
				printf(" %4lu", table[i][k]);
			else
				printf("    %c", fail_sites[i].spared ? '-' : '.');
			all += table[i][k];
			pairs += table[i][k] != 0;
		}
		putchar('\n');
	}
	printf("fail: %u sites x %u scenarios, %u pairs met, %lu runs, %lu failed requests\n", fail_n_sites,
	       columns + 1, pairs, runs, all);
}

int
main(int argc, char **argv)
{
	static CU_TestInfo tests[65];
	int rc;

	secrets_from(&rng);
	for (unsigned int i = 0; i < n_talks; i++)
		tests[i] = (CU_TestInfo){talks[i].name, test_scenario};
	rc = harness_main(argc, argv, "fail", tests);
	print_table();
	return rc;
}
