/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One connection of the client: requests out, responses in and checked, its end and what that counts as.
 *
 * HTTP: 1xx responses are skipped, every 2xx is a success, other statuses are wrong ones. A server may end a kept
 * connection after any response: with Connection: close, or by closing it before any of the next response came. The
 * rest of the requests then goes over a new connection, which is counted and no failure (RFC 9110 9.2.2: a GET may be
 * sent again). Raw peers have no such right.
 *
 * Timeout: a connection on which nothing happened for so long, be it connecting, asking or answering, is given up. The
 * whole may take longer as long as it moves.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <rte_common.h>
#include <rte_mbuf.h>
#include "client.h"

#define HEADS_A_VISIT 16u

static const struct tern_ops conn_ops;

static uint32_t
per_conn(const struct client_conn *cc)
{
	return cc->held ? plan.hold_requests : client_class(cc)->per_conn;
}

/* --- the end of a connection --------------------------------------------------------------------------------- */

static void
latency(struct client_conn *cc, unsigned int since_due, unsigned int since_sent)
{
	struct client *cl = cc->i.owner;
	const uint64_t now_us = tern_now_us(cl->w);

	hist_add(&cl->hist[since_due], now_us - (cc->held ? cc->opened_us : cc->due_us));
	hist_add(&cl->hist[since_sent], now_us - cc->opened_us);
}

void
client_rest(struct client *cl, struct client_conn *cc, uint64_t until_us, bool first)
{
	cc->asked_us = until_us;
	cc->thinks = true;
	cl->n_thinking++;
	cc->i.patient = true;
	if (first)
		TAILQ_INSERT_HEAD(&cl->thinking, cc, rest);
	else
		TAILQ_INSERT_TAIL(&cl->thinking, cc, rest);
}

void
client_end_rest(struct client *cl, struct client_conn *cc)
{
	cc->thinks = cc->i.patient = false;
	cl->n_thinking--;
	TAILQ_REMOVE(&cl->thinking, cc, rest);
	client_touch(cl, cc);
}

void
client_gone(struct client_conn *cc, unsigned int what)
{
	struct client *cl = cc->i.owner;

	cl->n[what]++;
	if (unlikely(cl->mixed))
		mixed_gone(cc, what);
	if (plan.latency && what == N_DONE)
		latency(cc, HIST_WHOLE, HIST_WHOLE_SENT);
	head_drop(&cl->heads, &cc->part);
	if (cc->parked) {
		TAILQ_REMOVE(&cl->idle, cc, rest);
		cl->parked--;
	}
	if (cc->thinks)
		client_end_rest(cl, cc);
	cl->held -= cc->held;
	slab_put(&cl->slab, &cc->i);
}

static void
fail(struct client_conn *cc, unsigned int what)
{
	client_lost(cc, what);
	if (cc->i.c)
		tern_abort(cc->i.c);
	client_gone(cc, what);
}

static void
bad(struct client_conn *cc, const char *why)
{
	client_wrong(cc->i.owner, why);
	fail(cc, N_BAD);
}

void
client_cut(struct client_conn *cc)
{
	struct tern_info info = {0};

	if (cc->i.c) {
		tern_conn_info(cc->i.c, &info, sizeof(info));
		if (!cc->connected && info.soft_err)
			client_lost(cc, N_UNREACHABLE);
		item_close(&cc->i);
	}
	client_gone(cc, cc->connected ? N_CUT : info.soft_err ? N_UNREACHABLE : N_CUT_CONNECTING);
}

/* Nothing of ours is left of a connection that is closed, but the time at which it was. */
static void
on_ended(struct tern_worker *w, void *user, int err)
{
	struct client *cl = tern_worker_user(w);

	if (!err)
		hist_add(&cl->hist[HIST_CLOSE], tern_now_us(w) - (uintptr_t)user);
}

static void
close_timed(struct client_conn *cc)
{
	static const struct tern_ops closing_ops = {.ended = on_ended};
	const struct client *cl = cc->i.owner;

	tern_conn_set_user(cc->i.c, &closing_ops, (void *)(uintptr_t)tern_now_us(cl->w));
	item_close(&cc->i);
}

/* The last response is in. */
static void
complete(struct client_conn *cc)
{
	const uint8_t mode = client_class(cc)->close_mode;

	if (mode == CLOSE_RESET)
		tern_abort(cc->i.c);
	else if (mode != CLOSE_CLIENT && !tern_recv_eof(cc->i.c))
		return; /* the server's FIN follows */
	else if (plan.latency)
		close_timed(cc);
	else
		item_close(&cc->i);
	client_gone(cc, N_DONE);
}

