/* SPDX-License-Identifier: BSD-3-Clause */
/* The applications: what callbacks do, and every call of tern.h that a worker's application can make. */
#include <stdio.h>
#include <sys/uio.h>
#include "bed.h"

/* --- handles ---------------------------------------------------------------------------------------------------- */

struct end *
end_new(struct node *n)
{
	unsigned int i;

	for (i = 0; i < SOCKS; i++)
		if (!n->e[i].c && n->e[i].ended == n->e[i].gave_up) { /* else ended() is still to come */
			if (n->e[i].used && n->e[i].closed + n->e[i].ended != 1)
				fuzz_fail("end %u: closed() %u times, ended() %u times", i, n->e[i].closed,
					  n->e[i].ended);
			memset(&n->e[i], 0, sizeof(n->e[i]));
			n->e[i].n = n;
			n->e[i].used = true;
			n->e[i].tx = n->e[i].rx = 1;
			return &n->e[i];
		}
	return NULL;
}

struct tern_conn *
end_take(struct end *e)
{
	struct tern_conn *c = e->c;

	e->gave_up = true;
	e->c = NULL;
	return c;
}

static unsigned int
id(const struct end *e)
{
	return e - e->n->e;
}

/* How often a node had a connection of these addresses and ports. */
static uint8_t *
opened(unsigned int i, const struct tern_conn *c)
{
	struct tern_info info;
	unsigned int a, b;

	tern_conn_info(c, &info, sizeof(info));
	a = info.local.port * 31u + info.local.addr[info.local.af == 4 ? 3 : 15] * 7u;
	b = info.remote.port * 31u + info.remote.addr[info.local.af == 4 ? 3 : 15] * 7u;
	return &bed.opened[i][(a * b + info.local.af) % TUPLES];
}

void
end_opened(const struct end *e)
{
	uint8_t *n = opened(e->n->w->index, e->c);

	*n = RTE_MIN(*n + 1, 2);
}

/* After a reset a port may be used again at once, with numbers near those of before; what is under way still is
 * taken then. */
static bool
may_be_older(const struct tern_conn *c)
{
	return *opened(0, c) > 1 || *opened(1, c) > 1;
}

static void
got(struct end *e, const struct tern_conn *c, const uint8_t *p, size_t n)
{
	size_t k, part;

	for (k = 0; k < n; k += part) {
		part = RTE_MIN(n - k, (size_t)CHUNK);
		if (!bed.mangled && memcmp(p + k, text(e->rx + k), part) && !may_be_older(c))
			fuzz_fail("node %u, end %u: wrong bytes in %u..%u of the stream", e->n->w->index, id(e),
				  (uint32_t)(e->rx + k), (uint32_t)(e->rx + k + part));
	}
	e->rx += n;
}

static void
read_bytes(struct end *e, struct tern_conn *c, size_t len)
{
	static uint8_t buf[1 << 17];
	ssize_t n;

	while (len && (n = tern_recv(c, buf, RTE_MIN(len, sizeof(buf)))) > 0) {
		FUZZ_MUST((size_t)n <= len);
		got(e, c, buf, n);
		len -= n;
	}
}

static void
read_mbufs(struct end *e, struct tern_conn *c, unsigned int max, bool hoard)
{
	struct rte_mbuf *m[4];
	int i, n;

	while (max && (n = tern_recv_mbufs(c, m, RTE_MIN(max, 4u))) > 0) {
		for (i = 0; i < n; i++) {
			FUZZ_MUST(m[i]->nb_segs == 1 && m[i]->pkt_len == m[i]->data_len && !m[i]->next &&
				  m[i]->data_len);
			got(e, c, rte_pktmbuf_mtod(m[i], uint8_t *), m[i]->data_len);
			if (hoard)
				hold(e->n, m[i]);
			else
				tern_mbuf_free(e->n->w, m[i]);
		}
		max -= n;
	}
}

