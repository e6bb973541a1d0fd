/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * `tern report`: reads what --json wrote and draws it. The page is one file that asks for nothing: styles and pictures
 * are in it, there is no script. Of each run the client's side is shown, or the server's if it has no client.
 */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include "options.h"
#include "page.h"

#define RUNS_MAX 8u

static const char usage[] =
	"tern report: runs as one page\n\n"
	"  tern report RUN.json... -o FILE.html    up to 8 that --json wrote; -: stdout\n";

struct one {
	const char *path;
	json_t *doc, *start, *intervals, *end, *side;
	const char *side_name;
	char name[96];
};

static struct one runs[RUNS_MAX];
static unsigned int n_runs;
static struct chart chart;

static const char *const times[] = {"response", "first_byte", "connect", "whole", "close"};

/* --- reading ------------------------------------------------------------------------------------------------- */

/* @return -EINVAL after a line. */
static int
load(struct one *r, const char *path)
{
	const char *format, *slash = strrchr(path, '/');
	json_error_t err;

	r->path = path;
	snprintf(r->name, sizeof(r->name), "%s", slash ? slash + 1 : path);
	r->doc = json_load_file(path, 0, &err);
	if (!r->doc && err.line < 0)
		return complain("report: %s: %s", path, strerror(errno));
	if (!r->doc)
		return complain("report: %s:%d: %s%s", path, err.line, err.text,
				json_error_code(&err) == json_error_premature_end_of_input ? ": is the run over?" : "");
	format = json_string_value(json_object_get(r->doc, "format"));
	if (!format || strcmp(format, "tern report"))
		return complain("report: %s is no report of --json", path);
	if (json_integer_value(json_object_get(r->doc, "format_version")) != 1)
		return complain("report: %s is of format_version %lld, this tern reads 1", path,
				json_integer_value(json_object_get(r->doc, "format_version")));
	r->start = json_object_get(r->doc, "start");
	r->intervals = json_object_get(r->doc, "intervals");
	r->end = json_object_get(r->doc, "end");
	r->side_name = json_object_get(r->end, "client") ? "client" : "server";
	r->side = json_object_get(r->end, r->side_name);
	if (!json_is_object(r->start) || !json_is_array(r->intervals) || !json_is_object(r->side))
		return complain("report: %s: start, intervals or end is missing", path);
	return 0;
}

static double
number(const json_t *o, const char *name)
{
	return json_number_value(json_object_get(o, name));
}

static const char *
string(const json_t *o, const char *name)
{
	const char *s = json_string_value(json_object_get(o, name));

	return s ? s : "?";
}

static const json_t *
times_of(const struct one *r, const char *which)
{
	return json_object_get(json_object_get(r->side, "times_us"), which);
}

/* --- charts -------------------------------------------------------------------------------------------------- */

/* Of every run, by time: o.name of each interval, or o.inner.name. */
static void
over_time(const char *inner, const char *name, const char *label, unsigned int dash)
{
	unsigned int i, r;
	json_t *interval;

	for (r = 0; r < n_runs; r++) {
		struct series *s = chart_series(&chart, r, dash);

		if (!s)
			return;
		snprintf(s->label, sizeof(s->label), "%s%s%s", runs[r].name, *label ? " " : "", label);
		json_array_foreach(runs[r].intervals, i, interval) {
			const json_t *o = json_object_get(interval, runs[r].side_name);

			if (inner)
				o = json_object_get(json_object_get(o, "times_us"), inner);
			if (json_is_true(json_object_get(interval, "settling")) || !json_object_get(o, name))
				continue;
			series_add(s, number(interval, "to_s"), number(o, name));
		}
	}
}

static void
plain_chart(FILE *f, const char *title, const char *name)
{
	chart_begin(&chart, title, LINEAR, LINEAR, false);
	over_time(NULL, name, "", 0);
	chart_end(&chart, f);
}

static void
states_chart(FILE *f)
{
	chart_begin(&chart, "half-open, waiting for accept, TIME-WAIT", LINEAR, LINEAR, false);
	over_time(NULL, "half_open", "half-open", 1);
	over_time(NULL, "accept_queued", "waiting for accept", 0);
	over_time(NULL, "time_wait", "TIME-WAIT", 2);
	chart_end(&chart, f);
}

