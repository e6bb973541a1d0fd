/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Between the parts of the reader: script.c (flags and events) calls script_packet.c and script_call.c, and all of them
 * script_word.c.
 */
#ifndef SCRIPT_READ_H
#define SCRIPT_READ_H
#include "script.h"

struct reader {
	struct script *s;
	char *p;
	int line;
};

/* script_packet.c, script_call.c: at their first word. @return 0, or -1 after a message. */
int rd_packet(struct reader *r, struct pd_packet *p);
int rd_call(struct reader *r, struct event *e);

/* script_word.c */
/** Say what is wrong, and where. @return -1. */
int rd_bad(const struct reader *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/** And comments. */
void rd_skip_space(struct reader *r);
/** Is word next? Then go beyond it. */
bool rd_take(struct reader *r, const char *word);
bool rd_number(struct reader *r, uint32_t *v);
bool rd_seconds(struct reader *r, int64_t *us);
#endif
