/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Loss detection and repair for peers with SACK: RACK-TLP (RFC 8985), pipe (RFC 6675 4), PRR (RFC 6937), undo by
 * timestamps (Eifel, RFC 3522), by D-SACK (RFC 2883, 3708) and of timeouts by what arrived without being sent again
 * (F-RTO, RFC 5682 3.1).
 *
 * The scoreboard is a list of runs: bytes sent at one time with one fate (tcp/runs.c). What goes out in one pass is
 * one run until a SACK or a retransmission splits it, so a clean bulk transfer has a run a round of ACKs, and a
 * connection with two segments in flight has none (struct loss is made with the third, with the first SACK, or by a
 * timer). Bytes that no run covers are in flight; they are lost only by a timeout. A timeout without any run goes back
 * to SND.UNA as for a peer without SACK.
 *
 * rto_at is shared: C_TLP says that it is the probe's, C_REO that it is the reordering timer.
 */
#include <string.h>
#include "tcp/deadline.h"
#include "tcp/loss.h"
#include "tcp/opt.h"
#include "tcp/output.h"
#include "tcp/sndq.h"

#define WAITING_MAX 64u /* runs that RACK looks at in vain for each ACK */
#define REO_PERSIST 16 /* recoveries without D-SACK: RFC 8985 7.2 */

/* What an ACK told. */
struct news {
	uint32_t delivered; /* bytes */
	uint32_t rtt_us;    /* of the newest segment that was sent once, 0: none */
	uint32_t tsecr;
	bool has_ts;
	bool progress, sacked, dsack, orig, reordered;
};

/* 8985 6.2 step 1. The path may have become longer: what is too old is forgotten. */
static void
note_min_rtt(const struct tern_worker *w, struct loss *l, uint32_t rtt_us)
{
	if (unlikely(w->now_us >= l->min_until_at)) {
		l->min_rtt_us = l->min_next_us;
		l->min_next_us = UINT32_MAX;
		l->min_until_at = w->now_us + MIN_RTT_US;
	}
	l->min_next_us = RTE_MIN(l->min_next_us, rtt_us);
	l->min_rtt_us = RTE_MIN(l->min_rtt_us, rtt_us);
}

/* n bytes of r have arrived, its last at end: RACK_update(), 8985 6.2 steps 1 to 3. */
static void
arrived(struct tern_worker *w, struct tern_conn *c, const struct txrun *r, uint32_t end, uint32_t n, struct news *news)
{
	struct loss *l = c->loss;
	const uint32_t rtt = RTE_MIN(w->now_us - r->xmit_at, (uint64_t)UINT32_MAX);

	news->delivered += n;
	if (r->flags & R_LOST)
		l->lost -= n;
	if (r->flags & R_RETX)
		l->retx -= n;
	if (!(r->flags & R_EVER)) {
		if (seq_lt(end, l->fack))
			news->reordered = true;
		if (seq_le(end, l->recover))
			news->orig = true;
		news->rtt_us = RTE_MAX(rtt, 1u);
	}
	if (seq_gt(end, l->fack))
		l->fack = end;
	if (r->flags & R_EVER) { /* was it the first that arrived? */
		if (news->has_ts && seq_lt(news->tsecr, w->now_ms - rtt / 1000 - 1 + c->ts_off))
			return;
		if (rtt < l->min_rtt_us)
			return;
	}
	note_min_rtt(w, l, rtt);
	if (!l->rack_on || r->xmit_at > l->rack_xmit_at ||
	    (r->xmit_at == l->rack_xmit_at && seq_gt(end, l->rack_end))) {
		l->rack_on = true;
		l->rack_xmit_at = r->xmit_at;
		l->rack_end = end;
		l->rack_rtt_us = rtt;
	}
}

/* Runs below SND.UNA. */
static void
clean_acked(struct tern_worker *w, struct tern_conn *c, struct news *news)
{
	struct loss *l = c->loss;
	struct txrun *r;

	while ((r = l->head) && seq_lt(r->seq, c->snd_una)) {
		const uint32_t end = seq_le(r->end, c->snd_una) ? r->end : c->snd_una, n = end - r->seq;

		if (r->flags & R_SACKED) {
			l->sacked -= n;
			l->sacked_segs -= RTE_MIN(l->sacked_segs, (n + c->mss - 1) / c->mss);
		} else {
			arrived(w, c, r, end, n, news);
		}
		tcp_run_trim(w, c, r, end);
	}
	if (!l->sacked)
		l->sacked_segs = 0;
	if (seq_lt(l->fack, c->snd_una))
		l->fack = c->snd_una;
}

