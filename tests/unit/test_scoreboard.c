/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What peers can make of the scoreboard (tcp/runs.c): runs are whole segments, whatever SACK blocks say, a connection
 * has its share of them, and what is lost is found and sent again in whatever order it is told of. Segments of 1000
 * bytes.
 */
#include "harness.h"
#include "tcp/loss.h"

#define MSS 1000u

static struct tern_conn *
conn(const struct sock *s)
{
	return s->c;
}

/* The next segment of the peer has these blocks, relative numbers. */
static void
blocks(unsigned int n, const uint32_t b[][2])
{
	uint32_t be;

	memcpy(peer.opt, "\1\1\5", 3);
	peer.opt[3] = 2 + 8 * n;
	for (unsigned int i = 0; i < 2 * n; i++) {
		be = htonl(peer.irs + b[i / 2][i % 2]);
		memcpy(peer.opt + 4 + 4 * i, &be, 4);
	}
	peer.optlen = 4 + 8 * n;
}

static void
block(uint32_t left, uint32_t right)
{
	const uint32_t b[1][2] = {{left, right}};

	blocks(1, b);
	tx(ACK, 1, 1, 0);
}

/* A connection of a new port, segments of mss, the peer's window is large. */
static struct sock *
up(uint16_t port, uint16_t mss)
{
	struct sock *s;

	peer_new(port);
	peer.mss = mss;
	peer.sack = true;
	peer.ws = 14;
	tx(SYN, 0, 0, 0);
	expect(SYN | ACK, 0, 1, 0);
	tx(ACK, 1, 1, 0);
	s = sock_accept(&bed.n[0]);
	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	CHECK_EQ(tern_setopt(s->c, TERN_OPT_SNDBUF, 8 << 20), 0);
	CHECK_EQ(tern_setopt(s->c, TERN_OPT_NODELAY, 1), 0);
	conn(s)->cwnd = 8 << 20;
	return s;
}

/* n writes of len bytes, each leaves by itself, at its own time. */
static void
send_each(struct sock *s, unsigned int n, uint32_t len)
{
	while (n--) {
		advance_us(200);
		CHECK_EQ(sock_send(s, len), len);
		run();
		rx_flush();
	}
}

/* All is acknowledged; nothing is left of the runs. */
static void
finish(struct sock *s)
{
	for (unsigned int i = 0; i < 100 && tern_send_queued(s->c); i++) {
		tx(ACK, 1, conn(s)->snd_max - peer.irs, 0);
		rx_flush();
	}
	CHECK_EQ(tern_send_queued(s->c), 0);
	CHECK_EQ(conn(s)->loss->n_runs, 0);
	CHECK(TAILQ_EMPTY(&conn(s)->loss->flight) && TAILQ_EMPTY(&conn(s)->loss->due));
}

/* Blocks at any byte: they count for the segments they cover whole, nothing smaller is sent again, and there are few
 * runs. */
static void
test_byte_edges(void)
{
	struct sock *s;
	struct tern_conn *c;
	const struct frame *f;
	uint32_t b[4][2], most = 0;

	fx_listen();
	s = up(1001, MSS);
	c = conn(s);
	CHECK_EQ(sock_send(s, 10 * MSS), 10 * MSS);
	run();
	rx_flush();
	block(501, 3501);
	CHECK_EQ(c->loss->sacked, 2 * MSS);
	block(5002, 6000); /* all but two bytes of a segment */
	CHECK_EQ(c->loss->sacked, 2 * MSS);
	for (unsigned int i = 0; i < 475; i++) {
		for (unsigned int k = 0; k < 4; k++) {
			b[k][0] = 2 + harness_rand() % (10 * MSS - 2);
			b[k][1] = b[k][0] + 1 +
				  harness_rand() % RTE_MIN(10 * MSS + 1 - b[k][0], 1 + harness_rand() % 1500);
		}
		blocks(4, b);
		tx(ACK, 1, 1, 0);
		most = RTE_MAX(most, c->loss->n_runs);
		while ((f = rx()))
			CHECK(f->len == MSS);
		advance_us(1000);
	}
	CHECK(most <= 10);
	CHECK(STAT(RETRANS_SEGS) <= 20);
	rx_flush();
	finish(s);
}

