/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * hold EAL-ARGS...: a stack on port 0, 192.0.2.1/24, that answers ping. SIGUSR1: every packet buffer is taken from it,
 * SIGUSR2: given back. SIGTERM ends it. What a device does when it has nothing to receive into, and whether it goes on
 * afterwards.
 */
#include <err.h>
#include <signal.h>
#include <stdio.h>
#include <rte_eal.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>
#include "tern.h"

#define MBUFS 8191u

static volatile sig_atomic_t take, end;
static struct rte_mempool *pool;
static struct rte_mbuf *held[MBUFS];
static unsigned int n_held;

static void
on_signal(int sig)
{
	if (sig == SIGTERM)
		end = 1;
	else
		take = sig == SIGUSR1;
}

static void
poll(struct tern_worker *w, uint64_t now_us, void *arg)
{
	struct rte_mbuf *m;

	if (end)
		tern_stop(*(struct tern **)arg);
	while (take && (m = rte_pktmbuf_alloc(pool)) != NULL)
		held[n_held++] = m;
	if (!take && n_held) {
		rte_pktmbuf_free_bulk(held, n_held);
		n_held = 0;
	}
}

int
main(int argc, char **argv)
{
	struct sigaction sa = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
	struct tern *t;
	struct tern_conf conf;
	struct tern_port_stats s;
	unsigned int i, lcore;

	tern_conf_init(&conf, sizeof(conf));
	conf.lcores = &lcore;
	conf.n_workers = 1;
	conf.n_ifs = 1;
	conf.ifs[0] = (struct tern_if_conf){.addr4 = {192, 0, 2, 1}, .prefix4 = 24};
	conf.app = (struct tern_app){.poll = poll, .arg = &t};
	if (rte_eal_init(argc, argv) < 0)
		errx(1, "EAL");
	lcore = rte_get_main_lcore();
	pool = rte_pktmbuf_pool_create("hold", MBUFS, 256, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	conf.mbuf_pool = pool;
	if (!pool || tern_create(&conf, &t))
		errx(1, "no stack");
	sigaction(SIGUSR1, &sa, NULL);
	sigaction(SIGUSR2, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	tern_worker_loop(t, 0);
	for (i = 0; i < tern_stats_count(); i++)
		if (tern_stats_get(t, -1, i))
			printf("%-32s %lu\n", tern_stats_name(i), tern_stats_get(t, -1, i));
	if (tern_port_stats_get(t, 0, &s, sizeof(s)) > 0)
		printf("rx_nombuf %lu\n", s.rx_nombuf);
	rte_pktmbuf_free_bulk(held, n_held);
	tern_destroy(t);
	rte_eal_cleanup();
	return 0;
}
