/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The commands of a running program: one table (ctl.c), asked from the prompt (prompt.c), over a Unix socket (serve.c,
 * and ctl_call.c at its other end) and by DPDK's telemetry (telemetry.c). They run one at a time on a thread of their
 * own, never on a worker's; what is a worker's own is asked of it (ask.h).
 */
#ifndef CTL_H
#define CTL_H
#include <stddef.h>
#include <rte_ethdev.h>
#include "ask.h"
#include "filter.h"
#include "out.h"
#include "run.h"

#define CTL_LINE_MAX 2048u

/** A command being run. */
struct ctl {
	const struct run *run;
	struct out *out;
	const char *args; /* what follows the command's words, "" for nothing */
	char why[256];    /* what is wrong, a line without newline */
};

struct command {
	const char *words, *args, *help;
	bool needs;               /* the arguments */
	int (*fn)(struct ctl *c); /* @return 0, or a negative errno and c->why */
};
extern const struct command commands[];
extern const unsigned int n_commands;

/** Run a line. @return 0, or a negative errno and why. What it says may have begun then. */
int ctl_do(const char *line, struct out *o, char *why, size_t size);
int __attribute__((format(printf, 2, 3))) ctl_wrong(struct ctl *c, const char *fmt, ...);
/** ask_copy() of worker w of the run's stack k for the command `what`, with c->why. */
int ctl_worker(struct ctl *c, const char *what, unsigned int k, unsigned int w, ask_fn fn, void *arg, size_t size);
/** Of an interface's port; one that has none is "ifN". */
void ctl_port_name(const struct stack *s, unsigned int ifidx, char dev[RTE_ETH_NAME_MAX_LEN]);

/** Before the workers start, as the options say: opens what they ask for. @return 0, or -errno after one line. */
int ctl_open(const struct run *r);
/** No worker runs any more. */
void ctl_close(void);
/** Whoever asks for its end: `quit`, and `drain`, which finishes what is open. */
void ctl_quit(bool drain);

/* show.c, show_conns.c, show_port.c, show_net.c, set.c */
int show_conns(struct ctl *c);
int show_listeners(struct ctl *c);
int show_drops(struct ctl *c);
int show_workers(struct ctl *c);
int show_memory(struct ctl *c);
int show_stats(struct ctl *c);
int show_role(struct ctl *c);
int show_timers(struct ctl *c);
int show_neigh(struct ctl *c);
int show_routes(struct ctl *c);
int show_port_info(struct ctl *c);
int show_port_stats(struct ctl *c);
int show_port_xstats(struct ctl *c);
int show_port_rss(struct ctl *c);
int clear_stats(struct ctl *c);
int clear_port_stats(struct ctl *c);
int clear_port_xstats(struct ctl *c);
int set_log(struct ctl *c);
int set_knob(struct ctl *c);
/** A number of a role, which has it, on all workers. @return 0 or a negative errno and why, without newline. */
int set_number(struct stack *s, const char *name, uint64_t n, char *why, size_t size);
int set_accepting(struct ctl *c);
int set_not_accepting(struct ctl *c);

/* capture.c */
int capture_to(struct ctl *c);
int capture_stop(struct ctl *c);
int show_capture(struct ctl *c);
int trace_on(struct ctl *c);
int trace_off(struct ctl *c);

/** From here on counters are shown, until `clear stats`. */
void show_init(const struct run *r);
void show_fini(void);

/* A piece of show conns: what one poll looks at, and what is kept until the asker takes it. */
#define WALK_LINES 64u               /* of the worker's table */
#define WALK_PIECE (WALK_LINES * 7u) /* connections, at most */
#define WALK_ROOM (2 * WALK_PIECE)
struct walk {
	struct filter filter;
	uint32_t cursor;
	bool over;
	unsigned int n;
	struct tern_info i[WALK_ROOM];
};
bool walk_piece(struct tern_worker *w, void *arg);
json_t *conn_row(const struct tern_info *i, unsigned int worker);

/* What a worker says of its listeners, when it is asked. */
#define LISTENERS_MAX 256u
struct told_listeners {
	unsigned int n, left_off;
	uint64_t now_us;
	struct tern_listener_info i[LISTENERS_MAX];
};
bool take_listeners(struct tern_worker *w, void *arg);

/* serve.c */
int serve_open(const char *path);
void serve_close(void);
/** Descriptors to wait for, then what happened at them. */
struct pollfd;
unsigned int serve_fds(struct pollfd *p, unsigned int max);
void serve_turn(const struct pollfd *p, unsigned int n);

/* prompt.c: stdin */
int prompt_open(void);
/** @return false: there will be nothing more. */
bool prompt_turn(void);
void prompt_close(void);

/* telemetry.c */
void telemetry_open(void);

/* ctl_call.c: tern ctl [--socket PATH] [--json] COMMAND... */
int ctl_call(int argc, char **argv);
/** What a running tern says to "text COMMAND\n" or "json COMMAND\n" goes to f; path: --socket's, or NULL. @return 0,
 *  or a negative errno after a line. */
int ctl_ask(const char *path, const char *line, FILE *f);

/* top.c: tern top [-i SECONDS] [-n COUNT] [PATH] */
int top(int argc, char **argv);
#endif
