/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What suite_run.py measures of single calls, on the kernel's sockets or, by `tern run`, on tern's:
 *   calls serve PORT                     cycles of recv() with text waiting, of epoll_wait() with an event ready
 *   calls fill ADDR PORT                 its peer: writes and waits for the end
 *   calls echo PORT                      a byte comes back
 *   calls ping ADDR PORT N GAP_US        us until it does, N times, with GAP_US of silence before each: median, 99 %
 *   calls ask ADDR PORT SECONDS CONNS REQUEST END   REQUEST again and again on CONNS connections, each answered by END
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <rte_cycles.h>

#define TEXT 60000
#define ROUNDS 7
#define CALLS 5000 /* a round; ROUNDS of them leave text over */

static int
check(int rc, const char *what)
{
	if (rc < 0) {
		perror(what);
		exit(1);
	}
	return rc;
}

static int
by_value(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double
now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
}

static int
accepted(const char *port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(atoi(port))};
	const int fd = check(socket(AF_INET, SOCK_STREAM, 0), "socket"), one = 1;

	check(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)), "setsockopt");
	check(bind(fd, (struct sockaddr *)&a, sizeof(a)), "bind");
	check(listen(fd, 16), "listen");
	puts("listening");
	fflush(stdout);
	return check(accept(fd, NULL, NULL), "accept");
}

static int
connected(char **argv)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1]))};
	const int fd = check(socket(AF_INET, SOCK_STREAM, 0), "socket"), one = 1;

	inet_pton(AF_INET, argv[0], &a.sin_addr);
	check(connect(fd, (struct sockaddr *)&a, sizeof(a)), "connect");
	check(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)), "setsockopt");
	return fd;
}

/* @return the median of ROUNDS, in cycles of one call. */
static double
cycles(int (*call)(int fd), int fd)
{
	double each[ROUNDS];

	for (int k = 0; k < ROUNDS; k++) {
		const uint64_t start = rte_rdtsc();

		for (int i = 0; i < CALLS; i++)
			check(call(fd) == 1 ? 0 : -1, "nothing was ready");
		each[k] = (double)(rte_rdtsc() - start) / CALLS;
	}
	qsort(each, ROUNDS, sizeof(*each), by_value);
	return each[ROUNDS / 2];
}

static int
recv_one(int fd)
{
	char c;

	return recv(fd, &c, 1, 0);
}

static int
wait_one(int set)
{
	struct epoll_event e;

	return epoll_wait(set, &e, 1, -1);
}

static int
serve(char **argv)
{
	const int fd = accepted(argv[0]), set = check(epoll_create1(0), "epoll_create1");
	struct epoll_event e = {.events = EPOLLIN};
	int waiting = 0;
	double wait, receive;

	check(epoll_ctl(set, EPOLL_CTL_ADD, fd, &e), "epoll_ctl");
	while (waiting < TEXT) {
		check(epoll_wait(set, &e, 1, 1000), "epoll_wait");
		check(ioctl(fd, FIONREAD, &waiting), "FIONREAD");
	}
	wait = cycles(wait_one, set);
	receive = cycles(recv_one, fd);
	printf("recv %.0f epoll_wait %.0f\n", receive, wait);
	return 0;
}

static int
fill(char **argv)
{
	const int fd = connected(argv);
	char text[TEXT] = "";

	for (ssize_t n = 0; n < TEXT;)
		n += check(write(fd, text + n, TEXT - n), "write");
	return read(fd, text, 1) > 0;
}

static int
echo(char **argv)
{
	const int fd = accepted(argv[0]);
	char c;

	while (recv(fd, &c, 1, 0) == 1)
		check(send(fd, &c, 1, 0), "send");
	return 0;
}

static int
ping(char **argv)
{
	const int fd = connected(argv), n = atoi(argv[2]);
	double *us = calloc(n, sizeof(*us));
	char c = 'x';

	for (int i = 0; i < n; i++) {
		double start;

		usleep(atoi(argv[3]));
		start = now_us();
		check(send(fd, &c, 1, 0), "send");
		if (recv(fd, &c, 1, 0) != 1)
			return 1;
		us[i] = now_us() - start;
	}
	qsort(us, n, sizeof(*us), by_value);
	printf("half %.1f us, 99 %% %.1f us\n", us[n / 2], us[n * 99 / 100]);
	return 0;
}

static int
ask(char **argv)
{
	const int conns = atoi(argv[3]), set = check(epoll_create1(0), "epoll_create1");
	const char *request = argv[4], *end = argv[5];
	const size_t size = strlen(request), end_size = strlen(end);
	const double until = now_us() + atof(argv[2]) * 1e6;
	uint64_t done = 0;

	for (int i = 0; i < conns; i++) {
		struct epoll_event e = {.events = EPOLLIN, .data.fd = connected(argv)};

		check(epoll_ctl(set, EPOLL_CTL_ADD, e.data.fd, &e), "epoll_ctl");
		check(write(e.data.fd, request, size), "write");
	}
	while (now_us() < until) {
		struct epoll_event e[64];
		const int n = check(epoll_wait(set, e, 64, 100), "epoll_wait");

		for (int i = 0; i < n; i++) {
			char answer[4096];
			const ssize_t got = read(e[i].data.fd, answer, sizeof(answer));

			if (got <= 0)
				return 1;
			if ((size_t)got < end_size || memcmp(answer + got - end_size, end, end_size))
				continue; /* the rest follows */
			done++;
			check(write(e[i].data.fd, request, size), "write");
		}
	}
	printf("%lu answers\n", done);
	return 0;
}

int
main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int args, (*fn)(char **argv);
	} modes[] = {{"serve", 1, serve}, {"fill", 2, fill}, {"echo", 1, echo}, {"ping", 4, ping}, {"ask", 6, ask}};

	signal(SIGPIPE, SIG_IGN);
	for (unsigned int i = 0; argc > 1 && i < sizeof(modes) / sizeof(*modes); i++)
		if (!strcmp(argv[1], modes[i].name) && argc == modes[i].args + 2)
			return modes[i].fn(argv + 2);
	fprintf(stderr, "calls: %s\n", argc > 1 ? "no such mode, or not its arguments" : "which mode?");
	return 2;
}
