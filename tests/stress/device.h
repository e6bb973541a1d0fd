/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A device without RSS whose other side is in the test's hands, and packet buffers that go from thread to thread. Both
 * are DPDK's in name only: what a thread hands to another passes through code that is compiled here, so that a thread
 * sanitizer sees who gave what to whom. DPDK's own drivers are compiled without one.
 */
#ifndef STRESS_DEVICE_H
#define STRESS_DEVICE_H
#include <stdint.h>
#include <rte_ring.h>

#define DEVICE_QUEUES 2u
#define DEVICE_SLOTS 1024u
#define DEVICE_POOL_OPS "seen" /* EAL's --mbuf-pool-ops-name */

struct device {
	const char *name;
	uint16_t port;
	unsigned int n_rx;
	struct rte_ring *rx[DEVICE_QUEUES], *tx; /* as the stack sees them */
};

/** n_rx queues to receive, and one to transmit. Ends the program if there is no memory. */
void device_make(struct device *d, const char *name, unsigned int n_rx);
/** Once a stack has started it: its bursts are seen. */
void device_watch(const struct device *d);
/** Once the stack is gone: frees what is left in the rings. @return how many frames these were. */
unsigned int device_free(struct device *d);
#endif
