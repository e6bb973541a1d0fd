/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The options' table and the two readers that share it. A value is parsed and range-checked in one place, so the
 * command line and a file accept the same things and refuse them with the same words.
 *
 * rte_cfgfile reads the file but knows no line numbers: they are found afterwards, by scanning for section and key, for
 * the message only.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <rte_cfgfile.h>
#include <rte_common.h>
#include "options.h"
#include "role.h"

enum type { T_BOOL, T_U8, T_U16, T_U32, T_U64, T_STR, T_ENUM, T_FN };

struct opt {
	const char *section, *name, *arg;
	enum type type;
	size_t off;
	int64_t min, max;
	const char *def;          /* parsed at start; NULL: zero */
	const char *const *names; /* T_ENUM */
	int (*fn)(struct options *o, const char *val);
	const char *help;
};

/* Where the value being parsed came from, for messages. */
static struct {
	const char *file, *section, *name;
} origin;

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

/* Skip a [section] line. @return true and its name. */
static bool
section_line(const char *p, char *name, size_t size)
{
	const char *end = strchr(p, ']');

	if (*p != '[' || !end)
		return false;
	snprintf(name, size, "%.*s", (int)(end - p - 1), p + 1);
	return true;
}

/* Line of key in [section] of file; of the section itself for key NULL; 0 when not found. */
static unsigned int
line_of(const char *file, const char *section, const char *key)
{
	FILE *f = fopen(file, "r");
	char line[512], in[80] = "";
	unsigned int no = 0, found = 0;

	while (f && !found && fgets(line, sizeof(line), f)) {
		const char *p = line + strspn(line, " \t");
		const size_t n = key ? strlen(key) : 0;

		no++;
		if (section_line(p, in, sizeof(in))) {
			if (!key && strcmp(in, section) == 0)
				found = no;
		} else if (key && strcmp(in, section) == 0 && strncmp(p, key, n) == 0 && strchr("= \t\r\n", p[n])) {
			found = no;
		}
	}
	if (f)
		fclose(f);
	return found;
}

