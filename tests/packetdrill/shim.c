/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The shared object that Google's packetdrill loads with --so_filename: pd_backend behind its table of calls, on virtual time.
 *
 * Time moves in usleep(), by a microsecond in every gettimeofday() (packetdrill waits for its first event by asking), and
 * in netdev_receive() to the stack's next timer while nothing has left. A call that blocks runs in packetdrill's second
 * thread: it sleeps here until the stack has moved, and time stands still until every sleeper has looked again and one that
 * is done has asked for the time of its return. Handles are descriptors of /dev/null, because packetdrill closes
 * what is left with close(2). Packets that nothing in the script expected make the process fail at the end, but for answers to
 * the RSTs by which packetdrill then tidies up.
 *
 * The table is the interface of gtests/net/packetdrill/packetdrill.h of github.com/google/packetdrill.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* loff_t */
#endif
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <linux/sockios.h>
#include "pd_stack.h"

#define FDS 1024
#define QUEUE 4096
#define PACKET_MAX 65536
#define START_US 1000000000000000ull /* the stack must bear a clock like gettimeofday()'s */
#define WAIT_MAX_US 200000000ull     /* no script expects a packet that late */

struct packetdrill_interface {
	void *userdata;
	void (*free)(void *u);
	int (*socket)(void *u, int domain, int type, int proto);
	int (*bind)(void *u, int fd, const struct sockaddr *a, socklen_t l);
	int (*listen)(void *u, int fd, int backlog);
	int (*accept)(void *u, int fd, struct sockaddr *a, socklen_t *l);
	int (*connect)(void *u, int fd, const struct sockaddr *a, socklen_t l);
	ssize_t (*read)(void *u, int fd, void *buf, size_t n);
	ssize_t (*readv)(void *u, int fd, const struct iovec *iov, int n);
	ssize_t (*recv)(void *u, int fd, void *buf, size_t n, int flags);
	ssize_t (*recvfrom)(void *u, int fd, void *buf, size_t n, int flags, struct sockaddr *a, socklen_t *l);
	ssize_t (*recvmsg)(void *u, int fd, struct msghdr *m, int flags);
	ssize_t (*write)(void *u, int fd, const void *buf, size_t n);
	ssize_t (*writev)(void *u, int fd, const struct iovec *iov, int n);
	ssize_t (*send)(void *u, int fd, const void *buf, size_t n, int flags);
	ssize_t (*sendto)(void *u, int fd, const void *buf, size_t n, int flags, const struct sockaddr *a, socklen_t l);
	ssize_t (*sendmsg)(void *u, int fd, const struct msghdr *m, int flags);
	int (*fcntl)(void *u, int fd, int cmd, ...);
	int (*ioctl)(void *u, int fd, unsigned long request, ...);
	int (*close)(void *u, int fd);
	int (*shutdown)(void *u, int fd, int how);
	int (*getsockopt)(void *u, int fd, int lvl, int opt, void *v, socklen_t *l);
	int (*setsockopt)(void *u, int fd, int lvl, int opt, const void *v, socklen_t l);
	int (*poll)(void *u, struct pollfd *fds, nfds_t n, int timeout);
	int (*netdev_send)(void *u, const void *buf, size_t n);
	int (*netdev_receive)(void *u, void *buf, size_t *n, long long *time_usecs);
	int (*usleep)(void *u, useconds_t us);
	int (*gettimeofday)(void *u, struct timeval *tv, struct timezone *tz);
	int (*epoll_create)(void *u, int size);
	int (*epoll_ctl)(void *u, int ep, int op, int fd, struct epoll_event *e);
	int (*epoll_wait)(void *u, int ep, struct epoll_event *e, int n, int timeout);
	int (*pipe)(void *u, int fds[2]);
	int (*splice)(void *u, int in, loff_t *off_in, int out, loff_t *off_out, size_t n, unsigned int flags);
};
void packetdrill_interface_init(const char *flags, struct packetdrill_interface *ifc);

static struct {
	bool open, nonblock;
	int h;
} fds[FDS];
static struct {
	uint64_t at_us;
	size_t len;
	uint8_t *data;
} queue[QUEUE];
static unsigned int q_head, q_tail, q_tidy; /* q_tidy: q_tail before the RSTs that came last */
static bool tidying;
static uint64_t now_us;
static const struct pd_stack *st = &pd_backend;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t moved = PTHREAD_COND_INITIALIZER, looked = PTHREAD_COND_INITIALIZER;
static pthread_t main_thread, returning;
static unsigned int sleepers, to_look;
static bool is_returning; /* a sleeper was done, and has not asked for the time yet */
static unsigned long epoch;

