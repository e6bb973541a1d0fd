/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See run.h. The role's files, the stack, one worker per lcore (the main lcore is worker 0) and a control thread that
 * alone prints, watches the clock and signals, and ends the run in this order: a client opens nothing new and finishes
 * what it has; drain; leave. A second signal leaves at once.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include "capture.h"
#include "ctl.h"
#include "metrics.h"
#include "record.h"
#include "report.h"
#include "run.h"
#include "screen.h"
#include "search.h"

#define TICK_MS 20u
#define READY_MS 1u /* the start is measured in milliseconds */
#define STACKS_MAX 2u
#define FIRST_S 0.9 /* a line of numbers is due each second */

struct job {
	struct stack *s;
	unsigned int worker;
};

static struct job jobs[STACKS_MAX * TERN_WORKER_MAX];
static unsigned int n_jobs;
static const struct run *run;
static uint64_t start_tsc; /* when the load began */
static bool live;          /* there is a screen */
static double stopped_s;   /* when the run was over and closing began */
static bool drain_asked, over; /* by a command; the load is over */
volatile sig_atomic_t run_signals;
uint64_t run_began;

static void
on_signal(int sig)
{
	run_signals++;
}

static double
seconds(void)
{
	return (double)(rte_get_tsc_cycles() - start_tsc) / rte_get_tsc_hz();
}

void
run_end(bool drain)
{
	if (drain)
		__atomic_store_n(&drain_asked, true, __ATOMIC_RELAXED);
	else
		run_signals++;
}

bool
run_ends(void)
{
	return run_signals || __atomic_load_n(&drain_asked, __ATOMIC_RELAXED) ||
	       __atomic_load_n(&over, __ATOMIC_RELAXED);
}

/* --- workers ------------------------------------------------------------------------------------------------- */

static int
app_start(struct tern_worker *w, void *arg)
{
	struct stack *s = arg;
	int rc;

	capture_start(s, w);
	rc = s->role->start(s, w);
	rc = rc ? rc : metrics_start(s, w);
	if (rc)
		__atomic_store_n(&s->failed, true, __ATOMIC_RELAXED); /* and has said why */
	else if (!s->role->readies)
		__atomic_fetch_add(&s->ready, 1, __ATOMIC_RELEASE);
	return rc;
}

static void
app_poll(struct tern_worker *w, uint64_t now_us, void *arg)
{
	struct stack *s = arg;

	if (__atomic_load_n(&s->loaded, __ATOMIC_RELAXED))
		longest_poll(&s->longest[tern_worker_index(w)], now_us);
	s->role->poll(s, w, now_us);
}

static void
app_drain(struct tern_worker *w, void *arg)
{
	struct stack *s = arg;

	s->role->drain(s, w);
	metrics_drain(w);
}

static void
app_trace(struct tern_worker *w, const char *line, void *arg)
{
	const struct stack *s = arg;

	printf("%s%s%s\n", s->name ? s->name : "", s->name ? " " : "", line);
	fflush(stdout);
}

static void
left(struct job *j, int rc)
{
	if (rc && !__atomic_exchange_n(&j->s->failed, true, __ATOMIC_RELAXED))
		complain("worker %u stopped: %s", j->worker, strerror(-rc));
	__atomic_fetch_sub(&j->s->running, 1, __ATOMIC_RELEASE);
}

static int
worker_main(void *arg)
{
	struct job *j = arg;
	int rc = tern_worker_loop(j->s->tern, j->worker);

	left(j, rc);
	return rc;
}

/* Every lcore for itself: its workers take turns, a poll each. */
static int
take_turns(void *arg)
{
	bool on[RTE_DIM(jobs)] = {false};
	unsigned int i, left_on = 0;
	int rc;

	for (i = 0; i < n_jobs; i++) {
		on[i] = jobs[i].s->lcores[jobs[i].worker] == rte_lcore_id();
		left_on += on[i];
	}
	while (left_on) {
		for (i = 0; i < n_jobs; i++) {
			rc = on[i] ? tern_worker_step(jobs[i].s->tern, jobs[i].worker, 1) : 1;
			if (rc == 1)
				continue;
			on[i] = false;
			left_on--;
			left(&jobs[i], rc);
		}
	}
	return 0;
}

