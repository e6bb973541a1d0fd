/* SPDX-License-Identifier: BSD-3-Clause */
/* What the tests of both sides of Fast Open share. */
#ifndef FASTOPEN_H
#define FASTOPEN_H
#include "icmperr.h"

/* The next segment carries MSS and the Fast Open option with n bytes of c. */
static inline void
offer(const uint8_t *c, unsigned int n)
{
	const unsigned int pad = -(2 + n) & 3;
	uint8_t *o = peer.opt;

	memcpy(o, (uint8_t[]){2, 4, 1000 >> 8, 1000 & 255}, 4);
	memset(o + 4, 1, pad);
	o[4 + pad] = 34;
	o[5 + pad] = 2 + n;
	if (n)
		memcpy(o + 6 + pad, c, n);
	peer.optlen = 6 + pad + n;
}
#endif
