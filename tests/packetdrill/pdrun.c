/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pdrun: packetdrill scripts against pd_backend, in virtual time, without packetdrill or root.
 *
 * Numbers in a script are relative, as in packetdrill: the peer's sequence numbers to PEER_ISS (so that every connection of
 * more than 15 bytes wraps), the stack's to the ISS of its first SYN. A script's SYN to a listening socket, and each
 * connect(), begin a connection; other packets belong to the last one. Timestamps of the stack are known by the script's
 * values. An expected packet longer than what comes stands for several, as a capture shows them before segmentation
 * offload. Stricter than packetdrill: every byte is checked on the wire and in recv() (byte n of either direction is
 * pat(n)), checksums are, and a packet that nothing expected fails the script.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include "pd_stack.h"
#include "script.h"

#define START_US 0ull
#define PEER_ISS 0xfffffff0u
#define QUEUE 1024
#define PACKET_MAX 65536
#define FDS 64
#define WAIT_US 200000000ull /* no script expects a packet that late */
#define BIND_PORT 8080
#define FIRST_PORT 40000
#define TS_MAX 256

struct datagram {
	uint64_t at_us;
	size_t len;
	uint8_t *ip;
};

/* What came out, parsed; p holds absolute numbers. */
struct segment {
	struct pd_packet p;
	uint16_t sport, dport;
	const uint8_t *data;
};

static struct run {
	const struct script *s;
	const struct event *e;
	bool failed;
	uint64_t now, event_us; /* event_us: when the last event was */
	bool last_inbound;
	struct datagram queue[QUEUE];
	unsigned int head, tail;
	/* the connection */
	bool is_open, isn_known, listening;
	uint16_t lport, rport, next_port;
	uint32_t isn; /* the stack's */
	uint32_t script_isn;
	struct {
		uint32_t script, live;
	} ts[TS_MAX];
	unsigned int n_ts;
	/* sockets by the script's descriptor */
	struct {
		bool open, nonblock;
		int h;
		uint32_t rx, tx; /* offsets of the streams */
	} fd[FDS];
	/* a call under way */
	const struct event *blocked;
	uint64_t blocked_until;
} run;
static const struct pd_stack *st = &pd_backend;
static bool verbose;

static uint8_t
pat(uint32_t n)
{
	return n * 7 + (n >> 8);
}

static void
fail(const struct event *e, const char *fmt, ...)
{
	va_list ap;

	if (run.failed)
		return;
	run.failed = true;
	printf("%s:%d: ", run.s->path, e ? e->line : 0);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	if (e)
		printf("\tscript: %s\n\tat %.6f s\n", e->text, (run.now - START_US) / 1e6);
}

/* --- packets ---------------------------------------------------------------------------------------------------- */

static uint16_t
get16(const uint8_t *p)
{
	return p[0] << 8 | p[1];
}

static uint32_t
get32(const uint8_t *p)
{
	return (uint32_t)get16(p) << 16 | get16(p + 2);
}

static void
put16(uint8_t *p, uint16_t v)
{
	p[0] = v >> 8;
	p[1] = v;
}

static void
put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v);
}

static uint32_t
sum16(const uint8_t *p, size_t n, uint32_t sum)
{
	for (size_t i = 0; i < n; i++)
		sum += i & 1 ? p[i] : p[i] << 8;
	return sum;
}

static uint16_t
fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static uint16_t
l4_sum(const uint8_t *ip, const uint8_t *l4, size_t n, uint8_t proto)
{
	return fold(sum16(l4, n, (ip[0] >> 4 == 4 ? sum16(ip + 12, 8, 0) : sum16(ip + 8, 32, 0)) + n + proto));
}

void
pd_output(const void *ip, size_t len)
{
	struct datagram *d = &run.queue[run.tail % QUEUE];

	if (run.tail - run.head == QUEUE) {
		fail(run.e, "more than %u packets wait", QUEUE);
		return;
	}
	run.tail++;
	d->at_us = run.now;
	d->len = len;
	d->ip = malloc(len);
	if (!d->ip)
		abort();
	memcpy(d->ip, ip, len);
}

