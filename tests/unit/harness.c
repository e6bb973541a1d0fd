/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The test bed. One clock, one wire, one or two workers.
 *
 * Time is virtual: it moves only in advance_*(), from event to event (a worker's next deadline, a frame's arrival), so
 * every run of a test is the same run. The wire (app/impair.c) has a copy of each frame, so what a worker keeps of its own
 * mbufs can't leak into what the other sees. With one worker the other end is the test: it sends segments with any numbers
 * and takes tern's segments from a bounded log; ARP and neighbour solicitations for addresses that aren't tern's are
 * answered here. Headers, options and checksums are built and parsed (harness_frames.c) independently of the library.
 *
 * bed_down() is itself a test: everything is given up, time passes beyond every limit, then each pool must be full,
 * the table empty and the wheel free of all but neighbour timers.
 */
#include <stdarg.h>
#include <rte_eal.h>
#include <rte_mempool.h>
#include "harness_frames.h"
#include "impair.h"
#include "stack/check.h"

#define N_MBUFS 4096
#define LOG_MAX 4096	/* captured segments */
#define N_WIRE 8192	/* frames on the wire */
#define RUN_MAX 10000	/* rounds without time moving: more is a worker that spins */

struct bed bed;
struct peer peer;
uint64_t harness_seed;

/* wires[i]: out of node i, made with its first frame; wires[2 + i]: for ARP and NDP, which give up after three losses. */
static struct impair *wires[4];
static struct dir laid[4]; /* as what */
static struct rte_mempool *wire_mp;
static struct frame frames[LOG_MAX];
static unsigned int log_head, log_tail;
static struct rte_mbuf *burst[BURST]; /* sent by the scripted peer, not delivered yet */
static unsigned int n_burst;
static struct rte_mempool *pools[2];
static uint64_t rng;
static bool tracing;

uint64_t
harness_rand(void)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return rng;
}

/* --- checks ------------------------------------------------------------------------------------------------- */

bool
check_at(bool ok, const char *file, int line, const char *fmt, ...)
{
	char text[640];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (!ok && tracing)
		printf("  FAIL %s:%d %s\n", file, line, text);
	CU_assertImplementation(ok, line, text, file, "", CU_FALSE);
	return ok;
}

/* --- frames in and out -------------------------------------------------------------------------------------- */

static void
trace(const struct frame *f, const char *dir)
{
	char fl[9];
	unsigned int n = 0;

	if (!tracing)
		return;
	for (unsigned int i = 0; i < 6; i++)
		if (f->flags >> i & 1)
			fl[n++] = "FSRPAU"[i];
	fl[n] = 0;
	printf("  %12.6f %s %u>%u %-5s seq %u (%d) ack %u (%d) len %u wnd %u%s\n", bed.now_us / 1e6, dir, f->sport,
	       f->dport, fl, f->seq, (int32_t)(f->seq - (*dir == '<' ? peer.irs : peer.iss)), f->ack,
	       (int32_t)(f->ack - (*dir == '<' ? peer.iss : peer.irs)), f->len, f->wnd, f->has_ts ? " ts" : "");
}

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

static void
wires_free(void)
{
	for (unsigned int i = 0; i < RTE_DIM(wires); i++) {
		if (wires[i])
			impair_destroy(wires[i]);
		wires[i] = NULL;
	}
}

static void
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
static struct rte_mbuf *
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
	const char *why = worker_check(w);

	if (unlikely(why != NULL))
		check_at(false, __FILE__, __LINE__, "%s", why);
}

static void
deliver(struct node *n, struct rte_mbuf **m, unsigned int k)
{
	worker_set_time(n->w, bed.now_us);
	worker_input(n->w, 0, m, k);
	check_invariants(n->w);
}

