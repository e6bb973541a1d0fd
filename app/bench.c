/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Role bench: two whole stacks in one process, joined by an in-memory cable, so a connection costs what TCP costs and
 * nothing a device adds. One lcore serves, one is the client; both do what a peer over a network would: ARP, handshake,
 * request, response, FIN both ways, TIME-WAIT. With --syn-flood a third party on a cable of its own sends SYNs to the
 * server from addresses that never answer; the client's lcore pays for it.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <rte_ethdev.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>
#include "bench.h"
#include "report.h"

#define FEW_TIMEWAITS 65536u
#define MBUF_CACHE 512u
#define CABLE_MAX (1u << 20) /* frames taken at once: more than a cable can hold */

static uint16_t cable[2], flood_cable[2];
static bool flooding;

static void
client_poll(struct stack *s, struct tern_worker *w, uint64_t now_us)
{
	role_client.poll(s, w, now_us);
	flood_poll(now_us, __atomic_load_n(&s->stopping, __ATOMIC_RELAXED));
}

static int
address(const char *text, uint8_t *addr)
{
	return inet_pton(strchr(text, ':') ? AF_INET6 : AF_INET, text, addr) == 1 ? 0 : -EINVAL;
}

static void
addresses(struct options *server, struct options *client)
{
	struct tern_if_conf *si = &server->conf.ifs[0], *ci = &client->conf.ifs[0];
	struct tern_endpoint *to = &client->connect;

	si->mtu = ci->mtu = client->bench_mtu;
	si->paired = ci->paired = true;
	si->port_id = cable[0];
	ci->port_id = cable[1];
	to->af = client->bench_ipv6 ? TERN_AF_INET6 : TERN_AF_INET;
	to->port = htons(server->port);
	if (client->bench_ipv6) {
		address("2001:db8::ffff", si->addr6);
		address("2001:db8::1", ci->addr6);
		si->prefix6 = ci->prefix6 = 64;
		ci->addr6_count = client->client_addrs;
		memcpy(to->addr, si->addr6, 16);
	} else {
		address("198.51.100.254", si->addr4);
		address("198.51.100.1", ci->addr4);
		si->prefix4 = ci->prefix4 = 24;
		ci->addr4_count = client->client_addrs;
		memcpy(to->addr, si->addr4, 4);
	}
	server->conf.n_ifs = client->conf.n_ifs = 1;
}

/* The server's second interface; what is spoofed lives behind its gateway, so one neighbour serves all of it. */
static int
flood_setup(struct options *server)
{
	struct tern_if_conf *c = &server->conf.ifs[1];
	struct tern_endpoint to = {.af = TERN_AF_INET, .port = htons(server->port)};
	int rc = tern_ring_pair("flood", 1, server->ring_size, flood_cable);

	if (rc)
		return rc;
	c->port_id = flood_cable[0];
	address("203.0.113.1", c->addr4);
	address("203.0.113.2", c->gw4);
	c->prefix4 = 30;
	server->conf.n_ifs = 2;
	memcpy(to.addr, c->addr4, 4);
	flooding = true;
	return flood_start(flood_cable[1], server->syn_flood, &to);
}

static uint16_t
room(const struct options *o)
{
	const uint32_t frame = o->bench_mtu + RTE_ETHER_HDR_LEN;

	return RTE_PKTMBUF_HEADROOM + RTE_MAX(RTE_ALIGN_CEIL(frame, 64u), (uint32_t)RTE_MBUF_DEFAULT_DATAROOM);
}

/* Server on the first lcore and client on the second, or worker i of both on the i-th. */
static void
place(struct stack st[2], bool one_lcore)
{
	unsigned int i, lcore = rte_get_main_lcore();

	for (i = 0; i < st[0].n_workers; i++) {
		st[0].lcores[i] = lcore;
		if (!one_lcore || i + 1 < st[0].n_workers)
			lcore = rte_get_next_lcore(i ? lcore : -1U, 1, 0);
		st[1].lcores[i] = one_lcore ? st[0].lcores[i] : lcore;
	}
}

