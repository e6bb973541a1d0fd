/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bad inputs in mass, and over time: rows B27..B30, B33, B35..B37, B39..B42, B44.
 */
#include "badinput.h"

static unsigned int
mbufs_free(void)
{
	return rte_mempool_avail_count(bed.n[0].mp);
}

static void
test_b27(void)
{
	unsigned int before, lowest;

	for (unsigned int way = 0; way < 2; way++) { /* descending, every other byte */
		struct sock *s;

		bed_down();
		bed_reset(bed.af);
		s = fx_established();
		before = lowest = mbufs_free();
		for (uint32_t i = 0; i < 20000; i++) {
			tx(ACK, way ? 3 + 2 * i : 60000 - 2 * i, 1, 1);
			rx_flush();
			lowest = RTE_MIN(lowest, mbufs_free());
		}
		CHECK(before - lowest <= 1024); /* a bound on buffers, not only on bytes */
		CHECK(STAT(OFO_DROP) + STAT(DROP_RX_NOBUF) + STAT(DROP_SEQ) > 10000);
		for (uint32_t q = 1; q < 60002;) { /* and the stream comes through */
			const uint32_t n = RTE_MIN(1000u, 60002 - q);

			tx(ACK, q, 1, n);
			CHECK(sock_recv_all(s) > 0);
			rx_flush();
			q += n;
		}
		CHECK_EQ(s->rx_pos, 60002);
	}
	fresh();
}

static void
put_sack(unsigned int i, uint32_t left, uint32_t right)
{
	uint8_t *o = peer.opt + 4 + 8 * i;

	peer.opt[0] = peer.opt[1] = 1;
	peer.opt[2] = 5;
	peer.opt[3] = 2 + 8 * (i + 1);
	peer.optlen = 4 + 8 * (i + 1);
	put16(o, (peer.irs + left) >> 16);
	put16(o + 2, peer.irs + left);
	put16(o + 4, (peer.irs + right) >> 16);
	put16(o + 6, peer.irs + right);
}

/* Everything sent is acknowledged in the end, whatever is retransmitted until then. */
static void
drain(struct sock *s, uint32_t end)
{
	uint32_t una = 1;

	for (unsigned int i = 0; i < 4000 && tern_send_queued(s->c); i++) {
		const struct frame *f;

		while ((f = rx()) != NULL)
			if ((int32_t)(f->seq + f->len - peer.irs - una) > 0 && f->len)
				una = f->seq + f->len - peer.irs;
		if ((int32_t)(una - end) > 0)
			una = end;
		tx(ACK, 1, una, 0);
		if (!rx_peek())
			advance_us(300 * MS);
	}
	CHECK_EQ(tern_send_queued(s->c), 0);
	rx_flush();
}

static void
test_b28(void)
{
	struct sock *s;

	peer.sack = true;
	peer.mss = 48;
	s = fx_established();
	CHECK_EQ(sock_send(s, 20000), 20000);
	run();
	rx_flush();
	for (unsigned int i = 0; i < 400; i++) { /* blocks that alternate, shift and swallow each other */
		const uint32_t at = 65 + i % 40 * 52;

		for (unsigned int b = 0; b < 4; b++)
			put_sack(b, at + b * 130, at + b * 130 + 65 + i % 3);
		tx(ACK, 1, 1, 0);
		put_sack(0, 49, 3000);
		tx(ACK, 1, 1, 0);
		rx_flush();
	}
	CHECK_EQ(sock_state(s), TERN_ESTABLISHED);
	drain(s, 20001);
	fresh();
}

static void
test_b29(void)
{
	struct sock *s;
	uint64_t out;

	peer.sack = true;
	s = fx_established();
	CHECK_EQ(sock_send(s, 40 * FULL), 40 * FULL);
	run();
	rx_flush();
	out = STAT(OUT_SEGS);
	for (unsigned int i = 0; i < 20000; i++) { /* every second segment */
		const uint32_t k = 1 + i % 4 * 2;

		put_sack(0, 1 + k * FULL, 1 + (k + 1) * FULL);
		tx(ACK, 1, 1, 0);
		if (i % 64 == 0)
			rx_flush();
	}
	rx_flush();
	CHECK(STAT(OUT_SEGS) - out <= 200); /* an ACK sends no more than it takes off the path */
	CHECK_EQ(sock_state(s), TERN_ESTABLISHED);
	drain(s, 1 + 40 * FULL);
	fresh();
}

