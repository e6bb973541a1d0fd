/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The poll loop: the only caller of rx/tx burst and the only reader of the clock. One TSC read a poll, scaled to
 * microseconds by a multiplication; what was busy in one poll is accounted with the time stamp of the next.
 *
 * The clock of a worker goes on from poll to poll, by a day at most, whatever the TSC says: a machine that was asleep
 * for weeks catches up in as many polls; one whose TSC begins anew loses what passed meanwhile, and nothing else. After
 * a while in which it did not run a worker looks at what has come before a timer says that nothing came.
 *
 * A poll: clock, commands, rx of the queues this worker owns, frames from other workers, posted calls, worker_run(),
 * the application, tx. What the device does not take stays in ifs[].tx and the stack sees less room: nothing is
 * dropped here.
 *
 * Several workers: a frame belongs to steer_owner(). Behind RSS it arrives there, which the first STEER_CHECKS frames
 * without a connection confirm; a device that breaks its promise turns hand-over on for all workers. Without RSS the
 * worker that received a frame of an unknown connection gives it to the owner. Every worker has one inbox, a
 * multi-producer ring: an idle worker then reads one line, not one per neighbour, and the compare-and-swap is paid once
 * a burst and only by ports that can't steer. m->port carries the interface index there. A full inbox drops and counts.
 * ARP and NDP answers are copied to everybody. A worker without a tx queue gives its frames to a txbox of one that has.
 *
 * Draining: tern_drain() runs the application's drain() once; a worker with nothing left open is IDLE and goes on
 * serving the shared queues until all are, or the deadline has passed: what is open then is reset. Who transmits for
 * others leaves after them then. tern_stop() leaves before the next poll.
 */
#include <errno.h>
#include <string.h>
#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_lcore.h>
#include "net/icmp.h"
#include "stack/post.h"
#include "stack/worker.h"

#define STEER_CHECKS 64u  /* frames watched per worker; a quarter wrong is no stray fragment but a wrong hash */
#define BACK_US 1000000u  /* a clock that goes back by less stands still so long; by more, it goes on where it was */
#define BEHIND_US 1000u   /* longer than a poll takes: the machine, or the application, did something else */
#define BEHIND_POLLS 64u  /* the timers wait so many bursts for what came first: more than a queue holds */
#define STEP_US (86400 * UINT64_C(1000000)) /* the clock's longest step in a poll */
#define LEAVE_US 1000000u /* after the deadline of a drain: who sends for others waits so long for them */
#define FLUSH_TRIES 1000u /* at the end: a device that takes nothing in so many tries never will */

/* --- hand-over ---------------------------------------------------------------------------------------------- */

static void
out_flush(struct engine *e, unsigned int to)
{
	struct tern_worker *w = e->w;
	const unsigned int n = e->n_out[to];
	const unsigned int k = rte_ring_mp_enqueue_burst(e->t->engines[to]->inbox, (void *const *)e->out[to], n, NULL);
	unsigned int i;

	w->stats[STAT_HANDOVER_OUT] += k;
	for (i = k; i < n; i++)
		link_drop(&w->link, e->out[to][i], STAT_DROP_HANDOVER);
	e->n_out[to] = 0;
	e->out_mask &= ~(UINT64_C(1) << to);
}

static void
give(struct engine *e, unsigned int to, struct rte_mbuf *m, uint8_t ifidx)
{
	m->port = ifidx;
	e->out[to][e->n_out[to]++] = m;
	e->out_mask |= UINT64_C(1) << to;
	if (e->n_out[to] == BURST)
		out_flush(e, to);
}

bool
engine_handover(struct tern_worker *w, const struct seg *s)
{
	const unsigned int owner = steer_owner(w->steer, &s->flow);

	if (owner == w->index)
		return false;
	if (unlikely(w->trace_pkt != NULL) && s->kind == PKT_TCP)
		w->trace_pkt(&w->link, s->m, TERN_PACKET_AWAY, s->ifidx);
	give(w->tern->engines[w->index], owner, s->m, s->ifidx);
	return true;
}

/* Once the watch is over, the device's hash is proof enough. A reassembled datagram has none: its fragments were
 * spread by addresses only. */
bool
engine_handover_rss(struct tern_worker *w, const struct seg *s)
{
	struct engine *e = w->tern->engines[w->index];
	bool taken;

	if (unlikely(s->kind != PKT_TCP)) /* an ICMP error: its own addresses chose the queue */
		return engine_handover(w, s);
	if (e->checked >= STEER_CHECKS && s->m->ol_flags & RTE_MBUF_F_RX_RSS_HASH)
		return false;
	taken = engine_handover(w, s);
	if (e->checked >= STEER_CHECKS)
		return taken;
	e->misdelivered += taken;
	if (++e->checked == STEER_CHECKS && e->misdelivered >= STEER_CHECKS / 4) {
		LOG(WARNING, "worker %u: %u of %u frames came to the wrong queue: RSS is not as set, handing over",
		    w->index, e->misdelivered, e->checked);
		__atomic_fetch_or(&e->t->cmd, CMD_HANDOVER, __ATOMIC_RELAXED);
		w->handover = engine_handover;
	}
	return taken;
}

