/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * For the bad inputs of docs/security.md: each test_badinput_*.c has a test a row, named by it. After the row's input
 * nothing may have crashed, a counter names what was done with it, a new connection works, and bed_down() finds every
 * pool full.
 */
#ifndef BADINPUT_H
#define BADINPUT_H
#include "icmperr.h"

#define FULL (bed.af == 4 ? 1460u : 1440u)
#define L4 (bed.af == 4 ? 34u : 54u) /* the TCP header in a frame without options */
#define FRESH_PORT 8080

static inline uint64_t
drops(void)
{
	uint64_t n = 0;

	for (unsigned int i = STAT_DROP_FIRST; i < STAT_COUNT; i++)
		n += W->stats[i];
	return n;
}

static inline bool
is_from(struct tern_conn *c, uint16_t port)
{
	struct tern_info i;

	tern_conn_info(c, &i, sizeof(i));
	return i.remote.port == htons(port) || i.remote.port == port;
}

/* A new peer is served: handshake, data both ways, close. */
static inline void
fresh(void)
{
	static uint16_t port = 50000;
	const struct peer was = peer;
	struct sock *s;

	bed_start();
	run();
	rx_flush();
	if (!bed.n[0].l[3])
		CU_ASSERT_EQUAL_FATAL(node_listen(&bed.n[0], FRESH_PORT, 16, &bed.n[0].l[3]), 0);
	peer_new(port++);
	peer.addr_lo = 7;
	peer.tern_port = FRESH_PORT;
	tx(SYN, 0, 0, 0);
	expect(SYN | ACK, 0, 1, 0);
	tx(ACK, 1, 1, 0);
	s = sock_new(&bed.n[0]);
	CU_ASSERT_EQUAL_FATAL(tern_accept(bed.n[0].l[3], &sock_ops, s, &s->c, 1), 1);
	tx(ACK | PSH, 1, 1, 10);
	CHECK_EQ(sock_recv(s, 10), 10);
	CHECK_EQ(sock_send(s, 10), 10);
	run();
	expect(ACK | PSH, 1, 11, 10);
	tx(FIN | ACK, 11, 11, 0);
	rx_flush();
	sock_close(s);
	expect(FIN | ACK, 11, 12, 0);
	tx(ACK, 12, 12, 0);
	expect_silence();
	peer = was;
}

/* Exactly one drop reason counts this frame, and nothing is answered. */
static inline void
refused_(const char *file, int line, const uint8_t *p, uint16_t n)
{
	const uint64_t before = drops();

	rx_flush();
	tx_raw(p, n);
	check_at(drops() == before + 1, file, line, "%llu drops counted", (unsigned long long)(drops() - before));
	expect_silence_(file, line, 0);
}
#define refused(p, n) refused_(__FILE__, __LINE__, p, n)

static inline void
fix_ip(uint8_t *p)
{
	const unsigned int hlen = (p[14] & 15) * 4;

	if (bed.af == 6)
		return;
	put16(p + 24, 0);
	put16(p + 24, ~fold(sum16(p + 14, hlen, 0)));
}

/* The TCP checksum of n bytes at l4. */
static inline void
fix_tcp(uint8_t *p, uint32_t l4, uint32_t n)
{
	const uint32_t pseudo = sum16(p + (bed.af == 4 ? 26 : 22), bed.af == 4 ? 8 : 32, n + 6);

	put16(p + l4 + 16, 0);
	put16(p + l4 + 16, ~fold(sum16(p + l4, n, pseudo)));
}

/* Header bytes put in between the IP header and TCP: IPv4 options (n a multiple of 4), or IPv6 extensions of type
 * next. */
static inline uint16_t
insert(uint8_t *p, uint16_t len, const uint8_t *h, uint16_t n, uint8_t next)
{
	memmove(p + L4 + n, p + L4, len - L4);
	memcpy(p + L4, h, n);
	if (bed.af == 4) {
		p[14] += n / 4;
		put16(p + 16, len + n - 14);
		fix_ip(p);
	} else {
		p[20] = next;
		put16(p + 18, len + n - 54);
	}
	return len + n;
}

static inline uint16_t
syn_frame(uint8_t *p)
{
	return peer_build(p, SYN, 0, 0, 0);
}

static inline struct tern_info
info(const struct sock *s)
{
	struct tern_info i;

	tern_conn_info(s->c, &i, sizeof(i));
	return i;
}
#endif