static void
test_b30(void)
{
	static const uint16_t msss[] = {48, 8, 0};
	struct sock *s;
	uint64_t out;

	for (unsigned int i = 0; i < RTE_DIM(msss); i++) {
		bed_down();
		bed_reset(bed.af);
		peer.mss = 1460;
		if (msss[i]) {
			peer.opt[0] = 2, peer.opt[1] = 4, peer.opt[2] = 0, peer.opt[3] = msss[i];
			peer.optlen = 4;
		}
		s = fx_established();
		CHECK(info(s).mss >= 64);
		CHECK_EQ(sock_send(s, 100000), 100000);
		run();
		rx_flush();
		if (!msss[i]) {
			tx_too_big(1, FULL + (bed.af == 4 ? 40 : 60), 68);
			CHECK(info(s).mss >= 536);
		}
		drain(s, 100001);
		out = STAT(OUT_SEGS);
		CHECK(out <= 100000 / 64 * 2 + 400);
	}
	fresh();
}

static void
test_b33(void)
{
	struct sock *s;
	unsigned int probes, n = 0;
	uint64_t closed;

	peer.wnd = 0; /* right after the handshake, and for ever */
	s = fx_established();
	CHECK_EQ(sock_send(s, 100000), 100000);
	run();
	for (unsigned int i = 0; i < 600; i++) {
		const struct frame *f;

		advance_us(SEC);
		while ((f = rx()) != NULL)
			n += f->len;
		tx(ACK, 1, 1, 0);
	}
	probes = STAT(PROBES);
	CHECK(probes >= 8 && probes <= 30); /* backed off: RFC 9293 3.8.6.1 */
	CHECK(n <= probes);		    /* a byte each, at most */
	CHECK_EQ(sock_state(s), TERN_ESTABLISHED); /* MUST-37 */
	closed = STAT(ABORT_ON_TIMEOUT);
	sock_close(s); /* nobody is left who wants it: R2 */
	for (unsigned int i = 0; i < 300; i++) {
		advance_us(SEC);
		rx_flush();
		tx(ACK, 1, 1, 0);
	}
	CHECK_EQ(STAT(ABORT_ON_TIMEOUT), closed + 1);
	CHECK_EQ(W->table.count, 0);
	rx_flush();
	bed_down();
	bed_reset(bed.af);
	s = fx_established(); /* a window of 1: RFC 9293 3.8.6.2.1 */
	peer.wnd = 1;
	tx(ACK, 1, 1, 0);
	CHECK_EQ(sock_send(s, 1000), 1000);
	n = 0;
	for (uint32_t una = 1, i = 0; i < 100; i++) {
		const struct frame *f;

		advance_us(100 * MS);
		while ((f = rx()) != NULL) {
			n++;
			CHECK(f->len <= 1);
			if (f->seq + f->len - peer.irs > una)
				una = f->seq + f->len - peer.irs;
		}
		tx(ACK, 1, una, 0);
	}
	CHECK(n < 60); /* the sender waits for more before it sends so little */
	rx_flush();
	peer.wnd = 65535;
	fresh();
}

static void
test_b35(void)
{
	struct peer genuine;
	struct sock *s;
	uint64_t t;

	bed.conf.max_requests = 512;
	bed_start();
	CU_ASSERT_EQUAL_FATAL(node_listen(&bed.n[0], SRV_PORT, 128, &bed.n[0].l[0]), 0);
	tx(SYN, 0, 0, 0);
	expect(SYN | ACK, 0, 1, 0);
	tx(SYN, 70000, 0, 0); /* the same peer, another ISN: the passive open returns to LISTEN, or ignores it */
	rx_flush();
	for (unsigned int i = 0; i < 50000; i++) {
		peer_new(1024 + harness_rand() % 60000);
		peer.addr_lo = 3 + harness_rand() % 200;
		peer.iss = harness_rand();
		tx(SYN, 0, 0, 0);
		rx_flush();
	}
	CHECK(W->listeners.half_open <= 256);
	CHECK(STAT(COOKIES_SENT) > 40000);
	peer_new(333);
	peer.addr_lo = 250;
	t = bed.now_us;
	tx(SYN, 0, 0, 0);
	expect_at(SYN | ACK, 0, 1, 0, 0, SEC);
	tx(ACK, 1, 1, 0);
	tx(ACK | PSH, 1, 1, 10);
	genuine = peer;
	s = sock_accept(&bed.n[0]);
	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	CHECK_EQ(sock_recv_all(s), 10);
	CHECK(bed.now_us - t < SEC);
	peer = genuine;
	sock_abort(s);
	rx_flush();
	fresh();
}

