/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * stack/trace.c: each line is what tcpdump 4.99.3 -n -t -S printed for the same frame. Frames end with their
 * allocation and lines with the caller's buffer, so AddressSanitizer sees any byte too far; plain builds see a line
 * longer than its buffer.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <rte_common.h>
#include "stack/trace.h"
#include "../bytes.h"
#include "seeded.h"

#define LINE_LEN 512

struct frame {
	uint8_t b[256];
	unsigned int len;
};

/* A TCP segment between the usual two ends; seq 4294967290 so that the end of data wraps. */
static const char ends4[] = "IP 192.0.2.9.40000 > 192.0.2.1.7777: ",
		  ends6[] = "IP6 2001:db8::9.40000 > 2001:db8::1.7777: ";
struct row {
	const char *text; /* behind the ends */
	uint8_t af, flags, n_opt, n_data;
	uint8_t opt[40];
	uint8_t doff; /* when not that of n_opt */
};

static const struct row rows[] = {
	{"Flags [S], seq 4294967290, win 65535, options [mss 1460,sackOK,TS val 1 ecr 0,nop,wscale 7], length 0",
	 4,
	 TCP_SYN,
	 20,
	 0,
	 {2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7}},
	{"Flags [S.], seq 4294967290, ack 123456, win 65535, options [mss 1460,sackOK,TS val 9 ecr 1,nop,wscale 14], "
	 "length 0",
	 4,
	 TCP_SYN | TCP_ACK,
	 20,
	 0,
	 {2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 0, 9, 0, 0, 0, 1, 1, 3, 3, 14}},
	{"Flags [SEW], seq 4294967290, win 65535, options [mss 536], length 0",
	 4,
	 TCP_SYN | TCP_ECE | TCP_CWR,
	 4,
	 0,
	 {2, 4, 2, 24}},
	{"Flags [S], seq 4294967290:4294967295, win 65535, length 5", 4, TCP_SYN, 0, 5},
	{"Flags [.], ack 123456, win 65535, length 0", 4, TCP_ACK},
	{"Flags [.], ack 123456, win 65535, options [nop,nop,TS val 4294967295 ecr 2147483648], length 0",
	 4,
	 TCP_ACK,
	 12,
	 0,
	 {1, 1, 8, 10, 255, 255, 255, 255, 128, 0, 0, 0}},
	{"Flags [P.], seq 4294967290:94, ack 123456, win 65535, length 100", 4, TCP_ACK | TCP_PSH, 0, 100},
	{"Flags [.], seq 4294967290:4294967291, ack 123456, win 65535, length 1", 4, TCP_ACK, 0, 1},
	{"Flags [F.], seq 4294967290, ack 123456, win 65535, length 0", 4, TCP_FIN | TCP_ACK},
	{"Flags [FP.], seq 4294967290:4, ack 123456, win 65535, options [nop,nop,TS val 2 ecr 3], length 10",
	 4,
	 TCP_FIN | TCP_PSH | TCP_ACK,
	 12,
	 10,
	 {1, 1, 8, 10, 0, 0, 0, 2, 0, 0, 0, 3}},
	{"Flags [R], seq 4294967290, win 65535, length 0", 4, TCP_RST},
	{"Flags [R.], seq 4294967290, ack 123456, win 65535, length 0", 4, TCP_RST | TCP_ACK},
	{"Flags [R.], seq 4294967290:4294967294, ack 123456, win 65535, length 4", 4, TCP_RST | TCP_ACK, 0, 4},
	{"Flags [.U], seq 4294967290:4294967294, ack 123456, win 65535, urg 3, length 4", 4, TCP_ACK | TCP_URG, 0, 4},
	{"Flags [none], win 65535, length 0", 4, 0},
	{"Flags [none], seq 4294967290:4294967293, win 65535, length 3", 4, 0, 0, 3},
	{"Flags [FSRP.UEW], seq 4294967290:4294967291, ack 123456, win 65535, urg 3, length 1", 4, 0xff, 0, 1},
	{"Flags [.E], ack 123456, win 65535, length 0", 4, TCP_ACK | TCP_ECE},
	{"Flags [.W], ack 123456, win 65535, length 0", 4, TCP_ACK | TCP_CWR},
	{"Flags [.], ack 123456, win 65535, options [nop,nop,sack 1 {1:9}], length 0",
	 4,
	 TCP_ACK,
	 12,
	 0,
	 {1, 1, 5, 10, 0, 0, 0, 1, 0, 0, 0, 9}},
	{"Flags [.], ack 123456, win 65535, options [nop,nop,sack 4 {1:2}{3:4}{4294967295:6}{7:8}], length 0",
	 4,
	 TCP_ACK,
	 36,
	 0,
	 {1, 1, 5,   34,  0,   0,   0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0,
	  0, 4, 255, 255, 255, 255, 0, 0, 0, 6, 0, 0, 0, 7, 0, 0, 0, 8}},
	{"Flags [.], ack 123456, win 65535, options [sack 0 ,nop,nop], length 0", 4, TCP_ACK, 4, 0, {5, 2, 1, 1}},
	{"Flags [.], ack 123456, win 65535, options [sack invalid sack,nop,nop,nop], length 0",
	 4,
	 TCP_ACK,
	 12,
	 0,
	 {5, 9, 1, 2, 3, 4, 5, 6, 7, 1, 1, 1}},
	{"Flags [S], seq 4294967290, win 65535, options [[bad opt]", 4, TCP_SYN, 4, 0, {2, 0, 5, 180}},
	{"Flags [S], seq 4294967290, win 65535, options [[bad opt]", 4, TCP_SYN, 4, 0, {2, 1, 5, 180}},
	{"Flags [S], seq 4294967290, win 65535, options [mss 1281[len 3],nop,nop,nop,nop], length 0",
	 4,
	 TCP_SYN,
	 8,
	 0,
	 {2, 3, 5, 1, 1, 1, 1, 1}},
	{"Flags [S], seq 4294967290, win 65535, options [mss 1460[len 5],eol], length 0",
	 4,
	 TCP_SYN,
	 8,
	 0,
	 {2, 5, 5, 180, 0, 1, 1, 1}},
	{"Flags [S], seq 4294967290, win 65535, options [wscale 4[len 2],[bad opt]]",
	 4,
	 TCP_SYN,
	 8,
	 0,
	 {3, 2, 4, 2, 1, 1, 1, 1}},
	{"Flags [S], seq 4294967290, win 65535, options [wscale 7[len 4],[bad opt]]",
	 4,
	 TCP_SYN,
	 8,
	 0,
	 {3, 4, 7, 7, 1, 1, 1, 1}},
	{"Flags [S], seq 4294967290, win 65535, options [sackOK[len 3],nop,nop], length 0",
	 4,
	 TCP_SYN,
	 4,
	 0,
	 {4, 3, 1, 1}},
	{"Flags [.], ack 123456, win 65535, options [TS val 16909060 ecr 84279553[len 8],nop,nop], length 0",
	 4,
	 TCP_ACK,
	 12,
	 0,
	 {8, 8, 1, 2, 3, 4, 5, 6, 1, 1, 1, 1}},
	{"Flags [.], ack 123456, win 65535, options [TS val 16909060 ecr 84281096[len 12],[bad opt]]",
	 4,
	 TCP_ACK,
	 12,
	 0,
	 {8, 12, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10}},
	{"Flags [.], ack 123456, win 65535, options [nop,nop,[bad opt]]", 4, TCP_ACK, 4, 0, {1, 1, 8, 10}},
	{"Flags [.], seq 4294967290:4294967294, ack 123456, win 65535, options [nop,nop,nop,[bad opt]]",
	 4,
	 TCP_ACK,
	 4,
	 4,
	 {1, 1, 1, 8}},
	{"Flags [.], ack 123456, win 65535, options [eol], length 0", 4, TCP_ACK, 4, 0, {0, 9, 9, 9}},
	{"Flags [.], ack 123456, win 65535, options [mss 1460,eol], length 0",
	 4,
	 TCP_ACK,
	 8,
	 0,
	 {2, 4, 5, 180, 0, 1, 1, 1}},
	{"Flags [.], ack 123456, win 65535, options [unknown-200 0x01020304,nop,nop], length 0",
	 4,
	 TCP_ACK,
	 8,
	 0,
	 {200, 6, 1, 2, 3, 4, 1, 1}},
	{"Flags [.], ack 123456, win 65535, options [nop,nop,[bad opt]]", 4, TCP_ACK, 4, 0, {1, 1, 200, 1}},
	{" tcp 12 [bad hdr length 16 - too short, < 20]", 4, TCP_ACK, 0, 8, {0}, 4},
	{"Flags [.] [bad hdr length 60 - too long, > 28]", 4, TCP_ACK, 0, 8, {0}, 15},
	{"Flags [.] [bad hdr length 24 - too long, > 20]", 4, TCP_ACK, 0, 0, {0}, 6},
	{"Flags [S], seq 4294967290, win 65535, options [mss 1440,sackOK,TS val 1 ecr 0,nop,wscale 7], length 0",
	 6,
	 TCP_SYN,
	 20,
	 0,
	 {2, 4, 5, 160, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7}},
	{"Flags [S.], seq 4294967290, ack 123456, win 65535, options [mss 1440], length 0",
	 6,
	 TCP_SYN | TCP_ACK,
	 4,
	 0,
	 {2, 4, 5, 160}},
	{"Flags [.], ack 123456, win 65535, length 0", 6, TCP_ACK},
	{"Flags [P.], seq 4294967290:14, ack 123456, win 65535, length 20", 6, TCP_ACK | TCP_PSH, 0, 20},
	{"Flags [F.], seq 4294967290, ack 123456, win 65535, length 0", 6, TCP_FIN | TCP_ACK},
	{"Flags [R], seq 4294967290, win 65535, length 0", 6, TCP_RST},
	{"Flags [.], ack 123456, win 65535, options [[bad opt]", 4, TCP_ACK, 4, 0, {200, 5, 1, 2}},
	/* Here tcpdump knows the option (experiments, fast open, MD5, user timeout); these lines are our own. */
	{"Flags [.], ack 123456, win 65535, options [nop,unknown-254,nop], length 0", 4, TCP_ACK, 4, 0, {1, 254, 2, 1}},
	{"Flags [S], seq 4294967290, win 65535, options [unknown-34 0x0102030405060708,nop,nop], length 0",
	 4,
	 TCP_SYN,
	 12,
	 0,
	 {34, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 1}},
	{"Flags [S], seq 4294967290, win 65535, options [nop,nop,unknown-34], length 0",
	 4,
	 TCP_SYN,
	 4,
	 0,
	 {1, 1, 34, 2}},
	{"Flags [.], ack 123456, win 65535, options [unknown-19 0x0102030405060708090a0b0c0d0e0f10,nop,nop], length 0",
	 4,
	 TCP_ACK,
	 20,
	 0,
	 {19, 18, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 1, 1}},
	{"Flags [.], ack 123456, win 65535, options [unknown-28 0x8005], length 0", 4, TCP_ACK, 4, 0, {28, 4, 0x80, 5}},
};