void
end_read(struct end *e, size_t len)
{
	if (e->mode & END_MBUFS)
		read_mbufs(e, e->c, len / 256 + 1, e->mode & END_HOARD);
	else
		read_bytes(e, e->c, len);
}

void
end_write(struct end *e, size_t len, unsigned int flags)
{
	const ssize_t n = tern_send(e->c, text(e->tx), RTE_MIN(len, (size_t)CHUNK), flags);

	FUZZ_MUST(n <= (ssize_t)len && (n != 0 || !len));
	if (n > 0)
		e->tx += n;
}

void
hold(struct node *n, struct rte_mbuf *m)
{
	if (n->n_held == HELD)
		let_go(n, HELD / 2);
	n->held[n->n_held++] = m;
}

void
let_go(struct node *n, unsigned int leave)
{
	while (n->n_held > leave)
		rte_pktmbuf_free(n->held[--n->n_held]);
}

void
scarce(struct node *n, unsigned int leave)
{
	struct rte_mbuf *m;

	while (rte_mempool_avail_count(n->mp) > leave && n->n_taken < RTE_DIM(n->taken) &&
	       (m = rte_pktmbuf_alloc(n->mp)))
		n->taken[n->n_taken++] = m;
}

void
plenty(struct node *n)
{
	rte_pktmbuf_free_bulk(n->taken, n->n_taken);
	n->n_taken = 0;
}

/* --- callbacks -------------------------------------------------------------------------------------------------- */

static void
more(struct end *e)
{
	if (e->mode & END_ACT && !bed.draining && bed.in.p < bed.in.end) {
		SAY("    (in a callback) ");
		act_call(e->n);
	}
}

static void
on_connected(struct tern_conn *c, void *user)
{
	struct end *e = user;

	FUZZ_MUST(e->c == c);
	if (e->mode & END_WRITE)
		end_write(e, 700, 0);
	more(e);
}

static void
on_readable(struct tern_conn *c, void *user)
{
	struct end *e = user;

	FUZZ_MUST(e->c == c);
	if (e->mode & END_READ)
		end_read(e, SIZE_MAX / 2);
	if (e->mode & END_CLOSE && tern_recv_eof(c)) {
		tern_close(end_take(e));
		return;
	}
	more(e);
}

static void
on_writable(struct tern_conn *c, void *user)
{
	struct end *e = user;

	FUZZ_MUST(e->c == c);
	if (e->mode & END_WRITE && e->tx < 100000)
		end_write(e, 3000, 0);
	more(e);
}

static void
on_closed(struct tern_conn *c, void *user, int err)
{
	struct end *e = user;

	FUZZ_MUST(e->c == c && e->used && err <= 0 && !e->gave_up);
	e->closed++;
	e->c = NULL; /* also for what more() does */
	read_bytes(e, c, SIZE_MAX / 2);
	more(e);
	if (e->mode & END_CLOSE)
		tern_close(c); /* it is ours until this returns */
}

static void
on_ended(struct tern_worker *w, void *user, int err)
{
	struct end *e = user;

	FUZZ_MUST(!e->c && e->used && e->gave_up && w == e->n->w && err <= 0);
	e->ended++;
	more(e);
}

static void
on_urgent(struct tern_conn *c, void *user)
{
	struct end *e = user;

	FUZZ_MUST(e->c == c);
	more(e);
}

const struct tern_ops end_ops = {.connected = on_connected,
				 .readable = on_readable,
				 .writable = on_writable,
				 .closed = on_closed,
				 .ended = on_ended,
				 .urgent = on_urgent,
				 .stalled = on_urgent};

static void
on_acceptable(struct tern_listener *l, void *user)
{
	struct node *n = user;

	if (n->auto_accept)
		accept_some(n, l, 4);
}

const struct tern_listener_ops listen_ops = {.acceptable = on_acceptable};

/* --- calls ------------------------------------------------------------------------------------------------------ */

