/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>
#include "echo.h"
#include "stress.h"

#define OPEN_MAX 32u
#define LEN_MAX 6000u

/* --- the server -------------------------------------------------------------------------------------------------- */

static struct tern_ref banner;
static uint8_t banner_text[BANNER_LEN];
static unsigned int banner_gone;

static uint8_t
banner_at(uint32_t pos)
{
	return pos * 13 + 1;
}

static void
on_released(struct tern_ref *r, void *arg)
{
	__atomic_fetch_add(&banner_gone, 1, __ATOMIC_RELAXED);
}

void
banner_init(void)
{
	uint32_t i;

	for (i = 0; i < BANNER_LEN; i++)
		banner_text[i] = banner_at(i);
	banner_gone = 0;
	if (tern_ref_init(&banner, banner_text, BANNER_LEN, on_released, NULL))
		fault("no banner");
}

bool
banner_free(void)
{
	tern_ref_put(&banner);
	return tern_ref_users(&banner) == 0 && __atomic_load_n(&banner_gone, __ATOMIC_RELAXED) == 1;
}

static void
server_readable(struct tern_conn *c, void *user)
{
	char buf[2048];
	ssize_t n;

	while ((n = tern_recv(c, buf, sizeof(buf))) > 0)
		if (tern_send(c, buf, n, 0) != n)
			fault("the server could not send %zd bytes", n);
	if (tern_recv_eof(c))
		tern_close(c);
}

static void
acceptable(struct tern_listener *l, void *user)
{
	static const struct tern_ops ops = {.readable = server_readable};
	struct tern_conn *c;

	while (tern_accept(l, &ops, NULL, &c, 1)) {
		if (tern_send_ref(c, &banner, banner_text, BANNER_LEN, 0) != BANNER_LEN)
			fault("the server could not send its banner");
		if (tern_recv_queued(c) || tern_peer_closed(c))
			server_readable(c, NULL);
	}
}

static int
server_start(struct tern_worker *w, void *arg)
{
	static const struct tern_listener_ops ops = {.acceptable = acceptable};
	struct tern_endpoint at = {.af = TERN_AF_INET, .port = htons(ECHO_PORT)};
	struct tern_listener *l;
	int rc = tern_listen(w, &at, 64, &ops, NULL, &l);

	at.port = htons(COOKIE_PORT);
	rc = rc ? rc : tern_listen(w, &at, 64, &ops, NULL, &l);
	return rc ? rc : tern_listen_setopt(l, TERN_OPT_COOKIES, TERN_COOKIE_ALWAYS);
}

static void
close_listener(struct tern_listener *l, void *arg)
{
	tern_listener_close(l);
}

static void
server_drain(struct tern_worker *w, void *arg)
{
	tern_listener_walk(w, close_listener, NULL);
}

struct tern_app echo_server = {.start = server_start, .drain = server_drain};

/* --- the client -------------------------------------------------------------------------------------------------- */

struct call {
	struct tern_conn *c;
	struct client *of;
	uint32_t id, len, got; /* got: of the banner and the len bytes behind it */
	bool up, shut;
};

static uint8_t
sent_at(const struct call *k, uint32_t pos)
{
	return k->id * 31 + pos * 7 + (pos >> 8);
}

static uint8_t
byte_at(const struct call *k, uint32_t pos)
{
	return pos < BANNER_LEN ? banner_at(pos) : sent_at(k, pos - BANNER_LEN);
}

static void
call_free(struct call *k)
{
	k->of->open--;
	k->of->established -= k->up;
	free(k);
}

static void
on_connected(struct tern_conn *c, void *user)
{
	struct call *k = user;
	uint8_t text[LEN_MAX];
	uint32_t i;

	/* who has nothing to send hears nothing of a server that is another one by now */
	if (tern_setopt(c, TERN_OPT_KEEPIDLE_S, 1) || tern_setopt(c, TERN_OPT_KEEPALIVE, 1))
		fault("no keep-alives");
	k->up = true;
	k->of->established++;
	for (i = 0; i < k->len; i++)
		text[i] = sent_at(k, i);
	if (tern_send(c, text, k->len, 0) != (ssize_t)k->len)
		fault("the client could not send %u bytes", k->len);
}

/* All came back. Who closes first is different, so that both ends have TIME-WAITs. */
static void
call_over(struct call *k)
{
	struct tern_conn *c = k->c;

	if (k->of->mode == CLIENT_HOLDS)
		return;
	if (k->id & 1 && !tern_recv_eof(c)) {
		if (!k->shut)
			tern_shutdown(c, TERN_SHUT_WR);
		k->shut = true;
		return;
	}
	k->of->done++;
	k->of->bytes += k->len;
	if (k->id % 16 == 2)
		tern_abort(c);
	else
		tern_close(c);
	call_free(k);
}

static void
on_readable(struct tern_conn *c, void *user)
{
	struct call *k = user;
	uint8_t buf[2048];
	ssize_t n, i;

	while ((n = tern_recv(c, buf, sizeof(buf))) > 0) {
		for (i = 0; i < n; i++, k->got++)
			if (buf[i] != byte_at(k, k->got))
				fault("connection %u: byte %u is wrong", k->id, k->got);
	}
	if (k->got == BANNER_LEN + k->len)
		call_over(k);
}

static void
on_closed(struct tern_conn *c, void *user, int err)
{
	struct call *k = user;

	k->of->reset++;
	if (!k->of->cruel && err != -EHOSTUNREACH) /* which a worker is, that does not run for three seconds */
		fault("connection %u: %s after %u of %u bytes", k->id, strerror(-err), k->got, k->len);
	call_free(k);
}

void
client_turn(struct client *c)
{
	static const struct tern_ops ops = {.connected = on_connected, .readable = on_readable, .closed = on_closed};
	static uint32_t id;
	struct call *k;

	if (c->mode != CLIENT_RUNS || c->open >= OPEN_MAX)
		return;
	k = calloc(1, sizeof(*k));
	if (!k)
		fault("no memory");
	k->of = c;
	k->id = ++id;
	k->len = 1 + rnd() % (id % 8 ? 200 : LEN_MAX);
	if (tern_connect(c->w, NULL, &c->to, &ops, k, &k->c)) {
		free(k);
		return;
	}
	c->open++;
}
