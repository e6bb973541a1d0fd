/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What two states must have in common to be one: all that decides what can come. Times count from now. Whatever is not
 * left out by name counts, so at worst one state is looked at twice.
 */
#include "tcp/loss.h"
#include "model.h"

static uint64_t h;

static void
mix(uint64_t v)
{
	h = (h ^ v) * 0x9fb21c651e98df25;
	h ^= h >> 29;
}

static void
mix_bytes(const void *p, size_t n)
{
	const uint8_t *b = p;
	uint64_t v;

	for (; n >= 8; n -= 8, b += 8) {
		memcpy(&v, b, 8);
		mix(v);
	}
	for (; n; n--)
		mix(*b++);
}

/* A deadline: 0 is none. */
static uint64_t
until(uint64_t at)
{
	return at ? at - m.now_us : 0;
}

static void
hash_queue(const struct rte_mbuf *q)
{
	for (; q; q = q->next)
		mix(q->data_len);
	mix(UINT64_MAX);
}

static void
hash_loss(const struct loss *from)
{
	struct loss l = *from;
	const struct txrun *r;

	for (r = l.head; r; r = r->next) {
		mix((uint64_t)r->seq << 32 | r->end);
		mix((uint64_t)r->first << 48 | (uint64_t)r->mss << 32 | r->flags << 8 | r->lane);
		mix(m.now_us - r->xmit_at);
	}
	l.head = l.tail = NULL;
	memset(&l.flight, 0, sizeof(l.flight));
	memset(&l.due, 0, sizeof(l.due));
	l.retx_m = NULL;
	l.retx_seq = 0;
	l.min_until_at -= m.now_us;
	l.rack_xmit_at = l.rack_xmit_at ? m.now_us - l.rack_xmit_at : 0;
	mix_bytes(&l, sizeof(l));
}

/* The connection with its pointers left out, and its times from now. */
static void
hash_conn(const struct tern_conn *from)
{
	struct tern_conn c = *from;
	const struct rxrun *r = c.ofo;
	const uint64_t idle = m.now_us - c.unacked_at, most = c.rto_us + 1;
	const uint32_t data_ms = from->w->now_ms - c.last_data_at_ms;

	hash_queue(c.snd_head);
	hash_queue(c.rcv_head);
	if (r)
		do {
			r = r->next;
			mix((uint64_t)r->left << 32 | r->right);
			hash_queue(r->head);
		} while (r != c.ofo);
	mix(c.loss != NULL);
	if (c.loss)
		hash_loss(c.loss);
	mix(c.rare != NULL);
	mix(wheel_armed(&c.timer) ? c.timer.expiry - (uint32_t)(m.now_us >> TICK_SHIFT) : 0);
	memset(&c.timer, 0, sizeof(c.timer));
	c.rto_at = until(c.rto_at);
	c.delack_at = until(c.delack_at);
	c.limit_at = until(c.limit_at);
	c.keep_at = until(c.keep_at);
	c.unacked_at = c.snd_una != c.snd_max || c.rto_at
			       ? idle
			       : RTE_MIN(idle, most); /* else only asked whether more than RTO */
	c.rtt_at = c.flags & C_RTT ? (uint32_t)m.now_us - c.rtt_at : 0;
	c.last_data_at_ms = RTE_MIN(data_ms, 1000u);
	/* keep-alive and information; no flood, no weeks */
	c.last_rx_at_ms = c.opened_at_ms = c.challenge_at_ms = c.ts_recent_at = 0;
	c.segs_in = c.segs_out = 0;
	c.pend_next = NULL;
	c.w = NULL;
	c.rcv_head = c.rcv_tail = c.snd_head = c.snd_tail = c.snd_cur = NULL;
	c.ofo = NULL;
	c.loss = NULL;
	c.account = 0;
	c.ops = NULL;
	c.user = NULL;
	c.rare = NULL;
	c.lst = NULL;
	c.acc_next = NULL;
	c.acc_pprev = NULL;
	mix_bytes(&c, sizeof(c));
}

static void
hash_object(struct tobj *o, void *arg)
{
	mix(o->kind);
	mix(o->state);
	if (o->kind == TOBJ_CONN) {
		hash_conn((struct tern_conn *)o);
		return;
	}
	mix((uint64_t)o->rcv_nxt << 32 | o->snd_nxt);
	mix(wheel_armed(&o->timer) ? o->timer.expiry - (uint32_t)(m.now_us >> TICK_SHIFT) : UINT64_MAX);
	if (o->kind == TOBJ_REQ) {
		const struct request *r = (struct request *)o;

		mix((uint64_t)r->feat << 32 | r->retries << 16 | r->deferred << 8 | r->acks);
		mix(r->mss);
	} else {
		mix_bytes(o->kind_data, sizeof(o->kind_data));
	}
}

uint64_t
world_hash(void)
{
	h = 1;
	for (unsigned int i = 0; i < 2; i++) {
		struct tern_worker *w = world_worker(i);

		table_walk(&w->table, hash_object, NULL);
		mix(w->conns.avail);
		mix((uint64_t)m.e[i].sent << 32 | m.e[i].got);
		mix((uint64_t)(m.e[i].c != NULL) << 63 | (uint64_t)m.e[i].sends << 32 | m.e[i].opened << 24 |
		    m.e[i].connected << 20 | m.e[i].shut << 16 | m.e[i].gave_up << 12 | m.e[i].aborted << 8 |
		    m.e[i].told << 4 | m.e[i].early << 1 | m.e[i].absent);
		mix(m.e[i].err);
		mix(m.n_fly[i]);
		for (unsigned int k = 0; k < m.n_fly[i]; k++) {
			const struct flying *f = &m.fly[i][k];
			const unsigned int l4 = scope.af == 4 ? 34 : 54;

			mix(f->len);
			mix_bytes(f->p + l4, 16); /* ports, numbers, flags, window; the sum of it all is known then */
			mix_bytes(f->p + l4 + 18, f->len - l4 - 18);
		}
	}
	mix_bytes(&m.left, sizeof(m.left));
	return h;
}
