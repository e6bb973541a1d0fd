/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Interfaces, routes, neighbour cache, ARP, and the last step of output: Ethernet header, checksums, ifc->tx.
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
 * Whose word counts: only an answer to a question that is open replaces a MAC. Any other claim (gratuitous ARP, unasked
 * advertisement, a request from a new MAC) makes us ask, at most once a VERIFY_US: a real move is followed within a
 * round trip, junk is not. Claims of our own addresses are ignored and counted.
 *
 * ARP: RFC 826, RFC 1122 2.3.2, RFC 5227 (probes are answered; we do not probe). NDP messages: icmp.c. The wheel also
 * holds one node that is no neighbour, neighs[max_neighs]: head of the list of unused entries, timer of frag.c.
 */
#include <errno.h>
#include <netinet/in.h>
#include <rte_arp.h>
#include "cksum.h"
#include "frag.h"
#include "icmp.h"
#include "tcp.h"
#include "worker.h"

#define L2_LEN RTE_ETHER_HDR_LEN
#define TRIES 3                  /* MAX_MULTICAST_SOLICIT, MAX_UNICAST_SOLICIT: RFC 4861 10 */
#define RETRANS_US 1000000ull    /* RetransTimer: RFC 4861 10; at most one ARP a second: RFC 1122 2.3.2.1 */
#define REACHABLE_US 30000000ull /* REACHABLE_TIME: RFC 4861 10 */
#define VERIFY_US 1000000ull     /* as RETRANS_US: a contradiction costs one question a second */
#define MIN_MTU4 68              /* RFC 791 3.2 */
#define MIN_MTU6 1280            /* RFC 8200 5 */
#define KEEP_FLAGS (RTE_MBUF_F_INDIRECT | RTE_MBUF_F_EXTERNAL)

/* --- interfaces and routes ---------------------------------------------------------------------------------- */

static bool
all_zero(const uint8_t *p, unsigned int n)
{
	while (n && *p == 0)
		p++, n--;
	return n == 0;
}

static int
init_addr4(struct iface *ifc, const struct tern_if_conf *conf)
{
	const uint32_t first = rte_be_to_cpu_32(*(const unaligned_uint32_t *)conf->addr4);
	const uint32_t count = conf->addr4_count ? conf->addr4_count : 1;

	if (all_zero(conf->addr4, 4))
		return 0;
	if (conf->prefix4 == 0 || conf->prefix4 > 32 || first >> 24 == 0 || first >> 24 == 127 ||
	    (first + count - 1) >> 24 >= 224 || first + count - 1 < first || ifc->mtu < MIN_MTU4)
		return -EINVAL;
	ifc->laddr4 = rte_cpu_to_be_32(first);
	ifc->first4 = first;
	ifc->count4 = count;
	ifc->mask4 = rte_cpu_to_be_32(UINT32_MAX << (32 - conf->prefix4));
	if (conf->prefix4 < 31)
		ifc->bcast4 = ifc->laddr4 | ~ifc->mask4;
	memcpy(&ifc->gw4, conf->gw4, 4);
	return 0;
}

static int
init_addr6(struct iface *ifc, const struct tern_if_conf *conf)
{
	const uint8_t *mac = ifc->mac.addr_bytes;
	const uint32_t last = rte_be_to_cpu_32(*(const unaligned_uint32_t *)(conf->addr6 + 12));

	if (all_zero(conf->addr6, 16))
		return 0;
	ifc->count6 = conf->addr6_count ? conf->addr6_count : 1;
	if (conf->prefix6 == 0 || conf->prefix6 > 128 || conf->addr6[0] == 0xff || last + ifc->count6 - 1 < last ||
	    ifc->mtu < MIN_MTU6)
		return -EINVAL;
	ifc->has6 = true;
	ifc->prefix6 = conf->prefix6;
	memcpy(ifc->laddr6, conf->addr6, 16);
	memcpy(ifc->gw6, conf->gw6, 16);
	ifc->ll6[0] = 0xfe; /* RFC 4291 appendix A */
	ifc->ll6[1] = 0x80;
	memcpy(ifc->ll6 + 8, mac, 3);
	ifc->ll6[8] ^= 2;
	ifc->ll6[11] = 0xff;
	ifc->ll6[12] = 0xfe;
	memcpy(ifc->ll6 + 13, mac + 3, 3);
	return 0;
}