static void
test_b36(void)
{
	uint32_t good_iss;

	bed.conf.tcp.cookie_mode = TERN_COOKIE_ALWAYS;
	fx_listen();
	tx(SYN, 0, 0, 0);
	expect(SYN | ACK, 0, 1, 0); /* cookies are believed from now on */
	good_iss = peer.irs;
	for (unsigned int i = 0; i < 1 << 17; i++) { /* 2^20 in the fuzzer's time, not in CI's */
		peer.irs = harness_rand();
		if (peer.irs == good_iss)
			continue;
		tx(ACK, 1, 1, 0);
		rx_flush();
	}
	CHECK_EQ(STAT(ESTABLISHED), 0);
	CHECK_EQ(STAT(COOKIES_FAILED), 1 << 17);
	for (uint32_t d = 1; d < 8; d++) { /* another MSS index */
		peer.irs = good_iss ^ d;
		tx(ACK, 1, 1, 0);
		rx_flush();
	}
	CHECK_EQ(STAT(ESTABLISHED), 0);
	peer.irs = good_iss;
	advance_us(200 * SEC); /* replayed after more than two periods */
	tx(ACK, 1, 1, 0);
	rx_flush();
	CHECK_EQ(STAT(ESTABLISHED), 0);
	W->listeners.first->cookie_mode = TERN_COOKIE_AUTO;
	bed.conf.tcp.cookie_mode = TERN_COOKIE_AUTO;
	fresh();
}

static void
test_b37(void)
{
	unsigned int n = 0;

	bed_start();
	peer.irs_known = true;
	peer.tern_port = 9;
	for (unsigned int i = 0; i < 20000; i++) {
		tx(RST, i, i, 0);
		tx(RST | ACK, i, i, 0);
	}
	expect_silence(); /* a RST never answers a RST */
	for (unsigned int i = 0; i < 20000; i++) {
		tx(i & 1 ? ACK : FIN, i, i, 0);
		n += rx_flush();
	}
	CHECK(n > 0 && n < 1000);
	CHECK_EQ(STAT(DROP_NO_SOCKET), 60000);
	CHECK_EQ(STAT(RST_RATELIMIT), 20000 - n);
	advance_us(SEC);
	/* two ends that disagree must not answer each other's ACKs for ever */
	peer.irs_known = false;
	peer.tern_port = SRV_PORT;
	fx_established();
	n = 0;
	for (unsigned int i = 0; i < 2000; i++) {
		tx(ACK, (uint32_t)-5000, 1, 0);
		n += rx_flush();
	}
	CHECK(n >= 1 && n <= 10);
	CHECK_EQ(STAT(ACK_SKIPPED_SEQ), 2000 - n);
	for (unsigned int k = 0; k < 2; k++) { /* nor is text answered that no peer of ours sends: beyond the window,
					        * or long gone */
		advance_us(6 * SEC);
		n = 0;
		for (unsigned int i = 0; i < 2000; i++) {
			tx(ACK, k ? 0x40000000 : 0x80000010, 1, 10);
			n += rx_flush();
		}
		CHECK(n >= 1 && n <= 10);
	}
	tx(ACK, 1, 1, 10);
	rx_flush();
	for (n = 0; n < 20; n++) { /* but what comes again is: the ACK may have been lost */
		tx(ACK, 1, 1, 10);
		CHECK_EQ(rx_flush(), 1);
	}
	peer_new(40009);
	fx_half_open();
	n = 0;
	for (unsigned int i = 0; i < 2000; i++) {
		tx(ACK, (uint32_t)-5000, 1, 0);
		n += rx_flush();
	}
	CHECK(n >= 1 && n <= 32);
	advance_us(SEC);
	rx_flush();
	fresh();
}

