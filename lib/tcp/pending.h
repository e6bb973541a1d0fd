/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Connections with events to tell or something to send. Theory of operation: tcp/pending.c.
 */
#ifndef TCP_PENDING_H
#define TCP_PENDING_H
#include <stdbool.h>

struct tern_conn;
struct tern_worker;

/** The connections of a worker that need the output pass. */
struct pending {
	struct tern_conn *head, **tail;
};

/** Events and output of pending connections. @return true if any. */
bool tcp_run_pending(struct tern_worker *w);
#endif
