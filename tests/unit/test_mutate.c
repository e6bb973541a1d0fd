/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Random mutations of right frames (TCP with every kind of option, ICMP errors, ARP) in every state, with time that
 * jumps and an application that acts. Nothing is known of the outcome but this: no crash, every frame counted or used,
 * a new connection works, every pool full at the end. TERN_SEED replays a run, MUTATE_ROUNDS makes it longer.
 */
#include "badinput.h"

static unsigned int
below(unsigned int n)
{
	return harness_rand() % n;
}

static void
random_options(void)
{
	static const uint8_t kinds[] = {0, 1, 2, 3, 4, 5, 8, 19, 29, 30, 34, 69, 253, 254};
	static const uint8_t lens[] = {0, 1, 2, 3, 4, 10, 18, 26, 34, 40, 255};
	unsigned int i = 0;

	peer.optlen = 4 * below(11);
	while (i < peer.optlen) {
		peer.opt[i++] = kinds[below(RTE_DIM(kinds))];
		if (i < peer.optlen && peer.opt[i - 1] > 1)
			peer.opt[i++] = lens[below(RTE_DIM(lens))];
		for (unsigned int k = below(9); k && i < peer.optlen; k--)
			peer.opt[i++] = harness_rand();
	}
}

static uint16_t
random_frame(uint8_t *p)
{
	struct quote q = {.type = below(6) ? below(16) : harness_rand(),
			  .code = below(16),
			  .mtu = harness_rand(),
			  .seq = peer.tern_una + below(4000) - below(8),
			  .ip_len = 1500,
			  .cut = below(4) ? 0 : below(28),
			  .ihl = below(8) ? 0 : below(16)};

	switch (below(8)) {
	case 0:
		return quote_build(p, &q);
	case 1:
		q.type = bed.af == 4 ? 3 : 2;
		q.code = bed.af == 4 ? 4 : 0;
		q.mtu = below(1600);
		q.seq = peer.tern_una + below(3);
		return quote_build(p, &q);
	case 2:
		random_options();
		break;
	}
	peer.wnd = below(4) ? 65535 : below(3);
	peer.urp = below(8) ? 0 : harness_rand();
	return peer_build(p, below(3) ? ACK : below(256), peer.nxt - 3 + (below(3) ? below(8) : below(100000)),
			  peer.tern_nxt - 2 + (below(3) ? below(4) : below(100000)), below(3) ? 0 : below(1400));
}

/* @return the length */
static uint16_t
mutate(uint8_t *p, uint16_t n)
{
	for (unsigned int k = below(6); k; k--) {
		const unsigned int at = below(4) ? 12 + below(RTE_MIN(n, 90u) - 12) : below(n);

		switch (below(4)) {
		case 0:
			p[at] ^= 1 << below(8);
			break;
		case 1:
			p[at] = harness_rand();
			break;
		case 2:
			p[at] = below(2) ? 0 : 255;
			break;
		default:
			n = below(8) ? n : RTE_MAX(below(n), 13u);
		}
	}
	if (below(4) == 0 || n < L4 + 20)
		return n;
	if (bed.af == 4 && (p[14] & 15) * 4u + 14 <= n)
		fix_ip(p); /* most should get past the checksums */
	if (p[bed.af == 4 ? 23 : 20] == 6)
		fix_tcp(p, L4, n - L4);
	return n;
}

static void
act(struct sock *s)
{
	static const uint8_t some[3000];

	switch (below(6)) {
	case 0:
		sock_close(s);
		break;
	case 1:
		tern_shutdown(s->c, TERN_SHUT_WR);
		break;
	case 2: {
		uint8_t got[3000];

		tern_recv(s->c, got, below(sizeof(got)));
		break;
	}
	default:
		tern_send(s->c, some, below(sizeof(some)), 0);
	}
	run();
}

static void
enter(unsigned int state)
{
	static struct sock *(*const with_sock[])(void) = {fx_established, fx_fin_wait_1, fx_fin_wait_2, fx_close_wait,
							  fx_syn_sent, fx_syn_received, fx_connected};
	static void (*const without[])(void) = {fx_listen, fx_half_open, fx_closing, fx_last_ack, fx_time_wait};

	if (state < RTE_DIM(with_sock))
		with_sock[state]();
	else
		without[state - RTE_DIM(with_sock)]();
}

static void
test_mutate(void)
{
	const char *env = getenv("MUTATE_ROUNDS");
	const unsigned int rounds = env ? strtoul(env, NULL, 0) : 4;
	uint64_t total = 0;

	for (unsigned int round = 0; round < rounds; round++)
		for (unsigned int state = 0; state < 12; state++) {
			uint8_t p[2048] = {0};

			bed_down();
			bed_reset(bed.af);
			bed.drain_us = 1000 * SEC;
			peer.ts = below(2);
			peer.sack = below(2);
			peer.ws = below(2) ? (int)below(15) : -1;
			if (peer.ts && state >= 4) /* the fixtures' peers know no timestamps but as listeners' */
				peer.ts = false;
			enter(state);
			for (unsigned int i = 0; i < 300; i++) {
				const uint16_t n = mutate(p, random_frame(p));
				struct sock *s = &bed.n[0].s[below(RTE_DIM(bed.n[0].s))];

				total++;
				tx_raw(p, n);
				rx_flush();
				if (below(16) == 0)
					advance_us(harness_rand() % (below(8) ? 2 * SEC : 100 * SEC));
				if (s->c)
					act(s);
				rx_flush();
			}
			fresh();
		}
	CHECK_EQ(total, rounds * 12 * 300);
}

int
main(int argc, char **argv)
{
	static CU_TestInfo tests[] = {
		{"mutated frames", test_mutate},
		CU_TEST_INFO_NULL,
	};

	return harness_main(argc, argv, "mutate", tests);
}
