/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Interfaces, their addresses, routes.
 *
 * An address belongs to its interface, in both directions (the strong model of RFC 1122 3.3.4.2): a packet for it is
 * taken from there only, and a connection of it leaves there, whatever the others have gateways for. So a connection
 * goes back the way its SYN came, and an active open from an address takes that address's interface; one that leaves
 * the choice to us takes the subnet that the peer is on, else the first gateway. A SYN, a stray segment or an echo
 * request from where no packet of ours could go back to is dropped (DropNoRoute): answered by turning its frame round
 * it would begin what can't go on.
 */
#include <errno.h>
#include <string.h>
#include "base/siphash.h"
#include "net/icmp.h"
#include "net/ifconf.h"

#define MIN_MTU4 68   /* RFC 791 3.2 */

static bool
all_zero(const uint8_t *p, unsigned int n)
{
	while (n && *p == 0)
		p++, n--;
	return n == 0;
}

static int
init_addr4(struct iface *ifc, const struct tern_if_conf *conf)
{
	const uint32_t first = rte_be_to_cpu_32(*(const unaligned_uint32_t *)conf->addr4);
	const uint32_t count = conf->addr4_count ? conf->addr4_count : 1;

	if (all_zero(conf->addr4, 4))
		return 0;
	if (ifc->mtu < MIN_MTU4)
		return -EINVAL;
	ifc->laddr4 = rte_cpu_to_be_32(first);
	ifc->first4 = first;
	ifc->count4 = count;
	ifc->mask4 = rte_cpu_to_be_32(UINT32_MAX << (32 - conf->prefix4));
	if (conf->prefix4 < 31)
		ifc->bcast4 = ifc->laddr4 | ~ifc->mask4;
	memcpy(&ifc->gw4, conf->gw4, 4);
	return 0;
}

static int
init_addr6(struct iface *ifc, const struct tern_if_conf *conf)
{
	const uint8_t *mac = ifc->mac.addr_bytes;

	if (all_zero(conf->addr6, 16))
		return 0;
	ifc->count6 = conf->addr6_count ? conf->addr6_count : 1;
	if (ifc->mtu < IPV6_MIN_MTU)
		return -EINVAL;
	ifc->has6 = true;
	ifc->prefix6 = conf->prefix6;
	memcpy(ifc->laddr6, conf->addr6, 16);
	memcpy(ifc->gw6, conf->gw6, 16);
	ifc->ll6[0] = 0xfe; /* RFC 4291 appendix A */
	ifc->ll6[1] = 0x80;
	memcpy(ifc->ll6 + 8, mac, 3);
	ifc->ll6[8] ^= 2;
	ifc->ll6[11] = 0xff;
	ifc->ll6[12] = 0xfe;
	memcpy(ifc->ll6 + 13, mac + 3, 3);
	return 0;
}

int
link_iface_init(struct iface *ifc, uint8_t idx, const struct tern_if_conf *conf, const struct rte_ether_addr *mac,
		uint16_t mtu)
{
	char why[256];
	int rc = ifconf_check(conf, 1, why, sizeof(why));

	if (rc)
		return rc;
	memset(ifc, 0, sizeof(*ifc));
	ifc->idx = idx;
	ifc->port_id = conf->port_id;
	ifc->mac = *mac;
	memcpy(&ifc->mac8, mac, sizeof(*mac));
	ifc->tx_segs = ifc->tso_segs = UINT8_MAX;
	ifc->mtu = mtu;
	ifc->n_aliases = conf->n_aliases;
	memcpy(ifc->alias, conf->alias, sizeof(ifc->alias));
	rc = init_addr4(ifc, conf);
	return rc ? rc : init_addr6(ifc, conf);
}

bool
link_is_local(const struct iface *ifc, uint8_t af, const void *addr)
{
	return af == 4 ? iface_has4(ifc, *(const unaligned_uint32_t *)addr) : iface_has6(ifc, addr);
}

bool
link_on_link(const struct iface *ifc, uint8_t af, const void *addr)
{
	const uint8_t *a = addr;

	if (af == 4 ? ifc->laddr4 && ((*(const unaligned_uint32_t *)addr ^ ifc->laddr4) & ifc->mask4) == 0
		    : ifc->has6 &&
			      ((a[0] == 0xfe && (a[1] & 0xc0) == 0x80) || same_prefix(a, ifc->laddr6, ifc->prefix6)))
		return true;
	return ifc->n_aliases && alias_on_link(ifc, af, addr);
}

/* The next hop to dst out of ifc. @return NULL: there is none. */
static const void *
next_hop(const struct iface *ifc, uint8_t af, const void *dst)
{
	if (link_on_link(ifc, af, dst))
		return dst;
	if (af == 4)
		return ifc->laddr4 && ifc->gw4 ? &ifc->gw4 : NULL;
	return ifc->has6 && !all_zero(ifc->gw6, 16) ? ifc->gw6 : NULL;
}

bool
link_has_route(const struct iface *ifc, uint8_t af, const void *addr)
{
	if (af == 4 && ifc->n_aliases && alias_broadcast(ifc, *(const unaligned_uint32_t *)addr))
		return false; /* a source that pkt_parse_plain() does not look for */
	return next_hop(ifc, af, addr) != NULL;
}

/* A subnet before any gateway. */
int
link_route(const struct link *k, uint8_t af, const void *dst, uint8_t via, uint8_t nexthop[16])
{
	const unsigned int from = via == IFACE_ANY ? 0 : via, to = via == IFACE_ANY ? k->n_ifs : via + 1u;
	const void *hop = NULL;
	unsigned int i, best = 0;

	for (i = from; i < to && hop != dst; i++) {
		const void *h = next_hop(&k->ifs[i], af, dst);

		if (h && (!hop || h == dst)) {
			hop = h;
			best = i;
		}
	}
	if (!hop)
		return -ENETUNREACH;
	memset(nexthop, 0, 16);
	memcpy(nexthop, hop, addr_len(af));
	return best;
}

uint32_t
link_ip_id(struct link *k, uint8_t af, const void *dst)
{
	const unsigned int n = af == 4 ? 1 : 2;
	uint64_t m[3] = {0}, h;

	memcpy(m, dst, addr_len(af));
	m[n] = UINT64_C(0xff) << 56 | af; /* no other message of this key ends so */
	h = siphash24(m, n + 1, k->secret);
	return k->ip_ids[h & 255]++ + (uint32_t)(h >> 32);
}

void
link_reply(struct link *k, uint8_t ifidx, struct rte_mbuf *m)
{
	struct iface *ifc = &k->ifs[ifidx];

	link_turn(ifc, m);
	link_transmit(k, ifc, m);
}
