/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tern top [-i SECONDS] [-n COUNT] [PATH]: what a running tern does, drawn anew each second on a terminal, else a
 * line a time. It asks the same commands as `tern ctl` and shows the differences; nothing is added to the process that
 * it looks at.
 */
#include <errno.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>
#include "ctl.h"
#include "options.h"
#include "screen.h"

#define FAILED 2
#define LINE_MAX_ 512u
#define BAR 24u
#define FULL 50 /* percent of a pool from which on it is shown */
#define DROPS_SHOWN 8u

static const char usage[] =
	"tern top: what a running tern does\n\n"
	"  tern top [-i SECONDS] [-n COUNT] [PATH]\n\n"
	"It runs with --ctl PATH, or --ctl auto, which is found without PATH. On a terminal q leaves;\n"
	"elsewhere it is a line each SECONDS [1]. COUNT: so many times, then it ends.\n";

/* All that was said at one time. */
struct seen {
	double at_s;
	json_t *stats, *workers, *pools, *role;
};

static const char *path;
static volatile sig_atomic_t asked_to_leave;

/* --- asking -------------------------------------------------------------------------------------------------- */

static double
now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

/* The table `key` of what "show `what`" says. @return NULL after a line. */
static json_t *
show(const char *what, const char *key)
{
	char line[64], *said = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&said, &n);
	json_t *all = NULL, *table;
	int rc;

	if (!f) {
		complain("top: no memory");
		return NULL;
	}
	snprintf(line, sizeof(line), "json show %s\n", what);
	rc = ctl_ask(path, line, f);
	if (fclose(f) == 0 && !rc)
		all = json_loadb(said, n, 0, NULL);
	table = json_incref(json_object_get(all, key));
	json_decref(all);
	free(said);
	if (!rc && !table)
		complain("top: it does not understand 'show %s': is it of this version?", what);
	return table;
}

static void
forget(struct seen *s)
{
	json_decref(s->stats);
	json_decref(s->workers);
	json_decref(s->pools);
	json_decref(s->role);
	*s = (struct seen){0};
}

static int
look(struct seen *s)
{
	s->at_s = now_s();
	s->stats = show("stats *", "counters");
	s->workers = s->stats ? show("workers", "workers") : NULL;
	s->pools = s->workers ? show("memory", "pools") : NULL;
	s->role = s->pools ? show("role", "counts") : NULL;
	return s->role ? 0 : -EINVAL;
}

/* --- numbers ------------------------------------------------------------------------------------------------- */

static double
number(const json_t *row, const char *key)
{
	return json_number_value(json_object_get(row, key));
}

static const char *
text(const json_t *row, const char *key)
{
	const char *s = json_string_value(json_object_get(row, key));

	return s ? s : "";
}

/* Of all rows whose name is this; of all, for NULL. */
static double
sum(const json_t *rows, const char *name, const char *key)
{
	double v = 0;
	const json_t *row;
	size_t i;

	json_array_foreach(rows, i, row) if (!name || strcmp(text(row, "name"), name) == 0) v += number(row, key);
	return v;
}

static bool
has(const json_t *rows, const char *name)
{
	const json_t *row;
	size_t i;

	json_array_foreach(rows, i, row) if (strcmp(text(row, "name"), name) == 0) return true;
	return false;
}

/* A second; 0 where it was counted anew meanwhile. */
static double
rate(const struct seen *now, const struct seen *before, const json_t *rows, const json_t *old, const char *name)
{
	const double more = sum(rows, name, "value") - sum(old, name, "value"), s = now->at_s - before->at_s;

	return more > 0 && s > 0 ? more / s : 0;
}

static double
counter_rate(const struct seen *now, const struct seen *before, const char *name)
{
	return rate(now, before, now->stats, before->stats, name);
}

