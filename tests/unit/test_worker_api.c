/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The worker's side of the API: its user pointer, when it has work by itself, timers, calls posted by other threads,
 * and calls between two steps. Two stacks of a worker each are joined by a cable; one thread plays both. Their clocks
 * stand still but for pass().
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* pthread_setaffinity_np() */
#endif
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <arpa/inet.h>
#include <rte_lcore.h>
#include "stack/check.h"
#include "stack/post.h"
#include "stack/worker.h"
#include "frames.h"

enum { SERVER, CLIENT };

static struct tern *st[2];
static struct tern_worker *w[2];
static unsigned int serial, closed_bad;

static int
turn(unsigned int s, unsigned int polls)
{
	RTE_PER_LCORE(_lcore_id) = s;
	return tern_worker_step(st[s], 0, polls);
}

/* So much later; both are polled. */
static void
pass(uint64_t us)
{
	unsigned int s;

	for (s = 0; s < 2; s++) {
		worker_set_time(w[s], w[s]->now_us + us);
		CU_ASSERT_EQUAL(turn(s, 1), 1);
	}
	RTE_PER_LCORE(_lcore_id) = 0;
}

static void
up_conf(bool rx_intr, struct tern_app app)
{
	static const unsigned int lcores[2] = {0, 1};
	char name[16];
	uint16_t ports[2];
	unsigned int s;

	snprintf(name, sizeof(name), "cable%u", serial++);
	CU_ASSERT_EQUAL_FATAL(tern_ring_pair(name, 1, 1024, ports), 0);
	for (s = 0; s < 2; s++) {
		struct tern_conf conf;

		tern_conf_init(&conf, sizeof(conf));
		conf.name = s == SERVER ? "wa_s" : "wa_c";
		conf.lcores = &lcores[s];
		conf.n_workers = 1;
		conf.n_ifs = 1;
		conf.ifs[0] = (struct tern_if_conf){.port_id = ports[s], .addr4 = {198, 51, 100, s + 1}, .prefix4 = 24};
		conf.max_conns = 256;
		conf.max_requests = 256;
		conf.max_timewait = 4096;
		conf.max_neighbours = 16;
		conf.rx_intr = rx_intr;
		conf.mbuf_pool = frames_pool;
		conf.app = app;
		CU_ASSERT_EQUAL_FATAL(tern_create(&conf, &st[s]), 0);
		w[s] = tern_worker_get(st[s], 0);
		st[s]->us_per_tsc = 0;
	}
}

static void
up(void)
{
	up_conf(false, (struct tern_app){0});
	closed_bad = 0;
	pass(0);
}

static void
down(void)
{
	unsigned int s;

	for (s = 0; s < 2; s++) {
		RTE_PER_LCORE(_lcore_id) = s;
		tern_destroy(st[s]);
	}
	RTE_PER_LCORE(_lcore_id) = 0;
	ASSERT_POOL_FULL();
}

/* --- the worker itself ------------------------------------------------------------------------------------------- */

static int
start_with_user(struct tern_worker *v, void *arg)
{
	CU_ASSERT_PTR_NULL(tern_worker_user(v));
	tern_worker_set_user(v, v);
	return 0;
}

static void
test_user(void)
{
	up_conf(false, (struct tern_app){.start = start_with_user});
	pass(0);
	CU_ASSERT_PTR_EQUAL(tern_worker_user(w[0]), w[0]);
	CU_ASSERT_PTR_EQUAL(tern_worker_user(w[1]), w[1]);
	tern_worker_set_user(w[0], NULL);
	CU_ASSERT_PTR_NULL(tern_worker_user(w[0]));
	down();
}

static void
count(struct tern_timer *t, void *arg)
{
	++*(unsigned int *)arg;
}

static void
nothing(struct tern_worker *v, void *arg)
{
}

