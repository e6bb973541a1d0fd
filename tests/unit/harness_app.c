/* SPDX-License-Identifier: BSD-3-Clause */
/* What runs on the harness's nodes: sockets that remember their events, and fixtures that come from real handshakes. */
#include <errno.h>
#include <string.h>
#include "harness.h"

/* --- applications ------------------------------------------------------------------------------------------- */

static void
on_connected(struct tern_conn *c, void *user)
{
	struct sock *s = user;

	s->connected++;
}

static void
pump_send(struct sock *s)
{
	while (s->c && s->to_send) {
		const ssize_t n = sock_send(s, RTE_MIN(s->to_send, (uint64_t)4096));

		if (n <= 0)
			return;
		s->to_send -= n;
	}
}

struct tern_conn *
sock_take(struct sock *s)
{
	struct tern_conn *c = s->c;

	s->gave_up = c && c->ops == &sock_ops;
	s->c = NULL;
	return c;
}

static void
on_readable(struct tern_conn *c, void *user)
{
	struct sock *s = user;

	s->readable++;
	if (s->auto_read)
		sock_recv_all(s);
	if (s->auto_close && tern_recv_eof(c)) {
		tern_close(sock_take(s));
	}
}

static void
on_writable(struct tern_conn *c, void *user)
{
	struct sock *s = user;

	s->writable++;
	pump_send(s);
}

static void
on_closed(struct tern_conn *c, void *user, int err)
{
	struct sock *s = user;

	check_at(s->c == c, __FILE__, __LINE__, "closed() of a handle that was given up");
	s->closed++;
	s->err = err;
	s->c = NULL;
}

static void
on_ended(struct tern_worker *w, void *user, int err)
{
	struct sock *s = user;

	s->ended++;
	s->err = err;
}

const struct tern_ops sock_ops = {
	.connected = on_connected,
	.readable = on_readable,
	.writable = on_writable,
	.closed = on_closed,
	.ended = on_ended,
};

static void
on_acceptable(struct tern_listener *l, void *user)
{
	struct node *n = user;
	struct sock *s;

	n->acceptable++;
	if (!n->auto_accept)
		return;
	while ((s = sock_accept(n)))
		s->auto_read = s->auto_close = true;
}

static const struct tern_listener_ops listen_ops = {.acceptable = on_acceptable};

static bool
sock_is_free(const struct sock *s)
{
	return !s->c && s->ended >= s->gave_up; /* else ended() is still to come */
}

struct sock *
sock_new(struct node *n)
{
	struct sock *s = NULL;

	for (unsigned int i = 0; i < RTE_DIM(n->s) && !s; i++)
		if (sock_is_free(&n->s[i]))
			s = i >= n->n_socks ? &n->s[i] : NULL;
	if (!s) {
		n->n_socks = 0; /* all used once: reuse the first that is free */
		for (unsigned int i = 0; i < RTE_DIM(n->s) && !s; i++)
			s = sock_is_free(&n->s[i]) ? &n->s[i] : NULL;
	}
	if (!check_at(s != NULL, __FILE__, __LINE__, "more sockets than the harness has"))
		exit(1);
	n->n_socks = s - n->s + 1;
	memset(s, 0, sizeof(*s));
	s->tx_pos = s->rx_pos = 1;
	return s;
}

int
node_listen(struct node *n, uint16_t port, int backlog, struct tern_listener **l)
{
	struct tern_endpoint e;

	if (n == &bed.n[0])
		tern_addr(&e, port);
	else
		peer_addr(&e, port);
	return tern_listen(TW_(n), &e, backlog, &listen_ops, n, l);
}

int
node_connect(uint16_t rport, uint16_t lport, struct sock **sp)
{
	struct sock *s = sock_new(&bed.n[0]);
	struct tern_endpoint l = {.af = bed.af, .port = htons(lport)}, r;
	int rc;

	peer_addr(&r, rport);
	rc = tern_connect(TW_(&bed.n[0]), &l, &r, &sock_ops, s, &s->c);
	if (rc)
		s->c = NULL;
	*sp = s;
	return rc;
}

