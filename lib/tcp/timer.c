/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What happens when a deadline (tcp/deadline.c) has come: retransmission and R2 (RFC 9293 3.8.3), probes of a closed
 * window (3.8.6.1), delayed ACKs, keep-alives (3.8.4), the limit of a state.
 */
#include <errno.h>
#include "tcp/deadline.h"
#include "tcp/emit.h"
#include "tcp/loss.h"
#include "tcp/mem.h"
#include "tcp/output.h"
#include "tcp/pmtu.h"
#include "tcp/recovery.h"
#include "tcp/timer.h"

#define R1 3 /* retransmissions: SHLD-10 */
#define SHUT_PROBES 3 /* of a window that stays shut: 3 s at least after it was, 15 timeouts */

static void
give_up(struct tern_worker *w, struct tern_conn *c)
{
	STAT_INC(w, ABORT_ON_TIMEOUT);
	if (c->state != TERN_SYN_SENT)
		tcp_send_rst(w, c);
	tcp_drop(w, c, tcp_soft_error(c));
}

/* Nobody waits for an orphan: its memory, when that is short, is worth more than its last bytes. As Linux. */
static bool
orphan_too_dear(const struct tern_worker *w, const struct tern_conn *c)
{
	return c->flags & C_ORPHAN && c->held && c->retries >= R1 - 1 && mem_tight(w);
}

static void
keepalive_fired(struct tern_worker *w, struct tern_conn *c)
{
	const bool away = w->now_us - c->keep_at > AWAY_US;
	const uint32_t idle_ms = w->now_ms - c->last_rx_at_ms, want_ms = c->keep_idle_s * 1000u;

	if (idle_ms < want_ms || c->snd_max != c->snd_una) {
		/* Heard from the peer since, or the retransmission timer watches it already. */
		c->keep_probes = 0;
		c->keep_at = w->now_us + (idle_ms < want_ms ? want_ms - idle_ms : want_ms) * 1000ull;
		return;
	}
	if (c->keep_probes < c->keep_cnt) {
		c->keep_probes++;
	} else if (!away) {
		give_up(w, c);
		return;
	}
	STAT_INC(w, KEEPALIVES);
	tcp_send_ctl(w, c, TCP_ACK, c->snd_max - 1); /* no data: SHLD-12 */
	c->keep_at = w->now_us + c->keep_intvl_s * 1000000ull;
}

/* R2 (MUST-20): time since the oldest unacknowledged data made progress; of a closed window, since the first probe
 * that was not answered (MUST-37). */
static bool
past_r2(const struct tern_worker *w, const struct tern_conn *c)
{
	return tcp_synchronised(c) && w->now_us >= tcp_r2_at(c) && (c->retries || !tcp_probing(c));
}

/* The time the worker did not run is not the peer's: R2 comes so much later, and not before one more try. */
static void
was_away(struct tern_worker *w, struct tern_conn *c, uint64_t late_us)
{
	const uint64_t r2 = (uint64_t)c->user_timeout_ms * 1000, try_us = RTE_MIN(c->rto_us, r2);

	c->unacked_at = RTE_MAX(c->unacked_at + late_us, w->now_us > r2 - try_us ? w->now_us - (r2 - try_us) : 0);
	if (c->rare)
		c->rare->soft_at += late_us;
}

/* One more time nothing came: R1. */
static void
count_retry(struct tern_worker *w, struct tern_conn *c)
{
	if (c->backoff < BACKOFF_MAX)
		c->backoff++;
	if (c->retries == 0 && tcp_probing(c))
		c->unacked_at = w->now_us;
	c->retries = c->retries < UINT8_MAX ? c->retries + 1 : R1 + 1;
	if (tcp_probing(c))
		return;
	if (c->retries == R1) { /* MUST-20: IP looks at the path again; SHLD-9 */
		STAT_INC(w, R1);
		link_neigh_suspect(&w->link, c->neigh);
		tcp_mark(c, P_STALLED);
	}
	if (c->retries % (R1 + 1) == R1 && tcp_synchronised(c))
		tcp_pmtu_suspect(w, c, c->retries > R1);
}

static void
rto_due(struct tern_worker *w, struct tern_conn *c)
{
	const uint64_t late_us = w->now_us - c->rto_at;

	c->rto_at = 0;
	if (c->flags & C_PERSIST && c->flags & (C_CORK | C_MORE) &&
	    c->snd_queued <= c->snd_wnd) { /* held long enough */
		c->flags &= ~C_PERSIST;
		tcp_mark(c, P_OUTPUT | P_PUSH);
		return;
	}
	if (unlikely(late_us > AWAY_US))
		was_away(w, c, late_us);
	if (past_r2(w, c)) {
		give_up(w, c);
		return;
	}
	if (unlikely(orphan_too_dear(w, c) ||
		     (c->backoff >= SHUT_PROBES && tcp_probing(c) && mem_shut_too_dear(w, c)))) {
		STAT_INC(w, ABORT_ON_MEMORY);
		give_up(w, c);
		return;
	}
	if (c->flags & C_REO) {
		tcp_reorder_fired(w, c);
		return;
	}
	if (c->flags & C_TLP && c->snd_wnd) {
		tcp_tlp_fired(w, c);
		return;
	}
	c->flags &= ~C_TLP;
	count_retry(w, c);
	if (tcp_probing(c)) {
		tcp_send_probe(w, c); /* one that finds no room is repeated like a lost one */
		tcp_rto_start(w, c);
		return;
	}
	tcp_rto_fired(w, c);
}

/* The limit of the state, or the time to try larger segments again. */
static void
limit_due(struct tern_worker *w, struct tern_conn *c)
{
	const bool away = w->now_us - c->limit_at > AWAY_US;

	if (tcp_pmtu_timer(c))
		return;
	if (away)
		c->limit_at = w->now_us + c->rto_us;
	else
		give_up(w, c);
}

void
tcp_timer(struct tern_worker *w, struct tern_conn *c)
{
	const uint64_t now = w->now_us;

	if (c->delack_at && c->delack_at <= now) {
		c->delack_at = 0;
		STAT_INC(w, DELAYED_ACKS);
		c->quickack &= ~QUICKACK_PINGPONG; /* no answer came to carry it */
		if (usual(true)) /* the pass over the pending list looks there */
			tcp_conn_prefetch(c);
		tcp_mark(c, P_ACK);
	}
	if (c->rto_at && c->rto_at <= now)
		rto_due(w, c);
	if (c->limit_at && c->limit_at <= now)
		limit_due(w, c);
	if (c->keep_at && c->keep_at <= now)
		keepalive_fired(w, c);
	if (c->state != TERN_CLOSED)
		tcp_timer_sync(w, c);
}
