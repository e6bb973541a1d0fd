/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * stress LCORES FRAMES ROUNDS [SEED]: two workers on threads of their own, on a device without RSS, so that about half
 * of all frames must be handed over, and what the second worker sends goes through the first one. The main thread is
 * the other side of the device: it feeds numbered frames (feed.h), and is a client whose connections are compared byte
 * by byte (echo.h). More threads post, watch and log (others.c). LCORES is EAL's --lcores for lcores 0 to 2, pinned
 * ("0@0,1@1,2@(0,1)") or not ("(0-2)@(0,1)").
 *
 * A round is a stack from creation to destruction:
 *   1. beside the client, never more frames under way than every ring can take: none may be lost, none dropped.
 *   2. without the client, frames as fast as they can be made, while a worker sleeps now and then: what was made was
 *      answered, refused by the device, or counted under a name.
 *   3. it ends: drained with a client that leaves; at the deadline of a drain, with a client that does not and has to
 *      be told; or stopped in the middle of all.
 * After each round every buffer is back, whoever had it.
 */
#include <err.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_mempool.h>
#include "stack/engine.h"
#include "../random.h"
#include "device.h"
#include "echo.h"
#include "feed.h"
#include "stress.h"

#define MAIN_LCORE 2u
#define FRAMES_POOL 16383u
#define UNDER_WAY 512u /* less than a ring takes, or a worker's frames to send */
#define NAP_MS 2000u   /* at most: it is woken when so many frames were dropped */
#define DROPS_PER_NAP 500u
#define DEADLINE_MS 50u
#define LIMIT_S 60u /* a phase makes progress within */
#define FRAMES_PER_NAP 50000u

enum ending { END_DRAIN, END_DEADLINE, END_STOP, ENDINGS };
static const char *const ending_names[] = {"drained", "deadline", "stopped"};

static uint64_t rng;
static struct rte_mempool *frames;
static struct device server_dev, client_dev;
static struct tern *server, *client_stack;
static struct client client;
static unsigned int round_n;
static bool left[WORKERS]; /* the worker's loop has returned */
static uint64_t arps, drops_all[STAT_COUNT], handed_over;

void
fault(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	printf("FAULT in round %u: ", round_n);
	vprintf(fmt, ap);
	printf("\n");
	fflush(stdout);
	va_end(ap);
	_exit(1);
}

uint64_t
rnd(void)
{
	return random_next(&rng);
}

static uint64_t
now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

/* --- the wire ---------------------------------------------------------------------------------------------------- */

static void
to_client(struct rte_mbuf *m)
{
	if (rte_ring_sp_enqueue(client_dev.rx[0], m))
		rte_pktmbuf_free(m);
}

static void
from_server(void)
{
	struct rte_mbuf *m[FEED_BURST];
	const unsigned int n = rte_ring_sc_dequeue_burst(server_dev.tx, (void **)m, FEED_BURST, NULL);
	unsigned int i;

	for (i = 0; i < n; i++) {
		if (feed_answer(m[i]))
			rte_pktmbuf_free(m[i]);
		else
			to_client(m[i]);
	}
}

/* A flow's queue is always the same; the answer to ARP comes where it likes. */
static void
from_client(void)
{
	struct rte_mbuf *m[FEED_BURST];
	const unsigned int n = rte_ring_sc_dequeue_burst(client_dev.tx, (void **)m, FEED_BURST, NULL);
	unsigned int i, q;

	for (i = 0; i < n; i++) {
		const uint8_t *f = rte_pktmbuf_mtod(m[i], const uint8_t *);
		const bool arp = f[12] == 8 && f[13] == 6;

		q = arp ? rnd() % DEVICE_QUEUES : f[35] % DEVICE_QUEUES;
		arps += arp;
		if (rte_ring_sp_enqueue(server_dev.rx[q], m[i]))
			rte_pktmbuf_free(m[i]);
	}
}

static void
wire_turn(void)
{
	from_server();
	from_client();
	client_turn(&client);
	if (tern_worker_step(client_stack, 0, 1) != 1)
		fault("the client has left");
}

static const struct rte_ether_addr *
server_mac(void)
{
	return &server->engines[0]->w->ifs[0].mac;
}

/* --- the stacks ------------------------------------------------------------------------------------------------- */

