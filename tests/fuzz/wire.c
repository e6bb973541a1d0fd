/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Time, and the wire between the workers: queues of copies of frames, from which the input takes what arrives. What is
 * sent to a host that is nobody ends here; ARP and NDP are answered for it. The part of the device that sums and cuts
 * is here, too.
 */
#include <stdio.h>
#include "bed.h"
#include "stack/check.h"

#define STORM 30000u /* frames that follow from each other: more than all buffers hold, in the smallest segments, and
		      * their ACKs */

void
check(unsigned int i)
{
	const char *why;

	if (!bed.n[i].dirty)
		return;
	bed.n[i].dirty = false;
	why = worker_check(bed.n[i].w);
	if (why)
		fuzz_fail("node %u at %lu.%06lu s: %s", i, bed.now_us / SEC, bed.now_us % SEC, why);
}

/* --- in --------------------------------------------------------------------------------------------------------- */

/* The same frame, in a buffer that is another mbuf's. */
static struct rte_mbuf *
shared(const struct node *n, struct rte_mbuf *m)
{
	struct rte_mbuf *c = rte_pktmbuf_clone(m, n->mp);

	if (!c)
		return m;
	rte_pktmbuf_free(m); /* c has it still */
	return c;
}

void
arrive(unsigned int i, const struct pkt *p, unsigned int n)
{
	struct node *to = &bed.n[i];
	struct rte_mbuf *m[BURST];
	unsigned int k, got;

	for (k = got = 0; k < n && k < BURST; k++) {
		m[got] = rte_pktmbuf_alloc(to->mp);
		if (!m[got]) /* as a device does: it is lost */
			break;
		memcpy(rte_pktmbuf_append(m[got], p[k].len), p[k].at, p[k].len);
		if (bed.clones && k % 2 == 0)
			m[got] = shared(to, m[got]);
		got++;
	}
	worker_set_time(to->w, bed.now_us);
	worker_input(to->w, 0, m, got);
	to->dirty = true;
}

static struct pkt *
under_way(unsigned int from, unsigned int i)
{
	return &bed.wire[from][(bed.head[from] + i) % QUEUE];
}

void
deliver(unsigned int from, unsigned int i, unsigned int copies)
{
	struct pkt p[2];

	if (i >= bed.n_wire[from])
		return;
	p[0] = *under_way(from, i);
	for (; i; i--) /* what was before it stays there */
		*under_way(from, i) = *under_way(from, i - 1);
	bed.head[from] = (bed.head[from] + 1) % QUEUE;
	bed.n_wire[from]--;
	p[1] = p[0];
	if (copies)
		arrive(!from, p, copies);
}

/* All that is under way from a node, in bursts. */
static bool
deliver_all(unsigned int from)
{
	unsigned int n;
	bool any = false;

	while ((n = RTE_MIN(bed.n_wire[from], QUEUE - bed.head[from])) > 0) {
		n = RTE_MIN(n, (unsigned int)BURST);
		if (!bed.lossy || bed_rand() & 7)
			arrive(!from, under_way(from, 0), n);
		bed.head[from] = (bed.head[from] + n) % QUEUE;
		bed.n_wire[from] -= n;
		any = true;
	}
	return any;
}

/* --- out -------------------------------------------------------------------------------------------------------- */

static void
fly(unsigned int from, const uint8_t *p, unsigned int n)
{
	struct pkt *k;

	if (bed.n_wire[from] == QUEUE) /* lost, the oldest */
		deliver(from, 0, 0);
	k = under_way(from, bed.n_wire[from]++);
	k->len = n;
	memcpy(k->at, p, n);
}

