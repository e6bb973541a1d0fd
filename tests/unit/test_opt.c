/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tcp/opt.c: every malformed option of the table ends or skips as RFC 9293 3.1 wants, none reads past the header (the
 * bytes end at a guard page), and what is emitted is Linux's layout and parses back.
 */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <rte_common.h>
#include "tcp/opt.h"
#include "seeded.h"

enum { MSS = 1, WS = 2, TS = 4, OK = 8 };

struct row {
	const char *name;
	bool syn;
	uint8_t n, b[40];
	uint8_t has;
	uint16_t mss;
	uint8_t ws, n_sack;
};

static const struct row rows[] = {
	{"none", true, 0, {0}},
	{"MSS", true, 4, {2, 4, 5, 180}, MSS, 1460},
	{"NOP NOP TS", false, 12, {1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8}, TS},
	{"TS NOP NOP", false, 12, {8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 1}, TS},
	{"Linux SYN",
	 true,
	 20,
	 {2, 4, 5, 180, 4, 2, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 3, 3, 7},
	 MSS | WS | TS | OK,
	 1460,
	 7},
	{"B09 MSS length 0", true, 4, {2, 0, 5, 180}},
	{"B09 MSS length 1", true, 4, {2, 1, 5, 180}},
	{"B09 WS length 0", true, 8, {3, 0, 7, 0, 2, 4, 5, 180}},
	{"B09 WS length 1", true, 8, {3, 1, 7, 0, 2, 4, 5, 180}},
	{"B09 SACK-OK length 0", true, 4, {4, 0, 4, 2}},
	{"B09 SACK-OK length 1", true, 4, {4, 1, 4, 2}},
	{"B09 SACK length 0", false, 12, {5, 0, 8, 10}},
	{"B09 SACK length 1", false, 12, {5, 1, 8, 10}},
	{"B09 TS length 0", true, 8, {8, 0, 0, 0, 2, 4, 5, 180}},
	{"B09 TS length 1", true, 8, {8, 1, 0, 0, 2, 4, 5, 180}},
	{"B09 MPTCP length 0", true, 8, {30, 0, 1, 1, 2, 4, 5, 180}},
	{"B09 MPTCP length 1", true, 8, {30, 1, 1, 1, 2, 4, 5, 180}},
	{"B09 experiment length 0", true, 8, {253, 0, 1, 1, 2, 4, 5, 180}},
	{"B09 experiment length 1", true, 8, {253, 1, 1, 1, 2, 4, 5, 180}},
	{"malformed behind a good one", true, 8, {2, 4, 5, 180, 3, 0, 3, 7}, MSS, 1460},
	{"B10 TS past the end", true, 4, {1, 1, 8, 10}},
	{"B10 TS past the end by one", false, 12, {1, 1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7}},
	{"B10 MSS past the end", true, 4, {1, 2, 4, 5}},
	{"B10 kind without length", true, 8, {2, 4, 5, 180, 1, 1, 1, 3}, MSS, 1460},
	{"B10 length 255", true, 8, {254, 255, 1, 1, 2, 4, 5, 180}},
	{"B11 MSS length 3", true, 8, {2, 3, 5, 1, 1, 1, 1, 1}},
	{"B11 MSS length 5", true, 8, {2, 5, 5, 180, 0, 4, 2, 1}, OK},
	{"B11 MSS 0", true, 4, {2, 4, 0, 0}, MSS, 0},
	{"B11 MSS 65535", true, 4, {2, 4, 255, 255}, MSS, 65535},
	{"B11 MSS without SYN", false, 4, {2, 4, 5, 180}},
	{"B11 two MSS", true, 8, {2, 4, 5, 180, 2, 4, 2, 24}, MSS, 536},
	{"B12 WS 14", true, 4, {1, 3, 3, 14}, WS, 0, 14},
	{"B12 WS 15", true, 4, {1, 3, 3, 15}, WS, 0, 14},
	{"B12 WS 255", true, 4, {1, 3, 3, 255}, WS, 0, 14},
	{"B12 WS length 2", true, 4, {3, 2, 4, 2}, OK},
	{"B12 WS length 4", true, 4, {3, 4, 7, 7}},
	{"B12 WS without SYN", false, 4, {1, 3, 3, 7}},
	{"B13 SACK-OK length 3", true, 4, {4, 3, 1, 1}},
	{"B13 SACK-OK without SYN", false, 4, {1, 1, 4, 2}},
	{"SACK, one block", false, 12, {1, 1, 5, 10}, 0, 0, 0, 1},
	{"SACK, three blocks and TS", false, 40, {1, 1, 8, 10, [12] = 1, 1, 5, 26}, TS, 0, 0, 3},
	{"SACK, four blocks", false, 36, {1, 1, 5, 34}, 0, 0, 0, 4},
	{"B13 SACK length 2", false, 4, {5, 2, 1, 1}},
	{"B13 SACK length 3", false, 4, {5, 3, 0, 1}},
	{"B13 SACK length 9", false, 12, {5, 9, [9] = 1, 1, 1}},
	{"B13 SACK length 11", false, 12, {5, 11, [11] = 1}},
	{"B13 SACK length 35", false, 40, {5, 35, [35] = 1, 1, 1, 1, 1}},
	{"B13 SACK with SYN", true, 12, {1, 1, 5, 10}},
	{"B14 TS length 8", false, 12, {8, 8, [8] = 1, 1, 1, 1}},
	{"B14 TS length 12", false, 12, {8, 12}},
	{"B14 TS twice", false, 20, {8, 10, 9, 9, 9, 9, 9, 9, 9, 9, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8}, TS},
	{"B15 AO length 2", true, 8, {29, 2, 1, 1, 2, 4, 5, 180}, MSS, 1460},
	{"B15 AO length 1", true, 8, {29, 1, 1, 1, 2, 4, 5, 180}},
	{"B15 MD5", true, 24, {19, 18, [18] = 1, 1, 2, 4, 5, 180}, MSS, 1460},
	{"B15 MD5 length 17", true, 24, {19, 17, [17] = 1, 1, 1, 2, 4, 5, 180}, MSS, 1460},
	{"B15 fast open", true, 8, {34, 2, 1, 1, 2, 4, 5, 180}, MSS, 1460},
	{"B15 unknown, 40 bytes", true, 40, {69, 40}},
	{"B15 40 NOPs", true, 40, {[0 ... 39] = 1}},
	{"B15 end, then a good option", true, 8, {0, 1, 1, 1, 2, 4, 5, 180}},
};

