/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The life of a listener, and which one a segment is for.
 *
 * Sizes, fixed at listen: accept queue A = min(max(backlog, 1), somaxconn), as listen(2) with net.core.somaxconn;
 * half-open queue H = max(8, roundup_pow2(min(backlog, somaxconn, max_syn_backlog) + 1)), as Linux sized it for the
 * hash of request sockets: a little more than what could be accepted, since a part of the SYNs never completes. The H
 * request objects are reserved from the worker's pool at listen, so a listener can't starve another; the connections
 * of the accept queue come from the connection pool when they complete.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "tcp/call.h"
#include "tcp/listener.h"
#include "tcp/mem.h"

static unsigned int
port_hash(uint16_t port)
{
	return (port ^ port >> 8) & 255;
}

/* Would it take what is sent to this address and port? */
static bool
takes(const struct tern_listener *l, unsigned int af, uint16_t port, const void *addr)
{
	return l->local.port == port && l->local.af == af &&
	       (l->wildcard || memcmp(l->local.addr, addr, addr_len(af)) == 0);
}

static const void *
local_addr(const struct seg *s)
{
	return s->flow.af == 4 ? (const void *)&s->flow.addr.laddr4 : s->flow.addr.laddr6;
}

struct tern_listener *
tcp_listener_find(struct tern_worker *w, const struct seg *s)
{
	const void *addr = local_addr(s);
	struct tern_listener *l, *wild = NULL;

	for (l = w->listeners.hash[port_hash(s->flow.lport)]; l; l = l->hnext) {
		if (!takes(l, s->flow.af, s->flow.lport, addr))
			continue;
		if (!l->wildcard)
			return l;
		wild = l;
	}
	return wild;
}

struct tern_listener *
tcp_listener_left(struct tern_worker *w, const struct seg *s)
{
	const void *addr = local_addr(s);
	struct tern_listener *l;

	for (l = w->listeners.first; l; l = l->next)
		if (l->left && takes(l, s->flow.af, s->flow.lport, addr))
			return l;
	return NULL;
}

static int
check_local(const struct tern_worker *w, const struct tern_endpoint *local, bool wildcard)
{
	const struct tern_listener *l;
	bool ours = wildcard;
	unsigned int i;

	for (i = 0; i < w->n_ifs && !ours; i++)
		ours = link_is_local(&w->ifs[i], local->af, local->addr);
	if (!ours)
		return -EADDRNOTAVAIL;
	for (l = w->listeners.hash[port_hash(local->port)]; l; l = l->hnext)
		if (l->wildcard == wildcard && takes(l, local->af, local->port, local->addr))
			return -EADDRINUSE;
	return 0;
}

int
tern_listen(struct tern_worker *w, const struct tern_endpoint *local, int backlog, const struct tern_listener_ops *ops,
	    void *user, struct tern_listener **out)
{
	CALL_ON(w);
	const struct tern_tcp_conf *conf = &w->conf.tcp;
	struct tern_listener *l;
	uint32_t half;
	bool wildcard;
	int rc;

	if ((local->af != 4 && local->af != 6) || local->port == 0 || backlog < 0)
		return -EINVAL;
	wildcard = addr_is_zero(local->addr, local->af);
	rc = check_local(w, local, wildcard);
	if (rc)
		return rc;
	if (w->listeners.n == w->conf.max_listeners)
		return -ENOSPC;
	half = RTE_MIN(RTE_MIN((uint32_t)backlog, conf->somaxconn), conf->max_syn_backlog);
	half = RTE_MAX(rte_align32pow2(half + 1), 8u);
	if (w->listeners.reserved_requests + half > w->requests.total)
		return -ENOMEM;
	l = calloc(1, sizeof(*l));
	if (!l)
		return -ENOMEM;
	w->listeners.reserved_requests += half;
	w->listeners.n++;
	l->w = w;
	l->local = *local;
	l->wildcard = wildcard;
	l->ops = ops;
	l->user = user;
	l->cookie_mode = conf->cookie_mode;
	l->sockopts = w->sockopts;
	l->accept_max = RTE_MIN((uint32_t)RTE_MAX(backlog, 1), conf->somaxconn);
	l->half_max = half;
	l->acc_tail = &l->acc_head;
	l->account = mem_account_get(w);
	l->next = w->listeners.first;
	w->listeners.first = l;
	l->hnext = w->listeners.hash[port_hash(local->port)];
	w->listeners.hash[port_hash(local->port)] = l;
	*out = l;
	return 0;
}

struct tern_worker *
tern_listener_worker(struct tern_listener *l)
{
	return l->w;
}

/* No segment finds it any more. */
static void
unhash(struct tern_listener *l)
{
	struct tern_listener **pp = &l->w->listeners.hash[port_hash(l->local.port)];

	if (l->left)
		return;
	while (*pp != l)
		pp = &(*pp)->hnext;
	*pp = l->hnext;
	l->left = true;
}

void
tern_listener_set_user(struct tern_listener *l, const struct tern_listener_ops *ops, void *user)
{
	CALL_ON(l->w);
	l->ops = ops;
	l->user = user;
}

void
tern_listener_leave(struct tern_listener *l)
{
	CALL_ON(l->w);
	l->ops = NULL;
	unhash(l);
}

void
tcp_listener_free(struct tern_listener *l)
{
	struct tern_worker *w = l->w;
	struct tern_listener **pp;

	while (l->reqs)
		tcp_request_free(w, l->reqs);
	unhash(l);
	for (pp = &w->listeners.first; *pp != l; pp = &(*pp)->next)
		;
	*pp = l->next;
	w->listeners.reserved_requests -= l->half_max;
	w->listeners.n--;
	mem_account_put(w, l->account);
	free(l);
}
