/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Signals. A handler must not run in the middle of a worker, as it may use sockets, or leave by siglongjmp(); and who
 * waits must hear that one came, although it is not in a system call. So what the program installs is remembered, and
 * the kernel is given a handler that runs it at once when the thread is outside, and when it comes out else.
 */
#define _GNU_SOURCE
#include <string.h>
#include "hook_own.h"

#define QUEUE 32

static struct sigaction installed[NSIG]; /* what the program asked for */
static __thread struct {
	siginfo_t info[QUEUE];
	volatile sig_atomic_t n;
} waiting __attribute__((tls_model("initial-exec")));

static __thread volatile sig_atomic_t ending __attribute__((tls_model("initial-exec"))); /* by which signal */

/* The kernel tells a dead program's peers. Here somebody has to, first. */
static void
on_end(int sig)
{
	struct sigaction dfl = {.sa_handler = SIG_DFL};
	sigset_t one;

	if (run_inside) { /* in the middle of a worker: on the way out */
		ending = sig;
		return;
	}
	run_inside = true;
	run_calls->dying();
	real.sigaction(sig, &dfl, NULL);
	sigemptyset(&one);
	sigaddset(&one, sig);
	pthread_sigmask(SIG_UNBLOCK, &one, NULL);
	raise(sig);
}

/* What the CPU raised can't wait. */
static bool
is_fault(int sig)
{
	return sig == SIGSEGV || sig == SIGBUS || sig == SIGFPE || sig == SIGILL || sig == SIGTRAP || sig == SIGABRT;
}

static void
run_handler(int sig, siginfo_t *info, void *context)
{
	struct sigaction a = installed[sig];

	if (a.sa_flags & (int)SA_RESETHAND)
		installed[sig].sa_handler = SIG_DFL; /* the kernel's is reset already */
	if (a.sa_flags & SA_SIGINFO)
		a.sa_sigaction(sig, info, context);
	else if (a.sa_handler != SIG_DFL && a.sa_handler != SIG_IGN)
		a.sa_handler(sig);
}

static void
on_signal(int sig, siginfo_t *info, void *context)
{
	const int err = errno;

	if (!run_inside || is_fault(sig))
		run_handler(sig, info, context);
	else if (waiting.n < QUEUE) /* full: as the kernel merges what is pending */
		waiting.info[waiting.n++] = *info;
	errno = err;
}

bool
run_signalled(void)
{
	return waiting.n != 0 || ending;
}

int
run_signals(void)
{
	const bool was_inside = run_inside;
	siginfo_t info[QUEUE];
	sigset_t all, old;
	int i, n, rc = 1;

	if (unlikely(ending)) {
		run_inside = false;
		on_end(ending);
	}
	if (likely(!waiting.n))
		return 0;
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	n = waiting.n;
	memcpy(info, waiting.info, n * sizeof(info[0]));
	waiting.n = 0;
	run_inside = false;
	for (i = 0; i < n; i++) {
		if (!(installed[info[i].si_signo].sa_flags & SA_RESTART))
			rc = -EINTR;
		pthread_sigmask(SIG_SETMASK, &old, NULL);
		run_handler(info[i].si_signo, &info[i], NULL);
		pthread_sigmask(SIG_BLOCK, &all, NULL);
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	run_inside = was_inside;
	return rc;
}

void
hook_out(void)
{
	if (unlikely(waiting.n) || unlikely(ending))
		run_signals();
}

/* --- signals that end the program ------------------------------------------------------------------------------ */

/* The default of which is the program's end. */
static bool
is_end(int sig)
{
	static const int ends[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGALRM, SIGUSR1, SIGUSR2, SIGPIPE, SIGXCPU};
	unsigned int i;

	for (i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		if (ends[i] == sig)
			return true;
	return false;
}

static int
guard(int sig)
{
	const struct sigaction end = {.sa_handler = on_end};

	return real.sigaction(sig, &end, NULL);
}

void
run_guard(void)
{
	struct sigaction now;
	int sig;

	for (sig = 1; sig < NSIG; sig++)
		if (is_end(sig) && real.sigaction(sig, NULL, &now) == 0 && now.sa_handler == SIG_DFL)
			guard(sig);
}

/* DPDK's tap driver has taken a signal that was free, and hears of packets by it. It stays free to see, and its default
 * would be the end of who restores all of them (haproxy when it leaves). */
static bool
is_device(int sig)
{
	struct sigaction now;

	return run_waits && sig >= SIGRTMIN && real.sigaction(sig, NULL, &now) == 0 && now.sa_handler != SIG_DFL &&
	       now.sa_handler != SIG_IGN && now.sa_sigaction != on_signal;
}

static int
device_sigaction(const struct sigaction *want, struct sigaction *old)
{
	if (want && want->sa_handler != SIG_DFL && want->sa_handler != SIG_IGN) {
		errno = EINVAL;
		return -1;
	}
	if (old)
		*old = (struct sigaction){.sa_handler = SIG_DFL};
	return 0;
}

EXPORT int
sigaction(int sig, const struct sigaction *want, struct sigaction *old)
{
	struct sigaction mine, was;
	int rc;

	if (run_inside || sig <= 0 || sig >= NSIG || is_fault(sig))
		return real.sigaction(sig, want, old);
	if (is_device(sig))
		return device_sigaction(want, old);
	was = installed[sig];
	if (want) {
		mine = *want;
		if (want->sa_handler != SIG_DFL && want->sa_handler != SIG_IGN) {
			mine.sa_sigaction = on_signal;
			mine.sa_flags |= SA_SIGINFO;
			installed[sig] = *want;
		}
	}
	rc = real.sigaction(sig, want ? &mine : NULL, old);
	if (rc == 0 && old && old->sa_sigaction == on_signal && old->sa_flags & SA_SIGINFO)
		*old = was;
	if (rc == 0 && old && old->sa_handler == on_end)
		old->sa_handler = SIG_DFL;
	if (rc == 0 && want && want->sa_handler == SIG_DFL && run_waits && is_end(sig))
		guard(sig);
	return rc;
}

typedef void (*handler)(int);

static handler
install(int sig, handler fn, int flags)
{
	struct sigaction want = {.sa_handler = fn, .sa_flags = flags}, old;

	return sigaction(sig, &want, &old) ? SIG_ERR : old.sa_handler;
}

EXPORT handler
signal(int sig, handler fn)
{
	return install(sig, fn, SA_RESTART);
}

handler bsd_signal(int sig, handler fn);
handler sysv_signal(int sig, handler fn);
handler __sysv_signal(int sig, handler fn);

EXPORT handler
bsd_signal(int sig, handler fn)
{
	return install(sig, fn, SA_RESTART);
}

EXPORT handler
__sysv_signal(int sig, handler fn)
{
	return install(sig, fn, SA_RESETHAND | SA_NODEFER);
}

EXPORT handler
sysv_signal(int sig, handler fn)
{
	return __sysv_signal(sig, fn);
}
