/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The library's one channel of log lines: DPDK's, under the type "tern".
 */
#ifndef LOG_H
#define LOG_H
#include <rte_log.h>

extern int log_type;
#define LOG(level, fmt, ...) rte_log(RTE_LOG_##level, log_type, "tern: " fmt "\n", ##__VA_ARGS__)
#endif
