/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A worker asked from another thread (app/ask.c): here the test is the worker, and tern_post() its own, so that a call
 * can be refused, forgotten and come late. The program waits for 5 s, this for 50 ms.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "suite.h"
#include "ask.h"

struct asked {
	unsigned int pieces, want;
};

static struct stack s;
static void (*posted)(struct tern_worker *w, void *arg);
static void *posted_arg;
static int refuse_at, refusal; /* the nth call of tern_post(), with this; 0: none */
static int posts;
static int answer;

int
tern_post(struct tern *t, unsigned int i, void (*fn)(struct tern_worker *w, void *arg), void *arg)
{
	if (++posts == refuse_at)
		return refusal;
	posted_arg = arg;
	__atomic_store_n(&posted, fn, __ATOMIC_RELEASE);
	return 0;
}

/* @return whether there was something to do. */
static bool
poll_once(void)
{
	void (*const fn)(struct tern_worker *, void *) = __atomic_exchange_n(&posted, NULL, __ATOMIC_ACQUIRE);

	if (fn)
		fn(NULL, posted_arg);
	return fn;
}

static bool
piece(struct tern_worker *w, void *arg)
{
	struct asked *d = arg;

	return ++d->pieces < d->want;
}

static void *
asker(void *arg)
{
	answer = ask(&s, 0, piece, arg);
	__atomic_fetch_add(&s.ready, 1, __ATOMIC_RELEASE);
	return NULL;
}

static struct ask *
begin(pthread_t *thread, unsigned int want)
{
	struct ask *a = ask_new(sizeof(struct asked));

	CU_ASSERT_PTR_NOT_NULL_FATAL(a);
	((struct asked *)a->arg)->want = want;
	s.ready = 0;
	posts = 0;
	__atomic_store_n(&s.running, 1, __ATOMIC_RELEASE);
	CU_ASSERT_EQUAL_FATAL(pthread_create(thread, NULL, asker, a), 0);
	return a;
}

static void
poll_until_answered(void)
{
	unsigned int tries;

	for (tries = 0; tries < 20000 && !__atomic_load_n(&s.ready, __ATOMIC_ACQUIRE); tries++)
		if (!poll_once())
			usleep(100);
}

/* One piece a poll, and the asker is told once. */
static void
test_pieces(void)
{
	pthread_t thread;
	struct ask *a = begin(&thread, 100);

	poll_until_answered();
	pthread_join(thread, NULL);
	CU_ASSERT_EQUAL(answer, 0);
	CU_ASSERT_EQUAL(((struct asked *)a->arg)->pieces, 100);
	CU_ASSERT_EQUAL(posts, 100);
	ask_free(a);
}

static void *
copier(void *arg)
{
	answer = ask_copy(&s, 0, piece, arg, sizeof(struct asked));
	__atomic_fetch_add(&s.ready, 1, __ATOMIC_RELEASE);
	return NULL;
}

/* The asker's own memory has the answer, and stays as it was when there is none. */
static void
test_copy(void)
{
	struct asked d = {.want = 3};
	pthread_t thread;

	s.ready = 0;
	posts = 0;
	__atomic_store_n(&s.running, 1, __ATOMIC_RELEASE);
	CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, copier, &d), 0);
	poll_until_answered();
	pthread_join(thread, NULL);
	CU_ASSERT_EQUAL(answer, 0);
	CU_ASSERT_EQUAL(d.pieces, 3);
	CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, copier, &d), 0); /* the worker comes too late */
	pthread_join(thread, NULL);
	CU_ASSERT_EQUAL(answer, -ETIMEDOUT);
	CU_ASSERT_TRUE(poll_once());
	CU_ASSERT_EQUAL(d.pieces, 3);
}

/* Its queue is full: at first that is the answer; in the middle the asker posts what the worker could not. */
static void
test_full(void)
{
	pthread_t thread;
	struct ask *a;

	refuse_at = 1;
	refusal = -EAGAIN;
	a = begin(&thread, 1);
	pthread_join(thread, NULL);
	CU_ASSERT_EQUAL(answer, -EAGAIN);
	ask_free(a);
	refuse_at = 5;
	a = begin(&thread, 10);
	poll_until_answered();
	pthread_join(thread, NULL);
	CU_ASSERT_EQUAL(answer, 0);
	CU_ASSERT_EQUAL(((struct asked *)a->arg)->pieces, 10);
	CU_ASSERT_EQUAL(posts, 11);
	ask_free(a);
	refuse_at = 0;
}

/* The worker leaves: before the call, and with it. */
static void
test_left(void)
{
	pthread_t thread;
	struct ask *a;

	refuse_at = 1;
	refusal = -ESHUTDOWN;
	a = begin(&thread, 1);
	pthread_join(thread, NULL);
	CU_ASSERT_EQUAL(answer, -ESHUTDOWN);
	ask_free(a);
	refuse_at = 0;
	a = begin(&thread, 1);
	usleep(1000);
	__atomic_store_n(&s.running, 0, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	CU_ASSERT_EQUAL(answer, -ESHUTDOWN);
	posted = NULL;
	ask_free(a);
}

/* The worker comes too late: the memory is its, and its alone. Sanitizers look. */
static void
test_late(void)
{
	pthread_t thread;

	begin(&thread, 1);
	pthread_join(thread, NULL);
	CU_ASSERT_EQUAL(answer, -ETIMEDOUT);
	CU_ASSERT_TRUE(poll_once());
	CU_ASSERT_FALSE(poll_once());
}

static void
test_words(void)
{
	CU_ASSERT_PTR_NOT_NULL(strstr(ask_error(-ESHUTDOWN), "left"));
	CU_ASSERT_PTR_NOT_NULL(strstr(ask_error(-EAGAIN), "try again"));
	CU_ASSERT_PTR_NOT_NULL(strstr(ask_error(-ETIMEDOUT), "did not answer"));
	CU_ASSERT_PTR_NOT_NULL(strstr(ask_error(-ENOMEM), "memory"));
}

int
main(void)
{
	static CU_TestInfo tests[] = {
		{"in pieces", test_pieces},
		{"copied", test_copy},
		{"queue full", test_full},
		{"worker left", test_left},
		{"worker late", test_late},
		{"words", test_words},
		CU_TEST_INFO_NULL,
	};

	return suite_run("ask", tests);
}
