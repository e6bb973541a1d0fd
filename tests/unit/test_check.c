/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The invariants (lib/tcp/check.h) can be broken: of connections that came from real handshakes one field each is
 * damaged, and the checker must name the invariant of that field, and be content again once it is as it was. No
 * invariant is left out.
 */
#include "harness.h"
#include "stack/check.h"
#include "tcp/check.h"
#include "tcp/loss.h"
#include "tcp/portset.h"

#define MSS 1000u

static bool named[INV_COUNT];

static void
expect_broken(enum invariant want, int line)
{
	const char *why = worker_check(W);
	const struct tobj *o;

	check_at(why != NULL && check_broken(&o) == want, __FILE__, line, "%s: %s", check_name(want),
		 why ? why : "nothing is broken");
	check_at(!why || strstr(why, check_name(want)), __FILE__, line, "no name in: %s", why);
	named[want] = true;
}

static void
expect_sound(int line)
{
	const char *why = worker_check(W);

	check_at(!why, __FILE__, line, "%s", why);
}

/* The field becomes value for one check: that invariant is broken, and no other before it. */
#define BREAK(inv, field, value)                                                                                       \
	do {                                                                                                           \
		const __typeof__(1 ? (field) : (field)) was_ = (field); \
		(field) = (value);                                                                                     \
		expect_broken(INV_##inv, __LINE__);                                                                    \
		(field) = was_;                                                                                        \
		expect_sound(__LINE__);                                                                                \
	} while (0)

static struct tern_conn *
conn_of(struct sock *s)
{
	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	return s->c;
}

/* Three mbufs of data in flight, some of it acknowledged. */
static void
test_send_queue(void)
{
	struct sock *s = fx_established();
	struct tern_conn *c = conn_of(s);

	CHECK_EQ(sock_send(s, 5000), 5000);
	run();
	tx(ACK, 1, 101, 0);
	rx_flush();
	BREAK(SND_ORDER, c->snd_nxt, c->snd_una - 1);
	BREAK(SND_OWNER, c->snd_tail->next, c->snd_head);
	BREAK(SND_FILLED, c->snd_head->next->data_len, 0);
	BREAK(SND_TAIL, c->snd_tail, c->snd_head);
	BREAK(SND_OFFSET, c->snd_head_off, c->snd_head->data_len);
	BREAK(SND_BYTES, c->snd_queued, c->snd_queued + 1);
	BREAK(SND_COVERED, c->snd_max, c->snd_una + c->snd_queued + 1);
	BREAK(SND_CURSOR, c->snd_cur, c->snd_head);
	BREAK(SND_SMALL, c->flags, c->flags | C_SND_SMALL);
	BREAK(SND_TAIL_OWN, c->snd_tail->ol_flags, c->snd_tail->ol_flags | RTE_MBUF_F_EXTERNAL);
	BREAK(SND_WND, c->snd_wnd, c->max_wnd + 1);
	BREAK(RTO_RUNS, c->rto_at, 0);
	BREAK(RTO_RANGE, c->backoff, BACKOFF_MAX + 1);
	BREAK(RTO_MEANING, c->flags, c->flags | C_TLP | C_REO);
	BREAK(DEADLINE, c->delack_at, W->now_us + 1);
	BREAK(HELD, c->held, c->held + 1);
	BREAK(MEM_SUM, W->mem.own, W->mem.own + 1);
	BREAK(MEM_ACCOUNTS, W->mem.accounts[c->account].held, W->mem.accounts[c->account].held + 1);
	tx(ACK, 1, 5001, 0);
	BREAK(RTO_IDLE, c->rto_at, W->now_us + 10 * SEC);
}

static void
test_receive_queue(void)
{
	struct tern_conn *c = conn_of(fx_established());

	for (unsigned int i = 0; i < 3; i++)
		tx(ACK, 1 + 500 * i, 1, 500);
	advance_us(SEC);
	rx_flush();
	BREAK(RCV_OWNER, c->rcv_tail->next, c->rcv_head);
	BREAK(RCV_FILLED, c->rcv_head->next->data_len, 0);
	BREAK(RCV_TAIL, c->rcv_tail, c->rcv_head);
	BREAK(RCV_BYTES, c->rcv_queued, c->rcv_queued + 1);
	BREAK(RCV_EDGE, c->rcv_adv, c->rcv_nxt - 1);
}

/* Three runs of text out of order. */
static void
test_out_of_order(void)
{
	struct tern_conn *c;
	struct rxrun *low;

	peer.sack = true;
	c = conn_of(fx_established());
	for (unsigned int i = 1; i < 4; i++)
		tx(ACK, 1 + 1000 * i, 1, 500);
	rx_flush();
	low = c->ofo->next;
	BREAK(OFO_RING, c->ofo_runs, 2);
	BREAK(OFO_LISTED, c->rare->holes.tqe_prev, NULL);
	BREAK(OFO_FIN, c->flags, c->flags | C_OFO_FIN | C_FIN_RCVD);
	BREAK(OFO_ORDER, low->right, low->next->left);
	BREAK(OFO_OWNER, c->ofo->head, low->head);
	BREAK(OFO_RUN, c->ofo->segs, 2);
	BREAK(OFO_ABOVE, c->rcv_nxt, low->left);
	BREAK(OFO_EDGE, c->rcv_adv, c->ofo->right - 1);
	BREAK(OFO_SUMS, c->ofo_bytes, c->ofo_bytes + 1);
	BREAK(OFO_LANE, c->ofo->lane, true);
	BREAK(OFO_RECENT, c->ofo_newest, 0);
	BREAK(HOLES, W->mem.holes.tqh_last, &W->mem.holes.tqh_first);
	BREAK(LISTED, W->mem.listed, 0);
	BREAK(POOL_RXRUNS, W->rxruns.avail, W->rxruns.avail - 1);
	BREAK(POOL_RARES, W->rares.avail, W->rares.avail - 1);
}

/* The next segment of the peer reports [from, to), in segments. */
static void
sack(unsigned int from, unsigned int to)
{
	const uint32_t block[2] = {htonl(peer.irs + 1 + from * MSS), htonl(peer.irs + 1 + to * MSS)};

	memcpy(peer.opt, "\1\1\5\12", 4);
	memcpy(peer.opt + 4, block, 8);
	peer.optlen = 12;
	tx(ACK, 1, 1, 0);
}

/* Ten segments are sent, five of them reported, those before are sent again. */
static void
test_scoreboard(void)
{
	struct sock *s;
	struct tern_conn *c;
	struct loss *l;
	struct txrun *r;

	peer.sack = true;
	peer.mss = MSS;
	s = fx_established();
	c = conn_of(s);
	CHECK_EQ(sock_send(s, 10 * MSS), 10 * MSS);
	run();
	advance_us(20 * MS);
	sack(2, 4);
	sack(5, 8);
	rx_flush();
	l = c->loss;
	CU_ASSERT_FATAL(l && l->head && l->n_runs > 3 && c->flags & C_RECOVERY);
	BREAK(RECOVERING, l->recover, c->snd_una);
	BREAK(BOARD_SACK, c->feat, c->feat & ~F_SACK);
	BREAK(BOARD_COUNT, l->n_runs, l->n_runs + 1);
	BREAK(BOARD_ORDER, l->head->end, l->head->end - 1);
	BREAK(BOARD_EDGES, l->tail->end, l->tail->end + 1);
	BREAK(BOARD_SUMS, l->sacked, l->sacked + 1);
	for (r = l->head; !(r->next->flags & R_SACKED); r = r->next)
		;
	BREAK(BOARD_JOINED, r->flags, R_SACKED);
	BREAK(BOARD_FATE, l->tail->fate.tqe_prev, &l->head);
	BREAK(BOARD_LISTS, l->flight.tqh_last, NULL);
	BREAK(BOARD_LANE, l->head->lane, false);
	for (r = l->head; !r->m || seq_le(r->m_seq, c->snd_una); r = r->next)
		CU_ASSERT_FATAL(r->next != NULL);
	BREAK(BOARD_PLACE, r->m_seq, r->m_seq + 1);
	BREAK(BOARD_SEARCH, l->retx_m, (struct rte_mbuf *)c);
	BREAK(FACK, l->fack, c->snd_max + 1);
	BREAK(POOL_LOSSES, W->losses.avail, W->losses.avail - 1);
	BREAK(POOL_RUNS, W->runs.avail, W->runs.avail - 1);
}

static void
test_flags(void)
{
	struct tern_conn *c = conn_of(fx_established());

	advance_us(SEC);
	BREAK(KEEPALIVE, c->feat, c->feat | F_KEEPALIVE);
	BREAK(FIN_FLAGS, c->flags, c->flags | C_FIN_SENT);
	BREAK(FIN_STATE, c->flags, c->flags | C_FIN_QUEUED);
	BREAK(FIN_RCVD, c->flags, c->flags | C_FIN_RCVD);
	BREAK(TFO_STATE, c->flags, c->flags | C_TFO);
	BREAK(TFO_FLAGS, c->flags, c->flags | C_SYNACK);
	BREAK(ORPHAN, c->flags, c->flags | C_COUNTED);
	BREAK(ACCEPTQ, c->flags, c->flags | C_ACCEPTQ);
	BREAK(URGENT, c->flags, c->flags | C_SND_URG);
	if (bed.af == 4)
		BREAK(PLAIN, W->ifs[0].tx_tcp_cksum, true);
	else
		BREAK(PLAIN, c->flags, c->flags | C_PLAIN);
	BREAK(ECN, c->flags, c->flags | C_ECE);
	BREAK(SACK, c->flags, c->flags | C_DSACK);
	BREAK(TRIAL, c->flags, c->flags | C_TRIAL);
	BREAK(PEND, c->pend, P_ACK);
	BREAK(SCALE, c->snd_ws, TCP_WS_MAX + 1);
	BREAK(MSS, c->mss, 0);
	BREAK(CWND, c->cwnd, 0);
	BREAK(ACCOUNT, c->account, W->mem.n_accounts);
	BREAK(NEIGHBOUR, c->neigh, NEIGH_NONE);
}

static void
test_states(void)
{
	struct tern_conn *c = conn_of(fx_fin_wait_2());

	BREAK(FIN_ACKED, c->flags, c->flags & ~C_FIN_SENT);
	peer_new(40001);
	c = conn_of(fx_syn_sent());
	BREAK(STATE_LIMIT, c->limit_at, 0);
	BREAK(PORTS, W->ports.last->used, W->ports.last->used + 1);
	BREAK(POOL_PORTSETS, W->ports.pool.avail, W->ports.pool.avail - 1);
}

/* Reset while it waits to be accepted: its text is kept. */
static void
test_dead(void)
{
	struct tern_conn *c;

	fx_half_open();
	tx(ACK, 1, 1, 0);
	tx(ACK, 1, 1, 100);
	tx(RST, 101, 0, 0);
	rx_flush();
	c = bed.n[0].l[0]->acc_head;
	CU_ASSERT_FATAL(c && c->state == TERN_CLOSED);
	BREAK(DEAD_EMPTY, c->rto_at, 1);
	BREAK(ACCEPT_LIST, c->acc_pprev, NULL);
	BREAK(ACCEPT_SUM, W->listeners.accept_queued, 0);
}

static void
test_table_and_pools(void)
{
	struct tern_conn *c = conn_of(fx_established());

	BREAK(CLOCK, W->now_ms, W->now_ms + 1);
	BREAK(TABLE_COUNT, W->table.count, 2);
	BREAK(TABLE_FOUND, c->rport, c->rport ^ 1);
	BREAK(TABLE_KIND, c->kind, 0);
	BREAK(POOL_OWNED, W->conns.base, (char *)W->conns.base + 32);
	BREAK(POOL_FREE, W->requests.free, NULL);
	BREAK(POOL_CONNS, W->conns.avail, W->conns.avail - 1);
	BREAK(PENDING_LIST, W->pending.tail, NULL);
	BREAK(PENDING_ALL, c->pend, P_QUEUED);
	BREAK(LISTENERS, W->listeners.n, 2);
	BREAK(ORPHANS, W->mem.orphans, 1);
	BREAK(STARVED, W->mem.starved.tqh_last, NULL);
	BREAK(GRANTED, W->buf_granted, 1);
	BREAK(TFO_PENDING, W->fastopen.pending, 1);
}

static void
test_requests(void)
{
	struct tern_listener *l;

	fx_half_open();
	l = bed.n[0].l[0];
	BREAK(REQUEST, l->reqs->state, TERN_ESTABLISHED);
	BREAK(HALF_LIST, l->half_n, 0);
	BREAK(HALF_SUM, W->listeners.half_open, 0);
	BREAK(HALF_FRESH, W->listeners.fresh, 0);
	BREAK(HALF_RESERVED, W->listeners.reserved_requests, 0);
	BREAK(POOL_REQUESTS, W->requests.avail, W->requests.avail - 1);
}

static void
find_timewait(struct tobj *o, void *arg)
{
	if (o->kind == TOBJ_TW)
		*(struct tobj **)arg = o;
}

static void
test_timewaits(void)
{
	struct tobj *tw = NULL;

	fx_time_wait();
	table_walk(&W->table, find_timewait, &tw);
	CU_ASSERT_PTR_NOT_NULL_FATAL(tw);
	BREAK(TIMEWAIT, tw->state, TERN_ESTABLISHED);
	BREAK(POOL_TIMEWAITS, W->timewaits[0].avail, W->timewaits[0].avail - 1);
}

static void
test_below_tcp(void)
{
	struct tern_conn *c = conn_of(fx_connected());
	struct neigh *n = &W->neighs.at[c->neigh], *head = &W->neighs.at[W->neighs.max];
	const struct wheel *wh = &W->wheel;
	unsigned int slot = 0;

	BREAK(NEIGH_REFS, n->refs, 2);
	BREAK(NEIGH_LRU, head->lru_next, NULL);
	BREAK(NEIGH_HASH, W->neighs.n, 0);
	BREAK(NEIGH_TIMER, n->timer.pprev, NULL);
	BREAK(NEIGH_QUEUED, W->neighs.queued, 1);
	BREAK(WHEEL_NODE, n->timer.pprev, &n->timer.next);
	BREAK(WHEEL_ARMED, W->wheel.armed, 0);
	BREAK(WHEEL_TIMERS, W->n_timers, 1);
	while (!wh->slot[slot / WHEEL_CHAINS][slot % WHEEL_CHAINS])
		slot++;
	BREAK(WHEEL_MAP, W->wheel.map[slot / WHEEL_CHAINS / 64], 0);
	BREAK(WHEEL_MAP, W->wheel.n_due, 1);
	BREAK(TX_RING, W->ifs[0].n_tx, TX_RING + 1);
}

/* After all others. */
static void
test_none_left_out(void)
{
	for (unsigned int i = 0; i < INV_COUNT; i++)
		check_at(named[i], __FILE__, __LINE__, "%s was not broken", check_name(i));
}

int
main(int argc, char **argv)
{
	CU_TestInfo tests[] = {
		{"send queue", test_send_queue},
		{"receive queue", test_receive_queue},
		{"out of order", test_out_of_order},
		{"scoreboard", test_scoreboard},
		{"flags", test_flags},
		{"states", test_states},
		{"dead", test_dead},
		{"table and pools", test_table_and_pools},
		{"requests", test_requests},
		{"TIME-WAITs", test_timewaits},
		{"below TCP", test_below_tcp},
		{"none left out", test_none_left_out},
		CU_TEST_INFO_NULL,
	};

	return harness_main(argc, argv, "check", tests);
}
