/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The send queue: a chain of mbuf segments from SND.UNA on, and the cursor that stands at the one which holds SND.NXT.
 */
#include "tcp/loss.h"
#include "tcp/mem.h"
#include "tcp/sndq.h"

void
tcp_snd_acked(struct tern_conn *c, uint32_t n)
{
	struct rte_mempool_cache *cache = c->w->mbufs.small_cache;

	/* All of a request or an answer: its mbuf goes home unread, nobody else has had it. */
	if (usual(c->flags & C_SND_SMALL && n == c->snd_queued && !c->loss && cache &&
		  cache->len < cache->flushthresh)) {
		cache->objs[cache->len++] = c->snd_head;
		c->snd_head = c->snd_tail = NULL;
		c->snd_queued = c->snd_head_off = 0;
		c->flags &= ~(C_TAIL_OWN | C_SND_SMALL);
		return;
	}
	c->snd_queued -= n;
	c->snd_head_off += n;
	while (c->snd_head && c->snd_head_off >= c->snd_head->data_len) {
		struct rte_mbuf *m = c->snd_head;

		c->snd_head_off -= m->data_len;
		if (unlikely(c->loss && c->loss->retx_m == m))
			c->loss->retx_m = NULL;
		if (likely(m == c->snd_tail)) { /* has no next: its second cache line is left alone */
			c->snd_head = c->snd_tail = NULL;
			c->flags &= ~(C_TAIL_OWN | C_SND_SMALL);
		} else {
			c->snd_head = m->next;
			m->next = NULL;
		}
		m->nb_segs = 1;
		if (likely(m->pool != c->w->mbufs.small))
			mem_uncharge(c->w, c, m);
		mbufs_put(&c->w->mbufs, m);
	}
}

void
tcp_snd_accepted(struct tern_conn *c, uint32_t n)
{
	tcp_snd_acked(c, n);
	c->snd_una += n;
	c->snd_max = c->snd_una;
	tcp_snd_rewind(c);
}

void
tcp_snd_advance(struct tern_conn *c)
{
	while (c->snd_cur && seq_ge(c->snd_nxt, c->snd_cur_seq + c->snd_cur->data_len)) {
		c->snd_cur_seq += c->snd_cur->data_len;
		c->snd_cur = c->snd_cur == c->snd_tail ? NULL : c->snd_cur->next;
	}
}
