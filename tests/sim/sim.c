/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Simulation: two whole workers joined by a bad wire (app/impair.c) in virtual time. A seed decides everything: faults,
 * stack settings, sizes, who closes and how, who reads slowly, who aborts. The workers' own randomness comes from it, too,
 * so the same seed makes the same packets, which a hash over every frame and its time shows.
 *
 * What must hold for every connection: each byte arrives once and in order (the byte at an offset is a function of
 * connection, direction and offset); or an end is told of an error, one that TCP has, and never later than STUCK_US
 * after the last progress. On a mild wire nothing may fail. In the end every pool is full, the tables are empty and no
 * frame has two fates.
 *
 *	sim [--seeds N] [--seed N] [--conns N] [--twice] [--trace] [-v]
 *
 * TERN_SEED=N is --seed N. The number of each failing seed is printed.
 */
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <sodium.h>
#include <arpa/inet.h>
#include <rte_eal.h>
#include <rte_mempool.h>
#include "impair.h"
#include "stack/check.h"
#include "stack/conf.h"
#include "tcp/tcp.h"

#define N_MBUFS 16384u
#define N_WIRE 32768u
#define N_OPEN 128u /* connections at a time */
#define PERIOD 65521u
#define CHUNK 16384u
#define PORTS 60000u /* per local address: a port is used once in a run, so it names the connection */
#define ADDRS 8u
#define MS UINT64_C(1000)
#define SEC UINT64_C(1000000)
/* R2 is 100 s for data, 180 s for a SYN, an RTO up to 60 s beyond; keep-alive notices a vanished peer in 120 s. */
#define STUCK_US (300 * SEC)
#define DRAIN_US (400 * SEC)
#define ROUNDS_MAX 100000u

enum close_mode { FIRST, HALF, LAST, N_CLOSE }; /* closes when it has all; shuts down, then reads; waits for FIN */

struct end {
	struct tern_conn *c;
	struct pair *p;
	uint32_t tx_pos, tx_size, rx_pos, rx_size;
	bool shut, done, by_mbuf, waits;
	int err;
	uint64_t wake_us; /* reads again then */
	uint32_t slow_us; /* between reads */
	uint32_t slow_n;  /* reads that are slow */
	struct end *next_wait;
};

struct pair {
	struct end e[2];
	uint32_t id;
	uint8_t af, mode[2];
	bool started, accepted, counted;
	uint32_t abort_at; /* bytes received by the client, UINT32_MAX: never */
	uint64_t progress_us;
};

struct node {
	struct tern_worker *w;
	struct rte_mempool *mp;
	unsigned int n_mp;
	struct tern_listener *l[2];
	struct rte_mbuf *hold; /* what makes mbufs scarce */
};

static struct sim {
	uint64_t seed, rng, now_us, hash, last_us;
	struct node n[2];
	struct impair *wire[2];
	struct impair_conf profile[2];
	struct tern_conf conf;
	struct pair *pairs;
	uint32_t n_pairs, next, n_active, mtu;
	struct end *waiting; /* polled each tick */
	bool mild, strict_seed;
	/* results */
	uint64_t ok, failed, aborted, refused, ghosts, bytes, frames, big;
	bool bad;
} s;

static struct rte_mempool *pools[2], *wire_mp;
static uint8_t bytes[PERIOD + CHUNK];
static bool verbose, tracing;

