/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * libtern as packetdrill sees a stack: sockets over one worker, driven in the caller's time (pd_stack.h).
 *
 * Packets are IP datagrams: an Ethernet header is put before what arrives and taken off what leaves; ARP and neighbour
 * solicitations are answered here for any address, so that the peer, or a gateway to it, is always there. What a socket has
 * beyond a tern connection lives here: the descriptor, options set before there is a connection, SO_ERROR, shutdown for
 * reading, and what was received before an orderly end took the connection away.
 *
 * A call sends nothing by itself: what it queued leaves at the start of the next call or with run() or input(), which say
 * what time it is. Where POSIX leaves a choice (which error, when; poll bits) it is Linux's.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* POLLRDHUP, cpu_set_t */
#endif
#include <dlfcn.h>
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <linux/tcp.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_log.h>
#include <rte_mempool.h>
#include "cc.h"
#include "tcp.h"
#include "pd_stack.h"

#define N_SOCKS 256
#define N_MBUFS 4096
#define ROUNDS_MAX 1000 /* without time moving: more is a worker that spins */
#define ETH 14
#define EPOCH_US 1000000000ull /* the caller's 0: at 0 itself "never" would look recent to the worker */

/* An option that a socket remembers, so that it can be set before there is a connection and be inherited by accept(). */
enum opt {
	O_NODELAY, O_QUICKACK, O_KEEPALIVE, O_KEEPIDLE, O_KEEPINTVL, O_KEEPCNT, O_USER_TIMEOUT, O_SNDBUF, O_RCVBUF,
	O_TTL, O_TOS, O_CORK, O_MAXSEG, O_FASTOPEN, O_REUSEADDR, O_V6ONLY, O_CC, O_PLAIN, N_OPTS = O_PLAIN + 8,
};

struct sock {
	bool used, eof, shut_rd, shut_wr, connecting, reported;
	int domain, err; /* err: for SO_ERROR, positive; reading clears it */
	struct tern_endpoint local, peer;
	struct tern_listener *l[2]; /* the second for IPv4 of an IPv6 wildcard */
	struct tern_conn *c;
	uint32_t set; /* bits of opt[] that were set */
	int opt[N_OPTS];
	struct linger linger;
	uint8_t *left; /* received, not read, and the connection is gone */
	size_t left_len, left_off;
};

static struct sock socks[N_SOCKS];
static struct worker *w;
static struct rte_mempool *mp;
static uint64_t now;

static const uint8_t our_mac[6] = {2, 0, 0, 0, 0, 1}, peer_mac[6] = {2, 0, 0, 0, 0, 2};

/* --- the wire ------------------------------------------------------------------------------------------------- */

static void
feed(const uint8_t *frame, size_t len)
{
	struct rte_mbuf *head = rte_pktmbuf_alloc(mp), *m = head;

	for (size_t off = 0; m;) {
		const uint16_t n = RTE_MIN(len - off, (size_t)rte_pktmbuf_tailroom(m));

		memcpy(rte_pktmbuf_mtod(m, void *), frame + off, n);
		m->data_len = n;
		off += n;
		if (off == len)
			break;
		m->next = rte_pktmbuf_alloc(mp);
		m = m->next;
		head->nb_segs++;
	}
	if (!m) {
		rte_pktmbuf_free(head);
		return; /* as a device without descriptors: lost */
	}
	head->pkt_len = len;
	worker_input(w, 0, &head, 1);
}

