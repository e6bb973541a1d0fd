/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Starting EAL, so that one line says why it could not. EAL writes its reason among other lines and returns an errno
 * that often says "Success": what it logs is read along, and the first error is part of ours. What it would do in
 * silence is looked at before: net_tap attaches itself to a tap that another process has open, and both get half of
 * the packets.
 */
#define _GNU_SOURCE /* fopencookie() */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <linux/if_tun.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_log.h>
#include <rte_pdump.h>
#include "eal.h"
#include "options.h"

#define ARGS_MAX 64

static char reason[256]; /* the first error that EAL logged */

/* --- what EAL says ------------------------------------------------------------------------------------------- */

static ssize_t
heard(void *cookie, const char *text, size_t n)
{
	const char *colon = memchr(text, ':', n);
	size_t skip = colon && colon - text < 8 ? colon - text + 2 : 0, end;

	if (!*reason && rte_log_cur_msg_loglevel() <= (int)RTE_LOG_ERR && skip < n) {
		end = strcspn(text + skip, "\n");
		snprintf(reason, sizeof(reason), "%.*s", (int)RTE_MIN(end, n - skip), text + skip);
	}
	return fwrite(text, 1, n, stderr) == n ? (ssize_t)n : -1;
}

static int
init(int n, char **args)
{
	const cookie_io_functions_t io = {.write = heard};
	FILE *f = fopencookie(NULL, "w", io);
	int rc;

	if (f) {
		setvbuf(f, NULL, _IOLBF, 0);
		rte_openlog_stream(f);
	}
	rc = rte_eal_init(n, args);
	rte_openlog_stream(NULL);
	if (f)
		fclose(f);
	return rc;
}

static const char *
what_to_do(void)
{
	if (strstr(reason, "lock"))
		return "another DPDK process has this --file-prefix: give EAL another one, --file-prefix=NAME";
	if (strstr(reason, "lcore") || strstr(reason, "core list") || strstr(reason, "coremask"))
		return "give EAL lcores this machine has: -l 0, or a list";
	if (strstr(reason, "vdev") || strstr(reason, "device") || strstr(reason, "driver"))
		return "see EAL --vdev and -a";
	if (geteuid())
		return "not root: use --no-huge --no-shconf and no devices, or sudo";
	return "see the lines above; without hugepages use --no-huge -m 1024";
}

bool eal_shares_taps;

/* --- taps ---------------------------------------------------------------------------------------------------- */

/* May net_tap have the name? One that is there may be a tap that was left for us (ip tuntap add), with nobody on it. */
static bool
tap_free(const char *name)
{
	char path[64], text[16] = "";
	unsigned long flags = 0;
	FILE *f;

	if (!if_nametoindex(name))
		return true;
	snprintf(path, sizeof(path), "/sys/class/net/%.15s/tun_flags", name);
	f = fopen(path, "r");
	if (f && fgets(text, sizeof(text), f))
		flags = strtoul(text, NULL, 16);
	if (f)
		fclose(f);
	if (!(flags & IFF_TAP) || !(flags & IFF_PERSIST))
		return false;
	snprintf(path, sizeof(path), "/sys/class/net/%.15s/carrier", name);
	f = fopen(path, "r");
	*text = 0;
	if (f && !fgets(text, sizeof(text), f))
		*text = 0; /* down: it can't be read */
	if (f)
		fclose(f);
	return *text != '1';
}

/* dev: the value of a --vdev. */
static int
check_tap(const char *dev)
{
	const char *p = strstr(dev, "iface=");
	char name[IFNAMSIZ];

	if (strncmp(dev, "net_tap", 7))
		return 0;
	if (access("/dev/net/tun", R_OK | W_OK))
		return complain("net_tap needs /dev/net/tun: %s: %s", strerror(errno),
				errno == ENOENT ? "modprobe tun, or give the container the device" : "sudo");
	snprintf(name, sizeof(name), "%.*s", p ? (int)strcspn(p + 6, ",") : 0, p ? p + 6 : "");
	if (!*name || eal_shares_taps || tap_free(name))
		return 0;
	return complain("--vdev %s: interface %s is there already, of another process (the same config started twice?) "
			"or another "
			"kind: end that, or give another iface=",
			dev, name);
}

static int
check_taps(int n, char **args)
{
	int i, rc = 0;

	for (i = 1; i < n && !rc; i++) {
		if (strncmp(args[i], "--vdev=", 7) == 0)
			rc = check_tap(args[i] + 7);
		else if (strcmp(args[i], "--vdev") == 0 && i + 1 < n)
			rc = check_tap(args[i + 1]);
	}
	return rc;
}

/* --- packets for others -------------------------------------------------------------------------------------- */

/* dpdk-dumpcap asks us to copy packets for it. Without what processes share nobody can ask, and the 4 MiB are saved. */
static void
offer_packets(int n, char **args)
{
	int i;

	for (i = 1; i < n; i++)
		if (strcmp(args[i], "--no-shconf") == 0 || strcmp(args[i], "--in-memory") == 0)
			return;
	if (rte_eal_process_type() == RTE_PROC_PRIMARY && rte_pdump_init())
		notice("dpdk-dumpcap will see no packets: %s", rte_strerror(rte_errno));
}

int
eal_start(const char *file_args, int argc, char **argv)
{
	static char *args[ARGS_MAX + 1];
	static char *text; /* EAL keeps pointers into it */
	char *word, *save = NULL;
	int i, n = 0, used;

	text = file_args ? strdup(file_args) : NULL;
	args[n++] = argv[0];
	for (word = text ? strtok_r(text, " \t", &save) : NULL; word; word = strtok_r(NULL, " \t", &save)) {
		if (n == ARGS_MAX)
			return complain("[eal] args: more than %d words", ARGS_MAX);
		args[n++] = word;
	}
	for (i = 1; i < argc; i++) {
		if (n == ARGS_MAX)
			return complain("more than %d EAL options", ARGS_MAX);
		args[n++] = argv[i];
	}
	if (check_taps(n, args))
		return -EINVAL;
	used = init(n, args);
	if (used >= 0 && used + 1 < n) /* getopt has moved to the end what is no option, nor an option's value */
		return complain("'%s' is not an EAL option: see tern --help", args[used + 1]);
	if (used >= 0) {
		offer_packets(n, args);
		return 0;
	}
	return complain("EAL did not start: %s; %s", *reason ? reason : rte_strerror(rte_errno), what_to_do());
}
