/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Workers share nothing that is written. Two stacks of two workers each, joined by a cable of two queues, run a load
 * of connections; one thread plays all four workers in random turns (TERN_SEED). While one of them polls, all memory
 * of the others is write-protected, and what cannot be protected by the page (the library's own variables, struct
 * tern, engines, mempools' caches and rings of the other lcore) is compared with a copy: every byte that changed is a
 * cache line that two workers would fight for. Then the ranges: no two workers' objects may lie in one line.
 *
 * Linked with libtern.so, whose writable segment holds exactly the library's variables.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_lcore.h>
#include <rte_mempool.h>
#include "stack/engine.h"
#include "net/frag.h"
#include "seeded.h"

#define TURNS 4000u
#define OPEN_MAX 32u
#define RANGES_MAX 128u
#define LINE 64u
#define MSG 64

enum { SERVER, CLIENT };

/* Memory that worker `stack`, `index` alone may write; index -1: nobody on the packet path. */
struct range {
	const char *what;
	char *base;
	size_t len;
	int stack, index;
	bool pages; /* a mapping of its own */
	char *copy;
};

static struct range ranges[RANGES_MAX];
static unsigned int n_ranges;
static struct tern *st[2];
static uint64_t done[2][2];
static unsigned int opened[2];

/* --- the load: 64 bytes each way, the client closes ------------------------------------------------------------- */

static void
server_readable(struct tern_conn *c, void *user)
{
	char buf[MSG];

	if (tern_recv(c, buf, sizeof(buf)) == MSG)
		tern_send(c, buf, sizeof(buf), 0);
	if (tern_recv_eof(c)) {
		done[SERVER][tern_worker_index(tern_conn_worker(c))]++;
		tern_close(c);
	}
}

static void
acceptable(struct tern_listener *l, void *user)
{
	static const struct tern_ops ops = {.readable = server_readable};
	struct tern_conn *c;

	while (tern_accept(l, &ops, NULL, &c, 1))
		;
}

static int
server_start(struct tern_worker *w, void *arg)
{
	static const struct tern_listener_ops ops = {.acceptable = acceptable};
	const struct tern_endpoint at = {.af = TERN_AF_INET, .port = htons(80)};
	struct tern_listener *l;

	return tern_listen(w, &at, 64, &ops, NULL, &l);
}

static void
connected(struct tern_conn *c, void *user)
{
	static const char request[MSG];

	tern_send(c, request, sizeof(request), 0);
}

static void
client_readable(struct tern_conn *c, void *user)
{
	const unsigned int i = tern_worker_index(tern_conn_worker(c));
	char buf[MSG];

	if (tern_recv(c, buf, sizeof(buf)) != MSG)
		return;
	tern_close(c);
	done[CLIENT][i]++;
	opened[i]--;
}

static void
client_closed(struct tern_conn *c, void *user, int err)
{
	CU_FAIL("a connection failed");
	opened[tern_worker_index(tern_conn_worker(c))]--;
}

static void
client_poll(struct tern_worker *w, uint64_t now_us, void *arg)
{
	static const struct tern_ops ops = {
		.connected = connected, .readable = client_readable, .closed = client_closed};
	const struct tern_endpoint to = {.af = TERN_AF_INET, .port = htons(80), .addr = {198, 51, 100, 254}};
	const unsigned int i = tern_worker_index(w);
	struct tern_conn *c;

	while (opened[i] < OPEN_MAX && tern_connect(w, NULL, &to, &ops, NULL, &c) == 0)
		opened[i]++;
}

/* --- ranges ----------------------------------------------------------------------------------------------------- */

static void
watch(const char *what, const void *base, size_t len, int stack, int index, bool pages)
{
	if (!base || !len)
		return;
	if (n_ranges == RANGES_MAX)
		abort();
	ranges[n_ranges++] =
		(struct range){what, (char *)(uintptr_t)base, len, stack, index, pages, pages ? NULL : malloc(len)};
}

static void
watch_worker(int s, int i)
{
	const struct engine *e = st[s]->engines[i];
	const struct tern_worker *w = e->w;
	struct rte_mempool *mp = w->mbufs.pool;

	watch("engine", e, sizeof(*e), s, i, false);
	watch("worker", w, sizeof(*w), s, i, true);
	watch("connections", w->conns.base, w->conns.bytes, s, i, true);
	watch("requests", w->requests.base, w->requests.bytes, s, i, true);
	watch("TIME-WAITs", w->timewaits[0].base, w->timewaits[0].bytes, s, i, true);
	watch("TIME-WAITs of IPv6", w->timewaits[1].base, w->timewaits[1].bytes, s, i, true);
	watch("port sets", w->ports.pool.base, w->ports.pool.bytes, s, i, true);
	watch("table", w->table.buckets, w->table.bytes, s, i, true);
	watch("neighbours", w->neighs.at, (w->neighs.max + 1) * sizeof(*w->neighs.at), s, i, true);
	watch("neighbours' hash", w->neighs.hash, (w->neighs.mask + 1) * sizeof(*w->neighs.hash), s, i, true);
	/* packet buffers go to the other end of the queue, which gives them back: i of both stacks may write these */
	watch("mempool's cache", &mp->local_cache[i], sizeof(mp->local_cache[i]), -1, i, false);
	watch("mempool's ring", mp->pool_data, rte_ring_get_memsize(mp->size), -1, i, false);
}

#ifndef __SANITIZE_ADDRESS__
/* The library's writable mappings, with the anonymous one that follows for what starts as zero. @return how many. */
static unsigned int
watch_library(void)
{
	FILE *f = fopen("/proc/self/maps", "r");
	unsigned long from, to, end = 0;
	char line[512], mode[8];
	unsigned int n = 0;
	bool named;

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx %7s", &from, &to, mode) != 3)
			continue;
		named = strstr(line, "libtern.so") != NULL;
		if (mode[1] != 'w' || (!named && (from != end || strchr(line, '/'))))
			continue;
		watch("variables of the library", (void *)from, to - from, -1, -1, false);
		end = to;
		n++;
	}
	if (f)
		fclose(f);
	return n;
}
#endif