static void
test_next(void)
{
	const struct tern_endpoint to = {.af = TERN_AF_INET, .port = htons(7), .addr = {198, 51, 100, 9}};
	unsigned int fired = 0, s;
	struct tern_timer t;
	struct tern_conn *c;
	uint64_t next;

	up_conf(false, (struct tern_app){0});
	for (s = 0; s < 2; s++)
		CU_ASSERT_EQUAL(tern_next_us(w[s]), w[s]->now_us); /* start() */
	pass(0);
	CU_ASSERT_EQUAL(tern_next_us(w[0]), UINT64_MAX);
	tern_timer_init(&t, count, &fired);
	CU_ASSERT_EQUAL(tern_timer_start(w[0], &t, 10000), 0);
	next = w[0]->now_us + 10000;
	while (!fired && tern_next_us(w[0]) != UINT64_MAX) { /* sleeping so long each time is not too long */
		CU_ASSERT_TRUE(tern_next_us(w[0]) <= next + TICK_US);
		CU_ASSERT_TRUE_FATAL(tern_next_us(w[0]) > w[0]->now_us);
		pass(tern_next_us(w[0]) - w[0]->now_us);
	}
	CU_ASSERT_EQUAL(fired, 1);
	CU_ASSERT_TRUE(w[0]->now_us >= next && w[0]->now_us < next + TICK_US);
	CU_ASSERT_EQUAL(tern_next_us(w[0]), UINT64_MAX);
	CU_ASSERT_EQUAL(tern_post(st[0], 0, nothing, NULL), 0);
	CU_ASSERT_EQUAL(tern_next_us(w[0]), w[0]->now_us);
	pass(0);
	CU_ASSERT_EQUAL(tern_next_us(w[0]), UINT64_MAX);
	RTE_PER_LCORE(_lcore_id) = 0;
	CU_ASSERT_EQUAL(tern_connect(w[0], NULL, &to, NULL, NULL, &c), 0); /* nobody is there */
	CU_ASSERT_EQUAL(tern_next_us(w[0]), w[0]->now_us);
	pass(0);
	pass(0);
	next = tern_next_us(w[0]);
	CU_ASSERT_TRUE(next > w[0]->now_us && next <= w[0]->now_us + 1000000 + TICK_US); /* ARP again */
	tern_abort(c);
	CU_ASSERT_EQUAL(tern_next_us(w[0]), w[0]->now_us);
	tern_drain(st[0], 10000);
	CU_ASSERT_EQUAL(turn(0, 1), 1);
	CU_ASSERT_EQUAL(tern_next_us(w[0]), w[0]->now_us);
	CU_ASSERT_EQUAL(turn(0, 10), 0);
	CU_ASSERT_EQUAL(tern_next_us(w[0]), UINT64_MAX);
	down();
}

/* A cable is memory: nothing wakes whoever sleeps. */
static void
test_can_sleep(void)
{
	unsigned int i;

	for (i = 0; i < 2; i++) {
		up_conf(i, (struct tern_app){0});
		CU_ASSERT_FALSE(tern_worker_can_sleep(w[0]));
		st[0]->ports[0].rx_intr = true;
		CU_ASSERT_TRUE(tern_worker_can_sleep(w[0]));
		st[0]->conf.n_workers = 2;
		CU_ASSERT_FALSE(tern_worker_can_sleep(w[0]));
		st[0]->conf.n_workers = 1;
		down();
	}
}

/* --- timers ------------------------------------------------------------------------------------------------------- */

/* Never early; within a tick where there is a poll. */
static void
test_timer_time(void)
{
	static const uint64_t delays[] = {0, 1, 127, 128, 129, 1000, 32767, 32768, 40000, 1000000, 9000001};
	struct tern_timer t;
	unsigned int i, fired;

	up();
	tern_timer_init(&t, count, &fired);
	for (i = 0; i < RTE_DIM(delays); i++) {
		const uint64_t from = w[0]->now_us;

		fired = 0;
		CU_ASSERT_EQUAL(tern_timer_start(w[0], &t, delays[i]), 0);
		pass(0);
		while (!fired && w[0]->now_us <= from + delays[i] + 2 * TICK_US)
			pass(17);
		CU_ASSERT_EQUAL(fired, 1);
		CU_ASSERT_TRUE(w[0]->now_us >= from + delays[i]);
		CU_ASSERT_TRUE(w[0]->now_us <= from + delays[i] + TICK_US + 17);
		CU_ASSERT_FALSE(tern_timer_stop(w[0], &t)); /* once */
		pass(20000000);
		CU_ASSERT_EQUAL(fired, 1);
	}
	fired = 0;
	CU_ASSERT_EQUAL(tern_timer_start(w[0], &t, TERN_TIMER_MAX_US + 1), -EINVAL);
	CU_ASSERT_EQUAL(tern_timer_start(w[0], &t, UINT64_MAX), -EINVAL);
	CU_ASSERT_EQUAL(tern_next_us(w[0]), UINT64_MAX);
	CU_ASSERT_EQUAL(tern_timer_start(w[0], &t, TERN_TIMER_MAX_US), 0);
	pass(TERN_TIMER_MAX_US - 1);
	CU_ASSERT_EQUAL(fired, 0);
	pass(TICK_US);
	CU_ASSERT_EQUAL(fired, 1);
	down();
}

