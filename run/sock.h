/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A socket of the program: what stands behind one or more descriptors. It begins as a kernel's socket of which it is
 * not decided whose it will be; bind(), listen() and connect() say that. A listener of all addresses is both: its
 * descriptor listens in the kernel, too. The descriptor of a connection is a placeholder: a kernel's socket that is
 * never used.
 *
 * All of it is behind one lock (run_enter()), which a program of one thread does not take.
 */
#ifndef SOCK_H
#define SOCK_H
#include <errno.h>
#include <signal.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <rte_branch_prediction.h>
#include <rte_common.h>
#include "hook.h"
#include "tern.h"

enum sock_kind {
	SOCK_NEW,    /* socket(), perhaps bind(): not decided */
	SOCK_INTENT, /* listen() was called, tern does not know yet */
	SOCK_LISTEN,
	SOCK_CONN, /* c may be NULL: it is over */
};

/* A socket in an epoll set. */
struct watch {
	LIST_ENTRY(watch) of_sock;
	LIST_ENTRY(watch) of_set;
	TAILQ_ENTRY(watch) ready;
	struct sock *s;
	struct set *set;
	int fd;
	uint32_t events; /* 0: EPOLLONESHOT was told */
	epoll_data_t data;
	bool queued;
};

struct sock {
	struct tern_conn *c;
	struct tern_listener *l[2]; /* IPv4, IPv6 */
	LIST_HEAD(, watch) watches;
	struct tern_endpoint local; /* bind() */
	struct tern_endpoint remote;
	char *rest; /* what was not read when the connection ended */
	size_t rest_at, rest_len;
	uint32_t refs;  /* descriptors */
	uint8_t kind;   /* enum sock_kind */
	uint8_t family; /* AF_INET, AF_INET6 */
	bool nonblock, v6only;
	bool cloexec; /* of its only descriptor; of copies the kernel knows */
	bool copied;
	bool dirty;                 /* the kernel's socket is not as it was made */
	bool bound, in_kernel;      /* bind() was called; the kernel's socket is bound or listens, too */
	bool connecting, connected; /* connected: and not told yet by connect() to who asks twice */
	bool opened;                /* it was connected once */
	bool full;                  /* a send was short: writable() will say when it is not */
	bool shut_rd, shut_wr, peer_closed;
	int err; /* SO_ERROR */
	int backlog;
	pid_t listener;            /* who called listen() */
	uint32_t linger_ms;        /* TERN_LINGER_OFF: none */
	int linger_s;              /* as it was set, on or off */
	uint64_t recv_us, send_us; /* SO_RCVTIMEO, SO_SNDTIMEO; 0: for ever */
	uint32_t opts[32];         /* by enum tern_opt, of those in opts_set: for the connection to come */
	uint32_t opts_set;
};

struct run {
	struct tern *t;
	struct tern_worker *w;
	const struct run_host *host;
	struct sock **socks;          /* FD_MAX, by descriptor */
	unsigned int sleepers;        /* threads that wait in the kernel */
	bool dead;                    /* a child of the process that has the stack: it may only close */
	bool tap;                     /* ours, by default */
	const void *newest;           /* of struct waiting: it may be gone */
	bool woken;                   /* something is for who sleeps, perhaps */
	uint32_t events;              /* that tern told */
	uint32_t turns, seen_turns;   /* of the worker, by anybody; tick.c's */
	uint64_t turned, turn_cycles; /* TSC at the last one, and between two where there is something to do already */
	bool in, ticking; /* a thread of the program is between run_enter() and run_leave(); tick.c gives a turn */
	bool can_sleep, spin;
	int rx_fd[TERN_IF_MAX];
	unsigned int n_ports, stat_rx;
};
extern struct run run;

/* --- sock.c */
/** The lock, and this thread as the worker's. */
void run_enter(void);
void run_leave(void);
/** The socket of fd, or NULL. */
static inline struct sock *
sock_of(int fd)
{
	return run.socks[fd];
}
/** A listener, and the kernel's socket is one, too. What the kernel says of it before and after that means nothing. */
static inline bool
sock_both(const struct sock *s)
{
	return s->in_kernel && (s->kind == SOCK_INTENT || s->kind == SOCK_LISTEN);
}
/** run_enter(), and the socket of fd for a call that uses it. @return 0, or -errno after run_leave(). */
int sock_enter(int fd, struct sock **s);
struct sock *sock_new(int family);
/** One descriptor more, or less; the last one's is the socket's end. */
void sock_attach(struct sock *s, int fd);
void sock_detach(struct sock *s, int fd);
/** A listener no more. */
void sock_unlisten(struct sock *s);
/** It is the kernel's after all. */
void sock_to_kernel(struct sock *s, int fd);
/** epoll's bits of what is so now. */
uint32_t sock_poll(struct sock *s);
/** Something happened: who watches is told. */
void sock_event(struct sock *s);
extern const struct tern_ops sock_ops;
extern const struct tern_listener_ops sock_listener_ops;
int sock_placeholder(int family);
int sock_unpark(int fd);

