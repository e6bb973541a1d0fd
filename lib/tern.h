/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tern: a user-space TCP endpoint on DPDK. This is the only public header.
 *
 * Thread rule: a worker owns everything it touches. Every call that takes a worker, listener, connection or timer must
 * be made on that worker's lcore: from its callbacks (start, poll, acceptable, readable ...), or by the thread that
 * calls tern_worker_step() between two of these. Any thread may call, from tern_create()'s return until
 * tern_destroy(): tern_stop(), tern_drain(), tern_post(), tern_worker_get(), tern_worker_index(), tern_stats_*(),
 * tern_gauges_get(), tern_pools_*(), tern_port_stats_get(); and at any time what takes no stack: tern_conf_init(),
 * tern_endpoint_*(), tern_timer_init(), tern_ref_*(), tern_version(), tern_*_name(). What it reads of a running worker
 * is read atomically, number by number. tern_create(), tern_destroy() and tern_ring_pair() are for one thread at a
 * time, tern_log_set() for when no other thread is in a call.
 *
 * Handle rule: a connection handle is the application's from tern_connect()/tern_accept() until it calls tern_close()
 * or tern_abort(), or until its closed() callback returns, whichever is first. After that it must not be used.
 * tern_close() never blocks; the four-way close goes on in the worker.
 *
 * Errors: functions return a negative errno; pointers are NULL only where said.
 * Units: times carry their unit in their name; lengths are bytes; ports and addresses are network order.
 *
 * Growth: an application built with an older tern.h of the same major version works with a newer library. Structs whose
 * size is said (tern_conf_init(), tern_conn_info() ...) grow at their end; the others have reserved fields, all zero.
 */
#ifndef TERN_H
#define TERN_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct iovec; struct rte_mbuf; struct rte_mempool; struct tern; struct tern_worker; struct tern_listener;
struct tern_conn;

#define TERN_IF_MAX 4
#define TERN_WORKER_MAX 64
#define TERN_AF_INET 4
#define TERN_AF_INET6 6

/** One end of a connection. v4 uses the first four bytes of addr. addr and port are in network order. */
struct tern_endpoint {
	uint8_t addr[16];
	uint16_t port;
	uint8_t af; /* TERN_AF_INET or TERN_AF_INET6; 0 = unspecified */
};

/** ADDRESS, ADDRESS:PORT or [ADDRESS]:PORT of either family; no port is 0. @return 0 or -EINVAL. */
int tern_endpoint_parse(const char *s, struct tern_endpoint *e);
#define TERN_ENDPOINT_LEN 56 /* bytes that tern_endpoint_format() needs */
/** As tern_endpoint_parse() reads it, without a port of 0. @return buf. */
char *tern_endpoint_format(const struct tern_endpoint *e, char buf[TERN_ENDPOINT_LEN]);

#define TERN_ALIAS_MAX 16 /* more addresses of an interface, of both families */
struct tern_alias {
	uint8_t addr[16]; /* IPv4: the first four bytes */
	uint8_t af, prefix;
	uint32_t count; /* consecutive ones from addr; 0 means 1 */
};

/**
 * An interface: one ethdev port with its addresses. addr4_count consecutive addresses from addr4 are local. An active
 * open that leaves the choice to the stack takes the addresses whose subnet the next hop is in, in turn; of addr4 or
 * addr6 if there are none.
 */
struct tern_if_conf {
	uint16_t port_id;	/* ethdev port */
	uint16_t mtu;		/* bytes; 0 = the device's */
	uint8_t addr4[4];	/* all zero: no IPv4 here */
	uint8_t prefix4;
	uint8_t gw4[4];		/* all zero: none */
	uint32_t addr4_count;	/* 0 means 1 */
	uint8_t addr6[16];
	uint8_t prefix6;
	uint8_t gw6[16];
	uint32_t addr6_count;	/* 0 means 1; counts up in the last four bytes */
	/* Further ones, each in a subnet of its own or in one of the others', or a host's (/32, /128); found a little
	 * later than the first, which must be there for its family. */
	struct tern_alias alias[TERN_ALIAS_MAX];
	unsigned int n_aliases;
	/* What the peer's worker i sends arrives at worker i: a cable of tern_ring_pair() between stacks of as many
	 * workers. Nothing is handed over then. */
	bool paired;
	uint64_t reserved[8];
};

/* Explicit congestion notification (RFC 3168): when the peer asks, ask too, never. */
enum tern_ecn { TERN_ECN_PASSIVE, TERN_ECN_ON, TERN_ECN_OFF };
/* Congestion control: RFC 9438 with HyStart++ (RFC 9406); RFC 5681; DCTCP (RFC 8257) for a data centre, which asks for
 * ECN unless that is off, and is NewReno without. */
enum tern_cc { TERN_CC_CUBIC, TERN_CC_NEWRENO, TERN_CC_DCTCP, TERN_CC_COUNT };
enum tern_cookie_mode { TERN_COOKIE_AUTO, TERN_COOKIE_ALWAYS, TERN_COOKIE_NEVER };

#define TERN_AUTO UINT32_MAX /* of a limit: what follows from others */

/** TCP defaults; a connection's and a listener's own are set with tern_setopt() and tern_listen_setopt(). In
 *  brackets is what tern_conf_init() sets. Timeouts are a day at most, those of retransmission an hour, but for
 *  user_timeout_ms. */
