/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Received data: the in-order queue the application reads, a chain of mbuf segments, and the out-of-order queue behind
 * a hole (SHLD-31), a list of runs without a hole, each a chain of its own. What overlaps is cut when it is put there,
 * so every byte is delivered once. Text is put beside the highest run or, after a walk over the runs, elsewhere: the
 * cost is that of holes, not of segments (CVE-2018-5390), and it is short: some runs, the lowest always, are on a
 * lane, as in tcp/runs.c. Limits: what the window offered, HOLES_MAX runs, of the worker's a quarter of those free,
 * and rcv_buf / OFO_SEG_MEAN segments out of order, and small segments are copied together, so that one-byte segments
 * can't pin a buffer each.
 *
 * SACK blocks (RFC 2018) are the runs, those with the newest segments first. Of what was received twice only the first
 * run of a segment is reported (RFC 2883 4).
 */
#include <string.h>
#include <rte_byteorder.h>
#include <rte_mbuf.h>
#include "tcp/mem.h"
#include "tcp/reasm.h"
#include "tcp/seq.h"

#define OFO_SEG_MEAN 512u /* the out-of-order queue may hold a buffer full of 512-byte segments */
#define OFO_SEGS_MIN 64u  /* and this many of any size */
#define COALESCE_MAX 256u /* copying this costs less than holding a 2 KiB buffer for it */
#define HOLES_MAX 512u    /* holes of a connection's out-of-order queue */
#define HOLES_SHARE 4u
#define LANE_GAP 16u

/* One mbuf that was charged to c. */
static inline void
free_one(struct tern_worker *w, struct tern_conn *c, struct rte_mbuf *m)
{
	if (likely(m->pool != w->mbufs.small))
		mem_uncharge(w, c, m);
	m->next = NULL;
	m->nb_segs = 1;
	rte_pktmbuf_free_seg(m);
}

__rte_noinline void
tcp_queue_free(struct tern_worker *w, struct tern_conn *c, struct rte_mbuf *m)
{
	struct rte_mbuf *next;

	for (; m; m = next) {
		next = m->next;
		free_one(w, c, m);
	}
}

/* Cut a packet down to the len bytes at off, as a bare chain of non-empty segments, which c is charged for. */
static struct rte_mbuf *
payload_chain(struct tern_worker *w, struct tern_conn *c, struct rte_mbuf *m, uint32_t off, uint32_t len)
{
	struct rte_mbuf *head, *next;

	while (off >= m->data_len) {
		off -= m->data_len;
		next = m->next;
		rte_pktmbuf_free_seg(m);
		m = next;
	}
	m->data_off += off;
	m->data_len -= off;
	m->nb_segs = 1;
	head = m;
	for (; m; m = m->next) {
		mem_charge(w, c, m);
		if (m->data_len >= len) {
			m->data_len = len;
			rte_pktmbuf_free(m->next);
			m->next = NULL;
			break;
		}
		len -= m->data_len;
		while (m->next && m->next->data_len == 0) {
			next = m->next;
			m->next = next->next;
			rte_pktmbuf_free_seg(next);
		}
	}
	return head;
}

/* A small segment's bytes into the buffer they follow. @return false: it stays as it is. */
static bool
coalesce(struct tern_worker *w, struct tern_conn *c, struct rte_mbuf *tail, struct rte_mbuf *m)
{
	const uint32_t len = m->data_len;

	if (len > COALESCE_MAX || !RTE_MBUF_DIRECT(tail) || rte_mbuf_refcnt_read(tail) != 1 ||
	    rte_pktmbuf_tailroom(tail) < len)
		return false;
	memcpy(rte_pktmbuf_mtod_offset(tail, void *, tail->data_len), rte_pktmbuf_mtod(m, void *), len);
	tail->data_len += len;
	mem_uncharge(w, c, m);
	mbufs_put(&w->mbufs, m);
	STAT_INC(w, RCV_COALESCE);
	return true;
}

/* One segment without next to the end of the in-order queue. */
static void
append(struct tern_worker *w, struct tern_conn *c, struct rte_mbuf *m)
{
	struct rte_mbuf *t = c->rcv_tail;

	c->rcv_queued += m->data_len;
	c->rcv_nxt += m->data_len;
	if (t && coalesce(w, c, t, m))
		return;
	if (t)
		t->next = m;
	else
		c->rcv_head = m;
	c->rcv_tail = m;
}

