/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The client with --mix, in virtual time, against a server that a test plays: how often each class comes, what each
 * kind puts on the wire and as what it counts, numbers in paths, slow ones, thinking, whose a failure is.
 */
#include <math.h>
#include <unistd.h>
#include <rte_random.h>
#include "harness.h"
#include "client.h"
#include "option.h"

#define SERVER (&bed.n[1])
#define OK "HTTP/1.1 200 OK\r\n"

static struct stack stack;
static struct sock *srv; /* the server's end of the latest connection */

/* What the client sent. */
static struct {
	uint64_t bytes, fins, rsts, last_us;
	unsigned int syns[4]; /* to port 80 and those behind it */
} sent;

static bool
see(const struct frame *f, uint64_t nth, void *arg)
{
	sent.bytes += f->len;
	sent.fins += (f->flags & FIN) != 0;
	sent.rsts += (f->flags & RST) != 0;
	sent.last_us = f->at_us;
	if (f->flags & SYN && f->dport - 80u < RTE_DIM(sent.syns))
		sent.syns[f->dport - 80]++;
	return false;
}

static void
load(const char *text, int want)
{
	char path[] = "/tmp/test_mix.XXXXXX";
	const int fd = mkstemp(path);

	CU_ASSERT_FATAL(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) && close(fd) == 0);
	CHECK_EQ(mix_load(path, &options), want);
	unlink(path);
}

/* The command line. */
static void
mix_plan(void)
{
	bed.rarely = true;
	bed.conf.max_conns = 128;
	memset(&plan, 0, sizeof(plan)); /* what an option set stays */
	CU_ASSERT_FATAL(options_init() == 0);
	peer_addr(&plan.connect, 80);
	plan.connect_ports = plan.concurrency = 1;
	plan.mix = "a file";
	options.conf.max_conns = 128;
	options.conf.n_ifs = 1;
	options.conf.ifs[0].addr4[0] = options.conf.ifs[0].addr6[0] = 1;
	memset(&stack, 0, sizeof(stack));
	memset(&sent, 0, sizeof(sent));
	stack.o = &options;
	stack.role = &role_client;
	stack.n_workers = 1;
}

static void
mix_start(const char *text)
{
	load(text, 0);
	bed.dir[0].drop = see;
	bed_start_pair();
	CU_ASSERT_FATAL(role_client.init(&stack) == 0);
	CU_ASSERT_FATAL(role_client.start(&stack, TW_(&bed.n[0])) == 0);
	CHECK_EQ(node_listen(SERVER, 80, 16, &SERVER->l[0]), 0);
}

static void
turn(void)
{
	role_client.poll(&stack, TW_(&bed.n[0]), bed.now_us);
	run();
}

static void
turns(unsigned int ms)
{
	for (; ms; ms--) {
		advance_us(MS);
		turn();
	}
}

/* One connection of this class, which is there; of the first of so many workers. */
static void
one_of(unsigned int workers, const char *text)
{
	unsigned int i;

	mix_plan();
	plan.total = 1;
	stack.n_workers = workers;
	mix_start(text);
	for (i = 0, srv = NULL; i < 10 && !srv; i++) {
		turn();
		srv = sock_accept(SERVER);
	}
	CU_ASSERT_FATAL(srv != NULL);
}

static void
one(const char *text)
{
	one_of(1, text);
}

static uint64_t
of_class(unsigned int class, unsigned int k)
{
	return ((const struct client *)stack.state[0])->of[class].n[k];
}

/* What the server has got since the last time. */
static const char *
got(void)
{
	static char buf[65536];
	ssize_t n = srv->c ? tern_recv(srv->c, buf, sizeof(buf) - 1) : 0;

	buf[RTE_MAX(n, 0)] = 0;
	run();
	return buf;
}

static void
say(const char *p)
{
	if (*p)
		CHECK_EQ(tern_send(srv->c, p, strlen(p), 0), strlen(p));
	run();
}

