/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See ctl.h. Commands are looked up by their words, in one table. Whoever asks, prompt, socket or telemetry, has the
 * lock meanwhile. Prompt and socket are served by a thread of their own, not by the one that ends the run in time: a
 * walk over a million connections, or a reader who does not read, keeps only those who ask waiting.
 */
#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <rte_lcore.h>
#include "ctl.h"
#include "option.h"

#define FDS_MAX 16u

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* a command runs, or the stacks go */
static const struct run *open_run;                       /* NULL: no stack is there to be asked */
static pthread_t thread;
static bool has_thread;
static int wake = -1; /* the thread is to end */

/* --- the table ----------------------------------------------------------------------------------------------- */

static int help(struct ctl *c);

static int
quit(struct ctl *c)
{
	ctl_quit(false);
	return 0;
}

static int
drain(struct ctl *c)
{
	ctl_quit(true);
	return 0;
}

#define FILTER "[-i] [state STATE]... [FILTER]"
#define PORT "ID|all"
const struct command commands[] = {
	{"help", "[WORD]", "the commands, or those with this word", false, help},
	{"show conns", FILTER, "connections, as ss -tn shows them, -i: all that is known; filters are ss's", false,
	 show_conns},
	{"show listeners", NULL, "queues against their limits, cookies; what was refused", false, show_listeners},
	{"show drops", "[all]", "dropped packets by reason since clear stats; all: those that are 0, too", false,
	 show_drops},
	{"show workers", NULL, "busy share, cycles, packets of a poll, hand-over, of each worker", false, show_workers},
	{"show memory", NULL, "every pool: in use of how many", false, show_memory},
	{"show stats", "[PATTERN]", "counters since clear stats, as nstat; a pattern shows those that are 0, too",
	 false, show_stats},
	{"show role", NULL, "what the role counts since the start: requests, answers, failures", false, show_role},
	{"show timers", NULL, "what is due next of connections, half-open requests, TIME-WAITs: how many, and when",
	 false, show_timers},
	{"show neigh", NULL, "the neighbour caches, as ip neigh: state, and when it was confirmed", false, show_neigh},
	{"show routes", NULL, "subnets and gateways, as ip route", false, show_routes},
	{"show capture", NULL, "the file that capture writes, how much is there, what was lost", false, show_capture},
	{"show port info", PORT, "devices", true, show_port_info},
	{"show port stats", PORT, "what a device counts", true, show_port_stats},
	{"show port xstats", PORT, "all that a device counts", true, show_port_xstats},
	{"show port rss", PORT, "what a device hashes, by which key, and which queue gets how much", true,
	 show_port_rss},
	{"clear stats", NULL, "counters are shown from here on", false, clear_stats},
	{"clear port stats", PORT, "a device counts from 0", true, clear_port_stats},
	{"clear port xstats", PORT, "likewise", true, clear_port_xstats},
	{"set log", "LEVEL", "what is logged: emergency, alert, critical, error, warning, notice, info, debug", true,
	 set_log},
	{"set", "NAME N", "change a number while it runs: cps, concurrency of a client", true, set_knob},
	{"capture stop", NULL, "the file is complete", false, capture_stop},
	{"capture", "FILE [FILTER]", "write packets there, for tshark, those that tcpdump's filter takes", true,
	 capture_to},
	{"trace on", "[FILTER]", "print packets and changes of state, as --trace does", false, trace_on},
	{"trace off", NULL, "and no more", false, trace_off},
	{"stop accepting", NULL, "a server listens no more, a client opens no more; what is open goes on", false,
	 set_not_accepting},
	{"start accepting", NULL, "and takes it up again", false, set_accepting},
	{"stop", NULL, "the same as stop accepting", false, set_not_accepting},
	{"start", NULL, "the same as start accepting", false, set_accepting},
	{"drain", NULL, "finish what is open, then leave: as at the end of --duration", false, drain},
	{"quit", NULL, "leave: as after SIGINT", false, quit},
};
const unsigned int n_commands = RTE_DIM(commands);

/* The rest of the line behind these words, or NULL. */
static const char *
behind(const char *line, const char *words)
{
	for (;;) {
		const size_t n = strcspn(words, " ");

		line += strspn(line, " \t");
		if (strncmp(line, words, n) || (line[n] && !isspace((unsigned char)line[n])))
			return NULL;
		line += n;
		if (!words[n])
			return line + strspn(line, " \t");
		words += n + 1;
	}
}

static const struct command *
find(const char *line, const char **args)
{
	unsigned int i;

	for (i = 0; i < n_commands; i++) { /* longer ones stand before those they begin with */
		*args = behind(line, commands[i].words);
		if (*args)
			return &commands[i];
	}
	return NULL;
}

/* No command: what could have been meant. */
static int
unknown(struct ctl *c, const char *line)
{
	char first[32], list[160] = "";
	size_t len;
	unsigned int i;

	snprintf(first, sizeof(first), "%.*s", (int)strcspn(line, " \t"), line);
	len = strlen(first);
	for (i = 0; i < n_commands && *first; i++)
		if (strncmp(commands[i].words, first, len) == 0 && commands[i].words[len] == ' ')
			snprintf(list + strlen(list), sizeof(list) - strlen(list), "%s%s", *list ? ", " : "",
				 commands[i].words + len + 1);
	if (*list)
		return ctl_wrong(c, "'%.64s' is no command: %s what? %s", line, first, list);
	return ctl_wrong(c, "'%.64s' is no command: help lists them", line);
}

