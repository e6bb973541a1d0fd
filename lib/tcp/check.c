/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The invariants of a connection, executable. Nothing here changes what it looks at, and nothing is believed that
 * would make the checker itself fail: chains are walked no further than each mbuf once, rings and lists no further
 * than they say they are long.
 *
 * Most hold at any time but inside a call. Those of timers hold once the pass over the pending list is over: input and
 * user calls set a deadline and mark the connection, the pass tells the wheel. So who is still on the pending list is
 * excused there.
 */
#include <stdlib.h>
#include "tcp/check.h"
#include "tcp/deadline.h"
#include "tcp/loss.h"
#include "tcp/opt.h"
#include "tcp/reasm.h"

/* --- what was checked, what is broken ---------------------------------------------------------------------------- */

static _Thread_local uint64_t times[INV_COUNT];
static _Thread_local enum invariant broken = INV_COUNT;
static _Thread_local const struct tobj *broken_by;

bool
check_that(enum invariant i, bool ok, const struct tobj *o)
{
	times[i]++;
	if (likely(ok))
		return true;
	if (broken == INV_COUNT) {
		broken = i;
		broken_by = o;
	}
	return false;
}

enum invariant
check_broken(const struct tobj **o)
{
	*o = broken_by;
	return broken;
}

const char *
check_name(enum invariant i)
{
	static const char *const names[] = {
#define X(name, text) #name,
		INVARIANTS(X)
#undef X
	};

	return names[i];
}

const char *
check_text(enum invariant i)
{
	static const char *const texts[] = {
#define X(name, text) text,
		INVARIANTS(X)
#undef X
	};

	return texts[i];
}

uint64_t
check_times(enum invariant i)
{
	return times[i];
}

/* --- which mbuf was seen where: a hash table of this check's, whose entries know the check they are of ---------- */

struct seen {
	const struct rte_mbuf *m;
	const void *c;
	enum check_queue q;
	uint32_t seq, round;
};
static _Thread_local struct seen *seen;
static _Thread_local uint32_t seen_size, seen_n, round_now; /* size: a power of two, at most half full */

void
check_begin(void)
{
	broken = INV_COUNT;
	broken_by = NULL;
	seen_n = 0;
	if (++round_now == 0 && seen) { /* entries of 2^32 checks ago */
		memset(seen, 0, seen_size * sizeof(*seen));
		round_now = 1;
	}
}

static struct seen *
seen_slot(const struct rte_mbuf *m)
{
	uint32_t i = (uint64_t)(uintptr_t)m * 0x9e3779b97f4a7c15ull >> 32;

	for (i &= seen_size - 1; seen[i].round == round_now && seen[i].m != m;)
		i = (i + 1) & (seen_size - 1);
	return &seen[i];
}

static bool
seen_grow(void)
{
	const uint32_t old_size = seen_size;
	struct seen *old = seen;
	uint32_t i;

	seen_size = RTE_MAX(2 * old_size, 1024u);
	seen = calloc(seen_size, sizeof(*seen));
	if (!seen) {
		seen = old;
		seen_size = old_size;
		return false;
	}
	for (i = 0; i < old_size; i++)
		if (old[i].round == round_now)
			*seen_slot(old[i].m) = old[i];
	free(old);
	return true;
}

bool
check_claim(const struct rte_mbuf *m, const void *c, enum check_queue q, uint32_t seq)
{
	struct seen *s;

	if (2 * seen_n >= seen_size && !seen_grow())
		return false;
	s = seen_slot(m);
	if (s->round == round_now)
		return false;
	*s = (struct seen){m, c, q, seq, round_now};
	seen_n++;
	return true;
}

/* Is m the segment of c's send queue that starts at seq? */
static bool
sent_from(const struct tern_conn *c, const struct rte_mbuf *m, uint32_t seq)
{
	const struct seen *s = seen_size ? seen_slot(m) : NULL;

	return s && s->round == round_now && s->c == c && s->q == CHECK_SND && s->seq == seq;
}

/* --- queues ----------------------------------------------------------------------------------------------------- */

struct chain {
	const struct rte_mbuf *last;
	uint32_t bytes, segs;
	bool owned, filled;
};

