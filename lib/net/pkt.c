/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From frame to struct seg. Promises: no byte past the frame is read; what the caller gets lies in the local address
 * space of ifc, has a right checksum, and its mbuf is exactly Ethernet header and datagram: padding behind the IP
 * length is cut off. Headers that are split over segments are pulled together into the first one.
 *
 * RFC 791 (IPv4, source routes refused: RFC 7126 4.3), RFC 8200 (IPv6), RFC 1122 3.2.1.3 and RFC 6890 (addresses that
 * can't be), RFC 9293 3.1. A TTL or hop limit of 0 is no reason to drop at the destination (RFC 1122 3.2.1.7, RFC 8200
 * 3). Limits: no VLAN tags, no jumbograms, at most EXT_MAX IPv6 extension headers.
 */
#include <netinet/in.h>
#include <rte_branch_prediction.h>
#include "net/pkt_plain.h"

#define L2_LEN RTE_ETHER_HDR_LEN
#define ICMP_HDR_LEN 8 /* of ICMPv6, too; and as long as a fragment header */
#define ARP_LEN 28u    /* RFC 826: of IPv4 over Ethernet */
#define EXT_MAX 8      /* RFC 8504 5.3 lets a node limit the count; each may occur once, destination options twice */

#define IP4_OPT_END 0
#define IP4_OPT_NOP 1
#define IP4_OPT_LSRR 131
#define IP4_OPT_SSRR 137

/* --- chains ------------------------------------------------------------------------------------------------- */

/* Make the first n bytes contiguous by moving the rest of them into the first segment's tailroom. Cold. */
static __rte_noinline bool
pull(struct rte_mbuf *m, uint32_t n)
{
	if (n > m->pkt_len || !RTE_MBUF_DIRECT(m) || rte_mbuf_refcnt_read(m) != 1 ||
	    n - m->data_len > rte_pktmbuf_tailroom(m))
		return false;
	while (m->data_len < n && m->next) {
		struct rte_mbuf *seg = m->next;
		const uint16_t k = RTE_MIN(n - m->data_len, (uint32_t)seg->data_len);

		memcpy(rte_pktmbuf_mtod_offset(m, void *, m->data_len), rte_pktmbuf_mtod(seg, void *), k);
		m->data_len += k;
		seg->data_off += k;
		seg->data_len -= k;
		if (seg->data_len == 0) {
			m->next = seg->next;
			m->nb_segs--;
			rte_pktmbuf_free_seg(seg);
		}
	}
	return m->data_len >= n;
}

/* The first n bytes are in the first segment, or can be brought there. */
static inline bool
need(struct rte_mbuf *m, uint32_t n)
{
	return likely(n <= m->data_len) || pull(m, n);
}

static __rte_noinline void
trim_chain(struct rte_mbuf *m, uint32_t n)
{
	struct rte_mbuf *seg = m, *rest;
	uint32_t left = n;

	m->pkt_len = n;
	m->nb_segs = 1;
	for (; seg->data_len < left && seg->next; seg = seg->next) {
		left -= seg->data_len;
		m->nb_segs++;
	}
	seg->data_len = RTE_MIN(left, (uint32_t)seg->data_len);
	rest = seg->next;
	seg->next = NULL;
	rte_pktmbuf_free(rest);
}

/* Cut the frame down to n bytes. */
static inline void
trim(struct rte_mbuf *m, uint32_t n)
{
	if (n == m->pkt_len)
		return;
	if (usual(m->nb_segs == 1))
		m->data_len = m->pkt_len = n;
	else
		trim_chain(m, n);
}

/* --- checksums ---------------------------------------------------------------------------------------------- */

static inline uint64_t
pseudo_sum(const uint8_t *ip, uint32_t l4_len, uint8_t proto)
{
	const uint64_t fixed = (uint64_t)rte_cpu_to_be_16(proto) + rte_cpu_to_be_32(l4_len);

	if (ip[0] >> 4 == 6)
		return cksum_add(fixed, cksum_bytes(ip + offsetof(struct rte_ipv6_hdr, src_addr), 32));
	return cksum_add(fixed, cksum_bytes(ip + offsetof(struct rte_ipv4_hdr, src_addr), 8));
}

