/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Loss recovery with SACK: scoreboard, RACK-TLP (RFC 8985), PRR (RFC 6937), undo (RFC 5682, 4015, 3708), and how the
 * window grows (RFC 9438, 9406). The peer takes segments of 1000 bytes, RTT later.
 */
#include <math.h>
#include "harness.h"
#include "tcp/loss.h"

#define MSS 1000u
#define RTT (100 * MS)

static struct tern_conn *
conn(const struct sock *s)
{
	return s->c;
}

/* Connected, the handshake took an RTT. @return the application's end. */
static struct sock *
up(bool ts)
{
	peer.mss = MSS + (ts ? 12 : 0);
	peer.sack = true;
	peer.ts = ts;
	peer.tsval = 1000;
	fx_listen();
	tx(SYN, 0, 0, 0);
	peer.tsecr = expect(SYN | ACK, 0, 1, 0)->tsval;
	advance_us(RTT);
	tx(ACK, 1, 1, 0);
	return sock_accept(&bed.n[0]);
}

/* The same, with n segments given to send, of which the initial window is on its way for an RTT by now. */
static struct sock *
flight(unsigned int n, bool ts)
{
	struct sock *s = up(ts);

	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	peer.wnd = 65535;
	CHECK_EQ(sock_send(s, n * MSS), n * MSS);
	run();
	for (unsigned int i = 0; i < RTE_MIN(n, 10u); i++)
		expect(ACK, 1 + i * MSS, 1, MSS);
	expect_silence();
	advance_us(RTT);
	expect_silence();
	return s;
}

/* The next segment of the peer carries these blocks: n pairs of segment numbers [from, to), and the timestamps if
 * agreed on. */
static void
sack(unsigned int n, ...)
{
	uint8_t *p = peer.opt;
	va_list ap;

	if (peer.ts) {
		const uint32_t be[3] = {htonl(0x0101080a), htonl(peer.tsval), htonl(peer.tsecr)};

		memcpy(p, be, 12);
		p += 12;
	}
	*p++ = 1;
	*p++ = 1;
	*p++ = 5;
	*p++ = 2 + 8 * n;
	va_start(ap, n);
	for (unsigned int i = 0; i < 2 * n; i++, p += 4) {
		const uint32_t be = htonl(peer.irs + 1 + va_arg(ap, unsigned int) * MSS);

		memcpy(p, &be, 4);
	}
	va_end(ap);
	peer.optlen = p - peer.opt;
}

/* Segments [0, n) have arrived, and what is SACKed. */
static void
ack(unsigned int n)
{
	tx(ACK, 1, 1 + n * MSS, 0);
}

/* Acknowledge what comes until all is. */
static void
finish(struct sock *s)
{
	for (unsigned int i = 0; tern_send_queued(s->c) && CHECK(i < 100); i++) {
		tx(ACK, 1, conn(s)->snd_max - peer.irs, 0);
		rx_flush();
	}
	expect_silence_for(100 * SEC);
}

/* RFC 6675 4, 5: three segments above the hole, and the hole goes out, nothing else; no timeout. */
static void
test_hole(void)
{
	struct sock *s = flight(10, false);

	sack(1, 1, 2);
	ack(0);
	expect_silence();
	sack(1, 1, 3);
	ack(0);
	expect_silence();
	sack(1, 1, 4);
	ack(0);
	expect(ACK, 1, 1, MSS);
	for (unsigned int i = 5; i <= 10; i++) { /* no second time */
		sack(1, 1, i);
		ack(0);
		expect_silence();
	}
	ack(10);
	CHECK(conn(s)->cwnd >= 7 * MSS && conn(s)->cwnd <= 8 * MSS); /* CUBIC's ssthresh */
	expect_silence_for(100 * SEC);
	CHECK_EQ(STAT(SACK_RECOVERY), 1);
	CHECK_EQ(STAT(RETRANS_SEGS), 1);
	CHECK_EQ(STAT(TIMEOUTS), 0);
	CHECK_EQ(tern_send_queued(s->c), 0);
}

/* The scoreboard is as long as there are holes: what arrived between two is one run, in whatever order it was
 * reported. */
