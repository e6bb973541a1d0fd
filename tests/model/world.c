/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The two workers. All that they and the applications can write lies in a few pieces of memory that are copied and put
 * back: what the library maps comes from one arena (the linker gives its mmap() to __wrap_mmap64()), mbufs from pools
 * of our own.
 */
#include <sys/mman.h>
#include <rte_memzone.h>
#include <rte_ring.h>
#include "stack/check.h"
#include "stack/conf.h"
#include "model.h"

#define ARENA (8u << 20)
#define PAGE 4096u
#define PIECES 24u
#define N_MBUFS 64u
#define ROUNDS_MAX 1000u
#define RUNS_USED 16u
#define APART_US 64u

struct model m;
static struct tern_worker *w[2];
static struct rte_mempool *mp[2];
static struct tern_listener *listener;
static uint8_t *arena;
static size_t arena_used;
static struct {
	void *at;
	size_t len;
} pieces[PIECES];
static unsigned int n_pieces;
static size_t pieces_len;

void *__wrap_mmap64(void *addr, size_t len, int prot, int flags, int fd, off_t off);
int __wrap_munmap(void *addr, size_t len);

void *
__wrap_mmap64(void *addr, size_t len, int prot, int flags, int fd, off_t off)
{
	void *p = arena + arena_used;

	if (arena_used + RTE_ALIGN_CEIL(len, PAGE) > ARENA)
		return MAP_FAILED;
	arena_used += RTE_ALIGN_CEIL(len, PAGE);
	return p;
}

/* A world is taken down as a whole. */
int
__wrap_munmap(void *addr, size_t len)
{
	return 0;
}

static void
piece(void *at, size_t len)
{
	if (n_pieces == PIECES)
		abort();
	pieces[n_pieces].at = at;
	pieces[n_pieces++].len = len;
	pieces_len += len;
}

/* A mempool's header, our lcore's cache, its ring and its objects. */
static void
piece_pool(struct rte_mempool *p)
{
	struct rte_mempool_memhdr *h;
	struct rte_ring *r = p->pool_data;

	piece(p, sizeof(*p));
	if (p->cache_size)
		piece(&p->local_cache[rte_lcore_id()], sizeof(p->local_cache[0]));
	piece(r->memzone->addr, r->memzone->len);
	STAILQ_FOREACH (h, &p->mem_list, next)
		piece(h->addr, h->len);
}

size_t
world_size(void)
{
	return pieces_len;
}

void
world_save(uint8_t *to)
{
	for (unsigned int i = 0; i < n_pieces; to += pieces[i++].len)
		memcpy(to, pieces[i].at, pieces[i].len);
}

void
world_restore(const uint8_t *from)
{
	for (unsigned int i = 0; i < n_pieces; from += pieces[i++].len)
		memcpy(pieces[i].at, from, pieces[i].len);
}

int
world_init(void)
{
	arena = aligned_alloc(PAGE, ARENA);
	for (unsigned int i = 0; i < 2; i++)
		mp[i] = rte_pktmbuf_pool_create(i ? "b" : "a", N_MBUFS, 0, 0, RTE_PKTMBUF_HEADROOM + 256,
						SOCKET_ID_ANY);
	return arena && mp[0] && mp[1] ? 0 : -1;
}

struct tern_worker *
world_worker(unsigned int i)
{
	return w[i];
}

struct tern_listener *
world_listener(void)
{
	return listener;
}

void
endpoint(struct tern_endpoint *e, unsigned int end, uint16_t port)
{
	static const uint8_t net4[4] = {192, 0, 2}, net6[16] = {0x20, 1, 0x0d, 0xb8};

	memset(e, 0, sizeof(*e));
	e->af = scope.af;
	e->port = htons(port);
	memcpy(e->addr, scope.af == 4 ? net4 : net6, scope.af == 4 ? 4 : 16);
	e->addr[scope.af == 4 ? 3 : 15] = end + 1;
}

