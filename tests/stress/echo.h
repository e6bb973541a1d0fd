/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Both ends of the connections of the stress test: a server of several workers that says who it is, from memory that
 * they share, and sends back what comes; and a client of one worker that compares each byte. The client's calls are
 * for its own thread.
 */
#ifndef STRESS_ECHO_H
#define STRESS_ECHO_H
#include <stdbool.h>
#include <stdint.h>
#include "tern.h"

#define ECHO_PORT 80
#define COOKIE_PORT 81 /* each SYN is answered, and nothing is kept */

enum client_mode {
	CLIENT_RUNS,   /* opens, sends, compares, closes */
	CLIENT_LEAVES, /* opens no more */
	CLIENT_HOLDS,  /* and closes no more: waits for the other end */
};

extern struct tern_app echo_server;
#define BANNER_LEN 700u
/** What the server says first; all workers send it from one place. */
void banner_init(void);
/** Nobody sends it any more, and what referred to it is gone. @return false: something does. */
bool banner_free(void);

struct client {
	struct tern_worker *w;
	struct tern_endpoint to;
	enum client_mode mode;
	unsigned int open, established;
	uint64_t done, bytes, reset; /* connections that were whole; their bytes, one way; ended by the server */
	bool cruel;                  /* the server may end them; else that is a fault */
};
/** A turn's worth of new connections. */
void client_turn(struct client *c);
#endif
