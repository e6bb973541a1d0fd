/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where the commands' sockets are. `--ctl auto` makes /run/tern/PID.sock, of a user who is not root
 * $XDG_RUNTIME_DIR/tern/PID.sock; there `tern ctl` looks when it is not told.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include "ctl_path.h"
#include "options.h"

int
ctl_dir(char *buf, size_t size)
{
	const char *home = getenv("XDG_RUNTIME_DIR");
	int n;

	if (geteuid() == 0)
		n = snprintf(buf, size, "/run/tern");
	else if (home && *home)
		n = snprintf(buf, size, "%s/tern", home);
	else
		return complain(
			"no XDG_RUNTIME_DIR for the commands' socket: name it, --ctl PATH and tern ctl --socket "
			"PATH");
	return n < (int)size ? 0 : complain("XDG_RUNTIME_DIR is too long for a socket: name it, --ctl PATH");
}

int
ctl_addr(const char *path, struct sockaddr_un *a)
{
	memset(a, 0, sizeof(*a));
	a->sun_family = AF_UNIX;
	if (!*path || strlen(path) >= sizeof(a->sun_path))
		return complain("'%.32s...' is no path of a socket: it has %zu bytes, 1 to %zu are allowed", path,
				strlen(path), sizeof(a->sun_path) - 1);
	memcpy(a->sun_path, path, strlen(path) + 1);
	return 0;
}

int
ctl_connect(const struct sockaddr_un *a)
{
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int rc = 0;

	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)a, sizeof(*a)))
		rc = -errno;
	if (rc)
		close(fd);
	return rc ? rc : fd;
}
