/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Role wire: a bad cable. What comes in at one port leaves at the other, each way through a profile of its own
 * (impair.h); a goes from the first port to the second, b back. It is a layer-2 bridge of two ports: it learns
 * nothing, answers nothing and needs no address. One lcore; no TCP. What a device does not take waits, and then waits
 * in impair's slots, which are bounded and counted.
 */
#include <errno.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>
#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>
#include "impair.h"
#include "option.h"
#include "run.h"

#define BURST 32u
#define RING 1024u
#define SPARE_MBUFS 8192u /* beyond the slots: both devices' rings, bursts and copies */

static struct impair_conf faults[2]; /* from the first port to the second, and back */
static uint32_t idle_us;

static int
set_wire(struct impair_conf *c, const char *val)
{
	char why[384]; /* the list of keys is long */

	return impair_parse(val, c, why, sizeof(why)) ? bad("%s", why) : 0;
}

static int
set_wire_a(const char *val)
{
	return set_wire(&faults[0], val);
}

static int
set_wire_b(const char *val)
{
	return set_wire(&faults[1], val);
}

static struct opt opts[] = {
	CALL("wire", "wire-a", "KEY=V,...", set_wire_a, "seed=1", "faults on the way from interface 0 to interface 1"),
	CALL("wire", "wire-b", "KEY=V,...", set_wire_b, "seed=2", "and on the way back"),
	NUM("wire", "wire-idle-us", idle_us, 0, 1000000, NULL,
	    "sleep so long when no frame moved: for machines with few cores; 0: poll on"),
};

static int
check(struct options *o)
{
	unsigned int i;

	if (o->ctl || o->interactive)
		return complain("wire takes no commands: leave --ctl and --interactive out");
	for (i = 0; i < o->conf.n_ifs; i++)
		if (if_has(&o->conf.ifs[i], TERN_AF_INET) || if_has(&o->conf.ifs[i], TERN_AF_INET6))
			return complain("wire has no addresses: leave --addr and --addr6 out");
	if (o->conf.ifs[0].port_id == o->conf.ifs[1].port_id)
		return complain("wire is between two ports, not from port %u to itself", o->conf.ifs[0].port_id);
	return 0;
}

struct way {
	const char *name;
	struct impair *im;
	uint16_t from, to; /* ethdev ports */
	unsigned int n;	   /* that the device did not take yet */
	struct rte_mbuf *m[BURST];
	uint64_t seen_in, seen_out; /* at the last line */
};

static int
open_port(uint16_t id, uint16_t mtu, struct rte_mempool *mp)
{
	struct rte_eth_conf conf = {0};
	struct rte_eth_dev_info info;
	uint16_t rx = RING, tx = RING;
	int rc;

	if (!rte_eth_dev_is_valid_port(id) || rte_eth_dev_info_get(id, &info))
		return complain("port %u is not there: wire needs two devices, as --vdev net_tap0 --vdev net_tap1", id);
	conf.rxmode.mtu = mtu ? mtu : RTE_ETHER_MTU;
	conf.txmode.offloads = info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
	rc = rte_eth_dev_configure(id, 1, 1, &conf);
	rc = rc ? rc : rte_eth_dev_adjust_nb_rx_tx_desc(id, &rx, &tx);
	rc = rc ? rc : rte_eth_rx_queue_setup(id, 0, rx, rte_eth_dev_socket_id(id), NULL, mp);
	rc = rc ? rc : rte_eth_tx_queue_setup(id, 0, tx, rte_eth_dev_socket_id(id), NULL);
	if (!rc && mtu)
		rc = rte_eth_dev_set_mtu(id, mtu);
	rc = rc ? rc : rte_eth_dev_start(id);
	if (rc)
		return complain("port %u: %s", id, rte_strerror(-rc));
	rc = rte_eth_promiscuous_enable(id);
	if (rc && rc != -ENOTSUP) /* net_memif and net_ring see everything as it is */
		return complain("port %u: promiscuous mode: %s", id, rte_strerror(-rc));
	return 0;
}

/* One poll of a direction. @return true if a frame moved. */
static inline bool
pass(struct way *w, uint64_t now_us)
{
	struct rte_mbuf *m[BURST];
	unsigned int i, sent, n = rte_eth_rx_burst(w->from, 0, m, BURST);

	for (i = 0; i < n; i++)
		impair_in(w->im, m[i], now_us);
	w->n += impair_out(w->im, now_us, &w->m[w->n], BURST - w->n);
	if (!w->n)
		return n > 0;
	sent = rte_eth_tx_burst(w->to, 0, w->m, w->n);
	w->n -= sent;
	memmove(w->m, &w->m[sent], w->n * sizeof(w->m[0]));
	return n || sent;
}