int
link_iface_init(struct iface *ifc, uint8_t idx, const struct tern_if_conf *conf, const struct rte_ether_addr *mac,
		uint16_t mtu)
{
	int rc;

	memset(ifc, 0, sizeof(*ifc));
	ifc->idx = idx;
	ifc->port_id = conf->port_id;
	ifc->mac = *mac;
	memcpy(&ifc->mac8, mac, sizeof(*mac));
	ifc->mtu = mtu;
	rc = init_addr4(ifc, conf);
	return rc ? rc : init_addr6(ifc, conf);
}

bool
link_is_local(const struct iface *ifc, uint8_t af, const void *addr)
{
	return af == 4 ? iface_has4(ifc, *(const unaligned_uint32_t *)addr) : iface_has6(ifc, addr);
}

void
link_local_addr(const struct iface *ifc, uint8_t af, uint32_t i, uint8_t out[16])
{
	uint32_t a;

	memset(out, 0, 16);
	if (af == 4) {
		a = rte_cpu_to_be_32(ifc->first4 + i);
		memcpy(out, &a, 4);
		return;
	}
	memcpy(out, ifc->laddr6, 12);
	memcpy(&a, ifc->laddr6 + 12, 4);
	a = rte_cpu_to_be_32(rte_be_to_cpu_32(a) + i);
	memcpy(out + 12, &a, 4);
}

bool
link_on_link(const struct iface *ifc, uint8_t af, const void *addr)
{
	const uint8_t *a = addr;
	const unsigned int bytes = ifc->prefix6 / 8, bits = ifc->prefix6 % 8;

	if (af == 4)
		return ifc->laddr4 && ((*(const unaligned_uint32_t *)addr ^ ifc->laddr4) & ifc->mask4) == 0;
	if (!ifc->has6)
		return false;
	if (a[0] == 0xfe && (a[1] & 0xc0) == 0x80)
		return true;
	if (memcmp(a, ifc->laddr6, bytes) != 0)
		return false;
	return bits == 0 || ((a[bytes] ^ ifc->laddr6[bytes]) >> (8 - bits)) == 0;
}

int
link_route(const struct worker *w, uint8_t af, const void *dst, uint8_t nexthop[16])
{
	const unsigned int len = af == 4 ? 4 : 16;
	unsigned int i;

	memset(nexthop, 0, 16);
	for (i = 0; i < w->n_ifs; i++) {
		if (link_on_link(&w->ifs[i], af, dst)) {
			memcpy(nexthop, dst, len);
			return i;
		}
	}
	for (i = 0; i < w->n_ifs; i++) {
		const struct iface *ifc = &w->ifs[i];
		const uint8_t *gw = af == 4 ? (const uint8_t *)&ifc->gw4 : ifc->gw6;

		if ((af == 4 ? ifc->laddr4 != 0 : ifc->has6) && !all_zero(gw, len)) {
			memcpy(nexthop, gw, len);
			return i;
		}
	}
	return -ENETUNREACH;
}

/* --- output ------------------------------------------------------------------------------------------------- */

static void
drop(struct worker *w, struct rte_mbuf *m, enum stat reason)
{
	w->stats[reason]++;
	rte_pktmbuf_free(m);
}

static inline void
transmit(struct worker *w, struct iface *ifc, struct rte_mbuf *m)
{
	if (unlikely(!link_tx_room(ifc, 1))) {
		drop(w, m, STAT_DROP_TX_FULL);
		return;
	}
	if (unlikely(w->trace_pkt != NULL))
		w->trace_pkt(w, m, true);
	ifc->tx[ifc->n_tx++] = m;
}

void
link_send_frame(struct worker *w, struct iface *ifc, struct rte_mbuf *m)
{
	struct rte_ipv4_hdr *ip;
	uint16_t *field;
	bool v4;

	if (unlikely(m->nb_segs > 1 && !ifc->tx_multi_seg && rte_pktmbuf_linearize(m))) {
		drop(w, m, STAT_DROP_TX_FULL);
		return;
	}
	ip = rte_pktmbuf_mtod_offset(m, struct rte_ipv4_hdr *, L2_LEN);
	field = rte_pktmbuf_mtod_offset(m, uint16_t *, L2_LEN + m->l3_len + 2); /* of ICMP and ICMPv6 */
	v4 = ip->version_ihl >> 4 == 4;
	if (v4) {
		ip->hdr_checksum = 0;
		ip->hdr_checksum = (uint16_t)~cksum_fold(cksum_bytes(ip, sizeof(*ip)));
	}
	*field = 0;
	*field = pkt_l4_cksum(m, L2_LEN, L2_LEN + m->l3_len, m->pkt_len - L2_LEN - m->l3_len,
			      v4 ? IPPROTO_ICMP : IPPROTO_ICMPV6);
	m->ol_flags &= KEEP_FLAGS;
	transmit(w, ifc, m);
}