static uint64_t
mix_down(void)
{
	uint64_t failed;

	role_client.drain(&stack, TW_(&bed.n[0]));
	run();
	failed = role_client.report(&stack);
	bed_down();
	role_free(&stack);
	return failed;
}

/* --- shares -------------------------------------------------------------------------------------------------- */

static void
test_shares(void)
{
	static const double share[] = {0.7, 0.2, 0.0999, 0.0001};
	const unsigned int n = 2000000;
	unsigned int i, seen[4] = {0};

	mix_plan();
	load("[a]\nweight = 7000\n[b]\nweight = 2000\n[c]\nweight = 999\n[d]\nweight = 1\n", 0);
	rte_srand(harness_seed);
	for (i = 0; i < n; i++)
		seen[mix_pick()]++;
	for (i = 0; i < 4; i++)
		CHECK(fabs(seen[i] - n * share[i]) < 5 * sqrt(n * share[i] * (1 - share[i])));
	load("[alone]\n", 0);
	for (i = 0; i < 1000; i++)
		CHECK_EQ(mix_pick(), 0);
}

/* Of any weights: what the columns give each class is its share, but for what 32 bits leave out. */
static void
test_exact_shares(void)
{
	unsigned int round, i, n, weight[MIX_MAX];
	double is, all;
	char text[4096];
	size_t len;

	mix_plan();
	for (round = 0; round < 200; round++) {
		n = 1 + harness_rand() % MIX_MAX;
		for (len = 0, all = 0, i = 0; i < n; i++) {
			weight[i] = 1 + harness_rand() % (round % 2 ? 1000000 : 3);
			all += weight[i];
			len += snprintf(text + len, sizeof(text) - len, "[c%u]\nweight = %u\n", i, weight[i]);
		}
		load(text, 0);
		CHECK_EQ(mix.n, n);
		for (i = 0; i < n; i++) {
			is = mix.of[i].own * 0x1p-32;
			for (unsigned int k = 0; k < n; k++)
				if (mix.of[k].other == i)
					is += 1 - mix.of[k].own * 0x1p-32;
			CHECK(fabs(is / n - weight[i] / all) < 1e-8);
		}
	}
}

/* As many of each on the wire as were picked, over all and of each class. */
static void
test_classes(void)
{
	unsigned int i, k;
	uint64_t all = 0;

	mix_plan();
	plan.total = 2000;
	plan.concurrency = 8;
	mix_start("[three]\nweight = 3\nkind = connect\n[one]\nkind = connect\nclose = reset\n");
	SERVER->auto_accept = true;
	for (i = 0; i < 20000 && !stack.finished; i++)
		turns(1);
	CHECK_EQ(stack.finished, 1);
	for (k = 0; k < 2; k++) {
		CHECK_EQ(of_class(k, N_OPENED), of_class(k, N_DONE));
		all += of_class(k, N_DONE);
	}
	CHECK_EQ(all, 2000);
	CHECK(llabs((int64_t)of_class(0, N_DONE) - 1500) < 5 * 20);
	CHECK_EQ(sent.fins, of_class(0, N_DONE));
	CHECK_EQ(sent.rsts, of_class(1, N_DONE));
	CHECK_EQ(sent.bytes, 0);
	CHECK_EQ(mix_down(), 0);
}

/* --- kinds --------------------------------------------------------------------------------------------------- */

static void
test_half_close(void)
{
	one("[a]\nkind = half-close\nhttp = /\n");
	CHECK(strstr(got(), "GET / HTTP/1.1\r\n") != NULL);
	CHECK_EQ(sent.fins, 1);
	CHECK(tern_recv_eof(srv->c));
	say(OK "Content-Length: 5\r\n\r\nhello");
	CHECK_EQ(of_class(0, N_REQUESTS), 1);
	CHECK_EQ(of_class(0, N_DONE), 0);
	sock_close(srv);
	CHECK_EQ(of_class(0, N_DONE), 1);
	CHECK_EQ(sent.rsts, 0);
	CHECK_EQ(mix_down(), 0);
}

