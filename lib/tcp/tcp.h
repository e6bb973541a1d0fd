/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * TCP's objects and the prototypes between its files. A half-open request, a connection and a TIME-WAIT record are three
 * sizes of object in one table (base/table.h); each starts with TOBJ_FIELDS.
 */
#ifndef TCP_H
#define TCP_H
#include <stddef.h>
#include "stack/worker.h"
#include "net/pkt.h"

/* Sequence arithmetic, RFC 9293 3.4. */
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

#define TCP_MSS_DEFAULT4 536u /* RFC 9293 MUST-15 */
#define TCP_MSS_DEFAULT6 1220u
#define TCP_MSS_MIN 64u /* below: the peer wants us to drown in headers (CVE-2019-11479) */
#define AWAY_US 1000000u /* a timer is so late: the worker did not run, and what came meanwhile may not be read yet */
#define BACKOFF_MAX 16	/* doublings of a timeout: more shift nothing into a deadline but zeros */
#define TCP_OPT_TS_LEN 12u
#define TCP_OPT_SYN_LEN 20u /* MSS, SACK-permitted and timestamps, window scale: what everyone offers */

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

/** Half-open request: SYN-RECEIVED of a passive open. Allowed SACK, WS and TS are in feat. */
struct request {
	union {
		struct tobj o;
		struct {
			TOBJ_HEAD /* rcv_nxt = IRS + 1, snd_nxt = ISS + 1 */
			uint32_t ts_recent, ts_off;
			uint16_t mss; /* the peer's, clamped */
			uint16_t wnd; /* what the SYN-ACK says */
			union flow_addr addr;
		};
	};
	struct tern_listener *lst;
	struct request *next, **pprev; /* the listener's list */
	uint8_t feat;
	uint8_t snd_ws, rcv_ws;
	uint8_t retries;  /* SYN-ACKs sent again */
	uint8_t deferred; /* the final ACK came when the accept queue was full */
	uint8_t acks;	  /* sent because of segments outside the window */
	bool ecn;
};
_Static_assert(offsetof(struct request, addr) == offsetof(struct tobj, addr), "request starts as a tobj");
_Static_assert(sizeof(struct request) <= 128, "a half-open request is at most 128 bytes");

/** TIME-WAIT record: 64 bytes for IPv4 (addr is cut), 96 for IPv6. kind_data: [0] ts_recent, [1] portset index + 1 or 0, of a
 *  passive open ts_off, [2] window << 16 | TOS << 8 | feat. timer.user: TTL. */
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
	C_PLAIN = 1 << 28,    /* the handshake is done (no SYN goes out any more), IPv4, and checksums are ours to make */
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
	uint32_t tune_seq, tune_us, tune_space; /* this round trip's start, what the last one delivered */
	/* tcp/icmp.c */
	uint64_t raise_us; /* when mss_full is tried again */
	uint64_t soft_us;  /* when soft_err was heard */
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

