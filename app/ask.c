/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See ask.h. The call is one of tern_post(), and posts itself again as long as it has more to do, so that no poll has
 * more than one piece of it and the asker wakes once. An asker that has waited too long gives the memory up by one
 * compare-and-swap: then who comes to it late frees it.
 */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include <rte_common.h>
#include "ask.h"

#define PATIENCE_NS (5 * INT64_C(1000000000)) /* without any progress */
#define NAP_MIN_US 20u
#define NAP_MAX_US 1000u

enum { FREE, WAITS, RUNS, DONE, FORGOTTEN };

struct call {
	struct tern *t;
	unsigned int worker;
	uint32_t state, pieces; /* of both threads */
	bool again;             /* DONE, but only because it could not be posted */
	ask_fn fn;
	max_align_t arg[];
};

static struct call *
call_of(void *arg)
{
	return (struct call *)(void *)((char *)arg - offsetof(struct call, arg));
}

void *
ask_new(size_t size)
{
	struct call *c = calloc(1, sizeof(*c) + size);

	return c ? c->arg : NULL;
}

void
ask_free(void *arg)
{
	if (arg)
		free(call_of(arg));
}

static bool
turn(struct call *c, uint32_t from, uint32_t to)
{
	return __atomic_compare_exchange_n(&c->state, &from, to, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

static void
on_worker(struct tern_worker *w, void *arg)
{
	struct call *c = arg;

	if (!turn(c, WAITS, RUNS)) { /* nobody waits any more: once in the life of a process, if ever */
		free(c);
		return;
	}
	c->again = c->fn(w, c->arg);
	__atomic_fetch_add(&c->pieces, 1, __ATOMIC_RELAXED);
	if (!c->again) {
		__atomic_store_n(&c->state, DONE, __ATOMIC_RELEASE);
		return;
	}
	__atomic_store_n(&c->state, WAITS, __ATOMIC_RELEASE);
	if (tern_post(c->t, c->worker, on_worker, c) && !turn(c, WAITS, DONE))
		free(c);
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
await(struct call *c, struct stack *s)
{
	int64_t since_ns = now_ns();
	unsigned int nap_us = NAP_MIN_US;
	uint32_t seen = 0, pieces;

	while (__atomic_load_n(&c->state, __ATOMIC_ACQUIRE) != DONE) {
		usleep(nap_us);
		nap_us = RTE_MIN(2 * nap_us, NAP_MAX_US);
		pieces = __atomic_load_n(&c->pieces, __ATOMIC_RELAXED);
		if (pieces != seen) {
			seen = pieces;
			since_ns = now_ns();
		} else if (!__atomic_load_n(&s->running, __ATOMIC_ACQUIRE)) {
			return -ESHUTDOWN; /* nobody is there who might come to it */
		} else if (now_ns() - since_ns > PATIENCE_NS && turn(c, WAITS, FORGOTTEN)) {
			return -ETIMEDOUT;
		}
	}
	return 0;
}

int
ask(struct stack *s, unsigned int i, ask_fn fn, void *arg)
{
	struct call *c = call_of(arg);
	int rc;

	c->t = s->tern;
	c->worker = i;
	c->fn = fn;
	do {
		c->again = false;
		c->state = WAITS;
		rc = tern_post(s->tern, i, on_worker, c);
		rc = rc ? rc : await(c, s);
	} while (!rc && c->again);
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