/* It says nothing for so long, not even because of --timeout-ms, and ends as it was told. */
static void
test_silent(void)
{
	unsigned int how;

	for (how = 0; how < 2; how++) {
		one(how ? "[a]\nkind = silent\nstay-ms = 30000\nclose = reset\n"
			: "[a]\nkind = silent\nstay-ms = 30000\n");
		turns(29990);
		CHECK_EQ(sent.fins + sent.rsts + of_class(0, N_DONE), 0);
		turns(20);
		CHECK_EQ(how ? sent.rsts : sent.fins, 1);
		CHECK_EQ(of_class(0, N_DONE), 1);
		CHECK_EQ(sent.bytes, 0);
		if (srv->c)
			sock_close(srv);
		CHECK_EQ(mix_down(), 0);
	}
}

/* The server has enough of it, or the run ends: no failure either. */
static void
test_silent_ended(void)
{
	unsigned int how;

	for (how = 0; how < 3; how++) {
		one("[a]\nkind = silent\nstay-ms = 30000\n");
		turns(100);
		if (how == 0)
			sock_close(srv);
		if (how == 1)
			sock_abort(srv);
		stack.stopping = how == 2;
		turns(2);
		CHECK_EQ(of_class(0, N_DONE), 1);
		CHECK_EQ(stack.finished, 1);
		if (how == 2)
			sock_close(srv);
		CHECK_EQ(mix_down(), 0);
	}
}

static void
test_stall(void)
{
	one("[a]\nkind = stall\nrequest-size = 1000\nstay-ms = 500\n");
	CHECK_EQ(tern_recv_queued(srv->c), 500);
	turns(490);
	CHECK_EQ(of_class(0, N_DONE), 0);
	turns(20);
	CHECK_EQ(sent.bytes, 500);
	CHECK_EQ(of_class(0, N_DONE), 1);
	sock_close(srv);
	CHECK_EQ(mix_down(), 0);
}

/* All of the request goes, then RST. */
static void
test_abort(void)
{
	one("[a]\nkind = abort\nrequest-size = 3000\n");
	turns(2);
	CHECK_EQ(sent.bytes, 3000);
	CHECK_EQ(sent.rsts, 1);
	CHECK_EQ(sent.fins, 0);
	CHECK_EQ(of_class(0, N_DONE), 1);
	CHECK_EQ(mix_down(), 0);
}

/* RST when some of the answer is there; without any it did not do what it was to. */
static void
test_cut(void)
{
	one("[a]\nkind = cut\nhttp = /\n");
	turns(50);
	CHECK_EQ(sent.rsts, 0);
	say("HTTP/1.1 2");
	CHECK_EQ(sent.rsts, 1);
	CHECK_EQ(of_class(0, N_DONE), 1);
	CHECK_EQ(mix_down(), 0);
	one("[a]\nkind = cut\nhttp = /\n");
	got();
	sock_close(srv);
	CHECK_EQ(of_class(0, N_SHORT), 1);
	CHECK(mix_down() > 0);
}

/* What it does not read fills its window, and stays there. */
static void
test_deaf(void)
{
	struct tern_info info;

	one("[a]\nkind = deaf\nrequest-size = 10\nstay-ms = 5000\nclose = reset\n");
	CHECK_EQ(strlen(got()), 10);
	srv->to_send = 2 << 20;
	tern_conn_info(srv->c, &info, sizeof(info));
	while (srv->to_send && sock_send(srv, RTE_MIN(srv->to_send, (uint64_t)65536)) > 0)
		run();
	turns(4000);
	CHECK(tern_send_queued(srv->c) > 0);
	CHECK_EQ(of_class(0, N_DONE), 0);
	turns(1010);
	CHECK_EQ(of_class(0, N_DONE), 1);
	CHECK_EQ(srv->err, -ECONNRESET);
	CHECK_EQ(mix_down(), 0);
}

