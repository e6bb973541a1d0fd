/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See record.h. The files are opened before anything else starts, and written as the run goes on: what is kept in
 * memory does not grow with its length. What could not be written is said once, at the end.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include "record.h"
#include "record_own.h"

#define STACKS_MAX 2u
#define DUMP (JSON_COMPACT | JSON_REAL_PRECISION(12))

static struct side sides[STACKS_MAX];
static unsigned int n_sides;
static FILE *json, *stream, *csv;
static double interval_s, next_s;
static bool began, stopped, any; /* any: an interval was written */
static int json_err, stream_err, csv_err; /* errno of the first that failed */

bool
record_wanted(const struct options *o)
{
	return o->json || o->json_stream || o->csv;
}

/* --- files --------------------------------------------------------------------------------------------------- */

static bool
is_stdout(const char *path)
{
	return path && strcmp(path, "-") == 0;
}

/* The caller's stdout is the file's alone, and text goes where the lines of errors go. */
static FILE *
take_stdout(void)
{
	const int fd = dup(STDOUT_FILENO);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "w");

	if (!f || dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
		return NULL;
	return f;
}

static int
open_one(const char *option, const char *path, FILE **f)
{
	if (!path)
		return 0;
	*f = is_stdout(path) ? take_stdout() : fopen(path, "w");
	return *f ? 0 : complain("--%s %s: %s", option, path, strerror(errno));
}

int
record_open(const struct options *o)
{
	const char *const paths[] = {o->json, o->json_stream, o->csv};
	static const char *const names[] = {"json", "json-stream", "csv"};
	unsigned int i, k;

	for (i = 0; i < RTE_DIM(paths); i++)
		for (k = i + 1; k < RTE_DIM(paths); k++)
			if (paths[i] && paths[k] && strcmp(paths[i], paths[k]) == 0)
				return complain("--%s and --%s are both to be written to %s: give each its own",
						names[i], names[k], is_stdout(paths[i]) ? "stdout" : paths[i]);
	if (open_one("json", o->json, &json) || open_one("json-stream", o->json_stream, &stream) ||
	    open_one("csv", o->csv, &csv))
		return -EINVAL;
	return 0;
}

/* What was buffered is written, too. @return 1 after a line. */
static uint64_t
close_one(const char *option, const char *path, FILE *f, int err)
{
	if (!f)
		return 0;
	if (fclose(f) && !err)
		err = errno;
	if (err)
		complain("--%s %s: %s", option, path, strerror(err));
	return err != 0;
}

/* --- writing ------------------------------------------------------------------------------------------------- */

/* Keep the first error. errno was 0 before the call that may have failed: glibc's can fail and say nothing. */
static void
note(FILE *f, bool failed, int *err)
{
	if (!*err && (failed || ferror(f)))
		*err = errno ? errno : failed ? ENOMEM : EIO;
}

/* Gives j up. */
static void
put(FILE *f, json_t *j, size_t flags, int *err)
{
	errno = 0;
	note(f, !j || json_dumpf(j, f, flags), err);
	json_decref(j);
}

static void
put_text(FILE *f, const char *text, int *err)
{
	errno = 0;
	note(f, fputs(text, f) < 0, err);
}

/* Who reads along sees whole lines. */
static void
flush(FILE *f, int *err)
{
	errno = 0;
	note(f, fflush(f) != 0, err);
}

static void
take(double at_s)
{
	unsigned int i;

	for (i = 0; i < n_sides; i++)
		sample_take(sides[i].s, at_s, &sides[i].now);
}

/* What is known since the last one, to every file. */
static void
interval(void)
{
	unsigned int i;

	if (json) {
		put_text(json, any ? ",\n" : "\n", &json_err);
		put(json, record_interval(sides, n_sides, stopped), DUMP, &json_err);
	}
	if (stream) {
		put(stream, record_interval(sides, n_sides, stopped), DUMP, &stream_err);
		put_text(stream, "\n", &stream_err);
		flush(stream, &stream_err);
	}
	for (i = 0; csv && i < n_sides; i++)
		record_csv_line(csv, &sides[i], stopped);
	if (csv)
		flush(csv, &csv_err);
	any = true;
	for (i = 0; i < n_sides; i++)
		sides[i].last = sides[i].now;
}

void
record_begin(const struct stack *st, unsigned int n)
{
	unsigned int i;

	if (!record_wanted(st->o))
		return;
	n_sides = RTE_MIN(n, STACKS_MAX);
	for (i = 0; i < n_sides; i++)
		sides[i].s = &st[i];
	take(0);
	for (i = 0; i < n_sides; i++)
		sides[i].begin = sides[i].last = sides[i].stop = sides[i].now;
	interval_s = next_s = st->o->stats_s ? st->o->stats_s : 1;
	if (json) {
		put_text(json, "{\"format\": \"tern report\", \"format_version\": 1,\n\"start\": ", &json_err);
		put(json, record_start(sides, n_sides, interval_s), DUMP, &json_err);
		put_text(json, ",\n\"intervals\": [", &json_err);
	}
	if (csv)
		record_csv_head(csv);
	began = true;
}

void
record_tick(double at_s)
{
	if (!began || at_s < next_s)
		return;
	while (next_s <= at_s)
		next_s += interval_s;
	take(at_s);
	interval();
}

void
record_stop(double at_s)
{
	unsigned int i;

	if (!began)
		return;
	take(at_s);
	for (i = 0; i < n_sides; i++)
		sides[i].stop = sides[i].now;
	if (at_s > sides[0].last.at_s)
		interval();
	stopped = true;
	while (next_s <= at_s)
		next_s += interval_s;
}

uint64_t
record_end(double at_s, uint64_t failed)
{
	const struct options *o = n_sides ? sides[0].s->o : &options;
	uint64_t bad;

	if (began) {
		take(at_s);
		interval();
	}
	if (json && began) {
		put_text(json, "],\n\"end\": ", &json_err);
		put(json, record_last(sides, n_sides, failed), DUMP, &json_err);
		put_text(json, "}\n", &json_err);
	}
	bad = close_one("json", o->json, json, json_err);
	bad += close_one("json-stream", o->json_stream, stream, stream_err);
	bad += close_one("csv", o->csv, csv, csv_err);
	json = stream = csv = NULL;
	return bad;
}
