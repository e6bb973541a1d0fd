/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Neighbour cache, ARP and neighbour discovery.
 *
 * The cache has a fixed number of entries. An entry with references (connections) stays; the others are on a list, the
 * longest unused first, and are reused from there, so neither a scan of our subnet nor a flood of ARP can evict what
 * is in use, and making an entry costs no search. States are RFC 4861's with DELAY and PROBE folded into STALE:
 *
 *	INCOMPLETE	no MAC yet: packets wait (NEIGH_QUEUE), solicited TRIES times, then FAILED
 *	STALE		used at once; the first use asks the neighbour, then all; no answer: INCOMPLETE
 *	REACHABLE	confirmed less than REACHABLE_US ago
 *	FAILED		nobody answered: the next packet starts again
 *
 * When the last question is not answered, the packets that waited are taken out again (link_neigh_unanswered()), so
 * that their connections are told, as Linux does it: an open ends with -EHOSTUNREACH three seconds after its SYN, the
 * others remember it.
 *
 * Whose word counts: only an answer to a question that is open replaces a MAC. Any other claim (gratuitous ARP, unasked
 * advertisement, a request from a new MAC) makes us ask, at most once a VERIFY_US: a real move is followed within a
 * round trip, junk is not. Claims of our own addresses are ignored and counted.
 *
 * ARP: RFC 826, RFC 1122 2.3.2, RFC 5227 (probes are answered; we do not probe). Neighbour discovery (RFC 4861) of a
 * host with fixed addresses: solicitations sent and answered, advertisements taken. Not done: duplicate address
 * detection, router discovery, redirects, multicast listener reports. The wheel also holds one node that is no
 * neighbour, neighs[max_neighs]: head of the list of unused entries, timer of net/frag.c (net/link.c).
 */
#include <errno.h>
#include <netinet/in.h>
#include <rte_arp.h>
#include "base/pool.h"
#include "net/icmp.h"

#define L2_LEN RTE_ETHER_HDR_LEN
#define TRIES 3                  /* MAX_MULTICAST_SOLICIT, MAX_UNICAST_SOLICIT: RFC 4861 10 */
#define RETRANS_US 1000000ull    /* RetransTimer: RFC 4861 10; at most one ARP a second: RFC 1122 2.3.2.1 */
#define REACHABLE_US 30000000ull /* REACHABLE_TIME: RFC 4861 10 */
#define VERIFY_US 1000000ull     /* as RETRANS_US: a contradiction costs one question a second */
#define QUEUED_PART 64u          /* this part of the worker's mbufs may wait for neighbours, in segments */
#define KEEP_FLAGS (RTE_MBUF_F_INDIRECT | RTE_MBUF_F_EXTERNAL)

static uint32_t
neigh_hash(const struct link *k, uint8_t ifidx, const uint8_t addr[16])
{
	unsigned __int128 p;
	uint64_t a[2];

	memcpy(a, addr, 16);
	p = (unsigned __int128)(a[0] ^ k->secret[0] ^ ifidx) * (a[1] ^ k->secret[1] ^ 0x9e3779b97f4a7c15ull);
	return ((uint32_t)(p >> 64) ^ (uint32_t)p) & k->neighs.mask;
}

static struct neigh *
neigh_find(const struct link *k, uint8_t ifidx, uint8_t af, const uint8_t addr[16])
{
	uint32_t i = k->neighs.hash[neigh_hash(k, ifidx, addr)];
	struct neigh *n;

	for (; i; i = n->next) {
		n = &k->neighs.at[i - 1];
		if (n->af == af && n->ifidx == ifidx && memcmp(n->addr, addr, 16) == 0)
			return n;
	}
	return NULL;
}

static void
lru_append(struct link *k, struct neigh *n)
{
	struct neigh *head = &k->neighs.at[k->neighs.max];

	n->lru_next = head;
	n->lru_prev = head->lru_prev;
	head->lru_prev->lru_next = n;
	head->lru_prev = n;
}

