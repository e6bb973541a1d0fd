/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Explicit congestion notification, RFC 3168, of connections with C_ECN. Theory of operation: tcp/ecn.c.
 */
#ifndef TCP_ECN_H
#define TCP_ECN_H
#include <stdbool.h>
#include <stdint.h>

struct tcp_head;
struct tern_conn;

#define TCP_ECN_MASK 3u /* of TOS: RFC 3168 5; set by tcp/ecn.c alone */
#define TCP_ECN_FLAGS (TCP_ECE | TCP_CWR)
#define ECN_ECT0 2u
#define ECN_CE 3u
/** Does the SYN of this active open ask? */
bool tcp_ecn_asks(const struct tern_conn *c);
/** A SYN that asks, or a SYN-ACK that agrees, of a connection with this congestion control. */
void tcp_ecn_agree(unsigned int cc, struct tcp_head *h);
/** TOS and flags of a segment with len bytes of data. */
void tcp_ecn_output(struct tern_conn *c, struct tcp_head *h, uint32_t len);
#endif
