/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The per-lcore context: everything a worker reads or writes on the packet path. Shared nothing. The engine (or a test)
 * feeds it packets and time and takes packets away:
 *
 *	worker_set_time(w, now_us);
 *	worker_input(w, ifidx, mbufs, n);   any number of times
 *	worker_run(w);                      timers, callbacks, one output pass
 *	... take w->ifs[i].tx[0 .. n_tx) and set n_tx = 0
 *
 * Nothing below reads a clock or a device.
 */
#ifndef WORKER_H
#define WORKER_H
#include <stdint.h>
#include <stdbool.h>
#include <string.h>
#include <rte_branch_prediction.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>
#include <rte_prefetch.h>
#include "tern.h"
#include "base/pool.h"
#include "base/wheel.h"
#include "base/table.h"
#include "base/stats.h"
#include "net/link.h"
#include "tcp/account.h"
#include "tcp/cookie.h"
#include "tcp/fastopen.h"
#include "tcp/portset.h"

/* Wheel tick: 128 us, so 2^31 ticks are 76 hours and delayed ACK or RTO are exact to a tick. A power of two: no division. */
#define TICK_SHIFT 7
#define TICK_US (1u << TICK_SHIFT)
#define TIMER_MAX_MS 86400000ull /* a day, well within what the wheel sees ahead */
#define BURST 32
#define MBUF_AHEAD 6u	/* a line from another core takes as long as making two or three packets */
#define SMALL_ROOM 256u /* bytes: a request, an answer */

struct tern_conn;
struct seg;
struct steer;
struct frag;

/* The last answer of link_path(). */
struct path {
	uint8_t addr[16];
	uint16_t neigh;
	uint8_t af; /* 0: none */
	uint8_t via; /* what was asked for */
};

/** What options say of a connection before there is one: the worker's, and each listener's for those that it accepts. */
struct tcp_sockopts {
	uint32_t flags; /* C_CORK, C_BUF_SET */
	uint32_t snd_buf, rcv_buf, user_timeout_ms, linger_ms;
	uint16_t keep_idle_s, keep_intvl_s;
	uint16_t maxseg; /* cap on the MSS, 0: none */
	uint8_t keep_cnt, feat, quickack, cc, ttl, tos;
	uint8_t rcv_ws; /* window scale to offer: what rcv_buf or conf.tcp.rcv_buf_max needs */
};

struct tern_worker {
	/* read and written every poll */
	uint64_t now_us;
	uint32_t now_ms;	   /* now_us / 1000: the timestamp clock (RFC 7323 5.4) */
	struct mem mem;
	struct tern_conn *pend_head, **pend_tail; /* connections that need the output pass */
	struct table table;
	struct pool conns, rares, losses, runs, rxruns, requests, timewaits[2]; /* timewaits: 64 bytes for IPv4, 96 for IPv6 */
	struct rte_mempool *mp;	   /* mbufs for data and packets; not owned */
	struct rte_mempool *small; /* mbufs of SMALL_ROOM bytes for data that was copied in; they never leave the worker */
	struct rte_mempool_cache *mp_cache, *small_cache; /* theirs of the worker's lcore; NULL: none */
	uint64_t mbuf_init, small_init; /* what a new one's rearm_data says */
	uint32_t mbuf_room;	   /* from an mbuf of mp to its buffer */
	uint8_t n_ifs;
	struct iface ifs[TERN_IF_MAX];
	uint64_t stats[STAT_COUNT];

	/* hooks */
	void (*trace_pkt)(struct tern_worker *w, const struct rte_mbuf *m, bool out); /* m at L2; NULL: off */
	void (*trace_state)(struct tern_worker *w, const struct tobj *o, unsigned int from, unsigned int to);
	/* Which worker owns this flow; NULL: this one owns all. Used for port choice and for packets without object. */
	const struct steer *steer;
	/* Give a packet to its owner; true when taken (else the caller goes on). NULL: this one owns all. */
	bool (*handover)(struct tern_worker *w, const struct seg *s);
	/* Called with what is not TCP, unless another worker gave it: ARP and NDP teach all workers. NULL: there are none. */
	void (*share)(struct tern_worker *w, const struct seg *s);

