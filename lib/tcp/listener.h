/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which listener a segment is for, and the end of one. Theory of operation: tcp/listener.c.
 */
#ifndef TCP_LISTENER_H
#define TCP_LISTENER_H

struct seg;
struct tern_listener;
struct tern_worker;

/** Exact local address before wildcard (MUST-42). */
struct tern_listener *tcp_listener_find(struct tern_worker *w, const struct seg *s);
/** One that does not listen any more, and is not closed yet: tern_listener_leave(). */
struct tern_listener *tcp_listener_left(struct tern_worker *w, const struct seg *s);
/** With its requests; its accept queue is empty. */
void tcp_listener_free(struct tern_listener *l);
#endif
