/* SPDX-License-Identifier: BSD-3-Clause */
/* Packets as bytes: numbers in network order, and sums (RFC 1071) that owe nothing to the library's. */
#ifndef BYTES_H
#define BYTES_H
#include <stddef.h>
#include <stdint.h>

static inline uint16_t
get16(const uint8_t *p)
{
	return p[0] << 8 | p[1];
}

static inline uint32_t
get32(const uint8_t *p)
{
	return (uint32_t)get16(p) << 16 | get16(p + 2);
}

static inline void
put16(uint8_t *p, uint16_t v)
{
	p[0] = v >> 8;
	p[1] = v;
}

static inline void
put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v);
}

static inline uint32_t
sum16(const uint8_t *p, size_t n, uint32_t sum)
{
	for (size_t i = 0; i < n; i++)
		sum += i & 1 ? p[i] : p[i] << 8;
	return sum;
}

static inline uint16_t
fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

/** Of the transport part with its pseudo header; 0xffff when the checksum in it is right. */
static inline uint16_t
l4_sum(const uint8_t *ip, const uint8_t *l4, size_t n, uint8_t proto)
{
	return fold(sum16(l4, n, (ip[0] >> 4 == 4 ? sum16(ip + 12, 8, 0) : sum16(ip + 8, 32, 0)) + n + proto));
}
#endif