void
engine_share_neigh(struct tern_worker *w, const struct seg *s)
{
	struct engine *e = w->tern->engines[w->index];
	struct rte_mbuf *copy;
	unsigned int k;

	if (!link_is_neigh_update(s))
		return;
	for (k = 0; k < e->t->conf.n_workers; k++) {
		copy = k == w->index ? NULL : rte_pktmbuf_copy(s->m, w->mbufs.pool, 0, UINT32_MAX);
		if (copy)
			give(e, k, copy, s->ifidx);
	}
}

/* --- one poll ----------------------------------------------------------------------------------------------- */

static void
input_staged(struct engine *e)
{
	const unsigned int n = e->n_staged;

	if (!n)
		return;
	e->n_staged = 0;
	e->w->stats[STAT_RX_PKTS] += n;
	worker_input(e->w, e->staged_if, e->staged, n);
}

/* Fewer mbufs than a burst takes, and a device that must not be asked then (stack/port.c). The caches of other lcores
 * don't count. */
static bool
rx_held(struct tern_worker *w)
{
	const uint32_t cached = w->mbufs.cache ? w->mbufs.cache->len : 0;

	if (usual(cached >= BURST) ||
	    cached + rte_mempool_get_ops(w->mbufs.pool->ops_index)->get_count(w->mbufs.pool) >= BURST)
		return false;
	STAT_INC(w, RX_HELD);
	return true;
}

/* A burst is fetched into the cache when it arrives and processed when the next one has, or a poll later. */
static bool
poll_rx(struct engine *e)
{
	const struct tern *t = e->t;
	struct rte_mbuf *m[BURST];
	unsigned int i, k, q, n;
	bool moved = e->n_staged, got = false;

	for (i = 0; i < t->n_ports; i++) {
		if (unlikely(t->ports[i].rx_hold) && rx_held(e->w))
			continue;
		for (q = e->w->index; q < t->ports[i].n_rxq; q += t->conf.n_workers) {
			n = rte_eth_rx_burst(t->ports[i].port_id, q * t->ports[i].step, m, BURST);
			if (!n)
				continue;
			for (k = 0; k < n; k++)
				worker_prefetch(m[k]);
			input_staged(e);
			memcpy(e->staged, m, n * sizeof(m[0]));
			e->n_staged = n;
			e->staged_if = i;
			moved = got = true;
		}
	}
	if (!got)
		input_staged(e);
	return moved;
}

static bool
poll_inbox(struct engine *e)
{
	struct tern_worker *w = e->w;
	struct rte_mbuf *m[BURST];
	const unsigned int n = rte_ring_sc_dequeue_burst(e->inbox, (void **)m, BURST, NULL);
	unsigned int i, k;

	for (i = 0; i < n; i = k) {
		for (k = i + 1; k < n && m[k]->port == m[i]->port; k++)
			;
		w->handed_over = true; /* by the worker that received them */
		worker_input(w, m[i]->port, &m[i], k - i);
		w->handed_over = false;
	}
	w->stats[STAT_HANDOVER_IN] += n;
	return n > 0;
}

/* With offloads the device looks at each frame first, once. What it refuses is dropped: it would take nothing after
 * it. */
static void
prepare(struct engine *e, unsigned int i)
{
	struct iface *ifc = &e->w->ifs[i];
	unsigned int n = e->tx_ready[i];

	for (;;) {
		n += rte_eth_tx_prepare(ifc->port_id, ifc->queue, &ifc->tx[n], ifc->n_tx - n);
		if (likely(n == ifc->n_tx))
			return;
		link_drop(&e->w->link, ifc->tx[n], STAT_DROP_TX_PREPARE);
		memmove(&ifc->tx[n], &ifc->tx[n + 1], (--ifc->n_tx - n) * sizeof(ifc->tx[0]));
	}
}

