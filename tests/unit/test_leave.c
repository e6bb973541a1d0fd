/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The end of a worker and what comes from another one: peers that are told (worker_reset_peers()), frames that are
 * traced by whom they arrived at first.
 */
#include "harness.h"

static unsigned int asked;

static bool
no_room(void *arg)
{
	asked++;
	return false;
}

/* As a device that takes everything. */
static bool
make_room(void *arg)
{
	asked++;
	while (W->ifs[0].n_tx)
		rte_pktmbuf_free(W->ifs[0].tx[--W->ifs[0].n_tx]);
	return true;
}

static void
fill_tx(void)
{
	while (W->ifs[0].n_tx < TX_RING)
		W->ifs[0].tx[W->ifs[0].n_tx++] = rte_pktmbuf_alloc(bed.n[0].mp);
}

/* Three connections with 5 bytes in flight, a half-open request, a SYN without answer. */
static void
open_some(struct peer *p)
{
	struct sock *s;

	for (unsigned int i = 0; i < 3; i++) {
		peer_new(40000 + i);
		s = fx_established();
		CHECK_EQ(sock_send(s, 5), 5);
		run();
		expect(ACK | PSH, 1, 1, 5);
		p[i] = peer;
	}
	peer_new(40003);
	fx_half_open();
	peer_new(40004);
	fx_syn_sent();
	asked = 0;
}

static void
test_reset_peers(void)
{
	struct peer p[3];
	unsigned int seen = 0;

	open_some(p);
	worker_reset_peers(W, no_room, NULL);
	CHECK_EQ(asked, 0);
	CHECK_EQ(W->ifs[0].n_tx, 3);
	run();
	for (unsigned int i = 0; i < 3; i++) {
		const struct frame *f = rx();

		CU_ASSERT_PTR_NOT_NULL_FATAL(f);
		CHECK_EQ(f->flags, RST | ACK);
		for (unsigned int k = 0; k < 3; k++)
			if (f->dport == p[k].port) {
				CHECK_EQ(f->seq - p[k].irs, 6);
				CHECK_EQ(f->ack - p[k].iss, 1);
				seen |= 1 << k;
			}
	}
	CHECK_EQ(seen, 7);
	expect_silence();
	CHECK_EQ(STAT(OUT_RSTS), 3);
}

/* A device that takes nothing is asked once. */
static void
test_reset_no_room(void)
{
	struct peer p[3];

	open_some(p);
	fill_tx();
	worker_reset_peers(W, no_room, NULL);
	CHECK_EQ(asked, 1);
	CHECK_EQ(STAT(OUT_RSTS), 0);
	worker_reset_peers(W, make_room, NULL);
	CHECK_EQ(asked, 2);
	CHECK_EQ(STAT(OUT_RSTS), 3);
	make_room(NULL);
}

static unsigned int traced[TERN_PACKET_STATE];

static void
count_trace(struct link *k, const struct rte_mbuf *m, enum tern_packet_what what, unsigned int n)
{
	traced[what]++;
}

static void
test_traced_once(void)
{
	fx_listen();
	W->trace_pkt = count_trace;
	memset(traced, 0, sizeof(traced));
	tx(SYN, 0, 0, 0);
	expect(SYN | ACK, 0, 1, 0);
	CHECK_EQ(traced[0], 1);
	CHECK_EQ(traced[1], 1);
	W->handed_over = true; /* handed over: its first worker has shown it */
	tx(SYN, 0, 0, 0);
	expect(SYN | ACK, 0, 1, 0);
	CHECK_EQ(traced[TERN_PACKET_IN], 1);
	CHECK_EQ(traced[TERN_PACKET_HERE], 1);
	CHECK_EQ(traced[TERN_PACKET_OUT], 2);
	W->trace_pkt = NULL;
}

static char lines[2048];

static void
take_trace(struct tern_worker *w, const char *line, void *arg)
{
	CHECK(w == W && arg == lines);
	if (strstr(line, "->")) /* a state, not a packet */
		snprintf(lines + strlen(lines), sizeof(lines) - strlen(lines), "%s\n", strstr(line, ": ") + 2);
	else
		traced[0]++;
}

