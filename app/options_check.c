/* SPDX-License-Identifier: BSD-3-Clause */
/* Options that are right one by one: what only shows when all is known. */
#include <errno.h>
#include <string.h>
#include "options.h"
#include "role.h"

static int
check_ifs(const struct options *o)
{
	static const uint8_t zero[16];
	unsigned int i;

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
	if (!o->connect.af)
		return complain("the client has no server: give --connect ADDR:PORT");
	if (o->http_path && *o->http_path != '/')
		return complain("--http: '%s' does not start with '/'", o->http_path);
	if (o->output && !o->http_path)
		return complain("--output needs --http PATH");
	if (o->output && (o->total != 1 || o->requests_per_conn != 1))
		return complain("--output keeps one body: give --total 1 and one request per connection");
	return 0;
}

int
options_check(struct options *o)
{
	const char *role = roles[o->role]->name;
	const bool bench = strcmp(role, "bench") == 0;

	if (o->packets && o->packets < 6)
		return complain("--packets: %u is not 6, 7 or 8", o->packets);
	if (o->packets)
		o->close_mode = o->packets == 6 ? CLOSE_SERVER : CLOSE_CLIENT;
	if (bench && o->ifs_given)
		return complain("bench makes its own interfaces: leave --addr and its like out");
	if (o->ring_size & (o->ring_size - 1))
		return complain("--ring-size: %u is not a power of two", o->ring_size);
	if (!bench && (o->syn_flood || o->one_lcore))
		return complain("--%s is for --role bench", o->syn_flood ? "syn-flood" : "one-lcore");
	if (bench) {
		o->duration_s = o->duration_s ? o->duration_s : 5;
		/* 5 s at 200000 a second; a larger table is first touched while the clock runs */
		o->conf.max_timewait = o->conf.max_timewait ? o->conf.max_timewait : 1 << 20;
	} else if (strcmp(role, "wire") == 0 ? check_wire(o) : check_ifs(o)) {
		return -EINVAL;
	}
	if (strcmp(role, "client") == 0) {
		if (check_client(o))
			return -EINVAL;
	} else if (o->http_path) {
		return complain("--http PATH is for --role client; the server's files are --root DIR");
	}
	if (!o->conf.tcp.somaxconn ? o->backlog > 4096 : (uint32_t)o->backlog > o->conf.tcp.somaxconn)
		notice("backlog %d is cut to somaxconn, %u", o->backlog,
		       o->conf.tcp.somaxconn ? o->conf.tcp.somaxconn : 4096);
	if (o->conf.tcp.cc == TERN_CC_DCTCP && o->conf.tcp.ecn == TERN_ECN_OFF)
		notice("dctcp without ECN is newreno");
	if ((o->root != NULL) + (o->body != NULL) + (o->body_size != 0) > 1)
		return complain("--root, --body and --body-size exclude each other");
	if (o->requests_per_conn > 1 && o->close_mode == CLOSE_SERVER && strcmp(role, "client") == 0 && !o->http_path)
		notice("the server must close after %u requests of a connection, too", o->requests_per_conn);
	return 0;
}
