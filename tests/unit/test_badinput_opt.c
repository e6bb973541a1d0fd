/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bad inputs in TCP's options, urgent pointer and flags: rows B09..B17.
 */
#include "badinput.h"

/* The next segment's options. */
static void
opts(const void *o, unsigned int n)
{
	memset(peer.opt, 0, sizeof(peer.opt));
	memcpy(peer.opt, o, n);
	peer.optlen = n;
}

/* A SYN with these options, answered, and the handshake. @return the connection. */
static struct sock *
syn_with(const void *o, unsigned int n)
{
	static uint16_t port = 42000;

	if (!bed.n[0].l[0])
		fx_listen();
	peer_new(port++);
	opts(o, n);
	tx(SYN, 0, 0, 0);
	expect(SYN | ACK, 0, 1, 0);
	tx(ACK, 1, 1, 0);
	expect_silence();
	return sock_accept(&bed.n[0]);
}

static void
test_b09(void)
{
	static const uint8_t kinds[] = {2, 3, 4, 5, 8, 30, 253};
	struct sock *s;

	for (unsigned int i = 0; i < RTE_DIM(kinds); i++)
		for (unsigned int len = 0; len < 2; len++) {
			const uint8_t o[8] = {kinds[i], len, 5, 180, 4, 2, 1, 1};

			s = syn_with(o, 8);
			CU_ASSERT_PTR_NOT_NULL_FATAL(s);
			CHECK_EQ(info(s).mss, bed.af == 4 ? 536 : 1220); /* nothing behind it counts either */
			opts(o, 8);
			tx(ACK | PSH, 1, 1, 3);
			CHECK_EQ(sock_recv_all(s), 3);
			sock_abort(s);
			rx_flush();
		}
	fresh();
}

static void
test_b10(void)
{
	static const uint8_t kinds[] = {2, 3, 4, 5, 8, 19, 29, 30, 34, 69, 253, 254, 255};
	struct sock *s;

	for (unsigned int i = 0; i < RTE_DIM(kinds); i++) {
		uint8_t o[4] = {1, 1, 1, kinds[i]}; /* the kind in the last byte */

		s = syn_with(o, 4);
		CU_ASSERT_PTR_NOT_NULL_FATAL(s);
		sock_abort(s);
		rx_flush();
		for (unsigned int over = 5; over < 256; over += 50) {
			const uint8_t p[4] = {kinds[i], over, 0xff, 0xff};

			s = syn_with(p, 4);
			CU_ASSERT_PTR_NOT_NULL_FATAL(s);
			CHECK_EQ(info(s).mss, bed.af == 4 ? 536 : 1220);
			sock_abort(s);
			rx_flush();
		}
	}
	fresh();
}

static void
test_b11(void)
{
	static const struct {
		uint8_t o[8];
		uint16_t mss4;
	} t[] = {
		{{2, 3, 5, 1}, 536},  {{2, 5, 5, 180, 1, 1, 1, 1}, 536}, {{2, 4, 0, 0}, 64},	{{2, 4, 0, 1}, 64},
		{{2, 4, 0, 7}, 64},   {{2, 4, 0, 48}, 64},		  {{2, 4, 255, 255}, 1460},
	};
	struct sock *s;
	const struct frame *f;

	for (unsigned int i = 0; i < RTE_DIM(t); i++) {
		s = syn_with(t[i].o, 8);
		CU_ASSERT_PTR_NOT_NULL_FATAL(s);
		if (bed.af == 4)
			CHECK(info(s).mss >= 64);
		CHECK(info(s).mss >= 64 && info(s).mss <= FULL);
		if (i >= 2 && i < 6)
			CHECK(info(s).mss < 600); /* taken for what it is, or clamped */
		CHECK_EQ(sock_send(s, 2000), 2000);
		run();
		f = rx();
		CU_ASSERT_PTR_NOT_NULL_FATAL(f);
		CHECK(f->len >= 64);
		sock_abort(s);
		rx_flush();
	}
	s = syn_with((const uint8_t[8]){2, 4, 2, 0, 2, 4, 4, 0}, 8); /* two: either, no third */
	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	CHECK(info(s).mss == 512 || info(s).mss == 1024);
	opts((const uint8_t[4]){2, 4, 0, 100}, 4);
	tx(ACK | PSH, 1, 1, 3); /* on no SYN */
	CHECK(info(s).mss == 512 || info(s).mss == 1024);
	fresh();
}

