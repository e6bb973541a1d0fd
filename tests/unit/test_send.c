/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * When data and ACKs go out: Nagle in Minshall's variant, cork, more, quick ACKs at the start of a connection. RFC 9293
 * 3.7.4, RFC 5681 4.2.
 */
#include "harness.h"

#define MSS (bed.af == 4 ? 1460u : 1440u)

/* A large write's tail goes with it as long as no earlier small segment is unacknowledged. */
static void
test_minshall(void)
{
	struct sock *s = fx_established();

	CHECK_EQ(sock_send(s, MSS + 5), MSS + 5);
	run();
	expect(ACK, 1, 1, MSS);
	expect(ACK | PSH, 1 + MSS, 1, 5);
	CHECK_EQ(sock_send(s, MSS + 7), MSS + 7);
	run();
	expect(ACK, 6 + MSS, 1, MSS); /* full: goes */
	expect_silence();	      /* small, after a small one: waits */
	tx(ACK, 1, 1 + MSS, 0);	      /* the small one is not acknowledged yet */
	expect_silence();
	tx(ACK, 1, 6 + MSS, 0);
	expect(ACK | PSH, 6 + 2 * MSS, 1, 7);
	tx(ACK, 1, 13 + 2 * MSS, 0);
	expect_silence_for(SEC);
}

static void
test_cork(void)
{
	struct sock *s = fx_established();

	CHECK_EQ(tern_setopt(s->c, TERN_OPT_CORK, 1), 0);
	CHECK_EQ(tern_setopt(s->c, TERN_OPT_NODELAY, 1), 0); /* a cork is stronger */
	CHECK_EQ(sock_send(s, 10), 10);
	run();
	expect_silence_for(150 * MS);
	CHECK_EQ(sock_send(s, MSS), MSS);
	run();
	expect(ACK, 1, 1, MSS); /* a full segment is never held */
	expect_silence();
	CHECK_EQ(tern_setopt(s->c, TERN_OPT_CORK, 0), 0);
	run();
	expect(ACK | PSH, 1 + MSS, 1, 10);
	tx(ACK, 1, 11 + MSS, 0);
	expect_silence_for(SEC);
	CHECK_EQ(STAT(PROBES), 0);
}

/* A forgotten cork holds for 200 ms. */
static void
test_cork_expires(void)
{
	struct sock *s = fx_established();

	CHECK_EQ(tern_setopt(s->c, TERN_OPT_CORK, 1), 0);
	CHECK_EQ(sock_send(s, 10), 10);
	run();
	expect_after(ACK | PSH, 1, 1, 10, 200 * MS);
	tx(ACK, 1, 11, 0);
	CHECK_EQ(sock_send(s, 20), 20); /* and again */
	run();
	expect_after(ACK | PSH, 11, 1, 20, 200 * MS);
	tx(ACK, 1, 31, 0);
	expect_silence_for(SEC);
	CHECK_EQ(STAT(PROBES), 0);
}

/* A cork's timer comes after a tail loss probe's, and is not taken for one: every invariant is asked for here. */
static void
test_cork_after_probe(void)
{
	struct sock *s;

	peer.sack = true;
	s = fx_established();
	CHECK_EQ(tern_setopt(s->c, TERN_OPT_CORK, 1), 0);
	CHECK_EQ(sock_send(s, MSS), MSS);
	run();
	expect(ACK | PSH, 1, 1, MSS);
	advance_us(10 * MS);
	tx(ACK, 1, 1 + MSS, 0); /* a round trip is known: what is sent now has a probe's timer */
	CHECK_EQ(sock_send(s, MSS), MSS);
	run();
	expect(ACK | PSH, 1 + MSS, 1, MSS);
	tx(ACK, 1, 1 + 2 * MSS, 0);
	CHECK_EQ(sock_send(s, 10), 10);
	run();
	expect_after(ACK | PSH, 1 + 2 * MSS, 1, 10, 200 * MS);
	tx(ACK, 1, 11 + 2 * MSS, 0);
	expect_silence_for(SEC);
	CHECK_EQ(STAT(PROBES), 0);
}

/* The end of the data needs no uncorking. */
static void
test_cork_fin(void)
{
	struct sock *s = fx_established();

	CHECK_EQ(tern_setopt(s->c, TERN_OPT_CORK, 1), 0);
	CHECK_EQ(sock_send(s, 10), 10);
	sock_shutdown(s);
	run();
	expect(ACK | PSH | FIN, 1, 1, 10);
	tx(ACK, 1, 12, 0);
}

