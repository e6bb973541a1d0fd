/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * TCP Fast Open, RFC 7413: data in the SYN, for peers that hold a cookie.
 *
 * Server: a cookie is 8 bytes of SipHash-2-4 over both addresses under a key that all workers of the stack share (4.1.2).
 * A SYN with a valid one and with data becomes a connection at once, in SYN-RECEIVED with C_TFO: the application may
 * accept, read and answer; its SYN is kept out of the sequence arithmetic and repeated until the first ACK. At most
 * tern_listener_fastopen()'s number of them may be unconfirmed in a worker, because the source is not proven to be there
 * (5.1); beyond, and with a bad cookie, the SYN is an ordinary one, and its data is the client's to send again.
 *
 * Client: cookies by server address in a small table of the worker, one entry a slot: a collision only costs a round
 * trip. A SYN with the option that is not answered is sent again without option and data, and the server is left alone
 * for a minute, then two, up to an hour (4.1.3.1: something drops such SYNs).
 */
#include <errno.h>
#include <string.h>
#include <sodium.h>
#include "tcp.h"

#define COOKIE_LEN 8u
#define COOKIE_MAX 16u /* RFC 7413 4.1.1 */
#define OPT_TFO 34
#define CACHE_SLOTS 256u
#define HOLE_US 60000000ull
#define HOLE_SHIFT_MAX 6

struct tfo_peer {
	uint8_t addr[16], cookie[COOKIE_MAX];
	uint64_t off_until_us;
	uint16_t mss;
	uint8_t af, len, holes; /* af 0: free; holes: SYNs in a row that got no answer */
};

int
tcp_tfo_init(struct worker *w)
{
	w->tfo_peers = node_alloc(CACHE_SLOTS * sizeof(struct tfo_peer), w->node);
	return w->tfo_peers ? 0 : -ENOMEM;
}

void
tcp_tfo_fini(struct worker *w)
{
	if (w->tfo_peers)
		node_free(w->tfo_peers, CACHE_SLOTS * sizeof(struct tfo_peer));
}

/* The option's cookie. @return its length, 0 for a request, -1: no such option. */
static int
find_option(const uint8_t *opt, unsigned int optlen, const uint8_t **cookie)
{
	unsigned int i = 0;

	while (i < optlen && opt[i]) {
		if (opt[i] == 1) {
			i++;
			continue;
		}
		if (optlen - i < 2 || opt[i + 1] < 2 || opt[i + 1] > optlen - i)
			return -1;
		if (opt[i] == OPT_TFO && opt[i + 1] <= 2 + COOKIE_MAX) {
			*cookie = opt + i + 2;
			return opt[i + 1] - 2;
		}
		i += opt[i + 1];
	}
	return -1;
}

static unsigned int
emit_option(uint8_t *p, const uint8_t *cookie, unsigned int len)
{
	const unsigned int pad = -(2 + len) & 3;

	memset(p, 1, pad);
	p[pad] = OPT_TFO;
	p[pad + 1] = 2 + len;
	if (len)
		memcpy(p + pad + 2, cookie, len);
	return pad + 2 + len;
}

/* --- server ------------------------------------------------------------------------------------------------- */

void
tern_listener_fastopen(struct tern_listener *l, unsigned int max_pending)
{
	l->tfo_max = max_pending;
}

static void
make_cookie(const struct worker *w, const struct seg *s, uint8_t cookie[COOKIE_LEN])
{
	crypto_shorthash_siphash24(cookie, (const uint8_t *)&s->flow.addr, s->flow.af == 4 ? 8 : 32, w->conf.tcp.fastopen_key);
}

enum tfo_syn
tcp_tfo_syn(struct worker *w, struct tern_listener *l, const struct seg *s, uint8_t *opt, unsigned int *optlen)
{
	const uint8_t *got;
	uint8_t cookie[COOKIE_LEN];
	const int len = find_option(s->opt, s->optlen, &got);

	*optlen = 0;
	if (len < 0)
		return TFO_NO;
	make_cookie(w, s, cookie);
	if (len != COOKIE_LEN || sodium_memcmp(cookie, got, COOKIE_LEN)) {
		STAT_INC(w, TFO_COOKIE_REQD);
		w->stats[STAT_TFO_PASSIVE_FAIL] += len > 0;
		*optlen = emit_option(opt, cookie, COOKIE_LEN);
		return TFO_NO;
	}
	if (!s->len)
		return TFO_NO;
	if (w->tfo_pending >= l->tfo_max) {
		STAT_INC(w, TFO_OVERFLOW);
		return TFO_NO;
	}
	return TFO_YES;
}

