/* SPDX-License-Identifier: BSD-3-Clause */
/* The handshake's odd paths: simultaneous opens with windows and text, peers without timestamps, limits of
 * configuration. */
#include "harness.h"

/* The window of a SYN-ACK is not scaled, also when it completes a simultaneous open: RFC 7323 2.2. */
static void
test_simultaneous_window(void)
{
	struct tern_info inf;
	struct sock *s;

	peer.ws = 7;
	s = fx_syn_received();
	peer.wnd = 1000;
	tx(SYN | ACK, 0, 1, 0);
	CHECK_EQ(sock_state(s), TERN_ESTABLISHED);
	tern_conn_info(s->c, &inf, sizeof(inf));
	CHECK_EQ(inf.snd_wnd, 1000);
	rx_flush();
	CHECK_EQ(sock_send(s, 2000), 2000);
	run();
	expect(ACK, 1, 1, 1000);
	expect_silence();
	tx(ACK, 1, 1001, 0); /* no SYN: scaled */
	expect(ACK | PSH, 1001, 1, 1000);
	tern_conn_info(s->c, &inf, sizeof(inf));
	CHECK_EQ(inf.snd_wnd, 128000);
}

/* Text with the SYN waits for the SYN-ACK, whose own text overlaps it: all of it is read, once, nothing is left to
 * SACK. */
static void
test_text_on_both(void)
{
	static const struct {
		uint8_t flags;
		uint32_t seq, len, read;
	} t[] = {
		{SYN | ACK, 0, 30, 30}, /* the same and more */
		{SYN | ACK, 0, 10, 10}, {SYN | ACK, 0, 5, 10}, {SYN | ACK, 0, 0, 10},
		{ACK, 6, 25, 30}, /* in the middle of what waits */
		{ACK, 11, 20, 30}, {ACK, 3, 2, 10},
		{FIN | ACK, 6, 25, 30}, {FIN | ACK, 11, 0, 10},
	};

	for (unsigned int i = 0; i < RTE_DIM(t); i++) {
		const bool fin = t[i].flags & FIN;
		const struct frame *f;
		struct sock *s;

		bed_down();
		bed_reset(bed.af);
		peer.sack = true;
		s = fx_syn_sent();
		tx(SYN, 0, 0, 10);
		expect(SYN | ACK, 0, 1, 0);
		tx(t[i].flags, t[i].seq, 1, t[i].len);
		check_at(sock_recv_all(s) == t[i].read, __FILE__, __LINE__, "row %u", i);
		CHECK_EQ(tern_recv_eof(s->c), fin);
		rx_flush();
		CHECK_EQ(s->c->ofo_bytes, 0);
		tx(ACK, 1 + t[i].read + fin + 100, 1, 0); /* makes an ACK without blocks */
		tx(ACK, 1, 1, 1);
		while ((f = rx())) {
			CHECK_EQ(f->ack - peer.iss, 1 + t[i].read + fin);
			CHECK(f->n_sack <= 1); /* D-SACK of what came twice */
		}
	}
}

/* The final ACK without timestamps: as Linux. An older one is answered, and the next is another chance. */
static void
test_final_ack_timestamp(void)
{
	struct sock *s;

	peer.ts = true;
	fx_half_open();
	peer.ts = false;
	tx(ACK, 1, 1, 10);
	s = sock_accept(&bed.n[0]);
	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	CHECK_EQ(sock_recv_all(s), 10);
	peer.ts = true;
	tx(ACK, 11, 1, 10);
	CHECK_EQ(sock_recv_all(s), 10);
	rx_flush();
	peer_new(40001);
	peer.ts = true;
	fx_half_open();
	peer.tsval -= 10;
	tx(ACK, 1, 1, 10);
	expect(ACK, 1, 1, 0);
	CHECK_EQ(STAT(DROP_PAWS), 1);
	peer.tsval += 10;
	tx(ACK, 1, 1, 10);
	CHECK(sock_accept(&bed.n[0]) != NULL);
}

