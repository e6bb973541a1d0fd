/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Frames that are made up: segments relative to what a connection, a request or a TIME-WAIT expects, so that most are
 * nearly right; SYNs and cookies' ACKs of hosts that are nobody; ICMP errors that quote a connection; ARP and NDP. A
 * byte of 0 means what is right, so the shortest inputs are the plainest. Text is the stream's at its number, so all
 * that is read can be compared whoever sent it.
 */
#include <stdio.h>
#include "bed.h"

#define OBJECTS 32u

struct shape {
	struct flow f; /* local is tern's */
	uint32_t seq, ack, pos; /* pos: the stream's number of the first byte of text */
	uint16_t len, wnd, urp;
	uint8_t flags, tos, optlen;
	uint8_t opt[40];
};

/* --- what there is ---------------------------------------------------------------------------------------------- */

static struct tobj *objects[OBJECTS];
static unsigned int n_objects;

static void
collect(struct tobj *o, void *arg)
{
	if (n_objects < OBJECTS)
		objects[n_objects++] = o;
}

/* One of node i's table, NULL: it is empty. */
static struct tobj *
pick(unsigned int i)
{
	const uint8_t which = u8();

	n_objects = 0;
	table_walk(&bed.n[i].w->table, collect, NULL);
	return n_objects ? objects[which % n_objects] : NULL;
}

static const struct tern_conn *
conn_of(const struct tobj *o)
{
	return o->kind == TOBJ_CONN ? (const struct tern_conn *)o : NULL;
}

static uint32_t
una_of(const struct tobj *o)
{
	return conn_of(o) ? conn_of(o)->snd_una : o->snd_nxt;
}

static uint32_t
max_of(const struct tobj *o)
{
	return conn_of(o) ? conn_of(o)->snd_max : o->snd_nxt;
}

/* Where the peer's stream begins. */
static uint32_t
irs_of(const struct tobj *o)
{
	return conn_of(o) ? conn_of(o)->irs : o->rcv_nxt - 1;
}

static uint32_t
part(uint32_t from, uint32_t to)
{
	return from + (uint64_t)(to - from) * u8() / 255;
}

/* --- options ---------------------------------------------------------------------------------------------------- */

static void
put_ts(struct shape *s, uint32_t val, uint32_t ecr)
{
	if (s->optlen > 28)
		return;
	put32(s->opt + s->optlen, TCP_NOP_NOP_TS);
	put32(s->opt + s->optlen + 4, val);
	put32(s->opt + s->optlen + 8, ecr);
	s->optlen += 12;
}

static void
right_ts(struct shape *s, const struct tobj *o)
{
	const struct tern_worker *w = bed.n[0].w; /* both have one clock */
	const struct tern_conn *c = conn_of(o);

	if (c && c->feat & F_TS)
		put_ts(s, c->ts_recent + 1, w->now_ms + c->ts_off);
	else if (o->kind == TOBJ_REQ && ((const struct request *)o)->feat & F_TS)
		put_ts(s, ((const struct request *)o)->ts_recent + 1, w->now_ms + ((const struct request *)o)->ts_off);
	else if (o->kind == TOBJ_TW)
		put_ts(s, ((const struct timewait *)o)->kind_data[0] + 1, w->now_ms);
}

static void
put_sack(struct shape *s, const struct tobj *o)
{
	const uint32_t una = una_of(o), max = max_of(o);
	unsigned int n = u8() % 4 + 1, at = s->optlen;
	uint32_t l, r;
	uint8_t how;

	if (s->optlen + 4 + 8 * n > 40)
		n = (36 - s->optlen) / 8;
	s->opt[at] = s->opt[at + 1] = 1;
	s->opt[at + 2] = 5;
	s->opt[at + 3] = 2 + 8 * n;
	s->optlen += 4 + 8 * n;
	for (at += 4; n; n--, at += 8) {
		how = u8();
		if (how < 200) {
			l = part(una, max);
			r = part(l, max);
		} else if (how < 225) { /* D-SACK, or old */
			l = una - u8();
			r = l + u8();
		} else if (how < 245) { /* a segment's edges */
			l = una + u8() * (conn_of(o) ? conn_of(o)->mss : 536);
			r = l + (how & 3) * (conn_of(o) ? conn_of(o)->mss : 536);
		} else {
			l = u32();
			r = u32();
		}
		put32(s->opt + at, l);
		put32(s->opt + at + 4, r);
	}
}

