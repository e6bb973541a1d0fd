/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A connection that nobody has accepted yet goes from one worker to another that has the same addresses: of this stack,
 * of another process, of another host behind one address. No segment says so. What it is has nothing of the application
 * in it, so it is little: the two ends, what was negotiated, what was received and not read. The record is of one
 * machine's byte order and one version; who has another one refuses it, and the peer is reset.
 *
 * Nothing was sent but the SYN-ACK, and that is acknowledged: no timer runs, no congestion control has begun. What lies
 * out of order is left behind, the peer has it still (RFC 2018 8).
 */
#include <errno.h>
#include <string.h>
#include "tcp/call.h"
#include "tcp/deadline.h"
#include "tcp/emit.h"
#include "tcp/input.h"
#include "tcp/listen.h"
#include "tcp/listener.h"
#include "tcp/mem.h"
#include "tcp/opt.h"
#include "tcp/reply.h"
#include "tcp/seq.h"
#include "tcp/timewait.h"

#define MAGIC 0x74680001u
#define WND_MAX (1u << 30) /* RFC 7323 2.3 */

struct record {
	uint32_t magic;
	uint32_t len; /* bytes of text behind this */
	union flow_addr addr;
	uint16_t lport, rport;
	uint32_t iss, irs, seq; /* seq: of the first byte of text */
	uint32_t rcv_adv, rcv_up, snd_wnd, max_wnd, snd_wl1;
	uint32_t ts_recent, tsval; /* tsval: what a segment would say now */
	uint32_t srtt_us, rttvar_us, rto_us, cwnd;
	uint16_t mss; /* of segments that we send, timestamps counted */
	uint8_t af, ifidx, feat, snd_ws, rcv_ws;
	uint8_t fin, urgent, ecn; /* 0 or 1 */
};

/* --- out -------------------------------------------------------------------------------------------------------- */

/* The oldest that can go: established, nothing sent. With Fast Open the handshake may not be done yet. */
static struct tern_conn *
oldest(const struct tern_listener *l)
{
	struct tern_conn *c;

	for (c = l->acc_head; c; c = c->acc_next)
		if (c->state == TERN_ESTABLISHED || c->state == TERN_CLOSE_WAIT)
			return c;
	return NULL;
}

static void
record_of(const struct tern_worker *w, const struct tern_conn *c, struct record *r)
{
	const bool fin = c->flags & C_FIN_RCVD;

	memset(r, 0, sizeof(*r)); /* holes, too */
	r->magic = MAGIC;
	r->len = c->rcv_queued;
	flow_addr_copy(&r->addr, &c->addr, c->af);
	r->lport = c->lport;
	r->rport = c->rport;
	r->iss = c->iss;
	r->irs = c->irs;
	r->seq = c->rcv_nxt - fin - c->rcv_queued;
	r->rcv_adv = c->rcv_adv;
	r->urgent = !!(c->flags & C_RCV_URG);
	r->rcv_up = r->urgent ? c->rare->rcv_up : 0;
	r->snd_wnd = c->snd_wnd;
	r->max_wnd = c->max_wnd;
	r->snd_wl1 = c->snd_wl1;
	r->ts_recent = c->ts_recent;
	r->tsval = w->now_ms + c->ts_off;
	r->srtt_us = c->srtt_us;
	r->rttvar_us = c->rttvar_us;
	r->rto_us = c->rto_us;
	r->cwnd = c->cwnd;
	r->mss = c->mss + (c->feat & F_TS ? TCP_OPT_TS_LEN : 0);
	r->af = c->af;
	r->ifidx = c->ifidx;
	r->feat = c->feat & (F_TS | F_SACK | F_WS);
	r->snd_ws = c->snd_ws;
	r->rcv_ws = c->rcv_ws;
	r->fin = fin;
	r->ecn = !!(c->flags & C_ECN);
}

