/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Every state x event of RFC 9293 3.10, with RFC 5961's answers, as tables. A row starts from a fixture, sends one
 * segment (numbers relative to what tern expects and has sent) or makes one call, and names all that may follow: the
 * answer, the next state, what the application hears.
 */
#include "harness.h"

enum { CLOSED_ = TERN_CLOSED, LISTEN_ = TERN_LISTEN, SS = TERN_SYN_SENT, SR = TERN_SYN_RECEIVED, ES = TERN_ESTABLISHED,
       F1 = TERN_FIN_WAIT_1, F2 = TERN_FIN_WAIT_2, CW = TERN_CLOSE_WAIT, CG = TERN_CLOSING, LA = TERN_LAST_ACK,
       TW = TERN_TIME_WAIT };

/* answers */
enum {
	QUIET,	  /* nothing for 10 ms and nothing but retransmissions later */
	A_ACK,	  /* <SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK> at once */
	A_ACK1,	  /* the same, ACK one more: counts the peer's FIN or SYN */
	A_DELAYED, /* an ACK of all the data within 500 ms */
	A_NOW,	   /* an ACK of all the data at once */
	A_RST,	  /* <SEQ=SEG.ACK><CTL=RST> */
	A_SYNACK, /* <SEQ=ISS><ACK=IRS+1> */
};

struct row {
	uint8_t state;
	const char *name;
	uint8_t flags;
	int32_t dseq; /* from RCV.NXT; in SYN-SENT relative to the peer's ISS */
	int32_t dack; /* from SND.NXT */
	uint32_t len;
	uint8_t answer, next;
	int err; /* closed() with it; 1: closed() must not be called */
};
#define NOCLOSE 1

static struct sock *
enter(unsigned int state)
{
	switch (state) {
	case SS:
		return fx_syn_sent();
	case SR:
		return fx_syn_received();
	case ES:
		return fx_established();
	case F1:
		return fx_fin_wait_1();
	case F2:
		return fx_fin_wait_2();
	case CW:
		return fx_close_wait();
	case CG:
		fx_closing();
		return NULL;
	case LA:
		fx_last_ack();
		return NULL;
	case TW:
		fx_time_wait();
		return NULL;
	default:
		fx_listen();
		return NULL;
	}
}

static void
check_answer(const struct row *r)
{
	switch (r->answer) {
	case A_ACK:
		expect(ACK, peer.tern_nxt, peer.nxt, 0);
		break;
	case A_ACK1:
		expect_at(ACK, peer.tern_nxt, peer.nxt + 1 + r->len, 0, 0, 500 * MS);
		break;
	case A_DELAYED:
		CHECK(rx_peek() == NULL);
		expect_at(ACK, peer.tern_nxt, peer.nxt + r->dseq + r->len, 0, TICK_US, 500 * MS);
		break;
	case A_NOW:
		expect(ACK, peer.tern_nxt, peer.nxt + r->dseq + r->len, 0);
		break;
	case A_RST:
		expect(RST, peer.tern_nxt + r->dack, 0, 0);
		break;
	case A_SYNACK:
		expect(SYN | ACK, 0, 1, 0);
		break;
	}
	expect_silence_for(10 * MS);
}

static void
run_row(const struct row *r)
{
	const unsigned int fails = CU_get_number_of_failure_records();
	unsigned int state;
	struct sock *s;

	bed_down();
	bed_reset(bed.af);
	s = enter(r->state);
	tx(r->flags, peer.nxt + r->dseq, peer.tern_nxt + r->dack, r->len);
	check_answer(r);
	state = state_now();
	CHECK(state == r->next || (state == LISTEN_ && r->next == CLOSED_));
	if (s) {
		CHECK_EQ(s->closed, r->err != NOCLOSE);
		if (r->err != NOCLOSE)
			CHECK_EQ(s->err, r->err);
	}
	bed_down();
	if (CU_get_number_of_failure_records() != fails)
		printf("\n    failed: %s, %s", tern_state_name(r->state), r->name);
}

static void
run_rows(const struct row *r, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		run_row(&r[i]);
}

#define FAR (1 << 20) /* beyond any window without scaling */
#define RUN_ROWS(t) run_rows(t, RTE_DIM(t))

