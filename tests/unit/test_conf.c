/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tern_conf: zero is zero, sizes of older and newer applications, and every value that cannot be.
 */
#include <stdlib.h>
#include "harness.h"

#define SYN_ACK (SYN | ACK)

static char line[1024];
static unsigned int lines;

static void
take_line(int level, const char *l, void *arg)
{
	snprintf(line, sizeof(line), "%s", l);
	lines++;
}

/* conf as it stands is refused, with one line that has `what` in it. */
static void
refused(const struct tern_conf *conf, const char *what)
{
	struct tern_conf to;

	lines = 0;
	line[0] = 0;
	tern_log_set(take_line, NULL);
	CHECK(conf_copy(&to, conf) == -EINVAL || conf_settle(&to) == -EINVAL);
	tern_log_set(NULL, NULL);
	CHECK_EQ(lines, 1);
	CHECK(strstr(line, what) != NULL);
}

/* conf as it stands is taken: *to is what a stack works with. */
static void
accepted(struct tern_conf *to, const struct tern_conf *conf)
{
	CHECK_EQ(conf_copy(to, conf), 0);
	CHECK_EQ(conf_settle(to), 0);
}

static void
test_defaults(void)
{
	struct tern_conf conf, to;

	memset(&conf, 0xa5, sizeof(conf));
	tern_conf_init(&conf, sizeof(conf));
	CHECK_EQ(conf.size, sizeof(conf));
	accepted(&to, &conf);
	CHECK_EQ(to.tcp.delack_ms, 40);
	CHECK_EQ(to.tcp.buf_mem, 16384 * 512);
	CHECK_EQ(to.tcp.max_orphans, 14336);
	CHECK_EQ(to.ifs[3].port_id, 3);
	conf.tcp.max_orphans = 0;
	conf.tcp.buf_mem = 0;
	accepted(&to, &conf);
	CHECK_EQ(to.tcp.max_orphans, 0);
	CHECK_EQ(to.tcp.buf_mem, 0);
	CHECK_EQ(to.tcp.snd_buf_max, 4 << 20);
	conf.tcp.snd_buf_max = 0;
	accepted(&to, &conf);
	CHECK_EQ(to.tcp.snd_buf_max, 262144); /* no larger than snd_buf */
}

/* An application of an older header gives less: what it does not know of is the default. Its struct is not read beyond
 * its end. */
static void
test_older(void)
{
	for (size_t size = CONF_SIZE_MIN; size <= sizeof(struct tern_conf); size += 4) {
		struct tern_conf *conf = malloc(size), to;

		CU_ASSERT_FATAL(conf != NULL);
		tern_conf_init(conf, size);
		conf->tcp.ttl = 7;
		memset(&to, 0xa5, sizeof(to));
		accepted(&to, conf);
		CHECK_EQ(to.size, sizeof(to));
		CHECK_EQ(to.tcp.ttl, 7);
		CHECK_EQ(to.max_conns, 16384);
		CHECK_EQ(to.n_mbufs, 16384);
		CHECK_EQ(to.tx_wait_us, 0);
		CHECK(to.mbuf_pool == NULL);
		free(conf);
	}
}

/* One of a newer header gives more: fine as long as it wants nothing that is not known here. */
static void
test_newer(void)
{
	const size_t size = sizeof(struct tern_conf) + 24;
	struct tern_conf *conf = malloc(size), to;

	CU_ASSERT_FATAL(conf != NULL);
	memset(conf, 0xa5, size);
	tern_conf_init(conf, size);
	accepted(&to, conf);
	((char *)conf)[size - 1] = 1;
	refused(conf, "too old to know it");
	free(conf);
}

static void
test_sizes_refused(void)
{
	static const size_t sizes[] = {0, 1, CONF_SIZE_MIN - 1, 65537, SIZE_MAX};
	struct tern_conf conf;

	tern_conf_init(&conf, sizeof(conf));
	for (unsigned int i = 0; i < RTE_DIM(sizes); i++) {
		conf.size = sizes[i];
		refused(&conf, "tern_conf.size");
	}
	memset(&conf, 0, sizeof(conf)); /* as before there were sizes */
	conf.n_workers = 1;
	refused(&conf, "tern_conf_init()");
}

