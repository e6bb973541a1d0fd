/* SPDX-License-Identifier: BSD-3-Clause */
#include <err.h>
#include <stdlib.h>
#include <string.h>
#include <linux/if_ether.h>
#include "raw.h"

#define ADDRS 100u
#define ADDR_FIRST 0xc0000264u /* 192.0.2.100 */
#define PORT_FIRST 20000u
#define PAYLOAD 64u
#define ISS 1000u
#define AT_ONCE 64u /* handshakes */
#define AGAIN_US 1000000u
#define SEGS_A_TURN 32u

enum { FIN = 1, SYN = 2, RST = 4, ACK = 16 };
enum { NEW, OPENING, SENDING, DONE, GONE };

struct tern_conn {
	uint64_t at_us; /* when its SYN was sent */
	uint32_t ack;
	uint16_t sent;
	uint8_t state, tries;
};

const uint8_t raw_mac[6] = {2, 0, 0, 0, 0, 0x66};
static const uint8_t everybody[6] = {255, 255, 255, 255, 255, 255};
static uint8_t host_mac[6];
static struct tern_conn *conns;

void
raw_be(uint8_t *p, uint32_t v, unsigned int bytes)
{
	while (bytes--) {
		p[bytes] = v;
		v >>= 8;
	}
}

uint32_t
raw_get(const uint8_t *p, unsigned int bytes)
{
	uint32_t v = 0;

	while (bytes--)
		v = v << 8 | *p++;
	return v;
}

/* The Internet checksum, from a sum on. */
uint16_t
raw_sum(const uint8_t *p, unsigned int n, uint32_t s)
{
	unsigned int i;

	for (i = 0; i + 1 < n; i += 2)
		s += p[i] << 8 | p[i + 1];
	s += n & 1 ? p[n - 1] << 8 : 0;
	s = (s & 0xffff) + (s >> 16);
	return ~(s + (s >> 16));
}

static uint32_t
addr_of(unsigned int i)
{
	return ADDR_FIRST + i % ADDRS;
}

/* A segment of connection i; len bytes of data, zeros. */
static bool
put_segment(const struct raw *r, unsigned int i, uint8_t flags, uint32_t seq, unsigned int len)
{
	const unsigned int opt = flags & SYN ? 4 : 0, tcp = 20 + opt;
	uint8_t f[RAW_FRAME_MAX] = {0}, *ip = f + 14, *t = ip + 20;
	uint32_t s;

	memcpy(f, host_mac, 6);
	memcpy(f + 6, raw_mac, 6);
	raw_be(f + 12, ETH_P_IP, 2);
	ip[0] = 0x45;
	raw_be(ip + 2, 20 + tcp + len, 2);
	ip[8] = 64;
	ip[9] = 6;
	raw_be(ip + 12, addr_of(i), 4);
	raw_be(ip + 16, r->host, 4);
	raw_be(ip + 10, raw_sum(ip, 20, 0), 2);
	raw_be(t, PORT_FIRST + i / ADDRS, 2);
	raw_be(t + 2, r->port, 2);
	raw_be(t + 4, seq, 4);
	raw_be(t + 8, flags & ACK ? conns[i].ack : 0, 4);
	t[12] = tcp / 4 << 4;
	t[13] = flags;
	raw_be(t + 14, 65535, 2);
	if (opt)
		raw_be(t + 20, 0x020405b4, 4);
	s = raw_get(ip + 12, 2) + raw_get(ip + 14, 2) + raw_get(ip + 16, 2) + raw_get(ip + 18, 2) + 6 + tcp + len;
	raw_be(t + 16, raw_sum(t, tcp + len, s), 2);
	return r->put(f, 14 + 20 + tcp + len);
}

/* op 1: who is HOST; 2: who we are. */
static void
put_arp(const struct raw *r, uint16_t op, const uint8_t *to, uint32_t from_addr, uint32_t to_addr)
{
	uint8_t f[42] = {0};

	memcpy(f, to, 6);
	memcpy(f + 6, raw_mac, 6);
	raw_be(f + 12, ETH_P_ARP, 2);
	raw_be(f + 14, 1, 2);
	raw_be(f + 16, ETH_P_IP, 2);
	f[18] = 6;
	f[19] = 4;
	raw_be(f + 20, op, 2);
	memcpy(f + 22, raw_mac, 6);
	raw_be(f + 28, from_addr, 4);
	if (op == 2)
		memcpy(f + 32, to, 6);
	raw_be(f + 38, to_addr, 4);
	r->put(f, sizeof(f));
}

