/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tcp/icmp.c: what an ICMP error may do to a connection, and what it may not; the path's MTU by ICMP and without.
 */
#include "icmperr.h"

#define HDRS (bed.af == 4 ? 40u : 60u)
#define FULL (1500 - HDRS)
#define PMTU_MIN (bed.af == 4 ? 576u : 1280u)

static struct quote
unreach(unsigned int code, uint32_t seq)
{
	return (struct quote){.type = bed.af == 4 ? 3 : 1, .code = code, .seq = seq, .ip_len = HDRS + 20};
}

/* The codes: network, host unreachable; port (hard). */
static unsigned int
hard_code(void)
{
	return bed.af == 4 ? 3 : 4;
}

static unsigned int
mss_of(const struct sock *s)
{
	struct tern_info i;

	tern_conn_info(s->c, &i, sizeof(i));
	return i.mss;
}

/* ESTABLISHED with n full segments in flight, captured and thrown away. */
static struct sock *
in_flight(unsigned int n)
{
	struct sock *s = fx_established();

	CHECK_EQ(sock_send(s, n * FULL), n * FULL);
	run();
	CHECK_EQ(rx_flush(), n);
	return s;
}

static void
test_too_big(void)
{
	struct sock *s = in_flight(2);
	const unsigned int mss = 1400 - HDRS;
	struct tern_info a, b;

	tern_conn_info(s->c, &a, sizeof(a));
	tx_too_big(1, 1500, 1400);
	/* all of it again at once, cut anew: 2 x FULL bytes are two segments and the rest */
	expect(ACK, 1, 1, mss);
	expect(ACK, 1 + mss, 1, mss);
	expect(ACK, 1 + 2 * mss, 1, 2 * FULL - 2 * mss);
	expect_silence();
	tern_conn_info(s->c, &b, sizeof(b));
	CHECK_EQ(b.mss, mss);
	CHECK_EQ(b.cwnd, a.cwnd); /* no congestion */
	CHECK_EQ(STAT(PMTU_DOWN), 1);
	tx_too_big(1 + FULL, 1500, 1400); /* about the other one: known already */
	expect_silence();
	CHECK_EQ(STAT(PMTU_DOWN), 1);
	tx(ACK, 1, 1 + 2 * FULL, 0);
	expect_silence_for(10 * SEC);
	CHECK_EQ(sock_send(s, FULL), FULL);
	run();
	expect(ACK, 1 + 2 * FULL, 1, mss);
	rx_flush();
}

/* A path that takes less than every host must: DF goes, or nothing ever gets through. By ICMP, and without any. */
static void
test_below_floor(void)
{
	struct sock *s;
	const struct frame *f;
	uint16_t id;

	if (bed.af == 6) { /* 1280 is the least (RFC 8201 4): no such thing */
		s = in_flight(1);
		tx_too_big(1, 1500, 600);
		expect_silence();
		CHECK_EQ(mss_of(s), FULL);
		return;
	}
	s = in_flight(1);
	tx_too_big(1, 1500, 300);
	CHECK_EQ(mss_of(s), 536);
	f = expect(ACK, 1, 1, 536);
	CHECK(f && !f->df);
	id = f ? f->ip_id : 0;
	f = expect(ACK, 537, 1, 536);
	CHECK(f && !f->df);
	CHECK(f && f->ip_id == (uint16_t)(id + 1));
	rx_flush();
	tx_too_big(1, 576, 300); /* again: there is no less */
	expect_silence();
	CHECK_EQ(STAT(PMTU_DOWN), 1);
	tx(ACK, 1, 1 + FULL, 0);
	expect_silence_for(601 * SEC);
	CHECK_EQ(STAT(PMTU_UP), 1); /* and it is tried again whole */
	CHECK_EQ(sock_send(s, FULL), FULL);
	run();
	f = expect(ACK, 1 + FULL, 1, FULL);
	CHECK(f && f->df && f->ip_id == 0);
	tx(ACK, 1, 1 + 2 * FULL, 0);
}

/* The segments were as small as 576 before. */
static void
test_below_floor_small(void)
{
	const struct frame *f;
	struct sock *s;

	if (bed.af == 6)
		return;
	peer.mss = 536;
	s = fx_established();
	CHECK_EQ(sock_send(s, 536), 536);
	run();
	f = expect(ACK, 1, 1, 536);
	CHECK(f && f->df);
	tx_too_big(1, 576, 552);
	f = expect(ACK, 1, 1, 536);
	CHECK(f && !f->df);
	tx(ACK, 1, 537, 0);
}

