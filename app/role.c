/* SPDX-License-Identifier: BSD-3-Clause */
/* What the roles share: the list of them, their objects, what is alike in servers. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <rte_common.h>
#include <rte_lcore.h>
#include <rte_malloc.h>
#include "role.h"

extern const struct role role_http, role_echo, role_discard, role_serve, role_client, role_bench, role_wire,
	role_proxy;

const struct role *const roles[] = {&role_http, &role_echo, &role_discard, &role_serve, &role_client, &role_bench,
				     &role_wire, &role_proxy};
const unsigned int n_roles = RTE_DIM(roles);

#define ACCEPT_BATCH 32u
#define LATE_MAX 64u   /* of a poll */
#define HUGE_PAGE ((size_t)2 << 20)
#define RETRY_MAX 32u /* that wait again: a poll has an end */

/* --- objects ------------------------------------------------------------------------------------------------- */

/* Zeroed, in whole cache lines, and in huge pages where it is large: a connection in a million is on a page of its own
 * else. */
static void *
slab_memory(size_t bytes)
{
	const size_t align = bytes < HUGE_PAGE ? RTE_CACHE_LINE_SIZE : HUGE_PAGE;
	void *mem;

	bytes = RTE_ALIGN_CEIL(bytes, align);
	mem = aligned_alloc(align, bytes);
	if (!mem)
		return NULL;
	if (align == HUGE_PAGE)
		madvise(mem, bytes, MADV_HUGEPAGE); /* best effort */
	return memset(mem, 0, bytes);
}

int
slab_init(struct slab *s, struct stack *st, struct tern_worker *w, uint32_t n, size_t size, void *owner)
{
	uint32_t i;

	SLIST_INIT(&s->idle);
	TAILQ_INIT(&s->again);
	size = RTE_ALIGN_CEIL(size, (size_t)RTE_CACHE_LINE_SIZE);
	s->base = slab_memory(n * size);
	if (!s->base) {
		complain("no memory for %u connections of %zu bytes: lower --max-conns", n, size);
		return -ENOMEM;
	}
	s->size = size;
	s->n = n;
	st->items[tern_worker_index(w)] = s->base;
	for (i = n; i-- > 0;) {
		struct item *it = slab_item(s, i);

		it->owner = owner;
		SLIST_INSERT_HEAD(&s->idle, it, idle);
	}
	return 0;
}

struct item *
slab_get(struct slab *s, struct tern_conn *c, uint64_t now_us)
{
	struct item *i = SLIST_FIRST(&s->idle);

	if (!i)
		return NULL;
	SLIST_REMOVE_HEAD(&s->idle, idle);
	if (unlikely((char *)i == s->base + s->top * s->size))
		s->top++;
	i->c = c;
	i->used = true;
	i->waits = i->patient = false;
	slab_touch(i, now_us);
	s->n_active++;
	return i;
}

void
slab_put(struct slab *s, struct item *i)
{
	if (unlikely(i->tls != NULL))
		tls_free(i);
	if (i->waits)
		TAILQ_REMOVE(&s->again, i, again);
	i->used = i->waits = false;
	SLIST_INSERT_HEAD(&s->idle, i, idle); /* the warmest comes first */
	s->n_active--;
}

struct item *
slab_next(const struct slab *s, uint32_t *i)
{
	while (*i < s->top) {
		struct item *it = slab_item(s, (*i)++);

		if (it->used)
			return it;
	}
	return NULL;
}

void
slab_again(struct slab *s, struct item *i)
{
	if (i->waits)
		return;
	i->waits = true;
	TAILQ_INSERT_TAIL(&s->again, i, again);
}

void __rte_noinline
slab_retry_some(struct slab *s, void (*fn)(struct item *i))
{
	struct item *const last = TAILQ_LAST(&s->again, items);
	unsigned int in_vain = 0;
	struct item *i;

	do { /* fn() may put its item there again: only one round */
		i = TAILQ_FIRST(&s->again);
		TAILQ_REMOVE(&s->again, i, again);
		i->waits = false;
		fn(i);
		in_vain += i->waits;
	} while (i != last && in_vain < RETRY_MAX && !TAILQ_EMPTY(&s->again));
}

/* The hand goes round all items eight times while one may be idle, */
static uint64_t
round_us(const struct slab *s)
{
	return RTE_MIN(s->idle_us / 8 + 1, TERN_TIMER_MAX_US);
}

