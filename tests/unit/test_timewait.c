/* SPDX-License-Identifier: BSD-3-Clause */
/* TIME-WAIT: RFC 9293 3.6.1, 3.10.7.4, RFC 1337, RFC 6191. */
#include "harness.h"

#define TWO_MSL (60 * SEC)

static void
test_expiry(void)
{
	fx_time_wait();
	CHECK_EQ(W->conns.avail, W->conns.total);
	expect_silence_for(TWO_MSL - TICK_US);
	CHECK_EQ(W->table.count, 1);
	CHECK_EQ(STAT(TW_EXPIRED), 0);
	expect_silence_for(2 * TICK_US);
	CHECK_EQ(W->table.count, 0);
	CHECK_EQ(STAT(TW_EXPIRED), 1);
	tx(ACK, 2, 2, 0); /* now it's nobody's */
	expect(RST, 2, 0, 0);
}

static void
test_conf(void)
{
	bed.conf.tcp.time_wait_ms = 1000;
	fx_time_wait();
	advance_us(SEC - TICK_US);
	CHECK_EQ(W->table.count, 1);
	advance_us(2 * TICK_US);
	CHECK_EQ(W->table.count, 0);
}

/* The peer's FIN again: ACK again, 2 MSL from the start again. */
static void
test_fin_restarts(void)
{
	fx_time_wait();
	for (unsigned int i = 0; i < 5; i++) {
		expect_silence_for(59 * SEC);
		tx(FIN | ACK, 1, 2, 0);
		expect(ACK, 2, 2, 0);
	}
	CHECK_EQ(STAT(TW_REACK), 5);
	expect_silence_for(TWO_MSL - TICK_US);
	CHECK_EQ(W->table.count, 1);
	advance_us(2 * TICK_US);
	CHECK_EQ(W->table.count, 0);
}

