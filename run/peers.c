/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Several processes on one tap device and its addresses: the workers of a server, two generations of them, or programs
 * of which one knows nothing of the other. Each has a queue of its own, and the kernel spreads packets over the queues
 * that there are: what left by a queue, its answers come in there, for some seconds; the rest goes by a hash. So what
 * is another one's comes here now and then. It goes once round all who are there, in a ring, until one has the
 * connection, or listens; who received it answers as nobody, when it has come back.
 *
 * They know each other by datagram sockets with abstract names, of this network namespace: a place each. Who dies
 * leaves no trace, the kernel takes its queue out by itself. Such a socket is bound, too, while a process makes the
 * device, or finds it: one at a time. A process says so before that, and when it is ready; who has to leave meanwhile
 * as the last of the old stays until then, so that between two generations of a server nobody is refused.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <rte_mbuf.h>
#include "option.h"
#include "options.h"
#include "heirs.h"
#include "peers.h"
#include "sock.h"

#define PLACES 16u
#define PORTS 2000u /* a place's own, of those for connect(); the first has the upper half of all */
#define LOOK_US 20u /* between two looks, each a system call */
#define ALONE_US 1000u
#define BATCH 32u
#define FRAME_MAX UINT16_MAX
#define JOIN_MS 20000u

/* What a datagram is; then what is of its kind. */
struct head {
	uint8_t kind; /* enum peers_kind */
	uint8_t ifidx;
	uint8_t from; /* who received it by its queue */
};

static char device[16];
static int fd = -1;
static unsigned int place;
static uint32_t there; /* places of others */
static uint32_t ready; /* those of them that have their queue */
static uint32_t leaving;
static bool self_ready;
static uint32_t owed[PEERS_LEFT + 1]; /* by kind: places to be told */
static bool any_owed;
static uint32_t unheard; /* that did not answer PEERS_LEAVING */
static int going = -1;   /* whose frame is being looked at, or -1: our own */
static uint64_t looked_us;
static uint8_t buf[FRAME_MAX];

static socklen_t
name_of(struct sockaddr_un *sa, int i)
{
	*sa = (struct sockaddr_un){.sun_family = AF_UNIX};
	return offsetof(struct sockaddr_un, sun_path) + 1 +
	       snprintf(sa->sun_path + 1, sizeof(sa->sun_path) - 1, "tern.%s.%d", device, i);
}

