/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Once a poll while memory is short: text out of order is dropped, and who found no mbuf is woken. Theory of
 * operation: tcp/mem.c.
 */
#include "tcp/mem.h"
#include "tcp/reasm.h"

#define PRUNE_LOOK 8u  /* connections compared */
#define RELIEVE_MAX 8u /* connections that one poll prunes or wakes */

/* Of those with the oldest holes who holds most. */
static struct tern_conn *
prune_whom(const struct tern_worker *w)
{
	struct tern_conn *c = TAILQ_FIRST(&w->mem.holes), *most = c;
	unsigned int i;

	for (i = 0; c && i < PRUNE_LOOK; i++, c = TAILQ_NEXT(c, rare->holes))
		if (c->ofo_segs > most->ofo_segs)
			most = c;
	return most;
}

__rte_noinline void
mem_relieve(struct tern_worker *w)
{
	struct tern_conn *c;
	unsigned int i;
	bool shut;

	for (i = 0; i < RELIEVE_MAX && !TAILQ_EMPTY(&w->mem.holes) && mem_prune_due(w); i++) {
		c = prune_whom(w);
		w->stats[STAT_OFO_PRUNED] += c->ofo_segs;
		mem_refused(c, c->ofo->right);
		tcp_ofo_free(w, c);
	}
	for (i = 0; i < RELIEVE_MAX && (c = TAILQ_FIRST(&w->mem.starved)); i++) {
		shut = mem_shut(w, c);
		if (!shut && !mem_left(w))
			break;
		mem_starved_remove(w, c);
		if (shut) {
			mem_starved_add(w, c); /* not in the way of others */
			continue;
		}
		c->flags &= ~C_WANT_WRITE;
		tcp_mark(c, P_WRITABLE);
	}
}
