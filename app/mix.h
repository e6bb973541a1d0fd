/* SPDX-License-Identifier: BSD-3-Clause */
/* What the client's connections are like: all alike, as the options say, or of several classes that a file names, each
 * with its share (--mix). */
#ifndef MIX_H
#define MIX_H
#include <rte_common.h>
#include <rte_random.h>
#include "http.h"
#include "role.h"

#define MIX_MAX 32u /* classes */
#define MIX_NAME_MAX 32u
#define MIX_FIELDS 4u /* numbers in a path */
#define MIX_HEAD_MAX (HTTP_PATH_MAX + 384u)
#define MIX_READ_MAX 4096u /* a slow reader takes at a time */

/* The first two ask and want their answers; what the others set out to do is no more than their name says. */
enum mix_kind {
	KIND_REQUEST,
	KIND_HALF_CLOSE, /* sends FIN behind its last request */
	KIND_CONNECT,    /* nothing */
	KIND_SILENT,     /* the same, and stays */
	KIND_STALL,      /* half a request */
	KIND_ABORT,      /* a request, then RST */
	KIND_CUT,        /* RST when the answer comes */
	KIND_DEAF,       /* a request; it reads nothing */
};

enum mix_method { METHOD_GET, METHOD_HEAD, METHOD_POST, METHOD_PUT };

/* {n} or {n:LO-HI} of a path. */
struct mix_field {
	uint16_t at, len;   /* in the head */
	uint64_t low, span; /* span 0: the number itself */
};

struct mix_class {
	/* for each request */
	bool http;
	bool special;      /* its events are client_mix.c's */
	bool odd;          /* it wants no answer */
	uint8_t kind, method, close_mode, n_fields;
	uint16_t status; /* that is right; 0: every 2xx */
	uint16_t connect_ports;
	uint32_t per_conn;
	uint32_t head_len[2];
	uint32_t body_size; /* behind the head; raw: all there is */
	uint32_t response_size;
	uint32_t send_step, read_step; /* bytes at a time */
	uint32_t send_rate, read_rate; /* bytes a second; 0: as it goes */
	uint64_t think_us, stay_us;
	char *head[2]; /* [1]: the last of a connection */
	struct tern_endpoint connect;
	/* how often: mix_pick() */
	uint32_t weight, other;
	uint64_t own; /* of 2^32 that fall on it, so many are its own */
	/* as the file has them */
	char name[MIX_NAME_MAX];
	const char *path;
	char *own_path; /* NULL: it is --http's */
	struct mix_field field[MIX_FIELDS];
	uint32_t request_size, think_ms, stay_ms;
} __rte_aligned(512); /* of[i] is found without a multiplication */

struct mix {
	struct mix_class of[MIX_MAX];
	unsigned int n;
};
extern struct mix mix;

/** The file's classes. Where a class says nothing it is as the options say. @return 0 or -EINVAL after a line. */
int mix_load(const char *path, const struct options *o);
/** One class, as the options say. */
void mix_plain(void);
/** Requests are made of it. @return 0 or -ENOMEM after a line. */
int mix_heads(void);
/** May this path be asked for? @return 0 or -EINVAL after a line. */
int mix_check_path(const char *path);

/** The class of the next connection: each falls on one with equal chances, and is its own or that of another. */
static inline unsigned int
mix_pick(void)
{
	const uint64_t r = rte_rand();
	const uint32_t i = (r >> 32) * mix.n >> 32;

	return (uint32_t)r < mix.of[i].own ? i : mix.of[i].other;
}
#endif
