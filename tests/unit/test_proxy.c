/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The proxy of app/ on worker 1: its client is a socket of worker 0, in virtual time; its backend a socket of the
 * kernel's that the test listens on, over the loopback or by a path. Only turn() gives it a poll.
 */
#define _GNU_SOURCE /* accept4() */
#include <unistd.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include "rolebed.h"

#define TURNS 20000u /* at most, for anything */
#define TURN_US 100u
#define BULK (8u << 20) /* more than all buffers together */

/* As role_proxy.c counts. */
enum { N_UP = SERVER_OWN, N_REFUSED, N_TIMEOUT, N_NO_FD, N_RESET, N_IDLE, N_CUT };

extern const struct role role_proxy;

static char dir[] = "/tmp/tern-proxy-XXXXXX", path[64];
static int listener = -1, backend = -1;

static void
turn(void)
{
	role_poll();
	advance_us(TURN_US);
}

#define UNTIL(cond)                                                                                                    \
	do {                                                                                                           \
		unsigned int turns_;                                                                                   \
		bool ok_ = (cond);                                                                                     \
		for (turns_ = 0; !ok_ && turns_ < TURNS; turns_++) {                                                   \
			turn();                                                                                        \
			ok_ = (cond);                                                                                  \
		}                                                                                                      \
		check_at(ok_, __FILE__, __LINE__, "%s", #cond);                                                        \
	} while (0)

static void
option(const char *name, const char *val)
{
	CU_ASSERT_FATAL(option_put(option_find(name, strlen(name)), val) == 0);
}

/* A listener of the kernel's, and --to says where. */
static void
listen_at(bool tcp, int backlog)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	socklen_t len = sizeof(in);
	char to[sizeof(path) + 8];

	listener = socket(tcp ? AF_INET : AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	memcpy(un.sun_path, path, sizeof(path));
	unlink(path);
	CU_ASSERT_FATAL(tcp ? !bind(listener, (struct sockaddr *)&in, sizeof(in))
			    : !bind(listener, (struct sockaddr *)&un, sizeof(un)));
	CU_ASSERT_FATAL(listen(listener, backlog) == 0);
	getsockname(listener, (struct sockaddr *)&in, &len);
	if (tcp)
		snprintf(to, sizeof(to), "127.0.0.1:%u", ntohs(in.sin_port));
	else
		snprintf(to, sizeof(to), "unix:%s", path);
	option("to", to);
}

static void
accept_backend(void)
{
	UNTIL((backend = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0);
	turn(); /* the proxy hears of it */
}

static void
proxy_options(void)
{
	role_options(&role_proxy);
	option("proxy-protocol", "no");
}

/* A client that is joined. */
static void
proxy_up(bool tcp)
{
	proxy_options();
	listen_at(tcp, 16);
	role_start();
	accept_backend();
}

static void
proxy_down(void)
{
	if (s->c)
		sock_abort(s);
	stack.role->drain(&stack, TW_(SERVER));
	advance_us(10 * SEC); /* beyond half of --drain-ms */
	run();
	CHECK_EQ(((struct server *)stack.state[1])->slab.n_active, 0);
	if (backend >= 0)
		close(backend);
	if (listener >= 0)
		close(listener);
	backend = listener = -1;
	unlink(path);
	bed_down();
	role_proxy.report(&stack);
	role_free(&stack);
}

static uint64_t
count(unsigned int k)
{
	return role_sum(&stack, k);
}

/* Bytes of the stream from pos on, as many as read() or tern_recv() gave; so a byte lost or doubled is seen. */
static void
fill(uint8_t *p, size_t n, size_t pos)
{
	for (size_t i = 0; i < n; i++)
		p[i] = pat(pos + i);
}

static void
compare(const uint8_t *p, size_t n, size_t pos)
{
	size_t i;

	for (i = 0; i < n && p[i] == pat(pos + i); i++)
		;
	check_at(i == n, __FILE__, __LINE__, "byte %zu of the stream is another one", pos + i);
}

static uint8_t buf[1 << 16];
static size_t sent, got;

/* Whoever reads must get this next, within TURNS. */
static void
backend_gets(const void *want, size_t n)
{
	size_t have = 0;
	ssize_t k = 0;

	UNTIL((k = read(backend, buf + have, n - have)) > 0 && (have += k) == n);
	CHECK(memcmp(buf, want, n) == 0);
}

static void
client_gets(const char *want)
{
	UNTIL(tern_recv_queued(s->c) >= strlen(want));
	CHECK_EQ(tern_recv(s->c, buf, sizeof(buf)), strlen(want));
	CHECK(memcmp(buf, want, strlen(want)) == 0);
}

static void
backend_says(const char *text)
{
	CHECK_EQ(write(backend, text, strlen(text)), strlen(text));
}

/* --- text ---------------------------------------------------------------------------------------------------- */

static void
test_there_and_back(void)
{
	unsigned int tcp, i;

	for (tcp = 0; tcp < 2; tcp++) {
		proxy_up(tcp);
		for (i = 0; i < 3; i++) {
			say("hello", 5);
			backend_gets("hello", 5);
			backend_says("world!");
			client_gets("world!");
		}
		CHECK_EQ(count(N_UP), 15);
		CHECK_EQ(count(SERVER_DONE), 18);
		proxy_down();
	}
}

/* Who the client is comes first, whether it or the server speaks first. The bytes are those of section 2.2. */
static void
test_proxy_head(void)
{
	static const uint8_t signature[] = {0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a,
					    0x51, 0x55, 0x49, 0x54, 0x0a, 0x21};
	const unsigned int a = bed.af == TERN_AF_INET ? 4 : 16;
	uint8_t want[64], tail[4];
	struct tern_info info;
	unsigned int tcp, n;

	for (tcp = 0; tcp < 2; tcp++) {
		proxy_options();
		listen_at(tcp, 16);
		option("proxy-protocol", "yes");
		role_start();
		accept_backend();
		tern_conn_info(s->c, &info, sizeof(info));
		memcpy(want, signature, 13);
		want[13] = a == 4 ? 0x11 : 0x21;
		want[14] = 0;
		want[15] = a == 4 ? 12 : 36;
		memcpy(want + 16, info.local.addr, a);
		memcpy(want + 16 + a, info.remote.addr, a);
		memcpy(tail, &info.local.port, 2);
		tail[2] = 0, tail[3] = 80;
		memcpy(want + 16 + 2 * a, tail, 4);
		n = 16 + 2 * a + 4;
		if (tcp) { /* text is there already */
			say("hello", 5);
			memcpy(want + n, "hello", 5);
			n += 5;
		}
		backend_gets(want, n);
		say("again", 5);
		backend_gets("again", 5);
		proxy_down();
	}
}

static void
client_sends(size_t to)
{
	size_t n = RTE_MIN(sizeof(buf), to - sent);
	ssize_t k;

	fill(buf, n, sent);
	k = n ? tern_send(s->c, buf, n, 0) : 0;
	sent += RTE_MAX(k, 0);
	run();
}

static void
backend_sends(size_t to)
{
	size_t n = RTE_MIN(sizeof(buf), to - sent);
	ssize_t k;

	fill(buf, n, sent);
	k = write(backend, buf, n);
	sent += RTE_MAX(k, 0);
}

static void
client_reads(void)
{
	const ssize_t k = tern_recv(s->c, buf, sizeof(buf));

	compare(buf, RTE_MAX(k, 0), got);
	got += RTE_MAX(k, 0);
	run();
}

static void
backend_reads(void)
{
	const ssize_t k = read(backend, buf, sizeof(buf));

	compare(buf, RTE_MAX(k, 0), got);
	got += RTE_MAX(k, 0);
}

/*
 * One side sends without end, the other does not read: all comes to a halt, with no more in tern than its buffers hold.
 * Then the other reads, and everything is there.
 */
static void
halt_and_go(bool tcp, void (*send)(size_t to), void (*recv)(void))
{
	struct node *n = SERVER;
	unsigned int still;
	size_t before;

	proxy_up(tcp);
	sent = got = 0;
	for (still = 0; still < 100;) {
		before = sent;
		send(BULK);
		turn();
		still = sent == before ? still + 1 : 0;
	}
	check_at(sent < BULK, __FILE__, __LINE__, "%zu bytes were taken that nobody read", sent);
	CHECK(n->mbufs - rte_mempool_avail_count(n->w->mbufs.pool) < n->mbufs / 2);
	CHECK_EQ(TAILQ_EMPTY(&((struct server *)stack.state[1])->slab.again), true); /* it waits for an event */
	UNTIL((send(BULK), recv(), got == BULK));
	CHECK_EQ(sent, BULK);
	proxy_down();
}

static void
test_slow_backend(void)
{
	halt_and_go(false, client_sends, backend_reads);
	halt_and_go(true, client_sends, backend_reads);
}

static void
test_slow_client(void)
{
	halt_and_go(false, backend_sends, client_reads);
	halt_and_go(true, backend_sends, client_reads);
}

/* Without an mbuf for it the backend's text stays where it is. */
static void
test_starved(void)
{
	static struct rte_mbuf *taken[2][16384];
	struct rte_mempool *mp[2];
	unsigned int n[2] = {0}, i;

	proxy_up(false);
	mp[0] = SERVER->w->mbufs.pool;
	mp[1] = SERVER->w->mbufs.small;
	for (i = 0; i < 2; i++)
		while (rte_mempool_avail_count(mp[i]) > (i ? 0 : mp[i]->size / 10) && n[i] < RTE_DIM(taken[i]))
			taken[i][n[i]++] = rte_pktmbuf_alloc(mp[i]);
	advance_us(2 * MS);
	sent = got = 0;
	backend_sends(20000);
	for (i = 0; i < 100; i++)
		turn();
	CHECK_EQ(count(SERVER_DONE), 0);
	for (i = 0; i < 2; i++)
		rte_pktmbuf_free_bulk(taken[i], n[i]);
	UNTIL((client_reads(), got == 20000));
	proxy_down();
}

/* --- ends ---------------------------------------------------------------------------------------------------- */

/* The client says all, then the backend answers; and the other way round. */
static void
test_half_close(void)
{
	unsigned int tcp;

	for (tcp = 0; tcp < 2; tcp++) {
		proxy_up(tcp);
		say("hello", 5);
		sock_shutdown(s);
		backend_gets("hello", 5);
		UNTIL(read(backend, buf, 1) == 0);
		backend_says("answer");
		client_gets("answer");
		close(backend);
		UNTIL(s->closed);
		CHECK_EQ(s->err, 0);
		CHECK_EQ(((struct server *)stack.state[1])->slab.n_active, 0);

		CHECK_EQ(node_connect(80, 0, &s), 0);
		run();
		accept_backend();
		backend_says("hello");
		shutdown(backend, SHUT_WR);
		client_gets("hello");
		UNTIL(tern_recv_eof(s->c));
		say("answer", 6);
		backend_gets("answer", 6);
		sock_shutdown(s);
		UNTIL(read(backend, buf, 1) == 0);
		CHECK_EQ(count(SERVER_FAILED) + count(N_CUT) + count(N_RESET), 0);
		proxy_down();
	}
}

/* The backend said all, and the client, too, before the backend has read: nothing of it is lost. */
static void
test_left(void)
{
	unsigned int i;

	proxy_up(false);
	sent = got = 0;
	shutdown(backend, SHUT_WR);
	UNTIL(tern_recv_eof(s->c));
	for (i = 0; i < 100; i++) {
		client_sends(400000);
		turn();
	}
	CHECK_EQ(sent, 400000);
	CHECK_EQ(tern_send_queued(s->c), 0); /* all of it is with the proxy */
	sock_shutdown(s);
	UNTIL(s->closed);
	CHECK_EQ(s->err, 0);
	UNTIL((backend_reads(), got == 400000));
	UNTIL(read(backend, buf, 1) == 0);
	UNTIL(((struct server *)stack.state[1])->slab.n_active == 0);
	CHECK_EQ(count(N_CUT), 0);
	proxy_down();
}

static int
socket_error(int fd)
{
	return read(fd, buf, sizeof(buf)) < 0 && errno != EAGAIN ? errno : 0;
}

static void
test_resets(void)
{
	const struct linger now = {.l_onoff = 1};

	proxy_up(true);
	say("hello", 5);
	backend_gets("hello", 5);
	sock_abort(s);
	UNTIL(socket_error(backend) == ECONNRESET);
	CHECK_EQ(count(SERVER_FAILED), 1);
	CHECK_EQ(node_connect(80, 0, &s), 0);
	run();
	close(backend);
	accept_backend();
	backend_says("the last words");
	setsockopt(backend, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	turn();
	close(backend);
	backend = -1;
	client_gets("the last words");
	UNTIL(s->closed);
	CHECK_EQ(s->err, -ECONNRESET);
	CHECK_EQ(count(N_RESET), 1);
	CHECK_EQ(((struct server *)stack.state[1])->slab.n_active, 0);
	proxy_down();
}

/* The reset is met by what the client sends, and the last words lie before it: they arrive, then the reset does. */
static void
test_reset_while_sending(void)
{
	const struct linger now = {.l_onoff = 1};

	proxy_up(true);
	backend_says("the last words");
	setsockopt(backend, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(backend);
	backend = -1;
	say("hello", 5);
	client_gets("the last words");
	UNTIL(s->closed);
	CHECK_EQ(s->err, -ECONNRESET);
	CHECK_EQ(count(N_RESET), 1);
	proxy_down();
}

/* A socket at a path that is closed, not shut down, takes nothing more: nobody waits for a client that says nothing. */
static void
test_gone(void)
{
	proxy_up(false);
	close(backend);
	backend = -1;
	UNTIL(tern_recv_eof(s->c));
	UNTIL(((struct server *)stack.state[1])->slab.n_active == 0);
	CHECK_EQ(s->closed, 0);
	proxy_down();
}

/* The backend answers and leaves while the client still sends: the answer arrives. */
static void
test_left_early(void)
{
	unsigned int tcp;

	for (tcp = 0; tcp < 2; tcp++) {
		proxy_up(tcp);
		sent = 0;
		client_sends(50000);
		UNTIL(count(N_UP) == 50000);
		backend_says("too much");
		shutdown(backend, SHUT_WR);
		UNTIL(count(SERVER_DONE) == 8);
		close(backend); /* with text that it did not read */
		backend = -1;
		client_gets("too much");
		UNTIL((!s->c || (client_sends(sent + 1000), !s->c)) || tern_recv_eof(s->c));
		UNTIL(((struct server *)stack.state[1])->slab.n_active == 0);
		proxy_down();
	}
}

/* --- no backend ---------------------------------------------------------------------------------------------- */

static void
is_reset(unsigned int k)
{
	UNTIL(s->closed);
	CHECK_EQ(s->err, -ECONNRESET);
	CHECK_EQ(count(k), 1);
	CHECK_EQ(((struct server *)stack.state[1])->slab.n_active, 0);
}

static void
test_refused(void)
{
	unsigned int how;

	for (how = 0; how < 3; how++) { /* no such path, nobody at the path, nobody at the port */
		proxy_options();
		listen_at(how == 2, 1);
		close(listener);
		listener = -1;
		if (!how)
			unlink(path);
		role_start();
		is_reset(N_REFUSED);
		proxy_down();
	}
}

/* The backend's queue is full: clients wait, the first come first, until there is room, or their time is up. */
static void
test_full_queue(void)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	unsigned int in_time;
	struct sock *later;
	int first;

	memcpy(un.sun_path, path, sizeof(path));
	for (in_time = 0; in_time < 2; in_time++) {
		proxy_options();
		listen_at(false, 0);
		first = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		CHECK_EQ(connect(first, (struct sockaddr *)&un, sizeof(un)), 0);
		role_start();
		CHECK_EQ(node_connect(80, 0, &later), 0);
		run();
		CHECK_EQ(tern_send(later->c, "later", 5, 0), 5);
		say("hello", 5);
		advance_us(2 * SEC);
		turn();
		CHECK_EQ(s->closed, 0);
		if (in_time) {
			close(accept(listener, NULL, NULL));
			accept_backend();
			backend_gets("hello", 5);
			close(backend);
			accept_backend();
			backend_gets("later", 5);
			sock_abort(later);
		} else {
			advance_us(4 * SEC);
			CHECK_EQ(count(N_TIMEOUT), 2);
			CHECK_EQ(s->err, -ECONNRESET);
			CHECK_EQ(later->err, -ECONNRESET);
		}
		close(first);
		proxy_down();
	}
}

static void
test_no_descriptor(void)
{
	struct rlimit was, none;

	proxy_options();
	listen_at(false, 16);
	role_start();
	accept_backend();
	getrlimit(RLIMIT_NOFILE, &was);
	none = (struct rlimit){.rlim_cur = 3, .rlim_max = was.rlim_max};
	setrlimit(RLIMIT_NOFILE, &none);
	sock_abort(s);
	CHECK_EQ(node_connect(80, 0, &s), 0);
	UNTIL(s->closed);
	setrlimit(RLIMIT_NOFILE, &was);
	is_reset(N_NO_FD);
	CHECK_EQ(node_connect(80, 0, &s), 0);
	run();
	close(backend);
	accept_backend();
	say("hello", 5);
	backend_gets("hello", 5);
	proxy_down();
}

/* --- time ---------------------------------------------------------------------------------------------------- */

static void
test_idle(void)
{
	proxy_options();
	option("proxy-idle", "10");
	listen_at(true, 16);
	role_start();
	accept_backend();
	advance_us(8 * SEC);
	backend_says("hello"); /* it is not */
	client_gets("hello");
	advance_us(8 * SEC);
	CHECK_EQ(s->closed, 0);
	advance_us(3 * SEC);
	is_reset(N_IDLE);
	CHECK_EQ(socket_error(backend), ECONNRESET);
	proxy_down();
}

/* Who is quiet at half time is closed in order, what would be cut short is reset; a new client is refused. */
static void
test_drain(void)
{
	struct sock *busy;
	int quiet;

	proxy_up(true);
	quiet = backend;
	busy = s;
	sent = 0;
	CHECK_EQ(node_connect(80, 0, &s), 0);
	run();
	accept_backend();
	for (unsigned int i = 0; i < 200; i++) {
		backend_sends(BULK);
		turn();
	}
	stack.role->drain(&stack, TW_(SERVER));
	advance_us(2 * SEC);
	backend = quiet;
	backend_says("hello"); /* to the first client, which s was */
	UNTIL(tern_recv_queued(busy->c) == 5);
	CHECK_EQ(tern_recv(busy->c, buf, sizeof(buf)), 5);
	CHECK_EQ(s->closed, 0);
	advance_us(1 * SEC);
	run();
	CHECK_EQ(s->err, -ECONNRESET);
	CHECK(tern_recv_eof(busy->c));
	CHECK_EQ(read(quiet, buf, 1), 0);
	CHECK_EQ(count(N_CUT), 1);
	sock_close(busy);
	proxy_down();
}

static void
test_where(void)
{
	static const char *const wrong[] = {"",           "192.0.2.1", "192.0.2.1:0", "192.0.2.1:x",
					    "192.0.2:80", "unix:",     "[::1]",       "localhost:80"};
	static const char *const right[] = {"192.0.2.1:80", "[2001:db8::1]:80", "unix:/run/x", "unix:x"};
	char text[5 + sizeof(((struct sockaddr_un *)0)->sun_path) + 1] = "unix:";
	unsigned int i;

	proxy_options();
	for (i = 0; i < RTE_DIM(wrong); i++)
		CHECK(option_put(option_find("to", 2), wrong[i]) == -EINVAL);
	memset(text + 5, 'a', sizeof(text) - 6); /* a byte too long */
	CHECK(option_put(option_find("to", 2), text) == -EINVAL);
	CHECK(role_proxy.check(&options) == -EINVAL);
	for (i = 0; i < RTE_DIM(right); i++) {
		option("to", right[i]);
		CHECK_EQ(role_proxy.check(&options), 0);
	}
	text[sizeof(text) - 2] = 0;
	option("to", text);
}

int
main(int argc, char **argv)
{
	static CU_TestInfo tests[] = {
		{"there and back", test_there_and_back},
		{"who the client is", test_proxy_head},
		{"a slow backend", test_slow_backend},
		{"a slow client", test_slow_client},
		{"starved", test_starved},
		{"half-close", test_half_close},
		{"what is left", test_left},
		{"resets", test_resets},
		{"a reset while sending", test_reset_while_sending},
		{"a backend that is gone", test_gone},
		{"a backend that leaves early", test_left_early},
		{"refused", test_refused},
		{"a full queue", test_full_queue},
		{"no descriptor", test_no_descriptor},
		{"idle", test_idle},
		{"drain", test_drain},
		{"where to", test_where},
		CU_TEST_INFO_NULL,
	};
	int rc;

	if (!mkdtemp(dir))
		return 1;
	snprintf(path, sizeof(path), "%s/sock", dir);
	rc = harness_main(argc, argv, "proxy", tests);
	rmdir(dir);
	return rc;
}