bool
tcp_tfo_synack(struct worker *w, struct conn *c)
{
	if (!(c->flags & C_SYNACK))
		return true;
	if (!tcp_send_ctl(w, c, TCP_SYN | TCP_ACK | (c->flags & C_ECN ? TCP_ECE : 0), c->iss))
		return false;
	c->flags &= ~C_SYNACK;
	if (c->backoff) {
		STAT_INC(w, SYN_RETRANS);
		STAT_INC(w, RETRANS_SEGS);
		c->flags &= ~C_RTT;
	} else {
		c->flags |= C_RTT;
		c->rtt_seq = c->snd_una;
		c->rtt_us = (uint32_t)w->now_us;
	}
	tcp_rto_start(w, c);
	return true;
}

void
tcp_tfo_confirmed(struct worker *w, struct conn *c)
{
	c->flags &= ~(C_TFO | C_SYNACK);
	w->tfo_pending--;
}

/* --- client ------------------------------------------------------------------------------------------------- */

static struct tfo_peer *
peer_slot(const struct worker *w, const struct conn *c, uint8_t addr[16])
{
	uint64_t h;

	memset(addr, 0, 16);
	memcpy(addr, c->af == 4 ? (const void *)&c->addr.raddr4 : c->addr.raddr6, c->af == 4 ? 4 : 16);
	crypto_shorthash_siphash24((unsigned char *)&h, addr, 16, (const unsigned char *)w->secret);
	return &w->tfo_peers[h % CACHE_SLOTS];
}

static struct tfo_peer *
peer_find(const struct worker *w, const struct conn *c)
{
	uint8_t addr[16];
	struct tfo_peer *p = peer_slot(w, c, addr);

	return p->af == c->af && memcmp(p->addr, addr, 16) == 0 ? p : NULL;
}

static struct tfo_peer *
peer_make(struct worker *w, const struct conn *c)
{
	uint8_t addr[16];
	struct tfo_peer *p = peer_slot(w, c, addr);

	if (p->af != c->af || memcmp(p->addr, addr, 16)) {
		memset(p, 0, sizeof(*p));
		p->af = c->af;
		memcpy(p->addr, addr, 16);
	}
	return p;
}

unsigned int
tcp_tfo_offer(const struct worker *w, const struct conn *c, uint8_t *opt, uint32_t *data)
{
	const struct tfo_peer *p = peer_find(w, c);
	uint32_t room;

	*data = 0;
	if (c->backoff || (p && w->now_us < p->off_until_us))
		return 0;
	if (!p || !p->len)
		return emit_option(opt, NULL, 0);
	/* the peer's MSS of last time, less the options of this SYN (4.1.3) */
	room = RTE_MIN(p->mss, tcp_mss_offer(&w->ifs[c->ifidx], c->af));
	room = room > 40 ? room - 40 : 0;
	*data = RTE_MIN(c->snd_queued, room);
	return emit_option(opt, p->cookie, p->len);
}

void
tcp_tfo_answer(struct worker *w, struct conn *c, const struct seg *s, const struct tcp_opts *o)
{
	const uint32_t acked = s->ack - (c->iss + 1), sent = c->snd_max - (c->iss + 1);
	const uint8_t *cookie;
	const int len = find_option(s->opt, s->optlen, &cookie);
	struct tfo_peer *p;

	if (len > 0 && !(len & 1) && len >= 4) {
		p = peer_make(w, c);
		memcpy(p->cookie, cookie, len);
		p->len = len;
		p->mss = o->has_mss ? o->mss : c->mss;
		if (!c->backoff)
			p->holes = 0;
	}
	c->flags &= ~C_TFO;
	if (sent)
		w->stats[acked ? STAT_TFO_ACTIVE : STAT_TFO_ACTIVE_FAIL]++;
	tcp_snd_accepted(c, acked);
}

void
tcp_tfo_hole(struct worker *w, struct conn *c)
{
	struct tfo_peer *p = peer_make(w, c);

	if (w->now_us < p->off_until_us)
		return; /* this SYN was plain already */
	STAT_INC(w, TFO_BLACKHOLE);
	p->off_until_us = w->now_us + (HOLE_US << p->holes);
	if (p->holes < HOLE_SHIFT_MAX)
		p->holes++;
}

int
tern_connect_fastopen(struct tern_worker *tw, const struct tern_endpoint *local, const struct tern_endpoint *remote,
		      const struct tern_ops *ops, void *user, const void *data, size_t len, struct tern_conn **out)
{
	const int rc = tern_connect(tw, local, remote, ops, user, out);
	ssize_t n;

	if (rc)
		return rc;
	((struct conn *)*out)->flags |= C_TFO;
	n = tern_send(*out, data, len);
	if (n >= 0)
		return n;
	tern_close(*out);
	*out = NULL;
	return n;
}
