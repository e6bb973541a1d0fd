/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reassembly over rte_ip_frag. TCP avoids fragments, so this is small on purpose: FRAG_DATAGRAMS_MAX in progress per
 * worker of at most RTE_LIBRTE_IP_FRAG_MAX_FRAG fragments each, for FRAG_TIMEOUT_US, and a 32nd of the worker's mbufs
 * in all. A datagram with overlapping or too many fragments is dropped whole (RFC 5722); a fragment that no room is
 * left for alone.
 *
 * Refused before anything is stored: a first fragment without the whole transport header and the offset that could
 * overwrite it (RFC 1858, RFC 7112), lengths that are no multiple of eight, ends beyond 65535, IPv6 fragments behind
 * another extension header (rte_ip_frag takes the fragment header's place for granted).
 */
#define ALLOW_EXPERIMENTAL_API /* rte_ip_frag_table_del_expired_entries() */
#include <netinet/in.h>
#include <rte_ip_frag.h>
#include "base/cksum.h"
#include "base/pool.h"
#include "net/frag.h"
#include "net/icmp.h"

#define EXPIRE_US 1000000ull /* how late, at most, a fragment is dropped */
#define HELD_PART 32u /* this part of the worker's mbufs may be fragments of what is not whole */
#define BUCKETS 32
#define BUCKET_ENTRIES 4
#define L3_OFF RTE_ETHER_HDR_LEN
#define ICMP_HDR_LEN 8
#define KEEP_FLAGS (RTE_MBUF_F_INDIRECT | RTE_MBUF_F_EXTERNAL)

struct frag {
	struct rte_ip_frag_tbl *tbl;
	uint64_t last_at; /* when a fragment was stored last; 0: nothing is */
	uint32_t held;	  /* mbufs of datagrams that are not whole yet */
	struct rte_ip_frag_death_row dead;
};

struct frag *
frag_create(int node)
{
	struct frag *f = node_alloc(sizeof(*f), node);

	if (!f)
		return NULL;
	f->tbl = rte_ip_frag_table_create(BUCKETS, BUCKET_ENTRIES, FRAG_DATAGRAMS_MAX, FRAG_TIMEOUT_US, SOCKET_ID_ANY);
	if (!f->tbl) {
		node_free(f, sizeof(*f));
		return NULL;
	}
	return f;
}

void
frag_destroy(struct frag *f)
{
	if (!f)
		return;
	rte_ip_frag_free_death_row(&f->dead, 0);
	rte_ip_frag_table_destroy(f->tbl);
	node_free(f, sizeof(*f));
}

/* Free what the library gave up, for this reason. */
static void
bury(struct link *k, enum stat reason)
{
	struct frag *f = k->frag;
	uint32_t i;

	for (i = 0; i < f->dead.cnt; i++) {
		f->held -= f->dead.row[i]->nb_segs;
		link_drops(k, f->dead.row[i], reason);
	}
	rte_ip_frag_free_death_row(&f->dead, 0);
}

/* A fragment of len bytes at off of a datagram whose headers take hlen; more: not the last. */
static bool
fragment_ok(uint32_t off, uint32_t len, uint32_t hlen, bool more, uint8_t proto)
{
	const uint32_t first_min = proto == IPPROTO_TCP ? sizeof(struct rte_tcp_hdr) : ICMP_HDR_LEN;

	if (proto != IPPROTO_TCP && proto != IPPROTO_ICMP && proto != IPPROTO_ICMPV6)
		return false;
	if (len == 0 || (more && len % 8 != 0) || hlen + off + len > UINT16_MAX)
		return false;
	return off == 0 ? len >= first_min : off >= RTE_ALIGN(first_min, 8);
}

static struct rte_mbuf *
input4(struct link *k, struct seg *s, bool *ok)
{
	struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod_offset(s->m, struct rte_ipv4_hdr *, L3_OFF);
	const uint16_t fo = rte_be_to_cpu_16(ip->fragment_offset);
	const uint16_t hlen = s->l4_off - L3_OFF;
	const uint32_t off = (fo & RTE_IPV4_HDR_OFFSET_MASK) * 8u;

	if (!fragment_ok(off, s->len, hlen, fo & RTE_IPV4_HDR_MF_FLAG, ip->next_proto_id)) {
		k->frag->dead.row[k->frag->dead.cnt++] = s->m;
		return NULL;
	}
	*ok = true;
	s->m->l3_len = hlen;
	return rte_ipv4_frag_reassemble_packet(k->frag->tbl, &k->frag->dead, s->m, k->now_us, ip);
}

static struct rte_mbuf *
input6(struct link *k, struct seg *s, bool *ok)
{
	struct rte_ipv6_hdr *ip = rte_pktmbuf_mtod_offset(s->m, struct rte_ipv6_hdr *, L3_OFF);
	struct rte_ipv6_fragment_ext *fh = pkt_at(s->m, L3_OFF + sizeof(*ip), sizeof(*fh));
	const uint16_t fd = fh ? rte_be_to_cpu_16(fh->frag_data) : 0;

	if (s->l4_off != L3_OFF + sizeof(*ip) || !fh ||
	    !fragment_ok(RTE_IPV6_GET_FO(fd) * 8u, s->len - sizeof(*fh), 0, RTE_IPV6_GET_MF(fd), fh->next_header)) {
		k->frag->dead.row[k->frag->dead.cnt++] = s->m;
		return NULL;
	}
	*ok = true;
	s->m->l3_len = sizeof(*ip) + sizeof(*fh);
	return rte_ipv6_frag_reassemble_packet(k->frag->tbl, &k->frag->dead, s->m, k->now_us, ip, fh);
}

/* ok: the fragment m was given to the library, which says by what it gives up why: another datagram that it found too
 * old, m alone when no datagram can be begun, m and all that came before it else. */
static enum stat
why_dead(const struct rte_ip_frag_death_row *dead, const struct rte_mbuf *m, bool ok)
{
	uint32_t i;

	for (i = 0; i < dead->cnt; i++)
		if (dead->row[i] == m)
			return ok && dead->cnt == 1 ? STAT_DROP_FRAG_FULL : STAT_DROP_FRAG;
	return STAT_DROP_FRAG_TIMEOUT;
}

struct rte_mbuf *
frag_input(struct link *k, struct seg *s)
{
	struct rte_mbuf *m;
	bool ok = false;

	s->m->l2_len = L3_OFF;
	if (k->frag->held + s->m->nb_segs > frag_max(k)) {
		STAT_INC(k, DROP_FRAG_SHARE);
		rte_pktmbuf_free(s->m);
		return NULL;
	}
	k->frag->held += s->m->nb_segs;
	m = s->flow.af == 4 ? input4(k, s, &ok) : input6(k, s, &ok);
	bury(k, why_dead(&k->frag->dead, s->m, ok));
	if (!m) {
		k->frag->last_at = k->now_us;
		return NULL;
	}
	k->frag->held -= m->nb_segs;
	STAT_INC(k, REASM_OK);
	/* Each fragment's IP header was right; nobody has seen the transport's checksum. */
	m->ol_flags = (m->ol_flags & KEEP_FLAGS) | RTE_MBUF_F_RX_IP_CKSUM_GOOD;
	return m;
}

uint32_t
frag_max(const struct link *k)
{
	return mbufs_share(&k->mbufs) / HELD_PART;
}

uint32_t
frag_held(const struct link *k)
{
	return __atomic_load_n(&k->frag->held, __ATOMIC_RELAXED); /* any thread asks */
}

uint64_t
frag_expire(struct link *k)
{
	struct frag *f = k->frag;
	const uint64_t end_us = f->last_at + FRAG_TIMEOUT_US + TICK_US; /* the library's limit is exclusive */

	if (f->last_at == 0)
		return 0;
	rte_ip_frag_table_del_expired_entries(f->tbl, &f->dead, k->now_us);
	bury(k, STAT_DROP_FRAG_TIMEOUT);
	if (k->now_us < end_us)
		return k->now_us + EXPIRE_US;
	f->last_at = 0;
	return 0;
}

/* --- output: echo replies only ------------------------------------------------------------------------------- */

#define FRAGS_MAX 64 /* more than a datagram can have that was whole here */

/* n bytes at off of the payload of m, hlen bytes of headers before it, as a fragment. @return NULL: no mbuf. */
static struct rte_mbuf *
fragment(struct link *k, const struct rte_mbuf *m, uint32_t hlen, uint32_t off, uint32_t n, uint32_t id, bool more)
{
	const bool v4 = hlen == L3_OFF + sizeof(struct rte_ipv4_hdr);
	const uint32_t ext = v4 ? 0 : sizeof(struct rte_ipv6_fragment_ext);
	struct rte_mbuf *f = rte_pktmbuf_alloc(k->mbufs.pool);
	struct rte_ipv6_fragment_ext *fh;
	struct rte_ipv4_hdr *ip4;
	struct rte_ipv6_hdr *ip6;
	const void *data;
	uint8_t *p;

	p = f ? (uint8_t *)rte_pktmbuf_append(f, hlen + ext + n) : NULL;
	if (!p) {
		rte_pktmbuf_free(f);
		return NULL;
	}
	memcpy(p, rte_pktmbuf_mtod(m, const void *), hlen);
	ip4 = (struct rte_ipv4_hdr *)(p + L3_OFF);
	ip6 = (struct rte_ipv6_hdr *)(p + L3_OFF);
	fh = (struct rte_ipv6_fragment_ext *)(ip6 + 1);
	if (v4) {
		ip4->total_length = rte_cpu_to_be_16(sizeof(*ip4) + n);
		ip4->fragment_offset = rte_cpu_to_be_16(off / 8 | (more ? RTE_IPV4_HDR_MF_FLAG : 0));
		ip4->hdr_checksum = 0;
		ip4->hdr_checksum = (uint16_t)~cksum_fold(cksum_bytes(ip4, sizeof(*ip4)));
	} else {
		*fh = (struct rte_ipv6_fragment_ext){ip6->proto, 0, rte_cpu_to_be_16(off | more), rte_cpu_to_be_32(id)};
		ip6->proto = IPPROTO_FRAGMENT;
		ip6->payload_len = rte_cpu_to_be_16(sizeof(*fh) + n);
	}
	data = rte_pktmbuf_read(m, hlen + off, n, p + hlen + ext);
	if (data != p + hlen + ext)
		memcpy(p + hlen + ext, data, n);
	return f;
}

/* All of them or none (RFC 1122 3.2.2.6). */
void
frag_output(struct link *k, struct iface *ifc, struct rte_mbuf *m)
{
	const uint8_t *ip = rte_pktmbuf_mtod_offset(m, const uint8_t *, L3_OFF);
	const bool v4 = ip[0] >> 4 == 4;
	const uint32_t hlen = L3_OFF + m->l3_len, len = m->pkt_len - hlen;
	const uint32_t step =
		RTE_ALIGN_FLOOR(ifc->mtu - m->l3_len - (v4 ? 0 : sizeof(struct rte_ipv6_fragment_ext)), 8u);
	const uint32_t n = (len + step - 1) / step, id = v4 ? 0 : link_ip_id(k, 6, ip + 24); /* IPv4's has one */
	struct rte_mbuf *f[FRAGS_MAX];
	uint32_t i;

	if (n > FRAGS_MAX || !link_tx_room(ifc, n)) {
		link_drop(k, m, STAT_DROP_TX_FULL);
		return;
	}
	for (i = 0; i < n; i++) {
		f[i] = fragment(k, m, hlen, i * step, RTE_MIN(step, len - i * step), id, i + 1 < n);
		if (!f[i]) {
			STAT_INC(k, MBUF_EMPTY);
			rte_pktmbuf_free_bulk(f, i);
			link_drop(k, m, STAT_DROP_TX_FULL);
			return;
		}
	}
	for (i = 0; i < n; i++)
		link_transmit(k, ifc, f[i]);
	k->stats[STAT_FRAG_OUT] += n;
	rte_pktmbuf_free(m);
}

void
link_send_frame(struct link *k, struct iface *ifc, struct rte_mbuf *m)
{
	struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod_offset(m, struct rte_ipv4_hdr *, L3_OFF);
	uint16_t *field = rte_pktmbuf_mtod_offset(m, uint16_t *, L3_OFF + m->l3_len + 2); /* of ICMP and ICMPv6 */
	const bool v4 = ip->version_ihl >> 4 == 4;

	if (v4) {
		ip->hdr_checksum = 0;
		ip->hdr_checksum = (uint16_t)~cksum_fold(cksum_bytes(ip, sizeof(*ip)));
	}
	*field = 0;
	*field = pkt_l4_cksum(m, L3_OFF, L3_OFF + m->l3_len, m->pkt_len - L3_OFF - m->l3_len,
			      v4 ? IPPROTO_ICMP : IPPROTO_ICMPV6);
	m->ol_flags &= KEEP_FLAGS;
	if (m->pkt_len - L3_OFF > ifc->mtu)
		frag_output(k, ifc, m);
	else if (m->nb_segs > (ifc->tx_multi_seg ? ifc->tx_segs : 1) && rte_pktmbuf_linearize(m))
		link_drop(k, m, STAT_DROP_TX_FULL);
	else
		link_transmit(k, ifc, m);
}
