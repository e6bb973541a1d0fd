/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tern ctl [--socket PATH] [--json] COMMAND...: a command for a tern that runs with --ctl. Without a path the only one
 * of its directory is meant. Exit status 0, or 2 after one line.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <rte_common.h>
#include "ctl.h"
#include "ctl_path.h"
#include "options.h"

#define FAILED 2
#define PATIENCE_S 60 /* others may be answered first */

static const char usage[] = "tern ctl: ask a running tern\n\n"
			    "  tern ctl [--socket PATH] [--json] COMMAND...\n\n"
			    "It runs with --ctl PATH, or --ctl auto, which is found without --socket.\n"
			    "Commands: tern ctl help, and docs/ctl.md. Exit status: 0, or 2 after one line.\n";

/* The socket of the only tern that answers in the directory. @return a descriptor, or -1 after a line. */
static int
find(void)
{
	char dir[sizeof(((struct sockaddr_un *)0)->sun_path)], path[512], names[300] = "";
	struct sockaddr_un a;
	struct dirent *e;
	unsigned int n = 0;
	int fd = -1, one;
	DIR *d;

	if (ctl_dir(dir, sizeof(dir)))
		return -1;
	d = opendir(dir);
	while (d && (e = readdir(d)) != NULL) {
		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		if (!strstr(e->d_name, ".sock") || strlen(path) >= sizeof(a.sun_path) || ctl_addr(path, &a))
			continue;
		one = ctl_connect(&a);
		if (one < 0)
			continue; /* of a dead process */
		snprintf(names + strlen(names), sizeof(names) - strlen(names), "%s%.32s", n++ ? ", " : "", e->d_name);
		if (fd >= 0)
			close(fd);
		fd = one;
	}
	if (d)
		closedir(d);
	if (n == 1)
		return fd;
	if (fd >= 0)
		close(fd);
	if (n)
		complain("ctl: several answer in %s: %s: choose one, --socket PATH", dir, names);
	else
		complain("ctl: no tern answers in %s: start it with --ctl auto, or name its socket, --socket PATH",
			 dir);
	return -1;
}

static int
reach(const char *path)
{
	struct sockaddr_un a;
	int fd;

	if (!path)
		return find();
	if (ctl_addr(path, &a))
		return -1;
	fd = ctl_connect(&a);
	if (fd < 0)
		complain("ctl: %s: %s%s", path, strerror(-fd),
			 fd == -ENOENT         ? ": is tern running, with --ctl of this path?"
			 : fd == -ECONNREFUSED ? ": the tern that made it is gone"
					       : "");
	return fd < 0 ? -1 : fd;
}

/* Words of argv[from ..), joined. */
static int
make_line(char *line, size_t size, bool json, int argc, char **argv, int from)
{
	size_t n = snprintf(line, size, "%s", json ? "json" : "text");
	int i;

	for (i = from; i < argc; i++) {
		if (strchr(argv[i], '\n'))
			return complain("ctl: a command is one line");
		n += snprintf(line + n, n < size ? size - n : 0, " %s", argv[i]);
		if (n + 2 > size)
			return complain("ctl: a command of more than %zu bytes", size - 2);
	}
	line[n] = '\n';
	line[n + 1] = 0;
	return 0;
}

/* What stands behind CTL_END. */
struct verdict {
	FILE *f; /* of what stands before it */
	char text[300];
	size_t len;
	bool begun;
};

/* What is said goes out as it comes. @return 0 or -EINVAL after a line. */
static int
take(struct verdict *v, const char *buf, size_t n)
{
	const char *end = v->begun ? NULL : memchr(buf, CTL_END, n);
	const size_t said = v->begun ? 0 : end ? (size_t)(end - buf) : n;
	const size_t from = said + (end != NULL), rest = RTE_MIN(n - from, sizeof(v->text) - 1 - v->len);

	if (said && fwrite(buf, 1, said, v->f) != said)
		return complain("ctl: %s", strerror(errno));
	v->begun |= end != NULL;
	memcpy(v->text + v->len, buf + from, rest);
	v->len += rest;
	return 0;
}

static int
listen_to(int fd, FILE *f)
{
	const struct timeval tv = {.tv_sec = PATIENCE_S};
	struct verdict v = {.f = f};
	char buf[65536];
	ssize_t n;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	while ((n = recv(fd, buf, sizeof(buf), 0)) > 0)
		if (take(&v, buf, n))
			return -EINVAL;
	if (n < 0)
		return complain("ctl: %s", errno == EAGAIN ? "no answer for 60 s: is it stopped?" : strerror(errno));
	if (fflush(f))
		return complain("ctl: %s", strerror(errno));
	v.text[strcspn(v.text, "\n")] = 0;
	if (v.len < 2)
		return complain("ctl: the answer broke off: the process ended, or waited too long for its reader");
	return *v.text == '0' ? 0 : complain("ctl: %s", v.text + 2);
}

int
ctl_ask(const char *path, const char *line, FILE *f)
{
	const int fd = reach(path);
	int rc;

	if (fd < 0)
		return -EINVAL;
	rc = send(fd, line, strlen(line), MSG_NOSIGNAL) == (ssize_t)strlen(line) ? 0 : -EPIPE;
	if (rc)
		complain("ctl: %s", strerror(errno));
	rc = rc ? rc : listen_to(fd, f);
	close(fd);
	return rc;
}

int
ctl_call(int argc, char **argv)
{
	char line[CTL_LINE_MAX - 1];
	const char *path = NULL;
	bool json = false;
	int i;

	for (i = 2; i < argc && strncmp(argv[i], "--", 2) == 0; i++) {
		if (strcmp(argv[i], "--help") == 0)
			return fputs(usage, stdout) < 0 ? FAILED : 0;
		if (strcmp(argv[i], "--json") == 0)
			json = true;
		else if (strncmp(argv[i], "--socket=", 9) == 0)
			path = argv[i] + 9;
		else if (strcmp(argv[i], "--socket") == 0 && i + 1 < argc)
			path = argv[++i];
		else if (strcmp(argv[i], "--socket") == 0)
			return complain("ctl: --socket needs a value, PATH") ? FAILED : 0;
		else
			return complain("ctl: '%s' is not an option: tern ctl --help", argv[i]) ? FAILED : 0;
	}
	if (i == argc)
		return complain("ctl: no command: tern ctl help lists them") ? FAILED : 0;
	return make_line(line, sizeof(line), json, argc, argv, i) || ctl_ask(path, line, stdout) ? FAILED : 0;
}