/* The scripted peer's ARP and NDP. */
static void
answer_neighbour(const uint8_t *p, uint16_t n)
{
	uint8_t r[86];

	if (bed.arp_mute)
		return;
	memcpy(r, p + 6, 6);
	memcpy(r + 6, macs[1], 6);
	if (get16(p + 12) == 0x0806 && n >= 42 && get16(p + 20) == 1 && memcmp(p + 28, p + 38, 4) != 0) {
		memcpy(r + 12, p + 12, 8);
		put16(r + 20, 2);
		memcpy(r + 22, macs[1], 6);
		memcpy(r + 28, p + 38, 4);
		memcpy(r + 32, p + 22, 10);
		fly(3, r, 42);
	} else if (get16(p + 12) == 0x86dd && p[20] == 58 && n >= 78 && p[54] == 135 && memcmp(p + 22, "\0\0\0\0", 4)) {
		memcpy(r + 12, p + 12, 2);
		put32(r + 14, 0x60000000);
		put16(r + 18, 32);
		r[20] = 58;
		r[21] = 255;
		memcpy(r + 22, p + 62, 16);
		memcpy(r + 38, p + 22, 16);
		put32(r + 54, 136u << 24);
		put32(r + 58, 0x60000000); /* solicited, override */
		memcpy(r + 62, p + 62, 16);
		put16(r + 78, 0x0201);
		memcpy(r + 80, macs[1], 6);
		put16(r + 56, ~l4_sum(r + 14, r + 54, 32, 58));
		fly(3, r, 86);
	}
}