static void
queue_put(struct link *k, struct neigh *n, struct rte_mbuf *m)
{
	if (n->n_queued == NEIGH_QUEUE || !RTE_MBUF_DIRECT(m) || m->data_off < sizeof(m)) {
		link_drop(k, m, STAT_DROP_NEIGH_QUEUE);
		return;
	}
	if (k->neighs.queued + m->nb_segs > k->neighs.max_queued) {
		link_drop(k, m, STAT_DROP_NEIGH_SHARE);
		return;
	}
	if (n->n_queued++ == 0)
		n->queue = m;
	else
		memcpy(n->queue_tail->buf_addr, &m, sizeof(m));
	n->queue_tail = m;
	k->neighs.queued += m->nb_segs;
}

/* The oldest, or NULL. */
static struct rte_mbuf *
queue_get(struct link *k, struct neigh *n)
{
	struct rte_mbuf *m = n->queue;

	if (!n->n_queued)
		return NULL;
	memcpy(&n->queue, m->buf_addr, sizeof(m));
	n->n_queued--;
	k->neighs.queued -= m->nb_segs;
	return m;
}

static void
queue_free(struct link *k, struct neigh *n)
{
	struct rte_mbuf *m;

	while ((m = queue_get(k, n)) != NULL)
		link_drop(k, m, STAT_DROP_NEIGH_FAILED);
}

struct rte_mbuf *
link_neigh_unanswered(struct link *k, struct neigh *n)
{
	return n->state == NEIGH_FAILED ? queue_get(k, n) : NULL;
}

static void
queue_flush(struct link *k, struct neigh *n)
{
	struct rte_mbuf *m;

	while ((m = queue_get(k, n)) != NULL) {
		rte_pktmbuf_mtod(m, struct rte_ether_hdr *)->dst_addr = n->l2.dst_addr;
		link_transmit(k, &k->ifs[n->ifidx], m);
	}
}

/* Forget the entry: it stays on the list of unused ones, about to be made anew. */
static void
neigh_evict(struct link *k, struct neigh *n)
{
	uint32_t *p = &k->neighs.hash[neigh_hash(k, n->ifidx, n->addr)];

	while (&k->neighs.at[*p - 1] != n)
		p = &k->neighs.at[*p - 1].next;
	*p = n->next;
	wheel_cancel(&k->wheel, &n->timer);
	queue_free(k, n);
	n->state = NEIGH_FREE;
	k->path.af = 0;
	k->neighs.n--;
}

/* A new entry, INCOMPLETE and not yet solicited, without references; NULL when all are in use. */
static struct neigh *
neigh_make(struct link *k, uint8_t ifidx, uint8_t af, const uint8_t addr[16])
{
	struct neigh *n = k->neighs.at[k->neighs.max].lru_next;
	uint32_t *head;

	if (n == &k->neighs.at[k->neighs.max]) {
		STAT_INC(k, NEIGH_FULL);
		return NULL;
	}
	if (n->state != NEIGH_FREE)
		neigh_evict(k, n);
	neigh_off_list(n);
	lru_append(k, n);
	n->af = af;
	n->ifidx = ifidx;
	memcpy(n->addr, addr, 16);
	n->l2.src_addr = k->ifs[ifidx].mac;
	n->l2.ether_type = af == 4 ? RTE_BE16(RTE_ETHER_TYPE_IPV4) : RTE_BE16(RTE_ETHER_TYPE_IPV6);
	n->state = NEIGH_INCOMPLETE;
	n->tries = 0;
	n->confirmed_at = 0;
	head = &k->neighs.hash[neigh_hash(k, ifidx, addr)];
	n->next = *head;
	*head = n - k->neighs.at + 1;
	k->neighs.n++;
	return n;
}

static void
arm(struct link *k, struct neigh *n, uint64_t at_us)
{
	wheel_arm(&k->wheel, &n->timer, us_to_tick(at_us));
}

