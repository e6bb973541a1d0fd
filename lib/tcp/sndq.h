/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The send queue. Theory of operation: tcp/sndq.c.
 */
#ifndef TCP_SNDQ_H
#define TCP_SNDQ_H
#include "tcp/conn.h"

/** n bytes at the head of the send queue are acknowledged. */
void tcp_snd_acked(struct tern_conn *c, uint32_t n);
/** The SYN-ACK acknowledged n bytes sent with the SYN; the rest is not sent yet (RFC 7413 4.2.1). */
void tcp_snd_accepted(struct tern_conn *c, uint32_t n);
/** Move the send cursor from the mbuf that held snd_nxt before to the one that holds it now. */
void tcp_snd_advance(struct tern_conn *c);
/** The send cursor goes to the head of the queue, whose first byte that is not acknowledged is seq. */
static inline void
tcp_snd_cursor(struct tern_conn *c, uint32_t seq)
{
	c->snd_cur = c->snd_head;
	c->snd_cur_seq = seq - c->snd_head_off;
}
/** SND.NXT goes back to SND.UNA, and the cursor with it. */
static inline void
tcp_snd_rewind(struct tern_conn *c)
{
	c->snd_nxt = c->snd_una;
	tcp_snd_cursor(c, c->snd_una);
}
#endif
