/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tern_create() and tern_ring_pair(): each way that setting up fails, and what is kept then, which is nothing. The
 * device is net_null, or what stubdev.h makes of it.
 */
#include "stubdev.h"

/* --- what goes wrong ---------------------------------------------------------------------------------------------- */

/* Each call that sets up a device, once. */
static void
test_failures(void)
{
	static const struct {
		const char *fails;
		unsigned int skip;
		int rc;
		const char *line;
	} rows[] = {
		{"rte_eth_dev_owner_new", 0, -ENOSPC, "no owner of ports: No space left on device"},
		{"rte_eth_dev_info_get", 0, -EIO, "no information: Input/output error"},
		{"rte_eth_dev_info_get", 1, -EIO, ""},
		{"rte_eth_dev_adjust_nb_rx_tx_desc", 0, -ENOTSUP, "descriptors: "},
		{"rte_eth_dev_configure", 0, -EBUSY,
		 "2 rx and 2 tx queues, MTU 1500: Device or resource busy (somebody started it already)"},
		{"rte_eth_dev_configure", 0, -EINVAL, "2 rx and 2 tx queues, MTU 1500: Invalid argument\n"},
		{"rte_eth_dev_set_mtu", 0, -EINVAL, "MTU 1500: Invalid argument"},
		{"rte_eth_rx_queue_setup", 1, -ENOMEM, "rx queue 1 of 1024 descriptors: Cannot allocate memory"},
		{"rte_eth_tx_queue_setup", 1, -ENOMEM, "tx queue 1 of 1024 descriptors: Cannot allocate memory"},
		{"rte_eth_dev_start", 0, -EIO, "start: Input/output error"},
	};
	unsigned int i;

	for (i = 0; i < RTE_DIM(rows); i++) {
		device_make();
		stub.fails = rows[i].fails;
		stub.skip = rows[i].skip;
		stub.rc = rows[i].rc;
		refused(rows[i].rc, rows[i].line);
		stub.fails = NULL;
		create();
		destroy();
		device_end();
	}
}

static void
no_queues(struct rte_eth_dev_info *info)
{
	info->max_tx_queues = 0;
}

static void
test_claim(void)
{
	struct tern_conf other;
	struct tern *o = NULL;

	device_make();
	stub.boast = no_queues;
	refused(-EINVAL, "the device has no queues");
	stub.boast = NULL;
	create();
	other = conf;
	other.name = "other";
	CU_ASSERT_EQUAL(tern_create(&other, &o), -EBUSY);
	SAYS("is already in use by 'port'");
	stub.fails = "rte_eth_dev_owner_get";
	stub.rc = -EINVAL;
	CU_ASSERT_EQUAL(tern_create(&other, &o), -EBUSY);
	SAYS("is already in use by ''");
	CU_ASSERT_PTR_NULL(o);
	stub.fails = NULL;
	CU_ASSERT_EQUAL(RTE_PER_LCORE(_lcore_id) = 0, tern_worker_step(t, 0, 1) - 1); /* which notices nothing */
	destroy();
	device_end();
	device_make();
	conf.ifs[0].port_id = 9;
	refused(-ENODEV, "port 9 does not exist: 1 ports are there (see EAL -a and --vdev)");
	device_end();
}

/* --- a stack's own memory ----------------------------------------------------------------------------------------- */

/* Memory of another node is used, and said to be slow. */
static void
test_nodes(void)
{
	static const int none[] = {ENOMEM, ENOBUFS}; /* nothing is left; too little is */
	unsigned int i;

	device_make();
	conf.mbuf_pool = NULL;
	stub.node_of_lcores = 1;
	create();
	SAYS("worker 0: lcore 0 is on socket 1 but its mbufs are on node 0: slow");
	SAYS("is on socket 0 but worker 1 runs on lcore 1 of socket 1: slow");
	destroy();
	device_end();
	for (i = 0; i < RTE_DIM(none); i++) {
		device_make();
		conf.mbuf_pool = NULL;
		stub.node_of_lcores = 1;
		stub.fails = "rte_pktmbuf_pool_create";
		stub.skip = 1;
		stub.rc = none[i];
		create();
		SAYS("worker 1: no memory on socket 1 of lcore 1 for its mbufs, taken elsewhere: slow");
		destroy();
		device_end();
	}
	device_make(); /* the small ones: from elsewhere without a word */
	stub.node_of_lcores = 1;
	stub.fails = "rte_pktmbuf_pool_create";
	create();
	CU_ASSERT(t->engines[0]->w->mbufs.small && t->engines[1]->w->mbufs.small);
	destroy();
	device_end();
	device_make(); /* nothing is known of nodes */
	conf.mbuf_pool = NULL;
	stub.node_of_lcores = 1;
	stub.fails = "numa_available";
	stub.rc = -1;
	create();
	CU_ASSERT_PTR_NULL(strstr(said, "worker 0: lcore 0 is on socket 1"));
	destroy();
	device_end();
}

