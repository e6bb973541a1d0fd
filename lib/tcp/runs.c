/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The scoreboard's runs. They lie side by side in sequence order, end only where segments do, and are joined when
 * SACKed: however a peer cuts its SACK blocks, a connection has no more runs than segments in flight. A block that
 * covers part of a segment says nothing of it (RFC 2018 lets the sender ignore that): what was sent, and so where
 * segments end, is known from sending: a run's first segment has `first` bytes, the others `mss`. Only what was sent
 * before there was a scoreboard, two segments' worth, may have been smaller segments (mss 1: any byte may be an edge,
 * as long as the connection has less than BYTE_RUNS runs).
 *
 * A connection has at most RUNS_MAX runs, and no more than a quarter of those that are free: one alone gets a fifth of
 * the worker's, and after four that take all they can two fifths are left. Refused are (TernSackNoRun,
 * TernSackRunLimit) the note of what is sent, which stays uncovered until a run is free, and of a SACK, which the peer
 * repeats; what no run covers is repaired by probe and timeout.
 *
 * No walk is as long as the list. Some runs, the head always, are on a lane: whoever has to walk more than LANE_GAP
 * runs beside it puts one there, so each run is walked over once by somebody and from then on in a gap. Runs in the
 * network are on a list by the time they were sent, what is lost on another: RACK looks at the old end of one, output
 * takes from the other.
 */
#include "tcp/loss.h"

#define LANE_GAP 64u
#define BYTE_RUNS 16u
#define RUNS_SHARE 4u

static struct txrun *
run_get(struct tern_worker *w, struct loss *l)
{
	if (unlikely(l->n_runs >= RTE_MIN(RUNS_MAX, (w->runs.avail + RUNS_SHARE - 1) / RUNS_SHARE))) {
		if (w->runs.avail)
			STAT_INC(w, SACK_RUN_LIMIT);
		else
			STAT_INC(w, SACK_NO_RUN);
		return NULL;
	}
	l->n_runs++;
	return pool_get(&w->runs);
}

static inline bool
is_due(const struct txrun *r)
{
	return (r->flags & (R_LOST | R_RETX)) == R_LOST;
}

static void
off_list(struct loss *l, struct txrun *r)
{
	if (is_due(r))
		TAILQ_REMOVE(&l->due, r, fate);
	else
		TAILQ_REMOVE(&l->flight, r, fate);
}

/* [the list's end, end), from the queue's segment m that starts at m_seq. */
static void
append(struct tern_worker *w, struct loss *l, const struct txrun *as)
{
	struct txrun *r = run_get(w, l);

	if (!r)
		return;
	*r = *as;
	r->lane = !l->head;
	if (l->tail)
		l->tail->next = r;
	else
		l->head = r;
	l->tail = r;
	TAILQ_INSERT_TAIL(&l->flight, r, fate);
}

/* Up to end, how it was sent is not known. Full segments, unless a small one was among them. */
static void
cover(struct tern_worker *w, struct tern_conn *c, uint32_t end, uint64_t xmit_at)
{
	const uint32_t seq = c->loss->tail ? c->loss->tail->end : c->snd_una;
	const uint16_t mss = seq_gt(c->snd_sml, seq) && seq_le(c->snd_sml, c->snd_max) ? 1 : c->mss;

	if (seq_gt(end, seq))
		append(w, c->loss,
		       &(struct txrun){.seq = seq, .end = end, .xmit_at = xmit_at, .first = mss, .mss = mss});
}

void
tcp_runs_cover(struct tern_worker *w, struct tern_conn *c, uint64_t xmit_at)
{
	cover(w, c, c->snd_max, xmit_at);
}

void
tcp_runs_sent(struct tern_worker *w, struct tern_conn *c, uint32_t seq, uint32_t end)
{
	struct loss *l = c->loss;
	const uint64_t now = w->now_us;
	const uint32_t n = end - seq;
	struct txrun *r;

	if (unlikely((l->tail ? l->tail->end : c->snd_una) != seq)) {
		cover(w, c, l->tail && seq_gt(l->tail->end, seq) ? end : seq, now);
		if (!l->tail || l->tail->end != seq)
			return; /* later, with this */
	}
	r = l->tail;
	/* A small segment ends a run: all but a run's first are full. */
	if (r && r->xmit_at == now && !r->flags && n == r->mss) {
		r->end = end;
		return;
	}
	append(w, l, &(struct txrun){.seq = seq, .end = end, .xmit_at = now, .m = c->snd_cur, .m_seq = c->snd_cur_seq,
				     .first = n <= c->mss + 1u ? n : c->mss, .mss = c->mss});
}

uint32_t
tcp_run_floor(const struct tern_conn *c, const struct txrun *r, uint32_t seq)
{
	const bool byte = r->mss == 1;
	const uint32_t mss = byte && c->loss->n_runs >= BYTE_RUNS ? c->mss : r->mss, first = byte ? mss : r->first;
	const uint32_t at = seq - r->seq;

	return at < first ? r->seq : r->seq + first + (at - first) / mss * mss;
}

