/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Epoll sets. A set is the kernel's, and has beside it here what is watched of tern's sockets, with a list of those
 * that may have something: a callback puts a watch there, epoll_wait() looks whether it is so, and a level-triggered
 * one stays.
 */
#include <string.h>
#include <unistd.h>
#include "open.h"

#define KERNEL_US 20u /* between two looks at the kernel's descriptors, which cost a system call */

struct set {
	LIST_HEAD(, watch) watches;
	TAILQ_HEAD(watches, watch) ready;
	int fd; /* one of refs */
	unsigned int refs;
	bool kernel_first;
	uint64_t looked_us;
	bool intents;            /* some are to be realised */
	LIST_HEAD(, nest) nests; /* sets in this one */
};

/* A set in a set. What the kernel watches for the inner one the kernel tells the outer one, too. */
struct nest {
	LIST_ENTRY(nest) next;
	int inner;
	uint32_t events; /* 0: EPOLLONESHOT was told */
	epoll_data_t data;
};

static struct set *sets[FD_MAX];

static struct set *
set_get(int fd)
{
	struct set *set = sets[fd];

	if (set)
		return set;
	set = calloc(1, sizeof(*set));
	if (!set)
		return NULL;
	set->fd = fd;
	set->refs = 1;
	TAILQ_INIT(&set->ready);
	sets[fd] = set;
	run.host->fds[fd] = FD_SET;
	return set;
}

void
set_wake(struct watch *w)
{
	if (w->s->kind == SOCK_INTENT)
		w->set->intents = true;
	if (w->queued || !w->events)
		return;
	w->queued = true;
	TAILQ_INSERT_TAIL(&w->set->ready, w, ready);
	run.events++;
	run.woken = true;
}

void
set_forget(struct watch *w)
{
	if (w->queued)
		TAILQ_REMOVE(&w->set->ready, w, ready);
	LIST_REMOVE(w, of_sock);
	LIST_REMOVE(w, of_set);
	free(w);
}

void
set_move(struct watch *w)
{
	struct epoll_event e = {.events = w->events, .data = w->data};

	epoll_ctl(w->set->fd, EPOLL_CTL_ADD, w->fd, &e);
	set_forget(w);
}

static void
nest_forget(struct nest *n)
{
	LIST_REMOVE(n, next);
	free(n);
}

void
set_closed(int fd)
{
	struct set *set = sets[fd];

	sets[fd] = NULL;
	run.host->fds[fd] = FD_KERNEL;
	if (--set->refs) {
		for (fd = 0; set->fd < 0 || sets[set->fd] != set; fd++)
			set->fd = fd;
		return;
	}
	while (!LIST_EMPTY(&set->watches))
		set_forget(LIST_FIRST(&set->watches));
	while (!LIST_EMPTY(&set->nests))
		nest_forget(LIST_FIRST(&set->nests));
	free(set);
}

void
set_dup(int fd, int as)
{
	sets[as] = sets[fd];
	sets[as]->refs++;
	run.host->fds[as] = FD_SET;
}

/* It was in sets before it listened. */
void
set_listens(struct sock *s)
{
	struct watch *w;

	LIST_FOREACH(w, &s->watches, of_sock)
	{
		struct epoll_event e = {.events = w->events, .data = w->data};

		set_wake(w);
		if (sock_both(s))
			epoll_ctl(w->set->fd, EPOLL_CTL_ADD, w->fd, &e);
	}
}

/* It will listen no more. */
void
set_unlistens(struct sock *s)
{
	struct watch *w;

	if (!sock_both(s))
		return;
	LIST_FOREACH(w, &s->watches, of_sock)
	epoll_ctl(w->set->fd, EPOLL_CTL_DEL, w->fd, NULL);
}

static struct watch *
watch_find(const struct set *set, struct sock *s, int fd)
{
	struct watch *w;

	LIST_FOREACH(w, &s->watches, of_sock)
	if (w->set == set && w->fd == fd)
		return w;
	return NULL;
}

static int
watch_new(struct set *set, struct sock *s, int fd, const struct epoll_event *e)
{
	struct watch *w = calloc(1, sizeof(*w));

	if (!w)
		return -ENOMEM;
	w->s = s;
	w->set = set;
	w->fd = fd;
	w->events = e->events | EPOLLERR | EPOLLHUP;
	w->data = e->data;
	LIST_INSERT_HEAD(&s->watches, w, of_sock);
	LIST_INSERT_HEAD(&set->watches, w, of_set);
	set_wake(w);
	return 0;
}

