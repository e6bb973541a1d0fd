/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A front for a server of the kernel's: each connection that a client opens to tern is joined to one that the kernel
 * opens to --to. A backend hears of a client when its handshake is done, so a flood of SYNs ends here.
 *
 * All is done by the worker in its turn, and nothing of it waits. The backends' descriptors are in one epoll set, edge
 * triggered: one system call adds a descriptor, one every ASK_US asks for all. A pair keeps no text of its own: what
 * the other side has no room for is left where it is (tern_peek(), MSG_PEEK), until the window, or the socket's buffer,
 * closes. A visit moves VISIT chunks, then others have their turn.
 *
 * An end of text goes through (FIN, shutdown()), in each direction for itself. So does a reset, at once to the backend,
 * to the client after what the backend had sent. Who can't be joined is reset.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <sys/epoll.h>
#include <rte_common.h>
#include <rte_mbuf.h>
#include "backend.h"
#include "option.h"
#include "role.h"

#define ASK_US 20u /* a backend waits so long for us at most: 1 % of the time is spent asking */
#define EVENTS 64u
#define RETRY_US 1000u   /* the queue of a socket of AF_UNIX was full */
#define LOOK_US 50000u   /* has the client acknowledged all? */
#define LAST_US 5000000u /* how long the client may take for what a backend sent before its reset */
#define CHUNK (64u << 10)
#define VISIT 4u
#define SPARE_FDS 64u /* beside the connections' */

enum {
	N_UP = SERVER_OWN, /* bytes to the backend; SERVER_DONE: to the client */
	N_REFUSED,
	N_TIMEOUT,
	N_NO_FD,
	N_RESET, /* by the backend */
	N_IDLE,
	N_CUT, /* before both had ended */
};
_Static_assert(N_CUT < SERVER_OWN + SERVER_OWN_MAX, "a server has too few numbers");

enum pair_state { NEW, QUEUED, CONNECTING, JOINED, LAST };

struct pair {
	struct item i; /* c NULL: the client is done, `left` is for the backend */
	uint8_t state;
	bool has_fd, can_read, can_write; /* of the backend, until it says EAGAIN */
	bool hung_up;                     /* it will send no more: a short read is not the last one */
	bool gone;                        /* it will neither send nor take more */
	bool up_done, down_done;          /* that end was sent on */
	bool broken;                      /* the backend was reset: what is left to read ends so */
	uint8_t head_sent;
	int fd;
	uint64_t until_us;
	struct tern_timer wait; /* connect_ms, or LAST */
	TAILQ_ENTRY(pair) queued;
	struct rte_mbuf *left;
};

struct proxy {
	struct server s;
	struct tern_worker *w;
	int set;
	uint64_t asked_us;
	uint32_t n_left, max_left; /* mbufs */
	struct tern_timer last;
	TAILQ_HEAD(, pair) queue; /* those of a socket whose own queue was full, the longest waiting first */
	struct tern_timer retry;
	uint8_t buf[PROXY_HEAD_MAX + CHUNK];
};

/* --- options ------------------------------------------------------------------------------------------------- */

static struct backend to;
static bool tell_client;
static uint32_t connect_ms, idle_s;

static int
set_to(const char *val)
{
	const char *wrong = backend_parse(val, &to);

	return wrong ? bad("'%s': %s", val, wrong) : 0;
}

static struct opt opts[] = {
	CALL("proxy", "to", "WHERE", set_to, NULL, "the kernel's server: ADDR:PORT, [ADDR]:PORT or unix:PATH"),
	FLAG("proxy", "proxy-protocol", tell_client, "tell it who the client is (PROXY protocol, version 2)"),
	NUM("proxy", "connect-timeout-ms", connect_ms, 1, 3600000, "5000", "how long it may take to accept"),
	NUM("proxy", "proxy-idle", idle_s, 0, 86400, "3600",
	    "reset both ends when nothing moved for N seconds; 0: never"),
};

static int
check(struct options *o)
{
	return to.len ? 0 : complain("proxy needs --to ADDR:PORT or --to unix:PATH");
}

