/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * STATUS of RFC 9293 3.10.6: what is known of a connection, a half-open request, a TIME-WAIT and a listener. All of it
 * is read from what TCP keeps for itself: nothing is counted for this alone, but for the time of the handshake.
 */
#include <errno.h>
#include <string.h>
#include "base/sized.h"
#include "tcp/call.h"
#include "tcp/deadline.h"
#include "tcp/info.h"
#include "tcp/loss.h"
#include "tcp/pmtu.h"
#include "tcp/timewait.h"

const char *
tern_wait_name(unsigned int timer)
{
	static const char *const names[] = {
		[TERN_WAIT_NONE] = "none", [TERN_WAIT_RETRANSMIT] = "retransmit", [TERN_WAIT_PERSIST] = "persist",
		[TERN_WAIT_TAIL_PROBE] = "tail-probe", [TERN_WAIT_REORDER] = "reorder", [TERN_WAIT_DELACK] = "delack",
		[TERN_WAIT_KEEPALIVE] = "keepalive", [TERN_WAIT_LIMIT] = "limit", [TERN_WAIT_TIME_WAIT] = "time-wait"};

	return timer < RTE_DIM(names) ? names[timer] : "?";
}

static uint32_t
until_ms(const struct tern_worker *w, uint64_t at_us)
{
	return at_us > w->now_us ? RTE_MIN((at_us - w->now_us + 999) / 1000, (uint64_t)UINT32_MAX) : 0;
}

uint32_t
tcp_info_node_ms(const struct tern_worker *w, const struct wheel_node *n)
{
	const int32_t ticks = (int32_t)(n->expiry - (uint32_t)us_to_tick(w->now_us));

	return ticks > 0 ? ((uint64_t)ticks * TICK_US + 999) / 1000 : 0;
}

/* Of an object whose one deadline is its node's in the wheel. */
static void
node_timer(const struct tern_worker *w, const struct wheel_node *n, enum tern_wait timer, struct tern_info *i)
{
	i->timer = timer;
	i->timer_ms = tcp_info_node_ms(w, n);
}

static enum tern_wait
rto_kind(const struct tern_conn *c)
{
	if (tcp_probing(c))
		return TERN_WAIT_PERSIST;
	if (c->flags & C_TLP)
		return TERN_WAIT_TAIL_PROBE;
	return c->flags & C_REO ? TERN_WAIT_REORDER : TERN_WAIT_RETRANSMIT;
}

static void
conn_timer(const struct tern_conn *c, struct tern_info *i)
{
	const struct {
		uint64_t at;
		enum tern_wait timer;
	} t[] = {{c->rto_at, rto_kind(c)}, {c->delack_at, TERN_WAIT_DELACK}, {c->keep_at, TERN_WAIT_KEEPALIVE},
		 {c->limit_at, TERN_WAIT_LIMIT}};
	uint64_t first = UINT64_MAX;
	unsigned int k;

	for (k = 0; k < RTE_DIM(t); k++) {
		if (!t[k].at || t[k].at >= first)
			continue;
		first = t[k].at;
		i->timer = t[k].timer;
		i->timer_ms = until_ms(c->w, first);
	}
}

static uint8_t
options_of(uint8_t feat, bool ecn)
{
	return (feat & F_TS ? TERN_INFO_TIMESTAMPS : 0) | (feat & F_SACK ? TERN_INFO_SACK : 0) |
	       (feat & F_WS ? TERN_INFO_WSCALE : 0) | (ecn ? TERN_INFO_ECN : 0);
}

/* What lies between two sequence numbers, the first of them a SYN's, is text but for that and perhaps a FIN. */
static uint32_t
text_between(uint32_t first, uint32_t next, bool fin)
{
	return next == first ? 0 : next - first - 1 - fin;
}

static void
conn_counts(const struct tern_conn *c, struct tern_info *i)
{
	const bool fin_acked = c->flags & C_FIN_SENT && c->snd_una == c->snd_max;

	i->bytes_sent = text_between(c->iss, c->snd_max, c->flags & C_FIN_SENT);
	i->bytes_acked = text_between(c->iss, c->snd_una, fin_acked);
	i->bytes_received = text_between(c->irs, c->rcv_nxt, c->flags & C_FIN_RCVD);
	i->retrans = c->retrans;
	i->segs_in = c->segs_in;
	i->segs_out = c->segs_out;
	i->unacked = RTE_MIN(i->bytes_sent - i->bytes_acked, c->snd_queued);
	i->unsent = c->snd_queued - i->unacked;
	i->unread = c->rcv_queued;
	i->out_of_order = c->ofo_bytes;
	i->mbufs = c->held;
	i->account_mbufs = c->w->mem.accounts[c->account].held;
}

