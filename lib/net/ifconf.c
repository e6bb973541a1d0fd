/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What interfaces are told, checked before anything is made of it: what would be taken in silence and then not work is one
 * line that says what, where and what to do.
 *
 * An address is unicast, not the subnet's own or broadcast address, nor is any of a range of them, and the range stays in its
 * subnet. A gateway is another host of the subnet, or link-local for IPv6; behind a /32 or /128 there is no subnet, so any
 * host will do. Two interfaces have no address and no subnet in common: an address belongs to its interface
 * (net/link.c). There is one default gateway of a family: until there are routes, a second one would never be chosen.
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
	uint8_t addr[16], last[16], gw[16];
	uint8_t af, bytes, prefix;
	uint32_t count;
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
range_of(struct range *r, const struct tern_if_conf *c, uint8_t af)
{
	uint32_t lo;

	memset(r, 0, sizeof(*r));
	r->af = af;
	r->bytes = af == TERN_AF_INET ? 4 : 16;
	memcpy(r->addr, af == TERN_AF_INET ? c->addr4 : c->addr6, r->bytes);
	memcpy(r->gw, af == TERN_AF_INET ? c->gw4 : c->gw6, r->bytes);
	r->prefix = af == TERN_AF_INET ? c->prefix4 : c->prefix6;
	r->count = RTE_MAX(af == TERN_AF_INET ? c->addr4_count : c->addr6_count, 1u);
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

static int
check_gateway(const struct range *r, unsigned int i, struct text t)
{
	const char *gw = name(r, r->gw);

	if (not_a_host(r, r->gw))
		return say(t, "interface %u: gateway %s is %s: give the router's own address", i, gw, not_a_host(r, r->gw));
	if (in_range(r, r->gw))
		return say(t, "interface %u: gateway %s is the interface's own address: give the router's", i, gw);
	if (is_broadcast(r, r->gw))
		return say(t, "interface %u: gateway %s is the network's or the broadcast address of %s/%u: give the router's", i,
			   gw, name(r, r->addr), r->prefix);
	if (r->prefix < r->bytes * 8 && !in_subnet(r, r->gw) &&
	    !(r->af == TERN_AF_INET6 && r->gw[0] == 0xfe && (r->gw[1] & 0xc0) == 0x80))
		return say(t, "interface %u: gateway %s is not in %s/%u: give a router of this subnet", i, gw, name(r, r->addr),
			   r->prefix);
	return 0;
}

static int
check_range(const struct range *r, unsigned int i, struct text t)
{
	const char *what = not_a_host(r, r->addr), *v = r->af == TERN_AF_INET ? "4" : "6";
	const bool has_gw = !all(r->gw, r->bytes, 0);

	if (all(r->addr, r->bytes, 0))
		return has_gw ? say(t, "interface %u: a gateway, %s, but no IPv%s address: give one", i, name(r, r->gw), v) : 0;
	if (r->prefix == 0 || r->prefix > r->bytes * 8)
		return say(t, "interface %u: prefix length %u of %s: 1..%u are possible", i, r->prefix, name(r, r->addr),
			   r->bytes * 8);
	if (what)
		return say(t, "interface %u: %s is %s: give a host's address", i, name(r, r->addr), what);
	if (memcmp(r->last, r->addr, r->bytes) < 0 || !in_subnet(r, r->last))
		return say(t, "interface %u: %u addresses from %s leave its /%u: begin lower, give fewer, or a shorter prefix", i,
			   r->count, name(r, r->addr), r->prefix);
	if (is_broadcast(r, r->addr))
		return say(t, "interface %u: %s is the network's or the broadcast address of its /%u: give a host's", i,
			   name(r, r->addr), r->prefix);
	if (is_broadcast(r, r->last))
		return say(t, "interface %u: %u addresses from %s reach the broadcast address %s of its /%u: give fewer", i,
			   r->count, name(r, r->addr), name(r, r->last), r->prefix);
	return has_gw ? check_gateway(r, i, t) : 0;
}

/* Interface k and i, k before i. */
static int
check_pair(const struct range *a, unsigned int k, const struct range *b, unsigned int i, struct text t)
{
	const uint8_t prefix = RTE_MIN(a->prefix, b->prefix);

	if (!all(a->gw, a->bytes, 0) && !all(b->gw, b->bytes, 0))
		return say(t, "interfaces %u and %u both have a default gateway, %s and %s: give one of them", k, i,
			   name(a, a->gw), name(b, b->gw));
	if (all(a->addr, a->bytes, 0) || all(b->addr, b->bytes, 0))
		return 0;
	if (in_range(a, b->addr) || in_range(b, a->addr))
		return say(t, "interfaces %u and %u both have the address %s: an address belongs to one interface", k, i,
			   name(a, in_range(a, b->addr) ? b->addr : a->addr));
	if (same_bits(a->addr, b->addr, 0, prefix))
		return say(t, "interfaces %u and %u are both in one subnet, %s/%u and %s/%u: give each its own", k, i,
			   name(a, a->addr), a->prefix, name(b, b->addr), b->prefix);
	return 0;
}

int
ifconf_check(const struct tern_if_conf *ifs, unsigned int n, char *why, size_t size)
{
	const struct text t = {why, size};
	struct range a, b;
	unsigned int i, k;
	uint8_t af;
	int rc = 0;

	for (i = 0; i < n; i++) {
		for (af = TERN_AF_INET; !rc && af <= TERN_AF_INET6; af += TERN_AF_INET6 - TERN_AF_INET) {
			range_of(&b, &ifs[i], af);
			rc = check_range(&b, i, t);
			for (k = 0; !rc && k < i; k++) {
				range_of(&a, &ifs[k], af);
				rc = check_pair(&a, k, &b, i, t);
			}
		}
	}
	return rc;
}
