/* SPDX-License-Identifier: BSD-3-Clause */
/* All that is random in a run: one generator, started by the seed. libsodium asks it for the workers' secrets. */
#include <sodium.h>
#include "sim.h"

uint64_t
mix(uint64_t z)
{
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

uint64_t
rnd(void)
{
	return mix(sim.rng += 0x9e3779b97f4a7c15);
}

uint32_t
below(uint32_t n)
{
	return (rnd() >> 32) * n >> 32;
}

bool
one_in(uint32_t n)
{
	return below(n) == 0;
}

static void
seeded_bytes(void *const buf, const size_t size)
{
	uint8_t *p = buf;
	size_t i;

	for (i = 0; i < size; i++)
		p[i] = rnd();
}

static uint32_t
seeded_word(void)
{
	return rnd();
}

static const char *
seeded_name(void)
{
	return "sim";
}

static struct randombytes_implementation seeded = {.implementation_name = seeded_name, .random = seeded_word,
						   .buf = seeded_bytes};

int
rand_init(void)
{
	randombytes_set_implementation(&seeded);
	return sodium_init();
}
