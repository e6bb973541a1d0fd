/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SEND of RFC 9293 3.10: what the application gives goes into the send queue, copied, as its mbufs or as references to
 * its memory.
 */
#include <errno.h>
#include <string.h>
#include <sys/uio.h>
#include <rte_mbuf.h>
#include "tcp/call.h"
#include "tcp/mem.h"
#include "tcp/ref.h"

static int
send_check(const struct tern_conn *c)
{
	if (c->state == TERN_CLOSED)
		return c->err ? c->err : -ENOTCONN;
	if (c->flags & (C_ORPHAN | C_FIN_QUEUED))
		return -EPIPE;
	return 0;
}

size_t
tern_send_space(const struct tern_conn *c)
{
	if (send_check(c) || c->snd_queued >= c->snd_buf)
		return 0;
	return unlikely(mem_tight(c->w)) ? mem_send(c, c->snd_buf - c->snd_queued) : c->snd_buf - c->snd_queued;
}

/* Sequence number of the next byte to be queued. */
static uint32_t
snd_end(const struct tern_conn *c)
{
	const bool syn = c->state == TERN_SYN_SENT || (c->state == TERN_SYN_RECEIVED && !(c->flags & C_TFO));

	return c->snd_una + c->snd_queued + syn;
}

static void
snd_append(struct tern_conn *c, struct rte_mbuf *m, struct rte_mbuf *last, uint32_t len)
{
	const uint32_t end = snd_end(c);

	c->flags &= ~C_SND_SMALL;
	if (c->snd_tail)
		c->snd_tail->next = m;
	else
		c->snd_head = m;
	if (!c->snd_cur) {
		c->snd_cur = m;
		c->snd_cur_seq = end;
	}
	c->snd_tail = last;
	c->snd_queued += len;
}

void
tern_want_writable(struct tern_conn *c)
{
	CALL_OF(c);
	if (send_check(c))
		return;
	c->flags |= C_WANT_WRITE;
	if (!c->snd_head) /* no ACK will come that makes room */
		mem_starved_add(c->w, c);
}

/* Nothing could be queued: for want of memory, or was the buffer full? */
static int
refused(struct tern_conn *c)
{
	if (c->snd_queued >= c->snd_buf)
		return -EAGAIN;
	STAT_INC(c->w, MBUF_EMPTY);
	if (!c->snd_head) /* no ACK will come that makes room */
		mem_starved_add(c->w, c);
	return -ENOBUFS;
}

/* A large mbuf for c's send queue, charged. @return NULL: c may have none now. */
static inline struct rte_mbuf *
queue_mbuf(struct tern_conn *c)
{
	struct rte_mbuf *m = mem_left(c->w) || c == TAILQ_FIRST(&c->w->mem.starved) ? mbufs_get(&c->w->mbufs) : NULL;

	if (likely(m != NULL))
		mem_charge(c->w, c, m);
	return m;
}

/* Copy what there is room for. @return how much that was. */
static size_t
send_copy(struct tern_conn *c, const void *buf, size_t len)
{
	const uint8_t *p = buf;
	size_t space = tern_send_space(c), done = 0;

	while (done < len && space) {
		struct rte_mbuf *m = c->snd_tail;
		uint32_t n = RTE_MIN(len - done, space);
		bool fresh = !m || !(c->flags & C_TAIL_OWN) || rte_pktmbuf_tailroom(m) == 0, small = false;

		if (fresh) {
			m = n <= SMALL_ROOM && !c->snd_head ? mbufs_get_small(&c->w->mbufs) : NULL;
			small = m != NULL;
			if (!m) {
				m = queue_mbuf(c);
				if (unlikely(!m))
					break;
			}
		}
		n = RTE_MIN(n, rte_pktmbuf_tailroom(m));
		memcpy(rte_pktmbuf_mtod_offset(m, void *, m->data_len), p + done, n);
		m->data_len += n;
		if (fresh) {
			snd_append(c, m, m, n);
			c->flags |= small ? C_TAIL_OWN | C_SND_SMALL : C_TAIL_OWN;
		} else {
			c->snd_queued += n;
			if (!c->snd_cur) { /* all sent before: the new bytes are at the end of the tail */
				c->snd_cur = m;
				c->snd_cur_seq = snd_end(c) - m->data_len;
			}
		}
		done += n;
		space -= n;
	}
	return done;
}

