/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * base/wheel.c against a binary heap: random operations over hundreds of hours of virtual time, with late and bounded
 * calls and callbacks that arm and cancel; ten million timers polled every tick; the cost of long jumps, in pops.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <rte_common.h>
#include "base/wheel.h"
#include "seeded.h"

#define N_NODES 4096
#define OPS 1000000
#define FAR ((1ull << 31) - 1) /* base/wheel.h: the longest deadline */
#define NO_BUDGET UINT32_MAX

/* --- the oracle: a heap of node numbers by full 64-bit expiry ----------------------------------------------------- */

static struct wheel w;
static struct wheel_node nodes[N_NODES];
static uint64_t expiry[N_NODES];
static unsigned int heap[N_NODES], place_of[N_NODES], heaped;
static uint64_t told;     /* nodes that soon() saw */
static uint64_t call_now; /* time of the wheel_advance() under way */
static unsigned int callback_ops;

static void
heap_put(unsigned int at, unsigned int i)
{
	heap[at] = i;
	place_of[i] = at;
}

static void
heap_fix(unsigned int at)
{
	const unsigned int i = heap[at];
	unsigned int kid;

	for (; at && expiry[heap[(at - 1) / 2]] > expiry[i]; at = (at - 1) / 2)
		heap_put(at, heap[(at - 1) / 2]);
	for (; (kid = 2 * at + 1) < heaped; at = kid) {
		if (kid + 1 < heaped && expiry[heap[kid + 1]] < expiry[heap[kid]])
			kid++;
		if (expiry[heap[kid]] >= expiry[i])
			break;
		heap_put(at, heap[kid]);
	}
	heap_put(at, i);
}

static void
heap_drop(unsigned int i)
{
	const unsigned int at = place_of[i];

	if (at != --heaped) {
		heap_put(at, heap[heaped]);
		heap_fix(at);
	}
}

/* Distances of every level, the edges between levels more often than chance would. */
static uint64_t
some_distance(void)
{
	const unsigned int bits = rnd() % 32;
	const uint64_t edge = 1ull << (8 * (1 + rnd() % 3));

	switch (rnd() % 8) {
	case 0:
		return edge - 2 + rnd() % 4;
	case 1:
		return FAR - rnd() % 3;
	default:
		return rnd() & ((1ull << bits) - 1);
	}
}

static void
both_cancel(unsigned int i)
{
	if (wheel_armed(&nodes[i]))
		heap_drop(i);
	wheel_cancel(&w, &nodes[i]);
}

static void
both_arm(unsigned int i)
{
	const uint64_t past = rnd() % 16 == 0 ? rnd() % 1000 : 0;
	uint64_t at = w.now + some_distance();

	if (past)
		at = w.now - RTE_MIN(past, w.now); /* there is no tick before the first */
	if (wheel_armed(&nodes[i]))
		heap_drop(i);
	wheel_arm(&w, &nodes[i], at);
	expiry[i] = at > w.now ? at : w.now + 1;
	heap_put(heaped, i);
	heap_fix(heaped++);
}

static void
random_fire(struct wheel_node *n, void *arg)
{
	const unsigned int i = n - nodes;

	CU_ASSERT_FATAL(arg == &w && i < N_NODES && heaped > 0);
	CU_ASSERT_FATAL(!wheel_armed(n));
	CU_ASSERT_FATAL(expiry[i] == expiry[heap[0]]); /* in order */
	CU_ASSERT_FATAL(expiry[i] <= call_now && expiry[i] == w.now); /* not early, and the callback sees its own
								       * tick */
	heap_drop(i);
	while (rnd() % 4 == 0) {
		callback_ops++;
		switch (rnd() % 4) {
		case 0:
			both_arm(i);
			break;
		case 1:
			both_arm(rnd() % N_NODES);
			break;
		case 2: /* often a node due in the same tick */
			if (heaped)
				both_cancel(heap[0]);
			break;
		default:
			both_cancel(rnd() % N_NODES);
		}
	}
}

