/* SPDX-License-Identifier: BSD-3-Clause */
/* The shim's calls: those of the socket API, which may block, made of the stack's, which do not. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/ioctl.h>
#include <linux/sockios.h>
#include "shim.h"

int
shim_socket(void *u, int domain, int type, int proto)
{
	int rc;

	(void)u;
	shim_enter(-1);
	rc = st->socket(domain, type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC), proto);
	if (rc >= 0)
		rc = shim_new_fd(rc);
	if (rc >= 0)
		shim_fds[rc].nonblock = type & SOCK_NONBLOCK;
	return shim_result(rc);
}

int
shim_bind(void *u, int fd, const struct sockaddr *a, socklen_t l)
{
	int h = shim_enter(fd);

	(void)u;
	return shim_result(st->bind(h, a, l));
}

int
shim_listen(void *u, int fd, int backlog)
{
	int h = shim_enter(fd);

	(void)u;
	return shim_result(st->listen(h, backlog));
}

int
shim_accept(void *u, int fd, struct sockaddr *a, socklen_t *l)
{
	int h = shim_enter(fd), rc;

	(void)u;
	while ((rc = st->accept(h, a, l)) == -EAGAIN && !shim_fds[fd].nonblock) {
		shim_still_waiting();
		if (!shim_block(UINT64_MAX))
			break;
	}
	return shim_result(rc < 0 ? rc : shim_new_fd(rc));
}

int
shim_connect(void *u, int fd, const struct sockaddr *a, socklen_t l)
{
	int h = shim_enter(fd), rc = st->connect(h, a, l);

	(void)u;
	if (rc)
		return shim_result(rc);
	st->run(shim_now_us);
	while ((rc = st->connect_done(h)) == -EINPROGRESS && !shim_fds[fd].nonblock) {
		shim_still_waiting();
		if (!shim_block(UINT64_MAX))
			break;
	}
	return shim_result(rc);
}

ssize_t
shim_recv(void *u, int fd, void *buf, size_t n, int flags)
{
	int h = shim_enter(fd);
	ssize_t rc;

	(void)u;
	while ((rc = st->recv(h, buf, n, flags)) == -EAGAIN && !shim_fds[fd].nonblock && !(flags & MSG_DONTWAIT)) {
		shim_still_waiting();
		if (!shim_block(UINT64_MAX))
			break;
	}
	return shim_result(rc);
}

ssize_t
shim_send(void *u, int fd, const void *buf, size_t n, int flags)
{
	int h = shim_enter(fd);
	size_t done = 0;
	ssize_t rc;

	(void)u;
	for (;;) {
		rc = st->send(h, (const uint8_t *)buf + done, n - done, flags);
		if (rc > 0)
			done += rc;
		if ((rc < 0 && rc != -EAGAIN) || done >= n || shim_fds[fd].nonblock || flags & MSG_DONTWAIT)
			break;
		st->run(shim_now_us);
		shim_still_waiting();
		if (!shim_block(UINT64_MAX))
			break;
	}
	return shim_result(done ? (ssize_t)done : rc);
}

ssize_t
shim_read(void *u, int fd, void *buf, size_t n)
{
	return shim_recv(u, fd, buf, n, 0);
}

ssize_t
shim_write(void *u, int fd, const void *buf, size_t n)
{
	return shim_send(u, fd, buf, n, 0);
}

ssize_t
shim_recvfrom(void *u, int fd, void *buf, size_t n, int flags, struct sockaddr *a, socklen_t *l)
{
	(void)a;
	if (l)
		*l = 0; /* as for every connected stream */
	return shim_recv(u, fd, buf, n, flags);
}

/* A send that begins the connection waits for it, and sends the rest then. Called with the lock held. */
static ssize_t
finish_open(int h, const void *buf, size_t n, size_t done)
{
	ssize_t rc;

	st->run(shim_now_us);
	while ((rc = st->connect_done(h)) == -EINPROGRESS) {
		shim_still_waiting();
		if (!shim_block(UINT64_MAX))
			break;
	}
	if (rc)
		return shim_result(rc);
	while (done < n) {
		rc = st->send(h, (const uint8_t *)buf + done, n - done, 0);
		if (rc > 0)
			done += rc;
		if ((rc < 0 && rc != -EAGAIN) || done >= n)
			break;
		st->run(shim_now_us);
		shim_still_waiting();
		if (!shim_block(UINT64_MAX))
			break;
	}
	return shim_result(done ? (ssize_t)done : rc);
}

ssize_t
shim_sendto(void *u, int fd, const void *buf, size_t n, int flags, const struct sockaddr *a, socklen_t l)
{
	int h;
	ssize_t done;

	if (!(flags & MSG_FASTOPEN))
		return shim_send(u, fd, buf, n, flags);
	h = shim_enter(fd);
	done = st->sendto(h, buf, n, flags, a, l);
	if (h < 0 || shim_fds[fd].nonblock || flags & MSG_DONTWAIT || (done < 0 && done != -EINPROGRESS))
		return shim_result(done);
	return finish_open(h, buf, n, done < 0 ? 0 : done);
}

