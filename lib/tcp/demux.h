/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Whose segment it is.
 */
#ifndef TCP_DEMUX_H
#define TCP_DEMUX_H
struct seg;
struct tobj;
struct tern_worker;

/** s is for o, NULL: for no object of ours yet. Consumes s->m. */
void tcp_input(struct tern_worker *w, struct tobj *o, struct seg *s);
#endif