struct sock *
sock_accept(struct node *n)
{
	struct sock *s;

	for (unsigned int i = 0; i < RTE_DIM(n->l); i++) {
		if (!n->l[i])
			continue;
		s = sock_new(n);
		if (tern_accept(n->l[i], &sock_ops, s, &s->c, 1))
			return s;
		n->n_socks--;
	}
	return NULL;
}

ssize_t
sock_send(struct sock *s, size_t len)
{
	static uint8_t buf[1 << 20];
	ssize_t n;

	if (!check_at(s->c != NULL, __FILE__, __LINE__, "send on a closed socket"))
		return -EBADF;
	len = RTE_MIN(len, sizeof(buf));
	for (size_t i = 0; i < len; i++)
		buf[i] = pat(s->tx_pos + i);
	n = tern_send(s->c, buf, len, 0);
	if (n > 0)
		s->tx_pos += n;
	return n;
}

ssize_t
sock_recv(struct sock *s, size_t len)
{
	static uint8_t buf[1 << 20];
	ssize_t n;

	if (!check_at(s->c != NULL, __FILE__, __LINE__, "receive on a closed socket"))
		return -EBADF;
	n = tern_recv(s->c, buf, RTE_MIN(len, sizeof(buf)));
	for (ssize_t i = 0; i < n; i++)
		if (buf[i] != pat(s->rx_pos + i)) {
			check_at(false, __FILE__, __LINE__, "byte %u of the stream is wrong",
				 (uint32_t)(s->rx_pos + i));
			break;
		}
	if (n > 0)
		s->rx_pos += n;
	return n;
}

size_t
sock_recv_all(struct sock *s)
{
	size_t sum = 0;
	ssize_t n;

	while ((n = sock_recv(s, 1 << 20)) > 0)
		sum += n;
	return sum;
}

void
sock_shutdown(struct sock *s)
{
	if (check_at(s->c != NULL, __FILE__, __LINE__, "shutdown of a closed socket"))
		CHECK_EQ(tern_shutdown(s->c, TERN_SHUT_WR), 0);
	run();
}

void
sock_close(struct sock *s)
{
	struct tern_conn *c = sock_take(s);

	if (check_at(c != NULL, __FILE__, __LINE__, "close of a closed socket"))
		tern_close(c);
	run();
}

void
sock_abort(struct sock *s)
{
	struct tern_conn *c = sock_take(s);

	if (check_at(c != NULL, __FILE__, __LINE__, "abort of a closed socket"))
		tern_abort(c);
	run();
}

unsigned int
sock_state(const struct sock *s)
{
	struct tern_info i;

	if (!s->c)
		return TERN_CLOSED;
	tern_conn_info(s->c, &i, sizeof(i));
	return i.state;
}

static void
take_state(struct tobj *o, void *arg)
{
	*(unsigned int *)arg = o->state;
}

unsigned int
state_now(void)
{
	unsigned int st = bed.n[0].l[0] ? TERN_LISTEN : TERN_CLOSED;

	CHECK(W->table.count <= 1);
	table_walk(&W->table, take_state, &st);
	return st;
}

/* --- fixtures ----------------------------------------------------------------------------------------------- */

void
fx_listen(void)
{
	bed_start();
	CU_ASSERT_EQUAL_FATAL(node_listen(&bed.n[0], SRV_PORT, 16, &bed.n[0].l[0]), 0);
	peer.nxt = peer.tern_nxt = peer.tern_una = 0;
}

void
fx_half_open(void)
{
	if (!bed.started || !bed.n[0].l[0])
		fx_listen();
	tx(SYN, 0, 0, 0);
	expect(SYN | ACK, 0, 1, 0);
	peer.nxt = peer.tern_nxt = 1;
	peer.tern_una = 0;
}

