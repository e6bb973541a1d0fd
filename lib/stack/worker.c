/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A worker's memory and its three steps: input in prefetched stages, timers, output. Every object a worker can ever use
 * is mapped here, on its lcore's NUMA node; afterwards nothing is allocated outside pools. Input keeps no pointer from
 * one stage to the next: stage B only prefetches, stage C looks up again, because an earlier packet of the burst may
 * have replaced the object.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <numa.h>
#include <rte_errno.h>
#include <rte_prefetch.h>
#include <sodium.h>
#include "net/icmp.h"
#include "net/pkt_plain.h"
#include "tcp/demux.h"
#include "tcp/emit.h"
#include "tcp/icmp.h"
#include "tcp/listen.h"
#include "tcp/listener.h"
#include "tcp/loss.h"
#include "tcp/mem.h"
#include "tcp/reasm.h"
#include "tcp/timer.h"
#include "tcp/timewait.h"
#include "stack/check.h"
#include "stack/timer.h"
#include "stack/trace.h"
#include "stack/worker.h"

#define AHEAD 6u /* frames fetched ahead: 4 lines each, as many as a core has line fill buffers */
#define OBJECT_AHEAD 8u /* segments whose objects are on the way: 5 lines each */
#define SMALL_PART 4  /* for one small mbuf there are so many others, and one for each connection */
#define RXRUN_PART 4  /* for one run of out-of-order text there are so many mbufs */
#define TIMER_BUDGET 4096 /* wheel nodes a poll may handle: bounds a poll when many expire in one tick */

/* The small mbufs of a worker. */
static uint32_t
small_mbufs(const struct tern_conf *conf)
{
	return RTE_MAX(RTE_MAX(conf->n_mbufs / SMALL_PART, 8u), RTE_MIN(conf->n_mbufs, conf->max_conns));
}

static bool
offer_unbound(struct tern_worker *w, const struct seg *s)
{
	const struct tern_app *app = &w->conf.app;
	const struct tern_listener *l =
		s->kind == PKT_TCP && !(s->flags & TCP_RST) ? tcp_listener_find(w, s) : NULL;

	if (l && tcp_listen_expects(w, l, s))
		return false;
	return app->unbound(w, s->m, s->ifidx, app->arg);
}

static void
offer_neighbour(struct tern_worker *w, const struct seg *s)
{
	if (link_is_neigh_update(s))
		w->conf.app.neighbour(w, s->m, s->ifidx, w->conf.app.arg);
}

int
worker_create(struct tern_worker **out, const struct tern_conf *conf, unsigned int index, int node,
	      struct rte_mempool *mp, uint64_t now_us)
{
	const uint64_t max_objs = (uint64_t)conf->max_conns + conf->max_requests + conf->max_timewait;
	struct tern_worker *w = node_alloc(sizeof(*w), node);
	uint8_t key[32];
	int rc;

	if (!w)
		return -ENOMEM;
	if (sodium_init() < 0 || max_objs > 1u << 31) {
		node_free(w, sizeof(*w));
		return -EINVAL;
	}
	w->conf = *conf;
	w->index = index;
	w->node = node;
	w->pending.tail = &w->pending.head;
	tcp_sockopts_init(&w->sockopts, &conf->tcp);
	w->least_user_timeout_us = UINT64_MAX;
	trace_set(w, true, true);
	w->handover = conf->app.unbound ? offer_unbound : NULL;
	w->share = conf->app.neighbour ? offer_neighbour : NULL;
	randombytes_buf(w->secret, sizeof(w->secret));
	randombytes_buf(w->cookies.key, sizeof(w->cookies.key));
	randombytes_buf(w->rng, sizeof(w->rng));
	randombytes_buf(w->ip_ids, sizeof(w->ip_ids));
	randombytes_buf(key, sizeof(key));
	wheel_init(&w->wheel, now_us >> TICK_SHIFT);
	rc = mbufs_init(&w->mbufs, mp, conf->mbuf_pool ? RTE_MAX(conf->n_workers, 1u) : 1, small_mbufs(conf), node);
	rc = rc ? rc : table_init(&w->table, (uint32_t)max_objs, key, node);
	rc = rc ? rc : pool_init(&w->conns, conf->max_conns, sizeof(struct tern_conn), node);
	rc = rc ? rc : pool_init(&w->rares, conf->max_conns, sizeof(struct conn_rare), node);
	rc = rc ? rc : pool_init(&w->losses, conf->max_conns, sizeof(struct loss), node);
	rc = rc ? rc : pool_init(&w->runs, RTE_MAX(conf->n_mbufs, RUNS_MIN), sizeof(struct txrun), node);
	rc = rc ? rc : pool_init(&w->rxruns, RTE_MAX(conf->n_mbufs / RXRUN_PART, RUNS_MIN), sizeof(struct rxrun), node);
	rc = rc ? rc : pool_init(&w->requests, conf->max_requests, sizeof(struct request), node);
	rc = rc ? rc : pool_init(&w->timewaits[0], conf->max_timewait, TW_SIZE4, node);
	rc = rc ? rc : pool_init(&w->timewaits[1], conf->max_timewait, TW_SIZE6, node);
	rc = rc ? rc : portset_init(w);
	rc = rc ? rc : tcp_tfo_init(w);
	rc = rc ? rc : mem_init(w);
	if (!rc) {
		w->cookies.epoch = now_us / COOKIE_PERIOD_US;
		worker_set_time(w, now_us);
		w->answers.challenge_at_ms = w->now_ms - 1000; /* a second begins */
		rc = link_init(&w->link, conf->max_neighbours);
	}
	if (rc) {
		worker_destroy(w);
		return rc;
	}
	*out = w;
	return 0;
}

