/* SPDX-License-Identifier: BSD-3-Clause */
/* Text in and out. Who may not block and finds nothing gives the worker a turn first: it may come from that. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include "open.h"

#define FILE_CHUNK 65536u
#define PEEK_MAX (1u << 20)

/* --- in ------------------------------------------------------------------------------------------------------ */

static ssize_t
recv_rest(struct sock *s, void *buf, size_t len, int flags)
{
	const size_t n = RTE_MIN(len, s->rest_len - s->rest_at);

	memcpy(buf, s->rest + s->rest_at, n);
	if (!(flags & MSG_PEEK))
		s->rest_at += n;
	return n;
}

/* MSG_TRUNC: the bytes are not wanted. */
static ssize_t
recv_nowhere(struct tern_conn *c, size_t len)
{
	char buf[4096];
	size_t n = 0;
	ssize_t rc = 0;

	while (n < len && (rc = tern_recv(c, buf, RTE_MIN(len - n, sizeof(buf)))) > 0)
		n += rc;
	return n ? (ssize_t)n : rc;
}

static bool
may_wait(const struct sock *s, int flags)
{
	return !s->nonblock && !(flags & MSG_DONTWAIT);
}

static ssize_t
recv_some(struct sock *s, void *buf, size_t len, int flags)
{
	ssize_t rc;

	if (s->connecting)
		return -EAGAIN;
	if (s->rest_at < s->rest_len)
		return recv_rest(s, buf, len, flags);
	if (s->c) {
		if (flags & MSG_PEEK)
			rc = tern_peek(s->c, buf, len);
		else if (flags & MSG_TRUNC)
			rc = recv_nowhere(s->c, len);
		else
			rc = tern_recv(s->c, buf, len);
		return rc == -EAGAIN && s->shut_rd ? 0 : rc;
	}
	rc = s->err || s->kind == SOCK_CONN ? -s->err : -ENOTCONN;
	s->err = 0;
	return rc;
}

/* Will there be no more than what waits? */
static bool
recv_ends(const struct sock *s)
{
	return !s->c || s->shut_rd || tern_peer_closed(s->c);
}

/* Is it enough, of the len bytes that were asked for? */
static bool
recv_done(const struct sock *s, size_t got, size_t len, int flags)
{
	if (got == len || !(flags & MSG_WAITALL) || !may_wait(s, flags))
		return true;
	return flags & MSG_PEEK && recv_ends(s);
}

ssize_t
run_recv(int fd, void *buf, size_t len, int flags)
{
	struct waiting wait;
	bool turned = false, waits = false;
	struct sock *s;
	size_t got = 0;
	ssize_t rc;
	int more;

	if (flags & MSG_OOB)
		return -EINVAL; /* none: urgent data is in line (RFC 6093 5) */
	if (flags & MSG_ERRQUEUE)
		return -EAGAIN;
	more = sock_enter(fd, &s);
	if (more)
		return more;
	do {
		rc = recv_some(s, (char *)buf + got, len - got, flags);
		if (rc > 0 && flags & MSG_PEEK) {
			if (recv_done(s, rc, len, flags))
				break;
		} else if (rc > 0) {
			got += rc;
			if (recv_done(s, got, len, flags))
				break;
			continue;
		} else if (rc != -EAGAIN) {
			break;
		}
		if (may_wait(s, flags)) {
			if (!waits)
				wait_begin_us(&wait, s->recv_us);
			waits = true;
			more = wait_more(&wait, NULL, 0);
		} else if (turned) {
			break;
		} else {
			turned = true;
			wait_turn();
		}
	} while (!more && sock_of(fd) == s);
	if (sock_of(fd) != s) /* another thread closed it */
		rc = -EBADF;
	run_leave();
	return got ? (ssize_t)got : more == -EINTR ? -EINTR : rc;
}

/* All at once, and then to where it belongs. */
static ssize_t
peek_pieces(int fd, const struct msghdr *m, size_t len, int flags)
{
	char *const text = malloc(len);
	const ssize_t rc = text ? run_recv(fd, text, len, flags) : -ENOMEM;
	size_t i, at = 0, n;

	for (i = 0; rc > 0 && i < m->msg_iovlen && at < (size_t)rc; i++, at += n) {
		n = RTE_MIN(m->msg_iov[i].iov_len, rc - at);
		memcpy(m->msg_iov[i].iov_base, text + at, n);
	}
	free(text);
	return rc;
}

