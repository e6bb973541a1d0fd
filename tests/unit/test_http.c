/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * app/http.c: heads and chunked bodies as RFC 9112 has them and as it does not. What comes in pieces is fed cut at
 * every place, and byte by byte: where TCP cuts it must make no difference.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <rte_common.h>
#include "http.h"
#include "suite.h"

/* A row that fails says which. */
static bool
check(bool ok, const char *row, const char *what)
{
	CU_ASSERT(ok);
	if (!ok)
		printf("  in \"%.60s\": %s\n", row, what);
	return ok;
}

/* --- where a head ends --------------------------------------------------------------------------------------- */

static const char *const heads[] = {
	"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET / HTTP/1.0\n\n",
	"GET / HTTP/1.1\nHost: a\r\n\n",
	"GET / HTTP/1.1\r\nHost: a\n\r\n",
	"HTTP/1.1 200 OK\r\nA: \r \n\tb\r\n\r\n",
};

static void
test_head_len(void)
{
	char text[256];
	unsigned int i;
	size_t len, n, scanned, from;

	for (i = 0; i < RTE_DIM(heads); i++) {
		len = strlen(heads[i]);
		snprintf(text, sizeof(text), "%sGET /next HTTP/1.1\r\n\r\n", heads[i]);
		for (from = 0; from <= len; from++) { /* two pieces, and byte by byte from there */
			scanned = 0;
			for (n = from; n < len; n++)
				check(http_head_len(text, n, &scanned) == 0, heads[i], "ends too early");
			check(http_head_len(text, len, &scanned) == len, heads[i], "the end is not seen");
			scanned = 0;
			check(http_head_len(text, from, &scanned) == (from == len ? len : 0), heads[i], "first piece");
			check(http_head_len(text, strlen(text), &scanned) == len, heads[i], "second piece");
		}
	}
}

/* What was looked at is not looked at again: a head that comes byte by byte costs its length, not its square. */
static void
test_head_scanned(void)
{
	static char text[HTTP_HEAD_MAX];
	size_t scanned = 0, n;

	memset(text, 'a', sizeof(text));
	for (n = 1; n <= sizeof(text); n++) {
		CU_ASSERT(http_head_len(text, n, &scanned) == 0);
		CU_ASSERT(scanned + 2 >= n);
	}
}

/* --- requests ------------------------------------------------------------------------------------------------ */

