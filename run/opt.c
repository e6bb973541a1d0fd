/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Options, names, and what fcntl() and ioctl() say of a socket. The kernel's socket behind the descriptor is told, too,
 * while it may still be the kernel's, or listens; and it answers for what has no meaning here, so that errors are its.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include "open.h"

#define KERNEL_ANSWERS "the kernel's socket behind it answers, which carries nothing"

int
run_name(int fd, struct sockaddr *sa, socklen_t *len, bool peer)
{
	struct tern_info info;
	struct sock *s;
	int rc = sock_enter(fd, &s);

	if (rc)
		return rc;
	if (s->kind == SOCK_CONN && s->c && !peer) {
		tern_conn_info(s->c, &info, sizeof(info));
		s->local = info.local;
	}
	if (!peer && s->kind != SOCK_CONN)
		rc = getsockname(fd, sa, len) ? -errno : 0;
	else if (!peer)
		name_out(&s->local, s->family, sa, len);
	else if (s->kind != SOCK_CONN || s->connecting || !s->c)
		rc = -ENOTCONN;
	else
		name_out(&s->remote, s->family, sa, len);
	run_leave();
	return rc;
}

/* --- options that are tern's ---------------------------------------------------------------------------------- */

static const struct {
	int level, name;
	enum tern_opt opt;
	uint32_t min, max; /* Linux's */
} known[] = {
	{IPPROTO_TCP, TCP_NODELAY, TERN_OPT_NODELAY, 0, 1},
	{IPPROTO_TCP, TCP_CORK, TERN_OPT_CORK, 0, 1},
	{IPPROTO_TCP, TCP_QUICKACK, TERN_OPT_QUICKACK, 0, 1},
	{IPPROTO_TCP, TCP_KEEPIDLE, TERN_OPT_KEEPIDLE_S, 1, 32767},
	{IPPROTO_TCP, TCP_KEEPINTVL, TERN_OPT_KEEPINTVL_S, 1, 32767},
	{IPPROTO_TCP, TCP_KEEPCNT, TERN_OPT_KEEPCNT, 1, 127},
	{IPPROTO_TCP, TCP_MAXSEG, TERN_OPT_MAXSEG, 88, 32767},
	{IPPROTO_TCP, TCP_USER_TIMEOUT, TERN_OPT_USER_TIMEOUT_MS, 0, INT32_MAX},
	{SOL_SOCKET, SO_KEEPALIVE, TERN_OPT_KEEPALIVE, 0, 1},
	{SOL_SOCKET, SO_SNDBUF, TERN_OPT_SNDBUF, 0, INT32_MAX},
	{SOL_SOCKET, SO_RCVBUF, TERN_OPT_RCVBUF, 0, INT32_MAX},
	{SOL_SOCKET, SO_SNDBUFFORCE, TERN_OPT_SNDBUF, 0, INT32_MAX},
	{SOL_SOCKET, SO_RCVBUFFORCE, TERN_OPT_RCVBUF, 0, INT32_MAX},
	{IPPROTO_IP, IP_TTL, TERN_OPT_TTL, 1, 255},
	{IPPROTO_IP, IP_TOS, TERN_OPT_TOS, 0, 255},
	{IPPROTO_IPV6, IPV6_UNICAST_HOPS, TERN_OPT_TTL, 1, 255},
	{IPPROTO_IPV6, IPV6_TCLASS, TERN_OPT_TOS, 0, 255},
};

static int
find(int level, int name)
{
	unsigned int i;

	for (i = 0; i < RTE_DIM(known); i++)
		if (known[i].level == level && known[i].name == name)
			return i;
	return -1;
}

static bool
is_buffer(enum tern_opt opt)
{
	return opt == TERN_OPT_SNDBUF || opt == TERN_OPT_RCVBUF;
}

/* Linux's number as tern's: a flag is any number but 0; a buffer is doubled there, and at least so large. */
static int
to_tern(unsigned int k, int val, uint32_t *out)
{
	if (known[k].max == 1)
		*out = val != 0;
	else if (is_buffer(known[k].opt))
		*out = RTE_MAX(val < 0 ? 0 : val, 4608);
	else if (known[k].opt == TERN_OPT_TTL && val == -1)
		*out = 64; /* the default */
	else if (val < (int)known[k].min || (uint32_t)val > known[k].max)
		return -EINVAL;
	else
		*out = val;
	if (known[k].opt == TERN_OPT_USER_TIMEOUT_MS && !val)
		*out = 100000; /* the default */
	if (known[k].opt == TERN_OPT_KEEPCNT && val == 1)
		*out = 2; /* one probe may be lost (RFC 9293 MUST-26) */
	if (known[k].opt == TERN_OPT_TOS)
		*out &= ~3u;
	return 0;
}

