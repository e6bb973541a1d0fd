/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * net/icmp.c and net/frag.c: neighbour discovery's questions to us, echo, errors that are never answered, reassembly
 * and its bounds.
 */
#include "net/frag.h"
#include "linkbed.h"

/* --- neighbour discovery ------------------------------------------------------------------------------------ */

static void
check_advert(const uint8_t *dst_mac, const uint8_t *target, const uint8_t *dst, uint8_t flags)
{
	uint8_t want[FRAME_MAX];

	CU_ASSERT_EQUAL_FATAL(ifc->n_tx, 1);
	put_nd(want, 136, flags, target, dst, target, our_mac);
	put_eth(want, dst_mac, our_mac, 0x86dd);
	CU_ASSERT_EQUAL(ifc->tx[0]->pkt_len, 86);
	CU_ASSERT_EQUAL(memcmp(sent(0), want, 86), 0);
	tx_clear();
}

static void
test_nd_input(void)
{
	static const uint8_t none[16], all_nodes[16] = {0xff, 2, [15] = 1};
	static const uint8_t all_mac[6] = {0x33, 0x33, 0, 0, 0, 1};
	uint8_t f[FRAME_MAX], third[16], group[16], alien[16];
	uint32_t len;

	up(8);
	memcpy(third, our6, 16);
	third[15] = 3;
	memcpy(group, node_group, 16);
	group[15] = 3;
	memcpy(alien, our6, 16);
	alien[15] = 77;
	input(f, put_nd(f, 135, 0, peer6, node_group, our6, peer_mac));
	check_advert(peer_mac, our6, peer6, 0x60);
	CU_ASSERT_EQUAL(w->neighs.n, 1);
	input(f, put_nd(f, 135, 0, peer6, group, third, peer_mac));
	check_advert(peer_mac, third, peer6, 0x60);
	input(f, put_nd(f, 135, 0, peer6, our6, our6, NULL)); /* unicast, without option: to the frame's source */
	check_advert(peer_mac, our6, peer6, 0x60);
	input(f, put_nd(f, 135, 0, peer6, our_ll6, our_ll6, NULL));
	check_advert(peer_mac, our_ll6, peer6, 0x60);
	input(f, put_nd(f, 135, 0, none, node_group, our6, NULL)); /* duplicate address detection */
	check_advert(all_mac, our6, all_nodes, 0x20);
	CU_ASSERT_EQUAL(w->neighs.n, 1);

	refused("probe with option", f, put_nd(f, 135, 0, none, node_group, our6, peer_mac), STAT_DROP_ICMP);
	refused("probe to unicast", f, put_nd(f, 135, 0, none, our6, our6, NULL), STAT_DROP_ICMP);
	refused("not our target", f, put_nd(f, 135, 0, peer6, our6, alien, peer_mac), STAT_DROP_ICMP);
	refused("other group", f, put_nd(f, 135, 0, peer6, group, our6, peer_mac), STAT_DROP_ICMP);
	refused("all nodes", f, put_nd(f, 135, 0, peer6, all_nodes, our6, peer_mac), STAT_DROP_ICMP);
	refused("B45 claims our address", f, put_nd(f, 136, 0x20, our6, all_nodes, our6, other_mac), STAT_DROP_ICMP);
	refused("B45 our address asks", f, put_nd(f, 135, 0, our6, node_group, our6, other_mac), STAT_DROP_ICMP);
	refused("stranger's answer", f, put_nd(f, 136, 0x60, alien, our6, alien, other_mac), STAT_DROP_ICMP);
	refused("solicited to a group", f, put_nd(f, 136, 0x60, peer6, all_nodes, peer6, peer_mac), STAT_DROP_ICMP);
	refused("group MAC", f, put_nd(f, 135, 0, peer6, our6, our6, broadcast), STAT_DROP_ICMP);
	len = put_nd(f, 135, 0, peer6, node_group, our6, peer_mac);
	f[L3 + 7] = 254;
	refused("hop limit 254", f, len, STAT_DROP_ICMP);
	f[L3 + 7] = 255;
	f[L4_V6 + 30] ^= 1;
	refused("bad checksum", f, len, STAT_DROP_ICMP);
	put_nd(f, 135, 0, peer6, node_group, our6, peer_mac);
	f[L4_V6 + 25] = 0;
	fix_l4(f, L4_V6, 32, IPPROTO_ICMPV6, 2);
	refused("option length 0", f, len, STAT_DROP_ICMP);
	f[L4_V6 + 25] = 2;
	fix_l4(f, L4_V6, 32, IPPROTO_ICMPV6, 2);
	refused("option over message", f, len, STAT_DROP_ICMP);
	put_nd(f, 135, 0, peer6, node_group, our6, peer_mac);
	f[L4_V6 + 1] = 1;
	fix_l4(f, L4_V6, 32, IPPROTO_ICMPV6, 2);
	refused("code 1", f, len, STAT_DROP_ICMP);
	len = put_nd(f, 134, 0, peer6, all_nodes, our6, peer_mac);
	refused("router advertisement", f, len, STAT_DROP_ICMP);
	len = put_nd(f, 137, 0, peer6, our6, our6, peer_mac);
	refused("redirect", f, len, STAT_DROP_ICMP);
	CU_ASSERT_EQUAL(w->neighs.n, 1);
	CU_ASSERT_EQUAL(w->stats[STAT_ND_RX], 6); /* five questions, a stranger's answer */
	down();
}