static void
test_runs(void)
{
	static const unsigned int order[] = {1, 3, 2, 9, 8, 4, 7, 5, 6};
	struct sock *s = up(false);
	struct tern_conn *c = conn(s);

	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	peer.wnd = 65535;
	CHECK_EQ(sock_send(s, MSS), MSS);
	run();
	for (unsigned int i = 1; i < 40; i++) { /* each at a time of its own: no two share a run */
		c->cwnd = 100 * MSS;
		advance_us(MS);
		CHECK_EQ(sock_send(s, MSS), MSS);
		run();
	}
	CHECK_EQ(rx_flush(), 40);
	CHECK_EQ(c->loss->n_runs, 38); /* the first three are one: it began with the third */
	advance_us(RTT - 40 * MS);
	for (unsigned int i = 0; i < RTE_DIM(order); i++) {
		sack(1, order[i], order[i] + 1);
		ack(0);
	}
	CHECK_EQ(c->loss->n_runs, 32); /* the first, one of nine, thirty in flight */
	CHECK_EQ(c->loss->sacked, 9 * MSS);
	for (unsigned int i = 11; i < 40; i++) {
		sack(2, i, i + 1, 1, 10);
		ack(0);
	}
	CHECK_EQ(c->loss->n_runs, 4); /* 0, 1..9, 10, 11..39 */
	CHECK_EQ(c->loss->sacked, 38 * MSS);
	CHECK_EQ(rx_flush(), 2); /* the two */
	ack(10);
	CHECK_EQ(c->loss->sacked, 29 * MSS);
	ack(40);
	CHECK_EQ(c->loss->n_runs, 0);
	CHECK_EQ(c->loss->sacked, 0);
	finish(s);
}

/* 8985 6.2: what comes late, but within a quarter of the round trip, was not lost ... */
static void
test_late(void)
{
	struct sock *s = flight(10, false);

	sack(1, 1, 2);
	ack(0);
	advance_us(20 * MS);
	expect_silence();
	ack(2);
	expect_silence();
	ack(10);
	expect_silence_for(100 * SEC);
	CHECK_EQ(STAT(SACK_RECOVERY) + STAT(RETRANS_SEGS) + STAT(TIMEOUTS), 0);
	CHECK_EQ(STAT(SACK_REORDER), 1);
	CHECK_EQ(tern_send_queued(s->c), 0);
}

/* ... and what does not is, though nothing else arrives to say so. */
static void
test_rack_timer(void)
{
	struct sock *s = flight(10, false);

	sack(1, 1, 2);
	ack(0);
	expect_at(ACK, 1, 1, MSS, 21 * MS, 27 * MS);
	expect_silence_for(20 * MS); /* the others were not overtaken */
	finish(s);
	CHECK_EQ(STAT(SACK_RECOVERY), 1);
	CHECK_EQ(STAT(TIMEOUTS), 0);
}

/* 8985 7: the tail is lost. A probe after two round trips finds out, and RACK repairs, before the timeout. */
static void
test_tail(void)
{
	struct sock *s;

	s = up(false);
	peer.wnd = 65535;
	CHECK_EQ(sock_send(s, 3 * MSS), 3 * MSS);
	run();
	CHECK_EQ(rx_flush(), 3);
	expect_at(ACK, 1 + 2 * MSS, 1, MSS, 2 * RTT, 2 * RTT + 4 * MS);
	CHECK_EQ(STAT(LOSS_PROBES), 1);
	advance_us(RTT);
	expect_silence();
	sack(1, 2, 3);
	ack(0);
	expect(ACK, 1, 1, MSS);
	advance_us(RTT);
	rx_flush();
	ack(3);
	expect_silence_for(100 * SEC);
	CHECK_EQ(STAT(TIMEOUTS), 0);
	CHECK_EQ(STAT(SACK_RECOVERY), 1);
	CHECK_EQ(tern_send_queued(s->c), 0);
}

/* Three segments, of which the last is probed and acknowledged. */
static struct sock *
probed(void)
{
	struct sock *s = up(false);

	peer.wnd = 65535;
	CHECK_EQ(sock_send(s, 3 * MSS), 3 * MSS);
	run();
	CHECK_EQ(rx_flush(), 3);
	ack(2);
	CHECK(advance_to_frame(SEC));
	expect(ACK, 1 + 2 * MSS, 1, MSS);
	ack(3);
	CHECK_EQ(STAT(LOSS_PROBE_RECOVERY), 0); /* the original's ACK or the probe's */
	return s;
}

