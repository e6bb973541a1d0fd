/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A listener's half-open and accept queues, and the way from SYN to a connection the application accepts.
 *
 * SYN: accept queue full -> dropped (ListenOverflows): answering would only move the overflow one RTT on. Half-open
 * queue full -> SYN cookie (auto), or dropped (never). Final ACK: the request becomes a connection; accept queue full
 * -> the ACK is dropped and the SYN-ACK timer goes on, or RST when the stack says abort_on_overflow. A cookie's ACK is
 * believed only for two periods after the listener last sent one. RFC 9293 3.10.7.2 and 3.10.7.4, RFC 4987.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <rte_byteorder.h>
#include "tcp/call.h"
#include "tcp/deadline.h"
#include "tcp/ecn.h"
#include "tcp/hdr.h"
#include "tcp/input.h"
#include "tcp/mem.h"
#include "tcp/reasm.h"
#include "tcp/recovery.h"
#include "tcp/seq.h"
#include "tcp/timewait.h"

#define REQUEST_ACKS 32u /* in a request's life of a minute: RFC 5961 7 has 10 in 5 s */
#define LATELY_US 16384u   /* some round trips of a busy server */

/* --- accept queue ----------------------------------------------------------------------------------------------- */

unsigned int
tern_accept(struct tern_listener *l, const struct tern_ops *ops, void *user, struct tern_conn **out, unsigned int n)
{
	CALL_ON(l->w);
	struct tern_conn *c;
	unsigned int i;

	for (i = 0; i < n && (c = l->acc_head) != NULL; i++) {
		tcp_acceptq_remove(c);
		c->ops = ops;
		c->user = user;
		if (c->rcv_head || c->flags & C_FIN_RCVD)
			tcp_mark(c, P_READABLE);
		if (unlikely(c->state == TERN_CLOSED)) /* ended while it waited; its text is there */
			tcp_mark(c, P_CLOSED);
		out[i] = c;
	}
	l->w->stats[STAT_ACCEPTED] += i;
	return i;
}

/* --- half-open queue -------------------------------------------------------------------------------------------- */

static struct request *
request_new(struct tern_worker *w, struct tern_listener *l, const struct seg *s)
{
	struct request *r = pool_get(&w->requests);

	if (unlikely(!r)) {
		STAT_INC(w, REQ_POOL_EMPTY);
		return NULL;
	}
	memset(r, 0, sizeof(*r));
	r->kind = TOBJ_REQ;
	r->state = TERN_LISTEN;
	r->af = s->flow.af;
	r->ifidx = s->ifidx;
	r->hash = s->hash;
	r->lport = s->flow.lport;
	r->rport = s->flow.rport;
	flow_addr_copy(&r->addr, &s->flow.addr, s->flow.af);
	if (table_insert(&w->table, &r->o)) {
		STAT_INC(w, TABLE_FULL);
		pool_put(&w->requests, r);
		return NULL;
	}
	r->lst = l;
	r->next = l->reqs;
	r->pprev = &l->reqs;
	if (r->next)
		r->next->pprev = &r->next;
	l->reqs = r;
	l->half_n++;
	w->listeners.half_open++;
	w->listeners.fresh++;
	return r;
}

/* Out of the listener's queue and the pool; the table is the caller's. */
static void
request_release(struct tern_worker *w, struct request *r)
{
	struct tern_listener *l = r->lst;

	wheel_cancel(&w->wheel, &r->timer);
	*r->pprev = r->next;
	if (r->next)
		r->next->pprev = r->pprev;
	l->half_n--;
	w->listeners.half_open--;
	w->listeners.fresh -= r->retries == 0;
	pool_put(&w->requests, r);
}

void
tcp_request_free(struct tern_worker *w, struct request *r)
{
	if (unlikely(w->trace_state != NULL))
		w->trace_state(w, &r->o, r->state, TERN_CLOSED);
	table_remove(&w->table, &r->o);
	request_release(w, r);
}

uint16_t
tcp_listen_mss(const struct tern_worker *w, const struct tern_listener *l, uint8_t ifidx, uint8_t af)
{
	const uint16_t mss = tcp_mss_offer(&w->ifs[ifidx], af);

	return l->sockopts.maxseg && l->sockopts.maxseg < mss ? l->sockopts.maxseg : mss;
}

