/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation. Four levels of 256 slots; level l holds nodes 256^l to 256^(l+1) - 1 ticks ahead, in slot
 * (expiry >> 8l) & 255. A bitmap a level says which slots are occupied, so the next event (a slot of level 0 that
 * expires or a slot of a higher level that has to be spread) is found in a few words and empty time costs nothing.
 * When time reaches an event the slot's list is spliced to due[level] in O(1); due nodes are then popped one by one:
 * those whose time has come fire, the others go back into a lower level. Each pop costs one of the caller's budget, so
 * the work of a call is bounded however many nodes share a slot. A node moves at most three times before it fires.
 */
#include <string.h>
#include "base/usual.h"
#include "base/wheel.h"

static uint64_t *
map_word(struct wheel *w, unsigned int level, unsigned int slot)
{
	return &w->map[level][slot >> 6];
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
	const unsigned int level = (31 - __builtin_clz(delta | 1)) / WHEEL_BITS;
	const uint64_t at = w->now + delta;
	const uint64_t i =
		level * WHEEL_SLOTS | ((at >> (level * WHEEL_BITS)) & (WHEEL_SLOTS - 1)); /* of all levels' slots */

	link_node((struct wheel_node **)w->slot + i, n);
	((uint64_t *)w->map)[i >> 6] |= 1ull << (i & 63);
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

static void
unlink_node(struct wheel *w, struct wheel_node *n)
{
	struct wheel_node **head = n->pprev;

	*head = n->next;
	if (n->next) {
		n->next->pprev = head;
	} else if ((uintptr_t)head - (uintptr_t)w->slot < sizeof(w->slot)) { /* last of its slot */
		const unsigned int i = ((uintptr_t)head - (uintptr_t)w->slot) / sizeof(*head);

		*map_word(w, i >> WHEEL_BITS, i & (WHEEL_SLOTS - 1)) &= ~(1ull << (i & 63));
	}
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
	struct wheel_node **head[] = {w->due, w->slot[0]};
	const unsigned int n[] = {WHEEL_LEVELS, WHEEL_LEVELS * WHEEL_SLOTS};
	unsigned int i, k;

	for (i = 0; i < 2; i++)
		for (k = 0; k < n[i]; k++)
			while (head[i][k])
				wheel_cancel(w, head[i][k]);
}

/* Distance (0..255) from slot `from` to the next occupied slot of a level, going round; -1: none. */
static int
next_slot(const uint64_t *map, unsigned int from)
{
	const unsigned int first = from >> 6, bit = from & 63;
	unsigned int i;
	uint64_t word = map[first] >> bit;

	if (word)
		return __builtin_ctzll(word);
	for (i = 1; i <= WHEEL_SLOTS / 64; i++) { /* last the first word again: nothing is left in its high part */
		word = map[(first + i) & (WHEEL_SLOTS / 64 - 1)];
		if (word)
			return i * 64 - bit + __builtin_ctzll(word);
	}
	return -1;
}

/* The next tick at which a slot expires or has to be spread. */
static uint64_t
next_event(const struct wheel *w)
{
	uint64_t best = UINT64_MAX;
	unsigned int level;

	for (level = 0; level < WHEEL_LEVELS; level++) {
		const uint64_t base = (w->now >> (level * WHEEL_BITS)) + 1;
		const int d = next_slot(w->map[level], base & (WHEEL_SLOTS - 1));
		const uint64_t at = (base + d) << (level * WHEEL_BITS);

		if (d >= 0 && at < best)
			best = at;
	}
	return best;
}

static void
splice_due(struct wheel *w, unsigned int level, unsigned int slot)
{
	struct wheel_node *n = w->slot[level][slot];

	w->due[level] = n; /* empty before: due lists are drained before time moves */
	if (n)
		n->pprev = &w->due[level];
	w->slot[level][slot] = NULL;
	*map_word(w, level, slot) &= ~(1ull << (slot & 63));
}

unsigned int
wheel_advance(struct wheel *w, uint64_t now, unsigned int budget, void (*fire)(struct wheel_node *, void *), void *arg)
{
	unsigned int fired = 0, level;
	uint64_t event;

	if (usual(now <= w->now && !(w->due[0] || w->due[1] || w->due[2] || w->due[3]))) /* most polls: the same tick */
		return 0;
	for (;;) {
		for (level = 0; level < WHEEL_LEVELS; level++) {
			while (w->due[level]) {
				struct wheel_node *n = w->due[level];

				if (budget-- == 0)
					return fired;
				if (usual(n->next != NULL))
					__builtin_prefetch(n->next);
				unlink_node(w, n);
				if (ahead(w, n) > 0) {
					place(w, n);
					continue;
				}
				w->armed--;
				fired++;
				fire(n, arg);
			}
		}
		event = next_event(w);
		if (event > now) {
			if (now > w->now)
				w->now = now;
			return fired;
		}
		w->now = event;
		for (level = 0; level < WHEEL_LEVELS; level++)
			if ((event & ((1ull << (level * WHEEL_BITS)) - 1)) == 0)
				splice_due(w, level, (event >> (level * WHEEL_BITS)) & (WHEEL_SLOTS - 1));
	}
}

uint64_t
wheel_next(const struct wheel *w)
{
	unsigned int level;

	for (level = 0; level < WHEEL_LEVELS; level++)
		if (w->due[level])
			return w->now;
	return next_event(w);
}
