/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the parts cost one by one, beside DPDK's own where it has one: table and rte_hash, wheel and rte_timer, parsing,
 * checksum, cookie, ISN. Entries are visited in random order, so that with many of them every visit misses the cache.
 *
 *	micro <EAL options> -- ENTRIES...
 *
 * A line is "micro: NAME, ENTRIES: N ns, N cycles", of one operation.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_hash.h>
#include <rte_hash_crc.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_random.h>
#include <rte_tcp.h>
#include <rte_timer.h>
#include "stack/conf.h"
#include "stack/worker.h"

#define OPS 1000000u        /* of each kind: the mean of so many */
#define TIMERS_MAX 1000000u /* rte_timer's lists take minutes beyond */
#define SPAN 4096u          /* ticks over which timers are spread: half a second */

struct key {
	uint32_t laddr, raddr;
	uint16_t lport, rport;
	uint32_t pad;
};

static struct tobj *objs;
static uint32_t *order;
static volatile uint64_t sink; /* keeps results alive */

static void
row(const char *name, uint32_t n, uint64_t cycles, uint64_t ops)
{
	printf("micro: %s, %u: %.1f ns, %.1f cycles\n", name, n, cycles * 1e9 / rte_get_tsc_hz() / ops,
	       (double)cycles / ops);
}

static void *
need(void *p)
{
	if (!p) {
		fprintf(stderr, "micro: out of memory: fewer entries, or more for EAL (-m)\n");
		exit(1);
	}
	return p;
}

static void
nth_flow(uint32_t i, struct flow *f)
{
	f->af = 4;
	f->addr.laddr4 = RTE_BE32(0xc63364fe);
	f->addr.raddr4 = rte_cpu_to_be_32(0xc6336401 + i / 64512);
	f->lport = RTE_BE16(80);
	f->rport = rte_cpu_to_be_16(1024 + i % 64512);
}

static void
nth_key(uint32_t i, struct key *k)
{
	struct flow f;

	nth_flow(i, &f);
	*k = (struct key){f.addr.laddr4, f.addr.raddr4, f.lport, f.rport, 0};
}

static void
shuffle(uint32_t n)
{
	uint32_t i, k, t;

	for (i = 0; i < n; i++)
		order[i] = i;
	for (i = n - 1; i > 0; i--) {
		k = rte_rand_max(i + 1);
		t = order[i];
		order[i] = order[k];
		order[k] = t;
	}
}

/* The i-th of a run of operations over n entries. */
static uint32_t
visit(uint32_t i, uint32_t n)
{
	return order[i % n];
}

/* --- table ------------------------------------------------------------------------------------------------------- */

static void
bulk_lookup(const struct table *t, uint32_t n)
{
	struct flow f[BURST];
	struct table_hint hint[BURST];
	uint32_t hash[BURST], i, k;
	uint64_t start = rte_rdtsc();

	for (i = 0; i < OPS; i += BURST) {
		for (k = 0; k < BURST; k++) {
			nth_flow(visit(i + k, n), &f[k]);
			hash[k] = table_hash(t, &f[k]);
			table_prefetch_bucket(t, hash[k]);
		}
		for (k = 0; k < BURST; k++)
			rte_prefetch0(table_peek(t, hash[k], &hint[k]));
		for (k = 0; k < BURST; k++)
			sink += table_lookup_hint(t, &f[k], hash[k], &hint[k])->rcv_nxt;
	}
	row("table look-up, bursts of 32", n, rte_rdtsc() - start, i);
}

