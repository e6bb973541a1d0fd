/* SPDX-License-Identifier: BSD-3-Clause */
/* Explicit congestion notification: RFC 3168, section by section. */
#include "harness.h"

#define ECT0 2
#define CE 3

static struct sock *
established(bool want)
{
	const struct frame *f;

	fx_listen();
	peer.mss = 1000;
	tx(SYN | ECE | CWR, 0, 0, 0);
	f = expect(SYN | ACK | (want ? ECE : 0), 0, 1, 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	CHECK_EQ(f->tos, 0); /* never ECT: 6.1.1 */
	tx(ACK, 1, 1, 0);
	return sock_accept(&bed.n[0]);
}

/* 6.1.1: both flags on a SYN ask, ECE alone on the SYN-ACK agrees. */
static void
test_asked(void)
{
	struct sock *s = established(true);

	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	CHECK(s->c->flags & C_ECN);
	for (unsigned int i = 0; i < 3; i++) { /* any other combination does not ask */
		peer_new(41000 + i);
		tx(SYN | (uint8_t[]){0, ECE, CWR}[i], 0, 0, 0);
		expect(SYN | ACK, 0, 1, 0);
		tx(ACK, 1, 1, 0);
		s = sock_accept(&bed.n[0]);
		CU_ASSERT_PTR_NOT_NULL_FATAL(s);
		CHECK(!(s->c->flags & C_ECN));
	}
	bed_down();
	bed_reset(bed.af);
	bed.conf.tcp.ecn = TERN_ECN_OFF;
	CHECK(established(false) != NULL);
}

/* ECT(0) on new data only: not on ACKs, retransmissions, window probes (6.1.4 to 6.1.6). */
static void
test_marks(void)
{
	const struct frame *f;
	struct sock *s = established(true);

	CHECK_EQ(tern_setopt(s->c, TERN_OPT_TOS, 0x29), 0); /* the low bits are not the application's */
	CHECK_EQ(sock_send(s, 2000), 2000);
	run();
	for (unsigned int i = 0; i < 2; i++) {
		f = expect(ACK, 1 + 1000 * i, 1, 1000);
		CU_ASSERT_PTR_NOT_NULL_FATAL(f);
		CHECK_EQ(f->tos, 0x28 | ECT0);
	}
	CHECK(advance_to_frame(5 * SEC)); /* RTO */
	f = rx();
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	CHECK_EQ(f->seq - peer.irs, 1);
	CHECK_EQ(f->tos, 0x28);
	peer.wnd = 0;
	tx(ACK, 1, 2001, 10);
	sock_recv_all(s);
	f = expect_at(ACK, 2001, 11, 0, 0, 500 * MS);
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	CHECK_EQ(f->tos, 0x28);
	CHECK_EQ(sock_send(s, 100), 100);
	run();
	CHECK(advance_to_frame(5 * SEC));
	f = rx();
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	CHECK_EQ(f->tos, 0x28);
	peer.wnd = 5000;
	tx(ACK, 1, 2001, 0);
	rx_flush();
	tx(ACK, 1, 2101, 0);
}

/* 6.1.3: a mark is echoed at once and on all ACKs until CWR; a mark on that same segment starts anew. */
static void
test_echo(void)
{
	struct sock *s = established(true);

	peer.tos = CE;
	tx(ACK, 1, 1, 100);
	expect(ACK | ECE, 1, 101, 0);
	peer.tos = ECT0;
	tx(ACK, 101, 1, 100);
	expect_at(ACK | ECE, 1, 201, 0, 0, 500 * MS);
	CHECK_EQ(sock_send(s, 10), 10);
	run();
	expect(ACK | PSH | ECE, 1, 201, 10); /* data is an ACK, too */
	tx(ACK | CWR, 201, 11, 100);
	expect_at(ACK, 11, 301, 0, 0, 500 * MS);
	peer.tos = CE;
	tx(ACK | CWR, 301, 11, 100);
	expect(ACK | ECE, 11, 401, 0);
	CHECK_EQ(STAT(IN_CE), 2);
	peer.tos = 0;
	tx(ACK | CWR, 401, 11, 100);
	expect_at(ACK, 11, 501, 0, 0, 500 * MS);
	sock_recv_all(s);
	rx_flush();
}

static uint32_t
cwnd(const struct sock *s)
{
	struct tern_info inf;

	tern_conn_info(s->c, &inf, sizeof(inf));
	return inf.cwnd;
}

/* 6.1.2: an echo halves the window once per window of data, and the next new data says so, once. */
static void
test_reaction(void)
{
	const struct frame *f;
	struct sock *s;
	uint32_t before, after;

	bed.conf.tcp.cc = TERN_CC_NEWRENO;
	s = established(true);
	before = cwnd(s);
	CHECK_EQ(sock_send(s, 20000), 20000);
	run();
	CHECK_EQ(rx_flush(), before / 1000);
	tx(ACK | ECE, 1, 1001, 0);
	after = cwnd(s);
	CHECK(after >= (before - 1000) / 2 && after <= before / 2 + 1000);
	for (uint32_t a = 2001; a <= before + 1; a += 1000) /* the rest of that window: no further cut */
		tx(ACK | ECE, 1, a, 0);
	CHECK(cwnd(s) >= after);
	f = rx();
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	CHECK_EQ(f->flags & CWR, CWR);
	while ((f = rx()))
		CHECK_EQ(f->flags & CWR, 0);
	CHECK_EQ(STAT(ECE_RX), 1);
	CHECK_EQ(STAT(RETRANS_SEGS), 0);
	after = cwnd(s);
	tx(ACK | ECE, 1, before + 1001, 0); /* beyond it: again */
	CHECK_EQ(STAT(ECE_RX), 2);
	CHECK(cwnd(s) < after);
	while (tern_send_queued(s->c) && CU_get_number_of_failure_records() < 20) {
		tx(ACK, 1, s->tx_pos - tern_send_queued(s->c) + 1000, 0);
		rx_flush();
	}
	CHECK_EQ(tern_send_queued(s->c), 0);
}

/* Not agreed on: neither marks nor echoes mean anything, and nothing is marked. */
static void
test_not_agreed(void)
{
	const struct frame *f;
	struct sock *s = fx_established();
	uint32_t before = cwnd(s);

	peer.tos = CE;
	tx(ACK, 1, 1, 100);
	expect_at(ACK, 1, 101, 0, TICK_US, 500 * MS);
	CHECK_EQ(sock_send(s, 100), 100);
	run();
	f = expect(ACK, 1, 101, 100);
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	CHECK_EQ(f->tos, 0);
	tx(ACK | ECE, 101, 101, 0);
	CHECK(cwnd(s) >= before);
	sock_recv_all(s);
	rx_flush();
}

/* The active side asks when told to, takes no for an answer, and does not ask twice (6.1.1.1). */
static void
test_asking(void)
{
	static const struct {
		uint8_t flags;
		bool lost, want;
	} t[] = {{ECE, false, true},
		 {0, false, false},
		 {ECE | CWR, false, false},
		 {CWR, false, false},
		 {ECE, true, false}};
	const struct frame *f;
	struct sock *s;

	for (unsigned int i = 0; i < RTE_DIM(t); i++) {
		bed_down();
		bed_reset(bed.af);
		bed.conf.tcp.ecn = TERN_ECN_ON;
		bed_start();
		CHECK_EQ(node_connect(SRV_PORT, 5000, &s), 0);
		peer.port = SRV_PORT;
		peer.tern_port = 5000;
		run();
		advance_to_frame(SEC);
		f = rx();
		CU_ASSERT_PTR_NOT_NULL_FATAL(f);
		CHECK_EQ(f->flags, SYN | ECE | CWR);
		CHECK_EQ(f->tos, 0);
		if (t[i].lost) {
			CHECK(advance_to_frame(2 * SEC));
			f = rx();
			CU_ASSERT_PTR_NOT_NULL_FATAL(f);
			CHECK_EQ(f->flags, SYN);
		}
		tx(SYN | ACK | t[i].flags, 0, 1, 0);
		CHECK_EQ(s->connected, 1);
		CHECK_EQ(!!(s->c->flags & C_ECN), t[i].want);
		rx_flush();
	}
}

/* Nothing is kept for a cookie: what was agreed on comes back in the timestamp. Without one ECN is not agreed on. */
static void
test_cookie(void)
{
	static const struct {
		bool ts, ask, off, want;
	} t[] = {{true, true, false, true},
		 {true, false, false, false},
		 {false, true, false, false},
		 {true, true, true, false}};

	for (unsigned int i = 0; i < RTE_DIM(t); i++) {
		const struct frame *f;
		struct sock *s;

		bed_down();
		bed_reset(bed.af);
		bed.conf.tcp.cookie_mode = TERN_COOKIE_ALWAYS;
		bed.conf.tcp.ecn = t[i].off ? TERN_ECN_OFF : TERN_ECN_PASSIVE;
		fx_listen();
		peer.ts = t[i].ts;
		tx(SYN | (t[i].ask ? ECE | CWR : 0), 0, 0, 0);
		f = expect(SYN | ACK | (t[i].want ? ECE : 0), 0, 1, 0);
		CU_ASSERT_PTR_NOT_NULL_FATAL(f);
		CHECK_EQ(f->tos, 0);
		tx(ACK, 1, 1, 0);
		CHECK_EQ(STAT(COOKIES_RECV), 1);
		s = sock_accept(&bed.n[0]);
		CU_ASSERT_PTR_NOT_NULL_FATAL(s);
		CHECK_EQ(!!(s->c->flags & C_ECN), t[i].want);
		CHECK_EQ(sock_send(s, 100), 100);
		run();
		f = expect(ACK | PSH, 1, 1, 100);
		CU_ASSERT_PTR_NOT_NULL_FATAL(f);
		CHECK_EQ(f->tos, t[i].want ? ECT0 : 0);
		tx(ACK, 1, 101, 0);
	}
}

int
main(int argc, char **argv)
{
	static CU_TestInfo tests[] = {
		{"asked", test_asked},
		{"marks", test_marks},
		{"echo", test_echo},
		{"reaction", test_reaction},
		{"not agreed on", test_not_agreed},
		{"asking", test_asking},
		{"through a cookie", test_cookie},
		CU_TEST_INFO_NULL,
	};

	return harness_main(argc, argv, "ecn", tests);
}
