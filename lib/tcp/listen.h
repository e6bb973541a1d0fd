/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Listeners and their half-open requests. Theory of operation: tcp/listen.c.
 */
#ifndef TCP_LISTEN_H
#define TCP_LISTEN_H
#include "base/table.h"
#include "tcp/sockopt.h"

struct seg;
struct tern_conn;
struct timewait;
struct tern_worker;

#define IMPORT_MAX 1024u /* that tern_accept_import() may add to a full accept queue */

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

struct tern_listener {
	struct tern_worker *w;
	struct tern_listener *hnext, *next;
	struct tern_endpoint local;
	const struct tern_listener_ops *ops;
	void *user;
	bool wildcard;
	bool left; /* tern_listener_leave(): no segment finds it */
	uint8_t cookie_mode;
	struct tcp_sockopts sockopts;
	uint16_t account; /* of worker.mem.accounts: for the connections it accepts */
	uint32_t accept_max, accept_n;
	uint32_t half_max, half_n;
	struct tern_conn *acc_head, **acc_tail;
	struct request *reqs;
	uint64_t cookie_at, cookie_small_at; /* when the last cookie was sent, and one of a small window; 0 never */
	uint32_t tfo_max;   /* Fast Open connections without the final ACK, 0: no Fast Open */
};

/** Of a worker. */
struct listeners {
	struct tern_listener *first;	 /* of the list */
	struct tern_listener *hash[256]; /* by port */
	uint32_t n;
	uint32_t reserved_requests; /* half-open queues of all of them */
	uint32_t accept_queued, half_open;
	uint32_t fresh;	 /* of half_open, whose SYN-ACK was sent once: they may become connections soon */
	uint32_t lately; /* handshakes done between two looks, as those to come */
	uint64_t looked_at, opens; /* the last look, and handshakes done until then */
};

/** A segment for a listener. tw: the TIME-WAIT record that a newer SYN replaces, or NULL. */
int tcp_listen_input(struct tern_worker *w, struct tern_listener *l, struct seg *s, struct timewait *tw);
/** Is it certain that s, which has no RST, is for l: a SYN, or what acknowledges one of its cookies? */
bool tcp_listen_expects(struct tern_worker *w, const struct tern_listener *l, const struct seg *s);
int tcp_request_input(struct tern_worker *w, struct request *r, struct seg *s);
void tcp_request_timer(struct tern_worker *w, struct request *r);
uint16_t tcp_listen_mss(const struct tern_worker *w, const struct tern_listener *l, uint8_t ifidx, uint8_t af);
void tcp_request_free(struct tern_worker *w, struct request *r);
#endif
