/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Options: what a worker's connections start with, what a listener changes of it for those that it accepts, and what
 * is set of a connection. A listener's count from the SYN on: its SYN-ACKs, cookies too, have its window and scale,
 * MSS, TTL and TOS.
 */
#include <errno.h>
#include <string.h>
#include "tcp/buf.h"
#include "tcp/call.h"
#include "tcp/deadline.h"
#include "tcp/ecn.h"
#include "tcp/loss.h"
#include "tcp/opt.h"

/* What of 0 to UINT32_MAX an option may be. @return 0, -EINVAL or -ENOPROTOOPT. */
static int
check_value(enum tern_opt opt, uint32_t v)
{
	static const struct {
		uint32_t min, max;
	} range[] = {
		[TERN_OPT_NODELAY] = {0, UINT32_MAX},
		[TERN_OPT_QUICKACK] = {0, TERN_QUICKACK_AUTO},
		[TERN_OPT_KEEPALIVE] = {0, UINT32_MAX},
		[TERN_OPT_KEEPIDLE_S] = {1, 32767},
		[TERN_OPT_KEEPINTVL_S] = {1, 32767},
		[TERN_OPT_KEEPCNT] = {2, 127}, /* MUST-29: one unanswered probe does not kill */
		[TERN_OPT_USER_TIMEOUT_MS] = {1, UINT32_MAX},
		[TERN_OPT_LINGER_MS] = {0, UINT32_MAX},
		[TERN_OPT_SNDBUF] = {2048, 1u << 30},
		[TERN_OPT_RCVBUF] = {2048, 1u << 30},
		[TERN_OPT_TTL] = {1, 255},
		[TERN_OPT_TOS] = {0, 255},
		[TERN_OPT_MAXSEG] = {TCP_MSS_MIN, 65535},
		[TERN_OPT_CORK] = {0, UINT32_MAX},
		[TERN_OPT_CC] = {0, TERN_CC_COUNT - 1},
		[TERN_OPT_COOKIES] = {0, TERN_COOKIE_NEVER},
		[TERN_OPT_FASTOPEN] = {0, UINT32_MAX},
	};

	if ((unsigned int)opt >= RTE_DIM(range))
		return -ENOPROTOOPT;
	if (opt == TERN_OPT_LINGER_MS && v > TIMER_MAX_MS && v != TERN_LINGER_OFF)
		return -EINVAL;
	return v < range[opt].min || v > range[opt].max ? -EINVAL : 0;
}

static void
set_bit(uint8_t *bits, uint8_t bit, bool on)
{
	*bits = on ? *bits | bit : *bits & ~bit;
}

static void
set_quickack(uint8_t *feat, uint8_t *quickack, uint32_t v)
{
	set_bit(feat, F_QUICKACK, v == TERN_QUICKACK_ON);
	*quickack = v == TERN_QUICKACK_OFF ? QUICKACK_OFF : QUICKACK_MAX;
}

void
tcp_sockopts_init(struct tcp_sockopts *o, const struct tern_tcp_conf *conf)
{
	*o = (struct tcp_sockopts){
		.snd_buf = conf->snd_buf,
		.rcv_buf = conf->rcv_buf,
		.rcv_ws = conf->wscale ? tcp_ws_offer(conf->rcv_buf_max) : 0,
		.user_timeout_ms = conf->user_timeout_ms,
		.feat = (conf->nagle ? 0 : F_NODELAY) | (conf->delack_ms ? 0 : F_QUICKACK),
		.quickack = conf->quickack ? QUICKACK_MAX : QUICKACK_OFF,
		.cc = conf->cc,
		.ttl = conf->ttl,
		.tos = conf->tos,
		.keep_idle_s = 7200, /* MUST-28 */
		.keep_intvl_s = 75,
		.keep_cnt = 9,
	};
}

