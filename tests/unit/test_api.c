/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tern.h: what calls take and give back, apart from what TCP makes of it.
 */
#include <sys/uio.h>
#include "harness.h"

static const uint8_t *
pattern(uint32_t q, uint32_t n)
{
	static uint8_t b[4096];

	CU_ASSERT_FATAL(n <= sizeof(b));
	for (uint32_t i = 0; i < n; i++)
		b[i] = pat(q + i);
	return b;
}

static void
test_send_flags(void)
{
	struct sock *s = fx_established();

	CHECK_EQ(tern_send(s->c, pattern(1, 10), 10, 4), -EINVAL);
	CHECK_EQ(tern_send_queued(s->c), 0);
	CHECK_EQ(tern_send(s->c, pattern(1, 10), 10, TERN_SEND_MORE), 10);
	run();
	expect_silence();
	CHECK_EQ(tern_send(s->c, pattern(11, 10), 10, 0), 10);
	run();
	expect(ACK | PSH, 1, 1, 20);
	CHECK_EQ(tern_send(s->c, NULL, 0, 0), 0);
	run();
	expect_silence();
	tx(ACK, 1, 21, 0);
	CHECK_EQ(tern_send(s->c, pattern(21, 5), 5, TERN_SEND_URGENT), 5);
	run();
	CHECK_EQ(expect(ACK | PSH | URG, 21, 1, 5)->urp, 5);
	tx(ACK, 1, 26, 0);
}

/* Pieces are one stream, in as few segments as one piece would be. */
static void
test_sendv(void)
{
	struct sock *s = fx_established();
	uint8_t b[30];
	struct iovec iov[4] = {{b, 10}, {b + 10, 0}, {b + 10, 1}, {b + 11, 19}};

	memcpy(b, pattern(1, 30), 30);
	CHECK_EQ(tern_sendv(s->c, iov, 4, 8), -EINVAL);
	CHECK_EQ(tern_sendv(s->c, iov, 0, 0), 0);
	CHECK_EQ(tern_sendv(s->c, iov, 4, 0), 30);
	run();
	expect(ACK | PSH, 1, 1, 30);
	tx(ACK, 1, 31, 0);
	expect_silence();
	tern_shutdown(s->c, TERN_SHUT_WR);
	CHECK_EQ(tern_sendv(s->c, iov, 4, 0), -EPIPE);
	run();
	expect(ACK | FIN, 31, 1, 0);
	tx(ACK, 1, 32, 0);
}

/* What does not fit is told, and nothing behind it is taken. */
static void
test_sendv_short(void)
{
	struct sock *s;
	uint8_t *b = malloc(8192);
	struct iovec iov[3];

	bed.conf.tcp.snd_buf = bed.conf.tcp.snd_buf_max = 4096;
	s = fx_established();
	CU_ASSERT_PTR_NOT_NULL_FATAL(b);
	for (uint32_t i = 0; i < 8192; i++)
		b[i] = pat(1 + i);
	iov[0] = (struct iovec){b, 3000};
	iov[1] = (struct iovec){b + 3000, 3000};
	iov[2] = (struct iovec){b + 6000, 1};
	CHECK_EQ(tern_sendv(s->c, iov, 3, 0), 4096);
	CHECK_EQ(tern_sendv(s->c, iov, 3, 0), -EAGAIN);
	run();
	CHECK(rx_flush() >= 2);
	tx(ACK, 1, 4097, 0);
	run();
	CHECK_EQ(s->writable, 1);
	free(b);
}

/* Data, nothing, FIN and an error are four answers. */
static void
test_recv_mbufs(void)
{
	struct sock *s = fx_established();
	struct rte_mbuf *m[4];
	uint32_t at = 1;

	CHECK_EQ(tern_recv_mbufs(s->c, m, 4), -EAGAIN);
	for (unsigned int i = 0; i < 6; i++)
		tx(ACK | PSH, 1 + 700 * i, 1, 700);
	rx_flush();
	for (unsigned int round = 0, want = 4; round < 2; round++, want = 2) {
		CU_ASSERT_EQUAL_FATAL(tern_recv_mbufs(s->c, m, 4), (int)want);
		for (unsigned int i = 0; i < want; i++) {
			CHECK_EQ(m[i]->pkt_len, 700);
			CHECK_EQ(m[i]->nb_segs, 1);
			CHECK_EQ(memcmp(rte_pktmbuf_mtod(m[i], void *), pattern(at, 700), 700), 0);
			at += 700;
			tern_mbuf_free(TW_(&bed.n[0]), m[i]);
		}
	}
	CHECK_EQ(tern_recv_mbufs(s->c, m, 4), -EAGAIN);
	tx(ACK | PSH | FIN, at, 1, 10);
	CU_ASSERT_EQUAL_FATAL(tern_recv_mbufs(s->c, m, 4), 1);
	tern_mbuf_free(TW_(&bed.n[0]), m[0]);
	CHECK_EQ(tern_recv_mbufs(s->c, m, 4), 0);
	rx_flush();
	tx(RST, at + 11, 0, 0);
	CHECK_EQ(s->err, -ECONNRESET);
}