static void
node_start(unsigned int i)
{
	struct tern_conf c;
	struct tern_if_conf *ic = &c.ifs[0];
	struct rte_ether_addr mac = {{2, 0, 0, 0, 0, i + 1}};
	struct tern_endpoint e;
	const uint8_t af = scope.af;

	tern_conf_init(&c, sizeof(c));
	c.max_conns = c.max_requests = c.max_timewait = 8;
	c.max_portsets = 1;
	c.max_listeners = 1;
	c.max_neighbours = 2;
	c.n_mbufs = N_MBUFS;
	c.n_ifs = 1;
	c.tcp.timestamps = scope.timestamps;
	c.tcp.quickack = false;
	c.tcp.snd_buf_max = c.tcp.rcv_buf_max = 1; /* buffers stay as they are */
	scope.af = 4;
	endpoint(&e, i, 0);
	memcpy(ic->addr4, e.addr, 4);
	ic->prefix4 = 24;
	scope.af = 6;
	endpoint(&e, i, 0);
	memcpy(ic->addr6, e.addr, 16);
	ic->prefix6 = 64;
	scope.af = af;
	if (conf_settle(&c) || worker_create(&w[i], &c, i, -1, mp[i], m.now_us) ||
	    link_iface_init(&w[i]->ifs[0], 0, ic, &mac, 1500)) {
		fprintf(stderr, "no worker\n");
		exit(2);
	}
	w[i]->n_ifs = 1;
	w[i]->ifs[0].tx_multi_seg = true;
}

/* The two know each other's address: asking is no part of the search. */
static void
acquaint(void)
{
	const struct tern_ops none = {0};
	struct tern_endpoint to;
	struct tern_conn *c;

	for (unsigned int i = 0; i < 2; i++) {
		endpoint(&to, !i, 9);
		if (tern_connect(w[i], NULL, &to, &none, NULL, &c))
			exit(2);
		world_run();
		tern_abort(c);
		world_run();
		m.n_fly[0] = m.n_fly[1] = 0;
		world_run();
	}
}

/* Most of the runs and all of the Fast Open cookies are never touched: that is looked after, and they need not be
 * copied. */
static void
pieces_of_arena(void)
{
	uint8_t *from = arena, *skip[6][2];
	unsigned int n = 0;

	for (unsigned int i = 0; i < 2; i++) { /* in the order in which worker_create() maps them */
		skip[n][0] = (uint8_t *)w[i]->runs.base + RUNS_USED * w[i]->runs.size;
		skip[n++][1] = (uint8_t *)w[i]->runs.base + w[i]->runs.bytes;
		skip[n][0] = (uint8_t *)w[i]->rxruns.base + RUNS_USED * w[i]->rxruns.size;
		skip[n++][1] = (uint8_t *)w[i]->rxruns.base + w[i]->rxruns.bytes;
		skip[n][0] = (uint8_t *)w[i]->fastopen.peers;
		skip[n++][1] = (uint8_t *)w[i]->mem.accounts; /* what is mapped next */
	}
	for (unsigned int i = 0; i < n; from = skip[i++][1]) {
		if (skip[i][0] < from || skip[i][1] < skip[i][0])
			abort();
		piece(from, skip[i][0] - from);
	}
	piece(from, arena + arena_used - from);
}

void
world_start(void)
{
	struct tern_endpoint e;

	for (unsigned int i = 0; i < 2; i++)
		if (w[i])
			worker_destroy(w[i]);
	memset(&m, 0, sizeof(m));
	m.now_us = 1000000;
	m.left = scope.most;
	m.e[0].sends = scope.sends[0];
	m.e[1].sends = scope.sends[1];
	arena_used = 0;
	memset(arena, 0, ARENA);
	node_start(0);
	node_start(1);
	acquaint();
	endpoint(&e, 1, 80);
	listener = NULL;
	if (!scope.simultaneous && tern_listen(w[1], &e, 1, &ends_listener, NULL, &listener))
		exit(2);
	n_pieces = pieces_len = 0;
	piece(&m, sizeof(m));
	pieces_of_arena();
	for (unsigned int i = 0; i < 2; i++) {
		piece_pool(mp[i]);
		piece_pool(w[i]->mbufs.small);
	}
	if (listener)
		piece(listener, sizeof(*listener));
}

static bool
is_tcp(const uint8_t *p, uint16_t n)
{
	return n >= 54 && ((p[12] == 8 && p[13] == 0 && p[23] == 6) || (p[12] == 0x86 && p[20] == 6));
}

