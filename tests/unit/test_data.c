/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Data transfer: RFC 9293 3.7.4 (Nagle), 3.8 (retransmission, delayed ACK), RFC 6298, RFC 5681, RFC 6582,
 * RFC 7323. Payload is compared byte by byte by the harness.
 */
#include "harness.h"

#define MSS (bed.af == 4 ? 1460u : 1440u)

static void
test_both_ways(void)
{
	struct sock *s = fx_established();

	CHECK_EQ(sock_send(s, 500), 500);
	run();
	expect(ACK | PSH, 1, 1, 500); /* PSH on the last segment of a send */
	tx(ACK, 1, 501, 300);
	CHECK_EQ(s->readable, 1);
	CHECK_EQ(tern_recv_queued(s->c), 300);
	CHECK_EQ(sock_recv(s, 100), 100);
	CHECK_EQ(sock_recv(s, 1000), 200);
	CHECK_EQ(tern_send_queued(s->c), 0);
	expect_at(ACK, 501, 301, 0, TICK_US, 500 * MS);
	expect_silence_for(10 * SEC);
}

static void
test_peek(void)
{
	struct sock *s = fx_established();
	uint8_t b[10];

	CHECK_EQ(tern_peek(s->c, b, 10), -EAGAIN);
	tx(ACK, 1, 1, 5);
	CHECK_EQ(tern_peek(s->c, b, 10), 5);
	CHECK_EQ(tern_peek(s->c, b, 10), 5);
	CHECK_EQ(b[4], pat(5));
	CHECK_EQ(sock_recv(s, 10), 5);
}

static void
test_mbufs(void)
{
	struct sock *s = fx_established();
	struct rte_mbuf *m = tern_mbuf_alloc(TW_(&bed.n[0]));
	uint8_t *p;

	CU_ASSERT_PTR_NOT_NULL_FATAL(m);
	p = (uint8_t *)rte_pktmbuf_append(m, 1000);
	CU_ASSERT_PTR_NOT_NULL_FATAL(p);
	for (unsigned int i = 0; i < 1000; i++)
		p[i] = pat(s->tx_pos + i);
	CHECK_EQ(tern_send_mbuf(s->c, m), 0);
	s->tx_pos += 1000;
	CHECK_EQ(sock_send(s, 100), 100); /* must not be appended to memory that's not ours to write */
	run();
	tx(ACK, 1, 1001, 700);
	CHECK(rx_flush() >= 1);
	CU_ASSERT_EQUAL_FATAL(tern_recv_mbufs(s->c, &m, 1), 1);
	CHECK_EQ(rte_pktmbuf_pkt_len(m), 700);
	CHECK_EQ(*rte_pktmbuf_mtod_offset(m, uint8_t *, 699), pat(700));
	rte_pktmbuf_free(m);
	CHECK_EQ(tern_recv_mbufs(s->c, &m, 1), -EAGAIN);
	tx(ACK, 701, 1101, 0);
	CHECK_EQ(tern_send_queued(s->c), 0);
}

static void
test_nagle(void)
{
	struct sock *s = fx_established();

	CHECK_EQ(sock_send(s, 10), 10);
	run();
	expect(ACK | PSH, 1, 1, 10);
	for (unsigned int i = 0; i < 10; i++) {
		CHECK_EQ(sock_send(s, 10), 10);
		run();
		expect_silence();
	}
	tx(ACK, 1, 11, 0);
	expect(ACK | PSH, 11, 1, 100);
	tx(ACK, 1, 111, 0);
	/* a full segment goes at once, its tail waits */
	CHECK_EQ(sock_send(s, 10), 10);
	run();
	expect(ACK | PSH, 111, 1, 10);
	CHECK_EQ(sock_send(s, MSS + 5), MSS + 5);
	run();
	expect(ACK, 121, 1, MSS);
	expect_silence();
	tx(ACK, 1, 121 + MSS, 0);
	expect(ACK | PSH, 121 + MSS, 1, 5);
}

static void
test_nodelay(void)
{
	struct sock *s = fx_established();

	CHECK_EQ(tern_setopt(s->c, TERN_OPT_NODELAY, 1), 0);
	for (unsigned int i = 0; i < 10; i++) {
		CHECK_EQ(sock_send(s, 10), 10);
		run();
		expect(ACK | PSH, 1 + 10 * i, 1, 10);
	}
}

