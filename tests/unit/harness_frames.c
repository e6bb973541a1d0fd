/* SPDX-License-Identifier: BSD-3-Clause */
/* The test bed's frames: tern's are taken apart and checked, the scripted peer's are built, both are printed. */
#include "harness_frames.h"

bool tracing;

static void
parse_options(struct frame *f, const uint8_t *p, unsigned int n)
{
	unsigned int i = 0;

	f->ws = -1;
	f->optlen = n;
	memcpy(f->opt, p, n);
	while (i < n && p[i] != 0) {
		const unsigned int len = p[i] == 1 ? 1 : i + 1 < n ? p[i + 1] : 0;

		if (len == 0 || i + len > n || (p[i] != 1 && len < 2)) {
			check_at(false, __FILE__, __LINE__, "malformed option of kind %u in tern's segment", p[i]);
			return;
		}
		if (p[i] == 2 && len == 4)
			f->mss = get16(p + i + 2);
		else if (p[i] == 3 && len == 3)
			f->ws = p[i + 2];
		else if (p[i] == 4 && len == 2)
			f->sack_ok = true;
		else if (p[i] == 8 && len == 10)
			f->has_ts = true, f->tsval = get32(p + i + 2), f->tsecr = get32(p + i + 6);
		else if (p[i] == 5)
			for (unsigned int j = 2; j + 8 <= len && f->n_sack < 4; j += 8, f->n_sack++) {
				f->sack[2 * f->n_sack] = get32(p + i + j);
				f->sack[2 * f->n_sack + 1] = get32(p + i + j + 4);
			}
		i += len;
	}
}

bool
parse_frame(const uint8_t *p, uint16_t n, struct frame *f)
{
	const uint8_t *ip = p + 14, *t;
	uint16_t hl, tot;

	memset(f, 0, offsetof(struct frame, data));
	if (get16(p + 12) == 0x0800 && ip[9] == 6) {
		f->af = 4;
		hl = (ip[0] & 15) * 4;
		tot = get16(ip + 2);
		f->ttl = ip[8];
		f->df = ip[6] & 0x40;
		f->ip_id = get16(ip + 4);
		f->tos = ip[1];
		check_at(fold(sum16(ip, hl, 0)) == 0xffff, __FILE__, __LINE__, "IPv4 header checksum of tern's packet");
	} else if (get16(p + 12) == 0x86dd && ip[6] == 6) {
		f->af = 6;
		hl = 40;
		tot = 40 + get16(ip + 4);
		f->ttl = ip[7];
		f->tos = ip[0] << 4 | ip[1] >> 4;
	} else {
		return false;
	}
	if (!check_at(14 + tot <= n && tot >= hl + 20, __FILE__, __LINE__, "IP length %u in a frame of %u", tot, n))
		return false;
	t = ip + hl;
	check_at(l4_sum(ip, t, tot - hl, 6) == 0xffff, __FILE__, __LINE__, "TCP checksum of tern's segment");
	f->sport = get16(t);
	f->dport = get16(t + 2);
	f->seq = get32(t + 4);
	f->ack = get32(t + 8);
	f->flags = t[13];
	f->wnd = get16(t + 14);
	f->urp = get16(t + 18);
	f->len = tot - hl - (t[12] >> 4) * 4;
	check_at(((t[12] & 15) == 0), __FILE__, __LINE__, "reserved bits are set in tern's segment");
	parse_options(f, t + 20, (t[12] >> 4) * 4 - 20);
	memcpy(f->data, t + (t[12] >> 4) * 4, f->len);
	return true;
}

static unsigned int
build_options(uint8_t *o, uint8_t flags)
{
	unsigned int n = 0;

	if (peer.optlen) {
		memcpy(o, peer.opt, peer.optlen);
		n = peer.optlen;
		peer.optlen = 0;
		return (n + 3) & ~3u;
	}
	if (flags & SYN) {
		if (peer.mss) {
			put16(o, 0x0204);
			put16(o + 2, peer.mss);
			n = 4;
		}
		if (peer.ws >= 0) {
			put32(o + n, 0x01030300 | peer.ws);
			n += 4;
		}
		if (peer.sack) {
			put32(o + n, 0x01010402);
			n += 4;
		}
	}
	if (peer.ts) {
		put32(o + n, 0x0101080a);
		put32(o + n + 4, peer.tsval);
		put32(o + n + 8, flags & ACK ? peer.tsecr : 0);
		n += 12;
	}
	return n;
}

