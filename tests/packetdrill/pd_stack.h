/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a TCP stack has to offer to be driven by a packetdrill front end: pdrun.c and shim.c here, or anyone's. Every
 * call is non-blocking and made from one thread; time comes from the caller; errors are -errno.
 */
#ifndef PD_STACK_H
#define PD_STACK_H
#include <stdint.h>
#include <stddef.h>
#include <sys/socket.h>

struct pd_stack {
	const char *name;
	int (*init)(const char *flags, uint64_t now_us); /* flags: as of --so_flags, e.g. "ip4=192.168.0.1" */
	void (*fini)(void);
	void (*input)(const void *ip, size_t len, uint64_t now_us); /* one IPv4 or IPv6 datagram arrives */
	uint64_t (*next_timer)(void);				    /* absolute us of the earliest timer, UINT64_MAX:
								     * none */
	void (*run)(uint64_t now_us);				    /* timers that are due, then what may be sent */
	int (*socket)(int domain, int type, int proto);		    /* a handle >= 0 */
	int (*bind)(int h, const struct sockaddr *a, socklen_t l);
	int (*listen)(int h, int backlog);
	int (*accept)(int h, struct sockaddr *a, socklen_t *l);		/* a new handle or -EAGAIN */
	int (*connect)(int h, const struct sockaddr *a, socklen_t l);	/* 0: under way, see connect_done() */
	int (*connect_done)(int h);					/* 0: up, -EINPROGRESS, or the error */
	ssize_t (*recv)(int h, void *buf, size_t len, int flags);	/* 0: end of stream, -EAGAIN; honours
									 * MSG_PEEK */
	ssize_t (*send)(int h, const void *buf, size_t len, int flags); /* may be short; -EAGAIN without room */
	int (*shutdown)(int h, int how);
	int (*close)(int h);
	int (*getsockopt)(int h, int lvl, int opt, void *v, socklen_t *l);
	int (*setsockopt)(int h, int lvl, int opt, const void *v, socklen_t l);
	int (*pollev)(int h);	      /* POLLIN|POLLOUT|POLLERR|POLLHUP|POLLRDHUP as of now */
	long (*qlen)(int h, int out); /* SIOCINQ, SIOCOUTQ */
	/*
	 * As send(). MSG_FASTOPEN on a socket that is not connected begins a connection to a (RFC 7413), also one that
	 * connect() put off because of TCP_FASTOPEN_CONNECT: what went with the SYN, or -EINPROGRESS if nothing did.
	 * See connect_done().
	 */
	ssize_t (*sendto)(int h, const void *buf, size_t len, int flags, const struct sockaddr *a, socklen_t l);
};

extern const struct pd_stack pd_backend;	/* the stack defines this */
void pd_output(const void *ip, size_t len);	/* the front end defines this: called for each datagram sent */
#endif
