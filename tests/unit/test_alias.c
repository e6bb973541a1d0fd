/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Several addresses of one interface, each in a subnet: all of them answer, and an active open takes one that its next
 * hop has a way back to. Interface 0 has 192.0.2.1/24 and 2001:db8::1/64 from the harness.
 */
#include "via.h"

static const uint8_t host_mac[6] = {2, 0, 0, 0, 0, 0xb0};
static const uint8_t far4[4] = {203, 0, 113, 9}, far6[16] = {0x20, 1, 0xd, 0xb8, 0xff, [15] = 9};

/* Host lo of the first subnet (0) or the second: 198.51.100.0/25, 2001:db8:1::/72. */
static const uint8_t *
at(unsigned int net, uint8_t lo)
{
	static uint8_t a[4][16];
	static unsigned int k;
	uint8_t *p = a[++k & 3];

	memset(p, 0, 16);
	memcpy(p, bed.af == 4 ? (net ? "\xc6\x33\x64" : "\xc0\x00\x02") : "\x20\x01\x0d\xb8", bed.af == 4 ? 3 : 4);
	if (bed.af == 6)
		p[5] = net;
	p[bed.af == 4 ? 3 : 15] = lo;
	return p;
}

static void
alias(unsigned int net, uint8_t lo, uint8_t prefix, uint32_t count)
{
	struct tern_if_conf *c = &bed.conf.ifs[0];
	struct tern_alias *a = &c->alias[c->n_aliases++];

	*a = (struct tern_alias){.af = bed.af, .prefix = prefix, .count = count};
	memcpy(a->addr, at(net, lo), bed.af == 4 ? 4 : 16);
}

/* 198.51.100.11 to .12 and .21 of the second subnet; .77 of the first, a host of its own. */
static void
start(void)
{
	alias(1, 11, bed.af == 4 ? 25 : 72, 2);
	alias(1, 21, bed.af == 4 ? 25 : 72, 0);
	alias(0, 77, bed.af == 4 ? 32 : 128, 1);
	bed_start();
}

static bool
segment(const uint8_t *src, const uint8_t *dst, uint8_t flags, uint32_t seq, uint32_t ack, uint32_t len,
	struct frame *f)
{
	uint8_t p[1600];
	const uint16_t n = peer_build(p, flags, seq, ack, len);

	from_to(p, n, 0, host_mac, src, dst, 6);
	arrive(0, p, n);
	return leaves(0, f);
}

static bool
echo(const uint8_t *src, const uint8_t *dst)
{
	uint8_t p[1600];
	const uint16_t n = build_ping(p);
	const uint64_t before = STAT(ECHO_REPLY);
	struct frame f;

	from_to(p, n, 0, host_mac, src, dst, bed.af == 4 ? 1 : 58);
	arrive(0, p, n);
	leaves(0, &f);
	return STAT(ECHO_REPLY) == before + 1;
}

/* The host at src knows us: nothing waits for its MAC. */
static void
known(const uint8_t *src)
{
	static const uint8_t arp[8] = {0, 1, 8, 0, 6, 4, 0, 1};
	uint8_t p[60] = {0};
	uint8_t hop[16] = {0};

	if (bed.af == 4) {
		memcpy(p, "\xff\xff\xff\xff\xff\xff", 6);
		memcpy(p + 6, host_mac, 6);
		put16(p + 12, 0x0806);
		memcpy(p + 14, arp, 8);
		memcpy(p + 22, host_mac, 6);
		memcpy(p + 28, src, 4);
		memcpy(p + 38, at(1, 21), 4);
		arrive(0, p, 60);
		CHECK_EQ(W->ifs[0].n_tx, 1); /* and is answered, for the address that it asked for */
		if (W->ifs[0].n_tx)
			CHECK(memcmp(rte_pktmbuf_mtod(W->ifs[0].tx[0], uint8_t *) + 28, at(1, 21), 4) == 0);
		leaves(0, &(struct frame){0});
		return;
	}
	memcpy(hop, src, 16);
	link_neigh_put(&W->link, link_neigh_get(&W->link, 0, 6, hop, (const struct rte_ether_addr *)host_mac));
}

