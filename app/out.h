/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a command says: values and tables, whose rows are JSON objects. The same rows become JSON, a table for people,
 * or go to a function. A row is gone once it was given: a million are no tree in memory.
 */
#ifndef OUT_H
#define OUT_H
#include <stdbool.h>
#include <stdio.h>
#include <jansson.h>
#include <rte_common.h>

enum out_form { OUT_TEXT, OUT_JSON, OUT_ROWS };

/** What a table shows of its rows; the rest of a row is JSON's alone. */
struct column {
	const char *key, *head;
	bool right;
};

#define OUT_HELD 256u /* rows that make the columns' widths */
#define OUT_COLUMNS 16u

struct out {
	enum out_form form;
	FILE *f;                             /* of TEXT and JSON */
	void (*row)(void *arg, json_t *row); /* of ROWS, of the first table; the row stays the caller's */
	void *arg;
	/* of a table */
	const struct column *cols;
	unsigned int n_cols, tables, n_values;
	void (*more)(const json_t *row, FILE *f); /* TEXT: what follows a row, or NULL */
	unsigned int width[OUT_COLUMNS];
	json_t *held[OUT_HELD];
	unsigned int n_held;
	unsigned long n_rows;    /* of this table */
	bool open, wide, failed; /* wide: the widths stand */
};

void out_init(struct out *o, FILE *f, enum out_form form);
/** One value by itself: before the first table. Takes v. */
void out_value(struct out *o, const char *key, json_t *v);
/** A table begins, and the one before it ends. */
void out_table(struct out *o, const char *key, const struct column *cols, unsigned int n);
/** Takes row. NULL, no memory, is noticed at the end. */
void out_row(struct out *o, json_t *row);
/** @return 0, or -errno: not all of it could be written. */
int out_end(struct out *o);
/** Nobody reads any more: who makes many rows asks. */
bool out_broken(const struct out *o);
#endif
