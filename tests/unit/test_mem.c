/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who holds the worker's mbufs (lib/tcp/mem.c): slow peers at empty, at the mark and full, beside a lively one that
 * must not notice. That every charge comes back is the teardown's to check.
 */
#include "crowd.h"

#define FULL 1400u /* bytes of a segment */

static void
spare(void)
{
	CHECK(rte_mempool_avail_count(bed.n[0].mp) >= bed.n[0].mp->size / 9);
}

static void
leave(void)
{
	for (unsigned int i = 0; i < SLOW; i++) {
		peer = slow_peer[i];
		tx(RST, slow[i]->c ? slow[i]->c->rcv_nxt - peer.iss : 0, 0, 0);
		CHECK_EQ(slow[i]->err, -ECONNRESET);
	}
	rx_flush();
	peer = lively_peer;
	CHECK_EQ(W->mem.own + W->mem.foreign, 0);
}

/* Text that nobody reads: as much as there is for all, the rest refused, no edge moved back, and never the reserve. */
static void
test_unread(void)
{
	uint32_t edge[SLOW] = {0}, most = 0;
	const struct frame *f;

	bed.conf.tcp.delack_ms = 1;
	crowd();
	for (unsigned int k = 0; k < 46; k++) {
		for (unsigned int i = 0; i < SLOW; i++) {
			peer = slow_peer[i];
			tx(ACK, 1 + k * FULL, 1, FULL);
		}
		advance_us(2 * MS);
		while ((f = rx())) {
			const unsigned int i = f->dport - 1000;
			const uint32_t e =
				f->ack + ((uint32_t)f->wnd << (slow_peer[i].ws >= 0 ? W->sockopts.rcv_ws : 0));

			CHECK(!edge[i] || seq_ge(e, edge[i]));
			edge[i] = e;
		}
		most = RTE_MAX(most, W->mem.own);
		CHECK((int32_t)W->mem.own <= W->mem.budget);
		spare();
	}
	CHECK(most >= W->mem.half); /* it was tight */
	CHECK(STAT(RCVQ_DROP) > 0);
	requests(50, 200);
	requests(5, 5000);
	spare();
	/* what was acknowledged is there, in order: sock_recv() compares */
	for (unsigned int i = 0; i < SLOW; i++)
		CHECK(sock_recv_all(slow[i]) > 0);
	run();
	rx_flush();
	leave();
}

/* Without a budget: text is kept for who reads it at once, else it is as if it had not come. */
static void
test_trial(void)
{
	struct sock *s = fx_established();

	starve(bed.n[0].mp->size / 10);
	CHECK_EQ(W->mem.budget, 0);
	tx(ACK | PSH, 1, 1, 500);
	CHECK_EQ(tern_recv_queued(s->c), 0);
	CHECK_EQ(STAT(RCVQ_DROP), 1);
	while (rx_peek())
		CHECK_EQ(rx()->ack - peer.iss, 1); /* not acknowledged */
	s->auto_read = true;
	tx(ACK | PSH, 1, 1, 500);
	CHECK_EQ(s->rx_pos, 501);
	expect_at(ACK, 1, 501, 0, 0, 50 * MS);
	s->auto_read = false;
	tx(ACK | PSH, 501, 1, 500);
	CHECK_EQ(tern_recv_queued(s->c), 0);
	rx_flush();
	feed();
	tx(ACK | PSH, 501, 1, 500);
	CHECK_EQ(sock_recv_all(s), 500);
	expect_at(ACK, 1, 1001, 0, 0, 50 * MS);
}

/* A FIN waits for text that was on trial: both come again. */
static void
test_trial_fin(void)
{
	struct sock *s = fx_established();

	starve(bed.n[0].mp->size / 10);
	tx(FIN | ACK, 1, 1, 500);
	CHECK_EQ(sock_state(s), TERN_ESTABLISHED);
	CHECK_EQ(tern_recv_queued(s->c), 0);
	rx_flush();
	feed();
	tx(FIN | ACK, 1, 1, 500);
	CHECK_EQ(sock_state(s), TERN_CLOSE_WAIT);
	CHECK_EQ(sock_recv_all(s), 500);
	CHECK(tern_recv_eof(s->c));
	rx_flush();
}