/* Ethernet and IP headers for n bytes of proto; @return where those begin. */
static uint8_t *
put_ip(struct frame *f, unsigned int af, uint8_t proto, unsigned int n)
{
	static const uint8_t src6[16] = { 0x20, 1, 0xd, 0xb8, [15] = 9 }, dst6[16] = { 0x20, 1, 0xd, 0xb8, [15] = 1 };
	uint8_t *ip = f->b + 14;

	memset(f, 0, sizeof(*f));
	memcpy(f->b, "\x02\0\0\0\0\x01\x02\0\0\0\0\x02", 12);
	put16(f->b + 12, af == 4 ? 0x0800 : 0x86dd);
	if (af == 4) {
		ip[0] = 0x45;
		put16(ip + 2, 20 + n);
		ip[8] = 64;
		ip[9] = proto;
		put32(ip + 12, 0xc0000209);
		put32(ip + 16, 0xc0000201);
		put16(ip + 10, ~fold(sum16(ip, 20, 0)));
		f->len = 34 + n;
		return ip + 20;
	}
	ip[0] = 0x60;
	put16(ip + 4, n);
	ip[6] = proto;
	ip[7] = 64;
	memcpy(ip + 8, src6, 16);
	memcpy(ip + 24, dst6, 16);
	f->len = 54 + n;
	return ip + 40;
}

