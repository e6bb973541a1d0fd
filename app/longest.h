/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How long a worker's longest poll was: frames wait meanwhile. A poll is as long as it is from one look at the clock to
 * the next; one in which the kernel gave the lcore to somebody else says nothing of tern and counts apart, where the
 * kernel tells (longest.c).
 */
#ifndef LONGEST_H
#define LONGEST_H
#include <stdbool.h>
#include <stdint.h>
#include <rte_branch_prediction.h>
#include <rte_common.h>

#define LONGEST_LIMIT_US 1000u

/* Of one worker. All zero: it begins with the next poll. */
struct longest {
	uint64_t began_us;       /* the poll in progress */
	uint64_t own_us, any_us; /* the longest: of those that had the lcore for themselves; of all */
	uint64_t least_us;       /* what is shorter need not be looked at */
	uint64_t n_over;         /* own ones over LONGEST_LIMIT_US */
	bool disturbed;          /* the lcore was somebody else's since the worker last came here, one poll ago */
} __rte_cache_aligned;

/** Was this thread's core somebody else's since it last asked? */
bool longest_disturbed(void);
void longest_look(struct longest *l, uint64_t took_us, bool disturbed);

/** Once a poll. */
static inline void
longest_poll(struct longest *l, uint64_t now_us)
{
	const uint64_t took_us = now_us - l->began_us;
	const bool disturbed = longest_disturbed(), was = l->disturbed;

	l->disturbed = disturbed;
	if (unlikely(took_us > l->least_us) && l->began_us)
		longest_look(l, took_us, disturbed || was);
	l->began_us = now_us;
}
#endif
