/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The run as programs read it: --json, --json-stream, --csv (docs/report.md). Called by the control thread while the
 * workers run, but for record_open() and record_end().
 */
#ifndef RECORD_H
#define RECORD_H
#include "role.h"

/** Is anything to be written? */
bool record_wanted(const struct options *o);
/** Before EAL starts. A FILE of "-" is stdout: what is text goes to stderr then. @return 0, or -EINVAL after a line. */
int record_open(const struct options *o);
/** The load begins, of n stacks. */
void record_begin(const struct stack *st, unsigned int n);
/** An interval, if one is over. at_s: since the load began. */
void record_tick(double at_s);
/** The load is over, closing begins. */
void record_stop(double at_s);
/** No worker runs; `failed` is what the program will say. @return what could not be written. */
uint64_t record_end(double at_s, uint64_t failed);
#endif
