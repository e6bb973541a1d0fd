/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A program that has functions and data of the names that the library uses inside itself: both mean their own. Two
 * stacks, a cable, one connection, seven bytes there and back. The client is configured by a struct as an older header
 * had it.
 */
#include <err.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <rte_eal.h>
#include "tern.h"

#define TURNS 100000u
#define OLDER offsetof(struct tern_conf, tx_wait_us) /* what an older tern.h may have ended with */

/* As lib/ has them, but for what they do. */
#define OURS(name) \
	void name(void); \
	void name(void) { errx(1, #name "(): the library called the program's"); }
OURS(pool_init)
OURS(wheel_init)
OURS(table_init)
OURS(link_init)
OURS(tcp_input)
OURS(tcp_output)
OURS(worker_create)
OURS(engine_poll)
OURS(port_start)
int log_type = 12345678;
const char cc_cubic[] = "ours";

static const struct tern_endpoint server = {.addr = {192, 0, 2, 1}, .port = 0x0700, .af = TERN_AF_INET};
static unsigned int echoed;

static void
echo(struct tern_conn *c, void *user)
{
	char buf[16];
	const ssize_t n = tern_recv(c, buf, sizeof(buf));

	if (n > 0)
		tern_send(c, buf, n, 0);
}
static const struct tern_ops echo_ops = {.readable = echo};

static void
acceptable(struct tern_listener *l, void *user)
{
	struct tern_conn *c;

	tern_accept(l, &echo_ops, NULL, &c, 1);
}
static const struct tern_listener_ops listen_ops = {.acceptable = acceptable};

static void
connected(struct tern_conn *c, void *user)
{
	tern_send(c, "symbols", 7, 0);
}

static void
answered(struct tern_conn *c, void *user)
{
	char buf[16];

	if (tern_recv(c, buf, sizeof(buf)) == 7 && memcmp(buf, "symbols", 7) == 0)
		echoed = 1;
}
static const struct tern_ops client_ops = {.connected = connected, .readable = answered};

static int
serve(struct tern_worker *w, void *arg)
{
	struct tern_listener *l;

	return tern_listen(w, &server, 8, &listen_ops, NULL, &l);
}

static int
call(struct tern_worker *w, void *arg)
{
	struct tern_conn *c;

	return tern_connect(w, NULL, &server, &client_ops, NULL, &c);
}

int
main(int argc, char **argv)
{
	const unsigned int lcores[] = {0};
	struct tern_conf conf;
	void *older;
	struct tern *s, *c;
	uint16_t ports[2];
	unsigned int i;

	tern_conf_init(&conf, sizeof(conf));
	conf.name = "abi_a";
	conf.lcores = lcores;
	conf.n_workers = 1;
	conf.n_ifs = 1;
	conf.n_mbufs = 2048;
	conf.max_conns = 64;
	conf.ifs[0] = (struct tern_if_conf){.addr4 = {192, 0, 2, 1}, .prefix4 = 24};
	conf.app = (struct tern_app){.start = serve};
	if (rte_eal_init(argc, argv) < 0 || tern_ring_pair("abi", 1, 1024, ports))
		errx(1, "no EAL, or no cable");
	conf.ifs[0].port_id = ports[0];
	if (tern_create(&conf, &s))
		errx(1, "no server");
	conf.name = "abi_b";
	conf.ifs[0].port_id = ports[1];
	conf.ifs[0].addr4[3] = 2;
	conf.app.start = call;
	conf.size = OLDER;
	older = malloc(OLDER);
	if (!older)
		err(1, "no memory");
	if (tern_create(memcpy(older, &conf, OLDER), &c))
		errx(1, "no client");
	free(older);
	for (i = 0; i < TURNS && !echoed; i++)
		if (tern_worker_step(s, 0, 1) != 1 || tern_worker_step(c, 0, 1) != 1)
			errx(1, "a worker left");
	tern_destroy(c);
	tern_destroy(s);
	if (!echoed || strcmp(cc_cubic, "ours") || log_type != 12345678)
		errx(1, "no answer after %u turns, or the program's data was written to", i);
	rte_eal_cleanup();
	return 0;
}
