/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What an application may ask about connections, listeners and counters.
 */
#include "stack/engine.h"
#include "harness.h"

static struct tern_info
info_of(const struct sock *s)
{
	struct tern_info i;

	CHECK_EQ(tern_conn_info(s->c, &i, sizeof(i)), sizeof(i));
	return i;
}

/* --- connections -------------------------------------------------------------------------------------------------- */

static void
test_bytes(void)
{
	struct sock *s;
	struct tern_info i;

	bed.conf.tcp.snd_buf = bed.conf.tcp.snd_buf_max = 50000;
	peer.wnd = 1000;
	s = fx_established();
	i = info_of(s);
	CHECK(!i.bytes_sent && !i.bytes_acked && !i.bytes_received && !i.unsent && !i.unacked && !i.unread &&
	      !i.unacked_ms);
	CHECK_EQ(i.state, TERN_ESTABLISHED);
	CHECK_EQ(i.kind, TERN_INFO_CONN);
	CHECK_EQ(ntohs(i.local.port), SRV_PORT);
	CHECK_EQ(ntohs(i.remote.port), peer.port);
	CHECK_EQ(i.local.af, bed.af);
	CHECK_EQ(i.snd_buf, 50000);
	CHECK_EQ(i.snd_wnd, 1000);
	CHECK_EQ(i.mss, peer.mss);
	CHECK_EQ(i.last_data_ms, UINT32_MAX);
	CHECK_EQ(i.timer, TERN_WAIT_NONE);
	CHECK_EQ(sock_send(s, 1500), 1500);
	i = info_of(s);
	CHECK_EQ(i.unsent, 1500);
	run();
	rx_flush();
	i = info_of(s);
	CHECK_EQ(i.bytes_sent, 1000);
	CHECK_EQ(i.in_flight, 1000);
	CHECK_EQ(i.unacked, 1000);
	CHECK_EQ(i.unsent, 500);
	CHECK_EQ(i.timer, TERN_WAIT_RETRANSMIT);
	CHECK_EQ(i.timer_ms, (i.rto_us + 999) / 1000);
	advance_us(30 * MS);
	CHECK_EQ(info_of(s).unacked_ms, 30);
	peer.wnd = 65535;
	tx(ACK, 1, 1001, 0);
	rx_flush();
	tx(ACK | PSH, 1, 1501, 77);
	i = info_of(s);
	CHECK_EQ(i.bytes_sent, 1500);
	CHECK_EQ(i.bytes_acked, 1500);
	CHECK_EQ(i.bytes_received, 77);
	CHECK_EQ(i.unread, 77);
	CHECK(!i.unsent && !i.unacked && !i.in_flight && !i.unacked_ms);
	CHECK_EQ(i.segs_in, 3); /* the handshake's last, and these two */
	CHECK_EQ(i.segs_out, 2 + (i.mss < 1000)); /* 1000 and 500 bytes */
	CHECK_EQ(i.timer, TERN_WAIT_DELACK);
	CHECK_EQ(i.last_data_ms, 0);
	tx(ACK | PSH, 100, 1501, 10);
	CHECK_EQ(info_of(s).out_of_order, 10);
	CHECK_EQ(info_of(s).bytes_received, 77);
	CHECK_EQ(info_of(s).mbufs, 2);
	CHECK(info_of(s).account_mbufs == 2);
	tx(ACK | PSH, 78, 1501, 22);
	CHECK_EQ(info_of(s).bytes_received, 109);
	CHECK_EQ(sock_recv_all(s), 109);
	run();
	rx_flush();
	tx(ACK | FIN, 110, 1501, 0);
	CHECK_EQ(info_of(s).bytes_received, 109); /* a FIN is no byte */
	sock_shutdown(s);
	CHECK_EQ(info_of(s).bytes_sent, 1500);
	CHECK_EQ(info_of(s).bytes_acked, 1500);
	rx_flush();
}

