/* SPDX-License-Identifier: BSD-3-Clause */
/* Options that are right one by one: what only shows when all is known. */
#include <errno.h>
#include <string.h>
#include <rte_common.h>
#include "option.h"
#include "role.h"


static int
check_ifs(const struct options *o)
{
	static const uint8_t zero[16];
	unsigned int i, k;

	if (!o->ifs_given)
		return complain("no address: give --addr ADDR/PREFIX or --addr6, or addr = ... in [if0]");
	for (i = 0; i < o->conf.n_ifs; i++) {
		const struct tern_if_conf *c = &o->conf.ifs[i];
		const bool has4 = memcmp(c->addr4, zero, 4), has6 = memcmp(c->addr6, zero, 16);

		if (!has4 && !has6)
			return complain("interface %u has no address: give --if %u --addr ADDR/PREFIX or --addr6", i,
					i);
		if (!has4 && memcmp(c->gw4, zero, 4))
			return complain("interface %u has --gw but no --addr", i);
		if (!has6 && memcmp(c->gw6, zero, 16))
			return complain("interface %u has --gw6 but no --addr6", i);
		if (has6 && c->mtu && c->mtu < 1280)
			return complain("interface %u: --mtu %u is too small for IPv6, 1280 at least", i, c->mtu);
		for (k = 0; k < i; k++)
			if (o->conf.ifs[k].port_id == c->port_id)
				return complain("interfaces %u and %u are both ethdev port %u: give each its own --port-id", k, i,
						c->port_id);
	}
	return 0;
}

static int
check_wire(const struct options *o)
{
	static const uint8_t zero[16];
	unsigned int i;

	for (i = 0; i < o->conf.n_ifs; i++)
		if (memcmp(o->conf.ifs[i].addr4, zero, 4) || memcmp(o->conf.ifs[i].addr6, zero, 16))
			return complain("wire has no addresses: leave --addr and --addr6 out");
	if (o->conf.ifs[0].port_id == o->conf.ifs[1].port_id)
		return complain("wire is between two ports, not from port %u to itself", o->conf.ifs[0].port_id);
	return 0;
}

static int
check_client(const struct options *o)
{
	const char *p;

	if (!o->connect.af)
		return complain("the client has no server: give --connect ADDR:PORT");
	if (o->http_path && *o->http_path != '/')
		return complain("--http: '%s' does not start with '/'", o->http_path);
	for (p = o->http_path; p && *p; p++)
		if ((unsigned char)*p <= ' ' || *p == 127)
			return complain("--http: '%s' has a blank or a control character: write it as %%%02x", o->http_path,
					(unsigned char)*p);
	if (o->output && !o->http_path)
		return complain("--output needs --http PATH");
	if (o->output && (o->total != 1 || o->requests_per_conn != 1))
		return complain("--output keeps one body: give --total 1 and one request per connection");
	return 0;
}

/* Which roles have an option of this name, or of this section, when not every one has. */
static const struct {
	const char *name, *section, *roles;
} takers[] = {
	{"request-size", NULL, "client, serve, bench"},
	{"response-size", NULL, "client, serve, bench"},
	{"close", NULL, "client, serve, bench"},
	{"packets", NULL, "client, serve, bench"},
	{"requests-per-conn", NULL, "client, serve, bench"},
	{"port", NULL, "http, echo, discard, serve, bench"},
	{"listen-addr", NULL, "http, echo, discard, serve"},
	{"backlog", NULL, "http, echo, discard, serve, bench"},
	{"fastopen", NULL, "http, echo, discard, serve, bench"},
	{"connect", NULL, "client"},
	{"http", NULL, "client"},
	{"output", NULL, "client"},
	{NULL, "http", "http"},
	{NULL, "client", "client, bench"},
	{NULL, "bench", "bench"},
	{NULL, "wire", "wire"},
};

static bool
has_word(const char *list, const char *word)
{
	const char *p = strstr(list, word);

	return p && strchr(", ", p[strlen(word)]); /* also the end */
}

/* On the command line, what the role has no use for is a mistake; a file may say it for another role. */
static int
check_takers(const char *role)
{
	unsigned int i, k;

	for (i = 0; i < n_opts; i++) {
		if (!option_given(opts[i].name))
			continue;
		for (k = 0; k < RTE_DIM(takers); k++)
			if (takers[k].name ? strcmp(takers[k].name, opts[i].name) == 0 : strcmp(takers[k].section, opts[i].section) == 0)
				break;
		if (k < RTE_DIM(takers) && !has_word(takers[k].roles, role))
			return complain("--%s is for --role %s; this is --role %s: leave it out", opts[i].name, takers[k].roles, role);
	}
	return 0;
}

/* Numbers that exclude each other. */
static int
check_numbers(const struct options *o)
{
	const struct tern_tcp_conf *t = &o->conf.tcp;
	const uint32_t init = t->rto_init_ms, min = t->rto_min_ms, max = t->rto_max_ms;

	if (min > max || init > max)
		return complain("--rto-%s-ms %u is above --rto-max-ms %u: lower the one or raise the other", min > max ? "min" : "init",
				min > max ? min : init, max);
	if (o->packets && o->packets < 6)
		return complain("--packets: %u is not 6, 7 or 8", o->packets);
	if (o->packets && option_given("close") && o->close_mode != (o->packets == 6 ? CLOSE_SERVER : CLOSE_CLIENT))
		return complain("--packets %u: then the %s closes first: leave --close out", o->packets,
				o->packets == 6 ? "server" : "client");
	if (o->ring_size & (o->ring_size - 1))
		return complain("--ring-size: %u is not a power of two", o->ring_size);
	if ((o->root != NULL) + (o->body != NULL) + (o->body_size != 0) > 1)
		return complain("--root, --body and --body-size exclude each other");
	return 0;
}

static void
notices(const struct options *o, const char *role)
{
	if ((uint32_t)o->backlog > o->conf.tcp.somaxconn)
		notice("backlog %d is cut to somaxconn, %u", o->backlog, o->conf.tcp.somaxconn);
	if (o->conf.tcp.cc == TERN_CC_DCTCP && o->conf.tcp.ecn == TERN_ECN_OFF)
		notice("dctcp without ECN is newreno");
	if (o->requests_per_conn > 1 && o->close_mode == CLOSE_SERVER && strcmp(role, "client") == 0 && !o->http_path)
		notice("the server must close after %u requests of a connection, too", o->requests_per_conn);
}

int
options_check(struct options *o)
{
	const char *role = roles[o->role]->name;
	const bool bench = strcmp(role, "bench") == 0;
	int rc;

	if (bench && o->ifs_given)
		return complain("bench makes its own interfaces: leave --addr and its like out");
	rc = check_numbers(o);
	rc = rc ? rc : check_takers(role);
	if (bench) {
		o->duration_s = o->duration_s ? o->duration_s : 5;
		if (!option_set("max-timewait"))
			o->conf.max_timewait = 1 << 20; /* 5 s at 200000 a second; a larger table is first touched while the clock runs */
	} else if (!rc) {
		rc = strcmp(role, "wire") == 0 ? check_wire(o) : check_ifs(o);
	}
	if (!rc && strcmp(role, "client") == 0)
		rc = check_client(o);
	if (rc)
		return rc;
	if (o->packets)
		o->close_mode = o->packets == 6 ? CLOSE_SERVER : CLOSE_CLIENT;
	notices(o, role);
	return 0;
}
