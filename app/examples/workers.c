/* SPDX-License-Identifier: BSD-3-Clause */
/* A server on all lcores: who connects to port 7 of 192.0.2.1 is told which worker took the connection. Each worker
 * has a listener and counters of its own, which no other worker touches. See Makefile; run e.g.
 *    ./workers -l 0,1 --no-huge -m 512 --no-shconf --no-pci --vdev=net_tap0,iface=tap0 */
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <rte_eal.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <tern.h>

struct mine {
	struct tern_listener *listener;
	unsigned long served;
} __attribute__((aligned(64))); /* a cache line: workers write theirs without disturbing each other */

static struct tern *stack;
static struct mine all[TERN_WORKER_MAX];

static void
on_signal(int sig)
{
	tern_drain(stack, 1000);
}

/* What they say is of no interest, but their end is. */
static void
on_readable(struct tern_conn *c, void *user)
{
	char buf[2048];
	ssize_t n;

	while ((n = tern_recv(c, buf, sizeof(buf))) > 0)
		;
	if (n == 0)
		tern_close(c);
}

static void
serve(struct tern_conn *c)
{
	struct tern_worker *w = tern_conn_worker(c);
	struct mine *mine = tern_worker_user(w);
	char text[80];
	const int n = snprintf(text, sizeof(text), "worker %u, connection %lu\n", tern_worker_index(w), ++mine->served);

	/* a fresh connection has room for it */
	if (tern_send(c, text, n, 0) != n || tern_shutdown(c, TERN_SHUT_WR))
		tern_abort(c);
	else
		on_readable(c, NULL);
}

static void
on_acceptable(struct tern_listener *l, void *user)
{
	static const struct tern_ops ops = {.readable = on_readable};
	struct tern_conn *c[16];
	unsigned int i, n;

	do {
		n = tern_accept(l, &ops, NULL, c, 16);
		for (i = 0; i < n; i++)
			serve(c[i]);
	} while (n == 16);
}

/* Runs on every worker. */
static int
start(struct tern_worker *w, void *arg)
{
	static const struct tern_listener_ops ops = {.acceptable = on_acceptable};
	const struct tern_endpoint at = {.af = TERN_AF_INET, .port = htons(7)};
	struct mine *mine = &all[tern_worker_index(w)];

	tern_worker_set_user(w, mine);
	return tern_listen(w, &at, 128, &ops, NULL, &mine->listener);
}

static void
drain(struct tern_worker *w, void *arg)
{
	struct mine *mine = tern_worker_user(w);

	tern_listener_close(mine->listener);
}

static int
loop(void *arg)
{
	return tern_worker_loop(stack, (unsigned int)(uintptr_t)arg);
}

int
main(int argc, char **argv)
{
	unsigned int lcores[TERN_WORKER_MAX], i;
	struct tern_conf conf;
	int rc;

	tern_conf_init(&conf, sizeof(conf));
	conf.lcores = lcores;
	conf.n_ifs = 1;
	conf.ifs[0] = (struct tern_if_conf){.addr4 = {192, 0, 2, 1}, .prefix4 = 24};
	conf.app = (struct tern_app){.start = start, .drain = drain};
	if (rte_eal_init(argc, argv) < 0)
		return 1;
	lcores[conf.n_workers++] = rte_get_main_lcore();
	RTE_LCORE_FOREACH_WORKER(i)
		if (conf.n_workers < TERN_WORKER_MAX)
			lcores[conf.n_workers++] = i;
	if (tern_create(&conf, &stack))
		return 1;
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	for (i = 1; i < conf.n_workers; i++)
		rte_eal_remote_launch(loop, (void *)(uintptr_t)i, lcores[i]);
	rc = tern_worker_loop(stack, 0);
	for (i = 1; i < conf.n_workers; i++)
		rc |= rte_eal_wait_lcore(lcores[i]);
	for (i = 0; i < conf.n_workers; i++)
		printf("worker %u served %lu\n", i, all[i].served);
	tern_destroy(stack);
	rte_eal_cleanup();
	return rc ? 1 : 0;
}
