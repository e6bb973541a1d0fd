/* SPDX-License-Identifier: BSD-3-Clause */
/* See head.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <rte_common.h>
#include "head.h"

#define PART 16u     /* one connection of so many may have a head in pieces */
#define PARTS_MIN 64u
#define PARTS_MAX 4096u
#define LOOK 1024u /* bytes looked at first: of a pipeline a few requests, not all of it for each */

int
heads_init(struct heads *hs, struct stack *st, struct tern_worker *w, uint32_t n)
{
	const uint32_t parts = RTE_MIN(RTE_MAX(n / PART, PARTS_MIN), PARTS_MAX);
	struct head *h = calloc(parts, sizeof(*h));
	uint32_t i;

	if (!h) {
		complain("no memory for %u message heads: lower --max-conns", parts);
		return -ENOMEM;
	}
	st->heads[tern_worker_index(w)] = h;
	for (i = 0; i < parts; i++) {
		h[i].next = hs->free;
		hs->free = &h[i];
	}
	return 0;
}

void
head_drop(struct heads *hs, struct head **part)
{
	if (!*part)
		return;
	(*part)->next = hs->free;
	hs->free = *part;
	*part = NULL;
}

/* More of a head that began in h. */
static ssize_t
go_on(struct head *h, struct item *i, char **p)
{
	size_t len;
	ssize_t n;

	if (h->off) {
		memmove(h->data, h->data + h->off, h->len - h->off);
		h->len -= h->off;
		h->off = 0;
	}
	do { /* TLS gives a record at a time */
		n = item_recv(i, h->data + h->len, sizeof(h->data) - h->len);
		if (n > 0)
			h->len += n;
		len = http_head_len(h->data, h->len, &h->scanned);
	} while (!len && n > 0 && i->tls && h->len < sizeof(h->data));
	*p = h->data;
	return len ? (ssize_t)len : h->len == sizeof(h->data) ? -1 : 0;
}

/* What is read by TLS can't stay where it is. */
static ssize_t
begin_tls(struct heads *hs, struct head **part, struct item *i, char **p)
{
	struct head *h = hs->free;
	ssize_t len;

	if (!h)
		return 0;
	hs->free = h->next;
	h->off = h->len = h->scanned = 0;
	*part = h;
	len = go_on(h, i, p);
	if (!h->len)
		head_drop(hs, part);
	return len;
}

ssize_t
head_get(struct heads *hs, struct head **part, struct item *i, char **p)
{
	struct tern_conn *c = i->c;
	struct head *h = *part;
	size_t scanned = 0, len;
	ssize_t n;

	*p = hs->look;
	if (unlikely(h != NULL)) {
		*p = h->data + h->off;
		len = http_head_len(*p, h->len - h->off, &h->scanned); /* the next of a pipeline? */
		return len ? (ssize_t)len : go_on(h, i, p);
	}
	if (unlikely(i->tls != NULL))
		return begin_tls(hs, part, i, p);
	n = tern_peek(c, hs->look, LOOK);
	len = n > 0 ? http_head_len(hs->look, n, &scanned) : 0;
	if (len || n <= 0)
		return len;
	if (n == LOOK) {
		n = tern_peek(c, hs->look, sizeof(hs->look));
		len = http_head_len(hs->look, n, &scanned);
	}
	if (len || n == sizeof(hs->look))
		return len ? (ssize_t)len : -1;
	h = hs->free;
	if (!h)
		return 0;
	hs->free = h->next;
	*part = h;
	h->off = 0;
	h->scanned = scanned;
	h->len = tern_recv(c, h->data, n);
	return 0;
}

void
head_done(struct heads *hs, struct head **part, struct item *i, size_t len)
{
	struct head *h = *part;

	if (likely(!h)) {
		tern_recv(i->c, hs->look, len);
		return;
	}
	h->off += len;
	h->scanned = 0;
	if (h->off == h->len)
		head_drop(hs, part);
}

size_t
head_rest(const struct head *part, const char **p)
{
	if (likely(!part))
		return 0;
	*p = part->data + part->off;
	return part->len - part->off;
}
