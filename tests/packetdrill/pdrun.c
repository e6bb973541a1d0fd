/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pdrun: packetdrill scripts against pd_backend, in virtual time, without packetdrill or root.
 *
 * Numbers in a script are relative, as in packetdrill: the peer's sequence numbers to PEER_ISS (so that every
 * connection of more than 15 bytes wraps), the stack's to the ISS of its first SYN. A script's SYN to a listening
 * socket, and each connect(), begin a connection; other packets belong to the last one. Timestamps of the stack are
 * known by the script's values. An expected packet longer than what comes stands for several, as a capture shows them
 * before segmentation offload. Stricter than packetdrill: every byte is checked on the wire and in recv() (byte n of
 * either direction is pat(n)), checksums are, and a packet that nothing expected fails the script.
 */
#include <dirent.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "pdrun.h"

struct run run;
bool pd_verbose;

void
pd_fail(const struct event *e, const char *fmt, ...)
{
	va_list ap;

	if (run.failed)
		return;
	run.failed = true;
	printf("%s:%d: ", run.s->path, e ? e->line : 0);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	if (e)
		printf("\tscript: %s\n\tat %.6f s\n", e->text, (run.now - START_US) / 1e6);
}

static unsigned int n_passed, n_failed;

static void
run_path(const char *path)
{
	struct dirent **names;
	struct stat sb;
	int n;

	if (stat(path, &sb) || !S_ISDIR(sb.st_mode)) {
		if (pd_run_script(path))
			n_passed++;
		else
			n_failed++;
		return;
	}
	n = scandir(path, &names, NULL, alphasort);
	for (int i = 0; i < n; i++) {
		const char *dot = strrchr(names[i]->d_name, '.');
		char sub[4096];

		snprintf(sub, sizeof(sub), "%s/%s", path, names[i]->d_name);
		if (names[i]->d_name[0] != '.' &&
		    ((dot && strcmp(dot, ".pkt") == 0) || (!stat(sub, &sb) && S_ISDIR(sb.st_mode))))
			run_path(sub);
		free(names[i]);
	}
	if (n >= 0)
		free(names);
}

int
main(int argc, char **argv)
{
	int i = 1;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (i < argc && strcmp(argv[i], "-v") == 0)
		pd_verbose = true, i++;
	if (i >= argc) {
		fprintf(stderr, "usage: pdrun [-v] FILE|DIRECTORY...\n");
		return 2;
	}
	for (; i < argc; i++)
		run_path(argv[i]);
	printf("%u passed, %u failed\n", n_passed, n_failed);
	return n_failed || !n_passed;
}