size_t
tern_accept_export(struct tern_listener *l, void *buf, size_t room)
{
	CALL_ON(l->w);
	const struct tern_conn *c;
	const struct rte_mbuf *m;
	struct record r;
	char *at = buf;

	while (l->acc_head && l->acc_head->state == TERN_CLOSED)
		tern_abort(l->acc_head); /* the peer reset it: nobody waits for an answer */
	c = oldest(l);
	if (!c)
		return 0;
	record_of(l->w, c, &r);
	if (sizeof(r) + r.len > room)
		return sizeof(r) + r.len;
	memcpy(at, &r, sizeof(r));
	at += sizeof(r);
	for (m = c->rcv_head; m; m = m->next) {
		memcpy(at, rte_pktmbuf_mtod(m, const void *), m->data_len);
		at += m->data_len;
	}
	return at - (char *)buf;
}

void
tern_accept_exported(struct tern_listener *l, bool there)
{
	CALL_ON(l->w);
	struct tern_conn *c = oldest(l);

	if (there)
		tcp_conn_moved(l->w, c);
	else
		tern_abort(c);
}

/* --- in --------------------------------------------------------------------------------------------------------- */

static const void *
raddr(const struct flow *f)
{
	return f->af == 4 ? (const void *)&f->addr.raddr4 : f->addr.raddr6;
}

/* Is it one of ours, and can it be? */
static bool
is_record(const struct tern_worker *w, const struct record *r, size_t len)
{
	return r->magic == MAGIC && len - sizeof(*r) == r->len && (r->af == 4 || r->af == 6) && r->ifidx < w->n_ifs &&
	       r->lport && r->rport && r->snd_ws <= TCP_WS_MAX && r->rcv_ws <= TCP_WS_MAX &&
	       r->rcv_adv - r->seq <= WND_MAX && r->len + r->fin <= r->rcv_adv - r->seq && r->mss >= TCP_MSS_MIN &&
	       (r->fin | r->urgent | r->ecn) <= 1;
}

/* What was there of that tuple is older. @return false: a connection. */
static bool
make_way(struct tern_worker *w, const struct seg *s)
{
	struct tobj *o = table_lookup(&w->table, &s->flow, s->hash);

	if (o && o->kind == TOBJ_CONN)
		return false;
	if (o && o->kind == TOBJ_TW)
		tcp_timewait_free(w, (struct timewait *)o);
	else if (o)
		tcp_request_free(w, (struct request *)o);
	return true;
}

static struct tern_conn *
make(struct tern_worker *w, const struct tern_listener *l, const struct record *r, const struct seg *s)
{
	struct tern_conn *c = tcp_conn_new(w, &l->sockopts, &s->flow, s->hash, s->ifidx, r->iss, r->tsval - w->now_ms);

	if (!c)
		return NULL;
	if (link_path(&w->link, s->flow.af, raddr(&s->flow), s->ifidx, NULL, &c->ifidx, &c->neigh)) {
		tcp_conn_unmake(w, c);
		return NULL;
	}
	if (table_insert(&w->table, &c->o)) {
		STAT_INC(w, TABLE_FULL);
		link_neigh_put(&w->link, c->neigh);
		tcp_conn_unmake(w, c);
		return NULL;
	}
	return c;
}

static void
restore(struct tern_worker *w, const struct tern_listener *l, struct tern_conn *c, const struct record *r)
{
	c->feat |= F_PASSIVE;
	c->snd_una = c->snd_nxt = c->snd_max = r->iss + 1;
	c->unacked_at = w->now_us;
	c->irs = r->irs;
	c->rcv_nxt = c->last_ack = r->seq;
	c->rcv_adv = r->rcv_adv;
	c->ts_recent = r->ts_recent;
	c->ts_recent_at = tcp_paws_clock(w);
	c->rcv_mss = tcp_listen_mss(w, l, c->ifidx, c->af);
	c->rcv_ws = r->rcv_ws;
	tcp_negotiate(w, c, r->mss, r->feat, r->snd_ws);
	c->cwnd = RTE_MIN(c->cwnd, r->cwnd);
	c->srtt_us = r->srtt_us;
	c->rttvar_us = r->rttvar_us;
	c->rto_us = r->rto_us;
	c->snd_wl1 = r->snd_wl1;
	c->snd_wnd = r->snd_wnd;
	c->max_wnd = RTE_MAX(r->max_wnd, r->snd_wnd);
	if (r->ecn)
		c->flags |= C_ECN;
	if (r->urgent) {
		tcp_rare(c)->rcv_up = r->rcv_up;
		c->flags |= C_RCV_URG;
	}
}

