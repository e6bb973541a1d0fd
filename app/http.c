/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * HTTP/1.x heads. Both line endings are taken (RFC 9112 2.2); folded lines, blanks before a colon and control
 * characters are refused, because two parsers may read them differently (RFC 9112 11.2). A request with a body is refused:
 * GET and HEAD have none worth reading, and an unread one would be taken for the next request.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <rte_common.h>
#include "http.h"

struct span {
	const char *p;
	size_t len;
};

size_t
http_head_len(const char *p, size_t len)
{
	size_t i;

	for (i = 0; i + 1 < len; i++) {
		if (p[i] != '\n')
			continue;
		if (p[i + 1] == '\n')
			return i + 2;
		if (i + 2 < len && p[i + 1] == '\r' && p[i + 2] == '\n')
			return i + 3;
	}
	return 0;
}

/* Take the next line off *s. */
static struct span
next_line(struct span *s)
{
	const char *nl = memchr(s->p, '\n', s->len);
	struct span line = {s->p, nl ? (size_t)(nl - s->p) : s->len};

	s->p += line.len + (nl != NULL);
	s->len -= line.len + (nl != NULL);
	if (line.len && line.p[line.len - 1] == '\r')
		line.len--;
	return line;
}

static bool
same(struct span s, const char *text)
{
	return s.len == strlen(text) && strncasecmp(s.p, text, s.len) == 0;
}

/* tchar of RFC 9110 5.6.2 */
static bool
is_token(struct span s)
{
	size_t i;

	for (i = 0; i < s.len; i++)
		if (s.p[i] <= ' ' || s.p[i] > '~' || strchr("\"(),/:;<=>?@[\\]{}", s.p[i]))
			return false;
	return s.len > 0;
}

/* Split "Name: value". @return false when malformed. */
static bool
field(struct span line, struct span *name, struct span *value)
{
	const char *colon = memchr(line.p, ':', line.len);

	if (!colon)
		return false;
	*name = (struct span){line.p, colon - line.p};
	*value = (struct span){colon + 1, line.len - name->len - 1};
	while (value->len && (*value->p == ' ' || *value->p == '\t'))
		value->p++, value->len--;
	while (value->len && (value->p[value->len - 1] == ' ' || value->p[value->len - 1] == '\t'))
		value->len--;
	return is_token(*name) && !memchr(value->p, 0, value->len) && !memchr(value->p, '\r', value->len);
}

/* Is word in the comma-separated list? */
static bool
listed(struct span list, const char *word)
{
	while (list.len) {
		const char *comma = memchr(list.p, ',', list.len);
		struct span one = {list.p, comma ? (size_t)(comma - list.p) : list.len};

		list.p += one.len + (comma != NULL);
		list.len -= one.len + (comma != NULL);
		while (one.len && (*one.p == ' ' || *one.p == '\t'))
			one.p++, one.len--;
		while (one.len && (one.p[one.len - 1] == ' ' || one.p[one.len - 1] == '\t'))
			one.len--;
		if (same(one, word))
			return true;
	}
	return false;
}

/* Digits only. @return -1 when it is none or too large. */
static int64_t
decimal(struct span s)
{
	int64_t n = 0;
	size_t i;

	if (!s.len || s.len > 18)
		return -1;
	for (i = 0; i < s.len; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return -1;
		n = n * 10 + s.p[i] - '0';
	}
	return n;
}

static int
hex(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
}

/* Decode the target into path. @return 200 or the refusal. */
static int
decode_target(struct span t, char path[HTTP_PATH_MAX])
{
	const char *query;
	size_t i, n = 0;

	if (t.len > 7 && strncasecmp(t.p, "http://", 7) == 0) { /* absolute form (RFC 9112 3.2.2) */
		const char *slash = memchr(t.p + 7, '/', t.len - 7);

		t = slash ? (struct span){slash, t.p + t.len - slash} : (struct span){"/", 1};
	}
	query = memchr(t.p, '?', t.len);
	if (query)
		t.len = query - t.p;
	if (!t.len || *t.p != '/')
		return 400;
	for (i = 0; i < t.len; i++) {
		int c = (unsigned char)t.p[i];

		if (c == '%') {
			if (i + 2 >= t.len || hex(t.p[i + 1]) < 0 || hex(t.p[i + 2]) < 0)
				return 400;
			c = hex(t.p[i + 1]) << 4 | hex(t.p[i + 2]);
			i += 2;
		}
		if (c < ' ' || c == 127)
			return 400;
		if (n + 1 >= HTTP_PATH_MAX)
			return 414;
		path[n++] = c;
	}
	path[n] = 0;
	if (strstr(path, "/../") || (n >= 3 && strcmp(path + n - 3, "/..") == 0))
		return 400; /* nobody honest climbs */
	return 200;
}

