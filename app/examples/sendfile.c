/* SPDX-License-Identifier: BSD-3-Clause */
/* A file to whoever connects to port 7 of 192.0.2.1, sent from where it lies in memory: no connection has a copy. One
 * worker, port 0. See Makefile; run e.g.
 *    ./sendfile --no-huge -m 512 --no-shconf --no-pci --vdev=net_tap0,iface=tap0 -- FILE */
#include <arpa/inet.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <rte_eal.h>
#include <rte_lcore.h>
#include <rte_malloc.h>
#include <tern.h>

static struct tern *stack;
static struct tern_ref file;
static char *text;
static size_t len;

static void
on_signal(int sig)
{
	tern_drain(stack, 1000);
}

static void on_readable(struct tern_conn *c, void *user);
static void on_writable(struct tern_conn *c, void *user);
static const struct tern_ops conn_ops = {.readable = on_readable, .writable = on_writable};

/* The user pointer is how far this connection is. What does not fit follows when there is room again: writable(). */
static void
on_writable(struct tern_conn *c, void *user)
{
	size_t done = (uintptr_t)user;
	const ssize_t n = tern_send_ref(c, &file, text + done, len - done, 0);

	if (n < 0) /* no room yet, or the connection is over */
		return;
	done += n;
	tern_conn_set_user(c, &conn_ops, (void *)done);
	if (done == len)
		tern_shutdown(c, TERN_SHUT_WR); /* after their FIN the handle is gone, too */
}

/* What they say is of no interest. */
static void
on_readable(struct tern_conn *c, void *user)
{
	char buf[2048];

	while (tern_recv(c, buf, sizeof(buf)) > 0)
		;
}

static void
on_acceptable(struct tern_listener *l, void *user)
{
	struct tern_conn *c;

	while (tern_accept(l, &conn_ops, NULL, &c, 1))
		on_writable(c, NULL);
}

static int
start(struct tern_worker *w, void *arg)
{
	static const struct tern_listener_ops ops = {.acceptable = on_acceptable};
	const struct tern_endpoint any = {.af = TERN_AF_INET, .port = htons(7)};
	struct tern_listener *l;

	return tern_listen(w, &any, 128, &ops, NULL, &l);
}

/* No queue and no packet refers to it any more. */
static void
on_released(struct tern_ref *r, void *arg)
{
	rte_free(arg);
}

/* Into memory that a device can read. */
static int
load(const char *name)
{
	FILE *f = name ? fopen(name, "rb") : NULL;
	long size;

	if (!f || fseek(f, 0, SEEK_END) || (size = ftell(f)) <= 0)
		return -1;
	rewind(f);
	len = size;
	text = rte_malloc(NULL, len, 0);
	if (!text || fread(text, 1, len, f) != len)
		return -1;
	fclose(f);
	return tern_ref_init(&file, text, len, on_released, text);
}

int
main(int argc, char **argv)
{
	unsigned int lcore;
	struct tern_conf conf;
	int n, rc;

	tern_conf_init(&conf, sizeof(conf));
	conf.lcores = &lcore;
	conf.n_workers = 1;
	conf.n_ifs = 1;
	conf.ifs[0] = (struct tern_if_conf){.addr4 = {192, 0, 2, 1}, .prefix4 = 24};
	conf.app = (struct tern_app){.start = start};
	n = rte_eal_init(argc, argv);
	if (n < 0)
		return 1;
	if (load(argc > n + 1 ? argv[n + 1] : NULL)) {
		fprintf(stderr, "sendfile: which file? It must not be empty and must fit into EAL's memory\n");
		return 1;
	}
	lcore = rte_get_main_lcore();
	if (tern_create(&conf, &stack))
		return 1;
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	rc = tern_worker_loop(stack, 0);
	tern_ref_put(&file); /* nobody sends any more; what is in queues goes with the stack */
	tern_destroy(stack);
	rte_eal_cleanup();
	return rc ? 1 : 0;
}