/* A queue of c from m on, whose first byte has number seq. */
static struct chain
walk(const struct tern_conn *c, const struct rte_mbuf *m, enum check_queue q, uint32_t seq, struct check_held *held)
{
	struct chain ch = {.owned = true, .filled = true};

	for (; m; m = m->next) {
		ch.owned = check_claim(m, c, q, seq + ch.bytes);
		if (!ch.owned)
			break; /* a circle would have no end */
		ch.filled &= m->data_len != 0;
		ch.bytes += m->data_len;
		ch.segs++;
		ch.last = m;
		held->own += m->pool == c->w->mbufs.pool;
		held->foreign += m->pool != c->w->mbufs.pool && m->pool != c->w->mbufs.small;
	}
	return ch;
}

/* Does the SYN stand between SND.UNA and the queue? A passive Fast Open's is kept out of the arithmetic:
 * tcp/fastopen.c. */
static bool
syn_ahead(const struct tern_conn *c)
{
	return c->state == TERN_SYN_SENT || (c->state == TERN_SYN_RECEIVED && !(c->flags & C_TFO));
}

static bool
cursor_right(const struct tern_conn *c)
{
	const uint32_t first = c->snd_una + syn_ahead(c), end = first + c->snd_queued;
	const uint32_t nxt = seq_lt(c->snd_nxt, first) ? first : c->snd_nxt;

	if (!c->snd_cur)
		return seq_ge(nxt, end);
	return sent_from(c, c->snd_cur, c->snd_cur_seq) && nxt - c->snd_cur_seq < c->snd_cur->data_len;
}

static bool
check_send(const struct tern_conn *c, struct check_held *held)
{
	const uint32_t syn = syn_ahead(c), fin = !!(c->flags & C_FIN_SENT);
	const struct rte_mbuf *h = c->snd_head, *t = c->snd_tail;
	const struct chain q = walk(c, h, CHECK_SND, c->snd_una + syn - c->snd_head_off, held);

	MUST(SND_ORDER, seq_le(c->snd_una, c->snd_nxt) && seq_le(c->snd_nxt, c->snd_max), c);
	MUST(SND_OWNER, q.owned, c);
	MUST(SND_FILLED, q.filled, c);
	MUST(SND_TAIL, q.last == t, c);
	MUST(SND_OFFSET, h ? c->snd_head_off < h->data_len : c->snd_head_off == 0, c);
	MUST(SND_BYTES, c->snd_queued == q.bytes - c->snd_head_off, c);
	MUST(SND_COVERED, c->snd_max - c->snd_una <= c->snd_queued + syn + fin, c);
	MUST(SND_CURSOR, cursor_right(c), c);
	MUST(SND_SMALL, !(c->flags & C_SND_SMALL) ||
			(h && h == t && h->pool == c->w->mbufs.small && rte_mbuf_refcnt_read(h) == 1), c);
	MUST(SND_TAIL_OWN, !(c->flags & C_TAIL_OWN) || (t && RTE_MBUF_DIRECT(t)), c);
	MUST(SND_WND, c->snd_wnd <= c->max_wnd, c);
	return true;
}

static bool
check_receive(const struct tern_conn *c, struct check_held *held)
{
	const struct chain q = walk(c, c->rcv_head, CHECK_RCV, 0, held);

	MUST(RCV_OWNER, q.owned, c);
	MUST(RCV_FILLED, q.filled, c);
	MUST(RCV_TAIL, q.last == c->rcv_tail, c);
	MUST(RCV_BYTES, q.bytes == c->rcv_queued, c);
	MUST(RCV_EDGE, seq_ge(c->rcv_adv, c->rcv_nxt), c);
	return true;
}

/* --- text out of order: tcp/reasm.c ------------------------------------------------------------------------------- */

static bool
ring_closes(const struct tern_conn *c)
{
	const struct rxrun *r = c->ofo;
	uint32_t n;

	for (n = 0; r && n < c->ofo_runs; n++) {
		r = r->next;
		if (r == c->ofo)
			return n + 1 == c->ofo_runs;
	}
	return !c->ofo && !c->ofo_runs;
}

static bool
ofo_lane_right(const struct tern_conn *c)
{
	const struct rxrun *low = c->ofo->next, *lane = low, *r;
	uint32_t n;

	for (n = 0, r = low; n < c->ofo_runs; n++, r = r->next) {
		if (!r->lane)
			continue;
		if (r != lane)
			return false;
		lane = r->skip;
	}
	return low && !lane && low->lane;
}

static const struct rxrun *
rxrun_at(const struct tern_worker *w, uint32_t index)
{
	return index && index <= w->rxruns.total
		       ? (const struct rxrun *)((const char *)w->rxruns.base + (size_t)(index - 1) * w->rxruns.size)
		       : NULL;
}

