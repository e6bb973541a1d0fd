/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Local ports of active opens: a bitmap for each (local address, peer address, peer port), so a port in use or in
 * TIME-WAIT is never chosen again for that tuple, and "none left" is known at once instead of after a scan of the
 * table: ports that are free and would come home are counted. Ports are taken in sequence from a random start (RFC
 * 6056 3.3.3), skipping those whose RSS hash would not come home to this worker. A set lives as long as one of its
 * ports is in use.
 *
 * The hash is linear: of 64 ports side by side, those that come home are one of as many patterns as RETA has entries,
 * chosen by the hash of the first. So ports are looked for by the word, and words that have none are remembered
 * (closed) until one is released: the search for the last free port reads 16 words of those, and each word of the map
 * at most once in vain.
 *
 * There are max_portsets of them. With all in use a connection shares the address of one: a range may have
 * millions of addresses.
 */
#include <errno.h>
#include <string.h>
#include <rte_byteorder.h>
#include "net/steer.h"
#include "tcp/context.h"

#define CONNECT_AHEAD 4 /* connects between asking for a bucket's line and looking at it */

/* Of an address family, which ports come home, by the lower bits of a hash: of 64 ports, and how many of all, -1: not
 * counted yet. */
struct homes {
	uint64_t pattern[STEER_RETA_MAX];
	int32_t n[STEER_RETA_MAX];
	bool made;
};

static uint32_t
n_buckets(const struct tern_worker *w)
{
	return rte_align32pow2(w->conf.max_portsets);
}

int
portset_init(struct tern_worker *w)
{
	w->ports.hash = node_alloc(n_buckets(w) * sizeof(void *), w->node);
	w->ports.homes = node_alloc(2 * sizeof(*w->ports.homes), w->node);
	if (!w->ports.hash || !w->ports.homes)
		return -ENOMEM;
	return pool_init(&w->ports.pool, w->conf.max_portsets, sizeof(struct portset), w->node);
}

void
portset_fini(struct tern_worker *w)
{
	pool_fini(&w->ports.pool);
	if (w->ports.hash)
		node_free(w->ports.hash, n_buckets(w) * sizeof(void *));
	if (w->ports.homes)
		node_free(w->ports.homes, 2 * sizeof(*w->ports.homes));
}

/* --- which ports come home ---------------------------------------------------------------------------------- */

/* The hash of p's tuple with this local port. */
static inline uint32_t
port_hash(const struct tern_worker *w, const struct portset *p, uint32_t port)
{
	return steer_hash_port(w->steer, p->steer_base, p->af, rte_cpu_to_be_16(port)) & (w->steer->reta_size - 1);
}

/* Of the map's word i, the ports that come home. */
static inline uint64_t
home_pattern(const struct tern_worker *w, const struct portset *p, uint32_t i)
{
	return likely(!w->steer) ? UINT64_MAX : w->ports.homes[p->af == 6].pattern[port_hash(w, p, i * 64)];
}

/* And may be chosen. */
static inline uint64_t
home_word(const struct tern_worker *w, const struct portset *p, uint32_t i)
{
	const uint32_t min = w->conf.tcp.port_min, max = w->conf.tcp.port_max;
	uint64_t bits = home_pattern(w, p, i);

	if (i <= min >> 6)
		bits &= i == min >> 6 ? UINT64_MAX << (min & 63) : 0;
	if (i >= max >> 6)
		bits &= i == max >> 6 ? UINT64_MAX >> (63 - (max & 63)) : 0;
	return bits;
}

static void
make_patterns(const struct tern_worker *w, uint8_t af)
{
	struct homes *h = &w->ports.homes[af == 6];
	uint32_t i, port, owner;

	for (i = 0; i < w->steer->reta_size; i++) {
		h->n[i] = -1;
		for (port = 0; port < 64; port++) {
			owner = steer_owner_port(w->steer, i, af, rte_cpu_to_be_16(port));
			h->pattern[i] |= (uint64_t)(owner == w->index) << port;
		}
	}
	h->made = true;
}