static int
help(struct ctl *c)
{
	static const struct column cols[] = {{"command", "Command"}, {"help", "What it does"}};
	char left[80];
	unsigned int i;

	out_table(c->out, "commands", cols, RTE_DIM(cols));
	for (i = 0; i < n_commands; i++) {
		const struct command *k = &commands[i];

		snprintf(left, sizeof(left), "%s%s%s", k->words, k->args ? " " : "", k->args ? k->args : "");
		if (strstr(left, c->args) || strstr(k->help, c->args))
			out_row(c->out, json_pack("{s:s,s:s}", "command", left, "help", k->help));
	}
	return 0;
}

/* --- running one --------------------------------------------------------------------------------------------- */

int
ctl_wrong(struct ctl *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(c->why, sizeof(c->why), fmt, ap);
	va_end(ap);
	return -EINVAL;
}

int
ctl_worker(struct ctl *c, const char *what, unsigned int k, unsigned int w, ask_fn fn, void *arg, size_t size)
{
	const int rc = ask_copy(&c->run->stacks[k], w, fn, arg, size);

	if (rc)
		ctl_wrong(c, "%s: worker %u: %s", what, w, ask_error(rc));
	return rc;
}

void
ctl_port_name(const struct stack *s, unsigned int ifidx, char dev[RTE_ETH_NAME_MAX_LEN])
{
	if (rte_eth_dev_get_name_by_port(s->o->conf.ifs[ifidx].port_id, dev))
		snprintf(dev, RTE_ETH_NAME_MAX_LEN, "if%u", ifidx);
}

static int
run_command(struct ctl *c, const char *line)
{
	const struct command *k = find(line, &c->args);
	int rc;

	if (!k)
		return unknown(c, line);
	if (k->needs && !*c->args)
		return ctl_wrong(c, "%s: needs %s", k->words, k->args);
	if (!k->args && *c->args)
		return ctl_wrong(c, "%s: '%.64s' is too much", k->words, c->args);
	if (!c->run)
		return ctl_wrong(c, "%s: no stack is running", k->words);
	rc = k->fn(c);
	if (rc && !c->out->tables && !c->out->n_values)
		return rc;
	if (out_end(c->out) && !rc)
		rc = ctl_wrong(c, "%s: not all of it could be written", k->words);
	return rc;
}

int
ctl_do(const char *line, struct out *o, char *why, size_t size)
{
	struct ctl c = {.out = o};
	char text[CTL_LINE_MAX];
	size_t n;
	int rc;

	snprintf(text, sizeof(text), "%s", line + strspn(line, " \t\r\n"));
	for (n = strlen(text); n && isspace((unsigned char)text[n - 1]); n--)
		text[n - 1] = 0;
	pthread_mutex_lock(&lock);
	c.run = open_run;
	rc = run_command(&c, text);
	pthread_mutex_unlock(&lock);
	snprintf(why, size, "%s", c.why);
	return rc;
}

/* --- the thread ---------------------------------------------------------------------------------------------- */

static void *
serve(void *arg)
{
	struct pollfd p[FDS_MAX];
	bool prompt = options.interactive;
	unsigned int n, first;

	for (;;) {
		p[0] = (struct pollfd){.fd = wake, .events = POLLIN};
		p[1] = (struct pollfd){.fd = prompt ? STDIN_FILENO : -1, .events = POLLIN};
		first = 2;
		n = first + serve_fds(p + first, FDS_MAX - first);
		if (poll(p, n, -1) < 0 && errno != EINTR)
			break;
		if (p[0].revents)
			break;
		if (p[1].revents)
			prompt = prompt_turn();
		serve_turn(p + first, n - first);
	}
	return NULL;
}

int
ctl_open(const struct run *r)
{
	int rc;

	show_init(r);
	pthread_mutex_lock(&lock);
	open_run = r;
	pthread_mutex_unlock(&lock);
	telemetry_open();
	if (!options.ctl && !options.interactive)
		return 0;
	rc = options.ctl ? serve_open(options.ctl) : 0;
	if (rc)
		return rc;
	if (options.interactive && prompt_open())
		return -EINVAL;
	wake = eventfd(0, EFD_CLOEXEC);
	if (wake < 0)
		return complain("eventfd: %s", strerror(errno));
	rc = rte_ctrl_thread_create(&thread, "tern-cmd", NULL, serve, NULL);
	if (rc)
		return complain("commands' thread: %s", strerror(-rc));
	has_thread = true;
	return 0;
}

void
ctl_close(void)
{
	const uint64_t one = 1;

	if (has_thread && write(wake, &one, sizeof(one)) == sizeof(one))
		pthread_join(thread, NULL);
	has_thread = false;
	if (wake >= 0)
		close(wake);
	wake = -1;
	pthread_mutex_lock(&lock); /* telemetry's thread may be in a command */
	open_run = NULL;
	pthread_mutex_unlock(&lock);
	show_fini();
	prompt_close();
	serve_close();
}

void
ctl_quit(bool drain)
{
	if (open_run)
		run_end(drain);
}