static void
test_b39(void)
{
	struct sock *s;

	fx_half_open(); /* half-open: gone after the SYN-ACK's last retransmission */
	advance_us(130 * SEC);
	CHECK_EQ(W->listeners.half_open, 0);
	rx_flush();
	peer_new(40001);
	s = fx_established(); /* FIN-WAIT-2 that nobody ends */
	sock_close(s);
	rx_flush();
	tx(ACK, 1, 2, 0);
	CHECK_EQ(state_now(), TERN_FIN_WAIT_2);
	advance_us(61 * SEC);
	CHECK_EQ(W->table.count, 0);
	rx_flush();
	peer_new(40002);
	fx_last_ack(); /* no last ACK */
	advance_us(250 * SEC);
	CHECK_EQ(W->table.count, 0);
	rx_flush();
	peer_new(40003);
	fx_closing();
	advance_us(250 * SEC);
	CHECK_EQ(W->table.count, 0);
	rx_flush();
	peer_new(40004);
	s = fx_established(); /* the peer vanishes: R2 is at least 100 s */
	CHECK_EQ(sock_send(s, 10), 10);
	advance_us(99 * SEC);
	CHECK_EQ(s->closed, 0);
	advance_us(200 * SEC);
	CHECK_EQ(s->closed, 1);
	CHECK_EQ(s->err, -ETIMEDOUT);
	rx_flush();
	peer_new(40005);
	s = fx_established(); /* a byte each 30 s is no fault */
	for (uint32_t i = 0; i < 20; i++) {
		advance_us(30 * SEC);
		tx(ACK | PSH, 1 + i, 1, 1);
		rx_flush();
	}
	CHECK_EQ(sock_recv_all(s), 20);
	CHECK(STAT(ABORT_ON_TIMEOUT) >= 4);
	fresh();
}

/* What an ICMP error may do is test_pmtu.c's; here is all that it may not. */
static void
test_b40(void)
{
	static const uint32_t mtus[] = {0, 68, 575, 1279, 65535};
	struct sock *s = fx_established();
	struct quote q;
	uint64_t before;

	CHECK_EQ(sock_send(s, 2 * FULL), 2 * FULL);
	run();
	rx_flush();
	for (unsigned int type = 0; type < 16; type++) /* every kind, about a segment that is not in flight */
		for (unsigned int code = 0; code < 16; code++) {
			if (type == (bed.af == 4 ? 8 : 128) || (bed.af == 4 && type == 0))
				continue;
			q = (struct quote){
				.type = type, .code = code, .mtu = 600, .seq = 1 + 2 * FULL + code, .ip_len = 1500};
			before = drops();
			tx_icmp(&q);
			CHECK_EQ(drops(), before + 1);
		}
	for (unsigned int cut = 1; cut < 30; cut++) { /* truncated */
		q = (struct quote){.type = bed.af == 4 ? 3 : 2, .code = bed.af == 4 ? 4 : 0, .mtu = 600, .seq = 1,
				   .ip_len = 1500, .cut = cut};
		before = STAT(DROP_ICMP);
		tx_icmp(&q);
		CHECK_EQ(STAT(DROP_ICMP), before + 1);
	}
	CHECK_EQ(info(s).mss, FULL);
	expect_silence();
	for (unsigned int code = 0; code < 16; code++) { /* all of them, about one that is: never aborted */
		q = (struct quote){.type = bed.af == 4 ? 3 : 1, .code = code, .mtu = 65535, .seq = 1, .ip_len = 1500};
		tx_icmp(&q);
	}
	q = (struct quote){.type = 4, .code = 0, .seq = 1, .ip_len = 1500};
	if (bed.af == 4)
		tx_icmp(&q); /* source quench */
	CHECK_EQ(sock_state(s), TERN_ESTABLISHED);
	expect_silence();
	for (unsigned int i = 0; i < RTE_DIM(mtus); i++)
		for (unsigned int k = 0; k < 10; k++)
			tx_too_big(1, info(s).mss + (bed.af == 4 ? 40 : 60), mtus[i]);
	CHECK(info(s).mss >= (bed.af == 4 ? 536 : 1220));
	rx_flush();
	fresh();
}

static void
test_b41(void)
{
	uint32_t isn[1000], same[3];
	unsigned int up = 0, near = 0;

	fx_listen();
	for (unsigned int i = 0; i < 1000; i++) {
		peer_new(10000 + i);
		tx(SYN, 0, 0, 0);
		isn[i] = rx()->seq;
		tx(RST, 1, 0, 0);
	}
	for (unsigned int i = 1; i < 1000; i++) { /* a keyed hash: no step from port to port */
		const uint32_t d = isn[i] - isn[i - 1];

		up += d < 0x80000000;
		near += d <= 1000 || d >= -1000u;
	}
	CHECK(up > 350 && up < 650);
	CHECK(near < 3); /* by chance one is in one run of 2,000 */
	for (unsigned int i = 0; i < 3; i++) { /* the same tuple: the 4 us clock */
		peer_new(500);
		tx(SYN, 0, 0, 0);
		same[i] = rx()->seq;
		tx(RST, 1, 0, 0);
		if (i == 0)
			advance_us(SEC);
	}
	CHECK(same[1] - same[0] >= 200000 && same[1] - same[0] <= 300000);
	bed_down(); /* a restart: another secret */
	bed_reset(bed.af);
	fx_listen();
	near = 0;
	for (unsigned int i = 0; i < 3; i++) {
		peer_new(10000 + i);
		tx(SYN, 0, 0, 0);
		near += rx()->seq - isn[i] <= 1000000;
	}
	CHECK(near < 2);
	fresh();
}

