/* SPDX-License-Identifier: BSD-3-Clause */
/* The two applications: they open and accept, send and compare, read slowly, close in every order and abort. */
#include "sim.h"

#define PERIOD 65521u
#define CHUNK 16384u

static uint8_t bytes[PERIOD + CHUNK];

void
content_init(void)
{
	unsigned int i;

	for (i = 0; i < PERIOD; i++)
		bytes[i] = mix(i);
	memcpy(bytes + PERIOD, bytes, CHUNK);
}

static const uint8_t *
content(const struct end *e, bool from_client, uint32_t off)
{
	return bytes + (mix(e->p->id * UINT64_C(2) + from_client) + off) % PERIOD;
}

static bool
is_client(const struct end *e)
{
	return e == &e->p->e[0];
}

static void
wait_for_tick(struct end *e)
{
	if (e->waits)
		return;
	e->waits = true;
	e->next_wait = sim.waiting;
	sim.waiting = e;
}

static void
finish(struct end *e, int err)
{
	struct pair *p = e->p;

	e->c = NULL;
	e->done = true;
	e->err = err;
	p->progress_us = sim.now_us;
	/* the client's end gone, the server's gone or never there: a server that is there is waited for */
	if (p->e[0].done && (p->e[1].done || !p->accepted) && !p->counted) {
		p->counted = true;
		sim.n_active--;
	}
}

static void
got(struct end *e, const uint8_t *data, size_t n)
{
	size_t k, part;

	if (e->rx_pos + n > e->rx_size)
		fault("connection %u: %s got %zu bytes at %u, more than the %u that were sent", e->p->id,
		      is_client(e) ? "client" : "server", n, e->rx_pos, e->rx_size);
	for (k = 0; k < n && !sim.bad; k += part) {
		part = RTE_MIN(n - k, (size_t)CHUNK);
		if (memcmp(data + k, content(e, !is_client(e), e->rx_pos + k), part))
			fault("connection %u: %s got wrong bytes in %u..%u", e->p->id,
			      is_client(e) ? "client" : "server", (uint32_t)(e->rx_pos + k),
			      (uint32_t)(e->rx_pos + k + part));
	}
	e->rx_pos += n;
	e->p->progress_us = sim.now_us;
	sim.bytes += n;
}

/* Take what is there, up to max bytes or so. */
static void
read_some(struct end *e, size_t max)
{
	static uint8_t buf[65536];
	struct rte_mbuf *m;
	size_t sum = 0;
	ssize_t n;

	while (sum < max) {
		if (e->by_mbuf) {
			if (tern_recv_mbufs(e->c, &m, 1) <= 0)
				return;
			n = m->pkt_len;
			got(e, rte_pktmbuf_mtod(m, uint8_t *), n);
			rte_pktmbuf_free(m);
		} else {
			n = tern_recv(e->c, buf, RTE_MIN(sizeof(buf), max - sum));
			if (n <= 0)
				return;
			got(e, buf, n);
		}
		sum += n;
	}
}

static void
write_some(struct end *e)
{
	ssize_t n;

	while (e->tx_pos < e->tx_size) {
		n = tern_send(e->c, content(e, is_client(e), e->tx_pos), RTE_MIN(e->tx_size - e->tx_pos, CHUNK), 0);
		if (n == -ENOBUFS) { /* no event will come */
			wait_for_tick(e);
			return;
		}
		if (n <= 0) {
			if (n != -EAGAIN && n != -ECONNRESET) /* what came before a reset is read first: closed()
							       * follows */
				fault("connection %u: send: %s", e->p->id, strerror(-n));
			return;
		}
		e->tx_pos += n;
		e->p->progress_us = sim.now_us;
	}
}

/* Whatever can go on. */
static void
pump(struct end *e)
{
	struct pair *p = e->p;
	const uint8_t mode = p->mode[!is_client(e)];
	struct tern_conn *c = e->c;
	bool eof;

	if (!c || sim.bad)
		return;
	write_some(e);
	if (e->slow_n && sim.now_us < e->wake_us) {
		wait_for_tick(e);
	} else if (e->slow_n) {
		read_some(e, 20000);
		e->slow_n--;
		e->wake_us = sim.now_us + e->slow_us;
		wait_for_tick(e);
	} else {
		read_some(e, SIZE_MAX);
	}
	if (is_client(e) && e->rx_pos >= p->abort_at) {
		finish(e, 0);
		tern_abort(c);
		return;
	}
	eof = tern_recv_eof(c);
	if (eof && e->rx_pos != e->rx_size)
		fault("connection %u: %s saw FIN at %u of %u", p->id, is_client(e) ? "client" : "server", e->rx_pos,
		      e->rx_size);
	if (e->tx_pos < e->tx_size)
		return;
	if (mode == HALF && !e->shut) {
		e->shut = true;
		if (tern_shutdown(c, TERN_SHUT_WR))
			fault("connection %u: shutdown failed", p->id);
	}
	if (eof || (mode == FIRST && e->rx_pos == e->rx_size)) {
		finish(e, 0);
		tern_close(c);
	}
}

static void
on_event(struct tern_conn *c, void *user)
{
	pump(user);
}