static void
syn_options(struct shape *s, uint8_t which)
{
	uint8_t *p = s->opt;

	if (which & 1) {
		put16(p, 0x0204);
		put16(p + 2, which & 32 ? u16() : 1460);
		p += 4;
	}
	if (which & 2) {
		put32(p, 0x01010402);
		p += 4;
	}
	if (which & 4) {
		put32(p, 0x01030300 | (which & 64 ? u8() : 3));
		p += 4;
	}
	s->optlen = p - s->opt;
	if (which & 8)
		put_ts(s, bed.now_us / 1000, 0);
	if (which & 16) { /* Fast Open: a request, or a cookie that may be one */
		const unsigned int n = which & 128 ? 8 : 0, at = s->optlen;

		if (at + 4 + n > 40)
			return;
		s->opt[at] = 34;
		s->opt[at + 1] = 2 + n;
		s->opt[at + 2 + n] = s->opt[at + 3 + n] = 1;
		memset(s->opt + at + 2, u8(), n);
		s->optlen += 4 + n;
	}
}

static void
any_options(struct shape *s)
{
	static const uint8_t kinds[] = {0, 1, 2, 3, 4, 5, 8, 19, 29, 30, 34, 69, 253, 254};
	unsigned int i = 0, k;

	s->optlen = 4 * (u8() % 11);
	while (i < s->optlen) {
		const uint8_t a = u8();

		s->opt[i++] = kinds[a % RTE_DIM(kinds)];
		if (i < s->optlen && s->opt[i - 1] > 1)
			s->opt[i++] = a >> 5 ? 2 + (a >> 5) : u8();
		for (k = a >> 5; k && i < s->optlen; k--)
			s->opt[i++] = u8();
	}
}

static void
options(struct shape *s, const struct tobj *o)
{
	const uint8_t how = u8();

	if (s->flags & TCP_SYN) {
		syn_options(s, how ? how : 15);
		return;
	}
	if (how < 200)
		right_ts(s, o);
	if (how >= 100 && how < 180)
		put_sack(s, o);
	else if (how >= 200 && how < 220)
		put_ts(s, (conn_of(o) ? conn_of(o)->ts_recent : 0) + (int8_t)u8(), u32());
	else if (how >= 240)
		any_options(s);
}

/* --- frames ----------------------------------------------------------------------------------------------------- */

static uint8_t *
put_ip(uint8_t *p, const struct flow *f, uint8_t proto, uint8_t tos, unsigned int len, unsigned int to)
{
	const uint8_t lo = f->af == 4 ? ((const uint8_t *)&f->addr.raddr4)[3] : f->addr.raddr6[15];
	uint8_t *ip = p + 14;

	memcpy(p, "\2\0\0\0\0\0\2\0\0\0\0\0", 12);
	p[5] = to + 1;
	p[11] = lo >= GHOST ? 64 : 2 - to;
	put16(p + 12, f->af == 4 ? 0x0800 : 0x86dd);
	if (f->af == 4) {
		memset(ip, 0, 20);
		ip[0] = 0x45;
		ip[1] = tos;
		put16(ip + 2, 20 + len);
		ip[8] = 64;
		ip[9] = proto;
		memcpy(ip + 12, &f->addr.raddr4, 4);
		memcpy(ip + 16, &f->addr.laddr4, 4);
		fix_l3(p);
		return ip + 20;
	}
	memset(ip, 0, 40);
	ip[0] = 0x60 | tos >> 4;
	ip[1] = tos << 4;
	put16(ip + 4, len);
	ip[6] = proto;
	ip[7] = 64;
	memcpy(ip + 8, f->addr.raddr6, 16);
	memcpy(ip + 24, f->addr.laddr6, 16);
	return ip + 40;
}

