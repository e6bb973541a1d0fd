/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * `tern run`: what it was told goes into the environment, where the preloaded library (run/) finds it, and the program
 * takes this process's place. Before that all is looked at that can be: the options, by the library itself, and whether
 * the program is one that a library can be loaded into.
 */
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>
#include "launch.h"
#include "options.h"
#include "run/hook.h"

static const char usage[] =
	"tern run: a program with its TCP sockets on tern\n\n"
	"  tern run [--config FILE] [OPTIONS] -- PROGRAM ARGS...\n\n"
	"Without options or file: a tap device, 192.0.2.1 the program's address, 192.0.2.2 the host's.\n"
	"Sockets of 127.0.0.0/8 and ::1 stay the kernel's; those of all addresses are both.\n"
	"  --idle irq|nap|spin   with nothing to do: sleep until a packet comes, for 50 us, or not at all [irq]\n"
	"  --only LIST           which sockets are tern's: 80,8000-8100,192.0.2.0/24,192.0.2.1:80,[2001:db8::/32]:80\n"
	"  --except LIST         these stay the kernel's; likewise\n"
	"  --stats               counters, and calls that the kernel had, on stderr when the program ends\n"
	"  --dry-run             say what would be started and intercepted\n"
	"and the options of [tern], [if0] and [tcp]: tern --help\n";

/* --- the program ---------------------------------------------------------------------------------------------- */

static bool
find_in_path(const char *name, char *path)
{
	const char *p = getenv("PATH"), *end;

	if (strchr(name, '/'))
		return snprintf(path, PATH_MAX, "%s", name) < PATH_MAX && access(path, X_OK) == 0;
	for (p = p ? p : "/usr/bin:/bin"; *p; p = *end ? end + 1 : end) {
		end = p + strcspn(p, ":");
		if (snprintf(path, PATH_MAX, "%.*s/%s", (int)(end - p), p, name) < PATH_MAX && access(path, X_OK) == 0)
			return true;
	}
	return false;
}

/* Has it an interpreter, the dynamic linker? */
static bool
is_dynamic(int fd, const Elf64_Ehdr *e)
{
	Elf64_Phdr h;
	unsigned int i;

	for (i = 0; i < e->e_phnum; i++)
		if (pread(fd, &h, sizeof(h), e->e_phoff + i * e->e_phentsize) == sizeof(h) && h.p_type == PT_INTERP)
			return true;
	return false;
}

/* @return 0, or -EINVAL after a line: nothing can be loaded into it. */
static int
check_program(const char *name, char *path)
{
	struct stat st;
	Elf64_Ehdr e;
	ssize_t n;
	int fd, rc = 0;

	if (!find_in_path(name, path))
		return complain("run: %s: there is no such program, or it can't be executed", name);
	if (stat(path, &st) == 0 && st.st_mode & (S_ISUID | S_ISGID))
		return complain("run: %s is setuid: nothing is loaded into such programs; run a copy without that bit",
				path);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : pread(fd, &e, sizeof(e), 0);
	if (n == sizeof(e) && memcmp(e.e_ident, ELFMAG, SELFMAG) == 0) {
		if (e.e_ident[EI_CLASS] != ELFCLASS64)
			rc = complain("run: %s is a 32-bit program, tern is a 64-bit library", path);
		else if (!is_dynamic(fd, &e))
			rc = complain("run: %s is statically linked, as Go programs are: nothing can be loaded into it",
				      path);
	}
	if (fd >= 0)
		close(fd);
	return rc;
}

/* --- what it is told ------------------------------------------------------------------------------------------ */

/* The libraries lie beside the program in a build, and where meson installed them. */
static int
find_library(const char *name, char *path)
{
	char self[PATH_MAX];
	const ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	self[n > 0 ? n : 0] = 0;
	slash = strrchr(self, '/');
	if (slash)
		*slash = 0;
	if (snprintf(path, PATH_MAX, "%s/../run/%s", self, name) < PATH_MAX && access(path, R_OK) == 0)
		return 0;
	if (snprintf(path, PATH_MAX, "%s/%s", TERN_LIBDIR, name) < PATH_MAX && access(path, R_OK) == 0)
		return 0;
	return complain("run: %s is neither in %s/../run nor in %s: meson install", name, self, TERN_LIBDIR);
}

