/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A server's and a client's worker, joined by arrays, in virtual time: the same program does the same thing each time,
 * and nothing is between the ends that is not work. PACKETS 8: the handshake's ACK goes alone and the client closes;
 * 6: the ACK carries the request, the server closes with its response and has the TIME-WAIT. For insn.c and expire.c.
 */
#ifndef PAIRBED_H
#define PAIRBED_H
#include <err.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>
#include <rte_eal.h>
#include <rte_mbuf.h>
#include "stack/conf.h"
#include "tcp/conn.h"
#include "stack/worker.h"

#define SIZE 64
#define OPEN_MAX 256u
#define TURN_US 20u
#define MBUFS 8191u

static struct tern_worker *ends[2];            /* server, client */
static struct rte_mbuf *wire[2][TX_RING]; /* on the way to it */
static unsigned int n_wire[2];
static struct tern_conn *ask[OPEN_MAX]; /* connected, request to be sent in the next turn */
static unsigned int n_ask, open_now, packets;
static uint64_t done, failed, frames, now_us = 1000000;
static unsigned int open_burst = BURST; /* connections begun in a turn, at most */

void server_turn(void);
void client_turn(void);

static bool
took(struct tern_conn *c)
{
	struct rte_mbuf *m;

	if (tern_recv_mbufs(c, &m, 1) <= 0)
		return false;
	rte_pktmbuf_free(m);
	return true;
}

static void
server_readable(struct tern_conn *c, void *user)
{
	static const char response[SIZE];

	if (took(c)) {
		tern_send(c, response, SIZE, 0);
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

	while (tern_accept(l, &ops, NULL, &c, 1))
		if (tern_recv_queued(c))
			server_readable(c, NULL);
}

static void
request(struct tern_conn *c)
{
	static const char text[SIZE];

	tern_send(c, text, SIZE, 0);
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
	for (i = 0; i < open_burst && open_now < OPEN_MAX; i++) {
		if (tern_connect(ends[1], NULL, &to, &ops, NULL, &c))
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

	if (worker_create(&ends[i], conf, 0, -1, mp, now_us) || link_iface_init(&ends[i]->ifs[0], 0, &ifc, &mac, 1500))
		errx(1, "no memory for a worker");
	ends[i]->n_ifs = 1;
	ends[i]->ifs[0].tx_multi_seg = true;
}

/* Both ends, from conf, and the server listening. */
static void
pair_init(struct tern_conf *conf)
{
	static const struct tern_listener_ops ops = {.acceptable = acceptable};
	const struct tern_endpoint at = {.af = TERN_AF_INET, .port = htons(80)};
	struct rte_mempool *mp;
	struct tern_listener *l;

	mp = rte_pktmbuf_pool_create(conf->name, MBUFS, 256, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	if (!mp || conf_settle(conf))
		errx(1, "no EAL memory: raise -m");
	make(0, conf, mp);
	make(1, conf, mp);
	if (tern_listen(ends[0], &at, 1024, &ops, NULL, &l))
		errx(1, "it cannot listen");
}

static inline void
pair_turn(void)
{
	now_us += TURN_US;
	worker_set_time(ends[0], now_us);
	server_turn();
	carry(0);
	worker_set_time(ends[1], now_us);
	client_turn();
	carry(1);
}
#endif
