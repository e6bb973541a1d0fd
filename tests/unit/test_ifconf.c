/* SPDX-License-Identifier: BSD-3-Clause */
/* net/ifconf.c: addresses that can't be are refused, with a line that says what and where; those that can be are
 * taken. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "net/ifconf.h"
#include "suite.h"

struct row {
	const char *ifs[2]; /* "ADDR/PREFIX[+COUNT][,...] [GATEWAY]", of either family; NULL: no such interface */
	const char *says;   /* a part of the line; NULL: accepted */
};

static const struct row rows[] = {
	{{"192.0.2.1/24"}, NULL},
	{{"192.0.2.1/24 192.0.2.254"}, NULL},
	{{"192.0.2.1/24+253 192.0.2.254"}, NULL},
	{{"192.0.2.0/31 192.0.2.1"}, NULL},
	{{"192.0.2.1/32 198.51.100.1"}, NULL},
	{{"192.0.2.1/25 192.0.2.126", "192.0.2.129/25"}, NULL},
	{{"192.0.2.1/24", "198.51.100.1/24 198.51.100.254"}, NULL},
	{{"192.0.2.1/24 192.0.2.254", "2001:db8::1/64 2001:db8::ff"}, NULL},
	{{"2001:db8::1/64 fe80::1"}, NULL},
	{{"2001:db8::1/64+1000 2001:db8::ffff"}, NULL},
	{{"fe80::5/64 fe80::1"}, NULL},
	{{"2001:db8::1/128 2001:db8:1::1"}, NULL},
	/* addresses */
	{{"0.0.0.1/8"}, "interface 0: 0.0.0.1 is of 0/8"},
	{{"127.0.0.1/8"}, "127.0.0.1 is loopback"},
	{{"233.252.0.1/24"}, "233.252.0.1 is multicast"},
	{{"255.255.255.255/24"}, "reserved or broadcast"},
	{{"192.0.2.0/24"}, "192.0.2.0 is the network's or the broadcast"},
	{{"192.0.2.255/24"}, "192.0.2.255 is the network's or the broadcast"},
	{{"192.0.2.1/33"}, "prefix length 33"},
	{{"192.0.2.1/0"}, "prefix length 0"},
	{{"192.0.2.1/24+255"}, "reach the broadcast address 192.0.2.255"},
	{{"192.0.2.1/24+256"}, "256 addresses from 192.0.2.1 leave its /24"},
	{{"192.0.2.1/32+2"}, "leave its /32"},
	{{"192.0.2.200/25+100"}, "leave its /25"},
	{{"192.0.2.1/24+4294967295"}, "leave its /24"},
	{{"::1/64"}, "::1 is unspecified or loopback"},
	{{"ff02::1/64"}, "ff02::1 is multicast"},
	{{"::ffff:192.0.2.1/96"}, "is IPv4-mapped"},
	{{"2001:db8::1/129"}, "prefix length 129"},
	{{"2001:db8::ff/120+2"}, "2 addresses from 2001:db8::ff leave its /120"},
	{{"2001:db8::ffff:ffff/64+2"}, "leave its /64"},
	/* gateways */
	{{"192.0.2.1/24 192.0.2.1"}, "gateway 192.0.2.1 is the interface's own"},
	{{"192.0.2.1/24+10 192.0.2.9"}, "gateway 192.0.2.9 is the interface's own"},
	{{"192.0.2.1/24 192.0.2.255"}, "gateway 192.0.2.255 is the network's or the broadcast"},
	{{"192.0.2.1/24 192.0.2.0"}, "gateway 192.0.2.0 is the network's"},
	{{"192.0.2.1/24 255.255.255.255"}, "gateway 255.255.255.255 is reserved or broadcast"},
	{{"192.0.2.1/24 224.0.0.1"}, "gateway 224.0.0.1 is multicast"},
	{{"192.0.2.1/24 127.0.0.1"}, "gateway 127.0.0.1 is loopback"},
	{{"192.0.2.1/24 0.0.0.9"}, "gateway 0.0.0.9 is of 0/8"},
	{{"192.0.2.1/24 198.51.100.1"}, "gateway 198.51.100.1 is not in 192.0.2.1/24"},
	{{"2001:db8::1/64 2001:db8::1"}, "gateway 2001:db8::1 is the interface's own"},
	{{"2001:db8::1/64 ff02::2"}, "gateway ff02::2 is multicast"},
	{{"2001:db8::1/64 ::1"}, "gateway ::1 is unspecified or loopback"},
	{{"2001:db8::1/64 2001:db8:1::1"}, "gateway 2001:db8:1::1 is not in"},
	/* two interfaces */
	{{"192.0.2.1/24", "192.0.2.1/24"}, "interfaces 0 and 1 both have the address 192.0.2.1"},
	{{"192.0.2.1/24+5", "192.0.2.5/32"}, "both have the address 192.0.2.5"},
	{{"192.0.2.1/24", "192.0.2.9/24"}, "interfaces 0 and 1 are both in one subnet"},
	{{"192.0.2.1/24", "192.0.2.129/25"}, "in one subnet"},
	{{"2001:db8::1/64", "2001:db8::1/64"}, "both have the address 2001:db8::1"},
	{{"2001:db8::1/64", "2001:db8::2/48"}, "in one subnet"},
	{{"192.0.2.1/24 192.0.2.254", "198.51.100.1/24 198.51.100.254"}, "both have a default gateway"},
	{{"2001:db8::1/64 fe80::1", "2001:db8:1::1/64 fe80::1"}, "both have a default gateway"},
	/* further addresses */
	{{"192.0.2.1/24,192.0.2.7/24"}, NULL},
	{{"192.0.2.1/24,198.51.100.1/25+2,192.0.2.77/32 198.51.100.126"}, NULL},
	{{"192.0.2.1/24,198.51.100.1/24", "203.0.113.1/24,203.0.113.9/24"}, NULL},
	{{"192.0.2.1/32,192.0.2.2/32 198.51.100.9"}, NULL},
	{{"192.0.2.1/32,192.0.2.7/24 192.0.2.9"}, NULL},
	{{"2001:db8::1/64,2001:db8:1::1/64+9,2001:db8::7/128 2001:db8:1::99"}, NULL},
	{{"192.0.2.1/24,127.0.0.1/8"}, "interface 0: 127.0.0.1 is loopback"},
	{{"192.0.2.1/24,198.51.100.127/25"}, "198.51.100.127 is the network's or the broadcast"},
	{{"192.0.2.1/24,198.51.100.1/25+127"}, "reach the broadcast address 198.51.100.127"},
	{{"192.0.2.1/24,192.0.2.1/24"}, "interface 0 has the address 192.0.2.1 twice"},
	{{"192.0.2.1/24+5,192.0.2.5/32"}, "interface 0 has the address 192.0.2.5 twice"},
	{{"192.0.2.1/24,192.0.2.129/25"}, "192.0.2.1/24 and 192.0.2.129/25: one subnet lies in the other"},
	{{"192.0.2.1/24,198.51.100.1/24", "203.0.113.1/24,198.51.100.1/24"},
	 "interfaces 0 and 1 both have the address 198.51.100.1"},
	{{"192.0.2.1/24,198.51.100.1/24", "203.0.113.1/24,198.51.100.2/24"}, "are both in one subnet"},
	{{"192.0.2.1/24,198.51.100.1/24 198.51.100.1"}, "gateway 198.51.100.1 is the interface's own"},
	{{"192.0.2.1/24,198.51.100.1/25 198.51.100.127"},
	 "is the network's or the broadcast address of 198.51.100.1/25"},
	{{"192.0.2.1/24,198.51.100.1/24 203.0.113.1"}, "is not in 192.0.2.1/24, nor in another of its subnets"},
	{{"2001:db8::1/64,2001:db8::1/128"}, "interface 0 has the address 2001:db8::1 twice"},
	{{"2001:db8::1/64,2001:db8:0:0:8000::1/80"}, "one subnet lies in the other"},
};