/* A reset behind it, in the same burst: the text is the application's, in closed(), and nothing is made of a
 * connection that is over. */
static void
test_trial_reset(void)
{
	struct sock *s = fx_established();

	starve(bed.n[0].mp->size / 10);
	bed.corked = true;
	tx(ACK | PSH, 1, 1, 500);
	tx(RST, 501, 0, 0);
	uncork();
	CHECK_EQ(s->err, -ECONNRESET);
	CHECK_EQ(W->rares.avail, W->rares.total);
	feed();
	rx_flush();
}

/* A SYN-ACK brings more text than the SYN's window was good for: what lies beyond is refused, and its FIN. */
static void
test_synack_beyond(void)
{
	struct sock *s;
	uint32_t wnd;

	bed_start();
	starve(bed.n[0].mp->size / 10);
	s = fx_syn_sent();
	CHECK_EQ(tern_setopt(s->c, TERN_OPT_MAXSEG, TCP_MSS_MIN), 0);
	s->auto_read = true;
	wnd = 2 * TCP_MSS_DEFAULT4;
	tx(SYN | FIN | ACK, 0, 1, 1400);
	CHECK_EQ(sock_state(s), TERN_ESTABLISHED);
	CHECK_EQ(((struct tern_conn *)s->c)->rcv_nxt - peer.iss, 1 + wnd);
	rx_flush();
	feed();
}

/* Nothing that is sent meanwhile, here probes of a closed window, acknowledges what is on trial; once it was read, an
 * ACK does. */
static void
test_trial_acked(void)
{
	struct sock *s = fx_established();
	const struct frame *f;

	peer.wnd = 0;
	tx(ACK, 1, 1, 0);
	CHECK_EQ(sock_send(s, 100), 100);
	starve(bed.n[0].mp->size / 10);
	rx_flush();
	for (unsigned int i = 0; i < 2; i++) {
		s->auto_read = i;
		bed.corked = true;
		tx(ACK | PSH, 1, 1, 500);
		bed.now_us += 2 * SEC; /* a worker that was away: it receives, then timers are due, then there are
				        * events */
		uncork();
		f = rx();
		CHECK(f && f->len == 1 && f->ack - peer.iss == 1);
		while ((f = rx()) && !i)
			CHECK_EQ(f->ack - peer.iss, 1);
		CHECK_EQ(tern_recv_queued(s->c), 0);
	}
	CHECK(f && f->ack - peer.iss == 501);
	CHECK_EQ(s->rx_pos, 501);
	feed();
	rx_flush();
}

/* Text behind holes: the oldest holes give theirs up, SACKed or not, and it can be sent again. */
static void
test_holes(void)
{
	bed.conf.tcp.delack_ms = 1;
	crowd();
	for (unsigned int k = 1; k < 46; k++) {
		for (unsigned int i = 0; i < SLOW; i++) {
			peer = slow_peer[i];
			tx(ACK, 1 + k * FULL, 1, FULL);
		}
		rx_flush();
		advance_us(1 * MS);
		CHECK(W->mem.own <= W->mem.half + W->mem.half / 4 + BURST);
		spare();
	}
	CHECK(STAT(OFO_DROP) + STAT(OFO_PRUNED) > 0);
	requests(50, 200);
	requests(5, 5000);
	peer = slow_peer[0];
	slow[0]->auto_read = true;
	for (unsigned int k = 0; k < 46; k++)
		tx(ACK, 1 + k * FULL, 1, FULL);
	CHECK_EQ(slow[0]->rx_pos, 1 + 46 * FULL);
	rx_flush();
	leave();
}

