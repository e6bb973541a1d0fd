/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Application memory that is sent from where it lies: tern_send_ref().
 */
#include <rte_errno.h>
#include <rte_malloc.h>
#include "tcp/mem.h"
#include "tcp/ref.h"
#include "harness.h"

#define MSS (bed.af == 4 ? 1460u : 1440u)
#define LEN 200000u

static uint8_t memory[LEN];
static struct tern_ref ref;
static unsigned int released;
static unsigned int before; /* mbufs free */

static void
on_released(struct tern_ref *r, void *arg)
{
	CHECK(r == &ref);
	CHECK(arg == memory);
	CHECK_EQ(tern_ref_users(r), 0);
	released++;
}

/* The byte that a stream has at position q lies at memory[q - 1]. */
static struct sock *
begin(bool sums)
{
	struct sock *s;

	bed_down();
	bed_reset(bed.af);
	bed.tx_tso = sums;
	s = fx_established();
	before = rte_mempool_avail_count(bed.n[0].mp);
	for (uint32_t i = 0; i < LEN; i++)
		memory[i] = pat(1 + i);
	released = 0;
	CHECK_EQ(tern_ref_init(&ref, memory, LEN, on_released, memory), 0);
	CHECK_EQ(tern_ref_users(&ref), 0);
	return s;
}

static ssize_t
send_ref(struct sock *s, uint32_t len, unsigned int flags)
{
	const ssize_t n = tern_send_ref(s->c, &ref, memory + s->tx_pos - 1, len, flags);

	if (n > 0)
		s->tx_pos += n;
	return n;
}

static uint16_t *
count(void)
{
	return &((struct rte_mbuf_ext_shared_info *)ref.opaque)->refcnt;
}

/* The queue holds it, and each packet of a device that sums; the acknowledgement ends the first, the device the
 * second. */
static void
test_sent(void)
{
	struct sock *s;

	for (unsigned int sums = 0; sums < 2; sums++) {
		s = begin(sums);
		CHECK_EQ(send_ref(s, 3 * MSS, 0), 3 * MSS);
		CHECK_EQ(tern_ref_users(&ref), 1);
		CHECK_EQ(s->c->held, 1);
		run();
		expect(ACK, 1, 1, MSS);
		expect(ACK, 1 + MSS, 1, MSS);
		expect(ACK | PSH, 1 + 2 * MSS, 1, MSS);
		CHECK_EQ(tern_ref_users(&ref), 1);
		tx(ACK, 1, 1 + 2 * MSS, 0);
		expect_at(ACK | PSH, 1 + 2 * MSS, 1, MSS, 100 * MS, 2 * SEC); /* lost: sent again from the same bytes */
		tern_ref_put(&ref);
		CHECK_EQ(tern_ref_users(&ref), 1);
		CHECK_EQ(released, 0);
		tx(ACK, 1, 1 + 3 * MSS, 0);
		CHECK_EQ(released, 1);
		CHECK_EQ(tern_ref_users(&ref), 0);
		CHECK_EQ(rte_mempool_avail_count(bed.n[0].mp), before);
		CHECK_EQ(s->c->held, 0);
	}
}

/* All was acknowledged, but a packet is still the device's. */
static void
test_packet_last(void)
{
	struct sock *s = begin(true);
	struct rte_mbuf *m;

	CHECK_EQ(send_ref(s, MSS, 0), MSS);
	run();
	expect(ACK | PSH, 1, 1, MSS);
	CHECK_EQ(send_ref(s, MSS, 0), MSS);
	worker_run(W);
	CHECK_EQ(tern_ref_users(&ref), 3); /* two pieces, one packet */
	if (!CHECK(W->ifs[0].n_tx == 1))
		return;
	m = W->ifs[0].tx[0];
	CHECK(rte_pktmbuf_mtod(m->next, uint8_t *) == memory + MSS);
	rte_mbuf_refcnt_update(m, 1); /* the device's hand on it */
	rte_mbuf_refcnt_update(m->next, 1);
	run();
	expect(ACK | PSH, 1 + MSS, 1, MSS);
	tx(ACK, 1, 1 + 2 * MSS, 0);
	CHECK_EQ(tern_send_queued(s->c), 0);
	CHECK_EQ(tern_ref_users(&ref), 1);
	tern_ref_put(&ref);
	CHECK_EQ(released, 0);
	rte_pktmbuf_free(m);
	CHECK_EQ(released, 1);
	CHECK_EQ(rte_mempool_avail_count(bed.n[0].mp), before);
}

