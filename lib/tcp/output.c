/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What may be sent, and when.
 *
 * The send queue is a chain of mbuf segments from snd_una on; a cursor (snd_cur, snd_cur_seq) stands at the segment
 * that holds snd_nxt. Sender-side silly-window avoidance and Nagle: RFC 9293 3.8.6.2.1 and 3.7.4. Zero windows:
 * 3.8.6.1.
 */
#include <rte_mbuf.h>
#include "tcp/deadline.h"
#include "tcp/ecn.h"
#include "tcp/emit.h"
#include "tcp/loss.h"
#include "tcp/output.h"
#include "tcp/ref.h"
#include "tcp/sndq.h"

#define TSO_MAX 64000u /* bytes: an IP datagram holds 65,535 with its headers */
#define TSO_SEGS 32u   /* mbufs of data: what devices take in a packet they cut, 35 and more */
#define CORK_US 200000u /* how long a cork holds, as Linux's tcp(7) promises */

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
		c->rtt_at = (uint32_t)w->now_us;
	}
	if (c->snd_max == c->snd_una) {
		if (unlikely(w->now_us - c->unacked_at > c->rto_us) && c->srtt_us)
			restart_idle(c);
		c->unacked_at = w->now_us;
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
		c->rtt_at = (uint32_t)w->now_us;
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
	c->rtt_at = (uint32_t)w->now_us;
	if (unlikely(w->now_us - c->unacked_at > c->rto_us) && c->srtt_us)
		restart_idle(c);
	c->unacked_at = w->now_us;
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
		return !(c->pend & P_ACK) || tcp_emit(w, c, TCP_ACK, c->snd_max, NULL, 0, 0);
	if (unlikely(c->flags & C_TFO))
		tcp_tfo_offer(w, c, opt, &data);
	if (usual(!ack && !ecn && !(c->flags & C_TFO)))
		sent = tcp_emit_syn(w, c);
	else
		sent = tcp_emit_any(w, c, ack ? TCP_SYN | TCP_ACK : TCP_SYN | ecn, c->iss, c->snd_head, 0, data);
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
	if (!tcp_emit(w, c, flags, c->snd_nxt, c->snd_cur, c->snd_nxt - c->snd_cur_seq, len))
		return false;
	if (fin)
		c->flags |= C_FIN_SENT;
	if (len && len < c->mss)
		c->snd_sml = c->snd_nxt + len;
	if (w->now_ms - c->last_data_at_ms < w->conf.tcp.delack_ms)
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

/* How much of n bytes of new data the device gets at once: whole segments (the tail is Nagle's), in few enough pieces
 * that it can be attached to. */
static __rte_noinline uint32_t
tso_len(const struct tern_conn *c, uint32_t n)
{
	const struct rte_mbuf *m = c->snd_cur;
	const uint32_t most = RTE_MIN(TSO_SEGS, c->w->ifs[c->ifidx].tso_segs - 1u);
	uint32_t have = m->data_len - (c->snd_nxt - c->snd_cur_seq), segs;

	if (unlikely(mbuf_holders(m) >= HOLDERS_MAX))
		return c->mss;
	n = RTE_MIN(n, TSO_MAX);
	for (segs = 1; have < n && segs < most && m != c->snd_tail && mbuf_holders(m->next) < HOLDERS_MAX; segs++) {
		m = m->next;
		have += m->data_len;
	}
	n = RTE_MIN(n, have);
	return n > c->mss ? n / c->mss * c->mss : c->mss;
}

/* Something is left to send and no timer runs: the window is (nearly) closed, probe it (MUST-36), or corked. */
static void
wait_for_window(struct tern_worker *w, struct tern_conn *c)
{
	if (c->snd_max != c->snd_una) { /* a timeout found no room for what goes again; then the window was shut */
		tcp_rto_start(w, c);
		return;
	}
	c->flags = (c->flags & ~(C_TLP | C_REO)) | C_PERSIST; /* what rto_at was before */
	c->unacked_at = w->now_us;
	if (corked(c))
		c->rto_at = w->now_us + CORK_US;
	else
		tcp_rto_start(w, c);
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
	/* Nothing in flight and no more than a segment to send, as is usual for requests and answers: no window holds
	 * it back. */
	if (usual(c->snd_una == c->snd_max && !c->loss && !(c->flags & (C_SACK | C_CORK | C_MORE | C_FIN_SENT)) &&
		  c->snd_queued <= RTE_MIN(c->snd_wnd, (uint32_t)c->mss) && c->mss <= c->cwnd)) {
		c->flags &= ~C_LIMITED;
		if (c->snd_queued || c->flags & C_FIN_QUEUED)
			return send_new(w, c, c->snd_queued, c->snd_queued, c->flags & C_FIN_QUEUED, true);
		return !(c->pend & P_ACK) || tcp_emit(w, c, TCP_ACK, c->snd_max, NULL, 0, 0);
	}
	/* SACK blocks have no room beside full segments of data: they go ahead. */
	if (unlikely(c->flags & C_SACK) && c->pend & P_ACK && !tcp_emit(w, c, TCP_ACK, c->snd_max, NULL, 0, 0))
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
						      !(c->flags & (C_CWR | C_SND_URG))
					      ? /* of one segment, of each its own */
					      tso_len(c, RTE_MIN(unsent, usable))
					      : c->mss;
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
	if (c->pend & P_ACK && !tcp_emit(w, c, TCP_ACK, c->snd_max, NULL, 0, 0))
		return false;
	if (!c->rto_at && (c->snd_max != c->snd_una || seq_lt(c->snd_nxt, c->snd_una + c->snd_queued)))
		wait_for_window(w, c);
	return true;
}

bool
tcp_send_probe(struct tern_worker *w, struct tern_conn *c)
{
	const uint32_t unsent = c->snd_queued;
	/* What the window lets through, else one byte beyond it (RFC 9293 3.8.6.1). */
	const uint32_t len = RTE_MIN(RTE_MAX(RTE_MIN(c->snd_wnd, (uint32_t)c->mss), 1u), unsent);

	STAT_INC(w, PROBES);
	if (!c->snd_head || !tcp_emit(w, c, TCP_ACK, c->snd_una, c->snd_head, c->snd_head_off, len))
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
	return send_new(w, c, len, unsent, len == unsent && (c->flags & (C_FIN_QUEUED | C_FIN_SENT)) == C_FIN_QUEUED,
			false);
}

/*
 * Where in the send queue is seq? Runs know where they were sent from, but what was cut off one only where that began:
 * the search that is made then for each of a run's many lost parts, one after the other, goes on where the last one
 * ended.
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
	if (!tcp_emit(w, c, TCP_ACK | (seq + len == data_end && len ? TCP_PSH : 0) | (fin ? TCP_FIN : 0), seq, m,
		      seq - at, len))
		return false;
	sent_range(w, c, seq, seq + len + fin);
	return true;
}

bool
tcp_retransmit_one(struct tern_worker *w, struct tern_conn *c)
{
	return tcp_retransmit(w, c, c->snd_una, c->snd_una + RTE_MIN(c->snd_queued, (uint32_t)c->mss) + 1, NULL);
}