static void
put_segment(struct pkt *k, const struct shape *s, unsigned int to)
{
	const unsigned int optlen = (s->optlen + 3u) & ~3u, n = 20 + optlen + s->len;
	uint8_t *t = put_ip(k->at, &s->f, 6, s->tos, n, to);

	memset(t, 0, 20);
	memcpy(t, &s->f.rport, 2);
	memcpy(t + 2, &s->f.lport, 2);
	put32(t + 4, s->seq);
	put32(t + 8, s->ack);
	t[12] = (20 + optlen) / 4 << 4;
	t[13] = s->flags;
	put16(t + 14, s->wnd);
	put16(t + 18, s->urp);
	memcpy(t + 20, s->opt, optlen);
	memcpy(t + 20 + optlen, text(s->pos), s->len);
	k->len = t + n - k->at;
	fix_l4(k->at, t - k->at, n, 6);
}

/* Headers between IP's and what it carries: IPv4 options, or extension headers of IPv6. */
static void
insert(struct pkt *k)
{
	const unsigned int l4 = k->at[14] >> 4 == 4 ? 34 : 54, n = 8 * (u8() % 3 + 1);
	uint8_t *h = k->at + l4;
	static const uint8_t types[] = {0, 60, 43, 44};
	unsigned int i;

	if (k->len + n > FRAME_MAX)
		return;
	memmove(h + n, h, k->len - l4);
	k->len += n;
	for (i = 0; i < n; i++)
		h[i] = u8();
	if (l4 == 34) {
		k->at[14] += n / 4;
		put16(k->at + 16, get16(k->at + 16) + n);
		fix_l3(k->at);
	} else {
		h[0] = k->at[20];
		h[1] = n / 8 - 1;
		k->at[20] = types[u8() % RTE_DIM(types)];
		put16(k->at + 18, get16(k->at + 18) + n);
	}
}

/* @return how many frames k became, in out[]. */
static unsigned int
fragment(const struct pkt *k, struct pkt *out)
{
	const bool v4 = k->at[14] >> 4 == 4;
	const unsigned int hl = v4 ? 34 : 54, fh = v4 ? 0 : 8, len = k->len - hl,
			   first = RTE_MIN(8u * (u8() % 64 + 1), len);
	static uint16_t ident;
	const uint16_t ip_id = ++ident;
	unsigned int i, off, n;
	uint8_t *p;

	for (i = 0, off = 0; i < 2 && off < len; i++, off += n) {
		n = i ? len - off : first;
		p = out[i].at;
		memcpy(p, k->at, hl);
		memcpy(p + hl + fh, k->at + hl + off, n);
		out[i].len = hl + fh + n;
		put16(p + (v4 ? 16 : 18), (v4 ? 20 : 8) + n);
		if (v4) {
			put16(p + 18, ip_id);
			put16(p + 20, off / 8 | (off + n < len ? 0x2000 : 0));
			fix_l3(p);
		} else {
			p[hl] = p[20];
			p[20] = 44;
			p[hl + 1] = 0;
			put16(p + hl + 2, off | (off + n < len));
			put32(p + hl + 4, ip_id);
		}
	}
	return i;
}

/* Bytes of the headers change; the sums are right again, or not. */
static void
mangle(struct pkt *k)
{
	unsigned int n = u8() % 4 + 1, hl;

	bed.mangled = true;
	while (n--)
		k->at[12 + u8() % (RTE_MIN(k->len, 90u) - 12)] ^= u8();
	if (u8() & 1)
		return;
	hl = k->at[14] >> 4 == 4 ? (k->at[14] & 15) * 4 : 40;
	if (hl < 20 || 14 + hl + 20 > k->len)
		return;
	fix_l3(k->at);
	fix_l4(k->at, 14 + hl, k->len - 14 - hl, 6);
}

/* It arrives, perhaps not as it was. */
static void
send_shape(unsigned int to, struct shape *s, uint8_t how)
{
	static struct pkt k[BURST];
	unsigned int n = 1;

	put_segment(&k[0], s, to);
	if (how >= 252) {
		mangle(&k[0]);
	} else if (how >= 246) {
		k[2] = k[0];
		n = fragment(&k[2], k);
		if (how & 1 && n == 2) {
			k[2] = k[0];
			k[0] = k[1];
			k[1] = k[2];
		}
	} else if (how >= 240) {
		insert(&k[0]);
	} else if (how >= 220) { /* those that follow it, in one burst */
		while (n < (how & 7) + 2u) {
			s->seq += s->len;
			s->pos += s->len;
			put_segment(&k[n++], s, to);
		}
	}
	arrive(to, k, n);
}

