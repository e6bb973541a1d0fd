/* SPDX-License-Identifier: BSD-3-Clause */
/* record*.c only: the formats. */
#ifndef RECORD_OWN_H
#define RECORD_OWN_H
#include <jansson.h>
#include "sample.h"

#define RECORD_VERSION 1

/* A stack, and its samples. */
struct side {
	const struct stack *s;
	struct sample begin, stop, last, now;
};

/* record_json.c: NULL when there is no memory */
json_t *record_start(const struct side *v, unsigned int n, double interval_s);
/** What happened between `last` and `now`. settling: the load is over. */
json_t *record_interval(const struct side *v, unsigned int n, bool settling);
json_t *record_last(const struct side *v, unsigned int n, uint64_t failed);

/* record_csv.c */
void record_csv_head(FILE *f);
void record_csv_line(FILE *f, const struct side *v, bool settling);
#endif