struct sock *
fx_established(void)
{
	struct sock *s;

	fx_half_open();
	tx(ACK, 1, 1, 0);
	expect_silence();
	s = sock_accept(&bed.n[0]);
	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	CHECK_EQ(sock_state(s), TERN_ESTABLISHED);
	peer.tern_una = 1;
	return s;
}

struct sock *
fx_close_wait(void)
{
	struct sock *s = fx_established();

	tx(FIN | ACK, 1, 1, 0);
	expect_at(ACK, 1, 2, 0, 0, 500 * MS);
	peer.nxt = 2;
	CHECK_EQ(sock_state(s), TERN_CLOSE_WAIT);
	return s;
}

void
fx_last_ack(void)
{
	struct sock *s = fx_close_wait();

	sock_close(s);
	expect(FIN | ACK, 1, 2, 0);
	peer.tern_nxt = 2;
	CHECK_EQ(state_now(), TERN_LAST_ACK);
}

struct sock *
fx_fin_wait_1(void)
{
	struct sock *s = fx_established();

	sock_shutdown(s);
	expect(FIN | ACK, 1, 1, 0);
	peer.tern_nxt = 2;
	CHECK_EQ(sock_state(s), TERN_FIN_WAIT_1);
	return s;
}

struct sock *
fx_fin_wait_2(void)
{
	struct sock *s = fx_fin_wait_1();

	tx(ACK, 1, 2, 0);
	expect_silence();
	peer.tern_una = 2;
	CHECK_EQ(sock_state(s), TERN_FIN_WAIT_2);
	return s;
}

void
fx_closing(void)
{
	struct sock *s = fx_established();

	sock_close(s);
	expect(FIN | ACK, 1, 1, 0);
	peer.tern_nxt = 2;
	tx(FIN | ACK, 1, 1, 0);
	expect_at(ACK, 2, 2, 0, 0, 500 * MS);
	peer.nxt = 2;
	CHECK_EQ(state_now(), TERN_CLOSING);
}

void
fx_time_wait(void)
{
	struct sock *s = fx_established();

	sock_close(s);
	expect(FIN | ACK, 1, 1, 0);
	tx(FIN | ACK, 1, 2, 0);
	expect(ACK, 2, 2, 0);
	peer.nxt = peer.tern_nxt = peer.tern_una = 2;
	CHECK_EQ(state_now(), TERN_TIME_WAIT);
}

struct sock *
fx_syn_sent(void)
{
	struct sock *s;

	bed_start();
	peer.tern_port = 5000;
	CU_ASSERT_EQUAL_FATAL(node_connect(peer.port, 5000, &s), 0);
	run();
	expect(SYN, 0, 0, 0);
	peer.tern_nxt = 1;
	CHECK_EQ(sock_state(s), TERN_SYN_SENT);
	return s;
}

struct sock *
fx_syn_received(void)
{
	struct sock *s = fx_syn_sent();

	tx(SYN, 0, 0, 0);
	expect(SYN | ACK, 0, 1, 0);
	peer.nxt = 1;
	CHECK_EQ(sock_state(s), TERN_SYN_RECEIVED);
	return s;
}

struct sock *
fx_connected(void)
{
	struct sock *s = fx_syn_sent();

	tx(SYN | ACK, 0, 1, 0);
	expect(ACK, 1, 1, 0);
	peer.nxt = peer.tern_una = 1;
	CHECK_EQ(sock_state(s), TERN_ESTABLISHED);
	CHECK_EQ(s->connected, 1);
	return s;
}

static struct rte_mbuf *taken[8192];
static unsigned int n_taken;

void
mbufs_take(unsigned int n)
{
	while (rte_mempool_avail_count(bed.n[0].mp) > n && n_taken < RTE_DIM(taken))
		taken[n_taken++] = rte_pktmbuf_alloc(bed.n[0].mp);
}

void
mbufs_give(void)
{
	rte_pktmbuf_free_bulk(taken, n_taken);
	n_taken = 0;
}