void
accept_some(struct node *n, struct tern_listener *l, unsigned int max)
{
	struct tern_conn *c[4];
	const unsigned int k = tern_accept(l, NULL, NULL, c, RTE_MIN(max, RTE_DIM(c)));
	unsigned int i;

	for (i = 0; i < k; i++) {
		struct end *e = end_new(n);

		if (!e) {
			tern_abort(c[i]); /* without ops: nobody is told */
			continue;
		}
		e->c = c[i];
		e->mode = u8();
		end_opened(e);
		tern_conn_set_user(c[i], &end_ops, e);
	}
}

static void
call_connect(struct node *n, bool fast)
{
	const uint8_t a = u8(), b = u8();
	struct tern_endpoint to = {.af = a & 1 ? 6 : 4, .port = htons(a & 2 ? 80 + (b & 3) : 80)}, from = {0};
	struct end *e = end_new(n);
	const uint32_t len = fast ? u16() % 3000 : 0;
	int rc;

	if (!e)
		return;
	node_addr(to.addr, to.af, a & 4 ? GHOST + (b & 3) : a >= 248 ? b : 2 - n->w->index);
	if (a & 8) {
		from.af = a & 128 && b & 1 ? 4 : to.af;
		from.port = htons(a & 16 ? 80 : 1024 + (b >> 2 & 7));
		if (a & 32)
			node_addr(from.addr, from.af, n->w->index + 1 + (b == 255));
	}
	e->mode = u8();
	if (fast)
		rc = tern_connect_fastopen(n->w, a & 8 ? &from : NULL, &to, &end_ops, e, text(1), len, &e->c);
	else
		rc = tern_connect(n->w, a & 8 ? &from : NULL, &to, &end_ops, e, &e->c);
	SAY("connect%s to IPv%u %s: %d\n", fast ? " fast" : "", to.af, a & 4 ? "nobody" : "the other", rc);
	if (rc >= 0) {
		e->tx += rc;
		end_opened(e);
		return;
	}
	e->c = NULL;
	/* the connection was there, its data was refused: told by ended(), if at all */
	e->used = false;
	e->gave_up = false;
	e->ended = 0;
}

static void
call_listen(struct node *n)
{
	const uint8_t a = u8();
	struct tern_endpoint at = {.af = a & 1 ? 6 : 4, .port = htons(a & 64 ? 81 : 80)};
	unsigned int i;
	int rc;

	if (a & 2)
		node_addr(at.addr, at.af, n->w->index + 1 + (a & 4 && a & 8));
	for (i = 0; i < LISTENERS && n->l[i]; i++)
		;
	if (i == LISTENERS)
		return;
	n->auto_accept = a & 128;
	rc = tern_listen(n->w, &at, a >> 3 & 7, &listen_ops, n, &n->l[i]);
	if (rc)
		n->l[i] = NULL;
	SAY("listen: %d\n", rc);
}

static void
call_listener(struct node *n, struct tern_listener **l, uint8_t how)
{
	const uint32_t opt = u8() % 18;
	struct tern_listener_info info;
	uint32_t v;

	switch (how & 7) {
	case 0:
		SAY("listener_close\n");
		tern_listener_close(*l);
		*l = NULL;
		break;
	case 1:
	case 2:
		SAY("accept up to %u\n", (how >> 3 & 3) + 1);
		accept_some(n, *l, (how >> 3 & 3) + 1);
		break;
	case 3:
		FUZZ_MUST(tern_listener_info(*l, &info, sizeof(info)) == sizeof(info) &&
			  tern_listener_worker(*l) == n->w);
		break;
	case 4:
		SAY("fastopen, up to %u\n", how >> 3);
		tern_listen_setopt(*l, TERN_OPT_FASTOPEN, how >> 3);
		break;
	default:
		v = how & 8 ? u32() : how & 16 ? u16() : u8();
		SAY("listen_setopt %u, %u\n", opt, v);
		if (tern_listen_setopt(*l, opt, v) == 0)
			FUZZ_MUST(tern_listen_getopt(*l, opt, &v) == 0);
	}
}

