/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The test bed's scripted peer: with one worker the other end is the test. It sends segments with any numbers and takes
 * tern's from a bounded log; what is expected of them is checked here. It answers ARP and neighbour solicitations for
 * addresses that aren't tern's by itself.
 */
#include "harness_own.h"
#include "harness_frames.h"

#define LOG_MAX 4096	/* captured segments */

struct peer peer;
static struct frame frames[LOG_MAX];
static unsigned int log_head, log_tail;
static struct rte_mbuf *burst[BURST]; /* sent, not delivered yet */
static unsigned int n_burst;

/* --- what it hears ------------------------------------------------------------------------------------------- */

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

void
peer_hears(const uint8_t *p, uint16_t n)
{
	struct frame f;

	if (!parse_frame(p, n, &f)) {
		answer_neighbour(p, n);
		return;
	}
	f.at_us = bed.now_us;
	if ((f.flags & SYN) && !peer.irs_known && f.dport == peer.port) {
		peer.irs = f.seq;
		peer.irs_known = true;
	}
	trace(&f, "<");
	capture(&f);
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

/* --- what it says -------------------------------------------------------------------------------------------- */

/* What the scripted peer sent since the last time. */
void
peer_speaks(void)
{
	const unsigned int n = n_burst;

	n_burst = 0;
	if (n)
		deliver(&bed.n[0], burst, n);
}

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
		peer_speaks();
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

/* --- what is expected ---------------------------------------------------------------------------------------- */

static bool
have_frame(void *arg)
{
	return log_head != log_tail;
}

bool
advance_to_frame(uint64_t limit_us)
{
	return advance_until(have_frame, NULL, limit_us);
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