/* The oldest first, no more than asked for. */
static void
test_accept(void)
{
	struct tern_conn *c[4];
	struct tern_info info;
	int mark;

	fx_listen();
	for (unsigned int i = 0; i < 5; i++) {
		peer_new(50000 + i);
		tx(SYN, 0, 0, 0);
		expect(SYN | ACK, 0, 1, 0);
		tx(ACK, 1, 1, 0);
	}
	CHECK_EQ(tern_accept(bed.n[0].l[0], NULL, NULL, c, 0), 0);
	for (unsigned int done = 0, want = 4; done < 5; done += want, want = 1) {
		CU_ASSERT_EQUAL_FATAL(tern_accept(bed.n[0].l[0], NULL, &mark, c, 4), want);
		for (unsigned int i = 0; i < want; i++) {
			tern_conn_info(c[i], &info, sizeof(info));
			CHECK_EQ(ntohs(info.remote.port), 50000 + done + i);
			CHECK(tern_conn_user(c[i]) == &mark);
			tern_abort(c[i]);
		}
	}
	CHECK_EQ(tern_accept(bed.n[0].l[0], NULL, NULL, c, 4), 0);
	CHECK_EQ(STAT(ACCEPTED), 5);
	run();
	CHECK_EQ(rx_flush(), 5);
}

/* Each option: what was set is what is read, of a listener and of a connection. */
static void
test_getopt(void)
{
	static const struct {
		enum tern_opt opt;
		uint32_t set, get;
	} t[] = {
		{TERN_OPT_NODELAY, 7, 1},
		{TERN_OPT_NODELAY, 0, 0},
		{TERN_OPT_QUICKACK, TERN_QUICKACK_ON, TERN_QUICKACK_ON},
		{TERN_OPT_QUICKACK, TERN_QUICKACK_OFF, TERN_QUICKACK_OFF},
		{TERN_OPT_QUICKACK, TERN_QUICKACK_AUTO, TERN_QUICKACK_AUTO},
		{TERN_OPT_KEEPALIVE, 1, 1},
		{TERN_OPT_KEEPIDLE_S, 100, 100},
		{TERN_OPT_KEEPINTVL_S, 10, 10},
		{TERN_OPT_KEEPCNT, 3, 3},
		{TERN_OPT_USER_TIMEOUT_MS, 5000, 5000},
		{TERN_OPT_LINGER_MS, 0, 0},
		{TERN_OPT_LINGER_MS, 86400000, 86400000},
		{TERN_OPT_LINGER_MS, TERN_LINGER_OFF, TERN_LINGER_OFF},
		{TERN_OPT_SNDBUF, 10000, 10000},
		{TERN_OPT_RCVBUF, 20000, 20000},
		{TERN_OPT_TTL, 9, 9},
		{TERN_OPT_TOS, 0x2b, 0x28},
		{TERN_OPT_MAXSEG, 1000, 1000},
		{TERN_OPT_CORK, 1, 1},
		{TERN_OPT_CORK, 0, 0},
		{TERN_OPT_CC, TERN_CC_NEWRENO, TERN_CC_NEWRENO},
	};
	struct sock *s = fx_established();
	struct tern_listener *l = bed.n[0].l[0];
	uint32_t v;

	for (unsigned int i = 0; i < RTE_DIM(t); i++) {
		CHECK_EQ(tern_setopt(s->c, t[i].opt, t[i].set), 0);
		v = 12345;
		CHECK_EQ(tern_getopt(s->c, t[i].opt, &v), 0);
		check_at(v == t[i].get, __FILE__, __LINE__, "row %u: %u", i, v);
		CHECK_EQ(tern_listen_setopt(l, t[i].opt, t[i].set), 0);
		v = 12345;
		CHECK_EQ(tern_listen_getopt(l, t[i].opt, &v), 0);
		check_at(v == t[i].get, __FILE__, __LINE__, "listener, row %u: %u", i, v);
	}
	CHECK_EQ(tern_listen_setopt(l, TERN_OPT_COOKIES, TERN_COOKIE_NEVER), 0);
	CHECK_EQ(tern_listen_getopt(l, TERN_OPT_COOKIES, &v), 0);
	CHECK_EQ(v, TERN_COOKIE_NEVER);
	CHECK_EQ(tern_listen_setopt(l, TERN_OPT_COOKIES, 3), -EINVAL);
	CHECK_EQ(tern_listen_setopt(l, TERN_OPT_FASTOPEN, 17), 0);
	CHECK_EQ(tern_listen_getopt(l, TERN_OPT_FASTOPEN, &v), 0);
	CHECK_EQ(v, 17);
	CHECK_EQ(tern_setopt(s->c, TERN_OPT_COOKIES, 0), -ENOPROTOOPT);
	CHECK_EQ(tern_setopt(s->c, TERN_OPT_FASTOPEN, 0), -ENOPROTOOPT);
	CHECK_EQ(tern_getopt(s->c, TERN_OPT_FASTOPEN, &v), -ENOPROTOOPT);
	CHECK_EQ(tern_getopt(s->c, TERN_OPT_FASTOPEN + 1, &v), -ENOPROTOOPT);
	CHECK_EQ(tern_listen_getopt(l, TERN_OPT_FASTOPEN + 1, &v), -ENOPROTOOPT);
	run();
	rx_flush();
}

