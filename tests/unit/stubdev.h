/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A device that is not here: what the library asks of ethdev goes through these first (the linker's --wrap, see
 * meson.build), to fail, to boast, or on to net_null. Included by one .c file per program.
 */
#ifndef STUBDEV_H
#define STUBDEV_H
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <numa.h>
#include <rte_bus_vdev.h>
#include <rte_cycles.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>
#include "stack/engine.h"
#include "stack/worker.h"
#include "frames.h"

/** What the device is made of; all zero: the real one. */
/* Called by what is linked with it, of which the optimiser of a whole program knows nothing. */
#define FOR_LINKER __attribute__((used))

static struct stub {
	const char *fails; /* this function fails with rc, after `skip` times */
	int rc;
	unsigned int skip;
	void (*boast)(struct rte_eth_dev_info *info);
	int (*link)(struct rte_eth_link *link);
	int (*key_get)(struct rte_eth_rss_conf *conf);
	int (*key_set)(const struct rte_eth_rss_conf *conf);
	int (*reta_get)(struct rte_eth_rss_reta_entry64 *reta, uint16_t size);
	int (*reta_set)(const struct rte_eth_rss_reta_entry64 *reta, uint16_t size);
	int node_of_lcores; /* when not 0 */
	int intr_fd;        /* of each queue, when not 0 */
	/* what was asked of it */
	struct rte_eth_conf conf;
	uint8_t key[64]; /* of conf */
	uint16_t n_rxq, n_txq;
	unsigned int slept_ms, links;
} stub;

static inline bool
stub_fails(const char *name)
{
	return stub.fails && strcmp(stub.fails, name) == 0 && !stub.skip--;
}