#define TIMERS(s, n) CU_ASSERT_EQUAL(w[s]->n_timers, n) /* the gauge's */

static void
test_timer_stop_start(void)
{
	unsigned int fired = 0;
	struct tern_timer t;

	up();
	tern_timer_init(&t, count, &fired);
	CU_ASSERT_FALSE(tern_timer_stop(w[0], &t));
	CU_ASSERT_EQUAL(tern_timer_start(w[0], &t, 1000), 0);
	CU_ASSERT_FALSE(tern_timer_stop(w[1], &t)); /* not its */
	CU_ASSERT_EQUAL(tern_timer_start(w[1], &t, 1000), -EBUSY);
	TIMERS(0, 1);
	CU_ASSERT_TRUE(tern_timer_stop(w[0], &t));
	CU_ASSERT_FALSE(tern_timer_stop(w[0], &t));
	TIMERS(0, 0);
	pass(1000000);
	CU_ASSERT_EQUAL(fired, 0);
	CU_ASSERT_EQUAL(tern_timer_start(w[1], &t, 1000), 0);
	pass(900);
	CU_ASSERT_EQUAL(tern_timer_start(w[1], &t, 1000), 0); /* the new delay counts */
	TIMERS(1, 1);
	pass(900);
	CU_ASSERT_EQUAL(fired, 0);
	pass(100 + TICK_US);
	CU_ASSERT_EQUAL(fired, 1);
	TIMERS(1, 0);
	CU_ASSERT_EQUAL(tern_timer_start(w[0], &t, 5000), 0);
	CU_ASSERT_EQUAL(tern_timer_start(w[0], &t, 0), 0); /* earlier, too */
	pass(TICK_US);
	CU_ASSERT_EQUAL(fired, 2);
	pass(5000);
	CU_ASSERT_EQUAL(fired, 2);
	down();
}

/* Three timers that play with each other from within. */
struct act {
	struct tern_timer t;
	unsigned int fired;
	struct act *start, *stop; /* NULL: none */
	uint64_t delay_us;
	bool free;
	struct tern_conn *c;
};

static void
act(struct tern_timer *t, void *arg)
{
	static const struct tern_endpoint to = {.af = TERN_AF_INET, .port = RTE_BE16(7), .addr = {198, 51, 100, 9}};
	struct act *a = arg;

	CU_ASSERT_PTR_EQUAL(t, &a->t);
	a->fired++;
	if (a->start)
		CU_ASSERT_EQUAL(tern_timer_start(w[0], &a->start->t, a->delay_us), 0);
	if (a->stop)
		tern_timer_stop(w[0], &a->stop->t);
	if (a->c)
		tern_abort(a->c);
	CU_ASSERT_EQUAL(tern_connect(w[0], NULL, &to, NULL, NULL, &a->c), 0);
	if (a->free) {
		tern_abort(a->c);
		free(a);
	}
}

