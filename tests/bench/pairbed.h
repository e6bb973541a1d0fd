/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Short connections between pairwire.h's two ends. PACKETS 8: the handshake's ACK goes alone and the client closes;
 * 6: the ACK carries the request, the server closes with its response and has the TIME-WAIT. For insn.c, expire.c and
 * lines.c.
 */
#ifndef PAIRBED_H
#define PAIRBED_H
#include "pairwire.h"

#define SIZE 64
#define OPEN_MAX 256u

static struct tern_conn *ask[OPEN_MAX]; /* connected, request to be sent in the next turn */
static unsigned int n_ask, open_now, packets;
static uint64_t done, failed;
static unsigned int open_burst = BURST; /* connections begun in a turn, at most */

static bool
took(struct tern_conn *c)
{
	struct rte_mbuf *m;

	if (tern_recv_mbufs(c, &m, 1) <= 0)
		return false;
	rte_pktmbuf_free(m);
	return true;
}

static void
server_readable(struct tern_conn *c, void *user)
{
	static const char response[SIZE];

	if (took(c)) {
		tern_send(c, response, SIZE, 0);
		if (packets == 6) {
			tern_close(c);
			return;
		}
	}
	if (tern_recv_eof(c))
		tern_close(c);
}

static void
acceptable(struct tern_listener *l, void *user)
{
	static const struct tern_ops ops = {.readable = server_readable};
	struct tern_conn *c;

	while (tern_accept(l, &ops, NULL, &c, 1))
		if (tern_recv_queued(c))
			server_readable(c, NULL);
}

static void
request(struct tern_conn *c)
{
	static const char text[SIZE];

	tern_send(c, text, SIZE, 0);
}

static void
connected(struct tern_conn *c, void *user)
{
	if (packets == 8)
		ask[n_ask++] = c;
	else
		request(c);
}

static void
client_readable(struct tern_conn *c, void *user)
{
	if (!took(c) || (packets == 6 && !tern_recv_eof(c)))
		return;
	tern_close(c);
	open_now--;
	done++;
}

static void
client_closed(struct tern_conn *c, void *user, int err)
{
	open_now--;
	failed++;
}

__attribute__((noinline)) void
server_turn(void)
{
	input(0);
}

__attribute__((noinline)) void
client_turn(void)
{
	static const struct tern_ops ops = {
		.connected = connected, .readable = client_readable, .closed = client_closed};
	const struct tern_endpoint to = {.af = TERN_AF_INET, .port = htons(80), .addr = {198, 51, 100, 254}};
	struct tern_conn *c;
	unsigned int i;

	for (i = 0; i < n_ask; i++)
		request(ask[i]);
	n_ask = 0;
	input(1);
	for (i = 0; i < open_burst && open_now < OPEN_MAX; i++) {
		if (tern_connect(ends[1], NULL, &to, &ops, NULL, &c))
			break;
		open_now++;
	}
}

static void
short_init(struct tern_conf *conf)
{
	static const struct tern_listener_ops ops = {.acceptable = acceptable};

	pair_init(conf, &ops);
}
#endif
