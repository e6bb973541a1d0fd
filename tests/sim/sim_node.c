/* SPDX-License-Identifier: BSD-3-Clause */
/* The two workers: what a seed makes of their settings and of the wire between them, their start and their end. */
#include "stack/conf.h"
#include "sim.h"

static struct rte_mempool *pools[2];
struct rte_mempool *wire_mp;
bool tracing;

int
nodes_init(void)
{
	pools[0] = rte_pktmbuf_pool_create("a", N_MBUFS, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	pools[1] = rte_pktmbuf_pool_create("b", N_MBUFS, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	wire_mp = rte_pktmbuf_pool_create("wire", N_WIRE, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	return pools[0] && pools[1] && wire_mp ? 0 : -1;
}

static void
on_trace(struct tern_worker *w, const char *line, void *arg)
{
	printf("%lu.%06lu %s: %s\n", sim.now_us / SEC, sim.now_us % SEC, w == sim.n[0].w ? "client" : "server", line);
}

static uint32_t
percent(double p)
{
	return p / 100 * 4294967296.0;
}

/* Chance up to max percent, often none. */
static uint32_t
fault_chance(double max)
{
	return one_in(3) ? 0 : percent(max * below(1000) / 1000);
}

void
choose_profile(struct impair_conf *c)
{
	char why[64];

	impair_parse("", c, why, sizeof(why));
	c->seed = rnd();
	c->loss = sim.mild ? fault_chance(3) : fault_chance(30);
	if (!sim.mild && one_in(4)) {
		c->bad = percent(1);
		c->good = percent(20);
	}
	c->dup = fault_chance(5);
	c->corrupt = fault_chance(sim.mild ? 0.5 : 3);
	c->reorder = fault_chance(10);
	c->reorder_us = 50 + below(20 * MS);
	c->delay_us = one_in(4) ? below(100 * MS) : below(5 * MS);
	c->jitter_us = one_in(2) ? 0 : below(2 * MS);
	if (one_in(3)) {
		c->rate_bps = UINT64_C(10000000) << below(7);
		c->queue = 100 + below(900);
		c->mark = one_in(2) ? 1 + below(50) : 0;
	}
	c->slots = N_WIRE / 4;
}

void
choose_conf(void)
{
	struct tern_conf *c = &sim.conf;

	tern_conf_init(c, sizeof(*c));
	c->max_conns = 4 * N_OPEN;
	c->max_requests = 4096;
	c->max_timewait = sim.n_pairs;
	c->max_portsets = 64;
	c->max_listeners = 4;
	c->max_neighbours = 64;
	c->n_mbufs = N_MBUFS;
	c->n_ifs = 1;
	c->tcp.snd_buf = c->tcp.rcv_buf = 16384u << below(4);
	c->tcp.cookie_mode = one_in(4) ? TERN_COOKIE_ALWAYS : TERN_COOKIE_AUTO;
	c->tcp.cc = below(TERN_CC_COUNT);
	c->tcp.ecn = below(3); /* enum tern_ecn */
	c->tcp.timestamps = !one_in(5);
	c->tcp.sack = !one_in(5);
	c->tcp.wscale = !one_in(5);
	if (one_in(8))
		c->tcp.delack_ms = 0;
	c->app.trace = tracing ? on_trace : NULL;
	sim.mtu = one_in(4) ? 1280 + below(220) : 1500;
}

void
node_start(unsigned int i)
{
	static const struct tern_listener_ops listen_ops = {.acceptable = on_acceptable};
	struct node *n = &sim.n[i];
	struct tern_conf conf = sim.conf;
	struct tern_if_conf *ic = &conf.ifs[0];
	struct rte_ether_addr mac = {{2, 0, 0, 0, 0, i + 1}};
	struct tern_endpoint e;
	unsigned int k;

	local_addr(&e, 4, i ? 100 : 1, 0);
	memcpy(ic->addr4, e.addr, 4);
	ic->prefix4 = 24;
	local_addr(&e, 6, i ? 100 : 1, 0);
	memcpy(ic->addr6, e.addr, 16);
	ic->prefix6 = 64;
	ic->addr4_count = ic->addr6_count = i ? 1 : ADDRS;
	n->mp = pools[i];
	n->n_mp = rte_mempool_avail_count(n->mp);
	if (conf_settle(&conf) || worker_create(&n->w, &conf, i, 0, n->mp, sim.now_us) ||
	    link_iface_init(&n->w->ifs[0], 0, ic, &mac, sim.mtu)) {
		fprintf(stderr, "no worker\n");
		exit(1);
	}
	n->w->n_ifs = 1;
	n->w->ifs[0].tx_multi_seg = one_in(2);
	for (k = 0; i && k < 2; k++) {
		local_addr(&e, k ? 6 : 4, 100, 80);
		if (tern_listen(n->w, &e, 64, &listen_ops, NULL, &n->l[k]))
			fault("listen");
	}
}

void
hold_mbufs(struct node *n, unsigned int leave)
{
	struct rte_mbuf *m;

	while (rte_mempool_avail_count(n->mp) > leave && (m = rte_pktmbuf_alloc(n->mp)) != NULL) {
		m->next = n->hold;
		n->hold = m;
	}
}

void
release_mbufs(struct node *n)
{
	struct rte_mbuf *m;

	while ((m = n->hold) != NULL) {
		n->hold = m->next;
		m->next = NULL;
		rte_pktmbuf_free(m);
	}
}

void
node_stop(unsigned int i)
{
	struct node *n = &sim.n[i];
	struct tern_worker *w = n->w;

	expect("connections free", i, w->conns.avail, w->conns.total);
	expect("requests free", i, w->requests.avail, w->requests.total);
	expect("TIME-WAITs free", i, w->timewaits[0].avail + w->timewaits[1].avail,
	       (uint64_t)w->timewaits[0].total + w->timewaits[1].total);
	expect("port sets free", i, w->ports.pool.avail, w->ports.pool.total);
	expect("objects in the table", i, w->table.count, 0);
	expect("waiting for accept", i, w->listeners.accept_queued, 0);
	expect("half open", i, w->listeners.half_open, 0);
	expect("requests reserved", i, w->listeners.reserved_requests, 0);
	expect("idle", i, worker_idle(w, true), true);
	expect("small mbufs free", i, rte_mempool_full(w->mbufs.small), true);
	release_mbufs(n);
	worker_destroy(w);
	expect("mbufs free", i, rte_mempool_avail_count(n->mp), n->n_mp);
	if (sim.bad) /* a fault left them somewhere: the next seed starts with what there is */
		n->n_mp = rte_mempool_avail_count(n->mp);
}
