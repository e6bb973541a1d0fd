/* SPDX-License-Identifier: BSD-3-Clause */
/* SYN cookies (RFC 4987 3.6) as the wire sees them. */
#include <sodium.h>
#include "harness.h"
#include "base/siphash.h"

#define PERIOD (64 * SEC) /* a secret's time (tcp/cookie.h) */

static void
listen_mode(unsigned int mode)
{
	bed.conf.tcp.cookie_mode = mode;
	bed_start();
	CU_ASSERT_EQUAL_FATAL(node_listen(&bed.n[0], SRV_PORT, 64, &bed.n[0].l[0]), 0);
}

/* SYN, SYN-ACK as a cookie: nothing is kept. */
static const struct frame *
cookie_syn(void)
{
	const uint64_t sent = STAT(COOKIES_SENT);
	const struct frame *f;

	tx(SYN, 0, 0, 0);
	f = expect(SYN | ACK, 0, 1, 0);
	CHECK_EQ(STAT(COOKIES_SENT), sent + 1);
	CHECK_EQ(W->listeners.half_open, 0);
	return f;
}

/* The inlined SipHash is libsodium's. */
static void
test_siphash(void)
{
	uint8_t msg[64], key[crypto_shorthash_KEYBYTES], want[8];
	uint64_t words[sizeof(msg) / 8], h;
	unsigned int n;

	for (n = 0; n < sizeof(msg); n++) {
		randombytes_buf(msg, sizeof(msg));
		randombytes_buf(key, sizeof(key));
		crypto_shorthash_siphash24(want, msg, n, key);
		memset(words, 0, sizeof(words));
		memcpy(words, msg, n);
		words[n / 8] |= rte_cpu_to_le_64((uint64_t)n << 56);
		h = siphash24(words, n / 8 + 1, key);
		CU_ASSERT_EQUAL(memcmp(&h, want, 8), 0);
	}
}

static void
test_round_trip(void)
{
	struct tern_info inf;
	struct sock *s;

	listen_mode(TERN_COOKIE_ALWAYS);
	cookie_syn();
	CHECK_EQ(W->table.count, 0);
	expect_silence_for(40 * SEC); /* nobody retransmits */
	tx(ACK, 1, 1, 0);
	expect_silence();
	CHECK_EQ(STAT(COOKIES_RECV), 1);
	s = sock_accept(&bed.n[0]);
	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	tern_conn_info(s->c, &inf, sizeof(inf));
	CHECK_EQ(inf.state, TERN_ESTABLISHED);
	tx(ACK, 1, 1, 200);
	CHECK_EQ(sock_recv_all(s), 200);
	CHECK_EQ(sock_send(s, 100), 100);
	run();
	expect(ACK | PSH, 1, 201, 100);
}

static unsigned int offered;

static bool
on_unbound(struct tern_worker *w, struct rte_mbuf *m, unsigned int ifidx, void *arg)
{
	offered++;
	rte_pktmbuf_free(m);
	return true;
}

/* One process of several behind one address, and another one's queue got the ACK: who made the cookie is the only one
 * that knows it, and does not pass it on. */
static void
test_unbound(void)
{
	bed.conf.app.unbound = on_unbound;
	offered = 0;
	listen_mode(TERN_COOKIE_ALWAYS);
	cookie_syn();
	tx(ACK, 1, 77, 0); /* perhaps another one's */
	expect_silence();
	CHECK_EQ(offered, 1);
	tx(ACK | PSH, 1, 1, 10); /* the ACK alone was lost */
	expect_after(ACK, 1, 11, 0, 40 * MS);
	CHECK_EQ(offered, 1);
	CHECK_EQ(STAT(COOKIES_RECV), 1);
	CHECK_EQ(STAT(COOKIES_FAILED), 0);
}

