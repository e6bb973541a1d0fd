/* SPDX-License-Identifier: BSD-3-Clause */
/* Out-of-order text: SHLD-31, RFC 2018 3 and 4. Every segment is compared with a map of the bytes that have come. */
#include "harness.h"

#define STREAM 20000u

static uint8_t have[STREAM + 2]; /* by relative sequence number */
static uint64_t rng;

static uint32_t
draw(uint32_t n)
{
	rng = rng * 6364136223846793005ull + 1442695040888963407ull;
	return (rng >> 33) % n;
}

static struct sock *
sack_peer(void)
{
	peer.sack = true;
	return fx_established();
}

static uint32_t
first_hole(void)
{
	uint32_t q = 1;

	while (q <= STREAM && have[q])
		q++;
	return q;
}

/* Is [l, r) one of the map's runs, as long as it is? */
static bool
is_run(uint32_t l, uint32_t r)
{
	if (l >= r || r > STREAM + 1 || have[l - 1] || (r <= STREAM && have[r]))
		return false;
	while (l < r && have[l])
		l++;
	return l == r;
}

static void
check_blocks(const struct frame *f, uint32_t q, uint32_t len, bool again)
{
	const unsigned int d = again ? 1 : 0;

	for (unsigned int i = d; i < f->n_sack; i++) {
		const uint32_t l = f->sack[2 * i] - peer.iss, r = f->sack[2 * i + 1] - peer.iss;

		check_at(is_run(l, r), __FILE__, __LINE__, "block %u: %u..%u is no run", i, l, r);
		if (i == d) /* RFC 2018 4: the one the segment is in */
			check_at(l <= q && r >= q + len, __FILE__, __LINE__, "%u..%u is not about %u+%u", l, r, q, len);
		for (unsigned int k = d; k < i; k++)
			CHECK(f->sack[2 * k] != f->sack[2 * i]);
	}
}

static void
one_stream(uint32_t longest)
{
	struct sock *s = sack_peer();
	uint32_t hole = 1;

	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	memset(have, 0, sizeof(have));
	have[0] = 1; /* the SYN */
	for (unsigned int n = 0; hole <= STREAM; n++) {
		const uint32_t q = draw(8) ? 1 + draw(STREAM) : hole, len = 1 + draw(RTE_MIN(longest, STREAM + 1 - q));
		bool again = false, fresh = false;
		const struct frame *f;

		if (!check_at(n < 40000, __FILE__, __LINE__, "no end"))
			return;
		for (uint32_t i = q; i < q + len; i++) {
			again |= have[i];
			fresh |= !have[i];
			have[i] = 1;
		}
		tx(ACK, q, 1, len);
		hole = first_hole();
		f = rx();
		if (q >= hole || again || (fresh && q > 1 && !have[q - 1])) /* out of order, or again: at once */
			CHECK(f != NULL);
		if (f) {
			CHECK_EQ(f->ack - peer.iss, hole);
			if (q > hole)
				check_blocks(f, q, len, again);
		}
		rx_flush();
		if (draw(4) == 0)
			sock_recv_all(s);
	}
	sock_recv_all(s);
	CHECK_EQ(s->rx_pos, 1 + STREAM); /* each byte was compared */
	CHECK_EQ(W->rxruns.avail, W->rxruns.total);
	CHECK_EQ(s->c->ofo_bytes, 0);
	CHECK_EQ(s->c->ofo_segs, 0);
	advance_us(SEC);
	rx_flush();
}

static void
test_model(void)
{
	static const uint32_t longest[] = {1400, 300, 40};

	for (unsigned int i = 0; i < 12; i++) {
		bed_down();
		bed_reset(bed.af);
		bed.conf.n_mbufs = 16384; /* enough runs for one connection */
		rng = harness_rand();
		one_stream(longest[i % RTE_DIM(longest)]);
	}
}

/* As many holes as are kept, and one more. */
static void
test_holes(void)
{
	struct sock *s;
	unsigned int n;

	bed.conf.tcp.rcv_buf = 1 << 20;
	bed.conf.n_mbufs = 16384;
	s = sack_peer();
	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	for (n = 0; n < 5000 && !STAT(OFO_DROP); n++) {
		tx(ACK, 3 + 2 * n, 1, 1);
		rx_flush();
	}
	CHECK_EQ(n, 512 + 1);
	tx(ACK, 2 * 512 + 2, 1, 100); /* what follows the highest needs no other run */
	rx_flush();
	CHECK_EQ(STAT(OFO_DROP), 1);
	tx(ACK, 1, 1, 1200);
	CHECK_EQ(sock_recv_all(s), 1200);
	CHECK_EQ(W->rxruns.avail, W->rxruns.total);
	rx_flush();
}

