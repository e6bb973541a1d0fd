/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What may be sent, and the building of segments.
 *
 * The send queue is a chain of mbuf segments from snd_una on; a cursor (snd_cur, snd_cur_seq) stands at the segment that
 * holds snd_nxt. Small payloads are copied behind the headers, larger ones are attached (the queue keeps its
 * reference until the data is acknowledged), so a packet on the wire never shares writable headers with the queue.
 * Sender-side silly-window avoidance and Nagle: RFC 9293 3.8.6.2.1 and 3.7.4. Zero windows: 3.8.6.1.
 */
#include <string.h>
#include <rte_byteorder.h>
#include <rte_mbuf.h>
#include "tcp.h"

#define COPY_MAX 512u /* below, a copy is cheaper than an indirect mbuf's allocation and two atomic counts */
#define IP_DF 0x4000

struct hdr { /* of one outgoing segment */
	const union flow_addr *addr;
	uint32_t seq, ack;
	uint16_t lport, rport, wnd;
	uint8_t af, flags, ttl, tos, optlen;
};

static inline void
put32(uint8_t *p, uint32_t host)
{
	const uint32_t v = rte_cpu_to_be_32(host);

	memcpy(p, &v, 4);
}

/*
 * Write IP and TCP headers at p for a payload of len; @return where the TCP options go. Checksums are link's. In words of 32 bits,
 * as the checksum reads them next: narrower stores would hold it up.
 */
static __rte_always_inline uint8_t *
put_headers(uint8_t *p, const struct hdr *h, uint32_t len)
{
	const uint32_t l4 = sizeof(struct rte_tcp_hdr) + h->optlen + len;

	if (h->af == 4) {
		put32(p, 0x45u << 24 | (uint32_t)h->tos << 16 | (sizeof(struct rte_ipv4_hdr) + l4));
		put32(p + 4, IP_DF); /* identification 0, an atomic datagram: RFC 6864 4.1 */
		put32(p + 8, (uint32_t)h->ttl << 24 | IPPROTO_TCP << 16);
		memcpy(p + 12, &h->addr->laddr4, 4);
		memcpy(p + 16, &h->addr->raddr4, 4);
		p += sizeof(struct rte_ipv4_hdr);
	} else {
		put32(p, 6u << 28 | (uint32_t)h->tos << 20);
		put32(p + 4, l4 << 16 | IPPROTO_TCP << 8 | h->ttl);
		memcpy(p + 8, h->addr->laddr6, 16);
		memcpy(p + 24, h->addr->raddr6, 16);
		p += sizeof(struct rte_ipv6_hdr);
	}
	put32(p, (uint32_t)rte_be_to_cpu_16(h->lport) << 16 | rte_be_to_cpu_16(h->rport));
	put32(p + 4, h->seq);
	put32(p + 8, h->ack);
	put32(p + 12, (uint32_t)(sizeof(struct rte_tcp_hdr) + h->optlen) << 26 | (uint32_t)h->flags << 16 | h->wnd);
	put32(p + 16, 0);
	return p + sizeof(struct rte_tcp_hdr);
}

static inline uint16_t
l3_len(uint8_t af)
{
	return af == 4 ? sizeof(struct rte_ipv4_hdr) : sizeof(struct rte_ipv6_hdr);
}

static void
count_out(struct worker *w, uint8_t flags)
{
	STAT_INC(w, OUT_SEGS);
	if (flags & TCP_RST)
		STAT_INC(w, OUT_RSTS);
}

uint32_t
tcp_rcv_space(const struct conn *c)
{
	const uint32_t space = c->rcv_queued < c->rcv_buf ? c->rcv_buf - c->rcv_queued : 0;

	return RTE_MIN(space, 65535u << c->rcv_ws); /* what the window field can say */
}

/*
 * The window field for the next segment. The right edge never moves left (SHLD-14) and moves right only by a segment's
 * worth or half the buffer (MUST-39). Rounding up to the scale keeps the edge; tcp_data() enforces the true limit.
 */
static uint16_t
advertise(struct conn *c)
{
	const uint32_t space = tcp_rcv_space(c), round = (1u << c->rcv_ws) - 1;
	uint32_t wnd = seq_gt(c->rcv_adv, c->rcv_nxt) ? c->rcv_adv - c->rcv_nxt : 0, field;

	if (space > wnd && space - wnd >= RTE_MIN(c->rcv_buf / 2, (uint32_t)c->rcv_mss))
		wnd = space;
	field = RTE_MIN((wnd + round) >> c->rcv_ws, 65535u);
	if (seq_gt(c->rcv_nxt + (field << c->rcv_ws), c->rcv_adv))
		c->rcv_adv = c->rcv_nxt + (field << c->rcv_ws);
	return field;
}