static uint16_t
icmp6_sum(const uint8_t *ip, const uint8_t *l4, uint16_t len)
{
	uint32_t sum = len + IPPROTO_ICMPV6;

	for (unsigned int i = 0; i < 32; i += 2)
		sum += ip[8 + i] << 8 | ip[9 + i];
	for (unsigned int i = 0; i < len; i += 2)
		sum += l4[i] << 8 | l4[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

/* The only neighbour there is answers for every address. @return false: f is no question. */
static bool
answer_neighbour(const uint8_t *f, size_t len)
{
	uint8_t r[86] = {0};
	uint16_t sum;

	memcpy(r, our_mac, 6);
	memcpy(r + 6, peer_mac, 6);
	memcpy(r + 12, f + 12, 2);
	if (f[12] == 8 && f[13] == 6) {
		if (len < 42 || f[21] != 1 || memcmp(f + 28, f + 38, 4) == 0)
			return true;
		memcpy(r + 14, f + 14, 6);
		r[21] = 2;
		memcpy(r + 22, peer_mac, 6);
		memcpy(r + 28, f + 38, 4);
		memcpy(r + 32, f + 22, 10);
		feed(r, 42);
		return true;
	}
	if (f[12] != 0x86 || len < 78 || f[20] != IPPROTO_ICMPV6 || f[54] < 133 || f[54] > 137)
		return false;
	if (f[54] != 135 || (f[22] | f[37]) == 0) /* not a solicitation, or one of duplicate address detection */
		return true;
	r[14] = 0x60;
	r[19] = 32;
	r[20] = IPPROTO_ICMPV6;
	r[21] = 255;
	memcpy(r + 22, f + 62, 16);
	memcpy(r + 38, f + 22, 16);
	r[54] = 136;
	r[58] = 0x60; /* solicited, override: RFC 4861 4.4 */
	memcpy(r + 62, f + 62, 16);
	r[78] = 2;
	r[79] = 1;
	memcpy(r + 80, peer_mac, 6);
	sum = icmp6_sum(r + 14, r + 54, 32);
	r[56] = sum >> 8;
	r[57] = sum;
	feed(r, 86);
	return true;
}

/* @return whether anything left. */
static bool
take_output(void)
{
	struct iface *ifc = &w->ifs[0];
	struct rte_mbuf *tx[TX_RING];
	const unsigned int n = ifc->n_tx;
	static uint8_t buf[65536 + ETH];

	memcpy(tx, ifc->tx, n * sizeof(tx[0]));
	ifc->n_tx = 0;
	for (unsigned int i = 0; i < n; i++) {
		const size_t len = rte_pktmbuf_pkt_len(tx[i]);
		const uint8_t *f = rte_pktmbuf_read(tx[i], 0, len, buf);

		if (f && !answer_neighbour(f, len))
			pd_output(f + ETH, len - ETH);
		rte_pktmbuf_free(tx[i]);
	}
	return n != 0;
}

static void
flush(void)
{
	unsigned int rounds = 0;
	bool more;

	do {
		more = worker_run(w);
		more |= take_output();
	} while (more && ++rounds < ROUNDS_MAX);
	if (rounds == ROUNDS_MAX)
		fprintf(stderr, "tern: work without end at %llu us\n", (unsigned long long)now);
}

static void
set_time(uint64_t now_us)
{
	now_us += EPOCH_US;
	if (now_us > now)
		now = now_us;
	worker_set_time(w, now);
}

static void
be_run(uint64_t now_us)
{
	set_time(now_us);
	flush();
}

/* A script's address is ours whatever the flags said. */
static void
adopt(uint8_t af, const void *addr)
{
	static const uint8_t zero[16];
	struct iface *ifc = &w->ifs[0];

	if (link_is_local(ifc, af, addr) || memcmp(addr, zero, af == 4 ? 4 : 16) == 0)
		return;
	if (af == 4)
		memcpy(&ifc->laddr4, addr, 4);
	else
		memcpy(ifc->laddr6, addr, 16);
}

static void
be_input(const void *ip, size_t len, uint64_t now_us)
{
	static uint8_t frame[65536 + ETH];
	const uint8_t *p = ip;

	set_time(now_us);
	flush();
	if (len < 20 || len > 65535)
		return;
	memcpy(frame, our_mac, 6);
	memcpy(frame + 6, peer_mac, 6);
	frame[12] = p[0] >> 4 == 6 ? 0x86 : 0x08;
	frame[13] = p[0] >> 4 == 6 ? 0xdd : 0x00;
	memcpy(frame + ETH, p, len);
	if (p[0] >> 4 == 4)
		adopt(4, p + 16);
	else if (len >= 40)
		adopt(6, p + 24);
	feed(frame, ETH + len);
	flush();
}

static uint64_t
be_next_timer(void)
{
	const uint64_t at = worker_next_us(w);

	return at == UINT64_MAX ? at : at - EPOCH_US;
}

/* --- start and end -------------------------------------------------------------------------------------------- */

/*
 * packetdrill loads us with RTLD_DEEPBIND: then EAL sets and reads other optind and optarg than getopt() does. It goes through
 * its options twice; the first time ends at one it does not know, and the second then goes on where that ended, for it
 * fails to reset what getopt() uses. Options with an argument can't be had that way: the one lcore comes from the affinity.
 */
static int
start_eal(void)
{
	char *argv[] = {"tern", "--unknown", "--no-huge", "--no-shconf", "--no-pci", "--no-telemetry", NULL};
	void *program = dlopen(NULL, RTLD_LAZY);
	int *const ind = program ? dlsym(program, "optind") : NULL;
	const bool split = ind && ind != &optind;
	const int old = optind, program_old = split ? *ind : 0;
	int rc;

	opterr = 0;
	if (split)
		*ind = 0;
	else
		argv[1] = argv[0];
	rc = rte_eal_init(RTE_DIM(argv) - 1 - !split, argv + !split);
	optind = old;
	if (split)
		*ind = program_old;
	if (program)
		dlclose(program);
	return rc < 0 ? -rte_errno : 0;
}

static int
eal_init(void)
{
	cpu_set_t all, one;
	int rc;

	if (mp)
		return 0;
	sched_getaffinity(0, sizeof(all), &all);
	CPU_ZERO(&one);
	for (unsigned int i = 0; i < CPU_SETSIZE && !CPU_COUNT(&one); i++)
		if (CPU_ISSET(i, &all))
			CPU_SET(i, &one);
	sched_setaffinity(0, sizeof(one), &one);
	rte_log_set_global_level(RTE_LOG_ERR);
	rc = start_eal();
	sched_setaffinity(0, sizeof(all), &all);
	if (rc)
		return rc;
	mp = rte_pktmbuf_pool_create("pd", N_MBUFS, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	return mp ? 0 : -rte_errno;
}

/* Addresses in "key=value,key=value": those of keys that name the remote side or a gateway are not ours. */
static void
parse_flags(const char *flags, struct tern_if_conf *ic)
{
	char *copy = strdup(flags ? flags : ""), *save, *word;

	for (word = copy ? strtok_r(copy, ", ;", &save) : NULL; word; word = strtok_r(NULL, ", ;", &save)) {
		char *value = strchr(word, '=');

		if (!value || strstr(word, "remote") == word || strstr(word, "gw") == word || strstr(word, "gateway") == word)
			continue;
		value[1 + strcspn(value + 1, "/")] = 0;
		if (inet_pton(AF_INET, value + 1, ic->addr4) != 1)
			inet_pton(AF_INET6, value + 1, ic->addr6);
	}
	free(copy);
}

static int
be_init(const char *flags, uint64_t now_us)
{
	/* packetdrill's defaults: 192.168/16 and fd3d:fa7b:d17d::/48, the remote side behind a gateway. */
	struct tern_conf conf = {
		.max_conns = N_SOCKS, .max_requests = 1024, .max_timewait = N_SOCKS, .max_portsets = N_SOCKS,
		.max_listeners = N_SOCKS, .n_mbufs = N_MBUFS, .n_ifs = 1,
		.ifs[0] = {.addr4 = {192, 168, 0, 1}, .prefix4 = 16, .gw4 = {192, 168, 255, 254},
			   .addr6 = {0xfd, 0x3d, 0xfa, 0x7b, 0xd1, 0x7d, [15] = 1}, .prefix6 = 48,
			   .gw6 = {0xfe, 0x80, [15] = 0xfe}},
	};
	struct rte_ether_addr mac;
	int rc;

	rc = eal_init();
	if (rc)
		return rc;
	parse_flags(flags, &conf.ifs[0]);
	memcpy(conf.ifs[0].gw4, conf.ifs[0].addr4, 2);
	memcpy(&mac, our_mac, 6);
	memset(socks, 0, sizeof(socks));
	now = now_us + EPOCH_US;
	rc = worker_conf_defaults(&conf);
	rc = rc ? rc : worker_create(&w, &conf, 0, 0, mp, now);
	if (rc)
		return rc;
	rc = link_iface_init(&w->ifs[0], 0, &conf.ifs[0], &mac, 1500);
	w->n_ifs = 1;
	w->ifs[0].tx_multi_seg = true;
	flush();
	return rc;
}

static void
be_fini(void)
{
	for (unsigned int i = 0; i < N_SOCKS; i++)
		free(socks[i].left);
	memset(socks, 0, sizeof(socks));
	worker_destroy(w);
	w = NULL;
	if (rte_mempool_avail_count(mp) != N_MBUFS) {
		fprintf(stderr, "tern: %u packet buffers were not given back\n", N_MBUFS - rte_mempool_avail_count(mp));
		abort();
	}
}

/* --- addresses ------------------------------------------------------------------------------------------------ */

static const uint8_t mapped[12] = {[10] = 0xff, 0xff}; /* ::ffff:0:0/96, RFC 4291 2.5.5.2 */

static int
to_endpoint(const struct sock *s, const struct sockaddr *a, socklen_t l, struct tern_endpoint *e)
{
	memset(e, 0, sizeof(*e));
	if (!a || l < (s->domain == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6)))
		return -EINVAL;
	if (a->sa_family != s->domain)
		return -EAFNOSUPPORT;
	if (s->domain == AF_INET) {
		const struct sockaddr_in *in = (const struct sockaddr_in *)a;

		e->af = 4;
		e->port = in->sin_port;
		memcpy(e->addr, &in->sin_addr, 4);
	} else {
		const struct sockaddr_in6 *in = (const struct sockaddr_in6 *)a;
		const bool v4 = memcmp(&in->sin6_addr, mapped, 12) == 0;

		e->af = v4 ? 4 : 6;
		e->port = in->sin6_port;
		memcpy(e->addr, (const uint8_t *)&in->sin6_addr + (v4 ? 12 : 0), v4 ? 4 : 16);
	}
	return 0;
}

static void
from_endpoint(const struct sock *s, const struct tern_endpoint *e, struct sockaddr *a, socklen_t *l)
{
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = e->port};
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = e->port};
	const socklen_t n = s->domain == AF_INET ? sizeof(in) : sizeof(in6);

	if (!a || !l)
		return;
	memcpy(&in.sin_addr, e->addr, 4);
	if (e->af == 4) {
		memcpy(&in6.sin6_addr, mapped, 12);
		memcpy((uint8_t *)&in6.sin6_addr + 12, e->addr, 4);
	} else {
		memcpy(&in6.sin6_addr, e->addr, 16);
	}
	memcpy(a, s->domain == AF_INET ? (void *)&in : (void *)&in6, RTE_MIN(*l, n));
	*l = n;
}

