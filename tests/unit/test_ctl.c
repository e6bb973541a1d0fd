/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Commands of a running program: ss's filters, tables as text and as JSON, and that a walk over a worker's connections
 * is made of small pieces.
 */
#include <arpa/inet.h>
#include "harness.h"
#include "ctl.h"

/* --- filters ------------------------------------------------------------------------------------------------- */

static struct tern_info info;

static void
info_set(const char *local, const char *remote, uint8_t state)
{
	memset(&info, 0, sizeof(info));
	CU_ASSERT_EQUAL_FATAL(tern_endpoint_parse(local, &info.local), 0);
	CU_ASSERT_EQUAL_FATAL(tern_endpoint_parse(remote, &info.remote), 0);
	info.state = state;
}

/* Does the filter have the connection? */
static void
match(const char *text, bool want)
{
	struct filter f;
	char why[200] = "";

	if (!check_at(filter_parse(&f, text, why, sizeof(why)) == 0, __FILE__, __LINE__, "'%s': %s", text, why))
		return;
	check_at(filter_match(&f, &info) == want, __FILE__, __LINE__, "'%s' is %d", text, !want);
}

/* Of the connection below. */
static const char *const matching[] = {"",
				       "sport = :80",
				       "sport :80",
				       "sport=:80",
				       "sport 80",
				       "sport == 80",
				       "dport > :40000",
				       "dport le 50000",
				       "sport != 81",
				       "src 192.0.2.1",
				       "src 192.0.2.0/24",
				       "src = 192.0.2.1:80",
				       "dst 192.0.2.2:50000",
				       "dst 192.0.0.0/16:50000",
				       "dst *:50000",
				       "dst :50000",
				       "dst 0.0.0.0/0",
				       "src != 192.0.2.2",
				       "dst 192.0.2.2/31",
				       "not dport 1",
				       "! dport 1",
				       "( sport 80 )",
				       "(sport 80 or sport 81) and not dst 10.0.0.0/8",
				       "sport 1 or dport 50000",
				       "sport 80 dport 50000",
				       "sport 80 && dport 50000",
				       "sport 1 | sport 80",
				       "sport 1 and sport 2 or sport 80",
				       "sport 80 or sport 1 and sport 2",
				       "retrans > 2",
				       "retrans = 3",
				       "srtt_us >= 250 and srtt_us < 251",
				       "send_rate = 5000000000",
				       "state established",
				       "state all sport 80",
				       "state connected",
				       "state synchronized",
				       "state big",
				       "state closing state established",
				       "exclude time-wait",
				       "! ! sport 80",
				       "mss = 1460",
				       "backoff = 1"};
static const char *const others[] = {"sport = :81",
				     "dport < :50000",
				     "src 192.0.2.2",
				     "src 198.51.100.0/24",
				     "dst 192.0.2.2:80",
				     "src ::/0",
				     "src [::1]:80",
				     "not sport 80",
				     "sport 80 and dport 1",
				     "sport 1 or sport 2",
				     "retrans > 3",
				     "state time-wait",
				     "state syn-sent sport 80",
				     "exclude established",
				     "state bucket",
				     "dst 192.0.2.0/31",
				     "(sport 80 or sport 81) and dst 10.0.0.0/8",
				     "state all exclude established"};

static void
test_match(void)
{
	unsigned int i;

	info_set("192.0.2.1:80", "192.0.2.2:50000", TERN_ESTABLISHED);
	info.retrans = 3;
	info.srtt_us = 250;
	info.send_rate = 5000000000;
	info.mss = 1460;
	info.backoff = 1;
	for (i = 0; i < RTE_DIM(matching); i++)
		match(matching[i], true);
	for (i = 0; i < RTE_DIM(others); i++)
		match(others[i], false);
	info_set("[2001:db8::1]:80", "[2001:db8::2]:50000", TERN_CLOSE_WAIT);
	match("src 2001:db8::1", true);
	match("src [2001:db8::1]:80", true);
	match("src [2001:db8::1]", true);
	match("dst 2001:db8::/32", true);
	match("dst 2001:db8::/126", true);
	match("dst [2001:db8::2]:81", false);
	match("src 0.0.0.0/0", false);
	match("state close-wait", true);
}