/* An ACK by 500 ms (MUST-40) but not at once, and at the latest for every second full segment (SHLD-19). */
static void
test_delayed_ack(void)
{
	struct sock *s = fx_established();
	uint32_t pos = 1;

	tx(ACK, pos, 1, MSS);
	pos += MSS;
	expect_silence();
	expect_at(ACK, 1, pos, 0, TICK_US, 500 * MS);
	for (unsigned int i = 0; i < 10; i++) {
		tx(ACK, pos, 1, MSS);
		pos += MSS;
		expect_silence();
		tx(ACK, pos, 1, MSS);
		pos += MSS;
		expect(ACK, 1, pos, 0);
		sock_recv_all(s);
		run();
		rx_flush(); /* a window update, perhaps */
	}
	/* a burst of four in one poll: at least one ACK, at most two */
	bed.corked = true;
	for (unsigned int i = 0; i < 4; i++, pos += MSS)
		tx(ACK, pos, 1, MSS);
	uncork();
	CHECK(rx_peek() != NULL);
	CHECK(rx_flush() <= 2);
	/* it rides on data */
	tx(ACK, pos, 1, 10);
	CHECK_EQ(sock_send(s, 5), 5);
	run();
	expect(ACK, 1, pos + 10, 5);
	tx(ACK, pos + 10, 6, 0);
	expect_silence_for(SEC);
}

static void
test_quickack(void)
{
	struct sock *s = fx_established();

	CHECK_EQ(tern_setopt(s->c, TERN_OPT_QUICKACK, 1), 0);
	tx(ACK, 1, 1, 10);
	expect(ACK, 1, 11, 0);
	tx(ACK, 11, 1, 10);
	expect(ACK, 1, 21, 0);
}

/* RTO backs off by doubling up to its maximum (RFC 6298 5.5); a retransmission gives no RTT sample (Karn). */
static void
test_rto(void)
{
	struct sock *s = fx_established();
	struct tern_info inf;
	uint64_t rto;
	uint32_t srtt;

	CHECK_EQ(sock_send(s, 100), 100);
	run();
	expect(ACK, 1, 1, 100);
	advance_us(100 * MS);
	tx(ACK, 1, 101, 0);
	tern_conn_info(s->c, &inf, sizeof(inf));
	srtt = inf.srtt_us;
	CHECK(srtt > 0 && srtt <= 100 * MS + SLACK_US);
	rto = inf.rto_us;
	CHECK(rto >= 200 * MS);
	CHECK_EQ(sock_send(s, 100), 100);
	run();
	expect(ACK, 101, 1, 100);
	for (unsigned int i = 0; i < 6; i++) {
		expect_after(ACK, 101, 1, 100, rto);
		rto = RTE_MIN(2 * rto, 60 * SEC);
	}
	CHECK_EQ(STAT(TIMEOUTS), 6);
	CHECK_EQ(STAT(RETRANS_SEGS), 6);
	tx(ACK, 1, 201, 0);
	tern_conn_info(s->c, &inf, sizeof(inf));
	CHECK_EQ(inf.srtt_us, srtt);
	expect_silence_for(100 * SEC);
	/* the backoff stays until a new sample (RFC 6298 5.7 note, Karn) or is reset by the ACK; both end by the
	 * next */
	CHECK_EQ(sock_send(s, 100), 100);
	run();
	expect(ACK, 201, 1, 100);
	advance_us(50 * MS);
	tx(ACK, 1, 301, 0);
	CHECK_EQ(sock_send(s, 100), 100);
	run();
	expect(ACK, 301, 1, 100);
	tern_conn_info(s->c, &inf, sizeof(inf));
	CHECK(inf.rto_us < SEC);
	expect_after(ACK, 301, 1, 100, inf.rto_us);
}

