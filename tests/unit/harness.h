/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Test bed: whole workers in virtual time on an in-memory wire. Theory of operation: harness.c, harness_wire.c.
 *
 * Sequence numbers in this interface are relative: the peer's to its ISS, tern's to the ISS it chose. SYN is 0, the
 * first byte of data 1. The byte at relative sequence number q of either stream is pat(q), so every payload that is
 * sent, captured or read is compared in full without a test saying so.
 */
#ifndef HARNESS_H
#define HARNESS_H
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>
#include <CUnit/Basic.h>
#include <rte_mbuf.h>
#include "tern.h"
#include "stack/conf.h"
#include "tcp/conn.h"
#include "tcp/opt.h"
#include "tcp/reasm.h"
#include "tcp/seq.h"
#include "stack/worker.h"

enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16, URG = 32, ECE = 64, CWR = 128 };

#define MS 1000ull
#define SEC 1000000ull
#define SLACK_US (2 * TICK_US) /* a deadline is met to a tick; one more for a deadline that another one sets */
#define SRV_PORT 80
#define PEER_ISS 0xfffffff0u /* the wrap comes early in every test */

/** A TCP segment off the wire, numbers absolute. */
struct frame {
	uint64_t at_us;
	uint8_t af, flags, ttl, tos, n_sack, optlen;
	uint16_t sport, dport, wnd, urp, mss; /* host order; mss 0: no option */
	uint32_t seq, ack, len, tsval, tsecr;
	int ws; /* -1: no option */
	bool sack_ok, has_ts;
	bool df;	/* IPv4 */
	uint16_t ip_id;
	uint32_t sack[8];
	uint8_t opt[40]; /* optlen bytes, as they came */
	uint8_t data[1600];
};

/** The scripted peer: one flow. Copy it to keep several flows apart. */
struct peer {
	uint16_t port, tern_port; /* host order */
	uint32_t iss, irs;	  /* irs: tern's ISS, learnt from its first SYN */
	bool irs_known;
	uint16_t wnd; /* window field of what is sent */
	uint8_t addr_lo; /* last byte of the source address */
	/* options: of the SYN; ts once negotiated goes on every segment */
	uint16_t mss;
	int ws; /* -1: none */
	bool sack, ts;
	uint32_t tsval, tsecr;
	uint8_t opt[40]; /* raw options of the next segment instead of the above, when optlen > 0 */
	uint8_t optlen;
	bool bad_cksum; /* next segment */
	uint16_t urp;
	uint8_t tos;
	/* kept by the fixtures: what a row of a table is relative to */
	uint32_t nxt;	   /* relative: the next the peer would send = RCV.NXT of tern */
	uint32_t tern_nxt; /* relative SND.NXT of tern */
	uint32_t tern_una; /* relative SND.UNA of tern */
};

/** An application's end. */
struct sock {
	struct tern_conn *c; /* NULL once given up or closed() came */
	unsigned int connected, readable, writable, closed, ended;
	int err; /* of closed() or ended() */
	bool gave_up; /* the handle, with sock_ops: ended() comes once */
	uint32_t tx_pos, rx_pos; /* relative numbers of the next byte to send, to read */
	bool auto_close;	 /* close at the peer's FIN */
	bool auto_read;
	uint64_t to_send; /* pumped by writable() */
};

/** One direction of the wire between two workers; set before its first frame. */
struct dir {
	const char *profile; /* faults as app/impair.h reads them, from the test's seed; NULL: none */
	uint64_t delay_us;
	bool (*drop)(const struct frame *f, uint64_t nth, void *arg); /* this one? TCP segments count, from 1 */
	void *arg;
	uint64_t n;
};

struct node {
	struct tern_worker *w;
	struct rte_mempool *mp;
	uint32_t mbufs;
	struct tern_listener *l[4];
	unsigned int acceptable;
	struct sock s[64];
	unsigned int n_socks;
	bool auto_accept; /* accept from acceptable(), sockets read and close by themselves */
};

struct bed {
	uint8_t af;
	bool started, pair;
	uint64_t now_us;
	struct tern_conf conf; /* change before the first fixture starts the bed */
	bool tx_multi_seg;
	bool tx_tso;	 /* and checksums: the device's part is the harness's; on from the start if TERN_TSO is set */
	uint64_t tso_frames; /* that came to be cut */
	bool tx_stuck[2]; /* the device of node i takes nothing */
	bool corked;	 /* what tx() sends makes a burst; uncork() delivers it and runs */
	bool rarely;	 /* invariants are checked once in a thousand times: with a crowd each check takes a while */
	bool arp_mute;	 /* the scripted peer answers no ARP/NS */
	uint64_t drain_us; /* teardown waits this long */
	struct node n[2];
	struct dir dir[2]; /* dir[i]: out of node i */
	uint64_t frames;   /* TCP segments captured */
};
extern struct bed bed;
extern struct peer peer;
#define W (bed.n[0].w)
#define TW_(n) ((n)->w)
#define STAT(s) (W->stats[STAT_##s])

