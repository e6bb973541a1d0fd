/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The last step of output: full rings, checksums and chains of devices, answers, no mbufs, what workers tell each
 * other of neighbours.
 */
#include "linkbed.h"
#include "stack/worker.h"

static unsigned int traced, dropped;

static void
trace(struct link *k, const struct rte_mbuf *m, enum tern_packet_what what, unsigned int n)
{
	if (what == TERN_PACKET_DROP) {
		CU_ASSERT_EQUAL(n, STAT_DROP_TX_FULL);
		dropped++;
		return;
	}
	CU_ASSERT_EQUAL(what, TERN_PACKET_OUT);
	CU_ASSERT_EQUAL(get16(rte_pktmbuf_mtod_offset(m, const uint8_t *, 12)), 0x0800);
	traced++;
}

static void
test_tx_full(void)
{
	unsigned int i;
	uint16_t n;

	up(4);
	n = get_peer(4, NULL);
	output(n, 4, 0);
	answer(4, peer_mac);
	tx_clear();
	for (i = 0; i < N_MBUFS - 3; i++)
		output(n, 4, i);
	CU_ASSERT_EQUAL(ifc->n_tx, N_MBUFS - 3);
	CU_ASSERT_EQUAL(w->stats[STAT_DROP_TX_FULL], 0);
	tx_clear();
	w->trace_pkt = trace;
	traced = dropped = 0;
	ifc->n_tx = TX_RING - 2; /* as good as full */
	for (i = 0; i < 5; i++)
		output(n, 4, i);
	CU_ASSERT_EQUAL(ifc->n_tx, TX_RING);
	CU_ASSERT_EQUAL(w->stats[STAT_DROP_TX_FULL], 3);
	CU_ASSERT_EQUAL(traced, 2);
	CU_ASSERT_EQUAL(dropped, 3);
	rte_pktmbuf_free(ifc->tx[TX_RING - 1]);
	rte_pktmbuf_free(ifc->tx[TX_RING - 2]);
	ifc->n_tx = 0;
	down();
}

/* The IP checksum is always made here, the TCP checksum by the device when it offers to. */
static void
test_offload(void)
{
	static const uint8_t opt[4] = {2, 4, 5, 0xb4};
	const struct tcp_head r = {
		.seq = 1, .ack = 2, .flags = TCP_SYN | TCP_ACK, .wnd = 3, .optlen = 4, .ttl = 64, .opt = opt};
	unsigned int af, hw;
	const uint8_t *f;
	uint16_t n;

	for (af = 4; af <= 6; af += 2) {
		for (hw = 0; hw < 2; hw++) {
			const uint16_t l4 = af == 4 ? L4_V4 : L4_V6;
			struct flow flow = {.af = af, .lport = 1, .rport = 2};

			up(4);
			memcpy(af == 4 ? (void *)&flow.addr.laddr4 : flow.addr.laddr6, af == 4 ? our4 : our6,
			       af == 4 ? 4 : 16);
			memcpy(af == 4 ? (void *)&flow.addr.raddr4 : flow.addr.raddr6, af == 4 ? peer4 : peer6,
			       af == 4 ? 4 : 16);
			ifc->tx_tcp_cksum = hw;
			n = get_peer(af, NULL);
			CU_ASSERT(tcp_send_bare(w, &flow, 0, n, &r));
			answer(af, peer_mac);
			f = sent(1);
			if (hw) {
				CU_ASSERT_EQUAL(ifc->tx[1]->ol_flags,
						RTE_MBUF_F_TX_TCP_CKSUM |
							(af == 4 ? RTE_MBUF_F_TX_IPV4 : RTE_MBUF_F_TX_IPV6));
				CU_ASSERT_EQUAL(ifc->tx[1]->l2_len, 14);
				CU_ASSERT_EQUAL(ifc->tx[1]->l3_len, l4 - L3);
				CU_ASSERT_EQUAL(ifc->tx[1]->l4_len, 24);
				CU_ASSERT_EQUAL(get16(f + l4 + 16), ref_pseudo(f + L3, 24, IPPROTO_TCP));
			} else {
				CU_ASSERT_EQUAL(ifc->tx[1]->ol_flags, 0);
				CU_ASSERT(l4_right(f, l4, 24, IPPROTO_TCP));
			}
			if (af == 4)
				CU_ASSERT_EQUAL(ref_sum(0, f + L3, 20), 0xffff);
			down();
		}
	}
}

