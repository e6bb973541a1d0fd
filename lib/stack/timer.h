/* SPDX-License-Identifier: BSD-3-Clause */
/* The application's timers: tern_timer_start() and its like. Theory of operation: timer.c. */
#ifndef TIMER_H
#define TIMER_H
#include "tcp/context.h"

/** The wheel node of a struct tern_timer fired (kind TOBJ_TIMER). */
void timer_fire(struct wheel_node *n);
#endif