/* --- actions ---------------------------------------------------------------------------------------------------- */

static uint8_t
flags_of(uint8_t f)
{
	static const uint8_t usual_flags[32] = {TCP_ACK,
						TCP_ACK | TCP_PSH,
						TCP_ACK,
						TCP_ACK | TCP_PSH,
						TCP_ACK,
						TCP_ACK,
						TCP_ACK | TCP_PSH,
						TCP_ACK | TCP_FIN,
						TCP_RST,
						TCP_RST | TCP_ACK,
						TCP_SYN,
						TCP_SYN | TCP_ACK,
						TCP_ACK | TCP_URG,
						TCP_ACK | TCP_ECE,
						TCP_ACK | TCP_CWR,
						TCP_ACK,
						TCP_ACK,
						TCP_ACK,
						TCP_ACK | TCP_PSH,
						TCP_ACK,
						TCP_ACK,
						TCP_ACK,
						TCP_ACK | TCP_FIN | TCP_PSH,
						TCP_ACK,
						TCP_ACK | TCP_ECE,
						TCP_ACK,
						TCP_ACK,
						0,
						TCP_FIN,
						TCP_ACK | TCP_PSH | TCP_URG,
						TCP_ACK,
						TCP_ACK};

	return f < 240 ? usual_flags[f & 31] : u8();
}

static uint32_t
number_of(const struct tobj *o)
{
	const struct tern_conn *c = conn_of(o);
	const uint8_t how = u8();

	if (how < 128)
		return o->rcv_nxt;
	if (how < 168)
		return o->rcv_nxt + (int8_t)u8();
	if (how < 192) /* beyond a hole */
		return o->rcv_nxt + u8() * 16;
	if (how < 208)
		return o->rcv_nxt + u8() * (c ? c->rcv_mss : 536);
	if (how < 224)
		return (c ? c->rcv_adv : o->rcv_nxt + 65535) + (int8_t)u8();
	if (how < 236)
		return o->rcv_nxt - u16();
	if (how < 250)
		return o->rcv_nxt + u16();
	return u32();
}

static uint32_t
ack_of(const struct tobj *o)
{
	const uint8_t how = u8();

	if (how < 100)
		return max_of(o);
	if (how < 170)
		return part(una_of(o), max_of(o));
	if (how < 210)
		return una_of(o);
	if (how < 230)
		return una_of(o) + (int8_t)u8();
	if (how < 250)
		return max_of(o) + (int8_t)u8();
	return u32();
}

static uint16_t
len_of(const struct tobj *o)
{
	const uint8_t how = u8();

	if (how < 110)
		return 0;
	if (how < 190)
		return how - 109;
	if (how < 230)
		return RTE_MIN(conn_of(o) ? conn_of(o)->rcv_mss : 536u, 1400u);
	return u16() % 1401;
}

void
act_segment(void)
{
	const uint8_t head = u8();
	const unsigned int to = head & 1;
	struct tobj *o = pick(to);
	struct shape s = {0};
	uint8_t w;

	if (!o)
		return;
	flow_of(o, &s.f);
	s.flags = flags_of(u8());
	s.seq = number_of(o);
	s.ack = s.flags & TCP_ACK ? ack_of(o) : 0;
	s.len = len_of(o);
	s.pos = s.flags & TCP_SYN ? 1 : s.seq - irs_of(o);
	w = u8();
	s.wnd = w < 150 ? 65535 : w < 190 ? 0 : w < 220 ? w - 190 : u16();
	options(&s, o);
	s.urp = s.flags & TCP_URG ? u8() * (head & 2 ? 256 : 1) : 0;
	s.tos = head & 16 ? head >> 5 & 3 : 0;
	w = u8();
	SAY("node %u gets for %s: flags %#x seq %+d ack %+d of %d len %u wnd %u, %u bytes of options%s\n", to,
	    tern_state_name(o->state), s.flags, s.seq - o->rcv_nxt, s.ack - una_of(o), max_of(o) - una_of(o), s.len,
	    s.wnd, s.optlen,
	    w >= 252   ? ", mangled"
	    : w >= 246 ? ", in fragments"
	    : w >= 240 ? ", with more headers"
	    : w >= 220 ? ", and more"
		       : "");
	send_shape(to, &s, w);
}