uint16_t
pkt_l4_cksum(const struct rte_mbuf *m, uint16_t l3_off, uint16_t l4_off, uint32_t l4_len, uint8_t proto)
{
	const uint8_t *ip = rte_pktmbuf_mtod_offset(m, const uint8_t *, l3_off);
	uint64_t sum = proto == IPPROTO_ICMP ? 0 : pseudo_sum(ip, l4_len, proto), part;
	uint32_t off = l4_off, n, done = 0;

	if (usual(l4_off + l4_len <= m->data_len)) {
		sum = cksum_add(sum, cksum_bytes(rte_pktmbuf_mtod_offset(m, const uint8_t *, off), l4_len));
		return (uint16_t)~cksum_fold(sum);
	}
	for (; m && done < l4_len; m = m->next) {
		if (off >= m->data_len) {
			off -= m->data_len;
			continue;
		}
		n = RTE_MIN(m->data_len - off, l4_len - done);
		part = cksum_bytes(rte_pktmbuf_mtod_offset(m, const uint8_t *, off), n);
		sum = cksum_add(sum, done & 1 ? cksum_odd(part) : part);
		done += n;
		off = 0;
	}
	return (uint16_t)~cksum_fold(sum);
}

/* Right, by the device's word or our own sum. NONE means that the device vouches for the data though the field was
 * never filled in (a local sender over virtio). */
static inline bool
l4_cksum_ok(const struct rte_mbuf *m, const struct seg *s, uint32_t l4_len)
{
	const uint64_t rx = m->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK;

	if (rx)
		return rx != RTE_MBUF_F_RX_L4_CKSUM_BAD;
	return pkt_l4_cksum(m, s->l3_off, s->l4_off, l4_len, IPPROTO_TCP) == 0;
}

static inline bool
ip4_cksum_ok(const struct rte_mbuf *m, const struct rte_ipv4_hdr *ip, uint32_t hlen)
{
	const uint64_t rx = m->ol_flags & RTE_MBUF_F_RX_IP_CKSUM_MASK;

	if (rx)
		return rx != RTE_MBUF_F_RX_IP_CKSUM_BAD;
	return cksum_fold(cksum_bytes(ip, hlen)) == 0xffff;
}

/* --- TCP ---------------------------------------------------------------------------------------------------- */

static inline int
parse_tcp(struct rte_mbuf *m, struct seg *s, uint32_t l4_len)
{
	const struct rte_tcp_hdr *th;
	uint32_t hlen;

	if (unlikely(l4_len < sizeof(*th) || !need(m, s->l4_off + sizeof(*th))))
		return STAT_DROP_TCP_HDR;
	th = rte_pktmbuf_mtod_offset(m, const struct rte_tcp_hdr *, s->l4_off);
	hlen = (th->data_off >> 4) * 4;
	if (unlikely(hlen < sizeof(*th) || hlen > l4_len || !need(m, s->l4_off + hlen)))
		return STAT_DROP_TCP_HDR;
	if (unlikely(!l4_cksum_ok(m, s, l4_len)))
		return STAT_DROP_TCP_CSUM;
	seg_tcp(s, th, hlen, l4_len);
	if (m->ol_flags & RTE_MBUF_F_RX_LRO && m->tso_segsz)
		s->mss = RTE_MIN(s->len, (uint32_t)m->tso_segsz);
	return 0;
}

/* Is b what follows a, as far as anything but its data can tell? */
static bool
continues(const struct seg *a, const struct seg *b)
{
	return b->seq == a->seq + a->len && b->len && (b->flags & ~TCP_PSH) == TCP_ACK && b->ack == a->ack &&
	       b->wnd == a->wnd && b->tos == a->tos && b->optlen == a->optlen && memcmp(b->opt, a->opt, a->optlen) == 0;
}

unsigned int
pkt_gro(const struct tobj *o, struct seg *s, unsigned int n)
{
	struct rte_mbuf *m = s->m, *last = rte_pktmbuf_lastseg(m), *next;
	unsigned int i;

	for (i = 1; i < n && seg_is_bulk(s) && continues(s, &s[i]) && flow_match(o, &s[i].flow); i++) {
		next = s[i].m;
		next->data_off += s[i].data_off;
		next->data_len -= s[i].data_off;
		last->next = next;
		last = rte_pktmbuf_lastseg(next);
		m->nb_segs += next->nb_segs;
		m->pkt_len += s[i].len;
		s->len += s[i].len;
		s->mss = RTE_MAX(s->mss, s[i].mss);
		s->plain = false;
		s->flags = s[i].flags;
	}
	return i;
}

