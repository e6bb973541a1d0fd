/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The applications. They read at once what there is, and do the rest, send, shut down, close, abort, when the search
 * says so. What they are told of the end must have a reason in what both did; if both left in order, all bytes are
 * there and both were told 0.
 */
#include "model.h"

static void
got(struct end *e, const uint8_t *p, size_t n)
{
	const struct end *from = &m.e[e == m.e];

	for (size_t k = 0; k < n; k++)
		if (p[k] != content(from - m.e, e->got + k)) {
			fault("end %ld: byte %zu is wrong", e - m.e, e->got + k);
			break;
		}
	e->got += n;
	if (e->got > from->sent)
		fault("end %ld received %u bytes of %u", e - m.e, e->got, from->sent);
}

static void
reads(struct end *e)
{
	uint8_t buf[256];
	ssize_t n;

	while ((n = tern_recv(e->c, buf, sizeof(buf))) > 0)
		got(e, buf, n);
}

/* May i have been told this? */
static bool
explained(const struct end *e, int err)
{
	const struct end *p = &m.e[e == m.e];

	switch (err) {
	case 0: /* both FINs, and all before them */
		return (e->shut || e->gave_up) && (p->shut || p->gave_up) && !e->aborted &&
		       (p->got == e->sent || p->early) && (e->got == p->sent || e->early);
	case -ECONNRESET: /* one of both aborted or closed before all was there, or the other knows nothing any more */
		return p->early || (e->gave_up && e->early);
	case -ECONNABORTED:
		return e->aborted || (e->gave_up && !e->connected);
	case -ECONNREFUSED: /* nobody there, not yet or not any more */
		return !e->connected && (!p->opened || p->absent || p->gave_up || p->told);
	case -ETIMEDOUT: /* an orphan does not wait for ever for a FIN; there is none, or it was given up, and the
			  * RST was lost */
		return e->gave_up && ((!p->shut && !p->gave_up) || p->aborted || (p->told && p->err));
	default:
		return false;
	}
}

static void
told(struct end *e, int err)
{
	if (e->told)
		fault("end %ld is told twice: %d, %d", e - m.e, e->err, err);
	e->told = true;
	e->err = err;
	e->c = NULL;
	if (!explained(e, err))
		fault("end %ld was told %d, which nothing explains", e - m.e, err);
	if (err)
		e->early = true;
}

static void
on_connected(struct tern_conn *c, void *user)
{
	((struct end *)user)->connected = true;
}

static void
on_readable(struct tern_conn *c, void *user)
{
	reads(user);
}

static void
on_closed(struct tern_conn *c, void *user, int err)
{
	struct end *e = user;

	if (e->gave_up || e->c != c)
		fault("end %ld: closed() of a handle that it has not", e - m.e);
	reads(e);
	told(e, err);
}

static void
on_ended(struct tern_worker *w, void *user, int err)
{
	struct end *e = user;

	if (!e->gave_up)
		fault("end %ld: ended() before it gave up", e - m.e);
	told(e, err);
}

static const struct tern_ops ops = {
	.connected = on_connected, .readable = on_readable, .closed = on_closed, .ended = on_ended};

static void
on_acceptable(struct tern_listener *l, void *user)
{
	struct end *e = &m.e[1];
	struct tern_conn *c;

	while (tern_accept(l, &ops, e, &c, 1)) {
		if (e->opened)
			fault("accepted twice");
		e->c = c;
		e->opened = e->connected = true;
	}
}

const struct tern_listener_ops ends_listener = {.acceptable = on_acceptable};

bool
ends_may(enum step s, unsigned int i)
{
	const struct end *e = &m.e[i];

	if (s == OPEN)
		return !e->opened && (i == 0 || scope.simultaneous);
	if (!e->c)
		return false;
	if (s == SEND)
		return e->connected && !e->shut && e->sends;
	if (s == SHUT)
		return e->connected && !e->shut;
	return true;
}

static void
opens(unsigned int i)
{
	struct end *e = &m.e[i];
	struct tern_endpoint from, to;
	int rc;

	endpoint(&from, i, i ? 80 : 5000);
	endpoint(&to, !i, i ? 5000 : 80);
	rc = tern_connect(world_worker(i), &from, &to, &ops, e, &e->c);
	if (rc)
		fault("end %u: connect: %s", i, strerror(-rc));
	e->opened = true;
}

static void
sends(unsigned int i)
{
	struct end *e = &m.e[i], *p = &m.e[!i];
	uint8_t buf[SEND_LEN];
	ssize_t n;

	for (uint32_t k = 0; k < SEND_LEN; k++)
		buf[k] = content(i, e->sent + k);
	e->sends--;
	n = tern_send(e->c, buf, SEND_LEN, 0);
	if (n != SEND_LEN)
		fault("end %u: send: %zd", i, n);
	e->sent += SEND_LEN;
	if (p->gave_up || p->told)
		p->early = true; /* nobody will read this */
}

/* The handle goes: before what is there has come? */
static void
leaves(unsigned int i, bool aborts)
{
	struct end *e = &m.e[i];
	struct tern_conn *c = e->c;

	e->gave_up = true;
	e->aborted = aborts;
	e->early |= aborts || !e->connected || e->got != m.e[!i].sent;
	e->c = NULL;
	if (aborts)
		tern_abort(c);
	else
		tern_close(c);
}

void
ends_do(enum step s, unsigned int i)
{
	int rc = 0;

	switch (s) {
	case OPEN:
		opens(i);
		break;
	case SEND:
		sends(i);
		break;
	case SHUT:
		m.e[i].shut = true;
		rc = tern_shutdown(m.e[i].c, TERN_SHUT_WR);
		if (rc)
			fault("end %u: shutdown: %s", i, strerror(-rc));
		break;
	default:
		leaves(i, s == ABORT);
	}
}

void
ends_judge(void)
{
	const struct end *a = &m.e[0], *b = &m.e[1];

	for (unsigned int i = 0; i < 2; i++) {
		const struct tern_worker *w = world_worker(i);

		if (m.e[i].opened && !m.e[i].told)
			fault("end %u was never told of the end", i);
		if (w->table.count || !worker_idle(w, true))
			fault("worker %u has %u objects in its table", i, w->table.count);
		if (w->rares.avail != w->rares.total || w->losses.avail != w->losses.total ||
		    w->runs.avail != w->runs.total || w->rxruns.avail != w->rxruns.total ||
		    w->ports.pool.avail != w->ports.pool.total)
			fault("worker %u: a pool is not full", i);
		if (!rte_mempool_full(w->mbufs.small) || !rte_mempool_full(w->mbufs.pool))
			fault("worker %u: an mbuf is missing", i);
	}
	if (a->early || b->early || !a->opened || !b->opened)
		return;
	if (a->err || b->err || a->got != b->sent || b->got != a->sent || (model_wrong && a->got))
		fault("both left in order, and were told %d and %d, with %u of %u and %u of %u bytes", a->err, b->err,
		      a->got, b->sent, b->got, a->sent);
}
