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
#include "base/cksum.h"
#include "tcp/hdr.h"
#include "tcp/cc.h"
#include "tcp/loss.h"
#include "tcp/mem.h"

#define COPY_MAX 512u /* below, a copy is cheaper than an indirect mbuf's allocation and two atomic counts */
#define TSO_MAX 64000u /* bytes: an IP datagram holds 65,535 with its headers */
#define TSO_SEGS 32u   /* mbufs of data: what devices take in a packet they cut, 35 and more */
#define PLAIN_HDR (sizeof(struct rte_ipv4_hdr) + sizeof(struct rte_tcp_hdr))
#define CORK_US 200000u /* how long a cork holds, as Linux's tcp(7) promises */

uint32_t
tcp_rcv_space(const struct tern_conn *c)
{
	uint32_t space = c->rcv_queued < c->rcv_buf ? c->rcv_buf - c->rcv_queued : 0;

	if (unlikely(mem_tight(c->w)))
		space = mem_window(c, space);
	return RTE_MIN(space, 65535u << c->rcv_ws); /* what the window field can say */
}

/*
 * The window field for the next segment. The right edge never moves left (SHLD-14) and moves right only by a segment's
 * worth or half the buffer (MUST-39). Rounding up to the scale keeps the edge; tcp_data() enforces the true limit.
 */
static __rte_always_inline uint16_t
advertise(struct tern_conn *c)
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
syn_options(const struct tern_worker *w, const struct tern_conn *c, uint8_t *opt)
{
	const struct tern_tcp_conf *conf = &w->conf.tcp;
	const bool ack = c->state == TERN_SYN_RECEIVED; /* then only what the peer offered */
	const struct tcp_opts o = {
		.has_mss = true,
		.mss = c->rcv_mss,
		.has_ts = ack ? c->feat & F_TS : conf->timestamps,
		.sack_ok = ack ? c->feat & F_SACK : conf->sack,
		.has_ws = ack ? c->feat & F_WS : conf->wscale,
		.ws = c->rcv_ws,
		.tsval = w->now_ms + c->ts_off,
		.tsecr = c->ts_recent,
	};

	return tcp_opt_emit_syn(opt, &o);
}

/* Attach len bytes from segment src at off to packet m. On false the caller frees m with what was attached. */
static __rte_noinline bool
attach_payload(struct tern_worker *w, struct rte_mbuf *m, struct rte_mbuf *src, uint32_t off, uint32_t len)
{
	struct rte_mbuf *tail = m;

	for (; len; src = src->next, off = 0) {
		const uint32_t n = RTE_MIN(len, src->data_len - off);
		struct rte_mbuf *mi = worker_mbuf(w);

		if (unlikely(!mi))
			return false;
		if (src->pool == w->small) {
			memcpy(rte_pktmbuf_mtod(mi, void *), rte_pktmbuf_mtod_offset(src, void *, off), n);
		} else {
			rte_pktmbuf_attach(mi, src);
			mi->data_off += off;
		}
		mi->data_len = n;
		mi->next = NULL;
		tail->next = mi;
		tail = mi;
		m->nb_segs++;
		m->pkt_len += n;
		len -= n;
	}
	return true;
}

/* Are the len bytes from segment src at off in n pieces or less? */
static bool
few_pieces(const struct rte_mbuf *src, uint32_t off, uint32_t len, uint32_t n)
{
	for (; n; n--, src = src->next, off = 0) {
		if (len <= src->data_len - off)
			return true;
		len -= src->data_len - off;
	}
	return false;
}

/* As attach_payload() for more pieces than the device takes: copied, into full mbufs. */
static __rte_noinline bool
copy_pieces(struct tern_worker *w, struct rte_mbuf *m, struct rte_mbuf *src, uint32_t off, uint32_t len)
{
	struct rte_mbuf *tail = m;

	while (len) {
		uint32_t n = RTE_MIN(len, src->data_len - off);

		if (!rte_pktmbuf_tailroom(tail)) {
			tail->next = worker_mbuf(w);
			if (unlikely(!tail->next))
				return false;
			tail = tail->next;
			tail->next = NULL;
			m->nb_segs++;
		}
		n = RTE_MIN(n, rte_pktmbuf_tailroom(tail));
		memcpy(rte_pktmbuf_mtod_offset(tail, void *, tail->data_len), rte_pktmbuf_mtod_offset(src, void *, off), n);
		tail->data_len += n;
		m->pkt_len += n;
		len -= n;
		off += n;
		if (off == src->data_len) {
			src = src->next;
			off = 0;
		}
	}
	return true;
}

