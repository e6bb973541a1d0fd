/* SPDX-License-Identifier: BSD-3-Clause */
/* Every pool empty: a defined answer, a counter, and recovery. bed_down() then proves that nothing leaked. */
#include "harness.h"

static void
test_conns(void)
{
	struct sock *s[4];

	bed.conf.max_conns = 4;
	bed.conf.tcp.cookie_mode = TERN_COOKIE_NEVER;
	bed_start();
	CHECK_EQ(node_listen(&bed.n[0], SRV_PORT, 16, &bed.n[0].l[0]), 0);
	for (unsigned int i = 0; i < 4; i++) {
		peer_new(1000 + i);
		s[i] = fx_established();
	}
	peer_new(2000);
	tx(SYN, 0, 0, 0); /* refused before there is any work */
	expect_silence();
	CHECK_EQ(STAT(CONN_POOL_EMPTY), 1);
	CHECK_EQ(STAT(DROP_LISTEN), 1);
	CHECK_EQ(W->listeners.half_open, 0);
	sock_abort(s[0]);
	run();
	rx_flush();
	peer_new(2001);
	s[0] = fx_established();
	CHECK(s[0] != NULL);
}

/* A half-open request has a claim to a connection: with none left a SYN is as if the queue were full. */
static void
claims(unsigned int cookie_mode)
{
	bed.conf.max_conns = 1;
	bed.conf.tcp.cookie_mode = cookie_mode;
	bed_start();
	CHECK_EQ(node_listen(&bed.n[0], SRV_PORT, 16, &bed.n[0].l[0]), 0);
	peer_new(1000);
	tx(SYN, 0, 0, 0);
	expect(SYN | ACK, 0, 1, 0);
	peer_new(2000);
	tx(SYN, 0, 0, 0);
}

static void
test_claims(void)
{
	claims(TERN_COOKIE_NEVER);
	expect_silence();
	CHECK_EQ(STAT(REQQ_FULL_DROP), 1);
	CHECK_EQ(STAT(CONN_POOL_EMPTY), 0);
}

static void
one_more(uint16_t port, bool cookie)
{
	peer_new(port);
	tx(SYN, 0, 0, 0);
	if (cookie)
		expect(SYN | ACK, 0, 1, 0);
	else
		expect_silence();
}

/* Where handshakes end as connections, those under way have the last ones: a SYN is refused, and not with a cookie;
 * until it is clear that one under way comes to nothing. */
static void
test_spoken_for(void)
{
	struct sock *s;

	bed.conf.max_conns = 2;
	bed_start();
	CHECK_EQ(node_listen(&bed.n[0], SRV_PORT, 16, &bed.n[0].l[0]), 0);
	peer_new(1000);
	s = fx_established();
	peer_new(1001);
	tx(SYN, 0, 0, 0);
	expect(SYN | ACK, 0, 1, 0);
	one_more(2000, false);
	advance_us(20 * MS);
	one_more(2001, true); /* none did since */
	sock_abort(s);
	run();
	rx_flush();
	peer_new(1002);
	fx_established();
	one_more(2002, false); /* one did, at once */
	advance_us(20 * MS);
	one_more(2003, false); /* and it counts until the next look */
	advance_us(20 * MS);
	one_more(2004, true);
	CHECK_EQ(STAT(CONN_POOL_EMPTY), 3);
	CHECK_EQ(STAT(DROP_LISTEN), 3);
	CHECK_EQ(STAT(COOKIES_SENT), 2);
}

static void
test_claims_cookie(void)
{
	claims(TERN_COOKIE_AUTO);
	expect(SYN | ACK, 0, 1, 0);
	CHECK_EQ(STAT(COOKIES_SENT), 1);
	CHECK_EQ(STAT(REQQ_FULL_COOKIES), 1);
	tx(ACK, 1, 1, 0); /* it came first */
	CHECK(sock_accept(&bed.n[0]) != NULL);
	CHECK_EQ(STAT(CONN_POOL_EMPTY), 0);
}

/* An active open heeds no claims: whose connection it took is answered by RST, or not at all. */
static void
test_claim_taken(void)
{
	struct sock *s;

	bed.conf.max_conns = 1;
	bed_start();
	CHECK_EQ(node_listen(&bed.n[0], SRV_PORT, 16, &bed.n[0].l[0]), 0);
	peer_new(1000);
	tx(SYN, 0, 0, 0);
	expect(SYN | ACK, 0, 1, 0);
	CHECK_EQ(node_connect(9000, 0, &s), 0);
	run();
	rx_flush();
	tx(ACK, 1, 1, 0);
	CHECK(sock_accept(&bed.n[0]) == NULL);
	CHECK_EQ(STAT(CONN_POOL_EMPTY), 1);
	while (rx_peek()) /* dropped, or reset so that the peer knows; never a connection */
		CHECK(rx()->flags & RST);
}

