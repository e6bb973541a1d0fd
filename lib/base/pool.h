/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Fixed pool of equal objects for one worker: one NUMA-local mapping (libnuma, huge pages when the kernel gives
 * them), a LIFO free list inside the free objects, no per-object header: a mempool's header would double the size
 * of a 64-byte TIME-WAIT record. Unshared, so unlocked. Row 1: knows no TCP.
 */
#ifndef POOL_H
#define POOL_H
#include <stdbool.h>
#include <stdint.h>
#include <stddef.h>
#include "base/usual.h"

struct pool {
	void *free;	 /* next free object; its first word links on */
	uint32_t avail;	 /* objects free */
	uint32_t total;
	uint32_t size;	 /* bytes an object; multiple of 32 */
	uint32_t fresh;	 /* objects never handed out yet: [total - fresh ..) are untouched memory */
	void *base;
	size_t bytes;
};

#define POOL_AHEAD 8 /* fresh objects: their pages are unknown to the TLB, and nobody has the lines */

/** Map total objects of size bytes (rounded up to 32) on NUMA node (-1: any). @return 0 or -ENOMEM. */
int pool_init(struct pool *p, uint32_t total, uint32_t size, int node);
void pool_fini(struct pool *p);

static inline void *
pool_get(struct pool *p)
{
	void *o = p->free;

	if (o) {
		p->free = *(void **)o;
		if (usual(true))
			__builtin_prefetch(p->free, 1);
		p->avail--;
		return o;
	}
	if (!p->fresh)
		return NULL;
	p->avail--;
	o = (char *)p->base + (size_t)(p->total - p->fresh--) * p->size;
	if (usual(true))
		__builtin_prefetch((char *)o + POOL_AHEAD * p->size, 1); /* beyond the last one, too: it does no harm */
	return o;
}

/** An object of a pool that has one for each who may ask: an empty one is our mistake, and ends the program. */
static inline void *
pool_must(struct pool *p)
{
	void *o = pool_get(p);

	if (!o)
		__builtin_trap();
	return o;
}

static inline void
pool_put(struct pool *p, void *o)
{
	*(void **)o = p->free;
	p->free = o;
	p->avail++;
}
/** Memory mapped NUMA-locally, zeroed, for tables. NULL when there is none. */
void *node_alloc(size_t bytes, int node);
void node_free(void *p, size_t bytes);
#endif
