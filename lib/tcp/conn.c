/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The life of a connection object: made, negotiated, established, accepted, dropped. It is freed in the pass over the
 * pending list (tcp/pending.c).
 */
#include <string.h>
#include <rte_mbuf.h>
#include "tcp/buf.h"
#include "tcp/deadline.h"
#include "tcp/loss.h"
#include "tcp/mem.h"
#include "tcp/opt.h"
#include "tcp/reasm.h"

struct tern_conn *
tcp_conn_new(struct tern_worker *w, const struct tcp_sockopts *o, const struct flow *f, uint32_t hash, uint8_t ifidx,
	     uint32_t iss, uint32_t ts_off)
{
	struct tern_conn *c = pool_get(&w->conns);
	unsigned int i;

	if (unlikely(!c)) {
		STAT_INC(w, CONN_POOL_EMPTY);
		return NULL;
	}
	if (usual(true)) /* the lines of the next one */
		for (i = RTE_CACHE_LINE_SIZE; i < sizeof(*c); i += RTE_CACHE_LINE_SIZE)
			rte_prefetch0((const void *)((uintptr_t)w->conns.free + i)); /* of none, too */
	memset(c, 0, sizeof(*c));
	c->w = w;
	c->kind = TOBJ_CONN;
	c->state = TERN_CLOSED;
	c->ifidx = ifidx;
	c->hash = hash;
	c->af = f->af;
	c->lport = f->lport;
	c->rport = f->rport;
	flow_addr_copy(&c->addr, &f->addr, f->af);
	c->iss = iss;
	c->snd_una = c->snd_nxt = c->snd_max = c->snd_sml = iss;
	c->ts_off = ts_off;
	c->neigh = NEIGH_NONE;
	c->snd_buf = o->snd_buf;
	c->rcv_buf = o->rcv_buf;
	c->rcv_ws = o->rcv_ws;
	c->rto_us = w->conf.tcp.rto_init_ms * 1000;
	tcp_user_timeout(w, c, o->user_timeout_ms);
	c->cc = o->cc;
	c->ttl = o->ttl;
	c->tos = o->tos;
	c->keep_idle_s = o->keep_idle_s;
	c->keep_intvl_s = o->keep_intvl_s;
	c->keep_cnt = o->keep_cnt;
	c->last_data_at_ms = w->now_ms - w->conf.tcp.delack_ms; /* no pause before the first data, and none just came */
	c->quickack = o->quickack;
	c->feat = o->feat;
	c->flags = o->flags;
	if (unlikely(c->feat & F_LINGER))
		tcp_rare(c)->linger_ms = o->linger_ms;
	return c;
}

void
tcp_conn_unmake(struct tern_worker *w, struct tern_conn *c)
{
	if (c->rare)
		pool_put(&w->rares, c->rare);
	pool_put(&w->conns, c);
}

void
tcp_negotiate(struct tern_worker *w, struct tern_conn *c, uint16_t peer_mss, uint8_t feat, uint8_t snd_ws)
{
	if (peer_mss == 0)
		peer_mss = tcp_mss_default(c->af); /* MUST-15 */
	peer_mss = RTE_MAX(peer_mss, TCP_MSS_MIN);
	c->feat = (c->feat & ~(F_TS | F_SACK | F_WS)) | (feat & (F_TS | F_SACK | F_WS));
	c->mss = RTE_MIN(peer_mss, c->rcv_mss) - (feat & F_TS ? TCP_OPT_TS_LEN : 0); /* MUST-16, RFC 6691 */
	c->snd_ws = feat & F_WS ? snd_ws : 0;
	c->rcv_ws = feat & F_WS ? c->rcv_ws : 0; /* what was offered */
	tcp_cc_init(c);
}

void
tcp_established(struct tern_worker *w, struct tern_conn *c)
{
	tcp_set_state(w, &c->o, TERN_ESTABLISHED);
	STAT_INC(w, ESTABLISHED);
	tcp_plain(w, c);
	c->rcv_mss = RTE_MIN(c->mss, TCP_MSS_DEFAULT4); /* grows to what the peer really sends */
	c->opened_at_ms = c->last_rx_at_ms = w->now_ms;
	c->rto_at = c->limit_at = 0;
	c->backoff = c->retries = 0;
	if (c->feat & F_KEEPALIVE)
		tcp_keepalive_start(w, c);
}

