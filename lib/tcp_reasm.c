/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Received data: the in-order queue the application reads and the out-of-order queue behind a hole (SHLD-31), both chains of
 * mbuf segments. Out-of-order segments are sorted by sequence number (mbuf hash.usr) and may overlap; overlaps are cut
 * when they are moved over, so every byte is delivered once. Limits: what the window offered, rcv_buf / OFO_SEG_MEAN segments
 * out of order, and small segments are copied together, so that one-byte segments can't pin a buffer each.
 *
 * SACK blocks (RFC 2018) are not kept: each ACK reads them off the queue, those with the newest segments first (a stamp in
 * mbuf hash.fdir.hi). Of what was received twice only the first run of a segment is reported (RFC 2883 4).
 */
#include <string.h>
#include <rte_byteorder.h>
#include <rte_mbuf.h>
#include "tcp.h"

#define OFO_SEG_MEAN 512u /* the out-of-order queue may hold a buffer full of 512-byte segments */
#define OFO_SEGS_MIN 64u  /* and this many of any size */
#define COALESCE_MAX 256u /* copying this costs less than holding a 2 KiB buffer for it */

void
tcp_queue_free(struct rte_mbuf *m)
{
	struct rte_mbuf *next;

	for (; m; m = next) {
		next = m->next;
		m->next = NULL;
		m->nb_segs = 1;
		rte_pktmbuf_free_seg(m);
	}
}

/* Cut a packet down to the len bytes at off, as a bare chain of non-empty segments. */
static struct rte_mbuf *
payload_chain(struct rte_mbuf *m, uint32_t off, uint32_t len)
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
	for (;; m = m->next) {
		if (m->data_len >= len) {
			m->data_len = len;
			tcp_queue_free(m->next);
			m->next = NULL;
			return head;
		}
		len -= m->data_len;
		while (m->next && m->next->data_len == 0) {
			next = m->next;
			m->next = next->next;
			rte_pktmbuf_free_seg(next);
		}
	}
}

/* One segment without next to the end of the in-order queue. */
static void
append(struct worker *w, struct conn *c, struct rte_mbuf *m)
{
	struct rte_mbuf *t = c->rcv_tail;
	const uint32_t len = m->data_len;

	c->rcv_queued += len;
	c->rcv_nxt += len;
	if (t && len <= COALESCE_MAX && RTE_MBUF_DIRECT(t) && rte_mbuf_refcnt_read(t) == 1 &&
	    rte_pktmbuf_tailroom(t) >= len) {
		memcpy(rte_pktmbuf_mtod_offset(t, void *, t->data_len), rte_pktmbuf_mtod(m, void *), len);
		t->data_len += len;
		worker_mbuf_free(w, m);
		STAT_INC(w, RCV_COALESCE);
		return;
	}
	if (t)
		t->next = m;
	else
		c->rcv_head = m;
	c->rcv_tail = m;
}

/* Move what the hole no longer holds back. */
static void
pull_ofo(struct worker *w, struct conn *c)
{
	while (c->ofo && seq_le(c->ofo->hash.usr, c->rcv_nxt)) {
		struct rte_mbuf *m = c->ofo;
		const uint32_t cut = c->rcv_nxt - m->hash.usr;

		c->ofo = m->next;
		m->next = NULL;
		c->ofo_bytes -= m->data_len;
		c->ofo_segs--;
		if (cut >= m->data_len) {
			rte_pktmbuf_free_seg(m);
			continue;
		}
		m->data_off += cut;
		m->data_len -= cut;
		append(w, c, m);
	}
}

/* The run of segments without a hole that starts at m. @return what follows it. */
static const struct rte_mbuf *
ofo_block(const struct rte_mbuf *m, uint32_t *left, uint32_t *right, uint32_t *stamp)
{
	*left = m->hash.usr;
	*right = *left + m->data_len;
	*stamp = m->hash.fdir.hi;
	for (m = m->next; m && seq_le(m->hash.usr, *right); m = m->next) {
		if (seq_gt(m->hash.usr + m->data_len, *right))
			*right = m->hash.usr + m->data_len;
		if (seq_gt(m->hash.fdir.hi, *stamp))
			*stamp = m->hash.fdir.hi;
	}
	return m;
}

void
tcp_dsack(struct conn *c, uint32_t left, uint32_t right)
{
	if (!(c->feat & F_SACK) || c->flags & C_DSACK || left == right)
		return;
	c->flags |= C_DSACK | C_SACK;
	c->dsack[0] = left;
	c->dsack[1] = right;
}

/* What of [left, right) waits already? */
static void
note_overlap(struct conn *c, uint32_t left, uint32_t right)
{
	const struct rte_mbuf *m = c->ofo;
	uint32_t l, r, stamp;

	while (m && seq_lt(m->hash.usr, right)) {
		m = ofo_block(m, &l, &r, &stamp);
		if (seq_gt(r, left)) {
			tcp_dsack(c, seq_gt(l, left) ? l : left, seq_lt(r, right) ? r : right);
			return;
		}
	}
}

