/* SPDX-License-Identifier: BSD-3-Clause */
/* Segments of one connection in one burst are merged before TCP sees them, and nobody can tell but by the counters. */
#include "harness.h"

#define PLAIN 1000u /* bytes of a segment here */

static struct sock *
established(bool ts, bool sack)
{
	peer.ts = ts;
	peer.sack = sack;
	return fx_established();
}

static void
test_merged(void)
{
	struct sock *s = established(true, true);
	uint64_t segs;
	uint32_t i;

	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	segs = STAT(IN_SEGS);
	bed.corked = true;
	for (i = 0; i < 8; i++)
		tx(ACK | (i == 7 ? PSH : 0), 1 + i * PLAIN, 1, PLAIN);
	uncork();
	CHECK_EQ(STAT(GRO), 7);
	CHECK_EQ(STAT(IN_SEGS) - segs, 8);
	CHECK_EQ(s->readable, 1);
	CHECK_EQ(s->c->rcv_mss, PLAIN);
	expect(ACK, 1, 1 + 8 * PLAIN, 0);
	CHECK_EQ(sock_recv_all(s), 8 * PLAIN);
	/* two small ones are still two: the second is acknowledged at once */
	bed.corked = true;
	tx(ACK, 1 + 8 * PLAIN, 1, 10);
	tx(ACK, 11 + 8 * PLAIN, 1, 10);
	uncork();
	CHECK_EQ(STAT(GRO), 8);
	expect(ACK, 1, 21 + 8 * PLAIN, 0);
	CHECK_EQ(sock_recv_all(s), 20);
}

/* Where a merge ends, and what becomes of what it knows. */
static void
test_runs(void)
{
	struct sock *s = established(false, false);

	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	bed.corked = true;
	tx(ACK, 1, 1, 0); /* a bare ACK is news of its own */
	tx(ACK, 1, 1, 600);
	tx(ACK, 601, 1, 1400);
	tx(ACK | PSH, 2001, 1, 1000);
	tx(ACK, 3001, 1, 1000);
	memset(peer.opt, 1, sizeof(peer.opt)); /* NOP */
	peer.optlen = 4;
	tx(ACK, 4001, 1, 1000);
	peer.optlen = 4;
	tx(ACK, 5001, 1, 1000);
	uncork();
	CHECK_EQ(STAT(GRO), 3);
	CHECK_EQ(s->c->rcv_mss, 1400);
	expect(ACK, 1, 6001, 0);
	CHECK_EQ(sock_recv_all(s), 6000);
}

