/* SPDX-License-Identifier: BSD-3-Clause */
/* Discard (RFC 863): read and count until the peer's FIN, then close. */
#include <errno.h>
#include <rte_mbuf.h>
#include "role.h"

enum { N_CONNS, N_BYTES, N_FAILED, N_COUNT };

struct discard {
	uint64_t n[N_COUNT];
	struct stack *s;
	struct slab slab;
	struct tern_listener *l[2];
};

static void
pump(struct item *it)
{
	struct discard *d = it->owner;
	unsigned int visit = VISIT_MBUFS;
	struct rte_mbuf *m;

	while (slab_spend(&d->slab, it, &visit) && tern_recv_mbufs(it->c, &m, 1) > 0) {
		d->n[N_BYTES] += m->pkt_len;
		tern_mbuf_free(tern_conn_worker(it->c), m);
	}
	if (tern_recv_eof(it->c)) {
		tern_close(it->c);
		slab_put(&d->slab, it);
	}
}

static void
on_readable(struct tern_conn *c, void *user)
{
	pump(user);
}

static void
on_closed(struct tern_conn *c, void *user, int err)
{
	struct item *it = user;
	struct discard *d = it->owner;

	d->n[N_FAILED] += err != 0;
	slab_put(&d->slab, it);
}

static const struct tern_ops conn_ops = {.readable = on_readable, .closed = on_closed};

static void
begin(struct item *it)
{
	((struct discard *)it->owner)->n[N_CONNS]++;
	pump(it);
}

static void
on_acceptable(struct tern_listener *l, void *user)
{
	slab_accept(&((struct discard *)user)->slab, l, &conn_ops, begin);
}

static int
start(struct stack *s, struct tern_worker *w)
{
	static const struct tern_listener_ops listen_ops = {.acceptable = on_acceptable};
	struct discard *d = role_state(s, w, sizeof(*d));
	int rc;

	if (!d)
		return -ENOMEM;
	d->s = s;
	rc = slab_init(&d->slab, s, w, s->o->conf.max_conns, sizeof(struct item), d);
	return rc ? rc : role_listen(s, w, &listen_ops, d, d->l);
}

static void
poll(struct stack *s, struct tern_worker *w, uint64_t now_us)
{
	slab_retry(&((struct discard *)s->state[tern_worker_index(w)])->slab, pump);
}

static void
drain(struct stack *s, struct tern_worker *w)
{
	struct discard *d = s->state[tern_worker_index(w)];
	struct item *it;

	role_unlisten(d->l);
	while ((it = TAILQ_FIRST(&d->slab.active)) != NULL) {
		tern_close(it->c);
		slab_put(&d->slab, it);
	}
}

static uint64_t
report(const struct stack *s)
{
	printf("discard: %lu connections, %lu bytes, %lu ended by an error\n", role_sum(s, N_CONNS),
	       role_sum(s, N_BYTES), role_sum(s, N_FAILED));
	return 0;
}

const struct role role_discard = {
	.name = "discard",
	.help = "read everything, answer nothing (RFC 863)",
	.takes = LISTEN_OPTIONS,
	.start = start,
	.poll = poll,
	.drain = drain,
	.report = report,
};
