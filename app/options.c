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
static const char *const close_names[] = {"client", "server", "reset", NULL};
static const char *role_names[16]; /* from roles[] */

#define AT(f) offsetof(struct options, f)
#define NUM(sec, name, type, field, lo, hi, def, text)                                                                 \
	{                                                                                                              \
		sec, name, "N", type, AT(field), lo, hi, def, NULL, NULL, text                                         \
	}
#define FLAG(sec, name, field, text)                                                                                   \
	{                                                                                                              \
		sec, name, NULL, T_BOOL, AT(field), 0, 1, NULL, NULL, NULL, text                                       \
	}
#define OFF(sec, name, field, text) /* a flag whose name starts with no- */                                           \
	{                                                                                                              \
		sec, name, NULL, T_OFF, AT(field), 0, 1, NULL, NULL, NULL, text                                        \
	}
#define TEXT(sec, name, arg, field, text)                                                                              \
	{                                                                                                              \
		sec, name, arg, T_STR, AT(field), 0, 0, NULL, NULL, NULL, text                                         \
	}
#define CALL(sec, name, arg, fn, def, text)                                                                            \
	{                                                                                                              \
		sec, name, arg, T_FN, 0, 0, 0, def, NULL, fn, text                                                     \
	}
#define ENUM(sec, name, arg, field, def, names, text)                                                                  \
	{                                                                                                              \
		sec, name, arg, T_ENUM, AT(field), 0, 0, def, names, NULL, text                                        \
	}
#define M32 UINT32_MAX

