/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Frames for the tests below TCP, built byte by byte with a checksum of their own, so that nothing under test is used
 * to test it. Included by one .c file per program.
 */
#ifndef FRAMES_H
#define FRAMES_H
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <unistd.h>
#include <rte_eal.h>
#include <rte_mbuf.h>
#include "../bytes.h"
#include "seeded.h"

#define FRAME_MAX 2048
#define L3 14
#define L4_V4 34
#define L4_V6 54

static const uint8_t our_mac[6] = {2, 0, 0, 0, 0, 1}, peer_mac[6] = {2, 0, 0, 0, 0, 2};
static const uint8_t broadcast[6] = {255, 255, 255, 255, 255, 255};
static const uint8_t our4[4] = {192, 0, 2, 1}, peer4[4] = {192, 0, 2, 9};
static const uint8_t our6[16] = {0x20, 1, 0xd, 0xb8, [15] = 1}, peer6[16] = {0x20, 1, 0xd, 0xb8, [15] = 9};
/* MSS 1460, SACK-OK, TS 1/0, NOP, WS 7 */
static const uint8_t syn_opts[20] = {2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7};

static struct rte_mempool *frames_pool;
static unsigned int frames_pool_size;

static inline uint32_t
frames_rand(void)
{
	return rnd() >> 32;
}

