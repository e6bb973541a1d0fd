/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What ICMP says about our own segments. Anybody can send such a message, so one is believed only when it quotes a
 * sequence number that is in flight (RFC 5927 4.1), and then it can do no more than this:
 *
 * - soft errors, and hard ones of a synchronised connection, are remembered and told when the connection gives up by
 *   itself (RFC 1122 4.2.3.9, RFC 9293 MUST-56, RFC 5461 4). Hard errors end an open: SYN-SENT and half-open requests.
 * - "too big" lowers the connection's segment size, never below what every host must take (RFC 791, RFC 8200 5; of IPv4
 *   DF goes then), and what is in flight is cut anew and sent at once. The congestion window stays: nothing was
 *   congested (RFC 1191 6.4).
 *
 * What the path takes is tcp/pmtu.c's.
 */
#include <errno.h>
#include "net/icmp.h"
#include "tcp/deadline.h"
#include "tcp/icmp.h"
#include "tcp/loss.h"
#include "tcp/pmtu.h"
#include "tcp/sndq.h"

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

static void
resend(struct tern_worker *w, struct tern_conn *c)
{
	if (!(c->feat & F_SACK) || !tcp_loss_too_big(w, c))
		tcp_snd_rewind(c);
	if (!(c->flags & C_PERSIST))
		tcp_rto_start(w, c); /* it must run: the window may let nothing out now */
	tcp_mark(c, P_OUTPUT);
}

/* The SYN and its data are too big: the SYN goes alone, the data follows in what fits. */
static int
syn_too_big(struct tern_worker *w, struct tern_conn *c, uint32_t mtu)
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
too_big(struct tern_worker *w, struct tern_conn *c, const struct icmp_err *e)
{
	const uint32_t mtu = e->mtu ? e->mtu : plateau(e->ip_len);

	if (e->ip_len <= mtu || (!(c->flags & C_TFO) && (c->state == TERN_SYN_SENT || c->state == TERN_SYN_RECEIVED)))
		return STAT_DROP_ICMP; /* no segment of ours was */
	if (c->af == 6 && mtu < PMTU_MIN6) /* RFC 8201 4 */
		return STAT_DROP_ICMP;
	if (c->state == TERN_SYN_SENT)
		return c->snd_nxt - c->iss > 1 ? syn_too_big(w, c, mtu) : STAT_DROP_ICMP;
	if (tcp_pmtu_lower(w, c, mtu)) {
		STAT_INC(w, PMTU_DOWN);
		resend(w, c);
	}
	return SEG_DONE;
}

static int
conn_icmp(struct tern_worker *w, struct tern_conn *c, const struct icmp_err *e)
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
	tcp_note_soft_error(w, c, e->err);
	return SEG_DONE;
}

static int
request_icmp(struct tern_worker *w, struct request *r, const struct icmp_err *e)
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
tcp_icmp_input(struct tern_worker *w, const struct seg *s, const struct icmp_err *e)
{
	struct tobj *o = table_lookup(&w->table, &e->flow, table_hash(&w->table, &e->flow));

	if (!o) { /* errors are spread by the router's address, not by the connection's */
		struct seg quoted = *s;

		quoted.flow = e->flow;
		return w->handover && w->handover(w, &quoted) ? SEG_TAKEN : STAT_DROP_ICMP_SEQ;
	}
	if (o->kind == TOBJ_CONN)
		return conn_icmp(w, (struct tern_conn *)o, e);
	return o->kind == TOBJ_REQ ? request_icmp(w, (struct request *)o, e) : STAT_DROP_ICMP_SEQ;
}

/* No need to compare sequence numbers: nobody else can say this. Half-open requests send their SYN-ACK again. */
void
tcp_unreachable(struct tern_worker *w, const struct rte_mbuf *m)
{
	const struct rte_ipv4_hdr *ip4 = rte_pktmbuf_mtod_offset(m, const struct rte_ipv4_hdr *, RTE_ETHER_HDR_LEN);
	const struct rte_ipv6_hdr *ip6 = (const struct rte_ipv6_hdr *)ip4;
	const uint8_t *ports = (const uint8_t *)(ip4 + 1);
	struct flow f = {.af = ip4->version_ihl >> 4};
	struct tern_conn *c;

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
	c = (struct tern_conn *)table_lookup(&w->table, &f, table_hash(&w->table, &f));
	if (!c || c->kind != TOBJ_CONN)
		return;
	if (c->state == TERN_SYN_SENT) {
		STAT_INC(w, NEIGH_ABORT);
		tcp_drop(w, c, -EHOSTUNREACH);
	} else {
		tcp_note_soft_error(w, c, -EHOSTUNREACH);
	}
}
