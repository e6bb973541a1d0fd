/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See longest.h. That the core was somebody else's is known by restartable sequences: where a thread announces one and
 * is not in it, the kernel takes the announcement back when it puts the thread aside, and does nothing else. A host
 * that takes the core from the kernel is not seen.
 */
#include "longest.h"
#if __has_include(<sys/rseq.h>)
#include <sys/rseq.h>
#endif

#ifdef RSEQ_SIG
bool
longest_disturbed(void)
{
	/* nobody is ever in it; the kernel wants the signature where it would go on */
	static const uint32_t nowhere[2] = {RSEQ_SIG, 0};
	static const struct rseq_cs never = {
		.start_ip = (uintptr_t)&nowhere[0], .post_commit_offset = 1, .abort_ip = (uintptr_t)&nowhere[1]};
	struct rseq *r = (struct rseq *)((char *)__builtin_thread_pointer() + __rseq_offset);

	if (likely(__atomic_load_n(&r->rseq_cs, __ATOMIC_RELAXED)) || !__rseq_size) /* there may be none */
		return false;
	/* announced again only here: in every poll, what came between the look and that would be missed */
	__atomic_store_n(&r->rseq_cs, (uintptr_t)&never, __ATOMIC_RELAXED);
	return true;
}
#else
bool
longest_disturbed(void)
{
	return false;
}
#endif

void
longest_look(struct longest *l, uint64_t took_us, bool disturbed)
{
	l->any_us = RTE_MAX(l->any_us, took_us);
	if (disturbed)
		return;
	l->own_us = RTE_MAX(l->own_us, took_us);
	l->n_over += took_us > LONGEST_LIMIT_US;
	l->least_us = RTE_MIN(l->own_us, (uint64_t)LONGEST_LIMIT_US);
}
