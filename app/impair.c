/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A frame's way: lost? corrupted? doubled? Then the queue before the rate, the delay, and the line of what is under
 * way, a binary heap by time and order of arrival. Everything is drawn from one generator seeded by the profile, and a
 * fault that is off draws nothing: same profile, same frames, same times, same result.
 *
 * Loss is by four models at once: random; Gilbert-Elliott, where a bad state is entered and left by chance and loses
 * what it meets; every nth; and the nth to mth frames of a TCP kind. Delay and jitter keep the order; only `reorder`
 * breaks it, by making single frames late. The rate is a token bucket kept as the time when the last frame has
 * left; its queue is bounded in frames and bytes. Corruption flips one bit behind the Ethernet header of an IP
 * frame, which IP or TCP checksums notice (ARP has none, so it is spared); `mangle` flips one of TCP's payload and puts
 * the checksum right, which nothing below the application notices.
 *
 * Bounds: `slots` frames under way, `queue` waiting; what exceeds them is dropped and counted. Memory is taken by
 * impair_create(); afterwards only mbufs, for copies.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <rte_branch_prediction.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_tcp.h>
#include "impair.h"

#define SLOTS_DEF 16384u /* 1 Gbit/s of full frames for 0.2 s */
#define QUEUE_DEF 1000u	 /* as Linux's txqueuelen */
#define TIME_MAX_US 60000000u
#define FP_SHIFT 16 /* of ns_per_byte */
#define NEVER UINT64_MAX

enum { KIND_NONE, KIND_SYN, KIND_SYNACK, KIND_ACK, KIND_DATA, KIND_FIN, KIND_RST, KIND_MAX };
static const char *const kinds[KIND_MAX] = {"", "syn", "synack", "ack", "data", "fin", "rst"};

struct slot {
	uint64_t at_ns, order;
	struct rte_mbuf *m;
};

struct impair {
	struct impair_conf c;
	struct impair_stats st;
	struct rte_mempool *mp;
	uint64_t rng;
	uint64_t order;
	uint64_t n_every, n_pick[IMPAIR_PICKS];
	bool in_bad;
	/* rate: when all that is queued has left, and when each frame will have */
	uint64_t free_ns, ns_per_byte, burst_ns; /* ns_per_byte << FP_SHIFT */
	uint64_t last_ns;			 /* of what is in order */
	uint64_t *leaves_ns;			 /* ring of c.queue */
	uint32_t leaves_head, leaves_n;
	uint32_t n;
	struct slot *heap;
};

const char impair_help[] =
	"loss=P burst=P/P[/P] every=N drop=KIND:N[-M] dup=P corrupt=P mangle=P reorder=P[/TIME] delay=TIME jitter=TIME "
	"rate=BITS bucket=BYTES queue=N queue-bytes=N mark=N slots=N seed=N";

/* --- profiles ------------------------------------------------------------------------------------------------- */

struct reader {
	const char *key;
	char *why;
	size_t size;
};

static int
wrong(const struct reader *r, const char *val, const char *what)
{
	snprintf(r->why, r->size, "%s=%s: %s", r->key, val, what);
	return -EINVAL;
}

/* "1%", "0.5%" or "0.01": of 2^32. */
static int
get_chance(const struct reader *r, const char *val, uint32_t *out)
{
	char *end;
	double p = strtod(val, &end);

	if (end != val && *end == '%')
		p /= 100, end++;
	if (end == val || *end || !(p >= 0 && p <= 1))
		return wrong(r, val, "write a chance, 0%..100% or 0..1");
	*out = p >= 1 ? UINT32_MAX : (uint32_t)(p * 4294967296.0);
	return 0;
}

