/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a stack is told: defaults, and what cannot be. Whatever is wrong with a tern_conf by itself is found here, with
 * one line; what does not fit the machine is found where it is set up.
 */
#include <errno.h>
#include <rte_common.h>
#include <sodium.h>
#include "base/core.h"
#include "base/log.h"
#include "tcp/account.h"
#include "tcp/ecn.h"
#include "stack/conf.h"

#define SIZE_MAX_KNOWN 65536u /* a conf that says it is larger was not set up by tern_conf_init() */
#define RTO_MAX_MS 3600000u
#define SYNACK_RETRIES_MAX 20u
#define BUF_MIN 2048u
#define BUF_MAX (1u << 30) /* RFC 7323 2.3: windows of up to 2^30 bytes */

static const struct tern_conf defaults = {
	.name = "tern",
	.ifs = {{.port_id = 0}, {.port_id = 1}, {.port_id = 2}, {.port_id = 3}},
	.tcp = {.time_wait_ms = 60000,
		.rto_init_ms = 1000,
		.rto_min_ms = 200,
		.rto_max_ms = 60000,
		.delack_ms = 40,
		.fin_timeout_ms = 60000,
		.user_timeout_ms = 100000,
		.syn_timeout_ms = 180000,
		.synack_retries = 5,
		.timestamps = true,
		.sack = true,
		.wscale = true,
		.tso = true,
		.gro = true,
		.nagle = true,
		.quickack = true,
		.snd_buf = 262144,
		.rcv_buf = 262144,
		.snd_buf_max = 4 << 20,
		.rcv_buf_max = 6 << 20, /* as Linux's tcp_wmem, tcp_rmem */
		.fastopen_key_s = 86400,
		.buf_mem = TERN_AUTO,
		.max_orphans = TERN_AUTO,
		.somaxconn = 4096,
		.max_syn_backlog = 4096,
		.port_min = 1024,
		.port_max = 65535,
		.ttl = 64},
	.max_conns = 16384,
	.max_requests = 65536,
	.max_timewait = 65536,
	.max_portsets = 1024,
	.max_listeners = 64,
	.max_neighbours = 1024,
	.n_mbufs = 16384,
};
_Static_assert(TERN_IF_MAX == 4, "a port_id for each interface");

void
tern_conf_init(struct tern_conf *conf, size_t size)
{
	sized_give(conf, size, &defaults, sizeof(defaults));
	conf->size = size;
}

int
conf_copy(struct tern_conf *to, const struct tern_conf *from)
{
	const size_t known = sizeof(*to);

	if (from->size < CONF_SIZE_MIN || from->size > SIZE_MAX_KNOWN) {
		LOG(ERR, "tern_conf.size %zu: must be %zu or more: set up the struct with tern_conf_init()", from->size,
		    CONF_SIZE_MIN);
		return -EINVAL;
	}
	if (from->size > known && !sodium_is_zero((const unsigned char *)from + known, from->size - known)) {
		LOG(ERR,
		    "tern_conf: a field behind the first %zu bytes is set: libtern " TERN_VERSION
		    " is too old to know it",
		    known);
		return -EINVAL;
	}
	*to = defaults;
	memcpy(to, from, RTE_MIN(from->size, known));
	to->size = known;
	return 0;
}

static int
check_reserved(const struct tern_conf *conf)
{
	bool zero = sodium_is_zero((const void *)conf->tcp.reserved, sizeof(conf->tcp.reserved)) &&
		    sodium_is_zero((const void *)conf->app.reserved, sizeof(conf->app.reserved));

	for (unsigned int i = 0; i < TERN_IF_MAX; i++)
		zero &= sodium_is_zero((const void *)conf->ifs[i].reserved, sizeof(conf->ifs[i].reserved));
	if (zero)
		return 0;
	LOG(ERR, "tern_conf: a reserved field is set: libtern " TERN_VERSION
		 " is too old to know it, or tern_conf_init() was left out");
	return -EINVAL;
}