static ssize_t
recv_pieces(int fd, const struct msghdr *m, int flags)
{
	ssize_t rc = 0, sum = 0;
	size_t i;

	for (i = 0; i < m->msg_iovlen; i++) {
		if (!m->msg_iov[i].iov_len)
			continue;
		rc = run_recv(fd, m->msg_iov[i].iov_base, m->msg_iov[i].iov_len,
			      sum && !(flags & MSG_WAITALL) ? flags | MSG_DONTWAIT : flags);
		if (rc <= 0)
			break;
		sum += rc;
		if ((size_t)rc < m->msg_iov[i].iov_len)
			break;
	}
	return sum ? sum : rc;
}

ssize_t
run_recvmsg(int fd, struct msghdr *m, int flags)
{
	size_t i, len = 0;
	ssize_t rc;

	if (m->msg_iovlen > IOV_MAX)
		return -EMSGSIZE;
	for (i = 0; i < m->msg_iovlen; i++)
		len += m->msg_iov[i].iov_len;
	if (!len) /* waits until there is something, and takes nothing */
		rc = run_recv(fd, NULL, 0, flags);
	else if (flags & MSG_PEEK && m->msg_iovlen > 1)
		rc = peek_pieces(fd, m, RTE_MIN(len, (size_t)PEEK_MAX), flags);
	else
		rc = recv_pieces(fd, m, flags);
	m->msg_namelen = m->msg_controllen = 0;
	m->msg_flags = 0;
	return rc;
}

/* --- out ----------------------------------------------------------------------------------------------------- */

static ssize_t
broken(int flags)
{
	if (!(flags & MSG_NOSIGNAL))
		raise(SIGPIPE);
	return -EPIPE;
}

static unsigned int
tern_flags(int flags)
{
	return ((flags & MSG_MORE) ? TERN_SEND_MORE : 0) | ((flags & MSG_OOB) ? TERN_SEND_URGENT : 0);
}

static ssize_t
send_some(struct sock *s, const struct iovec *iov, unsigned int n, size_t len, int flags)
{
	ssize_t rc;

	if (s->connecting)
		return -EAGAIN;
	if (s->err) {
		rc = -s->err;
		s->err = 0;
		return rc == -EPIPE ? broken(flags) : rc;
	}
	if (s->kind != SOCK_CONN || s->shut_wr || !s->c)
		return broken(flags);
	rc = n == 1 ? tern_send(s->c, iov->iov_base, len, tern_flags(flags))
		    : tern_sendv(s->c, iov, n, tern_flags(flags));
	if (rc == -ENOBUFS)
		rc = -EAGAIN;
	if (rc == -EAGAIN || (rc >= 0 && (size_t)rc < len))
		s->full = true;
	return rc == -EPIPE ? broken(flags) : rc;
}

/* What is left of iov when done bytes are sent. */
static unsigned int
rest_of(const struct iovec *iov, unsigned int n, size_t done, struct iovec *rest)
{
	unsigned int i, k = 0;

	for (i = 0; i < n; i++) {
		const size_t skip = RTE_MIN(done, iov[i].iov_len);

		done -= skip;
		if (iov[i].iov_len > skip)
			rest[k++] = (struct iovec){(char *)iov[i].iov_base + skip, iov[i].iov_len - skip};
	}
	return k;
}

static ssize_t
send_wait(int fd, struct sock *s, const struct iovec *iov, unsigned int n, size_t len, ssize_t rc, int flags)
{
	struct iovec rest[IOV_MAX];
	struct waiting wait;
	size_t done = rc > 0 ? rc : 0;
	int more = 0;

	wait_begin_us(&wait, s->send_us);
	while (done < len && (rc > 0 || rc == -EAGAIN) && !(more = wait_more(&wait, NULL, 0)) && sock_of(fd) == s) {
		const unsigned int k = rest_of(iov, n, done, rest);

		rc = send_some(s, rest, k, len - done, flags);
		done += rc > 0 ? rc : 0;
	}
	return done ? (ssize_t)done : more == -EINTR ? -EINTR : rc;
}

