/* SPDX-License-Identifier: BSD-3-Clause */
/* The secrets of a worker's sequence numbers and SYN cookies. Theory of operation: tcp/cookie.c. */
#ifndef COOKIE_H
#define COOKIE_H
#include <stdint.h>

struct cookies {
	uint64_t secret[2]; /* SipHash key of ISN and timestamp offsets (RFC 6528) */
	uint8_t key[2][16]; /* of SYN cookies: the current, the one before */
	uint64_t epoch;	    /* now_us / period of key[epoch & 1] */
};
#endif
