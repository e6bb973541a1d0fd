/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A worker's mbufs: the pool for packets and data, which other workers may share, and one of small mbufs for data that
 * was copied in, which never leaves the worker and so stays warm. Taken and given back past rte_mempool's generic way,
 * in stores alone, where a cache of the lcore has some.
 */
#ifndef MBUFS_H
#define MBUFS_H
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <rte_branch_prediction.h>
#include <rte_mbuf.h>
#include "base/usual.h"

#define MBUF_AHEAD 6u	/* a line from another core takes as long as making two or three packets */
#define SMALL_ROOM 256u /* bytes: a request, an answer */

struct mbufs {
	struct rte_mempool *pool;  /* not owned */
	struct rte_mempool *small; /* of SMALL_ROOM bytes each */
	struct rte_mempool_cache *cache, *small_cache; /* theirs of the worker's lcore; NULL: none */
	uint64_t init, small_init; /* what a new one's rearm_data says */
	uint32_t room;		   /* from an mbuf of pool to its buffer */
	uint32_t sharers;	   /* workers that take from pool */
};

/** pool stays the caller's; n_small: how many small ones to make. @return 0, -EINVAL (such a pool is of no use),
 *  -ENOMEM; both logged. */
int mbufs_init(struct mbufs *b, struct rte_mempool *pool, uint32_t sharers, uint32_t n_small, int node);
void mbufs_fini(struct mbufs *b);
/** They are taken on this lcore from now on. */
void mbufs_bind(struct mbufs *b);

/** A worker's part of the pool. */
static inline uint32_t
mbufs_share(const struct mbufs *b)
{
	return b->pool->size / b->sharers;
}

/*
 * rte_pktmbuf_alloc() in stores alone: the line of an mbuf that another core freed is far away, and nothing here waits
 * for it. The second line is left alone: in a pool, next is NULL, and tx_offload means nothing until ol_flags asks for
 * it.
 */
static inline struct rte_mbuf *
mbuf_new(struct rte_mempool *mp, struct rte_mempool_cache *cache, uint32_t room, uint64_t init)
{
	struct rte_mbuf *m;

	if (usual(cache && cache->len)) {
		m = cache->objs[--cache->len];
	} else {
		m = rte_mbuf_raw_alloc(mp);
		if (unlikely(!m))
			return NULL;
	}
	m->buf_addr = (char *)m + room;
	memcpy(&m->rearm_data, &init, sizeof(init));
	m->pkt_len = 0;
	m->data_len = 0;
	m->ol_flags = 0;
	return m;
}

/** One of the pool, or NULL. What comes next from it is fetched: a worker that sends more than it receives takes mbufs
 *  that its peers freed. */
static inline struct rte_mbuf *
mbufs_get(struct mbufs *b)
{
	const struct rte_mempool_cache *cache = b->cache;
	const char *next;

	if (usual(cache && cache->len > MBUF_AHEAD)) {
		next = cache->objs[cache->len - MBUF_AHEAD];
		prefetch_own(next);
		next += b->room + RTE_PKTMBUF_HEADROOM;
		prefetch_own(next - RTE_CACHE_LINE_SIZE);
		prefetch_own(next);
	}
	return mbuf_new(b->pool, b->cache, b->room, b->init);
}

/** A small one, or NULL. What comes next was last touched when it was filled: it is fetched. */
static inline struct rte_mbuf *
mbufs_get_small(struct mbufs *b)
{
	const struct rte_mempool_cache *cache = b->small_cache;

	if (usual(cache && cache->len > MBUF_AHEAD)) {
		const char *next = cache->objs[cache->len - MBUF_AHEAD];

		prefetch_own(next);
		prefetch_own(next + sizeof(struct rte_mbuf));
	}
	return mbuf_new(b->small, b->small_cache, sizeof(struct rte_mbuf), b->small_init);
}

/* mbufs_put() of what has no short way. Apart: it would have its callers save registers. */
static __rte_noinline __rte_unused void
mbuf_put_far(struct rte_mbuf *m, bool plain)
{
	if (plain)
		rte_mbuf_raw_free(m);
	else
		rte_pktmbuf_free(m);
}

/** rte_pktmbuf_free() that leaves the second cache line of a plain mbuf alone, and knows the way to the worker's own
 *  pools. */
static inline void
mbufs_put(struct mbufs *b, struct rte_mbuf *m)
{
	struct rte_mempool_cache *cache;

	if (!usual(m->nb_segs == 1 && RTE_MBUF_DIRECT(m) && rte_mbuf_refcnt_read(m) == 1)) {
		mbuf_put_far(m, false);
		return;
	}
	cache = m->pool == b->pool ? b->cache : m->pool == b->small ? b->small_cache : NULL;
	if (likely(cache && cache->len < cache->flushthresh))
		cache->objs[cache->len++] = m;
	else
		mbuf_put_far(m, true);
}
#endif
