/* SPDX-License-Identifier: BSD-3-Clause */
/* `tern report RUN.json... -o report.html`: one page that shows and compares runs. */
#ifndef PAGE_H
#define PAGE_H
#include <stdbool.h>
#include <stdio.h>

/** argv[1] is "report". @return main()'s. */
int page(int argc, char **argv);

/* --- page_svg.c ----- */
#define PAGE_SERIES 64u

enum scale { LINEAR, LOG, NINES }; /* NINES: shares of 1, as many nines apart */

struct series {
	char label[160];
	unsigned int colour, dash;
	double *x, *y;
	unsigned int n, room;
};

struct chart {
	const char *title;
	enum scale x, y;
	bool us; /* y is microseconds */
	struct series s[PAGE_SERIES];
	unsigned int n;
};

void chart_begin(struct chart *c, const char *title, enum scale x, enum scale y, bool us);
/** NULL when there are enough. */
struct series *chart_series(struct chart *c, unsigned int colour, unsigned int dash);
/** @return false when there is no memory. */
bool series_add(struct series *s, double x, double y);
/** Draw it, if there is anything in it, and free its points. */
void chart_end(struct chart *c, FILE *f);
/** Text in HTML. */
void page_text(FILE *f, const char *s);
const char *page_colour(unsigned int i);
#endif