void
client_leave(struct client_conn *cc)
{
	if (client_class(cc)->odd)
		mixed_end(cc);
	else if (!cc->i.c) /* it waits to be opened again */
		client_gone(cc, N_DONE);
	else if (cc->answered && client_class(cc)->close_mode != CLOSE_SERVER)
		complete(cc);
	else
		client_cut(cc);
}

/* The server ended a kept connection, our handle is gone: the rest goes over another one. */
static void
reopen(struct client_conn *cc)
{
	struct client *cl = cc->i.owner;

	cc->i.c = NULL;
	tls_free(&cc->i);
	if (cl->stopping) {
		client_gone(cc, cc->answered == cc->asked ? N_DONE : N_CUT);
		return;
	}
	head_drop(&cl->heads, &cc->part);
	cc->connected = cc->sending = cc->rests = false;
	cc->asked = cc->before = cc->answered;
	cl->n[N_REOPENED]++;
	if (cl->mixed)
		mixed_count(cc, N_REOPENED);
	if (!cc->thinks) /* else when it has thought */
		slab_again(&cl->slab, &cc->i);
}

void
client_late(struct item *it)
{
	struct client_conn *cc = (struct client_conn *)it;
	struct tern_info info = {0};

	if (it->c)
		tern_conn_info(it->c, &info, sizeof(info));
	fail(cc, cc->connected ? N_TIMEOUT : !it->c ? N_OTHER : info.soft_err ? N_UNREACHABLE : N_CONNECT_TIMEOUT);
}

/* --- requests ------------------------------------------------------------------------------------------------ */

void
client_send(struct client_conn *cc)
{
	const struct mix_class *k = client_class(cc);
	const bool last = cc->asked + 1 == per_conn(cc);
	const uint32_t head_len = k->head_len[last];
	ssize_t n;

	if (unlikely(cc->special)) {
		mixed_send(cc);
		return;
	}
	while (cc->sent < head_len + k->body_size) {
		n = cc->sent < head_len ? item_send(&cc->i, k->head[last] + cc->sent, head_len - cc->sent)
					: item_send(&cc->i, role_pattern(cc->sent - head_len),
						    RTE_MIN(k->body_size - (cc->sent - head_len), PATTERN_CHUNK));
		if (n <= 0)
			return; /* writable() or closed() follows */
		cc->sent += n;
	}
	cc->asked++;
	cc->sending = false;
}

void
client_next(struct client_conn *cc)
{
	const struct mix_class *k = client_class(cc);
	struct client *cl = cc->i.owner;

	cc->sending = true;
	cc->sent = 0;
	cc->got = 0;
	cc->begun = cc->chunked = cc->first = false;
	cc->body = !k->http;
	cc->want = cc->body ? (int64_t)k->response_size : -1;
	cc->asked_us = tern_now_us(cl->w);
	client_touch(cl, cc);
	client_send(cc);
}

void
client_ask(struct client_conn *cc, uint64_t due_us)
{
	struct client *cl = cc->i.owner;

	client_end_rest(cl, cc);
	cc->due_us = due_us;
	client_next(cc);
}

/* --- responses ----------------------------------------------------------------------------------------------- */

/* Now it is: from when it was to be asked for, and from when it was. */
static void
response_time(struct client *cl, const struct client_conn *cc, unsigned int since_due, unsigned int since_sent)
{
	const uint64_t now_us = tern_now_us(cl->w);

	hist_add(&cl->hist[since_due], now_us - (cc->held ? cc->due_us : cc->asked_us));
	if (cc->held)
		hist_add(&cl->hist[since_sent], now_us - cc->asked_us);
}

/* The response in progress is whole. @return false when the connection is gone or waits for the server's FIN. */
static bool
answered(struct client_conn *cc)
{
	const struct mix_class *k = client_class(cc);
	struct client *cl = cc->i.owner;

	response_time(cl, cc, HIST_RESPONSE, HIST_RESPONSE_SENT);
	cl->n[N_REQUESTS]++;
	if (unlikely(cl->mixed))
		mixed_answered(cc);
	cc->answered++;
	if (cc->answered == per_conn(cc) || (cl->stopping && k->close_mode != CLOSE_SERVER)) {
		complete(cc);
		return false;
	}
	if (!cc->keep) {
		cc->asked_us = tern_now_us(cl->w) + cl->think_us;
		if (unlikely(k->think_us))
			mixed_think(cc);
		item_close(&cc->i);
		reopen(cc);
		return false;
	}
	if (cc->held)
		client_rest(cl, cc, tern_now_us(cl->w) + cl->think_us, false);
	else if (unlikely(k->think_us))
		mixed_think(cc);
	else
		client_next(cc);
	return true;
}

