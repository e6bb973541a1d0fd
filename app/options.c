/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The options' table, and the command line. A value is parsed and range-checked in one place, so the command line and a
 * file accept the same things and refuse them with the same words.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <rte_common.h>
#include "option.h"
#include "role.h"

static const char *const cookie_names[] = {"auto", "always", "never", NULL};
static const char *const cc_names[] = {"cubic", "newreno", "dctcp", NULL};
static const char *const ecn_names[] = {"passive", "on", "off", NULL};
static const char *const tls_max_names[] = {"1.2", "1.3", NULL};
static const char *role_names[16]; /* from roles[] */

#define BUF_MIN 2048 /* of --snd-buf, --rcv-buf: bytes */

struct options options;
struct tls_conf tls_conf;

static struct opt opts[] = {
	ENUM("tern", "role", "ROLE", options.role, NULL, role_names, "what to do with connections; default: the first"),
	NUM("tern", "workers", options.workers, 0, TERN_WORKER_MAX, NULL, "workers, one lcore each; 0: every lcore"),
	NUM("tern", "port", options.port, 1, 65535, "80", "port to listen on"),
	CALL("tern", "listen-addr", "ADDR", set_listen, NULL, "listen on this address only; default: on every one"),
	CALL("tern", "backlog", "N", set_backlog, "1024", "connections that may wait for accept"),
	NUM("tern", "fastopen", options.fastopen, 0, 1 << 20, NULL,
	    "take data that comes with SYNs (RFC 7413), of N connections not confirmed yet; 0: do not"),
	NUM("tern", "max-conns", options.conf.max_conns, 1, 1 << 27, "16384", "connections per worker"),
	NUM("tern", "max-requests", options.conf.max_requests, 8, 1 << 27, "65536", "half-open requests per worker"),
	NUM("tern", "max-timewait", options.conf.max_timewait, 0, 1 << 30, NULL,
	    "TIME-WAIT records per worker; default 65536, bench 1048576; 0: none"),
	NUM("tern", "max-portsets", options.conf.max_portsets, 1, 1 << 20, "1024",
	    "own addresses x servers' ports that connections go between at a time, per worker; 8.5 KB each"),
	NUM("tern", "mbufs", options.conf.n_mbufs, 1, 1 << 24, NULL,
	    "packet buffers per worker; default 16384, wire: what it holds"),
	NUM("tern", "tx-wait-us", options.conf.tx_wait_us, 0, 10000, NULL,
	    "frames wait up to N us for a full burst: less work, more latency; 0: they do not"),
	NUM("tern", "keepalive", options.keepalive_s, 0, 32767, NULL,
	    "probe connections idle for N seconds; 0: do not"),
	FLAG("tern", "trace", options.trace, "print every packet and state change"),
	TEXT("tern", "capture", "FILE", options.capture,
	     "write all packets there, for tshark: pcapng, with comments: why one was dropped, what state it changed"),
	TEXT("tern", "capture-filter", "TEXT", options.capture_filter,
	     "of those, the ones that this filter of tcpdump's takes"),
	FLAG("tern", "prefault", options.prefault,
	     "touch all memory before the start: a slower start, no page faults later"),
	TEXT("tern", "ctl", "PATH", options.ctl,
	     "take commands at this Unix socket, of tern ctl; auto: one that is found in /run/tern"),
	CALL("tern", "metrics", "[ADDR]:PORT", set_metrics, NULL,
	     "serve OpenMetrics there, over tern's own TCP, at /metrics; no ADDR: every one (docs/metrics.md)"),
	FLAG("tern", "interactive", options.interactive, "or -i: a prompt for commands (docs/ctl.md)"),
	FLAG("tern", "auto-start", options.auto_start, "what testpmd needs and tern always does: start at once"),
	NUM("tern", "rxq", options.rxq, 1, TERN_WORKER_MAX, NULL, "testpmd's: one of each worker, so as --workers"),
	NUM("tern", "txq", options.txq, 1, TERN_WORKER_MAX, NULL, "testpmd's: likewise"),
	CALL("tern", "portmask", "HEX", set_portmask, NULL,
	     "testpmd's: a bit for each ethdev port, the lowest is interface 0's; as --port-id"),
	NUM("tern", "total-num-mbufs", options.mbufs_all, 1, 1 << 30, NULL,
	    "testpmd's: packet buffers of all workers together; as --mbufs of each"),
	NUM("tern", "stats-interval", options.stats_s, 0, 86400, "1", "seconds between lines of numbers; 0: none"),
	TEXT("tern", "json", "FILE", options.json, "a report of the run for programs: docs/report.md; -: stdout"),
	TEXT("tern", "json-stream", "FILE", options.json_stream, "a line of JSON for each interval, as it ends"),
	TEXT("tern", "csv", "FILE", options.csv, "a line of numbers for each interval"),
	NUM("tern", "duration", options.duration_s, 0, UINT32_MAX / 1000, NULL,
	    "stop after N seconds; 0: run on (bench: 5)"),
	NUM("tern", "drain-ms", options.drain_ms, 1, 600000, "5000",
	    "how long connections may take to close at the end"),