/* The FIN that was acknowledged is not counted, either. */
static void
test_bytes_fin(void)
{
	struct sock *s = fx_established();

	sock_send(s, 10);
	sock_shutdown(s);
	rx_flush();
	CHECK_EQ(info_of(s).bytes_sent, 10);
	CHECK_EQ(info_of(s).unacked, 10);
	tx(ACK, 1, 12, 0);
	CHECK_EQ(info_of(s).state, TERN_FIN_WAIT_2);
	CHECK_EQ(info_of(s).bytes_sent, 10);
	CHECK_EQ(info_of(s).bytes_acked, 10);
	CHECK_EQ(info_of(s).unacked, 0);
}

static void
test_times(void)
{
	struct sock *s = fx_established();
	struct tern_info i;

	advance_us(100 * MS);
	i = info_of(s);
	CHECK_EQ(i.established_ms, 100);
	CHECK_EQ(i.last_rx_ms, 100);
	tx(ACK | PSH, 1, 1, 10);
	advance_us(50 * MS);
	rx_flush();
	tx(ACK, 11, 1, 0);
	advance_us(7 * MS);
	i = info_of(s);
	CHECK_EQ(i.established_ms, 157);
	CHECK_EQ(i.last_data_ms, 57);
	CHECK_EQ(i.last_rx_ms, 7);
}

/* A loss: what is sent again is counted, and the timer doubles. */
static void
test_retransmit(void)
{
	struct sock *s = fx_established();
	struct tern_info i;
	uint32_t rto;

	sock_send(s, 100);
	run();
	rx_flush();
	rto = info_of(s).rto_us;
	CHECK_EQ(info_of(s).retrans, 0);
	advance_us(rto + SLACK_US);
	rx_flush();
	i = info_of(s);
	CHECK_EQ(i.retrans, 1);
	CHECK_EQ(i.retries, 1);
	CHECK_EQ(i.backoff, 1);
	CHECK_EQ(i.rto_us, rto);
	CHECK_EQ(i.bytes_sent, 100);
	CHECK(i.timer_ms > rto / 1000 && i.timer_ms <= 2 * rto / 1000);
	tx(ACK, 1, 101, 0);
	CHECK_EQ(info_of(s).retries, 0);
	CHECK_EQ(info_of(s).retrans, 1);
}

static void
test_options(void)
{
	struct sock *s;
	struct tern_info i;

	peer.ts = peer.sack = true;
	peer.ws = 3;
	s = fx_established();
	i = info_of(s);
	CHECK_EQ(i.options, TERN_INFO_TIMESTAMPS | TERN_INFO_SACK | TERN_INFO_WSCALE);
	CHECK_EQ(i.snd_wscale, 3);
	CHECK_EQ(i.mss, peer.mss - 12);
	CHECK_EQ(strcmp(i.cc, "cubic"), 0);
}

/* SACK: what arrived behind a hole and what is lost. */
static void
test_sacked(void)
{
	struct sock *s;
	struct tern_info i;

	peer.sack = true;
	peer.mss = 1000;
	s = fx_established();
	CHECK_EQ(sock_send(s, 6000), 6000);
	run();
	rx_flush();
	CHECK_EQ(info_of(s).in_flight, 6000);
	CHECK_EQ(info_of(s).min_rtt_us != 0, info_of(s).srtt_us != 0);
	CHECK(info_of(s).srtt_us != 0);
	CHECK_EQ(info_of(s).send_rate, (uint64_t)s->c->cwnd * SEC / s->c->srtt_us);
	advance_us(20 * MS);
	peer.optlen = 12;
	memcpy(peer.opt, (const uint8_t[]){1, 1, 5, 10}, 4);
	((uint32_t *)(void *)peer.opt)[1] = htonl(peer.irs + 1001);
	((uint32_t *)(void *)peer.opt)[2] = htonl(peer.irs + 5001);
	tx(ACK, 1, 1, 0);
	rx_flush();
	i = info_of(s);
	CHECK_EQ(i.sacked, 4000);
	CHECK_EQ(i.lost, 1000);
	CHECK_EQ(i.unacked, 6000);
	CHECK(i.min_rtt_us && i.min_rtt_us <= 20 * MS + SLACK_US);
	tx(ACK, 1, 6001, 0);
	i = info_of(s);
	CHECK(!i.sacked && !i.lost && !i.in_flight);
}

