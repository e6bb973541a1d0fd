/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One direction of a bad wire: frames go in at one time and come out at another, or not, or twice, or changed. Shared
 * by --role wire and the tests: it knows mbufs and the time it is told, no device and no clock. Theory of operation:
 * impair.c.
 */
#ifndef IMPAIR_H
#define IMPAIR_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <rte_mbuf.h>

#define IMPAIR_PICKS 4u

/** Lose the frames first..last, counted from 1, among those that are of a kind. */
struct impair_pick {
	uint8_t kind; /* enum in impair.c; 0: none */
	uint32_t first, last;
};

/** A profile. Chances are of 2^32; all zero: a perfect wire. */
struct impair_conf {
	uint32_t loss;
	uint32_t bad, good, bad_loss; /* Gilbert-Elliott: into and out of the bad state, loss in it */
	uint32_t every;		      /* lose every so-manieth */
	struct impair_pick pick[IMPAIR_PICKS];
	uint32_t dup, corrupt, mangle; /* mangle: corrupt payload under a right checksum */
	uint32_t reorder, reorder_us;  /* chance of being late, and by how much */
	uint32_t delay_us, jitter_us;
	uint64_t rate_bps; /* 0: no limit */
	uint32_t burst_bytes;
	uint32_t queue, queue_bytes; /* that wait for the rate; 0 bytes: no limit */
	uint32_t mark; /* CE for a frame that comes when so many wait; 0: never */
	uint32_t slots;		     /* frames on the wire in all */
	uint64_t seed;
};

/** What happened, in frames. Each that came in left through one of: out, lost_*, drop_*; or is under way. */
struct impair_stats {
	uint64_t in, out, dup; /* dup came in, too, by our hand */
	uint64_t lost_random, lost_burst, lost_every, lost_pick;
	uint64_t drop_queue, drop_slots;
	uint64_t delayed, reordered, corrupted, mangled, marked, no_mbuf;
};

struct impair;

/**
 * Read "key=value,key=value..." into c, from defaults. @return 0, or -EINVAL and what is wrong in why. Keys:
 * impair_help.
 */
int impair_parse(const char *text, struct impair_conf *c, char *why, size_t size);
extern const char impair_help[];
/** mp: for copies. NULL: no memory. */
struct impair *impair_create(const struct impair_conf *c, struct rte_mempool *mp);
void impair_destroy(struct impair *im); /* frees what is under way */
/** A frame arrives; m is taken. Time never goes back. */
void impair_in(struct impair *im, struct rte_mbuf *m, uint64_t now_us);
/** What has arrived at the other end by now. @return frames, at most n, the caller's. */
unsigned int impair_out(struct impair *im, uint64_t now_us, struct rte_mbuf **m, unsigned int n);
/** When the next frame comes out; UINT64_MAX: the wire is empty. */
uint64_t impair_next_us(const struct impair *im);
unsigned int impair_in_flight(const struct impair *im);
const struct impair_stats *impair_stats(const struct impair *im);
/** Counter i: its name, NULL behind the last. */
const char *impair_stat(const struct impair *im, unsigned int i, uint64_t *value);
#endif