static void
arp_request(struct link *k, const struct neigh *n, bool all)
{
	struct iface *ifc = &k->ifs[n->ifidx];
	struct rte_mbuf *m = rte_pktmbuf_alloc(k->mbufs.pool);
	struct rte_ether_hdr *eth;
	struct rte_arp_hdr *arp;
	uint8_t src[16];

	if (!m) {
		STAT_INC(k, MBUF_EMPTY);
		return;
	}
	eth = (void *)rte_pktmbuf_append(m, sizeof(*eth) + sizeof(*arp));
	arp = (void *)(eth + 1);
	if (all)
		memset(&eth->dst_addr, 0xff, RTE_ETHER_ADDR_LEN);
	else
		eth->dst_addr = n->l2.dst_addr;
	eth->src_addr = ifc->mac;
	eth->ether_type = RTE_BE16(RTE_ETHER_TYPE_ARP);
	*arp = (struct rte_arp_hdr){
		.arp_hardware = RTE_BE16(RTE_ARP_HRD_ETHER),
		.arp_protocol = RTE_BE16(RTE_ETHER_TYPE_IPV4),
		.arp_hlen = RTE_ETHER_ADDR_LEN,
		.arp_plen = 4,
		.arp_opcode = RTE_BE16(RTE_ARP_OP_REQUEST),
		.arp_data = {.arp_sha = ifc->mac},
	};
	link_local_addr(ifc, 4, n->addr, 0, src);
	memcpy(&arp->arp_data.arp_sip, src, 4);
	memcpy(&arp->arp_data.arp_tip, n->addr, 4);
	STAT_INC(k, ARP_TX);
	link_transmit(k, ifc, m);
}

/* --- neighbour discovery: asking -------------------------------------------------------------------------------- */

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
nd_send(struct link *k, struct iface *ifc, const struct nd_msg *msg, const uint8_t src[16], const uint8_t dst[16],
	const struct rte_ether_addr *mac)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(k->mbufs.pool);
	struct rte_ether_hdr *eth;
	struct rte_ipv6_hdr *ip;
	struct nd_lla *lla;

	if (!m) {
		STAT_INC(k, MBUF_EMPTY);
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
	STAT_INC(k, ND_TX);
	link_send_frame(k, ifc, m);
}

static void
nd_solicit(struct link *k, const struct neigh *n, bool all)
{
	struct iface *ifc = &k->ifs[n->ifidx];
	const bool ll = n->addr[0] == 0xfe && (n->addr[1] & 0xc0) == 0x80;
	struct nd_msg msg = {.type = ND_SOLICIT};
	struct rte_ether_addr mac = n->l2.dst_addr;
	uint8_t dst[16], src[16];

	link_local_addr(ifc, 6, n->addr, 0, src); /* RFC 4861 7.2.2: one that the neighbour has a way back to */
	memcpy(msg.target, n->addr, 16);
	memcpy(dst, n->addr, 16);
	if (all) {
		memcpy(dst, solicited_node, sizeof(solicited_node));
		group_mac(&mac, dst);
	}
	nd_send(k, ifc, &msg, ll ? ifc->ll6 : src, dst, &mac);
}

/* --- the states ------------------------------------------------------------------------------------------------- */

/* Ask for n, and look again in a second. all: not only at the MAC we believe in. */
static void
solicit(struct link *k, struct neigh *n, bool all)
{
	n->tries++;
	arm(k, n, k->now_us + RETRANS_US);
	if (n->af == 4)
		arp_request(k, n, all);
	else
		nd_solicit(k, n, all);
}

/* n has this MAC and is not confirmed. */
static void
neigh_stale(struct link *k, struct neigh *n, const struct rte_ether_addr *mac)
{
	n->l2.dst_addr = *mac;
	n->state = NEIGH_STALE;
	n->tries = 0;
	wheel_cancel(&k->wheel, &n->timer);
	queue_flush(k, n);
}

static void
neigh_confirm(struct link *k, struct neigh *n, const struct rte_ether_addr *mac)
{
	if (mac)
		n->l2.dst_addr = *mac;
	n->state = NEIGH_REACHABLE;
	n->tries = 0;
	n->confirmed_at = k->now_us;
	arm(k, n, k->now_us + REACHABLE_US);
	queue_flush(k, n);
}

bool
link_neigh_heard(struct link *k, uint8_t ifidx, uint8_t af, const void *a, const struct rte_ether_addr *mac,
		 enum heard how)
{
	uint8_t addr[16] = {0};
	struct neigh *n;

