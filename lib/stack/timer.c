/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The application's timers stand on the worker's wheel, among those of connections: starting and stopping are O(1),
 * and a worker without any pays nothing. The memory of a struct tern_timer is the application's; what lies in it is
 * struct timer. Before fn runs the node is off the wheel and nothing here looks at it again: fn may start it anew or
 * free it.
 */
#include <errno.h>
#include "tcp/call.h"
#include "stack/timer.h"

struct timer {
	struct wheel_node node;
	uint32_t unused[2];
	uint8_t kind; /* TOBJ_TIMER */
	struct tern_worker *w; /* it was started on */
	void (*fn)(struct tern_timer *t, void *arg);
	void *arg;
};
_Static_assert(offsetof(struct timer, kind) == offsetof(struct tobj, kind), "the wheel's dispatch reads kind");
_Static_assert(sizeof(struct timer) <= sizeof(struct tern_timer), "the application gives it that much");
_Static_assert(TERN_TIMER_MAX_US == TIMER_MAX_MS * 1000, "what the wheel sees ahead");

static struct timer *
timer_of(struct tern_timer *t)
{
	return (struct timer *)t->opaque;
}

void
tern_timer_init(struct tern_timer *t, void (*fn)(struct tern_timer *t, void *arg), void *arg)
{
	*timer_of(t) = (struct timer){.kind = TOBJ_TIMER, .fn = fn, .arg = arg};
}

int
tern_timer_start(struct tern_worker *w, struct tern_timer *timer, uint64_t delay_us)
{
	CALL_ON(w);
	struct timer *t = timer_of(timer);

	if (delay_us > TERN_TIMER_MAX_US)
		return -EINVAL;
	if (wheel_armed(&t->node) && t->w != w)
		return -EBUSY;
	w->n_timers += !wheel_armed(&t->node);
	t->w = w;
	wheel_arm(&w->wheel, &t->node, us_to_tick(w->now_us + delay_us));
	return 0;
}

bool
tern_timer_stop(struct tern_worker *w, struct tern_timer *timer)
{
	CALL_ON(w);
	struct timer *t = timer_of(timer);

	if (!wheel_armed(&t->node) || t->w != w)
		return false;
	wheel_cancel(&w->wheel, &t->node);
	w->n_timers--;
	return true;
}

void
timer_fire(struct wheel_node *n)
{
	struct timer *t = (struct timer *)n;

	t->w->n_timers--;
	t->fn((struct tern_timer *)t, t->arg);
}