/* Each value that cannot be, alone. */
static void
test_refused(void)
{
	struct tern_conf ok, c;

	tern_conf_init(&ok, sizeof(ok));
#define REFUSED(field, value, what)                                                                                    \
	do {                                                                                                           \
		c = ok;                                                                                                \
		c.field = value;                                                                                       \
		refused(&c, what);                                                                                     \
	} while (0)
	REFUSED(name, NULL, "name");
	REFUSED(max_conns, 0, "max_conns 0");
	REFUSED(max_requests, 0, "max_requests 0");
	REFUSED(max_neighbours, 0, "max_neighbours 0");
	REFUSED(n_mbufs, 0, "n_mbufs 0");
	REFUSED(max_listeners, 32768, "max_listeners 32768");
	REFUSED(tcp.reserved[7], 1, "reserved");
	REFUSED(ifs[3].reserved[0], 1, "reserved");
	REFUSED(app.reserved[0], abort, "reserved");
	REFUSED(tcp.rto_init_ms, 0, "rto_init_ms 0");
	REFUSED(tcp.rto_min_ms, 0, "rto_min_ms 0");
	REFUSED(tcp.rto_max_ms, 0, "rto_max_ms, 0");
	REFUSED(tcp.rto_max_ms, 999, "rto_max_ms, 999");
	REFUSED(tcp.rto_max_ms, 3600001, "an hour");
	REFUSED(tcp.time_wait_ms, 86400001, "a day");
	REFUSED(tcp.fin_timeout_ms, 86400001, "a day");
	REFUSED(tcp.syn_timeout_ms, 86400001, "a day");
	REFUSED(tcp.syn_timeout_ms, 0, "syn_timeout_ms 0");
	REFUSED(tcp.user_timeout_ms, 0, "user_timeout_ms 0");
	REFUSED(tcp.synack_retries, 21, "synack_retries 21");
	REFUSED(tcp.delack_ms, 500, "delack_ms 500");
	REFUSED(tcp.cc, TERN_CC_COUNT, "congestion control");
	REFUSED(tcp.ecn, TERN_ECN_OFF + 1, "ecn 3");
	REFUSED(tcp.cookie_mode, TERN_COOKIE_NEVER + 1, "cookie_mode 3");
	REFUSED(tcp.port_min, 0, "port_min 0");
	REFUSED(tcp.port_max, 1023, "port_max 1023");
	REFUSED(tcp.snd_buf, 2047, "snd_buf 2047");
	REFUSED(tcp.rcv_buf, 2047, "rcv_buf 2047");
	REFUSED(tcp.snd_buf_max, (1u << 30) + 1, "snd_buf");
	REFUSED(tcp.rcv_buf_max, (1u << 30) + 1, "rcv_buf");
	REFUSED(tcp.ttl, 0, "ttl 0");
	REFUSED(tcp.somaxconn, 0, "somaxconn 0");
#undef REFUSED
}

/* delack_ms 0: an ACK for each segment, in the poll that it came in. */
static void
test_no_delack(void)
{
	uint32_t v;

	bed.conf.tcp.delack_ms = 0;
	bed.conf.tcp.quickack = false;
	struct sock *s = fx_established();

	CHECK_EQ(tern_getopt(s->c, TERN_OPT_QUICKACK, &v), 0);
	CHECK_EQ(v, TERN_QUICKACK_ON);
	tx(ACK | PSH, 1, 1, 100);
	run();
	expect(ACK, 1, 101, 0);
	tx(ACK | PSH, 101, 1, 1);
	run();
	expect(ACK, 1, 102, 0);
	/* The option may still turn it off for one connection: a delay of 0 then ends in the next poll. */
	CHECK_EQ(tern_setopt(s->c, TERN_OPT_QUICKACK, TERN_QUICKACK_OFF), 0);
	tx(ACK | PSH, 102, 1, 1);
	expect_at(ACK, 1, 103, 0, 0, MS);
	expect_silence();
}

/* synack_retries 0: the SYN-ACK is sent once, and the request gone a timeout later. */
static void
test_no_retries(void)
{
	bed.conf.tcp.synack_retries = 0;
	fx_listen();
	tx(SYN, 0, 0, 0);
	run();
	expect(SYN_ACK, 0, 1, 0);
	CHECK_EQ(W->listeners.half_open, 1);
	expect_silence_for(5 * SEC);
	CHECK_EQ(W->listeners.half_open, 0);
}

/* max_timewait 0: who closed first is forgotten with the last ACK, counted. */
static void
test_no_timewait(void)
{
	bed.conf.max_timewait = 0;
	struct sock *s = fx_established();

	tern_close(s->c);
	s->c = NULL;
	run();
	expect(FIN | ACK, 1, 1, 0);
	tx(FIN | ACK, 1, 2, 0);
	run();
	expect(ACK, 2, 2, 0);
	CHECK_EQ(W->stats[STAT_TW_OVERFLOW], 1);
	expect_silence();
	tx(FIN | ACK, 1, 2, 0); /* nobody is there to acknowledge it again */
	run();
	expect(RST, 2, 0, 0);
}

int
main(int argc, char **argv)
{
	static CU_TestInfo tests[] = {
		{"defaults", test_defaults},
		{"an older application", test_older},
		{"a newer application", test_newer},
		{"sizes refused", test_sizes_refused},
		{"values refused", test_refused},
		{"no delayed ACK", test_no_delack},
		{"no retries", test_no_retries},
		{"no TIME-WAIT", test_no_timewait},
		CU_TEST_INFO_NULL,
	};

	return harness_main(argc, argv, "conf", tests);
}