/* What says more than "here is the next data" is seen by itself. */
static void
test_not_merged(void)
{
	static const struct {
		uint8_t first, second; /* flags */
		uint8_t tos, optlen;
		uint16_t len, wnd, urp;
		int32_t seq, ack; /* beside what it would be */
		uint32_t tsval, got;
	} t[] = {
		{ACK | PSH, ACK, 0, 0, PLAIN, 0, 0, 0, 0, 0, 2 * PLAIN},
		{ACK, ACK | FIN, 0, 0, PLAIN, 0, 0, 0, 0, 0, 2 * PLAIN},
		{ACK, ACK | URG, 0, 0, PLAIN, 0, 5, 0, 0, 0, 2 * PLAIN},
		{ACK | URG, ACK, 0, 0, PLAIN, 0, 0, 0, 0, 0, 2 * PLAIN},
		{ACK, ACK | ECE, 0, 0, PLAIN, 0, 0, 0, 0, 0, 2 * PLAIN},
		{ACK, ACK | CWR, 0, 0, PLAIN, 0, 0, 0, 0, 0, 2 * PLAIN},
		{ACK, ACK | SYN, 0, 0, PLAIN, 0, 0, 0, 0, 0, PLAIN},
		{ACK, 0, 0, 0, PLAIN, 0, 0, 0, 0, 0, PLAIN},
		{ACK, ACK, 3, 0, PLAIN, 0, 0, 0, 0, 0, 2 * PLAIN},
		{ACK, ACK, 0, 12, PLAIN, 0, 0, 0, 0, 0, 2 * PLAIN}, /* no timestamp */
		{ACK, ACK, 0, 0, 0, 0, 0, 0, 0, 0, PLAIN},
		{ACK, ACK, 0, 0, PLAIN, 1, 0, 0, 0, 0, 2 * PLAIN},
		{ACK, ACK, 0, 0, PLAIN, 0, 0, 1, 0, 0, PLAIN}, /* a hole */
		{ACK, ACK, 0, 0, PLAIN, 0, 0, -(int32_t)PLAIN, 0, 0, PLAIN},
		{ACK, ACK, 0, 0, PLAIN, 0, 0, -1, 0, 0, 2 * PLAIN - 1},
		{ACK, ACK, 0, 0, PLAIN, 0, 0, 0, -1, 0, 2 * PLAIN},
		{ACK, ACK, 0, 0, PLAIN, 0, 0, 0, 0, 1, 2 * PLAIN},
	};

	for (unsigned int i = 0; i < RTE_DIM(t); i++) {
		struct sock *s;
		unsigned int got;

		bed_down();
		bed_reset(bed.af);
		s = established(true, false);
		CU_ASSERT_PTR_NOT_NULL_FATAL(s);
		bed.corked = true;
		tx(t[i].first, 1, 1, PLAIN);
		peer.tos = t[i].tos;
		peer.wnd -= t[i].wnd;
		peer.urp = t[i].urp;
		peer.tsval += t[i].tsval;
		peer.optlen = t[i].optlen;
		memset(peer.opt, 1, sizeof(peer.opt)); /* NOP */
		tx(t[i].second, 1 + PLAIN + t[i].seq, 1 + t[i].ack, t[i].len);
		peer.optlen = 0;
		uncork();
		got = sock_recv_all(s);
		check_at(STAT(GRO) == 0 && got == t[i].got, __FILE__, __LINE__, "row %u: %u merged, %u bytes", i,
			 (unsigned int)STAT(GRO), got);
		rx_flush();
	}
}

/* Another connection's segment between two: neither is lost, neither merged. */
static void
test_between(void)
{
	struct peer a, b;
	struct sock *s = established(false, false), *o;

	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	a = peer;
	peer_new(40001);
	tx(SYN, 0, 0, 0);
	expect(SYN | ACK, 0, 1, 0);
	tx(ACK, 1, 1, 0);
	o = sock_accept(&bed.n[0]);
	CU_ASSERT_PTR_NOT_NULL_FATAL(o);
	b = peer;
	bed.corked = true;
	for (uint32_t i = 0; i < 4; i++) {
		peer = i & 1 ? b : a;
		tx(ACK, 1 + i / 2 * PLAIN, 1, PLAIN);
	}
	uncork();
	CHECK_EQ(STAT(GRO), 0);
	CHECK_EQ(sock_recv_all(s), 2 * PLAIN);
	CHECK_EQ(sock_recv_all(o), 2 * PLAIN);
	rx_flush();
	/* side by side they are */
	bed.corked = true;
	for (uint32_t i = 0; i < 4; i++) {
		peer = i / 2 ? b : a;
		tx(ACK, 1 + (2 + i % 2) * PLAIN, 1, PLAIN);
	}
	uncork();
	CHECK_EQ(STAT(GRO), 2);
	CHECK_EQ(sock_recv_all(s), 2 * PLAIN);
	CHECK_EQ(sock_recv_all(o), 2 * PLAIN);
	rx_flush();
	/* all but the ports would make it the next of the other connection */
	bed.corked = true;
	peer = a;
	tx(ACK, 1 + 4 * PLAIN, 1, PLAIN);
	tx(ACK, 1 + 5 * PLAIN, 1, PLAIN);
	peer.port = b.port;
	tx(ACK, 1 + 6 * PLAIN, 1, PLAIN);
	peer.port = a.port;
	uncork();
	CHECK_EQ(STAT(GRO), 3);
	CHECK_EQ(sock_recv_all(s), 2 * PLAIN);
	CHECK_EQ(sock_recv_all(o), 0);
	rx_flush();
}

