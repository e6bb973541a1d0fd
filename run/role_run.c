/* SPDX-License-Identifier: BSD-3-Clause */
/* The options of `tern run`: [run] of a file. */
#include <rte_common.h>
#include "option.h"
#include "role.h"
#include "run_options.h"

struct run_options run_options;

static const char *const idle_names[] = {"irq", "nap", "spin", NULL};

static struct opt opts[] = {
	ENUM("run", "idle", "MODE", run_options.idle, "irq", idle_names,
	     "with nothing to do: sleep until a packet comes (irq), for 50 us at a time (nap), or poll on (spin)"),
	CALL("run", "only", "LIST", set_only, NULL,
	     "only sockets with these are tern's: 80, 8000-8100, 192.0.2.0/24, 192.0.2.1:80, [2001:db8::/32]:80"),
	CALL("run", "except", "LIST", set_except, NULL, "these stay the kernel's; likewise"),
	FLAG("run", "stats", run_options.stats,
	     "on stderr when the program ends: counters, and calls that were the kernel's"),
};

static uint64_t
no_run(struct options *o)
{
	return 1;
}

const struct role role_run = {
	.name = "run",
	.help = "the sockets of a program",
	.opts = opts,
	.n_opts = RTE_DIM(opts),
	.run = no_run, /* its interfaces need not be given */
	.unrecorded = true,
};
