/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Client: opens connections at a rate or as fast as --concurrency allows, sends requests, checks every byte that comes
 * back (raw: the pattern; HTTP: status and length) and closes as told. A connection counts as done when its last
 * response was right and the agreed end closed first, as failed for anything else; one that was cut off
 * by the end of the run is neither.
 *
 * Rates are paced by the worker's clock; what could not be opened in time is opened later, BURST_MAX a poll at most, so
 * that one slow poll is no flood. Ports or objects that are used up are no failure: the client waits for them.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <rte_common.h>
#include <rte_mbuf.h>
#include "http.h"
#include "role.h"

#define BURST_MAX 32u
#define PROBE_MAX 8u   /* open before the first answer: the server's MAC is still being asked for */
#define PAUSE_US 1000u /* before the next try when ports or objects are used up */
#define HIST_BITS 5    /* 32 buckets per power of two: a quantile is right to 3 % */
#define HIST_SIZE (40u << HIST_BITS)

enum {
	N_OPENED,
	N_CONNECTED,
	N_DONE,
	N_REQUESTS,
	N_BYTES,
	N_REFUSED,
	N_RESET,
	N_TIMEOUT,
	N_BAD,
	N_SHORT,
	N_OTHER,
	N_CUT,
	N_WAITED,
	N_COUNT
};
static const char *const failure_names[] = {"refused",   "reset", "timed out", "wrong data or status",
					    "cut short", "other"};

/* Times of a connection: the last is always kept, the others with --latency. */
enum { HIST_CONNECT, HIST_WHOLE, HIST_RESPONSE, N_HIST };
static const char *const hist_names[] = {"connect", "whole", "response"};

struct hist {
	uint32_t n[HIST_SIZE];
	uint64_t max_us;
};

struct client_conn {
	struct item i;
	uint64_t asked_us;        /* the request in progress, and the SYN before */
	uint32_t asked, answered; /* requests */
	uint32_t sent;            /* bytes of the request in progress */
	uint64_t got;             /* bytes of the response in progress */
	int64_t want;             /* its length; -1: until FIN */
	bool body;                /* the response's head is in */
	bool keep;                /* the server will take another request */
	bool parked;              /* stays idle */
};

struct client {
	uint64_t n[N_COUNT];
	struct stack *s;
	struct tern_worker *w;
	struct slab slab;
	uint64_t total, cps; /* this worker's share */
	uint32_t concurrency, park, parked;
	uint64_t start_us, pause_us;
	uint16_t next_port;
	uint64_t n_parking; /* opened until the idle ones were there */
	bool parking, finished, stopping;
	char request[2][HTTP_PATH_MAX + 256]; /* [1]: the last of a connection */
	uint32_t request_len[2];
	FILE *out;
	struct hist hist[N_HIST];
};

static const struct tern_ops conn_ops;

/* --- latency ------------------------------------------------------------------------------------------------- */

static void
latency(struct client *cl, unsigned int which, uint64_t us)
{
	struct hist *h = &cl->hist[which];
	/* shift 0 covers two rows: 0 .. 2^(HIST_BITS + 1) are exact */
	const unsigned int shift = us >> (HIST_BITS + 1) ? 63 - HIST_BITS - __builtin_clzll(us) : 0;

	h->max_us = RTE_MAX(h->max_us, us);
	h->n[RTE_MIN((shift << HIST_BITS) + (us >> shift), HIST_SIZE - 1)]++;
}

static uint64_t
quantile(const struct stack *s, unsigned int which, double q)
{
	uint64_t all = 0, seen = 0;
	unsigned int i, k;

	for (k = 0; k < s->n_workers; k++)
		for (i = 0; s->state[k] && i < HIST_SIZE; i++)
			all += ((struct client *)s->state[k])->hist[which].n[i];
	for (i = 0; i < HIST_SIZE; i++) {
		for (k = 0; k < s->n_workers; k++)
			seen += s->state[k] ? ((struct client *)s->state[k])->hist[which].n[i] : 0;
		if (seen && seen >= all * q)
			break;
	}
	if (i < 2u << HIST_BITS)
		return i;
	k = (i >> HIST_BITS) - 1;
	return (uint64_t)(i - (k << HIST_BITS)) << k;
}