static ssize_t
sendv(int fd, const struct iovec *iov, unsigned int n, int flags)
{
	struct sock *s;
	size_t len = 0;
	unsigned int i;
	ssize_t rc;

	for (i = 0; i < n; i++)
		len += iov[i].iov_len;
	rc = sock_enter(fd, &s);
	if (rc)
		return rc;
	rc = send_some(s, iov, n, len, flags);
	if (may_wait(s, flags)) {
		if (rc == -EAGAIN || (rc >= 0 && (size_t)rc < len))
			rc = send_wait(fd, s, iov, n, len, rc, flags);
		wait_turn(); /* it may be long until this thread waits for anything */
	}
	run_leave();
	return rc;
}

ssize_t
run_send(int fd, const void *buf, size_t len, int flags)
{
	const struct iovec iov = {(void *)buf, len};

	return sendv(fd, &iov, 1, flags);
}

ssize_t
run_sendmsg(int fd, const struct msghdr *m, int flags)
{
	if (m->msg_iovlen > IOV_MAX)
		return -EMSGSIZE;
	return m->msg_iovlen ? sendv(fd, m->msg_iov, m->msg_iovlen, flags) : run_send(fd, "", 0, flags);
}

/* at < 0: of a pipe, which has no place to go back to: no more is read than will be sent. */
static ssize_t
send_piece(int out, int in, off_t at, size_t n)
{
	char buf[FILE_CHUNK];
	struct sock *s;
	size_t room;
	ssize_t got = sock_enter(out, &s);

	if (got)
		return got;
	room = s->c ? tern_send_space(s->c) : 1;
	if (s->nonblock)
		n = RTE_MIN(n, RTE_MAX(room, (size_t)1));
	run_leave();
	if (s->nonblock && !room && at < 0)
		return -EAGAIN;
	n = RTE_MIN(n, sizeof(buf));
	got = at < 0 ? read(in, buf, n) : pread(in, buf, n, at);
	return got <= 0 ? (got ? -errno : 0) : run_send(out, buf, got, at >= 0 && (size_t)got < n ? MSG_MORE : 0);
}

ssize_t
run_sendfile(int out, int in, off_t *off, size_t n)
{
	const off_t began = off ? *off : lseek(in, 0, SEEK_CUR);
	size_t done = 0;
	ssize_t rc = 0;

	if (began < 0)
		return off || errno == ESPIPE ? -EINVAL : -errno;
	while (done < n && (rc = send_piece(out, in, began + done, n - done)) > 0)
		done += rc;
	if (done && off)
		*off = began + done;
	else if (done)
		lseek(in, began + done, SEEK_SET);
	return done ? (ssize_t)done : rc;
}

/* --- splice() ------------------------------------------------------------------------------------------------- */

/* A pipe that has room takes PIPE_BUF bytes without blocking (POSIX write()). */
static bool
pipe_has_room(int out)
{
	struct pollfd p = {.fd = out, .events = POLLOUT};

	return poll(&p, 1, 0) == 1 && p.revents & POLLOUT;
}

/* What the pipe does not take stays in the socket. */
static ssize_t
splice_in(int in, int out, size_t n, bool at_once)
{
	char buf[PIPE_BUF];
	size_t done = 0;
	ssize_t rc;

	if (at_once && !pipe_has_room(out))
		return -EAGAIN;
	do {
		rc = run_recv(in, buf, RTE_MIN(n - done, sizeof(buf)), MSG_PEEK | (done || at_once ? MSG_DONTWAIT : 0));
		if (rc > 0)
			rc = write(out, buf, rc);
		if (rc > 0)
			run_recv(in, buf, rc, 0);
		done += rc > 0 ? rc : 0;
	} while (rc > 0 && done < n && pipe_has_room(out));
	return done ? (ssize_t)done : rc;
}

static bool
is_pipe(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode);
}

ssize_t
run_splice(int in, int out, size_t n, unsigned int flags)
{
	struct pollfd p = {.fd = in, .events = POLLIN};
	const bool at_once = flags & SPLICE_F_NONBLOCK, to_pipe = run.host->fds[in] == FD_SOCKET;

	if (!is_pipe(to_pipe ? out : in))
		return -EINVAL;
	if (!n)
		return 0;
	if (to_pipe)
		return splice_in(in, out, n, at_once);
	return at_once && poll(&p, 1, 0) == 0 ? -EAGAIN : send_piece(out, in, -1, n);
}
