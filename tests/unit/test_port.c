/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a stack makes of its devices: RSS and its proof, offloads, MTU, MAC, interrupts, link. The device is net_null,
 * or what stubdev.h makes of it; nothing is sent.
 */
#include "stubdev.h"

/* --- RSS ---------------------------------------------------------------------------------------------------------- */

/* A device that can: it has our key and RETA, and says so itself. */
static void
test_rss(void)
{
	struct rte_eth_rss_reta_entry64 reta[2] = {{.mask = UINT64_MAX}, {.mask = UINT64_MAX}};
	uint8_t key[STEER_KEY_LEN];
	struct rte_eth_rss_conf rss = {.rss_key = key, .rss_key_len = sizeof(key)};
	unsigned int i;

	device_make();
	memcpy(conf.ifs[0].addr6, our6, 16);
	conf.ifs[0].prefix6 = 64;
	create();
	SAYS("RSS on 2 queues, key and RETA of 128 read back: proven");
	CU_ASSERT(t->exact && t->ports[0].rss && t->ports[0].read_back);
	CU_ASSERT(t->ports[0].n_rxq == 2 && t->ports[0].n_txq == 2 && stub.n_rxq == 2 && stub.n_txq == 2);
	CU_ASSERT_EQUAL(stub.conf.rxmode.mq_mode, RTE_ETH_MQ_RX_RSS);
	CU_ASSERT_EQUAL(stub.conf.rx_adv_conf.rss_conf.rss_hf,
			RTE_ETH_RSS_NONFRAG_IPV4_TCP | RTE_ETH_RSS_NONFRAG_IPV6_TCP);
	CU_ASSERT_EQUAL(memcmp(stub.key, t->steer.key, STEER_KEY_LEN), 0);
	CU_ASSERT_EQUAL(__real_rte_eth_dev_rss_hash_conf_get(conf.ifs[0].port_id, &rss), 0);
	CU_ASSERT_EQUAL(memcmp(key, t->steer.key, STEER_KEY_LEN), 0);
	CU_ASSERT_EQUAL(__real_rte_eth_dev_rss_reta_query(conf.ifs[0].port_id, reta, 128), 0);
	for (i = 0; i < 128; i++)
		CU_ASSERT_EQUAL(reta[i / 64].reta[i % 64], t->steer.reta[i]);
	for (i = 0; i < 2; i++) {
		CU_ASSERT_PTR_EQUAL(t->engines[i]->w->handover, engine_handover_rss);
		CU_ASSERT_EQUAL(t->engines[i]->w->ifs[0].queue, i);
	}
	destroy();
	CU_ASSERT_FALSE(rte_eth_dev_is_valid_port(conf.ifs[0].port_id));
	device_end();
}

static int
key_of_conf(struct rte_eth_rss_conf *rss)
{
	memcpy(rss->rss_key, stub.key, STEER_KEY_LEN);
	return 0;
}

static int
key_of_its_own(struct rte_eth_rss_conf *rss)
{
	memset(rss->rss_key, 0x6d, STEER_KEY_LEN);
	return 0;
}

static int
key_taken(const struct rte_eth_rss_conf *rss)
{
	CU_ASSERT_EQUAL(rss->rss_key_len, STEER_KEY_LEN);
	CU_ASSERT_EQUAL(memcmp(rss->rss_key, stub.key, STEER_KEY_LEN), 0);
	return 0;
}

static int
not_known(struct rte_eth_rss_conf *rss)
{
	return -ENOTSUP;
}

static int
key_refused(const struct rte_eth_rss_conf *rss)
{
	return -ENOTSUP;
}

static int
reta_not_known(struct rte_eth_rss_reta_entry64 *reta, uint16_t size)
{
	return -ENOTSUP;
}

static int
reta_of_its_own(struct rte_eth_rss_reta_entry64 *reta, uint16_t size)
{
	memset(reta[1].reta, 0, sizeof(reta[1].reta));
	return 0;
}

static int
reta_refused(const struct rte_eth_rss_reta_entry64 *reta, uint16_t size)
{
	return -ENOTSUP;
}

