/* SPDX-License-Identifier: BSD-3-Clause */
/* Who takes over what a closed listener has, see heirs.c. */
#ifndef HEIRS_H
#define HEIRS_H
#include <stdbool.h>
#include <stdint.h>
#include "tern.h"

/** The program closes l. inherited: the process that it has it from may have it still. */
void heirs_close(struct tern_listener *l, bool inherited);
/** About to listen: nobody who is kept stands in the way. */
void heirs_make_way(const struct tern_endpoint *local);
/** This process listens: others hear of it. */
void heirs_announce(const struct tern_endpoint *local);
/** Is one kept? */
bool heirs_any(void);
/** One that has something? */
bool heirs_waited_for(void);
/** Nothing is kept any more. */
void heirs_end(void);

/* From another process, for peers.c. */
void heirs_asked(unsigned int from, const void *local, uint32_t len);
void heirs_found(unsigned int from, const void *local, uint32_t len);
#endif