static void
append_chain(struct tern_worker *w, struct tern_conn *c, struct rte_mbuf *m)
{
	struct rte_mbuf *next;

	for (; m; m = next) {
		next = m->next;
		m->next = NULL;
		append(w, c, m);
	}
}

/* --- out of order: c->ofo is the highest run of a ring, its next the lowest
 * ----------------------------------------------- */

static struct rxrun *
run_at(const struct tern_worker *w, uint32_t index)
{
	return index ? (struct rxrun *)((char *)w->rxruns.base + (size_t)(index - 1) * w->rxruns.size) : NULL;
}

static void
recent_remove(const struct tern_worker *w, struct tern_conn *c, struct rxrun *r)
{
	if (r->newer)
		run_at(w, r->newer)->older = r->older;
	else
		c->ofo_newest = r->older;
	if (r->older)
		run_at(w, r->older)->newer = r->newer;
}

static void
recent_add(const struct tern_worker *w, struct tern_conn *c, struct rxrun *r)
{
	const uint32_t index = ((char *)r - (char *)w->rxruns.base) / w->rxruns.size + 1;

	r->newer = 0;
	r->older = c->ofo_newest;
	if (r->older)
		run_at(w, r->older)->newer = index;
	c->ofo_newest = index;
}

/* r has the newest segment. */
static void
recent(const struct tern_worker *w, struct tern_conn *c, struct rxrun *r)
{
	if (!r->newer)
		return;
	recent_remove(w, c, r);
	recent_add(w, c, r);
}

/* r goes: the next one is the lowest, or who comes before r takes its place in the lane. */
static void
lane_leave(const struct tern_conn *c, struct rxrun *prev, struct rxrun *r)
{
	struct rxrun *t = c->ofo->next, *heir = t == r ? r->next : prev;

	if (heir == r || !r->lane || (t == r && heir->lane))
		return;
	if (!heir->lane && t != r) {
		while (t->skip != r)
			t = t->skip;
		t->skip = heir;
	}
	heir->skip = r->skip;
	heir->lane = true;
}

static void
run_unlink(struct tern_worker *w, struct tern_conn *c, struct rxrun *prev, struct rxrun *r)
{
	lane_leave(c, prev, r);
	recent_remove(w, c, r);
	c->ofo_runs--;
	if (prev == r) {
		c->ofo = NULL;
		mem_holes_remove(w, c);
	} else if (c->ofo == r) {
		c->ofo = prev;
	}
	prev->next = r->next;
	pool_put(&w->rxruns, r);
}

/* What r held is gone, or the in-order queue's. */
static void
run_free(struct tern_worker *w, struct tern_conn *c, struct rxrun *prev, struct rxrun *r)
{
	c->ofo_bytes -= r->right - r->left;
	c->ofo_segs -= r->segs;
	run_unlink(w, c, prev, r);
}

void
tcp_ofo_free(struct tern_worker *w, struct tern_conn *c)
{
	while (c->ofo) {
		tcp_queue_free(w, c, c->ofo->next->head);
		run_free(w, c, c->ofo, c->ofo->next);
	}
}

/* The first n bytes of a run go, which is longer. */
static void
run_cut(struct tern_worker *w, struct tern_conn *c, struct rxrun *r, uint32_t n)
{
	struct rte_mbuf *m;

	r->left += n;
	c->ofo_bytes -= n;
	while (n >= r->head->data_len) {
		m = r->head;
		n -= m->data_len;
		r->head = m->next;
		free_one(w, c, m);
		r->segs--;
		c->ofo_segs--;
	}
	r->head->data_off += n;
	r->head->data_len -= n;
}

/* Move what the hole no longer holds back. */
static void
pull_ofo(struct tern_worker *w, struct tern_conn *c)
{
	while (c->ofo && seq_le(c->ofo->next->left, c->rcv_nxt)) {
		struct rxrun *r = c->ofo->next;

		if (seq_le(r->right, c->rcv_nxt)) {
			tcp_queue_free(w, c, r->head);
		} else {
			if (r->left != c->rcv_nxt)
				run_cut(w, c, r, c->rcv_nxt - r->left);
			append_chain(w, c, r->head);
		}
		run_free(w, c, c->ofo, r);
	}
}

