/* SPDX-License-Identifier: BSD-3-Clause */
/* Scenarios that are more than one connection between two applications. What is lost for want of memory is asked
 * for again by whoever misses it. */
#include "../unit/icmperr.h"
#include "fail.h"
#include "scenes.h"

#define A (&bed.n[0])
#define B (&bed.n[1])
#define TRIES 32 /* more than fail in a row */
#define L3 (bed.af == 4 ? 20u : 40u)

/* Memory is back after so long. */
#define PATIENCE SEC

static bool
is_over(const struct sock *s)
{
	return s->closed || s->ended;
}

static void
listen_b(void)
{
	for (unsigned int i = 0; i < TRIES && !B->l[0]; i++)
		if (node_listen(B, SRV_PORT, 4, &B->l[0])) {
			CHECK(fail_hits() > 0);
			advance_us(PATIENCE);
		}
	CU_ASSERT_FATAL(B->l[0] != NULL);
}

/* node_connect(), again until there is memory. */
static struct sock *
connect_a(uint16_t rport, uint16_t lport)
{
	struct sock *s;
	int rc = -1;

	for (unsigned int i = 0; i < TRIES && rc; i++) {
		rc = node_connect(rport, lport, &s);
		if (rc) {
			CHECK(rc == -ENOMEM || rc == -EADDRNOTAVAIL);
			CHECK(fail_hits() > 0);
			advance_us(PATIENCE);
		}
	}
	CU_ASSERT_FATAL(rc == 0);
	return s;
}

static struct sock *
accept_b(void)
{
	struct sock *s = NULL;

	for (unsigned int i = 0; i < 100 && !s; i++) {
		advance_us(i < 10 ? 100 * MS : SEC);
		s = sock_accept(B);
	}
	CHECK(s != NULL);
	return s;
}

static void
send_all(struct sock *s, uint32_t len)
{
	for (unsigned int i = 0; i < 200 && s->c && len; i++) {
		const ssize_t n = sock_send(s, len);

		if (n > 0)
			len -= n;
		else
			advance_us(20 * MS);
	}
	CHECK_EQ(len, 0);
}

static void
recv_all(struct sock *s, uint32_t len)
{
	for (unsigned int i = 0; i < 400 && s->c && s->rx_pos < 1 + len; i++) {
		sock_recv_all(s);
		advance_us(100 * MS);
	}
	CHECK_EQ(s->rx_pos, 1 + len);
}

/* Both directions are closed, one after the other, and both are told so. */
static void
close_both(struct sock *a, struct sock *b)
{
	if (!a->c || !b->c) {
		CHECK(false);
		return;
	}
	sock_close(a);
	for (unsigned int i = 0; i < 200 && !tern_recv_eof(b->c); i++)
		advance_us(100 * MS);
	CHECK(tern_recv_eof(b->c));
	sock_close(b);
	for (unsigned int i = 0; i < 200 && !(is_over(a) && is_over(b)); i++)
		advance_us(100 * MS);
	CHECK(is_over(a) && is_over(b));
	CHECK_EQ(a->err, 0);
	CHECK_EQ(b->err, 0);
}

/* --- opening ---------------------------------------------------------------------------------------------------- */

static struct sock *
connect_b(uint16_t rport, uint16_t lport)
{
	struct sock *s = sock_new(B);
	struct tern_endpoint l = {.af = bed.af, .port = htons(lport)}, r;

	tern_addr(&r, rport);
	if (tern_connect(TW_(B), &l, &r, &sock_ops, s, &s->c)) {
		CHECK(fail_hits() > 0);
		s->c = NULL;
	}
	return s;
}