/* --- sockets -------------------------------------------------------------------------------------------------- */

static struct sock *
get(int h)
{
	if (!w || h < 0 || h >= N_SOCKS || !socks[h].used)
		return NULL;
	flush();
	return &socks[h];
}

static unsigned int
state_of(const struct sock *s)
{
	return s->c ? ((const struct conn *)s->c)->state : s->l[0] ? TERN_LISTEN : TERN_CLOSED;
}

/* Keep what was received: the application may read it after the end. */
static void
keep_received(struct sock *s)
{
	const size_t n = tern_recv_queued(s->c);

	if (n == 0)
		return;
	s->left = malloc(n);
	s->left_len = s->left ? tern_recv(s->c, s->left, n) : 0;
	s->left_off = 0;
}

static void
on_closed(struct tern_conn *c, void *user, int err)
{
	struct sock *s = user;

	keep_received(s);
	s->c = NULL;
	s->eof = true;
	s->err = -err;
}

static const struct tern_ops conn_ops = {.closed = on_closed};
static const struct tern_ops listen_ops;

static int
new_sock(int domain)
{
	for (int h = 0; h < N_SOCKS; h++)
		if (!socks[h].used) {
			socks[h] = (struct sock){.used = true, .domain = domain};
			return h;
		}
	return -EMFILE;
}

