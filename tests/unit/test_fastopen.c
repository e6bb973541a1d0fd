/* SPDX-License-Identifier: BSD-3-Clause */
/* TCP Fast Open, RFC 7413: each side against the scripted peer, then against each other. */
#include "harness.h"

#define PENDING 2

static uint8_t cookie[8];

/* The next segment carries MSS and the Fast Open option with n bytes of c. */
static void
offer(const uint8_t *c, unsigned int n)
{
	const unsigned int pad = -(2 + n) & 3;
	uint8_t *o = peer.opt;

	memcpy(o, (uint8_t[]){2, 4, 1000 >> 8, 1000 & 255}, 4);
	memset(o + 4, 1, pad);
	o[4 + pad] = 34;
	o[5 + pad] = 2 + n;
	if (n)
		memcpy(o + 6 + pad, c, n);
	peer.optlen = 6 + pad + n;
}

static void
listen_fastopen(void)
{
	fx_listen();
	tern_listener_fastopen(bed.n[0].l[0], PENDING);
}

/* What the listener gives out for this peer's address. */
static void
learn_cookie(void)
{
	struct conn c = {.af = bed.af};
	struct seg s = {.flow.af = bed.af};
	struct tern_listener l = {.tfo_max = 1};
	static const uint8_t request[4] = {1, 1, 34, 2};
	struct tern_endpoint e;
	uint8_t opt[20];
	unsigned int n;

	tern_addr(&e, 0);
	memcpy(bed.af == 4 ? (void *)&c.addr.laddr4 : c.addr.laddr6, e.addr, bed.af == 4 ? 4 : 16);
	peer_addr(&e, 0);
	memcpy(bed.af == 4 ? (void *)&c.addr.raddr4 : c.addr.raddr6, e.addr, bed.af == 4 ? 4 : 16);
	s.flow.addr = c.addr;
	s.opt = request;
	s.optlen = sizeof(request);
	CHECK_EQ(tcp_tfo_syn(W, &l, &s, opt, &n), TFO_NO);
	CHECK_EQ(n, 12);
	memcpy(cookie, opt + 4, 8);
}

/* A cookie is asked for and given, in an otherwise ordinary handshake; the same for every port of the client (4.1.2). */
static void
test_cookie_given(void)
{
	const struct frame *f;
	struct sock *s;

	listen_fastopen();
	learn_cookie();
	for (unsigned int i = 0; i < 2; i++) {
		peer_new(40000 + i);
		offer(NULL, 0);
		tx(SYN, 0, 0, 100); /* its data waits for the handshake */
		f = expect(SYN | ACK, 0, 1, 0);
		CU_ASSERT_PTR_NOT_NULL_FATAL(f);
		CHECK_EQ(f->optlen % 4, 0);
		tx(ACK, 1, 1, 100);
		s = sock_accept(&bed.n[0]);
		CU_ASSERT_PTR_NOT_NULL_FATAL(s);
		CHECK_EQ(sock_recv_all(s), 100);
	}
	CHECK_EQ(STAT(TFO_COOKIE_REQD), 3);
	CHECK_EQ(STAT(TFO_PASSIVE), 0);
	/* a listener without Fast Open gives none */
	tern_listener_fastopen(bed.n[0].l[0], 0);
	peer_new(40010);
	offer(NULL, 0);
	tx(SYN, 0, 0, 0);
	expect(SYN | ACK, 0, 1, 0);
	CHECK_EQ(STAT(TFO_COOKIE_REQD), 3);
	rx_flush();
}