void
alone_simultaneous_open(void)
{
	struct sock *a = NULL, *b = NULL;

	bed.dir[0].delay_us = bed.dir[1].delay_us = 5 * MS;
	for (unsigned int i = 0; i < TRIES && !(a && b && a->c && b->c); i++) {
		a = connect_a(6000 + i, 5000 + i);
		b = connect_b(5000 + i, 6000 + i);
		if (!b->c) { /* nobody is there */
			sock_abort(a);
			advance_us(PATIENCE);
		}
	}
	for (unsigned int i = 0; i < 100 && !(a->connected && b->connected); i++)
		advance_us(100 * MS);
	CHECK_EQ(a->connected, 1);
	CHECK_EQ(b->connected, 1);
	send_all(a, 100);
	send_all(b, 300);
	recv_all(b, 100);
	recv_all(a, 300);
	close_both(a, b);
}

/* @return bytes that were taken, or -1: none, and there will be no end of it to be told. */
static ssize_t
open_with(struct sock *s, size_t len)
{
	uint8_t data[1400];
	struct tern_endpoint r;
	ssize_t n;

	for (size_t i = 0; i < len; i++)
		data[i] = pat(1 + i);
	peer_addr(&r, SRV_PORT);
	n = tern_connect_fastopen(TW_(A), NULL, &r, &sock_ops, s, data, len, &s->c);
	if (n >= 0) {
		s->tx_pos += n;
		return n;
	}
	CHECK(n == -ENOMEM || n == -EADDRNOTAVAIL || n == -ENOBUFS);
	CHECK(fail_hits() > 0);
	s->c = NULL;
	advance_us(PATIENCE);
	CHECK_EQ(s->ended + s->closed, 0); /* it was told by the call */
	return -1;
}

/* The first brings a cookie, the second has data in its SYN. */
void
alone_fastopen(void)
{
	struct sock *a, *b;

	listen_b();
	CHECK_EQ(tern_listen_setopt(B->l[0], TERN_OPT_FASTOPEN, 4), 0);
	for (unsigned int k = 0; k < 2; k++) {
		ssize_t n = -1;

		for (unsigned int i = 0; i < TRIES && n < 0; i++) {
			a = sock_new(A);
			n = open_with(a, k ? 1000 : 0);
		}
		CU_ASSERT_FATAL(n >= 0);
		b = accept_b();
		if (!b)
			return;
		send_all(a, (k ? 1200 : 200) - n);
		recv_all(b, k ? 1200 : 200);
		send_all(b, 500);
		recv_all(a, 500);
		close_both(a, b);
	}
	CHECK(bed.n[1].w->stats[STAT_TFO_PASSIVE] == 1 || fail_hits());
}

void
alone_refused(void)
{
	struct sock *a = connect_a(SRV_PORT + 1, 0);

	for (unsigned int i = 0; i < 200 && !is_over(a); i++)
		advance_us(100 * MS);
	CHECK_EQ(a->closed, 1);
	CHECK_EQ(a->err, -ECONNREFUSED);
}

/* --- neighbours ------------------------------------------------------------------------------------------------- */

/* Nobody has that address. */
void
alone_no_neighbour(void)
{
	struct tern_endpoint r;
	struct sock *s;
	int rc = -1;

	peer_addr(&r, SRV_PORT);
	r.addr[bed.af == 4 ? 3 : 15] = 77;
	for (unsigned int i = 0; i < TRIES && rc; i++) {
		s = sock_new(A);
		rc = tern_connect(TW_(A), NULL, &r, &sock_ops, s, &s->c);
		if (rc) {
			CHECK(fail_hits() > 0);
			s->c = NULL;
			advance_us(PATIENCE);
		}
	}
	for (unsigned int i = 0; i < 400 && !is_over(s); i++)
		advance_us(SEC);
	CHECK_EQ(s->err, -EHOSTUNREACH);
}

/* After a pause what is known of the neighbour is old: it is asked again. */
void
alone_neighbour_again(void)
{
	struct sock *a, *b;

	listen_b();
	a = connect_a(SRV_PORT, 0);
	b = accept_b();
	if (!b)
		return;
	for (unsigned int i = 0; i < 3; i++) {
		advance_us(90 * SEC);
		send_all(a, 400);
		recv_all(b, 400 * (i + 1));
		send_all(b, 400);
		recv_all(a, 400 * (i + 1));
	}
	close_both(a, b);
}

