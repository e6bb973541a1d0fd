/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * holes DEV HOST PORT COUNT SEGMENTS: COUNT connections to HOST, each of which sends SEGMENTS segments, and before each is an
 * octet that never comes, so that none can be merged, over raw frames of DEV: 100 addresses from 192.0.2.100 on, which no kernel answers for. Says "all N" when each
 * has sent its own; on SIGTERM all leave at once, by RST.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/socket.h>

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

struct conn {
	uint64_t at_us; /* when its SYN was sent */
	uint32_t ack;
	uint16_t sent;
	uint8_t state, tries;
};

static volatile sig_atomic_t end;
static const uint8_t mac[6] = {2, 0, 0, 0, 0, 0x66};
static uint8_t host_mac[6];
static uint32_t host;
static uint16_t port;
static int fd;
static struct conn *conns;
static unsigned int n_conns, n_segs, n_done, n_gone, n_opening;

static void
on_signal(int sig)
{
	end = 1;
}

static uint64_t
now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * UINT64_C(1000000) + t.tv_nsec / 1000;
}

static void
be(uint8_t *p, uint32_t v, unsigned int bytes)
{
	while (bytes--) {
		p[bytes] = v;
		v >>= 8;
	}
}

static uint32_t
get(const uint8_t *p, unsigned int bytes)
{
	uint32_t v = 0;

	while (bytes--)
		v = v << 8 | *p++;
	return v;
}

static uint32_t
sum(const uint8_t *p, unsigned int n, uint32_t s)
{
	unsigned int i;

	for (i = 0; i + 1 < n; i += 2)
		s += p[i] << 8 | p[i + 1];
	return n & 1 ? s + (p[n - 1] << 8) : s;
}

static uint16_t
fold(uint32_t s)
{
	s = (s & 0xffff) + (s >> 16);
	return ~(s + (s >> 16));
}

static void
put_frame(const uint8_t *f, unsigned int n)
{
	while (send(fd, f, n, 0) < 0 && (errno == ENOBUFS || errno == EAGAIN)) {
		struct pollfd p = {fd, POLLOUT, 0};

		poll(&p, 1, 10);
	}
}

static uint32_t
addr_of(unsigned int i)
{
	return ADDR_FIRST + i % ADDRS;
}

/* A segment of connection i; len bytes of data, zeros. */
static void
put_segment(unsigned int i, uint8_t flags, uint32_t seq, unsigned int len)
{
	const unsigned int opt = flags & SYN ? 4 : 0, tcp = 20 + opt;
	uint8_t f[14 + 20 + 24 + PAYLOAD] = {0}, *ip = f + 14, *t = ip + 20;
	uint32_t s;

	memcpy(f, host_mac, 6);
	memcpy(f + 6, mac, 6);
	be(f + 12, ETH_P_IP, 2);
	ip[0] = 0x45;
	be(ip + 2, 20 + tcp + len, 2);
	ip[8] = 64;
	ip[9] = 6;
	be(ip + 12, addr_of(i), 4);
	be(ip + 16, host, 4);
	be(ip + 10, fold(sum(ip, 20, 0)), 2);
	be(t, PORT_FIRST + i / ADDRS, 2);
	be(t + 2, port, 2);
	be(t + 4, seq, 4);
	be(t + 8, flags & ACK ? conns[i].ack : 0, 4);
	t[12] = tcp / 4 << 4;
	t[13] = flags;
	be(t + 14, 65535, 2);
	if (opt)
		be(t + 20, 0x020405b4, 4);
	s = sum(ip + 12, 8, 6 + tcp + len);
	be(t + 16, fold(sum(t, tcp + len, s)), 2);
	put_frame(f, 14 + 20 + tcp + len);
}

/* op 1: who is HOST; 2: who we are. */
static void
put_arp(uint16_t op, const uint8_t *to, uint32_t from_addr, uint32_t to_addr)
{
	uint8_t f[42] = {0};

	memcpy(f, to, 6);
	memcpy(f + 6, mac, 6);
	be(f + 12, ETH_P_ARP, 2);
	be(f + 14, 1, 2);
	be(f + 16, ETH_P_IP, 2);
	f[18] = 6;
	f[19] = 4;
	be(f + 20, op, 2);
	memcpy(f + 22, mac, 6);
	be(f + 28, from_addr, 4);
	if (op == 2)
		memcpy(f + 32, to, 6);
	be(f + 38, to_addr, 4);
	put_frame(f, sizeof(f));
}

static void
input_arp(const uint8_t *f)
{
	const uint32_t wanted = get(f + 38, 4);

	if (get(f + 28, 4) == host)
		memcpy(host_mac, f + 22, 6);
	if (get(f + 20, 2) == 1 && wanted - ADDR_FIRST < ADDRS)
		put_arp(2, f + 22, wanted, get(f + 28, 4));
}

