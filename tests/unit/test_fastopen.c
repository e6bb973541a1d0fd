/* SPDX-License-Identifier: BSD-3-Clause */
/* TCP Fast Open, RFC 7413: the server against the scripted peer. The client: test_fastopen_client.c. */
#include <sodium.h>
#include "fastopen.h"

#define PENDING 2

static uint8_t cookie[8];

/* The cookie of f's option into c. @return false: there is none. */
static bool
find_cookie(const struct frame *f, uint8_t *c)
{
	for (unsigned int i = 0; i < f->optlen; i += f->opt[i] <= 1 ? 1 : f->opt[i + 1])
		if (f->opt[i] == 34 && f->opt[i + 1] == 10) {
			memcpy(c, f->opt + i + 2, 8);
			return true;
		}
	return false;
}

static void
listen_fastopen(void)
{
	fx_listen();
	tern_listen_setopt(bed.n[0].l[0], TERN_OPT_FASTOPEN, PENDING);
}

/* What the listener gives out for this peer's address. */
static void
learn_cookie(void)
{
	struct tern_conn c = {.af = bed.af};
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

/* A cookie is asked for and given, in an otherwise ordinary handshake; the same for every port of the client
 * (4.1.2). */
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
	tern_listen_setopt(bed.n[0].l[0], TERN_OPT_FASTOPEN, 0);
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

/* The SYN-ACK of such a connection agrees on options as any does, with a window that is not scaled; each time it is
 * sent. */
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
		CHECK_EQ(f->ws, W->sockopts.rcv_ws);
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
	CHECK_EQ(tern_send(s->c, (uint8_t[]){pat(1)}, 1, TERN_SEND_URGENT), 1);
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
	CHECK_EQ(W->fastopen.pending, 1);
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
	CHECK_EQ(W->fastopen.pending, 0);
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
	CHECK_EQ(W->fastopen.pending, 0);
	/* one that is reset */
	peer_new(40001);
	offer(cookie, 8);
	tx(SYN, 0, 0, 100);
	expect(SYN | ACK, 0, 101, 0);
	tx(RST, 101, 0, 0);
	CHECK_EQ(W->fastopen.pending, 0);
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
	CHECK_EQ(W->fastopen.pending, 0);
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
	CHECK_EQ(W->fastopen.pending, PENDING);
	tern_listener_close(bed.n[0].l[0]); /* takes the unconfirmed ones along */
	bed.n[0].l[0] = NULL;
	CHECK_EQ(W->fastopen.pending, 0);
	rx_flush();
}

/* What came with the SYN is read, whoever ends the open before the first ACK; then the error (4.2.2). */
static void
test_server_reset(void)
{
	struct quote q = {.type = bed.af == 4 ? 3 : 1, .code = bed.af == 4 ? 3 : 4, .seq = 0, .ip_len = 60};
	struct sock *s;
	uint8_t b[1];

	listen_fastopen();
	tern_listen_setopt(bed.n[0].l[0], TERN_OPT_FASTOPEN, 10);
	learn_cookie();
	for (unsigned int i = 0; i < 4; i++) { /* RST, or ICMP; after accept, or before */
		peer_new(40000 + i);
		offer(cookie, 8);
		tx(SYN, 0, 0, 100);
		expect(SYN | ACK, 0, 101, 0);
		s = i & 1 ? NULL : sock_accept(&bed.n[0]);
		if (s)
			s->auto_read = true;
		if (i < 2)
			tx(RST, 101, 0, 0);
		else
			tx_icmp(&q);
		CHECK_EQ(W->fastopen.pending, 0);
		if (i & 1) {
			CHECK_EQ(W->listeners.accept_queued, 1);
			advance_us(SEC);
			s = sock_accept(&bed.n[0]);
			CU_ASSERT_PTR_NOT_NULL_FATAL(s);
			CHECK_EQ(sock_recv(s, 50), 50);
			CHECK_EQ(sock_recv(s, 100), 50);
			CHECK_EQ(tern_recv(s->c, b, 1), i < 2 ? -ECONNRESET : -ECONNREFUSED);
			CHECK_EQ(tern_send(s->c, b, 1, 0), i < 2 ? -ECONNRESET : -ECONNREFUSED);
			run();
		}
		CU_ASSERT_PTR_NOT_NULL_FATAL(s);
		CHECK_EQ(s->rx_pos, 101);
		CHECK_EQ(s->closed, 1);
		CHECK_EQ(s->err, i < 2 ? -ECONNRESET : -ECONNREFUSED);
	}
	/* not accepted when the listener goes, or given up unread: nothing is left behind */
	for (unsigned int i = 0; i < 2; i++) {
		peer_new(40010 + i);
		offer(cookie, 8);
		tx(SYN, 0, 0, 100);
		expect(SYN | ACK, 0, 101, 0);
		tx(RST, 101, 0, 0);
		if (i == 0) {
			s = sock_accept(&bed.n[0]);
			CU_ASSERT_PTR_NOT_NULL_FATAL(s);
			sock_close(s);
		}
	}
	tern_listener_close(bed.n[0].l[0]);
	bed.n[0].l[0] = NULL;
	CHECK_EQ(W->listeners.accept_queued, 0);
	expect_silence();
}

