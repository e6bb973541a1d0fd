/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pdrun's events, in order and in virtual time: packets sent, packets waited for, calls, and what becomes of a call
 * that blocks.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "pdrun.h"

/* A call that blocks looks again. */
static void
look_again(void)
{
	const struct event *e = run.blocked;
	long rc;

	if (!e)
		return;
	rc = pd_call(e);
	if (rc == -EAGAIN)
		return;
	run.blocked = NULL;
	pd_check_result(e, rc);
	if (run.now + run.s->tolerance_us < run.blocked_until || run.now > run.blocked_until + run.s->tolerance_us)
		pd_fail(e, "%s() returned at %.6f s, expected %.6f s", e->name, (run.now - START_US) / 1e6,
		     (run.blocked_until - START_US) / 1e6);
	pd_backend.run(run.now);
}

static void
advance(uint64_t to)
{
	uint64_t t;

	while (!run.failed && (t = pd_backend.next_timer()) <= to && t <= run.now + WAIT_US) {
		run.now = t > run.now ? t : run.now + 1;
		if (run.now > to)
			run.now = to;
		pd_backend.run(run.now);
		look_again();
		if (run.now == to)
			break;
	}
	if (to > run.now)
		run.now = to;
	pd_backend.run(run.now);
	look_again();
}

static void
start_call(const struct event *e, uint64_t until)
{
	const long rc = pd_call(e);

	pd_backend.run(run.now);
	if (e->until_us >= 0 && rc == -EAGAIN) {
		if (run.blocked)
			pd_fail(e, "a second call that blocks");
		run.blocked = e;
		run.blocked_until = until;
		return;
	}
	pd_check_result(e, rc == -EAGAIN && strcmp(e->name, "connect") == 0 ? -EINPROGRESS : rc);
}

static void
inbound(const struct event *e)
{
	const struct pd_packet *p = &e->p;

	if ((run.listening && !run.is_open && (p->flags & (SYN | ACK)) == SYN) || !run.rport)
		pd_open_passive();
	pd_send(p);
	look_again();
}

/* Does more of the expected packet follow what came? Then take what came off it. */
static bool
part_of(struct pd_packet *want, const struct segment *g)
{
	if (g->p.len == 0 || g->p.len >= want->len || g->p.seq != want->seq || (g->p.flags & ~PSH) != ACK)
		return false;
	want->seq += g->p.len;
	want->len -= g->p.len;
	return true;
}

static bool
time_ok(const struct event *e, uint64_t at, uint64_t from, uint64_t until)
{
	const uint64_t tol = run.s->tolerance_us;

	if (e->time_kind == T_ANY || (at + tol >= from && at <= until + tol))
		return true;
	pd_fail(e, "packet at %.6f s, expected at %.6f s", (at - START_US) / 1e6, (from - START_US) / 1e6);
	return false;
}

/* The next packet, waited for. @return false: none came. */
static bool
next_packet(const struct event *e, uint64_t limit)
{
	uint64_t t;

	while (run.head == run.tail && (t = pd_backend.next_timer()) <= limit && !run.failed)
		advance(t > run.now ? t : run.now + 1);
	if (run.head == run.tail)
		pd_fail(e, "no packet by %.6f s", (limit - START_US) / 1e6);
	return !run.failed;
}

static void
outbound(const struct event *e, uint64_t from, uint64_t until)
{
	const uint64_t limit = e->time_kind == T_ANY ? run.now + WAIT_US : until + run.s->tolerance_us;
	struct pd_packet want = e->p;
	bool more = true, parts = false;

	while (more && next_packet(e, limit)) {
		struct datagram *d = &run.queue[run.head++ % QUEUE];
		struct segment g;
		const char *what = pd_parse(d, &g);

		if (!what && !run.isn_known && g.p.flags & SYN) {
			run.isn_known = true;
			run.isn = g.p.seq;
			run.script_isn = e->p.seq;
			if (!run.lport || !(g.p.flags & ACK))
				run.lport = g.sport;
		}
		pd_relate(&g.p);
		if (!what && (g.sport != run.lport || g.dport != run.rport))
			what = "ports";
		if (parts) /* offload takes PSH from where the application's write ended */
			want.flags = (want.flags & ~PSH) | (g.p.flags & PSH);
		more = !what && part_of(&want, &g);
		parts |= more;
		if (!what && !more)
			what = pd_differs(&want, &g);
		if (what) {
			pd_fail(e, "%s", what);
			printf("\tgot:    ");
			pd_print(&g.p);
		} else {
			time_ok(e, d->at_us, from, until);
		}
		free(d->ip);
	}
}

static void
run_event(const struct event *e)
{
	const bool anchored = run.last_inbound && e->kind == E_INBOUND;
	const uint64_t base = e->time_kind == T_ABSOLUTE ? START_US : anchored ? run.event_us : run.now;
	const uint64_t from = base + e->at_us, until = e->until_us < 0 ? from : base + e->until_us;

	run.e = e;
	if (pd_verbose)
		printf("%10.6f %s\n", (run.now - START_US) / 1e6, e->text);
	if (e->kind == E_OUTBOUND) {
		outbound(e, from, until);
	} else {
		if (e->time_kind != T_ANY && from > run.now)
			advance(from);
		if (e->kind == E_INBOUND)
			inbound(e);
		else
			start_call(e, until);
	}
	run.event_us = e->time_kind == T_ANY ? run.now : from;
	run.last_inbound = e->kind == E_INBOUND;
}

static void
finish(void)
{
	struct segment g;

	if (run.blocked && !run.failed)
		advance(run.blocked_until + run.s->tolerance_us);
	if (run.blocked)
		pd_fail(run.blocked, "%s() did not return", run.blocked->name);
	if (run.head != run.tail && !run.failed && !pd_parse(&run.queue[run.head % QUEUE], &g)) {
		pd_fail(run.e, "after the last event: %u packets that nothing expected", run.tail - run.head);
		pd_relate(&g.p);
		printf("\tgot:    ");
		pd_print(&g.p);
	}
	for (; run.head != run.tail; run.head++)
		free(run.queue[run.head % QUEUE].ip);
}

bool
pd_run_script(const char *path)
{
	struct script s;
	int rc = script_read(&s, path);
	char flags[160];

	memset(&run, 0, sizeof(run));
	run.s = &s;
	run.now = run.event_us = START_US;
	run.next_port = FIRST_PORT;
	run.failed = rc != 0;
	snprintf(flags, sizeof(flags), "ip4=192.168.0.1,ip6=fd3d:fa7b:d17d::1%s%s,mtu=%u", *s.local_ip ? ",ip=" : "",
		 s.local_ip, s.mtu);
	if (!rc && pd_backend.init(flags, run.now)) {
		fprintf(stderr, "the stack does not start\n");
		exit(2);
	}
	for (unsigned int i = 0; !rc && i < s.n_events && !run.failed; i++)
		run_event(&s.events[i]);
	if (!rc) {
		finish();
		pd_backend.fini();
	}
	script_free(&s);
	return !run.failed;
}