static void
put_tcp(struct frame *f, const struct row *r)
{
	uint8_t *t = put_ip(f, r->af, 6, 20 + r->n_opt + r->n_data);

	put16(t, 40000);
	put16(t + 2, 7777);
	put32(t + 4, 4294967290u);
	put32(t + 8, 123456);
	t[12] = (r->doff ? r->doff : 5 + r->n_opt / 4) << 4;
	t[13] = r->flags;
	put16(t + 14, 65535);
	put16(t + 18, r->flags & TCP_URG ? 3 : 0);
	memcpy(t + 20, r->opt, r->n_opt);
	memset(t + 20 + r->n_opt, 'x', r->n_data);
}

/* Format the first len bytes of f from memory that ends there, into a buffer of n bytes that ends there too. */
static int
format(const struct frame *f, unsigned int len, char *line, size_t n)
{
	uint8_t *copy = malloc(len ? len : 1);
	char *out = malloc(n);
	struct rte_mbuf m;
	int rc;

	memset(&m, 0, sizeof(m));
	memcpy(copy, f->b, len);
	memset(out, 'Z', n);
	m.buf_addr = copy;
	m.buf_len = m.data_len = m.pkt_len = len;
	m.nb_segs = 1;
	rc = trace_format_pkt(&m, out, n);
	CU_ASSERT_FATAL(rc >= 0 && (size_t)rc < n && out[rc] == '\0' && strlen(out) == (size_t)rc);
	memcpy(line, out, rc + 1);
	free(copy);
	free(out);
	return rc;
}

