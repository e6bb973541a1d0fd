/* SPDX-License-Identifier: BSD-3-Clause */
/* The client's connections (client_conn.c), when they are opened (role_client.c) and what is said of them
 * (client_report.c). */
#ifndef CLIENT_H
#define CLIENT_H
#include "head.h"
#include "pace.h"
#include "requests.h"
#include "role.h"

#define HIST_BITS 5 /* 32 buckets per power of two: a quantile is right to 3 % */
#define HIST_SIZE (40u << HIST_BITS)
#define STATUS_MAX 600
#define WRONGS 8 /* reasons counted apart; those beyond are one with the last */

/* What the client is told, beside struct requests. */
struct plan {
	struct tern_endpoint connect;
	uint16_t connect_ports;
	uint32_t cps, concurrency, park;
	uint32_t ramp_up_ms, ramp_down_ms;
	enum { ARRIVALS_CONSTANT, ARRIVALS_POISSON } arrivals;
	uint64_t total;
	uint32_t timeout_ms;
	bool latency;
	const char *http_path, *output;
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
	N_COUNT
};

/*
 * Times of a connection: the response's is always kept, the others with --latency. With --cps a connection's time
 * begins when it was to start, whenever its SYN was sent: a server that stalls makes those late that wait for it
 * unsent, too. _SENT: from the SYN on.
 */
enum { HIST_CONNECT, HIST_WHOLE, HIST_RESPONSE, HIST_CONNECT_SENT, HIST_WHOLE_SENT, N_HIST };
#define LATE_US 1000u

struct hist {
	uint32_t n[HIST_SIZE];
	uint64_t max_us;
};

struct wrong {
	const char *what; /* compared by address */
	uint64_t n;
};

/* item.seen_us: something happened, to an eighth of the timeout; the longest idle comes first on the active list. */
struct client_conn {
	struct item i;      /* c is NULL while the rest of the requests waits for a new connection */
	struct head *part;  /* of a response */
	uint64_t due_us;    /* its time */
	uint64_t opened_us; /* the SYN */
	uint64_t asked_us;  /* the request in progress */
	uint32_t asked, answered; /* requests */
	uint32_t before;    /* of them over earlier connections */
	uint32_t sent;      /* bytes of the request in progress */
	uint64_t got;       /* bytes of the response in progress */
	int64_t want;       /* its length; -1: as its chunks say, or until FIN */
	struct http_chunks chunks;
	bool connected;
	bool sending; /* the request in progress is not all sent */
	bool begun;   /* some of the response was read */
	bool body;    /* the response's head is in */
	bool chunked;
	bool keep;   /* the server will take another request */
	bool parked; /* stays idle */
};

struct client {
	uint64_t n[N_COUNT];
	struct stack *s;
	struct tern_worker *w;
	struct slab slab;
	struct items idle; /* the parked ones */
	struct heads heads;
	uint64_t total, cps; /* this worker's share */
	struct pace pace;    /* of cps, from start_us */
	uint32_t concurrency, park, parked;
	uint64_t start_us, pause_us;
	uint64_t slack_us; /* an eighth of the timeout; without one no touch is worth it */
	uint16_t next_port;
	uint64_t n_parking; /* opened until the idle ones were there */
	bool parking, finished, stopping;
	bool paused; /* `stop`: opens nothing until `start` */
	bool hopeless; /* what is to be parked can't be, or there is no way to the server: open no more */
	char request[2][HTTP_PATH_MAX + 256]; /* [1]: the last of a connection */
	uint32_t request_len[2];
	FILE *out;
	struct hist hist[N_HIST];
	uint64_t status[STATUS_MAX]; /* of responses that were no success */
	struct wrong wrong[WRONGS];
};

/* role_client.c */
/** What was parked is there, the load begins. */
void client_begin(struct client *cl);
/** --cps and what belongs to it. @return 0 or -EINVAL after a line. */
int client_check_pace(const struct options *o);

/* client_set.c */
extern const struct knob client_knobs[];
#define CLIENT_KNOBS 2u
int client_accepting(struct stack *s, struct tern_worker *w, bool on);

/* client_conn.c */
/** Open cc. @return 0, -EADDRNOTAVAIL or -ENOMEM: not now; other errors: never. */
int client_connect(struct client_conn *cc);
/** What a send without mbuf, a bounded visit or a lack of ports left for later. */
void client_go_on(struct item *it);
/** Nothing happened for --timeout-ms. */
void client_late(struct item *it);
/** The connection ended, or was given up, as `what` of the counters. */
void client_gone(struct client_conn *cc, unsigned int what);
/** The run is over. */
void client_cut(struct client_conn *cc);

/* client_report.c */
void client_latency(struct client *cl, unsigned int which, uint64_t us);
void client_wrong(struct client *cl, const char *what);
/** us within which the share q of them all was; 3 % more at most. */
uint64_t client_quantile(const struct stack *s, unsigned int which, double q);
/** @return what failed. */
uint64_t client_report(const struct stack *s);
#endif
