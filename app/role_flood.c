/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SYN flood for bench: SYNs from random addresses and ports that never answer, at a set rate, and a gateway that
 * answers ARP for them. What the server sends back is counted and dropped. IPv4 only; sources are 203.0.113.4 .. 254.
 */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <rte_arp.h>
#include <rte_ethdev.h>
#include <rte_ip.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>
#include <rte_random.h>
#include <rte_tcp.h>
#include "bench.h"

#define FLOOD_MBUFS 8191u
#define FLOOD_BURST 32u
#define FLOOD_ROUNDS 4u       /* bursts a poll at most: more than a server's worker takes meanwhile */
#define FLOOD_NET 0xcb007100u /* 203.0.113.0, RFC 5737 */
#define FLOOD_GW (FLOOD_NET + 2)
#define ASK_US 100000u /* between ARP requests */

struct syn {
	struct rte_ether_hdr eth;
	struct rte_ipv4_hdr ip;
	struct rte_tcp_hdr tcp;
	uint8_t mss[4];
} __rte_packed __rte_aligned(2);

struct arp {
	struct rte_ether_hdr eth;
	struct rte_arp_hdr arp;
} __rte_packed __rte_aligned(2);

static struct {
	struct rte_mempool *mp;
	uint16_t port_id;
	uint32_t per_s, dst;
	uint16_t dst_port;
	bool resolved;
	struct syn template;
	uint32_t ip_sum, tcp_sum; /* of the template's words */
	uint64_t rng;
	uint64_t start_us, asked_us;
	uint64_t sent, answers, full;
} f;

static const struct rte_ether_addr own = {{0x02, 0, 0, 0xf1, 0, 0xd1}}; /* locally administered */

int
flood_start(uint16_t port_id, uint32_t per_s, const struct tern_endpoint *to)
{
	const struct rte_eth_conf conf = {0};
	int rc;

	f.port_id = port_id;
	f.per_s = per_s;
	f.dst_port = to->port;
	memcpy(&f.dst, to->addr, 4);
	f.mp = rte_pktmbuf_pool_create("flood", FLOOD_MBUFS, 256, 0, RTE_MBUF_DEFAULT_BUF_SIZE, rte_socket_id());
	if (!f.mp)
		return complain("--syn-flood: no EAL memory for %u packets: raise -m", FLOOD_MBUFS);
	rc = rte_eth_dev_configure(port_id, 1, 1, &conf);
	rc = rc ? rc : rte_eth_rx_queue_setup(port_id, 0, 512, rte_socket_id(), NULL, f.mp);
	rc = rc ? rc : rte_eth_tx_queue_setup(port_id, 0, 512, rte_socket_id(), NULL);
	rc = rc ? rc : rte_eth_dev_start(port_id);
	return rc ? complain("--syn-flood: port %u: %s", port_id, strerror(-rc)) : 0;
}

static bool
send_one(struct rte_mbuf *m)
{
	if (rte_eth_tx_burst(f.port_id, 0, &m, 1) == 1)
		return true;
	rte_pktmbuf_free(m);
	f.full++;
	return false;
}

static void
ask(uint64_t now_us)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(f.mp);
	struct arp *a = m ? (struct arp *)rte_pktmbuf_append(m, sizeof(*a)) : NULL;

	f.asked_us = now_us;
	if (!a) {
		rte_pktmbuf_free(m);
		return;
	}
	memset(&a->eth.dst_addr, 0xff, sizeof(a->eth.dst_addr));
	a->eth.src_addr = own;
	a->eth.ether_type = RTE_BE16(RTE_ETHER_TYPE_ARP);
	a->arp = (struct rte_arp_hdr){
		.arp_hardware = RTE_BE16(RTE_ARP_HRD_ETHER),
		.arp_protocol = RTE_BE16(RTE_ETHER_TYPE_IPV4),
		.arp_hlen = RTE_ETHER_ADDR_LEN,
		.arp_plen = 4,
		.arp_opcode = RTE_BE16(RTE_ARP_OP_REQUEST),
	};
	a->arp.arp_data = (struct rte_arp_ipv4){.arp_sha = own, .arp_sip = RTE_BE32(FLOOD_GW), .arp_tip = f.dst};
	send_one(m);
}

static void
make_template(const struct rte_ether_addr *peer)
{
	struct syn *s = &f.template;

	*s = (struct syn){
		.eth = {.dst_addr = *peer, .src_addr = own, .ether_type = RTE_BE16(RTE_ETHER_TYPE_IPV4)},
		.ip = {.version_ihl = 0x45, .time_to_live = 64, .next_proto_id = IPPROTO_TCP, .dst_addr = f.dst},
		.tcp = {.dst_port = f.dst_port, .tcp_flags = RTE_TCP_SYN_FLAG, .rx_win = RTE_BE16(64240)},
		.mss = {2, 4, 1460 >> 8, 1460 & 0xff},
	};
	s->ip.total_length = rte_cpu_to_be_16(sizeof(*s) - sizeof(s->eth));
	s->tcp.data_off = (sizeof(s->tcp) + sizeof(s->mss)) << 2;
	f.ip_sum = rte_raw_cksum(&s->ip, sizeof(s->ip));
	f.tcp_sum = rte_ipv4_phdr_cksum(&s->ip, 0) + rte_raw_cksum(&s->tcp, sizeof(s->tcp) + sizeof(s->mss));
	f.rng = rte_rand() | 1;
	f.resolved = true;
}

