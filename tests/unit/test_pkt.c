/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * net/pkt.c: what is taken and what is refused, by name of the reason; truncation at every byte against a guard page;
 * chains cut at every byte; checksums against an independent sum.
 */
#include "frames.h"
#include "net/link.h"
#include "net/pkt_plain.h"
#include "base/stats.h"

#define N_MBUFS 1023

static struct iface ifc;

static int
set_iface(void)
{
	struct tern_if_conf conf = {.prefix4 = 24, .prefix6 = 64, .addr4_count = 1};
	struct rte_ether_addr mac;

	memcpy(conf.addr4, our4, 4);
	memcpy(conf.addr6, our6, 16);
	memcpy(&mac, our_mac, 6);
	return link_iface_init(&ifc, 3, &conf, &mac, 1500);
}

static int
parse(const uint8_t *f, uint32_t len, uint64_t ol_flags, struct seg *s)
{
	struct rte_mbuf *m = to_guarded(f, len);
	int rc;

	m->ol_flags |= ol_flags;
	memset(s, 0xa5, sizeof(*s));
	rc = pkt_parse(&ifc, m, s);
	rte_pktmbuf_free(m);
	return rc;
}

static void
expect(const char *what, int got, int want)
{
	if (got != want)
		printf("\n  %s: got %s, want %s\n", what, got ? stats_name(got) : "ok", want ? stats_name(want) : "ok");
	CU_ASSERT_EQUAL(got, want);
}

/* --- good frames -------------------------------------------------------------------------------------------- */

static void
check_syn(const struct seg *s, uint8_t af, uint32_t payload)
{
	const uint16_t l4 = af == 4 ? L4_V4 : L4_V6;

	CU_ASSERT_EQUAL(s->kind, PKT_TCP);
	CU_ASSERT_EQUAL(s->ifidx, 3);
	CU_ASSERT_EQUAL(s->flow.af, af);
	CU_ASSERT_EQUAL(s->flow.lport, htons(80));
	CU_ASSERT_EQUAL(s->flow.rport, htons(1025));
	CU_ASSERT_EQUAL(memcmp(af == 4 ? (const void *)&s->flow.addr.laddr4 : s->flow.addr.laddr6,
			       af == 4 ? our4 : our6, af == 4 ? 4 : 16),
			0);
	CU_ASSERT_EQUAL(memcmp(af == 4 ? (const void *)&s->flow.addr.raddr4 : s->flow.addr.raddr6,
			       af == 4 ? peer4 : peer6, af == 4 ? 4 : 16),
			0);
	CU_ASSERT_EQUAL(s->flags, TCP_SYN);
	CU_ASSERT_EQUAL(s->seq, 0x01020304);
	CU_ASSERT_EQUAL(s->ack, 0);
	CU_ASSERT_EQUAL(s->wnd, 65000);
	if (af == 6)
		CU_ASSERT_EQUAL(s->hops, 64);
	CU_ASSERT_EQUAL(s->tos, 0);
	CU_ASSERT_EQUAL(s->optlen, 20);
	CU_ASSERT_EQUAL(s->l3_off, L3);
	CU_ASSERT_EQUAL(s->l4_off, l4);
	CU_ASSERT_EQUAL(s->data_off, l4 + 40);
	CU_ASSERT_EQUAL(s->len, payload);
}

static void
test_good(void)
{
	static const uint32_t sizes[] = {0, 1, 2, 3, 100, 536, 1400};
	uint8_t f[FRAME_MAX];
	struct seg s;
	unsigned int i;
	uint32_t len;

	for (i = 0; i < RTE_DIM(sizes); i++) {
		len = put_syn(f, 4, sizes[i]);
		expect("SYN over IPv4", parse(f, len, 0, &s), 0);
		check_syn(&s, 4, sizes[i]);
		len = put_syn(f, 6, sizes[i]);
		expect("SYN over IPv6", parse(f, len, 0, &s), 0);
		check_syn(&s, 6, sizes[i]);
	}
	put_syn(f, 4, 0);
	f[L3 + 1] = 0xb9;
	f[L3 + 8] = 0; /* RFC 1122 3.2.1.7: no reason to drop */
	f[L4_V4 + 13] |= TCP_URG;
	put16(f + L4_V4 + 18, 0x1234);
	put32(f + L4_V4 + 8, 0xfffefdfc);
	fix_ip4(f);
	fix_l4(f, L4_V4, 40, IPPROTO_TCP, 16);
	expect("TOS, TTL 0, ACK and URG fields", parse(f, L4_V4 + 40, 0, &s), 0);
	CU_ASSERT_EQUAL(s.tos, 0xb9);
	CU_ASSERT_EQUAL(s.urp, 0x1234);
	CU_ASSERT_EQUAL(s.ack, 0xfffefdfc);
	ASSERT_POOL_FULL();
}

