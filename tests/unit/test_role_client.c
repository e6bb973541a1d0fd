/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The client of app/ on worker 0 against a server that a test plays on worker 1: responses cut at every place, those
 * that fail and as what they count, timeouts in virtual time, kept connections that the server ends.
 */
#include "harness.h"
#include "client.h"

#define SERVER (&bed.n[1])

static struct stack stack;
static struct sock *srv; /* the server's end of the connection */

static void
client_plan(unsigned int n)
{
	bed.conf.max_conns = 128;
	memset(&plan, 0, sizeof(plan)); /* what an option set stays */
	CU_ASSERT_FATAL(options_init() == 0);
	peer_addr(&plan.connect, 80);
	plan.connect_ports = plan.concurrency = 1;
	options.conf.max_conns = 128;
	plan.http_path = "/";
	requests.per_conn = n;
	memset(&stack, 0, sizeof(stack));
	stack.o = &options;
	stack.role = &role_client;
	stack.n_workers = 1;
}

static void
client_start(void)
{
	bed_start_pair();
	CU_ASSERT_FATAL(role_client.init(&stack) == 0);
	CU_ASSERT_FATAL(role_client.start(&stack, TW_(&bed.n[0])) == 0);
}

static void
client_up(unsigned int n)
{
	client_plan(n);
	client_start();
}

static void
turn(void)
{
	role_client.poll(&stack, TW_(&bed.n[0]), bed.now_us);
	run();
}

/* @return what the role would end the program with. */
static uint64_t
client_down(void)
{
	uint64_t failed;

	role_client.drain(&stack, TW_(&bed.n[0]));
	run();
	failed = role_client.report(&stack);
	if (srv && srv->c)
		sock_abort(srv);
	srv = NULL;
	bed_down();
	role_free(&stack);
	return failed;
}

static uint64_t
count(unsigned int k)
{
	return role_sum(&stack, k);
}

static void
serve(void)
{
	if (!SERVER->l[0])
		CHECK_EQ(node_listen(SERVER, 80, 16, &SERVER->l[0]), 0);
}

/* The next connection and its request. */
static void
await_request(void)
{
	char buf[1024];

	serve();
	turn();
	if (!srv || !srv->c)
		srv = sock_accept(SERVER);
	CU_ASSERT_FATAL(srv != NULL);
	run();
	CHECK(tern_recv(srv->c, buf, sizeof(buf)) > 50);
}

static void
say(const char *p, size_t n)
{
	if (n && srv->c)
		CHECK_EQ(tern_send(srv->c, p, n, 0), n);
	run();
}

static void
end(void)
{
	if (srv->c)
		sock_close(srv);
	run();
}

/* --- right ones ---------------------------------------------------------------------------------------------- */

#define OK "HTTP/1.1 200 OK\r\n"

static const char *const right[] = {
	OK "Content-Length: 5\r\n\r\nhello",
	OK "Content-Length: 0\r\n\r\n",
	OK "Transfer-Encoding: chunked\r\n\r\n4\r\nhell\r\n1;a\r\no\r\n0\r\nB: c\r\n\r\n",
	OK "\r\nuntil the end",
	"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nA: b\r\n\r\n" OK "Content-Length: 5\r\n\r\nhello",
	"HTTP/1.1 204 No Content\r\n\r\n",
	"HTTP/1.1 206 Partial Content\r\nContent-Length: 2\r\n\r\nhe",
};

static void
test_cut(void)
{
	uint64_t asked = 0;
	unsigned int i;
	size_t cut;

	client_up(1);
	for (i = 0; i < RTE_DIM(right); i++) {
		for (cut = 0; cut < strlen(right[i]); cut++) {
			await_request();
			say(right[i], cut);
			CHECK_EQ(count(N_REQUESTS), asked);
			say(right[i] + cut, strlen(right[i]) - cut);
			end();
			CHECK_EQ(count(N_REQUESTS), ++asked);
		}
		await_request(); /* byte by byte */
		for (cut = 0; cut < strlen(right[i]); cut++)
			say(right[i] + cut, 1);
		end();
		CHECK_EQ(count(N_REQUESTS), ++asked);
	}
	CHECK_EQ(count(N_DONE), asked);
	CHECK_EQ(client_down(), 0);
}

