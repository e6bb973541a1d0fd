/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bad inputs below TCP's header and in its fixed part: rows B01..B08, B45, B46.
 */
#include "badinput.h"
#include "net/frag.h"

static void
test_b01(void)
{
	uint8_t p[1600];
	const uint16_t n = (fx_listen(), syn_frame(p));

	if (bed.af == 6) {
		put16(p + 18, n - 54 + 1); /* payload beyond the frame */
		refused(p, n);
		put16(p + 18, 65535);
		refused(p, n);
		for (unsigned int v = 0; v < 16; v++) {
			syn_frame(p);
			p[14] = v << 4;
			if (v != 6)
				refused(p, n);
		}
		fresh();
		return;
	}
	for (unsigned int ihl = 0; ihl < 5; ihl++) {
		syn_frame(p);
		p[14] = 0x40 | ihl;
		fix_ip(p);
		refused(p, n);
	}
	syn_frame(p);
	p[14] = 0x4f;
	for (unsigned int len = 34; len < 74; len++)
		refused(p, len); /* 60 bytes of header in less */
	for (unsigned int tot = 0; tot < 20; tot++) {
		syn_frame(p);
		put16(p + 16, tot);
		fix_ip(p);
		refused(p, n);
	}
	for (unsigned int more = 1; more < 65535u - n; more *= 3) {
		syn_frame(p);
		put16(p + 16, n - 14 + more);
		fix_ip(p);
		refused(p, n);
	}
	CHECK(STAT(DROP_IP_HDR) > 40);
	fresh();
}

static void
test_b02(void)
{
	static const struct {
		uint8_t n, b[40];
	} bad[] = {
		{4, {131, 0}},	       /* LSRR of length 0 */
		{4, {131, 1, 4, 0}},
		{4, {131, 2, 4, 0}},
		{4, {131, 41, 4, 0}},
		{4, {137, 0}},	       /* SSRR */
		{4, {137, 2, 4, 0}},
		{8, {131, 7, 4, 192, 0, 2, 7, 0}}, /* well formed, refused all the same */
		{8, {137, 7, 4, 192, 0, 2, 7, 0}},
		{16, {131, 7, 4, 192, 0, 2, 7, 131, 7, 4, 192, 0, 2, 7, 0, 0}}, /* twice */
		{8, {131, 7, 3, 192, 0, 2, 7, 0}},   /* pointer below 4 */
		{8, {131, 7, 255, 192, 0, 2, 7, 0}}, /* beyond */
		{4, {7, 0}},	       /* record route */
		{4, {7, 1}},
		{4, {7, 41, 4, 0}},
		{4, {68, 0}},	       /* timestamp */
		{4, {68, 1}},
		{4, {68, 255, 5, 0}},
		{4, {1, 1, 1, 7}},     /* kind without length */
	};
	static const uint8_t good[][8] = {{7, 7, 4, 0, 0, 0, 0, 0}, {1, 1, 1, 1, 1, 1, 1, 0}, {0, 9, 9, 9, 9, 9, 9, 9}};
	uint8_t p[1600];

	fx_listen();
	for (unsigned int i = 0; bed.af == 4 && i < RTE_DIM(bad); i++) {
		const uint64_t before = STAT(DROP_IP_OPTIONS);

		refused(p, insert(p, syn_frame(p), bad[i].b, bad[i].n, 0));
		CHECK_EQ(STAT(DROP_IP_OPTIONS), before + 1);
	}
	for (unsigned int i = 0; bed.af == 4 && i < RTE_DIM(good); i++) {
		peer_new(41000 + i);
		tx_raw(p, insert(p, syn_frame(p), good[i], 8, 0));
		expect(SYN | ACK, 0, 1, 0);
	}
	fresh();
}

/* Fragment [off, end) of the TCP segment in p, n bytes, into f. */
static uint16_t
fragment(uint8_t *f, const uint8_t *p, uint32_t off, uint32_t end, bool more, uint32_t id)
{
	const uint32_t ext = bed.af == 4 ? 0 : 8;

	memcpy(f, p, L4);
	memcpy(f + L4 + ext, p + L4 + off % 1400, end - off);
	if (bed.af == 4) {
		put16(f + 16, 20 + end - off);
		put16(f + 18, id);
		put16(f + 20, off / 8 | (more ? 0x2000 : 0));
		fix_ip(f);
	} else {
		put16(f + 18, 8 + end - off);
		f[20] = 44;
		f[54] = 6;
		f[55] = 0;
		put16(f + 56, off | more);
		put16(f + 58, 0);
		put16(f + 60, id);
	}
	return L4 + ext + end - off;
}

