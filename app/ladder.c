/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The ladder of a scene as SVG: each end is a line whose colour is its state, each packet goes from one to the other,
 * and what is said of it stands beside. Rows are kept while the scene plays, as one that begins again is drawn once.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <rte_common.h>
#include "ladder.h"
#include "options.h"
#include "page.h"

#define ROWS 128u
#define CLIENT_X 250
#define SERVER_X 610
#define SAYS_X 830 /* where words begin */
#define WIDTH 1290
#define TOP 70
#define SLANT 16 /* pixels that a packet falls */
#define LINE_H 15
#define LINE_CHARS 72
#define BAR 8 /* of a state */

struct row {
	enum { PACKET, STATES, WORDS } what;
	double at_s;
	char state[2][40];
	char line[160];
	const char *text;
	bool back, released;
	enum fate fate;
	int y, height;
};

static struct row rows[ROWS];
static unsigned int n_rows;

void
ladder_begin(void)
{
	n_rows = 0;
}

static struct row *
row_new(int what, double at_s)
{
	struct row *r = &rows[RTE_MIN(n_rows, ROWS - 1)];

	n_rows += n_rows < ROWS;
	memset(r, 0, sizeof(*r));
	r->what = what;
	r->at_s = at_s;
	return r;
}

static void
set_states(struct row *r, const char *client, const char *server)
{
	snprintf(r->state[0], sizeof(r->state[0]), "%s", client);
	snprintf(r->state[1], sizeof(r->state[1]), "%s", server);
}

void
ladder_states(double at_s, const char *client, const char *server)
{
	set_states(row_new(STATES, at_s), client, server);
}

void
ladder_packet(double at_s, const char *line, bool back, enum fate fate, bool released, const char *client,
	      const char *server)
{
	struct row *r = row_new(PACKET, at_s);

	set_states(r, client, server);
	snprintf(r->line, sizeof(r->line), "%s", line);
	r->back = back;
	r->fate = fate;
	r->released = released;
}

void
ladder_text(double at_s, const char *text)
{
	struct row *r = n_rows ? &rows[n_rows - 1] : NULL;

	if (!r || r->what != PACKET || r->text || at_s != LADDER_NO_TIME)
		r = row_new(WORDS, at_s);
	r->text = text;
}

void
ladder_note(const char *line)
{
	struct row *r = row_new(WORDS, LADDER_NO_TIME);

	snprintf(r->line, sizeof(r->line), "%s", line);
	r->text = r->line;
}

/* --- drawing ---------------------------------------------------------------------------------------------------- */

/* The next line of text. @return its characters; *p is behind it. */
static int
line_of(const char **p, const char **begin)
{
	const char *end;
	int n;

	*begin = *p;
	n = (int)strnlen(*p, LINE_CHARS + 1);
	if (n > LINE_CHARS) {
		for (end = *p + LINE_CHARS; end > *p && *end != ' '; end--)
			;
		n = end > *p ? (int)(end - *p) : LINE_CHARS;
	}
	*p += n;
	*p += strspn(*p, " ");
	return n;
}

static unsigned int
lines_of(const char *text)
{
	const char *begin;
	unsigned int n = 0;

	while (text && *text) {
		line_of(&text, &begin);
		n++;
	}
	return n;
}

static int
lay_out(void)
{
	int y = TOP;
	unsigned int i;

	for (i = 0; i < n_rows; i++) {
		struct row *r = &rows[i];
		const int said = (int)lines_of(r->text) * LINE_H + 6;

		r->y = y;
		r->height = RTE_MAX(said, r->what == PACKET ? SLANT + 22 : 22);
		y += r->height;
	}
	return y + 20;
}

static void
words(FILE *f, int x, int y, const char *style, const char *text, int n)
{
	char buf[LINE_CHARS + 1];

	snprintf(buf, sizeof(buf), "%.*s", n, text);
	fprintf(f, "<text x=\"%d\" y=\"%d\" %s>", x, y, style);
	page_text(f, buf);
	fprintf(f, "</text>\n");
}

static void
draw_words(FILE *f, const struct row *r)
{
	const char *p = r->text, *begin;
	int y = r->y + 12, n;

	while (p && *p) {
		n = line_of(&p, &begin);
		words(f, SAYS_X, y, r->at_s != LADDER_NO_TIME && r->what == WORDS ? "class=\"call\"" : "class=\"why\"",
		      begin, n);
		y += LINE_H;
	}
}

static void
draw_packet(FILE *f, const struct row *r)
{
	const int from = r->back ? SERVER_X : CLIENT_X, to = r->back ? CLIENT_X : SERVER_X, middle = (from + to) / 2;
	const int y = r->y + 14, end_y = y + SLANT;
	const bool whole = r->fate == PASS || r->fate == COPY;

	words(f, middle, y - 4 + SLANT / 4, "class=\"packet\"", r->line, (int)strlen(r->line));
	fprintf(f, "<line x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%d\" class=\"wire\"%s%s/>\n", r->released ? middle : from,
		r->released ? y + SLANT / 2 : y, whole ? to : middle, whole ? end_y : y + SLANT / 2,
		r->fate == HOLD || r->released ? " stroke-dasharray=\"5 4\"" : "",
		whole ? " marker-end=\"url(#head)\"" : "");
	if (r->fate == LOSE)
		words(f, middle, y + SLANT / 2 + 6, "class=\"lost\"", "\xc3\x97", 2);
}