static void
run_table(uint32_t n)
{
	const uint64_t random[4] = {rte_rand(), rte_rand(), rte_rand(), rte_rand()};
	struct table t;
	struct flow f;
	uint64_t start;
	uint32_t i;

	if (table_init(&t, n, (const uint8_t *)random, -1))
		need(NULL);
	for (i = 0; i < n; i++) {
		struct tobj *o = &objs[i];

		nth_flow(i, &f);
		o->af = 4;
		o->addr = f.addr;
		o->lport = f.lport;
		o->rport = f.rport;
		o->hash = table_hash(&t, &f);
	}
	start = rte_rdtsc();
	for (i = 0; i < n; i++)
		if (table_insert(&t, &objs[order[i]]))
			need(NULL);
	row("table insert", n, rte_rdtsc() - start, n);
	start = rte_rdtsc();
	for (i = 0; i < OPS; i++) {
		nth_flow(visit(i, n), &f);
		sink += table_lookup(&t, &f, table_hash(&t, &f))->rcv_nxt;
	}
	row("table look-up", n, rte_rdtsc() - start, OPS);
	bulk_lookup(&t, n);
	start = rte_rdtsc();
	for (i = 0; i < n; i++)
		table_remove(&t, &objs[order[i]]);
	row("table remove", n, rte_rdtsc() - start, n);
	table_fini(&t);
}

static void
bulk_hash(const struct rte_hash *h, uint32_t n)
{
	struct key k[BURST];
	const void *keys[BURST];
	void *data[BURST];
	uint64_t hits, start = rte_rdtsc();
	uint32_t i, j;

	for (i = 0; i < OPS; i += BURST) {
		for (j = 0; j < BURST; j++) {
			nth_key(visit(i + j, n), &k[j]);
			keys[j] = &k[j];
		}
		rte_hash_lookup_bulk_data(h, keys, BURST, &hits, data);
		for (j = 0; j < BURST; j++)
			sink += ((struct tobj *)data[j])->rcv_nxt;
	}
	row("rte_hash look-up, bursts of 32", n, rte_rdtsc() - start, i);
}

static void
run_hash(uint32_t n)
{
	const struct rte_hash_parameters p = {.name = "micro",
					      .entries = n + n / 8 + 8,
					      .key_len = sizeof(struct key),
					      .hash_func = rte_hash_crc,
					      .socket_id = rte_socket_id()};
	struct rte_hash *h = rte_hash_create(&p);
	uint64_t start;
	struct key k;
	uint32_t i;
	void *data;

	if (!h) {
		printf("micro: rte_hash of %u does not fit EAL's memory: left out\n", n);
		return;
	}
	start = rte_rdtsc();
	for (i = 0; i < n; i++) {
		nth_key(order[i], &k);
		if (rte_hash_add_key_data(h, &k, &objs[order[i]]))
			need(NULL);
	}
	row("rte_hash insert", n, rte_rdtsc() - start, n);
	start = rte_rdtsc();
	for (i = 0; i < OPS; i++) {
		nth_key(visit(i, n), &k);
		if (rte_hash_lookup_data(h, &k, &data) >= 0)
			sink += ((struct tobj *)data)->rcv_nxt;
	}
	row("rte_hash look-up", n, rte_rdtsc() - start, OPS);
	bulk_hash(h, n);
	start = rte_rdtsc();
	for (i = 0; i < n; i++) {
		nth_key(order[i], &k);
		rte_hash_del_key(h, &k);
	}
	row("rte_hash remove", n, rte_rdtsc() - start, n);
	rte_hash_free(h);
}

/* --- timers ------------------------------------------------------------------------------------------------------ */

static void
fired(struct wheel_node *n, void *arg)
{
	sink++;
}

static void
run_wheel(uint32_t n)
{
	struct wheel *w = need(calloc(1, sizeof(*w)));
	uint64_t start, now = 0;
	uint32_t i, all = 0;

	wheel_init(w, 0);
	for (i = 0; i < n; i++)
		memset(&objs[i].timer, 0, sizeof(objs[i].timer));
	start = rte_rdtsc();
	for (i = 0; i < n; i++)
		wheel_arm(w, &objs[order[i]].timer, 1 + (i & (SPAN - 1)));
	row("wheel arm", n, rte_rdtsc() - start, n);
	start = rte_rdtsc();
	for (i = 0; i < OPS; i++)
		wheel_arm(w, &objs[visit(i, n)].timer, 1 + (i * 7 & (SPAN - 1)));
	row("wheel arm again", n, rte_rdtsc() - start, OPS);
	start = rte_rdtsc();
	while (all < n)
		all += wheel_advance(w, ++now, 1 << 20, NULL, fired, NULL);
	row("wheel fire", n, rte_rdtsc() - start, n);
	free(w);
}