static void
test_b03(void)
{
	uint8_t p[1600], f[1600];
	unsigned int free_before, n, lowest;

	fx_listen();
	free_before = rte_mempool_avail_count(bed.n[0].mp);
	peer_build(p, SYN, 0, 0, 1000);
	refused(f, fragment(f, p, 0, 8, true, 1));    /* splits the TCP header: RFC 1858 */
	refused(f, fragment(f, p, 8, 512, true, 2));  /* could overwrite it */
	refused(f, fragment(f, p, 65528, 65528 + 64, false, 3)); /* ends beyond 65535 */
	n = fragment(f, p, 0, 512, true, 4);
	tx_raw(f, n);
	tx_raw(f, fragment(f, p, 256, 1024, false, 4)); /* overlap: RFC 5722 */
	expect_silence();
	lowest = free_before;
	for (unsigned int i = 0; i < 20000; i++) { /* never finished */
		tx_raw(f, fragment(f, p, 0, 512, true, 100 + i % 65000));
		lowest = RTE_MIN(lowest, rte_mempool_avail_count(bed.n[0].mp));
	}
	CHECK(free_before - lowest <= 512);
	CHECK_EQ(frag_held(&W->link), free_before - rte_mempool_avail_count(bed.n[0].mp));
	fresh();
	advance_us(62 * SEC);
	CHECK_EQ(frag_held(&W->link), 0);
	rx_flush();
	CHECK_EQ(rte_mempool_avail_count(bed.n[0].mp), free_before);
	CHECK(STAT(DROP_FRAG) + STAT(DROP_FRAG_FULL) + STAT(DROP_FRAG_SHARE) + STAT(DROP_FRAG_TIMEOUT) > 19000);
	fresh();
}

static void
test_b04(void)
{
	static const uint8_t src4[][4] = {
		{0, 0, 0, 1}, {127, 0, 0, 1}, {224, 0, 0, 1}, {255, 255, 255, 255}, {192, 0, 2, 1}};
	static const uint8_t dst4[][4] = {{255, 255, 255, 255}, {192, 0, 2, 255}, {224, 0, 0, 1}};
	static const uint8_t src6[][16] = {{0}, {[15] = 1}, {0xff, 2, [15] = 1}, {0x20, 1, 0xd, 0xb8, [15] = 1}};
	static const uint8_t dst6[][16] = {{0xff, 2, [15] = 1}, {0xff, 5, [15] = 2}, {[15] = 1}};
	const unsigned int ns = bed.af == 4 ? RTE_DIM(src4) : RTE_DIM(src6), alen = bed.af == 4 ? 4 : 16;
	const unsigned int at = bed.af == 4 ? 26 : 22;
	uint8_t p[1600];
	uint16_t n;

	fx_listen();
	peer.port = SRV_PORT; /* LAND: the ports are the same, too */
	for (unsigned int i = 0; i < ns; i++) {
		n = syn_frame(p);
		memcpy(p + at, bed.af == 4 ? src4[i] : src6[i], alen);
		fix_ip(p);
		fix_tcp(p, L4, n - L4);
		refused(p, n);
	}
	for (unsigned int i = 0; i < 3; i++) {
		n = syn_frame(p);
		memcpy(p + at + alen, bed.af == 4 ? dst4[i] : dst6[i], alen);
		fix_ip(p);
		fix_tcp(p, L4, n - L4);
		refused(p, n);
		memset(p, 0xff, 6);
		refused(p, n);
	}
	n = syn_frame(p);
	memset(p, 0xff, 6); /* broadcast frame, unicast datagram: RFC 1122 3.3.6 */
	refused(p, n);
	CHECK(STAT(DROP_MARTIAN) > 0 && STAT(DROP_L2_DST) > 0);
	CHECK_EQ(W->listeners.half_open, 0);
	fresh();
}

static void
test_b05(void)
{
	static const uint8_t protos[] = {4, 41, 47, 17, 50, 51, 132, 255};
	uint8_t p[1600], in[128];
	uint16_t n;

	fx_listen();
	for (unsigned int i = 0; i < RTE_DIM(protos); i++) {
		n = syn_frame(p);
		memcpy(in, p + 14, n - 14); /* the whole datagram again, inside */
		memcpy(p + L4, in, n - 14);
		put16(p + (bed.af == 4 ? 16 : 18), (bed.af == 4 ? 20 : 0) + n - 14);
		p[bed.af == 4 ? 23 : 20] = protos[i];
		fix_ip(p);
		refused(p, L4 + n - 14);
	}
	CHECK(STAT(DROP_IP_PROTO) >= 7);
	CHECK_EQ(W->listeners.half_open, 0);
	fresh();
}