static void
fill_alias(struct tern_if_conf *c, char *addr)
{
	struct tern_alias *a = &c->alias[c->n_aliases++];
	char *count = strchr(addr, '+'), *prefix = strchr(addr, '/');
	const bool v6 = strchr(addr, ':') != NULL;

	if (count)
		*count++ = 0;
	*prefix++ = 0;
	a->af = v6 ? TERN_AF_INET6 : TERN_AF_INET;
	a->prefix = atoi(prefix);
	a->count = count ? strtoul(count, NULL, 10) : 0;
	CU_ASSERT_EQUAL(inet_pton(v6 ? AF_INET6 : AF_INET, addr, a->addr), 1);
}

static void
fill(struct tern_if_conf *c, const char *text)
{
	char buf[128], *addr, *gw, *prefix, *count, *more, *next;
	const bool v6 = strchr(text, ':') != NULL;
	const int af = v6 ? AF_INET6 : AF_INET;

	memset(c, 0, sizeof(*c));
	snprintf(buf, sizeof(buf), "%s", text);
	addr = strtok_r(buf, " ", &gw);
	addr = strtok_r(addr, ",", &more);
	while ((next = strtok_r(NULL, ",", &more)) != NULL)
		fill_alias(c, next);
	count = strchr(addr, '+');
	if (count)
		*count++ = 0;
	prefix = strchr(addr, '/');
	*prefix++ = 0;
	CU_ASSERT_EQUAL(inet_pton(af, addr, v6 ? c->addr6 : c->addr4), 1);
	*(v6 ? &c->prefix6 : &c->prefix4) = atoi(prefix);
	*(v6 ? &c->addr6_count : &c->addr4_count) = count ? strtoul(count, NULL, 10) : 0;
	if (gw && *gw)
		CU_ASSERT_EQUAL(inet_pton(af, gw, v6 ? c->gw6 : c->gw4), 1);
}