static unsigned int
synack_options(const struct tern_worker *w, const struct request *r, uint8_t *opt)
{
	const struct tcp_opts o = {
		.has_mss = true,
		.mss = tcp_listen_mss(w, r->lst, r->ifidx, r->af),
		.has_ts = r->feat & F_TS,
		.sack_ok = r->feat & F_SACK,
		.has_ws = r->feat & F_WS,
		.ws = r->rcv_ws,
		.tsval = w->now_ms + r->ts_off,
		.tsecr = r->ts_recent,
	};

	return tcp_opt_emit_syn(opt, &o);
}

/* Of a SYN-ACK: never scaled. While memory is tight it is small: no more is promised than a request takes. */
static uint16_t
synack_wnd(const struct tern_listener *l, bool small)
{
	return RTE_MIN(l->sockopts.rcv_buf, unlikely(small) ? MEM_FIRST_WND : 65535u);
}

static void
synack_hdr(const struct tern_worker *w, const struct request *r, struct tcp_head *p, uint8_t *opt)
{
	const struct tcp_sockopts *so = &r->lst->sockopts;

	*p = (struct tcp_head){.seq = r->snd_nxt - 1, .ack = r->rcv_nxt, .flags = TCP_SYN | TCP_ACK, .wnd = r->wnd,
				.ttl = so->ttl, .tos = so->tos, .opt = opt};
	if (unlikely(r->ecn))
		tcp_ecn_agree(so->cc, p);
	p->optlen = synack_options(w, r, opt);
}

/* ACK in the name of a request: <SEQ=SND.NXT><ACK=RCV.NXT>. */
static int
request_ack(struct tern_worker *w, struct request *r, struct seg *s, int reason)
{
	const struct tcp_sockopts *so = &r->lst->sockopts;
	struct tcp_head p = {.seq = r->snd_nxt, .ack = r->rcv_nxt, .flags = TCP_ACK, .ttl = so->ttl, .tos = so->tos,
			      .wnd = r->wnd >> (r->feat & F_WS ? r->rcv_ws : 0)};

	if (r->acks == REQUEST_ACKS) {
		STAT_INC(w, ACK_SKIPPED_SEQ);
		return reason;
	}
	r->acks++;
	if (r->feat & F_TS) {
		p.ts = true;
		p.tsval = w->now_ms + r->ts_off;
		p.tsecr = r->ts_recent;
		p.optlen = TCP_OPT_TS_LEN;
	}
	if (tcp_reply(w, s, &p) != SEG_TAKEN)
		return reason;
	link_drops(&w->link, s->m, reason);
	return SEG_TAKEN;
}

static void
request_arm(struct tern_worker *w, struct request *r)
{
	const uint64_t rto = (uint64_t)w->conf.tcp.rto_init_ms * 1000 << RTE_MIN(r->retries, BACKOFF_MAX);

	wheel_arm(&w->wheel, &r->timer, us_to_tick(w->now_us + RTE_MIN(rto, w->conf.tcp.rto_max_ms * 1000ull)));
}

static const void *
raddr(const struct flow *f)
{
	return f->af == 4 ? (const void *)&f->addr.raddr4 : f->addr.raddr6;
}

void
tcp_request_timer(struct tern_worker *w, struct request *r)
{
	struct tcp_head p;
	uint8_t opt[40], ifidx;
	struct flow f;
	uint16_t neigh;

	if (r->retries < w->conf.tcp.synack_retries) {
		w->listeners.fresh -= r->retries++ == 0;
	} else if ((uint32_t)us_to_tick(w->now_us) - r->timer.expiry <= us_to_tick(AWAY_US)) {
		STAT_INC(w, ATTEMPT_FAILS);
		tcp_request_free(w, r);
		return;
	}
	request_arm(w, r);
	flow_of(&r->o, &f);
	if (link_path(&w->link, f.af, raddr(&f), r->ifidx, NULL, &ifidx, &neigh))
		return; /* like a lost SYN-ACK */
	synack_hdr(w, r, &p, opt);
	if (tcp_send_bare(w, &f, ifidx, neigh, &p)) {
		STAT_INC(w, SYN_RETRANS);
		STAT_INC(w, RETRANS_SEGS);
	}
	link_neigh_put(&w->link, neigh);
}

/* --- SYN -------------------------------------------------------------------------------------------------------- */

