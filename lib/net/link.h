/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Below TCP: interfaces with their addresses, routes, neighbour cache (ARP, NDP), L2/L3 headers of outgoing packets,
 * checksums, ICMP echo. Row 3: no ethdev, no clock; each worker has its own copy of all of it, struct link, around
 * struct core.
 */
#ifndef LINK_H
#define LINK_H
#include <stdint.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <rte_byteorder.h>
#include <rte_mbuf.h>
#include <rte_ether.h>
#include "tern.h"
#include "base/addr.h"
#include "base/core.h"
#include "base/usual.h"
#include "net/pkt.h"

struct frag;

#define IPV6_MIN_MTU 1280u /* RFC 8200 5 */
#define TX_RING 1024 /* packets waiting for the device per interface: bursts of input can't outrun it */

/** A worker's view of one port. */
struct iface {
	struct rte_ether_addr mac;
	uint16_t mtu;
	uint64_t mac8; /* as the first 8 bytes of a frame from a unicast source begin, the last two 0 */
	uint16_t port_id, queue; /* for the engine */
	uint8_t idx;
	bool tx_tcp_cksum, tx_multi_seg, tx_tso; /* the device does it */
	uint8_t tx_segs, tso_segs; /* mbufs it takes for a frame, for one that it cuts; with tx_multi_seg */
	uint32_t laddr4, mask4, gw4; /* network order; laddr4 0: no IPv4 */
	uint32_t first4, count4; /* our addresses: laddr4 in host order and how many; 0: no IPv4 */
	uint32_t bcast4; /* of the subnet, network order; 0: none (RFC 3021) */
	uint8_t laddr6[16], gw6[16], ll6[16]; /* ll6: link-local from the MAC */
	uint8_t prefix6;
	bool has6;
	uint32_t count6;
	uint16_t n_tx;
	uint8_t n_aliases;
	struct rte_mbuf *tx[TX_RING];
	struct tern_alias alias[TERN_ALIAS_MAX]; /* further addresses: net/alias.c */
};

enum { NEIGH_FREE, NEIGH_INCOMPLETE, NEIGH_STALE, NEIGH_REACHABLE, NEIGH_FAILED };
/* Packets kept while resolving, more are dropped and counted: a burst of SYNs, as Linux's 208 KiB of
 * unres_qlen_bytes hold. All neighbours together keep at most a 64th of the worker's mbufs: who does not answer
 * must not stop who does. */
#define NEIGH_QUEUE 256

/** A worker's neighbour cache: net/neigh.c. */
struct neighs {
	struct neigh *at; /* max, and one more */
	uint32_t *hash;
	uint32_t n, max, mask;
	uint32_t queued, max_queued; /* mbufs that wait for a neighbour */
};

struct neigh {
	struct wheel_node timer;
	uint32_t refs; /* connections that use it: such an entry is never evicted */
	uint32_t next; /* hash chain: index + 1, 0 ends it */
	uint8_t kind;  /* TOBJ_NEIGH: the worker's wheel serves several kinds, told apart as in struct tobj */
	uint8_t af, ifidx, state;
	uint8_t tries; /* solicitations sent without an answer; while STALE, 0 is: not being verified */
	uint16_t n_queued;
	uint8_t addr[16];
	struct rte_ether_hdr l2; /* in front of every packet: dst_addr is the neighbour's */
	struct neigh *lru_next, *lru_prev; /* entries without refs, the longest unused first; NULL: not on it */
	uint64_t confirmed_at;
	/* While INCOMPLETE: whole frames but for the destination. Each one's first 8 bytes of buffer point to the
	 * next. */
	struct rte_mbuf *queue, *queue_tail;
};
_Static_assert(offsetof(struct neigh, kind) == offsetof(struct tobj, kind), "the wheel's dispatch reads kind");
#define NEIGH_NONE 0xffffu

/** The last answer of link_path(). */
struct path {
	uint8_t addr[16];
	uint16_t neigh;
	uint8_t af; /* 0: none */
	uint8_t via; /* what was asked for */
};

