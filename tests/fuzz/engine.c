/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Whole stacks from bytes: one of three workers behind a device that can't steer, of three queues or of one, one of a
 * single worker, and between them a cable in the input's hands: by which queue a frame comes, late, twice, changed or
 * never. Workers take their turns in any order, calls are posted to them, timers run, devices take nothing, mbufs are
 * elsewhere, the clock jumps, stacks are drained or stopped at any moment. One thread plays all.
 *
 * What must hold: a worker's invariants after each of its turns; posted calls run once, on their worker, in their
 * order, or are counted as dropped; with a cable that takes nothing's time all falls silent; who is drained leaves in
 * time; every mbuf comes back.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <rte_bus_vdev.h>
#include <rte_cycles.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_lcore.h>
#include "../random.h"
#include "fuzz.h"
#include "stack/check.h"
#include "stack/engine.h"
#include "stack/worker.h"

#define WORKERS 3u /* of side 0; side 1 has one */
#define SLOTS 64u  /* of a device's queue */
#define CONNS 6u   /* of a worker */
#define TIMERS 2u
#define N_MBUFS 511u
#define TSC_SHIFT 34 /* a microsecond of the stacks in cycles: what passes meanwhile is none */
#define PLAY_US 400000000u /* of the 1,073 s that the clock has then */
#define DRAIN_MS 500u
#define SILENT_ROUNDS 2000u
#define LEAVE_ROUNDS 4000u /* of a millisecond */

const char fuzz_name[] = "engine";

struct mine;
struct slot {
	struct mine *m;
	struct tern_conn *c;
};

/* A worker's application. */
struct mine {
	struct side *s;
	unsigned int lcore, index;
	struct tern_worker *w; /* NULL: it has not begun */
	struct tern_listener *l;
	struct slot slots[CONNS];
	struct tern_timer timer[TIMERS];
	uint32_t posted, ran;
	bool left;
};

struct side {
	struct tern *t;
	struct rte_mempool *mp;
	uint8_t host; /* 192.0.2.HOST */
	unsigned int n, n_queues;
	struct rte_ring *rx[WORKERS], *tx[WORKERS];
	struct mine m[WORKERS];
	struct rte_mbuf *held[N_MBUFS];
	unsigned int n_held;
	bool ending;
};
static struct side sides[2];
static struct fuzz_in in;
static uint64_t rng, played_us;
static bool copies; /* what crosses the cable is copied, or it stays in the sender's buffers, as rings have it */

/* Both forms of side 0, and side 1. */
static struct device {
	unsigned int n_queues;
	struct rte_ring *rx[WORKERS], *tx[WORKERS];
} devices[3] = {{.n_queues = WORKERS}, {.n_queues = 1}, {.n_queues = 1}};
static struct rte_mempool *pools[2];
static const char *const device_names[2] = {"fuzz0", "fuzz1"};

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	unsigned int i, q;
	char name[32];

	fuzz_eal(WORKERS + 1);
	if (secrets_from(&rng) < 0)
		fuzz_fail("no libsodium");
	for (i = 0; i < RTE_DIM(devices); i++) {
		struct device *d = &devices[i];

		for (q = 0; q < d->n_queues; q++) {
			snprintf(name, sizeof(name), "rx%u.%u", i, q);
			d->rx[q] = rte_ring_create(name, SLOTS, SOCKET_ID_ANY, 0);
			snprintf(name, sizeof(name), "tx%u.%u", i, q);
			d->tx[q] = rte_ring_create(name, SLOTS, SOCKET_ID_ANY, 0);
			FUZZ_MUST(d->rx[q] && d->tx[q]);
		}
	}
	for (i = 0; i < 2; i++) {
		snprintf(name, sizeof(name), "mbufs%u", i);
		pools[i] = rte_pktmbuf_pool_create(name, N_MBUFS, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
		FUZZ_MUST(pools[i]);
	}
	return 0;
}

/* --- the applications --------------------------------------------------------------------------------------------- */

