/* SPDX-License-Identifier: BSD-3-Clause */
#include <err.h>
#include <stdlib.h>
#include <string.h>
#include <linux/if_ether.h>
#include "../random.h"
#include "foe.h"
#include "raw.h"

#define FEW 64u       /* connections for SACK, and for segments out of order */
#define BURST_MAX 4u /* of a kind, in a turn */
#define AGAIN_US 1000000u
#define REQUEST 64u /* of role serve */
#define REQUESTS (16 * REQUEST)
#define HOST 0xc0000201u
#define HERE 0u /* third words of addresses in 2001:db8::/32 */
#define OWN 1u
#define FORGED 2u

enum { FIN = 1, SYN = 2, RST = 4, ACK = 16 };
enum { NEW, OPENING, UP };
enum { ICMP6 = 58, SOLICITATION = 135, ADVERTISEMENT };

struct peer {
	uint32_t snd, acked; /* what it sends next; what of that was acknowledged */
	uint32_t una, max;   /* what it has acknowledged; what it has seen */
	uint64_t at_us;      /* of its SYN */
	uint8_t state;
};

/* A segment: of 2001:db8:net::host, or over IPv4 of host. */
struct shot {
	bool v6;
	uint32_t net, host;
	uint16_t sport, wnd;
	uint8_t flags;
	uint32_t seq, ack;
	unsigned int optlen, len;
	uint8_t opt[40];
};

#define X(symbol, name, rate) [FOE_##symbol] = name,
const char *const foe_name[FOE_N] = {FOE_KINDS(X)};
#undef X
#define X(symbol, name, rate) [FOE_##symbol] = rate,
static const uint32_t per_s[FOE_N] = {FOE_KINDS(X)};
#undef X

static const uint8_t server_mac[6] = {2, 0, 0, 0, 0, 1};
static struct peer *peers;
static unsigned int n_peers, cursor[FOE_N];
static uint64_t rng, done[FOE_N], now;
static bool leaving;

static uint32_t
below(uint32_t n)
{
	return (random_next(&rng) >> 32) * n >> 32;
}

static bool
shoot(struct foe *f, enum foe_kind kind, const uint8_t *frame, unsigned int len)
{
	const bool ok = f->put(frame, len);

	f->sent[kind] += ok;
	f->full += !ok;
	return ok;
}

/* @return where the payload of len bytes goes. */
static uint8_t *
head6(uint8_t *f, uint32_t net, uint32_t host, uint8_t proto, unsigned int len)
{
	uint8_t *ip = f + 14;

	memcpy(f, server_mac, 6);
	memcpy(f + 6, raw_mac, 6);
	raw_be(f + 12, ETH_P_IPV6, 2);
	ip[0] = 0x60;
	raw_be(ip + 4, len, 2);
	ip[6] = proto;
	ip[7] = proto == ICMP6 ? 255 : 64;
	raw_be(ip + 8, 0x20010db8, 4);
	raw_be(ip + 12, net << 16, 4);
	raw_be(ip + 20, host, 4);
	raw_be(ip + 24, 0x20010db8, 4);
	ip[39] = 1;
	return ip + 40;
}

static uint8_t *
head4(uint8_t *f, uint32_t src, uint8_t proto, unsigned int len)
{
	uint8_t *ip = f + 14;

	memcpy(f, server_mac, 6);
	memcpy(f + 6, raw_mac, 6);
	raw_be(f + 12, ETH_P_IP, 2);
	ip[0] = 0x45;
	raw_be(ip + 2, 20 + len, 2);
	ip[8] = 64;
	ip[9] = proto;
	raw_be(ip + 12, src, 4);
	raw_be(ip + 16, HOST, 4);
	return ip + 20;
}

static uint32_t
words(const uint8_t *p, unsigned int n)
{
	uint32_t s = 0;

	for (unsigned int i = 0; i < n; i += 2)
		s += p[i] << 8 | p[i + 1];
	return s;
}

