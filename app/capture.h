/* SPDX-License-Identifier: BSD-3-Clause */
/* What of packets is seen: a capture into a file, and which lines --trace prints. Begun by options, or at run time. */
#ifndef CAPTURE_H
#define CAPTURE_H
#include "run.h"

/** Is the filter one? @return 0 or -EINVAL after a line. */
int capture_check(const char *filter);
/** As the options say; before the workers start. @return 0 or -EINVAL after a line. */
int capture_open(const struct run *r);
/** On each worker as it starts. */
void capture_start(const struct stack *s, struct tern_worker *w);
/** Are lines printed, by a command? */
bool capture_traces(void);
/** No worker runs any more: what is there is written. @return what failed, after a line. */
uint64_t capture_close(void);

/** struct tern_app.packet, with a stack as arg. */
bool capture_packet(struct tern_worker *w, const struct tern_packet *p, void *arg);
#endif