/* B06: padding is never data, whatever it holds and however long. */
static void
test_padding(void)
{
	uint8_t f[FRAME_MAX];
	uint32_t len, pad;
	struct rte_mbuf *m;
	struct seg s;
	unsigned int af;

	for (af = 4; af <= 6; af += 2) {
		for (pad = 1; pad < 64; pad++) {
			len = put_syn(f, af, pad & 3);
			memset(f + len, 0xee, pad);
			m = to_mbuf(f, len + pad);
			expect("padded", pkt_parse(&ifc, m, &s), 0);
			check_syn(&s, af, pad & 3);
			CU_ASSERT_EQUAL(m->pkt_len, len);
			CU_ASSERT_EQUAL(m->data_len, len);
			rte_pktmbuf_free(m);
		}
	}
	ASSERT_POOL_FULL();
}

/* --- bad frames --------------------------------------------------------------------------------------------- */

enum { FIX_IP = 1, FIX_TCP = 2, FIX = 3 };

struct patch {
	uint16_t off;
	uint8_t n;
	uint8_t b[16];
};

struct bad {
	const char *name;
	uint8_t af, fix;
	int reason;
	struct patch p[3];
};

#define IP(x) (L3 + (x))
#define T4(x) (L4_V4 + (x))
#define T6(x) (L4_V6 + (x))
static const struct bad bad[] = {
	{"B06 VLAN tag", 4, 0, STAT_DROP_ETHERTYPE, {{12, 2, {0x81, 0}}}},
	{"EtherType 0", 4, 0, STAT_DROP_ETHERTYPE, {{12, 2, {0, 0}}}},
	{"not our MAC", 4, 0, STAT_DROP_L2_DST, {{5, 1, {7}}}},
	{"B04 broadcast frame, unicast IP", 4, 0, STAT_DROP_L2_DST, {{0, 6, {255, 255, 255, 255, 255, 255}}}},
	{"B04 multicast frame, unicast IPv6", 6, 0, STAT_DROP_L2_DST, {{0, 6, {0x33, 0x33, 0, 0, 0, 1}}}},
	{"multicast source MAC", 4, 0, STAT_DROP_MARTIAN, {{6, 1, {3}}}},
	{"version 5", 4, FIX, STAT_DROP_IP_HDR, {{IP(0), 1, {0x55}}}},
	{"IPv6 as IPv4", 4, 0, STAT_DROP_IP_HDR, {{IP(0), 1, {0x65}}}},
	{"B01 IHL 0", 4, 0, STAT_DROP_IP_HDR, {{IP(0), 1, {0x40}}}},
	{"B01 IHL 1", 4, 0, STAT_DROP_IP_HDR, {{IP(0), 1, {0x41}}}},
	{"B01 IHL 2", 4, 0, STAT_DROP_IP_HDR, {{IP(0), 1, {0x42}}}},
	{"B01 IHL 3", 4, 0, STAT_DROP_IP_HDR, {{IP(0), 1, {0x43}}}},
	{"B01 IHL 4", 4, 0, STAT_DROP_IP_HDR, {{IP(0), 1, {0x44}}}},
	{"B01 IHL over total length", 4, 0, STAT_DROP_IP_HDR, {{IP(0), 1, {0x4f}}, {IP(2), 2, {0, 59}}}},
	{"B01 total length 19", 4, FIX_IP, STAT_DROP_IP_HDR, {{IP(2), 2, {0, 19}}}},
	{"B01 total length 0", 4, FIX_IP, STAT_DROP_IP_HDR, {{IP(2), 2, {0, 0}}}},
	{"B01 total length over frame", 4, FIX_IP, STAT_DROP_IP_HDR, {{IP(2), 2, {0, 61}}}},
	{"B01 total length 65535", 4, FIX_IP, STAT_DROP_IP_HDR, {{IP(2), 2, {255, 255}}}},
	{"B08 bad IP checksum", 4, 0, STAT_DROP_IP_CSUM, {{IP(8), 1, {63}}}},
	{"B08 bad TCP checksum", 4, 0, STAT_DROP_TCP_CSUM, {{T4(4), 1, {9}}}},
	{"B08 TCP checksum 0", 4, 0, STAT_DROP_TCP_CSUM, {{T4(16), 2, {0, 0}}}},
	{"B08 other pseudo header", 4, FIX_IP, STAT_DROP_TCP_CSUM, {{IP(12), 4, {192, 0, 2, 10}}}},
	{"B08 bad TCP checksum over IPv6", 6, 0, STAT_DROP_TCP_CSUM, {{T6(4), 1, {9}}}},
	{"B08 other IPv6 pseudo header", 6, 0, STAT_DROP_TCP_CSUM, {{IP(23), 1, {10}}}},
	{"B04 source 0/8", 4, FIX, STAT_DROP_MARTIAN, {{IP(12), 4, {0, 1, 2, 3}}}},
	{"B04 source 0.0.0.0", 4, FIX, STAT_DROP_MARTIAN, {{IP(12), 4, {0}}}},
	{"B04 source 127/8", 4, FIX, STAT_DROP_MARTIAN, {{IP(12), 4, {127, 0, 0, 1}}}},
	{"B04 source 224/4", 4, FIX, STAT_DROP_MARTIAN, {{IP(12), 4, {233, 252, 0, 1}}}},
	{"B04 source 240/4", 4, FIX, STAT_DROP_MARTIAN, {{IP(12), 4, {240, 0, 0, 1}}}},
	{"B04 source broadcast", 4, FIX, STAT_DROP_MARTIAN, {{IP(12), 4, {255, 255, 255, 255}}}},
	{"B04 source subnet broadcast", 4, FIX, STAT_DROP_MARTIAN, {{IP(12), 4, {192, 0, 2, 255}}}},
	{"B04 destination broadcast", 4, FIX, STAT_DROP_MARTIAN, {{IP(16), 4, {255, 255, 255, 255}}}},
	{"B04 destination subnet broadcast", 4, FIX, STAT_DROP_MARTIAN, {{IP(16), 4, {192, 0, 2, 255}}}},
	{"B04 destination multicast", 4, FIX, STAT_DROP_MARTIAN, {{IP(16), 4, {233, 252, 0, 1}}}},
	{"B04 LAND", 4, FIX, STAT_DROP_MARTIAN, {{IP(12), 4, {192, 0, 2, 1}}, {T4(0), 2, {0, 80}}}},
	{"B04 LAND over IPv6", 6, FIX, STAT_DROP_MARTIAN, {{IP(23), 1, {1}}, {T6(0), 2, {0, 80}}}},
	{"not for us", 4, FIX, STAT_DROP_IP_ADDR, {{IP(16), 4, {192, 0, 2, 2}}}},
	{"not for us, below", 4, FIX, STAT_DROP_IP_ADDR, {{IP(16), 4, {192, 0, 2, 0}}}},
	{"IPv6 not for us", 6, FIX, STAT_DROP_IP_ADDR, {{IP(39), 1, {2}}}},
	{"IPv6 TCP to a group", 6, FIX, STAT_DROP_MARTIAN, {{IP(24), 2, {0xff, 2}}}},
	{"IPv6 source group", 6, FIX, STAT_DROP_MARTIAN, {{IP(8), 2, {0xff, 2}}}},
	{"IPv6 source ::", 6, FIX, STAT_DROP_MARTIAN, {{IP(8), 16, {0}}}},
	{"IPv6 source ::1", 6, FIX, STAT_DROP_MARTIAN, {{IP(8), 16, {[15] = 1}}}},
	{"IPv6 source ::ffff:192.0.2.9",
	 6,
	 FIX,
	 STAT_DROP_MARTIAN,
	 {{IP(8), 16, {[10] = 255, [11] = 255, [12] = 192, [14] = 2, [15] = 9}}}},
	{"B05 IP in IP", 4, FIX_IP, STAT_DROP_IP_PROTO, {{IP(9), 1, {4}}}},
	{"B05 IPv6 in IP", 4, FIX_IP, STAT_DROP_IP_PROTO, {{IP(9), 1, {41}}}},
	{"B05 GRE", 4, FIX_IP, STAT_DROP_IP_PROTO, {{IP(9), 1, {47}}}},
	{"UDP-Lite", 4, FIX_IP, STAT_DROP_IP_PROTO, {{IP(9), 1, {136}}}},
	{"ICMPv6 over IPv4", 4, FIX_IP, STAT_DROP_IP_PROTO, {{IP(9), 1, {58}}}},
	{"B05 IP in IPv6", 6, 0, STAT_DROP_IP_PROTO, {{IP(6), 1, {4}}}},
	{"B05 IPv6 in IPv6", 6, 0, STAT_DROP_IP_PROTO, {{IP(6), 1, {41}}}},
	{"IPv6 no next header", 6, 0, STAT_DROP_IP_PROTO, {{IP(6), 1, {59}}}},
	{"B07 data offset 0", 4, FIX_TCP, STAT_DROP_TCP_HDR, {{T4(12), 1, {0x00}}}},
	{"B07 data offset 1", 4, FIX_TCP, STAT_DROP_TCP_HDR, {{T4(12), 1, {0x10}}}},
	{"B07 data offset 2", 4, FIX_TCP, STAT_DROP_TCP_HDR, {{T4(12), 1, {0x20}}}},
	{"B07 data offset 3", 4, FIX_TCP, STAT_DROP_TCP_HDR, {{T4(12), 1, {0x30}}}},
	{"B07 data offset 4", 4, FIX_TCP, STAT_DROP_TCP_HDR, {{T4(12), 1, {0x4f}}}},
	{"B07 data offset over segment", 4, FIX_TCP, STAT_DROP_TCP_HDR, {{T4(12), 1, {0xb0}}}},
	{"B07 data offset 15", 4, FIX_TCP, STAT_DROP_TCP_HDR, {{T4(12), 1, {0xf0}}}},
	{"B46 version 4 as IPv6", 6, 0, STAT_DROP_IP_HDR, {{IP(0), 1, {0x45}}}},
	{"B46 payload length 0", 6, 0, STAT_DROP_IP_HDR, {{IP(4), 2, {0, 0}}}},
	{"B46 payload length over frame", 6, 0, STAT_DROP_IP_HDR, {{IP(4), 2, {0, 41}}}},
	{"B46 payload length 65535", 6, 0, STAT_DROP_IP_HDR, {{IP(4), 2, {255, 255}}}},
};

