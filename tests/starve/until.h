/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What crowd.c and holes.c share: the time, and the signal that ends them.
 */
#ifndef UNTIL_H
#define UNTIL_H
#include <signal.h>
#include <stdint.h>
#include <time.h>

static volatile sig_atomic_t end;

static void
on_signal(int sig)
{
	end = 1;
}

static uint64_t
now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * UINT64_C(1000000) + t.tv_nsec / 1000;
}
#endif
