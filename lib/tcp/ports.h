/* SPDX-License-Identifier: BSD-3-Clause */
/* The local addresses and ports of a worker's active opens. Theory of operation: tcp/portset.c. */
#ifndef PORTS_H
#define PORTS_H
#include <stdint.h>
#include "base/pool.h"

struct ports {
	uint32_t n_connects, local_next; /* which local address tern_connect() takes */
	struct pool pool;		 /* of struct portset */
	struct homes *homes;
	struct portset **hash, *last; /* last: the one used last, NULL after its end */
};
#endif