/* Is it what its class is to have? A status of its own, or a success; 1xx: nobody asked to switch protocols. */
static bool
welcome(const struct mix_class *k, int status)
{
	if (status < 200)
		return status != 101;
	return k->status ? status == k->status : status < 300;
}

/* @return 1 when the head is in, 0 when more is needed, -1 when the connection is gone. */
static int
read_head(struct client_conn *cc)
{
	const struct mix_class *k = client_class(cc);
	struct client *cl = cc->i.owner;
	struct http_response r;
	const char *wrong;
	char *p;
	const ssize_t len = head_get(&cl->heads, &cc->part, &cc->i, &p);

	if (len == 0)
		return 0;
	wrong = len < 0 ? "head too long" : http_parse_response(p, len, &r);
	if (!wrong && !welcome(k, r.status)) {
		cl->status[r.status]++;
		wrong = "";
	}
	if (wrong) {
		bad(cc, wrong);
		return -1;
	}
	head_done(&cl->heads, &cc->part, &cc->i, len);
	cc->begun = true;
	cc->body = r.status >= 200;
	cc->want = k->method == METHOD_HEAD ? 0 : r.length;
	cc->chunked = r.chunked && k->method != METHOD_HEAD;
	memset(&cc->chunks, 0, sizeof(cc->chunks));
	cc->keep = r.keep;
	return 1;
}

/* n bytes of a body. @return NULL or what is wrong with them. */
static const char *
check_data(struct client *cl, struct client_conn *cc, const char *p, size_t n)
{
	const bool http = client_class(cc)->http;
	size_t off, part;

	for (off = 0; !http && off < n; off += part) {
		part = RTE_MIN(n - off, PATTERN_CHUNK);
		if (memcmp(p + off, role_pattern(cc->got + off), part))
			return "wrong data";
	}
	if (cl->out && n && fwrite(p, n, 1, cl->out) != 1)
		return "--output could not be written";
	cc->got += n;
	cl->n[N_BYTES] += n;
	return NULL;
}

/* n bytes of a response after its head. @return NULL or what is wrong with them. */
static const char *
take(struct client *cl, struct client_conn *cc, const char *p, size_t n)
{
	const char *wrong;
	size_t data;
	ssize_t coding;

	if (!cc->chunked) {
		if (cc->want >= 0 && cc->got + n > (uint64_t)cc->want)
			return "longer than announced";
		return check_data(cl, cc, p, n);
	}
	while (n && !cc->chunks.done) {
		coding = http_dechunk(&cc->chunks, p, n, &data);
		wrong = coding < 0 ? "malformed chunk" : check_data(cl, cc, p + coding, data);
		if (wrong)
			return wrong;
		p += coding + data;
		n -= coding + data;
	}
	return n ? "longer than announced" : NULL;
}

static bool
whole(const struct client_conn *cc)
{
	if (!cc->body || cc->answered == cc->asked)
		return false;
	return cc->chunked ? cc->chunks.done : cc->want >= 0 && cc->got == (uint64_t)cc->want;
}

/* As read_body(), for a class that has a rate; -1, too, when the next piece is not due. */
static int
read_slowly(struct client *cl, struct client_conn *cc, const struct mix_class *k)
{
	char buf[MIX_READ_MAX];
	const ssize_t n = item_recv(&cc->i, buf, k->read_step);
	const char *wrong = n > 0 ? take(cl, cc, buf, n) : NULL;

	if (n <= 0)
		return 0;
	if (wrong)
		bad(cc, wrong);
	return wrong || (!whole(cc) && mixed_pause(cc, n, k->read_rate)) ? -1 : 1;
}

