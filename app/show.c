/* SPDX-License-Identifier: BSD-3-Clause */
/* What counters and gauges tell, which any thread may read, and listeners, which their workers are asked about. */
#define _GNU_SOURCE /* FNM_CASEFOLD */
#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <rte_cycles.h>
#include "ctl.h"
#include "sample.h"

#define SAMPLE_US 100000u /* the busy share is of so long */
#define STACKS_MAX 2u

/* --- since when ---------------------------------------------------------------------------------------------- */

/* Counters as they were at `clear stats`, by stack, worker and counter; NULL: all zero. */
static uint64_t *base;
static double base_s;
static uint64_t since_tsc;

static double
now_s(void)
{
	return (double)(rte_get_tsc_cycles() - since_tsc) / rte_get_tsc_hz();
}

void
show_init(const struct run *r)
{
	since_tsc = rte_get_tsc_cycles();
	base_s = 0;
}

void
show_fini(void)
{
	free(base);
	base = NULL;
}

static uint64_t *
base_of(unsigned int k, unsigned int w)
{
	return base + (k * TERN_WORKER_MAX + w) * (size_t)tern_stats_count();
}

/* Counter i of worker w, of all for w < 0, of the run's stack k. */
static uint64_t
since(const struct ctl *c, unsigned int k, int w, unsigned int i)
{
	const struct stack *s = &c->run->stacks[k];
	uint64_t n = tern_stats_get(s->tern, w, i);
	unsigned int v;

	for (v = 0; base && v < s->n_workers; v++)
		if (w < 0 || v == (unsigned int)w)
			n -= base_of(k, v)[i];
	return n;
}

static uint64_t
since_by_name(const struct ctl *c, unsigned int k, int w, const char *name)
{
	unsigned int i;

	for (i = 0; i < tern_stats_count(); i++)
		if (strcmp(tern_stats_name(i), name) == 0)
			return since(c, k, w, i);
	return 0;
}

int
clear_stats(struct ctl *c)
{
	unsigned int k, w, i;

	if (!base)
		base = calloc(STACKS_MAX * TERN_WORKER_MAX, tern_stats_count() * sizeof(*base));
	if (!base)
		return ctl_wrong(c, "clear stats: no memory");
	for (k = 0; k < c->run->n && k < STACKS_MAX; k++)
		for (w = 0; w < c->run->stacks[k].n_workers; w++)
			for (i = 0; i < tern_stats_count(); i++)
				base_of(k, w)[i] = tern_stats_get(c->run->stacks[k].tern, w, i);
	base_s = now_s();
	return 0;
}

/* --- what rows have in common -------------------------------------------------------------------------------- */

/* With two stacks, whose it is. */
static json_t *
of_stack(const struct ctl *c, unsigned int k, json_t *row)
{
	const char *name = c->run->stacks[k].name;

	if (row && name && json_object_set_new(row, "stack", json_string(name))) {
		json_decref(row);
		return NULL;
	}
	return row;
}

/* The column of_stack() fills is the last of a table, and left out with one stack. */
#define STACK_COLUMN                                                                                                   \
	{                                                                                                              \
		"stack", "Stack"                                                                                       \
	}
#define TABLE(c, key, cols) out_table((c)->out, key, cols, RTE_DIM(cols) - !(c)->run->stacks[0].name)

/* --- counters ------------------------------------------------------------------------------------------------ */

static bool
is_drop(unsigned int i)
{
	return strncmp(tern_stats_name(i), "Drop", 4) == 0;
}

static void
say_since(struct ctl *c)
{
	out_value(c->out, "since_s", json_real(now_s() - base_s));
}

static void
counters(struct ctl *c, bool (*which)(unsigned int i, const char *arg), const char *arg, bool zeros)
{
	static const struct column cols[] = {
		{"name", "Name"}, {"value", "Value", true}, {"help", "What it means"}, STACK_COLUMN};
	unsigned int i, k;

	say_since(c);
	TABLE(c, "counters", cols);
	for (k = 0; k < c->run->n; k++) {
		for (i = 0; i < tern_stats_count(); i++) {
			const uint64_t n = since(c, k, -1, i);

			if (which(i, arg) && (n || zeros))
				out_row(c->out, of_stack(c, k,
							 json_pack("{s:s,s:I,s:s}", "name", tern_stats_name(i), "value",
								   (json_int_t)n, "help", tern_stats_help(i))));
		}
	}
}

static bool
any_drop(unsigned int i, const char *arg)
{
	return is_drop(i);
}

int
show_drops(struct ctl *c)
{
	const bool all = strcmp(c->args, "all") == 0;

	if (*c->args && !all)
		return ctl_wrong(c, "show drops: '%.64s' is neither all nor nothing", c->args);
	counters(c, any_drop, NULL, all);
	return 0;
}

static bool
matching(unsigned int i, const char *pattern)
{
	return !*pattern || fnmatch(pattern, tern_stats_name(i), FNM_CASEFOLD) == 0;
}