static int
get_time(const struct reader *r, const char *val, uint32_t *us)
{
	char *end;
	double t = strtod(val, &end);

	if (end == val || !(t >= 0))
		return wrong(r, val, "write a time, as 20ms");
	if (strcmp(end, "us") == 0)
		t *= 1;
	else if (strcmp(end, "ms") == 0)
		t *= 1e3;
	else if (strcmp(end, "s") == 0)
		t *= 1e6;
	else
		return wrong(r, val, "write a time with its unit: us, ms or s");
	if (t > TIME_MAX_US)
		return wrong(r, val, "more than a minute");
	*us = (uint32_t)t;
	return 0;
}

static int
get_number(const struct reader *r, const char *val, uint64_t min, uint64_t max, uint64_t *out)
{
	char *end;

	errno = 0;
	*out = strtoull(val, &end, 0);
	if (end == val || *end || *val == '-' || errno || *out < min || *out > max) {
		snprintf(r->why, r->size, "%s=%s: not a number of %lu..%lu", r->key, val, min, max);
		return -EINVAL;
	}
	return 0;
}

static int
get_u32(const struct reader *r, const char *val, uint64_t min, uint64_t max, uint32_t *out)
{
	uint64_t v = 0;
	int rc = get_number(r, val, min, max, &v);

	*out = v;
	return rc;
}

static int
get_rate(const struct reader *r, const char *val, uint64_t *bps)
{
	char *end;
	double v = strtod(val, &end);

	if (end != val && *end && !end[1])
		v *= *end == 'k' ? 1e3 : *end == 'm' ? 1e6 : *end == 'g' ? 1e9 : -1;
	else if (end == val || *end)
		v = -1;
	if (!(v >= 1000 && v <= 1e12))
		return wrong(r, val, "write bits per second, 1k..1000g");
	*bps = (uint64_t)v;
	return 0;
}

/* Up to n chances separated by '/'. @return how many, or -EINVAL. */
static int
get_chances(const struct reader *r, char *val, uint32_t *const out[], int n)
{
	char *save = NULL, *p;
	int i = 0, rc;

	for (p = strtok_r(val, "/", &save); p; p = strtok_r(NULL, "/", &save)) {
		if (i == n)
			return wrong(r, p, "one too many");
		rc = get_chance(r, p, out[i++]);
		if (rc)
			return rc;
	}
	return i;
}

/* KIND:N[-M] */
static int
get_pick(const struct reader *r, char *val, struct impair_conf *c)
{
	char *colon = strchr(val, ':'), *dash;
	struct impair_pick *k = c->pick;
	int rc;

	while (k < c->pick + IMPAIR_PICKS && k->kind)
		k++;
	if (k == c->pick + IMPAIR_PICKS)
		return wrong(r, val, "more than four of them");
	if (!colon)
		return wrong(r, val, "write KIND:N or KIND:N-M");
	*colon++ = 0;
	for (k->kind = KIND_MAX - 1; k->kind && strcmp(kinds[k->kind], val); k->kind--)
		;
	if (!k->kind)
		return wrong(r, val, "the kinds are syn, synack, ack, data, fin, rst");
	dash = strchr(colon, '-');
	if (dash)
		*dash++ = 0;
	rc = get_u32(r, colon, 1, UINT32_MAX, &k->first);
	if (!rc)
		rc = get_u32(r, dash ? dash : colon, k->first, UINT32_MAX, &k->last);
	return rc;
}

static int
get_reorder(const struct reader *r, char *val, struct impair_conf *c)
{
	char *slash = strchr(val, '/');
	int rc;

	if (slash)
		*slash++ = 0;
	rc = get_chance(r, val, &c->reorder);
	return rc || !slash ? rc : get_time(r, slash, &c->reorder_us);
}

static int
get_burst(const struct reader *r, char *val, struct impair_conf *c)
{
	uint32_t *const out[3] = {&c->bad, &c->good, &c->bad_loss};
	int n = get_chances(r, val, out, 3);

	if (n == 0 || n == 1)
		return wrong(r, val, "write the chances to enter and to leave the bad state, P/P[/LOSS]");
	if (n > 0 && !c->good)
		return wrong(r, val, "a bad state that is never left");
	return n < 0 ? n : 0;
}

