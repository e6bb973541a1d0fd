/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tern check: what a start would find, a line each: ok, warn or fail, and what mends it. First what the machine says
 * by itself, then what EAL and the devices do, at last the stack of the role, made and taken away again.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_lcore.h>
#include "eal.h"
#include "preflight.h"
#include "report.h"
#include "run.h"

#define LIST_LEN 256

enum grade { OK, WARN, FAIL };
static unsigned int n_of[3];

/* what is as it should be, or not; mend: a command or an option, NULL when there is nothing to do */
static void __attribute__((format(printf, 4, 5)))
line(enum grade g, const char *about, const char *mend, const char *fmt, ...)
{
	static const char *const names[] = {"ok", "warn", "fail"};
	va_list ap;

	n_of[g]++;
	printf("%-5s %-10s ", names[g], about);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	if (mend && g != OK)
		printf("; mend: %s", mend);
	putchar('\n');
}

/* The first line of a file below /sys or /proc. @return false: there is none. */
static bool __attribute__((format(printf, 3, 4))) first_line(char *text, size_t size, const char *fmt, ...)
{
	char path[512];
	va_list ap;
	FILE *f;
	bool ok;

	va_start(ap, fmt);
	vsnprintf(path, sizeof(path), fmt, ap);
	va_end(ap);
	f = fopen(path, "r");
	ok = f && fgets(text, (int)size, f);
	if (f)
		fclose(f);
	if (ok)
		text[strcspn(text, "\n")] = 0;
	else
		*text = 0;
	return ok;
}

/* Is the word among EAL's options, of the file or of the command line? */
static bool
eal_has(const char *word, int argc, char **argv)
{
	int i;

	for (i = 1; i < argc; i++)
		if (strcmp(argv[i], word) == 0)
			return true;
	return options.eal_args && strstr(options.eal_args, word);
}

/* --- the machine ---------------------------------------------------------------------------------------------- */

static void
check_user(void)
{
	if (geteuid())
		line(WARN, "user", "sudo", "not root: devices, taps and huge pages may be refused");
	else
		line(OK, "user", NULL, "root");
}

/* Without one EAL has no huge pages but with --in-memory. */
static bool
hugetlbfs_mounted(void)
{
	char text[4096];

	return report_line_of("/proc/mounts", " hugetlbfs ", text, sizeof(text));
}

static void
check_hugepages(bool used, bool mount)
{
	DIR *d = opendir("/sys/kernel/mm/hugepages");
	unsigned long kb, mib_free = 0, mib_all = 0;
	struct dirent *e;
	char text[32];

	while (d && (e = readdir(d))) {
		if (sscanf(e->d_name, "hugepages-%lukB", &kb) != 1)
			continue;
		if (first_line(text, sizeof(text), "/sys/kernel/mm/hugepages/%s/free_hugepages", e->d_name))
			mib_free += strtoul(text, NULL, 10) * kb / 1024;
		if (first_line(text, sizeof(text), "/sys/kernel/mm/hugepages/%s/nr_hugepages", e->d_name))
			mib_all += strtoul(text, NULL, 10) * kb / 1024;
	}
	if (d)
		closedir(d);
	if (!used)
		line(WARN, "hugepages",
		     mib_free ? "leave --no-huge out" : "scripts/setup.sh hugepages 512, and leave --no-huge out",
		     "not used (--no-huge): slower, and no NIC can be bound; %lu MiB are free", mib_free);
	else if (!mib_free)
		line(FAIL, "hugepages", "scripts/setup.sh hugepages 512, or EAL's --no-huge", "none is free of %lu MiB",
		     mib_all);
	else if (mount && !hugetlbfs_mounted())
		line(FAIL, "hugepages", "mount -t hugetlbfs none /dev/hugepages, or EAL's --in-memory",
		     "%lu MiB free, but no hugetlbfs is mounted", mib_free);
	else
		line(OK, "hugepages", NULL, "%lu MiB free of %lu", mib_free, mib_all);
}

static void
check_clock(void)
{
	char source[64], text[4096];
	const bool steady = report_line_of("/proc/cpuinfo", "flags", text, sizeof(text)) &&
			    strstr(text, " constant_tsc") && strstr(text, " nonstop_tsc");

	first_line(source, sizeof(source), "/sys/devices/system/clocksource/clocksource0/current_clocksource");
	if (steady)
		line(OK, "clock", NULL, "the TSC is constant and does not stop; the kernel's clock is %s",
		     *source ? source : "unknown");
	else
		line(WARN, "clock", "a host that passes constant_tsc and nonstop_tsc on",
		     "the TSC is not said to be constant and to go on in sleep; the kernel's clock is %s",
		     *source ? source : "unknown");
}

