/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The program's HTTP roles, driven by their peer: on node 1 of the bed a server or a client, on node 0 somebody who
 * says any words in any pieces, reads or does not, shuts, closes, resets and comes again, while time passes and node 1
 * is short of mbufs. Beside what the bed asks for, with the same settings: what a server says begins as HTTP does, and
 * a role that was drained leaves nothing.
 */
#include <stdio.h>
#include "bed.h"
#include "client.h"
#include "option.h"
#include "words.h"

#define SETTINGS 5u /* bytes of the input that the bed reads */
#define ROLE_PORT 80
#define HEAR_MAX 65536u

extern const struct role role_http;

const char fuzz_name[] = "roles";
static struct stack stack;
static uint8_t family;
static bool asks[SOCKS]; /* of node 0: is connected to the role */

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	bed_init();
	FUZZ_MUST(options_init() == 0);
	return 0;
}

/* --- the role ----------------------------------------------------------------------------------------------------- */

static void
role_up(uint8_t how)
{
	struct tern_endpoint at = {.af = family, .port = htons(ROLE_PORT)};

	memset(&stack, 0, sizeof(stack));
	memset(&plan, 0, sizeof(plan));
	options.listen.af = family;
	options.port = ROLE_PORT;
	options.backlog = 4;
	options.conf.max_conns = bed.conf.max_conns;
	requests.per_conn = 1 + (how >> 4 & 3);
	plan.connect = at;
	node_addr(plan.connect.addr, family, 1);
	plan.connect_ports = 1;
	plan.concurrency = 4; /* two of them node 1's */
	plan.timeout_ms = how & 64 ? 1000 : 0;
	plan.http_path = "/";
	stack.o = &options;
	stack.role = how & 1 ? &role_client : &role_http;
	stack.n_workers = 2; /* the first has none */
	if (how & 1)
		FUZZ_MUST(tern_listen(bed.n[0].w, &at, 4, &listen_ops, &bed.n[0], &bed.n[0].l[0]) == 0);
	FUZZ_MUST(!stack.role->init || stack.role->init(&stack) == 0);
	FUZZ_MUST(stack.role->start(&stack, bed.n[1].w) == 0);
}

static void
role_down(void)
{
	stack.stopping = true;
	stack.role->drain(&stack, bed.n[1].w);
	bed_stop();
	role_free(&stack);
}

/* --- its peer ----------------------------------------------------------------------------------------------------- */

static void
come(void)
{
	struct tern_endpoint to = {.af = family, .port = htons(ROLE_PORT)};
	struct end *e;

	if (bed.n[0].l[0]) { /* the role comes by itself */
		accept_some(&bed.n[0], bed.n[0].l[0], 4);
		return;
	}
	e = end_new(&bed.n[0]);
	if (!e)
		return;
	node_addr(to.addr, family, 2);
	if (tern_connect(bed.n[0].w, NULL, &to, &end_ops, e, &e->c)) {
		e->used = false;
		e->c = NULL;
		return;
	}
	end_opened(e);
	asks[e - bed.n[0].e] = true;
}

static void
say(struct end *e, const void *text, size_t n)
{
	SAY("    end %u says %.*s\n", (unsigned int)(e - bed.n[0].e), (int)n, (const char *)text);
	tern_send(e->c, text, n, 0);
}

/* As many bytes of the input as there are, at most n. */
static void
say_raw(struct end *e, size_t n)
{
	n = RTE_MIN(n, (size_t)(bed.in.end - bed.in.p));
	say(e, bed.in.p, n);
	bed.in.p += n;
}

static void
hear(struct end *e, size_t max)
{
	static char buf[HEAR_MAX];
	const ssize_t n = tern_recv(e->c, buf, RTE_MIN(max, sizeof(buf)));

	if (n > 0 && e->rx == 1 && asks[e - bed.n[0].e])
		FUZZ_MUST(memcmp(buf, "HTTP/1.", RTE_MIN(n, 7)) == 0);
	e->rx += n > 0 ? n : 0;
}

static void
speak(struct end *e, uint8_t what)
{
	static char line[9000];
	const char *word;

	if (what < 6) {
		word = http_words[u8() % N_HTTP_WORDS];
		say(e, word, strlen(word));
	} else if (what < 8) {
		say_raw(e, u8() & 63);
	} else if (what < 9) {
		memset(line, 'a', sizeof(line));
		say(e, line, u16() % sizeof(line));
	} else if (what < 11) {
		hear(e, u16());
	} else if (what < 12) {
		tern_shutdown(e->c, u8() % 3);
	} else if (what < 13) {
		tern_close(end_take(e));
	} else {
		tern_abort(end_take(e));
	}
}

static void
step(void)
{
	const uint8_t what = u8(), how = what >> 4;
	struct end *e = &bed.n[0].e[u8() & 3];

	if ((what & 15) < 10) {
		if (e->c)
			speak(e, how);
		else
			come();
	} else if ((what & 15) < 11) {
		come();
	} else if ((what & 15) < 14) {
		quiet();
	} else if ((what & 15) < 15) {
		advance(how & 8 ? u8() * SEC : u8() * MS, 40);
	} else if (how & 8) {
		scarce(&bed.n[1], how & 7);
	} else {
		plenty(&bed.n[1]);
	}
	stack.role->poll(&stack, bed.n[1].w, bed.now_us);
	bed.n[0].dirty = bed.n[1].dirty = true;
	check(0);
	check(1);
	turn();
	bed.steps++;
	fuzz_steps++;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t how;

	memset(&bed, 0, offsetof(struct bed, wire));
	memset(&bed.head, 0, sizeof(bed) - offsetof(struct bed, head));
	memset(asks, 0, sizeof(asks));
	bed.in = (struct fuzz_in){data, data + RTE_MIN(size, SETTINGS)};
	bed_start(); /* and none of what the bed's own programs begin with */
	bed.in.end = data + size;
	bed.mangled = true; /* what is said is not the bed's text */
	how = u8();
	family = how & 2 ? 6 : 4;
	role_up(how);
	while (bed.in.p < bed.in.end)
		step();
	role_down();
	return 0;
}

/* Zeros first, as the bed's settings are; then steps, most of them words. */
size_t
fuzz_make(uint8_t *p, size_t max, uint32_t (*r)(uint32_t n))
{
	const size_t len = 64 + r(max > 64 ? max - 64 : 1);
	size_t i;

	for (i = 0; i < len && i + 3 < max;) {
		if (i <= SETTINGS) {
			p[i++] = r(2) ? 0 : r(256);
			continue;
		}
		p[i++] = r(3) ? r(6) << 4 : r(256);
		p[i++] = r(4) ? 0 : r(256);
		p[i++] = r(256);
	}
	return i;
}
