/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The kernel's TCP under the load of `tern --role bench`: an epoll server and an epoll client in one process, each one
 * pinned thread, over loopback (start it in a network namespace of its own).
 *
 *	kernel_cps SECONDS CONNECTIONS REQUESTS SERVER_CPU CLIENT_CPU [ACTIVE]
 *
 * REQUESTS a connection of 64 bytes, answered by 64; 0: keep-alive to the end. The client closes first; 250 local
 * addresses keep TIME-WAIT off the ports. Both sockets are non-blocking, TCP_NODELAY, quick to be accepted (accept4).
 * ACTIVE: CONNECTIONS are opened first, and so many at a time, picked at random, ask; those that end are replaced.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <netinet/tcp.h>
#include <time.h>
#include <unistd.h>

#define SIZE 64
#define EVENTS 256
#define FD_MAX (1 << 20)
#define SERVER 0x7f000001u /* 127.0.0.1 */
#define FROM 0x7f000102u   /* 127.0.1.2 and the 249 that follow */
#define N_FROM 250u
#define PORT 8080

static volatile bool stop;
static uint64_t n_conns, n_requests, n_failed;
static unsigned int requests, concurrency, open_now, next_from;
static uint32_t asked[FD_MAX]; /* requests sent on this descriptor */
static unsigned int active, asking, n_resting;
static int resting[FD_MAX]; /* connected, not asking; with ACTIVE */
static bool held;           /* all were open once */
static struct timespec cpu[2]; /* of server and client, at the end */

static void
die(const char *what)
{
	perror(what);
	exit(1);
}

static void
pin(int core)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(core, &set);
	if (pthread_setaffinity_np(pthread_self(), sizeof(set), &set))
		die("affinity");
}

static void
watch(int ep, int fd, uint32_t events)
{
	struct epoll_event ev = {.events = events, .data.fd = fd};

	if (epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev))
		die("epoll_ctl");
}

static int
listener(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(PORT), .sin_addr.s_addr = htonl(SERVER)};
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)); /* inherited */
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) || listen(fd, 4096))
		die("listen");
	return fd;
}

static void
serve_one(int fd)
{
	char buf[4 * SIZE];
	ssize_t n = read(fd, buf, sizeof(buf));

	if (n == 0 || (n < 0 && errno != EAGAIN))
		close(fd);
	else if (n > 0 && write(fd, buf, SIZE) != SIZE)
		close(fd);
}

static void *
server(void *arg)
{
	struct epoll_event ev[EVENTS];
	const int ep = epoll_create1(0), lfd = *(int *)arg;
	int i, n, fd;

	watch(ep, lfd, EPOLLIN);
	while (!stop) {
		n = epoll_wait(ep, ev, EVENTS, 10);
		for (i = 0; i < n; i++) {
			if (ev[i].data.fd != lfd) {
				serve_one(ev[i].data.fd);
				continue;
			}
			while ((fd = accept4(lfd, NULL, NULL, SOCK_NONBLOCK)) >= 0)
				watch(ep, fd, EPOLLIN);
		}
	}
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu[0]);
	return NULL;
}

static void
ask(int fd)
{
	static const char request[SIZE];

	asked[fd]++;
	if (write(fd, request, SIZE) != SIZE)
		n_failed++;
}

static void
open_one(int ep)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(PORT), .sin_addr.s_addr = htonl(SERVER)};
	struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(FROM + next_from++ % N_FROM)};
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1;

	if (fd < 0 || fd >= FD_MAX)
		die("socket");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&from, sizeof(from)) ||
	    (connect(fd, (struct sockaddr *)&to, sizeof(to)) && errno != EINPROGRESS)) {
		n_failed++;
		close(fd);
		return;
	}
	asked[fd] = 0;
	open_now++;
	watch(ep, fd, EPOLLIN | EPOLLOUT);
}

/* Its turn, or it waits for it. */
static void
go_on(int fd)
{
	if (active)
		resting[n_resting++] = fd;
	else
		ask(fd);
}

