/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Explicit congestion notification, RFC 3168. Agreed on in the handshake (6.1.1): by default as the passive side only,
 * as Linux does. New data then carries ECT(0); SYNs, ACKs, retransmissions and window probes do not (6.1.1, 6.1.4 to
 * 6.1.6). A CE mark that arrives is echoed on every ACK until the peer says CWR (6.1.3); an echo that arrives is
 * answered as a lost segment would be, once per window of data, and by CWR on the next new data (6.1.2). A SYN sent
 * again asks no more: something on the path may drop those that ask (6.1.1.1). With DCTCP (RFC 8257) every mark
 * counts: an ACK echoes whether the data it is for was marked, whatever CWR says; and SYNs and RSTs are marked ECT(0),
 * too, as a switch that marks early drops what is not (3.6); what becomes of those marks on the way is nobody's
 * concern.
 */
#include "tcp/cc.h"
#include "tcp/ecn.h"
#include "tcp/seq.h"


bool
tcp_ecn_asks(const struct tern_conn *c)
{
	const uint8_t ecn = c->w->conf.tcp.ecn;

	return (ecn == TERN_ECN_ON || (ecn == TERN_ECN_PASSIVE && cc_get(c->cc)->marks)) && !c->backoff;
}

void
tcp_ecn_agree(unsigned int cc, struct tcp_head *h)
{
	h->flags |= TCP_ECE;
	if (cc_get(cc)->marks)
		h->tos = (h->tos & ~TCP_ECN_MASK) | ECN_ECT0;
}

void
tcp_ecn_output(struct tern_conn *c, struct tcp_head *h, uint32_t len)
{
	h->tos &= ~TCP_ECN_MASK;
	if (c->flags & C_ECE && h->flags & TCP_ACK)
		h->flags |= TCP_ECE;
	if (h->flags & TCP_RST && cc_get(c->cc)->marks)
		h->tos |= ECN_ECT0;
	if (len == 0 || seq_lt(h->seq, c->snd_max) || c->flags & C_PERSIST)
		return;
	h->tos |= ECN_ECT0;
	if (c->flags & C_CWR)
		h->flags |= TCP_CWR;
	c->flags &= ~C_CWR;
}