static unsigned int
colour_of(const char *state)
{
	static const struct {
		const char *begins;
		unsigned int colour;
	} all[] = {{"ESTABLISHED", 0}, {"SYN", 1},    {"FIN_WAIT", 2},   {"CLOSING", 3},
		   {"TIME_WAIT", 3},   {"LISTEN", 4}, {"CLOSE_WAIT", 5}, {"LAST_ACK", 6}};
	unsigned int i;

	for (i = 0; i < RTE_DIM(all); i++)
		if (strncmp(state, all[i].begins, strlen(all[i].begins)) == 0)
			return all[i].colour;
	return 7; /* CLOSED */
}

/* But for its timer. */
static bool
same_state(const char *a, const char *b)
{
	const size_t n = strcspn(a, " ");

	return n == strcspn(b, " ") && strncmp(a, b, n) == 0;
}

/* One end: a bar for as long as a state lasts, its name where it begins. */
static void
draw_end(FILE *f, unsigned int end, int bottom)
{
	const int x = end ? SERVER_X : CLIENT_X;
	const char *was = NULL;
	int since = TOP, y;
	unsigned int i;

	for (i = 0; i < n_rows; i++) {
		const struct row *r = &rows[i];
		const bool sends = r->back == (end == 1);

		if (r->what == WORDS || (was && same_state(was, r->state[end])))
			continue;
		y = r->what == PACKET && !sends ? r->y + 14 + SLANT : r->y + 14;
		if (was)
			fprintf(f, "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"%s\"/>\n", x - BAR / 2,
				since, BAR, y - since, page_colour(colour_of(was)));
		was = r->state[end];
		since = y;
		words(f, end ? x + 12 : x - 12, y + 4, end ? "class=\"state\"" : "class=\"state\" text-anchor=\"end\"",
		      was, (int)strlen(was));
	}
	if (was)
		fprintf(f, "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"%s\"/>\n", x - BAR / 2, since,
			BAR, bottom - since, page_colour(colour_of(was)));
}

static void
draw(FILE *f, const struct scene *s)
{
	const int bottom = lay_out();
	char at[16];
	unsigned int i;

	fprintf(f,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" font-family=\"sans-serif\" "
		"font-size=\"12\">\n"
		"<style>.packet{font-family:monospace;text-anchor:middle}.state{font-size:11px;font-weight:bold}"
		".why{fill:#444}.call{font-style:italic}.at{font-size:10px;fill:#888}"
		".wire{stroke:#333;stroke-width:1.3}.lost{fill:#d1495b;font-size:20px;text-anchor:middle}</style>\n"
		"<defs><marker id=\"head\" markerWidth=\"9\" markerHeight=\"8\" refX=\"9\" refY=\"4\" orient=\"auto\">"
		"<path d=\"M0,0 L9,4 L0,8 z\" fill=\"#333\"/></marker></defs>\n"
		"<rect width=\"%d\" height=\"%d\" fill=\"#fff\"/>\n<title>",
		WIDTH, bottom, WIDTH, bottom);
	page_text(f, s->title);
	fprintf(f, "</title>\n<text x=\"12\" y=\"22\" font-size=\"16\" font-weight=\"bold\">");
	page_text(f, s->title);
	fprintf(f, " <tspan font-weight=\"normal\" fill=\"#888\" font-size=\"12\">");
	page_text(f, s->rfc);
	fprintf(f, "</tspan></text>\n");
	words(f, CLIENT_X, 50, "text-anchor=\"middle\"", "client, 192.0.2.1", 40);
	words(f, SERVER_X, 50, "text-anchor=\"middle\"", "server, 192.0.2.2", 40);
	draw_end(f, 0, bottom - 8);
	draw_end(f, 1, bottom - 8);
	for (i = 0; i < n_rows; i++) {
		if (rows[i].what == PACKET)
			draw_packet(f, &rows[i]);
		if (rows[i].at_s != LADDER_NO_TIME) {
			snprintf(at, sizeof(at), "%.3f", rows[i].at_s);
			words(f, 8, rows[i].y + 14, "class=\"at\"", at, (int)strlen(at));
		}
		draw_words(f, &rows[i]);
	}
	fprintf(f, "</svg>\n");
}

int
ladder_write(const char *path, const struct scene *s)
{
	FILE *f = fopen(path, "w");
	int rc;

	if (!f)
		return complain("explain: --svg %s: %s", path, strerror(errno));
	draw(f, s);
	rc = ferror(f);
	if (fclose(f) || rc)
		return complain("explain: --svg %s: %s", path, strerror(errno));
	return 0;
}
