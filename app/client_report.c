/* SPDX-License-Identifier: BSD-3-Clause */
/* What the client counted: times, failures by class, wrong responses by reason. Workers write numbers only; the words
 * come once, here. */
#include <errno.h>
#include <string.h>
#include <rte_common.h>
#include "client.h"

#define SUMMARY_MAX 512

static const char *const failure_names[] = {
	"refused",       "unreachable (no answer to ARP or NDP, or ICMP)",
	"connect timeout", "reset",
	"request timeout", "bad response",
	"cut short",     "other",
};
static const char *const hist_names[] = {"connect", "whole", "response", "connect (as sent)", "whole (as sent)"};

/* --- latency ------------------------------------------------------------------------------------------------- */

void
client_latency(struct client *cl, unsigned int which, uint64_t us)
{
	struct hist *h = &cl->hist[which];
	/* shift 0 covers two rows: 0 .. 2^(HIST_BITS + 1) are exact */
	const unsigned int shift = (us >> (HIST_BITS + 1)) ? 63 - HIST_BITS - __builtin_clzll(us) : 0;

	h->max_us = RTE_MAX(h->max_us, us);
	h->n[RTE_MIN((shift << HIST_BITS) + (us >> shift), HIST_SIZE - 1)]++;
}

uint64_t
client_quantile(const struct stack *s, unsigned int which, double q)
{
	uint64_t all = 0, seen = 0;
	unsigned int i, k;

	for (k = 0; k < s->n_workers; k++)
		for (i = 0; s->state[k] && i < HIST_SIZE; i++)
			all += ((struct client *)s->state[k])->hist[which].n[i];
	for (i = 0; i < HIST_SIZE; i++) {
		for (k = 0; k < s->n_workers; k++)
			seen += s->state[k] ? ((struct client *)s->state[k])->hist[which].n[i] : 0;
		if (seen && seen >= all * q)
			break;
	}
	if (i < 2u << HIST_BITS)
		return i;
	k = (i >> HIST_BITS) - 1;
	return (uint64_t)(i - (k << HIST_BITS)) << k;
}

static uint64_t
longest(const struct stack *s, unsigned int which)
{
	uint64_t max = 0;
	unsigned int i;

	for (i = 0; i < s->n_workers; i++)
		max = RTE_MAX(max, s->state[i] ? ((struct client *)s->state[i])->hist[which].max_us : 0);
	return max;
}

/* One line each; the response's is also part of the report that is always there. As they were sent: with a rate only,
 * else it is the same. */
static void
report_latency(const struct stack *s)
{
	const unsigned int n = plan.cps ? N_HIST : HIST_CONNECT_SENT;
	unsigned int i;

	for (i = 0; i < n; i++)
		printf("client: %s latency: half within %lu us, 99 %% within %lu us, 99.9 %% within %lu us, all within "
		       "%lu us\n",
		       hist_names[i], client_quantile(s, i, 0.5), client_quantile(s, i, 0.99),
		       client_quantile(s, i, 0.999), longest(s, i));
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

/* --- the report ---------------------------------------------------------------------------------------------- */

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
	else if (hopeless)
		complain("client: no interface or gateway leads to the server of --connect, or it is no server's "
			 "address");
	else if (role_sum(s, N_REQUESTS) || role_sum(s, N_BYTES)) {
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
	unsigned int i;

	for (i = N_REFUSED; i <= N_OTHER; i++) {
		failed += role_sum(s, i);
		add_to(classes, role_sum(s, i), failure_names[i - N_REFUSED]);
	}
	printf("client: %lu connections opened, %lu established, %lu done, %lu cut off at the end, %lu failed%s%s\n",
	       role_sum(s, N_OPENED), role_sum(s, N_CONNECTED), role_sum(s, N_DONE),
	       role_sum(s, N_CUT) + role_sum(s, N_CUT_CONNECTING), failed, failed ? ": " : "", classes);
	n = role_sum(s, N_REQUESTS);
	printf("client: %lu responses, %lu bytes checked", n, role_sum(s, N_BYTES));
	if (n)
		printf("; request to response: half within %lu us, 99 %% within %lu us, all within %lu us",
		       client_quantile(s, HIST_RESPONSE, 0.5), client_quantile(s, HIST_RESPONSE, 0.99),
		       longest(s, HIST_RESPONSE));
	putchar('\n');
	if (plan.latency)
		report_latency(s);
	report_wrong(s);
	n = role_sum(s, N_REOPENED);
	if (n)
		printf("client: the server ended %lu kept connections between two requests: opened again\n", n);
	n = role_sum(s, N_LATE);
	if (n)
		printf("client: %lu connections were opened more than %u us late: --concurrency, ports or this worker "
		       "did not keep up with --cps\n",
		       n, LATE_US);
	n = role_sum(s, N_WAITED);
	if (n)
		printf("client: waited %lu times: local ports or objects were used up\n", n);
	failed = verdict(s, failed, classes);
	if (s->shared && fclose(s->shared)) {
		complain("--output %s: %s", plan.output, strerror(errno));
		failed++;
	}
	return failed;
}