static uint8_t
common_features(const struct tern_worker *w, const struct tcp_opts *o)
{
	const struct tern_tcp_conf *conf = &w->conf.tcp;

	return (o->has_ts && conf->timestamps ? F_TS : 0) | (o->sack_ok && conf->sack ? F_SACK : 0) |
	       (o->has_ws && conf->wscale ? F_WS : 0);
}

static bool
agree_ecn(const struct tern_worker *w, const struct seg *s)
{
	return unlikely((s->flags & TCP_ECN_FLAGS) == TCP_ECN_FLAGS) && w->conf.tcp.ecn != TERN_ECN_OFF;
}

static int
send_cookie(struct tern_worker *w, struct tern_listener *l, struct seg *s, struct tcp_opts *peer)
{
	const uint8_t feat = common_features(w, peer);
	struct tcp_opts o = {.has_mss = true, .mss = tcp_listen_mss(w, l, s->ifidx, s->flow.af)};
	const bool small = mem_tight(w);
	struct tcp_head p = {.ack = s->seq + 1, .flags = TCP_SYN | TCP_ACK, .wnd = synack_wnd(l, small),
			     .ttl = l->sockopts.ttl, .tos = l->sockopts.tos};
	uint16_t mss = peer->has_mss ? RTE_MAX(peer->mss, TCP_MSS_MIN) : tcp_mss_default(s->flow.af);
	uint8_t opt[40];
	uint32_t ts_off;
	int rc;

	p.seq = tcp_cookie_make(w, &s->flow, s->seq, small, &mss, &ts_off);
	if (feat & F_TS) { /* without timestamps nothing could remember these */
		peer->sack_ok = feat & F_SACK;
		peer->has_ws = feat & F_WS;
		o.has_ts = true;
		if (agree_ecn(w, s))
			tcp_ecn_agree(l->sockopts.cc, &p);
		o.tsval = tcp_cookie_ts(w->now_ms, peer, p.flags & TCP_ECE) + ts_off;
		o.tsecr = peer->tsval;
		o.sack_ok = peer->sack_ok;
		o.has_ws = peer->has_ws;
		o.ws = l->sockopts.rcv_ws;
	}
	p.optlen = tcp_opt_emit_syn(opt, &o);
	p.opt = opt;
	rc = tcp_reply(w, s, &p);
	if (rc == SEG_TAKEN) {
		STAT_INC(w, COOKIES_SENT);
		l->cookie_at = w->now_us;
		if (unlikely(small))
			l->cookie_small_at = w->now_us;
	}
	return rc;
}

/* --- final ACK -------------------------------------------------------------------------------------------------- */

/* A connection in SYN-RECEIVED for the peer of s, not yet in the table. */
static struct tern_conn *
passive_conn(struct tern_worker *w, const struct tern_listener *l, const struct seg *s, uint32_t iss, uint32_t ts_off)
{
	const struct rte_ether_hdr *eth = rte_pktmbuf_mtod(s->m, const struct rte_ether_hdr *);
	struct tern_conn *c = tcp_conn_new(w, &l->sockopts, &s->flow, s->hash, s->ifidx, iss, ts_off);
	int rc;

	if (!c)
		return NULL;
	rc = link_path(&w->link, s->flow.af, raddr(&s->flow), s->ifidx, &eth->src_addr, &c->ifidx, &c->neigh);
	if (unlikely(rc)) {
		tcp_conn_unmake(w, c);
		return NULL;
	}
	c->state = TERN_SYN_RECEIVED;
	c->segs_in = 1; /* s */
	c->feat |= F_PASSIVE;
	c->snd_una = c->snd_nxt = c->snd_max = iss + 1;
	c->unacked_at = w->now_us; /* the SYN-ACK's: the first data finds a window that is not old */
	return c;
}

/* The same, in the table. */
static struct tern_conn *
passive_insert(struct tern_worker *w, const struct tern_listener *l, const struct seg *s, uint32_t iss, uint32_t ts_off)
{
	struct tern_conn *c = passive_conn(w, l, s, iss, ts_off);

	if (c && !table_insert(&w->table, &c->o))
		return c;
	if (c) {
		STAT_INC(w, TABLE_FULL);
		link_neigh_put(&w->link, c->neigh);
		tcp_conn_unmake(w, c);
	}
	STAT_INC(w, LISTEN_DROPS);
	return NULL;
}

