/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The shim's descriptors, and how a call begins and ends. Descriptors are those of /dev/null, because packetdrill
 * closes what is left with close(2).
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#include "shim.h"

struct shim_fd shim_fds[FDS];

long
shim_result(long rc)
{
	st->run(shim_now_us);
	pthread_mutex_unlock(&shim_lock);
	if (rc >= 0)
		return rc;
	errno = -rc;
	return -1;
}

int
shim_enter(int fd)
{
	pthread_mutex_lock(&shim_lock);
	shim_tidying = false;
	st->run(shim_now_us);
	return fd >= 0 && fd < FDS && shim_fds[fd].open ? shim_fds[fd].h : -EBADF;
}

int
shim_new_fd(int h)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (fd < 0 || fd >= FDS) {
		st->close(h);
		if (fd >= 0)
			close(fd);
		return -EMFILE;
	}
	shim_fds[fd].open = true;
	shim_fds[fd].nonblock = false;
	shim_fds[fd].h = h;
	return fd;
}