static void
free_object(struct tobj *o, void *arg)
{
	struct tern_worker *w = arg;

	if (o->kind == TOBJ_CONN) {
		struct tern_conn *c = (struct tern_conn *)o;

		tcp_queue_free(w, c, c->snd_head);
		tcp_queue_free(w, c, c->rcv_head);
		tcp_ofo_free(w, c);
	}
}

/* What a connection that ended kept for its last callbacks. */
static void
free_dead(struct tern_conn *c)
{
	if (c->state == TERN_CLOSED) {
		tcp_queue_free(c->w, c, c->rcv_head);
		c->rcv_head = NULL;
	}
}

struct reset {
	struct tern_worker *w;
	bool (*make_room)(void *);
	void *arg;
	bool stuck;
};

static void
reset_peer(struct tobj *o, void *arg)
{
	struct reset *r = arg;

	if (o->kind != TOBJ_CONN || o->state == TERN_SYN_SENT || r->stuck)
		return;
	if (!link_tx_room(&r->w->ifs[o->ifidx], 1) && !r->make_room(r->arg)) {
		r->stuck = true;
		return;
	}
	STAT_INC(r->w, ABORT_ON_CLOSE);
	tcp_send_ctl(r->w, (struct tern_conn *)o, TCP_RST | TCP_ACK, ((struct tern_conn *)o)->snd_max);
}

void
worker_reset_peers(struct tern_worker *w, bool (*make_room)(void *), void *arg)
{
	struct reset r = {w, make_room, arg, false};

	table_walk(&w->table, reset_peer, &r);
}

void
worker_destroy(struct tern_worker *w)
{
	struct tern_listener *l, *next;
	struct tern_conn *c;

	if (!w)
		return;
	wheel_clear(&w->wheel); /* of the application's timers, which outlive the worker */
	if (w->table.buckets)
		table_walk(&w->table, free_object, w);
	link_fini(&w->link);
	for (c = w->pending.head; c; c = c->pend_next)
		free_dead(c);
	for (l = w->listeners.first; l; l = next) {
		for (c = l->acc_head; c; c = c->acc_next)
			free_dead(c);
		next = l->next;
		free(l);
	}
	portset_fini(w);
	tcp_tfo_fini(w);
	mem_fini(w);
	pool_fini(&w->conns);
	pool_fini(&w->rares);
	pool_fini(&w->losses);
	pool_fini(&w->runs);
	pool_fini(&w->rxruns);
	pool_fini(&w->requests);
	pool_fini(&w->timewaits[0]);
	pool_fini(&w->timewaits[1]);
	table_fini(&w->table);
	mbufs_fini(&w->mbufs);
	node_free(w, sizeof(*w));
}

void
worker_set_time(struct tern_worker *w, uint64_t now_us)
{
	const uint32_t ms = (uint32_t)(now_us / 1000); /* by a constant: a multiplication, once a poll */

	if (now_us < w->now_us)
		return;
	w->now_us = now_us;
	if (ms != w->now_ms) /* counting walks the caches of all lcores: not every poll */
		mem_measure(w);
	w->now_ms = ms;
	if (unlikely(now_us / COOKIE_PERIOD_US != w->cookies.epoch))
		tcp_cookie_rotate(w);
}

