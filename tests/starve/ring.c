/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ring ROLE send|get|holes COUNT REQUESTS SEGMENTS: a cell of scripts/starve.sh without a kernel. A worker with a role
 * of app/ and default settings at one end of an in-memory cable; at the other the crowd, connections of a worker of
 * their own or raw ones, and the lively client, a worker, too. Virtual time, a poll of each in turn TURN_US apart: so
 * the latency that is printed counts polls, and is the same however busy the machine is. A poll receives BURST frames,
 * whatever they cost.
 */
#include <err.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include "cable.h"
#include "raw.h"
#include "requests.h"

#define TURN_US 20u
#define SECOND_US UINT64_C(1000000)
#define GATHER_US (60 * SECOND_US)
#define STAY_US (2 * SECOND_US)
#define BACK_US (5 * SECOND_US)
#define TIMEOUT_US (5 * SECOND_US)
#define REQUEST_US 2000u /* from one to the next: 1,000 see what the crowd does in 2 s */
#define LOOK_US 1000u /* at the pool */
#define PING_US 100000u
#define PAGE_BIG (10u << 20)
#define SIZE 64u /* of a request and a response, as --role serve has them */
#define AT_ONCE 256u /* connections being opened, of the crowd */
#define MBUFS 16384u
#define CROWD_RCVBUF 4096u
#define HOST 1u /* last octets of 192.0.2.0/24 */
#define LIVELY 2u
#define CROWD 3u

extern const struct role role_http, role_echo, role_discard;

static uint64_t now_us = SECOND_US;
static uint16_t cable[2];
static struct tern_worker *server, *lively, *crowd;
static struct stack stack;
static struct tern_endpoint to = {.af = TERN_AF_INET, .addr = {192, 0, 2, HOST}};
static uint32_t mbufs_least;

/* --- the crowd ------------------------------------------------------------------------------------------------ */

static char bulk[65536];
static struct member {
	struct tern_conn *c;
	bool in;
} *members;
static struct raw raw;
static bool is_raw, gets, leaving, coming;
static unsigned int begun, opening, connected, gone, left;

static void
push(struct tern_conn *c, void *user)
{
	while (!gets && tern_send(c, bulk, sizeof(bulk), 0) > 0)
		;
}

static void
on_member(struct tern_conn *c, void *user)
{
	static const char get[] = "GET /10m.bin HTTP/1.1\r\nHost: a\r\n\r\n";

	((struct member *)user)->in = true;
	opening--;
	connected++;
	if (gets)
		tern_send(c, get, sizeof(get) - 1, 0);
	push(c, user);
}

static void
on_member_closed(struct tern_conn *c, void *user, int why)
{
	struct member *m = user;

	m->c = NULL;
	opening -= !m->in;
	connected -= m->in;
	gone++;
}

static void
join(void)
{
	static const struct tern_ops ops = {.connected = on_member, .writable = push, .closed = on_member_closed};
	struct member *m = &members[begun];

	if (tern_connect(crowd, NULL, &to, &ops, m, &m->c))
		return;
	begun++;
	opening++;
}

static bool
put(const uint8_t *f, unsigned int n)
{
	return cable_put(crowd, cable[1], f, n);
}

/* @return true: all are there. */
static bool
gathered(void)
{
	return is_raw ? raw.done + raw.gone == raw.n : begun == raw.n && !opening;
}

static void
crowd_leaves(void)
{
	for (unsigned int i = 0; i < BURST && left < raw.n; i++, left++) {
		if (is_raw && !raw_leave(&raw, left))
			return;
		if (members[left].c)
			tern_abort(members[left].c);
	}
}

static void
crowd_turn(void)
{
	unsigned int i;

	if (leaving)
		crowd_leaves();
	else if (coming && is_raw)
		for (i = 0; i < AT_ONCE && !gathered(); i++)
			raw_step(&raw, begun++ % raw.n, now_us);
	else if (coming)
		for (i = 0; i < BURST && begun < raw.n && opening < AT_ONCE; i++)
			join();
}

/* --- the lively client ----------------------------------------------------------------------------------------- */

struct lively {
	struct tern_conn *c;
	uint64_t at_us, *us;
	unsigned int n, done, failed, got;
};

static struct lively *asks; /* what it does now; NULL: nothing */

static void
end_request(struct tern_conn *c, bool ok)
{
	tern_close(c);
	asks->c = NULL;
	if (ok)
		asks->us[asks->done++] = now_us - asks->at_us;
	else
		asks->failed++;
}

static void
on_lively(struct tern_conn *c, void *user)
{
	static const char page[] = "GET /index.html HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

	if (stack.role == &role_http)
		tern_send(c, page, sizeof(page) - 1, 0);
	else
		tern_send(c, bulk, SIZE, 0);
	if (stack.role == &role_discard)
		tern_shutdown(c, TERN_SHUT_WR);
}

