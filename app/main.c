/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The program. Options are read and checked before EAL starts, so that a typo costs no hugepages. Then the role runs:
 * by itself, or as one stack with a worker per lcore (run.c). Exit code: 0 when nothing failed and everything was
 * closed, else 1.
 */
#include <string.h>
#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_version.h>
#include "capture.h"
#include "ctl.h"
#include "eal.h"
#include "explain.h"
#include "launch.h"
#include "option.h"
#include "page.h"
#include "preflight.h"
#include "record.h"
#include "run.h"

#define BAD_OPTIONS 2 /* the exit status */

/* Take "--config FILE" or "--config=FILE" out of argv. @return -EINVAL after a line. */
static int
take_config(int *argc, char **argv, const char **file)
{
	int i, n;

	for (i = 1; i < *argc; i++) {
		if (strncmp(argv[i], "--config", 8) || (argv[i][8] && argv[i][8] != '='))
			continue;
		n = argv[i][8] ? 1 : 2;
		if (*file)
			return complain("--config is there twice");
		if (i + n > *argc)
			return complain("--config: needs a value, FILE");
		*file = n == 1 ? argv[i] + 9 : argv[i + 1];
		memmove(&argv[i], &argv[i + n], (*argc - i - n + 1) * sizeof(*argv));
		*argc -= n;
		i--;
	}
	return 0;
}

/* What else the program does. `check` is not among them: its arguments are those of a start. */
static const struct {
	const char *name;
	int (*fn)(int argc, char **argv);
} programs[] = {{"run", launch}, {"report", page}, {"ctl", ctl_call}, {"top", top}, {"explain", explain}};

int
main(int argc, char **argv)
{
	const struct role *role;
	const char *file = NULL;
	int i, split;
	bool ok, check = argc > 1 && strcmp(argv[1], "check") == 0;

	for (i = 0; argc > 1 && i < (int)RTE_DIM(programs); i++)
		if (strcmp(argv[1], programs[i].name) == 0)
			return programs[i].fn(argc, argv);
	if (check) { /* what follows is as it would start */
		argv[1] = argv[0];
		argv++;
		argc--;
	}
	run_began = rte_rdtsc();
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
			ok = options_init() == 0;
			options_help();
			return ok ? 0 : BAD_OPTIONS;
		}
		if (strcmp(argv[i], "--version") == 0) {
			printf("tern " TERN_VERSION ", %s\n", rte_version());
			return 0;
		}
	}
	if (options_init() || take_config(&argc, argv, &file))
		return BAD_OPTIONS;
	for (split = 1; split < argc && strcmp(argv[split], "--"); split++) {
		if (options_known(argv[split]))
			return complain("%s is not an EAL option: it goes after '--'", argv[split]) ? BAD_OPTIONS : 0;
	}
	if (file && options_file(file))
		return BAD_OPTIONS;
	if (split < argc && options_argv(argc - split, argv + split))
		return BAD_OPTIONS;
	if ((check && !options.ifs_given && option_put(option_find("addr", 4), "192.0.2.1/24")) || options_check() ||
	    capture_check(options.capture_filter))
		return BAD_OPTIONS;
	if (check)
		return preflight(split, argv);
	if (record_open(&options) || eal_start(options.eal_args, split, argv))
		return 1;
	role = roles[options.role];
	ok = (role->run ? role->run(&options) : run_role(role)) == 0;
	rte_eal_cleanup();
	return ok ? 0 : 1;
}
