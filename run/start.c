/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The configuration, which is looked at when the first socket is made, and the stack, which comes when one needs it:
 * what the program has (its getopt, signals, CPUs) is as it was afterwards. Without a word about interfaces it is a
 * tap device whose other end the kernel has: 192.0.2.1 is the program, 192.0.2.2 the host.
 */
#define _GNU_SOURCE
#include <getopt.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/syscall.h>
#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_lcore.h>
#include "eal.h"
#include "heirs.h"
#include "option.h"
#include "peers.h"
#include "role.h"
#include "open.h"
#include "run_options.h"
#include "tap.h"

#define WORDS_MAX 256
#define TURN_US 10u    /* between two turns of a program that has something to do already */
#define STAY_MS 30000u /* for who comes after us */
#define LATE_MS 1000u  /* for what is on its way from those that are there */

static void dying(void);
static void leaving(void);

const struct run_calls sock_calls = {
	.socket = run_socket,
	.bind = run_bind,
	.listen = run_listen,
	.inherit = run_inherit,
	.accept = run_accept,
	.connect = run_connect,
	.shutdown = run_shutdown,
	.name = run_name,
	.setsockopt = run_setsockopt,
	.getsockopt = run_getsockopt,
	.recv = run_recv,
	.recvmsg = run_recvmsg,
	.send = run_send,
	.sendmsg = run_sendmsg,
	.sendfile = run_sendfile,
	.splice = run_splice,
	.close = run_close,
	.unpark = sock_unpark,
	.dup = run_dup,
	.fcntl = run_fcntl,
	.ioctl = run_ioctl,
	.epoll_ctl = run_epoll_ctl,
	.epoll_wait = run_epoll_wait,
	.poll = run_poll,
	.give_away = passed_give_away,
	.forking = run_enter,
	.forked = run_forked,
	.dying = dying,
	.leaving = leaving,
};

extern const struct role role_run;
const struct role *const roles[] = {&role_run};
const unsigned int n_roles = 1;

void
run_say(const char *fmt, ...)
{
	char line[256];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = snprintf(line, sizeof(line), "tern: ");
	n += vsnprintf(line + n, sizeof(line) - n - 1, fmt, ap);
	va_end(ap);
	n = RTE_MIN(n, (int)sizeof(line) - 2);
	line[n++] = '\n';
	if (write(STDERR_FILENO, line, n) < 0)
		return; /* nobody reads it */
}

/* --- configuration ------------------------------------------------------------------------------------------- */

/* TERN_OPTIONS: a word a line, as `tern run` was given them. */
static int
words(void)
{
	char *text = getenv("TERN_OPTIONS"), *argv[WORDS_MAX + 1] = {"tern"}, *save = NULL, *word;
	int argc = 1, rc;

	text = text ? strdup(text) : NULL;
	for (word = text ? strtok_r(text, "\n", &save) : NULL; word && argc < WORDS_MAX;
	     word = strtok_r(NULL, "\n", &save))
		argv[argc++] = word;
	rc = word ? complain("TERN_OPTIONS: more than %d words", WORDS_MAX) : options_argv(argc, argv);
	free(text);
	return rc;
}

static int
configure(void)
{
	const char *file = getenv("TERN_CONFIG");

	if (options_init() || (file && *file && options_file(file)) || words())
		return -EINVAL;
	if (!options.ifs_given) {
		if (option_put(option_find("addr", 4), "192.0.2.1/24") ||
		    option_put(option_find("addr6", 5), "2001:db8::1/64"))
			return -EINVAL;
		run.tap = true;
	}
	return options_check();
}

const struct run_calls *
tern_run_open(const struct run_host *host)
{
	if (configure())
		return NULL;
	if (!host) {
		if (run.tap)
			run_say("the program is at 192.0.2.1 and 2001:db8::1, on the tap device " TAP);
		return &sock_calls;
	}
	run.host = host;
	*host->counts = run_options.stats;
	run.socks = calloc(FD_MAX, sizeof(run.socks[0])); /* untouched memory costs nothing */
	return run.socks ? &sock_calls : NULL;
}

/* --- whose it is --------------------------------------------------------------------------------------------- */

static bool
is_loopback(const struct tern_endpoint *e)
{
	static const uint8_t one[16] = {[15] = 1};

	return e->af == TERN_AF_INET ? e->addr[0] == 127 : memcmp(e->addr, one, 16) == 0;
}

/* First of count addresses from a; fewer than 2^32. */
static bool
in_row(const uint8_t *a, const uint8_t *addr, unsigned int len, uint32_t count)
{
	uint32_t first, it;

	memcpy(&first, a + len - 4, 4);
	memcpy(&it, addr + len - 4, 4);
	return memcmp(a, addr, len - 4) == 0 && ntohl(it) - ntohl(first) < RTE_MAX(count, 1u);
}