void
link_reply(struct worker *w, uint8_t ifidx, struct rte_mbuf *m)
{
	struct iface *ifc = &w->ifs[ifidx];

	link_turn(ifc, m);
	transmit(w, ifc, m);
}

/* --- neighbour cache ---------------------------------------------------------------------------------------- */

static uint32_t
neigh_hash(const struct worker *w, uint8_t ifidx, const uint8_t addr[16])
{
	unsigned __int128 p;
	uint64_t a[2];

	memcpy(a, addr, 16);
	p = (unsigned __int128)(a[0] ^ w->secret[0] ^ ifidx) * (a[1] ^ w->secret[1] ^ 0x9e3779b97f4a7c15ull);
	return ((uint32_t)(p >> 64) ^ (uint32_t)p) & w->neigh_mask;
}

static struct neigh *
neigh_find(const struct worker *w, uint8_t ifidx, uint8_t af, const uint8_t addr[16])
{
	uint32_t i = w->neigh_hash[neigh_hash(w, ifidx, addr)];
	struct neigh *n;

	for (; i; i = n->next) {
		n = &w->neighs[i - 1];
		if (n->af == af && n->ifidx == ifidx && memcmp(n->addr, addr, 16) == 0)
			return n;
	}
	return NULL;
}

static void
lru_remove(struct neigh *n)
{
	n->lru_prev->lru_next = n->lru_next;
	n->lru_next->lru_prev = n->lru_prev;
	n->lru_next = n->lru_prev = NULL;
}

static void
lru_append(struct worker *w, struct neigh *n)
{
	struct neigh *head = &w->neighs[w->max_neighs];

	n->lru_next = head;
	n->lru_prev = head->lru_prev;
	head->lru_prev->lru_next = n;
	head->lru_prev = n;
}

static void
queue_put(struct worker *w, struct neigh *n, struct rte_mbuf *m)
{
	if (n->n_queued == NEIGH_QUEUE || w->neigh_queued == w->max_neigh_queued || !RTE_MBUF_DIRECT(m) ||
	    m->data_off < sizeof(m)) {
		drop(w, m, STAT_DROP_NEIGH);
		return;
	}
	if (n->n_queued++ == 0)
		n->queue = m;
	else
		memcpy(n->queue_tail->buf_addr, &m, sizeof(m));
	n->queue_tail = m;
	w->neigh_queued++;
}

/* The oldest, or NULL. */
static struct rte_mbuf *
queue_get(struct worker *w, struct neigh *n)
{
	struct rte_mbuf *m = n->queue;

	if (!n->n_queued)
		return NULL;
	memcpy(&n->queue, m->buf_addr, sizeof(m));
	n->n_queued--;
	w->neigh_queued--;
	return m;
}

static void
queue_free(struct worker *w, struct neigh *n)
{
	struct rte_mbuf *m;

	while ((m = queue_get(w, n)) != NULL)
		drop(w, m, STAT_DROP_NEIGH);
}

static void
queue_flush(struct worker *w, struct neigh *n)
{
	struct rte_mbuf *m;

	while ((m = queue_get(w, n)) != NULL) {
		rte_pktmbuf_mtod(m, struct rte_ether_hdr *)->dst_addr = n->l2.dst_addr;
		transmit(w, &w->ifs[n->ifidx], m);
	}
}

/* Forget the entry: it stays on the list of unused ones, about to be made anew. */
static void
neigh_evict(struct worker *w, struct neigh *n)
{
	uint32_t *p = &w->neigh_hash[neigh_hash(w, n->ifidx, n->addr)];

	while (&w->neighs[*p - 1] != n)
		p = &w->neighs[*p - 1].next;
	*p = n->next;
	wheel_cancel(&w->wheel, &n->timer);
	queue_free(w, n);
	n->state = NEIGH_FREE;
	w->path.af = 0;
	w->n_neighs--;
}

