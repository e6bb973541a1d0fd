/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Deadlines. A connection has four (retransmission or persist, delayed ACK, keep-alive, and the limit of its state)
 * and one node in the wheel. They are lazy: setting or clearing one writes only the connection; the node stands at or
 * before the earliest and moves on when it fires early. What happens when one has come is tcp/timer.c. RFC 6298 (RTO),
 * RFC 8985 7 (tail loss probes).
 */
#include "tcp/deadline.h"
#include "tcp/loss.h"

#define PTO_SLACK_US 2000u /* the peer's and our own scheduling; as Linux's TCP_TIMEOUT_MIN */

/* The node stands at or before at, which is one less than a deadline: 0, none, is later than all. */
static inline void
stand_before(struct tern_worker *w, struct tern_conn *c, uint64_t at)
{
	uint64_t tick;

	if (at++ == UINT64_MAX)
		return;
	/* The first segment after the handshake has a shorter timeout than the SYN: the node need not move for it. */
	if (c->state == TERN_SYN_SENT)
		at = RTE_MIN(RTE_MIN(at, c->limit_at), w->now_us + w->conf.tcp.rto_min_ms * 1000);
	tick = us_to_tick(at);
	if (!wheel_armed(&c->timer) || (int32_t)((uint32_t)tick - c->timer.expiry) < 0)
		wheel_arm(&w->wheel, &c->timer, tick);
}

void
tcp_timer_sync(struct tern_worker *w, struct tern_conn *c)
{
	stand_before(w, c, RTE_MIN(RTE_MIN(c->rto_at - 1, c->delack_at - 1), RTE_MIN(c->limit_at - 1, c->keep_at - 1)));
}

void
tcp_timer_sent(struct tern_worker *w, struct tern_conn *c)
{
	if (usual(true)) /* nothing else moved */
		stand_before(w, c, RTE_MIN(c->rto_at - 1, c->delack_at - 1));
	else
		tcp_timer_sync(w, c);
}

/* A probe goes ahead of the timeout while nothing is known to be lost: RFC 8985 7.2. */
static bool
probe_wanted(const struct tern_conn *c)
{
	const struct loss *l = c->loss;

	if (!(c->feat & F_SACK) || !c->srtt_us || c->backoff || c->snd_max == c->snd_una ||
	    c->flags & (C_PERSIST | C_RECOVERY | C_LOSS))
		return false;
	return !l || !(l->sacked || l->lost || l->tlp_on);
}

/* R2 ends the wait (RFC 9293 3.10.8). A closed window's begins with a probe that was not answered: MUST-37. */
static __rte_noinline void
r2_ends_wait(struct tern_conn *c)
{
	if (tcp_synchronised(c) && (c->retries || !tcp_probing(c)))
		c->rto_at = tcp_r2_at(c);
}

void
tcp_r2_moved(struct tern_worker *w, struct tern_conn *c)
{
	if (c->rto_at > tcp_r2_at(c)) {
		r2_ends_wait(c);
		tcp_timer_sync(w, c);
	}
}

void
tcp_rto_start(struct tern_worker *w, struct tern_conn *c)
{
	uint64_t at = c->rto_us, pto;

	if (unlikely(c->backoff))
		at = RTE_MIN(at << RTE_MIN(c->backoff, BACKOFF_MAX), (uint64_t)w->conf.tcp.rto_max_ms * 1000);
	c->flags &= ~(C_TLP | C_REO);
	if (probe_wanted(c)) {
		/* One segment's ACK may be delayed, by as long as the shortest RTO allows for. */
		pto = 2 * c->srtt_us +
		      (c->snd_max - c->snd_una <= c->mss ? w->conf.tcp.rto_min_ms * 1000 : PTO_SLACK_US);
		at = RTE_MIN(at, pto);
		c->flags |= C_TLP;
	}
	c->rto_at = w->now_us + at;
	if (unlikely(c->rto_at - c->unacked_at > w->least_user_timeout_us) && c->rto_at > tcp_r2_at(c))
		r2_ends_wait(c);
}

void
tcp_keepalive_start(struct tern_worker *w, struct tern_conn *c)
{
	c->keep_probes = 0;
	c->last_rx_at_ms = w->now_ms;
	c->keep_at = w->now_us + (uint64_t)c->keep_idle_s * 1000000;
	tcp_timer_sync(w, c);
}
