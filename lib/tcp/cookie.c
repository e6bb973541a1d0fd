/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Keyed numbers, pure but for the worker's secrets: initial sequence numbers and timestamp offsets (RFC 6528, RFC 7323
 * 5.4) and SYN cookies (RFC 4987 3.6).
 *
 * A cookie is 28 bits of SipHash-2-4 over four-tuple, IRS, MSS index and whether the SYN-ACK's window was small, 3
 * bits of MSS index and 1 bit that says which of two secrets made it. A secret lives for two periods of 64 s: one as
 * the current, one as the previous; then it is overwritten, so a stale cookie fails like a forged one. A guess
 * succeeds with 2^-28: eight MSS values times two secrets in 2^32; with twice that while cookies of small windows are
 * about, as both are tried. Window scale, SACK-permitted and ECN ride in the low six bits of the SYN-ACK's timestamp,
 * which the peer echoes; its offset is another part of the same hash.
 */
#include <string.h>
#include <sodium.h>
#include "base/siphash.h"
#include "tcp/context.h"
#include "tcp/opt.h"

#define MAC_BITS 28
#define MAC_MASK ((1u << MAC_BITS) - 1)
#define TS_BITS 6
#define TS_NO_WS 15 /* window scale is at most 14 */

/* Covers the common path MTUs; sorted, the first is the floor. */
static const uint16_t mss_table[8] = {TCP_MSS_MIN, 536, 1220, 1300, 1400, 1440, 1460, 8940};

/* The longest message: IPv6 addresses, ports and IRS, MSS index and length. */
#define WORDS 6

/* The addresses as words. @return how many. */
static __rte_always_inline unsigned int
addr_words(uint64_t *m, const struct flow *f)
{
	unsigned int i;

	if (likely(f->af == 4)) {
		memcpy(m, &f->addr, 8);
		m[0] = rte_le_to_cpu_64(m[0]);
		return 1;
	}
	memcpy(m, &f->addr, 32);
	for (i = 0; i < 4; i++)
		m[i] = rte_le_to_cpu_64(m[i]);
	return 4;
}

/* Addresses, then tail: the rest of the message and its length, of which that of the addresses is added here. */
static __rte_always_inline uint64_t
hash(const struct flow *f, const uint64_t *tail, unsigned int n, const void *key)
{
	uint64_t m[WORDS];
	const unsigned int k = addr_words(m, f);

	memcpy(&m[k], tail, n * sizeof(*m));
	m[k + n - 1] += (uint64_t)k * 8 << 56;
	return usual(k == 1) ? siphash24(m, 1 + n, key) : siphash24(m, k + n, key);
}

static uint64_t
both_ports(const struct flow *f)
{
	uint32_t v;

	memcpy(&v, &f->lport, 4); /* and rport */
	return rte_le_to_cpu_32(v);
}

void
tcp_isn(struct tern_worker *w, const struct flow *f, uint32_t *iss, uint32_t *ts_off)
{
	const uint64_t tail[] = {both_ports(f) | 4ull << 56};
	const uint64_t h = hash(f, tail, 1, w->secret);

	*iss = (uint32_t)h + (uint32_t)(w->now_us >> 2); /* the 4 us clock: MUST-8, SHLD-1 */
	*ts_off = h >> 32;
}

static uint32_t
cookie(const struct tern_worker *w, const struct flow *f, uint32_t irs, bool small, unsigned int mss_idx,
       unsigned int which, uint32_t *ts_off)
{
	const uint64_t tail[] = {both_ports(f) | (uint64_t)irs << 32, mss_idx | (uint64_t)small << 8 | 9ull << 56};
	const uint64_t h = hash(f, tail, 2, w->cookies.key[which]);

	*ts_off = h >> 32;
	return which << 31 | mss_idx << MAC_BITS | (h & MAC_MASK);
}

uint32_t
tcp_cookie_make(struct tern_worker *w, const struct flow *f, uint32_t irs, bool small, uint16_t *mss, uint32_t *ts_off)
{
	unsigned int i = RTE_DIM(mss_table) - 1;

	while (i && mss_table[i] > *mss)
		i--;
	*mss = mss_table[i];
	return cookie(w, f, irs, small, i, w->cookies.epoch & 1, ts_off);
}

uint16_t
tcp_cookie_check(struct tern_worker *w, const struct flow *f, uint32_t irs, bool small, uint32_t got, uint32_t *ts_off)
{
	const unsigned int idx = got >> MAC_BITS & 7;

	return cookie(w, f, irs, small, idx, got >> 31, ts_off) == got ? mss_table[idx] : 0;
}

void
tcp_cookie_rotate(struct tern_worker *w)
{
	const uint64_t epoch = w->now_us / COOKIE_PERIOD_US;

	/* After a gap of more than a period the other secret is stale, too. */
	if (epoch - w->cookies.epoch > 1)
		randombytes_buf(w->cookies.key[(epoch + 1) & 1], sizeof(w->cookies.key[0]));
	randombytes_buf(w->cookies.key[epoch & 1], sizeof(w->cookies.key[0]));
	w->cookies.epoch = epoch;
}

uint32_t
tcp_cookie_ts(uint32_t ts, const struct tcp_opts *o, bool ecn)
{
	const uint32_t bits = (o->has_ws ? o->ws : TS_NO_WS) | (uint32_t)o->sack_ok << 4 | (uint32_t)ecn << 5;
	const uint32_t mask = (1u << TS_BITS) - 1;
	uint32_t v = (ts & ~mask) | bits;

	return v > ts ? v - (1u << TS_BITS) : v; /* never from the future */
}

bool
tcp_cookie_ts_decode(uint32_t ts, struct tcp_opts *o)
{
	o->has_ws = (ts & 15) != TS_NO_WS;
	o->ws = o->has_ws ? ts & 15 : 0;
	o->sack_ok = ts >> 4 & 1;
	return ts >> 5 & 1;
}