/* The prune itself: full of holes, then the pool shrinks. */
static void
test_prune(void)
{
	struct sock *s = fx_established();

	peer.sack = true;
	for (unsigned int k = 1; k < 40; k++)
		tx(ACK, 1 + k * FULL, 1, FULL);
	CHECK_EQ(W->mem.own, 39);
	rx_flush();
	starve(bed.n[0].mp->size / 10);
	run();
	CHECK_EQ(STAT(OFO_PRUNED), 39);
	CHECK_EQ(W->mem.own, 0);
	feed();
	for (unsigned int k = 0; k < 40; k++)
		tx(ACK, 1 + k * FULL, 1, FULL);
	CHECK_EQ(sock_recv_all(s), 40 * FULL);
	run();
	rx_flush();
}

/* Peers that acknowledge nothing: their queues stop growing; one that does gets on. */
static void
test_send(void)
{
	crowd();
	for (unsigned int i = 0; i < SLOW; i++) {
		ssize_t n;

		for (unsigned int k = 0; k < 100 && (n = sock_send(slow[i], 10000)) > 0; k++)
			;
		CHECK(n == -EAGAIN || n == -ENOBUFS);
		run();
		rx_flush();
		CHECK((int32_t)W->mem.own <= W->mem.budget);
	}
	CHECK(W->mem.own > W->mem.half);
	CHECK(STAT(MBUF_EMPTY) > 0);
	spare();
	requests(50, 200);
	requests(5, 5000);
	leave();
}

/* What one listener's connections can take leaves the others theirs. */
static void
test_listeners(void)
{
	unsigned int n = 0;
	ssize_t k;

	crowd();
	for (unsigned int round = 0; round < 20; round++)
		for (unsigned int i = 0; i < SLOW; i++)
			if (sock_send(slow[i], 20000) > 0)
				n++;
	run();
	rx_flush();
	CHECK(W->mem.own > W->mem.half);
	CHECK(W->mem.own <= W->mem.half / 2 * 3 + SLOW + 64);
	bed.n[0].l[1] = NULL;
	CHECK_EQ(node_listen(&bed.n[0], SRV_PORT + 1, 16, &bed.n[0].l[1]), 0);
	peer_new(6000);
	peer.tern_port = SRV_PORT + 1;
	tx(SYN, 0, 0, 0);
	expect(SYN | ACK, 0, 1, 0);
	tx(ACK, 1, 1, 0);
	CHECK(((struct tern_listener *)bed.n[0].l[1])->account != ((struct tern_listener *)bed.n[0].l[0])->account);
	CHECK_EQ(W->mem.accounts[((struct tern_listener *)bed.n[0].l[1])->account].users, 2);
	k = tern_send_space(bed.n[0].l[1]->acc_head);
	CHECK(k > 2048);
	leave();
}

/* Not even a small mbuf: writable() comes when there is one, to the oldest first. */
static void
test_starved(void)
{
	struct sock *s[3];

	for (unsigned int i = 0; i < 3; i++) {
		peer_new(1000 + i);
		s[i] = fx_established();
	}
	scarce(0);
	for (unsigned int i = 0; i < 3; i++)
		CHECK_EQ(sock_send(s[i], 100), -ENOBUFS);
	run();
	for (unsigned int i = 0; i < 3; i++)
		CHECK_EQ(s[i]->writable, 0);
	plenty();
	run();
	for (unsigned int i = 0; i < 3; i++)
		CHECK_EQ(s[i]->writable, 1);
	CHECK(TAILQ_EMPTY(&W->mem.starved));
}