static void
on_readable(struct tern_conn *c, void *user)
{
	const struct slot *s = user;
	uint8_t buf[2048];
	ssize_t n = tern_recv(c, buf, sizeof(buf));

	if (n > 0 && s->m->s == &sides[0])
		tern_send(c, buf, n, 0);
	else if (n == 0 && s->m->index != 1) /* worker 1's are left in CLOSE-WAIT */
		tern_shutdown(c, TERN_SHUT_WR);
}

static void
on_closed(struct tern_conn *c, void *user, int err)
{
	struct slot *s = user;

	FUZZ_MUST(s->c == c);
	s->c = NULL;
}

static const struct tern_ops conn_ops = {.readable = on_readable, .closed = on_closed};

static struct slot *
free_slot(struct mine *m)
{
	unsigned int i;

	for (i = 0; i < CONNS; i++)
		if (!m->slots[i].c)
			return &m->slots[i];
	return NULL;
}

static void
on_acceptable(struct tern_listener *l, void *user)
{
	struct mine *m = user;
	struct tern_conn *c;
	struct slot *s;

	while ((s = free_slot(m)) && tern_accept(l, &conn_ops, s, &c, 1) == 1)
		s->c = c;
}

static const struct tern_listener_ops listen_ops = {.acceptable = on_acceptable};

static void
host_addr(struct tern_endpoint *e, uint8_t host)
{
	*e = (struct tern_endpoint){.af = TERN_AF_INET, .port = htons(80), .addr = {192, 0, 2, host}};
}

static int
on_start(struct tern_worker *w, void *arg)
{
	struct side *s = arg;
	struct mine *m = &s->m[tern_worker_index(w)];
	struct tern_endpoint at;

	m->w = w;
	host_addr(&at, s->host);
	FUZZ_MUST(rte_lcore_id() == m->lcore);
	FUZZ_MUST(tern_listen(w, &at, 4, &listen_ops, m, &m->l) == 0);
	return 0;
}

static void
give_up(struct mine *m)
{
	unsigned int i;

	if (m->l)
		tern_listener_close(m->l);
	m->l = NULL;
	for (i = 0; i < CONNS; i++) {
		if (m->slots[i].c)
			tern_close(m->slots[i].c);
		m->slots[i].c = NULL;
	}
	for (i = 0; i < TIMERS; i++)
		tern_timer_stop(m->w, &m->timer[i]);
}

static void
on_drain(struct tern_worker *w, void *arg)
{
	give_up(&((struct side *)arg)->m[tern_worker_index(w)]);
}

static void post(struct mine *m, uint8_t what, uint8_t how);

static void
on_timer(struct tern_timer *t, void *arg)
{
	struct mine *m = arg;

	FUZZ_MUST(rte_lcore_id() == m->lcore);
	if (!m->s->ending)
		post(m, in8(&in), in8(&in));
}

static void
act(struct mine *m, uint8_t what, uint8_t how)
{
	static const uint8_t text[4096];
	struct slot *s = &m->slots[how % CONNS];
	struct tern_endpoint to;
	uint8_t buf[512];

	if (m->s->ending)
		return;
	switch (what & 15) {
	case 0:
	case 1:
	case 2:
		s = free_slot(m);
		host_addr(&to, how & 128 ? 77 : sides[m->s == &sides[0]].host); /* 77 is nobody */
		if (s && tern_connect(m->w, NULL, &to, &conn_ops, s, &s->c))
			s->c = NULL;
		break;
	case 3:
	case 4:
	case 5:
		if (s->c)
			tern_send(s->c, text, how * 16, 0);
		break;
	case 6:
		if (s->c)
			tern_recv(s->c, buf, sizeof(buf));
		break;
	case 7:
		if (s->c)
			tern_shutdown(s->c, how % 3);
		break;
	case 8:
		if (s->c)
			tern_close(s->c);
		s->c = NULL;
		break;
	case 9:
		if (s->c)
			tern_abort(s->c);
		s->c = NULL;
		break;
	case 10:
		tern_timer_start(m->w, &m->timer[how & 1], how * 1000);
		break;
	case 11:
		tern_timer_stop(m->w, &m->timer[how & 1]);
		break;
	case 12:
		post(&m->s->m[how % m->s->n], in8(&in), how);
		break;
	case 13:
		if (m->l)
			on_acceptable(m->l, m);
		break;
	case 14:
		if (m->l)
			tern_listener_close(m->l);
		m->l = NULL;
		break;
	default:
		host_addr(&to, m->s->host);
		if (!m->l && tern_listen(m->w, &to, how & 7, &listen_ops, m, &m->l))
			m->l = NULL;
	}
}