/* Pieces of 32 KB, none of them copied, until the send buffer is full; the rest after writable(). */
static void
test_long(void)
{
	struct sock *s;
	uint32_t una;

	for (unsigned int sums = 0; sums < 2; sums++) {
		s = begin(sums);
		CHECK_EQ(tern_setopt(s->c, TERN_OPT_SNDBUF, 100000), 0);
		CHECK_EQ(send_ref(s, LEN, 0), 100000);
		CHECK_EQ(tern_ref_users(&ref), 4);
		CHECK_EQ(rte_mempool_avail_count(bed.n[0].mp), before - 4);
		CHECK_EQ(send_ref(s, LEN - 100000, 0), -EAGAIN);
		for (una = 1; una < 1 + LEN;) {
			run();
			for (const struct frame *f; (f = rx());) /* compared with pat() */
				una = RTE_MAX(una, f->seq - peer.irs + f->len);
			tx(ACK, 1, una, 0);
			if (s->writable) {
				s->writable = 0;
				CHECK(send_ref(s, LEN + 1 - s->tx_pos, 0) > 0);
			}
		}
		CHECK_EQ(s->tx_pos, 1 + LEN);
		CHECK_EQ(tern_ref_users(&ref), 0);
		CHECK_EQ(rte_mempool_avail_count(bed.n[0].mp), before);
		tern_ref_put(&ref);
		CHECK_EQ(released, 1);
	}
}

/* Among what was copied before and after; the small is copied itself; more follows. */
static void
test_mixed(void)
{
	struct sock *s = begin(true);

	CHECK_EQ(sock_send(s, 100), 100);
	CHECK_EQ(send_ref(s, 256, 0), 256);
	CHECK_EQ(tern_ref_users(&ref), 0);
	CHECK_EQ(send_ref(s, 257, TERN_SEND_MORE), 257);
	CHECK_EQ(tern_ref_users(&ref), 1);
	CHECK_EQ(sock_send(s, 300), 300);
	CHECK_EQ(s->tx_pos, 914);
	CHECK_EQ(tern_send_queued(s->c), 913);
	run();
	expect(ACK | PSH, 1, 1, 913);
	tx(ACK, 1, 914, 0);
	CHECK_EQ(send_ref(s, 300, TERN_SEND_MORE), 300);
	run();
	expect_silence();
	CHECK_EQ(send_ref(s, 300, TERN_SEND_URGENT), 300);
	run();
	expect(ACK | PSH | URG, 914, 1, 600);
	tx(ACK, 1, 1514, 0);
	CHECK_EQ(tern_ref_users(&ref), 0);
	tern_ref_put(&ref);
	CHECK_EQ(released, 1);
}

