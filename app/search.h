/* SPDX-License-Identifier: BSD-3-Clause */
/* The largest load that a server carries, see search.c. */
#ifndef SEARCH_H
#define SEARCH_H
#include "role.h"

enum search_what { SEARCH_NONE, SEARCH_CPS, SEARCH_RPS, SEARCH_CONNS };

struct search {
	uint8_t what; /* enum search_what */
	uint32_t from, to;
	uint32_t step_s;     /* of each load, after RAMP_S */
	uint32_t p99_us;     /* 0: any */
	uint32_t failed_ppm; /* of a million */
	uint32_t within;     /* percent */
};
extern struct search search;
#define SEARCH_OPTIONS "search search-from search-to search-step search-p99-us search-failed-ppm search-within"

/** A load that was tried. */
struct trial {
	uint64_t load, done, failed, p50_us, p99_us;
	double seconds;
	double spread;   /* of its seconds, the best and the worst apart, by the mean one */
	const char *why; /* it did not pass; NULL: it did */
};
#define TRIALS_MAX 128u /* doubled and halved, each twice */

/** All of them, in turn. @return how many. */
unsigned int search_trials(const struct trial **t);
/** The most that passed and the least that did not, 0: none. unit: of both. @return whether the search came to its
 *  end. */
bool search_found(uint64_t *best, uint64_t *worst, const char **unit);

/** Do the options fit? Sets what the client begins with. @return 0 or -EINVAL after a line. */
int search_check(void);
/** Control thread, now and then, from when the load begins. s: the client's. */
void search_tick(struct stack *s, double now_s);
/** The verdict. @return 0: a load passed. */
uint64_t search_report(void);
#endif