static void
one_more(struct sock *s)
{
	CHECK_EQ(sock_send(s, MSS), MSS);
	run();
	expect(ACK, 1 + 3 * MSS, 1, MSS);
	ack(4);
	CHECK_EQ(STAT(TIMEOUTS), 0);
	expect_silence_for(100 * SEC);
}

/* 7.4.2: the probe itself was the repair, as no duplicate is reported before later data is acknowledged: that loss
 * counts. */
static void
test_probe_repairs(void)
{
	struct sock *s = probed();
	const uint32_t cwnd = conn(s)->cwnd;

	one_more(s);
	CHECK_EQ(STAT(LOSS_PROBE_RECOVERY), 1);
	CHECK(conn(s)->cwnd < cwnd);
}

/* Nothing was lost, the ACK was late: a D-SACK for the probe says so, or its duplicate ACK, with nothing in flight. */
static void
test_probe_needless(void)
{
	struct sock *s = probed();
	const uint32_t cwnd = conn(s)->cwnd;

	sack(1, 2, 3);
	ack(3);
	CHECK_EQ(STAT(DSACK_RECV), 1);
	one_more(s);
	CHECK_EQ(STAT(LOSS_PROBE_RECOVERY), 0);
	CHECK(conn(s)->cwnd >= cwnd);
}

static void
test_probe_needless_dupack(void)
{
	struct sock *s = probed();
	const uint32_t cwnd = conn(s)->cwnd;

	ack(3);
	one_more(s);
	CHECK_EQ(STAT(LOSS_PROBE_RECOVERY), 0);
	CHECK(conn(s)->cwnd >= cwnd);
}

/* What was sent before an hour of silence is older than what is sent after it. */
static void
test_rack_idle(void)
{
	struct sock *s = flight(10, false);

	ack(10);
	for (unsigned int i = 1; i < 5; i++) { /* 37 to 70 minutes: the low half of the clock goes round */
		advance_us((26 + 11 * i) * 60 * SEC);
		CHECK_EQ(sock_send(s, 10 * MSS), 10 * MSS);
		run();
		CHECK_EQ(rx_flush(), 10);
		advance_us(RTT);
		for (unsigned int n = 1; n <= 10; n++) {
			ack(10 * i + n);
			expect_silence_for(5 * MS);
		}
	}
	CHECK_EQ(STAT(RETRANS_SEGS), 0);
	CHECK_EQ(STAT(SACK_RECOVERY), 0);
}

/* RFC 6675 5: blocks on an ACK that was overtaken by another count. */
static void
test_old_ack(void)
{
	struct sock *s = flight(10, false);

	ack(2);
	expect_silence();
	sack(1, 3, 6);
	ack(1);
	CHECK_EQ(conn(s)->loss->sacked, 3 * MSS);
	expect(ACK, 1 + 2 * MSS, 1, MSS);
	sack(1, 1, 2); /* acknowledged meanwhile: no error of theirs, nor a duplicate */
	ack(0);
	CHECK_EQ(STAT(SACK_DISCARD) + STAT(DSACK_RECV), 0);
	ack(10);
	expect_silence_for(100 * SEC);
	CHECK_EQ(STAT(TIMEOUTS), 0);
}

/* RFC 8985 6.2 step 1: the path became longer; after five minutes what it was is forgotten. */
static void
test_min_rtt(void)
{
	struct sock *s = flight(10, false);

	ack(10);
	for (unsigned int i = 1; i < 40; i++) {
		CHECK_EQ(sock_send(s, 10 * MSS), 10 * MSS);
		run();
		advance_us(i < 20 ? RTT : 3 * RTT);
		while (tern_send_queued(s->c) && CHECK(conn(s)->snd_max != conn(s)->snd_una)) {
			tx(ACK, 1, conn(s)->snd_max - peer.irs, 0);
			rx_flush();
		}
		CHECK(conn(s)->loss->min_rtt_us <= RTT || i > 25);
		advance_us(20 * SEC);
	}
	CHECK(conn(s)->loss->min_rtt_us > 2 * RTT);
}

/* A duplicate of something later does not undo what a loss cost. */
static void
test_later_dsack(void)
{
	struct sock *s = flight(10, false);
	uint32_t cwnd;

	sack(1, 1, 4);
	ack(0);
	expect(ACK, 1, 1, MSS);
	ack(10);
	cwnd = conn(s)->cwnd;
	CHECK_EQ(sock_send(s, MSS), MSS);
	run();
	expect(ACK, 1 + 10 * MSS, 1, MSS);
	sack(1, 10, 11);
	ack(11);
	CHECK_EQ(STAT(DSACK_RECV), 1);
	CHECK_EQ(STAT(DSACK_UNDO), 0);
	CHECK(conn(s)->cwnd <= cwnd + MSS);
}