struct tern_tcp_conf {
	uint32_t time_wait_ms;	   /* 2 MSL [60000] RFC 9293 3.4.2 */
	uint32_t rto_init_ms;	   /* [1000] RFC 6298 2.1 */
	uint32_t rto_min_ms;	   /* [200] as Linux; RFC 6298 2.4 says SHOULD 1 s */
	uint32_t rto_max_ms;	   /* [60000] RFC 6298 2.5 */
	uint32_t delack_ms;	   /* [40] < 500, RFC 9293 MUST-40; 0: each segment is acknowledged at once */
	uint32_t fin_timeout_ms;   /* orphaned FIN-WAIT-2 [60000] */
	uint32_t user_timeout_ms;  /* R2 for data [100000] RFC 9293 3.8.3 */
	uint32_t syn_timeout_ms;   /* R2 for an active SYN [180000] MUST-23 */
	uint8_t synack_retries;	   /* [5] 20 at most */
	uint8_t cookie_mode;	   /* enum tern_cookie_mode [TERN_COOKIE_AUTO] */
	uint8_t cc;		   /* enum tern_cc [TERN_CC_CUBIC] */
	uint8_t ecn;		   /* enum tern_ecn [TERN_ECN_PASSIVE] */
	bool timestamps, sack, wscale; /* offer and accept the option [true] RFC 7323, RFC 2018 */
	bool tso;    /* where the device can cut large segments, it does [true] */
	bool gro;    /* segments of one connection in one burst are merged before TCP sees them [true] */
	bool lro;    /* let the device merge them, where it can [false] */
	bool nagle;  /* [true] MUST-17 */
	bool quickack; /* TERN_QUICKACK_AUTO, else TERN_QUICKACK_OFF [true] */
	bool abort_on_overflow;	   /* full accept queue at the final ACK: RST instead of silence [false] */
	uint32_t snd_buf, rcv_buf; /* bytes per connection [262144 each] */
	/* The path may make them larger, up to [4194304, 6291456]; what is below snd_buf, rcv_buf means no larger. */
	uint32_t snd_buf_max, rcv_buf_max;
	uint8_t fastopen_key[16];  /* of Fast Open cookies; servers behind one address share it [all zero: a random
				    * one] */
	uint32_t fastopen_key_s;   /* a random one is replaced so often, a cookie lives one to two of these [86400];
				    * 0: never */
	uint64_t buf_mem;	   /* bytes a worker may add to its connections' buffers [TERN_AUTO: n_mbufs * 512] */
	uint32_t max_orphans;	   /* connections that the application has closed and the peer has not, of a worker: one
				    * more is reset [TERN_AUTO: 7/8 of max_conns] */
	uint32_t somaxconn;        /* cap on a listener's accept queue [4096] */
	uint32_t max_syn_backlog;  /* cap on a listener's half-open queue [4096] */
	uint16_t port_min, port_max; /* ephemeral ports, host order [1024, 65535] RFC 6056 3.2 */
	uint8_t ttl, tos;	   /* [64, 0] MUST-49, MUST-48 */
	uint64_t reserved[8];
};

/** What has become of a packet, or of a connection. DROP: the stack takes no notice of it, as `reason` says; an answer
 *  may be OUT before. AWAY: it was IN, and the worker that owns its connection has it now, and says HERE. */
enum tern_packet_what {
	TERN_PACKET_IN, TERN_PACKET_OUT, TERN_PACKET_DROP, TERN_PACKET_AWAY, TERN_PACKET_HERE, TERN_PACKET_STATE
};
/** New fields come at the end. */
struct tern_packet {
	uint8_t what;	  /* enum tern_packet_what */
	uint8_t ifidx;	  /* of IN, OUT, HERE */
	uint8_t from, to; /* of STATE: enum tern_state */
	uint32_t reason;  /* of DROP: which counter counts it: tern_stats_name(), tern_stats_help() */
	/* IN, OUT, HERE: the whole frame. DROP, AWAY: which one. STATE: which one made it, NULL: a call or a timer. */
	const struct rte_mbuf *m;
	struct tern_endpoint local, remote; /* of STATE */
};

/** What a worker tells the application. Any pointer may be NULL. All run on the worker's lcore. */
struct tern_app {
	/** Once, before the first poll: listen and connect here. Non-zero stops the worker with that errno. */
	int (*start)(struct tern_worker *w, void *arg);
	/** Every poll, after packets and timers; now_us is the worker's monotonic clock. */
	void (*poll)(struct tern_worker *w, uint64_t now_us, void *arg);
	/** Once tern_drain() was seen; close what is open. The worker leaves when its connections are gone. */
	void (*drain)(struct tern_worker *w, void *arg);
	/** One tcpdump-style line without newline, or a state change; set it to trace, costs one branch else. */
	void (*trace)(struct tern_worker *w, const char *line, void *arg);
	void *arg;
	/* Processes that share one device and its address, each with a queue of its own and a stack of one worker: what
	 * this one gets and another one may be waiting for. tern_worker_input() is the way in there. */
	/** A segment, or an ICMP error, of no connection here, and no SYN that a listener here takes. m is the whole
	 *  frame. @return true: the application has it, and frees it; false: it is answered (RFC 9293 3.10.7.1). */
	bool (*unbound)(struct tern_worker *w, struct rte_mbuf *m, unsigned int ifidx, void *arg);
	/** A frame that teaches a MAC address and asks for no answer (ARP, NDP); it stays the stack's. Not called for
	 *  frames of tern_worker_input(). */
	void (*neighbour)(struct tern_worker *w, const struct rte_mbuf *m, unsigned int ifidx, void *arg);
	/** Each packet and change of state; p is gone afterwards. @return whether trace(), too, is to be told. */
	bool (*packet)(struct tern_worker *w, const struct tern_packet *p, void *arg);
	void (*reserved[1])(void);
};

/**
 * What tern_create() is told. tern_conf_init() sets what stands in brackets; 0 is no default but 0. Limits are of one
 * worker, and memory for all of it is taken at start.
 */
struct tern_conf {
	size_t size;		    /* of this struct, as the application knows it: set by tern_conf_init() */
	const char *name;	    /* prefix of memory names; unique per stack in a process ["tern"] */
	const unsigned int *lcores; /* one worker per lcore id [none] */
	unsigned int n_workers;	    /* [0] */
	unsigned int n_ifs;	    /* [0] */
	struct tern_if_conf ifs[TERN_IF_MAX]; /* [port_id 0, 1 ..] */
	struct tern_app app;
	struct tern_tcp_conf tcp;
	uint32_t max_conns;	/* full connections [16384] */
	uint32_t max_requests;	/* half-open requests [65536] */
	uint32_t max_timewait;	/* TIME-WAIT records [65536]; who finds none is forgotten at once
				 * (TcpExtTCPTimeWaitOverflow) */
	uint32_t max_portsets;	/* (local address, peer address, peer port) triples with active opens [1024] */
	uint32_t max_listeners; /* [64] at most 32767 */
	uint32_t max_neighbours; /* [1024] */
	uint32_t n_mbufs;	/* [16384]; and of 256 bytes for small tern_send()s one for each connection, at most
				 * as many */
	/* Frames to send wait up to so many us [0] for a burst of 32: fewer cycles a frame under half load, where
	 * bursts are small, for as much latency. */
	uint32_t tx_wait_us;
	/* Devices are asked for rx interrupts, so that a caller of tern_worker_step() may sleep:
	 * tern_worker_can_sleep(). Some receive in a slower way then [false]. */
	bool rx_intr;
	/* Packet buffers of all workers come from here, not from pools of n_mbufs of their own; stays the caller's and
	 * outlives the stack. For stacks of one process that are joined by a cable: buffers freed at one end are at
	 * once used again there [NULL: own pools]. */
	struct rte_mempool *mbuf_pool;
};
/** The defaults, in the first `size` bytes, sizeof(*conf). The application changes what it wants. */
void tern_conf_init(struct tern_conf *conf, size_t size);