void
raw_ask(const struct raw *r)
{
	put_arp(r, 1, everybody, ADDR_FIRST, r->host);
}

void
raw_announce(const struct raw *r)
{
	for (unsigned int k = 0; k < ADDRS; k++)
		put_arp(r, 1, everybody, ADDR_FIRST + k, r->host);
}

void
raw_init(struct raw *r)
{
	conns = calloc(r->n, sizeof(*conns));
	if (!conns)
		err(1, "connections");
}

static void
input_arp(struct raw *r, const uint8_t *f)
{
	const uint32_t wanted = raw_get(f + 38, 4);

	if (raw_get(f + 28, 4) == r->host) {
		memcpy(host_mac, f + 22, 6);
		r->answers += raw_get(f + 20, 2) == 2;
	}
	if (raw_get(f + 20, 2) == 1 && wanted - ADDR_FIRST < ADDRS)
		put_arp(r, 2, f + 22, wanted, raw_get(f + 28, 4));
}

static void
input_tcp(struct raw *r, const uint8_t *f)
{
	const uint8_t *ip = f + 14, *t = ip + (ip[0] & 15) * 4;
	const uint32_t i = (raw_get(t + 2, 2) - PORT_FIRST) * ADDRS + raw_get(ip + 16, 4) - ADDR_FIRST;
	struct tern_conn *c = &conns[i];

	if (raw_get(ip + 12, 4) != r->host || raw_get(t, 2) != r->port || i >= r->n || c->state == GONE)
		return;
	if (t[13] & RST) {
		r->opening -= c->state == OPENING;
		r->done -= c->state == DONE;
		c->state = GONE;
		r->gone++;
	} else if (c->state == OPENING && (t[13] & (SYN | ACK)) == (SYN | ACK)) {
		c->ack = raw_get(t + 4, 4) + 1;
		c->state = SENDING;
		r->opening--;
		put_segment(r, i, ACK, ISS + 1, 0);
	} else if (t[13] & SYN) {
		put_segment(r, i, ACK, ISS + 1, 0);
	}
}

void
raw_input(struct raw *r, const uint8_t *f, unsigned int n)
{
	if (n < 42 || memcmp(f + 6, raw_mac, 6) == 0)
		return;
	if (raw_get(f + 12, 2) == ETH_P_ARP)
		input_arp(r, f);
	else if (n >= 54 && raw_get(f + 12, 2) == ETH_P_IP && f[23] == 6 && memcmp(f, raw_mac, 6) == 0)
		input_tcp(r, f);
}

void
raw_step(struct raw *r, unsigned int i, uint64_t now)
{
	struct tern_conn *c = &conns[i];
	unsigned int k;

	if ((c->state == NEW && r->opening < AT_ONCE) ||
	    (c->state == OPENING && now - c->at_us > AGAIN_US && c->tries < 5)) {
		if (!put_segment(r, i, SYN, ISS, 0))
			return;
		r->opening += c->state == NEW;
		c->state = OPENING;
		c->at_us = now;
		c->tries++;
	} else if (c->state == OPENING && now - c->at_us > AGAIN_US) {
		r->opening--;
		r->gone++;
		c->state = GONE;
	} else if (c->state == SENDING) {
		for (k = 0; k < SEGS_A_TURN && c->sent < r->segs; k++, c->sent++)
			if (!put_segment(r, i, ACK, ISS + 2 + (PAYLOAD + 1) * c->sent, PAYLOAD))
				return;
		if (c->sent == r->segs) {
			c->state = DONE;
			r->done++;
		}
	}
}

bool
raw_leave(struct raw *r, unsigned int i)
{
	if (conns[i].state == GONE || conns[i].state == NEW)
		return true;
	return put_segment(r, i, RST, ISS + 1, 0);
}
