/* SPDX-License-Identifier: BSD-3-Clause */
/* HTTP/1.x message heads (RFC 9112), functions over bytes; but for http_date() pure ones. */
#ifndef HTTP_H
#define HTTP_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define HTTP_HEAD_MAX 8192 /* what common servers take; RFC 9112 3 asks for 8000 at least in a request line */
#define HTTP_PATH_MAX 1024

struct http_request {
	int status;               /* 200: may be served; else the refusal */
	bool head;                /* HEAD: no body in the answer */
	bool keep;                /* the client wants the connection kept */
	char path[HTTP_PATH_MAX]; /* decoded, without query, starts with '/' */
};

/* Of the answer to a GET. */
struct http_response {
	int status;
	bool keep;      /* the server takes another request */
	bool chunked;
	int64_t length; /* of the body; -1: as its chunks say, or until the connection closes */
};

/* Where in a chunked body (RFC 9112 7.1) we are; zeroes are its beginning. */
struct http_chunks {
	uint64_t left; /* of the chunk in progress */
	uint16_t line; /* bytes of coding since the last data */
	uint8_t state;
	bool digits; /* the size has some */
	bool done;
};

/** Length of the head with its empty line; 0: not whole yet. *scanned, at first 0, says where to go on when there is
 *  more. */
size_t http_head_len(const char *p, size_t len, size_t *scanned);
/** Fills all of *r; of a target that is refused the path is "". */
void http_parse_request(const char *p, size_t len, struct http_request *r);
/** Folded lines are unfolded in p. @return NULL, or in words what is wrong. */
const char *http_parse_response(char *p, size_t len, struct http_response *r);
/**
 * The next piece of a chunked body. @return bytes of coding in front of *data bytes of the body; -1: malformed. What
 * follows is for the next call, until k->done: then it is no longer of this body.
 */
ssize_t http_dechunk(struct http_chunks *k, const char *p, size_t len, size_t *data);
const char *http_reason(int status);
/** The head of an answer with a body of so many bytes, with its empty line. @return as snprintf(). */
int http_answer(char *p, size_t size, int status, bool keep, const char *date, const char *type, size_t length);
#define HTTP_DATE_LEN 40
/** Now (RFC 9110 5.6.7). */
void http_date(char p[HTTP_DATE_LEN]);
const char *http_type(const char *path);
#endif