/* Without a word the states are ss's: no half-open requests, no TIME-WAITs. */
static void
test_states(void)
{
	static const struct {
		uint8_t state;
		bool plain, all, connected, bucket;
		const char *name;
	} rows[] = {{TERN_ESTABLISHED, true, true, true, false, "ESTAB"},
		    {TERN_SYN_SENT, true, true, true, false, "SYN-SENT"},
		    {TERN_SYN_RECEIVED, false, true, true, true, "SYN-RECV"},
		    {TERN_FIN_WAIT_1, true, true, true, false, "FIN-WAIT-1"},
		    {TERN_FIN_WAIT_2, true, true, true, false, "FIN-WAIT-2"},
		    {TERN_TIME_WAIT, false, true, true, true, "TIME-WAIT"},
		    {TERN_CLOSED, false, true, false, false, "UNCONN"},
		    {TERN_CLOSE_WAIT, true, true, true, false, "CLOSE-WAIT"},
		    {TERN_LAST_ACK, true, true, true, false, "LAST-ACK"},
		    {TERN_CLOSING, true, true, true, false, "CLOSING"}};
	unsigned int i;

	for (i = 0; i < RTE_DIM(rows); i++) {
		info_set("192.0.2.1:80", "192.0.2.2:50000", rows[i].state);
		match("", rows[i].plain);
		match("sport 80", rows[i].plain);
		match("state all", rows[i].all);
		match("state connected", rows[i].connected);
		match("state bucket", rows[i].bucket);
		CHECK_EQ(strcmp(filter_state_name(rows[i].state), rows[i].name), 0);
	}
	CHECK_EQ(strcmp(filter_state_name(77), "?"), 0);
}

/* Each is refused with a line that has the words. */
static void
test_bad_filters(void)
{
	static const char *const bad[][2] = {
		{"state up", "'up' is no state"},
		{"state", "is no state"},
		{"state listening", "show listeners"},
		{"sport", "sport: '' is no port"},
		{"sport = x", "'x' is no port"},
		{"sport 65536", "no port"},
		{"sport = : 80", "no port"},
		{"sport -1", "no port"},
		{"dport = 80x", "no port"},
		{"src", "no address"},
		{"src 192.0.2", "no address"},
		{"src 192.0.2.1/33", "no address"},
		{"src 192.0.2.1/", "no address"},
		{"src ::1/129", "no address"},
		{"src [::1", "no address"},
		{"src :x", "no address"},
		{"src */8", "no address"},
		{"src > 192.0.2.1", "equal or not"},
		{"color = 1", "'color' is no word"},
		{"sport 80 and", "missing at the end"},
		{"sport 80 or", "missing at the end"},
		{"not", "missing at the end"},
		{"(sport 80", "a ) is missing"},
		{"sport 80)", "')' is too much"},
		{"()", "')' is no word"},
		{"sport 80 state established", "belongs to the front"},
		{"retrans", "compares nothing"},
		{"retrans 5", "compares nothing"},
		{"retrans > x", "no number"},
		{"retrans > -1", "no number"},
		{"retrans > 99999999999999999999999", "no number"},
		{"retrans <> 1", "compares nothing"},
		{"!!!!!!!!", "'!!!!!!!!' is no word"},
		{"((((((((((((((((((sport 80))))))))))))))))))", "brackets in each other"},
		{"! ! ! ! ! ! ! ! ! ! ! ! ! ! ! ! ! ! ! ! sport 80", "brackets in each other"},
	};
	char many[2000] = "sport 1", why[200];
	struct filter f;
	unsigned int i;

	for (i = 0; i < RTE_DIM(bad); i++) {
		*why = 0;
		check_at(filter_parse(&f, bad[i][0], why, sizeof(why)) == -EINVAL && strstr(why, bad[i][1]), __FILE__,
			 __LINE__, "'%s': %s", bad[i][0], why);
	}
	for (i = 0; i < 60; i++)
		strcat(many, " or sport 2");
	CHECK(filter_parse(&f, many, why, sizeof(why)) == -EINVAL && strstr(why, "terms"));
	memset(many, 'x', 200);
	many[200] = 0;
	CHECK(filter_parse(&f, many, why, sizeof(why)) == -EINVAL && strstr(why, "too long"));
}

/* Words in any order: taken or refused with a line, and what is taken can be asked of any connection. */
static void
test_any_filter(void)
{
	static const char *const words[] = {"state",
					    "exclude",
					    "established",
					    "all",
					    "src",
					    "dst",
					    "sport",
					    "dport",
					    "and",
					    "or",
					    "not",
					    "(",
					    ")",
					    "!",
					    "=",
					    "!=",
					    "<",
					    ">=",
					    ":80",
					    "80",
					    "192.0.2.1",
					    "192.0.2.0/24:80",
					    "[2001:db8::1]:80",
					    "2001:db8::/0",
					    "*",
					    ":",
					    "[",
					    "]",
					    "retrans",
					    "send_rate",
					    "/",
					    "-1",
					    "&&",
					    "|",
					    "x"};
	unsigned int round, taken = 0, n;
	char line[400], why[200];
	struct filter f;

	info_set("192.0.2.1:80", "192.0.2.2:50000", TERN_ESTABLISHED);
	for (round = 0; round < 200000; round++) {
		*line = 0;
		for (n = harness_rand() % 10; n; n--) {
			strcat(line, words[harness_rand() % RTE_DIM(words)]);
			strcat(line, harness_rand() % 4 ? " " : "");
		}
		*why = 0;
		if (filter_parse(&f, line, why, sizeof(why)) == 0) {
			taken++;
			filter_match(&f, &info);
		} else if (!*why || strchr(why, '\n')) {
			check_at(false, __FILE__, __LINE__, "'%s': '%s'", line, why);
		}
	}
	CHECK(taken > 1000);
}

