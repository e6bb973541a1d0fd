/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The thread that waits is the worker: while it finds nothing, it polls; when nothing came for a while it sleeps, see
 * asleep.c, until tern's next deadline at most.
 */
#define _GNU_SOURCE
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <rte_cycles.h>
#include <rte_ethdev.h>
#include "open.h"
#include "peers.h"

#define SPIN_US 50u /* after the last packet */
#define NAP_US 50u
#define SLEEP_MAX_US 60000000u
#define LEFT_US 1000ul

static uint64_t
wait_now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * UINT64_C(1000000) + t.tv_nsec / 1000;
}

void
wait_turn(void)
{
	if (run.t && !run.dead) {
		peers_turn();
		tern_worker_step(run.t, 0, 1);
		run.turns++;
		run.turned = rte_rdtsc();
	}
}

void
wait_turn_if_due(void)
{
	if (rte_rdtsc() - run.turned >= run.turn_cycles)
		wait_turn();
}

void
wait_begin(struct waiting *w, const struct timespec *limit, const sigset_t *mask)
{
	*w = (struct waiting){.end_us = UINT64_MAX, .masked = mask != NULL, .set = -1};
	run.newest = w;
	if (limit)
		w->end_us = limit->tv_sec * UINT64_C(1000000) + (limit->tv_nsec + 999) / 1000;
	if (mask)
		pthread_sigmask(SIG_SETMASK, mask, &w->old);
}

void
wait_begin_us(struct waiting *w, uint64_t us)
{
	wait_begin(w, NULL, NULL);
	w->restart = !us; /* signal(7) */
	if (us)
		w->end_us = us;
}

/* n: what was found, or an error. */
int
wait_end(struct waiting *w, int n, int more)
{
	if (w->masked) {
		if (run.host->signalled() && !n)
			more = -EINTR; /* its handler runs on the way out */
		pthread_sigmask(SIG_SETMASK, &w->old, NULL);
	}
	return n ? n : more == -ETIMEDOUT ? 0 : more;
}

/* --- nothing yet ---------------------------------------------------------------------------------------------- */

static bool
unlocked_signals(void)
{
	int rc;

	run_leave();
	rc = run.host->signals();
	run_enter();
	return rc == -EINTR;
}

/* With --idle spin, of threads that wait the last to come polls for all: two on one core would be in each other's way.
 * Who is there longer looks now and then whether it still does. */
static bool
left_to_another(struct waiting *w, uint64_t now_us)
{
	const uint32_t seen = w->seen_turns;

	if (!run.spin || !*run.host->threaded || run.newest == w || now_us - w->begun_us < SPIN_US)
		return false;
	w->seen_turns = run.turns;
	if (seen == run.turns)
		run.newest = w;
	return seen != run.turns;
}

static uint64_t
how_long_us(const struct waiting *w, uint64_t now_us)
{
	uint64_t us = RTE_MIN(w->end_us - now_us, (uint64_t)SLEEP_MAX_US), due;

	if (!run.t || run.dead)
		return us;
	due = tern_next_us(run.w);
	due = due > tern_now_us(run.w) ? due - tern_now_us(run.w) : 0;
	us = RTE_MIN(us, due);
	return run.can_sleep ? us : RTE_MIN(us, (uint64_t)NAP_US);
}

int
wait_more(struct waiting *w, struct pollfd *p, nfds_t n)
{
	struct pollfd none[WAIT_EXTRA];
	uint64_t now_us;

	if (unlikely(run.host->signalled()) && (unlocked_signals() || !w->restart))
		return -EINTR;
	now_us = wait_now_us();
	if (!w->begun_us) { /* who finds something at once does not ask for the time */
		w->begun_us = w->idle_us = now_us;
		w->end_us = w->end_us == UINT64_MAX ? UINT64_MAX : w->end_us + now_us;
	}
	if (now_us >= w->end_us)
		return -ETIMEDOUT;
	w->seen_events = run.events;
	if (run.t && !run.dead && left_to_another(w, now_us)) {
		asleep_for(w, p ? p : none, n, RTE_MIN(w->end_us - now_us, LEFT_US));
		return 0;
	}
	if (run.t && !run.dead) {
		const uint64_t rx = tern_stats_get(run.t, 0, run.stat_rx);

		wait_turn();
		if (w->seen_events != run.events || rx != tern_stats_get(run.t, 0, run.stat_rx))
			w->idle_us = now_us;
		if (*run.host->threaded) { /* the others' turn */
			run_leave();
			run_enter();
		}
		if (run.spin || now_us - w->idle_us < SPIN_US)
			return 0;
	}
	asleep_for(w, p ? p : none, n, how_long_us(w, now_us));
	return 0;
}

/* --- poll ----------------------------------------------------------------------------------------------------- */

/* What is so of tern's sockets; k: the kernel's part of p. @return how many have something, or -ENOMEM. */
static int
look(struct pollfd *p, struct pollfd *k, nfds_t n)
{
	struct sock *s;
	int found = 0;
	nfds_t i;

	for (i = 0; i < n; i++) {
		const bool in = (unsigned int)p[i].fd < FD_MAX;

		k[i] = p[i];
		k[i].revents = p[i].revents = 0;
		s = in && run.host->fds[p[i].fd] == FD_SOCKET ? sock_of(p[i].fd) : NULL;
		if (in && run.host->fds[p[i].fd] == FD_PARKED)
			p[i].revents = POLLNVAL;
		if (s && s->kind == SOCK_INTENT)
			sock_realise(s);
		if (s)
			p[i].revents = (short)(sock_poll(s) & (p[i].events | POLLERR | POLLHUP));
		if (in && run.host->fds[p[i].fd] == FD_SET && set_ready(p[i].fd))
			p[i].revents = POLLIN & p[i].events;
		if ((s && !sock_both(s)) || p[i].revents)
			k[i].fd = -1;
		found += p[i].revents != 0;
	}
	return found;
}

static int
look_kernel(struct pollfd *p, struct pollfd *k, nfds_t n)
{
	int found = n ? poll(k, n, 0) : 0;
	nfds_t i;

	for (i = 0; found > 0 && i < n; i++)
		if (k[i].fd >= 0)
			p[i].revents = k[i].revents;
	if (found < 0) /* a signal that is the device's, not the program's */
		return errno == EINTR ? 0 : -errno;
	return found;
}

static int
poll_valid(struct pollfd *p, nfds_t n, const struct timespec *limit, const sigset_t *mask)
{
	struct pollfd few[64 + WAIT_EXTRA], *k = n <= 64 ? few : malloc((n + WAIT_EXTRA) * sizeof(*k));
	struct waiting wait;
	int found, kernel, more = 0;

	if (!k)
		return -ENOMEM;
	run_enter();
	wait_begin(&wait, limit, mask);
	wait.nothing = n == 0;
	wait_turn();
	for (;;) {
		found = look(p, k, n);
		kernel = look_kernel(p, k, n);
		if (found || kernel || more)
			break;
		more = wait_more(&wait, k, n);
	}
	found = wait_end(&wait, kernel < 0 ? kernel : found + kernel, more);
	run_leave();
	if (k != few)
		free(k);
	return found;
}

int
run_poll(struct pollfd *p, nfds_t n, const struct timespec *limit, const sigset_t *mask)
{
	return !limit || hook_time_valid(limit) ? poll_valid(p, n, limit, mask) : -EINVAL;
}
