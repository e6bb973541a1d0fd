/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * HTTP/1.0 and 1.1 server: GET and HEAD of one fixed body, or of the files of a directory mapped at start. The
 * directory is walked once, without following symbolic links, and names are looked up in that list only: no path
 * of a request ever reaches the file system. Requests may be pipelined; one is answered at a time.
 *
 * A request head that is whole is read where it is, in the receive queue (head.h). A visit to a connection is bounded, in
 * requests, in bytes sent and in buffers dropped: who pipelines without end takes turns with the others.
 *
 * After an error the answer is sent, our side is shut down and what still comes is read and dropped until the peer's FIN: a
 * close with unread data would be a reset that may overtake the answer (RFC 9112 9.6).
 *
 * Limits: files must not be shortened while they are served. FILES_MAX files, heads of HTTP_HEAD_MAX bytes.
 */
#define _GNU_SOURCE /* nftw() */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <rte_common.h>
#include <rte_mbuf.h>
#include "head.h"
#include "option.h"

#define FILES_MAX 65536u
#define DEPTH_MAX 32        /* directories nftw() keeps open */
#define DROP_MAX (1u << 20) /* bytes read after an error before the connection is reset */
#define SEND_CHUNK (64u << 10)
#define VISIT_MAX 32u /* sends, of a head or a chunk, before the others have their turn */
#define IDLE_MAX 64u  /* connections closed in a poll because nothing moved */

enum { N_CONNS, N_REQUESTS, N_BYTES, N_REFUSED, N_FAILED, N_COUNT };

struct file {
	char *path; /* as requested: "/index.html" */
	const char *data;
	size_t size;
};

static struct file *files;
static unsigned int n_files, root_len;
static struct file fixed; /* --body, --body-size */

struct http_conn {
	struct item i;
	struct head *part;
	const char *body; /* not sent yet */
	size_t left;
	uint16_t head_len, head_sent;
	bool close;       /* after this answer */
	bool dropping;    /* our FIN is out; read until the peer's */
	bool refused;     /* the answer in progress is an error: drop afterwards */
	uint32_t dropped; /* bytes */
	char head[320];
};

struct http {
	uint64_t n[N_COUNT];
	struct stack *s;
	struct slab slab;
	struct heads heads;
	struct tern_listener *l[2];
	bool draining;
	time_t date_s;    /* what date[] says */
	uint64_t date_us; /* when it is to be renewed */
	char date[40];
};

/* --- options ------------------------------------------------------------------------------------------------- */

static struct {
	char *root, *body;
	uint32_t body_size, idle_s;
	bool of_file; /* the file said which of them */
} content;

/* What the command line says to serve replaces what the file said. */
static void
new_content(void)
{
	if (content.of_file && !origin.file) {
		free(content.root);
		free(content.body);
		content.root = content.body = NULL;
		content.body_size = 0;
	}
	content.of_file = origin.file != NULL;
}

static int
set_root(const char *val)
{
	new_content();
	content.root = strdup(val);
	return content.root ? 0 : -ENOMEM;
}

static int
set_body(const char *val)
{
	new_content();
	content.body = strdup(val);
	return content.body ? 0 : -ENOMEM;
}

static int
set_body_size(const char *val)
{
	int64_t n;
	int rc = number(val, 1, 1 << 30, &n);

	new_content();
	content.body_size = rc ? 0 : n;
	return rc;
}

static struct opt opts[] = {
	CALL("http", "root", "DIR", set_root, NULL, "serve the files below DIR, mapped at start"),
	CALL("http", "body", "TEXT", set_body, NULL, "answer every path with TEXT"),
	CALL("http", "body-size", "N", set_body_size, NULL, "answer every path with N bytes"),
	NUM("http", "idle-timeout", content.idle_s, 1, 86400, "60", "close a connection idle for N seconds"),
};

static int
check(struct options *o)
{
	if ((content.root != NULL) + (content.body != NULL) + (content.body_size != 0) > 1)
		return complain("--root, --body and --body-size exclude each other");
	return 0;
}

/* --- files --------------------------------------------------------------------------------------------------- */