/* c has all it negotiated: ESTABLISHED, queued, and the segment is its first. wnd: what the SYN-ACK said. */
static int
promote(struct tern_worker *w, struct tern_listener *l, struct tern_conn *c, uint16_t wnd, struct seg *s)
{
	c->last_ack = c->rcv_nxt;
	c->rcv_adv = c->rcv_nxt + wnd;
	c->snd_wl1 = s->seq;
	c->snd_wnd = c->max_wnd = (uint32_t)s->wnd << c->snd_ws;
	STAT_INC(w, PASSIVE_OPENS);
	tcp_established(w, c);
	tcp_acceptq_add(l, c);
	tcp_mark(c, P_ACCEPTABLE);
	if (s->len == 0 && !(s->flags & (TCP_FIN | TCP_URG))) /* its ACK is all it had to say */
		return SEG_DONE;
	if (usual(s->seq == c->rcv_nxt && s->len < c->rcv_adv - c->rcv_nxt && c->snd_wnd && !(s->flags & TCP_URG) &&
		  !(c->flags & C_ECN))) /* no step before the seventh has anything left to do */
		return tcp_text_and_fin(w, c, s);
	return tcp_conn_input(w, c, s);
}

/* Full accept queue at the final ACK. @return 0: there is room. */
static int
accept_full(struct tern_worker *w, struct tern_listener *l)
{
	if (l->accept_n < l->accept_max)
		return 0;
	STAT_INC(w, LISTEN_OVERFLOWS);
	STAT_INC(w, LISTEN_DROPS);
	STAT_INC(w, ACCEPT_DEFER);
	return STAT_DROP_LISTEN;
}

/* May a cookie sent at `us` still come back? 0: none was sent. */
static bool
cookie_fresh(const struct tern_worker *w, uint64_t us)
{
	return us && w->now_us - us <= 2 * COOKIE_PERIOD_US;
}

/* @return the MSS of the cookie that s acknowledges, or 0: not one of ours. */
static uint16_t
cookie_mss(struct tern_worker *w, const struct tern_listener *l, const struct seg *s, uint32_t *ts_off, bool *small)
{
	const uint16_t mss = tcp_cookie_check(w, &s->flow, s->seq - 1, false, s->ack - 1, ts_off);

	*small = unlikely(!mss && cookie_fresh(w, l->cookie_small_at));
	return *small ? tcp_cookie_check(w, &s->flow, s->seq - 1, true, s->ack - 1, ts_off) : mss;
}

bool
tcp_listen_expects(struct tern_worker *w, const struct tern_listener *l, const struct seg *s)
{
	uint32_t ts_off;
	bool small;

	if (!(s->flags & TCP_ACK))
		return s->flags & TCP_SYN;
	return cookie_fresh(w, l->cookie_at) && cookie_mss(w, l, s, &ts_off, &small);
}

static int
cookie_ack(struct tern_worker *w, struct tern_listener *l, struct seg *s)
{
	struct tcp_opts o = {0}, rode = {0};
	bool ecn = false, small;
	uint8_t feat = 0;
	uint32_t ts_off;
	struct tern_conn *c;
	uint16_t mss;
	int rc;

	if (!cookie_fresh(w, l->cookie_at))
		return tcp_reset_reply(w, s, STAT_DROP_LISTEN_FLAGS);
	mss = cookie_mss(w, l, s, &ts_off, &small);
	if (!mss) {
		STAT_INC(w, COOKIES_FAILED);
		/* Perhaps the first segment, whose IRS the cookie is made of, was lost or is late: a reset would end a
		 * good open. */
		return s->len || s->flags & TCP_FIN ? STAT_DROP_COOKIE : tcp_reset_reply(w, s, STAT_DROP_COOKIE);
	}
	rc = accept_full(w, l);
	if (rc)
		return w->conf.tcp.abort_on_overflow ? tcp_reset_reply(w, s, rc) : rc;
	tcp_opt_parse(s->opt, s->optlen, false, &o);
	if (o.has_ts) {
		ecn = tcp_cookie_ts_decode(o.tsecr - ts_off, &rode) && w->conf.tcp.ecn != TERN_ECN_OFF;
		rode.has_ts = true;
		feat = common_features(w, &rode);
	}
	c = passive_insert(w, l, s, s->ack - 1, ts_off);
	if (!c)
		return STAT_DROP_LISTEN;
	STAT_INC(w, COOKIES_RECV);
	c->irs = s->seq - 1;
	c->rcv_nxt = s->seq;
	c->ts_recent = o.tsval;
	c->ts_recent_at = tcp_paws_clock(w);
	c->rcv_mss = tcp_listen_mss(w, l, c->ifidx, c->af);
	tcp_negotiate(w, c, mss, feat, rode.ws);
	if (unlikely(ecn))
		c->flags |= C_ECN;
	return promote(w, l, c, synack_wnd(l, small), s);
}