/* RFC 6298 2: SRTT and RTTVAR by its formulas over given samples, minimum 200 ms. */
static void
test_rtt_formula(void)
{
	static const uint32_t sample_ms[] = {300, 500, 100, 400, 400, 50};
	double srtt = 0, var = 0;
	struct tern_info inf;
	struct sock *s;

	s = fx_syn_sent();
	for (unsigned int i = 0; i < RTE_DIM(sample_ms); i++) {
		const double r = sample_ms[i] * 1000.0;

		advance_us(sample_ms[i] * MS);
		if (i == 0) {
			tx(SYN | ACK, 0, 1, 0);
			srtt = r;
			var = r / 2;
		} else {
			tx(ACK, 1, 1 + 10 * i, 0);
			var = 0.75 * var + 0.25 * (srtt > r ? srtt - r : r - srtt);
			srtt = 0.875 * srtt + 0.125 * r;
		}
		rx_flush();
		tern_conn_info(s->c, &inf, sizeof(inf));
		CHECK(inf.srtt_us > srtt - 1000 && inf.srtt_us < srtt + 1000);
		CHECK(inf.rttvar_us > var - 1000 && inf.rttvar_us < var + 1000);
		CHECK(inf.rto_us > srtt + 4 * var - 5000 && inf.rto_us < srtt + 4 * var + 5000);
		CHECK_EQ(sock_send(s, 10), 10);
		run();
		expect(ACK, 1 + 10 * i, 1, 10);
	}
}

/* Nothing answers: R2 (MUST-20), the application hears -ETIMEDOUT. */
static void
test_user_timeout(void)
{
	struct sock *s = fx_established();
	uint64_t start;

	CHECK_EQ(tern_setopt(s->c, TERN_OPT_USER_TIMEOUT_MS, 20000), 0);
	start = bed.now_us;
	CHECK_EQ(sock_send(s, 100), 100);
	run();
	while (!s->closed && bed.now_us < start + 200 * SEC) {
		advance_us(SEC);
		rx_flush();
	}
	CHECK_EQ(s->closed, 1);
	CHECK_EQ(s->err, -ETIMEDOUT);
	CHECK(bed.now_us - start >= 20 * SEC && bed.now_us - start <= 40 * SEC);
	expect_silence_for(100 * SEC);
}

/* Ten segments in flight with the peer's ACKs opening the window first. */
static struct sock *
fx_flight(unsigned int n)
{
	struct sock *s;
	uint32_t pos = 1;

	peer.mss = 1000;
	s = fx_established();
	for (unsigned int i = 0; i < 10; i++) { /* slow start */
		CHECK_EQ(sock_send(s, 2000), 2000);
		run();
		CHECK_EQ(rx_flush(), 2);
		advance_us(10 * MS);
		pos += 2000;
		tx(ACK, 1, pos, 0);
	}
	CHECK_EQ(sock_send(s, 1000 * n), 1000 * n);
	run();
	for (unsigned int i = 0; i < n; i++)
		expect(ACK, pos + 1000 * i, 1, 1000);
	expect_silence();
	peer.tern_una = pos;
	peer.tern_nxt = pos + 1000 * n;
	return s;
}

static void
test_fast_retransmit(void)
{
	const struct frame *f;
	struct tern_info before, after;
	struct sock *s;
	uint32_t una;

	bed.conf.tcp.cc = TERN_CC_NEWRENO;
	s = fx_flight(10);
	una = peer.tern_una;
	tern_conn_info(s->c, &before, sizeof(before));
	tx(ACK, 1, una, 0);
	tx(ACK, 1, una, 0);
	expect_silence();
	tx(ACK, 1, una, 0);
	f = expect(ACK, una, 1, 1000);
	CHECK(f != NULL);
	CHECK_EQ(STAT(FAST_RETRANS), 1);
	for (unsigned int i = 0; i < 6; i++)
		tx(ACK, 1, una, 0);
	while ((f = rx())) /* further dup ACKs retransmit nothing */
		CHECK(seq_ge(f->seq - peer.irs, peer.tern_nxt));
	tx(ACK, 1, peer.tern_nxt, 0); /* the full ACK ends recovery */
	tern_conn_info(s->c, &after, sizeof(after));
	CHECK(after.ssthresh >= 2000 && after.ssthresh <= 5000 + 1000); /* half the flight (RFC 5681 eq. 4) */
	CHECK(after.cwnd <= after.ssthresh + 1000);
	CHECK_EQ(STAT(TIMEOUTS), 0);
	CHECK_EQ(STAT(RETRANS_SEGS), 1);
	expect_silence_for(100 * SEC);
}