static void
local_addr(uint8_t a[16])
{
	inet_pton(run.s->af == 4 ? AF_INET : AF_INET6, run.s->af == 4 ? "192.168.0.1" : "fd3d:fa7b:d17d::1", a);
}

static void
remote_addr(uint8_t a[16])
{
	inet_pton(run.s->af == 4 ? AF_INET : AF_INET6, run.s->af == 4 ? "192.0.2.1" : "2001:db8::1", a);
}

/* Header of a datagram of l4 bytes from the remote side, or (ours) to it. @return its length. */
static size_t
put_ip(uint8_t *p, bool ours, uint8_t proto, uint8_t tos, size_t l4)
{
	memset(p, 0, run.s->af == 4 ? 20 : 40);
	if (run.s->af == 4) {
		p[0] = 0x45;
		p[1] = tos;
		put16(p + 2, 20 + l4);
		p[8] = 64;
		p[9] = proto;
		(ours ? local_addr : remote_addr)(p + 12);
		(ours ? remote_addr : local_addr)(p + 16);
		put16(p + 10, ~fold(sum16(p, 20, 0)));
		return 20;
	}
	p[0] = 0x60 | tos >> 4;
	p[1] = tos << 4;
	put16(p + 4, l4);
	p[6] = proto;
	p[7] = 64;
	(ours ? local_addr : remote_addr)(p + 8);
	(ours ? remote_addr : local_addr)(p + 24);
	return 40;
}

static uint32_t
live_ts(uint32_t script)
{
	for (unsigned int i = run.n_ts; i--;)
		if (run.ts[i].script == script)
			return run.ts[i].live;
	return script;
}

static size_t
put_options(uint8_t *t, const struct pd_packet *p)
{
	uint8_t *o = t;

	for (unsigned int i = 0; i < p->n_opts; i++) {
		const struct opt *x = &p->opts[i];

		if (o + x->len > t + 40)
			break;
		*o = x->kind;
		if (x->len > 1)
			o[1] = x->len;
		if (x->kind == 2)
			put16(o + 2, x->v[0]);
		else if (x->kind == 3)
			o[2] = x->v[0];
		else if (x->kind == 8)
			put32(o + 2, x->v[0]), put32(o + 6, x->v[1] ? live_ts(x->v[1]) : 0);
		else if (x->kind == 34)
			memcpy(o + 2, x->raw, x->len - 2);
		else if (x->kind == 5)
			for (unsigned int k = 0; k < (x->len - 2u) / 4; k++)
				put32(o + 2 + 4 * k, x->v[k] - run.script_isn + run.isn);
		o += x->len;
	}
	while ((o - t) % 4)
		*o++ = 0;
	return o - t;
}

static void
send_tcp(const struct pd_packet *p)
{
	static uint8_t buf[PACKET_MAX];
	const uint8_t tos = p->ecn ? p->ecn - 1 : 0;
	uint8_t opt[44];
	const size_t optlen = put_options(opt, p), l4 = 20 + optlen + p->len, l3 = run.s->af == 4 ? 20 : 40;
	uint8_t *t = buf + l3;

	if (l3 + l4 > sizeof(buf)) {
		fail(run.e, "the packet is too long");
		return;
	}
	memset(t, 0, 20);
	put16(t, run.rport);
	put16(t + 2, run.lport);
	put32(t + 4, PEER_ISS + p->seq);
	if (p->flags & ACK)
		put32(t + 8, run.isn + p->ack - run.script_isn);
	t[12] = (20 + optlen) << 2;
	t[13] = p->flags;
	put16(t + 14, p->wnd);
	put16(t + 18, p->urg);
	memcpy(t + 20, opt, optlen);
	for (uint32_t i = 0; i < p->len; i++)
		t[20 + optlen + i] = pat(p->seq + !!(p->flags & SYN) + i);
	put_ip(buf, false, 6, tos, l4);
	put16(t + 16, ~l4_sum(buf, t, l4, 6));
	st->input(buf, l3 + l4, run.now);
}

