/* SPDX-License-Identifier: BSD-3-Clause */
/* Active opens: RFC 9293 3.5, 3.8.3 (R2), 3.10.1, RFC 6298 5.7, RFC 6056. */
#include "harness.h"

static void
test_handshake(void)
{
	const struct frame *f;
	struct sock *s;

	bed_start();
	peer.tern_port = 5000;
	CHECK_EQ(node_connect(peer.port, 5000, &s), 0);
	run();
	f = expect(SYN, 0, 0, 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	CHECK_EQ(f->mss, bed.af == 4 ? 1460 : 1440);
	CHECK(f->ws >= 0 && f->sack_ok && f->has_ts);
	CHECK_EQ(f->tsecr, 0);
	peer.ws = 5;
	peer.sack = peer.ts = true;
	tx(SYN | ACK, 0, 1, 0);
	f = expect(ACK, 1, 1, 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	CHECK(f->has_ts && f->tsecr == peer.tsval);
	CHECK_EQ(s->connected, 1);
	CHECK_EQ(sock_state(s), TERN_ESTABLISHED);
	CHECK_EQ(STAT(ACTIVE_OPENS), 1);
	expect_silence_for(10 * SEC);
	CHECK_EQ(sock_send(s, 100), 100);
	run();
	expect(ACK | PSH, 1, 1, 100);
}

/* SYNs at 0, 1, 3, 7, 15, 31, 63, 123 s (RTO max 60 s); given up at R2, at least 180 s (MUST-23). */
static void
test_timeout(void)
{
	static const uint64_t at_s[] = {1, 3, 7, 15, 31, 63, 123};
	struct sock *s = fx_syn_sent();
	const uint64_t start = bed.now_us;

	for (unsigned int i = 0; i < RTE_DIM(at_s); i++) {
		const uint64_t due = start + at_s[i] * SEC - bed.now_us;

		expect_at(SYN, 0, 0, 0, due, due + (i + 1) * SLACK_US);
	}
	expect_silence_for(start + 180 * SEC - TICK_US - bed.now_us);
	CHECK_EQ(s->closed, 0);
	advance_us(60 * SEC);
	CHECK_EQ(s->closed, 1);
	CHECK_EQ(s->err, -ETIMEDOUT);
	rx_flush();
	expect_silence_for(200 * SEC);
	CHECK_EQ(STAT(ATTEMPT_FAILS), 1);
}

static void
test_syn_timeout_conf(void)
{
	struct sock *s;

	bed.conf.tcp.syn_timeout_ms = 5000;
	s = fx_syn_sent();
	advance_us(4999 * MS);
	CHECK_EQ(s->closed, 0);
	advance_us(3000 * MS);
	CHECK_EQ(s->closed, 1);
	CHECK_EQ(s->err, -ETIMEDOUT);
	CHECK_EQ(rx_flush(), 2); /* at 1 and 3 s */
}

static void
test_refused(void)
{
	struct sock *s = fx_syn_sent();

	tx(RST | ACK, 0, 2, 0); /* acknowledges what was never sent */
	expect_silence();
	CHECK_EQ(s->closed, 0);
	tx(RST | ACK, 0, 1, 0);
	expect_silence_for(10 * SEC);
	CHECK_EQ(s->closed, 1);
	CHECK_EQ(s->err, -ECONNREFUSED);
	CHECK_EQ(s->connected, 0);
	CHECK_EQ(STAT(ATTEMPT_FAILS), 1);
}

/* A SYN-ACK of an old connection is reset; the SYN goes on and succeeds (RFC 9293 figure 9). */
static void
test_old_duplicate(void)
{
	struct sock *s = fx_syn_sent();

	tx(SYN | ACK, 5000, 77, 0);
	expect(RST, 77, 0, 0);
	CHECK_EQ(sock_state(s), TERN_SYN_SENT);
	tx(SYN | ACK, 0, 1, 0);
	expect(ACK, 1, 1, 0);
	CHECK_EQ(s->connected, 1);
}

/* RFC 9293 figure 8. */
static void
test_simultaneous(void)
{
	struct sock *s = fx_syn_received();

	CHECK_EQ(s->connected, 0);
	tx(SYN | ACK, 0, 1, 0); /* may need an ACK, may be taken as one */
	rx_flush();
	tx(ACK, 1, 1, 0);
	expect_silence();
	CHECK_EQ(s->connected, 1);
	CHECK_EQ(sock_state(s), TERN_ESTABLISHED);
	tx(ACK, 1, 1, 10);
	CHECK_EQ(sock_recv_all(s), 10);
}

/* Text on the SYN of a simultaneous open is queued until ESTABLISHED: 3.10.7.3. It is there once, also if the SYN
 * comes again. */
static void
test_simultaneous_text(void)
{
	struct sock *s = fx_syn_sent();

	tx(SYN, 0, 0, 100);
	expect(SYN | ACK, 0, 1, 0);
	CHECK_EQ(s->readable, 0);
	CHECK_EQ(tern_recv_queued(s->c), 0);
	tx(ACK, 101, 1, 0);
	CHECK_EQ(sock_state(s), TERN_ESTABLISHED);
	CHECK_EQ(sock_recv_all(s), 100);
	expect_at(ACK, 1, 101, 0, 0, 500 * MS);
	tx(ACK, 101, 1, 10);
	CHECK_EQ(sock_recv_all(s), 10);
	rx_flush();
}

/* The same, and the end before it is read: nothing is left behind. */
static void
test_simultaneous_text_reset(void)
{
	struct sock *s = fx_syn_sent();

	tx(SYN, 0, 0, 100);
	expect(SYN | ACK, 0, 1, 0);
	tx(RST | ACK, 1, 1, 0);
	CHECK_EQ(s->closed, 1);
	CHECK_EQ(s->err, -ECONNREFUSED);
	expect_silence_for(10 * SEC);
}

static void
test_simultaneous_pair(void)
{
	struct tern_endpoint l, r;
	struct sock *a, *b;

	bed_start_pair();
	bed.dir[0].delay_us = bed.dir[1].delay_us = 10 * MS;
	CHECK_EQ(node_connect(7000, 7001, &a), 0);
	b = sock_new(&bed.n[1]);
	peer_addr(&l, 7000);
	tern_addr(&r, 7001);
	CHECK_EQ(tern_connect(TW_(&bed.n[1]), &l, &r, &sock_ops, b, &b->c), 0);
	advance_us(5 * SEC);
	CHECK_EQ(a->connected, 1);
	CHECK_EQ(b->connected, 1);
	CHECK_EQ(sock_send(a, 1000), 1000);
	CHECK_EQ(sock_send(b, 1000), 1000);
	advance_us(SEC);
	CHECK_EQ(sock_recv_all(a), 1000);
	CHECK_EQ(sock_recv_all(b), 1000);
}

/* In SYN-RECEIVED of a simultaneous open the SYN-ACK is what is retransmitted. */
static void
test_simultaneous_retransmission(void)
{
	fx_syn_received();
	expect_at(SYN | ACK, 0, 1, 0, 100 * MS, 3 * SEC + SLACK_US);
	expect_at(SYN | ACK, 0, 1, 0, 100 * MS, 6 * SEC + SLACK_US);
}

/* After a retransmitted SYN the RTT sample is void (Karn) and the RTO for data is 3 s (RFC 6298 5.7). */
static void
test_rto_after_syn_loss(void)
{
	struct sock *s = fx_syn_sent();

	expect_after(SYN, 0, 0, 0, SEC);
	tx(SYN | ACK, 0, 1, 0);
	expect(ACK, 1, 1, 0);
	CHECK_EQ(sock_send(s, 10), 10);
	run();
	expect(ACK, 1, 1, 10);
	expect_after(ACK, 1, 1, 10, 3 * SEC);
}

static void
test_syn_ack_with_data(void)
{
	struct sock *s = fx_syn_sent();
	const struct frame *f;

	tx(SYN | ACK, 0, 1, 100);
	CHECK_EQ(s->connected, 1);
	f = rx();
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	CHECK_EQ(f->flags & ~PSH, ACK);
	CHECK(f->ack == peer.iss + 1 || f->ack == peer.iss + 101);
	tx(ACK, 1, 1, 100);
	CHECK_EQ(sock_recv_all(s), 100);
}

/* Data of a SEND in SYN-SENT follows the handshake (RFC 9293 3.10.2); a reset takes it along. */
static void
test_early_send(void)
{
	struct sock *s = fx_syn_sent();

	CHECK_EQ(sock_send(s, 700), 700);
	run();
	expect_silence();
	expect_after(SYN, 0, 0, 0, SEC);
	tx(SYN | ACK, 0, 1, 0);
	expect(ACK | PSH, 1, 1, 700);
	tx(ACK, 1, 701, 0);
	CHECK_EQ(tern_send_queued(s->c), 0);
	expect_silence_for(100 * SEC);
	bed_down();
	bed_reset(bed.af);
	s = fx_syn_sent();
	CHECK_EQ(sock_send(s, 700), 700);
	tx(RST | ACK, 0, 1, 0);
	CHECK_EQ(s->closed, 1);
	CHECK_EQ(s->err, -ECONNREFUSED);
}

static void
test_errors(void)
{
	struct tern_endpoint l, r, e;
	struct tern_conn *c = NULL;
	struct sock *s;

	bed_start();
	CHECK_EQ(node_connect(0, 0, &s), -EINVAL);
	tern_addr(&l, 0);
	peer_addr(&r, 80);
	e = r;
	memset(e.addr, bed.af == 4 ? 0xe0 : 0xff, 16); /* multicast (MUST-46) */
	CHECK_EQ(tern_connect(TW_(&bed.n[0]), &l, &e, &sock_ops, s, &c), -EINVAL);
	memset(e.addr, 0, 16); /* unspecified */
	CHECK_EQ(tern_connect(TW_(&bed.n[0]), &l, &e, &sock_ops, s, &c), -EINVAL);
	if (bed.af == 4) {
		memset(e.addr, 0xff, 4); /* limited broadcast */
		CHECK_EQ(tern_connect(TW_(&bed.n[0]), &l, &e, &sock_ops, s, &c), -EINVAL);
		e = r;
		e.addr[3] = 255; /* the subnet's broadcast */
		CHECK_EQ(tern_connect(TW_(&bed.n[0]), &l, &e, &sock_ops, s, &c), -EINVAL);
	}
	e = r;
	if (bed.af == 4)
		memcpy(e.addr, (uint8_t[]){198, 51, 100, 1}, 4); /* off link, no gateway */
	else
		e.addr[4] = 9;
	CHECK_EQ(tern_connect(TW_(&bed.n[0]), NULL, &e, &sock_ops, s, &c), -ENETUNREACH);
	peer_addr(&l, 0); /* not ours */
	CHECK_EQ(tern_connect(TW_(&bed.n[0]), &l, &r, &sock_ops, s, &c), -EADDRNOTAVAIL);
	e = r;
	e.af = 7;
	CHECK_EQ(tern_connect(TW_(&bed.n[0]), NULL, &e, &sock_ops, s, &c), -EINVAL);
	run();
	expect_silence_for(10 * SEC);
	CHECK_EQ(W->conns.avail, W->conns.total);
}

/* There is no loopback: an own address is refused cleanly rather than asked for on the wire. */
static void
test_own_address(void)
{
	struct tern_endpoint r;
	struct tern_conn *c = NULL;
	struct sock *s;

	fx_listen();
	s = sock_new(&bed.n[0]);
	tern_addr(&r, SRV_PORT);
	CHECK(tern_connect(TW_(&bed.n[0]), NULL, &r, &sock_ops, s, &c) < 0);
	run();
	expect_silence_for(10 * SEC);
}

static void
test_explicit_port_in_use(void)
{
	struct sock *a, *b;

	bed_start();
	CHECK_EQ(node_connect(9000, 5000, &a), 0);
	CHECK_EQ(node_connect(9000, 5000, &b), -EADDRINUSE);
	CHECK_EQ(node_connect(9001, 5000, &b), 0); /* another peer port: another tuple */
	run();
}

/* Four ports: the fifth connect fails at once, and again works when one is given back. */
static void
test_port_exhaustion(void)
{
	struct sock *s[5];

	bed.conf.tcp.port_min = 10000;
	bed.conf.tcp.port_max = 10003;
	bed_start();
	for (unsigned int i = 0; i < 4; i++)
		CHECK_EQ(node_connect(9000, 0, &s[i]), 0);
	CHECK_EQ(node_connect(9000, 0, &s[4]), -EADDRNOTAVAIL);
	CHECK_EQ(STAT(PORTS_EXHAUSTED), 1);
	CHECK_EQ(node_connect(9001, 0, &s[4]), 0); /* ports are per peer */
	sock_abort(s[4]);
	sock_abort(s[2]);
	run();
	CHECK_EQ(node_connect(9000, 0, &s[2]), 0);
	CHECK_EQ(node_connect(9000, 0, &s[4]), -EADDRNOTAVAIL);
	run();
	rx_flush();
}

/* Different ports all the time, all within the range. */
static void
test_port_choice(void)
{
	uint16_t seen[32];
	struct tern_info inf;
	struct sock *s;

	bed.conf.tcp.port_min = 20000;
	bed.conf.tcp.port_max = 29999;
	bed_start();
	for (unsigned int i = 0; i < RTE_DIM(seen); i++) {
		CHECK_EQ(node_connect(9000, 0, &s), 0);
		tern_conn_info(s->c, &inf, sizeof(inf));
		seen[i] = ntohs(inf.local.port);
		CHECK(seen[i] >= 20000 && seen[i] <= 29999);
		for (unsigned int k = 0; k < i; k++)
			CHECK(seen[k] != seen[i]);
	}
	for (unsigned int i = 0, same = 0; i < 8; i++) { /* where the search starts is no secret shared by peers
							  * (3.3.3) */
		CHECK_EQ(node_connect(9001 + i, 0, &s), 0);
		tern_conn_info(s->c, &inf, sizeof(inf));
		same += abs((int)ntohs(inf.local.port) - seen[0]) < 40;
		CHECK(same <= 2);
	}
}

/* A port in TIME-WAIT is not chosen until 2 MSL have passed. */
static void
test_port_in_timewait(void)
{
	struct sock *s;

	bed.conf.tcp.port_min = bed.conf.tcp.port_max = 5000;
	s = fx_connected();
	sock_close(s);
	expect(FIN | ACK, 1, 1, 0);
	tx(FIN | ACK, 1, 2, 0);
	expect(ACK, 2, 2, 0);
	CHECK_EQ(state_now(), TERN_TIME_WAIT);
	CHECK_EQ(node_connect(peer.port, 0, &s), -EADDRNOTAVAIL);
	advance_us(59 * SEC);
	CHECK_EQ(node_connect(peer.port, 0, &s), -EADDRNOTAVAIL);
	advance_us(2 * SEC);
	CHECK_EQ(node_connect(peer.port, 0, &s), 0);
	run();
	rx_flush();
}

static void
test_portset_exhaustion(void)
{
	struct sock *s;

	bed.conf.max_portsets = 4;
	bed_start();
	for (unsigned int i = 0; i < 4; i++)
		CHECK_EQ(node_connect(9000 + i, 0, &s), 0);
	CHECK(node_connect(9100, 0, &s) < 0);
	CHECK_EQ(W->conns.total - W->conns.avail, 4);
	run();
	rx_flush();
}

static void
test_conn_pool(void)
{
	struct sock *s;

	bed.conf.max_conns = 4;
	bed_start();
	for (unsigned int i = 0; i < 4; i++)
		CHECK_EQ(node_connect(9000, 0, &s), 0);
	CHECK_EQ(node_connect(9000, 0, &s), -ENOMEM);
	CHECK_EQ(STAT(CONN_POOL_EMPTY), 1);
	sock_abort(&bed.n[0].s[0]);
	run();
	CHECK_EQ(node_connect(9000, 0, &s), 0);
	run();
	rx_flush();
}

/* Nobody answers ARP or NS: no SYN leaves, the connect ends in an error that says so, no packet stays in a queue. */
static void
test_no_neighbour(void)
{
	struct tern_info inf;
	struct sock *s;

	bed.arp_mute = true;
	bed_start();
	CHECK_EQ(node_connect(peer.port, 5000, &s), 0);
	expect_silence_for(100 * MS);
	tern_conn_info(s->c, &inf, sizeof(inf));
	CHECK_EQ(inf.soft_err, -EHOSTUNREACH);
	expect_silence_for(2800 * MS);
	CHECK_EQ(s->closed, 0);
	expect_silence_for(200 * MS); /* three questions, a second each, as with Linux */
	CHECK_EQ(s->closed, 1);
	CHECK_EQ(s->err, -EHOSTUNREACH);
	CHECK_EQ(rte_mempool_avail_count(bed.n[0].mp), bed.n[0].mbufs);
}

/* ARP answers late: the SYN that waited is sent. */
static void
test_late_neighbour(void)
{
	struct tern_info inf;
	struct sock *s;

	bed.arp_mute = true;
	bed_start();
	peer.tern_port = 5000;
	CHECK_EQ(node_connect(peer.port, 5000, &s), 0);
	expect_silence_for(500 * MS);
	bed.arp_mute = false;
	expect_at(SYN, 0, 0, 0, 0, 3 * SEC);
	rx_flush();
	tern_conn_info(s->c, &inf, sizeof(inf));
	CHECK_EQ(inf.soft_err, 0);
	tx(SYN | ACK, 0, 1, 0);
	CHECK_EQ(s->connected, 1);
}

int
main(int argc, char **argv)
{
	static CU_TestInfo tests[] = {
		{"handshake", test_handshake},
		{"SYN retransmission and R2", test_timeout},
		{"configured R2", test_syn_timeout_conf},
		{"refused", test_refused},
		{"old duplicate SYN-ACK", test_old_duplicate},
		{"simultaneous open", test_simultaneous},
		{"simultaneous open with text", test_simultaneous_text},
		{"simultaneous open with text, reset", test_simultaneous_text_reset},
		{"simultaneous open of two terns", test_simultaneous_pair},
		{"retransmission in a simultaneous open", test_simultaneous_retransmission},
		{"RTO after a lost SYN", test_rto_after_syn_loss},
		{"SYN-ACK with data", test_syn_ack_with_data},
		{"data before the handshake is done", test_early_send},
		{"errors of connect", test_errors},
		{"own address", test_own_address},
		{"explicit port in use", test_explicit_port_in_use},
		{"port exhaustion", test_port_exhaustion},
		{"port choice", test_port_choice},
		{"port in TIME-WAIT", test_port_in_timewait},
		{"portset exhaustion", test_portset_exhaustion},
		{"connection pool empty", test_conn_pool},
		{"no neighbour", test_no_neighbour},
		{"late neighbour", test_late_neighbour},
		CU_TEST_INFO_NULL,
	};

	return harness_main(argc, argv, "client", tests);
}
