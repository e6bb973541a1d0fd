/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * TLS of the client against the roles serve and http, in virtual time: versions, resumption, records that do not fit
 * the buffers, loss; a peer that does not speak it, or goes away in the middle.
 */
#include "harness.h"
#include "client.h"
#include "option.h"

#define SERVER (&bed.n[1])
#define CONNS 12u
#define REQUESTS 3u

extern const struct role role_http;

static struct stack client, server;
static struct options server_options;
static unsigned int every; /* frame of so many is lost; 0: none */

static bool
lose(const struct frame *f, uint64_t nth, void *arg)
{
	return every && nth % every == every - 1;
}

static void
tls_plan(const struct role *role)
{
	bed.rarely = true;
	bed.conf.max_conns = 256;
	memset(&plan, 0, sizeof(plan)); /* what an option set stays */
	CU_ASSERT_FATAL(options_init() == 0);
	peer_addr(&plan.connect, 80);
	options.conf.max_conns = 256;
	options.conf.n_ifs = 1;
	options.port = 80;
	options.backlog = 64;
	plan.connect_ports = 1;
	plan.concurrency = 4;
	plan.total = CONNS;
	plan.http_path = role == &role_http ? "/" : NULL;
	requests.close_mode = CLOSE_CLIENT;
	requests.per_conn = REQUESTS;
	tls_conf = (struct tls_conf){.on = true, .max = TLS_1_3};
	server_options = options;
	server_options.listen = plan.connect;
	client = (struct stack){.o = &options, .role = &role_client, .n_workers = 1};
	server = (struct stack){.o = &server_options, .role = role, .n_workers = 2}; /* the first has none */
	bed.dir[0].drop = bed.dir[1].drop = lose;
	every = 0;
}

/* role NULL: the test plays the server. */
static void
tls_start_roles(const struct role *role)
{
	bed_start_pair();
	CU_ASSERT_FATAL(tls_check(false) == 0);
	if (role) {
		CU_ASSERT_FATAL(tls_check(true) == 0 && role->init(&server) == 0);
		CU_ASSERT_FATAL(role->start(&server, TW_(SERVER)) == 0);
	}
	CU_ASSERT_FATAL(role_client.init(&client) == 0 && role_client.start(&client, TW_(&bed.n[0])) == 0);
}

static void
turns(unsigned int ms)
{
	while (ms-- && !client.finished) {
		advance_us(MS);
		role_client.poll(&client, TW_(&bed.n[0]), bed.now_us);
		if (server.state[1])
			server.role->poll(&server, TW_(SERVER), bed.now_us);
		run();
	}
}

/* failed: connections, as the client's report has it. */
static void
tls_down(uint64_t failed)
{
	role_client.drain(&client, TW_(&bed.n[0]));
	if (server.state[1])
		server.role->drain(&server, TW_(SERVER));
	run();
	CHECK_EQ(role_client.report(&client), failed);
	if (server.state[1])
		CHECK_EQ(server.role->report(&server), 0);
	bed_down();
	role_free(&client);
	role_free(&server);
	tls_conf.on = false;
}

static void
all_done(void)
{
	turns(60000);
	CHECK_EQ(client.finished, 1);
	CHECK_EQ(role_sum(&client, N_DONE), CONNS);
	CHECK_EQ(role_sum(&client, N_REQUESTS), CONNS * REQUESTS);
	CHECK_EQ(tls_sum(false, TLS_HANDSHAKES), CONNS);
	CHECK_EQ(tls_sum(true, TLS_HANDSHAKES), CONNS);
	CHECK_EQ(tls_sum(false, TLS_FAILED) + tls_sum(true, TLS_FAILED), 0);
	CHECK_EQ(role_sum(&server, SERVER_FAILED), 0);
	CHECK(client_quantile(&client, HIST_TLS, 1) > 0 || !every);
}

static void
test_serve(void)
{
	static const enum tls_max versions[] = {TLS_1_2, TLS_1_3};
	unsigned int i, resume;

	for (i = 0; i < 2 * RTE_DIM(versions); i++) {
		resume = i % 2;
		tls_plan(&role_serve);
		tls_conf.max = versions[i / 2];
		tls_conf.resume = resume;
		plan.concurrency = 1;
		tls_start_roles(&role_serve);
		all_done();
		CHECK_EQ(tls_sum(false, TLS_RESUMED), resume ? CONNS - 1 : 0); /* all but the first */
		CHECK_EQ(tls_sum(true, TLS_RESUMED), resume ? CONNS - 1 : 0);
		tls_down(0);
	}
}