static const struct {
	const char *text;
	int status;
	bool head, keep;
	const char *path;
} requests[] = {
	{"GET / HTTP/1.1\r\nHost: a\r\n\r\n", 200, false, true, "/"},
	{"HEAD /a?b=c HTTP/1.1\r\nHost: a\r\n\r\n", 200, true, true, "/a"},
	{"GET /a%20b HTTP/1.0\r\n\r\n", 200, false, false, "/a b"},
	{"GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", 200, false, true, "/a"},
	{"GET http://host/x HTTP/1.1\r\nHost: a\r\nConnection: x, close\r\n\r\n", 200, false, false, "/x"},
	{"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 200, false, true, "/"},
	{"GET /one/two/%zz HTTP/1.1\r\nHost: a\r\n\r\n", 400, false, false, ""},
	{"GET /one/two\001 HTTP/1.1\r\nHost: a\r\n\r\n", 400, false, false, ""},
	{"GET /one/../two HTTP/1.1\r\nHost: a\r\n\r\n", 400, false, false, ""},
	{"GET nothing HTTP/1.1\r\nHost: a\r\n\r\n", 400, false, false, ""},
	{"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505, false, false, ""},
	{"GET / HTTP/1.1\r\n\r\n", 400, false, false, NULL},
	{"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, false, false, NULL},
	{"GET / HTTP/1.1\r\nHost: a\r\nA: b\r\n c\r\n\r\n", 400, false, false, NULL},
	{"GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400, false, false, NULL},
	{"PUT / HTTP/1.1\r\nHost: a\r\n\r\n", 405, false, true, "/"},
	{"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", 200, false, true, "/"},
	{"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n", 413, false, false, NULL},
	{"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0, 5\r\n\r\n", 400, false, false, NULL},
	{"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", 413, false, false, NULL},
};

static void
test_requests(void)
{
	struct http_request r;
	unsigned int i;

	for (i = 0; i < RTE_DIM(requests); i++) {
		memset(&r, 0xff, sizeof(r));
		http_parse_request(requests[i].text, strlen(requests[i].text), &r);
		check(r.status == requests[i].status, requests[i].text, "status");
		check(r.keep == requests[i].keep, requests[i].text, "keep");
		if (!check(memchr(r.path, 0, sizeof(r.path)) != NULL, requests[i].text, "the path has no end"))
			continue;
		if (requests[i].path)
			check(strcmp(r.path, requests[i].path) == 0, requests[i].text, r.path);
		if (r.status == 200)
			check(r.head == requests[i].head, requests[i].text, "head");
	}
}

static void
test_long_target(void)
{
	static char text[HTTP_HEAD_MAX];
	struct http_request r;
	int n;

	for (n = HTTP_PATH_MAX - 2; n <= HTTP_PATH_MAX + 2; n++) {
		memset(text, 0, sizeof(text));
		memset(text, 'a', n + 4);
		memcpy(text, "GET /", 5);
		strcat(text, " HTTP/1.1\r\nHost: a\r\n\r\n");
		memset(&r, 0xff, sizeof(r));
		http_parse_request(text, strlen(text), &r);
		CU_ASSERT_EQUAL(r.status, n < HTTP_PATH_MAX ? 200 : 414);
		CU_ASSERT_PTR_NOT_NULL_FATAL(memchr(r.path, 0, sizeof(r.path)));
		CU_ASSERT_EQUAL(strlen(r.path), n < HTTP_PATH_MAX ? (size_t)n : 0);
	}
}

/* --- responses ----------------------------------------------------------------------------------------------- */

#define OK "HTTP/1.1 200 OK\r\n"

static const struct {
	const char *text, *wrong; /* a part of the reason; NULL: right */
	int status;
	bool keep, chunked;
	int64_t length;
} responses[] = {
	{OK "Content-Length: 5\r\n\r\n", NULL, 200, true, false, 5},
	{"HTTP/1.1 206 Partial\nContent-Length: 7\n\n", NULL, 206, true, false, 7},
	{"HTTP/1.1 201\r\nContent-Length: 0\r\n\r\n", NULL, 201, true, false, 0},
	{"HTTP/1.1 299 \r\nContent-Length: 1\r\n\r\n", NULL, 299, true, false, 1},
	{"HTTP/1.1 100 Continue\r\n\r\n", NULL, 100, true, false, 0},
	{"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", NULL, 103, true, false, 0},
	{"HTTP/1.1 204 No Content\r\n\r\n", NULL, 204, true, false, 0},
	{"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n", NULL, 204, true, false, 0},
	{"HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n", NULL, 304, true, false, 0},
	{"HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\n", NULL, 404, true, false, 9},
	/* until the connection closes: so it is not kept */
	{OK "\r\n", NULL, 200, false, false, -1},
	{"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\n", NULL, 200, false, false, -1},
	{"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n", NULL, 200, false, false, 5},
	{"HTTP/1.0 200 OK\r\nContent-Length: 5\r\nConnection: Keep-Alive\r\n\r\n", NULL, 200, true, false, 5},
	/* close is the last word, wherever it stands */
	{OK "Connection: close\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\n", NULL, 200, false, false, 5},
	{OK "Connection: keep-alive, close\r\nContent-Length: 5\r\n\r\n", NULL, 200, false, false, 5},
	/* 9112 6.1, 6.3 */
	{OK "Transfer-Encoding: chunked\r\n\r\n", NULL, 200, true, true, -1},
	{OK "Transfer-Encoding: gzip, Chunked\r\n\r\n", NULL, 200, true, true, -1},
	{OK "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n", NULL, 200, true, true, -1},
	{OK "Transfer-Encoding: gzip\r\n\r\n", NULL, 200, false, false, -1},
	{OK "Transfer-Encoding: chunked, gzip\r\n\r\n", "not the last"},
	{OK "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", "not the last"},
	{OK "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", "beside"},
	{"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "HTTP/1.0"},
	{OK "Content-Length: 5\r\nContent-Length: 5\r\n\r\n", NULL, 200, true, false, 5},
	{OK "Content-Length: 5, 5\r\n\r\n", NULL, 200, true, false, 5},
	{OK "Content-Length: 5\r\nContent-Length: 6\r\n\r\n", "differ"},
	{OK "Content-Length: 6\r\nA: b\r\nContent-Length: 5\r\n\r\n", "differ"},
	{OK "Content-Length: 5, 6\r\n\r\n", "differ"},
	{OK "Content-Length: \r\n\r\n", "not a number"},
	{OK "Content-Length: +5\r\n\r\n", "not a number"},
	{OK "Content-Length: -5\r\n\r\n", "not a number"},
	{OK "Content-Length: 5 5\r\n\r\n", "not a number"},
	{OK "Content-Length: 0x5\r\n\r\n", "not a number"},
	{OK "Content-Length: 99999999999999999999\r\n\r\n", "not a number"},
	/* 9112 5.2: a folded line belongs to the one before it */
	{OK "A: b\r\n  c\r\n\td\r\nContent-Length:\r\n 5\r\n\r\n", NULL, 200, true, false, 5},
	{OK "Content-Length: 5\r\n ,\r\n 6\r\n\r\n", "differ"},
	{OK " A: b\r\nContent-Length: 5\r\n\r\n", NULL, 200, true, false, 5},
	{OK "no colon\r\n\r\n", "field"},
	{OK "A : b\r\n\r\n", "field"},
	{OK ": b\r\n\r\n", "field"},
	{OK "A: b\rc\r\n\r\n", "field"},
	{"HTTP/2.0 200 OK\r\n\r\n", "status line"},
	{"HTTP/1.x 200 OK\r\n\r\n", "status line"},
	{"HTTP/1.1 20 OK\r\n\r\n", "status line"},
	{"HTTP/1.1 2000 OK\r\n\r\n", "status line"},
	{"HTTP/1.1 099 OK\r\n\r\n", "status line"},
	{"HTTP/1.1 600 OK\r\n\r\n", "status line"},
	{"HTTP/1.1  200 OK\r\n\r\n", "status line"},
	{"ICY 200 OK\r\n\r\n", "status line"},
	{"\r\n\r\n", "status line"},
};

static void
test_responses(void)
{
	struct http_response r;
	const char *wrong, *row;
	char text[256];
	unsigned int i;

	for (i = 0; i < RTE_DIM(responses); i++) {
		row = responses[i].text;
		snprintf(text, sizeof(text), "%s", row);
		memset(&r, 0xff, sizeof(r));
		wrong = http_parse_response(text, strlen(text), &r);
		if (wrong && responses[i].wrong)
			check(strstr(wrong, responses[i].wrong) != NULL, row, wrong);
		else
			check(wrong == responses[i].wrong, row, wrong ? wrong : "taken");
		if (wrong || responses[i].wrong)
			continue;
		check(r.status == responses[i].status, row, "status");
		check(r.keep == responses[i].keep, row, "keep");
		check(r.chunked == responses[i].chunked, row, "chunked");
		check(r.length == responses[i].length, row, "length");
	}
}

/* --- chunks -------------------------------------------------------------------------------------------------- */

#define NEXT "HTTP/1.1" /* of the next response: must be left alone */

static const struct {
	const char *coded, *body; /* NULL: malformed */
} chunked[] = {
	{"5\r\nhello\r\n0\r\n\r\n", "hello"},
	{"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", "hello world"},
	{"0\r\n\r\n", ""},
	{"000\r\n\r\n", ""},
	{"0b\r\nhello world\r\n0\r\n\r\n", "hello world"},
	{"B\r\nhello world\r\n0\r\n\r\n", "hello world"},
	{"5;a=b\r\nhello\r\n0;c\r\n\r\n", "hello"},
	{"5 \t;a=\"b\"\r\nhello\r\n0\r\n\r\n", "hello"},
	{"5\r\nhello\r\n0\r\nTrailer: a\r\nB: c\r\n\r\n", "hello"},
	{"4\r\n\r\n\r\n\r\n0\r\n\r\n", "\r\n\r\n"},
	{"\r\n", NULL},
	{";a\r\nhello\r\n0\r\n\r\n", NULL},
	{"-5\r\nhello\r\n0\r\n\r\n", NULL},
	{"0x5\r\nhello\r\n0\r\n\r\n", NULL},
	{"5\nhello\r\n0\r\n\r\n", NULL},
	{"5;a\nhello\r\n0\r\n\r\n", NULL},
	{"5\rhello\r\n0\r\n\r\n", NULL},
	{"5\r\nhello0\r\n\r\n", NULL},
	{"5\r\nhello\n0\r\n\r\n", NULL},
	{"5\r\nhello!\r\n0\r\n\r\n", NULL},
	{"5\r\nhello\r\n\r\n", NULL},
	{"fffffffffffffffff\r\n", NULL},
	{"5\r\nhello\r\n0\r\nA: b\n\r\n", NULL},
	{"5\r\nhello\r\n0\r\n\n", NULL},
};

/* Feed n bytes. @return false when they are malformed; the body is added to out. */
static bool
feed(struct http_chunks *k, const char **p, size_t n, char *out)
{
	const char *const end = *p + n;
	size_t data;
	ssize_t coding;

	while (*p < end && !k->done) {
		coding = http_dechunk(k, *p, end - *p, &data);
		if (coding < 0)
			return false;
		CU_ASSERT_FATAL(coding + data > 0 && *p + coding + data <= end);
		strncat(out, *p + coding, data);
		*p += coding + data;
	}
	return true;
}

static void
chunk_row(unsigned int i, size_t cut, size_t step)
{
	const char *const row = chunked[i].coded;
	struct http_chunks k = {0};
	char text[128], out[128] = "";
	const char *p = text, *end;
	size_t n;

	snprintf(text, sizeof(text), "%s%s", row, NEXT);
	end = text + strlen(text);
	for (n = cut; p < end && !k.done; n = RTE_MIN(step, (size_t)(end - p)))
		if (!feed(&k, &p, n, out))
			break;
	if (!check(k.done == (chunked[i].body != NULL), row, "its end") || !k.done)
		return;
	check(strcmp(out, chunked[i].body) == 0, row, out);
	check(strcmp(p, NEXT) == 0, row, "what follows");
}

static void
test_chunks(void)
{
	unsigned int i;
	size_t cut;

	for (i = 0; i < RTE_DIM(chunked); i++) {
		chunk_row(i, 0, 1);
		for (cut = 0; cut <= strlen(chunked[i].coded); cut++)
			chunk_row(i, cut, SIZE_MAX);
	}
}

/* A peer that sends coding without end. */
static void
test_chunk_bounds(void)
{
	static const char *const begin[] = {"5;", "5\r\nhello\r\n0\r\nA: ", "0000"};
	struct http_chunks k;
	const char *p;
	char out[16];
	unsigned int i, n;

	for (i = 0; i < RTE_DIM(begin); i++) {
		memset(&k, 0, sizeof(k));
		out[0] = 0;
		p = begin[i];
		CU_ASSERT(feed(&k, &p, strlen(p), out));
		for (n = 0; n < 2 * HTTP_HEAD_MAX; n++) {
			p = "0";
			if (!feed(&k, &p, 1, out))
				break;
		}
		check(n < HTTP_HEAD_MAX, begin[i], "taken without end");
	}
}

int
main(void)
{
	static CU_TestInfo tests[] = {
		{"where a head ends", test_head_len},
		{"a head is scanned once", test_head_scanned},
		{"requests", test_requests},
		{"long targets", test_long_target},
		{"responses", test_responses},
		{"chunks", test_chunks},
		{"chunks without end", test_chunk_bounds},
		CU_TEST_INFO_NULL,
	};

	return suite_run("http", tests);
}
