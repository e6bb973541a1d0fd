/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Local ports of active opens: a bitmap for each (local address, peer address, peer port), so a port in use or in TIME-WAIT is
 * never chosen again for that tuple, and "none left" is known at once instead of after a scan of the table. Ports are
 * taken in sequence from a random start (RFC 6056 3.3.3), skipping those whose RSS hash would not come home to
 * this worker. A set lives as long as one of its ports is in use.
 */
#include <errno.h>
#include <string.h>
#include <rte_byteorder.h>
#include "steer.h"
#include "tcp.h"

#define CONNECT_AHEAD 4 /* connects between asking for a bucket's line and looking at it */

struct portset {
	struct portset *hnext;
	union flow_addr addr;
	uint16_t rport;
	uint8_t af;
	uint32_t bucket;
	uint32_t index; /* in the pool */
	uint32_t used;
	uint32_t cursor; /* next port to try, host order */
	uint32_t steer_base; /* hash of the tuple with local port 0 */
	uint64_t map[65536 / 64];
};

static uint32_t
n_buckets(const struct worker *w)
{
	return rte_align32pow2(w->conf.max_portsets);
}

int
portset_init(struct worker *w)
{
	w->portset_hash = node_alloc(n_buckets(w) * sizeof(void *), w->node);
	if (!w->portset_hash)
		return -ENOMEM;
	return pool_init(&w->portset_pool, w->conf.max_portsets, sizeof(struct portset), w->node);
}

void
portset_fini(struct worker *w)
{
	pool_fini(&w->portset_pool);
	if (w->portset_hash)
		node_free(w->portset_hash, n_buckets(w) * sizeof(void *));
}

static bool
same_addr(const struct portset *p, const struct flow *f)
{
	if (p->rport != f->rport || p->af != f->af)
		return false;
	if (f->af == 4)
		return p->addr.laddr4 == f->addr.laddr4 && p->addr.raddr4 == f->addr.raddr4;
	return memcmp(&p->addr, &f->addr, 32) == 0;
}

static void
drop_set(struct worker *w, struct portset *p)
{
	struct portset **pp = &w->portset_hash[p->bucket];

	if (w->portset_last == p)
		w->portset_last = NULL;
	while (*pp != p)
		pp = &(*pp)->hnext;
	*pp = p->hnext;
	pool_put(&w->portset_pool, p);
}

static struct portset *
set_at(const struct worker *w, uint32_t i)
{
	return (struct portset *)((char *)w->portset_pool.base + (size_t)i * w->portset_pool.size);
}

/* Not that of the last connect. Apart: for its copy of f the compiler took all of an address to pieces, each time. */
static __rte_noinline struct portset *
find_other_set(struct worker *w, const struct flow *f)
{
	struct flow key = *f;
	struct portset *p;
	uint32_t b;

	key.lport = 0;
	b = table_hash(&w->table, &key) & (n_buckets(w) - 1);
	for (p = w->portset_hash[b]; p; p = p->hnext)
		if (same_addr(p, f))
			return w->portset_last = p;
	p = pool_get(&w->portset_pool); /* its map is clear: fresh memory, or every port was released */
	if (!p)
		return NULL;
	memcpy(&p->addr, &f->addr, f->af == 4 ? 8 : 32);
	p->rport = f->rport;
	p->af = f->af;
	p->bucket = b;
	p->index = ((const char *)p - (const char *)w->portset_pool.base) / w->portset_pool.size;
	p->steer_base = w->steer ? steer_hash(w->steer, &key) : 0;
	p->cursor = w->conf.tcp.port_min + worker_rand(w) % (w->conf.tcp.port_max - w->conf.tcp.port_min + 1u);
	p->hnext = w->portset_hash[b];
	w->portset_hash[b] = p;
	return w->portset_last = p;
}

static inline struct portset *
find_set(struct worker *w, const struct flow *f)
{
	struct portset *p = w->portset_last;

	return likely(p && same_addr(p, f)) ? p : find_other_set(w, f);
}

static inline bool
comes_home(const struct worker *w, const struct portset *p, struct flow *f, uint32_t port)
{
	f->lport = rte_cpu_to_be_16(port);
	return !w->steer || steer_owner_port(w->steer, p->steer_base, f->af, f->lport) == w->index;
}

/* The table is large and the bucket of a new tuple far away: ask for what a later connect will look at. */
static inline void
fetch_ahead(const struct worker *w, const struct portset *p, struct flow *f, uint32_t port)
{
	if (comes_home(w, p, f, port))
		table_prefetch_bucket(&w->table, table_hash(&w->table, f));
}

/* The next free port at or after the cursor that comes home; a full word is skipped whole. */
static int
next_port(struct worker *w, struct portset *p, struct flow *f)
{
	const uint32_t min = w->conf.tcp.port_min, max = w->conf.tcp.port_max, n = max - min + 1;
	const uint32_t ahead = CONNECT_AHEAD * (w->steer ? w->steer->n_workers : 1u);
	uint32_t port = p->cursor, seen = 0;

	while (seen < n) {
		const uint64_t free_bits = ~p->map[port >> 6] >> (port & 63);
		uint32_t skip = free_bits ? (uint32_t)__builtin_ctzll(free_bits) : 64 - (port & 63);

		if (skip == 0) {
			fetch_ahead(w, p, f, port + ahead);
			if (comes_home(w, p, f, port))
				return port;
		}
		skip = RTE_MAX(skip, 1u);
		seen += skip;
		port += skip;
		if (port > max)
			port = min;
	}
	return -EADDRNOTAVAIL;
}

/* The next free port that no table object has. *hash: its flow's. */
static int
choose_port(struct worker *w, struct portset *p, struct flow *f, uint32_t *hash)
{
	unsigned int tries;
	int port;

	/* A connection accepted from the same tuple is not in the map: look, and go on if so. */
	for (tries = 0; tries < 64; tries++) {
		port = next_port(w, p, f);
		if (port < 0)
			break;
		p->cursor = port == w->conf.tcp.port_max ? w->conf.tcp.port_min : port + 1;
		*hash = table_hash(&w->table, f);
		if (!table_lookup(&w->table, f, *hash))
			return port;
	}
	return -EADDRNOTAVAIL;
}

static int
claim_port(struct worker *w, const struct portset *p, const struct flow *f, uint32_t *hash)
{
	const uint16_t port = rte_be_to_cpu_16(f->lport);

	*hash = table_hash(&w->table, f);
	if (p->map[port >> 6] >> (port & 63) & 1 || table_lookup(&w->table, f, *hash))
		return -EADDRINUSE;
	return port;
}

int
portset_take(struct worker *w, struct flow *f, uint32_t *idx, uint32_t *hash)
{
	struct portset *p = find_set(w, f);
	int port;

	if (!p)
		return -EADDRNOTAVAIL;
	port = f->lport ? claim_port(w, p, f, hash) : choose_port(w, p, f, hash);
	if (port < 0) {
		if (p->used == 0)
			drop_set(w, p);
		return port;
	}
	p->map[port >> 6] |= 1ull << (port & 63);
	p->used++;
	*idx = p->index;
	return 0;
}

void
portset_release(struct worker *w, uint32_t idx, uint16_t lport)
{
	struct portset *p = set_at(w, idx);
	const uint16_t port = rte_be_to_cpu_16(lport);

	p->map[port >> 6] &= ~(1ull << (port & 63));
	if (--p->used == 0)
		drop_set(w, p);
}
