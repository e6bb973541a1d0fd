/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Commands from outside: a Unix socket of mode 0600. A connection is one command (ctl_path.h). A socket that a dead
 * process left is taken over; its file goes with the process that made it.
 */
#define _GNU_SOURCE /* fopencookie(), accept4() */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include "ctl.h"
#include "ctl_path.h"
#include "options.h"

#define ASKERS 8u
#define WRITE_S 5 /* who does not read for so long gets no more */

struct asker {
	int fd; /* 0: none */
	size_t len;
	char line[CTL_LINE_MAX];
};

static int listener = -1;
static struct sockaddr_un where;
static struct asker askers[ASKERS];

/* --- the socket ---------------------------------------------------------------------------------------------- */

static int
name_it(const char *path)
{
	char dir[sizeof(where.sun_path)], name[sizeof(where.sun_path) + 32];

	if (strcmp(path, "auto"))
		return ctl_addr(path, &where);
	if (ctl_dir(dir, sizeof(dir)))
		return -EINVAL;
	if (mkdir(dir, 0755) && errno != EEXIST)
		return complain("--ctl auto: %s: %s: name a socket, --ctl PATH", dir, strerror(errno));
	snprintf(name, sizeof(name), "%s/%d.sock", dir, (int)getpid());
	return ctl_addr(name, &where);
}

/* Something is there. A socket that nobody answers at is removed. */
static int
take_over(void)
{
	struct stat st;
	int fd;

	if (lstat(where.sun_path, &st) == 0 && !S_ISSOCK(st.st_mode))
		return complain("--ctl %s: there is a file of that name, and no socket", where.sun_path);
	fd = ctl_connect(&where);
	if (fd >= 0) {
		close(fd);
		return complain("--ctl %s: another process answers there: give another name, or end that",
				where.sun_path);
	}
	return fd == -ECONNREFUSED ? unlink(where.sun_path) : complain("--ctl %s: %s", where.sun_path, strerror(-fd));
}

int
serve_open(const char *path)
{
	const mode_t mask = umask(0177); /* no thread makes files now */
	int fd = -1, rc = name_it(path);

	if (!rc) {
		fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		rc = bind(fd, (struct sockaddr *)&where, sizeof(where));
		if (rc && errno == EADDRINUSE) {
			rc = take_over();
			rc = rc == 0 ? bind(fd, (struct sockaddr *)&where, sizeof(where)) ? -errno : 0 : -EEXIST;
		} else if (rc) {
			rc = -errno;
		}
		if (rc && rc != -EEXIST)
			complain("--ctl %s: %s", where.sun_path, strerror(-rc));
	}
	umask(mask);
	if (!rc && listen(fd, ASKERS)) {
		rc = complain("--ctl %s: %s", where.sun_path, strerror(errno));
		unlink(where.sun_path);
	}
	if (rc && fd >= 0)
		close(fd);
	if (!rc)
		listener = fd;
	return rc;
}

static void
hang_up(struct asker *a)
{
	close(a->fd);
	a->fd = 0;
	a->len = 0;
}

void
serve_close(void)
{
	unsigned int i;

	if (listener < 0)
		return;
	for (i = 0; i < ASKERS; i++)
		if (askers[i].fd)
			hang_up(&askers[i]);
	close(listener);
	listener = -1;
	unlink(where.sun_path);
}

/* --- a command ----------------------------------------------------------------------------------------------- */

static ssize_t
put(void *cookie, const char *buf, size_t n)
{
	const int fd = *(int *)cookie;
	size_t done = 0;

	while (done < n) { /* EAGAIN: WRITE_S have passed */
		const ssize_t k = send(fd, buf + done, n - done, MSG_NOSIGNAL);

		if (k <= 0)
			return done;
		done += k;
	}
	return done;
}

/* a->line is whole. */
static void
answer(struct asker *a)
{
	const cookie_io_functions_t io = {.write = put};
	const struct timeval tv = {.tv_sec = WRITE_S};
	FILE *f = fopencookie(&a->fd, "w", io);
	const bool json = strncmp(a->line, "json ", 5) == 0;
	char why[256] = "'text' or 'json' must stand before a command";
	struct out o;
	int rc = -EINVAL;

	if (!f)
		return;
	setsockopt(a->fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
	setvbuf(f, NULL, _IOFBF, 65536);
	out_init(&o, f, json ? OUT_JSON : OUT_TEXT);
	if (json || strncmp(a->line, "text ", 5) == 0)
		rc = ctl_do(a->line + 5, &o, why, sizeof(why));
	fputc(CTL_END, f);
	if (rc)
		fprintf(f, "1 %s\n", why);
	else
		fputs("0\n", f);
	fclose(f);
}

static void
hear(struct asker *a)
{
	const ssize_t n = recv(a->fd, a->line + a->len, sizeof(a->line) - 1 - a->len, MSG_DONTWAIT);
	char *end;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	a->len += n > 0 ? n : 0;
	a->line[a->len] = 0;
	end = strchr(a->line, '\n');
	if (!end && n > 0 && a->len < sizeof(a->line) - 1)
		return;
	if (end)
		*end = 0;
	if (end)
		answer(a);
	hang_up(a); /* who says too much, or leaves in the middle of a line, hears nothing */
}

static void
welcome(void)
{
	const int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	unsigned int i;

	if (fd < 0)
		return;
	for (i = 0; i < ASKERS && askers[i].fd; i++)
		;
	if (i == ASKERS) /* all of them say nothing: the first one has had its time */
		hang_up(&askers[i = 0]);
	askers[i].fd = fd;
}

unsigned int
serve_fds(struct pollfd *p, unsigned int max)
{
	unsigned int i, n = 0;

	p[n++] = (struct pollfd){.fd = listener, .events = POLLIN};
	for (i = 0; i < ASKERS && n < max; i++)
		p[n++] = (struct pollfd){.fd = askers[i].fd ? askers[i].fd : -1, .events = POLLIN};
	return n;
}

void
serve_turn(const struct pollfd *p, unsigned int n)
{
	unsigned int i;

	for (i = 1; i < n; i++)
		if (p[i].revents && askers[i - 1].fd == p[i].fd)
			hear(&askers[i - 1]);
	if (p[0].revents)
		welcome();
}