/* --- listeners --------------------------------------------------------------------------------------------------- */

/* One connection waits to be accepted, one is half open. Both are over, and the port may be listened on again. */
void
alone_listener(void)
{
	struct sock *a, *half, *b;

	listen_b();
	a = connect_a(SRV_PORT, 0);
	for (unsigned int i = 0; i < 100 && !a->connected; i++)
		advance_us(100 * MS);
	half = connect_a(SRV_PORT, 0);
	worker_run(A->w); /* its SYN is out, if there was an mbuf, and no more */
	tern_listener_close(B->l[0]);
	B->l[0] = NULL;
	for (unsigned int i = 0; i < 400 && !(is_over(a) && is_over(half)); i++) {
		if (a->c && i > 1)
			sock_send(a, 1); /* a RST that found no mbuf is made again when something comes */
		advance_us(100 * MS);
	}
	CHECK_EQ(a->err, -ECONNRESET);
	CHECK_EQ(half->err, -ECONNREFUSED);
	listen_b();
	a = connect_a(SRV_PORT, 0);
	b = accept_b();
	if (b)
		close_both(a, b);
}

/* The same two ports again while the server keeps a TIME-WAIT (RFC 6191). */
void
alone_reopen(void)
{
	struct sock *a, *b;

	listen_b();
	for (unsigned int i = 0; i < 3; i++) {
		a = connect_a(SRV_PORT, 5000);
		b = accept_b();
		if (!b)
			return;
		send_all(a, 100);
		recv_all(b, 100);
		close_both(b, a);
	}
}

/* --- what is not TCP --------------------------------------------------------------------------------------------- */

/* IP header for n bytes of proto from node 1 at p, in front of p + 14 + L3. */
static void
put_head(uint8_t *p, uint8_t proto, uint16_t n, uint16_t id, uint16_t frag)
{
	uint8_t *ip = p + 14;

	memcpy(p, "\2\0\0\0\0\1\2\0\0\0\0\2", 12);
	put16(p + 12, bed.af == 4 ? 0x0800 : 0x86dd);
	memset(ip, 0, L3);
	if (bed.af == 4) {
		ip[0] = 0x45;
		put16(ip + 2, 20 + n);
		put16(ip + 4, id);
		put16(ip + 6, frag);
		ip[8] = 64;
		ip[9] = proto;
		put_addr(ip + 12, 2);
		put_addr(ip + 16, 1);
		put16(ip + 10, ~fold(sum16(ip, 20, 0)));
		return;
	}
	ip[0] = 0x60;
	put16(ip + 4, n);
	ip[6] = proto;
	ip[7] = 64;
	put_addr(ip + 8, 2);
	put_addr(ip + 24, 1);
}

/* n bytes of proto in d, in fragments of `step`; 0: in one piece. */
static void
tx_datagram(const uint8_t *d, uint16_t n, uint8_t proto, uint16_t step, uint16_t id)
{
	uint8_t p[1600];

	for (uint32_t off = 0; off < n; off += step) {
		const uint16_t k = step ? RTE_MIN(step, n - off) : n;
		const bool more = off + k < n;
		uint8_t *at = p + 14 + L3;

		if (step && bed.af == 6) {
			memset(at, 0, 8);
			at[0] = proto;
			put16(at + 2, off | more);
			put16(at + 6, id);
			at += 8;
		}
		memcpy(at, d + off, k);
		put_head(p, step && bed.af == 6 ? 44 : proto, at + k - p - 14 - L3, id,
			 step ? off / 8 | (more ? 0x2000 : 0) : 0);
		tx_raw(p, at + k - p);
		if (!step)
			return;
	}
}

/* Checksum of n bytes of proto at d, whose field is at d + at. */
static void
sum_l4(uint8_t *d, uint16_t n, uint8_t proto, uint16_t at)
{
	uint8_t p[64] = {0};

	put_head(p, proto, n, 0, 0);
	put16(d + at, 0);
	put16(d + at, proto == 1 ? ~fold(sum16(d, n, 0)) : ~l4_sum(p + 14, d, n, proto));
}

