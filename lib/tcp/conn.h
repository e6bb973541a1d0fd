/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A connection, what it keeps on demand, and its life. A half-open request (tcp/listen.h), a connection and a
 * TIME-WAIT record (tcp/timewait.h) are three sizes of object in one table (base/table.h); each starts with
 * TOBJ_FIELDS.
 */
#ifndef TCP_CONN_H
#define TCP_CONN_H
#include <stddef.h>
#include <string.h>
#include <sys/queue.h>
#include "net/pkt.h"
#include "tcp/context.h"

struct loss;
struct rxrun;

#define AWAY_US 1000000u /* a timer is so late: the worker did not run, and what came meanwhile may not be read yet */
#define BACKOFF_MAX 16	/* doublings of a timeout: more shift nothing into a deadline but zeros */

enum { /* negotiated or switched features: conn.feat, request.feat */
	F_TS = 1 << 0,
	F_SACK = 1 << 1,
	F_WS = 1 << 2,
	F_NODELAY = 1 << 3,
	F_QUICKACK = 1 << 4,
	F_KEEPALIVE = 1 << 5,
	F_LINGER = 1 << 6, /* conn_rare.linger_ms counts */
	F_PASSIVE = 1 << 7, /* SYN-RECEIVED came from LISTEN (MUST-11) */
};

/* What a connection on the pending list waits for (conn.pend). */
enum {
	P_QUEUED = 1 << 0,   /* on the list */
	P_OUTPUT = 1 << 1,   /* something may be sent */
	P_ACK = 1 << 2,	     /* an ACK must be sent */
	P_CONNECTED = 1 << 3,
	P_READABLE = 1 << 4,
	P_WRITABLE = 1 << 5,
	P_CLOSED = 1 << 6,   /* tell the application, then free */
	P_FREE = 1 << 7,     /* free: nobody holds it any more */
	P_ACCEPTABLE = 1 << 8, /* tell its listener */
	P_PUSH = 1 << 9,       /* what a cork holds back goes now */
	P_URGENT = 1 << 10,    /* urgent data is announced */
	P_STALLED = 1 << 11,   /* R1 was reached */
};

enum { /* conn.flags */
	C_ORPHAN = 1 << 0,    /* the application gave the handle up */
	C_FIN_QUEUED = 1 << 1, /* FIN follows the queued data */
	C_FIN_SENT = 1 << 2,
	C_FIN_RCVD = 1 << 3,  /* the peer's FIN is in order and counted in rcv_nxt */
	C_RTT = 1 << 4,	      /* rtt_seq is being timed */
	C_PERSIST = 1 << 5,   /* rto_at is the persist timer */
	C_RECOVERY = 1 << 6,  /* fast recovery until loss.recover */
	C_WANT_WRITE = 1 << 7, /* a short send: writable() when there is room */
	C_TAIL_OWN = 1 << 8,  /* snd_tail was made by tern_send() and may be appended to */
	C_ACCEPTQ = 1 << 9,   /* on the listener's accept queue */
	C_OFO_FIN = 1 << 10,  /* FIN seen beyond a hole, at ofo_fin */
	C_CORK = 1 << 11,     /* only full segments, TERN_OPT_CORK ... */
	C_MORE = 1 << 12,     /* ... or until the next tern_send() */
	C_BUF_SET = 1 << 13,  /* the application chose a buffer's size */
	C_SACK = 1 << 14,     /* ACKs carry SACK blocks */
	C_DSACK = 1 << 15,    /* dsack[] is to be reported */
	C_RCV_URG = 1 << 16,  /* rare.rcv_up is ahead of what was read */
	C_SND_URG = 1 << 17,  /* rare.snd_up is ahead of SND.UNA */
	C_ECN = 1 << 18,      /* agreed on */
	C_ECE = 1 << 19,      /* a CE mark is echoed */
	C_CWR = 1 << 20,      /* the next new data says that we slowed down */
	C_TFO = 1 << 21,      /* Fast Open, until the handshake is done */
	C_SYNACK = 1 << 22,   /* with C_TFO: the SYN-ACK is due */
	C_SHUT_RD = 1u << 31, /* nothing is read any more: tern_shutdown() */
	C_LOSS = 1 << 23,     /* after a timeout, until loss.recover */
	C_TLP = 1 << 24,      /* rto_at is the tail loss probe's */
	C_REO = 1 << 25,      /* rto_at is the reordering timer */
	C_PLAIN = 1 << 28,    /* the handshake is done (no SYN goes out any more), IPv4, and checksums are ours to
			       * make */
	C_SND_SMALL = 1 << 27, /* the send queue is one mbuf of worker.small, with no other reference */
	C_COUNTED = 1 << 30,  /* an orphan of mem.orphans */
	C_TRIAL = 1 << 29,    /* what waits to be read came without leave to stay: tcp/mem.c */
	C_LIMITED = 1 << 26,  /* cwnd held the last output back: it may grow (RFC 7661) */
};

