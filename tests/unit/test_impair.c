/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * impair.c: each fault alone does what its words say to numbered frames, at the rate it says and nothing else; same
 * seed, same result; every frame that went in is counted once; bad profiles are refused by name.
 */
#include <stdarg.h>
#include <stdbool.h>
#include "frames.h"
#include "impair.h"

#define N_MBUFS 8191
#define N 4000 /* frames of a statistical test; their bounds are five sigmas */

static struct impair *im;
static uint64_t arrived_us[2 * N];
static uint32_t arrived[2 * N]; /* their numbers, in order of arrival */
static unsigned int n_arrived, wrong_sums;

static void
open_wire(const char *fmt, ...)
{
	char text[256], why[256] = "";
	struct impair_conf c;
	va_list ap;
	int rc;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	rc = impair_parse(text, &c, why, sizeof(why));
	if (rc)
		printf("%s: %s\n", text, why);
	CU_ASSERT_EQUAL_FATAL(rc, 0);
	im = impair_create(&c, frames_pool);
	CU_ASSERT_PTR_NOT_NULL_FATAL(im);
	n_arrived = wrong_sums = 0;
}

static void
close_wire(void)
{
	const struct impair_stats *s = impair_stats(im);

	CU_ASSERT_EQUAL(s->in + s->dup, s->out + s->lost_random + s->lost_burst + s->lost_every + s->lost_pick +
						s->drop_queue + s->drop_slots + impair_in_flight(im));
	impair_destroy(im);
	ASSERT_POOL_FULL();
}

/* Frame number no: a TCP segment with these flags and payload, the number its sequence number. */
static void
in(uint32_t no, uint8_t flags, uint32_t payload, uint64_t now_us)
{
	uint8_t f[FRAME_MAX];
	const uint32_t len = put_syn(f, no & 1 ? 4 : 6, payload), l4 = no & 1 ? L4_V4 : L4_V6;

	f[l4 + 13] = flags;
	put32(f + l4 + 4, no);
	fix_l4(f, l4, len - l4, IPPROTO_TCP, 16);
	impair_in(im, to_mbuf(f, len), now_us);
}

static void
out(uint64_t now_us)
{
	struct rte_mbuf *m[3];
	unsigned int i, n;

	while ((n = impair_out(im, now_us, m, RTE_DIM(m))) > 0) {
		for (i = 0; i < n; i++) {
			uint8_t *f = rte_pktmbuf_mtod(m[i], uint8_t *);
			const uint32_t l4 = f[12] == 8 ? L4_V4 : L4_V6;

			CU_ASSERT_FATAL(n_arrived < RTE_DIM(arrived));
			wrong_sums += !l4_right(f, l4, m[i]->pkt_len - l4, IPPROTO_TCP) ||
				      (l4 == L4_V4 && ref_sum(0, f + L3, 20) != 0xffff);
			arrived_us[n_arrived] = now_us;
			arrived[n_arrived++] = get32(f + l4 + 4);
			rte_pktmbuf_free(m[i]);
		}
	}
}

/* Take what comes by then, event by event. */
static void
take(uint64_t until_us)
{
	uint64_t at;

	while ((at = impair_next_us(im)) <= until_us && at != UINT64_MAX)
		out(at);
}

static void
drain(void)
{
	take(UINT64_MAX);
}

/* n data segments, one each gap_us. */
static void
feed(uint32_t n, uint32_t gap_us)
{
	uint32_t i;

	for (i = 0; i < n; i++) {
		take((uint64_t)i * gap_us);
		in(i, 0x10, 100, (uint64_t)i * gap_us);
	}
	drain();
}

static unsigned int
inversions(void)
{
	unsigned int i, n = 0;

	for (i = 1; i < n_arrived; i++)
		n += arrived[i] < arrived[i - 1];
	return n;
}

static void
test_perfect(void)
{
	open_wire("%s", "");
	feed(N, 1);
	CU_ASSERT_EQUAL(n_arrived, N);
	CU_ASSERT_EQUAL(inversions(), 0);
	CU_ASSERT_EQUAL(wrong_sums, 0);
	CU_ASSERT_EQUAL(arrived_us[N - 1], N - 1);
	close_wire();
}