/* The last run that starts at seq or before; the highest, whose next is the lowest, when all of them start later. */
static struct rxrun *
run_before(const struct tern_conn *c, uint32_t seq)
{
	struct rxrun *r = c->ofo, *t;
	unsigned int n = 0;

	if (!r || seq_ge(seq, r->left) || seq_lt(seq, r->next->left))
		return r;
	for (t = r->next; t->skip && seq_le(t->skip->left, seq); t = t->skip)
		;
	for (r = t; seq_le(r->next->left, seq);) {
		r = r->next;
		if (++n < LANE_GAP || r->lane)
			continue;
		r->skip = t->skip;
		r->lane = true;
		t->skip = r;
		t = r;
		n = 0;
	}
	return r;
}

/* An empty run behind prev in the ring. */
static struct rxrun *
run_new(struct tern_worker *w, struct tern_conn *c, struct rxrun *prev, uint32_t seq)
{
	struct rxrun *r, *low;

	if (unlikely(c->ofo_runs >= RTE_MIN(HOLES_MAX, (w->rxruns.avail + HOLES_SHARE - 1) / HOLES_SHARE))) {
		STAT_INC(w, OFO_RUN_LIMIT);
		return NULL;
	}
	r = pool_must(&w->rxruns);
	*r = (struct rxrun){.next = prev ? prev->next : r, .left = seq, .right = seq, .lane = !prev};
	recent_add(w, c, r);
	if (prev) {
		low = c->ofo->next;
		prev->next = r;
		if (prev == c->ofo && seq_lt(seq, low->left)) { /* the lowest now: it has the lane's beginning */
			r->skip = low->skip;
			r->lane = true;
			low->skip = NULL;
			low->lane = false;
		}
	} else {
		mem_holes_add(w, c);
	}
	if (!prev || seq_gt(seq, c->ofo->left))
		c->ofo = r;
	c->ofo_runs++;
	return r;
}

/* Take in the runs that r, which is the newest, reaches by now. */
static void
run_join(struct tern_worker *w, struct tern_conn *c, struct rxrun *r)
{
	while (r != c->ofo && seq_le(r->next->left, r->right)) {
		struct rxrun *n = r->next;

		if (seq_le(n->right, r->right)) {
			tcp_queue_free(w, c, n->head);
			run_free(w, c, r, n);
			continue;
		}
		if (n->left != r->right)
			run_cut(w, c, n, r->right - n->left);
		r->tail->next = n->head;
		r->tail = n->tail;
		r->right = n->right;
		r->segs += n->segs;
		run_unlink(w, c, r, n);
	}
}

void
tcp_dsack(struct tern_conn *c, uint32_t left, uint32_t right)
{
	if (!(c->feat & F_SACK) || c->flags & C_DSACK || left == right)
		return;
	c->flags |= C_DSACK | C_SACK;
	c->dsack[0] = left;
	c->dsack[1] = right;
}

/* What of [left, right) waits already? */
static void
note_overlap(struct tern_conn *c, uint32_t left, uint32_t right)
{
	const struct rxrun *r = run_before(c, left);

	if (!r || seq_ge(left, c->ofo->right))
		return;
	if (seq_lt(left, r->left) || seq_ge(left, r->right)) /* all start later, or the next one does */
		r = r->next;
	if (seq_lt(r->left, right))
		tcp_dsack(c, seq_gt(r->left, left) ? r->left : left, seq_lt(r->right, right) ? r->right : right);
}

/* Segments without a hole, in order, to the end of a run. */
static void
run_append(struct tern_worker *w, struct tern_conn *c, struct rxrun *r, struct rte_mbuf *m)
{
	struct rte_mbuf *next;

	for (; m; m = next) {
		next = m->next;
		m->next = NULL;
		r->right += m->data_len;
		c->ofo_bytes += m->data_len;
		if (r->tail && coalesce(w, c, r->tail, m))
			continue;
		if (r->tail)
			r->tail->next = m;
		else
			r->head = m;
		r->tail = m;
		r->segs++;
		c->ofo_segs++;
	}
}

/*
 * Other pools' mbufs are copied when too many of them wait here, and the text has leave to stay or the trial of
 * tcp/mem.c.
 * @return 0 or the reason why not.
 */