static ssize_t
send_more(struct sock *s, uint32_t len)
{
	uint8_t b[64];

	for (uint32_t i = 0; i < len; i++)
		b[i] = pat(s->tx_pos + i);
	s->tx_pos += len;
	return tern_send(s->c, b, len, TERN_SEND_MORE);
}

static void
test_more(void)
{
	struct sock *s = fx_established();

	CHECK_EQ(send_more(s, 10), 10);
	run();
	expect_silence();
	CHECK_EQ(send_more(s, 20), 20);
	run();
	expect_silence();
	CHECK_EQ(sock_send(s, 30), 30);
	run();
	expect(ACK | PSH, 1, 1, 60);
	tx(ACK, 1, 61, 0);
	CHECK_EQ(send_more(s, 10), 10); /* nothing follows */
	run();
	expect_after(ACK | PSH, 61, 1, 10, 200 * MS);
	tx(ACK, 1, 71, 0);
	expect_silence_for(SEC);
}

/* Corked data and a closed window: that is the persist timer's, not the cork's. */
static void
test_cork_zero_window(void)
{
	struct sock *s;

	peer.wnd = 1000;
	s = fx_established();
	CHECK_EQ(tern_setopt(s->c, TERN_OPT_CORK, 1), 0);
	CHECK_EQ(sock_send(s, 1010), 1010);
	run();
	expect(ACK, 1, 1, 1000);
	peer.wnd = 0;
	tx(ACK, 1, 1001, 0);
	expect_silence();
	CHECK(advance_to_frame(10 * SEC));
	CHECK_EQ(STAT(PROBES), 1);
	rx_flush();
	peer.wnd = 5000;
	tx(ACK, 1, 1001, 0);
	expect_at(ACK, 1001, 1, 10, 0, 2 * SEC);
	tx(ACK, 1, 1011, 0);
}

static struct sock *
established_quick(void)
{
	bed.conf.tcp.quickack = true;
	return fx_established();
}

/* The first 16 segments are acknowledged one by one, then every second or by the timer. */
static void
test_quick_start(void)
{
	struct sock *s = established_quick();
	uint32_t pos = 1;

	for (unsigned int i = 0; i < 16; i++, pos += 100) {
		tx(ACK, pos, 1, 100);
		expect(ACK, 1, pos + 100, 0);
	}
	tx(ACK, pos, 1, 100);
	expect_silence();
	expect_at(ACK, 1, pos + 100, 0, TICK_US, 500 * MS);
	sock_recv_all(s);
	expect_silence_for(SEC);
}

/* At once means at the end of the burst: an answer carries the ACK, and no second packet follows. */
static void
test_quick_rides(void)
{
	struct sock *s = established_quick();

	bed.corked = true;
	tx(ACK, 1, 1, 100);
	CHECK_EQ(sock_send(s, 50), 50);
	uncork();
	expect(ACK | PSH, 1, 101, 50);
	expect_silence();
	/* an exchange of questions and answers: from now on ACKs wait for them */
	tx(ACK, 101, 51, 100);
	expect_silence();
	expect_at(ACK, 51, 201, 0, TICK_US, 500 * MS);
	/* none came: quick again */
	tx(ACK, 201, 51, 100);
	expect(ACK, 51, 301, 0);
	sock_recv_all(s);
}

/* After a pause the peer starts slowly again. */
static void
test_quick_after_idle(void)
{
	struct sock *s = established_quick();
	uint32_t pos = 1;

	for (unsigned int i = 0; i < 17; i++, pos += 100)
		tx(ACK, pos, 1, 100);
	advance_us(SEC);
	rx_flush();
	tx(ACK, pos, 1, 100); /* within the RTO of 1 s and a bit: not a pause yet */
	advance_us(10 * SEC);
	rx_flush();
	pos += 100;
	for (unsigned int i = 0; i < 3; i++, pos += 100) {
		tx(ACK, pos, 1, 100);
		expect(ACK, 1, pos + 100, 0);
	}
	sock_recv_all(s);
}

