/* SPDX-License-Identifier: BSD-3-Clause */
/* A worker short of memory, a crowd of slow peers, and a lively one that must not notice. */
#ifndef CROWD_H
#define CROWD_H
#include "harness.h"
#include "tcp/mem.h"

#define SLOW 56u   /* peers; the harness has 64 sockets */

static struct sock *slow[SLOW];
static struct peer slow_peer[SLOW], lively_peer;
static struct sock *lively;

/* Leave n mbufs in the worker's pool, and have it notice. */
static void
starve(unsigned int n)
{
	mbufs_take(n);
	advance_us(2 * MS);
}

static void
feed(void)
{
	mbufs_give();
	advance_us(2 * MS);
}

static struct rte_mbuf *small[8192];
static unsigned int n_small;

/* A budget of n mbufs, and no small ones. */
static void
scarce(unsigned int n)
{
	for (n_small = 0; n_small < RTE_DIM(small) && (small[n_small] = rte_pktmbuf_alloc(W->mbufs.small)); n_small++)
		;
	starve(W->mem.reserve + n);
}

static void
plenty(void)
{
	rte_pktmbuf_free_bulk(small, n_small);
	feed();
}

static void
crowd(void)
{
	for (unsigned int i = 0; i < SLOW; i++) {
		peer_new(1000 + i);
		slow[i] = fx_established();
		slow_peer[i] = peer;
	}
	peer_new(5000);
	lively = fx_established();
	lively->auto_read = true;
	lively_peer = peer;
	rx_flush();
}

/* n requests and answers of a peer that reads; nothing of it may be lost or late. */
static void
requests(unsigned int n, uint32_t answer)
{
	const struct frame *f;

	rx_flush();
	peer = lively_peer;
	for (unsigned int i = 0; i < n; i++) {
		uint32_t got = 0;

		tx(ACK | PSH, peer.nxt, peer.tern_nxt, 100);
		peer.nxt += 100;
		CHECK_EQ(lively->rx_pos, peer.nxt);
		for (unsigned int k = 0; k < 100 && got < answer; k++) {
			const ssize_t sent = sock_send(lively, answer - got);

			CHECK(sent > 0);
			got += RTE_MAX(sent, 0);
			run();
			while ((f = rx()))
				CHECK_EQ(f->dport, 5000);
			peer.tern_nxt += RTE_MAX(sent, 0);
			tx(ACK, peer.nxt, peer.tern_nxt, 0);
			rx_flush();
		}
		CHECK_EQ(got, answer);
	}
	lively_peer = peer;
}
#endif
