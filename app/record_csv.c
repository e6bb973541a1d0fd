/* SPDX-License-Identifier: BSD-3-Clause */
/* --csv: a line for each interval and side, and for each class of a mix. The columns are the same for every role; what
 * a side or a class has not is empty. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "mix.h"
#include "record_own.h"

static const char *const counts[] = {"opened", "accepted", "done", "requests", "bytes", "late"};
static const char *const times[] = {"connect", "first_byte", "response", "whole", "close"};
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
put_times(FILE *f, const struct tally *t, const struct tally *last, const char *name)
{
	struct hist h = {.max_us = 0};
	unsigned int i, q;

	for (i = 0; i < t->n_times && strcmp(t->time_names[i], name); i++)
		;
	if (i < t->n_times)
		hist_since(&h, &t->times[i], &last->times[i]);
	if (!hist_count(&h)) {
		fputs(",,,,,", f);
		return;
	}
	for (q = 0; q < RTE_DIM(quantiles); q++)
		fprintf(f, ",%" PRIu64, hist_quantile(&h, quantiles[q]));
	fprintf(f, ",%" PRIu64, h.max_us);
}

/* The rest of a line. */
static void
put_role(FILE *f, const struct sample *now, const struct sample *last)
{
	unsigned int i;
	uint64_t n;

	for (i = 0; i < RTE_DIM(counts); i++) {
		if (sample_count(now, last, counts[i], &n))
			fprintf(f, ",%" PRIu64, n);
		else
			fputc(',', f);
	}
	fprintf(f, ",%" PRIu64, sample_failed(now, last));
	for (i = 0; i < RTE_DIM(times); i++)
		put_times(f, &now->t, &last->t, times[i]);
	fputc('\n', f);
}

/* What the stack counts is not told by class. */
static void
put_classes(FILE *f, const struct side *v, bool settling)
{
	static struct sample now, last[MIX_MAX];
	const struct role *role = v->s->role;
	const char *name;
	unsigned int i, k;

	for (i = 0; role->tally_class && role->tally_class(v->s, i, &name, &now.t); i++) {
		fprintf(f, "%.3f,%.3f,%s:%s,%d,,,,,", v->last.at_s, v->now.at_s, sample_side(v->s), name, settling);
		for (k = 0; k < N_SAMPLE; k++)
			fputc(',', f);
		put_role(f, &now, &last[i]);
		last[i] = now;
	}
}

void
record_csv_line(FILE *f, const struct side *v, bool settling)
{
	const struct sample *now = &v->now, *last = &v->last;
	unsigned int i;

	fprintf(f, "%.3f,%.3f,%s,%d,%.1f,%u,%u,%u,%.4f", last->at_s, now->at_s, sample_side(v->s), settling,
		sample_rate(now, last, now->n[S_ESTABLISHED] - last->n[S_ESTABLISHED]), now->all.conns,
		now->all.half_open, now->all.timewaits, sample_busy(now, last, -1));
	for (i = 0; i < N_SAMPLE; i++)
		fprintf(f, ",%" PRIu64, now->n[i] - last->n[i]);
	put_role(f, now, last);
	put_classes(f, v, settling);
}