/* The error about a segment the stack sent: its IP header and the first 8 bytes of TCP, RFC 792. */
static void
send_icmp(const struct pd_packet *p)
{
	uint8_t buf[128] = {0}, *c, *q;
	const bool v4 = run.s->af == 4;
	const size_t l3 = v4 ? 20 : 40, l4 = 8 + l3 + 8;

	c = buf + l3;
	q = c + 8;
	c[0] = p->icmp_type;
	c[1] = p->icmp_code;
	if (v4)
		put16(c + 6, p->icmp_mtu);
	else
		put32(c + 4, p->icmp_mtu);
	put_ip(q, true, 6, 0, 20 + p->len);
	put16(q + l3, run.lport);
	put16(q + l3 + 2, run.rport);
	put32(q + l3 + 4, run.isn + p->seq - run.script_isn);
	put_ip(buf, false, v4 ? 1 : 58, 0, l4);
	put16(c + 2, ~(v4 ? fold(sum16(c, l4, 0)) : l4_sum(buf, c, l4, 58)));
	st->input(buf, l3 + l4, run.now);
}

static bool
parse_options(const uint8_t *o, size_t n, struct pd_packet *p)
{
	for (size_t i = 0; i < n; i += p->opts[p->n_opts++].len) {
		struct opt *x = &p->opts[p->n_opts];

		if (p->n_opts == sizeof(p->opts) / sizeof(p->opts[0]))
			return false;
		x->kind = o[i];
		x->len = o[i] <= 1 ? 1 : i + 1 < n ? o[i + 1] : 0;
		if (x->len == 0 || i + x->len > n || (o[i] > 1 && x->len < 2))
			return false;
		if (x->kind == 2 && x->len == 4)
			x->v[0] = get16(o + i + 2);
		else if (x->kind == 3 && x->len == 3)
			x->v[0] = o[i + 2];
		else if (x->kind == 34)
			memcpy(x->raw, o + i + 2, x->len - 2);
		else if (x->kind == 8 || x->kind == 5)
			for (unsigned int k = 0; k < (x->len - 2u) / 4 && k < 8; k++)
				x->v[k] = get32(o + i + 2 + 4 * k);
	}
	return true;
}

/* @return NULL, or what is wrong with it. */
static const char *
parse(const struct datagram *d, struct segment *g)
{
	const uint8_t *ip = d->ip, *t;
	const size_t l3 = run.s->af == 4 ? 20 : 40;
	size_t hl, tot;

	memset(g, 0, sizeof(*g));
	if (d->len < l3 + 20 || ip[0] >> 4 != run.s->af)
		return "not a segment of this IP version";
	tot = l3 == 20 ? get16(ip + 2) : 40u + get16(ip + 4);
	if (tot != d->len || (l3 == 20 ? ip[9] : ip[6]) != 6)
		return "not TCP, or a wrong IP length";
	if (l3 == 20 && fold(sum16(ip, 20, 0)) != 0xffff)
		return "wrong IP checksum";
	t = ip + l3;
	hl = (t[12] >> 4) * 4;
	if (hl < 20 || l3 + hl > tot)
		return "wrong data offset";
	if (l4_sum(ip, t, tot - l3, 6) != 0xffff)
		return "wrong TCP checksum";
	g->p.ecn = 1 + ((l3 == 20 ? ip[1] : ip[1] >> 4) & 3);
	g->sport = get16(t);
	g->dport = get16(t + 2);
	g->p.seq = get32(t + 4);
	g->p.ack = get32(t + 8);
	g->p.flags = t[13];
	g->p.wnd = get16(t + 14);
	g->p.urg = get16(t + 18);
	g->p.len = tot - l3 - hl;
	g->data = t + hl;
	return parse_options(t + 20, hl - 20, &g->p) ? NULL : "malformed options";
}

static void
print_packet(const struct pd_packet *p)
{
	for (unsigned int i = 0; i < 8; i++)
		if (p->flags >> i & 1)
			putchar("FSRP.UEW"[i]);
	printf(" %u:%u(%u)", p->seq, p->seq + p->len, p->len);
	if (p->flags & ACK)
		printf(" ack %u", p->ack);
	printf(" win %u <", p->wnd);
	for (unsigned int i = 0; i < p->n_opts; i++) {
		const struct opt *o = &p->opts[i];

		printf("%s", i ? "," : "");
		if (o->kind == 2 || o->kind == 3)
			printf("%s %u", o->kind == 2 ? "mss" : "wscale", o->v[0]);
		else if (o->kind == 8)
			printf("TS val %u ecr %u", o->v[0], o->v[1]);
		else if (o->kind == 5)
			for (unsigned int k = 0; k < (o->len - 2u) / 4; k += 2)
				printf("%s%u:%u", k ? " " : "sack ", o->v[k], o->v[k + 1]);
		else
			printf("%s", o->kind == 0 ? "eol" : o->kind == 1 ? "nop" : o->kind == 4 ? "sackOK" : "?");
	}
	printf(">\n");
}

