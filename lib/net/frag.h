/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bounded IPv4 and IPv6 reassembly.
 */
#ifndef FRAG_H
#define FRAG_H
#include "net/pkt.h"

struct link;
struct frag;

struct frag *frag_create(int node);
void frag_destroy(struct frag *f);
/** A fragment (PKT_FRAG); consumes s->m. @return the datagram it completes, as a frame to parse, or NULL. */
struct rte_mbuf *frag_input(struct link *k, struct seg *s);
/** mbufs of datagrams that are not whole yet; a datagram has RTE_LIBRTE_IP_FRAG_MAX_FRAG at most. */
#define FRAG_DATAGRAMS_MAX 64u
uint32_t frag_max(const struct link *k);
uint32_t frag_held(const struct link *k);
/** Send an ICMP frame, complete but longer than ifc's MTU, in fragments. Consumes m. */
void frag_output(struct link *k, struct iface *ifc, struct rte_mbuf *m);
/** Drop what waited too long. @return when to be called again (now_us), 0: nothing can be waiting. */
uint64_t frag_expire(struct link *k);
#define FRAG_TIMEOUT_US 30000000ull /* as Linux; RFC 8200 4.5 allows 60 s, RFC 791 suggests 15 s */
#endif
