/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SEGMENT ARRIVES, RFC 9293 3.10.7, in the RFC's own order: one small function a step. A step returns 0 to go on, else
 * what becomes of the segment (SEG_DONE, SEG_TAKEN or a drop reason). Input changes state and marks the connection;
 * what has to be sent goes out in the pass after the burst, but for a reset and DCTCP's ACK before a change of CE.
 * Challenge ACKs: RFC 5961. PAWS: RFC 7323 5.
 */
#include <errno.h>
#include "tcp/deadline.h"
#include "tcp/ecn.h"
#include "tcp/emit.h"
#include "tcp/input.h"
#include "tcp/loss.h"
#include "tcp/opt.h"
#include "tcp/output.h"
#include "tcp/pmtu.h"
#include "tcp/reasm.h"
#include "tcp/recovery.h"
#include "tcp/timewait.h"

#define CHALLENGE_PERIOD_MS 5000u	   /* RFC 5961 7: no more than 10 in any 5 s */
#define CHALLENGE_MAX 10u
#define CHALLENGE_ALL 1000u /* a second, half to one and a half of it: as Linux's tcp_challenge_ack_limit */
#define PAWS_IDLE (24ull * 24 * 3600 * 1000000 >> 32) /* of tcp_paws_clock(): ts_recent is void after 24 days, RFC
						       * 7323 5.5 */

enum { GO_ON = -2, PROCESS_ACK = -3 }; /* the next step; the part of the fourth that is common to all */

/*
 * An ACK that the peer did not earn with data: 10 in 5 s, which also ends loops of two ends that acknowledge each
 * other. The budget is the connection's own, so that nobody learns from it about another one (CVE-2016-5696).
 */
static bool
ack_allowed(struct tern_worker *w, struct tern_conn *c, enum stat skipped)
{
	if (w->now_ms - c->challenge_at_ms >= CHALLENGE_PERIOD_MS) {
		c->challenge_at_ms = w->now_ms;
		c->challenge = 0;
	}
	if (c->challenge >= CHALLENGE_MAX) {
		w->stats[skipped]++;
		return false;
	}
	c->challenge++;
	return true;
}

/* The ACK of a segment that is not acceptable: RFC 9293 3.10.7.4, first. */
static void
unacceptable_ack(struct tern_worker *w, struct tern_conn *c, enum stat skipped)
{
	if (ack_allowed(w, c, skipped))
		tcp_mark(c, P_ACK);
}

/* All connections' challenge ACKs in a second: a number that can't be known, so counting replies tells nothing. */
static bool
challenge_allowed(struct tern_worker *w)
{
	if (w->now_ms - w->answers.challenge_at_ms >= 1000) {
		w->answers.challenge_at_ms = w->now_ms;
		w->answers.challenge_left =
			CHALLENGE_ALL / 2 + (uint32_t)((core_rand(&w->core) >> 32) * CHALLENGE_ALL >> 32);
	}
	if (!w->answers.challenge_left)
		return false;
	w->answers.challenge_left--;
	return true;
}

/* RFC 5961: whoever meant this knows the right number, and will say so. */
static void
challenge_ack(struct tern_worker *w, struct tern_conn *c)
{
	if (!ack_allowed(w, c, STAT_ACK_SKIPPED_CHALLENGE))
		return;
	if (!challenge_allowed(w)) {
		STAT_INC(w, ACK_SKIPPED_CHALLENGE);
		return;
	}
	STAT_INC(w, CHALLENGE_ACK);
	tcp_mark(c, P_ACK);
}

/* --- SYN-SENT: 3.10.7.3 ------------------------------------------------------------------------------------------- */