static unsigned int
scaled(struct sock *s)
{
	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	peer.wnd = 1;
	tx(ACK | PSH, 1, 1, 1);
	rx_flush();
	return info(s).snd_wnd;
}

static void
gone(struct sock *s)
{
	sock_abort(s);
	rx_flush();
}

static void
test_b12(void)
{
	struct sock *s;

	s = syn_with((const uint8_t[8]){2, 4, 5, 180, 3, 3, 15, 0}, 8);
	CHECK_EQ(scaled(s), 1 << 14); /* RFC 7323 2.3 */
	gone(s);
	s = syn_with((const uint8_t[8]){2, 4, 5, 180, 3, 3, 255, 0}, 8);
	CHECK_EQ(scaled(s), 1 << 14);
	gone(s);
	s = syn_with((const uint8_t[8]){2, 4, 5, 180, 3, 2, 7, 0}, 8);
	CHECK_EQ(scaled(s), 1);
	gone(s);
	s = syn_with((const uint8_t[8]){2, 4, 5, 180, 3, 4, 7, 7}, 8);
	CHECK_EQ(scaled(s), 1);
	opts((const uint8_t[4]){3, 3, 7, 0}, 4);
	tx(ACK | PSH, 2, 1, 1); /* on no SYN */
	CHECK_EQ(info(s).snd_wnd, 1);
	bed_down();
	bed_reset(bed.af);
	bed.conf.tcp.wscale = false;
	s = fx_syn_sent();
	opts((const uint8_t[8]){2, 4, 5, 180, 3, 3, 7, 0}, 8); /* not offered */
	tx(SYN | ACK, 0, 1, 0);
	expect(ACK, 1, 1, 0);
	CHECK_EQ(scaled(s), 1);
	rx_flush();
	fresh();
}

/* Whether out-of-order data is reported. */
static bool
reports_sack(void)
{
	const struct frame *f;

	tx(ACK | PSH, 1001, 1, 10);
	f = rx();
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	return f->n_sack > 0;
}

static void
test_b13(void)
{
	static const uint8_t lens[] = {2, 3, 9, 11, 33, 35, 36};
	struct sock *s;
	uint64_t rexmit;

	s = syn_with((const uint8_t[8]){2, 4, 5, 180, 4, 3, 0, 1}, 8);
	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	CHECK(!reports_sack());
	sock_abort(s);
	rx_flush();
	s = syn_with((const uint8_t[4]){2, 4, 5, 180}, 4);
	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	opts((const uint8_t[4]){4, 2, 1, 1}, 4); /* permitted on no SYN */
	tx(ACK, 1, 1, 0);
	CHECK(!reports_sack());
	sock_abort(s);
	rx_flush();
	s = syn_with((const uint8_t[8]){2, 4, 5, 180, 4, 2, 1, 1}, 8);
	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	CHECK(reports_sack());
	CHECK_EQ(sock_send(s, 4 * FULL), 4 * FULL);
	run();
	rx_flush();
	rexmit = STAT(RETRANS_SEGS);
	for (unsigned int i = 0; i < RTE_DIM(lens); i++) {
		uint8_t o[40] = {5, lens[i]};

		for (unsigned int k = 2; k + 8 <= 40; k += 8) {
			put16(o + k, (peer.irs + 1 + FULL) >> 16);
			put16(o + k + 2, peer.irs + 1 + FULL);
			put16(o + k + 4, (peer.irs + 1 + 2 * FULL) >> 16);
			put16(o + k + 6, peer.irs + 1 + 2 * FULL);
		}
		opts(o, RTE_MIN((lens[i] + 3u) & ~3u, 40u));
		tx(ACK, 1, 1, 0);
		if (i == 1) /* three duplicate ACKs may retransmit, a malformed option no more */
			CHECK_EQ(STAT(RETRANS_SEGS), rexmit);
	}
	rx_flush();
	CHECK_EQ(sock_state(s), TERN_ESTABLISHED);
	tx(ACK, 1, 1 + 4 * FULL, 0);
	CHECK_EQ(tern_send_queued(s->c), 0);
	fresh();
}

