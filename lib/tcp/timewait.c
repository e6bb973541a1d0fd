/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * TIME-WAIT: a 64-byte record (96 for IPv6) in place of the connection, for 2 MSL (RFC 9293 3.6.1). It repeats the
 * last ACK for a retransmitted FIN and starts 2 MSL again, answers old data with an ACK, and gives way to a SYN that
 * is newer by timestamp or sequence number (RFC 6191, MAY-2). When no record is free the connection is closed at once
 * and counted, as Linux does at tcp_max_tw_buckets.
 *
 * RST is ignored (RFC 1337), but for one: a SYN that is not newer gets our ACK, and who sent it, another host behind
 * the same NAT perhaps, answers that with <SEQ=SEG.ACK><CTL=RST> (RFC 9293 3.10.7.3). At RCV.NXT, without ACK, and
 * with nothing of the old connection heard since, it ends the record; the SYN comes again a second later and gets in.
 * Linux lets any RST at RCV.NXT do so. What RFC 1337 fears needs an old duplicate of a SYN, and of nothing after it.
 */
#include <string.h>
#include "tcp/ecn.h"
#include "tcp/emit.h"
#include "tcp/hdr.h"
#include "tcp/seq.h"
#include "tcp/timewait.h"

enum { TW_TS_RECENT, TW_ORIGIN, TW_WND_FEAT }; /* kind_data */
#define TW_SYN 0x100u /* in TW_WND_FEAT, where TOS has the bits of ECN: the last answer was to a SYN */

static void
arm(struct tern_worker *w, struct timewait *tw)
{
	wheel_arm(&w->wheel, &tw->timer, us_to_tick(w->now_us + (uint64_t)w->conf.tcp.time_wait_ms * 1000));
}

/* The ACK of their FIN is due, now or from earlier in this burst: the output pass will not see c again. */
static int
last_ack(struct tern_worker *w, struct tern_conn *c, struct seg *s)
{
	const struct tcp_head r = {.seq = c->snd_max, .ack = c->rcv_nxt, .flags = TCP_ACK, .ttl = c->ttl, .tos = c->tos,
				    .wnd = RTE_MIN((c->rcv_adv - c->rcv_nxt) >> c->rcv_ws, 65535u),
				    .ts = c->feat & F_TS, .optlen = c->feat & F_TS ? TCP_OPT_TS_LEN : 0,
				    .tsval = w->now_ms + c->ts_off, .tsecr = c->ts_recent};

	if (likely(s->len == 0)) /* else the segment is in a queue by now */
		return tcp_reply(w, s, &r) == SEG_TAKEN ? SEG_TAKEN : SEG_DONE;
	tcp_send_ctl(w, c, TCP_ACK, c->snd_max);
	return SEG_DONE;
}

int
tcp_timewait_enter(struct tern_worker *w, struct tern_conn *c, struct seg *s)
{
	struct timewait *tw = pool_get(&w->timewaits[c->af == 6]);
	const uint32_t wnd = c->rcv_adv - c->rcv_nxt;
	const int rc = c->pend & P_ACK ? last_ack(w, c, s) : SEG_DONE;

	if (unlikely(!tw)) {
		STAT_INC(w, TW_OVERFLOW);
		tcp_drop(w, c, 0);
		return rc;
	}
	tcp_set_state(w, &c->o, TERN_TIME_WAIT);
	memcpy(&tw->hash, &c->hash, TW_SIZE4 - offsetof(struct tobj, hash));
	if (unlikely(c->af == 6))
		tw->addr = c->addr;
	tw->timer.pprev = NULL;
	tw->timer.user = c->ttl;
	tw->kind = TOBJ_TW;
	tw->snd_nxt = c->snd_max;
	tw->kind_data[TW_TS_RECENT] = c->ts_recent;
	tw->kind_data[TW_ORIGIN] = c->feat & F_PASSIVE ? c->ts_off : c->portset;
	tw->kind_data[TW_WND_FEAT] = RTE_MIN(wnd >> c->rcv_ws, 65535u) << 16 | (uint32_t)c->tos << 8 | c->feat;
	table_replace(&w->table, &c->o, &tw->o);
	STAT_INC(w, TW);
	tcp_conn_retire(w, c);
	arm(w, tw);
	return rc;
}

void
tcp_timewait_free(struct tern_worker *w, struct timewait *tw)
{
	wheel_cancel(&w->wheel, &tw->timer);
	table_remove(&w->table, &tw->o);
	if (!(tw->kind_data[TW_WND_FEAT] & F_PASSIVE) && tw->kind_data[TW_ORIGIN])
		portset_release(w, tw->kind_data[TW_ORIGIN] - 1, tw->lport);
	pool_put(&w->timewaits[tw->af == 6], tw);
}

uint16_t
tcp_timewait_wnd(const struct timewait *tw, uint8_t *feat)
{
	*feat = tw->kind_data[TW_WND_FEAT];
	return tw->kind_data[TW_WND_FEAT] >> 16;
}