static bool
segment(struct foe *f, enum foe_kind kind, const struct shot *s)
{
	const unsigned int tcp = 20 + s->optlen, n = tcp + s->len;
	uint8_t frame[14 + 40 + 60 + REQUESTS] = {0}, *ip = frame + 14, *t;

	t = s->v6 ? head6(frame, s->net, s->host, 6, n) : head4(frame, s->host, 6, n);
	if (!s->v6)
		raw_be(ip + 10, raw_sum(ip, 20, 0), 2);
	raw_be(t, s->sport, 2);
	raw_be(t + 2, f->port, 2);
	raw_be(t + 4, s->seq, 4);
	raw_be(t + 8, s->flags & ACK ? s->ack : 0, 4);
	t[12] = tcp / 4 << 4;
	t[13] = s->flags;
	raw_be(t + 14, s->wnd, 2);
	memcpy(t + 20, s->opt, s->optlen);
	raw_be(t + 16, raw_sum(t, n, n + 6 + (s->v6 ? words(ip + 8, 32) : words(ip + 12, 8))), 2);
	return shoot(f, kind, frame, t + n - frame);
}

/* --- floods: what is forged and never answers --------------------------------------------------------------------- */

/* Somebody far away, or a victim over IPv4: then often of a connection that there is, only the numbers are guessed. */
static struct shot
forged(const struct foe *f, uint8_t flags, bool victim)
{
	struct shot s = {.v6 = !victim, .net = FORGED, .flags = flags, .wnd = 65535};

	s.host = victim ? HOST + 1 + below(f->victims) : (uint32_t)random_next(&rng);
	s.sport = 1024 + below(64512);
	if (victim && f->live && below(2)) {
		s.host = f->live;
		s.sport = f->live_port;
	}
	s.seq = random_next(&rng);
	s.ack = random_next(&rng);
	return s;
}

static void
syn(struct foe *f)
{
	struct shot s = forged(f, SYN, false);

	s.optlen = 4;
	raw_be(s.opt, 0x020405a0, 4);
	segment(f, FOE_SYN, &s);
}

static void
rst(struct foe *f)
{
	const struct shot s = forged(f, RST, true);

	segment(f, FOE_RST, &s);
}

static void
ack(struct foe *f)
{
	const struct shot s = forged(f, ACK, below(2));

	segment(f, FOE_ACK, &s);
}

/* The first or a later part of a ping that is never whole. */
static void
fragment(struct foe *f)
{
	const unsigned int len = 8 + 8 * below(160);
	uint8_t frame[14 + 20 + 8 * 160 + 8] = {0}, *ip = frame + 14;

	head4(frame, (below(2) ? 0xc6336400 : 0xcb007100) + 1 + below(254), 1, len); /* RFC 5737 */
	raw_be(ip + 4, random_next(&rng), 2);
	raw_be(ip + 6, 0x2000 | (below(2) ? 185 : 0), 2);
	raw_be(ip + 10, raw_sum(ip, 20, 0), 2);
	ip[20] = 8;
	shoot(f, FOE_FRAGMENT, frame, 34 + len);
}

static void
put_arp(struct foe *f, enum foe_kind kind, uint16_t op, uint32_t from, uint16_t mac)
{
	uint8_t frame[60] = {0};

	memset(frame, 255, 6);
	memcpy(frame + 6, raw_mac, 6);
	raw_be(frame + 9, mac, 2);
	raw_be(frame + 12, ETH_P_ARP, 2);
	raw_be(frame + 14, 1, 2);
	raw_be(frame + 16, ETH_P_IP, 2);
	frame[18] = 6;
	frame[19] = 4;
	raw_be(frame + 20, op, 2);
	memcpy(frame + 22, frame + 6, 6);
	raw_be(frame + 28, from, 4);
	if (op == 2) {
		memcpy(frame, server_mac, 6);
		memcpy(frame + 32, server_mac, 6);
	}
	raw_be(frame + 38, HOST, 4);
	shoot(f, kind, frame, sizeof(frame));
}

/* A neighbour asks who the server is: each time another one, of those addresses that are nobody's. */
static void
arp(struct foe *f)
{
	put_arp(f, FOE_ARP, 1, HOST + f->victims + 1 + below(FOE_GW - f->victims - 2), random_next(&rng));
}

