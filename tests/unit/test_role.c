/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The roles of app/ on worker 1, asked by a socket of worker 0: requests in pieces and in pipelines, and that no visit
 * to a connection is longer than its bound. Here the role's poll() is called by the test alone.
 */
#include "rolebed.h"

#define GET "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
#define VISIT 16u /* requests */
#define N_ANSWERED 1 /* http's and serve's second number: requests answered */

extern const struct role role_http, role_echo, role_discard;

static void
role_down(void)
{
	if (s->c)
		sock_close(s);
	stack.role->drain(&stack, TW_(SERVER));
	run();
	bed_down();
	role_free(&stack);
}

/* Answers with this status that have come; all is read. */
static unsigned int
answers(const char *status)
{
	static char buf[1 << 20];
	const ssize_t n = tern_recv(s->c, buf, sizeof(buf) - 1);
	unsigned int found = 0;
	const char *p;

	buf[n > 0 ? n : 0] = 0;
	for (p = buf; (p = strstr(p, status)) != NULL; p++)
		found++;
	return found;
}

#define ANSWERED role_sum(&stack, N_ANSWERED)

/* --- http ---------------------------------------------------------------------------------------------------- */

/* A head cut at any place, and byte by byte, is answered once; what follows it in the same segment is the next. */
static void
test_pieces(void)
{
	static const char text[] = GET GET;
	const size_t one = strlen(GET), len = strlen(text);
	size_t i;

	role_up(&role_http);
	for (i = 1; i < len; i++) {
		say(text, i);
		CHECK_EQ(ANSWERED, 2 * (i - 1) + (i >= one));
		say(text + i, len - i);
		CHECK_EQ(ANSWERED, 2 * i);
		CHECK_EQ(answers("HTTP/1.1 200"), 2);
	}
	for (i = 0; i < len; i++)
		say(text + i, 1);
	CHECK_EQ(answers("HTTP/1.1 200"), 2);
	role_down();
}

/* A head of 8 kB a byte a segment: looked at once, not 8192 times; and when it is longer, refused. */
static void
test_long_head(void)
{
	unsigned int i;

	role_up(&role_http);
	say("GET / HTTP/1.1\r\nHost: a\r\nA: ", 28);
	for (i = 0; i < 8000; i++)
		say("a", 1);
	CHECK_EQ(tern_recv_queued(s->c), 0);
	say("\r\n\r\n", 4);
	CHECK_EQ(answers("HTTP/1.1 200"), 1);
	say("GET / HTTP/1.1\r\nHost: a\r\nA: ", 28);
	for (i = 0; i < 8200; i++)
		say("a", 1);
	CHECK_EQ(answers("HTTP/1.1 431"), 1);
	role_down();
}

/* FIN with half a request waiting: nothing will come of it, the server closes, too. */
static void
test_half_request(void)
{
	unsigned int i;

	role_up(&role_http);
	for (i = 0; i < 2; i++) { /* in one piece, in two */
		if (i)
			say("GET", 3);
		say(" / HTTP/1.1\r\nHos", 16);
		sock_shutdown(s);
		CHECK(s->closed || tern_peer_closed(s->c));
		if (s->c)
			sock_close(s);
		CHECK_EQ(node_connect(80, 0, &s), 0);
		run();
	}
	role_down();
}

/* Thousands of requests at once: each visit answers some, in the end all are. */
static void
test_pipeline(void)
{
	static char text[400 * (sizeof(GET) - 1) + 1];
	unsigned int i, polls = 0;
	uint64_t before, segments;

	role_up(&role_http);
	for (i = 0; i < 400; i++)
		memcpy(text + i * (sizeof(GET) - 1), GET, sizeof(GET));
	segments = SERVER->w->stats[STAT_IN_SEGS];
	say(text, strlen(text));
	segments = SERVER->w->stats[STAT_IN_SEGS] - segments;
	CHECK(ANSWERED <= segments * VISIT);
	CHECK(ANSWERED < 400);
	for (; ANSWERED < 400 && polls < 1000; polls++) {
		before = ANSWERED;
		stack.role->poll(&stack, TW_(SERVER), bed.now_us);
		CHECK(ANSWERED - before <= VISIT);
		run();
		advance_us(MS);
	}
	CHECK_EQ(ANSWERED, 400);
	advance_us(SEC);
	CHECK_EQ(answers("HTTP/1.1 200"), 400);
	role_down();
}

