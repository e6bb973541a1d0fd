/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the queues of a worker's connections hold of its mbufs, and may hold. Theory of operation: tcp/mem.c.
 */
#ifndef MEM_H
#define MEM_H
#include <stdint.h>
#include <sys/queue.h>

#define MEM_LISTENERS_MAX (UINT16_MAX / 2) /* each may have an account, and one that was closed before it */

struct tern_conn;

/** Who is charged beside the connection: a listener for all that it accepted; the first is for active opens. */
struct mem_account {
	uint32_t held;	/* mbufs */
	uint32_t users; /* connections, and the listener */
};

TAILQ_HEAD(mem_list, tern_conn);

/** Of a worker. All numbers are mbufs, that is, segments of packets. */
struct mem {
	uint32_t own, foreign; /* in queues, by whose pool they are of; those of worker.small are not counted */
	int32_t budget;	       /* own is to stay below: what is left then is the reserve; below 0 by what
			        * applications hold */
	uint32_t half;	       /* of budget: from here on each connection and each listener has a limit */
	uint32_t reserve;
	uint32_t foreign_max; /* more of other pools are copied into mbufs of our own */
	struct mem_account *accounts; /* conn.account and tern_listener.account say which */
	uint32_t n_accounts;
	uint32_t resets;  /* of connections whose window is shut, until the next measurement */
	uint32_t orphans; /* closed by the application, not by the peer yet */
	uint32_t listed; /* connections on the lists: */
	struct mem_list starved; /* that found no mbuf to send, the oldest first */
	struct mem_list holes;   /* that hold text out of order, the oldest hole first */
};
#endif
