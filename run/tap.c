/* SPDX-License-Identifier: BSD-3-Clause */
/* The tap device that `tern run` makes when no other is configured: its descriptors, and the kernel's end. */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include "options.h"
#include "sock.h"
#include "tap.h"

/* Nobody else is on this link: its addresses need no second of waiting (RFC 4862 5.4). */
static void
no_dad(void)
{
	const int fd = open("/proc/sys/net/ipv6/conf/" TAP "/accept_dad", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return; /* no IPv6 */
	if (write(fd, "0", 1) < 0)
		run_say("the kernel's end of " TAP " has its IPv6 address in a second");
	close(fd);
}

/* --- what children have --------------------------------------------------------------------------------------- */

#define FDS_MAX 16

static int fds[FDS_MAX];
static unsigned int n_fds;

static bool
is_our_tap(int fd)
{
	struct ifreq r = {0};

	return ioctl(fd, TUNGETIFF, &r) == 0 && strcmp(r.ifr_name, TAP) == 0;
}

void
tap_find_fds(void)
{
	DIR *const d = opendir("/proc/self/fd");
	const struct dirent *e;

	while (d && n_fds < FDS_MAX && (e = readdir(d))) {
		const int fd = atoi(e->d_name);

		if (e->d_name[0] == '.' || !is_our_tap(fd))
			continue;
		fcntl(fd, F_SETFD, FD_CLOEXEC);
		fds[n_fds++] = fd;
	}
	if (d)
		closedir(d);
}

void
tap_forget(void)
{
	while (n_fds)
		close(fds[--n_fds]);
}

/* --- the other end -------------------------------------------------------------------------------------------- */

int
tap_kernel_end(void)
{
	struct ifreq r = {.ifr_name = TAP};
	struct sockaddr_in *in = (void *)&r.ifr_addr;
	struct {
		struct in6_addr addr;
		uint32_t prefix;
		int index;
	} r6 = {.prefix = 64};
	const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0),
		  fd6 = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int rc = -1;

	if (fd >= 0)
		rc = ioctl(fd, SIOCGIFFLAGS, &r);
	if (rc || r.ifr_flags & IFF_UP) /* it was another process's, too, which has done the rest */
		goto out;
	/* Its link-local address is made of this, so that it is not tern's. The driver gives the device tern's own when
	 * the port starts, and each time that a process joins: no packet is lost then, as it has it. */
	r.ifr_hwaddr.sa_family = 1; /* ARPHRD_ETHER */
	memcpy(r.ifr_hwaddr.sa_data, "\2\0\0\0\0\2", 6);
	rc = ioctl(fd, SIOCSIFHWADDR, &r);
	if (rc)
		goto out;
	rc = -1;
	no_dad();
	*in = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = inet_addr("192.0.2.2")};
	if (ioctl(fd, SIOCSIFADDR, &r))
		goto out;
	in->sin_addr.s_addr = inet_addr("255.255.255.0");
	if (ioctl(fd, SIOCSIFNETMASK, &r) || ioctl(fd, SIOCGIFFLAGS, &r))
		goto out;
	r.ifr_flags |= IFF_UP | IFF_RUNNING;
	rc = ioctl(fd, SIOCSIFFLAGS, &r);
	r6.index = if_nametoindex(TAP);
	inet_pton(AF_INET6, "2001:db8::2", &r6.addr);
	if (fd6 >= 0)
		ioctl(fd6, SIOCSIFADDR, &r6); /* a host without IPv6 has none */
out:
	if (rc)
		complain("run: the kernel's end of %s: %s", TAP, strerror(errno));
	close(fd);
	if (fd6 >= 0)
		close(fd6);
	return rc;
}
