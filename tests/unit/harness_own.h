/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Between the harness's own files. harness.c (the bed) calls the others at a test's start and end; harness_peer.c puts
 * frames on the wire, the first of which starts the bed; harness_wire.c tells the peer what came for it and asks what
 * it said since. All use harness_frames.c. harness_app.c is above them and knows harness.h alone.
 */
#ifndef HARNESS_OWN_H
#define HARNESS_OWN_H
#include "harness.h"

/* harness_wire.c */
extern struct rte_mempool *wire_mp;
void wires_free(void);
/** A frame out of node i, or, of ARP and NDP, out of node i - 2. */
void fly(unsigned int i, const uint8_t *p, uint16_t n);
/** The frame in an mbuf of node n. NULL: it has none. */
struct rte_mbuf *received(const struct node *n, const void *p, uint16_t len);
void deliver(struct node *n, struct rte_mbuf **m, unsigned int k);

/* harness_peer.c */
void peer_hears(const uint8_t *p, uint16_t n);
/** Deliver what it sent since the last time. */
void peer_speaks(void);
#endif
