/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The two queues of a listener at 0, 1, their limit and one more. Half-open holds
 * max(8, roundup_pow2(min(backlog, somaxconn, max_syn_backlog) + 1)), accept holds max(backlog, 1) (tern.h).
 */
#include "harness.h"

static void
listen_backlog(int backlog)
{
	bed_start();
	CU_ASSERT_EQUAL_FATAL(node_listen(&bed.n[0], SRV_PORT, backlog, &bed.n[0].l[0]), 0);
}

/* SYN from port; the peer is left as that flow. @return true when a SYN-ACK came */
static bool
syn(uint16_t port)
{
	peer_new(port);
	tx(SYN, 0, 0, 0);
	if (!rx_peek())
		return false;
	expect(SYN | ACK, 0, 1, 0);
	return true;
}

static void
open_one(uint16_t port)
{
	CHECK(syn(port));
	tx(ACK, 1, 1, 0);
	expect_silence();
}

static void
test_half_open_limit(void)
{
	static const struct {
		int backlog;
		unsigned int limit;
	} t[] = {{0, 8}, {1, 8}, {7, 8}, {8, 16}, {16, 32}, {63, 64}};

	for (unsigned int i = 0; i < RTE_DIM(t); i++) {
		bed_down();
		bed_reset(bed.af);
		bed.conf.tcp.cookie_mode = TERN_COOKIE_NEVER;
		listen_backlog(t[i].backlog);
		for (unsigned int k = 0; k < t[i].limit; k++)
			CHECK(syn(1000 + k));
		CHECK_EQ(W->listeners.half_open, t[i].limit);
		CHECK_EQ(STAT(REQQ_FULL_DROP), 0);
		CHECK(!syn(3000));
		CHECK_EQ(W->listeners.half_open, t[i].limit);
		CHECK_EQ(STAT(REQQ_FULL_DROP), 1);
		CHECK_EQ(STAT(DROP_LISTEN), 1);
		/* one leaves, one enters */
		peer_new(1000);
		tx(SYN, 0, 0, 0); /* the duplicate tells this flow's numbers, and needs no room */
		expect(SYN | ACK, 0, 1, 0);
		tx(RST, 1, 0, 0);
		CHECK_EQ(W->listeners.half_open, t[i].limit - 1);
		CHECK(syn(3000));
		CHECK(!syn(3001));
	}
}

static void
test_max_syn_backlog(void)
{
	bed.conf.tcp.cookie_mode = TERN_COOKIE_NEVER;
	bed.conf.tcp.max_syn_backlog = 10;
	listen_backlog(100);
	for (unsigned int k = 0; k < 16; k++)
		CHECK(syn(1000 + k));
	CHECK(!syn(2000));
}

/* The accept queue at its limit: a final ACK is dropped and the request goes on; the SYN-ACK comes again. */
static void
accept_limit(int backlog, unsigned int limit)
{
	bed.conf.tcp.cookie_mode = TERN_COOKIE_NEVER;
	listen_backlog(backlog);
	for (unsigned int i = 0; i < limit; i++)
		CHECK(syn(1000 + i));
	CHECK(syn(2000)); /* half-open before the accept queue fills */
	for (unsigned int i = 0; i < limit; i++) {
		peer_new(1000 + i);
		tx(SYN, 0, 0, 0);
		expect(SYN | ACK, 0, 1, 0);
		tx(ACK, 1, 1, 0);
		expect_silence();
	}
	CHECK_EQ(W->listeners.accept_queued, limit);
	CHECK_EQ(STAT(LISTEN_OVERFLOWS), 0);
	peer_new(2000);
	tx(SYN, 0, 0, 0);
	expect(SYN | ACK, 0, 1, 0);
	tx(ACK, 1, 1, 0);
	expect_silence();
	CHECK_EQ(W->listeners.accept_queued, limit);
	CHECK_EQ(W->listeners.half_open, 1);
	CHECK_EQ(STAT(LISTEN_OVERFLOWS), 1);
	CHECK_EQ(STAT(ACCEPT_DEFER), 1);
	CHECK_EQ(bed.n[0].s[0].closed, 0);
}

