/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two workers in virtual time for the stateful target: small pools, a wire between them that delivers when it is told,
 * hosts that are addresses alone, and the applications' handles. Theory of operation: stateful.c.
 */
#ifndef BED_H
#define BED_H
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>
#include "../bytes.h"
#include "tcp/conn.h"
#include "tcp/opt.h"
#include "tcp/timewait.h"
#include "stack/worker.h"
#include "fuzz.h"

#define SEC UINT64_C(1000000)
#define MS UINT64_C(1000)
#define SOCKS 24u
#define LISTENERS 3u
#define TIMERS 3u
#define HELD 32u   /* mbufs that an application has */
#define SEEN 8u	   /* answers to hosts that are addresses alone */
#define GHOST 64u  /* last byte of the first such host's address */
#define GHOSTS 8u
#define FRAME_MAX 1600u
#define TUPLES 1024u
#define QUEUE 128u /* frames on the wire, one way */

struct node;

/** An application's end: a handle, or what became of it. */
struct end {
	struct tern_conn *c; /* NULL: given up, or closed() came */
	struct node *n;
	bool used, gave_up;
	uint8_t closed, ended;
	uint8_t mode;	     /* END_* */
	uint32_t tx, rx;     /* numbers of the next byte to send, to read: the first is 1 */
};
enum {
	END_READ = 1,	/* reads all in readable() */
	END_MBUFS = 2,	/* and by mbufs */
	END_CLOSE = 4,	/* closes at the peer's FIN */
	END_WRITE = 8,	/* sends some in writable() */
	END_ACT = 16,	/* its callbacks do what the input says next */
	END_HOARD = 32, /* keeps the mbufs for a while */
};

struct node {
	struct tern_worker *w;
	struct rte_mempool *mp;
	uint32_t n_mp;
	struct tern_listener *l[LISTENERS];
	struct end e[SOCKS];
	struct tern_timer timer[TIMERS];
	struct rte_mbuf *held[HELD]; /* by the application */
	unsigned int n_held;
	struct rte_mbuf *taken[1024]; /* what makes mbufs scarce */
	unsigned int n_taken;
	unsigned int jammed; /* steps for which the device takes nothing; its ring is full but for a few */
	bool dirty;	 /* something happened since its invariants were asked for */
	bool auto_accept;
};

struct pkt {
	uint16_t len;
	uint8_t at[FRAME_MAX];
};

/** A SYN-ACK that went to a host which is nobody. */
struct seen {
	struct flow flow; /* local is tern's */
	uint8_t node;
	bool has_ts;
	uint32_t seq, ack, tsval;
};

struct bed {
	struct fuzz_in in;
	uint64_t now_us;
	struct node n[2];
	struct tern_conf conf;
	uint16_t mtu;
	bool clones; /* what arrives may be in a buffer that another mbuf has, too */
	bool tso, multi_seg, lossy, mute; /* lossy: quiet() loses a part; mute: nobody answers ARP and NDP */
	bool mangled;			  /* a frame was changed: the streams may have wrong bytes */
	bool draining;
	/* [i]: from node i to the other */
	struct pkt wire[2][QUEUE];
	unsigned int head[2], n_wire[2];
	struct seen seen[SEEN];
	unsigned int n_seen;
	uint8_t opened[2][TUPLES]; /* connections of a node, by a hash of addresses and ports */
	uint64_t frames; /* out of the workers */
	uint64_t steps;
	struct tern_ref ref;
	unsigned int released;
};
extern struct bed bed;
#define PERIOD 4093u
#define CHUNK 20000u
extern uint8_t content[PERIOD + CHUNK];
/** The stream's bytes from number q on, CHUNK of them; also of numbers before its first. */
static inline uint8_t *
text(uint32_t q)
{
	return content + ((int64_t)(int32_t)q + (INT64_C(1) << 20) * PERIOD) % PERIOD;
}
#define SAY(...)                                                                                                       \
	do {                                                                                                           \
		if (fuzz_trace)                                                                                        \
			printf(__VA_ARGS__);                                                                           \
	} while (0)

static inline uint8_t
u8(void)
{
	return in8(&bed.in);
}
static inline uint16_t
u16(void)
{
	return in16(&bed.in);
}
static inline uint32_t
u32(void)
{
	return in32(&bed.in);
}

/* bed.c */
extern struct rte_mempool *pads; /* of frames that are in the device's way */
void bed_init(void);
/** The same numbers again for each input. */
uint64_t bed_rand(void);
/** From the first bytes of the input. */
void bed_start(void);
/** Give all up, let time pass, and look whether everything came back. */
void bed_stop(void);

/* wire.c */
/** The workers do what is due; their frames go on the wire. @return whether there was anything. */
bool turn(void);
/** Frame number i of those under way from node `from` arrives, as `copies` ones, or none. */
void deliver(unsigned int from, unsigned int i, unsigned int copies);
/** All that is under way arrives, and what that causes, in no more time than a short cable takes. */
void quiet(void);
/** Time goes on for us microseconds, from event to event; not more than max of them, then at once to the end. */
void advance(uint64_t us, unsigned int max);
uint64_t next_event(void);
/** n frames arrive at node i in one burst. */
void arrive(unsigned int i, const struct pkt *p, unsigned int n);
/** From now on the device of node i takes nothing, and has room for no more than `room` frames. */
void jam(unsigned int i, unsigned int room);
void unjam(unsigned int i);
/** Ask for the invariants of a node that something happened to. */
void check(unsigned int i);
void fix_l3(uint8_t *p);
/** The checksum of what lies behind the IP header, n bytes at p + off. */
void fix_l4(uint8_t *p, unsigned int off, unsigned int n, uint8_t proto);
void node_addr(uint8_t *addr, uint8_t af, uint8_t lo);

/* ends.c */
extern const struct tern_ops end_ops;
extern const struct tern_listener_ops listen_ops;
/** One without a handle; NULL: none is left. */
struct end *end_new(struct node *n);
/** It has a handle now. */
void end_opened(const struct end *e);
/** Its handle, which it has no more. */
struct tern_conn *end_take(struct end *e);
void end_read(struct end *e, size_t len);
void end_write(struct end *e, size_t len, unsigned int flags);
/** One call of an application of n, as the input says. */
void act_call(struct node *n);
/** Take up to max of what waits. */
void accept_some(struct node *n, struct tern_listener *l, unsigned int max);
void hold(struct node *n, struct rte_mbuf *m);
void let_go(struct node *n, unsigned int leave);
/** All mbufs but `leave` are elsewhere; none are. */
void scarce(struct node *n, unsigned int leave);
void plenty(struct node *n);

/* segments.c */
/** A segment, an ICMP error, a SYN: as the input says, relative to a connection that there is. */
void act_segment(void);
void act_reply(void);
void act_syn(void);
void act_answer(void);
void act_icmp(void);
void act_neighbour(void);
/** An exact reset of every connection of node i. */
void reset_all(unsigned int i);
#endif