static __rte_noinline int
admit(struct tern_worker *w, struct tern_conn *c, struct seg *s, bool hole)
{
	const enum mem_verdict v = !mem_tight(w)	  ? MEM_KEEP :
				   !hole		  ? mem_receive(w, c) :
				   mem_hole(w, c) ? MEM_KEEP : MEM_REFUSE;
	struct rte_mbuf *copy;

	if (v != MEM_REFUSE && s->m->pool != w->mbufs.pool && w->mem.foreign >= w->mem.foreign_max) {
		copy = v == MEM_TRIAL || mem_left(w) ? rte_pktmbuf_copy(s->m, w->mbufs.pool, s->data_off, s->len)
						     : NULL;
		if (!copy)
			return STAT_DROP_RX_NOBUF;
		rte_pktmbuf_free(s->m);
		s->m = copy;
		s->data_off = 0;
	}
	if (v == MEM_TRIAL)
		c->flags |= C_TRIAL;
	return v == MEM_REFUSE ? STAT_DROP_RX_NOBUF : 0;
}

/* admit() would say yes. */
static inline bool
plenty(const struct tern_worker *w)
{
	return (w->mem.own < w->mem.half) & (w->mem.foreign < w->mem.foreign_max);
}

/* Text beyond a hole. */
static int
insert_text(struct tern_worker *w, struct tern_conn *c, struct seg *s)
{
	uint32_t seq = s->seq, len = s->len, off = s->data_off;
	struct rxrun *r = run_before(c, seq);

	if (!r || seq_lt(seq, r->left) || seq_lt(r->right, seq)) {
		r = run_new(w, c, r, seq);
		if (unlikely(!r)) {
			STAT_INC(w, OFO_DROP);
			return STAT_DROP_RX_NOBUF;
		}
	} else if (seq_ge(r->right, seq + len)) { /* nothing new */
		recent(w, c, r);
		return SEG_DONE;
	} else {
		off += r->right - seq;
		len -= r->right - seq;
	}
	recent(w, c, r);
	run_append(w, c, r, payload_chain(w, c, s->m, off, len));
	run_join(w, c, r);
	STAT_INC(w, OFO_QUEUE);
	return SEG_TAKEN;
}

static int
queue_ofo(struct tern_worker *w, struct tern_conn *c, struct seg *s)
{
	tcp_mark(c, P_ACK); /* RFC 5681 4.2 */
	tcp_quickack(c);
	if ((c->ofo_segs >= OFO_SEGS_MIN && c->ofo_segs * OFO_SEG_MEAN >= c->rcv_buf) ||
	    c->ofo_bytes + s->len > RTE_MAX(c->rcv_buf, c->rcv_adv - c->rcv_nxt) ||
	    (!usual(plenty(w)) && admit(w, c, s, true))) {
		mem_refused(c, s->seq + s->len);
		STAT_INC(w, OFO_DROP);
		return STAT_DROP_RX_NOBUF;
	}
	if (c->feat & F_SACK) {
		c->flags |= C_SACK;
		note_overlap(c, s->seq, s->seq + s->len);
	}
	return insert_text(w, c, s);
}

/* The sender starts, or starts again: it needs ACKs to open its window. Half of ours at most, so that ACKs stay
 * rare. */
void
tcp_quickack(struct tern_conn *c)
{
	const uint32_t half = (c->rcv_adv - c->rcv_nxt) / 2;

	if (c->quickack & QUICKACK_OFF)
		return;
	c->quickack = QUICKACK_MAX;
	while (c->quickack > 2 && (uint32_t)c->quickack * c->rcv_mss > half)
		c->quickack--;
}

/* The visit that delivers the data moves the timer, unless the application's answer carries the ACK. */
static void
delay_ack(const struct tern_worker *w, struct tern_conn *c)
{
	c->delack_at = w->now_us + w->conf.tcp.delack_ms * 1000;
}

/* RFC 5681 4.2, RFC 9293 3.8.6.3: at least every second segment, whatever its size, never later than delack_ms. */
static void
schedule_ack(struct tern_worker *w, struct tern_conn *c, bool two)
{
	const uint32_t gap_ms = w->now_ms - c->last_data_at_ms;

	c->last_data_at_ms = w->now_ms;
	if (unlikely(gap_ms * 1000ull > c->rto_us) && !(c->quickack & QUICKACK_PINGPONG))
		tcp_quickack(c);
	if (c->feat & F_QUICKACK || c->quickack - 1u < QUICKACK_MAX || c->delack_at || two ||
	    c->rcv_nxt - c->last_ack >= 2u * c->rcv_mss) {
		tcp_mark(c, P_ACK);
	} else {
		delay_ack(w, c);
	}
}

