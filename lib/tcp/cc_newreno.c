/* SPDX-License-Identifier: BSD-3-Clause */
/* Reno's window: RFC 5681 3.1, counted in bytes (RFC 3465). */
#include "tcp/loss.h"

void
cc_newreno_acked(struct tern_conn *c, uint32_t n, uint32_t rtt_us, bool limited)
{
	struct cc_newreno_state *s = &c->loss->cc_state.newreno;

	(void)rtt_us;
	if (!limited)
		return;
	if (c->cwnd < c->ssthresh) {
		cc_slow_start(c, n);
		return;
	}
	s->acc += n;
	if (s->acc >= c->cwnd) {
		s->acc -= c->cwnd;
		c->cwnd = RTE_MIN(c->cwnd + c->mss, 1u << 30);
	}
}

uint32_t
cc_newreno_reduce(struct tern_conn *c)
{
	c->loss->cc_state.newreno.acc = 0;
	return RTE_MAX(RTE_MIN(c->cwnd, c->snd_max - c->snd_una) / 2, 2u * c->mss); /* RFC 5681 (4) */
}

const struct cc cc_newreno = {.name = "newreno", .acked = cc_newreno_acked, .reduce = cc_newreno_reduce};