/* Longer ones would be behind the wheel's horizon, or not fit 32 bits of microseconds. */
static int
check_times(const struct tern_tcp_conf *t)
{
	const uint32_t longest = RTE_MAX(RTE_MAX(t->time_wait_ms, t->fin_timeout_ms), t->syn_timeout_ms);
	const uint32_t rto = RTE_MAX(RTE_MAX(t->rto_init_ms, t->rto_min_ms), t->rto_max_ms);

	if (longest > TIMER_MAX_MS || rto > RTO_MAX_MS || t->synack_retries > SYNACK_RETRIES_MAX) {
		LOG(ERR, "time_wait_ms %u, fin_timeout_ms %u, syn_timeout_ms %u: must be a day at most; rto_*_ms %u: "
			"an hour; synack_retries %u: %u", t->time_wait_ms, t->fin_timeout_ms, t->syn_timeout_ms, rto,
			t->synack_retries, SYNACK_RETRIES_MAX);
		return -EINVAL;
	}
	if (!t->rto_init_ms || !t->rto_min_ms || t->rto_init_ms > t->rto_max_ms || t->rto_min_ms > t->rto_max_ms) {
		LOG(ERR, "rto_init_ms %u, rto_min_ms %u: must be 1 to rto_max_ms, %u", t->rto_init_ms, t->rto_min_ms,
		    t->rto_max_ms);
		return -EINVAL;
	}
	if (!t->user_timeout_ms || !t->syn_timeout_ms) {
		LOG(ERR, "%s 0: must be 1 or more", t->user_timeout_ms ? "syn_timeout_ms" : "user_timeout_ms");
		return -EINVAL;
	}
	if (t->delack_ms >= 500) {
		LOG(ERR, "delack_ms %u: must be below 500 (RFC 9293 MUST-40)", t->delack_ms);
		return -EINVAL;
	}
	return 0;
}

static int
check_tcp(const struct tern_tcp_conf *t)
{
	if (t->cc >= TERN_CC_COUNT || t->ecn > TERN_ECN_OFF || t->cookie_mode > TERN_COOKIE_NEVER) {
		LOG(ERR, "cc %u, ecn %u, cookie_mode %u: there is no such %s", t->cc, t->ecn, t->cookie_mode,
		    t->cc >= TERN_CC_COUNT ? "congestion control" : "mode");
		return -EINVAL;
	}
	if (!t->port_min || t->port_min > t->port_max) {
		LOG(ERR, "port_min %u, port_max %u: must be 1 or more, and not above the other", t->port_min,
		    t->port_max);
		return -EINVAL;
	}
	if (t->rcv_buf < BUF_MIN || t->snd_buf < BUF_MIN || t->rcv_buf_max > BUF_MAX || t->snd_buf_max > BUF_MAX) {
		LOG(ERR, "rcv_buf %u..%u, snd_buf %u..%u: must be %u..2^30 bytes", t->rcv_buf, t->rcv_buf_max,
		    t->snd_buf, t->snd_buf_max, BUF_MIN);
		return -EINVAL;
	}
	if (!t->ttl || !t->somaxconn) {
		LOG(ERR, "%s 0: must be 1 or more", t->ttl ? "somaxconn" : "ttl");
		return -EINVAL;
	}
	return check_times(t);
}

int
conf_settle(struct tern_conf *conf)
{
	struct tern_tcp_conf *t = &conf->tcp;
	int rc = check_reserved(conf);

	if (rc)
		return rc;
	if (!conf->name || !conf->max_conns || !conf->max_requests || !conf->max_neighbours || !conf->n_mbufs) {
		LOG(ERR,
		    "name, max_conns %u, max_requests %u, max_neighbours %u, n_mbufs %u: none can be 0: "
		    "tern_conf_init() sets them",
		    conf->max_conns, conf->max_requests, conf->max_neighbours, conf->n_mbufs);
		return -EINVAL;
	}
	if (conf->max_listeners > MEM_LISTENERS_MAX) {
		LOG(ERR, "max_listeners %u: must be %u at most", conf->max_listeners, MEM_LISTENERS_MAX);
		return -EINVAL;
	}
	t->snd_buf_max = RTE_MAX(t->snd_buf_max, t->snd_buf);
	t->rcv_buf_max = RTE_MAX(t->rcv_buf_max, t->rcv_buf);
	if (t->buf_mem == TERN_AUTO)
		t->buf_mem = (uint64_t)conf->n_mbufs * 512; /* a quarter of what they hold */
	if (t->max_orphans == TERN_AUTO)
		t->max_orphans = RTE_MAX(conf->max_conns - conf->max_conns / 8, 1u);
	if (sodium_is_zero(t->fastopen_key, sizeof(t->fastopen_key)))
		randombytes_buf(t->fastopen_key, sizeof(t->fastopen_key));
	else
		t->fastopen_key_s = 0; /* it stays */
	t->tos &= ~TCP_ECN_MASK;
	return check_tcp(t);
}
