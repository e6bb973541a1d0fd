/* SPDX-License-Identifier: BSD-3-Clause */
/* A role of app/ that serves, on worker 1, and a socket of worker 0 that is connected to it. */
#include "harness.h"
#include "option.h"
#include "requests.h"

#define SERVER (&bed.n[1])

static struct stack stack;
static struct sock *s;

/* Options of everybody; a test may change them before role_start(). */
static void
role_options(const struct role *r)
{
	bed.conf.max_conns = 128;
	CU_ASSERT_FATAL(options_init() == 0);
	options.listen.af = bed.af;
	options.backlog = 16;
	options.conf.max_conns = 128;
	requests.request_size = requests.response_size = 1;
	requests.per_conn = UINT32_MAX;
	memset(&stack, 0, sizeof(stack));
	stack.o = &options;
	stack.role = r;
	stack.n_workers = 2; /* the first has none */
}

static void
role_start(void)
{
	bed_start_pair();
	CU_ASSERT_FATAL(!stack.role->init || stack.role->init(&stack) == 0);
	CU_ASSERT_FATAL(stack.role->start(&stack, TW_(SERVER)) == 0);
	CU_ASSERT_FATAL(node_connect(80, 0, &s) == 0);
	run();
	CU_ASSERT_FATAL(s->connected == 1);
	if (s->c) /* the role may have reset it at once */
		tern_setopt(s->c, TERN_OPT_NODELAY, 1);
}

static inline void
role_up(const struct role *r)
{
	role_options(r);
	role_start();
}

static void
role_poll(void)
{
	stack.role->poll(&stack, TW_(SERVER), bed.now_us);
	run();
}

static void
say(const char *p, size_t n)
{
	CHECK_EQ(tern_send(s->c, p, n, 0), n);
	run();
}
