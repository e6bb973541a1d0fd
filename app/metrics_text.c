/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What --metrics serves, as OpenMetrics 1.0.0 has it. Counters and gauges are read by this thread while workers write
 * them; listeners are asked of their workers, connections of nobody: a scrape costs the same with one as with a
 * million. Counters run from the start on, whatever `clear stats` did.
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <rte_common.h>
#include <rte_cycles.h>
#include "ctl.h"
#include "metrics.h"
#include "sample.h"

#define NAME_LEN 80u
#define LE_MIN_US 16u /* bounds of times: each twice the one before */
#define LE_MAX_US (UINT64_C(1) << 27)

/* What a family begins with. Its unit is the end of its name. */
static void
family(FILE *f, const char *name, const char *type, const char *help)
{
	static const char *const units[] = {"seconds", "bytes"};
	unsigned int i;

	fprintf(f, "# TYPE tern_%s %s\n", name, type);
	for (i = 0; i < RTE_DIM(units); i++)
		if (strlen(name) > strlen(units[i]) && strcmp(name + strlen(name) - strlen(units[i]), units[i]) == 0)
			fprintf(f, "# UNIT tern_%s %s\n", name, units[i]);
	fprintf(f, "# HELP tern_%s %s\n", name, help);
}

static void
counter(FILE *f, const char *name, const char *help, uint64_t n)
{
	family(f, name, "counter", help);
	fprintf(f, "tern_%s_total %" PRIu64 "\n", name, n);
}

/* --- the stack's counters ------------------------------------------------------------------------------------ */

/* A word begins at a capital behind another kind of character, and at the last of several; a plural's s stays with
 * them: TCPACKs is one. */
static bool
begins_word(const char *from, const char *p)
{
	const bool plural = p[1] == 's' && !islower((unsigned char)p[2]);

	return p > from && isupper((unsigned char)*p) &&
	       (!isupper((unsigned char)p[-1]) || (islower((unsigned char)p[1]) && !plural));
}

/* A counter's name as Prometheus' are: TcpExtTCPOFOQueue is tcp_ofo_queue. */
static void
snake(const char *name, char out[NAME_LEN])
{
	static const char *const prefixes[][2] = {
		{"TcpExtTern", "tcp_"}, {"TcpExtTCP", "tcp_"}, {"TcpExt", "tcp_"},
		{"IpExt", "ip_"},       {"Tern", ""},          {"Drop", ""},
	};
	const char *p;
	unsigned int i;
	size_t n = 0;

	for (i = 0; i < RTE_DIM(prefixes); i++) {
		if (strncmp(name, prefixes[i][0], strlen(prefixes[i][0])))
			continue;
		name += strlen(prefixes[i][0]);
		n = snprintf(out, NAME_LEN, "%s", prefixes[i][1]);
		break;
	}
	for (p = name; *p && n + 3 < NAME_LEN; p++) {
		if (begins_word(name, p))
			out[n++] = '_';
		out[n++] = tolower((unsigned char)*p);
	}
	out[n] = 0;
}

static void
write_counters(const struct stack *s, FILE *f)
{
	char name[NAME_LEN], help[256];
	unsigned int i;

	for (i = 0; i < tern_stats_count(); i++) {
		const char *plain = tern_stats_name(i);

		if (strncmp(plain, "Drop", 4) == 0)
			continue;
		snake(plain, name);
		snprintf(help, sizeof(help), "%s: %s", plain, tern_stats_help(i));
		counter(f, name, help, tern_stats_get(s->tern, -1, i));
	}
	family(f, "drops", "counter", "packets dropped, by reason: tern ctl show drops all says what they mean");
	for (i = 0; i < tern_stats_count(); i++) {
		if (strncmp(tern_stats_name(i), "Drop", 4))
			continue;
		snake(tern_stats_name(i), name);
		fprintf(f, "tern_drops_total{reason=\"%s\"} %" PRIu64 "\n", name, tern_stats_get(s->tern, -1, i));
	}
}

/* --- workers ------------------------------------------------------------------------------------------------- */

static uint64_t
conns(const struct tern_gauges *g)
{
	return g->conns;
}

static uint64_t
half_open(const struct tern_gauges *g)
{
	return g->half_open;
}

static uint64_t
timewaits(const struct tern_gauges *g)
{
	return g->timewaits;
}

static uint64_t
accept_queued(const struct tern_gauges *g)
{
	return g->accept_queued;
}

static uint64_t
polls(const struct tern_gauges *g)
{
	return g->polls;
}

static uint64_t
busy_cycles(const struct tern_gauges *g)
{
	return g->busy_cycles;
}

static uint64_t
total_cycles(const struct tern_gauges *g)
{
	return g->total_cycles;
}