static void
test_b14(void)
{
	static const uint8_t short_ts[12] = {2, 4, 5, 180, 8, 9, 0, 0, 0, 1, 0, 0};
	static const uint8_t long_ts[16] = {2, 4, 5, 180, 8, 11, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1};
	static const uint8_t twice[24] = {8, 10, 0, 0, 0, 9, 0, 0, 0, 0, 8, 10, 0, 0, 0, 5, 0, 0, 0, 0, 2, 4, 5, 180};
	const struct frame *f;
	struct sock *s;
	uint64_t before;

	for (unsigned int i = 0; i < 3; i++) {
		if (i == 0)
			fx_listen();
		peer_new(43000 + i);
		opts(i == 0 ? short_ts : i == 1 ? long_ts : twice, i == 0 ? 12 : i == 1 ? 16 : 24);
		tx(SYN, 0, 0, 0);
		f = rx();
		CU_ASSERT_PTR_NOT_NULL_FATAL(f);
		CHECK_EQ(f->flags, SYN | ACK);
		CHECK_EQ(f->has_ts, i == 2);
		tx(RST, 1, 0, 0);
	}
	bed_down();
	bed_reset(bed.af);
	bed.conf.tcp.timestamps = false;
	s = fx_syn_sent();
	peer.ts = true; /* not offered: ignored */
	tx(SYN | ACK, 0, 1, 0);
	f = rx();
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	CHECK_EQ(f->flags, ACK);
	CHECK(!f->has_ts);
	CHECK_EQ(sock_state(s), TERN_ESTABLISHED);
	bed_down();
	bed_reset(bed.af);
	peer.ts = true;
	s = fx_established();
	peer.tsecr = 0x12345678; /* never sent: no round-trip time of 50 days */
	CHECK_EQ(sock_send(s, 10), 10);
	run();
	rx();
	peer.tsecr = 0x12345678;
	peer.tsval++;
	tx(ACK, 1, 11, 0);
	CHECK(info(s).rto_us <= 60 * SEC);
	peer.ts = false; /* missing: taken, docs/security.md */
	before = STAT(DROP_PAWS);
	tx(ACK | PSH, 1, 11, 10);
	CHECK_EQ(sock_recv(s, 10), 10);
	CHECK_EQ(STAT(DROP_PAWS), before);
	rx_flush();
	fresh();
}

static void
test_b15(void)
{
	static const struct {
		uint8_t n, b[40];
	} t[] = {
		{4, {29, 0}},  {4, {29, 1}},  {4, {29, 2, 1, 1}}, {4, {29, 3, 1, 1}},
		{20, {19, 17}}, {20, {19, 18}}, {20, {19, 19}},
		{40, {34, 40}}, {40, {69, 40}}, {40, {253, 40}}, {40, {254, 40}},
		{40, {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
		      1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}},
		{40, {0, 255, 255, 2, 4, 0, 1, 8, 10, 5, 0}}, /* EOL, then garbage */
	};
	struct sock *s;

	for (unsigned int i = 0; i < RTE_DIM(t); i++) {
		s = syn_with(t[i].b, t[i].n);
		CU_ASSERT_PTR_NOT_NULL_FATAL(s);
		CHECK_EQ(info(s).mss, bed.af == 4 ? 536 : 1220);
		opts(t[i].b, t[i].n);
		tx(ACK | PSH, 1, 1, 8);
		CHECK_EQ(sock_recv_all(s), 8);
		sock_abort(s);
		rx_flush();
	}
	fresh();
}