/** "MAJOR.MINOR.PATCH" of the library in use. */
const char *tern_version(void);

/**
 * The library's log lines go to fn from now on, on whatever thread they are written; NULL: to DPDK's log again. The
 * line has no newline. level is DPDK's: 4 an error, 5 a warning, 6 a notice, 7 information; which levels are written
 * is what EAL's --log-level=tern:LEVEL says [notice]. To be called while no other thread is in the library. Nothing on
 * the packet path logs.
 */
void tern_log_set(void (*fn)(int level, const char *line, void *arg), void *arg);

/* --- lifecycle ---------------------------------------------------------------------------------------------- */

/**
 * Set up ports, queues, pools and workers. EAL must be initialised. Cold: may sleep, logs what it chose. conf was set
 * up by tern_conf_init(), and is copied.
 * @return 0 and *t, or -EINVAL/-ENOMEM/-ENODEV... after one log line that says what was wrong.
 */
int tern_create(const struct tern_conf *conf, struct tern **t);
/** Run worker i of t on the calling lcore until tern_stop(), or tern_drain() and nothing is left open. */
int tern_worker_loop(struct tern *t, unsigned int i);
/**
 * For a program with a loop of its own, or workers of several stacks on one lcore: `polls` turns of worker i. The time
 * between two calls counts neither as busy nor as idle. From the first call (which runs start()) until one does not
 * return 1, all calls on worker i, its listeners, connections and timers are allowed between two steps as they are in
 * callbacks: listen, accept, connect, send, receive, shut down, close, abort, options, information, timers. What they
 * cause (packets, callbacks) comes in the next step. The clock is that of the last poll (tern_now_us()): time limits
 * set after a pause begin when it began. No callback is needed to be told what is there, each can be asked for
 * (tern_accept(), tern_recv(), tern_send_space(), tern_conn_info()), but for closed(): a handle dies inside a step,
 * only closed() says so, and what was not read by then is read there.
 * @return 1 to be called again, 0 when the worker has left, or -errno as tern_worker_loop().
 */
int tern_worker_step(struct tern *t, unsigned int i, unsigned int polls);
/** Ask all workers to leave at once (any thread, async-signal-safe). */
void tern_stop(struct tern *t);
/** Ask all workers to close and leave; timeout_ms later they leave anyway, and who transmits for others after these, up
 *  to a second later (any thread, async-signal-safe). Called again, it counts for workers that had not seen it. */
void tern_drain(struct tern *t, uint32_t timeout_ms);
/** Free everything; no worker may be running. */
void tern_destroy(struct tern *t);
/** Create the two ends of an in-memory cable as ethdev ports (net_ring), for stacks. n_queues rings each way, of
 *  `slots` packets, a power of two. The ethdevs have more queues than that; of up to four, a stack uses every fourth:
 *  net_ring counts the packets of neighbouring queues in one cache line. @return 0 and both port ids, or a negative
 *  errno. */
int tern_ring_pair(const char *name, unsigned int n_queues, unsigned int slots, uint16_t port_id[2]);

struct tern_worker *tern_worker_get(struct tern *t, unsigned int i);
/** Whole frames that came in another way than by w's queues: as if interface ifidx had received them. They are w's. */
void tern_worker_input(struct tern_worker *w, unsigned int ifidx, struct rte_mbuf **m, unsigned int n);
unsigned int tern_worker_index(const struct tern_worker *w);
/** The time of the last poll. It never goes back, and from poll to poll a day on at most: who slept for a week polls
 *  seven times to be up to date. */
uint64_t tern_now_us(const struct tern_worker *w);

/* --- the worker --------------------------------------------------------------------------------------------- */

/** A pointer of the application's own, NULL at first, which the library never follows; start() may set it. */
void tern_worker_set_user(struct tern_worker *w, void *user);
void *tern_worker_user(const struct tern_worker *w);

/**
 * When w next has work by itself, on the clock of tern_now_us(): a deadline of TCP or a timer; at once, now, while
 * something waits to be delivered, sent or run, before the first poll and while the stack drains; UINT64_MAX: never.
 * Never late, but it may be early: then ask again after a step. What comes from outside is not foreseen: packets,
 * tern_post(), tern_stop(), tern_drain(). tern_now_us() is the time of the last poll, so the difference is how long to
 * sleep, less the time since.
 */
uint64_t tern_next_us(const struct tern_worker *w);
/**
 * Does a packet for w raise an interrupt, so that it may sleep until tern_next_us()? Then tern_conf.rx_intr was set, w
 * is the stack's only worker, and queue 0 of each port has a file descriptor (rte_eth_dev_rx_intr_ctl_q_get_fd(); arm
 * it with rte_eth_dev_rx_intr_enable() where the driver has that). False of tern_ring_pair(): poll.
 */
bool tern_worker_can_sleep(const struct tern_worker *w);

#define TERN_TIMER_MAX_US 86400000000ull /* a day */
/**
 * A timer on w's wheel. Its memory is the application's, and must stay while it is started: until fn is called,
 * tern_timer_stop() or tern_destroy(), which stops all. Do not copy it.
 */
struct tern_timer {
	uint64_t opaque[8];
};
/** Once, before anything else is done with t: it is stopped then. fn may start or stop any timer of the worker, also
 *  this one, free it, and call whatever a callback may. Touches no worker: any thread. */
