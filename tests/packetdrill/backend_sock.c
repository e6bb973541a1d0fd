/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pd_backend's sockets: what one has beyond a tern connection. That is the handle, addresses, SO_ERROR, and what was
 * received before an orderly end took the connection away.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <netinet/in.h>
#include "backend.h"

struct sock be_socks[N_SOCKS];

/* --- handles -------------------------------------------------------------------------------------------------- */

struct sock *
be_get(int h)
{
	if (!be_worker || h < 0 || h >= N_SOCKS || !be_socks[h].used)
		return NULL;
	be_flush();
	return &be_socks[h];
}

int
be_new_sock(int domain)
{
	for (int h = 0; h < N_SOCKS; h++)
		if (!be_socks[h].used) {
			be_socks[h] = (struct sock){.used = true, .domain = domain};
			return h;
		}
	return -EMFILE;
}

void
be_socks_reset(void)
{
	for (unsigned int i = 0; i < N_SOCKS; i++)
		free(be_socks[i].left);
	memset(be_socks, 0, sizeof(be_socks));
}

/* --- addresses ------------------------------------------------------------------------------------------------ */

static const uint8_t mapped[12] = {[10] = 0xff, 0xff}; /* ::ffff:0:0/96, RFC 4291 2.5.5.2 */

int
be_to_endpoint(const struct sock *s, const struct sockaddr *a, socklen_t l, struct tern_endpoint *e)
{
	memset(e, 0, sizeof(*e));
	if (!a || l < (s->domain == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6)))
		return -EINVAL;
	if (a->sa_family != s->domain)
		return -EAFNOSUPPORT;
	if (s->domain == AF_INET) {
		const struct sockaddr_in *in = (const struct sockaddr_in *)a;

		e->af = 4;
		e->port = in->sin_port;
		memcpy(e->addr, &in->sin_addr, 4);
	} else {
		const struct sockaddr_in6 *in = (const struct sockaddr_in6 *)a;
		const bool v4 = memcmp(&in->sin6_addr, mapped, 12) == 0;

		e->af = v4 ? 4 : 6;
		e->port = in->sin6_port;
		memcpy(e->addr, (const uint8_t *)&in->sin6_addr + (v4 ? 12 : 0), v4 ? 4 : 16);
	}
	return 0;
}

void
be_from_endpoint(const struct sock *s, const struct tern_endpoint *e, struct sockaddr *a, socklen_t *l)
{
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = e->port};
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = e->port};
	const socklen_t n = s->domain == AF_INET ? sizeof(in) : sizeof(in6);

	if (!a || !l)
		return;
	memcpy(&in.sin_addr, e->addr, 4);
	if (e->af == 4) {
		memcpy(&in6.sin6_addr, mapped, 12);
		memcpy((uint8_t *)&in6.sin6_addr + 12, e->addr, 4);
	} else {
		memcpy(&in6.sin6_addr, e->addr, 16);
	}
	memcpy(a, s->domain == AF_INET ? (void *)&in : (void *)&in6, RTE_MIN(*l, n));
	*l = n;
}

/* --- state ---------------------------------------------------------------------------------------------------- */

unsigned int
be_state(const struct sock *s)
{
	return s->c ? s->c->state : s->l[0] ? TERN_LISTEN : TERN_CLOSED;
}

/* Not open yet, for the application: a passive one with Fast Open is. */
bool
be_is_opening(const struct sock *s)
{
	const struct tern_conn *c = s->c;

	return c && (c->state == TERN_SYN_SENT || (c->state == TERN_SYN_RECEIVED && !(c->feat & F_PASSIVE)));
}

/* The error of a connection that is gone, once. */
int
be_take_error(struct sock *s)
{
	const int err = s->err;

	s->err = 0;
	return -err;
}

/* --- what the end of a connection leaves ---------------------------------------------------------------------- */

/* Keep what was received: the application may read it after the end. */
static void
keep_received(struct sock *s)
{
	const size_t n = tern_recv_queued(s->c);

	if (n == 0)
		return;
	s->left = malloc(n);
	s->left_len = s->left ? tern_recv(s->c, s->left, n) : 0;
	s->left_off = 0;
}

ssize_t
be_recv_left(struct sock *s, void *buf, size_t len, int flags)
{
	const size_t n = RTE_MIN(len, s->left_len - s->left_off);

	if (!(flags & MSG_TRUNC))
		memcpy(buf, s->left + s->left_off, n);
	if (!(flags & MSG_PEEK))
		s->left_off += n;
	return n;
}

static void
on_closed(struct tern_conn *c, void *user, int err)
{
	struct sock *s = user;

	keep_received(s);
	s->c = NULL;
	s->eof = true;
	s->err = -err;
}

const struct tern_ops be_conn_ops = {.closed = on_closed};