static void
test_b16(void)
{
	static const uint16_t urps[] = {0, 1, 9, 10, 11, 5000, 65535};
	struct sock *s = fx_established();
	uint32_t q = 1;

	for (unsigned int i = 0; i < RTE_DIM(urps); i++) {
		peer.urp = urps[i];
		tx(ACK | URG, q, 1, 10);
		tx(ACK | URG, q + 10, 1, 0); /* without data */
		tx(ACK, q + 10, 1, 10);	     /* pointer without flag */
		q += 20;
	}
	CHECK_EQ(sock_recv_all(s), q - 1); /* byte for byte: pat() */
	CHECK_EQ(sock_state(s), TERN_ESTABLISHED);
	tx(FIN | ACK | URG, q, 1, 5);
	CHECK_EQ(sock_recv_all(s), 5);
	CHECK_EQ(sock_state(s), TERN_CLOSE_WAIT);
	bed_down();
	bed_reset(bed.af);
	peer.urp = 65535;
	s = fx_syn_sent();
	tx(SYN | ACK | URG, 0, 1, 0);
	expect(ACK, 1, 1, 0);
	peer.urp = 0;
	tx(ACK | PSH, 1, 1, 10);
	CHECK_EQ(sock_recv_all(s), 10);
	bed_down();
	bed_reset(bed.af);
	fx_listen();
	peer.urp = 4711;
	tx(SYN | URG, 0, 0, 0);
	expect(SYN | ACK, 0, 1, 0);
	tx(ACK | URG, 1, 1, 20);
	s = sock_accept(&bed.n[0]);
	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	CHECK_EQ(sock_recv_all(s), 20);
	tx(RST, 21, 0, 0); /* and again, the pointer forgotten */
	rx_flush();
	s = fx_established();
	CHECK_EQ(tern_urgent_left(s->c), 0);
	tx(ACK | PSH, 1, 1, 20);
	CHECK_EQ(sock_recv_all(s), 20);
	fresh();
}

static void
test_b17(void)
{
	struct sock *(*const enter[])(void) = {fx_established, fx_close_wait, fx_fin_wait_1, fx_fin_wait_2, fx_syn_sent,
					       fx_connected};
	uint8_t p[1600];
	uint16_t n;

	for (unsigned int st = 0; st < RTE_DIM(enter); st++)
		for (unsigned int f = 0; f < 256; f += 1 + (f % 8 == 7 ? 8 : 0)) {
			bed_down();
			bed_reset(bed.af);
			enter[st]();
			n = peer_build(p, f, peer.nxt, peer.tern_nxt, 3);
			p[L4 + 12] |= 0x0f; /* reserved bits, too */
			fix_tcp(p, L4, n - L4);
			tx_raw(p, n);
			rx_flush();
			CHECK(W->table.count <= 1);
			if (!(f & (SYN | RST | ACK)) && st != 4) { /* null, XMAS ...: no ACK, nothing happens */
				CHECK(drops() > 0);
				CHECK_EQ(W->table.count, 1);
			}
		}
	for (unsigned int f = 0; f < 256; f++) { /* LISTEN: only a SYN makes anything */
		const bool syn = (f & (SYN | RST | ACK)) == SYN;

		bed_down();
		bed_reset(bed.af);
		fx_listen();
		peer.irs_known = true;
		tx(f, 0, 0, 3);
		rx_flush();
		CHECK_EQ(W->table.count, syn);
	}
	fresh();
}

int
main(int argc, char **argv)
{
	static CU_TestInfo tests[] = {
		{"B09 option lengths 0 and 1", test_b09},
		{"B10 options beyond the header", test_b10},
		{"B11 MSS", test_b11},
		{"B12 window scale", test_b12},
		{"B13 SACK options", test_b13},
		{"B14 timestamps", test_b14},
		{"B15 unknown options", test_b15},
		{"B16 urgent pointers", test_b16},
		{"B17 flags", test_b17},
		CU_TEST_INFO_NULL,
	};

	return harness_main(argc, argv, "badinput_opt", tests);
}