static void
take_syn_options(struct tern_worker *w, struct tern_conn *c, const struct seg *s, const struct tcp_opts *o)
{
	const struct tern_tcp_conf *conf = &w->conf.tcp;
	uint8_t feat = 0;

	if (o->has_ts && conf->timestamps) {
		feat |= F_TS;
		c->ts_recent = o->tsval;
		c->ts_recent_at = tcp_paws_clock(w);
	}
	if (o->sack_ok && conf->sack)
		feat |= F_SACK;
	if (o->has_ws && conf->wscale)
		feat |= F_WS;
	tcp_negotiate(w, c, o->has_mss ? o->mss : 0, feat, o->ws);
	if ((s->flags & (TCP_ACK | TCP_ECN_FLAGS)) == (TCP_ACK | TCP_ECE) && tcp_ecn_asks(c))
		c->flags |= C_ECN;
	c->irs = s->seq;
	c->rcv_nxt = c->last_ack = s->seq + 1;
	c->rcv_adv = c->rcv_nxt + RTE_MIN(tcp_rcv_space(c), 65535u); /* what the SYN said */
	c->snd_wnd = c->max_wnd = s->wnd; /* unscaled on a SYN */
	c->snd_wl1 = s->seq;
}

/* Our SYN is acknowledged: time it, and know what RFC 6298 5.7 and RFC 5681 3.1 say of a SYN that was lost. */
static void
syn_acked(struct tern_worker *w, struct tern_conn *c, const struct tcp_opts *o)
{
	const bool lost = c->backoff != 0;

	c->snd_una = c->iss + 1;
	if (seq_lt(c->snd_nxt, c->snd_una))
		c->snd_nxt = c->snd_una;
	if (c->flags & C_RTT)
		tcp_rtt_sample(w, c, (uint32_t)w->now_us - c->rtt_at);
	else if (!tcp_rtt_echoed(w, c, o, w->now_us - c->unacked_at) && lost)
		c->rto_us = 3000000;
	c->flags &= ~C_RTT;
	if (lost)
		c->cwnd = c->mss;
	tcp_established(w, c);
	if (c->flags & C_FIN_QUEUED)
		tcp_set_state(w, &c->o, TERN_FIN_WAIT_1);
	tcp_mark(c, c->feat & F_PASSIVE ? P_OUTPUT : P_CONNECTED | P_OUTPUT);
}

/* --- the other states: 3.10.7.4 --------------------------------------------------------------------------------- */

static bool
ts_recent_void(const struct tern_worker *w, const struct tern_conn *c)
{
	return (uint16_t)(tcp_paws_clock(w) - c->ts_recent_at) > PAWS_IDLE;
}

/*
 * RFC 7323 5.3 R1. Once negotiated every segment but RST should carry one, and what lacks it SHOULD be dropped
 * silently (3.2). As Linux it is taken here, by its numbers alone: middleboxes take the option away, and keep-alives
 * of several systems come without; a silent drop would end such connections by timeout. It tells no round trip and
 * moves no TS.Recent.
 */
static int
check_timestamp(struct tern_worker *w, struct tern_conn *c, const struct seg *s, const struct tcp_opts *o)
{
	if (s->flags & TCP_RST)
		return GO_ON;
	if (!o->has_ts) {
		STAT_INC(w, TS_MISSING);
		return GO_ON;
	}
	if (seq_lt(o->tsval, c->ts_recent) && !ts_recent_void(w, c)) {
		unacceptable_ack(w, c, STAT_ACK_SKIPPED_PAWS);
		return STAT_DROP_PAWS;
	}
	return GO_ON;
}

/* Where the peer's FIN stood: as Linux, whose kin reset there once they have closed. Nobody else has a FIN to count. */
static bool
at_fin(const struct tern_conn *c, const struct seg *s)
{
	return c->flags & C_FIN_RCVD && s->seq == c->rcv_nxt - 1;
}

/* Left of the window: cut what we have. @return false: nothing is left. */
static bool
cut_old(struct tern_conn *c, struct seg *s)
{
	const uint32_t old = c->rcv_nxt - s->seq, cut = RTE_MIN(old, s->len);
	const bool all = old >= s->len + !!(s->flags & TCP_FIN);

	s->seq = c->rcv_nxt;
	s->data_off += cut;
	s->len -= cut;
	if (s->flags & TCP_URG)
		s->urp -= RTE_MIN(cut, s->urp);
	if (all)
		s->flags &= ~TCP_FIN;
	return !all;
}

/*
 * Text or a FIN outside the window. What comes again is acknowledged each time (RFC 2883 4): our ACK may have been
 * lost. So is what probes a closed window. Nothing else is sent by a peer that keeps to the window: that has the
 * connection's budget.
 */