static void
check(const struct frame *f, const char *want)
{
	char line[LINE_LEN];

	format(f, f->len, line, sizeof(line));
	if (strcmp(line, want) != 0)
		printf("\nhave: %s\nwant: %s\n", line, want);
	CU_ASSERT_STRING_EQUAL(line, want);
}

static void
test_tcp(void)
{
	char line[LINE_LEN];
	struct frame f;
	unsigned int i;

	for (i = 0; i < RTE_DIM(rows); i++) {
		put_tcp(&f, &rows[i]);
		snprintf(line, sizeof(line), "%s%s", rows[i].af == 4 ? ends4 : ends6, rows[i].text);
		check(&f, line);
	}
}

/* The frames that are not a whole TCP segment. */
enum {
	ARP_REQUEST,
	ARP_REPLY,
	ARP_PADDED,
	ECHO,
	ECHO_REPLY,
	ECHO6,
	SOLICIT6,
	ADVERT6,
	NO_PROTO,
	FRAGMENT,
	FIRST_FRAGMENT,
	IP4_OPTIONS,
	PADDED,
	OTHER_TYPE,
	N_OTHERS
};
static const char *const other_lines[N_OTHERS] = {
	[ARP_REQUEST] = "ARP, Request who-has 192.0.2.1 tell 192.0.2.9, length 28",
	[ARP_REPLY] = "ARP, Reply 192.0.2.9 is-at 02:00:00:00:00:02, length 28",
	[ARP_PADDED] = "ARP, Request who-has 192.0.2.1 tell 192.0.2.9, length 46",
	[ECHO] = "IP 192.0.2.9 > 192.0.2.1: ICMP echo request, id 7, seq 1, length 16",
	[ECHO_REPLY] = "IP 192.0.2.9 > 192.0.2.1: ICMP echo reply, id 7, seq 1, length 16",
	[ECHO6] = "IP6 2001:db8::9 > 2001:db8::1: ICMP6, echo request, id 7, seq 1, length 16",
	[SOLICIT6] = "IP6 2001:db8::9 > 2001:db8::1: ICMP6, neighbor solicitation, who has 2001:db8::1, length 32",
	[ADVERT6] = "IP6 2001:db8::9 > 2001:db8::1: ICMP6, neighbor advertisement, tgt is 2001:db8::9, length 32",
	[NO_PROTO] = "IP 192.0.2.9 > 192.0.2.1:  ip-proto-253 12",
	[FRAGMENT] = "IP 192.0.2.9 > 192.0.2.1: ip-proto-6",
	[FIRST_FRAGMENT] =
		"IP 192.0.2.9.40000 > 192.0.2.1.7777: Flags [.], seq 4294967290:2, ack 123456, win 65535, length 8",
	[IP4_OPTIONS] =
		"IP 192.0.2.9.40000 > 192.0.2.1.7777: Flags [.], seq 4294967290:2, ack 123456, win 65535, length 8",
	[PADDED] = "IP 192.0.2.9.40000 > 192.0.2.1.7777: Flags [.], ack 123456, win 65535, length 0",
	[OTHER_TYPE] = "ethertype 0x88b5, length 30", /* tcpdump: addresses and a hex dump */
};

