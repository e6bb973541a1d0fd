/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A packetdrill script in memory, and its reader (script.c; its parts: script_read.h). The language is that of
 * google/packetdrill's syntax.md, less what a TCP endpoint without a kernel can't have: no code sections; `commands`
 * are read and not run.
 */
#ifndef SCRIPT_H
#define SCRIPT_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARGS_MAX 6
#define OPTS_MAX 40
#define TEXT_MAX 256

enum { T_ABSOLUTE, T_RELATIVE, T_ANY };
enum { E_INBOUND, E_OUTBOUND, E_CALL };
enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16, URG = 32, ECE = 64, CWR = 128 };

struct opt { /* a TCP option, values in host order */
	uint8_t kind, len;
	uint32_t v[8];
	uint8_t raw[38];
};

struct pd_packet {
	uint32_t seq, len, ack, wnd, urg;
	bool has_wnd, any_options, is_icmp, has_mtu;
	uint8_t flags, ecn, n_opts; /* ecn: 0 not said (not-ECT, not looked at), 1 + codepoint */
	struct opt opts[12];
	uint8_t icmp_type, icmp_code;
	uint32_t icmp_mtu;
};

struct event {
	int line, kind, time_kind;
	int64_t at_us, until_us; /* until_us: the latest, or the end of a call that blocks; -1: none */
	char text[TEXT_MAX];	 /* for messages */
	struct pd_packet p;
	char name[24]; /* of the call */
	unsigned int n_args;
	char *args[ARGS_MAX];
	char *result, *error;
};

struct script {
	const char *path;
	uint8_t af;
	int64_t tolerance_us;
	char local_ip[46], remote_ip[46]; /* "": the default */
	unsigned int mtu, mss;		  /* of the interface; the longest text of a packet, 0: not looked at */
	unsigned int n_commands, n_events;
	struct event *events;
	char *buf;
};

/** @return 0, or -1 after a message to stderr. */
int script_read(struct script *s, const char *path);
void script_free(struct script *s);
/** Numbers, symbols of the socket API and sums of them with `|`; surrounding brackets are taken off. @return false:
 *  unknown. */
bool script_number(const char *text, long *v);
#endif
