/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Text, in order or not, into the queues. Theory of operation: tcp/reasm.c.
 */
#ifndef TCP_REASM_H
#define TCP_REASM_H
#include <stdbool.h>
#include <stdint.h>

struct rte_mbuf;
struct seg;
struct tern_conn;
struct tern_worker;

/** [left, right) of out-of-order text, without a hole. */
struct rxrun {
	struct rxrun *next;
	struct rxrun *skip; /* with lane: the next of the lane */
	struct rte_mbuf *head, *tail;
	uint32_t left, right;
	uint32_t segs;
	uint32_t newer, older; /* by their newest segments: index in the pool + 1, 0: none */
	bool lane;
};

/** In-window payload of s (already trimmed) into the receive or out-of-order queue. @return SEG_TAKEN or a reason. */
int tcp_data(struct tern_worker *w, struct tern_conn *c, struct seg *s);
/** Text that came with the SYN of a simultaneous open wait for ESTABLISHED (RFC 9293 3.10.7.3). @return as
 *  tcp_data(). */
int tcp_syn_text_keep(struct tern_worker *w, struct tern_conn *c, struct seg *s);
/** ESTABLISHED now. */
void tcp_syn_text_release(struct tern_worker *w, struct tern_conn *c);
/** The application had its chance to read what came on trial: what is left is not acknowledged, and forgotten. */
void tcp_trial_end(struct tern_worker *w, struct tern_conn *c);
void tcp_quickack(struct tern_conn *c);
/** The SACK option into opt; a D-SACK block is taken. @return its length, 0: nothing to report. */
unsigned int tcp_sack_blocks(struct tern_conn *c, uint8_t *opt, unsigned int room);
/** [left, right) came again: the next ACK says so. */
void tcp_dsack(struct tern_conn *c, uint32_t left, uint32_t right);
/** Free a queue of c, which was charged. */
void tcp_queue_free(struct tern_worker *w, struct tern_conn *c, struct rte_mbuf *m);
void tcp_ofo_free(struct tern_worker *w, struct tern_conn *c);
#endif
