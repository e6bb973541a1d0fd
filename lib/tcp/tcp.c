/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The user calls of RFC 9293 3.10: OPEN, SEND, RECEIVE, CLOSE, ABORT, STATUS. Nothing here sends: a call changes state and
 * puts the connection on the worker's pending list (tcp/conn.c).
 */
#include <errno.h>
#include <string.h>
#include <rte_mbuf.h>
#include "tcp/loss.h"
#include "tcp/mem.h"

#define LOCAL_RUN 64u /* connects from one local address before the next: a word of the port set's map */

static bool
addr_is_zero(const uint8_t *a, uint8_t af)
{
	static const uint8_t zero[16];

	return memcmp(a, zero, af == 4 ? 4 : 16) == 0;
}

/* MUST-46: an active open to these is refused. */
static bool
bad_destination(const struct worker *w, const struct tern_endpoint *r)
{
	unsigned int i;

	if ((r->af != 4 && r->af != 6) || r->port == 0 || addr_is_zero(r->addr, r->af))
		return true;
	if (r->af == 4 ? r->addr[0] >= 224 || r->addr[0] == 127 || r->addr[0] == 0 : r->addr[0] == 0xff)
		return true;
	for (i = 0; i < w->n_ifs; i++) {
		const struct iface *ifc = &w->ifs[i];
		uint32_t a;

		if (link_is_local(ifc, r->af, r->addr))
			return true; /* our own: there is no loopback */
		memcpy(&a, r->addr, 4);
		if (r->af == 4 && a == ifc->bcast4)
			return true; /* directed broadcast */
	}
	return false;
}

static bool
is_bound(const struct tern_endpoint *local)
{
	return local && local->af && !addr_is_zero(local->addr, local->af);
}

/* The interface an open from there must leave by; IFACE_ANY: any will do. @return false: the address is not ours. */
static bool
choose_iface(const struct worker *w, const struct tern_endpoint *local, uint8_t *via)
{
	uint8_t i;

	*via = IFACE_ANY;
	for (i = 0; is_bound(local) && i < w->n_ifs && *via == IFACE_ANY; i++)
		if (link_is_local(&w->ifs[i], local->af, local->addr))
			*via = i;
	return !is_bound(local) || *via != IFACE_ANY;
}

static int
choose_local(struct worker *w, const struct tern_endpoint *local, const struct tern_endpoint *remote, uint8_t ifidx,
	     struct flow *f, uint32_t *portset, uint32_t *hash)
{
	const struct iface *ifc = &w->ifs[ifidx];
	const uint32_t count = f->af == 4 ? ifc->count4 : ifc->count6;
	const uint16_t lport = local ? local->port : 0;
	uint8_t a[16];
	uint32_t i, first;
	int rc = -EADDRNOTAVAIL;

	if (is_bound(local)) {
		memcpy(f->af == 4 ? (void *)&f->addr.laddr4 : f->addr.laddr6, local->addr, f->af == 4 ? 4 : 16);
		f->lport = lport;
		return portset_take(w, f, portset, hash);
	}
	/*
	 * Spread over the local addresses, a run of connections each: their ports lie in one word of one port set. Every
	 * address is tried before the answer is no.
	 */
	if ((++w->n_connects & (LOCAL_RUN - 1)) == 0)
		w->local_next++;
	if (w->local_next >= count)
		w->local_next = 0;
	first = w->local_next;
	for (i = 0; i < count && rc == -EADDRNOTAVAIL; i++) {
		link_local_addr(ifc, f->af, first + i < count ? first + i : first + i - count, a);
		memcpy(f->af == 4 ? (void *)&f->addr.laddr4 : f->addr.laddr6, a, f->af == 4 ? 4 : 16);
		f->lport = lport;
		rc = portset_take(w, f, portset, hash);
	}
	return rc;
}

