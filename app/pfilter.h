/* SPDX-License-Identifier: BSD-3-Clause */
/* tcpdump's filters for frames, as libpcap compiles them. pfilter_none.c: when tern was built without it. */
#ifndef PFILTER_H
#define PFILTER_H
#include <stdbool.h>
#include <stddef.h>
#include <rte_mbuf.h>
#include "tern.h"

struct pfilter;

/** @return 0 and *f, NULL of an empty text: all; or -EINVAL and why, a line without newline. */
int pfilter_make(const char *text, struct pfilter **f, char *why, size_t size);
/** NULL takes all. Of a frame in several segments the filter sees the first 2 kB. */
bool pfilter_takes(const struct pfilter *f, const struct rte_mbuf *m);
/** Would it take some segment between these two? */
bool pfilter_takes_conn(const struct pfilter *f, const struct tern_endpoint *local, const struct tern_endpoint *remote);
void pfilter_free(struct pfilter *f);
#endif