static void
on_walk(const struct tern_info *info, struct tern_conn *c, void *arg)
{
	++*(uint32_t *)arg;
	FUZZ_MUST(tern_state_name(info->state) && tern_wait_name(info->timer));
}

static void
on_listener(struct tern_listener *l, void *arg)
{
	struct node *n = arg;
	unsigned int i;

	for (i = 0; i < LISTENERS; i++)
		if (n->l[i] == l && u8() == 255) {
			tern_listener_close(l);
			n->l[i] = NULL;
			return;
		}
}

static void
call_worker(struct node *n, uint8_t how)
{
	uint32_t cursor = 0, count = 0;
	uint8_t key[16] = {how};

	switch (how & 7) {
	case 0:
		SAY("walk\n");
		while (tern_conn_walk(n->w, &cursor, 64, on_walk, &count))
			;
		FUZZ_MUST(count == n->w->table.count);
		break;
	case 1:
		tern_listener_walk(n->w, on_listener, n);
		break;
	case 2:
	case 3:
		tern_timer_start(n->w, &n->timer[how >> 3 & 1], how & 16 ? u32() : u16());
		break;
	case 4:
		tern_timer_stop(n->w, &n->timer[how >> 3 & 1]);
		break;
	case 5:
		SAY("fastopen_key\n");
		tern_fastopen_key(n->w, key);
		break;
	case 6:
		SAY("mbufs but %u are taken\n", how >> 3);
		scarce(n, how >> 3);
		break;
	default:
		SAY("mbufs are given back\n");
		let_go(n, 0);
		plenty(n);
	}
}

static void
send_mbuf(struct end *e, uint8_t how)
{
	struct rte_mbuf *head = NULL, *m;
	uint32_t n = (how & 3) + 1, len = 0, k;
	int rc;

	while (n--) {
		m = tern_mbuf_alloc(e->n->w);
		if (!m)
			break;
		k = how & 128 ? RTE_MIN(u16() % 2000u, rte_pktmbuf_tailroom(m)) : how;
		memcpy(rte_pktmbuf_append(m, k), text(e->tx + len), k);
		len += k;
		if (!head)
			head = m;
		else
			FUZZ_MUST(rte_pktmbuf_chain(head, m) == 0);
	}
	if (!head)
		return;
	if (how & 16)
		rte_pktmbuf_refcnt_update(head, 1); /* ours as well */
	rc = tern_send_mbuf(e->c, head);
	SAY("send_mbuf of %u: %d\n", len, rc);
	if (rc)
		rte_pktmbuf_free(head);
	else
		e->tx += len;
	if (how & 16)
		hold(e->n, head);
}

static void
send_pieces(struct end *e, uint8_t how)
{
	struct iovec iov[4];
	size_t len = 0;
	unsigned int i;
	ssize_t n;

	for (i = 0; i < RTE_DIM(iov); i++) {
		iov[i].iov_base = text(e->tx + len);
		iov[i].iov_len = u8() * (how & 8 ? 16 : 1);
		len += iov[i].iov_len;
	}
	n = tern_sendv(e->c, iov, how & 7 ? 4 : 0, how >> 4);
	SAY("sendv: %zd\n", n);
	e->tx += n > 0 ? n : 0;
}

static void
send_ref(struct end *e, uint8_t how)
{
	const size_t len = how & 1 ? u16() % CHUNK : u8() * 2u;
	const ssize_t n = tern_send_ref(e->c, &bed.ref, text(e->tx), len, how >> 1 & 1);

	SAY("send_ref of %zu: %zd\n", len, n);
	e->tx += n > 0 ? n : 0;
}