static uint8_t *guard; /* first byte that can't be read */

static void
parse(const uint8_t *b, unsigned int n, bool syn, struct tcp_opts *o)
{
	memset(o, 0xa5, sizeof(*o));
	memcpy(guard - n, b, n);
	tcp_opt_parse(guard - n, n, syn, o);
}

static void
test_rows(void)
{
	struct tcp_opts o;
	unsigned int i, has;

	for (i = 0; i < RTE_DIM(rows); i++) {
		const struct row *r = &rows[i];

		parse(r->b, r->n, r->syn, &o);
		has = (o.has_mss ? MSS : 0) | (o.has_ws ? WS : 0) | (o.has_ts ? TS : 0) | (o.sack_ok ? OK : 0);
		if (has != r->has || o.mss != r->mss || o.ws != r->ws || o.n_sack != r->n_sack)
			printf("\n  %s: has %x mss %u ws %u sack %u\n", r->name, has, o.mss, o.ws, o.n_sack);
		CU_ASSERT_EQUAL(has, r->has);
		CU_ASSERT_EQUAL(o.mss, r->mss);
		CU_ASSERT_EQUAL(o.ws, r->ws);
		CU_ASSERT_EQUAL(o.n_sack, r->n_sack);
		if (r->has & TS && r->n_sack == 0) {
			CU_ASSERT_EQUAL(o.tsval, 0x01020304);
			CU_ASSERT_EQUAL(o.tsecr, 0x05060708);
		}
	}
}