int
tcp_data(struct tern_worker *w, struct tern_conn *c, struct seg *s)
{
	struct rte_mbuf *m;

	if (s->seq != c->rcv_nxt)
		return queue_ofo(w, c, s);
	if (!usual(plenty(w)) && admit(w, c, s, false)) {
		tcp_mark(c, P_ACK); /* with the window of now */
		mem_refused(c, s->seq + s->len);
		STAT_INC(w, RCVQ_DROP);
		return STAT_DROP_RX_NOBUF;
	}
	m = s->m;
	c->rcv_mss = RTE_MAX(c->rcv_mss, s->mss);
	if (usual(m->nb_segs == 1)) { /* has no next: its second cache line is left alone */
		m->data_off += s->data_off;
		m->data_len = s->len;
		mem_charge(w, c, m);
		append(w, c, m);
	} else {
		append_chain(w, c, payload_chain(w, c, m, s->data_off, s->len));
	}
	if (unlikely(c->ofo != NULL)) { /* a hole is filled: RFC 5681 4.2 wants the ACK now */
		note_overlap(c, s->seq, c->rcv_nxt);
		pull_ofo(w, c);
		tcp_mark(c, P_ACK);
	}
	schedule_ack(w, c, s->len > s->mss);
	tcp_mark_readable(c, 0);
	return SEG_TAKEN;
}

__rte_noinline void
tcp_trial_end(struct tern_worker *w, struct tern_conn *c)
{
	const uint32_t unread = c->rcv_nxt - c->rcv_queued;

	c->flags &= ~C_TRIAL;
	if (!c->rcv_head || c->state == TERN_CLOSED || c->flags & C_FIN_RCVD || !mem_tight(w))
		return;
	tcp_queue_free(w, c, c->rcv_head);
	c->rcv_head = c->rcv_tail = NULL;
	c->rcv_queued = 0;
	mem_refused(c, c->rcv_nxt);
	c->rcv_nxt = unread;
	STAT_INC(w, RCVQ_DROP);
}

int
tcp_syn_text_keep(struct tern_worker *w, struct tern_conn *c, struct seg *s)
{
	if (!s->len || c->ofo) /* the SYN came again: one copy is enough */
		return SEG_DONE;
	return insert_text(w, c, s);
}

void
tcp_syn_text_release(struct tern_worker *w, struct tern_conn *c)
{
	if (c->ofo && c->ofo->next->left == c->rcv_nxt) {
		pull_ofo(w, c);
		if (c->feat & F_QUICKACK)
			tcp_mark(c, P_ACK);
		else
			delay_ack(w, c); /* it waited a round trip: the application's answer may carry the ACK */
		tcp_mark_readable(c, 0);
	}
}

/* The newest blocks of the queue, newest first. @return how many. */
static unsigned int
newest_blocks(const struct tern_conn *c, uint32_t block[][2], unsigned int max)
{
	const struct rxrun *r = run_at(c->w, c->ofo_newest);
	unsigned int n;

	for (n = 0; n < max && r; n++, r = run_at(c->w, r->older)) {
		block[n][0] = r->left;
		block[n][1] = r->right;
	}
	return n;
}

unsigned int
tcp_sack_blocks(struct tern_conn *c, uint8_t *opt, unsigned int room)
{
	const unsigned int max = room >= 12 ? RTE_MIN((room - 4) / 8, 4u) : 0, d = c->flags & C_DSACK ? 1 : 0;
	uint32_t block[4][2];
	unsigned int n, i;

	if (max == 0)
		return 0;
	block[0][0] = c->dsack[0]; /* first, where RFC 2883 wants it */
	block[0][1] = c->dsack[1];
	n = d + newest_blocks(c, block + d, max - d);
	c->flags &= ~(C_DSACK | (c->ofo ? 0 : C_SACK));
	if (n == 0)
		return 0;
	opt[0] = opt[1] = 1; /* NOP */
	opt[2] = 5;
	opt[3] = 2 + 8 * n;
	for (i = 0; i < n; i++) {
		const uint32_t be[2] = {rte_cpu_to_be_32(block[i][0]), rte_cpu_to_be_32(block[i][1])};

		memcpy(opt + 4 + 8 * i, be, 8);
	}
	return 4 + 8 * n;
}