static void
test_timer_from_within(void)
{
	struct act a = {.delay_us = 1000}, b = {0}, c = {0}, *f = calloc(1, sizeof(*f));
	unsigned int i;

	up();
	tern_timer_init(&a.t, act, &a);
	tern_timer_init(&b.t, act, &b);
	tern_timer_init(&c.t, act, &c);
	tern_timer_init(&f->t, act, f);
	a.start = &a; /* every millisecond */
	a.stop = &b;
	tern_timer_start(w[0], &a.t, 1000);
	tern_timer_start(w[0], &b.t, 1000 + 2 * TICK_US);
	for (i = 0; i < 1000; i++)
		pass(100);
	CU_ASSERT_TRUE(a.fired >= 100000 / (1000 + TICK_US + 100) && a.fired <= 100);
	CU_ASSERT_EQUAL(b.fired, 0);
	a.start = &c; /* hands over */
	pass(3000);
	for (i = 0; !c.fired && i < 100; i++)
		pass(100);
	CU_ASSERT_EQUAL(c.fired, 1);
	a.start = &a; /* as soon as possible: no more than once a poll, or a poll would not end */
	a.delay_us = 0;
	a.fired = 0;
	tern_timer_start(w[0], &a.t, 0);
	for (i = 0; i < 100; i++)
		pass(TICK_US);
	CU_ASSERT_TRUE(a.fired >= 50 && a.fired <= 101);
	a.start = NULL;
	pass(TICK_US);
	f->free = true;
	tern_timer_start(w[0], &f->t, 50);
	pass(1000);
	tern_abort(a.c);
	if (c.c)
		tern_abort(c.c);
	CU_ASSERT_PTR_NULL(b.c);
	pass(1000);
	CU_ASSERT_TRUE(worker_idle(w[0], true));
	down();
}

struct expected {
	struct tern_timer t;
	uint64_t at; /* 0: stopped */
	unsigned int fired;
};

static void
fired_expected(struct tern_timer *t, void *arg)
{
	struct expected *x = arg;

	CU_ASSERT_TRUE(x->at && w[0]->now_us >= x->at);
	x->at = 0;
	x->fired++;
}

/* Many, started and stopped at random (TERN_SEED), among the worker's own: each fires when it is due and not
 * otherwise. */
static void
test_timer_many(void)
{
	enum { N = 5000, TURNS = 4000 };
	struct expected *x = calloc(N, sizeof(*x));
	unsigned int i, k, late = 0, fired = 0;

	up();
	for (i = 0; i < N; i++)
		tern_timer_init(&x[i].t, fired_expected, &x[i]);
	for (i = 0; i < TURNS; i++) {
		for (k = 0; k < 16; k++) {
			struct expected *y = &x[frames_rand() % N];

			if (frames_rand() % 4) {
				const uint64_t delay = frames_rand() % (1u << (frames_rand() % 24));

				y->at = w[0]->now_us + delay;
				CU_ASSERT_EQUAL(tern_timer_start(w[0], &y->t, delay), 0);
			} else {
				CU_ASSERT_EQUAL(tern_timer_stop(w[0], &y->t), y->at != 0);
				y->at = 0;
			}
		}
		pass(frames_rand() % 3000);
		if (i % 64 == 0)
			CU_ASSERT_PTR_NULL(worker_check(w[0]));
	}
	for (i = 0; i < N; i++)
		late += x[i].at && x[i].at + TICK_US < w[0]->now_us;
	CU_ASSERT_EQUAL(late, 0);
	pass(1u << 24);
	for (i = 0; i < N; i++) {
		CU_ASSERT_EQUAL(x[i].at, 0);
		fired += x[i].fired;
	}
	CU_ASSERT_TRUE(fired > TURNS);
	free(x);
	down();
}

/* Started timers of a stack that goes do not fire, and serve the next one. */
static void
test_timer_destroy(void)
{
	struct tern_timer t[100];
	unsigned int i, k, fired = 0;

	for (i = 0; i < 100; i++)
		tern_timer_init(&t[i], count, &fired);
	for (k = 0; k < 2; k++) {
		up();
		for (i = 0; i < 100; i++)
			CU_ASSERT_EQUAL(tern_timer_start(w[0], &t[i], (uint64_t)i * i * i * i * 100), 0);
		if (k == 1)
			pass(100000000ull * 100);
		down();
		CU_ASSERT_EQUAL(fired, 100 * k);
	}
}

/* --- posted calls ----------------------------------------------------------------------------------------------- */

#define CALLS 100000u
#define BUSY_MAX 200000000ull /* tries: a thread that is not served at all ends */

struct poster {
	pthread_t thread;
	unsigned int id, sent, next; /* next: what must run next */
	unsigned int wrong, full;
};
static struct poster posters[2];
static unsigned int ran, ran_elsewhere;

static void
posted(struct tern_worker *v, void *arg)
{
	const uintptr_t n = (uintptr_t)arg;
	struct poster *p = &posters[n & 1];

	p->wrong += n >> 1 != p->next;
	p->next++;
	ran_elsewhere += v != w[0] || !pthread_equal(pthread_self(), *(pthread_t *)tern_worker_user(v));
}