static void
test_syn_sent(void)
{
	struct sock *s = fx_syn_sent();
	struct tern_info i = info_of(s);

	CHECK(!i.bytes_sent && !i.bytes_acked && !i.bytes_received && !i.established_ms && !i.last_rx_ms);
	CHECK_EQ(i.timer, TERN_WAIT_RETRANSMIT);
	CHECK_EQ(i.rcv_mss, bed.af == 4 ? 1460 : 1440);
	CHECK_EQ(i.options, 0);
	advance_us(10 * MS);
	CHECK_EQ(info_of(s).unacked_ms, 10);
	tx(SYN | ACK, 0, 1, 0);
	rx_flush();
	CHECK_EQ(info_of(s).established_ms, 0);
	advance_us(10 * MS);
	CHECK_EQ(info_of(s).established_ms, 10);
}

/* An application of another version of the header. */
static void
test_size(void)
{
	struct sock *s = fx_established();
	const struct tern_info all = info_of(s);
	uint8_t buf[sizeof(all) + 64];

	for (size_t size = 0; size <= sizeof(buf); size++) {
		const size_t known = RTE_MIN(size, sizeof(all));

		memset(buf, 0xa5, sizeof(buf));
		CHECK_EQ(tern_conn_info(s->c, (struct tern_info *)(void *)buf, size), known);
		CHECK_EQ(memcmp(buf, &all, known), 0);
		for (size_t i = known; i < sizeof(buf); i++)
			if (buf[i] != (i < size ? 0 : 0xa5))
				check_at(false, __FILE__, __LINE__, "size %zu: byte %zu is %x", size, i, buf[i]);
	}
}

static void
test_names(void)
{
	for (unsigned int i = 0; i <= TERN_WAIT_TIME_WAIT; i++)
		CHECK(strlen(tern_wait_name(i)) > 3);
	CHECK_EQ(strcmp(tern_wait_name(TERN_WAIT_TIME_WAIT + 1), "?"), 0);
}

/* --- walks -------------------------------------------------------------------------------------------------------- */

#define FIRST_PORT 50000
#define N_PEERS 40u
static unsigned int told[N_PEERS], handles;
static struct tern_info last[N_PEERS];

static void
tell(const struct tern_info *i, struct tern_conn *c, void *arg)
{
	const unsigned int k = ntohs(i->remote.port) - FIRST_PORT;

	CU_ASSERT_FATAL(k < N_PEERS);
	told[k]++;
	last[k] = *i;
	handles += c != NULL;
	if (arg && c)
		tern_abort(c);
}

/* Every object by its state, whoever holds it. */
static void
test_walk_kinds(void)
{
	uint32_t cursor = 0;
	struct sock *s;

	memset(told, 0, sizeof(told));
	handles = 0;
	fx_listen();
	peer_new(FIRST_PORT);
	fx_time_wait();
	peer_new(FIRST_PORT + 1);
	peer.ts = true;
	fx_half_open();
	peer_new(FIRST_PORT + 2);
	fx_half_open();
	tx(ACK, 1, 1, 0); /* not accepted yet */
	CHECK(!tern_conn_walk(W, &cursor, UINT32_MAX, tell, NULL));
	CHECK_EQ(cursor, 0);
	CHECK_EQ(handles, 0);
	CHECK(told[0] == 1 && told[1] == 1 && told[2] == 1);
	CHECK_EQ(last[0].kind, TERN_INFO_TIME_WAIT);
	CHECK_EQ(last[0].state, TERN_TIME_WAIT);
	CHECK_EQ(last[0].timer, TERN_WAIT_TIME_WAIT);
	CHECK(last[0].timer_ms > 59000 && last[0].timer_ms <= 60001);
	CHECK_EQ(last[0].local.af, bed.af);
	CHECK_EQ(last[1].kind, TERN_INFO_HALF_OPEN);
	CHECK_EQ(last[1].state, TERN_SYN_RECEIVED);
	CHECK_EQ(last[1].timer, TERN_WAIT_RETRANSMIT);
	CHECK(last[1].timer_ms > 0 && last[1].timer_ms <= 1001);
	CHECK_EQ(last[1].options, TERN_INFO_TIMESTAMPS);
	CHECK_EQ(last[1].mss, peer.mss);
	CHECK_EQ(last[2].kind, TERN_INFO_CONN);
	s = sock_accept(&bed.n[0]);
	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	CHECK(!tern_conn_walk(W, &cursor, UINT32_MAX, tell, NULL));
	CHECK_EQ(handles, 1);
	sock_close(s);
	rx_flush();
	CHECK(!tern_conn_walk(W, &cursor, UINT32_MAX, tell, NULL));
	CHECK_EQ(handles, 1); /* it was given up */
	CHECK(last[2].orphan);
}

