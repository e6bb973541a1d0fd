/* SPDX-License-Identifier: BSD-3-Clause */
#include <err.h>
#include <malloc.h>
#include <string.h>
#include <rte_ethdev.h>
#include <rte_malloc.h>
#include <rte_mbuf.h>
#include "cable.h"
#include "stack/conf.h"

void
cable_device(uint16_t port, struct rte_mempool *mp)
{
	struct rte_eth_conf conf = {0};

	if (rte_eth_dev_configure(port, 1, 1, &conf) || rte_eth_rx_queue_setup(port, 0, SLOTS, 0, NULL, mp) ||
	    rte_eth_tx_queue_setup(port, 0, SLOTS, 0, NULL) || rte_eth_dev_start(port))
		errx(1, "no cable");
}

struct tern_worker *
cable_end(const char *name, const struct tern_if_conf *ifc, uint8_t host, struct tern_conf conf, unsigned int mbufs,
	  uint64_t now_us)
{
	const struct rte_ether_addr mac = {{2, 0, 0, 0, 0, host}};
	struct rte_mempool *mp = rte_pktmbuf_pool_create(name, mbufs, 256, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	struct tern_worker *w;

	conf.name = name;
	if (!mp || conf_settle(&conf) || worker_create(&w, &conf, 0, -1, mp, now_us) ||
	    link_iface_init(&w->ifs[0], 0, ifc, &mac, 1500))
		errx(1, "no EAL memory for a worker");
	w->n_ifs = 1;
	w->ifs[0].tx_multi_seg = true;
	mbufs_bind(&w->mbufs);
	return w;
}

void
cable_transmit(struct tern_worker *w, uint16_t port)
{
	struct iface *ifc = &w->ifs[0];
	const unsigned int n = rte_eth_tx_burst(port, 0, ifc->tx, ifc->n_tx);

	ifc->n_tx -= n;
	memmove(ifc->tx, ifc->tx + n, ifc->n_tx * sizeof(ifc->tx[0]));
}

unsigned int
cable_receive(struct tern_worker *w, uint16_t port, uint64_t now_us)
{
	struct rte_mbuf *m[BURST];
	const unsigned int n = rte_eth_rx_burst(port, 0, m, BURST);

	worker_set_time(w, now_us);
	if (n)
		worker_input(w, 0, m, n);
	worker_run(w);
	return n;
}

bool
cable_put(struct tern_worker *w, uint16_t port, const uint8_t *f, unsigned int n)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(w->mbufs.pool);

	if (!m)
		return false;
	memcpy(rte_pktmbuf_append(m, n), f, n);
	if (rte_eth_tx_burst(port, 0, &m, 1) == 1)
		return true;
	rte_pktmbuf_free(m);
	return false;
}

size_t
cable_heap(void)
{
	struct rte_malloc_socket_stats s = {0};

	rte_malloc_get_socket_stats(0, &s);
	return mallinfo2().uordblks + s.heap_allocsz_bytes;
}