/* conn.quickack: how many more ACKs are not delayed, and why none is. */
#define QUICKACK_MAX 16u /* as Linux: the first round trips of a slow start */
#define QUICKACK_PINGPONG 0x80u /* data went out soon after data came in: ACKs can ride */
#define QUICKACK_OFF 0x40u	 /* TERN_OPT_QUICKACK 0 */

/** What few connections need: taken from a pool with as many objects as there can be connections. */
struct conn_rare {
	uint32_t rcv_up, snd_up; /* RCV.UP, SND.UP: the octet after the urgent data (MUST-62) */
	uint32_t cwr_seq; /* an echo of congestion counts once beyond this: tcp/ecn.c */
	/* tcp/buf.c */
	uint32_t buf_grant; /* of snd_buf and rcv_buf, bytes beyond the configured */
	uint32_t tune_seq, tune_at, tune_space; /* this round trip's start, what the last one delivered */
	/* tcp/icmp.c */
	uint64_t raise_at; /* when mss_full is tried again */
	uint64_t soft_at;  /* when soft_err was heard */
	int32_t soft_err;
	/* tcp/mem.c: lists of worker.mem; tqe_prev NULL: not on it */
	TAILQ_ENTRY(tern_conn) holes, starved;
	uint32_t refused; /* end of text that came and was not kept */
	bool has_refused;
	uint16_t mss_full; /* conn.mss before it was lowered; 0: it is not */
	uint16_t syn_mtu;  /* what a SYN with data was told */
	uint32_t linger_ms; /* TERN_OPT_LINGER_MS */
	bool may_fragment; /* the path takes less than every host must: routers may cut (no DF) */
};

/**
 * Full connection, ordered by who touches which cache line (scripts/conn-lines.sh counts): a segment with text touches
 * lines 0 to 3 on its way in, its answer and an ACK 0 to 4. The rest is for opening, closing and whatever is not the
 * rule.
 */
struct tern_conn {
	union {
		struct tobj o;
		struct {
			TOBJ_HEAD
			uint32_t snd_una;
			uint32_t snd_wnd; /* the peer's window, scaled */
			uint32_t rcv_adv; /* right edge advertised: never moves left (SHLD-14) */
			union flow_addr addr;
		};
	};
	/* line 1, behind an IPv6 address: every segment */
	uint32_t flags; /* C_* */
	uint16_t pend;	/* P_* */
	uint8_t feat;	/* F_* */
	uint8_t quickack; /* QUICKACK_* */
	struct tern_conn *pend_next;
	struct tern_worker *w;
	uint32_t snd_max;    /* highest sequence sent, plus one */
	uint32_t snd_queued; /* bytes from snd_una to the end of the queue, without SYN and FIN */
	uint32_t max_wnd;
	uint32_t last_rx_at_ms; /* any acceptable segment */

