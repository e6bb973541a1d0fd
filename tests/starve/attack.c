/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * attack SECONDS ADDRESSES MBUFS [real]: one worker of so many mbufs, with role serve, at an end of an in-memory cable
 * (net_ring). At the other a client's worker that opens RATE connections a second, whatever becomes of the earlier
 * ones, each of one request and one response; and, for SECONDS, all kinds of attack (foe.c) at once, sockstress from
 * ADDRESSES. A tenth of the time before it goes without.
 *
 * In virtual time, a turn of each TURN_US apart: so the latency counts polls, of BURST frames each, and is the same
 * however busy the machine is. With "real" time is the clock's, and both ends and the attacker share one lcore. Ends
 * with 1 when a connection of the client failed, a kind of attack did not meet what is to count it, memory grew, an
 * invariant broke, or something was left behind.
 */
#include <err.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include "cable.h"
#include "foe.h"
#include "raw.h"
#include "requests.h"
#include "stack/check.h"
#include "../random.h"

#define RATE 50000u
#define TURN_US 20u
#define SECOND_US UINT64_C(1000000)
#define CATCH_UP 8u /* opens in a turn at most, after the clock stood still: not more than the server takes */
#define AGAIN_US (10 * SECOND_US) /* that the last connections may take */
#define LEAVE_US (90 * SECOND_US) /* for what SYN-ACKs and fragments wait for */
#define SIZE 64u
#define LIVE 65536u
#define HIST_US (1u << 21)
#define VICTIMS 64u
#define HOST 1u
#define CLIENT 2u
#define CONNS (2 * FOE_PEERS)
#define CHECK_US (SECOND_US / 10)
#define POLLS 8u /* of a server that is behind, in a turn of real time: it is faster than who attacks it */
#define GROWTH_KIB 8192 /* in the second half: pages of a pool that are touched for the first time */

static uint64_t now_us = SECOND_US, began_ns;
static uint32_t n_mbufs;
static bool real;
static uint16_t cable[2];
static struct tern_worker *server, *client;
static struct stack stack;
static struct foe foe;
static struct tern_endpoint to = {.af = TERN_AF_INET, .addr = {192, 0, 2, HOST}};
static unsigned int wrong;

static void __attribute__((format(printf, 1, 2))) complain_of(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	printf("WRONG: ");
	vprintf(fmt, ap);
	printf("\n");
	va_end(ap);
	wrong++;
}

/* --- the client --------------------------------------------------------------------------------------------------- */

struct visit {
	struct visit *next; /* free */
	uint64_t at_us;
	bool answered;
};

static struct visit visits[LIVE], *spare;
static struct {
	uint64_t opened, done, failed, max;
	uint32_t *us; /* how often a connect took so long */
} tally;

static void
gone(struct visit *v, int why)
{
	tally.failed += why || !v->answered;
	tally.done += !why && v->answered;
	v->next = spare;
	spare = v;
}

/* This one is attacked next: half of them at the server half open, the others with their request there. */
static void
aim(const struct tern_conn *c)
{
	struct tern_info info;

	tern_conn_info(c, &info, sizeof(info));
	foe.live = raw_get(info.local.addr, 4);
	foe.live_port = ntohs(info.local.port);
}

static void
on_connected(struct tern_conn *c, void *user)
{
	static const char request[SIZE];
	const uint64_t us = now_us - ((struct visit *)user)->at_us;

	tally.us[RTE_MIN(us, HIST_US - 1)]++;
	tally.max = RTE_MAX(tally.max, us);
	tern_send(c, request, SIZE, 0);
	if (tally.opened & 1)
		aim(c);
}

static void
on_readable(struct tern_conn *c, void *user)
{
	char buf[SIZE];
	struct visit *v = user;

	if (!(tally.opened & 1))
		aim(c);
	if (tern_recv(c, buf, SIZE) == SIZE)
		v->answered = true;
	if (v->answered)
		tern_close(c);
}

