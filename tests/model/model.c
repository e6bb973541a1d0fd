/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Exhaustive search in a small scope. A state is two workers, what is on the wire, and two applications (world.c,
 * ends.c). From each state everything that can come next is tried, one after the other, by the real code: the oldest
 * frame of a direction arrives, is lost, arrives and stays (so it comes twice), or is overtaken by the next, while the
 * scope's budget lets it; an end opens, sends, shuts down, closes or aborts; time goes to the next deadline, also
 * while frames are on their way if the budget lets it. Then memory is put back, and the next is tried. A state that
 * was seen before, by a hash of all that decides what can come (hash.c), is not followed again, so the search ends.
 *
 * In every state every invariant holds, what was received is what was sent, and what an end is told of the
 * connection's end has a reason in what both did. Where nothing more can come, both were told, once, and every pool is
 * full: else the two are stuck. If both left in order, both were told 0 and have all bytes.
 *
 *	model [-v] [--all] [--loss N] [--dup N] [--reorder N] [--late N] [--sends A,B] [--simultaneous]
 *	      [--ipv6] [--timestamps]
 *
 * Without options: small scopes, in seconds, and two mistakes that are made on purpose and have to be found. --all:
 * the large ones, in minutes. Options of a scope: that one.
 */
#include <getopt.h>
#include <stdarg.h>
#include <time.h>
#include <rte_eal.h>
#include "stack/check.h"
#include "model.h"
#include "../random.h"

#define DEPTH_MAX 600u

struct scope scope;
bool model_wrong;
static bool wire_wrong; /* a FIN arrives as RST */
static bool quiet;	/* the fault is expected */

static uint64_t *seen;
static unsigned int seen_bits = 20; /* a table of so many entries */
static uint64_t n_states, n_steps, n_ends;
static unsigned int depth, deepest;
static uint8_t *saves[DEPTH_MAX];
static struct choice path[DEPTH_MAX];
static bool bad;

static const char *const names[N_STEPS] = {"deliver", "lose",      "double", "overtake", "open",
					   "send",    "shut down", "close",  "abort",    "time"};

void
fault(const char *fmt, ...)
{
	va_list ap;

	if (!bad && !quiet) {
		printf("FAULT: ");
		va_start(ap, fmt);
		vprintf(fmt, ap);
		va_end(ap);
		printf("\n  after");
		for (unsigned int i = 0; i < depth; i++)
			printf("%s %s %c", i ? "," : "", names[path[i].step],
			       path[i].step == TIME ? ' ' : 'A' + path[i].end);
		putchar('\n');
	}
	bad = true;
}

/* @return true if it is new. */
static bool
note(uint64_t hash)
{
	const uint64_t mask = (1ull << seen_bits) - 1;
	uint64_t i = hash >> (64 - seen_bits);

	hash |= !hash;
	for (; seen[i]; i = (i + 1) & mask)
		if (seen[i] == hash)
			return false;
	seen[i] = hash;
	if (++n_states > mask / 8 * 7)
		fault("more states than there is room for");
	return true;
}

static unsigned int
choices(struct choice *c)
{
	const bool late = !m.n_fly[0] && !m.n_fly[1];
	unsigned int n = 0;

	for (uint8_t i = 0; i < 2; i++) {
		if (m.n_fly[i]) {
			c[n++] = (struct choice){DELIVER, i};
			if (m.left.loss)
				c[n++] = (struct choice){LOSE, i};
			if (m.left.dup)
				c[n++] = (struct choice){DOUBLE, i};
			if (m.left.reorder && m.n_fly[i] > 1)
				c[n++] = (struct choice){OVERTAKE, i};
		}
		for (uint8_t s = OPEN; s <= ABORT; s++)
			if (ends_may(s, i))
				c[n++] = (struct choice){s, i};
	}
	if ((late || m.left.late) && world_next() != UINT64_MAX)
		c[n++] = (struct choice){TIME, 0};
	return n;
}

