/* SPDX-License-Identifier: BSD-3-Clause */
/* The client's connections (client_conn.c), when they are opened (role_client.c) and what is said of them
 * (client_report.c). */
#ifndef CLIENT_H
#define CLIENT_H
#include "head.h"
#include "hist.h"
#include "mix.h"
#include "pace.h"
#include "requests.h"
#include "role.h"
#include "tally.h"

#define STATUS_MAX 600
#define PICKS 16 /* power of two */
#define WRONGS 8 /* reasons counted apart; those beyond are one with the last */

/* What the client is told, beside struct requests. */
struct plan {
	struct tern_endpoint connect;
	uint16_t connect_ports;
	uint32_t cps, concurrency, park;
	uint32_t hold, think_ms, rps, active;
	uint32_t hold_requests; /* of a held connection, then it is closed and replaced */
	uint32_t ramp_up_ms, ramp_down_ms;
	enum { ARRIVALS_CONSTANT, ARRIVALS_POISSON } arrivals;
	uint64_t total;
	uint32_t timeout_ms;
	bool latency;
	const char *http_path, *output, *mix;
};
extern struct plan plan;
extern const struct role role_client;

enum {
	N_OPENED,
	N_CONNECTED,
	N_DONE,
	N_REQUESTS,
	N_BYTES,
	N_REFUSED, /* the first failure */
	N_UNREACHABLE,
	N_CONNECT_TIMEOUT,
	N_RESET,
	N_TIMEOUT,
	N_BAD,
	N_SHORT,
	N_OTHER, /* the last */
	N_CUT,
	N_CUT_CONNECTING,
	N_REOPENED,
	N_WAITED,
	N_LATE, /* opened more than LATE_US after their time */
	N_PARKED, /* at most at a time */
	N_HELD, /* when the load began; with ramps, at most */
	N_REPLACED, /* held ones */
	N_LATE_REQUESTS, /* sent more than LATE_US after their time */
	N_COUNT
};

/*
 * Times of a connection: the response's are always kept, the others with --latency. With --cps a connection's time
 * begins when it was to start, whenever its SYN was sent: a server that stalls makes those late that wait for it
 * unsent, too. _SENT: from the SYN on. FIRST and RESPONSE: from the request to the first byte and to the last; of held
 * connections likewise, from when it was to be sent.
 */
enum {
	HIST_CONNECT,
	HIST_WHOLE,
	HIST_FIRST,
	HIST_RESPONSE,
	HIST_CONNECT_SENT,
	HIST_WHOLE_SENT,
	HIST_FIRST_SENT,
	HIST_RESPONSE_SENT,
	HIST_TLS, /* the handshake, from the connection on */
	HIST_CLOSE, /* from the FIN that is sent to the end, or TIME-WAIT */
	N_HIST
};
#define LATE_US 1000u
#define N_FAILURES (N_OTHER - N_REFUSED + 1)

struct wrong {
	const char *what; /* compared by address */
	uint64_t n;
};

struct client_conn {
	struct item i;      /* c is NULL while the rest of the requests waits for a new connection */
	TAILQ_ENTRY(client_conn) rest; /* on `thinking` or `idle`; it may be untouched there */
	struct head *part;  /* of a response */
	uint64_t due_us;    /* its time; a held one's request's */
	uint64_t opened_us; /* the SYN */
	uint64_t asked_us;  /* the request in progress; while it thinks: when the next may be sent, 0: in its turn; the
			     * beginning of a TLS handshake */
	uint32_t asked, answered; /* requests */
	uint32_t before;    /* of them over earlier connections */
	uint32_t sent;      /* bytes of the request in progress */
	uint64_t got;       /* bytes of the response in progress */
	int64_t want;       /* its length; -1: as its chunks say, or until FIN */
	struct http_chunks chunks;
	bool connected;
	bool shakes;  /* TLS */
	bool sending; /* the request in progress is not all sent */
	bool first;   /* byte of the response is in, or nothing was asked; with --latency */
	bool begun;   /* some of the response was read */
	bool body;    /* the response's head is in */
	bool chunked;
	bool keep;   /* the server will take another request */
	bool parked; /* stays idle */
	bool held;   /* one of --hold */
	bool thinks; /* between two requests; of a mix, one that stays silent, too */
	/* of a mix */
	bool rests;   /* the next piece is not due */
	bool special; /* it sends or ends as client_mix.c says, */
	bool slow;    /* or reads so */
	uint8_t class;
};

/* Of a mix. */
struct mixed_conn {
	struct client_conn c;
	struct tern_timer timer; /* while it thinks or rests */
	uint32_t begun;  /* request, from 1 */
	uint64_t number; /* its own, for its path */
	uint64_t due_us; /* the next piece of a slow one */
};

/* Of one class. */
struct class_run {
	uint64_t n[N_COUNT]; /* of a mix only, as client.n */
	uint64_t number;     /* the next request's */
	uint16_t next_port;
	struct hist response; /* of a mix only */
};

