/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tern explain: a client and a server, two whole stacks of this library, over a wire that is a pair of rings in our
 * hands. A scene says what the programs do and which packet must come next; it may be lost, late, or come again. What
 * is printed is what was seen: a scene that goes otherwise ends with a line and status 1, so that the text is true.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <rte_bus_vdev.h>
#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_ip.h>
#include <rte_tcp.h>
#include "eal.h"
#include "explain.h"
#include "ladder.h"
#include "options.h"

#define SLOTS 4u
#define QUEUE 64u
#define PATIENCE_MS 8000u /* for the next packet: the longest retransmission of a scene takes less */
#define TEXT_WIDTH 112
#define TRIES 5u

struct end {
	struct tern *t;
	struct tern_worker *w;
	struct rte_ring *rx, *tx;
	struct tern_conn *c;
	struct tern_listener *l;
	uint32_t isn;
	bool has_isn;
};

static struct end ends[2]; /* client, server */
static struct seen {
	struct rte_mbuf *m;
	bool back; /* from the server */
} queue[QUEUE];
static unsigned int n_queue;
static struct seen kept[SLOTS];
static struct rte_mempool *pool;
static uint64_t began;
static uint16_t client_port;
static FILE *out;     /* of the scene that is played */
static char why[128]; /* it went otherwise */

static double
now_s(void)
{
	return (double)(rte_rdtsc() - began) / rte_get_tsc_hz();
}

/* --- the two ends ---------------------------------------------------------------------------------------------- */

static void
on_closed(struct tern_conn *c, void *user, int err)
{
	((struct end *)user)->c = NULL;
}

static const struct tern_ops ops = {.closed = on_closed};
static const struct tern_listener_ops listener_ops;

static int
on_start(struct tern_worker *w, void *arg)
{
	((struct end *)arg)->w = w;
	return 0;
}

static void
on_drain(struct tern_worker *w, void *arg)
{
	struct end *e = arg;

	if (e->l)
		tern_listener_close(e->l);
	if (e->c)
		tern_abort(e->c);
	e->l = NULL;
	e->c = NULL;
}