/* --- wrong ones ---------------------------------------------------------------------------------------------- */

static const struct {
	const char *text;
	unsigned int as;
} wrong[] = {
	{"HTTP/1.1 200 OK\r\nContent-Le", N_SHORT},
	{"HTTP/1.1 100 Continue\r\n\r\n", N_SHORT},
	{OK "Content-Length: 50\r\n\r\nhello", N_SHORT},
	{OK "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", N_SHORT},
	{"", N_SHORT},
	{OK "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", N_BAD},
	{OK "Content-Length: 4\r\n\r\nhello", N_BAD},
	{OK "Transfer-Encoding: chunked\r\n\r\nhello", N_BAD},
	{"HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\nhello", N_BAD},
	{"HTTP/1.1 101 Switching Protocols\r\n\r\n", N_BAD},
	{"SSH-2.0-x\r\n\r\n", N_BAD},
};

/* Then FIN, of which the client must know with half a head unread. Cut, too. */
static void
test_wrong(void)
{
	uint64_t before, failed = 0;
	unsigned int i, cut;

	client_up(2);
	for (i = 0; i < RTE_DIM(wrong); i++) {
		for (cut = 0; cut < 2; cut++) {
			const size_t len = strlen(wrong[i].text), first = cut ? len / 3 : 0;

			await_request();
			before = count(wrong[i].as);
			say(wrong[i].text, first);
			say(wrong[i].text + first, len - first);
			if (srv->c)
				sock_shutdown(srv);
			if (!check_at(count(wrong[i].as) == before + 1, __FILE__, __LINE__, "not counted: %s",
				      wrong[i].text))
				turn();
			failed++;
			end();
		}
	}
	CHECK_EQ(count(N_REQUESTS), 0);
	CHECK_EQ(client_down(), failed);
}

/* --- nothing happens ----------------------------------------------------------------------------------------- */

static bool
every(const struct frame *f, uint64_t nth, void *arg)
{
	return true;
}

static void
wait_10s(unsigned int as)
{
	unsigned int i;

	for (i = 0; i < 100; i++) { /* not early */
		CHECK_EQ(count(as), 0);
		advance_us(99 * MS);
		turn();
	}
	for (i = 0; i < 16; i++) {
		advance_us(100 * MS);
		turn();
	}
	CHECK_EQ(count(as), 1);
}

static void
test_connect_timeout(void)
{
	client_up(1);
	plan.total = 1;
	bed.dir[0].drop = every;
	turn();
	wait_10s(N_CONNECT_TIMEOUT);
	CHECK(client_down() > 0);
}

static void
test_request_timeout(void)
{
	client_up(1);
	await_request();
	wait_10s(N_TIMEOUT);
	end();
	CHECK(client_down() > 0);
}

/* What moves, be it slowly, is not given up. */
static void
test_slow(void)
{
	static const char text[] = OK "Content-Length: 5\r\n\r\nhello";
	unsigned int i;

	client_up(1);
	await_request();
	for (i = 0; i < sizeof(text) - 1; i++) {
		advance_us(9 * SEC);
		turn();
		say(text + i, 1);
	}
	end();
	CHECK_EQ(count(N_DONE), 1);
	CHECK_EQ(client_down(), 0);
}