static int
init(struct stack *s)
{
	const uint64_t need = (uint64_t)s->n_workers * (s->o->conf.max_conns + 1) + SPARE_FDS;
	const uint64_t have = backend_descriptors();

	if (have < need)
		notice("--max-conns %u of %u workers needs %lu descriptors, %lu there may be: connections beyond them "
		       "are reset; raise the limit (ulimit -Hn) or lower --max-conns",
		       s->o->conf.max_conns, s->n_workers, need, have);
	return 0;
}

/* --- ends ---------------------------------------------------------------------------------------------------- */

static void
drop_fd(struct pair *p, void (*how)(int fd))
{
	if (p->has_fd)
		how(p->fd);
	p->has_fd = false;
}

static void
close_fd(int fd)
{
	close(fd);
}

static void
free_left(struct proxy *v, struct pair *p)
{
	struct rte_mbuf *m = p->left;

	p->left = m->next;
	m->next = NULL;
	rte_pktmbuf_free(m);
	v->n_left--;
}

static void
release(struct proxy *v, struct pair *p)
{
	drop_fd(p, backend_reset);
	while (p->left)
		free_left(v, p);
}

static void
gone(struct item *it)
{
	struct pair *p = (struct pair *)it;
	struct proxy *v = it->owner;

	release(v, p);
	if (p->state == QUEUED)
		TAILQ_REMOVE(&v->queue, p, queued);
	if (p->state != NEW)
		tern_timer_stop(v->w, &p->wait);
}

/* Both sides said all. */
static void
end(struct pair *p)
{
	drop_fd(p, close_fd);
	if (p->i.c)
		tern_close(p->i.c);
	server_put(&p->i);
}

/* Neither is to take what it has for all: counter k says why. */
static void
cut(struct pair *p, unsigned int k)
{
	struct proxy *v = p->i.owner;

	v->s.n[k]++;
	if (p->i.c)
		tern_abort(p->i.c);
	server_put(&p->i);
}

/* There is no backend for this client. */
static void
refuse(struct pair *p, unsigned int k, int err)
{
	static bool said;

	if (!__atomic_exchange_n(&said, true, __ATOMIC_RELAXED))
		notice("%s: %s: such clients are reset (said once, counted at the end)", to.name, strerror(err));
	cut(p, k);
}

/* The backend was reset. The client has what came before, then it is, too. */
static void
reset_by_backend(struct pair *p)
{
	struct proxy *v = p->i.owner;

	v->s.n[N_RESET]++;
	drop_fd(p, close_fd);
	if (!p->i.c) {
		server_put(&p->i);
		return;
	}
	tern_shutdown(p->i.c, TERN_SHUT_RD);
	p->state = LAST;
	p->until_us = tern_now_us(v->w) + LAST_US;
	tern_timer_start(v->w, &p->wait, 0);
}

/* It takes nothing more, but may have sent something before. */
static void
deaf(struct pair *p, int err)
{
	p->up_done = true;
	p->broken = err != EPIPE; /* that is the answer to what came after its end */
	p->can_read = p->hung_up = true;
	if (p->i.c)
		tern_shutdown(p->i.c, TERN_SHUT_RD);
}

/* --- text ---------------------------------------------------------------------------------------------------- */

/* What is left of the PROXY head, then text of the client. *head: bytes of the former.
 * @return bytes in v->buf, or -EAGAIN; 0: that was all. */
static ssize_t
next_text(struct proxy *v, struct pair *p, unsigned int *head)
{
	uint8_t *at = v->buf;
	struct tern_info info;
	ssize_t n = 0;

	*head = 0;
	if (tell_client && p->head_sent != UINT8_MAX) { /* c is there: it could not end before us */
		tern_conn_info(p->i.c, &info, sizeof(info));
		*head = proxy_head(v->buf, &info.remote, &info.local) - p->head_sent;
		memmove(v->buf, v->buf + p->head_sent, *head);
		at += *head;
	}
	if (p->i.c)
		n = tern_peek(p->i.c, at, CHUNK);
	else if (p->left)
		memcpy(at, rte_pktmbuf_mtod(p->left, void *), n = rte_pktmbuf_data_len(p->left));
	return *head ? *head + RTE_MAX(n, 0) : n;
}