static void
ping(uint16_t len, uint16_t id)
{
	static uint8_t d[4096];
	const uint8_t proto = bed.af == 4 ? 1 : 58;

	memset(d, 0, 8);
	d[0] = bed.af == 4 ? 8 : 128;
	for (uint32_t i = 8; i < len; i++)
		d[i] = i;
	sum_l4(d, len, proto, 2);
	tx_datagram(d, len, proto, len > 1400 ? 1400 : 0, id);
}

/* Each of them is answered, or lost like a packet: who asks again is answered. */
void
alone_icmp(void)
{
	struct sock *a, *b;
	uint8_t udp[16] = {0, 99, 0, 99, 0, 16};
	uint16_t id = 1;

	listen_b();
	a = connect_a(SRV_PORT, 5000);
	b = accept_b();
	if (!b)
		return;
	for (unsigned int i = 0; i < TRIES && !STAT(ECHO_REPLY); i++, advance_us(100 * MS))
		ping(64, id++);
	CHECK_EQ(STAT(ECHO_REPLY), 1);
	for (unsigned int i = 0; i < 2 * TRIES && !STAT(FRAG_OUT); i++, advance_us(100 * MS))
		ping(4000, id++);
	CHECK_EQ(STAT(FRAG_OUT), 3);
	sum_l4(udp, 16, 17, 6);
	for (unsigned int i = 0; i < 2 * TRIES && !STAT(PORT_UNREACH); i++, advance_us(100 * MS))
		tx_datagram(udp, 16, 17, 0, id++);
	CHECK_EQ(STAT(PORT_UNREACH), 1);
	send_all(a, 3000);
	recv_all(b, 3000);
	close_both(a, b);
}

/* A SYN and text whose datagrams were cut on their way. */
void
alone_fragments(void)
{
	uint8_t p[1600];
	uint16_t n, id = 1;

	for (unsigned int i = 0; i < TRIES && !A->l[0]; i++)
		if (node_listen(A, SRV_PORT, 4, &A->l[0]))
			CHECK(fail_hits() > 0);
	for (unsigned int i = 0; i < TRIES && !STAT(REASM_OK); i++, advance_us(PATIENCE)) {
		n = peer_build(p, SYN, 0, 0, 600) - 14 - L3;
		tx_datagram(p + 14 + L3, n, 6, 256, id++);
	}
	CHECK(STAT(REASM_OK) >= 1);
}

/* --- memory, time ----------------------------------------------------------------------------------------------- */

/* So little is left that everybody has a limit, and then nothing: text on trial, small mbufs, the starved. */
void
alone_scarce(void)
{
	struct sock *a, *b;

	listen_b();
	a = connect_a(SRV_PORT, 0);
	b = accept_b();
	if (!b)
		return;
	mbufs_take(A->mp->size / 8 + 40);
	advance_us(2 * MS);
	send_all(a, 3000);
	send_all(b, 6000);
	recv_all(b, 3000);
	recv_all(a, 6000);
	mbufs_take(A->mp->size / 8 - 1);
	advance_us(2 * MS);
	b->auto_read = a->auto_read = true;
	send_all(a, 600);
	send_all(b, 1000);
	recv_all(b, 3600);
	recv_all(a, 7000);
	mbufs_give();
	close_both(a, b);
}

static unsigned int fired;

static void
on_fire(struct tern_timer *t, void *arg)
{
	fired++;
	if (fired < 3)
		CHECK_EQ(tern_timer_start(A->w, t, SEC), 0);
}

/* The application's need no memory but their own. */
void
alone_timers(void)
{
	struct tern_timer t;

	fired = 0;
	tern_timer_init(&t, on_fire, NULL);
	CHECK_EQ(tern_timer_start(A->w, &t, SEC), 0);
	advance_us(10 * SEC);
	CHECK_EQ(fired, 3);
}
