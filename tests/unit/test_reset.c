/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a reset ends, and what it leaves: text that came before it is read first (as Linux; RFC 9293 3.10.7.4 lets a
 * receiver flush its queues), then the error. Where it stands: RFC 5961 3.2, and Linux's place of the peer's FIN.
 */
#include "harness.h"

static struct {
	unsigned int calls, closed_at, got, late; /* late: read in closed() */
	int err;
	ssize_t after; /* what recv said when all was read */
	bool drain, give_up;
} seen;

static ssize_t
read_all(struct tern_conn *c, unsigned int *got)
{
	uint8_t buf[4096];
	ssize_t n;

	while ((n = tern_recv(c, buf, sizeof(buf))) > 0) {
		for (ssize_t i = 0; i < n; i++)
			CHECK(buf[i] == pat(1 + seen.got + seen.late + i));
		*got += n;
	}
	return n;
}

static void
see_readable(struct tern_conn *c, void *user)
{
	seen.calls++;
	if (seen.drain)
		seen.after = read_all(c, &seen.got);
	if (seen.give_up) {
		((struct sock *)user)->c = NULL;
		tern_close(c);
	}
}

static void
see_closed(struct tern_conn *c, void *user, int err)
{
	seen.closed_at = ++seen.calls;
	seen.err = err;
	seen.after = read_all(c, &seen.late);
	((struct sock *)user)->c = NULL;
}

static const struct tern_ops see_ops = {.readable = see_readable, .closed = see_closed};

static struct sock *
watched(struct sock *s, bool drain)
{
	memset(&seen, 0, sizeof(seen));
	seen.drain = drain;
	tern_conn_set_user(s->c, &see_ops, s);
	return s;
}

static void
burst_with_rst(uint8_t flags, uint32_t len)
{
	bed.corked = true;
	tx(flags, 1, 1, len);
	tx(RST, 1 + len + !!(flags & FIN), 0, 0);
	uncork();
}

/* In one burst or in two: readable() first, recv() says the error only when all is read. */
static void
test_data_then_rst(void)
{
	for (unsigned int i = 0; i < 4; i++) {
		bed_down();
		bed_reset(bed.af);
		watched(fx_established(), i & 1);
		if (i & 2) {
			tx(ACK, 1, 1, 100);
			tx(RST, 101, 0, 0);
		} else {
			burst_with_rst(ACK, 100);
		}
		CHECK_EQ(seen.calls, 2);
		CHECK_EQ(seen.closed_at, 2);
		CHECK_EQ(seen.err, -ECONNRESET);
		CHECK_EQ(seen.got, i & 1 ? 100 : 0);
		CHECK_EQ(seen.late, i & 1 ? 0 : 100);
		CHECK_EQ(seen.after, -ECONNRESET);
		rx_flush();
		CHECK_EQ(W->conns.avail, W->conns.total);
		CHECK_EQ(rte_mempool_avail_count(bed.n[0].mp), bed.n[0].mbufs);
	}
}

/* The peer's FIN came before the reset: the stream is whole, recv() says so; closed() says how it ended. */
static void
test_fin_then_rst(void)
{
	for (unsigned int i = 0; i < 4; i++) {
		bed_down();
		bed_reset(bed.af);
		watched(fx_established(), i & 1);
		burst_with_rst(FIN | ACK, i & 2 ? 100 : 0);
		CHECK_EQ(seen.closed_at, 2);
		CHECK_EQ(seen.err, -ECONNRESET);
		CHECK_EQ(seen.got + seen.late, i & 2 ? 100 : 0);
		CHECK_EQ(seen.after, 0);
		rx_flush();
	}
}

/* Given up in readable(): no closed(), nothing leaks. */
static void
test_close_in_readable(void)
{
	watched(fx_established(), false);
	seen.give_up = true;
	burst_with_rst(ACK, 100);
	CHECK_EQ(seen.calls, 1);
	expect_silence();
	CHECK_EQ(W->conns.avail, W->conns.total);
}

/* The answer, its text and a reset, all in one burst of an active open. */
static void
test_connect_then_rst(void)
{
	struct sock *s = fx_syn_sent();

	s->auto_read = true;
	bed.corked = true;
	tx(SYN | ACK, 0, 1, 0);
	tx(ACK, 1, 1, 100);
	tx(RST, 101, 0, 0);
	uncork();
	CHECK_EQ(s->connected, 1);
	CHECK_EQ(s->readable, 1);
	CHECK_EQ(s->rx_pos, 101);
	CHECK_EQ(s->closed, 1);
	CHECK_EQ(s->err, -ECONNRESET);
}

