/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Listeners across exec: a program that starts its successor, which takes its listeners by their descriptors
 * (nginx's USR2), and programs whose listeners another made for them. The kernel's socket behind a listener listens,
 * too, so it tells all that the new program needs to know; what is a listener of the stack's addresses there becomes
 * one of tern's before main(). But it never blocks: TERN_BLOCKING has those that did, by their descriptors. The program
 * may have cleaned the environment: what `tern run` put there goes on with a listener.
 */
#define _GNU_SOURCE
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "hook_own.h"

#define FDS 64 /* the first ones: listeners are made early */
#define BLOCKING "TERN_BLOCKING"
#define ENV_MAX 1000u /* one that has more goes as it is */
#define BLOCKING_LEN (sizeof(BLOCKING) + 20)

static const char *const names[] = {"LD_PRELOAD", "TERN_CONFIG", "TERN_OPTIONS"};
#define N_NAMES (sizeof(names) / sizeof(names[0]))
static char *kept[N_NAMES]; /* NAME=value, as it was when the first socket was made */

void
hook_exec_keep(void)
{
	const char *value;
	unsigned int i;

	for (i = 0; i < N_NAMES; i++) {
		value = getenv(names[i]);
		if (value && asprintf(&kept[i], "%s=%s", names[i], value) < 0)
			kept[i] = NULL;
	}
}

static bool
is_loopback(const struct sockaddr_in6 *a)
{
	const struct sockaddr_in *a4 = (const void *)a;

	return a->sin6_family == AF_INET ? ntohl(a4->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET
					 : IN6_IS_ADDR_LOOPBACK(&a->sin6_addr);
}

/* A listener that may be tern's. */
static bool
listens(int fd)
{
	socklen_t len = sizeof(int), size = sizeof(struct sockaddr_in6);
	struct sockaddr_in6 a;
	int on = 0, protocol = 0;

	if (real.getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &len) || !on ||
	    real.getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &len) || protocol != IPPROTO_TCP)
		return false;
	return real.getsockname(fd, (void *)&a, &size) == 0 &&
	       (a.sin6_family == AF_INET || a.sin6_family == AF_INET6) && !is_loopback(&a);
}

static void __attribute__((constructor(102))) take_listeners(void)
{
	const char *b = getenv(BLOCKING);
	const uint64_t blocking = b ? strtoull(b, NULL, 16) : 0;
	const int was = errno;
	int fd;

	if (b)
		unsetenv(BLOCKING);
	for (fd = 0; fd < FDS; fd++)
		if (listens(fd))
			INSIDE(run_load()->inherit(fd, blocking >> fd & 1));
	errno = was;
}

/* Does a listener? And a bit for each that blocks. */
static bool
goes_along(uint64_t *blocking)
{
	bool any = false;
	int fd;

	*blocking = 0;
	for (fd = 0; run_calls && !run_inside && fd < FDS; fd++) {
		if (run_fds[fd] != FD_SOCKET || !listens(fd) || real.fcntl64(fd, F_GETFD) & FD_CLOEXEC)
			continue;
		any = true;
		*blocking |= (uint64_t) !(fcntl(fd, F_GETFL) & O_NONBLOCK) << fd;
	}
	return any;
}

static bool
has(char *const *env, const char *name)
{
	const size_t n = strlen(name);

	for (; env && *env; env++)
		if (strncmp(*env, name, n) == 0 && (*env)[n] == '=')
			return true;
	return false;
}

static size_t
count(char *const *env)
{
	size_t n = 0;

	while (env && env[n])
		n++;
	return n;
}

static char *const *
fill(char **env, char *const *program, char *blocking, uint64_t bits)
{
	size_t n = count(program), i;

	if (n)
		memcpy(env, program, n * sizeof(*env));
	for (i = 0; i < N_NAMES; i++)
		if (kept[i] && !has(program, names[i]))
			env[n++] = kept[i];
	snprintf(blocking, BLOCKING_LEN, BLOCKING "=%lx", bits);
	env[n++] = blocking;
	env[n] = NULL;
	return env;
}

/* env: the program's, or what goes along with its listeners beside. */
#define WITH_LISTENERS(env, program)                                                                                   \
	char blocking_[BLOCKING_LEN], *room_[ENV_MAX + N_NAMES + 2];                                                   \
	uint64_t bits_;                                                                                                \
	char *const *(env) =                                                                                           \
		goes_along(&bits_) && count(program) <= ENV_MAX ? fill(room_, program, blocking_, bits_) : (program)

EXPORT int
execve(const char *path, char *const argv[], char *const program[])
{
	WITH_LISTENERS(env, program);

	return real.execve(path, argv, env);
}

EXPORT int
execvpe(const char *file, char *const argv[], char *const program[])
{
	WITH_LISTENERS(env, program);

	return real.execvpe(file, argv, env);
}

EXPORT int
execv(const char *path, char *const argv[])
{
	return execve(path, argv, environ);
}

EXPORT int
execvp(const char *file, char *const argv[])
{
	return execvpe(file, argv, environ);
}

EXPORT int
posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions, const posix_spawnattr_t *attr,
	    char *const argv[], char *const program[])
{
	WITH_LISTENERS(env, program);

	return real.posix_spawn(pid, path, actions, attr, argv, env);
}

EXPORT int
posix_spawnp(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions, const posix_spawnattr_t *attr,
	     char *const argv[], char *const program[])
{
	WITH_LISTENERS(env, program);

	return real.posix_spawnp(pid, file, actions, attr, argv, env);
}