static int
end_up(unsigned int i, const struct scene *s)
{
	static const char *const names[2] = {"client", "server"};
	static const unsigned int lcore[1];
	struct end *e = &ends[i];
	struct tern_conf conf;
	char name[32];
	int port;

	memset(e, 0, sizeof(*e));
	snprintf(name, sizeof(name), "%s_rx", names[i]);
	e->rx = rte_ring_create(name, QUEUE, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
	snprintf(name, sizeof(name), "%s_tx", names[i]);
	e->tx = rte_ring_create(name, QUEUE, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
	if (!e->rx || !e->tx)
		return complain("explain: no memory for the wire");
	port = rte_eth_from_rings(names[i], &e->rx, 1, &e->tx, 1, 0);
	if (port < 0)
		return complain("explain: no ring device: is DPDK's net_ring there?");
	tern_conf_init(&conf, sizeof(conf));
	conf.name = names[i];
	conf.lcores = lcore;
	conf.n_workers = 1;
	conf.n_ifs = 1;
	conf.ifs[0] = (struct tern_if_conf){.port_id = port, .prefix4 = 24, .addr4 = {192, 0, 2, i + 1}};
	conf.max_conns = conf.max_requests = conf.max_timewait = 64;
	conf.mbuf_pool = pool;
	conf.n_mbufs = 1024;
	conf.tcp.time_wait_ms = s->time_wait_ms ? s->time_wait_ms : 1000;
	conf.tcp.delack_ms = 0;
	conf.tcp.gro = false;
	if (s->rcv_buf)
		conf.tcp.rcv_buf = conf.tcp.rcv_buf_max = s->rcv_buf;
	conf.app.start = on_start;
	conf.app.drain = on_drain;
	conf.app.arg = e;
	return tern_create(&conf, &e->t) ? complain("explain: a stack could not be made: see the line above") : 0;
}

static void
end_down(unsigned int i)
{
	struct rte_mbuf *m;
	struct end *e = &ends[i];

	if (!e->t)
		return;
	tern_drain(e->t, 1);
	while (tern_worker_step(e->t, 0, 1) == 1)
		;
	tern_destroy(e->t);
	rte_vdev_uninit(i ? "net_ring_server" : "net_ring_client");
	while (rte_ring_dequeue(e->rx, (void **)&m) == 0 || rte_ring_dequeue(e->tx, (void **)&m) == 0)
		rte_pktmbuf_free(m);
	rte_ring_free(e->rx);
	rte_ring_free(e->tx);
}

/* --- the wire ---------------------------------------------------------------------------------------------------- */

static const struct rte_tcp_hdr *
tcp_of(const struct rte_mbuf *m, unsigned int *text)
{
	const struct rte_ether_hdr *eth = rte_pktmbuf_mtod(m, const struct rte_ether_hdr *);
	const struct rte_ipv4_hdr *ip = (const void *)(eth + 1);
	const struct rte_tcp_hdr *tcp;
	unsigned int len;

	if (eth->ether_type != RTE_BE16(RTE_ETHER_TYPE_IPV4) || ip->next_proto_id != IPPROTO_TCP)
		return NULL;
	len = (ip->version_ihl & 15) * 4;
	tcp = (const void *)((const char *)ip + len);
	*text = ntohs(ip->total_length) - len - (tcp->data_off >> 4) * 4;
	return tcp;
}

static void
turn(void)
{
	struct rte_mbuf *m;
	unsigned int i, text;

	for (i = 0; i < 2; i++) {
		tern_worker_step(ends[i].t, 0, 2);
		while (rte_ring_dequeue(ends[i].tx, (void **)&m) == 0) {
			if (tcp_of(m, &text) && n_queue < QUEUE)
				queue[n_queue++] = (struct seen){m, i};
			else if (rte_ring_enqueue(ends[!i].rx, m)) /* ARP */
				rte_pktmbuf_free(m);
		}
	}
}

static void
arrive(struct rte_mbuf *m, bool back)
{
	if (rte_ring_enqueue(ends[!back].rx, m))
		rte_pktmbuf_free(m);
	tern_worker_step(ends[!back].t, 0, 2); /* and its state is what it is from now on */
}

/* --- what is printed --------------------------------------------------------------------------------------------- */

static void
print_wrapped(const char *text)
{
	const char *word = text;
	int at = 0;

	while (*word) {
		const int n = (int)strcspn(word, " ");

		if (at && at + n > TEXT_WIDTH - 10) {
			fprintf(out, "\n");
			at = 0;
		}
		at += fprintf(out, at ? " %.*s" : "          %.*s", n, word) - (at ? 0 : 10);
		word += n + strspn(word + n, " ");
	}
	fprintf(out, "\n");
}

static void
say(const char *text)
{
	print_wrapped(text);
	ladder_text(LADDER_NO_TIME, text);
}

struct state {
	char text[40];
	bool found;
};

static void
look(const struct tern_info *info, struct tern_conn *c, void *arg)
{
	struct state *s = arg;

	if (info->local.port != htons(client_port) && info->remote.port != htons(client_port))
		return;
	s->found = true;
	snprintf(s->text, sizeof(s->text), "%s", tern_state_name(info->state));
	if (info->timer != TERN_WAIT_NONE && info->timer != TERN_WAIT_KEEPALIVE)
		snprintf(s->text + strlen(s->text), sizeof(s->text) - strlen(s->text), " (%s %.1f s)",
			 tern_wait_name(info->timer), info->timer_ms / 1e3);
}

static struct state
state_of(const struct end *e)
{
	struct state s = {.found = false};
	uint32_t at = 0;

	if (e->w)
		while (tern_conn_walk(e->w, &at, 1024, look, &s))
			;
	if (!s.found)
		snprintf(s.text, sizeof(s.text), "%s", e->l ? "LISTEN" : "CLOSED");
	return s;
}

static void
flags_of(uint8_t flags, char *out)
{
	static const struct {
		uint8_t bit;
		char name;
	} bits[] = {{RTE_TCP_SYN_FLAG, 'S'},
		    {RTE_TCP_FIN_FLAG, 'F'},
		    {RTE_TCP_RST_FLAG, 'R'},
		    {RTE_TCP_PSH_FLAG, 'P'},
		    {RTE_TCP_ACK_FLAG, '.'}};
	unsigned int i;

	for (i = 0; i < RTE_DIM(bits); i++)
		if (flags & bits[i].bit)
			*out++ = bits[i].name;
	*out = 0;
}

/* Numbers are relative to the first of each end, so that one sees what is counted. */
static void
describe(const struct rte_mbuf *m, bool back, char *line, size_t size)
{
	unsigned int text = 0;
	const struct rte_tcp_hdr *tcp = tcp_of(m, &text);
	struct end *from = &ends[back], *to = &ends[!back];
	char flags[8];
	size_t n;

	flags_of(tcp->tcp_flags, flags);
	if (tcp->tcp_flags & RTE_TCP_SYN_FLAG && (!from->has_isn || ntohl(tcp->sent_seq) != from->isn)) {
		from->isn = ntohl(tcp->sent_seq);
		from->has_isn = true;
	}
	n = snprintf(line, size, "[%s] seq %u", flags, ntohl(tcp->sent_seq) - from->isn);
	if (tcp->tcp_flags & RTE_TCP_ACK_FLAG)
		n += snprintf(line + n, size - n, " ack %u", ntohl(tcp->recv_ack) - to->isn);
	if (text)
		n += snprintf(line + n, size - n, " length %u", text);
	snprintf(line + n, size - n, " win %u", ntohs(tcp->rx_win));
}

/* The states are those after it arrived. */
static void
print_packet(const char *line, bool back, enum fate fate, bool released)
{
	const struct state s[2] = {state_of(&ends[0]), state_of(&ends[1])};

	ladder_packet(now_s(), line, back, fate, released, s[0].text, s[1].text);

	fprintf(out, "%8.3f  %-30s %s %-38s %s %s\n", now_s(), s[0].text,
		back ? (fate == LOSE   ? " x-"
			: fate == HOLD ? " ..."
				       : "<--")
		     : "---",
		line,
		back ? "---"
		     : (fate == LOSE   ? "-x "
			: fate == HOLD ? "..."
				       : "-->"),
		s[1].text);
}

/* --- a scene ----------------------------------------------------------------------------------------------------- */

static int
otherwise(const char *what, const char *which, const char *more)
{
	snprintf(why, sizeof(why), "%s%s%s", what, which, more);
	return -EAGAIN;
}

static int
see(const struct step *st)
{
	const bool back = *st->packet == '<';
	const double until = now_s() + PATIENCE_MS / 1e3;
	const struct rte_tcp_hdr *tcp;
	struct rte_mbuf *m;
	unsigned int i, text;
	char flags[8], line[96];

	for (;;) {
		turn();
		for (i = 0; i < n_queue && queue[i].back != back; i++)
			;
		if (i < n_queue)
			break;
		if (now_s() > until)
			return otherwise("no packet ", st->packet, " came");
	}
	m = queue[i].m;
	memmove(&queue[i], &queue[i + 1], (--n_queue - i) * sizeof(queue[0]));
	tcp = tcp_of(m, &text);
	flags_of(tcp->tcp_flags & ~RTE_TCP_PSH_FLAG, flags);
	if (strcmp(flags, st->packet + 1)) {
		rte_pktmbuf_free(m);
		return otherwise(st->packet, " was to come, not ", flags);
	}
	if (st->how == PASS && st->n && ntohl(tcp->sent_seq) - ends[back].isn != (uint32_t)st->n) {
		rte_pktmbuf_free(m);
		return otherwise(st->packet, " has another number", "");
	}
	if (st->how == COPY)
		kept[st->n].m = rte_pktmbuf_copy(m, pool, 0, UINT32_MAX);
	if (st->how == COPY || st->how == HOLD)
		kept[st->n].back = back;
	describe(m, back, line, sizeof(line));
	if (st->how == PASS || st->how == COPY) {
		arrive(m, back);
		print_packet(line, back, st->how, false);
	} else {
		print_packet(line, back, st->how, false);
		if (st->how == HOLD)
			kept[st->n].m = m;
		else
			rte_pktmbuf_free(m);
	}
	if (st->text)
		say(st->text);
	return 0;
}

static int
are(const struct step *st)
{
	const double until = now_s() + 0.02; /* what is between is of a poll or two */
	const char *want[2] = {st->packet, st->text};
	struct state s[2];
	unsigned int i;

	while (now_s() < until)
		turn();
	for (i = 0; i < 2; i++) {
		s[i] = state_of(&ends[i]);
		if (strncmp(s[i].text, want[i], strlen(want[i])) || (s[i].text[strlen(want[i])] & ~' '))
			return otherwise(i ? "the server is " : "the client is ", s[i].text, "");
	}
	fprintf(out, "%8.3f  %-30s %-46s %s\n", now_s(), s[0].text, "", s[1].text);
	ladder_states(now_s(), s[0].text, s[1].text);
	return n_queue ? otherwise("a packet was sent", " that nobody spoke of", "") : 0;
}

static int
wait_ms(const struct step *st)
{
	const double until = now_s() + st->n / 1e3;

	say(st->text);
	while (now_s() < until) {
		turn();
		if (n_queue)
			return otherwise("a packet was sent", " while nothing was to happen", "");
	}
	return 0;
}

/* Copies of the SYN in slot 0, each from another port: RFC 1624's sum of what changes. */
static void
flood(unsigned int n)
{
	unsigned int i, text;

	for (i = 0; i < n; i++) {
		struct rte_mbuf *m = rte_pktmbuf_copy(kept[0].m, pool, 0, UINT32_MAX);
		struct rte_tcp_hdr *tcp;
		uint32_t sum;
		uint16_t port = htons(50000 + i);

		if (!m)
			return;
		tcp = (struct rte_tcp_hdr *)(uintptr_t)tcp_of(m, &text);
		sum = (uint16_t)~tcp->cksum + (uint16_t)~tcp->src_port + port;
		tcp->src_port = port;
		sum = (sum & 0xffff) + (sum >> 16);
		tcp->cksum = ~((sum & 0xffff) + (sum >> 16));
		arrive(m, false);
		turn();
		while (n_queue) /* nobody is there to take the answers */
			rte_pktmbuf_free(queue[--n_queue].m);
	}
}

static void
print_queues(void)
{
	struct tern_listener_info info;
	char line[160];

	tern_listener_info(ends[1].l, &info, sizeof(info));
	snprintf(line, sizeof(line),
		 "server: half-open queue %u of %u, accept queue %u of %u, SYN cookies sent %lu, SYNs and ACKs dropped "
		 "for want of room %lu",
		 info.half_open, info.half_open_max, info.accept_queued, info.accept_max,
		 tern_stats_by_name(ends[1].t, "TcpExtSyncookiesSent"),
		 tern_stats_by_name(ends[1].t, "TcpExtListenDrops"));
	fprintf(out, "          %s\n", line);
	ladder_note(line);
}

static void
endpoint(struct tern_endpoint *e, unsigned int i, uint16_t port)
{
	*e = (struct tern_endpoint){.af = TERN_AF_INET, .port = htons(port), .addr = {192, 0, 2, i + 1}};
}

static void
swallow(struct end *e)
{
	char buf[4096];

	while (e->c && tern_recv(e->c, buf, sizeof(buf)) > 0)
		;
}

static int
act(const struct step *st)
{
	static const char text[65536];
	struct end *c = &ends[0], *s = &ends[1];
	struct tern_endpoint from, to;
	char line[96];
	int rc = 0;

	if (st->text) {
		fprintf(out, "%8.3f  %s\n", now_s(), st->text);
		ladder_text(now_s(), st->text);
	}
	switch (st->how) {
	case LISTEN:
		endpoint(&to, 1, 80);
		rc = tern_listen(s->w, &to, st->n, &listener_ops, s, &s->l);
		break;
	case ACCEPT:
		rc = tern_accept(s->l, &ops, s, &s->c, 1) == 1 ? 0 : -1;
		break;
	case CONNECT:
	case CONNECT_BACK:
		client_port = st->n;
		endpoint(&from, st->how == CONNECT_BACK, st->how == CONNECT ? st->n : 80);
		endpoint(&to, st->how == CONNECT, st->how == CONNECT ? 80 : st->n);
		c = &ends[st->how == CONNECT_BACK];
		if (c->c) /* goes on by itself */
			tern_conn_set_user(c->c, NULL, NULL);
		rc = tern_connect(c->w, &from, &to, &ops, c, &c->c);
		break;
	case SEND:
	case ANSWER:
		c = &ends[st->how == ANSWER];
		rc = tern_send(c->c, text, st->n, 0) == st->n ? 0 : -1;
		break;
	case CLOSE:
	case CLOSE_SERVER:
		c = &ends[st->how == CLOSE_SERVER];
		tern_close(c->c);
		c->c = NULL;
		break;
	case SHUT:
		tern_shutdown(c->c, TERN_SHUT_WR);
		break;
	case READ:
		swallow(c);
		break;
	case READ_SERVER:
		swallow(s);
		break;
	case RELEASE:
		describe(kept[st->n].m, kept[st->n].back, line, sizeof(line));
		arrive(kept[st->n].m, kept[st->n].back);
		print_packet(line, kept[st->n].back, PASS, true);
		kept[st->n].m = NULL;
		break;
	case FLOOD:
		flood(st->n);
		break;
	default:
		print_queues();
	}
	return rc ? otherwise("a call was refused", "", "") : 0;
}

static int
play(const struct scene *s)
{
	const struct step *st;
	unsigned int i;
	int rc = 0;

	fprintf(out, "\n%s: %s (%s)\n\n%8s  %-30s %-46s %s\n", s->name, s->title, s->rfc, "seconds",
		"client, 192.0.2.1", "", "server, 192.0.2.2");
	n_queue = 0;
	client_port = 0;
	ladder_begin();
	for (i = 0; i < 2 && !rc; i++)
		rc = end_up(i, s);
	began = rte_rdtsc();
	if (!rc)
		turn();
	for (st = s->steps; !rc && st->what != END; st++) {
		if (st->what == NOTE)
			say(st->text);
		else
			rc = st->what == DO    ? act(st)
			     : st->what == SEE ? see(st)
			     : st->what == ARE ? are(st)
					       : wait_ms(st);
	}
	while (n_queue)
		rte_pktmbuf_free(queue[--n_queue].m);
	for (i = 0; i < SLOTS; i++) {
		rte_pktmbuf_free(kept[i].m);
		kept[i].m = NULL;
	}
	for (i = 0; i < 2; i++)
		end_down(i);
	if (!rc && rte_mempool_avail_count(pool) != pool->size)
		rc = otherwise("packet buffers are missing", "", "");
	return rc;
}

/* A process that loses its core in the midst of it finds timers that have run: then all begins again. */
static int
show(const struct scene *s)
{
	unsigned int tries = TRIES;
	char *text = NULL;
	size_t len;
	int rc;

	do {
		free(text);
		text = NULL;
		out = open_memstream(&text, &len);
		if (!out)
			return complain("explain: no memory");
		rc = play(s);
		fclose(out);
	} while (rc == -EAGAIN && --tries);
	fputs(text, stdout);
	free(text);
	fflush(stdout);
	return rc == -EAGAIN ? complain("explain: %s went otherwise: %s", s->name, why) : rc;
}

static void
list(void)
{
	unsigned int i;

	printf("tern explain [SCENE ...] [--svg FILE]: connections of two stacks of this library, packet by packet, "
	       "and why; "
	       "without a name all of\n"
	       "them. What is printed is what happened just now; --svg draws one of them. The scenes:\n\n");
	for (i = 0; i < n_scenes; i++)
		printf("  %-18s %s\n", scenes[i].name, scenes[i].title);
}

static const struct scene *
find(const char *name)
{
	unsigned int i;

	for (i = 0; i < n_scenes; i++)
		if (strcmp(scenes[i].name, name) == 0)
			return &scenes[i];
	return NULL;
}

int
explain(int argc, char **argv)
{
	static char *eal[] = {"tern", "--no-huge", "--no-shconf", "--no-pci", "--no-telemetry",
			      "-m",   "128",       "-l",          "0",        "--log-level=error"};
	const char *svg = NULL;
	int i, rc = 0;

	for (i = 2; i < argc; i++) {
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
			list();
			return 0;
		}
		if (strcmp(argv[i], "--svg") == 0 && i + 1 < argc) {
			svg = argv[i + 1];
			memmove(&argv[i], &argv[i + 2], (argc - i - 1) * sizeof(*argv));
			argc -= 2;
			i--;
			continue;
		}
		if (!find(argv[i])) {
			complain("explain: there is no scene '%s': tern explain --help", argv[i]);
			return 2;
		}
	}
	if (svg && argc != 3) {
		complain("explain: --svg draws one scene: name it");
		return 2;
	}
	if (eal_start(NULL, RTE_DIM(eal), eal))
		return 1;
	pool = rte_pktmbuf_pool_create("explain", 2047, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	if (!pool) {
		complain("explain: no memory for packets");
		return 1;
	}
	if (argc > 2)
		for (i = 2; i < argc && !rc; i++)
			rc = show(find(argv[i]));
	else
		for (i = 0; i < (int)n_scenes && !rc; i++)
			rc = show(&scenes[i]);
	if (svg && !rc)
		rc = ladder_write(svg, find(argv[2]));
	rte_mempool_free(pool);
	rte_eal_cleanup();
	return rc ? 1 : 0;
}
