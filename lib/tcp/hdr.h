/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * IP and TCP headers as they are written, every checksum summed from the words as they are stored; and the answer made
 * of the segment that it answers. Inlined where a segment's form is known: what is constant there costs nothing. Row
 * 3.
 */
#ifndef TCP_HDR_H
#define TCP_HDR_H
#include <netinet/in.h>
#include <string.h>
#include <rte_byteorder.h>
#include <rte_mbuf.h>
#include "base/cksum.h"
#include "tcp/conn.h"
#include "tcp/opt.h"

#define IP_DF 0x4000

/* Whose segment: addresses and ports, local first. */
struct ends {
	const union flow_addr *addr;
	const uint16_t *port; /* two */
	uint8_t af;
};

static inline uint16_t
l3_len(uint8_t af)
{
	return af == 4 ? sizeof(struct rte_ipv4_hdr) : sizeof(struct rte_ipv6_hdr);
}

/* Store a word in network order. @return sum with it added, as it lies in memory: read back, it would still be on its
 * way. */
static inline uint64_t
put32(uint8_t *p, uint32_t host, uint64_t sum)
{
	const uint32_t v = rte_cpu_to_be_32(host);

	memcpy(p, &v, 4);
	return sum + v;
}

/* The IP header for l4 bytes. @return the pseudo header's sum. */
static __rte_always_inline uint64_t
put_ip(uint8_t *p, struct ends e, const struct tcp_head *h, uint32_t l4)
{
	uint64_t addrs, sum;
	uint16_t cksum;

	if (e.af == 4) {
		addrs = (uint64_t)e.addr->laddr4 + e.addr->raddr4;
		sum = put32(p, 0x45u << 24 | (uint32_t)h->tos << 16 | (sizeof(struct rte_ipv4_hdr) + l4), addrs);
		sum = put32(p + 4, IP_DF, sum); /* identification 0, an atomic datagram: RFC 6864 4.1 */
		sum = put32(p + 8, (uint32_t)h->ttl << 24 | IPPROTO_TCP << 16, sum);
		cksum = ~cksum_fold(sum);
		memcpy(p + 10, &cksum, 2);
		memcpy(p + 12, &e.addr->laddr4, 4);
		memcpy(p + 16, &e.addr->raddr4, 4);
	} else {
		put32(p, 6u << 28 | (uint32_t)h->tos << 20, 0);
		put32(p + 4, l4 << 16 | IPPROTO_TCP << 8 | h->ttl, 0);
		memcpy(p + 8, e.addr->laddr6, 16);
		memcpy(p + 24, e.addr->raddr6, 16);
		addrs = cksum_bytes(e.addr, 32);
		addrs = (addrs & UINT32_MAX) + (addrs >> 32);
	}
	return addrs + rte_cpu_to_be_32(IPPROTO_TCP << 16 | l4);
}

/* Options [from, to) of the TCP header at p. @return sum with them added. */
static __rte_always_inline uint64_t
put_options(uint8_t *p, const uint8_t *opt, unsigned int from, unsigned int to, uint64_t sum)
{
	uint32_t v;

	for (; from < to; from += 4) {
		memcpy(&v, opt + from, 4);
		memcpy(p + sizeof(struct rte_tcp_hdr) + from, &v, 4);
		sum += v;
	}
	return sum;
}

/*
 * IP and TCP headers at p for a payload of len bytes whose sum is given, and all checksums: the device's part is asked
 * for in m. The TCP header without payload is some 20 words: their plain sum can't overflow.
 */
