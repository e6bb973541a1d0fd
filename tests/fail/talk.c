/* SPDX-License-Identifier: BSD-3-Clause */
/* See talk.h. */
#include "fail.h"
#include "talk.h"

#define STEP (10 * MS)
#define LIMIT (400 * SEC)

struct side sides[2];
static const struct talk *told;

/* A refusal is one that tern.h names, and there was something to refuse. */
static void
refused(ssize_t rc, int one, int other)
{
	CHECK(rc == one || rc == other);
	CHECK(fail_hits() > 0);
}

static void
listens(void)
{
	struct tern_listener **l = &bed.n[1].l[0];
	int rc;

	if (*l)
		return;
	rc = node_listen(&bed.n[1], SRV_PORT, 4, l);
	if (rc)
		refused(rc, -ENOMEM, -ENOMEM);
	else if (told->listening)
		told->listening(*l);
}

static void
opened(struct sock *s, unsigned int end)
{
	s->auto_read = !told->recv; /* after the last FIN it is too late */
	if (told->opened)
		told->opened(s, end);
}

static void
opens(void)
{
	struct side *c = &sides[0], *v = &sides[1];
	int rc;

	if (!c->s && !c->over && bed.n[1].l[0]) {
		rc = node_connect(SRV_PORT, 0, &c->s);
		if (rc) {
			refused(rc, -ENOMEM, -EADDRNOTAVAIL);
			c->s = NULL;
		} else {
			opened(c->s, 0);
		}
	}
	if (!v->s && !v->over) {
		v->s = sock_accept(&bed.n[1]);
		if (v->s)
			opened(v->s, 1);
	}
}

static bool
is_open(const struct sock *s)
{
	return s->c && sock_state(s) != TERN_SYN_SENT && sock_state(s) != TERN_SYN_RECEIVED;
}

static void
writes(struct side *e, uint32_t bytes)
{
	ssize_t n;

	while (e->s->c && !e->shut && e->s->tx_pos < 1 + bytes) {
		n = told->send ? told->send(e->s, 1 + bytes - e->s->tx_pos) : sock_send(e->s, 1 + bytes - e->s->tx_pos);
		if (n == -ENOBUFS)
			refused(n, -ENOBUFS, -ENOBUFS);
		else if (n < 0)
			CHECK(n == -EAGAIN || n == told->err[0] || n == told->err[1]);
		if (n <= 0)
			return;
	}
}

static void
closes(struct side *e, enum how how, bool sent, bool got)
{
	struct sock *s = e->s;

	if (how == SHUT && sent && !e->shut) {
		e->shut = true;
		CHECK_EQ(tern_shutdown(s->c, TERN_SHUT_WR), 0);
	}
	if (((how == DONE && got) || how == SHUT || how == LAST) && sent && (how == DONE || tern_recv_eof(s->c))) {
		e->gone = true;
		tern_close(sock_take(s));
	} else if (how == ABORT && got) {
		e->gone = true;
		tern_abort(sock_take(s));
	}
}

/* What this end can do now. */
static void
acts(unsigned int i)
{
	struct side *e = &sides[i];
	struct sock *s = e->s;

	if (!s || e->over)
		return;
	if (s->c && is_open(s)) {
		writes(e, told->bytes[i]);
		if (s->c)
			(told->recv ? told->recv : sock_recv_all)(s);
		if (s->c)
			closes(e, told->how[i], s->tx_pos == 1 + told->bytes[i], s->rx_pos == 1 + told->bytes[!i]);
	}
	e->got = s->rx_pos - 1;
	if (s->closed || s->ended) {
		e->over = true;
		e->err = s->err;
	}
}

static bool
over(void *arg)
{
	listens();
	opens();
	acts(0);
	acts(1);
	return sides[0].over && sides[1].over;
}

/* An end that found no TIME-WAIT record knows nothing of a FIN that comes again: if its last ACK found no mbuf
 * either, that is answered by RST. */
static bool
forgotten(unsigned int end)
{
	const uint64_t *stats = bed.n[end].w->stats;

	return stats[STAT_TW_OVERFLOW] && stats[STAT_OUT_RSTS] && sides[!end].got == told->bytes[end];
}

static void
one_talk(void)
{
	const uint64_t end_us = bed.now_us + LIMIT;

	memset(sides, 0, sizeof(sides));
	for (unsigned int i = 0; i < 2; i++)
		sides[i].over = told->how[i] == STAYS && told->err[i] == -ECONNREFUSED;
	for (unsigned int n = 0; !over(NULL) && bed.now_us < end_us; n++) {
		if (told->step)
			told->step(n);
		advance_until(over, NULL, n < 200 ? STEP : 100 * STEP);
	}
	for (unsigned int i = 0; i < 2; i++) {
		CHECK(sides[i].over);
		CHECK(sides[i].err == told->err[i] || (sides[i].err == -ECONNRESET && forgotten(!i)) ||
		      (told->err[i] == -ETIMEDOUT &&
		       sides[i].err == -EHOSTUNREACH)); /* nor could the next hop be asked */
		if (!told->err[0] && !told->err[1])
			CHECK_EQ(sides[i].got, told->bytes[!i]);
	}
}

void
talk(const struct talk *t)
{
	told = t;
	for (unsigned int i = 0; i < 2; i++) {
		bed.dir[i].delay_us = t->delay_us;
		bed.dir[i].drop = t->drop[i];
	}
	for (unsigned int i = 0; i < RTE_MAX(t->times, 1u); i++)
		one_talk();
}

static bool (*done_fn)(void);

static bool
done(void *arg)
{
	return done_fn();
}

bool
wait_for(bool (*fn)(void), uint64_t us)
{
	done_fn = fn;
	return advance_until(done, NULL, us);
}
