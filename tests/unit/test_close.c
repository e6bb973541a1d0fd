/* SPDX-License-Identifier: BSD-3-Clause */
/* Closing: RFC 9293 3.6, 3.10.4, 3.10.5, RFC 2525 2.17; half-close, orphans, keep-alive (3.8.4). */
#include "harness.h"

static void
test_active(void)
{
	struct sock *s = fx_fin_wait_2();

	tx(FIN | ACK, 1, 2, 0);
	expect(ACK, 2, 2, 0);
	CHECK_EQ(state_now(), TERN_TIME_WAIT);
	CHECK_EQ(s->closed, 1);
	CHECK_EQ(s->err, 0);
	CHECK_EQ(STAT(TW), 1);
	CHECK_EQ(W->conns.avail, W->conns.total);
	expect_silence_for(61 * SEC);
	CHECK_EQ(W->table.count, 0);
}

static void
test_passive(void)
{
	struct sock *s = fx_close_wait();

	CHECK(s->readable >= 1);
	CHECK_EQ(sock_recv(s, 10), 0);
	sock_shutdown(s);
	expect(FIN | ACK, 1, 2, 0);
	CHECK_EQ(sock_state(s), TERN_LAST_ACK);
	CHECK_EQ(s->closed, 0);
	tx(ACK, 2, 2, 0);
	expect_silence();
	CHECK_EQ(s->closed, 1);
	CHECK_EQ(s->err, 0);
	CHECK_EQ(W->table.count, 0);
	CHECK_EQ(STAT(TW), 0);
	CHECK_EQ(STAT(CLOSED_OK), 1);
}

static void
test_simultaneous(void)
{
	fx_closing();
	tx(ACK, 2, 2, 0);
	expect_silence();
	CHECK_EQ(state_now(), TERN_TIME_WAIT);
	expect_silence_for(61 * SEC);
	CHECK_EQ(W->table.count, 0);
}

static void
test_simultaneous_pair(void)
{
	struct sock *a, *b;

	bed_start_pair();
	bed.dir[0].delay_us = bed.dir[1].delay_us = 5 * MS;
	CHECK_EQ(node_listen(&bed.n[1], SRV_PORT, 4, &bed.n[1].l[0]), 0);
	CHECK_EQ(node_connect(SRV_PORT, 0, &a), 0);
	advance_us(SEC);
	b = sock_accept(&bed.n[1]);
	CU_ASSERT_PTR_NOT_NULL_FATAL(b);
	sock_close(a);
	sock_close(b);
	advance_us(SEC);
	CHECK_EQ(bed.n[0].w->conns.avail, bed.n[0].w->conns.total);
	CHECK_EQ(bed.n[1].w->conns.avail, bed.n[1].w->conns.total);
	CHECK_EQ(bed.n[0].w->table.count, 1); /* both in TIME-WAIT */
	CHECK_EQ(bed.n[1].w->table.count, 1);
	advance_us(61 * SEC);
	CHECK_EQ(bed.n[0].w->table.count + bed.n[1].w->table.count, 0);
}

/* Their FIN and the ACK of ours in one burst: CLOSING lasts for no pass, yet its ACK is owed. */
static void
test_simultaneous_one_burst(void)
{
	fx_fin_wait_1();
	bed.corked = true;
	tx(FIN | ACK, 1, 1, 0);
	tx(ACK, 2, 2, 0);
	uncork();
	expect(ACK, 2, 2, 0);
	expect_silence();
}

/* Half-close by us: the peer goes on sending, all of it arrives. */
static void
test_half_close_receive(void)
{
	struct sock *s = fx_fin_wait_2();
	uint32_t pos = 1;

	for (unsigned int i = 0; i < 20; i++) {
		advance_us(10 * SEC); /* far longer than an orphan would live */
		tx(ACK, pos, 2, 1000);
		pos += 1000;
		CHECK_EQ(sock_recv_all(s), 1000);
		expect_at(ACK, 2, pos, 0, 0, 500 * MS);
	}
	CHECK_EQ(sock_send(s, 10), -EPIPE);
	tx(FIN | ACK, pos, 2, 0);
	expect(ACK, 2, pos + 1, 0);
	CHECK_EQ(s->closed, 1);
	CHECK_EQ(s->err, 0);
}

