/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A chart as SVG. Every line has its points twice: in pixels, and in data-xy as they are, for whoever reads the page
 * with a program.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "page.h"

#define WIDTH 860.0
#define HEIGHT 260.0
#define LEFT 70.0
#define RIGHT 12.0
#define TOP 10.0
#define BOTTOM 24.0

struct axis {
	enum scale scale;
	double lo, hi; /* as place() has them */
	double from, to; /* pixels */
};

void
page_text(FILE *f, const char *s)
{
	for (; s && *s; s++) {
		switch (*s) {
		case '<':
			fputs("&lt;", f);
			break;
		case '>':
			fputs("&gt;", f);
			break;
		case '&':
			fputs("&amp;", f);
			break;
		case '"':
			fputs("&quot;", f);
			break;
		default:
			fputc(*s, f);
		}
	}
}

const char *
page_colour(unsigned int i)
{
	static const char *const colours[] = {"#0b6fb8", "#d1495b", "#2e8b57", "#b8860b",
					      "#7b4fa3", "#008b8b", "#c2571a", "#555555"};

	return colours[i % (sizeof(colours) / sizeof(*colours))];
}

/* --- points -------------------------------------------------------------------------------------------------- */

void
chart_begin(struct chart *c, const char *title, enum scale x, enum scale y, bool us)
{
	memset(c, 0, sizeof(*c));
	c->title = title;
	c->x = x;
	c->y = y;
	c->us = us;
}

struct series *
chart_series(struct chart *c, unsigned int colour, unsigned int dash)
{
	struct series *s = c->n < PAGE_SERIES ? &c->s[c->n++] : NULL;

	if (s) {
		s->colour = colour;
		s->dash = dash;
	}
	return s;
}

bool
series_add(struct series *s, double x, double y)
{
	const unsigned int room = s->room ? 2 * s->room : 64;
	double *p;

	if (s->n == s->room) {
		p = realloc(s->x, room * sizeof(*p));
		if (!p)
			return false;
		s->x = p;
		p = realloc(s->y, room * sizeof(*p));
		if (!p)
			return false;
		s->y = p;
		s->room = room;
	}
	s->x[s->n] = x;
	s->y[s->n++] = y;
	return true;
}

/* --- drawing ------------------------------------------------------------------------------------------------- */

/* Where a value lies, in the units of the axis. */
static double
place(enum scale scale, double v)
{
	if (scale == LOG)
		return log10(v < 1 ? 1 : v);
	if (scale == NINES)
		return -log10(v > 1 - 1e-9 ? 1e-9 : 1 - v);
	return v;
}

static double
pixel(const struct axis *a, double at)
{
	return a->from + (at - a->lo) / (a->hi - a->lo) * (a->to - a->from);
}

static void
span(const struct chart *c, bool is_x, struct axis *a)
{
	unsigned int i, k;
	double v;

	a->lo = 0;
	a->hi = 0;
	for (i = 0; i < c->n; i++) {
		for (k = 0; k < c->s[i].n; k++) {
			v = place(a->scale, is_x ? c->s[i].x[k] : c->s[i].y[k]);
			a->hi = v > a->hi ? v : a->hi;
		}
	}
	if (a->scale == LOG)
		a->hi = ceil(a->hi);
	if (a->hi <= a->lo)
		a->hi = a->lo + 1;
	if (a->scale == LINEAR && !is_x)
		a->hi *= 1.05;
}

/* Between two lines of the grid: 1, 2 or 5 times a power of ten. */
static double
step(const struct axis *a)
{
	const double rough = (a->hi - a->lo) / 6, ten = pow(10, floor(log10(rough))), m = rough / ten;

	if (a->scale != LINEAR)
		return 1;
	return ten * (m <= 1 ? 1 : m <= 2 ? 2 : m <= 5 ? 5 : 10);
}

/* Of the grid, without the first. */
static unsigned int
lines(const struct axis *a)
{
	return (unsigned int)((a->hi - a->lo) / step(a) + 1e-9);
}

