/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * --mix FILE: a section for each class of connections. Its keys are read as options are, with the same words for what
 * is wrong; what a section does not say is what the command line says. docs/client.md has them all.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <rte_common.h>
#include "client.h"
#include "option.h"

#define SEND_MAX PATTERN_CHUNK
#define PIECES_A_S 10u /* of a slow one */

struct mix mix;

/* The section in progress. */
static struct {
	struct mix_class k;
	const char *path, *name; /* of the file, of the section */
	const struct options *o;
} in;

static int
set_connect(const char *val)
{
	return client_endpoint(val, &in.k.connect, &in.k.connect_ports);
}

static const char *const kind_names[] = {"request", "half-close", "connect", "silent", "stall",
					 "abort",   "cut",        "deaf",    NULL};
static const char *const method_names[] = {"GET", "HEAD", "POST", "PUT", NULL};

/* Which of them a kind has a use for. */
#define ASKS (1u << KIND_REQUEST | 1u << KIND_HALF_CLOSE)
#define STAYS (1u << KIND_CONNECT | 1u << KIND_SILENT | 1u << KIND_STALL | 1u << KIND_ABORT | 1u << KIND_DEAF)
#define SENDS (UINT32_MAX & ~(1u << KIND_CONNECT | 1u << KIND_SILENT))

enum {
	WEIGHT,
	CONNECT,
	KIND,
	HTTP,
	METHOD,
	BODY,
	REQUEST,
	RESPONSE,
	PER_CONN,
	THINK,
	CLOSE,
	STATUS,
	READ_RATE,
	SEND_RATE,
	STAY,
};
/* No options of the command line, though they are read as such. */
/* clang-format off */
#define KEY_N(name, v, lo, hi, def) NUM("mix", name, v, lo, hi, def, "")
#define KEY_ENUM(name, v, names) ENUM("mix", name, "", v, NULL, names, "")
static struct opt keys[] = {
	[WEIGHT] = KEY_N("weight", in.k.weight, 1, 1000000, "1"),
	[CONNECT] = {"mix", "connect", "", T_FN, .fn = set_connect},
	[KIND] = KEY_ENUM("kind", in.k.kind, kind_names),
	[HTTP] = {"mix", "http", "", T_STR, AT_(in.k.path)},
	[METHOD] = KEY_ENUM("method", in.k.method, method_names),
	[BODY] = KEY_N("body-size", in.k.body_size, 0, 1 << 30, NULL),
	[REQUEST] = KEY_N("request-size", in.k.request_size, 1, 1 << 30, NULL),
	[RESPONSE] = KEY_N("response-size", in.k.response_size, 1, 1 << 30, NULL),
	[PER_CONN] = KEY_N("requests-per-conn", in.k.per_conn, 1, UINT32_MAX, NULL),
	[THINK] = KEY_N("think-ms", in.k.think_ms, 0, 86400000, NULL),
	[CLOSE] = KEY_ENUM("close", in.k.close_mode, close_names),
	[STATUS] = KEY_N("status", in.k.status, 200, STATUS_MAX - 1, NULL),
	[READ_RATE] = KEY_N("read-rate", in.k.read_rate, 1, 1 << 30, NULL),
	[SEND_RATE] = KEY_N("send-rate", in.k.send_rate, 1, 1 << 30, NULL),
	[STAY] = KEY_N("stay-ms", in.k.stay_ms, 0, 86400000, NULL),
};

/* Which kinds have a use for it; 0: all. */
static const uint32_t of_kinds[RTE_DIM(keys)] = {
	[HTTP] = SENDS, [METHOD] = SENDS, [BODY] = SENDS, [REQUEST] = SENDS, [RESPONSE] = ASKS, [PER_CONN] = ASKS,
	[THINK] = ASKS, [CLOSE] = 1u << KIND_REQUEST | STAYS, [STATUS] = ASKS, [READ_RATE] = ASKS,
	[SEND_RATE] = SENDS, [STAY] = STAYS,
};
/* clang-format on */

/* --- the class ----------------------------------------------------------------------------------------------- */

/* As the options say. */
static struct mix_class
plain(void)
{
	struct mix_class k = {
		.weight = 1,
		.path = plan.http_path,
		.connect = plan.connect,
		.connect_ports = plan.connect_ports,
		.per_conn = requests.per_conn,
		.close_mode = requests.close_mode,
		.request_size = requests.request_size,
		.response_size = requests.response_size,
		.send_step = SEND_MAX,
	};

	return k;
}