/* RFC 6582: what was noted of a loss is no obstacle two gigabytes later. */
static void
test_recover_ages(void)
{
	struct sock *s = fx_flight(10);
	struct tern_conn *c = s->c;

	for (unsigned int i = 0; i < 4; i++)
		tx(ACK, 1, peer.tern_una, 0);
	CHECK_EQ(STAT(FAST_RETRANS), 1);
	for (unsigned int i = 0; i < 3; i++) { /* a gigabyte is acknowledged */
		const uint32_t to = 1u << 30;

		rx_flush();
		tx(ACK, 1, c->snd_max - peer.irs, 0);
		c->iss += to;
		c->snd_una += to;
		c->snd_nxt += to;
		c->snd_max += to;
		c->snd_sml += to;
		peer.irs += to;
		CHECK_EQ(sock_send(s, 1000), 1000);
		run();
	}
	rx_flush();
	tx(ACK, 1, c->snd_max - peer.irs, 0);
	CHECK_EQ(sock_send(s, 6000), 6000);
	run();
	CHECK(rx_flush() >= 2);
	for (unsigned int i = 0; i < 3; i++)
		tx(ACK, 1, c->snd_una - peer.irs, 0);
	CHECK_EQ(STAT(FAST_RETRANS), 2);
	rx_flush();
}

/* CUBIC, the default, keeps 0.7 of the window at a loss (RFC 9438 4.6), and recovery ends there. */
static void
test_cubic_decrease(void)
{
	struct tern_info before, after;
	struct sock *s = fx_flight(10);
	uint32_t i;

	tern_conn_info(s->c, &before, sizeof(before));
	CU_ASSERT_STRING_EQUAL(before.cc, "cubic");
	for (i = 0; i < 3; i++)
		tx(ACK, 1, peer.tern_una, 0);
	expect(ACK, peer.tern_una, 1, 1000);
	tern_conn_info(s->c, &after, sizeof(after));
	CHECK(after.ssthresh >= before.cwnd / 10 * 7 - 1000 && after.ssthresh <= before.cwnd / 10 * 7 + 1000);
	rx_flush();
	tx(ACK, 1, peer.tern_nxt, 0);
	tern_conn_info(s->c, &after, sizeof(after));
	CHECK(after.cwnd <= after.ssthresh + 1000);
	expect_silence_for(100 * SEC);
}

/* Segments with data, or that change the window, are no duplicate ACKs (RFC 5681 2). */
static void
test_not_dupacks(void)
{
	struct sock *s = fx_flight(10);
	const uint32_t una = peer.tern_una;

	for (unsigned int i = 0; i < 5; i++) {
		tx(ACK, 1 + 10 * i, una, 10);
		sock_recv_all(s);
	}
	for (unsigned int i = 0; i < 5; i++) {
		peer.wnd -= 100;
		tx(ACK, 51, una, 0);
	}
	CHECK_EQ(STAT(RETRANS_SEGS), 0);
	rx_flush();
}

/* NewReno: a partial ACK retransmits the next hole at once, without leaving recovery (RFC 6582 3.2 step 3). */
static void
test_partial_ack(void)
{
	const struct frame *f;
	uint32_t una;

	fx_flight(10);
	una = peer.tern_una;
	/* segments 0 and 4 are lost */
	for (unsigned int i = 0; i < 3; i++)
		tx(ACK, 1, una, 0);
	expect(ACK, una, 1, 1000);
	for (unsigned int i = 0; i < 5; i++)
		tx(ACK, 1, una, 0);
	rx_flush();
	tx(ACK, 1, una + 4000, 0);
	f = expect(ACK, una + 4000, 1, 1000);
	CHECK(f != NULL);
	rx_flush();
	tx(ACK, 1, peer.tern_nxt, 0);
	CHECK_EQ(STAT(RETRANS_SEGS), 2);
	CHECK_EQ(STAT(FAST_RETRANS) >= 1, true);
	CHECK_EQ(STAT(TIMEOUTS), 0);
	expect_silence_for(100 * SEC);
}

/* After an RTO: cwnd is one segment (RFC 5681 3.1), go-back by slow start, no needless fast retransmit. */
static void
test_after_rto(void)
{
	struct tern_info inf;
	struct sock *s;
	uint32_t una;

	bed.conf.tcp.cc = TERN_CC_NEWRENO;
	s = fx_flight(10);
	una = peer.tern_una;
	CHECK(advance_to_frame(5 * SEC));
	expect(ACK, una, 1, 1000);
	expect_silence();
	tern_conn_info(s->c, &inf, sizeof(inf));
	CHECK_EQ(inf.cwnd, 1000);
	CHECK(inf.ssthresh >= 2000 && inf.ssthresh <= 5000);
	tx(ACK, 1, una + 1000, 0); /* all were lost: two by slow start */
	expect(ACK, una + 1000, 1, 1000);
	expect(ACK, una + 2000, 1, 1000);
	expect_silence();
	tx(ACK, 1, peer.tern_nxt, 0); /* the rest arrived after all */
	expect_silence_for(100 * SEC);
	CHECK_EQ(tern_send_queued(s->c), 0);
}