/* Absolute to the script's numbers. */
static void
relate(struct pd_packet *p)
{
	p->seq = p->seq - run.isn + run.script_isn;
	if (p->flags & ACK)
		p->ack -= PEER_ISS;
	for (unsigned int i = 0; i < p->n_opts; i++)
		for (unsigned int k = 0; p->opts[i].kind == 5 && k < (p->opts[i].len - 2u) / 4 && k < 8; k++)
			p->opts[i].v[k] -= PEER_ISS;
}

static bool
same_option(const struct opt *want, const struct opt *got)
{
	if (want->kind != got->kind || want->len != got->len)
		return false;
	if (want->kind == 8) { /* the value is only known by its name in the script */
		for (unsigned int i = run.n_ts; i--;)
			if (run.ts[i].script == want->v[0])
				return run.ts[i].live == got->v[0] && want->v[1] == got->v[1];
		if (run.n_ts < TS_MAX) {
			run.ts[run.n_ts].script = want->v[0];
			run.ts[run.n_ts++].live = got->v[0];
		}
		return want->v[1] == got->v[1];
	}
	if (want->kind == 34)
		return memcmp(want->raw, got->raw, want->len - 2) == 0;
	for (unsigned int k = 0; k < 8; k++)
		if (want->v[k] != got->v[k])
			return false;
	return true;
}

static const char *
differs(const struct pd_packet *want, const struct segment *g)
{
	const struct pd_packet *got = &g->p;

	if (want->flags != got->flags)
		return "flags";
	if (want->seq != got->seq || want->len != got->len)
		return "sequence numbers";
	if (want->flags & ACK && want->ack != got->ack)
		return "acknowledgement";
	if (want->has_wnd && want->wnd != got->wnd)
		return "window";
	if (want->flags & URG && want->urg != got->urg)
		return "urgent pointer";
	if (want->ecn && want->ecn != got->ecn)
		return "ECN codepoint";
	for (uint32_t i = 0; i < got->len; i++)
		if (!(want->flags & SYN) && g->data[i] != pat(got->seq - run.script_isn + i))
			return "data";
	if (want->any_options)
		return NULL;
	if (want->n_opts != got->n_opts)
		return "options";
	for (unsigned int i = 0; i < want->n_opts; i++)
		if (!same_option(&want->opts[i], &got->opts[i]))
			return "an option's value";
	return NULL;
}

/* --- calls ------------------------------------------------------------------------------------------------------- */

static bool
is_free(const char *arg)
{
	return strcmp(arg, "...") == 0;
}

static long
num(const struct event *e, unsigned int i)
{
	long v = 0;

	if (i >= e->n_args || !script_number(e->args[i], &v))
		fail(e, "argument %u is not understood", i + 1);
	return v;
}

/* `key=value` within a {...} */
static bool
member(const char *text, const char *key, long *v)
{
	const char *p = strstr(text, key);
	char word[64];

	if (!p)
		return false;
	p += strlen(key);
	p += strspn(p, " =");
	snprintf(word, sizeof(word), "%.*s", (int)strcspn(p, ",}"), p);
	return script_number(word, v);
}

static int
handle(const struct event *e, unsigned int i)
{
	const long fd = num(e, i);

	if (fd < 0 || fd >= FDS || !run.fd[fd].open)
		return -EBADF; /* as is -EBADF itself for the stack */
	return run.fd[fd].h;
}

static socklen_t
address(bool remote, uint16_t port, struct sockaddr_storage *a)
{
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)a;
	struct sockaddr_in *in = (struct sockaddr_in *)a;
	uint8_t addr[16];

	memset(a, 0, sizeof(*a));
	(remote ? remote_addr : local_addr)(addr);
	if (run.s->af == 4) {
		in->sin_family = AF_INET;
		in->sin_port = htons(port);
		memcpy(&in->sin_addr, addr, 4);
		return sizeof(*in);
	}
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(port);
	memcpy(&in6->sin6_addr, addr, 16);
	return sizeof(*in6);
}