static void
test_requests(void)
{
	bed.conf.max_requests = 8;
	bed.conf.tcp.cookie_mode = TERN_COOKIE_NEVER;
	bed_start();
	CHECK_EQ(node_listen(&bed.n[0], SRV_PORT, 1, &bed.n[0].l[0]), 0);
	for (unsigned int i = 0; i < 8; i++) {
		peer_new(1000 + i);
		tx(SYN, 0, 0, 0);
		expect(SYN | ACK, 0, 1, 0);
	}
	CHECK_EQ(W->requests.avail, 0);
	peer_new(2000);
	tx(SYN, 0, 0, 0);
	expect_silence();
	CHECK_EQ(STAT(DROP_LISTEN), 1);
	tx(SYN, 0, 0, 0);
	CHECK_EQ(STAT(DROP_LISTEN), 2);
	expect_silence();
	for (unsigned int i = 0; i < 70; i++) {
		advance_us(SEC);
		rx_flush();
	}
	tx(SYN, 0, 0, 0);
	expect(SYN | ACK, 0, 1, 0);
}

/* No mbuf to send from: nothing is lost, it is sent when there are some again. */
static void
test_mbufs_send(void)
{
	struct sock *s = fx_established();
	ssize_t n;

	mbufs_take(0);
	n = sock_send(s, 1000);
	CHECK_EQ(n, -ENOBUFS);
	CHECK(STAT(MBUF_EMPTY) >= 1);
	run();
	expect_silence();
	mbufs_give();
	advance_us(1000);
	CHECK_EQ(sock_send(s, 1000), 1000);
	run();
	expect(ACK | PSH, 1, 1, 1000);
	tx(ACK, 1, 1001, 0);
	CHECK_EQ(tern_send_queued(s->c), 0);
}

/* Without mbufs a pass does not ask each of many connections in vain; all of them send when there are some again. */
static void
test_mbufs_many(void)
{
	enum { MANY = 60, ASKED = 32 };
	struct sock *s[MANY];
	uint64_t before;

	for (unsigned int i = 0; i < MANY; i++) {
		peer_new(1000 + i);
		s[i] = fx_established();
	}
	for (unsigned int i = 0; i < MANY; i++)
		CHECK_EQ(sock_send(s[i], 100), 100);
	mbufs_take(0);
	before = STAT(MBUF_EMPTY);
	worker_run(W);
	CHECK_EQ(STAT(MBUF_EMPTY) - before, ASKED);
	worker_run(W); /* others are asked first now */
	CHECK_EQ(STAT(MBUF_EMPTY) - before, 2 * ASKED);
	run();
	expect_silence();
	mbufs_give();
	for (unsigned int n = 0; n < MANY; n++) {
		run();
		CHECK_EQ(rx()->len, 100);
	}
	expect_silence();
}

/* The last part of the mbufs is not for data: what it is acknowledged with must find one. */
static void
test_mbufs_reserve(void)
{
	struct sock *s = fx_established();

	mbufs_take(bed.n[0].mp->size / 8 - 1);
	advance_us(1000);
	CHECK_EQ(sock_send(s, 1000), 256); /* a small one of its own */
	CHECK_EQ(sock_send(s, 1000), -ENOBUFS);
	run();
	expect(ACK | PSH, 1, 1, 256);
	tx(ACK, 1, 257, 0);
	CU_ASSERT_PTR_NULL(tern_mbuf_alloc(W));
	CHECK(rte_mempool_avail_count(bed.n[0].mp) > 0);
	s->auto_read = true; /* what nobody reads could not stay */
	tx(ACK | PSH, 1, 257, 100);
	expect_after(ACK, 257, 101, 0, 40000); /* delayed */
	mbufs_give();
	advance_us(1000); /* the worker counts them once a millisecond */
	CHECK_EQ(sock_send(s, 1000), 1000);
	run();
	expect(ACK | PSH, 257, 101, 1000);
	tx(ACK, 101, 1257, 0);
}