static void
check_state(void)
{
	const uint64_t next = wheel_next(&w);

	CU_ASSERT_FATAL(w.armed == heaped);
	CU_ASSERT_FATAL(heaped ? next <= expiry[heap[0]] : next == UINT64_MAX);
	/* exact within the lowest level */
	if (heaped && w.now < next && expiry[heap[0]] >> WHEEL_LOW_BITS == w.now >> WHEEL_LOW_BITS) {
		CU_ASSERT_FATAL(next == expiry[heap[0]]);
	}
}

/* Only what is armed and due, or to be spread, is told of. */
static void
random_soon(const struct wheel_node *n, void *arg)
{
	CU_ASSERT(arg == &w);
	CU_ASSERT_FATAL(n >= nodes && n < nodes + N_NODES && wheel_armed(n));
	told++;
}

static void
advance(uint64_t now, unsigned int budget)
{
	call_now = now;
	CU_ASSERT_FATAL(wheel_advance(&w, now, budget, now & 1 ? random_soon : NULL, random_fire, &w) <= budget);
	CU_ASSERT_FATAL(w.now <= now);
	if (budget == NO_BUDGET) {
		CU_ASSERT_FATAL(w.now == now);
		CU_ASSERT_FATAL(!heaped || expiry[heap[0]] > now);
		CU_ASSERT_FATAL(wheel_next(&w) > now);
	}
}

static void
random_ops(uint64_t start)
{
	uint64_t now = start;
	unsigned int op, i, unfinished = 0;

	memset(nodes, 0, sizeof(nodes));
	heaped = callback_ops = told = 0;
	wheel_init(&w, start);
	for (op = 0; op < OPS; op++) {
		i = rnd() % N_NODES;
		switch (rnd() % 8) {
		case 0:
			now += rnd() & ((1ull << rnd() % 26) - 1);
			advance(now, NO_BUDGET);
			break;
		case 1:
			now += rnd() % 4; /* on time */
			advance(now, 1 + rnd() % 32);
			break;
		case 2:
			now += rnd() & ((1ull << rnd() % 20) - 1);
			advance(now, rnd() % 8);
			unfinished += w.now < now;
			break;
		case 3:
			both_cancel(i);
			break;
		default:
			both_arm(i);
		}
		check_state();
	}
	/* the paths were taken */
	CU_ASSERT(callback_ops > OPS / 100 && unfinished > OPS / 1000 && (told > OPS / 100 || !TERN_SHORTCUTS));
	CU_ASSERT((now - start) * 128 / 1000000 > 24 * 3600);		/* at the worker's 128 us a tick */
	while (heaped)
		both_cancel(heap[0]);
	check_state();
	CU_ASSERT(wheel_advance(&w, now + FAR, NO_BUDGET, NULL, random_fire, &w) == 0);
}

static void
test_random(void)
{
	random_ops(0);
	random_ops((1ull << 32) - 100000); /* the stored expiry wraps */
}

/* --- simple counting callbacks ---------------------------------------------------------------------------------- */

static unsigned int count_fired;
static uint64_t last_fired;

static void
count_fire(struct wheel_node *n, void *arg)
{
	CU_ASSERT((uint32_t)w.now == n->expiry);
	CU_ASSERT(w.now >= last_fired);
	last_fired = w.now;
	count_fired++;
}