static void
test_served(void)
{
	const struct tern_endpoint any = {.af = bed.af, .port = htons(SRV_PORT)};
	const uint8_t mine[3] = {11, 12, 21};
	struct sock *s;
	struct frame f;
	unsigned int i;

	start();
	CHECK_EQ(tern_listen(TW_(&bed.n[0]), &any, 8, NULL, &bed.n[0], &bed.n[0].l[0]), 0);
	known(at(1, 9));
	for (i = 0; i < 3; i++) {
		peer_new(41000 + i);
		CHECK(echo(at(1, 9), at(1, mine[i])));
		if (!CHECK(segment(at(1, 9), at(1, mine[i]), SYN, 0, 0, 0, &f)))
			return;
		CHECK_EQ(f.flags, SYN | ACK);
		peer.irs = f.seq;
		peer.irs_known = true;
		segment(at(1, 9), at(1, mine[i]), ACK, 1, 1, 0, &f);
		s = sock_accept(&bed.n[0]);
		if (!CHECK(s != NULL))
			return;
		segment(at(1, 9), at(1, mine[i]), ACK | PSH, 1, 1, 100, &f);
		CHECK_EQ(sock_recv_all(s), 100);
		tern_abort(s->c);
		s->c = NULL;
		worker_run(W);
		CHECK(leaves(0, &f));
	}
	CHECK(echo(at(0, 9), at(0, 77)));
	CHECK(echo(at(1, 9), at(0, 1))); /* either host may ask for either address */
	CHECK(!echo(at(1, 9), at(1, 13)));
	CHECK(!echo(at(1, 9), at(1, 10)));
	CHECK(!echo(bed.af == 4 ? far4 : far6, at(1, 11)));
	CHECK_EQ(STAT(DROP_IP_ADDR), 2);
}

/* The second subnet's broadcast address, as source and as destination. */
static void
test_broadcast(void)
{
	const struct tern_endpoint any = {.af = bed.af, .port = htons(SRV_PORT)};
	struct tern_endpoint to = {.af = bed.af, .port = htons(80)};
	struct tern_conn *c;
	struct frame f;

	start();
	CHECK_EQ(tern_listen(TW_(&bed.n[0]), &any, 8, NULL, &bed.n[0], &bed.n[0].l[0]), 0);
	memcpy(to.addr, at(1, 12), bed.af == 4 ? 4 : 16);
	CHECK_EQ(tern_connect(TW_(&bed.n[0]), NULL, &to, &sock_ops, NULL, &c), -EINVAL); /* our own */
	if (bed.af == 6)
		return;
	memcpy(to.addr, at(1, 127), 4);
	CHECK_EQ(tern_connect(TW_(&bed.n[0]), NULL, &to, &sock_ops, NULL, &c), -EINVAL);
	CHECK(!segment(at(1, 127), at(1, 11), SYN, 0, 0, 0, &f)); /* nothing, whichever address it is sent to */
	CHECK(!segment(at(1, 127), at(0, 1), SYN, 0, 0, 0, &f));
	CHECK(!segment(at(1, 127), at(0, 1), ACK, 1, 1, 0, &f));
	CHECK_EQ(STAT(DROP_NO_ROUTE), 3);
	CHECK(!echo(at(1, 127), at(1, 11)));
	CHECK(!echo(at(1, 9), at(1, 127)));
	CHECK_EQ(STAT(DROP_MARTIAN), 2);
	CHECK_EQ(W->listeners.half_open, 0);
}

/* Connect to remote from local, NULL: any. @return the last byte of the source address, of the second subnet + 1000. */
static int
source(const void *remote, const void *local)
{
	struct tern_endpoint to = {.af = bed.af, .port = htons(80)}, from = {.af = bed.af};
	struct tern_info info;
	struct tern_conn *c;
	int rc;

	memcpy(to.addr, remote, bed.af == 4 ? 4 : 16);
	if (local)
		memcpy(from.addr, local, bed.af == 4 ? 4 : 16);
	rc = tern_connect(TW_(&bed.n[0]), local ? &from : NULL, &to, &sock_ops, sock_new(&bed.n[0]), &c);
	if (rc)
		return rc;
	tern_conn_info(c, &info, sizeof(info));
	tern_abort(c);
	worker_run(W);
	leaves(0, &(struct frame){0});
	return info.local.addr[bed.af == 4 ? 3 : 15] +
	       (memcmp(info.local.addr, at(1, 0), bed.af == 4 ? 3 : 8) == 0 ? 1000 : 0);
}