static int
give(unsigned int to, struct head h, const void *data, uint32_t len)
{
	struct sockaddr_un sa;
	struct iovec v[2] = {{&h, sizeof(h)}, {(void *)(uintptr_t)data, len}};
	const struct msghdr m = {.msg_name = &sa, .msg_namelen = name_of(&sa, (int)to), .msg_iov = v, .msg_iovlen = 2};

	if (sendmsg(fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		return 0;
	if (errno == ECONNREFUSED) {
		there &= ~(1u << to);
		ready &= there;
	}
	return -errno;
}

int
peers_give(unsigned int to, enum peers_kind kind, const void *data, uint32_t len)
{
	return give(to, (struct head){kind, 0, place}, data, len);
}

/* Who comes after us, in the ring of those who can take it. */
static unsigned int
next(void)
{
	const uint32_t after = ready & ~((2u << place) - 1);

	return __builtin_ctz(after ? after : ready);
}

static bool
lives(unsigned int i)
{
	struct sockaddr_un sa;
	const int s = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	const bool is = s >= 0 && connect(s, (struct sockaddr *)&sa, name_of(&sa, (int)i)) == 0;

	if (s >= 0)
		close(s);
	return is;
}

/* A look at who is really there: nobody says that it died, and a full queue takes no word. */
static void
look_around(void)
{
	unsigned int i;

	for (i = 0; i < PLACES; i++) {
		there &= ~(1u << i);
		if (i != place && lives(i))
			there |= 1u << i;
	}
	ready &= there;
}

static uint32_t
say(uint32_t whom, enum peers_kind kind)
{
	uint32_t rest = 0;
	unsigned int i;
	int rc;

	for (i = 0; i < PLACES; i++) {
		if (!(whom & 1u << i))
			continue;
		rc = peers_give(i, kind, NULL, 0);
		if (rc == -EAGAIN)
			rest |= 1u << i;
		if (rc != -ECONNREFUSED)
			there |= 1u << i;
	}
	return rest;
}

/* What each is owed, in order: a full queue takes it later. */
static void
say_owed(void)
{
	uint32_t whom, waits = 0;
	unsigned int k;

	for (k = PEERS_HELLO; k <= PEERS_LEFT; k++) {
		whom = k == PEERS_READY && !self_ready ? 0 : owed[k] & ~waits;
		if (whom)
			owed[k] = (owed[k] & waits) | say(whom, k);
		waits |= owed[k];
	}
	any_owed = waits != 0;
}

static void
owe(uint32_t whom, enum peers_kind kind)
{
	owed[kind] |= whom;
	any_owed = true;
}

static bool
on_unbound(struct tern_worker *w, struct rte_mbuf *m, unsigned int ifidx, void *arg)
{
	const uint8_t from = going < 0 ? place : (unsigned int)going;
	const struct head h = {PEERS_BOUND, ifidx, from};
	const void *frame;

	if (!there)
		return false;
	if (m->pkt_len > FRAME_MAX) { /* a datagram of fragments that no mbuf of theirs could take */
		rte_pktmbuf_free(m);
		return true;
	}
	frame = rte_pktmbuf_read(m, 0, m->pkt_len, buf);
	while (ready && (going < 0 || from != place)) { /* else it was round */
		const unsigned int to = next();

		if (from != place && !(ready & 1u << from))
			return false;                                  /* who would answer is gone */
		if (give(to, h, frame, m->pkt_len) != -ECONNREFUSED) { /* its queue is full: lost, as on a wire */
			rte_pktmbuf_free(m);
			return true;
		}
	}
	return false;
}

/* To who has its queue: another one takes nothing yet. */
static void
tell(uint8_t kind, uint8_t ifidx, const void *data, uint32_t len)
{
	unsigned int i;

	for (i = 0; i < PLACES; i++)
		if (ready & 1u << i)
			give(i, (struct head){kind, ifidx, place}, data, len);
}

void
peers_tell(enum peers_kind kind, const void *data, uint32_t len)
{
	tell(kind, 0, data, len);
}

static void
on_neighbour(struct tern_worker *w, const struct rte_mbuf *m, unsigned int ifidx, void *arg)
{
	if (m->pkt_len <= FRAME_MAX)
		tell(PEERS_NEIGHBOUR, ifidx, rte_pktmbuf_read(m, 0, m->pkt_len, buf), m->pkt_len);
}

static void
hello(unsigned int from)
{
	there |= 1u << from;
	ready &= ~(1u << from); /* who had that place is gone */
	leaving &= ~(1u << from);
	owe(1u << from, PEERS_READY);
}

static void
take_frame(const struct head *h, const uint8_t *frame, uint32_t len)
{
	struct rte_mbuf *m = tern_mbuf_alloc(run.w);
	char *at;

	if (!m)
		return;
	at = rte_pktmbuf_append(m, len); /* a datagram has FRAME_MAX at most */
	if (!at) {
		rte_pktmbuf_free(m);
		return;
	}
	memcpy(at, frame, len);
	going = h->from;
	tern_worker_input(run.w, h->ifidx, &m, 1);
	going = -1;
}

static void
take(const struct head *h, const uint8_t *data, uint32_t len)
{
	if (h->from >= PLACES || h->ifidx >= options.conf.n_ifs)
		return;
	if (h->kind == PEERS_HELLO)
		hello(h->from);
	else if (h->kind != PEERS_BOUND) /* who received that one may be gone */
		ready |= 1u << h->from, there |= 1u << h->from;
	if (h->kind == PEERS_LEAVING)
		leaving |= 1u << h->from, owe(1u << h->from, PEERS_LEFT);
	if (h->kind == PEERS_LEFT)
		unheard &= ~(1u << h->from);
	if (h->kind <= PEERS_LEFT || !self_ready)
		return;
	if (h->kind == PEERS_ASK)
		heirs_asked(h->from, data, len);
	else if (h->kind == PEERS_LISTENS)
		heirs_found(h->from, data, len);
	else if (h->kind == PEERS_CONN)
		tern_accept_import(run.w, data, len); /* or its peer is reset */
	else if (len && len <= FRAME_MAX)
		take_frame(h, data, len);
}

/* A datagram of root, or of who we are: any user may send one. @return its bytes; 0: of somebody else's; -1: none. */
static ssize_t
receive(uint8_t *got, size_t room)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(struct ucred))];
	} who;
	struct iovec v = {got, room};
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = &who, .msg_controllen = sizeof(who)};
	const ssize_t n = recvmsg(fd, &m, MSG_DONTWAIT);
	const struct cmsghdr *c = n < 0 ? NULL : CMSG_FIRSTHDR(&m);
	struct ucred from;

	if (!c || c->cmsg_type != SCM_CREDENTIALS)
		return n < 0 ? n : 0;
	memcpy(&from, CMSG_DATA(c), sizeof(from));
	return from.uid == 0 || from.uid == geteuid() ? n : 0;
}

