/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sequence arithmetic, RFC 9293 3.4.
 */
#ifndef TCP_SEQ_H
#define TCP_SEQ_H
#include <stdbool.h>
#include <stdint.h>
#include "net/pkt.h"

/* Both within 2^31 of each other. */
static inline bool seq_lt(uint32_t a, uint32_t b) { return (int32_t)(a - b) < 0; }
static inline bool seq_le(uint32_t a, uint32_t b) { return (int32_t)(a - b) <= 0; }
static inline bool seq_gt(uint32_t a, uint32_t b) { return (int32_t)(a - b) > 0; }
static inline bool seq_ge(uint32_t a, uint32_t b) { return (int32_t)(a - b) >= 0; }
/** What s takes of the sequence space: SEG.LEN of RFC 9293. */
static inline uint32_t
tcp_seqlen(const struct seg *s)
{
	return s->len + !!(s->flags & TCP_SYN) + !!(s->flags & TCP_FIN);
}
#endif
