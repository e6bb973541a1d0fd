/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The invariants of a worker: table against pools against lists. One walk over the table, the pending list and the
 * accept queues finds every object there is; what it adds up has to be what the worker says, and what pools say is in
 * use. An object is marked in its pool's map when it is found: found twice, or on the list of the free ones as well,
 * it has two owners; in use and not found, it is lost.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <arpa/inet.h>
#include "base/log.h"
#include "tcp/check.h"
#include "tcp/loss.h"
#include "tcp/reasm.h"
#include "tcp/timewait.h"
#include "stack/check.h"

#define SHARE 96u /* objects for which a turn is let off one check */

enum {
	OF_CONNS,
	OF_RARES,
	OF_LOSSES,
	OF_RUNS,
	OF_RXRUNS,
	OF_REQUESTS,
	OF_TIMEWAITS4,
	OF_TIMEWAITS6,
	OF_PORTSETS,
	N_POOLS
};

struct map {
	const struct pool *pool;
	uint64_t *used; /* a bit for each object that was found */
	uint32_t n;
};

/* What was found. */
struct tally {
	const struct tern_worker *w;
	bool ok;
	struct map maps[N_POOLS];
	uint32_t objects, armed, queued, accept, orphans, tfo, starved, holes;
	uint64_t granted;
	struct check_held mbufs;
	struct mem_account *accounts;
	uint32_t *ports; /* of each port set */
	uint32_t *refs;	 /* of each neighbour */
};

static void
map_init(struct map *m, const struct pool *p)
{
	m->pool = p;
	m->used = calloc(p->total / 64 + 1, sizeof(uint64_t));
}

/* @return o's number in its pool; pool->total: it is none of its. */
static uint32_t
number(const struct map *m, const void *o)
{
	const struct pool *p = m->pool;
	const size_t at = (uintptr_t)o - (uintptr_t)p->base; /* before it: beyond all */

	return at < (size_t)p->total * p->size && at % p->size == 0 ? at / p->size : p->total;
}

/* o was found. @return false: in another place already, or it is not of this pool. */
static bool
own(struct map *m, const void *o)
{
	const uint32_t i = number(m, o);

	if (i == m->pool->total || m->used[i / 64] >> (i % 64) & 1)
		return false;
	m->used[i / 64] |= UINT64_C(1) << (i % 64);
	m->n++;
	return true;
}

static bool
node_linked(const struct wheel_node *n)
{
	return !wheel_armed(n) || (*n->pprev == n && (!n->next || n->next->pprev == &n->next));
}

/* --- objects
 * ---------------------------------------------------------------------------------------------------------- */

/* The objects that c has of other pools. */
static bool
check_parts(struct tally *t, const struct tern_conn *c)
{
	const struct txrun *r;
	const struct rxrun *x;
	uint32_t n;

	if (c->rare)
		MUST(POOL_OWNED, own(&t->maps[OF_RARES], c->rare), c);
	if (c->loss) {
		MUST(POOL_OWNED, own(&t->maps[OF_LOSSES], c->loss), c);
		for (r = c->loss->head; r; r = r->next)
			MUST(POOL_OWNED, own(&t->maps[OF_RUNS], r), c);
	}
	for (n = 0, x = c->ofo; n < c->ofo_runs; n++, x = x->next)
		MUST(POOL_OWNED, own(&t->maps[OF_RXRUNS], x), c);
	return true;
}

/* A port of an active open, by its connection or TIME-WAIT; portset: index + 1. */
static bool
check_port(struct tally *t, const struct tobj *o, uint32_t portset)
{
	const uint16_t port = rte_be_to_cpu_16(o->lport);
	const struct map *m = &t->maps[OF_PORTSETS];
	const struct portset *p;

	if (!portset)
		return true;
	p = (const struct portset *)((const char *)m->pool->base + (size_t)(portset - 1) * m->pool->size);
	MUST(PORTS, portset <= m->pool->total && p->map[port >> 6] >> (port & 63) & 1, o);
	t->ports[portset - 1]++;
	return true;
}

