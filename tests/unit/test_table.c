/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * base/table.c against a reference map: each flow of a fixed universe has two objects, and the map says which of them,
 * if any, is in the table. Ten million random operations that fill the table to overflow and empty it again, over and
 * over.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <rte_byteorder.h>
#include "base/table.h"
#include "seeded.h"

#define UNIVERSE (1u << 17)
#define OPS 10000000u
#define MAX_LOADED 65532 /* the worst a power of two leaves: mean load 4 of 7 */

static struct table t;
static struct tobj objs[2][UNIVERSE];
static struct flow flows[UNIVERSE];
static uint8_t in[UNIVERSE]; /* the reference: 0 absent, 1 or 2 the object present */
static uint8_t seen[UNIVERSE];
static uint32_t n_in, n_full, n_hit, n_miss, n_replace;
static uint32_t hash_mask;

/* Flow i: neighbours differ in one field only; what IPv4 leaves unused of the union is garbage. */
static void
make_flow(struct flow *f, uint32_t i)
{
	uint64_t r[4] = { rnd(), rnd(), rnd(), rnd() };

	memcpy(&f->addr, r, sizeof(f->addr));
	f->af = i & 1 ? 6 : 4;
	f->lport = rte_cpu_to_be_16(1024 + (i >> 1 & 0xff));
	f->rport = rte_cpu_to_be_16(80 + (i >> 9 & 3));
	if (f->af == 4) {
		f->addr.laddr4 = rte_cpu_to_be_32(0xc0000200 | (i >> 11 & 7));
		f->addr.raddr4 = rte_cpu_to_be_32(0xc6336400 | i >> 14);
	} else {
		memset(&f->addr, 0, sizeof(f->addr));
		f->addr.laddr6[0] = f->addr.raddr6[0] = 0x20;
		f->addr.laddr6[15] = i >> 11 & 7;
		f->addr.raddr6[8] = i >> 14;
	}
}

static void
make_obj(struct tobj *o, const struct flow *f)
{
	memset(o, 0xa5, sizeof(*o));
	o->hash = table_hash(&t, f) & hash_mask;
	o->lport = f->lport;
	o->rport = f->rport;
	o->af = f->af;
	memcpy(&o->addr, &f->addr, f->af == 4 ? 8 : 32);
}

static void
setup(uint32_t max, uint32_t mask)
{
	uint64_t key[4] = { rnd(), rnd(), rnd(), rnd() };
	uint32_t i;

	CU_ASSERT_FATAL(table_init(&t, max, (const uint8_t *)key, -1) == 0);
	hash_mask = mask;
	n_in = n_full = n_hit = n_miss = n_replace = 0;
	memset(in, 0, sizeof(in));
	for (i = 0; i < UNIVERSE; i++) {
		make_flow(&flows[i], i);
		make_obj(&objs[0][i], &flows[i]);
		make_obj(&objs[1][i], &flows[i]);
	}
}

static struct tobj *
expected(uint32_t i)
{
	return in[i] ? &objs[in[i] - 1][i] : NULL;
}

static void
check_lookup(uint32_t i)
{
	struct flow f;

	make_flow(&f, i); /* other garbage than at insertion */
	CU_ASSERT_FATAL(table_lookup(&t, &f, objs[0][i].hash) == expected(i));
	if (in[i])
		n_hit++;
	else
		n_miss++;
}

static void
check_all(void)
{
	uint32_t i;

	for (i = 0; i < UNIVERSE; i++)
		check_lookup(i);
	CU_ASSERT_FATAL(t.count == n_in);
}

static uint32_t
spares_free(void)
{
	uint32_t i, n = 0;

	for (i = t.spare_free; i && n <= t.n_spare; i = t.buckets[i].spare)
		n++;
	return n;
}

static uint32_t
spares_used(void)
{
	return t.spare_fresh - (t.mask + 1);
}

static void
try_insert(uint32_t i)
{
	const unsigned int which = rnd() & 1;
	const int rc = table_insert(&t, &objs[which][i]);

	if (rc == 0) {
		in[i] = which + 1;
		n_in++;
		return;
	}
	CU_ASSERT_FATAL(rc == -ENOSPC);
	CU_ASSERT_FATAL(spares_free() == 0 && spares_used() == t.n_spare); /* only when nothing is left */
	n_full++;
}

static void
remove_one(uint32_t i)
{
	table_remove(&t, expected(i));
	in[i] = 0;
	n_in--;
}

