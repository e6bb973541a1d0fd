/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Between TCP and what lies below: the way to an address, the last step of output, and the dispatch of all input that is not TCP.
 *
 * Interfaces and routes are net/iface.c's, the neighbour cache net/neigh.c's, echo and ICMP errors net/icmp.c's, reassembly
 * net/frag.c's; its timer is the wheel node of neighs[max_neighs], which is no neighbour.
 */
#include <errno.h>
#include "net/frag.h"
#include "net/icmp.h"
#include "stack/worker.h"


/* --- output ------------------------------------------------------------------------------------------------- */

/* Not that of the last answer. Apart: nobody else saves registers for it. */
static __rte_noinline int
other_path(struct tern_worker *w, uint8_t af, const void *addr, uint8_t via, const struct rte_ether_addr *hint, uint8_t *ifidx,
	   uint16_t *neigh)
{
	struct path *p = &w->path;
	uint8_t nexthop[16];
	const int rc = link_route(w, af, addr, via, nexthop);

	if (rc < 0)
		return rc;
	*ifidx = rc;
	*neigh = link_neigh_get(w, rc, af, nexthop, hint);
	if (*neigh == NEIGH_NONE)
		return -ENOBUFS;
	p->af = af;
	p->via = via;
	p->neigh = *neigh;
	memcpy(p->addr, addr, addr_len(af));
	return 0;
}

int
link_path(struct tern_worker *w, uint8_t af, const void *addr, uint8_t via, const struct rte_ether_addr *hint, uint8_t *ifidx,
	  uint16_t *neigh)
{
	const struct path *p = &w->path;
	struct neigh *n = &w->neighs.at[p->neigh];

	/* both lengths constant: compared in registers */
	if (usual(p->af == af && p->via == via && (af == 4 ? memcmp(p->addr, addr, 4) : memcmp(p->addr, addr, 16)) == 0 &&
		  n->state == NEIGH_REACHABLE)) {
		neigh_hold(n);
		*ifidx = n->ifidx;
		*neigh = p->neigh;
		return 0;
	}
	return other_path(w, af, addr, via, hint, ifidx, neigh);
}

void
link_output(struct tern_worker *w, uint8_t ifidx, uint16_t idx, struct rte_mbuf *m)
{
	struct iface *ifc = &w->ifs[ifidx];
	struct neigh *n;
	void *eth;

	if (unlikely(idx == NEIGH_NONE)) {
		link_drop(w, m, STAT_DROP_NEIGH_FULL);
		return;
	}
	n = &w->neighs.at[idx];
	eth = rte_pktmbuf_prepend(m, sizeof(n->l2));
	if (unlikely(!eth || (m->nb_segs > (ifc->tx_multi_seg ? ifc->tx_segs : 1) && rte_pktmbuf_linearize(m)))) {
		link_drop(w, m, STAT_DROP_TX_FULL);
		return;
	}
	memcpy(eth, &n->l2, sizeof(n->l2));
	if (likely(n->state == NEIGH_REACHABLE))
		link_transmit(w, ifc, m);
	else
		neigh_output(w, ifc, n, m);
}

/* --- input -------------------------------------------------------------------------------------------------- */

static void
frag_arm(struct tern_worker *w, uint64_t at_us)
{
	wheel_arm(&w->wheel, &w->neighs.at[w->neighs.max].timer, us_to_tick(at_us));
}

void
link_timer(struct tern_worker *w, struct neigh *n)
{
	uint64_t at_us;

	if (n != &w->neighs.at[w->neighs.max]) {
		neigh_timer(w, n);
		return;
	}
	at_us = frag_expire(w);
	if (at_us)
		frag_arm(w, at_us);
}

int
link_input(struct tern_worker *w, struct seg *s, struct rte_mbuf **whole, struct icmp_err *e)
{
	*whole = NULL;
	switch (s->kind) {
	case PKT_FRAG:
		*whole = frag_input(w, s);
		if (!*whole && !wheel_armed(&w->neighs.at[w->neighs.max].timer))
			frag_arm(w, w->now_us + FRAG_TIMEOUT_US + TICK_US);
		return SEG_TAKEN;
	case PKT_ARP:
		return arp_input(w, s);
	case PKT_ICMP:
		return icmp_input(w, s, e);
	case PKT_ICMP6:
		return icmp6_input(w, s, e);
	case PKT_UDP:
		return icmp_udp_input(w, s);
	default:
		return STAT_DROP_IP_PROTO;
	}
}

/* --- set-up ------------------------------------------------------------------------------------------------- */

int
link_init(struct tern_worker *w, uint32_t max_neighbours)
{
	int rc = neigh_init(w, max_neighbours);

	w->frag = frag_create(w->node);
	if (rc || !w->frag) {
		link_fini(w);
		return -ENOMEM;
	}
	return 0;
}

void
link_fini(struct tern_worker *w)
{
	neigh_fini(w);
	frag_destroy(w->frag);
	w->frag = NULL;
}
