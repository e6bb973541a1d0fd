/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reader of packetdrill scripts: one pass over the text. What it does not know is an error with file and line, so that no
 * script passes because a line of it was skipped.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* POLLRDHUP */
#endif
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include "script.h"

struct reader {
	struct script *s;
	char *p;
	int line;
};

static int
bad(const struct reader *r, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "%s:%d: ", r->s->path, r->line);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, ", at '%.30s'\n", r->p);
	return -1;
}

static void
skip_space(struct reader *r)
{
	for (;;) {
		if (*r->p == '\n') {
			r->line++;
			r->p++;
		} else if (isspace((unsigned char)*r->p)) {
			r->p++;
		} else if (strncmp(r->p, "//", 2) == 0 || *r->p == '#') {
			r->p += strcspn(r->p, "\n");
		} else if (strncmp(r->p, "/*", 2) == 0) {
			for (; *r->p && strncmp(r->p, "*/", 2); r->p++)
				r->line += *r->p == '\n';
			r->p += *r->p ? 2 : 0;
		} else {
			return;
		}
	}
}

/* Is word next? Then go beyond it. */
static bool
take(struct reader *r, const char *word)
{
	const size_t n = strlen(word);

	skip_space(r);
	if (strncmp(r->p, word, n) || (isalnum((unsigned char)word[n - 1]) && isalnum((unsigned char)r->p[n])))
		return false;
	r->p += n;
	return true;
}

static bool
number(struct reader *r, uint32_t *v)
{
	char *end;

	skip_space(r);
	if (!isdigit((unsigned char)*r->p))
		return false;
	*v = strtoul(r->p, &end, 0);
	r->p = end;
	return true;
}

static bool
seconds(struct reader *r, int64_t *us)
{
	char *end;
	double d;

	/* not strtod() at once: "0...0.2" */
	if (!isdigit((unsigned char)*r->p) && !(*r->p == '.' && isdigit((unsigned char)r->p[1])))
		return false;
	end = r->p + strspn(r->p, "0123456789");
	if (*end == '.' && end[1] != '.')
		end += 1 + strspn(end + 1, "0123456789");
	d = atof(r->p);
	*us = d * 1e6 + 0.5;
	r->p = end;
	return true;
}

/* --- symbols ---------------------------------------------------------------------------------------------------- */

static const struct {
	const char *name;
	long v;
} symbols[] = {
#define S(x) {#x, x}
	S(AF_INET), S(AF_INET6), S(SOCK_STREAM), S(SOCK_NONBLOCK), S(SOCK_CLOEXEC), S(IPPROTO_TCP), S(IPPROTO_IP), S(IPPROTO_IPV6),
	S(SOL_SOCKET), {"SOL_TCP", IPPROTO_TCP}, {"SOL_IP", IPPROTO_IP}, {"SOL_IPV6", IPPROTO_IPV6}, S(SO_REUSEADDR),
	S(SO_REUSEPORT), S(SO_ERROR), S(SO_LINGER), S(SO_KEEPALIVE), S(SO_SNDBUF), S(SO_RCVBUF), S(SO_TYPE), S(SO_ACCEPTCONN), S(SO_RCVTIMEO), S(SO_SNDTIMEO), S(SO_PRIORITY),
	S(TCP_NODELAY), S(TCP_MAXSEG), S(TCP_CORK), S(TCP_QUICKACK), S(TCP_KEEPIDLE), S(TCP_KEEPINTVL), S(TCP_KEEPCNT),
	S(TCP_USER_TIMEOUT), S(TCP_INFO), S(TCP_SYNCNT), S(TCP_LINGER2), S(TCP_DEFER_ACCEPT), S(TCP_WINDOW_CLAMP),
	S(TCP_NOTSENT_LOWAT), S(TCP_FASTOPEN), S(TCP_FASTOPEN_CONNECT), S(TCP_FASTOPEN_KEY), S(TCP_CONGESTION), S(IP_TOS), S(IP_TTL), S(IP_MTU_DISCOVER), S(IPV6_TCLASS),
	S(IPV6_UNICAST_HOPS), S(IPV6_V6ONLY), S(SHUT_RD), S(SHUT_WR), S(SHUT_RDWR), S(MSG_PEEK), S(MSG_DONTWAIT), S(MSG_MORE),
	S(MSG_NOSIGNAL), S(MSG_TRUNC), S(MSG_WAITALL), S(MSG_OOB), S(MSG_FASTOPEN), S(F_GETFL), S(F_SETFL), S(O_RDWR), S(O_NONBLOCK),
	S(SIOCINQ), S(SIOCOUTQ), S(FIONREAD), S(POLLIN), S(POLLOUT), S(POLLERR), S(POLLHUP), S(POLLRDHUP), S(POLLPRI), S(POLLRDNORM),
	S(POLLWRNORM), S(EAGAIN), S(EWOULDBLOCK), S(EINPROGRESS), S(EALREADY), S(EISCONN), S(ENOTCONN), S(ECONNREFUSED),
	S(ECONNRESET), S(ECONNABORTED), S(ETIMEDOUT), S(EPIPE), S(EINVAL), S(EBADF), S(EADDRINUSE), S(EADDRNOTAVAIL),
	S(EHOSTUNREACH), S(ENETUNREACH), S(EMSGSIZE), S(ENOPROTOOPT), S(EPROTO), S(EACCES), S(ENOBUFS), S(ENOMEM), S(EOPNOTSUPP),
	S(EAFNOSUPPORT), S(EPROTONOSUPPORT), S(EFAULT), S(ENOENT),
#undef S
};