static int
map_file(const char *path, size_t size, const char **data)
{
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	void *p;

	if (fd < 0)
		return -errno;
	p = size ? mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0) : (void *)"";
	close(fd);
	if (p == MAP_FAILED)
		return -errno;
	*data = p;
	return 0;
}

static int
add_file(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	struct file *f;
	int rc;

	if (type != FTW_F || !S_ISREG(st->st_mode))
		return 0;
	if (n_files == FILES_MAX)
		return complain("--root: more than %u files", FILES_MAX) ? 1 : 0;
	if (n_files % 1024 == 0) {
		f = realloc(files, (n_files + 1024) * sizeof(*files));
		if (!f)
			return complain("--root: no memory") ? 1 : 0;
		files = f;
	}
	f = &files[n_files];
	f->size = st->st_size;
	f->path = strdup(path + root_len);
	rc = f->path ? map_file(path, f->size, &f->data) : -ENOMEM;
	if (rc)
		return complain("--root: %s: %s", path, strerror(-rc)) ? 1 : 0;
	n_files++;
	return 0;
}

static int
by_path(const void *a, const void *b)
{
	return strcmp(((const struct file *)a)->path, ((const struct file *)b)->path);
}

static int
load_root(const char *root)
{
	struct stat st;
	char *dir = strdup(root);

	if (!dir)
		return -ENOMEM;
	root_len = strlen(dir);
	while (root_len > 1 && dir[root_len - 1] == '/')
		dir[--root_len] = 0;
	if (stat(dir, &st) || !S_ISDIR(st.st_mode)) {
		complain("--root %s: %s", root, errno == ENOENT ? "there is no such directory" : "not a directory");
		free(dir);
		return -EINVAL;
	}
	if (nftw(dir, add_file, DEPTH_MAX, FTW_PHYS)) {
		free(dir);
		return -EINVAL;
	}
	free(dir);
	if (n_files)
		qsort(files, n_files, sizeof(*files), by_path);
	printf("http: %u files below %s\n", n_files, root);
	return 0;
}

static int
init(struct stack *s)
{
	const char *text = content.body ? content.body : "hello from tern\n";
	char *p;

	if (content.root)
		return load_root(content.root);
	fixed.size = content.body_size ? content.body_size : strlen(text);
	p = malloc(fixed.size + 1);
	if (!p)
		return complain("--body-size: no memory for %zu bytes", fixed.size);
	if (content.body_size)
		memset(p, 'x', fixed.size);
	else
		memcpy(p, text, fixed.size);
	fixed.path = (char *)(uintptr_t) "/body.txt"; /* for its type */
	fixed.data = p;
	return 0;
}

static const struct file *
find(const char *path)
{
	struct file key = {.path = (char *)(uintptr_t)path};
	char index[HTTP_PATH_MAX + 16];

	if (fixed.data)
		return &fixed;
	if (path[strlen(path) - 1] == '/') {
		snprintf(index, sizeof(index), "%sindex.html", path);
		key.path = index;
	}
	return n_files ? bsearch(&key, files, n_files, sizeof(*files), by_path) : NULL;
}

/* The connection is gone, or given up. */
static void
put(struct http *h, struct http_conn *hc)
{
	head_drop(&h->heads, &hc->part);
	slab_put(&h->slab, &hc->i);
}

/* --- answering ----------------------------------------------------------------------------------------------- */

static void
answer(struct http *h, struct http_conn *hc, const struct http_request *r)
{
	const struct file *f = r->status == 200 ? find(r->path) : NULL;
	const int status = r->status == 200 && !f ? 404 : r->status;
	const char *text = http_reason(status);
	const size_t size = f ? f->size : strlen(text) + 1;
	int n;

	hc->close = !r->keep || h->draining;
	hc->refused = !f && hc->close;
	n = snprintf(
		hc->head, sizeof(hc->head),
		"HTTP/1.1 %d %s\r\nServer: tern\r\nDate: %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n%s%s\r\n",
		status, text, h->date, f ? http_type(f->path) : "text/plain", size,
		status == 405 ? "Allow: GET, HEAD\r\n" : "",
		hc->close ? "Connection: close\r\n" : "Connection: keep-alive\r\n");
	if (!f && !r->head)
		n += snprintf(hc->head + n, sizeof(hc->head) - n, "%s\n", text);
	hc->head_len = n;
	hc->head_sent = 0;
	hc->body = f ? f->data : NULL;
	hc->left = f && !r->head ? f->size : 0;
	h->n[N_REQUESTS]++;
	h->n[N_REFUSED] += !f;
}

