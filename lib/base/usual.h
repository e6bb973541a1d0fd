/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The one word by which a shortcut is entered: if (usual(condition)) the quick way, else the general one. Both leave
 * the same state, counters and frames behind, so the general one must be right alone: -Dshortcuts=false builds without
 * any shortcut, and scripts/check-shortcuts.sh compares the two. usual(true) is for what can always be left out, as
 * asking the cache for a line ahead of time.
 *
 * A choice between two ways that differ in what is sent, kept or counted is none: for that there is likely(). Row 1.
 */
#ifndef USUAL_H
#define USUAL_H
#include <stdbool.h>
#include <rte_branch_prediction.h>
#include <rte_prefetch.h>

#define usual(condition) likely(TERN_SHORTCUTS && (condition)) /* 0: compiled, so that nothing is unused, and never
							        * asked */

/** Fetch a line that will be written: another core gives it up at once, not first for reading. */
static inline void
prefetch_own(const void *p)
{
	if (!usual(true))
		return;
#ifdef RTE_ARCH_X86
	asm volatile("prefetchw %0" : : "m"(*(const char *)p));
#else
	rte_prefetch0(p);
#endif
}
#endif