static inline bool
add_payload(struct tern_worker *w, const struct tern_conn *c, struct rte_mbuf *m, struct rte_mbuf *src, uint32_t off, uint32_t len)
{
	const struct iface *ifc = &w->ifs[c->ifidx];
	const uint32_t pieces = (len > c->mss ? ifc->tso_segs : ifc->tx_segs) - 1;

	if (likely(few_pieces(src, off, len, pieces)))
		return attach_payload(w, m, src, off, len);
	return copy_pieces(w, m, src, off, len);
}

/* The lines of the mbuf that comes next from the pool, for as large a segment: whoever freed it has them. */
static inline void
prefetch_next(struct tern_worker *w, uint32_t len)
{
	const struct rte_mempool_cache *cache = w->mp_cache;
	const char *p;
	uint32_t i;

	if (!usual(cache && cache->len))
		return;
	p = (const char *)cache->objs[cache->len - 1] + w->mbuf_room + RTE_PKTMBUF_HEADROOM;
	for (i = 0; i < len; i += RTE_CACHE_LINE_SIZE)
		prefetch_own(p + i);
}

/* Copy len bytes from segment src at off behind the headers of m, which end at p. @return their sum. */
static inline uint64_t
copy_payload(uint8_t *p, const struct rte_mbuf *src, uint32_t off, uint32_t len)
{
	uint64_t sum = 0, part;
	uint32_t done = 0, n;

	for (; done < len; src = src->next, off = 0) {
		n = RTE_MIN(len - done, src->data_len - off);
		part = cksum_copy(p + done, rte_pktmbuf_mtod_offset(src, const uint8_t *, off), n);
		sum = cksum_add(sum, unlikely(done & 1) ? cksum_odd(part) : part);
		done += n;
	}
	return sum;
}

/* Sum of what follows m's header of hlen bytes, an even number. */
static uint64_t
attached_sum(const struct rte_mbuf *m, uint16_t hlen)
{
	uint64_t sum = 0, part;
	uint32_t done = 0;

	for (; m; m = m->next, hlen = 0) {
		part = cksum_bytes(rte_pktmbuf_mtod_offset(m, const void *, hlen), m->data_len - hlen);
		sum = cksum_add(sum, done & 1 ? cksum_odd(part) : part);
		done += m->data_len - hlen;
	}
	return sum;
}

static void
sent_ack(struct tern_conn *c)
{
	c->last_ack = c->rcv_nxt;
	c->delack_at = 0;
	c->pend &= ~P_ACK;
	if (c->quickack - 1u < QUICKACK_MAX)
		c->quickack--;
}

/* Urgent data ends behind seq: say so in the segment just built at p, an IP header. RFC 9293 3.8.5, MUST-62. */
static __rte_noinline void
put_urgent(struct tern_conn *c, const struct iface *ifc, uint8_t *p, uint32_t seq)
{
	const uint32_t up = c->rare->snd_up;
	uint16_t urp, flags, cksum;

	if (seq_le(up, c->snd_una)) {
		c->flags &= ~C_SND_URG;
		return;
	}
	if (seq_le(up, seq))
		return;
	p += l3_len(c->af);
	urp = rte_cpu_to_be_16(RTE_MIN(up - seq, 65535u));
	memcpy(p + 18, &urp, 2);
	p[13] |= TCP_URG;
	if (ifc->tx_tcp_cksum)
		return;
	memcpy(&cksum, p + 16, 2);
	flags = rte_cpu_to_be_16(TCP_URG); /* was clear: RFC 1624 */
	cksum = ~cksum_fold((uint64_t)(uint16_t)~cksum + flags + urp);
	memcpy(p + 16, &cksum, 2);
}

