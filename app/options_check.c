/* SPDX-License-Identifier: BSD-3-Clause */
/* Options that are right one by one: what only shows when all is known. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "option.h"
#include "role.h"

static bool
any_bit(const uint8_t *p, unsigned int n)
{
	static const uint8_t zero[16];

	return memcmp(p, zero, n) != 0;
}

bool
if_has(const struct tern_if_conf *c, uint8_t af)
{
	return af == TERN_AF_INET ? any_bit(c->addr4, 4) : any_bit(c->addr6, 16);
}

static int
check_ifs(const struct options *o)
{
	unsigned int i, k;

	if (!o->ifs_given)
		return complain("no address: give --addr ADDR/PREFIX or --addr6, or addr = ... in [if0]");
	for (i = 0; i < o->conf.n_ifs; i++) {
		const struct tern_if_conf *c = &o->conf.ifs[i];
		const bool has4 = if_has(c, TERN_AF_INET), has6 = if_has(c, TERN_AF_INET6);

		if (!has4 && !has6)
			return complain("interface %u has no address: give --if %u --addr ADDR/PREFIX or --addr6", i,
					i);
		if (!has4 && any_bit(c->gw4, 4))
			return complain("interface %u has --gw but no --addr", i);
		if (!has6 && any_bit(c->gw6, 16))
			return complain("interface %u has --gw6 but no --addr6", i);
		if (has6 && c->mtu && c->mtu < 1280)
			return complain("interface %u: --mtu %u is too small for IPv6, 1280 at least", i, c->mtu);
		for (k = 0; k < i; k++)
			if (o->conf.ifs[k].port_id == c->port_id)
				return complain(
					"interfaces %u and %u are both ethdev port %u: give each its own --port-id", k,
					i, c->port_id);
	}
	return 0;
}

/* Is word one of a list with blanks between them? */
static bool
has_word(const char *list, const char *word)
{
	const size_t len = strlen(word);
	const char *p;

	for (p = list ? strstr(list, word) : NULL; p; p = strstr(p + len, word))
		if ((p == list || p[-1] == ' ') && (p[len] == ' ' || !p[len]))
			return true;
	return false;
}

static bool
owns(const struct role *r, const struct opt *t)
{
	return r->n_opts && t >= r->opts && t < r->opts + r->n_opts;
}

/*
 * Whose option it is, in words, the role first that brings it: those that take it, or everybody's when nobody says so.
 * @return whether role may have it.
 */
static bool
takes(const struct role *role, const struct opt *t, char *list, size_t size)
{
	bool may = false;
	unsigned int i, turn;

	*list = 0;
	for (turn = 0; turn < 2; turn++) {
		for (i = 0; i < n_roles; i++) {
			if (turn ? owns(roles[i], t) || !has_word(roles[i]->takes, t->name) : !owns(roles[i], t))
				continue;
			may |= roles[i] == role;
			snprintf(list + strlen(list), size - strlen(list), "%s%s", *list ? ", " : "", roles[i]->name);
		}
	}
	return may || !*list;
}

/* On the command line, what the role has no use for is a mistake; a file may say it for another role. */
static int
check_takers(const struct role *role)
{
	const struct opt *t;
	char list[128];
	unsigned int i;

	for (i = 0; (t = option_at(i)) != NULL; i++)
		if (t->given && !takes(role, t, list, sizeof(list)))
			return complain("--%s is for --role %s; this is --role %s: leave it out", t->name, list,
					role->name);
	return 0;
}

/* Numbers that exclude each other. */
static int
check_numbers(const struct tern_tcp_conf *t)
{
	const uint32_t init = t->rto_init_ms, min = t->rto_min_ms, max = t->rto_max_ms;

	if (min > max || init > max)
		return complain("--rto-%s-ms %u is above --rto-max-ms %u: lower the one or raise the other",
				min > max ? "min" : "init", min > max ? min : init, max);
	return 0;
}

