/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Connections that the client holds, against the serve role, in virtual time: how many are open, how many requests are
 * sent and when, to the millisecond in which the client is polled; what ends is replaced; the end.
 */
#include "harness.h"
#include "client.h"
#include "option.h"

#define SERVER (&bed.n[1])
#define PORTS (UINT16_MAX + 1u)

static struct stack client, server;
static struct options server_options;

/* What was seen of a connection's requests, by its local port. */
static struct {
	uint64_t asked_us; /* the latest */
	uint64_t first_us;
	uint32_t n;
} seen[PORTS];
static uint64_t n_asked, shortest_us, longest_us; /* between two of a connection */

static bool
see_request(const struct frame *f, uint64_t nth, void *arg)
{
	if (!f->len)
		return false;
	n_asked++;
	if (seen[f->sport].n++) {
		shortest_us = RTE_MIN(shortest_us, f->at_us - seen[f->sport].asked_us);
		longest_us = RTE_MAX(longest_us, f->at_us - seen[f->sport].asked_us);
	} else {
		seen[f->sport].first_us = f->at_us;
	}
	seen[f->sport].asked_us = f->at_us;
	return false;
}

static void
hold_plan(unsigned int hold)
{
	bed.rarely = true;
	bed.conf.max_conns = 8192;
	bed.conf.max_timewait = 32768;
	bed.conf.max_requests = 1024;
	memset(&plan, 0, sizeof(plan)); /* what an option set stays */
	CU_ASSERT_FATAL(options_init() == 0);
	peer_addr(&plan.connect, 80);
	options.conf.max_conns = 8192;
	options.conf.n_ifs = 1;
	options.port = 80;
	options.backlog = 256;
	plan.connect_ports = 1;
	plan.concurrency = 256;
	plan.hold = hold;
	requests.close_mode = CLOSE_CLIENT;
	requests.request_size = requests.response_size = 64;
	memset(seen, 0, sizeof(seen));
	n_asked = longest_us = 0;
	shortest_us = UINT64_MAX;
}

/* --requests-per-conn */
static void
per_conn(uint32_t n)
{
	requests.per_conn = n;
	option_find("requests-per-conn", 17)->set = true;
}

static void
hold_start(void)
{
	CU_ASSERT_FATAL(client_check_pace(&options) == 0);
	server_options = options;
	server_options.listen = plan.connect;
	client = (struct stack){.o = &options, .role = &role_client, .n_workers = 1};
	server = (struct stack){.o = &server_options, .role = &role_serve, .n_workers = 2}; /* the first has none */
	bed.dir[0].drop = see_request;
	bed_start_pair();
	CU_ASSERT_FATAL(role_serve.init(&server) == 0 && role_serve.start(&server, TW_(SERVER)) == 0);
	CU_ASSERT_FATAL(role_client.init(&client) == 0 && role_client.start(&client, TW_(&bed.n[0])) == 0);
}

static void
turn(void)
{
	advance_us(MS);
	role_client.poll(&client, TW_(&bed.n[0]), bed.now_us);
	role_serve.poll(&server, TW_(SERVER), bed.now_us);
	run();
}

static void
turns(unsigned int ms)
{
	while (ms--)
		turn();
}

static uint64_t
count(unsigned int k)
{
	return role_sum(&client, k);
}

/* The clock starts when all are open. */
static void
hold_ready(void)
{
	unsigned int i;

	for (i = 0; i < 10000 && !client.ready; i++)
		turn();
	CHECK_EQ(client.ready, 1);
	CHECK_EQ(count(N_HELD), plan.hold);
	CHECK(n_asked <= 1); /* it starts within a turn */
}

static void
roles_down(void)
{
	role_client.drain(&client, TW_(&bed.n[0]));
	role_serve.drain(&server, TW_(SERVER));
	run();
	CHECK_EQ(role_client.report(&client), 0);
	bed_down();
	role_free(&client);
	role_free(&server);
}

