/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Connections made of frames: each sends segments, and before each is an octet that never comes, so that none can be
 * merged. 100 addresses from 192.0.2.100 on. Knows no device and no clock: for holes.c and ring.c.
 */
#ifndef RAW_H
#define RAW_H
#include <stdbool.h>
#include <stdint.h>

#define RAW_FRAME_MAX 256u

struct raw {
	uint32_t host; /* host order */
	uint16_t port;
	unsigned int n, segs; /* connections, segments of each */
	bool (*put)(const uint8_t *frame, unsigned int len); /* false: no room now, it is tried again */
	/* told */
	unsigned int done, gone, opening;
	unsigned int answers; /* to raw_ask() */
};

void raw_init(struct raw *r);
/** Who is HOST? First, and whenever one wants to know whether it has received what was sent. */
void raw_ask(const struct raw *r);
/** All of the addresses are ours. */
void raw_announce(const struct raw *r);
void raw_input(struct raw *r, const uint8_t *frame, unsigned int len);
/** The next step of connection i, of r->n. */
void raw_step(struct raw *r, unsigned int i, uint64_t now_us);
/** It leaves, by RST. @return false: no room now. */
bool raw_leave(struct raw *r, unsigned int i);
/** Write v to p in network order; read it. */
void raw_be(uint8_t *p, uint32_t v, unsigned int bytes);
uint32_t raw_get(const uint8_t *p, unsigned int bytes);
uint16_t raw_sum(const uint8_t *p, unsigned int n, uint32_t start);
extern const uint8_t raw_mac[6];
#endif
