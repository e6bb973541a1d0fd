/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Segments of no connection: answers that are made in the packet they answer, and those that a half-open request sends
 * by itself.
 */
#include <string.h>
#include "tcp/hdr.h"
#include "tcp/seq.h"

#define RST_INTERVAL_US 100u /* answers to stray segments: 10,000/s ... */
#define RST_BURST 256u	     /* ... after a burst */

int
tcp_reply_any(struct tern_worker *w, struct seg *s, const struct tcp_head *r)
{
	const uint16_t total = RTE_ETHER_HDR_LEN + l3_len(s->flow.af) + sizeof(struct rte_tcp_hdr) + r->optlen;
	const struct iface *ifc = &w->ifs[s->ifidx];
	const struct ends e = {&s->flow.addr, &s->flow.lport, s->flow.af};
	struct rte_mbuf *m = s->m;

	if (unlikely(!link_tx_room(ifc, 1)))
		return STAT_DROP_TX_FULL;
	if (unlikely(!RTE_MBUF_DIRECT(m) || rte_mbuf_refcnt_read(m) != 1 || m->buf_len - m->data_off < total)) {
		m = mbufs_get(&w->mbufs);
		if (!m) {
			STAT_INC(w, MBUF_EMPTY);
			return STAT_DROP_TX_FULL;
		}
		memcpy(rte_pktmbuf_mtod(m, void *), rte_pktmbuf_mtod(s->m, void *), RTE_ETHER_HDR_LEN);
		rte_pktmbuf_free(s->m);
	} else if (unlikely(m->nb_segs != 1)) {
		rte_pktmbuf_free(m->next);
		m->next = NULL;
		m->nb_segs = 1;
	}
	m->data_len = m->pkt_len = total;
	put_headers(ifc, m, rte_pktmbuf_mtod_offset(m, uint8_t *, RTE_ETHER_HDR_LEN), e, r, 0, 0);
	count_out(w, r->flags);
	link_reply(&w->link, s->ifidx, m);
	return SEG_TAKEN;
}

bool
tcp_send_bare(struct tern_worker *w, const struct flow *f, uint8_t ifidx, uint16_t neigh, const struct tcp_head *r)
{
	const struct iface *ifc = &w->ifs[ifidx];
	const struct ends e = {&f->addr, &f->lport, f->af};
	struct rte_mbuf *m;

	if (unlikely(!link_tx_room(ifc, 1)))
		return false;
	m = mbufs_get(&w->mbufs);
	if (unlikely(!m)) {
		STAT_INC(w, MBUF_EMPTY);
		return false;
	}
	m->data_len = m->pkt_len = l3_len(f->af) + sizeof(struct rte_tcp_hdr) + r->optlen;
	put_headers(ifc, m, rte_pktmbuf_mtod(m, uint8_t *), e, r, 0, 0);
	count_out(w, r->flags);
	link_output(&w->link, ifidx, neigh, m);
	return true;
}

bool
tcp_answer_allowed(struct tern_worker *w)
{
	if (token_take(&w->answers.tokens_at, w->now_us, RST_BURST, RST_INTERVAL_US))
		return true;
	STAT_INC(w, RST_RATELIMIT);
	return false;
}

int
tcp_reset_reply(struct tern_worker *w, struct seg *s, int reason)
{
	struct tcp_head r = {.ttl = w->conf.tcp.ttl, .flags = TCP_RST};
	int rc;

	if (s->flags & TCP_RST)
		return reason;
	if (!link_way_back(&w->ifs[s->ifidx], s))
		return STAT_DROP_NO_ROUTE;
	if (!tcp_answer_allowed(w))
		return reason;
	if (s->flags & TCP_ACK) {
		r.seq = s->ack;
	} else {
		r.flags |= TCP_ACK;
		r.ack = s->seq + tcp_seqlen(s);
	}
	rc = tcp_reply(w, s, &r);
	if (rc == SEG_TAKEN)
		link_drops(&w->link, s->m, reason);
	return rc == SEG_TAKEN ? rc : reason;
}
