/* SPDX-License-Identifier: BSD-3-Clause */
/* Opening and closing: from socket() to close(), and who decides whose a socket is. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <netinet/tcp.h>
#include "heirs.h"
#include "open.h"
#include "peers.h"
#include "tap.h"

int
run_socket(int domain, int type, int protocol)
{
	struct sock *s;
	int fd;

	run_enter();
	fd = sock_placeholder(domain);
	s = fd < 0 ? NULL : sock_new(domain);
	if (s) {
		s->nonblock = type & SOCK_NONBLOCK;
		s->cloexec = type & SOCK_CLOEXEC;
		sock_attach(s, fd);
	} else if (fd >= 0) {
		close(fd);
		fd = -ENOMEM;
	}
	run_leave();
	return fd;
}

/* --- server -------------------------------------------------------------------------------------------------- */

/*
 * An address of the stack's is only tern's, all addresses are both's, others are the kernel's. The kernel is asked
 * each time: it chooses ports, and knows whether another socket, of whatever process, has this one.
 */
static int
bind_kernel(struct sock *s, int fd, const struct sockaddr *sa, socklen_t len, bool foreign)
{
	socklen_t n = sizeof(struct sockaddr_in6);
	struct sockaddr_in6 chosen; /* a port of 0 is a number now */
	const int on = 1, off = 0, level = s->family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6,
		  name = s->family == AF_INET ? IP_FREEBIND : IPV6_FREEBIND;

	if (foreign && setsockopt(fd, level, name, &on, sizeof(on)))
		return -errno;
	s->dirty = true;
	if (bind(fd, sa, len) || getsockname(fd, (void *)&chosen, &n))
		return -errno;
	if (foreign)
		setsockopt(fd, level, name, &off, sizeof(off));
	s->bound = true;
	return name_in(s->family, (void *)&chosen, n, &s->local);
}

int
run_bind(int fd, const struct sockaddr *sa, socklen_t len)
{
	struct tern_endpoint e;
	struct sock *s;
	bool mine;
	int rc = sock_enter(fd, &s);

	if (rc)
		return rc;
	rc = name_in(s->family, sa, len, &e);
	mine = rc == 0 && run_has(&e) && run_allows(&e);
	if (rc || s->kind != SOCK_NEW || s->bound)
		rc = rc ? rc : -EINVAL;
	else
		rc = bind_kernel(s, fd, sa, len, mine);
	if (rc == 0 && !mine) {
		s->in_kernel = true;
		if (!name_any(&e) || (e.port && !run_allows(&e)))
			sock_to_kernel(s, fd);
	}
	run_leave();
	return rc;
}

int
run_listen(int fd, int backlog)
{
	struct sock *s;
	int rc = sock_enter(fd, &s);

	if (rc)
		return rc;
	if (s->kind == SOCK_CONN) {
		rc = -EINVAL;
	} else if (s->kind == SOCK_NEW) {
		const struct sockaddr_in6 any = {.sin6_family = s->family};

		s->in_kernel |= !s->bound;
		if (!s->bound)
			rc = bind_kernel(s, fd, (void *)&any, sizeof(any), false);
		if (rc == 0 && listen(fd, backlog))
			rc = -errno;
		s->backlog = backlog < 0 ? 0 : backlog;
		s->listener = getpid();
		if (rc == 0) {
			s->kind = SOCK_INTENT;
			fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK); /* who waits waits for both */
			if (!s->cloexec)
				fcntl(fd, F_SETFD, 0);
			set_listens(s);
		}
	}
	if (rc == 0 && s->kind == SOCK_INTENT && run.t && !run.dead) /* who comes before accept() is not refused */
		sock_realise(s);
	run_leave();
	return rc;
}

int
run_inherit(int fd, bool blocking)
{
	struct sockaddr_in6 sa = {0};
	struct tern_endpoint e;
	struct tcp_info info;
	struct sock *s;
	socklen_t n = sizeof(sa), size = sizeof(info);
	int v6only = 0;

	if (getsockname(fd, (void *)&sa, &n) || name_in(sa.sin6_family, (void *)&sa, n, &e) || !run_allows(&e) ||
	    !(name_any(&e) || run_has(&e)))
		return 0;
	s = sock_new(sa.sin6_family);
	if (!s)
		return -ENOMEM;
	run_enter();
	s->kind = SOCK_INTENT;
	s->local = e;
	s->in_kernel = name_any(&e);
	s->bound = s->dirty = true;
	s->nonblock = !blocking;
	s->backlog = getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size)
			     ? SOMAXCONN
			     : (int)info.tcpi_sacked; /* so it is of listeners */
	n = sizeof(v6only);
	s->v6only = e.af == TERN_AF_INET6 && getsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6only, &n) == 0 && v6only;
	run_inherit_options(s, fd);
	sock_attach(s, fd);
	run_leave();
	return 0;
}

