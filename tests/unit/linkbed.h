/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A worker of nothing but link state in virtual time, for test_link.c, test_link_output.c and test_icmp.c. Every test
 * counts what was sent, silence included, and ends with all mbufs back in the pool.
 */
#ifndef LINKBED_H
#define LINKBED_H
#include "frames.h"
#include "net/icmp.h"
#include "tcp/context.h"
#include "tcp/icmp.h"

#define N_MBUFS 1023
#define SEC 1000000ull

static struct tern_worker *w;
static struct iface *ifc;
static const uint8_t other_mac[6] = {2, 0, 0, 0, 0, 3};
static const uint8_t our_ll6[16] = {0xfe, 0x80, [11] = 0xff, [12] = 0xfe, [15] = 1};
static const uint8_t node_group[16] = {0xff, 2, [11] = 1, [12] = 0xff, [15] = 1}; /* solicited-node of our6 */

static inline void
up(uint32_t max_neighs)
{
	struct tern_if_conf conf = {.prefix4 = 24,
				    .prefix6 = 64,
				    .addr4_count = 4,
				    .addr6_count = 4,
				    .gw4 = {192, 0, 2, 254},
				    .gw6 = {0x20, 1, 0xd, 0xb8, [15] = 254}};
	struct rte_ether_addr mac;

	w = calloc(1, sizeof(*w));
	CU_ASSERT_PTR_NOT_NULL_FATAL(w);
	w->node = -1;
	CU_ASSERT_EQUAL_FATAL(mbufs_init(&w->mbufs, frames_pool, 1, 8, -1), 0);
	w->now_us = 1000 * SEC;
	w->rng[0] = w->secret[0] = frames_rand();
	w->secret[1] = frames_rand();
	wheel_init(&w->wheel, w->now_us >> TICK_SHIFT);
	CU_ASSERT_EQUAL_FATAL(table_init(&w->table, 64, (const uint8_t[32]){7}, -1), 0);
	memcpy(conf.addr4, our4, 4);
	memcpy(conf.addr6, our6, 16);
	memcpy(&mac, our_mac, 6);
	ifc = &w->ifs[0];
	CU_ASSERT_EQUAL_FATAL(link_iface_init(ifc, 0, &conf, &mac, 1500), 0);
	w->n_ifs = 1;
	CU_ASSERT_EQUAL_FATAL(link_init(&w->link, max_neighs), 0);
}

static inline void
tx_clear(void)
{
	while (ifc->n_tx)
		rte_pktmbuf_free(ifc->tx[--ifc->n_tx]);
}

static inline void
down(void)
{
	tx_clear();
	link_fini(&w->link);
	table_fini(&w->table);
	CU_ASSERT_EQUAL(w->wheel.armed, 0);
	mbufs_fini(&w->mbufs);
	free(w);
	ASSERT_POOL_FULL();
}

static inline void
fire(struct wheel_node *n, void *arg)
{
	struct rte_mbuf *m;

	CU_ASSERT_EQUAL_FATAL(((struct tobj *)n)->kind, TOBJ_NEIGH);
	link_timer(&w->link, (struct neigh *)n);
	while ((m = link_neigh_unanswered(&w->link, (struct neigh *)n)) != NULL) {
		tcp_unreachable(w, m);
		rte_pktmbuf_free(m);
		w->stats[STAT_DROP_NEIGH_FAILED]++;
	}
}

static inline void
sleep_us(uint64_t us)
{
	const uint64_t end = w->now_us + us;
	uint64_t next;

	while (w->now_us < end) { /* every timer at its own time */
		next = wheel_next(&w->wheel);
		w->now_us = next < end >> TICK_SHIFT ? RTE_MAX(next << TICK_SHIFT, w->now_us + 1) : end;
		wheel_advance(&w->wheel, w->now_us >> TICK_SHIFT, 1000, NULL, fire, w);
	}
}

/* As a worker does with what is not TCP. @return the datagram that s completed. */
static inline struct rte_mbuf *
other_in(struct seg *s)
{
	struct rte_mbuf *whole;
	struct icmp_err e;
	int rc = link_input(&w->link, s, &whole, &e);

	if (rc == SEG_ICMP_ERR)
		rc = tcp_icmp_input(w, s, &e);
	if (rc >= 0)
		rte_pktmbuf_free(s->m);
	if (rc > 0)
		w->stats[rc]++;
	return whole;
}

/* As a worker's input does. @return a TCP segment's mbuf (s filled), or NULL. */
static inline struct rte_mbuf *
input_seg(const uint8_t *f, uint32_t len, struct seg *s)
{
	struct rte_mbuf *m = to_mbuf(f, len);
	int rc = pkt_parse(ifc, m, s);

	if (rc == 0 && s->kind != PKT_TCP) {
		m = other_in(s);
		if (!m)
			return NULL;
		rc = pkt_parse(ifc, m, s);
		if (rc == 0 && s->kind != PKT_TCP) {
			CU_ASSERT_PTR_NULL(other_in(s));
			return NULL;
		}
	}
	if (rc) {
		w->stats[rc]++;
		rte_pktmbuf_free(m);
		return NULL;
	}
	return m;
}

static inline void
input(const uint8_t *f, uint32_t len)
{
	struct seg s;

	CU_ASSERT_PTR_NULL(input_seg(f, len, &s));
}

static inline uint64_t
drops(void)
{
	uint64_t n = 0;
	unsigned int i;

	for (i = STAT_DROP_FIRST; i < STAT_COUNT; i++)
		n += w->stats[i];
	return n;
}

