/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * --only and --except: which sockets are tern's. A rule is PORT, LOW-HIGH, ADDR, ADDR/LEN, or an address with :PORT or
 * :LOW-HIGH behind it ([ADDR/LEN]:PORT of IPv6); several have commas between them. A listener is asked for by its own
 * address, of which a wildcard is every one, a client by the server's.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <rte_common.h>
#include "option.h"
#include "open.h"
#include "run_options.h"

#define RULES_MAX 32
#define RULE_LEN 80

struct rule {
	struct tern_endpoint net; /* af 0: every address */
	uint8_t prefix;
	uint16_t low, high; /* host order */
};

static struct rules {
	struct rule rule[RULES_MAX];
	unsigned int n;
} only, except;

bool
run_same_net(const uint8_t *a, const uint8_t *b, unsigned int prefix)
{
	const unsigned int whole = prefix / 8, bits = prefix % 8;

	return memcmp(a, b, whole) == 0 && (!bits || (a[whole] ^ b[whole]) >> (8 - bits) == 0);
}

static bool
matches(const struct rule *r, const struct tern_endpoint *e)
{
	const uint16_t port = ntohs(e->port);

	if (port < r->low || port > r->high)
		return false;
	return !r->net.af || (r->net.af == e->af && (name_any(e) || run_same_net(r->net.addr, e->addr, r->prefix)));
}

static bool
any_matches(const struct rules *rules, const struct tern_endpoint *e)
{
	unsigned int i;

	for (i = 0; i < rules->n; i++)
		if (matches(&rules->rule[i], e))
			return true;
	return false;
}

bool
run_allows(const struct tern_endpoint *e)
{
	return (!only.n || any_matches(&only, e)) && !any_matches(&except, e);
}

/* --- reading -------------------------------------------------------------------------------------------------- */

static int
parse_ports(struct rule *r, char *text)
{
	char *dash = strchr(text, '-');
	int64_t low, high;

	if (dash)
		*dash = 0;
	if (number(text, 1, 65535, &low) || number(dash ? dash + 1 : text, 1, 65535, &high))
		return -EINVAL;
	r->low = low;
	r->high = high;
	return low <= high ? 0 : bad("ports %ld-%ld: the first is the lower one", (long)low, (long)high);
}

/* ADDR or ADDR/LEN */
static int
parse_net(struct rule *r, char *text)
{
	char *slash = strchr(text, '/');
	int64_t len;

	if (slash)
		*slash++ = 0;
	if (tern_endpoint_parse(text, &r->net) || r->net.port)
		return bad("'%s' is neither an address nor a port", text);
	len = r->net.af == TERN_AF_INET ? 32 : 128;
	if (slash && number(slash, 0, len, &len))
		return -EINVAL;
	r->prefix = len;
	return 0;
}

static int
parse_rule(struct rule *r, char *text)
{
	char *colon = strrchr(text, ':'), *bracket = strrchr(text, ']');
	const bool v6 = colon && strchr(text, ':') != colon;

	*r = (struct rule){.high = UINT16_MAX};
	if (!strpbrk(text, ".:")) /* no address */
		return parse_ports(r, text);
	if (*text == '[' && bracket) {
		*bracket = 0;
		if (bracket[1] == ':' && parse_ports(r, bracket + 2))
			return -EINVAL;
		return parse_net(r, text + 1);
	}
	if (colon && !v6) {
		*colon = 0;
		if (parse_ports(r, colon + 1))
			return -EINVAL;
	}
	return parse_net(r, text);
}

static int
parse(struct rules *rules, const char *list)
{
	char text[RULE_LEN];
	size_t len;

	for (; *list; list += len + (list[len] == ',')) {
		len = strcspn(list, ",");
		if (!len || len >= sizeof(text))
			return bad("'%s': a rule is empty, or too long", list);
		if (rules->n == RULES_MAX)
			return bad("more than %d rules", RULES_MAX);
		snprintf(text, sizeof(text), "%.*s", (int)len, list);
		if (parse_rule(&rules->rule[rules->n], text))
			return -EINVAL;
		rules->n++;
	}
	return 0;
}

int
set_only(const char *list)
{
	return parse(&only, list);
}

int
set_except(const char *list)
{
	return parse(&except, list);
}
