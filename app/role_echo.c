/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Echo (RFC 862) with half-close: everything comes back, then the FIN does. The received mbufs are sent as they are,
 * but where less fits the send buffer; nothing is read that could not be sent, so the peer's window closes.
 */
#include <rte_mbuf.h>
#include "role.h"

#define MBUF_LEN_MAX ((size_t)UINT16_MAX) /* no segment holds more */

struct echo_conn {
	struct item i;
	struct rte_mbuf *held;
};

/* Less than an mbuf fits. */
static size_t
send_copy(struct tern_conn *c, size_t space)
{
	uint8_t buf[2048];
	const ssize_t n = tern_peek(c, buf, RTE_MIN(space, sizeof(buf)));
	const ssize_t sent = n > 0 ? tern_send(c, buf, n, 0) : 0;

	return sent > 0 ? tern_recv(c, buf, sent) : 0;
}

static void
pump(struct tern_conn *c, void *user)
{
	struct echo_conn *ec = user;
	struct server *v = ec->i.owner;
	unsigned int visit = VISIT_MBUFS;
	struct rte_mbuf *m;
	size_t space, wait, len;

	while ((wait = tern_recv_queued(c)) > 0 || ec->held) {
		space = tern_send_space(c);
		if (space == 0) { /* nothing is taken that could not be sent: so the peer's window closes, and its
				   * memory stays its own */
			tern_want_writable(c);
			return;
		}
		if (!slab_spend(&v->slab, &ec->i, &visit))
			return;
		if (!ec->held && space < RTE_MIN(wait, MBUF_LEN_MAX)) {
			len = send_copy(c, space);
			if (!len)
				return; /* writable() follows */
		} else {
			m = ec->held;
			if (!m && tern_recv_mbufs(c, &m, 1) <= 0)
				return;
			len = m->pkt_len;
			ec->held = tern_send_mbuf(c, m) ? m : NULL;
			if (ec->held)
				return; /* writable() or closed() follows */
		}
		v->n[SERVER_DONE] += len;
	}
	if (tern_recv_eof(c))
		server_close(&ec->i);
}

static void
gone(struct item *it)
{
	rte_pktmbuf_free(((struct echo_conn *)it)->held);
}

static const struct server_ops ops = {
	.conn = {.readable = pump, .writable = pump, .closed = server_closed},
	.state = sizeof(struct server),
	.item = sizeof(struct echo_conn),
	.clear = sizeof(struct echo_conn) - sizeof(struct item),
	.gone = gone,
};

static uint64_t
report(const struct stack *s)
{
	printf("echo: %lu connections, %lu bytes back, %lu ended by an error\n", role_sum(s, SERVER_CONNS),
	       role_sum(s, SERVER_DONE), role_sum(s, SERVER_FAILED));
	return 0;
}

const struct role role_echo = {
	.name = "echo",
	.help = "send everything back (RFC 862), half-close included",
	.takes = LISTEN_OPTIONS,
	.done = "bytes",
	.server = &ops,
	.start = server_start,
	.poll = server_poll,
	.drain = server_drain,
	.accepting = server_accepting,
	.report = report,
};
