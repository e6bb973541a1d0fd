/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which cache lines does each kind of segment touch: of struct tern_conn, one by one; of everything else that a worker
 * has, how many, and in how many pages? One connection at a time between pairbed.h's two ends; what is watched is out
 * of reach, so every access to it stops, is written down and goes on for one instruction. What crosses two lines counts
 * for the first. Needs an x86 processor. By conn-lines.sh.
 *
 *	lines <EAL options> -- [fields | packets]
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
#define LINES_MAX 512
#define PAGE_LINES (PAGE / RTE_CACHE_LINE_SIZE)

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

/* What is watched of an end. */
enum part { CONN, REQUEST, TIMEWAIT, TABLE, PORTS, MBUF, SMALL, WORKER, PARTS };
static const char *const part_names[PARTS] = {"conn",  "request", "time-wait", "table",
						"ports", "mbuf",    "small",     "worker"};
static struct {
	char *base;
	size_t len; /* 0: it is not watched */
} parts[2][PARTS];

/* Of the segment in progress: lines, by address. Of each kind: their numbers, summed over n segments. */
static struct {
	uintptr_t line;
	enum part part;
} touched[LINES_MAX];
static unsigned int n_touched;
static struct {
	unsigned int n, lines[PARTS], pages;
} sums[2][KINDS];

static uintptr_t open_pages[2]; /* an instruction can reach two */
static unsigned int n_open;

static void
note(uintptr_t at, enum part part)
{
	unsigned int i;

	at /= RTE_CACHE_LINE_SIZE;
	for (i = 0; i < n_touched; i++)
		if (touched[i].line == at)
			return;
	if (n_touched == LINES_MAX)
		abort();
	touched[n_touched].line = at;
	touched[n_touched++].part = part;
}

static void
stopped(int sig, siginfo_t *info, void *context)
{
	ucontext_t *u = context;
	const uintptr_t addr = (uintptr_t)info->si_addr, at = addr - (uintptr_t)parts[at_end][CONN].base;
	enum part p;

	for (p = 0; p < PARTS && addr - (uintptr_t)parts[at_end][p].base >= parts[at_end][p].len; p++)
		;
	if (p == PARTS || n_open == 2)
		abort();
	note(addr, p);
	if (at < sizeof(struct tern_conn)) {
		marks[at_end][at_kind][at_step].seen = true;
		(u->uc_mcontext.gregs[REG_ERR] & FAULT_WRITE ? marks[at_end][at_kind][at_step].written :
							       marks[at_end][at_kind][at_step].read)[at / 4] = 1;
	}
	open_pages[n_open] = addr & ~(uintptr_t)(PAGE - 1);
	mprotect((void *)open_pages[n_open++], PAGE, PROT_READ | PROT_WRITE);
	u->uc_mcontext.gregs[REG_EFL] |= TRAP_FLAG;
}

static void
went_on(int sig, siginfo_t *info, void *context)
{
	ucontext_t *u = context;

	while (n_open)
		mprotect((void *)open_pages[--n_open], PAGE, PROT_NONE);
	u->uc_mcontext.gregs[REG_EFL] &= ~(greg_t)TRAP_FLAG;
}

static void
protect(int prot)
{
	enum part p;

	for (p = 0; p < PARTS; p++)
		if (parts[at_end][p].len && mprotect(parts[at_end][p].base, parts[at_end][p].len, prot))
			err(1, "mprotect");
}

static void
watch(unsigned int end, enum kind kind, unsigned int step)
{
	at_end = end;
	at_kind = kind;
	at_step = step;
	n_touched = 0;
	protect(PROT_NONE);
}

static void
unwatch(void)
{
	unsigned int i, k;

	protect(PROT_READ | PROT_WRITE);
	sums[at_end][at_kind].n++;
	for (i = 0; i < n_touched; i++) {
		sums[at_end][at_kind].lines[touched[i].part]++;
		for (k = 0; k < i && touched[k].line / PAGE_LINES != touched[i].line / PAGE_LINES; k++)
			;
		sums[at_end][at_kind].pages += k == i && touched[i].part != WORKER;
	}
}

static void
add_part(unsigned int end, enum part p, void *base, size_t len)
{
	parts[end][p].base = (char *)((uintptr_t)base & ~(uintptr_t)(PAGE - 1));
	parts[end][p].len = ((uintptr_t)base + len - (uintptr_t)parts[end][p].base + PAGE - 1) & ~(size_t)(PAGE - 1);
}

static void
add_memory(struct rte_mempool *mp, void *arg, struct rte_mempool_memhdr *mem, unsigned int i)
{
	const unsigned int *where = arg;

	if (i)
		errx(1, "a pool in several pieces");
	add_part(where[0], where[1], mem->addr, mem->len);
}

/* packets: all of it; else the connection. */
static void
choose_parts(bool packets_too)
{
	unsigned int end;

	for (end = 0; end < 2; end++) {
		struct tern_worker *w = ends[end];
		const struct pool *pools[] = {&w->conns, &w->requests, &w->timewaits[0]};
		unsigned int where[2] = {end, MBUF}, p;

		if (!packets_too) {
			add_part(end, CONN, w->conns.base, PAGE);
			continue;
		}
		for (p = CONN; p <= TIMEWAIT; p++)
			add_part(end, p, pools[p]->base, pools[p]->bytes);
		add_part(end, TABLE, w->table.buckets, w->table.bytes);
		add_part(end, PORTS, w->ports.pool.base, w->ports.pool.bytes);
		rte_mempool_mem_iter(w->mbufs.pool, add_memory, where);
		where[1] = SMALL;
		rte_mempool_mem_iter(w->mbufs.small, add_memory, where);
		add_part(end, WORKER, w, sizeof(*w));
	}
}

static void
print_packets(void)
{
	unsigned int end, kind, p, all;

	printf("lines of a segment, its callbacks and its answer\n%-17s", "");
	for (p = 0; p < PARTS; p++)
		printf(" %9s", part_names[p]);
	printf(" %9s %9s\n", "but worker", "its pages");
	for (kind = 0; kind < KINDS; kind++)
		for (end = 0; end < 2; end++) {
			const double n = sums[end][kind].n;

			if (!sums[end][kind].n)
				continue;
			printf("%-10s %-6s", names[kind], end ? "client" : "server");
			for (p = all = 0; p < PARTS; p++) {
				printf(" %9.1f", sums[end][kind].lines[p] / n);
				all += p == WORKER ? 0 : sums[end][kind].lines[p];
			}
			printf(" %9.1f %9.1f\n", all / n, sums[end][kind].pages / n);
		}
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

	pair_conf(&conf, "lines");
	conf.max_conns = 64;
	if (n_eal < 0)
		return 1;
	packets = 8;
	short_init(&conf);
	sigaction(SIGSEGV, &sa, NULL);
	sa.sa_sigaction = went_on;
	sigaction(SIGTRAP, &sa, NULL);
	choose_parts(argc - n_eal > 1 && !strcmp(argv[n_eal + 1], "packets"));
	one_connection(); /* learns its neighbour */
	memset(marks, 0, sizeof(marks));
	memset(sums, 0, sizeof(sums));
	one_connection();
	if (done != 2 * ROUNDS)
		errx(1, "%lu answers", done);
	if (argc - n_eal > 1 && !strcmp(argv[n_eal + 1], "packets")) {
		print_packets();
		return 0;
	}
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