static void
on_answer(struct tern_conn *c, void *user)
{
	char buf[4096];
	ssize_t k;

	while ((k = tern_recv(c, buf, sizeof(buf))) > 0)
		asks->got += k;
	if (stack.role == &role_echo || stack.role == &role_serve) {
		if (asks->got >= SIZE)
			end_request(c, asks->got == SIZE);
	} else if (tern_recv_eof(c)) {
		end_request(c, stack.role == &role_http ? asks->got > SIZE : !asks->got);
	}
}

static void
on_lively_closed(struct tern_conn *c, void *user, int why)
{
	asks->c = NULL;
	asks->failed++;
}

static void
lively_turn(void)
{
	static const struct tern_ops ops = {.connected = on_lively, .readable = on_answer, .closed = on_lively_closed};

	if (!asks)
		return;
	if (asks->c && now_us - asks->at_us > TIMEOUT_US) {
		tern_abort(asks->c);
		asks->c = NULL;
		asks->failed++;
	}
	if (asks->c || asks->done + asks->failed == asks->n || now_us - asks->at_us < REQUEST_US)
		return;
	asks->at_us = now_us;
	asks->got = 0;
	if (tern_connect(lively, NULL, &to, &ops, NULL, &asks->c))
		asks->failed++;
}

/* --- ping ------------------------------------------------------------------------------------------------------- */

static unsigned int pings, pongs;
static uint64_t ping_us;

static void
ping_turn(void)
{
	uint8_t f[60] = {2, 0, 0, 0, 0, HOST, 2, 0, 0, 0, 0, LIVELY, 8, 0, 0x45};

	if (!ping_us || now_us < ping_us)
		return;
	raw_be(f + 16, 46, 2);
	f[22] = 64;
	f[23] = 1;
	raw_be(f + 26, 0xc0000200 + LIVELY, 4);
	raw_be(f + 30, 0xc0000200 + HOST, 4);
	raw_be(f + 24, raw_sum(f + 14, 20, 0), 2);
	f[34] = 8;
	raw_be(f + 40, pings, 2);
	raw_be(f + 36, raw_sum(f + 34, 26, 0), 2);
	if (!put(f, sizeof(f)))
		return; /* the cable is full */
	pings++;
	ping_us += PING_US;
}

/* --- the cable --------------------------------------------------------------------------------------------------- */

/* A frame of the server's, to whom it is for; what is for all, to the lively one as a copy. */
static void
hand_out(struct rte_mbuf *m)
{
	const uint8_t *f = rte_pktmbuf_mtod(m, const uint8_t *);
	struct rte_mbuf *copy;

	if (f[0] & 1) {
		copy = rte_pktmbuf_copy(m, lively->mbufs.pool, 0, UINT32_MAX);
		if (copy)
			worker_input(lively, 0, &copy, 1);
	} else if (f[5] == LIVELY) {
		pongs += f[12] == 8 && f[13] == 0 && f[23] == 1 && f[34] == 0;
		worker_input(lively, 0, &m, 1);
		return;
	}
	if (is_raw) {
		raw_input(&raw, f, m->data_len);
		rte_pktmbuf_free(m);
	} else {
		worker_input(crowd, 0, &m, 1);
	}
}

static void
server_turn(void)
{
	cable_receive(server, cable[0], now_us);
	stack.role->poll(&stack, server, now_us);
	cable_transmit(server, cable[0]);
	if (now_us % LOOK_US == 0)
		mbufs_least = RTE_MIN(mbufs_least, rte_mempool_avail_count(server->mbufs.pool));
}

static void
turn(void)
{
	struct rte_mbuf *m[4 * BURST];
	unsigned int i, n;

	now_us += TURN_US;
	server_turn();
	worker_set_time(lively, now_us);
	worker_set_time(crowd, now_us);
	n = rte_eth_rx_burst(cable[1], 0, m, RTE_DIM(m));
	for (i = 0; i < n; i++)
		hand_out(m[i]);
	ping_turn();
	lively_turn();
	worker_run(lively);
	cable_transmit(lively, cable[1]);
	crowd_turn();
	worker_run(crowd);
	cable_transmit(crowd, cable[1]);
}

static void
pass(uint64_t us)
{
	const uint64_t until = now_us + us;

	while (now_us < until)
		turn();
}

/* --- a cell ------------------------------------------------------------------------------------------------------- */

