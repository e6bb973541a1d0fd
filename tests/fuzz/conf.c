/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The program's options, as lines of a config file or as words of a command line; then the check of all together, and
 * what the library says of the result. A file of --mix. A refusal is one line on stderr, and what is taken says nothing
 * that begins with "tern: " but notices. Addresses are parsed and written back, too.
 */
#define _GNU_SOURCE /* fopencookie(), memfd_create() */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "client.h"
#include "option.h"
#include "fuzz.h"

#define WORDS 64

const char fuzz_name[] = "conf";
static unsigned int lines; /* that were no notice */
static bool in_line, is_notice;
static int fd;
static char path[64];

static ssize_t
heard(void *cookie, const char *text, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (fuzz_trace)
			putchar(text[i]);
		if (!in_line) /* "tern: " comes first, in one piece */
			is_notice = n - i >= 13 && memcmp(text + i, "tern: notice:", 13) == 0;
		in_line = text[i] != '\n';
		lines += !in_line && !is_notice;
	}
	return n;
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const cookie_io_functions_t io = {.write = heard};

	fuzz_trace |= getenv("FUZZ_TRACE") != NULL;
	fd = memfd_create("conf", 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	stderr = fopencookie(NULL, "w", io); /* not descriptor 2: a sanitizer writes there */
	FUZZ_MUST(fd >= 0 && stderr);
	setvbuf(stderr, NULL, _IOFBF, 8192);
	return 0;
}

/* Words that the options keep. */
static void
forget(void)
{
	struct opt *t;
	unsigned int i;

	for (i = 0; (t = option_at(i)) != NULL; i++)
		if (t->type == T_STR && *(char **)t->at) {
			free(*(char **)t->at);
			*(char **)t->at = NULL;
		}
	free((char *)(uintptr_t)options.eal_args);
	options.eal_args = NULL;
}

static int
as_file(const uint8_t *p, size_t n)
{
	FUZZ_MUST(ftruncate(fd, 0) == 0 && pwrite(fd, p, n, 0) == (ssize_t)n);
	return options_file(path);
}

static int
as_mix(const uint8_t *p, size_t n)
{
	unsigned int i;
	int rc;

	FUZZ_MUST(ftruncate(fd, 0) == 0 && pwrite(fd, p, n, 0) == (ssize_t)n);
	FUZZ_MUST(tern_endpoint_parse("192.0.2.2:80", &plan.connect) == 0);
	plan.connect_ports = 1;
	options.conf.n_ifs = 1;
	options.conf.ifs[0].addr4[0] = 192;
	rc = mix_load(path, &options);
	FUZZ_MUST(rc || (mix.n > 0 && mix.n <= MIX_MAX && mix_heads() == 0));
	for (i = 0; !rc && i < MIX_MAX; i++) {
		const struct mix_class *k = &mix.of[mix_pick()];

		FUZZ_MUST(k < mix.of + mix.n && k->send_step && k->read_step && k->connect_ports);
		FUZZ_MUST(k->head_len[1] + k->n_fields * 20u < MIX_HEAD_MAX &&
			  k->head_len[0] + k->n_fields * 20u < MIX_HEAD_MAX);
	}
	plan.connect.af = 0;
	return rc;
}

static int
as_words(const uint8_t *p, size_t n, char *text)
{
	char *argv[WORDS + 1] = {"tern"}, *word, *save = NULL;
	int argc = 1;

	memcpy(text, p, n);
	text[n] = 0;
	for (word = strtok_r(text, "\n", &save); word && argc < WORDS; word = strtok_r(NULL, "\n", &save))
		argv[argc++] = word;
	return options_argv(argc, argv);
}