static void
times_chart(FILE *f, const char *which)
{
	char title[80];

	snprintf(title, sizeof(title), "%s: percentiles of each interval", which);
	chart_begin(&chart, title, LINEAR, LOG, true);
	over_time(which, "p50", "p50", 2);
	over_time(which, "p99", "p99", 0);
	over_time(which, "max", "max", 1);
	chart_end(&chart, f);
}

/* The share of a run's times up to each bucket's bound. */
static void
spectrum_of(const struct one *r, unsigned int colour, const char *which, const char *label, unsigned int dash)
{
	const json_t *all = json_object_get(json_object_get(r->side, "histograms_us"), which);
	const double count = number(times_of(r, which), "count");
	struct series *s = json_array_size(all) ? chart_series(&chart, colour, dash) : NULL;
	double seen = 0;
	unsigned int i;
	json_t *bucket;

	if (!s || count <= 0)
		return;
	snprintf(s->label, sizeof(s->label), "%s%s", r->name, label);
	json_array_foreach(all, i, bucket) {
		/* up to here were fewer than in this bucket */
		series_add(s, seen / count, json_number_value(json_array_get(bucket, 0)));
		seen += json_number_value(json_array_get(bucket, 1));
	}
	series_add(s, 1 - 0.5 / count, json_number_value(json_array_get(json_array_get(all, i - 1), 0)));
}

static void
spectrum_chart(FILE *f, const char *which)
{
	char title[80], sent[32];
	unsigned int r;

	snprintf(title, sizeof(title), "%s: spectrum", which);
	snprintf(sent, sizeof(sent), "%s_sent", which);
	chart_begin(&chart, title, NINES, LOG, true);
	for (r = 0; r < n_runs; r++) {
		spectrum_of(&runs[r], r, which, "", 0);
		spectrum_of(&runs[r], r, sent, " as sent", 2);
	}
	chart_end(&chart, f);
}

/* --- tables -------------------------------------------------------------------------------------------------- */

static void
cell(FILE *f, const char *s)
{
	fputs("<td>", f);
	page_text(f, s);
	fputs("</td>", f);
}

static void
cell_number(FILE *f, const json_t *v)
{
	if (json_is_real(v))
		fprintf(f, "<td>%.10g</td>", json_real_value(v));
	else if (json_is_integer(v))
		fprintf(f, "<td>%lld</td>", (long long)json_integer_value(v));
	else
		fputs("<td></td>", f);
}

static void
summary(FILE *f)
{
	static const char *const names[] = {"established_per_s", "requests_per_s", "failed",
					    "retransmitted",     "dropped",        "busy"};
	static const char *const at[] = {"p50", "p99", "p999", "max"};
	unsigned int i, k, r;

	fputs("<table><tr><th>run</th>", f);
	for (r = 0; r < n_runs; r++) {
		fprintf(f, "<th style=\"color:%s\">", page_colour(r));
		page_text(f, runs[r].name);
		fputs("</th>", f);
	}
	fputs("</tr>\n", f);
	for (i = 0; i < sizeof(names) / sizeof(*names); i++) {
		fprintf(f, "<tr><td>%s</td>", names[i]);
		for (r = 0; r < n_runs; r++)
			cell_number(f, json_object_get(runs[r].side, names[i]));
		fputs("</tr>\n", f);
	}
	for (i = 0; i < sizeof(times) / sizeof(*times); i++) {
		for (k = 0; k < sizeof(at) / sizeof(*at); k++) {
			fprintf(f, "<tr><td>%s %s, us</td>", times[i], at[k]);
			for (r = 0; r < n_runs; r++)
				cell_number(f, json_object_get(times_of(&runs[r], times[i]), at[k]));
			fputs("</tr>\n", f);
		}
	}
	fputs("</table>\n", f);
}

static void
failures(FILE *f, const struct one *r)
{
	const char *name;
	json_t *o, *last;
	unsigned int i;

	json_object_foreach(json_object_get(r->side, "failures"), name, o) {
		fprintf(f, "<tr class=\"failure\"><td>%s</td><td>%lld</td><td>", name,
			(long long)json_integer_value(json_object_get(o, "count")));
		json_array_foreach(json_object_get(o, "last"), i, last) {
			page_text(f, string(last, "local"));
			fputs(" &gt; ", f);
			page_text(f, string(last, "peer"));
			fprintf(f, " at %.6f s<br>", number(last, "at_s"));
		}
		fputs("</td></tr>\n", f);
	}
}

