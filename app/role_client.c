/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Client: opens connections at a rate or as fast as --concurrency allows, sends requests, checks every byte that comes
 * back (raw: the pattern; HTTP: status and length) and closes as told. A connection counts as done when its last
 * response was right and the agreed end closed first, as failed for anything else; one that was cut off
 * by the end of the run is neither.
 *
 * Rates are paced by the worker's clock (pace.c); what could not be opened in time is opened later, BURST_MAX a poll
 * at most, so that one slow poll is no flood; its time is counted from when it was due. Ports or objects that are used
 * up are no failure: the client waits for them, unless they are to be parked: then they won't come back.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <rte_common.h>
#include "client.h"
#include "option.h"

#define BURST_MAX 32u
#define PROBE_MAX 8u   /* open before the first answer: the server's MAC is still being asked for */
#define PAUSE_US 1000u /* before the next try when ports or objects are used up */
#define PARK_TRIES 64u /* opens that may fail beside as many as are to be parked */

/* --- options ------------------------------------------------------------------------------------------------- */

/* Read by every worker, written by none: a line that nothing else is on. */
struct plan plan __rte_cache_aligned;
struct requests requests __rte_cache_aligned;

/* ADDR:PORT[,COUNT], an IPv6 address in brackets */
static int
set_connect(const char *val)
{
	const char *comma = strchr(val, ',');
	char buf[96];
	int64_t n = 1;
	int rc = 0;

	snprintf(buf, sizeof(buf), "%.*s", (int)strcspn(val, ","), val);
	if (tern_endpoint_parse(buf, &plan.connect) || !plan.connect.port)
		return bad("'%s': write ADDR:PORT, or [ADDR6]:PORT, with a port of 1..65535", val);
	if (comma)
		rc = number(comma + 1, 1, UINT16_MAX + 1 - ntohs(plan.connect.port), &n);
	plan.connect_ports = n;
	return rc;
}

static const char *const arrivals_names[] = {"constant", "poisson", NULL};
static const char *const close_names[] = {"client", "server", "reset", NULL};

static struct opt opts[] = {
	CALL("client", "connect", "ADDR:PORT[,COUNT]", set_connect, NULL, "server, and how many consecutive ports"),
	NUM("client", "cps", plan.cps, 0, UINT32_MAX, NULL, "new connections per second; 0: as concurrency allows"),
	NUM("client", "total", plan.total, 0, INT64_MAX, NULL, "connections in all; 0: until --duration"),
	NUM("client", "concurrency", plan.concurrency, 1, 1 << 27, "256", "connections open at the same time"),
	NUM("client", "park", plan.park, 0, 1 << 27, NULL, "open N connections first and leave them idle"),
	NUM("client", "timeout-ms", plan.timeout_ms, 0, UINT32_MAX, "10000",
	    "give up a connection on which nothing happened for N ms; 0: only when TCP does"),
	NUM("client", "request-size", requests.request_size, 1, 1 << 30, "64", "bytes (client, serve, bench)"),
	NUM("client", "response-size", requests.response_size, 1, 1 << 30, "64", "bytes (client, serve, bench)"),
	NUM("client", "requests-per-conn", requests.per_conn, 1, UINT32_MAX, "1", "requests per connection"),
	ENUM("client", "close", "MODE", requests.close_mode, "client", close_names,
	     "who closes first, and so holds TIME-WAIT (serve, too)"),
	NUM("client", "packets", requests.packets, 0, 8, NULL,
	    "of a short connection: 6, server closes; 7, client closes; 8, and a bare ACK first; 0: as --close"),
	ENUM("client", "arrivals", "HOW", plan.arrivals, "constant", arrivals_names,
	     "of --cps: constant, each as long after the one before it, or poisson, as independent users come"),
	NUM("client", "ramp-up-ms", plan.ramp_up_ms, 0, 1 << 30, NULL,
	    "the rate of --cps is reached evenly in so many ms"),
	NUM("client", "ramp-down-ms", plan.ramp_down_ms, 0, 1 << 30, NULL,
	    "and falls to none in the last N ms of --duration"),
	FLAG("client", "latency", plan.latency, "percentiles of connecting and of a whole connection, too"),
	TEXT("client", "http", "PATH", plan.http_path, "GET this path, check status and length"),
	TEXT("client", "output", "FILE", plan.output, "write the body there (one connection)"),
};

