/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What becomes of a listener's connections when its process closes it, and another one of the tap listens there: the
 * workers of a server's next generation, or those of the same that stay. A kernel's listener would go on, as it is all
 * processes'. So it is kept for a while. Until somebody is known to listen in its place it takes connections as before,
 * if somebody is about to come or it was inherited: the parent has it still, and may be about to make who will accept
 * them. Then it takes no more, those that wait to be accepted go over, each a datagram, and those that are half-open
 * follow when they are done.
 *
 * Who listens says so to all; who keeps a listener asks all, again and again. Who answers is given some, of which none
 * is resent: a full queue is seen, and what follows waits for the next answer.
 */
#include <string.h>
#include "heirs.h"
#include "peers.h"
#include "sock.h"

#define ASK_US 5000u
/* Of these, so that who does not get the CPU asks as often. */
#define CHILD_ASKS 400u /* until an inherited one's parent has made another child */
#define OTHER_ASKS 40u  /* until the others have answered */
#define COMING_ASKS 6000u
#define LATE_ASKS 200u      /* until what others gave to who listened is here */
#define HALF_OPEN_ASKS 800u /* a SYN-ACK is sent again after one and three seconds */
#define GIVE_MAX 32u

struct kept {
	LIST_ENTRY(kept) next;
	struct tern_listener *l;
	struct tern_endpoint local;
	uint32_t asks, max;
	bool left; /* takes no more */
};

static LIST_HEAD(, kept) kept = LIST_HEAD_INITIALIZER(kept);
static struct tern_timer timer;
static bool timer_made;

static void
end(struct kept *k)
{
	LIST_REMOVE(k, next);
	tern_listener_close(k->l);
	free(k);
}

static bool
has_any(const struct kept *k)
{
	struct tern_listener_info info;

	tern_listener_info(k->l, &info, sizeof(info));
	return info.accept_queued || info.half_open;
}

static bool
over(const struct kept *k)
{
	if (k->left)
		return k->asks >= k->max || (k->asks >= LATE_ASKS && !has_any(k));
	if (k->asks < k->max || (k->asks < 2 * k->max && has_any(k)))
		return false;
	return k->asks >= COMING_ASKS || !peers_coming();
}

static void
leave(struct kept *k, uint32_t max)
{
	if (k->left)
		return;
	tern_listener_leave(k->l);
	k->left = true;
	k->asks = 0;
	k->max = max;
}

static void
look_after(struct tern_timer *t, void *arg)
{
	struct kept *k, *next;

	for (k = LIST_FIRST(&kept); k; k = next) {
		next = LIST_NEXT(k, next);
		k->asks++;
		if (over(k))
			end(k);
		else
			peers_tell(PEERS_ASK, &k->local, sizeof(k->local));
	}
	if (!LIST_EMPTY(&kept))
		tern_timer_start(run.w, &timer, ASK_US);
}

void
heirs_close(struct tern_listener *l, bool inherited)
{
	struct tern_listener_info info;
	struct kept *k = NULL;

	if (run.tap && (inherited || peers_others()))
		k = calloc(1, sizeof(*k));
	if (!k) {
		tern_listener_close(l);
		return;
	}
	tern_listener_info(l, &info, sizeof(info));
	k->l = l;
	k->local = info.local;
	k->max = CHILD_ASKS;
	LIST_INSERT_HEAD(&kept, k, next);
	if (!inherited && !peers_coming())
		leave(k, OTHER_ASKS);
	else
		tern_listener_set_user(l, NULL, NULL);
	if (!timer_made)
		tern_timer_init(&timer, look_after, NULL);
	timer_made = true;
	tern_timer_start(run.w, &timer, 0);
}

static bool
same(const struct tern_endpoint *a, const struct tern_endpoint *b)
{
	return a->af == b->af && a->port == b->port && memcmp(a->addr, b->addr, a->af == TERN_AF_INET ? 4 : 16) == 0;
}

void
heirs_make_way(const struct tern_endpoint *local)
{
	struct kept *k;

	LIST_FOREACH(k, &kept, next)
	if (same(&k->local, local))
		leave(k, OTHER_ASKS);
}

void
heirs_announce(const struct tern_endpoint *local)
{
	if (run.tap)
		peers_tell(PEERS_LISTENS, local, sizeof(*local));
}

bool
heirs_any(void)
{
	return !LIST_EMPTY(&kept);
}

bool
heirs_waited_for(void)
{
	const struct kept *k;

	LIST_FOREACH(k, &kept, next)
	if (has_any(k))
		return true;
	return false;
}

void
heirs_end(void)
{
	struct kept *k, *then;

	for (k = LIST_FIRST(&kept); k; k = then) {
		then = LIST_NEXT(k, next);
		end(k);
	}
}

/* --- from others ---------------------------------------------------------------------------------------------- */

/* Its connections to who listens there. */
static void
give_some(struct kept *k, unsigned int to)
{
	static char rec[PEERS_MAX];
	unsigned int i;
	size_t n;
	int rc;

	for (i = 0; i < GIVE_MAX && (n = tern_accept_export(k->l, rec, sizeof(rec))) != 0; i++) {
		rc = n > sizeof(rec) ? -EMSGSIZE : peers_give(to, PEERS_CONN, rec, n);
		if (rc && rc != -EMSGSIZE)
			return; /* there is no room, or nobody: somebody will be asked again */
		tern_accept_exported(k->l, rc == 0);
	}
}

void
heirs_found(unsigned int from, const void *local, uint32_t len)
{
	struct tern_endpoint e;
	struct kept *k;

	if (len != sizeof(e))
		return;
	memcpy(&e, local, sizeof(e));
	LIST_FOREACH(k, &kept, next)
	{
		if (!same(&k->local, &e))
			continue;
		leave(k, HALF_OPEN_ASKS);
		give_some(k, from);
	}
}

struct question {
	struct tern_endpoint local;
	unsigned int from;
};

static void
answer(struct tern_listener *l, void *arg)
{
	const struct question *q = arg;
	struct tern_listener_info info;
	const struct kept *k;

	tern_listener_info(l, &info, sizeof(info));
	if (!same(&info.local, &q->local) || info.accept_queued >= info.accept_max)
		return;
	LIST_FOREACH(k, &kept, next)
	if (k->l == l)
		return;
	peers_give(q->from, PEERS_LISTENS, &q->local, sizeof(q->local));
}

void
heirs_asked(unsigned int from, const void *local, uint32_t len)
{
	struct question q = {.from = from};

	if (len != sizeof(q.local))
		return;
	memcpy(&q.local, local, sizeof(q.local));
	tern_listener_walk(run.w, answer, &q);
}