static void
test_bad(void)
{
	uint8_t f[FRAME_MAX];
	struct seg s;
	unsigned int i, k;
	uint32_t len;

	for (i = 0; i < RTE_DIM(bad); i++) {
		const struct bad *b = &bad[i];
		const uint16_t l4 = b->af == 4 ? L4_V4 : L4_V6;

		len = put_syn(f, b->af, 0);
		for (k = 0; k < RTE_DIM(b->p); k++)
			memcpy(f + b->p[k].off, b->p[k].b, b->p[k].n);
		if (b->fix & FIX_IP && b->af == 4)
			fix_ip4(f);
		if (b->fix & FIX_TCP)
			fix_l4(f, l4, 40, IPPROTO_TCP, 16);
		expect(b->name, parse(f, len, 0, &s), b->reason);
	}
	ASSERT_POOL_FULL();
}

/* B06 runt, B07 short segments: a good SYN cut at every byte, with and without lengths that agree. */
static void
test_truncated(void)
{
	uint8_t f[FRAME_MAX];
	uint32_t n, len;
	struct seg s;
	unsigned int af;
	int rc;

	for (af = 4; af <= 6; af += 2) {
		const uint16_t l4 = af == 4 ? L4_V4 : L4_V6;

		len = put_syn(f, af, 0);
		for (n = 0; n < len; n++) {
			rc = parse(f, n, 0, &s);
			expect("cut", rc, n < l4 ? STAT_DROP_RUNT : STAT_DROP_IP_HDR);
		}
		for (n = l4; n < len; n++) {
			put_syn(f, af, 0);
			put16(f + L3 + (af == 4 ? 2 : 4), n - (af == 4 ? L3 : l4));
			if (af == 4)
				fix_ip4(f);
			rc = parse(f, n, RTE_MBUF_F_RX_L4_CKSUM_GOOD, &s);
			expect("cut with its length", rc, af == 6 && n == l4 ? STAT_DROP_IP_HDR : STAT_DROP_TCP_HDR);
		}
		put_syn(f, af, 0);
		expect("whole", parse(f, len, 0, &s), 0);
	}
	ASSERT_POOL_FULL();
}