/* A new entry, INCOMPLETE and not yet solicited, without references; NULL when all are in use. */
static struct neigh *
neigh_make(struct worker *w, uint8_t ifidx, uint8_t af, const uint8_t addr[16])
{
	struct neigh *n = w->neighs[w->max_neighs].lru_next;
	uint32_t *head;

	if (n == &w->neighs[w->max_neighs]) {
		STAT_INC(w, NEIGH_FULL);
		return NULL;
	}
	if (n->state != NEIGH_FREE)
		neigh_evict(w, n);
	lru_remove(n);
	lru_append(w, n);
	n->af = af;
	n->ifidx = ifidx;
	memcpy(n->addr, addr, 16);
	n->l2.src_addr = w->ifs[ifidx].mac;
	n->l2.ether_type = af == 4 ? RTE_BE16(RTE_ETHER_TYPE_IPV4) : RTE_BE16(RTE_ETHER_TYPE_IPV6);
	n->state = NEIGH_INCOMPLETE;
	n->tries = 0;
	head = &w->neigh_hash[neigh_hash(w, ifidx, addr)];
	n->next = *head;
	*head = n - w->neighs + 1;
	w->n_neighs++;
	return n;
}

static void
arm(struct worker *w, struct neigh *n, uint64_t at_us)
{
	wheel_arm(&w->wheel, &n->timer, us_to_tick(at_us));
}

static void
arp_request(struct worker *w, const struct neigh *n, bool all)
{
	struct iface *ifc = &w->ifs[n->ifidx];
	struct rte_mbuf *m = rte_pktmbuf_alloc(w->mp);
	struct rte_ether_hdr *eth;
	struct rte_arp_hdr *arp;

	if (!m) {
		STAT_INC(w, MBUF_EMPTY);
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
		.arp_data = {.arp_sha = ifc->mac, .arp_sip = ifc->laddr4},
	};
	memcpy(&arp->arp_data.arp_tip, n->addr, 4);
	STAT_INC(w, ARP_TX);
	transmit(w, ifc, m);
}

/* Ask for n, and look again in a second. all: not only at the MAC we believe in. */
static void
solicit(struct worker *w, struct neigh *n, bool all)
{
	n->tries++;
	arm(w, n, w->now_us + RETRANS_US);
	if (n->af == 4)
		arp_request(w, n, all);
	else
		nd_solicit(w, n, all);
}

/* n has this MAC and is not confirmed. */
static void
neigh_stale(struct worker *w, struct neigh *n, const struct rte_ether_addr *mac)
{
	n->l2.dst_addr = *mac;
	n->state = NEIGH_STALE;
	n->tries = 0;
	wheel_cancel(&w->wheel, &n->timer);
	queue_flush(w, n);
}

static void
neigh_confirm(struct worker *w, struct neigh *n, const struct rte_ether_addr *mac)
{
	if (mac)
		n->l2.dst_addr = *mac;
	n->state = NEIGH_REACHABLE;
	n->tries = 0;
	n->confirmed_us = w->now_us;
	arm(w, n, w->now_us + REACHABLE_US);
	queue_flush(w, n);
}

bool
link_neigh_heard(struct worker *w, uint8_t ifidx, uint8_t af, const void *a, const struct rte_ether_addr *mac,
		 enum heard how)
{
	uint8_t addr[16] = {0};
	struct neigh *n;

	memcpy(addr, a, af == 4 ? 4 : 16);
	n = neigh_find(w, ifidx, af, addr);
	if (!n && how == HEARD_REQUEST)
		n = neigh_make(w, ifidx, af, addr);
	if (!n)
		return false;
	if (n->state == NEIGH_INCOMPLETE || n->state == NEIGH_FAILED) {
		if (!mac)
			return false;
		if (how <= HEARD_REPLY_WEAK && n->tries)
			neigh_confirm(w, n, mac);
		else
			neigh_stale(w, n, mac);
		return true;
	}
	if (!mac || rte_is_same_ether_addr(mac, &n->l2.dst_addr)) {
		if (how <= HEARD_REPLY_WEAK)
			neigh_confirm(w, n, NULL);
		return true;
	}
	if (how == HEARD_REPLY && n->tries) {
		neigh_confirm(w, n, mac);
		return true;
	}
	if (!n->tries && w->now_us - n->confirmed_us >= VERIFY_US) {
		n->state = NEIGH_STALE;
		solicit(w, n, true);
	}
	return false;
}

