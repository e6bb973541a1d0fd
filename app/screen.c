/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See screen.h. A line for the time that is over and one for each side, drawn over those before: no more than ANSI's
 * "up" and "clear the line", so it stays in a terminal's history.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/ioctl.h>
#include "capture.h"
#include "sample.h"
#include "screen.h"

#define STACKS_MAX 2u
#define EVERY_S 0.5
#define BAR 32u
#define WIDTH_MAX 256u

static struct {
	const struct stack *st;
	struct sample last[STACKS_MAX], now;
	unsigned int n;
	double next_s;
} screen;
static unsigned int drawn; /* lines */

static unsigned int
width(void)
{
	struct winsize w;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) || w.ws_col < 20)
		return 80;
	return w.ws_col < WIDTH_MAX ? w.ws_col : WIDTH_MAX;
}

void
screen_top(void)
{
	if (drawn)
		printf("\033[%uA\033[J", drawn);
	drawn = 0;
}

/* One that wraps would be two, and the next "up" one too few. */
void
screen_line(const char *line)
{
	printf("\r\033[K%.*s\n", (int)width() - 1, line);
	drawn++;
}

static void
put_progress(double at_s)
{
	const struct options *o = screen.st->o;
	char bar[BAR + 1], line[WIDTH_MAX];
	const double part = o->duration_s ? at_s / o->duration_s : 0;
	const unsigned int done = part >= 1 ? BAR : (unsigned int)(part * BAR);

	if (!o->duration_s) {
		snprintf(line, sizeof(line), "%.0f s", at_s);
	} else {
		memset(bar, '#', done);
		memset(bar + done, '.', BAR - done);
		bar[BAR] = 0;
		snprintf(line, sizeof(line), "%.0f s of %u [%s] %.0f %%", at_s, o->duration_s, bar,
			 part >= 1 ? 100 : 100 * part);
	}
	screen_line(line);
}

static size_t
add_us(char *line, size_t at, const char *name, uint64_t us)
{
	const char *unit = us < 10000 ? "us" : us < 10000000 ? "ms" : "s";
	const double v = us < 10000 ? us : us < 10000000 ? us / 1e3 : us / 1e6;

	return at + snprintf(line + at, WIDTH_MAX - at, " %s %.4g %s", name, v, unit);
}

/* Percentiles of the answers that came since the last drawing. */
static size_t
add_times(char *line, size_t at, const struct tally *now, const struct tally *before)
{
	struct hist h;
	unsigned int i;

	for (i = 0; i < now->n_times && strcmp(now->time_names[i], "response"); i++)
		;
	if (i == now->n_times)
		return at;
	hist_since(&h, &now->times[i], &before->times[i]);
	if (!hist_count(&h))
		return at;
	at = add_us(line, at, "p50", hist_quantile(&h, 0.5));
	at = add_us(line, at, "p99", hist_quantile(&h, 0.99));
	return add_us(line, at, "max", h.max_us);
}

static void
put_side(const struct stack *s, struct sample *last, double at_s)
{
	struct sample *now = &screen.now;
	char line[WIDTH_MAX];
	uint64_t n;
	size_t at;

	sample_take(s, at_s, now);
	n = now->n[S_ESTABLISHED] - last->n[S_ESTABLISHED];
	at = snprintf(line, sizeof(line), "%s %.0f conns/s", sample_side(s), sample_rate(now, last, n));
	if (sample_count(now, last, "requests", &n))
		at += snprintf(line + at, sizeof(line) - at, " %.0f requests/s", sample_rate(now, last, n));
	at += snprintf(line + at, sizeof(line) - at, " open %u busy %.0f %% failed %lu", now->all.conns,
		       100 * sample_busy(now, last, -1), sample_failed(now, NULL));
	if (now->n[S_DROPPED])
		at += snprintf(line + at, sizeof(line) - at, " dropped %lu", now->n[S_DROPPED]);
	add_times(line, at, &now->t, &last->t);
	screen_line(line);
	*last = *now;
}

static void
draw(double at_s)
{
	unsigned int i;

	screen_top();
	put_progress(at_s);
	for (i = 0; i < screen.n; i++)
		put_side(&screen.st[i], &screen.last[i], at_s);
	fflush(stdout);
}

bool
screen_begin(const struct stack *st, unsigned int n)
{
	const char *term = getenv("TERM");
	unsigned int i;

	if (!st->o->stats_s || st->o->trace || !isatty(STDOUT_FILENO) || !term || strcmp(term, "dumb") == 0)
		return false;
	screen.st = st;
	screen.n = n < STACKS_MAX ? n : STACKS_MAX;
	for (i = 0; i < screen.n; i++)
		sample_take(&st[i], 0, &screen.last[i]);
	screen.next_s = EVERY_S;
	return true;
}

void
screen_tick(double at_s)
{
	if (!screen.st || at_s < screen.next_s)
		return;
	if (capture_traces()) { /* its lines are not drawn over */
		drawn = 0;
		return;
	}
	screen.next_s = at_s + EVERY_S;
	draw(at_s);
}

void
screen_end(double at_s)
{
	if (screen.st && at_s > screen.last[0].at_s)
		draw(at_s);
	screen.st = NULL;
}
