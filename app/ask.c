/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See ask.h. The call is one of tern_post(), and posts itself again as long as it has more to do, so that no poll has
 * more than one piece of it and the asker wakes once. An asker that has waited too long gives the memory up by one
 * compare-and-swap: then who comes to it late frees it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <rte_common.h>
#include "ask.h"

#ifndef ASK_PATIENCE_MS
#define ASK_PATIENCE_MS 5000 /* without any progress */
#endif
#define NAP_MIN_US 20u
#define NAP_MAX_US 1000u

enum { FREE, WAITS, RUNS, DONE, FORGOTTEN };

struct ask *
ask_new(size_t size)
{
	struct ask *a = calloc(1, sizeof(*a));

	if (a)
		a->arg = calloc(1, size);
	if (a && !a->arg) {
		free(a);
		a = NULL;
	}
	return a;
}

void
ask_free(struct ask *a)
{
	if (a)
		free(a->arg);
	free(a);
}

static bool
turn(struct ask *a, uint32_t from, uint32_t to)
{
	return __atomic_compare_exchange_n(&a->state, &from, to, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

static void
on_worker(struct tern_worker *w, void *arg)
{
	struct ask *a = arg;

	if (!turn(a, WAITS, RUNS)) { /* nobody waits any more: once in the life of a process, if ever */
		ask_free(a);
		return;
	}
	a->again = a->fn(w, a->arg);
	__atomic_fetch_add(&a->pieces, 1, __ATOMIC_RELAXED);
	if (!a->again) {
		__atomic_store_n(&a->state, DONE, __ATOMIC_RELEASE);
		return;
	}
	__atomic_store_n(&a->state, WAITS, __ATOMIC_RELEASE);
	if (tern_post(a->t, a->worker, on_worker, a) && !turn(a, WAITS, DONE))
		ask_free(a);
}

static int64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

/* Until the worker is done with what was posted. */
static int
await(struct ask *a, struct stack *s)
{
	int64_t since_ns = now_ns();
	unsigned int nap_us = NAP_MIN_US;
	uint32_t seen = 0, pieces;

	while (__atomic_load_n(&a->state, __ATOMIC_ACQUIRE) != DONE) {
		usleep(nap_us);
		nap_us = RTE_MIN(2 * nap_us, NAP_MAX_US);
		pieces = __atomic_load_n(&a->pieces, __ATOMIC_RELAXED);
		if (pieces != seen) {
			seen = pieces;
			since_ns = now_ns();
		} else if (!__atomic_load_n(&s->running, __ATOMIC_ACQUIRE)) {
			return -ESHUTDOWN; /* nobody is there who might come to it */
		} else if (now_ns() - since_ns > ASK_PATIENCE_MS * INT64_C(1000000) && turn(a, WAITS, FORGOTTEN)) {
			return -ETIMEDOUT;
		}
	}
	return 0;
}

int
ask(struct stack *s, unsigned int i, ask_fn fn, struct ask *a)
{
	int rc = 0;

	a->t = s->tern;
	a->worker = i;
	a->fn = fn;
	do {
		a->again = false;
		a->state = WAITS;
		rc = tern_post(s->tern, i, on_worker, a);
		rc = rc ? rc : await(a, s);
	} while (!rc && a->again);
	return rc;
}

int
ask_copy(struct stack *s, unsigned int i, ask_fn fn, void *arg, size_t size)
{
	struct ask *a = ask_new(size);
	int rc;

	if (!a)
		return -ENOMEM;
	memcpy(a->arg, arg, size);
	rc = ask(s, i, fn, a);
	if (!rc)
		memcpy(arg, a->arg, size);
	if (rc != -ETIMEDOUT)
		ask_free(a);
	return rc;
}

const char *
ask_error(int rc)
{
	return rc == -ESHUTDOWN   ? "the worker has left"
	       : rc == -EAGAIN    ? "too many calls wait for the worker: try again"
	       : rc == -ETIMEDOUT ? "the worker did not answer for 5 s"
				  : "no memory";
}