static int
outside(struct tern_worker *w, struct tern_conn *c, bool honest)
{
	if (honest)
		tcp_mark(c, P_ACK);
	else
		unacceptable_ack(w, c, STAT_ACK_SKIPPED_SEQ);
	return STAT_DROP_SEQ;
}

/* First: sequence number. Trims the segment to the window. */
static int
check_sequence(struct tern_worker *w, struct tern_conn *c, struct seg *s)
{
	const uint32_t wnd = seq_gt(c->rcv_adv, c->rcv_nxt) ? c->rcv_adv - c->rcv_nxt : 0, right = c->rcv_nxt + wnd;
	const uint32_t seqlen = tcp_seqlen(s);
	uint32_t old;

	if (usual(s->seq == c->rcv_nxt && seqlen <= wnd && !(s->flags & (TCP_SYN | TCP_RST))))
		return GO_ON;
	if (s->flags & TCP_RST) /* whatever it carries (SHLD-2): only where it stands matters, check_rst() */
		return (seq_ge(s->seq, c->rcv_nxt) && seq_le(s->seq, right)) || at_fin(c, s) ? GO_ON : STAT_DROP_SEQ;
	if (c->state == TERN_SYN_RECEIVED && (s->flags & (TCP_SYN | TCP_ACK)) == TCP_SYN && s->seq == c->irs &&
	    c->flags & C_TFO) {
		c->flags |= C_SYNACK; /* it was lost */
		c->backoff |= 1;
		tcp_mark(c, P_OUTPUT);
		return SEG_DONE;
	}
	/* The SYN of a simultaneous open comes again on their SYN-ACK: its ACK and its window are news. */
	if (c->state == TERN_SYN_RECEIVED && s->flags & TCP_SYN && s->seq == c->irs && !(c->flags & C_TFO)) {
		s->seq++;
	} else if (s->flags & TCP_SYN) { /* RFC 5961 4.2: whatever its sequence number */
		STAT_INC(w, SYN_CHALLENGE);
		challenge_ack(w, c);
		return STAT_DROP_SEQ;
	}
	if (seqlen == 0) {
		/* The right edge itself is where the ACKs of a peer stand that filled the window. */
		if (seq_ge(s->seq, c->rcv_nxt) && seq_le(s->seq, right))
			return GO_ON;
		/* An old sequence number on the ACK of our FIN: nothing but that ACK is still of use. */
		if (c->state == TERN_LAST_ACK && s->seq == c->rcv_nxt - 1 && s->ack == c->snd_max)
			return GO_ON;
		unacceptable_ack(w, c, STAT_ACK_SKIPPED_SEQ);
		return STAT_DROP_SEQ;
	}
	if (seq_lt(s->seq, c->rcv_nxt)) {
		old = c->rcv_nxt - s->seq;
		if (old > RTE_MAX(c->rcv_buf, 65535u) + seqlen) /* sent before the window that it would be of */
			return outside(w, c, false);
		tcp_dsack(c, s->seq, s->seq + RTE_MIN(old, s->len));
		if (!cut_old(c, s))
			return outside(w, c, true);
		tcp_mark(c, P_ACK);
	}
	if (seq_gt(s->seq + s->len + !!(s->flags & TCP_FIN), right)) {
		if (seq_ge(s->seq, right) && !(s->seq == c->rcv_nxt && wnd == 0))
			return outside(w, c, s->seq == right); /* a probe that knows of no window less than this */
		/* A closed window still takes ACK and RST (MUST-66); the data is refused with an ACK. */
		s->flags &= ~TCP_FIN;
		if (seq_gt(s->seq + s->len, right))
			s->len = right - s->seq;
		if (s->len == 0)
			tcp_mark(c, P_ACK);
	}
	return GO_ON;
}

/* Where the peer stands if text of its was not kept here: as hard to guess as RCV.NXT (Linux takes the last SACKed
 * number). */
static bool
at_refused(const struct tern_conn *c, const struct seg *s)
{
	return c->rare && c->rare->has_refused && s->seq == c->rare->refused;
}

