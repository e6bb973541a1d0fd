/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The lines of `tcpdump -n -t -S`, from the frame alone: headers, flags, absolute numbers, options. Reads only what is
 * inside the first segment; what does not parse is said to be truncated, never guessed. Options other than those of
 * RFC 9293, 7323 and 2018 are shown in hex, payload is not looked into, other frames are only named.
 */
#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <rte_arp.h>
#include <rte_byteorder.h>
#include "tcp/call.h"
#include "tcp/opt.h"
#include "stack/trace.h"

struct line {
	char *buf;
	size_t n, len;
};

__attribute__((format(printf, 2, 3))) static void
add(struct line *l, const char *fmt, ...)
{
	va_list ap;
	int k;

	va_start(ap, fmt);
	k = vsnprintf(l->buf + l->len, l->n - l->len, fmt, ap);
	va_end(ap);
	if (k > 0)
		l->len = RTE_MIN(l->len + k, l->n - 1);
}

static uint32_t
be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3];
}

/* One option of `len` bytes, as its kind lays it out, which a wrong length does not change. @return bytes shown; 0:
 * more than the `room` of the header. */
static unsigned int
add_option(struct line *l, const uint8_t *p, unsigned int len, unsigned int room)
{
	static const uint8_t sizes[] = {[TCP_OPT_MSS] = 4, [TCP_OPT_WS] = 3, [TCP_OPT_SACK_OK] = 2, [TCP_OPT_TS] = 10};
	static const char *const names[] = {[TCP_OPT_MSS] = "mss",
					  [TCP_OPT_WS] = "wscale",
					  [TCP_OPT_SACK_OK] = "sackOK",
					  [TCP_OPT_SACK] = "sack",
					  [TCP_OPT_TS] = "TS"};
	const bool known = p[0] < RTE_DIM(names) && names[p[0]];
	unsigned int size = known && p[0] != TCP_OPT_SACK ? sizes[p[0]] : len, i;

	if (known)
		add(l, "%s", names[p[0]]);
	else
		add(l, "unknown-%u", p[0]);
	if (size > room)
		return 0;
	if (p[0] == TCP_OPT_MSS)
		add(l, " %u", p[2] << 8 | p[3]);
	else if (p[0] == TCP_OPT_WS)
		add(l, " %u", p[2]);
	else if (p[0] == TCP_OPT_TS)
		add(l, " val %u ecr %u", be32(p + 2), be32(p + 6));
	else if (p[0] == TCP_OPT_SACK && (len - 2) % 8)
		add(l, " invalid sack");
	else if (p[0] == TCP_OPT_SACK)
		add(l, " %u ", (len - 2) / 8);
	else if (!known && len > 2)
		add(l, " 0x");
	for (i = 2; i < size && p[0] == TCP_OPT_SACK && (len - 2) % 8 == 0; i += 8)
		add(l, "{%u:%u}", be32(p + i), be32(p + i + 4));
	for (i = 2; i < size && !known; i++)
		add(l, "%02x", p[i]);
	if (size != len)
		add(l, "[len %u]", len);
	return size;
}

/* @return false: bad lengths, no more to say */
static bool
add_options(struct line *l, const uint8_t *p, unsigned int n)
{
	unsigned int i = 0, len, used;

	add(l, ", options [");
	while (i < n) {
		if (i)
			add(l, ",");
		if (p[i] == TCP_OPT_END) {
			add(l, "eol");
			break;
		}
		if (p[i] == TCP_OPT_NOP) {
			add(l, "nop");
			i++;
			continue;
		}
		len = i + 1 < n ? p[i + 1] : 0;
		used = len < 2 || i + len > n ? 0 : add_option(l, p + i, len, n - i);
		if (!used) {
			add(l, i ? "[bad opt]]" : "[bad opt]"); /* so does tcpdump */
			return false;
		}
		i += used;
	}
	add(l, "]");
	return true;
}

static void
add_flags(struct line *l, uint8_t flags)
{
	static const struct {
		uint8_t bit;
		char c;
	} names[] = {{TCP_FIN, 'F'}, {TCP_SYN, 'S'}, {TCP_RST, 'R'}, {TCP_PSH, 'P'},
		     {TCP_ACK, '.'}, {TCP_URG, 'U'}, {TCP_ECE, 'E'}, {TCP_CWR, 'W'}};
	unsigned int i;

	add(l, ": Flags [");
	for (i = 0; i < RTE_DIM(names); i++)
		if (flags & names[i].bit)
			add(l, "%c", names[i].c);
	add(l, flags ? "]" : "none]");
}

