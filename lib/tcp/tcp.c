/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The user calls of RFC 9293 3.10: OPEN, CLOSE, ABORT; SEND is tcp/send.c, RECEIVE tcp/recv.c, STATUS tcp/info.c. A
 * call changes state and puts the connection on the worker's pending list (tcp/pending.c); only a reset is sent at
 * once.
 */
#include <errno.h>
#include <string.h>
#include <rte_mbuf.h>
#include "tcp/call.h"
#include "tcp/deadline.h"
#include "tcp/emit.h"
#include "tcp/listener.h"
#include "tcp/mem.h"
#include "tcp/opt.h"
#include "tcp/recv.h"

#define LOCAL_RUN 64u /* connects from one local address before the next: a word of the port set's map */

/* MUST-46: an active open to these is refused. */
static bool
bad_destination(const struct tern_worker *w, const struct tern_endpoint *r)
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
		if (r->af == 4 && iface_broadcast(ifc, a))
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
choose_iface(const struct tern_worker *w, const struct tern_endpoint *local, uint8_t *via)
{
	uint8_t i;

	*via = IFACE_ANY;
	for (i = 0; is_bound(local) && i < w->n_ifs && *via == IFACE_ANY; i++)
		if (link_is_local(&w->ifs[i], local->af, local->addr))
			*via = i;
	return !is_bound(local) || *via != IFACE_ANY;
}

static int
choose_local(struct tern_worker *w, const struct tern_endpoint *local, const struct neigh *hop, struct flow *f,
	     uint32_t *portset, uint32_t *hash)
{
	const struct iface *ifc = &w->ifs[hop->ifidx];
	const uint32_t count = link_local_count(ifc, f->af, hop->addr);
	const uint16_t lport = local ? local->port : 0;
	uint8_t a[16];
	uint32_t i, first;
	int rc = -EADDRNOTAVAIL;

	if (local && is_bound(local)) {
		memcpy(f->af == 4 ? (void *)&f->addr.laddr4 : f->addr.laddr6, local->addr, addr_len(f->af));
		f->lport = lport;
		return portset_take(w, f, portset, hash);
	}
	/*
	 * Spread over the local addresses, a run of connections each: their ports lie in one word of one port set.
	 * Every address is tried before the answer is no, or every one that has a set when there are no more of those.
	 */
	if ((++w->ports.n_connects & (LOCAL_RUN - 1)) == 0)
		w->ports.local_next++;
	if (w->ports.local_next >= count)
		w->ports.local_next = 0;
	first = w->ports.local_next;
	for (i = 0; i < count && rc == -EADDRNOTAVAIL; i++) {
		link_local_addr(ifc, f->af, hop->addr, first + i < count ? first + i : first + i - count, a);
		memcpy(f->af == 4 ? (void *)&f->addr.laddr4 : f->addr.laddr6, a, addr_len(f->af));
		f->lport = lport;
		rc = portset_take(w, f, portset, hash);
		if (unlikely(rc == -EADDRNOTAVAIL && !w->ports.pool.avail)) {
			f->lport = lport;
			return portset_take_used(w, ifc, hop->addr, f, portset, hash);
		}
	}
	return rc;
}

int
tern_connect(struct tern_worker *w, const struct tern_endpoint *local, const struct tern_endpoint *remote,
	     const struct tern_ops *ops, void *user, struct tern_conn **out)
{
	CALL_ON(w);
	struct flow f = {.af = remote->af, .rport = remote->port};
	uint32_t iss, ts_off, portset = 0, hash;
	struct tern_conn *c;
	uint16_t neigh;
	uint8_t ifidx, via;
	int rc;

	if (bad_destination(w, remote) || (local && local->af && local->af != remote->af))
		return -EINVAL;
	if (likely(f.af == 4)) /* both constant */
		memcpy(&f.addr.raddr4, remote->addr, 4);
	else
		memcpy(f.addr.raddr6, remote->addr, 16);
	if (!w->conns.avail) {
		STAT_INC(w, CONN_POOL_EMPTY);
		return -ENOMEM;
	}
	if (!choose_iface(w, local, &via))
		return -EADDRNOTAVAIL;
	rc = link_path(&w->link, f.af, remote->addr, via, NULL, &ifidx, &neigh);
	if (rc)
		return rc == -ENOBUFS ? -ENOMEM : rc;
	rc = choose_local(w, local, &w->neighs.at[neigh], &f, &portset, &hash);
	if (rc) {
		link_neigh_put(&w->link, neigh);
		if (rc == -EADDRNOTAVAIL)
			STAT_INC(w, PORTS_EXHAUSTED);
		return rc;
	}
	tcp_isn(w, &f, &iss, &ts_off);
	c = tcp_conn_new(w, &w->sockopts, &f, hash, ifidx, iss, ts_off);
	c->portset = portset + 1;
	c->ops = ops;
	c->user = user;
	c->account = 0;
	w->mem.accounts[0].users++;
	c->neigh = neigh;
	if (table_insert(&w->table, &c->o)) {
		STAT_INC(w, TABLE_FULL);
		link_neigh_put(&w->link, neigh);
		portset_release(w, portset, c->lport);
		mem_account_put(w, c->account);
		tcp_conn_unmake(w, c);
		return -ENOMEM;
	}
	c->mss = c->rcv_mss = tcp_mss_offer(&w->ifs[ifidx], f.af);
	tcp_set_state(w, &c->o, TERN_SYN_SENT);
	STAT_INC(w, ACTIVE_OPENS);
	c->limit_at = w->now_us + (uint64_t)w->conf.tcp.syn_timeout_ms * 1000; /* MUST-23 */
	tcp_mark(c, P_OUTPUT);
	*out = c;
	return 0;
}

