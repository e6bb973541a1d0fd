/* SPDX-License-Identifier: BSD-3-Clause */
/* Passive opens over the wire: RFC 9293 3.5, 3.10.7.1 to 3.10.7.4, RFC 6528, RFC 7323 2 and 3. */
#include "harness.h"


static void
test_handshake(void)
{
	const struct frame *f;
	struct sock *s;

	fx_listen();
	peer.ws = 7;
	peer.sack = peer.ts = true;
	tx(SYN, 0, 0, 0);
	f = expect(SYN | ACK, 0, 1, 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	CHECK_EQ(f->mss, bed.af == 4 ? 1460 : 1440); /* MUST-14, RFC 6691 */
	CHECK(f->ws >= 0 && f->ws <= 14);
	CHECK(f->sack_ok && f->has_ts);
	CHECK_EQ(f->tsecr, peer.tsval);
	CHECK_EQ(f->ttl, 64);
	CHECK(f->wnd > 0);
	CHECK_EQ(bed.n[0].acceptable, 0);
	CHECK_EQ(W->listeners.half_open, 1);
	tx(ACK, 1, 1, 0);
	expect_silence();
	CHECK_EQ(bed.n[0].acceptable, 1);
	CHECK_EQ(W->listeners.half_open, 0);
	CHECK_EQ(W->listeners.accept_queued, 1);
	s = sock_accept(&bed.n[0]);
	CHECK(s != NULL);
	CHECK(sock_accept(&bed.n[0]) == NULL);
	CHECK_EQ(sock_state(s), TERN_ESTABLISHED);
	CHECK_EQ(STAT(PASSIVE_OPENS), 1);
	CHECK_EQ(STAT(ACCEPTED), 1);
}

/* An option comes back only when it was offered (RFC 7323 1.3, RFC 2018 2). */
static void
test_options_not_offered(void)
{
	const struct frame *f;

	for (unsigned int i = 0; i < 4; i++) {
		bed_down();
		bed_reset(bed.af);
		fx_listen();
		peer.ws = i == 1 ? 3 : -1;
		peer.sack = i == 2;
		peer.ts = i == 3;
		tx(SYN, 0, 0, 0);
		f = expect(SYN | ACK, 0, 1, 0);
		CU_ASSERT_PTR_NOT_NULL_FATAL(f);
		CHECK_EQ(f->ws >= 0, i == 1);
		CHECK_EQ(f->sack_ok, i == 2);
		CHECK_EQ(f->has_ts, i == 3);
		CHECK(f->mss != 0);
	}
}

static void
test_options_switched_off(void)
{
	const struct frame *f;

	bed.conf.tcp.timestamps = bed.conf.tcp.sack = bed.conf.tcp.wscale = false;
	fx_listen();
	peer.ws = 3;
	peer.sack = peer.ts = true;
	tx(SYN, 0, 0, 0);
	f = expect(SYN | ACK, 0, 1, 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	CHECK(f->ws < 0 && !f->sack_ok && !f->has_ts && f->mss);
}

/* Without a listener: RST as RFC 9293 3.10.7.1 forms it, none for a RST. */
static void
test_closed_port(void)
{
	bed_start();
	peer.irs_known = true;
	peer.irs = 12345;
	tx(SYN, 0, 0, 0);
	peer.irs = 0; /* SEQ is 0 in absolute numbers */
	expect(RST | ACK, 0, 1, 0);
	tx(SYN, 0, 0, 10); /* SYN and ten bytes of data */
	expect(RST | ACK, 0, 11, 0);
	tx(FIN, 5, 0, 10);
	expect(RST | ACK, 0, 16, 0);
	tx(ACK, 5, 7777, 10);
	expect(RST, 7777, 0, 0);
	tx(SYN | ACK, 5, 7778, 0);
	expect(RST, 7778, 0, 0);
	tx(RST, 5, 0, 0);
	tx(RST | ACK, 5, 7777, 0);
	tx(RST | SYN, 5, 0, 0);
	expect_silence_for(5 * SEC);
	CHECK_EQ(STAT(OUT_RSTS), 5);
}

/* RFC 9293 3.10.7.2: LISTEN. */
static void
test_listen_segments(void)
{
	fx_listen();
	peer.irs_known = true;
	tx(RST, 0, 0, 0);
	tx(RST | ACK, 0, 99, 0);
	expect_silence();
	tx(ACK, 0, 99, 0);
	expect(RST, 99, 0, 0);
	tx(SYN | ACK, 0, 98, 0);
	expect(RST, 98, 0, 0);
	tx(0, 0, 0, 0);
	tx(0, 0, 0, 100);
	tx(FIN, 0, 0, 0);
	expect_silence_for(5 * SEC);
	CHECK_EQ(state_now(), TERN_LISTEN);
}

static void
test_bad_checksum(void)
{
	fx_listen();
	peer.bad_cksum = true;
	tx(SYN, 0, 0, 0);
	expect_silence_for(5 * SEC);
	CHECK_EQ(STAT(DROP_TCP_CSUM), 1);
	CHECK_EQ(W->listeners.half_open, 0);
}

/* A duplicate SYN brings the same SYN-ACK again; a third makes no second request. */
static void
test_duplicate_syn(void)
{
	fx_half_open();
	advance_us(100 * MS);
	tx(SYN, 0, 0, 0);
	expect(SYN | ACK, 0, 1, 0);
	CHECK_EQ(W->listeners.half_open, 1);
	tx(ACK, 1, 1, 0);
	expect_silence();
	CHECK(sock_accept(&bed.n[0]) != NULL);
}

/* SYN-ACKs at 0, 1, 3, 7, 15, 31 s (RFC 6298 5.5 doubling, 5 retries), then nothing. */
static void
test_synack_retransmission(void)
{
	fx_half_open();
	for (unsigned int i = 0; i < 5; i++)
		expect_after(SYN | ACK, 0, 1, 0, (1 << i) * SEC);
	expect_silence_for(31 * SEC);
	CHECK_EQ(W->listeners.half_open, 1);
	expect_silence_for(1 * SEC + SLACK_US);
	CHECK_EQ(W->listeners.half_open, 0);
	CHECK_EQ(state_now(), TERN_LISTEN);
	expect_silence_for(200 * SEC);
	CHECK_EQ(STAT(SYN_RETRANS), 5);
}

/* SYN-RECEIVED of a passive open goes back to LISTEN by an exact RST, without a word (RFC 9293 3.10.7.4). */
static void
test_half_open_rst(void)
{
	fx_half_open();
	tx(RST, 2, 0, 0); /* in the window, not exact: RFC 5961 3.2 */
	expect(ACK, 1, 1, 0);
	CHECK_EQ(W->listeners.half_open, 1);
	tx(RST, 0, 0, 0); /* outside */
	expect_silence();
	CHECK_EQ(W->listeners.half_open, 1);
	tx(RST, 1, 0, 0);
	expect_silence_for(100 * SEC);
	CHECK_EQ(W->listeners.half_open, 0);
	CHECK_EQ(state_now(), TERN_LISTEN);
}

/* An ACK that acknowledges nothing we sent: <SEQ=SEG.ACK><CTL=RST>, the request stays (3.10.7.4 fifth). */
static void
test_half_open_bad_ack(void)
{
	static const uint32_t bad[] = {0, 2, 1000, 0x7fffffff, 0x80000001, 0xffffffff};

	fx_half_open();
	for (unsigned int i = 0; i < RTE_DIM(bad); i++) {
		tx(ACK, 1, bad[i], 0);
		expect(RST, bad[i], 0, 0);
		CHECK_EQ(W->listeners.half_open, 1);
	}
	tx(ACK, 1, 1, 0);
	expect_silence();
	CHECK(sock_accept(&bed.n[0]) != NULL);
}

static void
test_half_open_out_of_window(void)
{
	fx_half_open();
	tx(ACK, 1 + (1 << 20), 1, 10); /* not acceptable: ACK, stay */
	expect(ACK, 1, 1, 0);
	CHECK_EQ(W->listeners.half_open, 1);
	tx(0, 1, 0, 10); /* no ACK bit: dropped */
	expect_silence();
	CHECK_EQ(W->listeners.half_open, 1);
	CHECK(sock_accept(&bed.n[0]) == NULL);
}

/*
 * A SYN with another ISN in SYN-RECEIVED: outside the window an ACK tells the peer (RFC 9293 3.10.7.4 first), inside
 * it the passive open goes back to LISTEN (fourth), where the SYN's retransmission is taken.
 */
static void
test_half_open_new_isn(void)
{
	fx_half_open();
	tx(SYN, 100000, 0, 0);
	expect(ACK, 1, 1, 0);
	expect_silence();
	CHECK_EQ(W->listeners.half_open, 1);
	tx(SYN, 5000, 0, 0);
	expect_silence();
	CHECK_EQ(W->listeners.half_open, 0);
	peer.iss += 5000;
	peer.irs_known = false;
	tx(SYN, 0, 0, 0);
	expect(SYN | ACK, 0, 1, 0);
	tx(ACK, 1, 1, 0);
	CHECK(sock_accept(&bed.n[0]) != NULL);
}

static void
test_final_ack_with_data(void)
{
	struct sock *s;

	fx_half_open();
	tx(ACK | PSH, 1, 1, 500);
	s = sock_accept(&bed.n[0]);
	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	CHECK_EQ(sock_recv(s, 1000), 500);
	CHECK_EQ(sock_recv(s, 1000), -EAGAIN);
	expect_at(ACK, 1, 501, 0, 0, 500 * MS);
	expect_silence_for(10 * SEC);
}

static void
test_final_ack_with_fin(void)
{
	struct sock *s;

	fx_half_open();
	tx(ACK | FIN, 1, 1, 20);
	s = sock_accept(&bed.n[0]);
	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	expect_at(ACK, 1, 22, 0, 0, 500 * MS);
	CHECK_EQ(sock_state(s), TERN_CLOSE_WAIT);
	CHECK_EQ(sock_recv(s, 1000), 20);
	CHECK_EQ(sock_recv(s, 1000), 0);
	CHECK(tern_recv_eof(s->c));
	sock_close(s);
	expect(FIN | ACK, 1, 22, 0);
	tx(ACK, 22, 2, 0);
	expect_silence_for(10 * SEC);
	CHECK_EQ(state_now(), TERN_LISTEN);
}

/* Data on the SYN may be kept or not, but never reaches the application before the handshake (RFC 9293 3.4). */
static void
test_syn_with_data(void)
{
	const struct frame *f;
	struct sock *s;
	uint32_t got;

	fx_listen();
	tx(SYN, 0, 0, 30);
	f = rx();
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	CHECK_EQ(f->flags, SYN | ACK);
	got = f->ack - peer.iss - 1;
	CHECK(got == 0 || got == 30);
	CHECK_EQ(bed.n[0].acceptable, 0);
	tx(ACK, got + 1, 1, 0);
	s = sock_accept(&bed.n[0]);
	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	tx(ACK, 1, 1, 60);
	CHECK_EQ(sock_recv_all(s), 60);
	expect_at(ACK, 1, 61, 0, 0, 500 * MS);
}

static void
test_syn_fin_ignored_fin(void)
{
	fx_listen();
	tx(SYN | FIN, 0, 0, 0);
	expect(SYN | ACK, 0, 1, 0);
	CHECK_EQ(bed.n[0].acceptable, 0);
	tx(RST, 1, 0, 0);
	rx_flush();
}

static uint32_t
isn_for(uint16_t port)
{
	const struct frame *f;
	uint32_t isn = 0;

	peer_new(port);
	tx(SYN, 0, 0, 0);
	f = rx();
	if (CHECK(f != NULL && f->flags == (SYN | ACK)))
		isn = f->seq;
	tx(RST, 1, 0, 0);
	expect_silence();
	CHECK_EQ(W->listeners.half_open, 0);
	return isn;
}

/* RFC 6528: per-tuple offset, plus the 4 us clock within a tuple. */
static void
test_isn(void)
{
	uint32_t a, b, same = 0, prev;

	fx_listen();
	a = isn_for(1000);
	advance_us(400 * MS);
	b = isn_for(1000);
	CHECK(b - a >= 99000 && b - a <= 101000);
	prev = isn_for(2000);
	for (unsigned int i = 1; i < 64; i++) {
		b = isn_for(2000 + i);
		same += b - prev < 1 << 20 || prev - b < 1 << 20;
		prev = b;
	}
	CHECK(same <= 3); /* 64 x 2^-11 are by chance: four in one run of 10^7 */
}

/* The last byte of the source address makes it one that nobody can have (MUST-63, SHOULD silently discard). */
static void
test_bad_source(void)
{
	fx_listen();
	peer.addr_lo = 1; /* our own address (land attack) */
	peer.port = SRV_PORT;
	tx(SYN, 0, 0, 0);
	expect_silence_for(5 * SEC);
	CHECK_EQ(W->listeners.half_open, 0);
	if (bed.af == 4) {
		peer.addr_lo = 255; /* broadcast of the subnet */
		tx(SYN, 0, 0, 0);
		expect_silence_for(5 * SEC);
		CHECK_EQ(W->listeners.half_open, 0);
	}
}

static struct {
	unsigned int offered, neighbours;
	struct rte_mbuf *taken;
	bool take;
} other;

static bool
on_unbound(struct tern_worker *w, struct rte_mbuf *m, unsigned int ifidx, void *arg)
{
	CHECK(arg == &other && ifidx == 0 && rte_pktmbuf_mtod_offset(m, uint8_t *, 12)[0] == (bed.af == 4 ? 8 : 0x86));
	other.offered++;
	if (other.take)
		other.taken = m;
	return other.take;
}

static void
on_neighbour(struct tern_worker *w, const struct rte_mbuf *m, unsigned int ifidx, void *arg)
{
	other.neighbours++;
}

/* One process of several behind one address: what nobody here is for may be for another one. */
static void
test_unbound(void)
{
	memset(&other, 0, sizeof(other));
	other.take = true;
	bed.conf.app = (struct tern_app){.unbound = on_unbound, .neighbour = on_neighbour, .arg = &other};
	fx_established();
	tx(ACK, 1, 1, 10);
	CHECK_EQ(other.offered, 0); /* a SYN that is listened for, and what is a connection's */
	expect_after(ACK, 1, 11, 0, 40 * MS);
	peer_new(2000);
	tx(ACK, 1, 1, 10);
	expect_silence();
	CHECK_EQ(other.offered, 1);
	other.take = false; /* it comes back: nobody has it */
	tern_worker_input(W, 0, &other.taken, 1);
	run();
	CHECK_EQ(other.offered, 2);
	CHECK_EQ(STAT(HANDOVER_IN), 1);
	expect(RST, 1, 0, 0);
	peer_new(2001);
	peer.tern_port++;
	other.take = true;
	tx(SYN, 0, 0, 0);
	expect_silence();
	CHECK_EQ(other.offered, 3);
	rte_pktmbuf_free(other.taken);
}

/* An answer to who asked for a MAC, and may not be who got it. */
static void
test_neighbour(void)
{
	memset(&other, 0, sizeof(other));
	bed.conf.app = (struct tern_app){.neighbour = on_neighbour, .arg = &other};
	fx_connected();
	CHECK_EQ(other.neighbours, 1);
}

static void
test_listen_errors(void)
{
	struct tern_listener *l = NULL, *l2 = NULL;
	struct tern_endpoint e;

	bed_start();
	CHECK_EQ(node_listen(&bed.n[0], 0, 1, &l), -EINVAL);
	CHECK_EQ(node_listen(&bed.n[0], 81, -1, &l), -EINVAL);
	peer_addr(&e, 81);
	CHECK_EQ(tern_listen(TW_(&bed.n[0]), &e, 1, NULL, NULL, &l), -EADDRNOTAVAIL);
	CHECK_EQ(node_listen(&bed.n[0], 81, 1, &l), 0);
	CHECK_EQ(node_listen(&bed.n[0], 81, 1, &l2), -EADDRINUSE);
	CHECK(tern_listener_worker(l) == TW_(&bed.n[0]));
	tern_listener_close(l);
	CHECK_EQ(node_listen(&bed.n[0], 81, 1, &bed.n[0].l[0]), 0);
	for (unsigned int i = 1; i < 4; i++)
		CHECK_EQ(node_listen(&bed.n[0], 81 + i, 1, &bed.n[0].l[i]), 0);
	CHECK(node_listen(&bed.n[0], 99, 1, &l) < 0); /* max_listeners is 4 */
}

/* A closed listener: its half-open requests vanish, its unaccepted connections are reset. */
static void
test_listener_close(void)
{
	struct peer first;

	fx_half_open();
	tx(ACK, 1, 1, 0);
	expect_silence();
	first = peer;
	peer_new(40001);
	fx_half_open();
	tern_listener_close(bed.n[0].l[0]);
	bed.n[0].l[0] = NULL;
	run();
	peer = first;
	expect_rst(1, 1);
	expect_silence_for(60 * SEC);
	CHECK_EQ(W->table.count, 0);
	peer_new(40002);
	tx(SYN, 0, 0, 0);
	CHECK(rx_peek() && (rx_peek()->flags & RST));
	rx_flush();
}

/* The wildcard address takes what no exact listener does. */
static void
test_wildcard(void)
{
	struct tern_endpoint any = {.af = bed.af, .port = htons(SRV_PORT)};

	bed_start();
	CHECK_EQ(tern_listen(TW_(&bed.n[0]), &any, 4, NULL, NULL, &bed.n[0].l[1]), 0);
	tx(SYN, 0, 0, 0);
	expect(SYN | ACK, 0, 1, 0);
	tx(ACK, 1, 1, 0);
	CHECK_EQ(W->listeners.accept_queued, 1);
	CHECK(sock_accept(&bed.n[0]) != NULL);
	CHECK_EQ(node_listen(&bed.n[0], SRV_PORT, 4, &bed.n[0].l[0]), 0); /* the exact one goes first */
	peer_new(40001);
	fx_half_open();
	tx(ACK, 1, 1, 0);
	CHECK_EQ(bed.n[0].acceptable, 1);
}

/* Both ends are tern. */
static void
test_pair(void)
{
	struct sock *s;

	bed_start_pair();
	CHECK_EQ(node_listen(&bed.n[1], SRV_PORT, 4, &bed.n[1].l[0]), 0);
	CHECK_EQ(node_connect(SRV_PORT, 0, &s), 0);
	run();
	CHECK_EQ(sock_state(s), TERN_ESTABLISHED);
	CHECK_EQ(s->connected, 1);
	CHECK_EQ(bed.n[1].acceptable, 1);
	CHECK_EQ(bed.frames, 3);
	CHECK(sock_accept(&bed.n[1]) != NULL);
}

int
main(int argc, char **argv)
{
	static CU_TestInfo tests[] = {
		{"three-way handshake", test_handshake},
		{"options not offered do not come back", test_options_not_offered},
		{"options switched off", test_options_switched_off},
		{"closed port", test_closed_port},
		{"segments in LISTEN", test_listen_segments},
		{"bad checksum", test_bad_checksum},
		{"duplicate SYN", test_duplicate_syn},
		{"SYN-ACK retransmission", test_synack_retransmission},
		{"RST in SYN-RECEIVED", test_half_open_rst},
		{"bad ACK in SYN-RECEIVED", test_half_open_bad_ack},
		{"out of window in SYN-RECEIVED", test_half_open_out_of_window},
		{"SYN with another ISN in SYN-RECEIVED", test_half_open_new_isn},
		{"final ACK with data", test_final_ack_with_data},
		{"final ACK with data and FIN", test_final_ack_with_fin},
		{"SYN with data", test_syn_with_data},
		{"SYN and FIN", test_syn_fin_ignored_fin},
		{"initial sequence numbers", test_isn},
		{"one process of several", test_unbound},
		{"one process of several, neighbours", test_neighbour},
		{"impossible source addresses", test_bad_source},
		{"errors of listen", test_listen_errors},
		{"listener close", test_listener_close},
		{"wildcard listener", test_wildcard},
		{"tern to tern", test_pair},
		CU_TEST_INFO_NULL,
	};

	return harness_main(argc, argv, "open", tests);
}
