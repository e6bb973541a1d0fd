/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * CUBIC (RFC 9438) with HyStart++ (RFC 9406).
 *
 * In bytes and milliseconds. K takes a cube root, once an epoch. The cubic function is computed when the millisecond
 * has changed; an ACK adds acked * (target - cwnd) to an accumulator that grows cwnd by a segment each cwnd * MSS
 * (4.4), and the Reno-friendly estimate grows the same way (4.3): no ACK divides. Epochs end with 2^16 ms: by then
 * cwnd has grown by 100,000 segments.
 */
#include "tcp/loss.h"

#define D_MAX_MS 60000 /* |t - K|, so that 0.4 d^3 MSS fits 64 bits */

/* 9406 4.3 */
#define MIN_RTT_THRESH_US 4000u
#define MAX_RTT_THRESH_US 16000u
#define N_RTT_SAMPLE 8
#define CSS_GROWTH_DIVISOR 4
#define CSS_ROUNDS 5

static uint32_t
cube_root(uint64_t v)
{
	uint64_t r = 0;
	int s;

	for (s = 63; s >= 0; s -= 3) { /* a bit of the root each turn */
		r <<= 1;
		if (v >> s >= 3 * r * (r + 1) + 1) {
			v -= (3 * r * (r + 1) + 1) << s;
			r++;
		}
	}
	return r;
}

/* W_cubic at t_ms into the epoch, 4.2. */
static uint32_t
w_cubic(const struct tern_conn *c, const struct cc_cubic_state *s, uint64_t t_ms)
{
	const uint64_t d = RTE_MIN(t_ms > s->k_ms ? t_ms - s->k_ms : s->k_ms - t_ms, (uint64_t)D_MAX_MS);
	const uint64_t delta = d * d * d * c->mss * 4 / 10000000000ull; /* 0.4 per s^3 */
	const uint32_t origin = RTE_MAX(s->w_max, s->epoch_cwnd);

	if (t_ms > s->k_ms)
		return RTE_MIN(origin + delta, 1ull << 30);
	return origin > delta ? origin - delta : 0;
}

static void
start_epoch(struct tern_conn *c, struct cc_cubic_state *s)
{
	s->epoch_at = c->w->now_us;
	s->epoch_cwnd = s->w_est = c->cwnd;
	s->est_acc = 0;
	s->acc = 0;
	s->k_ms = s->w_max > c->cwnd ? cube_root((uint64_t)(s->w_max - c->cwnd) * 2500000000ull / c->mss) : 0;
	s->target_ms = UINT32_MAX;
}

static void
avoidance(struct tern_conn *c, struct cc_cubic_state *s, uint32_t n)
{
	uint32_t t_ms, w;

	if (!s->epoch_at)
		start_epoch(c, s);
	t_ms = c->w->now_ms - (uint32_t)(s->epoch_at / 1000);
	if (t_ms != s->target_ms) {
		s->target_ms = t_ms;
		w = w_cubic(c, s, t_ms + c->srtt_us / 1000);
		s->target = RTE_MAX(RTE_MIN(w, c->cwnd + c->cwnd / 2), c->cwnd); /* 4.2 */
	}
	/* 4.3: alpha = 3 (1 - beta) / (1 + beta) = 9 / 17 until the window of the last loss, then 1 */
	s->est_acc += s->w_est < s->w_max ? n * 9ull / 17 : n;
	if (s->est_acc >= s->w_est) {
		s->est_acc -= s->w_est;
		s->w_est += c->mss;
	}
	if (s->w_est > s->target && s->w_est > c->cwnd) {
		c->cwnd = RTE_MIN(s->w_est, 1u << 30);
		return;
	}
	if (s->target <= c->cwnd)
		return;
	s->acc += (uint64_t)n * (s->target - c->cwnd);
	if (s->acc >= (uint64_t)c->cwnd * c->mss) {
		s->acc = RTE_MIN(s->acc - (uint64_t)c->cwnd * c->mss, (uint64_t)c->cwnd * c->mss);
		c->cwnd += c->mss;
	}
}

static void
start_round(const struct tern_conn *c, struct cc_cubic_state *s, uint32_t last_rtt_us)
{
	s->last_rtt_us = last_rtt_us;
	s->round_rtt_us = UINT32_MAX;
	s->samples = 0;
	s->round_on = true;
	s->round_end = c->snd_max;
}

/* A round trip's delay against the last one's: 9406 4.2. The ACK that ends a round is of what was sent in it. */
static void
hystart(struct tern_conn *c, struct cc_cubic_state *s, uint32_t rtt_us)
{
	uint32_t thresh;

	if (!s->round_on)
		start_round(c, s, UINT32_MAX);
	if (rtt_us) {
		s->round_rtt_us = RTE_MIN(s->round_rtt_us, rtt_us);
		if (s->samples < N_RTT_SAMPLE)
			s->samples++;
	}
	if (s->samples == N_RTT_SAMPLE && s->last_rtt_us != UINT32_MAX) {
		thresh = RTE_MAX(MIN_RTT_THRESH_US, RTE_MIN(s->last_rtt_us / 8, MAX_RTT_THRESH_US));
		if (s->css_rounds && s->round_rtt_us < s->css_rtt_us) {
			s->css_rounds = 0; /* it was no congestion */
		} else if (!s->css_rounds && s->round_rtt_us >= s->last_rtt_us + thresh) {
			s->css_rtt_us = s->round_rtt_us;
			s->css_rounds = 1;
		}
	}
	if (seq_lt(c->snd_una, s->round_end))
		return;
	if (s->css_rounds && ++s->css_rounds > CSS_ROUNDS) {
		c->ssthresh = c->cwnd;
		s->css_rounds = 0;
	}
	start_round(c, s, s->round_rtt_us);
}

static void
acked(struct tern_conn *c, uint32_t n, uint32_t rtt_us, bool limited)
{
	struct cc_cubic_state *s = &c->loss->cc_state.cubic;

	if (c->cwnd < c->ssthresh && c->ssthresh == UINT32_MAX) /* the first slow start only: 9406 4.3 */
		hystart(c, s, rtt_us);
	if (!limited)
		return;
	if (c->cwnd < c->ssthresh)
		cc_slow_start(c, s->css_rounds ? n / CSS_GROWTH_DIVISOR : n);
	else
		avoidance(c, s, n);
}

static uint32_t
reduce(struct tern_conn *c)
{
	struct cc_cubic_state *s = &c->loss->cc_state.cubic;

	/* 4.7: room for a newcomer when the window did not come back to where it was */
	s->w_max = c->cwnd < s->w_max ? (uint64_t)c->cwnd * 17 / 20 : c->cwnd;
	s->epoch_at = 0;
	s->css_rounds = 0;
	return RTE_MAX((uint32_t)((uint64_t)c->cwnd * 7 / 10), 2u * c->mss); /* 4.6 */
}

/* Time without data does not count: 4.2 wants the epoch to begin again. */
static void
idle(struct tern_conn *c)
{
	c->loss->cc_state.cubic.epoch_at = 0;
}

const struct cc cc_cubic = {.name = "cubic", .acked = acked, .reduce = reduce, .idle = idle};
