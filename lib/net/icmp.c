/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ICMP and ICMPv6: echo replies, errors (for TCP: tcp/icmp.c). One answer at most per packet received, only to
 * unicast, never to an error (RFC 1122 3.2.2, RFC 4443 2.4). An echo reply is as long as its request, in fragments if
 * that came in some, so there is nothing to rate-limit; port unreachable, the answer to UDP, is (RFC 4443 2.4 f).
 * Other protocols are dropped in silence. Checksums are always verified.
 */
#include <errno.h>
#include <netinet/in.h>
#include <rte_icmp.h>
#include "net/icmp.h"

#define L2_LEN RTE_ETHER_HDR_LEN
#define HDR_LEN 8
#define TTL 64 /* RFC 1700: the default */

enum {
	ICMP4_ECHO_REPLY = 0,
	ICMP4_UNREACH = 3,
	ICMP4_QUENCH = 4,
	ICMP4_REDIRECT = 5,
	ICMP4_ECHO = 8,
	ICMP4_EXCEEDED = 11,
	ICMP4_PARAM = 12
};
enum {
	ICMP6_UNREACH = 1,
	ICMP6_TOO_BIG = 2,
	ICMP6_EXCEEDED = 3,
	ICMP6_PARAM = 4,
	ICMP6_ECHO = 128,
	ICMP6_ECHO_REPLY
};

/* --- errors and echo ---------------------------------------------------------------------------------------- */

/* What an error is to TCP: RFC 9293 3.9.2.2, RFC 5461 2. @return false: nothing. */
static bool
classify4(const uint8_t *h, struct icmp_err *e)
{
	e->kind = ICMP_SOFT;
	e->err = -EHOSTUNREACH;
	switch (h[0]) {
	case ICMP4_UNREACH:
		if (h[1] == 4) {
			e->kind = ICMP_TOO_BIG;
			e->mtu = h[6] << 8 | h[7];
		} else if (h[1] == 2 || h[1] == 3 || h[1] == 9 || h[1] == 10 ||
			   h[1] == 13) { /* protocol, port, prohibited */
			e->kind = ICMP_HARD;
			e->err = -ECONNREFUSED;
		} else if (h[1] == 0 || h[1] == 6) { /* network */
			e->err = -ENETUNREACH;
		}
		return true;
	case ICMP4_EXCEEDED:
		return true;
	case ICMP4_PARAM:
		e->err = -EPROTO;
		return true;
	}
	return false; /* source quench is ignored (MUST-55), so are redirects: routes are configured */
}

static bool
classify6(const uint8_t *h, struct icmp_err *e)
{
	e->kind = ICMP_SOFT;
	e->err = -EHOSTUNREACH;
	switch (h[0]) {
	case ICMP6_UNREACH:
		if (h[1] == 4) {
			e->kind = ICMP_HARD;
			e->err = -ECONNREFUSED;
		} else if (h[1] == 0) {
			e->err = -ENETUNREACH;
		} else if (h[1] == 1) {
			e->kind = ICMP_HARD; /* prohibited */
			e->err = -EACCES;
		}
		return true;
	case ICMP6_TOO_BIG:
		e->kind = ICMP_TOO_BIG;
		e->mtu = (uint32_t)h[4] << 24 | h[5] << 16 | h[6] << 8 | h[7];
		return true;
	case ICMP6_EXCEEDED:
		return true;
	case ICMP6_PARAM:
		e->kind = h[1] == 1 ? ICMP_HARD : ICMP_SOFT; /* next header: they have no TCP */
		e->err = -EPROTO;
		return true;
	}
	return false;
}

/* The quoted datagram's IP header, behind the ICMP header: ours, TCP, unfragmented. @return its length, 0: it is
 * not. */
static uint32_t
quoted_ip(const struct iface *ifc, const struct seg *s, struct icmp_err *e)
{
	const struct rte_ipv4_hdr *ip4 = pkt_at(s->m, s->l4_off + HDR_LEN, sizeof(*ip4));
	const struct rte_ipv6_hdr *ip6 = pkt_at(s->m, s->l4_off + HDR_LEN, sizeof(*ip6));

	e->flow.af = s->flow.af;
	if (s->flow.af == 4) {
		if (!ip4 || ip4->version_ihl >> 4 != 4 || rte_ipv4_hdr_len(ip4) < sizeof(*ip4) ||
		    ip4->next_proto_id != IPPROTO_TCP || ip4->fragment_offset & RTE_BE16(RTE_IPV4_HDR_OFFSET_MASK) ||
		    !iface_has4(ifc, ip4->src_addr))
			return 0;
		e->flow.addr.laddr4 = ip4->src_addr;
		e->flow.addr.raddr4 = ip4->dst_addr;
		e->ip_len = rte_be_to_cpu_16(ip4->total_length);
		return rte_ipv4_hdr_len(ip4);
	}
	if (!ip6 || *(const uint8_t *)ip6 >> 4 != 6 || ip6->proto != IPPROTO_TCP ||
	    !iface_has6(ifc, ip6->src_addr))
		return 0;
	memcpy(e->flow.addr.laddr6, ip6->src_addr, 16);
	memcpy(e->flow.addr.raddr6, ip6->dst_addr, 16);
	e->ip_len = sizeof(*ip6) + rte_be_to_cpu_16(ip6->payload_len);
	return sizeof(*ip6);
}