static int
be_socket(int domain, int type, int proto)
{
	if (domain != AF_INET && domain != AF_INET6)
		return -EAFNOSUPPORT;
	if ((type & 0xf) != SOCK_STREAM || (proto != 0 && proto != IPPROTO_TCP))
		return -EPROTONOSUPPORT;
	return new_sock(domain);
}

static int
be_bind(int h, const struct sockaddr *a, socklen_t l)
{
	struct sock *s = get(h);
	struct tern_endpoint e;
	int rc;

	if (!s)
		return -EBADF;
	if (s->local.af || s->c || s->l[0])
		return -EINVAL;
	rc = to_endpoint(s, a, l, &e);
	if (rc)
		return rc;
	for (unsigned int i = 0; i < N_SOCKS; i++) {
		const struct sock *o = &socks[i];

		if (o->used && o->local.af == e.af && e.port && o->local.port == e.port && !o->c &&
		    (o->l[0] || !o->opt[O_REUSEADDR] || !s->opt[O_REUSEADDR]))
			return -EADDRINUSE;
	}
	adopt(e.af, e.addr);
	s->local = e;
	return 0;
}

static void apply_options(struct sock *s);

static int
be_listen(int h, int backlog)
{
	struct sock *s = get(h);
	const uint8_t af = s && s->domain == AF_INET ? 4 : 6;
	struct tern_endpoint e4;
	int rc;

	if (!s)
		return -EBADF;
	if (s->c)
		return -EINVAL;
	if (s->l[0])
		return 0;
	if (backlog < 0)
		backlog = 4096;
	if (!s->local.af)
		s->local.af = af;
	for (unsigned int tries = 0; s->local.port == 0 && tries < 1; tries++)
		s->local.port = htons(32768 + worker_rand(w) % 28000);
	rc = tern_listen((struct tern_worker *)w, &s->local, backlog, &listen_ops, s, &s->l[0]);
	apply_options(s);
	if (rc || s->local.af == 4 || s->opt[O_V6ONLY])
		return rc;
	e4 = (struct tern_endpoint){.af = 4, .port = s->local.port};
	if (memcmp(s->local.addr, (uint8_t[16]){0}, 16) == 0 &&
	    tern_listen((struct tern_worker *)w, &e4, backlog, &listen_ops, s, &s->l[1]))
		s->l[1] = NULL; /* someone else has it */
	apply_options(s);
	return 0;
}

static int
be_accept(int h, struct sockaddr *a, socklen_t *l)
{
	struct sock *s = get(h), *n;
	struct tern_conn *c = NULL;
	struct tern_info info;
	int nh;

	if (!s)
		return -EBADF;
	if (!s->l[0])
		return -EINVAL;
	nh = new_sock(s->domain);
	if (nh < 0)
		return nh;
	n = &socks[nh];
	for (unsigned int i = 0; i < 2 && !c; i++)
		c = s->l[i] ? tern_accept(s->l[i], &conn_ops, n) : NULL;
	if (!c) {
		n->used = false;
		return -EAGAIN;
	}
	n->c = c;
	tern_conn_info(c, &info);
	n->local = info.local;
	n->peer = info.remote;
	n->reported = true;
	n->set = s->set;
	n->linger = s->linger;
	memcpy(n->opt, s->opt, sizeof(n->opt));
	apply_options(n);
	from_endpoint(n, &n->peer, a, l);
	return nh;
}

