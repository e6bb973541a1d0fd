/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The program. Options are read and checked before EAL starts, so that a typo costs no hugepages. Then: the role's
 * files, the stack, one worker per lcore (the main lcore is worker 0) and a control thread that alone prints, watches the
 * clock and signals, and ends the run in this order: a client opens nothing new and finishes what it has; drain; leave.
 * A second signal leaves at once. Exit code: 0 when nothing failed and everything was closed, else 1.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_version.h>
#include "bench.h"
#include "eal.h"
#include "report.h"
#include "role.h"
#include "wire.h"

#define TICK_MS 20u
#define READY_MS 1u /* the start is measured in milliseconds */
#define FIRST_S 0.9 /* a line of numbers is due each second */

struct job {
	struct stack *s;
	unsigned int worker;
};

static struct job jobs[2 * TERN_WORKER_MAX];
static unsigned int n_jobs;
static struct options options, bench_options[2];
static struct stack stacks[2];
static unsigned int n_stacks = 1;
static volatile sig_atomic_t signals;

static struct {
	uint64_t main_tsc, start_tsc; /* when the program and when the load began */
	double stopped_s;             /* when the run was over and closing began */
} run;

static void
on_signal(int sig)
{
	signals++;
}

static double
seconds(void)
{
	return (double)(rte_get_tsc_cycles() - run.start_tsc) / rte_get_tsc_hz();
}

/* --- workers ------------------------------------------------------------------------------------------------- */

static int
app_start(struct tern_worker *w, void *arg)
{
	struct stack *s = arg;
	const int rc = s->role->start(s, w);

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

	s->role->poll(s, w, now_us);
}