static long
do_connect(const struct event *e)
{
	struct sockaddr_storage a;
	const long fd = num(e, 0);
	int rc;

	if (!run.blocked) {
		rc = st->connect(handle(e, 0), (struct sockaddr *)&a, address(true, BIND_PORT, &a));
		if (rc || st->connect_done(handle(e, 0)) != -EINPROGRESS)
			return rc; /* an error, or it was open already */
		run.is_open = true;
		run.isn_known = false;
		run.n_ts = 0;
		run.rport = BIND_PORT;
		run.lport = 0;
		st->run(run.now);
	}
	rc = st->connect_done(handle(e, 0));
	return rc == -EINPROGRESS && (run.blocked || (fd >= 0 && fd < FDS && !run.fd[fd].nonblock)) ? -EAGAIN : rc;
}

static long
do_recv(const struct event *e)
{
	static uint8_t buf[1 << 20];
	const long fd = num(e, 0), len = num(e, 2), flags = e->n_args > 3 ? num(e, 3) : 0;
	const ssize_t n = len < 0 || len > (long)sizeof(buf) ? -EINVAL : st->recv(handle(e, 0), buf, len, flags);

	for (ssize_t i = 0; i < n && !(flags & MSG_TRUNC); i++)
		if (buf[i] != pat(1 + run.fd[fd].rx + i)) {
			fail(e, "byte %zd of what was received is wrong", i);
			break;
		}
	if (n > 0 && !(flags & MSG_PEEK))
		run.fd[fd].rx += n;
	return n;
}

static long
do_send(const struct event *e)
{
	static uint8_t buf[1 << 20];
	const long fd = num(e, 0), len = num(e, 2), flags = e->n_args > 3 ? num(e, 3) : 0;
	ssize_t n;

	if (len < 0 || len > (long)sizeof(buf))
		return -EINVAL;
	for (long i = 0; i < len; i++)
		buf[i] = pat(1 + run.fd[fd].tx + i);
	n = st->send(handle(e, 0), buf, len, flags);
	if (n > 0)
		run.fd[fd].tx += n;
	return n;
}

/* An option that is a name, and its length: TCP_CONGESTION. */
static long
set_sockopt_text(const struct event *e, const char *text)
{
	const size_t len = strcspn(text + 1, "\"");

	if (strcmp(text + 1 + len, "\"") != 0)
		fail(e, "the closing quote is missing");
	if (e->n_args != 5 || num(e, 4) != (long)len)
		fail(e, "the length of the name, %zu, is missing", len);
	return st->setsockopt(handle(e, 0), num(e, 1), num(e, 2), text + 1, len);
}

static long
do_sockopt(const struct event *e, bool set)
{
	struct linger l = {0};
	int value;
	socklen_t n = sizeof(value);
	const char *text = e->n_args > 3 ? e->args[3] : "";
	long v = 0, w = 0;
	int rc;

	if (strchr(text, '{')) {
		if (!member(text, "onoff", &v) || !member(text, "linger", &w))
			fail(e, "{onoff=, linger=} expected");
		l = (struct linger){.l_onoff = v, .l_linger = w};
		return st->setsockopt(handle(e, 0), num(e, 1), num(e, 2), &l, sizeof(l));
	}
	if (set && *text == '"')
		return set_sockopt_text(e, text);
	if (!is_free(text))
		v = num(e, 3);
	value = v;
	if (set)
		return st->setsockopt(handle(e, 0), num(e, 1), num(e, 2), &value, sizeof(value));
	rc = st->getsockopt(handle(e, 0), num(e, 1), num(e, 2), &value, &n);
	if (rc == 0 && !is_free(text) && value != (int)v)
		fail(e, "the option's value: expected %ld, got %d", v, value);
	return rc;
}

static long
do_fcntl(const struct event *e)
{
	const long fd = num(e, 0), cmd = num(e, 1);

	if (handle(e, 0) < 0)
		return -EBADF;
	if (cmd == F_SETFL)
		run.fd[fd].nonblock = num(e, 2) & O_NONBLOCK;
	return cmd == F_SETFL ? 0 : O_RDWR | (run.fd[fd].nonblock ? O_NONBLOCK : 0);
}

