/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tap.c: what a worker is told comes out at the other end, in order and whole, however the ring turns; what finds no
 * room is counted and nothing else is lost; comments are those of the right packet.
 */
#include <stdlib.h>
#include <string.h>
#include "tcp/context.h"
#include "frames.h"
#include "tap.h"

#define LONGEST 9000u

static struct tap *t;
static struct tern_worker *w;
static uint8_t bytes[LONGEST];

static void
open_tap(void)
{
	t = tap_new(NULL);
	w = calloc(1, sizeof(*w));
	CU_ASSERT_FATAL(t && w);
	w->now_us = 1;
}

static void
close_tap(void)
{
	tap_free(t);
	free(w);
}

/* A frame of n bytes, each `what`, in mbuf m. */
static void
see(enum tern_packet_what event, struct rte_mbuf *m, uint32_t n, uint8_t what)
{
	const struct tern_packet p = {.what = event, .ifidx = 1, .m = m, .reason = STAT_DROP_SEQ};

	if (event != TERN_PACKET_DROP && event != TERN_PACKET_AWAY) {
		memset(bytes, what, n);
		*m = (struct rte_mbuf){.buf_addr = bytes, .data_len = n, .pkt_len = n, .nb_segs = 1};
	}
	tap_see(t, w, &p);
}

static void
state(struct rte_mbuf *m, uint8_t from, uint8_t to, const struct tern_endpoint *local,
      const struct tern_endpoint *remote)
{
	const struct tern_packet p = {
		.what = TERN_PACKET_STATE, .m = m, .from = from, .to = to, .local = *local, .remote = *remote};

	tap_see(t, w, &p);
}

static struct tap_packet
next(void)
{
	struct tap_packet p = {.cap = 0};

	CU_ASSERT_TRUE_FATAL(tap_peek(t, &p));
	return p;
}

static uint32_t
size_of(uint32_t i)
{
	return 60 + i * 7919 % (LONGEST - 60);
}

/* Three times round the ring, read in other steps than written. */
static void
test_order(void)
{
	struct rte_mbuf m;
	struct tap_packet p;
	uint32_t in = 0, out = 0, k, last, wrong = 0;

	open_tap();
	while (out < 3000) {
		for (k = 0; k < 150 && in < 3000; k++, in++)
			see(in % 3 ? TERN_PACKET_IN : TERN_PACKET_OUT, &m, size_of(in), (uint8_t)in);
		last = in < 3000 ? in - 40 : in;
		tap_publish(t);
		for (; out < last; out++) {
			p = next();
			wrong += p.cap != size_of(out) || p.len != p.cap || p.out != (out % 3 == 0) || p.ifidx != 1 ||
				 *p.comment;
			for (k = 0; k < p.cap; k++)
				wrong += ((const uint8_t *)p.data)[k] != (uint8_t)out;
			tap_next(t);
		}
	}
	CU_ASSERT_EQUAL(wrong, 0);
	CU_ASSERT_FALSE(tap_peek(t, &p));
	CU_ASSERT_EQUAL(tap_lost(t), 0);
	close_tap();
}

static void
test_full(void)
{
	struct rte_mbuf m;
	struct tap_packet p;
	uint32_t i, got = 0, wrong = 0;

	open_tap();
	for (i = 0; i < 2000; i++)
		see(TERN_PACKET_IN, &m, LONGEST, (uint8_t)i);
	CU_ASSERT_FALSE(tap_peek(t, &p)); /* the poll goes on */
	tap_publish(t);
	for (; tap_peek(t, &p); tap_next(t), got++)
		wrong += *(const uint8_t *)p.data != (uint8_t)got; /* the first ones, all of them */
	CU_ASSERT_EQUAL(wrong, 0);
	CU_ASSERT_TRUE(got > 400 && got < 500);
	CU_ASSERT_EQUAL(tap_lost(t), 2000 - got);
	w->now_us++;
	see(TERN_PACKET_IN, &m, LONGEST, 7); /* there is room again */
	tap_publish(t);
	CU_ASSERT_EQUAL(*(const uint8_t *)next().data, 7);
	close_tap();
}