static void
test_random_loss(void)
{
	open_wire("loss=10%%,seed=%lu", seed);
	feed(N, 1);
	CU_ASSERT(impair_stats(im)->lost_random > N / 10 - 95 && impair_stats(im)->lost_random < N / 10 + 95);
	CU_ASSERT_EQUAL(n_arrived, N - impair_stats(im)->lost_random);
	close_wire();
	open_wire("loss=1");
	feed(N, 1);
	CU_ASSERT_EQUAL(n_arrived, 0);
	close_wire();
}

static void
test_burst_loss(void)
{
	unsigned int i, runs = 0, lost;

	open_wire("burst=2%%/25%%,seed=%lu", seed); /* 2/27 of the frames, in runs of 4 on average */
	feed(N, 1);
	for (i = 1; i < n_arrived; i++)
		runs += arrived[i] != arrived[i - 1] + 1;
	lost = impair_stats(im)->lost_burst;
	CU_ASSERT(lost > N * 2 / 27 - 250 && lost < N * 2 / 27 + 250);
	CU_ASSERT(lost > 2 * runs && lost < 8 * runs);
	close_wire();
	open_wire("burst=100%%/50%%/0,seed=%lu", seed); /* a bad state that loses nothing */
	feed(N, 1);
	CU_ASSERT_EQUAL(n_arrived, N);
	close_wire();
}

static void
test_periodic_loss(void)
{
	unsigned int i;

	open_wire("every=7");
	feed(70, 1);
	CU_ASSERT_EQUAL(n_arrived, 60);
	CU_ASSERT_EQUAL(impair_stats(im)->lost_every, 10);
	for (i = 0; i < n_arrived; i++)
		CU_ASSERT_NOT_EQUAL(arrived[i] % 7, 6);
	close_wire();
}

static void
test_loss_by_kind(void)
{
	static const struct {
		uint8_t flags, payload;
	} f[] = {{2, 0},  {2, 0},  {18, 0}, {18, 0}, {16, 0}, {16, 9},
		 {16, 9}, {24, 9}, {17, 0}, {17, 9}, {20, 0}, {4, 0}};
	static const struct {
		const char *drop;
		uint32_t lost; /* bit per frame of f[] */
	} rows[] = {
		{"syn:2", 1 << 1},	   {"synack:1", 1 << 2},   {"ack:1-9", 1 << 4},
		{"data:2-3", 3 << 6},	   {"fin:1-2", 3 << 8},	   {"rst:2", 1 << 11},
		{"syn:1,drop=rst:1", 1 << 0 | 1 << 10},
	};
	unsigned int r, i;
	uint32_t seen;

	for (r = 0; r < RTE_DIM(rows); r++) {
		open_wire("drop=%s", rows[r].drop);
		for (i = 0; i < RTE_DIM(f); i++)
			in(i, f[i].flags, f[i].payload, 0);
		drain();
		for (i = 0, seen = 0; i < n_arrived; i++)
			seen |= 1u << arrived[i];
		CU_ASSERT_EQUAL(seen, ((1u << RTE_DIM(f)) - 1) & ~rows[r].lost);
		close_wire();
	}
}

static void
test_delay(void)
{
	open_wire("delay=20ms");
	in(0, 16, 0, 1000);
	CU_ASSERT_EQUAL(impair_next_us(im), 21000);
	out(20999);
	CU_ASSERT_EQUAL(n_arrived, 0);
	out(21000);
	CU_ASSERT_EQUAL(n_arrived, 1);
	close_wire();
}

static void
test_jitter(void)
{
	unsigned int i, spread = 0;

	open_wire("delay=1ms,jitter=2ms,seed=%lu", seed);
	feed(N, 5000);
	CU_ASSERT_EQUAL(n_arrived, N);
	CU_ASSERT_EQUAL(inversions(), 0);
	for (i = 0; i < N; i++) {
		const uint64_t late = arrived_us[i] - 5000u * i;

		CU_ASSERT(late >= 1000 && late < 3000);
		spread += late > 2000;
	}
	CU_ASSERT(spread > N / 2 - 160 && spread < N / 2 + 160);
	close_wire();
	open_wire("jitter=2ms,seed=%lu", seed); /* closer than the jitter: still in order */
	feed(N, 10);
	CU_ASSERT_EQUAL(inversions(), 0);
	close_wire();
}