static long
do_ioctl(const struct event *e)
{
	const long what = num(e, 1), n = st->qlen(handle(e, 0), what == SIOCOUTQ);

	if (n >= 0 && n != num(e, 2))
		fail(e, "bytes queued: expected %ld, got %ld", num(e, 2), n);
	return n < 0 ? n : 0;
}

static long
do_poll(const struct event *e)
{
	long fd = 0, events = 0, want = 0;
	int got;

	if (e->n_args < 1 || !member(e->args[0], "fd", &fd) || !member(e->args[0], "events", &events))
		fail(e, "[{fd=, events=, revents=}] expected");
	if (fd < 0 || fd >= FDS || !run.fd[fd].open)
		return -EBADF;
	got = st->pollev(run.fd[fd].h) & (events | POLLERR | POLLHUP);
	if (member(e->args[0], "revents", &want) && got != want && (got || num(e, 2) == 0))
		fail(e, "revents: expected %#lx, got %#x", want, got);
	return got ? 1 : num(e, 2) == 0 ? 0 : -EAGAIN;
}

static long
new_fd(const struct event *e, int h)
{
	long fd;

	if (h < 0)
		return h;
	if (!script_number(e->result, &fd) || fd < 0 || fd >= FDS || run.fd[fd].open) {
		fail(e, "got a descriptor");
		st->close(h);
		return -EBADF;
	}
	memset(&run.fd[fd], 0, sizeof(run.fd[fd]));
	run.fd[fd].open = true;
	run.fd[fd].h = h;
	return fd;
}

static long
do_call(const struct event *e)
{
	struct sockaddr_storage a;
	socklen_t l = sizeof(a);
	long rc;

	if (strcmp(e->name, "socket") == 0)
		return new_fd(e, st->socket(run.s->af == 4 ? AF_INET : AF_INET6, SOCK_STREAM, IPPROTO_TCP));
	if (strcmp(e->name, "bind") == 0) {
		run.lport = BIND_PORT;
		return st->bind(handle(e, 0), (struct sockaddr *)&a, address(false, BIND_PORT, &a));
	}
	if (strcmp(e->name, "listen") == 0) {
		rc = st->listen(handle(e, 0), num(e, 1));
		run.listening = rc == 0;
		run.is_open = false;
		return rc;
	}
	if (strcmp(e->name, "accept") == 0)
		return new_fd(e, st->accept(handle(e, 0), (struct sockaddr *)&a, &l));
	if (strcmp(e->name, "connect") == 0)
		return do_connect(e);
	if (strcmp(e->name, "recv") == 0 || strcmp(e->name, "read") == 0)
		return do_recv(e);
	if (strcmp(e->name, "send") == 0 || strcmp(e->name, "write") == 0 || strcmp(e->name, "sendto") == 0)
		return do_send(e);
	if (strcmp(e->name, "shutdown") == 0)
		return st->shutdown(handle(e, 0), num(e, 1));
	if (strcmp(e->name, "close") == 0) {
		rc = st->close(handle(e, 0));
		if (rc == 0)
			run.fd[num(e, 0)].open = false;
		return rc;
	}
	if (strcmp(e->name, "setsockopt") == 0 || strcmp(e->name, "getsockopt") == 0)
		return do_sockopt(e, *e->name == 's');
	if (strcmp(e->name, "fcntl") == 0)
		return do_fcntl(e);
	if (strcmp(e->name, "ioctl") == 0)
		return do_ioctl(e);
	if (strcmp(e->name, "poll") == 0)
		return do_poll(e);
	fail(e, "unknown call");
	return -ENOSYS;
}

static void
check_result(const struct event *e, long rc)
{
	long want, err = 0;

	if (!script_number(e->result, &want) || (e->error && !script_number(e->error, &err))) {
		fail(e, "the result is not understood");
		return;
	}
	if (want >= 0 ? rc != want : rc != (e->error ? -err : -EINVAL) && (e->error || rc >= 0))
		fail(e, "%s(): expected %ld%s%s, got %ld%s%s", e->name, want, e->error ? " " : "", e->error ? e->error : "",
		     rc < 0 ? -1 : rc, rc < 0 ? " " : "", rc < 0 ? strerrorname_np(-rc) : "");
}