static bool
recent_right(const struct tern_conn *c)
{
	const struct rxrun *r = rxrun_at(c->w, c->ofo_newest);
	uint32_t newer = 0, at = c->ofo_newest, n;

	for (n = 0; r && n < c->ofo_runs && r->newer == newer; n++) {
		newer = at;
		at = r->older;
		r = rxrun_at(c->w, at);
	}
	return n == c->ofo_runs && !r && !at;
}

static bool
check_ofo_run(const struct tern_conn *c, const struct rxrun *r, struct check_held *held)
{
	const struct chain q = walk(c, r->head, CHECK_OFO, r->left, held);

	MUST(OFO_OWNER, q.owned, c);
	MUST(OFO_RUN, q.filled && q.bytes == r->right - r->left && q.segs == r->segs && q.last == r->tail, c);
	return true;
}

static bool
check_ofo(const struct tern_conn *c, struct check_held *held)
{
	const struct rxrun *r;
	uint32_t bytes = 0, segs = 0, n;

	MUST(OFO_RING, ring_closes(c), c);
	MUST(OFO_LISTED, !!c->ofo == (c->rare && c->rare->holes.tqe_prev), c);
	MUST(OFO_FIN, (c->flags & (C_OFO_FIN | C_FIN_RCVD)) != (C_OFO_FIN | C_FIN_RCVD), c);
	if (!c->ofo) {
		MUST(OFO_SUMS, !c->ofo_bytes && !c->ofo_segs && !c->ofo_newest, c);
		return true;
	}
	for (n = 0, r = c->ofo->next; n < c->ofo_runs; n++, r = r->next) {
		MUST(OFO_ORDER, seq_lt(r->left, r->right) && (r == c->ofo || seq_lt(r->right, r->next->left)), c);
		if (!check_ofo_run(c, r, held))
			return false;
		bytes += r->right - r->left;
		segs += r->segs;
	}
	/* what came with a SYN waits for ESTABLISHED */
	MUST(OFO_ABOVE, seq_gt(c->ofo->next->left, c->rcv_nxt) || c->state == TERN_SYN_RECEIVED, c);
	MUST(OFO_EDGE, seq_le(c->ofo->right, c->rcv_adv), c);
	MUST(OFO_SUMS, bytes == c->ofo_bytes && segs == c->ofo_segs, c);
	MUST(OFO_LANE, ofo_lane_right(c), c);
	MUST(OFO_RECENT, recent_right(c), c);
	return true;
}

/* --- the scoreboard: tcp/runs.c --------------------------------------------------------------------------------- */

struct board {
	uint32_t runs, free_runs, sacked, lost, retx; /* free_runs: on a list by fate */
	const struct txrun *last;
	bool ordered, joined, linked, placed;
};

static bool
is_due(const struct txrun *r)
{
	return (r->flags & (R_LOST | R_RETX)) == R_LOST;
}

static void
board_add(const struct tern_conn *c, const struct txrun *r, struct board *b)
{
	const uint32_t n = r->end - r->seq;

	b->ordered &= seq_lt(r->seq, r->end) && (!b->last || b->last->end == r->seq);
	b->joined &= !(b->last && b->last->flags & r->flags & R_SACKED);
	if (r->m && seq_gt(r->m_seq, c->snd_una - c->snd_head_off)) /* else what it knew is acknowledged */
		b->placed &= sent_from(c, r->m, r->m_seq) && seq_le(r->m_seq, r->seq);
	b->runs++;
	b->last = r;
	if (r->flags & R_SACKED) {
		b->sacked += n;
		return;
	}
	b->free_runs++;
	b->linked &= *r->fate.tqe_prev == r;
	b->lost += r->flags & R_LOST ? n : 0;
	b->retx += r->flags & R_RETX ? n : 0;
}

/* How many runs are on q; more than max when one does not belong there. */
static uint32_t
fated(const struct runq *q, bool due, uint32_t max)
{
	struct txrun *const *prev = &q->tqh_first;
	const struct txrun *r;
	uint32_t n = 0;

	for (r = TAILQ_FIRST(q); r && n <= max; r = TAILQ_NEXT(r, fate), n++) {
		if (r->fate.tqe_prev != prev || r->flags & R_SACKED || is_due(r) != due)
			return max + 1;
		prev = &r->fate.tqe_next;
	}
	return q->tqh_last == prev ? n : max + 1;
}

