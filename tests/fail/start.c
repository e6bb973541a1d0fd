/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The start of everything, once for each request for memory that it makes, which fails, alone or with all that follow:
 * a worker, a cable, a stack of one and of two workers, the program's options and roles. What is started says so with
 * -ENOMEM, or what a driver says, after a line; nothing of it is left; and the next start succeeds.
 */
#include <errno.h>
#include <unistd.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include "../unit/suite.h"
#include "fail.h"
#include "option.h"
#include "role.h"
#include "stack/conf.h"
#include "stack/worker.h"

#define N_MBUFS 2048u

static struct rte_mempool *pool;
static unsigned int lines; /* logged */
static uint64_t runs;

struct start {
	const char *name;
	int (*go)(void); /* with the failure. @return 0 or -errno */
	void (*end)(void); /* whatever go() said */
	bool silent;	   /* no line is due: who calls it writes one */
	bool keeps;	   /* something is kept until the process ends, by design */
};

static void
on_log(int level, const char *line, void *arg)
{
	lines++;
}

/* --- library -------------------------------------------------------------------------------------------------- */

static struct tern_worker *w;
static struct tern *stacks[2];
static uint16_t ports[2];
static unsigned int n_workers;

static void
small_conf(struct tern_conf *c)
{
	tern_conf_init(c, sizeof(*c));
	c->max_conns = c->max_requests = c->max_timewait = 16;
	c->max_portsets = c->max_listeners = c->max_neighbours = 4;
	c->n_mbufs = N_MBUFS;
	c->n_ifs = 1;
}

static int
go_worker(void)
{
	struct tern_conf c;

	small_conf(&c);
	CU_ASSERT_EQUAL_FATAL(conf_settle(&c), 0);
	w = NULL;
	return worker_create(&w, &c, 0, -1, pool, 1000000);
}

static void
end_worker(void)
{
	worker_destroy(w);
	w = NULL;
}

/* @return as tern_create(). One more stack at port i. */
static int
go_stack(unsigned int i)
{
	static const unsigned int lcores[2] = {0, 1};
	struct tern_conf c;

	small_conf(&c);
	c.name = i ? "two" : "one";
	c.lcores = lcores;
	c.n_workers = i ? 1 : n_workers;
	c.ifs[0] = (struct tern_if_conf){.port_id = ports[i], .addr4 = {192, 0, 2, i + 1}, .prefix4 = 24};
	return tern_create(&c, &stacks[i]);
}

/* Both ends had a stack: the cable is gone with the second. */
static void
end_stacks(void)
{
	for (unsigned int i = 0; i < 2; i++) {
		if (!stacks[i] && rte_eth_dev_is_valid_port(ports[i]))
			CU_ASSERT_EQUAL(go_stack(i), 0); /* memory is back */
		tern_destroy(stacks[i]);
		stacks[i] = NULL;
		CU_ASSERT_FALSE(rte_eth_dev_is_valid_port(ports[i]));
	}
}

static bool has_cable;

static int
go_cable(void)
{
	const int rc = tern_ring_pair("fail", 2, 64, ports);

	has_cable = rc == 0;
	return rc;
}

static void
end_cable(void)
{
	n_workers = 1;
	if (!has_cable)
		CU_ASSERT_EQUAL_FATAL(go_cable(), 0);
	end_stacks();
}

static int posted;

static void
on_post(struct tern_worker *tw, void *arg)
{
	posted++;
}

/* The cable was laid before. */
static int
go_create(void)
{
	int rc = go_stack(0);

	if (rc)
		return rc;
	posted = 0;
	CU_ASSERT_EQUAL(tern_post(stacks[0], 0, on_post, NULL), 0);
	CU_ASSERT_EQUAL(tern_worker_step(stacks[0], 0, 3), 1);
	CU_ASSERT_EQUAL(posted, 1);
	return 0;
}

/* A cable of so many queues, and a stack of so many workers. */
static void
lay(unsigned int workers, unsigned int queues)
{
	n_workers = workers;
	CU_ASSERT_EQUAL_FATAL(tern_ring_pair("fail", queues, 64, ports), 0);
}

static int
go_one(void)
{
	return go_create();
}

static void
before_one(void)
{
	lay(1, 1);
}

static void
before_two(void)
{
	lay(2, 1); /* one tx queue: the second worker sends through a box of the first */
}

/* --- program ---------------------------------------------------------------------------------------------------- */

static char file_name[] = "/tmp/tern-fail-XXXXXX";

static int
go_options(void)
{
	char *argv[] = {"--", "--role", "http", "--addr", "192.0.2.1/24", "--port", "8080", "--body", "hello", NULL};
	int rc = options_init();

	rc = rc ? rc : options_file(file_name);
	return rc ? rc : options_argv(9, argv);
}

static void
end_options(void)
{
}

static struct stack app;

static int
go_role(const struct role *r)
{
	int rc;

	CU_ASSERT_EQUAL_FATAL(options_init(), 0);
	options.listen.af = 4;
	options.backlog = 2;
	options.conf.max_conns = 16;
	memset(&app, 0, sizeof(app));
	app.o = &options;
	app.role = r;
	app.n_workers = 1;
	rc = r->init ? r->init(&app) : 0;
	return rc ? rc : r->start(&app, w);
}

