/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The life of a stack: configuration checked, ports claimed, mempools, ports started, workers, in this order, so that
 * everything that can be wrong is found before a packet can arrive. Every error is one line that says what to change.
 *
 * Mempools outlive their stack when frames of theirs are still elsewhere (in the other end of a ring pair, in another
 * stack's queues): such a pool is retired and freed by a later tern_destroy(), once all of its mbufs came home.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <numa.h>
#include <numaif.h>
#include <rte_cycles.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_lcore.h>
#include <rte_malloc.h>
#include <rte_mbuf.h>
#include <rte_ring_elem.h>
#include <sodium.h>
#include "net/ifconf.h"
#include "stack/conf.h"
#include "stack/post.h"
#include "stack/worker.h"

#define DESC_MAX 1024u /* at 14.88 Mpkt/s: 69 us between two polls */
#define DESC_MIN 64u
#define INBOX_SLOTS 2048u /* two full rx rings */
#define MBUF_CACHE 256u
#define RETA_DEFAULT 128u /* what most devices have; only for hand-over when none does RSS */
#define RETIRED_MAX 256u

static struct rte_mempool *retired[RETIRED_MAX];
static unsigned int n_retired;
static unsigned int serial; /* keeps names of memory apart when a stack is made again while a pool is retired */

/* --- mempools ----------------------------------------------------------------------------------------------- */

static void
retired_sweep(void)
{
	unsigned int i, k = 0;

	for (i = 0; i < n_retired; i++) {
		if (rte_mempool_full(retired[i]))
			rte_mempool_free(retired[i]);
		else
			retired[k++] = retired[i];
	}
	n_retired = k;
}

static void
pool_release(struct rte_mempool *mp)
{
	if (n_retired < RETIRED_MAX)
		retired[n_retired++] = mp;
}

/* The NUMA node that really holds the memory at p, -1 when unknown. */
static int
node_of(void *p)
{
	int node = -1;

	if (numa_available() < 0 || get_mempolicy(&node, NULL, 0, p, MPOL_F_NODE | MPOL_F_ADDR))
		return -1;
	return node;
}

static void
touch_mbuf(struct rte_mempool *mp, void *arg, void *obj, unsigned int i)
{
	if (i == 0)
		*(int *)arg = node_of(obj);
}

/* Of a mempool: the node has nothing, or too little. */
static bool
no_memory(void)
{
	return rte_errno == ENOMEM || rte_errno == ENOBUFS;
}

static int
make_mempool(struct tern *t, unsigned int i)
{
	const uint32_t n = t->conf.n_mbufs;
	const int socket = rte_lcore_to_socket_id(t->lcores[i]);
	char name[RTE_MEMPOOL_NAMESIZE];
	unsigned int k;
	uint32_t room = RTE_MBUF_DEFAULT_DATAROOM, frame, size;
	int node = -1;

	if (t->conf.mbuf_pool) {
		t->mps[i] = t->conf.mbuf_pool;
		return 0;
	}
	for (k = 0; k < t->n_ports; k++) {
		frame = t->ports[k].mtu + RTE_ETHER_HDR_LEN + RTE_ETHER_CRC_LEN + 2 * RTE_VLAN_HLEN;
		room = RTE_MAX(room, RTE_ALIGN_CEIL(frame, 64u));
	}
	room += RTE_PKTMBUF_HEADROOM;
	snprintf(name, sizeof(name), "%s%u.%u", t->name, serial, i);
	t->mps[i] = rte_pktmbuf_pool_create(name, n, RTE_MIN(MBUF_CACHE, n / 8), 0, room, socket);
	if (!t->mps[i] && no_memory() && socket != SOCKET_ID_ANY) {
		t->mps[i] = rte_pktmbuf_pool_create(name, n, RTE_MIN(MBUF_CACHE, n / 8), 0, room, SOCKET_ID_ANY);
		if (t->mps[i])
			LOG(WARNING,
			    "worker %u: no memory on socket %d of lcore %u for its mbufs, taken elsewhere: slow", i,
			    socket, t->lcores[i]);
	}
	if (!t->mps[i]) {
		size = rte_mempool_calc_obj_size(sizeof(struct rte_mbuf) + room, 0, NULL);
		LOG(ERR,
		    "worker %u: no room for %u mbufs, %zu MiB: %s; give EAL more (hugepages, --socket-mem or -m) or "
		    "lower n_mbufs",
		    i, n, ((size_t)n * size + (1 << 20) - 1) >> 20, rte_strerror(rte_errno));
		return no_memory() ? -ENOMEM : -rte_errno;
	}
	rte_mempool_obj_iter(t->mps[i], touch_mbuf, &node);
	if (node >= 0 && socket >= 0 && node != socket)
		LOG(WARNING, "worker %u: lcore %u is on socket %d but its mbufs are on node %d: slow", i, t->lcores[i],
		    socket, node);
	return 0;
}

/* --- checks ------------------------------------------------------------------------------------------------- */

static int
check_lcores(const struct tern_conf *conf)
{
	unsigned int i, k;

	if (!conf->lcores || !conf->n_workers || conf->n_workers > TERN_WORKER_MAX) {
		LOG(ERR, "%u workers: 1..%u are possible, one per lcore", conf->n_workers, TERN_WORKER_MAX);
		return -EINVAL;
	}
	if (conf->n_workers > 1 && (conf->app.unbound || conf->app.neighbour)) {
		LOG(ERR, "%u workers, and one process of several: unbound() and neighbour() go with one worker",
		    conf->n_workers);
		return -EINVAL;
	}
	if (conf->n_workers > rte_lcore_count()) {
		LOG(ERR, "%u workers need as many lcores, EAL has %u: see EAL -l", conf->n_workers, rte_lcore_count());
		return -EINVAL;
	}
	for (i = 0; i < conf->n_workers; i++) {
		if (conf->lcores[i] >= RTE_MAX_LCORE || !rte_lcore_is_enabled(conf->lcores[i])) {
			LOG(ERR, "lcore %u of worker %u is not enabled: see EAL -l", conf->lcores[i], i);
			return -EINVAL;
		}
		for (k = 0; k < i; k++) {
			if (conf->lcores[k] == conf->lcores[i]) {
				LOG(ERR, "lcore %u is given to workers %u and %u", conf->lcores[i], k, i);
				return -EINVAL;
			}
		}
	}
	return 0;
}

static int
copy_conf(struct tern *t, const struct tern_conf *given)
{
	const struct tern_conf *conf = &t->conf;
	char why[256];
	int rc;

	rc = conf_copy(&t->conf, given);
	rc = rc ? rc : conf_settle(&t->conf);
	if (rc)
		return rc;
	if (!*t->conf.name || strlen(t->conf.name) >= sizeof(t->name)) {
		LOG(ERR, "name '%s': 1..%zu characters", t->conf.name, sizeof(t->name) - 1);
		return -EINVAL;
	}
	if (!conf->n_ifs || conf->n_ifs > TERN_IF_MAX) {
		LOG(ERR, "%u interfaces: 1..%u are possible", conf->n_ifs, TERN_IF_MAX);
		return -EINVAL;
	}
	if (ifconf_check(conf->ifs, conf->n_ifs, why, sizeof(why))) {
		LOG(ERR, "%s", why);
		return -EINVAL;
	}
	rc = check_lcores(conf);
	if (rc)
		return rc;
	snprintf(t->name, sizeof(t->name), "%s", t->conf.name);
	memcpy(t->lcores, conf->lcores, conf->n_workers * sizeof(t->lcores[0]));
	t->conf.name = t->name;
	t->conf.lcores = t->lcores;
	return 0;
}

/* --- set-up ------------------------------------------------------------------------------------------------- */

static int
probe_ports(struct tern *t)
{
	struct rte_eth_dev_owner owner = {0};
	const unsigned int n = t->conf.n_workers;
	uint32_t desc = DESC_MAX, held = 0, need;
	unsigned int i;
	int rc = rte_eth_dev_owner_new(&owner.id);

	if (rc) {
		LOG(ERR, "no owner of ports: %s", rte_strerror(-rc));
		return rc;
	}
	snprintf(owner.name, sizeof(owner.name), "%s", t->name);
	while (desc > DESC_MIN && 4 * desc * t->conf.n_ifs > t->conf.n_mbufs) /* at most half of them in descriptors */
		desc /= 2;
	for (i = 0; i < t->conf.n_ifs; i++) {
		t->n_ports++;
		rc = port_probe(&t->ports[i], &t->conf.ifs[i], n, desc, &owner);
		if (rc)
			return rc;
		held += t->ports[i].rx_desc + t->ports[i].tx_desc; /* a worker has one queue of each at most */
	}
	need = held + 2 * MBUF_CACHE + 2 * BURST; /* caches hold up to 1.5 times their size */
	if (!t->conf.mbuf_pool && t->conf.n_mbufs < need) {
		LOG(ERR, "n_mbufs %u is too small: descriptors and caches of a worker hold up to %u", t->conf.n_mbufs,
		    need);
		return -EINVAL;
	}
	return 0;
}

static void
warn_numa(const struct tern *t)
{
	unsigned int i, k;

	for (i = 0; i < t->n_ports; i++) {
		for (k = 0; k < t->conf.n_workers; k++) {
			const int socket = rte_lcore_to_socket_id(t->lcores[k]);

			if (t->ports[i].node >= 0 && socket >= 0 && t->ports[i].node != socket)
				LOG(WARNING,
				    "port %u (%s) is on socket %d but worker %u runs on lcore %u of socket %d: slow",
				    t->ports[i].port_id, t->ports[i].name, t->ports[i].node, k, t->lcores[k], socket);
		}
	}
}

static int
start_ports(struct tern *t)
{
	const unsigned int n = t->conf.n_workers;
	uint8_t key[STEER_KEY_LEN];
	uint16_t reta = 0;
	unsigned int i;
	int rc;

	for (i = 0; i < t->n_ports; i++)
		if (t->ports[i].rss && (!reta || t->ports[i].reta_size < reta))
			reta = t->ports[i].reta_size; /* larger ones repeat it */
	randombytes_buf(key, sizeof(key)); /* who knows the key can send all his flows to one worker */
	steer_init(&t->steer, n, RTE_MIN(reta ? reta : RETA_DEFAULT, (uint16_t)STEER_RETA_MAX), key);
	t->exact = t->paired = true;
	for (i = 0; i < t->n_ports; i++) {
		t->ports[i].rx_intr = t->conf.rx_intr;
		rc = port_start(&t->ports[i], t->mps, t->lcores, n, &t->steer, t->conf.tcp.lro);
		if (rc)
			return rc;
		t->paired &= t->conf.ifs[i].paired && t->ports[i].n_rxq == n && t->ports[i].n_txq == n;
		t->exact &= n == 1 || (t->ports[i].rss && t->ports[i].n_rxq >= n);
	}
	for (i = 0; i < t->n_ports; i++) {
		port_wait_link(&t->ports[i]);
		port_report(&t->ports[i], n, t->paired);
	}
	return 0;
}

/* What a buffer can take in, of a device that does not scatter, and what goes out in one piece where no chain can. */
static uint16_t
fitting_mtu(const struct tern_worker *w, const struct port *p)
{
	const uint16_t room = rte_pktmbuf_data_room_size(w->mbufs.pool) - RTE_PKTMBUF_HEADROOM - RTE_ETHER_HDR_LEN;

	if (p->mtu <= room)
		return p->mtu;
	if (w->index == 0)
		LOG(NOTICE, "port %u (%s): MTU %u does not fit the mbufs of pool '%s': %u is used", p->port_id, p->name,
		    p->mtu, w->mbufs.pool->name, room);
	return room;
}

static int
make_ifaces(struct tern *t, struct tern_worker *w)
{
	unsigned int i;
	int rc;

	for (i = 0; i < t->n_ports; i++) {
		const struct port *p = &t->ports[i];
		const uint16_t mtu = fitting_mtu(w, p);
		struct iface *ifc = &w->ifs[i];

		rc = link_iface_init(ifc, i, &t->conf.ifs[i], &p->mac, mtu);
		if (rc) {
			LOG(ERR,
			    "interface %u (port %u): an MTU of %u is too small for its addresses: give larger mbufs", i,
			    p->port_id, mtu);
			return rc;
		}
		ifc->port_id = p->port_id;
		ifc->queue = w->index * p->step;
		ifc->tx_tcp_cksum = p->tx_tcp_cksum;
		ifc->tx_multi_seg = p->tx_multi_seg;
		ifc->tx_segs = p->tx_segs;
		ifc->tso_segs = p->tso_segs;
		ifc->tx_tso = p->tx_tso && t->conf.tcp.tso;
		w->n_ifs = i + 1;
	}
	return 0;
}

static struct rte_ring *
make_ring(const struct tern *t, const char *kind, unsigned int i, unsigned int k, unsigned int esize,
	  unsigned int flags)
{
	char name[RTE_RING_NAMESIZE];
	struct rte_ring *r;

	snprintf(name, sizeof(name), "%s%u%s%u.%u", t->name, serial, kind, i, k);
	r = rte_ring_create_elem(name, esize, INBOX_SLOTS, rte_lcore_to_socket_id(t->lcores[i]), flags | RING_F_SC_DEQ);
	if (!r)
		LOG(ERR, "ring %s of worker %u: %s; give EAL more memory (-m, hugepages)", name, i,
		    rte_strerror(rte_errno));
	return r;
}

static int
make_engine(struct tern *t, unsigned int i)
{
	const struct tern_conf *c = &t->conf;
	const int socket = rte_lcore_to_socket_id(t->lcores[i]);
	struct engine *e = rte_zmalloc_socket("tern_engine", sizeof(*e), RTE_CACHE_LINE_SIZE, socket);
	int rc;

	t->engines[i] = e;
	if (!e) {
		LOG(ERR, "worker %u: no %zu bytes of EAL memory on socket %d: raise -m or --socket-mem", i, sizeof(*e),
		    socket);
		return -ENOMEM;
	}
	e->t = t;
	e->tsc = e->tsc0 = t->tsc0;
	e->lcore = t->lcores[i];
	rc = worker_create(&e->w, c, i, socket, t->mps[i], engine_clock_us(e, rte_rdtsc()));
	if (rc) {
		e->w = NULL;
		LOG(ERR,
		    "worker %u: no memory for %u connections, %u requests, %u TIME-WAITs: lower max_conns, "
		    "max_requests or "
		    "max_timewait (%s)",
		    i, c->max_conns, c->max_requests, c->max_timewait, rte_strerror(-rc));
		return rc;
	}
	e->w->tern = t;
	e->posts = make_ring(t, "post", i, 0, sizeof(struct post), RING_F_MP_RTS_ENQ);
	if (!e->posts)
		return -ENOMEM;
	if (c->n_workers == 1)
		return make_ifaces(t, e->w);
	e->w->steer = &t->steer;
	e->w->share = engine_share_neigh;
	if (!t->paired)
		e->w->handover = t->exact ? engine_handover_rss : engine_handover;
	e->inbox = make_ring(t, "rx", i, 0, sizeof(void *), 0);
	return e->inbox ? make_ifaces(t, e->w) : -ENOMEM;
}

/* Workers without a tx queue of a port send through one that has. */
static int
join_tx(struct tern *t)
{
	unsigned int i, k;

	for (i = 0; i < t->n_ports; i++) {
		const unsigned int n_txq = t->ports[i].n_txq;

		for (k = n_txq; k < t->conf.n_workers; k++) {
			/* NOLINTNEXTLINE(clang-analyzer-core.DivideZero): a port without a tx queue was refused */
			struct engine *with = t->engines[k % n_txq];

			if (!with->txbox[i])
				with->txbox[i] = make_ring(t, "tx", k % n_txq, i, sizeof(void *), 0);
			if (!with->txbox[i])
				return -ENOMEM;
			t->engines[k]->txpeer[i] = with->txbox[i];
		}
	}
	return 0;
}

static int
set_up(struct tern *t, const struct tern_conf *conf)
{
	unsigned int i;
	int rc = copy_conf(t, conf);

	if (rc)
		return rc;
	serial++;
	t->tsc0 = rte_rdtsc();
	t->us_per_tsc = (uint64_t)(((unsigned __int128)1000000 << 64) / rte_get_tsc_hz());
	rc = probe_ports(t);
	for (i = 0; !rc && i < t->conf.n_workers; i++)
		rc = make_mempool(t, i);
	rc = rc ? rc : start_ports(t);
	for (i = 0; !rc && i < t->conf.n_workers; i++)
		rc = make_engine(t, i);
	rc = rc ? rc : join_tx(t);
	if (!rc)
		warn_numa(t);
	return rc;
}

int
tern_create(const struct tern_conf *conf, struct tern **out)
{
	struct tern *t;
	int rc;

	if (!conf || !out)
		return -EINVAL;
	*out = NULL;
	t = aligned_alloc(RTE_CACHE_LINE_SIZE, sizeof(*t));
	if (!t) {
		LOG(ERR, "no memory for a stack, %zu bytes", sizeof(*t));
		return -ENOMEM;
	}
	memset(t, 0, sizeof(*t));
	rc = set_up(t, conf);
	if (rc) {
		tern_destroy(t);
		return rc;
	}
	*out = t;
	return 0;
}

static void
ring_release(struct rte_ring *r)
{
	struct rte_mbuf *m;

	while (r && rte_ring_dequeue(r, (void **)&m) == 0)
		rte_pktmbuf_free(m);
	rte_ring_free(r);
}

static void
posts_release(struct engine *e)
{
	const unsigned int n = e->posts ? post_drop(e) : 0;

	if (n)
		LOG(NOTICE, "%u calls were posted to worker %u and not run", n, e->w->index);
	rte_ring_free(e->posts);
}

void
tern_destroy(struct tern *t)
{
	unsigned int i, k;

	if (!t)
		return;
	for (i = 0; i < TERN_WORKER_MAX; i++) {
		if (!t->engines[i])
			continue;
		posts_release(t->engines[i]);
		if (t->engines[i]->w)
			worker_destroy(t->engines[i]->w);
		ring_release(t->engines[i]->inbox);
		for (k = 0; k < TERN_IF_MAX; k++)
			ring_release(t->engines[i]->txbox[k]);
		rte_free(t->engines[i]);
	}
	for (i = 0; i < t->n_ports; i++)
		port_close(&t->ports[i]);
	for (i = 0; i < TERN_WORKER_MAX; i++)
		if (t->mps[i] && t->mps[i] != t->conf.mbuf_pool)
			pool_release(t->mps[i]);
	retired_sweep();
	free(t);
}

void
tern_stop(struct tern *t)
{
	__atomic_fetch_or(&t->cmd, CMD_STOP, __ATOMIC_RELAXED);
}

void
tern_drain(struct tern *t, uint32_t timeout_ms)
{
	__atomic_store_n(&t->drain_ms, timeout_ms, __ATOMIC_RELAXED); /* a worker may be reading an earlier call's */
	__atomic_fetch_or(&t->cmd, CMD_DRAIN, __ATOMIC_RELEASE);
}

/* --- watching ----------------------------------------------------------------------------------------------- */

struct tern_worker *
tern_worker_get(struct tern *t, unsigned int i)
{
	return i < t->conf.n_workers ? t->engines[i]->w : NULL;
}

unsigned int
tern_worker_index(const struct tern_worker *w)
{
	return w->index;
}

uint64_t
tern_now_us(const struct tern_worker *w)
{
	return w->now_us;
}

const char *
tern_version(void)
{
	return TERN_VERSION;
}