static void
test_reorder(void)
{
	open_wire("reorder=5%%/1ms,seed=%lu", seed);
	feed(N, 100);
	CU_ASSERT_EQUAL(n_arrived, N);
	CU_ASSERT(impair_stats(im)->reordered > N / 20 - 70 && impair_stats(im)->reordered < N / 20 + 70);
	/* a late one arrives behind ten others; two late ones side by side keep their order */
	CU_ASSERT(inversions() > 100 && inversions() <= impair_stats(im)->reordered);
	close_wire();
}

static void
test_duplicates(void)
{
	unsigned int i, twice = 0;

	open_wire("dup=10%%,seed=%lu", seed);
	feed(N, 1);
	for (i = 1; i < n_arrived; i++)
		twice += arrived[i] == arrived[i - 1];
	CU_ASSERT_EQUAL(n_arrived, N + impair_stats(im)->dup);
	CU_ASSERT_EQUAL(twice, impair_stats(im)->dup);
	CU_ASSERT(twice > N / 10 - 95 && twice < N / 10 + 95);
	close_wire();
}

/* One flipped bit: a wrong checksum for all but IPv6's class, label and hop limit (and what decides the header's
 * place). */
static void
test_corruption(void)
{
	const struct impair_stats *s;

	open_wire("corrupt=20%%,seed=%lu", seed);
	feed(N, 1);
	s = impair_stats(im);
	CU_ASSERT(s->corrupted > N / 5 - 127 && s->corrupted < N / 5 + 127);
	CU_ASSERT(wrong_sums > s->corrupted * 8 / 10 && wrong_sums <= s->corrupted);
	close_wire();
}

static void
test_mangling(void)
{
	const struct impair_stats *s;

	open_wire("mangle=20%%,seed=%lu", seed);
	feed(N, 1);
	s = impair_stats(im);
	CU_ASSERT(s->mangled > N / 5 - 127 && s->mangled < N / 5 + 127);
	CU_ASSERT_EQUAL(wrong_sums, 0);
	close_wire();
	open_wire("mangle=1,delay=1s");
	in(3, 16, 9, 0);
	{
		struct rte_mbuf *m;
		uint8_t want[FRAME_MAX], *f;
		unsigned int i, bits = 0;

		CU_ASSERT_EQUAL_FATAL(impair_out(im, 1000000, &m, 1), 1);
		put_syn(want, 4, 9);
		f = rte_pktmbuf_mtod(m, uint8_t *);
		for (i = 0; i < 9; i++)
			bits += __builtin_popcount(f[L4_V4 + 40 + i] ^ want[L4_V4 + 40 + i]);
		CU_ASSERT_EQUAL(bits, 1);
		rte_pktmbuf_free(m);
	}
	close_wire();
}

/* A copy is changed, not what others hold; a frame without TCP or IP is left alone. */
static void
test_shared_and_foreign(void)
{
	uint8_t f[FRAME_MAX];
	struct rte_mbuf *m, *got, *ind;
	const uint32_t len = put_syn(f, 4, 9);

	open_wire("corrupt=1");
	m = to_mbuf(f, len);
	ind = rte_pktmbuf_clone(m, frames_pool);
	CU_ASSERT_PTR_NOT_NULL_FATAL(ind);
	impair_in(im, ind, 0);
	CU_ASSERT_EQUAL_FATAL(impair_out(im, 0, &got, 1), 1);
	CU_ASSERT_EQUAL(memcmp(rte_pktmbuf_mtod(m, void *), f, len), 0);
	CU_ASSERT_NOT_EQUAL(memcmp(rte_pktmbuf_mtod(got, void *), f, len), 0);
	rte_pktmbuf_free(m);
	rte_pktmbuf_free(got);
	put_eth(f, our_mac, peer_mac, 0x0806);
	impair_in(im, to_mbuf(f, 42), 0);
	impair_in(im, to_mbuf(f, 14), 0);
	CU_ASSERT_EQUAL_FATAL(impair_out(im, 0, &got, 1), 1);
	CU_ASSERT_EQUAL(memcmp(rte_pktmbuf_mtod(got, void *), f, 42), 0);
	rte_pktmbuf_free(got);
	close_wire();
}

