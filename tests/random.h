/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A generator that a seed starts (SplitMix64), and libsodium, which the workers' secrets come from, made to take its
 * bytes there: a run with the same seed is the same run.
 */
#ifndef TEST_RANDOM_H
#define TEST_RANDOM_H
#include <stddef.h>
#include <stdint.h>
#include <sodium.h>

static inline uint64_t
mix(uint64_t z)
{
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static inline uint64_t
random_next(uint64_t *state)
{
	return mix(*state += 0x9e3779b97f4a7c15);
}

static uint64_t *secrets;

static inline void
secret_bytes(void *const buf, const size_t size)
{
	uint8_t *p = buf;
	size_t i;

	for (i = 0; i < size; i++)
		p[i] = random_next(secrets);
}

static inline uint32_t
secret_word(void)
{
	return random_next(secrets);
}

static inline const char *
secret_name(void)
{
	return "seeded";
}

/** Secrets are made of *state from now on. @return -1: libsodium would not. */
static inline int
secrets_from(uint64_t *state)
{
	static struct randombytes_implementation seeded = {.implementation_name = secret_name, .random = secret_word,
							   .buf = secret_bytes};

	secrets = state;
	randombytes_set_implementation(&seeded);
	return sodium_init();
}
#endif