static uint64_t
longest(const struct stack *s, unsigned int which)
{
	uint64_t max = 0;
	unsigned int i;

	for (i = 0; i < s->n_workers; i++)
		max = RTE_MAX(max, s->state[i] ? ((struct client *)s->state[i])->hist[which].max_us : 0);
	return max;
}

/* One line each; the response's is also part of the report that is always there. */
static void
report_latency(const struct stack *s)
{
	unsigned int i;

	for (i = 0; i < N_HIST; i++)
		printf("client: %s latency: half within %lu us, 99 %% within %lu us, 99.9 %% within %lu us, all within "
		       "%lu us\n",
		       hist_names[i], quantile(s, i, 0.5), quantile(s, i, 0.99), quantile(s, i, 0.999), longest(s, i));
}

/* --- the end of a connection --------------------------------------------------------------------------------- */

static void
gone(struct client_conn *cc, unsigned int what)
{
	struct client *cl = cc->i.owner;

	cl->n[what]++;
	if (cl->s->o->latency && what == N_DONE)
		latency(cl, HIST_WHOLE, tern_now_us(cl->w) - cc->i.seen_us);
	cl->parked -= cc->parked;
	slab_put(&cl->slab, &cc->i);
}

static void
fail(struct client_conn *cc, unsigned int what)
{
	tern_abort(cc->i.c);
	gone(cc, what);
}

/* The last response is in. */
static void
complete(struct client_conn *cc)
{
	const struct client *cl = cc->i.owner;

	if (cl->s->o->close_mode == CLOSE_RESET)
		tern_abort(cc->i.c);
	else if (cl->s->o->close_mode == CLOSE_CLIENT || tern_recv_eof(cc->i.c))
		tern_close(cc->i.c);
	else
		return; /* the server's FIN follows */
	gone(cc, N_DONE);
}

/* --- requests and responses ---------------------------------------------------------------------------------- */

static void
send_request(struct item *it)
{
	struct client_conn *cc = (struct client_conn *)it;
	struct client *cl = it->owner;
	const struct options *o = cl->s->o;
	const bool last = cc->asked + 1 == o->requests_per_conn;
	const uint32_t len = o->http_path ? cl->request_len[last] : o->request_size;
	ssize_t n;

	while (cc->sent < len) {
		if (o->http_path)
			n = tern_send(it->c, cl->request[last] + cc->sent, len - cc->sent);
		else
			n = tern_send(it->c, role_pattern(cc->sent), RTE_MIN(len - cc->sent, PATTERN_CHUNK));
		if (n <= 0) {
			if (n == -ENOBUFS)
				slab_again(&cl->slab, it);
			return; /* or writable(), or closed() */
		}
		cc->sent += n;
	}
	cc->asked++;
}

static void
next_request(struct client_conn *cc)
{
	const struct client *cl = cc->i.owner;

	cc->sent = 0;
	cc->got = 0;
	cc->body = !cl->s->o->http_path;
	cc->want = cc->body ? (int64_t)cl->s->o->response_size : -1;
	cc->asked_us = tern_now_us(cl->w);
	send_request(&cc->i);
}

/* The response in progress is whole. @return false when the connection is gone or waits for the server's FIN. */
static bool
answered(struct client_conn *cc)
{
	struct client *cl = cc->i.owner;

	latency(cl, HIST_RESPONSE, tern_now_us(cl->w) - cc->asked_us);
	cl->n[N_REQUESTS]++;
	cc->answered++;
	if (cc->answered == cl->s->o->requests_per_conn || (cl->stopping && cl->s->o->close_mode != CLOSE_SERVER)) {
		complete(cc);
		return false;
	}
	if (!cc->keep) {
		fail(cc, N_SHORT);
		return false;
	}
	next_request(cc);
	return true;
}

/* @return 1 when the head is in, 0 when more is needed, -1 when the connection is gone. */
static int
read_head(struct client_conn *cc)
{
	struct http_response r;
	char buf[HTTP_HEAD_MAX];
	const ssize_t n = tern_peek(cc->i.c, buf, sizeof(buf));
	size_t scanned = 0;
	const size_t len = n > 0 ? http_head_len(buf, n, &scanned) : 0;

	if (!len && n != sizeof(buf))
		return 0;
	if (!len) {
		fail(cc, N_BAD);
		return -1;
	}
	tern_recv(cc->i.c, buf, len);
	if (http_parse_response(buf, len, &r) || r.status < 200 || r.status > 299 || r.chunked) {
		complain("GET: status %d%s", r.status, r.chunked ? ", chunked: not supported" : "");
		fail(cc, N_BAD);
		return -1;
	}
	cc->body = true;
	cc->want = r.length;
	cc->keep = r.keep;
	return 1;
}