/* The frame in mbufs of `piece` bytes. */
static void
tx_split(const uint8_t *p, uint16_t n, uint16_t piece)
{
	struct rte_mbuf *head = NULL, *m;

	for (uint16_t i = 0; i < n; i += piece) {
		const uint16_t k = RTE_MIN(piece, n - i);

		m = rte_pktmbuf_alloc(bed.n[0].mp);
		CU_ASSERT_PTR_NOT_NULL_FATAL(m);
		memcpy(rte_pktmbuf_append(m, k), p + i, k);
		if (!head)
			head = m;
		else
			CHECK_EQ(rte_pktmbuf_chain(head, m), 0);
	}
	worker_input(W, 0, &head, 1);
	run();
}

static void
test_b06(void)
{
	struct sock *s = fx_established();
	uint8_t p[1600];
	uint16_t n;

	n = peer_build(p, ACK, 1, 1, 0);
	memset(p + n, 0xa5, 60);
	tx_raw(p, n + 20); /* padding is no data */
	CHECK_EQ(sock_recv(s, 10), -EAGAIN);
	n = peer_build(p, ACK | PSH, 1, 1, 5);
	memset(p + n, 0xa5, 60);
	tx_raw(p, n + 33);
	CHECK_EQ(sock_recv_all(s), 5);
	for (unsigned int piece = 1; piece < 80; piece++) {
		n = peer_build(p, ACK | PSH, 6 + (piece - 1) * 100, 1, 100);
		tx_split(p, n, RTE_MAX(piece, 14u)); /* the harness's pool bounds how many */
		CHECK_EQ(sock_recv_all(s), 100);
	}
	rx_flush();
	n = peer_build(p, ACK | PSH, 7906, 1, 5);
	for (unsigned int k = 0; k < 14; k++)
		refused(p, k);
	CHECK(STAT(DROP_RUNT) >= 14);
	memmove(p + 16, p + 12, n - 12); /* 802.1Q */
	put16(p + 12, 0x8100);
	put16(p + 14, 5);
	refused(p, n + 4);
	CHECK_EQ(STAT(DROP_ETHERTYPE), 1);
	fresh();
}

static void
test_b07(void)
{
	uint8_t p[1600];
	uint16_t n;

	fx_listen();
	for (unsigned int len = 0; len < 20; len++) { /* of the whole segment */
		syn_frame(p);
		put16(p + (bed.af == 4 ? 16 : 18), (bed.af == 4 ? 20 : 0) + len);
		fix_ip(p);
		fix_tcp(p, L4, len);
		refused(p, L4 + len);
	}
	n = syn_frame(p);
	for (unsigned int doff = 0; doff < 16; doff++) {
		p[L4 + 12] = doff << 4;
		fix_tcp(p, L4, n - L4);
		if (doff < 5 || doff * 4 > n - L4)
			refused(p, n);
	}
	CHECK(STAT(DROP_TCP_HDR) >= 14);
	CHECK_EQ(W->listeners.half_open, 0);
	fresh();
}

static void
test_b08(void)
{
	struct sock *s = fx_established();
	uint8_t p[1600];
	uint16_t n = peer_build(p, ACK | PSH, 1, 1, 9);
	const uint16_t ck = p[L4 + 16] << 8 | p[L4 + 17];

	put16(p + L4 + 16, ck ^ 0x100);
	refused(p, n);
	put16(p + L4 + 16, 0);
	refused(p, n);
	put16(p + L4 + 16, ck);
	p[bed.af == 4 ? 29 : 37] ^= 1; /* right but for the pseudo header: another source */
	fix_ip(p);
	refused(p, n);
	n = peer_build(p, RST, 1, 1, 0);
	put16(p + L4 + 16, (p[L4 + 16] << 8 | p[L4 + 17]) ^ 1);
	refused(p, n);
	CHECK_EQ(STAT(DROP_TCP_CSUM), 4);
	if (bed.af == 4) {
		n = peer_build(p, ACK | PSH, 1, 1, 9);
		p[24] ^= 0x40;
		refused(p, n);
		CHECK_EQ(STAT(DROP_IP_CSUM), 1);
	}
	CHECK_EQ(sock_recv(s, 10), -EAGAIN);
	CHECK_EQ(sock_state(s), TERN_ESTABLISHED);
	fresh();
}

static uint16_t
put_arp(uint8_t *p, unsigned int op, const uint8_t *sha, unsigned int sip, unsigned int tip)
{
	memset(p, 0, 60);
	memcpy(p, "\2\0\0\0\0\1", 6);
	memcpy(p + 6, sha, 6);
	memcpy(p + 12, "\x08\x06\0\1\x08\0\6\4\0", 9);
	p[21] = op;
	memcpy(p + 22, sha, 6);
	memcpy(p + 28, "\300\0\2", 3);
	p[31] = sip;
	memcpy(p + 38, "\300\0\2", 3);
	p[41] = tip;
	return 42;
}