static void
put_arp(struct frame *f, unsigned int op, unsigned int pad)
{
	uint8_t *a = f->b + 14;

	memset(f, 0, sizeof(*f));
	memset(f->b, 0xff, 6);
	memcpy(f->b + 6, "\x02\0\0\0\0\x02\x08\x06", 8);
	memcpy(a, "\0\1\x08\0\6\4\0", 7);
	a[7] = op;
	memcpy(a + 8, "\x02\0\0\0\0\x02", 6);
	put32(a + 14, 0xc0000209);
	if (op == 2)
		memcpy(a + 18, "\x02\0\0\0\0\x01", 6);
	put32(a + 24, 0xc0000201);
	f->len = 42 + pad;
}

static void
put_other(struct frame *f, unsigned int i)
{
	static const struct row ack = { .af = 4, .flags = TCP_ACK, .n_data = 8 };
	uint8_t *p;

	switch (i) {
	case ARP_REQUEST:
	case ARP_PADDED:
		put_arp(f, 1, i == ARP_PADDED ? 18 : 0);
		break;
	case ARP_REPLY:
		put_arp(f, 2, 0);
		break;
	case ECHO:
	case ECHO_REPLY:
	case ECHO6:
		p = put_ip(f, i == ECHO6 ? 6 : 4, i == ECHO6 ? 58 : 1, 16);
		p[0] = i == ECHO ? 8 : i == ECHO6 ? 128 : 0;
		put16(p + 4, 7);
		put16(p + 6, 1);
		break;
	case SOLICIT6:
	case ADVERT6:
		p = put_ip(f, 6, 58, 32);
		p[0] = i == SOLICIT6 ? 135 : 136;
		memcpy(p + 8, f->b + 14 + (i == SOLICIT6 ? 24 : 8), 16);
		memcpy(p + 24, i == SOLICIT6 ? "\1\1\2\0\0\0\0\2" : "\2\1\2\0\0\0\0\2", 8);
		break;
	case NO_PROTO:
		p = put_ip(f, 4, 253, 12); /* RFC 3692: a protocol number nobody has */
		break;
	case FRAGMENT:
	case FIRST_FRAGMENT:
		put_tcp(f, &ack);
		put16(f->b + 14 + 6, i == FRAGMENT ? 185 : 0x2000);
		memset(f->b + 14 + 10, 0, 2);
		put16(f->b + 14 + 10, ~fold(sum16(f->b + 14, 20, 0)));
		break;
	case IP4_OPTIONS:
		put_tcp(f, &ack);
		memmove(f->b + 14 + 24, f->b + 14 + 20, 28);
		memcpy(f->b + 14 + 20, "\1\1\1\0", 4);
		f->b[14] = 0x46;
		put16(f->b + 14 + 2, 24 + 28);
		f->len += 4;
		break;
	case PADDED:
		put_tcp(f, &(struct row){ .af = 4, .flags = TCP_ACK });
		f->len = 60;
		break;
	default:
		memset(f, 0, sizeof(*f));
		put16(f->b + 12, 0x88b5); /* IEEE 802's local experiments */
		f->len = 30;
	}
}

static void
test_others(void)
{
	struct frame f;
	unsigned int i;

	for (i = 0; i < N_OTHERS; i++) {
		put_other(&f, i);
		check(&f, other_lines[i]);
	}
}

/* Frames cut at every length say so, in a whole line. */
static void
test_cut(void)
{
	char line[LINE_LEN], whole[LINE_LEN];
	unsigned int i, len, l4;
	struct frame f;

	for (i = 0; i < RTE_DIM(rows) + N_OTHERS; i++) {
		if (i < RTE_DIM(rows))
			put_tcp(&f, &rows[i]);
		else
			put_other(&f, i - RTE_DIM(rows));
		format(&f, f.len, whole, sizeof(whole));
		l4 = i < RTE_DIM(rows) ? (rows[i].af == 4 ? 34 : 54) : 0;
		for (len = 0; len < f.len; len++) {
			format(&f, len, line, sizeof(line));
			CU_ASSERT(line[0] != '\0');
			if (len < 14)
				CU_ASSERT_STRING_EQUAL(line, "[|ether]");
			if (l4 && len < l4 + 20)
				CU_ASSERT_PTR_NOT_NULL(strstr(line, "[|"));
		}
	}
}

