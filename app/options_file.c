/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The config file. rte_cfgfile reads it but knows no line numbers: they are found afterwards, by scanning for section
 * and key, for the message only.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <rte_cfgfile.h>
#include <rte_common.h>
#include "option.h"

/* Skip a [section] line. @return true and its name. */
static bool
section_line(const char *p, char *name, size_t size)
{
	const char *end = strchr(p, ']');

	if (*p != '[' || !end)
		return false;
	snprintf(name, size, "%.*s", (int)(end - p - 1), p + 1);
	return true;
}

unsigned int
option_line(const char *file, const char *section, const char *key)
{
	FILE *f = fopen(file, "r");
	char line[512], in[80] = "";
	unsigned int no = 0, found = 0;

	while (f && !found && fgets(line, sizeof(line), f)) {
		const char *p = line + strspn(line, " \t");
		const size_t n = key ? strlen(key) : 0;

		no++;
		if (section_line(p, in, sizeof(in))) {
			if (!key && strcmp(in, section) == 0)
				found = no;
		} else if (key && strcmp(in, section) == 0 && strncmp(p, key, n) == 0 && strchr("= \t\r\n", p[n])) {
			found = no;
		}
	}
	if (f)
		fclose(f);
	return found;
}

/* Of a line key = value, without blanks at its ends and a comment. */
static size_t
value_len(const char *line)
{
	const char *p = strchr(line, '=') + 1;
	size_t n;

	p += strspn(p, " \t");
	for (n = strcspn(p, "#\r\n"); n && strchr(" \t", p[n - 1]); n--)
		;
	return n;
}

/* What rte_cfgfile would refuse without a word, or take without one. @return 0 or -EINVAL after a line. */
static int
file_syntax(const char *path, FILE *f)
{
	char line[512], name[80] = "";
	unsigned int no = 0;

	while (fgets(line, sizeof(line), f)) {
		const char *p = line + strspn(line, " \t");
		const char *what = NULL;

		no++;
		if (strchr("#\r\n", *p)) /* also the end */
			continue;
		if (strlen(line) >= CFG_NAME_LEN + CFG_VALUE_LEN)
			what = "the line is too long";
		else if (*p == '[' && !section_line(p, name, sizeof(name)))
			what = "a section ends with ']'";
		else if (*p != '[' && !strchr(p, '='))
			what = "write key = value";
		else if (*p != '[' && !*name)
			what = "a key needs a [section] above it";
		else if (*p != '[' && value_len(p) >= CFG_VALUE_LEN)
			what = "the value is longer than 255 characters";
		if (what)
			return complain("%s:%u: %s", path, no, what);
	}
	if (ferror(f))
		return complain("%s: %s", path, strerror(errno));
	return *name ? 0 : complain("%s: there is no [section] in it", path);
}

static int
file_entry(const char *section, const char *name, const char *value)
{
	const bool is_if = strncmp(section, "if", 2) == 0;
	struct opt *t = option_find(name, strlen(name));
	const char *hint = option_resembling(name, strlen(name));

	if (strcmp(section, "eal") == 0) {
		if (strcmp(name, "args"))
			return bad("unknown: [eal] has args = ... only");
		options.eal_args = strdup(value);
		return options.eal_args ? 0 : bad("no memory");
	}
	if (!t)
		return bad("unknown key%s%s: see tern --help", hint ? "; did you mean " : "", hint ? hint : "");
	if (strcmp(t->section, is_if ? "if" : section))
		return bad("belongs to [%s%s], not to [%s]", t->section, strcmp(t->section, "if") ? "" : "0", section);
	if (t->fn == set_if)
		return bad("write a section [if%s] instead", value);
	if (!option_is_flag(t) && !*value)
		return bad("the value is empty");
	return option_put(t, value);
}