/* --- IPv4 --------------------------------------------------------------------------------------------------- */

static __rte_noinline bool
ip4_options_ok(const uint8_t *p, uint32_t n)
{
	uint32_t i = 0;

	while (i < n && p[i] != IP4_OPT_END) {
		if (p[i] == IP4_OPT_NOP) {
			i++;
			continue;
		}
		if (p[i] == IP4_OPT_LSRR || p[i] == IP4_OPT_SSRR || n - i < 2 || p[i + 1] < 2 || p[i + 1] > n - i)
			return false;
		i += p[i + 1];
	}
	return true;
}

static __rte_noinline int
ip4_not_for_us(const struct iface *ifc, uint32_t dst)
{
	return rte_be_to_cpu_32(dst) >> 24 >= 224 || iface_broadcast(ifc, dst) ? STAT_DROP_MARTIAN : STAT_DROP_IP_ADDR;
}

/* A datagram that is answered with an error: nothing to a group, no fragment but the first (RFC 1122 3.2.2). */
static __rte_noinline bool
udp_for_us(uint8_t proto, bool l2_group, bool ours, bool later_fragment)
{
	return proto == IPPROTO_UDP && ours && !l2_group && !later_fragment;
}

static inline int
parse4(const struct iface *ifc, struct rte_mbuf *m, struct seg *s, bool l2_group)
{
	const struct rte_ipv4_hdr *ip;
	uint32_t hlen, total;

	if (unlikely(!need(m, L2_LEN + sizeof(*ip))))
		return STAT_DROP_RUNT;
	ip = rte_pktmbuf_mtod_offset(m, const struct rte_ipv4_hdr *, L2_LEN);
	hlen = (ip->version_ihl & 15) * 4;
	total = rte_be_to_cpu_16(ip->total_length);
	if (unlikely(ip->version_ihl >> 4 != 4 || hlen < sizeof(*ip) || total < hlen || L2_LEN + total > m->pkt_len ||
		     !need(m, L2_LEN + hlen)))
		return STAT_DROP_IP_HDR;
	if (unlikely(!ip4_cksum_ok(m, ip, hlen)))
		return STAT_DROP_IP_CSUM;
	if (unlikely(hlen > sizeof(*ip) && !ip4_options_ok((const uint8_t *)(ip + 1), hlen - sizeof(*ip))))
		return STAT_DROP_IP_OPTIONS;
	/* Of a further subnet's broadcast address pkt_parse_plain() knows nothing: TCP finds no way back to it. */
	if (unlikely(ip4_source_martian(ifc, ip->src_addr) ||
		     (ip->next_proto_id != IPPROTO_TCP && iface_broadcast(ifc, ip->src_addr))))
		return STAT_DROP_MARTIAN;
	if (unlikely(ip->next_proto_id != IPPROTO_TCP && ip->next_proto_id != IPPROTO_ICMP &&
		     !udp_for_us(ip->next_proto_id, l2_group, iface_has4(ifc, ip->dst_addr),
				 ip->fragment_offset & RTE_BE16(RTE_IPV4_HDR_OFFSET_MASK))))
		return STAT_DROP_IP_PROTO;
	if (unlikely(!iface_has4(ifc, ip->dst_addr)))
		return ip4_not_for_us(ifc, ip->dst_addr);
	if (unlikely(l2_group))
		return STAT_DROP_L2_DST; /* RFC 1122 3.3.6 */
	trim(m, L2_LEN + total);
	s->flow.af = 4;
	s->flow.addr.laddr4 = ip->dst_addr;
	s->flow.addr.raddr4 = ip->src_addr;
	s->tos = ip->type_of_service;
	s->l4_off = s->data_off = L2_LEN + hlen;
	s->len = total - hlen;
	if (unlikely(ip->next_proto_id == IPPROTO_UDP)) {
		s->kind = PKT_UDP; /* or its first fragment */
		return 0;
	}
	if (unlikely(ip->fragment_offset & RTE_BE16(RTE_IPV4_HDR_MF_FLAG | RTE_IPV4_HDR_OFFSET_MASK))) {
		s->kind = PKT_FRAG;
		return 0;
	}
	if (likely(ip->next_proto_id == IPPROTO_TCP)) {
		const int rc = parse_tcp(m, s, total - hlen);

		if (unlikely(rc == 0 && ip->src_addr == ip->dst_addr && s->flow.lport == s->flow.rport))
			return STAT_DROP_MARTIAN; /* LAND */
		return rc;
	}
	s->kind = PKT_ICMP;
	return total - hlen < ICMP_HDR_LEN || !need(m, s->l4_off + ICMP_HDR_LEN) ? STAT_DROP_ICMP : 0;
}