uint16_t
link_neigh_get(struct worker *w, uint8_t ifidx, uint8_t af, const uint8_t nexthop[16],
	       const struct rte_ether_addr *hint)
{
	uint8_t addr[16] = {0};
	struct neigh *n;

	memcpy(addr, nexthop, af == 4 ? 4 : 16);
	n = neigh_find(w, ifidx, af, addr);
	if (!n)
		n = neigh_make(w, ifidx, af, addr);
	if (!n)
		return NEIGH_NONE;
	if (n->refs++ == 0)
		lru_remove(n);
	if (hint && (n->state == NEIGH_FAILED || (n->state == NEIGH_INCOMPLETE && !n->tries)))
		neigh_stale(w, n, hint);
	return n - w->neighs;
}

void
link_neigh_put(struct worker *w, uint16_t idx)
{
	struct neigh *n = &w->neighs[idx];

	if (--n->refs == 0)
		lru_append(w, n);
}

void
link_neigh_suspect(struct worker *w, uint16_t idx)
{
	struct neigh *n = &w->neighs[idx];

	if (n->state != NEIGH_REACHABLE)
		return; /* asked already, or at the next packet */
	n->state = NEIGH_STALE;
	solicit(w, n, false);
}

int
link_path(struct worker *w, uint8_t af, const void *addr, const struct rte_ether_addr *hint, uint8_t *ifidx,
	  uint16_t *neigh)
{
	struct path *p = &w->path;
	uint8_t nexthop[16];
	struct neigh *n;
	int rc;

	/* both constant: compared in registers */
	if (likely(p->af == af && (af == 4 ? memcmp(p->addr, addr, 4) : memcmp(p->addr, addr, 16)) == 0)) {
		n = &w->neighs[p->neigh];
		if (likely(n->state == NEIGH_REACHABLE)) {
			if (n->refs++ == 0)
				lru_remove(n);
			*ifidx = n->ifidx;
			*neigh = p->neigh;
			return 0;
		}
	}
	rc = link_route(w, af, addr, nexthop);
	if (rc < 0)
		return rc;
	*ifidx = rc;
	*neigh = link_neigh_get(w, rc, af, nexthop, hint);
	if (*neigh == NEIGH_NONE)
		return -ENOBUFS;
	p->af = af;
	p->neigh = *neigh;
	memcpy(p->addr, addr, af == 4 ? 4 : 16);
	return 0;
}

static void
frag_arm(struct worker *w, uint64_t at_us)
{
	arm(w, &w->neighs[w->max_neighs], at_us);
}

void
link_timer(struct worker *w, struct neigh *n)
{
	if (n == &w->neighs[w->max_neighs]) {
		const uint64_t at_us = frag_expire(w);

		if (at_us)
			frag_arm(w, at_us);
	} else if (n->state == NEIGH_REACHABLE) {
		n->state = NEIGH_STALE;
	} else if (n->tries < TRIES) {
		solicit(w, n, true);
	} else if (n->state == NEIGH_STALE) {
		n->state = NEIGH_INCOMPLETE;
		n->tries = 0;
		solicit(w, n, true);
	} else {
		n->state = NEIGH_FAILED;
		n->tries = 0;
		queue_free(w, n);
	}
}

/* A frame for a neighbour that is not REACHABLE. */
static __rte_noinline void
output_slow(struct worker *w, struct iface *ifc, struct neigh *n, struct rte_mbuf *m)
{
	if (n->tries == 0) {
		if (n->state == NEIGH_FAILED)
			n->state = NEIGH_INCOMPLETE;
		solicit(w, n, n->state == NEIGH_INCOMPLETE);
	}
	if (n->state == NEIGH_STALE)
		transmit(w, ifc, m);
	else
		queue_put(w, n, m);
}

void
link_output(struct worker *w, uint8_t ifidx, uint16_t idx, struct rte_mbuf *m)
{
	struct iface *ifc = &w->ifs[ifidx];
	struct neigh *n;
	void *eth;

	if (unlikely(idx == NEIGH_NONE)) {
		drop(w, m, STAT_DROP_NEIGH);
		return;
	}
	n = &w->neighs[idx];
	eth = rte_pktmbuf_prepend(m, sizeof(n->l2));
	if (unlikely(!eth || (!ifc->tx_multi_seg && m->nb_segs > 1 && rte_pktmbuf_linearize(m)))) {
		drop(w, m, STAT_DROP_TX_FULL);
		return;
	}
	memcpy(eth, &n->l2, sizeof(n->l2));
	if (likely(n->state == NEIGH_REACHABLE))
		transmit(w, ifc, m);
	else
		output_slow(w, ifc, n, m);
}