static void
test_device_flags(void)
{
	uint8_t f[FRAME_MAX];
	const uint32_t len = put_syn(f, 4, 10);
	struct seg s;

	expect("IP bad by device", parse(f, len, RTE_MBUF_F_RX_IP_CKSUM_BAD, &s), STAT_DROP_IP_CSUM);
	expect("TCP bad by device", parse(f, len, RTE_MBUF_F_RX_L4_CKSUM_BAD, &s), STAT_DROP_TCP_CSUM);
	f[L4_V4 + 16] ^= 1;
	expect("TCP wrong", parse(f, len, RTE_MBUF_F_RX_IP_CKSUM_GOOD, &s), STAT_DROP_TCP_CSUM);
	expect("TCP good by device", parse(f, len, RTE_MBUF_F_RX_L4_CKSUM_GOOD, &s), 0);
	expect("TCP vouched for", parse(f, len, RTE_MBUF_F_RX_L4_CKSUM_NONE, &s), 0);
	f[L3 + 10] ^= 1;
	expect("IP wrong", parse(f, len, RTE_MBUF_F_RX_L4_CKSUM_GOOD, &s), STAT_DROP_IP_CSUM);
	expect("both good by device", parse(f, len, RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD, &s), 0);
	ASSERT_POOL_FULL();
}