bool
run_has(const struct tern_endpoint *e)
{
	unsigned int i, k;

	for (i = 0; i < options.conf.n_ifs; i++) {
		const struct tern_if_conf *c = &options.conf.ifs[i];

		if (e->af == TERN_AF_INET && if_has(c, e->af) && in_row(c->addr4, e->addr, 4, c->addr4_count))
			return true;
		if (e->af == TERN_AF_INET6 && if_has(c, e->af) && in_row(c->addr6, e->addr, 16, c->addr6_count))
			return true;
		for (k = 0; k < c->n_aliases; k++)
			if (c->alias[k].af == e->af &&
			    in_row(c->alias[k].addr, e->addr, e->af == TERN_AF_INET ? 4 : 16, c->alias[k].count))
				return true;
	}
	return false;
}

bool
run_family(uint8_t af)
{
	unsigned int i;

	for (i = 0; i < options.conf.n_ifs; i++)
		if (if_has(&options.conf.ifs[i], af))
			return true;
	return false;
}

const struct tern_endpoint *
run_own(const struct tern_endpoint *local, struct tern_endpoint *e)
{
	unsigned int i;

	*e = *local;
	for (i = 0; name_any(e) && i < options.conf.n_ifs; i++) {
		const struct tern_if_conf *c = &options.conf.ifs[i];

		if (!if_has(c, e->af))
			e->af = e->af == TERN_AF_INET ? TERN_AF_INET6 : TERN_AF_INET;
		memcpy(e->addr, e->af == TERN_AF_INET ? c->addr4 : c->addr6, e->af == TERN_AF_INET ? 4 : 16);
	}
	return e;
}

/* Where tern has a way to. */
bool
run_is_tern(const struct tern_endpoint *e)
{
	static const uint8_t zero[16];
	unsigned int i;

	if (is_loopback(e) || name_any(e) || run_has(e) || !e->port || !run_allows(e))
		return false;
	for (i = 0; i < options.conf.n_ifs; i++) {
		const struct tern_if_conf *c = &options.conf.ifs[i];
		const bool v4 = e->af == TERN_AF_INET;

		if (!if_has(c, e->af))
			continue;
		if (v4 ? run_same_net(c->addr4, e->addr, c->prefix4) : run_same_net(c->addr6, e->addr, c->prefix6))
			return true;
		if (memcmp(v4 ? c->gw4 : c->gw6, zero, v4 ? 4 : 16))
			return true;
	}
	return false;
}

/* --- the stack ------------------------------------------------------------------------------------------------ */

/* Worker 0's lcore may be on every CPU that this program may be on. */
static char *
lcores(void)
{
	static char text[8192];
	cpu_set_t cpus;
	unsigned int i;
	size_t n;

	n = snprintf(text, sizeof(text), "--lcores=0@(");
	if (sched_getaffinity(0, sizeof(cpus), &cpus))
		return "--lcores=0@0";
	for (i = 0; i < CPU_SETSIZE; i++)
		if (CPU_ISSET(i, &cpus))
			n += snprintf(text + n, sizeof(text) - n, "%u,", i);
	text[n - 1] = ')';
	return text;
}

/* Does the file say which lcores? */
static bool
has_lcores(const char *args)
{
	static const char *const names[] = {"-l", "-c", "--lcores"};
	const char *p;
	unsigned int i;

	for (i = 0; args && i < RTE_DIM(names); i++)
		for (p = strstr(args, names[i]); p; p = strstr(p + 1, names[i]))
			if (p == args || p[-1] == ' ')
				return true;
	return false;
}

static int
start_eal(void)
{
	const int ind = optind, err = opterr, opt = optopt;
	char *const arg = optarg;
	static char vdev[] = "--vdev=net_tap0,iface=" TAP ",mac=02:00:00:00:00:01"; /* of all who share it */
	char *own[] = {"tern",
		       lcores(),
		       "--no-huge",
		       "--no-shconf",
		       "-m",
		       "512",
		       "--no-pci",
		       "--no-telemetry",
		       "--log-level=lib.eal:error",
		       "--log-level=pmd.net.tap:critical",
		       "--log-level=user1:error",
		       "--log-level=tern:warning",
		       vdev};
	int rc, n = RTE_DIM(own);

	if (run.tap && geteuid())
		return complain("run: a tap device needs root: sudo, or give a device by --config FILE");
	if (!run.tap && options.eal_args)
		n = has_lcores(options.eal_args) ? 1 : 2; /* the file says the rest */
	else if (!run.tap)
		n--;
	rc = eal_start(run.tap ? NULL : options.eal_args, n, own);
	optind = ind;
	opterr = err;
	optopt = opt;
	optarg = arg;
	return rc;
}

static void
find_rx_fds(void)
{
	unsigned int i;

	run.spin = run_options.idle == IDLE_SPIN;
	run.can_sleep = run_options.idle == IDLE_IRQ && tern_worker_can_sleep(run.w);
	for (i = 0; run.can_sleep && i < options.conf.n_ifs; i++) {
		run.rx_fd[i] = rte_eth_dev_rx_intr_ctl_q_get_fd(options.conf.ifs[i].port_id, 0);
		rte_eth_dev_rx_intr_enable(options.conf.ifs[i].port_id, 0);
		run.n_ports++;
	}
}