/* What follows from what was said. */
static void
derive(struct mix_class *k)
{
	const bool posts = k->method == METHOD_POST || k->method == METHOD_PUT;

	k->http = k->path != NULL;
	k->body_size = k->http ? posts ? k->body_size : 0 : k->request_size;
	k->think_us = k->think_ms * UINT64_C(1000);
	k->stay_us = k->stay_ms * UINT64_C(1000);
	k->odd = k->kind > KIND_HALF_CLOSE;
	k->special = k->kind != KIND_REQUEST || k->read_rate || k->send_rate || k->n_fields;
	if (k->odd)
		k->per_conn = UINT32_MAX; /* its request is not the last: the server would close */
	if (k->kind == KIND_HALF_CLOSE)
		k->close_mode = CLOSE_SERVER;
	if (k->kind == KIND_CUT)
		k->close_mode = CLOSE_RESET;
	k->send_step = k->send_rate ? RTE_MIN(RTE_MAX(k->send_rate / PIECES_A_S, 1u), SEND_MAX) : SEND_MAX;
	k->read_step = RTE_MIN(RTE_MAX(k->read_rate / PIECES_A_S, 1u), MIX_READ_MAX);
}

static void
forget(void)
{
	for (; mix.n; mix.n--) {
		free(mix.of[mix.n - 1].own_path);
		free(mix.of[mix.n - 1].head[0]);
		free(mix.of[mix.n - 1].head[1]);
	}
}

void
mix_plain(void)
{
	forget();
	mix.n = 1;
	mix.of[0] = plain();
	derive(&mix.of[0]);
}

/* --- paths --------------------------------------------------------------------------------------------------- */

int
mix_check_path(const char *path)
{
	const char *p;

	if (*path != '/')
		return bad("'%s' does not start with '/'", path);
	if (strlen(path) >= HTTP_PATH_MAX)
		return bad("the path is longer than %u bytes", HTTP_PATH_MAX - 1);
	for (p = path; *p; p++)
		if ((unsigned char)*p <= ' ' || *p == 127)
			return bad("'%s' has a blank or a control character: write it as %%%02x", path,
				   (unsigned char)*p);
	return 0;
}

/* {n} or {n:LO-HI} at p. @return its length, 0 for what is neither. */
static int
field(const char *p, struct mix_field *f)
{
	uint64_t low, high;
	int len = 0;

	*f = (struct mix_field){0};
	if (strncmp(p, "{n}", 3) == 0)
		return 3;
	if (sscanf(p, "{n:%18[0-9]-%*18[0-9]}%n", (char[20]){0}, &len) != 1 || !len)
		return 0;
	low = strtoull(p + 3, NULL, 10);
	high = strtoull(strchr(p, '-') + 1, NULL, 10);
	if (high < low)
		return 0;
	f->low = low;
	f->span = high - low + 1;
	return len;
}

/* The numbers in the path of k. */
static int
fields(struct mix_class *k)
{
	const unsigned int before = strlen(method_names[k->method]) + 1;
	const char *p = k->path;
	int len;

	for (; (p = strpbrk(p, "{}")) != NULL; p += len) {
		if (k->n_fields == MIX_FIELDS)
			return bad("more than %u numbers in '%s'", MIX_FIELDS, k->path);
		len = field(p, &k->field[k->n_fields]);
		if (!len)
			return bad("'%.40s': write {n}, {n:LOW-HIGH}, or a brace as %%7b or %%7d", p);
		k->field[k->n_fields].at = before + (p - k->path);
		k->field[k->n_fields++].len = len;
	}
	return 0;
}

/* --- a section ----------------------------------------------------------------------------------------------- */

static struct opt *
key(const char *name)
{
	unsigned int i;

	for (i = 0; i < RTE_DIM(keys); i++)
		if (strcmp(keys[i].name, name) == 0)
			return &keys[i];
	return NULL;
}

