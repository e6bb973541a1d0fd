/* SPDX-License-Identifier: BSD-3-Clause */
/* The smallest server: echo on port 7 of 192.0.2.1, one worker, port 0. See Makefile; run e.g.
 *   ./echo --no-huge -m 512 --no-shconf --no-pci --vdev=net_tap0,iface=tap0 */
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <rte_eal.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>
#include <tern.h>

static struct tern *stack;

static void
on_signal(int sig)
{
	tern_drain(stack, 1000);
}

static void
on_readable(struct tern_conn *c, void *user)
{
	char buf[2048];
	size_t room;
	ssize_t n;

	/* what there is no room for stays unread, and the peer's window closes */
	while ((room = tern_send_space(c)) > 0) {
		n = tern_recv(c, buf, room < sizeof(buf) ? room : sizeof(buf));
		if (n == 0)
			tern_close(c);
		if (n <= 0)
			return;
		if (tern_send(c, buf, n, 0) != n) { /* no packet buffer left */
			tern_abort(c);
			return;
		}
	}
	tern_want_writable(c);
}

static const struct tern_ops conn_ops = {.readable = on_readable, .writable = on_readable};

static void
on_acceptable(struct tern_listener *l, void *user)
{
	struct tern_conn *c;

	while (tern_accept(l, &conn_ops, NULL, &c, 1))
		on_readable(c, NULL);
}

static int
start(struct tern_worker *w, void *arg)
{
	static const struct tern_listener_ops ops = {.acceptable = on_acceptable};
	const struct tern_endpoint any = {.af = TERN_AF_INET, .port = htons(7)};
	struct tern_listener *l;

	return tern_listen(w, &any, 128, &ops, NULL, &l);
}

int
main(int argc, char **argv)
{
	unsigned int lcore;
	struct tern_conf conf;
	int rc;

	tern_conf_init(&conf, sizeof(conf));
	conf.lcores = &lcore;
	conf.n_workers = 1;
	conf.n_ifs = 1;
	conf.ifs[0] = (struct tern_if_conf){.addr4 = {192, 0, 2, 1}, .prefix4 = 24};
	conf.app = (struct tern_app){.start = start};
	if (rte_eal_init(argc, argv) < 0)
		return 1;
	lcore = rte_get_main_lcore();
	if (tern_create(&conf, &stack))
		return 1;
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	rc = tern_worker_loop(stack, 0);
	tern_destroy(stack);
	rte_eal_cleanup();
	return rc ? 1 : 0;
}
