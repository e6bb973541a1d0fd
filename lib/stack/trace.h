/* SPDX-License-Identifier: BSD-3-Clause */
/* Frames and state changes as lines of text, the lines of `tcpdump -n -t -S`. Cold: behind one branch. */
#ifndef TRACE_H
#define TRACE_H
#include <stddef.h>
#include "tcp/context.h"

/** Format the frame m (from Ethernet on) into buf as tcpdump would print it. @return its length. */
int trace_format_pkt(const struct rte_mbuf *m, char *buf, size_t n);
/** tern_trace_set(), also of a worker that nobody runs yet. */
void trace_set(struct tern_worker *w, bool trace, bool packet);
/* For link.trace_pkt and worker.trace_state: to conf.app.packet(), and a line to conf.app.trace(). */
void trace_pkt_hook(struct link *k, const struct rte_mbuf *m, enum tern_packet_what what, unsigned int n);
void trace_state_hook(struct tern_worker *w, const struct tobj *o, unsigned int from, unsigned int to);
#endif
