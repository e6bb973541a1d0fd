/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the parts of pd_backend share. Each calls only those below it:
 *
 *	backend.c	the table of calls, the worker's start and end
 *	backend_call.c	the calls
 *	backend_opt.c	options of sockets, which are two of the calls
 *	backend_sock.c	the sockets
 *	backend_wire.c	packets and time; packets leave by the front end's pd_output()
 */
#ifndef BACKEND_H
#define BACKEND_H
#include <netinet/in.h>
#include "pd_stack.h"
#include "tcp/conn.h"
#include "stack/worker.h"

#define N_SOCKS 256

/* An option that a socket remembers, so that it can be set before there is a connection and be inherited by
 * accept(). */
enum opt {
	O_NODELAY,
	O_QUICKACK,
	O_KEEPALIVE,
	O_KEEPIDLE,
	O_KEEPINTVL,
	O_KEEPCNT,
	O_USER_TIMEOUT,
	O_SNDBUF,
	O_RCVBUF,
	O_TTL,
	O_TOS,
	O_CORK,
	O_MAXSEG,
	O_FASTOPEN,
	O_REUSEADDR,
	O_V6ONLY,
	O_CC,
	O_FASTOPEN_CONNECT,
	O_SYNCNT,
	O_MTU_DISCOVER,
	N_OPTS,
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

/* backend.c */
extern struct tern_worker *be_worker;
extern struct rte_mempool *be_mbufs;

/* backend_wire.c */
extern const uint8_t be_mac[6];
/** @return now_us as the worker's time. */
uint64_t be_start_clock(uint64_t now_us);
void be_input(const void *ip, size_t len, uint64_t now_us);
uint64_t be_next_timer(void);
void be_run(uint64_t now_us);
/** What is due leaves. */
void be_flush(void);
/** A script's address is ours whatever the flags said. */
void be_adopt(uint8_t af, const void *addr);

/* backend_sock.c */
extern struct sock be_socks[N_SOCKS];
extern const struct tern_ops be_conn_ops;
/** The socket of a handle; what is due has left. NULL: none. */
struct sock *be_get(int h);
/** @return a handle, or -EMFILE. */
int be_new_sock(int domain);
void be_socks_reset(void);
/** @return 0, or what is wrong with the address. */
int be_to_endpoint(const struct sock *s, const struct sockaddr *a, socklen_t l, struct tern_endpoint *e);
void be_from_endpoint(const struct sock *s, const struct tern_endpoint *e, struct sockaddr *a, socklen_t *l);
unsigned int be_state(const struct sock *s);
/** Not open yet, for the application: a passive one with Fast Open is. */
bool be_is_opening(const struct sock *s);
/** The error of a connection that is gone, negative, once. */
int be_take_error(struct sock *s);
/** recv() of what was left. */
ssize_t be_recv_left(struct sock *s, void *buf, size_t len, int flags);

/* backend_opt.c */
/** All that was set before there was a connection. */
void be_apply_options(struct sock *s);
int be_setsockopt(int h, int lvl, int opt, const void *v, socklen_t l);
int be_getsockopt(int h, int lvl, int opt, void *v, socklen_t *l);

/* backend_call.c */
int be_socket(int domain, int type, int proto);
int be_bind(int h, const struct sockaddr *a, socklen_t l);
int be_listen(int h, int backlog);
int be_accept(int h, struct sockaddr *a, socklen_t *l);
int be_connect(int h, const struct sockaddr *a, socklen_t l);
int be_connect_done(int h);
ssize_t be_recv(int h, void *buf, size_t len, int flags);
ssize_t be_send(int h, const void *buf, size_t len, int flags);
ssize_t be_sendto(int h, const void *buf, size_t len, int flags, const struct sockaddr *a, socklen_t l);
int be_shutdown(int h, int how);
int be_close(int h);
int be_pollev(int h);
long be_qlen(int h, int out);
#endif