/* Hand ifs[i].tx to the device or to the worker that has a queue; keep what is not taken. */
static bool
poll_tx(struct engine *e, unsigned int i)
{
	struct tern_worker *w = e->w;
	struct iface *ifc = &w->ifs[i];
	unsigned int sent = 0, k;

	if (e->txbox[i])
		ifc->n_tx += rte_ring_sc_dequeue_burst(e->txbox[i], (void **)&ifc->tx[ifc->n_tx],
						       RTE_MIN(TX_RING - ifc->n_tx, 2 * BURST), NULL);
	if (!ifc->n_tx)
		return false;
	if (e->txpeer[i]) {
		sent = rte_ring_mp_enqueue_burst(e->txpeer[i], (void *const *)ifc->tx, ifc->n_tx, NULL);
	} else {
		if (unlikely(ifc->tx_tcp_cksum))
			prepare(e, i);
		do { /* some drivers take at most 32 a call */
			k = rte_eth_tx_burst(ifc->port_id, ifc->queue, &ifc->tx[sent], ifc->n_tx - sent);
			sent += k;
		} while (k && sent < ifc->n_tx);
		w->stats[STAT_TX_PKTS] += sent;
	}
	ifc->n_tx -= sent;
	e->tx_ready[i] = e->txpeer[i] ? 0 : ifc->n_tx;
	if (unlikely(ifc->n_tx)) {
		w->stats[STAT_TX_FULL]++;
		memmove(ifc->tx, &ifc->tx[sent], ifc->n_tx * sizeof(ifc->tx[0]));
	}
	return sent > 0;
}

/* With tx_wait_us: should what is there wait for more? A tx burst costs much the same whatever its size. */
static inline bool
tx_waits(struct engine *e, unsigned int i)
{
	const struct tern_worker *w = e->w;

	if (likely(!w->conf.tx_wait_us) || w->ifs[i].n_tx >= BURST || e->txbox[i])
		return false;
	if (!w->ifs[i].n_tx)
		e->tx_due[i] = w->now_us + w->conf.tx_wait_us;
	return w->now_us < e->tx_due[i];
}

static void
poll_once(struct engine *e)
{
	struct tern_worker *w = e->w;
	const struct tern_app *app = &e->t->conf.app;
	bool busy = poll_rx(e);
	unsigned int i;

	if (e->inbox)
		busy |= poll_inbox(e);
	if (unlikely(w->timers_wait))
		w->timers_wait = busy ? w->timers_wait - 1 : 0;
	if (unlikely(post_waits(e))) {
		post_run(e);
		busy = true;
	}
	busy |= worker_run(w);
	if (app->poll)
		app->poll(w, w->now_us, app->arg);
	while (e->out_mask)
		out_flush(e, __builtin_ctzll(e->out_mask));
	for (i = 0; i < w->n_ifs; i++)
		if (!tx_waits(e, i))
			busy |= poll_tx(e, i);
	e->busy = busy;
}

/* A machine that moved to another host, or was suspended, may read less than before. A little: cores differ. */
static __rte_noinline void
tsc_went_back(struct engine *e, uint64_t tsc)
{
	if (engine_clock_us(e, e->tsc) - engine_clock_us(e, tsc) > BACK_US)
		e->tsc0 -= e->tsc - tsc;
	e->tsc = tsc;
}

/* @return what passed since the last look. */
static inline uint64_t
look_at_tsc(struct engine *e)
{
	const uint64_t tsc = rte_rdtsc(), passed = tsc - e->tsc;

	if (unlikely((int64_t)passed < 0)) {
		tsc_went_back(e, tsc);
		return 0;
	}
	e->tsc = tsc;
	return passed;
}

static void
account(struct engine *e)
{
	struct tern_worker *w = e->w;
	const uint64_t passed = look_at_tsc(e);

	w->load.total_cycles += passed;
	if (e->busy)
		w->load.busy_cycles += passed;
}

/* What passed is told a day at a time, as the wheel sees a few days ahead of where it stands. */
static inline void
set_clock(struct engine *e)
{
	struct tern_worker *w = e->w;
	const uint64_t most = (w->wheel.now << TICK_SHIFT) + STEP_US, now = engine_clock_us(e, e->tsc);

	if (unlikely(now > w->now_us + BEHIND_US)) /* again and again: the polls are as slow as that */
		w->timers_wait = w->timers_wait ? w->timers_wait / 2 : BEHIND_POLLS;
	worker_set_time(w, RTE_MIN(now, most));
}

static void
tick(struct engine *e)
{
	e->w->load.polls++;
	account(e);
	set_clock(e);
}

/* --- leaving ------------------------------------------------------------------------------------------------ */

static bool
all_idle(const struct tern *t)
{
	unsigned int i;

	for (i = 0; i < t->conf.n_workers; i++)
		if (__atomic_load_n(&t->engines[i]->state, __ATOMIC_ACQUIRE) == ENGINE_RUNNING)
			return false;
	return true;
}

/* Who has frames to transmit for others that are still there leaves after them: they reset their peers through it. */
static bool
is_needed(const struct engine *e)
{
	unsigned int i, k;

	for (k = 0; k < e->t->conf.n_workers; k++) {
		const struct engine *o = e->t->engines[k];
		const uint32_t state = __atomic_load_n(&o->state, __ATOMIC_ACQUIRE);

		for (i = 0; i < e->w->n_ifs; i++)
			if (o->txpeer[i] && o->txpeer[i] == e->txbox[i] && state != ENGINE_NEW && state != ENGINE_LEFT)
				return true;
	}
	return false;
}

