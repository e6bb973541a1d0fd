#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# hookcost.sh [BUILD]: what `tern run` adds to a call that is the kernel's: read() of a file, before an empty function in the place of
# libc's, so that no system call hides it. ns a call, least of 15 times 3,000,000: without, with the hook, with --stats.
set -euo pipefail
. "$(dirname "$0")/../../scripts/lib.sh"
lib_init
PRELOAD=$(realpath "${1:-build}/run/libtern-preload.so")

cat >"$LIB_TMP/empty.c" <<END
#include <unistd.h>
ssize_t read(int fd, void *buf, size_t n) { return 0; }
END
cat >"$LIB_TMP/loop.c" <<END
#include <stdio.h>
#include <time.h>
#include <unistd.h>
#include <sys/socket.h>
int main(int argc, char **argv)
{
	double least = 1e9;
	struct timespec a, b;
	char c;

	if (argc > 1)
		socket(AF_INET, SOCK_STREAM, 0); /* which loads the other half */
	for (int k = 0; k < 15; k++) {
		clock_gettime(CLOCK_MONOTONIC, &a);
		for (int i = 0; i < 3000000; i++)
			(void)!read(0, &c, 1);
		clock_gettime(CLOCK_MONOTONIC, &b);
		double ns = ((b.tv_sec - a.tv_sec) * 1e9 + b.tv_nsec - a.tv_nsec) / 3e6;
		least = ns < least ? ns : least;
	}
	printf("%.1f\n", least);
	fflush(stdout);
	_exit(0);
}
END
gcc -O2 -shared -fPIC -o "$LIB_TMP/empty.so" "$LIB_TMP/empty.c"
gcc -O2 -o "$LIB_TMP/loop" "$LIB_TMP/loop.c"
say "without: $(LD_PRELOAD=$LIB_TMP/empty.so "$LIB_TMP/loop") ns"
say "tern run: $(LD_PRELOAD="$PRELOAD $LIB_TMP/empty.so" "$LIB_TMP/loop" x) ns"
say "--stats: $(TERN_OPTIONS=--stats LD_PRELOAD="$PRELOAD $LIB_TMP/empty.so" "$LIB_TMP/loop" x) ns"
