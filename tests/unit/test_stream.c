/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Whole streams between two terns, over wires good and bad.
 */
#include "harness.h"

static bool
stream_done(void *arg)
{
	struct sock **ab = arg;

	return ab[0]->closed && ab[1]->closed;
}

static void
pump_close(struct sock *s)
{
	if (s->c && s->to_send == 0 && tern_send_queued(s->c) == 0)
		tern_shutdown(s->c, TERN_SHUT_WR);
}

/* @return after len bytes each way with orderly closes */
static void
stream(uint64_t len, uint64_t limit_us)
{
	struct sock *ab[2];

	bed_start_pair();
	CHECK_EQ(node_listen(&bed.n[1], SRV_PORT, 4, &bed.n[1].l[0]), 0);
	for (unsigned int tries = 0; tries < 5 && bed.n[1].acceptable == 0;
	     tries++) { /* a bad wire may lose all of an open */
		CHECK_EQ(node_connect(SRV_PORT, 0, &ab[0]), 0);
		for (unsigned int i = 0; i < 600 && bed.n[1].acceptable == 0 && !ab[0]->closed; i++)
			advance_us(100 * MS);
		if (bed.n[1].acceptable == 0 && !ab[0]->closed)
			sock_abort(ab[0]);
	}
	ab[1] = sock_accept(&bed.n[1]);
	CU_ASSERT_PTR_NOT_NULL_FATAL(ab[1]);
	for (unsigned int i = 0; i < 2; i++) {
		ab[i]->auto_read = true;
		ab[i]->to_send = len;
		sock_ops.writable(ab[i]->c, ab[i]);
	}
	for (uint64_t t = 0; t < limit_us && !stream_done(ab); t += 10 * MS) {
		advance_us(10 * MS);
		for (unsigned int i = 0; i < 2; i++) {
			if (ab[i]->c && ab[i]->to_send)
				sock_ops.writable(ab[i]->c, ab[i]);
			pump_close(ab[i]);
		}
	}
	for (unsigned int i = 0; i < 2; i++) {
		CHECK_EQ(ab[i]->closed, 1);
		CHECK_EQ(ab[i]->err, 0);
		CHECK_EQ(ab[i]->tx_pos, (uint32_t)(len + 1));
		CHECK_EQ(ab[i]->rx_pos, (uint32_t)(len + 1));
	}
}

static void
test_stream_clean(void)
{
	bed.dir[0].delay_us = bed.dir[1].delay_us = 1 * MS;
	stream(8 << 20, 100 * SEC);
	CHECK_EQ(bed.n[0].w->stats[STAT_RETRANS_SEGS], 0);
	CHECK_EQ(bed.n[1].w->stats[STAT_RETRANS_SEGS], 0);
}

static void
test_stream_tiny_buffers(void)
{
	bed.conf.tcp.rcv_buf = bed.conf.tcp.snd_buf = 3000;
	bed.dir[0].delay_us = bed.dir[1].delay_us = 1 * MS;
	stream(200000, 1000 * SEC);
}

static void
test_stream_loss(void)
{
	static const char *const profiles[] = {
		"loss=1%", "loss=5%,dup=1%", "dup=5%,reorder=20%/2ms", "loss=3%,dup=3%,reorder=5%/2ms,corrupt=1%",
		"burst=2%/60%,jitter=3ms",
	};
	uint64_t again = 0;

	for (unsigned int i = 0; i < RTE_DIM(profiles); i++) {
		bed_down();
		bed_reset(bed.af);
		bed.conf.tcp.user_timeout_ms = 1000000;
		for (unsigned int k = 0; k < 2; k++) {
			bed.dir[k].delay_us = 2 * MS;
			bed.dir[k].profile = profiles[i];
		}
		stream(500000, 2000 * SEC);
		again += STAT(RETRANS_SEGS);
	}
	CHECK(again > 10); /* the wire was bad */
}

static void
test_stream_single_seg_device(void)
{
	bed.tx_multi_seg = false;
	bed.dir[0].delay_us = bed.dir[1].delay_us = 1 * MS;
	stream(100000, 100 * SEC);
}

int
main(int argc, char **argv)
{
	static CU_TestInfo tests[] = {
		{"stream", test_stream_clean},
		{"stream, tiny buffers", test_stream_tiny_buffers},
		{"stream, loss, duplication, reordering", test_stream_loss},
		{"stream, device without chains", test_stream_single_seg_device},
		CU_TEST_INFO_NULL,
	};

	return harness_main(argc, argv, "stream", tests);
}
