/* SPDX-License-Identifier: BSD-3-Clause */
/* A proxy: what connects to port 8080 of 192.0.2.1 is joined to 192.0.2.2:80. It takes from either side only what the
 * other has room for, and gives a pair up that was idle for a minute. A line ADDRESS:PORT on stdin is where new
 * connections go from then on. See Makefile; run e.g.
 *    ./proxy --no-huge -m 512 --no-shconf --no-pci --vdev=net_tap0,iface=tap0 */
#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <rte_eal.h>
#include <rte_lcore.h>
#include <tern.h>

#define IDLE_US 60000000u

struct side {
	struct tern_conn *c;
	struct side *other;
	struct pair *pair;
	bool eof; /* their FIN was read, and sent on */
};

struct pair {
	struct tern_worker *w;
	struct side client, server;
	bool connected;
	struct tern_timer idle;
};

static struct tern *stack;
static struct tern_endpoint server = {.addr = {192, 0, 2, 2}, .af = TERN_AF_INET}; /* the worker's, once it runs */

static void
pair_end(struct pair *p, void (*end)(struct tern_conn *c))
{
	tern_timer_stop(p->w, &p->idle);
	end(p->client.c);
	end(p->server.c);
	free(p);
}

static void
on_idle(struct tern_timer *t, void *pair)
{
	pair_end(pair, tern_abort);
}

/* From one side to the other as far as there is room. @return whether the pair is still there. */
static bool
forward(struct side *from)
{
	struct side *to = from->other;
	struct pair *p = from->pair;
	char buf[8192];
	size_t room;
	ssize_t n;

	if (!p->connected || from->eof)
		return true;
	tern_timer_start(p->w, &p->idle, IDLE_US); /* anew */
	while ((room = tern_send_space(to->c)) > 0) {
		n = tern_recv(from->c, buf, room < sizeof(buf) ? room : sizeof(buf));
		if (n == -EAGAIN)
			return true;
		if (n < 0 || (n > 0 && tern_send(to->c, buf, n, 0) != n)) {
			pair_end(p, tern_abort);
			return false;
		}
		if (n == 0) {
			from->eof = true;
			tern_shutdown(to->c, TERN_SHUT_WR);
			if (!to->eof)
				return true;
			pair_end(p, tern_close);
			return false;
		}
	}
	tern_want_writable(to->c); /* the rest stays unread until then, and their window closes */
	return true;
}

static void
on_readable(struct tern_conn *c, void *side)
{
	forward(side);
}

static void
on_writable(struct tern_conn *c, void *side)
{
	forward(((struct side *)side)->other);
}

static void
on_connected(struct tern_conn *c, void *side)
{
	((struct side *)side)->pair->connected = true;
	forward(((struct side *)side)->other);
}

/* In order, perhaps before all was sent on: the other side then needs room for what is left, as this handle dies. Else
 * what is cut off must not look complete. */
static void
on_closed(struct tern_conn *c, void *user, int err)
{
	struct side *s = user;
	struct tern_conn *to = s->other->c;

	if (err == 0)
		tern_setopt(to, TERN_OPT_SNDBUF, tern_send_queued(to) + tern_recv_queued(c) + 2048);
	if (err || forward(s))
		pair_end(s->pair, tern_abort);
}

static const struct tern_ops ops = {
	.connected = on_connected, .readable = on_readable, .writable = on_writable, .closed = on_closed};

static void
join(struct tern_conn *c)
{
	struct tern_worker *w = tern_conn_worker(c);
	struct pair *p = calloc(1, sizeof(*p));

	if (!p || tern_connect(w, NULL, &server, &ops, &p->server, &p->server.c)) {
		free(p);
		tern_abort(c);
		return;
	}
	p->w = w;
	p->client = (struct side){.c = c, .other = &p->server, .pair = p};
	p->server.other = &p->client;
	p->server.pair = p;
	tern_conn_set_user(c, &ops, &p->client);
	tern_timer_init(&p->idle, on_idle, p);
	tern_timer_start(w, &p->idle, IDLE_US);
}

static void
on_acceptable(struct tern_listener *l, void *user)
{
	struct tern_conn *c;

	while (tern_accept(l, &ops, NULL, &c, 1))
		join(c);
}

static int
start(struct tern_worker *w, void *arg)
{
	static const struct tern_listener_ops listener_ops = {.acceptable = on_acceptable};
	const struct tern_endpoint at = {.af = TERN_AF_INET, .port = htons(8080)};
	struct tern_listener *l;
	int rc = tern_listen(w, &at, 128, &listener_ops, NULL, &l);

	tern_worker_set_user(w, l);
	return rc;
}

static void
drain(struct tern_worker *w, void *arg)
{
	tern_listener_close(tern_worker_user(w));
}

/* On the worker: `server` has one owner and needs no lock. */
static void
set_server(struct tern_worker *w, void *to)
{
	server = *(struct tern_endpoint *)to;
	free(to);
}

/* A thread of its own: reading waits. */
static void *
read_commands(void *arg)
{
	char line[TERN_ENDPOINT_LEN + 1];
	struct tern_endpoint *to;

	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = 0;
		to = malloc(sizeof(*to));
		if (to && (tern_endpoint_parse(line, to) || !to->port || tern_post(stack, 0, set_server, to))) {
			fprintf(stderr, "proxy: '%s' is not ADDRESS:PORT, or too much waits\n", line);
			free(to);
		}
	}
	return NULL;
}

static void
on_signal(int sig)
{
	tern_drain(stack, 1000);
}

int
main(int argc, char **argv)
{
	unsigned int lcore;
	struct tern_conf conf;
	pthread_t reader;
	int rc;

	tern_conf_init(&conf, sizeof(conf));
	conf.lcores = &lcore;
	conf.n_workers = 1;
	conf.n_ifs = 1;
	conf.ifs[0] = (struct tern_if_conf){.addr4 = {192, 0, 2, 1}, .prefix4 = 24};
	conf.app = (struct tern_app){.start = start, .drain = drain};
	if (rte_eal_init(argc, argv) < 0)
		return 1;
	server.port = htons(80);
	lcore = rte_get_main_lcore();
	if (tern_create(&conf, &stack))
		return 1;
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	if (pthread_create(&reader, NULL, read_commands, NULL))
		return 1;
	rc = tern_worker_loop(stack, 0);
	pthread_cancel(reader); /* nothing is posted once the stack goes */
	pthread_join(reader, NULL);
	tern_destroy(stack);
	rte_eal_cleanup();
	return rc ? 1 : 0;
}