static unsigned int
syn_options(const struct worker *w, const struct conn *c, uint8_t *opt)
{
	const struct tern_tcp_conf *conf = &w->conf.tcp;
	const bool ack = c->state == TERN_SYN_RECEIVED; /* then only what the peer offered */
	const struct tcp_opts o = {
		.has_mss = true,
		.mss = tcp_mss_offer(&w->ifs[c->ifidx], c->af),
		.has_ts = ack ? c->feat & F_TS : !conf->no_timestamps,
		.sack_ok = ack ? c->feat & F_SACK : !conf->no_sack,
		.has_ws = ack ? c->feat & F_WS : !conf->no_wscale,
		.ws = tcp_ws_offer(c->rcv_buf),
		.tsval = w->now_ms + c->ts_off,
		.tsecr = c->ts_recent,
	};

	return tcp_opt_emit_syn(opt, &o);
}

/* Hand a finished segment down. m starts at the IP header. */
static void
send_down(struct worker *w, uint8_t ifidx, uint16_t neigh, uint8_t af, uint8_t optlen, struct rte_mbuf *m)
{
	m->l3_len = l3_len(af);
	m->l4_len = sizeof(struct rte_tcp_hdr) + optlen;
	link_output(w, ifidx, neigh, m);
}

/*
 * Append len bytes from segment src at off to packet m. On false m is unchanged but for what was attached: the caller
 * frees it.
 */
static bool
add_payload(struct worker *w, struct rte_mbuf *m, struct rte_mbuf *src, uint32_t off, uint32_t len, bool copy)
{
	struct rte_mbuf *tail = m;

	for (; len; src = src->next, off = 0) {
		const uint32_t n = RTE_MIN(len, src->data_len - off);

		if (copy) {
			memcpy(rte_pktmbuf_mtod_offset(m, void *, m->data_len), rte_pktmbuf_mtod_offset(src, void *, off), n);
			m->data_len += n;
		} else {
			struct rte_mbuf *mi = worker_mbuf(w);

			if (unlikely(!mi))
				return false;
			rte_pktmbuf_attach(mi, src);
			mi->data_off += off;
			mi->data_len = n;
			mi->next = NULL;
			tail->next = mi;
			tail = mi;
			m->nb_segs++;
		}
		m->pkt_len += n;
		len -= n;
	}
	return true;
}

static void
sent_ack(struct conn *c)
{
	c->last_ack = c->rcv_nxt;
	c->delack_at = 0;
	c->pend &= ~P_ACK;
}

/* One segment of c: control, or len bytes from src + off. @return false: no room or no mbuf. */
static bool
emit(struct worker *w, struct conn *c, uint8_t flags, uint32_t seq, struct rte_mbuf *src, uint32_t off, uint32_t len)
{
	struct hdr h = {.addr = &c->addr, .seq = seq, .lport = c->lport, .rport = c->rport, .af = c->af, .flags = flags,
			.ttl = c->ttl, .tos = c->tos};
	const uint16_t l3 = l3_len(c->af);
	uint8_t opt[40];
	struct rte_mbuf *m;
	bool copy;

	if (unlikely(!link_tx_room(&w->ifs[c->ifidx], 1)))
		return false;
	m = worker_mbuf(w);
	if (unlikely(!m)) {
		STAT_INC(w, MBUF_EMPTY);
		return false;
	}
	if (flags & TCP_ACK)
		h.ack = c->rcv_nxt;
	if (flags & TCP_SYN) {
		h.optlen = syn_options(w, c, opt);
		h.wnd = RTE_MIN(tcp_rcv_space(c), 65535u); /* never scaled on a SYN: RFC 7323 2.2 */
		if (seq_gt(c->rcv_nxt + h.wnd, c->rcv_adv))
			c->rcv_adv = c->rcv_nxt + h.wnd;
	} else {
		if (c->feat & F_TS)
			h.optlen = tcp_opt_emit_ts(opt, w->now_ms + c->ts_off, c->ts_recent);
		if (unlikely(c->ofo && len == 0 && c->feat & F_SACK))
			h.optlen += tcp_sack_blocks(c, opt + h.optlen, sizeof(opt) - h.optlen);
		h.wnd = advertise(c);
	}
	memcpy(put_headers(rte_pktmbuf_mtod(m, uint8_t *), &h, len), opt, h.optlen);
	m->data_len = m->pkt_len = l3 + sizeof(struct rte_tcp_hdr) + h.optlen;
	copy = len <= COPY_MAX || !w->ifs[c->ifidx].tx_multi_seg;
	if (len && unlikely(!add_payload(w, m, src, off, len, copy))) {
		STAT_INC(w, MBUF_EMPTY);
		rte_pktmbuf_free(m);
		return false;
	}
	count_out(w, flags);
	if (flags & TCP_ACK)
		sent_ack(c);
	send_down(w, c->ifidx, c->neigh, c->af, h.optlen, m);
	return true;
}

