/* SPDX-License-Identifier: BSD-3-Clause */
/* See pfilter.h: in place of pfilter.c. */
#include <errno.h>
#include <stdio.h>
#include "pfilter.h"

int
pfilter_make(const char *text, struct pfilter **f, char *why, size_t size)
{
	*f = NULL;
	if (!*text)
		return 0;
	snprintf(why, size, "this tern was built without libpcap, which filters need: leave '%.64s' out", text);
	return -EINVAL;
}

bool
pfilter_takes(const struct pfilter *f, const struct rte_mbuf *m)
{
	return true;
}

bool
pfilter_takes_conn(const struct pfilter *f, const struct tern_endpoint *local, const struct tern_endpoint *remote)
{
	return true;
}

void
pfilter_free(struct pfilter *f)
{
}
