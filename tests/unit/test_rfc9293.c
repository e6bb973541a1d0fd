/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Requirements of RFC 9293 that no test of a module covers: urgent data, R1, odds and ends. The account of all of them
 * is docs/rfc9293.csv.
 */
#include "harness.h"

/* --- urgent data: 3.8.5 ------------------------------------------------------------------------------------- */

static unsigned int urgents;
static size_t urgent_left;

static void
on_urgent(struct tern_conn *c, void *user)
{
	urgents++;
	urgent_left = tern_urgent_left(c);
}

static struct tern_ops watching;

static struct sock *
urgent_fixture(void)
{
	struct sock *s = fx_established();

	watching = sock_ops;
	watching.urgent = on_urgent;
	tern_conn_set_user(s->c, &watching, s);
	urgents = urgent_left = 0;
	return s;
}

/* The application hears of it at once and knows how much is left; data comes inline (MUST-30 to MUST-33, RFC 6093
 * 5). */
static void
test_urgent_in(void)
{
	struct sock *s = urgent_fixture();

	CHECK_EQ(tern_urgent_left(s->c), 0);
	peer.urp = 300;
	tx(ACK | URG, 1, 1, 100); /* it reaches beyond this segment: any length */
	CHECK_EQ(urgents, 1);
	CHECK_EQ(urgent_left, 300);
	tx(ACK | URG, 1, 1, 100); /* a copy is no news */
	peer.urp = 200;
	tx(ACK | URG, 101, 1, 100); /* the same end */
	CHECK_EQ(urgents, 1);
	CHECK_EQ(sock_recv(s, 150), 150);
	CHECK_EQ(tern_urgent_left(s->c), 150);
	peer.urp = 0;
	tx(ACK, 201, 1, 100);
	CHECK_EQ(sock_recv_all(s), 150);
	CHECK_EQ(tern_urgent_left(s->c), 0);
	tx(ACK, 301, 1, 100); /* ordinary again */
	CHECK_EQ(urgents, 1);
	CHECK_EQ(sock_recv_all(s), 100);
	peer.urp = 50;
	tx(ACK | URG, 401, 1, 100); /* and again urgent */
	CHECK_EQ(urgents, 2);
	CHECK_EQ(urgent_left, 50);
	peer.urp = 100;
	tx(ACK | URG, 501, 1, 100); /* its end moves on: told again */
	CHECK_EQ(urgents, 3);
	CHECK_EQ(urgent_left, 200);
	CHECK_EQ(sock_recv_all(s), 200);
	CHECK_EQ(STAT(URG_RX), 3);
	rx_flush();
}

/* An old pointer, and one without the flag, say nothing. */
static void
test_urgent_ignored(void)
{
	struct sock *s = urgent_fixture();

	peer.urp = 10;
	tx(ACK, 1, 1, 100); /* no URG: the field means nothing */
	CHECK_EQ(sock_recv_all(s), 100);
	tx(ACK | URG, 1, 1, 150); /* points into what was read; 50 bytes are new */
	CHECK_EQ(urgents, 0);
	CHECK_EQ(sock_recv_all(s), 50);
	CHECK_EQ(tern_urgent_left(s->c), 0);
	rx_flush();
}

/* Also through a closed window (MUST-66). */
static void
test_urgent_zero_window(void)
{
	struct sock *s;
	uint32_t pos;

	bed.conf.tcp.rcv_buf = 4096;
	s = urgent_fixture();
	for (pos = 1; pos < 4097; pos += 1024)
		tx(ACK, pos, 1, 1024);
	advance_us(SEC);
	rx_flush();
	peer.urp = 100;
	tx(ACK | URG, pos, 1, 100);
	CHECK_EQ(urgents, 1);
	CHECK_EQ(urgent_left, 4096 + 100);
	expect(ACK, 1, pos, 0); /* the data is refused */
	CHECK_EQ(sock_recv_all(s), 4096);
	rx_flush();
}

static ssize_t
send_urgent(struct sock *s, uint32_t len)
{
	uint8_t b[2000];

	for (uint32_t i = 0; i < len; i++)
		b[i] = pat(s->tx_pos + i);
	s->tx_pos += len;
	return tern_send(s->c, b, len, TERN_SEND_URGENT);
}

