/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The search for the largest load whose failures and times stay within bounds (RFC 2544 26.1, RFC 9411 7.2 and 7.8): a
 * load is doubled until one does not pass, then the space between the best that did and the least that did not is
 * halved. Each has RAMP_S to become even, which is not counted, and --search-step to be judged by; after one that
 * failed the server has RECOVER_S of the least load to get rid of what waits.
 *
 * A rate passes if it was reached, too: a client or a server that lags has failed. A load that fails is tried once
 * more: a machine that did something else for a while is not the server's limit.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "client.h"
#include "ctl.h"
#include "run.h"
#include "sample.h"
#include "search.h"

#define RAMP_S 1.0
#define RECOVER_S 2.0
#define REACHED 0.98 /* of a rate */

struct search search;

static struct {
	enum { BEGIN, RECOVER, RAMP, SUSTAIN, END } state;
	uint64_t load;
	uint64_t best, worst; /* that passed, and that did not; 0: none */
	double until_s;
	double second_s;            /* of the sustained load */
	uint64_t least, most, seen; /* done in one of its seconds */
	struct sample begin, now;
	char error[160];
	bool twice; /* this load is tried again */
	struct trial trials[TRIALS_MAX];
	unsigned int n_trials;
} job;

static const struct {
	const char *knob, *unit;
	const char *done, *time; /* of struct tally */
	const char *what;        /* done is of */
} kinds[] = {
	[SEARCH_CPS] = {"cps", "connections/s", "done", "whole", "connections"},
	[SEARCH_RPS] = {"rps", "requests/s", "requests", "response", "responses"},
	[SEARCH_CONNS] = {"concurrency", "connections", "requests", "response", "responses"},
};

int
search_check(void)
{
	const bool conns = search.what == SEARCH_CONNS;

	if (search.what == SEARCH_NONE)
		return 0;
	if (plan.cps || plan.rps || plan.total || plan.ramp_up_ms || plan.ramp_down_ms)
		return complain("--search finds the load by itself: leave --cps, --rps, --total and --ramp-*-ms out");
	if ((search.what == SEARCH_RPS) != (plan.hold != 0))
		return complain(plan.hold ? "--search: over the connections of --hold only rps can be searched for"
					  : "--search rps: give --hold N, the connections that ask");
	if (!search.from)
		search.from = conns ? 16 : 1000;
	if (!search.to)
		search.to = UINT32_MAX / 2;
	if (conns)
		search.to = RTE_MIN(search.to, plan.concurrency);
	if (search.from > search.to)
		return complain("--search-from %u is more than %u, the most that is tried: %s", search.from, search.to,
				conns ? "raise --search-to or --concurrency" : "raise --search-to");
	if (search.what == SEARCH_CPS)
		plan.cps = search.from;
	if (search.what == SEARCH_RPS)
		plan.rps = search.from;
	plan.latency = true;
	return 0;
}

/* --- a load ----------------------------------------------------------------------------------------------------- */

static void
apply(struct stack *s, uint64_t load, int state, double until_s)
{
	job.state = set_number(s, kinds[search.what].knob, load, job.error, sizeof(job.error)) ? END : state;
	job.until_s = until_s;
}

static void
try(struct stack *s, uint64_t load, double now_s)
{
	job.load = load;
	apply(s, load, RAMP, now_s + RAMP_S);
}

/* The same, after what a load that failed has left. */
static void
recover(struct stack *s, uint64_t load, double now_s)
{
	job.load = load;
	apply(s, RTE_MIN((uint64_t)search.from, load), RECOVER, now_s + RECOVER_S);
}

static uint64_t
done(void)
{
	uint64_t n = 0;

	sample_count(&job.now, &job.begin, kinds[search.what].done, &n);
	return n;
}

/* How even it is: the best and the worst of its whole seconds. */
static void
see_second(double now_s)
{
	const uint64_t n = done();

	job.least = RTE_MIN(job.least, n - job.seen);
	job.most = RTE_MAX(job.most, n - job.seen);
	job.seen = n;
	job.second_s = now_s + 1;
}

static uint64_t
quantile(double q)
{
	static struct hist h;
	unsigned int i;

	for (i = 0; i < job.now.t.n_times; i++)
		if (strcmp(job.now.t.time_names[i], kinds[search.what].time) == 0)
			break;
	if (i == job.now.t.n_times)
		return 0;
	hist_since(&h, &job.now.t.times[i], &job.begin.t.times[i]);
	return hist_quantile(&h, q);
}