static int
worker_main(void *arg)
{
	const unsigned int i = (uintptr_t)arg;
	int rc;

	if (round_n % 2) {
		rc = tern_worker_loop(server, i);
	} else {
		do
			rc = tern_worker_step(server, i, 100);
		while (rc == 1);
	}
	if (rc)
		fault("worker %u: %s", i, strerror(-rc));
	__atomic_store_n(&left[i], true, __ATOMIC_RELEASE);
	return 0;
}

static bool
all_left(void)
{
	unsigned int i;

	for (i = 0; i < WORKERS; i++)
		if (!__atomic_load_n(&left[i], __ATOMIC_ACQUIRE))
			return false;
	return true;
}

static void
conf_init(struct tern_conf *conf, const char *name, const unsigned int *lcores, unsigned int n, uint16_t port,
	  uint8_t host)
{
	tern_conf_init(conf, sizeof(*conf));
	conf->name = name;
	conf->lcores = lcores;
	conf->n_workers = n;
	conf->n_ifs = 1;
	conf->ifs[0] = (struct tern_if_conf){.port_id = port, .prefix4 = 24, .addr4 = {192, 0, 2, host}};
	conf->max_conns = conf->max_requests = 512;
	conf->max_timewait = 4096;
	conf->max_neighbours = conf->max_portsets = 64;
	conf->n_mbufs = 8191;
	conf->tcp.time_wait_ms = 20;
}

static void
server_up(void)
{
	static const unsigned int lcores[WORKERS] = {0, 1};
	struct tern_conf conf;
	unsigned int i;

	banner_init();
	device_make(&server_dev, "server", DEVICE_QUEUES);
	conf_init(&conf, "server", lcores, WORKERS, server_dev.port, 1);
	memcpy(conf.ifs[0].gw4, "\xc0\x00\x02\x02", 4); /* of the feed, so that there is a way back */
	conf.app = echo_server;
	if (tern_create(&conf, &server))
		fault("no server");
	device_watch(&server_dev);
	for (i = 0; i < WORKERS; i++) {
		left[i] = false;
		if (rte_eal_remote_launch(worker_main, (void *)(uintptr_t)i, i))
			fault("lcore %u", i);
	}
	others_may_use(server);
}

static void
server_down(void)
{
	unsigned int i, k;

	others_may_use(NULL);
	for (i = 0; i < WORKERS; i++) {
		rte_eal_wait_lcore(i);
		for (k = STAT_DROP_FIRST; k < STAT_COUNT; k++)
			drops_all[k] += tern_stats_get(server, i, k);
		handed_over += tern_stats_get(server, i, STAT_HANDOVER_OUT);
	}
	others_check(server);
	tern_destroy(server);
	if (!banner_free())
		fault("memory that was sent from is still referred to");
	device_free(&server_dev);
}

static void
client_up(void)
{
	static const unsigned int lcores[1] = {MAIN_LCORE};
	struct tern_conf conf;

	device_make(&client_dev, "client", 1);
	conf_init(&conf, "client", lcores, 1, client_dev.port, 2);
	if (tern_create(&conf, &client_stack))
		fault("no client");
	device_watch(&client_dev);
	client.w = tern_worker_get(client_stack, 0);
	client.to = (struct tern_endpoint){.af = TERN_AF_INET, .port = htons(ECHO_PORT), .addr = {192, 0, 2, 1}};
}

/* --- a round ---------------------------------------------------------------------------------------------------- */

/* Sum of what the server dropped. */
static uint64_t
drops(void)
{
	uint64_t n = 0;
	unsigned int k;

	for (k = STAT_DROP_FIRST; k < STAT_COUNT; k++)
		n += tern_stats_get(server, -1, k);
	return n;
}

/* Of these two, that there was no room in a ring. */
static uint64_t
drops_of_rings(void)
{
	return tern_stats_get(server, -1, STAT_DROP_HANDOVER) + tern_stats_get(server, -1, STAT_DROP_TX_FULL);
}

static void
beside_client(uint64_t n)
{
	const uint64_t until = feed.made + n, done = client.done, missing = feed_close();
	const uint64_t dropped = drops_of_rings();
	uint64_t limit = now_s() + LIMIT_S, last = feed.seen;

	client.mode = CLIENT_RUNS;
	while (feed.made < until || feed.seen + missing < feed.made || client.done < done + 20) {
		if (feed.missing != missing)
			fault("a frame was lost");
		if (feed.made < until && feed.made - feed.seen - missing < UNDER_WAY)
			feed_burst(&server_dev, rnd() % DEVICE_QUEUES, server_mac());
		wire_turn();
		if (feed.seen - last > 10000) {
			last = feed.seen;
			limit = now_s() + LIMIT_S;
		}
		if (now_s() > limit)
			fault("%" PRIu64 " frames, %" PRIu64 " answers: no end", feed.made, feed.seen);
	}
	if (drops_of_rings() != dropped)
		fault("dropped without need");
}