static void *
post_all(void *arg)
{
	struct poster *p = arg;
	cpu_set_t all;
	uint64_t tries;

	memset(&all, 0xff, sizeof(all)); /* not on the one core of this test alone */
	pthread_setaffinity_np(pthread_self(), sizeof(all), &all);
	for (tries = 0; p->sent < CALLS && tries < BUSY_MAX; tries++) {
		const int rc = tern_post(st[0], 0, posted, (void *)((uintptr_t)p->sent << 1 | p->id));

		if (rc == 0) {
			p->sent++;
		} else if (rc == -EAGAIN) {
			p->full++;
			sched_yield();
		} else {
			break;
		}
	}
	return NULL;
}

/* Two threads that EAL does not know: nothing is lost, nothing comes twice, each thread's order is kept. */
static void
test_post_threads(void)
{
	pthread_t self = pthread_self();
	unsigned int i;
	uint64_t polls;

	up();
	tern_worker_set_user(w[0], &self);
	ran_elsewhere = 0;
	memset(posters, 0, sizeof(posters));
	for (i = 0; i < 2; i++) {
		posters[i].id = i;
		CU_ASSERT_EQUAL_FATAL(pthread_create(&posters[i].thread, NULL, post_all, &posters[i]), 0);
	}
	for (polls = 0; posters[0].next + posters[1].next < 2 * CALLS && polls < BUSY_MAX; polls++) {
		CU_ASSERT_EQUAL_FATAL(turn(0, 1), 1);
		if (!post_waits(st[0]->engines[0]))
			sched_yield();
	}
	for (i = 0; i < 2; i++) {
		pthread_join(posters[i].thread, NULL);
		CU_ASSERT_EQUAL(posters[i].sent, CALLS);
		CU_ASSERT_EQUAL(posters[i].next, CALLS);
		CU_ASSERT_EQUAL(posters[i].wrong, 0);
	}
	turn(0, 100);
	CU_ASSERT_EQUAL(posters[0].next + posters[1].next, 2 * CALLS);
	CU_ASSERT_EQUAL(ran_elsewhere, 0);
	CU_ASSERT_EQUAL(tern_stats_by_name(st[0], "TernPosted"), 2 * CALLS);
	CU_ASSERT_EQUAL(tern_stats_by_name(st[0], "TernPostFull"), posters[0].full + posters[1].full);
	CU_ASSERT_EQUAL(tern_stats_by_name(st[0], "TernPostDropped"), 0);
	printf("%u calls in %lu polls, %u found the ring full\n", 2 * CALLS, polls, posters[0].full + posters[1].full);
	down();
}

static void
run_count(struct tern_worker *v, void *arg)
{
	ran++;
	if (arg)
		CU_ASSERT_EQUAL(tern_post(st[0], 0, run_count, arg), 0);
}

static unsigned int
fill(void)
{
	unsigned int n = 0;

	while (n < 10000 && tern_post(st[0], 0, run_count, NULL) == 0)
		n++;
	return n;
}

static void
test_post_bounds(void)
{
	up_conf(false, (struct tern_app){0});
	ran = 0;
	CU_ASSERT_EQUAL(tern_post(st[0], 1, run_count, NULL), -EINVAL);
	CU_ASSERT_EQUAL(tern_post(st[0], 0, NULL, NULL), -EINVAL);
	CU_ASSERT_EQUAL(fill(), 2047); /* before the first poll, too */
	CU_ASSERT_EQUAL(tern_post(st[0], 0, run_count, NULL), -EAGAIN);
	CU_ASSERT_EQUAL(tern_stats_by_name(st[0], "TernPostFull"), 2);
	CU_ASSERT_EQUAL(turn(0, 1), 1);
	CU_ASSERT_EQUAL(ran, BURST); /* a poll's share */
	CU_ASSERT_EQUAL(turn(0, 2047 / BURST), 1);
	CU_ASSERT_EQUAL(ran, 2047);
	CU_ASSERT_EQUAL(tern_post(st[0], 0, run_count, &ran), 0); /* again and again: once a poll */
	CU_ASSERT_EQUAL(turn(0, 100), 1);
	CU_ASSERT_EQUAL(ran, 2147);
	down();
}