/* Half-close by the peer: we go on sending. */
static void
test_half_close_send(void)
{
	struct sock *s = fx_close_wait();
	uint32_t pos = 1;

	for (unsigned int i = 0; i < 20; i++) {
		CHECK_EQ(sock_send(s, 1000), 1000);
		run();
		expect(ACK | PSH, pos, 2, 1000);
		pos += 1000;
		tx(ACK, 2, pos, 0);
		expect_silence_for(10 * SEC);
	}
	sock_close(s);
	expect(FIN | ACK, pos, 2, 0);
	tx(ACK, 2, pos + 1, 0);
	expect_silence_for(SEC);
	CHECK_EQ(W->table.count, 0);
}

/* FIN goes with the last data, and only after all of it. */
static void
test_fin_after_data(void)
{
	struct sock *s;

	peer.wnd = peer.mss = 1000;
	s = fx_established();
	CHECK_EQ(sock_send(s, 2500), 2500);
	sock_close(s);
	expect(ACK, 1, 1, 1000);
	expect_silence();
	tx(ACK, 1, 1001, 0);
	expect(ACK, 1001, 1, 1000);
	tx(ACK, 1, 2001, 0);
	expect(FIN | ACK, 2001, 1, 500);
	tx(ACK, 1, 2502, 0);
	expect_silence();
	CHECK_EQ(state_now(), TERN_FIN_WAIT_2);
}

static void
test_fin_retransmission(void)
{
	uint64_t rto;
	struct sock *s = fx_established();
	struct tern_info inf;

	tern_conn_info(s->c, &inf, sizeof(inf));
	rto = inf.rto_us;
	sock_shutdown(s);
	expect(FIN | ACK, 1, 1, 0);
	for (unsigned int i = 0; i < 5; i++) {
		expect_after(FIN | ACK, 1, 1, 0, rto);
		rto *= 2;
	}
	tx(ACK, 1, 2, 0);
	expect_silence_for(60 * SEC);
	CHECK_EQ(sock_state(s), TERN_FIN_WAIT_2);
}

/* Nobody acknowledges the FIN: R2 ends it (an orphan silently, a handle with -ETIMEDOUT). */
static void
test_fin_timeout(void)
{
	struct sock *s = fx_fin_wait_1();

	for (unsigned int i = 0; i < 99; i++) {
		advance_us(SEC);
		rx_flush();
	}
	CHECK_EQ(s->closed, 0);
	for (unsigned int i = 0; i < 70; i++) {
		advance_us(SEC);
		rx_flush();
	}
	CHECK_EQ(s->closed, 1);
	CHECK_EQ(s->err, -ETIMEDOUT);
	CHECK_EQ(STAT(ABORT_ON_TIMEOUT), 1);
	expect_silence_for(100 * SEC);
	CHECK_EQ(W->table.count, 0);
}

static void
test_last_ack_timeout(void)
{
	fx_last_ack();
	for (unsigned int i = 0; i < 170; i++) {
		advance_us(SEC);
		rx_flush();
	}
	CHECK_EQ(W->table.count, 0);
	expect_silence_for(100 * SEC);
}

/* An orphan in FIN-WAIT-2 is not kept for ever; one with an owner is. */
static void
test_orphan_fin_wait_2(void)
{
	struct sock *s = fx_established();

	sock_close(s);
	expect(FIN | ACK, 1, 1, 0);
	tx(ACK, 1, 2, 0);
	expect_silence_for(60 * SEC - TICK_US);
	CHECK_EQ(state_now(), TERN_FIN_WAIT_2);
	advance_us(TICK_US + SLACK_US);
	rx_flush(); /* an RST may tell the peer */
	CHECK(state_now() != TERN_FIN_WAIT_2);
	CHECK_EQ(W->conns.avail, W->conns.total);
	bed_down();
	bed_reset(bed.af);
	s = fx_fin_wait_2();
	expect_silence_for(1000 * SEC);
	CHECK_EQ(sock_state(s), TERN_FIN_WAIT_2);
	CHECK_EQ(s->closed, 0);
}

