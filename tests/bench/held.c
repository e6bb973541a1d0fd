/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Connections that are open and wait: OPEN of them, of which up to 32 a turn, picked at random, ask for RESPONSE bytes;
 * `short`: then they close and are replaced, 8 packets each. Two ends on one lcore in virtual time (pairwire.h), so
 * callgrind can count what is done in server_turn() and client_turn(), and cycles are TCP's and not a ring's. Beside
 * them memcpy() of as many bytes into and out of as much memory as the packet buffers are.
 *
 *	held <EAL options> -- ANSWERS OPEN RESPONSE [short] [lose=PPM] [mtu=BYTES] [refs] [device]
 *
 * Else text is copied: from the application's memory at one end and to it at the other, and summed on the way. refs:
 * sent from where it lies and taken in packet buffers, and nobody looks at it. device: nobody sums it either, as with a
 * NIC that does.
 */
#include <stdio.h>
#include <rte_cycles.h>
#include "pairwire.h"

#define REQUEST 64u
#define ASK_MAX 32u
#define ACTIVE 256u /* that wait for an answer at a time */
#define OPENING 64u /* likewise, to be open */
#define CHUNK 16384u
#define TURNS_MAX 50000000u
#define SLOT 2048u /* of a packet buffer */

struct peer { /* of the server */
	struct peer *next;
	uint32_t asked, owes; /* bytes */
};

struct asker {
	struct tern_conn *c;
	uint32_t got;
};

static struct asker *askers;
static uint32_t *resting, *unused; /* askers */
static uint32_t n_open, n_resting, n_unused, opening, active, response;
static struct peer *peers; /* not in use */
static bool brief, refs, loaded; /* loaded: all were open once */
static uint64_t answers, failed, cycles[2];
static char text[CHUNK], sink[CHUNK];
static struct tern_ref ref;

static uint32_t
pick(uint32_t n)
{
	static uint64_t x = 88172645463325252;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return (x >> 32) * n >> 32;
}

/* @return bytes that were taken. */
static uint32_t
take(struct tern_conn *c)
{
	struct rte_mbuf *m;
	uint32_t got = 0;
	ssize_t n;

	while (!refs && (n = tern_recv(c, sink, sizeof(sink))) > 0)
		got += n;
	while (refs && tern_recv_mbufs(c, &m, 1) > 0) {
		got += m->pkt_len;
		tern_mbuf_free(tern_conn_worker(c), m);
	}
	return got;
}

/* --- server -------------------------------------------------------------------------------------------------- */

static void
answer(struct tern_conn *c, void *user)
{
	struct peer *p = user;
	ssize_t n;

	p->asked += take(c);
	for (; p->asked >= REQUEST; p->asked -= REQUEST)
		p->owes += response;
	while (p->owes) {
		const uint32_t len = RTE_MIN(p->owes, CHUNK);

		n = refs ? tern_send_ref(c, &ref, text, len, 0) : tern_send(c, text, len, 0);
		if (n <= 0)
			return; /* writable() follows */
		p->owes -= n;
	}
	if (!tern_recv_eof(c))
		return;
	tern_close(c);
	p->next = peers;
	peers = p;
}

static void
server_closed(struct tern_conn *c, void *user, int err)
{
	struct peer *p = user;

	p->next = peers;
	peers = p;
}

static void
acceptable(struct tern_listener *l, void *user)
{
	static const struct tern_ops ops = {.readable = answer, .writable = answer, .closed = server_closed};
	struct tern_conn *c;
	struct peer *p;

	while (tern_accept(l, NULL, NULL, &c, 1)) {
		p = peers;
		if (!p)
			errx(1, "more connections at the server than were opened");
		peers = p->next;
		p->asked = p->owes = 0;
		tern_conn_set_user(c, &ops, p);
		answer(c, p);
	}
}

__attribute__((noinline)) void
server_turn(void)
{
	const uint64_t t = rte_rdtsc();

	input(0);
	cycles[0] += rte_rdtsc() - t;
}

/* --- client -------------------------------------------------------------------------------------------------- */

static void
connected(struct tern_conn *c, void *user)
{
	struct asker *a = user;

	opening--;
	resting[n_resting++] = a - askers;
}

static void
answered(struct tern_conn *c, void *user)
{
	struct asker *a = user;

	a->got += take(c);
	if (a->got < response)
		return;
	answers++;
	active--;
	if (!brief) {
		resting[n_resting++] = a - askers;
		return;
	}
	tern_close(c);
	unused[n_unused++] = a - askers;
}

static void
client_closed(struct tern_conn *c, void *user, int err)
{
	failed++;
}

static void
open_some(void)
{
	static const struct tern_ops ops = {.connected = connected, .readable = answered, .closed = client_closed};
	const struct tern_endpoint to = {.af = TERN_AF_INET, .port = htons(80), .addr = {198, 51, 100, 254}};

	for (; n_unused && opening < OPENING; opening++) {
		struct asker *a = &askers[unused[n_unused - 1]];

		if (tern_connect(ends[1], NULL, &to, &ops, a, &a->c))
			break;
		n_unused--;
	}
}

