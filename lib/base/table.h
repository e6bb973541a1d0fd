/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The per-worker connection table. Three kinds of object (half-open request, connection, TIME-WAIT) start with the
 * same struct tobj and live in one table; the first cache line of an object is all that a look-up and the first
 * steps of input need for IPv4. Unshared: no lock, no atomic. Buckets are one cache line: seven slots of a pointer
 * with a 16-bit tag in its upper bits, and a link to a spare bucket. Row 2.
 */
#ifndef TABLE_H
#define TABLE_H
#include <stdint.h>
#include <stddef.h>
#include <stdbool.h>
#include <string.h>
#include <rte_byteorder.h>
#include <rte_common.h>
#include <rte_branch_prediction.h>
#include <rte_prefetch.h>
#include "tern.h"
#include "base/addr.h"
#include "base/usual.h"
#include "base/wheel.h"

enum {
	TOBJ_REQ = 1,
	TOBJ_CONN,
	TOBJ_TW,
	TOBJ_NEIGH,
	TOBJ_TIMER /* struct neigh, struct tern_timer: on the wheel, not in the table */
};

union flow_addr {
	struct {
		uint32_t laddr4, raddr4; /* network order */
	};
	struct {
		uint8_t laddr6[16], raddr6[16];
	};
};
/** Both addresses of an IPv4 flow are a quarter of what *to has room for: the rest of it stays as it is. */
static inline void
flow_addr_copy(union flow_addr *to, const union flow_addr *from, uint8_t af)
{
	if (af == 4)
		to->laddr4 = from->laddr4, to->raddr4 = from->raddr4;
	else
		*to = *from;
}

/** Four-tuple; unused bytes of addr need not be set for IPv4. */
struct flow {
	union flow_addr addr;
	uint16_t lport, rport; /* network order */
	uint8_t af;	       /* 4 or 6 */
};

/* Every table object starts with TOBJ_HEAD (44 bytes), three words of its kind's own, then `addr`, of which IPv4 uses 8
 * bytes and IPv6 32. */
#define TOBJ_HEAD                                                                                                      \
	struct wheel_node timer; /* 24 bytes */                                                                        \
	uint32_t hash;                                                                                                 \
	uint16_t lport, rport; /* network order */                                                                     \
	uint8_t kind;	       /* TOBJ_* */                                                                            \
	uint8_t af;                                                                                                    \
	uint8_t state; /* enum tern_state */                                                                           \
	uint8_t ifidx;                                                                                                 \
	uint32_t rcv_nxt;                                                                                              \
	uint32_t snd_nxt;
#define TOBJ_FIELDS TOBJ_HEAD uint32_t kind_data[3]; union flow_addr addr;

struct tobj {
	TOBJ_FIELDS
};
/** Whose it is: ours, the peer's. Both ends are zero but for that. */
static inline void
tobj_ends(const struct tobj *o, struct tern_endpoint *local, struct tern_endpoint *remote)
{
	const bool v4 = o->af == 4;

	local->af = remote->af = o->af;
	local->port = o->lport;
	remote->port = o->rport;
	memcpy(local->addr, v4 ? (const void *)&o->addr.laddr4 : o->addr.laddr6, addr_len(o->af));
	memcpy(remote->addr, v4 ? (const void *)&o->addr.raddr4 : o->addr.raddr6, addr_len(o->af));
}
_Static_assert(offsetof(struct tobj, addr) == 56, "IPv4 key must end with the first cache line");

/** Where a look-up ahead saw an object: its slot, and what the slot held; 0: none. */
struct table_hint {
	const uint64_t *slot;
	uint64_t entry;
};

struct bucket;
struct table {
	struct bucket *buckets; /* mask + 1, then the spares */
	uint32_t mask;
	uint32_t spare_free;  /* list of spare buckets given back, by index; 0: none */
	uint32_t spare_fresh; /* first spare never used */
	uint32_t n_spare;
	uint32_t count;
	uint64_t key[4]; /* random: makes the hash unpredictable from outside */
	size_t bytes;
	int node;
};

/** Room for `max` objects at a mean load of about half. key: 32 random bytes. @return 0 or -ENOMEM. */
int table_init(struct table *t, uint32_t max, const uint8_t key[32], int node);
void table_fini(struct table *t);

#define TABLE_GROUP 32u /* buckets, 2 KB: half a small page */

