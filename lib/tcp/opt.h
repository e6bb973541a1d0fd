/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * TCP options, read and written, and the numbers that they carry. Pure: tcp/opt.c.
 */
#ifndef TCP_OPT_H
#define TCP_OPT_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <rte_branch_prediction.h>
#include <rte_byteorder.h>
#include "net/link.h"

/** Kinds: RFC 9293 3.2, RFC 7323, RFC 2018, RFC 7413. */
enum {
	TCP_OPT_END,
	TCP_OPT_NOP,
	TCP_OPT_MSS,
	TCP_OPT_WS,
	TCP_OPT_SACK_OK,
	TCP_OPT_SACK,
	TCP_OPT_TS = 8,
	TCP_OPT_FASTOPEN = 34,
};

#define TCP_MSS_DEFAULT4 536u /* RFC 9293 MUST-15 */
#define TCP_MSS_DEFAULT6 1220u
#define TCP_MSS_MIN 64u /* below: the peer wants us to drown in headers (CVE-2019-11479) */
#define TCP_OPT_TS_LEN 12u
#define TCP_OPT_SYN_LEN 20u /* MSS, SACK-permitted and timestamps, window scale: what everyone offers */
#define TCP_NOP_NOP_TS 0x0101080au /* RFC 7323 appendix A */
#define TCP_WS_MAX 14u /* RFC 7323 2.3 */
/* Parsed TCP options (tcp/opt.c). */
struct tcp_opts {
	bool has_mss, has_ws, has_ts, sack_ok;
	uint8_t ws;	/* clamped to 14 (RFC 7323 2.3) */
	uint8_t n_sack;
	uint16_t mss;
	uint32_t tsval, tsecr;
	struct {
		uint32_t left, right;
	} sack[4];
};
/** The option at *i or behind it that is no padding; *i is its end then. A malformed length ends the walk (MUST-7).
 *  @return NULL: there is none. */
static inline const uint8_t *
tcp_opt_next(const uint8_t *opt, unsigned int optlen, unsigned int *i)
{
	const uint8_t *p;

	while (*i < optlen && opt[*i] == TCP_OPT_NOP)
		++*i;
	p = opt + *i;
	if (*i >= optlen || p[0] == TCP_OPT_END || optlen - *i < 2 || p[1] < 2 || p[1] > optlen - *i)
		return NULL;
	*i += p[1];
	return p;
}
/** Parse optlen bytes; malformed lengths end the parse (MUST-7), unknown kinds are skipped (MUST-6). MSS, window scale
 *  and SACK-permitted count only when syn. Pure. */
void tcp_opt_parse(const uint8_t *opt, unsigned int optlen, bool syn, struct tcp_opts *o);
/** The same when there is nothing but timestamps, as in nearly every segment. @return false: parse. */
static inline bool
tcp_opt_usual(const uint8_t *opt, unsigned int optlen, struct tcp_opts *o)
{
	uint32_t v[3];

	if (unlikely(optlen != sizeof(v)))
		return false;
	memcpy(v, opt, sizeof(v));
	if (unlikely(v[0] != RTE_BE32(TCP_NOP_NOP_TS)))
		return false;
	memset(o, 0, offsetof(struct tcp_opts, tsval));
	o->has_ts = true;
	o->tsval = rte_be_to_cpu_32(v[1]);
	o->tsecr = rte_be_to_cpu_32(v[2]);
	return true;
}
/** Emit for a SYN/SYN-ACK what o has (mss always), in Linux's order: MSS, SACK+TS or NOP NOP TS, NOP WS; SACK-OK alone
 *  as NOP NOP SACK-OK. @return bytes (multiple of 4, <= 40). */
unsigned int tcp_opt_emit_syn(uint8_t *p, const struct tcp_opts *o);

/** What who says no MSS takes: MUST-15. */
static inline uint16_t
tcp_mss_default(uint8_t af)
{
	return af == 4 ? TCP_MSS_DEFAULT4 : TCP_MSS_DEFAULT6;
}

/** The MSS to offer on ifc. */
static inline uint16_t
tcp_mss_offer(const struct iface *ifc, uint8_t af)
{
	return ifc->mtu - (af == 4 ? 40 : 60); /* MUST-67 */
}

/** The window scale that a buffer needs: RFC 7323 2.2. */
static inline uint8_t
tcp_ws_offer(uint32_t rcv_buf)
{
	uint8_t ws = 0;

	while (ws < TCP_WS_MAX && rcv_buf >> ws > 65535)
		ws++;
	return ws;
}
#endif