static bool
board_lane_right(const struct loss *l)
{
	const struct txrun *lane = l->head, *r;

	for (r = l->head; r; r = r->next) {
		if (!r->lane)
			continue;
		if (r != lane)
			return false;
		lane = r->skip;
	}
	return !lane && (!l->head || l->head->lane);
}

static bool
check_board(const struct tern_conn *c)
{
	const struct loss *l = c->loss;
	struct board b = {.ordered = true, .joined = true, .linked = true, .placed = true};
	const struct txrun *r;

	MUST(RECOVERING, !(c->flags & (C_RECOVERY | C_LOSS)) || (l && seq_lt(c->snd_una, l->recover)), c);
	if (!l)
		return true;
	MUST(BOARD_SACK, !l->head || c->feat & F_SACK, c);
	for (r = l->head; r && b.runs <= l->n_runs; r = r->next)
		board_add(c, r, &b);
	MUST(BOARD_COUNT, b.runs == l->n_runs && b.last == l->tail && l->n_runs <= RUNS_MAX, c);
	MUST(BOARD_ORDER, b.ordered, c);
	MUST(BOARD_EDGES, !l->head || (l->head->seq == c->snd_una && seq_le(l->tail->end, c->snd_max)), c);
	MUST(BOARD_JOINED, b.joined, c);
	MUST(BOARD_SUMS, b.sacked == l->sacked && b.lost == l->lost && b.retx == l->retx, c);
	MUST(BOARD_FATE, b.linked, c);
	MUST(BOARD_LISTS, fated(&l->flight, false, b.runs) + fated(&l->due, true, b.runs) == b.free_runs, c);
	MUST(BOARD_LANE, board_lane_right(l), c);
	MUST(BOARD_PLACE, b.placed, c);
	MUST(BOARD_SEARCH, !l->retx_m || sent_from(c, l->retx_m, l->retx_seq), c);
	MUST(FACK, !(c->feat & F_SACK) || (seq_le(c->snd_una, l->fack) && seq_le(l->fack, c->snd_max)), c);
	return true;
}

/* --- deadlines: tcp/deadline.c ---------------------------------------------------------------------------------- */

static bool
node_in_time(const struct tern_conn *c)
{
	/* 0 is none: less one it is later than all */
	uint64_t at = RTE_MIN(RTE_MIN(c->rto_at - 1, c->delack_at - 1), RTE_MIN(c->limit_at - 1, c->keep_at - 1)), tick;

	if (at++ == UINT64_MAX)
		return true;
	tick = us_to_tick(RTE_MAX(at, c->w->now_us + 1)); /* what is due already fires with the next tick */
	return wheel_armed(&c->timer) && (int32_t)(c->timer.expiry - (uint32_t)tick) <= 0;
}

/* A state in which the peer may stay silent for ever, but for a limit. */
static bool
needs_limit(const struct tern_conn *c)
{
	return c->state == TERN_SYN_SENT || (c->state == TERN_SYN_RECEIVED && c->feat & F_PASSIVE) ||
	       (c->state == TERN_FIN_WAIT_2 && c->flags & C_ORPHAN);
}

static bool
check_deadlines(const struct tern_conn *c)
{
	const bool busy = c->pend & P_QUEUED, flight = c->snd_max != c->snd_una;
	const uint32_t meaning = c->flags & (C_PERSIST | C_TLP | C_REO);

	MUST(DEADLINE, busy || node_in_time(c), c);
	MUST(RTO_RUNS, busy || !flight || c->rto_at, c);
	MUST(RTO_IDLE, busy || flight || !c->rto_at || c->flags & (C_PERSIST | C_TFO), c);
	MUST(RTO_RANGE, c->rto_us && c->backoff <= BACKOFF_MAX, c);
	MUST(RTO_MEANING, !(meaning & (meaning - 1)) && (!(c->flags & C_PERSIST) || c->rto_at), c);
	MUST(KEEPALIVE, !!c->keep_at == (c->feat & F_KEEPALIVE && tcp_synchronised(c)), c);
	MUST(STATE_LIMIT, !needs_limit(c) || c->limit_at, c);
	return true;
}

/* --- state and flags
 * -------------------------------------------------------------------------------------------------- */