static void
ask_any(void)
{
	int fd;
	unsigned int i;

	held |= n_resting == concurrency;
	while (held && asking < active && n_resting) {
		i = random() % n_resting;
		fd = resting[i];
		resting[i] = resting[--n_resting];
		asking++;
		ask(fd);
	}
}

static void
gone(int fd)
{
	close(fd);
	open_now--;
}

static void
client_one(int ep, const struct epoll_event *ev)
{
	const int fd = ev->data.fd;
	char buf[4 * SIZE];
	ssize_t n;

	if (asked[fd] == 0) { /* connected, or not */
		struct epoll_event in = {.events = EPOLLIN, .data.fd = fd};

		if (ev->events & (EPOLLERR | EPOLLHUP)) {
			n_failed++;
			gone(fd);
			return;
		}
		epoll_ctl(ep, EPOLL_CTL_MOD, fd, &in);
		n_conns++;
		go_on(fd);
		return;
	}
	asking -= active != 0;
	n = read(fd, buf, sizeof(buf));
	if (n != SIZE) {
		n_failed++;
		gone(fd);
		return;
	}
	n_requests++;
	if (requests && asked[fd] == requests)
		gone(fd);
	else
		go_on(fd);
}

static void *
client(void *arg)
{
	struct epoll_event ev[EVENTS];
	const int ep = epoll_create1(0);
	int i, n;

	while (!stop) {
		for (i = 0; i < 64 && open_now < concurrency; i++)
			open_one(ep);
		n = epoll_wait(ep, ev, EVENTS, open_now < concurrency ? 0 : 10);
		for (i = 0; i < n; i++)
			client_one(ep, &ev[i]);
		ask_any();
	}
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu[1]);
	return NULL;
}

static void *
server_main(void *arg)
{
	int lfd = listener();

	pin(*(int *)arg);
	return server(&lfd);
}

static void *
client_main(void *arg)
{
	pin(*(int *)arg);
	return client(NULL);
}

int
main(int argc, char **argv)
{
	struct rlimit files;
	uint64_t conns, reqs;
	pthread_t t[2];
	int core[2], i;
	double s;

	if (argc != 6 && argc != 7) {
		fprintf(stderr, "kernel_cps SECONDS CONNECTIONS REQUESTS SERVER_CPU CLIENT_CPU [ACTIVE]\n");
		return 1;
	}
	s = atoi(argv[1]);
	concurrency = atoi(argv[2]);
	requests = atoi(argv[3]);
	core[0] = atoi(argv[4]);
	core[1] = atoi(argv[5]);
	active = argc > 6 ? atoi(argv[6]) : 0;
	if (getrlimit(RLIMIT_NOFILE, &files))
		die("getrlimit");
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files); /* what is not enough shows as a failing socket() */
	files.rlim_cur = files.rlim_max = FD_MAX;
	if (active)
		setrlimit(RLIMIT_NOFILE, &files); /* root may, mostly */
	pthread_create(&t[0], NULL, server_main, &core[0]);
	usleep(100000); /* it listens */
	pthread_create(&t[1], NULL, client_main, &core[1]);
	if (!requests || active)
		for (i = 0; i < 600 && n_conns < concurrency; i++)
			usleep(100000);
	conns = n_conns;
	reqs = n_requests;
	usleep(s * 1e6);
	conns = n_conns - conns;
	reqs = n_requests - reqs;
	stop = true;
	pthread_join(t[0], NULL);
	pthread_join(t[1], NULL);
	printf("kernel: %.0f connections/s, %.0f requests/s, %lu failed; CPU seconds: server %.2f, client %.2f\n",
	       conns / s, reqs / s, n_failed, cpu[0].tv_sec + cpu[0].tv_nsec / 1e9,
	       cpu[1].tv_sec + cpu[1].tv_nsec / 1e9);
	return n_failed ? 1 : 0;
}