/* Routers may fragment the segment just built at p, an IPv4 header: it is not atomic then (RFC 6864 4.3). */
static __rte_noinline void
clear_df(struct tern_worker *w, const struct tern_conn *c, const struct rte_mbuf *m, uint8_t *p)
{
	struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)p;

	ip->packet_id = rte_cpu_to_be_16(link_ip_id(w, 4, &c->addr.raddr4));
	ip->fragment_offset = 0;
	ip->hdr_checksum = 0;
	if (!(m->ol_flags & RTE_MBUF_F_TX_IP_CKSUM))
		ip->hdr_checksum = (uint16_t)~cksum_fold(cksum_bytes(ip, sizeof(*ip)));
}

/* A frame without its Ethernet header to c's neighbour; there is room. */
static inline void
to_neighbour(struct tern_worker *w, const struct tern_conn *c, struct iface *ifc, struct rte_mbuf *m)
{
	const struct neigh *n = &w->neighs[c->neigh];

	if (usual(c->neigh != NEIGH_NONE && n->state == NEIGH_REACHABLE && !w->trace_pkt)) {
		m->data_off -= sizeof(n->l2);
		m->data_len = m->pkt_len = m->data_len + sizeof(n->l2);
		memcpy(rte_pktmbuf_mtod(m, void *), &n->l2, sizeof(n->l2));
		ifc->tx[ifc->n_tx++] = m;
	} else {
		link_output(w, c->ifidx, c->neigh, m);
	}
}

/* Any segment, whatever it has to say. */
static __rte_noinline bool
emit_any(struct tern_worker *w, struct tern_conn *c, uint8_t flags, uint32_t seq, struct rte_mbuf *src, uint32_t off, uint32_t len)
{
	const struct ends e = {&c->addr, &c->lport, c->af};
	struct tcp_reply h = {.seq = seq, .flags = flags, .ttl = c->ttl, .tos = c->tos};
	const struct iface *ifc = &w->ifs[c->ifidx];
	uint64_t sum = 0;
	uint8_t opt[40], *p;
	struct rte_mbuf *m;
	uint16_t hlen;

	if (unlikely(!link_tx_room(ifc, 1)))
		return false;
	m = worker_mbuf(w);
	if (unlikely(!m)) {
		STAT_INC(w, MBUF_EMPTY);
		return false;
	}
	if (flags & TCP_ACK)
		h.ack = c->rcv_nxt;
	if (unlikely(flags & TCP_SYN)) {
		h.optlen = syn_options(w, c, opt);
		if (unlikely(c->flags & C_TFO))
			h.optlen += tcp_tfo_option(w, c, opt + h.optlen);
		if (unlikely(flags & TCP_ECE))
			tcp_ecn_agree(c->cc, &h);
		h.wnd = RTE_MIN(tcp_rcv_space(c), 65535u); /* never scaled on a SYN: RFC 7323 2.2 */
		if (seq_gt(c->rcv_nxt + h.wnd, c->rcv_adv))
			c->rcv_adv = c->rcv_nxt + h.wnd;
	} else {
		if (likely(c->feat & F_TS)) {
			h.ts = true;
			h.tsval = w->now_ms + c->ts_off;
			h.tsecr = c->ts_recent;
			h.optlen = TCP_OPT_TS_LEN;
		}
		if (unlikely(c->flags & C_SACK && len == 0))
			h.optlen += tcp_sack_blocks(c, opt + h.optlen, sizeof(opt) - h.optlen);
		h.wnd = advertise(c);
		if (unlikely(c->flags & C_ECN))
			tcp_ecn_output(c, &h, len);
	}
	h.opt = opt;
	if (unlikely(len > c->mss)) {
		h.segsz = c->mss;
		w->stats[STAT_OUT_SEGS] += len / c->mss - 1;
	}
	p = rte_pktmbuf_mtod(m, uint8_t *);
	hlen = l3_len(c->af) + sizeof(struct rte_tcp_hdr) + h.optlen;
	m->data_len = m->pkt_len = hlen;
	if (len && (len <= COPY_MAX || !ifc->tx_multi_seg || (!ifc->tx_tcp_cksum && hlen + len <= rte_pktmbuf_tailroom(m)))) {
		if (len > COPY_MAX)
			prefetch_next(w, len);
		sum = copy_payload(p + hlen, src, off, len);
		m->data_len = m->pkt_len = hlen + len;
	} else if (len) {
		if (unlikely(!add_payload(w, c, m, src, off, len))) {
			STAT_INC(w, MBUF_EMPTY);
			rte_pktmbuf_free(m);
			return false;
		}
		if (!ifc->tx_tcp_cksum)
			sum = attached_sum(m, hlen);
	}
	put_headers(ifc, m, p, e, &h, len, sum);
	if (unlikely(c->flags & C_SND_URG) && (len || !(flags & TCP_SYN)))
		put_urgent(c, ifc, p, seq);
	if (unlikely(c->rare && c->rare->may_fragment))
		clear_df(w, c, m, p);
	count_out(w, flags);
	if (flags & TCP_ACK)
		sent_ack(c);
	link_output(w, c->ifidx, c->neigh, m);
	return true;
}