/* As many SYN-ACKs as one may ask for: the pause between two grows to rto_max_ms and stays there. */
static void
test_synack_retries(void)
{
	uint64_t pause = SEC;

	bed.conf.tcp.synack_retries = 20;
	bed.conf.tcp.rto_max_ms = 8000;
	fx_half_open();
	for (unsigned int i = 0; i < 20; i++) {
		expect_after(SYN | ACK, 0, 1, 0, pause);
		pause = RTE_MIN(2 * pause, 8 * SEC);
	}
	expect_silence_for(9 * SEC);
	CHECK_EQ(W->listeners.half_open, 0);
}

/* --- a listener's options --------------------------------------------------------------------------------------- */

static void
set_all(struct tern_listener *l)
{
	CHECK_EQ(tern_listen_setopt(l, TERN_OPT_RCVBUF, 1 << 20), 0);
	CHECK_EQ(tern_listen_setopt(l, TERN_OPT_TTL, 255), 0);
	CHECK_EQ(tern_listen_setopt(l, TERN_OPT_TOS, 0xbb), 0); /* and never ECN's bits */
	CHECK_EQ(tern_listen_setopt(l, TERN_OPT_MAXSEG, 500), 0);
	CHECK_EQ(tern_listen_setopt(l, TERN_OPT_CC, TERN_CC_NEWRENO), 0);
	CHECK_EQ(tern_listen_setopt(l, TERN_OPT_NODELAY, 1), 0);
	CHECK_EQ(tern_listen_setopt(l, TERN_OPT_SNDBUF, 5000), 0);
	CHECK_EQ(tern_listen_setopt(l, TERN_OPT_USER_TIMEOUT_MS, 5000), 0);
	CHECK_EQ(tern_listen_setopt(l, TERN_OPT_KEEPIDLE_S, 50), 0);
	CHECK_EQ(tern_listen_setopt(l, TERN_OPT_KEEPINTVL_S, 5), 0);
	CHECK_EQ(tern_listen_setopt(l, TERN_OPT_KEEPCNT, 2), 0);
	CHECK_EQ(tern_listen_setopt(l, TERN_OPT_KEEPALIVE, 1), 0);
	CHECK_EQ(tern_listen_setopt(l, TERN_OPT_QUICKACK, TERN_QUICKACK_ON), 0);
	CHECK_EQ(tern_listen_setopt(l, TERN_OPT_CORK, 1), 0);
	CHECK_EQ(tern_listen_setopt(l, TERN_OPT_CORK, 0), 0);
}

static void
synack_right(const struct frame *f)
{
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	CHECK_EQ(f->ttl, 255);
	CHECK_EQ(f->tos, 0xb8);
	CHECK_EQ(f->mss, 500);
	CHECK_EQ(f->wnd, 65535);
	CHECK_EQ(f->ws, 5); /* 1 MiB */
}

static void
ack_right(const struct frame *f)
{
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	CHECK_EQ(f->ttl, 255);
	CHECK_EQ(f->tos, 0xb8);
}

/* From the SYN on: SYN-ACKs first and again, cookies, what a half-open request says; then the connection; its
 * TIME-WAIT has TOS. */