static void
test_endpoints(void)
{
	static const struct {
		const char *in, *out; /* out NULL: refused */
	} t[] = {
		{"192.0.2.1", "192.0.2.1"},
		{"192.0.2.1:80", "192.0.2.1:80"},
		{"192.0.2.1:0", "192.0.2.1"},
		{"0.0.0.0:65535", "0.0.0.0:65535"},
		{"2001:db8::1", "2001:db8::1"},
		{"[2001:db8::1]:443", "[2001:db8::1]:443"},
		{"[2001:db8::1]", "2001:db8::1"},
		{"[::]:1", "[::]:1"},
		{"::ffff:192.0.2.1", "::ffff:192.0.2.1"},
		{"2001:0db8:0000:0000:0000:0000:0000:0001", "2001:db8::1"},
		{"", NULL},
		{"192.0.2", NULL},
		{"192.0.2.1:", NULL},
		{"192.0.2.1:65536", NULL},
		{"192.0.2.1:-1", NULL},
		{"192.0.2.1: 80", NULL},
		{"192.0.2.1:80x", NULL},
		{"192.0.2.256:80", NULL},
		{"[192.0.2.1]:80", NULL},
		{"[2001:db8::1", NULL},
		{"[2001:db8::1]80", NULL},
		{"2001:db8::1]:80", NULL},
		{"[]:80", NULL},
		{"host:80", NULL},
		{":80", NULL},
		{"[2001:db8::1]:80:80", NULL},
		{"2001:0db8:0000:0000:0000:0000:0000:0001:0000:0000:0000", NULL},
	};
	char buf[TERN_ENDPOINT_LEN];
	struct tern_endpoint e, again;

	for (unsigned int i = 0; i < RTE_DIM(t); i++) {
		const int rc = tern_endpoint_parse(t[i].in, &e);

		check_at(rc == (t[i].out ? 0 : -EINVAL), __FILE__, __LINE__, "'%s': %d", t[i].in, rc);
		if (!t[i].out)
			continue;
		check_at(strcmp(tern_endpoint_format(&e, buf), t[i].out) == 0, __FILE__, __LINE__, "'%s' became '%s'",
			 t[i].in, buf);
		CHECK_EQ(tern_endpoint_parse(buf, &again), 0);
		CHECK_EQ(memcmp(&e, &again, sizeof(e)), 0);
	}
	memset(e.addr, 0xfd, 16);
	e.af = TERN_AF_INET6;
	e.port = 0xffff;
	CHECK_EQ(strlen(tern_endpoint_format(&e, buf)), strlen("[fdfd:fdfd:fdfd:fdfd:fdfd:fdfd:fdfd:fdfd]:65535"));
}