int
tern_connect_fastopen(struct tern_worker *tw, const struct tern_endpoint *local, const struct tern_endpoint *remote,
		      const struct tern_ops *ops, void *user, const void *data, size_t len, struct tern_conn **out)
{
	const int rc = tern_connect(tw, local, remote, ops, user, out);
	ssize_t n;

	if (rc)
		return rc;
	(*out)->flags |= C_TFO;
	n = tern_send(*out, data, len, 0);
	if (n >= 0)
		return (int)n;
	(*out)->ops = NULL; /* the application never had the handle: how it ends is not told */
	tern_close(*out);
	*out = NULL;
	return (int)n;
}

/* Queue FIN: RFC 9293 3.10.4. */
static void
queue_fin(struct tern_conn *c)
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

/* Nobody waits for c any more: it has so long. */
static void
limit_state(struct tern_conn *c, uint32_t ms)
{
	c->limit_at = c->w->now_us + ms * 1000ull;
	tcp_timer_sync(c->w, c);
}

int
tern_shutdown(struct tern_conn *c, enum tern_shut how)
{
	CALL_OF(c);
	const bool rd = how != TERN_SHUT_WR && !(c->flags & C_SHUT_RD),
		   wr = how != TERN_SHUT_RD && !(c->flags & C_FIN_QUEUED);

	if ((unsigned int)how > TERN_SHUT_RDWR)
		return -EINVAL;
	if (c->state == TERN_CLOSED || c->state == TERN_SYN_SENT)
		return -ENOTCONN;
	if (!rd && !wr)
		return -EPIPE;
	if (rd)
		tcp_rcv_shut(c);
	if (wr)
		queue_fin(c);
	return 0;
}

void
tern_abort(struct tern_conn *c)
{
	CALL_OF(c);
	struct tern_worker *w = c->w;

	c->flags |= C_ORPHAN;
	if (c->state == TERN_CLOSED) {
		if (c->flags & C_ACCEPTQ)
			tcp_acceptq_remove(c);
		tcp_mark(c, P_FREE);
		return;
	}
	STAT_INC(w, ABORT_ON_CLOSE);
	if (c->state != TERN_SYN_SENT)
		tcp_send_rst(w, c);
	tcp_drop(w, c, -ECONNABORTED);
}

void
tern_close(struct tern_conn *c)
{
	CALL_OF(c);
	struct tern_worker *w = c->w;

	if (c->state == TERN_CLOSED || c->state == TERN_SYN_SENT || (c->feat & F_LINGER && !c->rare->linger_ms)) {
		if (c->state == TERN_SYN_SENT) {
			c->flags |= C_ORPHAN;
			tcp_drop(w, c, -ECONNABORTED);
			return;
		}
		tern_abort(c);
		return;
	}
	if (c->rcv_head) { /* SHLD-3, RFC 2525 2.17 */
		STAT_INC(w, ABORT_ON_DATA);
		tern_abort(c);
		return;
	}
	if (unlikely(w->mem.orphans >= w->conf.tcp.max_orphans)) {
		STAT_INC(w, ABORT_ON_MEMORY);
		tern_abort(c);
		return;
	}
	w->mem.orphans++;
	c->flags |= C_ORPHAN | C_COUNTED;
	if (usual(true))
		rte_prefetch0(&c->limit_at); /* its line 5, which the end, an ACK away, is the next to need */
	queue_fin(c);
	if (c->state == TERN_FIN_WAIT_2) /* after an earlier tern_shutdown() */
		limit_state(c, w->conf.tcp.fin_timeout_ms);
	else if (unlikely(c->feat & F_LINGER))
		limit_state(c, c->rare->linger_ms);
}

void
tern_listener_close(struct tern_listener *l)
{
	CALL_ON(l->w);
	while (l->acc_head)
		tern_abort(l->acc_head);
	tcp_listener_free(l);
}

void
tern_conn_prefetch(const struct tern_conn *c)
{
	tcp_conn_prefetch(c);
}

struct tern_worker *
tern_conn_worker(struct tern_conn *c)
{
	return c->w;
}

void *
tern_conn_user(const struct tern_conn *c)
{
	return c->user;
}

void
tern_conn_set_user(struct tern_conn *c, const struct tern_ops *ops, void *user)
{
	CALL_OF(c);
	c->ops = ops;
	c->user = user;
}
