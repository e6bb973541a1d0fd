/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What workers of one stack tell each other: the queue that brings a neighbour's answer is not that of the worker who
 * asked. And what the engine does by itself: its clock, a device that takes or gives nothing, draining.
 */
#include "enginebed.h"

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
		CU_ASSERT_EQUAL(tern_next_us(worker(0)), tern_now_us(worker(0))); /* no time to sleep */
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

/*
 * The deadline of a drain: each connection is reset, also by a worker that has no tx queue and leaves after the one
 * that sends for it has had its turn.
 */
static void
test_deadline(void)
{
	static const struct tern_listener_ops ops;
	const struct tern_endpoint at = {.af = TERN_AF_INET, .port = RTE_BE16(80)};
	struct tern_listener *l;
	uint8_t f[FRAME_MAX];
	unsigned int by, i;
	uint32_t iss;
	uint16_t port;

	for (by = 0; by < N_WORKERS; by++) {
		n_tx = 1;
		up();
		for (i = 0; i < N_WORKERS; i++)
			CU_ASSERT_EQUAL_FATAL(tern_listen(worker(i), &at, 1, &ops, NULL, &l), 0);
		port = port_of(by);
		receive(0, f, put_segment(f, port, TCP_SYN, 100, 0));
		turn_all();
		iss = get32(sent(0) + L4_V4 + 4);
		receive(0, f, put_segment(f, port, TCP_ACK, 101, iss + 1));
		turn_all();
		CU_ASSERT_EQUAL(rte_ring_count(tx[0]), 0);
		tern_drain(t, 0);
		for (i = 0; i < 2 * N_WORKERS; i++) {
			RTE_PER_LCORE(_lcore_id) = i % N_WORKERS;
			CU_ASSERT(tern_worker_step(t, i % N_WORKERS, 2) >= 0);
		}
		for (i = 0; i < N_WORKERS; i++)
			CU_ASSERT_EQUAL(t->engines[i]->state, ENGINE_LEFT);
		memcpy(f, last_sent(0), sizeof(f)); /* behind a question whether the neighbour is still there */
		CU_ASSERT(f[L4_V4 + 13] & TCP_RST);
		CU_ASSERT_EQUAL(get32(f + L4_V4 + 4), iss + 1);
		destroy();
		n_tx = N_WORKERS;
	}
}

/* tx_wait_us: what is to be sent waits for company so long, and no longer; a burst does not wait. */
static void
test_tx_wait(void)
{
	uint8_t f[FRAME_MAX];
	const uint16_t len = put_arp(f, 1, peer_mac, peer4, our4);
	unsigned int i;

	up();
	worker(0)->conf.tx_wait_us = 100;
	receive(0, f, len);
	turn(0);
	CU_ASSERT_EQUAL(worker(0)->ifs[0].n_tx, 1);
	worker_set_time(worker(0), worker(0)->now_us + 99);
	turn(0);
	CU_ASSERT_EQUAL(rte_ring_count(tx[0]), 0);
	worker_set_time(worker(0), worker(0)->now_us + 1);
	turn(0);
	CU_ASSERT_EQUAL(memcmp(sent(0), peer_mac, 6), 0);
	for (i = 0; i < BURST; i++)
		receive(0, f, len);
	turn(0);
	CU_ASSERT_EQUAL(rte_ring_count(tx[0]), BURST);
	last_sent(0);
	worker(0)->conf.tx_wait_us = 0;
	down();
}

/* A worker runs on its lcore and on no other. */
static void
test_caller(void)
{
	up();
	RTE_PER_LCORE(_lcore_id) = 1;
	CU_ASSERT_EQUAL(tern_worker_step(t, 0, 1), -EINVAL);
	CU_ASSERT_EQUAL(tern_worker_step(t, N_WORKERS, 1), -EINVAL);
	CU_ASSERT_EQUAL(tern_worker_loop(t, 2), -EINVAL);
	CU_ASSERT_EQUAL(tern_worker_loop(t, N_WORKERS), -EINVAL);
	CU_ASSERT_EQUAL(t->engines[0]->state, ENGINE_RUNNING);
	turn_all();
	down();
}

/* The port is stopped and started again: what came waits in it, what is to be sent waits here and is counted. */
static void
test_port_stops(void)
{
	const uint16_t port = (up(), worker(0)->ifs[0].port_id);
	uint8_t f[FRAME_MAX];

	CU_ASSERT_EQUAL(rte_eth_dev_stop(port), 0);
	receive(0, f, put_arp(f, 1, peer_mac, peer4, our4));
	connect_peer(1, 4);
	turn_all();
	CU_ASSERT_EQUAL(rte_ring_count(rx[0]), 1);
	CU_ASSERT_EQUAL(rte_ring_count(tx[0]) + rte_ring_count(tx[1]), 0);
	CU_ASSERT_EQUAL(worker(1)->ifs[0].n_tx, 1);
	CU_ASSERT(worker(1)->stats[STAT_TX_FULL] >= 1);
	CU_ASSERT_EQUAL(rte_eth_dev_start(port), 0);
	turn_all();
	CU_ASSERT_EQUAL(memcmp(sent(0), peer_mac, 6), 0);
	CU_ASSERT_TRUE(is_question(sent(1), 4));
	receive(1, f, put_arp(f, 2, peer_mac, peer4, our4));
	turn_all();
	CU_ASSERT_TRUE(is_syn(sent(1), 4));
	down();
}

