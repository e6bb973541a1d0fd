/* SPDX-License-Identifier: BSD-3-Clause */
/* --csv: a line for each interval and side. The columns are the same for every role; what a side has not is empty. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "record_own.h"

static const char *const counts[] = {"opened", "accepted", "done", "requests", "bytes", "late"};
static const char *const times[] = {"connect", "first_byte", "response", "whole"};
static const double quantiles[] = {0.5, 0.9, 0.99, 0.999};

void
record_csv_head(FILE *f)
{
	unsigned int i;

	fputs("from_s,to_s,side,settling,established_per_s,open,half_open,time_wait,busy", f);
	for (i = 0; i < N_SAMPLE; i++)
		fprintf(f, ",%s", sample_names[i]);
	for (i = 0; i < RTE_DIM(counts); i++)
		fprintf(f, ",%s", counts[i]);
	fputs(",failed", f);
	for (i = 0; i < RTE_DIM(times); i++)
		fprintf(f, ",%s_p50_us,%s_p90_us,%s_p99_us,%s_p999_us,%s_max_us", times[i], times[i], times[i],
			times[i], times[i]);
	fputc('\n', f);
}

static void
put_times(FILE *f, const struct side *v, const char *name)
{
	const struct tally *t = &v->now.t;
	struct hist h = {.max_us = 0};
	unsigned int i, q;

	for (i = 0; i < t->n_times && strcmp(t->time_names[i], name); i++)
		;
	if (i < t->n_times)
		hist_since(&h, &t->times[i], &v->last.t.times[i]);
	if (!hist_count(&h)) {
		fputs(",,,,,", f);
		return;
	}
	for (q = 0; q < RTE_DIM(quantiles); q++)
		fprintf(f, ",%" PRIu64, hist_quantile(&h, quantiles[q]));
	fprintf(f, ",%" PRIu64, h.max_us);
}

void
record_csv_line(FILE *f, const struct side *v, bool settling)
{
	const struct sample *now = &v->now, *last = &v->last;
	unsigned int i;
	uint64_t n;

	fprintf(f, "%.3f,%.3f,%s,%d,%.1f,%u,%u,%u,%.4f", last->at_s, now->at_s, sample_side(v->s), settling,
		sample_rate(now, last, now->n[S_ESTABLISHED] - last->n[S_ESTABLISHED]), now->all.conns,
		now->all.half_open, now->all.timewaits, sample_busy(now, last, -1));
	for (i = 0; i < N_SAMPLE; i++)
		fprintf(f, ",%" PRIu64, now->n[i] - last->n[i]);
	for (i = 0; i < RTE_DIM(counts); i++) {
		if (sample_count(now, last, counts[i], &n))
			fprintf(f, ",%" PRIu64, n);
		else
			fputc(',', f);
	}
	fprintf(f, ",%" PRIu64, sample_failed(now, last));
	for (i = 0; i < RTE_DIM(times); i++)
		put_times(f, v, times[i]);
	fputc('\n', f);
}
