/* SPDX-License-Identifier: BSD-3-Clause */
/* A worker's side of Fast Open. Theory of operation: tcp/fastopen.c. */
#ifndef TCP_FASTOPEN_H
#define TCP_FASTOPEN_H
#include <stdint.h>

struct fastopen {
	uint32_t pending;   /* connections without the final ACK */
	uint32_t resets[2]; /* those that were reset: this minute, the last */
	uint64_t resets_at_us, key_until_us;
	uint8_t key[2][16], n_keys; /* of cookies: the current, the one before */
	struct tfo_peer *peers;	    /* what servers gave */
};
#endif
