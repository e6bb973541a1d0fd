/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The two halves of `tern run`, and what they know of each other. libtern-preload.so (hook*.c) stands before libc in
 * every program: it needs nothing but libc, and asks one table, run_fds[], whose a descriptor is. The first socket
 * that may be tern's loads libtern-socket.so (all else here, with the library and DPDK in it), which gives it a
 * struct run_calls.
 *
 * A thread is `inside` while it is in a call of struct run_calls. What is called from there (DPDK's drivers open
 * sockets, too) is the kernel's, whatever the table says, and signals wait until it comes out.
 */
#ifndef HOOK_H
#define HOOK_H
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>

#define FD_MAX (1u << 20)

/** A length of time or an instant that the kernel takes. */
static inline bool
hook_time_valid(const struct timespec *t)
{
	return t->tv_sec >= 0 && t->tv_nsec >= 0 && t->tv_nsec <= 999999999;
}

/* Whose a descriptor is. */
enum fd_kind {
	FD_KERNEL, /* libc's as it is */
	FD_SOCKET, /* a tern socket, or one of which it is not decided yet */
	FD_SET,    /* an epoll set that has such sockets */
	FD_PARKED, /* a placeholder nobody uses: closed, says the program */
};

/** What libtern-socket.so does. All return what the call of that name does, or -errno. */
struct run_calls {
	int (*socket)(int domain, int type, int protocol);
	int (*bind)(int fd, const struct sockaddr *sa, socklen_t len);
	int (*listen)(int fd, int backlog);
	int (*inherit)(int fd, bool blocking); /* a listener that another program made and left open */
	int (*accept)(int fd, struct sockaddr *sa, socklen_t *len, int flags);
	int (*connect)(int fd, const struct sockaddr *sa, socklen_t len);
	int (*shutdown)(int fd, int how);
	int (*name)(int fd, struct sockaddr *sa, socklen_t *len, bool peer);
	int (*setsockopt)(int fd, int level, int name, const void *val, socklen_t len);
	int (*getsockopt)(int fd, int level, int name, void *val, socklen_t *len);
	ssize_t (*recv)(int fd, void *buf, size_t len, int flags);
	ssize_t (*recvmsg)(int fd, struct msghdr *m, int flags);
	ssize_t (*send)(int fd, const void *buf, size_t len, int flags);
	ssize_t (*sendmsg)(int fd, const struct msghdr *m, int flags);
	ssize_t (*sendfile)(int out, int in, off_t *off, size_t n);
	ssize_t (*splice)(int in, int out, size_t n, unsigned int flags); /* of one of them */
	int (*close)(int fd);
	int (*unpark)(int fd);      /* really close a parked one */
	int (*dup)(int fd, int as); /* the new descriptor is there already */
	int (*fcntl)(int fd, int cmd, long arg);
	int (*ioctl)(int fd, unsigned long what, void *arg);
	int (*epoll_ctl)(int set, int op, int fd, struct epoll_event *e);
	/* Waiting. limit NULL: for ever; mask NULL: as it is. */
	int (*epoll_wait)(int set, struct epoll_event *e, int max, const struct timespec *limit, const sigset_t *mask);
	int (*poll)(struct pollfd *p, nfds_t n, const struct timespec *limit, const sigset_t *mask);
	int (*give_away)(void); /* one is to be sent to another process */
	void (*forking)(void);
	void (*forked)(bool child);
	void (*dying)(void);   /* a signal ends the program: its peers are told */
	void (*leaving)(void); /* _exit(): what is open is closed in order */
};

/** What libtern-preload.so gives. */
struct run_host {
	uint8_t *fds;   /* FD_MAX of enum fd_kind */
	bool *threaded; /* there is, or was, a second thread */
	bool *waits;    /* every wait goes through run_calls: there is a stack that must have its turns */
	/** Run what handlers wait. @return 0: none did; 1: one did, and all were SA_RESTART; -EINTR. */
	int (*signals)(void);
	/** From now on a signal that ends the program says so first: run_calls.dying(). */
	void (*guard)(void);
	/** Does one wait? Of this thread. */
	bool (*signalled)(void);
	/* Calls that were passed to the kernel, counted while *counts, by name. */
	const char *const *names;
	const uint64_t *passed;
	unsigned int n_passed;
	bool *counts;
};

/** The only name that leaves libtern-socket.so. host NULL: only look at the configuration.
 *  @return NULL after a line that says why. */
__attribute__((visibility("default"))) const struct run_calls *tern_run_open(const struct run_host *host);
typedef const struct run_calls *(*run_open_fn)(const struct run_host *host);
#endif
