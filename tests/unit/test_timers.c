/* SPDX-License-Identifier: BSD-3-Clause */
/* Deadlines: the RTO and its backoff (RFC 6298), R2 (RFC 9293 3.8.3, 3.10.8), closed windows, and a worker that was
 * away. */
#include "harness.h"

#define MSS 1000u

static struct tern_conn *
conn(const struct sock *s)
{
	return s->c;
}

static struct sock *
up(bool sack)
{
	peer.mss = MSS;
	peer.sack = sack;
	return fx_established();
}

/* The worker is not scheduled for so long. */
static void
away(uint64_t us)
{
	bed.now_us += us;
	run();
}

/* n bytes are sent, and acknowledged after rtt_us. @return segments sent meanwhile. */
static unsigned int
exchange(struct sock *s, uint32_t n, uint64_t rtt_us)
{
	unsigned int segs;

	uint32_t first;

	CHECK_EQ(sock_send(s, n), n);
	run();
	first = rx_peek() ? rx_peek()->tsval : 0;
	advance_us(rtt_us);
	segs = rx_flush();
	peer.tsecr = first;
	tx(ACK, 1, s->tx_pos, 0);
	return segs;
}

/* RFC 6298 5.7 (Karn): what the timeout was doubled to holds until something that was sent once is acknowledged. */
static void
test_karn(void)
{
	struct sock *s = up(false);

	CHECK(exchange(s, 100, 700 * MS) > 1);
	CHECK_EQ(exchange(s, 100, 700 * MS), 1);
	CHECK(conn(s)->srtt_us > 50 * MS && conn(s)->rto_us > 700 * MS);
	for (unsigned int i = 0; i < 10; i++)
		CHECK_EQ(exchange(s, 100, 700 * MS), 1);
	expect_silence_for(100 * SEC);
}

/* With timestamps every ACK is a sample: the backoff ends with the first. */
static void
test_backoff_ends(void)
{
	struct sock *s;

	peer.ts = true;
	s = up(false);
	CHECK(exchange(s, 100, 700 * MS) > 1);
	CHECK_EQ(conn(s)->backoff, 0);
	CHECK_EQ(exchange(s, 100, 700 * MS), 1);
}

/* However steady the path, an ACK may be as late as the minimum allows. */
static void
test_late_ack(void)
{
	struct sock *s = up(false);

	for (unsigned int i = 0; i < 60; i++)
		CHECK_EQ(exchange(s, 100, i < 4 ? (100 + 50 * i) * MS : 300 * MS), 1);
	CHECK(conn(s)->rttvar_us < 10 * MS);
	CHECK_EQ(exchange(s, 100, 340 * MS), 1);
	CHECK_EQ(exchange(s, 100, 480 * MS), 1);
	CHECK_EQ(STAT(TIMEOUTS), 0);
	CHECK(exchange(s, 100, 800 * MS) > 1); /* no later */
}

static bool
closed(void *s)
{
	return ((struct sock *)s)->closed;
}

/* @return how long from now until the application hears of the end. */
static uint64_t
time_to_end(struct sock *s)
{
	const uint64_t from = bed.now_us;

	while (!s->closed && bed.now_us < from + 1000 * SEC) {
		advance_until(closed, s, SEC);
		rx_flush();
	}
	CHECK_EQ(s->err, -ETIMEDOUT);
	return bed.now_us - from;
}

/* R2 ends the wait, whenever the next retransmission would be due (RFC 9293 3.10.8). */
static void
test_r2_exact(void)
{
	struct sock *s = up(false);
	uint64_t t;

	CHECK_EQ(tern_setopt(s->c, TERN_OPT_USER_TIMEOUT_MS, 10000), 0);
	CHECK_EQ(sock_send(s, 100), 100);
	run();
	t = time_to_end(s);
	CHECK(t >= 10 * SEC && t <= 10 * SEC + SLACK_US);
}