static void
test_syn_sent(void)
{
	static const struct row t[] = {
		/* first: the ACK bit */
		{SS, "ACK of nothing", ACK, 0, -1, 0, A_RST, SS, NOCLOSE},
		{SS, "ACK beyond SND.NXT", ACK, 0, 1, 0, A_RST, SS, NOCLOSE},
		{SS, "SYN ACK beyond SND.NXT", SYN | ACK, 0, 1, 0, A_RST, SS, NOCLOSE},
		{SS, "SYN ACK of nothing", SYN | ACK, 0, -1, 0, A_RST, SS, NOCLOSE},
		{SS, "ACK of the SYN without SYN", ACK, 0, 0, 0, QUIET, SS, NOCLOSE},
		/* second: RST */
		{SS, "RST without ACK", RST, 0, 0, 0, QUIET, SS, NOCLOSE},
		{SS, "RST with bad ACK", RST | ACK, 0, 1, 0, QUIET, SS, NOCLOSE},
		{SS, "RST with old ACK", RST | ACK, 0, -1, 0, QUIET, SS, NOCLOSE},
		{SS, "RST ACK", RST | ACK, 0, 0, 0, QUIET, CLOSED_, -ECONNREFUSED},
		{SS, "SYN RST ACK", SYN | RST | ACK, 0, 0, 0, QUIET, CLOSED_, -ECONNREFUSED},
		/* fourth: SYN */
		{SS, "SYN ACK", SYN | ACK, 0, 0, 0, A_ACK1, ES, NOCLOSE},
		{SS, "SYN", SYN, 0, 0, 0, A_SYNACK, SR, NOCLOSE},
		/* fifth */
		{SS, "nothing", 0, 0, 0, 0, QUIET, SS, NOCLOSE},
		{SS, "data", PSH, 0, 0, 10, QUIET, SS, NOCLOSE},
		{SS, "FIN", FIN, 0, 0, 0, QUIET, SS, NOCLOSE},
	};

	RUN_ROWS(t);
}

static void
test_syn_received(void)
{
	static const struct row t[] = {
		{SR, "ACK", ACK, 0, 0, 0, QUIET, ES, NOCLOSE},
		{SR, "SYN ACK (figure 8)", SYN | ACK, -1, 0, 0, QUIET, ES, NOCLOSE},
		{SR, "data with ACK", ACK, 0, 0, 10, A_DELAYED, ES, NOCLOSE},
		{SR, "FIN with ACK", ACK | FIN, 0, 0, 0, A_ACK1, CW, NOCLOSE},
		{SR, "ACK beyond SND.NXT", ACK, 0, 1, 0, A_RST, SR, NOCLOSE},
		{SR, "ACK of nothing", ACK, 0, -1, 0, A_RST, SR, NOCLOSE},
		{SR, "no ACK bit", 0, 0, 0, 10, QUIET, SR, NOCLOSE},
		{SR, "beyond the window", ACK, FAR, 0, 10, A_ACK, SR, NOCLOSE},
		{SR, "RST", RST, 0, 0, 0, QUIET, CLOSED_, -ECONNREFUSED},
		{SR, "RST in the window", RST, 1, 0, 0, A_ACK, SR, NOCLOSE},
		{SR, "RST outside", RST, FAR, 0, 0, QUIET, SR, NOCLOSE},
		{SR, "SYN in the window", SYN, 1, 0, 0, A_ACK, SR, NOCLOSE},
	};

	RUN_ROWS(t);
}

