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

int
bench_setup(struct stack st[2], struct options o[2], const struct options *given)
{
	static struct role client;
	int rc;

	if (given->workers > 1)
		return complain("bench has one worker at each end: leave --workers out");
	if (rte_lcore_count() < 2)
		return complain("bench needs two lcores, EAL has %u: start with -l 0,1", rte_lcore_count());
	rc = tern_ring_pair("bench", 1, given->ring_size, cable);
	if (rc)
		return rc;
	client = role_client;
	client.poll = client_poll;
	o[0] = o[1] = *given;
	addresses(&o[0], &o[1]);
	/* only who closes first needs room for TIME-WAITs; a large table costs both cache and start-up time */
	if (given->close_mode != CLOSE_SERVER)
		o[0].conf.max_timewait = 0;
	if (given->close_mode != CLOSE_CLIENT)
		o[1].conf.max_timewait = 0;
	o[0].conf.name = "tern_s";
	o[1].conf.name = "tern_c";
	o[1].connect_ports = 1;
	o[1].http_path = o[1].output = NULL;
	st[0] = (struct stack){.o = &o[0], .role = &role_serve, .name = "server", .n_workers = 1};
	st[1] = (struct stack){.o = &o[1], .role = &client, .name = "client", .n_workers = 1};
	st[0].lcores[0] = rte_get_main_lcore();
	st[1].lcores[0] = rte_get_next_lcore(-1, 1, 0);
	return given->syn_flood ? flood_setup(&o[0]) : 0;
}

static unsigned int
empty(uint16_t port_id)
{
	struct rte_mbuf *m[32];
	unsigned int n, all = 0;

	while (all < CABLE_MAX && (n = rte_eth_rx_burst(port_id, 0, m, RTE_DIM(m))) > 0) {
		rte_pktmbuf_free_bulk(m, n);
		all += n;
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

void
bench_report(const struct stack st[2], double seconds, uint64_t established)
{
	const uint64_t all = tern_stats_by_name(st[1].tern, "TcpExtTernEstablished");
	static const char *const closer[] = {"client closes first", "server closes first", "client resets"};
	const double per = all ? all : 1;
	struct tern_gauges g[2];
	uint64_t tx[2];
	unsigned int i;

	for (i = 0; i < 2; i++) {
		tern_gauges_get(st[i].tern, -1, &g[i]);
		tx[i] = tern_stats_by_name(st[i].tern, "TxPackets");
	}
	printf("bench: %.0f connections/s (%lu in %.2f s), IPv%u, %u requests of %u bytes and responses of %u each, "
	       "%s\n",
	       established / seconds, established, seconds, st[1].o->bench_ipv6 ? 6 : 4, st[1].o->requests_per_conn,
	       st[1].o->request_size, st[1].o->response_size, closer[st[1].o->close_mode]);
	printf("bench: packets per connection %.2f: %.2f from the client, %.2f from the server%s\n",
	       (tx[0] + tx[1]) / per, tx[1] / per, tx[0] / per, flooding ? " (its answers to the flood included)" : "");
	printf("bench: busy cycles per connection: server %.0f (%.0f %% busy), client %.0f (%.0f %% busy)\n",
	       g[0].busy_cycles / per, 100.0 * g[0].busy_cycles / (g[0].total_cycles + 1.0), g[1].busy_cycles / per,
	       100.0 * g[1].busy_cycles / (g[1].total_cycles + 1.0));
	printf("bench: TIME-WAIT held: server %u, client %u\n", g[0].timewaits, g[1].timewaits);
	if (flooding)
		flood_report();
}

/* main() runs bench_setup() instead of this role's functions. */
const struct role role_bench = {
	.name = "bench",
	.help = "serve and client in one process over an in-memory cable",
};