/* conf.app.trace: each segment, and each state from the first to the last, whatever ends it. */
static void
test_traced_states(void)
{
	static const char *const ends[] = {
		"LISTEN -> SYN_RCVD\nSYN_RCVD -> ESTABLISHED\nESTABLISHED -> FIN_WAIT_1\nFIN_WAIT_1 -> FIN_WAIT_2\n"
		"FIN_WAIT_2 -> TIME_WAIT\nTIME_WAIT -> CLOSED\n",
		"LISTEN -> SYN_RCVD\nSYN_RCVD -> CLOSED\n",
	};

	for (unsigned int i = 0; i < 2; i++) {
		bed_down();
		bed_reset(bed.af);
		bed.conf.app = (struct tern_app){.trace = take_trace, .arg = lines};
		lines[0] = 0;
		traced[0] = 0;
		if (i == 0) {
			fx_time_wait();
			CHECK(traced[0] >= 7);
			advance_us(61 * SEC);
		} else {
			fx_half_open();
			tx(RST, 1, 0, 0);
		}
		check_at(strcmp(lines, ends[i]) == 0, __FILE__, __LINE__, "%s", lines);
		CHECK_EQ(W->table.count, 0);
	}
}

static char told[4096];
static bool tell_lines;

static bool
take_packet(struct tern_worker *w, const struct tern_packet *p, void *arg)
{
	static const char *const names[] = {"in", "out", "drop", "away", "here", "state"};
	static const struct rte_mbuf *in;
	char more[64] = "";

	CHECK(w == W && arg == lines && p->what < RTE_DIM(names));
	if (p->what == TERN_PACKET_IN)
		in = p->m;
	else if (p->what == TERN_PACKET_STATE)
		snprintf(more, sizeof(more), " %s %s%s", tern_state_name(p->from), tern_state_name(p->to),
			 !p->m ? "" : p->m == in ? " by it" : " by another");
	else if (p->what == TERN_PACKET_DROP)
		snprintf(more, sizeof(more), " %s%s", tern_stats_name(p->reason), p->m == in ? " it" : " another");
	snprintf(told + strlen(told), sizeof(told) - strlen(told), "%s%s\n", names[p->what], more);
	return tell_lines;
}

/* conf.app.packet: what becomes of which; whether there are lines; and off. */
static void
test_packets(void)
{
	for (tell_lines = false;; tell_lines = true) {
		bed_down();
		bed_reset(bed.af);
		bed.conf.app = (struct tern_app){.packet = take_packet, .trace = take_trace, .arg = lines};
		lines[0] = told[0] = 0;
		traced[0] = 0;
		fx_half_open();
		tx(RST, 1, 0, 0);
		check_at(strcmp(told, "in\nstate LISTEN SYN_RCVD by it\nout\nin\nstate SYN_RCVD CLOSED by it\n") == 0,
			 __FILE__, __LINE__, "%s", told);
		CHECK_EQ(traced[0], tell_lines ? 3 : 0);
		CHECK_EQ(strlen(lines) > 0, tell_lines);
		told[0] = 0;
		tx(ACK, 1, 1, 0); /* of nobody */
		expect(RST, 1, 0, 0);
		check_at(strcmp(told, "in\nout\ndrop DropCookie it\n") == 0 ||
				 strcmp(told, "in\nout\ndrop DropListenFlags it\n") == 0,
			 __FILE__, __LINE__, "%s", told);
		if (tell_lines)
			break;
	}
	told[0] = 0;
	tern_trace_set(W, true, false);
	tx(ACK, 1, 1, 0);
	expect(RST, 1, 0, 0);
	CHECK_EQ(traced[0], 7);
	tern_trace_set(W, false, false);
	CHECK(!W->trace_pkt && !W->trace_state);
	CHECK_EQ(told[0], 0);
}

int
main(int argc, char **argv)
{
	static CU_TestInfo tests[] = {
		{"peers are reset at the end", test_reset_peers},
		{"a device without room", test_reset_no_room},
		{"a frame handed over is traced once", test_traced_once},
		{"states are traced", test_traced_states},
		{"packets are told", test_packets},
		CU_TEST_INFO_NULL,
	};

	return harness_main(argc, argv, "leave", tests);
}