/* The input is dropped under this reason, once, and nothing is answered. */
static inline void
refused(const char *what, const uint8_t *f, uint32_t len, enum stat reason)
{
	const uint64_t before = w->stats[reason], all = drops();
	const uint16_t n_tx = ifc->n_tx;

	input(f, len);
	if (w->stats[reason] != before + 1 || drops() != all + 1 || ifc->n_tx != n_tx)
		printf("\n  %s: %s %+d, all drops %+d, sent %d\n", what, stats_name(reason),
		       (int)(w->stats[reason] - before), (int)(drops() - all), ifc->n_tx - n_tx);
	CU_ASSERT_EQUAL(w->stats[reason], before + 1);
	CU_ASSERT_EQUAL(drops(), all + 1);
	CU_ASSERT_EQUAL(ifc->n_tx, n_tx);
}

/* The input is taken in silence. */
static inline void
taken(const uint8_t *f, uint32_t len)
{
	const uint64_t all = drops();
	const uint16_t n_tx = ifc->n_tx;

	input(f, len);
	CU_ASSERT_EQUAL(drops(), all);
	CU_ASSERT_EQUAL(ifc->n_tx, n_tx);
}

static inline const uint8_t *
sent(unsigned int i)
{
	CU_ASSERT_FATAL(i < ifc->n_tx);
	CU_ASSERT_EQUAL(ifc->tx[i]->nb_segs, 1);
	return rte_pktmbuf_mtod(ifc->tx[i], const uint8_t *);
}

/* --- what goes in and out: for both families -------------------------------------------------------------- */

/* Hand a TCP segment with sequence number seq for neighbour idx down. */
static inline void
output(uint16_t idx, uint8_t af, uint32_t seq)
{
	uint8_t f[FRAME_MAX];
	const uint32_t len = put_syn(f, af, 3), l4 = af == 4 ? L4_V4 : L4_V6;
	struct rte_mbuf *m;

	memcpy(f + L3 + (af == 4 ? 12 : 8), af == 4 ? our4 : our6, af == 4 ? 4 : 16);
	memcpy(f + L3 + (af == 4 ? 16 : 24), af == 4 ? peer4 : peer6, af == 4 ? 4 : 16);
	put32(f + l4 + 4, seq);
	if (af == 4)
		fix_ip4(f);
	fix_l4(f, l4, len - l4, IPPROTO_TCP, 16);
	m = to_mbuf(f + L3, len - L3);
	link_output(&w->link, 0, idx, m);
}

/* tx[i] is the segment output() made with seq, whole and right, to mac. */
static inline void
check_output(unsigned int i, uint8_t af, uint32_t seq, const uint8_t *mac)
{
	const uint8_t *f = sent(i);
	const uint16_t l4 = af == 4 ? L4_V4 : L4_V6;

	CU_ASSERT_EQUAL(memcmp(f, mac, 6), 0);
	CU_ASSERT_EQUAL(memcmp(f + 6, our_mac, 6), 0);
	CU_ASSERT_EQUAL(get16(f + 12), af == 4 ? 0x0800 : 0x86dd);
	CU_ASSERT_EQUAL(ifc->tx[i]->pkt_len, l4 + 43u);
	CU_ASSERT_EQUAL(get32(f + l4 + 4), seq);
	CU_ASSERT(af == 6 || ref_sum(0, f + L3, 20) == 0xffff);
	CU_ASSERT(l4_right(f, l4, 43, IPPROTO_TCP));
	CU_ASSERT_EQUAL(ifc->tx[i]->ol_flags, 0);
}

/* The peer answers a question for its address with mac. */
static inline uint32_t
put_answer(uint8_t *f, uint8_t af, const uint8_t *mac)
{
	return af == 4 ? put_arp(f, 2, mac, peer4, our4) : put_nd(f, 136, 0x60, peer6, our6, peer6, mac);
}

static inline uint16_t
get_peer(uint8_t af, const uint8_t *hint)
{
	struct rte_ether_addr mac;
	uint8_t hop[16] = {0};

	memcpy(hop, af == 4 ? peer4 : peer6, af == 4 ? 4 : 16);
	if (hint)
		memcpy(&mac, hint, 6);
	return link_neigh_get(&w->link, 0, af, hop, hint ? &mac : NULL);
}

static inline void
answer(uint8_t af, const uint8_t *mac)
{
	uint8_t f[FRAME_MAX];

	input(f, put_answer(f, af, mac));
}

/* tx[i] asks for the peer: everybody, or only at mac. */
static inline void
check_ask(unsigned int i, uint8_t af, const uint8_t *mac)
{
	const uint8_t *f = sent(i);
	uint8_t want[FRAME_MAX], dst[16];

	if (af == 4) {
		put_arp(want, 1, our_mac, our4, peer4);
		if (mac)
			memcpy(want, mac, 6);
		CU_ASSERT_EQUAL(memcmp(f, want, 42), 0);
		CU_ASSERT_EQUAL(ifc->tx[i]->pkt_len, 42);
		return;
	}
	memcpy(dst, peer6, 16);
	if (!mac)
		memcpy(dst, node_group, 13);
	put_nd(want, 135, 0, our6, dst, peer6, our_mac);
	memcpy(want + 6, our_mac, 6);
	if (mac)
		memcpy(want, mac, 6);
	CU_ASSERT_EQUAL(memcmp(f, want, 86), 0);
	CU_ASSERT_EQUAL(ifc->tx[i]->pkt_len, 86);
}

static inline uint32_t
put_gratuitous(uint8_t *f, uint8_t af, const uint8_t *mac)
{
	static const uint8_t all_nodes[16] = {0xff, 2, [15] = 1};

	return af == 4 ? put_arp(f, 1, mac, peer4, peer4) : put_nd(f, 136, 0x20, peer6, all_nodes, peer6, mac);
}
#endif