/* --- IPv6 --------------------------------------------------------------------------------------------------- */

/* Options of a hop-by-hop or destination header: those that may be skipped (RFC 8200 4.2) are. */
static bool
ip6_options_ok(const uint8_t *p, uint32_t n)
{
	uint32_t i = 0;

	while (i < n) {
		if (p[i] == 0) { /* Pad1 */
			i++;
			continue;
		}
		if (n - i < 2 || p[i + 1] > n - i - 2 || p[i] >> 6 != 0)
			return false;
		i += 2 + p[i + 1];
	}
	return true;
}

/*
 * Walk the extension headers of a datagram that ends at `end`. *proto becomes the upper protocol, or IPPROTO_FRAGMENT
 * with s->l4_off at that header. An atomic fragment is no fragment (RFC 6946). @return 0 or a reason.
 */
static __rte_noinline int
ip6_walk(struct rte_mbuf *m, struct seg *s, uint32_t end, uint8_t *proto)
{
	uint32_t off = s->l4_off, len;
	const uint8_t *h;
	unsigned int i;

	for (i = 0; i < EXT_MAX; i++) {
		if (*proto != IPPROTO_HOPOPTS && *proto != IPPROTO_ROUTING && *proto != IPPROTO_DSTOPTS &&
		    *proto != IPPROTO_FRAGMENT)
			return 0;
		if (end - off < 8 || !need(m, off + 8))
			return STAT_DROP_IP_OPTIONS;
		h = rte_pktmbuf_mtod_offset(m, const uint8_t *, off);
		len = *proto == IPPROTO_FRAGMENT ? 8 : (h[1] + 1) * 8u;
		if (len > end - off || !need(m, off + len))
			return STAT_DROP_IP_OPTIONS;
		if (*proto == IPPROTO_FRAGMENT) {
			if (h[2] | (h[3] & ~6))
				return 0; /* offset or M set */
		} else if (*proto == IPPROTO_ROUTING) {
			if (h[3]) /* segments left: we do not forward; type 0 is dead (RFC 5095) */
				return STAT_DROP_IP_OPTIONS;
		} else if ((*proto == IPPROTO_HOPOPTS && i > 0) || !ip6_options_ok(h + 2, len - 2)) {
			return STAT_DROP_IP_OPTIONS;
		}
		*proto = h[0];
		off += len;
		s->l4_off = off;
	}
	return STAT_DROP_IP_OPTIONS;
}

/* Never a source on the wire: multicast, ::1, IPv4-mapped (RFC 4291 2.5, 2.7); :: only asks (RFC 4862 5.4.2). */
static inline bool
ip6_source_martian(const uint8_t *a, bool icmp)
{
	uint64_t hi;
	uint32_t mid, lo;

	memcpy(&hi, a, 8);
	if (likely(hi))
		return a[0] == 0xff;
	memcpy(&mid, a + 8, 4);
	memcpy(&lo, a + 12, 4);
	if (mid == RTE_BE32(0xffff))
		return true;
	return mid == 0 && (lo == RTE_BE32(1) || (lo == 0 && !icmp));
}

/* To whom: 0 for us, or a reason. Groups are for neighbour discovery only. */
static inline int
ip6_dst(const struct iface *ifc, const struct rte_ipv6_hdr *ip, uint8_t proto, bool l2_group)
{
	if (unlikely(ip->dst_addr[0] == 0xff))
		return proto == IPPROTO_ICMPV6 ? 0 : proto == IPPROTO_TCP ? STAT_DROP_MARTIAN : STAT_DROP_IP_ADDR;
	if (unlikely(!iface_has6(ifc, ip->dst_addr)))
		return STAT_DROP_IP_ADDR;
	return unlikely(l2_group) ? STAT_DROP_L2_DST : 0;
}

