/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What an acknowledgement says: round-trip time (RFC 6298, Karn), the congestion window (RFC 5681, IW10 of RFC 6928),
 * loss recovery without SACK (NewReno, RFC 6582; limited transmit, RFC 3042) and what a retransmission timeout does
 * (go back to SND.UNA). With SACK losses are tcp/sack.c's. A connection that never had three segments in flight is in
 * slow start and has no congestion control object: struct loss is made when it is needed.
 */
#include <errno.h>
#include <rte_mbuf.h>
#include "tcp/buf.h"
#include "tcp/deadline.h"
#include "tcp/loss.h"
#include "tcp/opt.h"
#include "tcp/output.h"
#include "tcp/recovery.h"
#include "tcp/sndq.h"

#define ECHO_MAX_US 1000000000u /* an echo that is older is none */

void
tcp_rtt_sample(struct tern_worker *w, struct tern_conn *c, uint32_t rtt_us)
{
	const uint64_t min = w->conf.tcp.rto_min_ms * 1000ull, max = w->conf.tcp.rto_max_ms * 1000ull;
	uint64_t rto;

	if (c->srtt_us == 0) { /* RFC 6298 2.2 */
		c->srtt_us = RTE_MAX(rtt_us, 1u);
		c->rttvar_us = rtt_us / 2;
	} else { /* 2.3 */
		const uint32_t d = c->srtt_us > rtt_us ? c->srtt_us - rtt_us : rtt_us - c->srtt_us;

		c->rttvar_us = c->rttvar_us - c->rttvar_us / 4 + d / 4;
		c->srtt_us = RTE_MAX(c->srtt_us - c->srtt_us / 8 + rtt_us / 8, 1u);
	}
	/* 2.4's minimum is the variance term's, as Linux has it: on a steady path an ACK may be so much late. */
	rto = c->srtt_us + RTE_MAX(4ull * c->rttvar_us, min);
	c->rto_us = RTE_MIN(rto, max);
	c->backoff = 0; /* 5.7, and Karn's: not before there is a sample of what was sent once */
}

/* Unambiguous also for a retransmission (RFC 7323 4.1), to a millisecond. */
bool
tcp_rtt_echoed(struct tern_worker *w, struct tern_conn *c, const struct tcp_opts *o, uint64_t max_us)
{
	const uint32_t ms = w->now_ms + c->ts_off - o->tsecr;

	if (!(c->feat & F_TS) || !o->has_ts || !o->tsecr || ms * 1000ull > max_us + 1000)
		return false;
	tcp_rtt_sample(w, c, ms * 1000);
	return true;
}

static void
sample_rtt(struct tern_worker *w, struct tern_conn *c, const struct seg *s, const struct tcp_opts *o)
{
	if (c->flags & C_RTT) {
		if (seq_ge(s->ack, c->rtt_seq)) {
			c->flags &= ~C_RTT;
			tcp_rtt_sample(w, c, (uint32_t)w->now_us - c->rtt_at);
		}
	} else {
		tcp_rtt_echoed(w, c, o, ECHO_MAX_US);
	}
}

static void
enter_recovery(struct tern_worker *w, struct tern_conn *c)
{
	c->ssthresh = c->loss->cc->reduce(c);
	c->loss->recover = c->snd_max;
	c->flags |= C_RECOVERY;
	STAT_INC(w, FAST_RETRANS);
	STAT_INC(w, RENO_RECOVERY);
	tcp_retransmit_one(w, c);
	c->cwnd = c->ssthresh + DUP_THRESH * c->mss;
	tcp_rto_start(w, c);
}

static void
duplicate_ack(struct tern_worker *w, struct tern_conn *c)
{
	struct loss *l = tcp_loss(c);

	tcp_mark(c, P_OUTPUT); /* new data may follow: the first two dupacks let a segment each go (RFC 3042) */
	if (c->flags & C_RECOVERY) {
		c->cwnd += c->mss; /* a segment has left the network */
		return;
	}
	if (++l->dupacks == DUP_THRESH && seq_gt(c->snd_una, l->recover))
		enter_recovery(w, c);
}

static void
grow_cwnd(struct tern_worker *w, struct tern_conn *c, uint32_t acked)
{
	struct loss *l = c->loss;

	if (likely(!l)) { /* slow start, but for a path that ICMP or ECN told of: those make one */
		if (c->flags & C_LIMITED)
			cc_slow_start(c, acked);
		return;
	}
	l->dupacks = 0;
	tcp_loss_age(c);
	if (c->flags & C_RECOVERY) {
		if (seq_ge(c->snd_una, l->recover)) { /* RFC 6582 3.2 step 3: full acknowledgement */
			c->flags &= ~C_RECOVERY;
			c->cwnd = RTE_MIN(c->ssthresh, RTE_MAX(c->snd_max - c->snd_una, (uint32_t)c->mss) + c->mss);
		} else { /* partial: the next hole */
			tcp_retransmit_one(w, c);
			c->cwnd = (c->cwnd > acked ? c->cwnd - acked : 0) + c->mss;
		}
		return;
	}
	l->cc->acked(c, acked, 0, c->flags & (C_LIMITED | C_LOSS));
	if (c->flags & C_LOSS && seq_ge(c->snd_una, l->recover))
		c->flags &= ~C_LOSS;
}

/*
 * SND.WND by RFC 9293 3.10.7.4: SND.WL2 =< SND.UNA =< SEG.ACK here, so nothing asks for it. An ACK of something new is
 * newer than any before, whatever its sequence number (a reordered segment's; as Linux). @return true when it changed.
 */