static int
get_key(const struct reader *r, char *v, struct impair_conf *c)
{
	const char *k = r->key;

	if (strcmp(k, "loss") == 0)
		return get_chance(r, v, &c->loss);
	if (strcmp(k, "burst") == 0)
		return get_burst(r, v, c);
	if (strcmp(k, "every") == 0)
		return get_u32(r, v, 1, UINT32_MAX, &c->every);
	if (strcmp(k, "drop") == 0)
		return get_pick(r, v, c);
	if (strcmp(k, "dup") == 0)
		return get_chance(r, v, &c->dup);
	if (strcmp(k, "corrupt") == 0)
		return get_chance(r, v, &c->corrupt);
	if (strcmp(k, "mangle") == 0)
		return get_chance(r, v, &c->mangle);
	if (strcmp(k, "reorder") == 0)
		return get_reorder(r, v, c);
	if (strcmp(k, "delay") == 0)
		return get_time(r, v, &c->delay_us);
	if (strcmp(k, "jitter") == 0)
		return get_time(r, v, &c->jitter_us);
	if (strcmp(k, "rate") == 0)
		return get_rate(r, v, &c->rate_bps);
	if (strcmp(k, "bucket") == 0)
		return get_u32(r, v, 0, 1 << 30, &c->burst_bytes);
	if (strcmp(k, "queue") == 0)
		return get_u32(r, v, 1, 1 << 20, &c->queue);
	if (strcmp(k, "queue-bytes") == 0)
		return get_u32(r, v, 1, 1 << 30, &c->queue_bytes);
	if (strcmp(k, "mark") == 0)
		return get_u32(r, v, 1, 1 << 20, &c->mark);
	if (strcmp(k, "slots") == 0)
		return get_u32(r, v, 1, 1 << 22, &c->slots);
	if (strcmp(k, "seed") == 0)
		return get_number(r, v, 0, UINT64_MAX, &c->seed);
	snprintf(r->why, r->size, "'%s' is not a fault: there are %s", k, impair_help);
	return -EINVAL;
}

int
impair_parse(const char *text, struct impair_conf *c, char *why, size_t size)
{
	char buf[512], *word, *val, *save = NULL;
	struct reader r = {.why = why, .size = size};
	int rc = 0;

	memset(c, 0, sizeof(*c));
	c->bad_loss = UINT32_MAX;
	c->reorder_us = 1000; /* beyond the spacing of a burst, within a quarter of most round trips */
	c->queue = QUEUE_DEF;
	c->slots = SLOTS_DEF;
	c->seed = 1;
	if (strlen(text) >= sizeof(buf)) {
		snprintf(why, size, "longer than %zu characters", sizeof(buf) - 1);
		return -EINVAL;
	}
	memcpy(buf, text, strlen(text) + 1);
	for (word = strtok_r(buf, ", ", &save); word && !rc; word = strtok_r(NULL, ", ", &save)) {
		val = strchr(word, '=');
		if (!val || !val[1]) {
			snprintf(why, size, "'%s': write key=value", word);
			return -EINVAL;
		}
		*val++ = 0;
		r.key = word;
		rc = get_key(&r, val, c);
	}
	return rc;
}

/* --- life ------------------------------------------------------------------------------------------------------- */

struct impair *
impair_create(const struct impair_conf *c, struct rte_mempool *mp)
{
	struct impair *im = calloc(1, sizeof(*im));

	if (!im)
		return NULL;
	im->c = *c;
	im->mp = mp;
	im->rng = c->seed;
	if (c->rate_bps)
		im->ns_per_byte = (UINT64_C(8000000000) << FP_SHIFT) / c->rate_bps;
	im->burst_ns = (c->burst_bytes * im->ns_per_byte) >> FP_SHIFT;
	im->heap = calloc(c->slots, sizeof(*im->heap));
	im->leaves_ns = calloc(c->queue, sizeof(*im->leaves_ns));
	if (!im->heap || !im->leaves_ns) {
		impair_destroy(im);
		return NULL;
	}
	return im;
}