/* A tail loss probe and the reordering timer do not put it off; it may be shorter than the first timeout. */
static void
test_r2_short(void)
{
	struct sock *s = up(true);
	uint64_t t;

	CHECK_EQ(tern_setopt(s->c, TERN_OPT_USER_TIMEOUT_MS, 150), 0);
	CHECK_EQ(sock_send(s, 5 * MSS), 5 * MSS);
	run();
	t = time_to_end(s);
	CHECK(t >= 150 * MS && t <= 150 * MS + SLACK_US);
}

/* R2 made shorter while it runs. */
static void
test_r2_moved(void)
{
	struct sock *s = up(false);
	uint64_t t;

	CHECK_EQ(sock_send(s, 100), 100);
	run();
	advance_us(30 * SEC);
	CHECK_EQ(tern_setopt(s->c, TERN_OPT_USER_TIMEOUT_MS, 31000), 0);
	rx_flush();
	t = time_to_end(s);
	CHECK(t >= SEC - SLACK_US && t <= SEC + SLACK_US);
}

/* The window is closed over 2000 bytes unsent. */
static struct sock *
fx_closed_window(void)
{
	struct sock *s;

	peer.wnd = 1000;
	s = up(false);
	CHECK_EQ(sock_send(s, 3000), 3000);
	run();
	expect(ACK, 1, 1, 1000);
	peer.wnd = 0;
	tx(ACK, 1, 1001, 0);
	return s;
}

/* MUST-37: who answers probes lives, however short R2 is; who stops has R2 from the first probe without an answer. */
static void
test_persist_short_r2(void)
{
	struct sock *s = fx_closed_window();
	uint64_t t;

	CHECK_EQ(tern_setopt(s->c, TERN_OPT_USER_TIMEOUT_MS, 1000), 0);
	for (unsigned int i = 0; i < 12; i++) {
		CHECK(advance_to_frame(61 * SEC));
		CHECK_EQ(rx_flush(), 1);
		advance_us(10 * MS);
		tx(ACK, 1, 1001, 0);
		expect_silence();
	}
	CHECK_EQ(s->closed, 0);
	CHECK(advance_to_frame(61 * SEC));
	t = time_to_end(s);
	CHECK(t >= SEC && t <= SEC + SLACK_US);
}

/* The same when the window was shut over data in flight. */
static void
test_shut_short_r2(void)
{
	struct sock *s;
	uint64_t t;

	peer.wnd = 10000;
	s = up(false);
	CHECK_EQ(tern_setopt(s->c, TERN_OPT_USER_TIMEOUT_MS, 1000), 0);
	CHECK_EQ(sock_send(s, 3000), 3000);
	run();
	CHECK_EQ(rx_flush(), 3);
	peer.wnd = 0;
	tx(ACK, 1, 1, 0);
	for (unsigned int i = 0; i < 12; i++) {
		CHECK(advance_to_frame(61 * SEC));
		CHECK_EQ(rx_flush(), 1);
		advance_us(10 * MS);
		tx(ACK, 1, 1, 0);
		expect_silence();
	}
	CHECK_EQ(s->closed, 0);
	CHECK(advance_to_frame(61 * SEC));
	t = time_to_end(s);
	CHECK(t >= SEC && t <= SEC + SLACK_US);
}

/* A worker that was not scheduled resets nobody it did not ask again. */
static void
test_away(void)
{
	struct sock *s = up(false);
	uint64_t t;

	CHECK_EQ(sock_send(s, 100), 100);
	run();
	expect(ACK, 1, 1, 100);
	away(300 * SEC);
	expect(ACK, 1, 1, 100);
	expect_after(ACK, 1, 1, 100, 2 * conn(s)->rto_us);
	advance_us(60 * SEC);
	CHECK_EQ(s->closed, 0);
	rx_flush();
	away(300 * SEC); /* in the last wait, too */
	expect(ACK, 1, 1, 100);
	CHECK_EQ(s->closed, 0);
	tx(ACK, 1, 101, 0);
	CHECK_EQ(sock_send(s, 100), 100);
	run();
	expect(ACK, 101, 1, 100);
	t = time_to_end(s);
	CHECK(t >= 100 * SEC && t <= 100 * SEC + SLACK_US);
}

