/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The receive queue, to the application.
 */
#ifndef TCP_RECV_H
#define TCP_RECV_H
struct tern_conn;

/** What waits is dropped, and nothing more is read. */
void tcp_rcv_shut(struct tern_conn *c);
#endif
