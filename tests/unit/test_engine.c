/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What workers of one stack tell each other: the queue that brings a neighbour's answer is not that of the worker who
 * asked. One thread plays all workers in turn, the rings of the port are in the test's hands, and time stands still, so
 * nothing is asked for twice.
 */
#include <rte_bus_vdev.h>
#include <rte_ethdev.h>
#include <rte_eth_ring.h>
#include <rte_lcore.h>
#include "tcp/opt.h"
#include "stack/engine.h"
#include "stack/worker.h"
#include "frames.h"

#define N_MBUFS 1023
#define N_WORKERS 3u
#define SLOTS 64

static struct tern *t;
static struct rte_mempool *pool; /* the stack's; NULL: frames_pool */
static struct rte_ring *rx[N_WORKERS], *tx[N_WORKERS]; /* as the workers see them */
static struct tern_conn *conns[N_WORKERS];
static unsigned int failed;

static struct tern_worker *
worker(unsigned int i)
{
	return t->engines[i]->w;
}

/* Enough for a frame to come in and for what it causes to go out. */
static void
turn(unsigned int i)
{
	RTE_PER_LCORE(_lcore_id) = i;
	CU_ASSERT_EQUAL(tern_worker_step(t, i, 2), 1);
}

static void
turn_all(void)
{
	unsigned int i;

	for (i = 0; i < 2 * N_WORKERS; i++) /* twice: what one gives to an earlier one arrives, too */
		turn(i % N_WORKERS);
}