/* --- echo and errors ---------------------------------------------------------------------------------------- */

static uint32_t
put_echo(uint8_t *f, uint8_t af, uint32_t payload)
{
	const uint8_t proto = af == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
	const uint16_t l4 = put_ip(f, af, proto, 8 + payload);
	uint32_t i;

	memset(f + l4, 0, 8);
	f[l4] = af == 4 ? 8 : 128;
	put32(f + l4 + 4, 0x12340001);
	for (i = 0; i < payload; i++)
		f[l4 + 8 + i] = pat(i);
	fix_l4(f, l4, 8 + payload, proto, 2);
	return l4 + 8 + payload;
}

/* tx[0] answers put_echo(f). */
static void
check_echo(uint8_t *f, uint8_t af, uint32_t payload)
{
	const uint16_t l4 = af == 4 ? L4_V4 : L4_V6, alen = af == 4 ? 4 : 16, src = L3 + (af == 4 ? 12 : 8);
	const uint8_t proto = af == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6, *r;

	put_echo(f, af, payload);
	CU_ASSERT_EQUAL_FATAL(ifc->n_tx, 1);
	r = rte_pktmbuf_mtod(ifc->tx[0], const uint8_t *);
	CU_ASSERT_EQUAL(ifc->tx[0]->pkt_len, l4 + 8 + payload);
	CU_ASSERT_EQUAL(memcmp(r, peer_mac, 6), 0);
	CU_ASSERT_EQUAL(memcmp(r + 6, our_mac, 6), 0);
	CU_ASSERT_EQUAL(memcmp(r + src, af == 4 ? our4 : our6, alen), 0);
	CU_ASSERT_EQUAL(memcmp(r + src + alen, af == 4 ? peer4 : peer6, alen), 0);
	CU_ASSERT_EQUAL(r[l4], af == 4 ? 0 : 129);
	CU_ASSERT_EQUAL(memcmp(r + l4 + 4, f + l4 + 4, 4 + payload), 0);
	CU_ASSERT(l4_right(r, l4, 8 + payload, proto));
	CU_ASSERT(af == 6 || (ref_sum(0, r + L3, 20) == 0xffff && r[L3] == 0x45 && get16(r + L3 + 2) == 28 + payload));
	CU_ASSERT(af == 4 || (r[L3 + 6] == IPPROTO_ICMPV6 && get16(r + L3 + 4) == 8 + payload));
	CU_ASSERT_EQUAL(r[L3 + (af == 4 ? 8 : 7)], 64);
	tx_clear();
}

