/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The test bed's wire and clock. Time is virtual: it moves only in advance_*(), from event to event (a worker's next
 * deadline, a frame's arrival), so every run of a test is the same run. The wire (app/impair.c) has a copy of each
 * frame, so what a worker keeps of its own mbufs can't leak into what the other sees. The device is here, too: it
 * sums, cuts segments, and loses what it has no mbuf for.
 */
#include <rte_mempool.h>
#include "harness_own.h"
#include "harness_frames.h"
#include "impair.h"
#include "stack/check.h"

#define RUN_MAX 10000	/* rounds without time moving: more is a worker that spins */

struct rte_mempool *wire_mp;
/* wires[i]: out of node i, made with its first frame; wires[2 + i]: for ARP and NDP, which give up after three
 * losses. */
static struct impair *wires[4];
static struct dir laid[4]; /* as what */

/* What the direction's profile makes of it. Without one, and for neighbours, the wire is perfect. */
static void
wire_make(unsigned int i)
{
	const struct dir *d = &bed.dir[i & 1];
	const char *profile = i < 2 && d->profile ? d->profile : "";
	struct impair_conf c;
	char why[128] = "";

	laid[i] = *d;
	if (!check_at(impair_parse(profile, &c, why, sizeof(why)) == 0, __FILE__, __LINE__, "%s", why))
		return;
	c.delay_us += d->delay_us;
	if (*profile)
		c.seed = harness_rand();
	wires[i] = impair_create(&c, wire_mp);
	CU_ASSERT_PTR_NOT_NULL_FATAL(wires[i]);
}

void
wires_free(void)
{
	for (unsigned int i = 0; i < RTE_DIM(wires); i++) {
		if (wires[i])
			impair_destroy(wires[i]);
		wires[i] = NULL;
	}
}

void
fly(unsigned int i, const uint8_t *p, uint16_t n)
{
	const struct dir *d = &bed.dir[i & 1];
	struct rte_mbuf *m;

	if (!wires[i])
		wire_make(i);
	check_at(d->delay_us == laid[i].delay_us && d->profile == laid[i].profile, __FILE__, __LINE__,
		 "the wire changes under its frames");
	m = rte_pktmbuf_alloc(wire_mp);
	if (!check_at(m && wires[i], __FILE__, __LINE__, "the wire is full"))
		return;
	memcpy(rte_pktmbuf_append(m, n), p, n);
	impair_in(wires[i], m, bed.now_us);
}

/* As a device does: what it has no mbuf for is lost. */
struct rte_mbuf *
received(const struct node *n, const void *p, uint16_t len)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(n->mp);

	if (m)
		memcpy(rte_pktmbuf_append(m, len), p, len);
	return m;
}

/* After every burst. */
static void
check_invariants(const struct tern_worker *w)
{
	static unsigned int turn;
	const char *why = bed.rarely && ++turn % 1000 ? NULL : worker_check(w);

	if (unlikely(why != NULL))
		check_at(false, __FILE__, __LINE__, "%s", why);
}

void
deliver(struct node *n, struct rte_mbuf **m, unsigned int k)
{
	worker_set_time(n->w, bed.now_us);
	worker_input(n->w, 0, m, k);
	check_invariants(n->w);
}

static void
forward(unsigned int from, const uint8_t *p, uint16_t n)
{
	struct dir *d = &bed.dir[from];
	struct frame f;

	if (!parse_frame(p, n, &f)) {
		fly(2 + from, p, n);
		return;
	}
	f.at_us = bed.now_us;
	trace(&f, from ? "2:1" : "1:2");
	bed.frames++;
	d->n++;
	if (!d->drop || !d->drop(&f, d->n, d->arg))
		fly(from, p, n);
}

/* A frame as it is on the wire. */
static void
on_wire(unsigned int from, uint8_t *p, uint32_t n)
{
	check_at(n <= 14u + bed.n[from].w->ifs[0].mtu, __FILE__, __LINE__, "frame of %u bytes exceeds the MTU", n);
	if (bed.pair)
		forward(from, p, n);
	else
		peer_hears(p, n);
}

