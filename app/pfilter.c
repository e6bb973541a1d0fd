/* SPDX-License-Identifier: BSD-3-Clause */
/* See pfilter.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <pcap/pcap.h>
#include <rte_common.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_tcp.h>
#include "pfilter.h"

#define LOOK 2048u

struct pfilter {
	struct bpf_program code;
};

int
pfilter_make(const char *text, struct pfilter **f, char *why, size_t size)
{
	pcap_t *p;
	int rc;

	*f = NULL;
	if (!*text)
		return 0;
	p = pcap_open_dead(DLT_EN10MB, 262144);
	*f = p ? calloc(1, sizeof(**f)) : NULL;
	if (!*f) {
		if (p)
			pcap_close(p);
		snprintf(why, size, "no memory");
		return -EINVAL;
	}
	rc = pcap_compile(p, &(*f)->code, text, 1, PCAP_NETMASK_UNKNOWN);
	if (rc) {
		snprintf(why, size, "'%.64s' is no filter of tcpdump's: %s", text, pcap_geterr(p));
		free(*f);
		*f = NULL;
	}
	pcap_close(p);
	return rc ? -EINVAL : 0;
}

static bool
takes(const struct pfilter *f, const void *frame, uint32_t seen, uint32_t len)
{
	const struct pcap_pkthdr h = {.caplen = seen, .len = len};

	return pcap_offline_filter(&f->code, &h, frame) != 0;
}

bool
pfilter_takes(const struct pfilter *f, const struct rte_mbuf *m)
{
	const uint32_t seen = m->nb_segs == 1 ? m->pkt_len : RTE_MIN(m->pkt_len, LOOK);
	char buf[LOOK];

	return !f || takes(f, rte_pktmbuf_read(m, 0, seen, buf), seen, m->pkt_len);
}

/* A segment with all flags, and nothing else. */
static uint32_t
made_up(const struct tern_endpoint *from, const struct tern_endpoint *to, uint8_t frame[128])
{
	struct rte_ether_hdr *eth = (struct rte_ether_hdr *)frame;
	struct rte_ipv4_hdr *ip4 = (struct rte_ipv4_hdr *)(eth + 1);
	struct rte_ipv6_hdr *ip6 = (struct rte_ipv6_hdr *)(eth + 1);
	const bool v4 = from->af == TERN_AF_INET;
	struct rte_tcp_hdr *t = v4 ? (struct rte_tcp_hdr *)(ip4 + 1) : (struct rte_tcp_hdr *)(ip6 + 1);

	memset(frame, 0, 128);
	eth->ether_type = RTE_BE16(v4 ? RTE_ETHER_TYPE_IPV4 : RTE_ETHER_TYPE_IPV6);
	if (v4) {
		ip4->version_ihl = RTE_IPV4_VHL_DEF;
		ip4->total_length = RTE_BE16(sizeof(*ip4) + sizeof(*t));
		ip4->next_proto_id = IPPROTO_TCP;
		memcpy(&ip4->src_addr, from->addr, 4);
		memcpy(&ip4->dst_addr, to->addr, 4);
	} else {
		ip6->vtc_flow = RTE_BE32(6u << 28);
		ip6->payload_len = RTE_BE16(sizeof(*t));
		ip6->proto = IPPROTO_TCP;
		memcpy(ip6->src_addr, from->addr, 16);
		memcpy(ip6->dst_addr, to->addr, 16);
	}
	t->src_port = from->port;
	t->dst_port = to->port;
	t->data_off = sizeof(*t) / 4 << 4;
	t->tcp_flags = 0xff;
	return (const uint8_t *)(t + 1) - frame;
}

bool
pfilter_takes_conn(const struct pfilter *f, const struct tern_endpoint *local, const struct tern_endpoint *remote)
{
	uint8_t frame[128];
	uint32_t len;

	if (!f)
		return true;
	len = made_up(local, remote, frame);
	if (takes(f, frame, len, len))
		return true;
	len = made_up(remote, local, frame);
	return takes(f, frame, len, len);
}

void
pfilter_free(struct pfilter *f)
{
	if (f)
		pcap_freecode(&f->code);
	free(f);
}