void
tcp_send_ctl(struct worker *w, struct conn *c, uint8_t flags, uint32_t seq)
{
	emit(w, c, flags, seq, NULL, 0, 0); /* lost like any packet when there is no room */
}

/* Account for [seq, end) being sent. */
static void
sent_range(struct worker *w, struct conn *c, uint32_t seq, uint32_t end)
{
	if (seq_lt(seq, c->snd_max)) {
		STAT_INC(w, RETRANS_SEGS);
		c->retrans++;
		c->flags &= ~C_RTT; /* Karn: RFC 6298 3 */
	} else if (!(c->flags & C_RTT)) {
		c->flags |= C_RTT;
		c->rtt_seq = end;
		c->rtt_us = (uint32_t)w->now_us;
	}
	if (c->snd_max == c->snd_una)
		c->unacked_us = w->now_us;
	if (seq_gt(end, c->snd_max))
		c->snd_max = end;
	if (!c->rto_at || c->flags & C_PERSIST) {
		c->flags &= ~C_PERSIST;
		tcp_rto_start(w, c);
	}
}

/* SYN of an active open, or SYN-ACK of a simultaneous one. */
static bool
output_syn(struct worker *w, struct conn *c)
{
	const bool ack = c->state == TERN_SYN_RECEIVED;

	if (c->snd_nxt != c->iss) /* the SYN is out; only an ACK may be due */
		return !(c->pend & P_ACK) || emit(w, c, TCP_ACK, c->snd_max, NULL, 0, 0);
	if (!emit(w, c, ack ? TCP_SYN | TCP_ACK : TCP_SYN, c->iss, NULL, 0, 0))
		return false;
	if (seq_gt(c->snd_max, c->iss))
		STAT_INC(w, SYN_RETRANS);
	c->snd_nxt = c->iss + 1;
	sent_range(w, c, c->iss, c->iss + 1);
	return true;
}

void
tcp_snd_advance(struct conn *c)
{
	while (c->snd_cur && seq_ge(c->snd_nxt, c->snd_cur_seq + c->snd_cur->data_len)) {
		c->snd_cur_seq += c->snd_cur->data_len;
		c->snd_cur = c->snd_cur->next;
	}
}

/* RFC 9293 3.8.6.2.1: is a segment of len (of `unsent`) worth sending now? */
static bool
worth_sending(const struct conn *c, uint32_t len, uint32_t unsent, bool fin)
{
	if (len >= c->mss)
		return true;
	if (seq_lt(c->snd_nxt, c->snd_max)) /* a retransmission */
		return true;
	if (len == unsent && (fin || c->feat & F_NODELAY || c->snd_nxt == c->snd_una))
		return true;
	return len && len >= c->max_wnd / 2;
}

bool
tcp_output(struct worker *w, struct conn *c)
{
	if (c->state == TERN_SYN_SENT || c->state == TERN_SYN_RECEIVED)
		return output_syn(w, c);
	if (c->state == TERN_CLOSED)
		return true;
	for (;;) {
		const uint32_t end = c->snd_una + c->snd_queued;
		const uint32_t unsent = seq_lt(c->snd_nxt, end) ? end - c->snd_nxt : 0;
		const uint32_t flight = c->snd_nxt - c->snd_una, wnd = RTE_MIN(c->snd_wnd, c->cwnd);
		const uint32_t usable = wnd > flight ? wnd - flight : 0;
		const uint32_t len = RTE_MIN(RTE_MIN(unsent, usable), (uint32_t)c->mss);
		/* Once sent, FIN is only due again when snd_nxt went back behind it. */
		const bool fin = c->flags & C_FIN_QUEUED && len == unsent &&
				 (!(c->flags & C_FIN_SENT) || seq_lt(c->snd_nxt, c->snd_max));
		uint8_t flags = TCP_ACK;

		if (len == 0 && !fin)
			break;
		if (!worth_sending(c, len, unsent, fin))
			break;
		if (len == unsent && len)
			flags |= TCP_PSH; /* MUST-61 */
		if (fin)
			flags |= TCP_FIN;
		if (!emit(w, c, flags, c->snd_nxt, c->snd_cur, c->snd_nxt - c->snd_cur_seq, len))
			return false;
		if (fin)
			c->flags |= C_FIN_SENT;
		sent_range(w, c, c->snd_nxt, c->snd_nxt + len + fin);
		c->snd_nxt += len + fin;
		tcp_snd_advance(c);
	}
	if (c->pend & P_ACK && !emit(w, c, TCP_ACK, c->snd_max, NULL, 0, 0))
		return false;
	/* Data waits, nothing is in flight and no timer runs: the window is (nearly) closed, probe it (MUST-36). */
	if (!c->rto_at && c->snd_max == c->snd_una && seq_lt(c->snd_nxt, c->snd_una + c->snd_queued)) {
		c->flags |= C_PERSIST;
		c->unacked_us = w->now_us;
		tcp_rto_start(w, c);
	}
	return true;
}