/* When more than `mark` frames wait, the last one is marked, if it says that it can be; checksums stay right. */
static void
test_mark(void)
{
	unsigned int i, ce = 0, n = 0;
	uint8_t f[FRAME_MAX], *p;
	struct rte_mbuf *m;

	open_wire("rate=1m,mark=4");
	for (i = 0; i < 40; i++) { /* both families; not-ECT, ECT(1), ECT(0), CE */
		const uint32_t len = put_syn(f, i & 1 ? 4 : 6, 80);
		const uint8_t ecn = i / 2 & 3;

		if (i & 1) {
			f[L3 + 1] = 0xb8 | ecn;
			fix_ip4(f);
		} else {
			f[L3 + 1] |= ecn << 4;
		}
		impair_in(im, to_mbuf(f, len), 0);
	}
	while (impair_out(im, UINT64_C(1000000), &m, 1) == 1) {
		const uint8_t ecn = (n & 1 ? 0 : 4), want = n / 2 & 3;

		p = rte_pktmbuf_mtod(m, uint8_t *);
		CU_ASSERT_EQUAL(p[L3 + 1] >> ecn & 3, n >= 4 && want ? 3 : want);
		if (n & 1) {
			CU_ASSERT_EQUAL(p[L3 + 1] & 0xfc, 0xb8);
			CU_ASSERT_EQUAL(ref_sum(0, p + L3, 20), 0xffff);
		}
		ce += n >= 4 && (want == 1 || want == 2);
		n++;
		rte_pktmbuf_free(m);
	}
	CU_ASSERT_EQUAL(n, 40);
	CU_ASSERT_EQUAL(impair_stats(im)->marked, ce);
	CU_ASSERT(ce > 10);
	close_wire();
}

static void
test_rate(void)
{
	unsigned int i;

	open_wire("rate=1m,queue=10"); /* 154 bytes: 1232 us */
	for (i = 0; i < 20; i++)
		in(2 * i + 1, 16, 80, 0);
	CU_ASSERT_EQUAL(impair_stats(im)->drop_queue, 10);
	drain();
	CU_ASSERT_EQUAL(n_arrived, 10);
	for (i = 0; i < n_arrived; i++)
		CU_ASSERT(arrived_us[i] >= (i + 1) * 1231 && arrived_us[i] <= (i + 1) * 1233);
	in(1, 16, 80, 1000000); /* idle time is no credit */
	CU_ASSERT(impair_next_us(im) > 1001200);
	drain();
	close_wire();
	open_wire("rate=1m,bucket=308"); /* but the bucket is: two frames of 154 bytes */
	for (i = 0; i < 3; i++)
		in(1, 16, 80, 1000000);
	out(1000000);
	CU_ASSERT(n_arrived >= 1 && n_arrived <= 2);
	out(1000002);
	CU_ASSERT_EQUAL(n_arrived, 2);
	drain();
	CU_ASSERT_EQUAL(n_arrived, 3);
	CU_ASSERT(arrived_us[2] > 1001200);
	close_wire();
	open_wire("rate=1m,queue-bytes=500"); /* three of 154 */
	for (i = 0; i < 9; i++)
		in(1, 16, 80, 0);
	CU_ASSERT_EQUAL(impair_in_flight(im), 3);
	drain();
	close_wire();
}

static void
test_slots(void)
{
	unsigned int i;

	open_wire("delay=1s,slots=5");
	for (i = 0; i < 9; i++)
		in(i, 16, 0, i);
	CU_ASSERT_EQUAL(impair_stats(im)->drop_slots, 4);
	CU_ASSERT_EQUAL(impair_in_flight(im), 5);
	out(1000002);
	CU_ASSERT_EQUAL(n_arrived, 3);
	close_wire(); /* frees the two under way */
}

static void
test_same_seed(void)
{
	static uint32_t first[2 * N];
	static uint64_t first_us[2 * N];
	unsigned int n = 0, round;

	for (round = 0; round < 3; round++) {
		open_wire("loss=5%%,burst=1%%/10%%,dup=2%%,corrupt=2%%,reorder=3%%/"
			  "2ms,delay=3ms,jitter=1ms,rate=10m,seed=%u",
			  round == 2 ? 8 : 7);
		feed(N / 2, 100);
		if (round == 0) {
			memcpy(first, arrived, sizeof(first));
			memcpy(first_us, arrived_us, sizeof(first_us));
			n = n_arrived;
		} else {
			const bool same = n == n_arrived && !memcmp(first, arrived, n * sizeof(*first)) &&
					  !memcmp(first_us, arrived_us, n * sizeof(*first_us));

			CU_ASSERT_EQUAL(same, round == 1);
		}
		close_wire();
	}
}

