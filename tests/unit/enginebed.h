/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A stack of three workers for test_engine.c and test_rss.c. One thread plays all of them in turn, the rings of the
 * port are in the test's hands, and time stands still, so nothing is asked for twice.
 */
#ifndef ENGINEBED_H
#define ENGINEBED_H
#include <rte_bus_vdev.h>
#include <rte_cycles.h>
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
static unsigned int failed, n_tx = N_WORKERS; /* tx queues of the device */

static inline struct tern_worker *
worker(unsigned int i)
{
	return t->engines[i]->w;
}

/* Enough for a frame to come in and for what it causes to go out. */
static inline void
turn(unsigned int i)
{
	RTE_PER_LCORE(_lcore_id) = i;
	CU_ASSERT_EQUAL(tern_worker_step(t, i, 2), 1);
}

static inline void
turn_all(void)
{
	unsigned int i;

	for (i = 0; i < 2 * N_WORKERS; i++) /* twice: what one gives to an earlier one arrives, too */
		turn(i % N_WORKERS);
}

static inline struct rte_ring *
make_ring(const char *kind, unsigned int i)
{
	char name[RTE_RING_NAMESIZE];

	snprintf(name, sizeof(name), "test_%s%u", kind, i);
	return rte_ring_create(name, SLOTS, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
}

static inline void
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
	port = rte_eth_from_rings("test", rx, N_WORKERS, tx, n_tx, rte_socket_id());
	CU_ASSERT_FATAL(port >= 0);
	conf.ifs[0].port_id = port;
	memcpy(conf.ifs[0].addr4, our4, 4);
	memcpy(conf.ifs[0].addr6, our6, 16);
	CU_ASSERT_EQUAL_FATAL(tern_create(&conf, &t), 0);
	t->us_per_tsc = 0;
	turn_all();
}

static inline void
client_closed(struct tern_conn *c, void *user, int err)
{
	failed++;
}

/* Worker i has something for the peer. */
static inline void
connect_peer(unsigned int i, uint8_t af)
{
	static const struct tern_ops ops = {.closed = client_closed};
	struct tern_endpoint to = {.af = af, .port = RTE_BE16(80)};

	memcpy(to.addr, af == 4 ? peer4 : peer6, af == 4 ? 4 : 16);
	RTE_PER_LCORE(_lcore_id) = i;
	CU_ASSERT_EQUAL(tern_connect(worker(i), NULL, &to, &ops, NULL, &conns[i]), 0);
}

static inline void
destroy(void)
{
	unsigned int i;

	RTE_PER_LCORE(_lcore_id) = 0;
	tern_destroy(t);
	CU_ASSERT_EQUAL(rte_vdev_uninit("net_ring_test"), 0);
	for (i = 0; i < N_WORKERS; i++) {
		rte_ring_free(rx[i]);
		rte_ring_free(tx[i]);
	}
	ASSERT_POOL_FULL();
}

/* All that was sent was looked at, connections end without a word, and nothing is left of them. */
static inline void
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
	destroy();
}

/* --- frames -------------------------------------------------------------------------------------------------- */

/* The frame arrives at worker i. */
static inline void
receive(unsigned int i, uint8_t *f, uint32_t len)
{
	if (!(f[0] & 1))
		memcpy(f, &worker(i)->ifs[0].mac, 6);
	CU_ASSERT_EQUAL_FATAL(rte_ring_enqueue(rx[i], to_mbuf(f, len)), 0);
}

/* The last frame that worker i sent, or zeros. */
static inline const uint8_t *
last_sent(unsigned int i)
{
	static uint8_t f[FRAME_MAX];
	struct rte_mbuf *m;

	memset(f, 0, sizeof(f));
	while (rte_ring_dequeue(tx[i], (void **)&m) == 0) {
		memcpy(f, rte_pktmbuf_mtod(m, void *), RTE_MIN(m->data_len, sizeof(f)));
		rte_pktmbuf_free(m);
	}
	return f;
}

/* The only one; a failure, if it sent none or more. */
static inline const uint8_t *
sent(unsigned int i)
{
	CU_ASSERT_EQUAL(rte_ring_count(tx[i]), 1);
	return last_sent(i);
}

/* Does f ask everybody for the peer? */
static inline bool
is_question(const uint8_t *f, uint8_t af)
{
	if (af == 4)
		return memcmp(f, broadcast, 6) == 0 && get16(f + 12) == 0x0806 && get16(f + L3 + 6) == 1 &&
		       memcmp(f + L3 + 24, peer4, 4) == 0;
	return f[0] == 0x33 && get16(f + 12) == 0x86dd && f[L3 + 6] == IPPROTO_ICMPV6 && f[L4_V6] == 135 &&
	       memcmp(f + L4_V6 + 8, peer6, 16) == 0;
}

/* Is it a SYN to the peer at peer_mac? */
static inline bool
is_syn(const uint8_t *f, uint8_t af)
{
	const uint16_t l4 = af == 4 ? L4_V4 : L4_V6;

	return memcmp(f, peer_mac, 6) == 0 && get16(f + 12) == (af == 4 ? 0x0800 : 0x86dd) &&
	       f[L3 + (af == 4 ? 9 : 6)] == IPPROTO_TCP && get16(f + l4 + 2) == 80 && f[l4 + 13] == TCP_SYN;
}

/* The peer's segment for port 80 from `port`, with what it acknowledges. @return its length. */
static inline uint32_t
put_segment(uint8_t *f, uint16_t port, uint8_t flags, uint32_t seq, uint32_t ack)
{
	const uint32_t len = put_syn(f, 4, 0);

	put16(f + L4_V4, port);
	put32(f + L4_V4 + 4, seq);
	put32(f + L4_V4 + 8, ack);
	f[L4_V4 + 13] = flags;
	fix_l4(f, L4_V4, len - L4_V4, IPPROTO_TCP, 16);
	return len;
}

/* A port of the peer's whose connections are worker i's. */
static inline uint16_t
port_of(unsigned int i)
{
	struct flow f = {.af = 4, .lport = RTE_BE16(80)};
	uint16_t port = 1024;

	memcpy(&f.addr.raddr4, peer4, 4);
	memcpy(&f.addr.laddr4, our4, 4);
	do
		f.rport = rte_cpu_to_be_16(++port);
	while (steer_owner(&t->steer, &f) != i);
	return port;
}
#endif
