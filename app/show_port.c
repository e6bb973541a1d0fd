/* SPDX-License-Identifier: BSD-3-Clause */
/* Devices, in testpmd's words: show port info|stats|xstats|rss, clear port stats|xstats, of one port or of all. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <rte_ethdev.h>
#include <rte_ether.h>
#include "ctl.h"

/* fn() for each port that is meant. */
static int
ports(struct ctl *c, const char *what, const struct column *cols, unsigned int n, int (*fn)(struct ctl *c, uint16_t id))
{
	const bool all = strcmp(c->args, "all") == 0;
	char *end;
	const unsigned long id = strtoul(c->args, &end, 10);
	uint16_t p;
	int rc = 0;

	if (!all && (end == c->args || *end || *c->args == '-'))
		return ctl_wrong(c, "%s: '%.64s' is neither a port's number nor all", what, c->args);
	if (!all && (id >= RTE_MAX_ETHPORTS || !rte_eth_dev_is_valid_port(id)))
		return ctl_wrong(c, "%s: there is no port %lu", what, id);
	if (cols)
		out_table(c->out, "ports", cols, n);
	if (!all)
		return fn(c, id);
	for (p = 0; p < RTE_MAX_ETHPORTS && !rc; p++) /* RTE_ETH_FOREACH_DEV() leaves out those that a stack owns */
		rc = rte_eth_dev_is_valid_port(p) ? fn(c, p) : 0;
	return rc;
}

static int
refused(struct ctl *c, uint16_t id, int rc)
{
	ctl_wrong(c, "port %u: the device says: %s", id, strerror(-rc));
	return rc;
}

static int
info(struct ctl *c, uint16_t id)
{
	char name[RTE_ETH_NAME_MAX_LEN] = "?", mac[RTE_ETHER_ADDR_FMT_SIZE] = "?";
	struct rte_eth_dev_info d;
	struct rte_ether_addr a;
	struct rte_eth_link l = {0};
	uint16_t mtu = 0;
	const int rc = rte_eth_dev_info_get(id, &d);

	if (rc)
		return refused(c, id, rc);
	rte_eth_dev_get_name_by_port(id, name);
	if (rte_eth_macaddr_get(id, &a) == 0)
		rte_ether_format_addr(mac, sizeof(mac), &a);
	rte_eth_dev_get_mtu(id, &mtu);
	rte_eth_link_get_nowait(id, &l);
	out_row(c->out,
		json_pack("{s:i,s:s,s:s,s:s,s:s,s:I,s:s,s:i,s:i,s:i,s:i,s:i,s:I,s:I,s:I,s:I}", "port", (int)id, "name",
			  name, "driver", d.driver_name ? d.driver_name : "?", "mac", mac, "link",
			  l.link_status ? "up" : "down", "speed_mbps",
			  l.link_speed == RTE_ETH_SPEED_NUM_UNKNOWN ? (json_int_t)0 : (json_int_t)l.link_speed,
			  "duplex", l.link_duplex ? "full" : "half", "mtu", (int)mtu, "socket",
			  rte_eth_dev_socket_id(id), "rxq", (int)d.nb_rx_queues, "txq", (int)d.nb_tx_queues,
			  "promiscuous", rte_eth_promiscuous_get(id), "rx_offloads_can", (json_int_t)d.rx_offload_capa,
			  "tx_offloads_can", (json_int_t)d.tx_offload_capa, "rss_can",
			  (json_int_t)d.flow_type_rss_offloads, "reta_size", (json_int_t)d.reta_size));
	return 0;
}

int
show_port_info(struct ctl *c)
{
	static const struct column cols[] = {
		{"port", "Port", true}, {"name", "Device"},         {"driver", "Driver"},
		{"mac", "MAC"},         {"link", "Link"},           {"speed_mbps", "Mbit/s", true},
		{"mtu", "MTU", true},   {"socket", "Socket", true}, {"rxq", "Rxq", true},
		{"txq", "Txq", true},   {"reta_size", "RETA", true}};

	return ports(c, "show port info", cols, RTE_DIM(cols), info);
}

static int
stats(struct ctl *c, uint16_t id)
{
	struct rte_eth_stats s;
	const int rc = rte_eth_stats_get(id, &s);

	if (rc)
		return refused(c, id, rc);
	out_row(c->out, json_pack("{s:i,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "port", (int)id, "rx_packets",
				  (json_int_t)s.ipackets, "rx_bytes", (json_int_t)s.ibytes, "rx_missed",
				  (json_int_t)s.imissed, "rx_errors", (json_int_t)s.ierrors, "rx_nombuf",
				  (json_int_t)s.rx_nombuf, "tx_packets", (json_int_t)s.opackets, "tx_bytes",
				  (json_int_t)s.obytes, "tx_errors", (json_int_t)s.oerrors));
	return 0;
}

int
show_port_stats(struct ctl *c)
{
	static const struct column cols[] = {{"port", "Port", true},
					     {"rx_packets", "RX-packets", true},
					     {"rx_missed", "RX-missed", true},
					     {"rx_bytes", "RX-bytes", true},
					     {"rx_errors", "RX-errors", true},
					     {"rx_nombuf", "RX-nombuf", true},
					     {"tx_packets", "TX-packets", true},
					     {"tx_errors", "TX-errors", true},
					     {"tx_bytes", "TX-bytes", true}};

	return ports(c, "show port stats", cols, RTE_DIM(cols), stats);
}

