/* SPDX-License-Identifier: BSD-3-Clause */
/* Words of a script: space and comments, numbers, times and the symbols of the socket API. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* POLLRDHUP */
#endif
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include "script_read.h"

int
rd_bad(const struct reader *r, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "%s:%d: ", r->s->path, r->line);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, ", at '%.30s'\n", r->p);
	return -1;
}

void
rd_skip_space(struct reader *r)
{
	for (;;) {
		if (*r->p == '\n') {
			r->line++;
			r->p++;
		} else if (isspace((unsigned char)*r->p)) {
			r->p++;
		} else if (strncmp(r->p, "//", 2) == 0 || *r->p == '#') {
			r->p += strcspn(r->p, "\n");
		} else if (strncmp(r->p, "/*", 2) == 0) {
			for (; *r->p && strncmp(r->p, "*/", 2); r->p++)
				r->line += *r->p == '\n';
			r->p += *r->p ? 2 : 0;
		} else {
			return;
		}
	}
}

bool
rd_take(struct reader *r, const char *word)
{
	const size_t n = strlen(word);

	rd_skip_space(r);
	if (strncmp(r->p, word, n) || (isalnum((unsigned char)word[n - 1]) && isalnum((unsigned char)r->p[n])))
		return false;
	r->p += n;
	return true;
}

bool
rd_number(struct reader *r, uint32_t *v)
{
	char *end;

	rd_skip_space(r);
	if (!isdigit((unsigned char)*r->p))
		return false;
	*v = strtoul(r->p, &end, 0);
	r->p = end;
	return true;
}

bool
rd_seconds(struct reader *r, int64_t *us)
{
	char *end;
	double d;

	/* not strtod() at once: "0...0.2" */
	if (!isdigit((unsigned char)*r->p) && !(*r->p == '.' && isdigit((unsigned char)r->p[1])))
		return false;
	end = r->p + strspn(r->p, "0123456789");
	if (*end == '.' && end[1] != '.')
		end += 1 + strspn(end + 1, "0123456789");
	d = atof(r->p);
	*us = d * 1e6 + 0.5;
	r->p = end;
	return true;
}

/* --- symbols ---------------------------------------------------------------------------------------------------- */

static const struct {
	const char *name;
	long v;
} symbols[] = {
#define S(x) {#x, x}
	S(AF_INET),
	S(AF_INET6),
	S(SOCK_STREAM),
	S(SOCK_NONBLOCK),
	S(SOCK_CLOEXEC),
	S(IPPROTO_TCP),
	S(IPPROTO_IP),
	S(IPPROTO_IPV6),
	S(SOL_SOCKET),
	{"SOL_TCP", IPPROTO_TCP},
	{"SOL_IP", IPPROTO_IP},
	{"SOL_IPV6", IPPROTO_IPV6},
	S(SO_REUSEADDR),
	S(SO_REUSEPORT),
	S(SO_ERROR),
	S(SO_LINGER),
	S(SO_KEEPALIVE),
	S(SO_SNDBUF),
	S(SO_RCVBUF),
	S(SO_TYPE),
	S(SO_ACCEPTCONN),
	S(SO_RCVTIMEO),
	S(SO_SNDTIMEO),
	S(SO_PRIORITY),
	S(TCP_NODELAY),
	S(TCP_MAXSEG),
	S(TCP_CORK),
	S(TCP_QUICKACK),
	S(TCP_KEEPIDLE),
	S(TCP_KEEPINTVL),
	S(TCP_KEEPCNT),
	S(TCP_USER_TIMEOUT),
	S(TCP_INFO),
	S(TCP_SYNCNT),
	S(TCP_LINGER2),
	S(TCP_DEFER_ACCEPT),
	S(TCP_WINDOW_CLAMP),
	S(TCP_NOTSENT_LOWAT),
	S(TCP_FASTOPEN),
	S(TCP_FASTOPEN_CONNECT),
	S(TCP_FASTOPEN_KEY),
	S(TCP_CONGESTION),
	S(IP_TOS),
	S(IP_TTL),
	S(IP_MTU_DISCOVER),
	S(IPV6_TCLASS),
	S(IPV6_UNICAST_HOPS),
	S(IPV6_V6ONLY),
	S(SHUT_RD),
	S(SHUT_WR),
	S(SHUT_RDWR),
	S(MSG_PEEK),
	S(MSG_DONTWAIT),
	S(MSG_MORE),
	S(MSG_NOSIGNAL),
	S(MSG_TRUNC),
	S(MSG_WAITALL),
	S(MSG_OOB),
	S(MSG_FASTOPEN),
	S(F_GETFL),
	S(F_SETFL),
	S(O_RDWR),
	S(O_NONBLOCK),
	S(SIOCINQ),
	S(SIOCOUTQ),
	S(FIONREAD),
	S(POLLIN),
	S(POLLOUT),
	S(POLLERR),
	S(POLLHUP),
	S(POLLRDHUP),
	S(POLLPRI),
	S(POLLRDNORM),
	S(POLLWRNORM),
	S(EAGAIN),
	S(EWOULDBLOCK),
	S(EINPROGRESS),
	S(EALREADY),
	S(EISCONN),
	S(ENOTCONN),
	S(ECONNREFUSED),
	S(ECONNRESET),
	S(ECONNABORTED),
	S(ETIMEDOUT),
	S(EPIPE),
	S(EINVAL),
	S(EBADF),
	S(EADDRINUSE),
	S(EADDRNOTAVAIL),
	S(EHOSTUNREACH),
	S(ENETUNREACH),
	S(EMSGSIZE),
	S(ENOPROTOOPT),
	S(EPROTO),
	S(EACCES),
	S(ENOBUFS),
	S(ENOMEM),
	S(EOPNOTSUPP),
	S(EAFNOSUPPORT),
	S(EPROTONOSUPPORT),
	S(EFAULT),
	S(ENOENT),
#undef S
};

static bool
one_number(const char *p, size_t n, long *v)
{
	char word[48], *end;

	while (n && isspace((unsigned char)*p))
		p++, n--;
	while (n && isspace((unsigned char)p[n - 1]))
		n--;
	if (n == 0 || n >= sizeof(word))
		return false;
	memcpy(word, p, n);
	word[n] = 0;
	*v = strtol(word, &end, 0);
	if (*end == 0)
		return true;
	for (unsigned int i = 0; i < sizeof(symbols) / sizeof(symbols[0]); i++)
		if (strcmp(symbols[i].name, word) == 0) {
			*v = symbols[i].v;
			return true;
		}
	return false;
}

bool
script_number(const char *p, long *v)
{
	size_t n = strlen(p);

	while (n && isspace((unsigned char)*p))
		p++, n--;
	while (n && isspace((unsigned char)p[n - 1]))
		n--;
	if (n >= 2 && *p == '[' && p[n - 1] == ']')
		p++, n -= 2;
	for (*v = 0;;) {
		const char *bar = memchr(p, '|', n);
		const size_t k = bar ? (size_t)(bar - p) : n;
		long one;

		if (!one_number(p, k, &one))
			return false;
		*v |= one;
		if (!bar)
			return true;
		p += k + 1;
		n -= k + 1;
	}
}