	memcpy(addr, a, addr_len(af));
	n = neigh_find(k, ifidx, af, addr);
	if (!n && how == HEARD_REQUEST)
		n = neigh_make(k, ifidx, af, addr);
	if (!n)
		return false;
	if (n->state == NEIGH_INCOMPLETE || n->state == NEIGH_FAILED) {
		if (!mac)
			return false;
		if (how <= HEARD_REPLY_WEAK && n->tries)
			neigh_confirm(k, n, mac);
		else
			neigh_stale(k, n, mac);
		return true;
	}
	if (!mac || rte_is_same_ether_addr(mac, &n->l2.dst_addr)) {
		if (how <= HEARD_REPLY_WEAK)
			neigh_confirm(k, n, NULL);
		return true;
	}
	if (how == HEARD_REPLY && n->tries) {
		neigh_confirm(k, n, mac);
		return true;
	}
	if (!n->tries && k->now_us - n->confirmed_at >= VERIFY_US) {
		n->state = NEIGH_STALE;
		solicit(k, n, true);
	}
	return false;
}

uint16_t
link_neigh_get(struct link *k, uint8_t ifidx, uint8_t af, const uint8_t nexthop[16],
	       const struct rte_ether_addr *hint)
{
	uint8_t addr[16] = {0};
	struct neigh *n;

	memcpy(addr, nexthop, addr_len(af));
	n = neigh_find(k, ifidx, af, addr);
	if (!n)
		n = neigh_make(k, ifidx, af, addr);
	if (!n)
		return NEIGH_NONE;
	neigh_hold(n);
	if (hint && (n->state == NEIGH_FAILED || (n->state == NEIGH_INCOMPLETE && !n->tries)))
		neigh_stale(k, n, hint);
	return n - k->neighs.at;
}

void
link_neigh_put(struct link *k, uint16_t idx)
{
	struct neigh *n = &k->neighs.at[idx];

	if (--n->refs == 0)
		lru_append(k, n);
}

void
link_neigh_suspect(struct link *k, uint16_t idx)
{
	struct neigh *n = &k->neighs.at[idx];

	if (n->state != NEIGH_REACHABLE)
		return; /* asked already, or at the next packet */
	n->state = NEIGH_STALE;
	solicit(k, n, false);
}

bool
link_neigh_silent(const struct link *k, uint16_t idx)
{
	return idx != NEIGH_NONE &&
	       (k->neighs.at[idx].state == NEIGH_INCOMPLETE || k->neighs.at[idx].state == NEIGH_FAILED);
}

void
neigh_timer(struct link *k, struct neigh *n)
{
	if (n->state == NEIGH_REACHABLE) {
		n->state = NEIGH_STALE;
	} else if (n->tries < TRIES) {
		solicit(k, n, true);
	} else if (n->state == NEIGH_STALE) {
		n->state = NEIGH_INCOMPLETE;
		n->tries = 0;
		solicit(k, n, true);
	} else {
		n->state = NEIGH_FAILED;
		n->tries = 0;
	}
}

void
neigh_output(struct link *k, struct iface *ifc, struct neigh *n, struct rte_mbuf *m)
{
	if (n->tries == 0) {
		if (n->state == NEIGH_FAILED)
			n->state = NEIGH_INCOMPLETE;
		solicit(k, n, n->state == NEIGH_INCOMPLETE);
	}
	if (n->state == NEIGH_STALE)
		link_transmit(k, ifc, m);
	else
		queue_put(k, n, m);
}

/* --- ARP -------------------------------------------------------------------------------------------------------- */

static int
arp_reply(struct link *k, struct iface *ifc, struct rte_mbuf *m, struct rte_arp_hdr *arp)
{
	struct rte_ether_hdr *eth = rte_pktmbuf_mtod(m, struct rte_ether_hdr *);
	const uint32_t us = arp->arp_data.arp_tip;

	eth->dst_addr = arp->arp_data.arp_sha;
	eth->src_addr = ifc->mac;
	arp->arp_opcode = RTE_BE16(RTE_ARP_OP_REPLY);
	arp->arp_data.arp_tha = arp->arp_data.arp_sha;
	arp->arp_data.arp_tip = arp->arp_data.arp_sip;
	arp->arp_data.arp_sha = ifc->mac;
	arp->arp_data.arp_sip = us;
	rte_pktmbuf_free(m->next); /* padding */
	m->next = NULL;
	m->nb_segs = 1;
	m->data_len = m->pkt_len = L2_LEN + sizeof(*arp);
	m->ol_flags &= KEEP_FLAGS;
	STAT_INC(k, ARP_TX);
	link_transmit(k, ifc, m);
	return SEG_TAKEN;
}

