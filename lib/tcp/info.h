/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is told of an object.
 */
#ifndef TCP_INFO_H
#define TCP_INFO_H
#include <stdint.h>

struct tern_info;
struct tobj;
struct tern_worker;
struct wheel_node;

/** Until an armed node's time. */
uint32_t tcp_info_node_ms(const struct tern_worker *w, const struct wheel_node *n);
void tcp_info(const struct tern_worker *w, const struct tobj *o, struct tern_info *i);
#endif
