/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Between TCP and what lies below: the way to an address, the last step of output, and the dispatch of all input that
 * is not TCP.
 *
 * Interfaces and routes are net/iface.c's, the neighbour cache net/neigh.c's, echo and ICMP errors net/icmp.c's,
 * reassembly net/frag.c's; its timer is the wheel node of neighs[max_neighs], which is no neighbour.
 */
#include <errno.h>
#include "net/frag.h"
#include "net/icmp.h"

/* --- output ------------------------------------------------------------------------------------------------- */

/* Not that of the last answer. Apart: nobody else saves registers for it. */
static __rte_noinline int
other_path(struct link *k, uint8_t af, const void *addr, uint8_t via, const struct rte_ether_addr *hint, uint8_t *ifidx,
	   uint16_t *neigh)
{
	struct path *p = &k->path;
	uint8_t nexthop[16];
	const int rc = link_route(k, af, addr, via, nexthop);

	if (rc < 0)
		return rc;
	*ifidx = rc;
	*neigh = link_neigh_get(k, rc, af, nexthop, hint);
	if (*neigh == NEIGH_NONE)
		return -ENOBUFS;
	p->af = af;
	p->via = via;
	p->neigh = *neigh;
	memcpy(p->addr, addr, addr_len(af));
	return 0;
}

int
link_path(struct link *k, uint8_t af, const void *addr, uint8_t via, const struct rte_ether_addr *hint, uint8_t *ifidx,
	  uint16_t *neigh)
{
	const struct path *p = &k->path;
	struct neigh *n = &k->neighs.at[p->neigh];

	/* both lengths constant: compared in registers */
	if (usual(p->af == af && p->via == via &&
		  (af == 4 ? memcmp(p->addr, addr, 4) : memcmp(p->addr, addr, 16)) == 0 &&
		  n->state == NEIGH_REACHABLE)) {
		neigh_hold(n);
		*ifidx = n->ifidx;
		*neigh = p->neigh;
		return 0;
	}
	return other_path(k, af, addr, via, hint, ifidx, neigh);
}

void
link_output(struct link *k, uint8_t ifidx, uint16_t idx, struct rte_mbuf *m)
{
	struct iface *ifc = &k->ifs[ifidx];
	struct neigh *n;
	void *eth;

	if (unlikely(idx == NEIGH_NONE)) {
		link_drop(k, m, STAT_DROP_NEIGH_FULL);
		return;
	}
	n = &k->neighs.at[idx];
	eth = rte_pktmbuf_prepend(m, sizeof(n->l2));
	if (unlikely(!eth || (m->nb_segs > (ifc->tx_multi_seg ? ifc->tx_segs : 1) && rte_pktmbuf_linearize(m)))) {
		link_drop(k, m, STAT_DROP_TX_FULL);
		return;
	}
	memcpy(eth, &n->l2, sizeof(n->l2));
	if (likely(n->state == NEIGH_REACHABLE))
		link_transmit(k, ifc, m);
	else
		neigh_output(k, ifc, n, m);
}

/* --- input -------------------------------------------------------------------------------------------------- */

static void
frag_arm(struct link *k, uint64_t at_us)
{
	wheel_arm(&k->wheel, &k->neighs.at[k->neighs.max].timer, us_to_tick(at_us));
}

void
link_timer(struct link *k, struct neigh *n)
{
	uint64_t at_us;

	if (n != &k->neighs.at[k->neighs.max]) {
		neigh_timer(k, n);
		return;
	}
	at_us = frag_expire(k);
	if (at_us)
		frag_arm(k, at_us);
}

int
link_input(struct link *k, struct seg *s, struct rte_mbuf **whole, struct icmp_err *e)
{
	*whole = NULL;
	switch (s->kind) {
	case PKT_FRAG:
		*whole = frag_input(k, s);
		if (!*whole && !wheel_armed(&k->neighs.at[k->neighs.max].timer))
			frag_arm(k, k->now_us + FRAG_TIMEOUT_US + TICK_US);
		return SEG_TAKEN;
	case PKT_ARP:
		return arp_input(k, s);
	case PKT_ICMP:
		return icmp_input(k, s, e);
	case PKT_ICMP6:
		return icmp6_input(k, s, e);
	default: /* PKT_UDP, as TCP is not given here */
		return icmp_udp_input(k, s);
	}
}

/* --- set-up ------------------------------------------------------------------------------------------------- */

int
link_init(struct link *k, uint32_t max_neighbours)
{
	int rc = neigh_init(k, max_neighbours);

	k->frag = frag_create(k->node);
	if (rc || !k->frag) {
		link_fini(k);
		return -ENOMEM;
	}
	return 0;
}

void
link_fini(struct link *k)
{
	unsigned int i;

	for (i = 0; i < k->n_ifs; i++) {
		rte_pktmbuf_free_bulk(k->ifs[i].tx, k->ifs[i].n_tx);
		k->ifs[i].n_tx = 0;
	}
	neigh_fini(k);
	frag_destroy(k->frag);
	k->frag = NULL;
}