/* --- options and extension headers -------------------------------------------------------------------------- */

static const struct {
	const char *name;
	uint8_t n, b[40];
	int reason;
} ip_opts[] = {
	{"NOPs", 4, {1, 1, 1, 1}, 0},
	{"end, then anything", 4, {0, 131, 0, 255}, 0},
	{"B02 record route", 8, {7, 7, 4, 0, 0, 0, 0, 0}, 0},
	{"B02 record route, 40 bytes", 40, {7, 39, 4}, 0},
	{"B02 timestamp", 8, {68, 8, 5, 0, 0, 0, 0, 0}, 0},
	{"unknown option", 4, {30, 4, 1, 2}, 0},
	{"B02 LSRR", 8, {131, 7, 4, 192, 0, 2, 1, 0}, STAT_DROP_IP_OPTIONS},
	{"B02 SSRR", 8, {137, 7, 4, 192, 0, 2, 1, 0}, STAT_DROP_IP_OPTIONS},
	{"B02 LSRR behind NOP", 8, {1, 131, 7, 4, 192, 0, 2, 1}, STAT_DROP_IP_OPTIONS},
	{"B02 LSRR length 0", 4, {131, 0, 0, 0}, STAT_DROP_IP_OPTIONS},
	{"B02 RR length 0", 4, {7, 0, 4, 0}, STAT_DROP_IP_OPTIONS},
	{"B02 RR length 1", 4, {7, 1, 4, 0}, STAT_DROP_IP_OPTIONS},
	{"B02 RR length 2", 4, {7, 2, 1, 0}, 0},
	{"B02 RR length over header", 4, {7, 5, 4, 0}, STAT_DROP_IP_OPTIONS},
	{"B02 TS length 255", 4, {68, 255, 5, 0}, STAT_DROP_IP_OPTIONS},
	{"B02 kind without length", 4, {1, 1, 1, 68}, STAT_DROP_IP_OPTIONS},
};

static void
test_ip_options(void)
{
	uint8_t f[FRAME_MAX], g[FRAME_MAX];
	struct seg s;
	unsigned int i;
	uint32_t len;

	for (i = 0; i < RTE_DIM(ip_opts); i++) {
		const uint8_t n = ip_opts[i].n;

		len = put_syn(f, 4, 5);
		memcpy(g, f, L4_V4);
		memcpy(g + L4_V4, ip_opts[i].b, n);
		memcpy(g + L4_V4 + n, f + L4_V4, len - L4_V4);
		g[L3] = 0x45 + n / 4;
		put16(g + L3 + 2, len - L3 + n);
		fix_ip4(g);
		expect(ip_opts[i].name, parse(g, len + n, 0, &s), ip_opts[i].reason);
		if (ip_opts[i].reason)
			continue;
		CU_ASSERT_EQUAL(s.l4_off, L4_V4 + n);
		CU_ASSERT_EQUAL(s.len, 5);
		CU_ASSERT_EQUAL(s.seq, 0x01020304);
	}
	ASSERT_POOL_FULL();
}