/* A worker that drains runs what is there; one that is stopped, or is never run again, drops it. */
static void
test_post_leave(void)
{
	up();
	ran = 0;
	CU_ASSERT_EQUAL(fill(), 2047);
	tern_drain(st[0], 10000);
	CU_ASSERT_EQUAL(turn(0, 10), 1);
	CU_ASSERT_EQUAL(tern_post(st[0], 0, run_count, NULL), 0);
	CU_ASSERT_EQUAL(turn(0, 100), 0);
	CU_ASSERT_EQUAL(ran, 2048);
	CU_ASSERT_EQUAL(tern_post(st[0], 0, run_count, NULL), -ESHUTDOWN);
	CU_ASSERT_EQUAL(tern_stats_by_name(st[0], "TernPostDropped"), 0);
	down();
	up();
	ran = 0;
	CU_ASSERT_EQUAL(fill(), 2047);
	CU_ASSERT_EQUAL(turn(0, 1), 1);
	tern_stop(st[0]);
	CU_ASSERT_EQUAL(turn(0, 1), 0);
	CU_ASSERT_EQUAL(ran, BURST);
	CU_ASSERT_EQUAL(tern_stats_by_name(st[0], "TernPostDropped"), 2047 - BURST);
	CU_ASSERT_EQUAL(tern_post(st[0], 0, run_count, NULL), -ESHUTDOWN);
	down();
	up();
	ran = 0;
	CU_ASSERT_EQUAL(fill(), 2047);
	down();
	CU_ASSERT_EQUAL(ran, 0);
}

/* --- between two steps
 * ------------------------------------------------------------------------------------------------ */

#define CONNS 200u
#define LEN 3000u

struct end {
	struct tern_conn *c; /* NULL: given up, or closed */
	uint32_t sent, got;
	bool shut, done;
};

static void
on_closed(struct tern_conn *c, void *user, int err)
{
	((struct end *)user)->c = NULL;
	((struct end *)user)->done = err == 0;
	closed_bad += err != 0;
}

static const struct tern_ops only_closed = {.closed = on_closed};

/* Whatever is possible now: send LEN bytes, read as many, then FIN, and close behind theirs. @return whether it is
 * done. */
static bool
drive(struct end *e)
{
	uint8_t buf[1000];
	ssize_t n, i;

	if (!e->c)
		return e->done;
	n = e->sent < LEN ? RTE_MIN(LEN - e->sent, sizeof(buf)) : 0;
	for (i = 0; i < n; i++)
		buf[i] = (e->sent + i) * 7;
	n = n ? tern_send(e->c, buf, n, 0) : 0;
	CU_ASSERT_TRUE(n >= 0 || n == -EAGAIN || n == -ENOBUFS);
	e->sent += n > 0 ? n : 0;
	n = tern_recv(e->c, buf, 1 + frames_rand() % sizeof(buf));
	CU_ASSERT_TRUE(n >= 0 || n == -EAGAIN);
	for (i = 0; i < n; i++)
		CU_ASSERT_EQUAL(buf[i], (uint8_t)((e->got + i) * 7));
	e->got += n > 0 ? n : 0;
	if (e->sent == LEN && e->got == LEN && !e->shut) {
		CU_ASSERT_EQUAL(tern_shutdown(e->c, TERN_SHUT_WR), 0);
		e->shut = true;
	}
	if (n == 0) {
		CU_ASSERT_TRUE(e->shut);
		e->done = true;
		tern_close(e->c);
		e->c = NULL;
	}
	return e->done;
}

static bool
is_open(const struct end *e)
{
	struct tern_info info;

	if (e->c)
		tern_conn_info(e->c, &info, sizeof(info));
	return e->c && info.state != TERN_SYN_SENT;
}

/* A whole application between steps: it listens, connects, accepts, sends, receives and closes; nothing is done in
 * callbacks. */
