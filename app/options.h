/* SPDX-License-Identifier: BSD-3-Clause */
/* What the program can be told whatever its role is. A role's own options are in its file: option.h. */
#ifndef OPTIONS_H
#define OPTIONS_H
#include <stdbool.h>
#include <stdint.h>
#include "tern.h"

struct options {
	struct tern_conf conf; /* what goes to the library as it is */
	uint8_t role;          /* index in roles[] */
	uint32_t workers;      /* 0: one per lcore */
	uint16_t port;
	struct tern_endpoint listen; /* af 0: every address */
	int32_t backlog;
	uint32_t fastopen;
	uint32_t keepalive_s;
	bool trace, prefault, interactive, auto_start;
	uint32_t rxq, txq, mbufs_all; /* testpmd's words; 0: not said */
	uint64_t portmask;
	struct tern_endpoint metrics; /* port 0: none; af 0: every address */
	const char *ctl; /* the commands' socket, "auto" for one that is found; NULL: none */
	uint32_t stats_s, duration_s, drain_ms;
	const char *capture, *capture_filter;
	const char *json, *json_stream, *csv; /* record.h */

	unsigned int cur_if;    /* which interface --addr and its like mean */
	unsigned int addr4_of_file, addr6_of_file; /* bit per interface: the command line may say another */
	unsigned int ifs_given; /* bit per interface that was mentioned */
	const char *eal_args;   /* of the config file */
};
extern struct options options;

/** Defaults. @return 0, or -EINVAL after a line (a defect of a table). */
int options_init(void);
/** Read a config file. @return 0 or -EINVAL after one line that names file and line. */
int options_file(const char *path);
/** Read argv[1 ..). @return 0 or -EINVAL after one line that names the option. */
int options_argv(int argc, char **argv);
/** What only shows when all is known. @return 0 or -EINVAL after one line. */
int options_check(void);
/** Is arg ("--name" or "--name=value") one of ours? */
bool options_known(const char *arg);
/** Has the interface an address of this family? */
bool if_has(const struct tern_if_conf *c, uint8_t af);
void options_help(void);
/** One line on stderr that starts with the program's name. @return -EINVAL. */
int __attribute__((format(printf, 1, 2))) complain(const char *fmt, ...);
/** The same, of what is taken all the same. */
void __attribute__((format(printf, 1, 2))) notice(const char *fmt, ...);
#endif