static void
test_accept_limit(void)
{
	static const int t[][2] = {{0, 1}, {1, 1}, {2, 2}, {16, 16}};

	for (unsigned int i = 0; i < RTE_DIM(t); i++) {
		bed_down();
		bed_reset(bed.af);
		accept_limit(t[i][0], t[i][1]);
	}
	bed_down();
	bed_reset(bed.af);
	bed.conf.tcp.somaxconn = 3;
	accept_limit(16, 3);
}

/* A deferred final ACK: the SYN-ACK is sent again, the ACK of that one is taken once there is room. */
static void
test_accept_deferred(void)
{
	accept_limit(1, 1);
	expect_at(SYN | ACK, 0, 1, 0, 0, 2 * SEC);
	CHECK(sock_accept(&bed.n[0]) != NULL);
	tx(ACK, 1, 1, 0);
	expect_silence();
	CHECK_EQ(bed.n[0].acceptable >= 2, true);
	CHECK(sock_accept(&bed.n[0]) != NULL);
	CHECK_EQ(W->listeners.half_open, 0);
	expect_silence_for(100 * SEC);
}

/* The peer of a deferred final ACK thinks it is ESTABLISHED; its data is not lost, only not acknowledged. */
static void
test_accept_deferred_data(void)
{
	struct sock *s;

	accept_limit(1, 1);
	tx(ACK, 1, 1, 100);
	while (rx_peek()) /* nothing may acknowledge the data */
		CHECK_EQ(rx()->ack - peer.iss, 1);
	CHECK(sock_accept(&bed.n[0]) != NULL);
	tx(ACK, 1, 1, 100);
	s = sock_accept(&bed.n[0]);
	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	CHECK_EQ(sock_recv_all(s), 100);
}

/* While the accept queue is full a SYN is not answered (as Linux; it would only fill the half-open queue). */
static void
test_syn_when_accept_full(void)
{
	bed.conf.tcp.cookie_mode = TERN_COOKIE_NEVER;
	listen_backlog(1);
	open_one(1000);
	CHECK_EQ(W->listeners.accept_queued, 1);
	CHECK(!syn(2000));
	CHECK_EQ(STAT(LISTEN_OVERFLOWS), 1);
	CHECK_EQ(STAT(LISTEN_DROPS), 1);
	CHECK_EQ(W->listeners.half_open, 0);
	CHECK(sock_accept(&bed.n[0]) != NULL);
	CHECK(syn(2000));
}

static void
test_abort_on_overflow(void)
{
	bed.conf.tcp.abort_on_overflow = true;
	bed.conf.tcp.cookie_mode = TERN_COOKIE_NEVER;
	listen_backlog(1);
	CHECK(syn(1000));
	CHECK(syn(2000));
	tx(ACK, 1, 1, 0);
	expect_silence();
	peer_new(1000);
	tx(SYN, 0, 0, 0);
	expect(SYN | ACK, 0, 1, 0);
	tx(ACK, 1, 1, 0);
	expect_rst(1, 1);
	CHECK_EQ(W->listeners.half_open, 0);
	CHECK_EQ(STAT(LISTEN_OVERFLOWS), 1);
	expect_silence_for(100 * SEC);
}

static void
test_accept_order(void)
{
	struct tern_info inf;
	struct sock *s;

	listen_backlog(16);
	for (unsigned int i = 0; i < 16; i++)
		open_one(1000 + i);
	for (unsigned int i = 0; i < 16; i++) {
		s = sock_accept(&bed.n[0]);
		CU_ASSERT_PTR_NOT_NULL_FATAL(s);
		tern_conn_info(s->c, &inf, sizeof(inf));
		CHECK_EQ(ntohs(inf.remote.port), 1000 + i);
		CHECK_EQ(ntohs(inf.local.port), SRV_PORT);
		CHECK_EQ(inf.remote.af, bed.af);
	}
	CHECK(sock_accept(&bed.n[0]) == NULL);
}