/* us of time pass, or, backwards, the TSC is so much less than it was, between two polls of worker 1. */
static void
shift_tsc(double us)
{
	const uint64_t by = (int64_t)(us * rte_get_tsc_hz() / 1e6);

	t->engines[1]->tsc -= by;
	t->engines[1]->tsc0 -= by;
}

static uint64_t
clock_after(unsigned int polls)
{
	RTE_PER_LCORE(_lcore_id) = 1;
	CU_ASSERT_EQUAL(tern_worker_step(t, 1, polls), 1);
	return tern_now_us(worker(1));
}

#define DAY_US 86400e6
#define A_WHILE 5e6 /* that the test may take between two lines */

/* A clock that jumps: never back, never far, and it goes on. */
static void
test_clock(void)
{
	uint64_t then, now;

	up();
	t->us_per_tsc = (uint64_t)(((unsigned __int128)1000000 << 64) / rte_get_tsc_hz());
	then = clock_after(1);
	shift_tsc(3600e6);
	now = clock_after(1);
	CU_ASSERT(now - then >= 3600e6 && now - then < 3600e6 + A_WHILE);
	shift_tsc(50 * DAY_US); /* a day a poll */
	CU_ASSERT(clock_after(1) - now < DAY_US + A_WHILE);
	CU_ASSERT(clock_after(10) - now < 11 * DAY_US + A_WHILE);
	then = clock_after(60);
	CU_ASSERT(then - now >= 50 * DAY_US && then - now < 50 * DAY_US + A_WHILE);
	shift_tsc(-30 * DAY_US); /* less than at the start, even */
	shift_tsc(-30 * DAY_US);
	now = clock_after(1);
	CU_ASSERT(now >= then && now - then < A_WHILE);
	rte_delay_us_block(2000);
	CU_ASSERT(clock_after(1) >= now + 1000);
	CU_ASSERT(worker(1)->load.total_cycles < 3600 * rte_get_tsc_hz());
	now = clock_after(1);
	shift_tsc(-9e5); /* as another core's: it waits */
	CU_ASSERT_EQUAL(clock_after(1), now);
	rte_delay_us_block(950000);
	CU_ASSERT(clock_after(1) > now);
	t->engines[1]->state = ENGINE_NEW; /* before the first poll */
	shift_tsc(-30 * DAY_US);
	then = clock_after(1);
	CU_ASSERT(then - now < A_WHILE);
	CU_ASSERT(clock_after(10) - now < A_WHILE);
	t->us_per_tsc = 0;
	destroy();
}

static uint64_t
synacks_again(void)
{
	return worker(1)->stats[STAT_SYN_RETRANS];
}

/* A worker that did not run for a while: what came meanwhile, and waits behind a burst, is looked at before a timer
 * says that nothing came. Where nothing waits the timer does not either; and where there is no end of it, not long. */
static void
test_away(void)
{
	static const struct tern_listener_ops ops;
	const struct tern_endpoint at = {.af = TERN_AF_INET, .port = RTE_BE16(80)};
	struct tern_listener *l;
	unsigned int i, polls;
	uint8_t f[FRAME_MAX];
	uint32_t iss, question;
	uint16_t port;

	up();
	RTE_PER_LCORE(_lcore_id) = 1;
	CU_ASSERT_EQUAL_FATAL(tern_listen(worker(1), &at, 1, &ops, NULL, &l), 0);
	port = port_of(1);
	receive(1, f, put_segment(f, port, TCP_SYN, UINT32_MAX, 0));
	turn_all();
	iss = get32(sent(1) + L4_V4 + 4);
	t->us_per_tsc = (uint64_t)(((unsigned __int128)1000000 << 64) / rte_get_tsc_hz());
	clock_after(1);
	shift_tsc(1.1e6); /* nothing came: again */
	clock_after(1);
	CU_ASSERT_EQUAL(synacks_again(), 1);
	last_sent(1); /* behind a question for the peer's MAC */
	shift_tsc(2.2e6);
	for (polls = 0; polls < 100 && synacks_again() == 1; polls++) { /* what comes does not end */
		question = put_arp(f, 1, peer_mac, peer4, our4);
		for (i = 0; i < BURST; i++)
			receive(1, f, question);
		clock_after(1);
		last_sent(1);
	}
	CU_ASSERT(polls > 20 && polls < 100);
	CU_ASSERT_EQUAL(synacks_again(), 2);
	for (i = 0; i < BURST; i++)
		receive(1, f, question);
	receive(1, f, put_segment(f, port, TCP_ACK, 0, iss + 1));
	shift_tsc(5e6);
	clock_after(5);
	last_sent(1);
	CU_ASSERT_EQUAL(synacks_again(), 2);
	CU_ASSERT_EQUAL(worker(1)->stats[STAT_PASSIVE_OPENS], 1);
	t->us_per_tsc = 0;
	destroy();
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
		{"test_deadline", test_deadline},
		{"test_tx_wait", test_tx_wait},
		{"test_caller", test_caller},
		{"test_port_stops", test_port_stops},
		{"test_clock", test_clock},
		{"test_away", test_away},
		CU_TEST_INFO_NULL,
	};

	if (frames_init_on("(0-2)@0", N_MBUFS))
		return 1;
	return suite_run("engine", tests);
}
