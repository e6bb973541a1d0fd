/* SPDX-License-Identifier: BSD-3-Clause */
/* Sockets: their life, what tern tells them, and what is so of them now. See sock.h. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>
#include <sys/resource.h>
#include <rte_lcore.h>
#include <rte_pause.h>
#include "heirs.h"
#include "sock.h"

#define PARKED_MAX 4096u

struct run run;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static __thread bool locked;
static int parked[2][PARKED_MAX]; /* placeholders, IPv4 and IPv6 */
static unsigned int n_parked[2];

/* --- the lock ------------------------------------------------------------------------------------------------ */

void
run_enter(void)
{
	if (*run.host->threaded) {
		pthread_mutex_lock(&lock);
		locked = true;
		if (run.t && RTE_PER_LCORE(_lcore_id) != rte_get_main_lcore())
			RTE_PER_LCORE(_lcore_id) = rte_get_main_lcore(); /* one at a time, behind the lock */
	}
	__atomic_store_n(&run.in, true, __ATOMIC_RELAXED);
	__atomic_signal_fence(__ATOMIC_SEQ_CST); /* tick.c has the barrier for both */
	while (unlikely(__atomic_load_n(&run.ticking, __ATOMIC_ACQUIRE)))
		rte_pause();
}

void
run_leave(void)
{
	if (unlikely(run.sleepers))
		asleep_kick();
	__atomic_store_n(&run.in, false, __ATOMIC_RELEASE);
	if (locked) { /* there was no second thread yet when it came in, perhaps */
		locked = false;
		pthread_mutex_unlock(&lock);
	}
}

int
sock_enter(int fd, struct sock **s)
{
	static bool said;

	run_enter();
	*s = sock_of(fd);
	if (likely(*s && (!run.dead || (*s)->kind == SOCK_NEW)))
		return 0;
	run_leave();
	if (!*s) /* else parked, or closed by another thread meanwhile */
		return run.host->fds[fd] == FD_SET ? -ENOTSOCK : -EBADF;
	if (!said)
		run_say("a child process used its parent's socket: it can only close it");
	said = true;
	return -EOPNOTSUPP;
}

/* --- placeholders -------------------------------------------------------------------------------------------- */

static unsigned int
park_max(void)
{
	static unsigned int max;
	struct rlimit r;

	if (!max)
		max = getrlimit(RLIMIT_NOFILE, &r) || r.rlim_cur / 4 > PARKED_MAX ? PARKED_MAX : r.rlim_cur / 4;
	return max;
}

int
sock_placeholder(int family)
{
	const unsigned int k = family == AF_INET6;
	int fd;

	if (n_parked[k]) {
		fd = parked[k][--n_parked[k]];
		run.host->fds[fd] = FD_KERNEL;
		return fd;
	}
	fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < (int)FD_MAX)
		return fd < 0 ? -errno : fd;
	close(fd);
	return -EMFILE;
}

static void
park(struct sock *s, int fd)
{
	const unsigned int k = s->family == AF_INET6;

	run.host->fds[fd] = FD_KERNEL;
	if (s->kind != SOCK_CONN || s->dirty || n_parked[k] >= park_max()) {
		close(fd);
		return;
	}
	parked[k][n_parked[k]++] = fd;
	run.host->fds[fd] = FD_PARKED;
}

int
sock_unpark(int fd)
{
	unsigned int i, k;

	for (k = 0; k < 2; k++) {
		for (i = 0; i < n_parked[k] && parked[k][i] != fd; i++)
			;
		if (i < n_parked[k])
			parked[k][i] = parked[k][--n_parked[k]];
	}
	run.host->fds[fd] = FD_KERNEL;
	return close(fd) ? -errno : 0;
}

/* --- life ---------------------------------------------------------------------------------------------------- */

struct sock *
sock_new(int family)
{
	struct sock *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->family = family;
	s->linger_ms = TERN_LINGER_OFF;
	LIST_INIT(&s->watches);
	return s;
}

void
sock_attach(struct sock *s, int fd)
{
	s->refs++;
	run.socks[fd] = s;
	run.host->fds[fd] = FD_SOCKET;
}

static void
forget_watches(struct sock *s)
{
	while (!LIST_EMPTY(&s->watches))
		set_forget(LIST_FIRST(&s->watches));
}

void
sock_unlisten(struct sock *s)
{
	unsigned int i;

	set_unlistens(s);
	for (i = 0; i < 2; i++) {
		if (s->l[i])
			heirs_close(s->l[i], s->listener != getpid());
		s->l[i] = NULL;
	}
	s->kind = SOCK_NEW;
	sock_event(s);
}