/* However many are due, a call does no more than its budget, and calls with a budget get all of it done. */
static void
test_budget(void)
{
	unsigned int i, calls, n;

	wheel_init(&w, 1000);
	memset(nodes, 0, sizeof(nodes));
	count_fired = last_fired = 0;
	for (i = 0; i < N_NODES; i++)
		wheel_arm(&w, &nodes[i], 1000 + 700000); /* one slot of level 2: spread twice, then fired */
	CU_ASSERT_EQUAL(wheel_advance(&w, 700999, 0, NULL, count_fire, NULL), 0);
	for (calls = 0; count_fired < N_NODES && calls < N_NODES; calls++) {
		n = wheel_advance(&w, 701000 + calls, 100, NULL, count_fire, NULL);
		CU_ASSERT(n <= 100);
		CU_ASSERT_EQUAL(w.armed, N_NODES - count_fired);
	}
	CU_ASSERT_EQUAL(count_fired, N_NODES);
	CU_ASSERT(calls <= 3 * N_NODES / 100 + 2);
	CU_ASSERT_EQUAL(wheel_next(&w), UINT64_MAX);
	wheel_init(&w, 1000);
	for (i = 0; i < 2; i++)
		wheel_arm(&w, &nodes[i], 1090);
	last_fired = 0;
	CU_ASSERT_EQUAL(wheel_advance(&w, 1100, 1, NULL, count_fire, NULL), 1);
	CU_ASSERT_EQUAL(wheel_advance(&w, 1050, NO_BUDGET, NULL, count_fire, NULL), 1); /* due is due, and time stays */
	CU_ASSERT_EQUAL(w.now, 1090);
}

/* A node alone costs at most one pop a level, whatever the distance; empty time costs none. */
static void
test_long_jump(void)
{
	static const uint64_t distances[] = {1,     2047,    2048,          2049,    524287,  524288,
					     524289, 1 << 24, (1 << 24) + 1, 3 << 23, FAR - 1, FAR};
	const uint64_t starts[] = { 0, 255, 0xffffff, UINT32_MAX - 5ull, (1ull << 40) + 12345 };
	unsigned int i, k;

	for (k = 0; k < sizeof(starts) / sizeof(*starts); k++)
		for (i = 0; i < sizeof(distances) / sizeof(*distances); i++) {
			const uint64_t at = starts[k] + distances[i];

			wheel_init(&w, starts[k]);
			memset(nodes, 0, sizeof(nodes[0]));
			count_fired = last_fired = 0;
			wheel_arm(&w, &nodes[0], at);
			CU_ASSERT_EQUAL(wheel_advance(&w, at - 1, WHEEL_LEVELS - 1, NULL, count_fire, NULL), 0);
			CU_ASSERT_EQUAL(w.now, at - 1);
			CU_ASSERT_EQUAL(wheel_next(&w), at);
			CU_ASSERT_EQUAL(wheel_advance(&w, at, WHEEL_LEVELS, NULL, count_fire, NULL), 1);
			CU_ASSERT_EQUAL(w.now, at);
			wheel_arm(&w, &nodes[0], at + distances[i]);
			CU_ASSERT_EQUAL(wheel_advance(&w, at + (1ull << 36), WHEEL_LEVELS, NULL, count_fire, NULL), 1);
			CU_ASSERT_EQUAL(last_fired, at + distances[i]);
			CU_ASSERT_EQUAL(wheel_advance(&w, 1ull << 50, 0, NULL, count_fire, NULL),
					0); /* empty: no pop at all */
			CU_ASSERT_EQUAL(w.now, 1ull << 50);
			/* never backwards */
			CU_ASSERT_EQUAL(wheel_advance(&w, 5, NO_BUDGET, NULL, count_fire, NULL), 0);
			CU_ASSERT_EQUAL(w.now, 1ull << 50);
		}
}

/* A driver that sleeps until wheel_next() wakes at most once a level and node, and is never late. */
static void
test_jump_driver(void)
{
	unsigned int i, wakes = 0;
	uint64_t next;

	wheel_init(&w, 77);
	memset(nodes, 0, sizeof(nodes));
	count_fired = last_fired = 0;
	for (i = 0; i < N_NODES; i++)
		wheel_arm(&w, &nodes[i], 77 + some_distance());
	while ((next = wheel_next(&w)) != UINT64_MAX && wakes < 8 * N_NODES) {
		CU_ASSERT(next > w.now); /* progress */
		wheel_advance(&w, next, NO_BUDGET, NULL, count_fire, NULL);
		wakes++;
	}
	CU_ASSERT_EQUAL(count_fired, N_NODES);
	CU_ASSERT(wakes <= WHEEL_LEVELS * N_NODES);
}

