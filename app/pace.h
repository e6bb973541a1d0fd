/* SPDX-License-Identifier: BSD-3-Clause */
/* When each connection of an open loop is to start. */
#ifndef PACE_H
#define PACE_H
#include <stdbool.h>
#include <stdint.h>

struct pace {
	double rate;                /* of the middle phase, a microsecond */
	double up_us, even_us, down_us; /* how long each phase is; even_us may be infinite */
	double x;                   /* connections expected until the next one */
	double due_us;              /* after the start, the next one is to start; infinite: none is */
	bool poisson; /* drawn by rte_rand() */
};

/** per_s > 0; end_s 0: no end. The ramps are part of end_s. */
void pace_init(struct pace *p, uint64_t per_s, uint32_t up_ms, uint32_t down_ms, uint32_t end_s, bool poisson);
/** It started: the one after it. */
void pace_next(struct pace *p);
/** The rate a second, so long after the start. */
double pace_rate(const struct pace *p, double at_us);
#endif
