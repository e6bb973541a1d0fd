/* SPDX-License-Identifier: BSD-3-Clause */
/* Names of the counters and what they count, from the one list in stats.h. */
#include "base/stats.h"

static const char *const names[] = {
#define X(sym, name, text) name,
	STATS_COUNTERS(X) STATS_DROPS(X)
#undef X
};

const char *
stats_name(unsigned int i)
{
	return i < STAT_COUNT ? names[i] : "?";
}

static const char *const texts[] = {
#define X(sym, name, text) text,
	STATS_COUNTERS(X) STATS_DROPS(X)
#undef X
};

const char *
stats_help(unsigned int i)
{
	return i < STAT_COUNT ? texts[i] : "?";
}