void
tcp_acceptq_add(struct tern_listener *l, struct tern_conn *c)
{
	c->lst = l;
	c->account = l->account;
	l->w->mem.accounts[c->account].users++;
	c->flags |= C_ACCEPTQ;
	c->acc_next = NULL;
	c->acc_pprev = l->acc_tail;
	*l->acc_tail = c;
	l->acc_tail = &c->acc_next;
	l->accept_n++;
	l->w->listeners.accept_queued++;
}

void
tcp_acceptq_remove(struct tern_conn *c)
{
	struct tern_listener *l = c->lst;

	*c->acc_pprev = c->acc_next;
	if (c->acc_next)
		c->acc_next->acc_pprev = c->acc_pprev;
	else
		l->acc_tail = c->acc_pprev;
	c->flags &= ~C_ACCEPTQ;
	c->lst = NULL;
	l->accept_n--;
	l->w->listeners.accept_queued--;
}

/* All but what was received in order, which the application may still read in its last callbacks: with that, a
 * connection also keeps its place among those to accept. */
static void
release_resources(struct tern_worker *w, struct tern_conn *c)
{
	wheel_cancel(&w->wheel, &c->timer);
	c->rto_at = c->delack_at = c->limit_at = c->keep_at = 0;
	if (unlikely(c->snd_head != NULL))
		tcp_queue_free(w, c, c->snd_head);
	if (unlikely(c->ofo != NULL))
		tcp_ofo_free(w, c);
	c->snd_head = c->snd_tail = c->snd_cur = NULL;
	c->snd_queued = 0;
	if (c->neigh != NEIGH_NONE)
		link_neigh_put(&w->link, c->neigh);
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
		if (c->rare->starved.tqe_prev)
			mem_starved_remove(w, c);
		pool_put(&w->rares, c->rare);
		c->rare = NULL;
		c->flags &= ~(C_RCV_URG | C_SND_URG);
	}
}

/* The application's side of an end: what it was not told yet, closed(), and the object is free after the pending
 * pass. */
static void
finish(struct tern_conn *c, int err)
{
	c->err = err;
	c->pend &= ~(P_OUTPUT | P_ACK | P_WRITABLE | P_STALLED | (err ? P_URGENT : 0));
	if (!(c->flags & C_ACCEPTQ)) /* else when it is accepted */
		tcp_mark(c, c->flags & C_ORPHAN || !c->ops ? P_FREE : P_CLOSED);
}

static void
drop(struct tern_worker *w, struct tern_conn *c, int err)
{
	tcp_set_state(w, &c->o, TERN_CLOSED);
	table_remove(&w->table, &c->o);
	if (c->portset)
		portset_release(w, c->portset - 1, c->lport);
	c->portset = 0;
	release_resources(w, c);
	finish(c, err);
}

void
tcp_drop(struct tern_worker *w, struct tern_conn *c, int err)
{
	if (c->state == TERN_CLOSED)
		return;
	if (c->state == TERN_SYN_SENT || c->state == TERN_SYN_RECEIVED)
		STAT_INC(w, ATTEMPT_FAILS);
	else if ((c->state == TERN_ESTABLISHED || c->state == TERN_CLOSE_WAIT) && err)
		STAT_INC(w, ESTAB_RESETS);
	if (!err)
		STAT_INC(w, CLOSED_OK);
	drop(w, c, err);
}

void
tcp_conn_moved(struct tern_worker *w, struct tern_conn *c)
{
	STAT_INC(w, EXPORTED);
	c->flags |= C_ORPHAN;
	drop(w, c, 0);
}

/* TIME-WAIT took the connection's place in the table and its port. */
void
tcp_conn_retire(struct tern_worker *w, struct tern_conn *c)
{
	STAT_INC(w, CLOSED_OK);
	c->state = TERN_CLOSED;
	c->portset = 0;
	release_resources(w, c);
	finish(c, 0);
}