static bool
owns(const struct range *r, int s, int i)
{
	return r->index == i && (r->stack == s || r->stack == -1);
}

static void
protect(int s, int i, int prot)
{
	const size_t page = sysconf(_SC_PAGESIZE);
	unsigned int k;

	for (k = 0; k < n_ranges; k++)
		if (ranges[k].pages && !owns(&ranges[k], s, i))
			CU_ASSERT_EQUAL_FATAL(mprotect(ranges[k].base, (ranges[k].len + page - 1) & ~(page - 1), prot),
					      0);
}

/* Changed bytes of what worker i of stack s does not own. */
static unsigned int
changed(int s, int i)
{
	unsigned int k, n = 0;
	size_t at;

	for (k = 0; k < n_ranges; k++) {
		const struct range *r = &ranges[k];

		if (r->pages || owns(r, s, i) || memcmp(r->base, r->copy, r->len) == 0)
			continue;
		for (at = 0; r->base[at] == r->copy[at]; at++)
			;
		printf("worker %d of stack %d wrote %s at byte %zu\n", i, s, r->what, at);
		n++;
	}
	return n;
}

static void
copy_all(void)
{
	unsigned int k;

	for (k = 0; k < n_ranges; k++)
		if (!ranges[k].pages)
			memcpy(ranges[k].copy, ranges[k].base, ranges[k].len);
}

static int
turn(int s, int i)
{
	RTE_PER_LCORE(_lcore_id) = i;
	return tern_worker_step(st[s], i, 2);
}

/* net_ring's own: the ring and two counters. */
static void
watch_queues(int s, int i, uint16_t port)
{
	const struct rte_eth_fp_ops *p = &rte_eth_fp_ops[port];
	const uint16_t q = st[s]->engines[i]->w->ifs[0].queue;

	watch("the driver's rx queue", p->rxq.data[q], 3 * sizeof(uint64_t), s, i, false);
	watch("the driver's tx queue", p->txq.data[q], 3 * sizeof(uint64_t), s, i, false);
}

/* --- the tests -------------------------------------------------------------------------------------------------- */

static int
set_up(void)
{
	static const unsigned int lcores[2] = {0, 1};
	struct tern_conf conf;
	uint16_t ports[2];
	int s, i;

	tern_conf_init(&conf, sizeof(conf));
	conf.lcores = lcores;
	conf.n_workers = 2;
	conf.n_ifs = 1;
	conf.max_conns = 256;
	conf.max_requests = 256;
	conf.max_timewait = 60000;
	conf.max_portsets = 64;
	conf.max_neighbours = 64;
	conf.n_mbufs = 4096;
	if (tern_ring_pair("shared", 2, 1024, ports))
		return -1;
	for (s = 0; s < 2; s++) {
		conf.name = s == SERVER ? "sh_s" : "sh_c";
		conf.ifs[0] = (struct tern_if_conf){.port_id = ports[s], .prefix4 = 24, .paired = true};
		memcpy(conf.ifs[0].addr4, s == SERVER ? "\xc6\x33\x64\xfe" : "\xc6\x33\x64\x01", 4);
		conf.app = (struct tern_app){.start = s == SERVER ? server_start : NULL,
					     .poll = s == CLIENT ? client_poll : NULL};
		if (tern_create(&conf, &st[s]))
			return -1;
		watch("struct tern", st[s], sizeof(*st[s]), s, -1, false);
		for (i = 0; i < 2; i++) {
			watch_worker(s, i);
			watch_queues(s, i, ports[s]);
		}
	}
#ifndef __SANITIZE_ADDRESS__ /* it puts traps between variables: the plain program looks at them */
	if (!watch_library())
		return -1;
#endif
	for (i = 0; i < 2000; i++) /* neighbours are known, every path was taken */
		turn(i & 1, i >> 1 & 1);
	return 0;
}