static void
endpoint(const uint8_t *p, size_t n, char *text)
{
	struct tern_endpoint e = {0}, again = {0};
	char out[TERN_ENDPOINT_LEN];

	memcpy(text, p, n);
	text[n] = 0;
	if (tern_endpoint_parse(text, &e))
		return;
	tern_endpoint_format(&e, out);
	FUZZ_MUST(strlen(out) < sizeof(out) && tern_endpoint_parse(out, &again) == 0);
	FUZZ_MUST(e.af == again.af && e.port == again.port && memcmp(e.addr, again.addr, e.af == 4 ? 4 : 16) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t how = size ? data[0] & 3 : 0;
	const bool is_mix = size && (data[0] & 7) == 7;
	const size_t n = size ? size - 1 : 0;
	char *text = malloc(n + 1);
	int rc = options_init();

	fuzz_steps++;
	FUZZ_MUST(rc == 0);
	fflush(stderr);
	lines = 0;
	if (is_mix)
		rc = as_mix(data + 1, n);
	else if (how == 3)
		endpoint(data + 1, n, text);
	else
		rc = how == 2 ? as_words(data + 1, n, text) : as_file(data + (size ? 1 : 0), n);
	rc = rc || is_mix ? rc : options_check();
	fflush(stderr);
	/* a word may have line ends of its own, which are shown as they are */
	FUZZ_MUST(rc <= 0 && (rc ? lines >= 1 : lines == 0 || how == 3));
	forget();
	free(text);
	return 0;
}

static size_t
make_mix(uint8_t *p, size_t max, uint32_t (*r)(uint32_t n))
{
	static const char *const words[] = {"[a]\n",
					    "[b]\n",
					    "weight = ",
					    "connect = ",
					    "kind = ",
					    "http = ",
					    "method = ",
					    "body-size = ",
					    "status = ",
					    "request-size = ",
					    "response-size = ",
					    "requests-per-conn = ",
					    "think-ms = ",
					    "close = ",
					    "read-rate = ",
					    "send-rate = ",
					    "stay-ms = ",
					    "half-close\n",
					    "connect\n",
					    "silent\n",
					    "stall\n",
					    "abort\n",
					    "cut\n",
					    "deaf\n",
					    "/\n",
					    "/{n}\n",
					    "/{n:1-9}{n}",
					    "{n:",
					    "}",
					    "-",
					    "GET\n",
					    "HEAD\n",
					    "POST\n",
					    "PUT\n",
					    "client\n",
					    "server\n",
					    "reset\n",
					    "0\n",
					    "1\n",
					    "200\n",
					    "404\n",
					    "4294967296\n",
					    "192.0.2.2:80\n",
					    "[2001:db8::1]:80,2\n",
					    "\n",
					    "#",
					    "="};
	const uint32_t n = 2 + r(24);
	size_t len = 0;
	uint32_t i;

	for (i = 0; i < n && len + 64 < max; i++)
		len += snprintf((char *)p + len, max - len, "%s", words[i ? r(RTE_DIM(words)) : 0]);
	return len;
}

size_t
fuzz_make(uint8_t *p, size_t max, uint32_t (*r)(uint32_t n))
{
	static const char *const values[] = {"1",
					     "0",
					     "-1",
					     "yes",
					     "no",
					     "65536",
					     "4294967296",
					     "192.0.2.1/24",
					     "192.0.2.1/24+300",
					     "10.0.0.1",
					     "2001:db8::1/64",
					     "fe80::1",
					     "::",
					     "auto",
					     "cubic",
					     "on",
					     "",
					     "1024-65535",
					     "9-2",
					     "http",
					     "client",
					     "serve",
					     "wire",
					     "bench",
					     "loss=1%",
					     "delay=1ms",
					     "99999999999999999999",
					     "0x10",
					     "[::1]:80",
					     "a b"};
	const uint32_t n = 1 + r(12), how = r(5);
	const struct opt *t;
	size_t len = 0;
	uint32_t i, n_opts = 0;

	while (option_at(n_opts))
		n_opts++;
	p[len++] = how == 4 ? 7 : how;
	if (how == 4)
		return len + make_mix(p + len, max - len, r);
	if (how == 3)
		return len + snprintf((char *)p + len, max - len, "%s%s%u", values[r(30)], r(2) ? ":" : "", r(70000));
	for (i = 0; i < n && len + 128 < max; i++) {
		t = option_at(r(n_opts));
		if (how < 2 && (i == 0 || r(3)))
			len += snprintf((char *)p + len, max - len, "[%s%s]\n", t->section,
					strcmp(t->section, "if") ? "" : "0");
		len += snprintf((char *)p + len, max - len,
				how < 2 ? "%s = %s\n"
				: r(2)  ? "--%s=%s\n"
					: "--%s\n%s\n",
				t->name, values[r(30)]);
		if (r(10) == 0)
			p[len++] = r(256);
	}
	return len;
}