/* @return whether there is more, perhaps. */
static bool
take_all(void)
{
	static uint8_t got[sizeof(struct head) + PEERS_MAX];
	unsigned int i;
	ssize_t n;

	for (i = 0; i < BATCH; i++) {
		n = receive(got, sizeof(got));
		if (n < 0)
			return false;
		if (n >= (ssize_t)sizeof(struct head))
			take((struct head *)got, got + sizeof(struct head), n - sizeof(struct head));
	}
	return true;
}

void
peers_turn(void)
{
	const uint64_t now_us = tern_now_us(run.w);

	if (unlikely(!self_ready) && fd >= 0) {
		self_ready = true;
		owe(there, PEERS_READY);
	}
	if (fd < 0 || now_us - looked_us < (there ? LOOK_US : ALONE_US))
		return;
	looked_us = take_all() ? 0 : now_us;
	if (unlikely(any_owed))
		say_owed();
}

int
peers_fd(void)
{
	return fd;
}

/* --- to join ------------------------------------------------------------------------------------------------- */

static int
bound(int i)
{
	struct sockaddr_un sa;
	const int s = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1, room = 4 * PEERS_MAX;

	setsockopt(s, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room)); /* else less text goes with a connection */
	if (s >= 0 && setsockopt(s, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) == 0 &&
	    bind(s, (struct sockaddr *)&sa, name_of(&sa, i)) == 0)
		return s;
	if (s >= 0)
		close(s);
	return -1;
}

int
peers_join(const char *tap, struct tern_conf *conf)
{
	const struct timespec ms = {0, 1000000};
	unsigned int i;
	int gate;

	snprintf(device, sizeof(device), "%s", tap);
	for (place = 0; place < PLACES && fd < 0; place += fd < 0)
		fd = bound((int)place);
	if (fd < 0)
		return complain("run: %u processes are on %s already, which is all it may have", PLACES, tap);
	owe(((1u << PLACES) - 1) & ~(1u << place), PEERS_HELLO);
	say_owed();
	for (i = 0; (gate = bound(-1)) < 0; i++) {
		if (i == JOIN_MS)
			return complain("run: another process has been joining %s for %u s", tap, JOIN_MS / 1000);
		take_all();
		say_owed();
		nanosleep(&ms, NULL);
	}
	conf->app.unbound = on_unbound;
	conf->app.neighbour = on_neighbour;
	if (conf->tcp.port_min <= 1024 && conf->tcp.port_max == UINT16_MAX) {
		conf->tcp.port_min = place ? 1024 + (place - 1) * PORTS : 32768;
		conf->tcp.port_max = place ? conf->tcp.port_min + PORTS - 1 : UINT16_MAX;
	}
	return gate;
}

void
peers_forget(void)
{
	if (fd >= 0)
		close(fd);
	fd = -1;
}

void
peers_leave(void)
{
	if (fd < 0)
		return;
	unheard = ready;
	owe(ready, PEERS_LEAVING);
	say_owed();
}

bool
peers_unheard(void)
{
	return unheard & ready;
}

bool
peers_to_come(void)
{
	look_around();
	return there & ~ready && !(ready & ~leaving);
}

bool
peers_coming(void)
{
	look_around();
	return there & ~ready;
}

bool
peers_others(void)
{
	return there != 0;
}
