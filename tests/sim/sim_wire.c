/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Time and the wire: frames go from worker to worker through app/impair.c, each hashed with its time, and the clock
 * goes from event to event. The invariants are checked after every burst.
 */
#include "stack/check.h"
#include "sim.h"

#define ROUNDS_MAX 100000u

bool sim_framing, sim_unchecked;
uint64_t sim_flip = UINT64_MAX;

static void
hash_frame(unsigned int from, const struct rte_mbuf *m)
{
	const uint8_t *p = rte_pktmbuf_mtod(m, const uint8_t *);
	uint64_t h = sim.hash ^ sim.now_us ^ (uint64_t)from << 63 ^ (sim.frames == sim_flip), v;
	uint32_t i;

	for (i = 0; i + 8 <= m->data_len; i += 8) {
		memcpy(&v, p + i, 8);
		h = (h ^ v) * 0x9fb21c651e98df25;
		h ^= h >> 29;
	}
	for (; i < m->data_len; i++)
		h = (h ^ p[i]) * 0x100000001b3;
	sim.hash = mix(h);
	if (sim_framing)
		printf("%lu.%06lu from %u: frame %lu, %u bytes, hash %016lx\n", sim.now_us / SEC, sim.now_us % SEC,
		       from, sim.frames, m->data_len, sim.hash);
	sim.frames++;
}

void
hash_counters(const struct tern_worker *w)
{
	unsigned int i;

	for (i = 0; i < STAT_COUNT; i++)
		sim.hash = mix(sim.hash ^ w->stats[i]);
}

/* What node i wants to send goes on the wire, as a copy in one piece. @return true if anything. */
static bool
transmit(unsigned int i)
{
	struct iface *ifc = &sim.n[i].w->ifs[0];
	const unsigned int n = ifc->n_tx;
	unsigned int k;

	for (k = 0; k < n; k++) {
		struct rte_mbuf *m = rte_pktmbuf_copy(ifc->tx[k], wire_mp, 0, UINT32_MAX);

		rte_pktmbuf_free(ifc->tx[k]);
		if (!m || m->nb_segs != 1) {
			fault("the wire has no mbuf");
			rte_pktmbuf_free(m);
			continue;
		}
		hash_frame(i, m);
		impair_in(sim.wire[i], m, sim.now_us);
	}
	ifc->n_tx = 0;
	return n > 0;
}

/* After a burst of worker i. */
static void
check_invariants(unsigned int i)
{
	const char *why = sim_unchecked ? NULL : worker_check_some(sim.n[i].w);

	if (unlikely(why != NULL))
		fault("node %u: %s", i, why);
}

void
run(void)
{
	unsigned int i, n, rounds = 0;
	struct rte_mbuf *m[BURST];
	bool busy;

	do {
		busy = false;
		for (i = 0; i < 2; i++) {
			struct tern_worker *w = sim.n[i].w;

			worker_set_time(w, sim.now_us);
			while ((n = impair_out(sim.wire[!i], sim.now_us, m, BURST)) > 0) {
				worker_input(w, 0, m, n);
				check_invariants(i);
				busy = true;
				busy |= worker_run(w);
				check_invariants(i);
				transmit(i);
			}
			busy |= worker_run(w);
			check_invariants(i);
			busy |= transmit(i);
		}
		if (++rounds == ROUNDS_MAX)
			fault("a worker is busy for ever");
	} while (busy && !sim.bad);
}

void
step(uint64_t limit_us)
{
	uint64_t t = limit_us;
	unsigned int i;

	run();
	for (i = 0; i < 2; i++) {
		t = RTE_MIN(t, RTE_MAX(worker_next_us(sim.n[i].w), sim.now_us + TICK_US));
		t = RTE_MIN(t, RTE_MAX(impair_next_us(sim.wire[i]), sim.now_us + 1));
	}
	if (sim.waiting)
		t = RTE_MIN(t, sim.now_us + 10 * MS);
	sim.now_us = RTE_MAX(t, sim.now_us + 1);
	wake_waiting();
}