static int
send_flags(struct tern_conn *c, unsigned int flags)
{
	if (unlikely(flags & ~(TERN_SEND_MORE | TERN_SEND_URGENT)))
		return -EINVAL;
	c->flags = flags & TERN_SEND_MORE ? c->flags | C_MORE : c->flags & ~C_MORE;
	return send_check(c);
}

/* done of len bytes are queued. @return what the caller is told. */
static ssize_t
sent(struct tern_conn *c, size_t done, size_t len, unsigned int flags)
{
	if (done < len)
		c->flags |= C_WANT_WRITE;
	if (done)
		tcp_mark(c, P_OUTPUT);
	else if (len)
		return refused(c);
	if (unlikely(flags & TERN_SEND_URGENT) && done) {
		tcp_rare(c)->snd_up = snd_end(c);
		c->flags |= C_SND_URG;
	}
	return done;
}

ssize_t
tern_send(struct tern_conn *c, const void *buf, size_t len, unsigned int flags)
{
	CALL_OF(c);
	const int rc = send_flags(c, flags);

	return rc ? rc : sent(c, send_copy(c, buf, len), len, flags);
}

ssize_t
tern_sendv(struct tern_conn *c, const struct iovec *iov, unsigned int n, unsigned int flags)
{
	CALL_OF(c);
	const int rc = send_flags(c, flags);
	size_t done = 0, len = 0;
	unsigned int i;

	if (rc)
		return rc;
	for (i = 0; i < n; i++) {
		if (done == len) /* else a piece before it was short */
			done += send_copy(c, iov[i].iov_base, iov[i].iov_len);
		len += iov[i].iov_len;
	}
	return sent(c, done, len, flags);
}

/* As send_copy(), but the queue refers to r's memory. */
static size_t
send_refs(struct tern_conn *c, struct tern_ref *r, const uint8_t *p, size_t len)
{
	size_t done = 0;
	uint32_t n;

	while (done < len && !ref_crowded(r)) {
		struct rte_mbuf *m = queue_mbuf(c);

		if (unlikely(!m))
			break;
		n = RTE_MIN(len - done, REF_PIECE);
		ref_attach(r, m, p + done, n);
		snd_append(c, m, m, n);
		c->flags &= ~C_TAIL_OWN;
		done += n;
	}
	return done;
}

ssize_t
tern_send_ref(struct tern_conn *c, struct tern_ref *r, const void *buf, size_t len, unsigned int flags)
{
	CALL_OF(c);
	size_t most;
	int rc;

	if (unlikely(!ref_holds(r, buf, len)))
		return -EINVAL;
	most = RTE_MIN(len, tern_send_space(c));
	/* while memory is tight, what is left of the tail may be all the space there is */
	if (most <= REF_COPIED || unlikely(ref_crowded(r) || (mem_tight(c->w) && c->flags & C_TAIL_OWN)))
		return tern_send(c, buf, len, flags);
	rc = send_flags(c, flags);
	return rc ? rc : sent(c, send_refs(c, r, buf, most), len, flags);
}

/* How many segments of m do others hold, too? *crowded: is any of these held by too many for one more? */
static unsigned int
shared_segs(const struct rte_mbuf *m, bool *crowded)
{
	unsigned int n = 0;

	*crowded = false;
	for (; m; m = m->next) {
		if (likely(rte_mbuf_refcnt_read(m) == 1))
			continue;
		n++;
		*crowded |= mbuf_holders(m) >= HOLDERS_QUEUED;
	}
	return n;
}

/*
 * Segments that others hold, too, can't be linked into a queue: `next` would be theirs as well. An indirect mbuf takes
 * the place of each. @return the chain, NULL: no mbufs, and m is as it was.
 */