/* --- running ----- */
/** Register tests for both families, run those whose name contains argv[1] (all without), return the exit status. */
int harness_main(int argc, char **argv, const char *name, CU_TestInfo *tests);
uint64_t harness_rand(void);
extern uint64_t harness_seed;
/** Fresh bed with default conf for af; nothing started. */
void bed_reset(uint8_t af);
void bed_start(void);	   /* a worker against the scripted peer */
void bed_start_pair(void); /* two workers */
/** Worker i dies without a word, and another takes its place: with no listener, no connection, and none of the
 *  sockets. */
void bed_restart(unsigned int i);
/** Close what is open, wait beyond every timeout, check that all pools are full again, free. Idempotent. */
void bed_down(void);
void run(void); /* callbacks, output, delivery of what is due, until quiet; time stands still */
void advance_us(uint64_t us);
void uncork(void);
bool advance_to_frame(uint64_t limit_us);
/** Advance until cond(arg) or limit. */
bool advance_until(bool (*cond)(void *), void *arg, uint64_t limit_us);

/* --- scripted peer ----- */
static inline uint8_t
pat(uint32_t q)
{
	return q * 2654435761u >> 24;
}
void peer_new(uint16_t port);
void tx(uint8_t flags, uint32_t seq, uint32_t ack, uint32_t len);
/** A frame as bytes, e.g. mangled. */
void tx_raw(const uint8_t *p, uint16_t n);
/** Build the segment tx() would send. @return bytes */
uint16_t peer_build(uint8_t *p, uint8_t flags, uint32_t seq, uint32_t ack, uint32_t len);
const struct frame *rx(void); /* next captured segment or NULL; valid until the next call */
const struct frame *rx_peek(void);
unsigned int rx_flush(void);

bool check_at(bool ok, const char *file, int line, const char *fmt, ...) __attribute__((format(printf, 4, 5)));
const struct frame *expect_at_(const char *file, int line, unsigned int flags, uint32_t seq, uint32_t ack, uint32_t len,
			       uint64_t min_us, uint64_t max_us);
/* A reset of a synchronised connection: bare (RFC 9293 3.10.5) or with an ACK (as Linux). */
void expect_rst_(const char *file, int line, uint32_t seq, uint32_t ack);
#define expect_rst(seq, ack) expect_rst_(__FILE__, __LINE__, seq, ack)
void expect_silence_(const char *file, int line, uint64_t us);
/** Next segment must be this one, and be there already. PSH is compared only when asked for. */
#define expect(flags, seq, ack, len) expect_at_(__FILE__, __LINE__, flags, seq, ack, len, 0, 0)
/** Next segment must come between min and max us from now (time advances to it). */
#define expect_at(flags, seq, ack, len, min_us, max_us)                                                                \
	expect_at_(__FILE__, __LINE__, flags, seq, ack, len, min_us, max_us)
/** At us from now, to a tick. */
#define expect_after(flags, seq, ack, len, us)                                                                         \
	expect_at_(__FILE__, __LINE__, flags, seq, ack, len, us, (us) + SLACK_US)
#define expect_silence() expect_silence_(__FILE__, __LINE__, 0)
#define expect_silence_for(us) expect_silence_(__FILE__, __LINE__, us)
#define CHECK(cond) check_at(!!(cond), __FILE__, __LINE__, "%s", #cond)
#define CHECK_EQ(a, b)                                                                                                 \
	do {                                                                                                           \
		const int64_t a_ = (int64_t)(a), b_ = (int64_t)(b);                                                    \
		check_at(a_ == b_, __FILE__, __LINE__, "%s is %lld, not %s = %lld", #a, (long long)a_, #b,           \
			 (long long)b_);                                                                               \
	} while (0)

/* --- applications ----- */
extern const struct tern_ops sock_ops;
struct sock *sock_new(struct node *n);
int node_listen(struct node *n, uint16_t port, int backlog, struct tern_listener **l);
/** Connect node 0 to the peer's (or node 1's) port; lport 0: chosen. */
int node_connect(uint16_t rport, uint16_t lport, struct sock **s);
struct sock *sock_accept(struct node *n); /* NULL: none */
ssize_t sock_send(struct sock *s, size_t len); /* next len bytes of pat() */
ssize_t sock_recv(struct sock *s, size_t len); /* compared with pat() */
size_t sock_recv_all(struct sock *s);
void sock_shutdown(struct sock *s);
/** s's handle, which it has no more. */
struct tern_conn *sock_take(struct sock *s);
void sock_close(struct sock *s);
void sock_abort(struct sock *s);
unsigned int sock_state(const struct sock *s);
/** State of the only object in the table; TERN_LISTEN or TERN_CLOSED without one. */
unsigned int state_now(void);
void tern_addr(struct tern_endpoint *e, uint16_t port);
void peer_addr(struct tern_endpoint *e, uint16_t port);

/** Take mbufs from node 0 until it has n; give them back. */
void mbufs_take(unsigned int n);
void mbufs_give(void);

/* --- fixtures: each follows from the one before by real packets ----- */
void fx_listen(void);
void fx_half_open(void);
struct sock *fx_established(void);
struct sock *fx_close_wait(void);
void fx_last_ack(void);
struct sock *fx_fin_wait_1(void);
struct sock *fx_fin_wait_2(void);
void fx_closing(void);
void fx_time_wait(void);
struct sock *fx_syn_sent(void);
struct sock *fx_syn_received(void); /* simultaneous open */
struct sock *fx_connected(void);    /* ESTABLISHED by active open */
#endif
