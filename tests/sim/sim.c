/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Simulation: two whole workers joined by a bad wire (app/impair.c) in virtual time. A seed decides everything:
 * faults, stack settings, sizes, who closes and how, who reads slowly, who aborts. The workers' own randomness comes
 * from it, too, so the same seed makes the same packets, which a hash over every frame and its time shows, and in the
 * end over all counters.
 *
 * What must hold for every connection: each byte arrives once and in order (the byte at an offset is a function of
 * connection, direction and offset); or an end is told of an error, one that TCP has, and never later than STUCK_US
 * after the last progress. On a mild wire nothing may fail. In the end every pool is full, the tables are empty and no
 * frame has two fates.
 *
 *	sim [--seed N] [--seeds N] [--conns N] [--cpu N] [--flip N] [--twice] [--unchecked] [--frames] [--trace] [-v]
 *
 * --unchecked leaves the invariants alone, which take four fifths of the time. --frames prints the hash after each
 * frame: that of two runs tells where they part. --flip N hashes frame N with a bit flipped: whoever compares hashes
 * has to notice. TERN_SEED=N is --seed N. The number of each failing seed is printed.
 *
 * sim_app.c opens, sends and closes; its connections are those of sim_node.c's workers; sim_wire.c moves frames and
 * the clock. All of them draw from sim_rand.c and report to sim_judge.c, which call nobody.
 */
#include <getopt.h>
#include <rte_eal.h>
#include "stack/check.h"
#include "sim.h"

#define DRAIN_US (400 * SEC)

struct sim sim;
static bool verbose;

static void
describe(void)
{
	unsigned int i;

	printf("seed %lu: %lu.%03lu s, %lu frames, %lu bytes, hash %016lx: %lu ok, %lu failed, %lu aborted%s", sim.seed,
	       sim.last_us / SEC, sim.last_us % SEC / 1000, sim.frames, sim.bytes, sim.hash, sim.ok, sim.failed,
	       sim.aborted, sim.bad ? " FAULT" : "");
	for (i = 0; i < 2 && verbose; i++) {
		const struct impair_conf *c = &sim.profile[i];

		printf("\n  wire %u: loss %.1f %%%s dup %.1f corrupt %.1f reorder %.1f/%u us delay %u us rate %lu; "
		       "retransmitted %lu, "
		       "timeouts %lu",
		       i, c->loss / 42949672.96, c->bad ? " and bursts" : "", c->dup / 42949672.96,
		       c->corrupt / 42949672.96, c->reorder / 42949672.96, c->reorder_us, c->delay_us, c->rate_bps,
		       sim.n[i].w ? sim.n[i].w->stats[STAT_RETRANS_SEGS] : 0,
		       sim.n[i].w ? sim.n[i].w->stats[STAT_TIMEOUTS] : 0);
	}
	putchar('\n');
}

/* @return the hash of its packets. */
static uint64_t
simulate(uint64_t seed, uint32_t n_pairs)
{
	const unsigned int n_wire = rte_mempool_avail_count(wire_mp);
	uint64_t look_us, end_us;
	unsigned int i, scarce;

	memset(&sim, 0, sizeof(sim));
	sim.seed = seed;
	sim.rng = seed;
	sim.n_pairs = n_pairs;
	sim.pairs = calloc(n_pairs, sizeof(*sim.pairs));
	sim.now_us =
		one_in(2) ? SEC : (UINT32_MAX - 5000 - below(20000)) * UINT64_C(1000); /* the timestamps' clock wraps */
	sim.mild = one_in(3);
	scarce = one_in(8) ? 700 + below(1000) : 0;
	sim.mild &= !scarce;
	choose_conf();
	sim.mild &= sim.conf.tcp.cookie_mode != TERN_COOKIE_ALWAYS; /* a cookie's lost last ACK leaves nobody to send
								     * it again */
	for (i = 0; i < 2; i++) {
		choose_profile(&sim.profile[i]);
		sim.wire[i] = impair_create(&sim.profile[i], wire_mp);
		node_start(i);
		if (scarce)
			hold_mbufs(&sim.n[i], scarce);
	}
	look_us = sim.now_us;
	while ((sim.next < sim.n_pairs || sim.n_active) && !sim.bad) {
		for (i = 0; i < 8 && sim.n_active < N_OPEN && sim.next < sim.n_pairs; i++)
			if (!open_one())
				break;
		step(sim.now_us + (sim.next < sim.n_pairs && sim.n_active < N_OPEN ? below(20 * MS) : 10 * SEC));
		if (sim.now_us >= look_us) {
			look_us = sim.now_us + 10 * SEC;
			find_stuck();
		}
	}
	sim.last_us = sim.now_us;
	end_us = sim.now_us + DRAIN_US;
	for (i = 0; i < 2; i++)
		release_mbufs(&sim.n[i]);
	while (sim.now_us < end_us && !sim.bad)
		step(end_us);
	for (i = 0; i < 2; i++)
		if (sim.n[1].l[i])
			tern_listener_close(sim.n[1].l[i]);
	run();
	if (!sim.bad)
		judge();
	for (i = 0; i < 2; i++)
		hash_counters(sim.n[i].w);
	describe();
	for (i = 0; i < 2; i++) {
		expect("frames on the wire", i, impair_in_flight(sim.wire[i]), 0);
		impair_destroy(sim.wire[i]);
		node_stop(i);
	}
	expect("the wire's mbufs free", 2, rte_mempool_avail_count(wire_mp), n_wire);
	free(sim.pairs);
	return sim.hash;
}

