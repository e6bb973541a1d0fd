/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Waiting. Once there is a stack every wait goes through it, whatever is waited for: the thread that waits is what
 * gives the worker its turns.
 */
#define _GNU_SOURCE
#include <string.h>
#include <unistd.h>
#include "hook_own.h"

static inline struct timespec
of_ms(int ms)
{
	return (struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};
}

static inline bool
waits(void)
{
	return run_waits && !run_inside;
}

static inline bool
any_ours(const struct pollfd *p, nfds_t n)
{
	nfds_t i;

	for (i = 0; i < n; i++)
		if (ours(p[i].fd))
			return true;
	return false;
}

EXPORT int
epoll_ctl(int set, int op, int fd, struct epoll_event *e)
{
	return ours(fd) || ours(set) ? INSIDE(run_calls->epoll_ctl(set, op, fd, e)) : KERNEL(epoll_ctl)(set, op, fd, e);
}

EXPORT int
epoll_pwait2(int set, struct epoll_event *e, int max, const struct timespec *limit, const sigset_t *mask)
{
	return ours(set) || waits() ? INSIDE(run_calls->epoll_wait(set, e, max, limit, mask))
				    : KERNEL(epoll_pwait2)(set, e, max, limit, mask);
}

EXPORT int
epoll_pwait(int set, struct epoll_event *e, int max, int ms, const sigset_t *mask)
{
	const struct timespec limit = of_ms(ms);

	return ours(set) || waits() ? INSIDE(run_calls->epoll_wait(set, e, max, ms < 0 ? NULL : &limit, mask))
				    : KERNEL(epoll_pwait)(set, e, max, ms, mask);
}

EXPORT int
epoll_wait(int set, struct epoll_event *e, int max, int ms)
{
	return epoll_pwait(set, e, max, ms, NULL);
}

EXPORT int
ppoll(struct pollfd *p, nfds_t n, const struct timespec *limit, const sigset_t *mask)
{
	return waits() || any_ours(p, n) ? INSIDE(run_calls->poll(p, n, limit, mask))
					 : KERNEL(ppoll)(p, n, limit, mask);
}

EXPORT int
poll(struct pollfd *p, nfds_t n, int ms)
{
	const struct timespec limit = of_ms(ms);

	return waits() || any_ours(p, n) ? INSIDE(run_calls->poll(p, n, ms < 0 ? NULL : &limit, NULL))
					 : KERNEL(poll)(p, n, ms);
}

EXPORT int
__poll_chk(struct pollfd *p, nfds_t n, int ms, size_t size)
{
	if (size / sizeof(*p) < n)
		__chk_fail();
	return poll(p, n, ms);
}

EXPORT int
__ppoll_chk(struct pollfd *p, nfds_t n, const struct timespec *limit, const sigset_t *mask, size_t size)
{
	if (size / sizeof(*p) < n)
		__chk_fail();
	return ppoll(p, n, limit, mask);
}

/* --- select: poll() with other words -------------------------------------------------------------------------- */

static bool
in_set(int fd, const fd_set *s)
{
	return s && FD_ISSET(fd, s);
}

static nfds_t
of_sets(int n, const fd_set *r, const fd_set *w, const fd_set *x, struct pollfd *p)
{
	nfds_t k = 0;
	int fd;

	for (fd = 0; fd < n; fd++) {
		const int events =
			(in_set(fd, r) ? POLLIN : 0) | (in_set(fd, w) ? POLLOUT : 0) | (in_set(fd, x) ? POLLPRI : 0);

		p[k] = (struct pollfd){.fd = fd, .events = (short)events};
		k += p[k].events != 0;
	}
	return k;
}

static int
to_set(const struct pollfd *p, fd_set *s, short asked, short means)
{
	const bool is = s && p->events & asked && p->revents & means;

	if (s && p->events & asked && !is)
		FD_CLR(p->fd, s);
	return is;
}

static int
by_poll(int n, fd_set *r, fd_set *w, fd_set *x, const struct timespec *limit, const sigset_t *mask)
{
	struct pollfd p[FD_SETSIZE];
	nfds_t i, k;
	int rc, bits = 0;

	if (n < 0 || n > (int)FD_SETSIZE || (limit && !hook_time_valid(limit))) {
		errno = EINVAL;
		return -1;
	}
	k = of_sets(n, r, w, x, p);
	rc = ppoll(p, k, limit, mask);
	if (rc < 0)
		return rc;
	for (i = 0; i < k; i++) {
		if (p[i].revents & POLLNVAL) {
			errno = EBADF;
			return -1;
		}
		bits += to_set(&p[i], r, POLLIN, POLLIN | POLLHUP | POLLERR);
		bits += to_set(&p[i], w, POLLOUT, POLLOUT | POLLERR);
		bits += to_set(&p[i], x, POLLPRI, POLLPRI);
	}
	return bits;
}