static int
be_connect_done(int h)
{
	struct sock *s = get(h);
	int err;

	if (!s)
		return -EBADF;
	if (s->c) {
		const unsigned int st = state_of(s);

		return st == TERN_SYN_SENT || st == TERN_SYN_RECEIVED ? -EINPROGRESS : 0;
	}
	if (!s->connecting)
		return -ENOTCONN;
	err = s->err;
	s->err = 0;
	return -err;
}

static int
be_connect(int h, const struct sockaddr *a, socklen_t l)
{
	struct sock *s = get(h);
	struct tern_endpoint peer;
	struct tern_info info;
	int rc;

	if (!s)
		return -EBADF;
	if (s->l[0])
		return -EISCONN;
	if (s->c) {
		const unsigned int st = state_of(s);

		if (st == TERN_SYN_SENT || st == TERN_SYN_RECEIVED)
			return -EALREADY;
		if (s->reported)
			return -EISCONN;
		s->reported = true;
		return 0;
	}
	if (s->err) {
		rc = -s->err;
		s->err = 0;
		return rc;
	}
	rc = to_endpoint(s, a, l, &peer);
	if (rc)
		return rc;
	s->eof = s->shut_rd = s->shut_wr = false; /* a socket may try again */
	rc = tern_connect((struct tern_worker *)w, s->local.af ? &s->local : NULL, &peer, &conn_ops, s, &s->c);
	if (rc) {
		s->c = NULL;
		return rc;
	}
	s->connecting = true;
	s->reported = false;
	tern_conn_info(s->c, &info);
	s->local = info.local;
	s->peer = info.remote;
	apply_options(s);
	return 0;
}

/* The error of a connection that is gone, once. */
static int
take_error(struct sock *s)
{
	const int err = s->err;

	s->err = 0;
	return -err;
}

static ssize_t
recv_left(struct sock *s, void *buf, size_t len, int flags)
{
	const size_t n = RTE_MIN(len, s->left_len - s->left_off);

	if (!(flags & MSG_TRUNC))
		memcpy(buf, s->left + s->left_off, n);
	if (!(flags & MSG_PEEK))
		s->left_off += n;
	return n;
}

static ssize_t
be_recv(int h, void *buf, size_t len, int flags)
{
	struct sock *s = get(h);
	uint8_t *dump = NULL;
	ssize_t n;

	if (!s)
		return -EBADF;
	if (s->l[0])
		return -ENOTCONN;
	if (s->left_off < s->left_len)
		return recv_left(s, buf, len, flags);
	if (!s->c) {
		if (s->err)
			return take_error(s);
		return s->eof || s->shut_rd ? 0 : -ENOTCONN;
	}
	if (len == 0)
		return 0;
	if (flags & MSG_TRUNC) /* throw away */
		buf = dump = malloc(len);
	n = flags & MSG_PEEK ? tern_peek(s->c, buf, len) : tern_recv(s->c, buf, len);
	free(dump);
	return n == -EAGAIN && s->shut_rd ? 0 : n;
}

static ssize_t
be_send(int h, const void *buf, size_t len, int flags)
{
	struct sock *s = get(h);
	unsigned int st;

	if (!s)
		return -EBADF;
	if (s->err)
		return take_error(s);
	if (!s->c || s->shut_wr)
		return -EPIPE;
	st = state_of(s);
	if (st == TERN_SYN_SENT || st == TERN_SYN_RECEIVED)
		return -EAGAIN;
	if (flags & MSG_OOB)
		return tern_send_urgent(s->c, buf, len);
	return flags & MSG_MORE ? tern_send_more(s->c, buf, len) : tern_send(s->c, buf, len);
}

static int
be_shutdown(int h, int how)
{
	struct sock *s = get(h);
	struct tern_conn *c;

	if (!s)
		return -EBADF;
	if (how != SHUT_RD && how != SHUT_WR && how != SHUT_RDWR)
		return -EINVAL;
	if (s->l[0]) {
		for (unsigned int i = 0; how != SHUT_WR && i < 2; i++)
			if (s->l[i]) {
				tern_listener_close(s->l[i]);
				s->l[i] = NULL;
			}
		return 0;
	}
	if (!s->c)
		return -ENOTCONN;
	if (state_of(s) == TERN_SYN_SENT) {
		c = s->c;
		s->c = NULL;
		tern_abort(c);
		return 0;
	}
	s->shut_rd |= how != SHUT_WR;
	if (how == SHUT_RD || s->shut_wr)
		return 0;
	s->shut_wr = true;
	tern_shutdown(s->c);
	return 0;
}

static int
be_close(int h)
{
	struct sock *s = get(h);

	if (!s)
		return -EBADF;
	for (unsigned int i = 0; i < 2; i++)
		if (s->l[i])
			tern_listener_close(s->l[i]);
	if (s->c)
		tern_close(s->c);
	free(s->left);
	memset(s, 0, sizeof(*s));
	return 0;
}

