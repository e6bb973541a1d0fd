/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ethdev ports. Cold: set-up and tear-down only.
 *
 * Promise: a port is claimed by DPDK ownership first, so two stacks can't fight over it; then it gets a queue pair per
 * worker where the device can spread by Toeplitz (key, RETA and TCP hash types all settable). It is told our key and
 * RETA, and both are read back and compared. A device that takes them but can't show them is watched by the engine.
 * Everything else is still usable: the engine then hands frames over between the workers. Without RSS that is one queue
 * pair, because such devices (tap, virtio) move a flow to the queue that last sent for it, and reorder it by that.
 *
 * FAST_FREE is never asked for: queued data is sent with a reference count above one, and answers go out in mbufs of
 * another worker's pool when frames were handed over.
 *
 * net_tap reads a packet into a buffer before it allocates what replaces that. Without, the packet is lost, rx_nombuf
 * counts it, and the burst ends as if the queue were empty: the queue is then not read until a signal says that a
 * packet was put into it. Meanwhile it fills; a packet that finds it full is dropped by the kernel and signals
 * nothing. So it would never be read again, however many buffers came back. The engine does not ask it (rx_hold) while
 * the pool has less than a burst: packets wait where they are, and no allocation fails. net_af_packet allocates first,
 * net_ring not at all, and what real devices could not refill they try again in every poll: they are always asked.
 *
 * Limits: one mempool per worker; scattered receive only for LRO: the mbufs are made large enough for the MTU.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <rte_bus_vdev.h>
#include <rte_cycles.h>
#include <rte_errno.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_lcore.h>
#include <rte_ring.h>
#include "stack/port.h"

#define TSO_NEEDS                                                                                                      \
	(RTE_ETH_TX_OFFLOAD_TCP_TSO | RTE_ETH_TX_OFFLOAD_TCP_CKSUM | RTE_ETH_TX_OFFLOAD_IPV4_CKSUM |                   \
	 RTE_ETH_TX_OFFLOAD_MULTI_SEGS)
#define MTU_MIN4 68u       /* RFC 791 3.2 */
#define MTU_MIN6 1280u     /* RFC 8200 5 */
#define LINK_WAIT_MS 3000u /* copper auto-negotiation takes 2 to 3 s */
#define LINK_STEP_MS 50u
#define KEY_MAX 64u /* hash_key_size of known devices is 40 or 52 */
#define RETA_GROUPS (RTE_ETH_RSS_RETA_SIZE_512 / RTE_ETH_RETA_GROUP_SIZE * 4)
#define RING_DRIVER "net_ring"
#define TAP_DRIVER "net_tap"
#define RING_QUEUES_MAX 16u /* RTE_PMD_RING_MAX_RX_RINGS */
#define RING_STEP 4u

/*
 * Both ends of an in-memory cable, so that the rings go when the second end is closed. net_ring counts packets in 24
 * bytes a queue: two workers of neighbouring queues would write one line each burst, so only every RING_STEP-th queue
 * is used if they suffice.
 */
struct cable {
	TAILQ_ENTRY(cable) next;
	unsigned int n_queues, step;
	struct rte_ring *ring[2][RING_QUEUES_MAX]; /* [i]: what end i receives from */
	uint16_t port_id[2];
	bool open[2];
	char vdev[2][RTE_DEV_NAME_MAX_LEN];
};
static TAILQ_HEAD(, cable) cables = TAILQ_HEAD_INITIALIZER(cables);

static void
cable_free(struct cable *c)
{
	struct rte_mbuf *m;
	unsigned int i, q;

	for (i = 0; i < 2; i++) {
		for (q = 0; q < c->n_queues; q++) {
			while (c->ring[i][q] && rte_ring_dequeue(c->ring[i][q], (void **)&m) == 0)
				rte_pktmbuf_free(m);
			rte_ring_free(c->ring[i][q]);
		}
	}
	free(c);
}

/* The cable of which end *i is that ethdev, or NULL. */
static struct cable *
cable_of(uint16_t port_id, unsigned int *i)
{
	struct cable *c;

	TAILQ_FOREACH (c, &cables, next) {
		for (*i = 0; *i < 2; ++*i)
			if (c->open[*i] && c->port_id[*i] == port_id)
				return c;
	}
	return NULL;
}

