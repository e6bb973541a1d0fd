/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * RECEIVE of RFC 9293 3.10: what is in order leaves the receive queue, and the window moves.
 */
#include <errno.h>
#include <string.h>
#include <rte_mbuf.h>
#include "tcp/buf.h"
#include "tcp/call.h"
#include "tcp/emit.h"
#include "tcp/mem.h"
#include "tcp/reasm.h"
#include "tcp/recv.h"
#include "tcp/seq.h"

size_t
tern_urgent_left(const struct tern_conn *c)
{
	const uint32_t read = c->rcv_nxt - !!(c->flags & C_FIN_RCVD) - c->rcv_queued;

	return c->flags & C_RCV_URG && seq_gt(c->rare->rcv_up, read) ? c->rare->rcv_up - read : 0;
}

/* The window may have opened: tell the peer when it is worth a segment (RFC 9293 3.8.6.2.2, MUST-39). */
static void
window_moved(struct tern_conn *c, size_t taken)
{
	uint32_t space, wnd;

	if (unlikely(taken >= TCP_TUNE_READ || c->rcv_queued) && c->rcv_nxt - c->irs > TCP_TUNE_AFTER &&
	    c->state != TERN_CLOSED)
		tcp_rcv_tune(c->w, c);
	if (unlikely(c->flags & C_RCV_URG) && !tern_urgent_left(c))
		c->flags &= ~C_RCV_URG;
	if (c->pend & P_ACK) /* it says so */
		return;
	space = tcp_rcv_space(c);
	wnd = c->rcv_adv - c->rcv_nxt;
	if (c->state != TERN_CLOSED && space > wnd && space - wnd >= RTE_MIN(c->rcv_buf / 2, 2u * c->rcv_mss))
		tcp_mark(c, P_ACK);
}

static int
recv_check(const struct tern_conn *c)
{
	if (c->flags & (C_FIN_RCVD | C_SHUT_RD))
		return 0; /* the stream is whole, however the connection ended */
	return c->state == TERN_CLOSED ? c->err : -EAGAIN;
}

/* Unlink the oldest segment. Of a single one the second cache line, with next in it, stays untouched. */
static inline struct rte_mbuf *
rcv_pop(struct tern_conn *c)
{
	struct rte_mbuf *m = c->rcv_head;

	if (likely(m == c->rcv_tail)) {
		c->rcv_head = c->rcv_tail = NULL;
	} else {
		c->rcv_head = m->next;
		m->next = NULL;
	}
	m->nb_segs = 1;
	return m;
}

ssize_t
tern_peek(struct tern_conn *c, void *buf, size_t len)
{
	CALL_OF(c);
	struct rte_mbuf *m;
	size_t done = 0;

	if (!c->rcv_head)
		return recv_check(c);
	for (m = c->rcv_head; m && done < len; m = m->next) {
		const size_t n = RTE_MIN(len - done, m->data_len);

		memcpy((uint8_t *)buf + done, rte_pktmbuf_mtod(m, void *), n);
		done += n;
	}
	return done;
}

ssize_t
tern_recv(struct tern_conn *c, void *buf, size_t len)
{
	CALL_OF(c);
	const ssize_t n = tern_peek(c, buf, len);
	ssize_t left = n;

	if (n <= 0)
		return n;
	while (left > 0) {
		struct rte_mbuf *m = c->rcv_head;

		/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): tern_peek() found left bytes in the queue */
		if (left < m->data_len) {
			m->data_off += left;
			m->data_len -= left;
			break;
		}
		left -= m->data_len;
		m = rcv_pop(c);
		mem_uncharge(c->w, c, m);
		mbufs_put(&c->w->mbufs, m);
	}
	c->rcv_queued -= n;
	window_moved(c, n);
	return n;
}

int
tern_recv_mbufs(struct tern_conn *c, struct rte_mbuf **out, unsigned int n)
{
	CALL_OF(c);
	struct tern_worker *w = c->w;
	const uint32_t queued = c->rcv_queued;
	unsigned int i;

	if (unlikely(!c->rcv_head))
		return recv_check(c);
	for (i = 0; i < n && c->rcv_head; i++) {
		struct rte_mbuf *m = rcv_pop(c);

		mem_uncharge(w, c, m);
		w->mem.budget -= m->pool == w->mbufs.pool; /* the application's */
		m->pkt_len = m->data_len;
		c->rcv_queued -= m->data_len;
		out[i] = m;
	}
	window_moved(c, queued - c->rcv_queued);
	return i;
}

void
tcp_rcv_shut(struct tern_conn *c)
{
	c->flags |= C_SHUT_RD;
	tcp_ofo_free(c->w, c);
	tcp_queue_free(c->w, c, c->rcv_head);
	c->rcv_head = c->rcv_tail = NULL;
	c->rcv_queued = 0;
	window_moved(c, 0);
}

size_t
tern_recv_queued(const struct tern_conn *c)
{
	CALL_OF(c);
	return c->rcv_queued;
}

bool
tern_recv_eof(const struct tern_conn *c)
{
	CALL_OF(c);
	return !c->rcv_head && recv_check(c) == 0;
}

bool
tern_peer_closed(const struct tern_conn *tc)
{
	return tc->flags & C_FIN_RCVD;
}