void tern_timer_init(struct tern_timer *t, void (*fn)(struct tern_timer *t, void *arg), void *arg);
/**
 * Call fn(t, arg) once, in the first poll delay_us or more after tern_now_us(w), never before: with polls without
 * pause up to 128 us later. 0: in a poll to come. Started already: the new delay counts.
 * @return 0, -EINVAL (longer than TERN_TIMER_MAX_US), -EBUSY (is started on another worker).
 */
int tern_timer_start(struct tern_worker *w, struct tern_timer *t, uint64_t delay_us);
/** fn will not be called. @return whether it would have been: false for a timer that is stopped, or started on another
 *  worker. */
bool tern_timer_stop(struct tern_worker *w, struct tern_timer *t);

/**
 * Run fn(w, arg) on worker i of t, in one of its next polls, before timers and callbacks: any thread, also one that
 * EAL does not know. What one thread posts to one worker runs in that order. fn may do what a callback may. Wakes
 * nobody: who sleeps between steps is woken by other means. Before the worker's first poll, and while it drains, calls
 * are taken and run.
 * @return 0: taken. It runs unless the worker leaves before (tern_stop(), the deadline of tern_drain(),
 * tern_destroy()): then it is dropped and counted as TernPostDropped. -EAGAIN: 2047 wait already; -ESHUTDOWN: the
 * worker has left; -EINVAL: no such worker, or no fn. Not after tern_destroy() began.
 */
int tern_post(struct tern *t, unsigned int i, void (*fn)(struct tern_worker *w, void *arg), void *arg);

/* --- server ------------------------------------------------------------------------------------------------- */

/** What a listener tells. */
struct tern_listener_ops {
	/** The accept queue is not empty: call tern_accept() until it gives less than was asked for. */
	void (*acceptable)(struct tern_listener *l, void *user);
	void (*reserved[4])(void);
};

/** What a connection tells. Any pointer may be NULL. */
struct tern_ops {
	/** tern_connect() succeeded: the connection is ESTABLISHED. */
	void (*connected)(struct tern_conn *c, void *user);
	/** Data, or the peer's FIN, waits: call tern_recv() or tern_recv_mbufs(). While the worker's memory is short,
	 *  what is left unread when this returns may be dropped before it is acknowledged, and comes again:
	 *  tern_recv_queued() is less then. */
	void (*readable)(struct tern_conn *c, void *user);
	/** Half the send buffer is free again, or there is memory, after a tern_send() that was short, -EAGAIN or
	 *  -ENOBUFS, or after tern_want_writable(). */
	void (*writable)(struct tern_conn *c, void *user);
	/** The connection is gone: err 0 after an orderly close of both sides, else -ECONNRESET, -ETIMEDOUT,
	 *  -ECONNREFUSED ... (MUST-12). -ETIMEDOUT, too, when memory was short and the peer's window stayed shut over
	 *  text whose mbufs others waited for (TcpExtTCPAbortOnMemory). Text that came before the end was announced by
	 *  readable(), and can be read here, too. Not called after tern_close()/tern_abort(). The handle dies on
	 *  return. */
	void (*closed)(struct tern_conn *c, void *user, int err);
	/** In place of closed() after tern_close() or tern_abort(): err 0 when all that was sent and the FIN were
	 *  acknowledged and the peer closed, or this end is in TIME-WAIT; else -ECONNABORTED by tern_abort() and by
	 *  what makes tern_close() one, -ECONNRESET, -ETIMEDOUT ... The handle was given up before; user must be there
	 *  until then. */
	void (*ended)(struct tern_worker *w, void *user, int err);
	/** The peer announces urgent data: tern_urgent_left() bytes from the next one read (MUST-32). It comes with the
	 *  other data (RFC 6093 5: inline). New applications should not use it (SHLD-13). */
	void (*urgent)(struct tern_conn *c, void *user);
	/** R1: sent again three times and not acknowledged. Nothing is lost yet; at R2 closed() says -ETIMEDOUT. */
	void (*stalled)(struct tern_conn *c, void *user);
	void (*reserved[8])(void);
};

/**
 * Open a passive socket on this worker (every worker of a stack listens for itself).
 * The accept queue holds min(max(backlog, 1), somaxconn); the half-open queue holds
 * max(8, roundup_pow2(min(backlog, somaxconn, max_syn_backlog) + 1)) and is reserved from max_requests now.
 * @param local af and port needed; an all-zero address is the wildcard.
 * @return 0; -EINVAL (port 0, backlog < 0), -EADDRINUSE, -EADDRNOTAVAIL (not a local address), -ENOMEM, -ENOSPC.
 */
int tern_listen(struct tern_worker *w, const struct tern_endpoint *local, int backlog,
		const struct tern_listener_ops *ops, void *user, struct tern_listener **l);
/** Up to n of the accept queue, the oldest first, now owned by the caller with these ops and this user pointer
 *  (tern_conn_set_user() gives each its own). One that was reset with text waiting is handed out, too: readable() and
 *  closed() follow.
 *  @return how many; less than n: none is left. */
unsigned int tern_accept(struct tern_listener *l, const struct tern_ops *ops, void *user, struct tern_conn **c,
			 unsigned int n);
/** Stop listening: half-open requests are dropped, unaccepted connections are reset. */
void tern_listener_close(struct tern_listener *l);
/** Whom it tells from now on; ops may be NULL. */
void tern_listener_set_user(struct tern_listener *l, const struct tern_listener_ops *ops, void *user);
/**
 * Listen no more, but keep who is on the way: no SYN finds l, its address is free for another tern_listen(), it tells
 * nothing; half-open requests still become connections, which wait for tern_accept(), tern_accept_export() or
 * tern_listener_close(). Who answers a SYN cookie of l's is lost.
 */
void tern_listener_leave(struct tern_listener *l);
/**
 * The oldest of l's accept queue whose handshake is done, as a record with all that was received and not read: for
 * tern_accept_import() on a worker that has the same addresses, in whatever process of the same version and machine
 * type. Nothing changes here. tern_accept_exported() says, before the worker's next step, that the record is there: the
 * connection is gone then without a segment; or that it can't be: its peer is reset. What the peer sends from then on
 * has to reach the other worker, and not before the record.
 * @return its bytes, 0: there is none; more than room: nothing was written.
 */
