/* SPDX-License-Identifier: BSD-3-Clause */
#include <err.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <rte_bus_vdev.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>
#include "device.h"

#define DRIVER "net_ring_"

/* --- packet buffers: a stack with a lock --------------------------------------------------------------------- */

struct stack {
	pthread_mutex_t lock;
	unsigned int n;
	void *at[];
};

static int
stack_alloc(struct rte_mempool *mp)
{
	struct stack *s = malloc(sizeof(*s) + mp->size * sizeof(s->at[0]));

	if (!s)
		return -1;
	pthread_mutex_init(&s->lock, NULL);
	s->n = 0;
	mp->pool_data = s;
	return 0;
}

static void
stack_free(struct rte_mempool *mp)
{
	free(mp->pool_data);
}

static int
stack_put(struct rte_mempool *mp, void *const *objs, unsigned int n)
{
	struct stack *s = mp->pool_data;
	unsigned int i;

	pthread_mutex_lock(&s->lock);
	for (i = 0; i < n; i++)
		s->at[s->n + i] = objs[i];
	__atomic_store_n(&s->n, s->n + n, __ATOMIC_RELAXED);
	pthread_mutex_unlock(&s->lock);
	return 0;
}

static int
stack_get(struct rte_mempool *mp, void **objs, unsigned int n)
{
	struct stack *s = mp->pool_data;
	bool enough;
	unsigned int i;

	pthread_mutex_lock(&s->lock);
	enough = s->n >= n;
	for (i = 0; enough && i < n; i++)
		objs[i] = s->at[s->n - 1 - i];
	if (enough)
		__atomic_store_n(&s->n, s->n - n, __ATOMIC_RELAXED);
	pthread_mutex_unlock(&s->lock);
	return enough ? 0 : -ENOBUFS;
}

static unsigned int
stack_count(const struct rte_mempool *mp)
{
	const struct stack *s = mp->pool_data;

	return __atomic_load_n(&s->n, __ATOMIC_RELAXED); /* who only counts waits for nobody, and learns nothing */
}

static const struct rte_mempool_ops pool_ops = {.name = DEVICE_POOL_OPS,
						.alloc = stack_alloc,
						.free = stack_free,
						.enqueue = stack_put,
						.dequeue = stack_get,
						.get_count = stack_count};
RTE_MEMPOOL_REGISTER_OPS(pool_ops);

/* --- the device ------------------------------------------------------------------------------------------------ */

/* What net_ring has for a queue begins with its ring. */
static uint16_t
rx_burst(void *queue, struct rte_mbuf **m, uint16_t n)
{
	return rte_ring_sc_dequeue_burst(*(struct rte_ring **)queue, (void **)m, n, NULL);
}

static uint16_t
tx_burst(void *queue, struct rte_mbuf **m, uint16_t n)
{
	return rte_ring_sp_enqueue_burst(*(struct rte_ring **)queue, (void **)m, n, NULL);
}

static struct rte_ring *
make_ring(const char *device, const char *kind, unsigned int i)
{
	char name[RTE_RING_NAMESIZE];
	struct rte_ring *r;

	snprintf(name, sizeof(name), "%s_%s%u", device, kind, i);
	r = rte_ring_create(name, DEVICE_SLOTS, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
	if (!r)
		errx(1, "no ring %s", name);
	return r;
}

void
device_make(struct device *d, const char *name, unsigned int n_rx)
{
	unsigned int i;
	int port;

	d->name = name;
	d->n_rx = n_rx;
	for (i = 0; i < n_rx; i++)
		d->rx[i] = make_ring(name, "rx", i);
	d->tx = make_ring(name, "tx", 0);
	port = rte_eth_from_rings(name, d->rx, n_rx, &d->tx, 1, rte_socket_id());
	if (port < 0)
		errx(1, "no ethdev %s", name);
	d->port = port;
}

void
device_watch(const struct device *d)
{
	rte_eth_fp_ops[d->port].rx_pkt_burst = rx_burst;
	rte_eth_fp_ops[d->port].tx_pkt_burst = tx_burst;
}

static unsigned int
ring_free(struct rte_ring *r)
{
	struct rte_mbuf *m;
	unsigned int n = 0;

	for (; rte_ring_dequeue(r, (void **)&m) == 0; n++)
		rte_pktmbuf_free(m);
	rte_ring_free(r);
	return n;
}

unsigned int
device_free(struct device *d)
{
	char name[64];
	unsigned int i, n = 0;

	snprintf(name, sizeof(name), DRIVER "%s", d->name);
	if (rte_vdev_uninit(name))
		errx(1, "%s is still there", name);
	for (i = 0; i < d->n_rx; i++)
		n += ring_free(d->rx[i]);
	return n + ring_free(d->tx);
}
