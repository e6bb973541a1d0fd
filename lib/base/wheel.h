/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Hierarchical timer wheel: 2048 slots of a tick, then 3 levels of 256 wider ones, of intrusive doubly linked nodes.
 * Arm, re-arm and cancel are O(1); a node fires in the first wheel_advance() whose `now` is >= its expiry, never
 * before, in expiry order between ticks. Knows no TCP and no clock: ticks are what the caller says (the worker uses
 * TICK_US). Deadlines are at most 2^31 - 1 ticks away; farther ones are clamped by the caller. Theory of operation:
 * wheel.c.
 */
#ifndef WHEEL_H
#define WHEEL_H
#include <stdint.h>
#include <stdbool.h>

struct wheel_node {
	struct wheel_node *next;
	struct wheel_node **pprev; /* NULL: not armed */
	uint32_t expiry;	   /* low 32 bits of the tick */
	uint32_t user;		   /* the owner's: it would be padding */
};

#define WHEEL_LEVELS 4
#define WHEEL_LOW_BITS 11 /* of the lowest level: the usual timeout of 200 ms is within it, and is not moved */
#define WHEEL_BITS 8	  /* of the others */
#define WHEEL_LOW_SLOTS (1u << WHEEL_LOW_BITS)
#define WHEEL_SLOTS (WHEEL_LOW_SLOTS + (WHEEL_LEVELS - 1) * (1u << WHEEL_BITS)) /* of all levels */
#define WHEEL_CHAINS 4u	  /* a slot's lists: a node is only known when the one before it has come from memory */

struct wheel {
	uint64_t now;	/* ticks handled so far */
	uint32_t armed;
	uint32_t turn;	/* the chain of the next node */
	uint64_t n_due; /* chains of due that have nodes, a bit each, level by level */
	struct wheel_node *due[WHEEL_LEVELS][WHEEL_CHAINS]; /* slots whose time has come, not handled yet */
	_Alignas(64) struct wheel_node *slot[WHEEL_SLOTS][WHEEL_CHAINS]; /* the lowest level's first */
	uint64_t map[WHEEL_SLOTS / 64]; /* slots that are or were occupied, so empty time is skipped */
};

void wheel_init(struct wheel *w, uint64_t now);
/** Arm at tick `at` (clamped to now + 1 when in the past), re-arming if armed already. */
void wheel_arm(struct wheel *w, struct wheel_node *n, uint64_t at);
void wheel_cancel(struct wheel *w, struct wheel_node *n);
void wheel_clear(struct wheel *w); /* cancels all */
static inline bool
wheel_armed(const struct wheel_node *n)
{
	return n->pprev != (void *)0;
}
/**
 * Move time to `now` and call fire(node, arg) for nodes whose time has come; fire may arm and cancel any node, itself
 * included. At most `budget` nodes are fired or cascaded; the rest comes in the next call (so a poll is bounded).
 * soon(node, arg) comes some nodes earlier, to fetch what fire() will touch; maybe without fire(), or more than once.
 * NULL: nothing is fetched but the nodes.
 * @return nodes fired.
 */
unsigned int wheel_advance(struct wheel *w, uint64_t now, unsigned int budget,
			   void (*soon)(const struct wheel_node *, void *), void (*fire)(struct wheel_node *, void *),
			   void *arg);
/** A tick at or before the earliest expiry (exact within the lowest level), UINT64_MAX when none is armed. */
uint64_t wheel_next(struct wheel *w);
#endif
