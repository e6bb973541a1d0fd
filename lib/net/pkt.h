/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From mbuf to struct seg or a named drop reason. Every byte is hostile: nothing past the frame is read, the IP
 * total length rules over the frame length, and payload is never padding. Row 1.
 */
#ifndef PKT_H
#define PKT_H
#include <stdint.h>
#include <stdbool.h>
#include <rte_branch_prediction.h>
#include <rte_byteorder.h>
#include <rte_mbuf.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_tcp.h>
#include "base/table.h"

#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_PSH 0x08
#define TCP_ACK 0x10
#define TCP_URG 0x20
#define TCP_ECE 0x40
#define TCP_CWR 0x80

/* Return of the input functions: what becomes of seg.m. A value > 0 is a STAT_DROP_* reason (freed and counted). */
#define SEG_DONE 0   /* used up: free it */
#define SEG_TAKEN -1 /* kept or sent back */

enum pkt_kind { PKT_TCP, PKT_ARP, PKT_ICMP, PKT_ICMP6, PKT_FRAG, PKT_UDP };

/** One received packet, on the stack of the poll; points into m. Headers are contiguous in m's first segment. */
struct seg {
	struct rte_mbuf *m;
	struct flow flow;  /* local = destination */
	uint32_t hash;	   /* table hash (TCP only) */
	uint32_t seq, ack; /* host order */
	uint32_t len;	   /* payload bytes, without SYN and FIN */
	const uint8_t *opt; /* TCP options */
	struct table_hint hint; /* of table_peek() */
	uint16_t l3_off, l4_off, data_off; /* from the start of the frame */
	uint16_t wnd;	   /* host order, unscaled */
	uint16_t mss;	   /* payload bytes of the largest of the segments that it was merged from, else len */
	uint16_t urp;	   /* with TCP_URG only */
	uint8_t kind;	   /* enum pkt_kind */
	bool plain;	   /* by pkt_parse_plain(): IPv4, one segment, m is nobody else's */
	uint8_t ifidx;
	uint8_t flags;	   /* TCP flags */
	uint8_t optlen;	   /* TCP option bytes */
	uint8_t tos;
	uint8_t hops;	   /* hop limit, of IPv6 only */
};

/* The one accessor for packet bytes: n bytes at off inside the first segment, or NULL. */
static inline void *
pkt_at(const struct rte_mbuf *m, uint32_t off, uint32_t n)
{
	return off + n <= m->data_len ? rte_pktmbuf_mtod_offset(m, void *, off) : NULL;
}

struct iface;
/**
 * Parse one frame received on ifc. Fills s. TCP checksums are verified unless the mbuf says the device did.
 * IPv4 options and IPv6 extension headers are walked and skipped; fragments come back as PKT_FRAG with l3_off set.
 * @return 0 (s->kind says what it is) or a STAT_DROP_* reason; the caller frees m in both cases.
 */
int pkt_parse(const struct iface *ifc, struct rte_mbuf *m, struct seg *s);

/** Data that more follows: no flag but ACK. */
static inline bool
seg_is_bulk(const struct seg *s)
{
	return s->flags == TCP_ACK && s->len;
}

/** Merge with s[0], a bulk segment to o, those of the n-1 after it that continue it: same ACK, next sequence number,
 *  nothing else to say. Their payload becomes a part of s[0].m's chain. @return how many were made one. */
unsigned int pkt_gro(const struct tobj *o, struct seg *s, unsigned int n);

/** TCP or UDP-style checksum over an mbuf chain from l4_off for l4_len bytes with the pseudo header of the IP header
 *  at l3_off (none for IPPROTO_ICMP); 0 means right when the field is included. */
uint16_t pkt_l4_cksum(const struct rte_mbuf *m, uint16_t l3_off, uint16_t l4_off, uint32_t l4_len, uint8_t proto);

#endif