	CALL("if", "if", "N", set_if, NULL, "the options below are for interface N (0..3); a file has [if0] .. [if3]"),
	CALL("if", "port-id", "N", set_port_id, NULL, "its ethdev port; default: N"),
	CALL("if", "addr", "A/LEN[+COUNT]", set_addr, NULL,
	     "IPv4 address, or COUNT consecutive ones from A; several: again, or with commas"),
	CALL("if", "gw", "ADDR", set_gw, NULL, "IPv4 gateway"),
	CALL("if", "addr6", "A/LEN[+COUNT]", set_addr6, NULL, "IPv6 address; likewise"),
	CALL("if", "gw6", "ADDR", set_gw6, NULL, "IPv6 gateway"),
	CALL("if", "mtu", "N", set_mtu, NULL, "bytes; default: the device's"),

	FLAG("tls", "tls", tls_conf.on, "connections speak TLS (OpenSSL)"),
	TEXT("tls", "tls-cert", "FILE", tls_conf.cert,
	     "the server's certificate and its chain, PEM; default: made at start"),
	TEXT("tls", "tls-key", "FILE", tls_conf.key, "its key, PEM"),
	TEXT("tls", "tls-ca", "FILE", tls_conf.ca, "refuse a server that none of these has signed; default: take any"),
	TEXT("tls", "tls-name", "NAME", tls_conf.name, "ask for this server (SNI), and with --tls-ca for its name"),
	ENUM("tls", "tls-max", "VERSION", tls_conf.max, "1.3", tls_max_names, "the latest that is offered or taken"),
	FLAG("tls", "tls-resume", tls_conf.resume, "come back with the last session, not as a stranger"),