static void
write_gauges(const struct sample *v, unsigned int n_workers, FILE *f)
{
	static const struct {
		const char *name, *help;
		uint64_t (*get)(const struct tern_gauges *g);
		enum { GAUGE, COUNTER, CYCLES } kind;
	} all[] = {
		{"conns", "open connections", conns, GAUGE},
		{"half_open", "half-open requests of listeners", half_open, GAUGE},
		{"time_waits", "TIME-WAIT records", timewaits, GAUGE},
		{"accept_queued", "connections that wait for accept", accept_queued, GAUGE},
		{"worker_polls", "turns of the worker", polls, COUNTER},
		{"worker_busy_seconds", "time of polls that moved a packet or fired a timer", busy_cycles, CYCLES},
		{"worker_seconds", "time of all polls: busy of these is the busy share", total_cycles, CYCLES},
	};
	unsigned int i, w;

	for (i = 0; i < RTE_DIM(all); i++) {
		family(f, all[i].name, all[i].kind == GAUGE ? "gauge" : "counter", all[i].help);
		for (w = 0; w < n_workers; w++) {
			const uint64_t n = all[i].get(&v->worker[w]);

			fprintf(f, "tern_%s%s{worker=\"%u\"} ", all[i].name, all[i].kind == GAUGE ? "" : "_total", w);
			if (all[i].kind == CYCLES)
				fprintf(f, "%.6f\n", (double)n / rte_get_tsc_hz());
			else
				fprintf(f, "%" PRIu64 "\n", n);
		}
	}
}

/* What is interesting of each: the sum of it is above. */
static void
write_worker_counters(const struct stack *s, FILE *f)
{
	static const char *const names[] = {"RxPackets", "TxPackets", "HandoverIn", "HandoverOut", "TxBackpressure"};
	char name[NAME_LEN], full[NAME_LEN + 8];
	unsigned int i, k, w;

	for (k = 0; k < RTE_DIM(names); k++) {
		for (i = 0; i < tern_stats_count() && strcmp(tern_stats_name(i), names[k]); i++)
			;
		snake(names[k], name);
		snprintf(full, sizeof(full), "worker_%s", name);
		family(f, full, "counter", tern_stats_help(i));
		for (w = 0; w < s->n_workers; w++)
			fprintf(f, "tern_%s_total{worker=\"%u\"} %" PRIu64 "\n", full, w,
				tern_stats_get(s->tern, w, i));
	}
}

static void
write_pools(const struct stack *s, FILE *f)
{
	struct tern_pool p;
	unsigned int i, w, max;

	for (max = 0; max < 2; max++) {
		family(f, max ? "pool_limit" : "pool_used", "gauge",
		       max ? "objects that a pool has" : "objects of a pool in use");
		for (w = 0; w < s->n_workers; w++) {
			for (i = 0; i < tern_pools_count(); i++) {
				tern_pools_get(s->tern, w, i, &p, sizeof(p));
				fprintf(f, "tern_pool_%s{pool=\"%s\",worker=\"%u\"} %" PRIu64 "\n",
					max ? "limit" : "used", p.name, w, max ? p.max : p.used);
			}
		}
	}
}

/* --- devices ------------------------------------------------------------------------------------------------- */

static void
write_ports(const struct stack *s, FILE *f)
{
	static const struct {
		const char *name, *help;
		size_t at;
	} all[] = {
		{"port_rx_missed", "packets that came faster than they were taken",
		 offsetof(struct tern_port_stats, rx_missed)},
		{"port_rx_errors", "packets that the device received with errors",
		 offsetof(struct tern_port_stats, rx_errors)},
		{"port_rx_nombuf", "packets for which there was no buffer",
		 offsetof(struct tern_port_stats, rx_nombuf)},
		{"port_tx_errors", "packets that the device could not send",
		 offsetof(struct tern_port_stats, tx_errors)},
	};
	struct tern_port_stats p[TERN_IF_MAX];
	bool has[TERN_IF_MAX];
	unsigned int i, k;

	for (k = 0; k < s->o->conf.n_ifs; k++)
		has[k] = tern_port_stats_get(s->tern, k, &p[k], sizeof(p[k])) > 0;
	for (i = 0; i < RTE_DIM(all); i++) {
		family(f, all[i].name, "counter", all[i].help);
		for (k = 0; k < s->o->conf.n_ifs; k++)
			if (has[k])
				fprintf(f, "tern_%s_total{interface=\"%u\"} %" PRIu64 "\n", all[i].name, k,
					*(const uint64_t *)((const char *)&p[k] + all[i].at));
	}
}

/* --- listeners ----------------------------------------------------------------------------------------------- */

