/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Invariants: what is true of every connection and of a worker between bursts. Each has a name; tests and debug builds
 * ask for all of them (stack/check.h), a release has nothing of this. Theory of operation: tcp/check.c.
 */
#ifndef TCP_CHECK_H
#define TCP_CHECK_H
#include "tcp/conn.h"

#define TCP_INVARIANTS(X)                                                                                              \
	/* the send queue */                                                                                           \
	X(SND_ORDER, "SND.UNA, SND.NXT and SND.MAX stand in this order")                                               \
	X(SND_OWNER, "an mbuf of the send queue is in no other queue")                                                 \
	X(SND_FILLED, "no segment of the send queue is empty")                                                         \
	X(SND_TAIL, "snd_tail is the last segment of the send queue")                                                  \
	X(SND_OFFSET, "what is acknowledged of the send queue's head is less than all of it")                          \
	X(SND_BYTES, "snd_queued is what the send queue holds")                                                        \
	X(SND_COVERED, "what is in flight is in the send queue, SYN and FIN apart")                                    \
	X(SND_CURSOR, "snd_cur is the segment that holds SND.NXT, and snd_cur_seq its first byte")                     \
	X(SND_SMALL, "C_SND_SMALL: the send queue is one small mbuf that nobody else holds")                           \
	X(SND_TAIL_OWN, "C_TAIL_OWN: there is a tail, whose buffer is ours")                                           \
	X(SND_WND, "SND.WND is at most the largest window seen")                                                       \
	/* the receive queue */                                                                                        \
	X(RCV_OWNER, "an mbuf of the receive queue is in no other queue")                                              \
	X(RCV_FILLED, "no segment of the receive queue is empty")                                                      \
	X(RCV_TAIL, "rcv_tail is the last segment of the receive queue")                                               \
	X(RCV_BYTES, "rcv_queued is what the receive queue holds")                                                     \
	X(RCV_EDGE, "the advertised edge is not left of RCV.NXT")                                                      \
	X(OFO_RING, "the runs of text out of order are a ring of ofo_runs")                                            \
	X(OFO_ORDER, "between the runs of text out of order are holes")                                                \
	X(OFO_ABOVE, "text out of order lies beyond RCV.NXT")                                                          \
	X(OFO_EDGE, "text out of order lies within the window")                                                        \
	X(OFO_OWNER, "an mbuf out of order is in no other queue")                                                      \
	X(OFO_RUN, "a run's bytes, segments and tail are those of its chain")                                          \
	X(OFO_SUMS, "ofo_bytes and ofo_segs are the sums over the runs")                                               \
	X(OFO_LANE, "the lane goes through the runs that are on it, the lowest first")                                 \
	X(OFO_RECENT, "by their newest segments all runs are on one list")                                             \
	X(OFO_LISTED, "who has text out of order is on the worker's list of holes, and nobody else")                   \
	X(OFO_FIN, "C_OFO_FIN: the FIN is still to come")                                                              \
	/* the scoreboard */                                                                                           \
	X(BOARD_SACK, "only with SACK there are runs of what was sent")                                                \
	X(BOARD_COUNT, "n_runs are the runs, and the tail is the last")                                                \
	X(BOARD_ORDER, "the runs lie side by side, none is empty")                                                     \
	X(BOARD_EDGES, "the runs begin at SND.UNA and end at SND.MAX or before")                                       \
	X(BOARD_JOINED, "what is SACKed is joined")                                                                    \
	X(BOARD_SUMS, "sacked, lost and retx are the sums over the runs")                                              \
	X(BOARD_FATE, "each run that is not SACKed is linked on a list by its fate")                                   \
	X(BOARD_LISTS, "the lists hold no other runs, and the right ones")                                             \
	X(BOARD_LANE, "the lane goes through the runs that are on it, the head first")                                 \
	X(BOARD_PLACE, "a run knows where in the send queue it begins")                                                \
	X(BOARD_SEARCH, "the last search in the send queue ended at a segment of it")                                  \
	X(FACK, "the highest number delivered is in flight, or SND.UNA")                                           \
	X(RECOVERING, "who recovers has state for it, and an end that is not reached")                                 \
	/* deadlines */                                                                                                \
	X(DEADLINE, "the wheel's node stands at or before the earliest deadline")                                      \
	X(RTO_RUNS, "what is in flight has a timer")                                                                   \
	X(RTO_IDLE, "without anything in flight only a probe or a SYN-ACK has a timer")                                \
	X(RTO_RANGE, "timeout and backoff are within their limits")                                                    \
	X(RTO_MEANING, "rto_at is one of persist timer, loss probe and reordering timer, or none")                     \
	X(KEEPALIVE, "keep-alive has a deadline while it is switched on, else none")                                   \
	X(STATE_LIMIT, "who waits for a peer that owes nothing else has a limit")                                      \
	/* state, flags, options */                                                                                    \
	X(FIN_FLAGS, "a FIN that was sent was queued")                                                                 \
	X(FIN_STATE, "a FIN is queued in the states that follow a close, and in no other")                             \
	X(FIN_RCVD, "a FIN has come in the states that say so, and in no other")                                       \
	X(FIN_ACKED, "in FIN-WAIT-2 all is sent and acknowledged")                                                     \
	X(TFO_STATE, "Fast Open ends with the handshake")                                                              \
	X(TFO_FLAGS, "C_SYNACK: of a passive Fast Open")                                                               \
	X(ORPHAN, "an orphan is closing, and counted; nobody else is")                                                 \
	X(ACCEPTQ, "who waits to be accepted knows its listener, and nobody else does")                                \
	X(URGENT, "urgent data has its pointer")                                                                       \
	X(PLAIN, "C_PLAIN: IPv4, handshake done, sums ours, no fragments")                                             \
	X(ECN, "echo and answer of marks only where ECN was agreed on")                                                \
	X(SACK, "SACK is due only where it was agreed on")                                                             \
	X(TRIAL, "text on trial waits for a visit")                                                                    \
	X(PEND, "what is pending is on the pending list")                                                              \
	X(SCALE, "window scales are at most 14, and 0 without the option")                                             \
	X(MSS, "a segment has bytes, and fits the interface")                                                          \
	X(CWND, "a congestion window lets something through")                                                          \
	/* what it holds */                                                                                            \
	X(HELD, "held are the mbufs in its queues")                                                                    \
	X(ACCOUNT, "it is charged to an account of its worker")                                                        \
	X(NEIGHBOUR, "a connection has a neighbour until it is over")                                                  \
	X(DEAD_EMPTY, "a connection that is over keeps what was received, and nothing else")