/* What a device does that was asked for TCP checksums, and to cut segments. */
static void
device(unsigned int from, const struct rte_mbuf *m, const uint8_t *p, uint32_t n)
{
	const bool v4 = p[14] >> 4 == 4, cut = m->ol_flags & RTE_MBUF_F_TX_TCP_SEG;
	const uint32_t l4 = m->l2_len + m->l3_len, hlen = l4 + m->l4_len, step = cut ? m->tso_segsz : n;
	uint16_t sum = v4 ? rte_ipv4_phdr_cksum((const void *)(p + 14), m->ol_flags) :
			    rte_ipv6_phdr_cksum((const void *)(p + 14), m->ol_flags);
	uint8_t f[1600];
	uint32_t off = 0, k;

	bed.tso_frames += cut;
	check_at(memcmp(p + l4 + 16, &sum, 2) == 0, __FILE__, __LINE__, "no pseudo header's sum for the device");
	check_at(m->l2_len == 14 && m->l4_len == (p[l4 + 12] >> 4) * 4, __FILE__, __LINE__, "wrong header lengths");
	do {
		k = RTE_MIN(step, n - hlen - off);
		if (!check_at(hlen + k <= sizeof(f), __FILE__, __LINE__, "a segment of %u bytes", k))
			return;
		memcpy(f, p, hlen);
		memcpy(f + hlen, p + hlen + off, k);
		put32(f + l4 + 4, get32(p + l4 + 4) + off);
		if (off + k < n - hlen)
			f[l4 + 13] &= ~(FIN | PSH);
		put16(f + l4 + 16, 0);
		if (v4) {
			put16(f + 16, hlen - 14 + k);
			put16(f + 24, 0);
			sum = rte_ipv4_cksum((const void *)(f + 14));
			memcpy(f + 24, &sum, 2);
			sum = rte_ipv4_udptcp_cksum((const void *)(f + 14), f + l4);
		} else {
			put16(f + 18, hlen - l4 + k);
			sum = rte_ipv6_udptcp_cksum((const void *)(f + 14), f + l4);
		}
		memcpy(f + l4 + 16, &sum, 2);
		on_wire(from, f, hlen + k);
	} while ((off += k) < n - hlen);
}

/* Take what worker i left to send. */
static bool
pump(unsigned int i)
{
	static uint8_t buf[1 << 16];
	struct iface *ifc = &bed.n[i].w->ifs[0];
	const unsigned int n_tx = bed.tx_stuck[i] ? 0 : ifc->n_tx;

	if (n_tx == 0)
		return false;
	ifc->n_tx = 0;
	for (unsigned int k = 0; k < n_tx; k++) {
		struct rte_mbuf *m = ifc->tx[k];
		const uint32_t n = rte_pktmbuf_pkt_len(m);
		const uint8_t *p = n <= sizeof(buf) ? rte_pktmbuf_read(m, 0, n, buf) : NULL;

		check_at(p != NULL, __FILE__, __LINE__, "a frame of %u bytes", n);
		check_at(bed.tx_multi_seg || m->nb_segs == 1, __FILE__, __LINE__, "chain for a device that can't");
		if (p && p != buf)
			memcpy(buf, p, n);
		if (p && m->ol_flags & RTE_MBUF_F_TX_TCP_CKSUM)
			device(i, m, buf, n);
		else if (p)
			on_wire(i, buf, n);
		rte_pktmbuf_free(m);
	}
	return true;
}

/* Deliver the frames that are due, in order of arrival and in bursts. */
static bool
deliver_due(void)
{
	struct rte_mbuf *in[BURST], *m[BURST];
	unsigned int i, k, n, got;
	bool any = false;

	for (i = 0; i < RTE_DIM(wires); i++) {
		struct node *to = &bed.n[!(i & 1)];

		while (wires[i] && (n = impair_out(wires[i], bed.now_us, in, BURST)) > 0) {
			for (k = got = 0; k < n; k++) {
				m[got] = received(to, rte_pktmbuf_mtod(in[k], void *), in[k]->data_len);
				got += m[got] != NULL;
			}
			rte_pktmbuf_free_bulk(in, n);
			deliver(to, m, got);
			any = true;
		}
	}
	return any;
}

void
run(void)
{
	peer_speaks();
	for (unsigned int round = 0; round < RUN_MAX; round++) {
		bool busy = deliver_due();

		for (unsigned int i = 0; i < (bed.pair ? 2u : 1u); i++) {
			worker_set_time(bed.n[i].w, bed.now_us);
			busy |= worker_run(bed.n[i].w);
			check_invariants(bed.n[i].w);
			busy |= pump(i);
		}
		if (!busy)
			return;
	}
	check_at(false, __FILE__, __LINE__, "a worker is busy for ever at one time");
}

void
uncork(void)
{
	bed.corked = false;
	run();
}

/* Earliest event after now. A worker that waits for mbufs names the present: it polls, here once a tick. */
static uint64_t
next_event(void)
{
	uint64_t t = UINT64_MAX;

	for (unsigned int i = 0; i < (bed.pair ? 2u : 1u); i++)
		t = RTE_MIN(t, worker_next_us(bed.n[i].w));
	t = t <= bed.now_us ? bed.now_us + TICK_US : t;
	for (unsigned int i = 0; i < RTE_DIM(wires); i++)
		if (wires[i])
			t = RTE_MIN(t, RTE_MAX(impair_next_us(wires[i]), bed.now_us + 1));
	return t;
}

static bool
advance_to(uint64_t end, bool (*cond)(void *), void *arg)
{
	run();
	while (!(cond && cond(arg))) {
		const uint64_t t = next_event();

		if (t > end) {
			bed.now_us = end;
			run();
			return cond && cond(arg);
		}
		bed.now_us = t;
		run();
	}
	return true;
}

void
advance_us(uint64_t us)
{
	advance_to(bed.now_us + us, NULL, NULL);
}

bool
advance_until(bool (*cond)(void *), void *arg, uint64_t limit_us)
{
	return advance_to(bed.now_us + limit_us, cond, arg);
}
