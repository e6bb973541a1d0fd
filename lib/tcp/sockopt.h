/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Options of connections before there is one. Theory of operation: tcp/sockopt.c.
 */
#ifndef TCP_SOCKOPT_H
#define TCP_SOCKOPT_H
#include "tern.h"

/** What options say of a connection before there is one: the worker's, and each listener's for those that it
 *  accepts. */
struct tcp_sockopts {
	uint32_t flags; /* C_CORK, C_BUF_SET */
	uint32_t snd_buf, rcv_buf, user_timeout_ms, linger_ms;
	uint16_t keep_idle_s, keep_intvl_s;
	uint16_t maxseg; /* cap on the MSS, 0: none */
	uint8_t keep_cnt, feat, quickack, cc, ttl, tos;
	uint8_t rcv_ws; /* window scale to offer: what rcv_buf or conf.tcp.rcv_buf_max needs */
};

void tcp_sockopts_init(struct tcp_sockopts *o, const struct tern_tcp_conf *conf);
#endif