static void
name_value(char *buf, size_t size, const struct axis *a, double at, bool us)
{
	double v = a->scale == LINEAR ? at : pow(10, at);

	if (a->scale == NINES)
		snprintf(buf, size, "%.10g %%", at == 0 ? 0 : 100 - 100 / v);
	else if (us)
		snprintf(buf, size, "%g %s", v >= 1e6 ? v / 1e6 : v >= 1e3 ? v / 1e3 : v,
			 v >= 1e6 ? "s" : v >= 1e3 ? "ms" : "us");
	else if (v >= 1e4)
		snprintf(buf, size, "%g%s", v >= 1e6 ? v / 1e6 : v / 1e3, v >= 1e6 ? "M" : "k");
	else
		snprintf(buf, size, "%g", v);
}

static void
grid(FILE *f, const struct axis *x, const struct axis *y, bool us)
{
	char buf[40];
	unsigned int i;
	double at, p;

	for (i = 0; i <= lines(y); i++) {
		at = y->lo + i * step(y);
		p = pixel(y, at);
		name_value(buf, sizeof(buf), y, at, us);
		fprintf(f, "<path class=\"grid\" d=\"M%g %.1fH%g\"/>", LEFT, p, WIDTH - RIGHT);
		fprintf(f, "<text x=\"%g\" y=\"%.1f\" class=\"y\">%s</text>\n", LEFT - 6, p + 4, buf);
	}
	for (i = 0; i <= lines(x); i++) {
		at = x->lo + i * step(x);
		p = pixel(x, at);
		name_value(buf, sizeof(buf), x, at, false);
		fprintf(f, "<path class=\"grid\" d=\"M%.1f %gV%g\"/>", p, TOP, HEIGHT - BOTTOM);
		fprintf(f, "<text x=\"%.1f\" y=\"%g\" class=\"x\">%s%s</text>\n", p, HEIGHT - 6, buf,
			x->scale == LINEAR ? " s" : "");
	}
}

static void
line(FILE *f, const struct series *s, const struct axis *x, const struct axis *y)
{
	static const char *const dashes[] = {"none", "7 3", "2 3"};
	unsigned int i;

	fprintf(f, "<polyline stroke=\"%s\" stroke-dasharray=\"%s\" data-label=\"", page_colour(s->colour),
		dashes[s->dash % 3]);
	page_text(f, s->label);
	fputs("\" data-xy=\"", f);
	for (i = 0; i < s->n; i++)
		fprintf(f, "%s%.10g,%.10g", i ? " " : "", s->x[i], s->y[i]);
	fputs("\" points=\"", f);
	for (i = 0; i < s->n; i++)
		fprintf(f, "%s%.1f,%.1f", i ? " " : "", pixel(x, place(x->scale, s->x[i])),
			pixel(y, place(y->scale, s->y[i])));
	fputs("\"><title>", f);
	page_text(f, s->label);
	fputs("</title></polyline>\n", f);
}

static void
legend(FILE *f, const struct chart *c)
{
	unsigned int i;

	fputs("<p class=\"legend\">", f);
	for (i = 0; i < c->n; i++) {
		if (!c->s[i].n)
			continue;
		fprintf(f, "<span style=\"border-color:%s;border-style:%s\">", page_colour(c->s[i].colour),
			c->s[i].dash == 0 ? "solid" : c->s[i].dash == 1 ? "dashed" : "dotted");
		page_text(f, c->s[i].label);
		fputs("</span>", f);
	}
	fputs("</p>\n", f);
}

void
chart_end(struct chart *c, FILE *f)
{
	struct axis x = {.scale = c->x, .from = LEFT, .to = WIDTH - RIGHT},
		    y = {.scale = c->y, .from = HEIGHT - BOTTOM, .to = TOP};
	unsigned int i, points = 0;

	for (i = 0; i < c->n; i++)
		points += c->s[i].n;
	if (points) {
		span(c, true, &x);
		span(c, false, &y);
		fputs("<section><h2>", f);
		page_text(f, c->title);
		fprintf(f, "</h2>\n<svg viewBox=\"0 0 %g %g\" role=\"img\">\n", WIDTH, HEIGHT);
		grid(f, &x, &y, c->us);
		for (i = 0; i < c->n; i++)
			if (c->s[i].n)
				line(f, &c->s[i], &x, &y);
		fputs("</svg>\n", f);
		legend(f, c);
		fputs("</section>\n", f);
	}
	for (i = 0; i < c->n; i++) {
		free(c->s[i].x);
		free(c->s[i].y);
	}
}