/* --- events ------------------------------------------------------------------------------------------------------ */

/* A call that blocks looks again. */
static void
look_again(void)
{
	const struct event *e = run.blocked;
	long rc;

	if (!e)
		return;
	rc = do_call(e);
	if (rc == -EAGAIN)
		return;
	run.blocked = NULL;
	check_result(e, rc);
	if (run.now + run.s->tolerance_us < run.blocked_until || run.now > run.blocked_until + run.s->tolerance_us)
		fail(e, "%s() returned at %.6f s, expected %.6f s", e->name, (run.now - START_US) / 1e6,
		     (run.blocked_until - START_US) / 1e6);
	st->run(run.now);
}

static void
advance(uint64_t to)
{
	uint64_t t;

	while (!run.failed && (t = st->next_timer()) <= to && t <= run.now + WAIT_US) {
		run.now = t > run.now ? t : run.now + 1;
		if (run.now > to)
			run.now = to;
		st->run(run.now);
		look_again();
		if (run.now == to)
			break;
	}
	if (to > run.now)
		run.now = to;
	st->run(run.now);
	look_again();
}

static void
start_call(const struct event *e, uint64_t until)
{
	const long rc = do_call(e);

	st->run(run.now);
	if (e->until_us >= 0 && rc == -EAGAIN) {
		if (run.blocked)
			fail(e, "a second call that blocks");
		run.blocked = e;
		run.blocked_until = until;
		return;
	}
	check_result(e, rc == -EAGAIN && strcmp(e->name, "connect") == 0 ? -EINPROGRESS : rc);
}

static void
inbound(const struct event *e)
{
	const struct pd_packet *p = &e->p;

	if ((run.listening && !run.is_open && (p->flags & (SYN | ACK)) == SYN) || !run.rport) {
		run.is_open = true;
		run.isn_known = false;
		run.n_ts = 0;
		run.isn = run.script_isn = 0;
		run.rport = run.next_port++;
		run.lport = BIND_PORT;
	}
	if (p->is_icmp)
		send_icmp(p);
	else
		send_tcp(p);
	look_again();
}

/* Does more of the expected packet follow what came? Then take what came off it. */
static bool
part_of(struct pd_packet *want, const struct segment *g)
{
	if (g->p.len == 0 || g->p.len >= want->len || g->p.seq != want->seq || (g->p.flags & ~PSH) != ACK)
		return false;
	want->seq += g->p.len;
	want->len -= g->p.len;
	return true;
}

static bool
time_ok(const struct event *e, uint64_t at, uint64_t from, uint64_t until)
{
	const uint64_t tol = run.s->tolerance_us;

	if (e->time_kind == T_ANY || (at + tol >= from && at <= until + tol))
		return true;
	fail(e, "packet at %.6f s, expected at %.6f s", (at - START_US) / 1e6, (from - START_US) / 1e6);
	return false;
}

/* The next packet, waited for. @return false: none came. */
static bool
next_packet(const struct event *e, uint64_t limit)
{
	uint64_t t;

	while (run.head == run.tail && (t = st->next_timer()) <= limit && !run.failed)
		advance(t > run.now ? t : run.now + 1);
	if (run.head == run.tail)
		fail(e, "no packet by %.6f s", (limit - START_US) / 1e6);
	return !run.failed;
}

static void
outbound(const struct event *e, uint64_t from, uint64_t until)
{
	const uint64_t limit = e->time_kind == T_ANY ? run.now + WAIT_US : until + run.s->tolerance_us;
	struct pd_packet want = e->p;
	bool more = true, parts = false;

	while (more && next_packet(e, limit)) {
		struct datagram *d = &run.queue[run.head++ % QUEUE];
		struct segment g;
		const char *what = parse(d, &g);

		if (!what && !run.isn_known && g.p.flags & SYN) {
			run.isn_known = true;
			run.isn = g.p.seq;
			run.script_isn = e->p.seq;
			if (!run.lport || !(g.p.flags & ACK))
				run.lport = g.sport;
		}
		relate(&g.p);
		if (!what && (g.sport != run.lport || g.dport != run.rport))
			what = "ports";
		if (parts) /* offload takes PSH from where the application's write ended */
			want.flags = (want.flags & ~PSH) | (g.p.flags & PSH);
		more = !what && part_of(&want, &g);
		parts |= more;
		if (!what && !more)
			what = differs(&want, &g);
		if (what) {
			fail(e, "%s", what);
			printf("\tgot:    ");
			print_packet(&g.p);
		} else {
			time_ok(e, d->at_us, from, until);
		}
		free(d->ip);
	}
}

