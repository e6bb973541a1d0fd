/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * For counting instructions: a server's and a client's worker, joined by arrays, in virtual time, so that the same program
 * does the same thing each time and nothing is counted that is not work. bench-compare.sh runs it under callgrind, which
 * collects inside server_turn() or client_turn() only.
 *
 *	insn <EAL options> -- CONNECTIONS PACKETS
 *
 * PACKETS 8: the handshake's ACK goes alone and the client closes; 6: the ACK carries the request, the server closes with
 * its response.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>
#include <rte_eal.h>
#include <rte_mbuf.h>
#include "tcp.h"

#define SIZE 64
#define OPEN_MAX 256u
#define TURN_US 20u
#define TURNS_MAX 10000000u
#define MBUFS 8191u

static struct worker *ends[2];            /* server, client */
static struct rte_mbuf *wire[2][TX_RING]; /* on the way to it */
static unsigned int n_wire[2];
static struct tern_conn *ask[OPEN_MAX]; /* connected, request to be sent in the next turn */
static unsigned int n_ask, open_now, packets;
static uint64_t done, failed, frames;

void server_turn(void);
void client_turn(void);

static void
die(const char *what)
{
	fprintf(stderr, "insn: %s\n", what);
	exit(1);
}

static bool
took(struct tern_conn *c)
{
	struct rte_mbuf *m = tern_recv_mbuf(c);

	rte_pktmbuf_free(m);
	return m != NULL;
}

static void
server_readable(struct tern_conn *c, void *user)
{
	static const char response[SIZE];

	if (took(c)) {
		tern_send(c, response, SIZE);
		if (packets == 6) {
			tern_close(c);
			return;
		}
	}
	if (tern_recv_eof(c))
		tern_close(c);
}

static void
acceptable(struct tern_listener *l, void *user)
{
	static const struct tern_ops ops = {.readable = server_readable};
	struct tern_conn *c;

	while ((c = tern_accept(l, &ops, NULL)) != NULL)
		if (tern_recv_queued(c))
			server_readable(c, NULL);
}

static void
request(struct tern_conn *c)
{
	static const char text[SIZE];

	tern_send(c, text, SIZE);
}

static void
connected(struct tern_conn *c, void *user)
{
	if (packets == 8)
		ask[n_ask++] = c;
	else
		request(c);
}

static void
client_readable(struct tern_conn *c, void *user)
{
	if (!took(c) || (packets == 6 && !tern_recv_eof(c)))
		return;
	tern_close(c);
	open_now--;
	done++;
}

static void
client_closed(struct tern_conn *c, void *user, int err)
{
	open_now--;
	failed++;
}

static void
input(unsigned int to)
{
	unsigned int i;

	for (i = 0; i < n_wire[to]; i += BURST)
		worker_input(ends[to], 0, &wire[to][i], RTE_MIN(n_wire[to] - i, (unsigned int)BURST));
	n_wire[to] = 0;
	worker_run(ends[to]);
}

__attribute__((noinline)) void
server_turn(void)
{
	input(0);
}

__attribute__((noinline)) void
client_turn(void)
{
	static const struct tern_ops ops = {
		.connected = connected, .readable = client_readable, .closed = client_closed};
	const struct tern_endpoint to = {.af = TERN_AF_INET, .port = htons(80), .addr = {198, 51, 100, 254}};
	struct tern_conn *c;
	unsigned int i;

	for (i = 0; i < n_ask; i++)
		request(ask[i]);
	n_ask = 0;
	input(1);
	for (i = 0; i < BURST && open_now < OPEN_MAX; i++) {
		if (tern_connect((struct tern_worker *)ends[1], NULL, &to, &ops, NULL, &c))
			break;
		open_now++;
	}
}

static void
carry(unsigned int from)
{
	struct iface *ifc = &ends[from]->ifs[0];

	memcpy(wire[!from], ifc->tx, ifc->n_tx * sizeof(ifc->tx[0]));
	n_wire[!from] = ifc->n_tx;
	frames += ifc->n_tx;
	ifc->n_tx = 0;
}

static void
make(unsigned int i, const struct tern_conf *conf, struct rte_mempool *mp)
{
	const struct rte_ether_addr mac = {{2, 0, 0, 0, 0, i + 1}};
	struct tern_if_conf ifc = {.addr4 = {198, 51, 100, i ? 1 : 254}, .prefix4 = 24, .addr4_count = i ? 100 : 1};

	if (worker_create(&ends[i], conf, 0, -1, mp, 1000000) || link_iface_init(&ends[i]->ifs[0], 0, &ifc, &mac, 1500))
		die("no memory for a worker");
	ends[i]->n_ifs = 1;
	ends[i]->ifs[0].tx_multi_seg = true;
}

int
main(int argc, char **argv)
{
	const int n_eal = rte_eal_init(argc, argv);
	static const struct tern_ops listen_ops = {.acceptable = acceptable};
	const struct tern_endpoint at = {.af = TERN_AF_INET, .port = htons(80)};
	struct tern_conf conf = {.name = "insn", .n_workers = 1, .n_ifs = 1};
	struct tern_listener *l;
	struct rte_mempool *mp;
	uint64_t now = 1000000, want, turns;

	if (n_eal < 0)
		return 1;
	if (argc - n_eal != 3)
		die("insn <EAL options> -- CONNECTIONS PACKETS");
	want = strtoul(argv[n_eal + 1], NULL, 10);
	packets = atoi(argv[n_eal + 2]);
	mp = rte_pktmbuf_pool_create("insn", MBUFS, 256, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	if (!mp || worker_conf_defaults(&conf))
		die("no EAL memory: raise -m");
	make(0, &conf, mp);
	make(1, &conf, mp);
	if (tern_listen((struct tern_worker *)ends[0], &at, 1024, &listen_ops, NULL, &l))
		die("it cannot listen");
	for (turns = 0; done < want && turns < TURNS_MAX; turns++) {
		now += TURN_US;
		worker_set_time(ends[0], now);
		server_turn();
		carry(0);
		worker_set_time(ends[1], now);
		client_turn();
		carry(1);
	}
	printf("insn: %lu connections, %lu failed, %.2f packets a connection, %lu turns\n", done, failed,
	       (double)frames / (done ? done : 1), turns);
	return done < want || failed;
}