static const char *
verdict(const struct trial *t)
{
	if (t->failed * 1000000 > search.failed_ppm * (t->done + t->failed))
		return "too many failed";
	if (search.what != SEARCH_CONNS && t->done < REACHED * t->load * t->seconds)
		return "not reached";
	if (!t->done)
		return "no answer";
	return search.p99_us && t->p99_us > search.p99_us ? "too slow" : NULL;
}

/* The load was there for long enough: a line. @return whether it passed. */
static bool
judge(void)
{
	struct trial *t = &job.trials[RTE_MIN(job.n_trials, TRIALS_MAX - 1)];

	*t = (struct trial){.load = job.load,
			    .done = done(),
			    .failed = sample_failed(&job.now, &job.begin),
			    .p50_us = quantile(0.5),
			    .p99_us = quantile(0.99),
			    .seconds = job.now.at_s - job.begin.at_s};
	t->spread = t->done ? (job.most - job.least) * t->seconds / t->done : 0;
	t->why = verdict(t);
	job.n_trials = t - job.trials + 1;
	printf("search: %lu %s for %.0f s: %.0f %s/s, %lu failed, half within %lu us, 99 %% within %lu us, "
	       "seconds differ by %.0f %%: %s%s\n",
	       t->load, kinds[search.what].unit, t->seconds, t->done / t->seconds, kinds[search.what].what, t->failed,
	       t->p50_us, t->p99_us, 100 * t->spread, t->why ? "fails, " : "passes", t->why ? t->why : "");
	return !t->why;
}

/* @return 0: it is found. */
static uint64_t
next_load(void)
{
	const uint64_t gap = job.worst - job.best;

	if (!job.worst)
		return job.best == search.to ? 0 : RTE_MIN(2 * job.best, (uint64_t)search.to);
	if (!job.best)
		return job.worst == 1 ? 0 : RTE_MAX(job.worst / 2, 1u);
	return gap * 100 <= (uint64_t)search.within * job.best || gap < 2 ? 0 : job.best + gap / 2;
}

static void
conclude(struct stack *s, double now_s)
{
	const bool passed = judge();
	uint64_t load;

	if (!passed && !job.twice) {
		job.twice = true;
		recover(s, job.load, now_s);
		return;
	}
	job.twice = false;
	if (passed)
		job.best = job.load;
	else
		job.worst = job.load;
	load = next_load();
	if (!load)
		job.state = END;
	else if (passed)
		try(s, load, now_s);
	else
		recover(s, load, now_s);
}

/* --- the search ------------------------------------------------------------------------------------------------- */

void
search_tick(struct stack *s, double now_s)
{
	if (search.what == SEARCH_NONE || job.state == END)
		return;
	if (job.state == BEGIN) {
		try(s, search.from, now_s);
	} else if (job.state == RECOVER && now_s >= job.until_s) {
		try(s, job.load, now_s);
	} else if (job.state == RAMP && now_s >= job.until_s) {
		sample_take(s, now_s, &job.begin);
		job.state = SUSTAIN;
		job.until_s = now_s + search.step_s;
		job.second_s = now_s + 1;
		job.least = UINT64_MAX;
		job.most = job.seen = 0;
	} else if (job.state == SUSTAIN && now_s >= job.second_s) {
		sample_take(s, now_s, &job.now);
		see_second(now_s);
		if (now_s >= job.until_s)
			conclude(s, now_s);
	}
	if (job.state == END)
		run_end(true);
}

unsigned int
search_trials(const struct trial **t)
{
	*t = job.trials;
	return job.n_trials;
}

bool
search_found(uint64_t *best, uint64_t *worst, const char **unit)
{
	*best = job.best;
	*worst = job.worst;
	*unit = kinds[search.what].unit;
	return job.state == END && !*job.error;
}

uint64_t
search_report(void)
{
	const char *unit = kinds[search.what].unit;
	char bounds[96];

	snprintf(bounds, sizeof(bounds), "at most %u of a million failed", search.failed_ppm);
	if (search.p99_us)
		snprintf(bounds + strlen(bounds), sizeof(bounds) - strlen(bounds), ", 99 %% within %u us",
			 search.p99_us);
	if (job.best)
		printf("search: %lu %s pass (%s)%s", job.best, unit, bounds, job.worst ? "" : ", and nothing failed\n");
	if (job.best && job.worst)
		printf(", %lu do not\n", job.worst);
	if (*job.error)
		complain("search: %s", job.error);
	else if (job.state != END)
		complain("search: the run ended before the search did: give it more --duration, or none");
	else if (!job.best)
		complain("search: not even %lu %s pass (%s)", job.worst, unit, bounds);
	return *job.error || job.state != END || !job.best;
}
