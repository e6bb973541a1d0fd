/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Memory that many hold: segments in queues, and the packets made of them. DPDK counts them in 16 bits, for an mbuf
 * and for an external buffer alike, and a count that comes round frees memory that is in use. So nobody counts to the
 * end: beyond HOLDERS_QUEUED queues get copies, and what is left is the packets', which copy beyond HOLDERS_MAX.
 */
#ifndef TCP_REF_H
#define TCP_REF_H
#include <rte_mbuf.h>
#include "tern.h"

#define HOLDERS_QUEUED 32768u
#define HOLDERS_MAX 60000u /* what all workers may add between reading a count and raising it stays below 65,535 */

/** How many hold what m's bytes are in: the count that rte_pktmbuf_attach(mi, m) raises. */
static inline uint32_t
mbuf_holders(const struct rte_mbuf *m)
{
	if (RTE_MBUF_HAS_EXTBUF(m))
		return rte_mbuf_ext_refcnt_read(m->shinfo);
	return rte_mbuf_refcnt_read(RTE_MBUF_CLONED(m) ? rte_mbuf_from_indirect((struct rte_mbuf *)(uintptr_t)m) : m);
}

#define REF_PIECE 32768u /* bytes of a struct tern_ref in one mbuf, whose lengths have 16 bits */
#define REF_COPIED 256u	 /* what is no longer is copied: cheaper than a reference, which whoever frees it must give
			  * back */

/** Do the len bytes at p lie in r's memory? */
bool ref_holds(const struct tern_ref *r, const void *p, size_t len);
/** Do so many hold r that queues get copies? */
bool ref_crowded(const struct tern_ref *r);
/** m, an empty mbuf, holds the len bytes at p from now on. */
void ref_attach(struct tern_ref *r, struct rte_mbuf *m, const void *p, uint16_t len);
#endif