static void
end(struct sock *s)
{
	forget_watches(s);
	if (run.dead) /* what it had is the parent's */
		s->c = NULL, s->l[0] = s->l[1] = NULL;
	if (s->kind != SOCK_CONN)
		sock_unlisten(s);
	if (s->c) {
		tern_conn_set_user(s->c, NULL, NULL);
		tern_close(s->c);
	}
	free(s->rest);
	free(s);
}

void
sock_detach(struct sock *s, int fd)
{
	run.socks[fd] = NULL;
	if (--s->refs) { /* a copy of the placeholder is not pristine to whom it is parked for */
		run.host->fds[fd] = FD_KERNEL;
		close(fd);
		return;
	}
	park(s, fd);
	end(s);
}

/* What the program asked for and the kernel was not told yet. */
static void
to_kernel(struct sock *s, int fd)
{
	run.socks[fd] = NULL;
	run.host->fds[fd] = FD_KERNEL;
	s->refs--;
	if (s->nonblock)
		fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	if (!s->cloexec)
		fcntl(fd, F_SETFD, 0);
}

void
sock_to_kernel(struct sock *s, int fd)
{
	struct watch *w, *next;
	unsigned int i;

	for (w = LIST_FIRST(&s->watches); w; w = next) {
		next = LIST_NEXT(w, of_sock);
		set_move(w);
	}
	to_kernel(s, fd);
	for (i = 0; s->refs && i < FD_MAX; i++)
		if (run.socks[i] == s)
			to_kernel(s, i);
	free(s);
}

/* --- what tern tells ----------------------------------------------------------------------------------------- */

void
sock_event(struct sock *s)
{
	struct watch *w;

	run.events++;
	run.woken = true;
	LIST_FOREACH(w, &s->watches, of_sock)
	set_wake(w);
}

static void
on_connected(struct tern_conn *c, void *user)
{
	struct sock *s = user;

	s->connecting = false;
	s->connected = s->opened = true;
	sock_event(s);
}

static void
on_readable(struct tern_conn *c, void *user)
{
	sock_event(user);
}

static void
on_writable(struct tern_conn *c, void *user)
{
	struct sock *s = user;

	s->full = false;
	sock_event(s);
}

/* The handle dies on return: what was not read is kept. */
static void
on_closed(struct tern_conn *c, void *user, int err)
{
	struct sock *s = user;
	const size_t n = tern_recv_queued(c);

	s->rest = n ? malloc(n) : NULL;
	if (s->rest)
		s->rest_len = RTE_MAX(tern_recv(c, s->rest, n), 0);
	if (err == -ECONNRESET && tern_peer_closed(c) && !s->shut_wr)
		err = -EPIPE; /* as Linux has it in CLOSE-WAIT */
	s->c = NULL;
	s->connecting = s->full = false;
	s->peer_closed = s->shut_wr = true;
	s->err = -err;
	sock_event(s);
}

const struct tern_ops sock_ops = {
	.connected = on_connected, .readable = on_readable, .writable = on_writable, .closed = on_closed};

static void
on_acceptable(struct tern_listener *l, void *user)
{
	sock_event(user);
}

const struct tern_listener_ops sock_listener_ops = {.acceptable = on_acceptable};

/* --- what is so now ------------------------------------------------------------------------------------------ */

static bool
acceptable(const struct sock *s)
{
	struct tern_listener_info info;
	unsigned int i;

	for (i = 0; i < 2; i++) {
		if (!s->l[i])
			continue;
		tern_listener_info(s->l[i], &info, sizeof(info));
		if (info.accept_queued)
			return true;
	}
	return false;
}

static uint32_t
poll_conn(struct sock *s)
{
	const bool rd_end = s->shut_rd || s->peer_closed || (s->c && tern_peer_closed(s->c));
	uint32_t bits = 0;

	if (s->connecting)
		return 0;
	if (rd_end)
		bits |= EPOLLIN | EPOLLRDNORM | EPOLLRDHUP;
	if (rd_end && s->shut_wr)
		bits |= EPOLLHUP;
	if (s->err)
		bits |= EPOLLERR;
	if (s->rest_at < s->rest_len || (s->c && tern_recv_queued(s->c)))
		bits |= EPOLLIN | EPOLLRDNORM;
	if (!s->full || s->shut_wr)
		bits |= EPOLLOUT | EPOLLWRNORM;
	if (s->c && tern_urgent_left(s->c))
		bits |= EPOLLPRI;
	return bits;
}

uint32_t
sock_poll(struct sock *s)
{
	switch (s->kind) {
	case SOCK_NEW:
		return EPOLLOUT | EPOLLWRNORM | EPOLLHUP;
	case SOCK_CONN:
		return poll_conn(s);
	default:
		return acceptable(s) ? EPOLLIN | EPOLLRDNORM : 0;
	}
}