/* What is not TCP. Consumes s->m. @return the datagram that this completes, or NULL. */
static struct rte_mbuf *
other_input(struct tern_worker *w, struct seg *s)
{
	struct rte_mbuf *whole;
	struct icmp_err e;
	int rc = link_input(&w->link, s, &whole, &e);

	if (rc == SEG_ICMP_ERR)
		rc = tcp_icmp_input(w, s, &e);
	if (rc > 0)
		link_drop(&w->link, s->m, rc);
	else if (rc == SEG_DONE)
		rte_pktmbuf_free(s->m);
	return whole;
}

/* What is not plain. */
static __rte_noinline bool
parse_other(struct tern_worker *w, const struct iface *ifc, struct rte_mbuf *m, struct seg *s)
{
	int rc = pkt_parse(ifc, m, s);

	if (rc == 0 && s->kind != PKT_TCP) {
		if (w->share && !w->handed_over)
			w->share(w, s);
		m = other_input(w, s);
		if (!m)
			return false;
		rc = pkt_parse(ifc, m, s); /* a datagram whose last fragment this was */
		if (rc == 0 && s->kind != PKT_TCP && s->kind != PKT_FRAG) {
			other_input(w, s);
			return false;
		}
		if (rc == 0 && s->kind == PKT_FRAG)
			rc = STAT_DROP_FRAG;
	}
	if (rc)
		link_drop(&w->link, m, rc);
	return rc == 0;
}

/* Stage A for one frame; true when it is a TCP segment for stages B and C. */
static __rte_always_inline bool
stage_parse(struct tern_worker *w, const struct iface *ifc, struct rte_mbuf *m, struct seg *s)
{
	if (usual(pkt_parse_plain(ifc, m, s)))
		/* NOLINTNEXTLINE(bugprone-branch-clone): twice, as here it is made of what is in registers still */
		s->hash = table_hash(&w->table, &s->flow);
	else if (parse_other(w, ifc, m, s))
		s->hash = table_hash(&w->table, &s->flow);
	else
		return false;
	table_prefetch_bucket(&w->table, s->hash);
	return true;
}

/* Stage B: the bucket is there by now; ask for the object. */
static inline void
stage_peek(struct tern_worker *w, struct seg *s)
{
	const struct tobj *o = usual(true) ? table_peek(&w->table, s->hash, &s->hint) : NULL;

	if (o)
		tcp_conn_prefetch(o);
}

/* Bulk data: what follows each other becomes one. Only for connections of this worker: another one would parse it
 * again. */
static __rte_noinline unsigned int
merge(struct tern_worker *w, struct seg *s, unsigned int n)
{
	unsigned int i, used, k = 0;

	for (i = 0; i < n; i += used) {
		const struct tobj *o = i + 1 < n && s[i + 1].hash == s[i].hash && seg_is_bulk(&s[i]) ?
					       table_lookup(&w->table, &s[i].flow, s[i].hash) : NULL;

		used = o && o->kind == TOBJ_CONN ? pkt_gro(o, &s[i], n - i) : 1;
		if (k != i)
			s[k] = s[i];
		k++;
	}
	w->stats[STAT_GRO] += n - k;
	return k;
}

/* Stages B and C: no more objects are on the way than a core can wait for, and what it waits for it does beside. */
static __rte_always_inline void
stages(struct tern_worker *w, struct seg *s, const struct seg *end, bool traced)
{
	struct seg *ahead = s;

	while (ahead < end && ahead < s + OBJECT_AHEAD)
		stage_peek(w, ahead++);
	for (; s < end; s++) {
		if (ahead < end)
			stage_peek(w, ahead++);
		if (traced)
			w->input = s->m;
		tcp_input(w, table_lookup_hint(&w->table, &s->flow, s->hash, &s->hint), s);
	}
}

/* With every segment named while it is worked on. */
static __rte_noinline void
input_traced(struct tern_worker *w, struct seg *s, const struct seg *end)
{
	stages(w, s, end, true);
	w->input = NULL;
}

