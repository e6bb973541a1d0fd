/* SPDX-License-Identifier: BSD-3-Clause */
/* The smallest client: GET / from 192.0.2.2:PORT, answer to stdout. See Makefile; run e.g.
 *   ./get --no-huge -m 512 --no-shconf --no-pci --vdev=net_tap0,iface=tap0 -- 80 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <rte_eal.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>
#include <tern.h>

static struct tern *stack;
static struct tern_endpoint server = {.addr = {192, 0, 2, 2}, .af = TERN_AF_INET};
static int failed = 1;

static void
done(int err)
{
	if (err)
		fprintf(stderr, "get: %s\n", strerror(-err));
	failed = err != 0;
	tern_drain(stack, 1000);
}

static void
on_connected(struct tern_conn *c, void *user)
{
	static const char request[] = "GET / HTTP/1.0\r\nHost: 192.0.2.2\r\n\r\n";

	/* a fresh connection has room for it: anything else is an error */
	if (tern_send(c, request, sizeof(request) - 1, 0) != sizeof(request) - 1) {
		tern_abort(c);
		done(-ENOBUFS);
	}
}

static void
on_readable(struct tern_conn *c, void *user)
{
	struct rte_mbuf *m[16];
	int i, n;

	while ((n = tern_recv_mbufs(c, m, 16)) > 0) {
		for (i = 0; i < n; i++) {
			fwrite(rte_pktmbuf_mtod(m[i], char *), 1, m[i]->pkt_len, stdout);
			tern_mbuf_free(tern_conn_worker(c), m[i]);
		}
	}
	if (n == 0) { /* their FIN */
		tern_close(c);
		done(0);
	}
}

static void
on_closed(struct tern_conn *c, void *user, int err)
{
	done(err ? err : -ECONNRESET);
}

static int
start(struct tern_worker *w, void *arg)
{
	static const struct tern_ops ops = {
		.connected = on_connected,
		.readable = on_readable,
		.closed = on_closed,
	};
	struct tern_conn *c;

	return tern_connect(w, NULL, &server, &ops, NULL, &c);
}

int
main(int argc, char **argv)
{
	unsigned int lcore;
	struct tern_conf conf;
	int n = rte_eal_init(argc, argv);

	tern_conf_init(&conf, sizeof(conf));
	conf.lcores = &lcore;
	conf.n_workers = 1;
	conf.n_ifs = 1;
	conf.ifs[0] = (struct tern_if_conf){.addr4 = {192, 0, 2, 1}, .prefix4 = 24};
	conf.app = (struct tern_app){.start = start};
	if (n < 0)
		return 1;
	server.port = htons(argc > n + 1 ? atoi(argv[n + 1]) : 80);
	lcore = rte_get_main_lcore();
	if (tern_create(&conf, &stack))
		return 1;
	if (tern_worker_loop(stack, 0))
		failed = 1;
	tern_destroy(stack);
	rte_eal_cleanup();
	return failed;
}
