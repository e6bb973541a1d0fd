/* SPDX-License-Identifier: BSD-3-Clause */
/* A live view of the run, in place of a line of numbers a second, when stdout is a terminal. Control thread. */
#ifndef SCREEN_H
#define SCREEN_H
#include "role.h"

/** The load begins, of n stacks. @return is there a screen? Else lines are to be printed. */
bool screen_begin(const struct stack *st, unsigned int n);
/** Draw anew, if it is time. */
void screen_tick(double at_s);
/** Lines drawn by hand: those before are gone; one more. */
void screen_top(void);
void screen_line(const char *line);
/** What is printed from now on stands below it. */
void screen_end(double at_s);
#endif