/* Closing with unread data is a reset (RFC 2525 2.17); read to the end it is not. */
static void
test_close_unread(void)
{
	struct sock *s = fx_established();

	tx(ACK, 1, 1, 100);
	sock_close(s);
	expect_rst(1, 101);
	expect_silence_for(100 * SEC);
	CHECK_EQ(W->table.count, 0);
	CHECK_EQ(STAT(ABORT_ON_DATA), 1);
	bed_down();
	bed_reset(bed.af);
	s = fx_established();
	tx(ACK, 1, 1, 100);
	CHECK_EQ(sock_recv_all(s), 100);
	sock_close(s);
	expect(FIN | ACK, 1, 101, 0);
}

/* Data that arrives after close() has nobody to read it: reset (RFC 9293 3.6.1, RFC 1122 4.2.2.13). */
static void
test_data_after_close(void)
{
	struct sock *s = fx_established();

	sock_close(s);
	expect(FIN | ACK, 1, 1, 0);
	tx(ACK, 1, 2, 100);
	CHECK(rx_peek() != NULL && (rx_peek()->flags & RST));
	expect_rst(2, rx_peek() && rx_peek()->ack == peer.iss + 1 ? 1 : 101);
	expect_silence_for(100 * SEC);
	CHECK_EQ(W->table.count, 0);
	CHECK_EQ(STAT(ABORT_ON_DATA), 1);
}

static void
test_linger_0(void)
{
	struct sock *s = fx_established();

	CHECK_EQ(tern_setopt(s->c, TERN_OPT_LINGER_MS, 86400001), -EINVAL);
	CHECK_EQ(tern_setopt(s->c, TERN_OPT_LINGER_MS, 0), 0);
	CHECK_EQ(sock_send(s, 100), 100);
	run();
	expect(ACK | PSH, 1, 1, 100);
	sock_close(s);
	expect_rst(101, 1);
	expect_silence_for(100 * SEC);
	CHECK_EQ(W->table.count, 0);
	CHECK_EQ(STAT(TW), 0);
}

/* SO_LINGER with a time: what is queued has so long after tern_close(), however long R2 is; then the peer is reset. */
static void
test_linger_time(void)
{
	struct sock *s = fx_established();

	CHECK_EQ(tern_setopt(s->c, TERN_OPT_LINGER_MS, 150), 0);
	CHECK_EQ(sock_send(s, 100), 100);
	run();
	expect(ACK | PSH, 1, 1, 100);
	expect_silence_for(100 * MS); /* it begins with tern_close() */
	sock_close(s);
	expect(FIN | ACK, 101, 1, 0);
	advance_us(145 * MS);
	CHECK_EQ(s->ended, 0);
	rx_flush(); /* probes of the tail */
	advance_us(10 * MS);
	CHECK(rx_peek() != NULL && (rx_peek()->flags & RST));
	CHECK_EQ(rx_flush(), 1);
	CHECK_EQ(s->ended, 1);
	CHECK_EQ(s->err, -ETIMEDOUT);
	CHECK_EQ(W->table.count, 0);
	expect_silence_for(100 * SEC);
}

static void
set_all(struct tern_conn *c, void *user, int err)
{
	CHECK_EQ(sock_state(user), TERN_CLOSED);
	for (unsigned int opt = 0; opt <= TERN_OPT_CC; opt++)
		CHECK(tern_setopt(c, opt, opt == TERN_OPT_SNDBUF || opt == TERN_OPT_RCVBUF ? 4096 : 64) !=
		      -ENOPROTOOPT);
	sock_ops.closed(c, user, err);
}

/* In closed() options may still be set; the connection, which has given back what it had, takes nothing for that:
 * bed_down() looks. */
static void
test_options_in_closed(void)
{
	static const struct tern_ops ops = {.closed = set_all};
	struct sock *s = fx_established();

	tern_conn_set_user(s->c, &ops, s);
	tx(RST, 1, 0, 0);
	CHECK_EQ(s->closed, 1);
	CHECK_EQ(W->rares.avail, W->rares.total);
}

/* What is acknowledged in time goes on as without: FIN-WAIT-2 has the limit that it always has. A listener's
 * connections have it, too. */