/* arg: its number, what, how */
static void
on_post(struct tern_worker *w, void *arg)
{
	const uintptr_t n = (uintptr_t)arg;
	struct mine *m = &sides[n & 1].m[tern_worker_index(w)];

	FUZZ_MUST(m->w == w && rte_lcore_id() == m->lcore);
	FUZZ_MUST((uint32_t)(n >> 32) == m->ran);
	m->ran++;
	act(m, n >> 16, n >> 8);
}

static void
post(struct mine *m, uint8_t what, uint8_t how)
{
	const uintptr_t arg = (uintptr_t)m->posted << 32 | what << 16 | how << 8 | (m->s == &sides[1]);
	const int rc = tern_post(m->s->t, m->index, on_post, (void *)arg);

	FUZZ_MUST(m->left ? rc == -ESHUTDOWN : rc == 0 || rc == -EAGAIN);
	m->posted += rc == 0;
}

/* --- stacks, turns, the cable ------------------------------------------------------------------------------------- */

static void
side_up(unsigned int k, const struct device *d, uint8_t how)
{
	static const unsigned int lcores[2][WORKERS] = {{0, 1, 2}, {WORKERS}};
	struct side *s = &sides[k];
	struct tern_conf conf;
	unsigned int i;
	int port;

	memset(s, 0, sizeof(*s));
	s->n = k ? 1 : WORKERS;
	s->host = k + 1;
	s->mp = pools[k];
	s->n_queues = d->n_queues;
	memcpy(s->rx, d->rx, sizeof(s->rx));
	memcpy(s->tx, d->tx, sizeof(s->tx));
	port = rte_eth_from_rings(device_names[k], s->rx, s->n_queues, s->tx, s->n_queues, 0);
	FUZZ_MUST(port >= 0);
	tern_conf_init(&conf, sizeof(conf));
	conf.name = device_names[k];
	conf.lcores = lcores[k];
	conf.n_workers = s->n;
	conf.n_ifs = 1;
	conf.ifs[0] = (struct tern_if_conf){.port_id = port, .prefix4 = 24, .addr4 = {192, 0, 2, s->host}};
	conf.max_conns = CONNS;
	conf.max_requests = conf.max_timewait = 16;
	conf.max_portsets = conf.max_neighbours = 4;
	conf.n_mbufs = N_MBUFS;
	conf.mbuf_pool = s->mp;
	conf.tcp.time_wait_ms = how & 1 ? 100 : 1000;
	conf.tcp.syn_timeout_ms = 5000;
	conf.tcp.user_timeout_ms = 10000;
	conf.tcp.cookie_mode = how >> 1 & 1 ? TERN_COOKIE_ALWAYS : TERN_COOKIE_AUTO;
	conf.tx_wait_us = how & 4 ? 50 : 0;
	conf.app.start = on_start;
	conf.app.drain = on_drain;
	conf.app.arg = s;
	FUZZ_MUST(tern_create(&conf, &s->t) == 0);
	s->t->us_per_tsc = UINT64_C(1) << (64 - TSC_SHIFT);
	for (i = 0; i < s->n; i++) {
		struct mine *m = &s->m[i];
		unsigned int c;

		m->s = s;
		m->index = i;
		m->lcore = lcores[k][i];
		for (c = 0; c < CONNS; c++)
			m->slots[c].m = m;
		for (c = 0; c < TIMERS; c++)
			tern_timer_init(&m->timer[c], on_timer, m);
	}
}

