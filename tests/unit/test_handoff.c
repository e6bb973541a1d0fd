/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A connection that nobody has accepted goes to another worker. The peer is the test: it sees one connection, its
 * numbers, timestamps and window going on, and no segment that it would not have seen otherwise but one ACK. The worker
 * that had it is gone when the other one takes it: bed_restart().
 */
#include "harness.h"

static char rec[300000];
static size_t rec_len;

/* The record of the oldest in l's queue, which has it no more. */
static void
export_one(struct tern_listener *l)
{
	rec_len = tern_accept_export(l, rec, sizeof(rec));
	CHECK(rec_len > 0 && rec_len <= sizeof(rec));
	tern_accept_exported(l, true);
	run();
}

static void
listen_anew(void)
{
	bed_restart(0);
	CU_ASSERT_EQUAL_FATAL(node_listen(&bed.n[0], SRV_PORT, 16, &bed.n[0].l[0]), 0);
}

/* The handshake, and len bytes. */
static void
open_and_send(uint32_t len)
{
	uint32_t at, n;

	fx_half_open();
	tx(ACK, 1, 1, 0);
	for (at = 0; at < len; at += n) {
		n = RTE_MIN(len - at, 1000u);
		tx(ACK | PSH, 1 + at, 1, n);
	}
	advance_us(SEC); /* their ACKs */
	rx_flush();
}

static void
moves(uint32_t len, bool fin)
{
	const uint32_t end = 1 + len + fin;
	struct sock *s;

	bed_down();
	bed_reset(bed.af);
	open_and_send(len);
	if (fin)
		tx(FIN | ACK, 1 + len, 1, 0);
	rx_flush();
	export_one(bed.n[0].l[0]);
	CHECK_EQ(STAT(EXPORTED), 1);
	CHECK_EQ(state_now(), TERN_LISTEN);
	expect_silence_for(10 * SEC);

	listen_anew();
	CHECK_EQ(tern_accept_import(W, rec, rec_len), 0);
	run();
	expect(ACK, 1, end, 0);
	CHECK_EQ(STAT(IMPORTED), 1);
	CHECK_EQ(bed.n[0].acceptable, 2); /* by both workers */
	s = sock_accept(&bed.n[0]);
	CU_ASSERT_FATAL(s != NULL);
	run();
	CHECK_EQ(sock_state(s), fin ? TERN_CLOSE_WAIT : TERN_ESTABLISHED);
	CHECK_EQ(sock_recv_all(s), len);
	CHECK_EQ(tern_recv_eof(s->c), fin);
	run();
	rx_flush();
	if (!fin) { /* it goes on, both ways */
		tx(ACK | PSH, end, 1, 500);
		run();
		CHECK_EQ(sock_recv_all(s), 500);
		advance_us(SEC);
		rx_flush();
	}
	CHECK_EQ(sock_send(s, 700), 700);
	run();
	expect(ACK | PSH, 1, end + (fin ? 0 : 500), 700);
	tx(ACK, end + (fin ? 0 : 500), 701, 0);
	CHECK_EQ(tern_send_queued(s->c), 0);
}

static void
test_moves(void)
{
	static const uint32_t lens[] = {0, 1, 87, 1000, 5000, 60000};

	for (unsigned int i = 0; i < RTE_DIM(lens); i++) {
		moves(lens[i], false);
		moves(lens[i], true);
	}
}

/* What was agreed on: timestamps that go on, window scales, SACK, MSS; and the window that was offered stays open. */
static void
test_negotiated(void)
{
	const struct frame *f;
	uint32_t tsval;
	struct sock *s;

	peer.ts = peer.sack = true;
	peer.ws = 7;
	peer.mss = 900;
	peer.wnd = 100; /* of 12,800 bytes */
	open_and_send(10);
	tsval = peer.tsecr;
	export_one(bed.n[0].l[0]);
	advance_us(50 * MS);
	listen_anew();
	CHECK_EQ(tern_accept_import(W, rec, rec_len), 0);
	run();
	f = expect_at_(__FILE__, __LINE__, ACK, 1, 11, 0, 0, 0);
	CHECK(f && f->has_ts && f->tsecr == peer.tsval && f->tsval - tsval < 1200);
	s = sock_accept(&bed.n[0]);
	CU_ASSERT_FATAL(s != NULL);
	CHECK_EQ(sock_send(s, 20000), 20000);
	run();
	expect(ACK, 1, 11, 900 - 12);
	rx_flush();
	CHECK_EQ(s->c->snd_max - s->c->iss - 1, RTE_MIN(s->c->cwnd / s->c->mss * s->c->mss, 12800u));
	CHECK_EQ(s->c->feat & (F_TS | F_SACK | F_WS), F_TS | F_SACK | F_WS);
	tx(ACK, 12, 1, 100); /* a hole: it may be reported */
	f = rx();
	CHECK(f && f->n_sack == 1);
}