	/* line 2: what came */
	uint32_t snd_wl1; /* SND.WL1; SND.WL2 is never asked for: tcp/recovery.c */
	uint8_t ttl, tos;
	uint8_t snd_ws, rcv_ws;
	uint32_t ts_recent;
	uint16_t ts_recent_at; /* of tcp_paws_clock() */
	uint16_t neigh;
	uint32_t last_ack;    /* Last.ACK.sent (RFC 7323 4.3) */
	uint32_t rcv_queued;
	struct rte_mbuf *rcv_head, *rcv_tail;
	struct rxrun *ofo; /* out-of-order text: the highest run of a ring, its next is the lowest */
	struct loss *loss; /* NULL as long as nothing needs it: tcp/loss.h */
	uint16_t rcv_mss; /* largest segment seen: what "every second full-sized segment" means. Until ESTABLISHED:
			   * MSS offered */
	uint16_t mss; /* payload bytes of a full segment, options counted (MUST-16) */
	uint32_t rcv_buf;

	/* line 3: deadlines, in us, 0: none, and what sets them */
	uint64_t rto_at, delack_at;
	uint64_t unacked_at; /* when the oldest unacknowledged data was first sent or last progress */
	uint32_t segs_in, segs_out;
	uint32_t held; /* mbufs in its queues: tcp/mem.c */
	uint32_t last_data_at_ms; /* text in order */
	uint32_t rto_us, srtt_us, rttvar_us;
	uint32_t rtt_seq, rtt_at;
	uint16_t account; /* of worker.mem.accounts */
	uint8_t backoff; /* doublings of rto_us, until there is a new sample (RFC 6298 5.7) */
	uint8_t retries; /* timeouts since the last progress; of a closed window's probes, since the last answer */

	/* line 4: what is sent */
	struct rte_mbuf *snd_head, *snd_tail; /* segments chained by next */
	struct rte_mbuf *snd_cur;	      /* segment that holds snd_cur_seq */
	uint32_t snd_cur_seq;		      /* sequence number of snd_cur's first byte */
	uint32_t snd_head_off;		      /* bytes of snd_head already acknowledged */
	uint32_t snd_sml; /* end of the last small segment (Minshall) */
	uint32_t snd_buf;
	uint32_t cwnd;
	uint32_t ts_off;
	const struct tern_ops *ops;
	void *user;

	/* line 5: opening, closing, and what sends more rarely */
	uint64_t limit_at, keep_at; /* deadlines as in line 3 */
	struct conn_rare *rare; /* NULL as long as nothing needs it */
	uint32_t iss;
	uint32_t ssthresh;
	uint32_t retrans;
	uint32_t irs;
	uint8_t cc;	  /* enum tern_cc */
	uint8_t keep_cnt, keep_probes;
	bool tfo_new; /* with C_TFO: the SYN-ACK brings a new cookie */
	uint32_t user_timeout_ms;
	int32_t err;
	uint32_t portset;     /* index + 1, 0: none */
	uint32_t opened_at_ms; /* ESTABLISHED since */
	uint32_t challenge_at_ms; /* start of the challenge ACK budget's period */

