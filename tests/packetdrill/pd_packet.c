/* SPDX-License-Identifier: BSD-3-Clause */
/* pdrun's packets: segments and ICMP messages built from what a script says, segments taken apart and compared with
 * it. */
#include <stdio.h>
#include <string.h>
#include "pd_wire.h"

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
		pd_fail(run.e, "the packet is too long");
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
	pd_put_ip(buf, false, 6, tos, l4);
	put16(t + 16, ~l4_sum(buf, t, l4, 6));
	pd_input(buf, l3 + l4);
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
	pd_put_ip(q, true, 6, 0, 20 + p->len);
	put16(q + l3, run.lport);
	put16(q + l3 + 2, run.rport);
	put32(q + l3 + 4, run.isn + p->seq - run.script_isn);
	pd_put_ip(buf, false, v4 ? 1 : 58, 0, l4);
	put16(c + 2, ~(v4 ? fold(sum16(c, l4, 0)) : l4_sum(buf, c, l4, 58)));
	pd_input(buf, l3 + l4);
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

const char *
pd_parse(const struct datagram *d, struct segment *g)
{
	const uint8_t *ip = d->ip, *t;
	size_t hl, l3, tot;
	const char *what = pd_check_ip(d, &l3, &tot);

	memset(g, 0, sizeof(*g));
	if (what)
		return what;
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

void
pd_print(const struct pd_packet *p)
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

void
pd_relate(struct pd_packet *p)
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

const char *
pd_differs(const struct pd_packet *want, const struct segment *g)
{
	const struct pd_packet *got = &g->p;

	if (want->flags != got->flags)
		return "flags";
	if (want->seq != got->seq || want->len != got->len)
		return "sequence numbers";
	if (run.s->mss && got->len > run.s->mss)
		return "longer than --mss";
	if (want->flags & ACK && want->ack != got->ack)
		return "acknowledgement";
	if (want->has_wnd && want->wnd != got->wnd)
		return "window";
	if (want->flags & URG && want->urg != got->urg)
		return "urgent pointer";
	if (want->ecn && want->ecn != got->ecn)
		return "ECN codepoint";
	for (uint32_t i = 0; i < got->len; i++)
		if (g->data[i] != pat(got->seq - run.script_isn + !!(want->flags & SYN) + i))
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

void
pd_send(const struct pd_packet *p)
{
	if (p->is_icmp)
		send_icmp(p);
	else
		send_tcp(p);
}
