/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Congestion control: one const struct per algorithm, with a private area in struct loss. The window itself (cwnd,
 * ssthresh) is the connection's. Loss recovery decides when to call, and restores the private area when a reduction is
 * undone, unless marks are counted there.
 */
#ifndef CC_H
#define CC_H
#include "tcp/conn.h"

#define CC_ABC_LIMIT 8u /* segments one ACK may add in slow start: L of RFC 9406 4.2 */

struct cc_newreno_state {
	uint32_t acc; /* bytes acknowledged since cwnd grew */
};

struct cc_cubic_state {
	uint64_t acc;	 /* bytes acknowledged * bytes to go to the target */
	uint64_t epoch_at; /* congestion avoidance began; 0: not since the last reduction */
	uint32_t w_max, w_est, est_acc;
	uint32_t epoch_cwnd, k_ms;
	uint32_t target, target_ms; /* the cubic function's last value, and when */
	/* HyStart++ */
	uint32_t round_end, last_rtt_us, round_rtt_us, css_rtt_us;
	uint8_t samples, css_rounds; /* css_rounds: 0 outside conservative slow start */
	bool round_on;
};

struct cc_dctcp_state {
	struct cc_newreno_state reno; /* first: growth and loss are NewReno's */
	uint32_t una, window_end; /* what was counted, and where this window's count ends */
	uint32_t acked, marked; /* bytes of this window */
	uint32_t alpha;
	uint32_t cut_from, cut_end; /* FlightSize at the last echo that cut, and where its window ends */
	bool on;
};

struct cc {
	const char *name;
	/** `acked` bytes are new. rtt_us: a sample, or 0. limited: cwnd was what held the sender back. */
	void (*acked)(struct tern_conn *c, uint32_t acked, uint32_t rtt_us, bool limited);
	/** A loss. @return the new ssthresh, at least two segments. */
	uint32_t (*reduce)(struct tern_conn *c);
	/** Nothing was sent for an RTO. NULL: no need to know. */
	void (*idle)(struct tern_conn *c);
	/** A congestion echo, once a window of data. @return as reduce(), which NULL stands for. */
	uint32_t (*echo)(struct tern_conn *c);
	/** ECN was agreed on, and a segment with or without an echo came. Not NULL: every mark counts (RFC 8257), also
	 *  for whoever receives: ACKs say which data was marked. */
	void (*marks)(struct tern_conn *c, bool ece);
};

extern const struct cc cc_newreno, cc_cubic, cc_dctcp;
void cc_newreno_acked(struct tern_conn *c, uint32_t acked, uint32_t rtt_us, bool limited);
uint32_t cc_newreno_reduce(struct tern_conn *c);
/** By enum tern_cc. */
const struct cc *cc_get(unsigned int id);
/** The first window. */
void tcp_cc_init(struct tern_conn *c);
/** Down to the initial window. */
void tcp_cc_restart(struct tern_conn *c);

/** Slow start's growth, in bytes (RFC 3465). */
static inline void
cc_slow_start(struct tern_conn *c, uint32_t acked)
{
	c->cwnd = RTE_MIN(c->cwnd + RTE_MIN(acked, CC_ABC_LIMIT * c->mss), 1u << 30);
}
#endif