static int
tear_down(void)
{
	int s;

	for (s = 0; s < 2; s++)
		tern_destroy(st[s]);
	while (n_ranges)
		free(ranges[--n_ranges].copy);
	return 0;
}

static void
test_nothing_shared_is_written(void)
{
	const uint64_t before[2] = {done[CLIENT][0], done[CLIENT][1]};
	unsigned int k, bad = 0;

	for (k = 0; k < TURNS && !bad; k++) {
		const unsigned int r = rnd() >> 60;
		const int s = r & 1, i = r >> 1 & 1;

		if (k % 64 == 0)
			usleep(200); /* timers come due, too */
		copy_all();
		protect(s, i, PROT_READ);
		CU_ASSERT_EQUAL(turn(s, i), 1);
		protect(s, i, PROT_READ | PROT_WRITE);
		bad += changed(s, i);
	}
	CU_ASSERT_EQUAL(bad, 0);
	printf("%lu and %lu connections in %u turns; %u ranges watched; shared lines written: %u\n",
	       done[CLIENT][0] - before[0], done[CLIENT][1] - before[1], k, n_ranges, bad);
	CU_ASSERT_TRUE(done[CLIENT][0] - before[0] > 500);
	CU_ASSERT_TRUE(done[CLIENT][1] - before[1] > 500);
}

/* The check can fail: a worker whose own memory counts as another's does not survive its turn, and a copy notices. */
static void
test_it_would_be_noticed(void)
{
	int status = 0;
	const pid_t pid = fork();

	if (pid == 0) {
		signal(SIGSEGV, SIG_DFL);
		protect(SERVER, 1, PROT_READ);
		turn(SERVER, 0);
		_exit(0);
	}
	CU_ASSERT_FATAL(pid > 0);
	CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
	CU_ASSERT_TRUE(WIFSIGNALED(status) || WEXITSTATUS(status) != 0);
	copy_all();
	turn(CLIENT, 0);
	CU_ASSERT_TRUE(changed(CLIENT, 1) > 0);
	copy_all();
	st[SERVER]->drain_ms++;
	CU_ASSERT_EQUAL(changed(SERVER, 0), 1);
	st[SERVER]->drain_ms--;
}

static bool
same_owner(const struct range *a, const struct range *b)
{
	return a->index == b->index && (a->stack == b->stack || a->stack == -1 || b->stack == -1);
}

static void
test_no_line_has_two_owners(void)
{
	unsigned int i, k, pairs = 0;

	for (i = 0; i < n_ranges; i++) {
		for (k = 0; k < i; k++) {
			const uintptr_t a = (uintptr_t)ranges[i].base / LINE, b = (uintptr_t)ranges[k].base / LINE;
			const uintptr_t a_end = ((uintptr_t)ranges[i].base + ranges[i].len - 1) / LINE;
			const uintptr_t b_end = ((uintptr_t)ranges[k].base + ranges[k].len - 1) / LINE;

			if (same_owner(&ranges[i], &ranges[k]))
				continue;
			pairs++;
			if (a <= b_end && b <= a_end)
				printf("%s and %s share a line\n", ranges[i].what, ranges[k].what);
			CU_ASSERT_FALSE(a <= b_end && b <= a_end);
		}
	}
	CU_ASSERT_TRUE(pairs > 100);
}

int
main(int argc, char **args)
{
	char *argv[] = {"test", "--no-huge", "--no-pci", "--no-shconf",    "-m",
			"256",  "--lcores",  "(0,1)@0",  "--no-telemetry", "--log-level=error"};
	CU_TestInfo tests[] = {{"nothing shared is written", test_nothing_shared_is_written},
			       {"it would be noticed", test_it_would_be_noticed},
			       {"no line has two owners", test_no_line_has_two_owners},
			       CU_TEST_INFO_NULL};
	int rc;

	/* a function's first call through the library's table of addresses is a write, too */
	if (!getenv("LD_BIND_NOW") && setenv("LD_BIND_NOW", "1", 1) == 0)
		execv("/proc/self/exe", args);
	if (rte_eal_init(RTE_DIM(argv), argv) < 0)
		return 1;
	seed_init();
	rc = suite_run_in("shared", set_up, tear_down, tests);
	RTE_PER_LCORE(_lcore_id) = 0;
	rte_eal_cleanup();
	return rc;
}