/* lcores: as EAL's --lcores */
static inline int
frames_init_on(char *lcores, unsigned int n_mbufs)
{
	char *argv[] = {"test", "--no-huge",      "--no-pci", "--no-shconf", "-m",
			"256",  "--no-telemetry", "--lcores", lcores,        "--log-level=error"};

	if (rte_eal_init(10, argv) < 0)
		return -1;
	seed_init();
	frames_pool = rte_pktmbuf_pool_create("test", n_mbufs, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	frames_pool_size = n_mbufs;
	return frames_pool ? 0 : -1;
}

static inline int
frames_init(unsigned int n_mbufs)
{
	return frames_init_on("0", n_mbufs);
}

/** Every mbuf came back. */
#define ASSERT_POOL_FULL() CU_ASSERT_EQUAL(rte_mempool_avail_count(frames_pool), frames_pool_size)

/* RFC 1071, a byte pair at a time. */
static inline uint32_t
ref_sum(uint32_t sum, const uint8_t *p, uint32_t n)
{
	uint32_t i;

	for (i = 0; i < n; i++) {
		sum += i & 1 ? p[i] : (uint32_t)p[i] << 8;
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return sum;
}

static inline uint32_t
ref_pseudo(const uint8_t *ip, uint32_t len, uint8_t proto)
{
	const uint8_t rest[8] = {0, 0, len >> 8, len & 0xff, 0, 0, 0, proto};

	return ref_sum(ref_sum(0, ip + (ip[0] >> 4 == 4 ? 12 : 8), ip[0] >> 4 == 4 ? 8 : 32), rest, 8);
}

static inline void
fix_ip4(uint8_t *f)
{
	const unsigned int hlen = (f[L3] & 15) * 4;

	put16(f + L3 + 10, 0);
	put16(f + L3 + 10, ~ref_sum(0, f + L3, hlen));
}

/* Transport checksum of the frame: len bytes at l4 of proto, the field at `field` in them. */
static inline void
fix_l4(uint8_t *f, uint16_t l4, uint32_t len, uint8_t proto, uint16_t field)
{
	put16(f + l4 + field, 0);
	put16(f + l4 + field, ~ref_sum(proto == IPPROTO_ICMP ? 0 : ref_pseudo(f + L3, len, proto), f + l4, len));
}

static inline bool
l4_right(const uint8_t *f, uint16_t l4, uint32_t len, uint8_t proto)
{
	return ref_sum(proto == IPPROTO_ICMP ? 0 : ref_pseudo(f + L3, len, proto), f + l4, len) == 0xffff;
}

static inline void
put_eth(uint8_t *f, const uint8_t *dst, const uint8_t *src, uint16_t type)
{
	memcpy(f, dst, 6);
	memcpy(f + 6, src, 6);
	put16(f + 12, type);
}

/** Ethernet and IP header in front of l4_len bytes at the returned offset; IPv4's checksum is right. */
static inline uint16_t
put_ip(uint8_t *f, uint8_t af, uint8_t proto, uint16_t l4_len)
{
	put_eth(f, our_mac, peer_mac, af == 4 ? 0x0800 : 0x86dd);
	if (af == 4) {
		memset(f + L3, 0, 20);
		f[L3] = 0x45;
		put16(f + L3 + 2, 20 + l4_len);
		f[L3 + 8] = 64;
		f[L3 + 9] = proto;
		memcpy(f + L3 + 12, peer4, 4);
		memcpy(f + L3 + 16, our4, 4);
		fix_ip4(f);
		return L4_V4;
	}
	memset(f + L3, 0, 40);
	f[L3] = 0x60;
	put16(f + L3 + 4, l4_len);
	f[L3 + 6] = proto;
	f[L3 + 7] = 64;
	memcpy(f + L3 + 8, peer6, 16);
	memcpy(f + L3 + 24, our6, 16);
	return L4_V6;
}

static inline uint8_t
pat(uint32_t i)
{
	return i * 7 + (i >> 8) + 1;
}

/** A SYN from peer:1025 to us:80 with syn_opts and `payload` bytes of pat(). @return frame length. */
static inline uint32_t
put_syn(uint8_t *f, uint8_t af, uint32_t payload)
{
	const uint16_t l4_len = 40 + payload, l4 = put_ip(f, af, IPPROTO_TCP, l4_len);
	uint8_t *t = f + l4;
	uint32_t i;

	memset(t, 0, 20);
	put16(t, 1025);
	put16(t + 2, 80);
	put32(t + 4, 0x01020304);
	t[12] = 10 << 4;
	t[13] = 2;
	put16(t + 14, 65000);
	memcpy(t + 20, syn_opts, 20);
	for (i = 0; i < payload; i++)
		t[40 + i] = pat(i);
	fix_l4(f, l4, l4_len, IPPROTO_TCP, 16);
	return l4 + l4_len;
}

static inline uint32_t
put_arp(uint8_t *f, uint16_t op, const uint8_t *sha, const uint8_t *sip, const uint8_t *tip)
{
	static const uint8_t head[6] = {0, 1, 8, 0, 6, 4};

	put_eth(f, op == 1 ? broadcast : our_mac, sha, 0x0806);
	memset(f + L3, 0, 46);
	memcpy(f + L3, head, 6);
	put16(f + L3 + 6, op);
	memcpy(f + L3 + 8, sha, 6);
	memcpy(f + L3 + 14, sip, 4);
	memcpy(f + L3 + 18, op == 1 ? f + 50 : our_mac, 6);
	memcpy(f + L3 + 24, tip, 4);
	return 60;
}

/* Neighbour message of 32 bytes (24 when opt_mac is NULL). */
static inline uint32_t
put_nd(uint8_t *f, uint8_t type, uint8_t flags, const uint8_t *src, const uint8_t *dst, const uint8_t *target,
       const uint8_t *opt_mac)
{
	const uint16_t len = opt_mac ? 32 : 24;

	put_ip(f, 6, IPPROTO_ICMPV6, len);
	memcpy(f + L3 + 8, src, 16);
	memcpy(f + L3 + 24, dst, 16);
	f[L3 + 7] = 255;
	if (dst[0] == 0xff) {
		f[0] = f[1] = 0x33;
		memcpy(f + 2, dst + 12, 4);
	}
	memset(f + L4_V6, 0, len);
	f[L4_V6] = type;
	f[L4_V6 + 4] = flags;
	memcpy(f + L4_V6 + 8, target, 16);
	if (opt_mac) {
		f[L4_V6 + 24] = type == 135 ? 1 : 2;
		f[L4_V6 + 25] = 1;
		memcpy(f + L4_V6 + 26, opt_mac, 6);
	}
	fix_l4(f, L4_V6, len, IPPROTO_ICMPV6, 2);
	return L4_V6 + len;
}

/** Frame in one mbuf of the pool. */
static inline struct rte_mbuf *
to_mbuf(const uint8_t *f, uint32_t len)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(frames_pool);
	char *p = m ? rte_pktmbuf_append(m, len) : NULL;

	CU_ASSERT_PTR_NOT_NULL_FATAL(p);
	memcpy(p, f, len);
	return m;
}

/** Frame in a chain, cut at the n offsets of cut[] (ascending; equal ones make empty segments). */
static inline struct rte_mbuf *
to_chain(const uint8_t *f, uint32_t len, const uint32_t *cut, unsigned int n)
{
	struct rte_mbuf *m = to_mbuf(f, n ? cut[0] : len);
	unsigned int i;

	for (i = 0; i < n; i++)
		CU_ASSERT_EQUAL_FATAL(
			rte_pktmbuf_chain(m, to_mbuf(f + cut[i], (i + 1 < n ? cut[i + 1] : len) - cut[i])), 0);
	return m;
}

static inline void
guard_free(void *addr, void *opaque)
{
}

/** Frame at the very end of mapped memory: reading past it is a fault. It starts at an even address, as from any
 *  driver, so one of odd length has a byte of slack. Only one at a time. */
static inline struct rte_mbuf *
to_guarded(const uint8_t *f, uint32_t len)
{
	static struct rte_mbuf_ext_shared_info info = {.free_cb = guard_free};
	static uint8_t *page;
	struct rte_mbuf *m = rte_pktmbuf_alloc(frames_pool);
	uint8_t *at;

	CU_ASSERT_PTR_NOT_NULL_FATAL(m);
	if (!page) {
		page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		CU_ASSERT_FATAL(page != MAP_FAILED && mprotect(page + 4096, 4096, PROT_NONE) == 0);
	}
	at = page + 4096 - RTE_ALIGN(len, 2u);
	memcpy(at, f, len);
	rte_mbuf_ext_refcnt_set(&info, 1);
	rte_pktmbuf_attach_extbuf(m, at, RTE_BAD_IOVA, len, &info);
	m->data_off = 0;
	m->data_len = m->pkt_len = len;
	return m;
}
#endif
