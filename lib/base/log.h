/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The library's one channel of log lines: DPDK's, under the type "tern", or what tern_log_set() says.
 */
#ifndef LOG_H
#define LOG_H
#include <rte_log.h>

#define LOG(level, ...) log_line(RTE_LOG_##level, __VA_ARGS__)
/** A line without "tern: " and newline. */
void log_line(uint32_t level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
#endif