/* A segment over IPv4 with no option but timestamps, and data in one piece if any. */
static __rte_always_inline bool
emit_plain(struct tern_worker *w, struct tern_conn *c, struct iface *ifc, uint8_t flags, uint32_t seq, struct rte_mbuf *src, uint32_t off,
	   uint32_t len, const bool ts)
{
	const uint16_t optlen = ts ? TCP_OPT_TS_LEN : 0, hlen = PLAIN_HDR + optlen;
	const struct ends e = {&c->addr, &c->lport, 4};
	struct rte_mbuf *m = worker_mbuf(w);
	struct tcp_reply h;
	uint64_t sum = 0;
	uint8_t *p;

	if (unlikely(!m)) {
		STAT_INC(w, MBUF_EMPTY);
		return false;
	}
	h = (struct tcp_reply){.seq = seq, .ack = c->rcv_nxt, .flags = flags, .ttl = c->ttl, .tos = c->tos, .ts = ts,
			       .optlen = optlen, .tsval = w->now_ms + c->ts_off, .tsecr = c->ts_recent, .wnd = advertise(c)};
	p = rte_pktmbuf_mtod(m, uint8_t *);
	m->data_len = m->pkt_len = hlen + len;
	if (len)
		sum = cksum_copy(p + hlen, rte_pktmbuf_mtod_offset(src, const uint8_t *, off), len);
	put_headers(ifc, m, p, e, &h, len, sum);
	count_out(w, flags);
	sent_ack(c);
	to_neighbour(w, c, ifc, m);
	return true;
}

/* The same before a trial has ended: nobody has read that text, nor may, so it has not come. Its ACK is still due. */
static __rte_noinline bool
emit_untried(struct tern_worker *w, struct tern_conn *c, uint8_t flags, uint32_t seq, struct rte_mbuf *src, uint32_t off, uint32_t len)
{
	const uint32_t nxt = c->rcv_nxt;
	bool sent;

	c->rcv_nxt -= c->rcv_queued;
	sent = emit_any(w, c, flags, seq, src, off, len);
	c->rcv_nxt = nxt;
	c->pend |= P_ACK; /* on the list it is */
	return sent;
}

/*
 * One segment of c: control, or len bytes from src + off. @return false: no room or no mbuf. Nearly every one is plain: what
 * is constant then is known to the compiler.
 */
static bool
emit(struct tern_worker *w, struct tern_conn *c, uint8_t flags, uint32_t seq, struct rte_mbuf *src, uint32_t off, uint32_t len)
{
	struct iface *ifc = &w->ifs[c->ifidx];

	if (usual((c->flags & (C_PLAIN | C_SACK | C_ECN | C_SND_URG | C_TRIAL)) == C_PLAIN && link_tx_room(ifc, 1) &&
		  (!len || (len <= COPY_MAX && len <= c->mss && src->data_len - off >= len)))) {
		if (likely(c->feat & F_TS))
			return emit_plain(w, c, ifc, flags, seq, src, off, len, true);
		return emit_plain(w, c, ifc, flags, seq, src, off, len, false);
	}
	return c->flags & C_TRIAL ? emit_untried(w, c, flags, seq, src, off, len) : emit_any(w, c, flags, seq, src, off, len);
}