/* --- requests ------------------------------------------------------------------------------------------------ */

/* Each class counts by itself; a range goes round. */
static void
test_numbers(void)
{
	char want[80];
	unsigned int i;

	one("[a]\nhttp = /{n}/of/{n:8-10}.html\nrequests-per-conn = 5\n");
	for (i = 0; i < 5; i++) {
		snprintf(want, sizeof(want), "GET /%u/of/%u.html HTTP/1.1\r\nHost: ", i, 8 + i % 3);
		CHECK(strncmp(got(), want, strlen(want)) == 0);
		say(OK "Content-Length: 0\r\n\r\n");
	}
	CHECK_EQ(of_class(0, N_DONE), 1);
	CHECK_EQ(of_class(0, N_REQUESTS), 5);
	sock_close(srv);
	CHECK_EQ(mix_down(), 0);
}

/* Of three workers the others have the numbers between. */
static void
test_numbers_of_three(void)
{
	char want[80];
	unsigned int i;

	one_of(3, "[a]\nhttp = /{n}\nrequests-per-conn = 4\n");
	for (i = 0; i < 4; i++) {
		snprintf(want, sizeof(want), "GET /%u HTTP/1.1\r\n", 3 * i);
		CHECK(strncmp(got(), want, strlen(want)) == 0);
		say(OK "Content-Length: 0\r\n\r\n");
	}
	sock_close(srv);
	CHECK_EQ(mix_down(), 0);
}

/* A POST has its body, a HEAD's answer has none, and a status that is to come is right. */
static void
test_methods(void)
{
	const char *text;

	one("[a]\nhttp = /form\nmethod = POST\nbody-size = 20000\nstatus = 303\n");
	text = got();
	CHECK(strncmp(text, "POST /form HTTP/1.1\r\n", 21) == 0 && strstr(text, "\r\nContent-Length: 20000\r\n"));
	CHECK_EQ(sent.bytes, strstr(text, "\r\n\r\n") + 4 - text + 20000);
	say("HTTP/1.1 303 See Other\r\nContent-Length: 2\r\n\r\nhi");
	CHECK_EQ(of_class(0, N_DONE), 1);
	sock_close(srv);
	CHECK_EQ(mix_down(), 0);
	one("[a]\nhttp = /\nmethod = HEAD\nrequests-per-conn = 2\n");
	CHECK(strncmp(got(), "HEAD / ", 7) == 0);
	say(OK "Content-Length: 500\r\n\r\n");
	CHECK(strncmp(got(), "HEAD / ", 7) == 0);
	say(OK "Transfer-Encoding: chunked\r\n\r\n");
	CHECK_EQ(of_class(0, N_DONE), 1);
	sock_close(srv);
	CHECK_EQ(mix_down(), 0);
	one("[a]\nhttp = /\nstatus = 404\n");
	got();
	say(OK "Content-Length: 0\r\n\r\n");
	CHECK_EQ(of_class(0, N_BAD), 1);
	CHECK(mix_down() > 0);
}

