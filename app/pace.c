/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The rate rises evenly, stays, and falls evenly. x counts along its integral: there each connection is 1 after the one
 * before it, or Exp(1) if they arrive as a Poisson process does, whatever the phase; the time is where the integral is
 * x. A rise of up_us holds rate * up_us / 2 of them.
 */
#include <math.h>
#include <rte_random.h>
#include "pace.h"

static double
due(const struct pace *p)
{
	const double up = p->rate * p->up_us / 2, even = p->rate * p->even_us, down = p->rate * p->down_us / 2;

	if (p->x < up)
		return sqrt(p->x / up) * p->up_us;
	if (p->x < up + even)
		return p->up_us + (p->x - up) / p->rate;
	if (p->x < up + even + down)
		return p->up_us + p->even_us + p->down_us * (1 - sqrt(1 - (p->x - up - even) / down));
	return INFINITY;
}

void
pace_next(struct pace *p)
{
	p->x += p->poisson ? -log(((rte_rand() >> 11) + 1) * 0x1p-53) : 1; /* the log of what is in (0, 1] */
	p->due_us = due(p);
}

double
pace_rate(const struct pace *p, double at_us)
{
	const double left_us = p->up_us + p->even_us + p->down_us - at_us, up = p->up_us ? at_us / p->up_us : 1,
		     down = p->down_us ? left_us / p->down_us : 1;

	return 1e6 * p->rate * fmax(fmin(fmin(up, down), 1), 0);
}

void
pace_init(struct pace *p, uint64_t per_s, uint32_t up_ms, uint32_t down_ms, uint32_t end_s, bool poisson)
{
	*p = (struct pace){.rate = per_s / 1e6, .up_us = up_ms * 1e3, .down_us = down_ms * 1e3, .poisson = poisson};
	p->even_us = end_s ? end_s * 1e6 - p->up_us - p->down_us : INFINITY;
	if (poisson)
		pace_next(p);
	p->due_us = due(p);
}