/* What waits and what comes is dropped, the rest of the connection goes on. */
static void
test_shutdown_read(void)
{
	struct sock *s = fx_established();
	struct tern_info i;
	uint8_t b[10];

	tx(ACK | PSH, 1, 1, 100);
	tx(ACK | PSH, 201, 1, 50);
	rx_flush();
	CHECK_EQ(tern_shutdown(s->c, TERN_SHUT_RDWR + 1), -EINVAL);
	CHECK_EQ(tern_shutdown(s->c, TERN_SHUT_RD), 0);
	CHECK_EQ(tern_shutdown(s->c, TERN_SHUT_RD), -EPIPE);
	tern_conn_info(s->c, &i, sizeof(i));
	CHECK(i.mbufs == 0 && i.unread == 0 && i.out_of_order == 0);
	CHECK_EQ(tern_recv(s->c, b, sizeof(b)), 0);
	CHECK(tern_recv_eof(s->c) && !tern_peer_closed(s->c));
	run();
	rx_flush();
	tx(ACK | PSH, 101, 1, 20);
	expect(ACK, 1, 121, 0);
	tx(ACK | PSH, 201, 1, 50); /* behind a hole: it comes again */
	expect(ACK, 1, 121, 0);
	tx(ACK | PSH, 121, 1, 80);
	expect(ACK, 1, 201, 0);
	tx(ACK | PSH, 201, 1, 50);
	expect(ACK, 1, 251, 0);
	CHECK_EQ(STAT(RCV_SHUT), 3);
	CHECK_EQ(STAT(DROP_SHUT_RX), 1);
	CHECK_EQ(tern_recv(s->c, b, sizeof(b)), 0);
	sock_send(s, 10);
	run();
	expect(ACK | PSH, 1, 251, 10);
	tx(ACK | FIN, 251, 11, 5);
	expect(ACK, 11, 257, 0);
	CHECK(tern_peer_closed(s->c));
	sock_close(s); /* in order: nothing was left unread */
	expect(ACK | FIN, 11, 257, 0);
	tx(ACK, 257, 12, 0);
	CHECK_EQ(STAT(CLOSED_OK), 1);
}

/* A window that was closed opens. */
static void
test_shutdown_window(void)
{
	struct sock *s;

	bed.conf.tcp.rcv_buf = bed.conf.tcp.rcv_buf_max = 4000;
	s = fx_established();
	for (uint32_t at = 1; at < 4001; at += 1000)
		tx(ACK | PSH, at, 1, 1000);
	advance_us(500 * MS);
	rx_flush();
	tx(ACK, 4001, 1, 1);
	CHECK_EQ(expect(ACK, 1, 4001, 0)->wnd, 0);
	CHECK_EQ(tern_shutdown(s->c, TERN_SHUT_RD), 0);
	run();
	CHECK_EQ(expect(ACK, 1, 4001, 0)->wnd, 4000);
}

static void
test_shutdown_both(void)
{
	struct sock *s = fx_syn_sent();

	CHECK_EQ(tern_shutdown(s->c, TERN_SHUT_RDWR), -ENOTCONN);
	tx(SYN | ACK, 0, 1, 0);
	expect(ACK, 1, 1, 0);
	tx(ACK | PSH, 1, 1, 10);
	CHECK_EQ(tern_shutdown(s->c, TERN_SHUT_WR), 0);
	CHECK_EQ(tern_shutdown(s->c, TERN_SHUT_RDWR), 0);
	CHECK_EQ(tern_shutdown(s->c, TERN_SHUT_RDWR), -EPIPE);
	run();
	expect(ACK | FIN, 1, 11, 0);
	tx(ACK | PSH, 11, 2, 10);
	expect(ACK, 2, 21, 0);
	tx(ACK | FIN, 21, 2, 0);
	expect(ACK, 2, 22, 0);
	CHECK_EQ(s->closed, 1);
	CHECK_EQ(s->err, 0);
}

static char logged[256];
static int logged_level;

static void
take_line(int level, const char *line, void *arg)
{
	logged_level = level;
	snprintf(arg, sizeof(logged), "%s", line);
}

static void
test_log(void)
{
	struct tern_conf conf = bed.conf;

	conf.tcp.delack_ms = 500;
	tern_log_set(take_line, logged);
	CHECK_EQ(conf_settle(&conf), -EINVAL);
	tern_log_set(NULL, NULL);
	CHECK_EQ(strcmp(logged, "delack_ms 500: must be below 500 (RFC 9293 MUST-40)"), 0);
	CHECK_EQ(logged_level, 4);
}

static void
test_version(void)
{
	int major, minor, patch, end = 0;

	CHECK_EQ(sscanf(tern_version(), "%d.%d.%d%n", &major, &minor, &patch, &end), 3);
	CHECK_EQ(tern_version()[end], 0);
}

static CU_TestInfo tests[] = {
	{"send: flags", test_send_flags},
	{"sendv", test_sendv},
	{"sendv: short", test_sendv_short},
	{"recv_mbufs", test_recv_mbufs},
	{"accept: several", test_accept},
	{"getopt", test_getopt},
	{"endpoints as text", test_endpoints},
	{"shutdown: reading", test_shutdown_read},
	{"shutdown: reading, closed window", test_shutdown_window},
	{"shutdown: both", test_shutdown_both},
	{"log: hook", test_log},
	{"version", test_version},
	CU_TEST_INFO_NULL,
};

int
main(int argc, char **argv)
{
	return harness_main(argc, argv, "api", tests);
}