/*
 * An error about a packet of ours, which it quotes with at least 8 bytes of TCP header (RFC 792, RFC 1122 3.2.2):
 * ports and sequence number. What is no answer to a TCP segment is counted and dropped.
 */
static int
icmp_error(struct link *k, const struct seg *s, const uint8_t *h, struct icmp_err *e)
{
	const uint8_t *tcp;
	uint32_t hlen;

	memset(e, 0, sizeof(*e));
	STAT_INC(k, UNREACH_RX);
	if (!(s->flow.af == 4 ? classify4(h, e) : classify6(h, e)))
		return STAT_DROP_ICMP;
	hlen = quoted_ip(&k->ifs[s->ifidx], s, e);
	tcp = hlen && s->len >= HDR_LEN + hlen + 8 ? pkt_at(s->m, s->l4_off + HDR_LEN + hlen, 8) : NULL;
	if (!tcp)
		return STAT_DROP_ICMP;
	memcpy(&e->flow.lport, tcp, 2);
	memcpy(&e->flow.rport, tcp + 2, 2);
	e->seq = (uint32_t)tcp[4] << 24 | tcp[5] << 16 | tcp[6] << 8 | tcp[7];
	return SEG_ICMP_ERR;
}

/*
 * Turn an echo request into its reply: l3_len bytes of plain IP header, options and extension headers left out.
 * @return the IP header, or NULL when the packet can't be rewritten.
 */
static void *
echo_start(struct seg *s, uint16_t l3_len, uint8_t type)
{
	struct rte_mbuf *m = s->m;
	const uint16_t cut = s->l4_off - L2_LEN - l3_len;
	uint8_t *start = rte_pktmbuf_mtod(m, uint8_t *);

	if (!RTE_MBUF_DIRECT(m) || rte_mbuf_refcnt_read(m) != 1)
		return NULL;
	if (cut) {
		memmove(start + cut, start, L2_LEN + l3_len);
		rte_pktmbuf_adj(m, cut);
	}
	m->l3_len = l3_len;
	m->l4_len = HDR_LEN;
	*rte_pktmbuf_mtod_offset(m, uint8_t *, L2_LEN + l3_len) = type;
	return start + cut + L2_LEN;
}

static int
echo4(struct link *k, struct seg *s)
{
	struct rte_ipv4_hdr *ip;

	if (!link_way_back(&k->ifs[s->ifidx], s))
		return STAT_DROP_NO_ROUTE;
	ip = echo_start(s, sizeof(*ip), ICMP4_ECHO_REPLY);
	if (!ip)
		return STAT_DROP_ICMP;
	ip->version_ihl = RTE_IPV4_VHL_DEF;
	ip->total_length = rte_cpu_to_be_16(sizeof(*ip) + s->len);
	ip->packet_id = rte_cpu_to_be_16(link_ip_id(k, 4, &s->flow.addr.raddr4));
	ip->fragment_offset = 0;
	ip->time_to_live = TTL;
	ip->src_addr = s->flow.addr.laddr4;
	ip->dst_addr = s->flow.addr.raddr4;
	STAT_INC(k, ECHO_REPLY);
	link_turn(&k->ifs[s->ifidx], s->m);
	link_send_frame(k, &k->ifs[s->ifidx], s->m);
	return SEG_TAKEN;
}

static int
echo6(struct link *k, struct seg *s)
{
	struct rte_ipv6_hdr *ip;

	if (!link_way_back(&k->ifs[s->ifidx], s))
		return STAT_DROP_NO_ROUTE;
	ip = echo_start(s, sizeof(*ip), ICMP6_ECHO_REPLY);
	if (!ip)
		return STAT_DROP_ICMP;
	ip->proto = IPPROTO_ICMPV6;
	ip->payload_len = rte_cpu_to_be_16(s->len);
	ip->hop_limits = TTL;
	memcpy(ip->src_addr, s->flow.addr.laddr6, 16);
	memcpy(ip->dst_addr, s->flow.addr.raddr6, 16);
	STAT_INC(k, ECHO_REPLY);
	link_turn(&k->ifs[s->ifidx], s->m);
	link_send_frame(k, &k->ifs[s->ifidx], s->m);
	return SEG_TAKEN;
}

/* ICMP header and type, at most so much of the datagram behind it: RFC 1812 4.3.2.3, RFC 4443 2.4 c. */
#define QUOTE4 (576u - sizeof(struct rte_ipv4_hdr) - HDR_LEN)
#define QUOTE6 (IPV6_MIN_MTU - sizeof(struct rte_ipv6_hdr) - HDR_LEN)
#define UNREACH_BURST 50u	   /* as Linux's icmp_msgs_burst ... */
#define UNREACH_INTERVAL_US 1000u /* ... and icmp_msgs_per_sec */

