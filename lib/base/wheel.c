/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation. Level 0 holds nodes up to 2047 ticks ahead, in slot expiry & 2047; level l those of up to 256
 * times as much as the one below it. A bitmap says which slots are occupied, so the next event (a slot of level 0 that
 * expires or a slot of a higher level that has to be spread) is found in a few words and empty time costs nothing; of a
 * slot that cancelling has emptied it says so until its time or wheel_next() comes, which is cheaper than to look. When
 * time reaches an event the slot's lists are spliced to due[level] in O(1); due nodes are then popped one by one: those
 * whose time has come fire, the others go back into a lower level. Each pop costs one of the caller's budget, so the
 * work of a call is bounded however many nodes share a slot. A node moves at most three times before it fires.
 *
 * A list's next node is known when the one before it is in the cache, so one list is as slow as memory, miss by miss. A
 * slot has several, and they take turns: what the node of one needs comes while the others are handled.
 */
#include <string.h>
#include "base/usual.h"
#include "base/wheel.h"

#define DUES (WHEEL_LEVELS * WHEEL_CHAINS)
#define BIT(i) (UINT64_C(1) << ((i) & 63))

/* Ticks of a level's slot, as a shift. */
static inline unsigned int
shift_of(unsigned int level)
{
	return level ? WHEEL_LOW_BITS + WHEEL_BITS * (level - 1) : 0;
}

static inline unsigned int
slots_of(unsigned int level)
{
	return level ? 1u << WHEEL_BITS : WHEEL_LOW_SLOTS;
}

/* Where a level's slots begin. */
static inline unsigned int
first_of(unsigned int level)
{
	return level ? WHEEL_LOW_SLOTS + ((level - 1) << WHEEL_BITS) : 0;
}

void
wheel_init(struct wheel *w, uint64_t now)
{
	memset(w, 0, sizeof(*w));
	w->now = now;
}

static void
link_node(struct wheel_node **head, struct wheel_node *n)
{
	n->next = *head;
	n->pprev = head;
	if (n->next)
		n->next->pprev = &n->next;
	*head = n;
}

/* Ticks from the wheel's time to n's expiry; may be negative for a due node. */
static int32_t
ahead(const struct wheel *w, const struct wheel_node *n)
{
	return (int32_t)(n->expiry - (uint32_t)w->now);
}

static void
place(struct wheel *w, struct wheel_node *n)
{
	const uint32_t delta = ahead(w, n);
	const uint64_t at = w->now + delta;
	unsigned int i = at & (WHEEL_LOW_SLOTS - 1);

	if (delta >= WHEEL_LOW_SLOTS) {
		const unsigned int level = (31 - __builtin_clz(delta) - WHEEL_LOW_BITS) / WHEEL_BITS + 1;

		i = first_of(level) + ((at >> shift_of(level)) & (slots_of(level) - 1));
	}
	link_node(&w->slot[i][w->turn++ % WHEEL_CHAINS], n);
	w->map[i >> 6] |= BIT(i);
}

void
wheel_arm(struct wheel *w, struct wheel_node *n, uint64_t at)
{
	if (n->pprev)
		wheel_cancel(w, n);
	if (at <= w->now)
		at = w->now + 1;
	n->expiry = (uint32_t)at;
	place(w, n);
	w->armed++;
}

static inline void
unlink_node(struct wheel *w, struct wheel_node *n)
{
	struct wheel_node **head = n->pprev;
	const uintptr_t due = (uintptr_t)head - (uintptr_t)w->due;

	*head = n->next;
	if (n->next)
		n->next->pprev = head;
	else if (due < sizeof(w->due))
		w->n_due &= ~BIT(due / sizeof(*head));
	n->pprev = NULL;
}

void
wheel_cancel(struct wheel *w, struct wheel_node *n)
{
	if (!n->pprev)
		return;
	unlink_node(w, n);
	w->armed--;
}

void
wheel_clear(struct wheel *w)
{
	struct wheel_node **head[] = {&w->due[0][0], &w->slot[0][0]};
	const unsigned int n[] = {DUES, WHEEL_SLOTS * WHEEL_CHAINS};
	unsigned int i, k;

	for (i = 0; i < 2; i++)
		for (k = 0; k < n[i]; k++)
			while (head[i][k])
				wheel_cancel(w, head[i][k]);
}