static __rte_always_inline void
put_headers(const struct iface *ifc, struct rte_mbuf *m, uint8_t *p, struct ends e, const struct tcp_head *h,
	    uint32_t len, uint64_t payload)
{
	const uint32_t l4 = sizeof(struct rte_tcp_hdr) + h->optlen + len;
	const uint64_t pseudo = put_ip(p, e, h, l4);
	uint64_t sum = pseudo;
	uint32_t v;
	uint16_t cksum;

	p += l3_len(e.af);
	memcpy(&v, e.port, 4);
	memcpy(p, &v, 4);
	sum = put32(p + 4, h->seq, sum + v);
	sum = put32(p + 8, h->ack, sum);
	sum = put32(p + 12,
		    (uint32_t)(sizeof(struct rte_tcp_hdr) + h->optlen) << 26 | (uint32_t)h->flags << 16 | h->wnd, sum);
	if (likely(h->ts)) {
		sum = put32(p + 20, TCP_NOP_NOP_TS, sum);
		sum = put32(p + 24, h->tsval, sum);
		sum = put32(p + 28, h->tsecr, sum);
	}
	if (usual(h->optlen == TCP_OPT_SYN_LEN && !h->ts)) /* a SYN's: unrolled */
		sum = put_options(p, h->opt, 0, TCP_OPT_SYN_LEN, sum);
	else if (unlikely(h->optlen != (h->ts ? TCP_OPT_TS_LEN : 0)))
		sum = put_options(p, h->opt, h->ts ? TCP_OPT_TS_LEN : 0, h->optlen, sum);
	if (likely(!ifc->tx_tcp_cksum)) {
		cksum = ~cksum_fold(cksum_add(sum, payload));
		m->ol_flags = 0;
	} else {
		cksum = cksum_fold(h->segsz ? pseudo - rte_cpu_to_be_32(l4)
					    : pseudo); /* each segment adds its own length */
		m->ol_flags = RTE_MBUF_F_TX_TCP_CKSUM | (e.af == 4 ? RTE_MBUF_F_TX_IPV4 : RTE_MBUF_F_TX_IPV6);
		m->l2_len = RTE_ETHER_HDR_LEN;
		m->l3_len = l3_len(e.af);
		m->l4_len = sizeof(struct rte_tcp_hdr) + h->optlen;
		if (unlikely(h->segsz)) {
			m->tso_segsz = h->segsz;
			m->ol_flags |= RTE_MBUF_F_TX_TCP_SEG;
			if (e.af == 4) {
				m->ol_flags |= RTE_MBUF_F_TX_IP_CKSUM;
				memset(p - sizeof(struct rte_ipv4_hdr) + 10, 0, 2);
			}
		}
	}
	memcpy(p + 16, &cksum, 2);
	memset(p + 18, 0, 2);
}

static inline void
count_out(struct tern_worker *w, uint8_t flags)
{
	STAT_INC(w, OUT_SEGS);
	if (flags & TCP_RST)
		STAT_INC(w, OUT_RSTS);
}

/* tcp_reply() whatever the segment and the answer are like. */
int tcp_reply_any(struct tern_worker *w, struct seg *s, const struct tcp_head *r);

/** Rewrite the received packet into an answer and send it. @return SEG_TAKEN, or a reason if it can't be. */
static __rte_always_inline int
tcp_reply(struct tern_worker *w, struct seg *s, const struct tcp_head *r)
{
	const uint32_t total = RTE_ETHER_HDR_LEN + sizeof(struct rte_ipv4_hdr) + sizeof(struct rte_tcp_hdr) + r->optlen;
	const struct ends e = {&s->flow.addr, &s->flow.lport, 4};
	struct iface *ifc = &w->ifs[s->ifidx];
	struct rte_mbuf *m = s->m;

	if (usual(s->plain && m->buf_len - m->data_off >= (int)total && !ifc->tx_tcp_cksum && link_tx_room(ifc, 1) &&
		  !w->trace_pkt)) {
		m->data_len = m->pkt_len = total;
		put_headers(ifc, m, rte_pktmbuf_mtod_offset(m, uint8_t *, RTE_ETHER_HDR_LEN), e, r, 0, 0);
		count_out(w, r->flags);
		link_turn(ifc, m);
		ifc->tx[ifc->n_tx++] = m;
		return SEG_TAKEN;
	}
	return tcp_reply_any(w, s, r);
}
#endif