void
pd_output(const void *ip, size_t len)
{
	if (q_tail - q_head == QUEUE || len > PACKET_MAX) {
		fprintf(stderr, "tern: more than %u packets wait\n", QUEUE);
		abort();
	}
	queue[q_tail % QUEUE].data = malloc(len);
	if (!queue[q_tail % QUEUE].data)
		abort();
	memcpy(queue[q_tail % QUEUE].data, ip, len);
	queue[q_tail % QUEUE].len = len;
	queue[q_tail++ % QUEUE].at_us = now_us;
}

/* --- time ------------------------------------------------------------------------------------------------------ */

/* Bounded, in real time: a thread that died must not hang the rest. */
static void
wait_for(pthread_cond_t *c)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 2;
	if (pthread_cond_timedwait(c, &lock, &until) == ETIMEDOUT) {
		to_look = 0;
		is_returning = false;
	}
}

/* The stack did something: let those that sleep look, and return if they are done, before time moves on. */
static void
let_look(void)
{
	if (!pthread_equal(pthread_self(), main_thread))
		return;
	epoch++;
	to_look = sleepers;
	if (to_look)
		pthread_cond_broadcast(&moved);
	while (to_look || is_returning)
		wait_for(&looked);
}

static void
advance(uint64_t to_us)
{
	uint64_t t;

	tidying = false;
	while ((t = st->next_timer()) <= to_us) {
		if (t > now_us)
			now_us = t;
		st->run(now_us);
		let_look();
		if (st->next_timer() <= t) /* what a tick of the wheel leaves to the next */
			now_us++;
		if (now_us > to_us)
			break;
	}
	if (to_us > now_us)
		now_us = to_us;
	st->run(now_us);
	let_look();
}

static int
sim_usleep(void *u, useconds_t us)
{
	(void)u;
	pthread_mutex_lock(&lock);
	advance(now_us + us);
	pthread_mutex_unlock(&lock);
	return 0;
}

static int
sim_gettimeofday(void *u, struct timeval *tv, struct timezone *tz)
{
	(void)u, (void)tz;
	pthread_mutex_lock(&lock);
	if (is_returning && pthread_equal(pthread_self(), returning)) {
		is_returning = false;
		pthread_cond_signal(&looked);
	} else { /* also by the second thread, which waits for its call's time in the same way */
		advance(now_us + 1);
	}
	tv->tv_sec = now_us / 1000000;
	tv->tv_usec = now_us % 1000000;
	pthread_mutex_unlock(&lock);
	return 0;
}

/*
 * Called with the lock held by a call that found nothing: until the stack has moved, or until_us.
 * @return false: there is nothing more to wait for.
 */
static bool
block(uint64_t until_us)
{
	const unsigned long seen = epoch;
	uint64_t t;

	if (pthread_equal(pthread_self(), main_thread)) { /* the script says it does not block: move time ourselves */
		t = st->next_timer();
		t = t < until_us ? t : until_us;
		if (t > now_us + WAIT_MAX_US)
			return false;
		advance(t > now_us ? t : now_us + 1);
		return now_us < until_us;
	}
	sleepers++;
	while (seen == epoch)
		pthread_cond_wait(&moved, &lock);
	sleepers--;
	is_returning = true; /* until it sleeps again or asks for the time */
	returning = pthread_self();
	if (to_look)
		to_look--;
	return now_us < until_us;
}

/* A call that looked again and goes on waiting. */
static void
still_waiting(void)
{
	if (is_returning && pthread_equal(pthread_self(), returning)) {
		is_returning = false;
		pthread_cond_signal(&looked);
	}
}

/* --- calls ----------------------------------------------------------------------------------------------------- */

static long
result(long rc)
{
	st->run(now_us);
	pthread_mutex_unlock(&lock);
	if (rc >= 0)
		return rc;
	errno = -rc;
	return -1;
}

/* Take the lock. @return the handle, or -EBADF, which the stack refuses in turn. */
static int
enter(int fd)
{
	pthread_mutex_lock(&lock);
	tidying = false;
	st->run(now_us);
	return fd >= 0 && fd < FDS && fds[fd].open ? fds[fd].h : -EBADF;
}

static int
new_fd(int h)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (fd < 0 || fd >= FDS) {
		st->close(h);
		if (fd >= 0)
			close(fd);
		return -EMFILE;
	}
	fds[fd].open = true;
	fds[fd].nonblock = false;
	fds[fd].h = h;
	return fd;
}

