/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ethdev set-up: what the device can do, queues, offloads, RSS key and RETA. Cold: nothing here runs on the packet
 * path. Theory of operation: port.c.
 */
#ifndef PORT_H
#define PORT_H
#include <stdint.h>
#include <stdbool.h>
#include <rte_ether.h>
#include <rte_mempool.h>
#include "tern.h"
#include "base/log.h"
#include "net/steer.h"

struct rte_eth_dev_owner;

/** One ethdev port of a stack. */
struct port {
	uint16_t port_id;
	uint16_t mtu;
	uint16_t n_rxq, n_txq;
	uint16_t step; /* queue i is the device's i * step */
	uint16_t rx_desc, tx_desc;
	uint16_t reta_size; /* the device's */
	uint8_t key_len;    /* bytes of RSS key it wants */
	uint64_t rss_hf;
	struct rte_ether_addr mac;
	bool owned, started;
	bool rss;	/* the device spreads by Toeplitz with our key and RETA */
	bool read_back; /* which were read back equal */
	bool allmulti;
	bool tx_tcp_cksum, tx_multi_seg, tx_tso;
	uint8_t tx_segs, tso_segs; /* as in struct iface */
	bool rx_intr; /* asked for before the start; then: every rx queue has an interrupt */
	bool rx_hold; /* is asked only when a burst can be replaced: stack/port.c */
	int node;
	uint64_t owner_id;
	const char *name; /* the ethdev's */
};

/** Claim port ifc->port_id for owner and decide queues and descriptors for n_workers. @return 0, or a negative errno
 *  after one log line; port_close() is right in both cases. */
int port_probe(struct port *p, const struct tern_if_conf *ifc, unsigned int n_workers, uint16_t desc,
	       const struct rte_eth_dev_owner *owner);
/** Configure, set up all queues (queue i takes its mbufs from mp[i % n_workers], on that lcore's node), start. lro: if
 *  the device can. */
int port_start(struct port *p, struct rte_mempool *const *mp, const unsigned int *lcores, unsigned int n_workers,
	       const struct steer *s, bool lro);
/** Wait for the link, a bounded time; a link that stays down is only reported. */
void port_wait_link(const struct port *p);
/** Say in one line how packets come to their workers. */
void port_report(const struct port *p, unsigned int n_workers, bool paired);
/** Stop and close if started here; give up ownership. */
void port_close(struct port *p);
#endif
