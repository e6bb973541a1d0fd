/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An attacker of many kinds at once, made of frames: knows no device and no clock. For attack.c. What it forges comes
 * from documentation addresses; the 64k addresses of its own are 2001:db8:1::0 to ffff, behind the gateways
 * 192.0.2.254 and 2001:db8::fe, whose MAC it has.
 */
#ifndef FOE_H
#define FOE_H
#include <stdbool.h>
#include <stdint.h>

#define FOE_PEERS 65536u
#define FOE_GW 254u /* last octets */
#define FOE_GW6 0xfeu

/* X(symbol, name, frames a second) */
#define FOE_KINDS(X)                                                                                                   \
	X(SYN, "SYN", 200000)                                                                                          \
	X(RST, "RST", 100000)                                                                                          \
	X(ACK, "ACK", 100000)                                                                                          \
	X(FRAGMENT, "fragment", 20000)                                                                                 \
	X(ARP, "ARP", 20000)                                                                                           \
	X(ND, "ND", 20000)                                                                                             \
	X(STRESS, "sockstress", 50000)                                                                                 \
	X(SACK, "SACK", 30000)                                                                                         \
	X(ORDER, "out-of-order", 30000)
enum foe_kind {
#define X(symbol, name, rate) FOE_##symbol,
	FOE_KINDS(X)
#undef X
	FOE_N
};

struct foe {
	uint16_t port;	       /* of the server, 192.0.2.1 and 2001:db8::1 */
	unsigned int victims;  /* others' addresses, from 192.0.2.2 on, which it forges, too */
	uint32_t live;	       /* of one of them, host order, and live_port: a connection that is open just now */
	uint16_t live_port;
	unsigned int stress;   /* addresses that sockstress comes from; FOE_PEERS at most */
	bool (*put)(const uint8_t *frame, unsigned int len); /* false: no room */
	/* told */
	uint64_t sent[FOE_N], full;
	unsigned int up[FOE_N]; /* connections it believes in */
	uint64_t answers, resets;
};

extern const char *const foe_name[FOE_N];
void foe_init(struct foe *f, uint64_t seed);
/** What is due after so many us of attack. */
void foe_turn(struct foe *f, uint64_t us);
void foe_input(struct foe *f, const uint8_t *frame, unsigned int len);
/** Reset some of what is open, and whatever answers from now on. Again and again until nothing answers. */
void foe_leave(struct foe *f);
#endif