static void
test_sack_blocks(void)
{
	uint8_t b[36] = {1, 1, 5, 34};
	struct tcp_opts o;
	unsigned int i;

	for (i = 0; i < 32; i++)
		b[4 + i] = 0xf0 + i;
	parse(b, sizeof(b), false, &o);
	CU_ASSERT_EQUAL_FATAL(o.n_sack, 4);
	CU_ASSERT_EQUAL(o.sack[0].left, 0xf0f1f2f3);
	CU_ASSERT_EQUAL(o.sack[0].right, 0xf4f5f6f7);
	CU_ASSERT_EQUAL(o.sack[3].left, 0x08090a0b);
	CU_ASSERT_EQUAL(o.sack[3].right, 0x0c0d0e0f);
}

static void
test_fuzz(void)
{
	static const uint8_t kinds[] = {0, 1, 2, 3, 4, 5, 8, 19, 29, 30, 34, 253};
	unsigned int i, k, n, seen = 0;
	struct tcp_opts o;
	uint8_t b[40];

	for (i = 0; i < 500000; i++) {
		n = rnd() % 41;
		for (k = 0; k < n; k++)
			b[k] = rnd() % 3 == 0 ? kinds[rnd() % RTE_DIM(kinds)] : rnd() % 4 ? rnd() % 12 : rnd();
		parse(b, n, i & 1, &o);
		CU_ASSERT(o.ws <= 14 && o.n_sack <= 4);
		CU_ASSERT(i & 1 || !(o.has_mss | o.has_ws | o.sack_ok));
		CU_ASSERT(!(i & 1) || o.n_sack == 0);
		CU_ASSERT(!o.n_sack || n >= 10);
		seen |= (o.has_mss ? MSS : 0) | (o.has_ws ? WS : 0) | (o.has_ts ? TS : 0) | (o.sack_ok ? OK : 0);
		seen |= o.n_sack ? 16 : 0;
	}
	CU_ASSERT_EQUAL(seen, 31);
}

static void
test_emit(void)
{
	static const uint8_t linux_syn[20] = {2, 4, 5, 180, 4, 2, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 3, 3, 7};
	static const uint8_t len[8] = {4, 8, 16, 20, 8, 12, 16, 20}; /* by WS 1, TS 2, SACK-OK 4 */
	struct tcp_opts o = {.has_mss = true, .mss = 1460, .ws = 7, .tsval = 0x01020304, .tsecr = 0x05060708}, back;
	uint8_t b[44];
	unsigned int i, n;

	for (i = 0; i < 8; i++) {
		o.has_ws = i & 1;
		o.has_ts = i & 2;
		o.sack_ok = i & 4;
		memset(b, 0xee, sizeof(b));
		n = tcp_opt_emit_syn(b, &o);
		CU_ASSERT_EQUAL(n, len[i]);
		CU_ASSERT_EQUAL(b[n], 0xee);
		parse(b, n, true, &back);
		CU_ASSERT(back.has_mss && back.mss == 1460);
		CU_ASSERT_EQUAL(back.has_ws, o.has_ws);
		CU_ASSERT_EQUAL(back.has_ts, o.has_ts);
		CU_ASSERT_EQUAL(back.sack_ok, o.sack_ok);
		CU_ASSERT(!o.has_ws || back.ws == 7);
		CU_ASSERT(!o.has_ts || (back.tsval == o.tsval && back.tsecr == o.tsecr));
	}
	CU_ASSERT_EQUAL(memcmp(b, linux_syn, 20), 0);
}

int
main(void)
{
	static CU_TestInfo tests[] = {
		{"test_rows", test_rows},
		{"test_sack_blocks", test_sack_blocks},
		{"test_fuzz", test_fuzz},
		{"test_emit", test_emit},
		CU_TEST_INFO_NULL,
	};
	uint8_t *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED || mprotect(page + 4096, 4096, PROT_NONE))
		return 1;
	guard = page + 4096;
	return seeded_main("opt", tests);
}