/* The SYN of an active open, as emit(): what everyone offers, over IPv4. */
static bool
emit_syn(struct tern_worker *w, struct tern_conn *c)
{
	struct iface *ifc = &w->ifs[c->ifidx];
	const struct ends e = {&c->addr, &c->lport, 4};
	struct tcp_reply h;
	struct rte_mbuf *m;
	uint8_t opt[40];

	if (!usual(c->af == 4 && !ifc->tx_tcp_cksum && link_tx_room(ifc, 1) && syn_options(w, c, opt) == TCP_OPT_SYN_LEN))
		return emit_any(w, c, TCP_SYN, c->iss, NULL, 0, 0);
	m = worker_mbuf(w);
	if (unlikely(!m)) {
		STAT_INC(w, MBUF_EMPTY);
		return false;
	}
	h = (struct tcp_reply){.seq = c->iss, .flags = TCP_SYN, .ttl = c->ttl, .tos = c->tos, .optlen = TCP_OPT_SYN_LEN,
			       .opt = opt, .wnd = RTE_MIN(tcp_rcv_space(c), 65535u)}; /* never scaled: RFC 7323 2.2 */
	m->data_len = m->pkt_len = sizeof(struct rte_ipv4_hdr) + sizeof(struct rte_tcp_hdr) + TCP_OPT_SYN_LEN;
	put_headers(ifc, m, rte_pktmbuf_mtod(m, uint8_t *), e, &h, 0, 0);
	STAT_INC(w, OUT_SEGS);
	to_neighbour(w, c, ifc, m);
	return true;
}

bool
tcp_send_ctl(struct tern_worker *w, struct tern_conn *c, uint8_t flags, uint32_t seq)
{
	return emit(w, c, flags, seq, NULL, 0, 0); /* lost like any packet when there is no room */
}

/* Nothing was sent for an RTO: what cwnd knows of the path is old (RFC 5681 4.1). */
static void
restart_idle(struct tern_conn *c)
{
	const uint32_t cwnd = c->cwnd;

	if (c->flags & (C_RECOVERY | C_LOSS))
		return;
	tcp_cc_restart(c);
	if (c->loss && c->loss->cc->idle && c->cwnd < cwnd)
		c->loss->cc->idle(c);
}

/* Account for [seq, end) being sent. */
static void
sent_range(struct tern_worker *w, struct tern_conn *c, uint32_t seq, uint32_t end)
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
	if (c->snd_max == c->snd_una) {
		if (unlikely(w->now_us - c->unacked_us > c->rto_us) && c->srtt_us)
			restart_idle(c);
		c->unacked_us = w->now_us;
	}
	if (seq_gt(end, c->snd_max)) {
		c->snd_max = end;
		if (unlikely(c->loss || end - c->snd_una > 2u * c->mss))
			tcp_loss_sent(w, c, seq, end);
	}
	if (!c->rto_at || c->flags & (C_PERSIST | C_TLP)) {
		c->flags &= ~C_PERSIST;
		tcp_rto_start(w, c);
	}
}

/* The SYN-ACK of a Fast Open, when it is due. @return false: no room. */
static bool
output_synack(struct tern_worker *w, struct tern_conn *c)
{
	if (!(c->flags & C_SYNACK))
		return true;
	if (!tcp_send_ctl(w, c, TCP_SYN | TCP_ACK | (c->flags & C_ECN ? TCP_ECE : 0), c->iss))
		return false;
	c->flags &= ~C_SYNACK;
	if (c->backoff) {
		STAT_INC(w, SYN_RETRANS);
		STAT_INC(w, RETRANS_SEGS);
		c->flags &= ~C_RTT;
	} else {
		c->flags |= C_RTT;
		c->rtt_seq = c->snd_una;
		c->rtt_us = (uint32_t)w->now_us;
	}
	tcp_rto_start(w, c);
	return true;
}

/* The same of what is sent while nothing is in flight and nothing known to be lost. */
static inline void
sent_alone(struct tern_worker *w, struct tern_conn *c, uint32_t end)
{
	c->flags = (c->flags | C_RTT) & ~C_PERSIST;
	c->rtt_seq = end;
	c->rtt_us = (uint32_t)w->now_us;
	if (unlikely(w->now_us - c->unacked_us > c->rto_us) && c->srtt_us)
		restart_idle(c);
	c->unacked_us = w->now_us;
	c->snd_max = end;
	tcp_rto_start(w, c);
}

