/* SPDX-License-Identifier: BSD-3-Clause */
/* What lies below and beside connections: neighbours, routes, and when which timer is due. */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <rte_ether.h>
#include "ctl.h"

#define NEIGHS_A_POLL 256u

static void
of_stack(const struct ctl *c, unsigned int k, json_t *row)
{
	if (c->run->stacks[k].name)
		json_object_set_new(row, "stack", json_string(c->run->stacks[k].name));
	out_row(c->out, row);
}

#define COLUMNS(c, cols) (RTE_DIM(cols) - !(c)->run->stacks[0].name)

/* --- neighbours ---------------------------------------------------------------------------------------------- */

struct neighs {
	uint32_t cursor;
	bool over;
	unsigned int n;
	uint64_t now_us;
	struct tern_neigh at[NEIGHS_A_POLL];
};

static void
take_neigh(const struct tern_neigh *n, void *arg)
{
	struct neighs *t = arg;

	t->at[t->n++] = *n;
}

static bool
take_neighs(struct tern_worker *w, void *arg)
{
	struct neighs *t = arg;

	t->n = 0;
	t->now_us = tern_now_us(w);
	t->over = !tern_neigh_walk(w, &t->cursor, NEIGHS_A_POLL, take_neigh, t);
	return false;
}

static json_t *
neigh_row(const struct stack *s, unsigned int w, const struct tern_neigh *n, uint64_t now_us)
{
	char addr[TERN_ENDPOINT_LEN], dev[RTE_ETH_NAME_MAX_LEN], mac[RTE_ETHER_ADDR_FMT_SIZE];
	struct rte_ether_addr m;
	json_t *row;

	memcpy(m.addr_bytes, n->mac, sizeof(n->mac));
	rte_ether_format_addr(mac, sizeof(mac), &m);
	ctl_port_name(s, n->ifidx, dev);
	row = json_pack("{s:s,s:s,s:s,s:I,s:I,s:i}", "address", tern_endpoint_format(&n->addr, addr), "dev", dev,
			"state", n->state, "conns", (json_int_t)n->conns, "queued", (json_int_t)n->queued, "worker",
			(int)w);
	json_object_set_new(row, "lladdr", rte_is_zero_ether_addr(&m) ? json_null() : json_string(mac));
	json_object_set_new(row, "confirmed_ago_s",
			    n->confirmed_us ? json_real((now_us - n->confirmed_us) / 1e6) : json_null());
	return row;
}

int
show_neigh(struct ctl *c)
{
	static const struct column cols[] = {{"address", "Address"},
					     {"dev", "Dev"},
					     {"lladdr", "Lladdr"},
					     {"state", "State"},
					     {"confirmed_ago_s", "Confirmed, s ago", true},
					     {"conns", "Conns", true},
					     {"queued", "Queued", true},
					     {"worker", "Worker", true},
					     {"stack", "Stack"}};
	unsigned int k, w, i;
	int rc = 0;

	out_table(c->out, "neighbours", cols, COLUMNS(c, cols));
	for (k = 0; k < c->run->n; k++) {
		for (w = 0; w < c->run->stacks[k].n_workers && !rc; w++) {
			struct neighs t = {0};

			do {
				rc = ctl_worker(c, "show neigh", k, w, take_neighs, &t, sizeof(t));
				for (i = 0; !rc && i < t.n; i++)
					of_stack(c, k, neigh_row(&c->run->stacks[k], w, &t.at[i], t.now_us));
			} while (!rc && !t.over);
		}
	}
	return rc;
}

/* --- routes -------------------------------------------------------------------------------------------------- */

static void
route(struct ctl *c, unsigned int k, unsigned int ifidx, uint8_t af, const uint8_t *to, unsigned int prefix,
      const uint8_t *via, const uint8_t *src)
{
	static const uint8_t none[16];
	const int family = af == TERN_AF_INET ? AF_INET : AF_INET6;
	char text[INET6_ADDRSTRLEN], dst[INET6_ADDRSTRLEN + 16], dev[RTE_ETH_NAME_MAX_LEN];
	uint8_t net[16] = {0};
	json_t *row;
	unsigned int i;

	for (i = 0; i < prefix; i++)
		net[i / 8] |= to[i / 8] & (0x80 >> i % 8);
	inet_ntop(family, net, text, sizeof(text));
	snprintf(dst, sizeof(dst), "%s/%u", text, prefix);
	ctl_port_name(&c->run->stacks[k], ifidx, dev);
	row = json_pack("{s:s,s:s}", "dst", prefix ? dst : "default", "dev", dev);
	json_object_set_new(row, "family", json_integer(af == TERN_AF_INET ? 4 : 6));
	json_object_set_new(row, "via", via ? json_string(inet_ntop(family, via, text, sizeof(text))) : json_null());
	json_object_set_new(row, "src",
			    memcmp(src, none, af == TERN_AF_INET ? 4 : 16)
				    ? json_string(inet_ntop(family, src, text, sizeof(text)))
				    : json_null());
	of_stack(c, k, row);
}