static inline int
parse6(const struct iface *ifc, struct rte_mbuf *m, struct seg *s, bool l2_group)
{
	const struct rte_ipv6_hdr *ip;
	uint32_t total, vtc;
	uint8_t proto;
	int rc;

	if (unlikely(!need(m, L2_LEN + sizeof(*ip))))
		return STAT_DROP_RUNT;
	ip = rte_pktmbuf_mtod_offset(m, const struct rte_ipv6_hdr *, L2_LEN);
	vtc = rte_be_to_cpu_32(ip->vtc_flow);
	total = sizeof(*ip) + rte_be_to_cpu_16(ip->payload_len);
	if (unlikely(vtc >> 28 != 6 || total == sizeof(*ip) || total > UINT16_MAX || L2_LEN + total > m->pkt_len))
		return STAT_DROP_IP_HDR;
	proto = ip->proto;
	s->l4_off = L2_LEN + sizeof(*ip);
	if (unlikely(proto != IPPROTO_TCP)) {
		rc = ip6_walk(m, s, L2_LEN + total, &proto);
		if (rc)
			return rc;
	}
	if (unlikely(ip6_source_martian(ip->src_addr, proto == IPPROTO_ICMPV6)))
		return STAT_DROP_MARTIAN;
	if (unlikely(proto != IPPROTO_TCP && proto != IPPROTO_ICMPV6 && proto != IPPROTO_FRAGMENT &&
		     !udp_for_us(proto, l2_group, iface_has6(ifc, ip->dst_addr), false)))
		return STAT_DROP_IP_PROTO;
	rc = ip6_dst(ifc, ip, proto, l2_group);
	if (unlikely(rc))
		return rc;
	trim(m, L2_LEN + total);
	s->flow.af = 6;
	memcpy(s->flow.addr.laddr6, ip->dst_addr, 16);
	memcpy(s->flow.addr.raddr6, ip->src_addr, 16);
	s->tos = vtc >> 20;
	s->hops = ip->hop_limits;
	s->data_off = s->l4_off;
	s->len = L2_LEN + total - s->l4_off;
	if (likely(proto == IPPROTO_TCP)) {
		rc = parse_tcp(m, s, s->len);
		if (unlikely(rc == 0 && s->flow.lport == s->flow.rport && memcmp(ip->src_addr, ip->dst_addr, 16) == 0))
			return STAT_DROP_MARTIAN; /* LAND */
		return rc;
	}
	s->kind = proto == IPPROTO_FRAGMENT ? PKT_FRAG : proto == IPPROTO_UDP ? PKT_UDP : PKT_ICMP6;
	return s->len < ICMP_HDR_LEN || !need(m, s->l4_off + ICMP_HDR_LEN) ? STAT_DROP_ICMP : 0;
}

/* ------------------------------------------------------------------------------------------------------------ */

int
pkt_parse(const struct iface *ifc, struct rte_mbuf *m, struct seg *s)
{
	const struct rte_ether_hdr *eth;
	bool l2_group;

	if (usual(pkt_parse_plain(ifc, m, s)))
		return 0;
	s->m = m;
	s->plain = false;
	s->ifidx = ifc->idx;
	s->l3_off = L2_LEN;
	if (unlikely(!need(m, L2_LEN)))
		return STAT_DROP_RUNT;
	eth = rte_pktmbuf_mtod(m, const struct rte_ether_hdr *);
	l2_group = eth->dst_addr.addr_bytes[0] & 1;
	if (unlikely(!l2_group && !rte_is_same_ether_addr(&eth->dst_addr, &ifc->mac)))
		return STAT_DROP_L2_DST;
	if (unlikely(eth->src_addr.addr_bytes[0] & 1))
		return STAT_DROP_MARTIAN; /* an answer would go to a group */
	if (eth->ether_type == RTE_BE16(RTE_ETHER_TYPE_IPV4))
		return parse4(ifc, m, s, l2_group);
	if (eth->ether_type == RTE_BE16(RTE_ETHER_TYPE_IPV6))
		return parse6(ifc, m, s, l2_group);
	if (eth->ether_type != RTE_BE16(RTE_ETHER_TYPE_ARP))
		return STAT_DROP_ETHERTYPE;
	s->kind = PKT_ARP;
	need(m, L2_LEN + ARP_LEN);
	return 0;
}
