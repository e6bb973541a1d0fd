/* SPDX-License-Identifier: BSD-3-Clause */
/* What the parts of pd_backend share: backend.c (sockets), backend_opt.c (their options), backend_wire.c (packets, time, EAL). */
#ifndef BACKEND_H
#define BACKEND_H
#include <netinet/in.h>
#include "tcp/tcp.h"
#include "pd_stack.h"

#define N_SOCKS 256

/* An option that a socket remembers, so that it can be set before there is a connection and be inherited by accept(). */
enum opt {
	O_NODELAY, O_QUICKACK, O_KEEPALIVE, O_KEEPIDLE, O_KEEPINTVL, O_KEEPCNT, O_USER_TIMEOUT, O_SNDBUF, O_RCVBUF,
	O_TTL, O_TOS, O_CORK, O_MAXSEG, O_FASTOPEN, O_REUSEADDR, O_V6ONLY, O_CC, O_FASTOPEN_CONNECT, O_SYNCNT, O_MTU_DISCOVER, N_OPTS,
};

struct sock {
	bool used, eof, shut_rd, shut_wr, connecting, reported;
	bool deferred; /* connect() waits for the first data: TCP_FASTOPEN_CONNECT */
	int domain, err; /* err: for SO_ERROR, positive; reading clears it */
	struct tern_endpoint local, peer;
	struct tern_listener *l[2]; /* the second for IPv4 of an IPv6 wildcard */
	struct tern_conn *c;
	uint32_t set; /* bits of opt[] that were set */
	int opt[N_OPTS];
	struct linger linger;
	uint8_t *left; /* received, not read, and the connection is gone */
	size_t left_len, left_off;
};

extern struct sock be_socks[N_SOCKS];
extern struct tern_worker *be_worker;

/* backend.c */
/** The socket of a handle; what is due has left. NULL: none. */
struct sock *be_get(int h);
unsigned int be_state(const struct sock *s);
/** The error of a connection that is gone, negative, once. */
int be_take_error(struct sock *s);

/* backend_opt.c */
/** All that was set before there was a connection. */
void be_apply_options(struct sock *s);
int be_setsockopt(int h, int lvl, int opt, const void *v, socklen_t l);
int be_getsockopt(int h, int lvl, int opt, void *v, socklen_t *l);

/* backend_wire.c */
int be_init(const char *flags, uint64_t now_us);
void be_fini(void);
void be_input(const void *ip, size_t len, uint64_t now_us);
uint64_t be_next_timer(void);
void be_run(uint64_t now_us);
void be_flush(void);
/** A script's address is ours whatever the flags said. */
void be_adopt(uint8_t af, const void *addr);
#endif