/* Second: RST. RFC 5961 3.2. */
static int
check_rst(struct tern_worker *w, struct tern_conn *c, const struct seg *s)
{
	if (!(s->flags & TCP_RST))
		return GO_ON;
	if (s->seq != c->rcv_nxt && !at_fin(c, s) && !at_refused(c, s)) {
		challenge_ack(w, c);
		return STAT_DROP_RST_SEQ;
	}
	if (unlikely(c->flags & C_TFO))
		tcp_tfo_reset(w);
	if (c->state == TERN_SYN_RECEIVED && !(c->feat & F_PASSIVE)) /* MUST-11 */
		tcp_drop(w, c, -ECONNREFUSED);
	else
		tcp_drop(w, c, -ECONNRESET);
	return SEG_DONE;
}

/* Our FIN is acknowledged. @return GO_ON, or what becomes of s when the connection is over. */
static int
fin_acked(struct tern_worker *w, struct tern_conn *c, struct seg *s)
{
	switch (c->state) {
	case TERN_FIN_WAIT_1:
		tcp_set_state(w, &c->o, TERN_FIN_WAIT_2);
		if (c->flags & C_ORPHAN) {
			c->limit_at = w->now_us + (uint64_t)w->conf.tcp.fin_timeout_ms * 1000;
			tcp_timer_sync(w, c);
		}
		return GO_ON;
	case TERN_CLOSING:
		return tcp_timewait_enter(w, c, s);
	case TERN_LAST_ACK:
		tcp_drop(w, c, 0);
		return SEG_DONE;
	}
	return GO_ON;
}

/* RFC 7323 4.3, of a timestamp that is not old. */
static inline void
newer_ts(struct tern_worker *w, struct tern_conn *c, const struct seg *s, const struct tcp_opts *o)
{
	if (seq_le(s->seq, c->last_ack)) {
		c->ts_recent = o->tsval;
		c->ts_recent_at = tcp_paws_clock(w);
	}
}

/* Only for a segment whose ACK was good, else anyone could push ts_recent ahead (RFC 5961 5.2). */
static void
update_ts_recent(struct tern_worker *w, struct tern_conn *c, const struct seg *s, const struct tcp_opts *o)
{
	if (c->feat & F_TS && o->has_ts && (seq_ge(o->tsval, c->ts_recent) || ts_recent_void(w, c)))
		newer_ts(w, c, s, o);
}

/* SYN-RECEIVED of a connection: their ACK. @return GO_ON, or PROCESS_ACK: it may say more than that our SYN is
 * acknowledged. */
static int
opened(struct tern_worker *w, struct tern_conn *c, struct seg *s, const struct tcp_opts *o)
{
	const bool tfo = c->flags & C_TFO, syn = s->flags & TCP_SYN; /* tfo: its SYN is not counted in SND.UNA */

	if (seq_lt(s->ack, c->snd_una + !tfo) || seq_gt(s->ack, c->snd_max))
		return tcp_reset_reply(w, s, STAT_DROP_ACK);
	c->snd_wnd = c->max_wnd = (uint32_t)s->wnd << (syn ? 0 : c->snd_ws); /* RFC 7323 2.2 */
	c->snd_wl1 = s->seq;
	syn_acked(w, c, o);
	if (unlikely(c->ofo != NULL)) {
		tcp_syn_text_release(w, c);
		if (seq_lt(s->seq, c->rcv_nxt))
			cut_old(c, s); /* the same text again */
	}
	if (unlikely(tfo)) {
		tcp_tfo_confirmed(w, c);
		tcp_pmtu_opened(w, c, 0);
		if (c->snd_max != c->snd_una)
			tcp_rto_start(w, c);
	}
	if (!syn)
		return PROCESS_ACK;
	s->flags &= ~TCP_SYN;
	update_ts_recent(w, c, s, o);
	return GO_ON;
}

