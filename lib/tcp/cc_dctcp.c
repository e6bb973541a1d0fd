/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * DCTCP (RFC 8257): the window shrinks by the share of bytes that met congestion, not by half. The receiver's part,
 * ACKs that say which data was marked, is tcp/ecn.c's. A loss, and a path without ECN, are NewReno's (3.5).
 */
#include "tcp/loss.h"

#define ALPHA_ONE (1u << 20)
#define G_SHIFT 4 /* g = 1/16: 4.2 */

/* 3.3: the share of marked bytes, smoothed over windows of data. */
static void
marks(struct tern_conn *c, bool ece)
{
	struct cc_dctcp_state *s = &c->loss->cc_state.dctcp;
	uint32_t acked, down;

	if (!s->on) {
		s->on = true;
		s->alpha = ALPHA_ONE;
		s->una = c->snd_una;
		s->window_end = c->snd_max;
		return;
	}
	acked = c->snd_una - s->una;
	s->una = c->snd_una;
	s->acked += acked;
	if (ece)
		s->marked += acked;
	if (seq_le(c->snd_una, s->window_end) || !s->acked)
		return;
	down = s->alpha >> G_SHIFT;
	s->alpha -= down ? down : s->alpha; /* so that it comes to 0 */
	s->alpha += ((uint64_t)s->marked * ALPHA_ONE >> G_SHIFT) / s->acked;
	s->acked = s->marked = 0;
	s->window_end = c->snd_max;
	if (seq_ge(c->snd_una, s->cut_end))
		s->cut_from = 0; /* while it can be compared */
}

static uint32_t
echo(struct tern_conn *c)
{
	struct cc_dctcp_state *s = &c->loss->cc_state.dctcp;
	const uint32_t cut = (uint64_t)c->cwnd * s->alpha / ALPHA_ONE / 2;

	s->cut_from = RTE_MIN(c->cwnd, c->snd_max - c->snd_una);
	s->cut_end = c->snd_max;
	return RTE_MAX(c->cwnd - cut, 2u * c->mss);
}

/* 3.5: once a window whatever tells of congestion: what an echo took already is part of the half. */
static uint32_t
reduce(struct tern_conn *c)
{
	const struct cc_dctcp_state *s = &c->loss->cc_state.dctcp;
	const uint32_t ssthresh = cc_newreno_reduce(c);

	if (!s->cut_from || seq_ge(c->snd_una, s->cut_end))
		return ssthresh;
	return RTE_MAX(ssthresh, RTE_MIN(s->cut_from / 2, c->cwnd));
}

const struct cc cc_dctcp = {
	.name = "dctcp", .acked = cc_newreno_acked, .reduce = reduce, .echo = echo, .marks = marks};
