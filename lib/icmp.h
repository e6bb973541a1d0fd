/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Between link.c (interfaces, neighbour cache, ARP, output) and icmp.c (echo, errors, neighbour discovery).
 */
#ifndef ICMP_H
#define ICMP_H
#include "link.h"

/* How an address was told, from the strongest to the weakest claim. */
enum heard {
	HEARD_REPLY,      /* an answer directed at us */
	HEARD_REPLY_WEAK, /* the same without leave to replace what we know (RFC 4861 O flag) */
	HEARD_REQUEST,    /* the sender of a question about one of our addresses */
	HEARD_UNASKED,    /* gratuitous */
};
/** addr has this MAC (NULL: it was not told), says a packet. @return false if nothing was made of it. */
bool link_neigh_heard(struct worker *w, uint8_t ifidx, uint8_t af, const void *addr, const struct rte_ether_addr *mac,
		      enum heard how);
/** Is addr on ifc's own subnet? */
bool link_on_link(const struct iface *ifc, uint8_t af, const void *addr);
/** Send a whole ICMP frame, l3_len set, checksums filled in here. Consumes m. */
void link_send_frame(struct worker *w, struct iface *ifc, struct rte_mbuf *m);

/* Return SEG_DONE, SEG_TAKEN or a reason (tcp.h). */
int icmp_input(struct worker *w, struct seg *s);
int icmp6_input(struct worker *w, struct seg *s);
/** Neighbour solicitation for n: to its MAC, or to all who could know it. */
void nd_solicit(struct worker *w, const struct neigh *n, bool all);
#endif
