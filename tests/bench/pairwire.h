/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A server's and a client's worker, joined by arrays, in virtual time: the same program does the same thing each time,
 * and nothing is between the ends that is not work. What they do is who includes it: pairbed.h, held.c.
 */
#ifndef PAIRWIRE_H
#define PAIRWIRE_H
#include <err.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>
#include <rte_eal.h>
#include <rte_mbuf.h>
#include "stack/conf.h"
#include "tcp/conn.h"
#include "stack/worker.h"

#define TURN_US 20u
#define MBUFS 8191u

static struct tern_worker *ends[2];       /* server, client */
static struct rte_mbuf *wire[2][TX_RING]; /* on the way to it */
static unsigned int n_wire[2];
static uint64_t frames, now_us = 1000000;
static uint16_t mtu = 1500;
static bool device_sums;  /* checksums are made and verified by devices that are not there */
static uint32_t lose_ppm; /* of a million frames, each way */

void server_turn(void);
void client_turn(void);

static void
input(unsigned int to)
{
	unsigned int i;

	for (i = 0; i < n_wire[to]; i += BURST)
		worker_input(ends[to], 0, &wire[to][i], RTE_MIN(n_wire[to] - i, (unsigned int)BURST));
	n_wire[to] = 0;
	worker_run(ends[to]);
}

/* The same ones in each run. */
static bool
is_lost(void)
{
	static uint32_t x = 1;

	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	return x % 1000000 < lose_ppm;
}

static void
carry(unsigned int from)
{
	struct iface *ifc = &ends[from]->ifs[0];
	unsigned int i, n = 0;

	for (i = 0; i < ifc->n_tx; i++) {
		struct rte_mbuf *m = ifc->tx[i];

		if (lose_ppm && is_lost()) {
			rte_pktmbuf_free(m);
			continue;
		}
		if (device_sums)
			m->ol_flags = (m->ol_flags & (RTE_MBUF_F_INDIRECT | RTE_MBUF_F_EXTERNAL)) |
				      RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD;
		wire[!from][n++] = m;
	}
	n_wire[!from] = n;
	frames += ifc->n_tx;
	ifc->n_tx = 0;
}

static void
make(unsigned int i, const struct tern_conf *conf, struct rte_mempool *mp)
{
	const struct rte_ether_addr mac = {{2, 0, 0, 0, 0, i + 1}};
	struct tern_if_conf ifc = {.addr4 = {198, 51, 100, i ? 1 : 254}, .prefix4 = 24, .addr4_count = i ? 100 : 1};

	if (worker_create(&ends[i], conf, 0, -1, mp, now_us) || link_iface_init(&ends[i]->ifs[0], 0, &ifc, &mac, mtu))
		errx(1, "no memory for a worker");
	ends[i]->n_ifs = 1;
	ends[i]->ifs[0].tx_multi_seg = true;
	ends[i]->ifs[0].tx_tcp_cksum = device_sums;
}

/* The defaults for one of the ends. */
static inline void
pair_conf(struct tern_conf *conf, const char *name)
{
	tern_conf_init(conf, sizeof(*conf));
	conf->name = name;
	conf->n_workers = 1;
	conf->n_ifs = 1;
}

/* Both ends, from conf, and the server listening. */
static void
pair_init(struct tern_conf *conf, const struct tern_listener_ops *ops)
{
	const struct tern_endpoint at = {.af = TERN_AF_INET, .port = htons(80)};
	struct rte_mempool *mp;
	struct tern_listener *l;

	mp = rte_pktmbuf_pool_create(conf->name, MBUFS, 256, 0, RTE_MAX(RTE_MBUF_DEFAULT_BUF_SIZE, mtu + 256),
				     SOCKET_ID_ANY);
	if (!mp || conf_settle(conf))
		errx(1, "no EAL memory: raise -m");
	make(0, conf, mp);
	make(1, conf, mp);
	if (tern_listen(ends[0], &at, 1024, ops, NULL, &l))
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