/* Loss: the ACKs are what its repair waits for. */
static void
test_quick_after_loss(void)
{
	struct sock *s = established_quick();
	uint32_t pos = 1;

	for (unsigned int i = 0; i < 16; i++, pos += 100)
		tx(ACK, pos, 1, 100);
	rx_flush();
	tx(ACK, pos + 100, 1, 100);
	expect(ACK, 1, pos, 0);
	tx(ACK, pos, 1, 100);
	expect(ACK, 1, pos + 200, 0);
	pos += 200;
	tx(ACK, pos, 1, 100);
	expect(ACK, 1, pos + 100, 0);
	sock_recv_all(s);
}

static void
test_quick_off(void)
{
	struct sock *s = established_quick();

	CHECK_EQ(tern_setopt(s->c, TERN_OPT_QUICKACK, 3), -EINVAL);
	CHECK_EQ(tern_setopt(s->c, TERN_OPT_QUICKACK, TERN_QUICKACK_OFF), 0);
	tx(ACK, 1, 1, 100);
	expect_silence();
	CHECK_EQ(tern_setopt(s->c, TERN_OPT_QUICKACK, TERN_QUICKACK_AUTO), 0); /* also for what waits */
	run();
	expect(ACK, 1, 101, 0);
	tx(ACK, 101, 1, 100);
	expect(ACK, 1, 201, 0);
	sock_recv_all(s);
}

/* "Full-sized" is what the peer sends, also when it is less than it might be (RFC 5681 4.2). */
static void
test_delack_small_mss(void)
{
	struct sock *s = fx_established();
	uint32_t pos = 1;

	for (unsigned int i = 0; i < 8; i++) {
		tx(ACK, pos, 1, 1000);
		expect_silence();
		tx(ACK, pos + 1000, 1, 1000);
		pos += 2000;
		expect(ACK, 1, pos, 0);
		sock_recv_all(s);
		run();
		rx_flush();
	}
}

/* The packet of tern_send_mbuf()'s data, as the device gets it; the mbuf it points into. */
static const struct rte_mbuf *
shared_payload(const struct rte_mbuf *data)
{
	const struct rte_mbuf *m = W->ifs[0].n_tx ? W->ifs[0].tx[W->ifs[0].n_tx - 1] : NULL;

	if (!CHECK(m && m->next && !m->next->next))
		return NULL;
	CHECK(RTE_MBUF_CLONED(m->next));
	CHECK(rte_pktmbuf_mtod(m->next, char *) == rte_pktmbuf_mtod(data, char *));
	return rte_mbuf_from_indirect(m->next);
}

/* Data given as an mbuf is sent out of that mbuf: the queue and each packet under way hold it, nothing is copied, and
 * its last owner, the acknowledgement, frees it. */
static void
test_zero_copy(void)
{
	struct rte_mbuf *m;
	unsigned int before;
	struct sock *s;
	uint8_t *p;

	bed.tx_tso = true; /* a device that sums */
	s = fx_established();
	before = rte_mempool_avail_count(bed.n[0].mp);
	m = tern_mbuf_alloc(TW_(&bed.n[0]));
	CU_ASSERT_PTR_NOT_NULL_FATAL(m);
	p = (uint8_t *)rte_pktmbuf_append(m, MSS);
	CU_ASSERT_PTR_NOT_NULL_FATAL(p);
	for (uint32_t i = 0; i < MSS; i++)
		p[i] = pat(1 + i);
	CHECK_EQ(tern_send_mbuf(s->c, m), 0);
	s->tx_pos += MSS;
	CHECK_EQ(rte_mbuf_refcnt_read(m), 1);
	worker_run(W);
	CHECK(shared_payload(m) == m);
	CHECK_EQ(rte_mbuf_refcnt_read(m), 2); /* the queue's and the packet's */
	run();
	CHECK_EQ(rte_mbuf_refcnt_read(m), 1); /* the device is done */
	expect(ACK | PSH, 1, 1, MSS);
	expect_at(ACK | PSH, 1, 1, MSS, 100 * MS, 2 * SEC); /* lost: sent again from the same bytes */
	CHECK_EQ(rte_mbuf_refcnt_read(m), 1);
	CHECK_EQ(rte_mempool_avail_count(bed.n[0].mp), before - 1);
	tx(ACK, 1, 1 + MSS, 0);
	CHECK_EQ(rte_mempool_avail_count(bed.n[0].mp), before);
}