int
tern_connect(struct tern_worker *tw, const struct tern_endpoint *local, const struct tern_endpoint *remote,
	     const struct tern_ops *ops, void *user, struct tern_conn **out)
{
	struct worker *w = (struct worker *)tw;
	struct flow f = {.af = remote->af, .rport = remote->port};
	uint32_t iss, ts_off, portset = 0, hash;
	struct conn *c;
	uint16_t neigh;
	uint8_t ifidx, via;
	int rc;

	if (bad_destination(w, remote) || (local && local->af && local->af != remote->af))
		return -EINVAL;
	memcpy(f.af == 4 ? (void *)&f.addr.raddr4 : f.addr.raddr6, remote->addr, f.af == 4 ? 4 : 16);
	if (!w->conns.avail) {
		STAT_INC(w, CONN_POOL_EMPTY);
		return -ENOMEM;
	}
	if (!choose_iface(w, local, &via))
		return -EADDRNOTAVAIL;
	rc = link_path(w, f.af, remote->addr, via, NULL, &ifidx, &neigh);
	if (rc)
		return rc == -ENOBUFS ? -ENOMEM : rc;
	rc = choose_local(w, local, remote, ifidx, &f, &portset, &hash);
	if (rc) {
		link_neigh_put(w, neigh);
		if (rc == -EADDRNOTAVAIL)
			STAT_INC(w, PORTS_EXHAUSTED);
		return rc;
	}
	tcp_isn(w, &f, &iss, &ts_off);
	c = tcp_conn_new(w, &w->sockopts, &f, hash, ifidx, iss, ts_off);
	c->portset = portset + 1;
	c->ops = ops;
	c->user = user;
	c->account = &w->mem.accounts[0];
	c->account->users++;
	c->neigh = neigh;
	if (table_insert(&w->table, &c->o)) {
		STAT_INC(w, TABLE_FULL);
		link_neigh_put(w, neigh);
		portset_release(w, portset, c->lport);
		mem_account_put(c->account);
		pool_put(&w->conns, c);
		return -ENOMEM;
	}
	c->mss = c->rcv_mss = tcp_mss_offer(&w->ifs[ifidx], f.af);
	tcp_set_state(w, &c->o, TERN_SYN_SENT);
	STAT_INC(w, ACTIVE_OPENS);
	c->misc_at = w->now_us + (uint64_t)w->conf.tcp.syn_timeout_ms * 1000; /* MUST-23 */
	tcp_mark(c, P_OUTPUT);
	*out = (struct tern_conn *)c;
	return 0;
}

static int
send_check(const struct conn *c)
{
	if (c->state == TERN_CLOSED)
		return c->err ? c->err : -ENOTCONN;
	if (c->flags & (C_ORPHAN | C_FIN_QUEUED))
		return -EPIPE;
	return 0;
}

size_t
tern_send_space(const struct tern_conn *tc)
{
	const struct conn *c = (const struct conn *)tc;

	if (send_check(c) || c->snd_queued >= c->snd_buf)
		return 0;
	return unlikely(mem_tight(c->w)) ? mem_send(c, c->snd_buf - c->snd_queued) : c->snd_buf - c->snd_queued;
}

/* Sequence number of the next byte to be queued. */
static uint32_t
snd_end(const struct conn *c)
{
	const bool syn = c->state == TERN_SYN_SENT || (c->state == TERN_SYN_RECEIVED && !(c->flags & C_TFO));

	return c->snd_una + c->snd_queued + syn;
}

static void
snd_append(struct conn *c, struct rte_mbuf *m, struct rte_mbuf *last, uint32_t len)
{
	const uint32_t end = snd_end(c);

	c->flags &= ~C_SND_SMALL;
	if (c->snd_tail)
		c->snd_tail->next = m;
	else
		c->snd_head = m;
	if (!c->snd_cur) {
		c->snd_cur = m;
		c->snd_cur_seq = end;
	}
	c->snd_tail = last;
	c->snd_queued += len;
}

void
tern_want_writable(struct tern_conn *tc)
{
	struct conn *c = (struct conn *)tc;

	if (send_check(c))
		return;
	c->flags |= C_WANT_WRITE;
	if (!c->snd_head) /* no ACK will come that makes room */
		mem_starved_add(c->w, c);
}

/* Nothing could be queued: for want of memory, or was the buffer full? */
static int
refused(struct conn *c)
{
	if (c->snd_queued >= c->snd_buf)
		return -EAGAIN;
	STAT_INC(c->w, MBUF_EMPTY);
	if (!c->snd_head) /* no ACK will come that makes room */
		mem_starved_add(c->w, c);
	return -ENOBUFS;
}

