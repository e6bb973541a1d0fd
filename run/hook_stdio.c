/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * stdio over a tern socket. glibc's streams call the kernel themselves, past every hook: those of a tern socket are
 * made of the calls here instead.
 */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>
#include <sys/socket.h>
#include "hook_own.h"

static int
of_cookie(const void *cookie)
{
	return (int)(intptr_t)cookie;
}

static ssize_t
stream_read(void *cookie, char *buf, size_t n)
{
	return read(of_cookie(cookie), buf, n);
}

/* All of it, or an error: 0, says fopencookie(3). */
static ssize_t
stream_write(void *cookie, const char *buf, size_t n)
{
	size_t done = 0;
	ssize_t rc;

	while (done < n) {
		rc = write(of_cookie(cookie), buf + done, n - done);
		if (rc <= 0)
			break;
		done += rc;
	}
	return done;
}

static int
stream_seek(void *cookie, off64_t *at, int whence)
{
	errno = ESPIPE;
	return -1;
}

static int
stream_close(void *cookie)
{
	return close(of_cookie(cookie));
}

EXPORT FILE *
fdopen(int fd, const char *mode)
{
	static const cookie_io_functions_t calls = {stream_read, stream_write, stream_seek, stream_close};
	FILE *f;

	if (!ours(fd) || run_fds[fd] != FD_SOCKET)
		return KERNEL(fdopen)(fd, mode);
	f = fopencookie((void *)(intptr_t)fd, mode, calls);
	if (f)
		f->_fileno = fd; /* what fileno() says */
	return f;
}

EXPORT int
vdprintf(int fd, const char *fmt, va_list ap)
{
	char *text;
	int n;

	if (!ours(fd))
		return KERNEL(vdprintf)(fd, fmt, ap);
	n = vasprintf(&text, fmt, ap);
	if (n < 0)
		return n;
	if (stream_write((void *)(intptr_t)fd, text, n) != n)
		n = -1;
	free(text);
	return n;
}

EXPORT int
dprintf(int fd, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vdprintf(fd, fmt, ap);
	va_end(ap);
	return n;
}

EXPORT int
__vdprintf_chk(int fd, int flag, const char *fmt, va_list ap)
{
	return vdprintf(fd, fmt, ap);
}

EXPORT int
__dprintf_chk(int fd, int flag, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vdprintf(fd, fmt, ap);
	va_end(ap);
	return n;
}