static int
listen_family(struct sock *s, unsigned int k)
{
	struct tern_endpoint e = s->local;
	unsigned int i;
	int rc;

	e.af = k ? TERN_AF_INET6 : TERN_AF_INET;
	heirs_make_way(&e);
	rc = tern_listen(run.w, &e, s->backlog, &sock_listener_ops, s, &s->l[k]);
	if (rc == 0)
		heirs_announce(&e);
	for (i = 0; rc == 0 && i < RTE_DIM(s->opts); i++)
		if (s->opts_set & 1u << i)
			tern_listen_setopt(s->l[k], i, s->opts[i]);
	return rc;
}

int
sock_realise(struct sock *s)
{
	char where[TERN_ENDPOINT_LEN];
	struct tern_endpoint e;
	bool want[2] = {s->local.af == TERN_AF_INET, s->local.af == TERN_AF_INET6};
	int rc = -EADDRNOTAVAIL;
	unsigned int k;

	if (run.dead)
		return -EOPNOTSUPP;
	run_start();
	if (s->kind != SOCK_INTENT) /* another thread did */
		return 0;
	if (want[1] && name_any(&s->local) && !s->v6only)
		want[0] = true;
	for (k = 0; k < 2; k++)
		if (want[k] && run_family(k ? TERN_AF_INET6 : TERN_AF_INET)) {
			const int r = listen_family(s, k);

			if (rc)
				rc = r;
		}
	tern_endpoint_format(run_own(&s->local, &e), where);
	if (rc)
		run_say("cannot listen on %s: %s", where, strerror(-rc));
	else
		run_say("listening on %s", where);
	s->kind = SOCK_LISTEN;
	return rc;
}

/* The kernel's connections are the kernel's. */
static int
accept_kernel(int fd, struct sockaddr *sa, socklen_t *len, int flags)
{
	const int got = accept4(fd, sa, len, flags);

	return got < 0 ? -errno : got;
}

static void
inherit(struct sock *s, const struct sock *l)
{
	s->linger_ms = l->linger_ms;
	s->linger_s = l->linger_s;
	s->recv_us = l->recv_us;
	s->send_us = l->send_us;
	s->opened = true;
	s->opts_set = l->opts_set;
	if (l->opts_set)
		memcpy(s->opts, l->opts, sizeof(s->opts));
}

static int
accept_tern(struct sock *l, struct sockaddr *sa, socklen_t *len, int flags)
{
	struct tern_info info;
	struct sock *s;
	unsigned int i, n = 0;
	int fd;

	if (!(sock_poll(l) & EPOLLIN))
		return -EAGAIN;
	fd = sock_placeholder(l->family);
	s = fd < 0 ? NULL : sock_new(l->family);
	if (!s) {
		if (fd >= 0)
			close(fd);
		return fd < 0 ? fd : -ENOMEM;
	}
	for (i = 0; i < 2 && !n; i++)
		n = l->l[i] ? tern_accept(l->l[i], &sock_ops, s, &s->c, 1) : 0;
	s->kind = SOCK_CONN;
	s->nonblock = flags & SOCK_NONBLOCK;
	s->cloexec = flags & SOCK_CLOEXEC;
	inherit(s, l);
	sock_attach(s, fd);
	if (!n) { /* reset meanwhile */
		sock_detach(s, fd);
		return -EAGAIN;
	}
	tern_conn_info(s->c, &info, sizeof(info));
	s->local = info.local;
	s->remote = info.remote;
	name_out(&s->remote, s->family, sa, len);
	return fd;
}

