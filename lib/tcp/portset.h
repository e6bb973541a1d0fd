/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The local addresses and ports of a worker's active opens, and those of one (local address, peer address, peer port).
 * Theory of operation: tcp/portset.c.
 */
#ifndef PORTSET_H
#define PORTSET_H
#include "base/pool.h"
#include "base/table.h"

struct iface;
struct tern_worker;

#define PORTSET_WORDS (65536 / 64)

struct portset {
	struct portset *hnext;
	union flow_addr addr;
	uint16_t rport;
	uint8_t af;
	uint32_t bucket;
	uint32_t index; /* in the pool */
	uint32_t used;
	uint32_t left;	 /* free, home, and in the range that is chosen from */
	uint32_t cursor; /* next port to try, host order */
	uint32_t steer_base; /* hash of the tuple with local port 0 */
	uint64_t closed[PORTSET_WORDS / 64]; /* words of the map without a port to choose */
	uint64_t map[PORTSET_WORDS];
};

/** Of a worker. */
struct ports {
	uint32_t n_connects, local_next; /* which local address tern_connect() takes */
	struct pool pool;		 /* of struct portset */
	struct homes *homes;
	struct portset **hash, *last; /* last: the one used last, NULL after its end */
};

/** Choose and reserve a port for f (lport 0) or reserve f->lport. Sets f->lport and the flow's table hash. @return 0,
 *  -EADDRNOTAVAIL, -EADDRINUSE. */
int portset_take(struct tern_worker *w, struct flow *f, uint32_t *idx, uint32_t *hash);
/** The same when no set can be made: f->addr's local one becomes one that has a set, and that fits hop. */
int portset_take_used(struct tern_worker *w, const struct iface *ifc, const void *hop, struct flow *f, uint32_t *idx,
		      uint32_t *hash);
int portset_init(struct tern_worker *w);
void portset_fini(struct tern_worker *w);
void portset_release(struct tern_worker *w, uint32_t idx, uint16_t lport);
#endif