static void
insert_ofo(struct worker *w, struct conn *c, struct rte_mbuf *m, uint32_t seq)
{
	struct rte_mbuf **pp = &c->ofo;

	m->hash.usr = seq;
	m->hash.fdir.hi = c->ofo_stamp;
	while (*pp && seq_le((*pp)->hash.usr, seq)) {
		if (seq_ge((*pp)->hash.usr + (*pp)->data_len, seq + m->data_len)) { /* nothing new */
			(*pp)->hash.fdir.hi = c->ofo_stamp;
			m->next = NULL;
			rte_pktmbuf_free_seg(m);
			return;
		}
		pp = &(*pp)->next;
	}
	m->next = *pp;
	*pp = m;
	c->ofo_bytes += m->data_len;
	c->ofo_segs++;
	STAT_INC(w, OFO_QUEUE);
}

static int
insert_text(struct worker *w, struct conn *c, struct seg *s)
{
	struct rte_mbuf *m, *next;
	uint32_t seq = s->seq;

	for (m = payload_chain(s->m, s->data_off, s->len); m; m = next) {
		const uint32_t n = m->data_len;

		next = m->next;
		insert_ofo(w, c, m, seq);
		seq += n;
	}
	return SEG_TAKEN;
}

static int
queue_ofo(struct worker *w, struct conn *c, struct seg *s)
{
	tcp_mark(c, P_ACK); /* RFC 5681 4.2 */
	tcp_quickack(c);
	if ((c->ofo_segs >= OFO_SEGS_MIN && c->ofo_segs * OFO_SEG_MEAN >= c->rcv_buf) || c->ofo_bytes + s->len > c->rcv_buf) {
		STAT_INC(w, OFO_DROP);
		return STAT_DROP_RX_NOBUF;
	}
	c->ofo_stamp++;
	if (c->feat & F_SACK) {
		c->flags |= C_SACK;
		note_overlap(c, s->seq, s->seq + s->len);
	}
	return insert_text(w, c, s);
}

/* The sender starts, or starts again: it needs ACKs to open its window. Half of ours at most, so that ACKs stay rare. */
void
tcp_quickack(struct conn *c)
{
	const uint32_t half = (c->rcv_adv - c->rcv_nxt) / 2;

	if (c->quickack & QUICKACK_OFF)
		return;
	c->quickack = QUICKACK_MAX;
	while (c->quickack > 2 && (uint32_t)c->quickack * c->rcv_mss > half)
		c->quickack--;
}

static void
delay_ack(struct worker *w, struct conn *c)
{
	c->delack_at = w->now_us + w->conf.tcp.delack_ms * 1000;
	tcp_timer_sync(w, c);
}

/* RFC 5681 4.2, RFC 9293 3.8.6.3: at least every second segment, whatever its size, never later than delack_ms. */
static void
schedule_ack(struct worker *w, struct conn *c, bool two)
{
	const uint32_t gap_ms = w->now_ms - c->last_data_ms;

	c->last_data_ms = w->now_ms;
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
tcp_data(struct worker *w, struct conn *c, struct seg *s)
{
	struct rte_mbuf *m = s->m, *next;

	if (s->seq != c->rcv_nxt)
		return queue_ofo(w, c, s);
	c->rcv_mss = RTE_MAX(c->rcv_mss, s->mss);
	if (likely(m->nb_segs == 1)) { /* has no next: its second cache line is left alone */
		m->data_off += s->data_off;
		m->data_len = s->len;
		append(w, c, m);
	} else {
		for (m = payload_chain(m, s->data_off, s->len); m; m = next) {
			next = m->next;
			m->next = NULL;
			append(w, c, m);
		}
	}
	if (unlikely(c->ofo != NULL)) { /* a hole is filled: RFC 5681 4.2 wants the ACK now */
		note_overlap(c, s->seq, c->rcv_nxt);
		pull_ofo(w, c);
		tcp_mark(c, P_ACK);
	}
	schedule_ack(w, c, s->len > s->mss);
	tcp_mark(c, P_READABLE);
	return SEG_TAKEN;
}

int
tcp_data_hold(struct worker *w, struct conn *c, struct seg *s)
{
	if (!s->len || c->ofo) /* the SYN came again: one copy is enough */
		return SEG_DONE;
	return insert_text(w, c, s);
}

void
tcp_data_held(struct worker *w, struct conn *c)
{
	if (c->ofo && c->ofo->hash.usr == c->rcv_nxt) {
		pull_ofo(w, c);
		if (c->feat & F_QUICKACK)
			tcp_mark(c, P_ACK);
		else
			delay_ack(w, c); /* it waited a round trip: the application's answer may carry the ACK */
		tcp_mark(c, P_READABLE);
	}
}

/* The newest blocks of the queue, newest first. @return how many. */
static unsigned int
newest_blocks(const struct conn *c, uint32_t block[][2], unsigned int max)
{
	const struct rte_mbuf *m = c->ofo;
	unsigned int n = 0, i;
	uint32_t stamps[4];

	while (m) {
		uint32_t l, r, stamp;

		m = ofo_block(m, &l, &r, &stamp);
		if (n < max)
			n++;
		else if (max == 0 || seq_le(stamp, stamps[n - 1]))
			continue;
		for (i = n - 1; i && seq_gt(stamp, stamps[i - 1]); i--) {
			stamps[i] = stamps[i - 1];
			block[i][0] = block[i - 1][0];
			block[i][1] = block[i - 1][1];
		}
		stamps[i] = stamp;
		block[i][0] = l;
		block[i][1] = r;
	}
	return n;
}

unsigned int
tcp_sack_blocks(struct conn *c, uint8_t *opt, unsigned int room)
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