	NUM("tcp", "time-wait-ms", options.conf.tcp.time_wait_ms, 0, 600000, "60000", "2 MSL"),
	ENUM("tcp", "syn-cookies", "MODE", options.conf.tcp.cookie_mode, "auto", cookie_names,
	     "auto: when the queue is full"),
	ENUM("tcp", "cc", "NAME", options.conf.tcp.cc, "cubic", cc_names,
	     "congestion control: cubic (RFC 9438), newreno (RFC 5681) or dctcp (RFC 8257)"),
	ENUM("tcp", "ecn", "MODE", options.conf.tcp.ecn, "passive", ecn_names,
	     "congestion notification: when asked, asking too, or off"),
	OFF("tcp", "no-timestamps", options.conf.tcp.timestamps, "do not offer or accept timestamps (RFC 7323)"),
	OFF("tcp", "no-tso", options.conf.tcp.tso, "do not let the device cut segments"),
	OFF("tcp", "no-gro", options.conf.tcp.gro, "do not merge the segments of a connection that arrive together"),
	FLAG("tcp", "enable-lro", options.conf.tcp.lro, "let the device merge segments, where it can"),
	OFF("tcp", "no-sack", options.conf.tcp.sack, "do not offer or accept SACK (RFC 2018)"),
	OFF("tcp", "no-wscale", options.conf.tcp.wscale, "do not offer or accept window scaling (RFC 7323)"),
	OFF("tcp", "no-nagle", options.conf.tcp.nagle, "send small segments at once"),
	OFF("tcp", "no-quickack", options.conf.tcp.quickack, "delay the first ACKs of a connection, too"),
	FLAG("tcp", "abort-on-overflow", options.conf.tcp.abort_on_overflow,
	     "reset what does not fit the accept queue"),
	NUM("tcp", "rto-init-ms", options.conf.tcp.rto_init_ms, 1, 60000, "1000", "first retransmission timeout"),
	NUM("tcp", "rto-min-ms", options.conf.tcp.rto_min_ms, 1, 60000, "200", "smallest"),
	NUM("tcp", "rto-max-ms", options.conf.tcp.rto_max_ms, 1, 600000, "60000", "largest"),
	NUM("tcp", "delack-ms", options.conf.tcp.delack_ms, 0, 499, "40",
	    "delayed ACK; 0: every segment is acknowledged at once"),
	NUM("tcp", "fin-timeout-ms", options.conf.tcp.fin_timeout_ms, 0, 600000, "60000", "FIN-WAIT-2 nobody holds"),
	NUM("tcp", "user-timeout-ms", options.conf.tcp.user_timeout_ms, 1, INT32_MAX, "100000",
	    "give up unacknowledged data"),
	NUM("tcp", "syn-timeout-ms", options.conf.tcp.syn_timeout_ms, 1, 86400000, "180000", "give up a SYN"),
	NUM("tcp", "synack-retries", options.conf.tcp.synack_retries, 0, 20, "5", "SYN-ACKs sent again"),
	NUM("tcp", "snd-buf", options.conf.tcp.snd_buf, BUF_MIN, 1 << 30, "262144", "bytes per connection"),
	NUM("tcp", "rcv-buf", options.conf.tcp.rcv_buf, BUF_MIN, 1 << 30, "262144", "bytes per connection"),
	NUM("tcp", "snd-buf-max", options.conf.tcp.snd_buf_max, 0, 1 << 30, "4194304",
	    "what a long path may make of it; 0: no more"),
	NUM("tcp", "rcv-buf-max", options.conf.tcp.rcv_buf_max, 0, 1 << 30, "6291456", "likewise"),
	NUM("tcp", "buf-mem", options.conf.tcp.buf_mem, 0, INT64_MAX, NULL,
	    "bytes a worker may add to buffers that way; default: a quarter of --mbufs"),
	NUM("tcp", "max-orphans", options.conf.tcp.max_orphans, 0, 1 << 30, NULL,
	    "closed connections whose peer has not closed; default: 7/8 of --max-conns"),
	NUM("tcp", "somaxconn", options.conf.tcp.somaxconn, 1, 1 << 20, "4096", "cap on the accept queue"),
	NUM("tcp", "max-syn-backlog", options.conf.tcp.max_syn_backlog, 0, 1 << 20, "4096",
	    "cap on the half-open queue"),
	CALL("tcp", "local-ports", "LOW-HIGH", set_ports, NULL, "ports of outgoing connections; default 1024-65535"),
	NUM("tcp", "ttl", options.conf.tcp.ttl, 1, 255, "64", "of all packets"),
};

/* --- reading ------------------------------------------------------------------------------------------------- */

static int
put_bool(bool *out, const char *val, bool yes_is)
{
	static const char *const yes[] = {"", "yes", "on", "true", "1"}, *const no[] = {"no", "off", "false", "0"};
	unsigned int i;

	for (i = 0; i < RTE_DIM(yes); i++) {
		if (strcasecmp(val, yes[i]) == 0) {
			*out = yes_is;
			return 0;
		}
	}
	for (i = 0; i < RTE_DIM(no); i++) {
		if (strcasecmp(val, no[i]) == 0) {
			*out = !yes_is;
			return 0;
		}
	}
	return bad("'%s' is neither yes nor no", val);
}

static const char *
listed(char *list, size_t size, const char *const *names, const char *between)
{
	unsigned int i;

	for (*list = 0, i = 0; names[i]; i++)
		snprintf(list + strlen(list), size - strlen(list), "%s%s", i ? between : "", names[i]);
	return list;
}