/* What a peer that means well would send now. */
void
act_reply(void)
{
	const uint8_t how = u8();
	const unsigned int to = how & 1;
	struct tobj *o = pick(to);
	struct shape s = {.wnd = 65535};

	if (!o)
		return;
	flow_of(o, &s.f);
	s.flags = TCP_ACK;
	s.seq = o->rcv_nxt;
	s.ack = max_of(o);
	if (o->state == TERN_SYN_SENT) {
		s.flags |= TCP_SYN;
		s.seq = 0xffffff00 + how;
		syn_options(&s, how & 16 ? u8() : 15);
		s.pos = 1;
	} else {
		s.pos = s.seq - irs_of(o);
		right_ts(&s, o);
		if (how & 2 && o->state != TERN_SYN_RECEIVED)
			s.flags |= how & 4 ? TCP_PSH : TCP_FIN;
		s.len = how & 8 ? u16() % 1200 : 0;
	}
	SAY("node %u gets what is due for %s: flags %#x len %u\n", to, tern_state_name(o->state), s.flags, s.len);
	send_shape(to, &s, 0);
}

static void
ghost_flow(struct flow *f, unsigned int to, uint8_t who, uint16_t port)
{
	f->af = who & 1 ? 6 : 4;
	f->lport = htons(port);
	f->rport = htons(1024 + (who >> 4));
	node_addr(f->af == 4 ? (void *)&f->addr.laddr4 : f->addr.laddr6, f->af, to + 1);
	node_addr(f->af == 4 ? (void *)&f->addr.raddr4 : f->addr.raddr6, f->af, GHOST + (who >> 1 & 7) % GHOSTS);
}

/* A host that is nobody opens a connection, or many. */
void
act_syn(void)
{
	const uint8_t how = u8();
	const unsigned int to = how & 1;
	unsigned int n = how & 2 ? u8() & 31 : 1, i;
	struct shape s = {.flags = how >= 240 ? u8() : TCP_SYN, .wnd = 65535, .pos = 1};
	const uint8_t who = u8();

	s.seq = (uint32_t)u8() << 24 | 0xffff;
	if (how & 16)
		s.flags |= TCP_ECE | TCP_CWR;
	s.len = how & 8 ? u8() : 0;
	syn_options(&s, u8());
	SAY("node %u gets %u SYNs of nobody: flags %#x len %u\n", to, n, s.flags, s.len);
	for (i = 0; i < n; i++) {
		ghost_flow(&s.f, to, who + 16 * i + (i >> 3), how & 4 && i == 0 ? 80 + (how >> 5) : 80);
		send_shape(to, &s, 0);
	}
}

/* The ACK of a SYN-ACK that went to nobody, late or early: the request's, or a cookie's. */
void
act_answer(void)
{
	const uint8_t how = u8(), which = u8();
	const struct seen *k = &bed.seen[which % SEEN];
	struct shape s = {.flags = TCP_ACK, .wnd = 65535};

	if (!k->flow.af)
		return;
	s.f = k->flow;
	s.seq = k->ack + (how >= 240 ? (int8_t)u8() : 0);
	s.ack = k->seq + 1 + (how >= 248 ? (int8_t)u8() : 0);
	s.pos = 1 + (s.seq - k->ack);
	s.len = how & 2 ? u8() : 0;
	if (how & 4)
		s.flags |= TCP_FIN;
	if (k->has_ts && !(how & 8 && how & 16))
		put_ts(&s, bed.now_us / 1000 + 1, k->tsval + (how >= 252));
	SAY("node %u gets the ACK of a SYN-ACK: flags %#x len %u\n", k->node, s.flags, s.len);
	send_shape(k->node, &s, how & 32 ? u8() : 0);
}