int
show_stats(struct ctl *c)
{
	unsigned int i;

	for (i = 0; i < tern_stats_count(); i++)
		if (matching(i, c->args))
			break;
	if (i == tern_stats_count())
		return ctl_wrong(c, "show stats: no counter is like '%.64s': a pattern has * for what may be anything",
				 c->args);
	counters(c, matching, c->args, *c->args);
	return 0;
}

/* --- workers ------------------------------------------------------------------------------------------------- */

struct load {
	uint64_t busy, total;
};

/* Since the start. */
static uint64_t
total_of(const struct stack *s, int w, const char *name)
{
	unsigned int i;

	for (i = 0; i < tern_stats_count(); i++)
		if (strcmp(tern_stats_name(i), name) == 0)
			return tern_stats_get(s->tern, w, i);
	return 0;
}

static void
put(json_t *row, const char *key, uint64_t n)
{
	json_object_set_new(row, key, json_integer(n)); /* no row, no memory: noticed when it is given out */
}

static struct load
load_of(const struct stack *s, int w, struct tern_gauges *g)
{
	tern_gauges_get(s->tern, w, g, sizeof(*g));
	return (struct load){g->busy_cycles, g->total_cycles};
}

static double
ratio(double a, double b)
{
	return b > 0 ? a / b : 0;
}

/* Cycles and polls are those since the start, packets those since clear stats. */
static json_t *
worker_row(const struct ctl *c, unsigned int k, unsigned int w, struct load before)
{
	static const struct {
		const char *key, *counter;
	} counts[] = {{"rx_packets", "RxPackets"},           {"tx_packets", "TxPackets"},
		      {"handover_in", "HandoverIn"},         {"handover_out", "HandoverOut"},
		      {"tx_backpressure", "TxBackpressure"}, {"posted", "TernPosted"}};
	const struct stack *s = &c->run->stacks[k];
	struct tern_gauges g;
	const struct load now = load_of(s, w, &g);
	const double packets = total_of(s, w, "RxPackets") + total_of(s, w, "TxPackets");
	json_t *row = json_pack("{s:i,s:i,s:f,s:f,s:f,s:f}", "worker", (int)w, "lcore", (int)s->lcores[w],
				"busy_percent", 100 * ratio(now.busy - before.busy, now.total - before.total),
				"busy_percent_all", 100 * ratio(now.busy, now.total), "cycles_per_packet",
				ratio(now.busy, packets), "rx_per_poll", ratio(total_of(s, w, "RxPackets"), g.polls));
	unsigned int i;

	for (i = 0; i < RTE_DIM(counts); i++)
		put(row, counts[i].key, since_by_name(c, k, w, counts[i].counter));
	put(row, "polls", g.polls);
	put(row, "busy_cycles", now.busy);
	put(row, "total_cycles", now.total);
	put(row, "conns", g.conns);
	put(row, "half_open", g.half_open);
	put(row, "time_waits", g.timewaits);
	put(row, "accept_queued", g.accept_queued);
	return of_stack(c, k, row);
}

int
show_workers(struct ctl *c)
{
	static const struct column cols[] = {{"worker", "Worker", true},
					     {"lcore", "Lcore", true},
					     {"busy_percent", "Busy%", true},
					     {"busy_percent_all", "Of all", true},
					     {"cycles_per_packet", "Cycles/packet", true},
					     {"rx_per_poll", "Rx/poll", true},
					     {"rx_packets", "Rx", true},
					     {"tx_packets", "Tx", true},
					     {"handover_in", "Given to", true},
					     {"handover_out", "Given away", true},
					     {"conns", "Conns", true},
					     {"time_waits", "Time-waits", true},
					     STACK_COLUMN};
	struct load before[STACKS_MAX][TERN_WORKER_MAX];
	struct tern_gauges g;
	unsigned int k, w;

	for (k = 0; k < c->run->n; k++)
		for (w = 0; w < c->run->stacks[k].n_workers; w++)
			before[k][w] = load_of(&c->run->stacks[k], w, &g);
	usleep(SAMPLE_US);
	say_since(c);
	TABLE(c, "workers", cols);
	for (k = 0; k < c->run->n; k++)
		for (w = 0; w < c->run->stacks[k].n_workers; w++)
			out_row(c->out, worker_row(c, k, w, before[k][w]));
	return 0;
}

int
show_memory(struct ctl *c)
{
	static const struct column cols[] = {{"pool", "Pool"},    {"worker", "Worker", true}, {"used", "Used", true},
					     {"max", "Of", true}, {"percent", "%", true},     STACK_COLUMN};
	struct tern_pool p;
	unsigned int k, w, i;

	TABLE(c, "pools", cols);
	for (k = 0; k < c->run->n; k++) {
		const struct stack *s = &c->run->stacks[k];

		for (w = 0; w < s->n_workers; w++) {
			for (i = 0; i < tern_pools_count(); i++) {
				tern_pools_get(s->tern, w, i, &p, sizeof(p));
				out_row(c->out,
					of_stack(c, k,
						 json_pack("{s:s,s:i,s:I,s:I,s:f}", "pool", p.name, "worker", (int)w,
							   "used", (json_int_t)p.used, "max", (json_int_t)p.max,
							   "percent", 100 * ratio(p.used, p.max))));
			}
		}
	}
	return 0;
}

