/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What an option is. Those of every role are a table in options.c, a role's own one in the role's file: a section of
 * the config file, of the role's name. A table says where a value goes, and its range; what needs more is a function,
 * set_*().
 */
#ifndef OPTION_H
#define OPTION_H
#include <stddef.h>
#include "options.h"

enum type { T_BOOL, T_OFF, T_NUM, T_STR, T_ENUM, T_FN };

struct opt {
	const char *section, *name, *arg;
	enum type type;
	void *at;    /* where the value goes, as so many bytes */
	size_t size;
	int64_t min, max;
	const char *def;          /* parsed at start; NULL: what options_init() made it */
	const char *const *names; /* T_ENUM */
	int (*fn)(const char *val);
	const char *help;
	char *text;      /* T_FN: values as they were given; NULL: def */
	bool given, set; /* on the command line; there, or in the config file */
};

#define AT_(v) &(v), sizeof(v)
/* clang-format off */
#define NUM(sec, name, v, lo, hi, def, text) {sec, name, "N", T_NUM, AT_(v), lo, hi, def, NULL, NULL, text}
#define FLAG(sec, name, v, text) {sec, name, NULL, T_BOOL, AT_(v), 0, 1, NULL, NULL, NULL, text}
/* its name starts with no- */
#define OFF(sec, name, v, text) {sec, name, NULL, T_OFF, AT_(v), 0, 1, NULL, NULL, NULL, text}
#define TEXT(sec, name, arg, v, text) {sec, name, arg, T_STR, AT_(v), 0, 0, NULL, NULL, NULL, text}
#define CALL(sec, name, arg, fn, def, text) {sec, name, arg, T_FN, NULL, 0, 0, 0, def, NULL, fn, text}
#define ENUM(sec, name, arg, v, def, names, text) {sec, name, arg, T_ENUM, AT_(v), 0, 0, def, names, NULL, text}
/* clang-format on */

/* Where the value being parsed came from, for messages. */
struct origin {
	const char *file, *section, *name;
};
extern struct origin origin;

/** "tern: where: what was wrong". @return -EINVAL. */
int __attribute__((format(printf, 1, 2))) bad(const char *fmt, ...);
/** A whole decimal number from min to max. @return 0 or -EINVAL after a line. */
int number(const char *s, int64_t min, int64_t max, int64_t *out);
/** Needs it no value? */
bool option_is_flag(const struct opt *t);
/** Option i of all, every role's own among them; NULL behind the last. */
struct opt *option_at(unsigned int i);
/** The option of this name, or NULL. */
struct opt *option_find(const char *name, size_t len);
/** The name of a known option that starts like this one, or NULL. */
const char *option_resembling(const char *name, size_t len);
/** Was the option of this name on the command line? */
bool option_given(const char *name);
/** Was it there, or in the config file? */
bool option_set(const char *name);
/** Parse val for t. @return 0 or a negative errno after a line. */
int option_put(struct opt *t, const char *val);
/** Who takes what a file with sections has; each @return 0 or -EINVAL after a line. */
struct file_reader {
	int (*begin)(const char *path, const char *section);
	int (*entry)(const char *section, const char *key, const char *value);
	int (*end)(void); /* of the section; NULL: nothing to do */
	unsigned int sections; /* at most, FILE_SECTIONS or fewer */
};
#define FILE_SECTIONS 32u
/** @return 0 or -EINVAL after one line that names file and line. */
int file_read(const char *path, const struct file_reader *r);
/** Line of key in [section] of file; of the section itself for key NULL; 0 when not found. */
unsigned int option_line(const char *file, const char *section, const char *key);

/* Values of every role that need more than a range. */
int set_addr(const char *val);
int set_addr6(const char *val);
int set_gw(const char *val);
int set_gw6(const char *val);
int set_if(const char *val);
int set_port_id(const char *val);
int set_mtu(const char *val);
int set_portmask(const char *val);
int set_listen(const char *val);
int set_metrics(const char *val);
int set_backlog(const char *val);
int set_ports(const char *val);
#endif
