/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Whether an application may make a call: on this thread, with this handle. Debug builds (-Dchecks=true) ask at the
 * head of the calls of tern.h, and end the program with a line that names the call; in others there is no code for it.
 */
#ifndef CALL_H
#define CALL_H
#include <stdlib.h>
#include <rte_eal.h>
#include "base/log.h"
#include "tcp/conn.h"

static inline void
call_refused(const char *call, const char *why)
{
	LOG(ERR, "%s(): %s", call, why);
	abort();
}

static inline void
call_on(const struct tern_worker *w, const char *call)
{
	if (w->tid && w->tid != rte_gettid())
		call_refused(
			call,
			"called by another thread than the worker's: see the thread rule of tern.h, and tern_post()");
}

static inline void
call_of(const struct tern_conn *c, const char *call)
{
	if (c->kind != TOBJ_CONN)
		call_refused(call, "the connection is gone: its handle died when closed() returned");
	if (c->flags & C_ORPHAN)
		call_refused(call, "the handle was given up by tern_close() or tern_abort()");
	call_on(c->w, call);
}

#define CALL_ON(w)                                                                                                     \
	do {                                                                                                           \
		if (TERN_CHECKS)                                                                                       \
			call_on(w, __func__);                                                                          \
	} while (0)
#define CALL_OF(c)                                                                                                     \
	do {                                                                                                           \
		if (TERN_CHECKS)                                                                                       \
			call_of(c, __func__);                                                                          \
	} while (0)
#endif
