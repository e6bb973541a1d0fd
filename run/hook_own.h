/* SPDX-License-Identifier: BSD-3-Clause */
/* Within libtern-preload.so: libc's own calls, the way in and out of the other half. */
#ifndef HOOK_OWN_H
#define HOOK_OWN_H
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/select.h>
#include <sys/uio.h>
#include "hook.h"

#define EXPORT __attribute__((visibility("default")))
#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

/* X(result, name, parameters) of every call that has a hook */
#define REAL(X)                                                                                                        \
	X(int, socket, (int, int, int))                                                                                \
	X(int, bind, (int, const struct sockaddr *, socklen_t))                                                        \
	X(int, listen, (int, int))                                                                                     \
	X(int, accept4, (int, struct sockaddr *, socklen_t *, int))                                                    \
	X(int, connect, (int, const struct sockaddr *, socklen_t))                                                     \
	X(int, shutdown, (int, int))                                                                                   \
	X(int, getsockname, (int, struct sockaddr *, socklen_t *))                                                     \
	X(int, getpeername, (int, struct sockaddr *, socklen_t *))                                                     \
	X(int, setsockopt, (int, int, int, const void *, socklen_t))                                                   \
	X(int, getsockopt, (int, int, int, void *, socklen_t *))                                                       \
	X(ssize_t, read, (int, void *, size_t))                                                                        \
	X(ssize_t, readv, (int, const struct iovec *, int))                                                            \
	X(ssize_t, preadv2, (int, const struct iovec *, int, off_t, int))                                              \
	X(ssize_t, pwritev2, (int, const struct iovec *, int, off_t, int))                                             \
	X(ssize_t, recv, (int, void *, size_t, int))                                                                   \
	X(ssize_t, recvfrom, (int, void *, size_t, int, struct sockaddr *, socklen_t *))                               \
	X(ssize_t, recvmsg, (int, struct msghdr *, int))                                                               \
	X(ssize_t, write, (int, const void *, size_t))                                                                 \
	X(ssize_t, writev, (int, const struct iovec *, int))                                                           \
	X(ssize_t, send, (int, const void *, size_t, int))                                                             \
	X(ssize_t, sendto, (int, const void *, size_t, int, const struct sockaddr *, socklen_t))                       \
	X(ssize_t, sendmsg, (int, const struct msghdr *, int))                                                         \
	X(int, recvmmsg, (int, struct mmsghdr *, unsigned int, int, struct timespec *))                                \
	X(int, sendmmsg, (int, struct mmsghdr *, unsigned int, int))                                                   \
	X(ssize_t, sendfile64, (int, int, off64_t *, size_t))                                                          \
	X(ssize_t, splice, (int, off64_t *, int, off64_t *, size_t, unsigned int))                                     \
	X(int, close, (int))                                                                                           \
	X(int, close_range, (unsigned int, unsigned int, int))                                                         \
	X(int, dup, (int))                                                                                             \
	X(int, dup2, (int, int))                                                                                       \
	X(int, dup3, (int, int, int))                                                                                  \
	X(int, fcntl64, (int, int, ...))                                                                               \
	X(int, ioctl, (int, unsigned long, ...))                                                                       \
	X(int, epoll_ctl, (int, int, int, struct epoll_event *))                                                       \
	X(int, epoll_wait, (int, struct epoll_event *, int, int))                                                      \
	X(int, epoll_pwait, (int, struct epoll_event *, int, int, const sigset_t *))                                   \
	X(int, epoll_pwait2, (int, struct epoll_event *, int, const struct timespec *, const sigset_t *))              \
	X(int, poll, (struct pollfd *, nfds_t, int))                                                                   \
	X(int, ppoll, (struct pollfd *, nfds_t, const struct timespec *, const sigset_t *))                            \
	X(int, select, (int, fd_set *, fd_set *, fd_set *, struct timeval *))                                          \
	X(int, pselect, (int, fd_set *, fd_set *, fd_set *, const struct timespec *, const sigset_t *))                \
	X(int, nanosleep, (const struct timespec *, struct timespec *))                                                \
	X(int, clock_nanosleep, (clockid_t, int, const struct timespec *, struct timespec *))                          \
	X(FILE *, fdopen, (int, const char *))                                                                         \
	X(int, vdprintf, (int, const char *, va_list))                                                                 \
	X(int, usleep, (useconds_t))                                                                                   \
	X(unsigned int, sleep, (unsigned int))                                                                         \
	X(int, execve, (const char *, char *const[], char *const[]))                                                   \
	X(int, execvpe, (const char *, char *const[], char *const[]))                                                  \
	X(int, posix_spawn,                                                                                            \
	  (pid_t *, const char *, const posix_spawn_file_actions_t *, const posix_spawnattr_t *, char *const[],        \
	   char *const[]))                                                                                             \
	X(int, posix_spawnp,                                                                                           \
	  (pid_t *, const char *, const posix_spawn_file_actions_t *, const posix_spawnattr_t *, char *const[],        \
	   char *const[]))                                                                                             \
	X(int, sigaction, (int, const struct sigaction *, struct sigaction *))                                         \
	X(int, pthread_create, (pthread_t *, const pthread_attr_t *, void *(*)(void *), void *))

