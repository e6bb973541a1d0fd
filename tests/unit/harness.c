/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The test bed. One clock, one wire (harness_wire.c), one or two workers; with one worker the other end is the
 * scripted peer (harness_peer.c). Headers, options and checksums are built and parsed (harness_frames.c) independently
 * of the library.
 *
 * bed_down() is itself a test: everything is given up, time passes beyond every limit, then each pool must be full,
 * the table empty and the wheel free of all but neighbour timers.
 */
#include <stdarg.h>
#include <rte_eal.h>
#include <rte_mempool.h>
#include "harness_own.h"
#include "harness_frames.h"
#include "suite.h"
#include "stack/check.h"
#include "../random.h"

#define N_MBUFS 4096
#define N_WIRE 8192	/* frames on the wire */

struct bed bed;
uint64_t harness_seed;

static struct rte_mempool *pools[2];
static uint64_t rng, secret_state;

uint64_t
harness_rand(void)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return rng;
}

/* --- checks ------------------------------------------------------------------------------------------------- */

bool
check_at(bool ok, const char *file, int line, const char *fmt, ...)
{
	char text[640];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (!ok && tracing)
		printf("  FAIL %s:%d %s\n", file, line, text);
	CU_assertImplementation(ok, line, text, file, "", CU_FALSE);
	return ok;
}

/* --- bed ---------------------------------------------------------------------------------------------------- */

void
bed_reset(uint8_t af)
{
	memset(&bed, 0, sizeof(bed));
	bed.af = af;
	/* The millisecond clock of timestamps wraps 3 s into the IPv6 runs. */
	bed.now_us = af == 4 ? 1000000 : (UINT32_MAX - 3000ull) * 1000;
	bed.tx_multi_seg = true;
	bed.tx_tso = getenv("TERN_TSO") != NULL;
	bed.drain_us = 400 * SEC;
	tern_conf_init(&bed.conf, sizeof(bed.conf));
	bed.conf.max_conns = 128;
	bed.conf.max_requests = 128;
	bed.conf.max_timewait = 128;
	bed.conf.max_portsets = 16;
	bed.conf.max_listeners = 4;
	bed.conf.max_neighbours = 16;
	bed.conf.n_mbufs = N_MBUFS;
	bed.conf.n_ifs = 1;
	bed.conf.tcp.snd_buf_max = bed.conf.tcp.rcv_buf_max = 1; /* buffers stay what a test makes them */
	bed.conf.tcp.quickack = false; /* so a test sees delayed ACKs from the first segment */
	wires_free();
	rx_flush();
	peer_new(40000);
}

static void
node_start(unsigned int i)
{
	struct node *n = &bed.n[i];
	struct tern_conf conf = bed.conf;
	struct tern_if_conf *ic = &conf.ifs[0];
	struct rte_ether_addr mac;

	memcpy(&mac, macs[i], 6);
	memcpy(ic->addr4, net4, 4);
	ic->addr4[3] = i + 1;
	ic->prefix4 = 24;
	local6(ic->addr6, i + 1);
	ic->prefix6 = 64;
	n->mp = pools[i];
	n->mbufs = rte_mempool_avail_count(n->mp);
	CU_ASSERT_FATAL(conf_settle(&conf) == 0);
	CU_ASSERT_FATAL(worker_create(&n->w, &conf, i, 0, n->mp, bed.now_us) == 0);
	CU_ASSERT_FATAL(link_iface_init(&n->w->ifs[0], 0, ic, &mac, 1500) == 0);
	n->w->n_ifs = 1;
	n->w->ifs[0].tx_multi_seg = bed.tx_multi_seg;
	n->w->ifs[0].tx_tcp_cksum = n->w->ifs[0].tx_tso = bed.tx_tso && bed.tx_multi_seg;
}

void
bed_start(void)
{
	if (bed.started)
		return;
	bed.started = true;
	node_start(0);
}

void
bed_start_pair(void)
{
	bed_start();
	bed.pair = true;
	node_start(1);
}

void
bed_restart(unsigned int i)
{
	struct node *n = &bed.n[i];

	worker_destroy(n->w);
	CHECK_EQ(rte_mempool_avail_count(n->mp), n->mbufs);
	memset(n->s, 0, sizeof(n->s));
	memset(n->l, 0, sizeof(n->l));
	n->n_socks = 0;
	node_start(i);
}

static void
give_up(struct node *n)
{
	for (unsigned int i = 0; i < RTE_DIM(n->s); i++) {
		n->s[i].auto_read = n->s[i].auto_close = false;
		n->s[i].to_send = 0;
		if (n->s[i].c)
			tern_abort(sock_take(&n->s[i]));
	}
	for (unsigned int i = 0; i < RTE_DIM(n->l); i++)
		if (n->l[i])
			tern_listener_close(n->l[i]);
	memset(n->l, 0, sizeof(n->l));
}