/* Fourth: ACK. */
static int
check_ack(struct tern_worker *w, struct tern_conn *c, struct seg *s, const struct tcp_opts *o)
{
	if (!(s->flags & TCP_ACK))
		return STAT_DROP_TCP_FLAGS;
	if (c->state == TERN_SYN_RECEIVED)
		return opened(w, c, s, o);
	if (seq_gt(s->ack, c->snd_max)) {
		challenge_ack(w, c);
		return STAT_DROP_ACK;
	}
	if (seq_lt(s->ack, c->snd_una)) {
		if (seq_lt(s->ack, c->snd_una - c->max_wnd)) { /* RFC 5961 5.2 */
			challenge_ack(w, c);
			return STAT_DROP_ACK;
		}
		update_ts_recent(w, c, s, o);
		tcp_ack_old(w, c, s, o);
		return GO_ON; /* an old duplicate: its data may be new */
	}
	return PROCESS_ACK;
}

/* Sixth: URG. Inline (RFC 6093 5): the application is told how far it reaches, the data comes with the rest. */
static void
take_urgent(struct tern_worker *w, struct tern_conn *c, const struct seg *s)
{
	const uint32_t up = s->seq + s->urp; /* the octet after the urgent data: MUST-62 */

	if (c->flags & (C_ORPHAN | C_FIN_RCVD | C_SHUT_RD) || seq_le(up, c->rcv_nxt - c->rcv_queued))
		return; /* read long ago */
	if (c->flags & C_RCV_URG && seq_le(up, c->rare->rcv_up))
		return;
	tcp_rare(c)->rcv_up = up;
	c->flags |= C_RCV_URG;
	STAT_INC(w, URG_RX);
	tcp_mark(c, P_URGENT);
}

/* Text that nobody will read. */
static __rte_noinline int
unwanted_data(struct tern_worker *w, struct tern_conn *c, struct seg *s)
{
	if (c->flags & C_ORPHAN) { /* RFC 1122 4.2.2.13, SHLD-3 */
		STAT_INC(w, ABORT_ON_DATA);
		tcp_send_rst(w, c);
		tcp_drop(w, c, -ECONNRESET);
		return STAT_DROP_CLOSED_RX;
	}
	tcp_mark(c, P_ACK);
	if (s->seq != c->rcv_nxt)
		return STAT_DROP_SHUT_RX;
	c->rcv_nxt += s->len;
	STAT_INC(w, RCV_SHUT);
	return SEG_DONE;
}

/* Seventh: segment text. */
static int
take_data(struct tern_worker *w, struct tern_conn *c, struct seg *s)
{
	if (s->len == 0)
		return SEG_DONE;
	if (c->state != TERN_ESTABLISHED && c->state != TERN_FIN_WAIT_1 && c->state != TERN_FIN_WAIT_2)
		return STAT_DROP_CLOSED_RX; /* beyond their FIN */
	if (unlikely(c->flags & (C_ORPHAN | C_SHUT_RD)))
		return unwanted_data(w, c, s);
	return tcp_data(w, c, s);
}

/* Eighth: FIN, in order. @return SEG_DONE, or SEG_TAKEN when s became its ACK. */
static int
take_fin(struct tern_worker *w, struct tern_conn *c, struct seg *s)
{
	c->rcv_nxt++;
	c->flags |= C_FIN_RCVD;
	c->flags &= ~C_OFO_FIN;
	if (unlikely(c->ofo != NULL)) /* beyond the FIN: none of the stream */
		tcp_ofo_free(w, c);
	tcp_mark_readable(c, P_ACK);
	switch (c->state) {
	case TERN_ESTABLISHED:
		tcp_set_state(w, &c->o, TERN_CLOSE_WAIT);
		break;
	case TERN_FIN_WAIT_1:
		tcp_set_state(w, &c->o, TERN_CLOSING);
		break;
	case TERN_FIN_WAIT_2:
		return tcp_timewait_enter(w, c, s);
	}
	return SEG_DONE;
}

/* Text with the FIN, or before one that is known. */
static __rte_noinline int
text_and_fin(struct tern_worker *w, struct tern_conn *c, struct seg *s)
{
	uint32_t fin_seq = s->seq + s->len;
	bool fin = s->flags & TCP_FIN;
	const int rc = take_data(w, c, s);

	if (rc > 0 || c->state == TERN_CLOSED)
		return rc;
	if (fin && fin_seq != c->rcv_nxt && seq_gt(fin_seq, c->rcv_nxt)) {
		if (!(c->flags & C_FIN_RCVD))
			c->flags |= C_OFO_FIN;
		c->ofo_fin = fin_seq;
		tcp_mark(c, P_ACK);
	}
	if (unlikely(c->flags & C_OFO_FIN && c->rcv_nxt == c->ofo_fin))
		fin = true, fin_seq = c->ofo_fin;
	if (fin && fin_seq == c->rcv_nxt && !(c->flags & (C_FIN_RCVD | C_TRIAL))) /* on trial: it comes again */
		return take_fin(w, c, s) == SEG_TAKEN ? SEG_TAKEN : rc;
	return rc;
}