static void
test_listener_options(void)
{
	for (unsigned int cookie = 0; cookie < 2; cookie++) {
		const struct frame *f;
		const struct tern_conn *c;
		struct sock *s;

		bed_down();
		bed_reset(bed.af);
		bed.conf.tcp.cookie_mode = cookie ? TERN_COOKIE_ALWAYS : TERN_COOKIE_NEVER;
		fx_listen();
		set_all(bed.n[0].l[0]);
		peer.ts = true;
		peer.ws = 3;
		tx(SYN, 0, 0, 0);
		synack_right(expect(SYN | ACK, 0, 1, 0));
		if (!cookie) {
			synack_right(expect_after(SYN | ACK, 0, 1, 0, SEC));
			tx(ACK, 70000, 1, 0);
			ack_right(f = expect(ACK, 1, 1, 0));
			CHECK_EQ(f->wnd, 65535 >> 5);
		}
		tx(ACK, 1, 1, 100);
		ack_right(f = expect(ACK, 1, 101, 0)); /* at once: QUICKACK */
		CHECK_EQ(f->wnd, ((1 << 20) - 100 + 31) / 32);
		s = sock_accept(&bed.n[0]);
		CU_ASSERT_PTR_NOT_NULL_FATAL(s);
		CHECK_EQ(sock_recv_all(s), 100);
		c = s->c;
		CHECK_EQ(c->cc, TERN_CC_NEWRENO);
		CHECK_EQ(c->mss, 500 - 12);
		CHECK(c->feat & F_NODELAY);
		CHECK(c->flags & C_BUF_SET);
		CHECK(!(c->flags & C_CORK));
		CHECK_EQ(tern_send_space(s->c), 5000);
		expect_silence();
		ack_right(expect_after(ACK, 0, 101, 0, 50 * SEC)); /* keep-alive */
		tx(ACK, 101, 1, 0);
		sock_close(s);
		ack_right(expect(FIN | ACK, 1, 101, 0));
		tx(FIN | ACK, 101, 2, 0);
		ack_right(expect(ACK, 2, 102, 0));
		tx(FIN | ACK, 101, 2, 0);
		f = expect(ACK, 2, 102, 0);
		CHECK_EQ(f->tos, 0xb8);
	}
}

/* What a SYN-ACK promised stays, whatever is set before it is answered; a smaller buffer says less with its next
 * window. */
static void
test_listener_options_changed(void)
{
	const struct frame *f;
	struct sock *s;

	peer.ws = 3;
	fx_half_open();
	CHECK_EQ(tern_listen_setopt(bed.n[0].l[0], TERN_OPT_RCVBUF, 4096), 0);
	tx(ACK, 1, 1, 1000);
	tx(ACK, 1001, 1, 1000);
	s = sock_accept(&bed.n[0]);
	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	CHECK(s->c->rcv_adv - peer.iss >= 1 + 65535);
	rx_flush();
	CHECK_EQ(sock_recv_all(s), 2000);
	peer_new(40001);
	tx(SYN, 0, 0, 0);
	f = expect(SYN | ACK, 0, 1, 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	CHECK_EQ(f->wnd, 4096);
}

static void
test_listener_options_refused(void)
{
	fx_listen();
	CHECK_EQ(tern_listen_setopt(bed.n[0].l[0], TERN_OPT_TTL, 0), -EINVAL);
	CHECK_EQ(tern_listen_setopt(bed.n[0].l[0], TERN_OPT_MAXSEG, 63), -EINVAL);
	CHECK_EQ(tern_listen_setopt(bed.n[0].l[0], TERN_OPT_RCVBUF, 100), -EINVAL);
	CHECK_EQ(tern_listen_setopt(bed.n[0].l[0], TERN_OPT_KEEPCNT, 1), -EINVAL);
	CHECK_EQ(tern_listen_setopt(bed.n[0].l[0], (enum tern_opt)1000, 1), -ENOPROTOOPT);
}

int
main(int argc, char **argv)
{
	static CU_TestInfo tests[] = {
		{"window of a simultaneous open", test_simultaneous_window},
		{"text on both SYNs", test_text_on_both},
		{"timestamp of the final ACK", test_final_ack_timestamp},
		{"twenty SYN-ACKs", test_synack_retries},
		{"a listener's options", test_listener_options},
		{"a listener's options, changed", test_listener_options_changed},
		{"a listener's options, refused", test_listener_options_refused},
		CU_TEST_INFO_NULL,
	};

	return harness_main(argc, argv, "handshake", tests);
}