static bool
fragmentable(void *arg)
{
	const struct frame *f;

	while ((f = rx()) != NULL)
		if (f->len && !f->df)
			return true;
	return false;
}

/* Nobody says so: after the floor, DF goes too. */
static void
test_below_floor_silent(void)
{
	struct sock *s;

	if (bed.af == 6)
		return;
	s = in_flight(1);
	CHECK(advance_until(fragmentable, NULL, 99 * SEC));
	CHECK_EQ(mss_of(s), 536);
	rx_flush();
	tx(ACK, 1, 1 + FULL, 0);
	rx_flush();
}

/* The peer has closed its window meanwhile: nothing can be sent again now, and the timer must see to it. */
static void
test_too_big_no_window(void)
{
	struct sock *s = in_flight(1);

	peer.wnd = 0;
	tx(ACK, 1, 1, 0);
	tx_too_big(1, 1500, 1400);
	expect_silence();
	CHECK(advance_to_frame(10 * SEC));
	rx_flush();
	sock_close(s);
	advance_us(300 * SEC); /* nobody answers: R2 */
	rx_flush();
	CHECK_EQ(W->table.count, 0);
}

/* With SACK, and a window that was shrunk meanwhile: what fits is sent again, and a timeout sends one segment of it. */
static void
test_too_big_timeout(void)
{
	const unsigned int mss = 1400 - HDRS;
	struct sock *s;

	peer.sack = true;
	s = in_flight(10);
	peer.wnd = 3000;
	tx(ACK, 1, 1, 0);
	tx_too_big(1, 1500, 1400);
	expect(ACK, 1, 1, mss);
	expect(ACK, 1 + mss, 1, mss);
	rx_flush();
	expect_at(ACK, 1, 1, mss, 200 * MS, SEC);
	expect_silence();
	CHECK_EQ(STAT(TIMEOUTS), 1);
	peer.wnd = 65535;
	for (unsigned int i = 0; tern_send_queued(s->c) && CHECK(i < 100); i++) {
		tx(ACK, 1, RTE_MIN(1 + mss * (i + 1), 1 + 10 * FULL), 0);
		CHECK(rx_flush() <= 4);
	}
	expect_silence_for(10 * SEC);
}

/* The timestamp option counts. */
static void
test_too_big_timestamps(void)
{
	struct sock *s;

	peer.ts = true;
	fx_listen();
	tx(SYN, 0, 0, 0);
	peer.tsecr = rx_peek()->tsval;
	expect(SYN | ACK, 0, 1, 0);
	peer.tsval++;
	tx(ACK, 1, 1, 0);
	s = sock_accept(&bed.n[0]);
	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	CHECK_EQ(sock_send(s, FULL - 12), FULL - 12);
	run();
	expect(ACK, 1, 1, FULL - 12);
	tx_too_big(1, 1500, 1300);
	expect(ACK, 1, 1, 1300 - HDRS - 12);
	rx_flush();
}

static void
refused(const struct sock *s, const struct quote *q)
{
	const uint64_t before = STAT(DROP_ICMP) + STAT(DROP_ICMP_SEQ);

	tx_icmp(q);
	expect_silence();
	CHECK_EQ(STAT(DROP_ICMP) + STAT(DROP_ICMP_SEQ), before + 1);
	CHECK_EQ(mss_of(s), FULL);
	CHECK_EQ(sock_state(s), TERN_ESTABLISHED);
}

static void
test_too_big_refused(void)
{
	struct sock *s = in_flight(2);
	const struct quote good = {.type = bed.af == 4 ? 3 : 2, .code = bed.af == 4 ? 4 : 0, .mtu = 1400, .seq = 1,
				   .ip_len = 1500};
	struct quote q;

	q = good, q.seq = 0;
	refused(s, &q); /* acknowledged */
	q = good, q.seq = 1 + 2 * FULL;
	refused(s, &q); /* not sent yet */
	q = good, q.seq = 0x80000000;
	refused(s, &q);
	q = good, q.ip_len = 1400;
	refused(s, &q); /* it would have fitted */
	q = good, q.mtu = 65535;
	refused(s, &q);
	q = good, q.port_xor = 1;
	refused(s, &q); /* nobody's */
	q = good, q.proto = 17;
	refused(s, &q);
	q = good, q.cut = 1;
	refused(s, &q);
	q = good, q.cut = 9;
	refused(s, &q);
	if (bed.af == 4) {
		q = good, q.ihl = 4;
		refused(s, &q);
		q = good, q.ihl = 15, q.cut = 41;
		refused(s, &q);
	} else {
		q = good, q.mtu = 1279; /* RFC 8201 4 */
		refused(s, &q);
	}
	tx_icmp(&good);
	CHECK_EQ(mss_of(s), 1400 - HDRS);
	rx_flush();
}

