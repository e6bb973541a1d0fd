/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is told of an object.
 */
#ifndef TCP_INFO_H
#define TCP_INFO_H
struct tern_info;
struct tobj;
struct tern_worker;

void tcp_info(const struct tern_worker *w, const struct tobj *o, struct tern_info *i);
#endif