/* One mbuf with two references on two connections: each sends its own stream, nothing is lost, all of it is given
 * back. */
static void
test_shared_mbuf(void)
{
	struct rte_mbuf *m[3], *chain;
	struct peer first;
	struct sock *s[2];
	unsigned int before;

	fx_listen();
	before = rte_mempool_avail_count(bed.n[0].mp);
	for (unsigned int k = 0; k < 2; k++) {
		peer_new(1001 + k);
		tx(SYN, 0, 0, 0);
		expect(SYN | ACK, 0, 1, 0);
		tx(ACK, 1, 1, 0);
		s[k] = sock_accept(&bed.n[0]);
		CU_ASSERT_PTR_NOT_NULL_FATAL(s[k]);
		if (k == 0)
			first = peer;
	}
	for (uint32_t i = 0; i < 3; i++) { /* the middle one, alone, is sent on both; a chain too */
		m[i] = tern_mbuf_alloc(TW_(&bed.n[0]));
		CU_ASSERT_PTR_NOT_NULL_FATAL(m[i]);
		uint8_t *p = (uint8_t *)rte_pktmbuf_append(m[i], 600);
		for (uint32_t k = 0; k < 600; k++)
			p[k] = pat(1 + 600 * i + k);
	}
	chain = m[0];
	chain->next = m[1];
	chain->nb_segs = 2;
	chain->pkt_len = 1200;
	m[1]->next = NULL;
	rte_mbuf_refcnt_update(m[0], 1);
	rte_mbuf_refcnt_update(m[1], 1);
	for (unsigned int k = 0; k < 2; k++) {
		CHECK_EQ(tern_send_mbuf(s[k]->c, chain), 0);
		s[k]->tx_pos += 1200;
		CHECK_EQ(sock_send(s[k], 100 + k), 100 + k); /* what follows is this connection's only */
	}
	rte_pktmbuf_free(m[2]);
	run();
	for (const struct frame *f; (f = rx());)
		;
	for (unsigned int k = 0; k < 2; k++) {
		const struct peer now = peer;

		if (k == 0)
			peer = first;
		CHECK_EQ(tern_send_queued(s[k]->c), 1300 + k);
		tx(ACK, 1, 1 + 700, 0); /* half of a segment, then the rest again */
		rx_flush();
		CHECK(advance_to_frame(3 * SEC));
		rx_flush();
		tx(ACK, 1, 1 + 1300 + k, 0);
		CHECK_EQ(tern_send_queued(s[k]->c), 0);
		rx_flush();
		peer = now;
	}
	CHECK_EQ(rte_mempool_avail_count(bed.n[0].mp), before);
}

/* More pieces in a segment than the device takes: copied, into few. */
static void
test_many_pieces(void)
{
	struct rte_mbuf *head = NULL, *tail = NULL, *m;
	unsigned int before;
	struct sock *s;

	for (unsigned int sums = 0; sums < 2; sums++) {
		bed_down();
		bed_reset(bed.af);
		bed.tx_tso = sums;
		s = fx_established();
		W->ifs[0].tx_segs = 8;
		W->ifs[0].tso_segs = 12;
		before = rte_mempool_avail_count(bed.n[0].mp);
		head = NULL;
		for (uint32_t i = 0; i < 600; i++) { /* of five bytes */
			m = tern_mbuf_alloc(TW_(&bed.n[0]));
			CU_ASSERT_PTR_NOT_NULL_FATAL(m);
			for (uint32_t k = 0; k < 5; k++)
				*(uint8_t *)rte_pktmbuf_append(m, 1) = pat(1 + 5 * i + k);
			m->next = NULL;
			if (head)
				tail->next = m;
			else
				head = m;
			tail = m;
		}
		head->nb_segs = 600;
		head->pkt_len = 3000;
		CHECK_EQ(tern_send_mbuf(s->c, head), 0);
		s->tx_pos += 3000;
		worker_run(W);
		CHECK(W->ifs[0].n_tx > 0);
		for (unsigned int i = 0; i < W->ifs[0].n_tx; i++)
			CHECK(W->ifs[0].tx[i]->nb_segs <= (W->ifs[0].tx[i]->pkt_len > 1600 ? 12 : 8));
		run();
		for (const struct frame *f; (f = rx());) /* compared with pat() */
			CHECK(f->len > 0);
		tx(ACK, 1, 3001, 0);
		CHECK_EQ(tern_send_queued(s->c), 0);
		CHECK_EQ(rte_mempool_avail_count(bed.n[0].mp), before);
	}
}