size_t tern_accept_export(struct tern_listener *l, void *rec, size_t room);
void tern_accept_exported(struct tern_listener *l, bool there);
/**
 * A record of tern_accept_export() into the accept queue of who listens here, which may be full: another 1024 have
 * room; or of a listener after tern_listener_leave(), to go on from there. The peer is sent an ACK; a reset where the
 * connection cannot be. Who may give records may forge connections: take them from your own only.
 * @return 0; -ENOENT: nobody listens; -ENOBUFS: no room; -EEXIST: it is here; -EINVAL: no record, or of another
 * version.
 */
int tern_accept_import(struct tern_worker *w, const void *rec, size_t len);
/** Make Fast Open cookies with this key from now on; those of the key before stay good until the next call. The key is
 *  the worker's: give it to all workers of a stack, and to all servers behind one address. */
void tern_fastopen_key(struct tern_worker *w, const uint8_t key[16]);
struct tern_worker *tern_listener_worker(struct tern_listener *l);

/* --- client ------------------------------------------------------------------------------------------------- */

/**
 * Active open (RFC 9293 3.10.1). local may be NULL, or leave address or port zero to have them chosen; a chosen
 * port is steered home to this worker and is never one in use or in TIME-WAIT for the tuple.
 * @return 0 and *c in SYN_SENT; -EADDRNOTAVAIL (no port or local address left), -EADDRINUSE, -ENETUNREACH
 * (no route), -EINVAL (port 0, multicast, broadcast ... MUST-46, or an own address: there is no loopback),
 * -ENOMEM (pool empty).
 */
int tern_connect(struct tern_worker *w, const struct tern_endpoint *local, const struct tern_endpoint *remote,
		 const struct tern_ops *ops, void *user, struct tern_conn **c);

/** As tern_connect() and tern_send(): the data goes with the SYN when an earlier connection brought a cookie of that
 *  server (RFC 7413), else after the handshake. @return the bytes of data taken, or an error of either. */
int tern_connect_fastopen(struct tern_worker *w, const struct tern_endpoint *local, const struct tern_endpoint *remote,
			  const struct tern_ops *ops, void *user, const void *data, size_t len, struct tern_conn **c);

/* --- both --------------------------------------------------------------------------------------------------- */

/* Flags of tern_send(), tern_sendv() and tern_send_ref(). */
#define TERN_SEND_MORE 1u   /* more will follow: what is less than a full segment waits for it, but 200 ms at most */
#define TERN_SEND_URGENT 2u /* the peer is told that data up to the end of this is urgent (RFC 9293 3.8.5) */

/** Copy up to len bytes into the send buffer. @return bytes taken (may be short: writable() follows), -EAGAIN when none
 *  fit, -EPIPE after shutdown/FIN sent, -ENOBUFS when memory is short (writable() follows, too; with the
 *  peer's window shut not before it opens or there is more), -ENOTCONN, -EINVAL (a flag that is none), or the
 *  connection's error. */
ssize_t tern_send(struct tern_conn *c, const void *buf, size_t len, unsigned int flags);
/** The same of n pieces, as if they stood one behind the other. */
ssize_t tern_sendv(struct tern_conn *c, const struct iovec *iov, unsigned int n, unsigned int flags);
/** Queue an mbuf chain for sending; its packets share it, but where checksums are summed in software: there they copy.
 *  On success the stack owns m (it is read-only and freed when acknowledged; of segments with other references only the
 *  caller's is given up, so the same ones may be sent on many connections: from 32,768 references to a segment on, it
 *  is copied, as the count has 16 bits); on error (as tern_send; -EAGAIN if it does not fit whole) it stays the
 *  caller's. */
int tern_send_mbuf(struct tern_conn *c, struct rte_mbuf *m);

/**
 * Application memory that connections send from where it lies: a file's pages, a cache. Not to be copied or moved. The
 * memory and this struct stay the application's; both must be there, and the bytes that were sent unchanged, while
 * anything refers to them: what waits in queues (until it is acknowledged), packets under way, at the other end of a
 * tern_ring_pair() also what was received and not read. Several connections may send from it, also of several workers
 * and stacks (one each for every worker is faster: they count in the same cache line); a struct for each part says
 * when that part is free.
 */
struct tern_ref {
	uint64_t opaque[12];
};
/**
 * len bytes from base on are to be sent from, by r; each before anything else is done with r. A device that reads
 * memory by itself (DMA) needs memory that EAL knows: rte_malloc(), a memzone, or rte_extmem_register() and
 * rte_dev_dma_map(), and as its IOVA is looked up once, in one piece of IOVAs (all are where IOVAs are virtual
 * addresses: rte_eal_iova_mode()). Where no device does, as with taps and tern_ring_pair(), it may be any memory.
 * @param released called once, when tern_ref_put() was called and nothing refers to the memory any more: then it and r
 * may be freed, or r be set up anew. By whichever thread lets go last: in a call or a poll of a worker, of the stack
 * at the other end of a cable, in tern_ref_put() or tern_destroy(). So it may do what any thread may, such as
 * tern_post(), but to a stack that is being destroyed. NULL: nobody asks, or tern_ref_users() is asked.
 * @return 0 or -EINVAL: no memory.
 */
int tern_ref_init(struct tern_ref *r, const void *base, size_t len, void (*released)(struct tern_ref *r, void *arg),
		  void *arg);
/** As tern_send(), but the bytes are not copied: they must not change until tern_ref_users() is 0 or released() is
 *  called. What is short (256 bytes) is copied, and so is all while 32,768 queued pieces (of up to 32 KB) and packets
 *  refer to r. Where checksums are summed in software, packets are copies: only the queue refers to r then. @return as
 *  tern_send(); -EINVAL also if buf and len leave r's memory. */
ssize_t tern_send_ref(struct tern_conn *c, struct tern_ref *r, const void *buf, size_t len, unsigned int flags);
/** How many queued pieces and packets refer to r's memory. 0: it may be written to. Before or after tern_ref_put(). */
uint32_t tern_ref_users(const struct tern_ref *r);
/** Once: nothing is sent from r after this, and released() is called as soon as nothing refers to it, perhaps before
 *  this returns. */
