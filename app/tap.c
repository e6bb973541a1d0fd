/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See tap.h. A ring of bytes with one writer and one reader; a record does not wrap, the rest of the ring is skipped
 * then. Comments go into records that are not published yet. A change of state that no packet made, a close() say, is
 * noted for the SYN, FIN or RST that tells the peer.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <rte_cycles.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_tcp.h>
#include "tap.h"

#define RING_SIZE (4u << 20)
#define NEWEST 256u /* records that a comment may be for; a poll has hardly more */
#define NOTES 64u
#define NOTE_S 10u /* after so long it is for no packet */
#define SKIP UINT32_MAX

struct record {
	uint32_t size; /* of all of it; ifidx SKIP: nothing */
	uint32_t ifidx;
	const struct rte_mbuf *m;
	struct tap_packet p;
};

struct note {
	struct tern_endpoint local, remote;
	uint64_t tsc;
	char text[64]; /* "": none */
};

struct tap {
	uint64_t published __rte_cache_aligned; /* the worker's, which the reader sees */
	uint8_t *ring;
	const struct pfilter *filter;
	/* the worker's */
	uint64_t head; /* what comes goes there; bytes since the beginning, as all of these */
	uint64_t now_us;
	uint64_t lost;
	uint64_t newest[NEWEST];
	unsigned int n_newest;
	unsigned int next_note, n_notes;
	struct note notes[NOTES];
	uint64_t tail __rte_cache_aligned; /* the reader's, which the worker sees */
};

struct tap *
tap_new(const struct pfilter *f)
{
	struct tap *t = aligned_alloc(RTE_CACHE_LINE_SIZE, sizeof(*t));

	if (!t)
		return NULL;
	memset(t, 0, sizeof(*t));
	t->filter = f;
	t->ring = malloc(RING_SIZE);
	if (!t->ring) {
		free(t);
		return NULL;
	}
	return t;
}

void
tap_free(struct tap *t)
{
	if (t)
		free(t->ring);
	free(t);
}

static struct record *
at(const struct tap *t, uint64_t where)
{
	return (struct record *)(t->ring + (where & (RING_SIZE - 1)));
}

/* --- the worker's side --------------------------------------------------------------------------------------- */

void
tap_publish(struct tap *t)
{
	__atomic_store_n(&t->published, t->head, __ATOMIC_RELEASE);
	t->n_newest = 0;
}

/* Room for a record with n bytes of data, NULL: there is none. */
static struct record *
room(struct tap *t, uint32_t n)
{
	const uint32_t size = RTE_ALIGN(sizeof(struct record) + n, 16), left = RING_SIZE - (t->head & (RING_SIZE - 1));
	const uint32_t skip = left < size ? left : 0;
	struct record *r;

	if (t->head + skip + size - __atomic_load_n(&t->tail, __ATOMIC_ACQUIRE) > RING_SIZE)
		return NULL;
	if (skip) { /* it begins with 16 bytes at least: sizes are multiples of them */
		r = at(t, t->head);
		r->size = skip;
		r->ifidx = SKIP;
		t->head += skip;
	}
	r = at(t, t->head);
	r->size = size;
	t->newest[t->n_newest++ % NEWEST] = t->head;
	t->head += size;
	return r;
}

/* @return NULL: not taken. */
static struct tap_packet *
take(struct tap *t, const struct tern_packet *p)
{
	const uint32_t n = p->m->pkt_len;
	struct record *r;
	const void *data;

	if (!pfilter_takes(t->filter, p->m))
		return NULL;
	r = room(t, n);
	if (!r) {
		__atomic_store_n(&t->lost, t->lost + 1, __ATOMIC_RELAXED);
		return NULL;
	}
	r->ifidx = p->ifidx;
	r->m = p->m;
	r->p = (struct tap_packet){
		.tsc = rte_rdtsc(), .cap = n, .len = n, .ifidx = p->ifidx, .out = p->what == TERN_PACKET_OUT};
	r->p.data = r + 1;
	data = rte_pktmbuf_read(p->m, 0, n, r + 1);
	if (data != r + 1)
		memcpy(r + 1, data, n);
	return &r->p;
}

/* That came as m in this poll, the latest. One that was sent if there is none: answers are made in the same memory. */
static struct tap_packet *
find(struct tap *t, const struct rte_mbuf *m)
{
	struct tap_packet *sent = NULL;
	unsigned int i;

	for (i = t->n_newest; m && i > 0 && t->n_newest - i < NEWEST; i--) {
		struct record *r = at(t, t->newest[(i - 1) % NEWEST]);

		if (r->m == m && !r->p.out)
			return &r->p;
		if (r->m == m && !sent)
			sent = &r->p;
	}
	return sent;
}

static void
comment(struct tap_packet *p, const char *text)
{
	const size_t n = strlen(p->comment);

	snprintf(p->comment + n, sizeof(p->comment) - n, "%s%s", n ? "; " : "", text);
}