static bool
one_number(const char *p, size_t n, long *v)
{
	char word[48], *end;

	while (n && isspace((unsigned char)*p))
		p++, n--;
	while (n && isspace((unsigned char)p[n - 1]))
		n--;
	if (n == 0 || n >= sizeof(word))
		return false;
	memcpy(word, p, n);
	word[n] = 0;
	*v = strtol(word, &end, 0);
	if (*end == 0)
		return true;
	for (unsigned int i = 0; i < sizeof(symbols) / sizeof(symbols[0]); i++)
		if (strcmp(symbols[i].name, word) == 0) {
			*v = symbols[i].v;
			return true;
		}
	return false;
}

bool
script_number(const char *p, long *v)
{
	size_t n = strlen(p);

	while (n && isspace((unsigned char)*p))
		p++, n--;
	while (n && isspace((unsigned char)p[n - 1]))
		n--;
	if (n >= 2 && *p == '[' && p[n - 1] == ']')
		p++, n -= 2;
	for (*v = 0;;) {
		const char *bar = memchr(p, '|', n);
		const size_t k = bar ? (size_t)(bar - p) : n;
		long one;

		if (!one_number(p, k, &one))
			return false;
		*v |= one;
		if (!bar)
			return true;
		p += k + 1;
		n -= k + 1;
	}
}

/* --- packets ---------------------------------------------------------------------------------------------------- */

static struct opt *
add_opt(struct pd_packet *p, uint8_t kind, uint8_t len)
{
	struct opt *o = &p->opts[p->n_opts++];

	*o = (struct opt){.kind = kind, .len = len};
	return o;
}

static bool
sack_blocks(struct reader *r, struct opt *o)
{
	unsigned int n = 0;

	do {
		if (n == 8 || !number(r, &o->v[n]) || !take(r, ":") || !number(r, &o->v[n + 1]))
			return false;
		n += 2;
		skip_space(r);
	} while (isdigit((unsigned char)*r->p));
	o->len = 2 + 4 * n;
	return true;
}

/* FO with a cookie in hexadecimal, or without. */
static bool
fast_open(struct reader *r, struct opt *o)
{
	unsigned int n = 0, byte;

	skip_space(r);
	while (isxdigit((unsigned char)r->p[0]) && isxdigit((unsigned char)r->p[1]) && n < sizeof(o->raw)) {
		sscanf(r->p, "%2x", &byte);
		o->raw[n++] = byte;
		r->p += 2;
	}
	o->len = 2 + n;
	return true;
}