static void
check_empty(struct node *n)
{
	struct tern_worker *w = n->w;

	CHECK_EQ(w->conns.avail, w->conns.total);
	CHECK_EQ(w->rares.avail, w->rares.total);
	CHECK_EQ(w->losses.avail, w->losses.total);
	CHECK_EQ(w->runs.avail, w->runs.total);
	CHECK_EQ(w->rxruns.avail, w->rxruns.total);
	CHECK_EQ(w->requests.avail, w->requests.total);
	CHECK_EQ(w->timewaits[0].avail, w->timewaits[0].total);
	CHECK_EQ(w->timewaits[1].avail, w->timewaits[1].total);
	CHECK_EQ(w->ports.pool.avail, w->ports.pool.total);
	CHECK_EQ(w->buf_granted, 0);
	CHECK_EQ(w->mem.own + w->mem.foreign, 0);
	for (uint32_t i = 0; i < w->mem.n_accounts; i++)
		CHECK_EQ(w->mem.accounts[i].held + w->mem.accounts[i].users, 0);
	CHECK(TAILQ_EMPTY(&w->mem.holes) && TAILQ_EMPTY(&w->mem.starved));
	CHECK_EQ(w->mem.orphans, 0);
	CHECK_EQ(w->fastopen.pending, 0);
	CHECK_EQ(w->table.count, 0);
	CHECK_EQ(w->listeners.accept_queued, 0);
	CHECK_EQ(w->listeners.half_open, 0);
	CHECK_EQ(w->listeners.reserved_requests, 0);
	CHECK_EQ(w->listeners.n, 0);
	CHECK(w->wheel.armed <= w->neighs.n);
	CHECK(worker_idle(w, true));
	CHECK(rte_mempool_full(w->mbufs.small));
	CHECK_EQ(rte_mempool_avail_count(n->mp), n->mbufs);
}

void
bed_down(void)
{
	const unsigned int n = bed.pair ? 2 : 1;

	if (!bed.started)
		return;
	for (unsigned int i = 0; i < n; i++)
		if (bed.n[i].w)
			give_up(&bed.n[i]);
	for (unsigned int i = 0; i < 100 && bed.n[0].w; i++) {
		advance_us(bed.drain_us / 100);
		rx_flush();
	}
	for (unsigned int i = 0; i < n; i++) {
		if (!bed.n[i].w)
			continue;
		check_empty(&bed.n[i]);
		for (unsigned int k = 0; k < bed.n[i].n_socks; k++) /* each is told once how its connection ended */
			CHECK(bed.n[i].s[k].ended >= bed.n[i].s[k].gave_up &&
			      bed.n[i].s[k].closed + bed.n[i].s[k].ended <= 1);
		worker_destroy(bed.n[i].w);
		CHECK_EQ(rte_mempool_avail_count(bed.n[i].mp), bed.n[i].mbufs);
	}
	wires_free();
	CHECK_EQ(rte_mempool_avail_count(wire_mp), N_WIRE);
	bed.started = false;
}

static void
setup4(void)
{
	bed_reset(4);
}

static void
setup6(void)
{
	bed_reset(6);
}

static void
seed_init(void)
{
	const char *e = getenv("TERN_SEED");

	harness_seed = e ? strtoull(e, NULL, 0) : (uint64_t)time(NULL) * 2654435761u;
	rng = harness_seed ? harness_seed : 1;
	secret_state = harness_seed;
	if (secrets_from(&secret_state) < 0)
		exit(1);
	printf("TERN_SEED=%llu\n", (unsigned long long)harness_seed);
}

static struct rte_mempool *
pool_make(const char *name, unsigned int n)
{
	struct rte_mempool *mp = rte_pktmbuf_pool_create(name, n, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);

	if (!mp) {
		fprintf(stderr, "no memory for the mbuf pool\n");
		exit(1);
	}
	return mp;
}

int
harness_main(int argc, char **argv, const char *name, CU_TestInfo *tests)
{
	char *eal[] = {(char *)(uintptr_t)name, "--no-huge", "--no-pci", "--no-shconf", "-m", "256", "--no-telemetry",
		       "-l", "0", "--log-level=error", NULL};
	char suite[2][64];
	unsigned int n_inv;
	uint64_t checks;
	int rc;

	if (rte_eal_init(RTE_DIM(eal) - 1, eal) < 0)
		return 1;
	setvbuf(stdout, NULL, _IOLBF, 0);
	tracing = getenv("TERN_TRACE") != NULL;
	seed_init();
	pools[0] = pool_make("mbufs0", N_MBUFS);
	pools[1] = pool_make("mbufs1", N_MBUFS);
	wire_mp = pool_make("wire", N_WIRE);
	if (CU_initialize_registry() != CUE_SUCCESS)
		return 1;
	for (unsigned int i = 0; i < 2; i++) {
		CU_pSuite s;

		snprintf(suite[i], sizeof(suite[i]), "%s/IPv%u", name, i ? 6 : 4);
		s = CU_add_suite_with_setup_and_teardown(suite[i], NULL, NULL, i ? setup6 : setup4, bed_down);
		for (const CU_TestInfo *t = tests; t->pName; t++)
			if (argc < 2 || strstr(t->pName, argv[1]))
				CU_add_test(s, t->pName, t->pTestFunc);
	}
	rc = registry_run();
	n_inv = check_count(&checks);
	printf("invariants: %u, checked %llu times\n", n_inv, (unsigned long long)checks);
	return rc;
}
