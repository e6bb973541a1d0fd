/* SPDX-License-Identifier: BSD-3-Clause */
/* See hist.h. */
#include <string.h>
#include "hist.h"

uint64_t
hist_upper_us(unsigned int i)
{
	const unsigned int shift = i < 2u << HIST_BITS ? 0 : (i >> HIST_BITS) - 1;

	return ((uint64_t)(i - (shift << HIST_BITS) + 1) << shift) - 1;
}

uint64_t
hist_count(const struct hist *h)
{
	uint64_t n = 0;
	unsigned int i;

	for (i = 0; i < HIST_SIZE; i++)
		n += h->n[i];
	return n;
}

void
hist_merge(struct hist *h, const struct hist *from)
{
	unsigned int i;

	for (i = 0; i < HIST_SIZE; i++)
		h->n[i] += from->n[i];
	h->max_us = RTE_MAX(h->max_us, from->max_us);
}

void
hist_since(struct hist *h, const struct hist *now, const struct hist *before)
{
	unsigned int i;

	h->max_us = 0;
	for (i = 0; i < HIST_SIZE; i++) {
		h->n[i] = now->n[i] - before->n[i];
		if (h->n[i])
			h->max_us = RTE_MIN(hist_upper_us(i), now->max_us);
	}
}

uint64_t
hist_quantile(const struct hist *h, double q)
{
	const double want = hist_count(h) * q;
	uint64_t seen = 0;
	unsigned int i;

	for (i = 0; i < HIST_SIZE; i++) {
		seen += h->n[i];
		if (seen && seen >= want)
			return RTE_MIN(hist_upper_us(i), h->max_us);
	}
	return 0;
}