static int
by_size(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void
work(const char *when, unsigned int n)
{
	struct lively l = {.n = n, .us = calloc(n + 1, sizeof(*l.us))};

	if (!l.us)
		err(1, "requests");
	asks = &l;
	while (l.done + l.failed < n)
		turn();
	asks = NULL;
	qsort(l.us, l.done, sizeof(*l.us), by_size);
	printf("%s done %u failed %u p50 %lu p99 %lu\n", when, l.done, l.failed, l.us[l.done / 2],
	       l.us[l.done * 99 / 100]);
	free(l.us);
}

static void
cell(unsigned int requests)
{
	const uint32_t crowd_free = rte_mempool_avail_count(crowd->mbufs.pool);
	uint32_t before;
	size_t heap_before;
	uint64_t until;

	work("quiet", requests);
	pass(SECOND_US);
	before = mbufs_least = rte_mempool_avail_count(server->mbufs.pool);
	heap_before = cable_heap();
	ping_us = now_us;
	if (is_raw) {
		raw_ask(&raw);
		pass(SECOND_US / 100);
		raw_announce(&raw);
	}
	coming = true;
	for (until = now_us + GATHER_US; now_us < until && !gathered();)
		turn();
	pass(STAY_US);
	printf("all %u gone %u\n", is_raw ? raw.done : connected, is_raw ? raw.gone : gone);
	work("busy", requests);
	leaving = true;
	pass(BACK_US);
	ping_us = 0;
	pass(SECOND_US / 100);
	printf("pings sent %u answered %u mbufs before %u least %u after %u crowd-lacks %u charged %u heap-grew %zd\n",
	       pings, pongs, before, mbufs_least, rte_mempool_avail_count(server->mbufs.pool),
	       crowd_free - rte_mempool_avail_count(crowd->mbufs.pool), server->mem.own + server->mem.foreign,
	       cable_heap() - heap_before);
}

/* --- setting up ------------------------------------------------------------------------------------------------- */

static struct tern_worker *
end_make(const char *name, unsigned int host, unsigned int addrs, struct tern_conf conf, unsigned int mbufs)
{
	const struct tern_if_conf ifc = {.addr4 = {192, 0, 2, host}, .prefix4 = 24, .addr4_count = addrs};

	return cable_end(name, &ifc, host, conf, mbufs, now_us);
}

/* A page of 10 MB and a short one; they stay mapped. */
static void
pages(void)
{
	static const char text[] =
		"<html><body>tern, a page of more than sixty-four bytes with its head</body></html>\n";
	static char dir[] = "/tmp/tern-ring.XXXXXX";
	char *root[] = {"ring", "--root", dir};
	FILE *f;

	if (!mkdtemp(dir) || chdir(dir) || !(f = fopen("index.html", "w")) || fputs(text, f) < 0 || fclose(f) ||
	    !(f = fopen("10m.bin", "w")) || ftruncate(fileno(f), PAGE_BIG) || fclose(f))
		err(1, "%s", dir);
	if (options_argv(RTE_DIM(root), root) || stack.role->init(&stack))
		exit(1);
	unlink("index.html");
	unlink("10m.bin");
	if (chdir("/") || rmdir(dir))
		err(1, "%s", dir);
}

static void
server_make(const char *name)
{
	static const struct role *const all[] = {&role_http, &role_echo, &role_discard, &role_serve};

	for (unsigned int i = 0; i < RTE_DIM(all); i++)
		if (strcmp(name, all[i]->name) == 0)
			stack.role = all[i];
	if (!stack.role || options_init())
		errx(1, "no role %s", name);
	options.listen.af = TERN_AF_INET;
	stack.o = &options;
	stack.n_workers = 1;
	server = end_make("server", HOST, 1, options.conf, MBUFS);
	options.conf = server->conf;
	if (stack.role == &role_http)
		pages();
	else if (stack.role->init && stack.role->init(&stack))
		exit(1);
	if (stack.role->start(&stack, server))
		exit(1);
	to.port = htons(options.port);
}

int
main(int argc, char **argv)
{
	char *eal[] = {argv[0], "--no-huge", "--no-pci", "--no-shconf", "--no-telemetry", "-m", "384", "-l", "0", NULL};
	struct tern_conf client, many;

	tern_conf_init(&client, sizeof(client));
	many = client;
	many.tcp.rcv_buf = many.tcp.rcv_buf_max = CROWD_RCVBUF;
	if (argc != 6)
		errx(1, "ring ROLE send|get|holes COUNT REQUESTS SEGMENTS");
	if (rte_eal_init(RTE_DIM(eal) - 1, eal) < 0 || tern_ring_pair("starve", 1, SLOTS, cable))
		errx(1, "EAL");
	setvbuf(stdout, NULL, _IOLBF, 0);
	server_make(argv[1]);
	cable_device(cable[0], server->mbufs.pool);
	cable_device(cable[1], server->mbufs.pool);
	lively = end_make("lively", LIVELY, 1, client, 4095);
	crowd = end_make("crowd", CROWD, 4, many, MBUFS);
	is_raw = strcmp(argv[2], "holes") == 0;
	gets = strcmp(argv[2], "get") == 0;
	raw = (struct raw){
		.host = 0xc0000200 + HOST, .port = options.port, .n = atoi(argv[3]), .segs = atoi(argv[5]), .put = put};
	members = calloc(raw.n, sizeof(*members));
	raw_init(&raw);
	cell(atoi(argv[4]));
	for (unsigned int i = 0; i < STAT_COUNT; i++)
		printf("%s %lu\n", stats_name(i), server->stats[i]);
	return 0;
}