void
impair_destroy(struct impair *im)
{
	uint32_t i;

	if (!im)
		return;
	for (i = 0; i < im->n; i++)
		rte_pktmbuf_free(im->heap[i].m); /* NOLINT(clang-analyzer-core.NullDereference): no heap, no n */
	free(im->heap);
	free(im->leaves_ns);
	free(im);
}

/* --- chance ----------------------------------------------------------------------------------------------------- */

static uint32_t
draw(struct impair *im) /* splitmix64 */
{
	uint64_t z = im->rng += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return (z ^ z >> 31) >> 32;
}

static inline bool
chance(struct impair *im, uint32_t p)
{
	return p && (p == UINT32_MAX || draw(im) < p);
}

static inline uint32_t
below(struct impair *im, uint32_t n)
{
	return (uint64_t)draw(im) * n >> 32;
}

/* --- frames ----------------------------------------------------------------------------------------------------- */

/* The TCP header in m's first segment with the length of what follows it, or NULL: anything else, or a fragment. */
static struct rte_tcp_hdr *
tcp_of(const struct rte_mbuf *m, uint32_t *payload)
{
	const struct rte_ether_hdr *eth = rte_pktmbuf_mtod(m, const struct rte_ether_hdr *);
	const uint8_t *ip = (const uint8_t *)(eth + 1);
	struct rte_tcp_hdr *t;
	uint32_t hl, total, len = m->data_len, off;

	if (len < sizeof(*eth) + sizeof(struct rte_ipv4_hdr))
		return NULL;
	len -= sizeof(*eth);
	if (eth->ether_type == RTE_BE16(RTE_ETHER_TYPE_IPV4)) {
		const struct rte_ipv4_hdr *h = (const struct rte_ipv4_hdr *)ip;

		hl = (h->version_ihl & 15) * 4u;
		total = rte_be_to_cpu_16(h->total_length);
		if (h->next_proto_id != IPPROTO_TCP || h->fragment_offset & RTE_BE16(0x3fff))
			return NULL;
	} else if (eth->ether_type == RTE_BE16(RTE_ETHER_TYPE_IPV6) && len >= sizeof(struct rte_ipv6_hdr)) {
		const struct rte_ipv6_hdr *h = (const struct rte_ipv6_hdr *)ip;

		hl = sizeof(*h);
		total = hl + rte_be_to_cpu_16(h->payload_len);
		if (h->proto != IPPROTO_TCP)
			return NULL;
	} else {
		return NULL;
	}
	if (hl < sizeof(struct rte_ipv4_hdr) || total < hl + sizeof(*t) || len < hl + sizeof(*t))
		return NULL;
	t = (struct rte_tcp_hdr *)(uintptr_t)(ip + hl);
	off = hl + (t->data_off >> 4) * 4u;
	if (off < hl + sizeof(*t) || off > total)
		return NULL;
	*payload = total - off;
	return t;
}

static bool
is_kind(const struct rte_tcp_hdr *t, uint32_t payload, uint8_t kind)
{
	const uint8_t f = t->tcp_flags, syn = f & (RTE_TCP_SYN_FLAG | RTE_TCP_ACK_FLAG);

	switch (kind) {
	case KIND_SYN:
		return syn == RTE_TCP_SYN_FLAG;
	case KIND_SYNACK:
		return syn == (RTE_TCP_SYN_FLAG | RTE_TCP_ACK_FLAG);
	case KIND_ACK:
		return payload == 0 && (f & ~RTE_TCP_PSH_FLAG) == RTE_TCP_ACK_FLAG;
	case KIND_DATA:
		return payload > 0;
	case KIND_FIN:
		return f & RTE_TCP_FIN_FLAG;
	default:
		return f & RTE_TCP_RST_FLAG;
	}
}

