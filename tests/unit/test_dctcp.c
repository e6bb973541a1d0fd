/* SPDX-License-Identifier: BSD-3-Clause */
/* DCTCP: RFC 8257, section by section; and whose congestion control a connection gets. */
#include <math.h>
#include "harness.h"
#include "tcp/loss.h"

#define ECT0 2
#define CE 3
#define MSS 1000u

static struct tern_conn *
conn(const struct sock *s)
{
	return s->c;
}

static uint32_t
cwnd(const struct sock *s)
{
	return conn(s)->cwnd;
}

static struct sock *
established(bool ecn)
{
	if (!bed.started) {
		bed.conf.tcp.cc = TERN_CC_DCTCP;
		fx_listen();
	}
	peer.mss = MSS;
	tx(SYN | (ecn ? ECE | CWR : 0), 0, 0, 0);
	expect(SYN | ACK | (ecn ? ECE : 0), 0, 1, 0);
	tx(ACK, 1, 1, 0);
	return sock_accept(&bed.n[0]);
}

/* 3.2: an ACK for each change of the mark, that before it with the old state; CWR means nothing. */
static void
test_echo(void)
{
	struct sock *s = established(true);

	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	peer.tos = ECT0;
	tx(ACK, 1, 1, 100);
	expect_silence(); /* delayed */
	peer.tos = CE;
	tx(ACK, 101, 1, 100);
	expect(ACK, 1, 101, 0);
	expect(ACK | ECE, 1, 201, 0);
	tx(ACK | CWR, 201, 1, 100); /* no change */
	expect_silence();
	tx(ACK, 301, 1, 100);
	expect(ACK | ECE, 1, 401, 0);
	tx(ACK, 401, 1, 100);
	expect_silence();
	peer.tos = ECT0;
	tx(ACK, 501, 1, 100);
	expect(ACK | ECE, 1, 501, 0);
	expect(ACK, 1, 601, 0);
	peer.tos = CE;
	tx(ACK, 601, 1, 100); /* nothing waits: one ACK is enough */
	expect(ACK | ECE, 1, 701, 0);
	CHECK_EQ(sock_send(s, 10), 10);
	run();
	expect(ACK | PSH | ECE, 1, 701, 10);
	CHECK_EQ(STAT(IN_CE), 5);
	tx(ACK, 701, 11, 0);
	sock_recv_all(s);
	rx_flush();
}

/* 3.3 beside the library's, in floating point. */
struct model {
	double alpha;
	uint32_t una, end, acked, echoed;
};

/* Acknowledge what is out, segment by segment, the first `marked` of every ten with an echo. */
static void
windows(struct sock *s, unsigned int n_acks, unsigned int marked, struct model *m)
{
	uint32_t cut_until = 0;

	for (unsigned int i = 0; i < n_acks && CU_get_number_of_failure_records() < 20; i++) {
		const bool ece = i % 10 < marked;
		uint32_t before, snd_nxt, least, most;

		if (tern_send_queued(s->c) < 200 * MSS)
			sock_send(s, 100 * MSS);
		run();
		before = cwnd(s);
		snd_nxt = conn(s)->snd_max - peer.irs;
		m->una += MSS;
		tx(ACK | (ece ? ECE : 0), 1, m->una, 0);
		m->acked += MSS;
		m->echoed += ece ? MSS : 0;
		if (m->una > m->end) {
			m->alpha = m->alpha * 15 / 16 + (double)m->echoed / m->acked / 16;
			m->acked = m->echoed = 0;
			m->end = snd_nxt;
		}
		CHECK(fabs(conn(s)->loss->cc_state.dctcp.alpha / 1048576.0 - m->alpha) < 0.0005);
		if (ece && m->una > cut_until) { /* once a window of data */
			least = before * (1 - m->alpha / 2);
			most = (before + MSS) * (1 - m->alpha / 2);
			CHECK(cwnd(s) >= RTE_MAX(least, 2 * MSS + 1) - 1 && cwnd(s) <= RTE_MAX(most + 1, 2 * MSS));
			cut_until = snd_nxt;
		} else {
			CHECK(cwnd(s) >= before);
		}
		rx_flush();
	}
}

