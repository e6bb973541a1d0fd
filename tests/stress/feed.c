/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>
#include <rte_ip.h>
#include <rte_tcp.h>
#include "../bytes.h"
#include "echo.h"
#include "feed.h"
#include "stress.h"

#define FLOWS 4096u
#define PORT_MIN 2000u
#define FRAME 60u
#define L4 34u
#define NET "\xc6\x33\x64" /* 198.51.100.0/24 */

struct feed_count feed;
static uint32_t last[FLOWS];     /* number of the flow's last frame */
static uint32_t answered[FLOWS]; /* of the last one that was */
static struct rte_mempool *pool;

void
feed_init(struct rte_mempool *mp)
{
	pool = mp;
}

static void
put_syn(uint8_t *f, uint32_t flow, uint32_t number, const struct rte_ether_addr *to)
{
	struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)(f + RTE_ETHER_HDR_LEN);
	struct rte_tcp_hdr *tcp = (struct rte_tcp_hdr *)(f + L4);

	memset(f, 0, FRAME);
	memcpy(f, to, 6);
	f[6] = 2;
	f[11] = 99;
	put16(f + 12, RTE_ETHER_TYPE_IPV4);
	ip->version_ihl = RTE_IPV4_VHL_DEF;
	ip->total_length = RTE_BE16(40);
	ip->time_to_live = 64;
	ip->next_proto_id = IPPROTO_TCP;
	memcpy(&ip->src_addr, NET, 3);
	f[29] = flow;
	memcpy(&ip->dst_addr, "\xc0\x00\x02\x01", 4); /* 192.0.2.1 */
	put16(f + L4, PORT_MIN + (flow >> 8));
	put16(f + L4 + 2, COOKIE_PORT);
	put32(f + L4 + 4, number);
	tcp->data_off = 5 << 4;
	tcp->tcp_flags = RTE_TCP_SYN_FLAG;
	tcp->rx_win = UINT16_MAX;
	ip->hdr_checksum = rte_ipv4_cksum(ip);
	tcp->cksum = rte_ipv4_udptcp_cksum(ip, tcp);
}

void
feed_burst(const struct device *d, unsigned int q, const struct rte_ether_addr *to)
{
	struct rte_mbuf *m[FEED_BURST];
	unsigned int i, n;

	if (rte_pktmbuf_alloc_bulk(pool, m, FEED_BURST))
		fault("no buffers for frames");
	for (i = 0; i < FEED_BURST; i++) {
		const uint32_t flow = rnd() % (FLOWS / d->n_rx) * d->n_rx + q;

		put_syn((uint8_t *)rte_pktmbuf_append(m[i], FRAME), flow, ++last[flow], to);
	}
	n = rte_ring_sp_enqueue_burst(d->rx[q], (void *const *)m, FEED_BURST, NULL);
	rte_pktmbuf_free_bulk(&m[n], FEED_BURST - n);
	feed.made += FEED_BURST;
	feed.refused += FEED_BURST - n;
}

bool
feed_answer(const struct rte_mbuf *m)
{
	const uint8_t *f = rte_pktmbuf_mtod(m, const uint8_t *);
	uint32_t flow, number;

	if (m->data_len < FRAME - 6 || get16(f + 12) != RTE_ETHER_TYPE_IPV4 || memcmp(f + 30, NET, 3) != 0)
		return false;
	flow = (uint32_t)(get16(f + L4 + 2) - PORT_MIN) << 8 | f[33];
	number = get32(f + L4 + 8) - 1;
	if (flow >= FLOWS || get16(f + L4) != COOKIE_PORT || f[L4 + 13] != (RTE_TCP_SYN_FLAG | RTE_TCP_ACK_FLAG) ||
	    l4_sum(f + RTE_ETHER_HDR_LEN, f + L4, get16(f + 16) - 20, IPPROTO_TCP) != 0xffff)
		fault("an answer that none is: to port %u, flags %x", get16(f + L4 + 2), f[L4 + 13]);
	if (number > last[flow])
		fault("flow %u: frame %u was answered, %u was the last", flow, number, last[flow]);
	if (number <= answered[flow])
		fault("flow %u: frame %u was answered after %u: twice, or out of order", flow, number, answered[flow]);
	feed.missing += number - answered[flow] - 1;
	answered[flow] = number;
	feed.seen++;
	return true;
}

uint64_t
feed_close(void)
{
	uint32_t i;

	for (i = 0; i < FLOWS; i++) {
		feed.missing += last[i] - answered[i];
		answered[i] = last[i];
	}
	if (feed.made != feed.seen + feed.missing)
		fault("%lu frames are not %lu seen and %lu missing", feed.made, feed.seen, feed.missing);
	return feed.missing;
}