/* "GET /x HTTP/1.1". @return 200 or the refusal; the minor version in *minor. */
static int
request_line(struct span line, struct http_request *r, int *minor)
{
	const char *sp1 = memchr(line.p, ' ', line.len);
	const char *sp2 = sp1 ? memchr(sp1 + 1, ' ', line.p + line.len - sp1 - 1) : NULL;
	struct span method, target, version;
	int status;

	if (!sp2)
		return 400;
	method = (struct span){line.p, sp1 - line.p};
	target = (struct span){sp1 + 1, sp2 - sp1 - 1};
	version = (struct span){sp2 + 1, line.p + line.len - sp2 - 1};
	if (!is_token(method) || version.len != 8 || memcmp(version.p, "HTTP/", 5) || version.p[6] != '.')
		return 400;
	if (version.p[5] != '1')
		return 505;
	*minor = version.p[7] == '0' ? 0 : 1;
	status = decode_target(target, r->path);
	if (status != 200)
		return status;
	r->head = method.len == 4 && memcmp(method.p, "HEAD", 4) == 0;
	return r->head || (method.len == 3 && memcmp(method.p, "GET", 3) == 0) ? 200 : 405;
}

void
http_parse_request(const char *p, size_t len, struct http_request *r)
{
	struct span s = {p, len}, line, name, value;
	unsigned int hosts = 0;
	bool close = false, keep = false;
	int minor = 1;

	r->head = r->keep = false;
	r->path[0] = 0;
	do /* empty lines before a request are skipped (RFC 9112 2.2) */
		line = next_line(&s);
	while (!line.len && s.len);
	r->status = request_line(line, r, &minor);
	while (s.len) {
		line = next_line(&s);
		if (!line.len)
			break;
		if (!field(line, &name, &value)) {
			r->status = 400;
			return;
		}
		if (same(name, "connection")) {
			close |= listed(value, "close");
			keep |= listed(value, "keep-alive");
		} else if (same(name, "host")) {
			hosts++;
		} else if (same(name, "transfer-encoding") || (same(name, "content-length") && decimal(value) != 0)) {
			r->status = r->status == 200 ? (same(name, "content-length") && decimal(value) < 0 ? 400 : 413)
						     : r->status;
			close = true;
		}
	}
	if (minor == 1 && hosts != 1 && r->status == 200)
		r->status = 400; /* RFC 9112 3.2 */
	r->keep = !close && (minor == 1 || keep) && (r->status == 200 || r->status == 405);
}

int
http_parse_response(const char *p, size_t len, struct http_response *r)
{
	struct span s = {p, len}, line = next_line(&s), name, value;

	*r = (struct http_response){.length = -1};
	if (line.len < 12 || memcmp(line.p, "HTTP/1.", 7) || line.p[8] != ' ')
		return -EBADMSG;
	r->status = decimal((struct span){line.p + 9, 3});
	if (r->status < 100 || r->status > 599)
		return -EBADMSG;
	r->keep = line.p[7] != '0';
	while (s.len) {
		line = next_line(&s);
		if (!line.len)
			break;
		if (!field(line, &name, &value))
			return -EBADMSG;
		if (same(name, "content-length")) {
			r->length = decimal(value);
			if (r->length < 0)
				return -EBADMSG;
		} else if (same(name, "transfer-encoding")) {
			r->chunked = listed(value, "chunked");
		} else if (same(name, "connection")) {
			r->keep = (r->keep || listed(value, "keep-alive")) && !listed(value, "close");
		}
	}
	return 0;
}

const char *
http_reason(int status)
{
	switch (status) {
	case 200:
		return "OK";
	case 404:
		return "Not Found";
	case 405:
		return "Method Not Allowed";
	case 413:
		return "Content Too Large";
	case 414:
		return "URI Too Long";
	case 431:
		return "Request Header Fields Too Large";
	case 505:
		return "HTTP Version Not Supported";
	default:
		return "Bad Request";
	}
}

const char *
http_type(const char *path)
{
	static const struct {
		const char *suffix, *type;
	} types[] = {
		{"html", "text/html"},      {"htm", "text/html"},         {"txt", "text/plain"},
		{"css", "text/css"},        {"js", "text/javascript"},    {"json", "application/json"},
		{"xml", "application/xml"}, {"svg", "image/svg+xml"},     {"png", "image/png"},
		{"jpg", "image/jpeg"},      {"jpeg", "image/jpeg"},       {"gif", "image/gif"},
		{"ico", "image/x-icon"},    {"webp", "image/webp"},       {"pdf", "application/pdf"},
		{"gz", "application/gzip"}, {"wasm", "application/wasm"}, {"mp4", "video/mp4"},
	};
	const char *dot = strrchr(path, '.');
	unsigned int i;

	for (i = 0; dot && i < RTE_DIM(types); i++)
		if (strcasecmp(dot + 1, types[i].suffix) == 0)
			return types[i].type;
	return "application/octet-stream";
}
