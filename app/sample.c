/* SPDX-License-Identifier: BSD-3-Clause */
/* See sample.h. Numbers are read while the workers write them: each is whole, a set of them is not one instant's. */
#include <string.h>
#include "sample.h"

const char *const sample_names[N_SAMPLE] = {"established",   "closed",  "packets_in", "packets_out",
					    "retransmitted", "dropped", "rx_nombuf"};

/* What every server counts. */
static void
tally_server(const struct stack *s, struct tally *t)
{
	t->count_names[t->n_counts] = "accepted";
	t->counts[t->n_counts++] = role_sum(s, SERVER_CONNS);
	if (s->role->done) {
		t->count_names[t->n_counts] = s->role->done;
		t->counts[t->n_counts++] = role_sum(s, SERVER_DONE);
	}
	t->failure_names[0] = "error";
	t->failure_texts[0] = "ended by an error";
	t->failures[0] = role_sum(s, SERVER_FAILED);
	t->n_failures = 1;
}

static void
count_drops(const struct stack *s, struct sample *v)
{
	struct tern_port_stats p;
	unsigned int i;

	for (i = 0; i < tern_stats_count(); i++)
		if (strncmp(tern_stats_name(i), "Drop", 4) == 0)
			v->n[S_DROPPED] += tern_stats_get(s->tern, -1, i);
	for (i = 0; i < s->o->conf.n_ifs; i++)
		if (tern_port_stats_get(s->tern, i, &p, sizeof(p)) > 0)
			v->n[S_NOMBUF] += p.rx_nombuf;
}

void
sample_take(const struct stack *s, double at_s, struct sample *v)
{
	unsigned int i;

	memset(v, 0, sizeof(*v));
	v->at_s = at_s;
	v->n[S_ESTABLISHED] = tern_stats_by_name(s->tern, "TcpExtTernEstablished");
	v->n[S_CLOSED] = tern_stats_by_name(s->tern, "TcpExtTernClosed");
	v->n[S_SEGS_IN] = tern_stats_by_name(s->tern, "RxPackets");
	v->n[S_SEGS_OUT] = tern_stats_by_name(s->tern, "TxPackets");
	v->n[S_RETRANSMITTED] = tern_stats_by_name(s->tern, "TcpRetransSegs");
	count_drops(s, v);
	tern_gauges_get(s->tern, -1, &v->all, sizeof(v->all));
	for (i = 0; i < s->n_workers; i++)
		tern_gauges_get(s->tern, i, &v->worker[i], sizeof(v->worker[i]));
	if (s->role->tally)
		s->role->tally(s, &v->t);
	else
		tally_server(s, &v->t);
}

const char *
sample_side(const struct stack *s)
{
	return s->role->finite ? "client" : "server";
}

double
sample_busy(const struct sample *now, const struct sample *before, int w)
{
	const struct tern_gauges *a = w < 0 ? &before->all : &before->worker[w],
				 *b = w < 0 ? &now->all : &now->worker[w];
	const uint64_t total = b->total_cycles - a->total_cycles;

	return total ? (double)(b->busy_cycles - a->busy_cycles) / total : 0;
}

bool
sample_count(const struct sample *now, const struct sample *before, const char *name, uint64_t *n)
{
	unsigned int i;

	for (i = 0; i < now->t.n_counts; i++) {
		if (strcmp(now->t.count_names[i], name) == 0) {
			*n = now->t.counts[i] - (before ? before->t.counts[i] : 0);
			return true;
		}
	}
	return false;
}

uint64_t
sample_failed(const struct sample *now, const struct sample *before)
{
	uint64_t n = 0;
	unsigned int i;

	for (i = 0; i < now->t.n_failures; i++)
		n += now->t.failures[i] - (before ? before->t.failures[i] : 0);
	return n;
}

double
sample_rate(const struct sample *now, const struct sample *before, uint64_t n)
{
	const double s = now->at_s - before->at_s;

	return s > 0 ? n / s : 0;
}
