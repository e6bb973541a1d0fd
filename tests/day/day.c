/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A day in virtual time: connections come and go over a wire that loses and delays, some are idle for hours, and now
 * and then the server dies without a word and starts anew. Every clock of 32 bits comes round: microseconds each 71
 * minutes, ticks of the wheel after 3 hours, milliseconds after 12. The invariants hold after each burst, each byte is
 * compared, memory is as large at the end as it was after two hours, and then every pool is full (bed_down()).
 *
 *	day [hours]      24; 1200 are 50 days: a minute or two. TERN_SEED=N: that run again
 */
#include <unistd.h>
#include "../unit/harness.h"

#define HOUR (3600 * SEC)
/* The wheel's ticks come round 3 h after this, the milliseconds 9.5 h after that. */
#define START_US (39 * ((uint64_t)1 << 39) - 3 * HOUR)
#define WARM_H 2u /* hours until memory must grow no more */
#define SLACK_KIB 512u
#define IDLE_MAX 16u
#define GAP_US (40 * SEC) /* between two events, on average */

static unsigned int hours = 24;
static uint64_t opened, whole, failed, aborted, restarts, lost, idle_talks;
static struct {
	struct sock *s;
	bool talks; /* from time to time; else keep-alive alone asks */
} idle[IDLE_MAX];

static uint32_t
below(uint32_t n)
{
	return (harness_rand() >> 32) % n;
}

static bool
lose(const struct frame *f, uint64_t nth, void *arg)
{
	const bool gone = below(50) == 0;

	lost += gone;
	return gone;
}

static long
rss_kib(void)
{
	long size = 0, resident = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	if (!f || fscanf(f, "%ld %ld", &size, &resident) != 2)
		resident = 0;
	if (f)
		fclose(f);
	return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

static void
listen_anew(void)
{
	bed.n[1].auto_accept = true;
	CHECK_EQ(node_listen(&bed.n[1], SRV_PORT, 16, &bed.n[1].l[0]), 0);
}

static bool
has_ended(void *arg)
{
	const struct sock *s = arg;

	return s->closed || s->ended;
}

static void
count(const struct sock *s)
{
	if (s->err == 0)
		whole++;
	else
		failed++;
	CHECK(s->err == 0 || s->err == -ECONNRESET || s->err == -ETIMEDOUT || s->err == -ECONNREFUSED ||
	      s->err == -EHOSTUNREACH);
}

/* Connect, and hand over some bytes. NULL: it did not come to that. */
static struct sock *
talk(void)
{
	struct sock *s;
	int rc = node_connect(SRV_PORT, 0, &s);

	CHECK_EQ(rc, 0);
	if (rc)
		return NULL;
	opened++;
	s->auto_read = true;
	s->to_send = 1 + below(below(4) ? 400 : 8000);
	advance_us(20 * MS);
	for (unsigned int i = 0; i < 200 && s->c && (s->to_send || tern_send_queued(s->c)); i++) {
		if (s->to_send && sock_state(s) == TERN_ESTABLISHED)
			s->to_send -= RTE_MAX(sock_send(s, RTE_MIN(s->to_send, 4096u)), 0);
		advance_us(i < 20 ? 20 * MS : SEC);
	}
	if (s->c)
		return s;
	count(s);
	return NULL;
}

static void
leave(struct sock *s)
{
	if (below(10) == 0) {
		sock_abort(s);
		aborted++;
		return;
	}
	if (below(3) == 0 && tern_shutdown(s->c, TERN_SHUT_WR) == 0)
		advance_until(has_ended, s, 100 * SEC);
	if (s->c)
		sock_close(s);
	advance_until(has_ended, s, 200 * SEC);
	if (CHECK(s->closed || s->ended))
		count(s);
}

/* It stays open, beside others. */
static void
rest(struct sock *s)
{
	const unsigned int k = below(IDLE_MAX);

	if (idle[k].s && idle[k].s->c)
		leave(idle[k].s);
	idle[k].s = s;
	idle[k].talks = below(2);
	CHECK_EQ(tern_setopt(s->c, TERN_OPT_KEEPIDLE_S, idle[k].talks ? 7200 : 600), 0);
	CHECK_EQ(tern_setopt(s->c, TERN_OPT_KEEPALIVE, 1), 0);
}

static void
talk_idle(void)
{
	for (unsigned int k = 0; k < IDLE_MAX; k++) {
		struct sock *s = idle[k].s;

		if (s && !s->c) {
			count(s);
			idle[k].s = s = NULL;
		}
		if (s && idle[k].talks && sock_send(s, 1 + below(100)) > 0)
			idle_talks++;
	}
}

/* The places of those that rest are taken: sock_new() reuses a socket as soon as it has no handle. */
static void
forget_ended(void)
{
	for (unsigned int k = 0; k < IDLE_MAX; k++)
		if (idle[k].s && !idle[k].s->c) {
			count(idle[k].s);
			idle[k].s = NULL;
		}
}

static void
test_day(void)
{
	uint64_t end_us, hour_us, restart_us;
	long warm = 0, now = 0;
	struct sock *s;

	memset(idle, 0, sizeof(idle));
	bed.now_us = START_US;
	bed.conf.max_conns = bed.conf.max_requests = bed.conf.max_timewait = 64;
	bed.conf.n_mbufs = 1024;
	bed_start_pair();
	for (unsigned int i = 0; i < 2; i++) {
		bed.dir[i].delay_us = 5 * MS;
		bed.dir[i].drop = lose;
	}
	listen_anew();
	end_us = START_US + hours * HOUR;
	hour_us = START_US;
	restart_us = START_US + 2 * HOUR;
	while (bed.now_us < end_us) {
		advance_us(2 * below(GAP_US / SEC) * SEC);
		forget_ended();
		s = talk();
		if (s && below(20) == 0)
			rest(s);
		else if (s)
			leave(s);
		if (bed.now_us >= restart_us) {
			restart_us += 2 * HOUR;
			bed_restart(1);
			listen_anew();
			restarts++;
		}
		if (bed.now_us < hour_us)
			continue;
		talk_idle();
		now = rss_kib();
		if (hour_us == START_US + WARM_H * HOUR)
			warm = now;
		hour_us += HOUR;
	}
#ifndef __SANITIZE_ADDRESS__ /* which keeps what was freed */
	CHECK(hours <= WARM_H || now <= warm + SLACK_KIB);
#endif
	printf("IPv%u: %u h, %lu frames, %lu lost; %lu connections: %lu whole, %lu ended by an error, %lu aborted; %lu "
	       "restarts, %lu words "
	       "of idle ones; %ld KiB after %u h, %ld at the end ",
	       bed.af, hours, bed.frames, lost, opened, whole, failed, aborted, restarts, idle_talks, warm, WARM_H,
	       now);
	CHECK(hours < 24 || (whole > 100 && failed > 0 && restarts > 5));
	CHECK(hours < 13 || START_US / 1000 >> 32 != bed.now_us / 1000 >> 32); /* milliseconds came round */
	opened = whole = failed = aborted = restarts = lost = idle_talks = 0;
}

int
main(int argc, char **argv)
{
	static CU_TestInfo tests[] = {
		{"a day", test_day},
		CU_TEST_INFO_NULL,
	};

	if (argc > 1)
		hours = strtoul(argv[1], NULL, 0);
	return harness_main(1, argv, "day", tests);
}
