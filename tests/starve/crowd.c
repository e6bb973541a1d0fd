/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * crowd send|get HOST PORT COUNT      COUNT connections that send (or ask for a large page) and never read crowd live
 * http|echo|serve|discard HOST PORT COUNT   COUNT requests, one after the other, each on a connection of its own
 *
 * The kernel's TCP. A crowd says "connected N" each second and "all N" once nothing is outstanding, stays until
 * SIGTERM, and leaves all at once: what is unread makes a reset. The lively client prints "done N failed N p50 US p99
 * US".
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include "until.h"

#define AT_ONCE 256 /* connections being opened */
#define RCVBUF 4096
#define TIMEOUT_S 5
#define SIZE 64u /* of a request and a response, as --role serve has them */
#define EVENTS 256

static struct sockaddr_in to = {.sin_family = AF_INET};
static char bulk[65536];

/* --- the crowd ------------------------------------------------------------------------------------------------ */

static unsigned int opening, connected, gone;

static bool
join(int epoll)
{
	const int size = RCVBUF;
	struct epoll_event e = {.events = EPOLLOUT | EPOLLET};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	if (fd < 0)
		err(1, "socket");
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) && errno != EINPROGRESS) {
		close(fd);
		return false;
	}
	e.data.fd = fd;
	epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e);
	opening++;
	return true;
}

/* What it can: a request, or all that the socket takes. seen[fd]: it was connected. */
static void
act(int fd, uint32_t events, bool get, bool *seen)
{
	static const char request[] = "GET /10m.bin HTTP/1.1\r\nHost: a\r\n\r\n";

	if (events & (EPOLLERR | EPOLLHUP)) {
		opening -= !seen[fd];
		connected -= seen[fd];
		seen[fd] = false;
		gone++;
		close(fd);
		return;
	}
	if (!seen[fd]) {
		opening--;
		connected++;
	} else if (get) {
		return;
	}
	seen[fd] = true;
	if (get && send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL) < 0)
		return;
	while (!get && send(fd, bulk, sizeof(bulk), MSG_NOSIGNAL) > 0)
		;
}

static int
crowd(bool get, unsigned int n)
{
	struct rlimit lim = {n + 1024, n + 1024};
	struct epoll_event ev[EVENTS];
	bool *seen = calloc(n + 2048, 1), all = false;
	uint64_t told_us = now_us();
	unsigned int begun = 0;
	int i, k, epoll = epoll_create1(0);

	setrlimit(RLIMIT_NOFILE, &lim);
	if (!seen || epoll < 0)
		err(1, "crowd");
	while (!end) {
		while (begun < n && opening < AT_ONCE && join(epoll))
			begun++;
		k = epoll_wait(epoll, ev, EVENTS, 100);
		for (i = 0; i < k; i++)
			act(ev[i].data.fd, ev[i].events, get, seen);
		if (now_us() - told_us > 1000000) {
			told_us = now_us();
			printf("connected %u opening %u gone %u\n", connected, opening, gone);
		}
		if (!all && begun == n && !opening) {
			all = true;
			printf("all %u gone %u\n", connected, gone);
		}
	}
	printf("left %u gone %u\n", connected, gone);
	return 0;
}

/* --- the lively client ----------------------------------------------------------------------------------------- */

static bool
exchange(int fd, const char *kind)
{
	static const char page[] = "GET /index.html HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
	const bool http = strcmp(kind, "http") == 0, discard = strcmp(kind, "discard") == 0;
	const unsigned int n = http ? sizeof(page) - 1 : SIZE;
	char buf[4096];
	unsigned int got = 0;
	ssize_t k;

	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) || send(fd, http ? page : bulk, n, MSG_NOSIGNAL) != n)
		return false;
	if (discard)
		shutdown(fd, SHUT_WR);
	while ((k = recv(fd, buf, sizeof(buf), 0)) > 0) {
		got += k;
		if (!http && got >= SIZE)
			break;
	}
	if (discard)
		return k == 0 && got == 0;
	return http ? k == 0 && got > SIZE : got == SIZE;
}

static int
by_size(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static int
live(const char *kind, unsigned int n)
{
	const struct timeval limit = {.tv_sec = TIMEOUT_S};
	uint64_t *us = calloc(n + 1, sizeof(*us)), t;
	unsigned int i, failed = 0, done = 0;
	int fd;

	if (!us)
		err(1, "live");
	for (i = 0; i < n && !end; i++) {
		fd = socket(AF_INET, SOCK_STREAM, 0);
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
		t = now_us();
		if (exchange(fd, kind))
			us[done++] = now_us() - t;
		else
			failed++;
		close(fd);
	}
	failed += n - i;
	qsort(us, done, sizeof(*us), by_size);
	printf("done %u failed %u p50 %lu p99 %lu\n", done, failed, us[done / 2], us[done * 99 / 100]);
	return failed != 0;
}

int
main(int argc, char **argv)
{
	struct sigaction sa = {.sa_handler = on_signal};
	const bool is_live = argc == 6 && strcmp(argv[1], "live") == 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!is_live && argc != 5)
		errx(1, "crowd send|get HOST PORT COUNT, crowd live http|echo|serve|discard HOST PORT COUNT");
	if (inet_pton(AF_INET, argv[argc - 3], &to.sin_addr) != 1)
		errx(1, "%s is no IPv4 address", argv[argc - 3]);
	to.sin_port = htons(atoi(argv[argc - 2]));
	sigaction(SIGTERM, &sa, NULL);
	return is_live ? live(argv[2], atoi(argv[5])) : crowd(strcmp(argv[1], "get") == 0, atoi(argv[4]));
}
