/* SPDX-License-Identifier: BSD-3-Clause */
/* What a role counted until now, under names, for whoever writes it down (record.h). Names are part of what
 * docs/report.md promises. */
#ifndef TALLY_H
#define TALLY_H
#include "hist.h"
#include "tern.h"

#define TALLY_COUNTS 24u
#define TALLY_FAILURES 8u
#define TALLY_TIMES 10u
#define TALLY_LAST 4u

/* A connection that failed. */
struct lost {
	struct tern_endpoint local, remote; /* local.af 0: it had none */
	uint64_t at_us;                     /* since the load began */
};

struct tally {
	unsigned int n_counts, n_failures, n_times;
	const char *count_names[TALLY_COUNTS], *failure_names[TALLY_FAILURES], *failure_texts[TALLY_FAILURES],
		*time_names[TALLY_TIMES];
	uint64_t counts[TALLY_COUNTS], failures[TALLY_FAILURES];
	struct hist times[TALLY_TIMES];
	struct lost last[TALLY_FAILURES][TALLY_LAST]; /* of each kind of failure the latest, that one first */
	unsigned int n_last[TALLY_FAILURES];
	uint8_t agreed; /* TERN_INFO_*, of a first connection; mss 0: there was none */
	uint16_t mss;
	bool late;   /* more than one in a thousand was started late */
	bool waited; /* for ports or objects */
};
#endif
