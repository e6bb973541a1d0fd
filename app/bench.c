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
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>
#include <rte_random.h>
#include "bench.h"
#include "client.h"
#include "option.h"
#include "record.h"
#include "report.h"
#include "run.h"
#include "search.h"

#define FEW_TIMEWAITS 65536u
#define MBUF_CACHE 512u
#define CABLE_MAX (1u << 20) /* frames taken at once: more than a cable can hold */

static struct {
	uint32_t ring_size, syn_flood, client_addrs, loss_ppm;
	bool ipv6, one_lcore;
	uint16_t mtu;
} bench;

static struct opt opts[] = {
	NUM("bench", "ring-size", bench.ring_size, 64, 1 << 18, "1024", "slots of the in-memory cable, a power of two"),
	NUM("bench", "syn-flood", bench.syn_flood, 0, 100000000, NULL, "spoofed SYNs per second beside the load"),
	NUM("bench", "client-addrs", bench.client_addrs, 1, 250, "250", "local addresses of the client"),
	FLAG("bench", "bench-ipv6", bench.ipv6, "over IPv6"),
	NUM("bench", "bench-mtu", bench.mtu, 1280, 9216, "1500", "of the cable, in bytes"),
	NUM("bench", "bench-loss", bench.loss_ppm, 0, 500000, NULL,
	    "of a million frames that the cable loses, each way"),
	FLAG("bench", "one-lcore", bench.one_lcore,
	     "both ends in turn on the same lcore: less noise, no line goes between cores"),
};

static uint16_t cable[2], flood_cable[2];
static unsigned int in_cables; /* frames that were under way at the end */

static int
check(struct options *o)
{
	if (o->ifs_given)
		return complain("bench makes its own interfaces: leave --addr and its like out");
	if (bench.ring_size & (bench.ring_size - 1))
		return complain("--ring-size: %u is not a power of two", bench.ring_size);
	if (!o->duration_s && search.what == SEARCH_NONE)
		o->duration_s = 5;
	if (!option_set("max-timewait"))
		o->conf.max_timewait = 1 << 20; /* 5 s at 200000 a second; a larger table is first touched while the
						 * clock runs */
	plan.latency |= record_wanted(o);
	return search_check() || client_check_pace(o) || requests_check() || tls_check(true) ? -EINVAL : 0;
}

static void
client_poll(struct stack *s, struct tern_worker *w, uint64_t now_us)
{
	role_client.poll(s, w, now_us);
	flood_poll(now_us, __atomic_load_n(&s->stopping, __ATOMIC_RELAXED));
}

/* The cable's loss: of what came, some did not. */
static uint16_t
lose(uint16_t port, uint16_t queue, struct rte_mbuf **m, uint16_t n, uint16_t max, void *arg)
{
	const uint64_t ppm = bench.loss_ppm;
	uint16_t i, k = 0;

	for (i = 0; i < n; i++) {
		if (((rte_rand() >> 32) * 1000000) >> 32 < ppm)
			rte_pktmbuf_free(m[i]);
		else
			m[k++] = m[i];
	}
	return k;
}

