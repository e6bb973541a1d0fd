/* SPDX-License-Identifier: BSD-3-Clause */
/* The start and the end of an input: two workers with the settings that its first bytes say, and what must be left
 * of them. */
#include <stdio.h>
#include "../random.h"
#include "bed.h"
#include "stack/conf.h"

#define N_SIZES 3u
#define DRAIN_ROUNDS 64u

struct bed bed;
uint8_t content[PERIOD + CHUNK];

static const uint16_t pool_sizes[N_SIZES] = {96, 256, 1024};
static struct rte_mempool *pools[2][N_SIZES];
struct rte_mempool *pads;
static uint64_t rng;

uint64_t
bed_rand(void)
{
	return random_next(&rng);
}

/* --- start ------------------------------------------------------------------------------------------------------ */

void
bed_init(void)
{
	unsigned int i, k;
	char name[32];

	fuzz_eal(1);
	if (secrets_from(&rng) < 0)
		fuzz_fail("no libsodium");
	for (i = 0; i < PERIOD; i++)
		content[i] = mix(i);
	for (; i < sizeof(content); i++)
		content[i] = content[i - PERIOD];
	pads = rte_pktmbuf_pool_create("pads", 2 * TX_RING, 0, 0, RTE_PKTMBUF_HEADROOM + 64, SOCKET_ID_ANY);
	if (!pads)
		fuzz_fail("no memory for mbufs");
	for (i = 0; i < 2; i++)
		for (k = 0; k < N_SIZES; k++) {
			snprintf(name, sizeof(name), "mbufs%u.%u", i, k);
			pools[i][k] = rte_pktmbuf_pool_create(name, pool_sizes[k], 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
							      SOCKET_ID_ANY);
			if (!pools[i][k])
				fuzz_fail("no memory for mbufs");
		}
}

static void
on_trace(struct tern_worker *w, const char *line, void *arg)
{
	printf("    %lu.%06lu %u: %s\n", bed.now_us / SEC, bed.now_us % SEC, w->index, line);
}

static void
on_timer(struct tern_timer *t, void *arg)
{
	struct node *n = arg;

	n->dirty = true;
	if (!bed.draining && bed.in.p < bed.in.end && u8() & 1)
		tern_timer_start(n->w, t, u16());
}

static void
settings(unsigned int *pool)
{
	static const uint32_t bufs[] = {2048, 4096, 16384, 65536};
	struct tern_conf *c = &bed.conf;
	const uint8_t a = u8(), b = u8(), d = u8(), e = u8();

	tern_conf_init(c, sizeof(*c));
	c->max_conns = 4 + (e & 7);
	c->max_requests = 16;
	c->max_timewait = e >> 3 & 3 ? 8 : e >> 5;
	c->max_portsets = 4;
	c->max_listeners = LISTENERS;
	c->max_neighbours = 4;
	c->n_ifs = 1;
	*pool = b % N_SIZES;
	c->n_mbufs = pool_sizes[*pool];
	c->tcp.timestamps = !(a & 1);
	c->tcp.sack = (a & 6) != 6;
	c->tcp.wscale = !(a & 8);
	c->tcp.nagle = !(a & 16);
	c->tcp.quickack = !(a & 32);
	c->tcp.gro = !(a & 64);
	c->tcp.abort_on_overflow = a & 128;
	c->tcp.cc = (b >> 2 & 3) % TERN_CC_COUNT;
	c->tcp.ecn = (b >> 4 & 3) % 3;
	c->tcp.cookie_mode = (b >> 6) % 3;
	c->tcp.snd_buf = bufs[d & 3];
	c->tcp.rcv_buf = bufs[d >> 2 & 3];
	c->tcp.snd_buf_max = c->tcp.rcv_buf_max = d & 16 ? 1 << 18 : 0;
	if (d & 32)
		c->tcp.delack_ms = 0;
	c->tcp.time_wait_ms = d & 64 ? 1000 : 60000;
	c->tcp.fin_timeout_ms = d & 64 ? 2000 : 60000;
	c->tcp.user_timeout_ms = d & 128 ? 5000 : 30000;
	c->tcp.syn_timeout_ms = 30000;
	c->tcp.somaxconn = 4;
	c->tcp.max_orphans = e & 128 ? 1 : TERN_AUTO;
	if (e & 64)
		c->tcp.port_min = 1024, c->tcp.port_max = 1024 + 7;
	memset(c->tcp.fastopen_key, e & 32 ? 1 : 0, sizeof(c->tcp.fastopen_key));
	c->app.trace = fuzz_trace ? on_trace : NULL;
}