/* @return 1: some was taken; 0: there is none; -1: the connection is gone. */
static int
read_body(struct client *cl, struct client_conn *cc)
{
	struct rte_mbuf *m;
	const char *p, *wrong;
	size_t n;

	if (unlikely(cc->part != NULL)) {
		n = head_rest(cc->part, &p);
		wrong = take(cl, cc, p, n);
		head_done(&cl->heads, &cc->part, &cc->i, n);
	} else if (unlikely(cc->slow)) {
		return read_slowly(cl, cc, client_class(cc));
	} else if (unlikely(cc->i.tls != NULL)) {
		const ssize_t got = tls_recv(&cc->i, tls_buf(&cc->i), TLS_BUF);

		if (got <= 0)
			return 0;
		wrong = take(cl, cc, tls_buf(&cc->i), got);
	} else {
		if (tern_recv_mbufs(cc->i.c, &m, 1) <= 0)
			return 0;
		wrong = take(cl, cc, rte_pktmbuf_mtod(m, char *), m->data_len);
		tern_mbuf_free(cl->w, m);
	}
	if (wrong)
		bad(cc, wrong);
	return wrong ? -1 : 1;
}

static bool
mixed_thinks(const struct client_conn *cc)
{
	return cc->thinks && !cc->held;
}

/* May what the server ended go over another connection? It answered on this one, and not a byte of what is asked
 * now. */
static bool
may_reopen(const struct client_conn *cc)
{
	return client_class(cc)->http && cc->answered > cc->before && cc->answered < per_conn(cc) && !cc->part &&
	       ((!cc->begun && !cc->body) || mixed_thinks(cc));
}

static void
at_eof(struct client_conn *cc)
{
	if (cc->body && cc->want < 0 && !cc->chunked && cc->answered < cc->asked) {
		cc->want = cc->got; /* the end of the connection was the end of the body */
		answered(cc);
	} else if (cc->answered > cc->before && cc->answered == cc->asked && !cc->sending && !mixed_thinks(cc)) {
		complete(cc);
	} else if (may_reopen(cc) && !tern_recv_queued(cc->i.c)) {
		item_close(&cc->i);
		reopen(cc);
	} else {
		fail(cc, N_SHORT);
	}
}

/* Has it come by now? */
static void
first_byte(struct client *cl, struct client_conn *cc)
{
	if (cc->first || (!cc->part && !tern_recv_queued(cc->i.c)))
		return;
	cc->first = true;
	response_time(cl, cc, HIST_FIRST, HIST_FIRST_SENT);
}

void
client_read(struct client_conn *cc)
{
	struct client *cl = cc->i.owner;
	unsigned int heads = HEADS_A_VISIT, mbufs = VISIT_MBUFS;
	int rc;

	if (plan.latency)
		first_byte(cl, cc);
	for (;;) {
		if (!heads || !mbufs) {
			slab_again(&cl->slab, &cc->i);
			return;
		}
		if (whole(cc)) {
			heads--;
			if (!answered(cc))
				return;
			continue;
		}
		heads -= !cc->body;
		mbufs -= cc->body;
		rc = cc->body ? read_body(cl, cc) : read_head(cc);
		if (rc < 0)
			return;
		if (rc == 0)
			break;
	}
	if (unlikely(cc->i.tls && tls_wrong(&cc->i)))
		bad(cc, tls_wrong(&cc->i));
	else if (item_over(&cc->i))
		at_eof(cc);
	else
		client_touch(cl, cc);
}

/* --- events -------------------------------------------------------------------------------------------------- */

/* It may be used. */
static void
is_open(struct client_conn *cc)
{
	struct client *cl = cc->i.owner;

	if (cc->held) {
		const uint64_t now_us = tern_now_us(cl->w);

		/* one that the server ended goes on when its time has come; a new one asks at once, before others */
		client_rest(cl, cc, cl->parking ? 0 : RTE_MAX(cc->asked_us, now_us),
			    !cl->parking && cc->asked_us <= now_us);
		client_ready(cl);
		return;
	}
	if (cl->parking) {
		cc->parked = cc->i.patient = true;
		TAILQ_INSERT_TAIL(&cl->idle, cc, rest);
		cl->parked++;
		cl->n[N_PARKED] = RTE_MAX(cl->n[N_PARKED], cl->parked);
		client_ready(cl);
		return;
	}
	if (unlikely(cl->mixed) && mixed_opened(cc))
		return;
	if (requests.packets == 8) /* after the output pass, so the handshake's ACK goes alone */
		slab_again(&cl->slab, &cc->i);
	else
		client_next(cc);
}

/* On with the TLS handshake. */
void
client_shake(struct client_conn *cc)
{
	struct client *cl = cc->i.owner;
	const int rc = tls_shake(&cc->i);

	if (rc < 0) {
		bad(cc, tls_wrong(&cc->i));
		return;
	}
	client_touch(cl, cc);
	if (!rc)
		return;
	cc->shakes = false;
	hist_add(&cl->hist[HIST_TLS], tern_now_us(cl->w) - cc->asked_us);
	is_open(cc);
}