static int
set_known(struct sock *s, unsigned int k, int val)
{
	const enum tern_opt opt = known[k].opt;
	uint32_t v;
	unsigned int i;
	int rc = to_tern(k, val, &v);

	if (rc)
		return rc;
	if (opt == TERN_OPT_QUICKACK)
		v = v ? TERN_QUICKACK_AUTO : TERN_QUICKACK_OFF;
	s->opts[opt] = v;
	s->opts_set |= 1u << opt;
	if (opt == TERN_OPT_USER_TIMEOUT_MS && !val) /* which reads as 0 */
		s->opts_set &= ~(1u << opt);
	for (i = 0; i < 2; i++)
		if (s->l[i])
			rc = tern_listen_setopt(s->l[i], opt, v);
	if (s->c)
		rc = tern_setopt(s->c, opt, v);
	return rc;
}

static int
get_known(struct sock *s, unsigned int k)
{
	const enum tern_opt opt = known[k].opt;
	uint32_t v = s->opts[opt];

	if (s->c)
		tern_getopt(s->c, opt, &v);
	if (opt == TERN_OPT_QUICKACK)
		return v != TERN_QUICKACK_OFF;
	if (opt == TERN_OPT_USER_TIMEOUT_MS && !(s->opts_set & 1u << opt))
		return 0;
	return is_buffer(opt) ? (int)RTE_MIN(2u * v, (uint32_t)INT32_MAX) : (int)v;
}

static int
set_congestion(struct sock *s, const char *name, socklen_t len)
{
	static const char *const names[TERN_CC_COUNT] = {"cubic", "reno", "dctcp"};
	unsigned int i;

	for (i = 0; i < TERN_CC_COUNT; i++) {
		if (strnlen(name, len) != strlen(names[i]) || memcmp(name, names[i], strlen(names[i])))
			continue;
		s->opts[TERN_OPT_CC] = i;
		s->opts_set |= 1u << TERN_OPT_CC;
		return s->c ? tern_setopt(s->c, TERN_OPT_CC, i) : 0;
	}
	return -ENOENT;
}

static int
set_linger(struct sock *s, const struct linger *l)
{
	s->linger_s = l->l_linger;
	s->linger_ms = l->l_onoff ? RTE_MIN((uint64_t)l->l_linger * 1000, UINT64_C(86400000)) : TERN_LINGER_OFF;
	return 0;
}

static int
set_timeout(uint64_t *us, const struct timeval *t)
{
	if (t->tv_usec < 0 || t->tv_usec > 999999)
		return -EDOM;
	*us = t->tv_sec < 0 ? 0 : t->tv_sec * UINT64_C(1000000) + t->tv_usec;
	return 0;
}

/* What can be set before there is a connection only; the placeholder is none. */
static bool
is_early(int level, int name)
{
	return (level == IPPROTO_IPV6 && name == IPV6_V6ONLY) ||
	       (level == IPPROTO_TCP && (name == TCP_FASTOPEN || name == TCP_FASTOPEN_CONNECT));
}

/* Those with a value of their own kind. @return 1: it is none of them. */
static int
set_special(struct sock *s, int level, int name, const void *val, socklen_t len)
{
	if (level == SOL_SOCKET && name == SO_LINGER)
		return len < sizeof(struct linger) ? -EINVAL : set_linger(s, val);
	if (level == SOL_SOCKET && (name == SO_RCVTIMEO || name == SO_SNDTIMEO))
		return len < sizeof(struct timeval) ? -EINVAL
						    : set_timeout(name == SO_RCVTIMEO ? &s->recv_us : &s->send_us, val);
	if (level == IPPROTO_TCP && name == TCP_CONGESTION)
		return len < 1 ? -EINVAL : set_congestion(s, val, len);
	if (level != IPPROTO_IPV6 || name != IPV6_V6ONLY)
		return 1;
	if (len >= sizeof(int))
		s->v6only = *(const int *)val;
	return 0;
}