static void
test_echo(void)
{
	static const uint32_t sizes[] = {0, 1, 56, 57, 1452};
	static const uint8_t pad_header[8] = {IPPROTO_ICMPV6, 0, 1, 4};
	uint8_t f[FRAME_MAX], g[FRAME_MAX];
	unsigned int af, i;
	uint32_t len;

	up(8);
	for (af = 4; af <= 6; af += 2) {
		for (i = 0; i < RTE_DIM(sizes); i++) {
			len = put_echo(f, af, sizes[i]);
			input(f, len);
			check_echo(f, af, sizes[i]);
		}
		len = put_echo(f, af, 9);
		f[len - 1] ^= 4;
		refused("bad checksum", f, len, STAT_DROP_ICMP);
	}
	CU_ASSERT_EQUAL(w->stats[STAT_ECHO_REPLY], 2 * RTE_DIM(sizes));

	len = put_echo(f, 4, 9); /* IPv4 options are not echoed */
	memcpy(g, f, L4_V4);
	memcpy(g + L4_V4, "\7\3\4\1", 4);
	memcpy(g + L4_V4 + 4, f + L4_V4, len - L4_V4);
	g[L3] = 0x46;
	put16(g + L3 + 2, len + 4 - L3);
	fix_ip4(g);
	input(g, len + 4);
	check_echo(f, 4, 9);
	len = put_echo(f, 6, 9); /* nor extension headers */
	memcpy(g, f, L4_V6);
	memcpy(g + L4_V6, pad_header, 8);
	memcpy(g + L4_V6 + 8, f + L4_V6, len - L4_V6);
	g[L3 + 6] = 60;
	put16(g + L3 + 4, len + 8 - L4_V6);
	input(g, len + 8);
	check_echo(f, 6, 9);

	len = put_echo(f, 4, 9);
	memcpy(f + L3 + 16, (uint8_t[4]){192, 0, 2, 255}, 4);
	memcpy(f, broadcast, 6);
	fix_ip4(f);
	refused("to broadcast", f, len, STAT_DROP_MARTIAN);
	len = put_echo(f, 6, 9);
	memcpy(f + L3 + 24, "\xff\2\0\0\0\0\0\0\0\0\0\0\0\0\0\1", 16);
	memcpy(f, "\x33\x33\0\0\0\1", 6);
	fix_l4(f, L4_V6, 17, IPPROTO_ICMPV6, 2);
	refused("to all nodes", f, len, STAT_DROP_ICMP);
	len = put_echo(f, 6, 9);
	memset(f + L3 + 8, 0, 16);
	fix_l4(f, L4_V6, 17, IPPROTO_ICMPV6, 2);
	refused("from ::", f, len, STAT_DROP_ICMP);
	down();
}

/* No ICMP error, and no type at all but echo and solicitations, is ever answered; B40. */
static void
test_icmp_types(void)
{
	uint8_t f[FRAME_MAX];
	unsigned int af, type, errors = 0;
	uint32_t len;

	up(8);
	for (af = 4; af <= 6; af += 2) {
		const uint16_t l4 = af == 4 ? L4_V4 : L4_V6;

		for (type = 0; type < 256; type++) {
			if (type == (af == 4 ? 8 : 128))
				continue;
			len = put_echo(f, af, type % 40);
			f[l4] = type;
			fix_l4(f, l4, len - l4, af == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6, 2);
			refused("type", f, len, STAT_DROP_ICMP);
			errors +=
				af == 4 ? type == 3 || type == 4 || type == 5 || type == 11 || type == 12 : type < 128;
		}
	}
	CU_ASSERT_EQUAL(w->stats[STAT_UNREACH_RX], errors);
	down();
}

/* --- fragments ---------------------------------------------------------------------------------------------- */

static uint32_t frag_id;

/* Bytes [off, end) of the transport part of the TCP frame f as a fragment in g. */
static uint32_t
put_frag(uint8_t *g, const uint8_t *f, uint8_t af, uint32_t off, uint32_t end, bool more)
{
	const uint16_t l4 = af == 4 ? L4_V4 : L4_V6, ext = af == 4 ? 0 : 8;

	memcpy(g, f, l4);
	memcpy(g + l4 + ext, f + l4 + off, end - off);
	if (af == 4) {
		put16(g + L3 + 2, 20 + end - off);
		put16(g + L3 + 4, frag_id);
		put16(g + L3 + 6, off / 8 | (more ? 0x2000 : 0));
		fix_ip4(g);
	} else {
		g[L3 + 6] = 44;
		put16(g + L3 + 4, 8 + end - off);
		g[l4] = IPPROTO_TCP;
		g[l4 + 1] = 0;
		put16(g + l4 + 2, off | more);
		put32(g + l4 + 4, frag_id);
	}
	return l4 + ext + end - off;
}

