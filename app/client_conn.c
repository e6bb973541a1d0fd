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
	return cc->held ? plan.hold_requests : requests.per_conn;
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

/* Until a time: while it thinks it is not among those that nothing happens on. first: before those that wait. */
static void
rest(struct client *cl, struct client_conn *cc, uint64_t until_us, bool first)
{
	cc->asked_us = until_us;
	cc->thinks = true;
	cl->n_thinking++;
	TAILQ_REMOVE(&cl->slab.active, &cc->i, next);
	if (first)
		TAILQ_INSERT_HEAD(&cl->thinking, &cc->i, next);
	else
		TAILQ_INSERT_TAIL(&cl->thinking, &cc->i, next);
}

static void
end_rest(struct client *cl, struct client_conn *cc)
{
	cc->thinks = false;
	cl->n_thinking--;
	TAILQ_REMOVE(&cl->thinking, &cc->i, next);
	TAILQ_INSERT_TAIL(&cl->slab.active, &cc->i, next);
}

void
client_gone(struct client_conn *cc, unsigned int what)
{
	struct client *cl = cc->i.owner;

	cl->n[what]++;
	if (plan.latency && what == N_DONE)
		latency(cc, HIST_WHOLE, HIST_WHOLE_SENT);
	head_drop(&cl->heads, &cc->part);
	if (cc->parked) {
		TAILQ_REMOVE(&cl->idle, &cc->i, next);
		TAILQ_INSERT_TAIL(&cl->slab.active, &cc->i, next);
		cl->parked--;
	}
	if (cc->thinks)
		end_rest(cl, cc);
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

/* The last response is in. */
static void
complete(struct client_conn *cc)
{
	if (requests.close_mode == CLOSE_RESET)
		tern_abort(cc->i.c);
	else if (requests.close_mode == CLOSE_CLIENT || tern_recv_eof(cc->i.c))
		item_close(&cc->i);
	else
		return; /* the server's FIN follows */
	client_gone(cc, N_DONE);
}

void
client_leave(struct client_conn *cc)
{
	if (cc->answered && requests.close_mode != CLOSE_SERVER)
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
	cc->connected = cc->sending = false;
	cc->asked = cc->before = cc->answered;
	cl->n[N_REOPENED]++;
	slab_again(&cl->slab, &cc->i);
}

/* Something happened. The list needs no order finer than that. */
static void
touch(struct client *cl, struct client_conn *cc)
{
	const uint64_t now_us = tern_now_us(cl->w);

	if (now_us - cc->i.seen_us > cl->slack_us && !cc->parked && !cc->thinks)
		slab_touch(&cl->slab, &cc->i, now_us);
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

static void
send_request(struct client_conn *cc)
{
	struct client *cl = cc->i.owner;
	const bool last = cc->asked + 1 == per_conn(cc);
	const uint32_t len = plan.http_path ? cl->request_len[last] : requests.request_size;
	ssize_t n;

	while (cc->sent < len) {
		if (plan.http_path)
			n = item_send(&cc->i, cl->request[last] + cc->sent, len - cc->sent);
		else
			n = item_send(&cc->i, role_pattern(cc->sent), RTE_MIN(len - cc->sent, PATTERN_CHUNK));
		if (n <= 0)
			return; /* writable() or closed() follows */
		cc->sent += n;
	}
	cc->asked++;
	cc->sending = false;
}

static void
next_request(struct client_conn *cc)
{
	struct client *cl = cc->i.owner;

	cc->sending = true;
	cc->sent = 0;
	cc->got = 0;
	cc->begun = cc->chunked = cc->first = false;
	cc->body = !plan.http_path;
	cc->want = cc->body ? (int64_t)requests.response_size : -1;
	cc->asked_us = tern_now_us(cl->w);
	touch(cl, cc);
	send_request(cc);
}

void
client_ask(struct client_conn *cc, uint64_t due_us)
{
	struct client *cl = cc->i.owner;

	end_rest(cl, cc);
	cc->i.seen_us = tern_now_us(cl->w);
	cc->due_us = due_us;
	next_request(cc);
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
	struct client *cl = cc->i.owner;

	response_time(cl, cc, HIST_RESPONSE, HIST_RESPONSE_SENT);
	cl->n[N_REQUESTS]++;
	cc->answered++;
	if (cc->answered == per_conn(cc) || (cl->stopping && requests.close_mode != CLOSE_SERVER)) {
		complete(cc);
		return false;
	}
	if (!cc->keep) {
		cc->asked_us = tern_now_us(cl->w) + cl->think_us;
		item_close(&cc->i);
		reopen(cc);
		return false;
	}
	if (cc->held)
		rest(cl, cc, tern_now_us(cl->w) + cl->think_us, false);
	else
		next_request(cc);
	return true;
}

/* @return 1 when the head is in, 0 when more is needed, -1 when the connection is gone. */
static int
read_head(struct client_conn *cc)
{
	struct client *cl = cc->i.owner;
	struct http_response r;
	const char *wrong;
	char *p;
	const ssize_t len = head_get(&cl->heads, &cc->part, &cc->i, &p);

	if (len == 0)
		return 0;
	wrong = len < 0 ? "head too long" : http_parse_response(p, len, &r);
	if (!wrong && (r.status == 101 || r.status > 299)) { /* nobody asked to switch protocols */
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
	cc->want = r.length;
	cc->chunked = r.chunked;
	memset(&cc->chunks, 0, sizeof(cc->chunks));
	cc->keep = r.keep;
	return 1;
}

/* n bytes of a body. @return NULL or what is wrong with them. */
static const char *
check_data(struct client *cl, struct client_conn *cc, const char *p, size_t n)
{
	size_t off, part;

	for (off = 0; !plan.http_path && off < n; off += part) {
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
whole(const struct client_conn *cc)
{
	if (!cc->body || cc->answered == cc->asked)
		return false;
	return cc->chunked ? cc->chunks.done : cc->want >= 0 && cc->got == (uint64_t)cc->want;
}

/* May what the server ended go over another connection? It answered on this one, and not a byte of what is asked
 * now. */
static bool
may_reopen(const struct client_conn *cc)
{
	return plan.http_path && cc->answered > cc->before && cc->answered < per_conn(cc) && !cc->begun &&
	       !cc->body && !cc->part;
}

static void
at_eof(struct client_conn *cc)
{
	if (cc->body && cc->want < 0 && !cc->chunked && cc->answered < cc->asked) {
		cc->want = cc->got; /* the end of the connection was the end of the body */
		answered(cc);
	} else if (cc->answered > cc->before && cc->answered == cc->asked && !cc->sending) {
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

static void
read_response(struct client_conn *cc)
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
		touch(cl, cc);
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
		rest(cl, cc, cl->parking ? 0 : RTE_MAX(cc->asked_us, now_us), !cl->parking && cc->asked_us <= now_us);
		client_ready(cl);
		return;
	}
	if (cl->parking) {
		cc->parked = true;
		TAILQ_REMOVE(&cl->slab.active, &cc->i, next);
		TAILQ_INSERT_TAIL(&cl->idle, &cc->i, next);
		cl->parked++;
		cl->n[N_PARKED] = RTE_MAX(cl->n[N_PARKED], cl->parked);
		client_ready(cl);
		return;
	}
	if (requests.packets == 8) /* after the output pass, so the handshake's ACK goes alone */
		slab_again(&cl->slab, &cc->i);
	else
		next_request(cc);
}

/* On with the TLS handshake. */
static void
shake(struct client_conn *cc)
{
	struct client *cl = cc->i.owner;
	const int rc = tls_shake(&cc->i);

	if (rc < 0) {
		bad(cc, tls_wrong(&cc->i));
		return;
	}
	touch(cl, cc);
	if (!rc)
		return;
	cc->shakes = false;
	hist_add(&cl->hist[HIST_TLS], tern_now_us(cl->w) - cc->asked_us);
	is_open(cc);
}

static void
on_connected(struct tern_conn *c, void *user)
{
	struct client_conn *cc = user;
	struct client *cl = cc->i.owner;

	cl->n[N_CONNECTED]++;
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
	shake(cc);
}

static void
on_readable(struct tern_conn *c, void *user)
{
	struct client_conn *cc = user;

	if (unlikely(cc->shakes))
		shake(cc);
	else
		read_response(cc);
}

static void
on_writable(struct tern_conn *c, void *user)
{
	struct client_conn *cc = user;

	if (unlikely(cc->shakes)) {
		shake(cc);
		return;
	}
	touch(cc->i.owner, cc);
	if (!cc->sending)
		return;
	send_request(cc);
	if (!cc->sending)
		read_response(cc); /* it may have been answered before it was out */
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

static void
on_closed(struct tern_conn *c, void *user, int err)
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
	.connected = on_connected,
	.readable = on_readable,
	.writable = on_writable,
	.closed = on_closed,
};

/* --- opening ------------------------------------------------------------------------------------------------- */

int
client_connect(struct client_conn *cc)
{
	struct client *cl = cc->i.owner;
	struct tern_endpoint to = plan.connect;
	int rc;

	to.port = htons(ntohs(to.port) + cl->next_port);
	if (++cl->next_port >= plan.connect_ports)
		cl->next_port = 0;
	cc->opened_us = tern_now_us(cl->w);
	cc->sent = 0;
	cc->begun = cc->body = cc->chunked = cc->sending = cc->connected = cc->shakes = false;
	cc->keep = cc->first = true;
	rc = tern_connect(cl->w, NULL, &to, &conn_ops, cc, &cc->i.c);
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
			touch(cl, cc);
		} else if (rc == -EADDRNOTAVAIL || rc == -ENOMEM) {
			cl->n[N_WAITED]++;
			slab_again(&cl->slab, it);
		} else {
			client_lost(cc, N_OTHER);
			client_gone(cc, N_OTHER);
		}
		return;
	}
	if (cc->asked == cc->before && !cc->sent) {
		next_request(cc);
		return;
	}
	if (cc->sending)
		send_request(cc);
	if (!cc->sending)
		read_response(cc);
}
