/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reader of packetdrill scripts: one pass over the text. What it does not know is an error with file and line, so that
 * no script passes because a line of it was skipped. Here are the file, its flags and events.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "script_read.h"

static int
event_time(struct reader *r, struct event *e)
{
	e->until_us = -1;
	if (rd_take(r, "*")) {
		e->time_kind = T_ANY;
		return 0;
	}
	e->time_kind = rd_take(r, "+") ? T_RELATIVE : T_ABSOLUTE;
	if (!rd_seconds(r, &e->at_us))
		return rd_bad(r, "time expected");
	if (strncmp(r->p, "...", 3) == 0)
		r->p += 3;
	else if (*r->p == '~')
		r->p += 1 + (r->p[1] == '+');
	else
		return 0;
	return rd_seconds(r, &e->until_us) ? 0 : rd_bad(r, "time expected");
}

static int
event(struct reader *r, struct event *e)
{
	e->line = r->line;
	snprintf(e->text, sizeof(e->text), "%.*s", (int)strcspn(r->p, "\n"), r->p);
	if (*r->p != '`' && event_time(r, e))
		return -1;
	rd_skip_space(r);
	e->line = r->line;
	if (*r->p == '`') {
		r->p += 1 + strcspn(r->p + 1, "`");
		r->p += *r->p == '`';
		r->s->n_commands++;
		return 1;
	}
	if (strncmp(r->p, "%{", 2) == 0)
		return rd_bad(r, "code sections are not supported");
	if (*r->p == '<' || *r->p == '>') {
		e->kind = *r->p++ == '<' ? E_INBOUND : E_OUTBOUND;
		return rd_packet(r, &e->p);
	}
	return rd_call(r, e);
}

static int
flag(struct reader *r)
{
	char word[64];
	const size_t n = strcspn(r->p, " \t\n");

	snprintf(word, sizeof(word), "%.*s", (int)n, r->p);
	r->p += n;
	if (strcmp(word, "--ip_version=ipv4") == 0)
		r->s->af = 4;
	else if (strcmp(word, "--ip_version=ipv6") == 0)
		r->s->af = 6;
	else if (sscanf(word, "--remote_ip=%45s", r->s->remote_ip) == 1 ||
		 sscanf(word, "--local_ip=%45s", r->s->local_ip) == 1 || sscanf(word, "--mtu=%u", &r->s->mtu) == 1 ||
		 sscanf(word, "--mss=%u", &r->s->mss) == 1)
		return 0;
	else if (sscanf(word, "--tolerance_usecs=%ld", &r->s->tolerance_us) != 1 &&
		 strncmp(word, "--tcp_ts_tick_usecs=", 20))
		return rd_bad(r, "unknown flag '%s'", word);
	return 0;
}

static char *
load(const char *path)
{
	FILE *f = fopen(path, "r");
	char *buf = calloc(1, 1 << 20);
	size_t n = 0;

	if (f && buf)
		n = fread(buf, 1, (1 << 20) - 1, f);
	if (f)
		fclose(f);
	if (n == 0) {
		fprintf(stderr, "%s: %s\n", path, errno ? strerror(errno) : "empty");
		free(buf);
		return NULL;
	}
	return buf;
}

int
script_read(struct script *s, const char *path)
{
	struct reader r = {.s = s, .line = 1};
	int rc;

	*s = (struct script){.path = path, .af = 4, .tolerance_us = 4000, .mtu = 1500};
	s->buf = load(path);
	s->events = calloc(1, sizeof(*s->events));
	if (!s->buf || !s->events)
		return -1;
	for (r.p = s->buf;;) {
		struct event *more;

		rd_skip_space(&r);
		if (!*r.p)
			return s->n_events ? 0 : rd_bad(&r, "no event");
		if (strncmp(r.p, "--", 2) == 0) {
			if (flag(&r))
				return -1;
			continue;
		}
		more = realloc(s->events, (s->n_events + 1) * sizeof(*more));
		if (!more)
			return -1;
		s->events = more;
		memset(&more[s->n_events], 0, sizeof(*more));
		rc = event(&r, &more[s->n_events]);
		if (rc < 0)
			return rc;
		s->n_events += rc == 0;
	}
}

void
script_free(struct script *s)
{
	free(s->buf);
	free(s->events);
}
