/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Buffers that follow the path, their bound, and windows up to 1 GiB (RFC 7323 2, RFC 9293 3.8.6). That every grant
 * comes back is the teardown's to check.
 */
#include "harness.h"

#define MSS (bed.af == 4 ? 1460u : 1440u)
#define BASE 16384u

/* Round trips of 200 ms. @return milliseconds that len bytes from node 0 to node 1 took. */
static uint64_t
transfer(uint64_t len, struct sock *ab[2])
{
	uint64_t start;

	bed.conf.tcp.snd_buf = bed.conf.tcp.rcv_buf = BASE;
	bed.dir[0].delay_us = bed.dir[1].delay_us = 100 * MS;
	bed_start_pair();
	CHECK_EQ(node_listen(&bed.n[1], SRV_PORT, 4, &bed.n[1].l[0]), 0);
	CHECK_EQ(node_connect(SRV_PORT, 0, &ab[0]), 0);
	for (unsigned int i = 0; i < 100 && bed.n[1].acceptable == 0; i++)
		advance_us(100 * MS);
	ab[1] = sock_accept(&bed.n[1]);
	CU_ASSERT_PTR_NOT_NULL_FATAL(ab[1]);
	ab[1]->auto_read = true;
	ab[0]->to_send = len;
	start = bed.now_us;
	sock_ops.writable(ab[0]->c, ab[0]);
	for (unsigned int i = 0; i < 100000 && ab[1]->rx_pos != len + 1; i++)
		advance_us(10 * MS);
	CHECK_EQ(ab[1]->rx_pos, len + 1);
	return (bed.now_us - start) / MS;
}

/* 8 MB over 200 ms: with fixed 16 KiB 512 round trips; buffers that grow with the path leave it to the congestion
 * window. */
static void
test_long_path(void)
{
	struct sock *ab[2];
	uint64_t fixed, tuned;
	struct tern_info inf;

	fixed = transfer(2 << 20, ab);
	CHECK(fixed >= 128 * 200);
	CHECK_EQ(bed.n[1].w->stats[STAT_BUF_GROWN], 0);
	bed_down();
	bed_reset(bed.af);
	bed.conf.tcp.snd_buf_max = bed.conf.tcp.rcv_buf_max = 1 << 20;
	tuned = transfer(8 << 20, ab);
	CHECK(tuned <= 100 * 200);
	CHECK(bed.n[0].w->stats[STAT_BUF_GROWN] > 0);
	CHECK(bed.n[1].w->stats[STAT_BUF_GROWN] > 0);
	tern_conn_info(ab[1]->c, &inf, sizeof(inf));
	CHECK(inf.rcv_wnd >= 16 * BASE && inf.rcv_wnd <= (1 << 20) + 64);
	CHECK_EQ(bed.n[0].w->stats[STAT_RETRANS_SEGS] + bed.n[1].w->stats[STAT_DROP_RX_NOBUF], 0);
}

/* The worker's bound holds, and is counted. */
static void
test_memory_bound(void)
{
	struct sock *ab[2];
	struct tern_info inf;

	bed.conf.tcp.snd_buf_max = bed.conf.tcp.rcv_buf_max = 1 << 20;
	bed.conf.tcp.buf_mem = 4 * BASE;
	transfer(2 << 20, ab);
	tern_conn_info(ab[1]->c, &inf, sizeof(inf));
	CHECK(inf.rcv_wnd > BASE && inf.rcv_wnd <= 5 * BASE + 64);
	CHECK(bed.n[1].w->buf_granted > 0 && bed.n[1].w->buf_granted <= 4 * BASE);
	CHECK(bed.n[1].w->stats[STAT_BUF_PRESSURE] > 0);
}

static uint32_t edge; /* of the window, as last advertised; 0: not yet */

/* Rounds of 100 ms in which n bytes come and are read. The right edge must not move left. @return the window. */
static uint32_t
rounds(struct sock *s, unsigned int k, uint32_t n, uint32_t *pos)
{
	const struct frame *f;
	uint32_t wnd = 0;

	while (k--) {
		for (uint32_t i = 0; i < n; i += 1000, *pos += 1000)
			tx(ACK, *pos, 1, 1000);
		sock_recv_all(s);
		advance_us(100 * MS);
		while ((f = rx())) {
			const uint32_t ws = s->c->rcv_ws, e = f->ack - peer.iss + ((uint32_t)f->wnd << ws);

			CHECK(!edge || seq_ge(e, edge));
			edge = e;
			wnd = (uint32_t)f->wnd << ws;
		}
	}
	return wnd;
}

static struct sock *
scripted(void)
{
	edge = 0;
	bed.conf.tcp.rcv_buf = BASE;
	bed.conf.tcp.rcv_buf_max = 1 << 20;
	peer.ws = 7;
	fx_listen();
	tx(SYN, 0, 0, 0);
	advance_us(100 * MS); /* the round trip */
	rx_flush();
	tx(ACK, 1, 1, 0);
	return sock_accept(&bed.n[0]);
}