/* So many bytes of text were taken. */
static void
drop_text(struct proxy *v, struct pair *p, size_t n)
{
	v->s.n[N_UP] += n;
	if (p->i.c)
		tern_recv(p->i.c, v->buf, n);
	else if (n == rte_pktmbuf_data_len(p->left))
		free_left(v, p);
	else
		rte_pktmbuf_adj(p->left, n);
}

/* From the client to the backend. */
static void
up(struct proxy *v, struct pair *p, unsigned int *visit)
{
	unsigned int head;
	ssize_t n, sent;

	while (p->can_write && !p->up_done) {
		if (!slab_spend(&v->s.slab, &p->i, visit))
			return;
		n = next_text(v, p, &head);
		if (n < 0)
			return; /* readable() or closed() follows */
		if (n == 0) {
			p->up_done = true;
			if (!p->down_done) /* else it is closed at once */
				shutdown(p->fd, SHUT_WR);
			return;
		}
		sent = send(p->fd, v->buf, n, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (sent < 0 && errno != EAGAIN) {
			deaf(p, errno);
			return;
		}
		p->can_write = sent == n;
		if (sent < (ssize_t)head)
			p->head_sent += RTE_MAX(sent, 0);
		else if (head)
			p->head_sent = UINT8_MAX;
		if (sent > (ssize_t)head)
			drop_text(v, p, sent - head);
	}
}

/* From the backend to the client. @return false when the pair has no backend any more. */
static bool
down(struct proxy *v, struct pair *p, unsigned int *visit)
{
	struct tern_conn *c = p->i.c;
	ssize_t n, sent;
	size_t room;

	while (p->can_read && !p->down_done) {
		room = RTE_MIN(tern_send_space(c), CHUNK);
		if (!room) {
			tern_want_writable(c);
			return true;
		}
		if (!slab_spend(&v->s.slab, &p->i, visit))
			return true;
		n = recv(p->fd, v->buf, room, MSG_PEEK | MSG_DONTWAIT);
		if (n < 0 && errno == EAGAIN) {
			p->can_read = false;
			return true;
		}
		if (n < 0 || (n == 0 && p->broken)) {
			reset_by_backend(p);
			return false;
		}
		if (n == 0) {
			p->down_done = true;
			tern_shutdown(c, TERN_SHUT_WR);
			return true;
		}
		sent = tern_send(c, v->buf, n, 0);
		if (sent <= 0)
			return true; /* writable() or closed() follows */
		v->s.n[SERVER_DONE] += sent;
		recv(p->fd, v->buf, sent, MSG_TRUNC | MSG_DONTWAIT); /* of TCP without a copy */
		p->can_read = sent < n || n == (ssize_t)room || p->hung_up;
	}
	return true;
}

static void
move(struct proxy *v, struct pair *p)
{
	unsigned int up_visit = VISIT, down_visit = VISIT;

	up(v, p, &up_visit);
	if (!down(v, p, &down_visit))
		return;
	if (p->down_done && p->gone && !p->up_done)
		deaf(p, EPIPE);
	if (p->down_done && p->up_done)
		end(p);
}

/* In order, but perhaps before the backend took all: that is kept, for the handle dies. */
static void
keep_left(struct proxy *v, struct pair *p)
{
	struct rte_mbuf *m, **tail = &p->left;

	while (!p->up_done && v->n_left < v->max_left && tern_recv_mbufs(p->i.c, &m, 1) > 0) {
		*tail = m;
		tail = &m->next;
		v->n_left++;
	}
	if (tern_recv_queued(p->i.c) || (tell_client && p->head_sent != UINT8_MAX)) {
		p->i.c = NULL;
		cut(p, N_CUT);
		return;
	}
	p->i.c = NULL;
	move(v, p);
}

static void
on_closed(struct tern_conn *c, void *user, int err)
{
	struct pair *p = user;

	if (err || p->state != JOINED)
		server_closed(c, p, err);
	else
		keep_left(p->i.owner, p);
}

/* --- the backend's events ------------------------------------------------------------------------------------ */

static void
joined(struct proxy *v, struct pair *p)
{
	p->state = JOINED;
	p->can_write = true;
	tern_timer_stop(v->w, &p->wait);
	move(v, p);
}

/* @return false: the backend's queue is full, now is too early. */
static bool
attempt(struct proxy *v, struct pair *p)
{
	struct epoll_event e = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = p};
	const int rc = backend_connect(&to, p->fd);

	if (rc == -EAGAIN)
		return false;
	p->state = CONNECTING;
	if (rc && rc != -EINPROGRESS)
		refuse(p, N_REFUSED, -rc);
	else if (epoll_ctl(v->set, EPOLL_CTL_ADD, p->fd, &e))
		refuse(p, N_NO_FD, errno);
	else if (rc == 0)
		joined(v, p);
	return true;
}

