/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An in-memory cable (net_ring) and workers at its ends that a test drives, for ring.c and attack.c.
 */
#ifndef CABLE_H
#define CABLE_H
#include <stddef.h>
#include "stack/worker.h"

#define SLOTS 1024u /* of a cable: --ring-size's default */

/** A queue each way; net_ring asks for a pool and takes nothing from it. */
void cable_device(uint16_t port, struct rte_mempool *mp);
/** A worker with one interface, whose MAC ends in `host`, and a pool of its own. */
struct tern_worker *cable_end(const char *name, const struct tern_if_conf *ifc, uint8_t host, struct tern_conf conf,
			      unsigned int mbufs, uint64_t now_us);
/** What w has to send goes into port's queue; what has no room stays. */
void cable_transmit(struct tern_worker *w, uint16_t port);
/** What has arrived at port is w's, and w has its turn. @return how many frames. */
unsigned int cable_receive(struct tern_worker *w, uint16_t port, uint64_t now_us);
/** A frame of w's mbufs into port's queue. @return false: no mbuf, or no room. */
bool cable_put(struct tern_worker *w, uint16_t port, const uint8_t *f, unsigned int n);
/** Bytes of this process's heap and of EAL's. */
size_t cable_heap(void);
#endif
