/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * TCP Fast Open, RFC 7413: data in the SYN, for peers that hold a cookie.
 *
 * Server: a cookie is 8 bytes of SipHash-2-4 over both addresses under a key that all workers of the stack share
 * (4.1.2), as Linux makes it: servers of both kinds behind one address may share a key. A key that we made is the hash
 * of a secret and of the time, so every worker finds the next one by itself; the one before it is accepted, too, and
 * then the SYN-ACK brings a new cookie. A key that was given stays until tern_fastopen_key() gives the next.
 *
 * A SYN with a valid cookie and with data becomes a connection at once, in SYN-RECEIVED with C_TFO: the application
 * may accept, read and answer; its SYN is kept out of the sequence arithmetic and repeated until the first ACK. At
 * most TERN_OPT_FASTOPEN's number of them may be unconfirmed in a worker, because the source is not proven to be
 * there; one that was reset counts for another minute or two, as a spoofed source resets what it never asked for
 * (5.1). Beyond, and with a bad cookie, the SYN is an ordinary one, and its data is the client's to send again.
 *
 * Client: cookies and the MSS by address pair in a small table of the worker, one entry a slot: a collision only costs
 * a round trip. In the same table, with the server's port, what went wrong (4.1.3.1): a SYN with the option that was
 * not answered, or with an ICMP error, or whose data was not acknowledged though no new cookie came. The SYN is then
 * sent again without option and data, and the server is left alone for a minute, then two, up to an hour; data that is
 * acknowledged ends that.
 */
#include <errno.h>
#include <string.h>
#include <sodium.h>
#include "tcp/call.h"
#include "tcp/opt.h"
#include "tcp/pmtu.h"
#include "tcp/sndq.h"

#define COOKIE_LEN 8u
#define COOKIE_MAX 16u /* RFC 7413 4.1.1 */
#define CACHE_SLOTS 512u /* half for pairs of addresses, half for what went wrong with one port: apart */
#define HOLE_US 60000000ull
#define HOLE_SHIFT_MAX 6
#define RESETS_US 60000000ull

struct tfo_key {
	union flow_addr addr;
	uint16_t port, af; /* af 0: free; port 0: of the address pair */
};

struct tfo_peer {
	struct tfo_key key;
	uint16_t mss; /* the server's */
	uint8_t len, cookie[COOKIE_MAX];
	uint8_t fails; /* SYNs in a row that went wrong */
	uint64_t off_until_us;
};

int
tcp_tfo_init(struct tern_worker *w)
{
	w->fastopen.peers = node_alloc(CACHE_SLOTS * sizeof(struct tfo_peer), w->node);
	if (!w->fastopen.peers)
		return -ENOMEM;
	if (!w->conf.tcp.fastopen_key_s)
		tern_fastopen_key(w, w->conf.tcp.fastopen_key);
	return 0;
}

void
tcp_tfo_fini(struct tern_worker *w)
{
	if (w->fastopen.peers)
		node_free(w->fastopen.peers, CACHE_SLOTS * sizeof(struct tfo_peer));
}

/* The option's cookie. @return its length, 0 for a request, -1: no such option. */
static int
find_option(const uint8_t *opt, unsigned int optlen, const uint8_t **cookie)
{
	unsigned int i = 0;
	const uint8_t *p;

	while ((p = tcp_opt_next(opt, optlen, &i)) != NULL) {
		if (p[0] == TCP_OPT_FASTOPEN && p[1] <= 2 + COOKIE_MAX) {
			*cookie = p + 2;
			return p[1] - 2;
		}
	}
	return -1;
}

static unsigned int
emit_option(uint8_t *p, const uint8_t *cookie, unsigned int len)
{
	const unsigned int pad = -(2 + len) & 3;

	memset(p, TCP_OPT_NOP, pad);
	p[pad] = TCP_OPT_FASTOPEN;
	p[pad + 1] = 2 + len;
	if (len)
		memcpy(p + pad + 2, cookie, len);
	return pad + 2 + len;
}

/* --- server ------------------------------------------------------------------------------------------------- */

void
tern_fastopen_key(struct tern_worker *w, const uint8_t key[16])
{
	CALL_ON(w);
	memcpy(w->fastopen.key[1], w->fastopen.key[0], sizeof(w->fastopen.key[1]));
	memcpy(w->fastopen.key[0], key, sizeof(w->fastopen.key[0]));
	w->fastopen.n_keys = RTE_MIN(w->fastopen.n_keys + 1, 2);
	w->fastopen.key_until_at = UINT64_MAX;
}

static void
key_of(const struct tern_worker *w, uint64_t epoch, uint8_t key[16])
{
	crypto_generichash(key, 16, (const uint8_t *)&epoch, sizeof(epoch), w->conf.tcp.fastopen_key,
			   sizeof(w->conf.tcp.fastopen_key));
}

