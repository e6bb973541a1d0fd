/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What ICMP says about our own segments. Anybody can send such a message, so one is believed only when it quotes a sequence
 * number that is in flight (RFC 5927 4.1), and then it can do no more than this:
 *
 * - soft errors, and hard ones of a synchronised connection, are remembered and told when the connection gives up by itself
 *   (RFC 1122 4.2.3.9, RFC 9293 MUST-56, RFC 5461 4). Hard errors end an open: SYN-SENT and half-open requests.
 * - "too big" lowers the connection's segment size, never below what every host must take (RFC 791, RFC 8200 5; of IPv4 DF goes
 *   then), and what is in flight is cut anew and sent at once. The congestion window stays: nothing was congested (RFC 1191 6.4).
 *
 * Where ICMP is filtered, full-sized segments that time out again and again are taken for a black hole and made smaller
 * (RFC 4821 7.7). Ten minutes after the last lowering the full size is tried again (RFC 1191 6.3). The path's MTU is
 * known to a connection, not to a destination: nothing one connection is told moves another.
 */
#include <errno.h>
#include "tcp/loss.h"

#define PMTU_MIN4 576u	/* RFC 791 3.1: every host takes it */
#define PMTU_MIN6 1280u /* RFC 8200 5 */
#define PMTU_BASE4 1064u /* 1024 bytes of text: RFC 4821 7.2 */
#define PMTU_RAISE_US 600000000ull /* RFC 1191 6.3, RFC 8201 4: 10 minutes */

static uint32_t
headers(const struct conn *c)
{
	return (c->af == 4 ? 40 : 60) + (c->feat & F_TS ? TCP_OPT_TS_LEN : 0);
}

/* The next lower of RFC 1191's table 7-1: for routers that don't say (mtu 0). */
static uint32_t
plateau(uint32_t len)
{
	static const uint16_t t[] = {32000, 17914, 8166, 4352, 2002, 1492, 1006};
	unsigned int i;

	for (i = 0; i < RTE_DIM(t); i++)
		if (t[i] < len)
			return t[i];
	return PMTU_MIN4;
}

/* Is misc_at the time to try the full size again? */
static bool
raise_armed(const struct conn *c)
{
	return c->rare && c->rare->raise_us && c->misc_at == c->rare->raise_us &&
	       !(c->state == TERN_FIN_WAIT_2 && c->flags & C_ORPHAN);
}

static void
arm_raise(struct worker *w, struct conn *c)
{
	c->rare->raise_us = w->now_us + PMTU_RAISE_US;
	c->misc_at = c->rare->raise_us;
	tcp_timer_sync(w, c);
}

/*
 * Segments fit mtu from now on, and what is in flight is sent again so. Below what every host takes they stay as large and
 * routers may cut them, as with Linux: RFC 1191 3 has no smaller datagrams, but a path of less, with DF, is a black hole for
 * ever. @return false: they did already.
 */
static bool
lower(struct worker *w, struct conn *c, uint32_t mtu)
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
		c->flags &= ~C_PLAIN;
	}
	if (!c->misc_at || raise_armed(c))
		arm_raise(w, c);
	return true;
}

static void
resend(struct worker *w, struct conn *c)
{
	if (!(c->feat & F_SACK) || !tcp_loss_too_big(w, c)) {
		c->snd_nxt = c->snd_una;
		c->snd_cur = c->snd_head;
		c->snd_cur_seq = c->snd_una - c->snd_head_off;
	}
	if (!(c->flags & C_PERSIST))
		tcp_rto_start(w, c); /* it must run: the window may let nothing out now */
	tcp_mark(c, P_OUTPUT);
}

bool
tcp_pmtu_timer(struct conn *c)
{
	if (!raise_armed(c))
		return false;
	STAT_INC(c->w, PMTU_UP);
	c->mss = c->rare->mss_full;
	c->rare->mss_full = 0;
	if (c->rare->may_fragment && !c->w->ifs[c->ifidx].tx_tcp_cksum)
		c->flags |= C_PLAIN;
	c->rare->may_fragment = false;
	c->rare->raise_us = 0;
	c->misc_at = 0;
	return true;
}

void
tcp_pmtu_suspect(struct worker *w, struct conn *c, bool again)
{
	const uint32_t base = c->af == 4 ? PMTU_BASE4 : PMTU_MIN6, flight = c->snd_max - c->snd_una;

	if (flight < c->mss || flight > c->snd_wnd) /* nothing large is lost, or their window was shrunk */
		return;
	if (lower(w, c, again ? PMTU_MIN4 - 1 : base)) /* the floor, and below it: there is no time for a third step before R2 */
		STAT_INC(w, PMTU_BLACKHOLE);
}

int
tcp_soft_error(const struct conn *c)
{
	if (c->rare && c->rare->soft_err && c->rare->soft_us >= c->unacked_us)
		return c->rare->soft_err;
	return link_neigh_silent(c->w, c->neigh) ? -EHOSTUNREACH : -ETIMEDOUT; /* RFC 1122 2.4: link errors are told */
}

void
tcp_pmtu_opened(struct worker *w, struct conn *c, uint32_t mtu)
{
	if (mtu)
		lower(w, c, mtu);
	else if (c->rare && c->rare->mss_full && !c->misc_at)
		arm_raise(w, c);
}