/* After an error the answer is whole, whatever still comes, and who never ends is ended. */
static void
test_refused(void)
{
	static const char junk[1000];
	unsigned int how, i;

	role_up(&role_http);
	for (how = 0; how < 2; how++) {
		say("GET / HTTP/9\r\n\r\n", 16);
		for (i = 0; i < 2000; i++)
			say(junk, sizeof(junk));
		CHECK_EQ(answers("HTTP/1.1 "), 1);
		CHECK(tern_peer_closed(s->c));
		CHECK_EQ(s->closed, 0);
		if (how == 0) {
			CHECK_EQ(((struct server *)stack.state[1])->slab.n_active, 1);
			sock_close(s);
			run();
			CHECK_EQ(((struct server *)stack.state[1])->slab.n_active, 0);
			CHECK_EQ(node_connect(80, 0, &s), 0);
			run();
			continue;
		}
		advance_us(59 * SEC);
		CHECK_EQ(s->closed, 0);
		advance_us(2 * SEC);
		CHECK_EQ(s->err, -ECONNRESET);
	}
	role_down();
}

/* Idle connections are closed, a few a poll. */
static void
test_idle(void)
{
	struct sock *more[3];
	unsigned int i;

	role_up(&role_http);
	for (i = 0; i < RTE_DIM(more); i++)
		CHECK_EQ(node_connect(80, 0, &more[i]), 0);
	run();
	role_poll();
	say("GET / HT", 8);
	for (i = 0; i < 70; i++) { /* a byte a second is no progress */
		advance_us(SEC);
		role_poll();
		if (s->c)
			say("a", 1);
	}
	CHECK_EQ(s->err, -ECONNRESET);
	for (i = 0; i < RTE_DIM(more); i++)
		CHECK_EQ(more[i]->err, -ECONNRESET);
	role_down();
}

#define ITEMS 1000u
#define PATIENT 7u /* of them one in so many is */
#define IDLE_MS 4000u

static struct slab slab;
static uint64_t seen_us[ITEMS], late_us[ITEMS];

static uint32_t
number_of(const struct item *i)
{
	return ((const char *)i - slab.base) / slab.size;
}

static void
note_late(struct item *i)
{
	CHECK_EQ(late_us[number_of(i)], 0);
	late_us[number_of(i)] = bed.now_us;
	slab_put(&slab, i);
}

/* Each is told once, when it was untouched for so long and not an eighth longer, but those that may rest. */
static void
test_late(void)
{
	struct item *it[ITEMS];
	struct stack own = {0};
	unsigned int i;
	uint32_t at = 0;

	role_up(&role_discard);
	CU_ASSERT_FATAL(slab_init(&slab, &own, TW_(SERVER), ITEMS, sizeof(struct item), NULL) == 0);
	slab_timeout(&slab, TW_(SERVER), IDLE_MS * MS, note_late);
	for (i = 0; i < ITEMS; i++) {
		it[i] = slab_get(&slab, NULL, bed.now_us);
		CU_ASSERT_FATAL(it[i] != NULL);
		it[i]->patient = i % PATIENT == 0;
		late_us[i] = 0;
	}
	CHECK(slab_get(&slab, NULL, bed.now_us) == NULL);
	for (i = 0; i < ITEMS; i++) {
		seen_us[number_of(it[i])] = bed.now_us;
		slab_touch(it[i], bed.now_us);
		advance_us(2 * MS);
	}
	for (i = 0; i < 2 * IDLE_MS; i++)
		advance_us(MS);
	for (i = 0; i < ITEMS; i++) {
		const uint64_t waited_us = late_us[i] - seen_us[i];

		if (it[i]->patient) {
			CHECK_EQ(late_us[i], 0);
			CHECK(slab_next(&slab, &at) == it[i]);
			slab_put(&slab, it[i]);
		} else {
			CHECK(waited_us > IDLE_MS * MS && waited_us < IDLE_MS * MS * 9 / 8 + 4 * MS);
		}
	}
	CHECK(slab_next(&slab, &at) == NULL);
	CHECK_EQ(slab.n_active, 0);
	slab_no_timeout(&slab);
	free(own.items[1]);
	role_down();
}