static void
conn_path(const struct tern_conn *c, struct tern_info *i)
{
	const struct loss *l = c->loss;

	i->srtt_us = c->srtt_us;
	i->send_rate = c->srtt_us ? (uint64_t)c->cwnd * 1000000 / c->srtt_us : 0;
	i->rttvar_us = c->rttvar_us;
	i->rto_us = c->rto_us;
	i->cwnd = c->cwnd;
	i->ssthresh = c->ssthresh;
	i->in_flight = i->unacked;
	i->cc = cc_get(c->cc)->name;
	if (!l)
		return;
	i->min_rtt_us = l->min_rtt_us == UINT32_MAX ? 0 : l->min_rtt_us;
	i->in_flight = RTE_MIN(tcp_pipe(c), i->unacked); /* pipe counts a FIN */
	i->lost = l->lost;
	i->sacked = l->sacked;
	i->reordered = l->reord_seen;
}

static void
conn_times(const struct tern_conn *c, struct tern_info *i)
{
	const struct tern_worker *w = c->w;

	i->last_data_ms = i->bytes_received ? w->now_ms - c->last_data_at_ms : UINT32_MAX;
	if (c->opened_at_ms) {
		i->established_ms = w->now_ms - c->opened_at_ms;
		i->last_rx_ms = w->now_ms - c->last_rx_at_ms;
	}
	if (c->snd_una != c->snd_max && c->state != TERN_CLOSED)
		i->unacked_ms = RTE_MIN((w->now_us - c->unacked_at) / 1000, (uint64_t)UINT32_MAX);
}

static void
conn_info(const struct tern_conn *c, struct tern_info *i)
{
	const int err = tcp_soft_error(c);

	i->kind = TERN_INFO_CONN;
	i->options = options_of(c->feat, c->flags & C_ECN);
	i->soft_err = err == -ETIMEDOUT ? 0 : err;
	i->mss = c->mss;
	i->rcv_mss = c->rcv_mss;
	i->snd_wscale = c->snd_ws;
	i->rcv_wscale = c->rcv_ws;
	i->backoff = c->backoff;
	i->retries = c->retries;
	i->orphan = c->flags & C_ORPHAN;
	i->snd_wnd = c->snd_wnd;
	i->rcv_wnd = c->rcv_adv - c->rcv_nxt;
	i->snd_buf = c->snd_buf;
	i->rcv_buf = c->rcv_buf;
	conn_timer(c, i);
	conn_counts(c, i);
	conn_path(c, i);
	conn_times(c, i);
}

static void
request_info(const struct tern_worker *w, const struct request *r, struct tern_info *i)
{
	i->kind = TERN_INFO_HALF_OPEN;
	i->options = options_of(r->feat, r->ecn);
	i->mss = r->mss;
	i->snd_wscale = r->feat & F_WS ? r->snd_ws : 0;
	i->rcv_wscale = r->feat & F_WS ? r->rcv_ws : 0;
	i->retries = r->retries;
	i->rcv_wnd = r->wnd;
	node_timer(w, &r->timer, TERN_WAIT_RETRANSMIT, i);
}

static void
timewait_info(const struct tern_worker *w, const struct timewait *tw, struct tern_info *i)
{
	uint8_t feat;

	i->kind = TERN_INFO_TIME_WAIT;
	i->rcv_wnd = tcp_timewait_wnd(tw, &feat);
	i->options = options_of(feat, false);
	node_timer(w, &tw->timer, TERN_WAIT_TIME_WAIT, i);
}

void
tcp_info(const struct tern_worker *w, const struct tobj *o, struct tern_info *i)
{
	memset(i, 0, sizeof(*i));
	tobj_ends(o, &i->local, &i->remote);
	i->state = o->state;
	if (o->kind == TOBJ_CONN)
		conn_info((const struct tern_conn *)o, i);
	else if (o->kind == TOBJ_REQ)
		request_info(w, (const struct request *)o, i);
	else
		timewait_info(w, (const struct timewait *)o, i);
}

size_t
tern_conn_info(const struct tern_conn *c, struct tern_info *info, size_t size)
{
	CALL_OF(c);
	struct tern_info i;

	tcp_info(c->w, &c->o, &i);
	return sized_give(info, size, &i, sizeof(i));
}

size_t
tern_listener_info(const struct tern_listener *l, struct tern_listener_info *info, size_t size)
{
	CALL_ON(l->w);
	const struct tern_listener_info i = {
		.local = l->local,
		.cookie_mode = l->cookie_mode,
		.accept_queued = l->accept_n,
		.accept_max = l->accept_max,
		.half_open = l->half_n,
		.half_open_max = l->half_max,
		.conns = l->w->mem.accounts[l->account].users - 1,
		.mbufs = l->w->mem.accounts[l->account].held,
		.fastopen_max = l->tfo_max,
		.cookie_at_us = l->cookie_at,
	};

	return sized_give(info, size, &i, sizeof(i));
}
