/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The bare ceiling: what the wire of the benchmark costs when nobody keeps a connection. The same in-memory cable,
 * mbufs and pools as `tern --role bench`; a packet carries its place in the form of a connection, and who receives it
 * sends what the form says comes next: the first answer by swapping the headers in the received mbuf, any other in a
 * new one. No table, no state, no timer, no checksum.
 *
 *	null <EAL options> -- FORM SECONDS [CONCURRENCY [one | FLOWS]]
 *
 * FORM has a letter per packet, C from the client and S from the server: CSCSCS is SYN, SYN-ACK, ACK with the request,
 * response with FIN, FIN, ACK. With `one`, both ends take turns on one lcore. With FLOWS, each packet to the server is
 * of one of so many, by chance, and the server writes two cache lines of it that it finds by a bucket of its own: the
 * least that a flow costs whose state is cold, all of it asked for ahead.
 *
 *	null <EAL options> -- BYTES SECONDS
 *
 * Frames of BYTES payload one way: written once by the client, read once by the server, which is the least that a
 * stream costs.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_ip.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>
#include <rte_random.h>
#include <rte_tcp.h>
#include "tern.h"

#define BURST 32u
#define RING 4096u
#define MBUFS 16384u
#define FORM_MAX 16u

struct frame {
	struct rte_ether_hdr eth;
	struct rte_ipv4_hdr ip;
	struct rte_tcp_hdr tcp;
	uint8_t ts[12];
} __rte_packed __rte_aligned(2);

struct end {
	uint16_t port;
	bool client;
	uint32_t idle; /* connections the client may still start */
	uint64_t conns, packets, busy, total;
} __rte_cache_aligned;

static char form[FORM_MAX + 1];
static uint8_t follow[FORM_MAX]; /* packets the receiver of this one sends */
static unsigned int form_len, opening;
static struct end ends[2];
static struct rte_mempool *pool; /* of both ends, as in bench */
static struct frame template;
static bool stop;
static unsigned int payload; /* of a stream's frames; 0: connections */
static uint64_t source[32768], seen;

/* Of FLOWS. */
struct flow {
	uint64_t packets __rte_cache_aligned, bytes __rte_cache_aligned;
};
struct bucket {
	struct flow *flow __rte_cache_aligned;
};
static struct flow *flows;
static struct bucket *buckets;
static uint32_t n_flows;

static void
swap(struct frame *f)
{
	const struct rte_ether_addr mac = f->eth.dst_addr;
	const uint32_t addr = f->ip.dst_addr;
	const uint16_t port = f->tcp.dst_port;

	f->eth.dst_addr = f->eth.src_addr;
	f->eth.src_addr = mac;
	f->ip.dst_addr = f->ip.src_addr;
	f->ip.src_addr = addr;
	f->tcp.dst_port = f->tcp.src_port;
	f->tcp.src_port = port;
}

/* Which flow is the packet's? */
static void
choose(struct frame *f)
{
	f->tcp.recv_ack = (rte_rand() >> 32) * n_flows >> 32;
}

static struct rte_mbuf *
fresh(const struct frame *like, unsigned int at)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
	struct frame *f;

	if (!m) {
		fprintf(stderr, "null: no packet buffer left\n");
		exit(1);
	}
	f = (struct frame *)rte_pktmbuf_append(m, sizeof(*f));
	*f = *like;
	f->tcp.sent_seq = at;
	if (n_flows)
		choose(f);
	return m;
}

static void *
huge(size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED) {
		fprintf(stderr, "null: no memory for %u flows\n", n_flows);
		exit(1);
	}
	madvise(p, bytes, MADV_HUGEPAGE);
	return p;
}

static void
make_flows(void)
{
	uint32_t i, k;

	flows = huge(n_flows * sizeof(*flows));
	buckets = huge(n_flows * sizeof(*buckets));
	for (i = 0; i < n_flows; i++)
		buckets[i].flow = &flows[i];
	for (i = n_flows - 1; i; i--) { /* in no order */
		struct flow *f = buckets[i].flow;

		k = rte_rand() % (i + 1);
		buckets[i].flow = buckets[k].flow;
		buckets[k].flow = f;
	}
}

static void
touch(struct rte_mbuf **rx, unsigned int n)
{
	struct bucket *b[BURST];
	struct flow *f;
	unsigned int i;

	for (i = 0; i < n; i++) {
		b[i] = &buckets[rte_pktmbuf_mtod(rx[i], struct frame *)->tcp.recv_ack];
		rte_prefetch0(b[i]);
	}
	for (i = 0; i < n; i++) {
		rte_prefetch0(&b[i]->flow->packets);
		rte_prefetch0(&b[i]->flow->bytes);
	}
	for (i = 0; i < n; i++) {
		f = b[i]->flow;
		f->packets++;
		f->bytes += rx[i]->data_len;
	}
}