static int
client_start(struct stack *s, struct tern_worker *w)
{
	unsigned int i;

	for (i = 0; i < 2 && bench.loss_ppm; i++)
		if (!rte_eth_add_rx_callback(cable[i], tern_worker_index(w), lose, NULL))
			return complain("--bench-loss: the cable cannot lose frames: %s", rte_strerror(rte_errno));
	return role_client.start(s, w);
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
	struct tern_endpoint *to = &plan.connect;

	si->mtu = ci->mtu = bench.mtu;
	si->paired = ci->paired = true;
	si->port_id = cable[0];
	ci->port_id = cable[1];
	to->af = bench.ipv6 ? TERN_AF_INET6 : TERN_AF_INET;
	to->port = htons(server->port);
	if (bench.ipv6) {
		address("2001:db8::ffff", si->addr6);
		address("2001:db8::1", ci->addr6);
		si->prefix6 = ci->prefix6 = 64;
		ci->addr6_count = bench.client_addrs;
		memcpy(to->addr, si->addr6, 16);
	} else {
		address("198.51.100.254", si->addr4);
		address("198.51.100.1", ci->addr4);
		si->prefix4 = ci->prefix4 = 24;
		ci->addr4_count = bench.client_addrs;
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
	int rc = tern_ring_pair("flood", 1, bench.ring_size, flood_cable);

	if (rc)
		return rc;
	c->port_id = flood_cable[0];
	address("203.0.113.1", c->addr4);
	address("203.0.113.2", c->gw4);
	c->prefix4 = 30;
	server->conf.n_ifs = 2;
	memcpy(to.addr, c->addr4, 4);
	return flood_start(flood_cable[1], bench.syn_flood, &to);
}

static uint16_t
room(void)
{
	const uint32_t frame = bench.mtu + RTE_ETHER_HDR_LEN;

	return RTE_PKTMBUF_HEADROOM + RTE_MAX(RTE_ALIGN_CEIL(frame, 64u), (uint32_t)RTE_MBUF_DEFAULT_DATAROOM);
}

/* Server on the first lcore and client on the second, or worker i of both on the i-th. */
static void
place(struct stack st[2])
{
	unsigned int i, lcore = rte_get_main_lcore();

	for (i = 0; i < st[0].n_workers; i++) {
		st[0].lcores[i] = lcore;
		if (!bench.one_lcore || i + 1 < st[0].n_workers)
			lcore = rte_get_next_lcore(i ? lcore : -1U, 1, 0);
		st[1].lcores[i] = bench.one_lcore ? st[0].lcores[i] : lcore;
	}
}

static int
set_up(struct stack st[2], const struct options *given)
{
	static struct options o[2];
	static struct role client;
	struct rte_mempool *pool = NULL;
	const unsigned int n = given->workers ? given->workers : 1;
	uint32_t n_mbufs;
	int rc;

	if (n > 1 && !bench.one_lcore)
		return complain("bench has one worker at each end: leave --workers out, or let ends share lcores "
				"(--one-lcore)");
	if (rte_lcore_count() < (bench.one_lcore ? n : 2))
		return complain("bench needs %u lcores, EAL has %u: start with -l 0,1", bench.one_lcore ? n : 2,
				rte_lcore_count());
	rc = tern_ring_pair("bench", n, bench.ring_size, cable);
	if (rc)
		return rc;
	/* Two lcores share a pool, and what one frees the other has. Last in, first out: the buffers in use stay few,
	 * and so do their pages. Ends on one lcore have pools of their own: pairs of workers then share nothing. */
	n_mbufs = 2 * given->conf.n_mbufs;
	if (!bench.one_lcore) {
		pool = rte_pktmbuf_pool_create_by_ops("bench", n_mbufs, MBUF_CACHE, 0, room(), rte_socket_id(),
						      "lf_stack");
		if (!pool)
			return complain("no room for %u packet buffers: give EAL more memory or lower --mbufs",
					n_mbufs);
	}
	client = role_client;
	client.poll = client_poll;
	client.start = client_start;
	o[0] = o[1] = *given;
	addresses(&o[0], &o[1]);
	/* only who closes first needs room for TIME-WAITs; a large table costs both cache and start-up time */
	if (requests.close_mode != CLOSE_SERVER)
		o[0].conf.max_timewait = FEW_TIMEWAITS;
	if (requests.close_mode != CLOSE_CLIENT)
		o[1].conf.max_timewait = FEW_TIMEWAITS;
	o[0].conf.name = "tern_s";
	o[1].conf.name = "tern_c";
	o[0].conf.mbuf_pool = o[1].conf.mbuf_pool = pool;
	plan.connect_ports = 1;
	plan.http_path = plan.output = plan.mix = NULL; /* a file may say them for another role */
	st[0] = (struct stack){.o = &o[0], .role = &role_serve, .name = "server", .n_workers = n};
	st[1] = (struct stack){.o = &o[1], .role = &client, .name = "client", .n_workers = n};
	place(st);
	return bench.syn_flood ? flood_setup(&o[0]) : 0;
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

/* Take what the server still sends when the client has left; at the end, what is left both ways. */
static void
stand_in(unsigned int n)
{
	unsigned int i;

	in_cables = 0;
	for (i = n; i < 2; i++)
		in_cables += empty(cable[i]) + (bench.syn_flood ? empty(flood_cable[i]) : 0);
}

struct mark {
	uint64_t established, answered, tx, busy, total;
};

static struct mark marks[2][2]; /* begin and end, server and client */

static void
mark(const struct stack st[2], bool end)
{
	struct tern_gauges g;
	unsigned int i;

	for (i = 0; i < 2; i++) {
		tern_gauges_get(st[i].tern, -1, &g, sizeof(g));
		marks[end][i] = (struct mark){
			.established = tern_stats_by_name(st[i].tern, "TcpExtTernEstablished"),
			.answered = i ? 0 : role_sum(&st[i], SERVER_DONE),
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
	       c->tx / n, s->tx / n, bench.syn_flood ? " (its answers to the flood included)" : "");
	printf("bench: busy cycles per %s: server %.0f (%.0f %% busy), client %.0f (%.0f %% busy)\n", what, s->busy / n,
	       100.0 * s->busy / (s->total + 1.0), c->busy / n, 100.0 * c->busy / (c->total + 1.0));
}

static uint64_t
report(const struct stack st[2], double seconds)
{
	static const char *const closer[] = {"client closes first", "server closes first", "client resets"};
	const struct mark s = load(0), c = load(1);
	struct tern_gauges g[2];
	char many[16];
	unsigned int i;

	for (i = 0; i < 2; i++)
		tern_gauges_get(st[i].tern, -1, &g[i], sizeof(g[i]));
	snprintf(many, sizeof(many), "%u", requests.per_conn);
	printf("bench: %.0f connections/s (%lu in %.2f s), IPv%d, %s requests of %u bytes and responses of %u each, "
	       "%s\n",
	       c.established / seconds, c.established, seconds, bench.ipv6 ? 6 : 4,
	       requests.per_conn == UINT32_MAX ? "any number of" : many, requests.request_size,
	       requests.response_size, closer[requests.close_mode]);
	report_per("connection", c.established, &s, &c);
	if (requests.per_conn > 1) {
		printf("bench: %.0f requests/s (%lu), goodput %.3f Gbit/s\n", s.answered / seconds, s.answered,
		       8e-9 * s.answered * ((uint64_t)requests.request_size + requests.response_size) / seconds);
		report_per("request", s.answered, &s, &c);
	}
	printf("bench: TIME-WAIT held: server %u, client %u\n", g[0].timewaits, g[1].timewaits);
	if (bench.syn_flood)
		flood_report();
	return report_pools(st, 2, in_cables, flood_missing());
}

static uint64_t
run(struct options *o)
{
	static struct stack st[2];
	const struct run both = {
		.stacks = st,
		.n = 2,
		.take_turns = bench.one_lcore,
		.mark = mark,
		.stand_in = stand_in,
		.report = report,
	};

	return set_up(st, o) ? 1 : run_stacks(&both);
}

const struct role role_bench = {
	.name = "bench",
	.help = "serve and client in one process over an in-memory cable",
	.opts = opts,
	.n_opts = RTE_DIM(opts),
	.takes = "port backlog fastopen cps arrivals ramp-up-ms ramp-down-ms total concurrency park hold think-ms rps "
		 "active timeout-ms latency " REQUEST_OPTIONS " tls tls-max tls-resume " SEARCH_OPTIONS,
	.check = check,
	.run = run,
};
