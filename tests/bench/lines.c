/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which cache lines of struct tern_conn does each kind of segment touch? One connection at a time between pairbed.h's
 * two ends; the page that holds it is out of reach, so every access to it stops, is written down and goes on for one
 * instruction. What crosses two lines counts for the first. Needs an x86 processor. By conn-lines.sh.
 *
 *	lines <EAL options> -- [fields]
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <netinet/in.h>
#include <rte_ip.h>
#include <rte_tcp.h>
#include "pairbed.h"

#define PAGE 4096
#define ROUNDS 8
#define TRAP_FLAG 0x100
#define FAULT_WRITE 2

enum kind { CONNECT, SEND, SYN, SYNACK, FINAL_ACK, DATA, ACK, FIN, FIN_ACK, KINDS };
static const char *const names[KINDS] = {"connect", "send", "SYN", "SYN-ACK",   "final ACK",
					 "data",    "ACK",  "FIN", "ACK of FIN"};

/* Of each end, kind and step (input, then callbacks and output): what was done to each 4 bytes of the connection. */
static struct {
	uint8_t read[sizeof(struct tern_conn) / 4], written[sizeof(struct tern_conn) / 4];
	bool seen;
} marks[2][KINDS][2];
static unsigned int at_end, at_step;
static enum kind at_kind;

static void
stopped(int sig, siginfo_t *info, void *context)
{
	ucontext_t *u = context;
	const uintptr_t at = (uintptr_t)info->si_addr - (uintptr_t)ends[at_end]->conns.base;

	if (at >= PAGE)
		abort();
	if (at < sizeof(struct tern_conn)) {
		marks[at_end][at_kind][at_step].seen = true;
		(u->uc_mcontext.gregs[REG_ERR] & FAULT_WRITE ? marks[at_end][at_kind][at_step].written :
							       marks[at_end][at_kind][at_step].read)[at / 4] = 1;
	}
	mprotect(ends[at_end]->conns.base, PAGE, PROT_READ | PROT_WRITE);
	u->uc_mcontext.gregs[REG_EFL] |= TRAP_FLAG;
}

static void
went_on(int sig, siginfo_t *info, void *context)
{
	ucontext_t *u = context;

	mprotect(ends[at_end]->conns.base, PAGE, PROT_NONE);
	u->uc_mcontext.gregs[REG_EFL] &= ~(greg_t)TRAP_FLAG;
}

static void
watch(unsigned int end, enum kind kind, unsigned int step)
{
	at_end = end;
	at_kind = kind;
	at_step = step;
	mprotect(ends[end]->conns.base, PAGE, PROT_NONE);
}

static void
unwatch(void)
{
	mprotect(ends[at_end]->conns.base, PAGE, PROT_READ | PROT_WRITE);
}

static enum kind
kind_of(const struct rte_mbuf *m, unsigned int to)
{
	const struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod_offset(m, const struct rte_ipv4_hdr *, RTE_ETHER_HDR_LEN);
	const struct rte_tcp_hdr *th = (const struct rte_tcp_hdr *)(ip + 1);
	const unsigned int len = rte_be_to_cpu_16(ip->total_length) - sizeof(*ip) - (th->data_off >> 4) * 4;

	if (th->tcp_flags & RTE_TCP_SYN_FLAG)
		return th->tcp_flags & RTE_TCP_ACK_FLAG ? SYNACK : SYN;
	if (th->tcp_flags & RTE_TCP_FIN_FLAG)
		return FIN;
	if (len)
		return DATA;
	return ends[to]->listeners.half_open                                              ? FINAL_ACK
	       : ((const struct tern_conn *)ends[to]->conns.base)->state == TERN_LAST_ACK ? FIN_ACK
											  : ACK;
}

/* What is on the way to that end, each frame by itself. */
static void
arrive(unsigned int to)
{
	unsigned int i;

	for (i = 0; i < n_wire[to]; i++) {
		const bool tcp =
			rte_pktmbuf_mtod(wire[to][i], const struct rte_ether_hdr *)->ether_type == RTE_BE16(0x0800);
		const enum kind kind = tcp ? kind_of(wire[to][i], to) : KINDS;

		if (tcp)
			watch(to, kind, 0);
		worker_input(ends[to], 0, &wire[to][i], 1);
		at_step = 1;
		worker_run(ends[to]);
		if (tcp)
			unwatch();
	}
	n_wire[to] = 0;
}

