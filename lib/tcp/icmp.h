/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ICMP errors. Theory of operation: tcp/icmp.c.
 */
#ifndef TCP_ICMP_H
#define TCP_ICMP_H
struct icmp_err;
struct rte_mbuf;
struct seg;
struct tern_worker;

int tcp_icmp_input(struct tern_worker *w, const struct seg *s, const struct icmp_err *e);
/** m, a frame of ours, was not sent: its next hop does not answer. */
void tcp_unreachable(struct tern_worker *w, const struct rte_mbuf *m);
#endif