static void
test_b45(void)
{
	static const uint8_t evil[6] = {2, 0, 0, 0, 0, 0x66};
	struct sock *s = fx_established();
	struct rte_ether_addr mac;
	uint8_t p[64];
	uint64_t before;

	mac = W->neighs.at[s->c->neigh].l2.dst_addr;
	for (unsigned int i = 0; i < 4; i++) { /* lengths, hardware, protocol */
		put_arp(p, 1, evil, 2, 1);
		p[(const uint8_t[]){18, 19, 15, 16}[i]] ^= 3;
		refused(p, 42);
	}
	for (unsigned int k = 14; k < 42; k++)
		refused(p, k);
	put_arp(p, 2, evil, 1, 1); /* claims our address */
	refused(p, 42);
	put_arp(p, 1, evil, 1, 1);
	refused(p, 42);
	before = drops();
	tx_raw(p, put_arp(p, 1, evil, 2, 2)); /* gratuitous: the peer has moved, they say */
	tx_raw(p, put_arp(p, 2, evil, 2, 1)); /* unasked */
	for (unsigned int i = 0; i < 20000; i++)
		tx_raw(p, put_arp(p, i & 1 ? 2 : 1, evil, 3 + i % 250, i & 2 ? 1 : 3 + i % 250));
	CHECK(drops() > before + 9000);
	CHECK(W->neighs.n <= W->neighs.max);
	CHECK_EQ(memcmp(&mac, &W->neighs.at[s->c->neigh].l2.dst_addr, 6), 0);
	tx(ACK | PSH, 1, 1, 10);
	CHECK_EQ(sock_recv_all(s), 10);
	CHECK_EQ(sock_send(s, 10), 10);
	run();
	expect(ACK | PSH, 1, 11, 10);
	advance_us(30 * SEC);
	rx_flush();
	fresh();
}

static void
test_b46(void)
{
	uint8_t p[1600], ext[1200] = {0};
	uint16_t n;

	fx_listen();
	if (bed.af == 4) { /* its like: TTL 0 is no reason to drop at the destination */
		n = syn_frame(p);
		p[22] = 0;
		fix_ip(p);
		tx_raw(p, n);
		expect(SYN | ACK, 0, 1, 0);
		fresh();
		return;
	}
	for (unsigned int i = 0; i < 128; i++) { /* destination options, one behind the other */
		memcpy(ext + 8 * i, (const uint8_t[8]){60, 0, 1, 4}, 8);
	}
	ext[8 * 127] = 6;
	refused(p, insert(p, syn_frame(p), ext, 1024, 60));
	for (unsigned int over = 1; over < 256; over += 17) { /* hop-by-hop beyond the datagram */
		memcpy(ext, (const uint8_t[8]){6, over, 1, 4}, 8);
		refused(p, insert(p, syn_frame(p), ext, 8, 0));
	}
	memcpy(ext, (const uint8_t[8]){6, 0, 5, 200, 0, 0, 0, 0}, 8); /* an option beyond its header */
	refused(p, insert(p, syn_frame(p), ext, 8, 0));
	memcpy(ext, (const uint8_t[8]){6, 0, 0xc2, 4, 0, 1, 0, 0}, 8); /* jumbo payload */
	refused(p, insert(p, syn_frame(p), ext, 8, 0));
	n = syn_frame(p);
	put16(p + 18, 0);
	refused(p, n);
	CHECK_EQ(W->listeners.half_open, 0);
	memcpy(ext, (const uint8_t[8]){6, 0, 0, 0, 0, 0, 0, 9}, 8); /* atomic: a whole datagram, RFC 6946 */
	tx_raw(p, insert(p, syn_frame(p), ext, 8, 44));
	expect(SYN | ACK, 0, 1, 0);
	peer_new(40001);
	n = syn_frame(p);
	p[21] = 0; /* hop limit: RFC 8200 3 */
	tx_raw(p, n);
	expect(SYN | ACK, 0, 1, 0);
	fresh();
}

int
main(int argc, char **argv)
{
	static CU_TestInfo tests[] = {
		{"B01 IPv4 lengths", test_b01},
		{"B02 IPv4 options", test_b02},
		{"B03 fragments", test_b03},
		{"B04 martians, LAND", test_b04},
		{"B05 tunnels", test_b05},
		{"B06 padding, tags, runts, split headers", test_b06},
		{"B07 TCP lengths", test_b07},
		{"B08 checksums", test_b08},
		{"B45 ARP", test_b45},
		{"B46 IPv6 headers", test_b46},
		CU_TEST_INFO_NULL,
	};

	return harness_main(argc, argv, "badinput_ip", tests);
}
