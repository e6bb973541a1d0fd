/* SPDX-License-Identifier: BSD-3-Clause */
/* What the client counted: times, failures by class, wrong responses by reason. Workers write numbers only; the words
 * come once, here. */
#include <errno.h>
#include <string.h>
#include <rte_common.h>
#include "client.h"
#include "search.h"

#define SUMMARY_MAX 512

/* For people, and for programs: those do not change. */
static const struct {
	const char *text, *name;
} failure_names[N_FAILURES] = {
	{"refused", "refused"},
	{"unreachable (no answer to ARP or NDP, or ICMP)", "unreachable"},
	{"connect timeout", "connect_timeout"},
	{"reset", "reset"},
	{"request timeout", "request_timeout"},
	{"bad response", "bad_response"},
	{"cut short", "cut_short"},
	{"other", "other"},
}, hist_names[N_HIST] = {
	{"connect", "connect"},
	{"whole", "whole"},
	{"first byte", "first_byte"},
	{"response", "response"},
	{"connect (as sent)", "connect_sent"},
	{"whole (as sent)", "whole_sent"},
	{"first byte (as sent)", "first_byte_sent"},
	{"response (as sent)", "response_sent"},
	{"TLS handshake", "tls"},
	{"close", "close"},
};

/* --- latency ------------------------------------------------------------------------------------------------- */

static void
merge(const struct stack *s, unsigned int which, struct hist *h)
{
	unsigned int i;

	memset(h, 0, sizeof(*h));
	for (i = 0; i < s->n_workers; i++)
		if (s->state[i])
			hist_merge(h, &((const struct client *)s->state[i])->hist[which]);
}

uint64_t
client_quantile(const struct stack *s, unsigned int which, double q)
{
	struct hist h;

	merge(s, which, &h);
	return hist_quantile(&h, q);
}

/* As they were sent: with a rate only, else it is the same. */
static bool
is_told(unsigned int which)
{
	if (which == HIST_TLS)
		return tls_conf.on;
	if (which == HIST_CLOSE)
		return plan.latency && requests.close_mode != CLOSE_RESET;
	if (which >= HIST_FIRST_SENT)
		return plan.hold;
	return plan.cps || which < HIST_CONNECT_SENT;
}

/* One line each; the response's is also part of the report that is always there. */
static void
report_latency(const struct stack *s)
{
	struct hist h;
	unsigned int i;

	for (i = 0; i < N_HIST; i++) {
		if (!is_told(i))
			continue;
		merge(s, i, &h);
		printf("client: %s latency: half within %lu us, 99 %% within %lu us, 99.9 %% within %lu us, all within "
		       "%lu us\n",
		       hist_names[i].text, hist_quantile(&h, 0.5), hist_quantile(&h, 0.99),
		       hist_quantile(&h, 0.999), h.max_us);
	}
}

/* --- who failed ---------------------------------------------------------------------------------------------- */

void
client_lost(struct client_conn *cc, unsigned int what)
{
	struct client *cl = cc->i.owner;
	const unsigned int k = what - N_REFUSED;
	struct lost *l = &cl->lost[k][cl->n_lost[k]++ % TALLY_LAST];
	struct tern_info info = {.remote = client_class(cc)->connect};

	if (cc->i.c)
		tern_conn_info(cc->i.c, &info, sizeof(info));
	*l = (struct lost){info.local, info.remote, cl->parking ? 0 : tern_now_us(cl->w) - cl->start_us};
}

/* The latest of a worker: among those of the workers before it. */
static void
add_lost(const struct client *cl, unsigned int k, struct tally *t)
{
	const unsigned int n = RTE_MIN(cl->n_lost[k], TALLY_LAST);
	unsigned int i, at, end;

	for (i = 0; i < n; i++) {
		const struct lost *l = &cl->lost[k][(cl->n_lost[k] - 1 - i) % TALLY_LAST]; /* back in time */

		for (at = 0; at < t->n_last[k] && t->last[k][at].at_us >= l->at_us; at++)
			;
		if (at == TALLY_LAST)
			continue;
		t->n_last[k] = RTE_MIN(t->n_last[k] + 1, TALLY_LAST);
		for (end = t->n_last[k] - 1; end > at; end--)
			t->last[k][end] = t->last[k][end - 1];
		t->last[k][at] = *l;
	}
}