int
bench_setup(struct stack st[2], struct options o[2], const struct options *given)
{
	static struct role client;
	struct rte_mempool *pool = NULL;
	const unsigned int n = given->workers ? given->workers : 1;
	uint32_t n_mbufs;
	int rc;

	if (n > 1 && !given->one_lcore)
		return complain("bench has one worker at each end: leave --workers out, or let ends share lcores "
				"(--one-lcore)");
	if (rte_lcore_count() < (given->one_lcore ? n : 2))
		return complain("bench needs %u lcores, EAL has %u: start with -l 0,1", given->one_lcore ? n : 2,
				rte_lcore_count());
	rc = tern_ring_pair("bench", n, given->ring_size, cable);
	if (rc)
		return rc;
	/* Two lcores share a pool, and what one frees the other has. Last in, first out: the buffers in use stay few, and so do their
	 * pages. Ends on one lcore have pools of their own: pairs of workers then share nothing. */
	n_mbufs = 2 * given->conf.n_mbufs;
	if (!given->one_lcore) {
		pool = rte_pktmbuf_pool_create_by_ops("bench", n_mbufs, MBUF_CACHE, 0, room(given), rte_socket_id(),
						      "lf_stack");
		if (!pool)
			return complain("no room for %u packet buffers: give EAL more memory or lower --mbufs", n_mbufs);
	}
	client = role_client;
	client.poll = client_poll;
	o[0] = o[1] = *given;
	addresses(&o[0], &o[1]);
	/* only who closes first needs room for TIME-WAITs; a large table costs both cache and start-up time */
	if (given->close_mode != CLOSE_SERVER)
		o[0].conf.max_timewait = FEW_TIMEWAITS;
	if (given->close_mode != CLOSE_CLIENT)
		o[1].conf.max_timewait = FEW_TIMEWAITS;
	o[0].conf.name = "tern_s";
	o[1].conf.name = "tern_c";
	o[0].conf.mbuf_pool = o[1].conf.mbuf_pool = pool;
	o[1].connect_ports = 1;
	o[1].http_path = o[1].output = NULL;
	st[0] = (struct stack){.o = &o[0], .role = &role_serve, .name = "server", .n_workers = n};
	st[1] = (struct stack){.o = &o[1], .role = &client, .name = "client", .n_workers = n};
	place(st, given->one_lcore);
	return given->syn_flood ? flood_setup(&o[0]) : 0;
}

static unsigned int
empty(uint16_t port_id)
{
	struct rte_eth_dev_info info;
	struct rte_mbuf *m[32];
	unsigned int q, n, all = 0;

	if (rte_eth_dev_info_get(port_id, &info))
		return 0;
	for (q = 0; q < info.nb_rx_queues; q++) {
		while (all < CABLE_MAX && (n = rte_eth_rx_burst(port_id, q, m, RTE_DIM(m))) > 0) {
			rte_pktmbuf_free_bulk(m, n);
			all += n;
		}
	}
	return all;
}

unsigned int
bench_client_gone(void)
{
	return empty(cable[1]) + (flooding ? empty(flood_cable[1]) : 0);
}

unsigned int
bench_empty(void)
{
	return bench_client_gone() + empty(cable[0]) + (flooding ? empty(flood_cable[0]) : 0);
}

struct mark {
	uint64_t established, answered, tx, busy, total;
};

static struct mark marks[2][2]; /* begin and end, server and client */

void
bench_mark(const struct stack st[2], bool end)
{
	struct tern_gauges g;
	unsigned int i;

	for (i = 0; i < 2; i++) {
		tern_gauges_get(st[i].tern, -1, &g, sizeof(g));
		marks[end][i] = (struct mark){
			.established = tern_stats_by_name(st[i].tern, "TcpExtTernEstablished"),
			.answered = i ? 0 : serve_answered(&st[i]),
			.tx = tern_stats_by_name(st[i].tern, "TxPackets"),
			.busy = g.busy_cycles,
			.total = g.total_cycles,
		};
	}
}

/* Of stack i, between the marks. */
static struct mark
load(unsigned int i)
{
	const struct mark *a = &marks[0][i], *b = &marks[1][i];

	return (struct mark){b->established - a->established, b->answered - a->answered, b->tx - a->tx,
			     b->busy - a->busy, b->total - a->total};
}

static void
report_per(const char *what, double n, const struct mark *s, const struct mark *c)
{
	n = n > 0 ? n : 1;
	printf("bench: packets per %s %.2f: %.2f from the client, %.2f from the server%s\n", what, (s->tx + c->tx) / n,
	       c->tx / n, s->tx / n, flooding ? " (its answers to the flood included)" : "");
	printf("bench: busy cycles per %s: server %.0f (%.0f %% busy), client %.0f (%.0f %% busy)\n", what, s->busy / n,
	       100.0 * s->busy / (s->total + 1.0), c->busy / n, 100.0 * c->busy / (c->total + 1.0));
}

void
bench_report(const struct stack st[2], double seconds)
{
	static const char *const closer[] = {"client closes first", "server closes first", "client resets"};
	const struct mark s = load(0), c = load(1);
	const struct options *o = st[1].o;
	struct tern_gauges g[2];
	unsigned int i;

	for (i = 0; i < 2; i++)
		tern_gauges_get(st[i].tern, -1, &g[i], sizeof(g[i]));
	printf("bench: %.0f connections/s (%lu in %.2f s), IPv%u, %u requests of %u bytes and responses of %u each, "
	       "%s\n",
	       c.established / seconds, c.established, seconds, o->bench_ipv6 ? 6 : 4, o->requests_per_conn,
	       o->request_size, o->response_size, closer[o->close_mode]);
	report_per("connection", c.established, &s, &c);
	if (o->requests_per_conn > 1) {
		printf("bench: %.0f requests/s (%lu), goodput %.3f Gbit/s\n", s.answered / seconds, s.answered,
		       8e-9 * s.answered * ((uint64_t)o->request_size + o->response_size) / seconds);
		report_per("request", s.answered, &s, &c);
	}
	printf("bench: TIME-WAIT held: server %u, client %u\n", g[0].timewaits, g[1].timewaits);
	if (flooding)
		flood_report();
}

/* main() runs bench_setup() instead of this role's functions. */
const struct role role_bench = {
	.name = "bench",
	.help = "serve and client in one process over an in-memory cable",
};
