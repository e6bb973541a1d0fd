/* SPDX-License-Identifier: BSD-3-Clause */
/* The scenarios of fail.c. Those that no struct talk describes are in scenes_alone.c. */
#include <sys/uio.h>
#include "fail.h"
#include "scenes.h"

/* --- what the stack is told ---------------------------------------------------------------------------------- */

static void
cookies(void)
{
	bed.conf.tcp.cookie_mode = TERN_COOKIE_ALWAYS;
}

static void
no_sack(void)
{
	bed.conf.tcp.sack = bed.conf.tcp.timestamps = false;
}

static void
no_chains(void)
{
	bed.tx_multi_seg = false;
}

static void
device_cuts(void)
{
	bed.tx_tso = true;
}

static void
device_joins(void)
{
	bed.tx_tso = true;
	bed.conf.tcp.snd_buf = 16384;
}

static void
small_buffers(void)
{
	bed.conf.tcp.snd_buf = bed.conf.tcp.rcv_buf = 4096;
}

static void
dctcp(void)
{
	bed.conf.tcp.cc = TERN_CC_DCTCP;
}

static void
growing_buffers(void)
{
	bed.conf.tcp.rcv_buf = bed.conf.tcp.snd_buf = 8192;
	bed.conf.tcp.rcv_buf_max = bed.conf.tcp.snd_buf_max = 65536;
}

static void
short_patience(void)
{
	bed.conf.tcp.snd_buf = 2048; /* something is left to send when the other is gone */
	bed.conf.tcp.user_timeout_ms = 20000;
}

/* RTO is 3 s after a SYN that went out twice (RFC 6298 5.7), and the path takes some timeouts to be known. */
static void
long_patience(void)
{
	bed.conf.tcp.user_timeout_ms = 350000;
}

/* --- what the wire loses ------------------------------------------------------------------------------------- */

/* The fifth, seventh, ninth and eleventh segment: holes. */
static bool
lose_some(const struct frame *f, uint64_t nth, void *arg)
{
	return nth >= 5 && nth <= 11 && nth & 1;
}

static bool
lose_one(const struct frame *f, uint64_t nth, void *arg)
{
	return nth == 6;
}

/* The handshake's first of each kind, and the FIN. */
static bool
lose_ends(const struct frame *f, uint64_t nth, void *arg)
{
	return nth == 1 || ((f->flags & FIN) && nth < 6);
}

/* Everything, once both ends are open and received what there was before. */
static bool
lose_all(const struct frame *f, uint64_t nth, void *arg)
{
	static uint64_t last_us;
	static bool gone;

	if (bed.now_us < last_us || nth == 1)
		gone = false; /* another run */
	last_us = bed.now_us;
	gone |= sides[0].s && sides[1].s && sides[0].s->rx_pos > 100 && sides[1].s->rx_pos > 100;
	return gone;
}

/* A path that takes no large segments and says nothing: a black hole (RFC 2923 2.1). */
static bool
lose_large(const struct frame *f, uint64_t nth, void *arg)
{
	return f->len > 1240;
}

/* --- calls ----------------------------------------------------------------------------------------------------- */

static uint8_t text[1 << 16];

/* The next len bytes of the stream of s. */
static const uint8_t *
stream(const struct sock *s, size_t *len)
{
	*len = RTE_MIN(*len, sizeof(text));
	for (size_t i = 0; i < *len; i++)
		text[i] = pat(s->tx_pos + i);
	return text;
}

static ssize_t
went(struct sock *s, ssize_t n)
{
	s->tx_pos += RTE_MAX(n, 0);
	return n;
}

static ssize_t
send_urgent(struct sock *s, size_t len)
{
	const uint8_t *p = stream(s, &len);

	return went(s, tern_send(s->c, p, len, TERN_SEND_URGENT));
}

static ssize_t
send_vector(struct sock *s, size_t len)
{
	const uint8_t *p = stream(s, &len);
	const struct iovec iov[3] = {{(void *)(uintptr_t)p, len / 3}, {(void *)(uintptr_t)(p + len / 3), len / 3},
				     {(void *)(uintptr_t)(p + 2 * (len / 3)), len - 2 * (len / 3)}};

	return went(s, tern_sendv(s->c, iov, 3, TERN_SEND_MORE));
}

static struct tern_ref ref;
static bool ref_set;
static uint8_t referred[1 << 16];

