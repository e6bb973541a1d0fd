/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pd_backend's socket options. What is not here is refused with ENOPROTOOPT: an option is meant, or it is not taken.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <netinet/in.h>
#include <linux/tcp.h>
#include "tcp/cc.h"
#include "tcp/deadline.h"
#include "tcp/info.h"
#include "tcp/opt.h"
#include "tcp/seq.h"
#include "backend.h"

/*
 * Where an option is kept, what tern calls it (TERN_NONE: backend_call.c asks for it, or tern always does so), and the
 * default getsockopt() shows.
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
	{IPPROTO_IP, IP_TOS, O_TOS, TERN_OPT_TOS, 0, 0, 255},
	{IPPROTO_IP, IP_TTL, O_TTL, TERN_OPT_TTL, 64, 1, 255},
	{IPPROTO_IPV6, IPV6_TCLASS, O_TOS, TERN_OPT_TOS, 0, 0, 255},
	{IPPROTO_IPV6, IPV6_UNICAST_HOPS, O_TTL, TERN_OPT_TTL, 64, 1, 255},
	{IPPROTO_IPV6, IPV6_V6ONLY, O_V6ONLY, TERN_NONE, 0, INT32_MIN, INT32_MAX},
	{IPPROTO_TCP, TCP_FASTOPEN_CONNECT, O_FASTOPEN_CONNECT, TERN_NONE, 0, 0, 1},
	{IPPROTO_TCP, TCP_SYNCNT, O_SYNCNT, TERN_NONE, 6, 1, 127},
	{IPPROTO_IP, IP_MTU_DISCOVER, O_MTU_DISCOVER, TERN_NONE, IP_PMTUDISC_WANT, IP_PMTUDISC_WANT, IP_PMTUDISC_DO},
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

/* The open is given up when so many more SYNs were not answered. */
static void
limit_syns(struct tern_conn *c, unsigned int n)
{
	uint64_t us = 0, rto = c->rto_us;

	if (c->state != TERN_SYN_SENT)
		return;
	for (unsigned int i = 0; i <= n; i++, rto *= 2) {
		rto = RTE_MIN(rto, be_worker->conf.tcp.rto_max_ms * 1000ull);
		us += rto;
	}
	c->limit_at = be_worker->now_us + us;
	tcp_timer_sync(be_worker, c);
}

static void
apply_one(struct sock *s, const struct optmap *o)
{
	uint32_t v = s->opt[o->kept];

	for (unsigned int i = 0; i < 2; i++)
		if (s->l[i] && o->kept == O_FASTOPEN)
			tern_listen_setopt(s->l[i], TERN_OPT_FASTOPEN, v);
	if (s->c && o->kept == O_SYNCNT)
		limit_syns(s->c, v);
	if (o->tern == TERN_NONE)
		return;
	if (o->tern == TERN_OPT_SNDBUF || o->tern == TERN_OPT_RCVBUF)
		v = RTE_MAX(v, 2048u);
	if (o->tern == TERN_OPT_QUICKACK)
		v = v ? TERN_QUICKACK_ON : TERN_QUICKACK_OFF;
	if (o->tern == TERN_OPT_KEEPCNT)
		v = RTE_MAX(v, 2u); /* MUST-29 */
	if (o->tern == TERN_OPT_USER_TIMEOUT_MS && v == 0)
		v = be_worker->conf.tcp.user_timeout_ms;
	set_tern(s, o->tern, v);
}

static uint32_t
linger_ms(const struct sock *s)
{
	return s->linger.l_onoff ? s->linger.l_linger * 1000u : TERN_LINGER_OFF;
}

void
be_apply_options(struct sock *s)
{
	for (unsigned int i = 0; i < RTE_DIM(optmap); i++)
		if (s->set & 1u << optmap[i].kept)
			apply_one(s, &optmap[i]);
	if (s->linger.l_onoff)
		set_tern(s, TERN_OPT_LINGER_MS, linger_ms(s));
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
	const unsigned int kept = s->set & 1u << O_CC ? (unsigned int)s->opt[O_CC] : be_worker->conf.tcp.cc;
	const unsigned int cc = s->c ? s->c->cc : kept;

	return cc == TERN_CC_NEWRENO ? "reno" : cc_get(cc)->name;
}