static void
run_event(const struct event *e)
{
	const bool anchored = run.last_inbound && e->kind == E_INBOUND;
	const uint64_t base = e->time_kind == T_ABSOLUTE ? START_US : anchored ? run.event_us : run.now;
	const uint64_t from = base + e->at_us, until = e->until_us < 0 ? from : base + e->until_us;

	run.e = e;
	if (verbose)
		printf("%10.6f %s\n", (run.now - START_US) / 1e6, e->text);
	if (e->kind == E_OUTBOUND) {
		outbound(e, from, until);
	} else {
		if (e->time_kind != T_ANY && from > run.now)
			advance(from);
		if (e->kind == E_INBOUND)
			inbound(e);
		else
			start_call(e, until);
	}
	run.event_us = e->time_kind == T_ANY ? run.now : from;
	run.last_inbound = e->kind == E_INBOUND;
}

static void
finish(void)
{
	struct segment g;

	if (run.blocked && !run.failed)
		advance(run.blocked_until + run.s->tolerance_us);
	if (run.blocked)
		fail(run.blocked, "%s() did not return", run.blocked->name);
	if (run.head != run.tail && !run.failed && !parse(&run.queue[run.head % QUEUE], &g)) {
		fail(run.e, "after the last event: %u packets that nothing expected", run.tail - run.head);
		relate(&g.p);
		printf("\tgot:    ");
		print_packet(&g.p);
	}
	for (; run.head != run.tail; run.head++)
		free(run.queue[run.head % QUEUE].ip);
}

static bool
run_script(const char *path)
{
	struct script s;
	int rc = script_read(&s, path);

	memset(&run, 0, sizeof(run));
	run.s = &s;
	run.now = run.event_us = START_US;
	run.next_port = FIRST_PORT;
	run.failed = rc != 0;
	if (!rc && st->init("ip4=192.168.0.1,ip6=fd3d:fa7b:d17d::1", run.now)) {
		fprintf(stderr, "the stack does not start\n");
		exit(2);
	}
	for (unsigned int i = 0; !rc && i < s.n_events && !run.failed; i++)
		run_event(&s.events[i]);
	if (!rc) {
		finish();
		st->fini();
	}
	script_free(&s);
	return !run.failed;
}

/* --- the program ------------------------------------------------------------------------------------------------- */

static unsigned int n_passed, n_failed;

static void
run_path(const char *path)
{
	struct dirent **names;
	struct stat sb;
	int n;

	if (stat(path, &sb) || !S_ISDIR(sb.st_mode)) {
		if (run_script(path))
			n_passed++;
		else
			n_failed++;
		return;
	}
	n = scandir(path, &names, NULL, alphasort);
	for (int i = 0; i < n; i++) {
		const char *dot = strrchr(names[i]->d_name, '.');
		char sub[4096];

		snprintf(sub, sizeof(sub), "%s/%s", path, names[i]->d_name);
		if (names[i]->d_name[0] != '.' && ((dot && strcmp(dot, ".pkt") == 0) || (!stat(sub, &sb) && S_ISDIR(sb.st_mode))))
			run_path(sub);
		free(names[i]);
	}
	if (n >= 0)
		free(names);
}

int
main(int argc, char **argv)
{
	int i = 1;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (i < argc && strcmp(argv[i], "-v") == 0)
		verbose = true, i++;
	if (i >= argc) {
		fprintf(stderr, "usage: pdrun [-v] FILE|DIRECTORY...\n");
		return 2;
	}
	for (; i < argc; i++)
		run_path(argv[i]);
	printf("%u passed, %u failed\n", n_passed, n_failed);
	return n_failed || !n_passed;
}