/* --- the others ---------------------------------------------------------------------------------------------- */

/* 20,000 answers owed to one byte each. */
static void
test_serve_bound(void)
{
	static char text[20000];
	uint64_t before, segments;
	unsigned int i;

	role_up(&role_serve);
	segments = SERVER->w->stats[STAT_IN_SEGS];
	say(text, sizeof(text));
	segments = SERVER->w->stats[STAT_IN_SEGS] - segments;
	CHECK(ANSWERED > 0 && ANSWERED <= segments * VISIT_MBUFS);
	for (i = 0; i < 4000 && ANSWERED < sizeof(text); i++) {
		before = ANSWERED;
		stack.role->poll(&stack, TW_(SERVER), bed.now_us);
		CHECK(ANSWERED - before <= VISIT_MBUFS);
		run();
		advance_us(MS);
		answers("x");
	}
	CHECK_EQ(ANSWERED, sizeof(text));
	role_down();
}

/* More than a visit's buffers, then FIN: all of it is dealt with before the close. */
static void
to_the_end(const struct role *r)
{
	static char text[1 << 20];
	unsigned int i;
	size_t sent = 0;
	ssize_t n;

	role_up(r);
	for (i = 0; i < 4000 && role_sum(&stack, N_ANSWERED) < sizeof(text); i++) {
		n = sent < sizeof(text) ? tern_send(s->c, text + sent, sizeof(text) - sent, 0) : 0;
		sent += n > 0 ? n : 0;
		role_poll();
		advance_us(MS);
		if (i % 8 == 0)
			answers("x");
	}
	CHECK_EQ(role_sum(&stack, N_ANSWERED), sizeof(text));
	answers("x");
	sock_shutdown(s);
	role_poll();
	advance_us(SEC);
	CHECK(s->closed || tern_peer_closed(s->c));
	role_down();
}

static void
test_echo(void)
{
	to_the_end(&role_echo);
}

static void
test_discard(void)
{
	to_the_end(&role_discard);
}

/* No mbuf for an answer: no poll asks again, writable() comes when there is one. */
static void
starved(const struct role *r, const char *request, size_t len)
{
	static struct rte_mbuf *taken[2][16384];
	struct rte_mempool *mp[2];
	unsigned int n[2] = {0}, i;
	uint64_t before;

	role_up(r);
	mp[0] = SERVER->w->mbufs.pool;
	mp[1] = SERVER->w->mbufs.small;
	for (i = 0; i < 2; i++)
		while (rte_mempool_avail_count(mp[i]) > (i ? 0 : mp[i]->size / 10) && n[i] < RTE_DIM(taken[i]))
			taken[i][n[i]++] = rte_pktmbuf_alloc(mp[i]);
	advance_us(2 * MS);
	say(request, len);
	before = SERVER->w->stats[STAT_MBUF_EMPTY];
	CHECK(before > 0);
	for (i = 0; i < 100; i++)
		role_poll();
	CHECK_EQ(SERVER->w->stats[STAT_MBUF_EMPTY], before);
	CHECK_EQ(tern_recv_queued(s->c), 0);
	for (i = 0; i < 2; i++)
		rte_pktmbuf_free_bulk(taken[i], n[i]);
	advance_us(2 * SEC);
	CHECK(tern_recv_queued(s->c) > 0);
	role_down();
}

