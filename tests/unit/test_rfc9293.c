/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Requirements of RFC 9293 that no other test of a module covers: urgent data, R1. The account of all of them is
 * docs/rfc9293.csv.
 */
#include "harness.h"

#define MSS (bed.af == 4 ? 1460u : 1440u)

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

/* The application hears of it at once and knows how much is left; data comes inline (MUST-30 to MUST-33, RFC 6093 5). */
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
	return tern_send_urgent(s->c, b, len);
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

/* After three retransmissions the application is told and IP looks for the neighbour anew; R2 closes (MUST-20, SHLD-9). */
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
		CU_TEST_INFO_NULL,
	};

	return harness_main(argc, argv, "rfc9293", tests);
}