/* The D-SACK comes when all is acknowledged already. */
static void
test_late_dsack(void)
{
	struct sock *s = flight(10, false);
	const uint32_t cwnd = conn(s)->cwnd;

	sack(1, 1, 4);
	ack(0);
	expect(ACK, 1, 1, MSS);
	ack(10);
	CHECK(conn(s)->cwnd < cwnd);
	sack(1, 0, 1);
	ack(10);
	CHECK_EQ(STAT(DSACK_UNDO), 1);
	CHECK(conn(s)->cwnd >= cwnd);
	expect_silence_for(100 * SEC);
}

/* A retransmission is lost as well: what was sent after it and arrives tells. */
static void
test_lost_again(void)
{
	struct sock *s = flight(30, false);
	uint32_t sent;

	sack(1, 1, 4);
	ack(0);
	expect(ACK, 1, 1, MSS);
	for (unsigned int i = 5; i <= 10; i++) { /* new data goes out as these leave */
		advance_us(MS);
		sack(1, 1, i);
		ack(0);
	}
	sent = conn(s)->snd_max - peer.irs;
	CHECK(sent > 1 + 10 * MSS);
	rx_flush();
	advance_us(RTT);
	sack(1, 1, (sent - 1) / MSS);
	ack(0);
	expect(ACK, 1, 1, MSS);
	CHECK_EQ(STAT(LOST_RETRANSMIT), 1);
	CHECK_EQ(STAT(TIMEOUTS), 0);
	finish(s);
}

/* RFC 2018 8: the peer throws away what it reported. A timeout sends it again. */
static void
test_reneging(void)
{
	struct sock *s = flight(10, false);
	unsigned int n = 0;

	sack(1, 1, 10);
	ack(0);
	expect(ACK, 1, 1, MSS);
	ack(1);
	expect_silence();
	CHECK(advance_to_frame(10 * SEC));
	CHECK_EQ(STAT(SACK_RENEGING), 1);
	expect(ACK, 1 + MSS, 1, MSS);
	for (unsigned int i = 2; i <= 10; i++) {
		ack(i);
		n += rx_flush();
	}
	CHECK(n >= 8);
	CHECK_EQ(tern_send_queued(s->c), 0);
	expect_silence_for(100 * SEC);
}

/* Until the timeout that probes come before. */
static void
time_out(void)
{
	for (unsigned int i = 0; !STAT(TIMEOUTS) && CHECK(i < 10); i++) {
		rx_flush();
		CHECK(advance_to_frame(10 * SEC));
	}
}

/* A timeout was spurious: by timestamps (RFC 4015), or as what was never sent again is acknowledged (F-RTO, RFC
 * 5682). */
static void
spurious(bool ts)
{
	struct sock *s = flight(30, ts);
	const uint32_t cwnd = conn(s)->cwnd, ssthresh = conn(s)->ssthresh, old = peer.tsecr;

	time_out();
	CHECK(conn(s)->cwnd < cwnd);
	CHECK(conn(s)->ssthresh < ssthresh);
	rx_flush();
	if (ts)
		peer.tsecr = old; /* of the first flight */
	ack(ts ? 1 : 2);
	CHECK_EQ(STAT(SPURIOUS_RTOS), 1);
	CHECK(conn(s)->cwnd >= cwnd);
	CHECK_EQ(conn(s)->ssthresh, ssthresh);
	for (const struct frame *f; (f = rx());) /* new data only */
		CHECK(f->seq - peer.irs >= 1 + 10 * MSS);
	finish(s);
}

static void
test_eifel(void)
{
	spurious(true);
}

static void
test_frto(void)
{
	spurious(false);
}

/* A timeout that was right stays: the window is small, the rest follows. */
static void
test_true_rto(void)
{
	struct sock *s = flight(10, false);
	const uint32_t cwnd = conn(s)->cwnd;

	time_out();
	rx_flush();
	ack(1);
	CHECK(conn(s)->cwnd < cwnd);
	CHECK_EQ(conn(s)->ssthresh, 7 * MSS);
	expect(ACK, 1 + MSS, 1, MSS);
	CHECK_EQ(STAT(SPURIOUS_RTOS), 0);
	finish(s);
}