/* Failures only: their classes with the latest of each. */
static void
tally_failures(const struct stack *s, struct tally *t)
{
	unsigned int i, k;

	t->n_failures = N_FAILURES;
	for (k = 0; k < N_FAILURES; k++) {
		t->failure_names[k] = failure_names[k].name;
		t->failure_texts[k] = failure_names[k].text;
		t->failures[k] = role_sum(s, N_REFUSED + k);
		for (i = 0; i < s->n_workers; i++)
			if (s->state[i])
				add_lost(s->state[i], k, t);
	}
}

/* What the first connection of the first worker that had one has agreed on, or NULL. */
static const struct tern_info *
first(const struct stack *s)
{
	const struct client *cl;
	unsigned int i;

	for (i = 0; i < s->n_workers; i++) {
		cl = s->state[i];
		if (cl && cl->first.mss)
			return &cl->first;
	}
	return NULL;
}

static void
report_agreed(const struct stack *s)
{
	const struct tern_info *f = first(s);

	if (f)
		printf("client: the first connection agreed on an MSS of %u%s%s%s%s\n", f->mss,
		       f->options & TERN_INFO_TIMESTAMPS ? ", timestamps" : "",
		       f->options & TERN_INFO_SACK ? ", SACK" : "",
		       f->options & TERN_INFO_WSCALE ? ", window scaling" : "",
		       f->options & TERN_INFO_ECN ? ", ECN" : "");
}

void
client_tally(const struct stack *s, struct tally *t)
{
	static const struct {
		unsigned int n;
		const char *name;
	} counts[] = {
		{N_OPENED, "opened"},     {N_CONNECTED, "connected"}, {N_DONE, "done"},
		{N_REQUESTS, "requests"}, {N_BYTES, "bytes"},         {N_CUT, "cut_off"},
		{N_CUT_CONNECTING, "cut_off_connecting"},             {N_REOPENED, "reopened"},
		{N_WAITED, "waited"},     {N_LATE, "late"},
		{N_REPLACED, "replaced"}, {N_LATE_REQUESTS, "late_requests"},
	};
	const struct tern_info *f = first(s);
	unsigned int i;

	t->n_counts = RTE_DIM(counts);
	for (i = 0; i < RTE_DIM(counts); i++) {
		t->count_names[i] = counts[i].name;
		t->counts[i] = role_sum(s, counts[i].n);
	}
	tally_failures(s, t);
	for (i = 0; i < N_HIST; i++) {
		if (!is_told(i))
			continue;
		t->time_names[t->n_times] = hist_names[i].name;
		merge(s, i, &t->times[t->n_times++]);
	}
	if (f) {
		t->agreed = f->options;
		t->mss = f->mss;
	}
	t->late = role_sum(s, N_LATE) * 1000 > role_sum(s, N_OPENED) ||
		  role_sum(s, N_LATE_REQUESTS) * 1000 > role_sum(s, N_REQUESTS);
	t->waited = role_sum(s, N_WAITED);
}

/* A line for each kind: who the latest were. */
static void
report_lost(const struct stack *s)
{
	static struct tally t;
	char local[TERN_ENDPOINT_LEN], remote[TERN_ENDPOINT_LEN];
	unsigned int i, k;

	memset(&t, 0, sizeof(t));
	tally_failures(s, &t);
	for (k = 0; k < N_FAILURES; k++) {
		if (!t.n_last[k])
			continue;
		printf("client: %s, the last:", failure_names[k].text);
		for (i = 0; i < t.n_last[k]; i++) {
			const struct lost *l = &t.last[k][i];

			printf("%s %s > %s at %.6f s", i ? "," : "",
			       l->local.af ? tern_endpoint_format(&l->local, local) : "-",
			       tern_endpoint_format(&l->remote, remote), l->at_us / 1e6);
		}
		putchar('\n');
	}
}

/* --- what was wrong ------------------------------------------------------------------------------------------ */

void
client_wrong(struct client *cl, const char *what)
{
	struct wrong *r = cl->wrong;

	if (!*what) /* a status, which is counted by itself */
		return;
	while (r->what && r->what != what && r < cl->wrong + WRONGS - 1)
		r++;
	r->what = what;
	r->n++;
}

/* "5 refused, 3 reset". */
static void
add_to(char *text, uint64_t n, const char *what)
{
	const size_t len = strlen(text);

	if (n)
		snprintf(text + len, SUMMARY_MAX - len, "%s%lu %s", len ? ", " : "", n, what);
}