/* In parts, while requests become connections and strangers come and go: each is told once. */
static void
test_walk_parts(void)
{
	static struct peer p[N_PEERS];
	uint32_t cursor = 0;
	unsigned int i, parts = 0;
	bool more = true;

	memset(told, 0, sizeof(told));
	bed_start();
	CU_ASSERT_EQUAL_FATAL(node_listen(&bed.n[0], SRV_PORT, N_PEERS, &bed.n[0].l[0]), 0);
	for (i = 0; i < N_PEERS; i++) {
		peer_new(FIRST_PORT + i);
		tx(SYN, 0, 0, 0);
		p[i] = peer;
	}
	for (; more && parts < 10000; parts++) {
		more = tern_conn_walk(W, &cursor, 1, tell, NULL);
		if (parts < N_PEERS) {
			peer = p[parts];
			tx(ACK, 1, 1, 0);
		}
	}
	rx_flush();
	CHECK(!more && parts > N_PEERS);
	CHECK_EQ(STAT(ESTABLISHED), N_PEERS);
	for (i = 0; i < N_PEERS; i++)
		check_at(told[i] == 1, __FILE__, __LINE__, "peer %u was told %u times", i, told[i]);
}

/* Whom it is told of may be reset at once. */
static void
test_walk_abort(void)
{
	uint32_t cursor = 0;
	struct sock *s[5];
	unsigned int i;

	memset(told, 0, sizeof(told));
	for (i = 0; i < 5; i++) {
		peer_new(FIRST_PORT + i);
		s[i] = fx_established();
		s[i]->c = NULL; /* aborted by the walk */
	}
	CHECK(!tern_conn_walk(W, &cursor, UINT32_MAX, tell, &cursor));
	run();
	CHECK_EQ(rx_flush(), 5);
	CHECK_EQ(W->table.count, 0);
	for (i = 0; i < 5; i++)
		CHECK_EQ(told[i], 1);
}

/* --- listeners ---------------------------------------------------------------------------------------------------- */

static void
test_listener_info(void)
{
	struct tern_listener_info i;
	struct sock *s;

	fx_half_open();
	CHECK_EQ(tern_listener_info(bed.n[0].l[0], &i, sizeof(i)), sizeof(i));
	CHECK_EQ(ntohs(i.local.port), SRV_PORT);
	CHECK_EQ(i.half_open, 1);
	CHECK_EQ(i.half_open_max, 32);
	CHECK_EQ(i.accept_queued, 0);
	CHECK_EQ(i.accept_max, 16);
	CHECK_EQ(i.conns, 0);
	CHECK_EQ(i.cookie_at_us, 0);
	tx(ACK | PSH, 1, 1, 5);
	tern_listener_info(bed.n[0].l[0], &i, sizeof(i));
	CHECK(i.half_open == 0 && i.accept_queued == 1 && i.conns == 1 && i.mbufs == 1);
	s = sock_accept(&bed.n[0]);
	tern_listener_info(bed.n[0].l[0], &i, sizeof(i));
	CHECK(i.accept_queued == 0 && i.conns == 1);
	sock_abort(s);
	rx_flush();
	CHECK_EQ(tern_listen_setopt(bed.n[0].l[0], TERN_OPT_COOKIES, TERN_COOKIE_ALWAYS), 0);
	CHECK_EQ(tern_listen_setopt(bed.n[0].l[0], TERN_OPT_FASTOPEN, 3), 0);
	peer_new(FIRST_PORT);
	tx(SYN, 0, 0, 0);
	rx_flush();
	tern_listener_info(bed.n[0].l[0], &i, sizeof(i));
	CHECK(i.conns == 0 && i.mbufs == 0);
	CHECK_EQ(i.cookie_at_us, tern_now_us(W));
	CHECK_EQ(i.cookie_mode, TERN_COOKIE_ALWAYS);
	CHECK_EQ(i.fastopen_max, 3);
	memset(&i, 0xa5, sizeof(i));
	CHECK_EQ(tern_listener_info(bed.n[0].l[0], &i, offsetof(struct tern_listener_info, cookie_at_us)),
		 offsetof(struct tern_listener_info, cookie_at_us));
	CHECK_EQ(i.cookie_at_us, 0xa5a5a5a5a5a5a5a5);
}