/**
 * Full connection, ordered by who touches which cache line (scripts/conn-lines.sh counts): a segment with text touches lines 0 to 3 on its
 * way in, its answer 0 to 5, an ACK 0 to 4. The rest is for opening, closing and whatever is not the rule.
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
	uint32_t last_rx_ms; /* any acceptable segment */

	/* line 2: what came */
	uint32_t snd_wl1; /* SND.WL1; SND.WL2 is never asked for: tcp/recovery.c */
	uint8_t ttl, tos;
	uint8_t snd_ws, rcv_ws;
	uint32_t ts_recent, ts_recent_at; /* at: of tcp_paws_clock() */
	uint32_t last_ack;    /* Last.ACK.sent (RFC 7323 4.3) */
	uint32_t rcv_queued;
	struct rte_mbuf *rcv_head, *rcv_tail;
	struct rxrun *ofo; /* out-of-order text: the highest run of a ring, its next is the lowest */
	struct loss *loss; /* NULL as long as nothing needs it: tcp/loss.h */
	uint16_t rcv_mss; /* largest segment seen: what "every second full-sized segment" means. Until ESTABLISHED: MSS offered */
	uint16_t mss; /* payload bytes of a full segment, options counted (MUST-16) */
	uint32_t rcv_buf;

	/* line 3: deadlines, in us, 0: none, and what sets them */
	uint64_t rto_at, delack_at;
	uint64_t unacked_us; /* when the oldest unacknowledged data was first sent or last progress */
	struct mem_account *account; /* of worker.mem */
	uint32_t held; /* mbufs in its queues: tcp/mem.c */
	uint32_t last_data_ms; /* text in order */
	uint32_t rto_us, srtt_us, rttvar_us;
	uint32_t rtt_seq, rtt_us;
	uint16_t neigh;
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

	/* line 5: what sends more rarely */
	uint32_t irs, user_timeout_ms;
	uint64_t limit_at, keep_at; /* deadlines as in line 3 */
	struct conn_rare *rare; /* NULL as long as nothing needs it */
	uint32_t iss;
	uint32_t ssthresh;
	uint32_t retrans;
	uint32_t portset; /* index + 1, 0: none */
	uint8_t cc;	  /* enum tern_cc */
	uint8_t keep_cnt, keep_probes;
	bool tfo_new; /* with C_TFO: the SYN-ACK brings a new cookie */
	uint16_t keep_idle_s, keep_intvl_s;
	uint32_t ofo_bytes, ofo_segs;

	/* line 6 */
	uint16_t ofo_runs;
	uint16_t challenge;   /* challenge ACKs sent since challenge_ms */
	uint32_t ofo_newest;  /* run, as rxrun.older: SACK blocks are reported newest first (RFC 2018 4) */
	uint32_t dsack[2];    /* received twice, to be reported (RFC 2883): valid with C_DSACK */
	uint32_t ofo_fin;
	uint32_t challenge_ms; /* start of the challenge ACK budget's period */
	int32_t err;
	uint32_t opened_ms; /* ESTABLISHED since */
	struct tern_listener *lst; /* while on its accept queue */
	struct tern_conn *acc_next, **acc_pprev;
};
_Static_assert(sizeof(struct tern_conn) <= 512, "a connection is at most 512 bytes");
_Static_assert(offsetof(struct tern_conn, addr) == offsetof(struct tobj, addr), "conn starts as a tobj");
#define CONN_LINE(field, line)                                                                                         \
	_Static_assert(offsetof(struct tern_conn, field) == (line) * 64, #field " begins a cache line: see struct tern_conn")
_Static_assert(offsetof(struct tern_conn, flags) == 64 + 24, "flags lie in line 1");
CONN_LINE(snd_wl1, 2);
CONN_LINE(rto_at, 3);
CONN_LINE(snd_head, 4);
CONN_LINE(irs, 5);
CONN_LINE(ofo_runs, 6);
#undef CONN_LINE

struct tern_listener {
	struct tern_worker *w;
	struct tern_listener *hnext, *next;
	struct tern_endpoint local;
	const struct tern_listener_ops *ops;
	void *user;
	bool wildcard;
	uint8_t cookie_mode;
	struct tcp_sockopts sockopts;
	struct mem_account *account; /* for the connections it accepts */
	uint32_t accept_max, accept_n;
	uint32_t half_max, half_n;
	struct tern_conn *acc_head, **acc_tail;
	struct request *reqs;
	uint64_t cookie_us, cookie_small_us; /* when the last cookie was sent, and one of a small window; 0 never */
	uint32_t tfo_max;   /* Fast Open connections without the final ACK, 0: no Fast Open */
};

/* tcp/demux.c */
/** s is for o, NULL: for no object of ours yet. Consumes s->m. */
void tcp_input(struct tern_worker *w, struct tobj *o, struct seg *s);

/* tcp/input.c */
/** SEGMENT ARRIVES for a connection. @return SEG_DONE, SEG_TAKEN or a reason. */
int tcp_conn_input(struct tern_worker *w, struct tern_conn *c, struct seg *s);
/** Text and FIN of a segment that is acceptable and whose ACK was processed: the seventh and eighth step. */
int tcp_text_and_fin(struct tern_worker *w, struct tern_conn *c, struct seg *s);

/** What conn.ts_recent's age is counted in, about a second: 32 bits of milliseconds would come round in 50 days. */
static inline uint32_t
tcp_paws_clock(const struct tern_worker *w)
{
	return w->now_us >> 20;
}

/* tcp/conn.c */
struct tern_conn *tcp_conn_new(struct tern_worker *w, const struct tcp_sockopts *o, const struct flow *f, uint32_t hash, uint8_t ifidx,
			  uint32_t iss, uint32_t ts_off);
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
		c->rare = pool_get(&c->w->rares);
		memset(c->rare, 0, sizeof(*c->rare));
		c->rare->cwr_seq = c->iss;
	}
	return c->rare;
}