/* A solicitation for the server of a random neighbour, or the gateway's advertisement. */
static void
put_nd(struct foe *f, enum foe_kind kind, uint8_t type, uint32_t host, uint16_t mac)
{
	const unsigned int n = 32;
	uint8_t frame[14 + 40 + 32] = {0}, *ip = frame + 14, *p = head6(frame, HERE, host, ICMP6, n);

	raw_be(frame + 9, mac, 2);
	p[0] = type;
	raw_be(p + 8, 0x20010db8, 4);
	raw_be(p + 20, type == SOLICITATION ? 1 : host, 4);
	p[24] = type == SOLICITATION ? 1 : 2;
	p[25] = 1;
	memcpy(p + 26, frame + 6, 6);
	if (type == SOLICITATION) { /* to the server's solicited-node address */
		memcpy(frame, "\x33\x33\xff\0\0\1", 6);
		memcpy(ip + 24, "\xff\2\0\0\0\0\0\0\0\0\0\1\xff\0\0\1", 16);
	} else {
		p[4] = 0x60; /* solicited, override */
	}
	raw_be(p + 2, raw_sum(p, n, n + ICMP6 + words(ip + 8, 32)), 2);
	shoot(f, kind, frame, sizeof(frame));
}

static void
nd(struct foe *f)
{
	put_nd(f, FOE_ND, SOLICITATION, 0x10000 | random_next(&rng), random_next(&rng));
}

/* --- connections of its own --------------------------------------------------------------------------------------- */

static enum foe_kind
kind_of(const struct foe *f, unsigned int i)
{
	return i < f->stress ? FOE_STRESS : i < f->stress + FEW ? FOE_SACK : FOE_ORDER;
}

static struct shot
by_peer(unsigned int i, uint8_t flags)
{
	const struct peer *p = &peers[i];

	return (struct shot){.v6 = true,
			     .net = OWN,
			     .host = i,
			     .sport = 20000,
			     .wnd = 65535,
			     .flags = flags,
			     .seq = p->snd,
			     .ack = p->una};
}

static void
open_peer(struct foe *f, unsigned int i)
{
	const enum foe_kind kind = kind_of(f, i);
	struct peer *p = &peers[i];
	struct shot s;

	if (p->state == NEW)
		p->snd = random_next(&rng);
	p->state = OPENING;
	p->at_us = now;
	s = by_peer(i, SYN);
	s.optlen = kind == FOE_STRESS ? 4 : 8;
	raw_be(s.opt, kind == FOE_SACK ? 0x02040064 : 0x020405a0, 4);
	raw_be(s.opt + 4, 0x01010402, 4); /* SACK permitted */
	segment(f, kind, &s);
}

/* Requests whose answers it will not read: the window is shut. Again and again, so that it stays. */
static void
stress(struct foe *f, unsigned int i, unsigned int len)
{
	struct shot s = by_peer(i, ACK);

	s.wnd = 0;
	s.len = len;
	if (segment(f, FOE_STRESS, &s))
		peers[i].snd += len;
}

/* Small segments, of which it has here one and there one, each time others; then it has all, and asks again. */
static void
sack(struct foe *f, unsigned int i)
{
	struct peer *p = &peers[i];
	const uint32_t flight = p->max - p->una;
	struct shot s;
	unsigned int k;
	uint32_t from;

	if (p->acked != p->snd || flight < 2 || below(8) == 0) {
		p->una = p->max;
		p->snd = p->acked;
		s = by_peer(i, ACK);
		s.len = REQUESTS;
		if (segment(f, FOE_SACK, &s))
			p->snd += s.len;
		return;
	}
	s = by_peer(i, ACK);
	s.optlen = 4 + 3 * 8;
	raw_be(s.opt, 0x0101051a, 4);
	for (k = 0; k < 3; k++) {
		from = p->una + 1 + below(flight - 1);
		raw_be(s.opt + 4 + 8 * k, from, 4);
		raw_be(s.opt + 8 + 8 * k, from + 1 + below(p->max - from), 4);
	}
	segment(f, FOE_SACK, &s);
}

/* Segments behind holes, in any order; now and then the first hole is filled. */
static void
order(struct foe *f, unsigned int i)
{
	struct shot s = by_peer(i, ACK);

	s.len = REQUEST;
	s.seq = peers[i].acked;
	s.ack = peers[i].una = peers[i].max;
	if (below(512))
		s.seq += 1 + (REQUEST + 1) * below(900);
	segment(f, FOE_ORDER, &s);
}