static size_t
iov_len(const struct iovec *iov, size_t n)
{
	size_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += iov[i].iov_len;
	return sum;
}

static ssize_t
recv_iov(void *u, int fd, const struct iovec *iov, size_t n, int flags)
{
	const size_t len = iov_len(iov, n);
	uint8_t *buf = malloc(len + 1), *p = buf;
	const ssize_t rc = shim_recv(u, fd, buf, len, flags);

	for (ssize_t left = rc; left > 0; iov++) {
		const size_t k = (size_t)left < iov->iov_len ? (size_t)left : iov->iov_len;

		memcpy(iov->iov_base, p, k);
		p += k;
		left -= k;
	}
	free(buf);
	return rc;
}

static ssize_t
send_iov(void *u, int fd, const struct iovec *iov, size_t n, int flags)
{
	const size_t len = iov_len(iov, n);
	uint8_t *buf = malloc(len + 1), *p = buf;
	ssize_t rc;

	for (size_t i = 0; i < n; i++) {
		memcpy(p, iov[i].iov_base, iov[i].iov_len);
		p += iov[i].iov_len;
	}
	rc = shim_send(u, fd, buf, len, flags);
	free(buf);
	return rc;
}

ssize_t
shim_readv(void *u, int fd, const struct iovec *iov, int n)
{
	return recv_iov(u, fd, iov, n, 0);
}

ssize_t
shim_writev(void *u, int fd, const struct iovec *iov, int n)
{
	return send_iov(u, fd, iov, n, 0);
}

ssize_t
shim_recvmsg(void *u, int fd, struct msghdr *m, int flags)
{
	m->msg_controllen = 0;
	m->msg_flags = 0;
	m->msg_namelen = 0;
	return recv_iov(u, fd, m->msg_iov, m->msg_iovlen, flags);
}

ssize_t
shim_sendmsg(void *u, int fd, const struct msghdr *m, int flags)
{
	return send_iov(u, fd, m->msg_iov, m->msg_iovlen, flags);
}

int
shim_fcntl(void *u, int fd, int cmd, ...)
{
	int h = shim_enter(fd), arg;
	va_list ap;

	(void)u;
	va_start(ap, cmd);
	arg = va_arg(ap, int);
	va_end(ap);
	if (h < 0)
		return shim_result(h);
	if (cmd == F_GETFL)
		return shim_result(O_RDWR | (shim_fds[fd].nonblock ? O_NONBLOCK : 0));
	if (cmd == F_SETFL)
		shim_fds[fd].nonblock = arg & O_NONBLOCK;
	return shim_result(cmd == F_SETFL ? 0 : -EINVAL);
}

int
shim_ioctl(void *u, int fd, unsigned long request, ...)
{
	int h = shim_enter(fd);
	va_list ap;
	int *arg;
	long n;

	(void)u;
	va_start(ap, request);
	arg = va_arg(ap, int *);
	va_end(ap);
	if (h < 0)
		return shim_result(h);
	if (request == FIONBIO) {
		shim_fds[fd].nonblock = *arg;
		return shim_result(0);
	}
	if (request != SIOCINQ && request != SIOCOUTQ)
		return shim_result(-ENOTTY);
	n = st->qlen(h, request == SIOCOUTQ);
	if (n >= 0)
		*arg = n;
	return shim_result(n < 0 ? n : 0);
}

int
shim_close(void *u, int fd)
{
	int h = shim_enter(fd);

	(void)u;
	if (h >= 0) {
		shim_fds[fd].open = false;
		close(fd);
	}
	return shim_result(st->close(h));
}

int
shim_shutdown(void *u, int fd, int how)
{
	int h = shim_enter(fd);

	(void)u;
	return shim_result(st->shutdown(h, how));
}

int
shim_getsockopt(void *u, int fd, int lvl, int opt, void *v, socklen_t *l)
{
	int h = shim_enter(fd);

	(void)u;
	return shim_result(st->getsockopt(h, lvl, opt, v, l));
}

int
shim_setsockopt(void *u, int fd, int lvl, int opt, const void *v, socklen_t l)
{
	int h = shim_enter(fd);

	(void)u;
	return shim_result(st->setsockopt(h, lvl, opt, v, l));
}

static int
poll_once(struct pollfd *p, nfds_t n)
{
	int ready = 0;

	for (nfds_t i = 0; i < n; i++) {
		const bool open = p[i].fd >= 0 && p[i].fd < FDS && shim_fds[p[i].fd].open;

		p[i].revents = open ? st->pollev(shim_fds[p[i].fd].h) & (p[i].events | POLLERR | POLLHUP) : POLLNVAL;
		ready += p[i].revents != 0;
	}
	return ready;
}

int
shim_poll(void *u, struct pollfd *p, nfds_t n, int timeout)
{
	uint64_t until;
	int rc;

	(void)u;
	shim_enter(-1);
	until = timeout < 0 ? UINT64_MAX : shim_now_us + timeout * 1000ull;
	while ((rc = poll_once(p, n)) == 0 && timeout) {
		shim_still_waiting();
		if (!shim_block(until))
			break;
	}
	return shim_result(rc);
}
