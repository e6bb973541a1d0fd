/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the parts of pdrun share. Each calls only those below it, and the stack; all may call pd_fail():
 *
 *	pdrun.c		the program: scripts and directories of them
 *	pd_event.c	the events of a script, in order and in time
 *	pd_call.c	calls
 *	pd_packet.c	packets, sent, taken apart and compared
 *	pd_wire.c	datagrams, in and out (pd_wire.h)
 *	pd_sock.c	descriptors, addresses, the connection that packets belong to
 */
#ifndef PDRUN_H
#define PDRUN_H
#include <netinet/in.h>
#include "pd_stack.h"
#include "script.h"

#define START_US 0ull
#define PEER_ISS 0xfffffff0u
#define QUEUE 1024
#define PACKET_MAX 65536
#define FDS 64
#define WAIT_US 200000000ull /* no script expects a packet that late */
#define BIND_PORT 8080
#define FIRST_PORT 40000
#define TS_MAX 256

struct datagram {
	uint64_t at_us;
	size_t len;
	uint8_t *ip;
};

/* What came out, parsed; p holds absolute numbers. */
struct segment {
	struct pd_packet p;
	uint16_t sport, dport;
	const uint8_t *data;
};

struct run {
	const struct script *s;
	const struct event *e;
	bool failed;
	uint64_t now, event_us; /* event_us: when the last event was */
	bool last_inbound;
	struct datagram queue[QUEUE];
	unsigned int head, tail;
	/* the connection */
	bool is_open, isn_known, listening;
	uint16_t lport, rport, next_port;
	uint32_t isn; /* the stack's */
	uint32_t script_isn;
	struct {
		uint32_t script, live;
	} ts[TS_MAX];
	unsigned int n_ts;
	/* sockets by the script's descriptor */
	struct {
		bool open, nonblock, begun; /* begun: connect() or the like was called */
		int h;
		uint32_t rx, tx; /* offsets of the streams */
	} fd[FDS];
	/* a call under way */
	const struct event *blocked;
	uint64_t blocked_until;
};
extern struct run run;

/* Byte n of either stream. */
static inline uint8_t
pat(uint32_t n)
{
	return n * 7 + (n >> 8);
}

/* pdrun.c */
extern bool pd_verbose;
/** The script fails, unless it did before. */
void pd_fail(const struct event *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* pd_event.c */
/** @return whether it passed. */
bool pd_run_script(const char *path);

/* pd_call.c */
/** @return the result, -errno, or -EAGAIN: it would block. */
long pd_call(const struct event *e);
void pd_check_result(const struct event *e, long rc);

/* pd_packet.c */
void pd_send(const struct pd_packet *p);
/** @return NULL, or what is wrong with it. */
const char *pd_parse(const struct datagram *d, struct segment *g);
void pd_print(const struct pd_packet *p);
/** Absolute to the script's numbers. */
void pd_relate(struct pd_packet *p);
/** @return NULL: as the script says, or what is not. */
const char *pd_differs(const struct pd_packet *want, const struct segment *g);

/* pd_sock.c */
/** The stack's handle of a descriptor, or -EBADF. */
int pd_handle(long fd);
/** A descriptor for the handle: the one that the script says the call returns. Errors, negative, go through. */
long pd_new_fd(const struct event *e, int h);
void pd_local_addr(uint8_t a[16]);
void pd_remote_addr(uint8_t a[16]);
/** One of these two and the port. @return its length. */
socklen_t pd_address(bool remote, uint16_t port, struct sockaddr_storage *a);
/** The packets that come now are those of a connection that is opened here, by this descriptor. */
void pd_open_active(long fd);
/** The same, of one that the peer opens. */
void pd_open_passive(void);
#endif
