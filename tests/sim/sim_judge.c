/* SPDX-License-Identifier: BSD-3-Clause */
/* The judge: whether every connection got what sim.c says it must get; if not, the seed is named. */
#include <stdarg.h>
#include "sim.h"

/* R2 is 100 s for data, 180 s for a SYN, an RTO up to 60 s beyond; keep-alive notices a vanished peer in 120 s. */
#define STUCK_US (300 * SEC)

void
fault(const char *fmt, ...)
{
	va_list ap;

	sim.bad = true;
	printf("TERN_SEED=%lu at %lu.%06lu s: ", sim.seed, sim.now_us / SEC, sim.now_us % SEC);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
}

void
expect(const char *what, unsigned int node, uint64_t is, uint64_t want)
{
	if (is != want)
		fault("node %u: %s: %lu, not %lu", node, what, is, want);
}

void
find_stuck(void)
{
	uint32_t i;

	for (i = 0; i < sim.next && !sim.bad; i++) {
		const struct pair *p = &sim.pairs[i];
		struct tern_info info[2] = {0};
		unsigned int k;

		if (p->counted || sim.now_us < p->progress_us + STUCK_US)
			continue;
		for (k = 0; k < 2; k++)
			if (p->e[k].c)
				tern_conn_info(p->e[k].c, &info[k], sizeof(info[k]));
		fault("connection %u: no progress and no error for %lu s: client %s %u/%u received %u/%u sent, server "
		      "%s %u/%u "
		      "received %u/%u sent",
		      i, (sim.now_us - p->progress_us) / SEC, tern_state_name(info[0].state), p->e[0].rx_pos,
		      p->e[0].rx_size, p->e[0].tx_pos, p->e[0].tx_size, tern_state_name(info[1].state), p->e[1].rx_pos,
		      p->e[1].rx_size, p->e[1].tx_pos, p->e[1].tx_size);
	}
}

void
judge(void)
{
	uint32_t i;

	for (i = 0; i < sim.n_pairs && !sim.bad; i++) {
		const struct pair *p = &sim.pairs[i];
		const struct end *c = &p->e[0], *v = &p->e[1];
		const bool all = p->accepted && c->rx_pos == c->rx_size && v->rx_pos == v->rx_size;
		unsigned int k;

		for (k = 0; k < 2; k++)
			if (p->e[k].err && p->e[k].err != -ETIMEDOUT && p->e[k].err != -ECONNRESET &&
			    p->e[k].err != -ECONNREFUSED &&
			    p->e[k].err != -EHOSTUNREACH) /* the wire took ARP and NDP, too */
				fault("connection %u: told of %s", i, strerror(-p->e[k].err));
		if (p->abort_at != UINT32_MAX) {
			sim.aborted++;
			continue;
		}
		sim.ok += all && !c->err && !v->err;
		sim.failed += c->err || v->err;
		/* Who closed before its SYN-ACK's ACK arrived has no handle to be told by, and the other never had
		 * one. */
		if (!all && !p->accepted && !sim.mild && !c->err) {
			sim.failed++;
			continue;
		}
		/* one end may have all and not know that the other has not; but not both */
		if (!all && !c->err && !v->err)
			fault("connection %u: bytes are missing and nobody was told: client %u/%u, server %u/%u%s", i,
			      c->rx_pos, c->rx_size, v->rx_pos, v->rx_size, p->accepted ? "" : ", never accepted");
		if (sim.mild && (c->err || v->err || !all))
			fault("connection %u failed on a mild wire: client %s, server %s, modes %u %u, IPv%u", i,
			      strerror(-c->err), strerror(-v->err), p->mode[0], p->mode[1], p->af);
	}
}
