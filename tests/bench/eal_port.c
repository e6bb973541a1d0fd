/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * For LD_PRELOAD: gives the vdev arguments of BENCH_VDEV to a DPDK program whose configuration has room for a
 * device's name only, so that such a program can be the server's end of a memif. BENCH_NO_HUGE=MB: memory as
 * valgrind wants it. What the program prints is there when it is killed.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARGS_MAX 64

int rte_eal_init(int argc, char **argv);

int
rte_eal_init(int argc, char **argv)
{
	static char no_huge[] = "--no-huge", no_conf[] = "--no-shconf", m[] = "-m";
	static char *more[ARGS_MAX + 4];
	int (*next)(int, char **) = (int (*)(int, char **))dlsym(RTLD_NEXT, "rte_eal_init");
	char *vdev = getenv("BENCH_VDEV"), *mib = getenv("BENCH_NO_HUGE");
	int i, n = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (i = 0; i < argc && n < ARGS_MAX; i++) {
		if (mib && argv[i] && strncmp(argv[i], "--socket-mem", 12) == 0)
			continue;
		more[n++] = i && vdev && argv[i] && strncmp(argv[i], vdev, strcspn(vdev, ",")) == 0 ? vdev : argv[i];
	}
	if (mib) {
		more[n++] = no_huge;
		more[n++] = no_conf;
		more[n++] = m;
		more[n++] = mib;
	}
	return next(n, more);
}