static void
line(struct way w[2], uint64_t second)
{
	const char *name;
	unsigned int i, k;
	uint64_t v;

	printf("wire %lu s:", second);
	for (i = 0; i < 2; i++) {
		const struct impair_stats *s = impair_stats(w[i].im);

		printf("%s %s /s in %lu out %lu, under way %u", i ? " |" : "", w[i].name, s->in - w[i].seen_in,
		       s->out - w[i].seen_out, impair_in_flight(w[i].im));
		w[i].seen_in = s->in;
		w[i].seen_out = s->out;
		for (k = 2; (name = impair_stat(w[i].im, k, &v)) != NULL; k++) /* behind in and out: since the start */
			if (v)
				printf(", %s %lu", name, v);
	}
	putchar('\n');
}

static void
loop(struct way w[2], const struct options *o)
{
	const uint64_t hz = rte_get_tsc_hz(), us_per_tsc = ((unsigned __int128)1000000 << 64) / hz, tsc0 = rte_rdtsc();
	const uint64_t end_us = o->duration_s ? o->duration_s * UINT64_C(1000000) : UINT64_MAX;
	uint64_t now_us = 0, line_us = o->stats_s * UINT64_C(1000000), next_us = o->stats_s ? line_us : UINT64_MAX;
	bool moved;

	if (idle_us)
		prctl(PR_SET_TIMERSLACK, 1000); /* ns: sleep for what is asked, not 50 us longer */
	while (!run_signals && now_us < end_us) {
		now_us = ((unsigned __int128)(rte_rdtsc() - tsc0) * us_per_tsc) >> 64;
		moved = pass(&w[0], now_us);
		moved |= pass(&w[1], now_us);
		if (unlikely(now_us >= next_us)) {
			line(w, now_us / 1000000);
			next_us += line_us;
		}
		if (!moved && idle_us)
			usleep(idle_us);
	}
}

static void
report(const struct way *w)
{
	const char *name;
	unsigned int i;
	uint64_t v;

	for (i = 0; (name = impair_stat(w->im, i, &v)) != NULL; i++)
		if (v)
			printf("%s-%-30s %lu\n", w->name, name, v);
}

static void
close_way(struct way *w)
{
	rte_pktmbuf_free_bulk(w->m, w->n);
	if (impair_in_flight(w->im) + w->n)
		printf("wire: %u frames %s were under way\n", impair_in_flight(w->im) + w->n, w->name);
	impair_destroy(w->im);
}

/* Bridge until a signal comes or --duration is over. */
static uint64_t
run(struct options *o)
{
	static struct way w[2] = {{.name = "a"}, {.name = "b"}};
	const uint16_t p[2] = {o->conf.ifs[0].port_id, o->conf.ifs[1].port_id};
	const uint16_t mtu = RTE_MAX(RTE_MAX(o->conf.ifs[0].mtu, o->conf.ifs[1].mtu), RTE_ETHER_MTU);
	const unsigned int n = option_set("mbufs") ? o->conf.n_mbufs : faults[0].slots + faults[1].slots + SPARE_MBUFS;
	struct rte_mempool *mp = rte_pktmbuf_pool_create(
		"wire", n, 256, 0, RTE_PKTMBUF_HEADROOM + RTE_ALIGN(mtu + 64u, 1024u), rte_socket_id());
	unsigned int i, missing;
	int rc = 0;

	if (!mp)
		return complain("no memory for %u frames: raise -m, or lower slots=", n) ? 1 : 0;
	for (i = 0; i < 2 && !rc; i++) {
		w[i].from = p[i];
		w[i].to = p[!i];
		w[i].im = impair_create(&faults[i], mp);
		rc = w[i].im ? open_port(p[i], o->conf.ifs[i].mtu, mp)
			     : complain("no memory for %u slots", faults[i].slots);
	}
	run_catch_signals();
	if (!rc) {
		printf("wire: a is port %u to port %u, b is back\n", p[0], p[1]);
		loop(w, o);
		printf("# counters\n");
		report(&w[0]);
		report(&w[1]);
		close_way(&w[0]);
		close_way(&w[1]);
	}
	for (i = 0; i < 2; i++)
		if (rte_eth_dev_is_valid_port(p[i]) && rte_eth_dev_stop(p[i]) == 0)
			rte_eth_dev_close(p[i]);
	missing = rte_mempool_in_use_count(mp);
	if (!rc)
		printf(missing ? "pools: %u packet buffers still in use\n" : "pools: all full, queues: empty\n",
		       missing);
	return rc || missing;
}

const struct role role_wire = {
	.name = "wire",
	.help = "a bad cable between two ports: loss, delay, reordering ... each way",
	.notes = {"Faults of a wire, separated by commas", impair_help},
	.opts = opts,
	.n_opts = RTE_DIM(opts),
	.check = check,
	.run = run,
	.unrecorded = true,
};
