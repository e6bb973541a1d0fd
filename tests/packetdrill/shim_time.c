/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The shim's clock, which the stack is driven by, and the threads that wait for it.
 *
 * Time moves in usleep(), by a microsecond in every gettimeofday() (packetdrill waits for its first event by asking),
 * and in netdev_receive() to the stack's next timer while nothing has left. A call that blocks runs in packetdrill's
 * second thread: it sleeps here until the stack has moved, and time stands still until every sleeper has looked again
 * and one that is done has asked for the time of its return.
 */
#include <errno.h>
#include <time.h>
#include "shim.h"

pthread_mutex_t shim_lock = PTHREAD_MUTEX_INITIALIZER;
uint64_t shim_now_us;
static pthread_cond_t moved = PTHREAD_COND_INITIALIZER, looked = PTHREAD_COND_INITIALIZER;
static pthread_t main_thread, returning;
static unsigned int sleepers, to_look;
static bool is_returning; /* a sleeper was done, and has not asked for the time yet */
static unsigned long epoch;

void
shim_start_clock(uint64_t now_us)
{
	shim_now_us = now_us;
	main_thread = pthread_self();
}

/* Bounded, in real time: a thread that died must not hang the rest. */
static void
wait_for(pthread_cond_t *c)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 2;
	if (pthread_cond_timedwait(c, &shim_lock, &until) == ETIMEDOUT) {
		to_look = 0;
		is_returning = false;
	}
}

void
shim_let_look(void)
{
	if (!pthread_equal(pthread_self(), main_thread))
		return;
	epoch++;
	to_look = sleepers;
	if (to_look)
		pthread_cond_broadcast(&moved);
	while (to_look || is_returning)
		wait_for(&looked);
}

void
shim_advance(uint64_t to_us)
{
	uint64_t t;

	shim_tidying = false;
	while ((t = st->next_timer()) <= to_us) {
		if (t > shim_now_us)
			shim_now_us = t;
		st->run(shim_now_us);
		shim_let_look();
		if (st->next_timer() <= t) /* what a tick of the wheel leaves to the next */
			shim_now_us++;
		if (shim_now_us > to_us)
			break;
	}
	if (to_us > shim_now_us)
		shim_now_us = to_us;
	st->run(shim_now_us);
	shim_let_look();
}

int
shim_usleep(void *u, useconds_t us)
{
	(void)u;
	pthread_mutex_lock(&shim_lock);
	shim_advance(shim_now_us + us);
	pthread_mutex_unlock(&shim_lock);
	return 0;
}

int
shim_gettimeofday(void *u, struct timeval *tv, struct timezone *tz)
{
	(void)u, (void)tz;
	pthread_mutex_lock(&shim_lock);
	if (is_returning && pthread_equal(pthread_self(), returning)) {
		is_returning = false;
		pthread_cond_signal(&looked);
	} else { /* also by the second thread, which waits for its call's time in the same way */
		shim_advance(shim_now_us + 1);
	}
	tv->tv_sec = shim_now_us / 1000000;
	tv->tv_usec = shim_now_us % 1000000;
	pthread_mutex_unlock(&shim_lock);
	return 0;
}

bool
shim_block(uint64_t until_us)
{
	const unsigned long seen = epoch;
	uint64_t t;

	if (pthread_equal(pthread_self(), main_thread)) { /* the script says it does not block: move time ourselves */
		t = st->next_timer();
		t = t < until_us ? t : until_us;
		if (t > shim_now_us + WAIT_MAX_US)
			return false;
		shim_advance(t > shim_now_us ? t : shim_now_us + 1);
		return shim_now_us < until_us;
	}
	sleepers++;
	while (seen == epoch)
		pthread_cond_wait(&moved, &shim_lock);
	sleepers--;
	is_returning = true; /* until it sleeps again or asks for the time */
	returning = pthread_self();
	if (to_look)
		to_look--;
	return shim_now_us < until_us;
}

void
shim_still_waiting(void)
{
	if (is_returning && pthread_equal(pthread_self(), returning)) {
		is_returning = false;
		pthread_cond_signal(&looked);
	}
}
