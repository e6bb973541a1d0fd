/* SPDX-License-Identifier: BSD-3-Clause */
/* Frames from and to addresses of the test's choice, given to one interface and looked for at one. */
#ifndef VIA_H
#define VIA_H
#include "harness_frames.h"

static inline void
fix(uint8_t *p, uint16_t n, uint8_t proto)
{
	const unsigned int l4 = bed.af == 4 ? 34 : 54, at = l4 + (proto == 6 ? 16 : 2);
	const bool pseudo = proto != 1;

	if (bed.af == 4) {
		put16(p + 24, 0);
		put16(p + 24, ~fold(sum16(p + 14, 20, 0)));
	}
	put16(p + at, 0);
	put16(p + at, ~(pseudo ? l4_sum(p + 14, p + l4, n - l4, proto) : fold(sum16(p + l4, n - l4, 0))));
}

/* As if it came from src, with this MAC, to dst at interface i. */
static inline void
from_to(uint8_t *p, uint16_t n, unsigned int i, const uint8_t *mac, const void *src, const void *dst, uint8_t proto)
{
	memcpy(p, &W->ifs[i].mac, 6);
	memcpy(p + 6, mac, 6);
	memcpy(p + (bed.af == 4 ? 26 : 22), src, bed.af == 4 ? 4 : 16);
	memcpy(p + (bed.af == 4 ? 30 : 38), dst, bed.af == 4 ? 4 : 16);
	fix(p, n, proto);
}

/* An echo request without addresses. @return bytes. */
static inline uint16_t
build_ping(uint8_t *p)
{
	const unsigned int l4 = bed.af == 4 ? 34 : 54;

	peer_build(p, SYN, 0, 0, 0);
	put16(p + (bed.af == 4 ? 16 : 18), bed.af == 4 ? 20 + 40 : 40);
	p[bed.af == 4 ? 23 : 20] = bed.af == 4 ? 1 : 58;
	memset(p + l4, 7, 40);
	put16(p + l4, bed.af == 4 ? 0x0800 : 0x8000);
	return l4 + 40;
}

static inline void
arrive(unsigned int i, const uint8_t *p, uint16_t n)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(bed.n[0].mp);

	memcpy(rte_pktmbuf_append(m, n), p, n);
	worker_set_time(W, bed.now_us);
	worker_input(W, i, &m, 1);
	worker_run(W);
}

/* The last TCP segment out of interface i into *f; all that waits there is taken. @return false: there is none. */
static inline bool
leaves(unsigned int i, struct frame *f)
{
	struct iface *ifc = &W->ifs[i];
	bool got = false;
	unsigned int k;

	for (k = 0; k < ifc->n_tx; k++) {
		got |= parse_frame(rte_pktmbuf_mtod(ifc->tx[k], const uint8_t *), ifc->tx[k]->data_len, f);
		rte_pktmbuf_free(ifc->tx[k]);
	}
	ifc->n_tx = 0;
	return got;
}
#endif