static ssize_t
send_copy(struct conn *c, const void *buf, size_t len)
{
	struct tern_conn *tc = (struct tern_conn *)c;
	const uint8_t *p = buf;
	size_t space = tern_send_space(tc), done = 0;
	int rc = send_check(c);

	if (rc)
		return rc;
	while (done < len && space) {
		struct rte_mbuf *m = c->snd_tail;
		uint32_t n = RTE_MIN(len - done, space);
		bool fresh = !m || !(c->flags & C_TAIL_OWN) || rte_pktmbuf_tailroom(m) == 0, small = false;

		if (fresh) {
			m = n <= SMALL_ROOM && !c->snd_head ? worker_small_mbuf(c->w) : NULL;
			small = m != NULL;
			if (!m) {
				m = mem_left(c->w) || c == c->w->mem.starved ? worker_mbuf(c->w) : NULL;
				if (unlikely(!m))
					break;
				mem_charge(c->w, c, m);
			}
		}
		n = RTE_MIN(n, rte_pktmbuf_tailroom(m));
		memcpy(rte_pktmbuf_mtod_offset(m, void *, m->data_len), p + done, n);
		m->data_len += n;
		if (fresh) {
			snd_append(c, m, m, n);
			c->flags |= small ? C_TAIL_OWN | C_SND_SMALL : C_TAIL_OWN;
		} else {
			c->snd_queued += n;
			if (!c->snd_cur) { /* all sent before: the new bytes are at the end of the tail */
				c->snd_cur = m;
				c->snd_cur_seq = snd_end(c) - m->data_len;
			}
		}
		done += n;
		space -= n;
	}
	if (done < len)
		c->flags |= C_WANT_WRITE;
	if (done)
		tcp_mark(c, P_OUTPUT);
	if (done || len == 0)
		return done;
	return refused(c);
}

ssize_t
tern_send(struct tern_conn *tc, const void *buf, size_t len)
{
	struct conn *c = (struct conn *)tc;

	c->flags &= ~C_MORE;
	return send_copy(c, buf, len);
}

ssize_t
tern_send_more(struct tern_conn *tc, const void *buf, size_t len)
{
	struct conn *c = (struct conn *)tc;

	c->flags |= C_MORE;
	return send_copy(c, buf, len);
}

ssize_t
tern_send_urgent(struct tern_conn *tc, const void *buf, size_t len)
{
	struct conn *c = (struct conn *)tc;
	const ssize_t n = tern_send(tc, buf, len);

	if (n > 0) {
		tcp_rare(c)->snd_up = snd_end(c);
		c->flags |= C_SND_URG;
	}
	return n;
}

static unsigned int
shared_segs(const struct rte_mbuf *m)
{
	unsigned int n = 0;

	for (; m; m = m->next)
		n += rte_mbuf_refcnt_read(m) != 1;
	return n;
}

/*
 * Segments that others hold, too, can't be linked into a queue: `next` would be theirs as well. An indirect mbuf takes the place
 * of each. @return the chain, NULL: no mbufs, and m is as it was.
 */
static __rte_noinline struct rte_mbuf *
unshare(struct worker *w, struct rte_mbuf *m, unsigned int n)
{
	struct rte_mbuf *clones = NULL, *head = NULL, **pp = &head, *s, *next;

	for (; n; n--) {
		s = worker_mbuf(w);
		if (unlikely(!s)) {
			rte_pktmbuf_free(clones);
			STAT_INC(w, MBUF_EMPTY);
			return NULL;
		}
		s->next = clones;
		clones = s;
	}
	for (s = m; s; s = next) {
		next = s->next;
		if (rte_mbuf_refcnt_read(s) != 1 && clones) {
			struct rte_mbuf *mi = clones;

			clones = mi->next;
			mi->next = NULL;
			rte_pktmbuf_attach(mi, s);
			rte_pktmbuf_free_seg(s);
			s = mi;
		}
		s->nb_segs = 1;
		*pp = s;
		pp = &s->next;
	}
	*pp = NULL;
	rte_pktmbuf_free(clones); /* somebody else gave his reference up meanwhile */
	return head;
}

int
tern_send_mbuf(struct tern_conn *tc, struct rte_mbuf *m)
{
	struct conn *c = (struct conn *)tc;
	const unsigned int shared = shared_segs(m);
	struct rte_mbuf *s;
	const uint32_t len = m->pkt_len;
	int rc = send_check(c);

	if (rc)
		return rc;
	if (len > tern_send_space(tc) && (c->snd_head || len > c->snd_buf)) { /* one is taken: whoever has it holds it anyway */
		c->flags |= C_WANT_WRITE;
		return -EAGAIN;
	}
	if (len == 0) {
		rte_pktmbuf_free(m);
		return 0;
	}
	for (s = m; s; s = s->next)
		if (s->data_len == 0)
			return -EINVAL; /* empty segments would break the cursor's arithmetic */
	if (unlikely(shared)) {
		m = unshare(c->w, m, shared);
		if (!m) {
			tern_want_writable(tc);
			return -ENOBUFS;
		}
		c->w->mem.budget -= RTE_MIN(c->w->mem.budget, shared); /* these were counted in it */
	}
	for (s = m; s; s = s->next) {
		mem_charge(c->w, c, s);
		c->w->mem.budget += s->pool == c->w->mp;
	}
	snd_append(c, m, rte_pktmbuf_lastseg(m), len);
	c->flags &= ~(C_TAIL_OWN | C_MORE);
	tcp_mark(c, P_OUTPUT);
	return 0;
}