int
tern_listen_setopt(struct tern_listener *l, enum tern_opt opt, uint32_t v)
{
	CALL_ON(l->w);
	struct tcp_sockopts *o = &l->sockopts;
	const int rc = check_value(opt, v);

	if (rc)
		return rc;
	switch (opt) {
	case TERN_OPT_NODELAY:
		set_bit(&o->feat, F_NODELAY, v);
		break;
	case TERN_OPT_QUICKACK:
		set_quickack(&o->feat, &o->quickack, v);
		break;
	case TERN_OPT_KEEPALIVE:
		set_bit(&o->feat, F_KEEPALIVE, v);
		break;
	case TERN_OPT_KEEPIDLE_S:
		o->keep_idle_s = v;
		break;
	case TERN_OPT_KEEPINTVL_S:
		o->keep_intvl_s = v;
		break;
	case TERN_OPT_KEEPCNT:
		o->keep_cnt = v;
		break;
	case TERN_OPT_USER_TIMEOUT_MS:
		o->user_timeout_ms = v;
		break;
	case TERN_OPT_LINGER_MS:
		set_bit(&o->feat, F_LINGER, v != TERN_LINGER_OFF);
		o->linger_ms = v;
		break;
	case TERN_OPT_SNDBUF:
		o->flags |= C_BUF_SET;
		o->snd_buf = v;
		break;
	case TERN_OPT_RCVBUF:
		o->flags |= C_BUF_SET;
		o->rcv_buf = v;
		o->rcv_ws = RTE_MAX(o->rcv_ws, tcp_ws_offer(v));
		break;
	case TERN_OPT_TTL:
		o->ttl = v;
		break;
	case TERN_OPT_TOS:
		o->tos = v & ~TCP_ECN_MASK;
		break;
	case TERN_OPT_MAXSEG:
		o->maxseg = v;
		break;
	case TERN_OPT_CORK:
		o->flags = v ? o->flags | C_CORK : o->flags & ~C_CORK;
		break;
	case TERN_OPT_CC:
		o->cc = v;
		break;
	case TERN_OPT_COOKIES:
		l->cookie_mode = v;
		break;
	case TERN_OPT_FASTOPEN:
		l->tfo_max = v;
		break;
	}
	return 0;
}

static uint32_t
get_quickack(uint8_t feat, uint8_t quickack)
{
	if (feat & F_QUICKACK)
		return TERN_QUICKACK_ON;
	return quickack & QUICKACK_OFF ? TERN_QUICKACK_OFF : TERN_QUICKACK_AUTO;
}

/* @return 0, -ENOPROTOOPT: not one of a connection. */
static int
get(const struct tcp_sockopts *o, enum tern_opt opt, uint32_t *v)
{
	switch (opt) {
	case TERN_OPT_NODELAY:
		*v = !!(o->feat & F_NODELAY);
		return 0;
	case TERN_OPT_QUICKACK:
		*v = get_quickack(o->feat, o->quickack);
		return 0;
	case TERN_OPT_KEEPALIVE:
		*v = !!(o->feat & F_KEEPALIVE);
		return 0;
	case TERN_OPT_KEEPIDLE_S:
		*v = o->keep_idle_s;
		return 0;
	case TERN_OPT_KEEPINTVL_S:
		*v = o->keep_intvl_s;
		return 0;
	case TERN_OPT_KEEPCNT:
		*v = o->keep_cnt;
		return 0;
	case TERN_OPT_USER_TIMEOUT_MS:
		*v = o->user_timeout_ms;
		return 0;
	case TERN_OPT_LINGER_MS:
		*v = o->feat & F_LINGER ? o->linger_ms : TERN_LINGER_OFF;
		return 0;
	case TERN_OPT_SNDBUF:
		*v = o->snd_buf;
		return 0;
	case TERN_OPT_RCVBUF:
		*v = o->rcv_buf;
		return 0;
	case TERN_OPT_TTL:
		*v = o->ttl;
		return 0;
	case TERN_OPT_TOS:
		*v = o->tos;
		return 0;
	case TERN_OPT_MAXSEG:
		*v = o->maxseg;
		return 0;
	case TERN_OPT_CORK:
		*v = !!(o->flags & C_CORK);
		return 0;
	case TERN_OPT_CC:
		*v = o->cc;
		return 0;
	case TERN_OPT_COOKIES:
	case TERN_OPT_FASTOPEN:
		break; /* of listeners only */
	}
	return -ENOPROTOOPT;
}

int
tern_listen_getopt(const struct tern_listener *l, enum tern_opt opt, uint32_t *v)
{
	CALL_ON(l->w);
	switch (opt) {
	case TERN_OPT_COOKIES:
		*v = l->cookie_mode;
		return 0;
	case TERN_OPT_FASTOPEN:
		*v = l->tfo_max;
		return 0;
	default:
		return get(&l->sockopts, opt, v);
	}
}

/* --- of a connection ---------------------------------------------------------------------------------------------- */

static void
set_maxseg(struct tern_conn *c, uint32_t v)
{
	c->mss = RTE_MIN(c->mss, v);
	if (c->rare && c->rare->mss_full) /* lowered by the path: what it is raised to again */
		c->rare->mss_full = RTE_MIN(c->rare->mss_full, v);
	if (c->state == TERN_SYN_SENT)
		c->rcv_mss = RTE_MIN(c->rcv_mss, v);
}

static void
set_cc(struct tern_conn *c, uint32_t v)
{
	c->cc = v;
	if (c->loss) {
		c->loss->cc = cc_get(v);
		memset(&c->loss->cc_state, 0, sizeof(c->loss->cc_state));
		c->loss->undo = false; /* what was kept is another's */
	}
}