/* Buffers that hold no segment, as of jumbo frames, and a device that sums nothing: what is attached is summed here,
 * odd pieces too; more pieces than the device takes are copied into a chain as long as it must be. */
static void
test_narrow_buffers(void)
{
	unsigned int segs, before, i, n;
	struct sock *s;

	for (segs = 3; segs <= 8; segs += 5) {
		bed_down();
		bed_reset(bed.af);
		bed.tx_tso = false;
		s = fx_established();
		before = rte_mempool_avail_count(bed.n[0].mp);
		W->ifs[0].tx_segs = segs;
		W->mbufs.init += 1401; /* data_off: 647 bytes are left */
		CHECK_EQ(sock_send(s, 4000), 4000);
		worker_run(W);
		n = 0;
		for (i = 0; i < W->ifs[0].n_tx; i++) {
			const struct rte_mbuf *m = W->ifs[0].tx[i];

			if (segs == 3)
				CHECK_EQ(m->nb_segs, (m->pkt_len - 14 + 646) / 647);
			else if (m->pkt_len > 1000) /* no question for the neighbour */
				CHECK(m->nb_segs >= 3 && m->nb_segs <= 5 && m->data_len < 100);
		}
		run();
		for (const struct frame *f; (f = rx());) /* text and checksum are looked at */
			n += f->len;
		CHECK_EQ(n, 4000);
		tx(ACK, 1, 4001, 0);
		CHECK_EQ(tern_send_queued(s->c), 0);
		W->mbufs.init -= 1401;
		CHECK_EQ(rte_mempool_avail_count(bed.n[0].mp), before);
	}
}

static void
counted(void *addr, void *arg)
{
	++*(unsigned int *)arg;
}

/* Memory of the application's own, more than a segment of it, is given back when all of it is acknowledged. */
static void
test_external(void)
{
	static uint8_t memory[8192];
	struct rte_mbuf_ext_shared_info info = {.free_cb = counted};
	unsigned int given_back = 0, before, k;
	struct rte_mbuf *m;
	struct sock *s;

	for (k = 0; k < 2; k++) {
		if (k)
			bed_reset(bed.af);
		bed.tx_tso = k; /* a device that sums, or copies */
		s = fx_established();
		before = rte_mempool_avail_count(bed.n[0].mp);
		given_back = 0;
		info.fcb_opaque = &given_back;
		rte_mbuf_ext_refcnt_set(&info, 1);
		for (uint32_t i = 0; i < 3 * MSS; i++)
			memory[100 + i] = pat(1 + i);
		m = tern_mbuf_alloc(TW_(&bed.n[0]));
		CU_ASSERT_PTR_NOT_NULL_FATAL(m);
		rte_pktmbuf_attach_extbuf(m, memory, RTE_BAD_IOVA, sizeof(memory), &info);
		m->data_off = 100;
		m->data_len = m->pkt_len = 3 * MSS;
		CHECK_EQ(tern_send_mbuf(s->c, m), 0);
		s->tx_pos += 3 * MSS;
		run();
		for (unsigned int i = 0; i < 3; i++)
			expect(ACK | (i == 2 ? PSH : 0), 1 + i * MSS, 1, MSS);
		tx(ACK, 1, 1 + 2 * MSS, 0);
		CHECK_EQ(given_back, 0);
		expect_at(ACK | PSH, 1 + 2 * MSS, 1, MSS, 100 * MS, 2 * SEC);
		tx(ACK, 1, 1 + 3 * MSS, 0);
		CHECK_EQ(given_back, 1);
		CHECK_EQ(rte_mempool_avail_count(bed.n[0].mp), before);
		bed_down();
	}
}

