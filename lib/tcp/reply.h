/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Segments of no connection. tcp_reply() in tcp/hdr.h, where there is a received packet to reuse.
 */
#ifndef TCP_REPLY_H
#define TCP_REPLY_H
#include <stdbool.h>
#include <stdint.h>

struct flow;
struct seg;
struct tern_worker;

/** What the headers of a segment say beside its addresses and ports. */
struct tcp_head {
	uint32_t seq, ack;
	uint16_t wnd;
	uint8_t flags, ttl, tos;
	uint8_t optlen;
	bool ts; /* the first options are NOP NOP timestamps: TCP_OPT_TS_LEN bytes of optlen, not read from opt */
	uint16_t segsz; /* the device cuts segments of so many bytes; 0: it is one */
	uint32_t tsval, tsecr;
	const uint8_t *opt;
};

/** How many answers to segments of no connection, and challenge ACKs, a worker still sends: RFC 5961 7. */
struct answers {
	uint64_t tokens_at; /* token_take() */
	uint32_t challenge_at_ms, challenge_left; /* of this second, by tcp/input.c */
};

/** A segment that answers none. @return false: no room or no mbuf. */
bool tcp_send_bare(struct tern_worker *w, const struct flow *f, uint8_t ifidx, uint16_t neigh,
		   const struct tcp_head *r);
/** May one more segment that belongs to no connection be answered now? */
bool tcp_answer_allowed(struct tern_worker *w);
/** RST in answer to a segment without connection (RFC 9293 3.10.7.1), rate limited. @return SEG_TAKEN or a reason. */
int tcp_reset_reply(struct tern_worker *w, struct seg *s, int reason);
#endif