/* Half-open ones of a listener that left become connections, which go; a SYN finds who listens now. */
static void
test_leave(void)
{
	struct tern_listener *left;
	struct peer first;

	fx_half_open();
	first = peer;
	left = bed.n[0].l[0];
	bed.n[0].l[1] = left; /* closed at the end */
	tern_listener_leave(left);
	peer_new(2000);
	tx(SYN, 0, 0, 0);
	expect(RST | ACK, 0, 1, 0);
	CU_ASSERT_EQUAL_FATAL(node_listen(&bed.n[0], SRV_PORT, 16, &bed.n[0].l[0]), 0);
	peer_new(2001);
	tx(SYN, 0, 0, 0);
	expect(SYN | ACK, 0, 1, 0);
	tx(RST, 1, 0, 0);
	peer = first;
	tx(ACK | PSH, 1, 1, 20);
	CHECK_EQ(left->accept_n, 1);
	CHECK_EQ(bed.n[0].acceptable, 0);
	advance_us(SEC);
	rx_flush();
	export_one(left);
	CHECK_EQ(tern_accept_export(left, rec, sizeof(rec)), 0);
	CHECK_EQ(tern_accept_import(W, rec, rec_len), 0); /* the same worker */
	run();
	expect(ACK, 1, 21, 0);
	CHECK_EQ(bed.n[0].acceptable, 1);
	CHECK_EQ(sock_recv_all(sock_accept(&bed.n[0])), 20);
}

/* To a listener that left, from where it goes on. */
static void
test_passes(void)
{
	open_and_send(30);
	export_one(bed.n[0].l[0]);
	tern_listener_leave(bed.n[0].l[0]);
	CHECK_EQ(tern_accept_import(W, rec, rec_len), 0);
	run();
	expect(ACK, 1, 31, 0);
	export_one(bed.n[0].l[0]);
	expect_silence();
	listen_anew();
	CHECK_EQ(tern_accept_import(W, rec, rec_len), 0);
	run();
	expect(ACK, 1, 31, 0);
	CHECK_EQ(sock_recv_all(sock_accept(&bed.n[0])), 30);
}

/* Room for it, or not; the word that it can't be; one that was reset while it waited. */
static void
test_no_export(void)
{
	struct tern_listener *l;
	size_t n;

	fx_listen();
	l = bed.n[0].l[0];
	CHECK_EQ(tern_accept_export(l, rec, sizeof(rec)), 0);
	open_and_send(50);
	n = tern_accept_export(l, NULL, 0);
	CHECK(n > 50 && n < 200);
	CHECK_EQ(tern_accept_export(l, NULL, n - 1), n);
	CHECK_EQ(l->accept_n, 1);
	tern_accept_exported(l, false);
	run();
	expect_rst(1, 51);
	CHECK_EQ(l->accept_n, 0);
	CHECK_EQ(STAT(EXPORTED), 0);
	peer_new(1001);
	open_and_send(50);
	tx(RST, 51, 0, 0);
	CHECK_EQ(l->accept_n, 1); /* its text may be read */
	CHECK_EQ(tern_accept_export(l, rec, sizeof(rec)), 0);
	CHECK_EQ(l->accept_n, 0);
}

/* No record: nothing happens. */
static void
test_no_record(void)
{
	uint32_t at;
	uint8_t *magic = (uint8_t *)rec;

	open_and_send(20);
	export_one(bed.n[0].l[0]);
	for (at = 0; at < rec_len; at++)
		CHECK_EQ(tern_accept_import(W, rec, at), -EINVAL);
	CHECK_EQ(tern_accept_import(W, rec, rec_len + 1), -EINVAL);
	magic[0] ^= 1;
	CHECK_EQ(tern_accept_import(W, rec, rec_len), -EINVAL);
	run();
	expect_silence();
	CHECK_EQ(STAT(IMPORTED), 0);
}

/* Any byte of it another one: it is refused, or some connection, and nothing breaks (the harness checks). */
static void
test_garbled(void)
{
	uint32_t at, i, n;

	open_and_send(20);
	export_one(bed.n[0].l[0]);
	for (at = 0; at < rec_len; at++)
		for (i = 1; i < 256; i = i * 3 + 1) {
			rec[at] ^= i;
			tern_accept_import(W, rec, rec_len);
			rec[at] ^= i;
			run();
			for (n = 0; n < 3; n++) { /* of this, and of one that another port is listened on for */
				struct tern_conn *c;

				if (tern_accept(bed.n[0].l[0], &sock_ops, sock_new(&bed.n[0]), &c, 1))
					tern_abort(c);
				bed.n[0].n_socks = 0;
			}
			run();
			rx_flush();
		}
}

