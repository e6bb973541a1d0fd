/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ICMP errors from a router at 192.0.2.9 or 2001:db8::9, quoting a segment of tern's. Built byte by byte, with a
 * checksum of their own.
 */
#ifndef ICMPERR_H
#define ICMPERR_H
#include "../bytes.h"
#include "harness.h"

struct quote {
	uint8_t type, code;
	uint32_t mtu;
	uint32_t seq;	   /* relative to tern's ISS */
	uint16_t ip_len;   /* the quoted datagram's length */
	uint16_t cut;	   /* bytes of the message left out at its end */
	uint8_t ihl;	   /* quoted, in words; 0: 5 */
	uint8_t proto;	   /* quoted; 0: TCP */
	uint16_t port_xor; /* of the quoted destination port */
};

static inline void
put_addr(uint8_t *p, uint8_t lo)
{
	static const uint8_t net6[4] = {0x20, 0x01, 0x0d, 0xb8}, net4[4] = {192, 0, 2, 0};
	const unsigned int n = bed.af == 4 ? 4 : 16;

	memset(p, 0, n);
	memcpy(p, bed.af == 4 ? net4 : net6, 4);
	p[n - 1] = lo;
}

/* @return bytes of the frame at p */
static inline uint16_t
quote_build(uint8_t *p, const struct quote *q)
{
	const uint32_t l3 = bed.af == 4 ? 20 : 40, n = 8 + l3 + (q->ihl > 5 ? q->ihl * 4 - 20 : 0) + 8 - q->cut;
	uint8_t *ip = p + 14, *icmp = ip + l3, *in = icmp + 8, *t;
	uint32_t sum = 0;

	memset(p, 0, 256);
	memcpy(p, "\2\0\0\0\0\1\2\0\0\0\0\2", 12);
	put16(p + 12, bed.af == 4 ? 0x0800 : 0x86dd);
	icmp[0] = q->type;
	icmp[1] = q->code;
	put16(icmp + 4, bed.af == 4 ? 0 : q->mtu >> 16);
	put16(icmp + 6, q->mtu);
	if (bed.af == 4) {
		ip[0] = 0x45;
		put16(ip + 2, 20 + n);
		ip[8] = 60;
		ip[9] = 1;
		put_addr(ip + 12, 9);
		put_addr(ip + 16, 1);
		put16(ip + 10, ~fold(sum16(ip, 20, 0)));
		in[0] = 0x40 | (q->ihl ? q->ihl : 5);
		put16(in + 2, q->ip_len);
		put16(in + 6, 0x4000);
		in[9] = q->proto ? q->proto : 6;
		put_addr(in + 12, 1);
		put_addr(in + 16, peer.addr_lo);
		t = in + (q->ihl > 5 ? q->ihl * 4 : 20);
	} else {
		ip[0] = 0x60;
		put16(ip + 4, n);
		ip[6] = 58;
		ip[7] = 60;
		put_addr(ip + 8, 9);
		put_addr(ip + 24, 1);
		in[0] = 0x60;
		put16(in + 4, q->ip_len - 40);
		in[6] = q->proto ? q->proto : 6;
		put_addr(in + 8, 1);
		put_addr(in + 24, peer.addr_lo);
		t = in + 40;
		sum = sum16(ip + 8, 32, n + 58);
	}
	put16(t, peer.tern_port);
	put16(t + 2, peer.port ^ q->port_xor);
	put16(t + 4, (peer.irs + q->seq) >> 16);
	put16(t + 6, peer.irs + q->seq);
	put16(icmp + 2, ~fold(sum16(icmp, n, sum)));
	return icmp + n - p;
}

static inline void
tx_icmp(const struct quote *q)
{
	uint8_t p[256];

	tx_raw(p, quote_build(p, q));
}

/* "Too big" about the segment at seq, which was a datagram of ip_len bytes. */
static inline void
tx_too_big(uint32_t seq, uint32_t ip_len, uint32_t mtu)
{
	const struct quote q = {.type = bed.af == 4 ? 3 : 2, .code = bed.af == 4 ? 4 : 0, .mtu = mtu, .seq = seq,
				.ip_len = ip_len};

	tx_icmp(&q);
}
#endif