static void
set_option(struct end *e, uint8_t how)
{
	const uint32_t opt = u8() % 20;
	uint32_t v = how & 3 ? how & 2 ? u8() : u16() : u32(), got_v;
	int rc;

	if (how >= 224)
		v = (how & 3) - 1u; /* -1, 0, 1, 2 */
	rc = tern_setopt(e->c, opt, v);
	SAY("setopt %u, %u: %d\n", opt, v, rc);
	FUZZ_MUST(rc || tern_getopt(e->c, opt, &got_v) == 0);
}

static void
ask(struct end *e)
{
	struct tern_info info;
	uint32_t opt, v;

	FUZZ_MUST(tern_conn_info(e->c, &info, sizeof(info)) == sizeof(info));
	FUZZ_MUST(info.unread == tern_recv_queued(e->c) && info.unsent <= tern_send_queued(e->c));
	FUZZ_MUST(tern_urgent_left(e->c) <= UINT16_MAX + info.rcv_buf + info.unread + info.rcv_wnd);
	FUZZ_MUST(!tern_recv_eof(e->c) || !info.unread);
	FUZZ_MUST(tern_conn_worker(e->c) == e->n->w && tern_conn_user(e->c) == e);
	for (opt = 0; opt < 20; opt++)
		tern_getopt(e->c, opt, &v);
	tern_peer_closed(e->c);
	tern_send_space(e->c);
	tern_want_writable(e->c);
}

static void
peek(struct end *e)
{
	uint8_t buf[512];
	const ssize_t n = tern_peek(e->c, buf, u8());

	if (n > 0 && !bed.mangled && memcmp(buf, text(e->rx), n) && !may_be_older(e->c))
		fuzz_fail("node %u, end %u: wrong bytes at %u", e->n->w->index, id(e), e->rx);
}

static void
call_end(struct end *e, unsigned int what)
{
	const uint8_t how = u8();
	int rc;

	SAY("end %u: ", id(e));
	if (what < 5) {
		SAY("send up to %u, flags %u\n", how * 16, how & 3);
		end_write(e, what < 3 ? how * 16u : u16(), how >= 252 ? how : how & 3);
	} else if (what < 7) {
		send_pieces(e, how);
	} else if (what < 10) {
		send_mbuf(e, how);
	} else if (what < 12) {
		send_ref(e, how);
	} else if (what < 15) {
		SAY("recv\n");
		end_read(e, how < 64 ? how : SIZE_MAX / 2);
	} else if (what < 16) {
		SAY("peek\n");
		peek(e);
	} else if (what < 17) {
		rc = tern_shutdown(e->c, how % 4);
		SAY("shutdown %u: %d\n", how % 4, rc);
	} else if (what < 18) {
		SAY("close\n");
		tern_close(end_take(e));
	} else if (what < 19) {
		SAY("%s\n", how < 128 ? "abort" : "ask");
		if (how < 128)
			tern_abort(end_take(e));
		else
			ask(e);
	} else if (what < 21) {
		SAY("ask\n");
		ask(e);
	} else if (what < 22) {
		SAY("mode %u\n", how);
		e->mode = how;
		tern_conn_set_user(e->c, &end_ops, e);
	} else {
		set_option(e, how);
	}
}

void
act_call(struct node *n)
{
	const uint8_t what = u8() & 31, which = u8();
	struct end *e = NULL;
	unsigned int i;

	n->dirty = true;
	for (i = 0; i < SOCKS && !e; i++)
		if (n->e[(which + i) % SOCKS].c)
			e = &n->e[(which + i) % SOCKS];
	SAY("node %u, ", n->w->index);
	if (what >= 28 || !e) {
		i = which % LISTENERS;
		if (what < 30 || (what & 1 && !n->l[i]))
			call_connect(n, which & 32);
		else if (!n->l[i])
			call_listen(n);
		else if (what & 1 && which & 32)
			call_listener(n, &n->l[i], u8());
		else
			call_worker(n, u8());
		return;
	}
	call_end(e, what);
}