/* Behind a hole, and beyond the window's end. */
static void
test_hole_and_window(void)
{
	struct sock *s;
	const struct frame *f;
	uint32_t room;

	bed.conf.tcp.rcv_buf = 4 * PLAIN;
	s = established(false, true);
	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	bed.corked = true;
	tx(ACK, 1 + PLAIN, 1, PLAIN);
	tx(ACK, 1 + 2 * PLAIN, 1, PLAIN);
	uncork();
	CHECK_EQ(STAT(GRO), 1);
	f = expect(ACK, 1, 1, 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	CHECK_EQ(f->n_sack, 1);
	CHECK_EQ(f->sack[0] - peer.iss, 1 + PLAIN);
	CHECK_EQ(f->sack[1] - peer.iss, 1 + 3 * PLAIN);
	CHECK_EQ(sock_recv_all(s), 0);
	tx(ACK, 1, 1, PLAIN);
	f = expect(ACK, 1, 1 + 3 * PLAIN, 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	room = f->wnd;
	CHECK(room > 0 && room < 2 * PLAIN);
	bed.corked = true;
	tx(ACK, 1 + 3 * PLAIN, 1, PLAIN);
	tx(ACK, 1 + 4 * PLAIN, 1, PLAIN);
	uncork();
	CHECK_EQ(STAT(GRO), 2);
	CHECK_EQ(sock_recv_all(s), 3 * PLAIN + room);
	rx_flush();
}

struct said {
	uint32_t ack, n_sack, sack[8];
};

/* One random stream. @return how many answers there were. */
static unsigned int
stream(uint64_t seed, bool off, struct said *said, unsigned int max, uint64_t *merged)
{
	unsigned int n = 0, i, k;
	uint32_t pos = 1, len, late_pos = 0, late_len = 0;
	const struct frame *f;
	struct sock *s;

#define DRAW(n) ((seed = seed * 6364136223846793005ull + 1442695040888963407ull) >> 33) % (n)
	bed_down();
	bed_reset(bed.af);
	bed.conf.tcp.gro = !off;
	s = established(true, true);
	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	for (i = 0; i < 40; i++) {
		bed.corked = true;
		for (k = DRAW(12); k; k--) {
			len = DRAW(3) ? 1400 : 1 + DRAW(1400);
			peer.tsval += DRAW(8) == 0;
			if (!late_len && DRAW(16) == 0)
				late_pos = pos, late_len = len; /* comes later */
			else
				tx(ACK | (DRAW(6) ? 0 : PSH), pos, 1, len);
			pos += len;
		}
		if (late_len && (i == 39 || pos - late_pos > 20000 || DRAW(2))) {
			tx(ACK, late_pos, 1, late_len);
			late_len = 0;
		}
		uncork();
		sock_recv_all(s);
		run();
		while ((f = rx()) && n < max) {
			said[n] = (struct said){.ack = f->ack - peer.iss, .n_sack = f->n_sack};
			for (k = 0; k < 2u * f->n_sack; k++)
				said[n].sack[k] = f->sack[k] - peer.iss;
			n++;
		}
		advance_us(DRAW(60 * MS));
	}
	CHECK_EQ(s->rx_pos, pos);
	*merged = STAT(GRO);
	rx_flush();
	return n;
#undef DRAW
}

/* With and without: the same data, the same ACKs with the same blocks. */
static void
test_same(void)
{
	static struct said with[400], without[400];
	const uint64_t seed = harness_rand();
	uint64_t merged, none, sum = 0;

	for (unsigned int i = 0; i < 50; i++) {
		const unsigned int n = stream(seed + i, false, with, RTE_DIM(with), &merged);

		CHECK_EQ(stream(seed + i, true, without, RTE_DIM(without), &none), n);
		CHECK(n > 10);
		CHECK_EQ(memcmp(with, without, n * sizeof(with[0])), 0);
		CHECK_EQ(none, 0);
		sum += merged;
	}
	CHECK(sum > 50 * 20);
}

int
main(int argc, char **argv)
{
	static CU_TestInfo tests[] = {
		{"merged", test_merged},
		{"runs", test_runs},
		{"not merged", test_not_merged},
		{"another between", test_between},
		{"hole and window", test_hole_and_window},
		{"the same without", test_same},
		CU_TEST_INFO_NULL,
	};

	return harness_main(argc, argv, "gro", tests);
}