/* The segments that [left, right) covers whole. What arrived is one run, however it came: the list is as long as there
 * are holes. */
static void
mark_sacked(struct tern_worker *w, struct tern_conn *c, uint32_t left, uint32_t right, struct news *news)
{
	struct loss *l = c->loss;
	struct txrun *before = NULL, *r = tcp_run_before(l, left);

	for (r = r ? r : l->head; r && seq_lt(r->seq, right); before = r, r = r->next) {
		uint32_t n, cut;

		if (seq_le(r->end, left) || r->flags & R_SACKED)
			continue;
		if (seq_lt(r->seq, left)) {
			cut = tcp_run_edge(c, r, left - 1);
			if (cut != r->end && (seq_ge(cut, right) || !tcp_run_split(w, c, r, cut)))
				return;
			continue;
		}
		if (seq_gt(r->end, right)) {
			cut = tcp_run_floor(c, r, right);
			if (cut == r->seq || !tcp_run_split(w, c, r, cut))
				return;
		}
		n = r->end - r->seq;
		arrived(w, c, r, r->end, n, news);
		tcp_run_sacked(l, r);
		l->sacked += n;
		l->sacked_segs += (n + c->mss - 1) / c->mss;
		news->sacked = true;
		if (before && before->flags & R_SACKED)
			r = before;
		tcp_run_join(w, l, r);
	}
}

/* RFC 2883 4: the first block is below the ACK or within the second. */
static bool
is_dsack(const struct tcp_opts *o, uint32_t ack)
{
	const uint32_t left = o->sack[0].left, right = o->sack[0].right;

	if (!seq_lt(left, right))
		return false;
	return seq_le(right, ack) ||
	       (o->n_sack > 1 && seq_ge(left, o->sack[1].left) && seq_le(right, o->sack[1].right));
}

static void
take_dsack(struct tern_worker *w, struct tern_conn *c, uint32_t left, uint32_t right)
{
	struct loss *l = c->loss;

	if (seq_lt(left, c->snd_una - c->max_wnd) || seq_gt(right, c->snd_max))
		return; /* nothing that we can have sent lately */
	STAT_INC(w, DSACK_RECV);
	if (l->undo && seq_ge(left, l->undo_una) && seq_le(right, l->recover))
		l->undo_bytes -= RTE_MIN(l->undo_bytes, right - left);
	if (!(l->tlp_on && l->tlp_retx) && !l->dsack_on) { /* RFC 8985 6.2 step 4 */
		l->dsack_on = true;
		l->dsack_round = c->snd_max;
		l->reo_mult = RTE_MIN(l->reo_mult + 1, 255);
		l->reo_persist = REO_PERSIST;
	}
}

static void
take_sacks(struct tern_worker *w, struct tern_conn *c, const struct seg *s, const struct tcp_opts *o, struct news *news)
{
	unsigned int i = 0;

	if (o->n_sack && is_dsack(o, s->ack)) {
		news->dsack = true;
		take_dsack(w, c, o->sack[0].left, o->sack[0].right);
		i = 1;
	}
	for (; i < o->n_sack; i++) {
		const uint32_t left = o->sack[i].left, right = o->sack[i].right;

		if (seq_lt(left, right) && seq_gt(left, c->snd_una) && seq_le(right, c->snd_max))
			mark_sacked(w, c, left, right, news);
		else if (s->ack == c->snd_una || seq_gt(right, c->snd_una)) /* not just an ACK that was overtaken */
			STAT_INC(w, SACK_DISCARD);
	}
}

/* 8985 6.2 step 4 */
static uint32_t
reo_wnd(const struct tern_conn *c)
{
	const struct loss *l = c->loss;

	if (!l->reord_seen && (c->flags & (C_RECOVERY | C_LOSS) || l->sacked_segs >= DUP_THRESH))
		return 0;
	if (l->min_rtt_us == UINT32_MAX)
		return 0;
	return RTE_MIN((uint64_t)l->min_rtt_us / 4 * l->reo_mult, (uint64_t)c->srtt_us);
}

static void
mark_lost(struct tern_worker *w, struct loss *l, struct txrun *r)
{
	const uint32_t n = r->end - r->seq;

	if (!(r->flags & R_LOST))
		l->lost += n;
	if (r->flags & R_RETX) {
		l->retx -= n;
		STAT_INC(w, LOST_RETRANSMIT);
	}
	tcp_run_due(l, r);
}