struct rte_mbuf *
tern_mbuf_alloc(struct tern_worker *tw)
{
	struct worker *w = (struct worker *)tw;

	if (unlikely(w->mem.own >= w->mem.budget)) {
		STAT_INC(w, MBUF_EMPTY);
		return NULL;
	}
	w->mem.budget--; /* the application's */
	return worker_mbuf(w);
}

void
tern_mbuf_free(struct tern_worker *tw, struct rte_mbuf *m)
{
	struct worker *w = (struct worker *)tw;

	w->mem.budget += m->pool == w->mp;
	worker_mbuf_free(w, m);
}

size_t
tern_urgent_left(const struct tern_conn *tc)
{
	const struct conn *c = (const struct conn *)tc;
	const uint32_t read = c->rcv_nxt - !!(c->flags & C_FIN_RCVD) - c->rcv_queued;

	return c->flags & C_RCV_URG && seq_gt(c->rare->rcv_up, read) ? c->rare->rcv_up - read : 0;
}

/* The window may have opened: tell the peer when it is worth a segment (RFC 9293 3.8.6.2.2, MUST-39). */
static void
window_moved(struct conn *c)
{
	uint32_t space, wnd;

	if (unlikely(c->rcv_nxt - c->irs > TCP_TUNE_AFTER) && c->state != TERN_CLOSED)
		tcp_rcv_tune(c->w, c);
	if (unlikely(c->flags & C_RCV_URG) && !tern_urgent_left((struct tern_conn *)c))
		c->flags &= ~C_RCV_URG;
	space = tcp_rcv_space(c);
	wnd = c->rcv_adv - c->rcv_nxt;
	if (c->state != TERN_CLOSED && space > wnd && space - wnd >= RTE_MIN(c->rcv_buf / 2, 2u * c->rcv_mss))
		tcp_mark(c, P_ACK);
}

static int
recv_check(const struct conn *c)
{
	if (c->flags & C_FIN_RCVD)
		return 0; /* the stream is whole, however the connection ended */
	return c->state == TERN_CLOSED ? c->err : -EAGAIN;
}

