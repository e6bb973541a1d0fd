/* SPDX-License-Identifier: BSD-3-Clause */
/* Frames as bytes, for the harness's own files: independent of the library's parsing and building. */
#ifndef HARNESS_FRAMES_H
#define HARNESS_FRAMES_H
#include "harness.h"

static const uint8_t macs[2][6] = {{2, 0, 0, 0, 0, 1}, {2, 0, 0, 0, 0, 2}};
static const uint8_t net4[4] = {192, 0, 2, 0};
static const uint8_t net6[16] = {0x20, 0x01, 0x0d, 0xb8};

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
sum16(const uint8_t *p, uint32_t n, uint32_t sum)
{
	for (uint32_t i = 0; i < n; i++)
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

/* Ones' complement sum of the transport part with its pseudo header; 0xffff when the checksum in it is right. */
static inline uint16_t
l4_sum(const uint8_t *ip, const uint8_t *l4, uint32_t n, uint8_t proto)
{
	const uint32_t addrs = ip[0] >> 4 == 4 ? sum16(ip + 12, 8, 0) : sum16(ip + 8, 32, 0);

	return fold(sum16(l4, n, addrs + n + proto));
}

/** @return true and *f for a TCP segment; its headers and checksums are checked. */
bool parse_frame(const uint8_t *p, uint16_t n, struct frame *f);
void local6(uint8_t *a, uint8_t lo);
extern bool tracing;
/** Print it, if tracing. dir begins with < if it is tern's, and else is the peer's. */
void trace(const struct frame *f, const char *dir);
#endif