static void
input_tcp(const uint8_t *f)
{
	const uint8_t *ip = f + 14, *t = ip + (ip[0] & 15) * 4;
	const uint32_t i = (get(t + 2, 2) - PORT_FIRST) * ADDRS + get(ip + 16, 4) - ADDR_FIRST;
	struct conn *c = &conns[i];

	if (get(ip + 12, 4) != host || get(t, 2) != port || i >= n_conns || c->state == GONE)
		return;
	if (t[13] & RST) {
		n_opening -= c->state == OPENING;
		n_done -= c->state == DONE;
		c->state = GONE;
		n_gone++;
	} else if (c->state == OPENING && (t[13] & (SYN | ACK)) == (SYN | ACK)) {
		c->ack = get(t + 4, 4) + 1;
		c->state = SENDING;
		n_opening--;
		put_segment(i, ACK, ISS + 1, 0);
	} else if (t[13] & SYN) {
		put_segment(i, ACK, ISS + 1, 0);
	}
}

static void
input(void)
{
	uint8_t f[2048];
	ssize_t n;

	while ((n = recv(fd, f, sizeof(f), MSG_DONTWAIT)) >= 42) {
		if (memcmp(f + 6, mac, 6) == 0)
			continue;
		if (get(f + 12, 2) == ETH_P_ARP)
			input_arp(f);
		else if (n >= 54 && get(f + 12, 2) == ETH_P_IP && f[23] == 6 && memcmp(f, mac, 6) == 0)
			input_tcp(f);
	}
}

static void
step(unsigned int i, uint64_t now)
{
	struct conn *c = &conns[i];
	unsigned int k;

	if ((c->state == NEW && n_opening < AT_ONCE) || (c->state == OPENING && now - c->at_us > AGAIN_US && c->tries < 5)) {
		n_opening += c->state == NEW;
		c->state = OPENING;
		c->at_us = now;
		c->tries++;
		put_segment(i, SYN, ISS, 0);
	} else if (c->state == OPENING && now - c->at_us > AGAIN_US) {
		n_opening--;
		n_gone++;
		c->state = GONE;
	} else if (c->state == SENDING) {
		for (k = 0; k < SEGS_A_TURN && c->sent < n_segs; k++)
			put_segment(i, ACK, ISS + 2 + (PAYLOAD + 1) * c->sent++, PAYLOAD);
		if (c->sent == n_segs) {
			c->state = DONE;
			n_done++;
		}
	}
}

static void
open_device(const char *name)
{
	struct sockaddr_ll at = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = if_nametoindex(name)};
	const int size = 4 << 20;

	fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
	if (fd < 0 || !at.sll_ifindex || bind(fd, (struct sockaddr *)&at, sizeof(at)))
		err(1, "%s", name);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
}

static void
learn_mac(void)
{
	static const uint8_t everybody[6] = {255, 255, 255, 255, 255, 255}, none[6];
	struct pollfd p = {fd, POLLIN, 0};
	unsigned int i, k;

	for (i = 0; i < 50 && memcmp(host_mac, none, 6) == 0 && !end; i++) {
		put_arp(1, everybody, ADDR_FIRST, host);
		poll(&p, 1, 100);
		input();
	}
	if (memcmp(host_mac, none, 6) == 0)
		errx(1, "no answer to ARP");
	for (k = 0; k < ADDRS; k++)
		put_arp(1, everybody, ADDR_FIRST + k, host);
}

int
main(int argc, char **argv)
{
	struct sigaction sa = {.sa_handler = on_signal};
	struct pollfd p = {.events = POLLIN};
	unsigned int i;
	bool all = false;
	uint64_t now, told = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc != 6)
		errx(1, "holes DEV HOST PORT COUNT SEGMENTS");
	host = ntohl(inet_addr(argv[2]));
	port = atoi(argv[3]);
	n_conns = atoi(argv[4]);
	n_segs = atoi(argv[5]);
	conns = calloc(n_conns, sizeof(*conns));
	sigaction(SIGTERM, &sa, NULL);
	open_device(argv[1]);
	learn_mac();
	p.fd = fd;
	while (!end) {
		now = now_us();
		for (i = 0; i < n_conns && !all; i++) {
			if (i % AT_ONCE == 0)
				input();
			step(i, now);
		}
		if (n_done + n_gone == n_conns && !all) {
			all = true;
			printf("all %u gone %u\n", n_done, n_gone);
		}
		if (now - told > 1000000) {
			told = now;
			printf("connected %u opening %u gone %u\n", n_done, n_opening, n_gone);
		}
		poll(&p, 1, all ? 100 : 1);
		input();
	}
	for (i = 0; i < n_conns; i++) {
		if (conns[i].state != GONE && conns[i].state != NEW)
			put_segment(i, RST, ISS + 1, 0);
		if (i % AT_ONCE == 0)
			input();
	}
	printf("left %u gone %u\n", n_done, n_gone);
	return 0;
}