static bool
one_option(struct reader *r, struct pd_packet *p)
{
	struct opt *o;

	if (p->n_opts == sizeof(p->opts) / sizeof(p->opts[0]))
		return false;
	if (take(r, "mss"))
		return number(r, &add_opt(p, 2, 4)->v[0]);
	if (take(r, "nop"))
		return add_opt(p, 1, 1);
	if (take(r, "eol"))
		return add_opt(p, 0, 1);
	if (take(r, "sackOK"))
		return add_opt(p, 4, 2);
	if (take(r, "wscale"))
		return number(r, &add_opt(p, 3, 3)->v[0]);
	if (take(r, "sack"))
		return sack_blocks(r, add_opt(p, 5, 2));
	if (take(r, "FO"))
		return fast_open(r, add_opt(p, 34, 2));
	if (!take(r, "TS"))
		return false;
	o = add_opt(p, 8, 10);
	return take(r, "val") && number(r, &o->v[0]) && take(r, "ecr") && number(r, &o->v[1]);
}

static int
options(struct reader *r, struct pd_packet *p)
{
	if (!take(r, "<"))
		return 0;
	if (take(r, "...")) {
		p->any_options = true;
		return take(r, ">") ? 0 : bad(r, "'>' expected");
	}
	do {
		if (!one_option(r, p))
			return bad(r, "unknown TCP option");
	} while (take(r, ","));
	return take(r, ">") ? 0 : bad(r, "',' or '>' expected");
}

/* `type_N`, `code_N` */
static bool
prefixed(struct reader *r, const char *prefix, uint8_t *v)
{
	const size_t n = strlen(prefix);
	uint32_t code;

	skip_space(r);
	if (strncmp(r->p, prefix, n) || !isdigit((unsigned char)r->p[n]))
		return false;
	r->p += n;
	if (!number(r, &code) || code > 255)
		return false;
	*v = code;
	return true;
}