static void
capture(const struct frame *f)
{
	bed.frames++;
	if (!check_at(log_tail - log_head < LOG_MAX, __FILE__, __LINE__, "more than %u segments unread", LOG_MAX))
		return;
	frames[log_tail++ % LOG_MAX] = *f;
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
	struct frame f;

	check_at(n <= 14u + bed.n[from].w->ifs[0].mtu, __FILE__, __LINE__, "frame of %u bytes exceeds the MTU", n);
	if (bed.pair) {
		forward(from, p, n);
	} else if (parse_frame(p, n, &f)) {
		f.at_us = bed.now_us;
		if ((f.flags & SYN) && !peer.irs_known && f.dport == peer.port) {
			peer.irs = f.seq;
			peer.irs_known = true;
		}
		trace(&f, "<");
		capture(&f);
	} else {
		answer_neighbour(p, n);
	}
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
	const unsigned int n_tx = ifc->n_tx;

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
	return n_tx > 0;
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

/* What the scripted peer sent since the last time. */
static void
deliver_burst(void)
{
	const unsigned int n = n_burst;

	n_burst = 0;
	if (n)
		deliver(&bed.n[0], burst, n);
}

void
run(void)
{
	deliver_burst();
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

static bool
have_frame(void *arg)
{
	return log_head != log_tail;
}

bool
advance_to_frame(uint64_t limit_us)
{
	return advance_to(bed.now_us + limit_us, have_frame, NULL);
}

bool
advance_until(bool (*cond)(void *), void *arg, uint64_t limit_us)
{
	return advance_to(bed.now_us + limit_us, cond, arg);
}

/* --- scripted peer ------------------------------------------------------------------------------------------ */

void
peer_new(uint16_t port)
{
	memset(&peer, 0, sizeof(peer));
	peer.port = port;
	peer.tern_port = SRV_PORT;
	peer.iss = PEER_ISS;
	peer.wnd = 65535;
	peer.addr_lo = 2;
	peer.mss = bed.af == 4 ? 1460 : 1440;
	peer.ws = -1;
	peer.tsval = 0xfffffff8; /* wraps early, too */
}

void
tx_raw(const uint8_t *p, uint16_t n)
{
	burst[n_burst] = received(&bed.n[0], p, n);
	n_burst += burst[n_burst] != NULL;
	if (!bed.corked)
		run();
	else if (n_burst == BURST)
		deliver_burst();
}

void
tx(uint8_t flags, uint32_t seq, uint32_t ack, uint32_t len)
{
	uint8_t p[1600];
	uint16_t n;
	struct frame f;

	bed_start();
	n = peer_build(p, flags, seq, ack, len);
	if (tracing) {
		memset(&f, 0, offsetof(struct frame, data));
		f.flags = flags;
		f.sport = peer.port;
		f.dport = peer.tern_port;
		f.seq = peer.iss + seq;
		f.ack = peer.irs + ack;
		f.len = len;
		f.wnd = peer.wnd;
		f.has_ts = peer.ts;
		trace(&f, ">");
	}
	tx_raw(p, n);
}

const struct frame *
rx_peek(void)
{
	return log_head == log_tail ? NULL : &frames[log_head % LOG_MAX];
}

const struct frame *
rx(void)
{
	static struct frame f;

	if (log_head == log_tail)
		return NULL;
	f = frames[log_head++ % LOG_MAX];
	if (f.has_ts)
		peer.tsecr = f.tsval;
	return &f;
}

unsigned int
rx_flush(void)
{
	unsigned int n = 0;

	while (rx())
		n++;
	return n;
}

/* The payload must be tern's stream at its place. */
static bool
data_right(const struct frame *f)
{
	for (uint32_t i = 0; i < f->len; i++)
		if (f->data[i] != pat(f->seq - peer.irs + i))
			return false;
	return true;
}

const struct frame *
expect_at_(const char *file, int line, unsigned int flags, uint32_t seq, uint32_t ack, uint32_t len, uint64_t min_us,
	   uint64_t max_us)
{
	const uint64_t from = bed.now_us;
	const struct frame *f;
	const unsigned int mask = flags & PSH ? 255 : 255 & ~PSH;

	if (max_us)
		advance_to_frame(max_us);
	f = rx();
	if (!check_at(f != NULL, file, line, "silence instead of flags %#x seq %u ack %u len %u", flags, seq, ack, len))
		return NULL;
	check_at(f->dport == peer.port && f->sport == peer.tern_port, file, line, "ports %u > %u", f->sport, f->dport);
	check_at((f->flags & mask) == flags, file, line, "flags %#x, not %#x", f->flags, flags);
	check_at(f->seq - peer.irs == seq, file, line, "seq %d, not %d (flags %#x)", f->seq - peer.irs, seq, f->flags);
	check_at(f->ack - ((flags & ACK) ? peer.iss : 0) == ack, file, line, "ack %d, not %d (flags %#x)",
		 f->ack - ((flags & ACK) ? peer.iss : 0), ack, f->flags);
	check_at(f->len == len, file, line, "length %u, not %u", f->len, len);
	check_at((flags & SYN) || data_right(f), file, line, "payload is not tern's stream at %u", seq);
	check_at(f->at_us >= from + min_us && f->at_us <= from + max_us, file, line,
		 "came %llu us after, not %llu to %llu", (unsigned long long)(f->at_us - from),
		 (unsigned long long)min_us, (unsigned long long)max_us);
	return f;
}

void
expect_rst_(const char *file, int line, uint32_t seq, uint32_t ack)
{
	const bool with_ack = rx_peek() && (rx_peek()->flags & ACK);

	expect_at_(file, line, with_ack ? RST | ACK : RST, seq, with_ack ? ack : 0, 0, 0, 0);
}

void
expect_silence_(const char *file, int line, uint64_t us)
{
	const struct frame *f;

	if (us)
		advance_to_frame(us);
	f = rx_peek();
	if (f)
		check_at(false, file, line, "flags %#x seq %d ack %d len %u instead of silence", f->flags,
			 f->seq - peer.irs, f->ack - peer.iss, f->len);
	else
		check_at(true, file, line, "silence");
	rx_flush();
}

/* --- bed ---------------------------------------------------------------------------------------------------- */

void
bed_reset(uint8_t af)
{
	memset(&bed, 0, sizeof(bed));
	bed.af = af;
	/* The millisecond clock of timestamps wraps 3 s into the IPv6 runs. */
	bed.now_us = af == 4 ? 1000000 : (UINT32_MAX - 3000ull) * 1000;
	bed.tx_multi_seg = true;
	bed.tx_tso = getenv("TERN_TSO") != NULL;
	bed.drain_us = 400 * SEC;
	tern_conf_init(&bed.conf, sizeof(bed.conf));
	bed.conf.max_conns = 128;
	bed.conf.max_requests = 128;
	bed.conf.max_timewait = 128;
	bed.conf.max_portsets = 16;
	bed.conf.max_listeners = 4;
	bed.conf.max_neighbours = 16;
	bed.conf.n_mbufs = N_MBUFS;
	bed.conf.n_ifs = 1;
	bed.conf.tcp.snd_buf_max = bed.conf.tcp.rcv_buf_max = 1; /* buffers stay what a test makes them */
	bed.conf.tcp.quickack = false; /* so a test sees delayed ACKs from the first segment */
	wires_free();
	log_head = log_tail = 0;
	peer_new(40000);
}

static void
node_start(unsigned int i)
{
	struct node *n = &bed.n[i];
	struct tern_conf conf = bed.conf;
	struct tern_if_conf *ic = &conf.ifs[0];
	struct rte_ether_addr mac;

	memcpy(&mac, macs[i], 6);
	memcpy(ic->addr4, net4, 4);
	ic->addr4[3] = i + 1;
	ic->prefix4 = 24;
	local6(ic->addr6, i + 1);
	ic->prefix6 = 64;
	n->mp = pools[i];
	n->mbufs = rte_mempool_avail_count(n->mp);
	CU_ASSERT_FATAL(conf_settle(&conf) == 0);
	CU_ASSERT_FATAL(worker_create(&n->w, &conf, i, 0, n->mp, bed.now_us) == 0);
	CU_ASSERT_FATAL(link_iface_init(&n->w->ifs[0], 0, ic, &mac, 1500) == 0);
	n->w->n_ifs = 1;
	n->w->ifs[0].tx_multi_seg = bed.tx_multi_seg;
	n->w->ifs[0].tx_tcp_cksum = n->w->ifs[0].tx_tso = bed.tx_tso && bed.tx_multi_seg;
}

void
bed_start(void)
{
	if (bed.started)
		return;
	bed.started = true;
	node_start(0);
}

void
bed_start_pair(void)
{
	bed_start();
	bed.pair = true;
	node_start(1);
}

static void
give_up(struct node *n)
{
	for (unsigned int i = 0; i < RTE_DIM(n->s); i++) {
		n->s[i].auto_read = n->s[i].auto_close = false;
		n->s[i].to_send = 0;
		if (n->s[i].c)
			tern_abort(sock_take(&n->s[i]));
	}
	for (unsigned int i = 0; i < RTE_DIM(n->l); i++)
		if (n->l[i])
			tern_listener_close(n->l[i]);
	memset(n->l, 0, sizeof(n->l));
}

static void
check_empty(struct node *n)
{
	struct tern_worker *w = n->w;

	CHECK_EQ(w->conns.avail, w->conns.total);
	CHECK_EQ(w->rares.avail, w->rares.total);
	CHECK_EQ(w->losses.avail, w->losses.total);
	CHECK_EQ(w->runs.avail, w->runs.total);
	CHECK_EQ(w->rxruns.avail, w->rxruns.total);
	CHECK_EQ(w->requests.avail, w->requests.total);
	CHECK_EQ(w->timewaits[0].avail, w->timewaits[0].total);
	CHECK_EQ(w->timewaits[1].avail, w->timewaits[1].total);
	CHECK_EQ(w->portset_pool.avail, w->portset_pool.total);
	CHECK_EQ(w->buf_granted, 0);
	CHECK_EQ(w->mem.own + w->mem.foreign, 0);
	for (uint32_t i = 0; i < w->mem.n_accounts; i++)
		CHECK_EQ(w->mem.accounts[i].held + w->mem.accounts[i].users, 0);
	CHECK(TAILQ_EMPTY(&w->mem.holes) && TAILQ_EMPTY(&w->mem.starved));
	CHECK_EQ(w->mem.orphans, 0);
	CHECK_EQ(w->tfo_pending, 0);
	CHECK_EQ(w->table.count, 0);
	CHECK_EQ(w->accept_queued, 0);
	CHECK_EQ(w->half_open, 0);
	CHECK_EQ(w->reserved_requests, 0);
	CHECK_EQ(w->n_listeners, 0);
	CHECK(w->wheel.armed <= w->n_neighs);
	CHECK(worker_idle(w, true));
	CHECK(rte_mempool_full(w->small));
	CHECK_EQ(rte_mempool_avail_count(n->mp), n->mbufs);
}

void
bed_down(void)
{
	const unsigned int n = bed.pair ? 2 : 1;

	if (!bed.started)
		return;
	for (unsigned int i = 0; i < n; i++)
		if (bed.n[i].w)
			give_up(&bed.n[i]);
	for (unsigned int i = 0; i < 100 && bed.n[0].w; i++) {
		advance_us(bed.drain_us / 100);
		rx_flush();
	}
	for (unsigned int i = 0; i < n; i++) {
		if (!bed.n[i].w)
			continue;
		check_empty(&bed.n[i]);
		for (unsigned int k = 0; k < bed.n[i].n_socks; k++) /* each is told once how its connection ended */
			CHECK(bed.n[i].s[k].ended >= bed.n[i].s[k].gave_up && bed.n[i].s[k].closed + bed.n[i].s[k].ended <= 1);
		worker_destroy(bed.n[i].w);
		CHECK_EQ(rte_mempool_avail_count(bed.n[i].mp), bed.n[i].mbufs);
	}
	wires_free();
	CHECK_EQ(rte_mempool_avail_count(wire_mp), N_WIRE);
	bed.started = false;
}

static void
setup4(void)
{
	bed_reset(4);
}

static void
setup6(void)
{
	bed_reset(6);
}

static void
seed_init(void)
{
	const char *e = getenv("TERN_SEED");

	harness_seed = e ? strtoull(e, NULL, 0) : (uint64_t)time(NULL) * 2654435761u;
	rng = harness_seed ? harness_seed : 1;
	printf("TERN_SEED=%llu\n", (unsigned long long)harness_seed);
}

static struct rte_mempool *
pool_make(const char *name, unsigned int n)
{
	struct rte_mempool *mp = rte_pktmbuf_pool_create(name, n, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);

	if (!mp) {
		fprintf(stderr, "no memory for the mbuf pool\n");
		exit(1);
	}
	return mp;
}

int
harness_main(int argc, char **argv, const char *name, CU_TestInfo *tests)
{
	char *eal[] = {(char *)(uintptr_t)name, "--no-huge", "--no-pci", "--no-shconf", "-m", "256", "--no-telemetry",
		       "-l", "0", "--log-level=error", NULL};
	char suite[2][64];
	unsigned int failures, n_inv;
	uint64_t checks;

	if (rte_eal_init(RTE_DIM(eal) - 1, eal) < 0)
		return 1;
	setvbuf(stdout, NULL, _IOLBF, 0);
	tracing = getenv("TERN_TRACE") != NULL;
	seed_init();
	pools[0] = pool_make("mbufs0", N_MBUFS);
	pools[1] = pool_make("mbufs1", N_MBUFS);
	wire_mp = pool_make("wire", N_WIRE);
	if (CU_initialize_registry() != CUE_SUCCESS)
		return 1;
	for (unsigned int i = 0; i < 2; i++) {
		CU_pSuite s;

		snprintf(suite[i], sizeof(suite[i]), "%s/IPv%u", name, i ? 6 : 4);
		s = CU_add_suite_with_setup_and_teardown(suite[i], NULL, NULL, i ? setup6 : setup4, bed_down);
		for (const CU_TestInfo *t = tests; t->pName; t++)
			if (argc < 2 || strstr(t->pName, argv[1]))
				CU_add_test(s, t->pName, t->pTestFunc);
	}
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	n_inv = check_count(&checks);
	printf("invariants: %u, checked %llu times\n", n_inv, (unsigned long long)checks);
	failures = CU_get_number_of_failures() + (CU_get_number_of_tests_run() == 0);
	CU_cleanup_registry();
	return failures ? 1 : 0;
}