/* SYN of an active open, or SYN-ACK of a simultaneous one. */
static bool
output_syn(struct tern_worker *w, struct tern_conn *c)
{
	const bool ack = c->state == TERN_SYN_RECEIVED;
	const uint8_t ecn = unlikely(tcp_ecn_asks(c)) ? TCP_ECN_FLAGS : 0;
	uint8_t opt[40];
	uint32_t data = 0;
	bool sent;

	if (c->snd_nxt != c->iss) /* the SYN is out; only an ACK may be due */
		return !(c->pend & P_ACK) || emit(w, c, TCP_ACK, c->snd_max, NULL, 0, 0);
	if (unlikely(c->flags & C_TFO))
		tcp_tfo_offer(w, c, opt, &data);
	if (usual(!ack && !ecn && !(c->flags & C_TFO)))
		sent = emit_syn(w, c);
	else
		sent = emit_any(w, c, ack ? TCP_SYN | TCP_ACK : TCP_SYN | ecn, c->iss, c->snd_head, 0, data);
	if (!sent)
		return false;
	if (seq_gt(c->snd_max, c->iss))
		STAT_INC(w, SYN_RETRANS);
	c->snd_nxt = c->iss + 1 + data;
	sent_range(w, c, c->iss, c->snd_nxt);
	if (unlikely(data))
		tcp_snd_advance(c);
	return true;
}

/*
 * RFC 9293 3.8.6.2.1: is a segment of len (of `unsent`) worth sending now? Nagle (3.7.4) in Minshall's variant: only an
 * unacknowledged small segment holds the next one back, so the tail of a large write need not wait for its head's ACK.
 */
static bool
worth_sending(const struct tern_conn *c, uint32_t len, uint32_t unsent, bool fin)
{
	if (len >= c->mss)
		return true;
	if (seq_lt(c->snd_nxt, c->snd_max)) /* a retransmission */
		return true;
	if (len == unsent && (fin || c->pend & P_PUSH))
		return true;
	if (c->flags & (C_CORK | C_MORE) && len == unsent)
		return false;
	if (len == unsent && (c->feat & F_NODELAY ||
			      !(seq_gt(c->snd_sml, c->snd_una) && seq_le(c->snd_sml, c->snd_max))))
		return true;
	return len && len >= c->max_wnd / 2;
}

/* Is it a cork, not the peer's window, that holds all of the queue back? */
static bool
corked(const struct tern_conn *c)
{
	return c->flags & (C_CORK | C_MORE) && c->snd_queued <= RTE_MIN(c->snd_wnd, c->cwnd);
}

/* What is lost, oldest first, as far as cwnd lets it. @return false: no room or no mbuf. */
static __rte_noinline bool
output_lost(struct tern_worker *w, struct tern_conn *c)
{
	struct txrun *r;

	while ((r = tcp_loss_next(c))) {
		const uint32_t pipe = tcp_pipe(c), seq = r->seq, n = RTE_MIN(r->end - seq, (uint32_t)c->mss);

		if (unlikely(seq_ge(seq, c->snd_una + c->snd_wnd))) /* it was shrunk: RFC 9293 3.8.6 */
			break;
		if (pipe + n > c->cwnd && pipe) {
			c->flags |= C_LIMITED;
			break;
		}
		if (!tcp_loss_resent(w, c, r, n))
			break;
		if (!tcp_retransmit(w, c, seq, seq + n, r)) {
			tcp_loss_not_resent(c, r);
			return false;
		}
	}
	return true;
}

/* len bytes of new data, and FIN. alone: nothing is in flight, nor known to be lost, and this is all. */
static __rte_always_inline bool
send_new(struct tern_worker *w, struct tern_conn *c, uint32_t len, uint32_t unsent, bool fin, const bool alone)
{
	uint8_t flags = TCP_ACK;

	if (len == unsent && len)
		flags |= TCP_PSH; /* MUST-61 */
	if (fin)
		flags |= TCP_FIN;
	if (!emit(w, c, flags, c->snd_nxt, c->snd_cur, c->snd_nxt - c->snd_cur_seq, len))
		return false;
	if (fin)
		c->flags |= C_FIN_SENT;
	if (len && len < c->mss)
		c->snd_sml = c->snd_nxt + len;
	if (w->now_ms - c->last_data_ms < w->conf.tcp.delack_ms)
		c->quickack |= QUICKACK_PINGPONG;
	if (alone)
		sent_alone(w, c, c->snd_nxt + len + fin);
	else
		sent_range(w, c, c->snd_nxt, c->snd_nxt + len + fin);
	c->snd_nxt += len + fin;
	tcp_snd_advance(c);
	return true;
}