static int
icmp(struct reader *r, struct pd_packet *p)
{
	static const struct {
		const char *name;
		uint8_t type4, code4, type6, code6;
	} codes[] = {
		{"net_unreachable", 3, 0, 1, 0}, {"host_unreachable", 3, 1, 1, 3}, {"protocol_unreachable", 3, 2, 4, 1},
		{"port_unreachable", 3, 3, 1, 4}, {"frag_needed", 3, 4, 2, 0}, {"packet_too_big", 3, 4, 2, 0},
		{"source_route_failed", 3, 5, 1, 5}, {"net_unknown", 3, 6, 1, 0}, {"host_unknown", 3, 7, 1, 3},
		{"net_prohibited", 3, 9, 1, 1}, {"host_prohibited", 3, 10, 1, 1}, {"net_unreachable_for_tos", 3, 11, 1, 0},
		{"host_unreachable_for_tos", 3, 12, 1, 3}, {"packet_filtered", 3, 13, 1, 1}, {"precedence_violation", 3, 14, 1, 1},
		{"precedence_cutoff", 3, 15, 1, 1}, {"no_route", 3, 0, 1, 0}, {"admin_prohibited", 3, 13, 1, 1},
		{"address_unreachable", 3, 1, 1, 3}, {"not_neighbour", 3, 1, 1, 2}, {"time_exceeded", 11, 0, 3, 0},
		{"parameter_problem", 12, 0, 4, 0}, {"source_quench", 4, 0, 1, 0}, {"source_host_isolated", 3, 8, 1, 0},
	}, details[] = { /* codes of what has a name of its own */
		{"exceeded_hop_limit", 11, 0, 3, 0}, {"exceeded_fragment_time", 11, 1, 3, 1}, {"header_field", 12, 0, 4, 0},
		{"unknown_next_header", 12, 0, 4, 1}, {"unknown_option", 12, 0, 4, 2},
	};
	const bool v6 = r->s->af == 6;
	bool unreachable, named = false;
	unsigned int i;

	p->is_icmp = true;
	unreachable = take(r, "unreachable");
	for (i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (take(r, codes[i].name))
			break;
	if (i < sizeof(codes) / sizeof(codes[0])) {
		p->icmp_type = v6 ? codes[i].type6 : codes[i].type4;
		p->icmp_code = v6 ? codes[i].code6 : codes[i].code4;
	} else if (unreachable || prefixed(r, "type_", &p->icmp_type)) {
		p->icmp_type = unreachable ? (v6 ? 1 : 3) : p->icmp_type;
		named = prefixed(r, "code_", &p->icmp_code); /* else 0 */
	} else {
		return bad(r, "unknown ICMP message");
	}
	for (i = 0; !named && i < sizeof(details) / sizeof(details[0]); i++)
		if ((v6 ? details[i].type6 : details[i].type4) == p->icmp_type && take(r, details[i].name)) {
			p->icmp_code = v6 ? details[i].code6 : details[i].code4;
			break;
		}
	if (take(r, "mtu") && !number(r, &p->icmp_mtu))
		return bad(r, "MTU expected");
	skip_space(r);
	if (*r->p != '[') /* the first packet of the connection is meant */
		return 0;
	if (!take(r, "[") || !number(r, &p->seq) || !take(r, ":") || !number(r, &p->wnd) || !take(r, "(") ||
	    !number(r, &p->len) || !take(r, ")") || !take(r, "]"))
		return bad(r, "the quoted segment [first:last(length)] expected");
	return 0;
}

static int
packet(struct reader *r, struct pd_packet *p)
{
	static const char letters[] = "FSRP.UEW";
	static const char *const ecn[] = {"noecn", "ect1", "ect0", "ce"};
	uint32_t end;

	if (take(r, "icmp"))
		return icmp(r, p);
	if (take(r, "[")) {
		unsigned int i = 0;

		take(r, "ecn");
		while (i < 4 && !take(r, ecn[i]))
			i++;
		if (i == 4 || !take(r, "]"))
			return bad(r, "unknown ECN codepoint");
		p->ecn = 1 + i;
	}
	skip_space(r);
	if (*r->p == '-') {
		r->p++;
	} else {
		const char *l;

		if (!*r->p || !strchr(letters, *r->p))
			return bad(r, "TCP flags expected");
		for (; *r->p && (l = strchr(letters, *r->p)); r->p++)
			p->flags |= 1 << (l - letters);
	}
	if (!number(r, &p->seq) || !take(r, ":") || !number(r, &end) || !take(r, "(") || !number(r, &p->len) || !take(r, ")"))
		return bad(r, "first:last(length) expected");
	if (end - p->seq != p->len)
		return bad(r, "length %u is not that of the range", p->len);
	if (take(r, "ack") && !number(r, &p->ack))
		return bad(r, "number expected");
	if (take(r, "win")) {
		p->has_wnd = true;
		if (!number(r, &p->wnd))
			return bad(r, "number expected");
	}
	if (take(r, "urg") && !number(r, &p->urg))
		return bad(r, "number expected");
	return options(r, p);
}

/* --- calls ------------------------------------------------------------------------------------------------------ */

/* Text up to one of stop outside brackets and strings; the text is cut there and *last is the character. */
static char *
raw_text(struct reader *r, const char *stop, char *last)
{
	char *from;
	int depth = 0;

	skip_space(r);
	from = r->p;
	for (; *r->p; r->p++) {
		if (*r->p == '"') {
			r->p += 1 + strcspn(r->p + 1, "\"");
		} else if (depth == 0 && strchr(stop, *r->p)) {
			*last = *r->p;
			*r->p++ = 0;
			return from;
		} else if (strchr("([{", *r->p)) {
			depth++;
		} else if (strchr(")]}", *r->p)) {
			depth--;
		}
		r->line += *r->p == '\n';
	}
	return NULL;
}

static int
call(struct reader *r, struct event *e)
{
	const size_t n = strcspn(r->p, "( \t\n");
	char last = ',';

	if (n == 0 || n >= sizeof(e->name) || r->p[n + strspn(r->p + n, " ")] != '(')
		return bad(r, "packet or system call expected");
	memcpy(e->name, r->p, n);
	r->p += n + strspn(r->p + n, " ") + 1;
	e->kind = E_CALL;
	while (last == ',') {
		char *arg;

		if (e->n_args == ARGS_MAX)
			return bad(r, "too many arguments");
		arg = raw_text(r, ",)", &last);
		if (!arg)
			return bad(r, "arguments without end");
		if (*arg || last == ',')
			e->args[e->n_args++] = arg;
	}
	if (!take(r, "="))
		return bad(r, "'=' and a result expected");
	skip_space(r);
	e->result = r->p;
	r->p += strcspn(r->p, " \t\n");
	if (*r->p && *r->p != '\n') {
		*r->p++ = 0;
		r->p += strspn(r->p, " \t");
		if (isupper((unsigned char)*r->p)) {
			e->error = r->p;
			r->p += strspn(r->p, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
		}
		if (*r->p == ' ')
			*r->p++ = 0;
		r->p += strspn(r->p, " \t");
		if (*r->p == '(') { /* what strerror() says, or flags by name */
			*r->p = 0;
			r->p++;
			r->p += strcspn(r->p, "\n");
		}
	}
	if (*r->p == '\n') {
		*r->p++ = 0;
		r->line++;
	}
	return 0;
}

static int
event_time(struct reader *r, struct event *e)
{
	e->until_us = -1;
	if (take(r, "*")) {
		e->time_kind = T_ANY;
		return 0;
	}
	e->time_kind = take(r, "+") ? T_RELATIVE : T_ABSOLUTE;
	if (!seconds(r, &e->at_us))
		return bad(r, "time expected");
	if (strncmp(r->p, "...", 3) == 0)
		r->p += 3;
	else if (*r->p == '~')
		r->p += 1 + (r->p[1] == '+');
	else
		return 0;
	return seconds(r, &e->until_us) ? 0 : bad(r, "time expected");
}

static int
event(struct reader *r, struct event *e)
{
	e->line = r->line;
	snprintf(e->text, sizeof(e->text), "%.*s", (int)strcspn(r->p, "\n"), r->p);
	if (*r->p != '`' && event_time(r, e))
		return -1;
	skip_space(r);
	e->line = r->line;
	if (*r->p == '`') {
		r->p += 1 + strcspn(r->p + 1, "`");
		r->p += *r->p == '`';
		r->s->n_commands++;
		return 1;
	}
	if (strncmp(r->p, "%{", 2) == 0)
		return bad(r, "code sections are not supported");
	if (*r->p == '<' || *r->p == '>') {
		e->kind = *r->p++ == '<' ? E_INBOUND : E_OUTBOUND;
		return packet(r, &e->p);
	}
	return call(r, e);
}

static int
flag(struct reader *r)
{
	char word[64];
	const size_t n = strcspn(r->p, " \t\n");

	snprintf(word, sizeof(word), "%.*s", (int)n, r->p);
	r->p += n;
	if (strcmp(word, "--ip_version=ipv4") == 0)
		r->s->af = 4;
	else if (strcmp(word, "--ip_version=ipv6") == 0)
		r->s->af = 6;
	else if (sscanf(word, "--remote_ip=%45s", r->s->remote_ip) == 1 || sscanf(word, "--local_ip=%45s", r->s->local_ip) == 1 ||
		 sscanf(word, "--mtu=%u", &r->s->mtu) == 1 || sscanf(word, "--mss=%u", &r->s->mss) == 1)
		return 0;
	else if (sscanf(word, "--tolerance_usecs=%ld", &r->s->tolerance_us) != 1 && strncmp(word, "--tcp_ts_tick_usecs=", 20))
		return bad(r, "unknown flag '%s'", word);
	return 0;
}

static char *
load(const char *path)
{
	FILE *f = fopen(path, "r");
	char *buf = calloc(1, 1 << 20);
	size_t n = 0;

	if (f && buf)
		n = fread(buf, 1, (1 << 20) - 1, f);
	if (f)
		fclose(f);
	if (n == 0) {
		fprintf(stderr, "%s: %s\n", path, errno ? strerror(errno) : "empty");
		free(buf);
		return NULL;
	}
	return buf;
}

int
script_read(struct script *s, const char *path)
{
	struct reader r = {.s = s, .line = 1};
	int rc;

	*s = (struct script){.path = path, .af = 4, .tolerance_us = 4000, .mtu = 1500};
	s->buf = load(path);
	s->events = calloc(1, sizeof(*s->events));
	if (!s->buf || !s->events)
		return -1;
	for (r.p = s->buf;;) {
		struct event *more;

		skip_space(&r);
		if (!*r.p)
			return s->n_events ? 0 : bad(&r, "no event");
		if (strncmp(r.p, "--", 2) == 0) {
			if (flag(&r))
				return -1;
			continue;
		}
		more = realloc(s->events, (s->n_events + 1) * sizeof(*more));
		if (!more)
			return -1;
		s->events = more;
		memset(&more[s->n_events], 0, sizeof(*more));
		rc = event(&r, &more[s->n_events]);
		if (rc < 0)
			return rc;
		s->n_events += rc == 0;
	}
}

void
script_free(struct script *s)
{
	free(s->buf);
	free(s->events);
}