int
run_accept(int fd, struct sockaddr *sa, socklen_t *len, int flags)
{
	struct waiting wait;
	struct pollfd p[1 + WAIT_EXTRA] = {{.fd = fd, .events = POLLIN}};
	struct sock *s;
	int rc = sock_enter(fd, &s), more = 0;

	if (rc)
		return rc;
	if (s->kind == SOCK_INTENT)
		sock_realise(s);
	if (s->kind != SOCK_LISTEN || flags & ~(SOCK_NONBLOCK | SOCK_CLOEXEC)) {
		rc = -EINVAL;
	} else {
		wait_begin_us(&wait, s->recv_us);
		do {
			rc = accept_tern(s, sa, len, flags);
			if (rc == -EAGAIN && s->in_kernel)
				rc = accept_kernel(fd, sa, len, flags);
			if (rc != -EAGAIN || s->nonblock)
				break;
			more = wait_more(&wait, p, s->in_kernel);
		} while (!more && sock_of(fd) == s && s->kind == SOCK_LISTEN);
		if (rc == -EAGAIN && more == -EINTR)
			rc = more;
		else if (rc == -EAGAIN && sock_of(fd) != s)
			rc = -EBADF; /* another thread closed it */
		else if (rc == -EAGAIN && s->kind != SOCK_LISTEN)
			rc = -EINVAL; /* or shut it down */
	}
	run_leave();
	return rc;
}

/* --- client -------------------------------------------------------------------------------------------------- */

static int
connect_kernel(struct sock *s, int fd, const struct sockaddr *sa, socklen_t len)
{
	sock_to_kernel(s, fd);
	run_leave(); /* it may block */
	return connect(fd, sa, len) ? -errno : 0;
}

static int
connect_begin(struct sock *s, const struct tern_endpoint *to)
{
	struct tern_endpoint from = s->local;
	unsigned int i;
	int rc;

	from.af = to->af;
	if (name_any(&s->local) || s->local.af != to->af)
		memset(from.addr, 0, sizeof(from.addr));
	rc = tern_connect(run.w, &from, to, &sock_ops, s, &s->c);
	if (rc)
		return rc == -ENOMEM ? -ENOBUFS : rc;
	for (i = 0; i < RTE_DIM(s->opts); i++)
		if (s->opts_set & 1u << i)
			tern_setopt(s->c, i, s->opts[i]);
	s->kind = SOCK_CONN;
	s->connecting = true;
	s->remote = *to;
	wait_turn(); /* the SYN */
	return 0;
}

/* It may be tried again, and is as new. */
static void
connect_failed(struct sock *s)
{
	s->kind = SOCK_NEW;
	s->dirty = true;
	s->peer_closed = s->shut_wr = false;
}

/* pending: what to say while it is not done. */
static int
connect_wait(struct sock *s, int fd, int pending)
{
	struct waiting wait;
	int rc = 0;

	if (s->nonblock && s->connecting)
		return pending;
	wait_begin_us(&wait, s->send_us);
	while (rc == 0 && sock_of(fd) == s && s->connecting)
		rc = wait_more(&wait, NULL, 0);
	if (rc == -ETIMEDOUT)
		return pending;
	if (rc || sock_of(fd) != s)
		return rc ? rc : -EBADF;
	s->connected = false; /* told */
	if (s->opened)
		return 0;
	rc = s->err ? -s->err : -ECONNABORTED;
	s->err = 0;
	connect_failed(s);
	return rc;
}

/* connect() once more. */
static int
connect_again(struct sock *s, int fd)
{
	const bool told = s->opened && !s->connected;

	return told ? -EISCONN : connect_wait(s, fd, -EALREADY);
}

/* A reset takes with it what was sent and has not left. */
static void
last_words(struct sock *s)
{
	if (s->c && tern_send_queued(s->c))
		wait_turn();
}

/* connect() to AF_UNSPEC: as new. */
static int
dissolve(struct sock *s)
{
	if (s->kind == SOCK_LISTEN || s->kind == SOCK_INTENT) {
		sock_unlisten(s);
	} else if (s->kind == SOCK_CONN) {
		last_words(s);
		if (s->c) {
			tern_conn_set_user(s->c, NULL, NULL);
			tern_abort(s->c);
			s->err = s->connecting ? 0 : ECONNRESET;
		}
		s->c = NULL;
		s->connecting = s->connected = s->opened = s->full = s->shut_rd = false;
		s->rest_at = s->rest_len = 0;
		connect_failed(s);
		sock_event(s);
	}
	return 0;
}

