/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What --json and --json-stream say; docs/report.md and docs/report.schema.json promise it. Names are not changed and
 * keep their meaning; there may be more of them. What there is no memory for is left out.
 */
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/utsname.h>
#include <rte_version.h>
#include "option.h"
#include "record_own.h"
#include "report.h"
#include "search.h"

static void
put(json_t *o, const char *name, json_t *v)
{
	json_object_set_new(o, name, v);
}

static void
put_n(json_t *o, const char *name, uint64_t n)
{
	put(o, name, json_integer(n));
}

/* To a thousandth of whatever it is, or less. */
static void
put_real(json_t *o, const char *name, double x, double unit)
{
	put(o, name, json_real(round(x / unit) * unit));
}

/* JSON is UTF-8: a command line need not be. */
static json_t *
text(const char *s)
{
	json_t *v;
	char *p, *plain;

	if (!s)
		return json_null();
	v = json_string(s);
	if (v)
		return v;
	plain = strdup(s);
	for (p = plain; p && *p; p++)
		if ((unsigned char)*p > 127)
			*p = '?';
	v = plain ? json_string(plain) : NULL;
	free(plain);
	return v;
}

/* --- start --------------------------------------------------------------------------------------------------- */

static json_t *
cpu_model(void)
{
	char line[256], *colon;

	if (!report_line_of("/proc/cpuinfo", "model name", line, sizeof(line)))
		return json_null();
	colon = strchr(line, ':');
	line[strcspn(line, "\n")] = 0;
	return colon ? text(colon + 1 + strspn(colon + 1, " \t")) : json_null();
}

static json_t *
command(void)
{
	FILE *f = fopen("/proc/self/cmdline", "r");
	json_t *words = json_array();
	char *word = NULL;
	size_t room = 0;

	while (f && getdelim(&word, &room, 0, f) > 0)
		json_array_append_new(words, text(word));
	free(word);
	if (f)
		fclose(f);
	return words;
}

static json_t *
machine(void)
{
	json_t *o = json_object();
	struct utsname u;

	put(o, "cpu", cpu_model());
	put_n(o, "cores", sysconf(_SC_NPROCESSORS_ONLN));
	put(o, "kernel", uname(&u) ? json_null() : text(u.release));
	put(o, "dpdk", text(rte_version()));
	return o;
}

static uint64_t
number_of(const struct opt *t)
{
	switch (t->size) {
	case sizeof(uint8_t):
		return *(uint8_t *)t->at;
	case sizeof(uint16_t):
		return *(uint16_t *)t->at;
	case sizeof(uint32_t):
		return *(uint32_t *)t->at;
	default:
		return *(uint64_t *)t->at;
	}
}

static json_t *
value(const struct opt *t)
{
	switch (t->type) {
	case T_BOOL:
		return json_boolean(*(bool *)t->at);
	case T_OFF: /* no-sack: true when SACK is off */
		return json_boolean(!*(bool *)t->at);
	case T_ENUM:
		return text(t->names[*(uint8_t *)t->at]);
	case T_STR:
		return text(*(char **)t->at);
	case T_FN:
		return text(t->text ? t->text : t->def);
	default:
		return json_integer(number_of(t));
	}
}

static json_t *
every_option(void)
{
	json_t *all = json_object(), *o;
	const struct opt *t;
	unsigned int i;

	for (i = 0; (t = option_at(i)) != NULL; i++) {
		if (strcmp(t->name, "if") == 0) /* is said with the values */
			continue;
		o = json_object();
		put(o, "value", value(t));
		put(o, "from", text(t->given ? "command line" : t->set ? "file" : "default"));
		put(all, t->name, o);
	}
	return all;
}