static bool
picked(struct impair *im, const struct rte_mbuf *m)
{
	const struct impair_pick *k = im->c.pick;
	const struct rte_tcp_hdr *t;
	uint32_t payload, i;
	bool lose = false;

	if (!k->kind || !(t = tcp_of(m, &payload)))
		return false;
	for (i = 0; i < IMPAIR_PICKS && k[i].kind; i++) {
		if (!is_kind(t, payload, k[i].kind))
			continue;
		im->n_pick[i]++;
		lose |= im->n_pick[i] >= k[i].first && im->n_pick[i] <= k[i].last;
	}
	return lose;
}

/* @return the counter of the loss, or NULL. */
static uint64_t *
lost(struct impair *im, const struct rte_mbuf *m)
{
	const struct impair_conf *c = &im->c;

	if (picked(im, m))
		return &im->st.lost_pick;
	if (c->every && ++im->n_every == c->every) {
		im->n_every = 0;
		return &im->st.lost_every;
	}
	if (c->bad) {
		im->in_bad = im->in_bad ? !chance(im, c->good) : chance(im, c->bad);
		if (im->in_bad && chance(im, c->bad_loss))
			return &im->st.lost_burst;
	}
	return chance(im, c->loss) ? &im->st.lost_random : NULL;
}

/* m, or a copy when its bytes are not only its own. NULL: no mbuf. */
static struct rte_mbuf *
writable(struct impair *im, struct rte_mbuf *m)
{
	struct rte_mbuf *copy;

	if (RTE_MBUF_DIRECT(m) && rte_mbuf_refcnt_read(m) == 1)
		return m;
	copy = rte_pktmbuf_copy(m, im->mp, 0, UINT32_MAX);
	if (!copy)
		im->st.no_mbuf++;
	else
		rte_pktmbuf_free(m);
	return copy;
}

static struct rte_mbuf *
corrupt(struct impair *im, struct rte_mbuf *m)
{
	const struct rte_ether_hdr *eth = rte_pktmbuf_mtod(m, const struct rte_ether_hdr *);
	struct rte_mbuf *own;
	uint32_t bit;

	if (m->data_len <= sizeof(*eth) || (eth->ether_type != RTE_BE16(RTE_ETHER_TYPE_IPV4) &&
					    eth->ether_type != RTE_BE16(RTE_ETHER_TYPE_IPV6)))
		return m;
	own = writable(im, m);
	if (!own)
		return m;
	bit = below(im, (own->data_len - sizeof(*eth)) * 8);
	rte_pktmbuf_mtod_offset(own, uint8_t *, sizeof(*eth))[bit / 8] ^= 1 << bit % 8;
	im->st.corrupted++;
	return own;
}

/* Flip a bit of the payload, and adjust TCP's checksum by the difference (RFC 1624 eqn. 3). */
static struct rte_mbuf *
mangle(struct impair *im, struct rte_mbuf *m)
{
	struct rte_mbuf *own;
	struct rte_tcp_hdr *t;
	uint32_t payload, off, old, sum;
	uint8_t *p;

	if (!tcp_of(m, &payload) || !payload || !(own = writable(im, m)))
		return m;
	t = tcp_of(own, &payload);
	p = (uint8_t *)t + (t->data_off >> 4) * 4;
	if (p + payload > rte_pktmbuf_mtod(own, uint8_t *) + own->data_len)
		return own; /* scattered */
	off = below(im, payload);
	old = p[off];
	p[off] ^= 1 << below(im, 8);
	/* the TCP header is a whole number of words: an even offset is the high byte */
	sum = (uint16_t)~rte_be_to_cpu_16(t->cksum);
	sum += off & 1 ? (uint16_t)~old + p[off] : (uint16_t)~(old << 8) + (p[off] << 8);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	t->cksum = rte_cpu_to_be_16((uint16_t)~sum);
	im->st.mangled++;
	return own;
}

