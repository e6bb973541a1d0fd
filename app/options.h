/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Everything the program can be told. One table in options.c is the command line, the config file, the ranges, the
 * defaults and --help.
 */
#ifndef OPTIONS_H
#define OPTIONS_H
#include <stdbool.h>
#include <stdint.h>
#include "impair.h"
#include "tern.h"

struct role;

enum close_mode { CLOSE_CLIENT, CLOSE_SERVER, CLOSE_RESET };

struct options {
	struct tern_conf conf; /* what goes to the library as it is */
	uint8_t role;          /* index in roles[] */
	uint32_t workers;      /* 0: one per lcore */
	uint16_t port;
	struct tern_endpoint listen; /* af 0: every address */
	int32_t backlog;
	uint32_t fastopen;
	uint32_t keepalive_s;
	bool trace, prefault;
	uint32_t stats_s, duration_s, drain_ms;
	/* http */
	const char *root, *body;
	uint32_t body_size, idle_s;
	bool content_of_file; /* the file said which of them */
	/* client, and the sizes of serve and bench */
	struct tern_endpoint connect;
	uint16_t connect_ports;
	uint32_t cps, concurrency, park;
	uint64_t total;
	uint32_t timeout_ms;
	uint32_t request_size, response_size, requests_per_conn;
	bool latency;
	uint8_t close_mode;
	uint8_t packets; /* of a short connection: 6, 7 or 8; 0: as close_mode says */
	const char *http_path, *output;
	/* bench */
	uint32_t ring_size, syn_flood, client_addrs;
	bool bench_ipv6, one_lcore;
	uint16_t bench_mtu;
	/* wire */
	struct impair_conf wire[2]; /* from the first port to the second, and back */
	uint32_t wire_idle_us;

	unsigned int cur_if;    /* which interface --addr and its like mean */
	unsigned int addr4_of_file, addr6_of_file; /* bit per interface: the command line may say another */
	unsigned int ifs_given; /* bit per interface that was mentioned */
	const char *eal_args;   /* of the config file */
};

/** Defaults. @return 0, or -EINVAL after a line (a defect of the table). */
int options_init(struct options *o);
/** Read a config file. @return 0 or -EINVAL after one line that names file and line. */
int options_file(struct options *o, const char *path);
/** Read argv[1 ..). @return 0 or -EINVAL after one line that names the option. */
int options_argv(struct options *o, int argc, char **argv);
/** What only shows when all is known. @return 0 or -EINVAL after one line. */
int options_check(struct options *o);
/** Is arg ("--name" or "--name=value") one of ours? */
bool options_known(const char *arg);
void options_help(void);
/** One line on stderr that starts with the program's name. @return -EINVAL. */
int __attribute__((format(printf, 1, 2))) complain(const char *fmt, ...);
/** The same, of what is taken all the same. */
void __attribute__((format(printf, 1, 2))) notice(const char *fmt, ...);
#endif
