/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * libtern as packetdrill sees a stack (pd_stack.h): sockets over one worker, driven in the caller's time. Here is the
 * table of its calls, and the worker's start and end. backend.h says what else there is.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* cpu_set_t */
#endif
#include <dlfcn.h>
#include <errno.h>
#include <getopt.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_log.h>
#include <rte_mempool.h>
#include "backend.h"
#include "stack/conf.h"

#define N_MBUFS 4096

struct tern_worker *be_worker;
struct rte_mempool *be_mbufs;

/*
 * packetdrill loads us with RTLD_DEEPBIND: then EAL sets and reads other optind and optarg than getopt() does. It goes
 * through its options twice; the first time ends at one it does not know, and the second then goes on where that
 * ended, for it fails to reset what getopt() uses. Options with an argument can't be had that way: the one lcore comes
 * from the affinity.
 */
static int
start_eal(void)
{
	char *argv[] = {"tern", "--unknown", "--no-huge", "--no-shconf", "--no-pci", "--no-telemetry", NULL};
	void *program = dlopen(NULL, RTLD_LAZY);
	int *const ind = program ? dlsym(program, "optind") : NULL;
	const bool split = ind && ind != &optind;
	const int old = optind, program_old = split ? *ind : 0;
	int rc;

	opterr = 0;
	if (split)
		*ind = 0;
	else
		argv[1] = argv[0];
	rc = rte_eal_init(RTE_DIM(argv) - 1 - !split, argv + !split);
	optind = old;
	if (split)
		*ind = program_old;
	if (program)
		dlclose(program);
	return rc < 0 ? -rte_errno : 0;
}

static int
eal_init(void)
{
	cpu_set_t all, one;
	int rc;

	if (be_mbufs)
		return 0;
	sched_getaffinity(0, sizeof(all), &all);
	CPU_ZERO(&one);
	for (unsigned int i = 0; i < CPU_SETSIZE && !CPU_COUNT(&one); i++)
		if (CPU_ISSET(i, &all))
			CPU_SET(i, &one);
	sched_setaffinity(0, sizeof(one), &one);
	rte_log_set_global_level(RTE_LOG_ERR);
	rc = start_eal();
	sched_setaffinity(0, sizeof(all), &all);
	if (rc)
		return rc;
	be_mbufs = rte_pktmbuf_pool_create("pd", N_MBUFS, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	return be_mbufs ? 0 : -rte_errno;
}

/* Addresses in "key=value,key=value": those of keys that name the remote side or a gateway are not ours. */
static void
parse_flags(const char *flags, struct tern_if_conf *ic, uint16_t *mtu)
{
	char *copy = strdup(flags ? flags : ""), *save, *word;

	for (word = copy ? strtok_r(copy, ", ;", &save) : NULL; word; word = strtok_r(NULL, ", ;", &save)) {
		char *value = strchr(word, '=');

		if (!value || strstr(word, "remote") == word || strstr(word, "gw") == word ||
		    strstr(word, "gateway") == word)
			continue;
		if (strstr(word, "mtu=") == word) {
			*mtu = atoi(value + 1);
			continue;
		}
		value[1 + strcspn(value + 1, "/")] = 0;
		if (inet_pton(AF_INET, value + 1, ic->addr4) != 1)
			inet_pton(AF_INET6, value + 1, ic->addr6);
	}
	free(copy);
}

static int
init(const char *flags, uint64_t now_us)
{
	/* packetdrill's defaults: 192.168/16 and fd3d:fa7b:d17d::/48, the remote side behind a gateway. */
	struct tern_conf conf;
	struct rte_ether_addr mac;
	uint16_t mtu = 1500;
	uint64_t now;
	int rc;

	tern_conf_init(&conf, sizeof(conf));
	conf.max_conns = N_SOCKS;
	conf.max_requests = 1024;
	conf.max_timewait = N_SOCKS;
	conf.max_portsets = N_SOCKS;
	conf.max_listeners = N_SOCKS;
	conf.n_mbufs = N_MBUFS;
	conf.n_ifs = 1;
	conf.ifs[0] = (struct tern_if_conf){.addr4 = {192, 168, 0, 1}, .prefix4 = 16, .gw4 = {192, 168, 255, 254},
			   .addr6 = {0xfd, 0x3d, 0xfa, 0x7b, 0xd1, 0x7d, [15] = 1}, .prefix6 = 48,
			   .gw6 = {0xfe, 0x80, [15] = 0xfe}};
	rc = eal_init();
	if (rc)
		return rc;
	parse_flags(flags, &conf.ifs[0], &mtu);
	memcpy(conf.ifs[0].gw4, conf.ifs[0].addr4, 2);
	memcpy(&mac, be_mac, 6);
	be_socks_reset();
	now = be_start_clock(now_us);
	rc = conf_settle(&conf);
	rc = rc ? rc : worker_create(&be_worker, &conf, 0, 0, be_mbufs, now);
	if (rc)
		return rc;
	rc = link_iface_init(&be_worker->ifs[0], 0, &conf.ifs[0], &mac, mtu);
	be_worker->n_ifs = 1;
	be_worker->ifs[0].tx_multi_seg = true;
	be_flush();
	return rc;
}

static void
fini(void)
{
	be_socks_reset();
	worker_destroy(be_worker);
	be_worker = NULL;
	if (rte_mempool_avail_count(be_mbufs) != N_MBUFS) {
		fprintf(stderr, "tern: %u packet buffers were not given back\n",
			N_MBUFS - rte_mempool_avail_count(be_mbufs));
		abort();
	}
}

const struct pd_stack pd_backend = {
	.name = "tern",
	.init = init,
	.fini = fini,
	.input = be_input,
	.next_timer = be_next_timer,
	.run = be_run,
	.socket = be_socket,
	.bind = be_bind,
	.listen = be_listen,
	.accept = be_accept,
	.connect = be_connect,
	.connect_done = be_connect_done,
	.recv = be_recv,
	.send = be_send,
	.shutdown = be_shutdown,
	.close = be_close,
	.getsockopt = be_getsockopt,
	.setsockopt = be_setsockopt,
	.pollev = be_pollev,
	.qlen = be_qlen,
	.sendto = be_sendto,
};
