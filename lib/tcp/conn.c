/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The life of a connection object: made, negotiated, established, dropped; and the pending list.
 *
 * Input and user calls change state and put the connection on the worker's pending list; tcp_run_pending() then
 * delivers events to the application and makes one output pass. A connection is freed only there, so no pointer dies in
 * the middle of a burst. An application callback may call anything on any connection of its worker, also close the one it
 * is called for.
 */
#include <string.h>
#include <rte_mbuf.h>
#include "tcp/loss.h"
#include "tcp/mem.h"

#define STUCK_MAX 32u /* connections in a row that found no room or no mbuf: the others won't either */
#define PEND_ROUNDS 8 /* a callback may mark other connections: bound what one poll chases */

/* Never fails: a connection has at most one, and there is one for each. */
struct conn_rare *
tcp_rare(struct conn *c)
{
	if (!c->rare) {
		c->rare = pool_get(&c->w->rares);
		memset(c->rare, 0, sizeof(*c->rare));
		c->rare->cwr_seq = c->iss;
	}
	return c->rare;
}

uint16_t
tcp_mss_offer(const struct iface *ifc, uint8_t af)
{
	return ifc->mtu - (af == 4 ? 40 : 60); /* MUST-67 */
}

uint8_t
tcp_ws_offer(uint32_t rcv_buf)
{
	uint8_t ws = 0;

	while (ws < TCP_WS_MAX && rcv_buf >> ws > 65535)
		ws++;
	return ws;
}

struct conn *
tcp_conn_new(struct worker *w, const struct tcp_sockopts *o, const struct flow *f, uint32_t hash, uint8_t ifidx, uint32_t iss,
	     uint32_t ts_off)
{
	struct conn *c = pool_get(&w->conns);
	unsigned int i;

	if (unlikely(!c)) {
		STAT_INC(w, CONN_POOL_EMPTY);
		return NULL;
	}
	for (i = RTE_CACHE_LINE_SIZE; i < sizeof(*c); i += RTE_CACHE_LINE_SIZE) /* of the next one */
		rte_prefetch0((const char *)w->conns.free + i);
	memset(c, 0, sizeof(*c));
	c->w = w;
	c->kind = TOBJ_CONN;
	c->state = TERN_CLOSED;
	c->ifidx = ifidx;
	c->hash = hash;
	c->af = f->af;
	c->lport = f->lport;
	c->rport = f->rport;
	if (f->af == 4)
		c->addr.laddr4 = f->addr.laddr4, c->addr.raddr4 = f->addr.raddr4;
	else
		c->addr = f->addr;
	c->iss = iss;
	c->snd_una = c->snd_nxt = c->snd_max = c->snd_sml = iss;
	c->ts_off = ts_off;
	c->neigh = NEIGH_NONE;
	c->snd_buf = o->snd_buf;
	c->rcv_buf = o->rcv_buf;
	c->rcv_ws = o->rcv_ws;
	c->rto_us = w->conf.tcp.rto_init_ms * 1000;
	c->user_timeout_ms = o->user_timeout_ms;
	c->cc = o->cc;
	c->ttl = o->ttl;
	c->tos = o->tos;
	c->keep_idle_s = o->keep_idle_s;
	c->keep_intvl_s = o->keep_intvl_s;
	c->keep_cnt = o->keep_cnt;
	c->last_data_ms = w->now_ms - w->conf.tcp.delack_ms; /* no pause before the first data, and none just came */
	c->quickack = o->quickack;
	c->feat = o->feat;
	c->flags = o->flags;
	return c;
}

void
tcp_negotiate(struct worker *w, struct conn *c, uint16_t peer_mss, uint8_t feat, uint8_t snd_ws)
{
	if (peer_mss == 0)
		peer_mss = c->af == 4 ? TCP_MSS_DEFAULT4 : TCP_MSS_DEFAULT6; /* MUST-15 */
	peer_mss = RTE_MAX(peer_mss, TCP_MSS_MIN);
	c->feat = (c->feat & ~(F_TS | F_SACK | F_WS)) | (feat & (F_TS | F_SACK | F_WS));
	c->mss = RTE_MIN(peer_mss, c->rcv_mss) - (feat & F_TS ? TCP_OPT_TS_LEN : 0); /* MUST-16, RFC 6691 */
	c->snd_ws = feat & F_WS ? snd_ws : 0;
	c->rcv_ws = feat & F_WS ? c->rcv_ws : 0; /* what was offered */
	tcp_cc_init(c);
}

void
tcp_established(struct worker *w, struct conn *c)
{
	tcp_set_state(w, &c->o, TERN_ESTABLISHED);
	STAT_INC(w, ESTABLISHED);
	if (c->af == 4 && !w->ifs[c->ifidx].tx_tcp_cksum)
		c->flags |= C_PLAIN;
	c->rcv_mss = RTE_MIN(c->mss, TCP_MSS_DEFAULT4); /* grows to what the peer really sends */
	c->rto_at = c->misc_at = 0;
	c->backoff = c->retries = 0;
	if (c->feat & F_KEEPALIVE)
		tcp_keepalive_start(w, c);
	tcp_timer_sync(w, c);
}