static inline uint16_t
tcp_mss_offer(const struct iface *ifc, uint8_t af)
{
	return ifc->mtu - (af == 4 ? 40 : 60); /* MUST-67 */
}

static inline uint8_t
tcp_ws_offer(uint32_t rcv_buf)
{
	uint8_t ws = 0;

	while (ws < TCP_WS_MAX && rcv_buf >> ws > 65535)
		ws++;
	return ws;
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
	*w->pend_tail = c;
	w->pend_tail = &c->pend_next;
}
/** After the handshake: are c's segments plain? Asked when it is done, and when routers may cut them, or may no longer. */
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
/** As tcp_drop() without error, when a TIME-WAIT record took c's place in the table and its port. */
void tcp_conn_retire(struct tern_worker *w, struct tern_conn *c);
void tcp_acceptq_add(struct tern_listener *l, struct tern_conn *c);
void tcp_acceptq_remove(struct tern_conn *c);

/* tcp/pending.c */
/** Events and output of pending connections. @return true if any. */
bool tcp_run_pending(struct tern_worker *w);

/* tcp/sockopt.c */
void tcp_sockopts_init(struct tcp_sockopts *o, const struct tern_tcp_conf *conf);

/* tcp/emit.c */
/** One segment of c: control, or len bytes from src + off, a segment of its send queue. @return false: no room or no mbuf. */
bool tcp_emit(struct tern_worker *w, struct tern_conn *c, uint8_t flags, uint32_t seq, struct rte_mbuf *src, uint32_t off, uint32_t len);
/** The same whatever it has to say: also SYN. */
bool tcp_emit_any(struct tern_worker *w, struct tern_conn *c, uint8_t flags, uint32_t seq, struct rte_mbuf *src, uint32_t off,
		  uint32_t len) __rte_noinline;
/** The SYN of an active open, likewise. */
bool tcp_emit_syn(struct tern_worker *w, struct tern_conn *c);
bool tcp_send_ctl(struct tern_worker *w, struct tern_conn *c, uint8_t flags, uint32_t seq); /* no data; ACK field = rcv_nxt */

/* tcp/output.c */
/** Send what may be sent. @return false when the device ring or mbufs ran out: try again. */
bool tcp_output(struct tern_worker *w, struct tern_conn *c);
bool tcp_send_probe(struct tern_worker *w, struct tern_conn *c);
bool tcp_retransmit_one(struct tern_worker *w, struct tern_conn *c); /* the segment at snd_una */
/** One segment of [seq, end) from what was sent. r: seq's run, or NULL. @return false: no room or no mbuf. */
struct txrun;
bool tcp_retransmit(struct tern_worker *w, struct tern_conn *c, uint32_t seq, uint32_t end, struct txrun *r);
/** A segment of new data if there is any and the peer's window lets it; cwnd is not asked. @return false: none. */
bool tcp_probe_new(struct tern_worker *w, struct tern_conn *c);
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
uint32_t tcp_rcv_space(const struct tern_conn *c);