/* The ethdev port_id was closed: remove its vdev, and the cable when the other end is gone too. */
static void
cable_close(uint16_t port_id)
{
	unsigned int i;
	struct cable *c = cable_of(port_id, &i);

	if (!c)
		return;
	rte_vdev_uninit(c->vdev[i]);
	c->open[i] = false;
	if (!c->open[!i]) {
		TAILQ_REMOVE(&cables, c, next);
		cable_free(c);
	}
}

static int
cable_ends(struct cable *c, const char *name)
{
	const unsigned int n = (c->n_queues - 1) * c->step + 1;
	struct rte_ring *all[2][RING_QUEUES_MAX];
	unsigned int i, q;
	int rc;

	for (i = 0; i < 2; i++)
		for (q = 0; q < n; q++) /* what is between those in use is never asked for */
			all[i][q] = c->ring[i][q / c->step];
	for (i = 0; i < 2; i++) {
		snprintf(c->vdev[i], sizeof(c->vdev[i]), RING_DRIVER "_%s.%u", name, i);
		rc = rte_eth_from_rings(c->vdev[i] + strlen(RING_DRIVER "_"), all[i], n, all[!i], n, rte_socket_id());
		if (rc < 0 || rc >= RTE_MAX_ETHPORTS) {
			LOG(ERR, "ring pair '%s': no ethdev: %s (is the name in use?)", name, rte_strerror(rte_errno));
			return -EEXIST;
		}
		c->port_id[i] = rc;
		c->open[i] = true;
	}
	return 0;
}

int
tern_ring_pair(const char *name, unsigned int n_queues, unsigned int slots, uint16_t port_id[2])
{
	struct cable *c;
	char ring[RTE_RING_NAMESIZE];
	unsigned int i, q;
	int rc = 0;

	if (!name || !*name || strlen(name) > 16 || !n_queues || n_queues > RING_QUEUES_MAX || slots < 2 ||
	    (slots & (slots - 1))) {
		LOG(ERR, "ring pair: name of 1..16 characters, 1..%u queues (not %u), slots a power of two (not %u)",
		    RING_QUEUES_MAX, n_queues, slots);
		return -EINVAL;
	}
	c = calloc(1, sizeof(*c));
	if (!c) {
		LOG(ERR, "ring pair '%s': no memory", name);
		return -ENOMEM;
	}
	c->n_queues = n_queues;
	c->step = (n_queues - 1) * RING_STEP < RING_QUEUES_MAX ? RING_STEP : 1;
	for (i = 0; i < 2 && !rc; i++) {
		for (q = 0; q < n_queues && !rc; q++) {
			snprintf(ring, sizeof(ring), "%s.%u.%u", name, i, q);
			c->ring[i][q] = rte_ring_create(ring, slots, rte_socket_id(),
							RING_F_SP_ENQ | RING_F_SC_DEQ | RING_F_EXACT_SZ);
			if (!c->ring[i][q]) {
				rc = -rte_errno;
				LOG(ERR, "ring pair '%s': ring of %u slots: %s", name, slots, rte_strerror(rte_errno));
			}
		}
	}
	rc = rc ? rc : cable_ends(c, name);
	if (rc) {
		if (c->open[0])
			rte_vdev_uninit(c->vdev[0]);
		cable_free(c);
		return rc;
	}
	TAILQ_INSERT_TAIL(&cables, c, next);
	memcpy(port_id, c->port_id, sizeof(c->port_id));
	return 0;
}

/* Is dev able to spread TCP of the wanted families by our key and RETA? */
static bool
rss_able(const struct rte_eth_dev_info *info, const struct tern_if_conf *ifc)
{
	static const uint8_t none[16];
	uint64_t need = 0;

	if (memcmp(ifc->addr4, none, 4))
		need |= RTE_ETH_RSS_NONFRAG_IPV4_TCP;
	if (memcmp(ifc->addr6, none, 16))
		need |= RTE_ETH_RSS_NONFRAG_IPV6_TCP;
	return (info->flow_type_rss_offloads & need) == need && info->reta_size >= 2 &&
	       info->reta_size <= RETA_GROUPS * RTE_ETH_RETA_GROUP_SIZE && rte_is_power_of_2(info->reta_size) &&
	       (info->hash_key_size == 0 || (info->hash_key_size >= STEER_KEY_LEN && info->hash_key_size <= KEY_MAX));
}

