/* SPDX-License-Identifier: BSD-3-Clause */
/* pdrun's sockets: the script's descriptors, their addresses, and the connection whose packets come now. */
#include <errno.h>
#include <string.h>
#include <arpa/inet.h>
#include "pdrun.h"

/* --- descriptors ------------------------------------------------------------------------------------------------- */

int
pd_handle(long fd)
{
	if (fd < 0 || fd >= FDS || !run.fd[fd].open)
		return -EBADF; /* as is -EBADF itself for the stack */
	return run.fd[fd].h;
}

long
pd_new_fd(const struct event *e, int h)
{
	long fd;

	if (h < 0)
		return h;
	if (!script_number(e->result, &fd) || fd < 0 || fd >= FDS || run.fd[fd].open) {
		pd_fail(e, "got a descriptor");
		pd_backend.close(h);
		return -EBADF;
	}
	memset(&run.fd[fd], 0, sizeof(run.fd[fd]));
	run.fd[fd].open = true;
	run.fd[fd].h = h;
	return fd;
}

/* --- addresses --------------------------------------------------------------------------------------------------- */

void
pd_local_addr(uint8_t a[16])
{
	const char *dflt = run.s->af == 4 ? "192.168.0.1" : "fd3d:fa7b:d17d::1";

	inet_pton(run.s->af == 4 ? AF_INET : AF_INET6, *run.s->local_ip ? run.s->local_ip : dflt, a);
}

void
pd_remote_addr(uint8_t a[16])
{
	const char *dflt = run.s->af == 4 ? "192.0.2.1" : "2001:db8::1";

	inet_pton(run.s->af == 4 ? AF_INET : AF_INET6, *run.s->remote_ip ? run.s->remote_ip : dflt, a);
}

socklen_t
pd_address(bool remote, uint16_t port, struct sockaddr_storage *a)
{
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)a;
	struct sockaddr_in *in = (struct sockaddr_in *)a;
	uint8_t addr[16];

	memset(a, 0, sizeof(*a));
	(remote ? pd_remote_addr : pd_local_addr)(addr);
	if (run.s->af == 4) {
		in->sin_family = AF_INET;
		in->sin_port = htons(port);
		memcpy(&in->sin_addr, addr, 4);
		return sizeof(*in);
	}
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(port);
	memcpy(&in6->sin6_addr, addr, 16);
	return sizeof(*in6);
}

/* --- the connection ---------------------------------------------------------------------------------------------- */

void
pd_open_active(long fd)
{
	run.fd[fd].begun = true;
	run.is_open = true;
	run.isn_known = false;
	run.n_ts = 0;
	run.rport = BIND_PORT;
	run.lport = 0;
}

void
pd_open_passive(void)
{
	run.is_open = true;
	run.isn_known = false;
	run.n_ts = 0;
	run.isn = run.script_isn = 0;
	run.rport = run.next_port++;
	run.lport = BIND_PORT;
}