int
requests_check(void)
{
	const bool server = requests.packets == 6;

	if (!requests.packets)
		return 0;
	if (requests.packets < 6)
		return complain("--packets: %u is not 6, 7 or 8", requests.packets);
	if (option_given("close") && requests.close_mode != (server ? CLOSE_SERVER : CLOSE_CLIENT))
		return complain("--packets %u: then the %s closes first: leave --close out", requests.packets,
				server ? "server" : "client");
	requests.close_mode = server ? CLOSE_SERVER : CLOSE_CLIENT;
	return 0;
}

int
client_check_pace(const struct options *o)
{
	if (plan.cps) {
		if (plan.ramp_down_ms && !o->duration_s)
			return complain("--ramp-down-ms: the end is not known: give --duration");
		if (o->duration_s && (uint64_t)plan.ramp_up_ms + plan.ramp_down_ms > o->duration_s * UINT64_C(1000))
			return complain("--ramp-up-ms %u and --ramp-down-ms %u are more than --duration %u",
					plan.ramp_up_ms, plan.ramp_down_ms, o->duration_s);
	} else if (plan.ramp_up_ms || plan.ramp_down_ms || plan.arrivals) {
		return complain("--%s is of a rate: give --cps", plan.ramp_up_ms     ? "ramp-up-ms" :
								 plan.ramp_down_ms ? "ramp-down-ms" :
										     "arrivals");
	}
	return 0;
}

static int
check(struct options *o)
{
	const char *p;

	if (requests_check())
		return -EINVAL;
	if (!plan.connect.af)
		return complain("the client has no server: give --connect ADDR:PORT");
	if (client_check_pace(o))
		return -EINVAL;
	if (plan.http_path && *plan.http_path != '/')
		return complain("--http: '%s' does not start with '/'", plan.http_path);
	if (plan.http_path && strlen(plan.http_path) >= HTTP_PATH_MAX)
		return complain("--http: the path is longer than %u bytes", HTTP_PATH_MAX - 1);
	for (p = plan.http_path; p && *p; p++)
		if ((unsigned char)*p <= ' ' || *p == 127)
			return complain("--http: '%s' has a blank or a control character: write it as %%%02x",
					plan.http_path, (unsigned char)*p);
	if (plan.output && !plan.http_path)
		return complain("--output needs --http PATH");
	if (plan.output && (plan.total != 1 || requests.per_conn != 1))
		return complain("--output keeps one body: give --total 1 and one request per connection");
	if (requests.per_conn > 1 && requests.close_mode == CLOSE_SERVER && !plan.http_path)
		notice("the server must close after %u requests of a connection, too", requests.per_conn);
	return 0;
}

/* --- opening ------------------------------------------------------------------------------------------------- */

static void
report_ready(struct client *cl)
{
	cl->parking = false;
	__atomic_fetch_add(&cl->s->ready, 1, __ATOMIC_RELEASE);
}

void
client_begin(struct client *cl)
{
	cl->start_us = tern_now_us(cl->w);
	cl->n_parking = cl->n[N_OPENED];
	if (cl->cps)
		pace_init(&cl->pace, cl->cps, plan.ramp_up_ms, plan.ramp_down_ms, cl->s->o->duration_s,
			  plan.arrivals == ARRIVALS_POISSON);
	report_ready(cl);
}

static void
give_up(struct client *cl)
{
	cl->hopeless = true;
	if (cl->parking)
		report_ready(cl);
}

static bool
paced(const struct client *cl)
{
	return cl->cps && !cl->parking;
}

/* @return false when no more can be opened for now. */
static bool
open_one(struct client *cl, uint64_t now_us)
{
	struct client_conn *cc = (struct client_conn *)slab_get(&cl->slab, NULL, now_us);
	int rc;

	if (!cc)
		return false;
	cc->parked = false;
	cc->part = NULL;
	cc->asked = cc->answered = cc->before = 0;
	cc->due_us = paced(cl) ? cl->start_us + (uint64_t)cl->pace.due_us : now_us;
	rc = client_connect(cc);
	if (rc == -EADDRNOTAVAIL || rc == -ENOMEM) {
		slab_put(&cl->slab, &cc->i);
		cl->n[N_WAITED]++;
		cl->pause_us = now_us + PAUSE_US;
		if (cl->parking && cl->slab.n_active == cl->parked) /* nothing is under way whose end would help */
			give_up(cl);
		return false;
	}
	cl->n[N_OPENED]++;
	if (paced(cl))
		pace_next(&cl->pace);
	cl->n[N_LATE] += now_us > cc->due_us + LATE_US;
	if (rc) { /* the next one would not fare better */
		client_gone(cc, rc == -ENETUNREACH ? N_UNREACHABLE : N_OTHER);
		give_up(cl);
	}
	return !rc;
}