/* As many of those that wait as there is room for: one call that is in vain, however many they are. */
static void
on_retry(struct tern_timer *t, void *arg)
{
	struct proxy *v = arg;
	unsigned int n = EVENTS;
	struct pair *p;

	while (n-- && (p = TAILQ_FIRST(&v->queue)) != NULL) {
		TAILQ_REMOVE(&v->queue, p, queued);
		if (attempt(v, p))
			continue;
		TAILQ_INSERT_HEAD(&v->queue, p, queued);
		break;
	}
	if (!TAILQ_EMPTY(&v->queue))
		tern_timer_start(v->w, t, RETRY_US);
}

static void
on_wait(struct tern_timer *t, void *arg)
{
	struct pair *p = arg;
	struct proxy *v = p->i.owner;

	if (p->state != LAST) {
		refuse(p, N_TIMEOUT, ETIMEDOUT);
	} else if (tern_send_queued(p->i.c) == 0 || tern_now_us(v->w) >= p->until_us) {
		tern_abort(p->i.c);
		server_put(&p->i);
	} else {
		tern_timer_start(v->w, &p->wait, LOOK_US);
	}
}

static void
open_backend(struct proxy *v, struct pair *p)
{
	p->fd = backend_socket(&to);
	if (p->fd < 0) {
		refuse(p, N_NO_FD, -p->fd);
		return;
	}
	p->has_fd = true;
	tern_timer_init(&p->wait, on_wait, p);
	tern_timer_start(v->w, &p->wait, connect_ms * UINT64_C(1000));
	if (TAILQ_EMPTY(&v->queue)) {
		if (attempt(v, p))
			return;
		tern_timer_start(v->w, &v->retry, RETRY_US);
	}
	p->state = QUEUED;
	TAILQ_INSERT_TAIL(&v->queue, p, queued);
}

static void
on_client(struct tern_conn *c, void *user)
{
	struct pair *p = user;
	struct proxy *v = p->i.owner;

	slab_touch(&p->i, tern_now_us(v->w));
	if (p->state == NEW)
		open_backend(v, p);
	else if (p->state == JOINED)
		move(v, p);
}

static void
on_backend(struct proxy *v, struct pair *p, uint32_t events)
{
	socklen_t len = sizeof(int);
	int err = 0;

	slab_touch(&p->i, tern_now_us(v->w));
	p->can_read |= (events & ~EPOLLOUT) != 0;
	p->can_write |= (events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) != 0;
	p->hung_up |= (events & (EPOLLRDHUP | EPOLLERR | EPOLLHUP)) != 0;
	p->gone |= (events & EPOLLHUP) != 0;
	if (p->state == JOINED) {
		move(v, p);
		return;
	}
	getsockopt(p->fd, SOL_SOCKET, SO_ERROR, &err, &len);
	if (err)
		refuse(p, N_REFUSED, err);
	else if (events & EPOLLOUT)
		joined(v, p);
}