/* 3.3: alpha follows the share of marked bytes, from 1 (4.2), and the cut follows alpha. */
static void
test_alpha(void)
{
	static const unsigned int share[] = {0, 3, 10, 0};
	struct sock *s = established(true);
	struct model m = {.alpha = 1, .una = 1};

	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	peer.wnd = 65535;
	CHECK_EQ(tern_setopt(s->c, TERN_OPT_SNDBUF, 1 << 20), 0);
	CHECK_EQ(sock_send(s, 100 * MSS), 100 * MSS);
	run();
	CHECK_EQ(rx_flush(), 10);
	m.una += MSS;
	m.end = conn(s)->snd_max - peer.irs;
	tx(ACK, 1, m.una, 0); /* the first: from here it counts */
	rx_flush();
	CU_ASSERT_PTR_NOT_NULL_FATAL(conn(s)->loss);
	for (unsigned int i = 0; i < RTE_DIM(share); i++)
		windows(s, 1500, share[i], &m);
	CHECK(STAT(ECE_RX) > 10);
	CHECK_EQ(STAT(RETRANS_SEGS), 0);
	while (tern_send_queued(s->c) && CU_get_number_of_failure_records() < 20) {
		m.una += RTE_MIN(MSS, tern_send_queued(s->c));
		tx(ACK, 1, m.una, 0);
		rx_flush();
	}
}