/* Congestion experienced, if the sender can be told so: RFC 3168 5. */
static struct rte_mbuf *
mark_ce(struct impair *im, struct rte_mbuf *m)
{
	const struct rte_ether_hdr *eth = rte_pktmbuf_mtod(m, const struct rte_ether_hdr *);
	const bool v4 = eth->ether_type == RTE_BE16(RTE_ETHER_TYPE_IPV4),
		   v6 = eth->ether_type == RTE_BE16(RTE_ETHER_TYPE_IPV6);
	const uint8_t *ip = (const uint8_t *)(eth + 1);
	struct rte_ipv4_hdr *h;
	struct rte_mbuf *own;
	uint8_t ecn;

	if ((!v4 && !v6) || m->data_len < sizeof(*eth) + sizeof(*h))
		return m;
	ecn = (v4 ? ip[1] : ip[1] >> 4) & RTE_IPV4_HDR_ECN_MASK;
	if (ecn == 0 || ecn == RTE_IPV4_HDR_ECN_CE || !(own = writable(im, m)))
		return m;
	h = rte_pktmbuf_mtod_offset(own, struct rte_ipv4_hdr *, sizeof(*eth));
	if (v4) {
		h->type_of_service |= RTE_IPV4_HDR_ECN_CE;
		h->hdr_checksum = 0;
		h->hdr_checksum = rte_ipv4_cksum(h);
	} else {
		((struct rte_ipv6_hdr *)h)->vtc_flow |= RTE_BE32(RTE_IPV4_HDR_ECN_CE << 20);
	}
	im->st.marked++;
	return own;
}

/* --- time ------------------------------------------------------------------------------------------------------- */

static inline bool
before(const struct slot *a, const struct slot *b)
{
	return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->order < b->order;
}

static void
heap_push(struct impair *im, struct slot s)
{
	uint32_t i = im->n++, up;

	for (; i; i = up) {
		up = (i - 1) / 2;
		if (!before(&s, &im->heap[up]))
			break;
		im->heap[i] = im->heap[up];
	}
	im->heap[i] = s;
}

static struct rte_mbuf *
heap_pop(struct impair *im)
{
	struct rte_mbuf *m = im->heap[0].m;
	const struct slot s = im->heap[--im->n];
	uint32_t i = 0, k;

	for (; (k = 2 * i + 1) < im->n; i = k) {
		if (k + 1 < im->n && before(&im->heap[k + 1], &im->heap[k]))
			k++;
		if (!before(&im->heap[k], &s))
			break;
		im->heap[i] = im->heap[k];
	}
	im->heap[i] = s;
	return m;
}

/* When a frame of len bytes that came now has left the queue; NEVER: no room for it. */
static uint64_t
queued_until(struct impair *im, uint32_t len, uint64_t now_ns)
{
	const struct impair_conf *c = &im->c;
	uint64_t cost, wait_ns;

	if (!c->rate_bps)
		return now_ns;
	while (im->leaves_n && im->leaves_ns[im->leaves_head] <= now_ns) {
		im->leaves_head = im->leaves_head + 1 == c->queue ? 0 : im->leaves_head + 1;
		im->leaves_n--;
	}
	if (im->free_ns + im->burst_ns < now_ns)
		im->free_ns = now_ns - im->burst_ns;
	wait_ns = im->free_ns > now_ns ? im->free_ns - now_ns : 0;
	if (im->leaves_n == c->queue || (c->queue_bytes && wait_ns + (len * im->ns_per_byte >> FP_SHIFT) >
								   (c->queue_bytes * im->ns_per_byte) >> FP_SHIFT))
		return NEVER;
	cost = (len * im->ns_per_byte) >> FP_SHIFT;
	im->free_ns += cost;
	if (im->free_ns > now_ns) {
		im->leaves_ns[(im->leaves_head + im->leaves_n++) % c->queue] = im->free_ns;
		return im->free_ns;
	}
	return now_ns;
}