static inline uint64_t
table_mum(uint64_t a, uint64_t b)
{
	const unsigned __int128 p = (unsigned __int128)a * b;

	return (uint64_t)p ^ (uint64_t)(p >> 64);
}

/**
 * Keyed hash of a four-tuple (folded multiply; not linear, unlike CRC or Toeplitz, so collisions can't be built). But
 * for its last bits the higher, so usually ephemeral, port is hashed with the rest; those choose one of 32 buckets
 * side by side: connections that are opened one after the other share pages, and no two of such a group a bucket.
 */
static inline uint32_t
table_hash(const struct table *t, const struct flow *f)
{
	const uint32_t l = rte_be_to_cpu_16(f->lport), r = rte_be_to_cpu_16(f->rport);
	const uint32_t last = (l > r ? l : r) & (TABLE_GROUP - 1);
	const uint64_t ports = (l << 16 | r) ^ (l > r ? last << 16 : last);
	uint64_t a[4], h;

	if (f->af == 4) {
		h = table_mum(((uint64_t)f->addr.laddr4 << 32 | f->addr.raddr4) ^ t->key[0], ports ^ t->key[1]);
	} else {
		memcpy(a, &f->addr, sizeof(a));
		h = table_mum(a[0] ^ t->key[0], a[1] ^ t->key[1]);
		h = table_mum(a[2] ^ h, a[3] ^ t->key[2]);
		h = table_mum(ports ^ h, t->key[3]);
	}
	return (uint32_t)(table_mum(h, t->key[2]) >> 16) ^ last;
}

struct bucket {
	uint64_t slot[7]; /* tag << 48 | pointer, 0: free */
	uint32_t spare;	  /* index of the next bucket of this chain, 0: none */
	uint32_t pad;
} __attribute__((aligned(64)));
_Static_assert(sizeof(struct bucket) == 64, "a bucket is one cache line");

#define TABLE_TAG_SHIFT 48 /* user-space pointers have 47 bits */

static inline struct tobj *
table_object(uint64_t entry)
{
	return (struct tobj *)(uintptr_t)(entry & ((1ull << TABLE_TAG_SHIFT) - 1));
}

static inline void
table_prefetch_bucket(const struct table *t, uint32_t hash)
{
	if (usual(true))
		rte_prefetch0(&t->buckets[hash & t->mask]);
}
/** First object of the hash's first line whose tag matches, not looked at; NULL: absent or in a spare. */
struct tobj *table_peek(const struct table *t, uint32_t hash, struct table_hint *hint);
/** The object of flow f, compared in full, or NULL. */
struct tobj *table_lookup(const struct table *t, const struct flow *f, uint32_t hash);
/** Insert o by o->hash; the caller made sure it's not there. @return 0 or -ENOSPC. */
int table_insert(struct table *t, struct tobj *o);
/** Remove o (must be present). */
void table_remove(struct table *t, struct tobj *o);
/** Put new in old's slot (same flow, same hash). */
void table_replace(struct table *t, struct tobj *old, struct tobj *new_);
/** Call fn for every object; fn may remove the object it is given. For shutdown and reports, not the packet path. */
void table_walk(struct table *t, void (*fn)(struct tobj *, void *), void *arg);
/** The same of n buckets from *at on, which moves. An object keeps its place until it is removed, and who replaces it
 *  has it then: a walk in parts meets once what is there all the time. @return false: there are no more. */
bool table_walk_some(struct table *t, uint32_t *at, uint32_t n, void (*fn)(struct tobj *, void *), void *arg);

static inline bool
flow_match(const struct tobj *o, const struct flow *f)
{
	if (memcmp(&o->lport, &f->lport, 4) || o->af != f->af)
		return false;
	return f->af == 4 ? memcmp(&o->addr, &f->addr, 8) == 0 : memcmp(&o->addr, &f->addr, 32) == 0;
}

/** table_lookup() after a table_peek() of the same hash, whatever happened to the table since. */
static inline struct tobj *
table_lookup_hint(const struct table *t, const struct flow *f, uint32_t hash, const struct table_hint *hint)
{
	struct tobj *o = table_object(hint->entry);

	if (usual(o && *hint->slot == hint->entry && flow_match(o, f))) /* still there, or another one of the same
									 * flow */
		return o;
	return table_lookup(t, f, hash);
}
#endif
