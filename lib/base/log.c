/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdarg.h>
#include <stdio.h>
#include "tern.h"
#include "base/log.h"

#define LINE_MAX_LEN 1024 /* the longest are errors of several sentences */

RTE_LOG_REGISTER(log_type, tern, NOTICE);
static void (*hook)(int level, const char *line, void *arg);
static void *hook_arg;

void
tern_log_set(void (*fn)(int level, const char *line, void *arg), void *arg)
{
	hook = fn;
	hook_arg = arg;
}

void
log_line(uint32_t level, const char *fmt, ...)
{
	char line[LINE_MAX_LEN];
	va_list ap;

	if (!rte_log_can_log(log_type, level))
		return;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (hook)
		hook(level, line, hook_arg);
	else
		rte_log(level, log_type, "tern: %s\n", line);
}