/* The reasons of one worker that no worker before it has. */
static void
add_wrong(const struct stack *s, unsigned int worker, char *text)
{
	const struct client *of = s->state[worker];
	unsigned int i, k, r;
	uint64_t n;

	for (r = 0; r < WRONGS && of->wrong[r].what; r++) {
		bool told = false;

		for (n = 0, k = 0; k < s->n_workers; k++) {
			const struct client *cl = s->state[k];

			for (i = 0; cl && i < WRONGS; i++) {
				if (cl->wrong[i].what != of->wrong[r].what)
					continue;
				told |= k < worker;
				n += cl->wrong[i].n;
			}
		}
		add_to(text, told ? 0 : n, of->wrong[r].what);
	}
}

static void
report_wrong(const struct stack *s)
{
	char text[SUMMARY_MAX] = "", what[32];
	unsigned int i, k;
	uint64_t n;

	for (i = 0; i < STATUS_MAX; i++) {
		for (n = 0, k = 0; k < s->n_workers; k++)
			n += s->state[k] ? ((struct client *)s->state[k])->status[i] : 0;
		snprintf(what, sizeof(what), "of status %u", i);
		add_to(text, n, what);
	}
	for (k = 0; k < s->n_workers; k++)
		if (s->state[k])
			add_wrong(s, k, text);
	if (*text)
		printf("client: bad responses: %s\n", text);
}

/* --- classes of a mix ---------------------------------------------------------------------------------------- */

bool
client_tally_class(const struct stack *s, unsigned int i, const char **name, struct tally *t)
{
	static const struct {
		unsigned int n;
		const char *name;
	} counts[] = {
		{N_OPENED, "opened"},     {N_DONE, "done"},           {N_REQUESTS, "requests"},
		{N_CUT, "cut_off"},       {N_CUT_CONNECTING, "cut_off_connecting"},     {N_REOPENED, "reopened"},
	};
	const struct class_run *of;
	unsigned int w, k;

	if (!plan.mix || i >= mix.n)
		return false;
	*name = mix.of[i].name;
	memset(t, 0, sizeof(*t));
	t->n_counts = RTE_DIM(counts);
	t->n_failures = N_FAILURES;
	t->n_times = 1;
	t->time_names[0] = hist_names[HIST_RESPONSE].name;
	for (k = 0; k < RTE_DIM(counts); k++)
		t->count_names[k] = counts[k].name;
	for (k = 0; k < N_FAILURES; k++) {
		t->failure_names[k] = failure_names[k].name;
		t->failure_texts[k] = failure_names[k].text;
	}
	for (w = 0; w < s->n_workers; w++) {
		if (!s->state[w])
			continue;
		of = &((const struct client *)s->state[w])->of[i];
		for (k = 0; k < RTE_DIM(counts); k++)
			t->counts[k] += of->n[counts[k].n];
		for (k = 0; k < N_FAILURES; k++)
			t->failures[k] += of->n[N_REFUSED + k];
		hist_merge(&t->times[0], &of->response);
	}
	return true;
}

static void
report_classes(const struct stack *s)
{
	enum { OPENED, DONE, REQUESTS, CUT, CUT_CONNECTING };
	static struct tally t;
	const char *name;
	unsigned int i, k;
	uint64_t failed;

	for (i = 0; client_tally_class(s, i, &name, &t); i++) {
		char classes[SUMMARY_MAX] = "";

		for (failed = 0, k = 0; k < N_FAILURES; k++) {
			failed += t.failures[k];
			add_to(classes, t.failures[k], t.failure_texts[k]);
		}
		printf("client: [%s]: %lu connections opened, %lu done, %lu cut off at the end, %lu failed%s%s", name,
		       t.counts[OPENED], t.counts[DONE], t.counts[CUT] + t.counts[CUT_CONNECTING], failed,
		       failed ? ": " : "", classes);
		if (t.counts[REQUESTS])
			printf("; %lu responses, half within %lu us, 99 %% within %lu us, all within %lu us",
			       t.counts[REQUESTS], hist_quantile(&t.times[0], 0.5), hist_quantile(&t.times[0], 0.99),
			       t.times[0].max_us);
		putchar('\n');
	}
}

/* --- the report ---------------------------------------------------------------------------------------------- */

/* The class that has no way to its server. */
static const char *
lost_class(const struct stack *s)
{
	static char name[MIX_NAME_MAX + 2];
	unsigned int i;

	for (i = 0; i < s->n_workers; i++) {
		const struct client *cl = s->state[i];

		if (cl && cl->hopeless)
			snprintf(name, sizeof(name), "[%s]", mix.of[cl->hopeless_class].name);
	}
	return name;
}

