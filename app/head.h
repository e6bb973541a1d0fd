/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Message heads that come in pieces. Nearly all heads are whole at the first look and are read where they are, in the
 * receive queue. What is not whole is moved to a buffer and each byte of it is looked at once, however small the
 * pieces.
 */
#ifndef HEAD_H
#define HEAD_H
#include "http.h"
#include "role.h"

struct head {
	struct head *next; /* of those that are free */
	size_t off, len;   /* data[off .. len) is not done with */
	size_t scanned;    /* from off */
	char data[HTTP_HEAD_MAX];
};

/** The buffers of a worker: fewer than connections. With none free a head stays in the queue, and is looked at
 *  again. */
struct heads {
	struct head *free;
	char look[HTTP_HEAD_MAX];
};

/** Room for heads of n connections. @return 0 or -ENOMEM after one line. The memory is the stack's. */
int heads_init(struct heads *hs, struct stack *st, struct tern_worker *w, uint32_t n);
/** The next head that i's peer sent, at *p until the next call. *part is the connection's, at first NULL.
 *  @return its length; 0: not all of it is there; -1: it is longer than HTTP_HEAD_MAX. */
ssize_t head_get(struct heads *hs, struct head **part, struct item *i, char **p);
/** len bytes of what head_get() or head_rest() gave are done with. */
void head_done(struct heads *hs, struct head **part, struct item *i, size_t len);
/** What came with a head and is not of it: to be taken before what c has. @return how much. */
size_t head_rest(const struct head *part, const char **p);
/** The connection is gone. */
void head_drop(struct heads *hs, struct head **part);
#endif
