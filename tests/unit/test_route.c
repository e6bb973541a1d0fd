/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where answers and connections leave: by the interface the SYN came by, and only if there is a way back. Two
 * interfaces, one subnet and one gateway each.
 */
#include "via.h"

static const uint8_t router_mac[2][6] = {{2, 0, 0, 0, 0, 0xa0}, {2, 0, 0, 0, 0, 0xa1}};
static const uint8_t far4[4] = {203, 0, 113, 9}, far6[16] = {0x20, 1, 0xd, 0xb8, 0xff, [15] = 9};

/* Interface 1: 198.51.100.1/24, 2001:db8:1::1/64. */
static void
second_iface(void)
{
	struct tern_if_conf c = {.addr4 = {198, 51, 100, 1}, .prefix4 = 24, .prefix6 = 64,
				 .addr6 = {0x20, 1, 0xd, 0xb8, 0, 1, [15] = 1}};
	const struct rte_ether_addr mac = {{2, 0, 0, 0, 0, 0x11}};

	bed_start();
	CU_ASSERT_EQUAL_FATAL(link_iface_init(&W->ifs[1], 1, &c, &mac, 1500), 0);
	W->ifs[1].tx_multi_seg = true;
	W->n_ifs = 2;
}

static void
listen_any(void)
{
	const struct tern_endpoint any = {.af = bed.af, .port = htons(SRV_PORT)};
	static const struct tern_listener_ops none;

	bed_start();
	CHECK_EQ(tern_listen(TW_(&bed.n[0]), &any, 8, &none, NULL, &bed.n[0].l[0]), 0);
}

static void
gateways(bool first, bool second)
{
	const uint8_t gw4[2][4] = {{192, 0, 2, 254}, {198, 51, 100, 254}};
	unsigned int i;

	for (i = 0; i < 2; i++) {
		if (i ? !second : !first)
			continue;
		memcpy(&W->ifs[i].gw4, gw4[i], 4);
		memcpy(W->ifs[i].gw6, W->ifs[i].laddr6, 16);
		W->ifs[i].gw6[15] = 254;
	}
}

/* As if it came from far away through the router of interface i, to interface i's address. */
static void
from_far(uint8_t *p, uint16_t n, unsigned int i, uint8_t proto)
{
	const struct iface *ifc = &W->ifs[i];

	from_to(p, n, i, router_mac[i], bed.af == 4 ? far4 : far6,
		bed.af == 4 ? (const void *)&ifc->laddr4 : ifc->laddr6, proto);
}

static void
segment(unsigned int i, uint8_t flags, uint32_t seq, uint32_t ack, uint32_t len)
{
	uint8_t p[1600];
	const uint16_t n = peer_build(p, flags, seq, ack, len);

	from_far(p, n, i, 6);
	arrive(i, p, n);
}

static void
ping(unsigned int i)
{
	uint8_t p[1600];
	const uint16_t n = build_ping(p);

	from_far(p, n, i, bed.af == 4 ? 1 : 58);
	arrive(i, p, n);
}

static bool
silent(void)
{
	return W->ifs[0].n_tx == 0 && (W->n_ifs < 2 || W->ifs[1].n_tx == 0);
}

/* Without a way back nothing is begun, and nothing is answered. */
static void
test_no_route(void)
{
	listen_any();
	second_iface();
	segment(0, SYN, 0, 0, 0);
	CHECK(silent());
	CHECK_EQ(STAT(DROP_NO_ROUTE), 1);
	CHECK_EQ(W->listeners.half_open, 0);
	bed.n[0].l[0]->cookie_mode = TERN_COOKIE_ALWAYS;
	segment(0, SYN, 0, 0, 0);
	CHECK(silent());
	segment(1, ACK, 1, 1, 0); /* a stray: no reset */
	CHECK(silent());
	ping(1);
	CHECK(silent());
	CHECK_EQ(STAT(DROP_NO_ROUTE), 4);
	CHECK_EQ(STAT(ECHO_REPLY), 0);
	/* the other interface's gateway is not this one's */
	gateways(false, true);
	segment(0, SYN, 0, 0, 0);
	ping(0);
	CHECK(silent());
	ping(1);
	CHECK_EQ(W->ifs[1].n_tx, 1);
	CHECK_EQ(STAT(DROP_NO_ROUTE), 6);
	leaves(1, &(struct frame){0});
}

