/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The pending list: connections for which events or output are due.
 *
 * Input and user calls change state and put the connection on the worker's list; tcp_run_pending() then delivers
 * events to the application and makes one output pass. A connection is freed only here, so no pointer dies in the
 * middle of a burst. An application callback may call anything on any connection of its worker, also close the one it
 * is called for.
 */
#include <rte_mbuf.h>
#include "tcp/deadline.h"
#include "tcp/mem.h"
#include "tcp/output.h"
#include "tcp/reasm.h"

#define STUCK_MAX 32u /* connections in a row that found no room or no mbuf: the others won't either */
#define PEND_ROUNDS 8 /* a callback may mark other connections: bound what one poll chases */

static void
free_received(struct tern_conn *c)
{
	if (likely(!c->rcv_head))
		return;
	tcp_queue_free(c->w, c, c->rcv_head);
	c->rcv_head = c->rcv_tail = NULL;
	c->rcv_queued = 0;
}

/* The callback of one pending bit, unless the handle was given up meanwhile. */
static void
deliver(struct tern_conn *c, unsigned int bit)
{
	const struct tern_ops *ops = c->ops;
	void (*fn)(struct tern_conn *, void *);

	if (!(c->pend & bit))
		return;
	c->pend &= ~bit;
	if (!ops || c->flags & C_ORPHAN)
		return;
	switch (bit) {
	case P_CONNECTED:
		fn = ops->connected;
		break;
	case P_READABLE:
		fn = ops->readable;
		break;
	case P_WRITABLE:
		fn = ops->writable;
		break;
	case P_URGENT:
		fn = ops->urgent;
		break;
	default:
		fn = ops->stalled;
	}
	if (fn)
		fn(c, c->user);
}

/* The last that the application hears of c. */
static void
told_end(struct tern_worker *w, struct tern_conn *c)
{
	const struct tern_ops *ops = c->ops;

	if (!ops)
		return;
	if (c->flags & C_ORPHAN) {
		if (unlikely(ops->ended != NULL))
			ops->ended(w, c->user, c->err);
	} else if (c->pend & P_CLOSED && ops->closed) {
		ops->closed(c, c->user, c->err);
	}
}

enum visited { VISIT_DONE, VISIT_FREED, VISIT_RETRY };

/* Deliver c's events, then send. c stays marked P_QUEUED, so that callbacks don't put it on the list again. */
static enum visited
visit(struct tern_worker *w, struct tern_conn *c)
{
	if (c->pend & P_ACCEPTABLE) {
		c->pend &= ~P_ACCEPTABLE;
		if (c->flags & C_ACCEPTQ && c->lst->ops && c->lst->ops->acceptable)
			c->lst->ops->acceptable(c->lst, c->lst->user);
	}
	if (c->pend & (P_CONNECTED | P_READABLE | P_WRITABLE | P_URGENT | P_STALLED)) {
		deliver(c, P_CONNECTED);
		if (unlikely(c->pend & (P_URGENT | P_STALLED))) {
			deliver(c, P_URGENT);
			deliver(c, P_STALLED);
		}
		deliver(c, P_READABLE);
		deliver(c, P_WRITABLE);
		if (unlikely(c->flags & C_TRIAL))
			tcp_trial_end(w, c);
	}
	if (c->pend & (P_CLOSED | P_FREE)) {
		told_end(w, c);
		free_received(c);
		mem_account_put(w, c->account);
		if (TERN_CHECKS)
			c->kind = 0; /* tcp/call.h */
		pool_put(&w->conns, c);
		return VISIT_FREED;
	}
	if (c->pend & (P_OUTPUT | P_ACK)) {
		if (unlikely(!tcp_output(w, c))) {
			tcp_timer_sync(w, c); /* who waits for room gives up in time */
			return VISIT_RETRY;
		}
		tcp_timer_sent(w, c);
		c->pend &= ~(P_OUTPUT | P_ACK | P_PUSH);
	} else if (c->delack_at) {
		tcp_timer_sent(w, c);
	}
	return VISIT_DONE;
}

bool
tcp_run_pending(struct tern_worker *w)
{
	unsigned int round, stuck = 0;
	bool any = false, full = false;

	for (round = 0; round < PEND_ROUNDS && w->pending.head && !full; round++) {
		struct tern_conn *c = w->pending.head, *next, **last = w->pending.tail;

		w->pending.head = NULL;
		w->pending.tail = &w->pending.head;
		for (; c; c = next) {
			enum visited v;

			next = c->pend_next;
			if (usual(next != NULL))
				rte_prefetch0(next);
			v = visit(w, c);
			any |= v != VISIT_RETRY;
			if (v == VISIT_FREED)
				continue;
			c->pend &= ~P_QUEUED;
			full |= v == VISIT_RETRY;
			stuck = v == VISIT_RETRY ? stuck + 1 : 0;
			if (v == VISIT_RETRY || c->pend)
				tcp_mark(c, 0);
			if (unlikely(stuck == STUCK_MAX) && next) { /* those not asked come first next time */
				*last = w->pending.head;
				w->pending.head = next;
				break;
			}
		}
	}
	return any;
}