/* The run is over: all close, and none was cut off. */
static void
hold_down(void)
{
	unsigned int i;

	client.stopping = true;
	for (i = 0; i < 10000 && !client.finished; i++)
		turn();
	CHECK_EQ(client.finished, 1);
	CHECK_EQ(count(N_DONE), count(N_OPENED));
	roles_down();
}

/* 2000 think for a second: each asks ten times in ten seconds, a second apart, and all of them evenly. */
static void
test_think(void)
{
	uint64_t before;
	unsigned int i;

	hold_plan(2000);
	plan.think_ms = 1000;
	hold_start();
	hold_ready();
	for (i = 0; i < 10000; i++) {
		before = n_asked;
		turn();
		CHECK(n_asked - before <= 3); /* two a millisecond */
	}
	CHECK_EQ(n_asked, 20000);
	CHECK_EQ(count(N_REQUESTS), 20000);
	CHECK_EQ(shortest_us, SEC);
	CHECK_EQ(longest_us, SEC);
	CHECK_EQ(count(N_LATE_REQUESTS), 0);
	CHECK_EQ(count(N_OPENED), 2000);
	CHECK_EQ(role_sum(&server, SERVER_CONNS), 2000);
	hold_down();
}

/* An open loop of 1000 requests a second over 500 connections: 60,000 in 60 s, none after, each connection the same. */
static void
test_rps(void)
{
	unsigned int i;

	hold_plan(500);
	plan.rps = 1000;
	plan.latency = true;
	options.duration_s = 60;
	hold_start();
	hold_ready();
	turns(30000);
	CHECK(count(N_REQUESTS) >= 29999 && count(N_REQUESTS) <= 30001);
	turns(31000);
	CHECK_EQ(count(N_REQUESTS), 60000);
	CHECK_EQ(count(N_LATE_REQUESTS), 0);
	for (i = 0; i < PORTS; i++)
		CHECK(seen[i].n == 0 || seen[i].n == 120);
	CHECK(client_quantile(&client, HIST_RESPONSE, 1) <= MS);
	CHECK_EQ(client_quantile(&client, HIST_FIRST, 0.99), client_quantile(&client, HIST_RESPONSE, 0.99));
	hold_down();
}

/* Answers take a second, ten connections: 10 of the 100 a second that are due can be sent. What the others wait for a
 * connection is in their time, and would not be if it began when they were sent. */
static void
test_corrected(void)
{
	hold_plan(10);
	plan.rps = 100;
	bed.dir[0].delay_us = bed.dir[1].delay_us = 500 * MS;
	options.conf.tcp.rto_init_ms = 3000;
	bed.conf.tcp.rto_init_ms = bed.conf.tcp.rto_min_ms = 3000;
	hold_start();
	hold_ready();
	turns(10000);
	CHECK(count(N_REQUESTS) >= 90 && count(N_REQUESTS) <= 100);
	CHECK(count(N_LATE_REQUESTS) >= 80);
	CHECK(client_quantile(&client, HIST_RESPONSE, 0.99) > 8 * SEC);
	CHECK(client_quantile(&client, HIST_RESPONSE_SENT, 0.99) < 1100 * MS);
	client.stopping = true;
	turns(3000);
	hold_down();
}

static uint32_t
held(void)
{
	return ((const struct client *)client.state[0])->held;
}

/* Three requests a connection: it is replaced at once, and the new one asks at once. */
static void
test_replaced(void)
{
	hold_plan(100);
	plan.think_ms = 100;
	per_conn(3);
	hold_start();
	hold_ready();
	turns(3000);
	CHECK(count(N_REPLACED) >= 1350 && count(N_REPLACED) <= 1500); /* 200 ms and a few each */
	CHECK_EQ(count(N_OPENED), 100 + count(N_REPLACED));
	CHECK(count(N_REQUESTS) >= 3 * (count(N_OPENED) - 100) && count(N_REQUESTS) <= 3 * count(N_OPENED));
	CHECK_EQ(shortest_us, 100 * MS);
	CHECK_EQ(longest_us, 100 * MS);
	hold_down();
}