/* NICs on the PCI bus, and whose they are. */
static void
check_nics(bool used)
{
	DIR *d = opendir("/sys/bus/pci/devices");
	char text[32], path[PATH_MAX], target[PATH_MAX], mend[2 * LIST_LEN];
	unsigned int n = 0;
	struct dirent *e;
	const char *driver;
	ssize_t len;

	while (used && d && (e = readdir(d))) {
		if (*e->d_name == '.' || !first_line(text, sizeof(text), "/sys/bus/pci/devices/%s/class", e->d_name) ||
		    strncmp(text, "0x02", 4))
			continue;
		n++;
		snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/driver", e->d_name);
		len = readlink(path, target, sizeof(target) - 1);
		target[RTE_MAX(len, 0)] = 0;
		driver = strrchr(target, '/') ? strrchr(target, '/') + 1 : "nobody";
		if (strcmp(driver, "vfio-pci") == 0 || strstr(driver, "uio")) {
			line(OK, "nic", NULL, "%s is %s's, so DPDK's", e->d_name, driver);
			continue;
		}
		snprintf(mend, sizeof(mend), "scripts/setup.sh bind %s, if it is not the one you are logged in by",
			 e->d_name);
		line(WARN, "nic", mend, "%s is %s's: DPDK has it only with a driver that shares it", e->d_name, driver);
	}
	if (d)
		closedir(d);
	if (!used)
		line(OK, "nic", NULL, "not looked at (--no-pci)");
	else if (!n)
		line(OK, "nic", NULL, "none on the PCI bus: net_tap, net_af_packet, net_memif or bench need none");
}

static void
check_iommu(bool used)
{
	DIR *d = used ? opendir("/sys/kernel/iommu_groups") : NULL;
	struct dirent *e;
	unsigned int n = 0;

	while (d && (e = readdir(d)))
		n += *e->d_name != '.';
	if (d)
		closedir(d);
	if (!used)
		return;
	if (n)
		line(OK, "iommu", NULL, "%u groups", n);
	else
		line(WARN, "iommu", "intel_iommu=on or amd_iommu=on on the kernel's command line",
		     "none: a device that is bound can write to all memory (vfio's no-IOMMU mode)");
}

/* --- lcores --------------------------------------------------------------------------------------------------- */

/* Is cpu in a list as 1,3-5? */
static bool
in_list(const char *list, unsigned int cpu)
{
	unsigned int a, b;
	int n;

	while (sscanf(list, "%u%n", &a, &n) == 1) {
		list += n;
		b = a;
		if (*list == '-' && sscanf(list, "-%u%n", &b, &n) == 1)
			list += n;
		if (cpu >= a && cpu <= b)
			return true;
		if (*list++ != ',')
			break;
	}
	return false;
}

static unsigned int
cpu_of(unsigned int lcore)
{
	const rte_cpuset_t set = rte_lcore_cpuset(lcore);
	unsigned int cpu;

	for (cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &set))
			return cpu;
	return 0;
}

static void
check_lcores(void)
{
	char isolated[LIST_LEN], siblings[LIST_LEN], shared[LIST_LEN] = "", pairs[LIST_LEN] = "";
	unsigned int lcore, other;
	size_t len;

	first_line(isolated, sizeof(isolated), "/sys/devices/system/cpu/isolated");
	RTE_LCORE_FOREACH(lcore)
	{
		const unsigned int cpu = cpu_of(lcore);

		len = strlen(shared);
		if (!in_list(isolated, cpu))
			snprintf(shared + len, sizeof(shared) - len, "%s%u", len ? "," : "", cpu);
		if (!first_line(siblings, sizeof(siblings),
				"/sys/devices/system/cpu/cpu%u/topology/thread_siblings_list", cpu))
			continue;
		RTE_LCORE_FOREACH(other)
		{
			len = strlen(pairs);
			if (other > lcore && cpu_of(other) != cpu && in_list(siblings, cpu_of(other)))
				snprintf(pairs + len, sizeof(pairs) - len, "%s%u and %u", len ? ", " : "", lcore,
					 other);
		}
	}
	if (*shared)
		line(WARN, "cores", "isolcpus= and nohz_full= on the kernel's command line",
		     "%u lcores; CPU %s may run anything else, too: latencies of a time slice", rte_lcore_count(),
		     shared);
	else
		line(OK, "cores", NULL, "%u lcores, all on isolated CPUs", rte_lcore_count());
	if (*pairs)
		line(WARN, "threads", "EAL's -l with one CPU of each core", "lcores %s are threads of one core", pairs);
}

/* --- ports ---------------------------------------------------------------------------------------------------- */