#define WORKER_INVARIANTS(X)                                                                                           \
	X(CLOCK, "the clocks say the same")                                                                            \
	X(TABLE_COUNT, "count is what is in the table")                                                                \
	X(TABLE_FOUND, "an object of the table is found by its flow")                                                  \
	X(TABLE_KIND, "in the table are connections, requests and TIME-WAITs of this worker")                          \
	X(POOL_OWNED, "an object is of its pool, and in one place")                                                    \
	X(POOL_FREE, "a pool's list of free objects is as long as it says, and none of them is in use")                \
	X(POOL_CONNS, "the connections in use are those of table, pending list and accept queues")                     \
	X(POOL_RARES, "the rare states in use are those of connections")                                               \
	X(POOL_LOSSES, "the loss states in use are those of connections")                                              \
	X(POOL_RUNS, "the runs in use are those of scoreboards")                                                       \
	X(POOL_RXRUNS, "the runs of received text in use are those of connections")                                    \
	X(POOL_REQUESTS, "the requests in use are those of the table")                                                 \
	X(POOL_TIMEWAITS, "the TIME-WAITs in use are those of the table")                                              \
	X(POOL_PORTSETS, "the port sets in use are those of the hash")                                                 \
	X(PENDING_LIST, "on the pending list are connections with P_QUEUED, and pend_tail is its end")                 \
	X(PENDING_ALL, "who has P_QUEUED is on the pending list")                                                      \
	X(LISTENERS, "n_listeners are listed, each in its hash chain")                                                 \
	X(ACCEPT_LIST, "a listener's accept queue is linked both ways and as long as it says")                         \
	X(ACCEPT_SUM, "accept_queued are those of all accept queues, who all have C_ACCEPTQ")                          \
	X(HALF_LIST, "a listener's requests are linked both ways and as many as it says")                              \
	X(HALF_SUM, "half_open are the requests of all listeners, and those of the table")                             \
	X(HALF_FRESH, "fresh are those whose SYN-ACK was sent once")                                                   \
	X(HALF_RESERVED, "the listeners' requests are reserved, and are there")                                        \
	X(REQUEST, "a request is half open, with a timer, and belongs to a listener")                                  \
	X(TIMEWAIT, "a TIME-WAIT has a timer")                                                                         \
	X(MEM_SUM, "own and foreign are the mbufs in queues")                                                          \
	X(MEM_ACCOUNTS, "an account's mbufs and users are those of its connections and listener")                      \
	X(ORPHANS, "orphans are counted")                                                                              \
	X(STARVED, "the list of the starved is linked both ways")                                                      \
	X(HOLES, "the list of holes is linked both ways, and all are on it that should be")                            \
	X(LISTED, "listed are the starved and those with holes")                                                       \
	X(GRANTED, "buf_granted is what buffers have beyond their size")                                               \
	X(TFO_PENDING, "tfo_pending are the Fast Open connections without the final ACK")                              \
	X(PORTS, "the ports of a set are those of its connections and TIME-WAITs")                                     \
	X(NEIGH_REFS, "a neighbour's references are the connections that use it")                                      \
	X(NEIGH_LRU, "the neighbours without references are on the list of the unused")                                \
	X(NEIGH_HASH, "n_neighs are in use, each in its hash chain")                                                   \
	X(NEIGH_TIMER, "a neighbour that is asked or was heard has a timer")                                           \
	X(NEIGH_QUEUED, "what waits for neighbours is counted and within its limit, in one queue")                     \
	X(WHEEL_NODE, "an armed node is linked both ways")                                                             \
	X(WHEEL_ARMED, "the nodes in the wheel are those of objects")                                                  \
	X(WHEEL_TIMERS, "so many of them are the application's")                                                       \
	X(WHEEL_MAP, "what is in the wheel is where its maps say")                                                     \
	X(TX_RING, "the rings to the devices hold frames, within their size")

