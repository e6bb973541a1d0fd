/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * net/steer.c: the vectors of Microsoft's "Verifying the RSS Hash Calculation", DPDK's own Toeplitz hash over random
 * flows, and what the RETA makes of it. Source is the remote end: a hash is that of a packet received.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <rte_byteorder.h>
#include <rte_common.h>
#include <rte_thash.h>
#include "net/steer.h"
#include "seeded.h"

static struct steer s;

static const struct vector {
	const char *src, *dst;
	uint16_t sport, dport;
	uint32_t hash;
} vectors[] = {
	{ "66.9.149.187", "161.142.100.80", 2794, 1766, 0x51ccc178 },
	{ "199.92.111.2", "65.69.140.83", 14230, 4739, 0xc626b0ea },
	{ "24.19.198.95", "12.22.207.184", 12898, 38024, 0x5c2b394a },
	{ "38.27.205.30", "209.142.163.6", 48228, 2217, 0xafc7327f },
	{ "153.39.163.191", "202.188.127.2", 44251, 1303, 0x10e828a2 },
	{ "3ffe:2501:200:1fff::7", "3ffe:2501:200:3::1", 2794, 1766, 0x40207d3d },
	{ "3ffe:501:8::260:97ff:fe40:efab", "ff02::1", 14230, 4739, 0xdde51bbf },
	{ "3ffe:1900:4545:3:200:f8ff:fe21:67cf", "fe80::200:f8ff:fe21:67cf", 44251, 38024, 0x02d1feef },
};

static void
test_vectors(void)
{
	struct flow f;
	unsigned int i;

	steer_init(&s, 1, 128, NULL);
	for (i = 0; i < RTE_DIM(vectors); i++) {
		const struct vector *v = &vectors[i];
		const bool six = strchr(v->src, ':') != NULL;

		memset(&f, 0xee, sizeof(f));
		f.af = six ? 6 : 4;
		f.rport = rte_cpu_to_be_16(v->sport);
		f.lport = rte_cpu_to_be_16(v->dport);
		CU_ASSERT_FATAL(
			inet_pton(six ? AF_INET6 : AF_INET, v->src, six ? (void *)f.addr.raddr6 : &f.addr.raddr4) == 1);
		CU_ASSERT_FATAL(
			inet_pton(six ? AF_INET6 : AF_INET, v->dst, six ? (void *)f.addr.laddr6 : &f.addr.laddr4) == 1);
		CU_ASSERT_EQUAL(steer_hash(&s, &f), v->hash);
	}
}

static void
random_flow(struct flow *f)
{
	uint64_t r[5] = { rnd(), rnd(), rnd(), rnd(), rnd() };

	memcpy(&f->addr, r, sizeof(f->addr));
	f->lport = r[4];
	f->rport = r[4] >> 16;
	f->af = r[4] >> 63 ? 6 : 4;
}

static uint32_t
reference(const struct flow *f)
{
	uint8_t bytes[36];
	uint32_t words[9];
	const unsigned int n = f->af == 4 ? 4 : 16;
	unsigned int i;

	memcpy(bytes, f->af == 4 ? (const void *)&f->addr.raddr4 : f->addr.raddr6, n);
	memcpy(bytes + n, f->af == 4 ? (const void *)&f->addr.laddr4 : f->addr.laddr6, n);
	memcpy(bytes + 2 * n, &f->rport, 2);
	memcpy(bytes + 2 * n + 2, &f->lport, 2);
	for (i = 0; i < n / 2 + 1; i++)
		words[i] = (uint32_t)bytes[4 * i] << 24 | bytes[4 * i + 1] << 16 | bytes[4 * i + 2] << 8 |
			   bytes[4 * i + 3];
	return rte_softrss(words, n / 2 + 1, s.key);
}

/* Another key, another hash: that of the device with this key. */
static void
test_key(void)
{
	uint8_t key[STEER_KEY_LEN];
	unsigned int i, same = 0;
	struct flow f;
	uint32_t h;

	for (i = 0; i < sizeof(key); i++)
		key[i] = rnd();
	for (i = 0; i < 100; i++) {
		random_flow(&f);
		steer_init(&s, 4, 128, NULL);
		h = steer_hash(&s, &f);
		steer_init(&s, 4, 128, key);
		CU_ASSERT_EQUAL(memcmp(s.key, key, sizeof(key)), 0);
		CU_ASSERT_EQUAL(steer_hash(&s, &f), reference(&f));
		same += steer_hash(&s, &f) == h;
	}
	CU_ASSERT(same < 2);
}

static void
test_random(void)
{
	struct flow f, no_port;
	uint32_t i;

	steer_init(&s, 4, 128, NULL);
	for (i = 0; i < 200000; i++) {
		random_flow(&f);
		CU_ASSERT_EQUAL_FATAL(steer_hash(&s, &f), reference(&f));
		no_port = f;
		no_port.lport = 0;
		CU_ASSERT_EQUAL_FATAL(steer_owner_port(&s, steer_hash(&s, &no_port), f.af, f.lport),
				      steer_owner(&s, &f));
	}
}

/* The owner is the RETA's entry for the low bits, and flows that differ in a port alone are spread evenly. */
static void
test_spread(void)
{
	static const uint16_t workers[] = { 1, 2, 3, 4, 7, 8, 64 };
	uint32_t count[64], i, k;
	struct flow f;

	for (k = 0; k < RTE_DIM(workers); k++) {
		const uint16_t n = workers[k];

		steer_init(&s, n, STEER_RETA_MAX, NULL);
		memset(count, 0, sizeof(count));
		random_flow(&f);
		for (i = 0; i < 1u << 16; i++) {
			uint16_t owner;

			f.lport = i;
			owner = steer_owner(&s, &f);
			CU_ASSERT_FATAL(owner < n);
			CU_ASSERT_EQUAL_FATAL(owner, s.reta[reference(&f) % STEER_RETA_MAX]);
			count[owner]++;
		}
		for (i = 0; i < n; i++)
			CU_ASSERT(count[i] > (1u << 16) / n * 3 / 4 && count[i] < (1u << 16) / n * 5 / 4);
	}
}

/* A device's own RETA size, and a table changed by hand, rule. */
static void
test_reta(void)
{
	uint32_t i, size;
	struct flow f;

	for (size = 1; size <= STEER_RETA_MAX; size *= 2) {
		steer_init(&s, 2, size, NULL);
		for (i = 0; i < size; i++)
			CU_ASSERT_EQUAL(s.reta[i], i % 2);
		for (i = 0; i < size; i++)
			s.reta[i] = 7 + i % 5;
		for (i = 0; i < 100; i++) {
			random_flow(&f);
			CU_ASSERT_EQUAL(steer_owner(&s, &f), 7 + (reference(&f) & (size - 1)) % 5);
		}
	}
}

int
main(void)
{
	static CU_TestInfo tests[] = {
		{"test_vectors", test_vectors},
		{"test_random", test_random},
		{"test_key", test_key},
		{"test_spread", test_spread},
		{"test_reta", test_reta},
		CU_TEST_INFO_NULL,
	};

	return seeded_main("steer", tests);
}
