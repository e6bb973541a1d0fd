/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A file of packets for tshark and Wireshark: pcapng (draft-ietf-opsawg-pcapng), whose packets bear comments. The
 * rte_pcapng of DPDK 22.11 writes none. All are of Ethernet, with times in nanoseconds, in this machine's byte order.
 * What fails is seen by ferror().
 */
#ifndef PCAPNG_H
#define PCAPNG_H
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct pcapng_packet {
	uint32_t iface;    /* in the order of pcapng_iface() */
	uint64_t time_ns;  /* since 1970 */
	uint32_t cap, len; /* bytes in the file, and on the wire */
	bool out;
	const void *data;
	const char *comment; /* "": none */
};

void pcapng_begin(FILE *f, const char *program);
void pcapng_iface(FILE *f, const char *name);
/** @return bytes written. */
uint32_t pcapng_put(FILE *f, const struct pcapng_packet *p);
#endif
