/* SPDX-License-Identifier: BSD-3-Clause */
/* TCP Fast Open, RFC 7413: the client against the scripted peer, then both sides against each other. */
#include "fastopen.h"

static uint16_t srv_port = SRV_PORT;

static struct sock *
connect_fastopen(uint16_t lport, size_t len)
{
	struct tern_endpoint l = {.af = bed.af, .port = htons(lport)}, r;
	struct sock *s = sock_new(&bed.n[0]);
	uint8_t b[4000];

	for (size_t i = 0; i < len; i++)
		b[i] = pat(s->tx_pos + i);
	peer_new(srv_port);
	peer.tern_port = lport;
	peer_addr(&r, srv_port);
	CHECK_EQ(tern_connect_fastopen(TW_(&bed.n[0]), &l, &r, &sock_ops, s, b, len, &s->c), (int)len);
	s->tx_pos += len;
	run();
	advance_to_frame(SEC);
	return s;
}

static const uint8_t given[8] = {0xc0, 0x0c, 1, 2, 3, 4, 5, 6}, given2[8] = {0xc0, 0x0c, 9};

/* The client has a cookie of the server's. */
static void
warm_up(void)
{
	bed_start();
	connect_fastopen(5000, 100);
	expect(SYN, 0, 0, 0);
	offer(given, 8);
	tx(SYN | ACK, 0, 1, 0);
	expect(ACK | PSH, 1, 1, 100);
	tx(ACK, 1, 101, 0);
}