/* What a device shows of what it was told decides whether it is believed, watched, or not used for RSS. */
static void
test_rss_proof(void)
{
	static const struct {
		struct stub dev;
		bool rss, read_back;
	} rows[] = {
		{{.key_get = key_of_conf}, true, true},
		{{.key_get = not_known}, true, false},
		{{.key_get = key_of_its_own, .key_set = key_taken}, false, false},
		{{.key_get = key_of_its_own, .key_set = key_refused}, false, false},
		{{.reta_get = reta_not_known}, true, false},
		{{.reta_get = reta_of_its_own}, false, false},
		{{.reta_set = reta_refused}, false, false},
	};
	unsigned int i;

	for (i = 0; i < RTE_DIM(rows); i++) {
		device_make();
		stub = rows[i].dev;
		create();
		CU_ASSERT_EQUAL(t->ports[0].rss, rows[i].rss);
		CU_ASSERT_EQUAL(t->exact, rows[i].rss);
		CU_ASSERT_EQUAL(t->ports[0].read_back, rows[i].read_back);
		SAYS(!rows[i].rss        ? "2 rx queues, no RSS: 2 workers share it through hand-over rings"
		     : rows[i].read_back ? "read back: proven"
					 : "set, can't be read back: watched on arrival");
		CU_ASSERT_PTR_EQUAL(t->engines[0]->w->handover, rows[i].rss ? engine_handover_rss : engine_handover);
		destroy();
		device_end();
	}
}

static void
no_reta(struct rte_eth_dev_info *info)
{
	info->reta_size = 0;
}

static void
odd_reta(struct rte_eth_dev_info *info)
{
	info->reta_size = 96;
}

static void
short_key(struct rte_eth_dev_info *info)
{
	info->hash_key_size = 16;
}

static void
no_tcp6(struct rte_eth_dev_info *info)
{
	info->flow_type_rss_offloads &= ~RTE_ETH_RSS_NONFRAG_IPV6_TCP;
}

/* What cannot spread by our key and RETA gets one queue pair, whatever else it has. */
static void
test_no_rss(void)
{
	static void (*const boasts[])(struct rte_eth_dev_info *) = {no_reta, odd_reta, short_key, no_tcp6};
	unsigned int i;

	for (i = 0; i < RTE_DIM(boasts); i++) {
		device_make();
		memcpy(conf.ifs[0].addr6, our6, 16);
		conf.ifs[0].prefix6 = 64;
		stub.boast = boasts[i];
		create();
		CU_ASSERT_FALSE(t->ports[0].rss || t->exact);
		CU_ASSERT(stub.n_rxq == 1 && stub.n_txq == 1);
		CU_ASSERT_EQUAL(stub.conf.rxmode.mq_mode, RTE_ETH_MQ_RX_NONE);
		SAYS("1 rx queue, no RSS: 2 workers share it through hand-over rings; 1 tx queue: the others transmit "
		     "through worker 0");
		CU_ASSERT(t->engines[0]->txbox[0] && t->engines[1]->txpeer[0] == t->engines[0]->txbox[0]);
		destroy();
		device_end();
	}
}

static void
two_queues(struct rte_eth_dev_info *info)
{
	info->max_rx_queues = info->max_tx_queues = 2;
}

static void
two_to_send(struct rte_eth_dev_info *info)
{
	info->max_tx_queues = 2;
}

/* Fewer queues than workers: those without share, and the line says with whom. */
static void
test_few_queues(void)
{
	device_make();
	conf.n_workers = 3;
	stub.boast = two_queues;
	create();
	CU_ASSERT(t->ports[0].rss && !t->exact);
	SAYS("2 rx queues, too few for RSS: 3 workers share it through hand-over rings; 2 tx queues: the others "
	     "transmit "
	     "through the first workers");
	CU_ASSERT(t->engines[2]->txpeer[0] && t->engines[2]->txpeer[0] == t->engines[0]->txbox[0]);
	CU_ASSERT_PTR_NULL(t->engines[1]->txpeer[0]);
	destroy();
	device_end();
	device_make();
	conf.n_workers = 3;
	stub.boast = two_to_send;
	create();
	CU_ASSERT(t->ports[0].rss && t->exact);
	SAYS("RSS on 3 queues");
	SAYS("; 2 tx queues: the others transmit through the first workers");
	destroy();
	device_end();
	device_make();
	conf.n_workers = 1;
	create();
	SAYS("1 rx queue, one worker");
	CU_ASSERT_FALSE(t->ports[0].rss);
	destroy();
	device_end();
}

/* --- what else a device can --------------------------------------------------------------------------------------- */

static void
all_offloads(struct rte_eth_dev_info *info)
{
	info->rx_offload_capa = info->tx_offload_capa = UINT64_MAX;
	info->max_lro_pkt_size = 1 << 20;
	info->tx_desc_lim.nb_seg_max = 40;
	info->tx_desc_lim.nb_mtu_seg_max = 1;
	info->driver_name = "net_boaster";
}

static void
as_tap(struct rte_eth_dev_info *info)
{
	all_offloads(info);
	info->driver_name = "net_tap";
}