/* Busy since then, in percent, of row i; of all for i < 0. */
static double
busy(const struct seen *now, const struct seen *before, int i)
{
	double b, t;

	if (i < 0) {
		b = sum(now->workers, NULL, "busy_cycles") - sum(before->workers, NULL, "busy_cycles");
		t = sum(now->workers, NULL, "total_cycles") - sum(before->workers, NULL, "total_cycles");
	} else {
		const json_t *n = json_array_get(now->workers, i), *o = json_array_get(before->workers, i);

		b = number(n, "busy_cycles") - number(o, "busy_cycles");
		t = number(n, "total_cycles") - number(o, "total_cycles");
	}
	return t > 0 ? 100 * b / t : 0;
}

/* --- saying -------------------------------------------------------------------------------------------------- */

static size_t
rates(char *line, const struct seen *now, const struct seen *before)
{
	size_t n = snprintf(line, LINE_MAX_, "conns/s %.0f rx/s %.0f tx/s %.0f",
			    counter_rate(now, before, "TcpExtTernEstablished"), counter_rate(now, before, "RxPackets"),
			    counter_rate(now, before, "TxPackets"));

	if (has(now->role, "requests"))
		n += snprintf(line + n, LINE_MAX_ - n, " requests/s %.0f",
			      rate(now, before, now->role, before->role, "requests"));
	n += snprintf(line + n, LINE_MAX_ - n, " retransmitted/s %.0f", counter_rate(now, before, "TcpRetransSegs"));
	return n;
}

static size_t
gauges(char *line, const struct seen *now, const struct seen *before)
{
	return snprintf(line, LINE_MAX_, "open %.0f half-open %.0f time-wait %.0f accept %.0f busy %.0f %%",
			sum(now->workers, NULL, "conns"), sum(now->workers, NULL, "half_open"),
			sum(now->workers, NULL, "time_waits"), sum(now->workers, NULL, "accept_queued"),
			busy(now, before, -1));
}

static double
drops(const struct seen *now, const struct seen *before, char *list, size_t size)
{
	double all = 0, one;
	const json_t *row;
	size_t i, n = 0;

	*list = 0;
	json_array_foreach(now->stats, i, row)
	{
		if (strncmp(text(row, "name"), "Drop", 4))
			continue;
		one = counter_rate(now, before, text(row, "name"));
		all += one;
		if (one > 0 && n < size)
			n += snprintf(list + n, size - n, " %s %.0f", text(row, "name"), ceil(one));
	}
	return all;
}

static void
draw_workers(const struct seen *now, const struct seen *before)
{
	char line[LINE_MAX_], bar[BAR + 1];
	const json_t *row;
	size_t i;

	json_array_foreach(now->workers, i, row)
	{
		const double b = busy(now, before, (int)i);
		const unsigned int done = b >= 100 ? BAR : (unsigned int)(b / 100 * BAR);

		memset(bar, '#', done);
		memset(bar + done, '.', BAR - done);
		bar[BAR] = 0;
		snprintf(line, sizeof(line), "worker %.0f lcore %.0f [%s] busy %.0f %% conns %.0f time-wait %.0f %s",
			 number(row, "worker"), number(row, "lcore"), bar, b, number(row, "conns"),
			 number(row, "time_waits"), text(row, "stack"));
		screen_line(line);
	}
}

static void
draw_drops(const struct seen *now, const struct seen *before)
{
	char line[LINE_MAX_];
	unsigned int shown = 0;
	const json_t *row;
	size_t i;

	json_array_foreach(now->stats, i, row)
	{
		const double one =
			strncmp(text(row, "name"), "Drop", 4) ? 0 : counter_rate(now, before, text(row, "name"));

		if (one <= 0 || shown++ == DROPS_SHOWN)
			continue;
		snprintf(line, sizeof(line), "dropped/s %.0f %s: %s", ceil(one), text(row, "name"), text(row, "help"));
		screen_line(line);
	}
}

static void
draw_pools(const struct seen *now)
{
	char line[LINE_MAX_];
	const json_t *row;
	size_t i;

	json_array_foreach(now->pools, i, row)
	{
		if (number(row, "percent") < FULL)
			continue;
		snprintf(line, sizeof(line), "memory %s %.0f %% of %.0f, worker %.0f %s", text(row, "pool"),
			 number(row, "percent"), number(row, "max"), number(row, "worker"), text(row, "stack"));
		screen_line(line);
	}
}