int
run_connect(int fd, const struct sockaddr *sa, socklen_t len)
{
	struct tern_endpoint to;
	struct sock *s;
	int rc = sock_enter(fd, &s);

	if (rc)
		return rc;
	rc = name_in(s->family, sa, len, &to);
	if (len >= sizeof(sa->sa_family) && sa->sa_family == AF_UNSPEC) {
		rc = dissolve(s);
	} else if (rc == 0 && s->kind == SOCK_CONN) {
		rc = connect_again(s, fd);
	} else if (rc == 0 && s->kind != SOCK_NEW) {
		rc = -EISCONN;
	} else if (rc == 0 && s->v6only && to.af == TERN_AF_INET) {
		rc = -ENETUNREACH;
	} else if (rc == 0 && !run_is_tern(&to)) {
		return connect_kernel(s, fd, sa, len); /* left */
	} else if (rc == 0) {
		run_start();
		rc = connect_begin(s, &to);
		rc = rc ? rc : connect_wait(s, fd, -EINPROGRESS);
	}
	run_leave();
	return rc;
}

/* --- the end ------------------------------------------------------------------------------------------------- */

/* Of SHUT_RD nothing is seen outside: as on Linux what comes still queues, and can be read. */
int
run_shutdown(int fd, int how)
{
	struct sock *s;
	int rc = sock_enter(fd, &s);

	if (rc)
		return rc;
	if ((unsigned int)how > SHUT_RDWR) {
		rc = -EINVAL;
	} else if (s->kind == SOCK_LISTEN || s->kind == SOCK_INTENT) {
		rc = shutdown(fd, how) ? -errno : 0;
		if (rc == 0 && how != SHUT_WR)
			sock_unlisten(s);
	} else if (!s->c) {
		rc = -ENOTCONN;
	} else {
		if (how != SHUT_RD)
			tern_shutdown(s->c, TERN_SHUT_WR);
		s->shut_rd |= how != SHUT_WR;
		s->shut_wr |= how != SHUT_RD;
		sock_event(s);
		wait_turn();
	}
	run_leave();
	return rc;
}

/* SO_LINGER with time: close() waits until the peer has it all, or resets. */
static void
linger(struct sock *s)
{
	struct waiting wait;

	if (s->linger_ms == TERN_LINGER_OFF || !s->c)
		return;
	tern_setopt(s->c, TERN_OPT_LINGER_MS, s->linger_ms);
	if (!s->linger_ms || s->nonblock)
		return;
	tern_shutdown(s->c, TERN_SHUT_WR);
	wait_begin_us(&wait, s->linger_ms * 1000ull);
	while (s->c && tern_send_queued(s->c) && wait_more(&wait, NULL, 0) == 0)
		;
}

int
run_close(int fd)
{
	struct sock *s;

	if (run.host->fds[fd] == FD_PARKED)
		return -EBADF;
	run_enter();
	if (run.host->fds[fd] == FD_SET) {
		set_closed(fd);
		run_leave();
		return close(fd) ? -errno : 0;
	}
	s = sock_of(fd);
	if (s && s->refs == 1 && s->kind == SOCK_CONN && !run.dead) {
		linger(s);
		if (!s->linger_ms || (s->c && tern_recv_queued(s->c))) /* RFC 2525 2.17 */
			last_words(s);
	}
	if (s)
		sock_detach(s, fd);
	run_leave();
	return s ? 0 : -EBADF;
}

int
run_dup(int fd, int as)
{
	struct sock *s;

	if ((unsigned int)as >= FD_MAX) {
		close(as);
		return -EMFILE;
	}
	run_enter();
	s = sock_of(fd);
	if (run.host->fds[fd] == FD_SET)
		set_dup(fd, as);
	if (s) {
		if (!s->copied && !s->cloexec)
			fcntl(fd, F_SETFD, 0); /* the kernel knows from now on */
		s->dirty = s->copied = true;
		sock_attach(s, as);
	}
	run_leave();
	return as;
}

/* In a child: before there was a stack all is as it was, of both; else it has copies, and may close them. */
void
run_forked(bool child)
{
	if (child) {
		asleep_forget(); /* they are the parent's, as is who ticks */
		run.ticking = false;
		run.dead = run.t != NULL;
	}
	if (child && run.dead) {
		*run.host->waits = false;
		peers_forget();
		tap_forget();
	}
	run_leave();
}