/* The listener is there when the worker goes: harness.c counts the buffers. */
static void
test_server_reset_left(void)
{
	listen_fastopen();
	learn_cookie();
	offer(cookie, 8);
	tx(SYN, 0, 0, 100);
	expect(SYN | ACK, 0, 101, 0);
	tx(RST, 101, 0, 0);
	CHECK_EQ(W->listeners.accept_queued, 1);
}

/* A spoofed source resets what it never asked for: that does not make room for the next (5.1). */
static void
test_server_reset_flood(void)
{
	struct sock *s;

	listen_fastopen();
	learn_cookie();
	for (unsigned int i = 0; i < PENDING + 1; i++) {
		peer_new(40000 + i);
		offer(cookie, 8);
		tx(SYN, 0, 0, 100);
		expect(SYN | ACK, 0, i < PENDING ? 101 : 1, 0);
		tx(RST, i < PENDING ? 101 : 1, 0, 0);
	}
	CHECK_EQ(STAT(TFO_OVERFLOW), 1);
	while ((s = sock_accept(&bed.n[0])))
		sock_close(s);
	advance_us(121 * SEC);
	peer_new(40010);
	offer(cookie, 8);
	tx(SYN, 0, 0, 100);
	expect(SYN | ACK, 0, 101, 0);
}

/* 1440 bytes went to a Fast Open client of that MSS, whose first ACK has not come. */
static struct sock *
fx_answered(void)
{
	struct sock *s;

	listen_fastopen();
	learn_cookie();
	memcpy(peer.opt, (uint8_t[]){2, 4, 1440 >> 8, 1440 & 255, 1, 1, 34, 10}, 8);
	memcpy(peer.opt + 8, cookie, 8);
	peer.optlen = 16;
	tx(SYN, 0, 0, 100);
	expect(SYN | ACK, 0, 101, 0);
	s = sock_accept(&bed.n[0]);
	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	CHECK_EQ(sock_recv_all(s), 100);
	CHECK_EQ(sock_send(s, 1440), 1440);
	run();
	expect(ACK | PSH, 1, 101, 1440);
	return s;
}

/* A router's "too big" about an answer that nobody has confirmed. */
static void
test_server_too_big(void)
{
	const unsigned int hdrs = bed.af == 4 ? 40 : 60;
	struct sock *s = fx_answered();

	tx_too_big(1, 1440 + hdrs, 1300);
	expect(ACK, 1, 101, 1300 - hdrs);
	expect(ACK | PSH, 1301 - hdrs, 101, 140 + hdrs);
	tx(ACK, 101, 1441, 0);
	CHECK_EQ(tern_send_queued(s->c), 0);
	advance_us(601 * SEC); /* the full size is tried again */
	CHECK_EQ(sock_send(s, 1440), 1440);
	run();
	expect(ACK | PSH, 1441, 101, 1440);
	tx(ACK, 101, 2881, 0);
}

/* The same of less than every host must take: what is small goes without DF, too, when the handshake is done. */
static void
test_server_below_floor(void)
{
	const struct frame *f;
	struct sock *s;

	if (bed.af == 6)
		return;
	s = fx_answered();
	tx_too_big(1, 1480, 300);
	f = expect(ACK, 1, 101, 536);
	CHECK(f && !f->df);
	rx_flush();
	tx(ACK, 101, 1441, 0);
	CHECK_EQ(sock_state(s), TERN_ESTABLISHED);
	CHECK_EQ(sock_send(s, 100), 100);
	run();
	f = expect(ACK | PSH, 1441, 101, 100);
	CHECK(f && !f->df);
	tx(ACK, 101, 1541, 0);
}

/* Send the cookie with data. @return whether the data was taken; *fresh: the SYN-ACK brought a cookie, which is
 * kept. */
static bool
try_cookie(uint16_t port, bool *fresh)
{
	const struct frame *f;
	bool taken;

	peer_new(port);
	offer(cookie, 8);
	tx(SYN, 0, 0, 100);
	f = rx();
	if (!f)
		return *fresh = false;
	taken = f->ack - peer.iss == 101;
	*fresh = find_cookie(f, cookie);
	tx(RST, taken ? 101 : 1, 0, 0);
	for (struct sock *s; (s = sock_accept(&bed.n[0]));)
		sock_close(s);
	return taken;
}

