/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tern_post(): a ring of calls for each worker, many producers, one consumer. A poll takes a burst at most, so who
 * posts much does not keep packets waiting, and a call that posts itself again comes back in the next poll.
 *
 * Producers are any threads, also ones that are not pinned: one that loses its core in the middle of an enqueue must
 * not make the others spin, so the tail moves once the last of them is done (rte_ring's relaxed tail sync). What a
 * thread posted before it posts again lies in front of it: its order is kept.
 *
 * A call is lost only when the worker leaves before it comes to it: what is in the ring then, and what a thread puts
 * there that looked just before, is dropped and counted (TernPostDropped). While it drains, a worker stays until the
 * ring is empty.
 */
#include <errno.h>
#include <rte_ring_elem.h>
#include "stack/post.h"

int
tern_post(struct tern *t, unsigned int worker, void (*fn)(struct tern_worker *w, void *arg), void *arg)
{
	struct post p = {fn, arg};
	struct engine *e;

	if (worker >= t->conf.n_workers || !fn)
		return -EINVAL;
	e = t->engines[worker];
	if (__atomic_load_n(&e->state, __ATOMIC_ACQUIRE) == ENGINE_LEFT)
		return -ESHUTDOWN;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wanalyzer-use-of-uninitialized-value" /* DPDK copies both fields as one */
	if (rte_ring_enqueue_elem(e->posts, &p, sizeof(p)) == 0)
		return 0;
#pragma GCC diagnostic pop
	__atomic_fetch_add(&e->w->stats[STAT_POST_FULL], 1, __ATOMIC_RELAXED); /* of several threads */
	return -EAGAIN;
}

void
post_run(struct engine *e)
{
	struct post p[BURST];
	const unsigned int n = rte_ring_dequeue_burst_elem(e->posts, p, sizeof(p[0]), BURST, NULL);
	unsigned int i;

	e->w->stats[STAT_POSTED] += n;
	for (i = 0; i < n; i++)
		p[i].fn(e->w, p[i].arg);
}

unsigned int
post_drop(struct engine *e)
{
	struct post p[BURST];
	unsigned int n, sum = 0;

	while ((n = rte_ring_dequeue_burst_elem(e->posts, p, sizeof(p[0]), BURST, NULL)) > 0)
		sum += n;
	e->w->stats[STAT_POST_DROPPED] += sum;
	return sum;
}
