/* SPDX-License-Identifier: BSD-3-Clause */
/* Windows: RFC 9293 3.8.6, the peer's and our own, closed, shrunk, probed; silly windows. */
#include "harness.h"

#define MSS (bed.af == 4 ? 1460u : 1440u)

/* The peer's window and MSS bound what is in flight. */
static void
test_peer_window(void)
{
	struct sock *s;
	uint32_t pos = 1;

	peer.mss = 1000;
	peer.wnd = 3000;
	s = fx_established();
	CHECK_EQ(sock_send(s, 20000), 20000);
	run();
	for (unsigned int i = 0; i < 3; i++, pos += 1000)
		expect(ACK, pos, 1, 1000);
	expect_silence();
	tx(ACK, 1, 1001, 0); /* right edge one segment further */
	expect(ACK, 3001, 1, 1000);
	expect_silence();
	tx(ACK, 1, 4001, 0);
	for (pos = 4001; pos <= 6001; pos += 1000)
		expect(ACK, pos, 1, 1000);
	expect_silence();
}

/* A shrunken window (right edge moved left): nothing more is sent, nothing breaks (MUST-34). */
static void
test_window_shrinks(void)
{
	struct sock *s;

	peer.mss = 1000;
	peer.wnd = 4000;
	s = fx_established();
	CHECK_EQ(sock_send(s, 6000), 6000);
	run();
	CHECK_EQ(rx_flush(), 4);
	peer.wnd = 500;
	tx(ACK, 1, 1001, 0);
	expect_silence();
	tx(ACK, 1, 4001, 0); /* all of it arrived anyway */
	peer.wnd = 4000;
	tx(ACK, 1, 4001, 0);
	rx_flush();
	tx(ACK, 1, 6001, 0);
	CHECK_EQ(tern_send_queued(s->c), 0);
}

/* Our window: the sender fills it, it closes, reading opens it; never a silly step (MUST-39). */
static void
test_own_window(void)
{
	const struct frame *f;
	struct sock *s;
	uint32_t pos = 1, edge;

	bed.conf.tcp.rcv_buf = 8192;
	s = fx_established();
	for (unsigned int i = 0; i < 20; i++) {
		tx(ACK, pos, 1, 1024);
		advance_us(500 * MS);
		f = NULL;
		while (rx_peek())
			f = rx();
		CU_ASSERT_PTR_NOT_NULL_FATAL(f);
		if (f->ack == peer.iss + pos)
			break;
		pos += 1024;
		CHECK_EQ(f->ack, peer.iss + pos);
		if (f->wnd < 1024)
			break;
	}
	CHECK(pos >= 1 + 4096 && pos <= 1 + 8192 + 1024);
	edge = pos + f->wnd;
	CHECK_EQ(sock_recv(s, 100), 100); /* a silly step */
	run();
	while ((f = rx()))
		CHECK_EQ(f->ack - peer.iss + f->wnd, edge);
	CHECK_EQ(sock_recv_all(s) + 100, pos - 1);
	advance_to_frame(SEC);
	f = rx(); /* the window update */
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	CHECK_EQ(f->ack, peer.iss + pos);
	CHECK(f->wnd >= 2048);
	tx(ACK, pos, 1, 1024);
	CHECK_EQ(sock_recv_all(s), 1024);
}

/* The right edge of our window never moves left (SHLD-14), whatever comes and is read. */
static void
test_right_edge(void)
{
	const struct frame *f;
	uint32_t pos = 1, edge = 0, acked = 1;
	struct sock *s;

	bed.conf.tcp.rcv_buf = 16384;
	s = fx_established();
	for (unsigned int i = 0; i < 2000; i++) {
		const uint32_t n = harness_rand() % 700 + 1;

		if (edge == 0 || seq_le(pos + n, edge)) {
			tx(ACK, pos, 1, n);
			pos += n;
		}
		if (harness_rand() % 4 == 0) {
			sock_recv(s, harness_rand() % 5000);
			run();
		}
		if (harness_rand() % 64 == 0)
			CHECK_EQ(tern_setopt(s->c, TERN_OPT_RCVBUF, 8192 + harness_rand() % 16384), 0);
		if (harness_rand() % 3 == 0)
			advance_us(harness_rand() % (100 * MS));
		while ((f = rx())) {
			const uint32_t e = f->ack - peer.iss + f->wnd;

			CHECK(edge == 0 || seq_ge(e, edge));
			edge = e;
			acked = f->ack - peer.iss;
		}
		if (harness_rand() % 16 == 0)
			pos = acked; /* go back, as after a timeout */
		if (CU_get_number_of_failure_records() > 20)
			break;
	}
	sock_recv_all(s);
	advance_us(SEC);
	while ((f = rx()))
		acked = f->ack - peer.iss;
	CHECK_EQ(s->rx_pos, acked);
	CHECK(acked > 100000);
}