static bool
check_conn(struct tally *t, const struct tern_conn *c)
{
	const uint32_t held = t->mbufs.own + t->mbufs.foreign;

	MUST(POOL_OWNED, own(&t->maps[OF_CONNS], c), c);
	if (!tcp_check(c, &t->mbufs) || !check_parts(t, c) || !check_port(t, &c->o, c->portset))
		return false;
	t->queued += !!(c->pend & P_QUEUED);
	t->accept += !!(c->flags & C_ACCEPTQ);
	t->orphans += !!(c->flags & C_COUNTED);
	t->tfo += c->state != TERN_CLOSED && c->flags & C_TFO && c->feat & F_PASSIVE;
	t->accounts[c->account].held += t->mbufs.own + t->mbufs.foreign - held;
	t->accounts[c->account].users++;
	if (c->neigh != NEIGH_NONE)
		t->refs[c->neigh]++;
	if (c->rare) {
		t->granted += c->rare->buf_grant;
		t->starved += !!c->rare->starved.tqe_prev;
		t->holes += !!c->rare->holes.tqe_prev;
	}
	return true;
}

static bool
check_request(struct tally *t, const struct request *r)
{
	const struct tern_listener *l = t->w->listeners.first;

	MUST(POOL_OWNED, own(&t->maps[OF_REQUESTS], r), r);
	while (l && l != r->lst)
		l = l->next;
	MUST(REQUEST, r->state == TERN_SYN_RECEIVED && wheel_armed(&r->timer) && l, r);
	return true;
}

static bool
check_timewait(struct tally *t, const struct timewait *tw)
{
	MUST(POOL_OWNED, own(&t->maps[tw->af == 6 ? OF_TIMEWAITS6 : OF_TIMEWAITS4], tw), tw);
	MUST(TIMEWAIT, tw->state == TERN_TIME_WAIT && wheel_armed(&tw->timer), tw);
	return check_port(t, &tw->o, tw->kind_data[2] & F_PASSIVE ? 0 : tw->kind_data[1]);
}

static bool
check_object(struct tally *t, const struct tobj *o)
{
	struct flow f;

	MUST(TABLE_KIND,
	     o->kind == TOBJ_REQ || o->kind == TOBJ_TW ||
		     (o->kind == TOBJ_CONN && ((const struct tern_conn *)o)->w == t->w && o->state != TERN_CLOSED),
	     o);
	flow_of(o, &f);
	MUST(TABLE_FOUND, table_hash(&t->w->table, &f) == o->hash && table_lookup(&t->w->table, &f, o->hash) == o, o);
	MUST(WHEEL_NODE, node_linked(&o->timer), o);
	t->objects++;
	t->armed += wheel_armed(&o->timer);
	if (o->kind == TOBJ_CONN)
		return check_conn(t, (const struct tern_conn *)o);
	return o->kind == TOBJ_REQ ? check_request(t, (const struct request *)o)
				   : check_timewait(t, (const struct timewait *)o);
}

static void
look_at(struct tobj *o, void *arg)
{
	struct tally *t = arg;

	t->ok = t->ok && check_object(t, o);
}

/* --- lists
 * ------------------------------------------------------------------------------------------------------------ */

static bool
check_pending(struct tally *t)
{
	const struct tern_worker *w = t->w;
	struct tern_conn *const *pp = &w->pending.head, *c;
	uint32_t n;

	for (n = 0; (c = *pp) != NULL && n <= w->conns.total; n++, pp = &c->pend_next) {
		MUST(PENDING_LIST, c->kind == TOBJ_CONN && c->pend & P_QUEUED, c);
		if (c->state == TERN_CLOSED && !(c->flags & C_ACCEPTQ) && !check_conn(t, c))
			return false;
	}
	MUST(PENDING_LIST, !c && pp == w->pending.tail, NULL);
	MUST(PENDING_ALL, n == t->queued, NULL);
	return true;
}

static bool
check_accept_queue(struct tally *t, const struct tern_listener *l)
{
	struct tern_conn *const *pp = &l->acc_head, *c;
	uint32_t n;

	for (n = 0; (c = *pp) != NULL && n < l->accept_n; n++, pp = &c->acc_next) {
		MUST(ACCEPT_LIST, c->acc_pprev == pp && c->lst == l && c->flags & C_ACCEPTQ, c);
		if (c->state == TERN_CLOSED && !check_conn(t, c))
			return false;
	}
	MUST(ACCEPT_LIST, !c && n == l->accept_n && pp == l->acc_tail && n <= l->accept_max + IMPORT_MAX, NULL);
	return true;
}

