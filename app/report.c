/* SPDX-License-Identifier: BSD-3-Clause */
/* See report.h. Counters are read while the workers write them: each is whole, a set of them is not one instant's. */
#define ALLOW_EXPERIMENTAL_API /* rte_eth_dev_conf_get() */
#include <stdlib.h>
#include <string.h>
#include <rte_cycles.h>
#include <rte_ethdev.h>
#include "report.h"

static uint64_t
stat_of(const struct stack *s, const char *name)
{
	return tern_stats_by_name(s->tern, name);
}

static uint64_t
drops(const struct stack *s)
{
	uint64_t sum = 0;
	unsigned int i;

	for (i = 0; i < tern_stats_count(); i++)
		if (strncmp(tern_stats_name(i), "Drop", 4) == 0)
			sum += tern_stats_get(s->tern, -1, i);
	return sum;
}

static uint64_t
rx_nombuf(const struct stack *s)
{
	struct tern_port_stats p;
	uint64_t sum = 0;
	unsigned int i;

	for (i = 0; i < s->o->conf.n_ifs; i++)
		if (tern_port_stats_get(s->tern, i, &p, sizeof(p)) > 0)
			sum += p.rx_nombuf;
	return sum;
}

static void
sample(const struct stack *s, struct interval *now, struct tern_gauges *g)
{
	tern_gauges_get(s->tern, -1, g, sizeof(*g));
	now->busy_cycles = g->busy_cycles;
	now->total_cycles = g->total_cycles;
	now->at_us = (uint64_t)(rte_get_tsc_cycles() * 1e6 / rte_get_tsc_hz());
	now->established = stat_of(s, "TcpExtTernEstablished");
	now->closed = stat_of(s, "TcpExtTernClosed");
	now->failed =
		stat_of(s, "TcpAttemptFails") + stat_of(s, "TcpEstabResets") + stat_of(s, "TcpExtTCPAbortOnTimeout");
	now->rx = stat_of(s, "RxPackets");
	now->tx = stat_of(s, "TxPackets");
}

void
report_line(const struct stack *s, struct interval *last, double seconds)
{
	struct interval now;
	struct tern_gauges g;
	double dt;

	sample(s, &now, &g);
	dt = last->at_us && now.at_us > last->at_us ? (now.at_us - last->at_us) / 1e6 : seconds;
	if (dt <= 0)
		dt = 1;
	printf("%s%s%.0f s: /s established %.0f closed %.0f failed %.0f rx %.0f tx %.0f | now conns %u half-open %u "
	       "accept %u time-wait %u mbufs free %u | retransmitted %lu dropped %lu rx_nombuf %lu | busy %.0f %%",
	       s->name ? s->name : "", s->name ? " " : "", seconds, (now.established - last->established) / dt,
	       (now.closed - last->closed) / dt, (now.failed - last->failed) / dt, (now.rx - last->rx) / dt,
	       (now.tx - last->tx) / dt, g.conns, g.half_open, g.accept_queued, g.timewaits,
	       g.mbufs_free, stat_of(s, "TcpRetransSegs"), drops(s), rx_nombuf(s),
	       100.0 * (now.busy_cycles - last->busy_cycles) / (now.total_cycles - last->total_cycles + 1.0));
	if (now.established > last->established)
		printf(", %.0f cycles a connection",
		       (now.busy_cycles - last->busy_cycles) / (double)(now.established - last->established));
	putchar('\n');
	*last = now;
}

struct offloads
report_offloads(uint16_t port_id)
{
	struct rte_eth_conf c;

	if (rte_eth_dev_conf_get(port_id, &c))
		return (struct offloads){0};
	return (struct offloads){c.rxmode.offloads & RTE_ETH_RX_OFFLOAD_TCP_CKSUM,
				 c.txmode.offloads & RTE_ETH_TX_OFFLOAD_TCP_CKSUM,
				 c.txmode.offloads & RTE_ETH_TX_OFFLOAD_TCP_TSO};
}

static void
report_port(const struct stack *s, unsigned int i)
{
	static const char *const who[] = {"software", "the device"};
	const struct offloads o = report_offloads(s->o->conf.ifs[i].port_id);
	struct tern_port_stats p;

	printf("port %u: checksums by %s when received, by %s when sent%s\n", s->o->conf.ifs[i].port_id,
	       who[o.rx_checksums], who[o.tx_checksums], o.tso ? ", TSO" : "");
	if (tern_port_stats_get(s->tern, i, &p, sizeof(p)) > 0)
		printf("port %u: rx_missed %lu rx_errors %lu rx_nombuf %lu tx_errors %lu\n", s->o->conf.ifs[i].port_id,
		       p.rx_missed, p.rx_errors, p.rx_nombuf, p.tx_errors);
}

