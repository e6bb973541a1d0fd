/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Charges: every mbuf in a connection's queues, small ones excepted, counts once for the connection, its account and
 * the worker. Theory of operation: tcp/mem.c.
 */
#ifndef TCP_MEM_H
#define TCP_MEM_H
#include "tcp/conn.h"

/** m is in one of c's queues from now on. */
static inline void
mem_charge(struct tern_worker *w, struct tern_conn *c, const struct rte_mbuf *m)
{
	w->mem.own++;
	w->mem.accounts[c->account].held++;
	c->held++;
	if (unlikely(m->pool != w->mbufs.pool)) {
		w->mem.own--;
		w->mem.foreign++;
	}
}

/** m, which was charged, is not any more. */
static inline void
mem_uncharge(struct tern_worker *w, struct tern_conn *c, const struct rte_mbuf *m)
{
	w->mem.own--;
	w->mem.accounts[c->account].held--;
	c->held--;
	if (unlikely(m->pool != w->mbufs.pool)) {
		w->mem.own++;
		w->mem.foreign--;
	}
}

/** Is so much in queues that each connection has a limit? */
static inline bool
mem_tight(const struct tern_worker *w)
{
	return w->mem.own >= w->mem.half;
}

static inline uint32_t
mem_left(const struct tern_worker *w)
{
	return RTE_MAX(w->mem.budget - (int32_t)w->mem.own, 0);
}

/** Is so much in queues that text out of order is dropped? */
static inline bool
mem_prune_due(const struct tern_worker *w)
{
	return w->mem.own > w->mem.half + w->mem.half / 4;
}

#define MEM_FIRST_WND 4096u /* bytes: the first window of a connection while mem_tight() */

int mem_init(struct tern_worker *w);
void mem_fini(struct tern_worker *w);
/** Once a millisecond: what there is. */
void mem_measure(struct tern_worker *w);

/** An account for a listener; given back with mem_account_put(), and once more by each of its connections. */
uint16_t mem_account_get(struct tern_worker *w);
static inline void
mem_account_put(struct tern_worker *w, uint16_t account)
{
	w->mem.accounts[account].users--;
}

/** What becomes of text in order that arrives while mem_tight(). */
enum mem_verdict {
	MEM_KEEP,
	MEM_TRIAL, /* if the application reads it at once */
	MEM_REFUSE,
};
enum mem_verdict mem_receive(const struct tern_worker *w, const struct tern_conn *c);
/** May text out of order be kept? */
bool mem_hole(const struct tern_worker *w, const struct tern_conn *c);
/** Bytes of window that c's memory is good for, while mem_tight(). */
uint32_t mem_window(const struct tern_conn *c, uint32_t space);
/** Bytes that may be queued for sending, while mem_tight(). */
uint32_t mem_send(const struct tern_conn *c, uint32_t space);

/** Is c's window shut, and so little left that it may queue nothing? */
bool mem_shut(const struct tern_worker *w, const struct tern_conn *c);
/** c's window is shut for long: does it hold what somebody else waits for? Then it is to be reset. */
bool mem_shut_too_dear(struct tern_worker *w, const struct tern_conn *c);
/** Must len bytes that are to be sent go to a small mbuf, while mem_tight()? */
bool mem_small(const struct tern_conn *c, uint32_t len);
/** c, which has no text out of order now, has or has had. */
void mem_holes_add(struct tern_worker *w, struct tern_conn *c);
void mem_holes_remove(struct tern_worker *w, struct tern_conn *c);
/** c found no mbuf: writable() when there is one. */
void mem_starved_add(struct tern_worker *w, struct tern_conn *c);
void mem_starved_remove(struct tern_worker *w, struct tern_conn *c);
/** Text up to end came and was not kept: the peer is there, and may reset from there. */
void mem_refused(struct tern_conn *c, uint32_t end);
/** tcp/relieve.c, once a poll: prune, and wake the starved. */
void mem_relieve(struct tern_worker *w);
#endif