void
worker_input(struct tern_worker *w, uint8_t ifidx, struct rte_mbuf **m, unsigned int n)
{
	const struct iface *ifc = &w->ifs[ifidx];
	struct seg segs[BURST], *s = segs;
	const bool traced = w->trace_pkt != NULL;
	unsigned int i, bulk = 0;

	for (i = 0; unlikely(traced) && !w->handed_over && i < n; i++)
		w->trace_pkt(&w->link, m[i], TERN_PACKET_IN, ifidx);
	for (i = 0; i < RTE_MIN(n, AHEAD); i++)
		worker_prefetch(m[i]);
	for (i = 0; i < n; i++) {
		if (i + AHEAD < n)
			worker_prefetch(m[i + AHEAD]);
		if (stage_parse(w, ifc, m[i], s)) {
			bulk += seg_is_bulk(s);
			s++;
		}
	}
	if (likely(!w->handed_over)) /* else the worker that received them has counted them */
		w->stats[STAT_IN_SEGS] += s - segs;
	for (i = 0; unlikely(traced) && w->handed_over && &segs[i] < s; i++)
		w->trace_pkt(&w->link, segs[i].m, TERN_PACKET_HERE, ifidx);
	if (unlikely(bulk) && w->conf.tcp.gro)
		s = segs + merge(w, segs, s - segs);
	if (unlikely(traced)) {
		input_traced(w, segs, s);
		return;
	}
	stages(w, segs, s, false);
}

void
tern_worker_input(struct tern_worker *w, unsigned int ifidx, struct rte_mbuf **m, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i += BURST) {
		w->handed_over = true;
		worker_input(w, ifidx, &m[i], RTE_MIN(n - i, BURST + 0u));
		w->handed_over = false;
	}
	w->stats[STAT_HANDOVER_IN] += n;
}

static void
neigh_fired(struct tern_worker *w, struct neigh *n)
{
	struct rte_mbuf *m;

	link_timer(&w->link, n);
	while (unlikely((m = link_neigh_unanswered(&w->link, n)) != NULL)) {
		tcp_unreachable(w, m);
		link_drop(&w->link, m, STAT_DROP_NEIGH_FAILED);
	}
}

static void
timer_fired(struct wheel_node *n, void *arg)
{
	struct tern_worker *w = arg;
	struct tobj *o = (struct tobj *)n;

	switch (o->kind) {
	case TOBJ_CONN:
		tcp_timer(w, (struct tern_conn *)o);
		break;
	case TOBJ_REQ:
		tcp_request_timer(w, (struct request *)o);
		break;
	case TOBJ_TW:
		tcp_timewait_timer(w, (struct timewait *)o);
		break;
	case TOBJ_NEIGH:
		neigh_fired(w, (struct neigh *)n);
		break;
	case TOBJ_TIMER:
		timer_fire(n);
		break;
	}
}

/* What timer_fired() is going to look at. */
static void
timer_soon(const struct wheel_node *n, void *arg)
{
	const struct tern_worker *w = arg;
	const struct tobj *o = (const struct tobj *)n;

	if (o->kind == TOBJ_CONN) {
		rte_prefetch0(&((const struct tern_conn *)o)->flags);
		rte_prefetch0(&((const struct tern_conn *)o)->rto_at);
		rte_prefetch0(&((const struct tern_conn *)o)->limit_at);
	} else if (o->kind == TOBJ_TW) { /* it leaves */
		table_prefetch_bucket(&w->table, o->hash);
	}
}

bool
worker_run(struct tern_worker *w)
{
	unsigned int fired = 0;
	bool any;

	if (likely(!w->timers_wait))
		fired = wheel_advance(&w->wheel, w->now_us >> TICK_SHIFT, TIMER_BUDGET,
				      usual(true) ? timer_soon : NULL, timer_fired, w);

	if (unlikely(w->mem.listed))
		mem_relieve(w);
	any = tcp_run_pending(w) || fired;
	WORKER_CHECK(w);
	return any;
}

void
tern_worker_set_user(struct tern_worker *w, void *user)
{
	w->user = user;
}

void *
tern_worker_user(const struct tern_worker *w)
{
	return w->user;
}

uint64_t
worker_next_us(struct tern_worker *w)
{
	const uint64_t tick = wheel_next(&w->wheel);

	if (w->pending.head)
		return w->now_us;
	return tick == UINT64_MAX ? UINT64_MAX : RTE_MAX(tick << TICK_SHIFT, w->now_us);
}

bool
worker_idle(const struct tern_worker *w, bool timewait_too)
{
	if (w->conns.avail != w->conns.total || w->requests.avail != w->requests.total || w->pending.head)
		return false;
	return !timewait_too || (w->timewaits[0].avail == w->timewaits[0].total &&
				 w->timewaits[1].avail == w->timewaits[1].total);
}
