/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Frames of any kind for one of two workers: Ethernet, ARP, IPv4 with options and in fragments, IPv6 with extension
 * headers, ICMP, neighbour discovery, TCP. Headers are right where the input does not say otherwise, so that what lies
 * behind them is reached. The bed is that of the stateful target, and so is what must hold.
 */
#include <stdio.h>
#include "bed.h"

const char fuzz_name[] = "frame";

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	bed_init();
	return 0;
}

static unsigned int
some(uint8_t *p, unsigned int max)
{
	unsigned int n = RTE_MIN((unsigned int)u8(), max), i;

	for (i = 0; i < n; i++)
		p[i] = u8();
	return n;
}

/* Our address, the peer's, or what the input says. */
static void
address(uint8_t *p, uint8_t af, uint8_t lo)
{
	const uint8_t how = u8();

	if (how < 220)
		node_addr(p, af, lo);
	else if (how < 235 && af == 6) /* link-local, multicast */
		memcpy(p, how & 1 ? "\376\200\0\0\0\0\0\0\0\0\0\377\376\0\0\1" : "\377\2\0\0\0\0\0\0\0\0\0\1\377\0\0\1",
		       16);
	else
		p[u8() % (af == 4 ? 4 : 16)] = u8();
}

static unsigned int
arp(uint8_t *p)
{
	memcpy(p, "\0\1\x08\0\6\4\0", 7);
	p[7] = 1 + (u8() & 1);
	memcpy(p + 8, "\2\0\0\0\0\2", 6);
	address(p + 14, 4, u8() & 1 ? 2 : GHOST);
	memset(p + 18, 0, 6);
	address(p + 24, 4, 1);
	if (u8() > 200)
		p[u8() % 28] = u8();
	return 28;
}

/* What IP carries. @return bytes; the checksum is made later. */
static unsigned int
icmp(uint8_t *p, uint8_t af)
{
	static const uint8_t types[] = {0, 3, 4, 5, 8, 11, 12, 13, 1, 2, 128, 129, 133, 134, 135, 136, 137};
	const uint8_t how = u8();
	unsigned int n = 8;

	memset(p, 0, 64);
	p[0] = types[u8() % RTE_DIM(types)];
	p[1] = how & 1 ? u8() : 0;
	if (af == 6 && (p[0] == 135 || p[0] == 136)) {
		p[4] = u8() & 0xe0;
		address(p + 8, 6, p[0] == 135 ? 1 : 2);
		p[24] = p[0] == 135 ? 1 : 2;
		p[25] = how & 2 ? u8() : 1;
		memcpy(p + 26, "\2\0\0\0\0\2", 6);
		return how & 4 ? 24 + some(p + 24, 60) : how & 8 ? 24 : 32;
	}
	if (how & 16) { /* an error quotes a datagram of ours */
		put16(p + 6, u16());
		p[8] = af == 4 ? 0x45 : 0x60;
		p[af == 4 ? 17 : 14] = how & 32 ? u8() : 6;
		node_addr(p + (af == 4 ? 20 : 16), af, 1);
		node_addr(p + (af == 4 ? 24 : 32), af, 2);
		n = af == 4 ? 28 : 48;
		put16(p + n, 80);
		put16(p + n + 2, u16());
		n += 8;
	}
	return n + some(p + n, 255);
}

static unsigned int
tcp(uint8_t *p)
{
	const uint8_t how = u8();
	unsigned int opts = how & 1 ? u8() % 11 * 4 : 0, i;

	memset(p, 0, 20);
	put16(p, 1024 + u8());
	put16(p + 2, how & 2 ? u16() : 80);
	put32(p + 4, (uint32_t)u8() << 24);
	put32(p + 8, (uint32_t)u8() << 24);
	p[12] = how & 4 ? u8() : (20 + opts) / 4 << 4;
	p[13] = how & 8 ? u8() : TCP_SYN;
	put16(p + 14, u16());
	for (i = 0; i < opts; i++)
		p[20 + i] = u8();
	return 20 + opts + some(p + 20 + opts, 255);
}

static unsigned int
payload(uint8_t *p, uint8_t af, uint8_t *proto)
{
	const uint8_t how = u8();
	unsigned int n;

	if (how < 110) {
		*proto = af == 4 ? 1 : 58;
		return icmp(p, af);
	}
	if (how < 200) {
		*proto = 6;
		return tcp(p);
	}
	*proto = how < 220 ? 17 : u8();
	n = some(p, 255);
	if (*proto == 17 && n >= 8)
		put16(p + 4, n);
	return n;
}

/* One frame, or two that are parts of a datagram. */
static unsigned int
ip4(struct pkt *k)
{
	const uint8_t how = u8();
	unsigned int opts = how & 1 ? u8() % 11 * 4 : 0, n, first, i;
	uint8_t *ip = k[0].at + 14, *l4 = ip + 20 + opts;

	put16(k[0].at + 12, 0x0800);
	memset(ip, 0, 20);
	ip[0] = 0x45 + opts / 4;
	put16(ip + 4, u8() & 3);
	ip[8] = how & 2 ? u8() : 64;
	address(ip + 12, 4, u8() & 1 ? 2 : GHOST);
	address(ip + 16, 4, 1);
	for (i = 0; i < opts; i++)
		ip[20 + i] = u8();
	n = payload(l4, 4, &ip[9]);
	put16(ip + 2, how & 4 ? u16() : 20 + opts + n);
	k[0].len = 34 + opts + n;
	if ((ip[9] == 1 || ip[9] == 6) && !(how & 8 && how & 16))
		fix_l4(k[0].at, l4 - k[0].at, n, ip[9]);
	if (how & 32) {
		k[1] = k[0];
		first = RTE_MIN(8 * (1 + u8() % 32u), n);
		put16(ip + 6, 0x2000 | (how & 128 ? u8() : 0));
		put16(ip + 2, 20 + opts + first);
		k[0].len = 34 + opts + first;
		memmove(k[1].at + 34 + opts, l4 + first, n - first);
		put16(k[1].at + 20, first / 8 + (how & 64 ? u8() - 128 : 0));
		put16(k[1].at + 16, 20 + opts + n - first);
		k[1].len = 34 + opts + n - first;
		fix_l3(k[1].at);
	}
	if (how < 250)
		fix_l3(k[0].at);
	return how & 32 ? 2 : 1;
}

