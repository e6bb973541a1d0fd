/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Whom a segment is for: a connection, a half-open request, a TIME-WAIT record, a listener, or nobody (RFC 9293
 * 3.10.7.1).
 */
#include "tcp/conn.h"
#include "tcp/demux.h"
#include "tcp/input.h"
#include "tcp/listener.h"
#include "tcp/seq.h"
#include "tcp/timewait.h"

/* CLOSED and LISTEN: 3.10.7.1, 3.10.7.2. */
static int
unbound_input(struct tern_worker *w, struct seg *s)
{
	struct tern_listener *l;

	if (w->handover && w->handover(w, s))
		return SEG_TAKEN;
	l = tcp_listener_find(w, s);
	if (l)
		return tcp_listen_input(w, l, s, NULL);
	return tcp_reset_reply(w, s, STAT_DROP_NO_SOCKET);
}

static inline void
dispose(struct tern_worker *w, struct seg *s, int rc)
{
	if (rc == SEG_TAKEN)
		return;
	if (rc > 0)
		link_drops(&w->link, s->m, rc);
	mbufs_put(&w->mbufs, s->m);
}

/* A SYN that is surely newer reopens the tuple, if somebody listens. What is beyond the old connection's end is of a
 * newer one, which another process may have. */
static int
timewait_segment(struct tern_worker *w, struct timewait *tw, struct seg *s)
{
	struct tern_listener *l = unlikely(tcp_timewait_newer(tw, s)) ? tcp_listener_find(w, s) : NULL;

	if (l)
		return tcp_listen_input(w, l, s, tw);
	if (unlikely(w->handover && seq_gt(s->seq, tw->rcv_nxt)) && w->handover(w, s))
		return SEG_TAKEN;
	return tcp_timewait_input(w, tw, s);
}

static __rte_noinline void
other_segment(struct tern_worker *w, struct tobj *o, struct seg *s)
{
	if (o == NULL)
		dispose(w, s, unbound_input(w, s));
	else if (o->kind == TOBJ_REQ)
		dispose(w, s, tcp_request_input(w, (struct request *)o, s));
	else
		dispose(w, s, timewait_segment(w, (struct timewait *)o, s));
}

static __rte_noinline void
conn_segment(struct tern_worker *w, struct tern_conn *c, struct seg *s)
{
	c->segs_in++;
	dispose(w, s, tcp_conn_input(w, c, s));
}

void
tcp_input(struct tern_worker *w, struct tobj *o, struct seg *s)
{
	if (likely(o && o->kind == TOBJ_CONN)) /* apart: each saves the registers that it needs */
		conn_segment(w, (struct tern_conn *)o, s);
	else
		other_segment(w, o, s);
}
