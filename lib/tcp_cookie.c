/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Keyed numbers, pure but for the worker's secrets: initial sequence numbers and timestamp offsets (RFC 6528, RFC 7323 5.4)
 * and SYN cookies (RFC 4987 3.6).
 *
 * A cookie is 28 bits of SipHash-2-4 over four-tuple, IRS and MSS index, 3 bits of MSS index and 1 bit that says which of
 * two secrets made it. A secret lives for two periods of 64 s: one as the current, one as the previous; then it is
 * overwritten, so a stale cookie fails like a forged one. A guess succeeds with 2^-28: eight MSS values times two secrets
 * in 2^32. Window scale and SACK-permitted ride in the low six bits of the SYN-ACK's timestamp, which the peer echoes.
 */
#include <string.h>
#include <sodium.h>
#include "siphash.h"
#include "tcp.h"

#define MAC_BITS 28
#define MAC_MASK ((1u << MAC_BITS) - 1)
#define TS_BITS 6
#define TS_NO_WS 15 /* window scale is at most 14 */

/* Covers the common path MTUs; sorted, the first is the floor. */
static const uint16_t mss_table[8] = {TCP_MSS_MIN, 536, 1220, 1300, 1400, 1440, 1460, 8940};

struct message {
	uint8_t bytes[36 + 8];
	unsigned int len;
};

static void
message_flow(struct message *m, const struct flow *f)
{
	const unsigned int n = f->af == 4 ? 8 : 32;

	memcpy(m->bytes, &f->addr, n);
	memcpy(m->bytes + n, &f->lport, 4); /* and rport */
	m->len = n + 4;
}

void
tcp_isn(struct worker *w, const struct flow *f, uint32_t *iss, uint32_t *ts_off)
{
	struct message m;
	uint64_t h;

	message_flow(&m, f);
	h = siphash24(m.bytes, m.len, w->secret);
	*iss = (uint32_t)h + (uint32_t)(w->now_us >> 2); /* the 4 us clock: MUST-8, SHLD-1 */
	*ts_off = h >> 32;
}

static uint32_t
cookie(const struct worker *w, const struct flow *f, uint32_t irs, unsigned int mss_idx, unsigned int which)
{
	struct message m;

	message_flow(&m, f);
	memcpy(m.bytes + m.len, &irs, 4);
	m.bytes[m.len + 4] = mss_idx;
	m.len += 5;
	return which << 31 | mss_idx << MAC_BITS | (siphash24(m.bytes, m.len, w->cookie_key[which]) & MAC_MASK);
}

uint32_t
tcp_cookie_make(struct worker *w, const struct flow *f, uint32_t irs, uint16_t *mss)
{
	unsigned int i = RTE_DIM(mss_table) - 1;

	while (i && mss_table[i] > *mss)
		i--;
	*mss = mss_table[i];
	return cookie(w, f, irs, i, w->cookie_epoch & 1);
}

uint16_t
tcp_cookie_check(struct worker *w, const struct flow *f, uint32_t irs, uint32_t got)
{
	const unsigned int idx = got >> MAC_BITS & 7;

	return cookie(w, f, irs, idx, got >> 31) == got ? mss_table[idx] : 0;
}

void
tcp_cookie_rotate(struct worker *w)
{
	const uint64_t epoch = w->now_us / COOKIE_PERIOD_US;

	/* After a gap of more than a period the other secret is stale, too. */
	if (epoch - w->cookie_epoch > 1)
		randombytes_buf(w->cookie_key[(epoch + 1) & 1], sizeof(w->cookie_key[0]));
	randombytes_buf(w->cookie_key[epoch & 1], sizeof(w->cookie_key[0]));
	w->cookie_epoch = epoch;
}

uint32_t
tcp_cookie_ts(uint32_t ts, const struct tcp_opts *o)
{
	const uint32_t bits = (o->has_ws ? o->ws : TS_NO_WS) | (uint32_t)o->sack_ok << 4;
	const uint32_t mask = (1u << TS_BITS) - 1;
	uint32_t v = (ts & ~mask) | bits;

	return v > ts ? v - (1u << TS_BITS) : v; /* never from the future */
}

void
tcp_cookie_ts_decode(uint32_t ts, struct tcp_opts *o)
{
	o->has_ws = (ts & 15) != TS_NO_WS;
	o->ws = o->has_ws ? ts & 15 : 0;
	o->sack_ok = ts >> 4 & 1;
}
