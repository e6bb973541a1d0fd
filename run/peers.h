/* SPDX-License-Identifier: BSD-3-Clause */
/* Several processes on one tap device, see peers.c. */
#ifndef PEERS_H
#define PEERS_H
#include <stdbool.h>
#include <stdint.h>
#include "tern.h"

/** What a datagram between them is. */
enum peers_kind {
	PEERS_HELLO,
	PEERS_READY,
	PEERS_LEAVING,
	PEERS_LEFT,      /* the answer: nothing follows that needs an answer */
	PEERS_BOUND,     /* a frame that is perhaps for who gets it */
	PEERS_NEIGHBOUR, /* a frame that teaches a MAC address */
	PEERS_ASK,       /* who listens there? An endpoint follows, here and in the answer */
	PEERS_LISTENS,
	PEERS_CONN, /* a record of tern_accept_export() */
};
#define PEERS_MAX 320000u /* bytes of one: a connection's receive buffer, as it is by default */

/** Before the device is made: a place among those who are on tap, and what conf needs for it. @return a descriptor to
 *  close when there is the device: until then no other one makes it; or a negative errno after a line. */
int peers_join(const char *tap, struct tern_conf *conf);
/** Is somebody else on it, or about to be? */
bool peers_others(void);
/** Is somebody about to be? */
bool peers_coming(void);
/** @return 0: it is there; -EAGAIN: its queue is full; -ECONNREFUSED: it is gone; -EMSGSIZE. */
int peers_give(unsigned int to, enum peers_kind kind, const void *data, uint32_t len);
/** To all. */
void peers_tell(enum peers_kind kind, const void *data, uint32_t len);
/** This process will be gone soon. */
void peers_leave(void);
/** Has somebody not heard it yet, who may give it something? */
bool peers_unheard(void);
/** Is nobody else there who stays, but somebody about to come? */
bool peers_to_come(void);
/** In a turn of the worker: what others have received for us. The first says that this process is ready. */
void peers_turn(void);
/** Readable: there is some. -1: nobody can join. */
int peers_fd(void);
/** In a child that has no part in it. */
void peers_forget(void);
#endif