/* The next of the text as a segment. @return how much that was, or a negative number: there is no room for it. */
static int64_t
replay_one(struct tern_worker *w, struct tern_conn *c, struct seg *s, const char *text, uint32_t left, bool fin)
{
	uint32_t n;
	int rc;

	s->m = mbufs_get(&w->mbufs);
	if (!s->m)
		return -1;
	n = RTE_MIN(left, rte_pktmbuf_tailroom(s->m));
	s->m->data_len = s->m->pkt_len = n;
	memcpy(rte_pktmbuf_mtod(s->m, void *), text, n);
	s->seq = c->rcv_nxt;
	s->len = n;
	s->flags = TCP_ACK | (fin && n == left ? TCP_FIN : 0);
	rc = tcp_text_and_fin(w, c, s);
	if (rc != SEG_TAKEN)
		mbufs_put(&w->mbufs, s->m);
	return rc > 0 ? -1 : (int64_t)n;
}

/* As if it had come in order. */
static bool
replay(struct tern_worker *w, struct tern_conn *c, struct seg *s, const char *text, const struct record *r)
{
	uint32_t left = r->len;
	int64_t n;

	if (!left && !r->fin)
		return true;
	do {
		n = replay_one(w, c, s, text, left, r->fin);
		if (n < 0)
			return false;
		text += n;
		left -= n;
	} while (left);
	/* memory became short meanwhile: it would be forgotten, and the peer has it no more */
	return !(c->flags & C_TRIAL) && !!(c->flags & C_FIN_RCVD) == r->fin;
}

/* Nobody has it now: its peer is told. */
static int
refuse(struct tern_worker *w, const struct record *r, const struct seg *s, int err)
{
	const struct tcp_head h = {.ttl = w->conf.tcp.ttl, .flags = TCP_RST, .seq = r->iss + 1};
	uint16_t neigh;
	uint8_t ifidx;

	if (link_path(&w->link, s->flow.af, raddr(&s->flow), s->ifidx, NULL, &ifidx, &neigh) == 0) {
		tcp_send_bare(w, &s->flow, ifidx, neigh, &h);
		link_neigh_put(&w->link, neigh);
	}
	STAT_INC(w, LISTEN_DROPS);
	return err;
}

int
tern_accept_import(struct tern_worker *w, const void *buf, size_t len)
{
	CALL_ON(w);
	struct tern_listener *l;
	struct seg s = {0};
	struct tern_conn *c;
	struct record r;

	if (len < sizeof(r))
		return -EINVAL;
	memcpy(&r, buf, sizeof(r));
	if (!is_record(w, &r, len))
		return -EINVAL;
	s.ifidx = r.ifidx;
	s.flow = (struct flow){.af = r.af, .lport = r.lport, .rport = r.rport};
	flow_addr_copy(&s.flow.addr, &r.addr, r.af);
	s.hash = table_hash(&w->table, &s.flow);
	l = tcp_listener_find(w, &s);
	l = l ? l : tcp_listener_left(w, &s); /* from where it can go on */
	if (!l)
		return refuse(w, &r, &s, -ENOENT);
	if (l->accept_n >= l->accept_max + IMPORT_MAX || mem_tight(w))
		return refuse(w, &r, &s, -ENOBUFS);
	if (!make_way(w, &s))
		return -EEXIST;
	c = make(w, l, &r, &s);
	if (!c)
		return refuse(w, &r, &s, -ENOBUFS);
	restore(w, l, c, &r);
	tcp_established(w, c);
	STAT_INC(w, IMPORTED);
	tcp_acceptq_add(l, c);
	if (!replay(w, c, &s, (const char *)buf + sizeof(r), &r)) {
		STAT_INC(w, LISTEN_DROPS);
		c->flags |= C_ORPHAN;
		tcp_send_rst(w, c);
		tcp_drop(w, c, -ENOBUFS);
		return -ENOBUFS;
	}
	tcp_mark(c, P_ACCEPTABLE | P_ACK); /* an ACK: a switch learns where it is now */
	tcp_timer_sync(w, c);
	return 0;
}