static void
timer_fired(struct rte_timer *t, void *arg)
{
	sink++;
}

static void
run_timer(uint32_t n)
{
	struct rte_timer *t;
	const uint64_t ms = rte_get_timer_hz() / 1000;
	uint64_t start, before;
	uint32_t i;

	if (n > TIMERS_MAX)
		return;
	t = need(calloc(n, sizeof(*t)));
	for (i = 0; i < n; i++)
		rte_timer_init(&t[i]);
	start = rte_rdtsc();
	for (i = 0; i < n; i++)
		rte_timer_reset(&t[order[i]], ms * (500 + i % 512), SINGLE, rte_lcore_id(), timer_fired, NULL);
	row("rte_timer arm", n, rte_rdtsc() - start, n);
	start = rte_rdtsc();
	for (i = 0; i < RTE_MIN(OPS, n); i++)
		rte_timer_reset(&t[order[i]], ms * (600 + i * 7 % 512), SINGLE, rte_lcore_id(), timer_fired, NULL);
	row("rte_timer arm again", n, rte_rdtsc() - start, i);
	rte_delay_ms(1200);
	before = sink;
	start = rte_rdtsc();
	rte_timer_manage();
	row("rte_timer fire", n, rte_rdtsc() - start, sink - before ? sink - before : 1);
	free(t);
}

/* --- packets ----------------------------------------------------------------------------------------------------- */

struct frame {
	struct rte_ether_hdr eth;
	struct rte_ipv4_hdr ip;
	struct rte_tcp_hdr tcp;
	uint8_t ts[12];
} __rte_packed __rte_aligned(2);

static struct rte_mbuf *
make_frame(struct rte_mempool *mp, const struct rte_ether_addr *to, uint16_t payload)
{
	struct rte_mbuf *m = need(rte_pktmbuf_alloc(mp));
	struct frame *f = (struct frame *)rte_pktmbuf_append(m, sizeof(*f) + payload);

	memset(f, 0, sizeof(*f) + payload);
	f->eth.dst_addr = *to;
	f->eth.ether_type = RTE_BE16(RTE_ETHER_TYPE_IPV4);
	f->ip = (struct rte_ipv4_hdr){.version_ihl = 0x45,
				      .time_to_live = 64,
				      .next_proto_id = 6,
				      .src_addr = RTE_BE32(0xc6336401),
				      .dst_addr = RTE_BE32(0xc63364fe)};
	f->ip.total_length = rte_cpu_to_be_16(sizeof(*f) - sizeof(f->eth) + payload);
	f->ip.hdr_checksum = rte_ipv4_cksum(&f->ip);
	f->tcp = (struct rte_tcp_hdr){
		.src_port = RTE_BE16(1024), .dst_port = RTE_BE16(80), .data_off = 0x80, .tcp_flags = RTE_TCP_ACK_FLAG};
	memcpy(f->ts, "\x01\x01\x08\x0a\0\0\0\1\0\0\0\1", sizeof(f->ts));
	f->tcp.cksum = rte_ipv4_udptcp_cksum(&f->ip, &f->tcp);
	return m;
}