	/* colder */
	struct tern *tern;
	void *user;	/* the application's */
	int tid;	/* of the thread that runs it, 0: not known. Only in debug builds: tcp/call.h */
	struct tern_conf conf; /* as conf_settle() left it */
	unsigned int index;
	int node;
	uint64_t icmp_tokens_us; /* the same of ICMP errors */
	uint32_t ip_ids[256]; /* link_ip_id() */
	uint64_t rst_tokens_us; /* rate limit of RST and stray answers: token bucket in time */
	uint32_t challenge_ms, challenge_left; /* challenge ACKs of this second */
	struct cookies cookies;
	uint64_t rng[4];	   /* xoshiro256**: port choice and jitter, not secrets */
	struct tern_listener *listeners; /* list; hashed by port below */
	struct tern_listener *lhash[256];
	uint32_t n_listeners, reserved_requests;
	uint32_t accept_queued, half_open;
	struct fastopen fastopen;
	uint64_t buf_granted; /* sum of conn_rare.buf_grant */
	struct tcp_sockopts sockopts; /* by conf */
	struct ports ports;
	struct neighs neighs;
	struct path path;
	struct frag *frag;
	uint64_t polls, busy_cycles, total_cycles; /* the engine's */
	bool draining;
	bool handed_over; /* input comes from another worker */
	struct wheel wheel;
};

/** Take one of `burst` tokens that come back one an interval; *t is the bucket's. @return false: there is none. */
static inline bool
token_take(uint64_t *t, uint64_t now_us, uint32_t burst, uint32_t interval_us)
{
	const uint64_t full = (uint64_t)burst * interval_us, floor = now_us > full ? now_us - full : 0;

	if (*t < floor)
		*t = floor;
	if (*t > now_us)
		return false;
	*t += interval_us;
	return true;
}

#define STAT_INC(w, s) ((w)->stats[STAT_##s]++)

/** Allocate and initialise a worker on NUMA node; conf with defaults resolved; mp stays the caller's. now_us starts the
 *  clock. Interfaces are added by link_iface_init(&w->ifs[i], ...), w->n_ifs. @return 0, -ENOMEM. */
int worker_create(struct tern_worker **w, const struct tern_conf *conf, unsigned int index, int node, struct rte_mempool *mp,
		  uint64_t now_us);
/** Send every synchronised connection's peer what tern_abort() sends, before worker_destroy(). The connections stay as they
 *  are. make_room(arg) takes packets from ifs[].tx; when it can't, false, the rest goes without. */
void worker_reset_peers(struct tern_worker *w, bool (*make_room)(void *), void *arg);
/** Frees every connection silently (no packets, no callbacks), then all memory. */
void worker_destroy(struct tern_worker *w);
/** The part of worker_create() that the mbuf functions below need: w->mp, conf and node are set. @return 0, -EINVAL, -ENOMEM. */
int worker_mbufs_init(struct tern_worker *w);
/** The worker runs on this lcore from now on. */
void worker_bind(struct tern_worker *w);
/** Time never goes back. */
void worker_set_time(struct tern_worker *w, uint64_t now_us);
/** Fetch a line that will be written: another core gives it up at once, not first for reading. */
static inline void
prefetch_own(const void *p)
{
	if (!usual(true))
		return;
#ifdef RTE_ARCH_X86
	asm volatile("prefetchw %0" : : "m"(*(const char *)p));
#else
	rte_prefetch0(p);
#endif
}

/**
 * Fetch the lines that input reads of a frame: the mbuf's first and where headers and a small payload lie in its buffer. All
 * are asked for at once, by the layout of rte_pktmbuf_pool_create(), not by buf_addr, which would have to arrive first; of a
 * frame that lies elsewhere (a private area, another headroom) the wrong lines come, which does no harm.
 */