/* After `stop` what ends is not replaced, after `start` it is; nor is what the end of the run cuts off. */
static void
test_not_replaced(void)
{
	struct tern_worker *w;
	uint64_t opened;

	hold_plan(100);
	per_conn(3);
	plan.think_ms = 100;
	hold_start();
	hold_ready();
	w = TW_(&bed.n[0]);
	CHECK_EQ(role_client.accepting(&client, w, false), 0);
	opened = count(N_OPENED);
	turns(1000);
	CHECK_EQ(count(N_OPENED), opened);
	CHECK_EQ(held(), 0);
	CHECK_EQ(role_client.accepting(&client, w, true), 0);
	turns(1000);
	CHECK_EQ(held(), 100);
	opened = count(N_OPENED);
	CHECK(opened > 200);
	role_client.drain(&client, w); /* as after SIGINT: nothing said before that the run ends */
	turns(1000);
	CHECK_EQ(count(N_OPENED), opened);
	CHECK_EQ(held(), 0);
	roles_down();
}

/* Of 300 three ask at a time, picked at random: nobody is left out, and what ends is replaced. */
static void
test_active(void)
{
	unsigned int i, all = 0, whole = 0;

	hold_plan(300);
	plan.active = 3;
	per_conn(20);
	hold_start();
	hold_ready();
	for (i = 0; i < 2000; i++) {
		const uint64_t before = n_asked;

		turn();
		CHECK(n_asked - before <= 3); /* they are answered within a turn */
		CHECK(client.finished || bed.n[0].w->conns.total - bed.n[0].w->conns.avail <= 300);
	}
	CHECK(count(N_REQUESTS) >= 5000 && count(N_REQUESTS) <= 6000); /* some picks are in vain: one that opens */
	CHECK_EQ(count(N_REQUESTS), n_asked);
	CHECK(count(N_REPLACED) >= 100);
	CHECK_EQ(count(N_OPENED), 300 + count(N_REPLACED));
	for (i = 0; i < PORTS; i++) {
		all += seen[i].n > 0;
		whole += seen[i].n == 20;
	}
	CHECK(all >= 300 && whole >= count(N_REPLACED));
	client.stopping = true;
	turns(200);
	CHECK_EQ(client.finished, 1);
	CHECK_EQ(count(N_DONE), count(N_OPENED) - count(N_CUT)); /* new ones that were not picked yet */
	CHECK(count(N_CUT) <= 100);
	roles_down();
}

/* 400 are there after two seconds and go in the last of five; each asks at once, and as long as it is there. */
static void
test_ramps(void)
{
	hold_plan(400);
	plan.think_ms = 100;
	plan.ramp_up_ms = 2000;
	plan.ramp_down_ms = 1000;
	options.duration_s = 5;
	hold_start();
	CHECK_EQ(client.ready, 1); /* the clock runs while they come */
	turns(1000);
	CHECK(held() >= 198 && held() <= 202);
	CHECK(n_asked >= 1000 && n_asked <= 1200); /* half a second each, on average */
	turns(1000);
	CHECK(held() >= 398);
	turns(1900);
	CHECK_EQ(held(), 400);
	CHECK_EQ(count(N_OPENED), 400);
	turns(600);
	CHECK(held() >= 198 && held() <= 202);
	turns(500);
	CHECK_EQ(held(), 0);
	CHECK_EQ(count(N_DONE), 400);
	CHECK_EQ(count(N_HELD), 400);
	CHECK_EQ(count(N_REPLACED), 0);
	CHECK_EQ(shortest_us, 100 * MS);
	hold_down();
}

/* While they come those that end are replaced, too. */
static void
test_ramp_replaced(void)
{
	hold_plan(100);
	plan.think_ms = 100;
	plan.ramp_up_ms = 2000;
	per_conn(3);
	hold_start();
	turns(1000);
	CHECK(held() >= 48 && held() <= 52);
	CHECK(count(N_REPLACED) >= 60 && count(N_REPLACED) <= 130); /* 25 on average, every 200 ms and a few */
	CHECK_EQ(count(N_OPENED), count(N_HELD) + count(N_REPLACED));
	turns(1100);
	CHECK_EQ(held(), 100);
	client.stopping = true;
	turns(200);
	CHECK_EQ(client.finished, 1);
	CHECK_EQ(count(N_DONE), count(N_OPENED) - count(N_CUT)); /* those that open, and did not ask yet */
	CHECK(count(N_CUT) <= 3);
	roles_down();
}

