/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See metrics.h. A worker has a few places for scrapers; when all are taken, the one that asked for nothing for the
 * longest time makes room. A place that was asked belongs to the thread until that has posted the answer, even when its
 * connection is gone meanwhile.
 */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <rte_common.h>
#include <rte_lcore.h>
#include "http.h"
#include "metrics.h"

#define PLACES 8u
#define KEEPIDLE_S 60 /* a scraper that is silent for so long is asked whether it is there */
#define NAP_US 1000u

struct place {
	struct tern_conn *c; /* NULL: nobody's */
	uint64_t seen_us;    /* when it came, or asked last */
	unsigned int worker;
	bool asked;  /* the thread has it, and what follows `wanted` */
	bool shut;   /* refused: until the peer closes, too */
	bool wanted; /* of both threads: to be made */
	int status;
	bool keep, is_head;                   /* what was asked for */
	size_t head_len, body_len, len, sent; /* len: of the answer */
	char *body;
	char head[320];
};

/* What a worker has. */
struct desk {
	struct place places[PLACES];
	struct tern_listener *l[2];
	bool draining;
	char look[HTTP_HEAD_MAX];
};

static struct {
	struct stack *s;
	struct desk *desks; /* NULL: no metrics */
	pthread_t thread;
	bool has_thread, ending;
	sem_t asked; /* a place is wanted */
} metrics;

/* --- the thread ---------------------------------------------------------------------------------------------- */

static void on_made(struct tern_worker *w, void *arg);

/* The answer; none without memory. */
static void
make(struct place *p)
{
	const bool ok = p->status == 200;
	char date[HTTP_DATE_LEN];
	bool failed;
	FILE *f;

	free(p->body);
	p->body = NULL;
	p->len = p->head_len = 0;
	f = open_memstream(&p->body, &p->body_len);
	if (!f)
		return;
	if (ok)
		metrics_write(metrics.s, f);
	else
		fprintf(f, "%s\n", http_reason(p->status));
	failed = ferror(f);
	if (fclose(f) || failed)
		return;
	http_date(date);
	p->head_len = http_answer(p->head, sizeof(p->head), p->status, p->keep, date, ok ? METRICS_TYPE : "text/plain",
				  p->body_len);
	p->len = p->head_len + (p->is_head ? 0 : p->body_len);
}

static void
serve_place(struct place *p)
{
	make(p);
	while (tern_post(metrics.s->tern, p->worker, on_made, p) == -EAGAIN && /* else it has left */
	       !__atomic_load_n(&metrics.ending, __ATOMIC_ACQUIRE))
		usleep(NAP_US);
}

static void *
serve(void *arg)
{
	unsigned int w, i;

	for (;;) {
		while (sem_wait(&metrics.asked))
			;
		if (__atomic_load_n(&metrics.ending, __ATOMIC_ACQUIRE))
			return NULL;
		for (w = 0; w < metrics.s->n_workers; w++)
			for (i = 0; i < PLACES; i++)
				if (__atomic_exchange_n(&metrics.desks[w].places[i].wanted, false, __ATOMIC_ACQUIRE))
					serve_place(&metrics.desks[w].places[i]);
	}
}

/* --- a worker ------------------------------------------------------------------------------------------------ */

static void
leave(struct place *p)
{
	tern_close(p->c);
	p->c = NULL;
}

/* The next request is for the thread, if it is whole. */
static void
ask_thread(struct desk *d, struct place *p)
{
	const ssize_t n = tern_peek(p->c, d->look, sizeof(d->look));
	struct http_request r = {.status = 431};
	size_t scanned = 0, len = n > 0 ? http_head_len(d->look, n, &scanned) : 0;

	if (!len && n < (ssize_t)sizeof(d->look)) {
		if (tern_peer_closed(p->c)) /* be it with half a request waiting */
			leave(p);
		return;
	}
	if (len) {
		http_parse_request(d->look, len, &r);
		tern_recv(p->c, d->look, len);
	}
	p->status = r.status == 200 && strcmp(r.path, "/metrics") ? 404 : r.status;
	p->is_head = r.head;
	p->keep = r.keep && !d->draining;
	p->seen_us = tern_now_us(tern_conn_worker(p->c));
	p->asked = true;
	__atomic_store_n(&p->wanted, true, __ATOMIC_RELEASE);
	sem_post(&metrics.asked);
}

/* @return true: all of it is queued. */
static bool
send_answer(struct place *p)
{
	while (p->sent < p->len) {
		const bool head = p->sent < p->head_len;
		const ssize_t n = head ? tern_send(p->c, p->head + p->sent, p->head_len - p->sent,
						   p->len > p->head_len ? TERN_SEND_MORE : 0)
				       : tern_send(p->c, p->body + p->sent - p->head_len, p->len - p->sent, 0);

		if (n <= 0)
			return false; /* writable() or closed() follows */
		p->sent += n;
	}
	return true;
}

