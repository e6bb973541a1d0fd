/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ICMP and ICMPv6: echo replies, neighbour discovery, errors (for TCP: tcp/icmp.c). One answer at most per packet received,
 * only to unicast, never to an error (RFC 1122 3.2.2, RFC 4443 2.4). An echo reply is as long as its request, in fragments if
 * that came in some, so there is nothing to rate-limit; port unreachable, the answer to UDP, is (RFC 4443 2.4 f). Other
 * protocols are dropped in silence. Checksums are always verified.
 *
 * Neighbour discovery (RFC 4861) of a host with fixed addresses: solicitations sent and answered, advertisements taken.
 * Not done: duplicate address detection, router discovery, redirects, multicast listener reports.
 */
#include <errno.h>
#include <netinet/in.h>
#include <rte_icmp.h>
#include "net/icmp.h"
#include "tcp/tcp.h"
#include "stack/worker.h"

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
	ICMP6_ECHO_REPLY,
	ND_SOLICIT = 135,
	ND_ADVERT = 136
};

/* --- errors and echo ---------------------------------------------------------------------------------------- */

/* What an error is to TCP: RFC 9293 3.9.2.2, RFC 5461 2. @return false: nothing. */
static bool
classify4(const uint8_t *h, struct tcp_icmp *e)
{
	e->kind = ICMP_SOFT;
	e->err = -EHOSTUNREACH;
	switch (h[0]) {
	case ICMP4_UNREACH:
		if (h[1] == 4) {
			e->kind = ICMP_TOO_BIG;
			e->mtu = h[6] << 8 | h[7];
		} else if (h[1] == 2 || h[1] == 3 || h[1] == 9 || h[1] == 10 || h[1] == 13) { /* protocol, port, prohibited */
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
classify6(const uint8_t *h, struct tcp_icmp *e)
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

/* The quoted datagram's IP header, behind the ICMP header: ours, TCP, unfragmented. @return its length, 0: it is not. */
static uint32_t
quoted_ip(const struct iface *ifc, const struct seg *s, struct tcp_icmp *e)
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
 * An error about a packet of ours, which it quotes with at least 8 bytes of TCP header (RFC 792, RFC 1122 3.2.2): ports and
 * sequence number. What is no answer to a TCP segment is counted and dropped.
 */
static int
icmp_error(struct worker *w, const struct seg *s)
{
	const uint8_t *h = pkt_at(s->m, s->l4_off, HDR_LEN), *tcp;
	struct tcp_icmp e = {0};
	uint32_t hlen;

	STAT_INC(w, UNREACH_RX);
	if (!(s->flow.af == 4 ? classify4(h, &e) : classify6(h, &e)))
		return STAT_DROP_ICMP;
	hlen = quoted_ip(&w->ifs[s->ifidx], s, &e);
	tcp = hlen && s->len >= HDR_LEN + hlen + 8 ? pkt_at(s->m, s->l4_off + HDR_LEN + hlen, 8) : NULL;
	if (!tcp)
		return STAT_DROP_ICMP;
	memcpy(&e.flow.lport, tcp, 2);
	memcpy(&e.flow.rport, tcp + 2, 2);
	e.seq = (uint32_t)tcp[4] << 24 | tcp[5] << 16 | tcp[6] << 8 | tcp[7];
	return tcp_icmp_input(w, s, &e);
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
echo4(struct worker *w, struct seg *s)
{
	struct rte_ipv4_hdr *ip;

	if (!link_way_back(&w->ifs[s->ifidx], s))
		return STAT_DROP_NO_ROUTE;
	ip = echo_start(s, sizeof(*ip), ICMP4_ECHO_REPLY);
	if (!ip)
		return STAT_DROP_ICMP;
	ip->version_ihl = RTE_IPV4_VHL_DEF;
	ip->total_length = rte_cpu_to_be_16(sizeof(*ip) + s->len);
	ip->packet_id = rte_cpu_to_be_16(link_ip_id(w, 4, &s->flow.addr.raddr4));
	ip->fragment_offset = 0;
	ip->time_to_live = TTL;
	ip->src_addr = s->flow.addr.laddr4;
	ip->dst_addr = s->flow.addr.raddr4;
	STAT_INC(w, ECHO_REPLY);
	link_turn(&w->ifs[s->ifidx], s->m);
	link_send_frame(w, &w->ifs[s->ifidx], s->m);
	return SEG_TAKEN;
}

static int
echo6(struct worker *w, struct seg *s)
{
	struct rte_ipv6_hdr *ip;

	if (!link_way_back(&w->ifs[s->ifidx], s))
		return STAT_DROP_NO_ROUTE;
	ip = echo_start(s, sizeof(*ip), ICMP6_ECHO_REPLY);
	if (!ip)
		return STAT_DROP_ICMP;
	ip->proto = IPPROTO_ICMPV6;
	ip->payload_len = rte_cpu_to_be_16(s->len);
	ip->hop_limits = TTL;
	memcpy(ip->src_addr, s->flow.addr.laddr6, 16);
	memcpy(ip->dst_addr, s->flow.addr.raddr6, 16);
	STAT_INC(w, ECHO_REPLY);
	link_turn(&w->ifs[s->ifidx], s->m);
	link_send_frame(w, &w->ifs[s->ifidx], s->m);
	return SEG_TAKEN;
}

/* ICMP header and type, at most so much of the datagram behind it: RFC 1812 4.3.2.3, RFC 4443 2.4 c. */
#define QUOTE4 (576u - sizeof(struct rte_ipv4_hdr) - HDR_LEN)
#define QUOTE6 (1280u - sizeof(struct rte_ipv6_hdr) - HDR_LEN)
#define UNREACH_BURST 50u	   /* as Linux's icmp_msgs_burst ... */
#define UNREACH_INTERVAL_US 1000u /* ... and icmp_msgs_per_sec */

/* The frame of a port unreachable about s. @return NULL: no mbuf, or none as large. */
static struct rte_mbuf *
unreach_build(struct worker *w, const struct seg *s)
{
	const bool v4 = s->flow.af == 4;
	const uint32_t l3 = v4 ? sizeof(struct rte_ipv4_hdr) : sizeof(struct rte_ipv6_hdr);
	const uint32_t n = RTE_MIN(s->m->pkt_len - L2_LEN, v4 ? QUOTE4 : QUOTE6);
	struct rte_mbuf *m = rte_pktmbuf_alloc(w->mp);
	struct rte_ipv4_hdr *ip4;
	struct rte_ipv6_hdr *ip6;
	const void *quote;
	uint8_t *p = m ? (uint8_t *)rte_pktmbuf_append(m, L2_LEN + l3 + HDR_LEN + n) : NULL;

	if (!p) {
		STAT_INC(w, MBUF_EMPTY);
		rte_pktmbuf_free(m);
		return NULL;
	}
	m->l3_len = l3;
	memcpy(p, rte_pktmbuf_mtod(s->m, const void *), L2_LEN);
	ip4 = (struct rte_ipv4_hdr *)(p + L2_LEN);
	ip6 = (struct rte_ipv6_hdr *)(p + L2_LEN);
	if (v4) {
		*ip4 = (struct rte_ipv4_hdr){.version_ihl = RTE_IPV4_VHL_DEF, .total_length = rte_cpu_to_be_16(l3 + HDR_LEN + n),
					     .packet_id = rte_cpu_to_be_16(link_ip_id(w, 4, &s->flow.addr.raddr4)),
					     .time_to_live = TTL, .next_proto_id = IPPROTO_ICMP,
					     .src_addr = s->flow.addr.laddr4, .dst_addr = s->flow.addr.raddr4};
	} else {
		*ip6 = (struct rte_ipv6_hdr){.vtc_flow = RTE_BE32(6u << 28), .payload_len = rte_cpu_to_be_16(HDR_LEN + n),
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
icmp_udp_input(struct worker *w, struct seg *s)
{
	struct iface *ifc = &w->ifs[s->ifidx];
	struct rte_mbuf *m;

	if (!link_way_back(ifc, s))
		return STAT_DROP_NO_ROUTE;
	if (!token_take(&w->icmp_tokens_us, w->now_us, UNREACH_BURST, UNREACH_INTERVAL_US)) {
		STAT_INC(w, ICMP_RATELIMIT);
		return STAT_DROP_IP_PROTO;
	}
	m = unreach_build(w, s);
	if (m) {
		STAT_INC(w, PORT_UNREACH);
		link_turn(ifc, m);
		link_send_frame(w, ifc, m);
	}
	return STAT_DROP_IP_PROTO;
}

int
icmp_input(struct worker *w, struct seg *s)
{
	const uint8_t *h = pkt_at(s->m, s->l4_off, HDR_LEN);

	if (!h || pkt_l4_cksum(s->m, s->l3_off, s->l4_off, s->len, IPPROTO_ICMP) != 0)
		return STAT_DROP_ICMP;
	switch (h[0]) {
	case ICMP4_ECHO:
		return h[1] == 0 ? echo4(w, s) : STAT_DROP_ICMP;
	case ICMP4_UNREACH:
	case ICMP4_QUENCH:
	case ICMP4_REDIRECT:
	case ICMP4_EXCEEDED:
	case ICMP4_PARAM:
		return icmp_error(w, s);
	}
	return STAT_DROP_ICMP;
}

/* --- neighbour discovery ------------------------------------------------------------------------------------ */

#define ND_HOP_LIMIT 255 /* RFC 4861 7.1: anything less came through a router */
#define NA_SOLICITED 0x40
#define NA_OVERRIDE 0x20
enum { OPT_SLLA = 1, OPT_TLLA = 2 };

struct nd_msg {
	uint8_t type, code;
	uint16_t cksum;
	uint8_t flags, reserved[3];
	uint8_t target[16];
};
struct nd_lla { /* the option both kinds of message carry */
	uint8_t type, len;
	struct rte_ether_addr mac;
};
_Static_assert(sizeof(struct nd_msg) == 24 && sizeof(struct nd_lla) == 8, "RFC 4861 4.3, 4.6.1");

static const uint8_t all_nodes[16] = {0xff, 2, [15] = 1};
static const uint8_t solicited_node[13] = {0xff, 2, [11] = 1, [12] = 0xff}; /* and 24 bits of the address */

static bool
unspecified(const uint8_t a[16])
{
	static const uint8_t zero[16];

	return memcmp(a, zero, 16) == 0;
}

static void
group_mac(struct rte_ether_addr *mac, const uint8_t group[16]) /* RFC 2464 7 */
{
	mac->addr_bytes[0] = mac->addr_bytes[1] = 0x33;
	memcpy(mac->addr_bytes + 2, group + 12, 4);
}

/* The link-layer address option of this type; *lla stays NULL without one. @return false on a malformed option. */
static bool
nd_options(const uint8_t *p, uint32_t n, uint8_t type, const struct nd_lla **lla)
{
	uint32_t i = 0;

	while (i < n) {
		if (n - i < 8 || p[i + 1] == 0 || p[i + 1] * 8u > n - i)
			return false;
		if (p[i] == type && p[i + 1] == 1)
			*lla = (const struct nd_lla *)(p + i);
		i += p[i + 1] * 8u;
	}
	return !*lla || rte_is_valid_assigned_ether_addr(&(*lla)->mac);
}

static void
nd_send(struct worker *w, struct iface *ifc, const struct nd_msg *msg, const uint8_t src[16], const uint8_t dst[16],
	const struct rte_ether_addr *mac)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(w->mp);
	struct rte_ether_hdr *eth;
	struct rte_ipv6_hdr *ip;
	struct nd_lla *lla;

	if (!m) {
		STAT_INC(w, MBUF_EMPTY);
		return;
	}
	eth = (void *)rte_pktmbuf_append(m, sizeof(*eth) + sizeof(*ip) + sizeof(*msg) + sizeof(*lla));
	ip = (void *)(eth + 1);
	lla = (void *)((uint8_t *)(ip + 1) + sizeof(*msg));
	eth->dst_addr = *mac;
	eth->src_addr = ifc->mac;
	eth->ether_type = RTE_BE16(RTE_ETHER_TYPE_IPV6);
	ip->vtc_flow = RTE_BE32(6u << 28);
	ip->payload_len = RTE_BE16(sizeof(*msg) + sizeof(*lla));
	ip->proto = IPPROTO_ICMPV6;
	ip->hop_limits = ND_HOP_LIMIT;
	memcpy(ip->src_addr, src, 16);
	memcpy(ip->dst_addr, dst, 16);
	memcpy(ip + 1, msg, sizeof(*msg));
	*lla = (struct nd_lla){msg->type == ND_SOLICIT ? OPT_SLLA : OPT_TLLA, 1, ifc->mac};
	m->l3_len = sizeof(*ip);
	m->l4_len = sizeof(*msg);
	STAT_INC(w, ND_TX);
	link_send_frame(w, ifc, m);
}

void
nd_solicit(struct worker *w, const struct neigh *n, bool all)
{
	struct iface *ifc = &w->ifs[n->ifidx];
	const bool ll = n->addr[0] == 0xfe && (n->addr[1] & 0xc0) == 0x80;
	struct nd_msg msg = {.type = ND_SOLICIT};
	struct rte_ether_addr mac = n->l2.dst_addr;
	uint8_t dst[16];

	memcpy(msg.target, n->addr, 16);
	memcpy(dst, n->addr, 16);
	if (all) {
		memcpy(dst, solicited_node, sizeof(solicited_node));
		group_mac(&mac, dst);
	}
	nd_send(w, ifc, &msg, ll ? ifc->ll6 : ifc->laddr6, dst, &mac);
}

/* RFC 4861 7.1.1, 7.2.3, 7.2.4. */
static int
nd_solicited(struct worker *w, struct seg *s, const struct nd_msg *in, const struct nd_lla *lla)
{
	const uint8_t *src = s->flow.addr.raddr6, *dst = s->flow.addr.laddr6;
	const struct rte_ether_hdr *eth = rte_pktmbuf_mtod(s->m, const struct rte_ether_hdr *);
	struct iface *ifc = &w->ifs[s->ifidx];
	struct nd_msg msg = {.type = ND_ADVERT, .flags = NA_OVERRIDE};
	const bool probe = unspecified(src);
	struct rte_ether_addr mac = lla ? lla->mac : eth->src_addr;

	if (!iface_has6(ifc, in->target) || iface_has6(ifc, src) || (probe && (lla || dst[0] != 0xff)))
		return STAT_DROP_ICMP;
	if (dst[0] == 0xff && (memcmp(dst, solicited_node, 13) != 0 || memcmp(dst + 13, in->target + 13, 3) != 0))
		return STAT_DROP_ICMP;
	STAT_INC(w, ND_RX);
	if (!probe && lla && link_on_link(ifc, 6, src))
		link_neigh_heard(w, s->ifidx, 6, src, &lla->mac, HEARD_REQUEST);
	memcpy(msg.target, in->target, 16);
	if (probe)
		group_mac(&mac, all_nodes);
	else
		msg.flags |= NA_SOLICITED;
	nd_send(w, ifc, &msg, in->target, probe ? all_nodes : src, &mac);
	return SEG_DONE;
}

/* RFC 4861 7.1.2, 7.2.5. */
static int
nd_advertised(struct worker *w, struct seg *s, const struct nd_msg *in, const struct nd_lla *lla)
{
	const bool to_group = s->flow.addr.laddr6[0] == 0xff, solicited = in->flags & NA_SOLICITED;
	enum heard how = HEARD_UNASKED;

	if (iface_has6(&w->ifs[s->ifidx], in->target) || (to_group && solicited))
		return STAT_DROP_ICMP; /* somebody claims our address, or nonsense */
	STAT_INC(w, ND_RX);
	if (solicited)
		how = in->flags & NA_OVERRIDE ? HEARD_REPLY : HEARD_REPLY_WEAK;
	return link_neigh_heard(w, s->ifidx, 6, in->target, lla ? &lla->mac : NULL, how) ? SEG_DONE : STAT_DROP_ICMP;
}

/* One contiguous segment only: what came in fragments is refused with it (RFC 6980). */
static int
nd_input(struct worker *w, struct seg *s)
{
	const struct nd_msg *in = pkt_at(s->m, s->l4_off, s->len);
	const struct nd_lla *lla = NULL;
	uint8_t type;

	if (!in || s->m->nb_segs != 1 || s->len < sizeof(*in) || s->hops != ND_HOP_LIMIT || in->code != 0 ||
	    in->target[0] == 0xff)
		return STAT_DROP_ICMP;
	type = in->type == ND_SOLICIT ? OPT_SLLA : OPT_TLLA;
	if (!nd_options((const uint8_t *)(in + 1), s->len - sizeof(*in), type, &lla))
		return STAT_DROP_ICMP;
	return in->type == ND_SOLICIT ? nd_solicited(w, s, in, lla) : nd_advertised(w, s, in, lla);
}

int
icmp6_input(struct worker *w, struct seg *s)
{
	const uint8_t *h = pkt_at(s->m, s->l4_off, HDR_LEN);

	if (!h || pkt_l4_cksum(s->m, s->l3_off, s->l4_off, s->len, IPPROTO_ICMPV6) != 0)
		return STAT_DROP_ICMP;
	if (h[0] == ND_SOLICIT || h[0] == ND_ADVERT)
		return nd_input(w, s);
	if (h[0] < ICMP6_ECHO)
		return icmp_error(w, s);
	if (h[0] == ICMP6_ECHO && h[1] == 0 && s->flow.addr.laddr6[0] != 0xff && !unspecified(s->flow.addr.raddr6))
		return echo6(w, s);
	return STAT_DROP_ICMP;
}