/* Every retransmission was reported as a duplicate (RFC 3708): nothing was lost, the window comes back. */
static void
test_dsack_undo(void)
{
	struct sock *s = flight(10, false);
	const uint32_t cwnd = conn(s)->cwnd, ssthresh = conn(s)->ssthresh;

	sack(1, 1, 4);
	ack(0);
	expect(ACK, 1, 1, MSS);
	CHECK(conn(s)->ssthresh < cwnd);
	sack(1, 0, 1);
	ack(10);
	CHECK_EQ(STAT(DSACK_RECV), 1);
	CHECK_EQ(STAT(DSACK_UNDO), 1);
	CHECK(conn(s)->cwnd >= cwnd);
	CHECK_EQ(conn(s)->ssthresh, ssthresh);
	CHECK_EQ(tern_send_queued(s->c), 0);
	expect_silence_for(100 * SEC);
}

/* RFC 6937: half a segment out for each that has arrived, and at the end the window is ssthresh. */
static void
test_prr(void)
{
	unsigned int out = 0;
	struct sock *s;

	bed.conf.tcp.cc = TERN_CC_NEWRENO;
	s = flight(60, false);
	for (unsigned int i = 4; i <= 10; i++) {
		sack(1, 1, i);
		ack(0);
		out += rx_flush();
		CHECK(out >= 1 && out <= (i - 1) / 2 + 1);
	}
	CHECK(out >= 4);
	CHECK_EQ(conn(s)->ssthresh, 5 * MSS);
	ack(10);
	CHECK_EQ(STAT(SACK_RECOVERY), 1);
	CHECK(conn(s)->cwnd >= 5 * MSS && conn(s)->cwnd <= 6 * MSS);
	CHECK_EQ(STAT(TIMEOUTS), 0);
	rx_flush();
	finish(s);
}

/* No entry of the scoreboard is left: counted, and all arrives all the same. */
static void
test_no_runs(void)
{
	struct sock *s = up(false);
	const struct pool runs = W->runs;
	unsigned int i;

	W->runs = (struct pool){0};
	peer.wnd = 65535;
	CHECK_EQ(sock_send(s, 10 * MSS), 10 * MSS);
	run();
	CHECK_EQ(rx_flush(), 10);
	CHECK(STAT(SACK_NO_RUN) > 0);
	advance_us(RTT);
	sack(1, 1, 4);
	ack(0);
	for (i = 0; i < 20 && tern_send_queued(s->c); i++) { /* each hole by itself: a timeout each at worst */
		rx_flush();
		CHECK(advance_to_frame(100 * SEC));
		ack(RTE_MIN(i + 1, 10u));
	}
	CHECK_EQ(tern_send_queued(s->c), 0);
	W->runs = runs;
	rx_flush();
	expect_silence_for(100 * SEC);
}

/* Everything that is out is acknowledged segment by segment, gap_us after it was sent. */
static void
round_trip(struct sock *s, uint64_t rtt_us)
{
	const uint32_t end = conn(s)->snd_max - peer.irs;

	advance_us(rtt_us);
	for (uint32_t una = conn(s)->snd_una - peer.irs + MSS; una <= end; una += MSS) {
		if (tern_send_queued(s->c) < 100 * MSS)
			sock_send(s, 100 * MSS);
		tx(ACK, 1, una, 0);
	}
	rx_flush();
}

/* RFC 9438 4.2, 4.3: after a loss the window follows the cubic function, or Reno's estimate where that is larger. */
static void
test_cubic(void)
{
	double w_max, k, t, want, est;
	struct sock *s;
	uint64_t epoch;

	s = flight(100, false);
	CHECK_EQ(tern_setopt(s->c, TERN_OPT_SNDBUF, 1 << 20), 0);
	for (unsigned int i = 0; i < 2; i++)
		round_trip(s, RTT);
	w_max = conn(s)->cwnd / (double)MSS;
	CHECK(w_max > 30);
	advance_us(RTT);
	{
		const unsigned int una = (conn(s)->snd_una - peer.irs - 1) / MSS,
				   end = (conn(s)->snd_max - peer.irs - 1) / MSS;

		sack(1, una + 1, end);
		ack(una);
		rx_flush();
		CHECK_EQ(conn(s)->ssthresh, (uint32_t)(w_max * MSS * 7 / 10));
		ack(end);
		rx_flush();
	}
	CHECK(!(conn(s)->flags & C_RECOVERY));
	round_trip(s, RTT);
	epoch = bed.now_us;
	est = conn(s)->cwnd / (double)MSS;
	k = cbrt((w_max - est) / 0.4);
	for (unsigned int i = 0; i < 80; i++) {
		round_trip(s, RTT);
		t = (bed.now_us - epoch) / 1e6;
		want = 0.4 * pow(t + 0.1 - k, 3) + w_max; /* 4.2: for an RTT ahead */
		est += est < w_max ? 9.0 / 17 : 1;
		want = RTE_MIN(RTE_MAX(want, est), 64.0); /* the peer's window ends the growth */
		if (!CHECK(fabs(conn(s)->cwnd / (double)MSS - want) < 3))
			printf("t %.1f cwnd %u want %.1f\n", t, conn(s)->cwnd, want);
	}
	finish(s);
}