static void
go_on(struct place *p)
{
	struct desk *d = &metrics.desks[p->worker];
	bool last;

	if (p->asked || p->shut || !send_answer(p))
		return;
	last = p->len && (!p->keep || d->draining);
	p->len = p->sent = 0;
	if (last && p->status != 200) { /* a close with unread text would be a reset */
		p->shut = true;
		tern_shutdown(p->c, TERN_SHUT_RDWR);
	} else if (last) {
		leave(p);
	} else {
		ask_thread(d, p);
	}
}

static void
on_made(struct tern_worker *w, void *arg)
{
	struct place *p = arg;

	p->asked = false;
	p->sent = 0;
	if (p->c && !p->len) { /* no memory */
		tern_abort(p->c);
		p->c = NULL;
	}
	if (p->c)
		go_on(p);
	else
		p->len = 0;
}

static void
on_event(struct tern_conn *c, void *user)
{
	go_on(user);
}

static void
on_closed(struct tern_conn *c, void *user, int err)
{
	((struct place *)user)->c = NULL;
}

/* A free place, or that of the longest silent one. NULL: all wait for answers. */
static struct place *
room(struct desk *d)
{
	struct place *p, *best = NULL;

	for (p = d->places; p < d->places + PLACES; p++) {
		if (p->asked)
			continue;
		if (!p->c)
			return p;
		if (!best || p->seen_us < best->seen_us)
			best = p;
	}
	if (best)
		tern_abort(best->c);
	return best;
}

static void
on_acceptable(struct tern_listener *l, void *user)
{
	static const struct tern_ops ops = {.readable = on_event, .writable = on_event, .closed = on_closed};
	struct desk *d = user;
	struct tern_conn *c;
	struct place *p;

	while (tern_accept(l, NULL, NULL, &c, 1) == 1) {
		p = room(d);
		if (!p) {
			tern_abort(c);
			continue;
		}
		p->c = c;
		p->seen_us = tern_now_us(tern_conn_worker(c));
		p->len = p->sent = 0;
		p->shut = false;
		tern_conn_set_user(c, &ops, p);
		go_on(p);
	}
}

int
metrics_start(struct stack *s, struct tern_worker *w)
{
	static const struct tern_listener_ops ops = {.acceptable = on_acceptable};
	const struct listen_at at = {.local = s->o->metrics, .backlog = PLACES, .option = "metrics"};
	struct desk *d = metrics.desks ? &metrics.desks[tern_worker_index(w)] : NULL;
	int rc = d ? role_listen(s, w, &at, &ops, d, d->l) : 0;
	unsigned int i;

	for (i = 0; d && i < RTE_DIM(d->l); i++) {
		if (!d->l[i])
			continue;
		tern_listen_setopt(d->l[i], TERN_OPT_NODELAY, 1);
		tern_listen_setopt(d->l[i], TERN_OPT_KEEPIDLE_S, KEEPIDLE_S);
		tern_listen_setopt(d->l[i], TERN_OPT_KEEPALIVE, 1);
	}
	return rc;
}

void
metrics_drain(struct tern_worker *w)
{
	struct desk *d = metrics.desks ? &metrics.desks[tern_worker_index(w)] : NULL;
	struct place *p;

	if (!d)
		return;
	role_unlisten(d->l);
	d->draining = true;
	for (p = d->places; p < d->places + PLACES; p++) {
		if (p->c && !p->asked && (p->shut || p->sent == p->len))
			leave(p);
	}
}

/* --- both ends ----------------------------------------------------------------------------------------------- */

int
metrics_open(struct stack *s)
{
	unsigned int w, i;
	int rc;

	if (!s->o->metrics.port)
		return 0;
	metrics.s = s;
	metrics.ending = false;
	metrics.desks = calloc(s->n_workers, sizeof(*metrics.desks));
	if (!metrics.desks) {
		complain("--metrics: no memory");
		return -ENOMEM;
	}
	for (w = 0; w < s->n_workers; w++)
		for (i = 0; i < PLACES; i++)
			metrics.desks[w].places[i].worker = w;
	sem_init(&metrics.asked, 0, 0);
	rc = rte_ctrl_thread_create(&metrics.thread, "tern-metrics", NULL, serve, NULL);
	if (rc)
		return complain("thread of --metrics: %s", strerror(-rc));
	metrics.has_thread = true;
	return 0;
}

void
metrics_close(void)
{
	unsigned int w, i;

	if (!metrics.desks)
		return;
	__atomic_store_n(&metrics.ending, true, __ATOMIC_RELEASE);
	sem_post(&metrics.asked);
	if (metrics.has_thread)
		pthread_join(metrics.thread, NULL);
	metrics.has_thread = false;
	for (w = 0; w < metrics.s->n_workers; w++)
		for (i = 0; i < PLACES; i++)
			free(metrics.desks[w].places[i].body);
	free(metrics.desks);
	metrics.desks = NULL;
	sem_destroy(&metrics.asked);
}