/* Holes in random order: the runs are those of the map, the walk to each is short, and one connection has its share
 * only. */
static void
test_lane(void)
{
	static uint16_t order[400];
	const struct rxrun *r;
	unsigned int gap = 0, n = 0;
	struct sock *s;
	struct tern_conn *c;

	bed.conf.n_mbufs = 8192; /* 2048 runs: a fifth is 410 */
	s = sack_peer();
	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	c = s->c;
	for (unsigned int i = 0; i < RTE_DIM(order); i++) {
		const unsigned int k = harness_rand() % (i + 1);

		order[i] = order[k];
		order[k] = i;
	}
	for (unsigned int i = 0; i < RTE_DIM(order); i++) {
		const struct frame *f;

		tx(ACK, 101 + 100 * order[i], 1, 50);
		f = rx();
		if (!f || !CHECK(f->n_sack >= 1))
			return;
		CHECK_EQ(f->sack[0] - peer.iss, 101 + 100 * order[i]);
		for (unsigned int k = 1; k < f->n_sack; k++)
			CHECK_EQ(f->sack[2 * k] - peer.iss, 101 + 100 * order[i - k]);
	}
	CHECK_EQ(c->ofo_runs, RTE_DIM(order));
	r = c->ofo;
	do {
		r = r->next;
		n += r->lane;
		gap = r->lane ? 0 : gap + 1;
		CHECK(gap < 4 * 16);
		CHECK(r == c->ofo || seq_gt(r->next->left, r->right));
	} while (r != c->ofo);
	CHECK(n <= RTE_DIM(order) / 4);
	for (r = c->ofo->next; r; r = r->skip, n--)
		CHECK(r->lane && (!r->skip || seq_gt(r->skip->left, r->left)));
	CHECK_EQ(n, 0);
	for (unsigned int i = 0; i < 200; i++) /* the share */
		tx(ACK, 101 + 100 * (400 + i), 1, 50);
	CHECK(W->rxruns.avail >= W->rxruns.total * 4 / 5 - 1);
	CHECK(STAT(OFO_RUN_LIMIT) > 0);
	rx_flush();
	for (unsigned int i = 0; i < RTE_DIM(order); i++) { /* filled in another order: joined, and the lane with
							     * them */
		const unsigned int at = order[(7 * i + 3) % RTE_DIM(order)];

		tx(ACK, 101 + 100 * at + 50, 1, 50);
		rx_flush();
	}
	tx(ACK, 1, 1, 100);
	CHECK(sock_recv_all(s) >= 40100);
	CHECK(c->ofo_runs < 12);
	for (uint32_t q = 40101; q < 60101; q += 100)
		tx(ACK, q, 1, 100);
	sock_recv_all(s);
	CHECK_EQ(c->ofo_runs, 0);
	CHECK_EQ(c->ofo_newest, 0);
	CHECK_EQ(W->rxruns.avail, W->rxruns.total);
	rx_flush();
}

/* A worker without runs drops what is out of order, counts it, and goes on. */
static void
test_no_runs(void)
{
	struct sock *s = sack_peer();
	const struct pool runs = W->rxruns;

	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	W->rxruns = (struct pool){0};
	tx(ACK, 101, 1, 100);
	expect(ACK, 1, 1, 0);
	CHECK_EQ(STAT(OFO_DROP), 1);
	CHECK_EQ(STAT(DROP_RX_NOBUF), 1);
	tx(ACK, 1, 1, 100);
	CHECK_EQ(sock_recv_all(s), 100);
	W->rxruns = runs;
	tx(ACK, 201, 1, 100);
	tx(ACK, 101, 1, 100);
	CHECK_EQ(sock_recv_all(s), 200);
	rx_flush();
}

/* A buffer made smaller takes back nothing of what was offered (SHLD-14). */
static void
test_smaller_buffer(void)
{
	struct sock *s = sack_peer();
	const uint32_t offered = 65535;

	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	CHECK_EQ(tern_setopt(s->c, TERN_OPT_RCVBUF, 4096), 0);
	for (uint32_t q = 1401; q < offered; q += 1400)
		tx(ACK, q, 1, RTE_MIN(1400u, offered + 1 - q));
	CHECK_EQ(STAT(OFO_DROP), 0);
	rx_flush();
	tx(ACK, 1, 1, 1400);
	CHECK_EQ(sock_recv_all(s), offered);
	rx_flush();
}

int
main(int argc, char **argv)
{
	static CU_TestInfo tests[] = {
		{"against a map", test_model},
		{"holes", test_holes},
		{"lane", test_lane},
		{"no runs", test_no_runs},
		{"smaller buffer", test_smaller_buffer},
		CU_TEST_INFO_NULL,
	};

	return harness_main(argc, argv, "reasm", tests);
}