/* The first byte comes a second after the request, the last one a second later. A head in pieces is an answer begun. */
static void
test_first_byte(void)
{
	static const char text[] = OK "Content-Length: 5\r\n\r\nhello";

	client_plan(1);
	plan.latency = true;
	client_start();
	await_request();
	advance_us(SEC);
	turn();
	say(text, 10);
	CHECK(client_quantile(&stack, HIST_FIRST, 1) >= SEC && client_quantile(&stack, HIST_FIRST, 1) < SEC + 10 * MS);
	CHECK_EQ(client_quantile(&stack, HIST_RESPONSE, 1), 0);
	advance_us(SEC);
	turn();
	say(text + 10, sizeof(text) - 11);
	end();
	CHECK(client_quantile(&stack, HIST_RESPONSE, 1) >= 2 * SEC);
	CHECK(client_quantile(&stack, HIST_FIRST, 1) < SEC + 10 * MS);
	CHECK_EQ(count(N_DONE), 1);
	CHECK_EQ(client_down(), 0);
}

/* Of six that fail the last four are known, the latest first, with both ends and when it was. */
static void
test_lost(void)
{
	static struct tally t;
	const struct lost *l = t.last[N_REFUSED - N_REFUSED];
	unsigned int i;

	client_plan(1);
	plan.total = 6;
	client_start();
	for (i = 0; i < 6; i++) {
		turn();
		advance_us(SEC);
	}
	CHECK_EQ(count(N_REFUSED), 6);
	memset(&t, 0, sizeof(t));
	client_tally(&stack, &t);
	CHECK_EQ(t.failures[0], 6);
	CHECK_EQ(t.n_last[0], TALLY_LAST);
	for (i = 0; i < TALLY_LAST; i++) {
		CHECK(l[i].local.af == bed.af && l[i].local.port && l[i].remote.port == plan.connect.port);
		CHECK(i == 0 || l[i - 1].at_us - l[i].at_us == SEC);
		CHECK(i == 0 || l[i - 1].local.port != l[i].local.port);
	}
	CHECK(l[0].at_us >= 5 * SEC - MS && l[0].at_us <= 5 * SEC + MS);
	CHECK(client_down() > 0);
}

/* Cut off at the end before any answer: that is no success. */
static void
test_nothing(void)
{
	client_up(1);
	bed.dir[0].drop = every;
	turn();
	CHECK(client_down() > 0);
}

static void
test_refused(void)
{
	client_up(1);
	turn();
	CHECK_EQ(count(N_REFUSED), 1);
	CHECK(client_down() > 0);
}

/* --- an open loop ---------------------------------------------------------------------------------------------- */

/* One of every connection that is there: its request is read, it is answered and closed. */
static void
answer_all(void)
{
	static const char answer[] = OK "Content-Length: 5\r\n\r\nhello";
	char buf[1024];
	struct sock *s;

	while ((s = sock_accept(SERVER)) != NULL) {
		CHECK(tern_recv(s->c, buf, sizeof(buf)) > 50);
		CHECK_EQ(tern_send(s->c, answer, sizeof(answer) - 1, 0), sizeof(answer) - 1);
		sock_close(s);
	}
}

#define NEAR(got, want, by) CHECK((got) >= (want) - (by) && (got) <= (want) + (by))

/* A server stalls for one second in ten. Five wait for it, sent; of the hundred that were due meanwhile the rest was
 * opened late: what they waited shows in their time, and would not if it began with their SYN. */
static void
test_stall(void)
{
	unsigned int ms;

	client_plan(1);
	plan.latency = true;
	plan.cps = 100;
	plan.concurrency = 5;
	client_start();
	serve();
	for (ms = 0; ms < 10000; ms++) {
		advance_us(MS);
		turn();
		if (ms < 4000 || ms >= 5000)
			answer_all();
		run();
	}
	NEAR(count(N_OPENED), 1000, 1);
	NEAR(count(N_DONE), 1000, 1);
	NEAR(count(N_LATE), 95, 12);
	NEAR(client_quantile(&stack, HIST_WHOLE, 0.99), 900 * MS, 60 * MS);
	CHECK(client_quantile(&stack, HIST_WHOLE_SENT, 0.99) < 20 * MS);
	CHECK(client_quantile(&stack, HIST_WHOLE, 0.5) < 20 * MS);
	CHECK_EQ(client_down(), 0);
}

