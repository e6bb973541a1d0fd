/* SPDX-License-Identifier: BSD-3-Clause */
/* See fail.h. The linker gives the calls in which a pool is empty to the functions __wrap_*(). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/table.h"
#include "stack/worker.h"
#include "fail.h"

#define ASKED_MAX 8192u
#define LIVE_MAX 1024u
#define HIDDEN_MAX 8u

struct fail_site fail_sites[SITES_MAX];
unsigned int fail_n_sites;

/* A request when nothing failed. */
struct asked {
	uint16_t site;
	uint16_t pool; /* of which pool of the worker: its offset in 32 bytes; 0: no pool */
	uint32_t turn;
};
static struct asked asked[ASKED_MAX];

static struct {
	bool on;
	uint32_t n, nth, hits, turn; /* turn: bursts and calls begun */
	uint32_t in_a_row; /* that fail */
	const struct fail_site *first;
} now;

static const void *live[LIVE_MAX];
static unsigned int n_live;

/* Their pools have as many objects as there are connections, one for each: pool_get() is asked only for a
 * connection without. */
static bool
is_spared(const char *func)
{
	return strcmp(func, "tcp_rare") == 0 || strcmp(func, "tcp_loss") == 0;
}

static unsigned int
site_of(const char *kind, const char *func)
{
	unsigned int i;

	for (i = 0; i < fail_n_sites; i++)
		if (strcmp(fail_sites[i].func, func) == 0 && strcmp(fail_sites[i].kind, kind) == 0)
			return i;
	if (fail_n_sites == SITES_MAX)
		abort();
	fail_sites[fail_n_sites++] =
		(struct fail_site){.kind = kind, .func = func, .spared = kind[0] == 'o' && is_spared(func)};
	return i;
}

void
fail_begin(uint32_t nth, uint32_t in_a_row)
{
	memset(&now, 0, sizeof(now));
	now.on = true;
	now.nth = nth;
	now.in_a_row = in_a_row;
}

uint32_t
fail_end(void)
{
	now.on = false;
	return now.n;
}

uint32_t
fail_hits(void)
{
	return now.hits;
}

bool
fail_out(void)
{
	return now.on && now.hits && now.hits < now.in_a_row;
}

const struct fail_site *
fail_first(void)
{
	return now.first;
}

bool
fail_worth(uint32_t nth)
{
	const struct asked *a = &asked[nth], *before = a - 1;

	if (fail_sites[a->site].spared)
		return false;
	return !a->pool || nth == 1 || before->pool != a->pool || before->turn != a->turn;
}

const char *
fail_kind(uint32_t nth)
{
	return fail_sites[asked[nth].site].kind;
}

static void
failed(unsigned int site)
{
	struct fail_site *s = &fail_sites[site];

	if (!now.first)
		now.first = s;
	now.hits++;
	s->failed++;
}

/* Count a request. @return its number. */
static uint32_t
count(unsigned int site, unsigned int pool)
{
	now.n++;
	if (!now.nth) {
		if (now.n == ASKED_MAX)
			abort();
		asked[now.n] = (struct asked){site, pool, now.turn};
		fail_sites[site].asked++;
	}
	return now.n;
}

bool
fail_here(const char *kind, const char *func)
{
	const unsigned int site = site_of(kind, func);

	if (!now.on || (count(site, 0) != now.nth && !fail_out()))
		return false;
	failed(site);
	return true;
}

/* --- what is allocated ------------------------------------------------------------------------------------------ */

void *
fail_made(void *p)
{
	if (!p || p == (void *)-1)
		return p;
	if (n_live == LIVE_MAX)
		abort();
	live[n_live++] = p;
	return p;
}

void
fail_freed(const void *p)
{
	unsigned int i;

	for (i = n_live; i-- > 0;) {
		if (live[i] == p) {
			live[i] = live[--n_live];
			return;
		}
	}
}

int64_t
fail_live(void)
{
	return n_live;
}

/* --- pools ------------------------------------------------------------------------------------------------------- */

/* Of the worker that has its turn, the pools that are empty meanwhile. */
static struct {
	struct tern_worker *w;
	struct pool *at[HIDDEN_MAX], was[HIDDEN_MAX];
	unsigned int site[HIDDEN_MAX], n;
} hidden;

void
fail_asked(const struct pool *p, const char *func)
{
	const size_t off = (const char *)p - (const char *)hidden.w;
	const unsigned int site = site_of("object", func);

	if (!now.on || fail_sites[site].spared)
		return;
	count(site, hidden.w && off < sizeof(*hidden.w) ? off / 32 : 0);
}

static void
hide(struct tern_worker *w, unsigned int off, unsigned int site)
{
	struct pool *p = (struct pool *)((char *)w + off);
	unsigned int i;

	for (i = 0; i < hidden.n; i++)
		if (hidden.at[i] == p)
			return;
	if (hidden.n == HIDDEN_MAX)
		abort();
	hidden.at[hidden.n] = p;
	hidden.site[hidden.n] = site;
	hidden.was[hidden.n++] = *p;
	p->free = NULL;
	p->avail = p->fresh = 0;
}