/* One line on stderr when anything failed or nothing was answered. @return what failed. */
static uint64_t
verdict(const struct stack *s, uint64_t failed, const char *classes)
{
	const uint64_t connecting = role_sum(s, N_CUT_CONNECTING), opened = role_sum(s, N_OPENED);
	bool hopeless = false;
	unsigned int i;

	for (i = 0; i < s->n_workers; i++)
		hopeless |= s->state[i] && ((struct client *)s->state[i])->hopeless;
	if (hopeless && plan.park && role_sum(s, N_PARKED) < plan.park)
		complain("client: only %lu of %u connections could be parked%s%s", role_sum(s, N_PARKED), plan.park,
			 *classes ? ": " : ": ports or objects were used up", classes);
	else if (hopeless && plan.hold && role_sum(s, N_HELD) < plan.hold)
		complain("client: %u connections could not be opened to be held%s%s", plan.hold,
			 *classes ? ": " : ": ports or objects were used up", classes);
	else if (hopeless)
		complain("client: no interface or gateway leads to the server of %s, or it is no server's address",
			 plan.mix ? lost_class(s) : "--connect");
	else if (role_sum(s, N_REQUESTS) || role_sum(s, N_BYTES) || (plan.mix && role_sum(s, N_DONE))) {
		if (failed)
			complain("client: %lu of %lu connections failed: %s", failed, opened, classes);
		return failed;
	} else if (failed) {
		complain("client: nothing was answered: %lu connections failed: %s", failed, classes);
	} else if (connecting) {
		complain("client: nothing was answered: at the end %lu connections still waited for the answer to "
			 "their SYN",
			 connecting);
	} else {
		complain("client: nothing was answered: %lu connections were opened and cut off at the end", opened);
	}
	return failed + 1;
}

uint64_t
client_report(const struct stack *s)
{
	char classes[SUMMARY_MAX] = "";
	uint64_t failed = 0, n;
	struct hist h;
	unsigned int i;

	for (i = N_REFUSED; i <= N_OTHER; i++) {
		failed += role_sum(s, i);
		add_to(classes, role_sum(s, i), failure_names[i - N_REFUSED].text);
	}
	printf("client: %lu connections opened, %lu established, %lu done, %lu cut off at the end, %lu failed%s%s\n",
	       role_sum(s, N_OPENED), role_sum(s, N_CONNECTED), role_sum(s, N_DONE),
	       role_sum(s, N_CUT) + role_sum(s, N_CUT_CONNECTING), failed, failed ? ": " : "", classes);
	n = role_sum(s, N_REQUESTS);
	printf("client: %lu responses, %lu bytes checked", n, role_sum(s, N_BYTES));
	merge(s, HIST_RESPONSE, &h);
	if (n)
		printf("; request to response: half within %lu us, 99 %% within %lu us, all within %lu us",
		       hist_quantile(&h, 0.5), hist_quantile(&h, 0.99), h.max_us);
	putchar('\n');
	report_agreed(s);
	report_classes(s);
	if (plan.latency)
		report_latency(s);
	tls_report(false);
	report_wrong(s);
	report_lost(s);
	n = role_sum(s, N_REOPENED);
	if (n)
		printf("client: the server ended %lu kept connections between two requests: opened again\n", n);
	if (plan.hold)
		printf("client: %lu connections were held, %lu ended and were replaced\n", role_sum(s, N_HELD),
		       role_sum(s, N_REPLACED));
	n = role_sum(s, N_LATE_REQUESTS);
	if (n)
		printf("client: %lu requests were sent more than %u us late: --hold, answers or this worker did not "
		       "keep up\n",
		       n, LATE_US);
	n = role_sum(s, N_LATE);
	if (n)
		printf("client: %lu connections were opened more than %u us late: --concurrency, ports or this worker "
		       "did not keep up with --cps\n",
		       n, LATE_US);
	n = role_sum(s, N_WAITED);
	if (n)
		printf("client: waited %lu times: local ports or objects were used up\n", n);
	failed = search.what == SEARCH_NONE ? verdict(s, failed, classes) : search_report();
	if (s->shared && fclose(s->shared)) {
		complain("--output %s: %s", plan.output, strerror(errno));
		failed++;
	}
	return failed;
}