static int
sim_socket(void *u, int domain, int type, int proto)
{
	int rc;

	(void)u;
	enter(-1);
	rc = st->socket(domain, type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC), proto);
	if (rc >= 0)
		rc = new_fd(rc);
	if (rc >= 0)
		fds[rc].nonblock = type & SOCK_NONBLOCK;
	return result(rc);
}

static int
sim_bind(void *u, int fd, const struct sockaddr *a, socklen_t l)
{
	int h = enter(fd);

	(void)u;
	return result(st->bind(h, a, l));
}

static int
sim_listen(void *u, int fd, int backlog)
{
	int h = enter(fd);

	(void)u;
	return result(st->listen(h, backlog));
}

static int
sim_accept(void *u, int fd, struct sockaddr *a, socklen_t *l)
{
	int h = enter(fd), rc;

	(void)u;
	while ((rc = st->accept(h, a, l)) == -EAGAIN && !fds[fd].nonblock) {
		still_waiting();
		if (!block(UINT64_MAX))
			break;
	}
	return result(rc < 0 ? rc : new_fd(rc));
}

static int
sim_connect(void *u, int fd, const struct sockaddr *a, socklen_t l)
{
	int h = enter(fd), rc = st->connect(h, a, l);

	(void)u;
	if (rc)
		return result(rc);
	st->run(now_us);
	while ((rc = st->connect_done(h)) == -EINPROGRESS && !fds[fd].nonblock) {
		still_waiting();
		if (!block(UINT64_MAX))
			break;
	}
	return result(rc);
}

static ssize_t
sim_recv(void *u, int fd, void *buf, size_t n, int flags)
{
	int h = enter(fd);
	ssize_t rc;

	(void)u;
	while ((rc = st->recv(h, buf, n, flags)) == -EAGAIN && !fds[fd].nonblock && !(flags & MSG_DONTWAIT)) {
		still_waiting();
		if (!block(UINT64_MAX))
			break;
	}
	return result(rc);
}

static ssize_t
sim_send(void *u, int fd, const void *buf, size_t n, int flags)
{
	int h = enter(fd);
	size_t done = 0;
	ssize_t rc;

	(void)u;
	for (;;) {
		rc = st->send(h, (const uint8_t *)buf + done, n - done, flags);
		if (rc > 0)
			done += rc;
		if ((rc < 0 && rc != -EAGAIN) || done >= n || fds[fd].nonblock || flags & MSG_DONTWAIT)
			break;
		st->run(now_us);
		still_waiting();
		if (!block(UINT64_MAX))
			break;
	}
	return result(done ? (ssize_t)done : rc);
}

static ssize_t
sim_read(void *u, int fd, void *buf, size_t n)
{
	return sim_recv(u, fd, buf, n, 0);
}

static ssize_t
sim_write(void *u, int fd, const void *buf, size_t n)
{
	return sim_send(u, fd, buf, n, 0);
}

static ssize_t
sim_recvfrom(void *u, int fd, void *buf, size_t n, int flags, struct sockaddr *a, socklen_t *l)
{
	(void)a;
	if (l)
		*l = 0; /* as for every connected stream */
	return sim_recv(u, fd, buf, n, flags);
}

/* A send that begins the connection waits for it, and sends the rest then. Called with the lock held. */
static ssize_t
finish_open(int h, const void *buf, size_t n, size_t done)
{
	ssize_t rc;

	st->run(now_us);
	while ((rc = st->connect_done(h)) == -EINPROGRESS) {
		still_waiting();
		if (!block(UINT64_MAX))
			break;
	}
	if (rc)
		return result(rc);
	while (done < n) {
		rc = st->send(h, (const uint8_t *)buf + done, n - done, 0);
		if (rc > 0)
			done += rc;
		if ((rc < 0 && rc != -EAGAIN) || done >= n)
			break;
		st->run(now_us);
		still_waiting();
		if (!block(UINT64_MAX))
			break;
	}
	return result(done ? (ssize_t)done : rc);
}

static ssize_t
sim_sendto(void *u, int fd, const void *buf, size_t n, int flags, const struct sockaddr *a, socklen_t l)
{
	int h;
	ssize_t done;

	if (!(flags & MSG_FASTOPEN))
		return sim_send(u, fd, buf, n, flags);
	h = enter(fd);
	done = st->sendto(h, buf, n, flags, a, l);
	if (h < 0 || fds[fd].nonblock || flags & MSG_DONTWAIT || (done < 0 && done != -EINPROGRESS))
		return result(done);
	return finish_open(h, buf, n, done < 0 ? 0 : done);
}

static size_t
iov_len(const struct iovec *iov, size_t n)
{
	size_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += iov[i].iov_len;
	return sum;
}