static void
test_http_starved(void)
{
	starved(&role_http, GET, strlen(GET));
}

static void
test_serve_starved(void)
{
	starved(&role_serve, "a", 1);
}

/* --- options ------------------------------------------------------------------------------------------------- */

/* What a role brings is the section of its name, and what it takes of others is there and not its own. */
static void
test_tables(void)
{
	const struct role *r;
	const struct opt *t;
	char names[512], *name, *save;
	unsigned int i, k;

	CU_ASSERT_FATAL(options_init() == 0);
	for (i = 0; i < n_roles; i++) {
		r = roles[i];
		for (k = 0; k < r->n_opts; k++)
			CHECK(strcmp(r->opts[k].section, r->name) == 0);
		CU_ASSERT_FATAL(snprintf(names, sizeof(names), "%s", r->takes ? r->takes : "") < (int)sizeof(names));
		for (name = strtok_r(names, " ", &save); name; name = strtok_r(NULL, " ", &save)) {
			t = option_find(name, strlen(name));
			check_at(t && strcmp(t->section, r->name), __FILE__, __LINE__, "%s takes %s", r->name, name);
		}
	}
	for (i = 0; (t = option_at(i)) != NULL; i++)
		CHECK(option_find(t->name, strlen(t->name)) == t); /* no name is there twice */
}

/* --- commands ------------------------------------------------------------------------------------------------- */

/* Who is there goes on, who comes is refused, until it listens again, as it did. */
static void
test_accepting(void)
{
	struct server *v;
	struct sock *second;
	uint32_t nodelay = 0;
	unsigned int k;

	role_up(&role_http);
	v = stack.state[tern_worker_index(TW_(SERVER))];
	for (k = 0; k < 2; k++) {
		CHECK_EQ(stack.role->accepting(&stack, TW_(SERVER), false), 0);
		CHECK_EQ(stack.role->accepting(&stack, TW_(SERVER), false), 0);
		CHECK(!v->l[0] && !v->l[1]);
		CU_ASSERT_FATAL(node_connect(80, 0, &second) == 0);
		run();
		CHECK(second->closed == 1 && second->err == -ECONNREFUSED);
		say(GET, strlen(GET));
		CHECK_EQ(answers("HTTP/1.1 200"), 1);
		CHECK_EQ(stack.role->accepting(&stack, TW_(SERVER), true), 0);
		CHECK_EQ(stack.role->accepting(&stack, TW_(SERVER), true), 0);
		CU_ASSERT_FATAL(v->l[bed.af == 6] != NULL);
		CHECK_EQ(tern_listen_getopt(v->l[bed.af == 6], TERN_OPT_NODELAY, &nodelay), 0);
		CHECK_EQ(nodelay, 1);
		CU_ASSERT_FATAL(node_connect(80, 0, &second) == 0);
		run();
		CHECK_EQ(second->connected, 1);
		sock_close(second);
		run();
	}
	stack.role->accepting(&stack, TW_(SERVER), false);
	options.backlog = -1; /* it cannot */
	CHECK_EQ(stack.role->accepting(&stack, TW_(SERVER), true), -EINVAL);
	CHECK(!v->l[0] && !v->l[1]);
	role_down();
}

int
main(int argc, char **argv)
{
	static CU_TestInfo tests[] = {
		{"requests in pieces", test_pieces},
		{"a long head byte by byte", test_long_head},
		{"half a request and FIN", test_half_request},
		{"a pipeline takes turns", test_pipeline},
		{"refused, and no end", test_refused},
		{"idle, and as good as idle", test_idle},
		{"late, each by itself", test_late},
		{"serve takes turns", test_serve_bound},
		{"http starved", test_http_starved},
		{"serve starved", test_serve_starved},
		{"echo to the end", test_echo},
		{"discard to the end", test_discard},
		{"tables of options", test_tables},
		{"stop and start", test_accepting},
		CU_TEST_INFO_NULL,
	};

	return harness_main(argc, argv, "role", tests);
}