/* Neighbours that are nobody answer for themselves. */
static void
answer_neighbour(unsigned int from, const uint8_t *p, unsigned int n)
{
	struct pkt k;
	uint8_t *r = k.at;

	if (bed.mute)
		return;
	memcpy(r, p + 6, 6);
	memcpy(r + 6, "\2\0\0\0\0\100", 6);
	memcpy(r + 12, p + 12, 2);
	if (get16(p + 12) == 0x0806 && n >= 42 && get16(p + 20) == 1 && p[41] >= GHOST) {
		memcpy(r + 14, p + 14, 6);
		put16(r + 20, 2);
		memcpy(r + 22, r + 6, 6);
		memcpy(r + 28, p + 38, 4);
		memcpy(r + 32, p + 22, 10);
		k.len = 42;
	} else if (get16(p + 12) == 0x86dd && p[20] == 58 && n >= 78 && p[54] == 135 && p[77] >= GHOST) {
		put32(r + 14, 0x60000000);
		put16(r + 18, 32);
		r[20] = 58;
		r[21] = 255;
		memcpy(r + 22, p + 62, 16);
		memcpy(r + 38, p + 22, 16);
		put32(r + 54, 136u << 24);
		put32(r + 58, 0x60000000);
		memcpy(r + 62, p + 62, 16);
		put16(r + 78, 0x0201);
		memcpy(r + 80, r + 6, 6);
		fix_l4(r, 54, 32, 58);
		k.len = 86;
	} else {
		return;
	}
	fly(!from, r, k.len); /* as if the other sent it */
}

/* A SYN-ACK to nobody is remembered: act_answer(). */
static void
remember(unsigned int from, const uint8_t *p, const uint8_t *t)
{
	struct seen *s;

	if ((t[13] & (TCP_SYN | TCP_ACK)) != (TCP_SYN | TCP_ACK) || p[5] != 64)
		return;
	s = &bed.seen[bed.n_seen++ % SEEN];
	memset(s, 0, sizeof(*s));
	s->node = from;
	s->flow.af = p[14] >> 4;
	memcpy(&s->flow.lport, t, 2);
	memcpy(&s->flow.rport, t + 2, 2);
	if (s->flow.af == 4)
		memcpy(&s->flow.addr, p + 26, 8);
	else
		memcpy(&s->flow.addr, p + 22, 32);
	s->seq = get32(t + 4);
	s->ack = get32(t + 8);
	s->has_ts = (t[12] >> 4) >= 10 && t[24] == 4 && t[26] == 8;
	s->tsval = s->has_ts ? get32(t + 28) : 0;
}

/* One frame, as it is on the wire: it must be a right one. */
static void
on_wire(unsigned int from, const uint8_t *p, unsigned int n)
{
	const uint8_t *ip = p + 14, *t;
	const bool v4 = ip[0] >> 4 == 4, arp = get16(p + 12) == 0x0806;
	unsigned int hl = v4 ? (ip[0] & 15) * 4 : 40, len;
	const uint8_t proto = v4 ? ip[9] : ip[6];

	bed.frames++;
	FUZZ_MUST(n <= 14u + bed.mtu);
	if (!arp) {
		len = v4 ? get16(ip + 2) : 40u + get16(ip + 4);
		FUZZ_MUST(14 + len <= n && len >= hl && get16(p + 12) == (v4 ? 0x0800 : 0x86dd));
		FUZZ_MUST(!v4 || fold(sum16(ip, hl, 0)) == 0xffff);
		if (proto == 6 && !(v4 && get16(ip + 6) & 0x3fff)) {
			t = ip + hl;
			FUZZ_MUST(len >= hl + 20 && (t[12] >> 4) >= 5 && len >= hl + (t[12] >> 4) * 4u);
			FUZZ_MUST(l4_sum(ip, t, len - hl, 6) == 0xffff);
			remember(from, p, t);
		}
	}
	if (p[0] & 1)
		answer_neighbour(from, p, n);
	if (p[0] & 1 || p[5] == (from ? 1 : 2))
		fly(from, p, n);
}

/* What a device does that was asked for sums, and to cut. */
static void
device(unsigned int from, const struct rte_mbuf *m, const uint8_t *p, unsigned int n)
{
	const bool v4 = p[14] >> 4 == 4, cut = m->ol_flags & RTE_MBUF_F_TX_TCP_SEG;
	const unsigned int l4 = m->l2_len + m->l3_len, hlen = l4 + m->l4_len, step = cut ? m->tso_segsz : n;
	unsigned int off = 0, k;
	uint8_t f[FRAME_MAX];

	FUZZ_MUST(m->l2_len == 14 && step && hlen <= n && m->l4_len == (p[l4 + 12] >> 4) * 4);
	do {
		k = RTE_MIN(step, n - hlen - off);
		FUZZ_MUST(hlen + k <= sizeof(f));
		memcpy(f, p, hlen);
		memcpy(f + hlen, p + hlen + off, k);
		put32(f + l4 + 4, get32(p + l4 + 4) + off);
		if (off + k < n - hlen)
			f[l4 + 13] &= ~(TCP_FIN | TCP_PSH);
		put16(f + (v4 ? 16 : 18), v4 ? hlen - 14 + k : hlen - l4 + k);
		fix_l3(f);
		fix_l4(f, l4, hlen - l4 + k, 6);
		on_wire(from, f, hlen + k);
	} while ((off += k) < n - hlen);
}