void
local6(uint8_t *a, uint8_t lo)
{
	memcpy(a, net6, 16);
	a[15] = lo;
}

static void
endpoint(struct tern_endpoint *e, uint8_t lo, uint16_t port)
{
	memset(e, 0, sizeof(*e));
	e->af = bed.af;
	e->port = htons(port);
	if (bed.af == 4)
		memcpy(e->addr, net4, 4), e->addr[3] = lo;
	else
		local6(e->addr, lo);
}

void
tern_addr(struct tern_endpoint *e, uint16_t port)
{
	endpoint(e, 1, port);
}

void
peer_addr(struct tern_endpoint *e, uint16_t port)
{
	endpoint(e, 2, port);
}

static uint8_t *
build_ip(uint8_t *ip, uint16_t l4_len)
{
	if (bed.af == 4) {
		memset(ip, 0, 20);
		ip[0] = 0x45;
		ip[1] = peer.tos;
		put16(ip + 2, 20 + l4_len);
		ip[8] = 64;
		ip[9] = 6;
		memcpy(ip + 12, net4, 4);
		ip[15] = peer.addr_lo;
		memcpy(ip + 16, net4, 4);
		ip[19] = 1;
		put16(ip + 10, ~fold(sum16(ip, 20, 0)));
		return ip + 20;
	}
	memset(ip, 0, 40);
	ip[0] = 0x60 | peer.tos >> 4;
	ip[1] = peer.tos << 4;
	put16(ip + 4, l4_len);
	ip[6] = 6;
	ip[7] = 64;
	local6(ip + 8, peer.addr_lo);
	local6(ip + 24, 1);
	return ip + 40;
}

uint16_t
peer_build(uint8_t *p, uint8_t flags, uint32_t seq, uint32_t ack, uint32_t len)
{
	uint8_t opt[60] = {0}, *t;
	const unsigned int optlen = build_options(opt, flags);

	memcpy(p, macs[0], 6);
	memcpy(p + 6, macs[1], 6);
	put16(p + 12, bed.af == 4 ? 0x0800 : 0x86dd);
	t = build_ip(p + 14, 20 + optlen + len);
	memset(t, 0, 20);
	put16(t, peer.port);
	put16(t + 2, peer.tern_port);
	put32(t + 4, peer.iss + seq);
	put32(t + 8, flags & ACK ? peer.irs + ack : 0);
	t[12] = (20 + optlen) / 4 << 4;
	t[13] = flags;
	put16(t + 14, peer.wnd);
	put16(t + 18, peer.urp);
	memcpy(t + 20, opt, optlen);
	for (uint32_t i = 0; i < len; i++)
		t[20 + optlen + i] = pat(seq + i + (flags & SYN ? 1 : 0));
	put16(t + 16, ~l4_sum(p + 14, t, 20 + optlen + len, 6) ^ peer.bad_cksum);
	peer.bad_cksum = false;
	return t + 20 + optlen + len - p;
}

void
trace(const struct frame *f, const char *dir)
{
	char fl[9];
	unsigned int n = 0;

	if (!tracing)
		return;
	for (unsigned int i = 0; i < 6; i++)
		if (f->flags >> i & 1)
			fl[n++] = "FSRPAU"[i];
	fl[n] = 0;
	printf("  %12.6f %s %u>%u %-5s seq %u (%d) ack %u (%d) len %u wnd %u%s\n", bed.now_us / 1e6, dir, f->sport,
	       f->dport, fl, f->seq, (int32_t)(f->seq - (*dir == '<' ? peer.irs : peer.iss)), f->ack,
	       (int32_t)(f->ack - (*dir == '<' ? peer.iss : peer.irs)), f->len, f->wnd, f->has_ts ? " ts" : "");
}
