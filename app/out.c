/* SPDX-License-Identifier: BSD-3-Clause */
/* See out.h. The first rows of a table are held until its columns' widths are known; what is wider later sticks out. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <rte_common.h>
#include "out.h"

#define VALUE_MAX 256u

void
out_init(struct out *o, FILE *f, enum out_form form)
{
	memset(o, 0, sizeof(*o));
	o->f = f;
	o->form = form;
}

bool
out_broken(const struct out *o)
{
	return o->failed || (o->f && ferror(o->f));
}

/* A value as a table has it. */
static const char *
text_of(const json_t *v, char buf[VALUE_MAX])
{
	switch (v ? json_typeof(v) : JSON_NULL) {
	case JSON_STRING:
		return json_string_value(v);
	case JSON_INTEGER:
		snprintf(buf, VALUE_MAX, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
		return buf;
	case JSON_REAL:
		snprintf(buf, VALUE_MAX, "%.1f", json_real_value(v));
		return buf;
	case JSON_TRUE:
		return "yes";
	case JSON_FALSE:
		return "no";
	default:
		return "-";
	}
}

/* --- text ---------------------------------------------------------------------------------------------------- */

static void
print_row(struct out *o, const json_t *row)
{
	char buf[VALUE_MAX];
	unsigned int i;

	for (i = 0; i < o->n_cols; i++) {
		const struct column *c = &o->cols[i];
		const char *text = row ? text_of(json_object_get(row, c->key), buf) : c->head;

		if (i)
			fputs("  ", o->f);
		if (c->right)
			fprintf(o->f, "%*s", (int)o->width[i], text);
		else /* no blanks at the end of a line */
			fprintf(o->f, "%-*s", i + 1 < o->n_cols ? (int)o->width[i] : 0, text);
	}
	fputc('\n', o->f);
	if (row && o->more)
		o->more(row, o->f);
}

static void
release(struct out *o)
{
	char buf[VALUE_MAX];
	unsigned int i, k;

	for (k = 0; k < o->n_cols && !o->wide; k++) {
		o->width[k] = strlen(o->cols[k].head);
		for (i = 0; i < o->n_held; i++)
			o->width[k] = RTE_MAX((size_t)o->width[k],
					      strlen(text_of(json_object_get(o->held[i], o->cols[k].key), buf)));
	}
	if (!o->wide)
		print_row(o, NULL);
	o->wide = true;
	for (i = 0; i < o->n_held; i++) {
		print_row(o, o->held[i]);
		json_decref(o->held[i]);
	}
	o->n_held = 0;
}

static void
text_row(struct out *o, json_t *row)
{
	if (!o->wide) {
		o->held[o->n_held++] = row;
		if (o->n_held == OUT_HELD)
			release(o);
		return;
	}
	print_row(o, row);
	json_decref(row);
}

/* --- JSON ---------------------------------------------------------------------------------------------------- */

static void
json_out(struct out *o, const json_t *v)
{
	if (json_dumpf(v, o->f, JSON_COMPACT | JSON_PRESERVE_ORDER | JSON_ENCODE_ANY | JSON_REAL_PRECISION(6)))
		o->failed = true;
}

/* {"a":1,"b":[...]}: what stands before a key. */
static void
json_key(struct out *o, const char *key)
{
	fprintf(o->f, "%s\"%s\":", o->n_values++ ? ",\n" : "{", key);
}

/* --- all of them --------------------------------------------------------------------------------------------- */

static void
end_table(struct out *o)
{
	if (o->open && o->form == OUT_TEXT)
		release(o);
	else if (o->open && o->form == OUT_JSON)
		fputs(o->n_rows ? "\n]" : "]", o->f);
	o->open = false;
}

void
out_value(struct out *o, const char *key, json_t *v)
{
	char buf[VALUE_MAX];

	end_table(o);
	if (!v)
		o->failed = true;
	if (v && o->form == OUT_JSON) {
		json_key(o, key);
		json_out(o, v);
	} else if (v && o->form == OUT_TEXT) {
		fprintf(o->f, "%s%s: %s\n", o->tables ? "\n" : "", key, text_of(v, buf));
		o->n_values++;
	}
	json_decref(v);
}

void
out_table(struct out *o, const char *key, const struct column *cols, unsigned int n)
{
	end_table(o);
	o->cols = cols;
	o->n_cols = RTE_MIN(n, OUT_COLUMNS);
	o->n_rows = 0;
	o->wide = false;
	o->open = true;
	o->more = NULL;
	if (o->form == OUT_JSON) {
		json_key(o, key);
		fputc('[', o->f);
	} else if (o->form == OUT_TEXT && (o->tables || o->n_values)) {
		fputc('\n', o->f);
	}
	o->tables++;
}

void
out_row(struct out *o, json_t *row)
{
	if (!row) {
		o->failed = true;
		return;
	}
	if (o->form == OUT_TEXT) {
		text_row(o, row);
	} else if (o->form == OUT_JSON) {
		fputs(o->n_rows ? ",\n" : "\n", o->f);
		json_out(o, row);
		json_decref(row);
	} else {
		if (o->tables == 1)
			o->row(o->arg, row);
		json_decref(row);
	}
	o->n_rows++;
}

int
out_end(struct out *o)
{
	end_table(o);
	if (o->form == OUT_JSON)
		fputs(o->n_values ? "}\n" : "{}\n", o->f);
	if (o->f && fflush(o->f))
		o->failed = true;
	return out_broken(o) ? -EIO : 0;
}