/* The ARP packet in m when it is well formed, of Ethernet and IPv4. */
static struct rte_arp_hdr *
arp_at(const struct rte_mbuf *m)
{
	struct rte_arp_hdr *arp = pkt_at(m, L2_LEN, sizeof(*arp));

	if (!arp || arp->arp_hardware != RTE_BE16(RTE_ARP_HRD_ETHER) ||
	    arp->arp_protocol != RTE_BE16(RTE_ETHER_TYPE_IPV4) || arp->arp_hlen != RTE_ETHER_ADDR_LEN ||
	    arp->arp_plen != 4)
		return NULL;
	return arp;
}

int
arp_input(struct link *k, struct seg *s)
{
	struct iface *ifc = &k->ifs[s->ifidx];
	struct rte_arp_hdr *arp = arp_at(s->m);
	uint32_t sip, tip;
	bool known;

	if (!arp || !rte_is_valid_assigned_ether_addr(&arp->arp_data.arp_sha))
		return STAT_DROP_ARP;
	sip = arp->arp_data.arp_sip;
	tip = arp->arp_data.arp_tip;
	if (iface_has4(ifc, sip) || (!iface_has4(ifc, tip) && sip != tip))
		return STAT_DROP_ARP; /* somebody claims our address, or talks to others */
	if (sip == tip) {
		known = link_neigh_heard(k, s->ifidx, 4, &sip, &arp->arp_data.arp_sha, HEARD_UNASKED);
	} else if (arp->arp_opcode == RTE_BE16(RTE_ARP_OP_REPLY)) {
		known = link_neigh_heard(k, s->ifidx, 4, &sip, &arp->arp_data.arp_sha, HEARD_REPLY);
	} else if (arp->arp_opcode == RTE_BE16(RTE_ARP_OP_REQUEST)) {
		STAT_INC(k, ARP_RX);
		if (sip && link_on_link(ifc, 4, &sip))
			link_neigh_heard(k, s->ifidx, 4, &sip, &arp->arp_data.arp_sha, HEARD_REQUEST);
		return arp_reply(k, ifc, s->m, arp);
	} else {
		return STAT_DROP_ARP;
	}
	STAT_INC(k, ARP_RX);
	return known ? SEG_DONE : STAT_DROP_ARP;
}

bool
link_is_neigh_update(const struct seg *s)
{
	const struct rte_arp_hdr *arp;
	const uint8_t *h;

	if (s->kind == PKT_ARP) {
		arp = arp_at(s->m);
		return arp && (arp->arp_opcode == RTE_BE16(RTE_ARP_OP_REPLY) ||
			       arp->arp_data.arp_sip == arp->arp_data.arp_tip);
	}
	h = s->kind == PKT_ICMP6 ? pkt_at(s->m, s->l4_off, 1) : NULL;
	return h && h[0] == ND_ADVERT;
}

/* --- neighbour discovery: being asked and told
 * ------------------------------------------------------------------------ */

