/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The state of losses: made when a connection needs it, and the scoreboard as output sees it: what was sent, what is
 * due again. The scoreboard's runs are tcp/runs.c, what ACKs say of them tcp/sack.c.
 */
#include <string.h>
#include "tcp/loss.h"


struct loss *
tcp_loss(struct tern_conn *c)
{
	struct loss *l = c->loss;

	if (l)
		return l;
	l = c->loss = pool_must(&c->w->losses);
	memset(l, 0, sizeof(*l));
	TAILQ_INIT(&l->flight);
	TAILQ_INIT(&l->due);
	l->cc = cc_get(c->cc);
	l->recover = c->snd_una - 1;
	l->fack = c->snd_una;
	l->reo_mult = 1;
	/* The SYN's says what round trip a probe's answer can't have beaten; it is known to a tick, and varies. */
	l->min_rtt_us = c->srtt_us ? c->srtt_us - c->srtt_us / 8 : UINT32_MAX;
	l->min_next_us = UINT32_MAX;
	l->min_until_at = c->w->now_us + MIN_RTT_US;
	return l;
}

void
tcp_loss_free(struct tern_worker *w, struct tern_conn *c)
{
	while (c->loss->head)
		tcp_runs_free_head(w, c->loss);
	pool_put(&w->losses, c->loss);
	c->loss = NULL;
}

void
tcp_loss_sent(struct tern_worker *w, struct tern_conn *c, uint32_t seq, uint32_t end)
{
	struct loss *l;

	if (c->state == TERN_SYN_SENT || c->state == TERN_SYN_RECEIVED)
		return; /* Fast Open: the SYN goes out again first */
	l = tcp_loss(c);
	if (c->flags & C_RECOVERY)
		l->prr_out += end - seq;
	if (c->feat & F_SACK)
		tcp_runs_sent(w, c, seq, end);
}

struct txrun *
tcp_loss_next(struct tern_conn *c)
{
	return TAILQ_FIRST(&c->loss->due);
}

/* n bytes go out again: for undo, and for the counters. */
static void
note_resent(struct tern_worker *w, struct tern_conn *c, uint32_t n)
{
	struct loss *l = c->loss;

	if (!l->undo_sent) {
		l->undo_sent = true;
		l->undo_ts = w->now_ms + c->ts_off;
	}
	l->undo_bytes += n;
	if (c->flags & C_RECOVERY) {
		l->prr_out += n;
		STAT_INC(w, FAST_RETRANS);
	} else {
		STAT_INC(w, SLOW_START_RETRANS);
	}
}

bool
tcp_loss_resent(struct tern_worker *w, struct tern_conn *c, struct txrun *r, uint32_t n)
{
	if (r->end - r->seq > n && !tcp_run_split(w, c, r, r->seq + n))
		return false;
	r->xmit_at = w->now_us;
	r->first = n; /* one segment */
	r->mss = c->mss;
	tcp_run_flies(c->loss, r);
	c->loss->retx += n;
	note_resent(w, c, n);
	return true;
}

void
tcp_loss_not_resent(struct tern_conn *c, struct txrun *r)
{
	c->loss->retx -= r->end - r->seq;
	tcp_run_due(c->loss, r);
}

void
tcp_congestion(struct tern_conn *c, bool echo)
{
	const struct cc *cc = tcp_loss(c)->cc;

	if (c->flags & (C_RECOVERY | C_LOSS))
		return; /* done already */
	c->ssthresh = c->cwnd = echo && cc->echo ? cc->echo(c) : cc->reduce(c);
}