/* Only UDP's checksum of zero goes as all ones (RFC 768): TCP's is 0, once in 65,536 segments. */
static void
test_zero_checksum(void)
{
	struct flow flow = {.af = 4, .lport = 1, .rport = 2};
	struct tcp_head r = {.seq = 1, .flags = TCP_ACK, .wnd = 3, .ttl = 64};
	unsigned int zeros = 0, ones = 0;
	uint16_t n, field;

	up(4);
	memcpy(&flow.addr.laddr4, our4, 4);
	memcpy(&flow.addr.raddr4, peer4, 4);
	n = get_peer(4, peer_mac);
	for (r.ack = 0; r.ack < 65536; r.ack++) {
		rte_pktmbuf_free_bulk(ifc->tx, ifc->n_tx);
		ifc->n_tx = 0;
		CU_ASSERT_FATAL(tcp_send_bare(w, &flow, 0, n, &r));
		field = get16(sent(0) + L4_V4 + 16);
		zeros += field == 0;
		ones += field == 0xffff;
	}
	CU_ASSERT_EQUAL(zeros, 1);
	CU_ASSERT_EQUAL(ones, 0);
	down();
}

/* A chain goes out as it is, or made one segment for a device that takes no chains. */
static void
test_chain_output(void)
{
	uint8_t f[FRAME_MAX], copy[FRAME_MAX];
	const uint32_t len = put_syn(f, 4, 999), cut[2] = {54, 54 + 333};
	struct rte_mbuf *m;
	const uint8_t *p;
	unsigned int multi;
	uint16_t n;

	for (multi = 0; multi < 2; multi++) {
		up(4);
		ifc->tx_multi_seg = multi;
		n = get_peer(4, peer_mac);
		m = to_chain(f + L3, len - L3, cut, 2);
		link_output(&w->link, 0, n, m);
		CU_ASSERT_EQUAL_FATAL(ifc->n_tx, 2);
		CU_ASSERT_EQUAL(ifc->tx[1]->nb_segs, multi ? 3 : 1);
		CU_ASSERT_EQUAL(ifc->tx[1]->pkt_len, len);
		p = rte_pktmbuf_read(ifc->tx[1], 0, len, copy);
		CU_ASSERT(p && l4_right(p, L4_V4, len - L4_V4, IPPROTO_TCP));
		CU_ASSERT(p && memcmp(p + 54, f + 54, len - 54) == 0);
		down();
	}
}

/* What has no room in front for an Ethernet header, and no neighbour at all: dropped, and each counted once. */
static void
test_no_header(void)
{
	struct rte_mbuf *m;
	uint8_t f[FRAME_MAX];
	uint32_t len;
	uint16_t n;

	up(4);
	n = get_peer(4, NULL);
	len = put_syn(f, 4, 3);
	m = to_mbuf(f + L3, len - L3);
	memmove(m->buf_addr, rte_pktmbuf_mtod(m, void *), len - L3);
	m->data_off = 0;
	link_output(&w->link, 0, n, m);
	CU_ASSERT_EQUAL(w->stats[STAT_DROP_TX_FULL], 1);
	link_output(&w->link, 0, NEIGH_NONE, to_mbuf(f + L3, len - L3));
	CU_ASSERT_EQUAL(w->stats[STAT_DROP_NEIGH_FULL], 1);
	CU_ASSERT_EQUAL(drops(), 2);
	CU_ASSERT_EQUAL(ifc->n_tx, 0);
	down();
}

