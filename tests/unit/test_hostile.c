/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Hostile segments in every state. Nothing may crash, leak, deliver a byte that was not sent in order, or be moved by
 * what is not in the window. bed_down() proves the pools whole after each.
 */
#include "harness.h"

#define N_STATES 11

static struct sock *
enter(unsigned int i)
{
	switch (i) {
	case 0:
		fx_listen();
		return NULL;
	case 1:
		fx_half_open();
		return NULL;
	case 2:
		return fx_established();
	case 3:
		return fx_fin_wait_1();
	case 4:
		return fx_fin_wait_2();
	case 5:
		return fx_close_wait();
	case 6:
		fx_closing();
		return NULL;
	case 7:
		fx_last_ack();
		return NULL;
	case 8:
		fx_time_wait();
		return NULL;
	case 9:
		return fx_syn_sent();
	default:
		return fx_syn_received();
	}
}

static void
restart(unsigned int state)
{
	bed_down();
	bed_reset(bed.af);
	bed.drain_us = 300 * SEC;
	enter(state);
}

/* All 256 combinations of flags, far outside the window: no state changes but those RFC 9293 allows blindly. */
static void
test_all_flags_outside(void)
{
	for (unsigned int st = 2; st < 9; st++) {
		unsigned int before;

		restart(st);
		before = state_now();
		for (unsigned int f = 0; f < 256; f++) {
			/* a SYN in TIME-WAIT with a higher number is a new connection */
			tx(f, peer.nxt + (st == 8 && (f & SYN) ? 0x80000010 : 0x40000000), peer.tern_nxt, f % 7);
			tx(f, peer.nxt - 100000, peer.tern_nxt, f % 7);
			rx_flush();
			if (state_now() != before) {
				CHECK_EQ(state_now(), before);
				printf("\n    flags %#x in state %u", f, before);
				break;
			}
		}
	}
}

/* All combinations at RCV.NXT, each from a fresh fixture; null, XMAS, SYN+FIN, SYN+RST among them. */
static void
test_all_flags_inside(void)
{
	for (unsigned int st = 0; st < N_STATES; st++)
		for (unsigned int f = 0; f < 64; f++) {
			restart(st);
			tx(f, peer.nxt, peer.tern_nxt, 0);
			tx(f, peer.nxt, peer.tern_nxt, 3);
			tx(f ^ 63, peer.nxt, peer.tern_nxt, 3);
			rx_flush();
		}
}

/* Flags that contradict each other never open, close or deliver. */
static void
test_contradictions(void)
{
	static const uint8_t flags[] = {0, FIN | PSH | URG, FIN | SYN, SYN | FIN | PSH | URG, FIN, PSH, URG};

	for (unsigned int i = 0; i < RTE_DIM(flags); i++) {
		struct sock *s;

		bed_down();
		bed_reset(bed.af);
		s = fx_established();
		tx(flags[i], 1, 1, 10);
		rx_flush();
		CHECK_EQ(sock_state(s), TERN_ESTABLISHED);
		CHECK_EQ(sock_recv(s, 10), -EAGAIN);
	}
}

static void
option_case(const uint8_t *o, unsigned int n, uint8_t flags)
{
	memcpy(peer.opt, o, n);
	peer.optlen = n;
	tx(flags, flags & SYN ? 0 : peer.nxt, peer.tern_nxt, 0);
	rx_flush();
}

