/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pd_backend's calls: those of the socket API, without blocking. A call sends nothing by itself: what it queued leaves
 * at the start of the next call or with run() or input(), which say what time it is. Where POSIX leaves a choice
 * (which error, when; poll bits) it is Linux's.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* POLLRDHUP */
#endif
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include "backend.h"

static const struct tern_listener_ops listen_ops;

int
be_socket(int domain, int type, int proto)
{
	if (domain != AF_INET && domain != AF_INET6)
		return -EAFNOSUPPORT;
	if ((type & 0xf) != SOCK_STREAM || (proto != 0 && proto != IPPROTO_TCP))
		return -EPROTONOSUPPORT;
	return be_new_sock(domain);
}

int
be_bind(int h, const struct sockaddr *a, socklen_t l)
{
	struct sock *s = be_get(h);
	struct tern_endpoint e;
	int rc;

	if (!s)
		return -EBADF;
	if (s->local.af || s->c || s->l[0])
		return -EINVAL;
	rc = be_to_endpoint(s, a, l, &e);
	if (rc)
		return rc;
	for (unsigned int i = 0; i < N_SOCKS; i++) {
		const struct sock *o = &be_socks[i];

		if (o->used && o->local.af == e.af && e.port && o->local.port == e.port && !o->c &&
		    (o->l[0] || !o->opt[O_REUSEADDR] || !s->opt[O_REUSEADDR]))
			return -EADDRINUSE;
	}
	be_adopt(e.af, e.addr);
	s->local = e;
	return 0;
}

int
be_listen(int h, int backlog)
{
	struct sock *s = be_get(h);
	const uint8_t af = s && s->domain == AF_INET ? 4 : 6;
	struct tern_endpoint e4;
	int rc;

	if (!s)
		return -EBADF;
	if (s->c)
		return -EINVAL;
	if (s->l[0])
		return 0;
	if (backlog < 0)
		backlog = 4096;
	if (!s->local.af)
		s->local.af = af;
	for (unsigned int tries = 0; s->local.port == 0 && tries < 1; tries++)
		s->local.port = htons(32768 + core_rand(&be_worker->core) % 28000);
	rc = tern_listen(be_worker, &s->local, backlog, &listen_ops, s, &s->l[0]);
	be_apply_options(s);
	if (rc || s->local.af == 4 || s->opt[O_V6ONLY])
		return rc;
	e4 = (struct tern_endpoint){.af = 4, .port = s->local.port};
	if (memcmp(s->local.addr, (uint8_t[16]){0}, 16) == 0 &&
	    tern_listen(be_worker, &e4, backlog, &listen_ops, s, &s->l[1]))
		s->l[1] = NULL; /* someone else has it */
	be_apply_options(s);
	return 0;
}

int
be_accept(int h, struct sockaddr *a, socklen_t *l)
{
	struct sock *s = be_get(h), *n;
	struct tern_conn *c = NULL;
	struct tern_info info;
	int nh;

	if (!s)
		return -EBADF;
	if (!s->l[0])
		return -EINVAL;
	nh = be_new_sock(s->domain);
	if (nh < 0)
		return nh;
	n = &be_socks[nh];
	for (unsigned int i = 0; i < 2 && !c; i++)
		if (s->l[i])
			tern_accept(s->l[i], &be_conn_ops, n, &c, 1);
	if (!c) {
		n->used = false;
		return -EAGAIN;
	}
	n->c = c;
	tern_conn_info(c, &info, sizeof(info));
	n->local = info.local;
	n->peer = info.remote;
	n->reported = true;
	n->set = s->set;
	n->linger = s->linger;
	memcpy(n->opt, s->opt, sizeof(n->opt));
	be_apply_options(n);
	be_from_endpoint(n, &n->peer, a, l);
	return nh;
}

int
be_connect_done(int h)
{
	struct sock *s = be_get(h);
	int err;

	if (!s)
		return -EBADF;
	if (s->c)
		return be_is_opening(s) ? -EINPROGRESS : 0;
	if (s->deferred)
		return 0;
	if (!s->connecting)
		return -ENOTCONN;
	err = s->err;
	s->err = 0;
	return -err;
}

