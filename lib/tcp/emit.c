/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The building of segments: of one segment of a connection, headers, options and payload.
 *
 * Small payloads are copied behind the headers, larger ones are attached (the send queue keeps its reference until the
 * data is acknowledged), so a packet on the wire never shares writable headers with the queue.
 */
#include <string.h>
#include <rte_byteorder.h>
#include <rte_mbuf.h>
#include "tcp/ecn.h"
#include "tcp/emit.h"
#include "tcp/hdr.h"
#include "tcp/mem.h"
#include "tcp/reasm.h"
#include "tcp/ref.h"
#include "tcp/seq.h"

#define COPY_MAX 512u /* below, a copy is cheaper than an indirect mbuf's allocation and two atomic counts */
#define PLAIN_HDR (sizeof(struct rte_ipv4_hdr) + sizeof(struct rte_tcp_hdr))

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
		struct rte_mbuf *mi = mbufs_get(&w->mbufs);

		if (unlikely(!mi))
			return false;
		if (src->pool == w->mbufs.small) {
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

/* Are the len bytes from segment src at off in n pieces or less, each held by less than `holders`? */
static bool
attachable(const struct rte_mbuf *src, uint32_t off, uint32_t len, uint32_t n, uint32_t holders)
{
	for (; n && mbuf_holders(src) < holders; n--, src = src->next, off = 0) {
		if (len <= src->data_len - off)
			return true;
		len -= src->data_len - off;
	}
	return false;
}

/* As attach_payload() for more pieces than the device takes, or of what too many hold: copied, into full mbufs. */
static __rte_noinline bool
copy_pieces(struct tern_worker *w, struct rte_mbuf *m, struct rte_mbuf *src, uint32_t off, uint32_t len)
{
	struct rte_mbuf *tail = m;

	while (len) {
		uint32_t n = RTE_MIN(len, src->data_len - off);

		if (!rte_pktmbuf_tailroom(tail)) {
			tail->next = mbufs_get(&w->mbufs);
			if (unlikely(!tail->next))
				return false;
			tail = tail->next;
			tail->next = NULL;
			m->nb_segs++;
		}
		n = RTE_MIN(n, rte_pktmbuf_tailroom(tail));
		memcpy(rte_pktmbuf_mtod_offset(tail, void *, tail->data_len), rte_pktmbuf_mtod_offset(src, void *, off),
		       n);
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
add_payload(struct tern_worker *w, const struct tern_conn *c, struct rte_mbuf *m, struct rte_mbuf *src, uint32_t off,
	    uint32_t len)
{
	const struct iface *ifc = &w->ifs[c->ifidx];
	const bool cut = len > c->mss; /* then tso_len() has asked: too many full mbufs would be as bad for the
				        * device */

	if (likely(attachable(src, off, len, (cut ? ifc->tso_segs : ifc->tx_segs) - 1, cut ? UINT32_MAX : HOLDERS_MAX)))
		return attach_payload(w, m, src, off, len);
	return copy_pieces(w, m, src, off, len);
}

/* The lines of the mbuf that comes next from the pool, for as large a segment: whoever freed it has them. */
static inline void
prefetch_next(struct tern_worker *w, uint32_t len)
{
	const struct rte_mempool_cache *cache = w->mbufs.cache;
	const char *p;
	uint32_t i;

	if (!usual(cache && cache->len))
		return;
	p = (const char *)cache->objs[cache->len - 1] + w->mbufs.room + RTE_PKTMBUF_HEADROOM;
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

	ip->packet_id = rte_cpu_to_be_16(link_ip_id(&w->link, 4, &c->addr.raddr4));
	ip->fragment_offset = 0;
	ip->hdr_checksum = 0;
	if (!(m->ol_flags & RTE_MBUF_F_TX_IP_CKSUM))
		ip->hdr_checksum = (uint16_t)~cksum_fold(cksum_bytes(ip, sizeof(*ip)));
}

/* A frame without its Ethernet header to c's neighbour; there is room. */
static inline void
to_neighbour(struct tern_worker *w, const struct tern_conn *c, struct iface *ifc, struct rte_mbuf *m)
{
	const struct neigh *n = &w->neighs.at[c->neigh];

	if (usual(c->neigh != NEIGH_NONE && n->state == NEIGH_REACHABLE && !w->trace_pkt)) {
		m->data_off -= sizeof(n->l2);
		m->data_len = m->pkt_len = m->data_len + sizeof(n->l2);
		memcpy(rte_pktmbuf_mtod(m, void *), &n->l2, sizeof(n->l2));
		ifc->tx[ifc->n_tx++] = m;
	} else {
		link_output(&w->link, c->ifidx, c->neigh, m);
	}
}

/* Any segment, whatever it has to say. */
bool
tcp_emit_any(struct tern_worker *w, struct tern_conn *c, uint8_t flags, uint32_t seq, struct rte_mbuf *src,
	     uint32_t off, uint32_t len)
{
	const struct ends e = {&c->addr, &c->lport, c->af};
	struct tcp_head h = {.seq = seq, .flags = flags, .ttl = c->ttl, .tos = c->tos};
	const struct iface *ifc = &w->ifs[c->ifidx];
	uint64_t sum = 0;
	uint8_t opt[40], *p;
	struct rte_mbuf *m;
	uint16_t hlen;

	if (unlikely(!link_tx_room(ifc, 1)))
		return false;
	m = mbufs_get(&w->mbufs);
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
	if (len &&
	    (len <= COPY_MAX || !ifc->tx_multi_seg || (!ifc->tx_tcp_cksum && hlen + len <= rte_pktmbuf_tailroom(m)))) {
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
	c->segs_out++;
	if (flags & TCP_ACK)
		sent_ack(c);
	link_output(&w->link, c->ifidx, c->neigh, m);
	return true;
}

/* A segment over IPv4 with no option but timestamps, and data in one piece if any. */
static __rte_always_inline bool
emit_plain(struct tern_worker *w, struct tern_conn *c, struct iface *ifc, uint8_t flags, uint32_t seq,
	   struct rte_mbuf *src, uint32_t off, uint32_t len, const bool ts)
{
	const uint16_t optlen = ts ? TCP_OPT_TS_LEN : 0, hlen = PLAIN_HDR + optlen;
	const struct ends e = {&c->addr, &c->lport, 4};
	struct rte_mbuf *m = mbufs_get(&w->mbufs);
	struct tcp_head h;
	uint64_t sum = 0;
	uint8_t *p;

	if (unlikely(!m)) {
		STAT_INC(w, MBUF_EMPTY);
		return false;
	}
	h = (struct tcp_head){.seq = seq,
			      .ack = c->rcv_nxt,
			      .flags = flags,
			      .ttl = c->ttl,
			      .tos = c->tos,
			      .ts = ts,
			      .optlen = optlen,
			      .tsval = w->now_ms + c->ts_off,
			      .tsecr = c->ts_recent,
			      .wnd = advertise(c)};
	p = rte_pktmbuf_mtod(m, uint8_t *);
	m->data_len = m->pkt_len = hlen + len;
	if (len)
		sum = cksum_copy(p + hlen, rte_pktmbuf_mtod_offset(src, const uint8_t *, off), len);
	put_headers(ifc, m, p, e, &h, len, sum);
	count_out(w, flags);
	c->segs_out++;
	sent_ack(c);
	to_neighbour(w, c, ifc, m);
	return true;
}

/* The same before a trial has ended: nobody has read that text, nor may, so it has not come. Its ACK is still due. */
static __rte_noinline bool
emit_untried(struct tern_worker *w, struct tern_conn *c, uint8_t flags, uint32_t seq, struct rte_mbuf *src,
	     uint32_t off, uint32_t len)
{
	const uint32_t nxt = c->rcv_nxt;
	bool sent;

	c->rcv_nxt -= c->rcv_queued;
	sent = tcp_emit_any(w, c, flags, seq, src, off, len);
	c->rcv_nxt = nxt;
	c->pend |= P_ACK; /* on the list it is */
	return sent;
}

/*
 * One segment of c: control, or len bytes from src + off. @return false: no room or no mbuf. Nearly every one is
 * plain: what is constant then is known to the compiler.
 */
bool
tcp_emit(struct tern_worker *w, struct tern_conn *c, uint8_t flags, uint32_t seq, struct rte_mbuf *src, uint32_t off,
	 uint32_t len)
{
	struct iface *ifc = &w->ifs[c->ifidx];

	if (usual((c->flags & (C_PLAIN | C_SACK | C_ECN | C_SND_URG | C_TRIAL)) == C_PLAIN && link_tx_room(ifc, 1) &&
		  (!len || (len <= COPY_MAX && len <= c->mss && src->data_len - off >= len)))) {
		if (likely(c->feat & F_TS))
			return emit_plain(w, c, ifc, flags, seq, src, off, len, true);
		return emit_plain(w, c, ifc, flags, seq, src, off, len, false);
	}
	return c->flags & C_TRIAL ? emit_untried(w, c, flags, seq, src, off, len)
				  : tcp_emit_any(w, c, flags, seq, src, off, len);
}

/* The SYN of an active open, as tcp_emit(): what everyone offers, over IPv4. */
bool
tcp_emit_syn(struct tern_worker *w, struct tern_conn *c)
{
	struct iface *ifc = &w->ifs[c->ifidx];
	const struct ends e = {&c->addr, &c->lport, 4};
	struct tcp_head h;
	struct rte_mbuf *m;
	uint8_t opt[40];

	if (!usual(c->af == 4 && !ifc->tx_tcp_cksum && link_tx_room(ifc, 1) &&
		   syn_options(w, c, opt) == TCP_OPT_SYN_LEN))
		return tcp_emit_any(w, c, TCP_SYN, c->iss, NULL, 0, 0);
	m = mbufs_get(&w->mbufs);
	if (unlikely(!m)) {
		STAT_INC(w, MBUF_EMPTY);
		return false;
	}
	h = (struct tcp_head){.seq = c->iss, .flags = TCP_SYN, .ttl = c->ttl, .tos = c->tos, .optlen = TCP_OPT_SYN_LEN,
			       .opt = opt, .wnd = RTE_MIN(tcp_rcv_space(c), 65535u)}; /* never scaled: RFC 7323 2.2 */
	m->data_len = m->pkt_len = sizeof(struct rte_ipv4_hdr) + sizeof(struct rte_tcp_hdr) + TCP_OPT_SYN_LEN;
	put_headers(ifc, m, rte_pktmbuf_mtod(m, uint8_t *), e, &h, 0, 0);
	STAT_INC(w, OUT_SEGS);
	c->segs_out++;
	to_neighbour(w, c, ifc, m);
	return true;
}

bool
tcp_send_ctl(struct tern_worker *w, struct tern_conn *c, uint8_t flags, uint32_t seq)
{
	return tcp_emit(w, c, flags, seq, NULL, 0, 0); /* lost like any packet when there is no room */
}

/*
 * RFC 9293 3.10.5: <SEQ=SND.NXT><CTL=RST>. But not right of the peer's window, where the byte of a probe stands that
 * the peer did not take: there a RST is not acceptable (3.10.7.4, first). As Linux.
 */
void
tcp_send_rst(struct tern_worker *w, struct tern_conn *c)
{
	const uint32_t right = c->snd_una + c->snd_wnd;
	const bool beyond = c->state != TERN_SYN_RECEIVED && seq_gt(c->snd_max, right);

	tcp_send_ctl(w, c, TCP_RST | TCP_ACK, beyond ? right : c->snd_max);
}