/* Packets of a segment of the queue that n hold already: are its bytes shared or copied? They arrive either way. */
static void
send_crowded(struct sock *s, const struct rte_mbuf *data, uint32_t len, bool shared)
{
	const char *p = rte_pktmbuf_mtod(data, char *);

	s->tx_pos += len;
	worker_run(W);
	CHECK(W->ifs[0].n_tx > 0);
	for (unsigned int i = 0; i < W->ifs[0].n_tx; i++) {
		const struct rte_mbuf *m = W->ifs[0].tx[i];

		if (m->pkt_len < 100) /* asks for the neighbour's address */
			continue;
		while (m->next && rte_pktmbuf_mtod(m->next, char *) >= p && rte_pktmbuf_mtod(m->next, char *) < p + len)
			m = m->next;
		CHECK_EQ(m == W->ifs[0].tx[i], !shared);
	}
	run();
	while (rx()) /* compared with pat() */
		;
	tx(ACK, 1, 1 + len, 0);
	CHECK_EQ(tern_send_queued(s->c), 0);
	rx_flush();
}

static struct rte_mbuf *
patterned(uint32_t len)
{
	struct rte_mbuf *m = tern_mbuf_alloc(TW_(&bed.n[0]));
	uint8_t *p;

	CU_ASSERT_PTR_NOT_NULL_FATAL(m);
	p = (uint8_t *)rte_pktmbuf_append(m, len);
	for (uint32_t i = 0; i < len; i++)
		p[i] = pat(1 + i);
	return m;
}

/* The count of who holds an mbuf has 16 bits. Near its end tern_send_mbuf() gives the reference up for a copy. */
static void
test_crowded_mbuf(void)
{
	struct rte_mbuf *m;
	unsigned int before;
	struct sock *s;

	bed.tx_tso = true;
	s = fx_established();
	before = rte_mempool_avail_count(bed.n[0].mp);
	m = patterned(MSS);
	rte_mbuf_refcnt_set(m, 65535);
	CHECK_EQ(tern_send_mbuf(s->c, m), 0);
	CHECK_EQ(rte_mbuf_refcnt_read(m), 65534);
	send_crowded(s, m, MSS, false);
	CHECK_EQ(rte_mbuf_refcnt_read(m), 65534);
	CHECK_EQ(rte_mempool_avail_count(bed.n[0].mp), before - 1);
	mbufs_take(0); /* no memory for it: stays the caller's, and writable() follows */
	CHECK_EQ(tern_send_mbuf(s->c, m), -ENOBUFS);
	CHECK_EQ(rte_mbuf_refcnt_read(m), 65534);
	mbufs_give();
	advance_us(10 * MS);
	CHECK_EQ(s->writable, 1);
	rte_mbuf_refcnt_set(m, 1);
	rte_pktmbuf_free(m);
	CHECK_EQ(rte_mempool_avail_count(bed.n[0].mp), before);
}

/* It has grown since: packets of the queue's mbuf are copies. */
static void
test_crowded_packets(void)
{
	struct rte_mbuf *m, *clone;
	unsigned int before;
	struct sock *s;

	bed.tx_tso = true;
	s = fx_established();
	before = rte_mempool_avail_count(bed.n[0].mp);
	m = patterned(MSS);
	rte_mbuf_refcnt_set(m, 2);
	CHECK_EQ(tern_send_mbuf(s->c, m), 0);
	clone = s->c->snd_head;
	CHECK(clone != m);
	CHECK_EQ(rte_mbuf_refcnt_read(m), 2);
	rte_mbuf_refcnt_set(m, 65535);
	send_crowded(s, m, MSS, false);
	CHECK_EQ(rte_mbuf_refcnt_read(m), 65534);
	rte_mbuf_refcnt_set(m, 1);
	rte_pktmbuf_free(m);
	CHECK_EQ(rte_mempool_avail_count(bed.n[0].mp), before);
}