/* Any room for the line: cut, ended, never past it. */
static void
test_short_buffer(void)
{
	char line[LINE_LEN], whole[LINE_LEN];
	unsigned int i;
	struct frame f;
	size_t n;

	for (i = 0; i < RTE_DIM(rows) + N_OTHERS; i++) {
		if (i < RTE_DIM(rows))
			put_tcp(&f, &rows[i]);
		else
			put_other(&f, i - RTE_DIM(rows));
		format(&f, f.len, whole, sizeof(whole));
		for (n = 1; n <= strlen(whole) + 1; n++) {
			CU_ASSERT_EQUAL(format(&f, f.len, line, n), (int)n - 1);
			CU_ASSERT(memcmp(line, whole, n - 1) == 0);
		}
	}
}

/* Random damage at random lengths: no byte past the frame (AddressSanitizer), always one printable line. */
static void
test_fuzz(void)
{
	char line[LINE_LEN];
	unsigned int i, k;
	struct frame f;
	const char *p;

	for (i = 0; i < 200000; i++) {
		k = rnd() % (RTE_DIM(rows) + N_OTHERS);
		if (k < RTE_DIM(rows))
			put_tcp(&f, &rows[k]);
		else
			put_other(&f, k - RTE_DIM(rows));
		for (k = rnd() % 6; k > 0; k--)
			f.b[12 + rnd() % (f.len - 12)] = rnd();
		format(&f, rnd() % (f.len + 1), line, sizeof(line));
		CU_ASSERT_FATAL(line[0] != '\0');
		for (p = line; *p; p++)
			CU_ASSERT_FATAL(*p >= ' ' && *p <= '~');
	}
}

/* --- the hooks -------------------------------------------------------------------------------------------------- */

static char hooked[LINE_LEN];
static unsigned int hooked_count;

static void
on_trace(struct tern_worker *w, const char *line, void *arg)
{
	CU_ASSERT_PTR_EQUAL(arg, hooked);
	snprintf(hooked, sizeof(hooked), "%s", line);
	hooked_count++;
}

static void
test_hooks(void)
{
	struct tern_worker *w = calloc(1, sizeof(*w));
	struct rte_mbuf m;
	struct frame f;
	struct tobj o;

	CU_ASSERT_PTR_NOT_NULL_FATAL(w);
	w->conf.app.trace = on_trace;
	w->conf.app.arg = hooked;
	put_tcp(&f, &rows[0]);
	memset(&m, 0, sizeof(m));
	m.buf_addr = f.b;
	m.data_len = m.pkt_len = f.len;
	trace_pkt_hook(&w->link, &m, TERN_PACKET_OUT, 0);
	CU_ASSERT_EQUAL(hooked_count, 1);
	CU_ASSERT_EQUAL(strncmp(hooked, ends4, strlen(ends4)), 0);
	CU_ASSERT_STRING_EQUAL(hooked + strlen(ends4), rows[0].text);
	memset(&o, 0, sizeof(o));
	o.af = 4;
	put32((uint8_t *)&o.addr.laddr4, 0xc0000201);
	put32((uint8_t *)&o.addr.raddr4, 0xc0000209);
	put16((uint8_t *)&o.lport, 80);
	put16((uint8_t *)&o.rport, 40000);
	trace_state_hook(w, &o, TERN_SYN_RECEIVED, TERN_ESTABLISHED);
	CU_ASSERT_EQUAL(hooked_count, 2);
	CU_ASSERT_STRING_EQUAL(hooked, "192.0.2.1.80 > 192.0.2.9.40000: SYN_RCVD -> ESTABLISHED");
	free(w);
}

static void
test_state_names(void)
{
	CU_ASSERT_STRING_EQUAL(tern_state_name(TERN_ESTABLISHED), "ESTABLISHED");
	CU_ASSERT_STRING_EQUAL(tern_state_name(TERN_TIME_WAIT), "TIME_WAIT");
	CU_ASSERT_STRING_EQUAL(tern_state_name(TERN_LISTEN), "LISTEN");
	CU_ASSERT_STRING_EQUAL(tern_state_name(TERN_CLOSING), "CLOSING");
	CU_ASSERT_STRING_EQUAL(tern_state_name(0), "?");
	CU_ASSERT_STRING_EQUAL(tern_state_name(TERN_CLOSING + 1), "?");
}

int
main(void)
{
	static CU_TestInfo tests[] = {
		{"test_tcp", test_tcp},
		{"test_others", test_others},
		{"test_cut", test_cut},
		{"test_short_buffer", test_short_buffer},
		{"test_fuzz", test_fuzz},
		{"test_hooks", test_hooks},
		{"test_state_names", test_state_names},
		CU_TEST_INFO_NULL,
	};

	return seeded_main("trace", tests);
}