static void
close_it(struct tern_listener *l, void *arg)
{
	++*(unsigned int *)arg;
	tern_listener_close(l);
}

static void
count_it(struct tern_listener *l, void *arg)
{
	++*(unsigned int *)arg;
}

static void
test_listener_walk(void)
{
	unsigned int n = 0;

	bed_start();
	for (unsigned int i = 0; i < 3; i++)
		CU_ASSERT_EQUAL_FATAL(node_listen(&bed.n[0], SRV_PORT + i, 8, &bed.n[0].l[i]), 0);
	tern_listener_walk(W, count_it, &n);
	CHECK_EQ(n, 3);
	tern_listener_walk(W, close_it, &n);
	CHECK_EQ(n, 6);
	memset(bed.n[0].l, 0, sizeof(bed.n[0].l));
	tern_listener_walk(W, count_it, &n);
	CHECK_EQ(n, 6);
}

/* --- neighbours --------------------------------------------------------------------------------------------------- */

static struct tern_neigh neighs[8];
static unsigned int n_neighs;

static void
keep_neigh(const struct tern_neigh *n, void *arg)
{
	CHECK(arg == neighs);
	neighs[n_neighs++ % RTE_DIM(neighs)] = *n;
}

static void
test_neigh_walk(void)
{
	static const uint8_t none[6];
	uint32_t cursor = 0, calls = 1;
	struct neigh *n;
	uint8_t was;

	fx_established();
	n_neighs = 0;
	while (tern_neigh_walk(W, &cursor, 7, keep_neigh, neighs))
		calls++;
	CHECK_EQ(cursor, 0);
	CHECK_EQ(calls, (W->neighs.max + 6) / 7);
	CHECK_EQ(n_neighs, W->neighs.n);
	CHECK_EQ(n_neighs, 1); /* the peer */
	CHECK_EQ(neighs[0].addr.af, bed.af);
	CHECK_EQ(neighs[0].addr.port, 0);
	CHECK_EQ(neighs[0].conns, 1);
	CHECK_EQ(neighs[0].queued, 0);
	CHECK(memcmp(neighs[0].mac, none, sizeof(none)) != 0);
	CHECK(strcmp(neighs[0].state, "REACHABLE") == 0 ? neighs[0].confirmed_us > 0
							  : strcmp(neighs[0].state, "STALE") == 0);
	n = W->neighs.at;
	while (n->state == NEIGH_FREE)
		n++;
	CHECK_EQ(neighs[0].timer_ms == UINT32_MAX, !wheel_armed(&n->timer));
	wheel_arm(&W->wheel, &n->timer, us_to_tick(W->now_us + 3 * SEC));
	was = n->state;
	n->state = NEIGH_FAILED; /* its MAC is none any more */
	n_neighs = 0;
	CHECK(!tern_neigh_walk(W, &cursor, W->neighs.max, keep_neigh, neighs));
	n->state = was;
	CHECK_EQ(n_neighs, 1);
	CHECK(neighs[0].timer_ms >= 3000 && neighs[0].timer_ms <= 3001);
	CHECK(strcmp(neighs[0].state, "FAILED") == 0 && memcmp(neighs[0].mac, none, sizeof(none)) == 0);
}