static void
turn(struct mine *m, unsigned int polls)
{
	const char *broken;
	int rc;

	if (m->left)
		return;
	RTE_PER_LCORE(_lcore_id) = m->lcore;
	rc = tern_worker_step(m->s->t, m->index, polls);
	FUZZ_MUST(rc == 0 || rc == 1);
	m->left = rc == 0;
	broken = m->left ? NULL : worker_check(m->w);
	if (broken)
		fuzz_fail("side %u, worker %u: %s", m->s == &sides[1], m->index, broken);
}

static void
let_pass(uint32_t us)
{
	unsigned int k, i;

	for (k = 0; k < 2; k++)
		for (i = 0; i < sides[k].n; i++)
			sides[k].t->engines[i]->tsc0 -= (uint64_t)us << TSC_SHIFT;
	played_us += us;
}

enum fate { ARRIVES, TWICE, CHANGED, LOST };

static void
arrive(struct side *to, unsigned int q, struct rte_mbuf *m)
{
	if (m && rte_ring_enqueue(to->rx[q % to->n_queues], m))
		rte_pktmbuf_free(m);
}

/* The next frame of queue `from`. @return false: there is none. */
static bool
carry(struct side *s, unsigned int from, unsigned int q, enum fate fate)
{
	struct side *to = &sides[s == &sides[0]];
	struct rte_mbuf *m, *copy = NULL;

	if (rte_ring_dequeue(s->tx[from % s->n_queues], (void **)&m))
		return false;
	if (copies || fate == TWICE || fate == CHANGED)
		copy = rte_pktmbuf_copy(m, to->mp, 0, UINT32_MAX);
	if (copy && fate == CHANGED) {
		uint8_t *p = rte_pktmbuf_mtod(copy, uint8_t *);

		p[in8(&in) % copy->data_len] ^= 1 << (in8(&in) & 7);
	}
	if (copy && fate != LOST)
		arrive(to, q, copy);
	else
		rte_pktmbuf_free(copy);
	if (fate == LOST || fate == CHANGED || (copies && fate != TWICE))
		rte_pktmbuf_free(m);
	else
		arrive(to, q, m);
	return true;
}

/* Everybody has a turn, and all that is under way arrives. @return how many frames. */
static unsigned int
round_of_all(void)
{
	unsigned int k, i, n = 0;

	for (k = 0; k < 2; k++)
		for (i = 0; i < sides[k].n; i++)
			turn(&sides[k].m[i], 1);
	for (k = 0; k < 2; k++)
		for (i = 0; i < sides[k].n_queues; i++)
			while (carry(&sides[k], i, i, ARRIVES))
				n++;
	return n;
}

static void
silence(void)
{
	unsigned int rounds = 0, still = 0;

	while (still < 4 && ++rounds < SILENT_ROUNDS)
		still = round_of_all() ? 0 : still + 1;
	FUZZ_MUST(rounds < SILENT_ROUNDS);
}

static void
scarce(struct side *s, unsigned int leave)
{
	struct rte_mbuf *m;

	while (s->n_held < N_MBUFS && rte_mempool_avail_count(s->mp) > leave && (m = rte_pktmbuf_alloc(s->mp)))
		s->held[s->n_held++] = m;
}

static void
plenty(struct side *s)
{
	rte_pktmbuf_free_bulk(s->held, s->n_held);
	s->n_held = 0;
}

/* --- an input ----------------------------------------------------------------------------------------------------- */

