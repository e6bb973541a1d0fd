/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The Internet checksum (RFC 1071) as it is cheapest: 64-bit words in memory order, the carry added in again. A sum is
 * of data that starts at an even offset of what the checksum covers, unless it is turned by cksum_odd(). Row 1.
 */
#ifndef CKSUM_H
#define CKSUM_H
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <rte_branch_prediction.h>
#include <rte_byteorder.h>

static inline uint64_t
cksum_add(uint64_t sum, uint64_t v)
{
	const bool carry = __builtin_add_overflow(sum, v, &sum);

	return sum + carry;
}

static inline uint16_t
cksum_fold(uint64_t sum)
{
	const uint32_t a = sum, b = sum >> 32;
	uint32_t s = a + b;

	s += s < a;
	s += s << 16 | s >> 16; /* the upper half is the folded sum, the carry of the lower half in it */
	return s >> 16;
}

/* Does it fold to 0xffff? Of a sum that isn't 0, a multiple of 65535 does: what the inverse modulo 2^64 takes to a
 * quotient. */
static inline bool
cksum_right(uint64_t sum)
{
	return sum * 0xfffefffefffeffff <= UINT64_MAX / 65535;
}

/* What starts at an odd offset counts with its bytes exchanged: RFC 1071 2 (B). */
static inline uint64_t
cksum_odd(uint64_t sum)
{
	const uint16_t s = cksum_fold(sum);

	return (uint16_t)(s << 8 | s >> 8);
}

/* One carry chain: compilers make two more instructions a word of cksum_add(). */
static inline uint64_t
cksum_32(uint64_t sum, const uint8_t *p)
{
#ifdef RTE_ARCH_X86_64
	asm("addq (%1), %0\n\tadcq 8(%1), %0\n\tadcq 16(%1), %0\n\tadcq 24(%1), %0\n\tadcq $0, %0"
	    : "+r"(sum)
	    : "r"(p), "m"(*(const uint8_t(*)[32])p)
	    : "cc");
	return sum;
#else
	uint64_t v[4];

	memcpy(v, p, 32);
	return cksum_add(cksum_add(cksum_add(cksum_add(sum, v[0]), v[1]), v[2]), v[3]);
#endif
}

static inline uint64_t
cksum_tail(uint64_t sum, const uint8_t *p, uint32_t n)
{
	uint32_t w;
	uint16_t h;

	if (n & 4) {
		memcpy(&w, p, 4);
		sum = cksum_add(sum, w);
		p += 4;
	}
	if (n & 2) {
		memcpy(&h, p, 2);
		sum = cksum_add(sum, h);
		p += 2;
	}
	if (n & 1)
		sum = cksum_add(sum, rte_cpu_to_be_16(*p << 8));
	return sum;
}

/* Sum of n bytes. Long ones go in halves of words, which the compiler vectorises. */
static inline uint64_t
cksum_bytes(const void *data, uint32_t n)
{
	const uint8_t *p = data, *end;
	uint64_t sum = 0, v;

	if (n >= 256) {
		uint64_t a = 0, b = 0;

		for (; n >= 8; n -= 8, p += 8) {
			memcpy(&v, p, 8);
			a += v & UINT32_MAX;
			b += v >> 32;
		}
		sum = cksum_add(a, b);
	}
	for (end = p + (n & ~31u); p != end; p += 32)
		sum = cksum_32(sum, p);
	for (n &= 31; n >= 8; n -= 8, p += 8) {
		memcpy(&v, p, 8);
		sum = cksum_add(sum, v);
	}
	return likely(n == 0) ? sum : cksum_tail(sum, p, n);
}

/* Copy n bytes and sum them. */
static inline uint64_t
cksum_copy(void *to, const void *from, uint32_t n)
{
	const uint8_t *p = from;
	uint8_t *q = to;
	uint64_t sum = 0, v;

	for (; n >= 32; n -= 32, p += 32, q += 32) {
		memcpy(q, p, 32);
		sum = cksum_32(sum, p);
	}
	for (; n >= 8; n -= 8, p += 8, q += 8) {
		memcpy(&v, p, 8);
		memcpy(q, &v, 8);
		sum = cksum_add(sum, v);
	}
	if (likely(n == 0))
		return sum;
	memcpy(q, p, n);
	return cksum_tail(sum, p, n);
}
#endif