static int
probe_mtu(struct port *p, const struct tern_if_conf *ifc, const struct rte_eth_dev_info *info)
{
	static const uint8_t none[16];
	const uint16_t min = RTE_MAX(memcmp(ifc->addr6, none, 16) ? MTU_MIN6 : MTU_MIN4, info->min_mtu);

	p->mtu = ifc->mtu;
	if (!p->mtu && rte_eth_dev_get_mtu(p->port_id, &p->mtu) < 0)
		p->mtu = RTE_ETHER_MTU;
	if (p->mtu < min || (info->max_mtu && p->mtu > info->max_mtu)) {
		LOG(ERR, "port %u (%s): MTU %u is outside %u..%u", p->port_id, p->name, p->mtu, min, info->max_mtu);
		return -EINVAL;
	}
	return 0;
}

/* net_ring has no address of its own: make a locally administered one that no other port of the process has. */
static void
probe_mac(struct port *p)
{
	if (rte_eth_macaddr_get(p->port_id, &p->mac) == 0 && !rte_is_zero_ether_addr(&p->mac))
		return;
	p->mac = (struct rte_ether_addr){{0x02, 0, 0, 0, p->port_id >> 8, p->port_id & 0xff}};
	rte_eth_dev_default_mac_addr_set(p->port_id, &p->mac); /* net_ring can't, and needs no filter either */
}

static int
claim(struct port *p, const struct tern_if_conf *ifc, const struct rte_eth_dev_owner *owner)
{
	struct rte_eth_dev_owner now;
	int rc;

	p->port_id = ifc->port_id;
	if (!rte_eth_dev_is_valid_port(ifc->port_id)) {
		LOG(ERR, "port %u does not exist: %u ports are there (see EAL -a and --vdev)", ifc->port_id,
		    rte_eth_dev_count_total());
		return -ENODEV;
	}
	rc = rte_eth_dev_owner_set(p->port_id, owner);
	if (rc) {
		if (rte_eth_dev_owner_get(p->port_id, &now))
			now.name[0] = 0;
		LOG(ERR, "port %u is already in use by '%s'", p->port_id, now.name);
		return -EBUSY;
	}
	p->owned = true;
	p->owner_id = owner->id;
	return 0;
}

int
port_probe(struct port *p, const struct tern_if_conf *ifc, unsigned int n_workers, uint16_t desc,
	   const struct rte_eth_dev_owner *owner)
{
	static const uint8_t none[16];
	struct rte_eth_dev_info info;
	const struct cable *c;
	unsigned int end;
	int rc = claim(p, ifc, owner);

	if (rc)
		return rc;
	rc = rte_eth_dev_info_get(p->port_id, &info);
	if (rc) {
		LOG(ERR, "port %u: no information: %s", p->port_id, rte_strerror(-rc));
		return rc;
	}
	p->name = rte_dev_name(info.device);
	p->rx_hold = strcmp(info.driver_name, TAP_DRIVER) == 0;
	p->node = rte_eth_dev_socket_id(p->port_id);
	p->n_rxq = RTE_MIN(n_workers, info.max_rx_queues);
	p->n_txq = RTE_MIN(n_workers, info.max_tx_queues);
	if (!p->n_rxq || !p->n_txq) {
		LOG(ERR, "port %u (%s): the device has no queues", p->port_id, p->name);
		return -EINVAL;
	}
	p->rss = n_workers > 1 && p->n_rxq > 1 && rss_able(&info, ifc);
	p->step = 1;
	c = cable_of(p->port_id, &end);
	if (c) {
		p->step = c->step;
		p->n_rxq = c->n_queues; /* its peer chooses where it sends: all must be emptied */
		p->n_txq = RTE_MIN(n_workers, c->n_queues);
	} else if (strcmp(info.driver_name, RING_DRIVER) == 0) {
		p->n_rxq = info.max_rx_queues;
	} else if (!p->rss) {
		p->n_rxq = p->n_txq = 1;
	}
	p->reta_size = info.reta_size;
	p->key_len = info.hash_key_size ? info.hash_key_size : STEER_KEY_LEN;
	p->rss_hf = info.flow_type_rss_offloads & (RTE_ETH_RSS_NONFRAG_IPV4_TCP | RTE_ETH_RSS_NONFRAG_IPV6_TCP);
	p->allmulti = memcmp(ifc->addr6, none, 16) != 0;
	p->rx_desc = p->tx_desc = desc;
	rc = rte_eth_dev_adjust_nb_rx_tx_desc(p->port_id, &p->rx_desc, &p->tx_desc);
	if (rc) {
		LOG(ERR, "port %u (%s): descriptors: %s", p->port_id, p->name, rte_strerror(-rc));
		return rc;
	}
	probe_mac(p);
	return probe_mtu(p, ifc, &info);
}