static void
add_tcp(struct line *l, const struct rte_mbuf *m, uint32_t off, uint32_t l4_len)
{
	const struct rte_tcp_hdr *t = pkt_at(m, off, sizeof(*t));
	const uint32_t hlen = t ? (t->data_off >> 4) * 4u : 0;
	uint32_t len, seq;

	if (!t || l4_len < sizeof(*t)) {
		add(l, ": [|tcp]");
		return;
	}
	if (hlen < sizeof(*t)) {
		add(l, ":  tcp %u [bad hdr length %u - too short, < 20]", l4_len - hlen, hlen);
		return;
	}
	if (hlen > l4_len) {
		add_flags(l, t->tcp_flags);
		add(l, " [bad hdr length %u - too long, > %u]", hlen, l4_len);
		return;
	}
	len = l4_len - hlen;
	seq = rte_be_to_cpu_32(t->sent_seq);
	add_flags(l, t->tcp_flags);
	if (len)
		add(l, ", seq %u:%u", seq, seq + len);
	else if (t->tcp_flags & (TCP_SYN | TCP_FIN | TCP_RST))
		add(l, ", seq %u", seq);
	if (t->tcp_flags & TCP_ACK)
		add(l, ", ack %u", rte_be_to_cpu_32(t->recv_ack));
	add(l, ", win %u", rte_be_to_cpu_16(t->rx_win));
	if (t->tcp_flags & TCP_URG)
		add(l, ", urg %u", rte_be_to_cpu_16(t->tcp_urp));
	if (!pkt_at(m, off, hlen)) {
		add(l, ", options [|tcp]");
		return;
	}
	if (hlen > sizeof(*t) && !add_options(l, (const uint8_t *)(t + 1), hlen - sizeof(*t)))
		return;
	add(l, ", length %u", len);
}

static void
add_addr(struct line *l, unsigned int af, const void *addr)
{
	char s[INET6_ADDRSTRLEN];

	add(l, "%s", inet_ntop(af == 4 ? AF_INET : AF_INET6, addr, s, sizeof(s)));
}

static void
add_ends(struct line *l, unsigned int af, const void *src, const void *dst, const struct rte_tcp_hdr *t)
{
	add_addr(l, af, src);
	if (t)
		add(l, ".%u", rte_be_to_cpu_16(t->src_port));
	add(l, " > ");
	add_addr(l, af, dst);
	if (t)
		add(l, ".%u", rte_be_to_cpu_16(t->dst_port));
}

static void
add_icmp(struct line *l, const struct rte_mbuf *m, uint32_t off, uint32_t len, bool six)
{
	const uint8_t *p = pkt_at(m, off, 8), *target = pkt_at(m, off + 8, 16);
	const uint8_t type = p ? p[0] : 255;

	add(l, six ? ": ICMP6" : ": ICMP");
	if (type == (six ? 128 : 8) || type == (six ? 129 : 0)) {
		add(l, "%s echo %s, id %u", six ? "," : "", type == 8 || type == 128 ? "request" : "reply",
		    p[4] << 8 | p[5]);
		add(l, ", seq %u", p[6] << 8 | p[7]);
	} else if (six && target && (type == 135 || type == 136)) { /* RFC 4861 4.3, 4.4 */
		add(l, type == 135 ? ", neighbor solicitation, who has " : ", neighbor advertisement, tgt is ");
		add_addr(l, 6, target);
	}
	add(l, ", length %u", len);
}

static void
add_ip(struct line *l, const struct rte_mbuf *m, unsigned int af, uint32_t off)
{
	const struct rte_ipv4_hdr *ip4 = af == 4 ? pkt_at(m, off, sizeof(*ip4)) : NULL;
	const struct rte_ipv6_hdr *ip6 = af == 6 ? pkt_at(m, off, sizeof(*ip6)) : NULL;
	uint32_t l4, len, end;
	bool later = false; /* not the first fragment */
	uint8_t proto;

	add(l, af == 4 ? "IP " : "IP6 ");
	if (!ip4 && !ip6) {
		add(l, af == 4 ? "[|ip]" : "[|ip6]");
		return;
	}
	if (ip4) {
		l4 = off + (ip4->version_ihl & 15) * 4u;
		end = off + rte_be_to_cpu_16(ip4->total_length);
		proto = ip4->next_proto_id;
		later = ip4->fragment_offset & RTE_BE16(0x1fff);
	} else {
		l4 = off + sizeof(*ip6);
		end = l4 + rte_be_to_cpu_16(ip6->payload_len);
		proto = ip6->proto;
	}
	len = end - RTE_MIN(end, l4);
	if (end > m->pkt_len)
		add(l, "truncated-ip%s - %u bytes missing! ", af == 4 ? "" : "6", end - m->pkt_len);
	add_ends(l, af, ip4 ? (const void *)&ip4->src_addr : ip6->src_addr,
		 ip4 ? (const void *)&ip4->dst_addr : ip6->dst_addr,
		 proto == IPPROTO_TCP && !later ? pkt_at(m, l4, sizeof(struct rte_tcp_hdr)) : NULL);
	if (later)
		add(l, ": ip-proto-%u", proto);
	else if (proto == IPPROTO_TCP)
		add_tcp(l, m, l4, len);
	else if (proto == IPPROTO_ICMP || proto == IPPROTO_ICMPV6)
		add_icmp(l, m, l4, len, proto == IPPROTO_ICMPV6);
	else
		add(l, ":  ip-proto-%u %u", proto, len);
}

