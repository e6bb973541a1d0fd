/* SPDX-License-Identifier: BSD-3-Clause */
/* What a stack and its role have counted until now: of two such, what happened between. Control thread. */
#ifndef SAMPLE_H
#define SAMPLE_H
#include "role.h"
#include "tally.h"

enum { S_ESTABLISHED, S_CLOSED, S_SEGS_IN, S_SEGS_OUT, S_RETRANSMITTED, S_DROPPED, S_NOMBUF, N_SAMPLE };
extern const char *const sample_names[N_SAMPLE];

struct sample {
	double at_s; /* since the load began */
	uint64_t n[N_SAMPLE];
	struct tern_gauges all, worker[TERN_WORKER_MAX];
	struct tally t;
};

void sample_take(const struct stack *s, double at_s, struct sample *v);
/** "client", or "server". */
const char *sample_side(const struct stack *s);
/** Share of the time between two samples in which worker w, or all for w < 0, moved a packet or fired a timer: 0..1. */
double sample_busy(const struct sample *now, const struct sample *before, int w);
/** The role's number of this name since *before; NULL: since it began. @return false when it has none. */
bool sample_count(const struct sample *now, const struct sample *before, const char *name, uint64_t *n);
uint64_t sample_failed(const struct sample *now, const struct sample *before);
/** How many a second, of n since *before. */
double sample_rate(const struct sample *now, const struct sample *before, uint64_t n);
#endif
