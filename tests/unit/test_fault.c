/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What befalls a machine: a device that takes nothing for seconds, a clock that goes on by as much as fifty days, as
 * after a pause of the whole machine, or stands still. Connections survive, or end by the rules: nobody waits for
 * ever, and nothing is lost without a word. That every pool is full at the end is seen by bed_down().
 */
#include "harness.h"

#define CONNS 16u
#define LEN 600000u
#define R2 (100 * SEC) /* user_timeout_ms */

static const uint64_t jumps[] = {SEC, 60 * SEC, 3600 * SEC, 50 * 86400ull * SEC};

/* Between two polls; as the engine gives it, a day at a time. */
static void
jump(uint64_t us)
{
	const uint64_t day = 86400 * SEC;

	for (; us; us -= RTE_MIN(us, day)) {
		bed.now_us += RTE_MIN(us, day);
		run();
	}
}

static void
pair_up(void)
{
	bed_start_pair();
	bed.n[1].auto_accept = true;
	bed.dir[0].delay_us = bed.dir[1].delay_us = 5 * MS;
	CHECK_EQ(node_listen(&bed.n[1], SRV_PORT, 64, &bed.n[1].l[0]), 0);
}

static struct sock *
pair_connect(void)
{
	struct sock *s;

	CHECK_EQ(node_connect(SRV_PORT, 0, &s), 0);
	advance_us(SEC);
	CHECK_EQ(s->connected, 1);
	return s;
}

/* Bytes that node 1 has read, of all its connections. */
static uint64_t
arrived(void)
{
	uint64_t n = 0;
	unsigned int i;

	for (i = 0; i < bed.n[1].n_socks; i++)
		n += bed.n[1].s[i].rx_pos - 1;
	return n;
}

/* --- a device that takes nothing -------------------------------------------------------------------------------- */

/* All connections send as much as their paths take, and the device stops. */
static void
stick(struct sock *s[CONNS])
{
	unsigned int i;

	pair_up();
	for (i = 0; i < CONNS; i++)
		s[i] = pair_connect();
	for (i = 0; i < CONNS; i++) {
		s[i]->to_send = LEN;
		tern_want_writable(s[i]->c);
	}
	advance_us(50 * MS);
	CHECK(arrived() > 0 && arrived() < CONNS * LEN / 2);
	bed.tx_stuck[0] = true;
	advance_us(SEC);
	CHECK(W->ifs[0].n_tx > 100);
}

static void
test_tx_stuck_for_seconds(void)
{
	struct sock *s[CONNS];
	unsigned int i;

	stick(s);
	advance_us(4 * SEC);
	bed.tx_stuck[0] = false;
	advance_us(60 * SEC);
	CHECK_EQ(arrived(), CONNS * LEN);
	for (i = 0; i < CONNS; i++) {
		CHECK_EQ(s[i]->closed, 0);
		CHECK_EQ(tern_send_queued(s[i]->c), 0);
	}
	CHECK_EQ(STAT(DROP_TX_FULL), 0);
}

/* Longer than R2: each is told. */
static void
test_tx_stuck_too_long(void)
{
	struct sock *s[CONNS];
	unsigned int i;

	stick(s);
	advance_us(R2 + 61 * SEC);
	for (i = 0; i < CONNS; i++) {
		CHECK_EQ(s[i]->closed, 1);
		CHECK(s[i]->err == -ETIMEDOUT || s[i]->err == -EHOSTUNREACH); /* no ARP came through, either */
	}
	CHECK(W->ifs[0].n_tx <= 1024);
	bed.tx_stuck[0] = false;
}

/* The ring is full to its last place: what is an answer is dropped and counted, a connection's output waits. */
static void
test_tx_full(void)
{
	struct rte_mbuf *m;
	struct sock *s;

	pair_up();
	s = pair_connect();
	bed.tx_stuck[1] = true; /* its ACKs and SYN-ACKs */
	while (bed.n[1].w->ifs[0].n_tx < TX_RING) {
		m = rte_pktmbuf_alloc(bed.n[1].mp);
		CU_ASSERT_PTR_NOT_NULL_FATAL(m);
		memset(rte_pktmbuf_append(m, 60), 0, 60);
		bed.n[1].w->ifs[0].tx[bed.n[1].w->ifs[0].n_tx++] = m;
	}
	CHECK_EQ(sock_send(s, 1000), 1000);
	advance_us(5 * SEC);
	CHECK_EQ(arrived(), 1000);
	CHECK(tern_send_queued(s->c) == 1000);
	bed.tx_stuck[1] = false;
	advance_us(30 * SEC);
	CHECK_EQ(tern_send_queued(s->c), 0);
	CHECK_EQ(s->closed, 0);
}

/* --- a clock that jumps ------------------------------------------------------------------------------------------- */

static void
each_jump(void (*test)(uint64_t us))
{
	const uint8_t af = bed.af;
	unsigned int i;

	for (i = 0; i < RTE_DIM(jumps); i++) {
		test(jumps[i]);
		bed_down();
		bed_reset(af);
	}
}