/* bind() asks the kernel's socket, and what that is this is, too. */
static bool
is_kernels(int level, int name)
{
	switch (name) {
	case SO_REUSEADDR:
	case SO_REUSEPORT:
	case SO_TYPE:
	case SO_DOMAIN:
	case SO_PROTOCOL:
		return level == SOL_SOCKET;
	case IPV6_V6ONLY:
		return level == IPPROTO_IPV6;
	default:
		return false;
	}
}

/* Of IP's options the first byte is enough. */
static int
int_of(int level, const void *val, socklen_t len, int *out)
{
	if (len >= sizeof(int))
		memcpy(out, val, sizeof(int));
	else if (level == IPPROTO_IP && len)
		*out = *(const uint8_t *)val;
	else
		return -EINVAL;
	return 0;
}

/* Who is told that it has these waits for what never comes, or sends in the clear what it signs. */
static bool
is_promise(int level, int name, const void *val, socklen_t len)
{
	int v = 1;

	if (val)
		int_of(level, val, len, &v);
	return v && ((level == SOL_SOCKET && name == SO_ZEROCOPY) ||
		     (level == IPPROTO_TCP && (name == TCP_MD5SIG || name == TCP_MD5SIG_EXT || name == TCP_REPAIR)));
}

int
run_setsockopt(int fd, int level, int name, const void *val, socklen_t len)
{
	const int k = find(level, name);
	struct sock *s;
	int v = 0, rc = sock_enter(fd, &s);

	if (rc)
		return rc;
	if (is_promise(level, name, val, len)) {
		passed_note("setsockopt", level, name, "refused: tern has no such thing");
		rc = -EOPNOTSUPP;
	} else if (s->kind == SOCK_CONN && is_early(level, name)) {
		rc = -EINVAL;
	} else if (s->kind != SOCK_CONN || k < 0) {
		rc = setsockopt(fd, level, name, val, len) ? -errno : 0;
		s->dirty = true;
	}
	if (rc == 0 && k >= 0)
		rc = val ? int_of(level, val, len, &v) : -EFAULT;
	if (rc == 0)
		rc = k >= 0 ? set_known(s, k, v) : set_special(s, level, name, val, len);
	if (rc > 0 && !is_kernels(level, name))
		passed_note("setsockopt", level, name, "taken, and without effect");
	if (rc > 0)
		rc = 0;
	run_leave();
	return rc;
}

/* --- a listener that another program made ---------------------------------------------------------------------- */

static const struct {
	int level, name;
} special[] = {
	{SOL_SOCKET, SO_LINGER}, {SOL_SOCKET, SO_RCVTIMEO}, {SOL_SOCKET, SO_SNDTIMEO}, {IPPROTO_TCP, TCP_CONGESTION}};

/* @return its length, when it is not what a new socket has. */
static socklen_t
was_set(int fd, int fresh, int level, int name, void *val, socklen_t room)
{
	socklen_t n = room, n0 = room;
	char val0[16];

	if (getsockopt(fd, level, name, val, &n) || getsockopt(fresh, level, name, val0, &n0))
		return 0;
	return n == n0 && memcmp(val, val0, n) == 0 ? 0 : n;
}