/* The stream's bytes from where they lie. */
static ssize_t
send_ref(struct sock *s, size_t len)
{
	if (s->tx_pos == 1 && !ref_set) {
		ref_set = true;
		for (uint32_t i = 0; i < sizeof(referred); i++)
			referred[i] = pat(1 + i);
		CHECK_EQ(tern_ref_init(&ref, referred, sizeof(referred), NULL, NULL), 0);
	}
	return went(s, tern_send_ref(s->c, &ref, referred + s->tx_pos - 1, len, 0));
}

/* A chain of two, of the worker's own mbufs. */
static ssize_t
send_mbuf(struct sock *s, size_t len)
{
	struct tern_worker *w = tern_conn_worker(s->c);
	struct rte_mbuf *m = tern_mbuf_alloc(w), *more = m ? tern_mbuf_alloc(w) : NULL;
	int rc;

	if (!more) {
		if (m)
			tern_mbuf_free(w, m);
		return -ENOBUFS;
	}
	len = RTE_MIN(len, 1400u);
	memcpy(rte_pktmbuf_append(m, len / 2), stream(s, &len), len / 2);
	memcpy(rte_pktmbuf_append(more, len - len / 2), text + len / 2, len - len / 2);
	CHECK_EQ(rte_pktmbuf_chain(m, more), 0);
	rc = tern_send_mbuf(s->c, m);
	if (rc)
		rte_pktmbuf_free(m);
	return went(s, rc ? rc : (ssize_t)len);
}

/* One that somebody else holds, too. */
static ssize_t
send_shared(struct sock *s, size_t len)
{
	struct rte_mbuf *m = tern_mbuf_alloc(tern_conn_worker(s->c));
	int rc;

	if (!m)
		return -ENOBUFS;
	len = RTE_MIN(len, 1000u);
	memcpy(rte_pktmbuf_append(m, len), stream(s, &len), len);
	rte_mbuf_refcnt_update(m, 1);
	rc = tern_send_mbuf(s->c, m);
	if (rc)
		rte_pktmbuf_free(m);
	rte_pktmbuf_free(m);
	return went(s, rc ? rc : (ssize_t)len);
}

static size_t
recv_mbufs(struct sock *s)
{
	struct rte_mbuf *m[4];
	size_t sum = 0;
	int n;

	while ((n = tern_recv_mbufs(s->c, m, RTE_DIM(m))) > 0) {
		for (int i = 0; i < n; i++) {
			const uint8_t *p = rte_pktmbuf_mtod(m[i], const uint8_t *);

			for (uint32_t k = 0; k < m[i]->pkt_len; k++)
				CHECK(p[k] == pat(s->rx_pos + k));
			s->rx_pos += m[i]->pkt_len;
			sum += m[i]->pkt_len;
			tern_mbuf_free(tern_conn_worker(s->c), m[i]);
		}
	}
	return sum;
}

/* Only every second of time: the window closes meanwhile, and is probed. */
static size_t
recv_late(struct sock *s)
{
	return bed.now_us / SEC % 4 == 0 ? (size_t)RTE_MAX(sock_recv(s, 1500), 0) : 0;
}

static void
linger(struct sock *s, unsigned int end)
{
	CHECK_EQ(tern_setopt(s->c, TERN_OPT_LINGER_MS, 20000), 0);
}

static void
listener_lingers(struct tern_listener *l)
{
	CHECK_EQ(tern_listen_setopt(l, TERN_OPT_LINGER_MS, 20000), 0);
}

static void
keepalive(struct sock *s, unsigned int end)
{
	CHECK_EQ(tern_setopt(s->c, TERN_OPT_KEEPIDLE_S, 5), 0);
	CHECK_EQ(tern_setopt(s->c, TERN_OPT_KEEPINTVL_S, 2), 0);
	CHECK_EQ(tern_setopt(s->c, TERN_OPT_KEEPCNT, 3), 0);
	CHECK_EQ(tern_setopt(s->c, TERN_OPT_KEEPALIVE, 1), 0);
}

/* --- the list ---------------------------------------------------------------------------------------------------- */