/* Cancel and re-arm nodes of the very list that is being drained. */
static bool due_now[8];

static void
rearm_peers(struct wheel_node *n, void *arg)
{
	const unsigned int i = n - nodes;

	CU_ASSERT(due_now[i]); /* neither cancelled nor moved away */
	count_fired++;
	due_now[i] = due_now[(i + 1) % 8] = due_now[(i + 2) % 8] = false;
	wheel_cancel(&w, &nodes[(i + 1) % 8]);
	wheel_arm(&w, &nodes[(i + 2) % 8], w.now + 10);
	wheel_cancel(&w, &nodes[(i + 1) % 8]); /* twice is harmless */
}

static void
test_same_list(void)
{
	static const uint64_t ticks[] = { 5, 512, 65536, 1 << 24 }; /* lists of each level */
	unsigned int i, k, armed;

	for (k = 0; k < 4; k++) {
		wheel_init(&w, 0);
		memset(nodes, 0, sizeof(nodes));
		count_fired = last_fired = 0;
		for (i = 0; i < 8; i++) {
			due_now[i] = true;
			wheel_arm(&w, &nodes[i], ticks[k]);
		}
		wheel_advance(&w, ticks[k], NO_BUDGET, NULL, rearm_peers, NULL);
		CU_ASSERT(count_fired >= 3 && count_fired < 8);
		for (i = 0; i < 8; i++)
			CU_ASSERT(!due_now[i]);
		armed = w.armed;
		count_fired = 0;
		CU_ASSERT_EQUAL(wheel_advance(&w, ticks[k] + 9, NO_BUDGET, NULL, count_fire, NULL), 0);
		CU_ASSERT_EQUAL(wheel_advance(&w, ticks[k] + 10, NO_BUDGET, NULL, count_fire, NULL), armed);
		CU_ASSERT(armed > 0 && count_fired == armed);
	}
}

/* --- ten million ------------------------------------------------------------------------------------------------ */

#define MANY 10000000u
#define SPAN (1u << 20) /* ticks: 134 s */
static uint16_t *due_at; /* nodes still to fire by tick */
static uint64_t many_start;

static void
many_fire(struct wheel_node *n, void *arg)
{
	const uint64_t tick = w.now - many_start;

	if (n->expiry != (uint32_t)w.now || w.now != *(uint64_t *)arg || tick > SPAN || due_at[tick]-- == 0)
		CU_FAIL_FATAL("fired at another tick than armed for");
}

static void
test_many(void)
{
	const size_t bytes = (size_t)MANY * sizeof(struct wheel_node);
	struct wheel_node *n = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t now, fired = 0;
	uint32_t i, late = 0;

	due_at = calloc(SPAN + 1, sizeof(*due_at));
	CU_ASSERT_FATAL(n != MAP_FAILED && due_at);
	many_start = UINT32_MAX - SPAN / 2;
	wheel_init(&w, many_start);
	for (i = 0; i < MANY; i++) {
		const uint32_t d = 1 + rnd() % SPAN;

		due_at[d]++;
		wheel_arm(&w, &n[i], many_start + d);
	}
	CU_ASSERT_EQUAL(w.armed, MANY);
	for (now = many_start + 1; now <= many_start + SPAN; now++) {
		fired += wheel_advance(&w, now, NO_BUDGET, NULL, many_fire, &now);
		late += due_at[now - many_start] != 0;
	}
	CU_ASSERT_EQUAL(fired, MANY);
	CU_ASSERT_EQUAL(late, 0);
	CU_ASSERT_EQUAL(w.armed, 0);
	munmap(n, bytes);
	free(due_at);
}

int
main(void)
{
	static CU_TestInfo tests[] = {
		{"test_budget", test_budget},
		{"test_long_jump", test_long_jump},
		{"test_jump_driver", test_jump_driver},
		{"test_same_list", test_same_list},
		{"test_random", test_random},
		{"test_many", test_many},
		CU_TEST_INFO_NULL,
	};

	return seeded_main("wheel", tests);
}