/* 0: the driver doesn't say. A header and a buffer or two of payload must do. */
static uint8_t
segs_limit(uint16_t n)
{
	return n == 0 || n > UINT8_MAX ? UINT8_MAX : RTE_MAX(n, 2);
}

static int
configure(struct port *p, const struct rte_eth_dev_info *info, const struct steer *s, bool lro)
{
	uint8_t key[KEY_MAX] = {0};
	struct rte_eth_conf conf = {.rxmode.mtu = p->mtu};
	uint64_t tx_capa = info->tx_offload_capa;
	int rc;

	/*
	 * net_tap's are software: it sends a TCP checksum of 0 as 0xffff, as only UDP has it, and refuses segments that
	 * fill the MTU.
	 */
	if (strcmp(info->driver_name, TAP_DRIVER) == 0)
		tx_capa &= ~(RTE_ETH_TX_OFFLOAD_TCP_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_TSO);
	memcpy(key, s->key, STEER_KEY_LEN);
	conf.rxmode.offloads = info->rx_offload_capa & (RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_TCP_CKSUM);
	conf.txmode.offloads = tx_capa & (RTE_ETH_TX_OFFLOAD_TCP_CKSUM | RTE_ETH_TX_OFFLOAD_MULTI_SEGS);
	p->tx_tso = (tx_capa & TSO_NEEDS) == TSO_NEEDS;
	if (p->tx_tso)
		conf.txmode.offloads |= TSO_NEEDS;
	p->tx_tcp_cksum = conf.txmode.offloads & RTE_ETH_TX_OFFLOAD_TCP_CKSUM;
	p->tx_multi_seg = conf.txmode.offloads & RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
	p->tx_segs = segs_limit(info->tx_desc_lim.nb_mtu_seg_max);
	p->tso_segs = segs_limit(info->tx_desc_lim.nb_seg_max);
	if (lro && info->rx_offload_capa & RTE_ETH_RX_OFFLOAD_TCP_LRO) {
		conf.rxmode.offloads |=
			RTE_ETH_RX_OFFLOAD_TCP_LRO | (info->rx_offload_capa & RTE_ETH_RX_OFFLOAD_SCATTER);
		conf.rxmode.max_lro_pkt_size = RTE_MIN(info->max_lro_pkt_size, (uint32_t)UINT16_MAX);
	} else if (lro) {
		LOG(NOTICE, "port %u (%s): the device has no LRO: bursts are merged here", p->port_id, p->name);
	}
	if (p->rss) {
		conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
		conf.rxmode.offloads |= info->rx_offload_capa & RTE_ETH_RX_OFFLOAD_RSS_HASH;
		conf.rx_adv_conf.rss_conf.rss_key = key;
		conf.rx_adv_conf.rss_conf.rss_key_len = p->key_len;
		conf.rx_adv_conf.rss_conf.rss_hf = p->rss_hf;
	}
	conf.intr_conf.rxq = p->rx_intr;
	rc = rte_eth_dev_configure(p->port_id, (p->n_rxq - 1) * p->step + 1, (p->n_txq - 1) * p->step + 1, &conf);
	if (rc) {
		LOG(ERR, "port %u (%s): %u rx and %u tx queues, MTU %u: %s%s", p->port_id, p->name, p->n_rxq, p->n_txq,
		    p->mtu, rte_strerror(-rc), rc == -EBUSY ? " (somebody started it already)" : "");
		return rc;
	}
	rc = rte_eth_dev_set_mtu(p->port_id, p->mtu);
	if (rc && rc != -ENOTSUP) {
		LOG(ERR, "port %u (%s): MTU %u: %s", p->port_id, p->name, p->mtu, rte_strerror(-rc));
		return rc;
	}
	return 0;
}