/* What all synchronised states do alike. Those whose application gave the handle up hear nothing. */
static void
test_synchronised(void)
{
	static const uint8_t states[] = {ES, F1, F2, CW, CG, LA};
	static const struct row common[] = {
		{0, "the ACK again", ACK, 0, -1, 0, QUIET, 0, NOCLOSE},
		{0, "no ACK bit", 0, 0, 0, 0, QUIET, 0, NOCLOSE},
		{0, "PSH without ACK bit", PSH, 0, 0, 10, QUIET, 0, NOCLOSE},
		{0, "keep-alive probe", ACK, -1, -1, 0, A_ACK, 0, NOCLOSE},
		{0, "old data", ACK, -1, -1, 1, A_ACK, 0, NOCLOSE},
		{0, "beyond the window", ACK, FAR, -1, 0, A_ACK, 0, NOCLOSE},
		{0, "data beyond the window", ACK, FAR, -1, 10, A_ACK, 0, NOCLOSE},
		{0, "FIN beyond the window", ACK | FIN, FAR, -1, 0, A_ACK, 0, NOCLOSE},
		{0, "RST beyond the window", RST, FAR, 0, 0, QUIET, 0, NOCLOSE},
		{0, "RST before the window", RST, -2, 0, 0, QUIET, 0, NOCLOSE},
		{0, "RST in the window", RST, 1, 0, 0, A_ACK, 0, NOCLOSE},
		{0, "RST ACK in the window", RST | ACK, 100, 0, 0, A_ACK, 0, NOCLOSE},
		{0, "SYN in the window", SYN, 0, 0, 0, A_ACK, 0, NOCLOSE},
		{0, "SYN in the window, later", SYN, 10, 0, 0, A_ACK, 0, NOCLOSE},
		{0, "SYN before the window", SYN, -1000, 0, 0, A_ACK, 0, NOCLOSE},
		{0, "SYN ACK", SYN | ACK, 0, 0, 0, A_ACK, 0, NOCLOSE},
		{0, "ACK beyond SND.NXT", ACK, 0, 1, 0, A_ACK, 0, NOCLOSE},
		{0, "ACK far beyond SND.NXT", ACK, 0, 0x7ffffff0, 0, A_ACK, 0, NOCLOSE},
		{0, "data with ACK beyond SND.NXT", ACK, 0, 1, 10, A_ACK, 0, NOCLOSE},
		{0, "ACK too old (RFC 5961 5.2)", ACK, 0, -100000, 0, A_ACK, 0, NOCLOSE},
		{0, "SYN FIN", SYN | FIN, 0, 0, 0, A_ACK, 0, NOCLOSE},
	};

	for (unsigned int i = 0; i < RTE_DIM(states); i++)
		for (unsigned int k = 0; k < RTE_DIM(common); k++) {
			struct row r = common[k];

			r.state = r.next = states[i];
			/* "the ACK again" would acknowledge the SYN once more; after our FIN that is one less */
			if (r.dack == -1 && (states[i] == ES || states[i] == F2 || states[i] == CW))
				r.dack = 0;
			run_row(&r);
		}
}

static void
test_established(void)
{
	static const struct row t[] = {
		{ES, "data", ACK, 0, 0, 100, A_DELAYED, ES, NOCLOSE},
		{ES, "data, half of it old", ACK, -50, 0, 100, A_NOW, ES, NOCLOSE},
		{ES, "FIN", FIN | ACK, 0, 0, 0, A_ACK1, CW, NOCLOSE},
		{ES, "data and FIN", FIN | ACK, 0, 0, 10, A_ACK1, CW, NOCLOSE},
		{ES, "data after a hole", ACK, 100, 0, 10, A_ACK, ES, NOCLOSE},
		{ES, "FIN after a hole", FIN | ACK, 100, 0, 0, A_ACK, ES, NOCLOSE},
		{ES, "RST", RST, 0, 0, 0, QUIET, CLOSED_, -ECONNRESET},
		{ES, "RST ACK", RST | ACK, 0, 0, 0, QUIET, CLOSED_, -ECONNRESET},
	};

	RUN_ROWS(t);
}

static void
test_fin_wait_1(void)
{
	static const struct row t[] = {
		{F1, "ACK of the FIN", ACK, 0, 0, 0, QUIET, F2, NOCLOSE},
		{F1, "FIN", FIN | ACK, 0, -1, 0, A_ACK1, CG, NOCLOSE},
		{F1, "FIN and ACK of the FIN", FIN | ACK, 0, 0, 0, A_ACK1, TW, 0},
		{F1, "data", ACK, 0, -1, 100, A_DELAYED, F1, NOCLOSE},
		{F1, "data and ACK of the FIN", ACK, 0, 0, 100, A_DELAYED, F2, NOCLOSE},
		{F1, "RST", RST, 0, 0, 0, QUIET, CLOSED_, -ECONNRESET},
	};

	RUN_ROWS(t);
}

static void
test_fin_wait_2(void)
{
	static const struct row t[] = {
		{F2, "FIN", FIN | ACK, 0, 0, 0, A_ACK1, TW, 0},
		{F2, "data", ACK, 0, 0, 100, A_DELAYED, F2, NOCLOSE},
		{F2, "data after a hole", ACK, 100, 0, 10, A_ACK, F2, NOCLOSE},
		{F2, "RST", RST, 0, 0, 0, QUIET, CLOSED_, -ECONNRESET},
	};

	RUN_ROWS(t);
}

static void
test_close_wait(void)
{
	static const struct row t[] = {
		{CW, "the FIN again", FIN | ACK, -1, 0, 0, A_ACK, CW, NOCLOSE},
		{CW, "RST", RST, 0, 0, 0, QUIET, CLOSED_, -ECONNRESET},
	};

	RUN_ROWS(t);
}