/* --- counters ----------------------------------------------------------------------------------------------------- */

static void
test_stats_text(void)
{
	static struct engine e;
	static struct tern t;
	char buf[4096], again[4096], name[64];
	unsigned int lines = 0, set = 0;
	unsigned long v;
	size_t n;

	fx_time_wait();
	e.w = W;
	t.engines[0] = &e;
	t.conf.n_workers = 1;
	n = tern_stats_text(&t, -1, buf, sizeof(buf));
	CHECK_EQ(strlen(buf), n);
	for (char *p = buf; *p; p = strchr(p, '\n') + 1, lines++) {
		CU_ASSERT_EQUAL_FATAL(sscanf(p, "%63s %lu\n", name, &v), 2);
		CHECK_EQ(v, tern_stats_by_name(&t, name));
		CHECK(v != 0 && p[32] == ' ');
	}
	for (unsigned int i = 0; i < tern_stats_count(); i++)
		set += tern_stats_get(&t, -1, i) != 0;
	CHECK(lines == set && set > 5);
	CHECK_EQ(tern_stats_get(&t, -1, tern_stats_count()), 0);
	CHECK_EQ(strcmp(tern_stats_name(tern_stats_count()), "?"), 0);
	CHECK_EQ(tern_stats_by_name(&t, "NoSuchCounter"), 0);
	CHECK_EQ(tern_stats_text(&t, 0, again, sizeof(again)), n);
	CHECK_EQ(tern_stats_text(&t, 1, again, sizeof(again)), 0);
	CHECK_EQ(again[0], 0);
	CHECK_EQ(tern_stats_text(&t, -1, NULL, 0), n);
	for (size_t len = 1; len <= n + 1; len++) { /* whole lines, as many as there is room for */
		size_t whole = len - 1;

		while (whole && buf[whole - 1] != '\n')
			whole--;
		memset(again, 0xa5, sizeof(again));
		CHECK_EQ(tern_stats_text(&t, -1, again, len), n);
		CHECK_EQ(strlen(again), whole);
		CHECK_EQ(memcmp(again, buf, whole), 0);
		CHECK_EQ((uint8_t)again[len], 0xa5);
	}
}

/* Each counter says what it counts, and no two the same. */
static void
test_stats_help(void)
{
	const unsigned int n = tern_stats_count();
	unsigned int i, k;

	for (i = 0; i < n; i++) {
		CHECK(strlen(tern_stats_help(i)) > 8);
		for (k = 0; k < i; k++)
			if (strcmp(tern_stats_help(i), tern_stats_help(k)) == 0)
				check_at(false, __FILE__, __LINE__, "%s and %s say the same", tern_stats_name(i),
					 tern_stats_name(k));
	}
	CHECK_EQ(strcmp(tern_stats_help(STAT_DROP_RUNT), "frame too short for its headers"), 0);
	CHECK_EQ(strcmp(tern_stats_help(n), "?"), 0);
}

static CU_TestInfo tests[] = {
	{"info: bytes and queues", test_bytes},
	{"info: bytes, FIN", test_bytes_fin},
	{"info: times", test_times},
	{"info: retransmission", test_retransmit},
	{"info: options", test_options},
	{"info: scoreboard", test_sacked},
	{"info: SYN-SENT", test_syn_sent},
	{"info: sizes", test_size},
	{"timer names", test_names},
	{"walk: kinds", test_walk_kinds},
	{"walk: in parts", test_walk_parts},
	{"walk: abort", test_walk_abort},
	{"listener: info", test_listener_info},
	{"listener: walk", test_listener_walk},
	{"neighbours: walk", test_neigh_walk},
	{"stats: text", test_stats_text},
	{"stats: help", test_stats_help},
	CU_TEST_INFO_NULL,
};

int
main(int argc, char **argv)
{
	return harness_main(argc, argv, "watch", tests);
}