/* "tern: where: what was wrong". @return -EINVAL. */
static int __attribute__((format(printf, 1, 2))) bad(const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (origin.file)
		return complain("%s:%u: %s: %s", origin.file, line_of(origin.file, origin.section, origin.name),
				origin.name, text);
	if (origin.name)
		return complain("--%s: %s", origin.name, text);
	return complain("%s", text);
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

/* --- values that need more than a range ----------------------------------------------------------------------- */

static int
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
cur_if(struct options *o)
{
	o->ifs_given |= 1u << o->cur_if;
	o->conf.n_ifs = RTE_MAX(o->conf.n_ifs, o->cur_if + 1);
	return &o->conf.ifs[o->cur_if];
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
		return bad("'%s' has no prefix length: write %.*s/%d", val, (int)strcspn(val, "+"), val, a->af == TERN_AF_INET ? 24 : 64);
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
		return bad("more than %u addresses of one interface besides the first: write ADDR/PREFIX+COUNT for several in a row",
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
set_addrs(struct options *o, const char *val, uint8_t af, unsigned int *of_file)
{
	struct tern_if_conf *c = cur_if(o);
	struct tern_alias a = {.af = af};
	char buf[CFG_VALUE_LEN], *one, *save;
	int rc = 0;

	if (snprintf(buf, sizeof(buf), "%s", val) >= (int)sizeof(buf))
		return bad("the value is longer than %zu characters: give the option again instead", sizeof(buf) - 1);
	if (!origin.file && *of_file >> o->cur_if & 1)
		drop_addrs(c, af);
	*of_file = origin.file ? *of_file | 1u << o->cur_if : *of_file & ~(1u << o->cur_if);
	one = strtok_r(buf, ", \t", &save);
	if (!one)
		return bad("'%s' is no address", val);
	for (; !rc && one; one = strtok_r(NULL, ", \t", &save)) {
		rc = prefixed(one, &a);
		rc = rc ? rc : add_addr(c, &a);
	}
	return rc;
}

static int
set_addr(struct options *o, const char *val)
{
	return set_addrs(o, val, TERN_AF_INET, &o->addr4_of_file);
}

static int
set_addr6(struct options *o, const char *val)
{
	return set_addrs(o, val, TERN_AF_INET6, &o->addr6_of_file);
}

static int
set_gw(struct options *o, const char *val)
{
	return address_of(val, TERN_AF_INET, cur_if(o)->gw4);
}

static int
set_gw6(struct options *o, const char *val)
{
	return address_of(val, TERN_AF_INET6, cur_if(o)->gw6);
}

static int
set_if(struct options *o, const char *val)
{
	int64_t n;
	int rc = number(val, 0, TERN_IF_MAX - 1, &n);

	if (!rc)
		o->cur_if = n;
	return rc;
}

static int
set_port_id(struct options *o, const char *val)
{
	int64_t n;
	int rc = number(val, 0, UINT16_MAX - 1, &n);

	if (!rc)
		cur_if(o)->port_id = n;
	return rc;
}

static int
set_mtu(struct options *o, const char *val)
{
	int64_t n;
	int rc = number(val, 68, 9216, &n); /* RFC 791 3.2; a jumbo frame */

	if (!rc)
		cur_if(o)->mtu = n;
	return rc;
}

static int
set_listen(struct options *o, const char *val)
{
	return address(val, o->listen.addr, &o->listen.af);
}

static int
set_backlog(struct options *o, const char *val)
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
	o->backlog = n;
	return 0;
}

/* ADDR:PORT[,COUNT], an IPv6 address in brackets */
static int
set_connect(struct options *o, const char *val)
{
	char buf[96], *port, *count, *host = buf;
	int64_t n;
	int rc;

	snprintf(buf, sizeof(buf), "%s", val);
	count = strchr(buf, ',');
	if (count)
		*count++ = 0;
	port = strrchr(buf, ':');
	if (!port || (*buf == '[' ? port[-1] != ']' : strchr(buf, ':') != port))
		return bad("'%s': write ADDR:PORT, or [ADDR6]:PORT", val);
	*port++ = 0;
	if (*buf == '[') {
		host++;
		port[-2] = 0;
	}
	rc = address(host, o->connect.addr, &o->connect.af);
	rc = rc ? rc : number(port, 1, UINT16_MAX, &n);
	if (rc)
		return rc;
	o->connect.port = htons(n);
	rc = count ? number(count, 1, UINT16_MAX + 1 - n, &n) : 0;
	if (!rc)
		o->connect_ports = count ? n : 1;
	return rc;
}

/* What the command line says to serve replaces what the file said. */
static void
new_content(struct options *o)
{
	if (o->content_of_file && !origin.file) {
		free((void *)(uintptr_t)o->root);
		free((void *)(uintptr_t)o->body);
		o->root = o->body = NULL;
		o->body_size = 0;
	}
	o->content_of_file = origin.file != NULL;
}

static int
set_root(struct options *o, const char *val)
{
	new_content(o);
	o->root = strdup(val);
	return o->root ? 0 : -ENOMEM;
}

static int
set_body(struct options *o, const char *val)
{
	new_content(o);
	o->body = strdup(val);
	return o->body ? 0 : -ENOMEM;
}

static int
set_body_size(struct options *o, const char *val)
{
	int64_t n;
	int rc = number(val, 1, 1 << 30, &n);

	new_content(o);
	o->body_size = rc ? 0 : n;
	return rc;
}

/* LOW-HIGH */
static int
set_ports(struct options *o, const char *val)
{
	unsigned int low, high;
	char rest;

	if (sscanf(val, "%5u-%5u%c", &low, &high, &rest) != 2 || !low || high < low || high > UINT16_MAX)
		return bad("'%s': write LOW-HIGH with 1 <= LOW <= HIGH <= 65535", val);
	o->conf.tcp.port_min = low;
	o->conf.tcp.port_max = high;
	return 0;
}

static int
set_wire(struct impair_conf *c, const char *val)
{
	char why[384]; /* the list of keys is long */

	return impair_parse(val, c, why, sizeof(why)) ? bad("%s", why) : 0;
}

static int
set_wire_a(struct options *o, const char *val)
{
	return set_wire(&o->wire[0], val);
}

static int
set_wire_b(struct options *o, const char *val)
{
	return set_wire(&o->wire[1], val);
}

/* --- the table ------------------------------------------------------------------------------------------------- */

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

static const struct opt opts[] = {
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
	    "TIME-WAIT records per worker; 0: 65536, bench 1048576"),
	NUM("tern", "mbufs", T_U32, conf.n_mbufs, 0, 1 << 24, NULL, "packet buffers per worker; 0: 16384"),
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

	NUM("tcp", "time-wait-ms", T_U32, conf.tcp.time_wait_ms, 0, 600000, NULL, "2 MSL; 0: 60000"),
	ENUM("tcp", "syn-cookies", "MODE", conf.tcp.cookie_mode, "auto", cookie_names, "auto: when the queue is full"),
	ENUM("tcp", "cc", "NAME", conf.tcp.cc, "cubic", cc_names,
	     "congestion control: cubic (RFC 9438), newreno (RFC 5681) or dctcp (RFC 8257)"),
	ENUM("tcp", "ecn", "MODE", conf.tcp.ecn, "passive", ecn_names, "congestion notification: when asked, asking too, or off"),
	FLAG("tcp", "no-timestamps", conf.tcp.no_timestamps, "do not offer or accept timestamps (RFC 7323)"),
	FLAG("tcp", "no-tso", conf.tcp.no_tso, "do not let the device cut segments"),
	FLAG("tcp", "no-gro", conf.tcp.no_gro, "do not merge the segments of a connection that arrive together"),
	FLAG("tcp", "enable-lro", conf.tcp.lro, "let the device merge segments, where it can"),
	FLAG("tcp", "no-sack", conf.tcp.no_sack, "do not offer or accept SACK (RFC 2018)"),
	FLAG("tcp", "no-wscale", conf.tcp.no_wscale, "do not offer or accept window scaling (RFC 7323)"),
	FLAG("tcp", "no-nagle", conf.tcp.no_nagle, "send small segments at once"),
	FLAG("tcp", "no-delack", conf.tcp.no_delack, "acknowledge every segment at once"),
	FLAG("tcp", "no-quickack", conf.tcp.no_quickack, "delay the first ACKs of a connection, too"),
	FLAG("tcp", "abort-on-overflow", conf.tcp.abort_on_overflow, "reset what does not fit the accept queue"),
	NUM("tcp", "rto-init-ms", T_U32, conf.tcp.rto_init_ms, 0, 60000, NULL, "first retransmission timeout; 0: 1000"),
	NUM("tcp", "rto-min-ms", T_U32, conf.tcp.rto_min_ms, 0, 60000, NULL, "smallest; 0: 200"),
	NUM("tcp", "rto-max-ms", T_U32, conf.tcp.rto_max_ms, 0, 600000, NULL, "largest; 0: 60000"),
	NUM("tcp", "delack-ms", T_U32, conf.tcp.delack_ms, 0, 499, NULL, "delayed ACK; 0: 40"),
	NUM("tcp", "fin-timeout-ms", T_U32, conf.tcp.fin_timeout_ms, 0, 600000, NULL,
	    "FIN-WAIT-2 nobody holds; 0: 60000"),
	NUM("tcp", "user-timeout-ms", T_U32, conf.tcp.user_timeout_ms, 0, INT32_MAX, NULL,
	    "give up unacknowledged data; 0: 100000"),
	NUM("tcp", "syn-timeout-ms", T_U32, conf.tcp.syn_timeout_ms, 0, 86400000, NULL, "give up a SYN; 0: 180000"),
	NUM("tcp", "synack-retries", T_U8, conf.tcp.synack_retries, 0, 20, NULL, "0: 5"),
	NUM("tcp", "snd-buf", T_U32, conf.tcp.snd_buf, 0, 1 << 30, NULL, "bytes per connection; 0: 262144"),
	NUM("tcp", "rcv-buf", T_U32, conf.tcp.rcv_buf, 0, 1 << 30, NULL, "bytes per connection; 0: 262144"),
	NUM("tcp", "snd-buf-max", T_U32, conf.tcp.snd_buf_max, 0, 1 << 30, NULL, "what a long path may make of it; 0: 4194304"),
	NUM("tcp", "rcv-buf-max", T_U32, conf.tcp.rcv_buf_max, 0, 1 << 30, NULL, "likewise; 0: 6291456"),
	NUM("tcp", "buf-mem", T_U64, conf.tcp.buf_mem, 0, INT64_MAX, NULL,
	    "bytes a worker may add to buffers that way; 0: a quarter of --mbufs"),
	NUM("tcp", "max-orphans", T_U32, conf.tcp.max_orphans, 0, 1 << 30, NULL,
	    "closed connections whose peer has not closed; 0: 7/8 of --max-conns"),
	NUM("tcp", "somaxconn", T_U32, conf.tcp.somaxconn, 0, 1 << 20, NULL, "cap on the accept queue; 0: 4096"),
	NUM("tcp", "max-syn-backlog", T_U32, conf.tcp.max_syn_backlog, 0, 1 << 20, NULL,
	    "cap on the half-open queue; 0: 4096"),
	CALL("tcp", "local-ports", "LOW-HIGH", set_ports, NULL, "ports of outgoing connections; default 1024-65535"),
	NUM("tcp", "ttl", T_U8, conf.tcp.ttl, 0, 255, NULL, "0: 64"),

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

/* --- reading ------------------------------------------------------------------------------------------------- */

static int
put_bool(bool *out, const char *val)
{
	static const char *const yes[] = {"", "yes", "on", "true", "1"}, *const no[] = {"no", "off", "false", "0"};
	unsigned int i;

	for (i = 0; i < RTE_DIM(yes); i++) {
		if (strcasecmp(val, yes[i]) == 0) {
			*out = true;
			return 0;
		}
	}
	for (i = 0; i < RTE_DIM(no); i++) {
		if (strcasecmp(val, no[i]) == 0) {
			*out = false;
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

static int
put(struct options *o, const struct opt *t, const char *val)
{
	void *p = (char *)o + t->off;
	int64_t n = 0;
	int rc;

	switch (t->type) {
	case T_BOOL:
		return put_bool(p, val);
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

static const struct opt *
find(const char *name, size_t len)
{
	unsigned int i;

	for (i = 0; i < RTE_DIM(opts); i++)
		if (strlen(opts[i].name) == len && memcmp(opts[i].name, name, len) == 0)
			return &opts[i];
	return NULL;
}

/* The known option that starts like name, for a hint. */
static const char *
resembling(const char *name, size_t len)
{
	unsigned int i;

	for (; len >= 2; len--)
		for (i = 0; i < RTE_DIM(opts); i++)
			if (strncmp(opts[i].name, name, len) == 0)
				return opts[i].name;
	return NULL;
}

bool
options_known(const char *arg)
{
	return strncmp(arg, "--", 2) == 0 && find(arg + 2, strcspn(arg + 2, "=")) != NULL;
}

int
options_init(struct options *o)
{
	unsigned int i;
	int rc;

	memset(o, 0, sizeof(*o));
	for (i = 0; i < n_roles && i + 1 < RTE_DIM(role_names); i++)
		role_names[i] = roles[i]->name;
	for (i = 0; i < TERN_IF_MAX; i++)
		o->conf.ifs[i].port_id = i;
	for (i = 0; i < RTE_DIM(opts); i++) {
		origin.name = opts[i].name;
		rc = opts[i].def ? put(o, &opts[i], opts[i].def) : 0;
		if (rc)
			return rc;
	}
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
		t = find(name, len);
		if (!t) {
			hint = resembling(name, len);
			return complain("--%.*s is not an option%s%s: see tern --help", (int)len, name,
					hint ? "; did you mean --" : "", hint ? hint : "");
		}
		origin.name = t->name;
		if (val)
			val++;
		else if (t->type == T_BOOL)
			val = "";
		else if (i + 1 < argc && strncmp(argv[i + 1], "--", 2))
			val = argv[++i];
		else
			return bad("needs a value, %s", t->arg);
		if (t->type != T_BOOL && !*val)
			return bad("the value is empty");
		rc = put(o, t, val);
		if (rc)
			return rc;
	}
	origin.name = NULL;
	return 0;
}

/* What rte_cfgfile would refuse without a word, or take without one. @return 0 or -EINVAL after a line. */
static int
file_syntax(const char *path, FILE *f)
{
	char line[512], name[80] = "";
	unsigned int no = 0;

	while (fgets(line, sizeof(line), f)) {
		const char *p = line + strspn(line, " \t");
		const char *what = NULL;

		no++;
		if (strchr("#\r\n", *p)) /* also the end */
			continue;
		if (strlen(line) >= CFG_NAME_LEN + CFG_VALUE_LEN)
			what = "the line is too long";
		else if (*p == '[' && !section_line(p, name, sizeof(name)))
			what = "a section ends with ']'";
		else if (*p != '[' && !strchr(p, '='))
			what = "write key = value";
		else if (*p != '[' && !*name)
			what = "a key needs a [section] above it";
		if (what)
			return complain("%s:%u: %s", path, no, what);
	}
	return *name ? 0 : complain("%s: there is no [section] in it", path);
}

static int
file_entry(struct options *o, const char *section, const struct rte_cfgfile_entry *e)
{
	const bool is_if = strncmp(section, "if", 2) == 0;
	const struct opt *t = find(e->name, strlen(e->name));
	const char *hint = resembling(e->name, strlen(e->name));

	origin.name = e->name;
	if (strcmp(section, "eal") == 0) {
		if (strcmp(e->name, "args"))
			return bad("unknown: [eal] has args = ... only");
		o->eal_args = strdup(e->value);
		return o->eal_args ? 0 : -ENOMEM;
	}
	if (!t)
		return bad("unknown key%s%s: see tern --help", hint ? "; did you mean " : "", hint ? hint : "");
	if (strcmp(t->section, is_if ? "if" : section))
		return bad("belongs to [%s%s], not to [%s]", t->section, strcmp(t->section, "if") ? "" : "0", section);
	if (t->fn == set_if)
		return bad("write a section [if%s] instead", e->value);
	if (t->type != T_BOOL && !*e->value)
		return bad("the value is empty");
	return put(o, t, e->value);
}

static int
file_section(struct options *o, struct rte_cfgfile *cfg, const char *path, const char *name)
{
	const int n = rte_cfgfile_section_num_entries(cfg, name);
	struct rte_cfgfile_entry *e;
	unsigned int i;
	int k, rc = 0;
	bool known = strcmp(name, "eal") == 0;

	for (i = 0; i < RTE_DIM(opts); i++)
		known |= strcmp(opts[i].section, name) == 0 && strcmp(name, "if");
	if (strlen(name) == 3 && strncmp(name, "if", 2) == 0 && name[2] >= '0' && name[2] < '0' + TERN_IF_MAX) {
		o->cur_if = name[2] - '0';
		known = true;
	}
	if (!known)
		return complain("%s:%u: unknown section [%s]: there are eal, tern, if0..if%d, tcp, http, client, bench, wire",
				path, line_of(path, name, NULL), name, TERN_IF_MAX - 1);
	if (rte_cfgfile_num_sections(cfg, name, strlen(name)) > 1)
		return complain("%s:%u: section [%s] is there twice", path, line_of(path, name, NULL), name);
	e = calloc(n > 0 ? n : 1, sizeof(*e));
	if (!e)
		return -ENOMEM;
	if (n > 0)
		rte_cfgfile_section_entries(cfg, name, e, n);
	origin.section = name;
	for (k = 0; k < n && !rc; k++) {
		origin.name = e[k].name;
		for (i = 0; i < (unsigned int)k && !rc; i++)
			if (strcmp(e[i].name, e[k].name) == 0)
				rc = bad("is there twice in [%s]: give it once%s", name,
					 strncmp(e[k].name, "addr", 4) ? "" : ", with commas between several addresses");
		rc = rc ? rc : file_entry(o, name, &e[k]);
	}
	free(e);
	return rc;
}

int
options_file(struct options *o, const char *path)
{
	static const struct rte_cfgfile_parameters params = {.comment_character = '#'};
	struct rte_cfgfile *cfg = NULL;
	char names[32][CFG_NAME_LEN], *list[32];
	int i, n, rc = 0;
	FILE *f = fopen(path, "r");

	if (!f)
		return complain("%s: %s", path, strerror(errno));
	rc = file_syntax(path, f);
	fclose(f);
	if (rc)
		return rc;
	cfg = rte_cfgfile_load_with_params(path, CFG_FLAG_EMPTY_VALUES, &params);
	if (!cfg)
		return complain("%s: not readable as a config file", path);
	for (i = 0; i < (int)RTE_DIM(list); i++)
		list[i] = names[i];
	n = rte_cfgfile_num_sections(cfg, NULL, 0);
	if (n > (int)RTE_DIM(list)) {
		rte_cfgfile_close(cfg);
		return complain("%s: %d sections, at most %zu are possible", path, n, RTE_DIM(list));
	}
	rte_cfgfile_sections(cfg, list, n);
	origin.file = path;
	for (i = 0; i < n && !rc; i++)
		rc = file_section(o, cfg, path, list[i]);
	origin.file = origin.name = NULL;
	rte_cfgfile_close(cfg);
	return rc;
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