/* reuse: the SYN takes a TIME-WAIT's place. */
static void
choose_isn(struct tern_worker *w, const struct seg *s, bool reuse, uint32_t old_snd_nxt, uint32_t *iss,
	   uint32_t *ts_off)
{
	tcp_isn(w, &s->flow, iss, ts_off);
	if (reuse && seq_le(*iss, old_snd_nxt)) /* stay ahead of the old incarnation: RFC 9293 3.6.1 */
		*iss = old_snd_nxt + 65536 + (core_rand(&w->core) & 0xffff);
}

/* A SYN whose cookie is right: a connection at once, with the data that came along (RFC 7413 4.2.2). */
static int
fastopen(struct tern_worker *w, struct tern_listener *l, struct seg *s, const struct tcp_opts *o, uint32_t old_snd_nxt,
	 bool reuse, bool new_cookie)
{
	const struct tern_tcp_conf *conf = &w->conf.tcp;
	uint32_t iss, ts_off;
	struct tern_conn *c;
	int rc;

	choose_isn(w, s, reuse, old_snd_nxt, &iss, &ts_off);
	c = passive_insert(w, l, s, iss, ts_off);
	if (!c)
		return STAT_DROP_LISTEN;
	STAT_INC(w, TFO_PASSIVE);
	STAT_INC(w, PASSIVE_OPENS);
	w->fastopen.pending++;
	c->flags |= C_TFO | C_SYNACK | (agree_ecn(w, s) ? C_ECN : 0);
	c->tfo_new = new_cookie;
	c->irs = s->seq;
	c->ts_recent = o->tsval;
	c->ts_recent_at = tcp_paws_clock(w);
	c->last_rx_at_ms = w->now_ms;
	c->rcv_mss = tcp_listen_mss(w, l, c->ifidx, c->af);
	tcp_negotiate(w, c, o->has_mss ? RTE_MAX(o->mss, 1u) : 0, common_features(w, o), o->ws);
	c->rcv_nxt = c->last_ack = s->seq + 1;
	c->rcv_adv = c->rcv_nxt + RTE_MIN(c->rcv_buf, 65535u);
	c->snd_wl1 = s->seq;
	c->snd_wnd = c->max_wnd = s->wnd; /* unscaled on a SYN */
	c->limit_at = w->now_us + RTE_MIN((uint64_t)conf->rto_init_ms << RTE_MIN(conf->synack_retries + 1, BACKOFF_MAX),
					 (uint64_t)conf->rto_max_ms * (conf->synack_retries + 1)) * 1000;
	tcp_acceptq_add(l, c);
	tcp_mark(c, P_ACCEPTABLE | P_OUTPUT);
	s->seq++;
	s->flags &= ~TCP_SYN;
	s->len = RTE_MIN(s->len, c->rcv_adv - c->rcv_nxt);
	rc = tcp_data(w, c, s);
	tcp_timer_sync(w, c);
	return rc;
}

/* May one more be half open? Each has a claim to a connection, too; a cookie has none, as there may be a flood of
 * them. */
static inline bool
half_room(const struct tern_worker *w, const struct tern_listener *l)
{
	return l->half_n < l->half_max && w->conns.avail > w->listeners.half_open;
}

/*
 * Are the connections that are free, if any, taken by the time that one more would be? Then its SYN is refused, which
 * costs less than a handshake, a request, and both again; a cookie would promise what there is not. Of fresh requests
 * so many become connections as did lately, which is since the last look or before: of a flood none, and there are
 * cookies, after the first look at it, which has ordinary times to judge by.
 */
static __rte_noinline bool
spoken_for(struct tern_worker *w)
{
	struct listeners *ls = &w->listeners;
	const uint64_t opens = w->stats[STAT_PASSIVE_OPENS], age_us = w->now_us - ls->looked_at;

	if (age_us >= LATELY_US) {
		ls->lately = opens - ls->opens;
		ls->opens = opens;
		ls->looked_at = w->now_us;
	}
	return w->conns.avail <= RTE_MIN(ls->fresh, RTE_MAX(ls->lately, opens - ls->opens));
}

