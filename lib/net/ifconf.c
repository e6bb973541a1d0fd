/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What interfaces are told, checked before anything is made of it: what would be taken in silence and then not work is
 * one line that says what, where and what to do.
 *
 * An address is unicast, not the subnet's own or broadcast address, nor is any of a range of them, and the range stays
 * in its subnet. An interface's further addresses are of subnets of their own, or of the others', the prefix being the
 * same, or of no subnet (/32, /128). A gateway is another host of one of the subnets, or link-local for IPv6; behind a
 * /32 or /128 there is no subnet, so any host will do. Two interfaces have no address and no subnet in common: an
 * address belongs to its interface (net/link.c). There is one default gateway of a family: until there are routes, a
 * second one would never be chosen.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <rte_common.h>
#include "net/ifconf.h"

/* A range of addresses and its subnet, of either family: 16 bytes, IPv4 in the first four. */
struct range {
	uint8_t addr[16], last[16];
	uint8_t af, bytes, prefix;
	uint32_t count;
	unsigned int ifc;
};

/* Of one family: the ranges of all interfaces. */
struct family {
	struct range r[TERN_IF_MAX * (1 + TERN_ALIAS_MAX)];
	unsigned int n;
};

struct text {
	char *p;
	size_t size;
};

static int __attribute__((format(printf, 2, 3)))
say(struct text t, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(t.p, t.size, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

/* Four are kept, for one line. */
static const char *
name(const struct range *r, const uint8_t *addr)
{
	static char s[4][INET6_ADDRSTRLEN];
	static unsigned int i;

	return inet_ntop(r->af == TERN_AF_INET ? AF_INET : AF_INET6, addr, s[++i & 3], sizeof(s[0]));
}

static bool
all(const uint8_t *p, unsigned int n, uint8_t v)
{
	while (n && *p == v)
		p++, n--;
	return n == 0;
}

/* Are the bits of a and b from bit `from` to bit `to` the same? */
static bool
same_bits(const uint8_t *a, const uint8_t *b, unsigned int from, unsigned int to)
{
	unsigned int i;

	for (i = from; i < to; i++)
		if (((a[i / 8] ^ b[i / 8]) >> (7 - i % 8)) & 1)
			return false;
	return true;
}

static bool
in_subnet(const struct range *r, const uint8_t *a)
{
	return same_bits(a, r->addr, 0, r->prefix);
}

/* The IPv4 subnet's all-zero or all-one address (RFC 1122 3.3.6); a /31 has none (RFC 3021). */
static bool
is_broadcast(const struct range *r, const uint8_t *a)
{
	static const uint8_t zeros[16], ones[16] = {255, 255, 255, 255};

	return r->af == TERN_AF_INET && r->prefix < 31 && in_subnet(r, a) &&
	       (same_bits(a, zeros, r->prefix, 32) || same_bits(a, ones, r->prefix, 32));
}

/* What a cannot be for a host, or NULL. */
static const char *
not_a_host(const struct range *r, const uint8_t *a)
{
	if (r->af == TERN_AF_INET)
		return a[0] == 0 ? "of 0/8" : a[0] == 127 ? "loopback" : a[0] >= 240 ? "reserved or broadcast" :
		       a[0] >= 224 ? "multicast" : NULL;
	return a[0] == 0xff ? "multicast" : all(a, 15, 0) ? "unspecified or loopback" :
	       all(a, 10, 0) && a[10] == 0xff && a[11] == 0xff ? "IPv4-mapped" : NULL;
}

static void
range_of(struct range *r, unsigned int ifc, uint8_t af, const uint8_t *addr, uint8_t prefix, uint32_t count)
{
	uint32_t lo;

	memset(r, 0, sizeof(*r));
	r->ifc = ifc;
	r->af = af;
	r->bytes = af == TERN_AF_INET ? 4 : 16;
	memcpy(r->addr, addr, r->bytes);
	r->prefix = prefix;
	r->count = RTE_MAX(count, 1u);
	memcpy(r->last, r->addr, 16);
	memcpy(&lo, r->addr + r->bytes - 4, 4);
	lo = htonl(ntohl(lo) + r->count - 1);
	memcpy(r->last + r->bytes - 4, &lo, 4);
}

static bool
in_range(const struct range *r, const uint8_t *a)
{
	return memcmp(a, r->addr, r->bytes) >= 0 && memcmp(a, r->last, r->bytes) <= 0;
}

/* r is a host without a subnet. */
static bool
is_host(const struct range *r)
{
	return r->prefix == r->bytes * 8;
}

/* gw against the n ranges of its interface. */
static int
check_gateway(const struct range *r, unsigned int n, const uint8_t *gateway, struct text t)
{
	const char *gw = name(r, gateway);
	const bool ll = r->af == TERN_AF_INET6 && gateway[0] == 0xfe && (gateway[1] & 0xc0) == 0x80;
	bool reached = ll;
	unsigned int k;

	if (not_a_host(r, gateway))
		return say(t, "interface %u: gateway %s is %s: give the router's own address", r->ifc, gw,
			   not_a_host(r, gateway));
	for (k = 0; k < n; k++) {
		if (in_range(&r[k], gateway))
			return say(t, "interface %u: gateway %s is the interface's own address: give the router's",
				   r->ifc, gw);
		if (is_broadcast(&r[k], gateway))
			return say(
				t,
				"interface %u: gateway %s is the network's or the broadcast address of %s/%u: give the "
				"router's",
				r->ifc, gw, name(r, r[k].addr), r[k].prefix);
		reached |= in_subnet(&r[k], gateway);
	}
	for (k = 0; k < n && is_host(&r[k]); k++)
		;
	if (!reached && k < n)
		return say(t, "interface %u: gateway %s is not in %s/%u%s: give a router of this subnet", r->ifc, gw,
			   name(r, r[k].addr), r[k].prefix, n > 1 ? ", nor in another of its subnets" : "");
	return 0;
}

static int
check_range(const struct range *r, struct text t)
{
	const char *what = not_a_host(r, r->addr);

	if (r->prefix == 0 || r->prefix > r->bytes * 8)
		return say(t, "interface %u: prefix length %u of %s: 1..%u are possible", r->ifc, r->prefix,
			   name(r, r->addr), r->bytes * 8);
	if (what)
		return say(t, "interface %u: %s is %s: give a host's address", r->ifc, name(r, r->addr), what);
	if (memcmp(r->last, r->addr, r->bytes) < 0 || !in_subnet(r, r->last))
		return say(t,
			   "interface %u: %u addresses from %s leave its /%u: begin lower, give fewer, or a shorter "
			   "prefix",
			   r->ifc, r->count, name(r, r->addr), r->prefix);
	if (is_broadcast(r, r->addr))
		return say(t, "interface %u: %s is the network's or the broadcast address of its /%u: give a host's",
			   r->ifc, name(r, r->addr), r->prefix);
	if (is_broadcast(r, r->last))
		return say(t,
			   "interface %u: %u addresses from %s reach the broadcast address %s of its /%u: give fewer",
			   r->ifc, r->count, name(r, r->addr), name(r, r->last), r->prefix);
	return 0;
}

/* a of the same interface as b, or of one before it. */
static int
check_pair(const struct range *a, const struct range *b, struct text t)
{
	const uint8_t prefix = RTE_MIN(a->prefix, b->prefix);
	const bool both = in_range(a, b->addr) || in_range(b, a->addr);
	const char *shared = name(a, in_range(a, b->addr) ? b->addr : a->addr);

	if (both && a->ifc == b->ifc)
		return say(t, "interface %u has the address %s twice: give it once", b->ifc, shared);
	if (both)
		return say(t, "interfaces %u and %u both have the address %s: an address belongs to one interface",
			   a->ifc, b->ifc, shared);
	if (!same_bits(a->addr, b->addr, 0, prefix))
		return 0;
	if (a->ifc != b->ifc)
		return say(t, "interfaces %u and %u are both in one subnet, %s/%u and %s/%u: give each its own", a->ifc,
			   b->ifc, name(a, a->addr), a->prefix, name(b, b->addr), b->prefix);
	if (a->prefix != b->prefix && !is_host(a) && !is_host(b))
		return say(t, "interface %u: %s/%u and %s/%u: one subnet lies in the other: give both the same prefix",
			   b->ifc, name(a, a->addr), a->prefix, name(b, b->addr), b->prefix);
	return 0;
}

static int
add_range(struct family *f, const struct range *r, struct text t)
{
	unsigned int k;
	int rc = check_range(r, t);

	for (k = 0; !rc && k < f->n; k++)
		rc = check_pair(&f->r[k], r, t);
	f->r[f->n++] = *r;
	return rc;
}

/* Interface i's ranges of the family into f. */
static int
add_ranges(struct family *f, const struct tern_if_conf *c, unsigned int i, uint8_t af, struct text t)
{
	const bool v4 = af == TERN_AF_INET;
	const struct tern_alias *a;
	struct range r;
	unsigned int k;
	bool first;
	int rc = 0;

	range_of(&r, i, af, v4 ? c->addr4 : c->addr6, v4 ? c->prefix4 : c->prefix6,
		 v4 ? c->addr4_count : c->addr6_count);
	first = !all(r.addr, r.bytes, 0);
	if (first)
		rc = add_range(f, &r, t);
	for (k = 0; !rc && k < c->n_aliases; k++) {
		a = &c->alias[k];
		if (a->af != af)
			continue;
		range_of(&r, i, af, a->addr, a->prefix, a->count);
		if (!first)
			return say(t, "interface %u: a further address, %s, but no first IPv%u address: give addr%u", i,
				   name(&r, r.addr), af, af);
		rc = add_range(f, &r, t);
	}
	return rc;
}

static int
check_family(const struct tern_if_conf *ifs, unsigned int n, uint8_t af, struct text t)
{
	const struct range none = {.af = af, .bytes = af == TERN_AF_INET ? 4 : 16};
	const uint8_t *gw, *other = NULL;
	struct family f = {.n = 0};
	unsigned int i, k = 0, before;
	int rc = 0;

	for (i = 0; !rc && i < n; i++) {
		before = f.n;
		rc = add_ranges(&f, &ifs[i], i, af, t);
		gw = af == TERN_AF_INET ? ifs[i].gw4 : ifs[i].gw6;
		if (rc || all(gw, none.bytes, 0))
			continue;
		if (f.n == before)
			return say(t, "interface %u: a gateway, %s, but no IPv%u address: give one", i, name(&none, gw),
				   af);
		rc = check_gateway(&f.r[before], f.n - before, gw, t);
		if (!rc && other)
			return say(t, "interfaces %u and %u both have a default gateway, %s and %s: give one of them",
				   k, i, name(&none, other), name(&none, gw));
		other = gw;
		k = i;
	}
	return rc;
}

int
ifconf_check(const struct tern_if_conf *ifs, unsigned int n, char *why, size_t size)
{
	const struct text t = {why, size};
	unsigned int i, k;
	int rc;

	for (i = 0; i < n; i++) {
		if (ifs[i].n_aliases > TERN_ALIAS_MAX)
			return say(t, "interface %u: %u further addresses, %u are possible", i, ifs[i].n_aliases,
				   TERN_ALIAS_MAX);
		for (k = 0; k < ifs[i].n_aliases; k++)
			if (ifs[i].alias[k].af != TERN_AF_INET && ifs[i].alias[k].af != TERN_AF_INET6)
				return say(
					t,
					"interface %u: further address %u is of no family: give TERN_AF_INET or _INET6",
					i, k);
	}
	rc = check_family(ifs, n, TERN_AF_INET, t);
	return rc ? rc : check_family(ifs, n, TERN_AF_INET6, t);
}