/* tcp/reply.c */
/** A segment of no connection; tcp_reply() in tcp/hdr.h where there is a received packet to reuse. */
bool tcp_send_bare(struct tern_worker *w, const struct flow *f, uint8_t ifidx, uint16_t neigh, const struct tcp_head *r);
/** May one more segment that belongs to no connection be answered now? */
bool tcp_answer_allowed(struct tern_worker *w);
/** RST in answer to a segment without connection (RFC 9293 3.10.7.1), rate limited. @return SEG_TAKEN or a reason. */
int tcp_reset_reply(struct tern_worker *w, struct seg *s, int reason);

/* tcp/sndq.c */
/** n bytes at the head of the send queue are acknowledged. */
void tcp_snd_acked(struct tern_conn *c, uint32_t n);
/** The SYN-ACK acknowledged n bytes sent with the SYN; the rest is not sent yet (RFC 7413 4.2.1). */
void tcp_snd_accepted(struct tern_conn *c, uint32_t n);
/** Move the send cursor from the mbuf that held snd_nxt before to the one that holds it now. */
void tcp_snd_advance(struct tern_conn *c);
/** SND.NXT goes back to SND.UNA, and the cursor with it. */
static inline void
tcp_snd_rewind(struct tern_conn *c)
{
	c->snd_nxt = c->snd_una;
	c->snd_cur = c->snd_head;
	c->snd_cur_seq = c->snd_una - c->snd_head_off;
}

/* tcp/listen.c */
struct tern_listener *tcp_listener_find(struct tern_worker *w, const struct seg *s);
/** A segment for a listener. tw: the TIME-WAIT record that a newer SYN replaces, or NULL. */
int tcp_listen_input(struct tern_worker *w, struct tern_listener *l, struct seg *s, struct timewait *tw);
int tcp_request_input(struct tern_worker *w, struct request *r, struct seg *s);
void tcp_request_timer(struct tern_worker *w, struct request *r);
void tcp_request_free(struct tern_worker *w, struct request *r);
/** With its requests; its accept queue is empty. */
void tcp_listener_free(struct tern_listener *l);

/* tcp/cookie.c: pure but for the worker's secrets */
void tcp_isn(struct tern_worker *w, const struct flow *f, uint32_t *iss, uint32_t *ts_off);
/** small: the window that goes with it. @return the ISS; *mss becomes what it can say of it, *ts_off the offset of the
 *  connection's timestamps. */
uint32_t tcp_cookie_make(struct tern_worker *w, const struct flow *f, uint32_t irs, bool small, uint16_t *mss, uint32_t *ts_off);
/** @return the MSS encoded, or 0: not one of ours. */
uint16_t tcp_cookie_check(struct tern_worker *w, const struct flow *f, uint32_t irs, bool small, uint32_t cookie, uint32_t *ts_off);
uint32_t tcp_cookie_ts(uint32_t ts, const struct tcp_opts *o, bool ecn);
/** @return whether ECN was agreed on. */
bool tcp_cookie_ts_decode(uint32_t ts, struct tcp_opts *o);
void tcp_cookie_rotate(struct tern_worker *w);
#define COOKIE_PERIOD_US 64000000ull /* a secret's time; a cookie lives one to two of them */