static int
put_enum(uint8_t *out, const char *const *names, const char *val)
{
	char list[128];
	unsigned int i;

	for (i = 0; names[i]; i++) {
		if (strcmp(names[i], val) == 0) {
			*out = i;
			return 0;
		}
	}
	return bad("'%s' is none of: %s", val, listed(list, sizeof(list), names, ", "));
}

static int
parse(struct opt *t, const char *val)
{
	int64_t n = 0;
	int rc;

	switch (t->type) {
	case T_BOOL:
	case T_OFF:
		return put_bool(t->at, val, t->type == T_BOOL);
	case T_ENUM:
		return put_enum(t->at, t->names, val);
	case T_FN:
		return t->fn(val);
	case T_STR:
		*(char **)t->at = strdup(val); /* lives as long as the program */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wanalyzer-malloc-leak" /* it is t->at's, which gcc has lost sight of */
		return *(char **)t->at ? 0 : bad("no memory");
#pragma GCC diagnostic pop
	default:
		break;
	}
	rc = number(val, t->min, t->max, &n);
	if (rc)
		return rc;
	if (t->size == sizeof(uint8_t))
		*(uint8_t *)t->at = n;
	else if (t->size == sizeof(uint16_t))
		*(uint16_t *)t->at = n;
	else if (t->size == sizeof(uint32_t))
		*(uint32_t *)t->at = n;
	else
		*(uint64_t *)t->at = n;
	return 0;
}

/* Those of an interface with its number in front; a value that may be there several times: behind the others. */
static int
put_text(struct opt *t, const char *val)
{
	const bool of_if = strcmp(t->section, "if") == 0, more = of_if && t->text;
	const size_t room = strlen(val) + (more ? strlen(t->text) : 0) + sizeof("if4294967295: , ");
	char *text = malloc(room);

	if (!text)
		return bad("no memory");
	snprintf(text, room, "%s%s", more ? t->text : "", more ? ", " : "");
	if (of_if && options.cur_if)
		snprintf(text + strlen(text), room - strlen(text), "if%u: ", options.cur_if);
	snprintf(text + strlen(text), room - strlen(text), "%s", val);
	free(t->text);
	t->text = text;
	return 0;
}

int
option_put(struct opt *t, const char *val)
{
	const int rc = parse(t, val);

	t->set = true;
	return rc || t->type != T_FN ? rc : put_text(t, val);
}

bool
option_is_flag(const struct opt *t)
{
	return t->type == T_BOOL || t->type == T_OFF;
}

struct opt *
option_at(unsigned int i)
{
	unsigned int k;

	if (i < RTE_DIM(opts))
		return &opts[i];
	i -= RTE_DIM(opts);
	for (k = 0; k < n_roles; i -= roles[k++]->n_opts)
		if (i < roles[k]->n_opts)
			return &roles[k]->opts[i];
	return NULL;
}

/* testpmd's names of what is the same here. */
static const char *
known_as(const char *name, size_t *len)
{
	static const char *const other[][2] = {{"nb-cores", "workers"}, {"stats-period", "stats-interval"}};
	unsigned int i;

	for (i = 0; i < RTE_DIM(other); i++) {
		if (strlen(other[i][0]) != *len || memcmp(other[i][0], name, *len))
			continue;
		*len = strlen(other[i][1]);
		return other[i][1];
	}
	return name;
}

struct opt *
option_find(const char *name, size_t len)
{
	struct opt *t;
	unsigned int i;

	name = known_as(name, &len);
	for (i = 0; (t = option_at(i)) != NULL; i++)
		if (strlen(t->name) == len && memcmp(t->name, name, len) == 0)
			break;
	return t;
}

const char *
option_resembling(const char *name, size_t len)
{
	struct opt *t;
	unsigned int i;

	if (len == strlen("no-delack") && memcmp(name, "no-delack", len) == 0)
		return "delack-ms 0"; /* as it is since 1.0 */
	for (; len >= 2; len--)
		for (i = 0; (t = option_at(i)) != NULL; i++)
			if (strncmp(t->name, name, len) == 0)
				return t->name;
	return NULL;
}

bool
option_given(const char *name)
{
	const struct opt *t = option_find(name, strlen(name));

	return t && t->given;
}