/* Take one buffer of the response. @return false when it is wrong. */
static bool
take(struct client *cl, struct client_conn *cc, struct rte_mbuf *m)
{
	const uint8_t *p = rte_pktmbuf_mtod(m, uint8_t *);
	uint32_t off, n;

	if (cc->want >= 0 && cc->got + m->pkt_len > (uint64_t)cc->want)
		return false;
	for (off = 0; !cl->s->o->http_path && off < m->pkt_len; off += n) {
		n = RTE_MIN(m->pkt_len - off, PATTERN_CHUNK);
		if (memcmp(p + off, role_pattern(cc->got + off), n))
			return false;
	}
	if (cl->out && fwrite(p, m->pkt_len, 1, cl->out) != 1)
		return false;
	cc->got += m->pkt_len;
	cl->n[N_BYTES] += m->pkt_len;
	return true;
}

static void
at_eof(struct client_conn *cc)
{
	const struct client *cl = cc->i.owner;

	if (cc->body && cc->want < 0 && cc->answered + 1 == cl->s->o->requests_per_conn) {
		cc->want = cc->got; /* the end of the connection was the end of the body */
		answered(cc);
		return;
	}
	if (cc->answered == cl->s->o->requests_per_conn) {
		complete(cc);
	} else {
		fail(cc, N_SHORT);
	}
}

static void
on_readable(struct tern_conn *c, void *user)
{
	struct client_conn *cc = user;
	struct client *cl = cc->i.owner;
	struct rte_mbuf *m;
	bool right;
	int head;

	for (;;) {
		head = cc->body ? 1 : read_head(cc);
		if (head < 0)
			return;
		if (!head)
			break;
		if (cc->body && cc->want >= 0 && cc->got == (uint64_t)cc->want && cc->answered < cc->asked) {
			if (!answered(cc))
				return;
			continue;
		}
		m = tern_recv_mbuf(c);
		if (!m)
			break;
		right = take(cl, cc, m);
		tern_mbuf_free(tern_conn_worker(c), m);
		if (!right) {
			fail(cc, N_BAD);
			return;
		}
	}
	if (tern_recv_eof(c))
		at_eof(cc);
}

/* What was parked is there: the load begins. */
static void
begin(struct client *cl)
{
	cl->start_us = tern_now_us(cl->w);
	cl->n_parking = cl->n[N_OPENED];
	cl->parking = false;
	__atomic_fetch_add(&cl->s->ready, 1, __ATOMIC_RELEASE);
}

static void
on_connected(struct tern_conn *c, void *user)
{
	struct client_conn *cc = user;
	struct client *cl = cc->i.owner;

	cl->n[N_CONNECTED]++;
	if (cl->s->o->latency)
		latency(cl, HIST_CONNECT, tern_now_us(cl->w) - cc->i.seen_us);
	if (cl->parking) {
		cc->parked = true;
		if (++cl->parked == cl->park)
			begin(cl);
		return;
	}
	if (cl->s->o->packets == 8) /* after the output pass, so the handshake's ACK goes alone */
		slab_again(&cl->slab, &cc->i);
	else
		next_request(cc);
}

static void
on_writable(struct tern_conn *c, void *user)
{
	struct client_conn *cc = user;

	if (cc->asked == cc->answered)
		send_request(&cc->i);
}

static void
on_closed(struct tern_conn *c, void *user, int err)
{
	struct client_conn *cc = user;

	switch (err) {
	case 0:
		gone(cc, N_SHORT);
		break;
	case -ECONNREFUSED:
		gone(cc, N_REFUSED);
		break;
	case -ECONNRESET:
		gone(cc, N_RESET);
		break;
	case -ETIMEDOUT:
		gone(cc, N_TIMEOUT);
		break;
	default:
		gone(cc, N_OTHER);
	}
}