static void
step(void)
{
	const uint8_t what = in8(&in), how = in8(&in);
	struct side *s = &sides[what >> 4 & 1];
	struct mine *m = &s->m[(what >> 5) % s->n];
	unsigned int i;

	switch (what & 15) {
	case 0:
	case 1:
	case 2:
		post(m, how, in8(&in));
		break;
	case 3:
	case 4:
		turn(m, 1 + (how & 3));
		break;
	case 5:
	case 6:
		for (i = 0; i <= how >> 4; i++)
			carry(s, what >> 5, how & 3, how & 4 ? in8(&in) & 3 : ARRIVES);
		break;
	case 7:
	case 8:
		silence();
		break;
	case 9:
		if (played_us < PLAY_US)
			let_pass(how & 128 ? how * 50000 : how * 100);
		break;
	case 10:
		scarce(s, how & 127);
		break;
	case 11:
		plenty(s);
		break;
	case 12:
		for (i = 0; i < how; i++) /* more than a poll runs, or a ring holds */
			post(m, 13, 0);
		break;
	case 13:
		if (how < 8) {
			s->ending = true;
			tern_drain(s->t, DRAIN_MS);
		} else if (how < 12) {
			s->ending = true;
			tern_stop(s->t);
		}
		break;
	default:
		round_of_all();
	}
	fuzz_steps++;
}

static void
tell(const struct side *s)
{
	size_t n = tern_stats_text(s->t, -1, NULL, 0) + 1;
	char *text = malloc(n);

	if (text)
		tern_stats_text(s->t, -1, text, n);
	printf("side %u\n%s", s == &sides[1], text ? text : "");
	free(text);
}

static void
side_down(struct side *s)
{
	struct rte_mbuf *b;
	char name[32];
	unsigned int i;

	for (i = 0; i < s->n; i++) {
		const struct mine *m = &s->m[i];
		const uint64_t dropped = tern_stats_get(s->t, i, STAT_POST_DROPPED);

		if (!m->left)
			fuzz_fail("side %u, worker %u does not leave", s == &sides[1], i);
		if (m->posted != m->ran + dropped)
			fuzz_fail("side %u, worker %u: %u calls posted, %u ran, %llu dropped", s == &sides[1], i,
				  m->posted, m->ran, (unsigned long long)dropped);
	}
	if (fuzz_trace)
		tell(s);
	RTE_PER_LCORE(_lcore_id) = 0;
	tern_destroy(s->t);
	snprintf(name, sizeof(name), "net_ring_%s", device_names[s == &sides[1]]);
	FUZZ_MUST(rte_vdev_uninit(name) == 0);
	for (i = 0; i < s->n_queues; i++) {
		while (rte_ring_dequeue(s->rx[i], (void **)&b) == 0)
			rte_pktmbuf_free(b);
		while (rte_ring_dequeue(s->tx[i], (void **)&b) == 0)
			rte_pktmbuf_free(b);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned int k, i, rounds;
	uint8_t how;

	in = (struct fuzz_in){data, data + size};
	how = in8(&in);
	rng = how >> 4;
	played_us = 0;
	copies = how & 8;
	side_up(0, &devices[how & 1], how >> 1);
	side_up(1, &devices[2], how >> 4);
	while (in.p < in.end)
		step();
	for (k = 0; k < 2; k++) {
		plenty(&sides[k]);
		sides[k].ending = true;
		tern_drain(sides[k].t, DRAIN_MS);
	}
	for (rounds = 0; rounds < LEAVE_ROUNDS; rounds++) {
		bool left = true;

		round_of_all();
		let_pass(1000);
		for (k = 0; k < 2; k++)
			for (i = 0; i < sides[k].n; i++)
				left &= sides[k].m[i].left;
		if (left)
			break;
	}
	for (k = 0; k < 2; k++)
		side_down(&sides[k]);
	for (k = 0; k < 2; k++)
		FUZZ_MUST(rte_mempool_full(pools[k]));
	return 0;
}

size_t
fuzz_make(uint8_t *p, size_t max, uint32_t (*r)(uint32_t n))
{
	const size_t len = RTE_MIN(max, (size_t)(64 + r(1000)));
	size_t i;

	for (i = 0; i < len; i++)
		p[i] = r(256);
	return len;
}
