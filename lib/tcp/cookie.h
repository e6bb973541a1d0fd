/* SPDX-License-Identifier: BSD-3-Clause */
/* The secrets of a worker's sequence numbers and SYN cookies. Theory of operation: tcp/cookie.c. */
#ifndef COOKIE_H
#define COOKIE_H
#include <stdbool.h>
#include <stdint.h>

struct flow;
struct tcp_opts;
struct tern_worker;

struct cookies {
	uint64_t secret[2]; /* SipHash key of ISN and timestamp offsets (RFC 6528) */
	uint8_t key[2][16]; /* of SYN cookies: the current, the one before */
	uint64_t epoch;	    /* now_us / period of key[epoch & 1] */
};

void tcp_isn(struct tern_worker *w, const struct flow *f, uint32_t *iss, uint32_t *ts_off);
/** small: the window that goes with it. @return the ISS; *mss becomes what it can say of it, *ts_off the offset of the
 *  connection's timestamps. */
uint32_t tcp_cookie_make(struct tern_worker *w, const struct flow *f, uint32_t irs, bool small, uint16_t *mss,
			 uint32_t *ts_off);
/** @return the MSS encoded, or 0: not one of ours. */
uint16_t tcp_cookie_check(struct tern_worker *w, const struct flow *f, uint32_t irs, bool small, uint32_t cookie,
			  uint32_t *ts_off);
uint32_t tcp_cookie_ts(uint32_t ts, const struct tcp_opts *o, bool ecn);
/** @return whether ECN was agreed on. */
bool tcp_cookie_ts_decode(uint32_t ts, struct tcp_opts *o);
void tcp_cookie_rotate(struct tern_worker *w);
#define COOKIE_PERIOD_US 64000000ull /* a secret's time; a cookie lives one to two of them */
#endif