static unsigned int
stat_index(const char *name)
{
	unsigned int i;

	for (i = 0; i < tern_stats_count(); i++)
		if (strcmp(tern_stats_name(i), name) == 0)
			return i;
	return 0;
}

static int
start(void)
{
	static unsigned int lcore;
	struct tern_conf conf = options.conf;
	int rc, gate = -1;

	if (run.tap) {
		gate = peers_join(TAP, &conf);
		if (gate < 0)
			return gate;
		eal_shares_taps = peers_others();
	}
	if (start_eal())
		return -EINVAL;
	if (run.tap && tap_kernel_end())
		return -EINVAL;
	if (run.tap)
		close(gate);
	lcore = rte_get_main_lcore();
	conf.lcores = &lcore;
	conf.n_workers = 1;
	conf.rx_intr = true;
	rc = tern_create(&conf, &run.t);
	if (rc)
		return complain("run: the stack could not be made: %s (see the line above)", strerror(-rc));
	run.w = tern_worker_get(run.t, 0);
	run.stat_rx = stat_index("RxPkts");
	run.turn_cycles = rte_get_tsc_hz() / 1000000 * TURN_US;
	if (run.tap)
		tap_find_fds();
	find_rx_fds();
	tern_worker_step(run.t, 0, 1); /* what it receives waits for the next: then the first listener is there */
	tick_start();
	return 0;
}

void
run_start(void)
{
	cpu_set_t cpus;
	bool threaded;

	if (run.t)
		return;
	threaded = *run.host->threaded;
	sched_getaffinity(0, sizeof(cpus), &cpus);
	if (start())
		_exit(2); /* by which nginx knows that it need not try again */
	sched_setaffinity(0, sizeof(cpus), &cpus);
	*run.host->threaded = threaded;
	*run.host->waits = true;
	run.host->guard();
}

/* --- the end -------------------------------------------------------------------------------------------------- */

static void
print_stats(void)
{
	size_t n = tern_stats_text(run.t, -1, NULL, 0) + 1;
	char *text = malloc(n);

	if (!text)
		return;
	tern_stats_text(run.t, -1, text, n);
	fprintf(stderr, "%s", text);
	free(text);
	passed_print();
}

/* @return whether there is something to end. The stack is ours from here on; what was sent leaves before a reset. */
static bool
end_begins(void)
{
	if (!run.t || run.dead)
		return false;
	run_enter();
	wait_turn();
	return true;
}

/* Until all that was closed is acknowledged, or it took too long. */
static void
end_drains(void)
{
	heirs_end();
	tern_drain(run.t, options.drain_ms);
	while (tern_worker_step(run.t, 0, 1) == 1)
		;
}

/* Every peer is told. */
static void
dying(void)
{
	unsigned int i;

	if (!end_begins())
		return;
	for (i = 0; i < FD_MAX; i++)
		if (run.socks[i] && run.socks[i]->c)
			tern_abort(run.socks[i]->c), run.socks[i]->c = NULL;
	heirs_end();
	wait_turn();
	wait_turn();
	run.dead = true;
}

/* As the kernel would close it, and nothing is freed: it may be a handler that leaves, in the middle of malloc(). */
static void
leaving(void)
{
	unsigned int i;

	if (!end_begins())
		return;
	for (i = 0; i < FD_MAX; i++) {
		struct tern_conn *const c = run.socks[i] ? run.socks[i]->c : NULL;

		if (!c)
			continue;
		run.socks[i]->c = NULL;
		tern_conn_set_user(c, NULL, NULL);
		tern_close(c);
	}
	end_drains();
	run.dead = true;
}

/* Has somebody to do with this process, i ms after its end? */
static bool
stays(unsigned int i)
{
	return peers_to_come() || heirs_waited_for() || (i < LATE_MS && heirs_any() && peers_unheard());
}

/*
 * What is open is closed in order, as the kernel would when a program has left. Other threads, which exit() leaves
 * running, wait for the lock from now on.
 */
static void __attribute__((destructor)) finish(void)
{
	const struct timespec ms = {0, 1000000};
	unsigned int i;

	if (run.host)
		*run.host->counts = false; /* what follows is ours */
	if (run.host && !run.t && run_options.stats)
		passed_print();
	if (!end_begins())
		return;
	for (i = 0; i < FD_MAX; i++)
		if (run.socks[i])
			sock_detach(run.socks[i], i);
	peers_leave();
	for (i = 0; i < STAY_MS && stays(i); i++) {
		wait_turn();
		syscall(SYS_nanosleep, &ms, NULL); /* libc's would be the program's, and wait */
	}
	end_drains();
	if (run_options.stats)
		print_stats();
	run.dead = true;
}