/* What is due is the reordering timer, no loss probe. */
static void
reorder_start(struct tern_worker *w, struct tern_conn *c, uint32_t wait)
{
	c->rto_at = w->now_us + wait;
	c->flags = (c->flags & ~C_TLP) | C_REO;
}

/* 8985 6.2 step 5. @return microseconds until the next run may be taken for lost, 0: none waits. */
static uint32_t
detect_loss(struct tern_worker *w, struct tern_conn *c)
{
	struct loss *l = c->loss;
	const uint32_t wnd = reo_wnd(c);
	uint32_t wait = 0, waiting = 0;
	struct txrun *r, *next;

	if (!l->rack_on)
		return 0;
	for (r = TAILQ_FIRST(&l->flight); r; r = next) {
		int64_t left;

		next = TAILQ_NEXT(r, fate);
		if (r->xmit_at > l->rack_xmit_at || (r->xmit_at == l->rack_xmit_at && seq_ge(r->end, l->rack_end)))
			break; /* what follows was sent later still */
		left = (int64_t)(r->xmit_at + l->rack_rtt_us + wnd - w->now_us);
		if (left <= 0) {
			mark_lost(w, l, r);
			continue;
		}
		wait = RTE_MAX(wait, (uint32_t)left);
		if (++waiting == WAITING_MAX) /* the others were sent no later than what arrived */
			return l->rack_xmit_at + l->rack_rtt_us + wnd - w->now_us;
	}
	return wait;
}

void
tcp_loss_save(struct tern_conn *c)
{
	struct loss *l = c->loss;

	l->prior_cwnd = c->cwnd;
	l->prior_ssthresh = c->ssthresh;
	l->cc_prior = l->cc_state;
	l->undo = true;
	l->undo_sent = false;
	l->undo_bytes = 0;
	l->undo_una = c->snd_una;
}

static void
enter_recovery(struct tern_worker *w, struct tern_conn *c)
{
	struct loss *l = c->loss;

	tcp_loss_save(c);
	l->prr_fs = RTE_MAX(c->cwnd, 1u);
	l->prr_delivered = l->prr_out = 0;
	c->ssthresh = l->cc->reduce(c);
	l->recover = c->snd_max;
	c->flags |= C_RECOVERY;
	l->tlp_on = false;
	STAT_INC(w, SACK_RECOVERY);
}

/* RFC 6937 3, with the slow-start reduction bound only while recovery makes progress. */
static void
prr(struct tern_conn *c, const struct news *news, bool more_lost)
{
	struct loss *l = c->loss;
	const uint32_t pipe = tcp_pipe(c);
	int64_t send;

	l->prr_delivered += news->delivered;
	if (pipe > c->ssthresh) {
		send = (int64_t)(((uint64_t)l->prr_delivered * c->ssthresh + l->prr_fs - 1) / l->prr_fs) - l->prr_out;
	} else {
		send = RTE_MAX((int64_t)l->prr_delivered - l->prr_out, (int64_t)news->delivered);
		if (news->progress && !more_lost)
			send += c->mss;
		send = RTE_MIN(send, (int64_t)c->ssthresh - pipe);
	}
	if (l->prr_out == 0) /* the fast retransmit */
		send = RTE_MAX(send, (int64_t)c->mss);
	c->cwnd = RTE_MAX(pipe + (uint32_t)RTE_MAX(send, (int64_t)0), (uint32_t)c->mss);
}

/* Nothing was lost: back to where it was. */
static void
undo(struct tern_conn *c)
{
	struct loss *l = c->loss;
	struct txrun *r, *at = NULL;

	for (; (r = TAILQ_FIRST(&l->due)); at = r)
		tcp_run_flew(l, r, at);
	for (r = TAILQ_LAST(&l->flight, runq); r && l->retx; r = TAILQ_PREV(r, runq, fate)) /* they are the latest */
		if (r->flags & R_RETX) {
			l->retx -= r->end - r->seq;
			r->flags &= ~(R_LOST | R_RETX);
		}
	l->lost = l->retx = 0;
	c->cwnd = RTE_MAX(c->cwnd, l->prior_cwnd);
	c->ssthresh = RTE_MAX(c->ssthresh, l->prior_ssthresh);
	if (!l->cc->marks) /* what was counted meanwhile is true all the same */
		l->cc_state = l->cc_prior;
	l->undo = l->frto = false;
	c->flags &= ~(C_RECOVERY | C_LOSS);
	c->backoff = 0;
}

