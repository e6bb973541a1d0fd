/* SPDX-License-Identifier: BSD-3-Clause */
/* Local ports of active opens: each that comes home once, then none, and what is released again (RFC 6056,
 * ARCHITECTURE.md). */
#include "harness.h"
#include "net/steer.h"

static struct steer steer;
static uint8_t seen[65536];

static void
flow(struct flow *f, uint16_t rport)
{
	struct tern_endpoint l, r;

	memset(f, 0, sizeof(*f));
	tern_addr(&l, 0);
	peer_addr(&r, rport);
	f->af = bed.af;
	f->rport = htons(rport);
	if (bed.af == 4) {
		memcpy(&f->addr.laddr4, l.addr, 4);
		memcpy(&f->addr.raddr4, r.addr, 4);
	} else {
		memcpy(f->addr.laddr6, l.addr, 16);
		memcpy(f->addr.raddr6, r.addr, 16);
	}
}

static bool
home(struct flow *f, uint16_t port)
{
	f->lport = htons(port);
	return !W->steer || steer_owner(W->steer, f) == W->index;
}

static int
take(struct flow *f, uint16_t port, uint32_t *idx)
{
	uint32_t hash;

	f->lport = htons(port);
	return portset_take(W, f, idx, &hash);
}

/* All of [min, max] that n_workers leave us, in whatever order; then what is given back, and no other. */
static void
drain(uint16_t n_workers, uint16_t reta, uint16_t min, uint16_t max)
{
	uint32_t n = 0, want = 0, idx = 0, port;
	struct flow f;

	bed_down();
	bed_reset(bed.af);
	bed.conf.tcp.port_min = min;
	bed.conf.tcp.port_max = max;
	bed_start();
	memset(seen, 0, sizeof(seen));
	steer_init(&steer, n_workers, reta, NULL);
	W->steer = n_workers > 1 ? &steer : NULL;
	flow(&f, 80);
	for (port = min; port <= max; port++)
		want += home(&f, port);
	while (take(&f, 0, &idx) == 0 && n++ < 65536) {
		port = ntohs(f.lport);
		if (!CHECK(port >= min && port <= max && !seen[port] && home(&f, port)))
			return;
		seen[port] = 1;
	}
	CHECK_EQ(n, want);
	CHECK_EQ(take(&f, 0, &idx), -EADDRNOTAVAIL);
	for (unsigned int i = 0; i < 200 && n; i++) { /* give some back, get the same */
		unsigned int k = 1 + i % 3, left;

		for (left = k; left;) {
			port = min + harness_rand() % (max - min + 1);
			if (seen[port] == 1) {
				seen[port] = 2;
				portset_release(W, idx, htons(port));
				left--;
			}
			if (n <= 3)
				break;
		}
		for (; left < k; left++) {
			CHECK_EQ(take(&f, 0, &idx), 0);
			CHECK_EQ(seen[ntohs(f.lport)], 2);
			seen[ntohs(f.lport)] = 1;
		}
		CHECK_EQ(take(&f, 0, &idx), -EADDRNOTAVAIL);
	}
	for (port = min; port <= max; port++)
		if (seen[port])
			portset_release(W, idx, htons(port));
	CHECK_EQ(W->ports.pool.avail, W->ports.pool.total);
	W->steer = NULL;
}

static void
test_drain(void)
{
	drain(1, 0, 1024, 65535);
	drain(2, 128, 1024, 65535);
	drain(32, 128, 1024, 65535);
	drain(32, 512, 1, 65535);
	drain(7, 64, 32768, 60999);
	drain(1, 0, 40000, 40003);
	drain(3, 2, 1025, 1090); /* a worker may have none */
}

/* A port that the application names counts if it could have been chosen, and only then. */
static void
test_named(void)
{
	uint32_t idx, port, n = 0, foreign;
	struct flow f;

	bed.conf.tcp.port_min = 2000;
	bed.conf.tcp.port_max = 2999;
	bed_start();
	steer_init(&steer, 4, 128, NULL);
	W->steer = &steer;
	flow(&f, 80);
	for (foreign = 2000; home(&f, foreign); foreign++)
		;
	CHECK_EQ(take(&f, foreign, &idx), 0);
	CHECK_EQ(take(&f, 1500, &idx), 0); /* outside */
	for (port = 2000; port <= 2999; port++)
		if (home(&f, port) && n++ % 2)
			CHECK_EQ(take(&f, port, &idx), 0);
	CHECK_EQ(take(&f, foreign, &idx), -EADDRINUSE);
	portset_release(W, idx, htons(foreign));
	for (uint32_t i = 0; i < (n + 1) / 2; i++)
		CHECK_EQ(take(&f, 0, &idx), 0);
	CHECK_EQ(take(&f, 0, &idx), -EADDRNOTAVAIL);
	CHECK_EQ(take(&f, foreign, &idx), 0);
	for (port = 2000; port <= 2999; port++)
		if (home(&f, port) || port == foreign)
			portset_release(W, idx, htons(port));
	portset_release(W, idx, htons(1500));
	CHECK_EQ(W->ports.pool.avail, W->ports.pool.total);
	W->steer = NULL;
}

/* More addresses than there can be sets: those that have one are shared, in turn, as long as they have a port. */
static void
test_crowded(void)
{
	struct tern_if_conf *c = &bed.conf.ifs[0];
	struct tern_endpoint peer_at;
	struct tern_info info;
	unsigned int i, n[256] = {0};
	struct sock *s;

	bed.conf.max_portsets = 4;
	bed.conf.tcp.port_min = 3000;
	bed.conf.tcp.port_max = 3009;
	peer_addr(&peer_at, 80);
	c->alias[0] = (struct tern_alias){.af = bed.af, .prefix = 24, .count = 200};
	if (bed.af == 6)
		c->alias[0].prefix = 64, c->alias[0].count = 1 << 24;
	memcpy(c->alias[0].addr, peer_at.addr, 16);
	c->alias[0].addr[bed.af == 4 ? 3 : 15] = 10;
	c->n_aliases = 1;
	bed_start();
	for (i = 0; i < 40; i++) {
		W->ports.n_connects = UINT32_MAX; /* the next address */
		CHECK_EQ(node_connect(80, 0, &s), 0);
		if (!s->c)
			break;
		tern_conn_info(s->c, &info, sizeof(info));
		n[info.local.addr[bed.af == 4 ? 3 : 15]]++;
	}
	CHECK_EQ(n[10], 10);
	CHECK_EQ(n[11], 10);
	CHECK_EQ(n[12], 10);
	CHECK_EQ(n[13], 10);
	CHECK_EQ(node_connect(80, 0, &s), -EADDRNOTAVAIL);
	CHECK_EQ(node_connect(81, 0, &s), -EADDRNOTAVAIL); /* another server's needs a set of its own */
	CHECK_EQ(W->ports.pool.avail, 0);
	run();
}

int
main(int argc, char **argv)
{
	static CU_TestInfo tests[] = {
		{"all of them", test_drain},
		{"more addresses than sets", test_crowded},
		{"named ports", test_named},
		CU_TEST_INFO_NULL,
	};

	return harness_main(argc, argv, "portset", tests);
}