/* Records of 16 kB through buffers of 8 kB, both ways. */
static void
test_large(void)
{
	tls_plan(&role_serve);
	bed.conf.tcp.snd_buf = bed.conf.tcp.rcv_buf = 8192;
	requests.request_size = 50000;
	requests.response_size = 200001;
	tls_start_roles(&role_serve);
	all_done();
	CHECK_EQ(role_sum(&client, N_BYTES), CONNS * REQUESTS * 200001ul);
	tls_down(0);
}

static void
test_loss(void)
{
	tls_plan(&role_serve);
	requests.response_size = 30000;
	tls_start_roles(&role_serve);
	every = 7;
	all_done();
	CHECK(STAT(RETRANS_SEGS) > 0);
	every = 0;
	tls_down(0);
}

/* A reset is no failure of TLS. */
static void
test_reset(void)
{
	tls_plan(&role_serve);
	requests.close_mode = CLOSE_RESET;
	tls_start_roles(&role_serve);
	turns(60000);
	CHECK_EQ(role_sum(&client, N_DONE), CONNS);
	CHECK_EQ(role_sum(&server, SERVER_FAILED), CONNS);
	CHECK_EQ(tls_sum(true, TLS_HANDSHAKES), CONNS);
	CHECK_EQ(tls_sum(true, TLS_FAILED), 0);
	tls_down(0);
}

static void
test_http(void)
{
	tls_plan(&role_http);
	tls_start_roles(&role_http);
	all_done();
	tls_down(0);
}

/* Who does not speak it is closed. */
static void
test_no_tls(void)
{
	static const struct role *const both[] = {&role_serve, &role_http};
	struct sock *s;
	unsigned int i;

	for (i = 0; i < RTE_DIM(both); i++) {
		tls_plan(both[i]);
		plan.concurrency = 1;
		tls_start_roles(both[i]);
		turns(1);
		CU_ASSERT_FATAL(node_connect(80, 40001, &s) == 0);
		run();
		CHECK_EQ(tern_send(s->c, "GET / HTTP/1.0\r\n\r\n", 18, 0), 18);
		run();
		CHECK_EQ(tls_sum(true, TLS_FAILED), 1);
		CHECK_EQ(role_sum(&server, SERVER_FAILED), 1);
		CHECK(tern_peer_closed(s->c));
		sock_close(s);
		turns(60000);
		CHECK_EQ(role_sum(&client, N_DONE), CONNS);
		tls_down(0);
	}
}

/* The server answers what is no TLS, or nothing and goes. */
static void
test_bad_server(void)
{
	unsigned int i, k;
	char hello[4096];
	struct sock *s;

	for (i = 0; i < 3; i++) {
		tls_plan(NULL);
		plan.total = 1;
		tls_start_roles(NULL);
		CU_ASSERT_FATAL(node_listen(SERVER, 80, 4, &SERVER->l[0]) == 0);
		for (k = 0; k < 10; k++)
			turns(1);
		s = sock_accept(SERVER);
		CU_ASSERT_PTR_NOT_NULL_FATAL(s);
		CHECK(tern_recv_queued(s->c) > 100); /* the ClientHello */
		CHECK_EQ(role_sum(&client, N_REQUESTS), 0);
		if (i == 0)
			CHECK_EQ(tern_send(s->c, "HTTP/1.1 400 Bad Request\r\n\r\n", 28, 0), 28);
		while (tern_recv(s->c, hello, sizeof(hello)) > 0)
			; /* else the close is a reset */
		if (i == 2)
			sock_abort(s);
		else
			sock_close(s);
		turns(100);
		CHECK_EQ(role_sum(&client, i == 2 ? N_RESET : N_BAD), 1);
		CHECK_EQ(tls_sum(false, TLS_HANDSHAKES), 0);
		CHECK_EQ(tls_sum(false, TLS_FAILED), i != 2);
		tls_down(2);
	}
}

/* The run ends while handshakes, and answers, are on their way. */
static void
test_cut(void)
{
	unsigned int ms;

	for (ms = 0; ms < 20; ms++) {
		tls_plan(&role_serve);
		requests.response_size = 100000;
		bed.conf.tcp.snd_buf = 8192;
		tls_start_roles(&role_serve);
		every = 5;
		turns(50 * ms);
		every = 0;
		tls_down(role_sum(&client, N_BYTES) || role_sum(&client, N_REQUESTS) ? 0 : 1);
	}
}

int
main(int argc, char **argv)
{
	static CU_TestInfo tests[] = {
		{"serve, both versions, resumed", test_serve},
		{"records larger than buffers", test_large},
		{"loss", test_loss},
		{"reset", test_reset},
		{"http", test_http},
		{"a client that speaks no TLS", test_no_tls},
		{"a server that speaks no TLS", test_bad_server},
		{"cut off", test_cut},
		CU_TEST_INFO_NULL,
	};

	return harness_main(argc, argv, "tls", tests);
}
