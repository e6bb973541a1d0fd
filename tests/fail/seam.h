/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * In front of each file of lib/ and app/ that the tests of failing allocations compile for themselves: each call that
 * asks for memory first asks fail_here(). What declares these functions is included before.
 */
#ifndef SEAM_H
#define SEAM_H
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <rte_cfgfile.h>
#include <rte_errno.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_ip_frag.h>
#include <rte_malloc.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>
#include <rte_ring.h>
#include <rte_ring_elem.h>
#include "../tests/fail/fail.h"

/* in pool.h nobody asks, and what worker.h includes is to be left as it is */
#include "base/pool.h"
#ifndef SEAM_APP
#include "stack/worker.h"
#endif

#define SEAM(kind, none, call) (fail_here(kind, __func__) ? (errno = rte_errno = ENOMEM, none) : (call))
/* What is known by its address is also counted until it is freed. */
#define SEAM_KEPT(kind, none, call) ((__typeof__(call))fail_made(SEAM(kind, none, call)))

#define pool_get(p) (fail_asked(p, __func__), (pool_get)(p))

#define mbufs_get(b) SEAM("mbuf", NULL, (mbufs_get)(b))
#define mbufs_get_small(b) SEAM("small mbuf", NULL, (mbufs_get_small)(b))
#define rte_pktmbuf_alloc(mp) SEAM("mbuf", NULL, (rte_pktmbuf_alloc)(mp))
#define rte_pktmbuf_copy(m, mp, off, len) SEAM("mbuf copy", NULL, (rte_pktmbuf_copy)(m, mp, off, len))
#define rte_pktmbuf_alloc_bulk(mp, m, n) SEAM("mbufs", -ENOMEM, (rte_pktmbuf_alloc_bulk)(mp, m, n))

#undef strdup
#define mmap(a, n, p, f, fd, o) SEAM_KEPT("mmap", MAP_FAILED, (mmap)(a, n, p, f, fd, o))
#define munmap(p, n) (fail_freed(p), (munmap)(p, n))
#define malloc(n) SEAM_KEPT("malloc", NULL, (malloc)(n))
#define calloc(n, size) SEAM_KEPT("calloc", NULL, (calloc)(n, size))
#define aligned_alloc(a, n) SEAM_KEPT("aligned_alloc", NULL, (aligned_alloc)(a, n))
#define strdup(s) SEAM_KEPT("strdup", NULL, (strdup)(s))
#define realloc(p, n) SEAM("realloc", NULL, fail_made((fail_freed(p), (realloc)(p, n))))
#define free(p) (fail_freed(p), (free)(p))
#define rte_malloc(t, n, a) SEAM_KEPT("rte_malloc", NULL, (rte_malloc)(t, n, a))
#define rte_zmalloc_socket(t, n, a, s) SEAM_KEPT("rte_zmalloc", NULL, (rte_zmalloc_socket)(t, n, a, s))
#define rte_free(p) (fail_freed(p), (rte_free)(p))
#define rte_pktmbuf_pool_create(name, n, c, priv, room, s)                                                             \
	SEAM_KEPT("mempool", NULL, (rte_pktmbuf_pool_create)(name, n, c, priv, room, s))
#define rte_pktmbuf_pool_create_by_ops(name, n, c, priv, room, s, ops)                                                 \
	SEAM_KEPT("mempool", NULL, (rte_pktmbuf_pool_create_by_ops)(name, n, c, priv, room, s, ops))
#define rte_mempool_free(mp) (fail_freed(mp), (rte_mempool_free)(mp))
#define rte_ring_create(name, n, s, f) SEAM_KEPT("ring", NULL, (rte_ring_create)(name, n, s, f))
#define rte_ring_create_elem(name, size, n, s, f) SEAM_KEPT("ring", NULL, (rte_ring_create_elem)(name, size, n, s, f))
#define rte_ring_free(r) (fail_freed(r), (rte_ring_free)(r))
#define rte_ip_frag_table_create(b, e, most, cycles, s)                                                                \
	SEAM_KEPT("ip_frag_table", NULL, (rte_ip_frag_table_create)(b, e, most, cycles, s))
#define rte_ip_frag_table_destroy(t) (fail_freed(t), (rte_ip_frag_table_destroy)(t))
#define rte_cfgfile_load_with_params(file, flags, params)                                                              \
	SEAM_KEPT("cfgfile", NULL, (rte_cfgfile_load_with_params)(file, flags, params))
#define rte_cfgfile_close(c) (fail_freed(c), (rte_cfgfile_close)(c))
#define fopen(path, mode) SEAM_KEPT("fopen", NULL, (fopen)(path, mode))
#define fclose(f) (fail_freed(f), (fclose)(f))

/* a driver finds no memory */
#define rte_eth_from_rings(name, rx, n_rx, tx, n_tx, s)                                                                \
	SEAM("ethdev", -1, (rte_eth_from_rings)(name, rx, n_rx, tx, n_tx, s))
#define rte_eth_dev_owner_new(id) SEAM("ethdev", -ENOMEM, (rte_eth_dev_owner_new)(id))
#define rte_eth_dev_configure(p, rx, tx, c) SEAM("ethdev", -ENOMEM, (rte_eth_dev_configure)(p, rx, tx, c))
#define rte_eth_rx_queue_setup(p, q, n, s, c, mp) SEAM("ethdev", -ENOMEM, (rte_eth_rx_queue_setup)(p, q, n, s, c, mp))
#define rte_eth_tx_queue_setup(p, q, n, s, c) SEAM("ethdev", -ENOMEM, (rte_eth_tx_queue_setup)(p, q, n, s, c))
#define rte_eth_dev_start(p) SEAM("ethdev", -ENOMEM, (rte_eth_dev_start)(p))
#endif
