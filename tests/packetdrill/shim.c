/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The shared object that Google's packetdrill loads with --so_filename: pd_backend behind its table of calls, on
 * virtual time. Here are the table, the start, and the end, at which a packet that nothing in the script expected
 * makes the process fail.
 *
 * The table is the interface of gtests/net/packetdrill/packetdrill.h of github.com/google/packetdrill.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* loff_t */
#endif
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/epoll.h>
#include "shim.h"

#define START_US 1000000000000000ull /* the stack must bear a clock like gettimeofday()'s */

struct packetdrill_interface {
	void *userdata;
	void (*free)(void *u);
	int (*socket)(void *u, int domain, int type, int proto);
	int (*bind)(void *u, int fd, const struct sockaddr *a, socklen_t l);
	int (*listen)(void *u, int fd, int backlog);
	int (*accept)(void *u, int fd, struct sockaddr *a, socklen_t *l);
	int (*connect)(void *u, int fd, const struct sockaddr *a, socklen_t l);
	ssize_t (*read)(void *u, int fd, void *buf, size_t n);
	ssize_t (*readv)(void *u, int fd, const struct iovec *iov, int n);
	ssize_t (*recv)(void *u, int fd, void *buf, size_t n, int flags);
	ssize_t (*recvfrom)(void *u, int fd, void *buf, size_t n, int flags, struct sockaddr *a, socklen_t *l);
	ssize_t (*recvmsg)(void *u, int fd, struct msghdr *m, int flags);
	ssize_t (*write)(void *u, int fd, const void *buf, size_t n);
	ssize_t (*writev)(void *u, int fd, const struct iovec *iov, int n);
	ssize_t (*send)(void *u, int fd, const void *buf, size_t n, int flags);
	ssize_t (*sendto)(void *u, int fd, const void *buf, size_t n, int flags, const struct sockaddr *a, socklen_t l);
	ssize_t (*sendmsg)(void *u, int fd, const struct msghdr *m, int flags);
	int (*fcntl)(void *u, int fd, int cmd, ...);
	int (*ioctl)(void *u, int fd, unsigned long request, ...);
	int (*close)(void *u, int fd);
	int (*shutdown)(void *u, int fd, int how);
	int (*getsockopt)(void *u, int fd, int lvl, int opt, void *v, socklen_t *l);
	int (*setsockopt)(void *u, int fd, int lvl, int opt, const void *v, socklen_t l);
	int (*poll)(void *u, struct pollfd *fds, nfds_t n, int timeout);
	int (*netdev_send)(void *u, const void *buf, size_t n);
	int (*netdev_receive)(void *u, void *buf, size_t *n, long long *time_usecs);
	int (*usleep)(void *u, useconds_t us);
	int (*gettimeofday)(void *u, struct timeval *tv, struct timezone *tz);
	int (*epoll_create)(void *u, int size);
	int (*epoll_ctl)(void *u, int ep, int op, int fd, struct epoll_event *e);
	int (*epoll_wait)(void *u, int ep, struct epoll_event *e, int n, int timeout);
	int (*pipe)(void *u, int fds[2]);
	int (*splice)(void *u, int in, loff_t *off_in, int out, loff_t *off_out, size_t n, unsigned int flags);
};
void packetdrill_interface_init(const char *flags, struct packetdrill_interface *ifc);

/* --- what a TCP endpoint without a kernel has no use for -------------------------------------------------------- */

static int
no_epoll_create(void *u, int size)
{
	(void)u, (void)size;
	errno = ENOSYS;
	return -1;
}

static int
no_epoll_ctl(void *u, int ep, int op, int fd, struct epoll_event *e)
{
	(void)u, (void)ep, (void)op, (void)fd, (void)e;
	errno = ENOSYS;
	return -1;
}

static int
no_epoll_wait(void *u, int ep, struct epoll_event *e, int n, int timeout)
{
	(void)u, (void)ep, (void)e, (void)n, (void)timeout;
	errno = ENOSYS;
	return -1;
}

static int
no_pipe(void *u, int p[2])
{
	(void)u, (void)p;
	errno = ENOSYS;
	return -1;
}

static int
no_splice(void *u, int in, loff_t *off_in, int out, loff_t *off_out, size_t n, unsigned int flags)
{
	(void)u, (void)in, (void)off_in, (void)out, (void)off_out, (void)n, (void)flags;
	errno = ENOSYS;
	return -1;
}

/* --- start and end ---------------------------------------------------------------------------------------------- */

static void
end(void *u)
{
	unsigned int n;

	(void)u;
	if (shim_left_over(&n)) {
		fprintf(stderr, "tern: %u packets were sent that the script did not expect\n", n);
		fflush(NULL);
		_exit(1);
	}
	st->fini();
}

void
packetdrill_interface_init(const char *flags, struct packetdrill_interface *ifc)
{
	const int rc = st->init(flags, START_US);

	if (rc) {
		fprintf(stderr, "tern: %s\n", strerror(-rc));
		exit(1);
	}
	shim_start_clock(START_US);
	*ifc = (struct packetdrill_interface){
		.free = end,
		.socket = shim_socket,
		.bind = shim_bind,
		.listen = shim_listen,
		.accept = shim_accept,
		.connect = shim_connect,
		.read = shim_read,
		.readv = shim_readv,
		.recv = shim_recv,
		.recvfrom = shim_recvfrom,
		.recvmsg = shim_recvmsg,
		.write = shim_write,
		.writev = shim_writev,
		.send = shim_send,
		.sendto = shim_sendto,
		.sendmsg = shim_sendmsg,
		.fcntl = shim_fcntl,
		.ioctl = shim_ioctl,
		.close = shim_close,
		.shutdown = shim_shutdown,
		.getsockopt = shim_getsockopt,
		.setsockopt = shim_setsockopt,
		.poll = shim_poll,
		.netdev_send = shim_netdev_send,
		.netdev_receive = shim_netdev_receive,
		.usleep = shim_usleep,
		.gettimeofday = shim_gettimeofday,
		.epoll_create = no_epoll_create,
		.epoll_ctl = no_epoll_ctl,
		.epoll_wait = no_epoll_wait,
		.pipe = no_pipe,
		.splice = no_splice,
	};
}