/* Distance from slot `from` of n to the next occupied one, going round; -1: none. */
static int
next_slot(const uint64_t *map, unsigned int n, unsigned int from)
{
	const unsigned int first = from >> 6, bit = from & 63;
	unsigned int i;
	uint64_t word = map[first] >> bit;

	if (word)
		return __builtin_ctzll(word);
	for (i = 1; i <= n / 64; i++) { /* last the first word again: nothing is left in its high part */
		word = map[(first + i) & (n / 64 - 1)];
		if (word)
			return i * 64 - bit + __builtin_ctzll(word);
	}
	return -1;
}

/* The slot behind the one of the wheel's time, not yet taken round. */
static inline uint64_t
base_of(const struct wheel *w, unsigned int level)
{
	return (w->now >> shift_of(level)) + 1;
}

/* Slots from there to the next that is or was occupied; -1: none. */
static inline int
distance(const struct wheel *w, unsigned int level)
{
	const unsigned int n = slots_of(level);

	return next_slot(&w->map[first_of(level) / 64], n, base_of(w, level) & (n - 1));
}

/* The next tick at which a slot expires or has to be spread, or would have if it was not empty by now. */
static uint64_t
next_event(const struct wheel *w)
{
	uint64_t best = UINT64_MAX;
	unsigned int level;

	for (level = 0; level < WHEEL_LEVELS; level++) {
		const int d = distance(w, level);
		const uint64_t at = (base_of(w, level) + d) << shift_of(level);

		if (d >= 0 && at < best)
			best = at;
	}
	return best;
}

/* due[level] is empty: due lists are drained before time moves. */
static void
splice_due(struct wheel *w, unsigned int level, unsigned int i)
{
	unsigned int chain;

	for (chain = 0; chain < WHEEL_CHAINS; chain++) {
		struct wheel_node *n = w->slot[i][chain];

		if (!n)
			continue;
		if (usual(true))
			__builtin_prefetch(n);
		n->pprev = &w->due[level][chain];
		w->due[level][chain] = n;
		w->n_due |= UINT64_C(1) << (level * WHEEL_CHAINS + chain);
		w->slot[i][chain] = NULL;
	}
	w->map[i >> 6] &= ~BIT(i);
}

/* The first of a due list is there: it has been asked for when it became the first. */
static inline bool
handle(struct wheel *w, struct wheel_node *n, void (*fire)(struct wheel_node *, void *), void *arg)
{
	const bool over = ahead(w, n) <= 0;

	if (usual(n->next != NULL))
		__builtin_prefetch(n->next);
	unlink_node(w, n);
	if (over) {
		w->armed--;
		fire(n, arg);
	} else {
		place(w, n);
	}
	return over;
}

unsigned int
wheel_advance(struct wheel *w, uint64_t now, unsigned int budget, void (*soon)(const struct wheel_node *, void *),
	      void (*fire)(struct wheel_node *, void *), void *arg)
{
	const struct wheel_node *known[DUES] = {NULL}; /* the lists' first ones that soon() was told of */
	unsigned int fired = 0, level, at = 0;
	uint64_t event;

	if (usual(now <= w->now && !w->n_due)) /* most polls: the same tick */
		return 0;
	for (;;) {
		while (w->n_due) { /* the lists in turn */
			const uint64_t later = w->n_due >> at << at;
			const unsigned int i = __builtin_ctzll(later ? later : w->n_due);
			struct wheel_node *n = (&w->due[0][0])[i];

			at = i + 1;
			if (usual(soon && known[i] != n)) {
				known[i] = n;
				soon(n, arg);
				continue;
			}
			if (budget-- == 0)
				return fired;
			fired += handle(w, n, fire, arg);
		}
		event = next_event(w);
		if (event > now) {
			if (now > w->now)
				w->now = now;
			return fired;
		}
		w->now = event;
		for (level = 0; level < WHEEL_LEVELS; level++)
			if ((event & ((UINT64_C(1) << shift_of(level)) - 1)) == 0)
				splice_due(w, level, first_of(level) +
							     ((event >> shift_of(level)) & (slots_of(level) - 1)));
	}
}

static inline bool
is_empty(struct wheel_node *const *slot)
{
	unsigned int chain;

	for (chain = 0; chain < WHEEL_CHAINS; chain++)
		if (slot[chain])
			return false;
	return true;
}

uint64_t
wheel_next(struct wheel *w)
{
	unsigned int level, i;
	int d;

	if (w->n_due)
		return w->now;
	for (level = 0; level < WHEEL_LEVELS; level++)
		while ((d = distance(w, level)) >= 0) {
			i = first_of(level) + ((base_of(w, level) + d) & (slots_of(level) - 1));
			if (!is_empty(w->slot[i]))
				break;
			w->map[i / 64] &= ~BIT(i);
		}
	return next_event(w);
}