static int
run_workers(void)
{
	struct job *mine = NULL;
	unsigned int i, k;
	int rc = 0;

	for (i = 0; i < run->n; i++)
		for (k = 0; k < run->stacks[i].n_workers; k++)
			jobs[n_jobs++] = (struct job){&run->stacks[i], k};
	if (run->take_turns)
		rc = rte_eal_mp_remote_launch(take_turns, NULL, CALL_MAIN);
	for (i = 0; !run->take_turns && i < n_jobs; i++) {
		const unsigned int lcore = jobs[i].s->lcores[jobs[i].worker];

		if (lcore == rte_get_main_lcore()) {
			mine = &jobs[i]; /* after the others */
			continue;
		}
		rc = rte_eal_remote_launch(worker_main, &jobs[i], lcore);
		if (rc)
			return complain("lcore %u: %s", lcore, strerror(-rc));
	}
	if (mine)
		worker_main(mine);
	rte_eal_mp_wait_lcore();
	return rc;
}

/* --- the control thread -------------------------------------------------------------------------------------- */

static bool
any_failed(void)
{
	unsigned int i;

	for (i = 0; i < run->n; i++)
		if (__atomic_load_n(&run->stacks[i].failed, __ATOMIC_RELAXED))
			return true;
	return false;
}

static unsigned int
running(const struct stack *s)
{
	return __atomic_load_n(&s->running, __ATOMIC_ACQUIRE);
}

static bool
finished(const struct stack *s)
{
	return s->role->finite && __atomic_load_n(&s->finished, __ATOMIC_ACQUIRE) == s->n_workers;
}

/* Of all stacks: in use. */
static struct tern_gauges
held(void)
{
	struct tern_gauges g, sum = {0};
	unsigned int i;

	for (i = 0; i < run->n; i++) {
		tern_gauges_get(run->stacks[i].tern, -1, &g, sizeof(g));
		sum.timewaits += g.timewaits;
		sum.conns += g.conns;
	}
	return sum;
}

/* Sleep a tick, print what is due. */
static void
tick(void)
{
	static struct interval last[STACKS_MAX];
	static double printed_s;
	const double now_s = seconds();
	unsigned int i;

	search_tick(&run->stacks[run->n - 1], now_s);
	screen_tick(now_s);
	if (!live && options.stats_s && now_s - printed_s >= options.stats_s) {
		printed_s = now_s;
		for (i = 0; i < run->n; i++)
			report_line(&run->stacks[i], &last[i], now_s);
	}
	record_tick(now_s);
	usleep(TICK_MS * 1000);
}

static bool
give_up(unsigned int signals_seen)
{
	return (unsigned int)run_signals > signals_seen || any_failed();
}

/* The run is over: a client finishes what it has; TIME-WAITs that end soon are waited for. With both ends here, neither
 * leaves while the other still closes: its FIN wants an answer, and again if that is lost. */
static void
settle(struct stack *client, unsigned int signals_seen)
{
	const double drain_s = options.drain_ms / 1e3, deadline_s = seconds() + drain_s;
	const uint32_t wait_ms = options.conf.tcp.time_wait_ms;

	__atomic_store_n(&client->stopping, true, __ATOMIC_RELAXED);
	while (client->role->finite && !finished(client) && seconds() < deadline_s && !give_up(signals_seen))
		tick();
	while (run->n > 1 && held().conns && seconds() < deadline_s + drain_s && !give_up(signals_seen))
		tick();
	if (client->role->finite && wait_ms < options.drain_ms)
		while (held().timewaits && seconds() < deadline_s && !give_up(signals_seen))
			tick();
}

static bool
ready(void)
{
	unsigned int i;

	for (i = 0; i < run->n; i++)
		if (__atomic_load_n(&run->stacks[i].ready, __ATOMIC_ACQUIRE) < run->stacks[i].n_workers)
			return false;
	return true;
}

static void
time_polls(bool on)
{
	unsigned int i;

	for (i = 0; i < run->n; i++)
		__atomic_store_n(&run->stacks[i].loaded, on, __ATOMIC_RELAXED);
}