/* @return true when the worker may leave. */
static bool
draining(struct engine *e)
{
	struct tern_worker *w = e->w;
	const struct tern_app *app = &e->t->conf.app;
	bool idle;
	unsigned int i;

	if (!w->draining) {
		w->draining = true;
		e->drain_us = w->now_us + __atomic_load_n(&e->t->drain_ms, __ATOMIC_RELAXED) * UINT64_C(1000);
		if (app->drain)
			app->drain(w, app->arg);
	}
	idle = worker_idle(w, false);
	for (i = 0; i < w->n_ifs; i++)
		idle &= w->ifs[i].n_tx == 0;
	idle &= e->n_staged == 0 && !post_waits(e);
	__atomic_store_n(&e->state, idle ? ENGINE_IDLE : ENGINE_RUNNING, __ATOMIC_RELEASE);
	if (w->now_us >= e->drain_us)
		return !is_needed(e) || w->now_us >= e->drain_us + LEAVE_US;
	return idle && all_idle(e->t);
}

/* @return true when the worker must leave. */
static bool
obey(struct engine *e, uint32_t cmd)
{
	if (cmd & CMD_STOP)
		return true;
	if ((cmd & CMD_HANDOVER) && e->w->handover != engine_handover)
		e->w->handover = engine_handover;
	return (cmd & CMD_DRAIN) && draining(e);
}

/* @return true when the device has taken everything. */
static bool
flush(void *arg)
{
	struct engine *e = arg;
	unsigned int i, tries;
	bool done = true;

	for (i = 0; i < e->w->n_ifs; i++) {
		for (tries = 0; tries < FLUSH_TRIES; tries++)
			if (!poll_tx(e, i) && !e->w->ifs[i].n_tx)
				break;
		done &= e->w->ifs[i].n_tx == 0;
	}
	return done;
}

/* --- running ------------------------------------------------------------------------------------------------- */

static int
begin(struct engine *e)
{
	const struct tern_app *app = &e->t->conf.app;

	__atomic_store_n(&e->state, ENGINE_RUNNING, __ATOMIC_RELEASE);
	mbufs_bind(&e->w->mbufs);
	look_at_tsc(e);
	set_clock(e);
	return app->start ? app->start(e->w, app->arg) : 0;
}

/* @return false when the worker must leave. */
static inline bool
run_once(struct engine *e)
{
	uint32_t cmd;

	tick(e);
	cmd = __atomic_load_n(&e->t->cmd, __ATOMIC_ACQUIRE); /* with it, drain_ms */
	if (unlikely(cmd) && obey(e, cmd))
		return false;
	poll_once(e);
	return true;
}

static void
leave(struct engine *e)
{
	if (e->w->draining) /* what is still open at the deadline is told so */
		worker_reset_peers(e->w, flush, e);
	flush(e);
	rte_pktmbuf_free_bulk(e->staged, e->n_staged);
	e->n_staged = 0;
	__atomic_store_n(&e->state, ENGINE_LEFT, __ATOMIC_RELEASE);
	post_drop(e);
}

static int
check_caller(const struct tern *t, unsigned int i)
{
	if (i >= t->conf.n_workers) {
		LOG(ERR, "worker %u does not exist: there are %u", i, t->conf.n_workers);
		return -EINVAL;
	}
	if (rte_lcore_id() != t->engines[i]->lcore) {
		LOG(ERR, "worker %u belongs to lcore %u and was started on %d", i, t->engines[i]->lcore,
		    (int)rte_lcore_id());
		return -EINVAL;
	}
	return 0;
}

/* Whose calls are right: tcp/call.h. */
static void
own(struct engine *e)
{
	if (TERN_CHECKS)
		e->w->tid = rte_gettid();
}

int
tern_worker_loop(struct tern *t, unsigned int i)
{
	struct engine *e;
	int rc = check_caller(t, i);

	if (rc)
		return rc;
	e = t->engines[i];
	own(e);
	rc = begin(e);
	while (rc == 0 && run_once(e))
		;
	leave(e);
	return rc;
}

int
tern_worker_step(struct tern *t, unsigned int i, unsigned int polls)
{
	struct engine *e;
	int rc = check_caller(t, i);

	if (rc)
		return rc;
	e = t->engines[i];
	if (e->state == ENGINE_LEFT)
		return 0;
	own(e);
	if (e->state == ENGINE_NEW)
		rc = begin(e);
	look_at_tsc(e); /* what passed since the last call was not this worker's */
	while (rc == 0 && polls--)
		if (!run_once(e))
			rc = 1;
	account(e);
	e->busy = false;
	if (rc)
		leave(e);
	return rc < 0 ? rc : !rc;
}
