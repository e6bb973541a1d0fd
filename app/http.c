/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * HTTP/1.x heads. Both line endings are taken (RFC 9112 2.2); blanks before a colon and control characters are
 * refused, because two parsers may read them differently (RFC 9112 11.2). So are folded lines in a request; in a
 * response they are unfolded (5.2). A request with a body is refused: GET and HEAD have none worth reading, and an
 * unread one would be taken for the next request.
 *
 * Where a response leaves its length in doubt it is refused, though 6.3 lets a client guess: Content-Lengths that
 * differ or stand beside Transfer-Encoding, chunked that is not last or of HTTP/1.0, a chunk's line without CR.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <rte_common.h>
#include "http.h"

#define CHUNK_LINE_MAX 256 /* bytes from a chunk to the next: a size and extensions nobody uses */

struct span {
	const char *p;
	size_t len;
};

size_t
http_head_len(const char *p, size_t len, size_t *scanned)
{
	const char *const end = p + len, *nl = p + *scanned;

	for (; (nl = memchr(nl, '\n', end - nl)) != NULL; nl++) {
		if (end - nl > 1 && nl[1] == '\n')
			return nl - p + 2;
		if (end - nl > 2 && nl[1] == '\r' && nl[2] == '\n')
			return nl - p + 3;
	}
	*scanned = len > 2 ? len - 2 : 0; /* what follows may end an empty line that began there */
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

/* Without the blanks around it. */
static struct span
trimmed(struct span s)
{
	while (s.len && (*s.p == ' ' || *s.p == '\t'))
		s.p++, s.len--;
	while (s.len && (s.p[s.len - 1] == ' ' || s.p[s.len - 1] == '\t'))
		s.len--;
	return s;
}

/* Split "Name: value". @return false when malformed. */
static bool
field(struct span line, struct span *name, struct span *value)
{
	const char *colon = memchr(line.p, ':', line.len);

	if (!colon)
		return false;
	*name = (struct span){line.p, colon - line.p};
	*value = trimmed((struct span){colon + 1, line.len - name->len - 1});
	return is_token(*name) && !memchr(value->p, 0, value->len) && !memchr(value->p, '\r', value->len);
}

/* Take the next member off a comma-separated list; empty ones don't count (RFC 9110 5.6.1). @return false at its
 * end. */
static bool
next_member(struct span *list, struct span *one)
{
	while (list->len) {
		const char *comma = memchr(list->p, ',', list->len);

		*one = trimmed((struct span){list->p, comma ? (size_t)(comma - list->p) : list->len});
		list->len -= comma ? comma + 1 - list->p : (ptrdiff_t)list->len;
		list->p = comma ? comma + 1 : list->p;
		if (one->len)
			return true;
	}
	return false;
}

/* Is word in the comma-separated list? */
static bool
listed(struct span list, const char *word)
{
	struct span one;

	while (next_member(&list, &one))
		if (same(one, word))
			return true;
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
		path[n++] = (char)c;
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
	if (status != 200) {
		r->path[0] = 0; /* half of it is none */
		return status;
	}
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

/* --- responses ----------------------------------------------------------------------------------------------- */

/* A line that begins with a blank goes on with the one before it (obs-fold, RFC 9112 5.2): its line end becomes
 * blanks. */
static void
unfold(char *p, size_t len)
{
	char *const end = p + len, *nl = p;

	for (; (nl = memchr(nl, '\n', end - nl)) != NULL; nl++) {
		if (end - nl < 2 || (nl[1] != ' ' && nl[1] != '\t'))
			continue;
		if (nl > p && nl[-1] == '\r')
			nl[-1] = ' ';
		*nl = ' ';
	}
}

static bool
status_line(struct span line, struct http_response *r, int *minor)
{
	if (line.len < 12 || memcmp(line.p, "HTTP/1.", 7) || line.p[8] != ' ' || (line.len > 12 && line.p[12] != ' '))
		return false;
	r->status = (int)decimal((struct span){line.p + 9, 3});
	*minor = (int)decimal((struct span){line.p + 7, 1});
	return *minor >= 0 && r->status >= 100 && r->status <= 599;
}

/* One number, be it said several times (RFC 9112 6.3, rule 5). */
static const char *
content_length(struct span value, struct http_response *r)
{
	const char *wrong = "Content-Length is not a number";
	struct span one;
	int64_t n;

	while (next_member(&value, &one)) {
		n = decimal(one);
		if (n < 0)
			return "Content-Length is not a number";
		if (r->length >= 0 && n != r->length)
			return "Content-Lengths that differ";
		r->length = n;
		wrong = NULL;
	}
	return wrong;
}

/* Chunked once and last, or not at all. */
static const char *
transfer_encoding(struct span value, struct http_response *r)
{
	struct span one;

	while (next_member(&value, &one)) {
		if (r->chunked)
			return "Transfer-Encoding: chunked is not the last";
		r->chunked = same(one, "chunked");
	}
	return NULL;
}

const char *
http_parse_response(char *p, size_t len, struct http_response *r)
{
	struct span s = {p, len}, name, value, line;
	bool close = false, keep = false, coded = false;
	const char *wrong = NULL;
	int minor = 0;

	*r = (struct http_response){.length = -1};
	unfold(p, len);
	line = next_line(&s);
	if (!status_line(line, r, &minor))
		return "not a status line of HTTP/1";
	while (!wrong && s.len) {
		line = next_line(&s);
		if (!line.len)
			break;
		if (!field(line, &name, &value))
			return "malformed field";
		if (same(name, "content-length")) {
			wrong = content_length(value, r);
		} else if (same(name, "transfer-encoding")) {
			coded = true;
			wrong = transfer_encoding(value, r);
		} else if (same(name, "connection")) {
			close |= listed(value, "close");
			keep |= listed(value, "keep-alive");
		}
	}
	if (!wrong && coded && r->length >= 0)
		wrong = "Content-Length beside Transfer-Encoding";
	if (!wrong && coded && minor == 0)
		wrong = "Transfer-Encoding in HTTP/1.0";
	if (r->status < 200 || r->status == 204 || r->status == 304) { /* RFC 9112 6.3, rule 1 */
		r->length = 0;
		r->chunked = false;
	}
	r->keep = !close && (minor > 0 || keep) && (r->length >= 0 || r->chunked);
	return wrong;
}

enum {
	CHUNK_SIZE,
	CHUNK_EXT,
	CHUNK_SIZE_LF,
	CHUNK_DATA,
	CHUNK_CR,
	CHUNK_LF,
	TRAILER,
	TRAILER_LINE,
	TRAILER_LF,
	END_LF,
	CHUNK_END
};

/* @return the next state, -1 for what may not be there. */
static int
chunk_step(struct http_chunks *k, char c)
{
	switch (k->state) {
	case CHUNK_SIZE:
		if (hex(c) >= 0 && k->left >> 56 == 0) {
			k->left = k->left << 4 | hex(c);
			k->digits = true;
			return CHUNK_SIZE;
		}
		if (!k->digits)
			return -1;
		return c == '\r' ? CHUNK_SIZE_LF : c == ';' || c == ' ' || c == '\t' ? CHUNK_EXT : -1;
	case CHUNK_EXT:
		return c == '\r' ? CHUNK_SIZE_LF : c == '\n' ? -1 : CHUNK_EXT;
	case CHUNK_SIZE_LF:
		return c != '\n' ? -1 : k->left ? CHUNK_DATA : TRAILER;
	case CHUNK_CR:
		return c == '\r' ? CHUNK_LF : -1;
	case CHUNK_LF:
		k->line = 0;
		k->digits = false;
		return c == '\n' ? CHUNK_SIZE : -1;
	case TRAILER:
		return c == '\r' ? END_LF : c == '\n' ? -1 : TRAILER_LINE;
	case TRAILER_LINE:
		return c == '\r' ? TRAILER_LF : c == '\n' ? -1 : TRAILER_LINE;
	case TRAILER_LF:
		return c == '\n' ? TRAILER : -1;
	default:
		return c == '\n' ? CHUNK_END : -1;
	}
}

ssize_t
http_dechunk(struct http_chunks *k, const char *p, size_t len, size_t *data)
{
	size_t i = 0;
	int state;

	while (i < len && k->state != CHUNK_DATA && k->state != CHUNK_END) {
		state = chunk_step(k, p[i++]);
		if (state < 0 || ++k->line > (state < TRAILER ? CHUNK_LINE_MAX : HTTP_HEAD_MAX))
			return -1;
		k->state = state;
	}
	*data = 0;
	if (k->state == CHUNK_DATA) {
		*data = RTE_MIN(len - i, k->left);
		k->left -= *data;
		k->state = k->left ? CHUNK_DATA : CHUNK_CR;
	}
	k->done = k->state == CHUNK_END;
	return i;
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

int
http_answer(char *p, size_t size, int status, bool keep, const char *date, const char *type, size_t length)
{
	return snprintf(p, size,
			"HTTP/1.1 %d %s\r\nServer: tern\r\nDate: %s\r\nContent-Type: %s\r\n"
			"Content-Length: %zu\r\n%s%s\r\n",
			status, http_reason(status), date, type, length, status == 405 ? "Allow: GET, HEAD\r\n" : "",
			keep ? "Connection: keep-alive\r\n" : "Connection: close\r\n");
}

void
http_date(char p[HTTP_DATE_LEN])
{
	const time_t now = time(NULL);
	struct tm tm;

	gmtime_r(&now, &tm);
	strftime(p, HTTP_DATE_LEN, "%a, %d %b %Y %H:%M:%S GMT", &tm);
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