static void
about(FILE *f, const struct one *r, unsigned int i)
{
	const json_t *machine = json_object_get(r->start, "machine"), *limited = json_object_get(r->side, "limited");
	unsigned int k;
	json_t *word;

	fprintf(f, "<section><h2 style=\"color:%s\">", page_colour(i));
	page_text(f, r->name);
	fputs("</h2><pre>", f);
	json_array_foreach(json_object_get(r->start, "command"), k, word) {
		fputs(k ? " " : "", f);
		page_text(f, json_string_value(word));
	}
	fputs("</pre><table><tr>", f);
	cell(f, string(r->start, "at"));
	cell(f, string(r->start, "version"));
	cell(f, string(machine, "cpu"));
	cell(f, string(machine, "kernel"));
	cell(f, string(machine, "dpdk"));
	fputs("</tr></table>\n<p>", f);
	page_text(f, r->side_name);
	fputs(json_array_size(limited) ? ", was the limit itself:" : ", was not the limit", f);
	json_array_foreach(limited, k, word) {
		fputs(" ", f);
		page_text(f, json_string_value(word));
	}
	fputs("</p><table>\n", f);
	failures(f, r);
	fputs("</table></section>\n", f);
}

/* --- the page ------------------------------------------------------------------------------------------------ */

static void
write_page(FILE *f)
{
	unsigned int i;

	fputs("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>tern report</title>\n<style>\n"
	      "body{font:15px system-ui,sans-serif;margin:2em auto;max-width:920px;color:#222}\n"
	      "h1,h2{font-weight:600}h2{font-size:1.05em;margin:1.6em 0 .3em}\n"
	      "svg{width:100%;height:auto}polyline{fill:none;stroke-width:1.6}\n"
	      ".grid{stroke:#ddd;fill:none}text{font-size:11px;fill:#555}.y{text-anchor:end}.x{text-anchor:middle}\n"
	      ".legend span{border-left:3px;border-left-width:14px;border-top:0;border-bottom:0;border-right:0;"
	      "padding:0 1em 0 .4em;font-size:.85em;display:inline-block}\n"
	      "table{border-collapse:collapse;font-size:.9em}td,th{padding:.2em .8em;border-bottom:1px solid #eee;"
	      "text-align:left}\npre{white-space:pre-wrap;background:#f6f6f6;padding:.6em}\n"
	      "</style></head><body><h1>tern report</h1>\n",
	      f);
	summary(f);
	plain_chart(f, "connections a second", "established_per_s");
	plain_chart(f, "requests a second", "requests_per_s");
	plain_chart(f, "open connections", "open");
	states_chart(f);
	plain_chart(f, "failed in the interval", "failed");
	plain_chart(f, "packets dropped in the interval", "dropped");
	plain_chart(f, "busy share", "busy");
	for (i = 0; i < sizeof(times) / sizeof(*times); i++) {
		times_chart(f, times[i]);
		spectrum_chart(f, times[i]);
	}
	for (i = 0; i < n_runs; i++)
		about(f, &runs[i], i);
	fputs("</body></html>\n", f);
}

static int
put_page(const char *out)
{
	const bool is_stdout = strcmp(out, "-") == 0;
	FILE *f = is_stdout ? stdout : fopen(out, "w");
	bool ok;

	if (!f)
		return complain("report: -o %s: %s", out, strerror(errno));
	write_page(f);
	ok = fflush(f) == 0 && !ferror(f);
	if (!is_stdout && fclose(f))
		ok = false;
	return ok ? 0 : complain("report: -o %s: %s", out, strerror(errno));
}

int
page(int argc, char **argv)
{
	const char *out = NULL;
	int i, rc = 0;

	for (i = 2; i < argc && !rc; i++) {
		if (strcmp(argv[i], "--help") == 0)
			return fputs(usage, stdout) < 0;
		if (strcmp(argv[i], "-o") == 0 && i + 1 < argc)
			out = argv[++i];
		else if (argv[i][0] == '-')
			rc = complain("report: %s%s: tern report RUN.json... -o FILE.html", argv[i],
				      strcmp(argv[i], "-o") ? " is not an option" : " needs a value");
		else if (n_runs == RUNS_MAX)
			rc = complain("report: more than %u runs", RUNS_MAX);
		else
			rc = load(&runs[n_runs++], argv[i]);
	}
	if (!rc && (!n_runs || !out))
		rc = complain("report: %s: tern report RUN.json... -o FILE.html", n_runs ? "no -o FILE" : "no run");
	rc = rc ? rc : put_page(out);
	while (n_runs)
		json_decref(runs[--n_runs].doc);
	return rc != 0;
}