/* Their server has a port of its own, and a stack that others reach. */
static int
check_metrics(const struct options *o, const struct role *role)
{
	const struct tern_endpoint *m = &o->metrics;

	if (!m->port)
		return 0;
	if (role->run)
		return complain("--metrics: %s does not serve any: leave it out",
				strcmp(role->name, "run") ? role->name : "tern run");
	if (role->server && ntohs(m->port) == o->port &&
	    (!m->af || !o->listen.af || (m->af == o->listen.af && !memcmp(m->addr, o->listen.addr, sizeof(m->addr)))))
		return complain("--metrics: port %u is --port, where the role listens: give another one", o->port);
	return 0;
}

static int
check_capture(const struct options *o, const struct role *role)
{
	if (o->capture && role->run && strcmp(role->name, "bench"))
		return complain("--capture: %s cannot: capture at its server or client", role->name);
	if (o->capture_filter && !o->capture)
		return complain("--capture-filter: of which file? give --capture FILE");
	return 0;
}

/* --rxq, --txq */
static int
check_queues(struct options *o)
{
	const char *name = o->rxq ? "rxq" : "txq";
	const uint32_t n = o->rxq ? o->rxq : o->txq;

	if (!n)
		return 0;
	if (o->txq && o->txq != n)
		return complain("--rxq %u, --txq %u: a worker has one of each: give the same", n, o->txq);
	if (o->workers && o->workers != n)
		return complain("--%s %u: a worker has one, and --workers is %u: leave --%s out", name, n, o->workers,
				name);
	o->workers = n;
	return 0;
}

/* --portmask: which ports the interfaces have, in turn. */
static int
check_portmask(struct options *o)
{
	const unsigned int n = __builtin_popcountll(o->portmask);
	uint64_t left = o->portmask;
	unsigned int i;

	if (!n)
		return 0;
	if (option_set("port-id"))
		return complain("--portmask and --port-id both say which ports: leave one out");
	if (n != o->conf.n_ifs)
		return complain("--portmask 0x%lx has %u ports, and there are %u interfaces with addresses: --if N "
				"--addr A/LEN gives one its own",
				o->portmask, n, o->conf.n_ifs);
	for (i = 0; i < n; i++, left &= left - 1)
		o->conf.ifs[i].port_id = __builtin_ctzll(left);
	return 0;
}

/* What testpmd calls otherwise. */
static int
check_testpmd(struct options *o, const struct role *role)
{
	if (role->run && (o->portmask || o->mbufs_all))
		return complain("--%s: this role makes its own: leave it out",
				o->portmask ? "portmask" : "total-num-mbufs");
	if (o->mbufs_all && option_set("mbufs"))
		return complain("--total-num-mbufs is of all workers, --mbufs of each: leave one out");
	return check_queues(o) || check_portmask(o) ? -EINVAL : 0;
}

/* A prompt in which a line of numbers appears each second is none. */
static void
settle_prompt(void)
{
	if (options.interactive && !option_set("stats-interval"))
		options.stats_s = 0;
}

int
options_check(void)
{
	const struct role *role = roles[options.role];
	const struct options *o = &options;
	int rc = check_numbers(&o->conf.tcp);

	rc = rc ? rc : check_takers(role);
	rc = rc ? rc : check_testpmd(&options, role);
	if (!role->run) /* else it has interfaces of its own kind */
		rc = rc ? rc : check_ifs(o);
	if (!rc && role->unrecorded && (o->json || o->json_stream || o->csv))
		rc = complain("--%s: %s has no report for programs: leave it out",
			      o->json		? "json"
			      : o->json_stream ? "json-stream"
					       : "csv",
			      strcmp(role->name, "run") ? role->name : "tern run");
	rc = rc ? rc : check_capture(o, role);
	rc = rc ? rc : check_metrics(o, role);
	if (role->check)
		rc = rc ? rc : role->check(&options);
	if (rc)
		return rc;
	settle_prompt();
	if ((uint32_t)o->backlog > o->conf.tcp.somaxconn)
		notice("backlog %d is cut to somaxconn, %u", o->backlog, o->conf.tcp.somaxconn);
	if (o->conf.tcp.cc == TERN_CC_DCTCP && o->conf.tcp.ecn == TERN_ECN_OFF)
		notice("dctcp without ECN is newreno");
	return 0;
}
