/* SPDX-License-Identifier: BSD-3-Clause */
/* What the parts of the simulation share. What is simulated, and what must hold: sim.c. */
#ifndef SIM_H
#define SIM_H
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>
#include <rte_mempool.h>
#include "../random.h"
#include "impair.h"
#include "tcp/conn.h"
#include "stack/worker.h"

#define N_MBUFS 16384u
#define N_WIRE 32768u
#define N_OPEN 128u /* connections at a time */
#define PORTS 60000u /* per local address: a port is used once in a run, so it names the connection */
#define ADDRS 8u
#define MS UINT64_C(1000)
#define SEC UINT64_C(1000000)

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

struct sim {
	uint64_t seed, rng, now_us, hash, last_us;
	struct node n[2];
	struct impair *wire[2];
	struct impair_conf profile[2];
	struct tern_conf conf;
	struct pair *pairs;
	uint32_t n_pairs, next, n_active, mtu;
	struct end *waiting; /* polled each tick */
	bool mild;
	/* results */
	uint64_t ok, failed, aborted, refused, ghosts, bytes, frames, big;
	bool bad;
};
extern struct sim sim;
extern struct rte_mempool *wire_mp;
extern bool tracing;

/* sim_rand.c */
uint64_t rnd(void);
uint32_t below(uint32_t n);
bool one_in(uint32_t n);
/** libsodium, which the workers' secrets come from, takes its bytes here, too. @return -1: it would not. */
int rand_init(void);

/* sim_app.c */
void content_init(void);
/** Address lo of our networks; a client's address and port name its connection. */
void local_addr(struct tern_endpoint *e, uint8_t af, uint8_t lo, uint16_t port);
/** Open the next connection. @return false: not now. */
bool open_one(void);
void on_acceptable(struct tern_listener *l, void *user);
/** What polls because no event will come. */
void wake_waiting(void);

/* sim_wire.c */
extern bool sim_framing, sim_unchecked; /* print the hash after each frame; leave the invariants alone */
extern uint64_t sim_flip; /* number of a frame */
/** All counters of w go into the run's hash. */
void hash_counters(const struct tern_worker *w);
/** Whatever can happen without time moving. */
void run(void);
/** That, then on to the next event, or to limit_us. */
void step(uint64_t limit_us);

/* sim_node.c */
/** The pools. @return -1: no memory. */
int nodes_init(void);
void choose_conf(void);
void choose_profile(struct impair_conf *c);
void node_start(unsigned int i);
/** Scarce mbufs: all but a few are elsewhere. */
void hold_mbufs(struct node *n, unsigned int leave);
void release_mbufs(struct node *n);
/** Also looks whether everything came back. */
void node_stop(unsigned int i);

/* sim_judge.c */
/** The seed has failed: say of what. */
void fault(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void expect(const char *what, unsigned int node, uint64_t is, uint64_t want);
void find_stuck(void);
/** After the last connection: who has what, and who was told. */
void judge(void);
#endif
