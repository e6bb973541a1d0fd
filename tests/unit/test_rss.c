/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Hand-over between workers: what comes to the wrong one goes to the right one, and a device that spreads by RSS is
 * believed only after a while.
 */
#include "enginebed.h"

/* n SYNs from a port of worker `owner`'s come to worker `at`, `flags` of the mbuf as the device's. What it answers is
 * taken off. */
static void
receive_of(unsigned int owner, unsigned int at, unsigned int n, uint64_t flags)
{
	uint8_t f[FRAME_MAX];
	struct rte_mbuf *m;
	unsigned int i;

	put_segment(f, port_of(owner), TCP_SYN, 100, 0);
	memcpy(f, &worker(at)->ifs[0].mac, 6);
	for (i = 0; i < n; i++) {
		m = to_mbuf(f, L4_V4 + 40);
		m->ol_flags |= flags;
		CU_ASSERT_EQUAL_FATAL(rte_ring_enqueue(rx[at], m), 0);
	}
	turn_all();
	for (i = 0; i < N_WORKERS; i++)
		last_sent(i);
}

static void
by_rss(void)
{
	unsigned int i;

	up();
	t->exact = true;
	for (i = 0; i < N_WORKERS; i++)
		worker(i)->handover = engine_handover_rss;
}

/* A whole burst of another worker's goes there as one. */
static void
test_full_burst(void)
{
	up();
	receive_of(2, 0, BURST, 0);
	CU_ASSERT_EQUAL(worker(0)->stats[STAT_HANDOVER_OUT], BURST);
	CU_ASSERT_EQUAL(worker(2)->stats[STAT_HANDOVER_IN], BURST);
	CU_ASSERT_EQUAL(worker(2)->stats[STAT_OUT_RSTS], BURST);
	down();
}

/* RSS that does as it was told: once that was seen, a hash of the device's is proof, and what has none is looked at. */
static void
test_rss_kept(void)
{
	struct engine *e = (by_rss(), t->engines[1]);

	receive_of(1, 1, 32, RTE_MBUF_F_RX_RSS_HASH);
	receive_of(1, 1, 32, RTE_MBUF_F_RX_RSS_HASH);
	CU_ASSERT_EQUAL(e->checked, 64);
	CU_ASSERT_EQUAL(e->misdelivered, 0);
	CU_ASSERT_PTR_EQUAL(worker(1)->handover, engine_handover_rss);
	receive_of(0, 1, 1, RTE_MBUF_F_RX_RSS_HASH);
	CU_ASSERT_EQUAL(worker(1)->stats[STAT_HANDOVER_OUT], 0);
	CU_ASSERT_EQUAL(worker(1)->stats[STAT_OUT_RSTS], 65);
	receive_of(0, 1, 1, 0); /* a datagram put together here */
	CU_ASSERT_EQUAL(worker(1)->stats[STAT_HANDOVER_OUT], 1);
	CU_ASSERT_EQUAL(worker(0)->stats[STAT_OUT_RSTS], 1);
	receive_of(1, 1, 1, 0);
	CU_ASSERT_EQUAL(worker(1)->stats[STAT_HANDOVER_OUT], 1);
	CU_ASSERT_EQUAL(e->checked, 64);
	CU_ASSERT_EQUAL(t->cmd, 0);
	down();
}

/* A quarter of what is watched in the wrong queue: all workers hand over from then on. Less is a stray. */
static void
test_rss_broken(void)
{
	unsigned int wrong, i;

	for (wrong = 15; wrong <= 16; wrong++) {
		by_rss();
		receive_of(1, 0, wrong, RTE_MBUF_F_RX_RSS_HASH);
		receive_of(0, 0, 32, RTE_MBUF_F_RX_RSS_HASH);
		receive_of(0, 0, 32 - wrong, RTE_MBUF_F_RX_RSS_HASH);
		CU_ASSERT_EQUAL(t->engines[0]->misdelivered, wrong);
		CU_ASSERT_EQUAL(worker(1)->stats[STAT_OUT_RSTS], wrong); /* each was handed over */
		for (i = 0; i < N_WORKERS; i++)
			CU_ASSERT_PTR_EQUAL(worker(i)->handover, wrong == 16 ? engine_handover : engine_handover_rss);
		receive_of(2, 0, 1, RTE_MBUF_F_RX_RSS_HASH);
		CU_ASSERT_EQUAL(worker(2)->stats[STAT_OUT_RSTS], wrong == 16);
		down();
	}
}

/* An ICMP error comes where its own addresses lead; whose it is, the segment that it quotes says. */
static void
test_rss_icmp(void)
{
	uint8_t f[FRAME_MAX];
	uint16_t l4;

	by_rss();
	t->engines[0]->checked = 64;
	l4 = put_ip(f, 4, IPPROTO_ICMP, 36);
	memset(f + l4, 0, 36);
	f[l4] = 3;
	f[l4 + 1] = 1;
	f[l4 + 8] = 0x45; /* from us to the peer */
	put16(f + l4 + 10, 40);
	f[l4 + 17] = IPPROTO_TCP;
	memcpy(f + l4 + 20, our4, 4);
	memcpy(f + l4 + 24, peer4, 4);
	put16(f + l4 + 28, 80);
	put16(f + l4 + 30, port_of(2));
	fix_l4(f, l4, 36, IPPROTO_ICMP, 2);
	receive(0, f, l4 + 36);
	turn_all();
	CU_ASSERT_EQUAL(worker(0)->stats[STAT_HANDOVER_OUT], 1);
	CU_ASSERT_EQUAL(worker(2)->stats[STAT_HANDOVER_IN], 1);
	CU_ASSERT_EQUAL(worker(2)->stats[STAT_DROP_ICMP_SEQ], 1); /* of no connection */
	down();
}

int
main(void)
{
	static CU_TestInfo tests[] = {
		{"a whole burst", test_full_burst},
		{"RSS as promised", test_rss_kept},
		{"RSS not as promised", test_rss_broken},
		{"ICMP error", test_rss_icmp},
		CU_TEST_INFO_NULL,
	};

	if (frames_init_on("(0-2)@0", N_MBUFS))
		return 1;
	return suite_run("rss", tests);
}
