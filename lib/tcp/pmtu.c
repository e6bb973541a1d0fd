/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The MTU of a connection's path: lowered by ICMP (tcp/icmp.c) or on suspicion, raised again in time.
 *
 * Where ICMP is filtered, full-sized segments that time out again and again are taken for a black hole and made smaller
 * (RFC 4821 7.7). Ten minutes after the last lowering the full size is tried again (RFC 1191 6.3). The path's MTU is
 * known to a connection, not to a destination: nothing one connection is told moves another.
 */
#include <errno.h>
#include "tcp/deadline.h"
#include "tcp/opt.h"
#include "tcp/pmtu.h"

#define PMTU_BASE4 1064u /* 1024 bytes of text: RFC 4821 7.2 */
#define PMTU_RAISE_US 600000000ull /* RFC 1191 6.3, RFC 8201 4: 10 minutes */

static uint32_t
headers(const struct tern_conn *c)
{
	return (c->af == 4 ? 40 : 60) + (c->feat & F_TS ? TCP_OPT_TS_LEN : 0);
}

/* Is limit_at the time to try the full size again? */
static bool
raise_armed(const struct tern_conn *c)
{
	return c->rare && c->rare->raise_at && c->limit_at == c->rare->raise_at &&
	       !(c->state == TERN_FIN_WAIT_2 && c->flags & C_ORPHAN);
}

static void
arm_raise(struct tern_worker *w, struct tern_conn *c)
{
	c->rare->raise_at = w->now_us + PMTU_RAISE_US;
	c->limit_at = c->rare->raise_at;
	tcp_timer_sync(w, c);
}

/*
 * Segments fit mtu from now on, and what is in flight is sent again so. Below what every host takes they stay as large
 * and routers may cut them, as with Linux: RFC 1191 3 has no smaller datagrams, but a path of less, with DF, is a
 * black hole for ever. @return false: they did already.
 */
bool
tcp_pmtu_lower(struct tern_worker *w, struct tern_conn *c, uint32_t mtu)
{
	const uint32_t least = c->af == 4 ? PMTU_MIN4 : PMTU_MIN6, mss = RTE_MAX(mtu, least) - headers(c);
	const bool cut = c->af == 4 && mtu < least && !(c->rare && c->rare->may_fragment);
	struct conn_rare *r;

	if (mss >= c->mss && !cut)
		return false;
	r = tcp_rare(c);
	if (!r->mss_full)
		r->mss_full = c->mss;
	c->mss = RTE_MIN(mss, (uint32_t)c->mss);
	if (cut) {
		r->may_fragment = true;
		tcp_plain(w, c);
	}
	if (!c->limit_at || raise_armed(c))
		arm_raise(w, c);
	return true;
}

bool
tcp_pmtu_timer(struct tern_conn *c)
{
	if (!raise_armed(c))
		return false;
	STAT_INC(c->w, PMTU_UP);
	c->mss = c->rare->mss_full;
	c->rare->mss_full = 0;
	c->rare->may_fragment = false;
	tcp_plain(c->w, c);
	c->rare->raise_at = 0;
	c->limit_at = 0;
	return true;
}

void
tcp_pmtu_suspect(struct tern_worker *w, struct tern_conn *c, bool again)
{
	const uint32_t base = c->af == 4 ? PMTU_BASE4 : PMTU_MIN6, flight = c->snd_max - c->snd_una;

	if (flight < c->mss || flight > c->snd_wnd) /* nothing large is lost, or their window was shrunk */
		return;
	if (tcp_pmtu_lower(w, c, again ? PMTU_MIN4 - 1 : base)) /* the floor, and below it: there is no time for a
								 * third step before R2 */
		STAT_INC(w, PMTU_BLACKHOLE);
}

int
tcp_soft_error(const struct tern_conn *c)
{
	if (c->rare && c->rare->soft_err && c->rare->soft_at >= c->unacked_at)
		return c->rare->soft_err;
	return link_neigh_silent(&c->w->link, c->neigh) ? -EHOSTUNREACH
							: -ETIMEDOUT; /* RFC 1122 2.4: link errors are told */
}

void
tcp_pmtu_opened(struct tern_worker *w, struct tern_conn *c, uint32_t mtu)
{
	if (mtu)
		tcp_pmtu_lower(w, c, mtu);
	else if (c->rare && c->rare->mss_full && !c->limit_at)
		arm_raise(w, c);
}

void
tcp_note_soft_error(struct tern_worker *w, struct tern_conn *c, int err)
{
	tcp_rare(c)->soft_err = err;
	c->rare->soft_at = w->now_us;
}