static inline void
worker_prefetch(const struct rte_mbuf *m)
{
	const char *buf = (const char *)(m + 1);

	prefetch_own(m);
	prefetch_own(buf + RTE_PKTMBUF_HEADROOM - RTE_CACHE_LINE_SIZE);
	prefetch_own(buf + RTE_PKTMBUF_HEADROOM);
	prefetch_own(buf + RTE_PKTMBUF_HEADROOM + RTE_CACHE_LINE_SIZE);
}
/** Parse, look up in prefetched stages and process n <= BURST frames received on ifidx. Consumes the mbufs. */
void worker_input(struct tern_worker *w, uint8_t ifidx, struct rte_mbuf **m, unsigned int n);
/** Timers due, callbacks, then one output pass over the pending connections. @return true if anything was done. */
bool worker_run(struct tern_worker *w);
/** Earliest time worker_run() has work by itself: now when connections are pending, UINT64_MAX when never. */
uint64_t worker_next_us(const struct tern_worker *w);
/** True when no connection, half-open request or TIME-WAIT is left (TIME-WAIT counts only if asked). */
bool worker_idle(const struct tern_worker *w, bool timewait_too);

/*
 * rte_pktmbuf_alloc() in stores alone: the line of an mbuf that another core freed is far away, and nothing here waits for it.
 * The second line is left alone: in a pool, next is NULL, and tx_offload means nothing until ol_flags asks for it.
 */
static inline struct rte_mbuf *
mbuf_new(struct rte_mempool *mp, struct rte_mempool_cache *cache, uint32_t room, uint64_t init)
{
	struct rte_mbuf *m;

	if (usual(cache && cache->len)) {
		m = cache->objs[--cache->len];
	} else {
		m = rte_mbuf_raw_alloc(mp);
		if (unlikely(!m))
			return NULL;
	}
	m->buf_addr = (char *)m + room;
	memcpy(&m->rearm_data, &init, sizeof(init));
	m->pkt_len = 0;
	m->data_len = 0;
	m->ol_flags = 0;
	return m;
}

/** One of the worker's pool. What comes next from the pool is fetched: a worker that sends more than it receives takes mbufs
 *  that its peers freed. */
static inline struct rte_mbuf *
worker_mbuf(struct tern_worker *w)
{
	const struct rte_mempool_cache *cache = w->mp_cache;
	const char *next;

	if (usual(cache && cache->len > MBUF_AHEAD)) {
		next = cache->objs[cache->len - MBUF_AHEAD];
		prefetch_own(next);
		next += w->mbuf_room + RTE_PKTMBUF_HEADROOM;
		prefetch_own(next - RTE_CACHE_LINE_SIZE);
		prefetch_own(next);
	}
	return mbuf_new(w->mp, w->mp_cache, w->mbuf_room, w->mbuf_init);
}

/** A small one: warm, as no other core ever has it. */
static inline struct rte_mbuf *
worker_small_mbuf(struct tern_worker *w)
{
	return mbuf_new(w->small, w->small_cache, sizeof(struct rte_mbuf), w->small_init);
}

/* worker_mbuf_free() of what has no short way. Apart: it would have its callers save registers. */
static __rte_noinline __rte_unused void
mbuf_free_far(struct rte_mbuf *m, bool plain)
{
	if (plain)
		rte_mbuf_raw_free(m);
	else
		rte_pktmbuf_free(m);
}

/** rte_pktmbuf_free() that leaves the second cache line of a plain mbuf alone, and knows the way to the worker's own pools. */
static inline void
worker_mbuf_free(struct tern_worker *w, struct rte_mbuf *m)
{
	struct rte_mempool_cache *cache;

	if (!usual(m->nb_segs == 1 && RTE_MBUF_DIRECT(m) && rte_mbuf_refcnt_read(m) == 1)) {
		mbuf_free_far(m, false);
		return;
	}
	cache = m->pool == w->mp ? w->mp_cache : m->pool == w->small ? w->small_cache : NULL;
	if (likely(cache && cache->len < cache->flushthresh))
		cache->objs[cache->len++] = m;
	else
		mbuf_free_far(m, true);
}

static inline uint64_t
us_to_tick(uint64_t us)
{
	return (us + TICK_US - 1) >> TICK_SHIFT; /* never early */
}
static inline uint64_t
worker_rand(struct tern_worker *w)
{
	const uint64_t r = ((w->rng[1] * 5) << 7 | (w->rng[1] * 5) >> 57) * 9, t = w->rng[1] << 17;

	w->rng[2] ^= w->rng[0];
	w->rng[3] ^= w->rng[1];
	w->rng[1] ^= w->rng[2];
	w->rng[0] ^= w->rng[3];
	w->rng[2] ^= t;
	w->rng[3] = w->rng[3] << 45 | w->rng[3] >> 19;
	return r;
}
#endif