json_t *
record_start(const struct side *v, unsigned int n, double interval_s)
{
	json_t *o = json_object(), *workers = json_object();
	const time_t now = time(NULL);
	char at[32] = "";
	struct tm tm;
	unsigned int i;

	if (gmtime_r(&now, &tm))
		strftime(at, sizeof(at), "%Y-%m-%dT%H:%M:%SZ", &tm);
	put(o, "at", text(at));
	put(o, "version", text(tern_version()));
	put(o, "machine", machine());
	put(o, "command", command());
	put(o, "role", text(roles[options.role]->name));
	for (i = 0; i < n; i++)
		put_n(workers, sample_side(v[i].s), v[i].s->n_workers);
	put(o, "workers", workers);
	put_real(o, "interval_s", interval_s, 1e-3);
	put(o, "options", every_option());
	return o;
}

/* --- of both an interval and the end ------------------------------------------------------------------------- */

/* before NULL: all of it. few: only what is not zero */
static json_t *
counts(const struct tally *now, const struct tally *before)
{
	json_t *o = json_object();
	unsigned int i;

	for (i = 0; i < now->n_counts; i++)
		put_n(o, now->count_names[i], now->counts[i] - (before ? before->counts[i] : 0));
	return o;
}

static json_t *
percentiles(const struct hist *h)
{
	static const struct {
		const char *name;
		double q;
	} at[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p999", 0.999}, {"p9999", 0.9999}};
	json_t *o = json_object();
	unsigned int i;

	put_n(o, "count", hist_count(h));
	for (i = 0; i < RTE_DIM(at); i++)
		put_n(o, at[i].name, hist_quantile(h, at[i].q));
	put_n(o, "max", h->max_us);
	return o;
}

static json_t *
all_times(const struct tally *now, const struct tally *before)
{
	json_t *o = json_object();
	struct hist since;
	unsigned int i;

	for (i = 0; i < now->n_times; i++) {
		const struct hist *h = &now->times[i];

		if (before) {
			hist_since(&since, h, &before->times[i]);
			h = &since;
		}
		if (hist_count(h))
			put(o, now->time_names[i], percentiles(h));
	}
	return o;
}

static json_t *
workers_busy(const struct side *v, const struct sample *now, const struct sample *before)
{
	json_t *a = json_array();
	unsigned int i;

	for (i = 0; i < v->s->n_workers; i++)
		json_array_append_new(a, json_real(round(sample_busy(now, before, i) * 1e4) / 1e4));
	return a;
}

/* --- intervals ----------------------------------------------------------------------------------------------- */

static json_t *
interval_failures(const struct tally *now, const struct tally *before)
{
	json_t *o = json_object();
	unsigned int i;

	for (i = 0; i < now->n_failures; i++)
		if (now->failures[i] != before->failures[i])
			put_n(o, now->failure_names[i], now->failures[i] - before->failures[i]);
	return o;
}

static json_t *
interval_side(const struct side *v)
{
	const struct sample *now = &v->now, *last = &v->last;
	json_t *o = json_object();
	unsigned int i;
	uint64_t n;

	put_real(o, "established_per_s", sample_rate(now, last, now->n[S_ESTABLISHED] - last->n[S_ESTABLISHED]), 0.1);
	if (sample_count(now, last, "requests", &n))
		put_real(o, "requests_per_s", sample_rate(now, last, n), 0.1);
	put_n(o, "open", now->all.conns);
	put_n(o, "half_open", now->all.half_open);
	put_n(o, "accept_queued", now->all.accept_queued);
	put_n(o, "time_wait", now->all.timewaits);
	put_n(o, "mbufs_free", now->all.mbufs_free);
	for (i = 0; i < N_SAMPLE; i++)
		put_n(o, sample_names[i], now->n[i] - last->n[i]);
	put_real(o, "busy", sample_busy(now, last, -1), 1e-4);
	put(o, "workers_busy", workers_busy(v, now, last));
	put(o, "counts", counts(&now->t, &last->t));
	put_n(o, "failed", sample_failed(now, last));
	put(o, "failures", interval_failures(&now->t, &last->t));
	put(o, "times_us", all_times(&now->t, &last->t));
	return o;
}

json_t *
record_interval(const struct side *v, unsigned int n, bool settling)
{
	json_t *o = json_object();
	unsigned int i;

	put_real(o, "from_s", v[0].last.at_s, 1e-3);
	put_real(o, "to_s", v[0].now.at_s, 1e-3);
	put(o, "settling", json_boolean(settling));
	for (i = 0; i < n; i++)
		put(o, sample_side(v[i].s), interval_side(&v[i]));
	return o;
}

/* --- end ----------------------------------------------------------------------------------------------------- */

static json_t *
lost(const struct lost *l)
{
	char buf[TERN_ENDPOINT_LEN];
	json_t *o = json_object();

	put(o, "local", l->local.af ? text(tern_endpoint_format(&l->local, buf)) : json_null());
	put(o, "peer", text(tern_endpoint_format(&l->remote, buf)));
	put_real(o, "at_s", l->at_us / 1e6, 1e-6);
	return o;
}

static json_t *
failures(const struct tally *t)
{
	json_t *all = json_object(), *o, *last;
	unsigned int i, k;

	for (i = 0; i < t->n_failures; i++) {
		if (!t->failures[i])
			continue;
		o = json_object();
		last = json_array();
		put_n(o, "count", t->failures[i]);
		put(o, "text", text(t->failure_texts[i]));
		for (k = 0; k < t->n_last[i]; k++)
			json_array_append_new(last, lost(&t->last[i][k]));
		put(o, "last", last);
		put(all, t->failure_names[i], o);
	}
	return all;
}

static json_t *
histograms(const struct tally *t)
{
	json_t *all = json_object(), *a;
	unsigned int i, k;

	for (i = 0; i < t->n_times; i++) {
		if (!hist_count(&t->times[i]))
			continue;
		a = json_array();
		for (k = 0; k < HIST_SIZE; k++)
			if (t->times[i].n[k])
				json_array_append_new(a, json_pack("[I, I]", (json_int_t)hist_upper_us(k),
								   (json_int_t)t->times[i].n[k]));
		put(all, t->time_names[i], a);
	}
	return all;
}

static json_t *
counters(const struct stack *s)
{
	json_t *o = json_object();
	unsigned int i;

	for (i = 0; i < tern_stats_count(); i++)
		if (tern_stats_get(s->tern, -1, i))
			put_n(o, tern_stats_name(i), tern_stats_get(s->tern, -1, i));
	return o;
}

static json_t *
pools(const struct stack *s)
{
	json_t *o = json_object(), *one;
	struct tern_pool p;
	unsigned int i;

	for (i = 0; i < tern_pools_count(); i++) {
		tern_pools_get(s->tern, -1, i, &p, sizeof(p));
		one = json_object();
		put_n(one, "used", p.used);
		put_n(one, "max", p.max);
		put(o, p.name, one);
	}
	return o;
}

/* Why the numbers may be this end's, and not its peer's. */
static json_t *
limits(const struct side *v)
{
	json_t *a = json_array();
	bool busy = false;
	unsigned int i;

	for (i = 0; i < v->s->n_workers; i++)
		busy |= sample_busy(&v->stop, &v->begin, i) > 0.95;
	if (busy)
		json_array_append_new(a, json_string("busy"));
	if (v->now.t.late)
		json_array_append_new(a, json_string("late"));
	if (v->now.t.waited)
		json_array_append_new(a, json_string("waited"));
	return a;
}

/* Of a mix only. */
static void
put_classes(json_t *side, const struct stack *s)
{
	static const struct tally none;
	static struct tally t;
	json_t *all = json_array(), *o;
	const char *name;
	unsigned int i;

	for (i = 0; s->role->tally_class && s->role->tally_class(s, i, &name, &t); i++) {
		o = json_object();
		put(o, "name", text(name));
		put(o, "counts", counts(&t, NULL));
		put(o, "failures", interval_failures(&t, &none));
		put(o, "times_us", all_times(&t, NULL));
		json_array_append_new(all, o);
	}
	if (i)
		put(side, "classes", all);
	else
		json_decref(all);
}

/* Of an interface each: whose work the checksums are. */
static json_t *
devices(const struct stack *s)
{
	json_t *a = json_array();
	struct offloads o;
	unsigned int i;

	for (i = 0; i < s->o->conf.n_ifs; i++) {
		o = report_offloads(s->o->conf.ifs[i].port_id);
		json_array_append_new(a, json_pack("{s:i,s:b,s:b,s:b}", "port", (int)s->o->conf.ifs[i].port_id,
						   "rx_checksums", o.rx_checksums, "tx_checksums", o.tx_checksums,
						   "tso", o.tso));
	}
	return a;
}

static json_t *
agreed(const struct tally *t)
{
	const uint8_t on = t->agreed;

	return json_pack("{s:i,s:b,s:b,s:b,s:b}", "mss", (int)t->mss, "timestamps", !!(on & TERN_INFO_TIMESTAMPS),
			 "sack", !!(on & TERN_INFO_SACK), "wscale", !!(on & TERN_INFO_WSCALE), "ecn",
			 !!(on & TERN_INFO_ECN));
}

static json_t *
last_side(const struct side *v)
{
	const double seconds = v->stop.at_s;
	json_t *o = json_object();
	uint64_t n = v->stop.n[S_ESTABLISHED] - v->begin.n[S_ESTABLISHED];
	unsigned int i;

	put_n(o, "established_in_load", n);
	put_real(o, "established_per_s", seconds > 0 ? n / seconds : 0, 0.1);
	if (sample_count(&v->stop, &v->begin, "requests", &n))
		put_real(o, "requests_per_s", seconds > 0 ? n / seconds : 0, 0.1);
	for (i = 0; i < N_SAMPLE; i++)
		put_n(o, sample_names[i], v->now.n[i]);
	put(o, "counts", counts(&v->now.t, NULL));
	put(o, "before", counts(&v->begin.t, NULL));
	put_n(o, "failed_before", sample_failed(&v->begin, NULL));
	put_n(o, "failed", sample_failed(&v->now, NULL));
	put(o, "failures", failures(&v->now.t));
	put(o, "times_us", all_times(&v->now.t, NULL));
	put(o, "histograms_us", histograms(&v->now.t));
	put_real(o, "busy", sample_busy(&v->stop, &v->begin, -1), 1e-4);
	put(o, "workers_busy", workers_busy(v, &v->stop, &v->begin));
	put(o, "limited", limits(v));
	put_classes(o, v->s);
	if (v->now.t.mss)
		put(o, "agreed", agreed(&v->now.t));
	put(o, "devices", devices(v->s));
	put(o, "counters", counters(v->s));
	put(o, "pools", pools(v->s));
	return o;
}

static json_t *
trial(const struct trial *t)
{
	json_t *o = json_object();

	put_n(o, "load", t->load);
	put_real(o, "seconds", t->seconds, 1e-3);
	put_n(o, "done", t->done);
	put_n(o, "failed", t->failed);
	put_n(o, "p50_us", t->p50_us);
	put_n(o, "p99_us", t->p99_us);
	put_real(o, "spread", t->spread, 1e-4);
	put(o, "passed", json_boolean(!t->why));
	if (t->why)
		put(o, "why", text(t->why));
	return o;
}

/* --search: every load, and what came of it. */
static json_t *
searched(void)
{
	json_t *o = json_object(), *all = json_array();
	const struct trial *t;
	uint64_t best, worst;
	const char *unit;
	unsigned int i, n;

	put(o, "ended", json_boolean(search_found(&best, &worst, &unit)));
	put(o, "unit", text(unit));
	if (best)
		put_n(o, "passed", best);
	if (worst)
		put_n(o, "failed", worst);
	for (i = 0, n = search_trials(&t); i < n; i++)
		json_array_append_new(all, trial(&t[i]));
	put(o, "trials", all);
	return o;
}

json_t *
record_last(const struct side *v, unsigned int n, uint64_t failed)
{
	json_t *o = json_object();
	unsigned int i;

	put_real(o, "seconds", v[0].stop.at_s, 1e-3);
	put_real(o, "settled_s", v[0].now.at_s, 1e-3);
	put(o, "ok", json_boolean(!failed));
	put_n(o, "failed", failed);
	for (i = 0; i < n; i++)
		put(o, sample_side(v[i].s), last_side(&v[i]));
	if (search.what != SEARCH_NONE)
		put(o, "search", searched());
	return o;
}