static int
be_pollev(int h)
{
	struct sock *s = get(h);
	unsigned int st;
	bool eof;
	int ev = 0;

	if (!s)
		return POLLNVAL;
	if (s->l[0]) {
		for (unsigned int i = 0; i < 2; i++)
			if (s->l[i] && s->l[i]->acc_head)
				ev |= POLLIN | POLLRDNORM;
		return ev;
	}
	st = state_of(s);
	if (s->err)
		ev |= POLLERR;
	if (st == TERN_SYN_SENT || st == TERN_SYN_RECEIVED)
		return ev;
	eof = s->shut_rd || s->eof || (s->c && ((struct conn *)s->c)->flags & C_FIN_RCVD);
	if ((!s->c) || (eof && s->shut_wr))
		ev |= POLLHUP;
	if (eof)
		ev |= POLLIN | POLLRDNORM | POLLRDHUP;
	if (s->left_off < s->left_len || (s->c && tern_recv_queued(s->c)))
		ev |= POLLIN | POLLRDNORM;
	if (s->c && tern_urgent_left(s->c))
		ev |= POLLPRI;
	if (s->shut_wr || !s->c || tern_send_space(s->c) >= tern_send_queued(s->c) / 2)
		ev |= POLLOUT | POLLWRNORM;
	return ev;
}

static long
be_qlen(int h, int out)
{
	struct sock *s = get(h);
	const struct conn *c;

	if (!s)
		return -EBADF;
	if (s->l[0])
		return -EINVAL;
	c = (const struct conn *)s->c;
	if (!out)
		return s->left_len - s->left_off + (c ? c->rcv_queued : 0);
	if (!c || c->state == TERN_SYN_SENT || c->state == TERN_SYN_RECEIVED)
		return 0;
	return c->snd_queued + !!(c->flags & C_FIN_QUEUED && c->state != TERN_FIN_WAIT_2);
}

/* --- options -------------------------------------------------------------------------------------------------- */

/*
 * Where an option is kept, what tern calls it (TERN_NONE: nothing), and the default getsockopt() shows. IPPROTO_TCP options that
 * scripts set but tern needs no knob for are remembered only.
 */
#define TERN_NONE 255
static const struct optmap {
	int lvl, opt;
	uint8_t kept, tern;
	int dflt, min, max;
} optmap[] = {
	{IPPROTO_TCP, TCP_NODELAY, O_NODELAY, TERN_OPT_NODELAY, 0, INT32_MIN, INT32_MAX},
	{IPPROTO_TCP, TCP_QUICKACK, O_QUICKACK, TERN_OPT_QUICKACK, 1, INT32_MIN, INT32_MAX},
	{IPPROTO_TCP, TCP_CORK, O_CORK, TERN_OPT_CORK, 0, INT32_MIN, INT32_MAX},
	{IPPROTO_TCP, TCP_MAXSEG, O_MAXSEG, TERN_OPT_MAXSEG, 536, 64, 32767},
	{IPPROTO_TCP, TCP_FASTOPEN, O_FASTOPEN, TERN_NONE, 0, 0, INT32_MAX},
	{IPPROTO_TCP, TCP_KEEPIDLE, O_KEEPIDLE, TERN_OPT_KEEPIDLE_S, 7200, 1, 32767},
	{IPPROTO_TCP, TCP_KEEPINTVL, O_KEEPINTVL, TERN_OPT_KEEPINTVL_S, 75, 1, 32767},
	{IPPROTO_TCP, TCP_KEEPCNT, O_KEEPCNT, TERN_OPT_KEEPCNT, 9, 1, 127},
	{IPPROTO_TCP, TCP_USER_TIMEOUT, O_USER_TIMEOUT, TERN_OPT_USER_TIMEOUT_MS, 0, 0, INT32_MAX},
	{SOL_SOCKET, SO_KEEPALIVE, O_KEEPALIVE, TERN_OPT_KEEPALIVE, 0, INT32_MIN, INT32_MAX},
	{SOL_SOCKET, SO_SNDBUF, O_SNDBUF, TERN_OPT_SNDBUF, 131072, 0, INT32_MAX},
	{SOL_SOCKET, SO_RCVBUF, O_RCVBUF, TERN_OPT_RCVBUF, 131072, 0, INT32_MAX},
	{SOL_SOCKET, SO_REUSEADDR, O_REUSEADDR, TERN_NONE, 0, INT32_MIN, INT32_MAX},
	{SOL_SOCKET, SO_REUSEPORT, O_PLAIN, TERN_NONE, 0, INT32_MIN, INT32_MAX},
	{IPPROTO_IP, IP_TOS, O_TOS, TERN_OPT_TOS, 0, 0, 255},
	{IPPROTO_IP, IP_TTL, O_TTL, TERN_OPT_TTL, 64, 1, 255},
	{IPPROTO_IPV6, IPV6_TCLASS, O_TOS, TERN_OPT_TOS, 0, 0, 255},
	{IPPROTO_IPV6, IPV6_UNICAST_HOPS, O_TTL, TERN_OPT_TTL, 64, 1, 255},
	{IPPROTO_IPV6, IPV6_V6ONLY, O_V6ONLY, TERN_NONE, 0, INT32_MIN, INT32_MAX},
	{IPPROTO_TCP, TCP_SYNCNT, O_PLAIN + 1, TERN_NONE, 6, 1, 127},
	{IPPROTO_TCP, TCP_LINGER2, O_PLAIN + 2, TERN_NONE, 60, INT32_MIN, INT32_MAX},
	{IPPROTO_TCP, TCP_DEFER_ACCEPT, O_PLAIN + 3, TERN_NONE, 0, INT32_MIN, INT32_MAX},
	{IPPROTO_TCP, TCP_WINDOW_CLAMP, O_PLAIN + 4, TERN_NONE, 0, INT32_MIN, INT32_MAX},
	{IPPROTO_TCP, TCP_NOTSENT_LOWAT, O_PLAIN + 5, TERN_NONE, 0, INT32_MIN, INT32_MAX},
	{IPPROTO_IP, IP_MTU_DISCOVER, O_PLAIN + 6, TERN_NONE, 1, 0, 5},
	{SOL_SOCKET, SO_PRIORITY, O_PLAIN + 7, TERN_NONE, 0, INT32_MIN, INT32_MAX},
};