static void
on_closed(struct tern_conn *c, void *user, int why)
{
	gone(user, why ? why : -1);
}

static void
on_ended(struct tern_worker *w, void *user, int why)
{
	gone(user, why);
}

static void
visit_begin(void)
{
	static const struct tern_ops ops = {
		.connected = on_connected, .readable = on_readable, .closed = on_closed, .ended = on_ended};
	struct visit *v = spare;
	struct tern_conn *c;

	tally.opened++;
	if (!v || tern_connect(client, NULL, &to, &ops, v, &c)) {
		tally.failed++;
		return;
	}
	spare = v->next;
	v->at_us = now_us;
	v->answered = false;
}

static uint64_t
quantile(double q)
{
	uint64_t n = 0, sum = 0;
	unsigned int i;

	for (i = 0; i < HIST_US; i++)
		n += tally.us[i];
	for (i = 0; i < HIST_US && sum <= n * q; i++)
		sum += tally.us[i];
	return i - 1;
}

/* --- a turn ------------------------------------------------------------------------------------------------------- */

static bool
put(const uint8_t *f, unsigned int n)
{
	return cable_put(client, cable[1], f, n);
}

static void
hand_out(struct rte_mbuf *m)
{
	const uint8_t *f = rte_pktmbuf_mtod(m, const uint8_t *);

	if (f[5] == CLIENT) {
		worker_input(client, 0, &m, 1);
		return;
	}
	foe_input(&foe, f, m->data_len);
	if (f[0] & 1)
		worker_input(client, 0, &m, 1);
	else
		rte_pktmbuf_free(m);
}

static uint64_t
clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * UINT64_C(1000000000) + t.tv_nsec;
}

/* @return how many frames came. */
static unsigned int
server_turn(void)
{
	const unsigned int n = cable_receive(server, cable[0], now_us);

	stack.role->poll(&stack, server, now_us);
	cable_transmit(server, cable[0]);
	return n;
}

/* step_us: in virtual time. opens: connections due by now; attack_us: how long it lasts already, 0: none. */
static void
turn(uint64_t step_us, uint64_t opens, uint64_t attack_us)
{
	struct rte_mbuf *m[4 * BURST];
	unsigned int i, n;

	now_us = real ? SECOND_US + (clock_ns() - began_ns) / 1000 : now_us + step_us;
	for (i = 0; i < (real ? POLLS : 1) && server_turn() == BURST; i++)
		;
	worker_set_time(client, now_us);
	n = rte_eth_rx_burst(cable[1], 0, m, RTE_DIM(m));
	for (i = 0; i < n; i++)
		hand_out(m[i]);
	for (i = 0; i < CATCH_UP && tally.opened < opens; i++)
		visit_begin();
	if (attack_us)
		foe_turn(&foe, attack_us);
	worker_run(client);
	cable_transmit(client, cable[1]);
}

static void
check(void)
{
	const char *why = worker_check(server);

	if (why)
		complain_of("%s", why);
}

/* --- a phase ------------------------------------------------------------------------------------------------------ */