/* What follows the received packet m goes to tx. @return how many. */
static unsigned int
answer(struct end *e, struct rte_mbuf *m, struct rte_mbuf **tx)
{
	struct frame *f = rte_pktmbuf_mtod(m, struct frame *);
	const unsigned int at = f->tcp.sent_seq, n = follow[at];
	unsigned int i;

	if (e->client && at + n + 1 == form_len) {
		e->conns++;
		e->idle++;
	}
	if (!n) {
		rte_pktmbuf_free(m);
		return 0;
	}
	swap(f);
	f->tcp.sent_seq = at + 1;
	if (n_flows && e->client)
		choose(f);
	tx[0] = m;
	for (i = 1; i < n; i++)
		tx[i] = fresh(f, at + 1 + i);
	return n;
}

static void
poll(struct end *e)
{
	struct rte_mbuf *rx[BURST], *tx[BURST * (FORM_MAX + 1)];
	const uint64_t start = rte_rdtsc();
	const unsigned int n = rte_eth_rx_burst(e->port, 0, rx, BURST);
	unsigned int i, k = 0, out = 0, starts;
	uint64_t now;

	for (i = 0; i < n; i++)
		rte_prefetch0(rte_pktmbuf_mtod(rx[i], void *));
	if (n_flows && !e->client)
		touch(rx, n);
	for (i = 0; i < n; i++)
		k += answer(e, rx[i], &tx[k]);
	starts = __atomic_load_n(&stop, __ATOMIC_RELAXED) ? 0 : RTE_MIN(e->idle, BURST);
	e->idle -= starts;
	for (; starts; starts--)
		for (i = 0; i < opening; i++)
			tx[k++] = fresh(&template, i);
	while (out < k) /* the ring holds all that can be under way */
		out += rte_eth_tx_burst(e->port, 0, &tx[out], RTE_MIN(k - out, BURST));
	e->packets += k;
	now = rte_rdtsc();
	e->total += now - start;
	if (n || k)
		e->busy += now - start;
}

static void
stream_out(struct end *e)
{
	static unsigned int at;
	struct rte_mbuf *tx[BURST];
	unsigned int i, out = 0;

	for (i = 0; i < BURST; i++) {
		tx[i] = fresh(&template, 0);
		memcpy(rte_pktmbuf_append(tx[i], payload), (const char *)source + at, payload);
		at = (at + payload) % (sizeof(source) - payload);
	}
	while (out < BURST && !__atomic_load_n(&stop, __ATOMIC_RELAXED))
		out += rte_eth_tx_burst(e->port, 0, &tx[out], BURST - out);
}

static void
stream_in(struct end *e)
{
	struct rte_mbuf *rx[BURST];
	const unsigned int n = rte_eth_rx_burst(e->port, 0, rx, BURST);
	unsigned int i, k;
	uint64_t sum = 0, word;

	for (i = 0; i < n; i++)
		rte_prefetch0(rte_pktmbuf_mtod(rx[i], void *));
	for (i = 0; i < n; i++) {
		const char *p = rte_pktmbuf_mtod_offset(rx[i], const char *, sizeof(struct frame));

		for (k = 0; k + 8 <= payload; k += 8) {
			memcpy(&word, p + k, 8);
			sum += word;
		}
		rte_pktmbuf_free(rx[i]);
	}
	seen += sum;
	e->packets += n;
}

static int
run(void *arg)
{
	struct end *e = arg;

	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		if (!payload)
			poll(e);
		else if (e->client)
			stream_out(e);
		else
			stream_in(e);
	}
	return 0;
}

static void *
sleeper(void *arg)
{
	rte_delay_us_sleep(*(unsigned int *)arg * 1000000);
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	return NULL;
}

static int
open_port(const struct end *e)
{
	const struct rte_eth_conf conf = {0};
	int rc;

	rc = rte_eth_dev_configure(e->port, 1, 1, &conf);
	rc = rc ? rc : rte_eth_rx_queue_setup(e->port, 0, RING, rte_socket_id(), NULL, pool);
	rc = rc ? rc : rte_eth_tx_queue_setup(e->port, 0, RING, rte_socket_id(), NULL);
	return rc ? rc : rte_eth_dev_start(e->port);
}

