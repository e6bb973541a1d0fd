/* SPDX-License-Identifier: BSD-3-Clause */
/* Text in and out, and what is done to descriptors. */
#define _GNU_SOURCE
#undef _FILE_OFFSET_BITS /* fcntl() and fcntl64() are two names */
#include <limits.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include "hook_own.h"

/* --- text ---------------------------------------------------------------------------------------------------- */

EXPORT ssize_t
recv(int fd, void *buf, size_t n, int flags)
{
	return ours(fd) ? INSIDE(run_calls->recv(fd, buf, n, flags)) : KERNEL(recv)(fd, buf, n, flags);
}

/* read() of nothing does nothing, recv() of nothing waits for text. */
static inline bool
nothing(int fd, size_t n)
{
	return unlikely(!n) && run_fds[fd] == FD_SOCKET;
}

EXPORT ssize_t
read(int fd, void *buf, size_t n)
{
	if (!ours(fd))
		return KERNEL(read)(fd, buf, n);
	return nothing(fd, n) ? 0 : INSIDE(run_calls->recv(fd, buf, n, 0));
}

EXPORT ssize_t
recvmsg(int fd, struct msghdr *m, int flags)
{
	return ours(fd) ? INSIDE(run_calls->recvmsg(fd, m, flags)) : KERNEL(recvmsg)(fd, m, flags);
}

EXPORT ssize_t
readv(int fd, const struct iovec *iov, int n)
{
	struct msghdr m = {.msg_iov = (struct iovec *)iov, .msg_iovlen = n};
	size_t len = 0;
	int i;

	if (!ours(fd))
		return KERNEL(readv)(fd, iov, n);
	for (i = 0; i < n && i < IOV_MAX && !len; i++)
		len = iov[i].iov_len;
	return INSIDE(n < 0 || n > IOV_MAX ? -EINVAL : nothing(fd, len) ? 0 : run_calls->recvmsg(fd, &m, 0));
}

EXPORT ssize_t
recvfrom(int fd, void *buf, size_t n, int flags, struct sockaddr *sa, socklen_t *len)
{
	if (!ours(fd))
		return KERNEL(recvfrom)(fd, buf, n, flags, sa, len);
	if (sa && len)
		*len = 0; /* a stream's text has no address */
	return INSIDE(run_calls->recv(fd, buf, n, flags));
}

EXPORT ssize_t
__read_chk(int fd, void *buf, size_t n, size_t size)
{
	if (n > size)
		__chk_fail();
	return read(fd, buf, n);
}

EXPORT ssize_t
__recv_chk(int fd, void *buf, size_t n, size_t size, int flags)
{
	if (n > size)
		__chk_fail();
	return recv(fd, buf, n, flags);
}

EXPORT ssize_t
__recvfrom_chk(int fd, void *buf, size_t n, size_t size, int flags, struct sockaddr *sa, socklen_t *len)
{
	if (n > size)
		__chk_fail();
	return recvfrom(fd, buf, n, flags, sa, len);
}

EXPORT ssize_t
send(int fd, const void *buf, size_t n, int flags)
{
	return ours(fd) ? INSIDE(run_calls->send(fd, buf, n, flags)) : KERNEL(send)(fd, buf, n, flags);
}

EXPORT ssize_t
write(int fd, const void *buf, size_t n)
{
	return ours(fd) ? INSIDE(run_calls->send(fd, buf, n, 0)) : KERNEL(write)(fd, buf, n);
}

