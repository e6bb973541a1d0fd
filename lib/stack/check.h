/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A worker's invariants and its connections' (tcp/check.h), all at once. Debug builds (-Dchecks=true) ask after every
 * turn; tests and the simulation ask themselves.
 */
#ifndef CHECK_H
#define CHECK_H
#include <stdint.h>

struct tern_worker;

/** @return NULL, or which invariant is broken, of whom: a text that lives until the next check of this thread. */
const char *worker_check(const struct tern_worker *w);
/** The same, but the more w holds the more seldom: a turn costs no more than a number of objects. */
const char *worker_check_some(const struct tern_worker *w);
/** As worker_check_some(), and the end of the process if one is broken. */
void worker_must(const struct tern_worker *w);
/** How many invariants there are, and how often one was checked by this thread. */
unsigned int check_count(uint64_t *sum);

/** Without -Dchecks=true TERN_CHECKS is 0, and there is no code for it. */
#define WORKER_CHECK(w)                                                                                                \
	do {                                                                                                           \
		if (TERN_CHECKS)                                                                                       \
			worker_must(w);                                                                                \
	} while (0)
#endif