/* @return 1 when the device shows our key, 0 when it shows none, -1 when it shows another. */
static int
prove_key(const struct port *p, const struct steer *s)
{
	uint8_t key[KEY_MAX] = {0};
	struct rte_eth_rss_conf conf = {.rss_key = key, .rss_key_len = sizeof(key)};

	if (rte_eth_dev_rss_hash_conf_get(p->port_id, &conf))
		return 0;
	if (memcmp(key, s->key, STEER_KEY_LEN) == 0)
		return 1;
	memset(key, 0, sizeof(key)); /* some take a key only when running */
	memcpy(key, s->key, STEER_KEY_LEN);
	conf = (struct rte_eth_rss_conf){.rss_key = key, .rss_key_len = p->key_len, .rss_hf = p->rss_hf};
	if (rte_eth_dev_rss_hash_update(p->port_id, &conf))
		return -1;
	memset(key, 0, sizeof(key));
	conf.rss_key_len = sizeof(key);
	return rte_eth_dev_rss_hash_conf_get(p->port_id, &conf) || memcmp(key, s->key, STEER_KEY_LEN) ? -1 : 1;
}

/* Write the RETA and read it back. @return as prove_key(). */
static int
prove_reta(const struct port *p, const struct steer *s)
{
	struct rte_eth_rss_reta_entry64 want[RETA_GROUPS] = {0}, got[RETA_GROUPS] = {0};
	unsigned int i, g, k;

	for (i = 0; i < p->reta_size; i++) {
		g = i / RTE_ETH_RETA_GROUP_SIZE;
		k = i % RTE_ETH_RETA_GROUP_SIZE;
		want[g].mask |= UINT64_C(1) << k;
		got[g].mask = want[g].mask;
		want[g].reta[k] = s->reta[i & (s->reta_size - 1)] % p->n_rxq;
	}
	if (rte_eth_dev_rss_reta_update(p->port_id, want, p->reta_size))
		return -1;
	if (rte_eth_dev_rss_reta_query(p->port_id, got, p->reta_size))
		return 0;
	for (i = 0; i < p->reta_size; i++) {
		g = i / RTE_ETH_RETA_GROUP_SIZE;
		k = i % RTE_ETH_RETA_GROUP_SIZE;
		if (want[g].reta[k] != got[g].reta[k])
			return -1;
	}
	return 1;
}

static int
setup_queues(const struct port *p, const struct rte_eth_dev_info *info, struct rte_mempool *const *mp,
	     const unsigned int *lcores, unsigned int n_workers)
{
	struct rte_eth_rxconf rx = info->default_rxconf;
	struct rte_eth_txconf tx = info->default_txconf;
	unsigned int q;
	int rc;

	rx.offloads = 0; /* those of the port hold for its queues */
	tx.offloads = 0;
	for (q = 0; q < p->n_rxq; q++) {
		rc = rte_eth_rx_queue_setup(p->port_id, q * p->step, p->rx_desc,
					    rte_lcore_to_socket_id(lcores[q % n_workers]), &rx, mp[q % n_workers]);
		if (rc) {
			LOG(ERR, "port %u (%s): rx queue %u of %u descriptors: %s", p->port_id, p->name, q, p->rx_desc,
			    rte_strerror(-rc));
			return rc;
		}
	}
	for (q = 0; q < p->n_txq; q++) {
		rc = rte_eth_tx_queue_setup(p->port_id, q * p->step, p->tx_desc, rte_lcore_to_socket_id(lcores[q]),
					    &tx);
		if (rc) {
			LOG(ERR, "port %u (%s): tx queue %u of %u descriptors: %s", p->port_id, p->name, q, p->tx_desc,
			    rte_strerror(-rc));
			return rc;
		}
	}
	return 0;
}

