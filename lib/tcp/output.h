/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What may be sent, and again. Theory of operation: tcp/output.c.
 */
#ifndef TCP_OUTPUT_H
#define TCP_OUTPUT_H
#include <stdbool.h>
#include <stdint.h>

struct txrun;
struct tern_conn;
struct tern_worker;

/** Send what may be sent. @return false when the device ring or mbufs ran out: try again. */
bool tcp_output(struct tern_worker *w, struct tern_conn *c);
bool tcp_send_probe(struct tern_worker *w, struct tern_conn *c);
bool tcp_retransmit_one(struct tern_worker *w, struct tern_conn *c); /* the segment at snd_una */
/** One segment of [seq, end) from what was sent. r: seq's run, or NULL. @return false: no room or no mbuf. */
bool tcp_retransmit(struct tern_worker *w, struct tern_conn *c, uint32_t seq, uint32_t end, struct txrun *r);
/** A segment of new data if there is any and the peer's window lets it; cwnd is not asked. @return false: none. */
bool tcp_probe_new(struct tern_worker *w, struct tern_conn *c);
#endif