static bool
any_ours_in(int n, const fd_set *r, const fd_set *w, const fd_set *x)
{
	int fd;

	for (fd = 0; run_calls && fd < n && fd < (int)FD_SETSIZE; fd++)
		if (ours(fd) && (in_set(fd, r) || in_set(fd, w) || in_set(fd, x)))
			return true;
	return false;
}

EXPORT int
pselect(int n, fd_set *r, fd_set *w, fd_set *x, const struct timespec *limit, const sigset_t *mask)
{
	return waits() || any_ours_in(n, r, w, x) ? by_poll(n, r, w, x, limit, mask)
						  : KERNEL(pselect)(n, r, w, x, limit, mask);
}

/* Linux's select() says how much time is left. */
EXPORT int
select(int n, fd_set *r, fd_set *w, fd_set *x, struct timeval *limit)
{
	struct timespec began, now, t;
	long long left_us;
	int rc;

	if (!waits() && !any_ours_in(n, r, w, x))
		return KERNEL(select)(n, r, w, x, limit);
	if (!limit)
		return by_poll(n, r, w, x, NULL, NULL);
	clock_gettime(CLOCK_MONOTONIC, &began);
	t = (struct timespec){limit->tv_sec + limit->tv_usec / 1000000, limit->tv_usec % 1000000 * 1000};
	rc = by_poll(n, r, w, x, &t, NULL);
	clock_gettime(CLOCK_MONOTONIC, &now);
	left_us = limit->tv_sec * 1000000LL + limit->tv_usec - (now.tv_sec - began.tv_sec) * 1000000LL -
		  (now.tv_nsec - began.tv_nsec) / 1000;
	if (left_us < 0)
		left_us = 0;
	*limit = (struct timeval){left_us / 1000000, left_us % 1000000};
	return rc;
}

/* --- sleep ---------------------------------------------------------------------------------------------------- */

/* a - b, not below 0 */
static struct timespec
difference(const struct timespec *a, const struct timespec *b)
{
	const long long ns = (a->tv_sec - b->tv_sec) * 1000000000LL + a->tv_nsec - b->tv_nsec;

	return ns > 0 ? (struct timespec){ns / 1000000000, ns % 1000000000} : (struct timespec){0, 0};
}

/* As the system call: an error is returned. An instant that is set is waited for as a length of time: who sets the
 * clock meanwhile does not move it. */
EXPORT int
clock_nanosleep(clockid_t clock, int flags, const struct timespec *t, struct timespec *left)
{
	struct timespec now, end, limit = *t;

	if (!waits() || !hook_time_valid(t) || (clock != CLOCK_MONOTONIC && clock != CLOCK_REALTIME))
		return real.clock_nanosleep(clock, flags, t, left);
	clock_gettime(clock, &now);
	if (flags & TIMER_ABSTIME)
		limit = difference(t, &now);
	end = (struct timespec){now.tv_sec + limit.tv_sec, now.tv_nsec + limit.tv_nsec};
	if (INSIDE(run_calls->poll(NULL, 0, &limit, NULL)) == 0)
		return 0;
	clock_gettime(clock, &now);
	if (left && !(flags & TIMER_ABSTIME))
		*left = difference(&end, &now);
	return errno;
}

EXPORT int
nanosleep(const struct timespec *t, struct timespec *left)
{
	int rc;

	if (!waits())
		return real.nanosleep(t, left);
	rc = clock_nanosleep(CLOCK_REALTIME, 0, t, left);
	if (rc)
		errno = rc;
	return rc ? -1 : 0;
}

EXPORT int
usleep(useconds_t us)
{
	const struct timespec t = {us / 1000000, us % 1000000 * 1000L};

	return waits() ? nanosleep(&t, NULL) : real.usleep(us);
}

EXPORT unsigned int
sleep(unsigned int s)
{
	struct timespec t = {s, 0}, left = {0};

	if (!waits())
		return real.sleep(s);
	return nanosleep(&t, &left) ? left.tv_sec + (left.tv_nsec >= 500000000) : 0;
}