/* Nothing makes segments smaller than what every host takes. */
static void
test_too_big_floor(void)
{
	static const uint16_t mtus[] = {0, 1, 68, 575, 576};

	for (unsigned int i = 0; i < RTE_DIM(mtus); i++) {
		struct sock *s;

		bed_down();
		bed_reset(bed.af);
		s = in_flight(1);
		for (unsigned int k = 0; k < 20; k++) /* a router that doesn't say: down the plateaus */
			tx_too_big(1, mss_of(s) + HDRS, mtus[i]);
		if (bed.af == 4)
			CHECK_EQ(mss_of(s), PMTU_MIN - HDRS);
		else
			CHECK(mss_of(s) >= PMTU_MIN - HDRS);
		rx_flush();
	}
}

/* RFC 1191 6.3: after ten minutes the full size again. */
static void
test_raise(void)
{
	struct sock *s = in_flight(1);

	tx_too_big(1, 1500, 1400);
	rx_flush();
	tx(ACK, 1, 1 + FULL, 0);
	advance_us(590 * SEC);
	CHECK_EQ(mss_of(s), 1400 - HDRS);
	advance_us(11 * SEC);
	CHECK_EQ(mss_of(s), FULL);
	CHECK_EQ(STAT(PMTU_UP), 1);
	CHECK_EQ(sock_state(s), TERN_ESTABLISHED);
	CHECK_EQ(sock_send(s, FULL), FULL);
	run();
	expect(ACK | PSH, 1 + FULL, 1, FULL);
	tx_too_big(1 + FULL, 1500, 1300); /* still too much */
	expect(ACK, 1 + FULL, 1, 1300 - HDRS);
	rx_flush();
}

/* What the application asked for meanwhile outlives the raise. */
static void
test_raise_maxseg(void)
{
	struct sock *s = in_flight(1);

	tx_too_big(1, 1500, PMTU_MIN);
	rx_flush();
	tx(ACK, 1, 1 + FULL, 0);
	CHECK_EQ(tern_setopt(s->c, TERN_OPT_MAXSEG, 1300), 0);
	CHECK_EQ(mss_of(s), RTE_MIN(PMTU_MIN - HDRS, 1300u));
	advance_us(601 * SEC);
	CHECK_EQ(STAT(PMTU_UP), 1);
	CHECK_EQ(mss_of(s), 1300);
}

/* The raise shares a deadline with the limit of FIN-WAIT-2: it ends neither early nor never. */
static void
test_raise_fin_wait_2(void)
{
	struct sock *s = in_flight(1);

	tx_too_big(1, 1500, 1400);
	rx_flush();
	sock_close(s);
	rx_flush();
	tx(ACK, 1, 2 + FULL, 0);
	CHECK_EQ(state_now(), TERN_FIN_WAIT_2);
	advance_us(59 * SEC);
	CHECK_EQ(state_now(), TERN_FIN_WAIT_2);
	advance_us(2 * SEC);
	CHECK_EQ(W->table.count, 0);
	rx_flush();
}

/* A path that swallows what is larger than 1100 bytes, and says nothing. */
static bool
swallow(const struct frame *f, uint64_t nth, void *arg)
{
	(void)nth;
	return f->len > *(const uint32_t *)arg;
}

static void
test_black_hole(void)
{
	uint32_t limit = bed.af == 4 ? 1100 : 1230;
	struct sock *s;
	uint64_t start;

	bed_start_pair();
	CU_ASSERT_EQUAL_FATAL(node_listen(&bed.n[1], SRV_PORT, 16, &bed.n[1].l[0]), 0);
	bed.n[1].auto_accept = true;
	bed.dir[0].drop = swallow;
	bed.dir[0].arg = &limit;
	CU_ASSERT_EQUAL_FATAL(node_connect(SRV_PORT, 0, &s), 0);
	advance_us(SEC);
	CHECK_EQ(sock_send(s, 100000), 100000);
	start = bed.now_us;
	advance_us(60 * SEC);
	CHECK_EQ(STAT(PMTU_BLACKHOLE), 1);
	CHECK_EQ(tern_send_queued(s->c), 0);
	CHECK_EQ(mss_of(s), bed.af == 4 ? 1064 - 52 : 1280 - 72);
	CHECK(bed.now_us - start <= 61 * SEC);
}

