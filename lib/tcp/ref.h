/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Memory that many hold: segments in queues, and the packets made of them. DPDK counts them in 16 bits, for an mbuf and for an
 * external buffer alike, and a count that comes round frees memory that is in use. So nobody counts to the end: beyond
 * HOLDERS_QUEUED queues get copies, and what is left is the packets', which copy beyond HOLDERS_MAX.
 */
#ifndef TCP_REF_H
#define TCP_REF_H
#include <rte_mbuf.h>

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
#endif
