/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Buffers that follow the path. Receiving: dynamic right-sizing. Each round trip, what the application took out of the
 * queue says how much the path delivers; the buffer, and so the window, becomes twice that, so that a sender in slow
 * start is never held back (RFC 7323 2 scales the window up to 1 GiB). Sending: an application that found the buffer
 * full gets two congestion windows of room.
 *
 * What a connection has beyond the configured buffer (conn_rare.buf_grant) is counted in worker.buf_granted. That sum
 * is bounded by conf.buf_mem, and nothing grows while memory is tight (tcp/mem.c). Under either pressure a connection
 * that no longer needs its grant gives it back; the window then shrinks by not moving its right edge on (SHLD-14). A
 * buffer the application has set with tern_setopt() is left alone.
 */
#include "tcp/buf.h"
#include "tcp/mem.h"

static void
grant(struct tern_worker *w, struct tern_conn *c, uint32_t *buf, uint32_t want)
{
	const uint64_t room = w->conf.tcp.buf_mem > w->buf_granted ? w->conf.tcp.buf_mem - w->buf_granted : 0;

	if (want - *buf > room || mem_tight(w)) {
		STAT_INC(w, BUF_PRESSURE);
		if (!room || mem_tight(w))
			return;
		want = *buf + room;
	}
	w->buf_granted += want - *buf;
	c->rare->buf_grant += want - *buf;
	*buf = want;
	STAT_INC(w, BUF_GROWN);
}

static void
give_back(struct tern_worker *w, struct tern_conn *c, uint32_t *buf, uint32_t want)
{
	const uint32_t n = RTE_MIN(*buf - want, c->rare->buf_grant);

	w->buf_granted -= n;
	c->rare->buf_grant -= n;
	*buf -= n;
}

void
tcp_buf_release(struct tern_worker *w, struct tern_conn *c)
{
	w->buf_granted -= c->rare->buf_grant;
	c->rare->buf_grant = 0;
}

void
tcp_rcv_tune(struct tern_worker *w, struct tern_conn *c)
{
	struct conn_rare *r = tcp_rare(c);
	const uint32_t now = (uint32_t)w->now_us, max = w->conf.tcp.rcv_buf_max;
	const uint32_t copied_seq = c->rcv_nxt - c->rcv_queued, copied = copied_seq - r->tune_seq;
	uint64_t want;

	if (c->flags & C_BUF_SET || (r->tune_at && now - r->tune_at < RTE_MAX(c->srtt_us, (uint32_t)TICK_US)))
		return;
	if (!r->tune_at) {
		r->tune_seq = copied_seq;
		r->tune_at = now | 1;
		return;
	}
	/* room for twice as much, for what one more doubling adds, and for the segments under way meanwhile */
	want = 2ull * copied + (copied > r->tune_space ? 2ull * (copied - r->tune_space) : 0) + 16ull * c->rcv_mss;
	want = RTE_MIN(want, max);
	if (copied > r->tune_space && want > c->rcv_buf)
		grant(w, c, &c->rcv_buf, want);
	else if (want < c->rcv_buf && r->buf_grant &&
		 (w->buf_granted > w->conf.tcp.buf_mem / 4 * 3 || mem_tight(w)))
		give_back(w, c, &c->rcv_buf, RTE_MAX(want, w->conf.tcp.rcv_buf));
	r->tune_space = copied;
	r->tune_seq = copied_seq;
	r->tune_at = now | 1;
}

void
tcp_snd_tune(struct tern_worker *w, struct tern_conn *c)
{
	const uint32_t want = RTE_MIN(2ull * c->cwnd, w->conf.tcp.snd_buf_max);

	if (want > c->snd_buf && !(c->flags & C_BUF_SET) && tcp_rare(c))
		grant(w, c, &c->snd_buf, want);
}