/** A worker's side of the network: the context of lib/net. */
struct link {
	union {
		struct core core;
		struct core; /* its fields are ours */
	};
	/* m at L2 and its interface, or the reason of a drop; NULL: off */
	void (*trace_pkt)(struct link *k, const struct rte_mbuf *m, enum tern_packet_what what, unsigned int n);
	struct neighs neighs;
	struct path path;
	struct frag *frag;
	uint64_t icmp_tokens_at; /* rate limit of ICMP errors: token_take() */
	uint32_t ip_ids[256];	 /* link_ip_id() */
	uint8_t n_ifs;
	struct iface ifs[TERN_IF_MAX];
};

/** m is dropped, whatever is made of its memory now. */
static inline void
link_drops(struct link *k, const struct rte_mbuf *m, enum stat reason)
{
	k->stats[reason]++;
	if (unlikely(k->trace_pkt != NULL))
		k->trace_pkt(k, m, TERN_PACKET_DROP, reason);
}
/** Fill *ifc from conf (addresses, masks) with the given mac and mtu. @return 0 or -EINVAL. */
int link_iface_init(struct iface *ifc, uint8_t idx, const struct tern_if_conf *conf, const struct rte_ether_addr *mac,
		    uint16_t mtu);
/** The core is there already. @return 0 or -ENOMEM. */
int link_init(struct link *k, uint32_t max_neighbours);
void link_fini(struct link *k); /* frees queued packets, those of the interfaces included */

/** Is addr (4 or 16 bytes by af) one of ours on ifc? */
bool link_is_local(const struct iface *ifc, uint8_t af, const void *addr);
/** Is addr one of the further addresses, in a subnet of one of those, or such a subnet's broadcast address? */
bool alias_has(const struct iface *ifc, uint8_t af, const void *addr);
bool alias_on_link(const struct iface *ifc, uint8_t af, const void *addr);
bool alias_broadcast(const struct iface *ifc, uint32_t addr);
static inline bool
iface_has4(const struct iface *ifc, uint32_t addr)
{
	return likely(rte_be_to_cpu_32(addr) - ifc->first4 < ifc->count4) ||
	       (ifc->n_aliases && alias_has(ifc, 4, &addr));
}
/** Of a subnet of ifc. */
static inline bool
iface_broadcast(const struct iface *ifc, uint32_t addr)
{
	return (ifc->bcast4 && addr == ifc->bcast4) || (unlikely(ifc->n_aliases) && alias_broadcast(ifc, addr));
}
static inline bool
iface_has6(const struct iface *ifc, const uint8_t addr[16])
{
	rte_be32_t a, base;

	if (!ifc->has6)
		return false;
	memcpy(&a, addr + 12, 4);
	memcpy(&base, ifc->laddr6 + 12, 4);
	return (memcmp(addr, ifc->laddr6, 12) == 0 && rte_be_to_cpu_32(a) - rte_be_to_cpu_32(base) < ifc->count6) ||
	       memcmp(addr, ifc->ll6, 16) == 0 || (unlikely(ifc->n_aliases) && alias_has(ifc, 6, addr));
}
#define IFACE_ANY 0xffu
/** Route: interface and next hop (copied to nexthop) for dst, out of interface via or IFACE_ANY. @return ifidx or
 *  -ENETUNREACH. */
int link_route(const struct link *k, uint8_t af, const void *dst, uint8_t via, uint8_t nexthop[16]);
/** Is addr on one of ifc's own subnets? */
bool link_on_link(const struct iface *ifc, uint8_t af, const void *addr);
bool link_has_route(const struct iface *ifc, uint8_t af, const void *addr);
/** Can a packet go back out of ifc to where s came from? Asked where an answer begins something or ends it: what goes
 *  out by turning the frame round must have been able to go by itself. */
static inline bool
link_way_back(const struct iface *ifc, const struct seg *s)
{
	if (usual(s->flow.af == 4 && ((s->flow.addr.raddr4 ^ ifc->laddr4) & ifc->mask4) == 0))
		return true;
	return link_has_route(ifc, s->flow.af,
			      s->flow.af == 4 ? (const void *)&s->flow.addr.raddr4 : s->flow.addr.raddr6);
}
/** The local addresses that fit a next hop on ifc, those whose subnet it is in, else the first range: how many; number
 *  i into out. */
