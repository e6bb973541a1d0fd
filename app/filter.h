/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which connections are meant, in ss's words: state established sport = :80 and dst 192.0.2.0/24. Parsed once, matched
 * on the worker whose connections they are: nothing is allocated, a match is bounded.
 */
#ifndef FILTER_H
#define FILTER_H
#include <stdbool.h>
#include <stdint.h>
#include "tern.h"

#define FILTER_TERMS 48u

/** A number of struct tern_info, by the name that it has in JSON and in a filter. */
struct info_field {
	const char *name;
	uint16_t at, size;
};
extern const struct info_field info_fields[];
extern const unsigned int n_info_fields;
uint64_t info_number(const struct tern_info *i, const struct info_field *f);

enum filter_is { FILTER_AND, FILTER_OR, FILTER_NOT, FILTER_HOST, FILTER_PORT, FILTER_NUMBER };
enum filter_cmp { FILTER_EQ, FILTER_NE, FILTER_LT, FILTER_LE, FILTER_GT, FILTER_GE };

/** One of an expression in reverse Polish order. */
struct filter_term {
	uint8_t is, cmp;
	bool source;    /* of HOST and PORT: our end */
	bool with_port; /* of HOST */
	uint8_t prefix; /* of HOST; e.af 0: any address */
	uint8_t field;  /* of NUMBER: info_fields[] */
	struct tern_endpoint e;
	uint64_t n;
};

struct filter {
	uint32_t states; /* bit per enum tern_state */
	unsigned int n;  /* 0: every one */
	struct filter_term term[FILTER_TERMS];
};

/** @return 0, or -EINVAL and why, a line without newline. */
int filter_parse(struct filter *f, const char *text, char *why, size_t size);
bool filter_match(const struct filter *f, const struct tern_info *i);
/** As ss names it. */
const char *filter_state_name(unsigned int state);
#endif
