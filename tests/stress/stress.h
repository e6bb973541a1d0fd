/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two workers behind a device that does not know whose a frame is, at the mercy of the scheduler. Theory of operation:
 * stress.c.
 */
#ifndef STRESS_H
#define STRESS_H
#include <stdbool.h>
#include <stdint.h>
#include "tern.h"

#define WORKERS 2u

/** The program ends: what was promised does not hold. */
void fault(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));
/** The main thread's numbers, from the seed. */
uint64_t rnd(void);

/* others.c: threads that EAL does not know, and what they do to a running stack. */
void others_start(uint64_t seed);
/** t may be used from now on; NULL: not any more, and nobody is in a call when this returns. */
void others_may_use(struct tern *t);
/** Once the workers of t have left: every call that was taken ran, or was dropped and counted. */
void others_check(const struct tern *t);
void others_stop(void);
#endif