/* A worker is as one that the scheduler has taken the core from: the others' frames for it wait, and do not all fit. */
static bool napping, wake;

static void
nap(struct tern_worker *w, void *arg)
{
	unsigned int ms;

	for (ms = 0; ms < NAP_MS && !__atomic_load_n(&wake, __ATOMIC_ACQUIRE); ms++)
		usleep(1000);
	__atomic_store_n(&napping, false, __ATOMIC_RELEASE);
}

static void
send_to_bed(unsigned int i)
{
	__atomic_store_n(&wake, false, __ATOMIC_RELEASE);
	__atomic_store_n(&napping, true, __ATOMIC_RELEASE);
	if (tern_post(server, i, nap, NULL))
		__atomic_store_n(&napping, false, __ATOMIC_RELEASE);
}

static bool
is_napping(void)
{
	return __atomic_load_n(&napping, __ATOMIC_ACQUIRE);
}

/* Each queue gets what it has room for, but when it is to refuse something. */
static void
feed_queues(bool more)
{
	unsigned int q;

	for (q = 0; q < DEVICE_QUEUES; q++)
		if (more || rte_ring_free_count(server_dev.rx[q]) >= FEED_BURST)
			feed_burst(&server_dev, q, server_mac());
}

/* Nothing is left but TIME-WAITs; or who opened a connection has it, and it was accepted. */
static bool
is_quiet(bool gone)
{
	struct tern_gauges s, c;

	tern_gauges_get(server, -1, &s, sizeof(s));
	tern_gauges_get(client_stack, -1, &c, sizeof(c));
	if (!gone)
		return client.established == client.open && s.requests + s.accept_queued == 0;
	return client.open == 0 && s.conns + s.requests + c.conns == 0;
}

static void
client_quiet(enum client_mode mode, bool gone)
{
	const uint64_t limit = now_s() + LIMIT_S;

	client.mode = mode;
	while (!is_quiet(gone)) {
		wire_turn();
		if (now_s() > limit)
			fault("%u connections do not end", client.open);
	}
}

/* What was made was answered, refused or counted; an answer to ARP may be dropped, too, and its copy. */
static bool
is_accounted(uint64_t refused_and_lost, uint64_t dropped, uint64_t arps_then)
{
	const uint64_t named = drops() - dropped, missing = feed.made - feed.seen - refused_and_lost;

	return named >= missing && named <= missing + (arps - arps_then) * WORKERS;
}

static void
alone(uint64_t n)
{
	const uint64_t until = feed.made + n, dropped = drops(), lost = feed_close(), refused = feed.refused, a = arps;
	uint64_t limit = now_s() + LIMIT_S, next = feed.made, then = 0;

	while (feed.made < until || is_napping()) {
		if (is_napping() && drops() > then + DROPS_PER_NAP)
			__atomic_store_n(&wake, true, __ATOMIC_RELEASE);
		if (feed.made >= next && !is_napping()) {
			then = drops();
			send_to_bed(rnd() % WORKERS);
			next += FRAMES_PER_NAP;
		}
		feed_queues(feed.made % FRAMES_PER_NAP < FEED_BURST);
		wire_turn();
	}
	while (!is_accounted(lost + feed.refused - refused, dropped, a)) {
		wire_turn();
		if (now_s() > limit)
			fault("%" PRIu64 " frames are not answered, %" PRIu64 " were refused, %" PRIu64
			      " dropped and counted",
			      feed.made - feed.seen - lost, feed.refused - refused, drops() - dropped);
	}
	feed_close();
}

