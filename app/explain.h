/* SPDX-License-Identifier: BSD-3-Clause */
/* tern explain: scenes (scenes.c) that two stacks play over a wire that explain.c holds in its hands. */
#ifndef EXPLAIN_H
#define EXPLAIN_H
#include <stdint.h>

enum step_kind {
	NOTE, /* text */
	DO,   /* act, n; text: the call, as it is printed */
	SEE, /* packet, fate; n: the slot that keeps it, or of one that arrives its number, 0: any; text: why. The
	       * next one of its direction must be it */
	ARE,   /* packet: the client's state, text: the server's */
	PAUSE, /* n ms pass, and nothing is sent; text: why */
	END
};

enum act {
	LISTEN, /* n: backlog */
	ACCEPT,
	CONNECT,      /* the client, from port n */
	CONNECT_BACK, /* the server, from port 80 to the client's port n */
	SEND,         /* the client, n bytes */
	ANSWER,       /* the server, n bytes */
	CLOSE,        /* the client */
	CLOSE_SERVER,
	SHUT, /* the client: shutdown(SHUT_WR) */
	READ, /* the client, all */
	READ_SERVER,
	RELEASE, /* the packet in slot n arrives */
	FLOOD,   /* n SYNs from other ports, made of the packet in slot 0 */
	QUEUES,  /* what the server's listener holds is printed */
};

enum fate { PASS, LOSE, HOLD, COPY }; /* HOLD: it is under way for long; COPY: it arrives, and once more later */

/** packet: '>' client to server, '<' back; then flags as tcpdump's, without P. */
struct step {
	uint8_t what, how;
	int32_t n;
	const char *packet, *text;
};

struct scene {
	const char *name, *title, *rfc;
	uint32_t time_wait_ms; /* 0: a second, for a minute */
	uint32_t rcv_buf;      /* of both, 0: as it is */
	const struct step *steps;
};
extern const struct scene scenes[];
extern const unsigned int n_scenes;

/** tern explain [SCENE ...]. @return the exit status: 1 when a scene went otherwise than it is told. */
int explain(int argc, char **argv);
#endif