static void
ask(void)
{
	unsigned int i;
	uint32_t k;

	for (i = 0; i < ASK_MAX && active < ACTIVE && n_resting; i++) {
		struct asker *a;

		k = pick(n_resting);
		a = &askers[resting[k]];
		resting[k] = resting[--n_resting];
		a->got = 0;
		active++;
		if (tern_send(a->c, text, REQUEST, 0) != REQUEST)
			failed++;
	}
}

__attribute__((noinline)) void
client_turn(void)
{
	const uint64_t t = rte_rdtsc();

	input(1);
	open_some();
	if (loaded)
		ask();
	cycles[1] += rte_rdtsc() - t;
}

/* --- all of it ----------------------------------------------------------------------------------------------- */

static void
options(int n, char **v)
{
	int i;

	for (i = 0; i < n; i++) {
		if (strcmp(v[i], "short") == 0)
			brief = true;
		else if (strcmp(v[i], "refs") == 0)
			refs = true;
		else if (strcmp(v[i], "device") == 0)
			device_sums = true;
		else if (sscanf(v[i], "lose=%u", &lose_ppm) != 1 && sscanf(v[i], "mtu=%hu", &mtu) != 1)
			errx(2, "'%s': write short, lose=PPM, mtu=BYTES, refs or device", v[i]);
	}
}

static void
set_up(void)
{
	static const struct tern_listener_ops ops = {.acceptable = acceptable};
	const uint32_t n_peers = n_open + ACTIVE + OPENING; /* some still close */
	struct tern_conf conf;
	uint32_t i;

	pair_conf(&conf, "held");
	conf.max_conns = 2 * n_peers;
	pair_init(&conf, &ops);
	askers = calloc(n_open, sizeof(*askers));
	resting = calloc(n_open, sizeof(*resting));
	unused = calloc(n_open, sizeof(*unused));
	if (!askers || !resting || !unused || tern_ref_init(&ref, text, sizeof(text), NULL, NULL))
		errx(1, "no memory");
	for (i = 0; i < 2 * n_peers; i++) {
		struct peer *p = calloc(1, sizeof(*p));

		if (!p)
			errx(1, "no memory");
		p->next = peers;
		peers = p;
	}
	for (i = 0; i < n_open; i++)
		unused[n_unused++] = i;
}

/* @return cycles of copying a byte to where packets are, or from there. */
static double
copied(bool into, uint64_t bytes)
{
	const size_t area = (size_t)MBUFS * SLOT, len = mtu - 52;
	static char *mem;
	uint64_t t, n;
	size_t at = 0;

	if (!mem) {
		mem = malloc(area + mtu);
		if (!mem)
			errx(1, "no memory");
		memset(mem, 1, area + mtu);
	}
	t = rte_rdtsc();
	for (n = 0; n < bytes; n += len) {
		memcpy(into ? mem + at : sink, into ? text : mem + at, len);
		__asm__ volatile("" ::: "memory");
		at = at + len > area ? 0 : at + SLOT * RTE_MAX(len / SLOT, (size_t)1);
	}
	return (double)(rte_rdtsc() - t) / n;
}

int
main(int argc, char **argv)
{
	const int n_eal = rte_eal_init(argc, argv);
	uint64_t want, turns = 0, frames_before;
	double bytes;

	if (n_eal < 0)
		return 1;
	argc -= n_eal;
	argv += n_eal;
	if (argc < 4)
		errx(2, "held <EAL options> -- ANSWERS OPEN RESPONSE [short] [lose=PPM] [mtu=BYTES] [refs] [device]");
	want = strtoul(argv[1], NULL, 10);
	n_open = strtoul(argv[2], NULL, 10);
	response = strtoul(argv[3], NULL, 10);
	options(argc - 4, argv + 4);
	if (!want || !n_open || !response)
		errx(2, "ANSWERS, OPEN and RESPONSE are numbers from 1 on");
	set_up();
	while (n_resting < n_open && turns++ < TURNS_MAX)
		pair_turn();
	loaded = true;
	cycles[0] = cycles[1] = answers = 0;
	frames_before = frames;
	while (answers < want && turns++ < TURNS_MAX)
		pair_turn();
	bytes = (double)answers * response;
	printf("held: %lu answers of %u bytes, %lu failed, %.2f packets each; cycles of each: server %.0f, client "
	       "%.0f; of a byte: server %.3f, client %.3f",
	       answers, response, failed, (double)(frames - frames_before) / answers, (double)cycles[0] / answers,
	       (double)cycles[1] / answers, cycles[0] / bytes, cycles[1] / bytes);
	if (response > CHUNK)
		printf("; memcpy: in %.3f, out %.3f", copied(true, bytes), copied(false, bytes));
	putchar('\n');
	return answers < want || failed;
}
