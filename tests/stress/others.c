/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Threads beside the workers: two post calls, in bursts that a ring can take and such that it cannot; one reads all
 * that may be read and writes log lines, as the calls that were posted do on the workers.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <rte_ring.h>
#include "base/log.h"
#include "stack/engine.h"
#include "../random.h"
#include "stress.h"

#define POSTERS 2u
#define RING_FULL 2500u

struct poster {
	pthread_t thread;
	uint64_t rng;
	uint32_t next[WORKERS]; /* number of the next call */
	uint64_t taken, refused;
};

static struct poster posters[POSTERS];
static uint32_t ran_last[WORKERS][POSTERS]; /* a worker's own: the last call's number */
static uint64_t ran[WORKERS];
static pthread_t watcher;
static pthread_rwlock_t use = PTHREAD_RWLOCK_INITIALIZER; /* of `stack`; workers know nothing of it */
static struct tern *stack;
static unsigned int generation;
static bool over;
static uint64_t lines, looks;

/* --- calls ------------------------------------------------------------------------------------------------------- */

static void
posted(struct tern_worker *w, void *arg)
{
	const unsigned int i = tern_worker_index(w), by = (uintptr_t)arg >> 32;
	const uint32_t number = (uintptr_t)arg;

	if (number <= ran_last[i][by])
		fault("worker %u: call %u of thread %u ran after call %u", i, number, by, ran_last[i][by]);
	ran_last[i][by] = number;
	ran[i]++;
	if (number % 4096 == 0)
		LOG(NOTICE, "call %u of thread %u on worker %u", number, by, i);
}

static void
post(struct poster *p)
{
	const unsigned int i = random_next(&p->rng) % WORKERS;
	const uint64_t by = p - posters;
	const int rc = tern_post(stack, i, posted, (void *)(uintptr_t)(by << 32 | (p->next[i] + 1)));

	if (rc == 0) {
		p->next[i]++;
		p->taken++;
	} else if (rc == -EAGAIN || rc == -ESHUTDOWN) {
		p->refused++;
	} else {
		fault("tern_post(): %d", rc);
	}
}

static void *
poster_main(void *arg)
{
	struct poster *p = arg;
	uint64_t n;

	while (!__atomic_load_n(&over, __ATOMIC_ACQUIRE)) {
		n = random_next(&p->rng) % 64 ? random_next(&p->rng) % 64 : RING_FULL;
		pthread_rwlock_rdlock(&use);
		while (stack && n--)
			post(p);
		pthread_rwlock_unlock(&use);
		usleep(random_next(&p->rng) % 1000);
	}
	return NULL;
}

/* --- watching --------------------------------------------------------------------------------------------------- */

static void
on_line(int level, const char *line, void *arg)
{
	if (level < 6)
		fprintf(stderr, "%s\n", line);
	__atomic_fetch_add(&lines, 1, __ATOMIC_RELAXED);
}

/* Counters of one worker never go back. */
static void
look_at_counters(unsigned int i, bool fresh)
{
	static uint64_t last[WORKERS][STAT_COUNT];
	unsigned int k;

	for (k = 0; k < STAT_COUNT; k++) {
		const uint64_t v = tern_stats_get(stack, i, k);

		if (!fresh && v < last[i][k])
			fault("worker %u: %s went from %lu to %lu", i, tern_stats_name(k), last[i][k], v);
		last[i][k] = v;
	}
}

static void
look(bool fresh)
{
	char text[16384];
	struct tern_gauges g;
	struct tern_pool p;
	struct tern_port_stats s;
	unsigned int i;

	for (i = 0; i < WORKERS; i++)
		look_at_counters(i, fresh);
	tern_gauges_get(stack, -1, &g, sizeof(g));
	if (g.conns > g.conns_max || g.requests > g.requests_max || g.mbufs_free > g.mbufs_max)
		fault("gauges: %u connections, %u requests, %u mbufs free", g.conns, g.requests, g.mbufs_free);
	for (i = 0; i < tern_pools_count(); i++) {
		tern_pools_get(stack, -1, i, &p, sizeof(p));
		if (p.used > p.max)
			fault("pool %s: %lu of %lu in use", p.name, p.used, p.max);
	}
	if (tern_stats_text(stack, -1, text, sizeof(text)) >= sizeof(text) ||
	    tern_port_stats_get(stack, 0, &s, sizeof(s)) < 0)
		fault("no statistics");
	LOG(NOTICE, "%u connections", g.conns);
	looks++;
}

static void *
watcher_main(void *arg)
{
	unsigned int seen = 0;

	while (!__atomic_load_n(&over, __ATOMIC_ACQUIRE)) {
		pthread_rwlock_rdlock(&use);
		if (stack) {
			look(seen != generation);
			seen = generation;
		}
		pthread_rwlock_unlock(&use);
		usleep(300);
	}
	return NULL;
}

/* --- for the main thread ---------------------------------------------------------------------------------------- */

void
others_start(uint64_t seed)
{
	unsigned int i;

	tern_log_set(on_line, NULL);
	for (i = 0; i < POSTERS; i++) {
		posters[i].rng = mix(seed + i + 1);
		if (pthread_create(&posters[i].thread, NULL, poster_main, &posters[i]))
			fault("no thread");
	}
	if (pthread_create(&watcher, NULL, watcher_main, NULL))
		fault("no thread");
}

void
others_may_use(struct tern *t)
{
	pthread_rwlock_wrlock(&use);
	stack = t;
	generation++;
	pthread_rwlock_unlock(&use);
}

void
others_check(const struct tern *t)
{
	static uint64_t dropped, left;
	uint64_t taken = 0, all = 0;
	unsigned int i;

	for (i = 0; i < POSTERS; i++)
		taken += posters[i].taken;
	for (i = 0; i < WORKERS; i++) {
		dropped += t->engines[i]->w->stats[STAT_POST_DROPPED];
		left += rte_ring_count(t->engines[i]->posts);
		all += ran[i];
	}
	if (taken != all + dropped + left)
		fault("%lu calls were taken, %lu ran, %lu were dropped", taken, all, dropped + left);
}

void
others_stop(void)
{
	unsigned int i;

	__atomic_store_n(&over, true, __ATOMIC_RELEASE);
	for (i = 0; i < POSTERS; i++) {
		pthread_join(posters[i].thread, NULL);
		printf("thread %u posted %lu calls, %lu were refused\n", i, posters[i].taken, posters[i].refused);
	}
	pthread_join(watcher, NULL);
	printf("%lu looks at all counters, gauges and pools; %lu log lines\n", looks, lines);
}
