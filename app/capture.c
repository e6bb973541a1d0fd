/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See capture.h. Each worker has a tap (tap.h) while a capture goes on; a thread of the capture's own takes the packets
 * out in the order of time and writes them. A worker never waits for it: without room in its ring packets are lost,
 * counted, and said. When the file takes no more, the thread says so and turns the workers off.
 *
 * What a worker looks at, its eye, only itself changes: it is asked to (ask.h). So what was taken from all of them may
 * be freed.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/eventfd.h>
#include <rte_cycles.h>
#include <rte_lcore.h>
#include "capture.h"
#include "ctl.h"
#include "option.h"
#include "pcapng.h"
#include "tap.h"

#define STACKS_MAX 2u
#define ROUND_MS 20
#define FILE_BUF (1u << 20)

static const struct run *run;

static struct eye {
	bool tracing;
	const struct pfilter *trace; /* of which packets there are lines; NULL: of all */
	struct tap *tap;             /* NULL: no capture */
} eyes[STACKS_MAX][TERN_WORKER_MAX];

static struct pfilter *trace_filter;
static bool traces; /* by a command */

static struct {
	FILE *f; /* NULL: there is no capture */
	char path[512], text[512];
	struct pfilter *filter;
	struct tap *taps[STACKS_MAX][TERN_WORKER_MAX];
	pthread_t thread;
	int wake; /* the thread is to write what is there, and end */
	uint64_t tsc0, ns0;
	uint64_t packets, bytes; /* the thread's */
	int err;                 /* why it ended before it was told to */
} cap;

/* --- workers ------------------------------------------------------------------------------------------------- */

static bool
takes_line(const struct eye *e, const struct tern_packet *p)
{
	switch (p->what) {
	case TERN_PACKET_IN:
	case TERN_PACKET_OUT:
		return pfilter_takes(e->trace, p->m);
	case TERN_PACKET_STATE:
		return pfilter_takes_conn(e->trace, &p->local, &p->remote);
	default:
		return false;
	}
}

bool
capture_packet(struct tern_worker *w, const struct tern_packet *p, void *arg)
{
	const struct stack *s = arg;
	const struct eye *e = &eyes[s - run->stacks][tern_worker_index(w)];

	if (e->tap)
		tap_see(e->tap, w, p);
	return e->tracing && takes_line(e, p);
}

static void
open_eye(struct tern_worker *w, struct eye *e, const struct eye *as)
{
	if (e->tap && !as->tap)
		tap_publish(e->tap);
	*e = *as;
	tern_trace_set(w, e->tracing, e->tap || e->trace);
}

struct look {
	struct eye *e, as;
};

static bool
look(struct tern_worker *w, void *arg)
{
	struct look *l = arg;

	open_eye(w, l->e, &l->as);
	return false;
}

/* Each worker looks as `as` says now, with its own of these taps. Who has left looks no more. @return 0, or a negative
 * errno and why. */
static int
look_all(const struct eye *as, struct tap *taps[][TERN_WORKER_MAX], char *why, size_t size)
{
	unsigned int k, w;
	int rc = 0;

	for (k = 0; k < run->n && !rc; k++) {
		for (w = 0; w < run->stacks[k].n_workers && !rc; w++) {
			struct look l = {&eyes[k][w], *as};

			if (taps)
				l.as.tap = taps[k][w];
			rc = ask_copy(&run->stacks[k], w, look, &l, sizeof(l));
			if (rc)
				snprintf(why, size, "worker %u: %s", w, ask_error(rc));
			if (rc == -ESHUTDOWN)
				rc = 0;
		}
	}
	return rc;
}

/* --- the thread ---------------------------------------------------------------------------------------------- */