/* Send what is left of the answer. @return true when all of it is queued. */
static bool
send_answer(struct http *h, struct http_conn *hc, unsigned int *visit)
{
	ssize_t n;

	while (hc->head_sent < hc->head_len || hc->left) {
		if (!slab_spend(&h->slab, &hc->i, visit))
			return false;
		if (hc->head_sent < hc->head_len)
			n = tern_send(hc->i.c, hc->head + hc->head_sent, hc->head_len - hc->head_sent, 0);
		else
			n = tern_send(hc->i.c, hc->body, RTE_MIN(hc->left, SEND_CHUNK), 0);
		if (n <= 0)
			return false; /* writable() or closed() follows */
		h->n[N_BYTES] += n;
		if (hc->head_sent < hc->head_len) {
			hc->head_sent += n;
		} else {
			hc->body += n;
			hc->left -= n;
		}
	}
	return true;
}

/* Parse the next request if it is whole. @return true when there is an answer to send. */
static bool
next_request(struct http *h, struct http_conn *hc)
{
	struct http_request r;
	char *p;
	const ssize_t len = head_get(&h->heads, &hc->part, hc->i.c, &p);

	if (!len)
		return false;
	if (len > 0) {
		if (unlikely(hc->part != NULL))
			slab_touch(&h->slab, &hc->i, tern_now_us(tern_conn_worker(hc->i.c)));
		http_parse_request(p, len, &r);
		head_done(&h->heads, &hc->part, hc->i.c, len);
	} else {
		r = (struct http_request){.status = 431};
	}
	answer(h, hc, &r);
	return true;
}

static void
finish(struct http *h, struct http_conn *hc)
{
	tern_close(hc->i.c);
	put(h, hc);
}

static void
drop_input(struct http *h, struct http_conn *hc)
{
	unsigned int visit = VISIT_MBUFS;
	struct rte_mbuf *m;

	head_drop(&h->heads, &hc->part);
	while (slab_spend(&h->slab, &hc->i, &visit) && tern_recv_mbufs(hc->i.c, &m, 1) > 0) {
		hc->dropped += m->pkt_len;
		tern_mbuf_free(tern_conn_worker(hc->i.c), m);
	}
	if (hc->dropped > DROP_MAX) {
		tern_abort(hc->i.c);
		put(h, hc);
	} else if (tern_recv_eof(hc->i.c)) {
		finish(h, hc);
	}
}

static void
pump(struct item *it)
{
	struct http_conn *hc = (struct http_conn *)it;
	struct http *h = it->owner;
	unsigned int visit = VISIT_MAX;

	while (!hc->dropping) {
		if (!send_answer(h, hc, &visit))
			return;
		if (hc->refused) {
			hc->dropping = true;
			tern_shutdown(it->c, TERN_SHUT_WR);
			break;
		}
		if (hc->close) {
			finish(h, hc);
			return;
		}
		if (!next_request(h, hc)) {
			if (tern_peer_closed(it->c)) /* be it with half a request waiting */
				finish(h, hc);
			return;
		}
	}
	drop_input(h, hc);
}

/* --- events -------------------------------------------------------------------------------------------------- */

static void
on_event(struct tern_conn *c, void *user)
{
	struct item *it = user;
	struct http *h = it->owner;

	if (likely(!((struct http_conn *)it)->part)) /* a head that trickles in is as good as idle */
		slab_touch(&h->slab, it, tern_now_us(tern_conn_worker(c)));
	pump(it);
}