/* Mbufs of another pool: a few stay, the others are copied, so that their worker gets them back. */
static void
test_foreign(void)
{
	struct rte_mempool *other =
		rte_pktmbuf_pool_create("other", 2047, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	struct sock *s[10];
	struct peer p[10];

	CU_ASSERT_PTR_NOT_NULL_FATAL(other);
	for (unsigned int i = 0; i < 10; i++) {
		peer_new(1000 + i);
		s[i] = fx_established();
		p[i] = peer;
	}
	for (unsigned int k = 0; k < 40; k++) {
		for (unsigned int i = 0; i < 10; i++) {
			uint8_t b[1600];
			struct rte_mbuf *m = rte_pktmbuf_alloc(other);
			uint16_t n;

			peer = p[i];
			n = peer_build(b, ACK, 1 + k * FULL, 1, FULL);
			memcpy(rte_pktmbuf_append(m, n), b, n);
			worker_input(W, 0, &m, 1);
			run();
			rx_flush();
		}
	}
	CHECK_EQ(W->mem.foreign, W->mem.foreign_max);
	CHECK_EQ(W->mem.own, 400 - W->mem.foreign_max);
	CHECK_EQ(rte_mempool_avail_count(other), 2047 - W->mem.foreign_max);
	for (unsigned int i = 0; i < 10; i++)
		CHECK_EQ(sock_recv_all(s[i]), 40 * FULL);
	run();
	rx_flush();
	CHECK(rte_mempool_full(other));
	bed_down();
	rte_mempool_free(other);
}

static void
echo(struct tern_conn *c, void *user)
{
	struct rte_mbuf *m;

	while (tern_recv_mbufs(c, &m, 1) > 0)
		if (tern_send_mbuf(c, m))
			rte_pktmbuf_free(m);
}

/* An established connection that echoes. It is the caller's alone: no sock has it. */
static struct tern_conn *
established_echo(void)
{
	static const struct tern_ops ops = {.readable = echo};
	struct sock *s = fx_established();
	struct tern_conn *c = s->c;

	s->c = NULL;
	tern_conn_set_user(c, &ops, NULL);
	return c;
}

/* Nor do more of them stay that came on trial, and which the application sends on. */
static void
test_foreign_trial(void)
{
	struct rte_mempool *other =
		rte_pktmbuf_pool_create("other", 2047, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	struct tern_conn *c[10];

	CU_ASSERT_PTR_NOT_NULL_FATAL(other);
	for (unsigned int i = 0; i < 10; i++) {
		peer_new(1000 + i);
		c[i] = established_echo();
	}
	starve(bed.n[0].mp->size / 10);
	W->mem.foreign_max = 4;
	for (unsigned int i = 0; i < 10; i++) {
		uint8_t b[1600];
		struct rte_mbuf *m = rte_pktmbuf_alloc(other);
		uint16_t n;

		peer_new(1000 + i);
		peer.irs = c[i]->iss;
		n = peer_build(b, ACK, 1, 1, FULL);
		memcpy(rte_pktmbuf_append(m, n), b, n);
		worker_input(W, 0, &m, 1);
		run();
	}
	rx_flush();
	CHECK_EQ(W->mem.foreign, 4);
	CHECK_EQ(W->mem.own, 6);
	feed();
	for (unsigned int i = 0; i < 10; i++)
		tern_abort(c[i]);
	run();
	rx_flush();
	CHECK(rte_mempool_full(other));
	bed_down();
	rte_mempool_free(other);
}

/* Answers of a few bytes to peers that acknowledge nothing: while memory is short, they do not keep the mbufs they
 * came in. */
static void
test_small_text(void)
{
	struct tern_conn *c[10];

	for (unsigned int i = 0; i < 10; i++) {
		peer_new(1000 + i);
		c[i] = established_echo();
	}
	starve(bed.n[0].mp->size / 10);
	for (unsigned int i = 0; i < 10; i++) {
		peer_new(1000 + i);
		peer.irs = c[i]->iss;
		tx(ACK | PSH, 1, 1, 100);
		CHECK_EQ(tern_send_queued(c[i]), 100);
		expect(ACK, 1, 101, 100);
	}
	CHECK_EQ(W->mem.own, 0);
	CHECK_EQ(rte_mempool_in_use_count(W->mbufs.small), 10);
	feed();
	for (unsigned int i = 0; i < 10; i++) {
		peer_new(1000 + i);
		peer.irs = c[i]->iss;
		tx(ACK, 101, 101, 0);
		CHECK_EQ(tern_send_queued(c[i]), 0);
		tern_abort(c[i]);
	}
	CHECK_EQ(rte_mempool_in_use_count(W->mbufs.small), 0);
	run();
	rx_flush();
}

/* What the application holds makes the budget smaller, at once; the reserve is not its to take. */
static void
test_application(void)
{
	struct rte_mbuf *m[8192];
	unsigned int n = 0;
	int32_t budget;

	fx_established();
	budget = W->mem.budget;
	while (n < RTE_DIM(m) && (m[n] = tern_mbuf_alloc(W)))
		n++;
	CHECK_EQ(n, budget);
	CHECK(STAT(MBUF_EMPTY) == 1);
	CHECK_EQ(rte_mempool_avail_count(bed.n[0].mp), W->mem.reserve);
	while (n)
		tern_mbuf_free(W, m[--n]);
	CHECK_EQ(W->mem.budget, budget);
	advance_us(2 * MS);
	CHECK_EQ(W->mem.budget, budget);
}

/* A peer whose text was not kept resets from behind it; from anywhere else it is challenged. */
static void
test_reset_beyond(void)
{
	struct sock *s = fx_established();

	starve(bed.n[0].mp->size / 10);
	tx(ACK | PSH, 1, 1, 500);
	tx(ACK | PSH, 501, 1, 500); /* beyond a hole now */
	CHECK_EQ(tern_recv_queued(s->c), 0);
	rx_flush();
	tx(RST, 700, 0, 0);
	expect(ACK, 1, 1, 0);
	CHECK_EQ(s->closed, 0);
	tx(RST, 1001, 0, 0);
	expect_silence();
	CHECK_EQ(s->err, -ECONNRESET);
	feed();
}

/* The first window promises less while memory is tight, and no edge moves back after it. */
static void
test_first_window(void)
{
	struct sock *s;

	fx_listen();
	starve(bed.n[0].mp->size / 10);
	tx(SYN, 0, 0, 0);
	CHECK_EQ(expect(SYN | ACK, 0, 1, 0)->wnd, 4096);
	tx(ACK, 1, 1, 0);
	s = sock_accept(&bed.n[0]);
	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	CHECK_EQ(s->c->rcv_adv - s->c->rcv_nxt, 4096);
	feed();
	s->auto_read = true;
	for (unsigned int i = 0; i < 4; i++) {
		tx(ACK | PSH, 1 + i * 1000, 1, 1000);
		rx_flush();
	}
	advance_us(100 * MS);
	rx_flush();
	CHECK_EQ(s->rx_pos, 4001);
	CHECK(s->c->rcv_adv - s->c->rcv_nxt >= 65535);
	peer_new(2000);
	tx(SYN, 0, 0, 0);
	CHECK_EQ(expect(SYN | ACK, 0, 1, 0)->wnd, 65535);
}

/* The same of a cookie, which nobody remembers: what its SYN-ACK said holds, whatever memory became meanwhile. */
static void
test_cookie_window(void)
{
	bed.conf.tcp.cookie_mode = TERN_COOKIE_ALWAYS;
	fx_listen();
	for (unsigned int i = 0; i < 4; i++) {
		const bool tight = i & 1, later = i & 2;
		struct sock *s;

		peer_new(2000 + i);
		if (tight)
			starve(bed.n[0].mp->size / 10);
		tx(SYN, 0, 0, 0);
		CHECK_EQ(expect(SYN | ACK, 0, 1, 0)->wnd, tight ? 4096 : 65535);
		if (tight && !later)
			feed();
		else if (!tight && later)
			starve(bed.n[0].mp->size / 10);
		tx(ACK, 1, 1, 0);
		s = sock_accept(&bed.n[0]);
		CU_ASSERT_PTR_NOT_NULL_FATAL(s);
		CHECK_EQ(s->c->rcv_adv - s->c->rcv_nxt, tight ? 4096 : 65535);
		feed();
		sock_abort(s);
		rx_flush();
	}
	CHECK_EQ(STAT(COOKIES_RECV), 4);
	CHECK_EQ(STAT(COOKIES_FAILED), 0);
	peer_new(3000); /* neither */
	tx(ACK, 1, 77, 0);
	expect(RST, 77, 0, 0);
	CHECK_EQ(STAT(COOKIES_FAILED), 1);
}

/* One orphan more than may be is reset; their number follows the closes of the peers. */
static void
test_orphans(void)
{
	struct sock *s[4];
	struct peer p[4];

	bed.conf.tcp.max_orphans = 3;
	for (unsigned int i = 0; i < 4; i++) {
		peer_new(1000 + i);
		s[i] = fx_established();
		p[i] = peer;
	}
	for (unsigned int i = 0; i < 3; i++) {
		peer = p[i];
		sock_close(s[i]);
		run();
		expect(FIN | ACK, 1, 1, 0);
	}
	CHECK_EQ(W->mem.orphans, 3);
	CHECK_EQ(STAT(ABORT_ON_MEMORY), 0);
	peer = p[3];
	sock_close(s[3]);
	run();
	expect_rst(1, 1);
	CHECK_EQ(STAT(ABORT_ON_MEMORY), 1);
	peer = p[0];
	tx(FIN | ACK, 1, 2, 0);
	expect(ACK, 2, 2, 0);
	CHECK_EQ(W->mem.orphans, 2);
	peer = p[1];
	tx(RST, 1, 0, 0);
	CHECK_EQ(W->mem.orphans, 1);
	rx_flush();
}

/* While memory is short, an orphan that is not answered goes before R2; one that the application holds stays. */
static void
test_orphan_memory(void)
{
	struct sock *s[2];
	struct peer p[2];

	for (unsigned int i = 0; i < 2; i++) {
		peer_new(1000 + i);
		s[i] = fx_established();
		p[i] = peer;
	}
	for (unsigned int i = 0; i < 2; i++)
		CHECK_EQ(sock_send(s[i], 5000), 5000);
	peer = p[0];
	sock_close(s[0]);
	run();
	starve(bed.n[0].mp->size / 10);
	advance_us(5 * SEC);
	rx_flush();
	CHECK_EQ(STAT(ABORT_ON_MEMORY), 1);
	CHECK_EQ(W->mem.orphans, 0);
	CHECK_EQ(W->conns.total - W->conns.avail, 1);
	CHECK_EQ(sock_state(s[1]), TERN_ESTABLISHED);
	feed();
	peer = p[1];
	advance_us(5 * SEC);
	rx_flush();
	tx(ACK, 1, 5001, 0);
	CHECK_EQ(tern_send_queued(s[1]->c), 0);
	rx_flush();
}

int
main(int argc, char **argv)
{
	static CU_TestInfo tests[] = {
		{"unread text", test_unread},
		{"trial", test_trial},
		{"trial with FIN", test_trial_fin},
		{"trial with reset", test_trial_reset},
		{"SYN-ACK beyond the window", test_synack_beyond},
		{"trial acknowledged", test_trial_acked},
		{"holes", test_holes},
		{"prune", test_prune},
		{"send", test_send},
		{"listeners", test_listeners},
		{"starved", test_starved},
		{"foreign mbufs", test_foreign},
		{"foreign mbufs on trial", test_foreign_trial},
		{"a few bytes", test_small_text},
		{"reset beyond", test_reset_beyond},
		{"first window", test_first_window},
		{"first window of a cookie", test_cookie_window},
		{"orphans", test_orphans},
		{"orphans' memory", test_orphan_memory},
		{"application's mbufs", test_application},
		CU_TEST_INFO_NULL,
	};

	return harness_main(argc, argv, "mem", tests);
}