/* Somebody keeps nearly all of them: connections go on with a small one each, a round trip after the other. */
static void
test_mbufs_scarce(void)
{
	struct sock *s = fx_established();
	uint32_t una = 1;

	peer.wnd = 65535;
	mbufs_take(W->mbufs.pool->size / 20);
	advance_us(2 * MS);
	for (unsigned int i = 0; i < 20; i++) {
		const uint32_t at = s->tx_pos;

		CHECK(sock_send(s, 10000) > 0);
		CHECK_EQ(s->tx_pos - at, 256);
		CHECK_EQ(sock_send(s, 10000), -ENOBUFS);
		run();
		una = s->tx_pos;
		tx(ACK, 1, una, 0);
		rx_flush();
		CHECK_EQ(tern_send_queued(s->c), 0);
	}
	CHECK(STAT(MBUF_EMPTY) >= 20);
	mbufs_give();
	advance_us(2 * MS);
	CHECK_EQ(sock_send(s, 10000), 10000);
	run();
	tx(ACK, 1, una + 10000, 0);
	rx_flush();
}

/* Data taken, headers can't be had. */
static void
test_mbufs_output(void)
{
	struct sock *s = fx_established();

	CHECK_EQ(sock_send(s, 5000), 5000);
	mbufs_take(0);
	run();
	rx_flush();
	mbufs_give();
	for (unsigned int i = 0; i < 100 && tern_send_queued(s->c); i++) {
		advance_us(100 * MS);
		while (rx_peek()) {
			const struct frame *f = rx();

			peer.tern_una = RTE_MAX(peer.tern_una, f->seq - peer.irs + f->len);
		}
		tx(ACK, 1, peer.tern_una, 0);
	}
	CHECK_EQ(tern_send_queued(s->c), 0);
	CHECK_EQ(peer.tern_una, 5001);
}

/* A SYN timer without mbufs goes on counting; the SYN is sent later. */
static void
test_mbufs_connect(void)
{
	struct sock *s;

	bed_start();
	peer.tern_port = 5000;
	mbufs_take(0);
	CHECK_EQ(node_connect(peer.port, 5000, &s), 0);
	run();
	expect_silence();
	mbufs_give();
	expect_at(SYN, 0, 0, 0, 0, 4 * SEC);
	tx(SYN | ACK, 0, 1, 0);
	CHECK_EQ(s->connected, 1);
}

/* A FIN, an RST, an ACK and a SYN-ACK without mbufs: the connection still ends. */
static void
test_mbufs_close(void)
{
	struct sock *s = fx_established();

	mbufs_take(0);
	sock_close(s);
	expect_silence_for(2 * SEC);
	mbufs_give();
	expect_at(FIN | ACK, 1, 1, 0, 0, 10 * SEC);
	tx(FIN | ACK, 1, 2, 0);
	expect_at(ACK, 2, 2, 0, 0, SEC);
	peer_new(1000);
	s = fx_established();
	mbufs_take(0);
	sock_abort(s);
	run();
	mbufs_give();
	advance_us(SEC);
	rx_flush();
	CHECK_EQ(W->conns.avail, W->conns.total);
}

/* Received data is held by mbufs of the pool: with all in queues reception stops, reading revives it. */
static void
test_mbufs_received(void)
{
	struct sock *s[3];
	struct peer p[3];

	bed.conf.tcp.rcv_buf = 65536;
	for (unsigned int i = 0; i < 3; i++) {
		peer_new(1000 + i);
		s[i] = fx_established();
		p[i] = peer;
	}
	mbufs_take(40);
	for (unsigned int k = 0; k < 100; k++)
		for (unsigned int i = 0; i < 3; i++) {
			peer = p[i];
			tx(ACK, p[i].nxt, 1, 1000);
			while (rx_peek()) {
				const struct frame *f = rx();

				if (f->dport == 1000 + i)
					p[i].nxt = RTE_MAX(p[i].nxt, f->ack - peer.iss);
			}
		}
	for (unsigned int i = 0; i < 3; i++)
		sock_recv_all(s[i]);
	run();
	mbufs_give();
	rx_flush();
	for (unsigned int i = 0; i < 3; i++) {
		peer = p[i];
		peer.nxt = s[i]->rx_pos;
		tx(ACK, peer.nxt, 1, 500);
		CHECK_EQ(sock_recv_all(s[i]), 500);
	}
	rx_flush();
}

/* A full listener table and closed listeners give their places back. */
static void
test_listeners(void)
{
	bed_start();
	for (unsigned int round = 0; round < 10; round++) {
		for (unsigned int i = 0; i < 4; i++)
			CHECK_EQ(node_listen(&bed.n[0], 100 + i, 1, &bed.n[0].l[i]), 0);
		for (unsigned int i = 0; i < 4; i++) {
			tern_listener_close(bed.n[0].l[i]);
			bed.n[0].l[i] = NULL;
		}
	}
	CHECK_EQ(W->listeners.reserved_requests, 0);
}