/* Every worker runs and what is to be parked is: the clock starts. */
static void
await_ready(void)
{
	while (!ready() && !run_signals && !any_failed() && running(&run->stacks[0]))
		usleep(READY_MS * 1000);
	start_tsc = rte_get_tsc_cycles();
	if (run->mark)
		run->mark(run->stacks, false);
	record_begin(run->stacks, run->n);
	time_polls(true);
	printf("ready: %.3f s after the start, %lu MiB resident\n",
	       (double)(start_tsc - run_began) / rte_get_tsc_hz(), report_resident_mib());
	live = screen_begin(run->stacks, run->n);
}

static bool
busy(const struct stack *s)
{
	return !run_signals && !__atomic_load_n(&drain_asked, __ATOMIC_RELAXED) && !any_failed() && !finished(s) &&
	       running(s);
}

/* To the millisecond, so before the ticks begin. */
static void
await_first(const struct stack *s)
{
	while (busy(s) && (!options.duration_s || seconds() < options.duration_s) && seconds() < FIRST_S &&
	       !tern_stats_by_name(s->tern, "TcpExtTernEstablished"))
		usleep(READY_MS * 1000);
	if (tern_stats_by_name(s->tern, "TcpExtTernEstablished"))
		printf("first: %.3f s from the start to the first connection\n",
		       (double)(rte_get_tsc_cycles() - run_began) / rte_get_tsc_hz());
}

static void *
control(void *arg)
{
	struct stack *last = &run->stacks[run->n - 1];
	unsigned int i;

	await_ready();
	await_first(last);
	while (busy(last) && (!options.duration_s || seconds() < options.duration_s))
		tick();
	stopped_s = seconds();
	screen_end(stopped_s);
	__atomic_store_n(&over, true, __ATOMIC_RELAXED);
	time_polls(false);
	if (run->mark)
		run->mark(run->stacks, true);
	record_stop(stopped_s);
	if (!run_signals && !any_failed())
		settle(last, run_signals);
	for (i = run->n; i-- > 0;) { /* the client first: its FINs want an answer */
		const unsigned int seen = run_signals;

		tern_drain(run->stacks[i].tern, options.drain_ms);
		while (running(&run->stacks[i]) && !any_failed() &&
		       !((unsigned int)run_signals > seen && run_signals > 1)) {
			if (run->stand_in)
				run->stand_in(i + 1);
			tick();
		}
	}
	for (i = 0; i < run->n; i++)
		tern_stop(run->stacks[i].tern);
	return NULL;
}

/* --- set-up -------------------------------------------------------------------------------------------------- */

static int
pick_lcores(struct stack *s)
{
	unsigned int lcore, n = 0;

	if (options.workers > rte_lcore_count())
		return complain("--workers %u needs as many lcores, EAL has %u: start with -l 0-%u", options.workers,
				rte_lcore_count(), options.workers - 1);
	s->n_workers = options.workers ? options.workers : RTE_MIN(rte_lcore_count(), (unsigned int)TERN_WORKER_MAX);
	if (options.mbufs_all)
		options.conf.n_mbufs = RTE_MAX(options.mbufs_all / s->n_workers, 1u);
	s->lcores[n++] = rte_get_main_lcore();
	RTE_LCORE_FOREACH_WORKER(lcore)
	if (n < s->n_workers)
		s->lcores[n++] = lcore;
	return 0;
}

static int
make_stack(struct stack *s)
{
	struct tern_conf conf = s->o->conf;
	struct tern_gauges g;
	int rc = s->role->init ? s->role->init(s) : 0;

	if (rc)
		return rc;
	conf.lcores = s->lcores;
	conf.n_workers = s->n_workers;
	conf.app.start = app_start;
	conf.app.poll = s->role->poll ? app_poll : NULL;
	conf.app.drain = app_drain;
	conf.app.trace = app_trace;
	conf.app.packet = capture_packet;
	conf.app.arg = s;
	rc = tern_create(&conf, &s->tern);
	if (rc)
		return complain("the stack could not be made: %s (see the line above)%s", strerror(-rc),
				geteuid() ? "; not root: devices and hugepages may need it" : "");
	tern_gauges_get(s->tern, -1, &g, sizeof(g));
	s->mbufs_at_start = g.mbufs_free;
	s->running = s->n_workers;
	return 0;
}