static void
test_source(void)
{
	const void *far = bed.af == 4 ? far4 : far6;
	unsigned int seen[64] = {0}, i;
	int got;

	start();
	CHECK_EQ(source(at(0, 9), NULL), 1);
	CHECK_EQ(source(far, NULL), -ENETUNREACH);
	for (i = 0; i < 3 * 64; i++) { /* in turn, a run each */
		got = source(at(1, 9), NULL);
		if (!CHECK(got == 1011 || got == 1012 || got == 1021))
			return;
		seen[got - 1000]++;
	}
	CHECK_EQ(seen[11] + seen[12] + seen[21], 3 * 64);
	CHECK(seen[11] >= 62 && seen[12] >= 62 && seen[21] >= 62);
	CHECK_EQ(source(at(0, 9), at(1, 21)), 1021); /* who asks for one gets it */
	CHECK_EQ(source(at(1, 9), at(0, 77)), 77);
	CHECK_EQ(source(at(1, 9), at(1, 13)), -EADDRNOTAVAIL);
	memcpy(bed.af == 4 ? (void *)&W->ifs[0].gw4 : W->ifs[0].gw6, at(1, 99), bed.af == 4 ? 4 : 16);
	got = source(far, NULL); /* the router is in the second subnet */
	CHECK(got == 1011 || got == 1012 || got == 1021);
	CHECK_EQ(source(at(0, 8), NULL), 1);
}

/* Who is asked for its MAC is asked from an address it has a way back to. */
static void
test_asks(void)
{
	const unsigned int off = bed.af == 4 ? 28 : 22, n = bed.af == 4 ? 4 : 16;
	struct iface *ifc;
	uint8_t hop[16] = {0};
	unsigned int net;

	start();
	ifc = &W->ifs[0];
	for (net = 0; net < 2; net++) {
		struct rte_mbuf *m = rte_pktmbuf_alloc(bed.n[0].mp);
		uint16_t idx;

		memcpy(hop, at(net, 9), n);
		idx = link_neigh_get(&W->link, 0, bed.af, hop, NULL);
		rte_pktmbuf_append(m, 60);
		link_output(&W->link, 0, idx, m);
		link_neigh_put(&W->link, idx);
		if (CHECK(ifc->n_tx == 1))
			CHECK(memcmp(rte_pktmbuf_mtod(ifc->tx[0], uint8_t *) + off, net ? at(1, 11) : at(0, 1), n) ==
			      0);
		leaves(0, &(struct frame){0});
	}
}

/* A listener on one of them hears that one only. */
static void
test_listener(void)
{
	struct tern_endpoint l = {.af = bed.af, .port = htons(SRV_PORT)};
	struct frame f;

	start();
	memcpy(l.addr, at(1, 13), bed.af == 4 ? 4 : 16);
	CHECK_EQ(tern_listen(TW_(&bed.n[0]), &l, 8, NULL, &bed.n[0], &bed.n[0].l[0]), -EADDRNOTAVAIL);
	memcpy(l.addr, at(1, 12), bed.af == 4 ? 4 : 16);
	CHECK_EQ(tern_listen(TW_(&bed.n[0]), &l, 8, NULL, &bed.n[0], &bed.n[0].l[0]), 0);
	known(at(1, 9));
	CHECK(segment(at(1, 9), at(1, 12), SYN, 0, 0, 0, &f) && f.flags == (SYN | ACK));
	CHECK(segment(at(1, 9), at(1, 11), SYN, 0, 0, 0, &f) && f.flags == (RST | ACK));
	CHECK(segment(at(1, 9), at(0, 1), SYN, 0, 0, 0, &f) && f.flags == (RST | ACK));
}

int
main(int argc, char **argv)
{
	CU_TestInfo tests[] = {
		{"every address answers", test_served},
		{"their broadcast addresses", test_broadcast},
		{"the source fits the next hop", test_source},
		{"neighbours are asked from their subnet", test_asks},
		{"a listener on one of them", test_listener},
		CU_TEST_INFO_NULL,
	};

	return harness_main(argc, argv, "alias", tests);
}
