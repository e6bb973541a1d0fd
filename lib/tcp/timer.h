/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is due. Theory of operation: tcp/timer.c.
 */
#ifndef TCP_TIMER_H
#define TCP_TIMER_H
struct tern_conn;
struct tern_worker;

void tcp_timer(struct tern_worker *w, struct tern_conn *c); /* wheel fired */
#endif