static bool
check_half_open(const struct tern_listener *l, uint32_t *fresh)
{
	struct request *const *pp = &l->reqs, *r;
	uint32_t n;

	for (n = 0; (r = *pp) != NULL && n < l->half_n; n++, pp = &r->next) {
		MUST(HALF_LIST, r->pprev == pp && r->lst == l && r->kind == TOBJ_REQ, r);
		*fresh += r->retries == 0;
	}
	MUST(HALF_LIST, !r && n == l->half_n && n <= l->half_max, NULL);
	return true;
}

static bool
in_a_chain(const struct tern_worker *w, const struct tern_listener *l)
{
	const struct tern_listener *h;
	unsigned int i, found = 0;

	for (i = 0; i < RTE_DIM(w->listeners.hash); i++)
		for (h = w->listeners.hash[i]; h; h = h->hnext)
			found += h == l;
	return found == 1;
}

static bool
check_listeners(struct tally *t)
{
	const struct tern_worker *w = t->w;
	const struct tern_listener *l;
	uint32_t n = 0, accept = 0, half = 0, fresh = 0, reserved = 0;

	for (l = w->listeners.first; l && n <= w->listeners.n; l = l->next, n++) {
		MUST(LISTENERS, l->w == w && in_a_chain(w, l) != l->left, NULL);
		if (!check_accept_queue(t, l) || !check_half_open(l, &fresh))
			return false;
		accept += l->accept_n;
		half += l->half_n;
		reserved += l->half_max;
		t->accounts[l->account].users++;
	}
	MUST(LISTENERS, n == w->listeners.n, NULL);
	MUST(ACCEPT_SUM, accept == w->listeners.accept_queued && accept == t->accept, NULL);
	MUST(HALF_SUM, half == w->listeners.half_open && half == t->maps[OF_REQUESTS].n, NULL);
	MUST(HALF_FRESH, fresh == w->listeners.fresh, NULL);
	MUST(HALF_RESERVED, reserved == w->listeners.reserved_requests && reserved <= w->requests.total, NULL);
	return true;
}

/* --- sums
 * ------------------------------------------------------------------------------------------------------------- */

/* As long as it says, and nobody has one of them. */
static bool
free_list_sound(const struct map *m)
{
	const struct pool *p = m->pool;
	const void *o;
	uint32_t n = p->fresh, i;

	for (o = p->free; o && n < p->avail; o = *(void *const *)o, n++) {
		i = number(m, o);
		if (i >= p->total - p->fresh || m->used[i / 64] >> (i % 64) & 1)
			return false;
	}
	return !o && n == p->avail;
}

static bool
all_found(const struct map *m)
{
	return m->n == m->pool->total - m->pool->avail;
}

static bool
check_pools(const struct tally *t)
{
	const struct map *m = t->maps;
	unsigned int i;

	MUST(POOL_CONNS, all_found(&m[OF_CONNS]), NULL);
	MUST(POOL_RARES, all_found(&m[OF_RARES]), NULL);
	MUST(POOL_LOSSES, all_found(&m[OF_LOSSES]), NULL);
	MUST(POOL_RUNS, all_found(&m[OF_RUNS]), NULL);
	MUST(POOL_RXRUNS, all_found(&m[OF_RXRUNS]), NULL);
	MUST(POOL_REQUESTS, all_found(&m[OF_REQUESTS]), NULL);
	MUST(POOL_TIMEWAITS, all_found(&m[OF_TIMEWAITS4]) && all_found(&m[OF_TIMEWAITS6]), NULL);
	MUST(POOL_PORTSETS, all_found(&m[OF_PORTSETS]), NULL);
	for (i = 0; i < N_POOLS; i++)
		MUST(POOL_FREE, free_list_sound(&m[i]), NULL);
	return true;
}