/* Unlink the oldest segment. Of a single one the second cache line, with next in it, stays untouched. */
static inline struct rte_mbuf *
rcv_pop(struct conn *c)
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
tern_peek(struct tern_conn *tc, void *buf, size_t len)
{
	struct conn *c = (struct conn *)tc;
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
tern_recv(struct tern_conn *tc, void *buf, size_t len)
{
	struct conn *c = (struct conn *)tc;
	const ssize_t n = tern_peek(tc, buf, len);
	ssize_t left = n;

	if (n <= 0)
		return n;
	while (left > 0) {
		struct rte_mbuf *m = c->rcv_head;

		if (left < m->data_len) {
			m->data_off += left;
			m->data_len -= left;
			break;
		}
		left -= m->data_len;
		m = rcv_pop(c);
		mem_uncharge(c->w, c, m);
		worker_mbuf_free(c->w, m);
	}
	c->rcv_queued -= n;
	window_moved(c);
	return n;
}

struct rte_mbuf *
tern_recv_mbuf(struct tern_conn *tc)
{
	struct conn *c = (struct conn *)tc;
	struct rte_mbuf *m = c->rcv_head;

	if (!m)
		return NULL;
	rcv_pop(c);
	mem_uncharge(c->w, c, m);
	if (m->pool == c->w->mp && c->w->mem.budget) /* the application's */
		c->w->mem.budget--;
	m->pkt_len = m->data_len;
	c->rcv_queued -= m->data_len;
	window_moved(c);
	return m;
}

size_t
tern_recv_queued(const struct tern_conn *c)
{
	return ((const struct conn *)c)->rcv_queued;
}

size_t
tern_send_queued(const struct tern_conn *c)
{
	return ((const struct conn *)c)->snd_queued;
}

bool
tern_recv_eof(const struct tern_conn *tc)
{
	const struct conn *c = (const struct conn *)tc;

	return !c->rcv_head && recv_check(c) == 0;
}

bool
tern_peer_closed(const struct tern_conn *tc)
{
	return ((const struct conn *)tc)->flags & C_FIN_RCVD;
}

/* Queue FIN: RFC 9293 3.10.4. */
static void
queue_fin(struct conn *c)
{
	if (c->flags & C_FIN_QUEUED)
		return;
	c->flags |= C_FIN_QUEUED;
	if (c->state == TERN_ESTABLISHED)
		tcp_set_state(c->w, &c->o, TERN_FIN_WAIT_1);
	else if (c->state == TERN_CLOSE_WAIT)
		tcp_set_state(c->w, &c->o, TERN_LAST_ACK);
	/* SYN-RECEIVED keeps its state until the SYN is acknowledged, then goes to FIN-WAIT-1 */
	tcp_mark(c, P_OUTPUT);
}

int
tern_shutdown(struct tern_conn *tc)
{
	struct conn *c = (struct conn *)tc;

	if (c->state == TERN_CLOSED || c->state == TERN_SYN_SENT)
		return -ENOTCONN;
	if (c->flags & C_FIN_QUEUED)
		return -EPIPE;
	queue_fin(c);
	return 0;
}

void
tern_abort(struct tern_conn *tc)
{
	struct conn *c = (struct conn *)tc;
	struct worker *w = c->w;

	c->flags |= C_ORPHAN;
	if (c->state == TERN_CLOSED) {
		if (c->flags & C_ACCEPTQ)
			tcp_acceptq_remove(c);
		tcp_mark(c, P_FREE);
		return;
	}
	STAT_INC(w, ABORT_ON_CLOSE);
	if (c->state != TERN_SYN_SENT) /* RFC 9293 3.10.5: <SEQ=SND.NXT><CTL=RST> in synchronised states */
		tcp_send_ctl(w, c, TCP_RST | TCP_ACK, c->snd_max);
	tcp_drop(w, c, -ECONNABORTED);
}

void
tern_close(struct tern_conn *tc)
{
	struct conn *c = (struct conn *)tc;
	struct worker *w = c->w;

	if (c->state == TERN_CLOSED || c->state == TERN_SYN_SENT || c->feat & F_LINGER0) {
		if (c->state == TERN_SYN_SENT) {
			c->flags |= C_ORPHAN;
			tcp_drop(w, c, -ECONNABORTED);
			return;
		}
		tern_abort(tc);
		return;
	}
	if (c->rcv_head) { /* SHLD-3, RFC 2525 2.17 */
		STAT_INC(w, ABORT_ON_DATA);
		tern_abort(tc);
		return;
	}
	if (unlikely(w->mem.orphans >= w->conf.tcp.max_orphans)) {
		STAT_INC(w, ABORT_ON_MEMORY);
		tern_abort(tc);
		return;
	}
	w->mem.orphans++;
	c->flags |= C_ORPHAN | C_COUNTED;
	queue_fin(c);
	if (c->state == TERN_FIN_WAIT_2) { /* after an earlier tern_shutdown() */
		c->misc_at = w->now_us + (uint64_t)w->conf.tcp.fin_timeout_ms * 1000;
		tcp_timer_sync(w, c);
	}
}

void
tern_conn_info(const struct tern_conn *tc, struct tern_info *i)
{
	const struct conn *c = (const struct conn *)tc;

	memset(i, 0, sizeof(*i));
	i->local.af = i->remote.af = c->af;
	i->local.port = c->lport;
	i->remote.port = c->rport;
	memcpy(i->local.addr, c->af == 4 ? (const void *)&c->addr.laddr4 : c->addr.laddr6, c->af == 4 ? 4 : 16);
	memcpy(i->remote.addr, c->af == 4 ? (const void *)&c->addr.raddr4 : c->addr.raddr6, c->af == 4 ? 4 : 16);
	i->state = c->state;
	i->mss = c->mss;
	i->soft_err = tcp_soft_error(c) == -ETIMEDOUT ? 0 : tcp_soft_error(c);
	i->srtt_us = c->srtt_us;
	i->rttvar_us = c->rttvar_us;
	i->rto_us = c->rto_us;
	i->cwnd = c->cwnd;
	i->ssthresh = c->ssthresh;
	i->snd_wnd = c->snd_wnd;
	i->rcv_wnd = c->rcv_adv - c->rcv_nxt;
	i->retrans = c->retrans;
	i->cc = cc_get(c->cc)->name;
}

struct tern_worker *
tern_conn_worker(struct tern_conn *c)
{
	return (struct tern_worker *)((struct conn *)c)->w;
}

void *
tern_conn_user(const struct tern_conn *c)
{
	return ((const struct conn *)c)->user;
}

void
tern_conn_set_user(struct tern_conn *tc, const struct tern_ops *ops, void *user)
{
	struct conn *c = (struct conn *)tc;

	c->ops = ops;
	c->user = user;
}
