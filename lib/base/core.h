/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The innermost context: what every file that runs on a worker needs, whatever it knows: time, timers, mbufs,
 * randomness, counters. It lies at the start of struct link (net/link.h), which lies at the start of struct
 * tern_worker (tcp/context.h), and its fields bear the same names in all three. Nothing here reads a clock: time is
 * what worker_set_time() said.
 */
#ifndef CORE_H
#define CORE_H
#include <stdint.h>
#include "base/mbufs.h"
#include "base/stats.h"
#include "base/wheel.h"

/* Wheel tick: 128 us, so 2^31 ticks are 76 hours and delayed ACK or RTO are exact to a tick. A power of two: no
 * division. */
#define TICK_SHIFT 7
#define TICK_US (1u << TICK_SHIFT)
#define TIMER_MAX_MS 86400000ull /* a day, well within what the wheel sees ahead */
#define BURST 32 /* frames that are received, handed over or sent at a time */

struct core {
	uint64_t now_us;
	uint32_t now_ms; /* now_us / 1000: the timestamp clock (RFC 7323 5.4) */
	int node;	 /* NUMA */
	struct mbufs mbufs;
	uint64_t rng[4];    /* xoshiro256**: port choice and jitter, not secrets */
	uint64_t secret[2]; /* SipHash key of what must not be guessed: ISN and timestamp offsets (RFC 6528), IP
			     * identification ... */
	uint64_t stats[STAT_COUNT];
	struct wheel wheel;
};

#define STAT_INC(w, s) ((w)->stats[STAT_##s]++)

static inline uint64_t
us_to_tick(uint64_t us)
{
	return (us + TICK_US - 1) >> TICK_SHIFT; /* never early */
}

static inline uint64_t
core_rand(struct core *k)
{
	const uint64_t r = ((k->rng[1] * 5) << 7 | (k->rng[1] * 5) >> 57) * 9, t = k->rng[1] << 17;

	k->rng[2] ^= k->rng[0];
	k->rng[3] ^= k->rng[1];
	k->rng[1] ^= k->rng[2];
	k->rng[0] ^= k->rng[3];
	k->rng[2] ^= t;
	k->rng[3] = k->rng[3] << 45 | k->rng[3] >> 19;
	return r;
}

/** Take one of `burst` tokens that come back one an interval; *t is the bucket's. @return false: there is none. */
static inline bool
token_take(uint64_t *t, uint64_t now_us, uint32_t burst, uint32_t interval_us)
{
	const uint64_t full = (uint64_t)burst * interval_us, floor = now_us > full ? now_us - full : 0;

	if (*t < floor)
		*t = floor;
	if (*t > now_us)
		return false;
	*t += interval_us;
	return true;
}
#endif