/* A connection whose SYN says nothing of Fast Open, answered and done with. */
static void
expect_plain(uint16_t lport)
{
	const struct frame *f;

	connect_fastopen(lport, 100);
	f = expect(SYN, 0, 0, 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	CHECK_EQ(f->optlen, 20);
	tx(SYN | ACK, 0, 1, 0);
	expect(ACK | PSH, 1, 1, 100);
	tx(ACK, 1, 101, 0);
}

/* Data that only the SYN of is acknowledged: the server is left alone on that port, longer each time, until it takes
 * some. */
static void
test_client_refused(void)
{
	uint16_t lport = 5001;

	warm_up();
	for (unsigned int i = 0; i < 3; i++) {
		connect_fastopen(lport++, 100);
		expect(SYN, 0, 0, 100);
		if (i == 1)
			offer(given, 8); /* the same again is no news */
		tx(SYN | ACK, 0, 1, 0);
		expect(ACK | PSH, 1, 1, 100);
		tx(ACK, 1, 101, 0);
		expect_plain(lport++);
		advance_us((60ull << i) * SEC - 2 * SEC);
		rx_flush();
		expect_plain(lport++);
		advance_us(3 * SEC);
		rx_flush();
	}
	CHECK_EQ(STAT(TFO_ACTIVE_FAIL), 3);
	CHECK_EQ(STAT(TFO_BLACKHOLE), 0);
	connect_fastopen(lport++, 100);
	expect(SYN, 0, 0, 100);
	tx(SYN | ACK, 0, 101, 0); /* taken: all is forgotten */
	expect(ACK, 101, 1, 0);
	connect_fastopen(lport++, 100);
	expect(SYN, 0, 0, 100);
	tx(SYN | ACK, 0, 1, 0);
	expect(ACK | PSH, 1, 1, 100);
	tx(ACK, 1, 101, 0);
	advance_us(61 * SEC);
	rx_flush();
	connect_fastopen(lport++, 100);
	expect(SYN, 0, 0, 100);
	tx(SYN | ACK, 0, 101, 0);
	expect(ACK, 101, 1, 0);
}

/* ICMP errors about the SYN: the next one is plain, the timeout's and another connection's. */
static void
test_client_icmp(void)
{
	for (unsigned int hard = 0; hard < 2; hard++) {
		const uint8_t code4 = hard ? 3 : 1, code6 = hard ? 4 : 3;
		const struct quote q = {
			.type = bed.af == 4 ? 3 : 1, .code = bed.af == 4 ? code4 : code6, .ip_len = 160};
		const struct frame *f;
		struct sock *s;

		bed_down();
		bed_reset(bed.af);
		warm_up();
		s = connect_fastopen(5001, 100);
		expect(SYN, 0, 0, 100);
		tx_icmp(&q);
		CHECK_EQ(s->closed, hard);
		if (!hard) {
			f = expect_after(SYN, 0, 0, 0, SEC);
			CU_ASSERT_PTR_NOT_NULL_FATAL(f);
			CHECK_EQ(f->optlen, 20);
			tx(SYN | ACK, 0, 1, 0);
			expect(ACK | PSH, 1, 1, 100);
			tx(ACK, 1, 101, 0);
		}
		expect_plain(5002);
		CHECK_EQ(STAT(TFO_BLACKHOLE), 0);
	}
}

/* The SYN with data is too big for the path: it goes again at once, alone, and the data in what fits. */
static void
test_client_too_big(void)
{
	const unsigned int hdrs = bed.af == 4 ? 40 : 60, mtu = 1290;
	const struct frame *f;
	struct sock *s;

	warm_up();
	peer.mss = 1400;
	s = connect_fastopen(5001, 3000);
	f = rx();
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	CHECK_EQ(f->len, 960);
	tx_too_big(0, 960 + 40 + hdrs, 700); /* below what IPv6 hears of */
	if (bed.af == 6) {
		expect_silence();
		tx_too_big(0, 1300, mtu);
	}
	f = expect(SYN, 0, 0, 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	CHECK_EQ(f->optlen, 20);
	peer.mss = 1400;
	tx(SYN | ACK, 0, 1, 0);
	f = rx();
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	CHECK_EQ(f->len, (bed.af == 4 ? 700 : mtu) - hdrs);
	rx_flush();
	tx(ACK, 1, 3001, 0);
	CHECK_EQ(tern_send_queued(s->c), 0);
	CHECK_EQ(STAT(PMTU_DOWN), 1);
	expect_plain(5002);
}

/* The server's MSS is that of its last answer, with a cookie or without; without the option it is the default. */
static void
test_client_mss(void)
{
	static const uint16_t mss[] = {1300, 500, 0};

	warm_up();
	for (unsigned int i = 0; i < 3; i++) {
		const struct frame *f;
		uint32_t len, want = i ? mss[i - 1] : 1000;

		connect_fastopen(5001 + i, 3000);
		f = rx();
		CU_ASSERT_PTR_NOT_NULL_FATAL(f);
		len = f->len;
		CHECK_EQ(len, want - 40);
		peer.mss = mss[i];
		tx(SYN | ACK, 0, 1 + len, 0);
		rx_flush();
		tx(ACK, 1, 3001, 0);
	}
	connect_fastopen(5010, 3000);
	CHECK_EQ(rx()->len, (bed.af == 4 ? 536 : 1220) - 40);
}

/* A cookie is for a pair of addresses and good for all ports (4.1.3); what went wrong is of one port (4.1.3.1). */
static void
test_client_keys(void)
{
	warm_up();
	srv_port = SRV_PORT + 1;
	connect_fastopen(5001, 100);
	expect(SYN, 0, 0, 100);
	tx(SYN | ACK, 0, 1, 0);
	expect(ACK | PSH, 1, 1, 100);
	tx(ACK, 1, 101, 0);
	expect_plain(5002);
	srv_port = SRV_PORT;
	connect_fastopen(5003, 100);
	expect(SYN, 0, 0, 100);
	tx(SYN | ACK, 0, 101, 0);
	expect(ACK, 101, 1, 0);
}

/* What goes wrong with a server's ports, however many, does not cost its cookie. */
static void
test_client_many_ports(void)
{
	warm_up();
	for (srv_port = 1; srv_port <= 2000; srv_port++) {
		connect_fastopen(5001, 100);
		expect(SYN, 0, 0, 100);
		tx(SYN | ACK, 0, 1, 0);
		expect(ACK | PSH, 1, 1, 100);
		tx(ACK, 1, 101, 0);
		tx(RST | ACK, 1, 101, 0);
	}
	CHECK_EQ(STAT(TFO_ACTIVE_FAIL), 2000);
	srv_port = SRV_PORT;
}

/* First the cookie, then data in the SYN; what the server does not take is sent after the handshake (4.2.1). */
static void
test_client(void)
{
	const struct frame *f;
	struct sock *s;

	bed_start();
	s = connect_fastopen(5000, 100);
	f = expect(SYN, 0, 0, 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	offer(given, 8);
	tx(SYN | ACK, 0, 1, 0);
	expect(ACK | PSH, 1, 1, 100);
	tx(ACK, 1, 101, 0);
	CHECK_EQ(s->connected, 1);

	s = connect_fastopen(5001, 100);
	f = expect(SYN, 0, 0, 100);
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	for (unsigned int i = 0; i < 100; i++)
		CHECK_EQ(f->data[i], pat(1 + i));
	tx(SYN | ACK, 0, 101, 0);
	CHECK_EQ(s->connected, 1);
	CHECK_EQ(tern_send_queued(s->c), 0);
	expect(ACK, 101, 1, 0);
	CHECK_EQ(STAT(TFO_ACTIVE), 1);
	CHECK_EQ(sock_send(s, 10), 10);
	run();
	expect(ACK | PSH, 101, 1, 10);
	tx(ACK, 1, 111, 0);
	expect_silence_for(SEC);

	s = connect_fastopen(5002, 100); /* only the SYN is acknowledged: the cookie is too old, here is another */
	expect(SYN, 0, 0, 100);
	offer(given2, 8);
	tx(SYN | ACK, 0, 1, 0);
	expect(ACK | PSH, 1, 1, 100);
	CHECK_EQ(STAT(TFO_ACTIVE_FAIL), 1);
	CHECK_EQ(STAT(RETRANS_SEGS), 0);
	tx(ACK, 1, 101, 0);
	CHECK_EQ(tern_send_queued(s->c), 0);

	s = connect_fastopen(5003, 3000); /* as much as the server's MSS lets through */
	f = rx();
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	CHECK_EQ(f->flags, SYN);
	CHECK_EQ(f->len, 1000 - 40);
	peer.mss = 1000;
	tx(SYN | ACK, 0, 961, 0);
	expect(ACK, 961, 1, 1000);
	expect(ACK, 1961, 1, 1000);
	expect(ACK | PSH, 2961, 1, 40);
	tx(ACK, 1, 3001, 0);
	CHECK_EQ(tern_send_queued(s->c), 0);
}

/* No answer to a SYN with data: a plain one follows, and the server is left alone for a while (4.1.3.1). */
static void
test_client_hole(void)
{
	struct sock *s;

	bed_start();
	connect_fastopen(5000, 100);
	expect(SYN, 0, 0, 0);
	offer(given, 8);
	tx(SYN | ACK, 0, 1, 0);
	expect(ACK | PSH, 1, 1, 100);
	tx(ACK, 1, 101, 0);
	s = connect_fastopen(5001, 100);
	expect(SYN, 0, 0, 100);
	expect_after(SYN, 0, 0, 0, SEC);
	CHECK_EQ(STAT(TFO_BLACKHOLE), 1);
	tx(SYN | ACK, 0, 1, 0);
	expect(ACK | PSH, 1, 1, 100);
	tx(ACK, 1, 101, 0);
	CHECK_EQ(s->connected, 1);
	s = connect_fastopen(5002, 100);
	expect(SYN, 0, 0, 0);
	tx(SYN | ACK, 0, 1, 0);
	expect(ACK | PSH, 1, 1, 100);
	tx(ACK, 1, 101, 0);
	CHECK_EQ(s->connected, 1);
	advance_us(61 * SEC);
	rx_flush();
	connect_fastopen(5003, 100); /* another try */
	expect(SYN, 0, 0, 100);
	tx(SYN | ACK, 0, 101, 0);
	expect(ACK, 101, 1, 0);
}

/* Refused, closed early, answered with a SYN: nothing is left behind. */
static void
test_client_odd(void)
{
	struct sock *s;

	bed_start();
	connect_fastopen(5000, 100);
	expect(SYN, 0, 0, 0);
	offer(given, 8);
	tx(SYN | ACK, 0, 1, 0);
	rx_flush();
	tx(ACK, 1, 101, 0);
	s = connect_fastopen(5001, 100);
	expect(SYN, 0, 0, 100);
	tx(RST | ACK, 0, 101, 0);
	CHECK_EQ(s->closed, 1);
	CHECK_EQ(s->err, -ECONNREFUSED);
	s = connect_fastopen(5002, 100);
	expect(SYN, 0, 0, 100);
	sock_close(s);
	s = connect_fastopen(5003, 100); /* simultaneous open: the data waits */
	expect(SYN, 0, 0, 100);
	tx(SYN, 0, 0, 0);
	expect(SYN | ACK, 0, 1, 0);
	tx(SYN | ACK, 0, 1, 0);
	CHECK_EQ(s->connected, 1);
	CHECK(advance_to_frame(2 * SEC));
	while (rx_peek() && !rx_peek()->len)
		rx();
	expect(ACK | PSH, 1, 1, 100);
	tx(ACK, 1, 101, 0);
	CHECK_EQ(tern_send_queued(s->c), 0);
	rx_flush();
}

/* Two terns: the second connection's request is answered within one round trip. */
static void
test_pair(void)
{
	struct tern_endpoint r;
	struct sock *s = NULL, *a;
	uint8_t b[100];

	bed.dir[0].delay_us = bed.dir[1].delay_us = 10 * MS;
	bed_start_pair();
	CHECK_EQ(node_listen(&bed.n[1], SRV_PORT, 4, &bed.n[1].l[0]), 0);
	tern_listen_setopt(bed.n[1].l[0], TERN_OPT_FASTOPEN, 10);
	peer_addr(&r, SRV_PORT);
	for (unsigned int i = 0; i < 100; i++)
		b[i] = pat(1 + i);
	for (unsigned int i = 0; i < 2; i++) {
		s = sock_new(&bed.n[0]);
		CHECK_EQ(tern_connect_fastopen(TW_(&bed.n[0]), NULL, &r, &sock_ops, s, b, 100, &s->c), 100);
		s->tx_pos = 101;
		run();
		advance_us(i ? 11 * MS : 100 * MS);
		a = sock_accept(&bed.n[1]);
		CU_ASSERT_PTR_NOT_NULL_FATAL(a);
		run();
		CHECK_EQ(sock_recv_all(a), 100);
		CHECK_EQ(sock_send(a, 100), 100);
		run();
		advance_us(10 * MS);
		CHECK_EQ(sock_recv_all(s), 100);
		advance_us(100 * MS);
		CHECK_EQ(sock_state(a), TERN_ESTABLISHED);
	}
	CHECK_EQ(bed.n[1].w->stats[STAT_TFO_PASSIVE], 1);
	CHECK_EQ(bed.n[0].w->stats[STAT_TFO_ACTIVE], 1);
	CHECK_EQ(bed.n[0].w->stats[STAT_RETRANS_SEGS] + bed.n[1].w->stats[STAT_RETRANS_SEGS], 0);
}

/* A call that fails gives no handle, and so nobody is told that it ended; there is no connection. */
static void
test_no_memory(void)
{
	struct tern_endpoint r;
	static const uint8_t b[3000];
	struct sock *s;

	bed_start();
	s = sock_new(&bed.n[0]);
	peer_addr(&r, SRV_PORT);
	mbufs_take(0);
	CHECK_EQ(tern_connect_fastopen(TW_(&bed.n[0]), NULL, &r, &sock_ops, s, b, sizeof(b), &s->c), -ENOBUFS);
	CHECK(!s->c);
	run();
	mbufs_give();
	expect_silence_for(10 * SEC);
	CHECK_EQ(s->ended + s->closed, 0);
	CHECK_EQ(state_now(), TERN_CLOSED);
}

int
main(int argc, char **argv)
{
	static CU_TestInfo tests[] = {
		{"client", test_client},
		{"black hole", test_client_hole},
		{"odd answers", test_client_odd},
		{"refused", test_client_refused},
		{"ICMP", test_client_icmp},
		{"too big", test_client_too_big},
		{"MSS", test_client_mss},
		{"addresses and ports", test_client_keys},
		{"many ports", test_client_many_ports},
		{"no memory", test_no_memory},
		{"both", test_pair},
		CU_TEST_INFO_NULL,
	};

	return harness_main(argc, argv, "fastopen_client", tests);
}
