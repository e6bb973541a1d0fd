/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A program may be busy elsewhere for long: compute, read a file, wait for a child. The kernel's TCP would go on, so a
 * thread of ours gives the worker a turn when the program's own have not for TICK_MS and none of them waits. Only it
 * pays for that: the program's thread writes one flag as it comes in and out, and membarrier(2) makes that enough.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <unistd.h>
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <rte_lcore.h>
#include "sock.h"

#define TICK_MS 10u

static void
turns_while_away(void)
{
	unsigned int i;

	__atomic_store_n(&run.ticking, true, __ATOMIC_RELAXED);
	syscall(__NR_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
	/* Who came in before the barrier is seen here, who comes in after it sees `ticking`, and waits. */
	if (!__atomic_load_n(&run.in, __ATOMIC_ACQUIRE)) {
		for (i = 0; i < 2; i++) /* what the first one staged */
			wait_turn();
		run.seen_turns = run.turns;
		asleep_wake();
	}
	__atomic_store_n(&run.ticking, false, __ATOMIC_RELEASE);
}

static void *
tick(void *arg)
{
	RTE_PER_LCORE(_lcore_id) = rte_get_main_lcore();
	for (;;) {
		usleep(TICK_MS * 1000);
		if (run.turns == run.seen_turns && !__atomic_load_n(&run.sleepers, __ATOMIC_SEQ_CST))
			turns_while_away();
		run.seen_turns = run.turns;
	}
	return NULL;
}

void
tick_start(void)
{
	pthread_t t;
	sigset_t all, old;

	if (syscall(__NR_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0))
		return;   /* an old kernel: connections rest while the program is away */
	sigfillset(&all); /* signals are the program's */
	pthread_sigmask(SIG_SETMASK, &all, &old);
	if (pthread_create(&t, NULL, tick, NULL) == 0)
		pthread_detach(t);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}