/* As lib/net/iface.c finds its way: subnets of the interfaces in their order, then gateways in theirs. */
static void
routes_of(struct ctl *c, unsigned int k)
{
	static const uint8_t none[16], link_local[16] = {0xfe, 0x80};
	const struct tern_conf *conf = &c->run->stacks[k].o->conf;
	unsigned int i, a;

	for (i = 0; i < conf->n_ifs; i++) {
		const struct tern_if_conf *f = &conf->ifs[i];

		if (memcmp(f->addr4, none, 4))
			route(c, k, i, TERN_AF_INET, f->addr4, f->prefix4, NULL, f->addr4);
		if (memcmp(f->addr6, none, 16)) {
			route(c, k, i, TERN_AF_INET6, f->addr6, f->prefix6, NULL, f->addr6);
			route(c, k, i, TERN_AF_INET6, link_local, 64, NULL, none);
		}
		for (a = 0; a < f->n_aliases; a++)
			route(c, k, i, f->alias[a].af, f->alias[a].addr, f->alias[a].prefix, NULL, f->alias[a].addr);
	}
	for (i = 0; i < conf->n_ifs; i++) {
		const struct tern_if_conf *f = &conf->ifs[i];

		if (memcmp(f->gw4, none, 4))
			route(c, k, i, TERN_AF_INET, none, 0, f->gw4, f->addr4);
		if (memcmp(f->gw6, none, 16))
			route(c, k, i, TERN_AF_INET6, none, 0, f->gw6, f->addr6);
	}
}

int
show_routes(struct ctl *c)
{
	static const struct column cols[] = {
		{"dst", "Destination"}, {"via", "Via"}, {"dev", "Dev"}, {"src", "Source"}, {"stack", "Stack"}};
	unsigned int k;

	out_table(c->out, "routes", cols, COLUMNS(c, cols));
	for (k = 0; k < c->run->n; k++)
		routes_of(c, k);
	return 0;
}

/* --- timers -------------------------------------------------------------------------------------------------- */

static const struct {
	uint32_t below_ms;
	const char *key;
} spans[] = {{10, "in_10ms"},    {100, "in_100ms"},    {1000, "in_1s"},      {10000, "in_10s"},
	     {60000, "in_1min"}, {600000, "in_10min"}, {UINT32_MAX, "later"}};

#define WAITS (TERN_WAIT_TIME_WAIT + 1u)

struct timers {
	uint32_t cursor, neigh_cursor;
	bool neighs; /* connections are through */
	uint64_t n[WAITS][RTE_DIM(spans)], of_neighs[RTE_DIM(spans)];
};

static unsigned int
span_of(uint32_t ms)
{
	unsigned int s = 0;

	while (s + 1 < RTE_DIM(spans) && ms >= spans[s].below_ms)
		s++;
	return s;
}

static void
take_timer(const struct tern_info *i, struct tern_conn *conn, void *arg)
{
	struct timers *t = arg;

	if (i->timer < WAITS)
		t->n[i->timer][span_of(i->timer_ms)]++;
}

static void
take_neigh_timer(const struct tern_neigh *n, void *arg)
{
	struct timers *t = arg;

	if (n->timer_ms != UINT32_MAX)
		t->of_neighs[span_of(n->timer_ms)]++;
}

static bool
take_timers(struct tern_worker *w, void *arg)
{
	struct timers *t = arg;

	if (t->neighs)
		return tern_neigh_walk(w, &t->neigh_cursor, NEIGHS_A_POLL, take_neigh_timer, t);
	t->neighs = !tern_conn_walk(w, &t->cursor, WALK_LINES, take_timer, t);
	return true;
}

/* n NULL: of those it is not known when they are due. */
static void
timer_row(struct ctl *c, unsigned int k, unsigned int w, const char *name, uint64_t armed, const uint64_t *n)
{
	json_t *row = json_pack("{s:s,s:i,s:I}", "timer", name, "worker", (int)w, "armed", (json_int_t)armed);
	unsigned int s;

	for (s = 0; s < RTE_DIM(spans); s++)
		json_object_set_new(row, spans[s].key, n ? json_integer(n[s]) : json_null());
	of_stack(c, k, row);
}

static void
span_rows(struct ctl *c, unsigned int k, unsigned int w, const char *name, const uint64_t *n)
{
	uint64_t all = 0;
	unsigned int s;

	for (s = 0; s < RTE_DIM(spans); s++)
		all += n[s];
	if (all)
		timer_row(c, k, w, name, all, n);
}

static void
timer_rows(struct ctl *c, unsigned int k, unsigned int w, const struct timers *t)
{
	struct tern_gauges g;
	unsigned int i;

	for (i = TERN_WAIT_NONE + 1; i < WAITS; i++)
		span_rows(c, k, w, tern_wait_name(i), t->n[i]);
	span_rows(c, k, w, "neighbour", t->of_neighs);
	tern_gauges_get(c->run->stacks[k].tern, w, &g, sizeof(g));
	if (g.timers)
		timer_row(c, k, w, "application", g.timers, NULL);
}

/* Walks over the table and the neighbours, of what is due next: a connection has several deadlines and is once on the
 * wheel. */
int
show_timers(struct ctl *c)
{
	static const struct column cols[] = {{"timer", "Timer"},
					     {"worker", "Worker", true},
					     {"armed", "Armed", true},
					     {"in_10ms", "<10ms", true},
					     {"in_100ms", "<100ms", true},
					     {"in_1s", "<1s", true},
					     {"in_10s", "<10s", true},
					     {"in_1min", "<1min", true},
					     {"in_10min", "<10min", true},
					     {"later", "Later", true},
					     {"stack", "Stack"}};
	unsigned int k, w;
	int rc = 0;

	out_table(c->out, "timers", cols, COLUMNS(c, cols));
	for (k = 0; k < c->run->n; k++) {
		for (w = 0; w < c->run->stacks[k].n_workers && !rc; w++) {
			struct timers t = {0};

			rc = ctl_worker(c, "show timers", k, w, take_timers, &t, sizeof(t));
			if (!rc)
				timer_rows(c, k, w, &t);
		}
	}
	return rc;
}