/* An end by timeout leaves the text, too. */
static void
test_timeout(void)
{
	struct sock *s = watched(fx_established(), false);

	tx(ACK, 1, 1, 100);
	CHECK_EQ(tern_setopt(s->c, TERN_OPT_USER_TIMEOUT_MS, 5000), 0);
	CHECK_EQ(sock_send(s, 10), 10);
	advance_us(60 * SEC);
	rx_flush();
	CHECK_EQ(seen.err, -ETIMEDOUT);
	CHECK_EQ(seen.late, 100);
	CHECK_EQ(seen.after, -ETIMEDOUT);
}

static void
unaccepted(uint32_t len)
{
	fx_half_open();
	bed.corked = true;
	tx(ACK, 1, 1, len);
	tx(RST, 1 + len, 0, 0);
	uncork();
	rx_flush();
}

/* Reset while it waits to be accepted: with text it waits on, and is accepted, read and then closed; without, it is
 * gone. */
static void
test_accept_queue(void)
{
	struct tern_conn *c;
	struct sock *s;

	unaccepted(0);
	CHECK(sock_accept(&bed.n[0]) == NULL);
	CHECK_EQ(W->conns.avail, W->conns.total);
	peer_new(40001);
	unaccepted(100);
	CHECK_EQ(W->table.count, 0);
	CHECK_EQ(W->listeners.accept_queued, 1);
	s = sock_new(&bed.n[0]);
	memset(&seen, 0, sizeof(seen));
	CU_ASSERT_EQUAL_FATAL(tern_accept(bed.n[0].l[0], &see_ops, s, &s->c, 1), 1);
	seen.drain = true;
	run();
	CHECK_EQ(seen.got, 100);
	CHECK_EQ(seen.after, -ECONNRESET);
	CHECK_EQ(seen.closed_at, 2);
	CHECK_EQ(seen.err, -ECONNRESET);
	CHECK_EQ(W->conns.avail, W->conns.total);
	peer_new(40002);
	unaccepted(100);
	CU_ASSERT_EQUAL_FATAL(tern_accept(bed.n[0].l[0], NULL, NULL, &c, 1), 1);
	tern_close(c);
	run();
	CHECK_EQ(W->conns.avail, W->conns.total);
	expect_silence();
	peer_new(40003);
	unaccepted(100); /* and the listener closes */
	peer_new(40004);
	fx_half_open();
	tx(ACK, 1, 1, 10);
	tern_listener_close(bed.n[0].l[0]);
	bed.n[0].l[0] = NULL;
	run();
	CHECK_EQ(W->conns.avail, W->conns.total);
	CHECK_EQ(W->listeners.accept_queued, 0);
	rx_flush();
}

/* They hold their places until they are accepted: accept queue and pool bound them; the worker may end with some. */
static void
test_accept_queue_full(void)
{
	bed_start();
	CHECK_EQ(node_listen(&bed.n[0], SRV_PORT, 2, &bed.n[0].l[0]), 0);
	for (unsigned int i = 0; i < 2; i++) {
		peer_new(41000 + i);
		unaccepted(10);
	}
	peer_new(42000);
	tx(SYN, 0, 0, 0);
	expect_silence();
	CHECK_EQ(STAT(LISTEN_OVERFLOWS), 1);
	worker_destroy(W);
	CHECK_EQ(rte_mempool_avail_count(bed.n[0].mp), bed.n[0].mbufs);
	W = NULL;
	bed.n[0].l[0] = NULL;
	bed.started = false;
}

/* Some peers reset after their FIN with its number: RCV.NXT - 1, as Linux takes it where a FIN was received. */
static void
test_at_fin(void)
{
	static void (*const fx[])(void) = {fx_last_ack, fx_closing};
	struct sock *s = fx_close_wait();

	tx(RST, 0, 0, 0);
	tx(RST, 1, 0, 0);
	CHECK_EQ(s->closed, 1);
	CHECK_EQ(s->err, -ECONNRESET);
	expect_silence();
	for (unsigned int i = 0; i < RTE_DIM(fx); i++) {
		bed_down();
		bed_reset(bed.af);
		fx[i]();
		tx(RST, 0, 0, 0);
		CHECK_EQ(W->table.count, 1);
		tx(RST, 1, 0, 0);
		CHECK_EQ(W->table.count, 0);
		expect_silence();
	}
	bed_down();
	bed_reset(bed.af);
	s = fx_fin_wait_2(); /* no FIN of theirs: left of the window */
	tx(RST, 0, 0, 0);
	expect_silence();
	CHECK_EQ(s->closed, 0);
}

int
main(int argc, char **argv)
{
	static CU_TestInfo tests[] = {
		{"data, then RST", test_data_then_rst},
		{"FIN, then RST", test_fin_then_rst},
		{"closed in readable()", test_close_in_readable},
		{"connected, data, RST", test_connect_then_rst},
		{"data, then timeout", test_timeout},
		{"reset before accept", test_accept_queue},
		{"accept queue full of them", test_accept_queue_full},
		{"RST at the FIN's number", test_at_fin},
		CU_TEST_INFO_NULL,
	};

	return harness_main(argc, argv, "reset", tests);
}