/* dpdk-dumpcap and dpdk-proc-info see no port that has an owner. While it runs ours needs none: nothing else of this
 * process is after it. */
static void
lend_ports(const struct run *r, bool lend)
{
	static struct rte_eth_dev_owner owners[RTE_MAX_ETHPORTS];
	const struct stack *s;
	unsigned int i;

	for (s = r->stacks; s < r->stacks + r->n; s++) {
		for (i = 0; i < s->o->conf.n_ifs; i++) {
			const uint16_t port = s->o->conf.ifs[i].port_id;

			if (!lend)
				rte_eth_dev_owner_set(port, &owners[port]);
			else if (rte_eth_dev_owner_get(port, &owners[port]) == 0)
				rte_eth_dev_owner_unset(port, owners[port].id);
		}
	}
}

static int
set_up(void)
{
	unsigned int i;
	int rc = 0;

	for (i = 0; !rc && i < run->n; i++)
		rc = make_stack(&run->stacks[i]);
	/* Locking populates. Only now, when the pools have asked for huge pages: with MCL_FUTURE they would get small
	 * ones. */
	if (!rc && options.prefault && mlockall(MCL_CURRENT))
		complain("--prefault: mlockall: %s: pages will be touched as they are needed", strerror(errno));
	return rc;
}

/* @return what failed. */
static uint64_t
final_report(void)
{
	const struct stack *s;
	uint64_t failed = 0;
	struct tern_gauges g;

	if (run->stand_in)
		run->stand_in(0);
	for (s = run->stacks; s < run->stacks + run->n; s++)
		report_counters(s);
	for (s = run->stacks; s < run->stacks + run->n; s++) {
		failed += s->role->report(s);
		failed += s->failed;
		report_longest(s);
		tern_gauges_get(s->tern, -1, &g, sizeof(g));
		if (g.conns)
			complain("%u connections did not close within %u ms: their peers did not", g.conns,
				 options.drain_ms);
		failed += g.conns;
	}
	failed += run->report ? run->report(run->stacks, stopped_s) : 0;
	return failed + record_end(seconds(), failed);
}

void
run_catch_signals(void)
{
	struct sigaction sa = {.sa_handler = on_signal, .sa_flags = SA_RESTART};

	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
}

uint64_t
run_stacks(const struct run *r)
{
	pthread_t thread;
	uint64_t failed;
	unsigned int i;
	bool began;
	int rc;

	run = r;
	rc = set_up();
	if (!rc) {
		run_catch_signals();
		rc = capture_open(r);
		rc = rc ? rc : ctl_open(r);
		rc = rc ? rc : metrics_open(r->stacks);
	}
	if (!rc) {
		rc = rte_ctrl_thread_create(&thread, "tern-ctl", NULL, control, NULL);
		if (rc)
			complain("control thread: %s", strerror(-rc));
	}
	began = !rc;
	if (began) {
		lend_ports(r, true);
		rc = run_workers();
		pthread_join(thread, NULL);
		lend_ports(r, false);
	}
	metrics_close();
	ctl_close();
	failed = capture_close();
	if (began)
		failed += final_report() + (rc != 0);
	else
		failed = 1;
	for (i = 0; i < r->n; i++) {
		tern_destroy(r->stacks[i].tern);
		role_free(&r->stacks[i]);
	}
	return failed;
}

static uint64_t
report(const struct stack *s, double seconds)
{
	report_cost(s);
	report_pools(s, 1, 0, 0);
	return 0; /* a device may still hold buffers it has sent */
}

uint64_t
run_role(const struct role *role)
{
	static struct stack s;
	const struct run one = {.stacks = &s, .n = 1, .report = report};

	s = (struct stack){.o = &options, .role = role};
	return pick_lcores(&s) ? 1 : run_stacks(&one);
}

int
run_try(const struct role *role, unsigned int *mib)
{
	static struct stack s;
	int rc;

	s = (struct stack){.o = &options, .role = role};
	rc = pick_lcores(&s) ? -EINVAL : make_stack(&s);
	*mib = report_resident_mib();
	if (s.tern)
		tern_destroy(s.tern);
	role_free(&s);
	return rc;
}
