/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Endpoints as text.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tern.h"

/* Decimal digits and nothing else. */
static int
parse_port(const char *s, uint16_t *port)
{
	char *end;
	const unsigned long v = strtoul(s, &end, 10);

	if (*s < '0' || *s > '9' || *end || v > 65535)
		return -EINVAL;
	*port = htons(v);
	return 0;
}

int
tern_endpoint_parse(const char *s, struct tern_endpoint *e)
{
	const bool bracket = *s == '[';
	const char *colon = strrchr(s, ':'), *end;
	char addr[INET6_ADDRSTRLEN];
	size_t n;

	memset(e, 0, sizeof(*e));
	if (bracket)
		end = strchr(s++, ']');
	else
		end = colon && strchr(s, ':') == colon ? colon : s + strlen(s); /* several colons are an IPv6 address */
	if (!end || (n = end - s) >= sizeof(addr))
		return -EINVAL;
	memcpy(addr, s, n);
	addr[n] = 0;
	end += bracket;
	if (!bracket && inet_pton(AF_INET, addr, e->addr) == 1)
		e->af = TERN_AF_INET;
	else if (inet_pton(AF_INET6, addr, e->addr) == 1)
		e->af = TERN_AF_INET6;
	else
		return -EINVAL;
	if (!*end)
		return 0;
	return *end == ':' ? parse_port(end + 1, &e->port) : -EINVAL;
}

char *
tern_endpoint_format(const struct tern_endpoint *e, char buf[TERN_ENDPOINT_LEN])
{
	const bool v6 = e->af == TERN_AF_INET6;
	char addr[INET6_ADDRSTRLEN];

	inet_ntop(v6 ? AF_INET6 : AF_INET, e->addr, addr, sizeof(addr));
	if (e->port)
		snprintf(buf, TERN_ENDPOINT_LEN, v6 ? "[%s]:%u" : "%s:%u", addr, ntohs(e->port));
	else
		snprintf(buf, TERN_ENDPOINT_LEN, "%s", addr);
	return buf;
}