/* The peer is told: nobody listens, no mbuf for its text, a full queue; it is there already. */
static void
test_refused(void)
{
	open_and_send(5000);
	export_one(bed.n[0].l[0]);
	bed_restart(0);
	CHECK_EQ(tern_accept_import(W, rec, rec_len), -ENOENT);
	run();
	expect(RST, 1, 0, 0);
	listen_anew();
	mbufs_take(2);
	CHECK_EQ(tern_accept_import(W, rec, rec_len), -ENOBUFS);
	mbufs_give();
	run();
	rx_flush();
	CHECK_EQ(state_now(), TERN_LISTEN);
	CHECK_EQ(tern_accept_import(W, rec, rec_len), 0);
	run();
	expect(ACK, 1, 5001, 0);
	CHECK_EQ(tern_accept_import(W, rec, rec_len), -EEXIST);
	run();
	expect_silence();
}

/* What is left of an older connection makes way: a half-open request of the same SYN, sent to another worker. */
static void
test_makes_way(void)
{
	open_and_send(20);
	export_one(bed.n[0].l[0]);
	listen_anew();
	peer.irs_known = false;
	tx(SYN, 0, 0, 0);
	expect(SYN | ACK, 0, 1, 0);
	CHECK_EQ(W->listeners.half_open, 1);
	peer.irs_known = false;
	CHECK_EQ(tern_accept_import(W, rec, rec_len), 0);
	CHECK_EQ(W->listeners.half_open, 0);
	run();
	rx_flush();
	CHECK_EQ(sock_recv_all(sock_accept(&bed.n[0])), 20);
}

static char (*many)[200];

/* Beyond a full queue there is room for so many, and no more. */
static void
test_full(void)
{
	const unsigned int n = 1 + IMPORT_MAX + 1;
	unsigned int i;

	bed.conf.max_conns = 2048;
	many = calloc(n, sizeof(*many));
	CU_ASSERT_FATAL(many != NULL);
	for (i = 0; i < n; i++) {
		peer_new(1000 + i);
		open_and_send(1);
		export_one(bed.n[0].l[0]);
		CU_ASSERT_FATAL(rec_len <= sizeof(*many));
		memcpy(many[i], rec, rec_len);
	}
	bed_restart(0);
	CU_ASSERT_EQUAL_FATAL(node_listen(&bed.n[0], SRV_PORT, 1, &bed.n[0].l[0]), 0);
	for (i = 0; i < n; i++) {
		CHECK_EQ(tern_accept_import(W, many[i], rec_len), i < n - 1 ? 0 : -ENOBUFS);
		run();
		rx_flush();
	}
	free(many);
	peer_new(4000);
	tx(SYN, 0, 0, 0);
	expect_silence();
}

static unsigned int offered;
static bool takes;

static bool
on_unbound(struct tern_worker *w, struct rte_mbuf *m, unsigned int ifidx, void *arg)
{
	offered++;
	if (takes)
		rte_pktmbuf_free(m);
	return takes;
}

/* A SYN that came again may have been answered by two: the segment that acknowledges the other's SYN-ACK is offered to
 * the others before it is answered with a reset, which would end a good connection. */
static void
test_two_answers(void)
{
	bed.conf.app.unbound = on_unbound;
	fx_half_open();
	offered = 0;
	takes = true;
	tx(ACK, 1, 5000, 0);
	expect_silence();
	CHECK_EQ(offered, 1);
	takes = false;
	tx(ACK, 1, 5000, 0);
	expect(RST, 5000, 0, 0);
	CHECK_EQ(offered, 2);
	tx(ACK, 1, 1, 0);
	CHECK_EQ(bed.n[0].l[0]->accept_n, 1);
}

/* The port was used again while another process has the old connection's TIME-WAIT. */
static void
test_old_timewait(void)
{
	bed.conf.app.unbound = on_unbound;
	fx_time_wait();
	offered = 0;
	takes = true;
	tx(ACK | PSH, 70000, 1, 10);
	expect_silence();
	CHECK_EQ(offered, 1);
	takes = false;
	tx(ACK | PSH, 70000, 1, 10);
	expect(ACK, 2, 2, 0);
	CHECK_EQ(offered, 2);
	tx(FIN | ACK, 1, 2, 0); /* of the old one */
	expect(ACK, 2, 2, 0);
	CHECK_EQ(offered, 2);
}

int
main(int argc, char **argv)
{
	static CU_TestInfo tests[] = {
		{"a connection goes to another worker", test_moves},
		{"what was agreed on goes with it", test_negotiated},
		{"half-open requests of a listener that left", test_leave},
		{"from worker to worker to worker", test_passes},
		{"nothing to export", test_no_export},
		{"no record", test_no_record},
		{"a record of which any byte is another", test_garbled},
		{"a record that is refused: the peer is told", test_refused},
		{"an older request makes way", test_makes_way},
		{"room beyond a full queue", test_full},
		{"a SYN that two answered", test_two_answers},
		{"another one's TIME-WAIT", test_old_timewait},
		CU_TEST_INFO_NULL,
	};

	return harness_main(argc, argv, "handoff", tests);
}