/* Zero window: probes with backoff as long as they are answered (MUST-35 to MUST-37, SHLD-29, SHLD-30). */
static void
test_persist(void)
{
	uint64_t last, gap = 0;
	const struct frame *f;
	struct sock *s;

	peer.wnd = 1000;
	peer.mss = 1000;
	s = fx_established();
	CHECK_EQ(sock_send(s, 3000), 3000);
	run();
	expect(ACK, 1, 1, 1000);
	peer.wnd = 0;
	tx(ACK, 1, 1001, 0);
	expect_silence();
	last = bed.now_us;
	for (unsigned int i = 0; i < 20; i++) {
		CHECK(advance_to_frame(61 * SEC));
		f = rx();
		CU_ASSERT_PTR_NOT_NULL_FATAL(f);
		CHECK(f->len <= 1);
		CHECK(f->seq - peer.irs == 1000 || f->seq - peer.irs == 1001);
		CHECK(bed.now_us - last + SLACK_US >= gap); /* never faster */
		if (i == 0)
			CHECK(bed.now_us - last >= 200 * MS && bed.now_us - last <= 3 * SEC);
		gap = bed.now_us - last;
		last = bed.now_us;
		tx(ACK, 1, 1001, 0);
		expect_silence();
	}
	CHECK(gap >= 30 * SEC);
	CHECK_EQ(s->closed, 0); /* answered probes keep it alive for ever */
	CHECK(STAT(PROBES) == 20);
	peer.wnd = 5000;
	tx(ACK, 1, 1001, 0);
	expect(ACK, 1001, 1, 1000);
	expect(ACK, 2001, 1, 1000);
	tx(ACK, 1, 3001, 0);
	expect_silence_for(100 * SEC);
}

/* A probe's answer may be lost, and the window update too: the probes find the open window. */
static void
test_persist_lost_update(void)
{
	struct sock *s;

	peer.wnd = 1000;
	peer.mss = 1000;
	s = fx_established();
	CHECK_EQ(sock_send(s, 2000), 2000);
	run();
	expect(ACK, 1, 1, 1000);
	peer.wnd = 0;
	tx(ACK, 1, 1001, 0);
	CHECK(advance_to_frame(10 * SEC));
	rx_flush();
	CHECK(advance_to_frame(20 * SEC));
	rx_flush();
	peer.wnd = 4000;
	tx(ACK, 1, 1001, 0); /* the answer to the second probe */
	expect(ACK, 1001, 1, 1000);
	tx(ACK, 1, 2001, 0);
	CHECK_EQ(tern_send_queued(s->c), 0);
}

/* The window closes over data in flight that was lost: it is still retransmitted, a probe at a time. */
static void
test_zero_window_in_flight(void)
{
	const struct frame *f;
	struct sock *s;

	peer.wnd = 3000;
	peer.mss = 1000;
	s = fx_established();
	CHECK_EQ(sock_send(s, 5000), 5000);
	run();
	CHECK_EQ(rx_flush(), 3);
	peer.wnd = 0;
	tx(ACK, 1, 1001, 0); /* the second and third are lost */
	expect_silence();
	CHECK(advance_to_frame(3 * SEC));
	f = rx();
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	CHECK_EQ(f->seq - peer.irs, 1001);
	CHECK(f->len >= 1);
	rx_flush();
	peer.wnd = 3000;
	tx(ACK, 1, 1001, 0);
	for (unsigned int i = 0; i < 50 && tern_send_queued(s->c); i++) {
		uint32_t top = 1001;

		advance_us(500 * MS);
		while ((f = rx()))
			top = RTE_MAX(top, f->seq - peer.irs + f->len);
		tx(ACK, 1, top, 0);
	}
	CHECK_EQ(tern_send_queued(s->c), 0);
}

/* Probes without any answer end at R2. */
static void
test_persist_dead(void)
{
	struct sock *s;

	peer.wnd = 1000;
	peer.mss = 1000;
	s = fx_established();
	CHECK_EQ(sock_send(s, 2000), 2000);
	run();
	expect(ACK, 1, 1, 1000);
	peer.wnd = 0;
	tx(ACK, 1, 1001, 0);
	for (unsigned int i = 0; i < 300 && !s->closed; i++) {
		advance_us(SEC);
		rx_flush();
	}
	CHECK_EQ(s->closed, 1);
	CHECK_EQ(s->err, -ETIMEDOUT);
}