static void
test_offloads(void)
{
	const struct iface *ifc;

	device_make();
	stub.boast = all_offloads;
	conf.tcp.lro = true;
	create();
	ifc = &t->engines[0]->w->ifs[0];
	CU_ASSERT_EQUAL(stub.conf.rxmode.offloads, RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_TCP_CKSUM |
							   RTE_ETH_RX_OFFLOAD_TCP_LRO | RTE_ETH_RX_OFFLOAD_SCATTER |
							   RTE_ETH_RX_OFFLOAD_RSS_HASH);
	CU_ASSERT_EQUAL(stub.conf.txmode.offloads, RTE_ETH_TX_OFFLOAD_TCP_CKSUM | RTE_ETH_TX_OFFLOAD_IPV4_CKSUM |
							   RTE_ETH_TX_OFFLOAD_TCP_TSO | RTE_ETH_TX_OFFLOAD_MULTI_SEGS);
	CU_ASSERT_EQUAL(stub.conf.rxmode.max_lro_pkt_size, UINT16_MAX);
	CU_ASSERT(ifc->tx_tcp_cksum && ifc->tx_multi_seg && ifc->tx_tso);
	CU_ASSERT_EQUAL(ifc->tx_segs, 2); /* a header and payload must do */
	CU_ASSERT_EQUAL(ifc->tso_segs, 40);
	CU_ASSERT_FALSE(t->ports[0].rx_hold);
	destroy();
	device_end();
	device_make();
	stub.boast = all_offloads;
	conf.tcp.tso = false;
	create();
	CU_ASSERT_FALSE(t->engines[0]->w->ifs[0].tx_tso);
	CU_ASSERT_FALSE(stub.conf.rxmode.offloads & RTE_ETH_RX_OFFLOAD_TCP_LRO);
	destroy();
	device_end();
	device_make(); /* net_tap sums wrongly, and is not asked while nothing replaces what it gives */
	stub.boast = as_tap;
	create();
	CU_ASSERT_FALSE(t->engines[0]->w->ifs[0].tx_tcp_cksum || t->engines[0]->w->ifs[0].tx_tso);
	CU_ASSERT(t->engines[0]->w->ifs[0].tx_multi_seg && t->ports[0].rx_hold);
	destroy();
	device_end();
	device_make();
	conf.tcp.lro = true;
	create();
	SAYS("the device has no LRO: bursts are merged here");
	CU_ASSERT_FALSE(stub.conf.rxmode.offloads & RTE_ETH_RX_OFFLOAD_TCP_LRO);
	destroy();
	device_end();
}

static void
mtu_to_3000(struct rte_eth_dev_info *info)
{
	info->max_mtu = 3000;
	info->min_mtu = 100;
}

static void
test_mtu(void)
{
	static const struct {
		uint16_t mtu;
		bool v6;
		const char *line;
	} rows[] = {
		{3001, false, "MTU 3001 is outside 100..3000"},
		{99, false, "MTU 99 is outside 100..3000"},
		{1279, true, "MTU 1279 is outside 1280..3000"},
	};
	unsigned int i;

	device_make();
	stub.boast = mtu_to_3000;
	for (i = 0; i < RTE_DIM(rows); i++) {
		conf.ifs[0].mtu = rows[i].mtu;
		memcpy(conf.ifs[0].addr6, our6, rows[i].v6 ? 16 : 0);
		conf.ifs[0].prefix6 = 64;
		refused(-EINVAL, rows[i].line);
	}
	conf.ifs[0].mtu = 1280;
	create();
	CU_ASSERT_EQUAL(t->engines[0]->w->ifs[0].mtu, 1280);
	CU_ASSERT_EQUAL(stub.conf.rxmode.mtu, 1280);
	destroy();
	device_end();
	device_make(); /* no word of it: Ethernet's */
	stub.fails = "rte_eth_dev_get_mtu";
	stub.rc = -ENOTSUP;
	create();
	CU_ASSERT_EQUAL(t->engines[0]->w->ifs[0].mtu, 1500);
	destroy();
	device_end();
	device_make(); /* it cannot be told one, which is no fault when it has it */
	stub.fails = "rte_eth_dev_set_mtu";
	stub.rc = -ENOTSUP;
	create();
	destroy();
	device_end();
	device_make(); /* the application's buffers do not hold what IPv6 asks for at least */
	conf.mbuf_pool = rte_pktmbuf_pool_create("tiny", 1023, 0, 0, RTE_PKTMBUF_HEADROOM + 1200, SOCKET_ID_ANY);
	CU_ASSERT_PTR_NOT_NULL_FATAL(conf.mbuf_pool);
	memcpy(conf.ifs[0].addr6, our6, 16);
	conf.ifs[0].prefix6 = 64;
	CU_ASSERT_EQUAL(tern_create(&conf, &t), -EINVAL);
	SAYS("interface 0 (port ");
	SAYS("): an MTU of 1186 is too small for its addresses: give larger mbufs");
	CU_ASSERT_TRUE(rte_mempool_full(conf.mbuf_pool));
	rte_mempool_free(conf.mbuf_pool);
	device_end();
}