/* The oldest of all. @return its tap, NULL: there is none. */
static struct tap *
oldest(struct tap_packet *p, uint32_t *iface)
{
	struct tap *first = NULL;
	struct tap_packet one;
	unsigned int k, w;
	uint32_t ifs = 0;

	for (k = 0; k < run->n; k++) {
		for (w = 0; w < run->stacks[k].n_workers; w++) {
			if (!tap_peek(cap.taps[k][w], &one) || (first && one.tsc >= p->tsc))
				continue;
			first = cap.taps[k][w];
			*iface = ifs + one.ifidx;
			*p = one;
		}
		ifs += run->stacks[k].o->conf.n_ifs;
	}
	return first;
}

static int
write_all(void)
{
	const double ns_per_tsc = 1e9 / rte_get_tsc_hz();
	struct tap_packet p;
	struct tap *t;
	uint32_t iface = 0, n;

	while ((t = oldest(&p, &iface)) != NULL) {
		n = pcapng_put(cap.f,
			       &(struct pcapng_packet){.iface = iface,
						       .time_ns = cap.ns0 + (uint64_t)((p.tsc - cap.tsc0) * ns_per_tsc),
						       .cap = p.cap,
						       .len = p.len,
						       .out = p.out,
						       .data = p.data,
						       .comment = p.comment});
		tap_next(t);
		if (ferror(cap.f))
			return errno ? errno : EIO;
		__atomic_store_n(&cap.packets, cap.packets + 1, __ATOMIC_RELAXED);
		__atomic_store_n(&cap.bytes, cap.bytes + n, __ATOMIC_RELAXED);
	}
	return fflush(cap.f) ? errno : 0;
}

static void
publish(struct tern_worker *w, void *arg)
{
	struct eye *e = arg;

	if (e->tap)
		tap_publish(e->tap);
}

static void
turn_off(struct tern_worker *w, void *arg)
{
	struct eye *e = arg, as = *e;

	as.tap = NULL;
	open_eye(w, e, &as);
}

/* What a poll left there, and none came after, is published by this. */
static void
post_all(void (*fn)(struct tern_worker *w, void *arg))
{
	unsigned int k, w;

	for (k = 0; k < run->n; k++)
		for (w = 0; w < run->stacks[k].n_workers; w++)
			tern_post(run->stacks[k].tern, w, fn, &eyes[k][w]);
}

static void *
serve(void *arg)
{
	struct pollfd p = {.fd = cap.wake, .events = POLLIN};
	bool last;
	int err;

	do {
		last = poll(&p, 1, ROUND_MS) > 0;
		err = write_all();
		if (!last && !err)
			post_all(publish);
	} while (!last && !err);
	if (err) {
		post_all(turn_off);
		complain("capture: %s: %s, after %" PRIu64 " packets: it ends here, all else goes on", cap.path,
			 strerror(err), cap.packets);
	}
	__atomic_store_n(&cap.err, err, __ATOMIC_RELEASE);
	return NULL;
}

/* --- beginning and end --------------------------------------------------------------------------------------- */

static void
forget(void)
{
	unsigned int k, w;

	for (k = 0; k < STACKS_MAX; k++) {
		for (w = 0; w < TERN_WORKER_MAX; w++) {
			tap_free(cap.taps[k][w]);
			cap.taps[k][w] = NULL;
		}
	}
	pfilter_free(cap.filter);
	cap.filter = NULL;
	cap.f = NULL;
}

static int
make_taps(void)
{
	unsigned int k, w;

	for (k = 0; k < run->n; k++) {
		for (w = 0; w < run->stacks[k].n_workers; w++) {
			cap.taps[k][w] = tap_new(cap.filter);
			if (!cap.taps[k][w])
				return -ENOMEM;
		}
	}
	return 0;
}

static void
put_heads(void)
{
	char program[64], dev[RTE_ETH_NAME_MAX_LEN], name[RTE_ETH_NAME_MAX_LEN + 32];
	unsigned int k, i;

	snprintf(program, sizeof(program), "tern %s", tern_version());
	pcapng_begin(cap.f, program);
	for (k = 0; k < run->n; k++) {
		const struct stack *s = &run->stacks[k];

		for (i = 0; i < s->o->conf.n_ifs; i++) {
			ctl_port_name(s, i, dev);
			snprintf(name, sizeof(name), "%s%s%s", s->name ? s->name : "", s->name ? " " : "", dev);
			pcapng_iface(cap.f, name);
		}
	}
}