/* Ends of a TCP segment, as its sender sees them. @return its flags, 0: it is none. */
static uint8_t
ends_of(const uint8_t *frame, uint32_t n, struct tern_endpoint *from, struct tern_endpoint *to)
{
	const struct rte_ipv4_hdr *ip4 = (const struct rte_ipv4_hdr *)(frame + RTE_ETHER_HDR_LEN);
	const struct rte_ipv6_hdr *ip6 = (const struct rte_ipv6_hdr *)ip4;
	const struct rte_tcp_hdr *t;
	bool v4;

	if (n < RTE_ETHER_HDR_LEN + sizeof(*ip4) + sizeof(*t))
		return 0;
	v4 = ip4->version_ihl >> 4 == 4;
	if (v4 ? ip4->next_proto_id != IPPROTO_TCP
	       : n < RTE_ETHER_HDR_LEN + sizeof(*ip6) + sizeof(*t) || ip6->proto != IPPROTO_TCP)
		return 0;
	t = (const struct rte_tcp_hdr *)((const uint8_t *)ip4 + (v4 ? sizeof(*ip4) : sizeof(*ip6))); /* as we send it */
	memset(from, 0, sizeof(*from));
	memset(to, 0, sizeof(*to));
	from->af = to->af = v4 ? TERN_AF_INET : TERN_AF_INET6;
	from->port = t->src_port;
	to->port = t->dst_port;
	memcpy(from->addr, v4 ? (const void *)&ip4->src_addr : ip6->src_addr, v4 ? 4 : 16);
	memcpy(to->addr, v4 ? (const void *)&ip4->dst_addr : ip6->dst_addr, v4 ? 4 : 16);
	return t->tcp_flags;
}

static bool
same_end(const struct tern_endpoint *a, const struct tern_endpoint *b)
{
	return a->port == b->port && a->af == b->af && memcmp(a->addr, b->addr, sizeof(a->addr)) == 0;
}

/* What was noted of the connection whose segment is sent. */
static void
give_notes(struct tap *t, struct tap_packet *p)
{
	struct tern_endpoint from, to;
	unsigned int i;

	if (!(ends_of(p->data, p->cap, &from, &to) & (RTE_TCP_SYN_FLAG | RTE_TCP_FIN_FLAG | RTE_TCP_RST_FLAG)))
		return;
	for (i = 0; i < NOTES; i++) { /* the oldest first */
		struct note *n = &t->notes[(t->next_note + i) % NOTES];

		if (!*n->text || !same_end(&n->local, &from) || !same_end(&n->remote, &to))
			continue;
		if (p->tsc - n->tsc < NOTE_S * rte_get_tsc_hz())
			comment(p, n->text);
		*n->text = 0;
		t->n_notes--;
	}
}

static void
state(struct tap *t, const struct tern_packet *p)
{
	struct tap_packet *by = find(t, p->m);
	struct note *n = &t->notes[t->next_note % NOTES];
	char text[sizeof(n->text)];

	snprintf(text, sizeof(text), "%s -> %s", tern_state_name(p->from), tern_state_name(p->to));
	if (by)
		comment(by, text);
	if (p->m || p->from == TERN_TIME_WAIT) /* its end tells nobody */
		return;
	t->n_notes += !*n->text;
	*n = (struct note){.local = p->local, .remote = p->remote, .tsc = rte_rdtsc()};
	memcpy(n->text, text, sizeof(text));
	t->next_note++;
}

static void
dropped(struct tap *t, const struct tern_packet *p)
{
	struct tap_packet *d = find(t, p->m);
	char text[TAP_COMMENT];

	if (!d)
		return;
	d->gone = false;
	snprintf(text, sizeof(text), "%s: %s", tern_stats_name(p->reason), tern_stats_help(p->reason));
	comment(d, text);
}

void
tap_see(struct tap *t, struct tern_worker *w, const struct tern_packet *p)
{
	struct tap_packet *d = NULL;

	if (tern_now_us(w) != t->now_us) {
		t->now_us = tern_now_us(w);
		tap_publish(t);
	}
	switch (p->what) {
	case TERN_PACKET_IN:
	case TERN_PACKET_HERE:
		take(t, p);
		break;
	case TERN_PACKET_OUT:
		d = take(t, p);
		if (d && t->n_notes)
			give_notes(t, d);
		break;
	case TERN_PACKET_DROP:
		dropped(t, p);
		break;
	case TERN_PACKET_AWAY:
		d = find(t, p->m);
		if (d)
			d->gone = true;
		break;
	case TERN_PACKET_STATE:
		state(t, p);
		break;
	}
}

/* --- the reader's side --------------------------------------------------------------------------------------- */

bool
tap_peek(struct tap *t, struct tap_packet *p)
{
	const uint64_t end = __atomic_load_n(&t->published, __ATOMIC_ACQUIRE);
	const struct record *r;

	while (t->tail != end) {
		r = at(t, t->tail);
		if (r->ifidx != SKIP && !r->p.gone) {
			*p = r->p;
			return true;
		}
		tap_next(t);
	}
	return false;
}

void
tap_next(struct tap *t)
{
	__atomic_store_n(&t->tail, t->tail + at(t, t->tail)->size, __ATOMIC_RELEASE);
}

uint64_t
tap_lost(const struct tap *t)
{
	return __atomic_load_n(&t->lost, __ATOMIC_RELAXED);
}