/* Segments sent before there was a scoreboard may be small: their edges are the peer's, as long as there are few. */
static void
test_small_segments(void)
{
	struct sock *s;
	struct tern_conn *c;

	fx_listen();
	s = up(1001, MSS);
	c = conn(s);
	send_each(s, 6, 100);
	block(101, 501);
	CHECK_EQ(c->loss->sacked, 400);
	expect_at(ACK, 1, 1, 100, 0, 10 * MS);
	tx(ACK, 1, 601, 0);
	send_each(s, 19, 100); /* it is there now */
	for (unsigned int i = 0; i < 900; i++)
		block(604 + 2 * i, 605 + 2 * i);
	CHECK(c->loss->n_runs <= 20);
	CHECK_EQ(c->loss->sacked, 0);
	expect_silence();
	finish(s);
}

/* One connection, then four, split all they can: a share is left, each refusal is counted, and the innocent one is
 * repaired. */
static void
test_share(void)
{
	struct peer was[5];
	struct sock *s[5];
	const struct frame *f;
	unsigned int i;

	bed.conf.tcp.snd_buf = 8 << 20;
	fx_listen();
	for (i = 0; i < 4; i++) {
		s[i] = up(1001 + i, 64);
		send_each(s[i], 4500, 64);
		CHECK(conn(s[i])->loss->n_runs <= RUNS_MAX);
		was[i] = peer;
	}
	CHECK(W->runs.avail >= W->runs.total * 2 / 5);
	CHECK(STAT(SACK_RUN_LIMIT) > 0);
	CHECK_EQ(STAT(SACK_NO_RUN), 0);
	s[4] = up(1005, MSS);
	for (i = 0; i < 40; i++)
		send_each(s[4], 1, MSS);
	for (i = 4; i < 40; i++) /* the first two are lost, and every second one */
		if (i & 1)
			block(1 + i * MSS, 1 + (i + 1) * MSS);
	CHECK_EQ(conn(s[4])->loss->sacked, 18 * MSS);
	for (i = 0; (f = rx()); i++)
		CHECK_EQ(f->len, MSS);
	CHECK(i > 0);
	finish(s[4]);
	for (i = 0; i < 4; i++) {
		peer = was[i];
		finish(s[i]);
	}
}

#define TRANSFER (4u << 20)
#define SEGS (TRANSFER / MSS + 1)
#define GREEDY 4u
#define RTT_US (10 * MS)
#define LOSE 200u

static bool got[SEGS];
static struct peer greedy_peer[GREEDY];

/* Four blocks at any byte of the 14,600 in flight. */
static void
greedy_ack(unsigned int i)
{
	uint32_t b[4][2];

	peer = greedy_peer[i];
	for (unsigned int k = 0; k < 4; k++) {
		b[k][0] = 2 + harness_rand() % 14000;
		b[k][1] = b[k][0] + 1 + harness_rand() % 599;
	}
	blocks(4, b);
	tx(ACK, 1, 1, 0);
	greedy_peer[i] = peer;
}

/* What has come, newest first, is in the next segment's blocks. @return the first octet that has not. */
static uint32_t
receiver_says(void)
{
	uint32_t b[3][2], una = 0, i;
	unsigned int n = 0;

	while (una < SEGS && got[una])
		una++;
	for (i = SEGS; i > una && n < 3; i--) {
		if (!got[i - 1])
			continue;
		b[n][1] = RTE_MIN(i * MSS, TRANSFER) + 1;
		while (got[i - 1])
			i--;
		b[n++][0] = i * MSS + 1;
	}
	if (n)
		blocks(n, b);
	return RTE_MIN(una * MSS, TRANSFER) + 1;
}

/* TRANSFER octets to a peer that loses every LOSE-th segment, an ACK a round trip. @return how many; *frames: segments
 * it took. */
static unsigned int
transfer(uint16_t port, unsigned int n_greedy, unsigned int *frames)
{
	struct sock *s = up(port, MSS);
	const struct peer innocent = peer;
	const struct frame *f;
	unsigned int rounds;
	uint32_t ack = 1;

	memset(got, 0, sizeof(got));
	conn(s)->cwnd = 100 * MSS;
	for (rounds = *frames = 0; ack <= TRANSFER && rounds < 1000; rounds++) {
		if (s->tx_pos <= TRANSFER)
			sock_send(s, TRANSFER + 1 - s->tx_pos);
		for (unsigned int i = 0; i < 10 * n_greedy; i++)
			greedy_ack(i % n_greedy);
		advance_us(RTT_US);
		while ((f = rx()))
			if (f->dport == port && f->len && ++*frames % LOSE)
				got[(f->seq - innocent.irs) / MSS] = true;
		peer = innocent;
		ack = receiver_says();
		tx(ACK, 1, ack, 0);
	}
	CHECK_EQ(ack, TRANSFER + 1);
	finish(s);
	return rounds;
}