static void
set_clock(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	cap.tsc0 = rte_rdtsc();
	cap.ns0 = t.tv_sec * UINT64_C(1000000000) + t.tv_nsec;
}

/* All but the workers. @return 0, or a negative errno and why. */
static int
begin(const char *path, const char *text, char *why, size_t size)
{
	int rc;

	if (strlen(path) >= sizeof(cap.path) || strlen(text) >= sizeof(cap.text)) {
		snprintf(why, size, "file or filter is longer than %zu bytes", sizeof(cap.path) - 1);
		return -EINVAL;
	}
	if (pfilter_make(text, &cap.filter, why, size))
		return -EINVAL;
	snprintf(cap.path, sizeof(cap.path), "%s", path);
	snprintf(cap.text, sizeof(cap.text), "%s", text);
	cap.packets = cap.bytes = 0;
	cap.err = 0;
	rc = make_taps();
	cap.f = rc ? NULL : fopen(path, "we");
	if (!cap.f) {
		snprintf(why, size, "%s: %s", path, strerror(rc ? -rc : errno));
		forget();
		return -EINVAL;
	}
	setvbuf(cap.f, NULL, _IOFBF, FILE_BUF);
	set_clock();
	put_heads();
	rc = fflush(cap.f) ? errno : 0;
	if (!rc) {
		cap.wake = eventfd(0, EFD_CLOEXEC);
		rc = cap.wake < 0 ? errno : -rte_ctrl_thread_create(&cap.thread, "tern-capture", NULL, serve, NULL);
	}
	if (rc) {
		snprintf(why, size, "%s: %s", path, strerror(rc));
		fclose(cap.f);
		forget();
	}
	return -rc;
}

/* No worker has a tap any more. @return 0, or what went wrong with the file. */
static int
finish(void)
{
	const uint64_t one = 1;
	int err;

	if (write(cap.wake, &one, sizeof(one)) == sizeof(one))
		pthread_join(cap.thread, NULL);
	close(cap.wake);
	err = cap.err;
	if (fclose(cap.f) && !err)
		err = errno;
	return err;
}

static uint64_t
lost(void)
{
	uint64_t n = 0;
	unsigned int k, w;

	for (k = 0; k < run->n; k++)
		for (w = 0; w < run->stacks[k].n_workers; w++)
			n += tap_lost(cap.taps[k][w]);
	return n;
}

static void
say(struct ctl *c)
{
	static const struct column cols[] = {{"file", "File"},         {"packets", "Packets", true},
					     {"bytes", "Bytes", true}, {"lost", "Lost", true},
					     {"state", "State"},       {"filter", "Filter"}};
	const int err = __atomic_load_n(&cap.err, __ATOMIC_ACQUIRE);

	out_table(c->out, "capture", cols, RTE_DIM(cols));
	if (!cap.f)
		return;
	out_row(c->out, json_pack("{s:s,s:I,s:I,s:I,s:s,s:s}", "file", cap.path, "packets",
				  (json_int_t)__atomic_load_n(&cap.packets, __ATOMIC_RELAXED), "bytes",
				  (json_int_t)__atomic_load_n(&cap.bytes, __ATOMIC_RELAXED), "lost", (json_int_t)lost(),
				  "state", err ? strerror(err) : "writing", "filter", cap.text));
}

/* --- commands ------------------------------------------------------------------------------------------------ */

int
show_capture(struct ctl *c)
{
	say(c);
	return 0;
}

/* With what each worker traces unchanged. */
static struct eye
seeing(void)
{
	return (struct eye){.tracing = eyes[0][0].tracing, .trace = eyes[0][0].trace};
}