/* The same of a SYN, of keep-alive and of probes. */
static void
test_away_syn(void)
{
	struct sock *s = fx_syn_sent();

	away(300 * SEC);
	expect(SYN, 0, 0, 0);
	CHECK_EQ(s->closed, 0);
	tx(SYN | ACK, 0, 1, 0);
	expect(ACK, 1, 1, 0);
	CHECK_EQ(s->connected, 1);
}

/* And of a SYN-ACK. */
static void
test_away_request(void)
{
	fx_half_open();
	for (unsigned int i = 0; i < W->conf.tcp.synack_retries; i++) {
		CHECK(advance_to_frame(61 * SEC));
		CHECK_EQ(rx_flush(), 1);
	}
	for (unsigned int i = 0; i < 2; i++) { /* the last wait, twice */
		away(300 * SEC);
		expect(SYN | ACK, 0, 1, 0);
		CHECK_EQ(W->listeners.half_open, 1);
	}
	tx(ACK, 1, 1, 0);
	CHECK(sock_accept(&bed.n[0]) != NULL);
	peer_new(2000); /* and without a pause it ends */
	tx(SYN, 0, 0, 0);
	advance_us(200 * SEC);
	CHECK_EQ(W->listeners.half_open, 0);
	rx_flush();
}

static void
test_away_keepalive(void)
{
	struct sock *s = up(false);

	CHECK_EQ(tern_setopt(s->c, TERN_OPT_KEEPIDLE_S, 10), 0);
	CHECK_EQ(tern_setopt(s->c, TERN_OPT_KEEPINTVL_S, 1), 0);
	CHECK_EQ(tern_setopt(s->c, TERN_OPT_KEEPCNT, 2), 0);
	CHECK_EQ(tern_setopt(s->c, TERN_OPT_KEEPALIVE, 1), 0);
	advance_us(11500 * MS);
	CHECK_EQ(rx_flush(), 2);
	away(300 * SEC);
	expect(ACK, 0, 1, 0);
	CHECK_EQ(s->closed, 0);
	tx(ACK, 1, 1, 0);
	expect_silence_for(9 * SEC);
	CHECK_EQ(s->closed, 0);
}

static void
test_away_persist(void)
{
	struct sock *s = fx_closed_window();

	for (unsigned int i = 0; i < 5; i++) {
		CHECK(advance_to_frame(61 * SEC));
		CHECK_EQ(rx_flush(), 1);
	}
	away(300 * SEC);
	CHECK_EQ(s->closed, 0);
	CHECK_EQ(rx_flush(), 1);
	peer.wnd = 4000;
	tx(ACK, 1, 1001, 0);
	expect(ACK, 1001, 1, 1000);
}

/* The window is shut over data that is lost. When it opens again all of that goes out, and is no smaller for it. */
static void
shut_over_lost(bool sack)
{
	struct sock *s;

	peer.wnd = 10000;
	s = up(sack);
	CHECK_EQ(sock_send(s, 6 * MSS), 6 * MSS);
	run();
	CHECK_EQ(rx_flush(), 6);
	peer.wnd = 0;
	tx(ACK, 1, 1001, 0);
	for (unsigned int i = 0; i < 7; i++) {
		CHECK(advance_to_frame(61 * SEC));
		rx_flush();
		advance_us(10 * MS);
		tx(ACK, 1, 1001, 0);
	}
	rx_flush();
	peer.wnd = 10000;
	tx(ACK, 1, 1001, 0);
	expect(ACK, 1001, 1, 1000);
	for (unsigned int i = 2; i < 6; i++) { /* by slow start, without a timer */
		tx(ACK, 1, 1001 + (i - 1) * MSS, 0);
		rx_flush();
	}
	tx(ACK, 1, 6001, 0);
	CHECK_EQ(conn(s)->mss, MSS);
	CHECK_EQ(STAT(PMTU_BLACKHOLE), 0);
	CHECK_EQ(tern_send_queued(s->c), 0);
	expect_silence_for(100 * SEC);
}

static void
test_shut_over_lost(void)
{
	shut_over_lost(false);
}

