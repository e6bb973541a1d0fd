/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * HTTP/1.0 and 1.1 server: GET and HEAD of one fixed body, or of the files of a directory mapped at start. The
 * directory is walked once, without following symbolic links, and names are looked up in that list only: no path
 * of a request ever reaches the file system. Requests may be pipelined; one is answered at a time.
 *
 * A request head that is whole is read where it is, in the receive queue (head.h). A visit to a connection is bounded,
 * in requests, in bytes sent and in buffers dropped: who pipelines without end takes turns with the others.
 *
 * After an error the answer is sent and both sides are shut down: what still comes is acknowledged and dropped until
 * the peer's FIN, or --idle-timeout. A close with unread data would be a reset that may overtake the answer (RFC 9112
 * 9.6).
 *
 * Limits: files must not be shortened while they are served. FILES_MAX files, heads of HTTP_HEAD_MAX bytes.
 */
#define _GNU_SOURCE /* nftw() */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <rte_common.h>
#include "head.h"
#include "option.h"

#define FILES_MAX 65536u
#define DEPTH_MAX 32        /* directories nftw() keeps open */
#define SEND_CHUNK (64u << 10)
#define VISIT_MAX 32u /* sends, of a head or a chunk, before the others have their turn */

enum { N_BYTES = SERVER_OWN, N_REFUSED };

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
	bool refused;     /* the answer in progress is an error: shut down afterwards */
	bool shut;        /* that was done */
	char head[320];
};

struct http {
	struct server s;
	struct heads heads;
	struct tern_worker *w;
	bool draining;
	struct tern_timer second; /* renews date[] */
	char date[HTTP_DATE_LEN];
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
	return content.root ? 0 : bad("no memory");
}

static int
set_body(const char *val)
{
	new_content();
	content.body = strdup(val);
	return content.body ? 0 : bad("no memory");
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
	return tls_check(true);
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
		return complain("--root: no memory");
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
	n = http_answer(hc->head, sizeof(hc->head), status, !hc->close, h->date, f ? http_type(f->path) : "text/plain",
			size);
	if (!f && !r->head)
		n += snprintf(hc->head + n, sizeof(hc->head) - n, "%s\n", text);
	hc->head_len = n;
	hc->head_sent = 0;
	hc->body = f ? f->data : NULL;
	hc->left = f && !r->head ? f->size : 0;
	h->s.n[SERVER_DONE]++;
	h->s.n[N_REFUSED] += !f;
}

/* Send what is left of the answer. @return true when all of it is queued. */
static bool
send_answer(struct http *h, struct http_conn *hc, unsigned int *visit)
{
	ssize_t n;

	while (hc->head_sent < hc->head_len || hc->left) {
		if (!slab_spend(&h->s.slab, &hc->i, visit))
			return false;
		if (hc->head_sent < hc->head_len)
			n = item_send(&hc->i, hc->head + hc->head_sent, hc->head_len - hc->head_sent);
		else
			n = item_send(&hc->i, hc->body, RTE_MIN(hc->left, SEND_CHUNK));
		if (n <= 0)
			return false; /* writable() or closed() follows */
		h->s.n[N_BYTES] += n;
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
	const ssize_t len = head_get(&h->heads, &hc->part, &hc->i, &p);

	if (!len)
		return false;
	if (len > 0) {
		if (unlikely(hc->part != NULL))
			slab_touch(&hc->i, tern_now_us(h->w));
		http_parse_request(p, len, &r);
		head_done(&h->heads, &hc->part, &hc->i, len);
	} else {
		r = (struct http_request){.status = 431};
	}
	answer(h, hc, &r);
	return true;
}

static void
go_on(struct http *h, struct http_conn *hc)
{
	struct tern_conn *c = hc->i.c;
	unsigned int visit = VISIT_MAX;

	while (!hc->shut) {
		if (!send_answer(h, hc, &visit))
			return;
		if (hc->refused) {
			hc->shut = true;
			head_drop(&h->heads, &hc->part);
			item_bye(&hc->i);
			tern_shutdown(c, TERN_SHUT_RDWR); /* closed() follows */
			return;
		}
		if (!hc->close && next_request(h, hc))
			continue;
		if (hc->close || item_over(&hc->i)) /* be it with half a request waiting */
			server_close(&hc->i);
		return;
	}
}

/* --- events -------------------------------------------------------------------------------------------------- */

static void
on_event(struct tern_conn *c, void *user)
{
	struct http_conn *hc = user;
	struct http *h = hc->i.owner;

	if (likely(!hc->part)) /* a head that trickles in is as good as idle */
		slab_touch(&hc->i, tern_now_us(h->w));
	go_on(h, hc);
}

static void
gone(struct item *it)
{
	head_drop(&((struct http *)it->owner)->heads, &((struct http_conn *)it)->part);
}

/* Nothing moved for --idle-timeout. */
static void
too_idle(struct item *it)
{
	tern_abort(it->c);
	server_closed(it->c, it, -ETIMEDOUT);
}

static void
on_second(struct tern_timer *t, void *arg)
{
	struct http *h = arg;

	http_date(h->date);
	tern_timer_start(h->w, t, 1000000);
}

static const struct server_ops ops = {
	.conn = {.readable = on_event, .writable = on_event, .closed = server_closed},
	.state = sizeof(struct http),
	.item = sizeof(struct http_conn),
	.clear = offsetof(struct http_conn, head) - sizeof(struct item),
	.nodelay = true,
	.gone = gone,
};

static int
start(struct stack *s, struct tern_worker *w)
{
	int rc = server_start(s, w);
	struct http *h = tern_worker_user(w);

	rc = rc ? rc : heads_init(&h->heads, s, w, s->o->conf.max_conns);
	if (rc)
		return rc;
	h->w = w;
	slab_timeout(&h->s.slab, w, content.idle_s * UINT64_C(1000000), too_idle);
	tern_timer_init(&h->second, on_second, h);
	on_second(&h->second, h);
	return 0;
}

/* Idle connections are closed, the others after their answer. */
static void
drain(struct stack *s, struct tern_worker *w)
{
	struct http *h = tern_worker_user(w);
	struct item *it;
	uint32_t i = 0;

	server_unlisten(&h->s);
	slab_no_timeout(&h->s.slab);
	tern_timer_stop(w, &h->second);
	h->draining = true;
	while ((it = slab_next(&h->s.slab, &i)) != NULL) {
		struct http_conn *hc = (struct http_conn *)it;

		if (hc->shut || (!hc->left && hc->head_sent == hc->head_len))
			server_close(it);
		else
			hc->close = true;
	}
}

static uint64_t
report(const struct stack *s)
{
	printf("http: %lu connections, %lu requests, %lu of them refused, %lu bytes sent, %lu connections ended by an "
	       "error\n",
	       role_sum(s, SERVER_CONNS), role_sum(s, SERVER_DONE), role_sum(s, N_REFUSED), role_sum(s, N_BYTES),
	       role_sum(s, SERVER_FAILED));
	tls_report(true);
	return 0;
}

const struct role role_http = {
	.name = "http",
	.help = "HTTP/1.0 and 1.1 server of a directory or one body",
	.opts = opts,
	.n_opts = RTE_DIM(opts),
	.takes = LISTEN_OPTIONS " " TLS_SERVER_OPTIONS,
	.check = check,
	.init = init,
	.done = "requests",
	.server = &ops,
	.start = start,
	.poll = server_poll,
	.drain = drain,
	.accepting = server_accepting,
	.report = report,
};