/* The second step, when the base doesn't get through either. */
static void
test_black_hole_deeper(void)
{
	uint32_t limit = 600;
	struct sock *s;

	if (bed.af == 6)
		return; /* below 1280 there is no IPv6 */
	bed_start_pair();
	CU_ASSERT_EQUAL_FATAL(node_listen(&bed.n[1], SRV_PORT, 16, &bed.n[1].l[0]), 0);
	bed.n[1].auto_accept = true;
	bed.dir[0].drop = swallow;
	bed.dir[0].arg = &limit;
	CU_ASSERT_EQUAL_FATAL(node_connect(SRV_PORT, 0, &s), 0);
	advance_us(SEC);
	CHECK_EQ(sock_send(s, 20000), 20000);
	advance_us(90 * SEC);
	CHECK_EQ(STAT(PMTU_BLACKHOLE), 2);
	CHECK_EQ(tern_send_queued(s->c), 0);
	CHECK_EQ(mss_of(s), 576 - 52);
}

/* Small segments that are lost say nothing of the MTU. */
static void
test_black_hole_small(void)
{
	struct sock *s = fx_established();

	CHECK_EQ(sock_send(s, 100), 100);
	advance_us(50 * SEC);
	CHECK_EQ(STAT(PMTU_BLACKHOLE), 0);
	CHECK_EQ(mss_of(s), FULL);
	rx_flush();
}

/* What somebody on the way prohibits ends an open, too, as with Linux and FreeBSD; RFC 1122 4.2.3.9 names 0, 1, 5 as
 * soft. */
static void
test_prohibited_syn_sent(void)
{
	static const uint8_t v4[] = {2, 9, 10, 13}, v6[] = {1};

	for (unsigned int i = 0; i < (bed.af == 4 ? RTE_DIM(v4) : RTE_DIM(v6)); i++) {
		struct sock *s;

		bed_down();
		bed_reset(bed.af);
		s = fx_syn_sent();
		{
			const struct quote q = unreach(bed.af == 4 ? v4[i] : v6[i], 0);

			tx_icmp(&q);
		}
		CHECK_EQ(s->closed, 1);
		CHECK_EQ(s->err, bed.af == 4 ? -ECONNREFUSED : -EACCES);
		expect_silence_for(10 * SEC);
	}
}

/* Hard errors end an open; RFC 9293 3.9.2.2. */
static void
test_hard_syn_sent(void)
{
	struct sock *s = fx_syn_sent();
	struct quote q = unreach(hard_code(), 1);

	tx_icmp(&q); /* beyond the SYN */
	q.seq = 0xffffffff;
	tx_icmp(&q);
	CHECK_EQ(s->closed, 0);
	CHECK_EQ(STAT(DROP_ICMP_SEQ), 2);
	q.seq = 0;
	tx_icmp(&q);
	CHECK_EQ(s->closed, 1);
	CHECK_EQ(s->err, -ECONNREFUSED);
	CHECK_EQ(STAT(ICMP_ABORT), 1);
	expect_silence_for(10 * SEC);
}

/* Soft errors don't, whatever the state (MUST-56), but are what the timeout reports. */
static void
test_soft_syn_sent(void)
{
	struct sock *s = fx_syn_sent();
	const struct quote q = unreach(0, 0);

	tx_icmp(&q);
	CHECK_EQ(s->closed, 0);
	CHECK_EQ(STAT(ICMP_SOFT), 1);
	advance_us(200 * SEC);
	CHECK_EQ(s->closed, 1);
	CHECK_EQ(s->err, -ENETUNREACH);
	rx_flush();
}