/* Our own key changes: a cookie lives one to two of its times, and a peer that comes again in time gets the next
 * (4.1.2). */
static void
test_key_renewed(void)
{
	uint8_t first[8];
	bool fresh;

	bed.conf.tcp.fastopen_key_s = 1000;
	listen_fastopen();
	tern_listen_setopt(bed.n[0].l[0], TERN_OPT_FASTOPEN, 100);
	learn_cookie();
	memcpy(first, cookie, 8);
	CHECK(try_cookie(40001, &fresh) && !fresh);
	advance_us(1000 * SEC);
	CHECK(try_cookie(40002, &fresh) && fresh);
	CHECK(memcmp(cookie, first, 8) != 0);
	CHECK_EQ(STAT(TFO_PASSIVE_ALT), 1);
	CHECK(try_cookie(40003, &fresh) && !fresh);
	advance_us(1000 * SEC);
	CHECK(try_cookie(40004, &fresh) && fresh);
	memcpy(cookie, first, 8);
	CHECK(!try_cookie(40005, &fresh) && fresh);
	CHECK_EQ(STAT(TFO_PASSIVE_FAIL), 1);
	CHECK(try_cookie(40006, &fresh) && !fresh);
	advance_us(5000 * SEC);
	CHECK(!try_cookie(40007, &fresh) && fresh);
}

/* A key that was given stays, and makes the cookies that Linux makes of it; until another is given. */
static void
test_key_given(void)
{
	static const uint8_t key[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}, key2[16] = {7},
			     key3[16] = {8};
	uint8_t m[32], want[8];
	struct tern_endpoint e;
	bool fresh;
	const unsigned int n = bed.af == 4 ? 4 : 16;

	memcpy(bed.conf.tcp.fastopen_key, key, 16);
	listen_fastopen();
	tern_listen_setopt(bed.n[0].l[0], TERN_OPT_FASTOPEN, 100);
	learn_cookie();
	peer_addr(&e, 0);
	memcpy(m, e.addr, n);
	tern_addr(&e, 0);
	memcpy(m + n, e.addr, n);
	crypto_shorthash_siphash24(want, m, 2 * n, key);
	CHECK(memcmp(cookie, want, 8) == 0);
	advance_us(1000000 * SEC);
	CHECK(try_cookie(40001, &fresh) && !fresh);
	tern_fastopen_key(TW_(&bed.n[0]), key2);
	CHECK(try_cookie(40002, &fresh) && fresh);
	CHECK(try_cookie(40003, &fresh) && !fresh);
	memcpy(cookie, want, 8);
	tern_fastopen_key(TW_(&bed.n[0]), key3);
	CHECK(!try_cookie(40004, &fresh) && fresh);
}

/* Two workers of a stack take each other's cookies at any time; a key that is given is not renewed. */
static void
test_key_shared(void)
{
	struct tern_conf conf;
	uint8_t opt[20], given[8];
	struct tern_listener l = {.tfo_max = 100};
	struct seg s = {.flow.af = 4, .flow.addr.laddr4 = 1, .flow.addr.raddr4 = 2, .len = 1};
	struct tern_worker w[2];
	unsigned int n;

	tern_conf_init(&conf, sizeof(conf));
	conf.tcp.fastopen_key_s = 100;
	CHECK_EQ(conf_settle(&conf), 0);
	CHECK_EQ(conf.tcp.fastopen_key_s, 100);
	memset(w, 0, sizeof(w));
	for (uint64_t t = 0; t < 1000 * SEC; t += 30 * SEC) {
		for (unsigned int i = 0; i < 2; i++) {
			w[i].conf = conf;
			w[i].now_us = t;
			s.opt = i ? opt : (const uint8_t[]){34, 2};
			s.optlen = i ? 12 : 2;
			CHECK_EQ(tcp_tfo_syn(&w[i], &l, &s, opt, &n), i ? TFO_YES : TFO_NO);
			memcpy(given, opt + 4, 8);
		}
	}
	memset(conf.tcp.fastopen_key, 1, 16);
	CHECK_EQ(conf_settle(&conf), 0);
	CHECK_EQ(conf.tcp.fastopen_key_s, 0);
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
		{"server, reset", test_server_reset},
		{"server, reset and left", test_server_reset_left},
		{"server, resets count", test_server_reset_flood},
		{"server, too big", test_server_too_big},
		{"server, below the floor", test_server_below_floor},
		{"key, renewed", test_key_renewed},
		{"key, given", test_key_given},
		{"key, shared", test_key_shared},
		CU_TEST_INFO_NULL,
	};

	return harness_main(argc, argv, "fastopen", tests);
}