/* Is there a section of this name? Then it may say which interface is meant. */
static bool
section_known(const char *name)
{
	const struct opt *t;
	unsigned int i;

	if (strlen(name) == 3 && strncmp(name, "if", 2) == 0 && name[2] >= '0' && name[2] < '0' + TERN_IF_MAX) {
		options.cur_if = name[2] - '0';
		return true;
	}
	for (i = 0; (t = option_at(i)) != NULL; i++)
		if (strcmp(t->section, name) == 0)
			return strcmp(name, "if") != 0;
	return strcmp(name, "eal") == 0;
}

static int
unknown_section(const char *path, const char *name)
{
	const char *last = "";
	char list[128] = "eal";
	const struct opt *t;
	unsigned int i;

	for (i = 0; (t = option_at(i)) != NULL; i++) {
		const size_t len = strlen(list);

		if (strcmp(t->section, "if") == 0 && strcmp(last, "if"))
			snprintf(list + len, sizeof(list) - len, ", if0..if%d", TERN_IF_MAX - 1);
		else if (strcmp(t->section, last))
			snprintf(list + len, sizeof(list) - len, ", %s", t->section);
		last = t->section;
	}
	return complain("%s:%u: unknown section [%s]: there are %s", path, option_line(path, name, NULL), name, list);
}

static int
file_section(struct rte_cfgfile *cfg, const char *path, const char *name, const struct file_reader *r)
{
	const int n = rte_cfgfile_section_num_entries(cfg, name);
	struct rte_cfgfile_entry *e;
	unsigned int i;
	int k, rc;

	if (rte_cfgfile_num_sections(cfg, name, strlen(name) + 1) > 1) /* else [a] is [ab], too */
		return complain("%s:%u: section [%s] is there twice", path, option_line(path, name, NULL), name);
	rc = r->begin(path, name);
	if (rc)
		return rc;
	e = calloc(n > 0 ? n : 1, sizeof(*e));
	if (!e)
		return complain("%s: no memory", path);
	if (n > 0)
		rte_cfgfile_section_entries(cfg, name, e, n);
	origin.section = name;
	for (k = 0; k < n && !rc; k++) {
		origin.name = e[k].name;
		for (i = 0; i < (unsigned int)k && !rc; i++)
			if (strcmp(e[i].name, e[k].name) == 0)
				rc = bad("is there twice in [%s]: give it once%s", name,
					 strncmp(e[k].name, "addr", 4) ? ""
								       : ", with commas between several addresses");
		rc = rc ? rc : r->entry(name, e[k].name, e[k].value);
	}
	free(e);
	return rc || !r->end ? rc : r->end();
}

int
file_read(const char *path, const struct file_reader *r)
{
	static const struct rte_cfgfile_parameters params = {.comment_character = '#'};
	struct rte_cfgfile *cfg = NULL;
	char names[FILE_SECTIONS][CFG_NAME_LEN], *list[FILE_SECTIONS];
	unsigned int i, n;
	int rc = 0;
	FILE *f = fopen(path, "r");

	if (!f)
		return complain("%s: %s", path, strerror(errno));
	rc = file_syntax(path, f);
	fclose(f);
	if (rc)
		return rc;
	cfg = rte_cfgfile_load_with_params(path, CFG_FLAG_EMPTY_VALUES, &params);
	if (!cfg)
		return complain("%s: not readable as a config file", path);
	for (i = 0; i < RTE_DIM(list); i++)
		list[i] = names[i];
	n = rte_cfgfile_num_sections(cfg, NULL, 0);
	if (n > r->sections) {
		rte_cfgfile_close(cfg);
		return complain("%s: %u sections, at most %u are possible", path, n, r->sections);
	}
	rte_cfgfile_sections(cfg, list, n);
	origin.file = path;
	for (i = 0; i < n && !rc; i++)
		rc = file_section(cfg, path, list[i], r);
	origin.file = origin.name = NULL;
	rte_cfgfile_close(cfg);
	return rc;
}

static int
begin_section(const char *path, const char *name)
{
	return section_known(name) ? 0 : unknown_section(path, name);
}

int
options_file(const char *path)
{
	static const struct file_reader reader = {begin_section, file_entry, NULL, FILE_SECTIONS};

	return file_read(path, &reader);
}