/* tcp/fastopen.c: of listeners and connections that want it */
enum tfo_syn { TFO_NO, TFO_YES, TFO_OLD }; /* TFO_OLD: TFO_YES, and a new cookie */
int tcp_tfo_init(struct tern_worker *w);
void tcp_tfo_fini(struct tern_worker *w);
/** Is this SYN's data to be taken? If not, optlen bytes at opt go into the SYN-ACK; else tcp_tfo_option() says what. */
enum tfo_syn tcp_tfo_syn(struct tern_worker *w, struct tern_listener *l, const struct seg *s, uint8_t *opt, unsigned int *optlen);
/** The peer of a passive open is there, or the connection is over. */
void tcp_tfo_confirmed(struct tern_worker *w, struct tern_conn *c);
/** Before that, the connection was reset. */
void tcp_tfo_reset(struct tern_worker *w);
/** The option of c's SYN or SYN-ACK. @return its bytes. */
unsigned int tcp_tfo_option(struct tern_worker *w, const struct tern_conn *c, uint8_t *opt);
/** Would data go with c's SYN? */
bool tcp_tfo_known(const struct tern_worker *w, const struct tern_conn *c);
/** The option of c's SYN. @return its bytes, and how much data goes along. */
unsigned int tcp_tfo_offer(const struct tern_worker *w, const struct tern_conn *c, uint8_t *opt, uint32_t *data);
/** The SYN-ACK came: keep its cookie; what it does not acknowledge of our data is sent again. */
void tcp_tfo_answer(struct tern_worker *w, struct tern_conn *c, const struct seg *s, const struct tcp_opts *o);
/** None came. */
void tcp_tfo_hole(struct tern_worker *w, struct tern_conn *c);
/** An ICMP error came. */
void tcp_tfo_icmp(struct tern_worker *w, struct tern_conn *c);
/** The SYN is due again, without what went along. */
void tcp_tfo_plain(struct tern_conn *c);

/* tcp/ecn.c: of connections with C_ECN */
#define TCP_ECN_MASK 3u /* of TOS: RFC 3168 5; set by tcp/ecn.c alone */
#define TCP_ECN_FLAGS (TCP_ECE | TCP_CWR)
#define ECN_ECT0 2u
#define ECN_CE 3u
/** Does the SYN of this active open ask? */
bool tcp_ecn_asks(const struct tern_conn *c);
/** A SYN that asks, or a SYN-ACK that agrees, of a connection with this congestion control. */
void tcp_ecn_agree(unsigned int cc, struct tcp_head *h);
/** TOS and flags of a segment with len bytes of data. */
void tcp_ecn_output(struct tern_conn *c, struct tcp_head *h, uint32_t len);

/* tcp/buf.c */
#define TCP_TUNE_AFTER 65536u /* received bytes before a connection is long enough to be measured */
/** The application has taken data. */
void tcp_rcv_tune(struct tern_worker *w, struct tern_conn *c);
/** The application waits for room to send. */
void tcp_snd_tune(struct tern_worker *w, struct tern_conn *c);
void tcp_buf_release(struct tern_worker *w, struct tern_conn *c);

/* tcp/info.c */
void tcp_info(const struct tern_worker *w, const struct tobj *o, struct tern_info *i);

/* tcp/recv.c */
/** What waits is dropped, and nothing more is read. */
void tcp_rcv_shut(struct tern_conn *c);

/* tcp/timer.c */
void tcp_timer(struct tern_worker *w, struct tern_conn *c); /* wheel fired */

/* tcp/deadline.c */
void tcp_timer_sync(struct tern_worker *w, struct tern_conn *c); /* make sure the wheel fires no later than the first deadline */
void tcp_timer_sent(struct tern_worker *w, struct tern_conn *c); /* the same when only rto_at and delack_at may have moved */
void tcp_rto_start(struct tern_worker *w, struct tern_conn *c);
/** R2 has moved: what is waited for ends no later. */
void tcp_r2_moved(struct tern_worker *w, struct tern_conn *c);
void tcp_keepalive_start(struct tern_worker *w, struct tern_conn *c);

/* tcp/timewait.c */
/** Connection c becomes a TIME-WAIT record; closed(0) is pending for the application. */
/** s: the segment that ended the connection. @return SEG_TAKEN when it became the ACK that is due, else SEG_DONE. */
int tcp_timewait_enter(struct tern_worker *w, struct tern_conn *c, struct seg *s);
int tcp_timewait_input(struct tern_worker *w, struct timewait *tw, struct seg *s);
/** RFC 6191 2, RFC 9293 3.6.1 MAY-2: is s a SYN that is surely newer than the old incarnation? A listener may take it. */
bool tcp_timewait_newer(const struct timewait *tw, const struct seg *s);
void tcp_timewait_free(struct tern_worker *w, struct timewait *tw);
void tcp_timewait_timer(struct tern_worker *w, struct timewait *tw);
/** The window that its ACKs say, and F_TS, F_SACK, F_WS as they were agreed on. */
uint16_t tcp_timewait_wnd(const struct timewait *tw, uint8_t *feat);