/* The keys of this time. It divides once a period. */
static void
renew_keys(struct tern_worker *w)
{
	const uint64_t period = w->conf.tcp.fastopen_key_s * 1000000ull, epoch = w->now_us / period;

	key_of(w, epoch, w->fastopen.key[0]);
	key_of(w, epoch - 1, w->fastopen.key[1]);
	w->fastopen.n_keys = 2;
	w->fastopen.key_until_at = (epoch + 1) * period;
}

/* Client's address, then the server's: as Linux's. */
static void
make_cookie(const union flow_addr *a, uint8_t af, const uint8_t key[16], uint8_t cookie[COOKIE_LEN])
{
	uint8_t m[32];

	if (af == 4) {
		memcpy(m, &a->raddr4, 4);
		memcpy(m + 4, &a->laddr4, 4);
	} else {
		memcpy(m, a->raddr6, 16);
		memcpy(m + 16, a->laddr6, 16);
	}
	crypto_shorthash_siphash24(cookie, m, af == 4 ? 8 : 32, key);
}

/* Which key made it? @return -1: none of ours. The current cookie in any case. */
static int
check_cookie(struct tern_worker *w, const struct seg *s, const uint8_t *got, int len, uint8_t cookie[COOKIE_LEN])
{
	uint8_t other[COOKIE_LEN];

	if (unlikely(w->now_us >= w->fastopen.key_until_at))
		renew_keys(w);
	make_cookie(&s->flow.addr, s->flow.af, w->fastopen.key[0], cookie);
	if (len != COOKIE_LEN)
		return -1;
	if (sodium_memcmp(cookie, got, COOKIE_LEN) == 0)
		return 0;
	if (w->fastopen.n_keys < 2)
		return -1;
	make_cookie(&s->flow.addr, s->flow.af, w->fastopen.key[1], other);
	return sodium_memcmp(other, got, COOKIE_LEN) ? -1 : 1;
}

/* Connections that nobody has confirmed, and those reset in the last minute or two. */
static uint32_t
unconfirmed(struct tern_worker *w)
{
	if (w->now_us >= w->fastopen.resets_at) {
		w->fastopen.resets[1] = w->now_us - w->fastopen.resets_at < RESETS_US ? w->fastopen.resets[0] : 0;
		w->fastopen.resets[0] = 0;
		w->fastopen.resets_at = w->now_us + RESETS_US;
	}
	return w->fastopen.pending + w->fastopen.resets[0] + w->fastopen.resets[1];
}

enum tfo_syn
tcp_tfo_syn(struct tern_worker *w, struct tern_listener *l, const struct seg *s, uint8_t *opt, unsigned int *optlen)
{
	const uint8_t *got;
	uint8_t cookie[COOKIE_LEN];
	const int len = find_option(s->opt, s->optlen, &got);
	int key;

	*optlen = 0;
	if (len < 0)
		return TFO_NO;
	key = check_cookie(w, s, got, len, cookie);
	if (key != 0) { /* asked for, of the key before, or none of ours */
		STAT_INC(w, TFO_COOKIE_REQD);
		w->stats[STAT_TFO_PASSIVE_FAIL] += len > 0 && key < 0;
		*optlen = emit_option(opt, cookie, COOKIE_LEN);
	}
	if (key < 0 || !s->len)
		return TFO_NO;
	if (unconfirmed(w) >= l->tfo_max) {
		STAT_INC(w, TFO_OVERFLOW);
		return TFO_NO;
	}
	w->stats[STAT_TFO_PASSIVE_ALT] += key;
	return key ? TFO_OLD : TFO_YES;
}

unsigned int
tcp_tfo_option(struct tern_worker *w, const struct tern_conn *c, uint8_t *opt)
{
	uint8_t cookie[COOKIE_LEN];
	uint32_t data;

	if (c->state == TERN_SYN_SENT)
		return tcp_tfo_offer(w, c, opt, &data);
	if (!c->tfo_new)
		return 0;
	make_cookie(&c->addr, c->af, w->fastopen.key[0], cookie);
	return emit_option(opt, cookie, COOKIE_LEN);
}

void
tcp_tfo_confirmed(struct tern_worker *w, struct tern_conn *c)
{
	c->flags &= ~(C_TFO | C_SYNACK);
	w->fastopen.pending--;
}

void
tcp_tfo_reset(struct tern_worker *w)
{
	unconfirmed(w);
	w->fastopen.resets[0]++;
}

/* --- client ------------------------------------------------------------------------------------------------- */

static struct tfo_peer *
peer_slot(const struct tern_worker *w, const struct tern_conn *c, uint16_t port, struct tfo_key *k)
{
	uint64_t h;

	memset(k, 0, sizeof(*k));
	k->af = c->af;
	k->port = port;
	flow_addr_copy(&k->addr, &c->addr, c->af);
	crypto_shorthash_siphash24((unsigned char *)&h, (const unsigned char *)k, sizeof(*k),
				   (const unsigned char *)w->secret);
	return &w->fastopen.peers[h % (CACHE_SLOTS / 2) + (port ? CACHE_SLOTS / 2 : 0)];
}

