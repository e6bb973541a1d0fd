/* SPDX-License-Identifier: BSD-3-Clause */
/* Addresses as the kernel's calls have them. An IPv6 socket speaks IPv4 by mapped addresses (RFC 4291 2.5.5.2). */
#include <arpa/inet.h>
#include <string.h>
#include "sock.h"

int
name_in(int family, const struct sockaddr *sa, socklen_t len, struct tern_endpoint *e)
{
	const struct sockaddr_in *in = (const void *)sa;
	const struct sockaddr_in6 *in6 = (const void *)sa;

	memset(e, 0, sizeof(*e));
	if (len < (family == AF_INET ? sizeof(*in) : 24 /* RFC 2133's, without scope */))
		return -EINVAL;
	if (sa->sa_family != family)
		return -EAFNOSUPPORT;
	if (family == AF_INET) {
		e->af = TERN_AF_INET;
		e->port = in->sin_port;
		memcpy(e->addr, &in->sin_addr, 4);
		return 0;
	}
	e->port = in6->sin6_port;
	if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr)) {
		e->af = TERN_AF_INET;
		memcpy(e->addr, &in6->sin6_addr.s6_addr[12], 4);
	} else {
		e->af = TERN_AF_INET6;
		memcpy(e->addr, &in6->sin6_addr, 16);
	}
	return 0;
}

void
name_out(const struct tern_endpoint *e, int family, struct sockaddr *sa, socklen_t *len)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = e->port};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = e->port};
	const void *from = family == AF_INET ? (const void *)&in : &in6;
	const socklen_t n = family == AF_INET ? sizeof(in) : sizeof(in6);

	if (!sa || !len)
		return;
	if (family == AF_INET) {
		memcpy(&in.sin_addr, e->addr, 4);
	} else if (e->af == TERN_AF_INET) {
		memset(&in6.sin6_addr.s6_addr[10], 0xff, 2);
		memcpy(&in6.sin6_addr.s6_addr[12], e->addr, 4);
	} else {
		memcpy(&in6.sin6_addr, e->addr, 16);
	}
	memcpy(sa, from, RTE_MIN(*len, n));
	*len = n;
}

bool
name_any(const struct tern_endpoint *e)
{
	static const uint8_t zero[16];

	return memcmp(e->addr, zero, 16) == 0;
}