/* One key alone, or the current and the one before; of the worker, as there is one. */
static int
set_fastopen_key(const uint8_t *key, socklen_t l)
{
	if (l != 16 && l != 32)
		return -EINVAL;
	tern_fastopen_key(be_worker, l == 32 ? key + 16 : key);
	tern_fastopen_key(be_worker, key);
	return 0;
}

int
be_setsockopt(int h, int lvl, int opt, const void *v, socklen_t l)
{
	struct sock *s = be_get(h);
	const struct optmap *o;
	int value = 0;

	if (!s)
		return -EBADF;
	if (lvl == SOL_SOCKET && opt == SO_LINGER) {
		if (l < sizeof(s->linger))
			return -EINVAL;
		memcpy(&s->linger, v, sizeof(s->linger));
		if (s->c)
			set_tern(s, TERN_OPT_LINGER_MS, linger_ms(s));
		return 0;
	}
	if (lvl == IPPROTO_TCP && opt == TCP_CONGESTION)
		return set_congestion(s, v, l);
	if (lvl == IPPROTO_TCP && opt == TCP_FASTOPEN_KEY)
		return set_fastopen_key(v, l);
	o = find_option(lvl, opt);
	if (!o)
		return -ENOPROTOOPT;
	if (l >= sizeof(value))
		memcpy(&value, v, sizeof(value));
	else if (lvl == IPPROTO_IP && l) /* as Linux: a byte will do */
		value = *(const uint8_t *)v;
	else
		return -EINVAL;
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
	const struct tern_conn *c = s->c;
	struct tern_info info;

	memset(ti, 0, sizeof(*ti));
	ti->tcpi_state = be_state(s);
	if (!c)
		return;
	tern_conn_info(s->c, &info, sizeof(info));
	ti->tcpi_options = (c->flags & C_ECN ? TCPI_OPT_ECN : 0) | (c->feat & F_TS ? TCPI_OPT_TIMESTAMPS : 0) |
			   (c->feat & F_SACK ? TCPI_OPT_SACK : 0) | (c->feat & F_WS ? TCPI_OPT_WSCALE : 0);
	ti->tcpi_snd_wscale = c->snd_ws;
	ti->tcpi_rcv_wscale = c->rcv_ws;
	ti->tcpi_rto = info.rto_us;
	ti->tcpi_snd_mss = info.mss;
	ti->tcpi_rcv_mss = c->rcv_mss;
	ti->tcpi_advmss = tcp_mss_offer(&be_worker->ifs[0], c->af);
	ti->tcpi_unacked = info.mss ? (c->snd_max - c->snd_una + info.mss - 1) / info.mss : 0;
	ti->tcpi_rtt = info.srtt_us;
	ti->tcpi_rttvar = info.rttvar_us;
	ti->tcpi_snd_ssthresh = info.ssthresh == UINT32_MAX || !info.mss ? INT32_MAX : info.ssthresh / info.mss;
	ti->tcpi_snd_cwnd = info.mss ? info.cwnd / info.mss : 0;
	ti->tcpi_rcv_space = info.rcv_wnd;
	ti->tcpi_total_retrans = info.retrans;
	ti->tcpi_pmtu = be_worker->ifs[0].mtu;
	ti->tcpi_notsent_bytes =
		seq_lt(c->snd_nxt, c->snd_una + c->snd_queued) ? c->snd_una + c->snd_queued - c->snd_nxt : 0;
}

int
be_getsockopt(int h, int lvl, int opt, void *v, socklen_t *l)
{
	struct sock *s = be_get(h);
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
		value = -be_take_error(s);
	else if (lvl == SOL_SOCKET && opt == SO_TYPE)
		value = SOCK_STREAM;
	else if (lvl == SOL_SOCKET && opt == SO_ACCEPTCONN)
		value = s->l[0] != NULL;
	else if (lvl == IPPROTO_TCP && opt == TCP_MAXSEG && s->c && be_state(s) != TERN_SYN_SENT)
		value = s->c->mss;
	else if ((o = find_option(lvl, opt)))
		value = s->set & 1u << o->kept ? s->opt[o->kept] : o->dflt;
	else
		return -ENOPROTOOPT;
	if (lvl == IPPROTO_IP && l && *l > 0 && *l < sizeof(value) && value >= 0 && value <= 255) {
		const uint8_t byte = value;

		return put_value(v, l, &byte, 1);
	}
	return put_value(v, l, &value, sizeof(value));
}