static ssize_t
recv_iov(void *u, int fd, const struct iovec *iov, size_t n, int flags)
{
	const size_t len = iov_len(iov, n);
	uint8_t *buf = malloc(len + 1), *p = buf;
	const ssize_t rc = sim_recv(u, fd, buf, len, flags);

	for (ssize_t left = rc; left > 0; iov++) {
		const size_t k = (size_t)left < iov->iov_len ? (size_t)left : iov->iov_len;

		memcpy(iov->iov_base, p, k);
		p += k;
		left -= k;
	}
	free(buf);
	return rc;
}

static ssize_t
send_iov(void *u, int fd, const struct iovec *iov, size_t n, int flags)
{
	const size_t len = iov_len(iov, n);
	uint8_t *buf = malloc(len + 1), *p = buf;
	ssize_t rc;

	for (size_t i = 0; i < n; i++) {
		memcpy(p, iov[i].iov_base, iov[i].iov_len);
		p += iov[i].iov_len;
	}
	rc = sim_send(u, fd, buf, len, flags);
	free(buf);
	return rc;
}

static ssize_t
sim_readv(void *u, int fd, const struct iovec *iov, int n)
{
	return recv_iov(u, fd, iov, n, 0);
}

static ssize_t
sim_writev(void *u, int fd, const struct iovec *iov, int n)
{
	return send_iov(u, fd, iov, n, 0);
}

static ssize_t
sim_recvmsg(void *u, int fd, struct msghdr *m, int flags)
{
	m->msg_controllen = 0;
	m->msg_flags = 0;
	m->msg_namelen = 0;
	return recv_iov(u, fd, m->msg_iov, m->msg_iovlen, flags);
}

static ssize_t
sim_sendmsg(void *u, int fd, const struct msghdr *m, int flags)
{
	return send_iov(u, fd, m->msg_iov, m->msg_iovlen, flags);
}

static int
sim_fcntl(void *u, int fd, int cmd, ...)
{
	int h = enter(fd), arg;
	va_list ap;

	(void)u;
	va_start(ap, cmd);
	arg = va_arg(ap, int);
	va_end(ap);
	if (h < 0)
		return result(h);
	if (cmd == F_GETFL)
		return result(O_RDWR | (fds[fd].nonblock ? O_NONBLOCK : 0));
	if (cmd == F_SETFL)
		fds[fd].nonblock = arg & O_NONBLOCK;
	return result(cmd == F_SETFL ? 0 : -EINVAL);
}

static int
sim_ioctl(void *u, int fd, unsigned long request, ...)
{
	int h = enter(fd);
	va_list ap;
	int *arg;
	long n;

	(void)u;
	va_start(ap, request);
	arg = va_arg(ap, int *);
	va_end(ap);
	if (h < 0)
		return result(h);
	if (request == FIONBIO) {
		fds[fd].nonblock = *arg;
		return result(0);
	}
	if (request != SIOCINQ && request != SIOCOUTQ)
		return result(-ENOTTY);
	n = st->qlen(h, request == SIOCOUTQ);
	if (n >= 0)
		*arg = n;
	return result(n < 0 ? n : 0);
}

static int
sim_close(void *u, int fd)
{
	int h = enter(fd);

	(void)u;
	if (h >= 0) {
		fds[fd].open = false;
		close(fd);
	}
	return result(st->close(h));
}

static int
sim_shutdown(void *u, int fd, int how)
{
	int h = enter(fd);

	(void)u;
	return result(st->shutdown(h, how));
}

static int
sim_getsockopt(void *u, int fd, int lvl, int opt, void *v, socklen_t *l)
{
	int h = enter(fd);

	(void)u;
	return result(st->getsockopt(h, lvl, opt, v, l));
}

static int
sim_setsockopt(void *u, int fd, int lvl, int opt, const void *v, socklen_t l)
{
	int h = enter(fd);

	(void)u;
	return result(st->setsockopt(h, lvl, opt, v, l));
}

static int
poll_once(struct pollfd *p, nfds_t n)
{
	int ready = 0;

	for (nfds_t i = 0; i < n; i++) {
		const bool open = p[i].fd >= 0 && p[i].fd < FDS && fds[p[i].fd].open;

		p[i].revents = open ? st->pollev(fds[p[i].fd].h) & (p[i].events | POLLERR | POLLHUP) : POLLNVAL;
		ready += p[i].revents != 0;
	}
	return ready;
}

