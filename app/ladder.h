/* SPDX-License-Identifier: BSD-3-Clause */
/* A scene of tern explain as a picture, see ladder.c. */
#ifndef LADDER_H
#define LADDER_H
#include <stdbool.h>
#include <stdint.h>
#include "explain.h"

/** A new scene: what was kept of the one before is gone. */
void ladder_begin(void);
/** What is so at `at_s`: the ends' states. */
void ladder_states(double at_s, const char *client, const char *server);
/** A packet, and after it the states. released: it was under way since before. */
void ladder_packet(double at_s, const char *line, bool back, enum fate fate, bool released, const char *client,
		   const char *server);
/** Words for what comes last: why, or, with a time, a call. */
void ladder_text(double at_s, const char *text);
/** Words that do not stay. */
void ladder_note(const char *line);
/** @return 0 or -EINVAL after a line. */
int ladder_write(const char *path, const struct scene *s);
#define LADDER_NO_TIME (-1.0)
#endif