static void
test_refused(void)
{
	struct sock *s = begin(false);
	struct tern_ref r;

	CHECK_EQ(tern_ref_init(&r, NULL, 1, NULL, NULL), -EINVAL);
	CHECK_EQ(tern_ref_init(&r, memory, 0, NULL, NULL), -EINVAL);
	CHECK_EQ(tern_ref_init(&r, memory, SIZE_MAX, NULL, NULL), -EINVAL);
	CHECK_EQ(tern_ref_init(&r, memory + 1000, 1000, NULL, NULL), 0);
	CHECK_EQ(tern_send_ref(s->c, &r, memory + 999, 500, 0), -EINVAL);
	CHECK_EQ(tern_send_ref(s->c, &r, memory + 1000, 1001, 0), -EINVAL);
	CHECK_EQ(tern_send_ref(s->c, &r, memory + 1999, 2, 0), -EINVAL);
	CHECK_EQ(tern_send_ref(s->c, &r, memory + 2001, 0, 0), -EINVAL);
	CHECK_EQ(tern_send_ref(s->c, &r, memory + 1001, SIZE_MAX, 0), -EINVAL);
	CHECK_EQ(tern_send_ref(s->c, &r, memory + 1000, 1000, 4), -EINVAL);
	CHECK_EQ(tern_send_ref(s->c, &r, memory + 2000, 0, 0), 0);
	CHECK_EQ(tern_ref_users(&r), 0);
	expect_silence();
	sock_shutdown(s);
	run();
	expect(FIN | ACK, 1, 1, 0);
	CHECK_EQ(tern_send_ref(s->c, &r, memory + 1000, 1000, 0), -EPIPE);
	CHECK_EQ(tern_ref_users(&r), 0);
	tern_ref_put(&r); /* nobody asked to be told */
	tern_ref_put(&ref);
	CHECK_EQ(released, 1);
}

/* Nothing arrives any more: what was queued is let go. */
static void
test_ended(void)
{
	struct sock *s;

	for (unsigned int how = 0; how < 3; how++) {
		s = begin(true);
		CHECK_EQ(send_ref(s, 3 * MSS, 0), 3 * MSS);
		run();
		rx_flush();
		tern_ref_put(&ref);
		if (how == 0)
			tx(RST, 1, 0, 0);
		else if (how == 1)
			sock_abort(s);
		else
			sock_close(s); /* and nobody acknowledges */
		run();
		rx_flush();
		if (how == 2) {
			CHECK_EQ(released, 0);
			advance_us(400 * SEC);
		}
		CHECK_EQ(released, 1);
		bed_down();
		CHECK_EQ(released, 1);
	}
}

/* The stack goes while the memory is in a queue. */
static void
test_destroyed(void)
{
	struct sock *s = begin(true);

	CHECK_EQ(send_ref(s, 3 * MSS, 0), 3 * MSS);
	tern_ref_put(&ref);
	bed_down();
	CHECK_EQ(released, 1);
}

/* The count has 16 bits: near its end queues get copies, and nearer to it packets. */
static void
test_crowded(void)
{
	struct sock *s = begin(true);

	*count() = 32767;
	CHECK_EQ(send_ref(s, 2 * 32768, 0), 32768); /* the limit came between: as if there were no room */
	CHECK_EQ(*count(), 32768);
	CHECK_EQ(send_ref(s, 1000, 0), 1000);
	CHECK_EQ(*count(), 32768);
	CHECK_EQ(s->c->held, 2);
	for (unsigned int i = 0; i < 2; i++) {
		*count() = i ? 59999 : 65535;
		for (uint32_t una = s->c->snd_una - peer.irs; tern_send_queued(s->c) > (i ? 0 : 20000);) {
			worker_run(W);
			CHECK(*count() >= 59999);
			CHECK(*count() < 60100 || *count() == 65535);
			run();
			for (const struct frame *f; (f = rx());) /* compared with pat() */
				una = RTE_MAX(una, f->seq - peer.irs + f->len);
			tx(ACK, 1, una, 0);
		}
	}
	CHECK_EQ(*count(), 59998);
	*count() = 1;
	tern_ref_put(&ref);
	CHECK_EQ(released, 1);
	CHECK_EQ(rte_mempool_avail_count(bed.n[0].mp), before);
}

