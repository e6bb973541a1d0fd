/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdio.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include "base/log.h"
#include "base/mbufs.h"

#define SMALL_CACHE 256u /* of an lcore */

int
mbufs_init(struct mbufs *b, struct rte_mempool *pool, uint32_t sharers, uint32_t n_small, int node)
{
	const struct rte_pktmbuf_pool_private *priv = rte_mempool_get_priv(pool);
	struct rte_mbuf t = {
		.data_off = RTE_PKTMBUF_HEADROOM, .refcnt = 1, .nb_segs = 1, .port = RTE_MBUF_PORT_INVALID};
	const uint32_t cache = RTE_MIN(SMALL_CACHE, n_small / 8);
	char name[RTE_MEMPOOL_NAMESIZE];

	if (priv->flags & RTE_PKTMBUF_POOL_F_PINNED_EXT_BUF || priv->mbuf_data_room_size < RTE_PKTMBUF_HEADROOM + 256) {
		LOG(ERR, "mbuf pool '%s': must have its buffers in the mbufs, of %u bytes or more", pool->name,
		    RTE_PKTMBUF_HEADROOM + 256);
		return -EINVAL;
	}
	b->pool = pool;
	b->sharers = sharers;
	memcpy(&b->init, &t.rearm_data, sizeof(b->init));
	b->room = sizeof(struct rte_mbuf) + priv->mbuf_priv_size;
	t.data_off = 0; /* cppcheck-suppress unreadVariable ; rearm_data is where it lies */
	memcpy(&b->small_init, &t.rearm_data, sizeof(b->small_init));
	snprintf(name, sizeof(name), "small%p", (void *)b); /* no two workers of a process have one name */
	b->small = rte_pktmbuf_pool_create(name, n_small, cache, 0, SMALL_ROOM, node);
	if (!b->small)
		b->small = rte_pktmbuf_pool_create(name, n_small, cache, 0, SMALL_ROOM, SOCKET_ID_ANY);
	if (b->small) {
		mbufs_bind(b);
		return 0;
	}
	LOG(ERR, "no room for %u mbufs of %u bytes: give EAL more memory or lower n_mbufs", n_small, SMALL_ROOM);
	return -ENOMEM;
}

void
mbufs_fini(struct mbufs *b)
{
	rte_mempool_free(b->small);
	b->small = NULL;
}

void
mbufs_bind(struct mbufs *b)
{
	b->cache = rte_mempool_default_cache(b->pool, rte_lcore_id());
	b->small_cache = rte_mempool_default_cache(b->small, rte_lcore_id());
}