/* On the wire a bit of the flags changes, and the sum with it. */
static void
spoil(struct flying *f)
{
	uint8_t *t = f->p + (scope.af == 4 ? 34 : 54);
	uint32_t sum;

	if (!(t[13] & TCP_FIN))
		return;
	t[13] ^= TCP_FIN | TCP_RST;
	sum = (t[16] << 8 | t[17]) - (TCP_RST - TCP_FIN) + 0xffff;
	sum = (sum & 0xffff) + (sum >> 16);
	t[16] = sum >> 8;
	t[17] = sum;
}

static void
act(struct choice c)
{
	switch (c.step) {
	case DOUBLE:
		m.left.dup--;
		world_deliver(c.end, false, true);
		return;
	case OVERTAKE:
		m.left.reorder--;
		world_deliver(c.end, true, false);
		return;
	case DELIVER:
		if (wire_wrong)
			spoil(&m.fly[c.end][0]);
		world_deliver(c.end, false, false);
		return;
	case LOSE:
		m.left.loss--;
		world_forget(c.end);
		return;
	case TIME:
		if (m.n_fly[0] || m.n_fly[1])
			m.left.late--;
		m.now_us = world_next();
		break;
	default:
		ends_do(c.step, c.end);
	}
	world_run();
}

static void
explore(void)
{
	struct choice c[32];
	const unsigned int n = choices(c);

	if (!n) {
		n_ends++;
		ends_judge();
		return;
	}
	if (depth == DEPTH_MAX - 1) {
		fault("the path does not end");
		return;
	}
	deepest = RTE_MAX(deepest, depth);
	if (!saves[depth])
		saves[depth] = malloc(world_size() + (64 << 10));
	world_save(saves[depth]);
	for (unsigned int i = 0; i < n && !bad; i++) {
		if (i)
			world_restore(saves[depth]);
		path[depth++] = c[i];
		if ((++n_steps & 0xfffff) == 0) /* of a large scope */
			printf("... %lu states, %lu transitions\n", n_states, n_steps);
		act(c[i]);
		if (!bad && note(world_hash()))
			explore();
		depth--;
	}
}

static uint64_t rng;

static double
clock_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static uint64_t all_states, all_steps;

/* @return whether a fault was found. */
static bool
search(const struct scope *s)
{
	const double began = clock_s();

	scope = *s;
	rng = 1;
	bad = false;
	depth = deepest = n_states = n_steps = n_ends = 0;
	free(seen);
	seen = calloc(1ull << seen_bits, sizeof(seen[0])); /* untouched memory costs nothing */
	if (!seen) {
		fault("no memory");
		return true;
	}
	world_start();
	note(world_hash());
	explore();
	all_states += n_states;
	all_steps += n_steps;
	if (quiet)
		return bad;
	printf("IPv%u%s, %s open, loss %u dup %u reorder %u late %u, sends %u and %u: %lu states, %lu transitions, %lu "
	       "ends, depth %u, "
	       "%.1f s%s\n",
	       s->af, s->timestamps ? " with timestamps" : "", s->simultaneous ? "simultaneous" : "passive",
	       s->most.loss, s->most.dup, s->most.reorder, s->most.late, s->sends[0], s->sends[1], n_states, n_steps,
	       n_ends, deepest, clock_s() - began, bad ? ": FAULT" : "");
	return bad;
}