static const struct {
	const char *name;
	uint8_t first, n, b[48];
	int reason; /* 0: TCP; -1: a fragment */
} ext[] = {
	{"hop-by-hop, PadN", 0, 8, {6, 0, 1, 4}, 0},
	{"hop-by-hop, Pad1", 0, 8, {6, 0}, 0},
	{"destination options, unknown but skippable", 60, 8, {6, 0, 0x1e, 4}, 0},
	{"routing, none left", 43, 8, {6, 0, 2, 0}, 0},
	{"hop-by-hop, destination, routing", 0, 24, {60, 0, 1, 4, [8] = 43, 0, 1, 4, [16] = 6, 0, 2, 0}, 0},
	{"B46 atomic fragment", 44, 8, {6, 0, 0, 0, 1, 2, 3, 4}, 0},
	{"atomic fragment, reserved bits", 44, 8, {6, 9, 0, 6, 1, 2, 3, 4}, 0},
	{"first fragment", 44, 8, {6, 0, 0, 1, 1, 2, 3, 4}, -1},
	{"last fragment", 44, 8, {6, 0, 0, 8, 1, 2, 3, 4}, -1},
	{"far fragment", 44, 8, {6, 0, 1, 0, 1, 2, 3, 4}, -1},
	{"routing, segments left", 43, 8, {6, 0, 0, 1}, STAT_DROP_IP_OPTIONS},
	{"B46 option over header", 0, 8, {6, 0, 1, 5}, STAT_DROP_IP_OPTIONS},
	{"B46 option length 255", 0, 8, {6, 0, 5, 255}, STAT_DROP_IP_OPTIONS},
	{"B46 option kind at the end", 0, 8, {6, 0, 1, 3, 0, 0, 0, 5}, STAT_DROP_IP_OPTIONS},
	{"option that says discard", 60, 8, {6, 0, 0x5e, 4}, STAT_DROP_IP_OPTIONS},
	{"option that wants an error", 60, 8, {6, 0, 0x9e, 4}, STAT_DROP_IP_OPTIONS},
	{"header over datagram", 60, 8, {6, 255, 1, 4}, STAT_DROP_IP_OPTIONS},
	{"header over datagram, not over padding", 43, 8, {6, 8, 2, 0}, STAT_DROP_IP_OPTIONS},
	{"hop-by-hop not first", 60, 16, {0, 0, 1, 4, [8] = 6, 0, 1, 4}, STAT_DROP_IP_OPTIONS},
	{"authentication header", 51, 8, {6, 0}, STAT_DROP_IP_PROTO},
	{"ESP", 50, 8, {6, 0}, STAT_DROP_IP_PROTO},
	{"ICMP for IPv4 behind options", 60, 8, {1, 0, 1, 4}, STAT_DROP_IP_PROTO},
};

static void
test_ip6_ext(void)
{
	uint8_t f[FRAME_MAX], g[FRAME_MAX];
	struct seg s;
	unsigned int i, n;
	uint32_t len;

	len = put_syn(f, 6, 5);
	memset(g, 1, sizeof(g)); /* what is left of it is padding */
	for (i = 0; i < RTE_DIM(ext); i++) {
		n = ext[i].n;
		memcpy(g, f, L4_V6);
		memcpy(g + L4_V6, ext[i].b, n);
		memcpy(g + L4_V6 + n, f + L4_V6, len - L4_V6);
		g[L3 + 6] = ext[i].first;
		put16(g + L3 + 4, len - L4_V6 + n);
		expect(ext[i].name, parse(g, len + n + 100, 0, &s), ext[i].reason > 0 ? ext[i].reason : 0);
		if (ext[i].reason > 0)
			continue;
		CU_ASSERT_EQUAL(s.kind, ext[i].reason ? PKT_FRAG : PKT_TCP);
		CU_ASSERT_EQUAL(s.l4_off, L4_V6 + (ext[i].reason ? 0 : n));
		CU_ASSERT_EQUAL(s.len, ext[i].reason ? 45u + n : 5u);
	}
	for (n = 1; n <= 128; n++) { /* B46: as many destination options headers */
		memcpy(g, f, L4_V6);
		g[L3 + 6] = 60;
		for (i = 0; i < n; i++)
			memcpy(g + L4_V6 + 8 * i, (uint8_t[8]){i + 1 < n ? 60 : 6, 0, 1, 4}, 8);
		memcpy(g + L4_V6 + 8 * n, f + L4_V6, len - L4_V6);
		put16(g + L3 + 4, len - L4_V6 + 8 * n);
		expect("many headers", parse(g, len + 8 * n, 0, &s), n < 8 ? 0 : (int)STAT_DROP_IP_OPTIONS);
	}
	ASSERT_POOL_FULL();
}

