/* SPDX-License-Identifier: BSD-3-Clause */
/* A worker asked from another thread: what is its own is read, or changed, in one of its polls. */
#ifndef ASK_H
#define ASK_H
#include "role.h"

/** On the worker, with what ask_new() gave: a little. @return true: once more, in the next poll. */
typedef bool (*ask_fn)(struct tern_worker *w, void *arg);

/** Zeroed memory that worker and asker share, or NULL. Given back by ask_free(). */
void *ask_new(size_t size);
void ask_free(void *arg);
/**
 * fn(w, arg) on worker i of s until it says false; the caller sleeps meanwhile. @return 0; -ESHUTDOWN: the worker has
 * left; -EAGAIN: its queue of calls is full; -ETIMEDOUT: it did not come to it in time, and arg belongs to it now: the
 * caller must forget it.
 */
int ask(struct stack *s, unsigned int i, ask_fn fn, void *arg);
/** What the three errors mean. */
const char *ask_error(int rc);
#endif