static void
app_drain(struct tern_worker *w, void *arg)
{
	struct stack *s = arg;

	s->role->drain(s, w);
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

	for (i = 0; i < n_stacks; i++)
		for (k = 0; k < stacks[i].n_workers; k++)
			jobs[n_jobs++] = (struct job){&stacks[i], k};
	if (options.one_lcore)
		rc = rte_eal_mp_remote_launch(take_turns, NULL, CALL_MAIN);
	for (i = 0; !options.one_lcore && i < n_jobs; i++) {
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
	return __atomic_load_n(&stacks[0].failed, __ATOMIC_RELAXED) ||
	       __atomic_load_n(&stacks[1].failed, __ATOMIC_RELAXED);
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

static uint32_t
timewaits(void)
{
	struct tern_gauges g;
	uint32_t n = 0;
	unsigned int i;

	for (i = 0; i < n_stacks; i++) {
		tern_gauges_get(stacks[i].tern, -1, &g, sizeof(g));
		n += g.timewaits;
	}
	return n;
}

/* Sleep a tick, print what is due. */
static void
tick(void)
{
	static struct interval last[2];
	static double printed_s;
	const double now_s = seconds();
	unsigned int i;

	if (options.stats_s && now_s - printed_s >= options.stats_s) {
		printed_s = now_s;
		for (i = 0; i < n_stacks; i++)
			report_line(&stacks[i], &last[i], now_s);
	}
	usleep(TICK_MS * 1000);
}

static bool
give_up(unsigned int signals_seen)
{
	return (unsigned int)signals > signals_seen || any_failed();
}

/* The run is over: a client finishes what it has; TIME-WAITs that end soon are waited for. */
static void
settle(struct stack *client, unsigned int signals_seen)
{
	const double deadline_s = seconds() + options.drain_ms / 1e3;
	const uint32_t wait_ms = options.conf.tcp.time_wait_ms;

	__atomic_store_n(&client->stopping, true, __ATOMIC_RELAXED);
	while (client->role->finite && !finished(client) && seconds() < deadline_s && !give_up(signals_seen))
		tick();
	if (client->role->finite && wait_ms < options.drain_ms)
		while (timewaits() && seconds() < deadline_s && !give_up(signals_seen))
			tick();
}

static bool
ready(void)
{
	unsigned int i;

	for (i = 0; i < n_stacks; i++)
		if (__atomic_load_n(&stacks[i].ready, __ATOMIC_ACQUIRE) < stacks[i].n_workers)
			return false;
	return true;
}

/* Every worker runs and what is to be parked is: the clock starts. */
static void
await_ready(void)
{
	while (!ready() && !signals && !any_failed() && running(&stacks[0]))
		usleep(READY_MS * 1000);
	run.start_tsc = rte_get_tsc_cycles();
	if (n_stacks == 2)
		bench_mark(stacks, false);
	printf("ready: %.3f s after the start, %lu MiB resident\n",
	       (double)(run.start_tsc - run.main_tsc) / rte_get_tsc_hz(), report_resident_mib());
}

static bool
busy(const struct stack *s)
{
	return !signals && !any_failed() && !finished(s) && running(s);
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
		       (double)(rte_get_tsc_cycles() - run.main_tsc) / rte_get_tsc_hz());
}

static void *
control(void *arg)
{
	struct stack *last = &stacks[n_stacks - 1];
	unsigned int i;

	await_ready();
	await_first(last);
	while (busy(last) && (!options.duration_s || seconds() < options.duration_s))
		tick();
	run.stopped_s = seconds();
	if (n_stacks == 2)
		bench_mark(stacks, true);
	if (!signals && !any_failed())
		settle(last, signals);
	for (i = n_stacks; i-- > 0;) { /* the client first: its FINs want an answer */
		const unsigned int seen = signals;

		tern_drain(stacks[i].tern, options.drain_ms);
		while (running(&stacks[i]) && !any_failed() && !((unsigned int)signals > seen && signals > 1)) {
			if (i + 1 < n_stacks)
				bench_client_gone();
			tick();
		}
	}
	for (i = 0; i < n_stacks; i++)
		tern_stop(stacks[i].tern);
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
	conf.app.trace = s->o->trace ? app_trace : NULL;
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

static int
set_up(void)
{
	unsigned int i;
	int rc;

	if (roles[options.role] == &role_bench) {
		n_stacks = 2;
		rc = bench_setup(stacks, bench_options, &options);
	} else {
		stacks[0].o = &options;
		stacks[0].role = roles[options.role];
		rc = pick_lcores(&stacks[0]);
	}
	for (i = 0; !rc && i < n_stacks; i++)
		rc = make_stack(&stacks[i]);
	/* Locking populates. Only now, when the pools have asked for huge pages: with MCL_FUTURE they would get small ones. */
	if (!rc && options.prefault && mlockall(MCL_CURRENT))
		complain("--prefault: mlockall: %s: pages will be touched as they are needed", strerror(errno));
	return rc;
}

/* @return what failed. */
static uint64_t
final_report(void)
{
	const bool bench = n_stacks == 2;
	uint64_t failed = 0;
	unsigned int i, left = bench ? bench_empty() : 0, off;
	struct tern_gauges g;

	for (i = 0; i < n_stacks; i++)
		report_counters(&stacks[i]);
	for (i = 0; i < n_stacks; i++) {
		failed += stacks[i].role->report(&stacks[i]);
		failed += stacks[i].failed;
		tern_gauges_get(stacks[i].tern, -1, &g, sizeof(g));
		if (g.conns)
			complain("%u connections did not close within %u ms: their peers did not", g.conns,
				 options.drain_ms);
		failed += g.conns;
	}
	if (bench)
		bench_report(stacks, run.stopped_s);
	else
		report_cost(&stacks[0]);
	off = report_pools(stacks, n_stacks, left, bench ? flood_missing() : 0);
	return failed + (bench ? off : 0); /* a device may still hold buffers it has sent */
}

static void
catch_signals(void)
{
	struct sigaction sa = {.sa_handler = on_signal, .sa_flags = SA_RESTART};

	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
}

static uint64_t
wire(void)
{
	catch_signals();
	return wire_run(&options, &signals);
}

static uint64_t
go(void)
{
	pthread_t thread;
	uint64_t failed = 1;
	unsigned int i;
	int rc = set_up();

	if (!rc) {
		catch_signals();
		rc = rte_ctrl_thread_create(&thread, "tern-ctl", NULL, control, NULL);
		if (rc)
			complain("control thread: %s", strerror(-rc));
	}
	if (!rc) {
		rc = run_workers();
		pthread_join(thread, NULL);
		failed = final_report() + (rc != 0);
	}
	for (i = 0; i < n_stacks; i++) {
		tern_destroy(stacks[i].tern);
		role_free(&stacks[i]);
	}
	return failed;
}

/* --- arguments ----------------------------------------------------------------------------------------------- */

/* Take "--config FILE" or "--config=FILE" out of argv. @return -EINVAL after a line. */
static int
take_config(int *argc, char **argv, const char **file)
{
	int i, n;

	for (i = 1; i < *argc; i++) {
		if (strncmp(argv[i], "--config", 8) || (argv[i][8] && argv[i][8] != '='))
			continue;
		n = argv[i][8] ? 1 : 2;
		if (*file)
			return complain("--config is there twice");
		if (i + n > *argc)
			return complain("--config: needs a value, FILE");
		*file = n == 1 ? argv[i] + 9 : argv[i + 1];
		memmove(&argv[i], &argv[i + n], (*argc - i - n + 1) * sizeof(*argv));
		*argc -= n;
		i--;
	}
	return 0;
}

int
main(int argc, char **argv)
{
	const char *file = NULL;
	int i, split;
	bool ok;

	run.main_tsc = rte_rdtsc();
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
			ok = options_init(&options) == 0;
			options_help();
			return ok ? 0 : 1;
		}
		if (strcmp(argv[i], "--version") == 0) {
			printf("tern " TERN_VERSION ", %s\n", rte_version());
			return 0;
		}
	}
	if (options_init(&options) || take_config(&argc, argv, &file))
		return 1;
	for (split = 1; split < argc && strcmp(argv[split], "--"); split++) {
		if (options_known(argv[split]))
			return complain("%s is not an EAL option: it goes after '--'", argv[split]) ? 1 : 0;
	}
	if (file && options_file(&options, file))
		return 1;
	if (split < argc && options_argv(&options, argc - split, argv + split))
		return 1;
	if (options_check(&options) || eal_start(options.eal_args, split, argv))
		return 1;
	ok = (roles[options.role] == &role_wire ? wire() : go()) == 0;
	rte_eal_cleanup();
	return ok ? 0 : 1;
}