/* --- tables -------------------------------------------------------------------------------------------------- */

static char *text;
static size_t size;
static struct out o;

static void
out_begin(enum out_form form)
{
	out_init(&o, open_memstream(&text, &size), form);
}

static void
out_is(const char *want)
{
	CHECK_EQ(out_end(&o), 0);
	fclose(o.f);
	check_at(strcmp(text, want) == 0, __FILE__, __LINE__, "got:\n%swanted:\n%s", text, want);
	free(text);
}

static void
two_tables(void)
{
	static const struct column cols[] = {{"name", "Name"}, {"n", "Number", true}, {"x", "X"}};
	static const struct column other[] = {{"a", "A", true}};

	out_value(&o, "since_s", json_real(1.25));
	out_table(&o, "first", cols, 3);
	out_row(&o, json_pack("{s:s,s:i,s:b,s:i}", "name", "a", "n", 123456789, "x", 1, "hidden", 5));
	out_row(&o, json_pack("{s:s,s:i,s:f}", "name", "longer name", "n", -1, "x", 0.25));
	out_row(&o, json_pack("{s:s,s:n}", "name", "\"\\\n", "n"));
	out_table(&o, "second", other, 1);
}

static void
test_text(void)
{
	out_begin(OUT_TEXT);
	two_tables();
	out_is("since_s: 1.2\n\n"
	       "Name            Number  X\n"
	       "a            123456789  yes\n"
	       "longer name         -1  0.2\n"
	       "\"\\\n                  -  -\n"
	       "\nA\n");
	out_begin(OUT_TEXT);
	out_is("");
}

static void
test_json(void)
{
	out_begin(OUT_JSON);
	two_tables();
	out_is("{\"since_s\":1.25,\n\"first\":[\n"
	       "{\"name\":\"a\",\"n\":123456789,\"x\":true,\"hidden\":5},\n"
	       "{\"name\":\"longer name\",\"n\":-1,\"x\":0.25},\n"
	       "{\"name\":\"\\\"\\\\\\n\",\"n\":null}\n],\n"
	       "\"second\":[]}\n");
	out_begin(OUT_JSON);
	out_is("{}\n");
}

static void
count_row(void *arg, json_t *row)
{
	*(unsigned int *)arg += json_object_size(row);
}

/* More rows than are held; to a function, those of the first table. */
static void
test_rows(void)
{
	static const struct column cols[] = {{"i", "I", true}};
	unsigned int i, n = 0, lines = 0;

	out_begin(OUT_TEXT);
	out_table(&o, "t", cols, 1);
	for (i = 0; i < 3 * OUT_HELD + 1; i++)
		out_row(&o, json_pack("{s:i}", "i", (int)i));
	CHECK_EQ(out_end(&o), 0);
	fclose(o.f);
	for (char *p = text; *p; p++)
		lines += *p == '\n';
	CHECK_EQ(lines, 3 * OUT_HELD + 2);
	CHECK(strstr(text, "\n  0\n") && strstr(text, "\n768\n"));
	free(text);
	out_init(&o, NULL, OUT_ROWS);
	o.row = count_row;
	o.arg = &n;
	out_table(&o, "t", cols, 1);
	out_row(&o, json_pack("{s:i}", "i", 1));
	out_table(&o, "u", cols, 1);
	out_row(&o, json_pack("{s:i}", "i", 1));
	CHECK_EQ(out_end(&o), 0);
	CHECK_EQ(n, 1);
	out_row(&o, NULL); /* no memory */
	CHECK(out_end(&o) != 0);
}

/* --- walking ------------------------------------------------------------------------------------------------- */

#define N_CONNS 3000u