static void
draw(const struct seen *now, const struct seen *before, double at_s)
{
	char line[LINE_MAX_], body[LINE_MAX_];

	screen_top();
	rates(body, now, before);
	snprintf(line, sizeof(line), "%.0f s %.480s", at_s, body);
	screen_line(line);
	gauges(line, now, before);
	screen_line(line);
	draw_workers(now, before);
	draw_drops(now, before);
	draw_pools(now);
	fflush(stdout);
}

static void
print(const struct seen *now, const struct seen *before, double at_s)
{
	char a[LINE_MAX_], b[LINE_MAX_], list[LINE_MAX_];
	const double dropped = drops(now, before, list, sizeof(list));

	rates(a, now, before);
	gauges(b, now, before);
	printf("%.0f s: %s | %s | dropped/s %.0f%s\n", at_s, a, b, ceil(dropped), list);
	fflush(stdout);
}

/* --- the terminal -------------------------------------------------------------------------------------------- */

static struct termios as_it_was;
static bool raw;

static void
on_signal(int sig)
{
	asked_to_leave = 1;
}

static void
terminal(void)
{
	struct termios t;
	const struct sigaction sa = {.sa_handler = on_signal};

	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &as_it_was))
		return;
	t = as_it_was;
	t.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	raw = tcsetattr(STDIN_FILENO, TCSANOW, &t) == 0;
}

/* @return false: leave. */
static bool
wait_until(double at_s)
{
	struct pollfd p = {.fd = raw ? STDIN_FILENO : -1, .events = POLLIN};
	char key;
	double left;

	while (!asked_to_leave && (left = at_s - now_s()) > 0) {
		if (poll(&p, 1, (int)ceil(1000 * left)) <= 0)
			continue;
		if (read(STDIN_FILENO, &key, 1) != 1)
			p.fd = -1; /* nobody types any more */
		else if (key == 'q' || key == 'Q')
			return false;
	}
	return !asked_to_leave;
}

/* --- the program --------------------------------------------------------------------------------------------- */

static int
number_of(const char *option, const char *s, double low, double high, double *v)
{
	char *end;

	if (!s)
		return complain("top: %s needs a value", option);
	*v = strtod(s, &end);
	if (end == s || *end || !(*v >= low && *v <= high))
		return complain("top: %s: '%.32s' is no number of %g to %g", option, s, low, high);
	return 0;
}

static int
watch(double every_s, double count)
{
	const bool drawn = isatty(STDOUT_FILENO);
	struct seen before = {0}, now = {0};
	const double began_s = now_s();
	double due_s = began_s, i;
	int rc = look(&before);

	for (i = 0; !rc && i < count; i++) {
		due_s = fmax(due_s + every_s, now_s());
		if (!wait_until(due_s))
			break;
		rc = look(&now);
		if (!rc)
			(drawn ? draw : print)(&now, &before, now.at_s - began_s);
		forget(&before);
		before = now;
		now = (struct seen){0};
	}
	forget(&before);
	return rc;
}

int
top(int argc, char **argv)
{
	double every_s = 1, count = INFINITY;
	int i, rc = 0;

	for (i = 2; i < argc && !rc; i++) {
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
			return fputs(usage, stdout) < 0 ? FAILED : 0;
		if (strcmp(argv[i], "-i") == 0)
			rc = number_of("-i", i + 1 < argc ? argv[++i] : NULL, 0.1, 3600, &every_s);
		else if (strcmp(argv[i], "-n") == 0)
			rc = number_of("-n", i + 1 < argc ? argv[++i] : NULL, 1, 1e9, &count);
		else if (*argv[i] == '-')
			rc = complain("top: '%.64s' is not an option: tern top --help", argv[i]);
		else if (path)
			rc = complain("top: '%.64s' is too much: one PATH", argv[i]);
		else
			path = argv[i];
	}
	if (rc)
		return FAILED;
	terminal();
	rc = watch(every_s, count);
	if (raw)
		tcsetattr(STDIN_FILENO, TCSANOW, &as_it_was);
	return rc ? FAILED : 0;
}