static void
test_rows(void)
{
	struct tern_if_conf c[2];
	char why[256];
	unsigned int i, n;
	int rc;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (n = 0; n < 2 && rows[i].ifs[n]; n++)
			fill(&c[n], rows[i].ifs[n]);
		why[0] = 0;
		rc = ifconf_check(c, n, why, sizeof(why));
		if (rc != (rows[i].says ? -22 : 0) || (rc && !strstr(why, rows[i].says)))
			printf("\n  %s, %s: %d '%s'\n", rows[i].ifs[0], rows[i].ifs[1] ? rows[i].ifs[1] : "-", rc, why);
		CU_ASSERT_EQUAL(rc, rows[i].says ? -22 : 0);
		CU_ASSERT(!rc || strstr(why, rows[i].says) != NULL);
		CU_ASSERT_PTR_NULL(strchr(why, '\n'));
	}
}

/* A gateway alone; nothing at all. */
static void
test_no_address(void)
{
	struct tern_if_conf c = {.gw4 = {192, 0, 2, 1}};
	char why[256];

	CU_ASSERT_EQUAL(ifconf_check(&c, 1, why, sizeof(why)), -22);
	CU_ASSERT_PTR_NOT_NULL(strstr(why, "no IPv4 address"));
	memset(&c, 0, sizeof(c));
	CU_ASSERT_EQUAL(ifconf_check(&c, 1, why, sizeof(why)), 0);
	c.n_aliases = 1;
	CU_ASSERT_EQUAL(ifconf_check(&c, 1, why, sizeof(why)), -22);
	CU_ASSERT_PTR_NOT_NULL(strstr(why, "of no family"));
	c.alias[0] = (struct tern_alias){.af = TERN_AF_INET, .addr = {192, 0, 2, 1}, .prefix = 24};
	CU_ASSERT_EQUAL(ifconf_check(&c, 1, why, sizeof(why)), -22);
	CU_ASSERT_PTR_NOT_NULL(strstr(why, "192.0.2.1, but no first IPv4 address"));
	c.n_aliases = TERN_ALIAS_MAX + 1;
	CU_ASSERT_EQUAL(ifconf_check(&c, 1, why, sizeof(why)), -22);
}

int
main(void)
{
	static CU_TestInfo tests[] = {
		{"test_rows", test_rows},
		{"test_no_address", test_no_address},
		CU_TEST_INFO_NULL,
	};

	return suite_run("ifconf", tests);
}