/* --- kept connections ---------------------------------------------------------------------------------------- */

/* Ended after one answer of three: with a word, with FIN, with RST; before the next request arrived or after. */
static void
test_reopen(void)
{
	static const char answer[] = OK "Content-Length: 5\r\n\r\nhello";
	static const char last[] = OK "Content-Length: 5\r\nConnection: close\r\n\r\nhello";
	unsigned int how, i;

	client_up(3);
	for (how = 0; how < 3; how++) {
		for (i = 0; i < 3; i++) {
			await_request();
			say(how ? answer : last, strlen(how ? answer : last));
			if (how == 2 && i < 2)
				sock_abort(srv);
			end();
			turn();
		}
		CHECK_EQ(count(N_DONE), how + 1);
		CHECK_EQ(count(N_REOPENED), 2 * (how + 1));
		CHECK_EQ(count(N_OPENED), how + 2); /* and the next one */
		srv = NULL;
	}
	CHECK_EQ(count(N_REQUESTS), 9);
	CHECK_EQ(count(N_CONNECTED), 10);
	CHECK_EQ(client_down(), 0);
}

/* --- changes while it runs ------------------------------------------------------------------------------------ */

/* Polled each millisecond; nobody listens, so all that is opened is refused. @return how many were opened. */
static uint64_t
opened_in(unsigned int ms)
{
	const uint64_t before = count(N_OPENED);

	for (; ms; ms--) {
		turn();
		advance_us(1000);
	}
	return count(N_OPENED) - before;
}

static void
knob(const char *name, uint64_t n, int want)
{
	char why[160] = "";
	unsigned int i;

	for (i = 0; i < CLIENT_KNOBS && strcmp(client_knobs[i].name, name); i++)
		;
	CU_ASSERT_FATAL(i < CLIENT_KNOBS);
	CHECK_EQ(client_knobs[i].check(&stack, n, why, sizeof(why)), want);
	CHECK_EQ(*why != 0, want != 0);
	if (!want)
		client_knobs[i].set(&stack, TW_(&bed.n[0]), n);
}

static void
test_changes(void)
{
	client_plan(1);
	plan.cps = 100;
	plan.concurrency = 64;
	client_start();
	opened_in(20); /* ARP, and the first one */
	CHECK_EQ(opened_in(100), 10);
	knob("cps", 1000, 0);
	CHECK(llabs((int64_t)opened_in(100) - 100) <= 2);
	role_client.accepting(&stack, TW_(&bed.n[0]), false);
	CHECK_EQ(opened_in(100), 0);
	role_client.accepting(&stack, TW_(&bed.n[0]), true); /* what was due meanwhile is not made up for */
	CHECK(llabs((int64_t)opened_in(100) - 100) <= 2);
	knob("cps", 10, 0);
	CHECK(opened_in(100) <= 2);
	knob("cps", UINT64_C(1) << 32, -EINVAL);
	knob("concurrency", 65, -EINVAL);
	knob("concurrency", 0, -EINVAL);
	knob("cps", 0, 0); /* as concurrency allows: each poll so many */
	knob("concurrency", 3, 0);
	CHECK_EQ(opened_in(10), 30);
	client_down();
}

int
main(int argc, char **argv)
{
	static CU_TestInfo tests[] = {
		{"responses cut anywhere", test_cut},
		{"wrong responses", test_wrong},
		{"connect timeout", test_connect_timeout},
		{"request timeout", test_request_timeout},
		{"slow is not silent", test_slow},
		{"a server stalls", test_stall},
		{"first byte", test_first_byte},
		{"who failed", test_lost},
		{"nothing answered", test_nothing},
		{"refused", test_refused},
		{"kept connections opened again", test_reopen},
		{"changes while it runs", test_changes},
		CU_TEST_INFO_NULL,
	};

	return harness_main(argc, argv, "role_client", tests);
}
