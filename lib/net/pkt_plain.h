/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Nearly every frame: TCP over IPv4 without options, all of it in one segment, nothing wrong with it. Inlined where
 * bursts are received; whatever is not like that goes through pkt_parse(), which says what it is. Row 2.
 */
#ifndef PKT_PLAIN_H
#define PKT_PLAIN_H
#include <netinet/in.h>
#include <rte_branch_prediction.h>
#include "base/cksum.h"
#include "net/link.h"
#include "net/pkt.h"

#define L4_PLAIN (RTE_ETHER_HDR_LEN + sizeof(struct rte_ipv4_hdr))
#define TCP_HDR ((uint32_t)sizeof(struct rte_tcp_hdr))

/* No unicast source: this network, loopback, multicast, reserved and broadcast (RFC 1122 3.2.1.3, RFC 6890 2.2.2). */
static inline bool
ip4_source_martian(const struct iface *ifc, uint32_t a)
{
	const uint8_t top = rte_be_to_cpu_32(a) >> 24;

	return (uint8_t)(top - 1) >= 223 || top == 127 || a == ifc->bcast4;
}

/* What the TCP header says; hlen and l4_len were checked, s->l4_off is set. */
static inline void
seg_tcp(struct seg *s, const struct rte_tcp_hdr *th, uint32_t hlen, uint32_t l4_len)
{
	s->kind = PKT_TCP;
	s->flow.lport = th->dst_port;
	s->flow.rport = th->src_port;
	s->flags = th->tcp_flags;
	s->seq = rte_be_to_cpu_32(th->sent_seq);
	s->ack = rte_be_to_cpu_32(th->recv_ack);
	s->wnd = rte_be_to_cpu_16(th->rx_win);
	s->optlen = hlen - sizeof(*th);
	s->opt = (const uint8_t *)(th + 1);
	if (unlikely(s->flags & TCP_URG))
		s->urp = rte_be_to_cpu_16(th->tcp_urp);
	s->data_off = s->l4_off + hlen;
	s->len = s->mss = l4_len - hlen;
}

/** @return true and *s, or false: look closer. */
static __rte_always_inline bool
pkt_parse_plain(const struct iface *ifc, struct rte_mbuf *m, struct seg *s)
{
	const uint64_t first8 = RTE_BE64(0xffffffffffff0100); /* the destination, and the group bit of the source */
	const uint64_t rx = m->ol_flags & (RTE_MBUF_F_RX_IP_CKSUM_MASK | RTE_MBUF_F_RX_L4_CKSUM_MASK |
					   RTE_MBUF_F_RX_LRO | RTE_MBUF_F_INDIRECT | RTE_MBUF_F_EXTERNAL);
	const uint8_t *p = rte_pktmbuf_mtod(m, const uint8_t *), *ip = p + RTE_ETHER_HDR_LEN;
	const struct rte_tcp_hdr *th = (const struct rte_tcp_hdr *)(p + L4_PLAIN);
	uint32_t type, frag, dst4, src4, total, l4, hlen, most;
	uint64_t dst, w[2];

	if (unlikely(m->nb_segs != 1 || rte_mbuf_refcnt_read(m) != 1 || m->data_len < L4_PLAIN + sizeof(*th)))
		return false;
	memcpy(&dst, p, 8);
	memcpy(&type, p + 12, 4);
	memcpy(w, ip, 16);
	memcpy(&frag, ip + 6, 4);
	memcpy(&src4, ip + 12, 4);
	memcpy(&dst4, ip + 16, 4);
	if (unlikely(((dst ^ ifc->mac8) & first8) | ((type ^ RTE_BE32(0x08004500)) & RTE_BE32(0xffffff00)) |
		     ((frag ^ RTE_BE32(IPPROTO_TCP)) & RTE_BE32(0x3fff00ff))))
		return false;
	total = ip[2] << 8 | ip[3];
	l4 = total - sizeof(struct rte_ipv4_hdr);
	hlen = (th->data_off >> 2) & 60;
	most = m->data_len - L4_PLAIN - TCP_HDR;
	/* unsigned: what is too short is very long */
	if (unlikely(l4 - TCP_HDR > most || hlen - TCP_HDR > l4 - TCP_HDR))
		return false;
	if (unlikely(!iface_has4(ifc, dst4) || ip4_source_martian(ifc, src4) || src4 == dst4))
		return false;
	if (likely(rx == 0)) {
		const uint64_t pseudo = (uint64_t)src4 + dst4 + rte_cpu_to_be_32(IPPROTO_TCP << 16 | l4);

		if (unlikely(!cksum_right(cksum_add(cksum_add(w[0], w[1]), dst4)) ||
			     !cksum_right(cksum_add(cksum_bytes(th, l4), pseudo))))
			return false;
	} else if (rx != (RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD)) {
		return false;
	}
	m->data_len = m->pkt_len = RTE_ETHER_HDR_LEN + total; /* padding is cut off */
	s->m = m;
	s->ifidx = ifc->idx;
	s->plain = true;
	s->l3_off = RTE_ETHER_HDR_LEN;
	s->l4_off = L4_PLAIN;
	s->flow.addr.laddr4 = dst4;
	s->flow.addr.raddr4 = src4;
	s->flow.af = 4;
	s->tos = ip[1];
	seg_tcp(s, th, hlen, l4);
	return true;
}
#endif