const struct opt opts[] = {
	ENUM("tern", "role", "ROLE", role, "http", role_names, "what to do with connections"),
	NUM("tern", "workers", T_U32, workers, 0, TERN_WORKER_MAX, NULL, "workers, one lcore each; 0: every lcore"),
	NUM("tern", "port", T_U16, port, 1, 65535, "80", "port to listen on"),
	CALL("tern", "listen-addr", "ADDR", set_listen, NULL, "listen on this address only; default: on every one"),
	CALL("tern", "backlog", "N", set_backlog, "1024", "connections that may wait for accept"),
	NUM("tern", "fastopen", T_U32, fastopen, 0, 1 << 20, NULL,
	    "take data that comes with SYNs (RFC 7413), of N connections not confirmed yet; 0: do not"),
	NUM("tern", "max-conns", T_U32, conf.max_conns, 1, 1 << 27, "16384", "connections per worker"),
	NUM("tern", "max-requests", T_U32, conf.max_requests, 8, 1 << 27, "65536", "half-open requests per worker"),
	NUM("tern", "max-timewait", T_U32, conf.max_timewait, 0, 1 << 30, NULL,
	    "TIME-WAIT records per worker; default 65536, bench 1048576; 0: none"),
	NUM("tern", "mbufs", T_U32, conf.n_mbufs, 1, 1 << 24, NULL, "packet buffers per worker; default 16384, wire: what it holds"),
	NUM("tern", "tx-wait-us", T_U32, conf.tx_wait_us, 0, 10000, NULL,
	    "frames wait up to N us for a full burst: less work, more latency; 0: they do not"),
	NUM("tern", "keepalive", T_U32, keepalive_s, 0, 32767, NULL, "probe connections idle for N seconds; 0: do not"),
	FLAG("tern", "trace", trace, "print every packet and state change"),
	FLAG("tern", "prefault", prefault, "touch all memory before the start: a slower start, no page faults later"),
	NUM("tern", "stats-interval", T_U32, stats_s, 0, 86400, "1", "seconds between lines of numbers; 0: none"),
	NUM("tern", "duration", T_U32, duration_s, 0, M32 / 1000, NULL, "stop after N seconds; 0: run on (bench: 5)"),
	NUM("tern", "drain-ms", T_U32, drain_ms, 1, 600000, "5000",
	    "how long connections may take to close at the end"),

	CALL("if", "if", "N", set_if, NULL, "the options below are for interface N (0..3); a file has [if0] .. [if3]"),
	CALL("if", "port-id", "N", set_port_id, NULL, "its ethdev port; default: N"),
	CALL("if", "addr", "A/LEN[+COUNT]", set_addr, NULL, "IPv4 address, or COUNT consecutive ones from A; several: again, or with commas"),
	CALL("if", "gw", "ADDR", set_gw, NULL, "IPv4 gateway"),
	CALL("if", "addr6", "A/LEN[+COUNT]", set_addr6, NULL, "IPv6 address; likewise"),
	CALL("if", "gw6", "ADDR", set_gw6, NULL, "IPv6 gateway"),
	CALL("if", "mtu", "N", set_mtu, NULL, "bytes; default: the device's"),

	NUM("tcp", "time-wait-ms", T_U32, conf.tcp.time_wait_ms, 0, 600000, "60000", "2 MSL"),
	ENUM("tcp", "syn-cookies", "MODE", conf.tcp.cookie_mode, "auto", cookie_names, "auto: when the queue is full"),
	ENUM("tcp", "cc", "NAME", conf.tcp.cc, "cubic", cc_names,
	     "congestion control: cubic (RFC 9438), newreno (RFC 5681) or dctcp (RFC 8257)"),
	ENUM("tcp", "ecn", "MODE", conf.tcp.ecn, "passive", ecn_names, "congestion notification: when asked, asking too, or off"),
	OFF("tcp", "no-timestamps", conf.tcp.timestamps, "do not offer or accept timestamps (RFC 7323)"),
	OFF("tcp", "no-tso", conf.tcp.tso, "do not let the device cut segments"),
	OFF("tcp", "no-gro", conf.tcp.gro, "do not merge the segments of a connection that arrive together"),
	FLAG("tcp", "enable-lro", conf.tcp.lro, "let the device merge segments, where it can"),
	OFF("tcp", "no-sack", conf.tcp.sack, "do not offer or accept SACK (RFC 2018)"),
	OFF("tcp", "no-wscale", conf.tcp.wscale, "do not offer or accept window scaling (RFC 7323)"),
	OFF("tcp", "no-nagle", conf.tcp.nagle, "send small segments at once"),
	OFF("tcp", "no-quickack", conf.tcp.quickack, "delay the first ACKs of a connection, too"),
	FLAG("tcp", "abort-on-overflow", conf.tcp.abort_on_overflow, "reset what does not fit the accept queue"),
	NUM("tcp", "rto-init-ms", T_U32, conf.tcp.rto_init_ms, 1, 60000, "1000", "first retransmission timeout"),
	NUM("tcp", "rto-min-ms", T_U32, conf.tcp.rto_min_ms, 1, 60000, "200", "smallest"),
	NUM("tcp", "rto-max-ms", T_U32, conf.tcp.rto_max_ms, 1, 600000, "60000", "largest"),
	NUM("tcp", "delack-ms", T_U32, conf.tcp.delack_ms, 0, 499, "40", "delayed ACK; 0: every segment is acknowledged at once"),
	NUM("tcp", "fin-timeout-ms", T_U32, conf.tcp.fin_timeout_ms, 0, 600000, "60000", "FIN-WAIT-2 nobody holds"),
	NUM("tcp", "user-timeout-ms", T_U32, conf.tcp.user_timeout_ms, 1, INT32_MAX, "100000", "give up unacknowledged data"),
	NUM("tcp", "syn-timeout-ms", T_U32, conf.tcp.syn_timeout_ms, 1, 86400000, "180000", "give up a SYN"),
	NUM("tcp", "synack-retries", T_U8, conf.tcp.synack_retries, 0, 20, "5", "SYN-ACKs sent again"),
	NUM("tcp", "snd-buf", T_U32, conf.tcp.snd_buf, BUF_MIN, 1 << 30, "262144", "bytes per connection"),
	NUM("tcp", "rcv-buf", T_U32, conf.tcp.rcv_buf, BUF_MIN, 1 << 30, "262144", "bytes per connection"),
	NUM("tcp", "snd-buf-max", T_U32, conf.tcp.snd_buf_max, 0, 1 << 30, "4194304", "what a long path may make of it; 0: no more"),
	NUM("tcp", "rcv-buf-max", T_U32, conf.tcp.rcv_buf_max, 0, 1 << 30, "6291456", "likewise"),
	NUM("tcp", "buf-mem", T_U64, conf.tcp.buf_mem, 0, INT64_MAX, NULL,
	    "bytes a worker may add to buffers that way; default: a quarter of --mbufs"),
	NUM("tcp", "max-orphans", T_U32, conf.tcp.max_orphans, 0, 1 << 30, NULL,
	    "closed connections whose peer has not closed; default: 7/8 of --max-conns"),
	NUM("tcp", "somaxconn", T_U32, conf.tcp.somaxconn, 1, 1 << 20, "4096", "cap on the accept queue"),
	NUM("tcp", "max-syn-backlog", T_U32, conf.tcp.max_syn_backlog, 0, 1 << 20, "4096", "cap on the half-open queue"),
	CALL("tcp", "local-ports", "LOW-HIGH", set_ports, NULL, "ports of outgoing connections; default 1024-65535"),
	NUM("tcp", "ttl", T_U8, conf.tcp.ttl, 1, 255, "64", "of all packets"),

	CALL("http", "root", "DIR", set_root, NULL, "serve the files below DIR, mapped at start"),
	CALL("http", "body", "TEXT", set_body, NULL, "answer every path with TEXT"),
	CALL("http", "body-size", "N", set_body_size, NULL, "answer every path with N bytes"),
	NUM("http", "idle-timeout", T_U32, idle_s, 1, 86400, "60", "close a connection idle for N seconds"),

	CALL("client", "connect", "ADDR:PORT[,COUNT]", set_connect, NULL, "server, and how many consecutive ports"),
	NUM("client", "cps", T_U32, cps, 0, M32, NULL, "new connections per second; 0: as concurrency allows"),
	NUM("client", "total", T_U64, total, 0, INT64_MAX, NULL, "connections in all; 0: until --duration"),
	NUM("client", "concurrency", T_U32, concurrency, 1, 1 << 27, "256", "connections open at the same time"),
	NUM("client", "park", T_U32, park, 0, 1 << 27, NULL, "open N connections first and leave them idle"),
	NUM("client", "timeout-ms", T_U32, timeout_ms, 0, M32, "10000",
	    "give up a connection on which nothing happened for N ms; 0: only when TCP does"),
	NUM("client", "request-size", T_U32, request_size, 1, 1 << 30, "64", "bytes (client, serve, bench)"),
	NUM("client", "response-size", T_U32, response_size, 1, 1 << 30, "64", "bytes (client, serve, bench)"),
	NUM("client", "requests-per-conn", T_U32, requests_per_conn, 1, M32, "1", "requests per connection"),
	ENUM("client", "close", "MODE", close_mode, "client", close_names,
	     "who closes first, and so holds TIME-WAIT (serve, too)"),
	NUM("client", "packets", T_U8, packets, 0, 8, NULL,
	    "of a short connection: 6, server closes; 7, client closes; 8, and a bare ACK first; 0: as --close"),
	FLAG("client", "latency", latency, "percentiles of connecting and of a whole connection, too"),
	TEXT("client", "http", "PATH", http_path, "GET this path, check status and length"),
	TEXT("client", "output", "FILE", output, "write the body there (one connection)"),

	NUM("bench", "ring-size", T_U32, ring_size, 64, 1 << 18, "1024",
	    "slots of the in-memory cable, a power of two"),
	NUM("bench", "syn-flood", T_U32, syn_flood, 0, 100000000, NULL, "spoofed SYNs per second beside the load"),
	NUM("bench", "client-addrs", T_U32, client_addrs, 1, 250, "250", "local addresses of the client"),
	FLAG("bench", "bench-ipv6", bench_ipv6, "over IPv6"),
	NUM("bench", "bench-mtu", T_U16, bench_mtu, 1280, 9216, "1500", "of the cable, in bytes"),
	FLAG("bench", "one-lcore", one_lcore, "both ends in turn on the same lcore: less noise, no line goes between cores"),

	CALL("wire", "wire-a", "KEY=V,...", set_wire_a, "seed=1", "faults on the way from interface 0 to interface 1"),
	CALL("wire", "wire-b", "KEY=V,...", set_wire_b, "seed=2", "and on the way back"),
	NUM("wire", "wire-idle-us", T_U32, wire_idle_us, 0, 1000000, NULL,
	    "sleep so long when no frame moved: for machines with few cores; 0: poll on"),
};
const unsigned int n_opts = RTE_DIM(opts);
static bool given[RTE_DIM(opts)]; /* on the command line */
static bool set[RTE_DIM(opts)]; /* there, or in a file */

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

