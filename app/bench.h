/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BENCH_H
#define BENCH_H
#include "role.h"

/** Cables, options and roles of bench's two stacks: [0] serves, [1] is the client. @return 0 or -errno after a line. */
int bench_setup(struct stack st[2], struct options o[2], const struct options *given);
/** Note the counters when the load begins and when it ends: what was parked before and what closes after is not of it. */
void bench_mark(const struct stack st[2], bool end);
/** What happened between the marks, seconds apart. */
void bench_report(const struct stack st[2], double seconds);
/** Stand in for the client's worker when it has left: take what the server still sends. @return frames. */
unsigned int bench_client_gone(void);
/** Take what is left in the cables, when no worker runs. @return frames. */
unsigned int bench_empty(void);

/* role_flood.c: spoofed SYNs into port_id, sent by the one thread that calls flood_poll(). */
int flood_start(uint16_t port_id, uint32_t per_s, const struct tern_endpoint *to);
void flood_poll(uint64_t now_us, bool stopping);
void flood_report(void);
/** Buffers that did not come home. */
uint32_t flood_missing(void);
#endif