/* How many ports come home, of all that are chosen from: counted once for each of RETA's entries. */
static uint32_t
count_homes(const struct tern_worker *w, const struct portset *p)
{
	struct homes *h = &w->ports.homes[p->af == 6];
	uint32_t i, first;

	if (!w->steer)
		return w->conf.tcp.port_max - w->conf.tcp.port_min + 1u;
	if (!h->made)
		make_patterns(w, p->af);
	first = port_hash(w, p, 0);
	if (h->n[first] < 0)
		for (h->n[first] = i = 0; i < PORTSET_WORDS; i++)
			h->n[first] += __builtin_popcountll(home_word(w, p, i));
	return h->n[first];
}

static inline bool
is_home(const struct tern_worker *w, const struct portset *p, uint32_t port)
{
	const uint32_t min = w->conf.tcp.port_min;

	return port - min <= w->conf.tcp.port_max - min &&
	       (likely(!w->steer) || home_pattern(w, p, port >> 6) >> (port & 63) & 1);
}

/* --- sets --------------------------------------------------------------------------------------------------- */

static bool
same_addr(const struct portset *p, const struct flow *f)
{
	if (p->rport != f->rport || p->af != f->af)
		return false;
	if (f->af == 4)
		return p->addr.laddr4 == f->addr.laddr4 && p->addr.raddr4 == f->addr.raddr4;
	return memcmp(p->addr.laddr6, f->addr.laddr6, 16) == 0 && memcmp(p->addr.raddr6, f->addr.raddr6, 16) == 0;
}

static void
drop_set(struct tern_worker *w, struct portset *p)
{
	struct portset **pp = &w->ports.hash[p->bucket];

	if (w->ports.last == p)
		w->ports.last = NULL;
	while (*pp != p)
		pp = &(*pp)->hnext;
	*pp = p->hnext;
	pool_put(&w->ports.pool, p);
}

static struct portset *
set_at(const struct tern_worker *w, uint32_t i)
{
	return (struct portset *)((char *)w->ports.pool.base + (size_t)i * w->ports.pool.size);
}

/* Not that of the last connect. Apart: for its copy of f the compiler took all of an address to pieces, each time. */
static __rte_noinline struct portset *
find_other_set(struct tern_worker *w, const struct flow *f)
{
	struct flow key = *f;
	struct portset *p;
	uint32_t b;

	key.lport = 0;
	b = table_hash(&w->table, &key) & (n_buckets(w) - 1);
	for (p = w->ports.hash[b]; p; p = p->hnext)
		if (same_addr(p, f))
			return w->ports.last = p;
	p = pool_get(&w->ports.pool); /* its map is clear: fresh memory, or every port was released */
	if (!p)
		return NULL;
	memcpy(&p->addr, &f->addr, f->af == 4 ? 8 : 32);
	p->rport = f->rport;
	p->af = f->af;
	p->bucket = b;
	p->index = ((const char *)p - (const char *)w->ports.pool.base) / w->ports.pool.size;
	p->steer_base = w->steer ? steer_hash(w->steer, &key) : 0;
	p->left = count_homes(w, p);
	memset(p->closed, 0, sizeof(p->closed));
	p->cursor = w->conf.tcp.port_min + core_rand(&w->core) % (w->conf.tcp.port_max - w->conf.tcp.port_min + 1u);
	p->hnext = w->ports.hash[b];
	w->ports.hash[b] = p;
	return w->ports.last = p;
}

static inline struct portset *
find_set(struct tern_worker *w, const struct flow *f)
{
	struct portset *p = w->ports.last;

	return usual(p && same_addr(p, f)) ? p : find_other_set(w, f);
}

/* The table is large and the bucket of a new tuple far away: ask for what a later connect will look at. */
static inline void
fetch_ahead(const struct tern_worker *w, const struct portset *p, struct flow *f, uint32_t port)
{
	if (!usual(is_home(w, p, port)))
		return;
	f->lport = rte_cpu_to_be_16(port);
	table_prefetch_bucket(&w->table, table_hash(&w->table, f));
}