/* tcp/recovery.c */
/** Acknowledgement processing: s->ack is in [snd_una, snd_max]. @return true if it acknowledged our FIN. */
bool tcp_ack(struct tern_worker *w, struct tern_conn *c, const struct seg *s, const struct tcp_opts *o);
/** s->ack is below SND.UNA: what it says of SACKs may be news all the same (RFC 6675 5). */
void tcp_ack_old(struct tern_worker *w, struct tern_conn *c, const struct seg *s, const struct tcp_opts *o);
void tcp_rto_fired(struct tern_worker *w, struct tern_conn *c);
void tcp_rtt_sample(struct tern_worker *w, struct tern_conn *c, uint32_t rtt_us);
/** The same by the timestamp that is echoed, if it says no more than max_us. @return whether it was one. */
bool tcp_rtt_echoed(struct tern_worker *w, struct tern_conn *c, const struct tcp_opts *o, uint64_t max_us);

/* tcp/reasm.c */
/** In-window payload of s (already trimmed) into the receive or out-of-order queue. @return SEG_TAKEN or a reason. */
int tcp_data(struct tern_worker *w, struct tern_conn *c, struct seg *s);
/** Text that came with the SYN of a simultaneous open wait for ESTABLISHED (RFC 9293 3.10.7.3). @return as tcp_data(). */
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

/* tcp/icmp.c */
struct icmp_err;
int tcp_icmp_input(struct tern_worker *w, const struct seg *s, const struct icmp_err *e);
/** m, a frame of ours, was not sent: its next hop does not answer. */
void tcp_unreachable(struct tern_worker *w, const struct rte_mbuf *m);

/* tcp/pmtu.c */
#define PMTU_MIN4 576u	/* RFC 791 3.1: every host takes it */
#define PMTU_MIN6 1280u /* RFC 8200 5 */
/** Segments fit mtu from now on, unless it is less than every host takes. @return false: they did already. */
bool tcp_pmtu_lower(struct tern_worker *w, struct tern_conn *c, uint32_t mtu);
/** An ICMP error, or a next hop that does not answer. */
void tcp_note_soft_error(struct tern_worker *w, struct tern_conn *c, int err);
/** Full-sized segments may be what does not get through: make them smaller, and smaller again. */
void tcp_pmtu_suspect(struct tern_worker *w, struct tern_conn *c, bool again);
/** ESTABLISHED now. mtu: of the path, as the SYN was told; 0: it was not. */
void tcp_pmtu_opened(struct tern_worker *w, struct tern_conn *c, uint32_t mtu);
/** limit_at has come. @return false: it was not the path MTU's. */
bool tcp_pmtu_timer(struct tern_conn *c);
/** What to give up with: an ICMP error since the last progress, a next hop that is not there, or -ETIMEDOUT. */
int tcp_soft_error(const struct tern_conn *c);

/* tcp/portset.c: local ports of one (local address, peer address, peer port) */
/** Choose and reserve a port for f (lport 0) or reserve f->lport. Sets f->lport and the flow's table hash. @return 0, -EADDRNOTAVAIL, -EADDRINUSE. */
int portset_take(struct tern_worker *w, struct flow *f, uint32_t *idx, uint32_t *hash);
int portset_init(struct tern_worker *w);
void portset_fini(struct tern_worker *w);
void portset_release(struct tern_worker *w, uint32_t idx, uint16_t lport);

static inline void
flow_of(const struct tobj *o, struct flow *f)
{
	f->af = o->af;
	f->lport = o->lport;
	f->rport = o->rport;
	flow_addr_copy(&f->addr, &o->addr, o->af);
}
#endif