static bool
has_interrupts(const struct port *p)
{
	unsigned int q;

	for (q = 0; q < p->n_rxq; q++)
		if (rte_eth_dev_rx_intr_ctl_q_get_fd(p->port_id, q * p->step) < 0)
			return false;
	return true;
}

int
port_start(struct port *p, struct rte_mempool *const *mp, const unsigned int *lcores, unsigned int n_workers,
	   const struct steer *s, bool lro)
{
	struct rte_eth_dev_info info;
	int rc;

	rc = rte_eth_dev_info_get(p->port_id, &info);
	rc = rc ? rc : configure(p, &info, s, lro);
	rc = rc ? rc : setup_queues(p, &info, mp, lcores, n_workers);
	if (rc)
		return rc;
	rc = rte_eth_dev_start(p->port_id);
	if (rc) {
		LOG(ERR, "port %u (%s): start: %s", p->port_id, p->name, rte_strerror(-rc));
		return rc;
	}
	p->started = true;
	p->rx_intr = p->rx_intr && has_interrupts(p);
	if (p->rss) {
		const int key = prove_key(p, s), reta = prove_reta(p, s);

		p->rss = key >= 0 && reta >= 0;
		p->read_back = key > 0 && reta > 0;
	}
	rte_eth_promiscuous_disable(p->port_id);
	/* Solicited-node groups of every local address would overflow most filters. */
	if (p->allmulti && rte_eth_allmulticast_enable(p->port_id))
		LOG(INFO, "port %u (%s): can't be set to receive all multicast", p->port_id, p->name);
	return 0;
}

void
port_wait_link(const struct port *p)
{
	struct rte_eth_link link = {0};
	unsigned int ms;

	for (ms = 0; ms <= LINK_WAIT_MS; ms += LINK_STEP_MS) {
		if (rte_eth_link_get_nowait(p->port_id, &link) || link.link_status)
			return;
		rte_delay_us_sleep(LINK_STEP_MS * 1000);
	}
	LOG(WARNING, "port %u (%s): link is down after %u ms, going on", p->port_id, p->name, LINK_WAIT_MS);
}

void
port_report(const struct port *p, unsigned int n_workers, bool paired)
{
	char tx[80] = "";

	if (p->n_txq < n_workers)
		snprintf(tx, sizeof(tx), "; %u tx queue%s: the others transmit through %s", p->n_txq,
			 p->n_txq > 1 ? "s" : "", p->n_txq > 1 ? "the first workers" : "worker 0");
	if (n_workers == 1)
		LOG(NOTICE, "port %u (%s): %u rx queue%s, one worker", p->port_id, p->name, p->n_rxq,
		    p->n_rxq > 1 ? "s" : "");
	else if (paired)
		LOG(NOTICE, "port %u (%s): %u queues, each of one worker here and of one there", p->port_id, p->name,
		    p->n_rxq);
	else if (p->rss && p->n_rxq >= n_workers)
		LOG(NOTICE, "port %u (%s): RSS on %u queues, key and RETA of %u %s%s", p->port_id, p->name, p->n_rxq,
		    p->reta_size, p->read_back ? "read back: proven" : "set, can't be read back: watched on arrival",
		    tx);
	else
		LOG(NOTICE, "port %u (%s): %u rx queue%s, %s: %u workers share it through hand-over rings%s",
		    p->port_id, p->name, p->n_rxq, p->n_rxq > 1 ? "s" : "", p->rss ? "too few for RSS" : "no RSS",
		    n_workers, tx);
}

void
port_close(struct port *p)
{
	if (p->started) {
		rte_eth_dev_stop(p->port_id);
		rte_eth_dev_close(p->port_id);
		cable_close(p->port_id);
	} else if (p->owned) {
		rte_eth_dev_owner_unset(p->port_id, p->owner_id);
	}
	p->started = p->owned = false;
}