	/* line 6: text out of order, the accept queue */
	uint32_t ofo_bytes, ofo_segs;
	uint32_t ofo_newest;  /* run, as rxrun.older: SACK blocks are reported newest first (RFC 2018 4) */
	uint16_t ofo_runs;
	uint16_t challenge;   /* challenge ACKs sent since challenge_at_ms */
	uint32_t dsack[2];    /* received twice, to be reported (RFC 2883): valid with C_DSACK */
	uint32_t ofo_fin;
	struct tern_listener *lst; /* while on its accept queue */
	struct tern_conn *acc_next, **acc_pprev;
	uint16_t keep_idle_s, keep_intvl_s;
};
_Static_assert(sizeof(struct tern_conn) <= 512, "a connection is at most 512 bytes");
_Static_assert(offsetof(struct tern_conn, addr) == offsetof(struct tobj, addr), "conn starts as a tobj");
/* clang-format off */
#define CONN_LINE(field, line)                                                                                         \
	_Static_assert(offsetof(struct tern_conn, field) == (line) * 64, "line " #line " begins with " #field)
/* clang-format on */
_Static_assert(offsetof(struct tern_conn, flags) == 64 + 24, "flags lie in line 1");
CONN_LINE(snd_wl1, 2);
CONN_LINE(rto_at, 3);
CONN_LINE(snd_head, 4);
CONN_LINE(limit_at, 5);
CONN_LINE(ofo_bytes, 6);
#undef CONN_LINE

#define CONN_LINES 5u /* that a request or an answer touches; of smaller objects what comes next, which does no harm */

static inline void
tcp_conn_prefetch(const void *o)
{
	unsigned int i;

	for (i = 0; i < CONN_LINES; i++)
		rte_prefetch0((const void *)((uintptr_t)o + i * RTE_CACHE_LINE_SIZE));
}

struct tern_conn *tcp_conn_new(struct tern_worker *w, const struct tcp_sockopts *o, const struct flow *f, uint32_t hash,
			       uint8_t ifidx, uint32_t iss, uint32_t ts_off);
/** Of a connection that came to nothing: it holds nothing but what tcp_conn_new() gave it. */
void tcp_conn_unmake(struct tern_worker *w, struct tern_conn *c);
static inline void
tcp_set_state(struct tern_worker *w, struct tobj *o, unsigned int state)
{
	if (unlikely(w->trace_state != NULL))
		w->trace_state(w, o, o->state, state);
	o->state = state;
}
/** Never fails: a connection has at most one, and there is one for each. */
static inline struct conn_rare *
tcp_rare(struct tern_conn *c)
{
	if (!c->rare) {
		c->rare = pool_must(&c->w->rares);
		memset(c->rare, 0, sizeof(*c->rare));
		c->rare->cwr_seq = c->iss;
	}
	return c->rare;
}

/** Events or output are due: put c on the pending list, unless it is there. */
static inline void
tcp_mark(struct tern_conn *c, unsigned int pend)
{
	struct tern_worker *w;

	c->pend |= pend;
	if (c->pend & P_QUEUED)
		return;
	w = c->w;
	c->pend |= P_QUEUED;
	c->pend_next = NULL;
	*w->pending.tail = c;
	w->pending.tail = &c->pend_next;
}
/** There is something to read. What the application keeps of c is fetched: it will be called soon. */
static inline void
tcp_mark_readable(struct tern_conn *c, unsigned int pend)
{
	if (usual(true)) {
		rte_prefetch0(c->user); /* which is whatever the application likes, also NULL */
		rte_prefetch0((const void *)((uintptr_t)c->user + RTE_CACHE_LINE_SIZE));
	}
	tcp_mark(c, pend | P_READABLE);
}
/** After the handshake: are c's segments plain? Asked when it is done, and when routers may cut them, or may no
 *  longer. */
static inline void
tcp_plain(const struct tern_worker *w, struct tern_conn *c)
{
	if (c->af == 4 && !w->ifs[c->ifidx].tx_tcp_cksum && likely(!c->rare || !c->rare->may_fragment))
		c->flags |= C_PLAIN;
	else
		c->flags &= ~C_PLAIN;
}
/** ESTABLISHED now: feature negotiation is done. */
void tcp_established(struct tern_worker *w, struct tern_conn *c);
/** Fill negotiated values from the peer's SYN options. */
void tcp_negotiate(struct tern_worker *w, struct tern_conn *c, uint16_t peer_mss, uint8_t feat, uint8_t snd_ws);
/** Out of the table, timers and queues freed, closed(err) pending or freed. The state becomes CLOSED. */
void tcp_drop(struct tern_worker *w, struct tern_conn *c, int err);
/** As tcp_drop() of a connection that nobody accepted yet, when another worker has it. */
void tcp_conn_moved(struct tern_worker *w, struct tern_conn *c);
/** As tcp_drop() without error, when a TIME-WAIT record took c's place in the table and its port. */
void tcp_conn_retire(struct tern_worker *w, struct tern_conn *c);
void tcp_acceptq_add(struct tern_listener *l, struct tern_conn *c);
void tcp_acceptq_remove(struct tern_conn *c);


static inline void
flow_of(const struct tobj *o, struct flow *f)
{
	f->af = o->af;
	f->lport = o->lport;
	f->rport = o->rport;
	flow_addr_copy(&f->addr, &o->addr, o->af);
}
#endif