static void
run_packets(struct rte_mempool *mp, uint16_t payload)
{
	const struct tern_if_conf conf = {.addr4 = {198, 51, 100, 254}, .prefix4 = 24};
	const struct rte_ether_addr mac = {{2, 0, 0, 0, 0, 1}};
	struct rte_mbuf *m[BURST];
	struct iface ifc;
	struct seg s;
	uint64_t start;
	uint32_t i;
	int rc = 0;

	memset(&ifc, 0, sizeof(ifc));
	if (link_iface_init(&ifc, 0, &conf, &mac, 1500))
		need(NULL);
	for (i = 0; i < BURST; i++)
		m[i] = make_frame(mp, &mac, payload);
	start = rte_rdtsc();
	for (i = 0; i < OPS; i++)
		rc |= pkt_parse(&ifc, m[i % BURST], &s);
	row("parse and verify, bytes of payload", payload, rte_rdtsc() - start, OPS);
	if (rc) {
		fprintf(stderr, "micro: the frame is refused\n");
		exit(1);
	}
	for (i = 0; i < BURST; i++)
		m[i]->ol_flags = RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD;
	start = rte_rdtsc();
	for (i = 0; i < OPS; i++)
		rc |= pkt_parse(&ifc, m[i % BURST], &s);
	row("parse, the device verified", payload, rte_rdtsc() - start, OPS);
	start = rte_rdtsc();
	for (i = 0; i < OPS; i++)
		sink += pkt_l4_cksum(m[i % BURST], 14, 34, 32 + payload, 6);
	row("checksum, bytes of payload", payload, rte_rdtsc() - start, OPS);
	rte_pktmbuf_free_bulk(m, BURST);
}

static void
run_secrets(struct rte_mempool *mp)
{
	struct tern_conf conf;
	uint32_t i, iss, off, good = 0;
	struct tern_worker *w;
	uint16_t mss;
	struct flow f;
	uint64_t start;

	tern_conf_init(&conf, sizeof(conf));
	conf.name = "micro";
	conf.n_workers = 1;
	conf.n_ifs = 1;
	if (conf_settle(&conf) || worker_create(&w, &conf, 0, -1, mp, 1000000))
		need(NULL);
	start = rte_rdtsc();
	for (i = 0; i < OPS; i++) {
		nth_flow(i, &f);
		tcp_isn(w, &f, &iss, &off);
		sink += iss;
	}
	row("ISN and timestamp offset, SipHash", 1, rte_rdtsc() - start, OPS);
	start = rte_rdtsc();
	for (i = 0; i < OPS; i++) {
		mss = 1460;
		nth_flow(i, &f);
		sink += tcp_cookie_make(w, &f, i, false, &mss, &off);
	}
	row("SYN cookie made", 1, rte_rdtsc() - start, OPS);
	nth_flow(1, &f);
	mss = 1460;
	iss = tcp_cookie_make(w, &f, 1, false, &mss, &off);
	start = rte_rdtsc();
	for (i = 0; i < OPS; i++)
		good += tcp_cookie_check(w, &f, 1, false, iss, &off) != 0;
	row("SYN cookie checked", 1, rte_rdtsc() - start, OPS);
	if (good != OPS) {
		fprintf(stderr, "micro: a right cookie is refused\n");
		exit(1);
	}
	worker_destroy(w);
}

int
main(int argc, char **argv)
{
	const int n_eal = rte_eal_init(argc, argv);
	struct rte_mempool *mp;
	uint32_t n, most = 0;
	int i;

	if (n_eal < 0)
		return 1;
	argc -= n_eal;
	argv += n_eal;
	for (i = 1; i < argc; i++) {
		n = strtoul(argv[i], NULL, 10);
		if (n < BURST || n > 100000000) {
			fprintf(stderr, "micro: %s: 32 to 100000000 entries\n", argv[i]);
			return 1;
		}
		most = RTE_MAX(most, n);
	}
	if (!most) {
		fprintf(stderr, "micro <EAL options> -- ENTRIES...\n");
		return 1;
	}
	mp = need(rte_pktmbuf_pool_create("micro", 1023, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY));
	objs = need(node_alloc((size_t)most * sizeof(*objs), -1));
	order = need(malloc((size_t)most * sizeof(*order)));
	memset(objs, 0, (size_t)most * sizeof(*objs));
	rte_timer_subsystem_init();
	for (i = 1; i < argc; i++) {
		n = strtoul(argv[i], NULL, 10);
		shuffle(n);
		run_table(n);
		run_hash(n);
		run_wheel(n);
		run_timer(n);
	}
	run_packets(mp, 0);
	run_packets(mp, 64);
	run_packets(mp, 1448);
	run_secrets(mp);
	rte_eal_cleanup();
	return 0;
}