void
client_connected(struct tern_conn *c, void *user)
{
	struct client_conn *cc = user;
	struct client *cl = cc->i.owner;

	if (unlikely(!cl->n[N_CONNECTED]++))
		tern_conn_info(c, &cl->first, sizeof(cl->first));
	cc->connected = true;
	if (plan.latency)
		latency(cc, HIST_CONNECT, HIST_CONNECT_SENT);
	if (likely(!cl->slab.tls)) {
		is_open(cc);
		return;
	}
	if (tls_start(cl->slab.tls, &cc->i)) {
		bad(cc, "no memory for TLS");
		return;
	}
	cc->shakes = true;
	cc->asked_us = tern_now_us(cl->w);
	client_shake(cc);
}

static void
on_readable(struct tern_conn *c, void *user)
{
	struct client_conn *cc = user;

	if (unlikely(cc->shakes))
		client_shake(cc);
	else
		client_read(cc);
}

static void
on_writable(struct tern_conn *c, void *user)
{
	struct client_conn *cc = user;

	if (unlikely(cc->shakes)) {
		client_shake(cc);
		return;
	}
	client_touch(cc->i.owner, cc);
	if (!cc->sending)
		return;
	client_send(cc);
	if (!cc->sending)
		client_read(cc); /* it may have been answered before it was out */
}

static unsigned int
class(const struct client_conn *cc, int err)
{
	switch (err) {
	case 0:
		return N_SHORT;
	case -ECONNREFUSED:
		return N_REFUSED;
	case -ECONNRESET:
		return N_RESET;
	case -ETIMEDOUT:
		return cc->connected ? N_TIMEOUT : N_CONNECT_TIMEOUT;
	case -EHOSTUNREACH:
	case -ENETUNREACH:
		return N_UNREACHABLE;
	default:
		return N_OTHER;
	}
}

void
client_closed(struct tern_conn *c, void *user, int err)
{
	struct client_conn *cc = user;

	if (err == -ECONNRESET && may_reopen(cc)) {
		reopen(cc);
		return;
	}
	client_lost(cc, class(cc, err));
	client_gone(cc, class(cc, err));
}

static const struct tern_ops conn_ops = {
	.connected = client_connected,
	.readable = on_readable,
	.writable = on_writable,
	.closed = client_closed,
};

/* --- opening ------------------------------------------------------------------------------------------------- */

/* They take turns. */
static rte_be16_t
next_port(struct class_run *of, const struct mix_class *k)
{
	const rte_be16_t port = htons(ntohs(k->connect.port) + of->next_port);

	if (++of->next_port >= k->connect_ports)
		of->next_port = 0;
	return port;
}

int
client_connect(struct client_conn *cc)
{
	const struct mix_class *k = client_class(cc);
	struct client *cl = cc->i.owner;
	struct tern_endpoint to = k->connect;
	int rc;

	if (unlikely(k->connect_ports > 1))
		to.port = next_port(&cl->of[cc->class], k);
	cc->opened_us = tern_now_us(cl->w);
	cc->sent = 0;
	cc->begun = cc->body = cc->chunked = cc->sending = cc->connected = cc->shakes = cc->rests = false;
	cc->keep = cc->first = true;
	rc = tern_connect(cl->w, NULL, &to, unlikely(cc->special) ? &client_mix_ops : &conn_ops, cc, &cc->i.c);
	if (rc)
		cc->i.c = NULL;
	return rc;
}

void
client_go_on(struct item *it)
{
	struct client_conn *cc = (struct client_conn *)it;
	struct client *cl = it->owner;
	int rc;

	if (!it->c) {
		if (cl->stopping) {
			client_gone(cc, N_CUT);
			return;
		}
		rc = client_connect(cc);
		if (!rc) {
			client_touch(cl, cc);
		} else if (rc == -EADDRNOTAVAIL || rc == -ENOMEM) {
			cl->n[N_WAITED]++;
			slab_again(&cl->slab, it);
		} else {
			client_lost(cc, N_OTHER);
			client_gone(cc, N_OTHER);
		}
		return;
	}
	if (cc->rests)
		return;
	if (cc->asked == cc->before && !cc->sent) {
		client_next(cc);
		return;
	}
	if (cc->sending)
		client_send(cc);
	if (!cc->sending)
		client_read(cc);
}
