/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A connection of the harness's two workers whose applications do what one does that read tern.h: what finds no memory
 * is tried again, writable() is waited for. So whatever single request for memory fails, it ends as if none had; that
 * is checked.
 */
#ifndef TALK_H
#define TALK_H
#include "../unit/harness.h"

/** How an end closes. */
enum how {
	DONE,	/* tern_close() when it has sent and received all */
	SHUT,	/* tern_shutdown() when it has sent all, tern_close() at the FIN */
	LAST,	/* tern_close() at the FIN */
	ABORT,	/* tern_abort() when it has received all */
	STAYS,	/* never */
};

struct talk {
	const char *name;
	void (*conf)(void); /* before the bed starts */
	uint32_t bytes[2];  /* that the client sends, the server */
	enum how how[2];
	int err[2]; /* how it ends for them */
	ssize_t (*send)(struct sock *s, size_t len); /* NULL: sock_send() */
	size_t (*recv)(struct sock *s);		     /* NULL: sock_recv_all() */
	void (*opened)(struct sock *s, unsigned int end); /* a handle is there */
	void (*step)(unsigned int n);	/* from time to time */
	uint64_t delay_us;
	bool (*drop[2])(const struct frame *f, uint64_t nth, void *arg);
	void (*listening)(struct tern_listener *l);
	unsigned int times; /* connections, one after the other; 0: one */
	void (*alone)(void); /* instead of all that: a run of its own */
};

/** Both ends have ended, as they should. */
void talk(const struct talk *t);
/** Advance until done() or so many us. @return done() */
bool wait_for(bool (*done)(void), uint64_t us);

struct side {
	struct sock *s;
	bool shut, gone, over;
	int err;
	uint32_t got;
};
extern struct side sides[2];
extern const struct talk talks[];
extern const unsigned int n_talks;
#endif