/* The first port of an open word behind the cursor's, which is the last to be looked at again. */
static __rte_noinline int
next_word_port(const struct tern_worker *w, struct portset *p)
{
	uint32_t i = p->cursor >> 6, looked;

	for (looked = 0; looked < PORTSET_WORDS + 1; looked++) {
		uint64_t open, bits;

		i = (i + 1) % PORTSET_WORDS;
		open = ~p->closed[i >> 6] >> (i & 63);
		if (!open) {
			i |= 63;
			continue;
		}
		i += __builtin_ctzll(open);
		bits = home_word(w, p, i) & ~p->map[i];
		if (bits)
			return i * 64 + __builtin_ctzll(bits);
		p->closed[i >> 6] |= UINT64_C(1) << (i & 63);
	}
	return -EADDRNOTAVAIL;
}

/* The next free port at or after the cursor that comes home. */
static int
next_port(struct tern_worker *w, struct portset *p, struct flow *f)
{
	const uint32_t ahead = CONNECT_AHEAD * (w->steer ? w->steer->n_workers : 1u), i = p->cursor >> 6;
	uint64_t bits;
	int port;

	if (unlikely(!p->left))
		return -EADDRNOTAVAIL;
	bits = home_pattern(w, p, i) & ~p->map[i] & UINT64_MAX << (p->cursor & 63);
	port = bits ? (int)(i * 64 + __builtin_ctzll(bits)) : INT32_MAX;
	if (unlikely(port > w->conf.tcp.port_max) && (port = next_word_port(w, p)) < 0)
		return port;
	fetch_ahead(w, p, f, port + ahead);
	f->lport = rte_cpu_to_be_16(port);
	return port;
}

/* The next free port that no table object has. *hash: its flow's. */
static int
choose_port(struct tern_worker *w, struct portset *p, struct flow *f, uint32_t *hash)
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
		if (!table_lookup(&w->table, f, *hash)) {
			p->left--;
			return port;
		}
	}
	return -EADDRNOTAVAIL;
}

static int
claim_port(struct tern_worker *w, struct portset *p, const struct flow *f, uint32_t *hash)
{
	const uint16_t port = rte_be_to_cpu_16(f->lport);

	*hash = table_hash(&w->table, f);
	if (p->map[port >> 6] >> (port & 63) & 1 || table_lookup(&w->table, f, *hash))
		return -EADDRINUSE;
	p->left -= is_home(w, p, port);
	return port;
}

int
portset_take(struct tern_worker *w, struct flow *f, uint32_t *idx, uint32_t *hash)
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

/* The address of p if f may have it, and p has a port. */
static bool
lend_addr(const struct portset *p, const struct iface *ifc, const void *hop, struct flow *f)
{
	const bool v4 = f->af == 4;

	if (!p->used || !p->left || p->rport != f->rport || p->af != f->af ||
	    (v4 ? p->addr.raddr4 != f->addr.raddr4 : memcmp(p->addr.raddr6, f->addr.raddr6, 16) != 0) ||
	    !link_local_fits(ifc, f->af, hop, v4 ? (const void *)&p->addr.laddr4 : p->addr.laddr6))
		return false;
	flow_addr_copy(&f->addr, &p->addr, f->af);
	return true;
}

/* Of a range of any size, only those that have a set are looked at. */
int
portset_take_used(struct tern_worker *w, const struct iface *ifc, const void *hop, struct flow *f, uint32_t *idx,
		  uint32_t *hash)
{
	const uint32_t n = w->ports.pool.total - w->ports.pool.fresh;
	const uint16_t lport = f->lport;
	int rc = -EADDRNOTAVAIL;
	uint32_t i;

	for (i = 0; i < n && rc == -EADDRNOTAVAIL; i++) {
		if (!lend_addr(set_at(w, (w->ports.local_next + i) % n), ifc, hop, f))
			continue;
		f->lport = lport;
		rc = portset_take(w, f, idx, hash);
	}
	return rc;
}

void
portset_release(struct tern_worker *w, uint32_t idx, uint16_t lport)
{
	struct portset *p = set_at(w, idx);
	const uint16_t port = rte_be_to_cpu_16(lport);

	p->map[port >> 6] &= ~(1ull << (port & 63));
	p->closed[port >> 12] &= ~(1ull << (port >> 6 & 63));
	p->left += is_home(w, p, port);
	if (--p->used == 0)
		drop_set(w, p);
}
