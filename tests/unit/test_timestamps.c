/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Timestamps and window scale: RFC 7323.
 */
#include "harness.h"

static void
test_paws(void)
{
	struct sock *s;

	peer.ts = true;
	s = fx_established();
	peer.tsval += 100;
	tx(ACK, 1, 1, 10);
	CHECK_EQ(sock_recv_all(s), 10);
	expect_at(ACK, 1, 11, 0, 0, 500 * MS);
	peer.tsval -= 50; /* an old duplicate from before the wrap */
	tx(ACK, 11, 1, 10);
	expect(ACK, 1, 11, 0);
	CHECK_EQ(sock_recv(s, 10), -EAGAIN);
	CHECK_EQ(STAT(DROP_PAWS), 1);
	tx(RST, 11, 0, 0); /* RSTs are not subject to PAWS (5.2) */
	CHECK_EQ(s->closed, 1);
}

/* TSecr echoes TS.Recent: the oldest unacknowledged segment's when ACKs are delayed (4.3). */
static void
test_ts_echo(void)
{
	const struct frame *f;
	struct sock *s;
	uint32_t first;

	peer.ts = true;
	s = fx_established();
	first = peer.tsval += 10;
	tx(ACK, 1, 1, 10);
	peer.tsval += 10;
	tx(ACK, 11, 1, 10);
	advance_to_frame(500 * MS);
	f = rx();
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	CHECK(f->has_ts);
	CHECK(f->tsecr == first);
	CHECK_EQ(sock_recv_all(s), 20);
	peer.tsval += 10;
	tx(ACK, 31, 1, 10); /* beyond a hole: TS.Recent stays */
	f = expect(ACK, 1, 21, 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	CHECK(f->tsecr != peer.tsval);
}

/* Once negotiated every segment should have it; one without is taken by its numbers alone, as Linux does. */
static void
test_ts_missing(void)
{
	uint32_t recent, rto;
	struct sock *s;

	peer.ts = true;
	s = fx_established();
	recent = s->c->ts_recent;
	rto = s->c->rto_us;
	peer.ts = false;
	tx(ACK, 1, 1, 10);
	CHECK_EQ(sock_recv(s, 10), 10);
	CHECK_EQ(s->c->ts_recent, recent);
	rx_flush();
	tx(ACK, 0, 1, 0); /* a keep-alive */
	expect(ACK, 1, 11, 0);
	CHECK_EQ(STAT(TS_MISSING), 2);
	CHECK_EQ(sock_send(s, 10), 10);
	expect_at(ACK | PSH, 1, 11, 10, 0, SEC);
	advance_us(rto + SLACK_US);
	CHECK(rx_flush() >= 1);
	tx(ACK, 11, 11, 0); /* of a retransmission: no timestamp, no round trip */
	CHECK_EQ(s->c->snd_queued, 0);
	peer.ts = true;
	tx(ACK, 11, 11, 10);
	CHECK_EQ(sock_recv(s, 10), 10);
	tx(FIN | ACK, 21, 11, 0);
	sock_close(s);
	rx_flush();
	CHECK_EQ(state_now(), TERN_LAST_ACK);
	peer.ts = false;
	tx(ACK, 22, 12, 0);
	CHECK_EQ(W->table.count, 0);
}

/* Scaled windows both ways (RFC 7323 2). */
static void
test_window_scale(void)
{
	const struct frame *f;
	struct tern_info inf;
	struct sock *s;
	unsigned int ws;

	bed.conf.tcp.rcv_buf = 1 << 20;
	peer.ws = 4;
	fx_listen();
	tx(SYN, 0, 0, 0);
	f = expect(SYN | ACK, 0, 1, 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	ws = f->ws;
	CHECK(f->wnd == 65535 || f->wnd > 20000); /* unscaled in a SYN */
	CHECK((65535ull << ws) >= 1 << 20 || ws == 14);
	peer.wnd = 1000;
	tx(ACK, 1, 1, 0);
	s = sock_accept(&bed.n[0]);
	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	tern_conn_info(s->c, &inf, sizeof(inf));
	CHECK_EQ(inf.snd_wnd, 16000);
	tx(ACK, 1, 1, 100);
	advance_to_frame(500 * MS);
	f = rx();
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	CHECK(((uint64_t)f->wnd << ws) > (1 << 19) && ((uint64_t)f->wnd << ws) <= 1 << 20);
}

int
main(int argc, char **argv)
{
	static CU_TestInfo tests[] = {
		{"PAWS", test_paws},
		{"timestamp echo", test_ts_echo},
		{"timestamp missing", test_ts_missing},
		{"window scale", test_window_scale},
		CU_TEST_INFO_NULL,
	};

	return harness_main(argc, argv, "timestamps", tests);
}
