/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a connection needs once more than two segments are in flight or something is lost: the scoreboard, RACK, PRR,
 * undo and the congestion control's state. Theory of operation: tcp/sack.c.
 */
#ifndef TCP_LOSS_H
#define TCP_LOSS_H
#include <sys/queue.h>
#include "tcp/cc.h"
#include "tcp/seq.h"

#define DUP_THRESH 3u  /* segments that overtook one, so that it is lost: RFC 5681 3.2, RFC 8985 7.2 */
#define RUNS_MIN 1024u /* of a worker, which has a run for each of its mbufs */
#define MIN_RTT_US 150000000ull /* the least round trip of this to twice this long: 300 s is Linux's */
#define RUNS_MAX 4096u /* of one connection: a 6 MB window of segments sent one by one */

enum { R_SACKED = 1, R_LOST = 2, R_RETX = 4 /* and sent again since */, R_EVER = 8 /* was sent again once */ };

/** [seq, end) were sent at xmit_at and share a fate. Theory of operation: tcp/runs.c. */
struct txrun {
	struct txrun *next;
	struct txrun *skip; /* with lane: the next of the lane */
	TAILQ_ENTRY(txrun) fate; /* on loss.flight or loss.due, unless R_SACKED */
	struct rte_mbuf *m; /* of the send queue, holds seq or what is before it; starts at m_seq. NULL: unknown */
	uint32_t m_seq;
	uint32_t seq, end;
	uint16_t first, mss; /* bytes of the first segment, of the others */
	uint64_t xmit_at : 56; /* all that the clock can say: a connection may idle for as long as it likes */
	uint64_t flags : 7;    /* R_* */
	uint64_t lane : 1;
};
_Static_assert(sizeof(struct txrun) <= 64, "a run is a cache line");
TAILQ_HEAD(runq, txrun);

struct loss {
	const struct cc *cc;
	struct txrun *head, *tail;
	struct runq flight, due; /* in the network, by time; lost and not sent again, about by number */
	struct rte_mbuf *retx_m; /* where a search in the queue ended last, and the number of its first byte */
	uint32_t retx_seq;
	uint32_t n_runs;
	uint32_t sacked, lost, retx; /* bytes; retx: lost, and in flight again */
	uint32_t sacked_segs;
	uint32_t fack; /* highest sequence delivered */
	uint32_t recover;
	uint32_t dupacks;
	/* RACK: RFC 8985 5.3 */
	uint64_t rack_xmit_at;
	uint32_t rack_end, rack_rtt_us, dsack_round;
	uint32_t min_rtt_us, min_next_us; /* what min_rtt_us will be when min_until_at has come */
	uint64_t min_until_at;
	uint8_t reo_mult, reo_persist;
	bool rack_on, reord_seen, dsack_on;
	/* TLP: 7.1 */
	bool tlp_on, tlp_retx;
	uint32_t tlp_end;
	/* PRR: RFC 6937 */
	uint32_t prr_delivered, prr_out, prr_fs;
	/* undo */
	bool undo, undo_sent, frto;
	bool too_big; /* C_LOSS is not for congestion: segments were too large */
	uint32_t undo_bytes, undo_una, undo_ts; /* retransmitted and not reported as duplicate; from; timestamp of
						 * the first */
	uint32_t prior_cwnd, prior_ssthresh;
	union cc_state {
		struct cc_newreno_state newreno;
		struct cc_cubic_state cubic;
		struct cc_dctcp_state dctcp;
	} cc_state, cc_prior;
};

/** Never fails: a connection has at most one, and there is one for each. */
struct loss *tcp_loss(struct tern_conn *c);
void tcp_loss_free(struct tern_worker *w, struct tern_conn *c);
/** [seq, end) was just sent, and snd_max moved. */
void tcp_loss_sent(struct tern_worker *w, struct tern_conn *c, uint32_t seq, uint32_t end);
/** s was taken by tcp_ack(), which moved SND.UNA by `acked`. */
void tcp_loss_acked(struct tern_worker *w, struct tern_conn *c, const struct seg *s, const struct tcp_opts *o,
		    uint32_t acked);