/* 20,000 bytes at 1000 a second, there or back. */
static void
test_slow(void)
{
	uint64_t began_us;
	unsigned int i;

	one("[a]\nrequest-size = 20000\nsend-rate = 1000\nresponse-size = 1\n");
	began_us = bed.now_us;
	for (i = 0; i < 10; i++) {
		turns(1000);
		CHECK(llabs((int64_t)sent.bytes - 1000 * (i + 1)) <= 110);
		got();
	}
	turns(10000);
	CHECK_EQ(sent.bytes, 20000);
	CHECK(sent.last_us - began_us >= 19 * SEC && sent.last_us - began_us <= 21 * SEC);
	say("\1");
	CHECK_EQ(of_class(0, N_DONE), 1);
	sock_close(srv);
	CHECK_EQ(mix_down(), 0);

	one("[a]\nrequest-size = 1\nread-rate = 1000\nresponse-size = 20000\n");
	for (i = 0; i < 200; i++) { /* each is an event */
		CHECK_EQ(tern_send(srv->c, role_pattern(i * 100), 100, 0), 100);
		turns(10);
	}
	for (i = 2; i < 19; i++) {
		turns(1000);
		CHECK(llabs((int64_t)role_sum(&stack, N_BYTES) - 1000 * (i + 1)) <= 210);
	}
	CHECK_EQ(of_class(0, N_DONE), 0);
	turns(1100);
	CHECK_EQ(of_class(0, N_DONE), 1);
	sock_close(srv);
	CHECK_EQ(mix_down(), 0);
}

/* A request that goes slowly keeps its number, and one that is reset in the middle is over. */
static void
test_slow_number(void)
{
	struct mixed_conn *gone;
	unsigned int i;

	one("[a]\nhttp = /{n:70-79}\nsend-rate = 100\nrequests-per-conn = 3\n");
	for (i = 0; i < 2; i++) {
		turns(5000);
		CHECK(strncmp(got(), i ? "GET /71 HTTP" : "GET /70 HTTP", 12) == 0);
		say(OK "Content-Length: 0\r\n\r\n");
	}
	turns(500);
	CHECK(sent.bytes > 210);
	sock_abort(srv);
	turns(300);
	CHECK_EQ(of_class(0, N_REQUESTS), 2);
	CHECK_EQ(of_class(0, N_REOPENED), 1); /* asked as the server left: again */
	srv = sock_accept(SERVER);
	CU_ASSERT_FATAL(srv != NULL);
	sock_abort(srv); /* and of this one it read nothing */
	gone = (struct mixed_conn *)SLIST_FIRST(&((struct client *)stack.state[0])->slab.idle);
	CHECK(gone && !tern_timer_stop(TW_(&bed.n[0]), &gone->timer));
	turns(5000);
	CHECK_EQ(of_class(0, N_RESET), 1);
	CHECK(mix_down() > 0);
}

/* A server may end who thinks; then it is opened again when it has thought. */
static void
test_think(void)
{
	one("[a]\nhttp = /\nrequests-per-conn = 3\nthink-ms = 20000\n");
	CHECK(*got() != 0);
	say(OK "Content-Length: 0\r\n\r\n");
	turns(19990);
	CHECK(*got() == 0);
	turns(20);
	CHECK(*got() != 0);
	say(OK "Content-Length: 0\r\n\r\n");
	sock_close(srv);
	turns(19950);
	CHECK_EQ(of_class(0, N_REOPENED), 1);
	CHECK(sock_accept(SERVER) == NULL);
	turns(60);
	srv = sock_accept(SERVER);
	CU_ASSERT_FATAL(srv != NULL);
	CHECK(*got() != 0);
	say(OK "Content-Length: 0\r\n\r\n");
	CHECK_EQ(of_class(0, N_DONE), 1);
	CHECK_EQ(of_class(0, N_REQUESTS), 3);
	CHECK_EQ(of_class(0, N_OPENED), 1);
	sock_close(srv);
	CHECK_EQ(mix_down(), 0);
}

/* The run ends while one thinks, opened or to be opened again: it is done. */
static void
test_stop(void)
{
	unsigned int how;

	for (how = 0; how < 2; how++) {
		one("[a]\nhttp = /\nrequests-per-conn = 3\nthink-ms = 20000\n");
		got();
		say(how ? OK "Content-Length: 0\r\nConnection: close\r\n\r\n" : OK "Content-Length: 0\r\n\r\n");
		turns(100);
		stack.stopping = true;
		turns(2);
		CHECK_EQ(of_class(0, N_DONE), 1);
		CHECK_EQ(stack.finished, 1);
		sock_close(srv);
		CHECK_EQ(mix_down(), 0);
	}
}

