/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Echo (RFC 862) with half-close: everything comes back, then the FIN does. The received mbufs are sent as they are,
 * but where less fits the send buffer; nothing is read that could not be sent, so the peer's window closes.
 */
#include <errno.h>
#include <rte_mbuf.h>
#include "role.h"

#define MBUF_LEN_MAX ((size_t)UINT16_MAX) /* no segment holds more */

enum { N_CONNS, N_BYTES, N_FAILED, N_COUNT };

struct echo_conn {
	struct item i;
	struct rte_mbuf *held;
};

struct echo {
	uint64_t n[N_COUNT];
	struct stack *s;
	struct slab slab;
	struct tern_listener *l[2];
};

/* Less than an mbuf fits. */
static size_t
send_copy(struct tern_conn *c, size_t space)
{
	uint8_t buf[2048];
	const ssize_t n = tern_peek(c, buf, RTE_MIN(space, sizeof(buf)));
	const ssize_t sent = n > 0 ? tern_send(c, buf, n, 0) : 0;

	return sent > 0 ? tern_recv(c, buf, sent) : 0;
}

static void
pump(struct item *it)
{
	struct echo_conn *ec = (struct echo_conn *)it;
	struct echo *e = it->owner;
	unsigned int visit = VISIT_MBUFS;
	struct rte_mbuf *m;
	size_t space, wait, len;

	while ((wait = tern_recv_queued(it->c)) > 0 || ec->held) {
		space = tern_send_space(it->c);
		if (space == 0) { /* nothing is taken that could not be sent: so the peer's window closes, and its memory stays its own */
			tern_want_writable(it->c);
			return;
		}
		if (!slab_spend(&e->slab, it, &visit))
			return;
		if (!ec->held && space < RTE_MIN(wait, MBUF_LEN_MAX)) {
			len = send_copy(it->c, space);
			if (!len)
				return; /* writable() follows */
		} else {
			m = ec->held;
			if (!m && tern_recv_mbufs(it->c, &m, 1) <= 0)
				return;
			len = m->pkt_len;
			ec->held = tern_send_mbuf(it->c, m) ? m : NULL;
			if (ec->held)
				return; /* writable() or closed() follows */
		}
		e->n[N_BYTES] += len;
	}
	if (tern_recv_eof(it->c)) {
		tern_close(it->c);
		slab_put(&e->slab, it);
	}
}

static void
on_event(struct tern_conn *c, void *user)
{
	pump(user);
}

static void
on_closed(struct tern_conn *c, void *user, int err)
{
	struct echo_conn *ec = user;
	struct echo *e = ec->i.owner;

	rte_pktmbuf_free(ec->held);
	e->n[N_FAILED] += err != 0;
	slab_put(&e->slab, &ec->i);
}

static const struct tern_ops conn_ops = {.readable = on_event, .writable = on_event, .closed = on_closed};

static void
begin(struct item *it)
{
	((struct echo_conn *)it)->held = NULL;
	((struct echo *)it->owner)->n[N_CONNS]++;
	pump(it);
}

static void
on_acceptable(struct tern_listener *l, void *user)
{
	slab_accept(&((struct echo *)user)->slab, l, &conn_ops, begin);
}

static int
start(struct stack *s, struct tern_worker *w)
{
	static const struct tern_listener_ops listen_ops = {.acceptable = on_acceptable};
	struct echo *e = role_state(s, w, sizeof(*e));
	int rc;

	if (!e)
		return -ENOMEM;
	e->s = s;
	rc = slab_init(&e->slab, s, w, s->o->conf.max_conns, sizeof(struct echo_conn), e);
	return rc ? rc : role_listen(s, w, &listen_ops, e, e->l);
}

static void
poll(struct stack *s, struct tern_worker *w, uint64_t now_us)
{
	slab_retry(&((struct echo *)s->state[tern_worker_index(w)])->slab, pump);
}

static void
drain(struct stack *s, struct tern_worker *w)
{
	struct echo *e = s->state[tern_worker_index(w)];
	struct item *it;

	role_unlisten(e->l);
	while ((it = TAILQ_FIRST(&e->slab.active)) != NULL) {
		rte_pktmbuf_free(((struct echo_conn *)it)->held);
		tern_close(it->c);
		slab_put(&e->slab, it);
	}
}

static uint64_t
report(const struct stack *s)
{
	printf("echo: %lu connections, %lu bytes back, %lu ended by an error\n", role_sum(s, N_CONNS),
	       role_sum(s, N_BYTES), role_sum(s, N_FAILED));
	return 0; /* a peer's reset is no failure of a server */
}

const struct role role_echo = {
	.name = "echo",
	.help = "send everything back (RFC 862), half-close included",
	.takes = LISTEN_OPTIONS,
	.start = start,
	.poll = poll,
	.drain = drain,
	.report = report,
};