/* Until nothing is on its way any more: delayed ACKs go out. */
static void
settle(void)
{
	unsigned int i, end;

	for (i = 0; i < 20; i++) {
		now_us += 20000;
		for (end = 0; end < 2; end++) {
			worker_set_time(ends[end], now_us);
			arrive(end);
			worker_run(ends[end]);
			carry(end);
		}
	}
}

static struct tern_conn *client;

static void
opened(struct tern_conn *c, void *user)
{
	client = c;
}

static void
answered(struct tern_conn *c, void *user)
{
	if (took(c))
		done++;
}

static void
one_connection(void)
{
	static const struct tern_ops ops = {.connected = opened, .readable = answered};
	const struct tern_endpoint to = {.af = TERN_AF_INET, .port = htons(80), .addr = {198, 51, 100, 254}};
	struct tern_conn *c;
	unsigned int i;

	client = NULL;
	watch(1, CONNECT, 0);
	if (tern_connect(ends[1], NULL, &to, &ops, NULL, &c))
		errx(1, "it cannot connect");
	at_step = 1;
	worker_run(ends[1]);
	unwatch();
	carry(1);
	settle();
	if (!client)
		errx(1, "not connected");
	for (i = 0; i < ROUNDS; i++) {
		watch(1, SEND, 0);
		request(c);
		at_step = 1;
		worker_run(ends[1]);
		unwatch();
		carry(1);
		settle();
	}
	tern_close(c);
	settle();
}

static bool
line(const uint8_t *words, unsigned int i)
{
	return memchr(words + i * 16, 1, RTE_MIN(16u, (unsigned int)sizeof(struct tern_conn) / 4 - i * 16)) != NULL;
}

static void
print_step(const uint8_t *r, const uint8_t *w)
{
	unsigned int i, n = 0;

	for (i = 0; i < (sizeof(struct tern_conn) + 63) / 64; i++) {
		printf(" %s", line(w, i) ? "w" : line(r, i) ? "r" : ".");
		n += line(w, i) || line(r, i);
	}
	printf("  %u", n);
}

static void
print_fields(const uint8_t *r, const uint8_t *w)
{
	unsigned int i;

	for (i = 0; i < sizeof(struct tern_conn) / 4; i++)
		if (r[i] | w[i])
			printf(" %u%s", i * 4, w[i] ? r[i] ? "rw" : "w" : "r");
	printf("\n");
}

int
main(int argc, char **argv)
{
	const int n_eal = rte_eal_init(argc, argv);
	struct tern_conf conf;
	struct sigaction sa = {.sa_sigaction = stopped, .sa_flags = SA_SIGINFO};
	unsigned int end, kind, step;

	tern_conf_init(&conf, sizeof(conf));
	conf.name = "lines";
	conf.n_workers = 1;
	conf.n_ifs = 1;
	conf.max_conns = 64;
	if (n_eal < 0)
		return 1;
	packets = 8;
	pair_init(&conf);
	sigaction(SIGSEGV, &sa, NULL);
	sa.sa_sigaction = went_on;
	sigaction(SIGTRAP, &sa, NULL);
	one_connection(); /* learns its neighbour */
	memset(marks, 0, sizeof(marks));
	one_connection();
	if (done != 2 * ROUNDS)
		errx(1, "%lu answers", done);
	printf("%zu bytes; per line: w written, r only read, . not touched; lines touched\n%-17s %-20s  %s\n",
	       sizeof(struct tern_conn), "", "input", "callbacks and output");
	for (kind = 0; kind < KINDS; kind++)
		for (end = 0; end < 2; end++) {
			if (!marks[end][kind][0].seen && !marks[end][kind][1].seen)
				continue;
			printf("%-10s %-6s", names[kind], end ? "client" : "server");
			for (step = 0; step < 2; step++) {
				printf("  ");
				print_step(marks[end][kind][step].read, marks[end][kind][step].written);
			}
			printf("\n");
			for (step = 0; step < 2 && argc - n_eal > 1; step++)
				print_fields(marks[end][kind][step].read, marks[end][kind][step].written);
		}
	return 0;
}