/* --- failures ------------------------------------------------------------------------------------------------ */

static void
test_failures(void)
{
	static struct tally t;
	const char *name;
	char text[256], to[TERN_ENDPOINT_LEN];
	struct tern_endpoint closed;
	unsigned int i;

	mix_plan();
	plan.total = 200;
	peer_addr(&closed, 81);
	snprintf(text, sizeof(text), "[good]\nkind = connect\n[bad]\nconnect = %s\nkind = silent\n",
		 tern_endpoint_format(&closed, to));
	mix_start(text);
	SERVER->auto_accept = true;
	for (i = 0; i < 2000 && !stack.finished; i++)
		turns(1);
	CHECK_EQ(of_class(0, N_DONE) + of_class(1, N_REFUSED), 200);
	CHECK(of_class(1, N_REFUSED) > 50 && of_class(0, N_DONE) > 50);
	CHECK_EQ(of_class(1, N_DONE) + of_class(0, N_REFUSED), 0);
	CHECK(role_client.tally_class(&stack, 1, &name, &t) && strcmp(name, "bad") == 0);
	CHECK_EQ(t.failures[0], of_class(1, N_REFUSED));
	CHECK(!role_client.tally_class(&stack, 2, &name, &t));
	client_tally(&stack, &t);
	CHECK_EQ(t.last[0][0].remote.port, htons(81));
	CHECK_EQ(mix_down(), t.failures[0]);
}

/* --- the http role ------------------------------------------------------------------------------------------- */

extern const struct role role_http;

static char root[] = "/tmp/test_mix.XXXXXX";

/* Once: a page, and a file that no window has room for. */
static void
make_root(void)
{
	static const char zeroes[4096];
	unsigned int i;
	char path[80];
	FILE *f;

	if (!strstr(root, "XXXXXX"))
		return;
	CU_ASSERT_FATAL(mkdtemp(root) != NULL);
	option_put(option_find("root", 4), root);
	snprintf(path, sizeof(path), "%s/index.html", root);
	f = fopen(path, "w");
	CU_ASSERT_FATAL(f != NULL && fputs("<html>tern</html>\n", f) >= 0 && fclose(f) == 0);
	snprintf(path, sizeof(path), "%s/large", root);
	f = fopen(path, "w");
	CU_ASSERT_FATAL(f != NULL);
	for (i = 0; i < 1024; i++)
		CHECK_EQ(fwrite(zeroes, sizeof(zeroes), 1, f), 1);
	CU_ASSERT_FATAL(fclose(f) == 0);
}

static void
remove_root(void)
{
	char path[80];

	snprintf(path, sizeof(path), "%s/index.html", root);
	unlink(path);
	snprintf(path, sizeof(path), "%s/large", root);
	unlink(path);
	rmdir(root);
}