static void
test_linger_in_time(void)
{
	struct sock *s;
	uint64_t t;

	bed.conf.tcp.fin_timeout_ms = 20000;
	fx_listen();
	CHECK_EQ(tern_listen_setopt(bed.n[0].l[0], TERN_OPT_LINGER_MS, 150), 0);
	s = fx_established();
	sock_close(s);
	expect(FIN | ACK, 1, 1, 0);
	tx(ACK, 1, 2, 0);
	CHECK_EQ(state_now(), TERN_FIN_WAIT_2);
	t = bed.now_us;
	expect_silence_for(19 * SEC);
	CHECK_EQ(s->ended, 0);
	tx(FIN | ACK, 1, 2, 0);
	expect(ACK, 2, 2, 0);
	CHECK_EQ(s->ended, 1);
	CHECK_EQ(s->err, 0);
	CHECK(bed.now_us - t < 20 * SEC);
}

/* How a connection ended whose handle was given up: once, whichever way. */
static void
test_ended(void)
{
	struct sock *s = fx_established();

	sock_close(s);
	expect(FIN | ACK, 1, 1, 0);
	tx(ACK, 1, 2, 0);
	CHECK_EQ(s->ended, 0);
	tx(RST, 1, 0, 0);
	run();
	CHECK_EQ(s->ended, 1);
	CHECK_EQ(s->err, -ECONNRESET);
	CHECK_EQ(s->closed, 0);
	peer_new(40001);
	s = fx_established();
	sock_abort(s);
	expect_rst(1, 1);
	CHECK_EQ(s->ended, 1);
	CHECK_EQ(s->err, -ECONNABORTED);
	peer_new(40002);
	s = fx_established();
	tx(FIN | ACK, 1, 1, 0);
	expect(ACK, 1, 2, 0);
	sock_close(s);
	expect(FIN | ACK, 1, 2, 0);
	CHECK_EQ(s->ended, 0);
	tx(ACK, 2, 2, 0);
	CHECK_EQ(s->ended, 1);
	CHECK_EQ(s->err, 0);
	peer_new(40003);
	s = fx_established();
	tx(ACK | PSH, 1, 1, 10);
	sock_close(s); /* unread */
	expect_rst(1, 11);
	CHECK_EQ(s->ended, 1);
	CHECK_EQ(s->err, -ECONNABORTED);
	rx_flush();
}

/* A FIN ahead of a hole counts once the hole is filled. */
static void
test_fin_out_of_order(void)
{
	struct sock *s = fx_established();

	tx(FIN | ACK, 101, 1, 100);
	expect(ACK, 1, 1, 0);
	CHECK_EQ(sock_state(s), TERN_ESTABLISHED);
	CHECK_EQ(sock_recv(s, 10), -EAGAIN);
	tx(ACK, 1, 1, 100);
	expect(ACK, 1, 202, 0);
	CHECK_EQ(sock_state(s), TERN_CLOSE_WAIT);
	CHECK_EQ(sock_recv(s, 1000), 200);
	CHECK_EQ(sock_recv(s, 1000), 0);
}

/* The bare FIN first, then the data in two pieces. */
static void
test_fin_first(void)
{
	struct sock *s = fx_established();

	tx(FIN | ACK, 201, 1, 0);
	expect(ACK, 1, 1, 0);
	tx(ACK, 101, 1, 100);
	expect(ACK, 1, 1, 0);
	CHECK_EQ(sock_state(s), TERN_ESTABLISHED);
	tx(ACK, 1, 1, 100);
	/* whether the FIN was kept is the receiver's choice; the data must be */
	CHECK(rx_peek() != NULL && rx_peek()->ack - peer.iss >= 201);
	rx_flush();
	tx(FIN | ACK, 201, 1, 0);
	advance_us(500 * MS);
	rx_flush();
	CHECK_EQ(sock_state(s), TERN_CLOSE_WAIT);
	CHECK_EQ(sock_recv_all(s), 200);
}