/* --- ARP and the rest of input ------------------------------------------------------------------------------ */

static int
arp_reply(struct worker *w, struct iface *ifc, struct rte_mbuf *m, struct rte_arp_hdr *arp)
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
	m->ol_flags &= KEEP_FLAGS;
	STAT_INC(w, ARP_TX);
	transmit(w, ifc, m);
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

static int
arp_input(struct worker *w, struct seg *s)
{
	struct iface *ifc = &w->ifs[s->ifidx];
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
		known = link_neigh_heard(w, s->ifidx, 4, &sip, &arp->arp_data.arp_sha, HEARD_UNASKED);
	} else if (arp->arp_opcode == RTE_BE16(RTE_ARP_OP_REPLY)) {
		known = link_neigh_heard(w, s->ifidx, 4, &sip, &arp->arp_data.arp_sha, HEARD_REPLY);
	} else if (arp->arp_opcode == RTE_BE16(RTE_ARP_OP_REQUEST)) {
		STAT_INC(w, ARP_RX);
		if (sip && link_on_link(ifc, 4, &sip))
			link_neigh_heard(w, s->ifidx, 4, &sip, &arp->arp_data.arp_sha, HEARD_REQUEST);
		return arp_reply(w, ifc, s->m, arp);
	} else {
		return STAT_DROP_ARP;
	}
	STAT_INC(w, ARP_RX);
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
	return h && h[0] == 136; /* neighbour advertisement */
}

struct rte_mbuf *
link_input(struct worker *w, struct seg *s)
{
	struct rte_mbuf *m;
	int rc;

	switch (s->kind) {
	case PKT_FRAG:
		m = frag_input(w, s);
		if (!m && !wheel_armed(&w->neighs[w->max_neighs].timer))
			frag_arm(w, w->now_us + FRAG_TIMEOUT_US + TICK_US);
		return m;
	case PKT_ARP:
		rc = arp_input(w, s);
		break;
	case PKT_ICMP:
		rc = icmp_input(w, s);
		break;
	case PKT_ICMP6:
		rc = icmp6_input(w, s);
		break;
	default:
		rc = STAT_DROP_IP_PROTO;
	}
	if (rc > 0)
		drop(w, s->m, rc);
	else if (rc == SEG_DONE)
		rte_pktmbuf_free(s->m);
	return NULL;
}

/* --- set-up ------------------------------------------------------------------------------------------------- */

int
link_init(struct worker *w, uint32_t max_neighbours)
{
	struct neigh *head;
	uint32_t i, slots;

	max_neighbours = RTE_MAX(max_neighbours, 1u);
	w->max_neighs = RTE_MIN(max_neighbours, NEIGH_NONE - 1u);
	slots = rte_align32pow2(w->max_neighs);
	w->neigh_mask = slots - 1;
	w->n_neighs = 0;
	w->max_neigh_queued = RTE_MAX(w->conf.n_mbufs / 8, (uint32_t)NEIGH_QUEUE);
	w->neighs = node_alloc((w->max_neighs + 1) * sizeof(*w->neighs), w->node);
	w->neigh_hash = node_alloc(slots * sizeof(*w->neigh_hash), w->node);
	w->frag = frag_create(w->node);
	if (!w->neighs || !w->neigh_hash || !w->frag) {
		link_fini(w);
		return -ENOMEM;
	}
	head = &w->neighs[w->max_neighs];
	head->lru_next = head->lru_prev = head;
	for (i = 0; i <= w->max_neighs; i++)
		w->neighs[i].kind = TOBJ_NEIGH;
	for (i = 0; i < w->max_neighs; i++)
		lru_append(w, &w->neighs[i]);
	return 0;
}

void
link_fini(struct worker *w)
{
	struct rte_mbuf *m;
	uint32_t i;

	for (i = 0; w->neighs && i <= w->max_neighs; i++) {
		wheel_cancel(&w->wheel, &w->neighs[i].timer);
		while ((m = queue_get(w, &w->neighs[i])) != NULL)
			rte_pktmbuf_free(m);
	}
	frag_destroy(w->frag);
	if (w->neighs)
		node_free(w->neighs, (w->max_neighs + 1) * sizeof(*w->neighs));
	if (w->neigh_hash)
		node_free(w->neigh_hash, (w->neigh_mask + 1) * sizeof(*w->neigh_hash));
	w->frag = NULL;
	w->neighs = NULL;
	w->neigh_hash = NULL;
}
