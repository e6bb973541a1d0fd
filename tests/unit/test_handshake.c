/* SPDX-License-Identifier: BSD-3-Clause */
/* The handshake's odd paths: simultaneous opens with windows and text, peers without timestamps, limits of configuration. */
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
	tern_conn_info(s->c, &inf);
	CHECK_EQ(inf.snd_wnd, 1000);
	rx_flush();
	CHECK_EQ(sock_send(s, 2000), 2000);
	run();
	expect(ACK, 1, 1, 1000);
	expect_silence();
	tx(ACK, 1, 1001, 0); /* no SYN: scaled */
	expect(ACK | PSH, 1001, 1, 1000);
	tern_conn_info(s->c, &inf);
	CHECK_EQ(inf.snd_wnd, 128000);
}

/* Text with the SYN waits for the SYN-ACK, whose own text overlaps it: all of it is read, once, nothing is left to SACK. */
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
		CHECK_EQ(((struct conn *)s->c)->ofo_bytes, 0);
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

	bed.conf.tcp.synack_retries = 80;
	bed.conf.tcp.rto_max_ms = 8000;
	fx_half_open();
	for (unsigned int i = 0; i < 80; i++) {
		expect_after(SYN | ACK, 0, 1, 0, pause);
		pause = RTE_MIN(2 * pause, 8 * SEC);
	}
	expect_silence_for(9 * SEC);
	CHECK_EQ(W->half_open, 0);
}

int
main(int argc, char **argv)
{
	static CU_TestInfo tests[] = {
		{"window of a simultaneous open", test_simultaneous_window},
		{"text on both SYNs", test_text_on_both},
		{"timestamp of the final ACK", test_final_ack_timestamp},
		{"eighty SYN-ACKs", test_synack_retries},
		CU_TEST_INFO_NULL,
	};

	return harness_main(argc, argv, "handshake", tests);
}