void
tcp_timewait_timer(struct tern_worker *w, struct timewait *tw)
{
	if (unlikely(w->trace_state != NULL))
		w->trace_state(w, &tw->o, TERN_TIME_WAIT, TERN_CLOSED);
	STAT_INC(w, TW_EXPIRED);
	tcp_timewait_free(w, tw);
}

/* <SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK> in the received packet, which counts as dropped for reason. */
static int
reack(struct tern_worker *w, const struct timewait *tw, struct seg *s, int reason)
{
	struct tcp_head r = {.seq = tw->snd_nxt, .ack = tw->rcv_nxt, .flags = TCP_ACK, .ttl = tw->timer.user,
			      .wnd = tw->kind_data[TW_WND_FEAT] >> 16,
			      .tos = (uint8_t)(tw->kind_data[TW_WND_FEAT] >> 8) & ~TCP_ECN_MASK};
	uint32_t iss, ts_off;

	if (tw->kind_data[TW_WND_FEAT] & F_TS) {
		if (tw->kind_data[TW_WND_FEAT] & F_PASSIVE)
			ts_off = tw->kind_data[TW_ORIGIN];
		else
			tcp_isn(w, &s->flow, &iss, &ts_off);
		r.ts = true;
		r.tsval = w->now_ms + ts_off;
		r.tsecr = tw->kind_data[TW_TS_RECENT];
		r.optlen = TCP_OPT_TS_LEN;
	}
	if (tcp_reply(w, s, &r) != SEG_TAKEN)
		return reason;
	link_drops(&w->link, s->m, reason);
	STAT_INC(w, TW_REACK);
	return SEG_TAKEN;
}

/* The same of anything but their FIN: limited, as two ends may disagree, or somebody counts on an answer to each
 * segment. */
static int
answer(struct tern_worker *w, const struct timewait *tw, struct seg *s, int reason)
{
	return tcp_answer_allowed(w) ? reack(w, tw, s, reason) : reason;
}

static int
reset(struct tern_worker *w, struct timewait *tw, const struct seg *s)
{
	if (s->flags & TCP_ACK || s->seq != tw->rcv_nxt || !(tw->kind_data[TW_WND_FEAT] & TW_SYN)) {
		STAT_INC(w, TW_RST_IGNORED);
		return STAT_DROP_TW;
	}
	if (unlikely(w->trace_state != NULL))
		w->trace_state(w, &tw->o, TERN_TIME_WAIT, TERN_CLOSED);
	STAT_INC(w, TW_RST);
	tcp_timewait_free(w, tw);
	return SEG_DONE;
}

bool
tcp_timewait_newer(const struct timewait *tw, const struct seg *s)
{
	struct tcp_opts o;

	if (likely((s->flags & (TCP_SYN | TCP_ACK | TCP_FIN | TCP_RST)) != TCP_SYN))
		return false;
	tcp_opt_parse(s->opt, s->optlen, true, &o);
	if (tw->kind_data[TW_WND_FEAT] & F_TS && o.has_ts) {
		if (seq_gt(o.tsval, tw->kind_data[TW_TS_RECENT]))
			return true;
		if (o.tsval != tw->kind_data[TW_TS_RECENT])
			return false;
	}
	return seq_gt(s->seq, tw->rcv_nxt);
}

int
tcp_timewait_input(struct tern_worker *w, struct timewait *tw, struct seg *s)
{
	const uint8_t feat = tw->kind_data[TW_WND_FEAT];
	struct tcp_opts o = {0};

	if (s->flags & TCP_RST)
		return reset(w, tw, s);
	if (s->optlen)
		tcp_opt_parse(s->opt, s->optlen, s->flags & TCP_SYN, &o);
	if (!(s->flags & (TCP_SYN | TCP_ACK))) /* no segment of a synchronised peer: RFC 9293 3.10.7.4, fifth */
		return STAT_DROP_TW;
	if ((s->flags & (TCP_SYN | TCP_ACK)) == TCP_SYN)
		tw->kind_data[TW_WND_FEAT] |= TW_SYN;
	else
		tw->kind_data[TW_WND_FEAT] &= ~TW_SYN;
	if (feat & F_TS && o.has_ts && seq_lt(o.tsval, tw->kind_data[TW_TS_RECENT]) &&
	    !(s->flags & (TCP_SYN | TCP_FIN)))
		return answer(w, tw, s, STAT_DROP_PAWS);
	if (s->flags & TCP_FIN && s->seq + s->len + 1 == tw->rcv_nxt) { /* their FIN again: our ACK was lost */
		arm(w, tw);
		return reack(w, tw, s, STAT_DROP_TW);
	}
	if (s->len == 0 && !(s->flags & (TCP_SYN | TCP_FIN)) && s->seq == tw->rcv_nxt)
		return STAT_DROP_TW; /* a plain duplicate ACK needs no answer */
	return answer(w, tw, s, STAT_DROP_TW);
}