/* From FIN to FIN is a round trip, here of 100 ms. */
static void
test_close_time(void)
{
	static struct tally t;
	unsigned int i;

	hold_plan(20);
	plan.think_ms = 100;
	plan.latency = true;
	per_conn(2);
	bed.dir[0].delay_us = bed.dir[1].delay_us = 50 * MS;
	hold_start();
	hold_ready();
	turns(3000);
	client.stopping = true;
	turns(1000);
	CHECK(client_quantile(&client, HIST_CLOSE, 0.01) >= 100 * MS);
	CHECK(client_quantile(&client, HIST_CLOSE, 1) <= 103 * MS);
	memset(&t, 0, sizeof(t));
	client_tally(&client, &t);
	for (i = 0; i < t.n_times && strcmp(t.time_names[i], "close"); i++)
		;
	CHECK(i < t.n_times && count(N_DONE) > 50 && hist_count(&t.times[i]) == count(N_DONE));
	hold_down();
}

/* And no more than --total, then it is over by itself. */
static void
test_total(void)
{
	unsigned int i;

	hold_plan(100);
	plan.total = 250;
	per_conn(3);
	hold_start();
	hold_ready();
	for (i = 0; i < 10000 && !client.finished; i++)
		turn();
	CHECK_EQ(client.finished, 1);
	CHECK_EQ(count(N_OPENED), 250);
	CHECK_EQ(count(N_REQUESTS), 750);
	CHECK_EQ(n_asked, 750);
	hold_down();
}

/* Beside 100 new connections a second, of one request each, and 50 that are parked. */
static void
test_beside(void)
{
	hold_plan(200);
	plan.think_ms = 500;
	plan.cps = 100;
	plan.park = 50;
	hold_start();
	hold_ready();
	CHECK_EQ(count(N_PARKED), 50);
	turns(10000);
	CHECK(count(N_OPENED) >= 250 + 1000 && count(N_OPENED) <= 250 + 1001);
	CHECK(count(N_REQUESTS) >= 4000 + 999 && count(N_REQUESTS) <= 4000 + 1001);
	CHECK_EQ(count(N_REPLACED), 0);
	client.stopping = true;
	turns(200);
	CHECK_EQ(count(N_DONE), count(N_OPENED) - 50); /* the parked ones are cut off, as they never asked */
	roles_down();
}

/* Thinking longer than --timeout-ms is not silence; a server that ends one between two requests makes it done. */
static void
test_idle(void)
{
	hold_plan(10);
	plan.think_ms = 15000;
	plan.timeout_ms = 1000;
	hold_start();
	hold_ready();
	turns(16000);
	CHECK_EQ(count(N_REQUESTS), 10 + 1); /* the second of the first one */
	CHECK_EQ(count(N_OPENED), 10);
	role_serve.drain(&server, TW_(SERVER)); /* FIN on each */
	run();
	CHECK_EQ(count(N_DONE), 10);
	client.stopping = true;
	hold_down();
}

int
main(int argc, char **argv)
{
	static CU_TestInfo tests[] = {
		{"think time", test_think},
		{"requests a second", test_rps},
		{"timed from when it was due", test_corrected},
		{"replaced", test_replaced},
		{"not replaced", test_not_replaced},
		{"some at a time", test_active},
		{"they come and go evenly", test_ramps},
		{"replaced while they come", test_ramp_replaced},
		{"closing is timed", test_close_time},
		{"total", test_total},
		{"beside new ones", test_beside},
		{"idle is not silent", test_idle},
		CU_TEST_INFO_NULL,
	};

	return harness_main(argc, argv, "hold", tests);
}