static void
end(enum ending how, uint64_t n)
{
	const uint64_t limit = now_s() + LIMIT_S, until = feed.made + rnd() % (n + 1);

	client.cruel = how != END_DRAIN;
	if (how == END_DRAIN) {
		client_quiet(CLIENT_LEAVES, false);
		tern_drain(server, LIMIT_S * 1000);
	} else if (how == END_DEADLINE) {
		client_quiet(CLIENT_HOLDS, false);
		tern_drain(server, DEADLINE_MS);
	} else {
		while (feed.made < until) {
			feed_queues(false);
			wire_turn();
		}
		tern_stop(server);
	}
	while (!all_left()) {
		if (how == END_STOP)
			feed_queues(false);
		if (how == END_DRAIN)
			tern_drain(server, LIMIT_S * 1000); /* any thread may, at any time */
		wire_turn();
		if (now_s() > limit)
			fault("it does not end");
	}
}

/* Whoever is connected when the deadline has come is told so. */
static void
want_told(void)
{
	unsigned int i;

	for (i = 0; i < 1000 && client.open; i++)
		wire_turn();
	if (client.open)
		fault("%u connections were not reset at the deadline", client.open);
}

static void
run_round(uint64_t n)
{
	const enum ending how = rnd() % ENDINGS;
	const uint64_t seen = feed.seen, done = client.done, reset = client.reset;
	uint64_t limit = now_s() + 20;

	server_up();
	client.mode = CLIENT_LEAVES;
	while (client.open) { /* of a server that was stopped: this one knows nothing of them */
		wire_turn();
		if (now_s() > limit)
			fault("%u connections of the server before are still there", client.open);
	}
	client.cruel = false;
	beside_client(n - n / 4);
	client_quiet(CLIENT_LEAVES, true);
	alone(n / 4);
	client.mode = CLIENT_RUNS;
	limit = client.done + 10;
	while (client.done < limit)
		wire_turn();
	end(how, n / 8);
	if (how != END_STOP)
		want_told();
	server_down();
	feed_close();
	printf("round %u: %" PRIu64 " frames answered, %" PRIu64 " connections, %s", round_n, feed.seen - seen,
	       client.done - done, ending_names[how]);
	if (how == END_DEADLINE)
		printf(": %" PRIu64 " were reset", client.reset - reset);
	printf("\n");
	if (rte_mempool_avail_count(frames) != FRAMES_POOL)
		fault("of %u buffers %u are back", FRAMES_POOL, rte_mempool_avail_count(frames));
}

static void
report(double s)
{
	unsigned int k;

	printf("%" PRIu64 " frames: %" PRIu64 " answered once and in order, %" PRIu64 " refused by the device; %" PRIu64
	       " handed over; %.1f s\n",
	       feed.made, feed.seen, feed.refused, handed_over, s);
	printf("%" PRIu64 " connections of %" PRIu64 " bytes compared\n", client.done, client.bytes);
	for (k = STAT_DROP_FIRST; k < STAT_COUNT; k++)
		if (drops_all[k])
			printf("%-32s %" PRIu64 "\n", tern_stats_name(k), drops_all[k]);
	if (!drops_all[STAT_DROP_HANDOVER] || !handed_over)
		fault("no hand-over ring was ever full: nothing was shown of that");
}

int
main(int argc, char **argv)
{
	char *eal[] = {argv[0],
		       "--no-huge",
		       "--no-pci",
		       "--no-shconf",
		       "--no-telemetry",
		       "-m",
		       "512",
		       "--lcores",
		       argc > 1 ? argv[1] : "",
		       "--main-lcore=2",
		       "--mbuf-pool-ops-name=" DEVICE_POOL_OPS,
		       NULL};
	uint64_t n, rounds, start = now_s();

	if (argc < 4)
		errx(1, "stress LCORES FRAMES ROUNDS [SEED]");
	setvbuf(stdout, NULL, _IOLBF, 0);
	n = strtoull(argv[2], NULL, 0);
	rounds = strtoull(argv[3], NULL, 0);
	rng = argc > 4 ? strtoull(argv[4], NULL, 0) : (uint64_t)getpid() * 2654435761u;
	printf("seed %" PRIu64 "\n", rng);
	if (!rounds || rte_eal_init(RTE_DIM(eal) - 1, eal) < 0)
		errx(1, "EAL");
	frames = rte_pktmbuf_pool_create("frames", FRAMES_POOL, 256, 0, 512, SOCKET_ID_ANY);
	if (!frames)
		errx(1, "no memory for frames");
	feed_init(frames);
	client_up();
	others_start(rng);
	for (round_n = 1; round_n <= rounds; round_n++)
		run_round(n / rounds);
	others_stop();
	report(now_s() - start);
	tern_destroy(client_stack);
	rte_eal_cleanup();
	return 0;
}