static void
replace_one(uint32_t i)
{
	table_replace(&t, &objs[in[i] - 1][i], &objs[2 - in[i]][i]);
	in[i] = 3 - in[i];
	n_replace++;
}

/* Random operations, a phase of filling to overflow and a phase of emptying in turn. */
static void
random_ops(uint32_t ops)
{
	bool filling = true;
	uint32_t op, i, phase_full = 0, phases = 0;

	for (op = 0; op < ops; op++) {
		const uint64_t r = rnd();

		i = r % UNIVERSE;
		if (filling ? n_full - phase_full > 100 : n_in < UNIVERSE / 16) {
			filling = !filling;
			phase_full = n_full;
			phases++;
			check_all();
		}
		switch (r >> 32 & 3) {
		case 0:
			check_lookup(i);
			break;
		case 1:
			if (in[i])
				replace_one(i);
			break;
		default:
			if (!in[i] && (filling || (r >> 40 & 31) == 0))
				try_insert(i);
			else if (in[i] && (!filling || (r >> 40 & 31) == 0))
				remove_one(i);
		}
		CU_ASSERT_FATAL(t.count == n_in);
	}
	CU_ASSERT(phases >= 4);
	check_all();
}

static void
remove_all(void)
{
	uint32_t i, k;

	for (k = 0, i = rnd() % UNIVERSE; k < UNIVERSE; k++, i = (i + 40503) % UNIVERSE) /* odd step: every i once */
		if (in[i])
			remove_one(i);
	CU_ASSERT_EQUAL(t.count, 0);
	CU_ASSERT_EQUAL(spares_free(), spares_used());
	for (i = 0; i <= t.mask; i++)
		CU_ASSERT_EQUAL_FATAL(t.buckets[i].spare, 0);
}

static void
test_random(void)
{
	setup(MAX_LOADED, UINT32_MAX);
	random_ops(OPS);
	CU_ASSERT(n_full > 100 && n_hit > OPS / 20 && n_miss > OPS / 20 && n_replace > OPS / 20);
	remove_all();
	table_fini(&t);
	CU_ASSERT_PTR_NULL(t.buckets);
}

/* Every object in one of 512 chains, all tags equal: long chains, whole comparison. */
static void
test_chains(void)
{
	setup(MAX_LOADED, 0x1ff);
	random_ops(OPS / 4);
	CU_ASSERT(n_full > 100 && n_hit > 1000 && n_miss > 1000);
	remove_all();
	table_fini(&t);
}

/* The promise of table_init(): max objects fit, whatever the flows (here: consecutive ports and addresses). */
static void
test_room(void)
{
	uint32_t max, i;

	for (max = 1; max < UNIVERSE; max = max * 4 + 3) {
		setup(max, UINT32_MAX);
		for (i = 0; i < max; i++)
			try_insert(i);
		CU_ASSERT_EQUAL(n_in, max);
		check_all();
		remove_all();
		table_fini(&t);
	}
}

static void
visit(struct tobj *o, void *arg)
{
	const uint32_t i = (o - objs[0]) % UNIVERSE;

	CU_ASSERT_FATAL(o == expected(i));
	seen[i]++;
	if (arg && seen[i] == 1 && i % 3)
		remove_one(i);
}

static void
walk(bool removing)
{
	const uint32_t before = n_in;
	uint32_t i, n = 0;

	memset(seen, 0, sizeof(seen));
	table_walk(&t, visit, removing ? &t : NULL);
	for (i = 0; i < UNIVERSE; i++) {
		CU_ASSERT_FATAL(seen[i] <= 1 && (seen[i] || !in[i]));
		n += seen[i];
	}
	CU_ASSERT_EQUAL(n, before);
}

static void
test_walk(void)
{
	uint32_t i, masks[] = { UINT32_MAX, 0x1ff }, k;

	for (k = 0; k < 2; k++) {
		setup(MAX_LOADED, masks[k]);
		for (i = 0; i < UNIVERSE && !n_full; i++)
			try_insert(i);
		walk(false);
		walk(true);
		CU_ASSERT(n_in > 0 && n_in < UNIVERSE / 2);
		check_all();
		remove_all();
		walk(false); /* visits nothing */
		table_fini(&t);
	}
}