/* --- the role ------------------------------------------------------------------------------------------------ */

int
show_role(struct ctl *c)
{
	static const struct column cols[] = {{"name", "Name"}, {"value", "Value", true}, STACK_COLUMN};
	static struct sample v; /* large; one command runs at a time */
	unsigned int k, i;

	TABLE(c, "counts", cols);
	for (k = 0; k < c->run->n; k++) {
		sample_take(&c->run->stacks[k], 0, &v);
		for (i = 0; i < v.t.n_counts; i++)
			out_row(c->out, of_stack(c, k,
						 json_pack("{s:s,s:I}", "name", v.t.count_names[i], "value",
							   (json_int_t)v.t.counts[i])));
		out_row(c->out, of_stack(c, k,
					 json_pack("{s:s,s:I}", "name", "failed", "value",
						   (json_int_t)sample_failed(&v, NULL))));
	}
	return 0;
}

/* --- listeners ----------------------------------------------------------------------------------------------- */

static void
take_listener(struct tern_listener *l, void *arg)
{
	struct told_listeners *t = arg;

	if (t->n == LISTENERS_MAX)
		t->left_off++;
	else
		tern_listener_info(l, &t->i[t->n++], sizeof(t->i[0]));
}

bool
take_listeners(struct tern_worker *w, void *arg)
{
	struct told_listeners *t = arg;

	t->now_us = tern_now_us(w);
	tern_listener_walk(w, take_listener, t);
	return false;
}

static json_t *
listener_row(const struct ctl *c, unsigned int k, unsigned int w, const struct tern_listener_info *i, uint64_t now_us)
{
	static const char *const modes[] = {"auto", "always", "never"};
	char local[TERN_ENDPOINT_LEN];
	json_t *row = json_pack("{s:s,s:i,s:s}", "local", tern_endpoint_format(&i->local, local), "worker", (int)w,
				"cookies", i->cookie_mode < RTE_DIM(modes) ? modes[i->cookie_mode] : "?");

	put(row, "accept_queued", i->accept_queued);
	put(row, "accept_max", i->accept_max);
	put(row, "half_open", i->half_open);
	put(row, "half_open_max", i->half_open_max);
	put(row, "conns", i->conns);
	put(row, "mbufs", i->mbufs);
	put(row, "fastopen_max", i->fastopen_max);
	json_object_set_new(row, "cookie_ago_s",
			    i->cookie_at_us ? json_real((now_us - i->cookie_at_us) / 1e6) : json_null());
	return of_stack(c, k, row);
}

/* What the counters have of listeners. */
static bool
of_listeners(unsigned int i, const char *arg)
{
	static const char *const names[] = {"TcpPassiveOpens",
					    "TcpExtListenOverflows",
					    "TcpExtListenDrops",
					    "TcpExtTernAcceptDefer",
					    "TcpExtTCPReqQFullDoCookies",
					    "TcpExtTCPReqQFullDrop",
					    "TcpExtSyncookiesSent",
					    "TcpExtSyncookiesRecv",
					    "TcpExtSyncookiesFailed",
					    "TernReqPoolEmpty",
					    "TernConnPoolEmpty",
					    "DropListen",
					    "DropListenFlags",
					    "DropCookie"};
	unsigned int k;

	for (k = 0; k < RTE_DIM(names); k++)
		if (strcmp(names[k], tern_stats_name(i)) == 0)
			return true;
	return false;
}

int
show_listeners(struct ctl *c)
{
	static const struct column cols[] = {{"local", "Local Address:Port"},
					     {"worker", "Worker", true},
					     {"accept_queued", "Accept-Q", true},
					     {"accept_max", "of", true},
					     {"half_open", "Half-open", true},
					     {"half_open_max", "of", true},
					     {"conns", "Conns", true},
					     {"mbufs", "Mbufs", true},
					     {"cookies", "Cookies"},
					     {"cookie_ago_s", "Last one, s ago", true},
					     STACK_COLUMN};
	unsigned int k, w, i;
	int rc = 0;

	for (k = 0; k < c->run->n && !rc; k++) {
		for (w = 0; w < c->run->stacks[k].n_workers && !rc; w++) {
			struct told_listeners t = {0};

			rc = ctl_worker(c, "show listeners", k, w, take_listeners, &t, sizeof(t));
			if (!c->out->open && !rc)
				TABLE(c, "listeners", cols);
			for (i = 0; !rc && i < t.n; i++)
				out_row(c->out, listener_row(c, k, w, &t.i[i], t.now_us));
		}
	}
	if (rc)
		return rc;
	counters(c, of_listeners, NULL, false);
	return 0;
}
