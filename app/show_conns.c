/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Connections, as ss shows them. A worker looks at WALK_LINES lines of its table in a poll, keeps those that match, and
 * goes on in the next one until it has a bunch of them or is through; then the asker writes them out, and asks for
 * more. So a walk over a million connections costs no poll more than one over a few hundred, and what it found is never
 * in memory as a whole.
 */
#include <errno.h>
#include <string.h>
#include "ctl.h"
#include "filter.h"

static void
tell(const struct tern_info *i, struct tern_conn *conn, void *arg)
{
	struct walk *k = arg;

	if (filter_match(&k->filter, i))
		k->i[k->n++] = *i;
}

bool
walk_piece(struct tern_worker *w, void *arg)
{
	struct walk *k = arg;

	k->over = !tern_conn_walk(w, &k->cursor, WALK_LINES, tell, k);
	return !k->over && k->n + WALK_PIECE <= WALK_ROOM;
}

/* --- a row --------------------------------------------------------------------------------------------------- */

json_t *
conn_row(const struct tern_info *i, unsigned int worker)
{
	static const char *const kinds[] = {"connection", "half-open", "time-wait"};
	char local[TERN_ENDPOINT_LEN], peer[TERN_ENDPOINT_LEN];
	json_t *row = json_pack("{s:s,s:I,s:I,s:s,s:s,s:i,s:s,s:s}", "state", filter_state_name(i->state), "recv_q",
				(json_int_t)i->unread, "send_q", (json_int_t)i->unsent + i->unacked, "local",
				tern_endpoint_format(&i->local, local), "peer", tern_endpoint_format(&i->remote, peer),
				"worker", (int)worker, "kind", i->kind < RTE_DIM(kinds) ? kinds[i->kind] : "?", "timer",
				tern_wait_name(i->timer));
	unsigned int k;

	for (k = 0; k < n_info_fields; k++) {
		const uint64_t n = info_number(i, &info_fields[k]);

		json_object_set_new(row, info_fields[k].name,
				    n == UINT32_MAX ? json_null() : json_integer(n)); /* none yet */
	}
	json_object_set_new(row, "timestamps", json_boolean(i->options & TERN_INFO_TIMESTAMPS));
	json_object_set_new(row, "sack", json_boolean(i->options & TERN_INFO_SACK));
	json_object_set_new(row, "wscale", json_boolean(i->options & TERN_INFO_WSCALE));
	json_object_set_new(row, "ecn", json_boolean(i->options & TERN_INFO_ECN));
	json_object_set_new(row, "orphan", json_boolean(i->orphan));
	json_object_set_new(row, "reordered", json_boolean(i->reordered));
	json_object_set_new(row, "cc", i->cc ? json_string(i->cc) : json_null());
	json_object_set_new(row, "soft_error", i->soft_err ? json_string(strerror(-i->soft_err)) : json_null());
	return row;
}

static json_int_t
number(const json_t *row, const char *key)
{
	return json_integer_value(json_object_get(row, key));
}

static bool
yes(const json_t *row, const char *key)
{
	return json_is_true(json_object_get(row, key));
}

static void
print(FILE *f, const json_t *row, const char *as, const char *key)
{
	const json_int_t n = number(row, key);

	if (n)
		fprintf(f, " %s:%" JSON_INTEGER_FORMAT, as, n);
}

static void
print_timer(FILE *f, const json_t *row)
{
	const char *timer = json_string_value(json_object_get(row, "timer"));

	if (timer && strcmp(timer, "none"))
		fprintf(f, " timer:(%s,%" JSON_INTEGER_FORMAT "ms,%" JSON_INTEGER_FORMAT ")", timer,
			number(row, "timer_ms"), number(row, "retries"));
}