/* However many there are: no call looks at more than a piece, each is told once, and only those that match are kept. */
static void
test_walk(void)
{
	struct walk *k = calloc(1, sizeof(*k));
	unsigned int i, calls = 0, found = 0, full = 0;
	uint32_t before;
	bool more;
	char why[200];

	bed.conf.max_conns = 8192;
	bed.conf.max_requests = 8192;
	bed.conf.tcp.max_syn_backlog = bed.conf.tcp.somaxconn = 4096;
	bed_start();
	CU_ASSERT_EQUAL_FATAL(node_listen(&bed.n[0], SRV_PORT, 4096, &bed.n[0].l[0]), 0);
	for (i = 0; i < N_CONNS; i++) {
		peer_new(10000 + i);
		tx(SYN, 0, 0, 0);
		rx_flush();
	}
	CHECK_EQ(filter_parse(&k->filter, "state syn-recv", why, sizeof(why)), 0);
	for (; !k->over && calls < 100000; calls++) {
		before = k->n;
		more = walk_piece(W, k);
		CHECK(k->n - before <= WALK_PIECE && k->n <= WALK_ROOM);
		if (more)
			continue;
		full += !k->over;
		found += k->n;
		k->n = 0;
	}
	CHECK_EQ(found, N_CONNS);
	CHECK(full > 1 && calls > N_CONNS / WALK_PIECE);
	CHECK_EQ(k->cursor, 0);
	memset(k, 0, sizeof(*k));
	CHECK_EQ(filter_parse(&k->filter, "state all dport 10007", why, sizeof(why)), 0);
	for (calls = 0; walk_piece(W, k); calls++) /* with nothing to give out, the asker is not woken */
		CHECK(k->n <= 1);
	CHECK(k->over && k->n == 1 && calls > 10);
	CHECK_EQ(ntohs(k->i[0].remote.port), 10007);
	free(k);
}

/* What a row says is what is known of the connection. */
static void
test_row(void)
{
	struct sock *s = fx_established();
	struct tern_info i;
	char peer_text[TERN_ENDPOINT_LEN];
	json_t *row;

	tx(ACK | PSH, 1, 1, 100);
	sock_send(s, 10);
	run();
	rx_flush();
	tern_conn_info(s->c, &i, sizeof(i));
	row = conn_row(&i, 3);
	CU_ASSERT_PTR_NOT_NULL_FATAL(row);
	CHECK_EQ(strcmp(json_string_value(json_object_get(row, "state")), "ESTAB"), 0);
	CHECK_EQ(json_integer_value(json_object_get(row, "recv_q")), 100);
	CHECK_EQ(json_integer_value(json_object_get(row, "send_q")), 10);
	CHECK_EQ(json_integer_value(json_object_get(row, "worker")), 3);
	CHECK_EQ(json_integer_value(json_object_get(row, "cwnd")), i.cwnd);
	CHECK_EQ(json_integer_value(json_object_get(row, "bytes_received")), 100);
	CHECK(json_is_null(json_object_get(row, "ssthresh")));
	CHECK_EQ(strcmp(json_string_value(json_object_get(row, "timer")), tern_wait_name(i.timer)), 0);
	CHECK_EQ(strcmp(json_string_value(json_object_get(row, "peer")), tern_endpoint_format(&i.remote, peer_text)),
		 0);
	CHECK_EQ(strcmp(json_string_value(json_object_get(row, "cc")), "cubic"), 0);
	json_decref(row);
}

/* --- commands ------------------------------------------------------------------------------------------------ */

/* What is no command says one line that helps, and nothing else. */
static void
test_bad_commands(void)
{
	static const char *const bad[][2] = {
		{"", "help lists them"},
		{"shwo conns", "help lists them"},
		{"show", "show what? conns, listeners, drops"},
		{"show port", "show what?"},
		{"show connx", "show what?"},
		{"showconns", "help lists them"},
		{"clear", "clear what? stats"},
		{"quit now", "'now' is too much"},
		{"show port info", "needs ID|all"},
		{"set", "set: needs"},
		{"set log", "needs LEVEL"},
		{"show workers", "no stack is running"},
	};
	char why[256];
	unsigned int i;

	for (i = 0; i < RTE_DIM(bad); i++) {
		out_begin(OUT_TEXT);
		*why = 0;
		check_at(ctl_do(bad[i][0], &o, why, sizeof(why)) == -EINVAL && strstr(why, bad[i][1]), __FILE__,
			 __LINE__, "'%s': %s", bad[i][0], why);
		fclose(o.f);
		CHECK_EQ(size, 0);
		free(text);
	}
}

static CU_TestInfo tests[] = {
	{"filter: what matches", test_match},
	{"filter: states", test_states},
	{"filter: refused", test_bad_filters},
	{"filter: anything", test_any_filter},
	{"table: text", test_text},
	{"table: JSON", test_json},
	{"table: many rows", test_rows},
	{"walk: in pieces", test_walk},
	{"walk: a row", test_row},
	{"commands: refused", test_bad_commands},
	CU_TEST_INFO_NULL,
};

int
main(int argc, char **argv)
{
	return harness_main(argc, argv, "ctl", tests);
}