/* A probe's byte stands right of the shut window. A RST is taken at its edge only (RFC 9293 3.10.7.4, first). */
static void
test_reset_shut(void)
{
	struct sock *s;

	peer.wnd = 1000;
	peer.mss = 1000;
	s = fx_established();
	CHECK_EQ(sock_send(s, 2000), 2000);
	run();
	expect(ACK, 1, 1, 1000);
	peer.wnd = 0;
	tx(ACK, 1, 1001, 0);
	CHECK(advance_to_frame(10 * SEC));
	expect(ACK, 1001, 1, 1);
	tx(ACK, 1, 1001, 0);
	sock_abort(s);
	run();
	expect_rst(1001, 1);
	expect_silence();
}

/* We answer probes of a closed window of ours, data or not. */
static void
test_probe_answered(void)
{
	const struct frame *f;
	uint32_t pos = 1, wnd = 65535;

	bed.conf.tcp.rcv_buf = 4096;
	fx_established();
	for (unsigned int i = 0; i < 20 && wnd > 0; i++) {
		const uint32_t n = RTE_MIN(wnd, 512u);

		tx(ACK, pos, 1, n);
		advance_us(500 * MS);
		f = NULL;
		while (rx_peek())
			f = rx();
		CU_ASSERT_PTR_NOT_NULL_FATAL(f);
		pos = f->ack - peer.iss;
		wnd = f->wnd;
	}
	CHECK_EQ(wnd, 0);
	tx(ACK, pos, 1, 1); /* BSD's probe */
	expect(ACK, 1, pos, 0);
	tx(ACK, pos - 1, 1, 0); /* Linux's */
	expect(ACK, 1, pos, 0);
	CHECK_EQ(tern_recv_queued(bed.n[0].s[0].c), pos - 1);
}

/* Sender's SWS avoidance: less than a segment waits until half the largest window is open (MUST-38, 3.8.6.2.1). */
static void
test_sender_sws(void)
{
	struct sock *s;

	peer.mss = 1000;
	peer.wnd = 4000;
	s = fx_established();
	CHECK_EQ(sock_send(s, 20000), 20000);
	run();
	CHECK_EQ(rx_flush(), 4);
	peer.wnd = 100; /* opens by crumbs */
	tx(ACK, 1, 4001, 0);
	expect_silence();
	peer.wnd = 300;
	tx(ACK, 1, 4001, 0);
	expect_silence_for(100 * MS);
	peer.wnd = 999;
	tx(ACK, 1, 4001, 0);
	expect_silence();
	peer.wnd = 1000;
	tx(ACK, 1, 4001, 0);
	expect(ACK, 4001, 1, 1000);
	expect_silence();
}

/* A timeout finds no mbuf for what it sends again, and the window is shut before there is one: it is probed. */
static void
shut_before_retransmission(bool sack)
{
	struct sock *s;

	peer.sack = sack;
	s = fx_established();
	CHECK_EQ(sock_send(s, 100), 100);
	run();
	expect(ACK | PSH, 1, 1, 100);
	mbufs_take(0);
	advance_us(1500 * MS);
	CHECK(STAT(TIMEOUTS) >= 1);
	expect_silence();
	mbufs_give();
	peer.wnd = 0;
	tx(ACK, 1, 1, 0);
	expect_silence();
	CHECK(advance_to_frame(10 * SEC));
	rx_flush();
	peer.wnd = 5000;
	tx(ACK, 1, 1, 0);
	CHECK(advance_to_frame(10 * SEC));
	rx_flush();
	tx(ACK, 1, 101, 0);
	expect_silence_for(100 * SEC);
	CHECK_EQ(sock_state(s), TERN_ESTABLISHED);
}

static void
test_shut_before_retransmission(void)
{
	shut_before_retransmission(false);
	bed_down();
	bed_reset(bed.af);
	shut_before_retransmission(true);
}

int
main(int argc, char **argv)
{
	static CU_TestInfo tests[] = {
		{"the peer's window", test_peer_window},
		{"the peer's window shrinks", test_window_shrinks},
		{"own window", test_own_window},
		{"right edge never moves left", test_right_edge},
		{"persist", test_persist},
		{"window update lost", test_persist_lost_update},
		{"zero window over lost data", test_zero_window_in_flight},
		{"probes never answered", test_persist_dead},
		{"reset over a shut window", test_reset_shut},
		{"answers to probes", test_probe_answered},
		{"silly windows, sender", test_sender_sws},
		{"shut before a retransmission", test_shut_before_retransmission},
		CU_TEST_INFO_NULL,
	};

	return harness_main(argc, argv, "window", tests);
}