static int
begin_section(const char *path, const char *name)
{
	const unsigned int line = option_line(path, name, NULL);
	unsigned int i;

	if (!*name || strlen(name) >= MIX_NAME_MAX ||
	    name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")])
		return complain("%s:%u: [%s]: name a class with 1 to %u letters, digits, - or _", path, line, name,
				MIX_NAME_MAX - 1);
	for (i = 0; i < RTE_DIM(keys); i++)
		keys[i].set = false;
	in.k = plain();
	in.path = path;
	in.name = name;
	snprintf(in.k.name, sizeof(in.k.name), "%s", name);
	return 0;
}

static int
entry(const char *section, const char *name, const char *value)
{
	struct opt *t = key(name);
	char list[256] = "";
	unsigned int i;
	size_t len = 0;

	for (i = 0; i < RTE_DIM(keys) && !t; i++)
		len += snprintf(list + len, sizeof(list) - len, "%s%s", i ? ", " : "", keys[i].name);
	if (!t)
		return bad("unknown key: a class has %s", list);
	return *value ? option_put(t, value) : bad("the value is empty");
}

/* A key that was given, for messages. */
static int
wrong(unsigned int i, const char *why)
{
	origin.name = keys[i].name;
	return bad("%s", why);
}

/* Keys that exclude each other, or have no use. */
static int
check_keys(const struct mix_class *k)
{
	const bool posts = k->method == METHOD_POST || k->method == METHOD_PUT;
	unsigned int i;

	for (i = 0; i < RTE_DIM(keys); i++) {
		if (!keys[i].set || !of_kinds[i] || of_kinds[i] >> k->kind & 1)
			continue;
		origin.name = keys[i].name;
		return bad("kind = %s has no use for it: leave it out", kind_names[k->kind]);
	}
	if (k->path && (keys[REQUEST].set || keys[RESPONSE].set))
		return wrong(keys[REQUEST].set ? REQUEST : RESPONSE,
			     "is of raw requests, and this class asks by HTTP: leave it out");
	if (!k->path && (keys[METHOD].set || keys[BODY].set || keys[STATUS].set))
		return wrong(keys[METHOD].set ? METHOD
			     : keys[BODY].set ? BODY
					      : STATUS,
			     "is of HTTP: give http = PATH, too");
	if (keys[BODY].set && !posts)
		return wrong(BODY, "a GET or HEAD has no body: give method = POST or PUT");
	return 0;
}

static int
check_server(const struct mix_class *k)
{
	const unsigned int line = option_line(in.path, in.name, keys[CONNECT].set ? "connect" : NULL);
	unsigned int i;

	if (!k->connect.af)
		return complain("%s:%u: [%s] has no server: give connect = ADDR:PORT, or --connect for all", in.path,
				line, in.name);
	for (i = 0; i < in.o->conf.n_ifs; i++)
		if (if_has(&in.o->conf.ifs[i], k->connect.af))
			return 0;
	return complain("%s:%u: [%s]: no interface has an IPv%u address: give --addr%s", in.path, line, in.name,
			k->connect.af, k->connect.af == TERN_AF_INET6 ? "6" : "");
}

static int
end_section(void)
{
	struct mix_class *k = &in.k;

	if (check_keys(k) || check_server(k))
		return -EINVAL;
	if (k->kind == KIND_ABORT && !keys[CLOSE].set)
		k->close_mode = CLOSE_RESET;
	if (!keys[STAY].set && k->kind != KIND_ABORT && k->kind != KIND_CONNECT)
		k->stay_ms = plan.timeout_ms ? plan.timeout_ms : 10000;
	if (!keys[THINK].set && of_kinds[THINK] >> k->kind & 1)
		k->think_ms = plan.think_ms;
	origin.name = "http";
	if (k->path && !(of_kinds[HTTP] >> k->kind & 1))
		k->path = NULL; /* --http is for the others */
	if (k->path && (mix_check_path(k->path) || fields(k)))
		return -EINVAL;
	k->own_path = keys[HTTP].set ? (char *)(uintptr_t)k->path : NULL;
	derive(k);
	mix.of[mix.n++] = *k;
	return 0;
}

/* --- shares -------------------------------------------------------------------------------------------------- */

/* Which of those that are not settled has the least, or the most. */
static unsigned int
extreme(const double *share, const bool *settled, bool most)
{
	unsigned int i, at = mix.n;

	for (i = 0; i < mix.n; i++)
		if (!settled[i] && (at == mix.n || (most ? share[i] > share[at] : share[i] < share[at])))
			at = i;
	return at;
}

/*
 * Walker's alias method: n columns of the same height. The class that has least of those left leaves the rest of its
 * column to the one that has most, and is settled; what the last one has fills its own.
 */
static void
shares(void)
{
	double share[MIX_MAX], all = 0;
	bool settled[MIX_MAX] = {false};
	unsigned int i, a, b;

	for (i = 0; i < mix.n; i++)
		all += mix.of[i].weight;
	for (i = 0; i < mix.n; i++) {
		share[i] = mix.of[i].weight * mix.n / all;
		mix.of[i].own = UINT64_C(1) << 32;
	}
	for (i = 1; i < mix.n; i++) {
		a = extreme(share, settled, false);
		settled[a] = true;
		b = extreme(share, settled, true);
		mix.of[a].own = RTE_MIN(share[a], 1.0) * 0x1p32;
		mix.of[a].other = b;
		share[b] -= 1 - share[a];
	}
}

int
mix_load(const char *path, const struct options *o)
{
	static const struct file_reader reader = {begin_section, entry, end_section, MIX_MAX};
	int rc;

	forget();
	in.o = o;
	rc = file_read(path, &reader);
	if (!rc)
		shares();
	return rc;
}

/* --- requests ------------------------------------------------------------------------------------------------ */

int
mix_heads(void)
{
	char host[TERN_ENDPOINT_LEN], length[40] = "", text[MIX_HEAD_MAX];
	unsigned int i, last;

	for (i = 0; i < mix.n; i++) {
		struct mix_class *k = &mix.of[i];

		if (!k->http)
			continue;
		tern_endpoint_format(&k->connect, host);
		*length = 0;
		if (k->method == METHOD_POST || k->method == METHOD_PUT)
			snprintf(length, sizeof(length), "Content-Length: %u\r\n", k->body_size);
		for (last = 0; last < 2; last++) {
			k->head_len[last] =
				snprintf(text, sizeof(text),
					 "%s %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: tern\r\nAccept: */*\r\n"
					 "%sConnection: %s\r\n\r\n",
					 method_names[k->method], k->path, host, length, last ? "close" : "keep-alive");
			free(k->head[last]);
			k->head[last] = strdup(text);
			if (!k->head[last])
				return complain("no memory for requests");
		}
	}
	return 0;
}