/* Initial window of RFC 6928/5681: 10 segments at most, and more than one. */
static void
test_initial_window(void)
{
	struct sock *s;
	unsigned int n;

	peer.mss = 1000;
	s = fx_established();
	CHECK_EQ(sock_send(s, 60000), 60000);
	run();
	n = rx_flush();
	CHECK(n >= 2 && n <= 10);
	tx(ACK, 1, 1 + 1000 * n, 0); /* slow start: at most two per segment acknowledged */
	CHECK(rx_peek() != NULL);
	CHECK(rx_flush() <= 2 * n);
}

static uint8_t perms[120][5];

static void
permute(void)
{
	unsigned int n = 0;

	for (unsigned int x = 0; x < 3125; x++) {
		uint8_t d[5], used = 0;
		unsigned int v = x;

		for (unsigned int i = 0; i < 5; i++, v /= 5)
			used |= 1 << (d[i] = v % 5);
		if (used == 31)
			memcpy(perms[n++], d, 5);
	}
	CHECK_EQ(n, 120);
}

/* Every order of five segments, each of its own length. */
static void
test_permutations(void)
{
	static const uint32_t start[6] = {1, 101, 301, 401, 901, 1201};

	permute();
	for (unsigned int p = 0; p < 120; p++) {
		struct sock *s;
		unsigned int next = 0, have = 0;

		bed_down();
		bed_reset(bed.af);
		bed.drain_us = 100 * SEC;
		peer.sack = p & 1;
		s = fx_established();
		for (unsigned int i = 0; i < 5; i++) {
			const unsigned int k = perms[p][i];
			const bool hole = k != next;

			tx(ACK, start[k], 1, start[k + 1] - start[k]);
			have |= 1 << k;
			while (have >> next & 1)
				next++;
			if (hole) /* out of order: an ACK at once (RFC 5681 4.2) */
				expect(ACK, 1, start[next], 0);
			else
				rx_flush();
			CHECK_EQ(tern_recv_queued(s->c), start[next] - 1);
		}
		CHECK_EQ(sock_recv(s, 5000), 1200);
		advance_us(500 * MS);
		rx_flush();
		tx(ACK, 1201, 1, 10); /* and it goes on */
		CHECK_EQ(sock_recv_all(s), 10);
	}
}

/* Overlaps at random, all of the stream in the end. */
static void
test_overlaps(void)
{
	for (unsigned int round = 0; round < 50; round++) {
		struct sock *s;
		const uint32_t total = 20000;
		uint32_t acked = 1;

		bed_down();
		bed_reset(bed.af);
		bed.drain_us = 100 * SEC;
		peer.sack = round & 1;
		s = fx_established();
		for (unsigned int i = 0; i < 3000 && acked < 1 + total; i++) {
			const uint32_t q = RTE_MAX((int32_t)(acked + harness_rand() % 6000) - 1500, 1);
			const uint32_t n = harness_rand() % 1400 + 1;

			if (q > total)
				continue;
			tx(ACK, q, 1, RTE_MIN(n, 1 + total - q));
			while (rx_peek())
				acked = rx()->ack - peer.iss;
			advance_us(harness_rand() % (30 * MS));
			if (harness_rand() % 8 == 0)
				sock_recv(s, harness_rand() % 5000);
		}
		advance_us(SEC);
		while (rx_peek())
			acked = rx()->ack - peer.iss;
		sock_recv_all(s);
		CHECK_EQ(acked, 1 + total);
		CHECK_EQ(s->rx_pos, 1 + total);
	}
}

/* The out-of-order queue is bounded: a flood of crumbs does not eat the mbufs (CVE-2018-5390). */
static void
test_ofo_bounded(void)
{
	struct sock *s = fx_established();

	for (unsigned int i = 0; i < 3000; i++) {
		tx(ACK, 3 + 2 * i, 1, 1);
		rx_flush();
	}
	CHECK(bed.n[0].mbufs - rte_mempool_avail_count(bed.n[0].mp) < 2048);
	CHECK_EQ(tern_recv_queued(s->c), 0);
	tx(ACK, 1, 1, 1000);
	CHECK(sock_recv_all(s) >= 1000);
}

