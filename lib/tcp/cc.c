/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Congestion control: which there is, and the window that each begins with (RFC 6928). The algorithms are cc_*.c.
 */
#include "tcp/cc.h"

const struct cc *
cc_get(unsigned int id)
{
	static const struct cc *const all[TERN_CC_COUNT] = {
		[TERN_CC_CUBIC] = &cc_cubic, [TERN_CC_NEWRENO] = &cc_newreno, [TERN_CC_DCTCP] = &cc_dctcp};

	return all[id];
}

static uint32_t
initial_window(const struct tern_conn *c)
{
	return RTE_MIN(10u * c->mss, RTE_MAX(2u * c->mss, 14600u)); /* RFC 6928 2 */
}

void
tcp_cc_init(struct tern_conn *c)
{
	c->cwnd = initial_window(c);
	c->ssthresh = UINT32_MAX;
}

void
tcp_cc_restart(struct tern_conn *c)
{
	c->cwnd = RTE_MIN(c->cwnd, initial_window(c));
}