static void
poll(struct stack *s, struct tern_worker *w, uint64_t now_us)
{
	struct proxy *v = tern_worker_user(w);
	struct epoll_event e[EVENTS];
	int i, n;

	server_poll(s, w, now_us);
	if (!v->s.slab.n_active || now_us - v->asked_us < ASK_US)
		return;
	n = epoll_wait(v->set, e, EVENTS, 0);
	for (i = 0; i < n; i++)
		on_backend(v, e[i].data.ptr, e[i].events);
	if (n < (int)EVENTS) /* else there is more */
		v->asked_us = now_us;
}

/* --- the role ------------------------------------------------------------------------------------------------ */

static void
too_idle(struct item *it)
{
	cut((struct pair *)it, N_IDLE);
}

static const struct server_ops ops = {
	.conn = {.readable = on_client, .writable = on_client, .closed = on_closed},
	.state = sizeof(struct proxy),
	.item = sizeof(struct pair),
	.clear = sizeof(struct pair) - sizeof(struct item),
	.nodelay = true,
	.gone = gone,
};

static int
start(struct stack *s, struct tern_worker *w)
{
	const int rc = server_start(s, w);
	struct proxy *v = tern_worker_user(w);

	if (rc)
		return rc;
	v->max_left = s->o->conf.n_mbufs / 8;
	v->set = epoll_create1(EPOLL_CLOEXEC);
	if (v->set < 0)
		return complain("proxy: epoll: %s", strerror(errno));
	v->w = w;
	TAILQ_INIT(&v->queue);
	tern_timer_init(&v->retry, on_retry, v);
	if (idle_s)
		slab_timeout(&v->s.slab, w, idle_s * UINT64_C(1000000), too_idle);
	return 0;
}

/* Half the time to drain is over. Who is quiet is closed in order; what would be cut short is reset. */
static void
on_last(struct tern_timer *t, void *arg)
{
	struct proxy *v = arg;
	struct item *it;
	uint32_t i = 0;

	while ((it = slab_next(&v->s.slab, &i)) != NULL) {
		struct pair *p = (struct pair *)it;

		if (p->state == JOINED && it->c && !p->can_read && !tern_send_queued(it->c) && !tern_recv_queued(it->c))
			end(p);
		else
			cut(p, N_CUT);
	}
}

static void
drain(struct stack *s, struct tern_worker *w)
{
	struct proxy *v = tern_worker_user(w);

	server_unlisten(&v->s);
	slab_no_timeout(&v->s.slab);
	tern_timer_init(&v->last, on_last, v);
	tern_timer_start(w, &v->last, s->o->drain_ms * UINT64_C(500));
}

static uint64_t
report(const struct stack *s)
{
	struct item *it;
	unsigned int i;

	for (i = 0; i < s->n_workers; i++) {
		struct proxy *v = s->state[i];
		uint32_t k = 0;

		if (!v || !v->w)
			continue;
		while ((it = slab_next(&v->s.slab, &k)) != NULL) /* whose client was done */
			release(v, (struct pair *)it);
		close(v->set);
	}
	printf("proxy: %lu connections to %s, %lu bytes there, %lu back, %lu clients ended by an error, %lu pairs "
	       "idle, %lu cut\n",
	       role_sum(s, SERVER_CONNS), to.name, role_sum(s, N_UP), role_sum(s, SERVER_DONE),
	       role_sum(s, SERVER_FAILED), role_sum(s, N_IDLE), role_sum(s, N_CUT));
	printf("proxy: backend: %lu refused, %lu timed out, %lu reset, %lu had no descriptor\n", role_sum(s, N_REFUSED),
	       role_sum(s, N_TIMEOUT), role_sum(s, N_RESET), role_sum(s, N_NO_FD));
	return 0;
}

const struct role role_proxy = {
	.name = "proxy",
	.help = "a front for a server of the kernel's: its clients come by tern",
	.opts = opts,
	.n_opts = RTE_DIM(opts),
	.takes = LISTEN_OPTIONS,
	.check = check,
	.init = init,
	.done = "bytes",
	.server = &ops,
	.start = start,
	.poll = poll,
	.drain = drain,
	.accepting = server_accepting,
	.report = report,
};