/* Text beyond the FIN, which is none of the stream, goes with it. */
static void
test_text_beyond_fin(void)
{
	const struct frame *f;
	struct sock *s;

	peer.sack = true;
	s = fx_established();
	tx(ACK, 201, 1, 100);
	f = expect(ACK, 1, 1, 0);
	CHECK_EQ(f->n_sack, 1);
	tx(FIN | ACK, 1, 1, 100);
	f = expect(ACK, 1, 102, 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	CHECK_EQ(f->n_sack, 0);
	CHECK_EQ(sock_state(s), TERN_CLOSE_WAIT);
	CHECK_EQ(sock_recv_all(s), 100);
	CHECK_EQ(rte_mempool_avail_count(bed.n[0].mp), bed.n[0].mbufs);
	tx(FIN | ACK, 1, 1, 100);
	f = expect(ACK, 1, 102, 0);
	CHECK_EQ(f->n_sack, 1); /* D-SACK */
}

static void
test_shutdown_twice(void)
{
	struct sock *s = fx_fin_wait_1();

	CHECK_EQ(tern_shutdown(s->c, TERN_SHUT_WR), -EPIPE);
	run();
	expect_silence();
}

/* close() inside callbacks, on both sides, leaves nothing. */
static void
test_pair_auto(void)
{
	struct sock *s;

	bed_start_pair();
	bed.n[1].auto_accept = true;
	CHECK_EQ(node_listen(&bed.n[1], SRV_PORT, 16, &bed.n[1].l[0]), 0);
	for (unsigned int i = 0; i < 50; i++) {
		CHECK_EQ(node_connect(SRV_PORT, 0, &s), 0);
		run();
		CHECK_EQ(s->connected, 1);
		CHECK_EQ(sock_send(s, 3000), 3000);
		run();
		sock_close(s);
		advance_us(200 * MS);
	}
	CHECK_EQ(bed.n[0].w->conns.avail, bed.n[0].w->conns.total);
	CHECK_EQ(bed.n[1].w->conns.avail, bed.n[1].w->conns.total);
	CHECK_EQ(bed.n[0].w->stats[STAT_TW], 50);
	CHECK_EQ(bed.n[1].w->stats[STAT_TW], 0);
	CHECK_EQ(bed.n[0].w->stats[STAT_OUT_RSTS] + bed.n[1].w->stats[STAT_OUT_RSTS], 0);
	CHECK_EQ(bed.n[0].w->stats[STAT_RETRANS_SEGS], 0);
}

/* --- keep-alive --------------------------------------------------------------------------------------------- */

static void
test_keepalive_off(void)
{
	fx_established();
	expect_silence_for(3 * 7200 * SEC); /* MUST-25 */
}

static void
keepalive(struct sock *s)
{
	CHECK_EQ(tern_setopt(s->c, TERN_OPT_KEEPALIVE, 1), 0);
	CHECK_EQ(tern_setopt(s->c, TERN_OPT_KEEPIDLE_S, 60), 0);
	CHECK_EQ(tern_setopt(s->c, TERN_OPT_KEEPINTVL_S, 5), 0);
	CHECK_EQ(tern_setopt(s->c, TERN_OPT_KEEPCNT, 3), 0);
}

static void
test_keepalive_default(void)
{
	struct sock *s = fx_established();

	CHECK_EQ(tern_setopt(s->c, TERN_OPT_KEEPALIVE, 1), 0);
	expect_after(ACK, 0, 1, 0, 7200 * SEC); /* MUST-28 */
}

static void
test_keepalive_answered(void)
{
	struct sock *s = fx_established();

	keepalive(s);
	for (unsigned int i = 0; i < 5; i++) {
		expect_after(ACK, 0, 1, 0, 60 * SEC); /* SEG.SEQ = SND.NXT - 1, no data */
		tx(ACK, 1, 1, 0);
		expect_silence();
	}
	advance_us(30 * SEC);
	tx(ACK, 1, 1, 10); /* data restarts the idle time */
	expect_at(ACK, 1, 11, 0, 0, 500 * MS);
	CHECK_EQ(sock_recv_all(s), 10);
	expect_silence_for(59 * SEC);
	expect_at(ACK, 0, 11, 0, 0, SEC + SLACK_US);
	CHECK_EQ(s->closed, 0);
}

static void
test_keepalive_death(void)
{
	struct sock *s = fx_established();

	keepalive(s);
	expect_after(ACK, 0, 1, 0, 60 * SEC);
	expect_after(ACK, 0, 1, 0, 5 * SEC);
	expect_after(ACK, 0, 1, 0, 5 * SEC);
	CHECK_EQ(s->closed, 0);
	advance_us(5 * SEC + SLACK_US);
	CHECK_EQ(s->closed, 1);
	CHECK_EQ(s->err, -ETIMEDOUT);
	rx_flush(); /* an RST may say so */
	expect_silence_for(100 * SEC);
	CHECK_EQ(STAT(KEEPALIVES), 3);
}

static void
test_keepalive_reset(void)
{
	struct sock *s = fx_established();

	keepalive(s);
	expect_after(ACK, 0, 1, 0, 60 * SEC);
	tx(RST, 1, 0, 0); /* the peer rebooted */
	CHECK_EQ(s->closed, 1);
	CHECK_EQ(s->err, -ECONNRESET);
}

/* The peer's FIN is known before its data was read, and only once all before it is there. */
static void
test_peer_closed(void)
{
	struct sock *s = fx_established();

	CHECK(!tern_peer_closed(s->c));
	tx(ACK | FIN, 101, 1, 100);
	CHECK(!tern_peer_closed(s->c)); /* there is a hole before it */
	CHECK_EQ(s->readable, 0);
	tx(ACK, 1, 1, 100);
	CHECK(tern_peer_closed(s->c));
	CHECK(!tern_recv_eof(s->c));
	CHECK_EQ(s->readable, 1);
	CHECK_EQ(sock_recv_all(s), 200);
	CHECK(tern_peer_closed(s->c));
	CHECK(tern_recv_eof(s->c));
	sock_shutdown(s);
	CHECK(tern_peer_closed(s->c)); /* LAST-ACK */
	rx_flush();
	tx(RST | ACK, 202, 2, 0);
	CHECK_EQ(s->closed, 1);
	rx_flush();
}

/* There is one FIN: another one beyond it is not waited for. */
static void
test_fin_beyond_fin(void)
{
	struct sock *s = fx_close_wait();

	tx(FIN | ACK, 12, 1, 0);
	expect(ACK, 1, 2, 0);
	CHECK_EQ(sock_state(s), TERN_CLOSE_WAIT);
	CHECK(!(((struct tern_conn *)s->c)->flags & C_OFO_FIN));
}

int
main(int argc, char **argv)
{
	static CU_TestInfo tests[] = {
		{"active", test_active},
		{"passive", test_passive},
		{"simultaneous", test_simultaneous},
		{"simultaneous, two terns", test_simultaneous_pair},
		{"simultaneous, one burst", test_simultaneous_one_burst},
		{"half-close, receiving", test_half_close_receive},
		{"FIN known before the data was read", test_peer_closed},
		{"half-close, sending", test_half_close_send},
		{"FIN after the data", test_fin_after_data},
		{"FIN retransmission", test_fin_retransmission},
		{"FIN never acknowledged", test_fin_timeout},
		{"LAST-ACK never acknowledged", test_last_ack_timeout},
		{"linger with a time", test_linger_time},
		{"linger, in time", test_linger_in_time},
		{"ended", test_ended},
		{"orphan in FIN-WAIT-2", test_orphan_fin_wait_2},
		{"close with unread data", test_close_unread},
		{"data after close", test_data_after_close},
		{"linger 0", test_linger_0},
		{"options in closed()", test_options_in_closed},
		{"FIN with data out of order", test_fin_out_of_order},
		{"FIN beyond the FIN", test_fin_beyond_fin},
		{"FIN before data", test_fin_first},
		{"text beyond the FIN", test_text_beyond_fin},
		{"shutdown twice", test_shutdown_twice},
		{"fifty connections of two terns", test_pair_auto},
		{"keep-alive is off", test_keepalive_off},
		{"keep-alive after two hours", test_keepalive_default},
		{"keep-alive answered", test_keepalive_answered},
		{"keep-alive death", test_keepalive_death},
		{"keep-alive reset", test_keepalive_reset},
		CU_TEST_INFO_NULL,
	};

	return harness_main(argc, argv, "close", tests);
}