static int
listen_syn(struct tern_worker *w, struct tern_listener *l, struct seg *s, struct timewait *tw)
{
	const bool half_full = !half_room(w, l);
	uint32_t old_snd_nxt = 0, iss, ts_off;
	const bool reuse = tw != NULL;
	struct tcp_opts o;
	struct tcp_head p;
	struct request *r;
	uint8_t opt[40], tfo[20];
	unsigned int tfo_len = 0;
	enum tfo_syn how;
	int rc;

	if (unlikely(!link_way_back(&w->ifs[s->ifidx], s))) {
		STAT_INC(w, LISTEN_DROPS);
		return STAT_DROP_NO_ROUTE;
	}
	if (l->accept_n >= l->accept_max) {
		STAT_INC(w, LISTEN_OVERFLOWS);
		STAT_INC(w, LISTEN_DROPS);
		return STAT_DROP_LISTEN;
	}
	if (unlikely(w->conns.avail <= w->listeners.fresh) && spoken_for(w)) {
		STAT_INC(w, CONN_POOL_EMPTY);
		STAT_INC(w, LISTEN_DROPS);
		return STAT_DROP_LISTEN;
	}
	tcp_opt_parse(s->opt, s->optlen, true, &o);
	if (half_full && l->cookie_mode == TERN_COOKIE_NEVER) {
		STAT_INC(w, REQQ_FULL_DROP);
		STAT_INC(w, LISTEN_DROPS);
		return STAT_DROP_LISTEN;
	}
	if (tw) {
		STAT_INC(w, TW_RECYCLED);
		old_snd_nxt = tw->snd_nxt;
		tcp_timewait_free(w, tw);
	}
	if (half_full || l->cookie_mode == TERN_COOKIE_ALWAYS) {
		if (half_full)
			STAT_INC(w, REQQ_FULL_COOKIES);
		return send_cookie(w, l, s, &o);
	}
	if (unlikely(l->tfo_max)) {
		how = tcp_tfo_syn(w, l, s, tfo, &tfo_len);
		if (how != TFO_NO)
			return fastopen(w, l, s, &o, old_snd_nxt, reuse, how == TFO_OLD);
	}
	r = request_new(w, l, s);
	if (unlikely(!r)) {
		STAT_INC(w, LISTEN_DROPS);
		return STAT_DROP_LISTEN;
	}
	choose_isn(w, s, reuse, old_snd_nxt, &iss, &ts_off);
	r->rcv_nxt = s->seq + 1;
	r->snd_nxt = iss + 1;
	r->ts_off = ts_off;
	r->ts_recent = o.tsval;
	r->feat = common_features(w, &o);
	r->snd_ws = o.ws;
	r->ecn = agree_ecn(w, s);
	r->wnd = synack_wnd(l, mem_tight(w));
	r->rcv_ws = l->sockopts.rcv_ws;
	r->mss = o.has_mss ? RTE_MAX(o.mss, 1u) : 0;
	tcp_set_state(w, &r->o, TERN_SYN_RECEIVED);
	request_arm(w, r);
	synack_hdr(w, r, &p, opt);
	if (unlikely(tfo_len)) {
		memcpy(opt + p.optlen, tfo, tfo_len);
		p.optlen += tfo_len;
	}
	rc = tcp_reply(w, s, &p);
	return rc; /* if it could not go out, the timer sends it */
}

int
tcp_listen_input(struct tern_worker *w, struct tern_listener *l, struct seg *s, struct timewait *tw)
{
	if (s->flags & TCP_RST)
		return STAT_DROP_LISTEN_FLAGS;
	if (s->flags & TCP_ACK)
		return s->flags & TCP_SYN ? tcp_reset_reply(w, s, STAT_DROP_LISTEN_FLAGS) : cookie_ack(w, l, s);
	if (!(s->flags & TCP_SYN))
		return STAT_DROP_LISTEN_FLAGS;
	s->flags &= ~TCP_FIN; /* not acknowledged with the SYN: it comes again */
	return listen_syn(w, l, s, tw);
}