static void
write_listener_rows(struct ask *const *asked, unsigned int n, FILE *f)
{
	static const struct {
		const char *name, *help;
		size_t at;
	} all[] = {
		{"listener_accept_queued", "connections that wait for accept",
		 offsetof(struct tern_listener_info, accept_queued)},
		{"listener_accept_limit", "how many may", offsetof(struct tern_listener_info, accept_max)},
		{"listener_half_open", "half-open requests", offsetof(struct tern_listener_info, half_open)},
		{"listener_half_open_limit", "how many there may be",
		 offsetof(struct tern_listener_info, half_open_max)},
		{"listener_conns", "connections of the listener", offsetof(struct tern_listener_info, conns)},
	};
	char local[TERN_ENDPOINT_LEN];
	unsigned int i, w, k;

	for (i = 0; i < RTE_DIM(all); i++) {
		family(f, all[i].name, "gauge", all[i].help);
		for (w = 0; w < n; w++) {
			const struct told_listeners *t = asked[w]->arg;

			for (k = 0; k < t->n; k++)
				fprintf(f, "tern_%s{local=\"%s\",worker=\"%u\"} %" PRIu32 "\n", all[i].name,
					tern_endpoint_format(&t->i[k].local, local), w,
					*(const uint32_t *)((const char *)&t->i[k] + all[i].at));
		}
	}
}

/* A worker that does not answer, as it is about to leave: those before it are told. */
static void
write_listeners(struct stack *s, FILE *f)
{
	struct ask *asked[TERN_WORKER_MAX];
	unsigned int n = 0;
	int rc = 0;

	while (n < s->n_workers && !rc) {
		asked[n] = ask_new(sizeof(struct told_listeners));
		if (!asked[n])
			break;
		rc = ask(s, n, take_listeners, asked[n]);
		if (rc && rc != -ETIMEDOUT)
			ask_free(asked[n]);
		n += !rc;
	}
	write_listener_rows(asked, n, f);
	while (n)
		ask_free(asked[--n]);
}

/* --- the role ------------------------------------------------------------------------------------------------ */

static void
write_times(const struct hist *h, const char *name, FILE *f)
{
	uint64_t n = 0, lower = 0;
	double sum_us = 0;
	unsigned int i;

	family(f, name, "histogram", "times of connections and requests; the sum is right to 3 %");
	for (i = 0; i < HIST_SIZE; i++) {
		const uint64_t edge = hist_upper_us(i) + 1;

		n += h->n[i];
		sum_us += h->n[i] * ((lower + edge) / 2.0);
		lower = edge;
		if (edge >= LE_MIN_US && edge <= LE_MAX_US && !(edge & (edge - 1)))
			fprintf(f, "tern_%s_bucket{le=\"%.9g\"} %" PRIu64 "\n", name, edge / 1e6, n);
	}
	fprintf(f, "tern_%s_bucket{le=\"+Inf\"} %" PRIu64 "\ntern_%s_sum %.6f\ntern_%s_count %" PRIu64 "\n", name, n,
		name, sum_us / 1e6, name, n);
}

static void
write_role(const struct stack *s, const struct tally *t, FILE *f)
{
	const char *side = sample_side(s);
	char name[NAME_LEN], help[128];
	unsigned int i;

	for (i = 0; i < t->n_counts; i++) {
		snprintf(name, sizeof(name), "%s_%s", side, t->count_names[i]);
		snprintf(help, sizeof(help), "%s, of the role: docs/report.md", t->count_names[i]);
		counter(f, name, help, t->counts[i]);
	}
	snprintf(name, sizeof(name), "%s_failures", side);
	family(f, name, "counter", "connections that failed, by kind");
	for (i = 0; i < t->n_failures; i++)
		fprintf(f, "tern_%s_total{kind=\"%s\"} %" PRIu64 "\n", name, t->failure_names[i], t->failures[i]);
	for (i = 0; i < t->n_times; i++) {
		snprintf(name, sizeof(name), "%s_%s_seconds", side, t->time_names[i]);
		write_times(&t->times[i], name, f);
	}
}

void
metrics_write(struct stack *s, FILE *f)
{
	static struct sample v; /* large */

	sample_take(s, 0, &v);
	family(f, "build", "info", "the program");
	fprintf(f, "tern_build_info{version=\"%s\",role=\"%s\"} 1\n", tern_version(), s->role->name);
	write_counters(s, f);
	write_gauges(&v, s->n_workers, f);
	write_worker_counters(s, f);
	write_pools(s, f);
	write_ports(s, f);
	write_listeners(s, f);
	write_role(s, &v.t, f);
	fputs("# EOF\n", f);
}
