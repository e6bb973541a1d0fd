/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Deadlines of a connection: when something has to happen unless something else does. Theory of operation:
 * tcp/deadline.c.
 */
#ifndef TCP_DEADLINE_H
#define TCP_DEADLINE_H
#include "tcp/conn.h"

static inline bool
tcp_synchronised(const struct tern_conn *c)
{
	return c->state != TERN_SYN_SENT && c->state != TERN_SYN_RECEIVED;
}

static inline uint64_t
tcp_r2_at(const struct tern_conn *c)
{
	return c->unacked_at + (uint64_t)c->user_timeout_ms * 1000;
}

static inline void
tcp_user_timeout(struct tern_worker *w, struct tern_conn *c, uint32_t ms)
{
	c->user_timeout_ms = ms;
	w->least_user_timeout_us = RTE_MIN(w->least_user_timeout_us, ms * 1000ull);
}

/* What is due is a probe of a closed window, perhaps of one that was shut over data in flight. */
static inline bool
tcp_probing(const struct tern_conn *c)
{
	return c->flags & C_PERSIST || (c->snd_wnd == 0 && c->snd_queued && tcp_synchronised(c));
}

void tcp_timer_sync(struct tern_worker *w, struct tern_conn *c); /* make sure the wheel fires no later than the first
								  * deadline */
void tcp_timer_sent(struct tern_worker *w, struct tern_conn *c); /* the same when only rto_at and delack_at may have
								  * moved */
void tcp_rto_start(struct tern_worker *w, struct tern_conn *c);
/** R2 has moved: what is waited for ends no later. */
void tcp_r2_moved(struct tern_worker *w, struct tern_conn *c);
void tcp_keepalive_start(struct tern_worker *w, struct tern_conn *c);
#endif
