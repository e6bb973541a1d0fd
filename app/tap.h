/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Packets of one worker on their way to a file: the worker copies those that a filter takes into a ring of memory, and
 * another thread takes them out. What is told of a packet later in the same poll, why it was dropped, which state it
 * changed, becomes its comment: until the poll is over the ring keeps what came in it.
 */
#ifndef TAP_H
#define TAP_H
#include <stdbool.h>
#include <stdint.h>
#include "pfilter.h"
#include "tern.h"

#define TAP_COMMENT 160u

struct tap;

struct tap_packet {
	uint64_t tsc;
	uint32_t cap, len; /* bytes here, and of the frame */
	uint8_t ifidx;
	bool out;
	bool gone; /* another worker has it, whose tap shows it */
	char comment[TAP_COMMENT];
	const void *data;
};

/** NULL: no memory. The filter stays the caller's. */
struct tap *tap_new(const struct pfilter *f);
void tap_free(struct tap *t);

/** Its worker: what tern_app.packet is told. */
void tap_see(struct tap *t, struct tern_worker *w, const struct tern_packet *p);
/** Its worker, or whoever knows that it does not run: nothing more is told of what is there. */
void tap_publish(struct tap *t);

/** The thread that takes them: the oldest. @return false: none. */
bool tap_peek(struct tap *t, struct tap_packet *p);
void tap_next(struct tap *t);
/** That found no room, so far: any thread. */
uint64_t tap_lost(const struct tap *t);
#endif