static void
set_keepalive(struct tern_conn *c, bool on)
{
	set_bit(&c->feat, F_KEEPALIVE, on);
	if (!on)
		c->keep_at = 0;
	else if (c->state != TERN_CLOSED && c->state != TERN_SYN_SENT && c->state != TERN_SYN_RECEIVED)
		tcp_keepalive_start(c->w, c);
}

static void
set_keep_time(struct tern_conn *c, uint16_t *time, uint32_t v)
{
	*time = v;
	if (c->keep_at)
		tcp_keepalive_start(c->w, c);
}

static void
set_buf(struct tern_conn *c, uint32_t *buf, uint32_t v)
{
	if (c->rare && c->rare->buf_grant) {
		tcp_buf_release(c->w, c);
		c->snd_buf = c->w->conf.tcp.snd_buf;
		c->rcv_buf = c->w->conf.tcp.rcv_buf;
	}
	c->flags |= C_BUF_SET;
	*buf = v;
	if (c->state == TERN_SYN_SENT && c->snd_max == c->iss && c->w->conf.tcp.wscale) /* not offered yet */
		c->rcv_ws = RTE_MAX(c->rcv_ws, tcp_ws_offer(c->rcv_buf));
}

int
tern_setopt(struct tern_conn *c, enum tern_opt opt, uint32_t v)
{
	CALL_OF(c);
	const int rc = opt == TERN_OPT_COOKIES || opt == TERN_OPT_FASTOPEN ? -ENOPROTOOPT : check_value(opt, v);

	if (rc)
		return rc;
	switch (opt) {
	case TERN_OPT_NODELAY:
		set_bit(&c->feat, F_NODELAY, v);
		if (v)
			tcp_mark(c, P_OUTPUT);
		break;
	case TERN_OPT_QUICKACK:
		set_quickack(&c->feat, &c->quickack, v);
		if (v && c->delack_at) /* as Linux: also what waits now */
			tcp_mark(c, P_ACK);
		break;
	case TERN_OPT_KEEPALIVE:
		set_keepalive(c, v);
		break;
	case TERN_OPT_KEEPIDLE_S:
		set_keep_time(c, &c->keep_idle_s, v);
		break;
	case TERN_OPT_KEEPINTVL_S:
		set_keep_time(c, &c->keep_intvl_s, v);
		break;
	case TERN_OPT_KEEPCNT:
		c->keep_cnt = v;
		break;
	case TERN_OPT_USER_TIMEOUT_MS:
		tcp_user_timeout(c->w, c, v);
		tcp_r2_moved(c->w, c);
		break;
	case TERN_OPT_LINGER_MS:
		if (c->state == TERN_CLOSED) /* nothing lingers any more, and what the connection had was given back */
			break;
		set_bit(&c->feat, F_LINGER, v != TERN_LINGER_OFF);
		if (v != TERN_LINGER_OFF)
			tcp_rare(c)->linger_ms = v;
		break;
	case TERN_OPT_SNDBUF:
		set_buf(c, &c->snd_buf, v);
		break;
	case TERN_OPT_RCVBUF:
		set_buf(c, &c->rcv_buf, v);
		break;
	case TERN_OPT_TTL:
		c->ttl = v;
		break;
	case TERN_OPT_TOS:
		c->tos = v & ~TCP_ECN_MASK; /* as Linux: those bits are agreed on with the peer */
		break;
	case TERN_OPT_MAXSEG:
		set_maxseg(c, v);
		break;
	case TERN_OPT_CORK:
		c->flags = v ? c->flags | C_CORK : c->flags & ~(C_CORK | C_MORE);
		if (!v)
			tcp_mark(c, P_OUTPUT | P_PUSH);
		break;
	case TERN_OPT_CC:
		set_cc(c, v);
		break;
	case TERN_OPT_COOKIES:
	case TERN_OPT_FASTOPEN:
		break; /* of listeners only */
	}
	return 0;
}

int
tern_getopt(const struct tern_conn *c, enum tern_opt opt, uint32_t *v)
{
	CALL_OF(c);
	const struct tcp_sockopts o = {
		.flags = c->flags,
		.feat = c->feat,
		.snd_buf = c->snd_buf,
		.rcv_buf = c->rcv_buf,
		.user_timeout_ms = c->user_timeout_ms,
		.linger_ms = c->rare ? c->rare->linger_ms : 0,
		.keep_idle_s = c->keep_idle_s,
		.keep_intvl_s = c->keep_intvl_s,
		.keep_cnt = c->keep_cnt,
		.quickack = c->quickack,
		.maxseg = c->mss,
		.cc = c->cc,
		.ttl = c->ttl,
		.tos = c->tos,
	};

	return get(&o, opt, v);
}