/** @return false: no scoreboard, go back to SND.UNA. */
bool tcp_loss_timeout(struct tern_worker *w, struct tern_conn *c);
/** All that is in flight goes out again, as smaller segments. @return false: no scoreboard, go back to SND.UNA. */
bool tcp_loss_too_big(struct tern_worker *w, struct tern_conn *c);
/** The lost run that is due, NULL: none. */
struct txrun *tcp_loss_next(struct tern_conn *c);
/** Congestion is told of without a loss (RFC 3168 6.1.2). */
void tcp_congestion(struct tern_conn *c, bool echo);
/** n bytes of r are about to be sent again. @return false: no room to note it. */
bool tcp_loss_resent(struct tern_worker *w, struct tern_conn *c, struct txrun *r, uint32_t n);
/** They were not. */
void tcp_loss_not_resent(struct tern_conn *c, struct txrun *r);
void tcp_reorder_fired(struct tern_worker *w, struct tern_conn *c);
void tcp_tlp_fired(struct tern_worker *w, struct tern_conn *c);
/** A reduction begins: remember what there was. */
void tcp_loss_save(struct tern_conn *c);

/** What was noted of a loss long ago is not compared with sequence numbers that have come round since. */
static inline void
tcp_loss_age(const struct tern_conn *c)
{
	struct loss *l = c->loss;

	if (unlikely(seq_lt(l->recover, c->snd_una - (1u << 30)))) {
		l->recover = c->snd_una - 1;
		l->undo = false;
	}
}

/* tcp/runs.c */
/** [seq, end) has just been sent as segments of conn.mss, the last with FIN perhaps. */
void tcp_runs_sent(struct tern_worker *w, struct tern_conn *c, uint32_t seq, uint32_t end);
/** Bring the list up to SND.MAX: what no run covers was sent at xmit_at. */
void tcp_runs_cover(struct tern_worker *w, struct tern_conn *c, uint64_t xmit_at);
/** The last run that starts before seq, NULL: none. */
struct txrun *tcp_run_before(struct loss *l, uint32_t seq);
/** Where segments of r begin: the first above seq, which is r's end when there is none; the last at seq or before. */
uint32_t tcp_run_edge(const struct tern_conn *c, const struct txrun *r, uint32_t seq);
uint32_t tcp_run_floor(const struct tern_conn *c, const struct txrun *r, uint32_t seq);
/** Cut r at seq: the rest is a run of its own behind it. @return false: none free. */
bool tcp_run_split(struct tern_worker *w, struct tern_conn *c, struct txrun *r, uint32_t seq);
/** r begins at seq now. */
void tcp_run_trim(struct tern_worker *w, struct tern_conn *c, struct txrun *r, uint32_t seq);
/** r has arrived, and takes in what follows it and has as well. */
void tcp_run_sacked(struct loss *l, struct txrun *r);
void tcp_run_join(struct tern_worker *w, struct loss *l, struct txrun *r);
/** r is lost; is in the network since now; is in the network still, behind `at` in time or else before all. */
void tcp_run_due(struct loss *l, struct txrun *r);
void tcp_run_flies(struct loss *l, struct txrun *r);
void tcp_run_flew(struct loss *l, struct txrun *r, struct txrun *at);
void tcp_runs_free_head(struct tern_worker *w, struct loss *l);

/** Bytes in the network: RFC 6675 4. */
static inline uint32_t
tcp_pipe(const struct tern_conn *c)
{
	const struct loss *l = c->loss;

	if (unlikely(c->snd_nxt != c->snd_max)) /* there was no run: all of it again, from SND.UNA on */
		return c->snd_nxt - c->snd_una;
	return c->snd_nxt - c->snd_una - l->sacked - l->lost + l->retx;
}
#endif