/* Under pressure what is not needed comes back, and the window shrinks without moving its right edge left (SHLD-14). */
static void
test_pressure(void)
{
	struct sock *s = scripted();
	uint32_t pos = 1, wnd;

	rounds(s, 8, 15000, &pos);
	wnd = rounds(s, 4, 30000, &pos);
	CHECK(wnd >= 4 * BASE);
	CHECK(W->buf_granted > 0);
	CHECK_EQ(rounds(s, 4, 2000, &pos) >= wnd - 2048, true); /* memory to spare: it stays */
	W->conf.tcp.buf_mem = 1;
	CHECK(rounds(s, 200, 2000, &pos) <= 3 * BASE);
	CHECK(W->buf_granted <= 2 * BASE);
}

/* Not the peer's speed but the application's counts; and not at all when it chose. */
static void
test_slow_reader(void)
{
	struct sock *s = scripted();
	uint32_t pos = 1;

	CHECK(rounds(s, 100, 1000, &pos) <= 2 * BASE);
	bed_down();
	bed_reset(bed.af);
	s = scripted();
	pos = 1;
	CHECK_EQ(tern_setopt(s->c, TERN_OPT_RCVBUF, 2 * BASE), 0);
	rounds(s, 6, 15000, &pos);
	CHECK(rounds(s, 6, 30000, &pos) <= 2 * BASE);
	CHECK_EQ(W->buf_granted, 0);
	CHECK_EQ(STAT(BUF_GROWN), 0);
}

/* Who asks and answers in small pieces, however long, needs nothing that is kept of bulk; when he does, he has it. */
static void
test_small_pieces(void)
{
	struct sock *s = scripted();
	uint32_t pos = 1;

	for (unsigned int i = 0; i < 200; i++, pos += 500) {
		tx(ACK, pos, 1, 500);
		sock_recv_all(s);
		advance_us(100 * MS);
	}
	rx_flush();
	CHECK(!s->c->rare);
	rounds(s, 8, 15000, &pos);
	CHECK(rounds(s, 4, 30000, &pos) >= 4 * BASE);
}

/* A window of 1 GiB, both ways: offered, believed, and data at its far end taken (RFC 7323 2.3). */
static void
test_gib_window(void)
{
	const uint32_t gib = 65535u << 14;
	const struct frame *f;
	struct tern_info inf;
	struct sock *s;

	bed.conf.tcp.rcv_buf = bed.conf.tcp.rcv_buf_max = 1 << 30;
	peer.ws = 14;
	fx_listen();
	tx(SYN, 0, 0, 0);
	f = expect(SYN | ACK, 0, 1, 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	CHECK_EQ(f->ws, 14);
	peer.wnd = 65535;
	tx(ACK, 1, 1, 0);
	s = sock_accept(&bed.n[0]);
	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	tern_conn_info(s->c, &inf, sizeof(inf));
	CHECK_EQ(inf.snd_wnd, gib);
	tx(ACK, 1, 1, 100); /* its ACK offers all of it */
	advance_to_frame(500 * MS);
	f = rx();
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	CHECK_EQ((uint32_t)f->wnd << 14, gib);
	tx(ACK, 101 + gib - 1000, 1, 1000); /* the last bytes of the window, beyond the wrap */
	expect(ACK, 1, 101, 0);
	CHECK_EQ(STAT(OFO_QUEUE), 1);
	tx(ACK, 101 + gib, 1, 1000); /* and none after */
	expect(ACK, 1, 101, 0);
	CHECK_EQ(STAT(DROP_SEQ), 1);
	sock_abort(s);
	rx_flush();
}

/* A buffer set before the SYN goes out decides the scale that it offers. */
static void
test_scale_of_connect(void)
{
	const struct frame *f;
	struct sock *s;

	bed.conf.tcp.rcv_buf = 65535;
	fx_listen();
	CHECK_EQ(node_connect(SRV_PORT, 0, &s), 0);
	CHECK_EQ(tern_setopt(s->c, TERN_OPT_RCVBUF, 1 << 24), 0);
	run();
	advance_to_frame(SEC);
	f = rx();
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	CHECK_EQ(f->flags, SYN);
	CHECK_EQ(f->ws, 9); /* 65535 << 8 is less than 2^24 */
	sock_abort(s);
}

int
main(int argc, char **argv)
{
	static CU_TestInfo tests[] = {
		{"a long path", test_long_path},
		{"bound of the worker's memory", test_memory_bound},
		{"shrinking under pressure", test_pressure},
		{"slow reader, chosen buffer", test_slow_reader},
		{"small pieces", test_small_pieces},
		{"window of 1 GiB", test_gib_window},
		{"scale of an active open", test_scale_of_connect},
		CU_TEST_INFO_NULL,
	};

	return harness_main(argc, argv, "buf", tests);
}