static void
arrive(unsigned int to, const uint8_t *p, uint16_t n)
{
	struct rte_mbuf *f = rte_pktmbuf_alloc(mp[to]);

	if (!f) {
		fault("worker %u has no mbuf", to);
		return;
	}
	memcpy(rte_pktmbuf_append(f, n), p, n);
	m.e[to].absent |= scope.simultaneous && is_tcp(p, n) && !m.e[to].opened;
	worker_set_time(w[to], m.now_us);
	worker_input(w[to], 0, &f, 1);
}

/* What worker i wants to send is on its way; what is not TCP has arrived. */
static bool
transmit(unsigned int i)
{
	struct iface *ifc = &w[i]->ifs[0];
	const unsigned int n = ifc->n_tx;

	ifc->n_tx = 0;
	for (unsigned int k = 0; k < n; k++) {
		uint8_t buf[FRAME_MAX];
		const uint32_t len = rte_pktmbuf_pkt_len(ifc->tx[k]);
		const uint8_t *p = len <= FRAME_MAX ? rte_pktmbuf_read(ifc->tx[k], 0, len, buf) : NULL;

		if (!p || m.n_fly[i] == FLY_MAX) {
			fault("a frame of %u bytes, %u on their way", len, m.n_fly[i]);
		} else {
			memmove(buf, p, len);
			if (is_tcp(buf, len)) {
				struct flying *f = &m.fly[i][m.n_fly[i]++];

				memcpy(f->p, buf, len);
				f->len = len;
			}
		}
		rte_pktmbuf_free(ifc->tx[k]);
		if (p && !is_tcp(buf, len))
			arrive(!i, buf, len);
	}
	return n > 0;
}

/*
 * Who is aborted leaves nothing that remembers it, and an old duplicate of its SYN may begin it again. That its numbers
 * are others then is the work of the clock (RFC 9293 3.4.1), which stands still here unless something waits for it: so
 * between a connection's end and what comes next is more time than it has sent bytes, in 4 us.
 */
static void
apart(void)
{
	const uint32_t avail = w[0]->conns.avail + w[1]->conns.avail;

	if (avail > m.avail)
		m.now_us += APART_US;
	m.avail = avail;
}

void
world_run(void)
{
	unsigned int rounds = 0;
	const char *why;
	bool busy;

	do {
		busy = false;
		for (unsigned int i = 0; i < 2; i++) {
			worker_set_time(w[i], m.now_us);
			busy |= worker_run(w[i]);
			busy |= transmit(i);
		}
	} while (busy && ++rounds < ROUNDS_MAX);
	if (busy)
		fault("a worker is busy for ever");
	for (unsigned int i = 0; i < 2; i++) {
		why = worker_check(w[i]);
		if (why)
			fault("worker %u: %s", i, why);
		if (w[i]->runs.total - w[i]->runs.fresh > RUNS_USED ||
		    w[i]->rxruns.total - w[i]->rxruns.fresh > RUNS_USED)
			fault("worker %u uses more runs than are saved", i);
	}
	apart();
}

void
world_forget(unsigned int i)
{
	memmove(m.fly[i], m.fly[i] + 1, --m.n_fly[i] * sizeof(m.fly[i][0]));
}

void
world_deliver(unsigned int i, bool second, bool keep)
{
	const struct flying f = m.fly[i][second];

	if (second)
		m.fly[i][1] = m.fly[i][0];
	if (!keep)
		world_forget(i);
	arrive(!i, f.p, f.len);
	world_run();
}

static void
soonest(struct tobj *o, void *arg)
{
	uint64_t *at = arg, tick;
	const struct wheel *wh = &w[0]->wheel;

	if (!wheel_armed(&o->timer))
		return;
	tick = wh->now + (int32_t)(o->timer.expiry - (uint32_t)wh->now);
	*at = RTE_MIN(*at, tick << TICK_SHIFT);
}

/* The workers' clocks are one. Neighbours' timers are not waited for. */
uint64_t
world_next(void)
{
	uint64_t at = UINT64_MAX;

	for (unsigned int i = 0; i < 2; i++)
		table_walk(&w[i]->table, soonest, &at);
	return at == UINT64_MAX ? at : RTE_MAX(at, m.now_us + TICK_US);
}