void tern_ref_put(struct tern_ref *r);
/** An empty mbuf of the worker's pool with headroom for nothing but data, or NULL. The caller owns it. */
struct rte_mbuf *tern_mbuf_alloc(struct tern_worker *w);
/** rte_pktmbuf_free() that is cheaper for what tern_recv_mbufs() and tern_mbuf_alloc() gave: one segment of w's
 *  pool. */
void tern_mbuf_free(struct tern_worker *w, struct rte_mbuf *m);
/** writable() is called once there is room in the send buffer and memory for it, as after a short tern_send(). */
void tern_want_writable(struct tern_conn *c);
/** Bytes that tern_send() would take now. */
size_t tern_send_space(const struct tern_conn *c);
/** Copy out received bytes. @return bytes, 0 at the peer's FIN, -EAGAIN when nothing waits, or how the connection
 *  ended: after all that came before, and never when the FIN did. */
ssize_t tern_recv(struct tern_conn *c, void *buf, size_t len);
/** As tern_recv() but leaves the bytes queued. */
ssize_t tern_peek(struct tern_conn *c, void *buf, size_t len);
/** Take up to n of the received mbufs, the oldest first (one segment each, pkt_len bytes of data); the caller frees
 *  them, best with tern_mbuf_free(). @return how many, else as tern_recv(): 0 at the peer's FIN, -EAGAIN when nothing
 *  waits, or how the connection ended. */
int tern_recv_mbufs(struct tern_conn *c, struct rte_mbuf **m, unsigned int n);
/** Bytes waiting in order / bytes not yet acknowledged by the peer. */
size_t tern_recv_queued(const struct tern_conn *c);
size_t tern_send_queued(const struct tern_conn *c);
/** Bytes to read until the urgent data's end; 0: none (MUST-33). */
size_t tern_urgent_left(const struct tern_conn *c);
/** True once the peer's FIN is in and all its data was read. */
bool tern_recv_eof(const struct tern_conn *c);
/** True once the peer's FIN is in and all before it, read or not: nothing will be added to what waits. Who waits for
 *  more than is there (half a message) asks this: tern_recv_eof() stays false while bytes are left unread. */
bool tern_peer_closed(const struct tern_conn *c);
enum tern_shut { TERN_SHUT_RD, TERN_SHUT_WR, TERN_SHUT_RDWR };
/**
 * Close one direction, or both, and keep the handle. WR: FIN follows the queued data (half-close, RFC 9293 3.6 MAY-1),
 * receiving goes on. RD: what waits is dropped, tern_recv() says 0 from now on, and what comes later is acknowledged
 * and dropped (counter TcpExtTernRcvShut): the peer sees nothing of it (RFC 9293 3.6 has no such close), and
 * tern_close() is no reset for it. As the BSDs; Linux goes on queueing text, which can be read. Text out of order is
 * dropped, too: it comes again (RFC 2018 8).
 * @return 0, -EINVAL, -ENOTCONN (not open yet, or no more), -EPIPE: all of it was done before.
 */
int tern_shutdown(struct tern_conn *c, enum tern_shut how);
/** Close (RFC 9293 3.10.4) and give the handle up. Unread data makes it a reset (RFC 2525 2.17);
 *  TERN_OPT_LINGER_MS limits how long what is queued may take. How it ended is told by ended(). */
void tern_close(struct tern_conn *c);
/** RST now (RFC 9293 3.10.5) and give the handle up. */
void tern_abort(struct tern_conn *c);

/* When data is acknowledged: by the timer or every second full segment (RFC 5681 4.2), each segment at once, or at
 * once for the first 16 segments, after a pause or a loss, as long as no answers carry the ACKs. An ACK always waits
 * for the callbacks: what they send carries it. */
enum tern_quickack { TERN_QUICKACK_OFF, TERN_QUICKACK_ON, TERN_QUICKACK_AUTO };

#define TERN_LINGER_OFF UINT32_MAX

enum tern_opt {
	TERN_OPT_NODELAY,         /* 1: Nagle off (MUST-17) */
	TERN_OPT_QUICKACK,        /* enum tern_quickack [TERN_QUICKACK_AUTO] */
	TERN_OPT_KEEPALIVE,       /* 1: on (MUST-24); default off (MUST-25) */
	TERN_OPT_KEEPIDLE_S,      /* [7200] MUST-28 */
	TERN_OPT_KEEPINTVL_S,     /* [75] */
	TERN_OPT_KEEPCNT,         /* [9] */
	TERN_OPT_USER_TIMEOUT_MS, /* R2 (MUST-21) */
	TERN_OPT_LINGER_MS, /* after tern_close(), what is queued and the FIN must be acknowledged within so many ms, a
			     * day at most, else the rest is dropped and the peer reset; 0: tern_close() is tern_abort()
			     * [TERN_LINGER_OFF: as long as user_timeout_ms lets it] */
	TERN_OPT_SNDBUF, /* bytes; sets an end to adapting either buffer to the path */
	TERN_OPT_RCVBUF, /* bytes, likewise; never shrinks an advertised window */
	TERN_OPT_TTL,
	TERN_OPT_TOS,    /* the two bits of ECN are not taken */
	TERN_OPT_MAXSEG, /* bytes, 64 to 65535: cap on the segments sent, and on the MSS offered by a SYN to come */
	TERN_OPT_CORK,   /* 1: hold what is less than a full segment back, for 200 ms at most; 0 sends it */
	TERN_OPT_CC,     /* enum tern_cc; of a connect before its SYN went out, ECN with it */
	/* of listeners only: */
	TERN_OPT_COOKIES, /* enum tern_cookie_mode [tern_tcp_conf.cookie_mode] */
	TERN_OPT_FASTOPEN, /* [0] data that comes with a SYN (RFC 7413) is taken, of so many connections of this
			    * worker that have not completed the handshake. It may come twice over two connections: only
			    * for requests that may */
};
/** @return 0, -EINVAL (value out of range) or -ENOPROTOOPT (no such option, or one of listeners only). */
int tern_setopt(struct tern_conn *c, enum tern_opt opt, uint32_t value);
/** What is set; of MAXSEG the size of a full segment now, of SNDBUF and RCVBUF what the path made of them. @return 0,
 *  -ENOPROTOOPT. */