/* No mbuf: as tern_send(). Little memory: within what this connection may hold. */
static void
test_memory_short(void)
{
	struct sock *s = begin(true);
	uint32_t own, half;

	mbufs_take(0);
	CHECK_EQ(send_ref(s, 3 * MSS, 0), -ENOBUFS);
	CHECK_EQ(tern_ref_users(&ref), 0);
	mbufs_give();
	advance_us(10 * MS);
	CHECK_EQ(s->writable, 1);
	CHECK_EQ(send_ref(s, 1000, 0), 1000);
	CHECK_EQ(s->c->held, 1);
	half = W->mem.half;
	own = W->mem.own;
	W->mem.half = 0; /* tight */
	W->mem.budget = own;
	CHECK_EQ(send_ref(s, 1000, 0), -ENOBUFS); /* as much as it may hold */
	CHECK_EQ(s->c->held, 1);
	W->mem.half = half;
	mem_measure(W);
	CHECK_EQ(sock_send(s, 100), 100); /* a tail that is ours */
	CHECK_EQ(s->c->held, 2);
	W->mem.half = 0;
	W->mem.budget = W->mem.own;
	CHECK_EQ(send_ref(s, 1000, 0), 1000); /* is filled */
	CHECK_EQ(s->c->held, 2);
	mem_measure(W);
	run();
	while (rx())
		;
	tx(ACK, 1, s->tx_pos, 0);
	CHECK_EQ(tern_ref_users(&ref), 0);
	tern_ref_put(&ref);
	CHECK_EQ(released, 1);
}

/* What a device would be told of memory that EAL knows, and of other memory. */
static void
test_iova(void)
{
	struct sock *s = begin(true);
	uint8_t *p = rte_malloc(NULL, 2 * 32768, 0);
	struct tern_ref r;
	struct rte_mbuf *m;

	CU_ASSERT_PTR_NOT_NULL_FATAL(p);
	memcpy(p, memory, 2 * 32768);
	CHECK_EQ(tern_ref_init(&r, p, 2 * 32768, NULL, NULL), 0);
	CHECK_EQ(tern_send_ref(s->c, &r, p, 2 * 32768, 0), 2 * 32768);
	s->tx_pos += 2 * 32768;
	m = s->c->snd_head;
	CHECK_EQ(rte_mbuf_iova_get(m), rte_malloc_virt2iova(p));
	CHECK_EQ(rte_mbuf_iova_get(m->next), rte_malloc_virt2iova(p) + 32768);
	CHECK_EQ(send_ref(s, 1000, 0), 1000);
	CHECK_EQ(rte_mbuf_iova_get(s->c->snd_tail), RTE_BAD_IOVA);
	sock_abort(s);
	run();
	rx_flush();
	CHECK_EQ(tern_ref_users(&r), 0);
	tern_ref_put(&r);
	tern_ref_put(&ref);
	rte_free(p);
}

/* Two connections send from the same bytes. */
static void
test_two(void)
{
	struct sock *s[2];
	struct peer first;

	s[0] = begin(true);
	first = peer;
	peer_new(1001);
	tx(SYN, 0, 0, 0);
	expect(SYN | ACK, 0, 1, 0);
	tx(ACK, 1, 1, 0);
	s[1] = sock_accept(&bed.n[0]);
	CU_ASSERT_PTR_NOT_NULL_FATAL(s[1]);
	CHECK_EQ(send_ref(s[0], 3 * MSS, 0), 3 * MSS);
	CHECK_EQ(send_ref(s[1], 2 * MSS, 0), 2 * MSS);
	CHECK_EQ(tern_ref_users(&ref), 2);
	run();
	while (rx()) /* compared with pat() */
		;
	tx(ACK, 1, 1 + 2 * MSS, 0);
	CHECK_EQ(tern_ref_users(&ref), 1);
	peer = first;
	tern_ref_put(&ref);
	tx(ACK, 1, 1 + 3 * MSS, 0);
	CHECK_EQ(released, 1);
}

int
main(int argc, char **argv)
{
	static CU_TestInfo tests[] = {
		{"sent and let go", test_sent},
		{"a packet is the last", test_packet_last},
		{"long, with back-pressure", test_long},
		{"among copies", test_mixed},
		{"refused", test_refused},
		{"connections that end", test_ended},
		{"the stack ends", test_destroyed},
		{"held by very many", test_crowded},
		{"memory is short", test_memory_short},
		{"IOVA", test_iova},
		{"two connections", test_two},
		CU_TEST_INFO_NULL,
	};

	return harness_main(argc, argv, "ref", tests);
}
