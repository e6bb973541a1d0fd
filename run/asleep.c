/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Threads that sleep in the kernel: until a packet comes (if the device raises interrupts, else for a short nap), one
 * of the kernel's descriptors has something, or another thread's turn of the worker has brought what they wait for.
 * Each has an eventfd for that, as long as it sleeps.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <time.h>
#include <unistd.h>
#include <sys/eventfd.h>
#include "open.h"
#include "peers.h"

#define SPARE 16u
#define UNHEARD_US 1000ul

static LIST_HEAD(, waiting) asleep = LIST_HEAD_INITIALIZER(asleep);
static int spare[SPARE]; /* eventfds */
static unsigned int n_spare;

static int
wake_fd_get(void)
{
	return n_spare ? spare[--n_spare] : eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
}

static void
wake_fd_put(int fd, bool told)
{
	uint64_t seen;

	if (n_spare == SPARE || (told && read(fd, &seen, sizeof(seen)) < 0))
		close(fd);
	else if (fd >= 0)
		spare[n_spare++] = fd;
}

/* Has it come, since w has looked? */
static bool
is_there(const struct waiting *w)
{
	if (w->nothing)
		return false;
	return set_may_wait(w->set) ? set_has_ready(w->set) : run.events != w->seen_events;
}

/* What wakes a sleeper beside p. @return how many. */
static nfds_t
wakers(struct pollfd *p, int wake_fd)
{
	nfds_t n = 0;
	unsigned int i;

	p[n++] = (struct pollfd){.fd = wake_fd, .events = POLLIN};
	for (i = 0; run.can_sleep && i < run.n_ports; i++)
		p[n++] = (struct pollfd){.fd = run.rx_fd[i], .events = POLLIN};
	if (run.can_sleep)
		p[n++] = (struct pollfd){.fd = peers_fd(), .events = POLLIN}; /* -1: passed over */
	return n;
}

/* One that is gone would end each sleep at once. */
static void
check_devices(const struct pollfd *rx)
{
	unsigned int i;

	for (i = 0; run.can_sleep && i < run.n_ports; i++)
		if (rx[i].revents & (POLLERR | POLLNVAL)) {
			run.can_sleep = false;
			run_say("device %u of this program is gone: nothing comes any more", i);
		}
}

void
asleep_for(struct waiting *w, struct pollfd *p, nfds_t n, uint64_t us)
{
	struct pollfd *const more = &p[n];
	struct timespec limit;
	sigset_t all, old;

	if (!us || is_there(w))
		return;
	w->wake_fd = wake_fd_get();
	w->told = false;
	if (w->wake_fd < 0) /* there is no descriptor left */
		us = RTE_MIN(us, UNHEARD_US);
	limit = (struct timespec){us / 1000000, us % 1000000 * 1000};
	n += wakers(more, w->wake_fd);
	sigfillset(&all); /* one that comes from here on ends ppoll() */
	pthread_sigmask(SIG_SETMASK, &all, &old);
	if (!run.host->signalled()) {
		LIST_INSERT_HEAD(&asleep, w, asleep); /* still behind the lock: from here on others' turns wake it */
		__atomic_fetch_add(&run.sleepers, 1, __ATOMIC_SEQ_CST);
		run_leave();
		ppoll(p, n, &limit, &old);
		run_enter();
		check_devices(more + 1);
		__atomic_fetch_sub(&run.sleepers, 1, __ATOMIC_SEQ_CST);
		LIST_REMOVE(w, asleep);
	}
	wake_fd_put(w->wake_fd, w->told);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

void
asleep_wake(void)
{
	const uint64_t one = 1;
	struct waiting *w;

	if (!run.woken)
		return;
	run.woken = false;
	LIST_FOREACH(w, &asleep, asleep)
	if (!w->told && is_there(w))
		w->told = write(w->wake_fd, &one, sizeof(one)) == sizeof(one);
}

void
asleep_kick(void)
{
	if (!run.spin && run.t && !run.dead && tern_next_us(run.w) <= tern_now_us(run.w))
		wait_turn(); /* who spins gives one soon */
	asleep_wake();
}

void
asleep_forget(void)
{
	LIST_INIT(&asleep);
	run.sleepers = 0;
	while (n_spare)
		close(spare[--n_spare]);
}
