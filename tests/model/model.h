/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A model checker over the real code: two workers, one connection, and every order in which frames arrive, are lost,
 * doubled and overtaken, applications act, and time passes. Theory of operation: model.c.
 */
#ifndef MODEL_H
#define MODEL_H
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>
#include <rte_mempool.h>
#include "tcp/conn.h"
#include "tcp/listen.h"
#include "tcp/loss.h"
#include "tcp/opt.h"
#include "tcp/reasm.h"
#include "tcp/seq.h"
#include "tcp/timewait.h"
#include "stack/worker.h"

#define FLY_MAX 24u /* frames on their way, in one direction */
#define FRAME_MAX 200u

struct flying {
	uint16_t len;
	uint8_t p[FRAME_MAX];
};

/** An application's end. */
struct end {
	struct tern_conn *c; /* NULL: not opened yet, given up, or gone */
	bool opened, connected, shut, gave_up, aborted, told;
	bool absent; /* something came for it before it opened: that was answered by RST */
	bool early; /* it left before all was there: the other end may be reset, and bytes be missing */
	int err;    /* told */
	uint32_t sent, got;
	uint8_t sends; /* that are left */
};

/** What may go wrong, and how often. */
struct budget {
	uint8_t loss, dup, reorder, late; /* late: time passes while frames are on their way */
};

/** All of a state but what the workers keep. */
struct model {
	uint64_t now_us;
	struct end e[2];
	struct flying fly[2][FLY_MAX]; /* [i]: out of worker i, the oldest first */
	uint8_t n_fly[2];
	struct budget left;
	uint32_t avail; /* connections not in use, of both */
};
extern struct model m;

/** The scope of a search. */
struct scope {
	struct budget most;
	uint8_t sends[2];	/* of SEND_LEN bytes, at most */
	bool simultaneous;	/* both open actively; else end 1 listens */
	bool timestamps;
	uint8_t af;
};
extern struct scope scope;

/** What can happen next. */
enum step { DELIVER, LOSE, DOUBLE, OVERTAKE, OPEN, SEND, SHUT, CLOSE, ABORT, TIME, N_STEPS };
struct choice {
	uint8_t step, end;
};

/* world.c: the workers, their memory, the wire */
int world_init(void);
/** A fresh world of this scope. */
void world_start(void);
struct tern_worker *world_worker(unsigned int i);
struct tern_listener *world_listener(void);
/** Everything that needs no time to pass. */
void world_run(void);
/** The oldest frame out of worker i, or the one behind it, arrives. */
void world_deliver(unsigned int i, bool second, bool keep);
void world_forget(unsigned int i);
/** When something is due by itself: UINT64_MAX: never. */
uint64_t world_next(void);
size_t world_size(void);
void world_save(uint8_t *to);
void world_restore(const uint8_t *from);
void endpoint(struct tern_endpoint *e, unsigned int end, uint16_t port);

/* ends.c: what applications do, and what they are told */
extern const struct tern_listener_ops ends_listener;
void ends_do(enum step s, unsigned int i);
/** May it? */
bool ends_may(enum step s, unsigned int i);
/** Nothing is left to happen. */
void ends_judge(void);

/* hash.c */
uint64_t world_hash(void);

/* model.c */
/** Something is wrong in this state. */
void fault(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
extern bool model_wrong; /* a mistake is made on purpose: it has to be found */
#define SEND_LEN 10u
static inline uint8_t
content(unsigned int end, uint32_t off)
{
	return off * 31 + 7 + end * 101;
}
#endif