/* --- open.c */
int sock_realise(struct sock *s); /* an intent becomes a listener */

/* --- names.c */
int name_in(int family, const struct sockaddr *sa, socklen_t len, struct tern_endpoint *e);
void name_out(const struct tern_endpoint *e, int family, struct sockaddr *sa, socklen_t *len);
bool name_any(const struct tern_endpoint *e);

/* --- set.c */
void set_wake(struct watch *w);
void set_forget(struct watch *w);
void set_move(struct watch *w); /* the kernel watches from now on */
void set_closed(int fd);
void set_dup(int fd, int as);
bool set_ready(int fd);     /* has it something of tern's? */
bool set_may_wait(int fd);  /* is it one of which set_has_ready() says all? */
bool set_has_ready(int fd); /* something of tern's, perhaps */
void set_listens(struct sock *s);
void set_unlistens(struct sock *s);

/* --- wait.c */
struct waiting {
	LIST_ENTRY(waiting) asleep;
	uint64_t end_us;      /* CLOCK_MONOTONIC, until the first wait_more() from then; UINT64_MAX: for ever */
	uint64_t begun_us;    /* 0: nothing was missing yet */
	uint64_t idle_us;     /* since when nothing moved */
	uint32_t seen_turns;  /* of run.turns, when it last left them to another thread */
	uint32_t seen_events; /* of run.events, when it last looked */
	int set;              /* for an epoll set's sockets; -1: for any */
	int wake_fd;          /* while it sleeps */
	bool told;            /* by that */
	bool nothing;         /* of tern's */
	bool restart;         /* SA_RESTART counts */
	bool masked;
	sigset_t old;
};
#define WAIT_EXTRA (2 + TERN_IF_MAX) /* room that wait_more() needs behind p */
void wait_begin(struct waiting *w, const struct timespec *limit, const sigset_t *mask);
void wait_begin_us(struct waiting *w, uint64_t us);
/** A turn of the worker. */
void wait_turn(void);
/** The same, unless one was a few us ago: there is something to do without. */
void wait_turn_if_due(void);
/**
 * Nothing is there yet: a turn, or sleep until something may be; without the lock meanwhile. p: kernel's descriptors
 * that may say so.
 * @return 0, -EINTR, or -ETIMEDOUT.
 */
int wait_more(struct waiting *w, struct pollfd *p, nfds_t n);
/** n: found, or -errno; more: what wait_more() said. @return what the call returns. */
int wait_end(struct waiting *w, int n, int more);

/* --- asleep.c */
/** Sleep, without the lock. p: kernel's descriptors, and room for WAIT_EXTRA more. */
void asleep_for(struct waiting *w, struct pollfd *p, nfds_t n, uint64_t us);
/** Who waits for what has come hears of it. */
void asleep_wake(void);
/** Somebody sleeps and would not see what was just done. */
void asleep_kick(void);
/** In a child: they are the parent's. */
void asleep_forget(void);

/* --- passed.c */
/** Something was asked of a tern socket that tern has no word for: a line says so once, and what the answer is. */
void passed_note(const char *call, long what, long which, const char *answer);
/** A descriptor of tern's is nothing in another process. @return -EOPNOTSUPP. */
int passed_give_away(void);
/** On stderr: these, and the calls of the program that were the kernel's. */
void passed_print(void);

/* --- tick.c */
void tick_start(void);

/* --- start.c */
/** The stack; ends the program after a line if it can't be. */
void run_start(void);
bool run_allows(const struct tern_endpoint *e); /* --only, --except (rules.c) */
bool run_same_net(const uint8_t *a, const uint8_t *b, unsigned int prefix);
bool run_is_tern(const struct tern_endpoint *remote); /* connect() */
bool run_has(const struct tern_endpoint *local);      /* bind(): an address of the stack's */
bool run_family(uint8_t af);                          /* has it addresses of it? */
/** For all addresses: the first that tern has. @return e. */
const struct tern_endpoint *run_own(const struct tern_endpoint *local, struct tern_endpoint *e);
void __attribute__((format(printf, 1, 2))) run_say(const char *fmt, ...); /* a line on stderr */

extern const struct run_calls sock_calls;
#endif
