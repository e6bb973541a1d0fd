/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A worker: the outermost context, around struct link and struct core. Everything that its lcore reads or writes on
 * the packet path, shared with nobody. What one file owns is a struct of that file's header; tcp/ knows all of it,
 * stack/ makes and drives it.
 */
#ifndef CONTEXT_H
#define CONTEXT_H
#include <stdbool.h>
#include <stdint.h>
#include "tern.h"
#include "base/pool.h"
#include "base/table.h"
#include "net/link.h"
#include "tcp/account.h"
#include "tcp/cookie.h"
#include "tcp/fastopen.h"
#include "tcp/listen.h"
#include "tcp/pending.h"
#include "tcp/portset.h"
#include "tcp/reply.h"
#include "tcp/sockopt.h"

struct steer;

/** Time spent, of which some was for packets or timers: the engine's. */
struct load {
	uint64_t polls, busy_cycles, total_cycles; /* TSC */
};

struct tern_worker {
	union {
		struct link link;
		struct link; /* its fields, and those of its core, are ours */
	};
	struct mem mem;
	struct pending pending;
	struct table table;
	struct pool conns, rares, losses, runs, rxruns, requests, timewaits[2]; /* timewaits: 64 bytes for IPv4, 96
										 * for IPv6 */
	struct ports ports;
	struct listeners listeners;
	struct answers answers;
	struct cookies cookies;
	struct fastopen fastopen;
	struct tcp_sockopts sockopts; /* by conf */
	uint64_t buf_granted;	      /* sum of conn_rare.buf_grant */
	uint64_t least_user_timeout_us; /* of all connections that there were: what ends sooner asks none of them */
	struct tern_conf conf;	      /* as conf_settle() left it */
	unsigned int index;

	/* hooks; NULL: there is none */
	void (*trace_state)(struct tern_worker *w, const struct tobj *o, unsigned int from, unsigned int to);
	const struct rte_mbuf *input; /* while that is there: the segment that is worked on, NULL: none is */
	bool no_trace, no_packet;     /* tern_app's is not to be called: stack/trace.c */
	/* Which worker owns this flow; NULL: this one owns all. Used for port choice and for packets without object. */
	const struct steer *steer;
	/* Give a packet to its owner; true when taken (else the caller goes on). NULL: this one owns all. */
	bool (*handover)(struct tern_worker *w, const struct seg *s);
	/* Called with what is not TCP, unless another worker gave it: ARP and NDP teach all workers. */
	void (*share)(struct tern_worker *w, const struct seg *s);

	struct tern *tern;
	void *user; /* the application's */
	uint32_t n_timers; /* of the application, armed */
	int tid;    /* of the thread that runs it, 0: not known. Only in debug builds: tcp/call.h */
	struct load load;
	bool draining;
	bool handed_over; /* input comes from another worker */
	uint8_t timers_wait; /* so many polls at most, for what came while the worker did not run */
};

static inline struct tern_worker *
worker_of(struct link *k)
{
	return (struct tern_worker *)((char *)k - offsetof(struct tern_worker, link));
}
#endif
