/* SPDX-License-Identifier: BSD-3-Clause */
/* What may be changed of a client while it runs: its rate, how many are open, whether it opens any. */
#include <errno.h>
#include <rte_common.h>
#include "client.h"

/* From now on, or from when what is parked is there: what was due before is forgotten. */
static void
begin_anew(struct client *cl)
{
	const bool poisson = plan.arrivals == ARRIVALS_POISSON;

	if (cl->parking)
		return;
	cl->start_us = tern_now_us(cl->w);
	if (cl->cps)
		pace_init(&cl->pace, cl->cps, 0, 0, 0, poisson);
	if (cl->rps)
		pace_init(&cl->asks, cl->rps, 0, 0, 0, poisson);
}

static int
check_cps(const struct stack *s, uint64_t n, char *why, size_t size)
{
	if (n <= UINT32_MAX && (!n || n >= s->n_workers))
		return 0;
	snprintf(why, size, "%lu is out of range: %u..%u, or 0: as --concurrency allows", n, s->n_workers, UINT32_MAX);
	return -EINVAL;
}

static void
set_cps(struct stack *s, struct tern_worker *w, uint64_t n)
{
	struct client *cl = tern_worker_user(w);

	cl->cps = client_share(n, s->n_workers, tern_worker_index(w));
	begin_anew(cl);
}

static int
check_rps(const struct stack *s, uint64_t n, char *why, size_t size)
{
	if (plan.rps && n <= UINT32_MAX && n >= s->n_workers)
		return 0;
	if (plan.rps)
		snprintf(why, size, "%lu is out of range: %u..%u", n, s->n_workers, UINT32_MAX);
	else
		snprintf(why, size, "it began without --rps: each connection asks when it has thought");
	return -EINVAL;
}

static void
set_rps(struct stack *s, struct tern_worker *w, uint64_t n)
{
	struct client *cl = tern_worker_user(w);

	cl->rps = client_share(n, s->n_workers, tern_worker_index(w));
	begin_anew(cl);
}

/* There is memory for what was asked for at the start, and no more. */
static int
check_concurrency(const struct stack *s, uint64_t n, char *why, size_t size)
{
	const uint64_t room = (uint64_t)(s->o->conf.max_conns) * s->n_workers;
	const uint64_t most = RTE_MIN((uint64_t)plan.concurrency, room > plan.park ? room - plan.park : 0);

	if (n >= s->n_workers && n <= most)
		return 0;
	snprintf(why, size, "%lu is out of range: %u..%lu, which --concurrency has memory for", n, s->n_workers, most);
	return -EINVAL;
}

static void
set_concurrency(struct stack *s, struct tern_worker *w, uint64_t n)
{
	struct client *cl = tern_worker_user(w);

	if (!cl->finished) /* else it has none of the load */
		cl->concurrency = client_share(n, s->n_workers, tern_worker_index(w));
}

const struct knob client_knobs[CLIENT_KNOBS] = {
	{"cps", check_cps, set_cps},
	{"rps", check_rps, set_rps},
	{"concurrency", check_concurrency, set_concurrency},
};

int
client_accepting(struct stack *s, struct tern_worker *w, bool on)
{
	struct client *cl = tern_worker_user(w);

	if (cl->paused && on)
		begin_anew(cl);
	cl->paused = !on;
	return 0;
}