static void
test_b42(void)
{
	uint32_t off[64];
	uint16_t port[64];
	unsigned int steps = 0;
	const struct frame *f;

	fx_listen();
	for (unsigned int i = 0; i < 64; i++) {
		peer_new(10000 + i);
		peer.ts = true;
		tx(SYN, 0, 0, 0);
		f = rx();
		CU_ASSERT_TRUE_FATAL(f != NULL && f->has_ts);
		off[i] = f->tsval - (uint32_t)(bed.now_us / 1000);
		for (unsigned int k = 0; k < i; k++)
			CHECK(off[k] != off[i]);
		tx(RST, 1, 0, 0);
	}
	peer_new(40000);
	for (unsigned int i = 0; i < 64; i++) { /* RFC 6056 */
		struct sock *s;

		CU_ASSERT_EQUAL_FATAL(node_connect(4000, 0, &s), 0);
		port[i] = info(s).local.port;
		steps += i && abs(ntohs(port[i]) - ntohs(port[i - 1])) == 1;
		sock_abort(s);
		run();
		rx_flush();
	}
	CHECK(steps < 16);
	fresh(); /* the IP identification is 0 on an atomic datagram (RFC 6864): put_ip() */
}

static void
test_b44(void)
{
	struct rte_mbuf *held[4096];
	struct sock *s;
	unsigned int n;

	fx_half_open(); /* never accepted, with data */
	tx(ACK | PSH, 1, 1, 100);
	tx(ACK | PSH, 101, 1, 100);
	rx_flush();
	tern_listener_close(bed.n[0].l[0]);
	bed.n[0].l[0] = NULL;
	run();
	CHECK_EQ(rx()->flags & RST, RST);
	peer_new(40001);
	s = fx_established(); /* close with unread data: RFC 2525 2.17 */
	tx(ACK | PSH, 1, 1, 100);
	rx_flush();
	sock_close(s);
	expect_rst(1, 101);
	CHECK_EQ(STAT(ABORT_ON_DATA), 1);
	peer_new(40002);
	s = fx_established(); /* RST while a send waits for room */
	while (sock_send(s, 65536) > 0)
		;
	run();
	rx_flush();
	tx(RST, 1, 0, 0);
	CHECK_EQ(s->closed, 1);
	/* every allocation fails, one after the other, from any moment on */
	for (unsigned int left = 0; left < 40; left++) {
		peer_new(41000 + left);
		s = fx_established();
		tx(ACK | PSH, 1, 1, 100);
		for (n = 0; n < RTE_DIM(held) && mbufs_free() > left; n++) {
			held[n] = rte_pktmbuf_alloc(bed.n[0].mp);
			if (!held[n])
				break;
		}
		tern_send(s->c, "0123456789", 10, 0);
		run();
		tx(ACK | PSH, 101, 1, 1000);
		tx(ACK, 2000, 1, 100);
		tern_send(s->c, "0123456789", 10, 0);
		tern_shutdown(s->c, TERN_SHUT_WR);
		run();
		advance_us(2 * SEC);
		tx(SYN, 5, 0, 0);
		tx(FIN | ACK, 1101, 1, 0);
		rte_pktmbuf_free_bulk(held, n);
		advance_us(1000); /* the worker counts them once a millisecond */
		rx_flush();
		sock_abort(s);
		run();
		rx_flush();
	}
	CHECK(STAT(MBUF_EMPTY) > 0);
	fresh();
}

int
main(int argc, char **argv)
{
	static CU_TestInfo tests[] = {
		{"B27 SegmentSmack", test_b27},
		{"B28 SACK panic", test_b28},
		{"B29 SACK slowness", test_b29},
		{"B30 low MSS", test_b30},
		{"B33 zero windows", test_b33},
		{"B35 SYN flood", test_b35},
		{"B36 forged SYN cookies", test_b36},
		{"B37 RST and ACK storms", test_b37},
		{"B39 orphans and slow peers", test_b39},
		{"B40 ICMP", test_b40},
		{"B41 ISN", test_b41},
		{"B42 what is predictable", test_b42},
		{"B44 memory", test_b44},
		CU_TEST_INFO_NULL,
	};

	return harness_main(argc, argv, "badinput_flood", tests);
}
