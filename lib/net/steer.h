/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which worker owns a connection: the Toeplitz hash the NIC computes (rte_thash), through the same RETA. Where the
 * device has no RSS, the same function decides who a packet is handed to. Pure after steer_init(); read-only on the
 * packet path.
 */
#ifndef STEER_H
#define STEER_H
#include <stdint.h>
#include "base/table.h"

#define STEER_RETA_MAX 512
#define STEER_KEY_LEN 40
#define STEER_TUPLE_LEN 36 /* IPv6 addresses and ports; a key covers it and 32 bits more */

struct steer {
	uint16_t n_workers;
	uint16_t reta_size;		/* power of two */
	uint8_t key[STEER_KEY_LEN];	/* as given to the device, big endian words */
	uint8_t reta[STEER_RETA_MAX];	/* hash & (reta_size - 1) -> worker index */
	uint32_t nibble[STEER_TUPLE_LEN * 2][16]; /* what a nibble of the tuple adds to the hash, from key */
};

/** Key (NULL: the public one of the test vectors; symmetric is not needed: both directions are computed from the
 *  receiver's view) and round-robin RETA. */
void steer_init(struct steer *s, uint16_t n_workers, uint16_t reta_size, const uint8_t key[STEER_KEY_LEN]);
/** Toeplitz hash of a packet *received* for flow f (source = remote, destination = local), as RSS computes it. */
uint32_t steer_hash(const struct steer *s, const struct flow *f);
/** Worker index that owns f. */
uint16_t steer_owner(const struct steer *s, const struct flow *f);
/** The hash of the flow whose hash is `base` with local port 0, with this one (network order): it is linear. */
uint32_t steer_hash_port(const struct steer *s, uint32_t base, uint8_t af, uint16_t lport);
/** The same for the flow whose hash is `base` with local port 0, with this one (network order). */
uint16_t steer_owner_port(const struct steer *s, uint32_t base, uint8_t af, uint16_t lport);
#endif
