/* SPDX-License-Identifier: BSD-3-Clause */
/* Names and meanings of the counters, from the one list in stats.h. */
#include "base/stats.h"

static const struct {
	const char *name, *text;
} counters[] = {
#define X(sym, name, text) {name, text},
	STATS_COUNTERS(X) STATS_DROPS(X)
#undef X
};

const char *
stats_name(unsigned int i)
{
	return i < STAT_COUNT ? counters[i].name : "?";
}

const char *
stats_text(unsigned int i)
{
	return i < STAT_COUNT ? counters[i].text : "?";
}
