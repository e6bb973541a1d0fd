/* SPDX-License-Identifier: BSD-3-Clause */
/* All that is random in a run: one generator, started by the seed, for the workers' secrets, too. */
#include "sim.h"

uint64_t
rnd(void)
{
	return random_next(&sim.rng);
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

int
rand_init(void)
{
	return secrets_from(&sim.rng);
}