static void
test_peek(void)
{
	struct table_hint hint;
	uint32_t i, found = 0;

	setup(MAX_LOADED, UINT32_MAX);
	for (i = 0; i < UNIVERSE; i++)
		CU_ASSERT_PTR_NULL_FATAL(table_peek(&t, objs[0][i].hash, &hint));
	for (i = 0; i < 1000; i++)
		try_insert(i);
	for (i = 0; i < 1000; i++) {
		const struct tobj *o = table_peek(&t, objs[0][i].hash, &hint);

		CU_ASSERT_FATAL(o && o->hash >> 17 == objs[0][i].hash >> 17); /* the tag's lowest bit is always set */
		found += o == expected(i);
	}
	CU_ASSERT(found > 990);
	remove_all();
	table_fini(&t);
}

/* What happens between a look ahead and the look-up that trusts it: anything, to this flow or to others. */
static void
test_hint(void)
{
	uint32_t i, k, n, trusted = 0, went = 0, came = 0;
	struct table_hint hint;
	struct flow f;

	setup(MAX_LOADED, 0x3ff);
	for (i = 0; i < MAX_LOADED; i++)
		try_insert(i);
	for (k = 0; k < OPS / 20; k++) {
		const bool was = in[i = rnd() % MAX_LOADED];

		make_flow(&f, i);
		table_peek(&t, objs[0][i].hash, &hint);
		for (n = rnd() % 3; n > 0; n--) {
			const uint32_t other = rnd() & 1 ? i : rnd() % MAX_LOADED;

			if (!in[other])
				try_insert(other);
			else if (rnd() & 1)
				remove_one(other);
			else
				replace_one(other);
		}
		CU_ASSERT_FATAL(table_lookup_hint(&t, &f, objs[0][i].hash, &hint) == expected(i));
		trusted += hint.entry && *hint.slot == hint.entry;
		went += was && !in[i];
		came += !was && in[i];
	}
	CU_ASSERT(trusted > OPS / 100 && went > OPS / 1000 && came > OPS / 1000);
	remove_all();
	table_fini(&t);
}

/* Keyed: another key, other buckets. Every field of the flow counts, what IPv4 does not use doesn't. */
static void
test_hash(void)
{
	struct flow f, g;
	uint32_t i, h, same = 0, same_key = 0;
	struct table t2;

	setup(1000, UINT32_MAX);
	t2 = t;
	t2.key[rnd() % 3] ^= 1ull << (1 + rnd() % 63);
	for (i = 0; i < 10000; i++) {
		make_flow(&f, rnd() % UNIVERSE);
		h = table_hash(&t, &f);
		g = f;
		if (f.af == 4)
			memset((uint8_t *)&g.addr + 8, rnd(), 24);
		CU_ASSERT_EQUAL(table_hash(&t, &g), h);
		same_key += table_hash(&t2, &f) == h;
		switch (rnd() % 3) {
		case 0:
			g.lport ^= 1 << rnd() % 16;
			break;
		case 1:
			g.rport ^= 1 << rnd() % 16;
			break;
		default:
			((uint8_t *)&g.addr)[rnd() % (f.af == 4 ? 8 : 32)] ^= 1 << rnd() % 8;
		}
		same += table_hash(&t, &g) == h;
	}
	CU_ASSERT(same <= 2 && same_key <= 2); /* 10^4 pairs of 32-bit hashes: 2e-6 expected */
	table_fini(&t);
}

/* An IPv6 object whose bytes, ports and hash are those of an IPv4 flow is still another connection, and the other way
 * round. */
static void
test_family(void)
{
	struct flow f4, f6;
	struct tobj o;

	setup(16, UINT32_MAX);
	make_flow(&f4, 0);
	f6 = f4;
	f6.af = 6;
	make_obj(&o, &f6);
	CU_ASSERT_EQUAL(table_insert(&t, &o), 0);
	CU_ASSERT_PTR_EQUAL(table_lookup(&t, &f6, o.hash), &o);
	CU_ASSERT_PTR_NULL(table_lookup(&t, &f4, o.hash));
	table_remove(&t, &o);
	o.af = 4;
	CU_ASSERT_EQUAL(table_insert(&t, &o), 0);
	CU_ASSERT_PTR_EQUAL(table_lookup(&t, &f4, o.hash), &o);
	CU_ASSERT_PTR_NULL(table_lookup(&t, &f6, o.hash));
	table_fini(&t);
}

int
main(void)
{
	static CU_TestInfo tests[] = {
		{"test_room", test_room},
		{"test_random", test_random},
		{"test_chains", test_chains},
		{"test_walk", test_walk},
		{"test_peek", test_peek},
		{"test_hint", test_hint},
		{"test_family", test_family},
		{"test_hash", test_hash},
		CU_TEST_INFO_NULL,
	};

	return seeded_main("table", tests);
}