static const struct tern_ops conn_ops = {
	.connected = on_connected,
	.readable = on_readable,
	.writable = on_writable,
	.closed = on_closed,
};

/* --- opening ------------------------------------------------------------------------------------------------- */

static void
next_port(struct client *cl)
{
	if (++cl->next_port >= cl->s->o->connect_ports)
		cl->next_port = 0;
}

/* @return false when no more can be opened for now. */
static bool
open_one(struct client *cl, uint64_t now_us)
{
	struct tern_endpoint to = cl->s->o->connect;
	struct client_conn *cc;
	struct tern_conn *c;
	struct item *it;
	int rc;

	it = slab_get(&cl->slab, NULL, now_us);
	if (!it)
		return false;
	cc = (struct client_conn *)it;
	cc->parked = false;
	to.port = htons(ntohs(to.port) + cl->next_port);
	rc = tern_connect(cl->w, NULL, &to, &conn_ops, cc, &c);
	if (rc == -EADDRNOTAVAIL || rc == -ENOMEM) {
		slab_put(&cl->slab, it);
		next_port(cl);
		cl->n[N_WAITED]++;
		cl->pause_us = now_us + PAUSE_US;
		return false;
	}
	cl->n[N_OPENED]++;
	next_port(cl);
	if (rc) {
		if (!cl->n[N_OTHER])
			complain("connect: %s%s", strerror(-rc),
				 rc == -ENETUNREACH ? ": no interface or gateway leads there"
				 : rc == -EINVAL    ? ": not a server's address"
						    : "");
		gone(cc, N_OTHER);
		return true;
	}
	it->c = c;
	cc->asked = cc->answered = cc->sent = 0;
	cc->got = 0;
	cc->want = -1;
	cc->body = false;
	cc->keep = true;
	return true;
}

/* What send_request() left for later: the rest of a request, or the first one. */
static void
retry(struct item *it)
{
	struct client_conn *cc = (struct client_conn *)it;

	if (cc->asked == 0 && cc->sent == 0)
		next_request(cc);
	else
		send_request(it);
}

static void
poll(struct stack *s, struct tern_worker *w, uint64_t now_us)
{
	struct client *cl = s->state[tern_worker_index(w)];
	const bool stop = __atomic_load_n(&s->stopping, __ATOMIC_RELAXED);
	const uint64_t opened = cl->n[N_OPENED] - cl->n_parking;
	uint64_t may = BURST_MAX;
	uint32_t limit = cl->concurrency + cl->parked;

	cl->stopping = stop;
	slab_retry(&cl->slab, retry);
	if (cl->parking) {
		may = RTE_MIN(may, cl->park - cl->slab.n_active);
	} else {
		if (cl->total && cl->total - opened < may)
			may = cl->total - opened;
		if (cl->cps)
			may = RTE_MIN(may, (unsigned __int128)(now_us - cl->start_us) * cl->cps / 1000000 + 1 - opened);
	}
	if (!cl->n[N_CONNECTED] && cl->n[N_OPENED] == cl->slab.n_active)
		limit = RTE_MIN(limit, PROBE_MAX);
	may = RTE_MIN(may, limit > cl->slab.n_active ? limit - cl->slab.n_active : 0);
	if (!stop && now_us >= cl->pause_us)
		while (may && open_one(cl, now_us))
			may--;
	if (!cl->finished && cl->slab.n_active == cl->parked &&
	    (stop || (cl->total && !cl->parking && opened == cl->total))) {
		cl->finished = true;
		__atomic_fetch_add(&s->finished, 1, __ATOMIC_RELEASE);
	}
}

/* --- the role ------------------------------------------------------------------------------------------------ */

static uint64_t
share(uint64_t all, unsigned int n, unsigned int i)
{
	return all / n + (i < all % n);
}

static void
make_requests(struct client *cl, const struct options *o)
{
	char host[64];
	unsigned int i;

	inet_ntop(o->connect.af == TERN_AF_INET ? AF_INET : AF_INET6, o->connect.addr, host, sizeof(host));
	for (i = 0; i < 2; i++)
		cl->request_len[i] = snprintf(
			cl->request[i], sizeof(cl->request[i]),
			"GET %s HTTP/1.1\r\nHost: %s%s%s:%u\r\nUser-Agent: tern\r\nAccept: */*\r\n"
			"Connection: %s\r\n\r\n",
			o->http_path, o->connect.af == TERN_AF_INET6 ? "[" : "", host,
			o->connect.af == TERN_AF_INET6 ? "]" : "", ntohs(o->connect.port), i ? "close" : "keep-alive");
}