/* Handshake, request and answer by interface i: all of it leaves there. @return the connection's socket. */
static struct sock *
served(unsigned int i)
{
	struct sock *s;
	struct frame f;

	peer_new(41000 + i);
	segment(i, SYN, 0, 0, 0);
	CHECK(W->ifs[!i].n_tx == 0);
	if (!CHECK(leaves(i, &f)))
		return NULL;
	peer.irs = f.seq;
	peer.irs_known = true;
	segment(i, ACK, 1, 1, 0);
	CHECK(silent());
	s = sock_accept(&bed.n[0]);
	if (!CHECK(s != NULL))
		return NULL;
	segment(i, ACK | PSH, 1, 1, 100);
	CHECK_EQ(sock_recv_all(s), 100);
	CHECK_EQ(sock_send(s, 50), 50);
	worker_run(W);
	CHECK_EQ(W->ifs[!i].n_tx, 0);
	CHECK(leaves(i, &f));
	CHECK_EQ(f.len, 50);
	segment(i, ACK, 101, 51, 0);
	return s;
}

static void
test_comes_goes(void)
{
	struct sock *s[2];
	struct frame f;
	unsigned int i;

	listen_any();
	second_iface();
	gateways(true, true);
	for (i = 0; i < 2; i++) {
		s[i] = served(i);
		ping(i);
		CHECK_EQ(W->ifs[!i].n_tx, 0);
		CHECK_EQ(W->ifs[i].n_tx, 1);
		leaves(i, &f);
	}
	for (i = 0; i < 2; i++) {
		if (!s[i])
			continue;
		tern_abort(s[i]->c);
		s[i]->c = NULL;
		worker_run(W);
		CHECK_EQ(W->ifs[!i].n_tx, 0);
		CHECK(leaves(i, &f));
		CHECK(f.flags & RST);
	}
	segment(1, SYN, 0, 0, 0); /* the SYN-ACK is sent again: by its interface */
	CHECK(leaves(1, &f));
	bed.now_us += 1100 * MS;
	worker_set_time(W, bed.now_us);
	worker_run(W);
	CHECK(!leaves(0, &f));
	CHECK(leaves(1, &f));
	CHECK_EQ(STAT(SYN_RETRANS), 1);
	tern_listener_close(bed.n[0].l[0]);
	bed.n[0].l[0] = NULL;
	for (i = 0; i < 20; i++) { /* the routers are given up */
		bed.now_us += SEC;
		worker_set_time(W, bed.now_us);
		worker_run(W);
		leaves(1, &f);
	}
}

/* An active open from an address leaves by its interface. */
static void
test_bound(void)
{
	struct tern_endpoint local = {.af = bed.af}, remote = {.af = bed.af, .port = htons(80)};
	struct tern_conn *c;
	unsigned int i;

	second_iface();
	gateways(true, true);
	memcpy(remote.addr, bed.af == 4 ? far4 : far6, bed.af == 4 ? 4 : 16);
	for (i = 0; i < 2; i++) {
		memcpy(local.addr, bed.af == 4 ? (const uint8_t *)&W->ifs[i].laddr4 : W->ifs[i].laddr6,
		       bed.af == 4 ? 4 : 16);
		CHECK_EQ(tern_connect(TW_(&bed.n[0]), &local, &remote, &sock_ops, sock_new(&bed.n[0]), &c), 0);
		CHECK_EQ(c->ifidx, i);
		tern_abort(c);
	}
	worker_run(W);
	gateways(false, false);
	memset(&W->ifs[1].gw4, 0, 4);
	memset(W->ifs[1].gw6, 0, 16);
	CHECK_EQ(tern_connect(TW_(&bed.n[0]), &local, &remote, &sock_ops, NULL, &c), -ENETUNREACH);
	local.addr[bed.af == 4 ? 3 : 15] = 77;
	CHECK_EQ(tern_connect(TW_(&bed.n[0]), &local, &remote, &sock_ops, NULL, &c), -EADDRNOTAVAIL);
}

int
main(int argc, char **argv)
{
	CU_TestInfo tests[] = {
		{"no way back, no answer", test_no_route},
		{"a connection belongs to the interface of its SYN", test_comes_goes},
		{"an active open leaves by the interface of its address", test_bound},
		CU_TEST_INFO_NULL,
	};

	return harness_main(argc, argv, "route", tests);
}
