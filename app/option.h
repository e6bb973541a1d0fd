/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Between the options' table (options.c), the values it does not parse by itself (options_value.c) and the config file
 * (options_file.c).
 */
#ifndef OPTION_H
#define OPTION_H
#include <stddef.h>
#include "options.h"

#define BUF_MIN 2048 /* of --snd-buf, --rcv-buf: bytes */

enum type { T_BOOL, T_OFF, T_U8, T_U16, T_U32, T_U64, T_STR, T_ENUM, T_FN };

struct opt {
	const char *section, *name, *arg;
	enum type type;
	size_t off;
	int64_t min, max;
	const char *def;          /* parsed at start; NULL: what options_init() made it */
	const char *const *names; /* T_ENUM */
	int (*fn)(struct options *o, const char *val);
	const char *help;
};
extern const struct opt opts[];
extern const unsigned int n_opts;

/* Where the value being parsed came from, for messages. */
struct origin {
	const char *file, *section, *name;
};
extern struct origin origin;

/** "tern: where: what was wrong". @return -EINVAL. */
int __attribute__((format(printf, 1, 2))) bad(const char *fmt, ...);
/** A whole decimal number from min to max. @return 0 or -EINVAL after a line. */
int number(const char *s, int64_t min, int64_t max, int64_t *out);
/** Was this option on the command line? */
bool option_given(const char *name);
/** Needs it no value? */
bool option_is_flag(const struct opt *t);
/** Was it there, or in the config file? */
bool option_set(const char *name);
/** The option of this name, or NULL. */
const struct opt *option_find(const char *name, size_t len);
/** The name of a known option that starts like this one, or NULL. */
const char *option_resembling(const char *name, size_t len);
/** Parse val for t. @return 0 or a negative errno after a line. */
int option_put(struct options *o, const struct opt *t, const char *val);
/** Line of key in [section] of file; of the section itself for key NULL; 0 when not found. */
unsigned int option_line(const char *file, const char *section, const char *key);

/* Values that need more than a range. */
int set_addr(struct options *o, const char *val);
int set_addr6(struct options *o, const char *val);
int set_gw(struct options *o, const char *val);
int set_gw6(struct options *o, const char *val);
int set_if(struct options *o, const char *val);
int set_port_id(struct options *o, const char *val);
int set_mtu(struct options *o, const char *val);
int set_listen(struct options *o, const char *val);
int set_backlog(struct options *o, const char *val);
int set_connect(struct options *o, const char *val);
int set_root(struct options *o, const char *val);
int set_body(struct options *o, const char *val);
int set_body_size(struct options *o, const char *val);
int set_ports(struct options *o, const char *val);
int set_wire_a(struct options *o, const char *val);
int set_wire_b(struct options *o, const char *val);
#endif