static int
init(struct stack *s)
{
	const struct options *o = s->o;
	FILE *out;

	role_pattern(0);
	if (o->http_path && strlen(o->http_path) >= HTTP_PATH_MAX)
		return complain("--http: the path is longer than %u bytes", HTTP_PATH_MAX - 1);
	if (!o->output)
		return 0;
	out = fopen(o->output, "wb");
	if (!out)
		return complain("--output %s: %s", o->output, strerror(errno));
	s->shared = out;
	return 0;
}

static int
start(struct stack *s, struct tern_worker *w)
{
	const unsigned int i = tern_worker_index(w);
	const struct options *o = s->o;
	struct client *cl = role_state(s, w, sizeof(*cl));

	if (!cl)
		return -ENOMEM;
	cl->s = s;
	cl->w = w;
	cl->out = i == 0 ? s->shared : NULL;
	cl->total = share(o->total, s->n_workers, i);
	cl->cps = share(o->cps, s->n_workers, i);
	cl->concurrency = RTE_MIN(share(o->concurrency, s->n_workers, i), o->conf.max_conns);
	cl->park = share(o->park, s->n_workers, i);
	cl->next_port = i % o->connect_ports;
	if ((o->total && !cl->total) || (o->cps && !cl->cps))
		cl->concurrency = 0; /* more workers than connections */
	if (o->http_path)
		make_requests(cl, o);
	cl->parking = cl->park;
	if (!cl->parking)
		begin(cl);
	if (!cl->concurrency) {
		cl->finished = true;
		__atomic_fetch_add(&s->finished, 1, __ATOMIC_RELEASE);
	}
	return slab_init(&cl->slab, s, w, cl->park + RTE_MAX(cl->concurrency, 1u), sizeof(struct client_conn), cl);
}

static void
drain(struct stack *s, struct tern_worker *w)
{
	struct client *cl = s->state[tern_worker_index(w)];
	struct item *it;

	cl->concurrency = 0;
	while ((it = TAILQ_FIRST(&cl->slab.active)) != NULL) {
		tern_close(it->c);
		gone((struct client_conn *)it, N_CUT);
	}
}

static uint64_t
report(const struct stack *s)
{
	uint64_t failed = 0, n;
	const char *sep = ": ";
	unsigned int i;

	for (i = N_REFUSED; i <= N_OTHER; i++)
		failed += role_sum(s, i);
	printf("client: %lu connections opened, %lu established, %lu done, %lu cut off at the end, %lu failed",
	       role_sum(s, N_OPENED), role_sum(s, N_CONNECTED), role_sum(s, N_DONE), role_sum(s, N_CUT), failed);
	for (i = N_REFUSED; i <= N_OTHER; i++) {
		n = role_sum(s, i);
		if (n)
			printf("%s%lu %s", sep, n, failure_names[i - N_REFUSED]);
		sep = n ? ", " : sep;
	}
	n = role_sum(s, N_REQUESTS);
	printf("\nclient: %lu responses, %lu bytes checked", n, role_sum(s, N_BYTES));
	if (n)
		printf("; request to response: half within %lu us, 99 %% within %lu us, all within %lu us",
		       quantile(s, HIST_RESPONSE, 0.5), quantile(s, HIST_RESPONSE, 0.99), longest(s, HIST_RESPONSE));
	putchar('\n');
	if (s->o->latency)
		report_latency(s);
	n = role_sum(s, N_WAITED);
	if (n)
		printf("client: waited %lu times: local ports or objects were used up\n", n);
	if (s->shared && fclose(s->shared)) {
		complain("--output %s: %s", s->o->output, strerror(errno));
		failed++;
	}
	return failed;
}

const struct role role_client = {
	.name = "client",
	.help = "open connections, raw or HTTP, and check the answers",
	.init = init,
	.start = start,
	.poll = poll,
	.drain = drain,
	.report = report,
	.finite = true,
	.readies = true,
};