int tern_getopt(const struct tern_conn *c, enum tern_opt opt, uint32_t *value);
/** The same for the connections that l will accept: they have it when tern_accept() hands them out, and what shows on
 *  the wire counts for l's SYN-ACKs (RCVBUF: window and scale; MAXSEG, TTL, TOS, CC). At first all is as tern_tcp_conf
 *  says. Of a handshake under way the window stays what the SYN-ACK said. @return as tern_setopt(), tern_getopt(). */
int tern_listen_setopt(struct tern_listener *l, enum tern_opt opt, uint32_t value);
int tern_listen_getopt(const struct tern_listener *l, enum tern_opt opt, uint32_t *value);

/** RFC 9293 3.3.2 states, with Linux's numbers (tcp_states.h). */
enum tern_state {
	TERN_ESTABLISHED = 1, TERN_SYN_SENT, TERN_SYN_RECEIVED, TERN_FIN_WAIT_1, TERN_FIN_WAIT_2, TERN_TIME_WAIT,
	TERN_CLOSED, TERN_CLOSE_WAIT, TERN_LAST_ACK, TERN_LISTEN, TERN_CLOSING
};
const char *tern_state_name(unsigned int state);

/** The deadline that is due next. RFC 6298, RFC 9293 3.8.6.1, RFC 8985 7 and 6.2 step 5, RFC 9293 3.8.6.3, 3.8.4,
 *  3.4.2. */
enum tern_wait {
	TERN_WAIT_NONE,
	TERN_WAIT_RETRANSMIT, /* of SYN and SYN-ACK, too */
	TERN_WAIT_PERSIST,    /* a closed window is probed, or what a cork holds back goes out */
	TERN_WAIT_TAIL_PROBE,
	TERN_WAIT_REORDER,
	TERN_WAIT_DELACK,
	TERN_WAIT_KEEPALIVE,
	TERN_WAIT_LIMIT,      /* of SYN-SENT and of an orphan's FIN-WAIT-2, or larger segments are tried again */
	TERN_WAIT_TIME_WAIT,
};
const char *tern_wait_name(unsigned int timer);

/** Which fields of a struct tern_info hold, beside local, remote and state. The others are 0. */
enum tern_info_kind {
	TERN_INFO_CONN,	     /* all */
	TERN_INFO_HALF_OPEN, /* a listener's request: options, scales, timer, retries, mss (its, or 0), rcv_wnd */
	TERN_INFO_TIME_WAIT, /* options, timer, rcv_wnd (as in the segments: not scaled) */
};
/* tern_info.options: what was agreed on. */
#define TERN_INFO_TIMESTAMPS 1u /* RFC 7323 3 */
#define TERN_INFO_SACK 2u	 /* RFC 2018 */
#define TERN_INFO_WSCALE 4u	 /* RFC 7323 2 */
#define TERN_INFO_ECN 8u	 /* RFC 3168 */

/**
 * What is known of a connection, as `ss -ti` shows it. What tern does not keep is not here: rates of delivery, when a
 * segment was sent last. Byte counts are differences of sequence numbers: they come round at 2^32, so an
 * application that adds them up reads them once in 4 GB and adds (uint32_t)(now - before). Ages are of a clock of
 * milliseconds that comes round in 49 days. New fields come at the end.
 */
struct tern_info {
	struct tern_endpoint local, remote;
	uint8_t state;	 /* enum tern_state */
	uint8_t kind;	 /* enum tern_info_kind */
	uint8_t options; /* TERN_INFO_* */
	uint8_t timer;	 /* enum tern_wait */
	uint32_t timer_ms; /* until then */
	/* The last ICMP error since progress was made; -EHOSTUNREACH also while the next hop answers no ARP or NDP; 0:
	 * none. Whoever does not want to know does not ask. */
	int32_t soft_err;
	uint16_t mss;	  /* payload of a full segment that is sent */
	uint16_t rcv_mss; /* largest payload received, a guess of at most 536 before; in SYN-SENT the MSS offered */
	uint8_t snd_wscale, rcv_wscale; /* shift of the peer's windows, of ours; ours in SYN-SENT: offered */
	uint8_t backoff; /* doublings of rto_us since the last sample (RFC 6298 5.5) */
	uint8_t retries; /* timeouts, or unanswered probes of a closed window, since the last progress */
	bool orphan;	 /* tern_close() was called: only the peer's part is open */
	bool reordered;	 /* segments are known to overtake each other on this path (RFC 8985 6.2 step 3) */
	uint32_t srtt_us, rttvar_us, rto_us; /* srtt_us 0: no sample yet; rto_us without backoff */
	uint32_t min_rtt_us; /* of the last 150 to 300 s; 0: never more than two segments in flight, so not watched */
	uint32_t cwnd, ssthresh; /* bytes; ssthresh UINT32_MAX: none yet */
	uint32_t snd_wnd, rcv_wnd; /* bytes, scaled */
	uint32_t bytes_sent;	 /* without those sent again, SYN and FIN, as the next two */
	uint32_t bytes_acked;
	uint32_t bytes_received; /* in order */
	uint32_t retrans;	 /* segments sent again, since the open */
	/* Of the bytes sent and not acknowledged (scoreboard, RFC 6675): in the network now; taken for lost, sent
	 * again or not; arrived, says SACK. The last two stay 0 without SACK. */
	uint32_t in_flight, lost, sacked;
	uint32_t unsent, unacked; /* bytes in the send buffer */
	uint32_t unread, out_of_order; /* bytes in the receive buffer, behind a hole */
	uint32_t snd_buf, rcv_buf; /* bytes that these may hold by now */
	uint32_t mbufs;		/* that its queues hold, without small ones */
	uint32_t account_mbufs; /* the same of all that its listener accepted, or of all that this worker connected */
	uint32_t established_ms; /* since the handshake was done; 0: it is not */
	uint32_t last_rx_ms;	 /* since the last acceptable segment came; 0 until the handshake is done */
	uint32_t last_data_ms;	 /* since the last text in order came; UINT32_MAX: none did */
	uint32_t unacked_ms; /* since what waits for an ACK was sent first, or the last ACK of something new: R2
			      * counts this; 0: nothing does */
	const char *cc; /* name of the congestion control */
	/* Segments that came and were sent, whatever became of them, since there is the connection: of a passive
	 * open from the last ACK of its handshake on. What was merged (gro) or is cut by the device (tso) counts
	 * once. */
	uint32_t segs_in, segs_out;
	uint64_t send_rate; /* bytes a second that cwnd lets out at srtt_us, as `ss -ti` says "send"; 0: no sample */
};
/** Fill in what of *info lies within size, sizeof(*info): of a library that knows more, or less (the rest is zero).
 *  @return bytes filled in. */