/* Open to s->peer; with Fast Open as much of buf goes along as the SYN has room for. @return that, or an error. */
static ssize_t
open_to_peer(struct sock *s, bool fastopen, const void *buf, size_t len)
{
	const struct tern_endpoint *local = s->local.af ? &s->local : NULL;
	struct tern_info info;
	struct tern_conn syn;
	uint8_t opt[40];
	uint32_t room = 0;
	ssize_t rc;

	s->eof = s->shut_rd = s->shut_wr = s->deferred = false; /* a socket may try again */
	rc = fastopen ? tern_connect_fastopen(be_worker, local, &s->peer, &be_conn_ops, s, buf, 0, &s->c) :
			tern_connect(be_worker, local, &s->peer, &be_conn_ops, s, &s->c);
	if (rc) {
		s->c = NULL;
		return rc;
	}
	s->connecting = true;
	s->reported = false;
	tern_conn_info(s->c, &info, sizeof(info));
	s->local = info.local;
	s->peer = info.remote;
	be_apply_options(s);
	if (fastopen) {
		syn = *s->c;
		syn.snd_queued = len;
		tcp_tfo_offer(be_worker, &syn, opt, &room);
	}
	return room ? tern_send(s->c, buf, room, 0) : 0;
}

/* Would data go with a SYN to s->peer? */
static bool
knows_cookie(const struct sock *s)
{
	const struct iface *ifc = &be_worker->ifs[0];
	struct tern_conn c = {.af = s->peer.af, .rport = s->peer.port};

	if (c.af == 4) {
		c.addr.laddr4 = ifc->laddr4;
		memcpy(&c.addr.raddr4, s->peer.addr, 4);
	} else {
		memcpy(c.addr.laddr6, ifc->laddr6, 16);
		memcpy(c.addr.raddr6, s->peer.addr, 16);
	}
	return tcp_tfo_known(be_worker, &c);
}

int
be_connect(int h, const struct sockaddr *a, socklen_t l)
{
	struct sock *s = be_get(h);
	struct tern_endpoint peer;
	int rc;

	if (!s)
		return -EBADF;
	if (s->l[0])
		return -EISCONN;
	if (s->deferred)
		return -EISCONN;
	if (s->c) {
		if (be_is_opening(s))
			return -EALREADY;
		if (s->reported)
			return -EISCONN;
		s->reported = true;
		return 0;
	}
	if (s->err) {
		rc = -s->err;
		s->err = 0;
		return rc;
	}
	rc = be_to_endpoint(s, a, l, &peer);
	if (rc)
		return rc;
	s->peer = peer;
	s->deferred = s->opt[O_FASTOPEN_CONNECT] && knows_cookie(s);
	return s->deferred ? 0 : open_to_peer(s, s->opt[O_FASTOPEN_CONNECT], NULL, 0);
}

ssize_t
be_recv(int h, void *buf, size_t len, int flags)
{
	struct sock *s = be_get(h);
	uint8_t *dump = NULL;
	ssize_t n;

	if (!s)
		return -EBADF;
	if (s->l[0])
		return -ENOTCONN;
	if (s->left_off < s->left_len)
		return be_recv_left(s, buf, len, flags);
	if (s->deferred)
		return -EAGAIN;
	if (!s->c) {
		if (s->err)
			return be_take_error(s);
		return s->eof || s->shut_rd ? 0 : -ENOTCONN;
	}
	if (len == 0)
		return 0;
	if (flags & MSG_TRUNC) /* throw away */
		buf = dump = malloc(len);
	n = flags & MSG_PEEK ? tern_peek(s->c, buf, len) : tern_recv(s->c, buf, len);
	free(dump);
	return n == -EAGAIN && s->shut_rd ? 0 : n;
}