/* The SYN and its data are too big: the SYN goes alone, the data follows in what fits. */
static int
syn_too_big(struct worker *w, struct conn *c, uint32_t mtu)
{
	STAT_INC(w, PMTU_DOWN);
	tcp_tfo_icmp(w, c);
	tcp_tfo_plain(c);
	tcp_rare(c)->syn_mtu = RTE_MIN(mtu, (uint32_t)UINT16_MAX);
	c->rto_at = 0; /* anew */
	tcp_mark(c, P_OUTPUT);
	return SEG_DONE;
}

static int
too_big(struct worker *w, struct conn *c, const struct tcp_icmp *e)
{
	const uint32_t mtu = e->mtu ? e->mtu : plateau(e->ip_len);

	if (e->ip_len <= mtu || (!(c->flags & C_TFO) && (c->state == TERN_SYN_SENT || c->state == TERN_SYN_RECEIVED)))
		return STAT_DROP_ICMP; /* no segment of ours was */
	if (c->af == 6 && mtu < PMTU_MIN6) /* RFC 8201 4 */
		return STAT_DROP_ICMP;
	if (c->state == TERN_SYN_SENT)
		return c->snd_nxt - c->iss > 1 ? syn_too_big(w, c, mtu) : STAT_DROP_ICMP;
	if (lower(w, c, mtu)) {
		STAT_INC(w, PMTU_DOWN);
		resend(w, c);
	}
	return SEG_DONE;
}

static void
soft_error(struct worker *w, struct conn *c, int err)
{
	tcp_rare(c)->soft_err = err;
	c->rare->soft_us = w->now_us;
}

static int
conn_icmp(struct worker *w, struct conn *c, const struct tcp_icmp *e)
{
	const bool tfo = unlikely(c->flags & C_TFO && c->state == TERN_SYN_RECEIVED); /* its SYN is before SND.UNA */

	if (!seq_ge(e->seq, c->snd_una - tfo) || !seq_lt(e->seq, c->snd_max))
		return STAT_DROP_ICMP_SEQ;
	if (e->kind == ICMP_TOO_BIG)
		return too_big(w, c, e);
	if (unlikely(c->flags & C_TFO && c->state == TERN_SYN_SENT))
		tcp_tfo_icmp(w, c);
	if (e->kind == ICMP_HARD && (c->state == TERN_SYN_SENT || tfo)) {
		STAT_INC(w, ICMP_ABORT);
		if (tfo)
			tcp_tfo_reset(w);
		tcp_drop(w, c, e->err);
		return SEG_DONE;
	}
	STAT_INC(w, ICMP_SOFT);
	soft_error(w, c, e->err);
	return SEG_DONE;
}

static int
request_icmp(struct worker *w, struct request *r, const struct tcp_icmp *e)
{
	if (e->seq != r->snd_nxt - 1) /* the SYN-ACK */
		return STAT_DROP_ICMP_SEQ;
	if (e->kind != ICMP_HARD)
		return STAT_DROP_ICMP; /* nobody to tell */
	STAT_INC(w, ICMP_ABORT);
	STAT_INC(w, ATTEMPT_FAILS);
	tcp_request_free(w, r);
	return SEG_DONE;
}

int
tcp_icmp_input(struct worker *w, const struct seg *s, const struct tcp_icmp *e)
{
	struct tobj *o = table_lookup(&w->table, &e->flow, table_hash(&w->table, &e->flow));

	if (!o) { /* errors are spread by the router's address, not by the connection's */
		struct seg quoted = *s;

		quoted.flow = e->flow;
		return w->handover && w->handover(w, &quoted) ? SEG_TAKEN : STAT_DROP_ICMP_SEQ;
	}
	if (o->kind == TOBJ_CONN)
		return conn_icmp(w, (struct conn *)o, e);
	return o->kind == TOBJ_REQ ? request_icmp(w, (struct request *)o, e) : STAT_DROP_ICMP_SEQ;
}

/* No need to compare sequence numbers: nobody else can say this. Half-open requests send their SYN-ACK again. */
void
tcp_unreachable(struct worker *w, const struct rte_mbuf *m)
{
	const struct rte_ipv4_hdr *ip4 = rte_pktmbuf_mtod_offset(m, const struct rte_ipv4_hdr *, RTE_ETHER_HDR_LEN);
	const struct rte_ipv6_hdr *ip6 = (const struct rte_ipv6_hdr *)ip4;
	const uint8_t *ports = (const uint8_t *)(ip4 + 1);
	struct flow f = {.af = ip4->version_ihl >> 4};
	struct conn *c;

	if (f.af == 4) {
		f.addr.laddr4 = ip4->src_addr;
		f.addr.raddr4 = ip4->dst_addr;
	} else {
		ports = (const uint8_t *)(ip6 + 1);
		memcpy(f.addr.laddr6, ip6->src_addr, 16);
		memcpy(f.addr.raddr6, ip6->dst_addr, 16);
	}
	memcpy(&f.lport, ports, 2);
	memcpy(&f.rport, ports + 2, 2);
	c = (struct conn *)table_lookup(&w->table, &f, table_hash(&w->table, &f));
	if (!c || c->kind != TOBJ_CONN)
		return;
	if (c->state == TERN_SYN_SENT) {
		STAT_INC(w, NEIGH_ABORT);
		tcp_drop(w, c, -EHOSTUNREACH);
	} else {
		soft_error(w, c, -EHOSTUNREACH);
	}
}
