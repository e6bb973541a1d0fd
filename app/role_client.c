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
#include <rte_prefetch.h>
#include <rte_random.h>
#include "client.h"
#include "option.h"
#include "record.h"
#include "search.h"

#define BURST_MAX 32u
#define PROBE_MAX 8u   /* open before the first answer: the server's MAC is still being asked for */
#define PAUSE_US 1000u /* before the next try when ports or objects are used up */
#define PARK_TRIES 64u /* opens that may fail beside as many as are to be parked */

/* --- options ------------------------------------------------------------------------------------------------- */

/* Read by every worker, written by none: a line that nothing else is on. */
struct plan plan __rte_cache_aligned;
struct requests requests __rte_cache_aligned;

int
client_endpoint(const char *val, struct tern_endpoint *e, uint16_t *ports)
{
	const char *comma = strchr(val, ',');
	char buf[96];
	int64_t n = 1;
	int rc = 0;

	snprintf(buf, sizeof(buf), "%.*s", (int)strcspn(val, ","), val);
	if (tern_endpoint_parse(buf, e) || !e->port)
		return bad("'%s': write ADDR:PORT, or [ADDR6]:PORT, with a port of 1..65535", val);
	if (comma)
		rc = number(comma + 1, 1, UINT16_MAX + 1 - ntohs(e->port), &n);
	*ports = n;
	return rc;
}

static int
set_connect(const char *val)
{
	return client_endpoint(val, &plan.connect, &plan.connect_ports);
}

static const char *const arrivals_names[] = {"constant", "poisson", NULL};
static const char *const search_names[] = {"none", "cps", "rps", "conns", NULL};
const char *const close_names[] = {"client", "server", "reset", NULL};