static void
test_reassembly(void)
{
	static const uint8_t order[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
	static const uint32_t at[4] = {0, 48, 512, 1040};
	uint8_t f[FRAME_MAX], g[FRAME_MAX], copy[FRAME_MAX];
	const uint8_t *p;
	struct rte_mbuf *m;
	struct seg s;
	unsigned int af, i, k;
	uint32_t len;

	up(4);
	for (af = 4; af <= 6; af += 2) {
		for (i = 0; i < 6; i++) {
			put_syn(f, af, 1000);
			frag_id++;
			m = NULL;
			for (k = 0; k < 3; k++) {
				const uint32_t from = at[order[i][k]], to = at[order[i][k] + 1];

				CU_ASSERT_PTR_NULL(m);
				len = put_frag(g, f, af, from, to, to != 1040);
				m = input_seg(g, len, &s);
			}
			CU_ASSERT_PTR_NOT_NULL_FATAL(m);
			CU_ASSERT_EQUAL(s.kind, PKT_TCP);
			CU_ASSERT_EQUAL(s.len, 1000);
			CU_ASSERT_EQUAL(s.optlen, 20);
			CU_ASSERT_EQUAL(m->pkt_len, s.data_off + 1000);
			p = rte_pktmbuf_read(m, s.data_off, 1000, copy);
			for (k = 0; p && k < 1000 && p[k] == pat(k); k++)
				;
			CU_ASSERT_EQUAL(k, 1000);
			rte_pktmbuf_free(m);
		}
		len = put_echo(f, af, 1000);
		frag_id++;
	}
	CU_ASSERT_EQUAL(w->stats[STAT_REASM_OK], 12);
	CU_ASSERT_EQUAL(drops(), 0);
	ASSERT_POOL_FULL();
	f[L4_V4] = 0;
	put_syn(f, 4, 1000);
	f[L4_V4 + 1039] ^= 1; /* nobody else looks at the checksum of the whole */
	frag_id++;
	input(g, put_frag(g, f, 4, 0, 512, true));
	refused("bad TCP checksum of the whole", g, put_frag(g, f, 4, 512, 1040, false), STAT_DROP_TCP_CSUM);
	down();
}

static void
test_fragments_bad(void)
{
	uint8_t f[FRAME_MAX], g[FRAME_MAX];
	unsigned int af;
	uint32_t len;

	up(4);
	for (af = 4; af <= 6; af += 2) {
		put_syn(f, af, 1000);
		refused("B03 first without TCP header", g, put_frag(g, f, af, 0, 16, true), STAT_DROP_FRAG);
		refused("B03 offset in the header", g, put_frag(g, f, af, 8, 64, true), STAT_DROP_FRAG);
		refused("offset at 16", g, put_frag(g, f, af, 16, 64, true), STAT_DROP_FRAG);
		refused("not a multiple of 8", g, put_frag(g, f, af, 0, 47, true), STAT_DROP_FRAG);
		len = put_frag(g, f, af, 0, 48, false);
		put16(g + (af == 4 ? L3 + 6 : L4_V6 + 2), af == 4 ? 0x1fff : 0xfff8);
		if (af == 4)
			fix_ip4(g);
		refused("B03 past 65535", g, len, STAT_DROP_FRAG);
		frag_id++;
		taken(g, put_frag(g, f, af, 0, 512, true));
		taken(g, put_frag(g, f, af, 504, 1000, true));
		input(g, put_frag(g, f, af, 512, 1040, false)); /* overlap: all three */
		CU_ASSERT_EQUAL(ifc->n_tx, 0);
		sleep_us(31 * SEC);
		CU_ASSERT_EQUAL(w->stats[STAT_REASM_OK], 0);
		CU_ASSERT_EQUAL(w->stats[STAT_DROP_FRAG], (af == 4 ? 1 : 2) * 8u);
		ASSERT_POOL_FULL();
	}
	len = put_frag(g, f, 6, 0, 48, true);
	g[L4_V6] = 60;
	refused("headers behind the fragment header", g, len, STAT_DROP_FRAG);
	CU_ASSERT_EQUAL(drops(), w->stats[STAT_DROP_FRAG]);
	down();
}

/* B03: never finished, 100000 of them: memory is bounded, and free again half a minute later. */
static void
test_fragment_flood(void)
{
	uint8_t f[FRAME_MAX], g[FRAME_MAX];
	unsigned int i, least = N_MBUFS, avail;

	up(4);
	for (i = 0; i < 100000; i++) {
		put_syn(f, i & 1 ? 4 : 6, 1000);
		frag_id++;
		input(g, put_frag(g, f, i & 1 ? 4 : 6, 0, 512, true));
		avail = rte_mempool_avail_count(frames_pool);
		least = RTE_MIN(least, avail);
	}
	CU_ASSERT_EQUAL(least, N_MBUFS - N_MBUFS / 32);
	CU_ASSERT_EQUAL(w->stats[STAT_DROP_FRAG_SHARE] + w->stats[STAT_DROP_FRAG_FULL] + N_MBUFS / 32, 100000);
	CU_ASSERT(w->stats[STAT_DROP_FRAG_SHARE] > 0);
	sleep_us(29 * SEC);
	CU_ASSERT(rte_mempool_avail_count(frames_pool) < N_MBUFS);
	sleep_us(2 * SEC);
	CU_ASSERT_EQUAL(w->stats[STAT_DROP_FRAG_TIMEOUT], N_MBUFS / 32);
	CU_ASSERT_EQUAL(drops(), 100000);
	ASSERT_POOL_FULL();
	CU_ASSERT_EQUAL(w->wheel.armed, 0);
	put_syn(f, 4, 1000); /* and it works again */
	frag_id++;
	taken(g, put_frag(g, f, 4, 0, 512, true));
	down();
}

/* Charged as what they hold; what is whole is given back. A datagram too many is told from mbufs too many. */
static void
test_fragment_room(void)
{
	uint8_t f[FRAME_MAX], g[FRAME_MAX];
	struct rte_mbuf *m, *tail;
	unsigned int i, k;
	struct seg s;
	uint32_t len;

	up(4);
	put_syn(f, 4, 1000);
	for (i = 0; i < 8; i++) { /* of four mbufs each: seven fit a 32nd of 1023 */
		frag_id++;
		len = put_frag(g, f, 4, 0, 512, true);
		m = to_mbuf(g, len - 300);
		for (k = 0; k < 3; k++) {
			tail = rte_pktmbuf_alloc(frames_pool);
			memcpy(rte_pktmbuf_append(tail, 100), g + len - 300 + 100 * k, 100);
			rte_pktmbuf_chain(m, tail);
		}
		CU_ASSERT_EQUAL_FATAL(pkt_parse(ifc, m, &s), 0);
		CU_ASSERT_PTR_NULL(other_in(&s));
	}
	CU_ASSERT_EQUAL(frag_max(&w->link), N_MBUFS / 32);
	CU_ASSERT_EQUAL(frag_held(&w->link), 28);
	CU_ASSERT_EQUAL(w->stats[STAT_DROP_FRAG_SHARE], 1);
	frag_id--;
	m = input_seg(g, put_frag(g, f, 4, 512, 1040, false), &s);
	CU_ASSERT_PTR_NOT_NULL_FATAL(m);
	rte_pktmbuf_free(m);
	CU_ASSERT_EQUAL(frag_held(&w->link), 24);
	CU_ASSERT_EQUAL(drops(), 1);
	down();
	up(4);
	w->conf.n_workers = 1;
	w->mbufs.pool->size *= 16; /* as if: room for more mbufs than datagrams */
	for (i = 0; i < FRAG_DATAGRAMS_MAX + 8; i++) {
		frag_id++;
		input(g, put_frag(g, f, 4, 0, 512, true));
	}
	w->mbufs.pool->size /= 16;
	CU_ASSERT(w->stats[STAT_DROP_FRAG_FULL] >= 8);
	CU_ASSERT_EQUAL(drops(), w->stats[STAT_DROP_FRAG_FULL]);
	sleep_us(31 * SEC);
	down();
}

/* One of more mbufs than all may hold is dropped alone, and nothing is waited for. */
static void
test_fragment_too_many(void)
{
	uint8_t f[FRAME_MAX], g[FRAME_MAX];
	struct rte_mbuf *m;
	struct seg s;
	uint32_t cut[N_MBUFS / 32];
	unsigned int i;

	up(4);
	put_syn(f, 4, 1000);
	for (i = 0; i < RTE_DIM(cut); i++)
		cut[i] = 100 + 10 * i;
	frag_id++;
	m = to_chain(g, put_frag(g, f, 4, 0, 512, true), cut, RTE_DIM(cut));
	CU_ASSERT_EQUAL_FATAL(pkt_parse(ifc, m, &s), 0);
	CU_ASSERT_PTR_NULL(other_in(&s));
	CU_ASSERT_EQUAL(w->stats[STAT_DROP_FRAG_SHARE], 1);
	CU_ASSERT_EQUAL(drops(), 1);
	CU_ASSERT_EQUAL(frag_held(&w->link), 0);
	ASSERT_POOL_FULL();
	sleep_us(31 * SEC);
	CU_ASSERT_EQUAL(w->wheel.armed, 0);
	CU_ASSERT_EQUAL(drops(), 1);
	down();
}

/* Each waits for its own half a minute. */
static void
test_fragment_expiry(void)
{
	uint8_t f[FRAME_MAX], g[FRAME_MAX];
	unsigned int i;

	up(4);
	put_syn(f, 4, 1000);
	for (i = 0; i < 3; i++) {
		frag_id++;
		taken(g, put_frag(g, f, 4, 0, 512, true));
		sleep_us(10 * SEC);
	}
	sleep_us(SEC);
	for (i = 1; i <= 3; i++) {
		CU_ASSERT_EQUAL(rte_mempool_avail_count(frames_pool), N_MBUFS - 3 + i);
		sleep_us(10 * SEC + 10 * TICK_US); /* checked each second */
	}
	ASSERT_POOL_FULL();
	CU_ASSERT_EQUAL(w->stats[STAT_DROP_FRAG_TIMEOUT], 3);
	CU_ASSERT_EQUAL(w->wheel.armed, 0);
	down();
}

/* --- fragmented echo, UDP ------------------------------------------------------------------------------------ */

/* The fragments sent, put together again in f; they are of one datagram and fit the MTU. @return bytes of the
 * transport part. */
static uint32_t
put_together(uint8_t *f, uint8_t af)
{
	const uint32_t l4 = af == 4 ? L4_V4 : L4_V6, ext = af == 4 ? 0 : 8, id_at = af == 4 ? L3 + 4 : l4 + 4;
	uint32_t end = 0, got = 0, off, n;
	const uint8_t *p, *first = sent(0);
	unsigned int i;

	for (i = 0; i < ifc->n_tx; i++) {
		p = sent(i);
		CU_ASSERT(ifc->tx[i]->pkt_len <= 1514);
		CU_ASSERT_EQUAL(memcmp(p, peer_mac, 6), 0);
		CU_ASSERT_EQUAL(memcmp(p + id_at, first + id_at, af == 4 ? 2 : 4), 0);
		CU_ASSERT(af == 6 || ref_sum(0, p + L3, 20) == 0xffff);
		off = af == 4 ? (get16(p + L3 + 6) & 0x1fff) * 8u : get16(p + l4 + 2) & 0xfff8u;
		n = ifc->tx[i]->pkt_len - l4 - ext;
		CU_ASSERT_EQUAL(n + ext, af == 4 ? get16(p + L3 + 2) - 20u : get16(p + L3 + 4));
		memcpy(f + l4 + off, p + l4 + ext, n);
		got += n;
		if (!(af == 4 ? get16(p + L3 + 6) & 0x2000 : get16(p + l4 + 2) & 1))
			end = off + n;
	}
	memcpy(f, first, l4);
	if (af == 6)
		f[L3 + 6] = first[l4];
	CU_ASSERT_EQUAL(got, end);
	return end;
}

/* RFC 1122 3.2.2.6: all of it comes back. */
static void
test_echo_fragments(void)
{
	static const uint32_t sizes[] = {1473, 2000, 2960, 4000, 8000};
	static uint8_t f[FRAME_MAX * 5], r[FRAME_MAX * 5];
	uint8_t g[FRAME_MAX];
	unsigned int af, i, multi;
	uint32_t off, n;
	uint16_t id = 0;

	for (multi = 0; multi < 2; multi++) {
		up(8);
		ifc->tx_multi_seg = multi;
		for (af = 4; af <= 6; af += 2) {
			const uint16_t l4 = af == 4 ? L4_V4 : L4_V6;

			for (i = 0; i < RTE_DIM(sizes); i++) {
				n = put_echo(f, af, sizes[i]) - l4;
				frag_id++;
				for (off = 0; off < n; off += 1448) {
					const uint32_t len =
						put_frag(g, f, af, off, RTE_MIN(n, off + 1448), off + 1448 < n);

					if (af == 6)
						g[l4] = IPPROTO_ICMPV6;
					input(g, len);
				}
				CU_ASSERT_FATAL(ifc->n_tx > 1);
				CU_ASSERT_EQUAL(put_together(r, af), n);
				CU_ASSERT_EQUAL(r[l4], af == 4 ? 0 : 129);
				CU_ASSERT_EQUAL(memcmp(r + l4 + 4, f + l4 + 4, n - 4), 0);
				CU_ASSERT(l4_right(r, l4, n, af == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6));
				if (af == 4 && i) /* counts up, and is no number that anything else draws */
					CU_ASSERT_EQUAL(get16(sent(0) + L3 + 4), (uint16_t)(id + 1));
				id = get16(sent(0) + L3 + 4);
				tx_clear();
			}
		}
		CU_ASSERT_EQUAL(w->stats[STAT_ECHO_REPLY], 2 * RTE_DIM(sizes));
		CU_ASSERT_EQUAL(drops(), 0);
		down();
	}
}

/* Put an echo request whose answer needs fragments in, as two. */
static void
ask_long(uint8_t af)
{
	uint8_t f[FRAME_MAX * 2], g[FRAME_MAX];
	const uint16_t l4 = af == 4 ? L4_V4 : L4_V6;
	const uint32_t n = put_echo(f, af, 2000) - l4;
	unsigned int i;

	frag_id++;
	for (i = 0; i < 2; i++) {
		const uint32_t len = put_frag(g, f, af, i * 1448, i ? n : 1448, !i);

		if (af == 6)
			g[l4] = IPPROTO_ICMPV6;
		input(g, len);
	}
}

/* All fragments of an answer or none: neither a full ring nor an empty pool lets one out alone. */
static void
test_echo_no_room(void)
{
	static struct rte_mbuf *taken[N_MBUFS];
	unsigned int af, n, spare;

	up(8);
	for (af = 4; af <= 6; af += 2) {
		ifc->n_tx = TX_RING - 1; /* as good as full */
		ask_long(af);
		CU_ASSERT_EQUAL(ifc->n_tx, TX_RING - 1);
		CU_ASSERT_EQUAL(w->stats[STAT_DROP_TX_FULL], af / 2 - 1);
		ifc->n_tx = 0;
	}
	for (spare = 2; spare <= 4; spare++) { /* two for the request; its answer has two more */
		for (n = 0; rte_mempool_avail_count(frames_pool) > spare; n++)
			taken[n] = rte_pktmbuf_alloc(frames_pool);
		ask_long(6);
		CU_ASSERT_EQUAL(ifc->n_tx, spare == 4 ? 2 : 0);
		CU_ASSERT_EQUAL(w->stats[STAT_DROP_TX_FULL], 2 + RTE_MIN(spare, 3u) - 1);
		CU_ASSERT_EQUAL(w->stats[STAT_MBUF_EMPTY], RTE_MIN(spare, 3u) - 1);
		rte_pktmbuf_free_bulk(taken, n);
	}
	CU_ASSERT_EQUAL(w->stats[STAT_FRAG_OUT], 2);
	down();
}

/* A request in two pieces, for a device that takes one, and no room behind the first. */
static void
test_echo_pieces(void)
{
	uint8_t f[FRAME_MAX];
	const uint32_t len = put_echo(f, 4, 200);
	struct rte_mbuf *m;
	struct seg s;
	unsigned int room;

	for (room = 0; room < 2; room++) {
		up(8);
		m = to_mbuf(f, 100);
		if (!room) {
			m->data_off = m->buf_len - 100;
			memcpy(rte_pktmbuf_mtod(m, void *), f, 100);
		}
		CU_ASSERT_EQUAL_FATAL(rte_pktmbuf_chain(m, to_mbuf(f + 100, len - 100)), 0);
		CU_ASSERT_EQUAL_FATAL(pkt_parse(ifc, m, &s), 0);
		CU_ASSERT_PTR_NULL(other_in(&s));
		CU_ASSERT_EQUAL(ifc->n_tx, room);
		CU_ASSERT_EQUAL(w->stats[STAT_DROP_TX_FULL], !room);
		if (room)
			CU_ASSERT_EQUAL(memcmp(sent(0) + L4_V4 + 4, f + L4_V4 + 4, 204), 0);
		down();
	}
}

static uint32_t
put_udp(uint8_t *f, uint8_t af, uint32_t payload)
{
	const uint16_t l4 = put_ip(f, af, IPPROTO_UDP, 8 + payload);
	uint32_t i;

	put16(f + l4, 5353);
	put16(f + l4 + 2, 33434);
	put16(f + l4 + 4, 8 + payload);
	for (i = 0; i < payload; i++)
		f[l4 + 8 + i] = pat(i);
	fix_l4(f, l4, 8 + payload, IPPROTO_UDP, 6);
	return l4 + 8 + payload;
}

/* Answered with port unreachable that quotes it, at most 1000 a second after a burst of 50; a group never is. */
static void
test_udp(void)
{
	static const uint32_t sizes[] = {0, 1, 100, 1400};
	uint8_t f[FRAME_MAX];
	unsigned int af, i;
	const uint8_t *r;
	uint32_t len, n;

	for (af = 4; af <= 6; af += 2) {
		const uint16_t l4 = af == 4 ? L4_V4 : L4_V6, alen = af == 4 ? 4 : 16, src = L3 + (af == 4 ? 12 : 8);
		const uint32_t most = af == 4 ? 576 : 1280;

		up(8);
		for (i = 0; i < RTE_DIM(sizes); i++) {
			len = put_udp(f, af, sizes[i]);
			input(f, len);
			CU_ASSERT_EQUAL_FATAL(ifc->n_tx, 1);
			r = sent(0);
			n = ifc->tx[0]->pkt_len - l4;
			CU_ASSERT_EQUAL(n, RTE_MIN(8 + len - L3, most - (l4 - L3)));
			CU_ASSERT_EQUAL(memcmp(r, peer_mac, 6), 0);
			CU_ASSERT_EQUAL(memcmp(r + src, f + src + alen, alen), 0);
			CU_ASSERT_EQUAL(memcmp(r + src + alen, f + src, alen), 0);
			CU_ASSERT_EQUAL(get16(r + l4), af == 4 ? 0x0303 : 0x0104);
			CU_ASSERT_EQUAL(memcmp(r + l4 + 8, f + L3, n - 8), 0);
			CU_ASSERT(l4_right(r, l4, n, af == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6));
			CU_ASSERT(af == 6 || ref_sum(0, r + L3, 20) == 0xffff);
			tx_clear();
		}
		CU_ASSERT_EQUAL(w->stats[STAT_DROP_IP_PROTO], RTE_DIM(sizes)); /* one reason, answered or not */
		CU_ASSERT_EQUAL(w->stats[STAT_PORT_UNREACH], RTE_DIM(sizes));
		sleep_us(SEC);
		len = put_udp(f, af, 9);
		memcpy(f, broadcast, 6);
		refused("in a broadcast frame", f, len, STAT_DROP_IP_PROTO);
		len = put_udp(f, af, 9);
		memcpy(f + src + alen,
		       af == 4 ? (const uint8_t *)"\xe0\0\0\xfb" : (const uint8_t[16]){0xff, 2, [15] = 0xfb}, alen);
		if (af == 4)
			fix_ip4(f);
		refused("to a group", f, len, STAT_DROP_IP_PROTO);
		len = put_udp(f, af, 9);
		f[src + alen + (af == 4 ? 3 : 15)] = 99;
		if (af == 4)
			fix_ip4(f);
		refused("to somebody else", f, len, STAT_DROP_IP_PROTO);
		len = put_udp(f, af, 9);
		for (i = 0; i < 300; i++) {
			input(f, len);
			sleep_us(100);
		}
		CU_ASSERT(ifc->n_tx >= 50 + 29 && ifc->n_tx <= 50 + 32);
		CU_ASSERT_EQUAL(w->stats[STAT_ICMP_RATELIMIT] + ifc->n_tx, 300);
		down();
	}
}

int
main(void)
{
	static CU_TestInfo tests[] = {
		{"test_nd_input", test_nd_input},
		{"test_echo", test_echo},
		{"test_icmp_types", test_icmp_types},
		{"test_reassembly", test_reassembly},
		{"test_fragments_bad", test_fragments_bad},
		{"test_fragment_flood", test_fragment_flood},
		{"test_fragment_room", test_fragment_room},
		{"test_fragment_too_many", test_fragment_too_many},
		{"test_fragment_expiry", test_fragment_expiry},
		{"test_echo_fragments", test_echo_fragments},
		{"test_echo_no_room", test_echo_no_room},
		{"test_echo_pieces", test_echo_pieces},
		{"test_udp", test_udp},
		CU_TEST_INFO_NULL,
	};

	if (frames_init(N_MBUFS))
		return 1;
	return suite_run("icmp", tests);
}
