/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef RUN_OPTIONS_H
#define RUN_OPTIONS_H
#include <stdbool.h>
#include <stdint.h>

enum { IDLE_IRQ, IDLE_NAP, IDLE_SPIN };
struct run_options {
	uint8_t idle;
	bool stats;
};
extern struct run_options run_options;
/* rules.c */
int set_only(const char *list);
int set_except(const char *list);
#endif