void
node_addr(uint8_t *addr, uint8_t af, uint8_t lo)
{
	static const uint8_t net4[4] = {192, 0, 2}, net6[16] = {0x20, 1, 0x0d, 0xb8};

	memcpy(addr, af == 4 ? net4 : net6, af == 4 ? 4 : 16);
	addr[af == 4 ? 3 : 15] = lo;
}

static void
node_start(unsigned int i, unsigned int pool)
{
	const struct rte_ether_addr mac = {{2, 0, 0, 0, 0, i + 1}};
	struct node *n = &bed.n[i];
	struct tern_conf conf = bed.conf;
	struct tern_if_conf *ic = &conf.ifs[0];
	unsigned int k;

	node_addr(ic->addr4, 4, i + 1);
	ic->prefix4 = 24;
	node_addr(ic->addr6, 6, i + 1);
	ic->prefix6 = 64;
	n->mp = pools[i][pool];
	n->n_mp = rte_mempool_avail_count(n->mp);
	FUZZ_MUST(n->n_mp == pool_sizes[pool]);
	if (conf_settle(&conf) || worker_create(&n->w, &conf, i, -1, n->mp, bed.now_us) ||
	    link_iface_init(&n->w->ifs[0], 0, ic, &mac, bed.mtu))
		fuzz_fail("no worker");
	n->w->n_ifs = 1;
	n->w->ifs[0].tx_multi_seg = bed.multi_seg;
	n->w->ifs[0].tx_segs = n->w->ifs[0].tso_segs = 32;
	n->w->ifs[0].tx_tcp_cksum = n->w->ifs[0].tx_tso = bed.tso;
	for (k = 0; k < SOCKS; k++)
		n->e[k].n = n;
	for (k = 0; k < TIMERS; k++)
		tern_timer_init(&n->timer[k], on_timer, n);
}

static void
on_released(struct tern_ref *r, void *arg)
{
	bed.released++;
}

/* What most programs of calls begin with, so that inputs need not find it. */
static void
prologue(uint8_t how)
{
	struct tern_endpoint at = {.af = how & 1 ? 6 : 4, .port = htons(80)}, to = at;
	unsigned int i, k;
	struct end *e;

	for (i = 0; i < 2 && how & 2; i++) {
		if (tern_listen(bed.n[i].w, &at, how >> 5, &listen_ops, &bed.n[i], &bed.n[i].l[0]))
			bed.n[i].l[0] = NULL;
		bed.n[i].auto_accept = how & 4;
	}
	node_addr(to.addr, to.af, 2);
	for (k = 0; k < (how >> 3 & 3u); k++) {
		e = end_new(&bed.n[0]);
		e->mode = u8();
		if (tern_connect(bed.n[0].w, NULL, &to, &end_ops, e, &e->c) == 0)
			end_opened(e);
		else
			e->used = false, e->c = NULL;
	}
	bed.n[0].dirty = bed.n[1].dirty = true;
	quiet();
}

void
bed_start(void)
{
	unsigned int i, pool;
	uint8_t how;

	rng = 1;
	settings(&pool);
	how = u8();
	bed.now_us = how & 1 ? (UINT32_MAX - 3000ull) * 1000 : SEC; /* the clock of timestamps wraps */
	bed.mtu = how & 2 ? 1280 : 1500;
	bed.multi_seg = !(how & 4);
	bed.tso = bed.multi_seg && how & 8;
	bed.lossy = how & 16;
	bed.clones = how >= 208;
	rng = how >> 5;
	for (i = 0; i < 2; i++)
		node_start(i, pool);
	FUZZ_MUST(tern_ref_init(&bed.ref, content, sizeof(content), on_released, NULL) == 0);
	prologue(u8());
}

/* --- end -------------------------------------------------------------------------------------------------------- */