/* ECN is agreed on by the SYN-ACK of such a connection as by any (RFC 3168 6.1.1), also when it is sent again. */
static void
test_ecn(void)
{
	const struct frame *f;
	struct sock *s;

	for (unsigned int ask = 0; ask < 2; ask++) {
		bed_down();
		bed_reset(bed.af);
		listen_fastopen();
		learn_cookie();
		offer(cookie, 8);
		bed.corked = true;
		tx(SYN | (ask ? ECE | CWR : 0), 0, 0, 100);
		uncork();
		f = expect(SYN | ACK | (ask ? ECE : 0), 0, 101, 0);
		CU_ASSERT_PTR_NOT_NULL_FATAL(f);
		CHECK_EQ(f->tos, 0);
		f = expect_at(SYN | ACK | (ask ? ECE : 0), 0, 101, 0, TICK_US, 2 * SEC);
		CU_ASSERT_PTR_NOT_NULL_FATAL(f);
		CHECK_EQ(STAT(TFO_PASSIVE), 1);
		bed.corked = false;
		s = sock_accept(&bed.n[0]);
		CU_ASSERT_PTR_NOT_NULL_FATAL(s);
		CHECK_EQ(sock_recv_all(s), 100);
		tx(ACK, 101, 1, 0);
		CHECK_EQ(sock_state(s), TERN_ESTABLISHED);
		CHECK_EQ(sock_send(s, 50), 50);
		run();
		f = expect(ACK | PSH, 1, 101, 50);
		CU_ASSERT_PTR_NOT_NULL_FATAL(f);
		CHECK_EQ(f->tos, ask ? 2 : 0); /* ECT(0) */
		tx(ACK, 101, 51, 0);
	}
}

/* Append the Fast Open option with the cookie to the usual options of a SYN. */
static void
offer_all(void)
{
	static const uint8_t usual[20] = {2, 4, 1000 >> 8, 1000 & 255, 4, 2, 8, 10, 0, 0, 0, 7, 0, 0, 0, 0, 1, 3, 3, 5};

	memcpy(peer.opt, usual, sizeof(usual));
	memcpy(peer.opt + 20, (uint8_t[]){1, 1, 34, 10}, 4);
	memcpy(peer.opt + 24, cookie, 8);
	peer.optlen = 32;
}

/* The SYN-ACK of such a connection agrees on options as any does, with a window that is not scaled; each time it is sent. */
static void
test_synack(void)
{
	const struct frame *f;

	listen_fastopen();
	learn_cookie();
	for (unsigned int i = 0; i < 3; i++) {
		if (i != 1) { /* the SYN, and the SYN again; between them the SYN-ACK's timeout */
			offer_all();
			tx(SYN, 0, 0, 100);
		}
		f = i == 1 ? expect_after(SYN | ACK, 0, 101, 0, SEC) : expect(SYN | ACK, 0, 101, 0);
		CU_ASSERT_PTR_NOT_NULL_FATAL(f);
		CHECK_EQ(f->mss, bed.af == 4 ? 1460 : 1440);
		CHECK(f->sack_ok);
		CHECK(f->has_ts);
		CHECK_EQ(f->tsecr, 7);
		CHECK(f->ws > 0);
		CHECK_EQ(f->ws, W->rcv_ws);
		CHECK_EQ(f->wnd, 65535);
		CHECK_EQ(f->optlen, 20);
		CHECK_EQ(f->urp, 0);
	}
}

/* Urgent data that waits is announced by the segments that carry it, not by the SYN-ACK. */
static void
test_synack_urgent(void)
{
	struct sock *s;

	listen_fastopen();
	learn_cookie();
	offer(cookie, 8);
	tx(SYN, 0, 0, 100);
	expect(SYN | ACK, 0, 101, 0);
	s = sock_accept(&bed.n[0]);
	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	CHECK_EQ(sock_recv_all(s), 100);
	CHECK_EQ(tern_send_urgent(s->c, (uint8_t[]){pat(1)}, 1), 1);
	s->tx_pos++;
	run();
	expect(ACK | PSH | URG, 1, 101, 1);
	expect_after(SYN | ACK, 0, 101, 0, SEC);
	tx(ACK, 101, 2, 0);
	expect_silence();
}

/* With the cookie the data is read, and answered, before the handshake is done (4.2.2). */
static void
test_server(void)
{
	struct sock *s;

	listen_fastopen();
	learn_cookie();
	bed.corked = true;
	offer(cookie, 8);
	tx(SYN, 0, 0, 100);
	uncork();
	expect(SYN | ACK, 0, 101, 0);
	CHECK_EQ(STAT(TFO_PASSIVE), 1);
	CHECK_EQ(W->tfo_pending, 1);
	s = sock_accept(&bed.n[0]);
	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	run();
	CHECK_EQ(sock_recv_all(s), 100);
	CHECK_EQ(sock_state(s), TERN_SYN_RECEIVED);
	CHECK_EQ(sock_send(s, 50), 50);
	run();
	expect(ACK | PSH, 1, 101, 50);
	tx(ACK, 101, 51, 0);
	CHECK_EQ(sock_state(s), TERN_ESTABLISHED);
	CHECK_EQ(s->connected, 0);
	CHECK_EQ(W->tfo_pending, 0);
	CHECK_EQ(tern_send_queued(s->c), 0);
	tx(ACK, 101, 51, 10);
	CHECK_EQ(sock_recv_all(s), 10);
	expect_at(ACK, 51, 111, 0, TICK_US, 500 * MS);
	expect_silence_for(100 * SEC);
	CHECK_EQ(STAT(RETRANS_SEGS), 0);
}

