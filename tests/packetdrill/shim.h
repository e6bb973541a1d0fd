/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the parts of libtern-packetdrill.so share. Each calls only those below it, and the stack:
 *
 *	shim.c		packetdrill's table, the start and the end
 *	shim_call.c	calls
 *	shim_sock.c	descriptors; how a call begins and ends
 *	shim_wire.c	packets
 *	shim_time.c	the clock, and threads that wait for it
 */
#ifndef SHIM_H
#define SHIM_H
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include "pd_stack.h"

#define FDS 1024
#define WAIT_MAX_US 200000000ull /* no script expects a packet that late */

static const struct pd_stack *const st = &pd_backend;

/* shim_time.c */
extern pthread_mutex_t shim_lock; /* around every use of the stack and of what is here */
extern uint64_t shim_now_us;
/** The thread that calls this is the one that moves time. */
void shim_start_clock(uint64_t now_us);
void shim_advance(uint64_t to_us);
/** The stack did something: let those that sleep look, and return if they are done, before time moves on. */
void shim_let_look(void);
/**
 * Called with the lock held by a call that found nothing: until the stack has moved, or until_us.
 * @return false: there is nothing more to wait for.
 */
bool shim_block(uint64_t until_us);
/** A call that looked again and goes on waiting. */
void shim_still_waiting(void);
int shim_usleep(void *u, useconds_t us);
int shim_gettimeofday(void *u, struct timeval *tv, struct timezone *tz);

/* shim_wire.c */
extern bool shim_tidying; /* the last that happened was an RST into the stack */
/** @return whether there are packets that nothing expected; *n: how many wait. */
bool shim_left_over(unsigned int *n);
int shim_netdev_send(void *u, const void *buf, size_t n);
int shim_netdev_receive(void *u, void *buf, size_t *n, long long *time_usecs);

/* shim_sock.c */
extern struct shim_fd {
	bool open, nonblock;
	int h;
} shim_fds[FDS];
/** Take the lock. @return the handle, or -EBADF, which the stack refuses in turn. */
int shim_enter(int fd);
/** Give it back. @return what the call returns, with errno. */
long shim_result(long rc);
/** @return a descriptor for h, or -EMFILE. */
int shim_new_fd(int h);

/* shim_call.c: as packetdrill's table says */
int shim_socket(void *u, int domain, int type, int proto);
int shim_bind(void *u, int fd, const struct sockaddr *a, socklen_t l);
int shim_listen(void *u, int fd, int backlog);
int shim_accept(void *u, int fd, struct sockaddr *a, socklen_t *l);
int shim_connect(void *u, int fd, const struct sockaddr *a, socklen_t l);
ssize_t shim_recv(void *u, int fd, void *buf, size_t n, int flags);
ssize_t shim_send(void *u, int fd, const void *buf, size_t n, int flags);
ssize_t shim_read(void *u, int fd, void *buf, size_t n);
ssize_t shim_write(void *u, int fd, const void *buf, size_t n);
ssize_t shim_recvfrom(void *u, int fd, void *buf, size_t n, int flags, struct sockaddr *a, socklen_t *l);
ssize_t shim_sendto(void *u, int fd, const void *buf, size_t n, int flags, const struct sockaddr *a, socklen_t l);
ssize_t shim_readv(void *u, int fd, const struct iovec *iov, int n);
ssize_t shim_writev(void *u, int fd, const struct iovec *iov, int n);
ssize_t shim_recvmsg(void *u, int fd, struct msghdr *m, int flags);
ssize_t shim_sendmsg(void *u, int fd, const struct msghdr *m, int flags);
int shim_fcntl(void *u, int fd, int cmd, ...);
int shim_ioctl(void *u, int fd, unsigned long request, ...);
int shim_close(void *u, int fd);
int shim_shutdown(void *u, int fd, int how);
int shim_getsockopt(void *u, int fd, int lvl, int opt, void *v, socklen_t *l);
int shim_setsockopt(void *u, int fd, int lvl, int opt, const void *v, socklen_t l);
int shim_poll(void *u, struct pollfd *p, nfds_t n, int timeout);
#endif
