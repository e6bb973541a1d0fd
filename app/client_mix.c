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
	uint32_t i;

	for (i = 0; i < cl->slab.n; i++) {
		struct client_conn *cc = (struct client_conn *)slab_item(&cl->slab, i);

		tern_timer_init(&mixed(cc)->timer, on_timer, cc);
	}
}

void
mixed_pick(struct client_conn *cc)
{
	cc->class = mix_pick();
	cc->special = client_class(cc)->special;
	cc->slow = client_class(cc)->read_rate != 0;
	mixed_count(cc, N_OPENED);
}

void
mixed_unpick(struct client_conn *cc)
{
	((struct client *)cc->i.owner)->of[cc->class].n[N_OPENED]--;
}

void
mixed_count(struct client_conn *cc, unsigned int k)
{
	((struct client *)cc->i.owner)->of[cc->class].n[k]++;
}

void
mixed_gone(struct client_conn *cc, unsigned int what)
{
	tern_timer_stop(((struct client *)cc->i.owner)->w, &mixed(cc)->timer);
	mixed_count(cc, what);
}

void
mixed_answered(struct client_conn *cc)
{
	struct client *cl = cc->i.owner;

	mixed_count(cc, N_REQUESTS);
	hist_add(&cl->of[cc->class].response, tern_now_us(cl->w) - cc->asked_us);
}

/* --- requests ------------------------------------------------------------------------------------------------ */

/* Numbers of all workers of a class differ: each counts in steps of how many there are. */
static void
begin(struct client_conn *cc)
{
	struct client *cl = cc->i.owner;
	struct class_run *of = &cl->of[cc->class];
	struct mixed_conn *m = mixed(cc);

	if (m->begun == cc->asked + 1)
		return;
	m->begun = cc->asked + 1;
	m->due_us = tern_now_us(cl->w);
	m->number = of->number;
	of->number += cl->s->n_workers;
}

/* The head with its numbers. */
static const char *
head_of(struct client_conn *cc, bool last, uint32_t *len)
{
	const struct mix_class *k = client_class(cc);
	struct client *cl = cc->i.owner;
	const uint64_t n = mixed(cc)->number;
	uint32_t from = 0, to = 0;
	unsigned int i;

	*len = k->head_len[last];
	if (!k->n_fields)
		return k->head[last];
	for (i = 0; i < k->n_fields; i++) {
		const struct mix_field *f = &k->field[i];

		memcpy(cl->text + to, k->head[last] + from, f->at - from);
		to += f->at - from;
		to += sprintf(cl->text + to, "%lu", f->span ? f->low + n % f->span : n);
		from = f->at + f->len;
	}
	memcpy(cl->text + to, k->head[last] + from, k->head_len[last] - from);
	*len += to - from;
	return cl->text;
}

/* All that it sends is sent, of this request. */
static void
all_sent(struct client_conn *cc)
{
	const struct mix_class *k = client_class(cc);

	cc->asked++;
	cc->sending = false;
	if (k->kind == KIND_HALF_CLOSE && cc->asked == k->per_conn) {
		item_bye(&cc->i);
		tern_shutdown(cc->i.c, TERN_SHUT_WR);
	} else if (k->odd && k->kind != KIND_CUT) {
		think(cc, k->stay_us); /* at least until it is on the wire */
	}
}

void
mixed_send(struct client_conn *cc)
{
	const struct mix_class *k = client_class(cc);
	uint32_t head_len, end;
	const char *head;
	ssize_t n;

	begin(cc);
	head = head_of(cc, cc->asked + 1 == k->per_conn, &head_len);
	end = head_len + k->body_size;
	if (k->kind == KIND_STALL)
		end /= 2;
	while (cc->sent < end) {
		const bool body = cc->sent >= head_len;
		const void *from = body ? (const void *)role_pattern(cc->sent - head_len) : head + cc->sent;

		n = item_send(&cc->i, from, RTE_MIN((body ? end : RTE_MIN(head_len, end)) - cc->sent, k->send_step));
		if (n <= 0)
			return; /* writable() or closed() follows */
		cc->sent += n;
		if (k->send_rate && cc->sent < end && mixed_pause(cc, n, k->send_rate))
			return;
	}
	all_sent(cc);
}

/* --- kinds --------------------------------------------------------------------------------------------------- */

bool
mixed_opened(struct client_conn *cc)
{
	const struct mix_class *k = client_class(cc);

	mixed(cc)->begun = 0;
	if (k->send_rate)
		tern_setopt(cc->i.c, TERN_OPT_NODELAY, 1);
	if (k->kind != KIND_CONNECT && k->kind != KIND_SILENT)
		return false;
	think(cc, k->stay_us);
	return true;
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