static bool
check_fin(const struct tern_conn *c)
{
	const bool closed = c->state == TERN_FIN_WAIT_1 || c->state == TERN_FIN_WAIT_2 || c->state == TERN_CLOSING ||
			    c->state == TERN_LAST_ACK;
	const bool peer_closed = c->state == TERN_CLOSE_WAIT || c->state == TERN_CLOSING || c->state == TERN_LAST_ACK;

	MUST(FIN_FLAGS, (c->flags & (C_FIN_QUEUED | C_FIN_SENT)) != C_FIN_SENT, c);
	MUST(FIN_STATE, c->state == TERN_SYN_RECEIVED || closed == !!(c->flags & C_FIN_QUEUED), c);
	MUST(FIN_RCVD, peer_closed == !!(c->flags & C_FIN_RCVD), c);
	MUST(FIN_ACKED, c->state != TERN_FIN_WAIT_2 ||
			(c->flags & C_FIN_SENT && c->snd_una == c->snd_max && !c->snd_queued), c);
	return true;
}

static bool
check_flags(const struct tern_conn *c)
{
	const struct iface *ifc = &c->w->ifs[c->ifidx];
	const bool passive_tfo = c->flags & C_TFO && c->feat & F_PASSIVE;

	MUST(TFO_STATE, !(c->flags & C_TFO) || !tcp_synchronised(c), c);
	MUST(TFO_FLAGS, !(c->flags & C_SYNACK) || passive_tfo, c);
	MUST(ORPHAN, !(c->flags & C_ORPHAN) == !(c->flags & C_COUNTED) &&
		     (!(c->flags & C_ORPHAN) || c->flags & C_FIN_QUEUED), c);
	MUST(URGENT, !(c->flags & (C_RCV_URG | C_SND_URG)) || c->rare, c);
	MUST(PLAIN, !(c->flags & C_PLAIN) || (c->af == 4 && tcp_synchronised(c) && !ifc->tx_tcp_cksum &&
					      !(c->rare && c->rare->may_fragment)), c);
	MUST(ECN, !(c->flags & (C_ECE | C_CWR)) || c->flags & C_ECN, c);
	MUST(SACK, !(c->flags & (C_SACK | C_DSACK)) || c->feat & F_SACK, c);
	MUST(TRIAL, !(c->flags & C_TRIAL) || c->pend & P_QUEUED, c);
	MUST(SCALE, c->snd_ws <= TCP_WS_MAX && c->rcv_ws <= TCP_WS_MAX &&
		    (c->feat & F_WS || !tcp_synchronised(c) || !(c->snd_ws | c->rcv_ws)), c);
	MUST(MSS, c->mss && c->mss <= tcp_mss_offer(ifc, c->af) &&
		  !(c->rare && c->rare->mss_full && c->rare->mss_full < c->mss), c);
	MUST(CWND, c->cwnd || !tcp_synchronised(c), c);
	return true;
}

/* --- a connection ----------------------------------------------------------------------------------------------- */

/* Of all connections. */
static bool
check_life(const struct tern_conn *c, const struct check_held *held)
{
	MUST(PEND, !c->pend || c->pend & P_QUEUED, c);
	MUST(ACCEPTQ, !(c->flags & C_ACCEPTQ) == !c->lst, c);
	MUST(HELD, c->held == held->own + held->foreign, c);
	MUST(ACCOUNT, c->account < c->w->mem.n_accounts, c);
	MUST(NEIGHBOUR, (c->state == TERN_CLOSED) == (c->neigh == NEIGH_NONE) &&
			(c->neigh == NEIGH_NONE || c->neigh < c->w->neighs.max), c);
	return true;
}

static bool
check_dead(const struct tern_conn *c)
{
	MUST(DEAD_EMPTY, !c->snd_head && !c->snd_queued && !c->ofo && !c->loss && !c->rare && !c->portset &&
			 !wheel_armed(&c->timer) && !(c->rto_at | c->delack_at | c->limit_at | c->keep_at) &&
			 !(c->flags & C_COUNTED), c);
	return true;
}

bool
tcp_check(const struct tern_conn *c, struct check_held *held)
{
	struct check_held h = {0};

	if (!check_receive(c, &h))
		return false;
	if (c->state == TERN_CLOSED) {
		if (!check_dead(c))
			return false;
	} else if (!check_send(c, &h) || !check_ofo(c, &h) || !check_board(c) || !check_deadlines(c) || !check_fin(c) ||
		   !check_flags(c)) {
		return false;
	}
	held->own += h.own;
	held->foreign += h.foreign;
	return check_life(c, &h);
}