static bool
check_ports(struct tally *t)
{
	const struct tern_worker *w = t->w;
	const struct portset *p;
	uint32_t b, i, n;

	for (b = 0; b < rte_align32pow2(w->conf.max_portsets); b++)
		for (p = w->ports.hash[b]; p; p = p->hnext) {
			MUST(POOL_OWNED, own(&t->maps[OF_PORTSETS], p), NULL);
			for (n = i = 0; i < PORTSET_WORDS; i++)
				n += __builtin_popcountll(p->map[i]);
			MUST(PORTS, n == p->used && n == t->ports[number(&t->maps[OF_PORTSETS], p)], NULL);
		}
	return true;
}

static bool
check_starved(const struct tern_worker *w, uint32_t want)
{
	struct tern_conn *const *pp = &w->mem.starved.tqh_first, *c;
	uint32_t n;

	for (n = 0; (c = *pp) != NULL && n < want; n++, pp = &c->rare->starved.tqe_next)
		MUST(STARVED, c->rare && c->rare->starved.tqe_prev == pp, c);
	MUST(STARVED, !c && n == want && pp == w->mem.starved.tqh_last, NULL);
	return true;
}

static bool
check_holes(const struct tern_worker *w, uint32_t want)
{
	struct tern_conn *const *pp = &w->mem.holes.tqh_first, *c;
	uint32_t n;

	for (n = 0; (c = *pp) != NULL && n < want; n++, pp = &c->rare->holes.tqe_next)
		MUST(HOLES, c->rare && c->rare->holes.tqe_prev == pp, c);
	MUST(HOLES, !c && n == want && pp == w->mem.holes.tqh_last, NULL);
	return true;
}

static bool
check_mem(const struct tally *t)
{
	const struct mem *mem = &t->w->mem;
	uint32_t i;

	MUST(MEM_SUM, mem->own == t->mbufs.own && mem->foreign == t->mbufs.foreign, NULL);
	for (i = 0; i < mem->n_accounts; i++)
		MUST(MEM_ACCOUNTS, mem->accounts[i].held == t->accounts[i].held &&
				   mem->accounts[i].users == t->accounts[i].users, NULL);
	MUST(ORPHANS, mem->orphans == t->orphans && mem->orphans <= t->w->conf.tcp.max_orphans, NULL);
	if (!check_starved(t->w, t->starved) || !check_holes(t->w, t->holes))
		return false;
	MUST(LISTED, mem->listed == t->starved + t->holes, NULL);
	MUST(GRANTED, t->w->buf_granted == t->granted, NULL);
	MUST(TFO_PENDING, t->w->fastopen.pending == t->tfo, NULL);
	return true;
}

/* --- below TCP
 * -------------------------------------------------------------------------------------------------------- */

/* The frames that wait for n. @return false: one is elsewhere, too. */
static bool
queue_sound(const struct neigh *n, uint32_t *segs)
{
	const struct rte_mbuf *m = n->queue, *s, *last = NULL;
	unsigned int i;

	for (i = 0; i < n->n_queued; i++) {
		for (s = m; s; s = s->next)
			if (!check_claim(s, n, CHECK_NEIGH, 0))
				return false;
		*segs += m->nb_segs; /* NOLINT(clang-analyzer-core.NullDereference): n_queued of them */
		last = m;
		memcpy(&m, m->buf_addr, sizeof(m));
	}
	return !last || last == n->queue_tail;
}

static bool
check_lru(const struct tern_worker *w, uint32_t want)
{
	const struct neigh *head = &w->neighs.at[w->neighs.max], *n = head;
	uint32_t k;

	for (k = 0; k <= want; k++, n = n->lru_next) {
		/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): MUST in the turn before ruled it out */
		MUST(NEIGH_LRU, n->lru_next && n->lru_next->lru_prev == n, n);
		if (n->lru_next == head)
			break;
	}
	MUST(NEIGH_LRU, k == want, NULL);
	return true;
}

/* How many entries the chains have; more than there are when one has no end. */
static uint32_t
chained(const struct tern_worker *w)
{
	uint32_t h, i, n = 0;

	for (h = 0; h <= w->neighs.mask; h++)
		for (i = w->neighs.hash[h]; i && n <= w->neighs.max; i = w->neighs.at[i - 1].next)
			n += i <= w->neighs.max && w->neighs.at[i - 1].state != NEIGH_FREE ? 1 : w->neighs.max + 1;
	return n;
}

