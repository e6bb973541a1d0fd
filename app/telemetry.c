/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The shows as endpoints of DPDK's telemetry: /tern/conns[,FILTER] and others, for dpdk-telemetry.py. An answer is a
 * dictionary of rows, "0" the first, as its arrays hold no dictionaries; there is room for 255 and some 14 kB, so what
 * does not fit is counted as left_off.
 */
#include <errno.h>
#include <string.h>
#include <rte_telemetry.h>
#include "ctl.h"

#define ROOM 14000u

static const struct {
	const char *endpoint, *command, *help;
} endpoints[] = {
	{"/tern/conns", "show conns", "Connections. Parameter: a filter in ss's words"},
	{"/tern/listeners", "show listeners", "Listeners and their queues"},
	{"/tern/drops", "show drops", "Dropped packets by reason. Parameter: all"},
	{"/tern/workers", "show workers", "What workers do"},
	{"/tern/stats", "show stats", "Counters. Parameter: a pattern"},
	{"/tern/role", "show role", "What the role counts"},
	{"/tern/timers", "show timers", "What is due next, and when"},
	{"/tern/neigh", "show neigh", "Neighbour caches"},
	{"/tern/routes", "show routes", "Subnets and gateways"},
	{"/tern/capture", "show capture", "The capture's file"},
	{"/tern/memory", "show memory", "Pools"},
};

struct answer {
	struct rte_tel_data *d;
	size_t used;
	unsigned int n, left_off;
};

static void
put(struct rte_tel_data *d, const char *key, const json_t *v)
{
	char text[32];

	switch (json_typeof(v)) {
	case JSON_STRING:
		rte_tel_data_add_dict_string(d, key, json_string_value(v));
		break;
	case JSON_INTEGER:
		rte_tel_data_add_dict_u64(d, key, json_integer_value(v));
		break;
	case JSON_REAL: /* it knows none */
		snprintf(text, sizeof(text), "%.1f", json_real_value(v));
		rte_tel_data_add_dict_string(d, key, text);
		break;
	default:
		rte_tel_data_add_dict_u64(d, key, json_is_true(v));
		break;
	}
}

static void
row(void *arg, json_t *r)
{
	struct answer *a = arg;
	const size_t size = json_dumpb(r, NULL, 0, JSON_COMPACT) + 8;
	struct rte_tel_data *d;
	char name[16];
	void *at;

	if (a->used + size > ROOM || a->n + 1 == RTE_TEL_MAX_DICT_ENTRIES) {
		a->left_off++;
		return;
	}
	d = rte_tel_data_alloc();
	if (!d)
		return;
	rte_tel_data_start_dict(d);
	for (at = json_object_iter(r); at; at = json_object_iter_next(r, at))
		put(d, json_object_iter_key(at), json_object_iter_value(at));
	snprintf(name, sizeof(name), "%u", a->n);
	if (rte_tel_data_add_dict_container(a->d, name, d, 0)) {
		rte_tel_data_free(d);
		return;
	}
	a->used += size;
	a->n++;
}

static int
ask_for(const char *endpoint, const char *params, struct rte_tel_data *d)
{
	struct answer a = {.d = d};
	char line[CTL_LINE_MAX], why[256];
	struct out o;
	unsigned int i;

	for (i = 0; i + 1 < RTE_DIM(endpoints); i++)
		if (strcmp(endpoints[i].endpoint, endpoint) == 0)
			break;
	snprintf(line, sizeof(line), "%s %s", endpoints[i].command, params ? params : "");
	rte_tel_data_start_dict(d);
	out_init(&o, NULL, OUT_ROWS);
	o.row = row;
	o.arg = &a;
	if (ctl_do(line, &o, why, sizeof(why)))
		return -EINVAL;
	if (a.left_off)
		rte_tel_data_add_dict_u64(d, "left_off", a.left_off);
	return 0;
}

void
telemetry_open(void)
{
	unsigned int i;

	for (i = 0; i < RTE_DIM(endpoints); i++) /* without telemetry nobody asks */
		rte_telemetry_register_cmd(endpoints[i].endpoint, ask_for, endpoints[i].help);
}