bool
option_set(const char *name)
{
	const struct opt *t = option_find(name, strlen(name));

	return t && t->set;
}

bool
options_known(const char *arg)
{
	return strncmp(arg, "--", 2) == 0 && option_find(arg + 2, strcspn(arg + 2, "=")) != NULL;
}

int
options_init(void)
{
	struct opt *t;
	unsigned int i;
	int rc;

	memset(&options, 0, sizeof(options));
	tern_conf_init(&options.conf, sizeof(options.conf));
	for (i = 0; i < n_roles && i + 1 < RTE_DIM(role_names); i++)
		role_names[i] = roles[i]->name;
	for (i = 0; (t = option_at(i)) != NULL; i++) {
		origin.name = t->name;
		free(t->text);
		t->text = NULL;
		rc = t->def ? parse(t, t->def) : 0;
		if (rc)
			return rc;
		t->given = t->set = false;
	}
	return 0;
}

int
options_argv(int argc, char **argv)
{
	const char *val, *name, *hint;
	struct opt *t;
	size_t len;
	int i, rc;

	origin.file = NULL;
	options.cur_if = 0;
	for (i = 1; i < argc; i++) {
		origin.name = NULL;
		name = strcmp(argv[i], "-i") ? argv[i] : "--interactive";
		if (strncmp(name, "--", 2) || !name[2])
			return complain("'%s' is not an option: see tern --help", argv[i]);
		name += 2;
		val = strchr(name, '=');
		len = val ? (size_t)(val - name) : strlen(name);
		t = option_find(name, len);
		if (!t) {
			hint = option_resembling(name, len);
			return complain("--%.*s is not an option%s%s: see tern --help", (int)len, name,
					hint ? "; did you mean --" : "", hint ? hint : "");
		}
		origin.name = t->name;
		if (val)
			val++;
		else if (option_is_flag(t))
			val = "";
		else if (i + 1 < argc && strncmp(argv[i + 1], "--", 2))
			val = argv[++i];
		else
			return bad("needs a value, %s", t->arg);
		if (!option_is_flag(t) && !*val)
			return bad("the value is empty");
		rc = option_put(t, val);
		if (rc)
			return rc;
		t->given = true;
	}
	origin.name = NULL;
	return 0;
}

void
options_help(void)
{
	const char *section = "";
	const struct opt *t;
	char left[64], list[48];
	const char *arg;
	unsigned int i;

	printf("tern: a TCP endpoint on DPDK\n\n"
	       "  tern <EAL options> -- <options>\n"
	       "  tern --config FILE [-- <options>]    a file's [eal] args = ... are EAL options\n"
	       "  tern check ...                       what such a start would find: huge pages, devices, cores\n"
	       "  tern explain [SCENE ...]             connections packet by packet, and why\n"
	       "  tern run ... -- PROGRAM | tern ctl COMMAND | tern top | tern report FILE...    each has --help\n"
	       "  tern --help | --version\n\nRoles:\n");
	for (i = 0; i < n_roles; i++)
		printf("  %-10s %s\n", roles[i]->name, roles[i]->help);
	for (i = 0; (t = option_at(i)) != NULL; i++) {
		if (strcmp(section, t->section)) {
			section = t->section;
			printf("\nOptions, and keys of [%s] in a file:\n", strcmp(section, "if") ? section : "if0");
		}
		arg = t->arg ? t->arg : "";
		if (t->type == T_ENUM && t->names != role_names) /* the roles were told above */
			arg = listed(list, sizeof(list), t->names, "|");
		snprintf(left, sizeof(left), "--%s%s%s", t->name, t->arg ? " " : "", arg);
		printf("  %-30s %s%s%s%s\n", left, t->help, t->def ? " [" : "", t->def ? t->def : "",
		       t->def ? "]" : "");
	}
	for (i = 0; i < n_roles; i++)
		if (roles[i]->notes[0])
			printf("\n%s:\n  %s\n", roles[i]->notes[0], roles[i]->notes[1]);
	printf("\nExit status: 0, or 1 when anything failed, a connection did not close or a client had no answer at "
	       "all.\n");
}
