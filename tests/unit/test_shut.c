/* SPDX-License-Identifier: BSD-3-Clause */
/* Windows that stay shut while memory is short (lib/tcp/mem.c): what waits behind them, and when they are reset. */
#include "crowd.h"

static void
window(unsigned int i, uint16_t wnd)
{
	peer = slow_peer[i];
	peer.wnd = wnd;
	tx(ACK, 1, 1, 0);
}

/* Probes come, and are answered: the window stays shut. */
static void
stay_shut(unsigned int ms)
{
	const struct frame *f;

	for (; ms; ms -= 100) {
		advance_us(100 * MS);
		while ((f = rx())) {
			const unsigned int i = f->dport - 1000;

			if (i < SLOW && !(f->flags & RST))
				window(i, 0);
		}
	}
}

static void
leave_shut(void)
{
	for (unsigned int i = 0; i < SLOW; i++) {
		peer = slow_peer[i];
		if (slow[i]->c)
			tx(RST, 1, 0, 0);
	}
	rx_flush();
	peer = lively_peer;
	CHECK_EQ(W->mem.own, 0);
}

/* What shut windows make wait leaves a part to who reads; whose window opens goes on, too. */
static void
test_shut_first(void)
{
	unsigned int n = 0;

	crowd();
	scarce(48);
	for (unsigned int i = 0; i < SLOW; i++) {
		window(i, 0);
		n += sock_send(slow[i], 500) > 0;
	}
	run();
	CHECK(n >= 24 && n < 48);
	CHECK(mem_left(W) >= 12);
	requests(20, 1400);
	for (unsigned int i = n; i < SLOW; i++) {
		CHECK_EQ(slow[i]->c->snd_queued, 0);
		CHECK_EQ(slow[i]->writable, 0);
		window(i, 1000);
	}
	advance_us(20 * MS);
	for (unsigned int i = n; i < SLOW; i++)
		CHECK_EQ(slow[i]->writable, 1);
	CHECK_EQ(STAT(ABORT_ON_MEMORY), 0);
	plenty();
	leave_shut();
}

/* Windows that were shut later hold the last mbuf: not for longer than three probes, once somebody waits for it. */
static void
test_shut_long(void)
{
	unsigned int n = 0, lost = 0;

	crowd();
	scarce(48);
	for (unsigned int i = 0; i < SLOW; i++) {
		n += sock_send(slow[i], 500) > 0;
		run();
	}
	CHECK_EQ(n, 48);
	rx_flush();
	for (unsigned int i = 0; i < SLOW; i++)
		window(i, 0);
	stay_shut(20 * 1000); /* nobody waits who could go on */
	CHECK_EQ(STAT(ABORT_ON_MEMORY), 0);
	CHECK_EQ(sock_send(lively, 1400), -ENOBUFS);
	stay_shut(120 * 1000);
	CHECK_EQ(lively->writable, 1);
	for (unsigned int i = 0; i < SLOW; i++) {
		lost += !slow[i]->c;
		CHECK(slow[i]->c || slow[i]->err == -ETIMEDOUT);
	}
	CHECK(lost > 0 && lost <= 8);
	CHECK_EQ(STAT(ABORT_ON_MEMORY), lost);
	requests(20, 1400);
	plenty();
	leave_shut();
}

int
main(int argc, char **argv)
{
	static CU_TestInfo tests[] = {
		{"shut windows", test_shut_first},
		{"windows shut for long", test_shut_long},
		CU_TEST_INFO_NULL,
	};

	return harness_main(argc, argv, "shut", tests);
}
