/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pd_backend's lower side: packets in and out, and time.
 *
 * Packets are IP datagrams: an Ethernet header is put before what arrives and taken off what leaves; ARP and neighbour
 * solicitations are answered here for any address, so that the peer, or a gateway to it, is always there.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <netinet/in.h>
#include "../bytes.h"
#include "backend.h"
#include "stack/check.h"

#define ROUNDS_MAX 1000 /* without time moving: more is a worker that spins */
#define ETH 14
#define EPOCH_US 1000000000ull /* the caller's 0: at 0 itself "never" would look recent to the worker */

const uint8_t be_mac[6] = {2, 0, 0, 0, 0, 1};
static const uint8_t peer_mac[6] = {2, 0, 0, 0, 0, 2};
static uint64_t now;

/* After every burst. */
static void
check_invariants(void)
{
	const char *why = worker_check(be_worker);

	if (why) {
		fprintf(stderr, "tern: %s\n", why);
		abort();
	}
}

static void
feed(const uint8_t *frame, size_t len)
{
	struct rte_mbuf *head = rte_pktmbuf_alloc(be_mbufs), *m = head;

	for (size_t off = 0; m;) {
		const uint16_t n = RTE_MIN(len - off, (size_t)rte_pktmbuf_tailroom(m));

		memcpy(rte_pktmbuf_mtod(m, void *), frame + off, n);
		m->data_len = n;
		off += n;
		if (off == len)
			break;
		m->next = rte_pktmbuf_alloc(be_mbufs);
		m = m->next;
		head->nb_segs++;
	}
	if (!m) {
		rte_pktmbuf_free(head);
		return; /* as a device without descriptors: lost */
	}
	head->pkt_len = len;
	worker_input(be_worker, 0, &head, 1);
	check_invariants();
}

/* The only neighbour there is answers for every address. @return false: f is no question. */
static bool
answer_neighbour(const uint8_t *f, size_t len)
{
	uint8_t r[86] = {0};

	memcpy(r, be_mac, 6);
	memcpy(r + 6, peer_mac, 6);
	memcpy(r + 12, f + 12, 2);
	if (f[12] == 8 && f[13] == 6) {
		if (len < 42 || f[21] != 1 || memcmp(f + 28, f + 38, 4) == 0)
			return true;
		memcpy(r + 14, f + 14, 6);
		r[21] = 2;
		memcpy(r + 22, peer_mac, 6);
		memcpy(r + 28, f + 38, 4);
		memcpy(r + 32, f + 22, 10);
		feed(r, 42);
		return true;
	}
	if (f[12] != 0x86 || len < 78 || f[20] != IPPROTO_ICMPV6 || f[54] < 133 || f[54] > 137)
		return false;
	if (f[54] != 135 || (f[22] | f[37]) == 0) /* not a solicitation, or one of duplicate address detection */
		return true;
	r[14] = 0x60;
	r[19] = 32;
	r[20] = IPPROTO_ICMPV6;
	r[21] = 255;
	memcpy(r + 22, f + 62, 16);
	memcpy(r + 38, f + 22, 16);
	r[54] = 136;
	r[58] = 0x60; /* solicited, override: RFC 4861 4.4 */
	memcpy(r + 62, f + 62, 16);
	r[78] = 2;
	r[79] = 1;
	memcpy(r + 80, peer_mac, 6);
	put16(r + 56, ~l4_sum(r + 14, r + 54, 32, IPPROTO_ICMPV6));
	feed(r, 86);
	return true;
}

/* @return whether anything left. */
static bool
take_output(void)
{
	struct iface *ifc = &be_worker->ifs[0];
	struct rte_mbuf *tx[TX_RING];
	const unsigned int n = ifc->n_tx;
	static uint8_t buf[65536 + ETH];

	memcpy(tx, ifc->tx, n * sizeof(tx[0]));
	ifc->n_tx = 0;
	for (unsigned int i = 0; i < n; i++) {
		const size_t len = rte_pktmbuf_pkt_len(tx[i]);
		const uint8_t *f = rte_pktmbuf_read(tx[i], 0, len, buf);

		if (f && !answer_neighbour(f, len))
			pd_output(f + ETH, len - ETH);
		rte_pktmbuf_free(tx[i]);
	}
	return n != 0;
}

void
be_flush(void)
{
	unsigned int rounds = 0;
	bool more;

	do {
		more = worker_run(be_worker);
		check_invariants();
		more |= take_output();
	} while (more && ++rounds < ROUNDS_MAX);
	if (rounds == ROUNDS_MAX)
		fprintf(stderr, "tern: work without end at %llu us\n", (unsigned long long)now);
}

uint64_t
be_start_clock(uint64_t now_us)
{
	now = now_us + EPOCH_US;
	return now;
}

static void
set_time(uint64_t now_us)
{
	now_us += EPOCH_US;
	if (now_us > now)
		now = now_us;
	worker_set_time(be_worker, now);
}

void
be_run(uint64_t now_us)
{
	set_time(now_us);
	be_flush();
}

void
be_adopt(uint8_t af, const void *addr)
{
	static const uint8_t zero[16];
	struct iface *ifc = &be_worker->ifs[0];

	if (link_is_local(ifc, af, addr) || memcmp(addr, zero, af == 4 ? 4 : 16) == 0)
		return;
	if (af == 4)
		memcpy(&ifc->laddr4, addr, 4);
	else
		memcpy(ifc->laddr6, addr, 16);
}

void
be_input(const void *ip, size_t len, uint64_t now_us)
{
	static uint8_t frame[65536 + ETH];
	const uint8_t *p = ip;

	set_time(now_us);
	be_flush();
	if (len < 20 || len > 65535)
		return;
	memcpy(frame, be_mac, 6);
	memcpy(frame + 6, peer_mac, 6);
	frame[12] = p[0] >> 4 == 6 ? 0x86 : 0x08;
	frame[13] = p[0] >> 4 == 6 ? 0xdd : 0x00;
	memcpy(frame + ETH, p, len);
	if (p[0] >> 4 == 4)
		be_adopt(4, p + 16);
	else if (len >= 40)
		be_adopt(6, p + 24);
	feed(frame, ETH + len);
	be_flush();
}

uint64_t
be_next_timer(void)
{
	const uint64_t at = worker_next_us(be_worker);

	return at == UINT64_MAX ? at : at - EPOCH_US;
}