/* RFC 4861 7.1.1, 7.2.3, 7.2.4. */
static int
nd_solicited(struct link *k, struct seg *s, const struct nd_msg *in, const struct nd_lla *lla)
{
	const uint8_t *src = s->flow.addr.raddr6, *dst = s->flow.addr.laddr6;
	const struct rte_ether_hdr *eth = rte_pktmbuf_mtod(s->m, const struct rte_ether_hdr *);
	struct iface *ifc = &k->ifs[s->ifidx];
	struct nd_msg msg = {.type = ND_ADVERT, .flags = NA_OVERRIDE};
	const bool probe = addr_is_zero(src, 6);
	struct rte_ether_addr mac = lla ? lla->mac : eth->src_addr;

	if (!iface_has6(ifc, in->target) || iface_has6(ifc, src) || (probe && (lla || dst[0] != 0xff)))
		return STAT_DROP_ICMP;
	if (dst[0] == 0xff && (memcmp(dst, solicited_node, 13) != 0 || memcmp(dst + 13, in->target + 13, 3) != 0))
		return STAT_DROP_ICMP;
	STAT_INC(k, ND_RX);
	if (!probe && lla && link_on_link(ifc, 6, src))
		link_neigh_heard(k, s->ifidx, 6, src, &lla->mac, HEARD_REQUEST);
	memcpy(msg.target, in->target, 16);
	if (probe)
		group_mac(&mac, all_nodes);
	else
		msg.flags |= NA_SOLICITED;
	nd_send(k, ifc, &msg, in->target, probe ? all_nodes : src, &mac);
	return SEG_DONE;
}

/* RFC 4861 7.1.2, 7.2.5. */
static int
nd_advertised(struct link *k, struct seg *s, const struct nd_msg *in, const struct nd_lla *lla)
{
	const bool to_group = s->flow.addr.laddr6[0] == 0xff, solicited = in->flags & NA_SOLICITED;
	enum heard how = HEARD_UNASKED;

	if (iface_has6(&k->ifs[s->ifidx], in->target) || (to_group && solicited))
		return STAT_DROP_ICMP; /* somebody claims our address, or nonsense */
	STAT_INC(k, ND_RX);
	if (solicited)
		how = in->flags & NA_OVERRIDE ? HEARD_REPLY : HEARD_REPLY_WEAK;
	return link_neigh_heard(k, s->ifidx, 6, in->target, lla ? &lla->mac : NULL, how) ? SEG_DONE : STAT_DROP_ICMP;
}

/* One contiguous segment only: what came in fragments is refused with it (RFC 6980). */
int
nd_input(struct link *k, struct seg *s)
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
	return in->type == ND_SOLICIT ? nd_solicited(k, s, in, lla) : nd_advertised(k, s, in, lla);
}

/* --- set-up ------------------------------------------------------------------------------------------------- */

int
neigh_init(struct link *k, uint32_t max_neighbours)
{
	struct neigh *head;
	uint32_t i, slots;

	max_neighbours = RTE_MAX(max_neighbours, 1u);
	k->neighs.max = RTE_MIN(max_neighbours, NEIGH_NONE - 1u);
	slots = rte_align32pow2(k->neighs.max);
	k->neighs.mask = slots - 1;
	k->neighs.n = 0;
	k->neighs.max_queued = RTE_MAX(mbufs_share(&k->mbufs) / QUEUED_PART, 1u);
	k->neighs.at = node_alloc((k->neighs.max + 1) * sizeof(*k->neighs.at), k->node);
	k->neighs.hash = node_alloc(slots * sizeof(*k->neighs.hash), k->node);
	if (!k->neighs.at || !k->neighs.hash)
		return -ENOMEM;
	head = &k->neighs.at[k->neighs.max];
	head->lru_next = head->lru_prev = head;
	for (i = 0; i <= k->neighs.max; i++)
		k->neighs.at[i].kind = TOBJ_NEIGH;
	for (i = 0; i < k->neighs.max; i++)
		lru_append(k, &k->neighs.at[i]);
	return 0;
}

void
neigh_fini(struct link *k)
{
	struct rte_mbuf *m;
	uint32_t i;

	for (i = 0; k->neighs.at && i <= k->neighs.max; i++) {
		wheel_cancel(&k->wheel, &k->neighs.at[i].timer);
		while ((m = queue_get(k, &k->neighs.at[i])) != NULL)
			rte_pktmbuf_free(m);
	}
	if (k->neighs.at)
		node_free(k->neighs.at, (k->neighs.max + 1) * sizeof(*k->neighs.at));
	if (k->neighs.hash)
		node_free(k->neighs.hash, (k->neighs.mask + 1) * sizeof(*k->neighs.hash));
	k->neighs.at = NULL;
	k->neighs.hash = NULL;
}
