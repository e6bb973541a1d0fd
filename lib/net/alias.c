/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An interface's addresses beyond the first range of a family, and which of all are the source of an active open. Away
 * from the usual interface's path: with one range none of this is called but the two functions at the end, once for
 * each open.
 */
#include "net/link.h"

/* Of range i: 0 is the first one of the family, i its alias i - 1, of either family. */
struct range {
	const uint8_t *addr;
	uint32_t count;
	uint8_t prefix;
};

static bool
range_has(const struct range *r, uint8_t af, const void *addr)
{
	const unsigned int at = af == 4 ? 0 : 12;
	rte_be32_t a, first;

	if (memcmp(addr, r->addr, at) != 0)
		return false;
	memcpy(&a, (const uint8_t *)addr + at, 4);
	memcpy(&first, r->addr + at, 4);
	return rte_be_to_cpu_32(a) - rte_be_to_cpu_32(first) < r->count;
}

/* Range i of the family. @return false: it is of the other. */
static bool
range_at(const struct iface *ifc, uint8_t af, unsigned int i, struct range *r)
{
	if (i > 0) {
		const struct tern_alias *a = &ifc->alias[i - 1];

		*r = (struct range){a->addr, RTE_MAX(a->count, 1u), a->prefix};
		return a->af == af;
	}
	if (af == 4)
		*r = (struct range){(const uint8_t *)&ifc->laddr4, ifc->count4, __builtin_popcount(ifc->mask4)};
	else
		*r = (struct range){ifc->laddr6, ifc->count6, ifc->prefix6};
	return true;
}

bool
alias_has(const struct iface *ifc, uint8_t af, const void *addr)
{
	struct range r;
	unsigned int i;

	for (i = 1; i <= ifc->n_aliases; i++)
		if (range_at(ifc, af, i, &r) && range_has(&r, af, addr))
			return true;
	return false;
}

bool
alias_on_link(const struct iface *ifc, uint8_t af, const void *addr)
{
	unsigned int i;

	for (i = 0; i < ifc->n_aliases; i++)
		if (ifc->alias[i].af == af && same_prefix(addr, ifc->alias[i].addr, ifc->alias[i].prefix))
			return true;
	return false;
}

bool
alias_broadcast(const struct iface *ifc, uint32_t addr)
{
	const uint32_t a = rte_be_to_cpu_32(addr);
	unsigned int i;

	for (i = 0; i < ifc->n_aliases; i++) {
		const struct tern_alias *r = &ifc->alias[i];
		const uint32_t host = r->prefix < 31 ? UINT32_MAX >> r->prefix : 0; /* RFC 3021: a /31 has none */

		if (r->af == 4 && host && (a & host) == host && same_prefix((const uint8_t *)&addr, r->addr, r->prefix))
			return true;
	}
	return false;
}

/* --- whose the source is -------------------------------------------------------------------------------------- */

/* Address i of those in hop's subnet. *n: how many there are, when i is beyond. @return false: it is. */
static bool
fitting(const struct iface *ifc, uint8_t af, const void *hop, uint32_t i, struct range *r, uint32_t *n)
{
	unsigned int k;

	*n = 0;
	for (k = 0; k <= ifc->n_aliases; k++) {
		if (!range_at(ifc, af, k, r) || !same_prefix(hop, r->addr, r->prefix))
			continue;
		if (i - *n < r->count)
			return true;
		*n += r->count;
	}
	return false;
}

uint32_t
link_local_count(const struct iface *ifc, uint8_t af, const void *hop)
{
	struct range r;
	uint32_t n;

	if (usual(!ifc->n_aliases))
		return af == 4 ? ifc->count4 : ifc->count6;
	fitting(ifc, af, hop, UINT32_MAX, &r, &n);
	range_at(ifc, af, 0, &r);
	return n ? n : r.count;
}

void
link_local_addr(const struct iface *ifc, uint8_t af, const void *hop, uint32_t i, uint8_t out[16])
{
	const unsigned int at = af == 4 ? 0 : 12;
	struct range r;
	uint32_t a, before = 0;

	if (usual(!ifc->n_aliases) || !fitting(ifc, af, hop, i, &r, &before)) {
		range_at(ifc, af, 0, &r);
		before = 0;
	}
	memset(out, 0, 16);
	memcpy(out, r.addr, at);
	memcpy(&a, r.addr + at, 4);
	a = rte_cpu_to_be_32(rte_be_to_cpu_32(a) + i - before);
	memcpy(out + at, &a, 4);
}

bool
link_local_fits(const struct iface *ifc, uint8_t af, const void *hop, const void *addr)
{
	bool any = false;
	struct range r;
	unsigned int i;

	for (i = 0; i <= ifc->n_aliases; i++) {
		if (!range_at(ifc, af, i, &r) || !same_prefix(hop, r.addr, r.prefix))
			continue;
		any = true;
		if (range_has(&r, af, addr))
			return true;
	}
	range_at(ifc, af, 0, &r);
	return !any && range_has(&r, af, addr);
}
