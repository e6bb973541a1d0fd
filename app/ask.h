/* SPDX-License-Identifier: BSD-3-Clause */
/* A worker asked from another thread: what is its own is read, or changed, in one of its polls. */
#ifndef ASK_H
#define ASK_H
#include "role.h"

/** On the worker, with what ask_new() gave: a little. @return true: once more, in the next poll. */
typedef bool (*ask_fn)(struct tern_worker *w, void *arg);

/** A question. What worker and asker share is zeroed at first. */
struct ask {
	void *arg;
	/* ask.c's */
	struct tern *t;
	unsigned int worker;
	uint32_t state, pieces; /* of both threads */
	bool again;             /* done, but only because it could not be posted once more */
	ask_fn fn;
};

/** With so many bytes at arg. @return NULL: no memory. */
struct ask *ask_new(size_t size);
void ask_free(struct ask *a);
/**
 * fn(w, arg) on worker i of s until it says false; the caller sleeps meanwhile. @return 0; -ESHUTDOWN: the worker has
 * left; -EAGAIN: its queue of calls is full; -ETIMEDOUT: it did not come to it in time, and a belongs to it now: the
 * caller must forget it.
 */
int ask(struct stack *s, unsigned int i, ask_fn fn, struct ask *a);
/** The same in one call: the worker gets a copy of arg, and what it made of that stands there when this returns 0. */
int ask_copy(struct stack *s, unsigned int i, ask_fn fn, void *arg, size_t size);
/** What the three errors mean. */
const char *ask_error(int rc);
#endif