/* @return true when the reduction was undone. */
static bool
try_undo(struct tern_worker *w, struct tern_conn *c, const struct news *news)
{
	struct loss *l = c->loss;
	/* Eifel: the ACK answers what was sent before the first retransmission */
	const bool early =
		news->progress && news->has_ts && news->tsecr && l->undo_sent && seq_lt(news->tsecr, l->undo_ts);

	if (!l->undo)
		return false;
	if (c->flags & C_LOSS && (early || (l->frto && news->orig))) {
		STAT_INC(w, SPURIOUS_RTOS);
	} else if (c->flags & C_RECOVERY && early) {
		if (seq_ge(c->snd_una, l->recover))
			STAT_INC(w, FULL_UNDO);
		else
			STAT_INC(w, PARTIAL_UNDO);
		l->reord_seen = true;
	} else if (news->dsack && l->undo_sent && l->undo_bytes == 0) {
		STAT_INC(w, DSACK_UNDO);
	} else {
		return false;
	}
	undo(c);
	return true;
}

static void
leave(struct tern_conn *c)
{
	struct loss *l = c->loss;

	if (c->flags & C_RECOVERY)
		c->cwnd = c->ssthresh;
	c->flags &= ~(C_RECOVERY | C_LOSS);
	l->frto = l->too_big = false;
	if (l->reo_persist && --l->reo_persist == 0)
		l->reo_mult = 1;
}

/* 8985 7.4.2: the probe's answer. */
static void
tlp_acked(struct tern_worker *w, struct tern_conn *c, const struct seg *s, const struct news *news)
{
	struct loss *l = c->loss;

	if (seq_lt(s->ack, l->tlp_end))
		return;
	if (l->tlp_retx && !news->dsack) {
		if (s->ack == l->tlp_end) { /* whose, the original's or the probe's? A duplicate of it says that both
					     * arrived. */
			l->tlp_on = news->progress || news->sacked || s->len;
			return;
		}
		/* No D-SACK came before the ACK of what was sent later: the probe repaired a loss. */
		STAT_INC(w, LOSS_PROBE_RECOVERY);
		if (!(c->flags & (C_RECOVERY | C_LOSS)))
			tcp_congestion(c, false);
	}
	l->tlp_on = false;
}

void
tcp_loss_acked(struct tern_worker *w, struct tern_conn *c, const struct seg *s, const struct tcp_opts *o,
	       uint32_t acked)
{
	struct loss *l = tcp_loss(c);
	struct news news = {.tsecr = o->tsecr, .has_ts = c->feat & F_TS && o->has_ts, .progress = acked != 0};
	const uint32_t lost = l->lost;
	const bool in_loss = c->flags & C_LOSS;
	uint32_t wait = 0;

	tcp_loss_age(c);
	if (l->dsack_on && seq_ge(c->snd_una, l->dsack_round))
		l->dsack_on = false;
	if (l->tail == NULL && c->snd_una != c->snd_max)
		tcp_runs_cover(w, c, c->unacked_at);
	clean_acked(w, c, &news);
	if (o->n_sack)
		take_sacks(w, c, s, o, &news);
	if (news.reordered && !l->reord_seen) {
		l->reord_seen = true;
		STAT_INC(w, SACK_REORDER);
	}
	if (l->tlp_on)
		tlp_acked(w, c, s, &news);
	if (!try_undo(w, c, &news)) {
		if (news.progress)
			l->frto = false;
		if (c->flags & (C_RECOVERY | C_LOSS) && seq_ge(c->snd_una, l->recover))
			leave(c);
	}
	if (news.delivered || c->flags & (C_RECOVERY | C_LOSS))
		wait = detect_loss(w, c);
	if (l->lost > l->retx && !(c->flags & (C_RECOVERY | C_LOSS)))
		enter_recovery(w, c);
	if (c->flags & C_RECOVERY)
		prr(c, &news, l->lost > lost);
	else if (acked)
		l->cc->acked(c, acked, news.rtt_us, c->flags & C_LIMITED || in_loss);
	if (l->lost > l->retx || l->sacked || c->flags & C_RECOVERY)
		tcp_mark(c, P_OUTPUT);
	if (c->snd_una == c->snd_max) {
		if (acked)
			c->rto_at = 0;
		return;
	}
	if (acked || (c->flags & C_TLP && l->sacked))
		tcp_rto_start(w, c);
	if (wait && w->now_us + wait < c->rto_at)
		reorder_start(w, c, wait);
	tcp_timer_sync(w, c);
}