uint32_t
tcp_run_edge(const struct tern_conn *c, const struct txrun *r, uint32_t seq)
{
	const uint32_t floor = tcp_run_floor(c, r, seq);
	const uint32_t mss = r->mss == 1 && c->loss->n_runs >= BYTE_RUNS ? c->mss : r->mss;
	const uint32_t n = floor == r->seq && r->mss != 1 ? r->first : mss;

	return n < r->end - floor ? floor + n : r->end;
}

struct txrun *
tcp_run_before(struct loss *l, uint32_t seq)
{
	struct txrun *t = l->head, *r;
	unsigned int n = 0;

	if (!t || seq_ge(t->seq, seq))
		return NULL;
	while (t->skip && seq_lt(t->skip->seq, seq))
		t = t->skip;
	for (r = t; r->next && seq_lt(r->next->seq, seq);) {
		r = r->next;
		if (++n < LANE_GAP)
			continue;
		r->skip = t->skip;
		r->lane = true;
		t->skip = r;
		t = r;
		n = 0;
	}
	return r;
}

/* n, which follows r, goes; r takes its place in the lane. */
static void
leave_lane(struct loss *l, struct txrun *r, const struct txrun *n)
{
	struct txrun *t = l->head;

	if (!r->lane) {
		while (t->skip != n)
			t = t->skip;
		t->skip = r;
	}
	r->skip = n->skip;
	r->lane = true;
}

/* r begins with the last `end - seq` bytes of what it was: how long is its first segment? */
static void
set_first(const struct tern_conn *c, struct txrun *r, uint32_t seq)
{
	if (r->mss != 1)
		r->first = tcp_run_edge(c, r, seq) - seq;
	r->seq = seq;
}

bool
tcp_run_split(struct tern_worker *w, struct tern_conn *c, struct txrun *r, uint32_t seq)
{
	struct loss *l = c->loss;
	struct txrun *n = run_get(w, l);

	if (!n)
		return false;
	*n = *r;
	n->skip = NULL;
	n->lane = false;
	set_first(c, n, seq);
	r->end = seq;
	r->next = n;
	if (l->tail == r)
		l->tail = n;
	if (is_due(r))
		TAILQ_INSERT_AFTER(&l->due, r, n, fate);
	else
		TAILQ_INSERT_AFTER(&l->flight, r, n, fate);
	return true;
}

void
tcp_runs_free_head(struct tern_worker *w, struct loss *l)
{
	struct txrun *r = l->head, *n = r->next;

	if (!(r->flags & R_SACKED))
		off_list(l, r);
	if (!n) {
		l->tail = NULL;
	} else if (!n->lane) {
		n->skip = r->skip;
		n->lane = true;
	}
	l->head = n;
	l->n_runs--;
	pool_put(&w->runs, r);
}

void
tcp_run_trim(struct tern_worker *w, struct tern_conn *c, struct txrun *r, uint32_t seq)
{
	if (seq == r->end)
		tcp_runs_free_head(w, c->loss);
	else
		set_first(c, r, seq);
}

void
tcp_run_sacked(struct loss *l, struct txrun *r)
{
	off_list(l, r);
	r->flags = (r->flags & R_EVER) | R_SACKED;
}

void
tcp_run_join(struct tern_worker *w, struct loss *l, struct txrun *r)
{
	struct txrun *n;

	while ((n = r->next) && r->flags & n->flags & R_SACKED) {
		if (n->lane)
			leave_lane(l, r, n);
		r->end = n->end;
		r->flags |= n->flags;
		r->next = n->next;
		if (l->tail == n)
			l->tail = r;
		l->n_runs--;
		pool_put(&w->runs, n);
	}
}

void
tcp_run_due(struct loss *l, struct txrun *r)
{
	const struct txrun *first = TAILQ_FIRST(&l->due);

	if (is_due(r))
		return;
	TAILQ_REMOVE(&l->flight, r, fate);
	r->flags = (r->flags & ~R_RETX) | R_LOST;
	if (first && seq_lt(r->seq, first->seq))
		TAILQ_INSERT_HEAD(&l->due, r, fate);
	else
		TAILQ_INSERT_TAIL(&l->due, r, fate);
}

void
tcp_run_flies(struct loss *l, struct txrun *r)
{
	off_list(l, r);
	if (r->flags & R_LOST)
		r->flags |= R_RETX;
	r->flags |= R_EVER;
	TAILQ_INSERT_TAIL(&l->flight, r, fate);
}

void
tcp_run_flew(struct loss *l, struct txrun *r, struct txrun *at)
{
	if (!(r->flags & R_SACKED))
		off_list(l, r);
	r->flags &= R_EVER;
	if (at)
		TAILQ_INSERT_AFTER(&l->flight, at, r, fate);
	else
		TAILQ_INSERT_HEAD(&l->flight, r, fate);
}