/* The frame of a port unreachable about s. @return NULL: no mbuf, or none as large. */
static struct rte_mbuf *
unreach_build(struct link *k, const struct seg *s)
{
	const bool v4 = s->flow.af == 4;
	const uint32_t l3 = v4 ? sizeof(struct rte_ipv4_hdr) : sizeof(struct rte_ipv6_hdr);
	const uint32_t n = RTE_MIN(s->m->pkt_len - L2_LEN, v4 ? QUOTE4 : QUOTE6);
	struct rte_mbuf *m = rte_pktmbuf_alloc(k->mbufs.pool);
	struct rte_ipv4_hdr *ip4;
	struct rte_ipv6_hdr *ip6;
	const void *quote;
	uint8_t *p = m ? (uint8_t *)rte_pktmbuf_append(m, L2_LEN + l3 + HDR_LEN + n) : NULL;

	if (!p) {
		STAT_INC(k, MBUF_EMPTY);
		rte_pktmbuf_free(m);
		return NULL;
	}
	m->l3_len = l3;
	memcpy(p, rte_pktmbuf_mtod(s->m, const void *), L2_LEN);
	ip4 = (struct rte_ipv4_hdr *)(p + L2_LEN);
	ip6 = (struct rte_ipv6_hdr *)(p + L2_LEN);
	if (v4) {
		*ip4 = (struct rte_ipv4_hdr){.version_ihl = RTE_IPV4_VHL_DEF,
					     .total_length = rte_cpu_to_be_16(l3 + HDR_LEN + n),
					     .packet_id = rte_cpu_to_be_16(link_ip_id(k, 4, &s->flow.addr.raddr4)),
					     .time_to_live = TTL, .next_proto_id = IPPROTO_ICMP,
					     .src_addr = s->flow.addr.laddr4, .dst_addr = s->flow.addr.raddr4};
	} else {
		*ip6 = (struct rte_ipv6_hdr){.vtc_flow = RTE_BE32(6u << 28),
					     .payload_len = rte_cpu_to_be_16(HDR_LEN + n),
					     .proto = IPPROTO_ICMPV6, .hop_limits = TTL};
		memcpy(ip6->src_addr, s->flow.addr.laddr6, 16);
		memcpy(ip6->dst_addr, s->flow.addr.raddr6, 16);
	}
	p += L2_LEN + l3;
	memset(p, 0, HDR_LEN);
	p[0] = v4 ? ICMP4_UNREACH : ICMP6_UNREACH;
	p[1] = v4 ? 3 : 4; /* port */
	quote = rte_pktmbuf_read(s->m, L2_LEN, n, p + HDR_LEN);
	if (quote != p + HDR_LEN)
		memcpy(p + HDR_LEN, quote, n);
	return m;
}

int
icmp_udp_input(struct link *k, struct seg *s)
{
	struct iface *ifc = &k->ifs[s->ifidx];
	struct rte_mbuf *m;

	if (!link_way_back(ifc, s))
		return STAT_DROP_NO_ROUTE;
	if (!token_take(&k->icmp_tokens_at, k->now_us, UNREACH_BURST, UNREACH_INTERVAL_US)) {
		STAT_INC(k, ICMP_RATELIMIT);
		return STAT_DROP_IP_PROTO;
	}
	m = unreach_build(k, s);
	if (m) {
		STAT_INC(k, PORT_UNREACH);
		link_turn(ifc, m);
		link_send_frame(k, ifc, m);
	}
	return STAT_DROP_IP_PROTO;
}

int
icmp_input(struct link *k, struct seg *s, struct icmp_err *e)
{
	const uint8_t *h = pkt_at(s->m, s->l4_off, HDR_LEN);

	if (!h || pkt_l4_cksum(s->m, s->l3_off, s->l4_off, s->len, IPPROTO_ICMP) != 0)
		return STAT_DROP_ICMP;
	switch (h[0]) {
	case ICMP4_ECHO:
		return h[1] == 0 ? echo4(k, s) : STAT_DROP_ICMP;
	case ICMP4_UNREACH:
	case ICMP4_QUENCH:
	case ICMP4_REDIRECT:
	case ICMP4_EXCEEDED:
	case ICMP4_PARAM:
		return icmp_error(k, s, h, e);
	}
	return STAT_DROP_ICMP;
}

int
icmp6_input(struct link *k, struct seg *s, struct icmp_err *e)
{
	const uint8_t *h = pkt_at(s->m, s->l4_off, HDR_LEN);

	if (!h || pkt_l4_cksum(s->m, s->l3_off, s->l4_off, s->len, IPPROTO_ICMPV6) != 0)
		return STAT_DROP_ICMP;
	if (h[0] == ND_SOLICIT || h[0] == ND_ADVERT)
		return nd_input(k, s);
	if (h[0] < ICMP6_ECHO)
		return icmp_error(k, s, h, e);
	if (h[0] == ICMP6_ECHO && h[1] == 0 && s->flow.addr.laddr6[0] != 0xff && !addr_is_zero(s->flow.addr.raddr6, 6))
		return echo6(k, s);
	return STAT_DROP_ICMP;
}