/* Sent: every segment up to the end of it carries the pointer, relative to its own number (MUST-30, MUST-62). */
static void
test_urgent_out(void)
{
	const struct frame *f;
	struct sock *s;
	uint32_t pos = 1;

	peer.mss = 1000;
	s = fx_established();
	CHECK_EQ(sock_send(s, 500), 500);
	CHECK_EQ(send_urgent(s, 2000), 2000);
	CHECK_EQ(tern_setopt(s->c, TERN_OPT_NODELAY, 1), 0);
	CHECK_EQ(sock_send(s, 700), 700);
	run();
	for (unsigned int i = 0; i < 3; i++, pos += 1000) {
		f = rx();
		CU_ASSERT_PTR_NOT_NULL_FATAL(f);
		CHECK_EQ(f->seq - peer.irs, pos);
		CHECK_EQ(f->flags & URG, URG);
		CHECK_EQ(f->urp, 2501 - pos);
	}
	expect(ACK | PSH, 3001, 1, 200);
	f = NULL;
	advance_to_frame(5 * SEC); /* so does a retransmission */
	f = rx();
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	CHECK_EQ(f->seq - peer.irs, 1);
	CHECK_EQ(f->flags & URG, URG);
	CHECK_EQ(f->urp, 2500);
	tx(ACK, 1, 3201, 0);
	rx_flush();
	CHECK_EQ(sock_send(s, 100), 100);
	run();
	expect(ACK | PSH, 3201, 1, 100);
	tx(ACK, 1, 3301, 0);
	/* the ACK of it ends the mode; a FIN after it is plain */
	sock_shutdown(s);
	run();
	expect(ACK | FIN, 3301, 1, 0);
	tx(ACK, 1, 3302, 0);
}

/* The window is closed: ACKs tell of the urgent data behind it. */
static void
test_urgent_out_zero_window(void)
{
	const struct frame *f;
	struct sock *s;

	peer.mss = peer.wnd = 1000;
	s = fx_established();
	CHECK_EQ(sock_send(s, 1000), 1000);
	run();
	expect(ACK, 1, 1, 1000);
	CHECK_EQ(send_urgent(s, 10), 10);
	run();
	expect_silence();
	peer.wnd = 0;
	tx(ACK, 1, 1001, 100);
	advance_to_frame(SEC);
	f = rx();
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	CHECK_EQ(f->flags, ACK | URG);
	CHECK_EQ(f->seq - peer.irs, 1001);
	CHECK_EQ(f->urp, 10);
	CHECK_EQ(sock_recv_all(s), 100);
	rx_flush();
}

/* --- R1: 3.8.3 ---------------------------------------------------------------------------------------------- */

static unsigned int stalls;

static void
on_stalled(struct tern_conn *c, void *user)
{
	stalls++;
}

/* After three retransmissions the application is told and IP looks for the neighbour anew; R2 closes (MUST-20,
 * SHLD-9). */
static void
test_r1(void)
{
	struct sock *s;
	uint64_t arps;

	bed.conf.tcp.user_timeout_ms = 100000;
	s = fx_established();
	watching = sock_ops;
	watching.stalled = on_stalled;
	tern_conn_set_user(s->c, &watching, s);
	stalls = 0;
	CHECK_EQ(sock_send(s, 100), 100);
	run();
	arps = STAT(ARP_TX) + STAT(ND_TX);
	for (unsigned int i = 0; i < 3; i++) { /* the first transmission, two more */
		CHECK(advance_to_frame(60 * SEC));
		expect(ACK, 1, 1, 100);
		CHECK_EQ(stalls, 0);
	}
	CHECK(advance_to_frame(60 * SEC));
	expect(ACK, 1, 1, 100);
	CHECK_EQ(stalls, 1);
	CHECK_EQ(STAT(R1), 1);
	CHECK(STAT(ARP_TX) + STAT(ND_TX) > arps);
	CHECK_EQ(s->closed, 0);
	advance_us(200 * SEC); /* R2 is looked at when the timer fires */
	CHECK_EQ(stalls, 1);
	CHECK_EQ(s->closed, 1);
	CHECK_EQ(s->err, -ETIMEDOUT);
	rx_flush();
}

/* Likewise for a SYN (MUST-22). */
static void
test_r1_syn(void)
{
	struct sock *s = fx_syn_sent();

	watching = sock_ops;
	watching.stalled = on_stalled;
	tern_conn_set_user(s->c, &watching, s);
	stalls = 0;
	advance_us(6 * SEC); /* sent again after 1 s and 2 s more */
	CHECK_EQ(stalls, 0);
	advance_us(2 * SEC); /* and 4 s */
	CHECK_EQ(stalls, 1);
	CHECK(rx_flush() >= 3);
	sock_close(s);
	rx_flush();
}

/* --- windows ------------------------------------------------------------------------------------------------ */

/* The right edge moves left over data in flight: nothing new is sent beyond it, what is out is still repaired, and the
 * connection outlives R2 as long as the peer answers (SHLD-15 to SHLD-17, MUST-34, MAY-7). */