static int
sim_poll(void *u, struct pollfd *p, nfds_t n, int timeout)
{
	uint64_t until;
	int rc;

	(void)u;
	enter(-1);
	until = timeout < 0 ? UINT64_MAX : now_us + timeout * 1000ull;
	while ((rc = poll_once(p, n)) == 0 && timeout) {
		still_waiting();
		if (!block(until))
			break;
	}
	return result(rc);
}

/* --- the network device ------------------------------------------------------------------------------------------ */

static int
sim_netdev_send(void *u, const void *buf, size_t n)
{
	const uint8_t *ip = buf, *tcp = ip + (ip[0] >> 4 == 4 ? 20 : 40);

	(void)u;
	pthread_mutex_lock(&lock);
	if (!tidying)
		q_tidy = q_tail;
	tidying = tcp + 20 <= ip + n && tcp[13] & 4;
	st->input(buf, n, now_us);
	let_look();
	pthread_mutex_unlock(&lock);
	return 0;
}

static int
sim_netdev_receive(void *u, void *buf, size_t *n, long long *time_usecs)
{
	uint64_t limit, t;

	(void)u;
	pthread_mutex_lock(&lock);
	limit = now_us + WAIT_MAX_US;
	st->run(now_us);
	while (q_head == q_tail && (t = st->next_timer()) <= limit)
		advance(t > now_us ? t : now_us + 1);
	if (q_head == q_tail) {
		fprintf(stderr, "tern: the script expects a packet, none comes\n");
		*n = 0; /* "received nothing": the script fails */
		*time_usecs = now_us;
	} else {
		*n = queue[q_head % QUEUE].len < *n ? queue[q_head % QUEUE].len : *n;
		memcpy(buf, queue[q_head % QUEUE].data, *n);
		*time_usecs = queue[q_head % QUEUE].at_us;
		free(queue[q_head++ % QUEUE].data);
	}
	pthread_mutex_unlock(&lock);
	return 0;
}

static void
sim_free(void *u)
{
	(void)u;
	if (q_head != (tidying ? q_tidy : q_tail)) {
		fprintf(stderr, "tern: %u packets were sent that the script did not expect\n", q_tail - q_head);
		fflush(NULL);
		_exit(1);
	}
	st->fini();
}

/* --- what a TCP endpoint without a kernel has no use for ----------------------------------------------------------- */

static int
sim_epoll_create(void *u, int size)
{
	(void)u, (void)size;
	errno = ENOSYS;
	return -1;
}

static int
sim_epoll_ctl(void *u, int ep, int op, int fd, struct epoll_event *e)
{
	(void)u, (void)ep, (void)op, (void)fd, (void)e;
	errno = ENOSYS;
	return -1;
}

static int
sim_epoll_wait(void *u, int ep, struct epoll_event *e, int n, int timeout)
{
	(void)u, (void)ep, (void)e, (void)n, (void)timeout;
	errno = ENOSYS;
	return -1;
}

static int
sim_pipe(void *u, int p[2])
{
	(void)u, (void)p;
	errno = ENOSYS;
	return -1;
}

static int
sim_splice(void *u, int in, loff_t *off_in, int out, loff_t *off_out, size_t n, unsigned int flags)
{
	(void)u, (void)in, (void)off_in, (void)out, (void)off_out, (void)n, (void)flags;
	errno = ENOSYS;
	return -1;
}

void
packetdrill_interface_init(const char *flags, struct packetdrill_interface *ifc)
{
	const int rc = st->init(flags, START_US);

	if (rc) {
		fprintf(stderr, "tern: %s\n", strerror(-rc));
		exit(1);
	}
	now_us = START_US;
	main_thread = pthread_self();
	*ifc = (struct packetdrill_interface){
		.free = sim_free, .socket = sim_socket, .bind = sim_bind, .listen = sim_listen, .accept = sim_accept,
		.connect = sim_connect, .read = sim_read, .readv = sim_readv, .recv = sim_recv, .recvfrom = sim_recvfrom,
		.recvmsg = sim_recvmsg, .write = sim_write, .writev = sim_writev, .send = sim_send, .sendto = sim_sendto,
		.sendmsg = sim_sendmsg, .fcntl = sim_fcntl, .ioctl = sim_ioctl, .close = sim_close,
		.shutdown = sim_shutdown, .getsockopt = sim_getsockopt, .setsockopt = sim_setsockopt, .poll = sim_poll,
		.netdev_send = sim_netdev_send, .netdev_receive = sim_netdev_receive, .usleep = sim_usleep,
		.gettimeofday = sim_gettimeofday, .epoll_create = sim_epoll_create, .epoll_ctl = sim_epoll_ctl,
		.epoll_wait = sim_epoll_wait, .pipe = sim_pipe, .splice = sim_splice,
	};
}
