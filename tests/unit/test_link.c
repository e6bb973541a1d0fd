/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * net/link.c, net/neigh.c: addresses and routes, resolution over ARP and NDP with its limits and failures, what may
 * overwrite an entry, who is evicted, ARP input, the last step of output.
 */
#include "linkbed.h"

/* --- interfaces and routes ---------------------------------------------------------------------------------- */

static void
test_iface(void)
{
	static const struct {
		struct tern_if_conf c;
		uint16_t mtu;
		int rc;
	} rows[] = {
		{{.addr4 = {192, 0, 2, 1}, .prefix4 = 24}, 1500, 0},
		{{.addr4 = {192, 0, 2, 1}, .prefix4 = 32}, 1500, 0},
		{{.addr4 = {192, 0, 2, 1}, .prefix4 = 0}, 1500, -EINVAL},
		{{.addr4 = {192, 0, 2, 1}, .prefix4 = 33}, 1500, -EINVAL},
		{{.addr4 = {233, 252, 0, 1}, .prefix4 = 24}, 1500, -EINVAL},
		{{.addr4 = {127, 0, 0, 1}, .prefix4 = 8}, 1500, -EINVAL},
		{{.addr4 = {192, 0, 2, 1}, .prefix4 = 24, .addr4_count = UINT32_MAX}, 1500, -EINVAL},
		{{.addr4 = {192, 0, 2, 1}, .prefix4 = 24}, 67, -EINVAL},
		{{.addr6 = {0x20, 1, 0xd, 0xb8, [15] = 1}, .prefix6 = 64}, 1280, 0},
		{{.addr6 = {0x20, 1, 0xd, 0xb8, [15] = 1}, .prefix6 = 64}, 1279, -EINVAL},
		{{.addr6 = {0x20, 1, 0xd, 0xb8, [15] = 1}, .prefix6 = 129}, 1500, -EINVAL},
		{{.addr6 = {0xff, 2, [15] = 1}, .prefix6 = 64}, 1500, -EINVAL},
		{{.port_id = 7}, 1500, 0},
	};
	struct rte_ether_addr mac;
	struct iface *i = calloc(1, sizeof(*i));
	unsigned int k;

	memcpy(&mac, our_mac, 6);
	for (k = 0; k < RTE_DIM(rows); k++)
		CU_ASSERT_EQUAL(link_iface_init(i, 0, &rows[k].c, &mac, rows[k].mtu), rows[k].rc);
	CU_ASSERT_EQUAL(i->port_id, 7);
	CU_ASSERT_FALSE(link_is_local(i, 4, "\0\0\0\0")); /* without addresses nothing is local */
	CU_ASSERT_FALSE(link_is_local(i, 6, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"));
	free(i);
}

static void
test_local_and_route(void)
{
	static const uint8_t far4[4] = {198, 51, 100, 7}, far6[16] = {0x20, 1, 0xd, 0xb8, 1, [15] = 7};
	static const uint8_t gw4[16] = {192, 0, 2, 254}, gw6[16] = {0x20, 1, 0xd, 0xb8, [15] = 254};
	static const uint8_t ll[16] = {0xfe, 0x80, [15] = 9};
	uint8_t a[16], hop[16];
	unsigned int i;

	up(4);
	for (i = 0; i < 256; i++) {
		memcpy(a, our4, 4);
		a[3] = i;
		CU_ASSERT_EQUAL(link_is_local(ifc, 4, a), i >= 1 && i <= 4);
		memcpy(a, our6, 16);
		a[15] = i;
		CU_ASSERT_EQUAL(link_is_local(ifc, 6, a), i >= 1 && i <= 4);
	}
	CU_ASSERT_EQUAL(memcmp(ifc->ll6, our_ll6, 16), 0);
	CU_ASSERT_TRUE(link_is_local(ifc, 6, our_ll6));
	link_local_addr(ifc, 4, peer4, 3, a);
	CU_ASSERT_EQUAL(memcmp(a, (uint8_t[16]){192, 0, 2, 4}, 16), 0);
	link_local_addr(ifc, 4, peer4, 0, a);
	CU_ASSERT_EQUAL(memcmp(a, (uint8_t[16]){192, 0, 2, 1}, 16), 0);
	link_local_addr(ifc, 6, peer6, 2, a);
	CU_ASSERT_EQUAL(memcmp(a, (uint8_t[16]){0x20, 1, 0xd, 0xb8, [15] = 3}, 16), 0);

	CU_ASSERT_EQUAL(link_route(&w->link, 4, peer4, IFACE_ANY, hop), 0);
	CU_ASSERT_EQUAL(memcmp(hop, (uint8_t[16]){192, 0, 2, 9}, 16), 0);
	CU_ASSERT_EQUAL(link_route(&w->link, 4, far4, IFACE_ANY, hop), 0);
	CU_ASSERT_EQUAL(memcmp(hop, gw4, 16), 0);
	CU_ASSERT_EQUAL(link_route(&w->link, 6, peer6, IFACE_ANY, hop), 0);
	CU_ASSERT_EQUAL(memcmp(hop, peer6, 16), 0);
	CU_ASSERT_EQUAL(link_route(&w->link, 6, far6, IFACE_ANY, hop), 0);
	CU_ASSERT_EQUAL(memcmp(hop, gw6, 16), 0);
	CU_ASSERT_EQUAL(link_route(&w->link, 6, ll, IFACE_ANY, hop), 0);
	CU_ASSERT_EQUAL(memcmp(hop, ll, 16), 0);
	ifc->gw4 = 0;
	memset(ifc->gw6, 0, 16);
	CU_ASSERT_EQUAL(link_route(&w->link, 4, far4, IFACE_ANY, hop), -ENETUNREACH);
	CU_ASSERT_EQUAL(link_route(&w->link, 6, far6, IFACE_ANY, hop), -ENETUNREACH);
	down();
}

/* --- resolution --------------------------------------------------------------------------------------------- */

/* Queue of 0, 1, limit, limit + 1 ...: what fits is sent in order at the answer, the rest is dropped and counted. */
static void
test_resolve(void)
{
	static const unsigned int sizes[] = {1, 2, NEIGH_QUEUE - 1, NEIGH_QUEUE, NEIGH_QUEUE + 1, NEIGH_QUEUE + 9};
	unsigned int af, i, k, kept;
	uint16_t n;

	for (af = 4; af <= 6; af += 2) {
		for (i = 0; i < RTE_DIM(sizes); i++) {
			up(4);
			w->neighs.max_queued = N_MBUFS;
			n = get_peer(af, NULL);
			CU_ASSERT_EQUAL(ifc->n_tx, 0); /* nothing to send, nothing to ask */
			for (k = 0; k < sizes[i]; k++)
				output(n, af, k);
			CU_ASSERT_EQUAL(ifc->n_tx, 1);
			check_ask(0, af, NULL);
			tx_clear();
			kept = RTE_MIN(sizes[i], (unsigned int)NEIGH_QUEUE);
			CU_ASSERT_EQUAL(w->stats[STAT_DROP_NEIGH_QUEUE], sizes[i] - kept);
			answer(af, peer_mac);
			CU_ASSERT_EQUAL(ifc->n_tx, kept);
			for (k = 0; k < kept; k++)
				check_output(k, af, k, peer_mac);
			CU_ASSERT_EQUAL(w->stats[STAT_DROP_NEIGH_QUEUE], sizes[i] - kept);
			tx_clear();
			sleep_us(29 * SEC);
			output(n, af, 77);
			CU_ASSERT_EQUAL(ifc->n_tx, 1); /* REACHABLE: sent, not asked */
			check_output(0, af, 77, peer_mac);
			down();
		}
	}
}

/* All neighbours together hold a bounded number, so that who is silent does not hold what who answers needs. */
static void
test_queue_of_all(void)
{
	uint8_t hop[16] = {192, 0, 2, 100};
	unsigned int k;
	uint16_t a, b;

	up(4);
	CU_ASSERT_EQUAL(w->neighs.max_queued, N_MBUFS / 64);
	w->neighs.max_queued = 20;
	a = get_peer(4, NULL);
	b = link_neigh_get(&w->link, 0, 4, hop, NULL);
	for (k = 0; k < 15; k++)
		output(b, 4, k);
	for (k = 0; k < 15; k++)
		output(a, 4, k);
	CU_ASSERT_EQUAL(w->stats[STAT_DROP_NEIGH_SHARE], 10);
	CU_ASSERT_EQUAL(w->neighs.queued, 20);
	tx_clear();
	answer(4, peer_mac);
	CU_ASSERT_EQUAL(ifc->n_tx, 5);
	CU_ASSERT_EQUAL(w->neighs.queued, 15);
	tx_clear();
	sleep_us(4 * SEC); /* the other one never answers */
	CU_ASSERT_EQUAL(w->neighs.queued, 0);
	CU_ASSERT_EQUAL(w->stats[STAT_DROP_NEIGH_FAILED], 15);
	down();
}

/* Charged as what it holds: a packet of five mbufs is five. */
static void
test_queue_in_mbufs(void)
{
	struct rte_mbuf *m, *tail;
	unsigned int k, i;
	uint16_t n;

	up(4);
	n = get_peer(4, NULL);
	for (k = 0; k < 4; k++) {
		m = to_mbuf((const uint8_t[64]){0x45}, 64);
		for (i = 0; i < 4; i++) {
			tail = rte_pktmbuf_alloc(frames_pool);
			rte_pktmbuf_append(tail, 100);
			rte_pktmbuf_chain(m, tail);
		}
		ifc->tx_multi_seg = true;
		link_output(&w->link, 0, n, m);
	}
	CU_ASSERT_EQUAL(w->neighs.max_queued, 15);
	CU_ASSERT_EQUAL(w->neighs.queued, 15);
	CU_ASSERT_EQUAL(w->stats[STAT_DROP_NEIGH_SHARE], 1);
	tx_clear();
	answer(4, peer_mac);
	CU_ASSERT_EQUAL(w->neighs.queued, 0);
	CU_ASSERT_EQUAL(ifc->n_tx, 3);
	down();
}

static void
test_failure(void)
{
	unsigned int af, k;
	uint16_t n;

	for (af = 4; af <= 6; af += 2) {
		up(4);
		n = get_peer(af, NULL);
		output(n, af, 1);
		output(n, af, 2);
		for (k = 1; k <= 3; k++) { /* three questions, a second apart */
			CU_ASSERT_EQUAL(ifc->n_tx, k);
			check_ask(k - 1, af, NULL);
			sleep_us(SEC - 8 * TICK_US);
			CU_ASSERT_EQUAL(ifc->n_tx, k);
			CU_ASSERT_EQUAL(w->stats[STAT_DROP_NEIGH_FAILED], 0);
			sleep_us(9 * TICK_US);
		}
		CU_ASSERT_EQUAL(ifc->n_tx, 3);
		CU_ASSERT_EQUAL(w->stats[STAT_DROP_NEIGH_FAILED], 2);
		CU_ASSERT_EQUAL(w->neighs.at[n].state, NEIGH_FAILED);
		tx_clear();
		ASSERT_POOL_FULL();
		sleep_us(60 * SEC);
		CU_ASSERT_EQUAL(ifc->n_tx, 0);
		output(n, af, 3); /* starts again */
		CU_ASSERT_EQUAL(ifc->n_tx, 1);
		check_ask(0, af, NULL);
		tx_clear();
		answer(af, peer_mac);
		CU_ASSERT_EQUAL(ifc->n_tx, 1);
		check_output(0, af, 3, peer_mac);
		down();
	}
}

/* A hint is used at once and verified at that MAC; so is what was confirmed half a minute ago. */
static void
test_stale(void)
{
	unsigned int af, i;
	uint16_t n;

	for (af = 4; af <= 6; af += 2) {
		up(4);
		n = get_peer(af, peer_mac);
		CU_ASSERT_EQUAL(w->neighs.at[n].state, NEIGH_STALE);
		sleep_us(100 * SEC);
		CU_ASSERT_EQUAL(ifc->n_tx, 0); /* not used, not verified */
		output(n, af, 1);
		CU_ASSERT_EQUAL(ifc->n_tx, 2);
		check_ask(0, af, peer_mac);
		check_output(1, af, 1, peer_mac);
		tx_clear();
		output(n, af, 2);
		CU_ASSERT_EQUAL(ifc->n_tx, 1); /* one question is open already */
		check_output(0, af, 2, peer_mac);
		tx_clear();
		answer(af, peer_mac);
		CU_ASSERT_EQUAL(w->neighs.at[n].state, NEIGH_REACHABLE);
		CU_ASSERT_EQUAL(get_peer(af, other_mac), n); /* a hint against what we know */
		sleep_us(30 * SEC - TICK_US);
		CU_ASSERT_EQUAL(w->neighs.at[n].state, NEIGH_REACHABLE);
		sleep_us(2 * TICK_US);
		CU_ASSERT_EQUAL(w->neighs.at[n].state, NEIGH_STALE);
		CU_ASSERT_EQUAL(ifc->n_tx, 0);
		output(n, af, 3);
		CU_ASSERT_EQUAL(ifc->n_tx, 2);
		check_ask(0, af, peer_mac);
		check_output(1, af, 3, peer_mac);
		tx_clear();
		sleep_us(6 * SEC + 10 * TICK_US); /* no answer: two more of all, then as if unknown, then no more */
		CU_ASSERT_EQUAL(ifc->n_tx, 5);
		for (i = 0; i < 5; i++)
			check_ask(i, af, NULL);
		CU_ASSERT_EQUAL(w->neighs.at[n].state, NEIGH_FAILED);
		CU_ASSERT_EQUAL(w->stats[STAT_DROP_NEIGH_FAILED], 0);
		down();
	}
}

/* B45: junk does not move an entry; a real move takes a question and its answer. */
static void
test_overwrite(void)
{
	uint8_t f[FRAME_MAX];
	unsigned int af, i;
	uint32_t len;
	uint16_t n;

	for (af = 4; af <= 6; af += 2) {
		up(4);
		n = get_peer(af, NULL);
		output(n, af, 1);
		answer(af, peer_mac);
		tx_clear();
		len = put_gratuitous(f, af, other_mac);
		for (i = 0; i < 1000; i++) /* just confirmed: not even a question */
			refused("fresh", f, len, af == 4 ? STAT_DROP_ARP : STAT_DROP_ICMP);
		len = put_answer(f, af, other_mac); /* an answer nobody asked for */
		refused("unasked", f, len, af == 4 ? STAT_DROP_ARP : STAT_DROP_ICMP);
		sleep_us(2 * SEC);
		for (i = 0; i < 100000; i++) {
			len = put_gratuitous(f, af, other_mac);
			f[af == 4 ? L3 + 13 : L4_V6 + 31] = i | 4;
			if (af == 6)
				fix_l4(f, L4_V6, 32, IPPROTO_ICMPV6, 2);
			input(f, len);
			if (i % 1000 == 0)
				sleep_us(100);
		}
		CU_ASSERT_EQUAL(ifc->n_tx, 1); /* 100000 claims, one question */
		check_ask(0, af, NULL);
		tx_clear();
		output(n, af, 2);
		check_output(0, af, 2, peer_mac); /* still where it was */
		answer(af, peer_mac);
		tx_clear();
		sleep_us(2 * SEC);
		input(f, put_gratuitous(f, af, other_mac)); /* a real move */
		CU_ASSERT_EQUAL(ifc->n_tx, 1);
		tx_clear();
		answer(af, other_mac);
		answer(af, peer_mac); /* the loser's answer */
		CU_ASSERT_EQUAL(ifc->n_tx, 0);
		output(n, af, 3);
		CU_ASSERT_EQUAL(ifc->n_tx, 1);
		check_output(0, af, 3, other_mac);
		CU_ASSERT_EQUAL(w->neighs.n, 1);
		down();
	}
}

static uint16_t
get_host(uint8_t host)
{
	return link_neigh_get(&w->link, 0, 4, (uint8_t[16]){192, 0, 2, host}, NULL);
}

/* What is in use stays; of the rest the longest unused goes. */
static void
test_eviction(void)
{
	uint8_t f[FRAME_MAX], sip[4] = {192, 0, 2, 0};
	uint16_t n[4], x;
	unsigned int i;

	up(4);
	for (i = 0; i < 4; i++)
		n[i] = get_host(10 + i);
	CU_ASSERT_EQUAL(w->neighs.n, 4);
	CU_ASSERT_EQUAL(get_host(20), NEIGH_NONE);
	CU_ASSERT_EQUAL(w->stats[STAT_NEIGH_FULL], 1);
	output(NEIGH_NONE, 4, 1);
	CU_ASSERT_EQUAL(w->stats[STAT_DROP_NEIGH_FULL], 1);
	tx_clear();
	for (i = 0; i < 1000; i++) { /* strangers ask for us: answered, and nobody forgotten */
		sip[3] = 30 + i % 200;
		input(f, put_arp(f, 1, other_mac, sip, our4));
		tx_clear();
	}
	CU_ASSERT_EQUAL(w->neighs.n, 4);
	for (i = 0; i < 4; i++) {
		CU_ASSERT_EQUAL(get_host(10 + i), n[i]);
		link_neigh_put(&w->link, n[i]);
	}
	output(n[2], 4, 1);
	link_neigh_put(&w->link, n[2]);
	link_neigh_put(&w->link, n[0]);
	CU_ASSERT_EQUAL(get_host(10), n[0]); /* unused but known */
	link_neigh_put(&w->link, n[0]);
	x = get_host(20);
	CU_ASSERT_EQUAL(x, n[2]); /* the longest unused, its packet dropped */
	CU_ASSERT_EQUAL(w->stats[STAT_DROP_NEIGH_FAILED], 1);
	CU_ASSERT_EQUAL(get_host(21), n[0]);
	CU_ASSERT_EQUAL(get_host(12), NEIGH_NONE);
	CU_ASSERT_EQUAL(get_host(20), x);
	CU_ASSERT_EQUAL(w->neighs.n, 4);
	sleep_us(10 * SEC);
	CU_ASSERT_EQUAL(ifc->n_tx, 1); /* the evicted one's timer is gone with it */
	down();
}

/* Strangers who ask for us are remembered as far as there is room, the latest of them. */
static void
test_strangers(void)
{
	uint8_t f[FRAME_MAX], sip[4] = {192, 0, 2, 0};
	unsigned int i;
	uint16_t n;

	up(4);
	for (i = 0; i < 6; i++) {
		sip[3] = 30 + i;
		input(f, put_arp(f, 1, other_mac, sip, our4));
	}
	CU_ASSERT_EQUAL(w->neighs.n, 4);
	for (i = 6; i-- > 2;) {
		n = get_host(30 + i);
		CU_ASSERT_EQUAL(w->neighs.at[n].state, NEIGH_STALE);
		link_neigh_put(&w->link, n);
	}
	n = get_host(31); /* forgotten; takes the place of the longest unused, which is now 35 */
	CU_ASSERT_EQUAL(w->neighs.at[n].state, NEIGH_INCOMPLETE);
	n = get_host(34);
	CU_ASSERT_EQUAL(w->neighs.at[n].state, NEIGH_STALE);
	n = get_host(35);
	CU_ASSERT_EQUAL(w->neighs.at[n].state, NEIGH_INCOMPLETE);
	down();
}

/* --- answers to ARP and solicitations ----------------------------------------------------------------------- */

static void
test_arp_input(void)
{
	static const uint8_t none[4];
	uint8_t f[FRAME_MAX], tip[4], want[FRAME_MAX];
	unsigned int i;

	up(8);
	memcpy(tip, our4, 4);
	for (i = 0; i < 256; i++) { /* every address of the range and no other */
		tip[3] = i;
		input(f, put_arp(f, 1, peer_mac, peer4, tip));
		CU_ASSERT_EQUAL(ifc->n_tx, i >= 1 && i <= 4);
		if (ifc->n_tx) {
			put_arp(want, 2, our_mac, tip, peer4);
			memcpy(want, peer_mac, 6);
			memcpy(want + L3 + 18, peer_mac, 6);
			CU_ASSERT_EQUAL(memcmp(sent(0), want, 42), 0);
		}
		tx_clear();
	}
	CU_ASSERT_EQUAL(w->stats[STAT_ARP_RX], 5); /* 192.0.2.9 for itself is gratuitous */
	CU_ASSERT_EQUAL(w->neighs.n, 1);
	input(f, put_arp(f, 1, other_mac, none, our4)); /* a probe is answered and teaches nothing */
	CU_ASSERT_EQUAL(ifc->n_tx, 1);
	CU_ASSERT_EQUAL(w->neighs.n, 1);
	tx_clear();
	refused("B45 claims our address", f, put_arp(f, 1, other_mac, our4, our4), STAT_DROP_ARP);
	refused("B45 claims our address to us", f, put_arp(f, 2, other_mac, our4, our4), STAT_DROP_ARP);
	put_arp(f, 1, other_mac, (uint8_t[4]){192, 0, 2, 3}, our4);
	refused("B45 our address asks", f, 60, STAT_DROP_ARP);
	refused("answer from a stranger", f, put_arp(f, 2, other_mac, (uint8_t[4]){192, 0, 2, 77}, our4),
		STAT_DROP_ARP);
	refused("gratuitous stranger", f,
		put_arp(f, 1, other_mac, (uint8_t[4]){192, 0, 2, 77}, (uint8_t[4]){192, 0, 2, 77}), STAT_DROP_ARP);
	CU_ASSERT_EQUAL(w->neighs.n, 1);
	for (i = 0; i < 6; i++) { /* hardware, protocol and their lengths */
		put_arp(f, 1, peer_mac, peer4, our4);
		f[L3 + i] ^= 1;
		refused("B45 head", f, 60, STAT_DROP_ARP);
	}
	put_arp(f, 3, peer_mac, peer4, our4);
	refused("RARP", f, 60, STAT_DROP_ARP);
	put_arp(f, 1, broadcast, peer4, our4);
	memcpy(f + 6, peer_mac, 6);
	refused("broadcast sender", f, 60, STAT_DROP_ARP);
	for (i = L3; i < 42; i++)
		refused("B45 cut", f, (put_arp(f, 1, peer_mac, peer4, our4), i), STAT_DROP_ARP);
	CU_ASSERT_EQUAL(w->stats[STAT_DROP_ARP], drops());
	down();
}

/* A request to us gives the MAC we wait for; one from off our link teaches nothing. */
/* The request came in pieces, and the device can't send such. */
static void
test_arp_chain(void)
{
	static const uint32_t cuts[][2] = {{42, 50}, {20, 42}, {14, 30}, {59, 60}};
	uint8_t f[FRAME_MAX], want[FRAME_MAX];
	struct rte_mbuf *m;
	struct seg s;
	unsigned int i;

	up(4);
	ifc->tx_multi_seg = false;
	for (i = 0; i < RTE_DIM(cuts); i++) {
		put_arp(f, 1, peer_mac, peer4, our4);
		m = to_chain(f, 60, cuts[i], 2);
		CU_ASSERT_EQUAL_FATAL(pkt_parse(ifc, m, &s), 0);
		CU_ASSERT_PTR_NULL(other_in(&s));
		CU_ASSERT_EQUAL_FATAL(ifc->n_tx, 1);
		put_arp(want, 2, our_mac, our4, peer4);
		put_eth(want, peer_mac, our_mac, 0x0806);
		memcpy(want + L3 + 18, peer_mac, 6);
		CU_ASSERT_EQUAL(ifc->tx[0]->pkt_len, 42);
		CU_ASSERT_EQUAL(memcmp(sent(0), want, 42), 0);
		tx_clear();
	}
	CU_ASSERT_EQUAL(drops(), 0);
	down();
}

static void
test_arp_learn(void)
{
	uint8_t f[FRAME_MAX];
	uint16_t n;

	up(8);
	n = get_peer(4, NULL);
	output(n, 4, 1);
	tx_clear();
	input(f, put_arp(f, 1, peer_mac, peer4, our4));
	CU_ASSERT_EQUAL(ifc->n_tx, 2);
	check_output(0, 4, 1, peer_mac);
	CU_ASSERT_EQUAL(w->neighs.at[n].state, NEIGH_STALE);
	tx_clear();
	input(f, put_arp(f, 1, other_mac, (uint8_t[4]){198, 51, 100, 9}, our4));
	CU_ASSERT_EQUAL(ifc->n_tx, 1);
	CU_ASSERT_EQUAL(w->neighs.n, 1);
	down();
}

/* RFC 4861 7.2.5: without override an answer confirms but does not replace. */
static void
test_nd_flags(void)
{
	uint8_t f[FRAME_MAX];
	uint16_t n;

	up(8);
	n = get_peer(6, peer_mac);
	output(n, 6, 1);
	input(f, put_nd(f, 136, 0x40, peer6, our6, peer6, other_mac));
	CU_ASSERT_EQUAL(w->neighs.at[n].state, NEIGH_STALE);
	CU_ASSERT_EQUAL(memcmp(&w->neighs.at[n].l2.dst_addr, peer_mac, 6), 0);
	taken(f, put_nd(f, 136, 0x20, peer6, our6, peer6, peer_mac)); /* not solicited: no proof that we are heard */
	CU_ASSERT_EQUAL(w->neighs.at[n].state, NEIGH_STALE);
	taken(f, put_nd(f, 136, 0x40, peer6, our6, peer6, NULL));
	CU_ASSERT_EQUAL(w->neighs.at[n].state, NEIGH_REACHABLE);
	down();
}

int
main(void)
{
	static CU_TestInfo tests[] = {
		{"test_iface", test_iface},
		{"test_local_and_route", test_local_and_route},
		{"test_resolve", test_resolve},
		{"test_queue_of_all", test_queue_of_all},
		{"test_queue_in_mbufs", test_queue_in_mbufs},
		{"test_failure", test_failure},
		{"test_stale", test_stale},
		{"test_overwrite", test_overwrite},
		{"test_eviction", test_eviction},
		{"test_strangers", test_strangers},
		{"test_arp_input", test_arp_input},
		{"test_arp_learn", test_arp_learn},
		{"test_arp_chain", test_arp_chain},
		{"test_nd_flags", test_nd_flags},
		CU_TEST_INFO_NULL,
	};

	if (frames_init(N_MBUFS))
		return 1;
	return suite_run("link", tests);
}