int
capture_stop(struct ctl *c)
{
	const struct eye as = seeing();
	char why[160];
	int err;

	if (!cap.f)
		return ctl_wrong(c, "capture stop: there is no capture");
	if (look_all(&as, NULL, why, sizeof(why)))
		return ctl_wrong(c, "capture stop: %s", why);
	err = finish();
	if (!err)
		say(c);
	else
		ctl_wrong(c, "capture stop: %s: %s, after %" PRIu64 " packets", cap.path, strerror(err), cap.packets);
	forget();
	return -err;
}

int
capture_to(struct ctl *c)
{
	const size_t n = strcspn(c->args, " \t");
	const char *text = c->args + n + strspn(c->args + n, " \t");
	const struct eye as = seeing();
	char path[sizeof(cap.path)], why[400];

	if (cap.f)
		return ctl_wrong(c, "capture: %s is being written: capture stop ends it", cap.path);
	if (run_ends())
		return ctl_wrong(c, "capture: the run is ending");
	snprintf(path, sizeof(path), "%.*s", (int)n, c->args);
	if (begin(path, text, why, sizeof(why)))
		return ctl_wrong(c, "capture: %s", why);
	if (look_all(&as, cap.taps, why, sizeof(why)) == 0)
		return 0;
	return ctl_wrong(c, "capture: %s", why); /* of those who came to it there is one: capture stop */
}

static int
trace(struct ctl *c, bool on, struct pfilter *f)
{
	struct pfilter *old = trace_filter;
	struct eye as = {.tracing = on, .trace = f};
	char why[160];

	if (look_all(&as, cap.f && !cap.err ? cap.taps : NULL, why, sizeof(why)))
		return ctl_wrong(c, "trace: %s", why); /* both filters may be in use */
	trace_filter = f;
	pfilter_free(old);
	__atomic_store_n(&traces, on, __ATOMIC_RELAXED);
	return 0;
}

bool
capture_traces(void)
{
	return __atomic_load_n(&traces, __ATOMIC_RELAXED);
}

int
trace_on(struct ctl *c)
{
	struct pfilter *f;
	char why[400];

	return pfilter_make(c->args, &f, why, sizeof(why)) ? ctl_wrong(c, "trace on: %s", why) : trace(c, true, f);
}

int
trace_off(struct ctl *c)
{
	return trace(c, false, NULL);
}

/* --- options ------------------------------------------------------------------------------------------------- */

int
capture_check(const char *filter)
{
	struct pfilter *f = NULL;
	char why[400];
	int rc = filter ? pfilter_make(filter, &f, why, sizeof(why)) : 0;

	pfilter_free(f);
	return rc ? complain("--capture-filter: %s", why) : 0;
}

int
capture_open(const struct run *r)
{
	const struct options *o = &options;
	char why[600];

	run = r;
	memset(eyes, 0, sizeof(eyes));
	if (!o->capture)
		return 0;
	return begin(o->capture, o->capture_filter ? o->capture_filter : "", why, sizeof(why))
		       ? complain("--capture: %s", why)
		       : 0;
}

void
capture_start(const struct stack *s, struct tern_worker *w)
{
	const unsigned int k = s - run->stacks, i = tern_worker_index(w);
	const struct eye as = {.tracing = s->o->trace, .tap = cap.taps[k][i]};

	open_eye(w, &eyes[k][i], &as);
}

uint64_t
capture_close(void)
{
	unsigned int k, w;
	int err = 0;

	for (k = 0; k < STACKS_MAX; k++)
		for (w = 0; w < TERN_WORKER_MAX; w++)
			if (eyes[k][w].tap)
				tap_publish(eyes[k][w].tap);
	if (cap.f) {
		const bool said = cap.err;
		const uint64_t n = lost();

		err = finish();
		if (err && !said && !cap.err)
			complain("capture: %s: %s", cap.path, strerror(err));
		if (n)
			complain("capture: %s lacks %" PRIu64 " packets: the file was slower", cap.path, n);
		forget();
	}
	memset(eyes, 0, sizeof(eyes));
	pfilter_free(trace_filter);
	trace_filter = NULL;
	return err != 0;
}