const struct talk talks[] = {
	{"open, client closes", .how = {DONE, LAST}},
	{"server closes", .how = {LAST, DONE}, .bytes = {100, 100}},
	{"half-close", .how = {SHUT, SHUT}, .bytes = {3000, 3000}},
	{"simultaneous close", .how = {SHUT, SHUT}, .delay_us = 5 * MS},
	{"client aborts", .how = {ABORT, LAST}, .bytes = {500, 3000}, .err = {-ECONNABORTED, -ECONNRESET}},
	{"server aborts", .how = {LAST, ABORT}, .bytes = {3000, 500}, .err = {-ECONNRESET, -ECONNABORTED}},
	{"data both ways", .how = {SHUT, SHUT}, .bytes = {12000, 12000}, .delay_us = 2 * MS},
	{"no chains", .conf = no_chains, .how = {SHUT, SHUT}, .bytes = {10000, 0}, .delay_us = 2 * MS},
	{"device cuts", .conf = device_cuts, .how = {SHUT, SHUT}, .bytes = {30000, 10000}, .delay_us = 2 * MS},
	{"small buffers, late reader", .conf = small_buffers, .how = {SHUT, LAST}, .bytes = {12000, 0},
	 .recv = recv_late},
	{"growing buffers", .conf = growing_buffers, .how = {SHUT, SHUT}, .bytes = {70000, 0}, .delay_us = 20 * MS},
	{"holes, SACK", .how = {SHUT, SHUT}, .bytes = {20000, 0}, .delay_us = 2 * MS, .drop = {lose_some}},
	{"holes, no SACK", .conf = no_sack, .how = {SHUT, SHUT}, .bytes = {20000, 0}, .delay_us = 2 * MS,
	 .drop = {lose_some}},
	{"one loss, device cuts", .conf = device_joins, .how = {SHUT, SHUT}, .bytes = {24000, 0}, .delay_us = 2 * MS,
	 .drop = {lose_one}},
	{"SYN, SYN-ACK and FIN lost", .how = {SHUT, SHUT}, .bytes = {100, 100}, .drop = {lose_ends, lose_ends}},
	{"black hole", .conf = long_patience, .how = {SHUT, SHUT}, .bytes = {8000, 0}, .delay_us = 2 * MS,
	 .drop = {lose_large}},
	{"DCTCP", .conf = dctcp, .how = {SHUT, SHUT}, .bytes = {8000, 1000}, .delay_us = MS, .drop = {lose_one}},
	{"urgent", .how = {SHUT, SHUT}, .bytes = {5000, 100}, .send = send_urgent},
	{"vector, more", .how = {SHUT, SHUT}, .bytes = {5000, 100}, .send = send_vector},
	{"references", .how = {SHUT, SHUT}, .bytes = {9000, 0}, .send = send_ref},
	{"references, device cuts", .conf = device_cuts, .how = {SHUT, SHUT}, .bytes = {50000, 0}, .send = send_ref},
	{"mbufs", .how = {DONE, LAST}, .bytes = {6000, 3000}, .send = send_mbuf, .recv = recv_mbufs},
	{"shared mbufs", .how = {SHUT, LAST}, .bytes = {4000, 0}, .send = send_shared, .recv = recv_mbufs},
	{"shared mbufs, device cuts", .conf = device_cuts, .how = {SHUT, SHUT}, .bytes = {4000, 0},
	 .send = send_shared},
	{"cookies", .conf = cookies, .how = {SHUT, SHUT}, .bytes = {500, 500}},
	{"linger", .how = {DONE, SHUT}, .bytes = {5000, 0}, .opened = linger, .listening = listener_lingers},
	{"three in a row", .how = {DONE, LAST}, .bytes = {100, 100}, .times = 3},
	{"peer vanishes", .conf = short_patience, .how = {DONE, LAST}, .bytes = {30000, 30000},
	 .err = {-ETIMEDOUT, -ETIMEDOUT}, .drop = {lose_all, lose_all}},
	{"keep-alive", .how = {STAYS, STAYS}, .bytes = {100, 100}, .err = {-ETIMEDOUT, -ETIMEDOUT}, .opened = keepalive,
	 .drop = {lose_all, lose_all}},
	{"simultaneous open", .alone = alone_simultaneous_open},
	{"Fast Open", .alone = alone_fastopen},
	{"refused", .alone = alone_refused},
	{"no neighbour", .alone = alone_no_neighbour},
	{"neighbour asked again", .alone = alone_neighbour_again},
	{"listener closed", .alone = alone_listener},
	{"TIME-WAIT opened again", .alone = alone_reopen},
	{"ping, fragments, port unreachable", .alone = alone_icmp},
	{"TCP in fragments", .alone = alone_fragments},
	{"scarce mbufs", .alone = alone_scarce},
	{"timers", .alone = alone_timers},
};
const unsigned int n_talks = RTE_DIM(talks);
