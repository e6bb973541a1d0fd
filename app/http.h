/* SPDX-License-Identifier: BSD-3-Clause */
/* HTTP/1.x message heads (RFC 9112), pure functions over bytes. */
#ifndef HTTP_H
#define HTTP_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP_HEAD_MAX 8192 /* what common servers take; RFC 9112 3 asks for 8000 at least in a request line */
#define HTTP_PATH_MAX 1024

struct http_request {
	int status;               /* 200: may be served; else the refusal */
	bool head;                /* HEAD: no body in the answer */
	bool keep;                /* the client wants the connection kept */
	char path[HTTP_PATH_MAX]; /* decoded, without query, starts with '/' */
};

struct http_response {
	int status;
	bool keep;
	bool chunked;
	int64_t length; /* -1: until the connection closes */
};

/** Length of the head with its empty line, 0: not whole yet. */
size_t http_head_len(const char *p, size_t len);
void http_parse_request(const char *p, size_t len, struct http_request *r);
/** @return 0 or -EBADMSG. */
int http_parse_response(const char *p, size_t len, struct http_response *r);
const char *http_reason(int status);
const char *http_type(const char *path);
#endif