static inline bool
update_window(struct tern_conn *c, const struct seg *s)
{
	const uint32_t old = c->snd_wnd, wnd = (uint32_t)s->wnd << c->snd_ws;

	if (seq_gt(c->snd_wl1, s->seq) && s->ack == c->snd_una)
		return false;
	c->snd_wl1 = s->seq;
	c->snd_wnd = wnd;
	c->max_wnd = RTE_MAX(c->max_wnd, wnd);
	if (wnd > old)
		tcp_mark(c, P_OUTPUT);
	return wnd != old;
}

/* The same of a window that is closed, or was. */
static __rte_noinline bool
closed_window(struct tern_worker *w, struct tern_conn *c, const struct seg *s)
{
	const uint32_t old = c->snd_wnd;
	const bool changed = update_window(c, s);

	if (!(c->flags & C_ORPHAN)) { /* MUST-37: the peer is there. Nobody waits for an orphan: R2 ends it */
		c->unacked_at = w->now_us;
		c->retries = 0;
	}
	if (c->snd_wnd <= old)
		return changed;
	if (c->flags & C_PERSIST) { /* open again: the probe's timer ends, the data goes out */
		c->flags &= ~C_PERSIST;
		c->rto_at = 0;
		c->backoff = 0;
	} else if (!old && c->backoff && s->ack != c->snd_max) {
		/* It was shut over data, which timed out meanwhile: the timeout was put off until now. */
		c->backoff = 0;
		tcp_rto_fired(w, c);
		tcp_rto_start(w, c);
	}
	return changed;
}

void
tcp_ack_old(struct tern_worker *w, struct tern_conn *c, const struct seg *s, const struct tcp_opts *o)
{
	if (c->feat & F_SACK && o->n_sack && c->snd_max != c->snd_una)
		tcp_loss_acked(w, c, s, o, 0);
}

bool
tcp_ack(struct tern_worker *w, struct tern_conn *c, const struct seg *s, const struct tcp_opts *o)
{
	const bool outstanding = c->snd_max != c->snd_una;
	const bool wnd_changed =
		unlikely(c->flags & C_PERSIST || !c->snd_wnd || !s->wnd) ? closed_window(w, c, s) : update_window(c, s);
	const uint32_t acked = s->ack - c->snd_una, data = RTE_MIN(acked, c->snd_queued);
	const bool fin_acked = c->flags & C_FIN_SENT && s->ack == c->snd_una + c->snd_queued + 1;

	if (acked == 0) {
		if (c->feat & F_SACK) {
			/* A D-SACK, or the answer to a probe, may come when all is acknowledged. */
			if (c->loss ? o->n_sack || c->loss->tlp_on : outstanding && o->n_sack)
				tcp_loss_acked(w, c, s, o, 0);
		} else if (outstanding && !wnd_changed && s->len == 0 && !(s->flags & (TCP_SYN | TCP_FIN)) &&
			   c->snd_wnd)
			duplicate_ack(w, c);
		return false;
	}
	sample_rtt(w, c, s, o);
	if (seq_lt(c->snd_nxt, s->ack))
		c->snd_nxt = s->ack;
	tcp_snd_advance(c);
	tcp_snd_acked(c, data);
	c->snd_una = s->ack;
	c->retries = 0;
	c->unacked_at = w->now_us;
	if (unlikely(c->flags & C_PERSIST)) {
		c->flags &= ~C_PERSIST;
		c->backoff = 0; /* the probe's */
	}
	if (c->feat & F_SACK && unlikely(c->loss || o->n_sack)) {
		tcp_loss_acked(w, c, s, o, acked);
	} else {
		if (c->snd_una == c->snd_max)
			c->rto_at = 0;
		else
			tcp_rto_start(w, c), tcp_mark(c, P_OUTPUT); /* the wheel, too, has to know */
		grow_cwnd(w, c, acked);
	}
	if (c->snd_queued || (c->flags & (C_FIN_QUEUED | C_FIN_SENT)) == C_FIN_QUEUED || c->snd_nxt != c->snd_max)
		tcp_mark(c, P_OUTPUT);
	if (c->flags & C_WANT_WRITE) {
		tcp_snd_tune(w, c);
		if (c->snd_queued <= c->snd_buf / 2) {
			c->flags &= ~C_WANT_WRITE;
			tcp_mark(c, P_WRITABLE);
		}
	}
	return fin_acked;
}

void
tcp_rto_fired(struct tern_worker *w, struct tern_conn *c)
{
	STAT_INC(w, TIMEOUTS);
	c->flags &= ~C_RTT;
	if (c->state == TERN_SYN_RECEIVED && c->flags & C_TFO) {
		c->flags |= C_SYNACK;
	} else if (c->state == TERN_SYN_SENT || c->state == TERN_SYN_RECEIVED) {
		c->snd_nxt = c->iss;
		if (unlikely(c->flags & C_TFO)) {
			tcp_tfo_hole(w, c);
			tcp_tfo_plain(c);
		}
	} else if (!(c->feat & F_SACK) || !tcp_loss_timeout(w, c)) {
		struct loss *l = tcp_loss(c);

		if (!(c->flags & C_LOSS)) /* RFC 5681 3.1: not again for the same flight */
			c->ssthresh = l->cc->reduce(c);
		c->flags = (c->flags & ~C_RECOVERY) | C_LOSS;
		c->cwnd = c->mss;
		l->dupacks = 0;
		l->recover = c->snd_max; /* RFC 6582 4.1 */
		tcp_snd_rewind(c);
	}
	tcp_mark(c, P_OUTPUT);
}
