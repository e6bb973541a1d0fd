/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The NIC's Toeplitz hash in software, see steer.h. The hash is linear: the sum of what each bit of the tuple adds, 32
 * bits of the key from that bit's place on. Sums for each nibble are made once, so an IPv4 tuple costs 24 look-ups in
 * as many lines (all places of a nibble together are 4.5 KB and stay in the cache; of a byte they would be 36 KB).
 */
#include <string.h>
#include "net/steer.h"

/* The key of Microsoft's RSS verification suite: every test vector knows it. */
static const uint8_t public_key[STEER_KEY_LEN] = {
	0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3,
	0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3,
	0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa,
};

/* 32 bits of the key from bit i on, its first bit being the highest of its first byte. */
static uint32_t
key_at(const uint8_t *key, unsigned int i)
{
	uint64_t bits = 0;
	unsigned int k;

	for (k = 0; k < 5; k++)
		bits = bits << 8 | (i / 8 + k < STEER_KEY_LEN ? key[i / 8 + k] : 0);
	return bits >> (8 - i % 8);
}

static void
make_nibbles(struct steer *s)
{
	unsigned int i, v, bit;

	for (i = 0; i < STEER_TUPLE_LEN * 2; i++)
		for (v = 0; v < 16; v++)
			for (bit = 0; bit < 4; bit++)
				if (v & (8 >> bit))
					s->nibble[i][v] ^= key_at(s->key, i * 4 + bit);
}

void
steer_init(struct steer *s, uint16_t n_workers, uint16_t reta_size, const uint8_t key[STEER_KEY_LEN])
{
	uint16_t i;

	memset(s, 0, sizeof(*s));
	s->n_workers = n_workers;
	s->reta_size = reta_size;
	memcpy(s->key, key ? key : public_key, sizeof(s->key));
	make_nibbles(s);
	for (i = 0; i < reta_size; i++)
		s->reta[i] = i % n_workers;
}

/* Hash of n bytes that start at byte `at` of the tuple. */
static uint32_t
hash_part(const struct steer *s, unsigned int at, const void *data, unsigned int n)
{
	const uint32_t(*t)[16] = &s->nibble[2 * at];
	const uint8_t *p = data;
	uint32_t h = 0;
	unsigned int i;

	for (i = 0; i < n; i++)
		h ^= t[2 * i][p[i] >> 4] ^ t[2 * i + 1][p[i] & 15];
	return h;
}

uint32_t
steer_hash(const struct steer *s, const struct flow *f)
{
	if (f->af == 4)
		return hash_part(s, 0, &f->addr.raddr4, 4) ^ hash_part(s, 4, &f->addr.laddr4, 4) ^
		       hash_part(s, 8, &f->rport, 2) ^ hash_part(s, 10, &f->lport, 2);
	return hash_part(s, 0, f->addr.raddr6, 16) ^ hash_part(s, 16, f->addr.laddr6, 16) ^
	       hash_part(s, 32, &f->rport, 2) ^ hash_part(s, 34, &f->lport, 2);
}

/* Not inlined, this and the next: their set-up would move ahead of the question whether they are needed at all. */
__rte_noinline uint16_t
steer_owner(const struct steer *s, const struct flow *f)
{
	return s->reta[steer_hash(s, f) & (s->reta_size - 1)];
}

__rte_noinline uint32_t
steer_hash_port(const struct steer *s, uint32_t base, uint8_t af, uint16_t lport)
{
	return base ^ hash_part(s, af == 4 ? 10 : 34, &lport, 2);
}

uint16_t
steer_owner_port(const struct steer *s, uint32_t base, uint8_t af, uint16_t lport)
{
	return s->reta[steer_hash_port(s, base, af, lport) & (s->reta_size - 1)];
}
