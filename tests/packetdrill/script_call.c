/* SPDX-License-Identifier: BSD-3-Clause */
/* Calls of a script: name, arguments as text, and what they return. */
#include <ctype.h>
#include <string.h>
#include "script_read.h"

/* Text up to one of stop outside brackets and strings; the text is cut there and *last is the character. */
static char *
raw_text(struct reader *r, const char *stop, char *last)
{
	char *from;
	int depth = 0;

	rd_skip_space(r);
	from = r->p;
	for (; *r->p; r->p++) {
		if (*r->p == '"') {
			r->p += 1 + strcspn(r->p + 1, "\"");
		} else if (depth == 0 && strchr(stop, *r->p)) {
			*last = *r->p;
			*r->p++ = 0;
			return from;
		} else if (strchr("([{", *r->p)) {
			depth++;
		} else if (strchr(")]}", *r->p)) {
			depth--;
		}
		r->line += *r->p == '\n';
	}
	return NULL;
}

int
rd_call(struct reader *r, struct event *e)
{
	const size_t n = strcspn(r->p, "( \t\n");
	char last = ',';

	if (n == 0 || n >= sizeof(e->name) || r->p[n + strspn(r->p + n, " ")] != '(')
		return rd_bad(r, "packet or system call expected");
	memcpy(e->name, r->p, n);
	r->p += n + strspn(r->p + n, " ") + 1;
	e->kind = E_CALL;
	while (last == ',') {
		char *arg;

		if (e->n_args == ARGS_MAX)
			return rd_bad(r, "too many arguments");
		arg = raw_text(r, ",)", &last);
		if (!arg)
			return rd_bad(r, "arguments without end");
		if (*arg || last == ',')
			e->args[e->n_args++] = arg;
	}
	if (!rd_take(r, "="))
		return rd_bad(r, "'=' and a result expected");
	rd_skip_space(r);
	e->result = r->p;
	r->p += strcspn(r->p, " \t\n");
	if (*r->p && *r->p != '\n') {
		*r->p++ = 0;
		r->p += strspn(r->p, " \t");
		if (isupper((unsigned char)*r->p)) {
			e->error = r->p;
			r->p += strspn(r->p, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
		}
		if (*r->p == ' ')
			*r->p++ = 0;
		r->p += strspn(r->p, " \t");
		if (*r->p == '(') { /* what strerror() says, or flags by name */
			*r->p = 0;
			r->p++;
			r->p += strcspn(r->p, "\n");
		}
	}
	if (*r->p == '\n') {
		*r->p++ = 0;
		r->line++;
	}
	return 0;
}