/* How many may be opened in this poll. */
static uint64_t
may_open(struct client *cl, uint64_t now_us)
{
	const uint64_t opened = cl->n[N_OPENED] - cl->n_parking;
	uint32_t limit = cl->concurrency + cl->parked;
	uint64_t may = BURST_MAX;

	if (cl->stopping || cl->hopeless || cl->paused || now_us < cl->pause_us)
		return 0;
	if (cl->parking) {
		may = RTE_MIN(may, cl->park - cl->slab.n_active);
	} else {
		if (cl->total && cl->total - opened < may)
			may = cl->total - opened;
	}
	if (!cl->n[N_CONNECTED] && cl->n[N_OPENED] == cl->slab.n_active)
		limit = RTE_MIN(limit, PROBE_MAX);
	return RTE_MIN(may, limit > cl->slab.n_active ? limit - cl->slab.n_active : 0);
}

static bool
is_due(const struct client *cl, uint64_t now_us)
{
	return !paced(cl) || cl->pace.due_us <= now_us - cl->start_us;
}

static void
finish(struct client *cl)
{
	cl->finished = true;
	__atomic_fetch_add(&cl->s->finished, 1, __ATOMIC_RELEASE);
}

static void
poll(struct stack *s, struct tern_worker *w, uint64_t now_us)
{
	struct client *cl = tern_worker_user(w);
	uint64_t may;

	cl->stopping = __atomic_load_n(&s->stopping, __ATOMIC_RELAXED);
	slab_retry(&cl->slab, client_go_on);
	if (cl->parking && cl->n[N_OPENED] >= 2 * (uint64_t)cl->park + PARK_TRIES)
		give_up(cl);
	for (may = may_open(cl, now_us); may && is_due(cl, now_us) && open_one(cl, now_us); may--)
		;
	if (!cl->finished && cl->slab.n_active == cl->parked &&
	    (cl->stopping || cl->hopeless ||
	     (cl->total && !cl->parking && cl->n[N_OPENED] - cl->n_parking == cl->total)))
		finish(cl);
}

/* --- the role ------------------------------------------------------------------------------------------------ */

static uint64_t
share(uint64_t all, unsigned int n, unsigned int i)
{
	return all / n + (i < all % n);
}

static void
make_requests(struct client *cl)
{
	char host[TERN_ENDPOINT_LEN];
	unsigned int i;

	tern_endpoint_format(&plan.connect, host);
	for (i = 0; i < 2; i++)
		cl->request_len[i] = snprintf(
			cl->request[i], sizeof(cl->request[i]),
			"GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: tern\r\nAccept: */*\r\n"
			"Connection: %s\r\n\r\n",
			plan.http_path, host, i ? "close" : "keep-alive");
}

static bool
in_subnet(const uint8_t *a, const uint8_t *b, unsigned int prefix)
{
	unsigned int i;

	for (i = 0; i < prefix; i++)
		if (((a[i / 8] ^ b[i / 8]) >> (7 - i % 8)) & 1)
			return false;
	return true;
}

/* The interface's addresses whose subnet hop is in. */
static uint64_t
addrs_near(const struct tern_if_conf *c, uint8_t af, const uint8_t *hop)
{
	const bool v4 = af == TERN_AF_INET,
		   near = in_subnet(hop, v4 ? c->addr4 : c->addr6, v4 ? c->prefix4 : c->prefix6);
	uint64_t n = near ? RTE_MAX(v4 ? c->addr4_count : c->addr6_count, 1u) : 0;
	unsigned int i;

	for (i = 0; i < c->n_aliases; i++)
		if (c->alias[i].af == af && in_subnet(hop, c->alias[i].addr, c->alias[i].prefix))
			n += c->alias[i].count;
	return n;
}

/* The interface's addresses that connections to the server come from: as tern.h says. */
static uint64_t
addrs_for(const struct tern_if_conf *c, const struct tern_endpoint *server)
{
	const bool v4 = server->af == TERN_AF_INET;
	uint64_t n = addrs_near(c, server->af, server->addr);

	if (!n)
		n = addrs_near(c, server->af, v4 ? c->gw4 : c->gw6);
	return n ? n : RTE_MAX(v4 ? c->addr4_count : c->addr6_count, 1u);
}