/* in so many steps: of few items if there are many, in one if there are few. */
static uint32_t
steps_of(const struct slab *s)
{
	return RTE_MIN(s->top / LATE_MAX, (uint32_t)(round_us(s) / 1000)) + 1;
}

static void
on_timer(struct tern_timer *t, void *arg)
{
	struct slab *s = arg;
	const uint64_t now_us = tern_now_us(s->w);
	const uint32_t now = slab_clock(now_us), steps = steps_of(s);
	uint32_t n = s->top / steps + 1, late = 0;

	for (; n && late < LATE_MAX && s->top; n--) {
		struct item *i = slab_item(s, s->hand);

		s->hand = s->hand + 1 < s->top ? s->hand + 1 : 0;
		if (i->used && !i->patient && now - i->seen > s->idle_us >> 10) {
			s->late(i);
			late++;
		}
	}
	s->step_us = late == LATE_MAX ? now_us : RTE_MAX(s->step_us + round_us(s) / steps, now_us);
	tern_timer_start(s->w, t, s->step_us - now_us);
}

void
slab_timeout(struct slab *s, struct tern_worker *w, uint64_t idle_us, void (*late)(struct item *i))
{
	s->w = w;
	s->idle_us = idle_us;
	s->late = late;
	tern_timer_init(&s->timer, on_timer, s);
	s->step_us = tern_now_us(w) + round_us(s);
	tern_timer_start(w, &s->timer, round_us(s));
}

void
slab_no_timeout(struct slab *s)
{
	if (s->w)
		tern_timer_stop(s->w, &s->timer);
}

void *
role_state(struct stack *s, struct tern_worker *w, size_t size)
{
	void *p = rte_zmalloc_socket("role", size, RTE_CACHE_LINE_SIZE, rte_socket_id());

	if (!p)
		complain("no EAL memory for the role: raise -m");
	s->state[tern_worker_index(w)] = p;
	tern_worker_set_user(w, p);
	return p;
}

void
role_free(struct stack *s)
{
	unsigned int i;

	tls_end();
	for (i = 0; i < s->n_workers; i++) {
		rte_free(s->state[i]);
		free(s->items[i]);
		free(s->heads[i]);
		s->state[i] = s->items[i] = s->heads[i] = NULL;
	}
}

uint64_t
role_sum(const struct stack *s, unsigned int k)
{
	uint64_t sum = 0;
	unsigned int i;

	for (i = 0; i < s->n_workers; i++)
		if (s->state[i])
			sum += ((const uint64_t *)s->state[i])[k];
	return sum;
}

const uint8_t *
role_pattern(uint32_t off)
{
	static uint8_t bytes[PATTERN_PERIOD + PATTERN_CHUNK];
	static bool made; /* by init(), before workers run */
	unsigned int i;

	if (unlikely(!made)) {
		for (i = 0; i < sizeof(bytes); i++)
			bytes[i] = i * 7 + 1;
		made = true;
	}
	return bytes + off % PATTERN_PERIOD;
}

/* --- servers ------------------------------------------------------------------------------------------------- */

static bool
has_family(const struct tern_conf *c, uint8_t af)
{
	unsigned int i;

	for (i = 0; i < c->n_ifs; i++)
		if (if_has(&c->ifs[i], af))
			return true;
	return false;
}

static void
on_acceptable(struct tern_listener *l, void *user)
{
	const uint64_t now_us = tern_now_us(tern_listener_worker(l));
	struct tern_conn *c[ACCEPT_BATCH];
	struct server *v = user;
	unsigned int i, n;
	struct item *it;

	do {
		n = tern_accept(l, NULL, NULL, c, ACCEPT_BATCH);
		for (i = 0; i < n; i++) {
			it = slab_get(&v->slab, c[i], now_us);
			if (!it) {
				tern_abort(c[i]);
				continue;
			}
			memset(it + 1, 0, v->ops->clear);
			if (unlikely(v->slab.tls && tls_start(v->slab.tls, it))) {
				tern_abort(c[i]);
				slab_put(&v->slab, it);
				continue;
			}
			tern_conn_set_user(c[i], &v->ops->conn, it);
			v->n[SERVER_CONNS]++;
			v->ops->conn.readable(c[i], it);
		}
	} while (n == ACCEPT_BATCH);
}

