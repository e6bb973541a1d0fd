/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * libtern-preload.so: how it starts, and the calls that make sockets and processes. It is in every process of the
 * program, so its constructor only looks up libc's calls.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/syscall.h>
#include "hook_own.h"

struct real real;
uint8_t run_fds[FD_MAX];
bool run_threaded, run_waits;
__thread bool run_inside;
const struct run_calls *run_calls;
uint64_t run_passed[N_CALLS];
bool run_counts;

static const char *const names[] = {
#define X(result, name, args) #name,
	REAL(X)
#undef X
};

static void __attribute__((constructor(101))) find_libc(void)
{
#define X(result, name, args) real.name = (__typeof__(real.name))dlsym(RTLD_NEXT, #name);
	REAL(X)
#undef X
}

/* The other half lies beside this one. */
static const char *
other_half(char *path, size_t size)
{
	Dl_info here;
	char *slash;

	if (!dladdr((void *)find_libc, &here) || snprintf(path, size, "%s", here.dli_fname) >= (int)size)
		return "libtern-socket.so";
	slash = strrchr(path, '/');
	snprintf(slash ? slash + 1 : path, size - (slash ? slash + 1 - path : 0), "libtern-socket.so");
	return path;
}

/*
 * Around every fork() of libc's, also those of daemon() and forkpty(): a child has only one of the threads, so none of
 * the others may be at work on a socket meanwhile. What is inside forks to exec.
 */
static __thread bool forking;

static void
before_fork(void)
{
	if (run_inside)
		return;
	forking = run_inside = true;
	run_calls->forking();
}

static void
after_fork(bool child)
{
	if (!forking)
		return;
	run_calls->forked(child);
	forking = run_inside = false;
}

static void
parent_forked(void)
{
	after_fork(false);
}

static void
child_forked(void)
{
	after_fork(true);
}

const struct run_calls *
run_load(void)
{
	static const struct run_host host = {run_fds,       &run_threaded, &run_waits, run_signals, run_guard,
					     run_signalled, names,         run_passed, N_CALLS,     &run_counts};
	const bool was_inside = run_inside;
	char path[PATH_MAX];
	run_open_fn open;
	void *so;

	if (run_calls)
		return run_calls;
	run_inside = true;
	hook_exec_keep();
	so = dlopen(other_half(path, sizeof(path)), RTLD_NOW | RTLD_LOCAL);
	open = so ? (run_open_fn)dlsym(so, "tern_run_open") : NULL;
	if (!open)
		fprintf(stderr, "tern: run: %s\n", dlerror());
	else
		run_calls = open(&host);
	if (!run_calls || pthread_atfork(before_fork, parent_forked, child_forked))
		_exit(1);
	run_inside = was_inside;
	return run_calls;
}

/* --- sockets ------------------------------------------------------------------------------------------------- */

EXPORT int
socket(int domain, int type, int protocol)
{
	const int kind = type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC);

	if ((domain != AF_INET && domain != AF_INET6) || kind != SOCK_STREAM || (protocol && protocol != IPPROTO_TCP) ||
	    run_inside)
		return KERNEL(socket)(domain, type, protocol);
	return INSIDE(run_load()->socket(domain, type, protocol));
}

EXPORT int
bind(int fd, const struct sockaddr *sa, socklen_t len)
{
	return ours(fd) ? INSIDE(run_calls->bind(fd, sa, len)) : KERNEL(bind)(fd, sa, len);
}

EXPORT int
listen(int fd, int backlog)
{
	return ours(fd) ? INSIDE(run_calls->listen(fd, backlog)) : KERNEL(listen)(fd, backlog);
}

EXPORT int
accept4(int fd, struct sockaddr *sa, socklen_t *len, int flags)
{
	return ours(fd) ? INSIDE(run_calls->accept(fd, sa, len, flags)) : KERNEL(accept4)(fd, sa, len, flags);
}

EXPORT int
accept(int fd, struct sockaddr *sa, socklen_t *len)
{
	return accept4(fd, sa, len, 0);
}

EXPORT int
connect(int fd, const struct sockaddr *sa, socklen_t len)
{
	return ours(fd) ? INSIDE(run_calls->connect(fd, sa, len)) : KERNEL(connect)(fd, sa, len);
}

EXPORT int
shutdown(int fd, int how)
{
	return ours(fd) ? INSIDE(run_calls->shutdown(fd, how)) : KERNEL(shutdown)(fd, how);
}

EXPORT int
getsockname(int fd, struct sockaddr *sa, socklen_t *len)
{
	return ours(fd) ? INSIDE(run_calls->name(fd, sa, len, false)) : KERNEL(getsockname)(fd, sa, len);
}

EXPORT int
getpeername(int fd, struct sockaddr *sa, socklen_t *len)
{
	return ours(fd) ? INSIDE(run_calls->name(fd, sa, len, true)) : KERNEL(getpeername)(fd, sa, len);
}

EXPORT int
setsockopt(int fd, int level, int name, const void *val, socklen_t len)
{
	return ours(fd) ? INSIDE(run_calls->setsockopt(fd, level, name, val, len))
			: KERNEL(setsockopt)(fd, level, name, val, len);
}

EXPORT int
getsockopt(int fd, int level, int name, void *val, socklen_t *len)
{
	return ours(fd) ? INSIDE(run_calls->getsockopt(fd, level, name, val, len))
			: KERNEL(getsockopt)(fd, level, name, val, len);
}

/* --- processes ----------------------------------------------------------------------------------------------- */

/* A child that shares memory with its parent would close its parent's sockets. */
EXPORT pid_t
vfork(void)
{
	return fork();
}

/* libc's exit() does not come by here: its destructors do. */
EXPORT void
_exit(int status)
{
	if (run_calls && !run_inside) {
		run_inside = true;
		run_calls->leaving();
	}
	for (;;)
		syscall(SYS_exit_group, status);
}

EXPORT void
_Exit(int status)
{
	_exit(status);
}

struct begin {
	void *(*fn)(void *);
	void *arg;
};

static void *
stay_inside(void *arg)
{
	const struct begin b = *(struct begin *)arg;

	free(arg);
	run_inside = true;
	return b.fn(b.arg);
}

/* The program's signals are for its own threads. The tap driver's, a real-time one, is for any. */
static void
block_signals(sigset_t *old)
{
	sigset_t set;
	int sig;

	sigemptyset(&set);
	for (sig = 1; sig < __SIGRTMIN; sig++)
		sigaddset(&set, sig);
	pthread_sigmask(SIG_BLOCK, &set, old);
}

/* EAL's threads are inside all their lives. */
EXPORT int
pthread_create(pthread_t *t, const pthread_attr_t *attr, void *(*fn)(void *), void *arg)
{
	struct begin *b;
	sigset_t old;
	int rc;

	if (!run_inside) {
		run_threaded = true;
		return real.pthread_create(t, attr, fn, arg);
	}
	b = malloc(sizeof(*b));
	if (!b)
		return EAGAIN;
	*b = (struct begin){fn, arg};
	block_signals(&old);
	rc = real.pthread_create(t, attr, stay_inside, b);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (rc)
		free(b);
	return rc;
}
