/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What debug builds say of a call on the wrong thread, or with a handle that is the application's no more: one line
 * that names the call, and the end of the program. Each is made in a child of its own.
 */
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
#include "harness.h"
#include "tcp/call.h"

static int to_parent;

static void
to_pipe(int level, const char *line, void *arg)
{
	if (write(to_parent, line, strlen(line)) < 0)
		_exit(1);
}

/* fn(arg) in a child. @return whether the child was ended by abort(); line: what it said. */
static bool
aborts(void (*fn)(void *arg), void *arg, char line[256])
{
	int fd[2], status;
	ssize_t n;
	pid_t pid;

	fflush(stdout);
	CU_ASSERT_FATAL(pipe(fd) == 0);
	pid = fork();
	CU_ASSERT_FATAL(pid >= 0);
	if (pid == 0) {
		signal(SIGABRT, SIG_DFL);
		to_parent = fd[1];
		tern_log_set(to_pipe, NULL);
		fn(arg);
		_exit(0);
	}
	close(fd[1]);
	n = read(fd[0], line, 255);
	line[n > 0 ? n : 0] = 0;
	close(fd[0]);
	CU_ASSERT_FATAL(waitpid(pid, &status, 0) == pid);
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void
with_handle(void *c)
{
	call_of(c, "tern_send");
}

static void
with_worker(void *w)
{
	call_on(w, "tern_connect");
}

static void
really_send(void *c)
{
	tern_send(c, "x", 1, 0);
}

static void
test_given_up(void)
{
	struct sock *s = fx_established();
	struct tern_conn *c = s->c;
	char line[256];

	CHECK(!aborts(with_handle, c, line));
	CHECK_EQ(strlen(line), 0);
	sock_close(s);
	expect(FIN | ACK, 1, 1, 0);
	CHECK(aborts(with_handle, c, line));
	CHECK(strstr(line, "tern_send(): the handle was given up") == line);
	CHECK_EQ(aborts(really_send, c, line), TERN_CHECKS);
	tx(RST, 1, 0, 0);
	run();
	if (!TERN_CHECKS)
		c->kind = 0; /* as tcp_run_pending() leaves it in a debug build */
	CHECK(aborts(with_handle, c, line));
	CHECK(strstr(line, "tern_send(): the connection is gone") == line);
}

static void *
on_other_thread(void *c)
{
	really_send(c);
	return NULL;
}

static void
send_elsewhere(void *c)
{
	pthread_t t;

	if (pthread_create(&t, NULL, on_other_thread, c) || pthread_join(t, NULL))
		_exit(1);
}

static void
test_thread(void)
{
	struct sock *s = fx_established();
	char line[256];

	CHECK(!aborts(with_worker, W, line)); /* nobody has run it by tern_worker_step() */
	W->tid = 1;
	CHECK(aborts(with_worker, W, line));
	CHECK(strstr(line, "tern_connect(): called by another thread") == line);
	CHECK(aborts(with_handle, s->c, line));
	W->tid = rte_gettid();
	if (TERN_CHECKS) { /* else it would be sent: EAL's memory is the child's, too */
		CHECK(aborts(send_elsewhere, s->c, line));
		CHECK(strstr(line, "tern_send(): called by another thread") == line);
	}
	W->tid = 0;
}

int
main(int argc, char **argv)
{
	static CU_TestInfo tests[] = {
		{"a handle that was given up", test_given_up},
		{"another thread", test_thread},
		CU_TEST_INFO_NULL,
	};

	return harness_main(argc, argv, "call", tests);
}