void
run_inherit_options(struct sock *s, int fd)
{
	const int fresh = socket(s->family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char val[16]; /* TCP_CA_NAME_MAX */
	unsigned int i;
	socklen_t n;
	int v;

	if (fresh < 0) {
		run_say("no descriptor to see what was set on listener %d: it has tern's defaults", fd);
		return;
	}
	for (i = 0; i < RTE_DIM(known); i++)
		if (was_set(fd, fresh, known[i].level, known[i].name, &v, sizeof(v)))
			set_known(s, i, is_buffer(known[i].opt) ? v / 2 : v);
	for (i = 0; i < RTE_DIM(special); i++) {
		n = was_set(fd, fresh, special[i].level, special[i].name, val, sizeof(val));
		if (n)
			set_special(s, special[i].level, special[i].name, val, n);
	}
	close(fresh);
}

/* --- asking --------------------------------------------------------------------------------------------------- */

/* Linux's struct tcp_info goes on behind what libc's header has. */
struct more_info {
	struct tcp_info t;
	uint64_t pacing_rate, max_pacing_rate, bytes_acked, bytes_received;
	uint32_t segs_out, segs_in, notsent_bytes, min_rtt, data_segs_in, data_segs_out;
	uint64_t delivery_rate, busy_time, rwnd_limited, sndbuf_limited;
	uint32_t delivered, delivered_ce;
	uint64_t bytes_sent, bytes_retrans;
	uint32_t dsack_dups, reord_seen, rcv_ooopack, snd_wnd;
};

static void
fill_more(struct more_info *m, const struct tern_info *i)
{
	m->bytes_acked = i->bytes_acked;
	m->bytes_received = i->bytes_received;
	m->segs_out = i->segs_out;
	m->segs_in = i->segs_in;
	m->notsent_bytes = i->unsent;
	m->min_rtt = i->min_rtt_us;
	m->delivery_rate = i->send_rate;
	m->bytes_sent = i->bytes_sent;
	m->snd_wnd = i->snd_wnd;
}

static void
fill_info(struct sock *s, struct more_info *m)
{
	struct tern_info i = {.state = TERN_CLOSED};
	struct tcp_info *const t = &m->t;

	memset(m, 0, sizeof(*m));
	if (s->c)
		tern_conn_info(s->c, &i, sizeof(i));
	fill_more(m, &i);
	t->tcpi_state = s->kind == SOCK_LISTEN || s->kind == SOCK_INTENT ? TERN_LISTEN : i.state;
	t->tcpi_retransmits = i.retries;
	t->tcpi_backoff = i.backoff;
	t->tcpi_options = (i.options & TERN_INFO_TIMESTAMPS ? TCPI_OPT_TIMESTAMPS : 0) |
			  (i.options & TERN_INFO_SACK ? TCPI_OPT_SACK : 0) |
			  (i.options & TERN_INFO_WSCALE ? TCPI_OPT_WSCALE : 0) |
			  (i.options & TERN_INFO_ECN ? TCPI_OPT_ECN : 0);
	t->tcpi_snd_wscale = i.snd_wscale;
	t->tcpi_rcv_wscale = i.rcv_wscale;
	t->tcpi_rto = i.rto_us;
	t->tcpi_snd_mss = i.mss;
	t->tcpi_rcv_mss = i.rcv_mss;
	t->tcpi_advmss = i.rcv_mss;
	t->tcpi_rtt = i.srtt_us;
	t->tcpi_rttvar = i.rttvar_us;
	if (!i.mss)
		return;
	t->tcpi_unacked = (i.in_flight + i.mss - 1) / i.mss; /* segments, as those below */
	t->tcpi_sacked = i.sacked / i.mss;
	t->tcpi_lost = i.lost / i.mss;
	t->tcpi_snd_cwnd = i.cwnd / i.mss;
	t->tcpi_snd_ssthresh = i.ssthresh == UINT32_MAX ? INT32_MAX : i.ssthresh / i.mss;
	t->tcpi_total_retrans = i.retrans;
	t->tcpi_rcv_space = i.rcv_wnd;
	t->tcpi_last_data_recv = i.last_data_ms;
	t->tcpi_last_ack_recv = i.last_rx_ms;
	t->tcpi_pmtu = i.mss + (i.options & TERN_INFO_TIMESTAMPS ? 12 : 0) + (i.local.af == TERN_AF_INET ? 40 : 60);
}

static int
put(const void *from, socklen_t n, void *val, socklen_t *len)
{
	memcpy(val, from, RTE_MIN(*len, n));
	*len = RTE_MIN(*len, n);
	return 0;
}

static int
put_int(int v, void *val, socklen_t *len)
{
	return put(&v, sizeof(v), val, len);
}

static int
get_socket(struct sock *s, int name, void *val, socklen_t *len)
{
	const bool on = s->linger_ms != TERN_LINGER_OFF;
	const struct linger l = {on, s->linger_s};
	struct timeval t;
	int err;

	switch (name) {
	case SO_ERROR:
		err = s->err;
		s->err = 0;
		return put_int(err, val, len);
	case SO_LINGER:
		return put(&l, sizeof(l), val, len);
	case SO_RCVTIMEO:
	case SO_SNDTIMEO:
		t.tv_sec = (name == SO_RCVTIMEO ? s->recv_us : s->send_us) / 1000000;
		t.tv_usec = (name == SO_RCVTIMEO ? s->recv_us : s->send_us) % 1000000;
		return put(&t, sizeof(t), val, len);
	case SO_ACCEPTCONN:
		return put_int(s->kind == SOCK_LISTEN || s->kind == SOCK_INTENT, val, len);
	default:
		return 1;
	}
}

static int
get_tcp(struct sock *s, int name, void *val, socklen_t *len)
{
	static const char names[TERN_CC_COUNT][16] = {"cubic", "reno", "dctcp"}; /* TCP_CA_NAME_MAX */
	struct more_info info;
	uint32_t cc = s->opts[TERN_OPT_CC];

	if (name == TCP_INFO) {
		fill_info(s, &info);
		return put(&info, sizeof(info), val, len);
	}
	if (name != TCP_CONGESTION || !s->c)
		return 1;
	tern_getopt(s->c, TERN_OPT_CC, &cc);
	return put(names[cc], sizeof(names[cc]), val, len);
}

int
run_getsockopt(int fd, int level, int name, void *val, socklen_t *len)
{
	const int k = find(level, name);
	struct sock *s;
	int rc = sock_enter(fd, &s);

	if (rc)
		return rc;
	rc = 1;
	if (level == SOL_SOCKET)
		rc = get_socket(s, name, val, len);
	else if (level == IPPROTO_TCP)
		rc = get_tcp(s, name, val, len);
	if (rc > 0 && k >= 0 && (s->c || s->opts_set & 1u << known[k].opt))
		rc = put_int(get_known(s, k), val, len);
	if (rc > 0 && k < 0 && !is_kernels(level, name))
		passed_note("getsockopt", level, name, KERNEL_ANSWERS);
	if (rc > 0)
		rc = getsockopt(fd, level, name, val, len) ? -errno : 0;
	run_leave();
	return rc;
}

/* --- the descriptor ------------------------------------------------------------------------------------------- */

int
run_fcntl(int fd, int cmd, long arg)
{
	struct sock *s;
	int rc = 0;

	if (run.host->fds[fd] != FD_SOCKET || run.dead) {
		if (run.host->fds[fd] == FD_PARKED)
			return -EBADF;
		rc = fcntl(fd, cmd, arg);
		return rc < 0 ? -errno : rc;
	}
	rc = sock_enter(fd, &s);
	if (rc)
		return rc;
	switch (cmd) {
	case F_GETFL:
		rc = O_RDWR | (s->nonblock ? O_NONBLOCK : 0);
		break;
	case F_SETFL:
		s->nonblock = arg & O_NONBLOCK;
		break;
	case F_GETFD:
		rc = !s->copied ? (s->cloexec ? FD_CLOEXEC : 0) : fcntl(fd, cmd);
		break;
	case F_SETFD:
		s->cloexec = arg & FD_CLOEXEC;
		if (s->kind == SOCK_CONN && !s->copied)
			break;
		/* fall through */
	default:
		if (cmd != F_SETFD)
			passed_note("fcntl", cmd, 0, KERNEL_ANSWERS);
		rc = fcntl(fd, cmd, arg);
		rc = rc < 0 ? -errno : rc;
		s->dirty = true;
	}
	run_leave();
	return rc;
}

int
run_ioctl(int fd, unsigned long what, void *arg)
{
	struct sock *s;
	int rc = 0;

	if (run.host->fds[fd] != FD_SOCKET || run.dead)
		return run.host->fds[fd] == FD_PARKED ? -EBADF : ioctl(fd, what, arg) ? -errno : 0;
	rc = sock_enter(fd, &s);
	if (rc)
		return rc;
	if (what == FIONBIO)
		s->nonblock = *(int *)arg;
	else if (what == FIOCLEX || what == FIONCLEX) {
		s->cloexec = what == FIOCLEX;
		rc = (s->kind != SOCK_CONN || s->copied) && ioctl(fd, what) ? -errno : 0;
	} else if (what == FIONREAD && s->kind == SOCK_CONN)
		*(int *)arg = (int)(s->rest_len - s->rest_at + (s->c ? tern_recv_queued(s->c) : 0));
	else if (what == SIOCOUTQ && s->kind == SOCK_CONN)
		*(int *)arg = s->c ? (int)tern_send_queued(s->c) : 0;
	else if (what == SIOCATMARK && s->kind == SOCK_CONN)
		*(int *)arg = 0;
	else {
		passed_note("ioctl", (long)what, 0, KERNEL_ANSWERS);
		rc = ioctl(fd, what, arg) < 0 ? -errno : 0;
	}
	run_leave();
	return rc;
}
