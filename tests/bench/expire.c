/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The longest poll while a million timers expire in one second: real connections leave as many TIME-WAITs at the server
 * within 0.7 s of virtual time; 2 MSL later the server's clock goes on in steps, and every poll is timed.
 *
 *	expire <EAL options> -- STEP_US
 *
 * A host that takes the CPU away for milliseconds looks like a long poll. So as much time is then spent in polls that
 * find nothing due, and the longest of these is printed beside.
 */
#include <stdio.h>
#include <rte_cycles.h>
#include "pairbed.h"

#define TIMERS 1000000u
#define SECOND_US 1000000u
#define BUDGET 4096u      /* TIMER_BUDGET of stack/worker.c */
#define SETTLE_TURNS 100u /* after the last connection began */

struct polls {
	uint64_t n, firing, cycles, longest, second;
	uint64_t over, over_budget; /* 1 ms; of these: more than BUDGET timers */
};

static unsigned int
timewaits(const struct tern_worker *w)
{
	return w->timewaits[0].total - w->timewaits[0].avail;
}

/* Some more connections than records, as the client's ports are random: one that comes again takes its record over. */
static void
fill(void)
{
	const uint64_t begin_us = now_us;
	unsigned int i;

	while (timewaits(ends[0]) < TIMERS && now_us < begin_us + SECOND_US)
		pair_turn();
	open_burst = 0; /* what is open yet finds no record, and ends at once */
	for (i = 0; i < SETTLE_TURNS; i++)
		pair_turn();
	if (failed || open_now || timewaits(ends[0]) != TIMERS || now_us >= begin_us + SECOND_US)
		errx(1, "%u in TIME-WAIT after %lu us, %lu connections failed", timewaits(ends[0]), now_us - begin_us,
		     failed);
}

static void
poll_at(struct tern_worker *w, uint64_t us, struct polls *p)
{
	const unsigned int before = timewaits(w);
	const uint64_t begin = rte_rdtsc();
	uint64_t cycles;
	unsigned int fired;

	worker_set_time(w, us);
	worker_run(w);
	cycles = rte_rdtsc() - begin;
	fired = before - timewaits(w);
	p->n++;
	p->firing += fired > 0;
	p->cycles += cycles;
	if (cycles > p->longest) {
		p->second = p->longest;
		p->longest = cycles;
	} else if (cycles > p->second) {
		p->second = cycles;
	}
	if (cycles > rte_get_tsc_hz() / 1000) {
		p->over++;
		p->over_budget += fired > BUDGET;
	}
}

/* Until all have expired. Time stops a step after the last one's: then polls follow each other, as when they are
 * late. */
static void
expire(struct tern_worker *w, uint64_t step_us, struct polls *p)
{
	const uint64_t last_us = now_us + (uint64_t)w->conf.tcp.time_wait_ms * 1000 + TICK_US;
	uint64_t next_us;

	while (timewaits(w)) {
		/* steps that find nothing to do are not polled */
		next_us = RTE_MAX(worker_next_us(w), now_us + 1);
		if (now_us < last_us)
			now_us += (next_us - now_us + step_us - 1) / step_us * step_us;
		poll_at(w, now_us, p);
	}
}

int
main(int argc, char **argv)
{
	const int n_eal = rte_eal_init(argc, argv);
	struct tern_conf conf;
	struct polls p = {0}, idle = {0};
	const double us = rte_get_tsc_hz() / 1e6;
	uint64_t step_us;

	pair_conf(&conf, "expire");
	conf.max_timewait = TIMERS;
	if (n_eal < 0)
		return 1;
	if (argc - n_eal != 2 || (step_us = strtoul(argv[n_eal + 1], NULL, 10)) == 0)
		errx(1, "expire <EAL options> -- STEP_US");
	packets = 6;
	short_init(&conf);
	fill();
	expire(ends[0], step_us, &p);
	while (idle.cycles < p.cycles)
		poll_at(ends[0], now_us, &idle);
	printf("expire: step %lu us: %u timers in %lu polls, %lu fired; %.1f cycles a timer; "
	       "longest poll %.1f us, then %.1f us; %lu over 1 ms, %lu of them of more than %u timers; idle longest "
	       "poll %.1f us, %lu over 1 ms\n",
	       step_us, TIMERS, p.n, p.firing, (double)p.cycles / TIMERS, p.longest / us, p.second / us, p.over,
	       p.over_budget, BUDGET, idle.longest / us, idle.over);
	return 0;
}