static void
test_options(void)
{
	static const struct {
		uint8_t n, b[40];
	} t[] = {
		{4, {2, 4, 0, 0}},	     /* MSS 0 */
		{4, {2, 4, 0, 1}},	     /* MSS 1 */
		{4, {2, 0, 5, 5}},	     /* length 0 */
		{4, {2, 1, 5, 5}},	     /* length 1 */
		{4, {2, 40, 5, 5}},	     /* beyond the header */
		{4, {1, 1, 1, 2}},	     /* truncated: kind only */
		{4, {1, 1, 2, 4}},	     /* truncated MSS */
		{4, {3, 3, 255, 0}},	     /* scale 255 */
		{4, {3, 2, 0, 0}},	     /* short scale */
		{12, {8, 10, 0, 0, 0, 0, 0, 0, 0, 0, 8, 10}}, /* second timestamp truncated */
		{4, {8, 10, 1, 1}},
		{8, {5, 255, 1, 1, 1, 1, 1, 1}},
		{4, {5, 2, 1, 1}},
		{4, {5, 3, 1, 1}},
		{40, {5, 40, 9, 9, 9, 9}},
		{4, {253, 4, 0xf9, 0x89}}, /* experiments */
		{8, {34, 6, 1, 2, 3, 4, 1, 1}}, /* fast open */
		{20, {19, 18, 1, 2, 3}},   /* MD5 */
		{40, {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}},
		{40, {0}},
	};

	for (unsigned int st = 0; st < N_STATES; st++) {
		restart(st);
		for (unsigned int i = 0; i < RTE_DIM(t); i++) {
			option_case(t[i].b, t[i].n, st == 0 ? SYN : ACK);
			if (st == 0) {
				tx(RST, 1, 0, 0);
				peer.irs_known = false;
			}
		}
	}
	/* with an absurd MSS the connection still works and does not send crumbs (CVE-2019-11479) */
	bed_down();
	bed_reset(bed.af);
	fx_listen();
	memcpy(peer.opt, t[1].b, 4);
	peer.optlen = 4;
	tx(SYN, 0, 0, 0);
	expect(SYN | ACK, 0, 1, 0);
	tx(ACK, 1, 1, 0);
	{
		struct sock *s = sock_accept(&bed.n[0]);
		const struct frame *f;

		CU_ASSERT_PTR_NOT_NULL_FATAL(s);
		CHECK_EQ(sock_send(s, 1000), 1000);
		run();
		f = rx();
		CU_ASSERT_PTR_NOT_NULL_FATAL(f);
		CHECK(f->len >= 40);
		rx_flush();
	}
}

static void
test_random_options(void)
{
	uint8_t o[40];

	for (unsigned int st = 0; st < N_STATES; st++) {
		restart(st);
		for (unsigned int i = 0; i < 500; i++) {
			const unsigned int n = harness_rand() % 11 * 4;

			for (unsigned int k = 0; k < n; k++)
				o[k] = harness_rand() % 3 ? harness_rand() % 12 : harness_rand();
			option_case(o, n, st == 0 || harness_rand() % 8 == 0 ? SYN : ACK);
			peer.irs_known |= st != 0;
		}
	}
}

/* The urgent pointer is not supported as such: the data is delivered in line, whatever it points to. */
static void
test_urgent(void)
{
	struct sock *s = fx_established();

	peer.urp = 5;
	tx(ACK | URG, 1, 1, 10);
	peer.urp = 65535;
	tx(ACK | URG, 11, 1, 10);
	peer.urp = 0;
	tx(ACK | URG, 21, 1, 10);
	CHECK_EQ(sock_recv_all(s), 30);
}

/* The frame cut at every length; the header length field with every value. */
static void
test_truncated(void)
{
	uint8_t p[1600];
	uint16_t n;

	for (unsigned int st = 0; st < N_STATES; st++) {
		const unsigned int tcp = 14 + (bed.af == 4 ? 20 : 40);

		restart(st);
		peer.sack = peer.ts = true;
		n = peer_build(p, st == 0 ? SYN : ACK, st == 0 ? 0 : peer.nxt, peer.tern_nxt, 0);
		for (unsigned int k = 0; k < n; k++) {
			tx_raw(p, k);
			rx_flush();
		}
		for (unsigned int off = 0; off < 16; off++) {
			const uint8_t was = p[tcp + 12];
			uint16_t *ck = (uint16_t *)&p[tcp + 16];
			const uint16_t ck_was = *ck;
			uint32_t sum;

			p[tcp + 12] = off << 4;
			/* keep the checksum right: RFC 1624 */
			sum = (uint16_t)~ntohs(ck_was) + (uint16_t) ~(was << 8 | p[tcp + 13]) +
			      (off << 12 | p[tcp + 13]);
			sum = (sum & 0xffff) + (sum >> 16);
			*ck = htons(~((sum & 0xffff) + (sum >> 16)));
			tx_raw(p, n);
			rx_flush();
			p[tcp + 12] = was;
			*ck = ck_was;
		}
		CHECK(STAT(DROP_TCP_HDR) >= 5);
	}
}