/* The SYN-ACK is lost, then the answer: each is sent again. A SYN that comes again brings the SYN-ACK at once. */
static void
test_server_loss(void)
{
	struct sock *s;

	listen_fastopen();
	learn_cookie();
	offer(cookie, 8);
	tx(SYN, 0, 0, 100);
	expect(SYN | ACK, 0, 101, 0);
	s = sock_accept(&bed.n[0]);
	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	CHECK_EQ(sock_recv_all(s), 100);
	CHECK_EQ(sock_send(s, 50), 50);
	run();
	expect(ACK | PSH, 1, 101, 50);
	expect_after(SYN | ACK, 0, 101, 0, SEC);
	advance_us(100 * MS);
	offer(cookie, 8);
	tx(SYN, 0, 0, 100);
	expect(SYN | ACK, 0, 101, 0);
	tx(ACK, 101, 1, 0);
	CHECK_EQ(sock_state(s), TERN_ESTABLISHED);
	CHECK(advance_to_frame(10 * SEC));
	expect(ACK | PSH, 1, 101, 50);
	tx(ACK, 101, 51, 0);
	expect_silence_for(100 * SEC);
}

/* Nobody is there: the connection ends in time, and its place is free again. */
static void
test_server_dead(void)
{
	struct sock *s;

	listen_fastopen();
	learn_cookie();
	offer(cookie, 8);
	tx(SYN, 0, 0, 100);
	s = sock_accept(&bed.n[0]);
	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	advance_us(200 * SEC);
	CHECK(rx_flush() >= 5);
	CHECK_EQ(s->closed, 1);
	CHECK_EQ(s->err, -ETIMEDOUT);
	CHECK_EQ(W->tfo_pending, 0);
	/* one that is reset */
	peer_new(40001);
	offer(cookie, 8);
	tx(SYN, 0, 0, 100);
	expect(SYN | ACK, 0, 101, 0);
	tx(RST, 101, 0, 0);
	CHECK_EQ(W->tfo_pending, 0);
	expect_silence();
}

/* Answer, FIN and all, in the same burst: the close goes on when the handshake is done. */
static void
test_server_close(void)
{
	struct sock *s;

	listen_fastopen();
	learn_cookie();
	offer(cookie, 8);
	tx(SYN, 0, 0, 100);
	expect(SYN | ACK, 0, 101, 0);
	s = sock_accept(&bed.n[0]);
	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	CHECK_EQ(sock_recv_all(s), 100);
	CHECK_EQ(sock_send(s, 50), 50);
	sock_close(s);
	run();
	expect(ACK | PSH | FIN, 1, 101, 50);
	tx(FIN | ACK, 101, 52, 0);
	expect(ACK, 52, 102, 0);
	CHECK_EQ(W->tfo_pending, 0);
	CHECK_EQ(state_now(), TERN_TIME_WAIT);
}

/* A false cookie, and more unconfirmed ones than allowed: an ordinary handshake (5.1). */
static void
test_server_limits(void)
{
	const uint8_t forged[8] = {1, 2, 3};

	listen_fastopen();
	learn_cookie();
	offer(forged, 8);
	tx(SYN, 0, 0, 100);
	expect(SYN | ACK, 0, 1, 0);
	CHECK_EQ(STAT(TFO_PASSIVE_FAIL), 1);
	for (unsigned int i = 0; i < PENDING + 1; i++) {
		peer_new(40001 + i);
		offer(cookie, 8);
		tx(SYN, 0, 0, 100);
		expect(SYN | ACK, 0, i < PENDING ? 101 : 1, 0);
	}
	CHECK_EQ(STAT(TFO_PASSIVE), PENDING);
	CHECK_EQ(STAT(TFO_OVERFLOW), 1);
	CHECK_EQ(W->tfo_pending, PENDING);
	tern_listener_close(bed.n[0].l[0]); /* takes the unconfirmed ones along */
	bed.n[0].l[0] = NULL;
	CHECK_EQ(W->tfo_pending, 0);
	rx_flush();
}