static void
test_kinds(void)
{
	uint8_t f[FRAME_MAX];
	uint32_t len;
	struct seg s;

	len = put_syn(f, 4, 0);
	put16(f + L3 + 6, 0x2000);
	fix_ip4(f);
	expect("more fragments", parse(f, len, 0, &s), 0);
	CU_ASSERT_EQUAL(s.kind, PKT_FRAG);
	put16(f + L3 + 6, 0x0001);
	fix_ip4(f);
	expect("fragment offset", parse(f, len, 0, &s), 0);
	CU_ASSERT_EQUAL(s.kind, PKT_FRAG);
	CU_ASSERT_EQUAL(s.len, 40);
	put16(f + L3 + 6, 0x4000);
	fix_ip4(f);
	expect("don't fragment", parse(f, len, 0, &s), 0);
	CU_ASSERT_EQUAL(s.kind, PKT_TCP);
	put_eth(f, (const uint8_t *)"\xff\xff\xff\xff\xff\xff", peer_mac, 0x0806);
	expect("ARP", parse(f, 60, 0, &s), 0);
	CU_ASSERT_EQUAL(s.kind, PKT_ARP);
	put_ip(f, 4, IPPROTO_ICMP, 8);
	expect("ICMP", parse(f, L4_V4 + 8, 0, &s), 0);
	CU_ASSERT_EQUAL(s.kind, PKT_ICMP);
	put_ip(f, 4, IPPROTO_ICMP, 7);
	expect("short ICMP", parse(f, L4_V4 + 7, 0, &s), STAT_DROP_ICMP);
	put_ip(f, 6, IPPROTO_ICMPV6, 24);
	memset(f + L3 + 8, 0, 16); /* :: may ask */
	memcpy(f, "\x33\x33\xff\0\0\1", 6);
	memcpy(f + L3 + 24, "\xff\2\0\0\0\0\0\0\0\0\0\1\xff\0\0\1", 16);
	expect("ICMPv6 to a group", parse(f, L4_V6 + 24, 0, &s), 0);
	CU_ASSERT_EQUAL(s.kind, PKT_ICMP6);
	ASSERT_POOL_FULL();
}

/* --- chains ------------------------------------------------------------------------------------------------- */

static void
check_chain(uint8_t *f, uint8_t af, uint32_t len, uint32_t pad, uint32_t payload, const uint32_t *cut, unsigned int n)
{
	struct rte_mbuf *m = to_chain(f, len + pad, cut, n), *seg;
	uint32_t sum = 0, segs = 0;
	uint8_t copy[FRAME_MAX];
	struct seg s;
	const void *p;

	expect("chain", pkt_parse(&ifc, m, &s), 0);
	check_syn(&s, af, payload);
	CU_ASSERT_EQUAL(m->pkt_len, len);
	CU_ASSERT(m->data_len >= s.data_off);
	for (seg = m; seg; seg = seg->next, segs++)
		sum += seg->data_len;
	CU_ASSERT_EQUAL(sum, len);
	CU_ASSERT_EQUAL(segs, m->nb_segs);
	p = rte_pktmbuf_read(m, 0, len, copy);
	CU_ASSERT(p && memcmp(p, f, len) == 0);
	rte_pktmbuf_free(m);
}

/* B06: cut anywhere, with padding that ends in any segment. */
static void
test_chains(void)
{
	uint8_t f[FRAME_MAX];
	uint32_t len, a, cut[2];
	unsigned int af, pad, gap;

	for (af = 4; af <= 6; af += 2) {
		for (pad = 0; pad < 12; pad += 3) {
			len = put_syn(f, af, 33);
			memset(f + len, 0xee, pad);
			for (a = 0; a <= len + pad; a++) {
				for (gap = 0; gap < 20 && a + gap <= len + pad; gap += 1 + gap / 3) {
					cut[0] = a;
					cut[1] = a + gap;
					check_chain(f, af, len, pad, 33, cut, gap ? 2 : 1);
				}
			}
		}
	}
	ASSERT_POOL_FULL();
}

/* What a device merged is as long as it is; what a segment is, the device says. */
static void
test_lro(void)
{
	uint8_t f[FRAME_MAX];
	struct rte_mbuf *m;
	unsigned int i;
	struct seg s;
	uint32_t cut = 80, len;

	for (i = 0; i < 4; i++) { /* whole or as a chain; with a size or without */
		len = put_syn(f, 4, 60);
		m = to_chain(f, len, &cut, i & 1);
		m->ol_flags |= RTE_MBUF_F_RX_LRO;
		m->tso_segsz = i & 2 ? 20 : 0;
		CU_ASSERT_FALSE(pkt_parse_plain(&ifc, m, &s));
		expect("merged by the device", pkt_parse(&ifc, m, &s), 0);
		check_syn(&s, 4, 60);
		CU_ASSERT_EQUAL(s.mss, i & 2 ? 20 : 60);
		rte_pktmbuf_free(m);
	}
	ASSERT_POOL_FULL();
}