/* Any single byte changed: the checksums refuse it, or it is harmless (MACs, TTL, class ...). */
static void
test_flipped(void)
{
	uint8_t p[1600];
	uint16_t n;
	struct sock *s = fx_established();

	n = peer_build(p, ACK, 1, 1, 100);
	for (unsigned int i = 14; i < n; i++) {
		p[i] ^= 1 << harness_rand() % 8;
		tx_raw(p, n);
		rx_flush();
		n = peer_build(p, ACK, 1, 1, 100);
	}
	CHECK(tern_recv_queued(s->c) <= 100);
	tx(ACK, 1, 1, 100);
	CHECK_EQ(sock_recv_all(s), 100);
}

/* Random segments near the window in each state, with time jumps; the fixtures' connections may well be reset. */
static void
test_random(void)
{
	for (unsigned int round = 0; round < 20; round++)
		for (unsigned int st = 0; st < N_STATES; st++) {
			restart(st);
			for (unsigned int i = 0; i < 200; i++) {
				const uint32_t dseq = harness_rand() % 3 ? harness_rand() % 8 : harness_rand() % 100000;
				const uint32_t dack = harness_rand() % 3 ? harness_rand() % 4 : harness_rand() % 1000;

				peer.wnd = harness_rand() % 4 ? 65535 : harness_rand() % 3;
				tx(harness_rand() % 8 ? ACK : harness_rand() % 64, peer.nxt - 3 + dseq,
				   peer.tern_nxt - 2 + dack, harness_rand() % 4 ? 0 : harness_rand() % 1400);
				rx_flush();
				if (harness_rand() % 16 == 0)
					advance_us(harness_rand() % (2 * SEC));
				rx_flush();
				for (unsigned int k = 0; k < RTE_DIM(bed.n[0].s); k++)
					if (bed.n[0].s[k].c && harness_rand() % 64 == 0) {
						struct sock *s = &bed.n[0].s[k];

						switch (harness_rand() % 4) {
						case 0:
							sock_close(s);
							break;
						case 1:
							tern_shutdown(s->c, TERN_SHUT_WR);
							break;
						default:
							tern_send(s->c, "x", 1, 0);
						}
						run();
						rx_flush();
					}
			}
		}
}

/* RSTs off the mark never close (RFC 5961 3): only the exact one does. */
static void
test_blind_rst(void)
{
	struct sock *s = fx_established();

	for (unsigned int i = 0; i < 20000; i++) {
		uint32_t q = harness_rand();

		if (q == 1)
			q = 2;
		tx(RST, q, 0, 0);
		rx_flush();
	}
	CHECK_EQ(sock_state(s), TERN_ESTABLISHED);
	tx(RST, 1, 0, 0);
	CHECK_EQ(s->closed, 1);
}

/* ACKs for what was never sent do not open the congestion window (optimistic ACK) nor move SND.UNA. */
static void
test_optimistic_ack(void)
{
	struct sock *s = fx_established();
	struct tern_info a, b;

	CHECK_EQ(sock_send(s, 10), 10);
	run();
	rx_flush();
	tern_conn_info(s->c, &a, sizeof(a));
	for (unsigned int i = 0; i < 100; i++) {
		tx(ACK, 1, 100000 + i * 1000, 0);
		rx_flush();
	}
	tern_conn_info(s->c, &b, sizeof(b));
	CHECK_EQ(a.cwnd, b.cwnd);
	CHECK_EQ(tern_send_queued(s->c), 10);
}

/* Answers to nobody's segments are limited. */
static void
test_rst_rate(void)
{
	unsigned int n = 0;

	bed_start();
	peer.irs_known = true;
	for (unsigned int i = 0; i < 20000; i++) {
		tx(ACK, i, i, 0);
		n += rx_flush();
	}
	CHECK(n > 0 && n < 20000);
	CHECK_EQ(STAT(RST_RATELIMIT) + n, 20000);
	advance_us(10 * SEC);
	tx(ACK, 1, 77, 0);
	expect(RST, 77, 0, 0);
}

int
main(int argc, char **argv)
{
	static CU_TestInfo tests[] = {
		{"all flags outside the window", test_all_flags_outside},
		{"all flags at RCV.NXT", test_all_flags_inside},
		{"contradicting flags", test_contradictions},
		{"malformed options", test_options},
		{"random options", test_random_options},
		{"urgent pointers", test_urgent},
		{"truncated", test_truncated},
		{"bits flipped", test_flipped},
		{"random segments", test_random},
		{"blind RST", test_blind_rst},
		{"optimistic ACK", test_optimistic_ack},
		{"RST rate limit", test_rst_rate},
		CU_TEST_INFO_NULL,
	};

	return harness_main(argc, argv, "hostile", tests);
}