/* 8985 6.3: time has made lost what only waited. */
void
tcp_reorder_fired(struct tern_worker *w, struct tern_conn *c)
{
	const struct news none = {0};
	const uint32_t wait = detect_loss(w, c);
	struct loss *l = c->loss;

	if (l->lost > l->retx && !(c->flags & (C_RECOVERY | C_LOSS)))
		enter_recovery(w, c);
	if (c->flags & C_RECOVERY)
		prr(c, &none, true);
	tcp_mark(c, P_OUTPUT);
	tcp_rto_start(w, c);
	if (wait)
		reorder_start(w, c, wait);
}

/* All in flight is in the list, which decides what goes out from now on. @return NULL: there is no list. */
static struct loss *
cover_all(struct tern_worker *w, struct tern_conn *c)
{
	struct loss *l = tcp_loss(c);

	tcp_runs_cover(w, c, c->unacked_at);
	if (!l->head)
		return NULL;
	c->snd_nxt = c->snd_max;
	tcp_snd_advance(c);
	return l;
}

bool
tcp_loss_too_big(struct tern_worker *w, struct tern_conn *c)
{
	struct loss *l = cover_all(w, c);
	struct txrun *r;

	if (!l)
		return false;
	for (r = l->head; r; r = r->next)
		if (!(r->flags & R_SACKED))
			mark_lost(w, l, r);
	l->tlp_on = l->undo = l->frto = false;
	if (!(c->flags & (C_RECOVERY | C_LOSS))) { /* so that what is lost is not taken for congestion */
		l->too_big = true;
		l->recover = c->snd_max;
		c->flags |= C_LOSS;
	}
	return true;
}

bool
tcp_loss_timeout(struct tern_worker *w, struct tern_conn *c)
{
	struct loss *l = cover_all(w, c);
	struct txrun *r, *at = NULL;

	if (!l)
		return false;
	if (l->head->flags & R_SACKED) { /* RFC 2018 8: the peer has thrown away what it reported */
		STAT_INC(w, SACK_RENEGING);
		for (r = l->head; r; r = r->next)
			if (r->flags & R_SACKED) {
				tcp_run_flew(l, r, at);
				at = r;
			}
		l->sacked = l->sacked_segs = 0;
	}
	if (!(c->flags & (C_LOSS | C_RECOVERY)) || seq_ge(c->snd_una, l->recover) || l->too_big) {
		tcp_loss_save(c);
		l->frto = !l->too_big;
		l->too_big = false;
		c->ssthresh = l->cc->reduce(c);
	} else {
		l->frto = false;
		l->undo = l->undo && c->flags & C_LOSS; /* of a timeout within recovery nothing is undone */
	}
	for (r = l->head; r; r = r->next)
		if (!(r->flags & R_SACKED) && (r == l->head || !l->rack_on || /* 8985 6.3 */
		    r->xmit_at + l->rack_rtt_us + reo_wnd(c) <= w->now_us))
			mark_lost(w, l, r);
	c->cwnd = tcp_pipe(c) + c->mss; /* room for the first */
	l->recover = c->snd_max;
	l->tlp_on = false;
	c->flags = (c->flags & ~C_RECOVERY) | C_LOSS;
	tcp_rto_start(w, c); /* also when nothing can be sent now */
	return true;
}

/* 8985 7.3: new data if there is any and room for it, else the last segment again. */
void
tcp_tlp_fired(struct tern_worker *w, struct tern_conn *c)
{
	struct loss *l = tcp_loss(c);
	uint32_t last, fin;
	struct txrun *r;

	tcp_runs_cover(w, c, c->unacked_at);
	r = l->tail;
	if (!l->sacked && !l->lost) {
		l->tlp_on = true; /* also without a run to note it in: once, then the timeout */
		l->tlp_retx = false;
		if (r && !tcp_probe_new(w, c)) {
			fin = c->flags & C_FIN_SENT ? 1 : 0;
			last = r->mss == 1 ? r->seq : tcp_run_floor(c, r, r->end - 1);
			if (r->end - last > c->mss + fin)
				last = r->end - c->mss - fin;
			if ((last == r->seq || tcp_run_split(w, c, r, last)) &&
			    tcp_retransmit(w, c, last, c->snd_max, l->tail)) {
				l->tail->xmit_at = w->now_us;
				tcp_run_flies(l, l->tail);
				l->tlp_retx = true;
			}
		}
		l->tlp_end = c->snd_max;
		STAT_INC(w, LOSS_PROBES);
	}
	tcp_rto_start(w, c);
}