/* Connections that the local addresses and ports can make to the server. */
static uint64_t
ports(const struct options *o)
{
	uint64_t addrs = 0;
	unsigned int i;

	for (i = 0; i < o->conf.n_ifs; i++)
		addrs += addrs_for(&o->conf.ifs[i], &plan.connect);
	return addrs * (o->conf.tcp.port_max - o->conf.tcp.port_min + 1) * plan.connect_ports;
}

/* Would what is asked for wait for ever? The concurrency of a worker is cut to what --max-conns leaves. */
static int
check_limits(const struct stack *s)
{
	const struct options *o = s->o;
	const uint64_t park = share(plan.park, s->n_workers, 0), open = share(plan.concurrency, s->n_workers, 0);
	const uint32_t max = o->conf.max_conns;

	if (park >= max)
		return complain("--park %u: %lu connections a worker and one more need --max-conns %lu, it is %u",
				plan.park, park, park + 1, max);
	if (plan.park && plan.park >= ports(o))
		return complain(
			"--park %u: the local addresses and ports make %lu connections to the server: give more "
			"addresses (--addr A/LEN+COUNT), --local-ports or ports of the server",
			plan.park, ports(o));
	if (park + open > max)
		notice("--concurrency %u is cut to %lu a worker by --max-conns %u", plan.concurrency, max - park, max);
	return 0;
}

static int
init(struct stack *s)
{
	FILE *out;

	role_pattern(0);
	if (check_limits(s))
		return -EINVAL;
	if (!plan.output)
		return 0;
	out = fopen(plan.output, "wb");
	if (!out)
		return complain("--output %s: %s", plan.output, strerror(errno));
	s->shared = out;
	return 0;
}

static int
start(struct stack *s, struct tern_worker *w)
{
	const unsigned int i = tern_worker_index(w);
	const struct options *o = s->o;
	struct client *cl = role_state(s, w, sizeof(*cl));
	uint32_t n;

	if (!cl)
		return -ENOMEM;
	cl->s = s;
	cl->w = w;
	TAILQ_INIT(&cl->idle);
	cl->out = i == 0 ? s->shared : NULL;
	cl->total = share(plan.total, s->n_workers, i);
	cl->cps = share(plan.cps, s->n_workers, i);
	cl->park = share(plan.park, s->n_workers, i);
	cl->concurrency = RTE_MIN(share(plan.concurrency, s->n_workers, i), o->conf.max_conns - cl->park);
	cl->next_port = i % plan.connect_ports;
	cl->slack_us = plan.timeout_ms ? plan.timeout_ms * UINT64_C(125) : UINT64_MAX;
	if ((plan.total && !cl->total) || (plan.cps && !cl->cps))
		cl->concurrency = 0; /* more workers than connections */
	if (plan.http_path)
		make_requests(cl);
	cl->parking = cl->park;
	if (!cl->parking)
		client_begin(cl);
	if (!cl->concurrency)
		finish(cl);
	n = cl->park + RTE_MAX(cl->concurrency, 1u);
	if (plan.http_path && heads_init(&cl->heads, s, w, n))
		return -ENOMEM;
	if (slab_init(&cl->slab, s, w, n, sizeof(struct client_conn), cl))
		return -ENOMEM;
	if (plan.timeout_ms)
		slab_timeout(&cl->slab, w, 9 * cl->slack_us, client_late);
	return 0;
}

static void
drain(struct stack *s, struct tern_worker *w)
{
	struct client *cl = tern_worker_user(w);
	struct item *it;

	cl->concurrency = 0;
	slab_no_timeout(&cl->slab);
	while ((it = TAILQ_FIRST(&cl->slab.active)) != NULL || (it = TAILQ_FIRST(&cl->idle)) != NULL)
		client_cut((struct client_conn *)it);
}

const struct role role_client = {
	.name = "client",
	.help = "open connections, raw or HTTP, and check the answers",
	.opts = opts,
	.n_opts = RTE_DIM(opts),
	.check = check,
	.init = init,
	.start = start,
	.poll = poll,
	.drain = drain,
	.accepting = client_accepting,
	.knobs = client_knobs,
	.n_knobs = CLIENT_KNOBS,
	.report = client_report,
	.finite = true,
	.readies = true,
};
