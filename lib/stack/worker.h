/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A worker driven: the engine (or a test) feeds it packets and time and takes packets away:
 *
 *	worker_set_time(w, now_us);
 *	worker_input(w, ifidx, mbufs, n);   any number of times
 *	worker_run(w);                      timers, callbacks, one output pass
 *	... take w->ifs[i].tx[0 .. n_tx) and set n_tx = 0
 *
 * Nothing below reads a clock or a device.
 */
#ifndef WORKER_H
#define WORKER_H
#include "tcp/context.h"

/** Allocate and initialise a worker on NUMA node; conf with defaults resolved; mp stays the caller's. now_us starts the
 *  clock. Interfaces are added by link_iface_init(&w->ifs[i], ...), w->n_ifs. @return 0, -ENOMEM. */
int worker_create(struct tern_worker **w, const struct tern_conf *conf, unsigned int index, int node,
		  struct rte_mempool *mp, uint64_t now_us);
/** Send every synchronised connection's peer what tern_abort() sends, before worker_destroy(). The connections stay as
 *  they are. make_room(arg) takes packets from ifs[].tx; when it can't, false, the rest goes without. */
void worker_reset_peers(struct tern_worker *w, bool (*make_room)(void *), void *arg);
/** Frees every connection silently (no packets, no callbacks), then all memory. */
void worker_destroy(struct tern_worker *w);
/** Time never goes back. */
void worker_set_time(struct tern_worker *w, uint64_t now_us);
/**
 * Fetch the lines that input reads of a frame: the mbuf's first and where headers and a small payload lie in its
 * buffer. All are asked for at once, by the layout of rte_pktmbuf_pool_create(), not by buf_addr, which would have to
 * arrive first; of a frame that lies elsewhere (a private area, another headroom) the wrong lines come, which does no
 * harm.
 */
static inline void
worker_prefetch(const struct rte_mbuf *m)
{
	const char *buf = (const char *)(m + 1);

	prefetch_own(m);
	prefetch_own(buf + RTE_PKTMBUF_HEADROOM - RTE_CACHE_LINE_SIZE);
	prefetch_own(buf + RTE_PKTMBUF_HEADROOM);
	prefetch_own(buf + RTE_PKTMBUF_HEADROOM + RTE_CACHE_LINE_SIZE);
}
/** Parse, look up in prefetched stages and process n <= BURST frames received on ifidx. Consumes the mbufs. */
void worker_input(struct tern_worker *w, uint8_t ifidx, struct rte_mbuf **m, unsigned int n);
/** Timers due, callbacks, then one output pass over the pending connections. @return true if anything was done. */
bool worker_run(struct tern_worker *w);
/** Earliest time worker_run() has work by itself: now when connections are pending, UINT64_MAX when never. */
uint64_t worker_next_us(struct tern_worker *w);
/** True when no connection, half-open request or TIME-WAIT is left (TIME-WAIT counts only if asked). */
bool worker_idle(const struct tern_worker *w, bool timewait_too);
#endif
