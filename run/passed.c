/* SPDX-License-Identifier: BSD-3-Clause */
/* What was not tern's: each call of a socket of tern's that it has no word for is named once, and --stats counts them.
 * Calls of libc's that have a hook count by themselves, hook_own.h. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "sock.h"
#include "run_options.h"

#define NOTES 64u

static struct note {
	const char *call;
	long what, which;
	uint64_t n;
} notes[NOTES]; /* behind the lock */

void
passed_note(const char *call, long what, long which, const char *answer)
{
	struct note *n;

	for (n = notes; n < notes + NOTES - 1 && n->n; n++)
		if (strcmp(n->call, call) == 0 && n->what == what && n->which == which)
			break;
	if (n == notes + NOTES - 1) { /* all others, whatever they are */
		*n = (struct note){"others", 0, 0, n->n};
	} else if (!n->n) {
		n->call = call, n->what = what, n->which = which;
		run_say("%s(%ld,%ld) of a socket that is tern's: %s", call, what, which, answer);
	}
	n->n++;
}

int
passed_give_away(void)
{
	run_enter();
	passed_note("sendmsg", SOL_SOCKET, SCM_RIGHTS, "it can't be sent to another process");
	run_leave();
	return -EOPNOTSUPP;
}

void
passed_print(void)
{
	const struct run_host *h = run.host;
	const struct note *n;
	char name[64];
	unsigned int i;

	fprintf(stderr, "# process %d: calls passed to the kernel since its first socket\n", getpid());
	for (i = 0; i < h->n_passed; i++)
		if (h->passed[i])
			fprintf(stderr, "%-32s %lu\n", h->names[i], h->passed[i]);
	if (notes[0].n)
		fprintf(stderr, "# asked of tern's sockets, answered by the kernel's behind them, or refused: "
				"(level,option), or the number\n");
	for (n = notes; n < notes + NOTES && n->n; n++) {
		snprintf(name, sizeof(name), "%s(%ld,%ld)", n->call, n->what, n->which);
		fprintf(stderr, "%-32s %lu\n", name, n->n);
	}
}