static void
test_closing_last_ack(void)
{
	static const struct row t[] = {
		{CG, "ACK of the FIN", ACK, 0, 0, 0, QUIET, TW, NOCLOSE},
		{CG, "the FIN again", FIN | ACK, -1, -1, 0, A_ACK, CG, NOCLOSE},
		{CG, "RST", RST, 0, 0, 0, QUIET, CLOSED_, NOCLOSE},
		{LA, "ACK of the FIN", ACK, 0, 0, 0, QUIET, CLOSED_, NOCLOSE},
		{LA, "the FIN again", FIN | ACK, -1, -1, 0, A_ACK, LA, NOCLOSE},
		{LA, "RST", RST, 0, 0, 0, QUIET, CLOSED_, NOCLOSE},
	};

	RUN_ROWS(t);
}

static void
test_time_wait(void)
{
	static const struct row t[] = {
		{TW, "ACK", ACK, 0, 0, 0, QUIET, TW, NOCLOSE},
		{TW, "the FIN again", FIN | ACK, -1, 0, 0, A_ACK, TW, NOCLOSE},
		{TW, "old data", ACK, -1, 0, 1, A_ACK, TW, NOCLOSE},
		{TW, "beyond the window", ACK, FAR, 0, 10, A_ACK, TW, NOCLOSE},
		{TW, "RST (RFC 1337)", RST, 0, 0, 0, QUIET, TW, NOCLOSE},
		{TW, "RST beyond the window", RST, FAR, 0, 0, QUIET, TW, NOCLOSE},
		{TW, "no ACK bit", 0, 0, 0, 0, QUIET, TW, NOCLOSE},
		{TW, "old SYN", SYN, -100, 0, 0, A_ACK, TW, NOCLOSE},
		{TW, "SYN ACK", SYN | ACK, 0, 0, 0, A_ACK, TW, NOCLOSE},
	};

	RUN_ROWS(t);
}

/* After the peer's FIN no text can follow: it must not be delivered, acknowledged or answered with a reset. */
static void
test_text_after_fin(void)
{
	static const uint8_t states[] = {CW, CG, LA, TW};
	const struct frame *f;

	for (unsigned int i = 0; i < RTE_DIM(states); i++) {
		struct sock *s;

		bed_down();
		bed_reset(bed.af);
		s = enter(states[i]);
		tx(ACK, peer.nxt, peer.tern_una, 100);
		advance_to_frame(100 * MS);
		while ((f = rx()))
			CHECK(f->flags == ACK && f->ack == peer.iss + peer.nxt);
		CHECK_EQ(state_now(), states[i]);
		if (s)
			CHECK_EQ(sock_recv(s, 100), 0);
	}
}

/* --- calls (RFC 9293 3.10.1 to 3.10.6) ---------------------------------------------------------------------- */

enum call { SEND, RECEIVE, SHUTDOWN, CLOSE, ABORT };

struct call_row {
	uint8_t state, call;
	int rc;		/* of the call, where it returns something */
	uint8_t answer; /* flags of what is sent at once; 0: silence */
	uint8_t next;
};

static int
do_call(struct sock *s, enum call call)
{
	struct tern_conn *c = s->c;
	uint8_t buf[10];

	switch (call) {
	case SEND:
		return sock_send(s, 10);
	case RECEIVE:
		return tern_recv(c, buf, sizeof(buf));
	case SHUTDOWN:
		return tern_shutdown(c, TERN_SHUT_WR);
	case CLOSE:
		s->c = NULL;
		tern_close(c);
		return 0;
	default:
		s->c = NULL;
		tern_abort(c);
		return 0;
	}
}

static void
run_call(const struct call_row *r)
{
	static const char *const names[] = {"SEND", "RECEIVE", "SHUTDOWN", "CLOSE", "ABORT"};
	const unsigned int fails = CU_get_number_of_failure_records();
	unsigned int state;
	struct sock *s;

	bed_down();
	bed_reset(bed.af);
	s = enter(r->state);
	CHECK_EQ(sock_state(s), r->state); /* STATUS */
	CHECK_EQ(do_call(s, r->call), r->rc);
	run();
	if (r->answer == RST)
		expect_rst(peer.tern_nxt, peer.nxt);
	else if (r->answer)
		expect(r->answer, peer.tern_nxt, peer.nxt, r->call == SEND ? 10 : 0);
	expect_silence_for(10 * MS);
	state = state_now();
	CHECK(state == r->next || (state == LISTEN_ && r->next == CLOSED_));
	CHECK_EQ(s->closed, 0);
	bed_down();
	if (CU_get_number_of_failure_records() != fails)
		printf("\n    failed: %s, %s", tern_state_name(r->state), names[r->call]);
}

