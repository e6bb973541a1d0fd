/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Deadlines of a connection: when something has to happen unless something else does. Theory of operation: tcp/deadline.c.
 */
#ifndef TCP_DEADLINE_H
#define TCP_DEADLINE_H
#include "tcp/tcp.h"

static inline bool
tcp_synchronised(const struct tern_conn *c)
{
	return c->state != TERN_SYN_SENT && c->state != TERN_SYN_RECEIVED;
}

static inline uint64_t
tcp_r2_at(const struct tern_conn *c)
{
	return c->unacked_us + (uint64_t)c->user_timeout_ms * 1000;
}

/* What is due is a probe of a closed window, perhaps of one that was shut over data in flight. */
static inline bool
tcp_probing(const struct tern_conn *c)
{
	return c->flags & C_PERSIST || (c->snd_wnd == 0 && c->snd_queued && tcp_synchronised(c));
}
#endif