/* What answers in its name looks as the connection did. */
static void
test_ttl_tos(void)
{
	struct sock *s = fx_established();
	const struct frame *f;

	CHECK_EQ(tern_setopt(s->c, TERN_OPT_TTL, 7), 0);
	CHECK_EQ(tern_setopt(s->c, TERN_OPT_TOS, 0x28), 0);
	sock_close(s);
	run();
	expect(FIN | ACK, 1, 1, 0);
	tx(FIN | ACK, 1, 2, 0);
	expect(ACK, 2, 2, 0);
	tx(FIN | ACK, 1, 2, 0);
	f = expect(ACK, 2, 2, 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	CHECK_EQ(f->ttl, 7);
	CHECK_EQ(f->tos, 0x28);
}

static void
test_rst_ignored(void)
{
	fx_time_wait();
	advance_us(10 * SEC);
	tx(RST, 2, 0, 0);
	tx(RST | ACK, 2, 2, 0);
	tx(RST, 1, 0, 0);
	tx(RST, 3, 0, 0);
	expect_silence();
	CHECK_EQ(W->table.count, 1);
	CHECK(STAT(TW_RST_IGNORED) >= 1);
	advance_us(TWO_MSL - 10 * SEC - TICK_US); /* nor do they move the clock */
	CHECK_EQ(W->table.count, 1);
	advance_us(2 * TICK_US);
	CHECK_EQ(W->table.count, 0);
}

/*
 * A host that comes through the same NAT with a SYN that is not newer gets our ACK, and answers it with a RST: that
 * one ends the record, so that its next SYN gets in. Only in the form of such an answer, and only while nothing else
 * was said.
 */
static void
test_rst_answers_ack(void)
{
	static const struct {
		uint8_t flags, before; /* before: what came between SYN and RST */
		uint32_t seq;
		bool ends;
	} t[] = {
		{RST, 0, 2, true},
		{RST, RST, 2, true},
		{RST | ACK, 0, 2, false},
		{RST, 0, 1, false},
		{RST, 0, 3, false},
		{RST, FIN | ACK, 2, false},
		{RST, ACK, 2, false},
	};

	for (unsigned int i = 0; i < RTE_DIM(t); i++) {
		bed_down();
		bed_reset(bed.af);
		fx_time_wait();
		tx(SYN, (uint32_t)-1000, 0, 0);
		expect(ACK, 2, 2, 0);
		if (t[i].before)
			tx(t[i].before, t[i].before & RST ? 77 : 1, 2, 0);
		rx_flush();
		tx(t[i].flags, t[i].seq, 2, 0);
		check_at(W->table.count == !t[i].ends && STAT(TW_RST) == t[i].ends, __FILE__, __LINE__, "row %u", i);
		if (t[i].ends) {
			peer.irs_known = false;
			peer.iss -= 1000;
			tx(SYN, 0, 0, 0);
			expect(SYN | ACK, 0, 1, 0);
		}
		expect_silence();
	}
}

/* Whatever is answered but the peer's own FIN comes from the budget of answers to nobody. */
static void
test_budget(void)
{
	static const uint8_t flags[] = {ACK, SYN, SYN | ACK, FIN | ACK};
	unsigned int n;

	for (unsigned int k = 0; k < RTE_DIM(flags); k++) {
		bed_down();
		bed_reset(bed.af);
		fx_time_wait();
		for (n = 0; n < 1000; n++)
			tx(flags[k], (uint32_t)-1000, 2, 10);
		check_at(rx_flush() < 300, __FILE__, __LINE__, "row %u", k);
		tx(FIN | ACK, 1, 2, 0);
		expect(ACK, 2, 2, 0);
	}
}

/* Old duplicates are acknowledged, never delivered; they can't keep the record alive. */
static void
test_old_data(void)
{
	fx_time_wait();
	advance_us(30 * SEC);
	tx(ACK, 1, 2, 1);
	expect(ACK, 2, 2, 0);
	tx(ACK, 0x80000000, 2, 100);
	expect(ACK, 2, 2, 0);
	tx(ACK, 2, 2, 0);
	expect_silence();
	advance_us(30 * SEC + TICK_US);
	CHECK_EQ(W->table.count, 0);
}

/* A SYN with a higher sequence number reopens through the listener; tern's new ISS exceeds its old SND.NXT. */
static void
test_reopen_by_seq(void)
{
	const struct frame *f;
	uint32_t old_iss;
	struct sock *s;

	fx_time_wait();
	old_iss = peer.irs;
	peer.irs_known = false;
	peer.iss += 1000;
	tx(SYN, 0, 0, 0);
	f = expect(SYN | ACK, 0, 1, 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	CHECK(seq_gt(f->seq, old_iss + 2));
	CHECK_EQ(STAT(TW_RECYCLED), 1);
	tx(ACK, 1, 1, 10);
	s = sock_accept(&bed.n[0]);
	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	CHECK_EQ(sock_recv_all(s), 10);
	CHECK_EQ(W->table.count, 1);
}

/* With timestamps a newer one decides, even if the sequence number is older (RFC 6191 2). */
static void
time_wait_ts(void)
{
	struct sock *s;

	peer.ts = true;
	s = fx_established();
	sock_close(s);
	expect(FIN | ACK, 1, 1, 0);
	peer.tsval += 5;
	tx(FIN | ACK, 1, 2, 0);
	expect(ACK, 2, 2, 0);
	CHECK_EQ(state_now(), TERN_TIME_WAIT);
}

static void
test_reopen_by_timestamp(void)
{
	time_wait_ts();
	peer.irs_known = false;
	peer.iss -= 100000;
	peer.tsval += 1000;
	advance_us(SEC);
	tx(SYN, 0, 0, 0);
	expect(SYN | ACK, 0, 1, 0);
	CHECK_EQ(STAT(TW_RECYCLED), 1);
	tx(ACK, 1, 1, 0);
	CHECK(sock_accept(&bed.n[0]) != NULL);
}

static void
test_old_timestamp(void)
{
	time_wait_ts();
	peer.tsval -= 1000;
	tx(SYN, 5, 0, 0); /* higher sequence number, but an older timestamp */
	expect(ACK, 2, 2, 0);
	CHECK_EQ(STAT(TW_RECYCLED), 0);
	CHECK_EQ(state_now(), TERN_TIME_WAIT);
}

/* Equal timestamp, higher sequence number: reopened (RFC 6191 2, second case). */
static void
test_equal_timestamp(void)
{
	time_wait_ts();
	peer.irs_known = false;
	peer.iss += 5000;
	tx(SYN, 0, 0, 0);
	expect(SYN | ACK, 0, 1, 0);
	CHECK_EQ(STAT(TW_RECYCLED), 1);
}

static void
test_old_syn(void)
{
	fx_time_wait();
	advance_us(SEC);
	tx(SYN, -1000, 0, 0);
	expect(ACK, 2, 2, 0);
	CHECK_EQ(state_now(), TERN_TIME_WAIT);
	CHECK_EQ(STAT(TW_RECYCLED), 0);
}

/* Without the listener nobody takes the newer SYN; the record stays and nothing is opened. */
static void
test_newer_syn_without_listener(void)
{
	const struct frame *f;

	fx_time_wait();
	tern_listener_close(bed.n[0].l[0]);
	bed.n[0].l[0] = NULL;
	tx(SYN, 1000, 0, 0);
	f = rx();
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	CHECK(!(f->flags & SYN));
	expect_silence();
}

/* The pool is empty: the connection closes at once, with a counter; others are not disturbed. */
static void
test_pool_empty(void)
{
	bed.conf.max_timewait = 2;
	bed_start();
	CHECK_EQ(node_listen(&bed.n[0], SRV_PORT, 16, &bed.n[0].l[0]), 0);
	for (unsigned int i = 0; i < 3; i++) {
		struct sock *s;

		peer_new(1000 + i);
		s = fx_established();
		sock_close(s);
		expect(FIN | ACK, 1, 1, 0);
		tx(FIN | ACK, 1, 2, 0);
		expect(ACK, 2, 2, 0);
		CHECK_EQ(W->table.count, RTE_MIN(i + 1, 2u));
		CHECK_EQ(STAT(TW_OVERFLOW), i == 2);
	}
	CHECK_EQ(W->conns.avail, W->conns.total);
	advance_us(TWO_MSL + SEC);
	CHECK_EQ(W->table.count, 0);
}

/* The final ACK is lost: the pair ends cleanly by the re-ACK. */
static bool
drop_tw_ack(const struct frame *f, uint64_t nth, void *arg)
{
	unsigned int *left = arg;

	if (f->len || f->flags != ACK || W->stats[STAT_TW] == 0 || *left == 0)
		return false;
	(*left)--;
	return true;
}

static void
test_lost_last_ack(void)
{
	unsigned int left = 2;
	struct sock *a, *b;

	bed_start_pair();
	CHECK_EQ(node_listen(&bed.n[1], SRV_PORT, 4, &bed.n[1].l[0]), 0);
	CHECK_EQ(node_connect(SRV_PORT, 0, &a), 0);
	run();
	b = sock_accept(&bed.n[1]);
	CU_ASSERT_PTR_NOT_NULL_FATAL(b);
	bed.dir[0].drop = drop_tw_ack;
	bed.dir[0].arg = &left;
	sock_close(a);
	sock_close(b);
	advance_us(10 * SEC);
	CHECK_EQ(left, 0);
	CHECK_EQ(STAT(TW_REACK), 2);
	CHECK_EQ(bed.n[1].w->table.count, 0);
	CHECK_EQ(bed.n[1].w->stats[STAT_CLOSED_OK], 1);
}

/* Records hold no packet memory and few bytes. */
static void
test_many(void)
{
	bed.conf.max_timewait = 1000;
	bed_start();
	CHECK_EQ(node_listen(&bed.n[0], SRV_PORT, 16, &bed.n[0].l[0]), 0);
	for (unsigned int i = 0; i < 1000; i++) {
		struct sock *s;

		peer_new(1000 + i);
		peer.irs_known = false;
		s = fx_established();
		sock_close(s);
		rx_flush();
		tx(FIN | ACK, 1, 2, 0);
		rx_flush();
		advance_us(10 * MS);
	}
	CHECK_EQ(W->table.count, 1000);
	CHECK_EQ(W->timewaits[bed.af == 6].total - W->timewaits[bed.af == 6].avail, 1000);
	CHECK_EQ(rte_mempool_avail_count(bed.n[0].mp), bed.n[0].mbufs);
	advance_us(TWO_MSL - 5 * SEC);
	CHECK(W->table.count > 0 && W->table.count < 1000); /* the eldest are gone */
	advance_us(6 * SEC);
	CHECK_EQ(W->table.count, 0);
}

int
main(int argc, char **argv)
{
	static CU_TestInfo tests[] = {
		{"expiry after 2 MSL", test_expiry},
		{"configured 2 MSL", test_conf},
		{"FIN restarts 2 MSL", test_fin_restarts},
		{"TTL and TOS", test_ttl_tos},
		{"RST is ignored", test_rst_ignored},
		{"RST that answers an ACK", test_rst_answers_ack},
		{"budget of ACKs", test_budget},
		{"old data", test_old_data},
		{"reopened by sequence number", test_reopen_by_seq},
		{"reopened by timestamp", test_reopen_by_timestamp},
		{"older timestamp", test_old_timestamp},
		{"equal timestamp", test_equal_timestamp},
		{"older SYN", test_old_syn},
		{"newer SYN without listener", test_newer_syn_without_listener},
		{"pool empty", test_pool_empty},
		{"last ACK lost", test_lost_last_ack},
		{"a thousand", test_many},
		CU_TEST_INFO_NULL,
	};

	return harness_main(argc, argv, "timewait", tests);
}