static int
put_enum(uint8_t *out, const char *const *names, const char *val)
{
	char list[128] = "";
	unsigned int i;

	for (i = 0; names[i]; i++) {
		if (strcmp(names[i], val) == 0) {
			*out = i;
			return 0;
		}
		snprintf(list + strlen(list), sizeof(list) - strlen(list), "%s%s", i ? ", " : "", names[i]);
	}
	return bad("'%s' is none of: %s", val, list);
}

int
option_put(struct options *o, const struct opt *t, const char *val)
{
	void *p = (char *)o + t->off;
	int64_t n = 0;
	int rc;

	set[t - opts] = true;
	switch (t->type) {
	case T_BOOL:
	case T_OFF:
		return put_bool(p, val, t->type == T_BOOL);
	case T_ENUM:
		return put_enum(p, t->names, val);
	case T_FN:
		return t->fn(o, val);
	case T_STR:
		*(char **)p = strdup(val); /* lives as long as the program */
		return *(char **)p ? 0 : -ENOMEM;
	default:
		break;
	}
	rc = number(val, t->min, t->max, &n);
	if (rc)
		return rc;
	if (t->type == T_U8)
		*(uint8_t *)p = n;
	else if (t->type == T_U16)
		*(uint16_t *)p = n;
	else if (t->type == T_U64)
		*(uint64_t *)p = n;
	else
		*(uint32_t *)p = n;
	return 0;
}

