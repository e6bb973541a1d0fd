/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BENCH_H
#define BENCH_H
#include "options.h"

/* role_flood.c: spoofed SYNs into port_id, sent by the one thread that calls flood_poll(). */
int flood_start(uint16_t port_id, uint32_t per_s, const struct tern_endpoint *to);
void flood_poll(uint64_t now_us, bool stopping);
void flood_report(void);
/** Buffers that did not come home. */
uint32_t flood_missing(void);
#endif