static void
test_chain_bad(void)
{
	uint8_t f[FRAME_MAX];
	struct rte_mbuf *m;
	struct seg s;
	uint32_t len, a;

	for (a = 1; a < 90; a++) { /* a wrong byte is found whatever segment it is in */
		len = put_syn(f, 4, 60);
		f[len - 1] ^= 0x10;
		m = to_chain(f, len, &a, 1);
		expect("chain, bad checksum", pkt_parse(&ifc, m, &s), STAT_DROP_TCP_CSUM);
		rte_pktmbuf_free(m);
	}
	len = put_syn(f, 4, 60);
	a = 20;
	m = to_chain(f, len, &a, 1); /* no room to bring the headers together: refused, not overrun */
	m->data_off = m->buf_len - m->data_len;
	memcpy(rte_pktmbuf_mtod(m, void *), f, m->data_len);
	expect("no tailroom", pkt_parse(&ifc, m, &s), STAT_DROP_RUNT);
	rte_pktmbuf_free(m);
	m = to_chain(f, len, &a, 1);
	rte_mbuf_refcnt_set(m, 2); /* somebody else's, too: not to be written */
	expect("shared", pkt_parse(&ifc, m, &s), STAT_DROP_RUNT);
	rte_mbuf_refcnt_set(m, 1);
	rte_pktmbuf_free(m);
	ASSERT_POOL_FULL();
}

static void
test_cksum(void)
{
	uint8_t f[FRAME_MAX];
	uint32_t i, len, cut[3], l4;
	struct rte_mbuf *m;
	unsigned int af, k;
	uint8_t proto;

	for (i = 0; i < 20000; i++) {
		af = i & 1 ? 4 : 6;
		proto = af == 4 && i & 2 ? IPPROTO_ICMP : IPPROTO_TCP;
		len = frames_rand() % 1400;
		l4 = put_ip(f, af, proto, len);
		for (k = 0; k < len; k++)
			f[l4 + k] = i % 5 == 0 ? 0xff : frames_rand();
		cut[0] = l4 + frames_rand() % (len + 1);
		cut[1] = cut[0] + frames_rand() % (l4 + len - cut[0] + 1);
		cut[2] = cut[1] + frames_rand() % (l4 + len - cut[1] + 1);
		m = to_chain(f, l4 + len, cut, i % 4);
		k = ref_sum(proto == IPPROTO_ICMP ? 0 : ref_pseudo(f + L3, len, proto), f + l4, len);
		k = ~k & 0xffff;
		CU_ASSERT_EQUAL(rte_be_to_cpu_16(pkt_l4_cksum(m, L3, l4, len, proto)), k);
		rte_pktmbuf_free(m);
	}
	ASSERT_POOL_FULL();
}

/* Whatever is taken is consistent, and nothing past the frame is read (the guard page). */
static void
test_fuzz(void)
{
	const uint64_t good = RTE_MBUF_F_RX_L4_CKSUM_GOOD | RTE_MBUF_F_RX_IP_CKSUM_GOOD;
	uint8_t f[FRAME_MAX];
	uint32_t i, k, len, taken = 0;
	struct seg s;

	for (i = 0; i < 300000; i++) {
		len = put_syn(f, i & 1 ? 4 : 6, frames_rand() % 64);
		for (k = frames_rand() % 4; k > 0; k--)
			f[12 + frames_rand() % (len - 12)] =
				frames_rand() & 1 ? frames_rand() : 1u << frames_rand() % 8;
		if (frames_rand() % 4 == 0)
			len -= frames_rand() % len;
		if (parse(f, len, good, &s) != 0)
			continue;
		taken++;
		CU_ASSERT(s.kind <= PKT_UDP);
		if (s.kind == PKT_ARP)
			continue;
		CU_ASSERT(s.l4_off <= s.data_off && s.data_off + s.len <= len);
		CU_ASSERT(s.kind != PKT_TCP || s.data_off == s.l4_off + 20 + s.optlen);
	}
	CU_ASSERT(taken > 30000 && taken < 290000); /* both ways out were taken */
	ASSERT_POOL_FULL();
}

int
main(void)
{
	static CU_TestInfo tests[] = {
		{"test_good", test_good},
		{"test_padding", test_padding},
		{"test_bad", test_bad},
		{"test_truncated", test_truncated},
		{"test_device_flags", test_device_flags},
		{"test_ip_options", test_ip_options},
		{"test_ip6_ext", test_ip6_ext},
		{"test_kinds", test_kinds},
		{"test_chains", test_chains},
		{"test_lro", test_lro},
		{"test_chain_bad", test_chain_bad},
		{"test_cksum", test_cksum},
		{"test_fuzz", test_fuzz},
		CU_TEST_INFO_NULL,
	};

	if (frames_init(N_MBUFS) || set_iface())
		return 1;
	return suite_run("pkt", tests);
}
