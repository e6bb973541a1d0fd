/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Allocations that fail: the library and the program are compiled once more with seam.h in front, which counts every
 * request for memory, and lets the one that the test names find none. Nothing of it is in the library itself.
 *
 * A request is known by its number since fail_begin(): a run that is repeated asks for the same in the same order.
 * Requests for an object of a worker's pool are different: some callers look first whether there is one. So a pool is
 * empty for a whole burst, or a whole call of tern_connect(): the one in which the request was made when nothing
 * failed.
 */
#ifndef FAIL_H
#define FAIL_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pool;
struct tern_worker;

#define SITES_MAX 160

/** What asks for memory: a function and what it asks. */
struct fail_site {
	const char *kind, *func;
	uint64_t asked, failed; /* of this scenario and family: asked without any failure, made to fail */
	uint64_t asked_all, failed_all;
	bool spared; /* it is never refused: why stands in seam.c */
};
extern struct fail_site fail_sites[SITES_MAX];
extern unsigned int fail_n_sites;

/** Count from now on. nth: the request that fails, 0: none; in_a_row: so many from there on. */
void fail_begin(uint32_t nth, uint32_t in_a_row);
/** @return how many were asked for. */
uint32_t fail_end(void);
/** Requests that failed since fail_begin(). */
uint32_t fail_hits(void);
/** Does whoever asks now get nothing? */
bool fail_out(void);
/** What failed first: its site, NULL if none did. */
const struct fail_site *fail_first(void);
/** Is the request of this number, of the last run that failed none, worth a run of its own? Not if it empties a pool
 *  for the same burst as the one before, nor if it is never refused. */
bool fail_worth(uint32_t nth);
/** What kind of request has this number. */
const char *fail_kind(uint32_t nth);
/** Things that were allocated and not freed, by what counts allocations. */
int64_t fail_live(void);

/* what seam.h calls */
bool fail_here(const char *kind, const char *func);
void fail_asked(const struct pool *p, const char *func);
void *fail_made(void *p);
void fail_freed(const void *p);
#endif
