/* SPDX-License-Identifier: BSD-3-Clause */
/* What may be changed while a run goes on. What a worker has is changed by itself, each its share. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <rte_log.h>
#include "ctl.h"

int
set_log(struct ctl *c)
{
	static const char *const levels[] = {
		[RTE_LOG_EMERG] = "emergency", [RTE_LOG_ALERT] = "alert",     [RTE_LOG_CRIT] = "critical",
		[RTE_LOG_ERR] = "error",       [RTE_LOG_WARNING] = "warning", [RTE_LOG_NOTICE] = "notice",
		[RTE_LOG_INFO] = "info",       [RTE_LOG_DEBUG] = "debug"};
	unsigned int i;

	for (i = RTE_LOG_EMERG; i < RTE_DIM(levels); i++)
		if (strcmp(levels[i], c->args) == 0)
			break;
	if (i == RTE_DIM(levels))
		return ctl_wrong(c,
				 "set log: '%.64s' is none of: emergency, alert, critical, error, warning, notice, "
				 "info, debug",
				 c->args);
	if (rte_log_set_level_pattern("tern", i))
		return ctl_wrong(c, "set log: the library has no log");
	return 0;
}

/* --- workers ------------------------------------------------------------------------------------------------- */

struct change {
	struct stack *s;
	const struct knob *knob; /* NULL: accepting */
	uint64_t n;
	int rc; /* of the worker */
};

static bool
change(struct tern_worker *w, void *arg)
{
	struct change *d = arg;

	if (d->knob)
		d->knob->set(d->s, w, d->n);
	else
		d->rc = d->s->role->accepting(d->s, w, d->n);
	return false;
}

/* Every worker of s. @return 0 or a negative errno and why, a line without newline. */
static int
change_each(struct stack *s, const struct knob *knob, uint64_t n, char *why, size_t size)
{
	unsigned int w;
	int rc = 0, done;

	for (w = 0; w < s->n_workers && !rc; w++) {
		struct change d = {s, knob, n, 0};

		rc = ask_copy(s, w, change, &d, sizeof(d));
		done = rc ? 0 : d.rc;
		if (rc || done)
			snprintf(why, size, "worker %u: %s", w, rc ? ask_error(rc) : strerror(-done));
		rc = rc ? rc : done;
	}
	return rc;
}

static int
change_all(struct ctl *c, struct stack *s, const struct knob *knob, uint64_t n)
{
	char why[160];

	return change_each(s, knob, n, why, sizeof(why)) ? ctl_wrong(c, "%s", why) : 0;
}

/* --- numbers of a role --------------------------------------------------------------------------------------- */

static const struct knob *
find(const struct role *r, const char *name, size_t len)
{
	unsigned int i;

	for (i = 0; i < r->n_knobs; i++)
		if (strlen(r->knobs[i].name) == len && strncmp(r->knobs[i].name, name, len) == 0)
			return &r->knobs[i];
	return NULL;
}

int
set_number(struct stack *s, const char *name, uint64_t n, char *why, size_t size)
{
	const struct knob *knob = find(s->role, name, strlen(name));
	int rc = -ENOENT;

	if (knob)
		rc = knob->check(s, n, why, size);
	else
		snprintf(why, size, "%s has no %s", s->role->name, name);
	return rc ? rc : change_each(s, knob, n, why, size);
}

static void
list(const struct ctl *c, char *buf, size_t size)
{
	unsigned int k, i;

	snprintf(buf, size, "log");
	for (k = 0; k < c->run->n; k++)
		for (i = 0; i < c->run->stacks[k].role->n_knobs; i++)
			snprintf(buf + strlen(buf), size - strlen(buf), ", %s", c->run->stacks[k].role->knobs[i].name);
}

int
set_knob(struct ctl *c)
{
	const size_t len = strcspn(c->args, " \t");
	const char *val = c->args + len + strspn(c->args + len, " \t");
	const struct knob *knob = NULL;
	char names[128], why[160], *end;
	struct stack *s = c->run->stacks;
	uint64_t n;
	unsigned int k;

	for (k = 0; k < c->run->n && !knob; k++) {
		s = &c->run->stacks[k];
		knob = find(s->role, c->args, len);
	}
	list(c, names, sizeof(names));
	if (!knob)
		return ctl_wrong(c, "set: '%.*s' is nothing that --role %s can change while it runs: %s",
				 (int)RTE_MIN(len, 32u), c->args, s->role->name, names);
	errno = 0;
	n = strtoull(val, &end, 10);
	if (!isdigit((unsigned char)*val) || *end || errno)
		return ctl_wrong(c, "set %s: '%.32s' is no number", knob->name, val);
	if (run_ends())
		return ctl_wrong(c, "set %s: the run is ending", knob->name);
	if (knob->check(s, n, why, sizeof(why)))
		return ctl_wrong(c, "set %s: %s", knob->name, why);
	return change_all(c, s, knob, n);
}

/* --- accepting ----------------------------------------------------------------------------------------------- */

static int
accepting(struct ctl *c, bool on)
{
	unsigned int k, n = 0;
	int rc = 0;

	if (run_ends())
		return ctl_wrong(c, "the run is ending: nothing new is taken");

	for (k = 0; k < c->run->n && !rc; k++) {
		if (!c->run->stacks[k].role->accepting)
			continue;
		n++;
		rc = change_all(c, &c->run->stacks[k], NULL, on);
	}
	return rc || n ? rc : ctl_wrong(c, "--role %s cannot stop and start", c->run->stacks[0].role->name);
}

int
set_accepting(struct ctl *c)
{
	return accepting(c, true);
}

int
set_not_accepting(struct ctl *c)
{
	return accepting(c, false);
}