static bool
pump(unsigned int i)
{
	static uint8_t buf[1 << 16];
	struct iface *ifc = &bed.n[i].w->ifs[0];
	const unsigned int n_tx = ifc->n_tx;
	unsigned int k;

	if (bed.n[i].jammed)
		return false;
	ifc->n_tx = 0;
	for (k = 0; k < n_tx; k++) {
		struct rte_mbuf *m = ifc->tx[k];
		const uint32_t n = rte_pktmbuf_pkt_len(m);
		const uint8_t *p;

		if (m->pool == pads) {
			rte_pktmbuf_free(m);
			continue;
		}
		FUZZ_MUST(n <= sizeof(buf) && n >= 42 && (bed.multi_seg || m->nb_segs == 1));
		p = rte_pktmbuf_read(m, 0, n, buf);
		FUZZ_MUST(p != NULL);
		if (m->ol_flags & RTE_MBUF_F_TX_TCP_CKSUM)
			device(i, m, p, n);
		else
			on_wire(i, p, n);
		rte_pktmbuf_free(m);
	}
	return n_tx > 0;
}

void
jam(unsigned int i, unsigned int room)
{
	struct iface *ifc = &bed.n[i].w->ifs[0];
	struct rte_mbuf *m;

	while (ifc->n_tx + room < TX_RING && (m = rte_pktmbuf_alloc(pads)) != NULL)
		ifc->tx[ifc->n_tx++] = m;
	bed.n[i].jammed = 6;
	bed.n[i].dirty = true;
}

void
unjam(unsigned int i)
{
	bed.n[i].jammed = 0;
	pump(i);
}

/* --- time ------------------------------------------------------------------------------------------------------- */

bool
turn(void)
{
	bool any = false;
	unsigned int i;

	for (i = 0; i < 2; i++) {
		struct node *n = &bed.n[i];
		bool did;

		worker_set_time(n->w, bed.now_us);
		did = worker_run(n->w);
		did |= pump(i);
		n->dirty |= did;
		check(i);
		any |= did;
	}
	return any;
}

void
quiet(void)
{
	const uint64_t from = bed.frames;
	unsigned int rounds = 0;
	bool any;

	do {
		bool came = deliver_all(0);

		came |= deliver_all(1);
		any = turn() | came;
		bed.now_us++; /* no poll is faster: RACK goes by the order of times, and memory is counted once a
			       * millisecond */
		if (bed.frames - from > STORM || rounds++ > STORM)
			fuzz_fail("a storm: %lu frames in %u rounds of a microsecond", bed.frames - from, rounds);
	} while (any);
}

uint64_t
next_event(void)
{
	const uint64_t t = RTE_MIN(worker_next_us(bed.n[0].w), worker_next_us(bed.n[1].w));

	return t <= bed.now_us ? bed.now_us + TICK_US : t; /* who waits for mbufs names the present */
}

void
advance(uint64_t us, unsigned int max)
{
	const uint64_t end = bed.now_us + us;
	uint64_t t;

	quiet();
	while (max-- && (t = next_event()) < end) {
		bed.now_us = t;
		quiet();
	}
	bed.now_us = end;
	quiet();
}

/* --- frames ----------------------------------------------------------------------------------------------------- */

void
fix_l3(uint8_t *p)
{
	const unsigned int hl = (p[14] & 15) * 4;

	if (p[14] >> 4 != 4)
		return;
	put16(p + 24, 0);
	put16(p + 24, ~fold(sum16(p + 14, hl, 0)));
}

void
fix_l4(uint8_t *p, unsigned int off, unsigned int n, uint8_t proto)
{
	const unsigned int at = off + (proto == 6 ? 16 : 2);

	put16(p + at, 0);
	if (proto == 1)
		put16(p + at, ~fold(sum16(p + off, n, 0)));
	else
		put16(p + at, ~l4_sum(p + 14, p + off, n, proto));
}
