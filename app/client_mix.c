/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What only connections of a mix do: think between two requests, send or read slowly, and misbehave. A timer of each
 * says when it goes on.
 *
 * Who misbehaves wants no answer: it is done when what it set out to do is done, and a server that ends it before is
 * right to. Who thinks or stays silent is among those that think: nothing has to happen on it until its time.
 */
#include <stdio.h>
#include <string.h>
#include <rte_common.h>
#include "client.h"

#define CATCH_UP_US 10000u /* so far behind its rate, a slow one makes up for it */

static struct mixed_conn *
mixed(struct client_conn *cc)
{
	return (struct mixed_conn *)cc;
}

/* --- time ---------------------------------------------------------------------------------------------------- */

static void
on_timer(struct tern_timer *t, void *arg)
{
	struct client_conn *cc = arg;
	struct client *cl = cc->i.owner;

	if (cc->thinks) {
		client_end_rest(cl, cc);
		cc->i.seen_us = tern_now_us(cl->w);
		if (client_class(cc)->odd)
			mixed_end(cc);
		else if (cc->i.c)
			client_next(cc);
		else
			slab_again(&cl->slab, &cc->i);
		return;
	}
	if (!cc->rests)
		return;
	cc->rests = false;
	if (cc->sending)
		client_send(cc);
	if (!cc->sending && !cc->rests && !cc->thinks)
		client_read(cc);
}

static void
think(struct client_conn *cc, uint64_t us)
{
	struct client *cl = cc->i.owner;

	client_rest(cl, cc, tern_now_us(cl->w) + us, false);
	tern_timer_start(cl->w, &mixed(cc)->timer, us);
}

void
mixed_think(struct client_conn *cc)
{
	think(cc, client_class(cc)->think_us);
}

bool
mixed_pause(struct client_conn *cc, uint32_t n, uint32_t rate)
{
	struct client *cl = cc->i.owner;
	struct mixed_conn *m = mixed(cc);
	const uint64_t now_us = tern_now_us(cl->w);

	client_touch(cl, cc);
	m->due_us = RTE_MAX(m->due_us, now_us - CATCH_UP_US) + n * UINT64_C(1000000) / rate;
	if (m->due_us <= now_us)
		return false;
	cc->rests = true;
	tern_timer_start(cl->w, &m->timer, m->due_us - now_us);
	return true;
}

void
mixed_init(struct client *cl)
{
	struct item *it;

	TAILQ_FOREACH (it, &cl->slab.idle, next)
		tern_timer_init(&mixed((struct client_conn *)it)->timer, on_timer, it);
}

void
mixed_gone(struct client_conn *cc)
{
	tern_timer_stop(((struct client *)cc->i.owner)->w, &mixed(cc)->timer);
}

/* --- requests ------------------------------------------------------------------------------------------------ */

/* Numbers of all workers of a class differ: each counts in steps of how many there are. */
void
mixed_begin(struct client_conn *cc)
{
	struct client *cl = cc->i.owner;
	struct class_run *of = &cl->of[cc->class];

	mixed(cc)->due_us = tern_now_us(cl->w);
	mixed(cc)->number = of->number;
	of->number += cl->s->n_workers;
}

const char *
mixed_head(struct client_conn *cc, bool last, uint32_t *len)
{
	const struct mix_class *k = client_class(cc);
	struct client *cl = cc->i.owner;
	const uint64_t n = mixed(cc)->number;
	uint32_t from = 0, to = 0;
	unsigned int i;

	for (i = 0; i < k->n_fields; i++) {
		const struct mix_field *f = &k->field[i];

		memcpy(cl->text + to, k->head[last] + from, f->at - from);
		to += f->at - from;
		to += sprintf(cl->text + to, "%lu", f->span ? f->low + n % f->span : n);
		from = f->at + f->len;
	}
	memcpy(cl->text + to, k->head[last] + from, k->head_len[last] - from);
	*len = to + k->head_len[last] - from;
	return cl->text;
}

/* --- kinds --------------------------------------------------------------------------------------------------- */

bool
mixed_opened(struct client_conn *cc)
{
	const struct mix_class *k = client_class(cc);

	if (k->send_rate)
		tern_setopt(cc->i.c, TERN_OPT_NODELAY, 1);
	if (k->kind != KIND_CONNECT && k->kind != KIND_SILENT)
		return false;
	think(cc, k->stay_us);
	return true;
}

void
mixed_sent(struct client_conn *cc)
{
	const struct mix_class *k = client_class(cc);

	if (k->kind != KIND_HALF_CLOSE) {
		think(cc, k->stay_us); /* at least until it is on the wire */
	} else if (cc->asked == k->per_conn) {
		item_bye(&cc->i);
		tern_shutdown(cc->i.c, TERN_SHUT_WR);
	}
}

void
mixed_end(struct client_conn *cc)
{
	if (client_class(cc)->close_mode == CLOSE_CLIENT)
		item_close(&cc->i);
	else
		tern_abort(cc->i.c);
	client_gone(cc, N_DONE);
}

/* --- events -------------------------------------------------------------------------------------------------- */

static void
odd_readable(struct client_conn *cc)
{
	const bool cut = client_class(cc)->kind == KIND_CUT;

	if (cut && tern_recv_queued(cc->i.c)) {
		mixed_end(cc);
	} else if (tern_peer_closed(cc->i.c) && !cut) {
		item_close(&cc->i);
		client_gone(cc, N_DONE);
	} else if (tern_peer_closed(cc->i.c)) {
		client_lost(cc, N_SHORT);
		item_close(&cc->i);
		client_gone(cc, N_SHORT);
	}
}

static void
on_readable(struct tern_conn *c, void *user)
{
	struct client_conn *cc = user;

	if (cc->shakes)
		client_shake(cc);
	else if (client_class(cc)->odd)
		odd_readable(cc);
	else if (!cc->rests)
		client_read(cc);
}

static void
on_writable(struct tern_conn *c, void *user)
{
	struct client_conn *cc = user;

	if (cc->shakes) {
		client_shake(cc);
		return;
	}
	client_touch(cc->i.owner, cc);
	if (!cc->sending || cc->rests)
		return;
	client_send(cc);
	if (!cc->sending && !client_class(cc)->odd)
		client_read(cc);
}

static void
on_closed(struct tern_conn *c, void *user, int err)
{
	struct client_conn *cc = user;
	const struct mix_class *k = client_class(cc);

	if (k->odd && k->kind != KIND_CUT && cc->connected)
		client_gone(cc, N_DONE);
	else
		client_closed(c, user, err);
}

const struct tern_ops client_mix_ops = {
	.connected = client_connected,
	.readable = on_readable,
	.writable = on_writable,
	.closed = on_closed,
};
