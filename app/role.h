/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A role is what a stack does with its connections: one file, with its options, and one const struct, as testpmd's
 * forwarding engines; a new one is named in roles[] (role.c) and meson.build. start(), poll() and drain() run on the
 * worker that owns the connections.
 */
#ifndef ROLE_H
#define ROLE_H
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/queue.h>
#include <rte_branch_prediction.h>
#include "longest.h"
#include "options.h"
#include "tern.h"
#include "tls.h"

struct opt;
struct server_ops;
struct tally;
struct tls;

/** One stack of the process: bench has two, everything else one. */
struct stack {
	const struct options *o;
	const struct role *role;
	const char *name; /* for reports; NULL when there is one stack */
	struct tern *tern;
	unsigned int lcores[TERN_WORKER_MAX];
	unsigned int n_workers;
	void *state[TERN_WORKER_MAX]; /* the role's, per worker */
	void *items[TERN_WORKER_MAX]; /* memory of its slab */
	void *heads[TERN_WORKER_MAX]; /* and of message heads */
	void *shared;                 /* the role's, made by init() */
	bool stopping;                /* set by the control thread: open nothing new */
	unsigned int finished;        /* workers whose role has nothing left to do */
	unsigned int running;         /* workers in their loop */
	unsigned int ready;           /* workers whose load may be measured from now on */
	bool failed;                  /* a worker could not start */
	uint32_t mbufs_at_start;      /* free when nothing was received yet */
	bool loaded;                  /* the load is on: polls are timed */
	struct longest longest[TERN_WORKER_MAX];
};

/** A number that `set NAME N` may change while the role runs. */
struct knob {
	const char *name;
	/** May the stack's workers have n together? @return 0, or a negative errno and why, a line without newline. */
	int (*check)(const struct stack *s, uint64_t n, char *why, size_t size);
	/** On each worker, which takes its share of n. */
	void (*set)(struct stack *s, struct tern_worker *w, uint64_t n);
};

struct role {
	const char *name, *help;
	const char *notes[2]; /* at the end of --help: a title, a text */
	struct opt *opts; /* its own: section [name] of a file */
	unsigned int n_opts;
	const char *takes; /* others that it has a use for, by name; which nobody takes are everybody's */
	/** All options are known, nothing has started. @return 0 or -EINVAL after one line. */
	int (*check)(struct options *o);
	/** When one stack with one role is not all of it: main thread, EAL runs. @return what failed. (run.h) */
	uint64_t (*run)(struct options *o);
	/** Main thread, before the stack exists: load files. @return 0 or -errno after one line. */
	int (*init)(struct stack *s);
	const struct server_ops *server; /* of those who listen: server_start() */
	int (*start)(struct stack *s, struct tern_worker *w);
	void (*poll)(struct stack *s, struct tern_worker *w, uint64_t now_us);
	void (*drain)(struct stack *s, struct tern_worker *w);
	/** `stop` and `start`: take, or open, nothing new, and again; on each worker. @return 0 or -errno. NULL: it
	 *  cannot. */
	int (*accepting)(struct stack *s, struct tern_worker *w, bool on);
	const struct knob *knobs;
	unsigned int n_knobs;
	/** Main thread, no worker runs. @return what failed. */
	uint64_t (*report)(const struct stack *s);
	/** Control thread, workers run: what it counted until now, into zeroes. NULL: as every server. */
	void (*tally)(const struct stack *s, struct tally *t);
	/** Class i of its connections, likewise. @return false: there are no more. NULL: it has none. */
	bool (*tally_class)(const struct stack *s, unsigned int i, const char **name, struct tally *t);
	const char *done; /* what SERVER_DONE is */
	bool unrecorded;  /* has nothing for record.h */
	bool finite;  /* says by `finished` when it is done */
	bool readies; /* says by `ready` when its load begins, else that is after start() */
};

extern const struct role *const roles[];
extern const unsigned int n_roles;
#define LISTEN_OPTIONS "port listen-addr backlog fastopen" /* server_start() */

/**
 * Fixed set of equal objects of one worker, one per connection: taken at start, so that nothing is allocated later.
 * Those in use are on no list, which would have to be mended next to each that ends: who looks for them looks at all.
 * `again` has those that no event will call: a visit would have been too long.
 */
struct item {
	union {
		SLIST_ENTRY(item) idle;
		TAILQ_ENTRY(item) again;
	};
	struct tern_conn *c;
	struct tls *tls; /* NULL: as it is */
	void *owner;     /* the role's state of this worker */
	uint32_t seen;   /* slab_clock() when something happened */
	bool used;
	bool waits;   /* on `again` */
	bool patient; /* it may be untouched as long as it likes */
};
TAILQ_HEAD(items, item);

/* What a connection may have done at once, before the others have their turn: slab_again() goes on with it in the next
 * poll. */
#define VISIT_MBUFS 256u

struct slab {
	SLIST_HEAD(, item) idle;
	struct items again;
	uint32_t n_active;
	char *base; /* n items of size bytes */
	size_t size;
	uint32_t n;
	uint32_t top; /* from there on none was ever used */
	struct tls_ctx *tls; /* its connections speak it; NULL: they do not */
	/* slab_timeout() */
	struct tern_worker *w;
	uint64_t idle_us;
	uint64_t step_us; /* when some are looked at */
	uint32_t hand;    /* the next of them */
	void (*late)(struct item *i);
	struct tern_timer timer;
};