static const struct scope small[] = {
#ifdef __SANITIZE_ADDRESS__ /* ten times as slow */
	{.af = 4, .sends = {1, 0}},
	{.af = 6, .simultaneous = true},
#else
	{.af = 4, .most = {.loss = 1}, .sends = {1, 0}},
	{.af = 6, .most = {.dup = 1}, .timestamps = true},
	{.af = 4, .most = {.reorder = 1}, .sends = {1, 0}},
	{.af = 6, .most = {.late = 1}},
	{.af = 4, .sends = {1, 0}, .simultaneous = true},
	{.af = 6, .most = {.loss = 1}, .simultaneous = true},
#endif
};
static const struct scope large[] = {
	{.af = 4, .most = {.loss = 1}, .sends = {1, 1}},
	{.af = 4, .most = {.loss = 1}, .sends = {1, 0}, .simultaneous = true},
	{.af = 4, .most = {.loss = 2, .dup = 1, .reorder = 1}},
	{.af = 4, .most = {.loss = 2, .dup = 1, .reorder = 1}, .sends = {1, 0}},
	{.af = 4, .most = {.loss = 1, .late = 1}, .sends = {1, 1}},
	{.af = 4, .most = {.loss = 2, .dup = 1, .reorder = 1}, .simultaneous = true},
	{.af = 6, .most = {.loss = 2}, .sends = {2, 1}, .timestamps = true},
};

/* Mistakes that must be found. @return how many were not. */
static unsigned int
mutants(void)
{
	static const struct scope s = {.af = 4, .sends = {1, 1}};
	bool *const wrong[] = {&model_wrong, &wire_wrong};
	unsigned int missed = 0;

	quiet = true;
	for (unsigned int i = 0; i < RTE_DIM(wrong); i++) {
		*wrong[i] = true;
		missed += !search(&s);
		*wrong[i] = false;
	}
	quiet = false;
	printf("mistakes on purpose: %zu, not found: %u\n", RTE_DIM(wrong), missed);
	return missed;
}

static int
start(void)
{
	char *eal[] = {"model",          "--no-huge", "--no-pci", "--no-shconf",       "-m", "64",
		       "--no-telemetry", "-l",        "0",        "--log-level=error", NULL};

	secrets_from(&rng);
	if (rte_eal_init(RTE_DIM(eal) - 1, eal) < 0 || world_init())
		return -1;
	setvbuf(stdout, NULL, _IOLBF, 0);
	return 0;
}

static const struct option opts[] = {{"all", 0, NULL, 'a'},          {"loss", 1, NULL, 'l'},
				     {"dup", 1, NULL, 'd'},          {"reorder", 1, NULL, 'r'},
				     {"late", 1, NULL, 't'},         {"sends", 1, NULL, 's'},
				     {"simultaneous", 0, NULL, 'b'}, {"ipv6", 0, NULL, '6'},
				     {"timestamps", 0, NULL, 'p'},   {NULL}};

int
main(int argc, char **argv)
{
	struct scope one = {.af = 4};
	const double began = clock_s();
	const struct scope *list = small;
	unsigned int n = RTE_DIM(small), failed = 0, n_inv;
	uint64_t checks;
	int o;

	while ((o = getopt_long(argc, argv, "", opts, NULL)) != -1) {
		if (o == '?')
			return 2;
		n = 1;
		list = &one;
		if (o == 'a')
			list = large, n = RTE_DIM(large);
		one.most.loss = o == 'l' ? atoi(optarg) : one.most.loss;
		one.most.dup = o == 'd' ? atoi(optarg) : one.most.dup;
		one.most.reorder = o == 'r' ? atoi(optarg) : one.most.reorder;
		one.most.late = o == 't' ? atoi(optarg) : one.most.late;
		if (o == 's')
			one.sends[0] = optarg[0] - '0', one.sends[1] = optarg[1] && optarg[2] ? optarg[2] - '0' : 0;
		one.simultaneous |= o == 'b';
		one.timestamps |= o == 'p';
		one.af = o == '6' ? 6 : one.af;
	}
	if (list != small)
		seen_bits = 26;
	if (start())
		return 2;
	for (unsigned int i = 0; i < n; i++)
		failed += search(&list[i]);
	if (list == small)
		failed += mutants();
	n_inv = check_count(&checks);
	printf("model: %lu states, %lu transitions, %.1f s, %zu bytes a state; %u invariants, checked %lu times\n",
	       all_states, all_steps, clock_s() - began, world_size(), n_inv, checks);
	return failed != 0;
}