static struct pool *
pool_near(struct tern_worker *w, unsigned int pool)
{
	struct pool *const all[] = {&w->conns, &w->runs, &w->rxruns, &w->requests, &w->timewaits[0], &w->timewaits[1],
				    &w->ports.pool};
	unsigned int i;

	for (i = 0; i < RTE_DIM(all); i++)
		if (((char *)all[i] - (char *)w) / 32 == pool)
			return all[i];
	return NULL;
}

static void
turn_begins(struct tern_worker *w)
{
	const struct asked *a = &asked[now.nth];
	struct pool *p;

	hidden.w = w;
	hidden.n = 0;
	if (!now.on)
		return;
	now.turn++;
	if (!now.nth || !a->pool || (a->turn != now.turn && !fail_out()))
		return;
	p = pool_near(w, a->pool);
	if (!p)
		abort();
	hide(w, (char *)p - (char *)w, a->site);
	failed(a->site);
}

static void
turn_ends(void)
{
	unsigned int i;
	void **last;

	for (i = 0; i < hidden.n; i++) { /* what was freed meanwhile stands in front */
		struct pool *p = hidden.at[i];
		const struct pool *was = &hidden.was[i];

		for (last = &p->free; *last; last = *last)
			;
		*last = was->free;
		p->avail += was->avail;
		p->fresh = was->fresh;
	}
	hidden.n = 0;
	hidden.w = NULL;
}

void __real_worker_input(struct tern_worker *w, uint8_t ifidx, struct rte_mbuf **m, unsigned int n);
void __wrap_worker_input(struct tern_worker *w, uint8_t ifidx, struct rte_mbuf **m, unsigned int n);
bool __real_worker_run(struct tern_worker *w);
bool __wrap_worker_run(struct tern_worker *w);
int __real_tern_connect(struct tern_worker *w, const struct tern_endpoint *local, const struct tern_endpoint *remote,
			const struct tern_ops *ops, void *user, struct tern_conn **c);
int __wrap_tern_connect(struct tern_worker *w, const struct tern_endpoint *local, const struct tern_endpoint *remote,
			const struct tern_ops *ops, void *user, struct tern_conn **c);
int __real_tern_connect_fastopen(struct tern_worker *w, const struct tern_endpoint *local,
				 const struct tern_endpoint *remote, const struct tern_ops *ops, void *user,
				 const void *data, size_t len, struct tern_conn **c);
int __wrap_tern_connect_fastopen(struct tern_worker *w, const struct tern_endpoint *local,
				 const struct tern_endpoint *remote, const struct tern_ops *ops, void *user,
				 const void *data, size_t len, struct tern_conn **c);
int __real_table_insert(struct table *t, struct tobj *o);
int __wrap_table_insert(struct table *t, struct tobj *o);
int __real_link_path(struct link *k, uint8_t af, const void *addr, uint8_t via,
		     const struct rte_ether_addr *hint, uint8_t *ifidx, uint16_t *neigh);
int __wrap_link_path(struct link *k, uint8_t af, const void *addr, uint8_t via,
		     const struct rte_ether_addr *hint, uint8_t *ifidx, uint16_t *neigh);

void
__wrap_worker_input(struct tern_worker *w, uint8_t ifidx, struct rte_mbuf **m, unsigned int n)
{
	turn_begins(w);
	__real_worker_input(w, ifidx, m, n);
	turn_ends();
}

bool
__wrap_worker_run(struct tern_worker *w)
{
	bool any;

	turn_begins(w);
	any = __real_worker_run(w);
	turn_ends();
	return any;
}

/* In a callback it is part of that turn. */
int
__wrap_tern_connect(struct tern_worker *w, const struct tern_endpoint *local, const struct tern_endpoint *remote,
		    const struct tern_ops *ops, void *user, struct tern_conn **c)
{
	const bool inside = hidden.w != NULL;
	int rc;

	if (!inside)
		turn_begins(w);
	rc = __real_tern_connect(w, local, remote, ops, user, c);
	if (!inside)
		turn_ends();
	return rc;
}

int
__wrap_tern_connect_fastopen(struct tern_worker *w, const struct tern_endpoint *local,
			     const struct tern_endpoint *remote, const struct tern_ops *ops, void *user,
			     const void *data, size_t len, struct tern_conn **c)
{
	int rc;

	turn_begins(w);
	rc = __real_tern_connect_fastopen(w, local, remote, ops, user, data, len, c);
	turn_ends();
	return rc;
}

int
__wrap_table_insert(struct table *t, struct tobj *o)
{
	return fail_here("table", __func__ + sizeof("__wrap_") - 1) ? -ENOSPC : __real_table_insert(t, o);
}

int
__wrap_link_path(struct link *k, uint8_t af, const void *addr, uint8_t via, const struct rte_ether_addr *hint,
		 uint8_t *ifidx, uint16_t *neigh)
{
	return fail_here("neighbour", __func__ + sizeof("__wrap_") - 1)
		       ? -ENOBUFS
		       : __real_link_path(k, af, addr, via, hint, ifidx, neigh);
}
