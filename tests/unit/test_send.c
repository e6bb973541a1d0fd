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
	return tern_send_more(s->c, b, len);
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
	bed.conf.tcp.no_quickack = false;
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

/* Data given as an mbuf is sent out of that mbuf: the queue and each packet under way hold it, nothing is copied, and its
 * last owner, the acknowledgement, frees it. */
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

/* A device that cuts segments gets whole ones together, and the tail alone, as Nagle has it; the peer sees no difference. */
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
		{"cork and FIN", test_cork_fin},
		{"cork and a closed window", test_cork_zero_window},
		{"more", test_more},
		{"quick ACKs at the start", test_quick_start},
		{"quick ACK rides on the answer", test_quick_rides},
		{"quick ACKs after a pause", test_quick_after_idle},
		{"quick ACKs after loss", test_quick_after_loss},
		{"quick ACKs switched off", test_quick_off},
		{"zero copy", test_zero_copy},
		{"memory of the application's", test_external},
		{"TSO", test_tso},
		{"delayed ACK of a smaller MSS", test_delack_small_mss},
		CU_TEST_INFO_NULL,
	};

	return harness_main(argc, argv, "send", tests);
}