size_t tern_conn_info(const struct tern_conn *c, struct tern_info *info, size_t size);
struct tern_worker *tern_conn_worker(struct tern_conn *c);
/** Fetch what tern_send() looks at, some calls ahead, of a connection that rested. It may be gone by now. */
void tern_conn_prefetch(const struct tern_conn *c);
void *tern_conn_user(const struct tern_conn *c);
void tern_conn_set_user(struct tern_conn *c, const struct tern_ops *ops, void *user);

/* --- watching ----------------------------------------------------------------------------------------------- */

/**
 * Everything in w's table, as struct tern_info: connections, half-open requests and TIME-WAITs. c is NULL but for
 * connections whose handle the application has; that one may be closed. Goes on at *cursor (at first 0), over n lines
 * of the table of at most seven each, so that a poll does not stop long. What is there from the first call to the last
 * is told once.
 * @return true: call again with the same cursor; false: that was all, and *cursor is 0.
 */
bool tern_conn_walk(struct tern_worker *w, uint32_t *cursor, uint32_t n,
		    void (*fn)(const struct tern_info *info, struct tern_conn *c, void *arg), void *arg);
/** Every listener of w, the newest first. fn may close the one that it is given. */
void tern_listener_walk(struct tern_worker *w, void (*fn)(struct tern_listener *l, void *arg), void *arg);

/** A neighbour that w knows, or asks for. New fields come at the end. */
struct tern_neigh {
	struct tern_endpoint addr; /* without port */
	uint8_t mac[6], ifidx;
	const char *state;	/* INCOMPLETE, FAILED: mac is not known; REACHABLE, STALE */
	uint32_t conns, queued; /* that use it; packets that wait for it */
	uint64_t confirmed_us;	/* tern_now_us() when it was confirmed last, 0: never */
	uint32_t timer_ms;	/* until it is asked again or counts as stale; UINT32_MAX: nothing is due */
};
/** As tern_conn_walk(), over n neighbours or less a call. */
bool tern_neigh_walk(struct tern_worker *w, uint32_t *cursor, uint32_t n,
		     void (*fn)(const struct tern_neigh *n, void *arg), void *arg);

/** New fields come at the end. */
struct tern_listener_info {
	struct tern_endpoint local;
	uint8_t cookie_mode; /* enum tern_cookie_mode */
	uint32_t accept_queued, accept_max, half_open, half_open_max;
	uint32_t conns; /* accepted or to be accepted, and not gone yet */
	uint32_t mbufs; /* that their queues hold, without small ones */
	uint32_t fastopen_max; /* TERN_OPT_FASTOPEN */
	uint64_t cookie_at_us; /* tern_now_us() when the last SYN cookie was sent, 0: never */
};
/** @return as tern_conn_info(). */
size_t tern_listener_info(const struct tern_listener *l, struct tern_listener_info *info, size_t size);

/** Are tern_app.trace and tern_app.packet called from now on? At first they are. Off, a packet costs one branch. */
void tern_trace_set(struct tern_worker *w, bool trace, bool packet);

unsigned int tern_stats_count(void);
/** Name of counter i (Linux's nstat names where one exists). */
const char *tern_stats_name(unsigned int i);
/** What counter i counts, in a few words; of those whose name begins with "Drop", why a packet was dropped. */
const char *tern_stats_help(unsigned int i);
/** Counter i of worker w, or summed over all workers for w < 0. */
uint64_t tern_stats_get(const struct tern *t, int w, unsigned int i);
/** Counter by name, summed over workers; 0 for an unknown name. */
uint64_t tern_stats_by_name(const struct tern *t, const char *name);
/** All counters that are not 0 of worker w, of all workers for w < 0: a line each, the name in 32 columns, one blank,
 *  the value. What does not fit in len bytes is left out by whole lines; buf ends with a NUL, unless len is 0. @return
 *  bytes of all, without the NUL. */
size_t tern_stats_text(const struct tern *t, int w, char *buf, size_t len);

/** New fields come at the end, as of the two structs below. */
struct tern_gauges {
	uint32_t conns, requests, timewaits, portsets, neighbours; /* in use */
	uint32_t conns_max, requests_max, timewaits_max;
	uint32_t mbufs_free, mbufs_max;
	uint32_t accept_queued, half_open; /* over all listeners */
	uint64_t polls, busy_cycles, total_cycles; /* TSC cycles; busy = polls that moved a packet or fired a timer */
	uint32_t timers; /* tern_timer_start(), and not fired yet */
};
/** Of worker w, or summed over all workers for w < 0. @return as tern_conn_info(). */
size_t tern_gauges_get(const struct tern *t, int w, struct tern_gauges *g, size_t size);

/** One kind of object that a worker has a fixed number of, and how many are in use. */
struct tern_pool {
	const char *name;
	uint64_t used, max;
};
unsigned int tern_pools_count(void);
/** Kind i of worker w, or summed over all workers for w < 0. @return as tern_conn_info(). */
size_t tern_pools_get(const struct tern *t, int w, unsigned int i, struct tern_pool *p, size_t size);

/** What the device of an interface lost, as it counts it: not all do. */
struct tern_port_stats {
	uint64_t rx_missed; /* no descriptor was free: packets came faster than they were taken */
	uint64_t rx_errors;
	uint64_t rx_nombuf; /* no packet buffer to receive into */
	uint64_t tx_errors;
};
/** Of interface i of tern_conf.ifs. @return as tern_conn_info(), -EINVAL, or what the device says. */
ssize_t tern_port_stats_get(const struct tern *t, unsigned int i, struct tern_port_stats *s, size_t size);

#ifdef __cplusplus
}
#endif
#endif /* TERN_H */
