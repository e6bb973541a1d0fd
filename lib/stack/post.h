/* SPDX-License-Identifier: BSD-3-Clause */
/* Calls that other threads leave for a worker: tern_post(). Theory of operation: post.c. */
#ifndef POST_H
#define POST_H
#include "stack/engine.h"

/** One of them, as it lies in engine.posts. */
struct post {
	void (*fn)(struct tern_worker *w, void *arg);
	void *arg;
};

/** Any there? Two loads of lines that nobody writes as long as nobody posts. */
static inline bool
post_waits(const struct engine *e)
{
	return !rte_ring_empty(e->posts);
}
/** Run at most a burst of them. */
void post_run(struct engine *e);
/** Forget those that are there, counted; for a worker that has left. @return how many. */
unsigned int post_drop(struct engine *e);
#endif