static void
on_closed(struct tern_conn *c, void *user, int err)
{
	struct end *e = user;

	if (e->c != c)
		fault("connection %u: closed() of a handle that was given up", e->p->id);
	read_some(e, SIZE_MAX);
	if (err == 0 && (e->rx_pos != e->rx_size || e->tx_pos != e->tx_size))
		fault("connection %u: %s closed in order with %u of %u received, %u of %u sent", e->p->id,
		      is_client(e) ? "client" : "server", e->rx_pos, e->rx_size, e->tx_pos, e->tx_size);
	finish(e, err);
}

static const struct tern_ops ops = {
	.connected = on_event, .readable = on_event, .writable = on_event, .closed = on_closed};

static void
keepalive(struct tern_conn *c)
{
	tern_setopt(c, TERN_OPT_KEEPIDLE_S, 60);
	tern_setopt(c, TERN_OPT_KEEPINTVL_S, 10);
	tern_setopt(c, TERN_OPT_KEEPCNT, 6);
	tern_setopt(c, TERN_OPT_KEEPALIVE, 1);
}

void
on_acceptable(struct tern_listener *l, void *user)
{
	struct tern_conn *c;
	struct tern_info info;
	struct pair *p;
	uint32_t id;

	while (tern_accept(l, NULL, NULL, &c, 1)) {
		tern_conn_info(c, &info, sizeof(info));
		id = (info.remote.addr[info.remote.af == 4 ? 3 : 15] - 1) * PORTS + ntohs(info.remote.port) - 1024;
		p = id < sim.n_pairs ? &sim.pairs[id] : NULL;
		if (!p || !p->started)
			fault("accepted a connection nobody opened: %u", id);
		/* an old segment passes for the last ACK of a cookie, whose state is nowhere */
		if (!p || p->accepted) {
			sim.ghosts++;
			if (p && sim.conf.tcp.cookie_mode != TERN_COOKIE_ALWAYS)
				fault("connection %u: accepted twice", id);
			tern_abort(c);
			continue;
		}
		p->accepted = true;
		if (p->counted) { /* the client gave up before */
			p->counted = false;
			sim.n_active++;
		}
		p->e[1].c = c;
		tern_conn_set_user(c, &ops, &p->e[1]);
		keepalive(c);
		pump(&p->e[1]);
	}
}

static uint32_t
some_size(void)
{
	const uint32_t r = below(1000);

	if (r < 200)
		return 0;
	if (r < 500)
		return below(100);
	if (r < 800)
		return below(5000);
	if (r < 960)
		return below(50000);
	if (r < 998 || !sim.mild)
		return below(300000);
	sim.big++;
	return below(3000000);
}

void
local_addr(struct tern_endpoint *e, uint8_t af, uint8_t lo, uint16_t port)
{
	static const uint8_t net4[4] = {192, 0, 2}, net6[16] = {0x20, 1, 0x0d, 0xb8};

	memset(e, 0, sizeof(*e));
	e->af = af;
	e->port = htons(port);
	memcpy(e->addr, af == 4 ? net4 : net6, af == 4 ? 4 : 16);
	e->addr[af == 4 ? 3 : 15] = lo;
}

static void
slow_reader(struct end *e)
{
	e->slow_n = 1 + below(5);
	e->slow_us = below(3) ? below(300 * MS) : below(5 * SEC);
	e->wake_us = sim.now_us + e->slow_us;
}

bool
open_one(void)
{
	struct pair *p = &sim.pairs[sim.next];
	struct tern_endpoint from, to;
	unsigned int i;
	int rc;

	p->id = sim.next;
	if (!p->started) {
		p->af = below(2) ? 4 : 6;
		p->mode[0] = below(N_CLOSE);
		p->mode[1] = below(p->mode[0] == LAST ? LAST : N_CLOSE); /* both would wait for ever */
		for (i = 0; i < 2; i++) {
			p->e[i].p = p;
			p->e[i].by_mbuf = one_in(3);
			p->e[i].tx_size = p->e[!i].rx_size = some_size();
			if (one_in(20))
				slow_reader(&p->e[i]);
		}
		p->abort_at = one_in(30) ? below(p->e[0].rx_size + 1) : UINT32_MAX;
		p->started = true;
	}
	local_addr(&from, p->af, 1 + p->id / PORTS, 1024 + p->id % PORTS);
	local_addr(&to, p->af, 100, 80);
	rc = tern_connect(sim.n[0].w, &from, &to, &ops, &p->e[0], &p->e[0].c);
	if (rc) {
		p->e[0].c = NULL;
		sim.refused++;
		if (rc != -ENOMEM)
			fault("connection %u: connect: %s", p->id, strerror(-rc));
		return false;
	}
	p->progress_us = sim.now_us;
	keepalive(p->e[0].c);
	if (one_in(4))
		tern_setopt(p->e[0].c, TERN_OPT_NODELAY, 1);
	sim.next++;
	sim.n_active++;
	return true;
}

void
wake_waiting(void)
{
	struct end *e = sim.waiting, *next;

	sim.waiting = NULL;
	for (; e; e = next) {
		next = e->next_wait;
		e->waits = false;
		pump(e);
	}
}
