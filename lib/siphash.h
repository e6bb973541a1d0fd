/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SipHash-2-4 (Aumasson, Bernstein 2012), inlined for the few words of a four-tuple: what libsodium computes
 * (crypto_shorthash), at half the cost, which every SYN pays. Row 1.
 */
#ifndef SIPHASH_H
#define SIPHASH_H
#include <stdint.h>
#include <string.h>
#include <rte_branch_prediction.h>
#include <rte_byteorder.h>

#define SIP_ROTL(x, b) ((x) << (b) | (x) >> (64 - (b)))
#define SIP_ROUND(v)                                                                                                   \
	do {                                                                                                           \
		v[0] += v[1], v[1] = SIP_ROTL(v[1], 13) ^ v[0], v[0] = SIP_ROTL(v[0], 32);                              \
		v[2] += v[3], v[3] = SIP_ROTL(v[3], 16) ^ v[2];                                                         \
		v[0] += v[3], v[3] = SIP_ROTL(v[3], 21) ^ v[0];                                                         \
		v[2] += v[1], v[1] = SIP_ROTL(v[1], 17) ^ v[2], v[2] = SIP_ROTL(v[2], 32);                              \
	} while (0)

/** SipHash-2-4 of n bytes under a key of 16 bytes. */
static inline uint64_t
siphash24(const void *msg, unsigned int n, const void *key)
{
	const uint8_t *p = msg;
	uint64_t k[2], v[4], w, last = (uint64_t)n << 56;
	uint32_t half;
	unsigned int i;

	memcpy(k, key, 16);
	k[0] = rte_le_to_cpu_64(k[0]);
	k[1] = rte_le_to_cpu_64(k[1]);
	v[0] = k[0] ^ 0x736f6d6570736575;
	v[1] = k[1] ^ 0x646f72616e646f6d;
	v[2] = k[0] ^ 0x6c7967656e657261;
	v[3] = k[1] ^ 0x7465646279746573;
	for (; n >= 8; n -= 8, p += 8) {
		memcpy(&w, p, 8);
		w = rte_le_to_cpu_64(w);
		v[3] ^= w;
		SIP_ROUND(v);
		SIP_ROUND(v);
		v[0] ^= w;
	}
	if (n & 4) {
		memcpy(&half, p, 4);
		last |= rte_le_to_cpu_32(half);
	}
	for (i = n & 4; unlikely(i < n); i++)
		last |= (uint64_t)p[i] << (8 * i);
	v[3] ^= last;
	SIP_ROUND(v);
	SIP_ROUND(v);
	v[0] ^= last;
	v[2] ^= 0xff;
	for (i = 0; i < 4; i++)
		SIP_ROUND(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}
#endif