static int
start(char *cpu)
{
	char *eal[] = {"sim", "--no-huge", "--no-pci",          "--no-shconf", "-m", "384", "--no-telemetry",
		       "-l",  cpu,         "--log-level=error", NULL};

	if (rte_eal_init(RTE_DIM(eal) - 1, eal) < 0)
		return -1;
	if (rand_init() < 0) /* takes some: not from the first seed */
		return -1;
	content_init();
	return nodes_init();
}

int
main(int argc, char **argv)
{
	static const struct option opts[] = {{"seeds", 1, NULL, 'n'},     {"seed", 1, NULL, 's'},
					     {"conns", 1, NULL, 'c'},     {"cpu", 1, NULL, 'p'},
					     {"flip", 1, NULL, 'f'},      {"twice", 0, NULL, 't'},
					     {"trace", 0, NULL, 'x'},     {"frames", 0, NULL, 'r'},
					     {"unchecked", 0, NULL, 'u'}, {NULL}};
	const char *env = getenv("TERN_SEED"), *fewer = getenv("SIM_CONNS");
	uint64_t first = env ? strtoull(env, NULL, 0) : 1, n = env ? 1 : 30, i, hash, ok = 0, failed = 0, aborted = 0,
		 bad = 0, checks;
	uint32_t conns = fewer ? strtoul(fewer, NULL, 0) : 200, n_inv;
	char *cpu = "0";
	bool twice = false;
	int o;

	while ((o = getopt_long(argc, argv, "v", opts, NULL)) != -1) {
		if (o == 'n')
			n = strtoull(optarg, NULL, 0);
		else if (o == 's')
			first = strtoull(optarg, NULL, 0), n = 1;
		else if (o == 'c')
			conns = strtoul(optarg, NULL, 0);
		else if (o == 'p')
			cpu = optarg;
		else if (o == 'f')
			sim_flip = strtoull(optarg, NULL, 0);
		else if (o == 't')
			twice = true;
		else if (o == 'x')
			tracing = true;
		else if (o == 'r')
			sim_framing = true;
		else if (o == 'u')
			sim_unchecked = true;
		else if (o == 'v')
			verbose = true;
		else
			return 2;
	}
	if (!conns || conns > ADDRS * PORTS || start(cpu))
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (i = first; i < first + n; i++) {
		hash = simulate(i, conns);
		if (twice && !sim.bad && hash != simulate(i, conns))
			fault("the same seed made other packets: %016lx, then %016lx", hash, sim.hash);
		ok += sim.ok;
		failed += sim.failed;
		aborted += sim.aborted;
		bad += sim.bad;
	}
	printf("sim: %lu seeds, %lu connections: %lu whole, %lu ended by an error both wires excuse, %lu aborted by "
	       "us; %lu seeds "
	       "with faults\n",
	       n, ok + failed + aborted, ok, failed, aborted, bad);
	n_inv = check_count(&checks);
	printf("sim: %u invariants, checked %lu times\n", n_inv, checks);
	return bad != 0;
}