static void
test_between_steps(void)
{
	const struct tern_endpoint at = {.af = TERN_AF_INET, .port = htons(80), .addr = {198, 51, 100, 1}};
	static struct end end[2][CONNS];
	unsigned int i, accepted = 0, done = 0, rounds;
	struct tern_listener *l;
	struct tern_conn *c[8];

	up();
	memset(end, 0, sizeof(end));
	RTE_PER_LCORE(_lcore_id) = SERVER;
	CU_ASSERT_EQUAL(tern_listen(w[SERVER], &at, CONNS, NULL, NULL, &l), 0);
	RTE_PER_LCORE(_lcore_id) = CLIENT;
	for (i = 0; i < CONNS; i++)
		CU_ASSERT_EQUAL(tern_connect(w[CLIENT], NULL, &at, &only_closed, &end[CLIENT][i], &end[CLIENT][i].c),
				0);
	for (rounds = 0; done < 2 * CONNS && rounds < 1000; rounds++) {
		pass(1000);
		RTE_PER_LCORE(_lcore_id) = SERVER;
		while ((i = tern_accept(l, &only_closed, NULL, c, RTE_DIM(c))) > 0)
			while (i--) {
				end[SERVER][accepted].c = c[i];
				tern_conn_set_user(c[i], &only_closed, &end[SERVER][accepted++]);
			}
		for (i = done = 0; i < CONNS; i++)
			done += drive(&end[SERVER][i]);
		RTE_PER_LCORE(_lcore_id) = CLIENT;
		for (i = 0; i < CONNS; i++)
			done += is_open(&end[CLIENT][i]) || end[CLIENT][i].done ? drive(&end[CLIENT][i]) : 0;
	}
	CU_ASSERT_EQUAL(done, 2 * CONNS);
	CU_ASSERT_EQUAL(accepted, CONNS);
	for (i = 0; i < CONNS; i++)
		CU_ASSERT_TRUE(end[SERVER][i].got == LEN && end[CLIENT][i].got == LEN);
	CU_ASSERT_EQUAL(closed_bad, 0);
	RTE_PER_LCORE(_lcore_id) = SERVER;
	tern_listener_close(l);
	for (i = 0; i < 100; i++)
		pass(1000);
	for (i = 0; i < 2; i++) {
		CU_ASSERT_TRUE(worker_idle(w[i], false));
		CU_ASSERT_EQUAL(w[i]->stats[STAT_DROP_TX_FULL], 0);
		CU_ASSERT_EQUAL(w[i]->stats[STAT_ABORT_ON_DATA], 0);
	}
	down();
}

/* Many in one gap: what does not fit in the device's queue waits, and an abort right after a connect leaves nothing. */
static void
test_between_many(void)
{
	const struct tern_endpoint at = {.af = TERN_AF_INET, .port = htons(80), .addr = {198, 51, 100, 1}};
	struct tern_conn *c[256];
	unsigned int i, k;

	up();
	for (k = 0; k < 20; k++) {
		RTE_PER_LCORE(_lcore_id) = CLIENT;
		for (i = 0; i < RTE_DIM(c); i++)
			CU_ASSERT_EQUAL(tern_connect(w[CLIENT], NULL, &at, NULL, NULL, &c[i]), 0);
		CU_ASSERT_EQUAL(tern_connect(w[CLIENT], NULL, &at, NULL, NULL, &c[0]), -ENOMEM);
		for (i = 0; i < RTE_DIM(c); i++)
			k & 1 ? tern_close(c[i]) : tern_abort(c[i]);
		if (k & 2)
			pass(1000);
		CU_ASSERT_EQUAL(turn(CLIENT, 1), 1);
	}
	CU_ASSERT_TRUE(worker_idle(w[CLIENT], true));
	down();
}

int
main(void)
{
	static CU_TestInfo tests[] = {
		{"test_user", test_user},
		{"test_next", test_next},
		{"test_can_sleep", test_can_sleep},
		{"test_timer_time", test_timer_time},
		{"test_timer_stop_start", test_timer_stop_start},
		{"test_timer_from_within", test_timer_from_within},
		{"test_timer_many", test_timer_many},
		{"test_timer_destroy", test_timer_destroy},
		{"test_post_threads", test_post_threads},
		{"test_post_bounds", test_post_bounds},
		{"test_post_leave", test_post_leave},
		{"test_between_steps", test_between_steps},
		{"test_between_many", test_between_many},
		CU_TEST_INFO_NULL,
	};

	if (frames_init_on("(0,1)@0", 16383))
		return 1;
	return suite_run("worker_api", tests);
}