static void
test_refused(void)
{
	static const struct {
		const char *text, *why;
	} rows[] = {
		{"loss", "'loss': write key=value"},
		{"loss=", "'loss=': write key=value"},
		{"loss=101%", "loss=101%: write a chance"},
		{"loss=-1%", "loss=-1%: write a chance"},
		{"loss=nan", "loss=nan: write a chance"},
		{"loss=1%x", "loss=1%x: write a chance"},
		{"delay=20", "delay=20: write a time with its unit"},
		{"delay=2m", "delay=2m: write a time with its unit"},
		{"delay=-1ms", "delay=-1ms: write a time"},
		{"delay=61s", "delay=61s: more than a minute"},
		{"reorder=1%/", "reorder=: write a time"},
		{"reorder=1%/x", "reorder=x: write a time"},
		{"burst=1%", "burst=1%: write the chances"},
		{"burst=1%/0", "burst=1%: a bad state that is never left"},
		{"burst=1%/1%/1%/1%", "burst=1%: one too many"},
		{"every=0", "every=0: not a number of 1..4294967295"},
		{"drop=syn", "drop=syn: write KIND:N"},
		{"drop=nop:1", "drop=nop: the kinds are"},
		{"drop=syn:3-2", "drop=2: not a number of 3..4294967295"},
		{"drop=syn:1,drop=syn:2,drop=syn:3,drop=syn:4,drop=syn:5", "drop=syn:5: more than four"},
		{"rate=1t", "rate=1t: write bits per second"},
		{"rate=0", "rate=0: write bits per second"},
		{"rate=1gb", "rate=1gb: write bits per second"},
		{"queue=0", "queue=0: not a number"},
		{"queue=99999999999999999999", "queue=99999999999999999999: not a number"},
		{"seed=-1", "seed=-1: not a number"},
		{"los=1%", "'los' is not a fault"},
	};
	struct impair_conf c;
	char why[256];
	unsigned int i;

	for (i = 0; i < RTE_DIM(rows); i++) {
		const int rc = impair_parse(rows[i].text, &c, why, sizeof(why));
		const bool ok = rc < 0 && !strncmp(why, rows[i].why, strlen(rows[i].why));

		if (!ok)
			printf("'%s': %d %s\n", rows[i].text, rc, why);
		CU_ASSERT(ok);
	}
	CU_ASSERT_EQUAL(impair_parse("loss=1%, delay=1.5ms rate=1g,queue=20,seed=0x10", &c, why, sizeof(why)), 0);
	CU_ASSERT_EQUAL(c.loss, 42949672);
	CU_ASSERT_EQUAL(c.delay_us, 1500);
	CU_ASSERT_EQUAL(c.rate_bps, 1000000000);
	CU_ASSERT_EQUAL(c.queue, 20);
	CU_ASSERT_EQUAL(c.seed, 16);
}

static void
test_counters(void)
{
	const char *name;
	uint64_t v, sum = 0;
	unsigned int i;

	open_wire("every=2");
	feed(10, 1);
	for (i = 0; (name = impair_stat(im, i, &v)) != NULL; i++) {
		CU_ASSERT_EQUAL(v, !strcmp(name, "in")                                   ? 10
				   : !strcmp(name, "out") || !strcmp(name, "lost-every") ? 5
											 : 0);
		sum += v;
	}
	CU_ASSERT_EQUAL(sum, 20);
	CU_ASSERT_EQUAL(i, sizeof(struct impair_stats) / sizeof(uint64_t));
	close_wire();
}

int
main(void)
{
	static CU_TestInfo tests[] = {
		{"test_perfect", test_perfect},
		{"test_random_loss", test_random_loss},
		{"test_burst_loss", test_burst_loss},
		{"test_periodic_loss", test_periodic_loss},
		{"test_loss_by_kind", test_loss_by_kind},
		{"test_delay", test_delay},
		{"test_jitter", test_jitter},
		{"test_reorder", test_reorder},
		{"test_duplicates", test_duplicates},
		{"test_corruption", test_corruption},
		{"test_mangling", test_mangling},
		{"test_shared_and_foreign", test_shared_and_foreign},
		{"test_mark", test_mark},
		{"test_rate", test_rate},
		{"test_slots", test_slots},
		{"test_same_seed", test_same_seed},
		{"test_refused", test_refused},
		{"test_counters", test_counters},
		CU_TEST_INFO_NULL,
	};

	if (frames_init(N_MBUFS))
		return 1;
	return suite_run("impair", tests);
}