#define WITH_EXCLUSIVE (EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP | EPOLLET | EPOLLWAKEUP | EPOLLEXCLUSIVE)

static int
control(struct set *set, int op, struct sock *s, int fd, const struct epoll_event *e)
{
	struct watch *w = watch_find(set, s, fd);

	if (op != EPOLL_CTL_DEL && e->events & EPOLLEXCLUSIVE && (op == EPOLL_CTL_MOD || e->events & ~WITH_EXCLUSIVE))
		return -EINVAL;
	if (op == EPOLL_CTL_ADD)
		return w ? -EEXIST : watch_new(set, s, fd, e);
	if (!w)
		return -ENOENT;
	if (op == EPOLL_CTL_DEL) {
		set_forget(w);
		return 0;
	}
	if (w->events & EPOLLEXCLUSIVE)
		return -EINVAL;
	w->events = e->events | EPOLLERR | EPOLLHUP;
	w->data = e->data;
	set_wake(w);
	return 0;
}

/* The kernel has allowed it. */
static int
nest_control(struct set *set, int op, int fd, const struct epoll_event *e)
{
	struct nest *n;

	if (!set)
		return -ENOMEM;
	LIST_FOREACH(n, &set->nests, next)
	if (n->inner == fd)
		break;
	if (op == EPOLL_CTL_DEL || !e) {
		if (n)
			nest_forget(n);
		return 0;
	}
	if (!n) {
		n = calloc(1, sizeof(*n));
		if (!n)
			return -ENOMEM;
		LIST_INSERT_HEAD(&set->nests, n, next);
	}
	*n = (struct nest){.next = n->next, .inner = fd, .events = e->events, .data = e->data};
	return 0;
}

/* A descriptor that is no tern socket. */
static int
ctl_kernel(int epfd, int op, int fd, struct epoll_event *e)
{
	const bool in = (unsigned int)fd < FD_MAX;
	int rc;

	if (in && run.host->fds[fd] == FD_PARKED)
		return -EBADF;
	rc = epoll_ctl(epfd, op, fd, e) ? -errno : 0;
	if (rc || !in || run.host->fds[fd] != FD_SET)
		return rc;
	run_enter();
	rc = nest_control(set_get(epfd), op, fd, e);
	run_leave();
	return rc;
}

int
run_epoll_ctl(int epfd, int op, int fd, struct epoll_event *e)
{
	struct set *set;
	struct sock *s;
	int rc;

	if ((unsigned int)fd >= FD_MAX || run.host->fds[fd] != FD_SOCKET)
		return ctl_kernel(epfd, op, fd, e);
	if (op != EPOLL_CTL_ADD && op != EPOLL_CTL_DEL && op != EPOLL_CTL_MOD)
		return -EINVAL;
	if (!e && op != EPOLL_CTL_DEL)
		return -EFAULT;
	run_enter();
	s = sock_of(fd);
	rc = s ? 0 : -EBADF;
	if (rc == 0 && sock_both(s)) /* or no epoll set at all, says the kernel */
		rc = epoll_ctl(epfd, op, fd, e) ? -errno : 0;
	else if (rc == 0 && !sets[epfd] && epoll_ctl(epfd, EPOLL_CTL_DEL, fd, NULL) && errno != ENOENT)
		rc = -errno;
	if (rc == 0) {
		set = set_get(epfd);
		rc = set ? control(set, op, s, fd, e) : -ENOMEM;
	}
	run_leave();
	return rc;
}

/* --- waiting -------------------------------------------------------------------------------------------------- */

static void
realise(struct set *set)
{
	struct watch *w;

	set->intents = false;
	LIST_FOREACH(w, &set->watches, of_set)
	if (w->s->kind == SOCK_INTENT)
		sock_realise(w->s);
}