void
act_icmp(void)
{
	const uint8_t how = u8();
	const unsigned int to = how & 1;
	struct tobj *o = pick(to);
	struct flow f;
	struct pkt k;
	uint8_t *t, *in;
	unsigned int n;

	if (!o)
		return;
	flow_of(o, &f);
	n = 8 + (f.af == 4 ? 28 : 48);
	t = put_ip(k.at, &f, f.af == 4 ? 1 : 58, 0, n, to);
	memset(t, 0, n);
	if (how < 100) { /* too big */
		t[0] = f.af == 4 ? 3 : 2;
		t[1] = f.af == 4 ? 4 : 0;
	} else {
		t[0] = how < 200 ? (f.af == 4 ? 3 : 1) : u8();
		t[1] = u8() % 16;
	}
	put16(t + 6, how & 2 ? u16() : 576 + u8() * 4);
	in = t + 8;
	in[0] = f.af == 4 ? 0x45 : 0x60;
	put16(in + (f.af == 4 ? 2 : 4), how & 4 ? u16() : 1460);
	in[f.af == 4 ? 9 : 6] = how < 250 ? 6 : u8();
	memcpy(in + (f.af == 4 ? 12 : 8), &f.addr, f.af == 4 ? 8 : 32);
	in += f.af == 4 ? 20 : 40;
	memcpy(in, &f.lport, 2);
	memcpy(in + 2, &f.rport, 2);
	put32(in + 4, how & 8 ? una_of(o) + u8() * 16 - 16 : una_of(o));
	k.len = t + n - k.at;
	fix_l4(k.at, t - k.at, n, f.af == 4 ? 1 : 58);
	SAY("node %u gets ICMP %u/%u for %s\n", to, t[0], t[1], tern_state_name(o->state));
	arrive(to, &k, 1);
}

/* ARP and NDP from the other node, or from nobody, with this or that address; or nobody answers from now on. */
void
act_neighbour(void)
{
	const uint8_t how = u8(), who = u8(), lo = how & 2 ? GHOST + (who & 7) : 2u - (how & 1);
	const unsigned int to = how & 1;
	struct flow f;
	struct pkt k;
	uint8_t *p = k.at, *t;

	if (how >= 224) {
		bed.mute = how & 2;
		return;
	}
	ghost_flow(&f, to, how & 4 ? 1 : 0, 0);
	node_addr(f.af == 4 ? (void *)&f.addr.raddr4 : f.addr.raddr6, f.af, lo);
	SAY("node %u hears of a neighbour, IPv%u\n", to, f.af);
	if (f.af == 4) {
		memcpy(p, how & 8 ? "\2\0\0\0\0" : "\377\377\377\377\377", 5);
		p[5] = how & 8 ? to + 1 : 255;
		memcpy(p + 6, "\2\0\0\0\0\0\x08\x06\0\1\x08\0\6\4\0", 15);
		p[11] = how & 16 ? who : lo;
		p[21] = how & 32 ? 1 : 2;
		memcpy(p + 22, p + 6, 6);
		memcpy(p + 28, &f.addr.raddr4, 4);
		memset(p + 32, 0, 6);
		memcpy(p + 38, how & 64 ? &f.addr.raddr4 : &f.addr.laddr4, 4);
		k.len = 42;
	} else {
		t = put_ip(p, &f, 58, 0, 32, to);
		p[21] = 255;
		memset(t, 0, 32);
		t[0] = how & 32 ? 135 : 136;
		t[4] = how & 64 ? 0x60 : 0;
		memcpy(t + 8, how & 32 ? f.addr.laddr6 : f.addr.raddr6, 16);
		t[24] = how & 32 ? 1 : 2;
		t[25] = 1;
		memcpy(t + 26, "\2\0\0\0\0", 5);
		t[31] = how & 16 ? who : lo;
		k.len = t + 32 - p;
		fix_l4(p, t - p, 32, 58);
	}
	arrive(to, &k, 1);
}

void
reset_all(unsigned int i)
{
	struct shape s = {.flags = TCP_RST};
	unsigned int k;

	n_objects = 0;
	table_walk(&bed.n[i].w->table, collect, NULL);
	for (k = 0; k < n_objects; k++) {
		if (objects[k]->kind != TOBJ_CONN)
			continue;
		flow_of(objects[k], &s.f);
		s.seq = objects[k]->rcv_nxt;
		send_shape(i, &s, 0);
	}
	turn();
}
