/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * RFC 9293 3.10.7. Theory of operation: tcp/input.c.
 */
#ifndef TCP_INPUT_H
#define TCP_INPUT_H
#include "tcp/context.h"

struct tern_conn;

/** SEGMENT ARRIVES for a connection. @return SEG_DONE, SEG_TAKEN or a reason. */
int tcp_conn_input(struct tern_worker *w, struct tern_conn *c, struct seg *s);
/** Text and FIN of a segment that is acceptable and whose ACK was processed: the seventh and eighth step. */
int tcp_text_and_fin(struct tern_worker *w, struct tern_conn *c, struct seg *s);

/** What conn.ts_recent's age is counted in, 72 minutes: 32 bits of milliseconds would come round in 50 days. */
static inline uint16_t
tcp_paws_clock(const struct tern_worker *w)
{
	return w->now_us >> 32;
}
#endif