static void
give_up(struct node *n, bool close)
{
	unsigned int i;

	let_go(n, 0);
	for (i = 0; i < LISTENERS; i++) {
		if (n->l[i])
			tern_listener_close(n->l[i]);
		n->l[i] = NULL;
	}
	for (i = 0; i < SOCKS; i++) {
		n->e[i].mode = 0;
		if (n->e[i].c && close)
			tern_close(end_take(&n->e[i]));
		else if (n->e[i].c)
			tern_abort(end_take(&n->e[i]));
	}
	for (i = 0; i < TIMERS; i++)
		tern_timer_stop(n->w, &n->timer[i]);
	n->dirty = true;
}

static void
want(const char *what, unsigned int i, uint64_t is, uint64_t must)
{
	if (is != must)
		fuzz_fail("node %u at the end: %s: %llu, not %llu", i, what, (unsigned long long)is,
			  (unsigned long long)must);
}

static void
want_pool(const char *what, unsigned int i, const struct pool *p)
{
	want(what, i, p->avail, p->total);
}

static void
judge(unsigned int i)
{
	const struct node *n = &bed.n[i];
	const struct tern_worker *w = n->w;
	uint64_t k;

	want_pool("connections free", i, &w->conns);
	want_pool("rare states free", i, &w->rares);
	want_pool("loss states free", i, &w->losses);
	want_pool("runs free", i, &w->runs);
	want_pool("received runs free", i, &w->rxruns);
	want_pool("requests free", i, &w->requests);
	want_pool("TIME-WAITs free", i, &w->timewaits[0]);
	want_pool("TIME-WAITs of IPv6 free", i, &w->timewaits[1]);
	want_pool("port sets free", i, &w->ports.pool);
	want("bytes granted to buffers", i, w->buf_granted, 0);
	want("mbufs in queues", i, w->mem.own + w->mem.foreign, 0);
	for (k = 0; k < w->mem.n_accounts; k++)
		want("users and mbufs of an account", i, w->mem.accounts[k].held + w->mem.accounts[k].users, 0);
	want("orphans", i, w->mem.orphans, 0);
	want("on lists", i, w->mem.listed, 0);
	want("Fast Opens pending", i, w->fastopen.pending, 0);
	want("objects in the table", i, w->table.count, 0);
	want("to be accepted", i, w->listeners.accept_queued, 0);
	want("half open", i, w->listeners.half_open + w->listeners.reserved_requests, 0);
	want("listeners", i, w->listeners.n, 0);
	want("idle", i, worker_idle(w, true), true);
	want("small mbufs all free", i, rte_mempool_full(w->mbufs.small), true);
	want("mbufs free", i, rte_mempool_avail_count(n->mp), n->n_mp);
	for (k = 0; k < SOCKS; k++) {
		const struct end *e = &n->e[k];

		if (e->used && (e->closed + e->ended != 1 || e->ended != e->gave_up))
			fuzz_fail("node %u, end %u: closed() %u times, ended() %u times, given up: %u", i,
				  (unsigned int)k, e->closed, e->ended, e->gave_up);
	}
}

static bool
all_idle(void)
{
	return worker_idle(bed.n[0].w, true) && worker_idle(bed.n[1].w, true);
}

void
bed_stop(void)
{
	unsigned int i;

	SAY("-- all is given up\n");
	bed.draining = true;
	bed.mute = bed.lossy = false;
	for (i = 0; i < 2; i++) {
		plenty(&bed.n[i]);
		unjam(i);
		give_up(&bed.n[i], i == 0 && bed.steps & 1);
	}
	quiet();
	for (i = 0; i < 8 && !all_idle(); i++)
		advance(10 * SEC, 200);
	/* who may wait for days has a peer that is there, but nobody can say so any more */
	for (i = 0; i < DRAIN_ROUNDS && !all_idle(); i++) {
		reset_all(0);
		reset_all(1);
		advance(30 * SEC, 100);
	}
	advance(70 * SEC, 100); /* fragments, TIME-WAITs, neighbours */
	for (i = 0; i < 2; i++) {
		bed.n[i].dirty = true;
		check(i);
		judge(i);
		worker_destroy(bed.n[i].w);
		want("mbufs free after the worker", i, rte_mempool_avail_count(bed.n[i].mp), bed.n[i].n_mp);
	}
	tern_ref_put(&bed.ref);
	want("times that shared memory was released", 2, bed.released, 1);
}