static int
collect(struct set *set, struct epoll_event *e, int max)
{
	struct watch *const last = TAILQ_LAST(&set->ready, watches);
	struct watch *w = NULL;
	int n = 0;

	while (n < max && w != last) {
		w = TAILQ_FIRST(&set->ready);
		TAILQ_REMOVE(&set->ready, w, ready);
		w->queued = false;
		e[n].events = sock_poll(w->s) & w->events;
		if (!e[n].events)
			continue;
		e[n++].data = w->data;
		if (w->events & EPOLLONESHOT)
			w->events = 0;
		else if (!(w->events & EPOLLET)) {
			w->queued = true;
			TAILQ_INSERT_TAIL(&set->ready, w, ready);
		}
	}
	return n;
}

bool
set_ready(int fd)
{
	struct set *const set = sets[fd];
	struct watch *w;
	struct nest *n;

	if (!set)
		return false;
	if (set->intents)
		realise(set);
	TAILQ_FOREACH (w, &set->ready, ready)
		if (sock_poll(w->s) & w->events)
			return true;
	LIST_FOREACH(n, &set->nests, next)
	if (n->events & EPOLLIN && set_ready(n->inner)) /* no ring of them, says the kernel */
		return true;
	return false;
}

bool
set_may_wait(int fd)
{
	return fd >= 0 && sets[fd] && LIST_EMPTY(&sets[fd]->nests);
}

bool
set_has_ready(int fd)
{
	return sets[fd] && !TAILQ_EMPTY(&sets[fd]->ready);
}

/* Inner sets that have something of tern's, and not of the kernel's, which tells the outer set itself. */
static int
collect_nests(struct set *set, struct epoll_event *e, int max)
{
	struct nest *n;
	int k = 0;

	LIST_FOREACH(n, &set->nests, next)
	{
		struct pollfd p = {.fd = n->inner, .events = POLLIN};

		if (k == max || !(n->events & EPOLLIN) || !set_ready(n->inner) || poll(&p, 1, 0) > 0)
			continue;
		e[k++] = (struct epoll_event){.events = EPOLLIN, .data = n->data};
		if (n->events & EPOLLONESHOT)
			n->events = 0;
	}
	return k;
}

static int
look_kernel(int epfd, struct epoll_event *e, int max)
{
	const int n = max > 0 ? epoll_wait(epfd, e, max, 0) : 0;

	return n >= 0 || errno == EINTR ? RTE_MAX(n, 0) : -errno; /* a signal that is the device's, not the program's */
}

/* at_once: what is not seen now is not there. Whose events filled e is second the next time. */
static int
look(int epfd, struct epoll_event *e, int max, bool at_once)
{
	const uint64_t now_us = run.w ? tern_now_us(run.w) : 0;
	struct set *set = sets[epfd];
	int n = 0, k = 0;
	bool due;

	if (!set)
		return look_kernel(epfd, e, max);
	if (set->intents)
		realise(set);
	due = !run.w || now_us - set->looked_us >= KERNEL_US;
	if (due && set->kernel_first)
		k = look_kernel(epfd, e, max);
	n = collect(set, e + RTE_MAX(k, 0), max - RTE_MAX(k, 0));
	if (!LIST_EMPTY(&set->nests))
		n += collect_nests(set, e + RTE_MAX(k, 0) + n, max - RTE_MAX(k, 0) - n);
	if ((due || (!n && at_once)) && !set->kernel_first)
		k = look_kernel(epfd, e + n, max - n);
	if (due) {
		set->looked_us = now_us;
		set->kernel_first = n == max;
	}
	return k < 0 && !n ? k : n + RTE_MAX(k, 0);
}

int
run_epoll_wait(int epfd, struct epoll_event *e, int max, const struct timespec *limit, const sigset_t *mask)
{
	struct pollfd p[1 + WAIT_EXTRA] = {{.fd = epfd, .events = POLLIN}};
	struct waiting wait;
	const bool at_once = limit && !limit->tv_sec && !limit->tv_nsec;
	int n, more = 0;

	if (max <= 0 || (unsigned int)epfd >= FD_MAX)
		return max <= 0 ? -EINVAL : -EBADF;
	if (limit && !hook_time_valid(limit))
		return -EINVAL;
	run_enter();
	wait_begin(&wait, limit, mask);
	wait.set = epfd;
	if (set_has_ready(epfd))
		wait_turn_if_due();
	else
		wait_turn();
	while ((n = look(epfd, e, max, at_once || more)) == 0 && !more)
		more = wait_more(&wait, p, 1);
	n = wait_end(&wait, n, more);
	run_leave();
	return n;
}