/* The same of an external buffer's count, also for a device that cuts: it gets few pieces, or one segment at a time. */
static void
test_crowded_external(void)
{
	static const uint16_t count[] = {20, 40000, 65535};
	static uint8_t memory[8192];
	struct rte_mbuf_ext_shared_info info = {.free_cb = counted};
	unsigned int given_back, before;
	struct rte_mbuf *m;
	struct sock *s;

	for (uint32_t i = 0; i < 3 * MSS; i++)
		memory[i] = pat(1 + i);
	info.fcb_opaque = &given_back;
	for (unsigned int k = 0; k < 2 * RTE_DIM(count); k++) {
		const bool shared = k & 1; /* the mbuf has two references: another one takes its place */
		const uint16_t n = count[k / 2];

		bed_down();
		bed_reset(bed.af);
		bed.tx_tso = true;
		s = fx_established();
		before = rte_mempool_avail_count(bed.n[0].mp);
		given_back = 0;
		rte_mbuf_ext_refcnt_set(&info, n);
		m = tern_mbuf_alloc(TW_(&bed.n[0]));
		CU_ASSERT_PTR_NOT_NULL_FATAL(m);
		rte_pktmbuf_attach_extbuf(m, memory, RTE_BAD_IOVA, sizeof(memory), &info);
		m->data_len = m->pkt_len = 3 * MSS;
		rte_mbuf_refcnt_update(m, shared);
		CHECK_EQ(tern_send_mbuf(s->c, m), 0);
		CHECK_EQ(rte_mbuf_ext_refcnt_read(&info), n + (shared && n == 20));
		send_crowded(s, (struct rte_mbuf[]){{.buf_addr = memory}}, 3 * MSS, n == 20 || (n == 40000 && !shared));
		CHECK_EQ(rte_mbuf_ext_refcnt_read(&info), n - !shared);
		if (shared)
			rte_pktmbuf_free(m);
		CHECK_EQ(rte_mbuf_ext_refcnt_read(&info), n - 1);
		CHECK_EQ(given_back, 0);
		CHECK_EQ(rte_mempool_avail_count(bed.n[0].mp), before);
	}
}

/* A device that cuts segments gets whole ones together, and the tail alone, as Nagle has it; the peer sees no
 * difference. */
static void
test_tso(void)
{
	struct sock *s;
	uint32_t una = 1;

	bed.tx_tso = true;
	s = fx_established();
	peer.wnd = 20000;
	tx(ACK, 1, 1, 0);
	CHECK_EQ(sock_send(s, 14 * MSS + 100), 14 * MSS + 100);
	run();
	for (unsigned int i = 0; i < 10; i++) /* IW10 */
		expect(ACK, 1 + i * MSS, 1, MSS);
	expect_silence();
	CHECK_EQ(bed.tso_frames, 1);
	CHECK_EQ(STAT(OUT_SEGS), 11);
	tx(ACK, 1, 1 + 3 * MSS, 0); /* a part of it */
	for (unsigned int i = 10; i < 14; i++)
		expect(ACK, 1 + i * MSS, 1, MSS);
	expect(ACK | PSH, 1 + 14 * MSS, 1, 100);
	CHECK_EQ(bed.tso_frames, 2);
	sock_close(s);
	run();
	expect(FIN | ACK, 101 + 14 * MSS, 1, 0);
	for (unsigned int i = 0; i < 3; i++) /* lost from what the device cut: found and sent again as one */
		tx(ACK, 1, 1 + 3 * MSS, 0);
	expect(ACK, 1 + 3 * MSS, 1, MSS);
	una = 102 + 14 * MSS;
	tx(ACK, 1, una, 0);
	tx(FIN | ACK, 1, una, 0);
	expect(ACK, una, 2, 0);
	CHECK_EQ(STAT(FAST_RETRANS), 1);
	CHECK_EQ(STAT(RETRANS_SEGS), 1);
}

int
main(int argc, char **argv)
{
	static CU_TestInfo tests[] = {
		{"Minshall", test_minshall},
		{"cork", test_cork},
		{"cork expires", test_cork_expires},
		{"cork after a tail loss probe's timer", test_cork_after_probe},
		{"cork and FIN", test_cork_fin},
		{"cork and a closed window", test_cork_zero_window},
		{"more", test_more},
		{"quick ACKs at the start", test_quick_start},
		{"quick ACK rides on the answer", test_quick_rides},
		{"quick ACKs after a pause", test_quick_after_idle},
		{"quick ACKs after loss", test_quick_after_loss},
		{"quick ACKs switched off", test_quick_off},
		{"zero copy", test_zero_copy},
		{"an mbuf on two connections", test_shared_mbuf},
		{"many pieces", test_many_pieces},
		{"buffers that hold no segment", test_narrow_buffers},
		{"memory of the application's", test_external},
		{"an mbuf that very many hold", test_crowded_mbuf},
		{"packets of an mbuf that very many hold", test_crowded_packets},
		{"memory that very many hold", test_crowded_external},
		{"TSO", test_tso},
		{"delayed ACK of a smaller MSS", test_delack_small_mss},
		CU_TEST_INFO_NULL,
	};

	return harness_main(argc, argv, "send", tests);
}
