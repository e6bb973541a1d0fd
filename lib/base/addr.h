/* SPDX-License-Identifier: BSD-3-Clause */
/* Addresses of either family, as bytes: af is 4 or 6 (TERN_AF_*). */
#ifndef ADDR_H
#define ADDR_H
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static inline unsigned int
addr_len(uint8_t af)
{
	return af == 4 ? 4 : 16;
}

/** The unspecified address: RFC 1122 3.2.1.3 (a), RFC 4291 2.5.2. */
static inline bool
addr_is_zero(const uint8_t *a, uint8_t af)
{
	static const uint8_t zero[16];

	return memcmp(a, zero, addr_len(af)) == 0;
}
#endif