uint32_t link_local_count(const struct iface *ifc, uint8_t af, const void *hop);
void link_local_addr(const struct iface *ifc, uint8_t af, const void *hop, uint32_t i, uint8_t out[16]);
/** Is addr one of them? */
bool link_local_fits(const struct iface *ifc, uint8_t af, const void *hop, const void *addr);
/** Do a and b begin with the same n bits? */
static inline bool
same_prefix(const uint8_t *a, const uint8_t *b, unsigned int n)
{
	const unsigned int bytes = n / 8, bits = n % 8;

	return memcmp(a, b, bytes) == 0 && (bits == 0 || ((a[bytes] ^ b[bytes]) >> (8 - bits)) == 0);
}
/**
 * Neighbour for nexthop, made if absent; takes a reference. hint: a source MAC seen from there, used (as STALE, being
 * verified) only when there was no entry. @return index or NEIGH_NONE when the cache is full of used entries.
 */
uint16_t link_neigh_get(struct link *k, uint8_t ifidx, uint8_t af, const uint8_t nexthop[16],
			const struct rte_ether_addr *hint);
void link_neigh_put(struct link *k, uint16_t idx);
/** What is sent there is not answered: ask whether it still is who it was (RFC 1122 2.3.2.1, 4.2.3.5). */
void link_neigh_suspect(struct link *k, uint16_t idx);
/** Was idx (NEIGH_NONE: no) asked and has not answered? */
bool link_neigh_silent(const struct link *k, uint16_t idx);
/**
 * Interface and neighbour for packets to addr, out of interface via or IFACE_ANY, a reference taken as by
 * link_neigh_get(); the last answer is remembered.
 * @return 0, -ENETUNREACH (no route) or -ENOBUFS (neighbour cache full of used entries).
 */
int link_path(struct link *k, uint8_t af, const void *addr, uint8_t via, const struct rte_ether_addr *hint,
	      uint8_t *ifidx, uint16_t *neigh);
/** n's wheel timer fired (kind TOBJ_NEIGH). Then ask link_neigh_unanswered(). */
void link_timer(struct link *k, struct neigh *n);
/** A frame of ours that waited for n, which does not answer; NULL: none. The caller's to free. */
struct rte_mbuf *link_neigh_unanswered(struct link *k, struct neigh *n);

/** Output. m starts at the IP header, checksums included or asked of the device (ol_flags): prepend Ethernet for
 *  neighbour idx, queue on ifc->tx or the neighbour's queue. Consumes m. */
void link_output(struct link *k, uint8_t ifidx, uint16_t neigh, struct rte_mbuf *m);
/** Same for an answer that rewrote the received frame: m starts at its Ethernet header with the received MACs, which
 *  are swapped. Consumes m. */
void link_reply(struct link *k, uint8_t ifidx, struct rte_mbuf *m);
/** Send the frame of m back where it came from. */
static inline void
link_turn(const struct iface *ifc, struct rte_mbuf *m)
{
	struct rte_ether_hdr *eth = rte_pktmbuf_mtod(m, struct rte_ether_hdr *);

	eth->dst_addr = eth->src_addr;
	eth->src_addr = ifc->mac;
}
/**
 * The identification of a datagram that may be fragmented (RFC 6864 4.3): counts up from a random number, in one of
 * 256 counters that a keyed hash of the destination chooses, so none comes again soon and none says what others are
 * sent, or which numbers anything else here draws.
 */
uint32_t link_ip_id(struct link *k, uint8_t af, const void *dst);
/** Room on ifc->tx for n more packets? */
static inline bool
link_tx_room(const struct iface *ifc, unsigned int n)
{
	return ifc->n_tx + n <= TX_RING;
}
struct icmp_err;
/**
 * Handle ARP, ICMP, ICMPv6 and fragments. *whole becomes the datagram that a fragment completes, a frame to parse,
 * else NULL.
 * @return SEG_DONE, SEG_TAKEN, a reason, or SEG_ICMP_ERR (net/icmp.h): *e is for TCP.
 */
int link_input(struct link *k, struct seg *s, struct rte_mbuf **whole, struct icmp_err *e);
/** ARP packets and NDP advertisements must reach every worker; true for such a packet (the engine copies them
 *  around). */
bool link_is_neigh_update(const struct seg *s);
#endif