static uint64_t
mix(uint64_t z)
{
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static uint64_t
rnd(void)
{
	return mix(s.rng += 0x9e3779b97f4a7c15);
}

static uint32_t
below(uint32_t n)
{
	return (rnd() >> 32) * n >> 32;
}

static bool
one_in(uint32_t n)
{
	return below(n) == 0;
}

/* The workers' secrets: libsodium asks us. */
static void
seeded_bytes(void *const buf, const size_t size)
{
	uint8_t *p = buf;
	size_t i;

	for (i = 0; i < size; i++)
		p[i] = rnd();
}

static uint32_t
seeded_word(void)
{
	return rnd();
}

static const char *
seeded_name(void)
{
	return "sim";
}

static struct randombytes_implementation seeded = {.implementation_name = seeded_name, .random = seeded_word,
						   .buf = seeded_bytes};

static void __attribute__((format(printf, 1, 2)))
fault(const char *fmt, ...)
{
	va_list ap;

	s.bad = true;
	printf("TERN_SEED=%lu at %lu.%06lu s: ", s.seed, s.now_us / SEC, s.now_us % SEC);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
}

/* --- the two applications ------------------------------------------------------------------------------------------ */

static const uint8_t *
content(const struct end *e, bool from_client, uint32_t off)
{
	return bytes + (mix(e->p->id * UINT64_C(2) + from_client) + off) % PERIOD;
}

static bool
is_client(const struct end *e)
{
	return e == &e->p->e[0];
}

static void
wait_for_tick(struct end *e)
{
	if (e->waits)
		return;
	e->waits = true;
	e->next_wait = s.waiting;
	s.waiting = e;
}

static void
finish(struct end *e, int err)
{
	struct pair *p = e->p;

	e->c = NULL;
	e->done = true;
	e->err = err;
	p->progress_us = s.now_us;
	/* the client's end gone, the server's gone or never there: a server that is there is waited for */
	if (p->e[0].done && (p->e[1].done || !p->accepted) && !p->counted) {
		p->counted = true;
		s.n_active--;
	}
}

static void
got(struct end *e, const uint8_t *data, size_t n)
{
	size_t k, part;

	if (e->rx_pos + n > e->rx_size)
		fault("connection %u: %s got %zu bytes at %u, more than the %u that were sent", e->p->id,
		      is_client(e) ? "client" : "server", n, e->rx_pos, e->rx_size);
	for (k = 0; k < n && !s.bad; k += part) {
		part = RTE_MIN(n - k, (size_t)CHUNK);
		if (memcmp(data + k, content(e, !is_client(e), e->rx_pos + k), part))
			fault("connection %u: %s got wrong bytes in %u..%u", e->p->id, is_client(e) ? "client" : "server",
			      (uint32_t)(e->rx_pos + k), (uint32_t)(e->rx_pos + k + part));
	}
	e->rx_pos += n;
	e->p->progress_us = s.now_us;
	s.bytes += n;
}

/* Take what is there, up to max bytes or so. */
static void
read_some(struct end *e, size_t max)
{
	static uint8_t buf[65536];
	struct rte_mbuf *m;
	size_t sum = 0;
	ssize_t n;

	while (sum < max) {
		if (e->by_mbuf) {
			if (tern_recv_mbufs(e->c, &m, 1) <= 0)
				return;
			n = m->pkt_len;
			got(e, rte_pktmbuf_mtod(m, uint8_t *), n);
			rte_pktmbuf_free(m);
		} else {
			n = tern_recv(e->c, buf, RTE_MIN(sizeof(buf), max - sum));
			if (n <= 0)
				return;
			got(e, buf, n);
		}
		sum += n;
	}
}

static void
write_some(struct end *e)
{
	ssize_t n;

	while (e->tx_pos < e->tx_size) {
		n = tern_send(e->c, content(e, is_client(e), e->tx_pos), RTE_MIN(e->tx_size - e->tx_pos, CHUNK), 0);
		if (n == -ENOBUFS) { /* no event will come */
			wait_for_tick(e);
			return;
		}
		if (n <= 0) {
			if (n != -EAGAIN && n != -ECONNRESET) /* what came before a reset is read first: closed() follows */
				fault("connection %u: send: %s", e->p->id, strerror(-n));
			return;
		}
		e->tx_pos += n;
		e->p->progress_us = s.now_us;
	}
}

/* Whatever can go on. */
static void
pump(struct end *e)
{
	struct pair *p = e->p;
	const uint8_t mode = p->mode[!is_client(e)];
	struct tern_conn *c = e->c;
	bool eof;

	if (!c || s.bad)
		return;
	write_some(e);
	if (e->slow_n && s.now_us < e->wake_us) {
		wait_for_tick(e);
	} else if (e->slow_n) {
		read_some(e, 20000);
		e->slow_n--;
		e->wake_us = s.now_us + e->slow_us;
		wait_for_tick(e);
	} else {
		read_some(e, SIZE_MAX);
	}
	if (is_client(e) && e->rx_pos >= p->abort_at) {
		finish(e, 0);
		tern_abort(c);
		return;
	}
	eof = tern_recv_eof(c);
	if (eof && e->rx_pos != e->rx_size)
		fault("connection %u: %s saw FIN at %u of %u", p->id, is_client(e) ? "client" : "server", e->rx_pos,
		      e->rx_size);
	if (e->tx_pos < e->tx_size)
		return;
	if (mode == HALF && !e->shut) {
		e->shut = true;
		if (tern_shutdown(c, TERN_SHUT_WR))
			fault("connection %u: shutdown failed", p->id);
	}
	if (eof || (mode == FIRST && e->rx_pos == e->rx_size)) {
		finish(e, 0);
		tern_close(c);
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
	struct end *e = user;

	if (e->c != c)
		fault("connection %u: closed() of a handle that was given up", e->p->id);
	read_some(e, SIZE_MAX);
	if (err == 0 && (e->rx_pos != e->rx_size || e->tx_pos != e->tx_size))
		fault("connection %u: %s closed in order with %u of %u received, %u of %u sent", e->p->id,
		      is_client(e) ? "client" : "server", e->rx_pos, e->rx_size, e->tx_pos, e->tx_size);
	finish(e, err);
}

static const struct tern_ops ops = {.connected = on_event, .readable = on_event, .writable = on_event, .closed = on_closed};

static void
keepalive(struct tern_conn *c)
{
	tern_setopt(c, TERN_OPT_KEEPIDLE_S, 60);
	tern_setopt(c, TERN_OPT_KEEPINTVL_S, 10);
	tern_setopt(c, TERN_OPT_KEEPCNT, 6);
	tern_setopt(c, TERN_OPT_KEEPALIVE, 1);
}

static void
on_acceptable(struct tern_listener *l, void *user)
{
	struct tern_conn *c;
	struct tern_info info;
	struct pair *p;
	uint32_t id;

	while (tern_accept(l, NULL, NULL, &c, 1)) {
		tern_conn_info(c, &info, sizeof(info));
		id = (info.remote.addr[info.remote.af == 4 ? 3 : 15] - 1) * PORTS + ntohs(info.remote.port) - 1024;
		p = id < s.n_pairs ? &s.pairs[id] : NULL;
		if (!p || !p->started)
			fault("accepted a connection nobody opened: %u", id);
		/* an old segment passes for the last ACK of a cookie, whose state is nowhere */
		if (!p || p->accepted) {
			s.ghosts++;
			if (p && s.conf.tcp.cookie_mode != TERN_COOKIE_ALWAYS)
				fault("connection %u: accepted twice", id);
			tern_abort(c);
			continue;
		}
		p->accepted = true;
		if (p->counted) { /* the client gave up before */
			p->counted = false;
			s.n_active++;
		}
		p->e[1].c = c;
		tern_conn_set_user(c, &ops, &p->e[1]);
		keepalive(c);
		pump(&p->e[1]);
	}
}

static uint32_t
some_size(void)
{
	const uint32_t r = below(1000);

	if (r < 200)
		return 0;
	if (r < 500)
		return below(100);
	if (r < 800)
		return below(5000);
	if (r < 960)
		return below(50000);
	if (r < 998 || !s.mild)
		return below(300000);
	s.big++;
	return below(3000000);
}

static void
local_addr(struct tern_endpoint *e, uint8_t af, uint8_t lo, uint16_t port)
{
	static const uint8_t net4[4] = {192, 0, 2}, net6[16] = {0x20, 1, 0x0d, 0xb8};

	memset(e, 0, sizeof(*e));
	e->af = af;
	e->port = htons(port);
	memcpy(e->addr, af == 4 ? net4 : net6, af == 4 ? 4 : 16);
	e->addr[af == 4 ? 3 : 15] = lo;
}

static void
slow_reader(struct end *e)
{
	e->slow_n = 1 + below(5);
	e->slow_us = below(3) ? below(300 * MS) : below(5 * SEC);
	e->wake_us = s.now_us + e->slow_us;
}

/* @return false: not now. */
static bool
open_one(void)
{
	struct pair *p = &s.pairs[s.next];
	struct tern_endpoint from, to;
	unsigned int i;
	int rc;

	p->id = s.next;
	if (!p->started) {
		p->af = below(2) ? 4 : 6;
		p->mode[0] = below(N_CLOSE);
		p->mode[1] = below(p->mode[0] == LAST ? LAST : N_CLOSE); /* both would wait for ever */
		for (i = 0; i < 2; i++) {
			p->e[i].p = p;
			p->e[i].by_mbuf = one_in(3);
			p->e[i].tx_size = p->e[!i].rx_size = some_size();
			if (one_in(20))
				slow_reader(&p->e[i]);
		}
		p->abort_at = one_in(30) ? below(p->e[0].rx_size + 1) : UINT32_MAX;
		p->started = true;
	}
	local_addr(&from, p->af, 1 + p->id / PORTS, 1024 + p->id % PORTS);
	local_addr(&to, p->af, 100, 80);
	rc = tern_connect(s.n[0].w, &from, &to, &ops, &p->e[0], &p->e[0].c);
	if (rc) {
		p->e[0].c = NULL;
		s.refused++;
		if (rc != -ENOMEM)
			fault("connection %u: connect: %s", p->id, strerror(-rc));
		return false;
	}
	p->progress_us = s.now_us;
	keepalive(p->e[0].c);
	if (one_in(4))
		tern_setopt(p->e[0].c, TERN_OPT_NODELAY, 1);
	s.next++;
	s.n_active++;
	return true;
}

static void
wake_waiting(void)
{
	struct end *e = s.waiting, *next;

	s.waiting = NULL;
	for (; e; e = next) {
		next = e->next_wait;
		e->waits = false;
		pump(e);
	}
}

/* --- time and the wire ------------------------------------------------------------------------------------------------ */

static void
hash_frame(unsigned int from, const struct rte_mbuf *m)
{
	const uint8_t *p = rte_pktmbuf_mtod(m, const uint8_t *);
	uint64_t h = s.hash ^ s.now_us ^ (uint64_t)from << 63, v;
	uint32_t i;

	for (i = 0; i + 8 <= m->data_len; i += 8) {
		memcpy(&v, p + i, 8);
		h = (h ^ v) * 0x9fb21c651e98df25;
		h ^= h >> 29;
	}
	for (; i < m->data_len; i++)
		h = (h ^ p[i]) * 0x100000001b3;
	s.hash = mix(h);
	s.frames++;
}

/* What node i wants to send goes on the wire, as a copy in one piece. @return true if anything. */
static bool
transmit(unsigned int i)
{
	struct iface *ifc = &s.n[i].w->ifs[0];
	const unsigned int n = ifc->n_tx;
	unsigned int k;

	for (k = 0; k < n; k++) {
		struct rte_mbuf *m = rte_pktmbuf_copy(ifc->tx[k], wire_mp, 0, UINT32_MAX);

		rte_pktmbuf_free(ifc->tx[k]);
		if (!m || m->nb_segs != 1) {
			fault("the wire has no mbuf");
			rte_pktmbuf_free(m);
			continue;
		}
		hash_frame(i, m);
		impair_in(s.wire[i], m, s.now_us);
	}
	ifc->n_tx = 0;
	return n > 0;
}

/* After a burst of worker i. */
static void
check_invariants(unsigned int i)
{
	const char *why = worker_check_some(s.n[i].w);

	if (unlikely(why != NULL))
		fault("node %u: %s", i, why);
}

static void
run(void)
{
	unsigned int i, n, rounds = 0;
	struct rte_mbuf *m[BURST];
	bool busy;

	do {
		busy = false;
		for (i = 0; i < 2; i++) {
			struct tern_worker *w = s.n[i].w;

			worker_set_time(w, s.now_us);
			while ((n = impair_out(s.wire[!i], s.now_us, m, BURST)) > 0) {
				worker_input(w, 0, m, n);
				check_invariants(i);
				busy = true;
				busy |= worker_run(w);
				check_invariants(i);
				transmit(i);
			}
			busy |= worker_run(w);
			check_invariants(i);
			busy |= transmit(i);
		}
		if (++rounds == ROUNDS_MAX)
			fault("a worker is busy for ever");
	} while (busy && !s.bad);
}

static void
step(uint64_t limit_us)
{
	uint64_t t = limit_us;
	unsigned int i;

	run();
	for (i = 0; i < 2; i++) {
		t = RTE_MIN(t, RTE_MAX(worker_next_us(s.n[i].w), s.now_us + TICK_US));
		t = RTE_MIN(t, RTE_MAX(impair_next_us(s.wire[i]), s.now_us + 1));
	}
	if (s.waiting)
		t = RTE_MIN(t, s.now_us + 10 * MS);
	s.now_us = RTE_MAX(t, s.now_us + 1);
	wake_waiting();
}

static void
find_stuck(void)
{
	uint32_t i;

	for (i = 0; i < s.next && !s.bad; i++) {
		const struct pair *p = &s.pairs[i];
		struct tern_info info[2] = {0};
		unsigned int k;

		if (p->counted || s.now_us < p->progress_us + STUCK_US)
			continue;
		for (k = 0; k < 2; k++)
			if (p->e[k].c)
				tern_conn_info(p->e[k].c, &info[k], sizeof(info[k]));
		fault("connection %u: no progress and no error for %lu s: client %s %u/%u received %u/%u sent, server %s %u/%u "
		      "received %u/%u sent", i, (s.now_us - p->progress_us) / SEC, tern_state_name(info[0].state),
		      p->e[0].rx_pos, p->e[0].rx_size, p->e[0].tx_pos, p->e[0].tx_size, tern_state_name(info[1].state),
		      p->e[1].rx_pos, p->e[1].rx_size, p->e[1].tx_pos, p->e[1].tx_size);
	}
}

static void
on_trace(struct tern_worker *w, const char *line, void *arg)
{
	printf("%lu.%06lu %s: %s\n", s.now_us / SEC, s.now_us % SEC, w == s.n[0].w ? "client" : "server", line);
}

/* --- a run ------------------------------------------------------------------------------------------------------------ */

static uint32_t
percent(double p)
{
	return p / 100 * 4294967296.0;
}

/* Chance up to max percent, often none. */
static uint32_t
fault_chance(double max)
{
	return one_in(3) ? 0 : percent(max * below(1000) / 1000);
}

static void
choose_profile(struct impair_conf *c)
{
	char why[64];

	impair_parse("", c, why, sizeof(why));
	c->seed = rnd();
	c->loss = s.mild ? fault_chance(3) : fault_chance(30);
	if (!s.mild && one_in(4)) {
		c->bad = percent(1);
		c->good = percent(20);
	}
	c->dup = fault_chance(5);
	c->corrupt = fault_chance(s.mild ? 0.5 : 3);
	c->reorder = fault_chance(10);
	c->reorder_us = 50 + below(20 * MS);
	c->delay_us = one_in(4) ? below(100 * MS) : below(5 * MS);
	c->jitter_us = one_in(2) ? 0 : below(2 * MS);
	if (one_in(3)) {
		c->rate_bps = UINT64_C(10000000) << below(7);
		c->queue = 100 + below(900);
		c->mark = one_in(2) ? 1 + below(50) : 0;
	}
	c->slots = N_WIRE / 4;
}

static void
choose_conf(void)
{
	struct tern_conf *c = &s.conf;

	tern_conf_init(c, sizeof(*c));
	c->max_conns = 4 * N_OPEN;
	c->max_requests = 4096;
	c->max_timewait = s.n_pairs;
	c->max_portsets = 64;
	c->max_listeners = 4;
	c->max_neighbours = 64;
	c->n_mbufs = N_MBUFS;
	c->n_ifs = 1;
	c->tcp.snd_buf = c->tcp.rcv_buf = 16384u << below(4);
	c->tcp.cookie_mode = one_in(4) ? TERN_COOKIE_ALWAYS : TERN_COOKIE_AUTO;
	c->tcp.cc = below(TERN_CC_COUNT);
	c->tcp.ecn = below(3); /* enum tern_ecn */
	c->tcp.timestamps = !one_in(5);
	c->tcp.sack = !one_in(5);
	c->tcp.wscale = !one_in(5);
	if (one_in(8))
		c->tcp.delack_ms = 0;
	c->app.trace = tracing ? on_trace : NULL;
	s.mtu = one_in(4) ? 1280 + below(220) : 1500;
}

static void
node_start(unsigned int i)
{
	static const struct tern_listener_ops listen_ops = {.acceptable = on_acceptable};
	struct node *n = &s.n[i];
	struct tern_conf conf = s.conf;
	struct tern_if_conf *ic = &conf.ifs[0];
	struct rte_ether_addr mac = {{2, 0, 0, 0, 0, i + 1}};
	struct tern_endpoint e;
	unsigned int k;

	local_addr(&e, 4, i ? 100 : 1, 0);
	memcpy(ic->addr4, e.addr, 4);
	ic->prefix4 = 24;
	local_addr(&e, 6, i ? 100 : 1, 0);
	memcpy(ic->addr6, e.addr, 16);
	ic->prefix6 = 64;
	ic->addr4_count = ic->addr6_count = i ? 1 : ADDRS;
	n->mp = pools[i];
	n->n_mp = rte_mempool_avail_count(n->mp);
	if (conf_settle(&conf) || worker_create(&n->w, &conf, i, 0, n->mp, s.now_us) ||
	    link_iface_init(&n->w->ifs[0], 0, ic, &mac, s.mtu)) {
		fprintf(stderr, "no worker\n");
		exit(1);
	}
	n->w->n_ifs = 1;
	n->w->ifs[0].tx_multi_seg = one_in(2);
	for (k = 0; i && k < 2; k++) {
		local_addr(&e, k ? 6 : 4, 100, 80);
		if (tern_listen(n->w, &e, 64, &listen_ops, NULL, &n->l[k]))
			fault("listen");
	}
}

/* Scarce mbufs: all but a few are elsewhere. */
static void
hold_mbufs(struct node *n, unsigned int leave)
{
	struct rte_mbuf *m;

	while (rte_mempool_avail_count(n->mp) > leave && (m = rte_pktmbuf_alloc(n->mp)) != NULL) {
		m->next = n->hold;
		n->hold = m;
	}
}

static void
release_mbufs(struct node *n)
{
	struct rte_mbuf *m;

	while ((m = n->hold) != NULL) {
		n->hold = m->next;
		m->next = NULL;
		rte_pktmbuf_free(m);
	}
}

static void
expect(const char *what, unsigned int node, uint64_t is, uint64_t want)
{
	if (is != want)
		fault("node %u: %s: %lu, not %lu", node, what, is, want);
}

static void
node_stop(unsigned int i)
{
	struct node *n = &s.n[i];
	struct tern_worker *w = n->w;

	expect("connections free", i, w->conns.avail, w->conns.total);
	expect("requests free", i, w->requests.avail, w->requests.total);
	expect("TIME-WAITs free", i, w->timewaits[0].avail + w->timewaits[1].avail,
	       (uint64_t)w->timewaits[0].total + w->timewaits[1].total);
	expect("port sets free", i, w->portset_pool.avail, w->portset_pool.total);
	expect("objects in the table", i, w->table.count, 0);
	expect("waiting for accept", i, w->accept_queued, 0);
	expect("half open", i, w->half_open, 0);
	expect("requests reserved", i, w->reserved_requests, 0);
	expect("idle", i, worker_idle(w, true), true);
	expect("small mbufs free", i, rte_mempool_full(w->small), true);
	release_mbufs(n);
	worker_destroy(w);
	expect("mbufs free", i, rte_mempool_avail_count(n->mp), n->n_mp);
	if (s.bad) /* a fault left them somewhere: the next seed starts with what there is */
		n->n_mp = rte_mempool_avail_count(n->mp);
}

static void
judge(void)
{
	uint32_t i;

	for (i = 0; i < s.n_pairs && !s.bad; i++) {
		const struct pair *p = &s.pairs[i];
		const struct end *c = &p->e[0], *v = &p->e[1];
		const bool all = p->accepted && c->rx_pos == c->rx_size && v->rx_pos == v->rx_size;
		unsigned int k;

		for (k = 0; k < 2; k++)
			if (p->e[k].err && p->e[k].err != -ETIMEDOUT && p->e[k].err != -ECONNRESET && p->e[k].err != -ECONNREFUSED &&
			    p->e[k].err != -EHOSTUNREACH) /* the wire took ARP and NDP, too */
				fault("connection %u: told of %s", i, strerror(-p->e[k].err));
		if (p->abort_at != UINT32_MAX) {
			s.aborted++;
			continue;
		}
		s.ok += all && !c->err && !v->err;
		s.failed += c->err || v->err;
		/* Who closed before its SYN-ACK's ACK arrived has no handle to be told by, and the other never had one. */
		if (!all && !p->accepted && !s.mild && !c->err) {
			s.failed++;
			continue;
		}
		/* one end may have all and not know that the other has not; but not both */
		if (!all && !c->err && !v->err)
			fault("connection %u: bytes are missing and nobody was told: client %u/%u, server %u/%u%s", i, c->rx_pos,
			      c->rx_size, v->rx_pos, v->rx_size, p->accepted ? "" : ", never accepted");
		if (s.mild && (c->err || v->err || !all))
			fault("connection %u failed on a mild wire: client %s, server %s, modes %u %u, IPv%u", i, strerror(-c->err),
			      strerror(-v->err), p->mode[0], p->mode[1], p->af);
	}
}

static void
describe(void)
{
	unsigned int i;

	printf("seed %lu: %lu.%03lu s, %lu frames, %lu bytes, hash %016lx: %lu ok, %lu failed, %lu aborted%s", s.seed,
	       s.last_us / SEC, s.last_us % SEC / 1000, s.frames, s.bytes, s.hash, s.ok, s.failed, s.aborted,
	       s.bad ? " FAULT" : "");
	for (i = 0; i < 2 && verbose; i++) {
		const struct impair_conf *c = &s.profile[i];

		printf("\n  wire %u: loss %.1f %%%s dup %.1f corrupt %.1f reorder %.1f/%u us delay %u us rate %lu; retransmitted %lu, "
		       "timeouts %lu", i, c->loss / 42949672.96, c->bad ? " and bursts" : "", c->dup / 42949672.96,
		       c->corrupt / 42949672.96, c->reorder / 42949672.96, c->reorder_us, c->delay_us, c->rate_bps,
		       s.n[i].w ? s.n[i].w->stats[STAT_RETRANS_SEGS] : 0, s.n[i].w ? s.n[i].w->stats[STAT_TIMEOUTS] : 0);
	}
	putchar('\n');
}

/* @return the hash of its packets. */
static uint64_t
simulate(uint64_t seed, uint32_t n_pairs)
{
	const unsigned int n_wire = rte_mempool_avail_count(wire_mp);
	uint64_t look_us, end_us;
	unsigned int i, scarce;

	memset(&s, 0, sizeof(s));
	s.seed = seed;
	s.rng = seed;
	s.n_pairs = n_pairs;
	s.pairs = calloc(n_pairs, sizeof(*s.pairs));
	s.now_us = one_in(2) ? SEC : (UINT32_MAX - 5000 - below(20000)) * UINT64_C(1000); /* the timestamps' clock wraps */
	s.mild = one_in(3);
	scarce = one_in(8) ? 700 + below(1000) : 0;
	s.mild &= !scarce;
	choose_conf();
	s.mild &= s.conf.tcp.cookie_mode != TERN_COOKIE_ALWAYS; /* a cookie's lost last ACK leaves nobody to send it again */
	for (i = 0; i < 2; i++) {
		choose_profile(&s.profile[i]);
		s.wire[i] = impair_create(&s.profile[i], wire_mp);
		node_start(i);
		if (scarce)
			hold_mbufs(&s.n[i], scarce);
	}
	look_us = s.now_us;
	while ((s.next < s.n_pairs || s.n_active) && !s.bad) {
		for (i = 0; i < 8 && s.n_active < N_OPEN && s.next < s.n_pairs; i++)
			if (!open_one())
				break;
		step(s.now_us + (s.next < s.n_pairs && s.n_active < N_OPEN ? below(20 * MS) : 10 * SEC));
		if (s.now_us >= look_us) {
			look_us = s.now_us + 10 * SEC;
			find_stuck();
		}
	}
	s.last_us = s.now_us;
	end_us = s.now_us + DRAIN_US;
	for (i = 0; i < 2; i++)
		release_mbufs(&s.n[i]);
	while (s.now_us < end_us && !s.bad)
		step(end_us);
	for (i = 0; i < 2; i++)
		if (s.n[1].l[i])
			tern_listener_close(s.n[1].l[i]);
	run();
	if (!s.bad)
		judge();
	describe();
	for (i = 0; i < 2; i++) {
		expect("frames on the wire", i, impair_in_flight(s.wire[i]), 0);
		impair_destroy(s.wire[i]);
		node_stop(i);
	}
	expect("the wire's mbufs free", 2, rte_mempool_avail_count(wire_mp), n_wire);
	free(s.pairs);
	return s.hash;
}

static int
start(void)
{
	char *eal[] = {"sim", "--no-huge", "--no-pci", "--no-shconf", "-m", "384", "--no-telemetry", "-l", "0", "--log-level=error",
		       NULL};
	unsigned int i;

	if (rte_eal_init(RTE_DIM(eal) - 1, eal) < 0)
		return -1;
	randombytes_set_implementation(&seeded);
	if (sodium_init() < 0) /* takes some: not from the first seed */
		return -1;
	pools[0] = rte_pktmbuf_pool_create("a", N_MBUFS, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	pools[1] = rte_pktmbuf_pool_create("b", N_MBUFS, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	wire_mp = rte_pktmbuf_pool_create("wire", N_WIRE, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	if (!pools[0] || !pools[1] || !wire_mp)
		return -1;
	for (i = 0; i < PERIOD; i++)
		bytes[i] = mix(i);
	memcpy(bytes + PERIOD, bytes, CHUNK);
	return 0;
}

int
main(int argc, char **argv)
{
	static const struct option opts[] = {{"seeds", 1, NULL, 'n'}, {"seed", 1, NULL, 's'}, {"conns", 1, NULL, 'c'},
					     {"twice", 0, NULL, 't'}, {"trace", 0, NULL, 'x'}, {NULL}};
	const char *env = getenv("TERN_SEED"), *fewer = getenv("SIM_CONNS");
	uint64_t first = env ? strtoull(env, NULL, 0) : 1, n = env ? 1 : 30, i, hash, ok = 0, failed = 0, aborted = 0, bad = 0, checks;
	uint32_t conns = fewer ? strtoul(fewer, NULL, 0) : 200, n_inv;
	bool twice = false;
	int o;

	while ((o = getopt_long(argc, argv, "v", opts, NULL)) != -1) {
		if (o == 'n')
			n = strtoull(optarg, NULL, 0);
		else if (o == 's')
			first = strtoull(optarg, NULL, 0), n = 1;
		else if (o == 'c')
			conns = strtoul(optarg, NULL, 0);
		else if (o == 't')
			twice = true;
		else if (o == 'x')
			tracing = true;
		else if (o == 'v')
			verbose = true;
		else
			return 2;
	}
	if (!conns || conns > ADDRS * PORTS || start())
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (i = first; i < first + n; i++) {
		hash = simulate(i, conns);
		if (twice && !s.bad && hash != simulate(i, conns))
			fault("the same seed made other packets: %016lx, then %016lx", hash, s.hash);
		ok += s.ok;
		failed += s.failed;
		aborted += s.aborted;
		bad += s.bad;
	}
	printf("sim: %lu seeds, %lu connections: %lu whole, %lu ended by an error both wires excuse, %lu aborted by us; %lu seeds "
	       "with faults\n", n, ok + failed + aborted, ok, failed, aborted, bad);
	n_inv = check_count(&checks);
	printf("sim: %u invariants, checked %lu times\n", n_inv, checks);
	return bad != 0;
}