static void
make_template(void)
{
	template = (struct frame){
		.eth = {.dst_addr = {{2, 0, 0, 0, 0, 1}},
			.src_addr = {{2, 0, 0, 0, 0, 2}},
			.ether_type = RTE_BE16(0x0800)},
		.ip = {.version_ihl = 0x45,
		       .time_to_live = 64,
		       .next_proto_id = 6,
		       .src_addr = RTE_BE32(0xc6336401), /* 198.51.100.1 */
		       .dst_addr = RTE_BE32(0xc63364fe)},
		.tcp = {.src_port = RTE_BE16(1024), .dst_port = RTE_BE16(80), .data_off = 0x80, .tcp_flags = 0x10},
	};
	template.ip.total_length = rte_cpu_to_be_16(sizeof(template) - sizeof(template.eth));
}

/* @return false when s is no form of a connection. */
static bool
parse_form(const char *s)
{
	unsigned int i, k;

	form_len = strlen(s);
	if (form_len < 2 || form_len > FORM_MAX || s[0] != 'C' || strspn(s, "CS") != form_len)
		return false;
	memcpy(form, s, form_len);
	opening = strcspn(s, "S");
	/* only the last of several packets in a row is answered */
	for (i = 0; i + 1 < form_len; i++)
		for (k = i + 1; form[i] != form[i + 1] && k < form_len && form[k] == form[i + 1]; k++)
			follow[i]++;
	return opening < form_len;
}

static void
report(double seconds)
{
	const double conns = ends[1].conns ? ends[1].conns : 1;

	if (payload) {
		printf("null: goodput %.3f Gbit/s in frames of %u bytes (sum %lx)\n",
		       ends[0].packets * 8e-9 * payload / seconds, payload, seen);
		return;
	}
	printf("null: %.0f connections/s (%lu in %.2f s), %u packets per connection (%s)\n", ends[1].conns / seconds,
	       ends[1].conns, seconds, form_len, form);
	printf("null: busy cycles per connection: server %.0f (%.0f %% busy), client %.0f (%.0f %% busy)\n",
	       ends[0].busy / conns, 100.0 * ends[0].busy / ends[0].total, ends[1].busy / conns,
	       100.0 * ends[1].busy / ends[1].total);
	printf("null: busy cycles per packet, sent or received: server %.0f, client %.0f\n",
	       ends[0].busy / conns / form_len, ends[1].busy / conns / form_len);
}

int
main(int argc, char **argv)
{
	const int n = rte_eal_init(argc, argv);
	unsigned int seconds, conc;
	uint16_t ports[2];
	pthread_t thread;
	uint64_t start;
	bool one;

	if (n < 0)
		return 1;
	argc -= n;
	argv += n;
	payload = argc > 1 ? atoi(argv[1]) : 0;
	if (argc < 3 || payload > 9000 || (!payload && !parse_form(argv[1])) || (seconds = atoi(argv[2])) == 0) {
		fprintf(stderr,
			"null <EAL options> -- FORM SECONDS [CONCURRENCY [one | FLOWS]]: FORM as CSCCSCSC, or bytes a "
			"frame\n");
		return 1;
	}
	conc = argc > 3 ? atoi(argv[3]) : 512;
	one = argc > 4 && strcmp(argv[4], "one") == 0;
	n_flows = argc > 4 && !one ? atoi(argv[4]) : 0;
	if (n_flows)
		make_flows();
	if (conc * form_len > RING * 2 || conc < 1 || (!one && rte_lcore_count() < 2)) {
		fprintf(stderr, "null: at most %u connections at a time, and two lcores or `one`\n",
			RING * 2 / form_len);
		return 1;
	}
	if (tern_ring_pair("null", 1, RING, ports))
		return 1;
	ends[0].port = ports[0];
	ends[1].port = ports[1];
	ends[1].client = true;
	ends[1].idle = conc;
	make_template();
	pool = rte_pktmbuf_pool_create("null", 2 * MBUFS, 256, 0,
				       RTE_MAX((unsigned int)RTE_MBUF_DEFAULT_BUF_SIZE, payload + 256),
				       rte_socket_id());
	if (!pool || open_port(&ends[0]) || open_port(&ends[1]) ||
	    rte_ctrl_thread_create(&thread, "null-ctl", NULL, sleeper, &seconds)) {
		fprintf(stderr, "null: no EAL memory for %u packets: raise -m\n", 2 * MBUFS);
		return 1;
	}
	start = rte_rdtsc();
	if (one) {
		while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
			poll(&ends[0]);
			poll(&ends[1]);
		}
	} else {
		rte_eal_remote_launch(run, &ends[1], rte_get_next_lcore(-1, 1, 0));
		run(&ends[0]);
		rte_eal_mp_wait_lcore();
	}
	report((double)(rte_rdtsc() - start) / rte_get_tsc_hz());
	pthread_join(thread, NULL);
	rte_eal_cleanup();
	return ends[1].conns || ends[0].packets ? 0 : 1;
}
