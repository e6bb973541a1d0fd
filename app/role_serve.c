/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Fixed-size requests and responses: every --request-size bytes are answered by --response-size bytes of the pattern.
 * With --close server it closes after --requests-per-conn of them, else when the client does.
 */
#include <string.h>
#include <rte_cycles.h>
#include <rte_mbuf.h>
#include "requests.h"
#include "role.h"

struct serve_conn {
	struct item i;
	uint32_t got;  /* bytes of requests that are not answered; of one read, however many it brought */
	uint32_t sent; /* bytes of the response in progress */
	uint32_t answered;
	bool worked; /* for the answer in progress */
};

struct serve {
	struct server s;
	struct tern_ref ref; /* to the pattern, which long responses are made of: a worker's own, as who refers to it
			      * is counted */
	uint8_t pattern[PATTERN_PERIOD + PATTERN_CHUNK];
};

/* @return false when the send buffer is full, or others have their turn. */
static bool
answer(struct serve *v, struct serve_conn *sc, unsigned int *visit)
{
	uint32_t left;
	ssize_t n;

	while (sc->got >= requests.request_size) {
		if (!slab_spend(&v->s.slab, &sc->i, visit))
			return false;
		if (unlikely(requests.work_us && !sc->worked)) {
			rte_delay_us_block(requests.work_us);
			sc->worked = true; /* whoever finds no memory to send comes again */
		}
		left = requests.response_size - sc->sent;
		if (left < PATTERN_CHUNK || sc->i.tls)
			n = item_send(&sc->i, role_pattern(sc->sent), RTE_MIN(left, PATTERN_CHUNK));
		else
			n = tern_send_ref(sc->i.c, &v->ref, v->pattern + sc->sent % PATTERN_PERIOD, PATTERN_CHUNK, 0);
		if (n <= 0)
			return false; /* writable() or closed() follows */
		sc->sent += n;
		if (sc->sent == requests.response_size) {
			sc->sent = 0;
			sc->worked = false;
			sc->answered++;
			sc->got -= requests.request_size;
			v->s.n[SERVER_DONE]++;
		}
	}
	return true;
}

/* @return bytes of requests that came, else as tern_recv(). */
static ssize_t
take(struct serve_conn *sc)
{
	struct rte_mbuf *m;
	ssize_t n;

	if (unlikely(sc->i.tls != NULL))
		return tls_recv(&sc->i, tls_buf(&sc->i), TLS_BUF);
	n = tern_recv_mbufs(sc->i.c, &m, 1);
	if (n <= 0)
		return n;
	n = m->pkt_len;
	tern_mbuf_free(tern_conn_worker(sc->i.c), m);
	return n;
}

static void
pump(struct tern_conn *c, void *user)
{
	struct serve_conn *sc = user;
	struct serve *v = sc->i.owner;
	unsigned int visit = VISIT_MBUFS;
	ssize_t got;

	/* One request at a time: what is not read closes the client's window, so it cannot make us owe without end. */
	while (answer(v, sc, &visit)) {
		if (requests.close_mode == CLOSE_SERVER && sc->answered >= requests.per_conn)
			break;
		if (!slab_spend(&v->s.slab, &sc->i, &visit))
			return;
		got = take(sc);
		if (got == 0 || got == -EPROTO) /* their FIN; no TLS */
			break;
		if (got < 0)
			return;
		sc->got += got;
	}
	if (sc->got >= requests.request_size)
		return; /* writable(), closed() or the next poll follows */
	server_close(&sc->i);
}

static int
check(struct options *o)
{
	return requests_check() || tls_check(true) ? -EINVAL : 0;
}

static int
init(struct stack *s)
{
	role_pattern(0);
	return 0;
}

static const struct server_ops ops = {
	.conn = {.readable = pump, .writable = pump, .closed = server_closed},
	.state = sizeof(struct serve),
	.item = sizeof(struct serve_conn),
	.clear = sizeof(struct serve_conn) - sizeof(struct item),
};

static int
start(struct stack *s, struct tern_worker *w)
{
	const int rc = server_start(s, w);
	struct serve *v = tern_worker_user(w);

	if (rc)
		return rc;
	memcpy(v->pattern, role_pattern(0), sizeof(v->pattern));
	return tern_ref_init(&v->ref, v->pattern, sizeof(v->pattern), NULL, NULL);
}

static uint64_t
report(const struct stack *s)
{
	printf("serve: %lu connections, %lu requests answered, %lu connections ended by an error\n",
	       role_sum(s, SERVER_CONNS), role_sum(s, SERVER_DONE), role_sum(s, SERVER_FAILED));
	tls_report(true);
	return 0;
}

const struct role role_serve = {
	.name = "serve",
	.help = "answer fixed-size requests with fixed-size responses",
	.takes = LISTEN_OPTIONS " " REQUEST_OPTIONS " " TLS_SERVER_OPTIONS,
	.check = check,
	.init = init,
	.done = "requests",
	.server = &ops,
	.start = start,
	.poll = server_poll,
	.drain = server_drain,
	.accepting = server_accepting,
	.report = report,
};
