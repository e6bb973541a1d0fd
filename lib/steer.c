/* SPDX-License-Identifier: BSD-3-Clause */
/* The NIC's Toeplitz hash in software (rte_thash), see steer.h. */
#include <string.h>
#include <rte_byteorder.h>
#include <rte_thash.h>
#include "steer.h"

/* The key of Microsoft's RSS verification suite: every device and every test vector knows it. */
static const uint8_t default_key[STEER_KEY_LEN] = {
	0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb,
	0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa,
};

void
steer_init(struct steer *s, uint16_t n_workers, uint16_t reta_size)
{
	uint16_t i;

	memset(s, 0, sizeof(*s));
	s->n_workers = n_workers;
	s->reta_size = reta_size;
	memcpy(s->key, default_key, sizeof(s->key));
	for (i = 0; i < reta_size; i++)
		s->reta[i] = i % n_workers;
}

/* Words in host order, as rte_softrss() wants them. */
static uint32_t
load_words(uint32_t *out, const uint8_t *addr, unsigned int n)
{
	unsigned int i;
	uint32_t v;

	for (i = 0; i < n; i++) {
		memcpy(&v, addr + 4 * i, 4);
		out[i] = rte_be_to_cpu_32(v);
	}
	return n;
}

uint32_t
steer_hash(const struct steer *s, const struct flow *f)
{
	uint32_t tuple[9];
	uint32_t n;

	if (f->af == 4) {
		tuple[0] = rte_be_to_cpu_32(f->addr.raddr4);
		tuple[1] = rte_be_to_cpu_32(f->addr.laddr4);
		n = 2;
	} else {
		n = load_words(tuple, f->addr.raddr6, 4);
		n += load_words(tuple + 4, f->addr.laddr6, 4);
	}
	tuple[n++] = (uint32_t)rte_be_to_cpu_16(f->rport) << 16 | rte_be_to_cpu_16(f->lport);
	return rte_softrss(tuple, n, s->key);
}

uint16_t
steer_owner(const struct steer *s, const struct flow *f)
{
	return s->reta[steer_hash(s, f) & (s->reta_size - 1)];
}