static void
free_received(struct conn *c)
{
	if (likely(!c->rcv_head))
		return;
	tcp_queue_free(c->w, c, c->rcv_head);
	c->rcv_head = c->rcv_tail = NULL;
	c->rcv_queued = 0;
}

/* All but what was received in order, which the application may still read in its last callbacks: with that, a connection
 * also keeps its place among those to accept. */
static void
release_resources(struct worker *w, struct conn *c)
{
	wheel_cancel(&w->wheel, &c->timer);
	c->rto_at = c->delack_at = c->misc_at = c->keep_at = 0;
	if (unlikely(c->snd_head != NULL))
		tcp_queue_free(w, c, c->snd_head);
	if (unlikely(c->ofo != NULL))
		tcp_ofo_free(w, c);
	c->snd_head = c->snd_tail = c->snd_cur = NULL;
	c->snd_queued = 0;
	if (c->neigh != NEIGH_NONE)
		link_neigh_put(w, c->neigh);
	c->neigh = NEIGH_NONE;
	if (c->flags & C_ACCEPTQ && (c->flags & C_ORPHAN || !c->rcv_head))
		tcp_acceptq_remove(c);
	if (unlikely(c->flags & C_TFO && c->feat & F_PASSIVE))
		tcp_tfo_confirmed(w, c);
	if (unlikely(c->loss != NULL))
		tcp_loss_free(w, c);
	if (c->flags & C_COUNTED)
		w->mem.orphans--;
	c->flags &= ~C_COUNTED;
	if (unlikely(c->rare != NULL)) {
		tcp_buf_release(w, c);
		if (c->rare->starved_pprev)
			mem_starved_remove(w, c);
		pool_put(&w->rares, c->rare);
		c->rare = NULL;
		c->flags &= ~(C_RCV_URG | C_SND_URG);
	}
}

/* The application's side of an end: what it was not told yet, closed(), and the object is free after the pending pass. */
static void
finish(struct conn *c, int err)
{
	c->err = err;
	c->pend &= ~(P_OUTPUT | P_ACK | P_WRITABLE | P_STALLED | (err ? P_URGENT : 0));
	if (!(c->flags & C_ACCEPTQ)) /* else when it is accepted */
		tcp_mark(c, c->flags & C_ORPHAN || !c->ops ? P_FREE : P_CLOSED);
}

void
tcp_drop(struct worker *w, struct conn *c, int err)
{
	if (c->state == TERN_CLOSED)
		return;
	if (c->state == TERN_SYN_SENT || c->state == TERN_SYN_RECEIVED)
		STAT_INC(w, ATTEMPT_FAILS);
	else if ((c->state == TERN_ESTABLISHED || c->state == TERN_CLOSE_WAIT) && err)
		STAT_INC(w, ESTAB_RESETS);
	if (!err)
		STAT_INC(w, CLOSED_OK);
	tcp_set_state(w, &c->o, TERN_CLOSED);
	table_remove(&w->table, &c->o);
	if (c->portset)
		portset_release(w, c->portset - 1, c->lport);
	c->portset = 0;
	release_resources(w, c);
	finish(c, err);
}

/* TIME-WAIT took the connection's place in the table and its port. */
void
tcp_conn_retire(struct worker *w, struct conn *c)
{
	STAT_INC(w, CLOSED_OK);
	c->state = TERN_CLOSED;
	c->portset = 0;
	release_resources(w, c);
	finish(c, 0);
}

/* The callback of one pending bit, unless the handle was given up meanwhile. */
static void
deliver(struct conn *c, unsigned int bit)
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
		fn((struct tern_conn *)c, c->user);
}

enum visited { VISIT_DONE, VISIT_FREED, VISIT_RETRY };

/* Deliver c's events, then send. c stays marked P_QUEUED, so that callbacks don't put it on the list again. */
static enum visited
visit(struct worker *w, struct conn *c)
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
		if (c->pend & P_CLOSED && c->ops && c->ops->closed && !(c->flags & C_ORPHAN))
			c->ops->closed((struct tern_conn *)c, c->user, c->err);
		free_received(c);
		mem_account_put(c->account);
		pool_put(&w->conns, c);
		return VISIT_FREED;
	}
	if (c->pend & (P_OUTPUT | P_ACK)) {
		const bool sent = tcp_output(w, c);

		tcp_timer_sync(w, c); /* also when there was no room: who waits for it gives up in time */
		if (!sent)
			return VISIT_RETRY;
		c->pend &= ~(P_OUTPUT | P_ACK | P_PUSH);
	} else if (c->delack_at) {
		tcp_timer_sync(w, c);
	}
	return VISIT_DONE;
}

bool
tcp_run_pending(struct worker *w)
{
	unsigned int round, stuck = 0;
	bool any = false, full = false;

	for (round = 0; round < PEND_ROUNDS && w->pend_head && !full; round++) {
		struct conn *c = w->pend_head, *next, **last = w->pend_tail;

		w->pend_head = NULL;
		w->pend_tail = &w->pend_head;
		for (; c; c = next) {
			enum visited v;

			next = c->pend_next;
			if (next)
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
				*last = w->pend_head;
				w->pend_head = next;
				break;
			}
		}
	}
	return any;
}