static void
on_closed(struct tern_conn *c, void *user, int err)
{
	struct item *it = user;
	struct http *h = it->owner;

	h->n[N_FAILED] += err != 0;
	put(h, (struct http_conn *)it);
}

static const struct tern_ops conn_ops = {.readable = on_event, .writable = on_event, .closed = on_closed};

static void
begin(struct item *it)
{
	struct http_conn *hc = (struct http_conn *)it;

	hc->part = NULL;
	hc->left = hc->head_len = hc->head_sent = hc->dropped = 0;
	hc->close = hc->dropping = hc->refused = false;
	((struct http *)it->owner)->n[N_CONNS]++;
	pump(it);
}

static void
on_acceptable(struct tern_listener *l, void *user)
{
	slab_accept(&((struct http *)user)->slab, l, &conn_ops, begin);
}

static int
start(struct stack *s, struct tern_worker *w)
{
	static const struct tern_listener_ops listen_ops = {.acceptable = on_acceptable};
	struct http *h = role_state(s, w, sizeof(*h));
	unsigned int i;
	int rc;

	if (!h)
		return -ENOMEM;
	h->s = s;
	rc = heads_init(&h->heads, s, w, s->o->conf.max_conns);
	rc = rc ? rc : slab_init(&h->slab, s, w, s->o->conf.max_conns, sizeof(struct http_conn), h);
	rc = rc ? rc : role_listen(s, w, &listen_ops, h, h->l);
	for (i = 0; i < 2 && !rc; i++)
		if (h->l[i]) /* an answer's last segment must not wait for an ACK */
			tern_listen_setopt(h->l[i], TERN_OPT_NODELAY, 1);
	return rc;
}

/* Connections that nothing moved on. @return false when there may be more: not all in one poll. */
static bool
close_idle(struct http *h, uint64_t now_us)
{
	struct item *it;
	unsigned int i;

	for (i = 0; i < IDLE_MAX; i++) {
		it = TAILQ_FIRST(&h->slab.active);
		if (!it || now_us - it->seen_us < content.idle_s * UINT64_C(1000000))
			return true;
		tern_abort(it->c);
		h->n[N_FAILED]++;
		put(h, (struct http_conn *)it);
	}
	return false;
}

/* Once a second: the Date line, and what is idle. */
static void
poll(struct stack *s, struct tern_worker *w, uint64_t now_us)
{
	struct http *h = s->state[tern_worker_index(w)];
	struct tm tm;

	slab_retry(&h->slab, pump);
	if (now_us < h->date_us || !close_idle(h, now_us))
		return;
	h->date_us = now_us + 1000000;
	h->date_s = time(NULL);
	gmtime_r(&h->date_s, &tm);
	strftime(h->date, sizeof(h->date), "%a, %d %b %Y %H:%M:%S GMT", &tm);
}

/* Idle connections are closed, the others after their answer. */
static void
drain(struct stack *s, struct tern_worker *w)
{
	struct http *h = s->state[tern_worker_index(w)];
	struct item *it, *next;

	role_unlisten(h->l);
	h->draining = true;
	for (it = TAILQ_FIRST(&h->slab.active); it; it = next) {
		struct http_conn *hc = (struct http_conn *)it;

		next = TAILQ_NEXT(it, next);
		if (hc->dropping || (!hc->left && hc->head_sent == hc->head_len))
			finish(h, hc);
		else
			hc->close = true;
	}
}

static uint64_t
report(const struct stack *s)
{
	printf("http: %lu connections, %lu requests, %lu of them refused, %lu bytes sent, %lu connections ended by an "
	       "error\n",
	       role_sum(s, N_CONNS), role_sum(s, N_REQUESTS), role_sum(s, N_REFUSED), role_sum(s, N_BYTES),
	       role_sum(s, N_FAILED));
	return 0;
}

const struct role role_http = {
	.name = "http",
	.help = "HTTP/1.0 and 1.1 server of a directory or one body",
	.opts = opts,
	.n_opts = RTE_DIM(opts),
	.takes = LISTEN_OPTIONS,
	.check = check,
	.init = init,
	.start = start,
	.poll = poll,
	.drain = drain,
	.report = report,
};