/* @return bytes of a chain of headers whose last is before what proto says. */
static unsigned int
extensions(uint8_t *p, uint8_t *next, uint8_t proto)
{
	static const uint8_t types[] = {0, 60, 43, 44, 51, 60, 44, 0};
	unsigned int n = 0, count = u8() % 5, len, i;
	uint8_t type;

	while (count--) {
		type = types[u8() % RTE_DIM(types)];
		*next = type;
		next = p + n;
		len = type == 44 ? 8 : 8 * (1 + u8() % 3);
		for (i = 1; i < len; i++)
			p[n + i] = u8();
		if (type == 44)
			p[n + 4] = p[n + 5] = p[n + 6] = 0;
		else if (u8() < 240)
			p[n + 1] = type == 51 ? len / 4 - 2 : len / 8 - 1;
		if (type != 44 && len > 3 && u8() < 200)
			memset(p + n + 2, 1, 1), p[n + 3] = len - 4; /* PadN */
		n += len;
	}
	*next = proto;
	return n;
}

static unsigned int
ip6(struct pkt *k)
{
	const uint8_t how = u8();
	uint8_t *ip = k->at + 14, ext[128], proto, next = 0;
	unsigned int n, e;

	put16(k->at + 12, 0x86dd);
	memset(ip, 0, 40);
	ip[0] = 0x60;
	ip[7] = how & 2 ? u8() : 255;
	address(ip + 8, 6, u8() & 1 ? 2 : GHOST);
	address(ip + 24, 6, 1);
	if (ip[24] == 0xff) {
		k->at[0] = k->at[1] = 0x33;
		memcpy(k->at + 2, ip + 36, 4);
	}
	n = payload(ip + 40, 6, &proto);
	if ((proto == 58 || proto == 6) && !(how & 8 && how & 16))
		fix_l4(k->at, 54, n, proto);
	e = how & 1 ? extensions(ext, &next, proto) : 0;
	memmove(ip + 40 + e, ip + 40, n);
	memcpy(ip + 40, ext, e);
	ip[6] = e ? next : proto;
	put16(ip + 4, how & 4 ? u16() : e + n);
	k->len = 54 + e + n;
	return 1;
}

/* In one piece, or in a chain cut where the input says. */
static void
arrive_cut(struct pkt *k)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(bed.n[0].mp), *rest = rte_pktmbuf_alloc(bed.n[0].mp);
	const unsigned int cut = u8() % (k->len + 1u);

	if (!m || !rest) {
		rte_pktmbuf_free(m);
		rte_pktmbuf_free(rest);
		return;
	}
	memcpy(rte_pktmbuf_append(m, cut), k->at, cut);
	memcpy(rte_pktmbuf_append(rest, k->len - cut), k->at + cut, k->len - cut);
	FUZZ_MUST(rte_pktmbuf_chain(m, rest) == 0);
	worker_set_time(bed.n[0].w, bed.now_us);
	worker_input(bed.n[0].w, 0, &m, 1);
	bed.n[0].dirty = true;
}

static void
one(void)
{
	static struct pkt k[2];
	const uint8_t how = u8();
	unsigned int n = 1;
	uint8_t after;

	memcpy(k[0].at, "\2\0\0\0\0\1\2\0\0\0\0\2", 12);
	if (how < 40) {
		put16(k[0].at + 12, 0x0806);
		k[0].len = 14 + arp(k[0].at + 14);
	} else if (how < 130) {
		n = ip4(k);
	} else if (how < 230) {
		n = ip6(k);
	} else {
		put16(k[0].at + 12, how & 1 ? u16() : how & 2 ? 0x0800 : 0x86dd);
		k[0].len = 14 + some(k[0].at + 14, 255);
	}
	after = u8();
	if (after >= 250)
		k[0].len = RTE_MIN(k[0].len, u8());
	else if (after >= 240)
		k[0].at[u8() % k[0].len] ^= u8();
	else if (after >= 230)
		memcpy(k[0].at, "\377\377\377\377\377\377", 6);
	SAY("a frame of %u bytes%s\n", k[0].len, n > 1 ? ", and one that belongs to it" : "");
	if (after >= 220 && after < 230)
		arrive_cut(k);
	else
		arrive(0, k, n);
	check(0);
	turn();
	if (after >= 200 && after < 210)
		advance(u16() * (after & 1 ? MS : 1), 10);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	memset(&bed, 0, offsetof(struct bed, wire));
	memset(&bed.head, 0, sizeof(bed) - offsetof(struct bed, head));
	bed.in = (struct fuzz_in){data, data + size};
	bed_start();
	bed.mangled = true;
	while (bed.in.p < bed.in.end) {
		one();
		fuzz_steps++;
	}
	bed_stop();
	return 0;
}

size_t
fuzz_make(uint8_t *p, size_t max, uint32_t (*r)(uint32_t n))
{
	const uint32_t zeros = r(3) * 30;
	const size_t len = 64 + r(max > 64 ? max - 64 : 1);
	size_t i;

	for (i = 0; i < len && i < max; i++)
		p[i] = i > 8 && r(100) < zeros ? 0 : r(256);
	return i;
}