static struct sock *
connect_fastopen(uint16_t lport, size_t len)
{
	struct tern_endpoint l = {.af = bed.af, .port = htons(lport)}, r;
	struct sock *s = sock_new(&bed.n[0]);
	uint8_t b[4000];

	for (size_t i = 0; i < len; i++)
		b[i] = pat(s->tx_pos + i);
	peer_new(SRV_PORT);
	peer.tern_port = lport;
	peer_addr(&r, SRV_PORT);
	CHECK_EQ(tern_connect_fastopen(TW_(&bed.n[0]), &l, &r, &sock_ops, s, b, len, &s->c), (int)len);
	s->tx_pos += len;
	run();
	advance_to_frame(SEC);
	return s;
}

static const uint8_t given[8] = {0xc0, 0x0c, 1, 2, 3, 4, 5, 6};

/* First the cookie, then data in the SYN; what the server does not take is sent after the handshake (4.2.1). */
static void
test_client(void)
{
	const struct frame *f;
	struct sock *s;

	bed_start();
	s = connect_fastopen(5000, 100);
	f = expect(SYN, 0, 0, 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	offer(given, 8);
	tx(SYN | ACK, 0, 1, 0);
	expect(ACK | PSH, 1, 1, 100);
	tx(ACK, 1, 101, 0);
	CHECK_EQ(s->connected, 1);

	s = connect_fastopen(5001, 100);
	f = expect(SYN, 0, 0, 100);
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	for (unsigned int i = 0; i < 100; i++)
		CHECK_EQ(f->data[i], pat(1 + i));
	tx(SYN | ACK, 0, 101, 0);
	CHECK_EQ(s->connected, 1);
	CHECK_EQ(tern_send_queued(s->c), 0);
	expect(ACK, 101, 1, 0);
	CHECK_EQ(STAT(TFO_ACTIVE), 1);
	CHECK_EQ(sock_send(s, 10), 10);
	run();
	expect(ACK | PSH, 101, 1, 10);
	tx(ACK, 1, 111, 0);
	expect_silence_for(SEC);

	s = connect_fastopen(5002, 100); /* only the SYN is acknowledged */
	expect(SYN, 0, 0, 100);
	tx(SYN | ACK, 0, 1, 0);
	expect(ACK | PSH, 1, 1, 100);
	CHECK_EQ(STAT(TFO_ACTIVE_FAIL), 1);
	CHECK_EQ(STAT(RETRANS_SEGS), 0);
	tx(ACK, 1, 101, 0);
	CHECK_EQ(tern_send_queued(s->c), 0);

	s = connect_fastopen(5003, 3000); /* as much as the server's MSS lets through */
	f = rx();
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	CHECK_EQ(f->flags, SYN);
	CHECK_EQ(f->len, 1000 - 40);
	peer.mss = 1000;
	tx(SYN | ACK, 0, 961, 0);
	expect(ACK, 961, 1, 1000);
	expect(ACK, 1961, 1, 1000);
	expect(ACK | PSH, 2961, 1, 40);
	tx(ACK, 1, 3001, 0);
	CHECK_EQ(tern_send_queued(s->c), 0);
}

/* No answer to a SYN with data: a plain one follows, and the server is left alone for a while (4.1.3.1). */
static void
test_client_hole(void)
{
	struct sock *s;

	bed_start();
	connect_fastopen(5000, 100);
	expect(SYN, 0, 0, 0);
	offer(given, 8);
	tx(SYN | ACK, 0, 1, 0);
	expect(ACK | PSH, 1, 1, 100);
	tx(ACK, 1, 101, 0);
	s = connect_fastopen(5001, 100);
	expect(SYN, 0, 0, 100);
	expect_after(SYN, 0, 0, 0, SEC);
	CHECK_EQ(STAT(TFO_BLACKHOLE), 1);
	tx(SYN | ACK, 0, 1, 0);
	expect(ACK | PSH, 1, 1, 100);
	tx(ACK, 1, 101, 0);
	CHECK_EQ(s->connected, 1);
	s = connect_fastopen(5002, 100);
	expect(SYN, 0, 0, 0);
	tx(SYN | ACK, 0, 1, 0);
	expect(ACK | PSH, 1, 1, 100);
	tx(ACK, 1, 101, 0);
	CHECK_EQ(s->connected, 1);
	advance_us(61 * SEC);
	rx_flush();
	connect_fastopen(5003, 100); /* another try */
	expect(SYN, 0, 0, 100);
	tx(SYN | ACK, 0, 101, 0);
	expect(ACK, 101, 1, 0);
}

/* Refused, closed early, answered with a SYN: nothing is left behind. */
static void
test_client_odd(void)
{
	struct sock *s;

	bed_start();
	connect_fastopen(5000, 100);
	expect(SYN, 0, 0, 0);
	offer(given, 8);
	tx(SYN | ACK, 0, 1, 0);
	rx_flush();
	tx(ACK, 1, 101, 0);
	s = connect_fastopen(5001, 100);
	expect(SYN, 0, 0, 100);
	tx(RST | ACK, 0, 101, 0);
	CHECK_EQ(s->closed, 1);
	CHECK_EQ(s->err, -ECONNREFUSED);
	s = connect_fastopen(5002, 100);
	expect(SYN, 0, 0, 100);
	sock_close(s);
	s = connect_fastopen(5003, 100); /* simultaneous open: the data waits */
	expect(SYN, 0, 0, 100);
	tx(SYN, 0, 0, 0);
	expect(SYN | ACK, 0, 1, 0);
	tx(SYN | ACK, 0, 1, 0);
	CHECK_EQ(s->connected, 1);
	CHECK(advance_to_frame(2 * SEC));
	while (rx_peek() && !rx_peek()->len)
		rx();
	expect(ACK | PSH, 1, 1, 100);
	tx(ACK, 1, 101, 0);
	CHECK_EQ(tern_send_queued(s->c), 0);
	rx_flush();
}

/* Two terns: the second connection's request is answered within one round trip. */
static void
test_pair(void)
{
	struct tern_endpoint r;
	struct sock *s = NULL, *a;
	uint8_t b[100];

	bed.dir[0].delay_us = bed.dir[1].delay_us = 10 * MS;
	bed_start_pair();
	CHECK_EQ(node_listen(&bed.n[1], SRV_PORT, 4, &bed.n[1].l[0]), 0);
	tern_listener_fastopen(bed.n[1].l[0], 10);
	peer_addr(&r, SRV_PORT);
	for (unsigned int i = 0; i < 100; i++)
		b[i] = pat(1 + i);
	for (unsigned int i = 0; i < 2; i++) {
		s = sock_new(&bed.n[0]);
		CHECK_EQ(tern_connect_fastopen(TW_(&bed.n[0]), NULL, &r, &sock_ops, s, b, 100, &s->c), 100);
		s->tx_pos = 101;
		run();
		advance_us(i ? 11 * MS : 100 * MS);
		a = sock_accept(&bed.n[1]);
		CU_ASSERT_PTR_NOT_NULL_FATAL(a);
		run();
		CHECK_EQ(sock_recv_all(a), 100);
		CHECK_EQ(sock_send(a, 100), 100);
		run();
		advance_us(10 * MS);
		CHECK_EQ(sock_recv_all(s), 100);
		advance_us(100 * MS);
		CHECK_EQ(sock_state(a), TERN_ESTABLISHED);
	}
	CHECK_EQ(bed.n[1].w->stats[STAT_TFO_PASSIVE], 1);
	CHECK_EQ(bed.n[0].w->stats[STAT_TFO_ACTIVE], 1);
	CHECK_EQ(bed.n[0].w->stats[STAT_RETRANS_SEGS] + bed.n[1].w->stats[STAT_RETRANS_SEGS], 0);
}

int
main(int argc, char **argv)
{
	static CU_TestInfo tests[] = {
		{"cookies are given", test_cookie_given},
		{"server", test_server},
		{"server, options of the SYN-ACK", test_synack},
		{"server, urgent data", test_synack_urgent},
		{"ECN", test_ecn},
		{"server, loss", test_server_loss},
		{"server, nobody there", test_server_dead},
		{"server, closing early", test_server_close},
		{"server, limits", test_server_limits},
		{"client", test_client},
		{"client, black hole", test_client_hole},
		{"client, odd answers", test_client_odd},
		{"both", test_pair},
		CU_TEST_INFO_NULL,
	};

	return harness_main(argc, argv, "fastopen", tests);
}
