/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Frames whose answers tell which frame they are for. A frame is a SYN of one of many flows; its sequence number is its
 * number in its flow, from 1. The listener keeps nothing and answers each with a cookie, which acknowledges that
 * number. The answer comes once, and in the order of its flow; what does not come was dropped, and counted as such.
 *
 * A flow always comes in at the same queue, which has nothing to do with the worker it belongs to: every other frame
 * has to be handed over.
 */
#ifndef STRESS_FEED_H
#define STRESS_FEED_H
#include <stdbool.h>
#include <stdint.h>
#include <rte_ether.h>
#include <rte_mbuf.h>
#include "device.h"

#define FEED_BURST 32u

struct feed_count {
	uint64_t made;    /* frames with a number */
	uint64_t refused; /* of these by the device: its queue was full */
	uint64_t seen;    /* answers */
	uint64_t missing; /* numbers that an answer went past */
};
extern struct feed_count feed;

void feed_init(struct rte_mempool *mp);
/** Make a burst, of random flows, for queue q of the device; to: MAC. */
void feed_burst(const struct device *d, unsigned int q, const struct rte_ether_addr *to);
/** Is m an answer to a frame? Then it is looked at; m stays the caller's. */
bool feed_answer(const struct rte_mbuf *m);
/** Whatever was not answered until now will not be. @return how many of all frames were not. */
uint64_t feed_close(void);
#endif