static struct tfo_peer *
peer_find(const struct tern_worker *w, const struct tern_conn *c, uint16_t port)
{
	struct tfo_key k;
	struct tfo_peer *p = peer_slot(w, c, port, &k);

	/* NOLINTNEXTLINE(bugprone-suspicious-memory-comparison): no padding, and peer_slot() clears it first */
	return memcmp(&p->key, &k, sizeof(k)) ? NULL : p;
}

static struct tfo_peer *
peer_make(struct tern_worker *w, const struct tern_conn *c, uint16_t port)
{
	struct tfo_key k;
	struct tfo_peer *p = peer_slot(w, c, port, &k);

	/* NOLINTNEXTLINE(bugprone-suspicious-memory-comparison): as above */
	if (memcmp(&p->key, &k, sizeof(k))) {
		memset(p, 0, sizeof(*p));
		p->key = k;
	}
	return p;
}

/* Is this server left alone? */
static bool
is_off(const struct tern_worker *w, const struct tern_conn *c)
{
	const struct tfo_peer *p = peer_find(w, c, c->rport);

	return p && w->now_us < p->off_until_us;
}

bool
tcp_tfo_known(const struct tern_worker *w, const struct tern_conn *c)
{
	const struct tfo_peer *p = peer_find(w, c, 0);

	return p && p->len && !is_off(w, c);
}

unsigned int
tcp_tfo_offer(const struct tern_worker *w, const struct tern_conn *c, uint8_t *opt, uint32_t *data)
{
	const struct tfo_peer *p = peer_find(w, c, 0);
	uint32_t room;

	*data = 0;
	if (c->backoff || is_off(w, c))
		return 0;
	if (!p || !p->len)
		return emit_option(opt, NULL, 0);
	/* the peer's MSS of last time, less the options of this SYN (4.1.3) */
	room = RTE_MIN(p->mss, c->mss);
	room = room > 40 ? room - 40 : 0;
	*data = RTE_MIN(c->snd_queued, room);
	return emit_option(opt, p->cookie, p->len);
}

/* 4.1.3.1: no Fast Open with this server for a while. @return false: there was none this time. */
static bool
leave_alone(struct tern_worker *w, const struct tern_conn *c)
{
	struct tfo_peer *p = peer_make(w, c, c->rport);

	if (w->now_us < p->off_until_us)
		return false; /* this SYN was plain already */
	p->off_until_us = w->now_us + (HOLE_US << p->fails);
	if (p->fails < HOLE_SHIFT_MAX)
		p->fails++;
	return true;
}

/* What the SYN-ACK says for the next time. @return whether it brought a cookie that we did not have. */
static bool
remember(struct tern_worker *w, const struct tern_conn *c, const struct seg *s, const struct tcp_opts *o)
{
	const uint8_t *cookie;
	const int len = find_option(s->opt, s->optlen, &cookie);
	const bool valid = len >= 4 && !(len & 1); /* 4.1.1 */
	struct tfo_peer *p = valid ? peer_make(w, c, 0) : peer_find(w, c, 0);
	bool fresh = false;

	if (valid) {
		fresh = p->len != len || memcmp(p->cookie, cookie, len);
		memcpy(p->cookie, cookie, len);
		p->len = len;
	}
	if (p)
		p->mss = o->has_mss ? o->mss : tcp_mss_default(c->af);
	return fresh;
}

void
tcp_tfo_answer(struct tern_worker *w, struct tern_conn *c, const struct seg *s, const struct tcp_opts *o)
{
	const uint32_t acked = s->ack - (c->iss + 1), sent = c->snd_max - (c->iss + 1);
	const bool fresh = remember(w, c, s, o);
	struct tfo_peer *p;

	c->flags &= ~C_TFO;
	if (sent)
		w->stats[acked ? STAT_TFO_ACTIVE : STAT_TFO_ACTIVE_FAIL]++;
	if (acked && (p = peer_find(w, c, c->rport)))
		memset(p, 0, sizeof(*p));
	if (sent && !acked && !fresh)
		leave_alone(w, c);
	tcp_snd_accepted(c, acked);
	if (unlikely(c->rare && c->rare->syn_mtu))
		tcp_pmtu_opened(w, c, c->rare->syn_mtu);
}

void
tcp_tfo_hole(struct tern_worker *w, struct tern_conn *c)
{
	if (leave_alone(w, c))
		STAT_INC(w, TFO_BLACKHOLE);
}

void
tcp_tfo_icmp(struct tern_worker *w, struct tern_conn *c)
{
	if (!c->backoff)
		leave_alone(w, c);
}

void
tcp_tfo_plain(struct tern_conn *c)
{
	tcp_snd_cursor(c, c->iss + 1);
	c->snd_nxt = c->iss;
}
