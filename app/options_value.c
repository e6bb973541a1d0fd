/* SPDX-License-Identifier: BSD-3-Clause */
/* The values of options: messages that say where a value came from, and those values that need more than a range. */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <rte_cfgfile.h>
#include <rte_common.h>
#include "option.h"

struct origin origin;

int
complain(const char *fmt, ...)
{
	va_list ap;

	fflush(stdout);
	fputs("tern: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	return -EINVAL;
}

void
notice(const char *fmt, ...)
{
	va_list ap;

	fputs("tern: notice: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

int
bad(const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (origin.file)
		return complain("%s:%u: %s: %s", origin.file, option_line(origin.file, origin.section, origin.name),
				origin.name, text);
	if (origin.name)
		return complain("--%s: %s", origin.name, text);
	return complain("%s", text);
}

int
number(const char *s, int64_t min, int64_t max, int64_t *out)
{
	char *end;

	errno = 0;
	*out = strtoll(s, &end, 10);
	if (end == s || *end || errno == EINVAL)
		return bad("'%s' is not a number", s);
	if (errno == ERANGE || *out < min || *out > max)
		return bad("%s is out of range: %lld..%lld", s, (long long)min, (long long)max);
	return 0;
}

static int
address(const char *s, uint8_t addr[16], uint8_t *af)
{
	memset(addr, 0, 16);
	if (inet_pton(AF_INET, s, addr) == 1)
		*af = TERN_AF_INET;
	else if (inet_pton(AF_INET6, s, addr) == 1)
		*af = TERN_AF_INET6;
	else
		return bad("'%s' is neither an IPv4 nor an IPv6 address", s);
	return 0;
}

static int
address_of(const char *s, uint8_t want, uint8_t *out)
{
	uint8_t addr[16], af = 0;
	int rc = address(s, addr, &af);

	if (rc)
		return rc;
	if (af != want)
		return bad("'%s' is not an IPv%u address", s, want);
	memcpy(out, addr, want == TERN_AF_INET ? 4 : 16);
	return 0;
}

static struct tern_if_conf *
cur_if(void)
{
	options.ifs_given |= 1u << options.cur_if;
	options.conf.n_ifs = RTE_MAX(options.conf.n_ifs, options.cur_if + 1);
	return &options.conf.ifs[options.cur_if];
}

/* ADDR/PREFIX[+COUNT] */
static int
prefixed(char *val, struct tern_alias *a)
{
	const int max = a->af == TERN_AF_INET ? 32 : 128;
	char *plus = strchr(val, '+'), *slash = strchr(val, '/');
	int64_t prefix, count = 1;
	int rc;

	if (!slash)
		return bad("'%s' has no prefix length: write %.*s/%d", val, (int)strcspn(val, "+"), val,
			   a->af == TERN_AF_INET ? 24 : 64);
	*slash++ = 0;
	if (plus)
		*plus++ = 0;
	rc = address_of(val, a->af, a->addr);
	rc = rc ? rc : number(slash, 1, max, &prefix);
	rc = rc || !plus ? rc : number(plus, 1, 1 << 24, &count);
	if (rc)
		return rc;
	a->prefix = prefix;
	a->count = count;
	return 0;
}

/* The interface's first address of the family, or a further one. */
static int
add_addr(struct tern_if_conf *c, const struct tern_alias *a)
{
	if (a->af == TERN_AF_INET && !c->prefix4) {
		memcpy(c->addr4, a->addr, 4);
		c->prefix4 = a->prefix;
		c->addr4_count = a->count;
	} else if (a->af == TERN_AF_INET6 && !c->prefix6) {
		memcpy(c->addr6, a->addr, 16);
		c->prefix6 = a->prefix;
		c->addr6_count = a->count;
	} else if (c->n_aliases == TERN_ALIAS_MAX) {
		return bad("more than %u addresses of one interface besides the first: write ADDR/PREFIX+COUNT for "
			   "several in a row",
			   TERN_ALIAS_MAX);
	} else {
		c->alias[c->n_aliases++] = *a;
	}
	return 0;
}

/* What the command line says replaces what the file said, as everywhere. */
static void
drop_addrs(struct tern_if_conf *c, uint8_t af)
{
	unsigned int i, n = 0;

	*(af == TERN_AF_INET ? &c->prefix4 : &c->prefix6) = 0;
	for (i = 0; i < c->n_aliases; i++)
		if (c->alias[i].af != af)
			c->alias[n++] = c->alias[i];
	c->n_aliases = n;
}

/* One address, or several with commas or spaces between them. */
static int
set_addrs(const char *val, uint8_t af, unsigned int *of_file)
{
	struct tern_if_conf *c = cur_if();
	struct tern_alias a = {.af = af};
	char buf[CFG_VALUE_LEN], *one, *save;
	int rc = 0;

	if (snprintf(buf, sizeof(buf), "%s", val) >= (int)sizeof(buf))
		return bad("the value is longer than %zu characters: give the option again instead", sizeof(buf) - 1);
	if (!origin.file && *of_file >> options.cur_if & 1)
		drop_addrs(c, af);
	*of_file = origin.file ? *of_file | 1u << options.cur_if : *of_file & ~(1u << options.cur_if);
	one = strtok_r(buf, ", \t", &save);
	if (!one)
		return bad("'%s' is no address", val);
	for (; !rc && one; one = strtok_r(NULL, ", \t", &save)) {
		rc = prefixed(one, &a);
		rc = rc ? rc : add_addr(c, &a);
	}
	return rc;
}

int
set_addr(const char *val)
{
	return set_addrs(val, TERN_AF_INET, &options.addr4_of_file);
}

int
set_addr6(const char *val)
{
	return set_addrs(val, TERN_AF_INET6, &options.addr6_of_file);
}

int
set_gw(const char *val)
{
	return address_of(val, TERN_AF_INET, cur_if()->gw4);
}

int
set_gw6(const char *val)
{
	return address_of(val, TERN_AF_INET6, cur_if()->gw6);
}

int
set_if(const char *val)
{
	int64_t n;
	int rc = number(val, 0, TERN_IF_MAX - 1, &n);

	if (!rc)
		options.cur_if = n;
	return rc;
}

int
set_port_id(const char *val)
{
	int64_t n;
	int rc = number(val, 0, UINT16_MAX - 1, &n);

	if (!rc)
		cur_if()->port_id = n;
	return rc;
}

int
set_mtu(const char *val)
{
	int64_t n;
	int rc = number(val, 68, 9216, &n); /* RFC 791 3.2; a jumbo frame */

	if (!rc)
		cur_if()->mtu = n;
	return rc;
}

/* Hexadecimal as testpmd's, with 0x or without. */
int
set_portmask(const char *val)
{
	char *end;

	errno = 0;
	options.portmask = strtoull(val, &end, 16);
	if (!isxdigit((unsigned char)*val) || *end)
		return bad("'%s' is no hexadecimal number, as 0x3", val);
	if (errno || !options.portmask || options.portmask >> (RTE_MAX_ETHPORTS - 1) >> 1)
		return bad("%s: the lowest bit is port 0, the highest port %u", val, RTE_MAX_ETHPORTS - 1);
	return 0;
}

int
set_listen(const char *val)
{
	return address(val, options.listen.addr, &options.listen.af);
}

int
set_metrics(const char *val)
{
	struct tern_endpoint e = {0};
	const bool every = *val == ':';
	int64_t port = 0;
	int rc = every ? number(val + 1, 1, UINT16_MAX, &port) : 0;

	if (rc)
		return rc;
	e.port = htons(port);
	if (!every && (tern_endpoint_parse(val, &e) || !e.port))
		return bad("'%s': write ADDR:PORT, [ADDR]:PORT of IPv6, or :PORT for every address", val);
	options.metrics = e;
	return 0;
}

int
set_backlog(const char *val)
{
	int64_t n;
	int rc = number(val, INT64_MIN, INT64_MAX, &n);

	if (rc)
		return rc;
	if (n < 0)
		return bad("%s is negative: give at least 1", val);
	if (n == 0)
		notice("backlog 0 is taken as 1");
	if (n > INT32_MAX) {
		notice("backlog %s is taken as %d", val, INT32_MAX);
		n = INT32_MAX;
	}
	options.backlog = (int32_t)n;
	return 0;
}

/* LOW-HIGH */
int
set_ports(const char *val)
{
	unsigned int low, high;
	char rest;

	if (sscanf(val, "%5u-%5u%c", &low, &high, &rest) != 2 || !low || high < low || high > UINT16_MAX)
		return bad("'%s': write LOW-HIGH with 1 <= LOW <= HIGH <= 65535", val);
	options.conf.tcp.port_min = low;
	options.conf.tcp.port_max = high;
	return 0;
}