static bool
check_neighs(struct tally *t)
{
	const struct tern_worker *w = t->w;
	uint32_t i, used = 0, unused = 0, queued = 0;

	for (i = 0; i <= w->neighs.max; i++) {
		const struct neigh *n = &w->neighs.at[i];

		MUST(WHEEL_NODE, node_linked(&n->timer), n);
		t->armed += wheel_armed(&n->timer);
		if (i == w->neighs.max) /* no neighbour: net/link.c */
			break;
		MUST(NEIGH_REFS, n->refs == t->refs[i], n);
		MUST(NEIGH_LRU, !n->refs == !!n->lru_next, n);
		MUST(NEIGH_TIMER, wheel_armed(&n->timer) || (n->state != NEIGH_REACHABLE && !n->tries && !n->n_queued),
		     n);
		MUST(NEIGH_QUEUED, queue_sound(n, &queued), n);
		used += n->state != NEIGH_FREE;
		unused += !n->refs;
	}
	MUST(NEIGH_HASH, used == w->neighs.n && chained(w) == used, NULL);
	MUST(NEIGH_QUEUED, queued == w->neighs.queued && queued <= w->neighs.max_queued, NULL);
	return check_lru(w, unused);
}

/* Nodes of a list, and those among them that are the application's: nothing else of the worker's knows them. */
static uint32_t
nodes_of(const struct wheel_node *node, uint32_t *timers)
{
	uint32_t n = 0;

	for (; node; node = node->next, n++)
		*timers += ((const struct tobj *)node)->kind == TOBJ_TIMER;
	return n;
}

static uint32_t
nodes_of_slot(const struct wheel *wh, unsigned int slot, uint32_t *timers)
{
	uint32_t n = 0;
	unsigned int i;

	for (i = 0; i < WHEEL_CHAINS; i++)
		n += nodes_of(wh->slot[slot][i], timers);
	return n;
}

/* Nothing is where the map says there is nothing: else some would be missing. */
static bool
map_right(const struct wheel *wh, uint32_t *timers)
{
	uint32_t n = 0, of_list;
	unsigned int i;
	uint64_t word;
	bool ok = true;

	for (i = 0; i < WHEEL_SLOTS / 64; i++)
		for (word = wh->map[i]; word; word &= word - 1)
			n += nodes_of_slot(wh, i * 64 + __builtin_ctzll(word), timers);
	for (i = 0; i < WHEEL_LEVELS * WHEEL_CHAINS; i++) {
		of_list = nodes_of(wh->due[i / WHEEL_CHAINS][i % WHEEL_CHAINS], timers);
		ok &= (of_list > 0) == (wh->n_due >> i & 1);
		n += of_list;
	}
	return ok && n == wh->armed;
}

static bool
check_rings(const struct tern_worker *w)
{
	uint32_t i, k;
	bool ok = true;

	for (i = 0; i < w->n_ifs; i++) {
		const struct iface *ifc = &w->ifs[i];

		ok &= ifc->n_tx <= TX_RING;
		for (k = 0; ok && k < ifc->n_tx; k++)
			ok &= ifc->tx[k] && check_claim(ifc->tx[k], ifc, CHECK_TX, 0);
	}
	MUST(TX_RING, ok, NULL);
	return true;
}

/* --- a worker
 * --------------------------------------------------------------------------------------------------------- */

static bool
check_all(struct tally *t)
{
	const struct tern_worker *w = t->w;
	uint32_t timers = 0;
	bool map_ok;

	MUST(CLOCK, w->now_ms == (uint32_t)(w->now_us / 1000) && w->wheel.now <= w->now_us >> TICK_SHIFT, NULL);
	t->ok = true;
	table_walk((struct table *)(uintptr_t)&w->table, look_at, t);
	if (!t->ok)
		return false;
	MUST(TABLE_COUNT, t->objects == w->table.count, NULL);
	if (!check_listeners(t) || !check_pending(t) || !check_ports(t) || !check_pools(t) || !check_mem(t) ||
	    !check_neighs(t) || !check_rings(w))
		return false;
	map_ok = map_right(&w->wheel, &timers);
	MUST(WHEEL_ARMED, t->armed + timers == w->wheel.armed, NULL);
	MUST(WHEEL_TIMERS, timers == w->n_timers, NULL);
	MUST(WHEEL_MAP, map_ok, NULL);
	return true;
}