/** @return 0 or -ENOMEM after one line. The memory is the stack's. */
int slab_init(struct slab *s, struct stack *st, struct tern_worker *w, uint32_t n, size_t size, void *owner);
/** The i-th of all n, whatever it is used for. */
static inline struct item *
slab_item(const struct slab *s, uint32_t i)
{
	return (struct item *)(s->base + i * s->size);
}
/** NULL: none left. All but the header keeps what it held before. */
struct item *slab_get(struct slab *s, struct tern_conn *c, uint64_t now_us);
void slab_put(struct slab *s, struct item *i);
/** The next in use from number *i on, which becomes the one behind it; NULL: there are no more. Beginning with 0 it is
 *  each, whatever became of those before. */
struct item *slab_next(const struct slab *s, uint32_t *i);
/** Time as items keep it: units of 1.024 ms, so that it takes 4 bytes and no division. */
static inline uint32_t
slab_clock(uint64_t now_us)
{
	return now_us >> 10;
}
static inline void
slab_touch(struct item *i, uint64_t now_us)
{
	i->seen = slab_clock(now_us);
}
void slab_again(struct slab *s, struct item *i);
/** tern_send() of the connection, by TLS where it speaks it: then what was not taken must be sent again as it is. */
static inline ssize_t
item_send(struct item *i, const void *buf, size_t len)
{
	return likely(!i->tls) ? tern_send(i->c, buf, len, 0) : tls_send(i, buf, len);
}
/** tern_recv(), likewise. */
static inline ssize_t
item_recv(struct item *i, void *buf, size_t len)
{
	return likely(!i->tls) ? tern_recv(i->c, buf, len) : tls_recv(i, buf, len);
}
/** Will nothing more come? When all was read. */
static inline bool
item_over(const struct item *i)
{
	return tern_peer_closed(i->c) || unlikely(i->tls && tls_over(i));
}
/** Nothing more will be sent. */
static inline void
item_bye(struct item *i)
{
	if (unlikely(i->tls != NULL))
		tls_bye(i);
}
static inline void
item_close(struct item *i)
{
	item_bye(i);
	tern_close(i->c);
}
/** One more of a visit? @return false when the rest is for the next poll. */
static inline bool
slab_spend(struct slab *s, struct item *i, unsigned int *visit)
{
	if (likely(*visit)) {
		--*visit;
		return true;
	}
	slab_again(s, i);
	return false;
}
void slab_retry_some(struct slab *s, void (*fn)(struct item *i));
/** Call fn for what waits, until many wait again. */
static inline void
slab_retry(struct slab *s, void (*fn)(struct item *i))
{
	if (unlikely(!TAILQ_EMPTY(&s->again)))
		slab_retry_some(s, fn);
}

/** Call late() once for each item that is untouched for so long, or an eighth longer, a few a poll; it puts the item
 *  back. */
void slab_timeout(struct slab *s, struct tern_worker *w, uint64_t idle_us, void (*late)(struct item *i));
void slab_no_timeout(struct slab *s);

/* What every server counts, for role_sum(); SERVER_DONE: requests, or bytes. Its own numbers follow. */
enum { SERVER_CONNS, SERVER_DONE, SERVER_FAILED, SERVER_OWN };
#define SERVER_OWN_MAX 7 /* the proxy's */

struct server_ops {
	/** readable() goes on with a connection: also called when it is new, and after slab_again(). closed:
	 *  server_closed(). */
	struct tern_ops conn;
	size_t state, item; /* bytes of the worker's state, which begins with a struct server, and of a connection's
			     * item */
	size_t clear;       /* so many behind its struct item are zeroed for a new connection */
	bool nodelay;       /* the last segment of what is sent must not wait for an ACK */
	void (*gone)(struct item *i); /* it will be another connection's; NULL: nothing to do */
};

struct server {
	uint64_t n[SERVER_OWN + SERVER_OWN_MAX];
	struct slab slab;
	struct tern_listener *l[2];
	const struct server_ops *ops;
};

/** start(), poll() and drain() of a role that has server; tern_worker_user() is the state, and all is closed. */
int server_start(struct stack *s, struct tern_worker *w);
void server_poll(struct stack *s, struct tern_worker *w, uint64_t now_us);
void server_drain(struct stack *s, struct tern_worker *w);
int server_accepting(struct stack *s, struct tern_worker *w, bool on);
void server_closed(struct tern_conn *c, void *user, int err);
/** Close a connection and give its item back. */
void server_close(struct item *i);
/** Give the item of a connection back that is gone. */
void server_put(struct item *i);
/** Take no more connections. */
void server_unlisten(struct server *v);

/** Where to listen. */
struct listen_at {
	struct tern_endpoint local; /* af 0: each family that an interface has */
	int backlog;
	const char *option; /* that said the address */
};
/** With one listener for each family in l, NULL before. @return 0 or -errno after one line; l may have one then. */
int role_listen(struct stack *s, struct tern_worker *w, const struct listen_at *at, const struct tern_listener_ops *ops,
		void *user, struct tern_listener *l[2]);
void role_unlisten(struct tern_listener *l[2]);

/** Per-worker memory of a role, on the worker's NUMA node, zeroed; kept in s->state and as tern_worker_user(). NULL
 *  after one line. */
void *role_state(struct stack *s, struct tern_worker *w, size_t size);
/** Free what role_state() and slab_init() gave, when no worker runs. */
void role_free(struct stack *s);
/** The role's number k of every worker, summed: state starts with `uint64_t n[]`. */
uint64_t role_sum(const struct stack *s, unsigned int k);
/** Byte i of every request and response: position dependent, so that a shifted stream is noticed. */
#define PATTERN_PERIOD 256u
#define PATTERN_CHUNK 16384u
const uint8_t *role_pattern(uint32_t off);
#endif