static void
test_established(void)
{
	struct sock *s = in_flight(1);
	struct tern_info inf;

	for (unsigned int code = 0; code < 16; code++) {
		const struct quote q = unreach(code, 1);

		if (bed.af == 4 && code == 4)
			continue;
		tx_icmp(&q);
		CHECK_EQ(sock_state(s), TERN_ESTABLISHED);
		expect_silence();
	}
	CHECK_EQ(STAT(ICMP_SOFT), bed.af == 4 ? 15 : 16);
	tern_conn_info(s->c, &inf, sizeof(inf));
	CHECK_EQ(inf.soft_err, -EHOSTUNREACH);
	advance_us(200 * SEC); /* R2 */
	CHECK_EQ(s->closed, 1);
	CHECK_EQ(s->err, -EHOSTUNREACH); /* the last one's */
	rx_flush();
}

/* An error from before the last progress is forgotten. */
static void
test_soft_forgotten(void)
{
	struct sock *s = in_flight(2);
	const struct quote q = unreach(0, 1);

	tx_icmp(&q);
	advance_us(100 * MS);
	tx(ACK, 1, 1 + FULL, 0);
	advance_us(200 * SEC);
	CHECK_EQ(s->closed, 1);
	CHECK_EQ(s->err, -ETIMEDOUT);
	rx_flush();
}

/* MUST-55, and the messages that mean nothing to TCP. */
static void
test_quench(void)
{
	struct sock *s = in_flight(2);
	struct quote q = {.type = 4, .seq = 1, .ip_len = 1500};
	struct tern_info a, b;

	tern_conn_info(s->c, &a, sizeof(a));
	if (bed.af == 6)
		q.type = 5; /* unassigned error */
	tx_icmp(&q);
	q.type = bed.af == 4 ? 5 : 127;
	tx_icmp(&q);
	expect_silence();
	tern_conn_info(s->c, &b, sizeof(b));
	CHECK_EQ(memcmp(&a, &b, sizeof(a)), 0);
	CHECK_EQ(STAT(DROP_ICMP), 2);
}

static void
test_half_open(void)
{
	struct quote q;

	fx_half_open();
	q = unreach(hard_code(), 1);
	tx_icmp(&q);
	CHECK_EQ(W->listeners.half_open, 1);
	q = unreach(0, 0); /* soft */
	tx_icmp(&q);
	CHECK_EQ(W->listeners.half_open, 1);
	tx_too_big(0, 1500, 1300);
	CHECK_EQ(W->listeners.half_open, 1);
	q = unreach(hard_code(), 0);
	tx_icmp(&q);
	CHECK_EQ(W->listeners.half_open, 0);
	CHECK_EQ(STAT(ICMP_ABORT), 1);
	expect_silence_for(10 * SEC);
}

/* TIME-WAIT and nobody at all: nothing is found, nothing happens. */
static void
test_nobody(void)
{
	struct quote q;

	fx_time_wait();
	q = unreach(hard_code(), 1);
	tx_icmp(&q);
	CHECK_EQ(state_now(), TERN_TIME_WAIT);
	q.port_xor = 77;
	tx_icmp(&q);
	CHECK_EQ(STAT(DROP_ICMP_SEQ), 2);
	expect_silence();
}

int
main(int argc, char **argv)
{
	static CU_TestInfo tests[] = {
		{"too big", test_too_big},
		{"too big, window closed", test_too_big_no_window},
		{"too big, then a timeout", test_too_big_timeout},
		{"too big, with timestamps", test_too_big_timestamps},
		{"too big, not believed", test_too_big_refused},
		{"too big, to the floor", test_too_big_floor},
		{"raised after ten minutes", test_raise},
		{"raised to MAXSEG", test_raise_maxseg},
		{"raised, in FIN-WAIT-2", test_raise_fin_wait_2},
		{"black hole", test_black_hole},
		{"black hole, second step", test_black_hole_deeper},
		{"small segments lost", test_black_hole_small},
		{"path below the floor", test_below_floor},
		{"path below the floor, small segments", test_below_floor_small},
		{"path below the floor, no ICMP", test_below_floor_silent},
		{"hard error in SYN-SENT", test_hard_syn_sent},
		{"prohibited in SYN-SENT", test_prohibited_syn_sent},
		{"soft error in SYN-SENT", test_soft_syn_sent},
		{"errors in ESTABLISHED", test_established},
		{"soft error forgotten", test_soft_forgotten},
		{"source quench, redirect", test_quench},
		{"errors for half-open requests", test_half_open},
		{"errors for nobody", test_nobody},
		CU_TEST_INFO_NULL,
	};

	return harness_main(argc, argv, "pmtu", tests);
}