/* What cwnd lets through, beside SND.WND. */
static inline uint32_t
cwnd_room(const struct tern_conn *c, uint32_t flight)
{
	const struct loss *l = c->loss;
	uint32_t cwnd = c->cwnd;

	if (unlikely(l != NULL)) {
		if (c->feat & F_SACK)
			flight = tcp_pipe(c);
		else if (!(c->flags & (C_RECOVERY | C_LOSS)))
			cwnd += RTE_MIN(l->dupacks, 2u) * c->mss; /* limited transmit: RFC 3042 */
	}
	return cwnd > flight ? cwnd - flight : 0;
}

/* How much of n bytes of new data the device gets at once: whole segments (the tail is Nagle's), in few enough pieces. */
static __rte_noinline uint32_t
tso_len(const struct tern_conn *c, uint32_t n)
{
	const struct rte_mbuf *m = c->snd_cur;
	const uint32_t most = RTE_MIN(TSO_SEGS, c->w->ifs[c->ifidx].tso_segs - 1u);
	uint32_t have = m->data_len - (c->snd_nxt - c->snd_cur_seq), segs;

	n = RTE_MIN(n, TSO_MAX);
	for (segs = 1; have < n && segs < most && m != c->snd_tail; segs++) {
		m = m->next;
		have += m->data_len;
	}
	n = RTE_MIN(n, have);
	return n > c->mss ? n / c->mss * c->mss : c->mss;
}

bool
tcp_output(struct tern_worker *w, struct tern_conn *c)
{
	const bool tso = w->ifs[c->ifidx].tx_tso;

	if (c->state == TERN_SYN_SENT || c->state == TERN_SYN_RECEIVED) {
		if (!(c->flags & C_TFO) || c->state == TERN_SYN_SENT)
			return output_syn(w, c);
		if (!output_synack(w, c)) /* and data after it */
			return false;
	}
	if (c->state == TERN_CLOSED)
		return true;
	/* Nothing in flight and no more than a segment to send, as is usual for requests and answers: no window holds it back. */
	if (usual(c->snd_una == c->snd_max && !c->loss && !(c->flags & (C_SACK | C_CORK | C_MORE | C_FIN_SENT)) &&
		  c->snd_queued <= RTE_MIN(c->snd_wnd, (uint32_t)c->mss) && c->mss <= c->cwnd)) {
		c->flags &= ~C_LIMITED;
		if (c->snd_queued || c->flags & C_FIN_QUEUED)
			return send_new(w, c, c->snd_queued, c->snd_queued, c->flags & C_FIN_QUEUED, true);
		return !(c->pend & P_ACK) || emit(w, c, TCP_ACK, c->snd_max, NULL, 0, 0);
	}
	/* SACK blocks have no room beside full segments of data: they go ahead. */
	if (unlikely(c->flags & C_SACK) && c->pend & P_ACK && !emit(w, c, TCP_ACK, c->snd_max, NULL, 0, 0))
		return false;
	c->flags &= ~C_LIMITED;
	if (unlikely(c->loss && c->loss->lost) && c->snd_nxt == c->snd_max && !output_lost(w, c))
		return false;
	for (;;) {
		const uint32_t end = c->snd_una + c->snd_queued;
		const uint32_t unsent = seq_lt(c->snd_nxt, end) ? end - c->snd_nxt : 0;
		const uint32_t flight = c->snd_nxt - c->snd_una, room = cwnd_room(c, flight);
		const uint32_t usable = c->snd_wnd > flight ? RTE_MIN(c->snd_wnd - flight, room) : 0;
		const uint32_t most = unlikely(tso) && RTE_MIN(unsent, usable) > c->mss && c->snd_nxt == c->snd_max &&
						      !(c->flags & (C_CWR | C_SND_URG)) ? /* of one segment, of each its own */
					      tso_len(c, RTE_MIN(unsent, usable)) :
					      c->mss;
		const uint32_t len = RTE_MIN(RTE_MIN(unsent, usable), most);
		/* Once sent, FIN is only due again when snd_nxt went back behind it. */
		const bool fin = c->flags & C_FIN_QUEUED && len == unsent &&
				 (!(c->flags & C_FIN_SENT) || seq_lt(c->snd_nxt, c->snd_max));

		if (room < c->mss || (c->cwnd < c->ssthresh && flight > c->cwnd / 2))
			c->flags |= C_LIMITED;
		if (len == 0 && !fin)
			break;
		if (!worth_sending(c, len, unsent, fin))
			break;
		if (!send_new(w, c, len, unsent, fin, false))
			return false;
		if (len == unsent)
			break;
	}
	if (c->pend & P_ACK && !emit(w, c, TCP_ACK, c->snd_max, NULL, 0, 0))
		return false;
	/* Data waits, nothing is in flight and no timer runs: the window is (nearly) closed, probe it (MUST-36), or corked. */
	if (!c->rto_at && c->snd_max == c->snd_una && seq_lt(c->snd_nxt, c->snd_una + c->snd_queued)) {
		c->flags |= C_PERSIST;
		c->unacked_us = w->now_us;
		if (corked(c))
			c->rto_at = w->now_us + CORK_US;
		else
			tcp_rto_start(w, c);
	}
	return true;
}

