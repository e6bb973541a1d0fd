/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * struct tern, private to stack/tern.c (set-up) and stack/engine.c (the loop). Written at set-up and only read
 * afterwards, but for cmd and each engine's own memory. Theory of operation: engine.c.
 */
#ifndef ENGINE_H
#define ENGINE_H
#include <stdint.h>
#include <stdbool.h>
#include <rte_common.h>
#include <rte_ring.h>
#include "tcp/context.h"
#include "stack/port.h"
#include "net/steer.h"

enum { ENGINE_NEW, ENGINE_RUNNING, ENGINE_IDLE, ENGINE_LEFT }; /* engine.state; IDLE: draining, nothing left open */

enum { CMD_STOP = 1 << 0, CMD_DRAIN = 1 << 1, CMD_HANDOVER = 1 << 2 }; /* tern.cmd */

/** One worker's side of the edge. */
struct engine {
	struct tern_worker *w;
	struct tern *t;
	unsigned int lcore;
	bool busy;                            /* the previous poll moved a packet or fired a timer */
	uint64_t tsc;                         /* at the previous poll */
	uint64_t tsc0;                        /* the clock's beginning: the stack's, unless the TSC went back */
	uint64_t drain_us;                    /* leave by then */
	uint16_t tx_ready[TERN_IF_MAX];       /* of ifs[i].tx, those that the device has seen and not taken yet */
	uint64_t tx_due[TERN_IF_MAX];         /* with tx_wait_us: when frames waiting for company go */
	struct rte_ring *posts;               /* of struct post: calls from other threads */
	struct rte_ring *inbox;               /* frames from the other workers; NULL with one worker */
	struct rte_ring *txbox[TERN_IF_MAX];  /* frames to transmit for workers without a tx queue; NULL: none */
	struct rte_ring *txpeer[TERN_IF_MAX]; /* the txbox that takes this worker's frames; NULL: own queue */
	/* The burst received last, its lines on the way from whoever wrote them while earlier work is done. */
	struct rte_mbuf *staged[BURST];
	uint16_t n_staged, staged_if;
	uint32_t checked, misdelivered;       /* steering by RSS, watched on the first packets */
	uint64_t out_mask;                    /* workers with n_out > 0 */
	uint16_t n_out[TERN_WORKER_MAX];
	struct rte_mbuf *out[TERN_WORKER_MAX][BURST];
	uint32_t state __rte_cache_aligned; /* read by the others while draining */
} __rte_cache_aligned;

struct tern {
	struct tern_conf conf; /* as conf_settle() left it; name and lcores are the copies below */
	char name[16];
	unsigned int lcores[TERN_WORKER_MAX];
	unsigned int n_ports;
	struct port ports[TERN_IF_MAX];
	struct steer steer;
	bool exact;  /* every port delivers to the owner: hand-over is not needed */
	bool paired; /* so does every cable to a stack of as many workers, without a hash */
	uint64_t tsc0;
	uint64_t us_per_tsc; /* 0.64 fixed point */
	struct rte_mempool *mps[TERN_WORKER_MAX];
	struct engine *engines[TERN_WORKER_MAX];
	uint32_t cmd __rte_cache_aligned; /* CMD_*: read every poll, written from anywhere */
	uint32_t drain_ms;
};

/** Microseconds since tern_create(), from 1 s: never zero. */
static inline uint64_t
engine_clock_us(const struct engine *e, uint64_t tsc)
{
	return 1000000 + (uint64_t)(((unsigned __int128)(tsc - e->tsc0) * e->t->us_per_tsc) >> 64);
}

/** Hand-over hook of workers on ports that can't steer. */
bool engine_handover(struct tern_worker *w, const struct seg *s);
/** Copies of what teaches a MAC, and asks for no answer, go to the other workers. */
void engine_share_neigh(struct tern_worker *w, const struct seg *s);
/** Hand-over hook behind RSS: watches that the device keeps its promise. */
bool engine_handover_rss(struct tern_worker *w, const struct seg *s);
#endif
