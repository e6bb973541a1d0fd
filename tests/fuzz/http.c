/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * HTTP, both sides: heads of requests and of responses, and chunked bodies. Beside memory: a head is found alike
 * however it comes in pieces, a body is the same in whatever pieces it is read, a path begins with / and climbs
 * nowhere.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "http.h"
#include "fuzz.h"
#include "words.h"

const char fuzz_name[] = "http";

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	return 0;
}

/* As head.c reads it: some more bytes each time. */
static size_t
head_in_pieces(const char *p, size_t len, size_t step)
{
	size_t have, scanned = 0, n = 0;

	for (have = 0; have < len && !n;) {
		have = have + step < len ? have + step : len;
		n = http_head_len(p, have, &scanned);
		FUZZ_MUST(n <= have && scanned <= have);
	}
	return n;
}

static void
request(const char *p, size_t len)
{
	struct http_request r;

	memset(&r, 0xa5, sizeof(r));
	http_parse_request(p, len, &r);
	FUZZ_MUST(memchr(r.path, 0, sizeof(r.path)) && http_reason(r.status));
	FUZZ_MUST(r.status == 200 || r.status >= 400);
	FUZZ_MUST(r.path[0] == '/' ? !strstr(r.path, "/../") && http_type(r.path) : !r.path[0] && r.status != 200);
}

static void
response(const char *p, size_t len)
{
	struct http_response r;
	char *copy = malloc(len + 1); /* lines are unfolded in it */
	const char *why;

	memcpy(copy, p, len);
	memset(&r, 0xa5, sizeof(r));
	why = http_parse_response(copy, len, &r);
	if (!why)
		FUZZ_MUST(r.status >= 100 && r.status <= 999 && r.length >= -1 && !(r.chunked && r.length >= 0));
	free(copy);
}

/* The body's bytes, or, of a malformed one, what is known before that. @return how many; *state: 1 done, 0 more, -1
 * malformed. */
static size_t
dechunk(const char *p, size_t len, size_t step, char *body, int *state)
{
	struct http_chunks k = {0};
	size_t at = 0, n = 0, data, part;
	ssize_t coding;

	while (at < len && !k.done) {
		part = len - at < step ? len - at : step;
		coding = http_dechunk(&k, p + at, part, &data);
		if (coding < 0) {
			*state = -1;
			return n;
		}
		FUZZ_MUST((size_t)coding + data <= part && ((size_t)coding + data > 0 || k.done));
		memcpy(body + n, p + at + coding, data);
		n += data;
		at += coding + data;
	}
	*state = k.done;
	return n;
}

static void
chunks(const char *p, size_t len, size_t step)
{
	char *a = malloc(len + 1), *b = malloc(len + 1);
	int sa, sb;
	const size_t na = dechunk(p, len, SIZE_MAX, a, &sa), nb = dechunk(p, len, step, b, &sb);

	FUZZ_MUST(na == nb && sa == sb && memcmp(a, b, na) == 0);
	free(a);
	free(b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t how = size ? data[0] : 0;
	const char *p = (const char *)data + (size ? 1 : 0);
	const size_t len = size ? size - 1 : 0, step = (how >> 2) + 1;
	size_t scanned = 0, head;

	fuzz_steps++;
	if ((how & 3) == 2) {
		chunks(p, len, step);
		return 0;
	}
	head = http_head_len(p, len, &scanned);
	FUZZ_MUST(head == head_in_pieces(p, len, step));
	if ((how & 3) == 0)
		request(p, head ? head : len);
	else
		response(p, head ? head : len);
	return 0;
}

/* Words of the language, in any order, and some other bytes. */
size_t
fuzz_make(uint8_t *p, size_t max, uint32_t (*r)(uint32_t n))
{
	const uint32_t n = r(40);
	const uint32_t starts[] = {0, 28, 37, 14};
	size_t len = 0, k;
	uint32_t i, w;

	if (max < 64)
		return 0;
	p[len++] = r(256);
	for (i = 0; i < n && len + 32 < max; i++) {
		w = i ? r(N_HTTP_WORDS) : starts[p[0] & 3] + r(2);
		k = strlen(http_words[w]);
		memcpy(p + len, http_words[w], k);
		len += k;
		if (r(8) == 0)
			p[len++] = r(256);
	}
	return len;
}
