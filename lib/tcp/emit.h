/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One segment of a connection. Theory of operation: tcp/emit.c.
 */
#ifndef TCP_EMIT_H
#define TCP_EMIT_H
#include <stdbool.h>
#include <stdint.h>
#include <rte_common.h>

struct rte_mbuf;
struct tern_conn;
struct tern_worker;

/** Bytes of window that c has room for. */
uint32_t tcp_rcv_space(const struct tern_conn *c);
/** One segment of c: control, or len bytes from src + off, a segment of its send queue. @return false: no room or no
 *  mbuf. */
bool tcp_emit(struct tern_worker *w, struct tern_conn *c, uint8_t flags, uint32_t seq, struct rte_mbuf *src,
	      uint32_t off, uint32_t len);
/** The same whatever it has to say: also SYN. */
bool tcp_emit_any(struct tern_worker *w, struct tern_conn *c, uint8_t flags, uint32_t seq, struct rte_mbuf *src,
		  uint32_t off, uint32_t len) __rte_noinline;
/** The SYN of an active open, likewise. */
bool tcp_emit_syn(struct tern_worker *w, struct tern_conn *c);
bool tcp_send_ctl(struct tern_worker *w, struct tern_conn *c, uint8_t flags,
		  uint32_t seq); /* no data; ACK field = rcv_nxt */
/** The RST of a synchronised connection. */
void tcp_send_rst(struct tern_worker *w, struct tern_conn *c);
#endif