/* An answer in the received frame: MACs swapped, nothing else. */
static void
test_reply(void)
{
	uint8_t f[FRAME_MAX];
	const uint32_t len = put_syn(f, 4, 0);

	up(4);
	link_reply(&w->link, 0, to_mbuf(f, len));
	CU_ASSERT_EQUAL_FATAL(ifc->n_tx, 1);
	CU_ASSERT_EQUAL(memcmp(sent(0), peer_mac, 6), 0);
	CU_ASSERT_EQUAL(memcmp(sent(0) + 6, our_mac, 6), 0);
	CU_ASSERT_EQUAL(memcmp(sent(0) + 12, f + 12, len - 12), 0);
	down();
}

/* Without an mbuf the question is not asked, but asked again later; nothing is lost track of. */
static void
test_no_mbuf(void)
{
	struct rte_mbuf *all[N_MBUFS];
	unsigned int af, i, n_all;
	uint16_t n;

	for (af = 4; af <= 6; af += 2) {
		up(4);
		n = get_peer(af, NULL);
		n_all = N_MBUFS - 1;
		CU_ASSERT_EQUAL_FATAL(rte_pktmbuf_alloc_bulk(frames_pool, all, n_all), 0);
		output(n, af, 1); /* takes the last one */
		CU_ASSERT_EQUAL(ifc->n_tx, 0);
		CU_ASSERT_EQUAL(w->stats[STAT_MBUF_EMPTY], 1);
		for (i = 0; i < n_all; i++)
			rte_pktmbuf_free(all[i]);
		sleep_us(SEC + 2 * TICK_US);
		CU_ASSERT_EQUAL(ifc->n_tx, 1);
		check_ask(0, af, NULL);
		down();
	}
}

static void
test_neigh_update(void)
{
	uint8_t f[FRAME_MAX];
	struct rte_mbuf *m;
	struct seg s;
	unsigned int i;
	uint32_t len;

	up(4);
	for (i = 0; i < 6; i++) {
		len = i == 0   ? put_answer(f, 4, peer_mac)
		      : i == 1 ? put_answer(f, 6, peer_mac)
		      : i == 2 ? put_gratuitous(f, 4, peer_mac)
		      : i == 3 ? put_arp(f, 1, peer_mac, peer4, our4)
		      : i == 4 ? put_nd(f, 135, 0, peer6, our6, our6, peer_mac)
			       : put_syn(f, 4, 0);
		m = to_mbuf(f, len);
		CU_ASSERT_EQUAL(pkt_parse(ifc, m, &s), 0);
		CU_ASSERT_EQUAL(link_is_neigh_update(&s), i < 3);
		rte_pktmbuf_free(m);
	}
	down();
}

static unsigned int shared;

static void
count_shared(struct tern_worker *by, const struct seg *s)
{
	CU_ASSERT_PTR_EQUAL(by, w);
	shared += link_is_neigh_update(s);
}

/* What teaches a MAC is shown to whoever gives it to the other workers, but not what came from one of them. */
static void
test_neigh_shared(void)
{
	uint8_t f[FRAME_MAX];
	struct rte_mbuf *m;
	unsigned int i;

	up(4);
	w->share = count_shared;
	for (i = 0; i < 6; i++) {
		shared = 0;
		w->handed_over = i >= 3;
		m = to_mbuf(f, i % 3 == 0 ? put_answer(f, 4, peer_mac)
			    : i % 3 == 1 ? put_answer(f, 6, peer_mac)
					 : put_arp(f, 1, peer_mac, peer4, our4));
		worker_input(w, 0, &m, 1);
		CU_ASSERT_EQUAL(shared, i < 2);
	}
	down();
}

int
main(void)
{
	static CU_TestInfo tests[] = {
		{"test_tx_full", test_tx_full},
		{"test_offload", test_offload},
		{"test_zero_checksum", test_zero_checksum},
		{"test_chain_output", test_chain_output},
		{"test_no_header", test_no_header},
		{"test_reply", test_reply},
		{"test_no_mbuf", test_no_mbuf},
		{"test_neigh_update", test_neigh_update},
		{"test_neigh_shared", test_neigh_shared},
		CU_TEST_INFO_NULL,
	};

	if (frames_init(N_MBUFS))
		return 1;
	return suite_run("link_output", tests);
}