/* Its own MAC is kept; one without gets one that no other port of the process has. */
static void
test_mac(void)
{
	const struct rte_ether_addr *mac;
	struct rte_ether_addr own;

	device_make();
	CU_ASSERT_EQUAL(__real_rte_eth_macaddr_get(conf.ifs[0].port_id, &own), 0);
	CU_ASSERT_FALSE(rte_is_zero_ether_addr(&own));
	create();
	CU_ASSERT_TRUE(rte_is_same_ether_addr(&t->engines[1]->w->ifs[0].mac, &own));
	destroy();
	device_end();
	device_make();
	stub.fails = "rte_eth_macaddr_get";
	stub.rc = -ENOTSUP;
	create();
	mac = &t->engines[1]->w->ifs[0].mac;
	CU_ASSERT_TRUE(rte_is_local_admin_ether_addr(mac) && rte_is_unicast_ether_addr(mac));
	CU_ASSERT_EQUAL(mac->addr_bytes[5], conf.ifs[0].port_id);
	destroy();
	device_end();
}

/* Each queue has an interrupt, or the port has none. */
static void
test_interrupts(void)
{
	device_make();
	conf.n_workers = 1;
	conf.rx_intr = true;
	stub.intr_fd = 77;
	create();
	CU_ASSERT_EQUAL(stub.conf.intr_conf.rxq, 1);
	CU_ASSERT_TRUE(tern_worker_can_sleep(tern_worker_get(t, 0)));
	destroy();
	device_end();
	device_make();
	conf.rx_intr = true;
	stub.fails = "rte_eth_dev_rx_intr_ctl_q_get_fd";
	stub.skip = 1;
	stub.rc = -1;
	stub.intr_fd = 77;
	create();
	CU_ASSERT_FALSE(t->ports[0].rx_intr);
	destroy();
	device_end();
	device_make();
	conf.n_workers = 1;
	stub.intr_fd = 77;
	create(); /* not asked for */
	CU_ASSERT_EQUAL(stub.conf.intr_conf.rxq, 0);
	CU_ASSERT_FALSE(tern_worker_can_sleep(tern_worker_get(t, 0)));
	destroy();
	device_end();
}

static int
link_later(struct rte_eth_link *link)
{
	link->link_status = ++stub.links > 3;
	return 0;
}

static int
link_never(struct rte_eth_link *link)
{
	link->link_status = 0;
	return 0;
}

static int
link_unknown(struct rte_eth_link *link)
{
	return -ENOTSUP;
}

/* A link is waited for, for three seconds at most, unless nothing is known of it. */
static void
test_link(void)
{
	static const struct {
		int (*link)(struct rte_eth_link *link);
		unsigned int ms;
	} rows[] = {{link_later, 150}, {link_never, 3050}, {link_unknown, 0}};
	unsigned int i;

	for (i = 0; i < RTE_DIM(rows); i++) {
		device_make();
		stub.link = rows[i].link;
		create();
		CU_ASSERT_EQUAL(stub.slept_ms, rows[i].ms);
		CU_ASSERT_EQUAL(strstr(said, "link is down after 3000 ms, going on") != NULL,
				rows[i].link == link_never);
		destroy();
		device_end();
	}
}

static void
test_multicast(void)
{
	device_make();
	memcpy(conf.ifs[0].addr6, our6, 16);
	conf.ifs[0].prefix6 = 64;
	stub.fails = "rte_eth_allmulticast_enable";
	stub.rc = -ENOTSUP;
	create();
	SAYS("can't be set to receive all multicast");
	destroy();
	device_end();
}

int
main(void)
{
	static CU_TestInfo tests[] = {
		{"RSS", test_rss},           {"RSS: proof", test_rss_proof},
		{"RSS: none", test_no_rss},  {"RSS: fewer queues than workers", test_few_queues},
		{"offloads", test_offloads}, {"MTU", test_mtu},
		{"MAC", test_mac},           {"interrupts", test_interrupts},
		{"link", test_link},         {"multicast", test_multicast},
		CU_TEST_INFO_NULL,
	};

	return stubdev_main("port", tests);
}