static struct rte_ring *
make_ring(const char *kind, unsigned int i)
{
	char name[RTE_RING_NAMESIZE];

	snprintf(name, sizeof(name), "test_%s%u", kind, i);
	return rte_ring_create(name, SLOTS, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
}

static void
up(void)
{
	static const unsigned int lcores[N_WORKERS] = {0, 1, 2};
	struct tern_conf conf;
	unsigned int i;
	int port;

	tern_conf_init(&conf, sizeof(conf));
	conf.name = "engine";
	conf.lcores = lcores;
	conf.n_workers = N_WORKERS;
	conf.n_ifs = 1;
	conf.ifs[0] = (struct tern_if_conf){.prefix4 = 24, .prefix6 = 64};
	conf.max_conns = 16;
	conf.max_requests = 16;
	conf.max_timewait = 16;
	conf.max_portsets = 16;
	conf.max_neighbours = 4;
	conf.n_mbufs = N_MBUFS;
	conf.mbuf_pool = pool ? pool : frames_pool;
	for (i = 0; i < N_WORKERS; i++) {
		rx[i] = make_ring("rx", i);
		tx[i] = make_ring("tx", i);
		CU_ASSERT_FATAL(rx[i] && tx[i]);
	}
	port = rte_eth_from_rings("test", rx, N_WORKERS, tx, N_WORKERS, rte_socket_id());
	CU_ASSERT_FATAL(port >= 0);
	conf.ifs[0].port_id = port;
	memcpy(conf.ifs[0].addr4, our4, 4);
	memcpy(conf.ifs[0].addr6, our6, 16);
	CU_ASSERT_EQUAL_FATAL(tern_create(&conf, &t), 0);
	t->us_per_tsc = 0;
	turn_all();
}

static void
client_closed(struct tern_conn *c, void *user, int err)
{
	failed++;
}

/* Worker i has something for the peer. */
static void
connect_peer(unsigned int i, uint8_t af)
{
	static const struct tern_ops ops = {.closed = client_closed};
	struct tern_endpoint to = {.af = af, .port = RTE_BE16(80)};

	memcpy(to.addr, af == 4 ? peer4 : peer6, af == 4 ? 4 : 16);
	RTE_PER_LCORE(_lcore_id) = i;
	CU_ASSERT_EQUAL(tern_connect(worker(i), NULL, &to, &ops, NULL, &conns[i]), 0);
}

/* All that was sent was looked at, connections end without a word, and nothing is left of them. */
static void
down(void)
{
	unsigned int i;

	for (i = 0; i < N_WORKERS; i++) {
		RTE_PER_LCORE(_lcore_id) = i;
		if (conns[i])
			tern_abort(conns[i]);
		conns[i] = NULL;
	}
	turn_all();
	for (i = 0; i < N_WORKERS; i++) {
		CU_ASSERT_TRUE(worker_idle(worker(i), true));
		CU_ASSERT_EQUAL(worker(i)->ports.pool.avail, worker(i)->ports.pool.total);
		CU_ASSERT_EQUAL(worker(i)->neighs.queued, 0);
		CU_ASSERT_TRUE(rte_mempool_full(worker(i)->mbufs.small));
		CU_ASSERT_EQUAL(rte_ring_count(rx[i]), 0);
		CU_ASSERT_EQUAL(rte_ring_count(tx[i]), 0);
	}
	CU_ASSERT_EQUAL(failed, 0);
	RTE_PER_LCORE(_lcore_id) = 0;
	tern_destroy(t);
	CU_ASSERT_EQUAL(rte_vdev_uninit("net_ring_test"), 0);
	for (i = 0; i < N_WORKERS; i++) {
		rte_ring_free(rx[i]);
		rte_ring_free(tx[i]);
	}
	ASSERT_POOL_FULL();
}

/* --- frames -------------------------------------------------------------------------------------------------- */

/* The frame arrives at worker i. */
static void
receive(unsigned int i, uint8_t *f, uint32_t len)
{
	if (!(f[0] & 1))
		memcpy(f, &worker(i)->ifs[0].mac, 6);
	CU_ASSERT_EQUAL_FATAL(rte_ring_enqueue(rx[i], to_mbuf(f, len)), 0);
}

/* The only frame that worker i sent; zeros, and a failure, if it sent none or more. */
static const uint8_t *
sent(unsigned int i)
{
	static uint8_t f[FRAME_MAX];
	struct rte_mbuf *m;

	memset(f, 0, sizeof(f));
	CU_ASSERT_EQUAL(rte_ring_count(tx[i]), 1);
	while (rte_ring_dequeue(tx[i], (void **)&m) == 0) {
		memcpy(f, rte_pktmbuf_mtod(m, void *), RTE_MIN(m->data_len, sizeof(f)));
		rte_pktmbuf_free(m);
	}
	return f;
}

/* Does f ask everybody for the peer? */
static bool
is_question(const uint8_t *f, uint8_t af)
{
	if (af == 4)
		return memcmp(f, broadcast, 6) == 0 && get16(f + 12) == 0x0806 && get16(f + L3 + 6) == 1 &&
		       memcmp(f + L3 + 24, peer4, 4) == 0;
	return f[0] == 0x33 && get16(f + 12) == 0x86dd && f[L3 + 6] == IPPROTO_ICMPV6 && f[L4_V6] == 135 &&
	       memcmp(f + L4_V6 + 8, peer6, 16) == 0;
}

/* Is it a SYN to the peer at peer_mac? */
static bool
is_syn(const uint8_t *f, uint8_t af)
{
	const uint16_t l4 = af == 4 ? L4_V4 : L4_V6;

	return memcmp(f, peer_mac, 6) == 0 && get16(f + 12) == (af == 4 ? 0x0800 : 0x86dd) &&
	       f[L3 + (af == 4 ? 9 : 6)] == IPPROTO_TCP && get16(f + l4 + 2) == 80 && f[l4 + 13] == TCP_SYN;
}

/* --- the tests ------------------------------------------------------------------------------------------------ */

/* Has worker i learnt the peer's MAC? */
static bool
knows_peer(unsigned int i)
{
	const struct tern_worker *w = worker(i);
	uint32_t k;

	for (k = 0; k < w->neighs.max; k++)
		if (w->neighs.at[k].state == NEIGH_REACHABLE && memcmp(&w->neighs.at[k].l2.dst_addr, peer_mac, 6) == 0)
			return true;
	return false;
}

/* All workers but one ask for the peer, and that one gets the only answer: the others know the peer and send. */
static void
answer_teaches_others(uint8_t af)
{
	uint8_t f[FRAME_MAX];
	unsigned int i, by;

	for (by = 0; by < N_WORKERS; by++) {
		up();
		for (i = 0; i < N_WORKERS; i++)
			if (i != by)
				connect_peer(i, af);
		turn_all();
		for (i = 0; i < N_WORKERS; i++) {
			if (i != by)
				CU_ASSERT_TRUE(is_question(sent(i), af));
			CU_ASSERT_FALSE(knows_peer(i));
		}
		receive(by, f, af == 4 ? put_arp(f, 2, peer_mac, peer4, our4)
				       : put_nd(f, 136, 0x60, peer6, our6, peer6, peer_mac));
		turn(by); /* first: the others hear of it from this one */
		turn_all();
		for (i = 0; i < N_WORKERS; i++) {
			const uint64_t *stats = worker(i)->stats;

			/* it has not asked: nothing to learn, and nobody gives a copy on */
			CU_ASSERT_EQUAL(knows_peer(i), i != by);
			CU_ASSERT_EQUAL(worker(i)->neighs.n, i != by);
			CU_ASSERT_EQUAL(stats[STAT_HANDOVER_OUT], i == by ? N_WORKERS - 1 : 0);
			CU_ASSERT_EQUAL(stats[STAT_HANDOVER_IN], i != by);
			CU_ASSERT_EQUAL(stats[STAT_RX_PKTS], i == by);
			CU_ASSERT_EQUAL(stats[af == 4 ? STAT_ARP_TX : STAT_ND_TX], i != by);
			if (i != by)
				CU_ASSERT_TRUE(is_syn(sent(i), af));
		}
		down();
	}
}

static void
test_arp_reply(void)
{
	answer_teaches_others(4);
}

static void
test_nd_advert(void)
{
	answer_teaches_others(6);
}

/* A question goes to nobody else: it is answered once. */
static void
test_question(void)
{
	unsigned int af, i, by;
	uint8_t f[FRAME_MAX];

	for (af = 4; af <= 6; af += 2) {
		for (by = 0; by < N_WORKERS; by++) {
			up();
			receive(by, f, af == 4 ? put_arp(f, 1, peer_mac, peer4, our4)
					       : put_nd(f, 135, 0, peer6, our6, our6, peer_mac));
			turn_all();
			for (i = 0; i < N_WORKERS; i++) {
				CU_ASSERT_EQUAL(worker(i)->stats[STAT_HANDOVER_OUT], 0);
				CU_ASSERT_EQUAL(worker(i)->neighs.n, i == by);
			}
			CU_ASSERT_EQUAL(memcmp(sent(by), peer_mac, 6), 0);
			down();
		}
	}
}

static const struct rte_mbuf *looked_at[8];
static unsigned int looks;

/* A device that refuses the first frame it sees, and sees each once. */
static uint16_t
refuse_first(void *queue, struct rte_mbuf **m, uint16_t n)
{
	unsigned int i;

	for (i = 0; i < n && looks < RTE_DIM(looked_at); i++) {
		looked_at[looks] = m[i];
		if (looks++ == 0)
			return i;
	}
	return n;
}

/* Buffers of the application's that do not hold the MTU: no segment is asked for or made that does not fit. */
static void
test_small_buffers(void)
{
	pool = rte_pktmbuf_pool_create("test_small", N_MBUFS, 0, 0, RTE_PKTMBUF_HEADROOM + 1400, SOCKET_ID_ANY);
	CU_ASSERT_PTR_NOT_NULL_FATAL(pool);
	up();
	CU_ASSERT_EQUAL(worker(0)->ifs[0].mtu, 1400 - RTE_ETHER_HDR_LEN);
	CU_ASSERT_EQUAL(tcp_mss_offer(&worker(0)->ifs[0], 4), 1400 - RTE_ETHER_HDR_LEN - 40);
	down();
	CU_ASSERT_TRUE(rte_mempool_full(pool));
	rte_mempool_free(pool);
	pool = NULL;
}

/* With offloads the device is asked first: what it refuses is dropped and counted, what follows goes out. */
static void
test_prepare(void)
{
	uint8_t f[FRAME_MAX];
	const uint16_t len = put_arp(f, 1, peer_mac, peer4, our4); /* a question, which is answered */
	unsigned int i;

	up();
	looks = 0;
	rte_eth_fp_ops[worker(0)->ifs[0].port_id].tx_pkt_prepare = refuse_first;
	worker(0)->ifs[0].tx_tcp_cksum = true;
	for (i = 0; i < 2; i++) {
		receive(0, f, len);
		turn(0);
		CU_ASSERT_EQUAL(looks, i + 1);
		CU_ASSERT_EQUAL(worker(0)->stats[STAT_DROP_TX_PREPARE], 1);
		CU_ASSERT_EQUAL(rte_ring_count(tx[0]), i);
	}
	CU_ASSERT_EQUAL(memcmp(sent(0), peer_mac, 6), 0);
	worker(0)->ifs[0].tx_tcp_cksum = false;
	down();
}

/* A device that takes nothing: what waits stays in its order, is counted, and goes out when there is room again. */
static void
test_tx_waits(void)
{
	uint8_t f[FRAME_MAX];
	const uint16_t len = put_arp(f, 1, peer_mac, peer4, our4);
	struct rte_mbuf *m;
	unsigned int i;

	up();
	while ((m = rte_pktmbuf_alloc(frames_pool)) != NULL && rte_ring_enqueue(tx[0], m) == 0)
		;
	rte_pktmbuf_free(m);
	for (i = 1; i <= 3; i++) {
		receive(0, f, len);
		turn(0);
		CU_ASSERT_EQUAL(worker(0)->ifs[0].n_tx, i);
		CU_ASSERT(worker(0)->stats[STAT_TX_FULL] >= i);
	}
	while (rte_ring_dequeue(tx[0], (void **)&m) == 0)
		rte_pktmbuf_free(m);
	turn(0);
	CU_ASSERT_EQUAL(worker(0)->ifs[0].n_tx, 0);
	CU_ASSERT_EQUAL(worker(0)->stats[STAT_DROP_TX_FULL], 0);
	CU_ASSERT_EQUAL(rte_ring_count(tx[0]), 3);
	while (rte_ring_dequeue(tx[0], (void **)&m) == 0) {
		CU_ASSERT_EQUAL(memcmp(rte_pktmbuf_mtod(m, void *), peer_mac, 6), 0);
		rte_pktmbuf_free(m);
	}
	down();
}

/* A device that must not be asked while there is nothing to refill it with: its frames wait, and are received
 * afterwards. */
static void
test_rx_held(void)
{
	static struct rte_mbuf *taken[N_MBUFS];
	uint8_t f[FRAME_MAX];
	unsigned int n = 0;

	up();
	t->ports[0].rx_hold = true;
	receive(0, f, put_arp(f, 1, peer_mac, peer4, our4));
	while (n < N_MBUFS && (taken[n] = rte_pktmbuf_alloc(frames_pool)) != NULL)
		n++;
	turn(0);
	CU_ASSERT_EQUAL(worker(0)->stats[STAT_RX_HELD], 2); /* polls */
	CU_ASSERT_EQUAL(rte_ring_count(rx[0]), 1);
	rte_pktmbuf_free_bulk(taken, n);
	turn(0);
	CU_ASSERT_EQUAL(worker(0)->stats[STAT_RX_HELD], 2);
	CU_ASSERT_EQUAL(memcmp(sent(0), peer_mac, 6), 0);
	down();
}

static uint64_t
in_use(int w, const char *name, uint64_t *max)
{
	struct tern_pool p;
	unsigned int i;

	for (i = 0; i < tern_pools_count(); i++) {
		tern_pools_get(t, w, i, &p, sizeof(p));
		CU_ASSERT_TRUE(p.used <= p.max);
		if (strcmp(p.name, name) == 0) {
			*max = p.max;
			return p.used;
		}
	}
	CU_FAIL("no pool of that name");
	return 0;
}

/* Every pool can be watched by its name, of one worker and of all; and what the device lost. */
static void
test_watch(void)
{
	const struct {
		const char *name;
		uint64_t max;
	} pools[] = {{"conns", 16},    {"rares", 16},       {"losses", 16},
		     {"requests", 16}, {"time-waits4", 16}, {"time-waits6", 16},
		     {"portsets", 16}, {"neighbours", 4},   {"fragments", frames_pool->size / N_WORKERS / 32}};
	struct tern_port_stats s;
	uint8_t f[FRAME_MAX];
	struct tern_pool p;
	uint64_t max;
	unsigned int i;

	up();
	for (i = 0; i < RTE_DIM(pools); i++) {
		CU_ASSERT_EQUAL(in_use(-1, pools[i].name, &max), 0);
		CU_ASSERT_EQUAL(max, N_WORKERS * pools[i].max);
		CU_ASSERT_EQUAL(in_use(1, pools[i].name, &max), 0);
		CU_ASSERT_EQUAL(max, pools[i].max);
	}
	CU_ASSERT_EQUAL(in_use(0, "mbufs", &max), 0);
	CU_ASSERT_EQUAL(max, N_MBUFS);
	connect_peer(1, 4);
	turn_all();
	CU_ASSERT_EQUAL(in_use(1, "conns", &max), 1);
	CU_ASSERT_EQUAL(in_use(0, "conns", &max), 0);
	CU_ASSERT_EQUAL(in_use(-1, "conns", &max), 1);
	CU_ASSERT_EQUAL(in_use(-1, "portsets", &max), 1);
	CU_ASSERT_EQUAL(in_use(-1, "neighbours", &max), 1);
	CU_ASSERT_EQUAL(in_use(-1, "neighbour-queue", &max), 1); /* the SYN waits for the answer */
	CU_ASSERT_EQUAL(in_use(1, "mbufs", &max), 2);		   /* and the question for whoever looks at the ring */
	tern_pools_get(t, -1, tern_pools_count(), &p, sizeof(p));
	CU_ASSERT_PTR_NULL(p.name);
	CU_ASSERT_EQUAL(tern_port_stats_get(t, 0, &s, sizeof(s)), sizeof(s));
	CU_ASSERT_EQUAL(s.rx_missed + s.rx_errors + s.rx_nombuf + s.tx_errors, 0);
	CU_ASSERT_EQUAL(tern_port_stats_get(t, 1, &s, sizeof(s)), -EINVAL);
	CU_ASSERT_TRUE(is_question(sent(1), 4));
	receive(1, f, put_arp(f, 2, peer_mac, peer4, our4));
	turn_all();
	CU_ASSERT_EQUAL(in_use(-1, "neighbour-queue", &max), 0);
	CU_ASSERT_TRUE(is_syn(sent(1), 4));
	down();
}

int
main(void)
{
	static CU_TestInfo tests[] = {
		{"test_arp_reply", test_arp_reply},
		{"test_nd_advert", test_nd_advert},
		{"test_question", test_question},
		{"test_watch", test_watch},
		{"test_prepare", test_prepare},
		{"test_tx_waits", test_tx_waits},
		{"test_rx_held", test_rx_held},
		{"test_small_buffers", test_small_buffers},
		CU_TEST_INFO_NULL,
	};

	if (frames_init_on("(0-2)@0", N_MBUFS))
		return 1;
	return suite_run("engine", tests);
}