static long
resident_kib(void)
{
	FILE *f = fopen("/proc/self/statm", "r");
	long all, pages = 0;

	if (!f || fscanf(f, "%ld %ld", &all, &pages) != 2)
		err(1, "statm");
	fclose(f);
	return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static bool
visiting(void)
{
	return tally.done + tally.failed < tally.opened;
}

static void
phase(const char *name, uint64_t us, bool attacked)
{
	const uint64_t start = now_us;
	uint64_t checked = start, end;
	long rss[3] = {resident_kib()};
	size_t heap = cable_heap();

	memset(tally.us, 0, HIST_US * sizeof(*tally.us));
	tally.opened = tally.done = tally.failed = tally.max = 0;
	while (now_us - start < us) {
		turn(TURN_US, (now_us - start) * RATE / SECOND_US, attacked ? now_us - start : 0);
		if (!rss[1] && now_us - start >= us / 2)
			rss[1] = resident_kib();
		if (now_us - checked > us / 10 && !real) {
			checked = now_us;
			check();
		}
	}
	rss[2] = resident_kib();
	end = now_us;
	while (visiting() && now_us - end < AGAIN_US)
		turn(TURN_US, 0, 0);
	tally.failed += tally.opened - tally.done - tally.failed;
	printf("%s: %.1f s, opened %lu done %lu failed %lu; connect us p50 %lu p99 %lu max %lu; resident KiB %ld %ld "
	       "%ld, "
	       "heap grew %zd\n",
	       name, (end - start) / 1e6, tally.opened, tally.done, tally.failed, quantile(0.5), quantile(0.99),
	       tally.max, rss[0], rss[1], rss[2], cable_heap() - heap);
	if (tally.failed || !tally.done)
		complain_of("%lu of the client's connections failed", tally.failed);
	if (attacked && (rss[2] - rss[1] > GROWTH_KIB || cable_heap() > heap))
		complain_of("memory grew");
}

/* --- what is said of it ------------------------------------------------------------------------------------------- */

static uint64_t
stat(const char *name)
{
	for (unsigned int i = 0; i < STAT_COUNT; i++)
		if (strcmp(stats_name(i), name) == 0)
			return server->stats[i];
	errx(1, "no counter %s", name);
}

static void
report_attack(void)
{
	static const char *const met[FOE_N][2] = {
		[FOE_SYN] = {"TcpExtSyncookiesSent", "TcpExtTCPReqQFullDoCookies"},
		[FOE_RST] = {"DropSeq", "DropListenFlags"},
		[FOE_ACK] = {"DropCookie", "TcpOutRsts"},
		[FOE_FRAGMENT] = {"DropFragFull", NULL},
		[FOE_ARP] = {"ArpIn", "ArpOut"},
		[FOE_ND] = {"Icmp6NdIn", "Icmp6NdOut"},
		[FOE_STRESS] = {"TcpExtTCPWinProbe", NULL},
		[FOE_SACK] = {"TcpExtTCPSackRecovery", "TcpRetransSegs"},
		[FOE_ORDER] = {"TcpExtTCPOFOQueue", "TcpExtTCPOFODrop"},
	};
	unsigned int k, i;
	uint64_t n;

	for (k = 0; k < FOE_N; k++) {
		printf("attack %s: %lu frames", foe_name[k], foe.sent[k]);
		if (k >= FOE_STRESS)
			printf(", %u connections at the end", foe.up[k]);
		for (i = 0, n = 1; i < 2 && met[k][i]; i++) {
			printf(", %s %lu", met[k][i], stat(met[k][i]));
			n = n && stat(met[k][i]);
		}
		printf("\n");
		if (!n || !foe.sent[k])
			complain_of("attack %s met no counter", foe_name[k]);
	}
	printf("attack: the cable was full for %lu frames; %lu answers, %lu connections reset; the server has %u "
	       "connections, "
	       "mbufs free %u of %u\n",
	       foe.full, foe.answers, foe.resets, server->conns.total - server->conns.avail,
	       rte_mempool_avail_count(server->mbufs.pool), n_mbufs);
	if (foe.up[FOE_STRESS] < foe.stress * 9 / 10)
		complain_of("sockstress has %u connections of %u", foe.up[FOE_STRESS], foe.stress);
}

static unsigned int
held(const struct pool *p)
{
	return p->total - p->avail;
}

static void
leave(uint32_t mbufs)
{
	const uint64_t start = now_us;
	uint32_t lacks;

	do {
		if (held(&server->conns))
			foe_leave(&foe);
		turn(held(&server->conns) ? TURN_US : 1000, 0, 0);
		lacks = mbufs - rte_mempool_avail_count(server->mbufs.pool);
	} while ((held(&server->conns) || held(&server->requests) || lacks) && now_us - start < LEAVE_US);
	check();
	printf("left: %u connections, %u requests, %u mbufs, %u charged, %.1f s after\n", held(&server->conns),
	       held(&server->requests), lacks, server->mem.own + server->mem.foreign, (now_us - start) / 1e6);
	if (held(&server->conns) || held(&server->requests) || lacks || server->mem.own + server->mem.foreign)
		complain_of("something is left");
}

/* --- setting up --------------------------------------------------------------------------------------------------- */

static void
server_make(void)
{
	struct tern_if_conf *ifc = &options.conf.ifs[0];

	if (options_init())
		errx(1, "options");
	*ifc = (struct tern_if_conf){
		.addr4 = {192, 0, 2, HOST}, .prefix4 = 24, .gw4 = {192, 0, 2, FOE_GW}, .prefix6 = 64};
	inet_pton(AF_INET6, "2001:db8::1", ifc->addr6);
	inet_pton(AF_INET6, "2001:db8::fe", ifc->gw6);
	options.conf.n_ifs = 1;
	options.conf.max_conns = CONNS;
	options.conf.n_mbufs = n_mbufs;
	options.conf.tcp.synack_retries = 2;
	stack.role = &role_serve;
	stack.o = &options;
	stack.n_workers = 1;
	server = cable_end("server", ifc, HOST, options.conf, n_mbufs - 1, now_us);
	options.conf = server->conf;
	if ((stack.role->init && stack.role->init(&stack)) || stack.role->start(&stack, server))
		exit(1);
	to.port = htons(options.port);
}

static void
client_make(void)
{
	const struct tern_if_conf ifc = {.addr4 = {192, 0, 2, CLIENT}, .prefix4 = 24, .addr4_count = VICTIMS};
	struct tern_conf conf;

	tern_conf_init(&conf, sizeof(conf));
	conf.max_conns = LIVE;
	conf.max_timewait = RATE;
	conf.tcp.time_wait_ms = 500;
	client = cable_end("client", &ifc, CLIENT, conf, 2 * 16384, now_us);
	tally.us = calloc(HIST_US, sizeof(*tally.us));
	if (!tally.us)
		err(1, "latencies");
	for (unsigned int i = 0; i < LIVE; i++) {
		visits[i].next = spare;
		spare = &visits[i];
	}
}

int
main(int argc, char **argv)
{
	char *eal[] = {argv[0], "--no-huge", "--no-pci", "--no-shconf", "--no-telemetry",
		       "-m",    "1024",      "-l",       "0",           NULL};
	static uint64_t seed = 1;
	uint64_t us;
	uint32_t mbufs;

	if (argc < 4 || (argc > 4 && strcmp(argv[4], "real")))
		errx(1, "attack SECONDS ADDRESSES MBUFS [real]");
	us = atof(argv[1]) * SECOND_US;
	n_mbufs = atoi(argv[3]);
	real = argc > 4;
	if (secrets_from(&seed))
		errx(1, "libsodium");
	if (rte_eal_init(RTE_DIM(eal) - 1, eal) < 0 || tern_ring_pair("attack", 1, SLOTS, cable))
		errx(1, "EAL");
	setvbuf(stdout, NULL, _IOLBF, 0);
	server_make();
	client_make();
	cable_device(cable[0], server->mbufs.pool);
	cable_device(cable[1], server->mbufs.pool);
	foe = (struct foe){.port = options.port, .victims = VICTIMS, .stress = atoi(argv[2]), .put = put};
	foe_init(&foe, 1);
	began_ns = clock_ns();
	mbufs = rte_mempool_avail_count(server->mbufs.pool);
	phase("quiet", us / 10, false);
	phase("attacked", us, true);
	report_attack();
	leave(mbufs);
	for (unsigned int i = 0; i < STAT_COUNT; i++)
		if (server->stats[i])
			printf("%s %lu\n", stats_name(i), server->stats[i]);
	printf("attack: %u things are not as they should be\n", wrong);
	return wrong > 0;
}