static const struct role *
role_named(const char *name)
{
	for (unsigned int i = 0; i < n_roles; i++)
		if (strcmp(roles[i]->name, name) == 0)
			return roles[i];
	return NULL;
}

static int
go_http(void)
{
	return go_role(role_named("http"));
}

static int
go_echo(void)
{
	return go_role(role_named("echo"));
}

static int
go_serve(void)
{
	return go_role(role_named("serve"));
}

static int
go_discard(void)
{
	return go_role(role_named("discard"));
}

static int
go_proxy(void)
{
	return go_role(role_named("proxy"));
}

static void
before_role(void)
{
	CU_ASSERT_EQUAL_FATAL(go_worker(), 0);
}

static void
end_role(void)
{
	while (w->listeners.first)
		tern_listener_close(w->listeners.first);
	end_worker(); /* stops its timers */
	role_free(&app);
}

static const struct start starts[] = {
	{"worker", go_worker, end_worker, .silent = true},
	{"cable", go_cable, end_cable},
	{"stack of one worker", go_one, end_stacks},
	{"stack of two workers", go_one, end_stacks},
	{"options", go_options, end_options, .keeps = true},
	{"role http", go_http, end_role, .keeps = true},
	{"role echo", go_echo, end_role, .keeps = true},
	{"role serve", go_serve, end_role, .keeps = true},
	{"role discard", go_discard, end_role, .keeps = true},
	{"role proxy", go_proxy, end_role, .keeps = true},
};
static void (*const before[])(void) = {NULL,        NULL,        before_one,  before_two, NULL,
				       before_role, before_role, before_role, before_role,
				       before_role};

/* --- runs -------------------------------------------------------------------------------------------------------- */

/* @return requests made. */
static uint32_t
once(unsigned int k, uint32_t nth, uint32_t in_a_row)
{
	const struct start *s = &starts[k];
	const unsigned int bad = CU_get_number_of_failure_records();
	const int64_t live = fail_live();
	uint32_t n;
	long said;
	int rc;

	if (before[k])
		before[k]();
	lines = 0;
	said = ftell(stderr); /* a file */
	fail_begin(nth, in_a_row);
	rc = s->go();
	n = fail_end();
	if (!nth) {
		CU_ASSERT_EQUAL(rc, 0);
	} else { /* what there is elsewhere is taken instead; else it is said */
		CU_ASSERT(rc == -ENOMEM || rc == -EEXIST || rc == -EINVAL ||
			  (rc == 0 && in_a_row == 1 && strcmp(fail_first()->kind, "mempool") == 0));
	}
	if (rc && !s->silent)
		CU_ASSERT(lines > 0 || ftell(stderr) > said);
	s->end();
	if (!s->keeps)
		CU_ASSERT_EQUAL(fail_live(), live);
	runs++;
	if (CU_get_number_of_failure_records() != bad)
		printf("  %s: request %u%s: %s of %s() failed, %d was said in %u lines; %ld are left\n", s->name, nth,
		       in_a_row > 1 ? " and what followed" : "", fail_first() ? fail_first()->kind : "nothing",
		       fail_first() ? fail_first()->func : "", rc, lines, (long)(fail_live() - live));
	return n;
}

static void
test_start(void)
{
	const char *name = CU_get_current_test()->pName;

	for (unsigned int k = 0; k < RTE_DIM(starts); k++) {
		uint32_t n, i;

		if (strcmp(starts[k].name, name))
			continue;
		n = once(k, 0, 1);
		CU_ASSERT(n > 0);
		for (i = 1; i <= n; i++) {
			once(k, i, 1);
			once(k, i, UINT32_MAX);
		}
		once(k, 0, 1);
		printf("%u requests ", n);
	}
}

static char said_name[sizeof(file_name) + 4];

static int
config_file(void)
{
	static const char text[] = "[eal]\nargs = -l 0\n[tern]\nrole = echo\n";
	const int fd = mkstemp(file_name);
	const bool ok = fd >= 0 && write(fd, text, sizeof(text) - 1) == sizeof(text) - 1;

	snprintf(said_name, sizeof(said_name), "%s.err", file_name);
	if (fd >= 0)
		close(fd);
	return ok ? 0 : -1;
}

int
main(void)
{
	char *argv[] = {"start",          "--no-huge", "--no-pci", "--no-shconf",       "-m", "256",
			"--no-telemetry", "--lcores",  "(0-1)@0",  "--log-level=error", NULL};
	CU_TestInfo tests[RTE_DIM(starts) + 1] = {0};
	unsigned int i;
	int rc;

	if (rte_eal_init(RTE_DIM(argv) - 1, argv) < 0 || config_file())
		return 1;
	tern_log_set(on_log, NULL);
	if (!freopen(said_name, "w", stderr)) /* what the program complains of */
		return 1;
	pool = rte_pktmbuf_pool_create("pool", N_MBUFS, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	for (i = 0; i < RTE_DIM(starts); i++)
		tests[i] = (CU_TestInfo){starts[i].name, test_start};
	rc = suite_run("start", tests);
	for (i = 0; i < fail_n_sites; i++)
		printf("%-18s%-28s %lu\n", fail_sites[i].kind, fail_sites[i].func, fail_sites[i].failed);
	printf("start: %u sites, %zu scenarios, %lu runs\n", fail_n_sites, RTE_DIM(starts), runs);
	unlink(file_name);
	unlink(said_name);
	return rc;
}