static void
test_mempools(void)
{
	device_make();
	conf.mbuf_pool = NULL;
	conf.n_mbufs = 1024;
	refused(-EINVAL, "n_mbufs 1024 is too small: descriptors and caches of a worker hold up to ");
	conf.n_mbufs = 1 << 20;
	refused(-ENOMEM, "worker 0: no room for 1048576 mbufs, ");
	conf.n_mbufs = 4096;
	create();
	CU_ASSERT(t->mps[0] && t->mps[1] && t->mps[0] != t->mps[1]);
	CU_ASSERT_EQUAL(t->mps[0]->size, 4096);
	destroy();
	device_end();
	device_make(); /* the application's, too small for any frame */
	conf.mbuf_pool = rte_pktmbuf_pool_create("tiny", 1023, 0, 0, RTE_PKTMBUF_HEADROOM + 255, SOCKET_ID_ANY);
	CU_ASSERT_PTR_NOT_NULL_FATAL(conf.mbuf_pool);
	CU_ASSERT_EQUAL(tern_create(&conf, &t), -EINVAL);
	SAYS("mbuf pool 'tiny': must have its buffers in the mbufs, of 384 bytes or more");
	CU_ASSERT_TRUE(rte_mempool_full(conf.mbuf_pool));
	rte_mempool_free(conf.mbuf_pool);
	device_end();
}

static void
test_conf(void)
{
	static const unsigned int twice[2] = {1, 1}, unknown[2] = {0, 7};

	device_make();
	CU_ASSERT_EQUAL(tern_create(NULL, &t), -EINVAL);
	CU_ASSERT_EQUAL(tern_create(&conf, NULL), -EINVAL);
	tern_destroy(NULL);
	conf.lcores = NULL;
	refused(-EINVAL, "2 workers: 1..");
	conf.lcores = lcores;
	conf.n_workers = 0;
	refused(-EINVAL, "0 workers: 1..");
	conf.n_workers = 4;
	refused(-EINVAL, "4 workers need as many lcores, EAL has 3: see EAL -l");
	conf.n_workers = 2;
	conf.lcores = twice;
	refused(-EINVAL, "lcore 1 is given to workers 0 and 1");
	conf.lcores = unknown;
	refused(-EINVAL, "lcore 7 of worker 1 is not enabled: see EAL -l");
	conf.lcores = lcores;
	conf.name = "";
	refused(-EINVAL, "name '': 1..15 characters");
	conf.name = "of sixteen chars";
	refused(-EINVAL, "name 'of sixteen chars': 1..15 characters");
	conf.name = "port";
	conf.n_ifs = 0;
	refused(-EINVAL, "0 interfaces: 1..");
	conf.n_ifs = 1;
	conf.ifs[0].prefix4 = 33;
	refused(-EINVAL, "33");
	conf.ifs[0].prefix4 = 24;
	conf.max_neighbours = 0;
	refused(-EINVAL, "none can be 0");
	conf.max_neighbours = 16;
	conf.max_conns = 1u << 31; /* more than the table can tell apart */
	refused(-EINVAL, "no memory for 2147483648 connections, 16 requests, 16 TIME-WAITs: lower max_conns");
	device_end();
}

/* --- cables ------------------------------------------------------------------------------------------------------- */

static void
test_cable(void)
{
	static const struct {
		const char *name;
		unsigned int queues, slots;
	} bad[] = {{NULL, 1, 64}, {"", 1, 64}, {"of seventeen char", 1, 64}, {"c", 0, 64}, {"c", 17, 64},
		   {"c", 1, 1},   {"c", 1, 65}};
	uint16_t ports[2], more[2];
	unsigned int i;

	memset(&stub, 0, sizeof(stub));
	for (i = 0; i < RTE_DIM(bad); i++) {
		said[0] = 0;
		CU_ASSERT_EQUAL(tern_ring_pair(bad[i].name, bad[i].queues, bad[i].slots, ports), -EINVAL);
		SAYS("ring pair: name of 1..16 characters, 1..16 queues (not ");
	}
	CU_ASSERT_EQUAL(tern_ring_pair("c", 1, 1 << 28, ports), -ENOMEM);
	SAYS("ring pair 'c': ring of 268435456 slots: Cannot allocate memory");
	CU_ASSERT_EQUAL(rte_eth_dev_count_avail(), 0);
	CU_ASSERT_EQUAL_FATAL(tern_ring_pair("c", 2, 64, ports), 0);
	CU_ASSERT(tern_ring_pair("c", 2, 64, more) < 0); /* of that name there is one */
	CU_ASSERT_EQUAL(rte_eth_dev_count_avail(), 2);
	CU_ASSERT_TRUE(rte_eth_dev_is_valid_port(ports[0]) && rte_eth_dev_is_valid_port(ports[1]));
	for (i = 0; i < 2; i++) {
		device_make();
		memset(&stub, 0, sizeof(stub));
		conf.ifs[0].port_id = ports[i];
		create();
		CU_ASSERT_EQUAL(t->ports[0].step, 4); /* neighbouring queues count in one line */
		CU_ASSERT_EQUAL(stub.n_rxq, 5);
		destroy();
		device_end();
	}
	CU_ASSERT_EQUAL(rte_eth_dev_count_avail(), 0);
	/* the second end's name is taken by another device: the first one goes, too */
	CU_ASSERT_EQUAL_FATAL(rte_vdev_init("net_ring_c.1", NULL), 0);
	said[0] = 0;
	CU_ASSERT_EQUAL(tern_ring_pair("c", 1, 64, ports), -EEXIST);
	SAYS("ring pair 'c': no ethdev: ");
	CU_ASSERT_EQUAL(rte_eth_dev_count_avail(), 1);
	CU_ASSERT_EQUAL(rte_vdev_uninit("net_ring_c.1"), 0);
}

int
main(void)
{
	static CU_TestInfo tests[] = {
		{"each call fails", test_failures},
		{"claim", test_claim},
		{"nodes", test_nodes},
		{"mempools", test_mempools},
		{"configuration", test_conf},
		{"cable", test_cable},
		CU_TEST_INFO_NULL,
	};

	return stubdev_main("create", tests);
}
