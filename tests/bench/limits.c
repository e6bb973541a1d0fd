/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a packet, an ACK or a connect costs when a peer or a full resource has made its search long: with few entries
 * and with as many as there can be, in the best and in the worst order. Lines are "limits: NAME, ENTRIES: N cycles,
 * one in a hundred N", the median of one operation, and what the dearest hundredth takes at least.
 */
#include <inttypes.h>
#include <rte_cycles.h>
#include "harness.h"
#include "tcp/loss.h"
#include "net/steer.h"

#define SEG 64u

#define OPS 20000u

static uint64_t took[OPS];
static unsigned int ops;

static int
by_size(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void
row(const char *name, unsigned int n)
{
	qsort(took, ops, sizeof(took[0]), by_size);
	printf("limits: %s, %u: %" PRIu64 " cycles, one in a hundred %" PRIu64 "\n", name, n, took[ops / 2],
	       took[ops - ops / 100 - 1]);
	ops = 0;
}

/* A segment of the peer, and all it causes but the capture. */
static void
timed_tx(uint32_t seq, uint32_t ack, uint32_t len)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(bed.n[0].mp);
	uint64_t start;

	CU_ASSERT_PTR_NOT_NULL_FATAL(m);
	m->data_len = m->pkt_len = peer_build(rte_pktmbuf_mtod(m, uint8_t *), ACK, seq, ack, len);
	start = rte_rdtsc();
	worker_input(W, 0, &m, 1);
	worker_run(W);
	took[ops++] = rte_rdtsc() - start;
	run();
	rx_flush();
}

static void
blocks(const uint32_t *left)
{
	memcpy(peer.opt, "\1\1\5\42", 4);
	for (unsigned int i = 0; i < 8; i++) {
		const uint32_t be = htonl(peer.irs + left[i / 2] + (i & 1 ? SEG : 0));

		memcpy(peer.opt + 4 + 4 * i, &be, 4);
	}
	peer.optlen = 36;
}

/* n segments in flight, one a run; every second one is SACKed, then ACKs repeat what was. random: any, else the
 * highest. */
static void
sacks(unsigned int n, bool random)
{
	uint32_t left[4];
	struct sock *s;

	bed_down();
	bed_reset(4);
	bed.conf.n_mbufs = 32768;
	bed.conf.tcp.snd_buf = 8 << 20;
	fx_listen();
	peer_new(1001);
	peer.mss = SEG;
	peer.sack = true;
	peer.ws = 14;
	tx(SYN, 0, 0, 0);
	rx_flush();
	peer.wnd = 65535;
	expect_silence();
	tx(ACK, 1, 1, 0);
	s = sock_accept(&bed.n[0]);
	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	tern_setopt(s->c, TERN_OPT_SNDBUF, 8 << 20);
	tern_setopt(s->c, TERN_OPT_NODELAY, 1);
	s->c->cwnd = 1 << 20;
	for (unsigned int i = 0; i < n; i++) {
		advance_us(100);
		sock_send(s, SEG);
		run();
		rx_flush();
	}
	for (unsigned int i = 0; i < OPS; i++) {
		for (unsigned int k = 0; k < 4; k++) {
			const uint32_t at =
				random ? harness_rand() % (n / 2) : n / 2 - 1 - (i + k) % RTE_MIN(n / 2, 4u);

			left[k] = 1 + (2 * at + 1) * SEG;
		}
		blocks(left);
		timed_tx(1, 1, 0);
	}
	row(random ? "ACK with four blocks, any" : "ACK with four blocks, the highest", s->c->loss->n_runs);
}

/* n holes made and filled, in random or in falling order. */
static void
holes(unsigned int n, bool random)
{
	static uint16_t order[512];
	struct sock *s;

	bed_down();
	bed_reset(4);
	bed.conf.n_mbufs = 32768;
	bed.conf.tcp.rcv_buf = 1 << 20;
	peer.sack = true;
	s = fx_established();
	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	for (unsigned int i = 0; i < n; i++) {
		const unsigned int k = random ? harness_rand() % (i + 1) : i;

		order[i] = order[k];
		order[k] = n - 1 - i;
	}
	for (unsigned int i = 0; i < n; i++) {
		tx(ACK, 101 + 100 * order[i], 1, 50);
		rx_flush();
	}
	for (unsigned int i = 0; i < OPS; i++)
		timed_tx(101 + 100 * order[random ? harness_rand() % n : n - 1 - i % 4], 1, 50);
	row(random ? "segment out of order, any" : "segment out of order, the highest", s->c->ofo_runs);
}

/* One port is left; and none. */
static void
ports(unsigned int workers)
{
	static struct steer steer;
	struct tern_endpoint l, r;
	static uint16_t taken[65536];
	uint32_t idx = 0, hash, n = 0;
	struct flow f = {.af = 4, .rport = htons(80)};
	uint64_t start;

	bed_down();
	bed_reset(4);
	bed_start();
	steer_init(&steer, workers, 128, NULL);
	W->steer = workers > 1 ? &steer : NULL;
	tern_addr(&l, 0);
	peer_addr(&r, 80);
	memcpy(&f.addr.laddr4, l.addr, 4);
	memcpy(&f.addr.raddr4, r.addr, 4);
	for (f.lport = 0; portset_take(W, &f, &idx, &hash) == 0; f.lport = 0)
		taken[n++] = f.lport;
	for (unsigned int i = 0; i < 200; i++) {
		f.lport = 0;
		start = rte_rdtsc();
		portset_take(W, &f, &idx, &hash);
		took[ops++] = rte_rdtsc() - start;
	}
	row("connect without a port left, workers", workers);
	for (unsigned int i = 0; i < 200; i++) {
		portset_release(W, idx, taken[n / 2]);
		f.lport = 0;
		start = rte_rdtsc();
		portset_take(W, &f, &idx, &hash);
		took[ops++] = rte_rdtsc() - start;
	}
	row("connect with one port left, workers", workers);
	while (n)
		portset_release(W, idx, taken[--n]);
	W->steer = NULL;
}

static void
measure(void)
{
	if (bed.af == 6)
		return;
	sacks(10, true);
	sacks(4090, false);
	sacks(4090, true);
	holes(10, true);
	holes(500, false);
	holes(500, true);
	ports(1);
	ports(2);
	ports(32);
}

int
main(int argc, char **argv)
{
	static CU_TestInfo tests[] = {{"limits", measure}, CU_TEST_INFO_NULL};

	return harness_main(argc, argv, "limits", tests);
}
