/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The promise of lazy timers (tcp/timer.c): between bursts the wheel's node of a connection stands at or before its earliest
 * deadline. A deadline behind the node is met late, or never.
 */
#ifndef DEADLINES_H
#define DEADLINES_H
#include <stdio.h>
#include <string.h>
#include "tcp/tcp.h"

struct deadlines {
	struct tern_worker *w;
	char what[200]; /* of the first connection that breaks it; empty: none */
};

static inline void
deadlines_one(struct tobj *o, void *arg)
{
	const struct tern_conn *c = (const struct tern_conn *)o;
	struct deadlines *d = arg;
	const char *which = "rto";
	uint64_t at, tick;

	if (o->kind != TOBJ_CONN || *d->what)
		return;
	at = c->rto_at - 1; /* 0 is none: less one it is later than all */
	if (c->delack_at - 1 < at)
		at = c->delack_at - 1, which = "delack";
	if (c->misc_at - 1 < at)
		at = c->misc_at - 1, which = "misc";
	if (c->keep_at - 1 < at)
		at = c->keep_at - 1, which = "keep";
	if (at++ == UINT64_MAX)
		return;
	tick = us_to_tick(RTE_MAX(at, d->w->now_us + 1)); /* what is due already fires with the next tick */
	if (!wheel_armed(&c->timer) || (int32_t)(c->timer.expiry - (uint32_t)tick) > 0)
		snprintf(d->what, sizeof(d->what), "state %u flags %#x pend %#x: %s deadline in %lld us, node %s in %lld", c->state,
			 c->flags, c->pend, which, (long long)(at - d->w->now_us), wheel_armed(&c->timer) ? "fires" : "is not armed",
			 ((long long)(int32_t)(c->timer.expiry - (uint32_t)(d->w->now_us >> TICK_SHIFT))) << TICK_SHIFT);
}

/** @return what is wrong with the first connection of w whose deadline its node would miss, or NULL. */
static inline const char *
deadlines_missed(struct tern_worker *w, struct deadlines *d)
{
	d->w = w;
	*d->what = 0;
	table_walk(&w->table, deadlines_one, d);
	return *d->what ? d->what : NULL;
}
#endif
