/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Memory that is owned. One pool of mbufs feeds everything that a worker does: what the device receives into, the
 * packets it sends, and what connections keep in their queues. Only the last can last: a peer that does not read, or
 * never fills a hole, keeps it for as long as it likes, and a worker without mbufs receives nothing, not even the ACK,
 * RST or ARP that would free one.
 *
 * So queues are charged for what they hold, in mbufs, not in bytes: the connection (conn.held), who it was accepted by
 * (mem_account) and the worker (mem.own). Each millisecond the pool is counted: what is free and what queues hold, less
 * a reserve, is the budget. Whatever else holds mbufs, descriptors, caches, the application, only makes the budget
 * smaller; the reserve stays with what polls need: ACK, RST, ARP, ND, and text on its way to an application that reads
 * it.
 *
 * Below half of the budget, buffers and windows alone say what a connection may hold. From there on (mem_tight()):
 * - A connection may hold a part of what is left, 1 / SHARE. A few large ones stop growing early, and thousands of
 *   small ones find something left: what one takes makes the limit of all others smaller, and nobody has to be counted.
 *   All that a listener accepted may hold three times what is left, so that it leaves others a quarter.
 * - Windows follow the limit. The right edge never moves left (SHLD-14); what was promised and cannot be kept is
 *   refused when it comes.
 * - Text in order beyond the limit is on trial (C_TRIAL): an application that reads it in readable() never notices;
 *   what it leaves is dropped before it is acknowledged, and the peer sends it again. A FIN waits for its text. Who
 *   leaves with a RST sends it from behind that text: there it counts, too (mem_refused()).
 * - Text out of order is not kept beyond the limit. Above PRUNE it is dropped, too, though SACK reported it (RFC 2018 8
 *   lets us): of the connections with the oldest holes those that hold most.
 * - A connection that holds nothing may queue what its peer's window takes now, which that peer will acknowledge; and
 *   always one small mbuf, of which there are as many as connections; a few bytes in a large one are copied to it. So
 *   everybody goes on, if slowly, and who doesn't read holds nothing.
 * - What is queued behind a shut window stays. So once a quarter of the budget is left, a connection whose window is
 *   shut queues nothing more, and is passed over among those that wait for memory. Who holds mbufs and whose window is
 *   shut still after three probes is reset when nearly nothing is left and somebody whose window is open finds none:
 *   RFC 6429 3 and 6 leave that to the host. At most RESETS a millisecond.
 * - An orphan, which nobody waits for, is reset once two of its retransmissions were not answered. Of orphans there are
 *   at most conf.tcp.max_orphans at any time: one more is reset (as Linux's tcp_max_orphans).
 * - New connections are the last to be refused: while there is a budget, SYNs are answered. Text that stays in mbufs of
 *   other workers' pools (hand-over) or of another stack's (tern_ring_pair()) is copied into our own beyond
 *   foreign_max, so that no worker can starve another.
 */
#include <rte_mempool.h>
#include "tcp/deadline.h"
#include "tcp/mem.h"
#include "tcp/opt.h"
#include "tcp/seq.h"

#define RESERVE 8u	 /* this part of the pool */
#define SHARE 64u
#define FOREIGN 16u	 /* this part of a pool, divided among workers */
#define RESETS 64u
#define MBUF_CACHE_MAX 384u /* of an lcore: one and a half times what is configured */

int
mem_init(struct tern_worker *w)
{
	struct mem *mem = &w->mem;
	const uint32_t workers = RTE_MAX(w->conf.n_workers, 1u);

	mem->n_accounts = 2 * w->conf.max_listeners + 1; /* those of closed listeners live on with their connections */
	mem->accounts = node_alloc(mem->n_accounts * sizeof(mem->accounts[0]), w->node);
	if (!mem->accounts)
		return -ENOMEM;
	TAILQ_INIT(&mem->starved);
	TAILQ_INIT(&mem->holes);
	mem->reserve =
		w->mbufs.pool->size / RESERVE + RTE_MIN((workers - 1) * MBUF_CACHE_MAX, w->mbufs.pool->size / RESERVE);
	mem->foreign_max = RTE_MAX(w->mbufs.pool->size / FOREIGN / workers, 2u * BURST);
	mem_measure(w);
	return 0;
}

void
mem_fini(struct tern_worker *w)
{
	if (w->mem.accounts)
		node_free(w->mem.accounts, w->mem.n_accounts * sizeof(w->mem.accounts[0]));
}

void
mem_measure(struct tern_worker *w)
{
	const uint32_t have = rte_mempool_avail_count(w->mbufs.pool) + w->mem.own;

	w->mem.budget = have > w->mem.reserve ? have - w->mem.reserve : 0;
	w->mem.half = w->mem.budget / 2;
	w->mem.resets = RESETS;
}

uint16_t
mem_account_get(struct tern_worker *w)
{
	uint32_t i = w->mem.n_accounts - 1;

	while (i && w->mem.accounts[i].users)
		i--;
	w->mem.accounts[i].users++;
	return i;
}

/* What c may hold while mem_tight(). */
static uint32_t
limit(const struct tern_worker *w, const struct tern_conn *c)
{
	const uint32_t left = mem_left(w), held = w->mem.accounts[c->account].held;

	return RTE_MIN(left, 3 * left > held ? 3 * left - held : 0) / SHARE;
}

/* Is there enough for the first mbuf of each that holds none? */
static bool
first_ones(const struct tern_worker *w)
{
	return mem_left(w) > w->mem.half / 4;
}

__rte_noinline enum mem_verdict
mem_receive(const struct tern_worker *w, const struct tern_conn *c)
{
	if (c->held < limit(w, c) || (!c->held && first_ones(w)))
		return MEM_KEEP;
	return !c->rcv_head || c->flags & C_TRIAL ? MEM_TRIAL : MEM_REFUSE;
}

__rte_noinline bool
mem_hole(const struct tern_worker *w, const struct tern_conn *c)
{
	return !mem_tight(w) || (c->held < limit(w, c) && !mem_prune_due(w));
}

__rte_noinline uint32_t
mem_window(const struct tern_conn *c, uint32_t space)
{
	const uint32_t most = limit(c->w, c), mss = RTE_MAX(c->rcv_mss, TCP_MSS_DEFAULT4);

	if (c->held < most)
		return RTE_MIN(space, (uint64_t)(most - c->held) * mss);
	return c->rcv_head ? 0 : RTE_MIN(space, 2 * mss);
}

__rte_noinline bool
mem_shut(const struct tern_worker *w, const struct tern_conn *c)
{
	return !c->snd_wnd && tcp_synchronised(c) && mem_left(w) <= w->mem.half / 2;
}

__rte_noinline bool
mem_shut_too_dear(struct tern_worker *w, const struct tern_conn *c)
{
	const struct tern_conn *first = TAILQ_FIRST(&w->mem.starved);

	if (!c->held || mem_left(w) > w->mem.half / 8 || !first || mem_shut(w, first) || !w->mem.resets)
		return false;
	w->mem.resets--;
	return true;
}

__rte_noinline uint32_t
mem_send(const struct tern_conn *c, uint32_t space)
{
	const struct tern_worker *w = c->w;
	const uint32_t most = limit(w, c), room = rte_pktmbuf_data_room_size(w->mbufs.pool) - RTE_PKTMBUF_HEADROOM;
	const bool shut = mem_shut(w, c);
	uint32_t usable;

	if (c->held < most && !shut)
		return RTE_MIN(space, (uint64_t)(most - c->held) * room);
	if (c->snd_head)
		return c->flags & C_TAIL_OWN ? RTE_MIN(space, (uint32_t)rte_pktmbuf_tailroom(c->snd_tail)) : 0;
	if (shut)
		return 0;
	usable = RTE_MIN(RTE_MIN(c->snd_wnd, c->cwnd), room);
	if (usable > SMALL_ROOM && (mem_left(w) || c == TAILQ_FIRST(&w->mem.starved)))
		return RTE_MIN(space, usable);
	return RTE_MIN(space, SMALL_ROOM);
}

__rte_noinline bool
mem_small(const struct tern_conn *c, uint32_t len)
{
	return len <= SMALL_ROOM && !c->snd_head && c->held >= limit(c->w, c) && !first_ones(c->w);
}

/* --- text out of order ------------------------------------------------------------------------------------------ */

void
mem_refused(struct tern_conn *c, uint32_t end)
{
	struct conn_rare *r = tcp_rare(c);

	if (!r->has_refused || seq_lt(r->refused, c->rcv_nxt) || seq_gt(end, r->refused))
		r->refused = end;
	r->has_refused = true;
}

__rte_noinline void
mem_holes_add(struct tern_worker *w, struct tern_conn *c)
{
	tcp_rare(c);
	TAILQ_INSERT_TAIL(&w->mem.holes, c, rare->holes);
	w->mem.listed++;
}

__rte_noinline void
mem_holes_remove(struct tern_worker *w, struct tern_conn *c)
{
	TAILQ_REMOVE(&w->mem.holes, c, rare->holes);
	c->rare->holes.tqe_prev = NULL;
	w->mem.listed--;
}

/* --- the starved -------------------------------------------------------------------------------------------------- */

__rte_noinline void
mem_starved_add(struct tern_worker *w, struct tern_conn *c)
{
	if (tcp_rare(c)->starved.tqe_prev)
		return;
	TAILQ_INSERT_TAIL(&w->mem.starved, c, rare->starved);
	w->mem.listed++;
}

__rte_noinline void
mem_starved_remove(struct tern_worker *w, struct tern_conn *c)
{
	TAILQ_REMOVE(&w->mem.starved, c, rare->starved);
	c->rare->starved.tqe_prev = NULL;
	w->mem.listed--;
}
