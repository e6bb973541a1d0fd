/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Watching: counters and gauges of a running stack, which any thread may read while the workers write them (each
 * number is whole, a set of them is not one instant's), and what is in a worker's table, for its own thread.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <rte_ethdev.h>
#include "base/sized.h"
#include "net/frag.h"
#include "tcp/call.h"
#include "tcp/info.h"
#include "stack/engine.h"

#define LOAD(x) __atomic_load_n(&(x), __ATOMIC_RELAXED) /* of what its worker is writing */

struct walk {
	struct tern_worker *w;
	void (*fn)(const struct tern_info *, struct tern_conn *, void *);
	void *arg;
};

static void
tell(struct tobj *o, void *arg)
{
	const struct walk *k = arg;
	struct tern_conn *c = o->kind == TOBJ_CONN ? (struct tern_conn *)o : NULL;
	struct tern_info i;

	tcp_info(k->w, o, &i);
	k->fn(&i, c && !(c->flags & (C_ORPHAN | C_ACCEPTQ)) ? c : NULL, k->arg);
}

bool
tern_conn_walk(struct tern_worker *w, uint32_t *cursor, uint32_t n,
	       void (*fn)(const struct tern_info *info, struct tern_conn *c, void *arg), void *arg)
{
	CALL_ON(w);
	struct walk k = {w, fn, arg};

	if (table_walk_some(&w->table, cursor, n, tell, &k))
		return true;
	*cursor = 0;
	return false;
}

void
tern_listener_walk(struct tern_worker *w, void (*fn)(struct tern_listener *l, void *arg), void *arg)
{
	CALL_ON(w);
	struct tern_listener *l, *next;

	for (l = w->listeners.first; l; l = next) {
		next = l->next;
		fn(l, arg);
	}
}

static void
tell_neigh(const struct tern_worker *w, const struct neigh *n, void (*fn)(const struct tern_neigh *, void *), void *arg)
{
	static const char *const states[] = {[NEIGH_INCOMPLETE] = "INCOMPLETE",
					     [NEIGH_STALE] = "STALE",
					     [NEIGH_REACHABLE] = "REACHABLE",
					     [NEIGH_FAILED] = "FAILED"};
	const bool known = n->state == NEIGH_STALE || n->state == NEIGH_REACHABLE;
	struct tern_neigh i = {.ifidx = n->ifidx,
			       .state = states[n->state],
			       .conns = n->refs,
			       .queued = n->n_queued,
			       .confirmed_us = n->confirmed_at,
			       .timer_ms = wheel_armed(&n->timer) ? tcp_info_node_ms(w, &n->timer) : UINT32_MAX};

	i.addr.af = n->af;
	memcpy(i.addr.addr, n->addr, sizeof(i.addr.addr));
	if (known)
		memcpy(i.mac, n->l2.dst_addr.addr_bytes, sizeof(i.mac));
	fn(&i, arg);
}

bool
tern_neigh_walk(struct tern_worker *w, uint32_t *cursor, uint32_t n, void (*fn)(const struct tern_neigh *n, void *arg),
		void *arg)
{
	CALL_ON(w);
	for (; n && *cursor < w->neighs.max; n--, ++*cursor)
		if (w->neighs.at[*cursor].state != NEIGH_FREE)
			tell_neigh(w, &w->neighs.at[*cursor], fn, arg);
	if (*cursor < w->neighs.max)
		return true;
	*cursor = 0;
	return false;
}

unsigned int
tern_stats_count(void)
{
	return STAT_COUNT;
}

const char *
tern_stats_name(unsigned int i)
{
	return stats_name(i);
}

const char *
tern_stats_help(unsigned int i)
{
	return stats_help(i);
}

uint64_t
tern_stats_get(const struct tern *t, int w, unsigned int i)
{
	uint64_t sum = 0;
	unsigned int k;

	if (i >= STAT_COUNT)
		return 0;
	for (k = 0; k < t->conf.n_workers; k++)
		if (w < 0 || k == (unsigned int)w)
			sum += LOAD(t->engines[k]->w->stats[i]);
	return sum;
}

uint64_t
tern_stats_by_name(const struct tern *t, const char *name)
{
	unsigned int i;

	for (i = 0; i < STAT_COUNT; i++)
		if (strcmp(stats_name(i), name) == 0)
			return tern_stats_get(t, -1, i);
	return 0;
}

size_t
tern_stats_text(const struct tern *t, int w, char *buf, size_t len)
{
	size_t all = 0, used = 0;
	char line[80];
	unsigned int i;

	for (i = 0; i < STAT_COUNT; i++) {
		const uint64_t v = tern_stats_get(t, w, i);
		size_t n;

		if (!v)
			continue;
		n = snprintf(line, sizeof(line), "%-32s %" PRIu64 "\n", stats_name(i), v);
		if (used == all && used + n < len) { /* else one before did not fit */
			memcpy(buf + used, line, n);
			used += n;
		}
		all += n;
	}
	if (len)
		buf[used] = 0;
	return all;
}

static uint32_t
pool_used(const struct pool *p)
{
	return p->total - LOAD(p->avail);
}

static void
gauges_add(const struct tern_worker *w, struct tern_gauges *g)
{
	g->conns += pool_used(&w->conns);
	g->conns_max += w->conns.total;
	g->requests += pool_used(&w->requests);
	g->requests_max += w->requests.total;
	g->timewaits += pool_used(&w->timewaits[0]) + pool_used(&w->timewaits[1]);
	g->timewaits_max += w->timewaits[0].total;
	g->portsets += pool_used(&w->ports.pool);
	g->neighbours += LOAD(w->neighs.n);
	g->timers += LOAD(w->n_timers);
	g->mbufs_free += rte_mempool_avail_count(w->mbufs.pool);
	g->mbufs_max += w->mbufs.pool->size;
	g->accept_queued += LOAD(w->listeners.accept_queued);
	g->half_open += LOAD(w->listeners.half_open);
	g->polls += LOAD(w->load.polls);
	g->busy_cycles += LOAD(w->load.busy_cycles);
	g->total_cycles += LOAD(w->load.total_cycles);
}

size_t
tern_gauges_get(const struct tern *t, int w, struct tern_gauges *out, size_t size)
{
	struct tern_gauges g = {0};
	unsigned int k;

	for (k = 0; k < t->conf.n_workers; k++)
		if (w < 0 || k == (unsigned int)w)
			gauges_add(t->engines[k]->w, &g);
	return sized_give(out, size, &g, sizeof(g));
}

/* Those of base/pool.h have a place in struct tern_worker; of the others, at is 0 and pool_add() knows them by their
 * index. */
enum { POOL_MBUFS, POOL_SMALL, POOL_NEIGHS, POOL_NEIGH_QUEUE, POOL_FRAGS };
static const struct {
	const char *name;
	size_t at;
} pool_kinds[] = {
	[POOL_MBUFS] = {"mbufs", 0},
	[POOL_SMALL] = {"small-mbufs", 0},
	[POOL_NEIGHS] = {"neighbours", 0},
	[POOL_NEIGH_QUEUE] = {"neighbour-queue", 0},
	[POOL_FRAGS] = {"fragments", 0},
	{"conns", offsetof(struct tern_worker, conns)},
	{"rares", offsetof(struct tern_worker, rares)},
	{"losses", offsetof(struct tern_worker, losses)},
	{"runs", offsetof(struct tern_worker, runs)},
	{"rx-runs", offsetof(struct tern_worker, rxruns)},
	{"requests", offsetof(struct tern_worker, requests)},
	{"time-waits4", offsetof(struct tern_worker, timewaits[0])},
	{"time-waits6", offsetof(struct tern_worker, timewaits[1])},
	{"portsets", offsetof(struct tern_worker, ports.pool)},
};

/* Add kind i of w to *p. */
static void
pool_add(const struct tern_worker *w, unsigned int i, struct tern_pool *p)
{
	const struct pool *of = (const struct pool *)((const char *)w + pool_kinds[i].at);
	const struct rte_mempool *mp = i == POOL_MBUFS ? w->mbufs.pool : w->mbufs.small;

	if (pool_kinds[i].at) {
		p->used += pool_used(of);
		p->max += of->total;
	} else if (i == POOL_MBUFS || i == POOL_SMALL) {
		p->used += mp->size - rte_mempool_avail_count(mp);
		p->max += mp->size;
	} else if (i == POOL_FRAGS) {
		p->used += frag_held(&w->link);
		p->max += frag_max(&w->link);
	} else {
		p->used += i == POOL_NEIGHS ? LOAD(w->neighs.n) : LOAD(w->neighs.queued);
		p->max += i == POOL_NEIGHS ? w->neighs.max : w->neighs.max_queued;
	}
}

unsigned int
tern_pools_count(void)
{
	return RTE_DIM(pool_kinds);
}

size_t
tern_pools_get(const struct tern *t, int w, unsigned int i, struct tern_pool *out, size_t size)
{
	struct tern_pool p = {0};
	unsigned int k;

	for (k = 0; k < t->conf.n_workers && i < RTE_DIM(pool_kinds); k++) {
		p.name = pool_kinds[i].name;
		if (w < 0 || k == (unsigned int)w)
			pool_add(t->engines[k]->w, i, &p);
	}
	return sized_give(out, size, &p, sizeof(p));
}

ssize_t
tern_port_stats_get(const struct tern *t, unsigned int i, struct tern_port_stats *out, size_t size)
{
	struct tern_port_stats s;
	struct rte_eth_stats d;
	int rc = i < t->n_ports ? rte_eth_stats_get(t->ports[i].port_id, &d) : -EINVAL;

	if (rc)
		return rc;
	s = (struct tern_port_stats){d.imissed, d.ierrors, d.rx_nombuf, d.oerrors};
	return sized_give(out, size, &s, sizeof(s));
}