static void
test_calls(void)
{
	static const struct call_row t[] = {
		{SS, SEND, 10, 0, SS}, /* queued until ESTABLISHED */
		{SS, RECEIVE, -EAGAIN, 0, SS},
		{SS, SHUTDOWN, -ENOTCONN, 0, SS},
		{SS, CLOSE, 0, 0, CLOSED_},
		{SS, ABORT, 0, 0, CLOSED_},
		{SR, CLOSE, 0, 0, SR}, /* queued until the SYN is acknowledged */
		{SR, ABORT, 0, RST, CLOSED_},
		{ES, SEND, 10, ACK, ES},
		{ES, RECEIVE, -EAGAIN, 0, ES},
		{ES, SHUTDOWN, 0, FIN | ACK, F1},
		{ES, CLOSE, 0, FIN | ACK, F1},
		{ES, ABORT, 0, RST, CLOSED_},
		{F1, SEND, -EPIPE, 0, F1},
		{F1, RECEIVE, -EAGAIN, 0, F1},
		{F1, SHUTDOWN, -EPIPE, 0, F1},
		{F1, CLOSE, 0, 0, F1},
		{F1, ABORT, 0, RST, CLOSED_},
		{F2, SEND, -EPIPE, 0, F2},
		{F2, RECEIVE, -EAGAIN, 0, F2},
		{F2, SHUTDOWN, -EPIPE, 0, F2},
		{F2, CLOSE, 0, 0, F2},
		{F2, ABORT, 0, RST, CLOSED_},
		{CW, SEND, 10, ACK, CW},
		{CW, RECEIVE, 0, 0, CW},
		{CW, SHUTDOWN, 0, FIN | ACK, LA},
		{CW, CLOSE, 0, FIN | ACK, LA},
		{CW, ABORT, 0, RST, CLOSED_},
	};

	for (unsigned int i = 0; i < RTE_DIM(t); i++)
		run_call(&t[i]);
}

/* CLOSE in SYN-RECEIVED: the FIN follows as soon as the SYN is acknowledged. */
static void
test_close_in_syn_received(void)
{
	struct sock *s = fx_syn_received();

	sock_close(s);
	expect_silence();
	tx(ACK, 1, 1, 0);
	expect(FIN | ACK, 1, 1, 0);
	CHECK_EQ(state_now(), TERN_FIN_WAIT_1);
	tx(FIN | ACK, 1, 2, 0);
	expect(ACK, 2, 2, 0);
	CHECK_EQ(state_now(), TERN_TIME_WAIT);
	CHECK_EQ(s->connected + s->closed, 0);
}

/* Challenge ACKs can't be made to flood (RFC 5961 7). */
static void
test_challenge_limit(void)
{
	unsigned int n = 0;

	fx_established();
	for (unsigned int i = 0; i < 1000; i++) {
		tx(SYN, peer.nxt, 0, 0);
		n += rx_flush();
	}
	CHECK(n >= 1 && n <= 500);
	CHECK_EQ(state_now(), TERN_ESTABLISHED);
	advance_us(10 * SEC);
	tx(SYN, peer.nxt, 0, 0); /* the budget comes back */
	expect(ACK, 1, 1, 0);
}

int
main(int argc, char **argv)
{
	static CU_TestInfo tests[] = {
		{"SYN-SENT", test_syn_sent},
		{"SYN-RECEIVED of a simultaneous open", test_syn_received},
		{"all synchronised states", test_synchronised},
		{"ESTABLISHED", test_established},
		{"FIN-WAIT-1", test_fin_wait_1},
		{"FIN-WAIT-2", test_fin_wait_2},
		{"CLOSE-WAIT", test_close_wait},
		{"CLOSING and LAST-ACK", test_closing_last_ack},
		{"TIME-WAIT", test_time_wait},
		{"text after FIN", test_text_after_fin},
		{"calls in each state", test_calls},
		{"CLOSE in SYN-RECEIVED", test_close_in_syn_received},
		{"challenge ACKs are limited", test_challenge_limit},
		CU_TEST_INFO_NULL,
	};

	return harness_main(argc, argv, "states", tests);
}
