/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * For a caller of tern_worker_step() that would rather sleep than poll: how long nothing is due, and whether a packet
 * would wake it.
 *
 * What is due by itself is the wheel's (TCP, neighbours, fragments, the application's timers), what is marked, and
 * what the engine holds: the burst it staged, frames the device did not take, calls that were posted. Connections that
 * wait for memory are looked at as often as memory is counted. While the stack drains, workers watch each other: every
 * poll counts.
 *
 * Interrupts are asked for at set-up only (tern_conf.rx_intr), as some drivers then give up a faster way to receive or
 * refuse to start. ethdev has no capability to read: a queue with a file descriptor has an interrupt. The inbox of
 * several workers is memory, and raises none.
 */
#include "stack/post.h"
#include "stack/worker.h"

#define MEASURE_US 1000 /* mem_measure() */

static bool
is_due(const struct engine *e)
{
	const uint32_t cmd = __atomic_load_n(&e->t->cmd, __ATOMIC_RELAXED);
	unsigned int i;

	if (e->state == ENGINE_NEW || (cmd & (CMD_STOP | CMD_DRAIN)) || e->n_staged || post_waits(e))
		return true;
	for (i = 0; i < e->w->n_ifs; i++)
		if (e->w->ifs[i].n_tx)
			return true;
	return false;
}

uint64_t
tern_next_us(const struct tern_worker *w)
{
	const struct engine *e = w->tern->engines[w->index];
	const uint64_t next = worker_next_us(e->w);

	if (e->state == ENGINE_LEFT)
		return UINT64_MAX;
	if (is_due(e))
		return w->now_us;
	return w->mem.listed ? RTE_MIN(next, w->now_us + MEASURE_US) : next;
}

bool
tern_worker_can_sleep(const struct tern_worker *w)
{
	const struct tern *t = w->tern;
	unsigned int i;

	for (i = 0; i < t->n_ports; i++)
		if (!t->ports[i].rx_intr)
			return false;
	return t->conf.n_workers == 1;
}