int
tcp_text_and_fin(struct tern_worker *w, struct tern_conn *c, struct seg *s)
{
	if (usual(!(s->flags & TCP_FIN) && !(c->flags & C_OFO_FIN)))
		return take_data(w, c, s);
	return text_and_fin(w, c, s);
}

/* Text that came with the SYN-ACK: what is beyond the window comes again. */
static __rte_noinline int
synack_text(struct tern_worker *w, struct tern_conn *c, struct seg *s)
{
	const uint32_t wnd = c->rcv_adv - c->rcv_nxt;

	if (s->len + !!(s->flags & TCP_FIN) > wnd) {
		s->flags &= ~TCP_FIN;
		s->len = RTE_MIN(s->len, wnd);
	}
	return tcp_text_and_fin(w, c, s);
}

/* SYN-SENT: 3.10.7.3. */
static __rte_noinline int
syn_sent(struct tern_worker *w, struct tern_conn *c, struct seg *s)
{
	const bool acceptable = s->flags & TCP_ACK && seq_gt(s->ack, c->iss) && seq_le(s->ack, c->snd_max);
	struct tcp_opts o;

	if (s->flags & TCP_ACK && !acceptable)
		return s->flags & TCP_RST ? STAT_DROP_ACK : tcp_reset_reply(w, s, STAT_DROP_ACK);
	if (s->flags & TCP_RST) {
		if (!acceptable)
			return STAT_DROP_RST_SEQ;
		tcp_drop(w, c, -ECONNREFUSED);
		return SEG_DONE;
	}
	if (!(s->flags & TCP_SYN))
		return STAT_DROP_TCP_FLAGS;
	tcp_opt_parse(s->opt, s->optlen, true, &o);
	take_syn_options(w, c, s, &o);
	if (acceptable) {
		syn_acked(w, c, &o);
		if (unlikely(c->flags & C_TFO))
			tcp_tfo_answer(w, c, s, &o);
		tcp_mark(c, P_ACK);
		s->seq++; /* text that came with the SYN: the sixth step and on */
		return unlikely(s->len || s->flags & TCP_FIN) ? synack_text(w, c, s) : SEG_DONE;
	}
	/* Simultaneous open (MUST-10): answer with SYN-ACK and wait for theirs. */
	tcp_set_state(w, &c->o, TERN_SYN_RECEIVED);
	c->snd_nxt = c->iss;
	if (unlikely(c->flags & C_TFO)) {
		c->flags &= ~C_TFO;
		tcp_tfo_plain(c);
	}
	c->rto_at = 0;
	tcp_mark(c, P_OUTPUT);
	s->seq++; /* a FIN comes again */
	s->len = RTE_MIN(s->len, c->rcv_adv - c->rcv_nxt);
	return tcp_syn_text_keep(w, c, s);
}

/* The first four steps for any segment. */
static __rte_noinline int
check_any(struct tern_worker *w, struct tern_conn *c, struct seg *s, struct tcp_opts *o)
{
	int rc;

	tcp_opt_parse(s->opt, s->optlen, false, o);
	if (c->feat & F_TS) {
		rc = check_timestamp(w, c, s, o);
		if (rc != GO_ON)
			return rc;
	}
	rc = check_sequence(w, c, s);
	if (rc != GO_ON)
		return rc;
	rc = check_rst(w, c, s);
	if (rc != GO_ON)
		return rc;
	c->last_rx_at_ms = w->now_ms;
	return check_ack(w, c, s, o);
}