/* The request's SYN-ACK was answered after how long: its timer knows when it was sent. */
static uint32_t
synack_rtt_us(const struct tern_worker *w, const struct request *r)
{
	const uint32_t sent = r->timer.expiry - (uint32_t)us_to_tick(w->conf.tcp.rto_init_ms * 1000ull);
	const int32_t ticks = (int32_t)((uint32_t)us_to_tick(w->now_us) - sent);

	return ticks > 0 ? (uint32_t)ticks << TICK_SHIFT : 1;
}

static int
request_complete(struct tern_worker *w, struct request *r, struct seg *s, const struct tcp_opts *o)
{
	struct tern_listener *l = r->lst;
	const bool again = r->retries != 0;
	const uint16_t wnd = r->wnd;
	struct tern_conn *c;
	int rc = accept_full(w, l);

	if (rc) {
		r->deferred = 1;
		if (!w->conf.tcp.abort_on_overflow)
			return rc;
		tcp_request_free(w, r);
		return tcp_reset_reply(w, s, rc);
	}
	c = passive_conn(w, l, s, r->snd_nxt - 1, r->ts_off);
	if (!c) {
		STAT_INC(w, LISTEN_DROPS);
		return STAT_DROP_LISTEN; /* the SYN-ACK timer gives it another chance */
	}
	c->irs = r->rcv_nxt - 1;
	c->rcv_nxt = r->rcv_nxt;
	c->ts_recent = o->has_ts && s->seq == r->rcv_nxt ? o->tsval : r->ts_recent; /* RFC 7323 4.3 (2) */
	c->ts_recent_at = tcp_paws_clock(w);
	c->rcv_mss = tcp_listen_mss(w, l, c->ifidx, c->af);
	c->rcv_ws = r->rcv_ws;
	tcp_negotiate(w, c, r->mss, r->feat, r->snd_ws);
	if (unlikely(r->ecn))
		c->flags |= C_ECN;
	if (!again)
		tcp_rtt_sample(w, c, synack_rtt_us(w, r));
	else
		c->cwnd = c->mss; /* RFC 5681 3.1: the SYN-ACK was lost */
	table_replace(&w->table, &r->o, &c->o);
	request_release(w, r);
	return promote(w, l, c, wnd, s);
}

int
tcp_request_input(struct tern_worker *w, struct request *r, struct seg *s)
{
	const bool in_window = seq_ge(s->seq, r->rcv_nxt) && seq_lt(s->seq, r->rcv_nxt + r->wnd);
	struct tcp_opts o;
	struct tcp_head p;
	uint8_t opt[40];

	if (s->flags & TCP_RST) {
		if (s->seq == r->rcv_nxt) { /* back to LISTEN: RFC 9293 3.10.7.4 */
			STAT_INC(w, ATTEMPT_FAILS);
			tcp_request_free(w, r);
			return SEG_DONE;
		}
		return in_window ? request_ack(w, r, s, STAT_DROP_RST_SEQ) : STAT_DROP_RST_SEQ;
	}
	if (s->flags & TCP_SYN && !(s->flags & TCP_ACK) && s->seq == r->rcv_nxt - 1) { /* their SYN again */
		synack_hdr(w, r, &p, opt);
		STAT_INC(w, SYN_RETRANS);
		return tcp_reply(w, s, &p);
	}
	if (!in_window)
		return request_ack(w, r, s, STAT_DROP_SEQ);
	if (s->flags & TCP_SYN) { /* another SYN: a passive open returns to LISTEN */
		STAT_INC(w, ATTEMPT_FAILS);
		tcp_request_free(w, r);
		return STAT_DROP_SEQ;
	}
	if (!(s->flags & TCP_ACK))
		return STAT_DROP_TCP_FLAGS;
	if (s->ack != r->snd_nxt) /* another process may have answered the SYN, too */
		return w->handover && w->handover(w, s) ? SEG_TAKEN : tcp_reset_reply(w, s, STAT_DROP_ACK);
	if (!usual(tcp_opt_usual(s->opt, s->optlen, &o)))
		tcp_opt_parse(s->opt, s->optlen, false, &o);
	if (r->feat & F_TS && !o.has_ts)
		STAT_INC(w, TS_MISSING); /* and taken: check_timestamp() says why */
	else if (r->feat & F_TS && seq_lt(o.tsval, r->ts_recent))
		return request_ack(w, r, s, STAT_DROP_PAWS);
	return request_complete(w, r, s, &o);
}
