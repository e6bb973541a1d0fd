/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Between net/link.c (interfaces, routes, output), net/neigh.c (neighbour cache, ARP) and net/icmp.c (echo, errors,
 * neighbour discovery).
 */
#ifndef ICMP_H
#define ICMP_H
#include "net/link.h"

/* How an address was told, from the strongest to the weakest claim. */
enum heard {
	HEARD_REPLY,      /* an answer directed at us */
	HEARD_REPLY_WEAK, /* the same without leave to replace what we know (RFC 4861 O flag) */
	HEARD_REQUEST,    /* the sender of a question about one of our addresses */
	HEARD_UNASKED,    /* gratuitous */
};
/** addr has this MAC (NULL: it was not told), says a packet. @return false if nothing was made of it. */
bool link_neigh_heard(struct link *k, uint8_t ifidx, uint8_t af, const void *addr, const struct rte_ether_addr *mac,
		      enum heard how);
/** n's wheel timer fired. */
void neigh_timer(struct link *k, struct neigh *n);
/** A frame, whole but for the destination, for a neighbour that is not REACHABLE. Consumes m. */
void neigh_output(struct link *k, struct iface *ifc, struct neigh *n, struct rte_mbuf *m);
int neigh_init(struct link *k, uint32_t max_neighbours);
void neigh_fini(struct link *k); /* frees queued packets */
/** Off the list of entries without references. */
static inline void
neigh_off_list(struct neigh *n)
{
	n->lru_prev->lru_next = n->lru_next;
	n->lru_next->lru_prev = n->lru_prev;
	n->lru_next = n->lru_prev = NULL;
}
/** Take a reference. */
static inline void
neigh_hold(struct neigh *n)
{
	if (n->refs++ == 0)
		neigh_off_list(n);
}

static inline void
link_drop(struct link *k, struct rte_mbuf *m, enum stat reason)
{
	link_drops(k, m, reason);
	rte_pktmbuf_free(m);
}
/** A whole frame. Consumes m. */
static inline void
link_transmit(struct link *k, struct iface *ifc, struct rte_mbuf *m)
{
	if (unlikely(!link_tx_room(ifc, 1))) {
		link_drop(k, m, STAT_DROP_TX_FULL);
		return;
	}
	if (unlikely(k->trace_pkt != NULL))
		k->trace_pkt(k, m, TERN_PACKET_OUT, ifc->idx);
	ifc->tx[ifc->n_tx++] = m;
}
/** Send a whole ICMP frame, l3_len set, checksums filled in here, in fragments if it must be. Consumes m. */
void link_send_frame(struct link *k, struct iface *ifc, struct rte_mbuf *m);

enum icmp_kind { ICMP_SOFT, ICMP_HARD, ICMP_TOO_BIG };
/** An ICMP error and the segment of ours that it quotes. */
struct icmp_err {
	struct flow flow;
	uint32_t seq, ip_len; /* quoted: sequence number, length of the datagram */
	uint32_t mtu;	      /* ICMP_TOO_BIG; 0: the router doesn't say */
	int err;	      /* the others: negative errno */
	uint8_t kind;	      /* enum icmp_kind */
};
#define SEG_ICMP_ERR -2 /* seg.m is still to be freed; what it says is in *e */

/* Return SEG_DONE, SEG_TAKEN or a reason (net/pkt.h). */
int arp_input(struct link *k, struct seg *s);
/** Or SEG_ICMP_ERR. */
int icmp_input(struct link *k, struct seg *s, struct icmp_err *e);
int icmp6_input(struct link *k, struct seg *s, struct icmp_err *e);
/** A solicitation or an advertisement; its ICMPv6 checksum is right. */
int nd_input(struct link *k, struct seg *s);
#define ND_SOLICIT 135
#define ND_ADVERT 136
/** A UDP datagram to one of our addresses. */
int icmp_udp_input(struct link *k, struct seg *s);
#endif
