/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * TCP's objects and the prototypes between its files. A half-open request, a connection and a TIME-WAIT record are three
 * sizes of object in one table (table.h); each starts with TOBJ_FIELDS.
 */
#ifndef TCP_H
#define TCP_H
#include <stddef.h>
#include "worker.h"
#include "pkt.h"

/* Sequence arithmetic, RFC 9293 3.4. */
static inline bool seq_lt(uint32_t a, uint32_t b) { return (int32_t)(a - b) < 0; }
static inline bool seq_le(uint32_t a, uint32_t b) { return (int32_t)(a - b) <= 0; }
static inline bool seq_gt(uint32_t a, uint32_t b) { return (int32_t)(a - b) > 0; }
static inline bool seq_ge(uint32_t a, uint32_t b) { return (int32_t)(a - b) >= 0; }

#define TCP_MSS_DEFAULT4 536u /* RFC 9293 MUST-15 */
#define TCP_MSS_DEFAULT6 1220u
#define TCP_MSS_MIN 64u /* below: the peer wants us to drown in headers (CVE-2019-11479) */
#define TCP_WS_MAX 14u	/* RFC 7323 2.3 */
#define TCP_OPT_TS_LEN 12u

enum { /* negotiated or switched features: conn.feat, request.feat */
	F_TS = 1 << 0,
	F_SACK = 1 << 1,
	F_WS = 1 << 2,
	F_NODELAY = 1 << 3,
	F_QUICKACK = 1 << 4,
	F_KEEPALIVE = 1 << 5,
	F_LINGER0 = 1 << 6,
	F_PASSIVE = 1 << 7, /* SYN-RECEIVED came from LISTEN (MUST-11) */
};

/** Half-open request: SYN-RECEIVED of a passive open. Allowed SACK, WS and TS are in feat. */
struct request {
	union {
		struct tobj o;
		struct {
			TOBJ_FIELDS
		};
	};
	/* o: rcv_nxt = IRS + 1, snd_nxt = ISS + 1 */
	struct tern_listener *lst;
	struct request *next, **pprev; /* the listener's list */
	uint32_t ts_recent;
	uint16_t mss; /* the peer's, clamped */
	uint16_t neigh;
	uint8_t feat;
	uint8_t snd_ws;
	uint8_t retries;  /* SYN-ACKs sent again */
	uint8_t deferred; /* the final ACK came when the accept queue was full */
	uint8_t pad_[4];
};
_Static_assert(sizeof(struct request) <= 128, "a half-open request is at most 128 bytes");

/** TIME-WAIT record: 64 bytes for IPv4 (addr is cut), 96 for IPv6. kind_data: [0] ts_recent, [1] portset index + 1 or 0,
 *  [2] window << 16 | feat. */
struct timewait {
	union {
		struct tobj o;
		struct {
			TOBJ_FIELDS
		};
	};
};
#define TW_SIZE4 64
#define TW_SIZE6 96
_Static_assert(sizeof(struct timewait) <= TW_SIZE6, "a TIME-WAIT record is at most 64/96 bytes");
#endif
