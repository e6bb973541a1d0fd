/* SPDX-License-Identifier: BSD-3-Clause */
/* Datagrams as bytes, for pd_packet.c: headers and sums, independent of the library. */
#ifndef PD_WIRE_H
#define PD_WIRE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "../bytes.h"
#include "pdrun.h"

/** Header of a datagram of l4 bytes from the remote side, or (ours) to it. @return its length. */
size_t pd_put_ip(uint8_t *p, bool ours, uint8_t proto, uint8_t tos, size_t l4);
/** @return NULL, and in *l3 where TCP begins and in *tot where it ends, or what is wrong with the IP header. */
const char *pd_check_ip(const struct datagram *d, size_t *l3, size_t *tot);
/** It arrives at the stack. */
void pd_input(const void *ip, size_t len);
#endif