static void
add_arp(struct line *l, const struct rte_mbuf *m)
{
	const struct rte_arp_hdr *a = pkt_at(m, RTE_ETHER_HDR_LEN, sizeof(*a));
	const uint8_t *mac;

	add(l, "ARP, ");
	if (!a) {
		add(l, "[|arp]");
		return;
	}
	mac = a->arp_data.arp_sha.addr_bytes;
	if (a->arp_opcode == RTE_BE16(RTE_ARP_OP_REQUEST)) {
		add(l, "Request who-has ");
		add_addr(l, 4, &a->arp_data.arp_tip);
		add(l, " tell ");
		add_addr(l, 4, &a->arp_data.arp_sip);
	} else {
		add(l, "Reply ");
		add_addr(l, 4, &a->arp_data.arp_sip);
		add(l, " is-at %02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
	}
	add(l, ", length %u", m->pkt_len - RTE_ETHER_HDR_LEN);
}

int
trace_format_pkt(const struct rte_mbuf *m, char *buf, size_t n)
{
	const struct rte_ether_hdr *eth = pkt_at(m, 0, sizeof(*eth));
	struct line l = {.buf = buf, .n = n};

	buf[0] = '\0';
	if (!eth)
		add(&l, "[|ether]");
	else if (eth->ether_type == RTE_BE16(RTE_ETHER_TYPE_IPV4))
		add_ip(&l, m, 4, sizeof(*eth));
	else if (eth->ether_type == RTE_BE16(RTE_ETHER_TYPE_IPV6))
		add_ip(&l, m, 6, sizeof(*eth));
	else if (eth->ether_type == RTE_BE16(RTE_ETHER_TYPE_ARP))
		add_arp(&l, m);
	else
		add(&l, "ethertype 0x%04x, length %u", rte_be_to_cpu_16(eth->ether_type), m->pkt_len);
	return (int)l.len;
}

void
trace_pkt_hook(struct link *k, const struct rte_mbuf *m, enum tern_packet_what what, unsigned int n)
{
	struct tern_worker *w = worker_of(k);
	const struct tern_app *app = &w->conf.app;
	const struct tern_packet p = {.what = what, .m = m, .ifidx = n, .reason = what == TERN_PACKET_DROP ? n : 0};
	char buf[512];

	if (app->packet && !w->no_packet && !app->packet(w, &p, app->arg))
		return;
	if (!app->trace || w->no_trace || what > TERN_PACKET_OUT)
		return;
	trace_format_pkt(m, buf, sizeof(buf)); /* source and destination say the direction, as in tcpdump */
	app->trace(w, buf, app->arg);
}

void
trace_state_hook(struct tern_worker *w, const struct tobj *o, unsigned int from, unsigned int to)
{
	const struct tern_app *app = &w->conf.app;
	struct tern_packet p = {.what = TERN_PACKET_STATE, .from = from, .to = to, .m = w->input};
	char buf[160];
	struct line l = {.buf = buf, .n = sizeof(buf)};

	tobj_ends(o, &p.local, &p.remote);
	if (app->packet && !w->no_packet && !app->packet(w, &p, app->arg))
		return;
	if (!app->trace || w->no_trace)
		return;
	add_addr(&l, o->af, p.local.addr);
	add(&l, ".%u > ", rte_be_to_cpu_16(o->lport));
	add_addr(&l, o->af, p.remote.addr);
	add(&l, ".%u: %s -> %s", rte_be_to_cpu_16(o->rport), tern_state_name(from), tern_state_name(to));
	app->trace(w, buf, app->arg);
}

void
trace_set(struct tern_worker *w, bool trace, bool packet)
{
	const struct tern_app *app = &w->conf.app;
	const bool on = (trace && app->trace) || (packet && app->packet);

	w->no_trace = !trace;
	w->no_packet = !packet;
	w->trace_pkt = on ? trace_pkt_hook : NULL;
	w->trace_state = on ? trace_state_hook : NULL;
}

void
tern_trace_set(struct tern_worker *w, bool trace, bool packet)
{
	CALL_ON(w);
	trace_set(w, trace, packet);
}

const char *
tern_state_name(unsigned int state)
{
	static const char *const names[] = {
		"?",	     "ESTABLISHED", "SYN_SENT",	  "SYN_RCVD", "FIN_WAIT_1", "FIN_WAIT_2",
		"TIME_WAIT", "CLOSED",	    "CLOSE_WAIT", "LAST_ACK", "LISTEN",	    "CLOSING",
	};

	return state < RTE_DIM(names) ? names[state] : "?";
}