/* One clock with one offset from the SYN-ACK to TIME-WAIT's last ACK: RFC 7323 5.4. */
static void
test_timestamps(void)
{
	const struct frame *f;
	struct sock *s;
	uint32_t val, ms;

	listen_mode(TERN_COOKIE_ALWAYS);
	peer.ts = true;
	f = cookie_syn();
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	val = f->tsval;
	ms = W->now_ms;
	tx(ACK, 1, 1, 0);
	s = sock_accept(&bed.n[0]);
	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	advance_us(3 * SEC);
	sock_close(s);
	run();
	f = expect(FIN | ACK, 1, 1, 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	CHECK(f->tsval - val >= W->now_ms - ms &&
	      f->tsval - val <= W->now_ms - ms + 64); /* its low bits said other things */
	val = f->tsval;
	ms = W->now_ms;
	tx(FIN | ACK, 1, 2, 0);
	expect(ACK, 2, 2, 0);
	advance_us(3 * SEC);
	tx(FIN | ACK, 1, 2, 0);
	f = expect(ACK, 2, 2, 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	CHECK_EQ(f->tsval - val, W->now_ms - ms);
}

/* The MSS comes back as one of the cookie's table: never more than the peer's, and not far below. */
static void
test_mss(void)
{
	static const uint16_t mss[] = {0, 536, 1200, 1300, 1440, 1460, 8960};
	struct tern_info inf;
	struct sock *s;

	listen_mode(TERN_COOKIE_ALWAYS);
	for (unsigned int i = 0; i < RTE_DIM(mss); i++) {
		const uint16_t peer_mss = mss[i] ? mss[i] : bed.af == 4 ? 536 : 1220;

		peer_new(2000 + i);
		peer.mss = mss[i];
		cookie_syn();
		tx(ACK, 1, 1, 0);
		s = sock_accept(&bed.n[0]);
		CU_ASSERT_PTR_NOT_NULL_FATAL(s);
		tern_conn_info(s->c, &inf, sizeof(inf));
		CHECK(inf.mss <= peer_mss);
		CHECK(inf.mss >= RTE_MIN(peer_mss, 536));
		if (peer_mss == 1440 || peer_mss >= 1460) /* what nearly everyone sends must not suffer */
			CHECK(inf.mss >= (bed.af == 4 ? 1440 : 1400));
	}
}

/* With timestamps window scaling and SACK survive; without, they must not be offered. */
static void
test_options(void)
{
	const struct frame *f;
	struct sock *s;
	uint16_t wnd;

	listen_mode(TERN_COOKIE_ALWAYS);
	peer.ws = 9;
	peer.sack = true;
	f = cookie_syn();
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	CHECK(f->ws < 0 && !f->sack_ok && !f->has_ts && f->mss);
	peer_new(2000);
	peer.ws = 9;
	peer.sack = peer.ts = true;
	f = cookie_syn();
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	CHECK(f->ws >= 0 && f->sack_ok && f->has_ts);
	peer.wnd = wnd = 100;
	tx(ACK, 1, 1, 0);
	s = sock_accept(&bed.n[0]);
	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	CHECK_EQ(s->c->snd_wnd, (uint32_t)wnd << 9);
	CHECK_EQ(s->c->feat & (F_TS | F_SACK | F_WS), F_TS | F_SACK | F_WS);
	/* SACK is used: a hole is reported */
	tx(ACK, 101, 1, 100);
	f = expect(ACK, 1, 1, 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	CHECK_EQ(f->n_sack, 1);
	CHECK_EQ(f->sack[0], peer.iss + 101);
	CHECK_EQ(f->sack[1], peer.iss + 201);
	CHECK(f->has_ts);
}

/* Every other value of the ACK, SEQ or tuple is refused with RST (no connection: 3.10.7.2 second). */
static void
test_forged(void)
{
	listen_mode(TERN_COOKIE_ALWAYS);
	cookie_syn();
	tx(ACK, 1, 2, 0);
	expect(RST, 2, 0, 0);
	tx(ACK, 1, 0, 0);
	expect(RST, 0, 0, 0);
	tx(ACK, 2, 1, 0); /* another IRS */
	expect(RST, 1, 0, 0);
	peer.port++;
	tx(ACK, 1, 1, 0);
	expect(RST, 1, 0, 0);
	peer.port--;
	peer.addr_lo = 3;
	tx(ACK, 1, 1, 0);
	expect(RST, 1, 0, 0);
	peer.addr_lo = 2;
	CHECK_EQ(STAT(COOKIES_FAILED), 5);
	CHECK_EQ(STAT(COOKIES_RECV), 0);
	CHECK_EQ(W->table.count, 0);
	tx(ACK, 1, 1, 0); /* the true one still works */
	expect_silence();
	CHECK_EQ(STAT(COOKIES_RECV), 1);
}

/* A cookie lives at least one period of the secret, at most two. */
static void
test_rotation(void)
{
	static const struct {
		uint64_t age_us;
		bool good;
	} t[] = {{0, true}, {PERIOD - SEC, true}, {2 * PERIOD + SEC, false}, {3 * PERIOD, false}, {10 * PERIOD, false}};

	for (unsigned int phase = 0; phase < 4; phase++)
		for (unsigned int i = 0; i < RTE_DIM(t); i++) {
			bed_down();
			bed_reset(bed.af);
			listen_mode(TERN_COOKIE_ALWAYS);
			advance_us(phase * 17 * SEC);
			cookie_syn();
			advance_us(t[i].age_us);
			expect_silence();
			tx(ACK, 1, 1, 0);
			CHECK_EQ(STAT(COOKIES_RECV), t[i].good);
			if (t[i].good)
				expect_silence();
			else
				expect(RST, 1, 0, 0);
		}
}

static void
test_random_acks(void)
{
	const unsigned int n = 1 << 20;
	unsigned int taken = 0;
	uint64_t limited = 0;

	listen_mode(TERN_COOKIE_ALWAYS);
	cookie_syn();
	for (unsigned int i = 0; i < n; i++) {
		const uint64_t r = harness_rand();

		if ((uint32_t)r == 1)
			continue; /* the true one */
		tx(ACK, 1, r, 0);
		rx_flush();
		if (!STAT(COOKIES_RECV))
			continue;
		taken++;
		limited += STAT(RST_RATELIMIT);
		bed_down();
		bed_reset(bed.af);
		listen_mode(TERN_COOKIE_ALWAYS);
		cookie_syn();
	}
	/* a guess is right with 2^-28, so one run in 256 has one, and one in 10^8 three */
	CHECK(taken <= 2);
	CHECK_EQ(W->table.count, 0);
	CHECK(limited + STAT(RST_RATELIMIT) > 0); /* answers are limited */
}

/* An ACK is no cookie when none was ever sent: auto mode without overflow. */
static void
test_auto(void)
{
	listen_mode(TERN_COOKIE_AUTO);
	peer.irs_known = true;
	tx(ACK, 1, 12345, 0);
	expect(RST, 12345, 0, 0);
	CHECK_EQ(STAT(COOKIES_SENT), 0);
	for (unsigned int i = 0; i < 128; i++) {
		peer_new(2000 + i);
		tx(SYN, 0, 0, 0);
		expect(SYN | ACK, 0, 1, 0);
	}
	CHECK_EQ(STAT(COOKIES_SENT), 0);
	CHECK_EQ(W->listeners.half_open, 128);
	peer_new(3000);
	tx(SYN, 0, 0, 0);
	expect(SYN | ACK, 0, 1, 0);
	CHECK_EQ(STAT(COOKIES_SENT), 1);
	CHECK_EQ(STAT(REQQ_FULL_COOKIES), 1);
	CHECK_EQ(W->listeners.half_open, 128);
	tx(ACK, 1, 1, 0);
	expect_silence();
	CHECK_EQ(STAT(COOKIES_RECV), 1);
	CHECK(sock_accept(&bed.n[0]) != NULL);
}

static void
test_never(void)
{
	bed.conf.max_requests = 8;
	bed.conf.tcp.cookie_mode = TERN_COOKIE_NEVER;
	bed_start();
	CHECK_EQ(node_listen(&bed.n[0], SRV_PORT, 1, &bed.n[0].l[0]), 0);
	for (unsigned int i = 0; i < 8; i++) {
		peer_new(2000 + i);
		tx(SYN, 0, 0, 0);
		expect(SYN | ACK, 0, 1, 0);
	}
	peer_new(3000);
	tx(SYN, 0, 0, 0);
	expect_silence();
	CHECK_EQ(STAT(COOKIES_SENT), 0);
	tern_listen_setopt(bed.n[0].l[0], TERN_OPT_COOKIES, TERN_COOKIE_AUTO); /* one listener's own mode */
	tx(SYN, 0, 0, 0);
	expect(SYN | ACK, 0, 1, 0);
	CHECK_EQ(STAT(COOKIES_SENT), 1);
}

/* A cookie's ACK at a full accept queue is dropped without a word; the peer's next segment is a new chance. */
static void
test_accept_full(void)
{
	bed.conf.tcp.cookie_mode = TERN_COOKIE_ALWAYS;
	bed_start();
	CHECK_EQ(node_listen(&bed.n[0], SRV_PORT, 1, &bed.n[0].l[0]), 0);
	cookie_syn();
	tx(ACK, 1, 1, 0);
	CHECK_EQ(W->listeners.accept_queued, 1);
	expect_silence();
	peer_new(40001);
	peer.irs_known = false;
	CHECK(sock_accept(&bed.n[0]) != NULL);
	tx(SYN, 0, 0, 0);
	expect(SYN | ACK, 0, 1, 0);
	{
		struct peer second = peer;

		peer_new(40002);
		tx(SYN, 0, 0, 0);
		expect(SYN | ACK, 0, 1, 0);
		tx(ACK, 1, 1, 0);
		CHECK_EQ(W->listeners.accept_queued, 1);
		peer = second;
	}
	tx(ACK, 1, 1, 0);
	expect_silence();
	CHECK_EQ(W->listeners.accept_queued, 1);
	CHECK(STAT(LISTEN_OVERFLOWS) >= 1);
	CHECK(sock_accept(&bed.n[0]) != NULL);
	tx(ACK, 1, 1, 50);
	CHECK_EQ(W->listeners.accept_queued, 1);
}

/* The final ACK of a cookie may carry data and FIN. */
static void
test_ack_with_data(void)
{
	struct sock *s;

	listen_mode(TERN_COOKIE_ALWAYS);
	cookie_syn();
	tx(ACK | FIN, 1, 1, 100);
	s = sock_accept(&bed.n[0]);
	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	CHECK_EQ(sock_recv(s, 1000), 100);
	CHECK_EQ(sock_recv(s, 1000), 0);
	expect_at(ACK, 1, 102, 0, 0, 500 * MS);
}

/* Data behind a lost or late first segment finds no state: it is not reset, and the first segment still opens. */
static void
test_data_out_of_order(void)
{
	struct sock *s;

	listen_mode(TERN_COOKIE_ALWAYS);
	cookie_syn();
	tx(ACK, 101, 1, 100);
	tx(ACK | FIN, 201, 1, 0);
	expect_silence();
	CHECK_EQ(STAT(DROP_COOKIE), 2);
	CHECK_EQ(STAT(COOKIES_FAILED), 2);
	CHECK_EQ(W->table.count, 0);
	tx(ACK, 1, 1, 100);
	s = sock_accept(&bed.n[0]);
	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	CHECK_EQ(sock_recv(s, 1000), 100);
	advance_us(200 * SEC); /* no cookie was sent for long: a listener's answer to an ACK again */
	rx_flush();
	peer.port++;
	tx(ACK, 101, 1, 100);
	expect(RST, 1, 0, 0);
}

int
main(int argc, char **argv)
{
	static CU_TestInfo tests[] = {
		{"SipHash as libsodium", test_siphash},
		{"round trip", test_round_trip},
		{"MSS", test_mss},
		{"options by timestamp", test_options},
		{"one process of several", test_unbound},
		{"timestamps to the end", test_timestamps},
		{"forged", test_forged},
		{"rotation of secrets", test_rotation},
		{"2^20 random ACKs", test_random_acks},
		{"auto", test_auto},
		{"never", test_never},
		{"accept queue full", test_accept_full},
		{"ACK with data and FIN", test_ack_with_data},
		{"data out of order", test_data_out_of_order},
		CU_TEST_INFO_NULL,
	};

	return harness_main(argc, argv, "cookie", tests);
}
