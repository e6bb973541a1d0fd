/* SPDX-License-Identifier: BSD-3-Clause */
/* Discard (RFC 863): read and count until the peer's FIN, then close. */
#include <rte_mbuf.h>
#include "role.h"

static void
pump(struct tern_conn *c, void *user)
{
	struct item *it = user;
	struct server *v = it->owner;
	unsigned int visit = VISIT_MBUFS;
	struct rte_mbuf *m;

	while (slab_spend(&v->slab, it, &visit) && tern_recv_mbufs(c, &m, 1) > 0) {
		v->n[SERVER_DONE] += m->pkt_len;
		tern_mbuf_free(tern_conn_worker(c), m);
	}
	if (tern_recv_eof(c))
		server_close(it);
}

static const struct server_ops ops = {
	.conn = {.readable = pump, .closed = server_closed},
	.state = sizeof(struct server),
	.item = sizeof(struct item),
};

static uint64_t
report(const struct stack *s)
{
	printf("discard: %lu connections, %lu bytes, %lu ended by an error\n", role_sum(s, SERVER_CONNS),
	       role_sum(s, SERVER_DONE), role_sum(s, SERVER_FAILED));
	return 0;
}

const struct role role_discard = {
	.name = "discard",
	.help = "read everything, answer nothing (RFC 863)",
	.takes = LISTEN_OPTIONS,
	.done = "bytes",
	.server = &ops,
	.start = server_start,
	.poll = server_poll,
	.drain = server_drain,
	.accepting = server_accepting,
	.report = report,
};
