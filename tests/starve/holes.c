/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * holes DEV HOST PORT COUNT SEGMENTS: COUNT connections to HOST, each of which parks SEGMENTS segments behind holes
 * (raw.h), over raw frames of DEV: of addresses that no kernel answers for. Says "all N" when each has sent its own;
 * on SIGTERM all leave at once.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/socket.h>
#include "raw.h"
#include "until.h"

#define INPUT_EACH 64u /* steps */
#define ASK_EACH 1024u /* frames: so many may be in the device's queue, which has room for others then */
#define ASK_WAIT_MS 200

static int fd;
static unsigned int n_put;

static bool
put_frame(const uint8_t *f, unsigned int n)
{
	n_put++;
	while (send(fd, f, n, 0) < 0 && (errno == ENOBUFS || errno == EAGAIN)) {
		struct pollfd p = {fd, POLLOUT, 0};

		poll(&p, 1, 10);
	}
	return true;
}

static void
input(struct raw *r)
{
	uint8_t f[2048];
	ssize_t n;

	while ((n = recv(fd, f, sizeof(f), MSG_DONTWAIT)) > 0)
		raw_input(r, f, n);
}

static void
open_device(const char *name)
{
	struct sockaddr_ll at = {
		.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = if_nametoindex(name)};
	const int size = 4 << 20;

	fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
	if (fd < 0 || !at.sll_ifindex || bind(fd, (struct sockaddr *)&at, sizeof(at)))
		err(1, "%s", name);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
}

/* @return true: HOST has received all that was sent. */
static bool
ask(struct raw *r)
{
	const unsigned int before = r->answers;
	struct pollfd p = {fd, POLLIN, 0};
	const uint64_t until = now_us() + ASK_WAIT_MS * 1000;

	n_put = 0;
	raw_ask(r);
	while (r->answers == before && now_us() < until) {
		poll(&p, 1, ASK_WAIT_MS);
		input(r);
	}
	return r->answers != before;
}

static void
learn_mac(struct raw *r)
{
	unsigned int i;

	for (i = 0; i < 25 && !end; i++) {
		if (ask(r)) {
			raw_announce(r);
			return;
		}
	}
	errx(1, "no answer to ARP");
}

static void
stay(struct raw *r)
{
	struct pollfd p = {fd, POLLIN, 0};
	unsigned int i;
	bool all = false;
	uint64_t now, told = 0;

	while (!end) {
		now = now_us();
		for (i = 0; i < r->n && !all; i++) {
			if (i % INPUT_EACH == 0)
				input(r);
			raw_step(r, i, now);
			if (n_put >= ASK_EACH)
				ask(r);
		}
		if (r->done + r->gone == r->n && !all) {
			all = true;
			printf("all %u gone %u\n", r->done, r->gone);
		}
		if (now - told > 1000000) {
			told = now;
			printf("connected %u opening %u gone %u\n", r->done, r->opening, r->gone);
		}
		poll(&p, 1, all ? 100 : 1);
		input(r);
	}
}

int
main(int argc, char **argv)
{
	struct sigaction sa = {.sa_handler = on_signal};
	struct raw r = {.put = put_frame};
	unsigned int i;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc != 6)
		errx(1, "holes DEV HOST PORT COUNT SEGMENTS");
	r.host = ntohl(inet_addr(argv[2]));
	r.port = atoi(argv[3]);
	r.n = atoi(argv[4]);
	r.segs = atoi(argv[5]);
	raw_init(&r);
	sigaction(SIGTERM, &sa, NULL);
	open_device(argv[1]);
	learn_mac(&r);
	stay(&r);
	for (i = 0; i < r.n; i++) {
		raw_leave(&r, i);
		if (i % INPUT_EACH == 0)
			input(&r);
	}
	printf("left %u gone %u\n", r.done, r.gone);
	return 0;
}