/* Four that cut their SACK blocks at any byte, some thousand of them, take neither time nor packets of an innocent
 * one. */
static void
test_innocent(void)
{
	unsigned int alone, beside, frames[2];

	bed.conf.tcp.snd_buf = 8 << 20;
	fx_listen();
	alone = transfer(2001, 0, &frames[0]);
	for (unsigned int i = 0; i < GREEDY; i++) {
		struct sock *s = up(1001 + i, 1460);

		CHECK_EQ(sock_send(s, 14600), 14600);
		run();
		rx_flush();
		greedy_peer[i] = peer;
	}
	beside = transfer(2002, GREEDY, &frames[1]);
	CHECK(beside * 100 <= alone * 105);
	CHECK(frames[1] * 100 <= frames[0] * 105);
	for (unsigned int i = 0; i < GREEDY; i++) {
		peer = greedy_peer[i];
		finish(bed.n[0].s + 1 + i);
	}
}

/* Thousands of segments, SACKed every second one in random order: the scoreboard stays true. */
static void
test_order(void)
{
	enum { N = 1500 };
	static uint16_t order[N / 2];
	struct txrun *r;
	struct sock *s;
	struct tern_conn *c;
	uint32_t lanes = 0, gap = 0;

	bed.conf.n_mbufs = 16384;
	fx_listen();
	s = up(1001, 64);
	c = conn(s);
	send_each(s, N, 64);
	CHECK(c->loss->n_runs >= N - 3);
	for (unsigned int i = 0; i < N / 2; i++) {
		const unsigned int k = harness_rand() % (i + 1);

		order[i] = order[k];
		order[k] = 2 * i + 1;
	}
	for (unsigned int i = 0; i < N / 2; i++) {
		block(1 + order[i] * 64, 1 + (order[i] + 1) * 64);
		CHECK_EQ(c->loss->sacked, (i + 1) * 64);
		rx_flush();
	}
	for (r = c->loss->head; r; r = r->next) {
		CHECK(!r->next || r->next->seq == r->end);
		lanes += r->lane;
		gap = r->lane ? 0 : gap + 1;
		CHECK(gap < 3 * 64);
	}
	CHECK(lanes >= N / 192 && lanes <= N / 16);
	for (r = c->loss->head; r; r = r->skip, lanes--)
		CHECK(r->lane && (!r->skip || seq_gt(r->skip->seq, r->seq)));
	CHECK_EQ(lanes, 0);
	block(1 + 64, 1 + N * 64); /* and one run of it all */
	rx_flush();
	CHECK_EQ(c->loss->sacked, (N - 1) * 64);
	CHECK(c->loss->n_runs <= 3);
	finish(s);
}

/* One write of many segments is one run. What is lost of it is sent again with the right bytes, also what is lost
 * again. */
static void
test_right_bytes(void)
{
	struct sock *s;
	struct tern_conn *c;
	uint32_t sent = 0;

	fx_listen();
	s = up(1001, MSS);
	c = conn(s);
	CHECK_EQ(sock_send(s, 200 * MSS), 200 * MSS);
	run();
	rx_flush();
	for (unsigned int i = 1; i < 200; i += 2) {
		advance_us(1000);
		block(1 + i * MSS, 1 + (i + 1) * MSS);
		sent += rx_flush(); /* compared with pat() */
	}
	CHECK(sent >= 90);
	CHECK_EQ(c->loss->n_runs, 200);
	send_each(s, 10, MSS);
	block(1 + 199 * MSS, 1 + 209 * MSS); /* and once more, each of them */
	for (unsigned int i = 0; i < 200; i++) {
		advance_us(10 * MS);
		block(1 + 199 * MSS, 1 + 210 * MSS);
		rx_flush();
	}
	CHECK(STAT(LOST_RETRANSMIT) > 0);
	finish(s);
}

int
main(int argc, char **argv)
{
	static CU_TestInfo tests[] = {
		{"byte edges", test_byte_edges},
		{"small segments", test_small_segments},
		{"share", test_share},
		{"innocent", test_innocent},
		{"order", test_order},
		{"right bytes", test_right_bytes},
		CU_TEST_INFO_NULL,
	};

	return harness_main(argc, argv, "scoreboard", tests);
}
