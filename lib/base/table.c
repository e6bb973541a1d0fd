/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Buckets of one cache line: seven tagged pointers and the number of a spare bucket that continues the line, 0 for
 * none. The tag is the upper 16 bits of the hash, kept in the bits of a pointer that user space leaves free (47-bit
 * addresses), so a look-up that misses touches one line and no object. Its lowest bit is always set: a free slot
 * matches no tag. There are as many buckets that the mean load is at most 4 of 7 at the limit, and one spare for every
 * eight and SPARE_MORE more: with a keyed hash a full line is rare (Poisson, about 5%) and cannot be provoked, but in
 * a small table their number varies, by 32 at a time as neighbouring ports fill a group of buckets alike (20,000
 * fillings to the limit, 1,024 to 8,192 buckets: up to 56 more than an eighth). No spare left: -ENOSPC, which the
 * caller counts. Removal moves nothing and leaves no tombstone; an empty spare goes back.
 */
#include <errno.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif
#include <rte_branch_prediction.h>
#include "base/pool.h"
#include "base/table.h"

#define SPARE_MORE 256u
#define SLOTS 7

int
table_init(struct table *t, uint32_t max, const uint8_t key[32], int node)
{
	const uint32_t n = RTE_MAX(rte_align32pow2(max / 4 + 1), 16u);
	uint32_t i;

	memset(t, 0, sizeof(*t));
	t->n_spare = n / 8 + SPARE_MORE;
	t->bytes = ((size_t)n + t->n_spare) * sizeof(struct bucket);
	t->buckets = node_alloc(t->bytes, node);
	if (!t->buckets)
		return -ENOMEM;
	t->mask = n - 1;
	t->node = node;
	memcpy(t->key, key, sizeof(t->key));
	for (i = 0; i < 4; i++)
		t->key[i] |= 1;
	t->spare_fresh = n;
	return 0;
}

void
table_fini(struct table *t)
{
	if (t->buckets)
		node_free(t->buckets, t->bytes);
	memset(t, 0, sizeof(*t));
}

static uint32_t
tag(uint32_t hash)
{
	return hash >> 16 | 1;
}

static uint64_t
entry(const struct tobj *o)
{
	return (uint64_t)tag(o->hash) << TABLE_TAG_SHIFT | (uintptr_t)o;
}

/* A bit for each slot that has the tag. */
static inline unsigned int
matches(const struct bucket *b, uint32_t tag)
{
#ifdef __SSE2__
	const __m128i *s = (const __m128i *)b->slot, want = _mm_set1_epi32(tag);
	/* the upper halves of two slots each; the last one's are of slot 6 and of pad, which is 0 and so has no tag */
	const __m128 lo = _mm_shuffle_ps(_mm_castsi128_ps(s[0]), _mm_castsi128_ps(s[1]), _MM_SHUFFLE(3, 1, 3, 1));
	const __m128 hi = _mm_shuffle_ps(_mm_castsi128_ps(s[2]), _mm_castsi128_ps(s[3]), _MM_SHUFFLE(3, 1, 3, 1));
	const __m128i a = _mm_cmpeq_epi32(_mm_srli_epi32(_mm_castps_si128(lo), 16), want);
	const __m128i c = _mm_cmpeq_epi32(_mm_srli_epi32(_mm_castps_si128(hi), 16), want);

	return _mm_movemask_ps(_mm_castsi128_ps(a)) | _mm_movemask_ps(_mm_castsi128_ps(c)) << 4;
#else
	unsigned int i, mask = 0;

	for (i = 0; i < SLOTS; i++)
		mask |= (b->slot[i] >> TABLE_TAG_SHIFT == tag) << i;
	return mask;
#endif
}

struct tobj *
table_peek(const struct table *t, uint32_t hash, struct table_hint *hint)
{
	const struct bucket *b = &t->buckets[hash & t->mask];
	const unsigned int mask = matches(b, tag(hash));

	hint->entry = 0;
	if (!mask)
		return NULL;
	hint->slot = &b->slot[__builtin_ctz(mask)];
	hint->entry = *hint->slot;
	return table_object(hint->entry);
}

struct tobj *
table_lookup(const struct table *t, const struct flow *f, uint32_t hash)
{
	const struct bucket *b = &t->buckets[hash & t->mask];
	unsigned int mask;

	for (;;) {
		for (mask = matches(b, tag(hash)); mask; mask &= mask - 1) {
			struct tobj *o = table_object(b->slot[__builtin_ctz(mask)]);

			if (likely(flow_match(o, f)))
				return o;
		}
		if (likely(!b->spare))
			return NULL;
		b = &t->buckets[b->spare];
	}
}

static uint32_t
spare_get(struct table *t)
{
	uint32_t i = t->spare_free;

	if (i) {
		t->spare_free = t->buckets[i].spare;
		t->buckets[i].spare = 0;
		return i;
	}
	return t->spare_fresh < t->mask + 1 + t->n_spare ? t->spare_fresh++ : 0;
}

int
table_insert(struct table *t, struct tobj *o)
{
	struct bucket *b = &t->buckets[o->hash & t->mask];
	unsigned int i;

	for (;;) {
		for (i = 0; i < SLOTS; i++)
			if (!b->slot[i]) {
				b->slot[i] = entry(o);
				t->count++;
				return 0;
			}
		if (!b->spare) {
			b->spare = spare_get(t);
			if (!b->spare)
				return -ENOSPC;
		}
		b = &t->buckets[b->spare];
	}
}

static bool
empty(const struct bucket *b)
{
	unsigned int i;

	for (i = 0; i < SLOTS; i++)
		if (b->slot[i])
			return false;
	return true;
}

void
table_remove(struct table *t, struct tobj *o)
{
	struct bucket *b = &t->buckets[o->hash & t->mask], *prev = NULL;
	const uint64_t e = entry(o);
	uint32_t self = 0;
	unsigned int i;

	for (;;) {
		for (i = 0; i < SLOTS && b->slot[i] != e; i++)
			;
		if (i < SLOTS)
			break;
		if (!b->spare)
			return;
		prev = b;
		self = b->spare;
		b = &t->buckets[self];
	}
	b->slot[i] = 0;
	t->count--;
	if (prev && empty(b)) {
		prev->spare = b->spare;
		b->spare = t->spare_free;
		t->spare_free = self;
	}
}

void
table_replace(struct table *t, struct tobj *old, struct tobj *new_)
{
	struct bucket *b = &t->buckets[old->hash & t->mask];
	const uint64_t e = entry(old);
	unsigned int i;

	for (;; b = &t->buckets[b->spare])
		for (i = 0; i < SLOTS; i++)
			if (b->slot[i] == e) {
				b->slot[i] = entry(new_);
				return;
			}
}

bool
table_walk_some(struct table *t, uint32_t *at, uint32_t n, void (*fn)(struct tobj *, void *), void *arg)
{
	const uint32_t end = RTE_MIN((uint64_t)*at + n, (uint64_t)t->spare_fresh);
	unsigned int k;

	for (; *at < end; ++*at)
		for (k = 0; k < SLOTS; k++)
			if (t->buckets[*at].slot[k])
				fn(table_object(t->buckets[*at].slot[k]), arg);
	return *at < t->spare_fresh;
}

void
table_walk(struct table *t, void (*fn)(struct tobj *, void *), void *arg)
{
	uint32_t at = 0;

	table_walk_some(t, &at, UINT32_MAX, fn, arg);
}