/* Words of argv[from .. to), a line each. */
static int
put_options(char **argv, int from, int to)
{
	char text[8192] = "";
	size_t n = 0;
	int i;

	for (i = from; i < to; i++) {
		if (strchr(argv[i], '\n'))
			return complain("run: '%s' has a newline in it", argv[i]);
		n += snprintf(text + n, n < sizeof(text) ? sizeof(text) - n : 0, "%s\n", argv[i]);
		if (n >= sizeof(text))
			return complain("run: options of more than %zu bytes: use --config FILE", sizeof(text));
	}
	return setenv("TERN_OPTIONS", text, 1) ? complain("run: no memory") : 0;
}

static int
put_config(const char *file)
{
	char path[PATH_MAX];

	if (!realpath(file, path)) /* the program may go elsewhere before its first socket */
		return complain("%s: %s", file, strerror(errno));
	return setenv("TERN_CONFIG", path, 1) ? complain("run: no memory") : 0;
}

static int
put_preload(const char *path)
{
	const char *had = getenv("LD_PRELOAD");
	char text[2 * PATH_MAX];

	if (snprintf(text, sizeof(text), "%s%s%s", path, had && *had ? ":" : "", had ? had : "") >= (int)sizeof(text))
		return complain("run: LD_PRELOAD is too long");
	return setenv("LD_PRELOAD", text, 1) ? complain("run: no memory") : 0;
}

/* The library reads the options as it will in the program. */
static int
check_options(void)
{
	char path[PATH_MAX];
	run_open_fn open;
	void *so;

	if (find_library("libtern-socket.so", path))
		return -EINVAL;
	so = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	open = so ? (run_open_fn)dlsym(so, "tern_run_open") : NULL;
	if (!open)
		return complain("run: %s", dlerror());
	return open(NULL) ? 0 : -EINVAL;
}

static void
dry_line(const char *name)
{
	const char *p = getenv(name);

	if (!p)
		return;
	printf("%s=", name);
	for (; *p; p++)
		if (p[1] || *p != '\n') /* a word a line; the last newline ends no word */
			putchar(*p == '\n' ? ' ' : *p);
	putchar('\n');
}

/* What would be intercepted, and how. */
static void
dry_run(const char *program)
{
	printf("program: %s\n", program);
	dry_line("TERN_CONFIG");
	dry_line("TERN_OPTIONS");
	dry_line("LD_PRELOAD");
	printf("intercepted: libc's calls on sockets and on the descriptors that are such, waiting, fork, exec and "
	       "signals\n"
	       "tern's: TCP sockets that listen on its addresses or on all, or connect to where it has a way,\n"
	       "        as far as --only and --except let them\n"
	       "the kernel's: all else, and 127.0.0.0/8 and ::1\n");
}

int
launch(int argc, char **argv)
{
	char program[PATH_MAX], preload[PATH_MAX];
	bool dry = false;
	int i, from = 2, split;

	for (split = 2; split < argc && strcmp(argv[split], "--"); split++)
		if (strcmp(argv[split], "--help") == 0)
			return fputs(usage, stdout) < 0;
	if (split + 1 >= argc)
		return complain("run: no program: tern run [options] -- PROGRAM ARGS...") ? 1 : 0;
	for (i = from; i < split; i++) {
		if (strcmp(argv[i], "--dry-run") == 0)
			dry = true;
		else if (strncmp(argv[i], "--config=", 9) == 0               ? put_config(argv[i] + 9)
			 : strcmp(argv[i], "--config") == 0 && i + 1 < split ? put_config(argv[++i])
									     : (argv[from++] = argv[i], 0))
			return 1;
	}
	if (put_options(argv, 2, from) || check_options() || check_program(argv[split + 1], program) ||
	    find_library("libtern-preload.so", preload) || put_preload(preload))
		return 1;
	if (dry) {
		dry_run(program);
		return 0;
	}
	execv(program, argv + split + 1);
	return complain("run: %s: %s", program, strerror(errno)) ? 1 : 0;
}