bool
tcp_send_probe(struct worker *w, struct conn *c)
{
	const uint32_t unsent = c->snd_queued;
	/* What the window lets through, else one byte beyond it (RFC 9293 3.8.6.1). */
	const uint32_t len = RTE_MIN(RTE_MAX(RTE_MIN(c->snd_wnd, (uint32_t)c->mss), 1u), unsent);

	STAT_INC(w, PROBES);
	if (!c->snd_head || !emit(w, c, TCP_ACK, c->snd_una, c->snd_head, c->snd_head_off, len))
		return false;
	if (seq_gt(c->snd_una + len, c->snd_max))
		c->snd_max = c->snd_una + len;
	c->flags &= ~C_RTT;
	return true;
}

bool
tcp_retransmit_one(struct worker *w, struct conn *c)
{
	const uint32_t len = RTE_MIN(c->snd_queued, (uint32_t)c->mss);
	const bool fin = c->flags & C_FIN_SENT && len == c->snd_queued;

	if (len == 0 && !fin)
		return true;
	if (!emit(w, c, TCP_ACK | (len == c->snd_queued && len ? TCP_PSH : 0) | (fin ? TCP_FIN : 0), c->snd_una, c->snd_head,
		  c->snd_head_off, len))
		return false;
	sent_range(w, c, c->snd_una, c->snd_una + len + fin);
	return true;
}

/* --- answers without a connection ----------------------------------------------------------------------------- */

static void
reply_hdr(struct hdr *h, const struct flow *f, const struct tcp_reply *r)
{
	*h = (struct hdr){.addr = &f->addr, .seq = r->seq, .ack = r->ack, .lport = f->lport, .rport = f->rport, .wnd = r->wnd,
			  .af = f->af, .flags = r->flags, .ttl = r->ttl, .tos = r->tos, .optlen = r->optlen};
}

int
tcp_reply(struct worker *w, struct seg *s, const struct tcp_reply *r)
{
	const uint16_t l3 = l3_len(s->flow.af), total = RTE_ETHER_HDR_LEN + l3 + sizeof(struct rte_tcp_hdr) + r->optlen;
	struct rte_mbuf *m = s->m;
	struct hdr h;
	uint8_t *p;

	if (unlikely(!link_tx_room(&w->ifs[s->ifidx], 1)))
		return STAT_DROP_TX_FULL;
	if (unlikely(!RTE_MBUF_DIRECT(m) || rte_mbuf_refcnt_read(m) != 1 || m->buf_len - m->data_off < total)) {
		m = worker_mbuf(w);
		if (!m) {
			STAT_INC(w, MBUF_EMPTY);
			return STAT_DROP_TX_FULL;
		}
		memcpy(rte_pktmbuf_mtod(m, void *), rte_pktmbuf_mtod(s->m, void *), RTE_ETHER_HDR_LEN);
		rte_pktmbuf_free(s->m);
	} else if (m->next) {
		rte_pktmbuf_free(m->next);
		m->next = NULL;
		m->nb_segs = 1;
	}
	reply_hdr(&h, &s->flow, r);
	p = put_headers(rte_pktmbuf_mtod_offset(m, uint8_t *, RTE_ETHER_HDR_LEN), &h, 0);
	if (r->optlen)
		memcpy(p, r->opt, r->optlen);
	m->data_len = m->pkt_len = total;
	m->l2_len = RTE_ETHER_HDR_LEN;
	m->l3_len = l3;
	m->l4_len = sizeof(struct rte_tcp_hdr) + r->optlen;
	count_out(w, r->flags);
	link_reply(w, s->ifidx, m);
	return SEG_TAKEN;
}

bool
tcp_send_bare(struct worker *w, const struct flow *f, uint8_t ifidx, uint16_t neigh, const struct tcp_reply *r)
{
	struct rte_mbuf *m;
	struct hdr h;
	uint8_t *p;

	if (unlikely(!link_tx_room(&w->ifs[ifidx], 1)))
		return false;
	m = worker_mbuf(w);
	if (unlikely(!m)) {
		STAT_INC(w, MBUF_EMPTY);
		return false;
	}
	reply_hdr(&h, f, r);
	p = put_headers(rte_pktmbuf_mtod(m, uint8_t *), &h, 0);
	if (r->optlen)
		memcpy(p, r->opt, r->optlen);
	m->data_len = m->pkt_len = l3_len(f->af) + sizeof(struct rte_tcp_hdr) + r->optlen;
	count_out(w, r->flags);
	send_down(w, ifidx, neigh, f->af, r->optlen, m);
	return true;
}