static void
step(struct foe *f, enum foe_kind kind, unsigned int first, unsigned int n)
{
	const unsigned int i = first + cursor[kind]++ % n;
	struct peer *p = &peers[i];

	if (p->state == NEW || (p->state == OPENING && now - p->at_us > AGAIN_US))
		open_peer(f, i);
	else if (p->state == OPENING)
		return;
	else if (kind == FOE_STRESS)
		stress(f, i, 0);
	else if (kind == FOE_SACK)
		sack(f, i);
	else
		order(f, i);
}

static void
input_tcp(struct foe *f, const uint8_t *ip, const uint8_t *t)
{
	const uint32_t i = raw_get(ip + 36, 4), seq = raw_get(t + 4, 4), acked = raw_get(t + 8, 4);
	const unsigned int len = raw_get(ip + 4, 2) - (t[12] >> 4) * 4;
	struct peer *p = &peers[i];
	struct shot s;

	if (raw_get(ip + 28, 4) != OWN << 16 || i >= n_peers)
		return;
	if (t[13] & RST) {
		f->up[kind_of(f, i)] -= p->state == UP;
		p->state = NEW;
		f->resets++;
	} else if (leaving) {
		s = by_peer(i, RST);
		s.seq = acked;
		segment(f, kind_of(f, i), &s);
	} else if ((t[13] & (SYN | ACK)) == (SYN | ACK) && p->state == OPENING) {
		p->state = UP;
		p->snd = p->acked = acked;
		p->una = p->max = seq + 1;
		f->up[kind_of(f, i)]++;
		if (i < f->stress)
			stress(f, i, REQUEST);
		else
			step(f, kind_of(f, i), i, 1);
	} else if (p->state == UP) {
		p->acked = acked;
		if ((int32_t)(seq + len - p->max) > 0)
			p->max = seq + len;
		if (i < f->stress && (len || seq != p->una)) /* a probe: it is still there */
			stress(f, i, 0);
	}
}

/* --- all ---------------------------------------------------------------------------------------------------------- */

void
foe_init(struct foe *f, uint64_t seed)
{
	rng = seed;
	n_peers = f->stress + 2 * FEW;
	peers = calloc(n_peers, sizeof(*peers));
	if (!peers)
		err(1, "connections");
}

static void
one(struct foe *f, enum foe_kind kind)
{
	static void (*const flood[FOE_N])(struct foe *) = {[FOE_SYN] = syn,           [FOE_RST] = rst, [FOE_ACK] = ack,
							   [FOE_FRAGMENT] = fragment, [FOE_ARP] = arp, [FOE_ND] = nd};

	if (flood[kind])
		flood[kind](f);
	else if (kind == FOE_STRESS)
		step(f, kind, 0, f->stress);
	else
		step(f, kind, f->stress + (kind == FOE_ORDER) * FEW, FEW);
}

void
foe_turn(struct foe *f, uint64_t us)
{
	unsigned int k, n;

	now = us;
	for (k = 0; k < FOE_N; k++)
		for (n = 0; n < BURST_MAX && done[k] < us * per_s[k] / 1000000; n++, done[k]++)
			one(f, k);
}

void
foe_input(struct foe *f, const uint8_t *frame, unsigned int len)
{
	const uint8_t *ip = frame + 14;
	const uint32_t type = raw_get(frame + 12, 2);

	f->answers++;
	if (type == ETH_P_ARP && raw_get(frame + 38, 4) == HOST - 1 + FOE_GW)
		put_arp(f, FOE_ARP, 2, HOST - 1 + FOE_GW, raw_get(raw_mac + 3, 2));
	else if (type == ETH_P_IPV6 && len >= 78 && ip[6] == ICMP6 && ip[40] == SOLICITATION && ip[63] == FOE_GW6)
		put_nd(f, FOE_ND, ADVERTISEMENT, FOE_GW6, raw_get(raw_mac + 3, 2));
	else if (type == ETH_P_IPV6 && len >= 74 && ip[6] == 6)
		input_tcp(f, ip, ip + 40);
}

void
foe_leave(struct foe *f)
{
	leaving = true;
	for (unsigned int k = 0; k < BURST_MAX; k++) {
		const unsigned int i = cursor[FOE_STRESS]++ % n_peers;
		struct shot s = by_peer(i, RST);

		s.seq = peers[i].acked;
		if (peers[i].state != NEW && !segment(f, kind_of(f, i), &s))
			return;
	}
}