static void
check_queues(const char *about, const struct rte_eth_dev_info *info, unsigned int workers)
{
	const bool rss = info->flow_type_rss_offloads & (RTE_ETH_RSS_NONFRAG_IPV4_TCP | RTE_ETH_RSS_NONFRAG_IPV6_TCP) &&
			 info->reta_size;

	if (workers == 1)
		line(OK, about, NULL, "one worker: one queue of %u is enough", info->max_rx_queues);
	else if (info->max_rx_queues >= workers && info->max_tx_queues >= workers && rss)
		line(OK, about, NULL, "%u rx and %u tx queues for %u workers, RSS with a RETA of %u",
		     info->max_rx_queues, info->max_tx_queues, workers, info->reta_size);
	else
		line(WARN, about, "--workers 1, or a device with RSS and as many queues",
		     "%u rx and %u tx queues, %s, for %u workers: packets go through rings to their worker, two more "
		     "cache misses each",
		     info->max_rx_queues, info->max_tx_queues, rss ? "RSS" : "no RSS of TCP", workers);
}

static void
check_offloads(const char *about, const struct rte_eth_dev_info *info)
{
	static const struct {
		bool tx;
		uint64_t bit;
		const char *name;
	} wanted[] = {{false, RTE_ETH_RX_OFFLOAD_TCP_CKSUM, "rx checksum"},
		      {true, RTE_ETH_TX_OFFLOAD_TCP_CKSUM, "tx checksum"},
		      {true, RTE_ETH_TX_OFFLOAD_TCP_TSO, "TSO"},
		      {true, RTE_ETH_TX_OFFLOAD_MULTI_SEGS, "multi-segment tx"}};
	char missing[LIST_LEN] = "";
	unsigned int i;
	size_t len;

	for (i = 0; i < RTE_DIM(wanted); i++) {
		len = strlen(missing);
		if (!((wanted[i].tx ? info->tx_offload_capa : info->rx_offload_capa) & wanted[i].bit))
			snprintf(missing + len, sizeof(missing) - len, "%s%s", len ? ", " : "", wanted[i].name);
	}
	if (*missing)
		line(WARN, about, NULL, "without %s: software does it", missing);
	else
		line(OK, about, NULL, "checksums, TSO and multi-segment frames are the device's");
}

static void
check_port(uint16_t id, unsigned int workers)
{
	struct rte_eth_dev_info info;
	struct rte_eth_link link = {0};
	unsigned int lcore;
	char about[16], name[RTE_ETH_NAME_MAX_LEN] = "?";
	uint16_t mtu = 0;
	int node = rte_eth_dev_socket_id(id);

	snprintf(about, sizeof(about), "port %u", id);
	if (rte_eth_dev_info_get(id, &info)) {
		line(FAIL, about, "see EAL -a and --vdev", "it tells nothing of itself");
		return;
	}
	rte_eth_dev_get_name_by_port(id, name);
	rte_eth_dev_get_mtu(id, &mtu);
	rte_eth_link_get_nowait(id, &link);
	line(OK, about, NULL, "%s, %s, MTU %u, link %s", name, info.driver_name, mtu,
	     link.link_status ? "up" : "not up before the start");
	check_queues(about, &info, workers);
	check_offloads(about, &info);
	RTE_LCORE_FOREACH(lcore)
	{
		const int at = (int)rte_lcore_to_socket_id(lcore);

		if (node >= 0 && at != node) {
			line(WARN, about, "EAL's -l with CPUs of the device's node",
			     "on NUMA node %d, lcore %u on %d: slow", node, lcore, at);
			return;
		}
	}
}

/* --- all of it ------------------------------------------------------------------------------------------------ */

static void
check_stack(void)
{
	const struct role *role = roles[options.role];
	unsigned int mib;

	if (!role->run && !rte_eth_dev_count_avail())
		line(FAIL, "ports", "EAL's -a, or --vdev=net_tap0,iface=tern0", "no device");
	else if (role->run)
		line(OK, "stack", NULL, "role %s makes its own, it is not tried", role->name);
	else if (run_try(role, &mib))
		line(FAIL, "stack", "see the line above", "it could not be made");
	else
		line(OK, "stack", NULL,
		     "role %s, %u workers at most: made and taken away, %u MiB resident with all pools", role->name,
		     options.workers ? options.workers : rte_lcore_count(), mib);
}

int
preflight(int argc, char **argv)
{
	const bool pci = !eal_has("--no-pci", argc, argv);
	const unsigned int ifs = options.conf.n_ifs;
	unsigned int i, workers;

	check_user();
	check_hugepages(!eal_has("--no-huge", argc, argv), !eal_has("--in-memory", argc, argv));
	check_clock();
	check_nics(pci);
	check_iommu(pci);
	fflush(stdout);
	if (eal_start(options.eal_args, argc, argv)) {
		line(FAIL, "EAL", "see the line above", "it did not start");
	} else {
		workers = options.workers ? options.workers : rte_lcore_count();
		check_lcores();
		for (i = 0; i < ifs; i++)
			if (rte_eth_dev_is_valid_port(options.conf.ifs[i].port_id))
				check_port(options.conf.ifs[i].port_id, workers);
		fflush(stdout);
		check_stack();
		rte_eal_cleanup();
	}
	printf("%u ok, %u warn, %u fail\n", n_of[OK], n_of[WARN], n_of[FAIL]);
	return n_of[FAIL] ? 1 : 0;
}