bool
option_is_flag(const struct opt *t)
{
	return t->type == T_BOOL || t->type == T_OFF;
}

const struct opt *
option_find(const char *name, size_t len)
{
	unsigned int i;

	for (i = 0; i < RTE_DIM(opts); i++)
		if (strlen(opts[i].name) == len && memcmp(opts[i].name, name, len) == 0)
			return &opts[i];
	return NULL;
}

const char *
option_resembling(const char *name, size_t len)
{
	unsigned int i;

	if (len == strlen("no-delack") && memcmp(name, "no-delack", len) == 0)
		return "delack-ms 0"; /* as it is since 1.0 */
	for (; len >= 2; len--)
		for (i = 0; i < RTE_DIM(opts); i++)
			if (strncmp(opts[i].name, name, len) == 0)
				return opts[i].name;
	return NULL;
}

bool
option_given(const char *name)
{
	return given[option_find(name, strlen(name)) - opts];
}

bool
option_set(const char *name)
{
	return set[option_find(name, strlen(name)) - opts];
}

bool
options_known(const char *arg)
{
	return strncmp(arg, "--", 2) == 0 && option_find(arg + 2, strcspn(arg + 2, "=")) != NULL;
}

int
options_init(struct options *o)
{
	unsigned int i;
	int rc;

	memset(o, 0, sizeof(*o));
	tern_conf_init(&o->conf, sizeof(o->conf));
	for (i = 0; i < n_roles && i + 1 < RTE_DIM(role_names); i++)
		role_names[i] = roles[i]->name;
	for (i = 0; i < RTE_DIM(opts); i++) {
		origin.name = opts[i].name;
		rc = opts[i].def ? option_put(o, &opts[i], opts[i].def) : 0;
		if (rc)
			return rc;
	}
	memset(set, 0, sizeof(set));
	return 0;
}

int
options_argv(struct options *o, int argc, char **argv)
{
	const char *val, *name, *hint;
	const struct opt *t;
	size_t len;
	int i, rc;

	origin.file = NULL;
	o->cur_if = 0;
	for (i = 1; i < argc; i++) {
		origin.name = NULL;
		if (strncmp(argv[i], "--", 2) || !argv[i][2])
			return complain("'%s' is not an option: see tern --help", argv[i]);
		name = argv[i] + 2;
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
		rc = option_put(o, t, val);
		if (rc)
			return rc;
		given[t - opts] = true;
	}
	origin.name = NULL;
	return 0;
}

void
options_help(void)
{
	const char *section = "";
	char left[64];
	unsigned int i;

	printf("tern: a TCP endpoint on DPDK\n\n"
	       "  tern <EAL options> -- <options>\n"
	       "  tern --config FILE [-- <options>]    a file's [eal] args = ... are EAL options\n"
	       "  tern --help | --version\n\nRoles:\n");
	for (i = 0; i < n_roles; i++)
		printf("  %-10s %s\n", roles[i]->name, roles[i]->help);
	for (i = 0; i < RTE_DIM(opts); i++) {
		if (strcmp(section, opts[i].section)) {
			section = opts[i].section;
			printf("\nOptions, and keys of [%s] in a file:\n", strcmp(section, "if") ? section : "if0");
		}
		snprintf(left, sizeof(left), "--%s%s%s", opts[i].name, opts[i].arg ? " " : "",
			 opts[i].arg ? opts[i].arg : "");
		printf("  %-30s %s%s%s%s\n", left, opts[i].help, opts[i].def ? " [" : "",
		       opts[i].def ? opts[i].def : "", opts[i].def ? "]" : "");
	}
	printf("\nFaults of a wire, separated by commas:\n  %s\n", impair_help);
	printf("\nExit status: 0, or 1 when anything failed, a connection did not close or a client had no answer at all.\n");
}