static __rte_noinline struct rte_mbuf *
unshare(struct tern_worker *w, struct rte_mbuf *m, unsigned int n)
{
	struct rte_mbuf *clones = NULL, *head = NULL, **pp = &head, *s, *next;

	for (; n; n--) {
		s = mbufs_get(&w->mbufs);
		if (unlikely(!s)) {
			rte_pktmbuf_free(clones);
			STAT_INC(w, MBUF_EMPTY);
			return NULL;
		}
		s->next = clones;
		clones = s;
	}
	for (s = m; s; s = next) {
		next = s->next;
		if (rte_mbuf_refcnt_read(s) != 1 && clones) {
			struct rte_mbuf *mi = clones;

			clones = mi->next;
			mi->next = NULL;
			rte_pktmbuf_attach(mi, s);
			rte_pktmbuf_free_seg(s);
			s = mi;
		}
		s->nb_segs = 1;
		*pp = s;
		pp = &s->next;
	}
	*pp = NULL;
	rte_pktmbuf_free(clones); /* somebody else gave his reference up meanwhile */
	return head;
}

/* m's bytes in mbufs of their own; only the caller's reference to m is given up. @return as unshare(). */
static __rte_noinline struct rte_mbuf *
copied(struct tern_worker *w, struct rte_mbuf *m)
{
	struct rte_mbuf *copy = rte_pktmbuf_copy(m, w->mbufs.pool, 0, UINT32_MAX);

	if (unlikely(!copy)) {
		STAT_INC(w, MBUF_EMPTY);
		return NULL;
	}
	rte_pktmbuf_free(m);
	return copy;
}

/* Memory is short, and what m holds fits a small one. @return as tern_send_mbuf(). */
static __rte_noinline int
send_small(struct tern_conn *c, struct rte_mbuf *m)
{
	uint8_t buf[SMALL_ROOM];
	const ssize_t n = tern_send(c, rte_pktmbuf_read(m, 0, m->pkt_len, buf), m->pkt_len, 0);

	if (n < 0)
		return (int)n;
	c->w->mem.budget += m->pool == c->w->mbufs.pool ? m->nb_segs : 0;
	rte_pktmbuf_free(m);
	return 0;
}

int
tern_send_mbuf(struct tern_conn *c, struct rte_mbuf *m)
{
	CALL_OF(c);
	bool crowded;
	unsigned int shared = shared_segs(m, &crowded);
	struct rte_mbuf *s;
	const uint32_t len = m->pkt_len;
	int rc = send_check(c);

	if (rc)
		return rc;
	if (len > tern_send_space(c) && (c->snd_head || len > c->snd_buf)) { /* one is taken: whoever has it holds it
									      * anyway */
		c->flags |= C_WANT_WRITE;
		return -EAGAIN;
	}
	if (len == 0) {
		rte_pktmbuf_free(m);
		return 0;
	}
	for (s = m; s; s = s->next)
		if (s->data_len == 0)
			return -EINVAL; /* empty segments would break the cursor's arithmetic */
	if (unlikely(mem_tight(c->w)) && mem_small(c, len))
		return send_small(c, m);
	if (unlikely(shared)) {
		m = crowded ? copied(c->w, m) : unshare(c->w, m, shared);
		if (!m) {
			tern_want_writable(c);
			return -ENOBUFS;
		}
		if (crowded)
			shared = m->nb_segs;
		c->w->mem.budget -= shared; /* these were counted in it */
	}
	for (s = m; s; s = s->next) {
		mem_charge(c->w, c, s);
		c->w->mem.budget += s->pool == c->w->mbufs.pool;
	}
	snd_append(c, m, rte_pktmbuf_lastseg(m), len);
	c->flags &= ~(C_TAIL_OWN | C_MORE);
	tcp_mark(c, P_OUTPUT);
	return 0;
}

struct rte_mbuf *
tern_mbuf_alloc(struct tern_worker *w)
{
	CALL_ON(w);
	if (unlikely(!mem_left(w))) {
		STAT_INC(w, MBUF_EMPTY);
		return NULL;
	}
	w->mem.budget--; /* the application's */
	return mbufs_get(&w->mbufs);
}

void
tern_mbuf_free(struct tern_worker *w, struct rte_mbuf *m)
{
	CALL_ON(w);
	w->mem.budget += m->pool == w->mbufs.pool;
	mbufs_put(&w->mbufs, m);
}

size_t
tern_send_queued(const struct tern_conn *c)
{
	CALL_OF(c);
	return c->snd_queued;
}