static void
forward(struct impair *im, struct rte_mbuf *m, uint64_t now_ns)
{
	const struct impair_conf *c = &im->c;
	struct slot s = {.m = m, .order = im->order++};
	uint64_t at = NEVER;

	if (im->n == c->slots)
		im->st.drop_slots++;
	else if ((at = queued_until(im, m->pkt_len, now_ns)) == NEVER)
		im->st.drop_queue++;
	if (at == NEVER) {
		rte_pktmbuf_free(m);
		return;
	}
	if (c->mark && im->leaves_n > c->mark)
		s.m = mark_ce(im, m);
	s.at_ns = at + c->delay_us * UINT64_C(1000) + (c->jitter_us ? below(im, c->jitter_us) * UINT64_C(1000) : 0);
	if (chance(im, c->reorder)) {
		s.at_ns += c->reorder_us * UINT64_C(1000);
		im->st.reordered++;
	} else {
		s.at_ns = im->last_ns = RTE_MAX(s.at_ns, im->last_ns);
	}
	im->st.delayed += s.at_ns > now_ns;
	heap_push(im, s);
}

void
impair_in(struct impair *im, struct rte_mbuf *m, uint64_t now_us)
{
	const struct impair_conf *c = &im->c;
	struct rte_mbuf *copy = NULL;
	uint64_t *counter;

	im->st.in++;
	counter = lost(im, m);
	if (counter) {
		++*counter;
		rte_pktmbuf_free(m);
		return;
	}
	if (chance(im, c->dup)) {
		copy = rte_pktmbuf_copy(m, im->mp, 0, UINT32_MAX);
		if (copy)
			im->st.dup++;
		else
			im->st.no_mbuf++;
	}
	if (chance(im, c->corrupt))
		m = corrupt(im, m);
	if (chance(im, c->mangle))
		m = mangle(im, m);
	forward(im, m, now_us * 1000);
	if (copy)
		forward(im, copy, now_us * 1000);
}

unsigned int
impair_out(struct impair *im, uint64_t now_us, struct rte_mbuf **m, unsigned int n)
{
	unsigned int k = 0;

	while (k < n && im->n && im->heap[0].at_ns <= now_us * 1000)
		m[k++] = heap_pop(im);
	im->st.out += k;
	return k;
}

uint64_t
impair_next_us(const struct impair *im)
{
	return im->n ? (im->heap[0].at_ns + 999) / 1000 : NEVER;
}

unsigned int
impair_in_flight(const struct impair *im)
{
	return im->n;
}

const struct impair_stats *
impair_stats(const struct impair *im)
{
	return &im->st;
}

const char *
impair_stat(const struct impair *im, unsigned int i, uint64_t *value)
{
#define AT(name, field)                                                                                                \
	{                                                                                                              \
		name, offsetof(struct impair_stats, field)                                                             \
	}
	static const struct {
		const char *name;
		size_t off;
	} all[] = {
		AT("in", in), AT("out", out), AT("duplicated", dup), AT("lost-random", lost_random),
		AT("lost-burst", lost_burst), AT("lost-every", lost_every), AT("lost-kind", lost_pick),
		AT("dropped-queue", drop_queue), AT("dropped-slots", drop_slots), AT("delayed", delayed),
		AT("reordered", reordered), AT("corrupted", corrupted), AT("mangled", mangled), AT("marked", marked),
		AT("no-buffer", no_mbuf),
	};
#undef AT

	if (i >= RTE_DIM(all))
		return NULL;
	memcpy(value, (const char *)&im->st + all[i].off, sizeof(*value));
	return all[i].name;
}