static struct opt opts[] = {
	CALL("client", "connect", "ADDR:PORT[,COUNT]", set_connect, NULL, "server, and how many consecutive ports"),
	NUM("client", "cps", plan.cps, 0, UINT32_MAX, NULL, "new connections per second; 0: as concurrency allows"),
	NUM("client", "total", plan.total, 0, INT64_MAX, NULL, "connections in all; 0: until --duration"),
	NUM("client", "concurrency", plan.concurrency, 1, 1 << 27, "256", "connections open at the same time"),
	NUM("client", "park", plan.park, 0, 1 << 27, NULL, "open N connections first and leave them idle"),
	NUM("client", "hold", plan.hold, 0, 1 << 27, NULL,
	    "open N connections first, ask on them again and again, replace those that end"),
	NUM("client", "think-ms", plan.think_ms, 0, UINT32_MAX, NULL,
	    "between an answer and the next request of a held connection"),
	NUM("client", "rps", plan.rps, 0, UINT32_MAX, NULL,
	    "requests per second over all held connections; 0: each asks when it has thought"),
	NUM("client", "active", plan.active, 0, 1 << 27, NULL,
	    "of the held connections, N at a time, picked at random, open or ask; 0: all that may"),
	NUM("client", "timeout-ms", plan.timeout_ms, 0, UINT32_MAX, "10000",
	    "give up a connection on which nothing happened for N ms; 0: only when TCP does"),
	NUM("client", "request-size", requests.request_size, 1, 1 << 30, "64", "bytes (client, serve, bench)"),
	NUM("client", "response-size", requests.response_size, 1, 1 << 30, "64", "bytes (client, serve, bench)"),
	NUM("client", "requests-per-conn", requests.per_conn, 1, UINT32_MAX, "1",
	    "requests per connection; with --hold and without --cps: no limit"),
	NUM("client", "work-us", requests.work_us, 0, 1000000, NULL,
	    "the server computes for N us before each answer, as an application would (serve, bench)"),
	ENUM("client", "close", "MODE", requests.close_mode, "client", close_names,
	     "who closes first, and so holds TIME-WAIT (serve, too)"),
	NUM("client", "packets", requests.packets, 0, 8, NULL,
	    "of a short connection: 6, server closes; 7, client closes; 8, and a bare ACK first; 0: as --close"),
	ENUM("client", "arrivals", "HOW", plan.arrivals, "constant", arrivals_names,
	     "of --cps and --rps: constant, each as long after the one before it, or poisson, as users come"),
	NUM("client", "ramp-up-ms", plan.ramp_up_ms, 0, 1 << 30, NULL,
	    "the rate of --cps or --rps, else the connections of --hold, are reached evenly in so many ms"),
	NUM("client", "ramp-down-ms", plan.ramp_down_ms, 0, 1 << 30, NULL,
	    "and fall to none in the last N ms of --duration"),
	ENUM("client", "search", "WHAT", search.what, "none", search_names,
	     "find the most new connections/s, requests/s of --hold or open connections that pass"),
	NUM("client", "search-from", search.from, 0, UINT32_MAX / 2, NULL,
	    "the first load that is tried; 0: 1000 a second, or 16 open ones"),
	NUM("client", "search-to", search.to, 0, UINT32_MAX / 2, NULL,
	    "the largest; 0: no limit, or --concurrency"),
	NUM("client", "search-step", search.step_s, 1, 3600, "3", "seconds that each is judged by"),
	NUM("client", "search-p99-us", search.p99_us, 0, UINT32_MAX, NULL,
	    "a load passes if 99 % of connections, or responses, took no longer; 0: however long"),
	NUM("client", "search-failed-ppm", search.failed_ppm, 0, 1000000, "0", "and no more of a million failed"),
	NUM("client", "search-within", search.within, 1, 50, "5", "percent between what passes and what does not"),
	FLAG("client", "latency", plan.latency, "percentiles of connecting and of a whole connection, too"),
	TEXT("client", "http", "PATH", plan.http_path, "GET this path, check status and length"),
	TEXT("client", "mix", "FILE", plan.mix, "several classes of connections, each with its share: docs/client.md"),
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

/* Sets what a held connection asks. */
static int
check_hold(const struct options *o)
{
	const bool limited = !plan.cps && option_set("requests-per-conn");

	plan.hold_requests = limited ? requests.per_conn : UINT32_MAX;
	if (!plan.hold) {
		const char *of_held = plan.rps                     ? "rps" :
				      plan.think_ms && !plan.mix ? "think-ms" :
				      plan.active                ? "active" :
								   NULL;

		return of_held ? complain("--%s is of connections that are held: give --hold", of_held) : 0;
	}
	if (plan.active && (plan.rps || plan.think_ms))
		return complain("--active %u says when the next asks: leave --%s out", plan.active,
				plan.rps ? "rps" : "think-ms");
	if (plan.cps && requests.close_mode == CLOSE_SERVER)
		return complain("--hold beside --cps: the server would close both: leave --close server out");
	if (plan.cps)
		return 0;
	if (option_given("concurrency"))
		return complain("--concurrency is of --cps: --hold %u says how many are open", plan.hold);
	if (plan.total && plan.total < plan.hold)
		return complain("--total %lu is less than --hold %u", plan.total, plan.hold);
	if (plan.total && !limited && !o->duration_s)
		return complain("--total %lu: held connections do not end by themselves: give --requests-per-conn or "
				"--duration",
				plan.total);
	requests.per_conn = plan.hold_requests;
	return 0;
}

int
client_check_pace(const struct options *o)
{
	if (check_hold(o))
		return -EINVAL;
	if (plan.cps || plan.rps || (plan.hold && !plan.arrivals)) {
		if (plan.ramp_down_ms && !o->duration_s)
			return complain("--ramp-down-ms: the end is not known: give --duration");
		if (o->duration_s && (uint64_t)plan.ramp_up_ms + plan.ramp_down_ms > o->duration_s * UINT64_C(1000))
			return complain("--ramp-up-ms %u and --ramp-down-ms %u are more than --duration %u",
					plan.ramp_up_ms, plan.ramp_down_ms, o->duration_s);
	} else if (plan.ramp_up_ms || plan.ramp_down_ms || plan.arrivals) {
		return complain("--%s is of a rate: give --cps or --rps", plan.arrivals	   ? "arrivals" :
								 plan.ramp_up_ms ? "ramp-up-ms" :
										   "ramp-down-ms");
	}
	return 0;
}

static int
check_mix(const struct options *o)
{
	const char *other = plan.hold	     ? "hold" :
			    plan.park	     ? "park" :
			    plan.output	     ? "output" :
			    requests.packets ? "packets" :
					       NULL;

	if (!plan.mix)
		return 0;
	if (other)
		return complain("--mix: its classes say what connections do: leave --%s out", other);
	return mix_load(plan.mix, o);
}

/* --http's */
static int
check_path(void)
{
	int rc;

	if (!plan.http_path)
		return 0;
	origin.name = "http";
	rc = mix_check_path(plan.http_path);
	origin.name = NULL;
	return rc;
}

static int
check(struct options *o)
{
	if (requests_check() || tls_check(false))
		return -EINVAL;
	if (!plan.connect.af && !plan.mix)
		return complain("the client has no server: give --connect ADDR:PORT");
	if (search_check() || client_check_pace(o))
		return -EINVAL;
	plan.latency |= record_wanted(o);
	if (check_path() || check_mix(o))
		return -EINVAL;
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

static void
begin(struct client *cl)
{
	const uint32_t duration_s = cl->s->o->duration_s;
	const bool poisson = plan.arrivals == ARRIVALS_POISSON;

	cl->start_us = tern_now_us(cl->w);
	cl->end_us = duration_s ? cl->start_us + duration_s * UINT64_C(1000000) : UINT64_MAX;
	cl->n[N_HELD] = cl->n_thinking;
	if (cl->ramps)
		pace_init(&cl->ramp, cl->hold, plan.ramp_up_ms, plan.ramp_down_ms, duration_s, false);
	if (cl->cps)
		pace_init(&cl->pace, cl->cps, plan.ramp_up_ms, plan.ramp_down_ms, duration_s, poisson);
	if (cl->rps)
		pace_init(&cl->asks, cl->rps, plan.ramp_up_ms, plan.ramp_down_ms, duration_s, poisson);
	else if (cl->hold)
		cl->stagger_us = (double)cl->think_us / cl->hold;
	report_ready(cl);
}

/* How many are held before the load begins. */
static uint32_t
held_first(const struct client *cl)
{
	return cl->ramps ? 0 : cl->hold;
}

void
client_ready(struct client *cl)
{
	if (cl->parking && cl->parked == cl->park && cl->n_thinking == held_first(cl))
		begin(cl);
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
open_one(struct client *cl, uint64_t now_us, bool held)
{
	const bool in_time = paced(cl) && !held;
	struct client_conn *cc = (struct client_conn *)slab_get(&cl->slab, NULL, now_us);
	int rc;

	if (!cc)
		return false;
	cc->parked = cc->thinks = false;
	cc->held = held;
	cl->held += held;
	cc->part = NULL;
	cc->asked_us = 0;
	cc->asked = cc->answered = cc->before = 0;
	if (unlikely(cl->mixed))
		mixed_pick(cc);
	cc->due_us = in_time ? cl->start_us + (uint64_t)cl->pace.due_us : now_us;
	rc = client_connect(cc);
	if (rc == -EADDRNOTAVAIL || rc == -ENOMEM) {
		if (cl->mixed)
			mixed_unpick(cc);
		slab_put(&cl->slab, &cc->i);
		cl->held -= held;
		cl->n[N_WAITED]++;
		cl->pause_us = now_us + PAUSE_US;
		/* nothing is under way whose end would help */
		if (cl->parking && cl->slab.n_active == cl->parked + cl->n_thinking)
			give_up(cl);
		return false;
	}
	cl->n[N_OPENED]++;
	cl->n[N_REPLACED] += held && !cl->parking && cl->held <= cl->n[N_HELD];
	cl->opened += held ? !cl->cps : !cl->parking;
	if (in_time)
		pace_next(&cl->pace);
	cl->n[N_LATE] += now_us > cc->due_us + LATE_US;
	if (rc) { /* the next one would not fare better */
		client_lost(cc, rc == -ENETUNREACH ? N_UNREACHABLE : N_OTHER);
		cl->hopeless_class = cc->class;
		client_gone(cc, rc == -ENETUNREACH ? N_UNREACHABLE : N_OTHER);
		give_up(cl);
	}
	return !rc;
}

/* How many may be opened in this poll: to be parked or held, then of the load beside those. */
static uint64_t
may_open(struct client *cl, uint64_t now_us)
{
	uint32_t limit = cl->concurrency + cl->parked + cl->held;
	uint64_t may = BURST_MAX;

	if (cl->stopping || cl->hopeless || cl->paused || now_us < cl->pause_us)
		return 0;
	if (cl->parking) {
		may = RTE_MIN(may, cl->park + held_first(cl) - cl->slab.n_active);
		limit = cl->window + cl->parked + cl->n_thinking;
	} else {
		if (cl->total && cl->total - cl->opened < may)
			may = cl->total - cl->opened;
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

/* --- held connections ---------------------------------------------------------------------------------------- */

/* So many are to be held now: with ramps as many as there would be of a rate. At first a few: see PROBE_MAX. */
static uint32_t
held_now(const struct client *cl, uint64_t now_us)
{
	const uint32_t n = cl->ramps ? (uint32_t)(pace_rate(&cl->ramp, now_us - cl->start_us) + 0.5) : cl->hold;

	return cl->ramps && !cl->n[N_CONNECTED] ? RTE_MIN(n, PROBE_MAX) : n;
}

static bool
may_replace(const struct client *cl, uint64_t now_us)
{
	return cl->held < held_now(cl, now_us) && !cl->stopping && !cl->paused && !cl->hopeless &&
	       now_us >= cl->pause_us && now_us < cl->end_us && (cl->cps || !cl->total || cl->opened < cl->total);
}

/* The next request of all: it is due, and who thinks longest may ask. Their first ones are spread over a think time. */
static bool
ask_one(struct client *cl, uint64_t now_us)
{
	struct client_conn *cc = TAILQ_FIRST(&cl->thinking);
	uint64_t may_us, due_us;

	if (!cc || (plan.rps && (!cl->rps || cl->asks.due_us > now_us - cl->start_us)))
		return false;
	may_us = cc->asked_us ? cc->asked_us : cl->start_us + (uint64_t)(cl->n_first * cl->stagger_us);
	if (may_us > now_us || may_us >= cl->end_us)
		return false;
	cl->n_first += !cc->asked_us;
	due_us = cl->rps ? cl->start_us + (uint64_t)cl->asks.due_us : may_us;
	if (cl->rps)
		pace_next(&cl->asks);
	cl->n[N_LATE_REQUESTS] += now_us > due_us + LATE_US;
	client_ask(cc, due_us);
	return true;
}

static struct client_conn *
picked(struct client *cl, unsigned int ahead)
{
	return (struct client_conn *)slab_item(&cl->slab, cl->picked[(cl->n_picked + ahead) % PICKS]);
}

/* One is picked, who is to ask in PICKS times; half way the connection is known. @return who is to ask now. */
static struct client_conn *
pick(struct client *cl)
{
	struct client_conn *cc = picked(cl, 0), *later = picked(cl, PICKS / 2);
	uint32_t *last = &cl->picked[cl->n_picked++ % PICKS];
	unsigned int i;

	*last = ((rte_rand() >> 32) * cl->slab.n) >> 32;
	for (i = 0; i < sizeof(*cc); i += RTE_CACHE_LINE_SIZE)
		rte_prefetch0((char *)slab_item(&cl->slab, *last) + i);
	if (later->thinks)
		tern_conn_prefetch(later->i.c);
	return cc->thinks ? cc : NULL;
}

/* --active: as many ask as may. What is not held and at rest is picked in vain. */
static void
ask_any(struct client *cl, uint64_t now_us)
{
	const uint32_t busy = cl->held - cl->n_thinking, may = cl->active > busy ? cl->active - busy : 0;
	unsigned int i;

	for (i = RTE_MIN(may, BURST_MAX); i && now_us < cl->end_us; i--) {
		struct client_conn *cc = pick(cl);

		if (cc)
			client_ask(cc, now_us);
	}
}

/* Who is idle longest closes. */
static bool
leave_one(struct client *cl)
{
	struct client_conn *cc = TAILQ_FIRST(&cl->thinking);

	if (cc)
		client_leave(cc);
	return cc;
}

static void
poll_held(struct client *cl, uint64_t now_us)
{
	unsigned int may;

	for (may = BURST_MAX; may && may_replace(cl, now_us) && open_one(cl, now_us, true); may--)
		;
	cl->n[N_HELD] = RTE_MAX(cl->n[N_HELD], cl->held);
	for (may = BURST_MAX; may && cl->ramps && cl->held > held_now(cl, now_us) && leave_one(cl); may--)
		;
	if (cl->active && !cl->stopping)
		ask_any(cl, now_us);
	for (may = BURST_MAX; may && !cl->active && !cl->stopping && ask_one(cl, now_us); may--)
		;
}

/* As many as were opened at a time: else what finds no room at the device would come again and again. */
static void
leave_some(struct client *cl)
{
	struct tern_gauges g = {0};
	unsigned int may;

	if (TAILQ_EMPTY(&cl->thinking) && TAILQ_EMPTY(&cl->idle))
		return;
	if (cl->s->tern) /* tests may have the worker only */
		tern_gauges_get(cl->s->tern, tern_worker_index(cl->w), &g, sizeof(g));
	for (may = BURST_MAX; may && g.conns < cl->slab.n_active + cl->window && leave_one(cl); may--)
		;
	for (; may && g.conns < cl->slab.n_active + cl->window && !TAILQ_EMPTY(&cl->idle); may--)
		client_cut(TAILQ_FIRST(&cl->idle));
}

/* --- a poll -------------------------------------------------------------------------------------------------- */

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
	uint32_t stay;
	uint64_t may;

	cl->stopping = __atomic_load_n(&s->stopping, __ATOMIC_RELAXED);
	slab_retry(&cl->slab, client_go_on);
	if ((cl->parking || (cl->ramps && !cl->n[N_CONNECTED])) &&
	    cl->n[N_OPENED] >= 2 * ((uint64_t)cl->park + cl->hold) + PARK_TRIES)
		give_up(cl);
	for (may = may_open(cl, now_us); may && is_due(cl, now_us); may--)
		if (!open_one(cl, now_us, cl->parking && cl->slab.n_active - cl->held >= cl->park))
			break;
	if (cl->hold && !cl->parking)
		poll_held(cl, now_us);
	stay = cl->parked;
	if (cl->stopping && !cl->parking) {
		leave_some(cl);
		stay = 0;
	}
	if (!cl->finished && cl->slab.n_active == stay &&
	    (cl->stopping || cl->hopeless ||
	     (cl->total && !cl->parking && cl->opened == cl->total)))
		finish(cl);
}

/* --- the role ------------------------------------------------------------------------------------------------ */

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
	const uint64_t keep = client_share(plan.park, s->n_workers, 0) + client_share(plan.hold, s->n_workers, 0),
		       open = plan.hold && !plan.cps ? 0 : client_share(plan.concurrency, s->n_workers, 0);
	const uint32_t max = o->conf.max_conns, all = plan.park + plan.hold;
	const char *what = plan.hold ? plan.park ? "--park and --hold" : "--hold" : "--park";

	if (plan.hold && (plan.hold < s->n_workers || (plan.rps && plan.rps < s->n_workers)))
		return complain("--%s: less than one for each of %u workers: lower --workers",
				plan.hold < s->n_workers ? "hold" : "rps", s->n_workers);
	if (keep >= max)
		return complain("%s %u: %lu connections a worker and one more need --max-conns %lu, it is %u", what,
				all, keep, keep + 1, max);
	if (all && all >= ports(o))
		return complain("%s %u: the local addresses and ports make %lu connections to the server: give more "
				"addresses (--addr A/LEN+COUNT), --local-ports or ports of the server",
				what, all, ports(o));
	if (keep + open > max)
		notice("--concurrency %u is cut to %lu a worker by --max-conns %u", plan.concurrency, max - keep, max);
	return 0;
}

static int
init(struct stack *s)
{
	FILE *out;

	role_pattern(0);
	if (!plan.mix)
		mix_plain();
	if (check_limits(s) || mix_heads())
		return -EINVAL;
	if (!plan.output)
		return 0;
	out = fopen(plan.output, "wb");
	if (!out)
		return complain("--output %s: %s", plan.output, strerror(errno));
	s->shared = out;
	return 0;
}

/* Where each begins on worker i. @return whether any asks by HTTP. */
static bool
start_classes(struct client *cl, unsigned int i)
{
	bool http = false;
	unsigned int c;

	for (c = 0; c < mix.n; c++) {
		cl->of[c].number = i;
		cl->of[c].next_port = i % mix.of[c].connect_ports;
		http |= mix.of[c].http;
	}
	return http;
}

static int
start(struct stack *s, struct tern_worker *w)
{
	const unsigned int i = tern_worker_index(w);
	const struct options *o = s->o;
	struct client *cl = role_state(s, w, sizeof(*cl) + mix.n * sizeof(cl->of[0]));
	uint32_t n;
	bool http;

	if (!cl)
		return -ENOMEM;
	cl->s = s;
	cl->w = w;
	TAILQ_INIT(&cl->idle);
	TAILQ_INIT(&cl->thinking);
	cl->out = i == 0 ? s->shared : NULL;
	cl->total = client_share(plan.total, s->n_workers, i);
	cl->cps = client_share(plan.cps, s->n_workers, i);
	cl->park = client_share(plan.park, s->n_workers, i);
	cl->hold = client_share(plan.hold, s->n_workers, i);
	cl->rps = client_share(plan.rps, s->n_workers, i);
	cl->active = plan.active ? RTE_MAX(client_share(plan.active, s->n_workers, i), 1u) : 0;
	cl->think_us = plan.think_ms * UINT64_C(1000);
	cl->window = RTE_MAX(client_share(plan.concurrency, s->n_workers, i), 1u);
	cl->concurrency = RTE_MIN(client_share(plan.concurrency, s->n_workers, i),
				  o->conf.max_conns - cl->park - cl->hold);
	if (plan.hold && !plan.cps)
		cl->concurrency = 0;
	if ((plan.total && !cl->total) || (plan.cps && !cl->cps))
		cl->concurrency = 0; /* more workers than connections */
	cl->mixed = plan.mix != NULL;
	http = start_classes(cl, i);
	cl->ramps = cl->hold && !cl->cps && !cl->rps && (plan.ramp_up_ms || plan.ramp_down_ms);
	cl->parking = cl->park || held_first(cl);
	if (!cl->parking)
		begin(cl);
	if (!cl->concurrency && !cl->hold)
		finish(cl);
	n = cl->park + cl->hold + RTE_MAX(cl->concurrency, 1u);
	if (http && heads_init(&cl->heads, s, w, n))
		return -ENOMEM;
	if (slab_init(&cl->slab, s, w, n, cl->mixed ? sizeof(struct mixed_conn) : sizeof(struct client_conn),
		      cl))
		return -ENOMEM;
	if (cl->mixed)
		mixed_init(cl);
	if (search.what == SEARCH_CONNS)
		cl->concurrency = client_share(search.from, s->n_workers, i);
	if (tls_conf.on) {
		cl->slab.tls = tls_ctx_new(false);
		if (!cl->slab.tls)
			return -EINVAL;
	}
	if (plan.timeout_ms)
		slab_timeout(&cl->slab, w, plan.timeout_ms * UINT64_C(1000), client_late);
	return 0;
}

static void
drain(struct stack *s, struct tern_worker *w)
{
	struct client *cl = tern_worker_user(w);
	struct item *it;
	uint32_t i = 0;

	cl->paused = true; /* or those that are held would be replaced */
	slab_no_timeout(&cl->slab);
	while ((it = slab_next(&cl->slab, &i)) != NULL)
		client_cut((struct client_conn *)it);
}

const struct role role_client = {
	.name = "client",
	.help = "open connections, raw or HTTP, and check the answers",
	.opts = opts,
	.n_opts = RTE_DIM(opts),
	.takes = TLS_CLIENT_OPTIONS,
	.check = check,
	.init = init,
	.start = start,
	.poll = poll,
	.drain = drain,
	.accepting = client_accepting,
	.knobs = client_knobs,
	.n_knobs = CLIENT_KNOBS,
	.report = client_report,
	.tally = client_tally,
	.tally_class = client_tally_class,
	.finite = true,
	.readies = true,
};
