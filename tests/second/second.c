/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What dpdk-dumpcap does, to a running tern: a second process of DPDK asks the first for copies of a port's packets
 * (librte_pdump), takes them from a ring of its own and prints those of TCP over IPv4, until it has so many. Before
 * that what dpdk-proc-info begins with: the port's name and its packets. second [EAL options] -- PORT PACKETS
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_ip.h>
#include <rte_pdump.h>
#include <rte_ring.h>
#include <rte_tcp.h>

#define PATIENCE_S 100u
#define NAP_US 1000u

static int
oops(const char *what, int err)
{
	fprintf(stderr, "second: %s: %s\n", what, rte_strerror(err));
	return 1;
}

/* @return whether it was one. */
static bool
print(const struct rte_mbuf *m)
{
	const struct rte_ether_hdr *eth = rte_pktmbuf_mtod(m, const struct rte_ether_hdr *);
	const struct rte_ipv4_hdr *ip = (const void *)(eth + 1);
	const struct rte_tcp_hdr *tcp = (const void *)((const char *)ip + (ip->version_ihl & 15) * 4);
	char from[INET_ADDRSTRLEN], to[INET_ADDRSTRLEN];

	if (m->data_len < sizeof(*eth) + sizeof(*ip) + sizeof(*tcp) ||
	    eth->ether_type != RTE_BE16(RTE_ETHER_TYPE_IPV4) || ip->next_proto_id != IPPROTO_TCP)
		return false;
	inet_ntop(AF_INET, &ip->src_addr, from, sizeof(from));
	inet_ntop(AF_INET, &ip->dst_addr, to, sizeof(to));
	printf("IP %s.%u > %s.%u: Flags [%s%s%s%s%s]\n", from, ntohs(tcp->src_port), to, ntohs(tcp->dst_port),
	       tcp->tcp_flags & RTE_TCP_FIN_FLAG ? "F" : "", tcp->tcp_flags & RTE_TCP_SYN_FLAG ? "S" : "",
	       tcp->tcp_flags & RTE_TCP_RST_FLAG ? "R" : "", tcp->tcp_flags & RTE_TCP_PSH_FLAG ? "P" : "",
	       tcp->tcp_flags & RTE_TCP_ACK_FLAG ? "." : "");
	return true;
}

static int
dump(uint16_t port, unsigned int want)
{
	struct rte_mempool *pool = rte_pktmbuf_pool_create("second", 1023, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, 0);
	struct rte_ring *ring = rte_ring_create("second", 1024, 0, 0);
	unsigned int naps = 0, got = 0;
	struct rte_mbuf *m = NULL;

	if (!pool || !ring)
		return oops("no memory", rte_errno);
	if (rte_pdump_enable(port, RTE_PDUMP_ALL_QUEUES, RTE_PDUMP_FLAG_RXTX, ring, pool, NULL))
		return oops("rte_pdump_enable", rte_errno);
	printf("listening\n");
	while (got < want && naps < PATIENCE_S * 1000000u / NAP_US) {
		if (rte_ring_dequeue(ring, (void **)&m)) {
			usleep(NAP_US);
			naps++;
			continue;
		}
		got += print(m);
		rte_pktmbuf_free(m);
	}
	if (rte_pdump_disable(port, RTE_PDUMP_ALL_QUEUES, RTE_PDUMP_FLAG_RXTX))
		return oops("rte_pdump_disable", rte_errno);
	while (rte_ring_dequeue(ring, (void **)&m) == 0)
		rte_pktmbuf_free(m);
	rte_ring_free(ring);
	rte_mempool_free(pool);
	return got < want;
}

int
main(int argc, char **argv)
{
	int used = rte_eal_init(argc, argv), rc;
	struct rte_eth_stats stats;
	char name[RTE_ETH_NAME_MAX_LEN];
	uint16_t port;

	if (used < 0)
		return oops("EAL", rte_errno);
	if (argc - used != 3)
		return oops("PORT PACKETS", EINVAL);
	port = atoi(argv[used + 1]);
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (rte_eal_process_type() != RTE_PROC_SECONDARY || !rte_eth_dev_count_avail() ||
	    rte_eth_dev_get_name_by_port(port, name) || rte_eth_stats_get(port, &stats))
		return oops("no such port", ENODEV);
	printf("port %u: %s, rx %lu, tx %lu\n", port, name, stats.ipackets, stats.opackets);
	rc = dump(port, atoi(argv[used + 2]));
	rte_eal_cleanup();
	return rc;
}