/* What ss -ti says below a connection, in its words; bytes where ss counts segments. */
static void
details(const json_t *row, FILE *f)
{
	static const char *const flags[][2] = {{"ts", "timestamps"}, {"sack", "sack"}, {"ecn", "ecn"}};
	static const char *const counts[][2] = {{"mss", "mss"},
						{"rcvmss", "rcv_mss"},
						{"cwnd", "cwnd"},
						{"ssthresh", "ssthresh"},
						{"bytes_sent", "bytes_sent"},
						{"bytes_acked", "bytes_acked"},
						{"bytes_received", "bytes_received"},
						{"segs_out", "segs_out"},
						{"segs_in", "segs_in"},
						{"retrans", "retrans"},
						{"in_flight", "in_flight"},
						{"lost", "lost"},
						{"sacked", "sacked"},
						{"out_of_order", "out_of_order"},
						{"backoff", "backoff"},
						{"unacked_ms", "unacked_ms"},
						{"snd_wnd", "snd_wnd"},
						{"rcv_wnd", "rcv_wnd"},
						{"snd_buf", "snd_buf"},
						{"rcv_buf", "rcv_buf"},
						{"age_ms", "established_ms"},
						{"lastrcv", "last_data_ms"}};
	const char *cc = json_string_value(json_object_get(row, "cc"));
	unsigned int i;

	fputc('\t', f);
	fputs(cc ? cc : "-", f);
	for (i = 0; i < RTE_DIM(flags); i++)
		if (yes(row, flags[i][1]))
			fprintf(f, " %s", flags[i][0]);
	if (yes(row, "wscale"))
		fprintf(f, " wscale:%" JSON_INTEGER_FORMAT ",%" JSON_INTEGER_FORMAT, number(row, "snd_wscale"),
			number(row, "rcv_wscale"));
	if (number(row, "rto_us"))
		fprintf(f, " rto:%.3g", number(row, "rto_us") / 1e3);
	if (number(row, "srtt_us"))
		fprintf(f, " rtt:%.3f/%.3f", number(row, "srtt_us") / 1e3, number(row, "rttvar_us") / 1e3);
	if (number(row, "min_rtt_us"))
		fprintf(f, " minrtt:%.3f", number(row, "min_rtt_us") / 1e3);
	for (i = 0; i < RTE_DIM(counts); i++)
		print(f, row, counts[i][0], counts[i][1]);
	print_timer(f, row);
	if (yes(row, "orphan"))
		fputs(" orphan", f);
	fputc('\n', f);
}

/* --- the command --------------------------------------------------------------------------------------------- */

/* All of one worker that match. */
static int
walk(struct ctl *c, unsigned int k, unsigned int w, const struct filter *f)
{
	struct ask *a = ask_new(sizeof(struct walk));
	struct walk *at = a ? a->arg : NULL;
	const char *stack = c->run->stacks[k].name;
	unsigned int i;
	int rc = at ? 0 : -ENOMEM;

	if (at)
		at->filter = *f;
	while (!rc && !at->over && !out_broken(c->out)) {
		at->n = 0;
		rc = ask(&c->run->stacks[k], w, walk_piece, a);
		for (i = 0; !rc && i < at->n; i++) {
			json_t *row = conn_row(&at->i[i], w);

			if (stack)
				json_object_set_new(row, "stack", json_string(stack));
			out_row(c->out, row);
		}
	}
	if (rc != -ETIMEDOUT)
		ask_free(a);
	if (rc)
		ctl_wrong(c, "show conns: worker %u: %s", w, ask_error(rc));
	return rc;
}

int
show_conns(struct ctl *c)
{
	static const struct column cols[] = {{"state", "State"},
					     {"recv_q", "Recv-Q", true},
					     {"send_q", "Send-Q", true},
					     {"local", "Local Address:Port"},
					     {"peer", "Peer Address:Port"},
					     {"worker", "Worker", true},
					     {"stack", "Stack"}};
	const char *args = c->args;
	const bool more = strncmp(args, "-i", 2) == 0 && (!args[2] || args[2] == ' ');
	struct filter f;
	char why[200];
	unsigned int k, w;
	int rc = filter_parse(&f, more ? args + 2 : args, why, sizeof(why));

	if (rc)
		return ctl_wrong(c, "show conns: %s", why);
	out_table(c->out, "conns", cols, RTE_DIM(cols) - !c->run->stacks[0].name);
	c->out->more = more ? details : NULL;
	for (k = 0; k < c->run->n; k++)
		for (w = 0; w < c->run->stacks[k].n_workers && !rc; w++)
			rc = walk(c, k, w, &f);
	return rc;
}