/* Who is idle notices nothing: text goes both ways at once. */
static void
idle(uint64_t us)
{
	struct sock *s, *t;

	pair_up();
	s = pair_connect();
	t = &bed.n[1].s[0];
	CHECK_EQ(sock_send(s, 5000), 5000);
	advance_us(SEC);
	jump(us);
	CHECK_EQ(sock_send(s, 5000), 5000);
	CHECK_EQ(sock_send(t, 5000), 5000);
	advance_us(SEC);
	CHECK_EQ(arrived(), 10000);
	CHECK_EQ(sock_recv(s, 10000), 5000);
	CHECK_EQ(s->closed + t->closed, 0);
	CHECK_EQ(STAT(RETRANS_SEGS) + bed.n[1].w->stats[STAT_RETRANS_SEGS], 0);
}

/* All there, or the sender was told, which may be only if the jump alone is R2. */
static void
want_whole_or_told(const struct sock *s, uint64_t len, uint64_t us)
{
	if (s->closed) {
		CHECK(us >= R2);
		CHECK_EQ(s->err, -ETIMEDOUT);
		return;
	}
	CHECK_EQ(arrived(), len);
	CHECK_EQ(tern_send_queued(s->c), 0);
}

static void
in_flight(uint64_t us)
{
	struct sock *s;

	pair_up();
	s = pair_connect();
	s->to_send = LEN;
	tern_want_writable(s->c);
	advance_us(22 * MS);
	CHECK(arrived() < LEN);
	jump(us);
	advance_us(R2 + 61 * SEC);
	want_whole_or_told(s, LEN, us);
}

/* The window is shut when it happens, and opens afterwards. */
static void
shut_window(uint64_t us)
{
	struct sock *s, *t;

	pair_up();
	s = pair_connect();
	t = &bed.n[1].s[0];
	t->auto_read = false;
	s->to_send = 2 * LEN;
	tern_want_writable(s->c);
	advance_us(5 * SEC);
	CHECK(tern_send_queued(s->c) > 0);
	jump(us);
	advance_us(SEC);
	CHECK_EQ(s->closed, 0);
	t->auto_read = true;
	sock_recv_all(t);
	advance_us(R2 + 61 * SEC);
	want_whole_or_told(s, 2 * LEN, us);
}

static void
half_open(uint64_t us)
{
	struct sock *s;

	pair_up();
	CHECK_EQ(node_connect(SRV_PORT, 0, &s), 0);
	advance_us(7 * MS);
	CHECK_EQ(s->connected, 0);
	jump(us);
	advance_us(5 * SEC);
	if (s->closed)
		CHECK_EQ(s->err, -ETIMEDOUT);
	else
		CHECK_EQ(s->connected, 1);
}

static void
time_wait(uint64_t us)
{
	struct sock *s;

	pair_up();
	s = pair_connect();
	sock_close(s);
	advance_us(SEC);
	CHECK_EQ(W->stats[STAT_TW], 1);
	CHECK_EQ(W->table.count, 1);
	jump(us);
	CHECK_EQ(W->table.count, us < 60 * SEC - SEC);
}

static void
test_jump_idle(void)
{
	each_jump(idle);
}

static void
test_jump_in_flight(void)
{
	each_jump(in_flight);
}

static void
test_jump_shut_window(void)
{
	each_jump(shut_window);
}

static void
test_jump_half_open(void)
{
	each_jump(half_open);
}

static void
test_jump_time_wait(void)
{
	each_jump(time_wait);
}

/* A clock that stands still, or goes back: text that comes is taken, nothing is due, and it goes on as before. */
static void
test_stands_still(void)
{
	struct sock *s = fx_established();
	const uint64_t then = W->now_us;
	unsigned int i;

	tx(PSH | ACK, 1, 1, 100);
	for (i = 0; i < 1000; i++) {
		worker_set_time(W, then - i * 500);
		worker_run(W);
	}
	CHECK_EQ(W->now_us, then);
	CHECK_EQ(sock_recv(s, 1000), 100);
	expect_silence();
	expect_after(ACK, 1, 101, 0, 40 * MS);
}

int
main(int argc, char **argv)
{
	static CU_TestInfo tests[] = {
		{"device takes nothing for seconds", test_tx_stuck_for_seconds},
		{"device takes nothing for too long", test_tx_stuck_too_long},
		{"ring to the device is full", test_tx_full},
		{"clock jumps: idle", test_jump_idle},
		{"clock jumps: text in flight", test_jump_in_flight},
		{"clock jumps: shut window", test_jump_shut_window},
		{"clock jumps: half-open", test_jump_half_open},
		{"clock jumps: TIME-WAIT", test_jump_time_wait},
		{"clock stands still", test_stands_still},
		CU_TEST_INFO_NULL,
	};

	return harness_main(argc, argv, "fault", tests);
}