/* Every pool: in use of how many. */
static void
report_fill(const struct stack *s)
{
	struct tern_pool p;
	unsigned int i;

	printf("in use:");
	for (i = 0; i < tern_pools_count(); i++) {
		tern_pools_get(s->tern, -1, i, &p, sizeof(p));
		printf(" %s %lu/%lu", p.name, p.used, p.max);
	}
	putchar('\n');
}

void
report_counters(const struct stack *s)
{
	const size_t room = tern_stats_text(s->tern, -1, NULL, 0) + 1024; /* while the workers go on counting */
	char *text = malloc(room);
	unsigned int i;

	printf("#%s%s counters\n", s->name ? " " : "", s->name ? s->name : "");
	if (text && tern_stats_text(s->tern, -1, text, room))
		fputs(text, stdout);
	free(text);
	for (i = 0; i < s->o->conf.n_ifs; i++)
		report_port(s, i);
	report_fill(s);
}

bool
report_line_of(const char *path, const char *word, char *line, size_t size)
{
	FILE *f = fopen(path, "r");
	bool found = false;

	while (f && !found && fgets(line, (int)size, f))
		found = strstr(line, word);
	if (f)
		fclose(f);
	return found;
}

uint64_t
report_resident_mib(void)
{
	static const char *const words[] = {"VmRSS:", "HugetlbPages:"};
	uint64_t sum = 0;
	char line[128];
	unsigned int i;

	for (i = 0; i < RTE_DIM(words); i++)
		if (report_line_of("/proc/self/status", words[i], line, sizeof(line)))
			sum += strtoul(line + strlen(words[i]), NULL, 10);
	return sum >> 10;
}

void
report_cost(const struct stack *s)
{
	struct interval all;
	struct tern_gauges g;

	sample(s, &all, &g);
	if (all.established)
		printf("cost: per connection %.2f packets in, %.2f out, %.0f busy cycles (%.0f %% busy)\n",
		       (double)all.rx / all.established, (double)all.tx / all.established,
		       (double)all.busy_cycles / all.established, 100.0 * all.busy_cycles / (all.total_cycles + 1.0));
}

void
report_longest(const struct stack *s)
{
	uint64_t own_us = 0, any_us = 0, over = 0;
	unsigned int i;

	for (i = 0; i < s->n_workers; i++) {
		own_us = RTE_MAX(own_us, s->longest[i].own_us);
		any_us = RTE_MAX(any_us, s->longest[i].any_us);
		over += s->longest[i].n_over;
	}
	if (!any_us)
		return;
	printf("polls: %s%sthe longest took %lu us, %lu took more than %u us", s->name ? s->name : "",
	       s->name ? ": " : "", own_us, over, LONGEST_LIMIT_US);
	if (any_us > own_us)
		printf("; with the lcore given to others meanwhile, %lu us", any_us);
	putchar('\n');
}

static unsigned int
off(const struct stack *s, const char *what, uint64_t n, uint64_t of)
{
	if (n)
		printf("pools: %s%s%lu %s of %lu still in use\n", s && s->name ? s->name : "", s && s->name ? ": " : "",
		       n, what, of);
	return n != 0;
}

unsigned int
report_pools(const struct stack *st, unsigned int n, unsigned int left_in_cables, uint32_t flood_missing)
{
	unsigned int i, bad = 0, timewaits = 0;
	struct tern_gauges g;

	for (i = 0; i < n; i++) {
		tern_gauges_get(st[i].tern, -1, &g, sizeof(g));
		bad += off(&st[i], "connections", g.conns, g.conns_max);
		bad += off(&st[i], "half-open requests", g.requests, g.requests_max);
		bad += off(&st[i], "packet buffers",
			   g.mbufs_free < st[i].mbufs_at_start ? st[i].mbufs_at_start - g.mbufs_free : 0, g.mbufs_max);
		bad += off(&st[i], "places in accept queues", g.accept_queued, st[i].o->backlog);
		bad += off(&st[i], "places in half-open queues", g.half_open, g.requests_max);
		timewaits += g.timewaits;
	}
	if (flood_missing)
		printf("pools: %u buffers of the flood still in use\n", flood_missing);
	bad += flood_missing != 0;
	if (!bad)
		printf("pools: all full, queues: empty");
	if (!bad && timewaits)
		printf(" but for %u TIME-WAIT records", timewaits);
	if (!bad && left_in_cables)
		printf(" (%u frames were under way when the last worker left)", left_in_cables);
	if (!bad)
		putchar('\n');
	return bad;
}