#define INVARIANTS(X) TCP_INVARIANTS(X) WORKER_INVARIANTS(X)

enum invariant {
#define X(name, text) INV_##name,
	INVARIANTS(X)
#undef X
	INV_COUNT
};

/** Counts the check. Of the first that fails, remembers which it was and of which object. @return ok */
bool check_that(enum invariant i, bool ok, const struct tobj *o);

/** In a function that returns whether all is well: go on if cond, of object o. */
#define MUST(name, cond, o)                                                                                            \
	do {                                                                                                           \
		if (unlikely(!check_that(INV_##name, cond, (const struct tobj *)(o))))                                 \
			return false;                                                                                  \
	} while (0)

/** Where an mbuf was found. */
enum check_queue { CHECK_SND, CHECK_RCV, CHECK_OFO, CHECK_TX, CHECK_NEIGH };

/** A check begins: nothing is broken, no mbuf was seen. */
void check_begin(void);
/** m is in this queue of c; its first byte has number seq. @return false: it was seen before, or there is no memory to
 *  say. */
bool check_claim(const struct rte_mbuf *m, const void *c, enum check_queue q, uint32_t seq);

/** What the connections that were checked since check_begin() hold. */
struct check_held {
	uint32_t own, foreign; /* mbufs as struct mem counts them */
};
/** All invariants of one connection. @return false: one is broken. */
bool tcp_check(const struct tern_conn *c, struct check_held *held);

/** The first that was broken since check_begin(), INV_COUNT: none; of whom. */
enum invariant check_broken(const struct tobj **o);
const char *check_name(enum invariant i);
const char *check_text(enum invariant i);
/** How often it was checked, by this thread. */
uint64_t check_times(enum invariant i);
#endif
