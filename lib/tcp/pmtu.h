/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Path MTU, and soft errors. Theory of operation: tcp/pmtu.c.
 */
#ifndef TCP_PMTU_H
#define TCP_PMTU_H
#include <stdbool.h>
#include <stdint.h>
#include "net/link.h"

struct tern_conn;
struct tern_worker;

#define PMTU_MIN4 576u	/* RFC 791 3.1: every host takes it */
#define PMTU_MIN6 IPV6_MIN_MTU
/** Segments fit mtu from now on, unless it is less than every host takes. @return false: they did already. */
bool tcp_pmtu_lower(struct tern_worker *w, struct tern_conn *c, uint32_t mtu);
/** An ICMP error, or a next hop that does not answer. */
void tcp_note_soft_error(struct tern_worker *w, struct tern_conn *c, int err);
/** Full-sized segments may be what does not get through: make them smaller, and smaller again. */
void tcp_pmtu_suspect(struct tern_worker *w, struct tern_conn *c, bool again);
/** ESTABLISHED now. mtu: of the path, as the SYN was told; 0: it was not. */
void tcp_pmtu_opened(struct tern_worker *w, struct tern_conn *c, uint32_t mtu);
/** limit_at has come. @return false: it was not the path MTU's. */
bool tcp_pmtu_timer(struct tern_conn *c);
/** What to give up with: an ICMP error since the last progress, a next hop that is not there, or -ETIMEDOUT. */
int tcp_soft_error(const struct tern_conn *c);
#endif