static void
test_shut_over_lost_sack(void)
{
	shut_over_lost(true);
}

/* A probe's byte fills the hole, and its ACK opens the window: the rest does not wait for a timer either. */
static void
test_probe_opens(void)
{
	struct sock *s;

	peer.wnd = 10000;
	s = up(false);
	CHECK_EQ(sock_send(s, 3 * MSS), 3 * MSS);
	run();
	CHECK_EQ(rx_flush(), 3);
	peer.wnd = 0;
	tx(ACK, 1, 1, 0);
	for (unsigned int i = 0; i < 4; i++) {
		CHECK(advance_to_frame(61 * SEC));
		rx_flush();
	}
	peer.wnd = 10000;
	tx(ACK, 1, 2, 0);
	expect(ACK, 2, 1, 1000);
	tx(ACK, 1, 3001, 0);
	CHECK_EQ(tern_send_queued(s->c), 0);
}

/* An ACK of something new brings its window though its segment was overtaken (RFC 9293 3.10.7.4 has only the
 * numbers). */
static void
test_window_of_late_segment(void)
{
	struct sock *s;

	peer.wnd = 2000;
	s = up(false);
	CHECK_EQ(sock_send(s, 5000), 5000);
	run();
	CHECK_EQ(rx_flush(), 2);
	tx(ACK, 101, 1, 100); /* overtook the next */
	rx_flush();
	peer.wnd = 9000;
	tx(ACK, 1, 1, 0); /* says nothing new: older than that one */
	CHECK_EQ(conn(s)->snd_wnd, 2000);
	peer.wnd = 10000;
	tx(ACK, 1, 2001, 100);
	CHECK_EQ(conn(s)->snd_wnd, 10000);
	CHECK_EQ(rx_flush(), 3);
	tx(ACK, 201, 5001, 0);
	advance_us(SEC);
	rx_flush();
	expect_silence_for(100 * SEC);
}

/* Data and FIN timed out together, the data arrives: the FIN's timeout is what the sample says, and the wheel knows. */
static void
test_fin_after_backoff(void)
{
	struct sock *s;

	peer.ts = true;
	s = up(false);
	CHECK_EQ(sock_send(s, 100), 100);
	sock_shutdown(s);
	run();
	advance_us(12700 * MS); /* 100 ms after the sixth */
	rx_flush();
	tx(ACK, 1, 101, 0);
	CHECK_EQ(conn(s)->backoff, 0);
	expect_after(FIN | ACK, 101, 1, 0, conn(s)->rto_us);
	tx(ACK, 1, 102, 0);
	expect_silence_for(10 * SEC);
}

/* With timestamps a lost SYN's answer may be timed; an echo that is older than the first SYN is none (RFC 6298 5.7
 * then). */
static void
syn_echo(uint32_t back_ms, uint64_t srtt_us, uint64_t rto_us)
{
	struct sock *s;

	peer.ts = true;
	s = fx_syn_sent();
	expect_after(SYN, 0, 0, 0, SEC);
	advance_us(50 * MS);
	peer.tsecr -= back_ms;
	tx(SYN | ACK, 0, 1, 0);
	expect(ACK, 1, 1, 0);
	CHECK(conn(s)->srtt_us + 2 * MS >= srtt_us && conn(s)->srtt_us <= srtt_us + 2 * MS);
	CHECK(conn(s)->rto_us + 6 * MS >= rto_us && conn(s)->rto_us <= rto_us + 6 * MS);
}

static void
test_syn_echo(void)
{
	syn_echo(0, 50 * MS, 250 * MS);
	bed_down();
	bed_reset(bed.af);
	syn_echo(1000, 1050 * MS, 3150 * MS); /* the first's */
	bed_down();
	bed_reset(bed.af);
	syn_echo(1500, 0, 3 * SEC);
	bed_down();
	bed_reset(bed.af);
	syn_echo(1557000, 0, 3 * SEC);
	bed_down();
	bed_reset(bed.af);
	syn_echo(0x90000000, 0, 3 * SEC);
}

/* RFC 7323 5.5: after 24 days of silence what was heard last says nothing of what is old, and what is heard now
 * does. */