/* 3.5: a loss is a loss, however small alpha is. */
static void
test_loss(void)
{
	struct sock *s = established(true);

	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	CHECK_EQ(sock_send(s, 10 * MSS), 10 * MSS);
	run();
	CHECK_EQ(rx_flush(), 10);
	tx(ACK, 1, 1 + MSS, 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(conn(s)->loss);
	conn(s)->loss->cc_state.dctcp.alpha = 0;
	for (unsigned int i = 0; i < 3; i++)
		tx(ACK, 1, 1 + MSS, 0);
	expect(ACK, 1 + MSS, 1, MSS);
	CHECK_EQ(conn(s)->ssthresh, 9 * MSS / 2);
	CHECK_EQ(STAT(FAST_RETRANS), 1);
	tx(ACK, 1, 1 + 10 * MSS, 0);
	rx_flush();
}

/* 3.5: the same window's echo and loss cut it once: together as much as the loss alone. */
static void
test_echo_then_loss(void)
{
	static const uint32_t alpha[] = {1 << 20, 1 << 18, 0}; /* of 1 << 20 */

	for (unsigned int i = 0; i < RTE_DIM(alpha); i++) {
		struct sock *s;

		bed_down();
		bed_reset(bed.af);
		s = established(true);
		CU_ASSERT_PTR_NOT_NULL_FATAL(s);
		CHECK_EQ(sock_send(s, 10 * MSS), 10 * MSS);
		run();
		CHECK_EQ(rx_flush(), 10);
		tx(ACK, 1, 1 + MSS, 0);
		conn(s)->loss->cc_state.dctcp.alpha = alpha[i];
		conn(s)->cwnd = 10 * MSS;
		tx(ACK | ECE, 1, 1 + 2 * MSS, 0); /* 8 in flight; slow start makes the window 11 first */
		CHECK_EQ(cwnd(s), 11 * MSS - (uint64_t)11 * MSS * alpha[i] / (1 << 21));
		for (unsigned int n = 0; n < 3; n++)
			tx(ACK | ECE, 1, 1 + 2 * MSS, 0);
		expect(ACK, 1 + 2 * MSS, 1, MSS);
		CHECK_EQ(conn(s)->ssthresh, 4 * MSS);
		CHECK_EQ(STAT(ECE_RX), 1);
		tx(ACK, 1, 1 + 10 * MSS, 0);
		rx_flush();
	}
}

static void
tx_sack(uint8_t flags, uint32_t ack, uint32_t left, uint32_t right)
{
	const uint8_t head[] = {1, 1, 5, 10};
	const uint32_t edges[] = {htonl(peer.irs + left), htonl(peer.irs + right)};

	memcpy(peer.opt, head, 4);
	memcpy(peer.opt + 4, edges, 8);
	peer.optlen = 12;
	tx(flags, 1, ack, 0);
}

/* What was no loss gives the window back, but the marks that were counted meanwhile stay counted, once. */
static void
test_undo(void)
{
	const struct cc_dctcp_state *d;
	struct sock *s;
	uint32_t before;

	peer.sack = true;
	s = established(true);
	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	CHECK_EQ(sock_send(s, 20 * MSS), 20 * MSS);
	run();
	CHECK_EQ(rx_flush(), 10);
	tx(ACK, 1, 1 + MSS, 0);
	d = &conn(s)->loss->cc_state.dctcp;
	tx(ACK, 1, 1 + 2 * MSS, 0);
	before = cwnd(s);
	rx_flush();
	tx_sack(ACK, 1 + 2 * MSS, 1 + 3 * MSS, 1 + 10 * MSS);
	expect(ACK, 1 + 2 * MSS, 1, MSS);
	rx_flush();
	CHECK_EQ(STAT(SACK_RECOVERY), 1);
	tx(ACK, 1, 1 + 10 * MSS, 0);
	rx_flush();
	CHECK_EQ(d->acked, 9 * MSS);
	CHECK_EQ(d->marked, 0);
	CHECK(cwnd(s) < before);
	tx_sack(ACK | ECE, 1 + 10 * MSS, 1 + 2 * MSS, 1 + 3 * MSS); /* what was sent again had arrived before */
	CHECK_EQ(STAT(DSACK_UNDO), 1);
	CHECK_EQ(d->una, conn(s)->snd_una);
	CHECK_EQ(d->acked, 9 * MSS);
	CHECK_EQ(d->marked, 0);
	CHECK_EQ(d->alpha, 1 << 20);
	rx_flush();
	tx(ACK, 1, conn(s)->snd_max - peer.irs, 0);
	rx_flush();
	tx(ACK, 1, 1 + 20 * MSS, 0);
	expect_silence();
}

/* A peer that knows no ECN: nothing is marked, nothing echoed, and marks change nothing. */
static void
test_no_ecn(void)
{
	struct sock *s = established(false);
	const struct frame *f;

	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	CHECK(!(conn(s)->flags & C_ECN));
	peer.tos = CE;
	tx(ACK | ECE, 1, 1, 100);
	expect_at(ACK, 1, 101, 0, TICK_US, 500 * MS);
	CHECK_EQ(sock_send(s, 100), 100);
	run();
	f = expect(ACK, 1, 101, 100);
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	CHECK_EQ(f->tos, 0);
	tx(ACK | ECE, 101, 101, 0);
	CHECK_EQ(cwnd(s), 10 * MSS);
	sock_recv_all(s);
	rx_flush();
}

/* 3.6: SYN, SYN-ACK and RST say that they can be marked; a mark on them means nothing. ACKs stay as RFC 3168 has
 * them. */
static void
test_control(void)
{
	const struct frame *f;
	struct sock *s;

	for (unsigned int cookie = 0; cookie < 2; cookie++) {
		bed_down();
		bed_reset(bed.af);
		bed.conf.tcp.cc = TERN_CC_DCTCP;
		bed.conf.tcp.cookie_mode = cookie ? TERN_COOKIE_ALWAYS : TERN_COOKIE_NEVER;
		bed.conf.tcp.tos = 0x2b; /* the low bits are not the application's */
		fx_listen();
		peer.ts = true;
		peer.mss = MSS;
		peer.tos = CE;
		tx(SYN | ECE | CWR, 0, 0, 0);
		f = expect(SYN | ACK | ECE, 0, 1, 0);
		CU_ASSERT_PTR_NOT_NULL_FATAL(f);
		CHECK_EQ(f->tos, 0x28 | ECT0);
		peer.tos = 0;
		tx(ACK, 1, 1, 0);
		s = sock_accept(&bed.n[0]);
		CU_ASSERT_PTR_NOT_NULL_FATAL(s);
		tx(ACK, 1, 1, 100);
		f = expect_at(ACK, 1, 101, 0, 0, 500 * MS);
		CU_ASSERT_PTR_NOT_NULL_FATAL(f);
		CHECK_EQ(f->tos, 0x28);
		sock_abort(s);
		run();
		f = rx();
		CU_ASSERT_PTR_NOT_NULL_FATAL(f);
		CHECK(f->flags & RST);
		CHECK_EQ(f->tos, 0x28 | ECT0);
	}
	/* the peer does not ask: nothing is marked */
	bed_down();
	bed_reset(bed.af);
	s = established(false);
	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	sock_abort(s);
	run();
	f = rx();
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	CHECK(f->flags & RST);
	CHECK_EQ(f->tos, 0);
}

/* An active open asks, unless ECN is off; chosen for one connection before its SYN, too. */
static void
test_asks(void)
{
	static const struct {
		uint8_t conf, opt, ecn, flags;
	} t[] = {{TERN_CC_DCTCP, TERN_CC_DCTCP, TERN_ECN_PASSIVE, SYN | ECE | CWR},
		 {TERN_CC_CUBIC, TERN_CC_DCTCP, TERN_ECN_PASSIVE, SYN | ECE | CWR},
		 {TERN_CC_DCTCP, TERN_CC_CUBIC, TERN_ECN_PASSIVE, SYN},
		 {TERN_CC_DCTCP, TERN_CC_DCTCP, TERN_ECN_OFF, SYN}};
	const struct frame *f;
	struct sock *s;

	for (unsigned int i = 0; i < RTE_DIM(t); i++) {
		bed_down();
		bed_reset(bed.af);
		bed.conf.tcp.cc = t[i].conf;
		bed.conf.tcp.ecn = t[i].ecn;
		bed_start();
		CHECK_EQ(node_connect(SRV_PORT, 5000, &s), 0);
		CHECK_EQ(tern_setopt(s->c, TERN_OPT_CC, t[i].opt), 0);
		peer.port = SRV_PORT;
		peer.tern_port = 5000;
		run();
		advance_to_frame(SEC);
		f = rx();
		CU_ASSERT_PTR_NOT_NULL_FATAL(f);
		CHECK_EQ(f->flags, t[i].flags);
		CHECK_EQ(f->tos, t[i].flags & ECE ? ECT0 : 0);
		tx(SYN | ACK | ECE, 0, 1, 0);
		CHECK_EQ(s->connected, 1);
		CHECK_EQ(!!(conn(s)->flags & C_ECN), t[i].flags != SYN);
		rx_flush();
	}
}

/* A listener's choice is its connections': by the half-open queue and by cookie; others keep theirs. */
static void
test_choice(void)
{
	static const char *const want[] = {"cubic", "dctcp", "newreno", "dctcp"};
	struct tern_info inf;
	struct sock *s;

	fx_listen();
	CHECK_EQ(tern_listen_setopt(bed.n[0].l[0], TERN_OPT_CC, TERN_CC_COUNT), -EINVAL);
	for (unsigned int i = 0; i < RTE_DIM(want); i++) {
		static const uint8_t cc[] = {TERN_CC_CUBIC, TERN_CC_DCTCP, TERN_CC_NEWRENO, TERN_CC_DCTCP};

		if (i)
			CHECK_EQ(tern_listen_setopt(bed.n[0].l[0], TERN_OPT_CC, cc[i]), 0);
		tern_listen_setopt(bed.n[0].l[0], TERN_OPT_COOKIES, i == 3 ? TERN_COOKIE_ALWAYS : TERN_COOKIE_AUTO);
		peer_new(42000 + i);
		tx(SYN, 0, 0, 0);
		expect(SYN | ACK, 0, 1, 0);
		tx(ACK, 1, 1, 0);
		s = sock_accept(&bed.n[0]);
		CU_ASSERT_PTR_NOT_NULL_FATAL(s);
		tern_conn_info(s->c, &inf, sizeof(inf));
		CHECK_EQ(strcmp(inf.cc, want[i]), 0);
		CHECK_EQ(tern_setopt(s->c, TERN_OPT_CC, TERN_CC_COUNT), -EINVAL);
		CHECK_EQ(tern_setopt(s->c, TERN_OPT_CC, TERN_CC_NEWRENO), 0);
		tern_conn_info(s->c, &inf, sizeof(inf));
		CHECK_EQ(strcmp(inf.cc, "newreno"), 0);
	}
	CHECK_EQ(STAT(COOKIES_RECV), 1);
}

static bool
delivered(void *arg)
{
	struct sock **s = arg;

	for (; *s; s++)
		if ((*s)->to_send || tern_send_queued((*s)->c))
			return false;
	return true;
}

/* n connections of node 0, each with its algorithm, and bytes to send. */
static void
transfers(struct sock **s, const uint8_t *cc, unsigned int n, uint64_t bytes)
{
	bed_start_pair();
	bed.n[1].auto_accept = true;
	CHECK_EQ(node_listen(&bed.n[1], SRV_PORT, 8, &bed.n[1].l[0]), 0);
	for (unsigned int i = 0; i < n; i++) {
		CHECK_EQ(node_connect(SRV_PORT, 0, &s[i]), 0);
		CHECK_EQ(tern_setopt(s[i]->c, TERN_OPT_CC, cc[i]), 0);
		s[i]->to_send = bytes;
	}
	for (unsigned int k = 0; k < 300; k++) {
		unsigned int connected = 0;

		for (unsigned int i = 0; i < n; i++)
			connected += s[i]->connected;
		if (connected == n)
			break;
		advance_us(100 * MS);
	}
	for (unsigned int i = 0; i < n; i++) {
		CHECK_EQ(s[i]->connected, 1);
		sock_ops.writable(s[i]->c, s[i]);
	}
}

/* A queue that marks beyond 20 frames stays that short, loses nothing, and the link is full all the same (4.1). */
static void
test_queue(void)
{
	static const uint8_t cc[] = {TERN_CC_DCTCP};
	const uint64_t secs = 4, frame_us = 1514 * 8 / 20;
	struct sock *s[2] = {0};
	uint64_t begin;

	bed.dir[0].profile = "rate=20m,queue=1000,mark=20";
	bed.dir[0].delay_us = bed.dir[1].delay_us = 5 * MS;
	transfers(s, cc, 1, UINT32_MAX);
	CHECK(conn(s[0])->flags & C_ECN);
	advance_us(SEC); /* slow start is over */
	begin = s[0]->tx_pos - tern_send_queued(s[0]->c);
	for (unsigned int i = 0; i < 100 * secs; i++) {
		advance_us(10 * MS);
		sock_ops.writable(s[0]->c, s[0]);
		CHECK(conn(s[0])->srtt_us < 10 * MS + 2 * 20 * frame_us);
	}
	CHECK(s[0]->tx_pos - tern_send_queued(s[0]->c) - begin > secs * 20000000 / 8 * 9 / 10);
	CHECK_EQ(STAT(RETRANS_SEGS), 0);
	CHECK(STAT(ECE_RX) > 10);
	CHECK(conn(s[0])->loss->cc_state.dctcp.alpha < 1 << 19);
	s[0]->to_send = 0;
}

/* Each algorithm beside the others on a bad wire with a queue that marks: all arrives. */
static void
test_mixed(void)
{
	static const uint8_t cc[] = {TERN_CC_DCTCP, TERN_CC_CUBIC, TERN_CC_NEWRENO, TERN_CC_DCTCP};
	struct sock *s[RTE_DIM(cc) + 1] = {0};
	struct tern_info inf;
	bool ecn = false;

	for (unsigned int i = 0; i < 2; i++) {
		bed.dir[i].profile = "rate=50m,queue=50,mark=10,loss=0.5%,reorder=1%/2ms";
		bed.dir[i].delay_us = 2 * MS;
	}
	transfers(s, cc, RTE_DIM(cc), 1 << 20);
	CHECK(advance_until(delivered, s, 600 * SEC));
	for (unsigned int i = 0; i < RTE_DIM(cc); i++) {
		tern_conn_info(s[i]->c, &inf, sizeof(inf));
		CHECK_EQ(strcmp(inf.cc, cc_get(cc[i])->name), 0);
		CHECK(!(conn(s[i])->flags & C_ECN) || cc[i] == TERN_CC_DCTCP);
		ecn |= !!(conn(s[i])->flags & C_ECN); /* unless the SYN had to be sent again */
		CHECK_EQ(s[i]->tx_pos, 1 + (1 << 20));
	}
	CHECK_EQ(STAT(ECE_RX) > 0, ecn);
	CHECK(STAT(RETRANS_SEGS) > 0);
}

static void
test_unknown(void)
{
	struct tern_conf conf;

	tern_conf_init(&conf, sizeof(conf));
	conf.tcp.cc = TERN_CC_COUNT;
	CHECK_EQ(conf_settle(&conf), -EINVAL);
	conf.tcp.cc = TERN_CC_COUNT - 1;
	CHECK_EQ(conf_settle(&conf), 0);
}

int
main(int argc, char **argv)
{
	static CU_TestInfo tests[] = {
		{"echo", test_echo},
		{"alpha", test_alpha},
		{"loss", test_loss},
		{"echo, then loss", test_echo_then_loss},
		{"undo", test_undo},
		{"no ECN", test_no_ecn},
		{"control", test_control},
		{"asks", test_asks},
		{"choice", test_choice},
		{"queue", test_queue},
		{"mixed", test_mixed},
		{"unknown", test_unknown},
		CU_TEST_INFO_NULL,
	};

	return harness_main(argc, argv, "dctcp", tests);
}
