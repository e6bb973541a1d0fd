/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * TCP options, parsed and emitted (RFC 9293 3.2, RFC 7323, RFC 2018). Pure: no option is remembered and none judged;
 * clamping the MSS and knowing what was offered are the caller's. Of an option that comes twice the last counts.
 */
#include <string.h>
#include <rte_branch_prediction.h>
#include <rte_byteorder.h>
#include "tcp/opt.h"

static inline uint32_t
get32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, 4);
	return rte_be_to_cpu_32(v);
}

static inline void
put32(uint8_t *p, uint32_t v)
{
	v = rte_cpu_to_be_32(v);
	memcpy(p, &v, 4);
}

static void
parse_sack(const uint8_t *p, unsigned int len, struct tcp_opts *o)
{
	unsigned int i;

	if (len < 10 || len > 34 || (len - 2) % 8) /* RFC 2018 3: 8n + 2, n <= 4 */
		return;
	o->n_sack = (len - 2) / 8;
	for (i = 0; i < o->n_sack; i++) {
		o->sack[i].left = get32(p + 2 + 8 * i);
		o->sack[i].right = get32(p + 6 + 8 * i);
	}
}

/* One option of len bytes. A length that its kind can't have makes it unknown. */
static void
parse_one(const uint8_t *p, unsigned int len, bool syn, struct tcp_opts *o)
{
	switch (p[0]) {
	case TCP_OPT_MSS:
		if (syn && len == 4) {
			o->has_mss = true;
			o->mss = p[2] << 8 | p[3];
		}
		break;
	case TCP_OPT_WS:
		if (syn && len == 3) {
			o->has_ws = true;
			o->ws = p[2] > TCP_WS_MAX ? TCP_WS_MAX : p[2];
		}
		break;
	case TCP_OPT_SACK_OK:
		if (syn && len == 2)
			o->sack_ok = true;
		break;
	case TCP_OPT_SACK:
		if (!syn)
			parse_sack(p, len, o);
		break;
	case TCP_OPT_TS:
		if (len == 10) {
			o->has_ts = true;
			o->tsval = get32(p + 2);
			o->tsecr = get32(p + 6);
		}
		break;
	}
}

/* MSS, SACK-permitted, timestamps, NOP, window scale: what Linux, and this, sends. */
static inline bool
parse_usual_syn(const uint8_t *p, struct tcp_opts *o)
{
	uint32_t mss, sack_ts, ws;

	memcpy(&mss, p, 4);
	memcpy(&sack_ts, p + 4, 4);
	memcpy(&ws, p + 16, 4);
	if ((mss & RTE_BE32(0xffff0000)) != RTE_BE32(0x02040000) || sack_ts != RTE_BE32(0x0402080a) ||
	    (ws & RTE_BE32(0xffffff00)) != RTE_BE32(0x01030300))
		return false;
	o->has_mss = o->sack_ok = o->has_ts = o->has_ws = true;
	o->mss = p[2] << 8 | p[3];
	o->tsval = get32(p + 8);
	o->tsecr = get32(p + 12);
	o->ws = RTE_MIN(p[19], TCP_WS_MAX);
	return true;
}

void
tcp_opt_parse(const uint8_t *opt, unsigned int optlen, bool syn, struct tcp_opts *o)
{
	unsigned int i = 0;
	const uint8_t *p;

	if (usual(tcp_opt_usual(opt, optlen, o)))
		return;
	memset(o, 0, offsetof(struct tcp_opts, sack));
	if (usual(optlen == 20 && syn && parse_usual_syn(opt, o)))
		return;
	while ((p = tcp_opt_next(opt, optlen, &i)) != NULL)
		parse_one(p, p[1], syn, o);
}

static uint8_t *
emit(uint8_t *p, uint8_t kind, uint8_t len)
{
	p[0] = kind;
	p[1] = len;
	return p + 2;
}

static uint8_t *
emit_ts(uint8_t *p, uint32_t tsval, uint32_t tsecr)
{
	p = emit(p, TCP_OPT_TS, 10);
	put32(p, tsval);
	put32(p + 4, tsecr);
	return p + 8;
}

unsigned int
tcp_opt_emit_syn(uint8_t *opt, const struct tcp_opts *o)
{
	uint8_t *p = opt;

	if (usual(o->sack_ok && o->has_ts && o->has_ws)) {
		put32(p, 0x02040000 | o->mss);
		put32(p + 4, 0x0402080a);
		put32(p + 8, o->tsval);
		put32(p + 12, o->tsecr);
		put32(p + 16, 0x01030300 | o->ws);
		return 20;
	}
	p = emit(p, TCP_OPT_MSS, 4);
	*p++ = o->mss >> 8;
	*p++ = o->mss & 0xff;
	if (o->sack_ok || o->has_ts) {
		if (!o->sack_ok || !o->has_ts)
			p = emit(p, TCP_OPT_NOP, TCP_OPT_NOP);
		if (o->sack_ok)
			p = emit(p, TCP_OPT_SACK_OK, 2);
		if (o->has_ts)
			p = emit_ts(p, o->tsval, o->tsecr);
	}
	if (o->has_ws) {
		*p++ = TCP_OPT_NOP;
		p = emit(p, TCP_OPT_WS, 3);
		*p++ = o->ws;
	}
	return p - opt;
}
