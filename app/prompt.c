/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The tern> prompt of -i. On a terminal it is librte_cmdline's, testpmd's too, with completion and history: its
 * instances are made of the table of commands, the words as fixed tokens and what follows as one. What is no terminal,
 * a pipe or a file, is read line by line. The end of stdin is `quit`.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <rte_common.h>
#include <cmdline.h>
#include <cmdline_parse_string.h>
#include <cmdline_socket.h>
#include "ctl.h"
#include "options.h"

#define WORDS_MAX 3u
#define INSTANCES_MAX 64u

/* What cmdline makes of a line. */
struct parsed {
	cmdline_fixed_string_t word[WORDS_MAX];
	cmdline_multi_string_t rest;
};

/* cmdline's of a command, and what it refers to. */
struct instance {
	cmdline_parse_inst_t *inst;
	cmdline_parse_token_string_t token[WORDS_MAX + 1];
	char words[40];
};

static struct cmdline *terminal;
static struct instance made[INSTANCES_MAX];
static cmdline_parse_inst_t *instances[INSTANCES_MAX + 1];
static unsigned int n_instances;
static char line[CTL_LINE_MAX]; /* of a pipe: what has come of it */
static size_t len;
static bool too_long, ended;

static void
do_line(const char *text)
{
	struct out o;
	char why[256];

	if (!text[strspn(text, " \t\r")])
		return;
	out_init(&o, stdout, OUT_TEXT);
	if (ctl_do(text, &o, why, sizeof(why)))
		printf("%s\n", why);
	fflush(stdout);
	ended |= run_ends();
}

/* --- a terminal ---------------------------------------------------------------------------------------------- */

static void
on_words(struct cmdline *cl, const struct command *k, const char *rest)
{
	char text[CTL_LINE_MAX];

	snprintf(text, sizeof(text), "%s %s", k->words, rest);
	do_line(text);
	if (ended)
		cmdline_quit(cl);
}

static void
without(void *res, struct cmdline *cl, void *data)
{
	on_words(cl, data, "");
}

static void
with(void *res, struct cmdline *cl, void *data)
{
	on_words(cl, data, ((struct parsed *)res)->rest);
}

/* Token n of an instance. */
static void
token(struct instance *m, unsigned int n, size_t at, const char *text)
{
	m->token[n].hdr.ops = &cmdline_token_string_ops;
	m->token[n].hdr.offset = at;
	m->token[n].string_data.str = text;
	m->inst->tokens[n] = &m->token[n].hdr;
}

/* An instance of k; rest: with what follows its words. They live as long as the process. */
static int
add(const struct command *k, bool rest)
{
	struct instance *m = &made[n_instances];
	char *word, *save = NULL;
	unsigned int n = 0;

	if (n_instances == INSTANCES_MAX)
		return -ENOSPC;
	m->inst = calloc(1, sizeof(*m->inst) + (WORDS_MAX + 2) * sizeof(m->inst->tokens[0]));
	if (!m->inst)
		return -ENOMEM;
	m->inst->f = rest ? with : without;
	m->inst->data = (void *)(uintptr_t)k;
	m->inst->help_str = k->help;
	snprintf(m->words, sizeof(m->words), "%s", k->words);
	for (word = strtok_r(m->words, " ", &save); word && n < WORDS_MAX; word = strtok_r(NULL, " ", &save), n++)
		token(m, n, offsetof(struct parsed, word) + n * sizeof(cmdline_fixed_string_t), word);
	if (rest)
		token(m, n, offsetof(struct parsed, rest), TOKEN_STRING_MULTI);
	instances[n_instances++] = m->inst;
	return 0;
}

static int
make_instances(void)
{
	unsigned int i;
	int rc = 0;

	for (i = 0; i < n_commands && !rc; i++) {
		rc = commands[i].needs ? 0 : add(&commands[i], false);
		if (!rc && commands[i].args)
			rc = add(&commands[i], true);
	}
	return rc;
}

/* --- both ---------------------------------------------------------------------------------------------------- */

int
prompt_open(void)
{
	if (!isatty(STDIN_FILENO))
		return 0;
	fflush(stdout);
	if (make_instances())
		return complain("-i: no memory for the prompt");
	terminal = cmdline_stdin_new(instances, "tern> ");
	return terminal ? 0 : complain("-i: the terminal has no prompt: give commands by --ctl");
}

static void
pipe_in(const char *buf, size_t n)
{
	size_t i;

	for (i = 0; i < n && !ended; i++) {
		if (buf[i] != '\n') {
			too_long |= len == sizeof(line) - 1;
			line[len] = buf[i];
			len += !too_long;
			continue;
		}
		line[len] = 0;
		if (too_long)
			printf("a command of more than %zu bytes\n", sizeof(line) - 1);
		else
			do_line(line);
		len = 0;
		too_long = false;
	}
}

bool
prompt_turn(void)
{
	char buf[256];
	const ssize_t n = read(STDIN_FILENO, buf, sizeof(buf));

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return true;
	if (n > 0 && terminal)
		ended |= cmdline_in(terminal, buf, (int)n) < 0;
	else if (n > 0)
		pipe_in(buf, n);
	if (n <= 0 || (ended && !run_ends())) /* the end of input, or Ctrl-D */
		ctl_quit(false);
	return n > 0 && !ended;
}

void
prompt_close(void)
{
	if (terminal)
		cmdline_stdin_exit(terminal); /* and frees it */
	terminal = NULL;
}