static const struct optmap *
find_option(int lvl, int opt)
{
	for (unsigned int i = 0; i < RTE_DIM(optmap); i++)
		if (optmap[i].lvl == lvl && optmap[i].opt == opt)
			return &optmap[i];
	return NULL;
}

static void
set_tern(struct sock *s, enum tern_opt opt, uint32_t v)
{
	for (unsigned int i = 0; i < 2; i++)
		if (s->l[i])
			tern_listen_setopt(s->l[i], opt, v);
	if (s->c)
		tern_setopt(s->c, opt, v);
}

static void
apply_one(struct sock *s, const struct optmap *o)
{
	uint32_t v = s->opt[o->kept];

	for (unsigned int i = 0; i < 2; i++)
		if (s->l[i] && o->kept == O_FASTOPEN)
			tern_listener_fastopen(s->l[i], v);
	if (o->tern == TERN_NONE)
		return;
	if (o->tern == TERN_OPT_SNDBUF || o->tern == TERN_OPT_RCVBUF)
		v = RTE_MAX(v, 2048u);
	if (o->tern == TERN_OPT_QUICKACK)
		v = v ? TERN_QUICKACK_ON : TERN_QUICKACK_OFF;
	if (o->tern == TERN_OPT_KEEPCNT)
		v = RTE_MAX(v, 2u); /* MUST-29 */
	if (o->tern == TERN_OPT_USER_TIMEOUT_MS && v == 0)
		v = w->conf.tcp.user_timeout_ms;
	set_tern(s, o->tern, v);
}

static void
apply_options(struct sock *s)
{
	for (unsigned int i = 0; i < RTE_DIM(optmap); i++)
		if (s->set & 1u << optmap[i].kept)
			apply_one(s, &optmap[i]);
	if (s->linger.l_onoff && s->linger.l_linger == 0)
		set_tern(s, TERN_OPT_LINGER0, 1);
	if (s->set & 1u << O_CC)
		set_tern(s, TERN_OPT_CC, s->opt[O_CC]);
}

/* TCP_CONGESTION: the number and the name of it. Linux's name for NewReno is reno. */
static int
set_congestion(struct sock *s, const char *name, socklen_t l)
{
	for (unsigned int i = 0; i < TERN_CC_COUNT; i++) {
		const char *own = i == TERN_CC_NEWRENO ? "reno" : cc_get(i)->name;

		if (strnlen(name, l) != strlen(own) || strncmp(name, own, l))
			continue;
		s->opt[O_CC] = i;
		s->set |= 1u << O_CC;
		set_tern(s, TERN_OPT_CC, i);
		return 0;
	}
	return -ENOENT;
}

static const char *
get_congestion(const struct sock *s)
{
	const unsigned int kept = s->set & 1u << O_CC ? (unsigned int)s->opt[O_CC] : w->conf.tcp.cc;
	const unsigned int cc = s->c ? ((const struct conn *)s->c)->cc : kept;

	return cc == TERN_CC_NEWRENO ? "reno" : cc_get(cc)->name;
}

static int
be_setsockopt(int h, int lvl, int opt, const void *v, socklen_t l)
{
	struct sock *s = get(h);
	const struct optmap *o;
	int value = 0;

	if (!s)
		return -EBADF;
	if (lvl == SOL_SOCKET && opt == SO_LINGER) {
		if (l < sizeof(s->linger))
			return -EINVAL;
		memcpy(&s->linger, v, sizeof(s->linger));
		set_tern(s, TERN_OPT_LINGER0, s->linger.l_onoff && s->linger.l_linger == 0);
		return 0;
	}
	if (lvl == IPPROTO_TCP && opt == TCP_CONGESTION)
		return set_congestion(s, v, l);
	o = find_option(lvl, opt);
	if (!o)
		return -ENOPROTOOPT;
	if (l < sizeof(value))
		return -EINVAL;
	memcpy(&value, v, sizeof(value));
	if (value < o->min || value > o->max)
		return -EINVAL;
	s->opt[o->kept] = value;
	s->set |= 1u << o->kept;
	apply_one(s, o);
	return 0;
}