static void
test_shrunk_window(void)
{
	const struct frame *f;
	struct sock *s;
	unsigned int resent = 0;

	bed.conf.tcp.user_timeout_ms = 30000;
	peer.mss = 1000;
	peer.wnd = 4000;
	s = fx_established();
	CHECK_EQ(sock_send(s, 6000), 6000);
	run();
	CHECK_EQ(rx_flush(), 4);
	peer.wnd = 500; /* the edge is in the middle of the second segment, which is lost */
	tx(ACK, 1, 1001, 0);
	expect_silence();
	CHECK(advance_to_frame(5 * SEC));
	f = rx();
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	CHECK_EQ(f->seq - peer.irs, 1001);
	CHECK(f->len >= 500);
	peer.wnd = 0;
	tx(ACK, 1, 1501, 0); /* its half fits */
	for (unsigned int i = 0; i < 600; i++) {
		advance_us(SEC / 10);
		while ((f = rx())) {
			CHECK(seq_lt(f->seq - peer.irs, 4001)); /* nothing new */
			resent += f->seq - peer.irs == 1501 && f->len > 0;
			tx(ACK, 1, 1501, 0); /* it is there, and takes nothing */
		}
	}
	CHECK(resent >= 3);
	CHECK_EQ(s->closed, 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(s->c);
	peer.wnd = 4000;
	tx(ACK, 1, 4001, 0);
	expect(ACK, 4001, 1, 1000);
	expect(ACK, 5001, 1, 1000);
	tx(ACK, 1, 6001, 0);
	CHECK_EQ(tern_send_queued(s->c), 0);
}

/* A closed window is no shelter: RST ends the connection, with data, too (MUST-66, SHLD-2). */
static void
test_rst_zero_window(void)
{
	struct sock *s;

	bed.conf.tcp.rcv_buf = 4096;
	s = fx_established();
	for (uint32_t pos = 1; pos < 4097; pos += 1024)
		tx(ACK, pos, 1, 1024);
	advance_us(SEC);
	rx_flush();
	tx(RST, 4097, 0, 0);
	expect_silence();
	CHECK_EQ(s->closed, 1);
	CHECK_EQ(s->err, -ECONNRESET);
}

static void
test_rst_data(void)
{
	struct sock *s = fx_established();

	tx(RST | ACK, 1, 1, 20); /* text that says why, perhaps */
	expect_silence();
	CHECK_EQ(s->closed, 1);
	CHECK_EQ(s->err, -ECONNRESET);
	CHECK_EQ(STAT(ESTAB_RESETS), 1);
}

/* --- MSS ---------------------------------------------------------------------------------------------------- */

static void
test_no_mss(void)
{
	const uint32_t mss = bed.af == 4 ? 536 : 1220;
	struct sock *s;

	peer.mss = 0;
	s = fx_established();
	CHECK_EQ(sock_send(s, 3 * mss), 3 * mss);
	run();
	for (unsigned int i = 0; i < 3; i++)
		expect(ACK, 1 + i * mss, 1, mss);
	tx(ACK, 1, 1 + 3 * mss, 0);
}

/* Ours is the interface's MTU less the fixed headers, on SYNs only; theirs less the options each segment carries. */
static void
test_mss(void)
{
	const struct frame *f;
	struct sock *s;

	fx_listen();
	W->ifs[0].mtu = 1400;
	peer.mss = 1000;
	peer.ts = true;
	tx(SYN, 0, 0, 0);
	f = expect(SYN | ACK, 0, 1, 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	CHECK_EQ(f->mss, bed.af == 4 ? 1360 : 1340);
	tx(ACK, 1, 1, 0);
	s = sock_accept(&bed.n[0]);
	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	CHECK_EQ(sock_send(s, 2000), 2000);
	sock_shutdown(s);
	run();
	for (uint32_t pos = 1; pos < 2001; pos += 988) {
		f = rx();
		CU_ASSERT_PTR_NOT_NULL_FATAL(f);
		CHECK_EQ(f->len, RTE_MIN(988u, 2001 - pos));
		CHECK_EQ(f->mss, 0);
	}
	tx(ACK, 1, 2002, 0);
	tx(FIN | ACK, 1, 2002, 0);
	f = expect(ACK, 2002, 2, 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	CHECK_EQ(f->mss, 0);
}

/* --- opening ------------------------------------------------------------------------------------------------ */

/* Listening on the port of a connection leaves it alone, and an address of its own goes before all addresses. */
static void
test_listen_beside(void)
{
	struct tern_endpoint any = {.af = bed.af, .port = htons(SRV_PORT)};
	struct sock *s = fx_established();

	CHECK_EQ(tern_listen(TW_(&bed.n[0]), &any, 4, NULL, NULL, &bed.n[0].l[1]), 0);
	CHECK_EQ(node_listen(&bed.n[0], SRV_PORT, 4, &bed.n[0].l[2]), -EADDRINUSE);
	tx(ACK, 1, 1, 100);
	CHECK_EQ(sock_recv_all(s), 100);
	expect_at(ACK, 1, 101, 0, TICK_US, 500 * MS);
	tern_listener_close(bed.n[0].l[1]);
	bed.n[0].l[1] = NULL;
	tx(ACK, 101, 1, 100);
	CHECK_EQ(sock_recv_all(s), 100);
	CHECK_EQ(sock_state(s), TERN_ESTABLISHED);
	rx_flush();
}

/* Unset, the local address is the interface's on the way; set, it is that one, and it stays. */
static void
test_local_address(void)
{
	struct tern_endpoint own, to;
	struct tern_conn *c[2];
	struct tern_info inf;

	bed_start();
	tern_addr(&own, 0);
	peer_addr(&to, 99);
	CHECK_EQ(tern_connect(TW_(&bed.n[0]), NULL, &to, NULL, NULL, &c[0]), 0);
	own.port = htons(5555);
	CHECK_EQ(tern_connect(TW_(&bed.n[0]), &own, &to, NULL, NULL, &c[1]), 0);
	for (unsigned int i = 0; i < 2; i++) {
		tern_conn_info(c[i], &inf, sizeof(inf));
		CHECK_EQ(memcmp(inf.local.addr, own.addr, bed.af == 4 ? 4 : 16), 0);
		CHECK_EQ(i == 0 || inf.local.port == own.port, true);
		CHECK(inf.local.port != 0);
		tern_abort(c[i]);
	}
	own.addr[bed.af == 4 ? 3 : 15] ^= 0x40; /* not ours */
	CHECK_EQ(tern_connect(TW_(&bed.n[0]), &own, &to, NULL, NULL, &c[0]), -EADDRNOTAVAIL);
	rx_flush();
}

/* --- failure, keep-alive ------------------------------------------------------------------------------------ */

/* Unless told otherwise R2 is 100 s at least (SHLD-11). */
static void
test_r2_default(void)
{
	struct sock *s = fx_established();

	CHECK_EQ(sock_send(s, 100), 100);
	run();
	advance_us(100 * SEC - 10 * MS);
	CHECK_EQ(s->closed, 0);
	advance_us(200 * SEC);
	CHECK_EQ(s->closed, 1);
	CHECK_EQ(s->err, -ETIMEDOUT);
	rx_flush();
}

/* Idle time, interval and count are the application's; switched off again they end. */
static void
test_keepalive_interval(void)
{
	struct sock *s = fx_established();

	CHECK_EQ(tern_setopt(s->c, TERN_OPT_KEEPIDLE_S, 10), 0);
	CHECK_EQ(tern_setopt(s->c, TERN_OPT_KEEPINTVL_S, 3), 0);
	CHECK_EQ(tern_setopt(s->c, TERN_OPT_KEEPCNT, 1), -EINVAL); /* MUST-29 */
	CHECK_EQ(tern_setopt(s->c, TERN_OPT_KEEPCNT, 2), 0);
	CHECK_EQ(tern_setopt(s->c, TERN_OPT_KEEPALIVE, 1), 0);
	advance_us(5 * SEC);
	tx(ACK, 1, 1, 10); /* not idle */
	CHECK_EQ(sock_recv_all(s), 10);
	expect_at(ACK, 1, 11, 0, 0, 500 * MS);
	expect_at(ACK, 0, 11, 0, 9 * SEC, 10 * SEC + SLACK_US); /* no data, one below SND.NXT */
	CHECK_EQ(s->closed, 0);
	expect_after(ACK, 0, 11, 0, 3 * SEC);
	tx(ACK, 11, 1, 0);
	CHECK_EQ(tern_setopt(s->c, TERN_OPT_KEEPALIVE, 0), 0);
	expect_silence_for(100 * SEC);
	CHECK_EQ(s->closed, 0);
}

int
main(int argc, char **argv)
{
	static CU_TestInfo tests[] = {
		{"urgent data received", test_urgent_in},
		{"urgent pointer ignored", test_urgent_ignored},
		{"urgent, window closed", test_urgent_zero_window},
		{"urgent data sent", test_urgent_out},
		{"urgent data sent, window closed", test_urgent_out_zero_window},
		{"R1 of data", test_r1},
		{"R1 of a SYN", test_r1_syn},
		{"shrunk window", test_shrunk_window},
		{"RST, window closed", test_rst_zero_window},
		{"RST with data", test_rst_data},
		{"no MSS option", test_no_mss},
		{"MSS", test_mss},
		{"listeners beside connections", test_listen_beside},
		{"local addresses", test_local_address},
		{"R2 by default", test_r2_default},
		{"keep-alive interval", test_keepalive_interval},
		CU_TEST_INFO_NULL,
	};

	return harness_main(argc, argv, "rfc9293", tests);
}