/* Of functions that the stub only makes fail. */
#define STUB(name, params, args)                                                                                       \
	int __real_##name params;                                                                                      \
	FOR_LINKER int __wrap_##name params;                                                                           \
	int __wrap_##name params                                                                                       \
	{                                                                                                              \
		return stub_fails(#name) ? stub.rc : __real_##name args;                                               \
	}
/* Of those that it does instead of the device, when it has this. */
#define STUB_DOES(has, does, name, params, args)                                                                       \
	int __real_##name params;                                                                                      \
	FOR_LINKER int __wrap_##name params;                                                                           \
	int __wrap_##name params                                                                                       \
	{                                                                                                              \
		return stub_fails(#name) ? stub.rc : stub.has ? (does) : __real_##name args;                           \
	}

STUB(rte_eth_dev_set_mtu, (uint16_t port, uint16_t mtu), (port, mtu))
STUB(rte_eth_dev_get_mtu, (uint16_t port, uint16_t *mtu), (port, mtu))
STUB(rte_eth_dev_start, (uint16_t port), (port))
STUB(rte_eth_allmulticast_enable, (uint16_t port), (port))
STUB(rte_eth_macaddr_get, (uint16_t port, struct rte_ether_addr *mac), (port, mac))
STUB(rte_eth_dev_owner_new, (uint64_t * id), (id))
STUB(rte_eth_dev_owner_get, (uint16_t port, struct rte_eth_dev_owner *owner), (port, owner))
STUB(rte_eth_dev_adjust_nb_rx_tx_desc, (uint16_t port, uint16_t *rx, uint16_t *tx), (port, rx, tx))
STUB(rte_eth_rx_queue_setup,
     (uint16_t port, uint16_t q, uint16_t n, unsigned int node, const struct rte_eth_rxconf *conf,
      struct rte_mempool *mp),
     (port, q, n, node, conf, mp))
STUB(rte_eth_tx_queue_setup,
     (uint16_t port, uint16_t q, uint16_t n, unsigned int node, const struct rte_eth_txconf *conf),
     (port, q, n, node, conf))
STUB(numa_available, (void), ())

STUB_DOES(intr_fd, stub.intr_fd, rte_eth_dev_rx_intr_ctl_q_get_fd, (uint16_t port, uint16_t q), (port, q))
STUB_DOES(link, stub.link(link), rte_eth_link_get_nowait, (uint16_t port, struct rte_eth_link *link), (port, link))
STUB_DOES(key_get, stub.key_get(conf), rte_eth_dev_rss_hash_conf_get, (uint16_t port, struct rte_eth_rss_conf *conf),
	  (port, conf))
STUB_DOES(key_set, stub.key_set(conf), rte_eth_dev_rss_hash_update, (uint16_t port, struct rte_eth_rss_conf *conf),
	  (port, conf))
STUB_DOES(reta_get, stub.reta_get(reta, size), rte_eth_dev_rss_reta_query,
	  (uint16_t port, struct rte_eth_rss_reta_entry64 *reta, uint16_t size), (port, reta, size))
STUB_DOES(reta_set, stub.reta_set(reta, size), rte_eth_dev_rss_reta_update,
	  (uint16_t port, struct rte_eth_rss_reta_entry64 *reta, uint16_t size), (port, reta, size))

int __real_rte_eth_dev_info_get(uint16_t port, struct rte_eth_dev_info *info);
FOR_LINKER int __wrap_rte_eth_dev_info_get(uint16_t port, struct rte_eth_dev_info *info);
int
__wrap_rte_eth_dev_info_get(uint16_t port, struct rte_eth_dev_info *info)
{
	const int rc = stub_fails("rte_eth_dev_info_get") ? stub.rc : __real_rte_eth_dev_info_get(port, info);

	if (rc == 0 && stub.boast)
		stub.boast(info);
	return rc;
}

/* Offloads and interrupts stay the stub's: the real device would refuse them. */
int __real_rte_eth_dev_configure(uint16_t port, uint16_t n_rxq, uint16_t n_txq, const struct rte_eth_conf *conf);
FOR_LINKER int __wrap_rte_eth_dev_configure(uint16_t port, uint16_t n_rxq, uint16_t n_txq,
					    const struct rte_eth_conf *conf);
int
__wrap_rte_eth_dev_configure(uint16_t port, uint16_t n_rxq, uint16_t n_txq, const struct rte_eth_conf *conf)
{
	struct rte_eth_conf plain = *conf;

	plain.rxmode.offloads = plain.txmode.offloads = 0;
	plain.intr_conf.rxq = 0;
	stub.conf = *conf;
	stub.n_rxq = n_rxq;
	stub.n_txq = n_txq;
	if (conf->rx_adv_conf.rss_conf.rss_key)
		memcpy(stub.key, conf->rx_adv_conf.rss_conf.rss_key, conf->rx_adv_conf.rss_conf.rss_key_len);
	return stub_fails("rte_eth_dev_configure") ? stub.rc : __real_rte_eth_dev_configure(port, n_rxq, n_txq, &plain);
}

FOR_LINKER void __wrap_rte_delay_us_sleep(unsigned int us);
void
__wrap_rte_delay_us_sleep(unsigned int us)
{
	stub.slept_ms += us / 1000;
}

unsigned int __real_rte_lcore_to_socket_id(unsigned int lcore);
FOR_LINKER unsigned int __wrap_rte_lcore_to_socket_id(unsigned int lcore);
unsigned int
__wrap_rte_lcore_to_socket_id(unsigned int lcore)
{
	return stub.node_of_lcores ? (unsigned int)stub.node_of_lcores : __real_rte_lcore_to_socket_id(lcore);
}

/* Of a node that is none, from any: EAL has no memory for it. */
struct rte_mempool *__real_rte_pktmbuf_pool_create(const char *name, unsigned int n, unsigned int cache, uint16_t priv,
						   uint16_t room, int node);
FOR_LINKER struct rte_mempool *__wrap_rte_pktmbuf_pool_create(const char *name, unsigned int n, unsigned int cache,
							      uint16_t priv, uint16_t room, int node);
struct rte_mempool *
__wrap_rte_pktmbuf_pool_create(const char *name, unsigned int n, unsigned int cache, uint16_t priv, uint16_t room,
			       int node)
{
	if (stub_fails("rte_pktmbuf_pool_create")) {
		rte_errno = stub.rc;
		return NULL;
	}
	return __real_rte_pktmbuf_pool_create(name, n, cache, priv, room, stub.node_of_lcores ? SOCKET_ID_ANY : node);
}

void __real_numa_tonode_memory(void *p, size_t len, int node);
FOR_LINKER void __wrap_numa_tonode_memory(void *p, size_t len, int node);
void
__wrap_numa_tonode_memory(void *p, size_t len, int node)
{
	if (!stub.node_of_lcores)
		__real_numa_tonode_memory(p, len, node);
}

/* --- what the library says ----- */

static char said[16384];

static inline void
hear(int level, const char *line, void *arg)
{
	const size_t n = strlen(said);

	snprintf(said + n, sizeof(said) - n, "%s\n", line);
}
/* --- one device, and a stack of two workers on it ----- */

#define N_MBUFS 8191
#define DEVICE "net_null_test"

static const unsigned int lcores[3] = {0, 1, 2};
static struct tern_conf conf; /* of the next stack */
static struct tern *t;

static inline void
device_make(void)
{
	memset(&stub, 0, sizeof(stub));
	said[0] = 0;
	CU_ASSERT_EQUAL_FATAL(rte_vdev_init(DEVICE, "no-rx=1"), 0);
	tern_conf_init(&conf, sizeof(conf));
	conf.name = "port";
	conf.lcores = lcores;
	conf.n_workers = 2;
	conf.n_ifs = 1;
	conf.ifs[0] = (struct tern_if_conf){.prefix4 = 24};
	CU_ASSERT_EQUAL_FATAL(rte_eth_dev_get_port_by_name(DEVICE, &conf.ifs[0].port_id), 0);
	memcpy(conf.ifs[0].addr4, our4, 4);
	conf.max_conns = conf.max_requests = conf.max_timewait = conf.max_portsets = conf.max_neighbours = 16;
	conf.n_mbufs = 4096;
	conf.mbuf_pool = frames_pool;
}

static inline void
device_end(void)
{
	memset(&stub, 0, sizeof(stub));
	CU_ASSERT_EQUAL(rte_vdev_uninit(DEVICE), 0);
	ASSERT_POOL_FULL();
}

static inline void
create(void)
{
	const int rc = tern_create(&conf, &t);

	if (rc)
		printf("\n  %d: %s", rc, said);
	CU_ASSERT_EQUAL_FATAL(rc, 0);
}

static inline void
destroy(void)
{
	tern_destroy(t);
	t = NULL;
}

/* One line says what is wrong, and nothing is kept: the port is nobody's, and the next stack gets it. */
static inline void
refused(int rc, const char *line)
{
	const uint16_t port = conf.ifs[0].port_id;
	struct rte_eth_dev_owner owner;
	int got;

	said[0] = 0;
	got = tern_create(&conf, &t);
	if (got != rc || !strstr(said, line))
		printf("\n  %d, not %d with '%s': %s", got, rc, line, said);
	CU_ASSERT_EQUAL(got, rc);
	CU_ASSERT_PTR_NOT_NULL(strstr(said, line));
	CU_ASSERT_PTR_NULL(t);
	if (rte_eth_dev_is_valid_port(port)) {
		CU_ASSERT_EQUAL(__real_rte_eth_dev_owner_get(port, &owner), 0);
		CU_ASSERT_EQUAL(owner.id, RTE_ETH_DEV_NO_OWNER);
	}
	ASSERT_POOL_FULL();
}

#define SAYS(text) CU_ASSERT_PTR_NOT_NULL(strstr(said, text))

static inline int
stubdev_main(const char *name, CU_TestInfo *tests)
{
	if (frames_init_on("(0-2)@0", N_MBUFS))
		return 1;
	rte_log_set_global_level(RTE_LOG_INFO);
	rte_log_set_level_pattern("*", RTE_LOG_CRIT);
	rte_log_set_level_pattern("tern", RTE_LOG_INFO);
	tern_log_set(hear, NULL);
	return suite_run(name, tests);
}
#endif