bool
tcp_send_probe(struct tern_worker *w, struct tern_conn *c)
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
tcp_probe_new(struct tern_worker *w, struct tern_conn *c)
{
	const uint32_t end = c->snd_una + c->snd_queued, flight = c->snd_nxt - c->snd_una;
	const uint32_t unsent = seq_lt(c->snd_nxt, end) ? end - c->snd_nxt : 0, len = RTE_MIN(unsent, (uint32_t)c->mss);

	if (!len || c->snd_nxt != c->snd_max || c->snd_wnd < flight + len)
		return false;
	return send_new(w, c, len, unsent, len == unsent && (c->flags & (C_FIN_QUEUED | C_FIN_SENT)) == C_FIN_QUEUED, false);
}

/*
 * Where in the send queue is seq? Runs know where they were sent from, but what was cut off one only where that began: the
 * search that is made then for each of a run's many lost parts, one after the other, goes on where the last one ended.
 */
static struct rte_mbuf *
find_sent(struct tern_conn *c, uint32_t seq, struct txrun *r, uint32_t *at)
{
	const uint32_t head = c->snd_una - c->snd_head_off;
	struct rte_mbuf *m = c->snd_head, *from;
	struct loss *l = c->loss;

	*at = head;
	if (r && r->m && seq_gt(r->m_seq, head)) {
		m = r->m;
		*at = r->m_seq;
	}
	if (l && l->retx_m && seq_ge(seq, l->retx_seq) && seq_gt(l->retx_seq, *at)) {
		m = l->retx_m;
		*at = l->retx_seq;
	}
	for (from = m; seq - *at >= m->data_len; m = m->next)
		*at += m->data_len;
	if (r) {
		r->m = m;
		r->m_seq = *at;
	}
	if (l && m != from) {
		l->retx_m = m;
		l->retx_seq = *at;
	}
	return m;
}

bool
tcp_retransmit(struct tern_worker *w, struct tern_conn *c, uint32_t seq, uint32_t end, struct txrun *r)
{
	const uint32_t data_end = c->snd_una + c->snd_queued;
	const uint32_t upto = seq_lt(end, data_end) ? end : data_end;
	const uint32_t len = seq_lt(seq, upto) ? RTE_MIN(upto - seq, (uint32_t)c->mss) : 0;
	const bool fin = c->flags & C_FIN_SENT && seq + len == data_end && seq_gt(end, data_end);
	struct rte_mbuf *m = NULL;
	uint32_t at = seq;

	if (len == 0 && !fin)
		return true;
	if (len)
		m = find_sent(c, seq, r, &at);
	if (!emit(w, c, TCP_ACK | (seq + len == data_end && len ? TCP_PSH : 0) | (fin ? TCP_FIN : 0), seq, m, seq - at, len))
		return false;
	sent_range(w, c, seq, seq + len + fin);
	return true;
}

bool
tcp_retransmit_one(struct tern_worker *w, struct tern_conn *c)
{
	return tcp_retransmit(w, c, c->snd_una, c->snd_una + RTE_MIN(c->snd_queued, (uint32_t)c->mss) + 1, NULL);
}