static bool
tally_init(struct tally *t, const struct tern_worker *w)
{
	const struct pool *pools[N_POOLS] = {&w->conns,        &w->rares,        &w->losses,
					     &w->runs,         &w->rxruns,       &w->requests,
					     &w->timewaits[0], &w->timewaits[1], &w->ports.pool};
	bool ok = true;
	unsigned int i;

	t->w = w;
	for (i = 0; i < N_POOLS; i++) {
		map_init(&t->maps[i], pools[i]);
		ok &= t->maps[i].used != NULL;
	}
	t->accounts = calloc(w->mem.n_accounts, sizeof(*t->accounts));
	t->ports = calloc(w->ports.pool.total + 1, sizeof(*t->ports));
	t->refs = calloc(w->neighs.max + 1, sizeof(*t->refs));
	return ok && t->accounts && t->ports && t->refs;
}

static void
tally_free(struct tally *t)
{
	unsigned int i;

	for (i = 0; i < N_POOLS; i++)
		free(t->maps[i].used);
	free(t->accounts);
	free(t->ports);
	free(t->refs);
}

/* Which invariant is broken, of whom. */
static const char *
describe(const struct tern_worker *w)
{
	static _Thread_local char text[640];
	const struct tobj *o;
	const enum invariant i = check_broken(&o);
	char l[INET6_ADDRSTRLEN], r[INET6_ADDRSTRLEN];
	const struct tern_conn *c = (const struct tern_conn *)o;
	size_t n = snprintf(text, sizeof(text), "invariant %s is broken: %s", check_name(i), check_text(i));

	if (!o || o->kind < TOBJ_REQ || o->kind > TOBJ_TW)
		return text;
	inet_ntop(o->af == 4 ? AF_INET : AF_INET6, o->af == 4 ? (const void *)&o->addr.laddr4 : o->addr.laddr6, l,
		  sizeof(l));
	inet_ntop(o->af == 4 ? AF_INET : AF_INET6, o->af == 4 ? (const void *)&o->addr.raddr4 : o->addr.raddr6, r,
		  sizeof(r));
	n += snprintf(text + n, sizeof(text) - n, ". %s.%u > %s.%u %s", l, rte_be_to_cpu_16(o->lport), r,
		      rte_be_to_cpu_16(o->rport), tern_state_name(o->state));
	if (o->kind == TOBJ_CONN)
		snprintf(text + n, sizeof(text) - n,
			 " flags %#x pend %#x una %u nxt +%u max +%u queued %u rcv_nxt %u adv +%u "
			 "queued %u rto %" PRId64 " us",
			 c->flags, c->pend, c->snd_una, c->snd_nxt - c->snd_una, c->snd_max - c->snd_una, c->snd_queued,
			 c->rcv_nxt, c->rcv_adv - c->rcv_nxt, c->rcv_queued,
			 c->rto_at ? (int64_t)(c->rto_at - w->now_us) : 0);
	return text;
}

const char *
worker_check(const struct tern_worker *w)
{
	struct tally t = {0};
	bool ok;

	check_begin();
	ok = !tally_init(&t, w) || check_all(&t); /* without memory nothing is known */
	tally_free(&t);
	return ok ? NULL : describe(w);
}

const char *
worker_check_some(const struct tern_worker *w)
{
	static _Thread_local uint32_t left[2]; /* of two workers that take turns in a thread each has its own */
	uint32_t *n = &left[w->index & 1];

	if (*n) {
		--*n;
		return NULL;
	}
	*n = (w->table.count + w->mem.own + w->mem.foreign + w->conns.total - w->conns.fresh) / SHARE;
	return worker_check(w);
}

void
worker_must(const struct tern_worker *w)
{
	const char *why = worker_check_some(w);

	if (unlikely(why != NULL)) {
		LOG(CRIT, "%s", why);
		abort();
	}
}

unsigned int
check_count(uint64_t *sum)
{
	unsigned int i;

	for (*sum = 0, i = 0; i < INV_COUNT; i++)
		*sum += check_times(i);
	return INV_COUNT;
}
