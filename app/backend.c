/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/un.h>
#include <rte_common.h>
#include "backend.h"

const char *
backend_parse(const char *val, struct backend *b)
{
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)&b->at;
	struct sockaddr_in *four = (struct sockaddr_in *)&b->at;
	struct sockaddr_un *un = (struct sockaddr_un *)&b->at;
	struct tern_endpoint e;

	*b = (struct backend){0};
	snprintf(b->name, sizeof(b->name), "%s", val); /* none that is right is longer */
	if (strncmp(val, "unix:", 5) == 0) {
		val += 5;
		if (!*val)
			return "there is no path behind unix:";
		if (strlen(val) >= sizeof(un->sun_path))
			return "the path is longer than the 107 characters that a socket's may have";
		un->sun_family = AF_UNIX;
		memcpy(un->sun_path, val, strlen(val));
		b->len = sizeof(*un);
		return NULL;
	}
	if (tern_endpoint_parse(val, &e))
		return "write ADDR:PORT, [ADDR]:PORT or unix:PATH";
	if (!e.port)
		return "the port is missing: write ADDR:PORT, [ADDR]:PORT or unix:PATH";
	if (e.af == TERN_AF_INET) {
		four->sin_family = AF_INET;
		four->sin_port = e.port;
		memcpy(&four->sin_addr, e.addr, 4);
		b->len = sizeof(*four);
	} else {
		six->sin6_family = AF_INET6;
		six->sin6_port = e.port;
		memcpy(&six->sin6_addr, e.addr, 16);
		b->len = sizeof(*six);
	}
	return NULL;
}

int
backend_socket(const struct backend *b)
{
	const int fd = socket(b->at.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;

	if (fd < 0)
		return -errno;
	if (b->at.ss_family != AF_UNIX) /* what is small is the client's doing, and waits for nothing */
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return fd;
}

int
backend_connect(const struct backend *b, int fd)
{
	return connect(fd, (const struct sockaddr *)&b->at, b->len) ? -errno : 0;
}

void
backend_reset(int fd)
{
	const struct linger now = {.l_onoff = 1};

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(fd);
}

uint64_t
backend_descriptors(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r))
		return 0;
	if (r.rlim_cur < r.rlim_max) {
		r.rlim_cur = r.rlim_max;
		if (setrlimit(RLIMIT_NOFILE, &r) || getrlimit(RLIMIT_NOFILE, &r))
			return 0;
	}
	return r.rlim_cur;
}

/* PROXY protocol version 2, section 2.2: signature, version and command, family and transport, length, addresses. */
unsigned int
proxy_head(uint8_t head[PROXY_HEAD_MAX], const struct tern_endpoint *from, const struct tern_endpoint *to)
{
	static const uint8_t signature[12] = "\r\n\r\n\0\r\nQUIT\n";
	const unsigned int n = from->af == TERN_AF_INET ? 4 : 16;
	uint8_t *p = head + sizeof(signature);

	memcpy(head, signature, sizeof(signature));
	*p++ = 0x21;                                   /* version 2, PROXY */
	*p++ = from->af == TERN_AF_INET ? 0x11 : 0x21; /* IPv4 or IPv6, stream */
	*p++ = 0;
	*p++ = 2 * n + 4;
	memcpy(p, from->addr, n);
	memcpy(p + n, to->addr, n);
	memcpy(p + 2 * n, &from->port, 2); /* in network order, as all of it */
	memcpy(p + 2 * n + 2, &to->port, 2);
	return sizeof(signature) + 4 + 2 * n + 4;
}