/* RFC 9406 4.2: the round trip grows, slow start slows down, and ends after five such rounds. */
static void
test_hystart(void)
{
	struct sock *s = flight(100, false);
	uint32_t before;

	CHECK_EQ(tern_setopt(s->c, TERN_OPT_SNDBUF, 1 << 20), 0);
	round_trip(s, 0);
	CHECK_EQ(conn(s)->cwnd, 20 * MSS); /* doubled */
	round_trip(s, RTT + 30 * MS);
	before = conn(s)->cwnd;
	CHECK(before > 20 * MSS && before < 40 * MSS); /* from the eighth sample on a quarter */
	round_trip(s, RTT + 30 * MS);
	CHECK(conn(s)->cwnd <= before + before / 4 + MSS);
	CHECK_EQ(conn(s)->ssthresh, UINT32_MAX);
	for (unsigned int i = 0; i < 5; i++)
		round_trip(s, RTT + 30 * MS);
	CHECK(conn(s)->ssthresh < UINT32_MAX);
	finish(s);
}

/* 9406 4.2: had the round trip only wavered, slow start goes on. */
static void
test_hystart_resumes(void)
{
	struct sock *s = flight(100, false);
	uint32_t before;

	CHECK_EQ(tern_setopt(s->c, TERN_OPT_SNDBUF, 1 << 20), 0);
	round_trip(s, 0);
	round_trip(s, RTT + 30 * MS);
	round_trip(s, RTT);
	before = conn(s)->cwnd;
	round_trip(s, RTT);
	CHECK(conn(s)->cwnd >= RTE_MIN(before * 3 / 2, 60 * MSS));
	CHECK_EQ(conn(s)->ssthresh, UINT32_MAX);
	finish(s);
}

/* RFC 7661: a window that is not used does not grow. */
static void
test_not_limited(void)
{
	struct sock *s = up(false);

	peer.wnd = 65535;
	for (unsigned int i = 0; i < 50; i++) {
		CHECK_EQ(sock_send(s, 3 * MSS), 3 * MSS);
		run();
		CHECK_EQ(rx_flush(), 3);
		advance_us(10 * MS);
		ack(3 * i + 3);
	}
	CHECK_EQ(conn(s)->cwnd, 10 * MSS);
	expect_silence_for(100 * SEC);
}

int
main(int argc, char **argv)
{
	static CU_TestInfo tests[] = {
		{"hole", test_hole},
		{"runs", test_runs},
		{"late", test_late},
		{"RACK timer", test_rack_timer},
		{"tail", test_tail},
		{"probe repairs", test_probe_repairs},
		{"probe needless", test_probe_needless},
		{"probe needless: duplicate ACK", test_probe_needless_dupack},
		{"RACK after an hour", test_rack_idle},
		{"old ACK", test_old_ack},
		{"least round trip", test_min_rtt},
		{"later D-SACK", test_later_dsack},
		{"late D-SACK", test_late_dsack},
		{"lost again", test_lost_again},
		{"reneging", test_reneging},
		{"Eifel", test_eifel},
		{"F-RTO", test_frto},
		{"true RTO", test_true_rto},
		{"D-SACK undo", test_dsack_undo},
		{"PRR", test_prr},
		{"no runs", test_no_runs},
		{"CUBIC", test_cubic},
		{"HyStart++", test_hystart},
		{"HyStart++ resumes", test_hystart_resumes},
		{"not limited", test_not_limited},
		CU_TEST_INFO_NULL,
	};

	return harness_main(argc, argv, "recovery", tests);
}