ssize_t
be_sendto(int h, const void *buf, size_t len, int flags, const struct sockaddr *a, socklen_t l)
{
	struct sock *s = be_get(h);
	ssize_t n;
	int rc;

	if (!s)
		return -EBADF;
	if (s->err)
		return be_take_error(s);
	if ((flags & MSG_FASTOPEN && !s->c && !s->eof) || s->deferred) {
		if (s->l[0])
			return -EISCONN;
		rc = s->deferred ? 0 : be_to_endpoint(s, a, l, &s->peer);
		if (rc)
			return rc;
		n = open_to_peer(s, true, buf, len);
		return n ? n : -EINPROGRESS;
	}
	if (!s->c || s->shut_wr)
		return -EPIPE;
	if (be_is_opening(s))
		return flags & MSG_FASTOPEN ? -EALREADY : -EAGAIN;
	if (flags & MSG_OOB)
		return tern_send(s->c, buf, len, TERN_SEND_URGENT);
	return tern_send(s->c, buf, len, flags & MSG_MORE ? TERN_SEND_MORE : 0);
}

ssize_t
be_send(int h, const void *buf, size_t len, int flags)
{
	return be_sendto(h, buf, len, flags, NULL, 0);
}

int
be_shutdown(int h, int how)
{
	struct sock *s = be_get(h);
	struct tern_conn *c;

	if (!s)
		return -EBADF;
	if (how != SHUT_RD && how != SHUT_WR && how != SHUT_RDWR)
		return -EINVAL;
	if (s->l[0]) {
		for (unsigned int i = 0; how != SHUT_WR && i < 2; i++)
			if (s->l[i]) {
				tern_listener_close(s->l[i]);
				s->l[i] = NULL;
			}
		return 0;
	}
	if (!s->c)
		return -ENOTCONN;
	if (be_state(s) == TERN_SYN_SENT) {
		c = s->c;
		s->c = NULL;
		tern_abort(c);
		return 0;
	}
	s->shut_rd |= how != SHUT_WR;
	if (how == SHUT_RD || s->shut_wr)
		return 0;
	s->shut_wr = true;
	tern_shutdown(s->c, TERN_SHUT_WR);
	return 0;
}

int
be_close(int h)
{
	struct sock *s = be_get(h);

	if (!s)
		return -EBADF;
	for (unsigned int i = 0; i < 2; i++)
		if (s->l[i])
			tern_listener_close(s->l[i]);
	if (s->c)
		tern_close(s->c);
	free(s->left);
	memset(s, 0, sizeof(*s));
	return 0;
}

int
be_pollev(int h)
{
	struct sock *s = be_get(h);
	bool eof;
	int ev = 0;

	if (!s)
		return POLLNVAL;
	if (s->l[0]) {
		for (unsigned int i = 0; i < 2; i++)
			if (s->l[i] && s->l[i]->acc_head)
				ev |= POLLIN | POLLRDNORM;
		return ev;
	}
	if (s->err)
		ev |= POLLERR;
	if (s->deferred)
		return POLLOUT | POLLWRNORM;
	if (be_is_opening(s))
		return ev;
	eof = s->shut_rd || s->eof || (s->c && s->c->flags & C_FIN_RCVD);
	if ((!s->c) || (eof && s->shut_wr))
		ev |= POLLHUP;
	if (eof)
		ev |= POLLIN | POLLRDNORM | POLLRDHUP;
	if (s->left_off < s->left_len || (s->c && tern_recv_queued(s->c)))
		ev |= POLLIN | POLLRDNORM;
	if (s->c && tern_urgent_left(s->c))
		ev |= POLLPRI;
	if (s->shut_wr || !s->c || tern_send_space(s->c) >= tern_send_queued(s->c) / 2)
		ev |= POLLOUT | POLLWRNORM;
	return ev;
}

long
be_qlen(int h, int out)
{
	struct sock *s = be_get(h);
	const struct tern_conn *c;

	if (!s)
		return -EBADF;
	if (s->l[0])
		return -EINVAL;
	c = s->c;
	if (!out)
		return s->left_len - s->left_off + (c ? c->rcv_queued : 0);
	if (!c || be_is_opening(s))
		return 0;
	return c->snd_queued + !!(c->flags & C_FIN_QUEUED && c->state != TERN_FIN_WAIT_2);
}