struct real {
#define X(result, name, args) result(*name) args;
	REAL(X)
#undef X
};
extern struct real real;
enum call {
#define X(result, name, args) CALL_##name,
	REAL(X) N_CALLS
#undef X
};
extern uint64_t run_passed[N_CALLS]; /* those that were the kernel's, while run_counts */
extern bool run_counts;
extern uint8_t run_fds[FD_MAX];
extern bool run_threaded, run_waits;
extern __thread bool run_inside __attribute__((tls_model("initial-exec")));
extern const struct run_calls *run_calls; /* NULL: not loaded */

/** libtern-socket.so. Ends the program after a line if it can't be. */
const struct run_calls *run_load(void);
/** See struct run_host. */
int run_signals(void);
bool run_signalled(void);
void run_guard(void);
void hook_out(void);
/** What `tern run` put into the environment is kept for exec. */
void hook_exec_keep(void);

/** Is fd something else than the kernel's, for who is not inside? */
static inline bool
ours(int fd)
{
	return unlikely((unsigned int)fd < FD_MAX && run_fds[fd]) && !run_inside;
}

/* libc's call, of a program that asked for something that is not tern's: counted by its name (--stats). Threads may
 * lose a count to each other: that is cheaper than none lost. */
static inline void
count_passed(enum call k)
{
	if (unlikely(run_counts) && !run_inside)
		run_passed[k]++;
}
#define KERNEL(name) (count_passed(CALL_##name), real.name)

/* What a call of the other half returned, as libc would. */
#define INSIDE(call)                                                                                                   \
	({                                                                                                             \
		run_inside = true;                                                                                     \
		const __auto_type rc_ = (call);                                                                        \
		run_inside = false;                                                                                    \
		hook_out();                                                                                            \
		if (unlikely(rc_ < 0))                                                                                 \
			errno = -rc_;                                                                                  \
		rc_ < 0 ? (__typeof__(rc_))-1 : rc_;                                                                   \
	})
/* NOLINTBEGIN(bugprone-reserved-identifier): glibc's names, which its headers have for _FORTIFY_SOURCE only */
ssize_t __read_chk(int fd, void *buf, size_t n, size_t size);
ssize_t __recv_chk(int fd, void *buf, size_t n, size_t size, int flags);
ssize_t __recvfrom_chk(int fd, void *buf, size_t n, size_t size, int flags, struct sockaddr *sa, socklen_t *len);
void __chk_fail(void) __attribute__((noreturn));
int __poll_chk(struct pollfd *p, nfds_t n, int ms, size_t size);
int __ppoll_chk(struct pollfd *p, nfds_t n, const struct timespec *limit, const sigset_t *mask, size_t size);
int __dprintf_chk(int fd, int flag, const char *fmt, ...);
int __vdprintf_chk(int fd, int flag, const char *fmt, va_list ap);
/* NOLINTEND(bugprone-reserved-identifier): of these */
#endif