static int
put_value(void *v, socklen_t *l, const void *value, socklen_t n)
{
	if (!v || !l)
		return -EFAULT;
	n = RTE_MIN(*l, n);
	memcpy(v, value, n);
	*l = n;
	return 0;
}

static void
fill_tcp_info(const struct sock *s, struct tcp_info *ti)
{
	const struct conn *c = (const struct conn *)s->c;
	struct tern_info info;

	memset(ti, 0, sizeof(*ti));
	ti->tcpi_state = state_of(s);
	if (!c)
		return;
	tern_conn_info(s->c, &info);
	ti->tcpi_options = (c->flags & C_ECN ? TCPI_OPT_ECN : 0) | (c->feat & F_TS ? TCPI_OPT_TIMESTAMPS : 0) | (c->feat & F_SACK ? TCPI_OPT_SACK : 0) |
			   (c->feat & F_WS ? TCPI_OPT_WSCALE : 0);
	ti->tcpi_snd_wscale = c->snd_ws;
	ti->tcpi_rcv_wscale = c->rcv_ws;
	ti->tcpi_rto = info.rto_us;
	ti->tcpi_snd_mss = info.mss;
	ti->tcpi_rcv_mss = c->rcv_mss;
	ti->tcpi_advmss = tcp_mss_offer(&w->ifs[0], c->af);
	ti->tcpi_unacked = info.mss ? (c->snd_max - c->snd_una + info.mss - 1) / info.mss : 0;
	ti->tcpi_rtt = info.srtt_us;
	ti->tcpi_rttvar = info.rttvar_us;
	ti->tcpi_snd_ssthresh = info.ssthresh == UINT32_MAX || !info.mss ? INT32_MAX : info.ssthresh / info.mss;
	ti->tcpi_snd_cwnd = info.mss ? info.cwnd / info.mss : 0;
	ti->tcpi_rcv_space = info.rcv_wnd;
	ti->tcpi_total_retrans = info.retrans;
	ti->tcpi_pmtu = w->ifs[0].mtu;
	ti->tcpi_notsent_bytes = seq_lt(c->snd_nxt, c->snd_una + c->snd_queued) ? c->snd_una + c->snd_queued - c->snd_nxt : 0;
}

static int
be_getsockopt(int h, int lvl, int opt, void *v, socklen_t *l)
{
	struct sock *s = get(h);
	const struct optmap *o;
	char name[16] = ""; /* TCP_CA_NAME_MAX, as Linux fills it */
	struct tcp_info ti;
	int value;

	if (!s)
		return -EBADF;
	if (lvl == IPPROTO_TCP && opt == TCP_INFO) {
		fill_tcp_info(s, &ti);
		return put_value(v, l, &ti, sizeof(ti));
	}
	if (lvl == IPPROTO_TCP && opt == TCP_CONGESTION) {
		snprintf(name, sizeof(name), "%s", get_congestion(s));
		return put_value(v, l, name, sizeof(name));
	}
	if (lvl == SOL_SOCKET && opt == SO_LINGER)
		return put_value(v, l, &s->linger, sizeof(s->linger));
	if (lvl == SOL_SOCKET && opt == SO_ERROR)
		value = -take_error(s);
	else if (lvl == SOL_SOCKET && opt == SO_TYPE)
		value = SOCK_STREAM;
	else if (lvl == SOL_SOCKET && opt == SO_ACCEPTCONN)
		value = s->l[0] != NULL;
	else if (lvl == IPPROTO_TCP && opt == TCP_MAXSEG && s->c && state_of(s) != TERN_SYN_SENT)
		value = ((struct conn *)s->c)->mss;
	else if ((o = find_option(lvl, opt)))
		value = s->set & 1u << o->kept ? s->opt[o->kept] : o->dflt;
	else
		return -ENOPROTOOPT;
	return put_value(v, l, &value, sizeof(value));
}

const struct pd_stack pd_backend = {
	.name = "tern",
	.init = be_init,
	.fini = be_fini,
	.input = be_input,
	.next_timer = be_next_timer,
	.run = be_run,
	.socket = be_socket,
	.bind = be_bind,
	.listen = be_listen,
	.accept = be_accept,
	.connect = be_connect,
	.connect_done = be_connect_done,
	.recv = be_recv,
	.send = be_send,
	.shutdown = be_shutdown,
	.close = be_close,
	.getsockopt = be_getsockopt,
	.setsockopt = be_setsockopt,
	.pollev = be_pollev,
	.qlen = be_qlen,
};