struct client {
	uint64_t n[N_COUNT];
	struct stack *s;
	struct tern_worker *w;
	struct slab slab;
	TAILQ_HEAD(, client_conn) idle, thinking; /* the parked ones; at rest, the longest first */
	struct heads heads;
	uint64_t total, cps; /* this worker's share */
	struct pace pace;    /* of cps, from start_us */
	uint64_t opened;     /* of total */
	uint32_t concurrency, park, parked;
	uint32_t window;     /* connecting at a time before the load begins */
	uint32_t hold, held, n_thinking;
	uint32_t active;        /* of the held ones, at most, opening or asking at a time */
	uint32_t picked[PICKS]; /* of the slab's items, the next to ask, round and round; their memory is on the way */
	uint32_t n_picked;      /* taken of them */
	uint64_t rps, think_us;
	struct pace asks;    /* of rps, from start_us */
	struct pace ramp;    /* of hold: how many are held when */
	uint32_t n_first;    /* held ones that had their turn */
	double stagger_us;   /* between the first requests of two */
	uint64_t start_us, pause_us;
	uint64_t end_us;     /* no request of a held connection begins then */
	bool parking, finished, stopping;
	bool ramps;  /* as ramp says, else those of hold are all opened first */
	bool mixed;  /* --mix: connections are struct mixed_conn */
	bool paused; /* `stop`: opens nothing until `start` */
	uint8_t hopeless_class;
	bool hopeless; /* what is to be parked can't be, or there is no way to the server: open no more */
	FILE *out;
	struct hist hist[N_HIST];
	uint64_t status[STATUS_MAX]; /* of responses that were no success */
	struct wrong wrong[WRONGS];
	struct lost lost[N_FAILURES][TALLY_LAST]; /* the latest, round and round */
	uint32_t n_lost[N_FAILURES];
	struct tern_info first; /* of the first connection, when it was there; mss 0: none was */
	char text[MIX_HEAD_MAX]; /* a request with numbers in its path */
	struct class_run of[];
};

/** Of `all`, what is worker i's of n. */
static inline uint64_t
client_share(uint64_t all, unsigned int n, unsigned int i)
{
	return all / n + (i < all % n);
}

static inline const struct mix_class *
client_class(const struct client_conn *cc)
{
	return &mix.of[cc->class];
}

/** Something happened. The list needs no order finer than that. */
static inline void
client_touch(struct client *cl, struct client_conn *cc)
{
	slab_touch(&cc->i, tern_now_us(cl->w));
}

/* role_client.c */
/** ADDR:PORT[,COUNT], an IPv6 address in brackets. @return 0 or -EINVAL after a line. */
int client_endpoint(const char *val, struct tern_endpoint *e, uint16_t *ports);
/** The load begins, if what is to be parked and held is there. */
void client_ready(struct client *cl);
/** --cps and what belongs to it. @return 0 or -EINVAL after a line. */
int client_check_pace(const struct options *o);

/* client_set.c */
extern const struct knob client_knobs[];
#define CLIENT_KNOBS 3u
int client_accepting(struct stack *s, struct tern_worker *w, bool on);

/* client_conn.c */
/** Open cc. @return 0, -EADDRNOTAVAIL or -ENOMEM: not now; other errors: never. */
int client_connect(struct client_conn *cc);
/** What a send without mbuf, a bounded visit or a lack of ports left for later. */
void client_go_on(struct item *it);
/** A held connection that thinks sends its next request. due_us: it was to. */
void client_ask(struct client_conn *cc, uint64_t due_us);
/** The run is over: a held connection that thinks closes, as done if it was answered. */
void client_leave(struct client_conn *cc);
/** Nothing happened for --timeout-ms. */
void client_late(struct item *it);
/** The connection ended, or was given up, as `what` of the counters. */
void client_gone(struct client_conn *cc, unsigned int what);
/** The run is over. */
void client_cut(struct client_conn *cc);
/** Until a time: while it thinks it is not among those that nothing happens on. first: before those that wait. */
void client_rest(struct client *cl, struct client_conn *cc, uint64_t until_us, bool first);
void client_end_rest(struct client *cl, struct client_conn *cc);
/* What a connection does next, for those of a mix. */
void client_next(struct client_conn *cc);
void client_send(struct client_conn *cc);
void client_read(struct client_conn *cc);
void client_shake(struct client_conn *cc);
void client_connected(struct tern_conn *c, void *user);
void client_closed(struct tern_conn *c, void *user, int err);

/* client_mix.c: what only connections of a mix do */
extern const struct tern_ops client_mix_ops; /* of classes that are special */
/** All that there may be. */
void mixed_init(struct client *cl);
/** The class of one that is opened; that could not be. */
void mixed_pick(struct client_conn *cc);
void mixed_unpick(struct client_conn *cc);
/** Its class has one more of this counter. */
void mixed_count(struct client_conn *cc, unsigned int k);
/** It ended as `what`. */
void mixed_gone(struct client_conn *cc, unsigned int what);
/** A response is whole. */
void mixed_answered(struct client_conn *cc);
/** client_send() of a special one. */
void mixed_send(struct client_conn *cc);
/** Until the next request. */
void mixed_think(struct client_conn *cc);
/** n bytes went or came. @return whether the next must wait. */
bool mixed_pause(struct client_conn *cc, uint32_t n, uint32_t rate);
/** It is open: does its kind ask nothing? */
bool mixed_opened(struct client_conn *cc);
/** Its time of silence is over. */
void mixed_end(struct client_conn *cc);

/* client_report.c */
/** cc, which still has its handle or never had one, fails as `what`. */
void client_lost(struct client_conn *cc, unsigned int what);
void client_wrong(struct client *cl, const char *what);
/** us within which the share q of them all was; 3 % more at most. */
uint64_t client_quantile(const struct stack *s, unsigned int which, double q);
void client_tally(const struct stack *s, struct tally *t);
bool client_tally_class(const struct stack *s, unsigned int i, const char **name, struct tally *t);
/** @return what failed. */
uint64_t client_report(const struct stack *s);
#endif