/* More peers than neighbour entries: those without one are refused cleanly, held ones are never evicted. */
static void
test_neighbours(void)
{
	unsigned int ok = 0;
	struct sock *s;

	bed.conf.max_neighbours = 4;
	bed_start();
	for (unsigned int i = 0; i < 10; i++) {
		struct tern_endpoint r;

		peer_addr(&r, 9000);
		r.addr[bed.af == 4 ? 3 : 15] = 10 + i;
		s = sock_new(&bed.n[0]);
		if (tern_connect(TW_(&bed.n[0]), NULL, &r, &sock_ops, s, &s->c) == 0)
			ok++;
		else
			s->c = NULL;
	}
	CHECK(ok >= 1 && ok <= 4);
	CHECK(STAT(NEIGH_FULL) >= 1);
	CHECK_EQ(W->conns.total - W->conns.avail, ok);
	run();
	rx_flush();
}

/* What a passive open took is given back when it finds no neighbour: its listener's linger time has memory of its
 * own. */
static void
test_neighbours_passive(void)
{
	bed.conf.max_neighbours = 2;
	fx_listen();
	CHECK_EQ(tern_listen_setopt(bed.n[0].l[0], TERN_OPT_LINGER_MS, 1000), 0);
	for (unsigned int i = 0; i < 5; i++) {
		peer_new(40000 + i);
		peer.addr_lo = 10 + i;
		tx(SYN, 0, 0, 0);
		expect(SYN | ACK, 0, 1, 0);
		tx(ACK, 1, 1, 0);
	}
	CHECK(STAT(NEIGH_FULL) >= 1);
	CHECK_EQ(W->rares.total - W->rares.avail, W->conns.total - W->conns.avail);
	rx_flush();
}

/* All pools tiny, everything at once, at random; bed_down() counts. */
static void
test_churn(void)
{
	bed.conf.max_conns = 8;
	bed.conf.max_requests = 8;
	bed.conf.max_timewait = 4;
	bed.conf.max_portsets = 2;
	bed.conf.tcp.time_wait_ms = 500;
	bed_start_pair();
	bed.n[1].auto_accept = true;
	for (unsigned int k = 0; k < 2; k++) {
		bed.dir[k].delay_us = 3 * MS;
		bed.dir[k].profile = "loss=5%,dup=2%,reorder=5%/2ms";
	}
	CHECK_EQ(node_listen(&bed.n[1], SRV_PORT, 4, &bed.n[1].l[0]), 0);
	for (unsigned int i = 0; i < 5000; i++) {
		struct sock *s = &bed.n[0].s[harness_rand() % RTE_DIM(bed.n[0].s)];

		switch (harness_rand() % 8) {
		case 0 ... 2:
			node_connect(SRV_PORT, 0, &s);
			break;
		case 3:
			if (s->c)
				sock_close(s);
			break;
		case 4:
			if (s->c)
				sock_abort(s);
			break;
		case 5:
			if (s->c)
				tern_shutdown(s->c, TERN_SHUT_WR);
			break;
		default:
			if (s->c && s->connected)
				sock_send(s, harness_rand() % 5000);
		}
		if (i % 100 == 0)
			mbufs_take(harness_rand() % 64);
		if (i % 100 == 10)
			mbufs_give();
		advance_us(harness_rand() % (20 * MS));
	}
	mbufs_give();
	CHECK(bed.n[1].w->stats[STAT_ACCEPTED] > 20);
}

int
main(int argc, char **argv)
{
	static CU_TestInfo tests[] = {
		{"connections", test_conns},
		{"claims", test_claims},
		{"claims and cookies", test_claims_cookie},
		{"all spoken for", test_spoken_for},
		{"a claim taken", test_claim_taken},
		{"requests", test_requests},
		{"mbufs: many", test_mbufs_many},
		{"mbufs: send", test_mbufs_send},
		{"mbufs: reserve", test_mbufs_reserve},
		{"mbufs: scarce", test_mbufs_scarce},
		{"mbufs: output", test_mbufs_output},
		{"mbufs: connect", test_mbufs_connect},
		{"mbufs: close", test_mbufs_close},
		{"mbufs: all received", test_mbufs_received},
		{"listeners", test_listeners},
		{"neighbours", test_neighbours},
		{"neighbours of passive opens", test_neighbours_passive},
		{"churn", test_churn},
		CU_TEST_INFO_NULL,
	};

	return harness_main(argc, argv, "pools", tests);
}