/* Timestamps that are not old if they were agreed on, and nothing else. @return false: look closer. */
static inline bool
usual_options(const struct tern_conn *c, const struct seg *s, struct tcp_opts *o)
{
	if (likely(c->feat & F_TS))
		return tcp_opt_usual(s->opt, s->optlen, o) && seq_ge(o->tsval, c->ts_recent);
	memset(o, 0, offsetof(struct tcp_opts, sack));
	return s->optlen == 0;
}

/* What check_any() would find nothing about: next in order, all of it in the window, not old, an ACK of what was
 * sent. */
static inline bool
is_usual(const struct tern_conn *c, const struct seg *s, struct tcp_opts *o)
{
	return c->state != TERN_SYN_SENT && c->state != TERN_SYN_RECEIVED && usual_options(c, s, o) &&
	       (s->flags & (TCP_ACK | TCP_SYN | TCP_RST)) == TCP_ACK && s->seq == c->rcv_nxt &&
	       seq_le(s->seq + s->len + (s->flags & TCP_FIN), c->rcv_adv) &&
	       s->ack - c->snd_una <= c->snd_max - c->snd_una;
}

/* --- marks of congestion: RFC 3168, RFC 8257 -------------------------------------------------------------------- */

/* RFC 8257 3.2: when the state changes, what came before is acknowledged with the old one, and this at once with the
 * new. */
static void
echo_state(struct tern_worker *w, struct tern_conn *c, bool ce)
{
	if (ce == !!(c->flags & C_ECE))
		return;
	if (c->rcv_nxt != c->last_ack)
		tcp_send_ctl(w, c, TCP_ACK, c->snd_max);
	c->flags ^= C_ECE;
	tcp_mark(c, P_ACK);
}

/* RFC 3168 6.1.3 */
static void
echo_until_cwr(struct tern_conn *c, const struct seg *s, bool ce)
{
	if (s->flags & TCP_CWR)
		c->flags &= ~C_ECE;
	if (ce) {
		c->flags |= C_ECE;
		tcp_mark(c, P_ACK); /* not delayed: the sender is to slow down within this round trip */
	}
}

/* An acceptable segment of a connection that agreed on ECN, after its ACK was processed. */
static __rte_noinline void
ecn_input(struct tern_worker *w, struct tern_conn *c, const struct seg *s)
{
	const bool ce = (s->tos & TCP_ECN_MASK) == ECN_CE, ece = s->flags & TCP_ECE;
	const struct cc *cc = cc_get(c->cc);

	if (c->state == TERN_CLOSED)
		return;
	if (ce)
		STAT_INC(w, IN_CE);
	if (s->len && cc->marks)
		echo_state(w, c, ce);
	else if (s->len)
		echo_until_cwr(c, s, ce);
	if (cc->marks) {
		tcp_loss(c);
		cc->marks(c, ece);
	}
	if (ece && !(seq_ge(tcp_rare(c)->cwr_seq, c->snd_una) && seq_le(c->rare->cwr_seq, c->snd_max))) {
		STAT_INC(w, ECE_RX);
		tcp_congestion(c, true);
		c->rare->cwr_seq = c->snd_max;
		c->flags |= C_CWR;
	}
}

int
tcp_conn_input(struct tern_worker *w, struct tern_conn *c, struct seg *s)
{
	struct tcp_opts o;
	int rc;

	if (usual(is_usual(c, s, &o))) {
		if (o.has_ts)
			newer_ts(w, c, s, &o);
		rc = PROCESS_ACK;
	} else if (c->state == TERN_SYN_SENT) {
		rc = syn_sent(w, c, s);
	} else {
		rc = check_any(w, c, s, &o);
		if (rc == PROCESS_ACK)
			update_ts_recent(w, c, s, &o);
	}
	if (likely(rc == PROCESS_ACK)) {
		c->last_rx_at_ms = w->now_ms;
		rc = tcp_ack(w, c, s, &o) ? fin_acked(w, c, s) : GO_ON;
	}
	if (unlikely(rc != GO_ON))
		return rc;
	if (unlikely(s->flags & TCP_URG)) /* sixth */
		take_urgent(w, c, s);
	if (unlikely(c->flags & C_ECN))
		ecn_input(w, c, s);
	return s->len || s->flags & TCP_FIN ? tcp_text_and_fin(w, c, s) : SEG_DONE;
}
