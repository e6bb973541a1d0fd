/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * --metrics: a server of OpenMetrics beside the role, on the same stack. Every worker listens, as a scraper's SYN may
 * come to any; what is said is of all. The worker takes the request and sends the answer, a thread of our own makes it
 * between: no poll reads counters or prints.
 */
#ifndef METRICS_H
#define METRICS_H
#include <stdio.h>
#include "role.h"

#define METRICS_TYPE "application/openmetrics-text; version=1.0.0; charset=utf-8"

/** Before the workers start, if the options ask for it: what they need. @return 0, or -errno after one line. */
int metrics_open(struct stack *s);
/** No worker runs any more. */
void metrics_close(void);
/** On each worker: listen. @return 0, or -errno after one line. */
int metrics_start(struct stack *s, struct tern_worker *w);
/** Take nothing more, finish what was asked. */
void metrics_drain(struct tern_worker *w);

/** All that there is, to its "# EOF" (metrics_text.c). One thread at a time, not a worker. */
void metrics_write(struct stack *s, FILE *f);
#endif