static void
idle_days(unsigned int days)
{
	struct sock *s;

	peer.ts = true;
	s = up(false);
	peer.tsval++;
	tx(ACK, 1, 1, 10);
	advance_us(SEC);
	rx_flush();
	for (unsigned int i = 0; i < days; i++)
		away(24 * 3600 * SEC);
	peer.tsval += days * 24 * 3600 * 1000;
	tx(ACK, 11, 1, 10);
	advance_us(SEC);
	CHECK_EQ(rx_flush(), 1);
	CHECK_EQ(s->c ? tern_recv_queued(s->c) : 0, 20);
	CHECK_EQ(conn(s)->ts_recent, peer.tsval);
	peer.tsval--; /* and this is old again */
	tx(ACK, 21, 1, 10);
	advance_us(SEC);
	CHECK_EQ(STAT(DROP_PAWS), 1);
	peer.tsval += 1000;
	tx(ACK, 21, 1, 10);
	CHECK_EQ(tern_recv_queued(s->c), 30);
}

static void
test_idle_days(void)
{
	static const unsigned int days[] = {1, 24, 25, 40, 49, 50, 51, 60, 74, 75, 99, 100, 1000};

	for (unsigned int i = 0; i < RTE_DIM(days); i++) {
		idle_days(days[i]);
		bed_down();
		bed_reset(bed.af);
	}
}

/* RFC 7323 4.3 (2): the segment that opens a connection may have overtaken the one before it. */
static void
test_handshake_reordered(void)
{
	struct sock *s;

	peer.ts = true;
	fx_half_open();
	peer.tsval += 5;
	tx(ACK, 11, 1, 10);
	s = sock_accept(&bed.n[0]);
	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	peer.tsval -= 2;
	tx(ACK, 1, 1, 10);
	CHECK_EQ(STAT(DROP_PAWS), 0);
	CHECK_EQ(tern_recv_queued(s->c), 20);
}

/* What would lie beyond the wheel's horizon is refused. */
static void
test_conf(void)
{
	struct tern_conf none, conf;

	tern_conf_init(&none, sizeof(none));
	conf = none;
	CHECK_EQ(conf_settle(&conf), 0);
	conf = none;
	conf.tcp.fin_timeout_ms = 86400000;
	CHECK_EQ(conf_settle(&conf), 0);
	conf = none;
	conf.tcp.fin_timeout_ms = 86400001;
	CHECK_EQ(conf_settle(&conf), -EINVAL);
	conf = none;
	conf.tcp.rto_max_ms = 3600001;
	CHECK_EQ(conf_settle(&conf), -EINVAL);
	conf = none;
	conf.tcp.synack_retries = 21;
	CHECK_EQ(conf_settle(&conf), -EINVAL);
}

int
main(int argc, char **argv)
{
	static CU_TestInfo tests[] = {
		{"Karn", test_karn},
		{"backoff ends", test_backoff_ends},
		{"late ACK", test_late_ack},
		{"R2 to the tick", test_r2_exact},
		{"R2 below the RTO", test_r2_short},
		{"R2 made shorter", test_r2_moved},
		{"R2 below the probe's interval", test_persist_short_r2},
		{"R2 below the probe's interval, over lost data", test_shut_short_r2},
		{"away", test_away},
		{"away: SYN", test_away_syn},
		{"away: SYN-ACK", test_away_request},
		{"away: keep-alive", test_away_keepalive},
		{"away: probes", test_away_persist},
		{"shut over lost data", test_shut_over_lost},
		{"shut over lost data, SACK", test_shut_over_lost_sack},
		{"a probe opens", test_probe_opens},
		{"window of a late segment", test_window_of_late_segment},
		{"FIN after a backoff", test_fin_after_backoff},
		{"echo of a lost SYN", test_syn_echo},
		{"idle for days", test_idle_days},
		{"handshake reordered", test_handshake_reordered},
		{"configuration", test_conf},
		CU_TEST_INFO_NULL,
	};

	return harness_main(argc, argv, "timers", tests);
}