/* Learn the server's MAC, answer its requests for the gateway. @return true when m was sent back. */
static bool
arp_input(struct rte_mbuf *m)
{
	struct arp *a = rte_pktmbuf_mtod(m, struct arp *);

	if (m->data_len < sizeof(*a))
		return false;
	make_template(&a->arp.arp_data.arp_sha);
	if (a->arp.arp_opcode != RTE_BE16(RTE_ARP_OP_REQUEST) || a->arp.arp_data.arp_tip != RTE_BE32(FLOOD_GW))
		return false;
	a->eth.dst_addr = a->arp.arp_data.arp_tha = a->arp.arp_data.arp_sha;
	a->eth.src_addr = a->arp.arp_data.arp_sha = own;
	a->arp.arp_data.arp_tip = a->arp.arp_data.arp_sip;
	a->arp.arp_data.arp_sip = RTE_BE32(FLOOD_GW);
	a->arp.arp_opcode = RTE_BE16(RTE_ARP_OP_REPLY);
	send_one(m);
	return true;
}

static void
receive(void)
{
	struct rte_mbuf *m[FLOOD_BURST];
	const unsigned int n = rte_eth_rx_burst(f.port_id, 0, m, FLOOD_BURST);
	unsigned int i, k = 0;

	for (i = 0; i < n; i++)
		rte_prefetch0(rte_pktmbuf_mtod(m[i], void *));
	for (i = 0; i < n; i++) {
		const struct rte_ether_hdr *eth = rte_pktmbuf_mtod(m[i], struct rte_ether_hdr *);

		if (eth->ether_type == RTE_BE16(RTE_ETHER_TYPE_ARP) && arp_input(m[i]))
			continue;
		f.answers += eth->ether_type == RTE_BE16(RTE_ETHER_TYPE_IPV4);
		m[k++] = m[i];
	}
	rte_pktmbuf_free_bulk(m, k);
}

static uint16_t
fold(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return ~(sum + (sum >> 16));
}

/* The template with another source and sequence number; sums are of words as they lie in memory (RFC 1071 2 (B)). */
static void
fill(struct rte_mbuf *m)
{
	struct syn *s = (struct syn *)rte_pktmbuf_append(m, sizeof(*s));
	uint32_t addr, words;
	uint64_t r;

	f.rng ^= f.rng << 13; /* xorshift64 */
	f.rng ^= f.rng >> 7;
	f.rng ^= f.rng << 17;
	r = f.rng;
	*s = f.template;
	addr = rte_cpu_to_be_32(FLOOD_NET + 4 + ((r >> 48) * 251 >> 16));
	s->ip.src_addr = addr;
	s->tcp.src_port = rte_cpu_to_be_16(1024 + ((r >> 32 & 0xffff) * 64512 >> 16));
	s->tcp.sent_seq = (uint32_t)r;
	words = (addr & 0xffff) + (addr >> 16);
	s->ip.hdr_checksum = fold(f.ip_sum + words);
	s->tcp.cksum = fold(f.tcp_sum + words + s->tcp.src_port + (s->tcp.sent_seq & 0xffff) + (s->tcp.sent_seq >> 16));
}

/* @return how many went out. */
static unsigned int
send_burst(unsigned int n)
{
	struct rte_mbuf *m[FLOOD_BURST];
	unsigned int i, sent;

	if (rte_pktmbuf_alloc_bulk(f.mp, m, n))
		return 0;
	for (i = 0; i < n; i++)
		fill(m[i]);
	sent = rte_eth_tx_burst(f.port_id, 0, m, n);
	f.sent += sent;
	if (sent < n) {
		f.full++;
		rte_pktmbuf_free_bulk(&m[sent], n - sent);
	}
	return sent;
}

void
flood_poll(uint64_t now_us, bool stopping)
{
	uint64_t due;
	unsigned int round, n;

	if (!f.per_s)
		return;
	receive();
	if (stopping)
		return;
	if (!f.resolved) {
		if (now_us - f.asked_us >= ASK_US)
			ask(now_us);
		f.start_us = now_us;
		return;
	}
	due = (now_us - f.start_us) * f.per_s / 1000000;
	for (round = 0; round < FLOOD_ROUNDS && f.sent < due; round++) {
		n = RTE_MIN(due - f.sent, FLOOD_BURST);
		if (send_burst(n) < n)
			break;
		receive();
	}
}

void
flood_report(void)
{
	printf("flood: %lu SYNs sent, %lu answers, the cable was full %lu times\n", f.sent, f.answers, f.full);
}

uint32_t
flood_missing(void)
{
	return f.mp ? rte_mempool_in_use_count(f.mp) : 0;
}