/* SACK blocks: the newest first, at most three beside timestamps (RFC 2018 4). */
static void
test_sack_blocks(void)
{
	const struct frame *f;

	peer.sack = peer.ts = true;
	fx_established();
	for (unsigned int i = 1; i <= 5; i++) {
		const uint32_t q = 1 + 200 * i;

		peer.tsval++;
		tx(ACK, q, 1, 100);
		f = expect(ACK, 1, 1, 0);
		CU_ASSERT_PTR_NOT_NULL_FATAL(f);
		CHECK_EQ(f->n_sack, RTE_MIN(i, 3u));
		CHECK_EQ(f->sack[0], peer.iss + q);
		CHECK_EQ(f->sack[1], peer.iss + q + 100);
	}
	/* the first hole filled: the block that grew is gone, ACK moves */
	tx(ACK, 1, 1, 200);
	f = expect(ACK, 1, 301, 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	CHECK(f->n_sack >= 1);
	for (unsigned int i = 0; i < f->n_sack; i++)
		CHECK(seq_ge(f->sack[2 * i], peer.iss + 301));
}

static void
test_writable(void)
{
	struct sock *s;
	unsigned int n;

	bed.conf.tcp.snd_buf = 4000;
	peer.mss = 1000;
	s = fx_established();
	CHECK_EQ(sock_send(s, 10000), 4000);
	CHECK_EQ(sock_send(s, 1), -EAGAIN);
	CHECK_EQ(tern_send_space(s->c), 0);
	run();
	CHECK_EQ(rx_flush(), 4);
	n = s->writable;
	tx(ACK, 1, 4001, 0);
	CHECK_EQ(s->writable, n + 1);
	CHECK_EQ(tern_send_space(s->c), 4000);
	CHECK_EQ(sock_send(s, 10000), 4000);
	run();
}

static void
test_setopt(void)
{
	struct sock *s = fx_established();
	const struct frame *f;

	CHECK_EQ(tern_setopt(s->c, TERN_OPT_TTL, 7), 0);
	CHECK_EQ(tern_setopt(s->c, TERN_OPT_TOS, 0x2b), 0); /* ECN's bits are not the application's: as Linux */
	CHECK_EQ(tern_setopt(s->c, TERN_OPT_TTL, 0), -EINVAL);
	CHECK_EQ(tern_setopt(s->c, TERN_OPT_TTL, 256), -EINVAL);
	CHECK_EQ(tern_setopt(s->c, TERN_OPT_TOS, 256), -EINVAL);
	CHECK_EQ(tern_setopt(s->c, (enum tern_opt)1000, 1), -ENOPROTOOPT);
	CHECK_EQ(sock_send(s, 10), 10);
	run();
	f = expect(ACK, 1, 1, 10);
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	CHECK_EQ(f->ttl, 7);
	CHECK_EQ(f->tos, 0x28);
}

int
main(int argc, char **argv)
{
	static CU_TestInfo tests[] = {
		{"both ways", test_both_ways},
		{"peek", test_peek},
		{"mbufs in and out", test_mbufs},
		{"Nagle", test_nagle},
		{"no delay", test_nodelay},
		{"delayed ACK", test_delayed_ack},
		{"quick ACK", test_quickack},
		{"RTO", test_rto},
		{"RTT formulas", test_rtt_formula},
		{"user timeout", test_user_timeout},
		{"fast retransmit", test_fast_retransmit},
		{"CUBIC decrease", test_cubic_decrease},
		{"no duplicate ACKs", test_not_dupacks},
		{"partial ACK", test_partial_ack},
		{"after an RTO", test_after_rto},
		{"recover ages", test_recover_ages},
		{"initial window", test_initial_window},
		{"reassembly, all orders of five", test_permutations},
		{"reassembly, overlaps", test_overlaps},
		{"reassembly is bounded", test_ofo_bounded},
		{"SACK blocks", test_sack_blocks},
		{"writable", test_writable},
		{"options", test_setopt},
		CU_TEST_INFO_NULL,
	};

	return harness_main(argc, argv, "data", tests);
}