/* A reset takes a connection off the accept queue: its room is free again and accept() never hands it out. */
static void
test_reset_in_accept_queue(void)
{
	struct peer first;

	listen_backlog(2);
	open_one(1000);
	first = peer;
	open_one(1001);
	peer = first;
	tx(RST, 1, 0, 0);
	expect_silence();
	open_one(1002);
	for (unsigned int i = 0; i < 2; i++)
		CHECK(sock_accept(&bed.n[0]) != NULL);
	CHECK(sock_accept(&bed.n[0]) == NULL);
	CHECK_EQ(W->listeners.accept_queued, 0);
}

/* Data and FIN that arrive before accept() wait for it. */
static void
test_data_before_accept(void)
{
	struct sock *s;

	listen_backlog(2);
	open_one(1000);
	tx(ACK, 1, 1, 100);
	tx(FIN | ACK, 101, 1, 0);
	advance_us(500 * MS);
	CHECK(rx_flush() >= 1);
	s = sock_accept(&bed.n[0]);
	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	run();
	CHECK(s->readable >= 1);
	CHECK_EQ(sock_recv(s, 1000), 100);
	CHECK_EQ(sock_recv(s, 1000), 0);
	sock_close(s);
	expect(FIN | ACK, 1, 102, 0);
}

/* max_requests is shared; a listener reserves its queue at tern_listen() or is refused. */
static void
test_request_reservation(void)
{
	bed.conf.max_requests = 40;
	bed_start();
	CHECK_EQ(node_listen(&bed.n[0], 80, 16, &bed.n[0].l[0]), 0);	   /* 32 */
	CHECK_EQ(node_listen(&bed.n[0], 81, 16, &bed.n[0].l[1]), -ENOMEM); /* 32 more do not fit */
	bed.n[0].l[1] = NULL;
	CHECK_EQ(node_listen(&bed.n[0], 82, 1, &bed.n[0].l[2]), 0); /* 8 */
	tern_listener_close(bed.n[0].l[0]);
	bed.n[0].l[0] = NULL;
	CHECK_EQ(node_listen(&bed.n[0], 81, 16, &bed.n[0].l[1]), 0);
}

/* A SYN flood of never-finished handshakes leaves nothing behind. */
static void
test_flood_recovers(void)
{
	listen_backlog(16);
	for (unsigned int i = 0; i < 2000; i++) {
		peer_new(1000 + i);
		tx(SYN, 0, 0, 0);
		rx_flush();
	}
	CHECK(W->listeners.half_open <= 32);
	CHECK(STAT(COOKIES_SENT) > 1900);
	for (unsigned int i = 0; i < 100; i++) {
		advance_us(SEC);
		rx_flush();
	}
	CHECK_EQ(W->listeners.half_open, 0);
	CHECK_EQ(W->table.count, 0);
	open_one(500);
	CHECK(sock_accept(&bed.n[0]) != NULL);
}

int
main(int argc, char **argv)
{
	static CU_TestInfo tests[] = {
		{"half-open queue at its limit", test_half_open_limit},
		{"max_syn_backlog", test_max_syn_backlog},
		{"accept queue at its limit", test_accept_limit},
		{"deferred final ACK", test_accept_deferred},
		{"deferred final ACK with data", test_accept_deferred_data},
		{"SYN when the accept queue is full", test_syn_when_accept_full},
		{"abort on overflow", test_abort_on_overflow},
		{"order of accept", test_accept_order},
		{"reset in the accept queue", test_reset_in_accept_queue},
		{"data before accept", test_data_before_accept},
		{"reservation of requests", test_request_reservation},
		{"flood of SYNs", test_flood_recovers},
		CU_TEST_INFO_NULL,
	};

	return harness_main(argc, argv, "listen", tests);
}
