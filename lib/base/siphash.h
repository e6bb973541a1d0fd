/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SipHash-2-4 (Aumasson, Bernstein 2012), inlined for the few words of a four-tuple: what libsodium computes
 * (crypto_shorthash), at half the cost, which every SYN pays. Row 1.
 */
#ifndef SIPHASH_H
#define SIPHASH_H
#include <stdint.h>
#include <string.h>
#include <rte_byteorder.h>
#include <rte_common.h>

#define SIP_ROTL(x, b) ((x) << (b) | (x) >> (64 - (b)))
#define SIP_ROUND(v)                                                                                                   \
	do {                                                                                                           \
		v[0] += v[1], v[1] = SIP_ROTL(v[1], 13) ^ v[0], v[0] = SIP_ROTL(v[0], 32);                             \
		v[2] += v[3], v[3] = SIP_ROTL(v[3], 16) ^ v[2];                                                        \
		v[0] += v[3], v[3] = SIP_ROTL(v[3], 21) ^ v[0];                                                        \
		v[2] += v[1], v[1] = SIP_ROTL(v[1], 17) ^ v[2], v[2] = SIP_ROTL(v[2], 32);                             \
	} while (0)

/**
 * SipHash-2-4 of a message in n words under a key of 16 bytes. Words are little-endian, the last one ends with what is
 * left of the message, zeros, and the message's length in its top byte.
 */
static __rte_always_inline uint64_t
siphash24(const uint64_t *m, unsigned int n, const void *key)
{
	uint64_t k[2], v[4];
	unsigned int i;

	memcpy(k, key, 16);
	k[0] = rte_le_to_cpu_64(k[0]);
	k[1] = rte_le_to_cpu_64(k[1]);
	v[0] = k[0] ^ 0x736f6d6570736575;
	v[1] = k[1] ^ 0x646f72616e646f6d;
	v[2] = k[0] ^ 0x6c7967656e657261;
	v[3] = k[1] ^ 0x7465646279746573;
	for (i = 0; i < n; i++) {
		v[3] ^= m[i];
		SIP_ROUND(v);
		SIP_ROUND(v);
		v[0] ^= m[i];
	}
	v[2] ^= 0xff;
	for (i = 0; i < 4; i++)
		SIP_ROUND(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}
#endif