/* All kinds at once, over a wire that loses one packet in a hundred: all are done, and both ends count the same. */
static void
test_http(void)
{
	static struct options server_options;
	struct stack server;
	uint64_t answers = 0;
	unsigned int i;

	mix_plan();
	make_root();
	plan.concurrency = 40;
	plan.total = 1000;
	plan.timeout_ms = 60000;
	bed.conf.tcp.time_wait_ms = 1000;
	server_options = options;
	server_options.listen = plan.connect;
	server_options.port = 80;
	server_options.backlog = 64;
	server = (struct stack){.o = &server_options, .role = &role_http, .n_workers = 2}; /* the first has none */
	load("[get]\nweight = 10\nhttp = /index.html?{n}\nrequests-per-conn = 3\nthink-ms = 5\n"
	     "[head]\nweight = 10\nhttp = /large\nmethod = HEAD\nrequests-per-conn = 2\n"
	     "[missing]\nweight = 5\nhttp = /{n}\nstatus = 404\n[half]\nweight = 5\nhttp = /\nkind = half-close\n"
	     "[put]\nweight = 2\nhttp = /\nmethod = PUT\nbody-size = 10\nstatus = 405\nclose = reset\n"
	     "[slow]\nhttp = /\nread-rate = 100\nsend-rate = 1000\n[connect]\nkind = connect\nclose = server\nstay-ms "
	     "= 20\n"
	     "[silent]\nkind = silent\nstay-ms = 100\n[stall]\nkind = stall\nhttp = /\nstay-ms = 100\n"
	     "[abort]\nkind = abort\nhttp = /large\n[cut]\nkind = cut\nhttp = /large\n"
	     "[deaf]\nkind = deaf\nhttp = /large\nstay-ms = 500\n",
	     0);
	bed.dir[0].profile = bed.dir[1].profile = "loss=1%";
	bed_start_pair();
	CU_ASSERT_FATAL(role_http.init(&server) == 0 && role_http.start(&server, TW_(SERVER)) == 0);
	CU_ASSERT_FATAL(role_client.init(&stack) == 0 && role_client.start(&stack, TW_(&bed.n[0])) == 0);
	for (i = 0; i < 300000 && !stack.finished; i++) {
		turns(1);
		role_http.poll(&server, TW_(SERVER), bed.now_us);
	}
	CHECK_EQ(stack.finished, 1);
	for (i = 0; i < mix.n; i++) {
		CHECK(of_class(i, N_OPENED) > 0);
		CHECK_EQ(of_class(i, N_DONE), of_class(i, N_OPENED));
		answers += of_class(i, N_REQUESTS);
	}
	CHECK_EQ(role_sum(&stack, N_REQUESTS), answers);
	CHECK_EQ(answers, 3 * of_class(0, N_DONE) + 2 * of_class(1, N_DONE) + of_class(2, N_DONE) +
				  of_class(3, N_DONE) + of_class(4, N_DONE) + of_class(5, N_DONE));
	role_http.drain(&server, TW_(SERVER));
	CHECK_EQ(mix_down(), 0);
	role_free(&server);
}

/* Ports take turns, of each class. */
static void
test_ports(void)
{
	char text[256], to[TERN_ENDPOINT_LEN];
	unsigned int i;

	mix_plan();
	plan.total = 60;
	snprintf(text, sizeof(text), "[three]\nconnect = %s,3\nkind = connect\n",
		 tern_endpoint_format(&plan.connect, to));
	mix_start(text);
	for (i = 1; i < 3; i++)
		CHECK_EQ(node_listen(SERVER, 80 + i, 16, &SERVER->l[i]), 0);
	SERVER->auto_accept = true;
	for (i = 0; i < 2000 && !stack.finished; i++)
		turns(1);
	CHECK_EQ(of_class(0, N_DONE), 60);
	for (i = 0; i < 3; i++)
		CHECK_EQ(sent.syns[i], 20);
	CHECK_EQ(mix_down(), 0);
}

int
main(int argc, char **argv)
{
	static CU_TestInfo tests[] = {
		{"shares", test_shares},
		{"exact shares", test_exact_shares},
		{"classes", test_classes},
		{"ports", test_ports},
		{"half-close", test_half_close},
		{"silent", test_silent},
		{"silent ones end", test_silent_ended},
		{"stall", test_stall},
		{"abort", test_abort},
		{"cut", test_cut},
		{"deaf", test_deaf},
		{"numbers in paths", test_numbers},
		{"numbers of three workers", test_numbers_of_three},
		{"methods", test_methods},
		{"slow", test_slow},
		{"slow with a number", test_slow_number},
		{"think", test_think},
		{"stop", test_stop},
		{"whose failure", test_failures},
		{"the http role", test_http},
		CU_TEST_INFO_NULL,
	};
	int rc;

	rc = harness_main(argc, argv, "mix", tests);
	remove_root();
	return rc;
}
