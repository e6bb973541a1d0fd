/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * For LD_PRELOAD: gives the vdev arguments of BENCH_VDEV to a DPDK program whose configuration has room for a
 * device's name only, so that such a program can be the server's end of a memif.
 */
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

int rte_eal_init(int argc, char **argv);

int
rte_eal_init(int argc, char **argv)
{
	int (*next)(int, char **) = (int (*)(int, char **))dlsym(RTLD_NEXT, "rte_eal_init");
	char *vdev = getenv("BENCH_VDEV");
	int i;

	for (i = 1; vdev && i < argc; i++)
		if (argv[i] && strncmp(argv[i], vdev, strcspn(vdev, ",")) == 0)
			argv[i] = vdev;
	return next(argc, argv);
}