static int
xstats(struct ctl *c, uint16_t id)
{
	const int n = rte_eth_xstats_get(id, NULL, 0);
	struct rte_eth_xstat_name *names = calloc(n > 0 ? n : 1, sizeof(*names));
	struct rte_eth_xstat *values = calloc(n > 0 ? n : 1, sizeof(*values));
	int i, rc = n < 0 ? n : !names || !values ? -ENOMEM : 0;

	if (!rc && (rte_eth_xstats_get_names(id, names, n) != n || rte_eth_xstats_get(id, values, n) != n))
		rc = -EAGAIN;
	for (i = 0; !rc && i < n; i++)
		if (values[i].id < (uint64_t)n)
			out_row(c->out, json_pack("{s:i,s:s,s:I}", "port", (int)id, "name", names[values[i].id].name,
						  "value", (json_int_t)values[i].value));
	free(names);
	free(values);
	return rc ? refused(c, id, rc) : 0;
}

int
show_port_xstats(struct ctl *c)
{
	static const struct column cols[] = {{"port", "Port", true}, {"name", "Name"}, {"value", "Value", true}};

	return ports(c, "show port xstats", cols, RTE_DIM(cols), xstats);
}

#define KEY_MAX 64u
#define KEY_USUAL 40u /* of a device that does not say how long its key is */
#define RETA_GROUPS ((unsigned int)RTE_ETH_RSS_RETA_SIZE_512 / RTE_ETH_RETA_GROUP_SIZE)

/* How many entries of the device's table each queue has, "0:64 1:64", or NULL: it tells nothing. */
static const char *
reta(uint16_t id, const struct rte_eth_dev_info *d, char *text, size_t size)
{
	struct rte_eth_rss_reta_entry64 e[RETA_GROUPS];
	unsigned int i, q, n;
	size_t len = 0;

	memset(e, 0xff, sizeof(e)); /* the masks: all of them */
	if (!d->reta_size || d->reta_size > RETA_GROUPS * RTE_ETH_RETA_GROUP_SIZE ||
	    rte_eth_dev_rss_reta_query(id, e, d->reta_size))
		return NULL;
	*text = 0;
	for (q = 0; q < d->nb_rx_queues && len < size; q++) {
		for (n = i = 0; i < d->reta_size; i++)
			n += e[i / RTE_ETH_RETA_GROUP_SIZE].reta[i % RTE_ETH_RETA_GROUP_SIZE] == q;
		len += snprintf(text + len, size - len, "%s%u:%u", q ? " " : "", q, n);
	}
	return text;
}

static int
rss(struct ctl *c, uint16_t id)
{
	static const char *const of[] = {"none", "ipv4-tcp", "ipv6-tcp", "ipv4-tcp ipv6-tcp"};
	uint8_t key[KEY_MAX] = {0};
	struct rte_eth_rss_conf conf = {.rss_key = key};
	char hex[2 * KEY_MAX + 1] = "", queues[1024];
	struct rte_eth_dev_info d;
	unsigned int i;
	int rc = rte_eth_dev_info_get(id, &d);
	bool told;

	if (rc)
		return refused(c, id, rc);
	conf.rss_key_len = d.hash_key_size ? RTE_MIN(d.hash_key_size, KEY_MAX) : KEY_USUAL;
	told = d.flow_type_rss_offloads && rte_eth_dev_rss_hash_conf_get(id, &conf) == 0;
	for (i = 0; told && i < RTE_MIN(conf.rss_key_len, KEY_MAX); i++)
		snprintf(hex + 2 * i, sizeof(hex) - 2 * i, "%02x", key[i]);
	i = !!(conf.rss_hf & RTE_ETH_RSS_NONFRAG_IPV4_TCP) + 2 * !!(conf.rss_hf & RTE_ETH_RSS_NONFRAG_IPV6_TCP);
	out_row(c->out, json_pack("{s:i,s:i,s:s?,s:i,s:s?,s:s?}", "port", (int)id, "rxq", (int)d.nb_rx_queues,
				  "hash_of", told ? of[i] : NULL, "reta_size", (int)d.reta_size, "reta",
				  reta(id, &d, queues, sizeof(queues)), "key", told ? hex : NULL));
	return 0;
}

int
show_port_rss(struct ctl *c)
{
	static const struct column cols[] = {{"port", "Port", true},     {"rxq", "Rxq", true},
					     {"hash_of", "TCP hash of"}, {"reta_size", "RETA", true},
					     {"reta", "Queue:entries"},  {"key", "Key"}};

	return ports(c, "show port rss", cols, RTE_DIM(cols), rss);
}

static int
clear(struct ctl *c, uint16_t id)
{
	const int rc = rte_eth_stats_reset(id);

	return rc ? refused(c, id, rc) : 0;
}

int
clear_port_stats(struct ctl *c)
{
	return ports(c, "clear port stats", NULL, 0, clear);
}

static int
xclear(struct ctl *c, uint16_t id)
{
	const int rc = rte_eth_xstats_reset(id);

	return rc ? refused(c, id, rc) : 0;
}

int
clear_port_xstats(struct ctl *c)
{
	return ports(c, "clear port xstats", NULL, 0, xclear);
}