static void
test_comments(void)
{
	const struct tern_endpoint local = {.af = TERN_AF_INET, .addr = {192, 0, 2, 1}, .port = 1},
				   remote = {.af = TERN_AF_INET, .addr = {192, 0, 2, 2}, .port = 2};
	struct rte_mbuf m[4];
	struct tap_packet p;

	open_tap();
	see(TERN_PACKET_IN, &m[0], 60, 0);
	see(TERN_PACKET_IN, &m[1], 60, 1);
	see(TERN_PACKET_IN, &m[2], 60, 2);
	state(&m[0], TERN_LISTEN, TERN_SYN_RECEIVED, &local, &remote);
	state(&m[0], TERN_SYN_RECEIVED, TERN_ESTABLISHED, &local, &remote);
	see(TERN_PACKET_AWAY, &m[1], 0, 0);
	see(TERN_PACKET_OUT, &m[2], 60, 3); /* the answer, in the same memory */
	see(TERN_PACKET_DROP, &m[2], 0, 0);
	see(TERN_PACKET_DROP, &m[3], 0, 0); /* of none that is there */
	w->now_us++;
	see(TERN_PACKET_IN, &m[3], 60, 4); /* ends the poll */
	p = next();
	CU_ASSERT_STRING_EQUAL(p.comment, "LISTEN -> SYN_RCVD; SYN_RCVD -> ESTABLISHED");
	tap_next(t);
	p = next(); /* 1 is another worker's */
	CU_ASSERT_EQUAL(*(const uint8_t *)p.data, 2);
	CU_ASSERT_STRING_EQUAL(p.comment, "DropSeq: sequence number outside the window");
	tap_next(t);
	p = next();
	CU_ASSERT_TRUE(p.out && !*p.comment);
	tap_next(t);
	CU_ASSERT_FALSE(tap_peek(t, &p));
	see(TERN_PACKET_AWAY, &m[3], 0, 0);
	see(TERN_PACKET_DROP, &m[3], 0, 0); /* there was no room at the other worker */
	tap_publish(t);
	CU_ASSERT_STRING_EQUAL(next().comment, "DropSeq: sequence number outside the window");
	close_tap();
}

/* What a call changed waits for the segment that tells the peer. */
static void
test_notes(void)
{
	const struct tern_endpoint local = {.af = TERN_AF_INET, .addr = {192, 0, 2, 1}, .port = 0x0100},
				   remote = {.af = TERN_AF_INET, .addr = {192, 0, 2, 2}, .port = 0x0200};
	uint8_t frame[54] = {[12] = 8, [14] = 0x45, [23] = IPPROTO_TCP, [26] = 192, 0, 2, 1, 192, 0, 2, 2, 0, 1, 0, 2};
	struct rte_mbuf m = {.buf_addr = frame, .data_len = 54, .pkt_len = 54, .nb_segs = 1};
	const struct tern_packet sent = {.what = TERN_PACKET_OUT, .m = &m};
	unsigned int i;

	open_tap();
	for (i = 0; i < 200; i++) /* of others; their end tells nobody */
		state(NULL, TERN_TIME_WAIT, TERN_CLOSED, &remote, &local);
	state(NULL, TERN_ESTABLISHED, TERN_FIN_WAIT_1, &local, &remote);
	frame[47] = RTE_TCP_ACK_FLAG;
	tap_see(t, w, &sent);
	frame[47] = RTE_TCP_ACK_FLAG | RTE_TCP_FIN_FLAG;
	frame[37] = 3;
	tap_see(t, w, &sent); /* another connection's */
	frame[37] = 2;
	tap_see(t, w, &sent);
	tap_see(t, w, &sent); /* once more: it was told */
	tap_publish(t);
	for (i = 0; i < 4; i++, tap_next(t))
		CU_ASSERT_STRING_EQUAL(next().comment, i == 2 ? "ESTABLISHED -> FIN_WAIT_1" : "");
	close_tap();
}

int
main(void)
{
	static CU_TestInfo tests[] = {{"order", test_order},
				      {"full", test_full},
				      {"comments", test_comments},
				      {"notes", test_notes},
				      CU_TEST_INFO_NULL};

	if (frames_init(63)) /* for the clock's rate */
		return 1;
	return suite_run("tap", tests);
}
