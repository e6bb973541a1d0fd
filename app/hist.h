/* SPDX-License-Identifier: BSD-3-Clause */
/* Times, counted in buckets: 32 per power of two, so that what is said of them is right to 3 %. */
#ifndef HIST_H
#define HIST_H
#include <stdint.h>
#include <rte_common.h>

#define HIST_BITS 5
#define HIST_SIZE (40u << HIST_BITS)

struct hist {
	uint64_t n[HIST_SIZE];
	uint64_t max_us;
};

static inline void
hist_add(struct hist *h, uint64_t us)
{
	/* shift 0 covers two rows: 0 .. 2^(HIST_BITS + 1) are exact */
	const unsigned int shift = (us >> (HIST_BITS + 1)) ? 63 - HIST_BITS - __builtin_clzll(us) : 0;

	h->max_us = RTE_MAX(h->max_us, us);
	h->n[RTE_MIN((shift << HIST_BITS) + (us >> shift), HIST_SIZE - 1)]++;
}

/** The longest time that bucket i counts. */
uint64_t hist_upper_us(unsigned int i);
uint64_t hist_count(const struct hist *h);
/** All of *from, too. */
void hist_merge(struct hist *h, const struct hist *from);
/** What came since *before. Its longest is known to a bucket. */
void hist_since(struct hist *h, const struct hist *now, const struct hist *before);
/** us within which the share q of them all was; 3 % more at most. */
uint64_t hist_quantile(const struct hist *h, double q);
#endif