int
role_listen(struct stack *s, struct tern_worker *w, const struct listen_at *at, const struct tern_listener_ops *ops,
	    void *user, struct tern_listener *l[2])
{
	static const uint8_t af[2] = {TERN_AF_INET, TERN_AF_INET6};
	struct tern_endpoint e = at->local;
	unsigned int i;
	int rc;

	for (i = 0; i < 2; i++) {
		if (at->local.af ? at->local.af != af[i] : !has_family(&s->o->conf, af[i]))
			continue;
		e.af = af[i];
		rc = tern_listen(w, &e, at->backlog, ops, user, &l[i]);
		if (rc) {
			complain("cannot listen on port %u (IPv%u): %s%s%s%s", ntohs(e.port), af[i], strerror(-rc),
				 rc == -EADDRNOTAVAIL ? ": --" : "", rc == -EADDRNOTAVAIL ? at->option : "",
				 rc == -EADDRNOTAVAIL ? " is not an address of an interface"
				 : rc == -ENOMEM      ? ": the half-open queue does not fit: raise --max-requests, or "
							"lower --backlog"
						      : "");
			return rc;
		}
	}
	return 0;
}

/* On IPv4 and IPv6, as the options say. @return 0 or -errno after one line. */
static int
server_listen(struct stack *s, struct tern_worker *w, struct server *v)
{
	static const struct tern_listener_ops ops = {.acceptable = on_acceptable};
	const struct options *o = s->o;
	struct listen_at at = {.local = o->listen, .backlog = o->backlog, .option = "listen-addr"};
	unsigned int i;
	int rc;

	at.local.port = htons(o->port);
	rc = role_listen(s, w, &at, &ops, v, v->l);
	for (i = 0; i < 2 && !rc; i++) {
		if (!v->l[i])
			continue;
		tern_listen_setopt(v->l[i], TERN_OPT_FASTOPEN, o->fastopen);
		if (v->ops->nodelay)
			tern_listen_setopt(v->l[i], TERN_OPT_NODELAY, 1);
		if (o->keepalive_s) {
			tern_listen_setopt(v->l[i], TERN_OPT_KEEPIDLE_S, o->keepalive_s);
			tern_listen_setopt(v->l[i], TERN_OPT_KEEPALIVE, 1);
		}
	}
	return rc;
}

int
server_start(struct stack *s, struct tern_worker *w)
{
	const struct server_ops *ops = s->role->server;
	struct server *v = role_state(s, w, ops->state);
	int rc;

	if (!v)
		return -ENOMEM;
	v->ops = ops;
	rc = slab_init(&v->slab, s, w, s->o->conf.max_conns, ops->item, v);
	if (!rc && tls_conf.on) {
		v->slab.tls = tls_ctx_new(true);
		rc = v->slab.tls ? 0 : -EINVAL;
	}
	return rc ? rc : server_listen(s, w, v);
}

static void
go_on(struct item *i)
{
	((struct server *)i->owner)->ops->conn.readable(i->c, i);
}

void
server_poll(struct stack *s, struct tern_worker *w, uint64_t now_us)
{
	slab_retry(&((struct server *)tern_worker_user(w))->slab, go_on);
}

void
server_put(struct item *i)
{
	struct server *v = i->owner;

	if (v->ops->gone)
		v->ops->gone(i);
	slab_put(&v->slab, i);
}

void
server_close(struct item *i)
{
	((struct server *)i->owner)->n[SERVER_FAILED] += i->tls && tls_wrong(i);
	item_close(i);
	server_put(i);
}

void
server_closed(struct tern_conn *c, void *user, int err)
{
	struct item *i = user;

	((struct server *)i->owner)->n[SERVER_FAILED] += err != 0; /* a peer's reset, which is no failure of the
								    * program */
	server_put(i);
}

void
role_unlisten(struct tern_listener *l[2])
{
	unsigned int i;

	for (i = 0; i < 2; i++) {
		if (l[i])
			tern_listener_close(l[i]);
		l[i] = NULL;
	}
}

void
server_unlisten(struct server *v)
{
	role_unlisten(v->l);
}

int
server_accepting(struct stack *s, struct tern_worker *w, bool on)
{
	struct server *v = tern_worker_user(w);
	const int rc = on && !v->l[0] && !v->l[1] ? server_listen(s, w, v) : 0;

	if (!on || rc)
		server_unlisten(v); /* on all addresses, or on none */
	return rc;
}

void
server_drain(struct stack *s, struct tern_worker *w)
{
	struct server *v = tern_worker_user(w);
	struct item *it;
	uint32_t i = 0;

	server_unlisten(v);
	while ((it = slab_next(&v->slab, &i)) != NULL)
		server_close(it);
}