/* A tern socket is nothing in another process. */
static bool
gives_ours(const struct msghdr *m)
{
	const struct cmsghdr *c;
	const int *fds;
	size_t i;

	for (c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR((struct msghdr *)m, (struct cmsghdr *)c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		fds = (const int *)CMSG_DATA(c);
		for (i = 0; i < (c->cmsg_len - CMSG_LEN(0)) / sizeof(int); i++)
			if (ours(fds[i]) && run_fds[fds[i]] == FD_SOCKET)
				return true;
	}
	return false;
}

EXPORT ssize_t
sendmsg(int fd, const struct msghdr *m, int flags)
{
	if (ours(fd) && flags & MSG_FASTOPEN && m->msg_name && connect(fd, m->msg_name, m->msg_namelen))
		return -1; /* the text follows the handshake */
	if (ours(fd))
		return INSIDE(run_calls->sendmsg(fd, m, flags));
	if (unlikely(m && m->msg_controllen) && run_calls && gives_ours(m))
		return INSIDE(run_calls->give_away());
	return KERNEL(sendmsg)(fd, m, flags);
}

EXPORT ssize_t
writev(int fd, const struct iovec *iov, int n)
{
	const struct msghdr m = {.msg_iov = (struct iovec *)iov, .msg_iovlen = n};

	if (!ours(fd))
		return KERNEL(writev)(fd, iov, n);
	return INSIDE(n < 0 || n > IOV_MAX ? -EINVAL : n ? run_calls->sendmsg(fd, &m, 0) : 0);
}

EXPORT ssize_t
sendto(int fd, const void *buf, size_t n, int flags, const struct sockaddr *sa, socklen_t len)
{
	const struct iovec iov = {(void *)buf, n};
	const struct msghdr m = {
		.msg_name = (void *)sa, .msg_namelen = len, .msg_iov = (struct iovec *)&iov, .msg_iovlen = 1};

	return ours(fd) ? sendmsg(fd, &m, flags) : KERNEL(sendto)(fd, buf, n, flags, sa, len);
}

/* At -1 they are readv() and writev(); elsewhere, and with flags, the placeholder answers. */
EXPORT ssize_t
preadv2(int fd, const struct iovec *iov, int n, off_t at, int flags)
{
	return ours(fd) && at == -1 && !flags ? readv(fd, iov, n) : KERNEL(preadv2)(fd, iov, n, at, flags);
}

EXPORT ssize_t
pwritev2(int fd, const struct iovec *iov, int n, off_t at, int flags)
{
	return ours(fd) && at == -1 && !flags ? writev(fd, iov, n) : KERNEL(pwritev2)(fd, iov, n, at, flags);
}

ssize_t preadv64v2(int fd, const struct iovec *iov, int n, off64_t at, int flags);
ssize_t pwritev64v2(int fd, const struct iovec *iov, int n, off64_t at, int flags);

EXPORT ssize_t
preadv64v2(int fd, const struct iovec *iov, int n, off64_t at, int flags)
{
	return preadv2(fd, iov, n, at, flags);
}

EXPORT ssize_t
pwritev64v2(int fd, const struct iovec *iov, int n, off64_t at, int flags)
{
	return pwritev2(fd, iov, n, at, flags);
}

/* How many messages there are before one that gives a tern socket away. */
static unsigned int
before_ours(const struct mmsghdr *m, unsigned int n)
{
	unsigned int i;

	for (i = 0; m && i < n; i++)
		if (m[i].msg_hdr.msg_controllen && gives_ours(&m[i].msg_hdr))
			return i;
	return n;
}

/* As many as do not wait, after the first. */
EXPORT int
sendmmsg(int fd, struct mmsghdr *m, unsigned int n, int flags)
{
	unsigned int i;

	if (!ours(fd)) {
		i = run_calls ? before_ours(m, n) : n;
		if (i || !n)
			return KERNEL(sendmmsg)(fd, m, i, flags);
	}
	for (i = 0; i < n; i++) {
		const ssize_t rc = sendmsg(fd, &m[i].msg_hdr, flags);

		if (rc < 0)
			break;
		m[i].msg_len = rc;
	}
	return i || !n ? (int)i : -1;
}

EXPORT int
recvmmsg(int fd, struct mmsghdr *m, unsigned int n, int flags, struct timespec *limit)
{
	unsigned int i = 0;
	ssize_t rc = 1;

	if (!ours(fd))
		return KERNEL(recvmmsg)(fd, m, n, flags, limit);
	while (i < n && rc > 0) {
		rc = recvmsg(fd, &m[i].msg_hdr, flags & ~MSG_WAITFORONE);
		if (rc < 0)
			break;
		m[i++].msg_len = rc;
		if (flags & MSG_WAITFORONE)
			flags |= MSG_DONTWAIT;
	}
	return i || rc >= 0 ? (int)i : -1;
}

EXPORT ssize_t
sendfile64(int out, int in, off64_t *off, size_t n)
{
	if (ours(in) && !ours(out)) {
		errno = EINVAL; /* as of a kernel's socket */
		return -1;
	}
	return ours(out) ? INSIDE(run_calls->sendfile(out, in, off, n)) : KERNEL(sendfile64)(out, in, off, n);
}

EXPORT ssize_t
splice(int in, off64_t *in_at, int out, off64_t *out_at, size_t n, unsigned int flags)
{
	if (!ours(in) && !ours(out))
		return KERNEL(splice)(in, in_at, out, out_at, n, flags);
	if (in_at || out_at) {
		errno = (ours(in) ? out_at : in_at) ? ESPIPE : EINVAL; /* of the pipe, of the socket */
		return -1;
	}
	return INSIDE(run_calls->splice(in, out, n, flags));
}

EXPORT ssize_t
sendfile(int out, int in, off_t *off, size_t n)
{
	return sendfile64(out, in, off, n);
}

/* --- descriptors --------------------------------------------------------------------------------------------- */

EXPORT int
close(int fd)
{
	return ours(fd) ? INSIDE(run_calls->close(fd)) : KERNEL(close)(fd);
}

/* The number will be something else, or nothing: it can't stay parked either. */
static void
give_up(int fd)
{
	if (run_fds[fd] != FD_PARKED)
		INSIDE(run_calls->close(fd));
	if (run_fds[fd] == FD_PARKED)
		INSIDE(run_calls->unpark(fd));
}

EXPORT int
close_range(unsigned int first, unsigned int last, int flags)
{
	unsigned int fd;

	if (run_calls && !run_inside)
		for (fd = first; fd <= last && fd < FD_MAX; fd++) {
			if (run_fds[fd] && !(flags & CLOSE_RANGE_CLOEXEC))
				give_up(fd);
			else if (run_fds[fd] == FD_SOCKET)
				fcntl(fd, F_SETFD, FD_CLOEXEC);
		}
	return real.close_range(first, last, flags);
}

EXPORT void
closefrom(int first)
{
	close_range(first < 0 ? 0 : first, ~0u, 0);
}

/* as is the kernel's copy of the placeholder fd. */
static int
duplicated(int fd, int as)
{
	return as < 0 || !ours(fd) ? as : INSIDE(run_calls->dup(fd, as));
}

EXPORT int
dup(int fd)
{
	return duplicated(fd, real.dup(fd));
}

EXPORT int
dup3(int fd, int as, int flags)
{
	if (fd == as) {
		errno = EINVAL;
		return -1;
	}
	if (ours(fd) && run_fds[fd] == FD_PARKED) {
		errno = EBADF;
		return -1;
	}
	if (ours(as))
		give_up(as);
	return duplicated(fd, real.dup3(fd, as, flags));
}

EXPORT int
dup2(int fd, int as)
{
	return fd == as ? real.dup2(fd, as) : dup3(fd, as, 0);
}

EXPORT int
fcntl64(int fd, int cmd, ...)
{
	va_list ap;
	long arg;

	va_start(ap, cmd);
	arg = va_arg(ap, long);
	va_end(ap);
	if (!ours(fd))
		return KERNEL(fcntl64)(fd, cmd, arg);
	if (cmd == F_DUPFD || cmd == F_DUPFD_CLOEXEC)
		return duplicated(fd, real.fcntl64(fd, cmd, arg));
	return INSIDE(run_calls->fcntl(fd, cmd, arg));
}

EXPORT int
fcntl(int fd, int cmd, ...)
{
	va_list ap;
	long arg;

	va_start(ap, cmd);
	arg = va_arg(ap, long);
	va_end(ap);
	return fcntl64(fd, cmd, arg);
}

EXPORT int
ioctl(int fd, unsigned long what, ...)
{
	va_list ap;
	void *arg;

	va_start(ap, what);
	arg = va_arg(ap, void *);
	va_end(ap);
	return ours(fd) ? INSIDE(run_calls->ioctl(fd, what, arg)) : KERNEL(ioctl)(fd, what, arg);
}
