/* SPDX-License-Identifier: BSD-3-Clause */
/* pdrun's system calls. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* strerrorname_np() */
#endif
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <linux/sockios.h>
#include "pdrun.h"

static bool
is_free(const char *arg)
{
	return strcmp(arg, "...") == 0;
}

static long
num(const struct event *e, unsigned int i)
{
	long v = 0;

	if (i >= e->n_args || !script_number(e->args[i], &v))
		pd_fail(e, "argument %u is not understood", i + 1);
	return v;
}

/* `key=value` within a {...} */
static bool
member(const char *text, const char *key, long *v)
{
	const char *p = strstr(text, key);
	char word[64];

	if (!p)
		return false;
	p += strlen(key);
	p += strspn(p, " =");
	snprintf(word, sizeof(word), "%.*s", (int)strcspn(p, ",}"), p);
	return script_number(word, v);
}

static int
handle(const struct event *e, unsigned int i)
{
	return pd_handle(num(e, i));
}

static long
do_connect(const struct event *e)
{
	struct sockaddr_storage a;
	const long fd = num(e, 0);
	int rc;

	if (!run.blocked) {
		rc = pd_backend.connect(handle(e, 0), (struct sockaddr *)&a, pd_address(true, BIND_PORT, &a));
		if (rc)
			return rc;
		if (pd_backend.connect_done(handle(e, 0)) != -EINPROGRESS) { /* open already, or put off to the first
									      * send */
			if (handle(e, 0) >= 0 && !run.fd[fd].begun)
				pd_open_active(fd);
			return rc;
		}
		pd_open_active(fd);
		pd_backend.run(run.now);
	}
	rc = pd_backend.connect_done(handle(e, 0));
	return rc == -EINPROGRESS && (run.blocked || (fd >= 0 && fd < FDS && !run.fd[fd].nonblock)) ? -EAGAIN : rc;
}

static long
do_recv(const struct event *e)
{
	static uint8_t buf[1 << 20];
	const long fd = num(e, 0), len = num(e, 2), flags = e->n_args > 3 ? num(e, 3) : 0;
	const ssize_t n = len < 0 || len > (long)sizeof(buf) ? -EINVAL : pd_backend.recv(handle(e, 0), buf, len, flags);

	for (ssize_t i = 0; i < n && !(flags & MSG_TRUNC); i++)
		if (buf[i] != pat(1 + run.fd[fd].rx + i)) {
			pd_fail(e, "byte %zd of what was received is wrong", i);
			break;
		}
	if (n > 0 && !(flags & MSG_PEEK))
		run.fd[fd].rx += n;
	return n;
}

/* sendto() that opens: one that may block waits for the handshake and sends the rest then. */
static ssize_t
send_fastopen(const struct event *e, const uint8_t *buf, size_t len, int flags)
{
	static size_t done; /* by the call that blocks */
	const long fd = num(e, 0);
	struct sockaddr_storage a;
	ssize_t n;
	int rc;

	if (!run.blocked) {
		const bool was_open = pd_backend.connect_done(handle(e, 0)) == 0;

		n = pd_backend.sendto(handle(e, 0), buf, len, flags, (struct sockaddr *)&a,
				      pd_address(true, BIND_PORT, &a));
		if (!was_open && (n >= 0 || n == -EINPROGRESS))
			pd_open_active(fd);
		if (was_open || run.fd[fd].nonblock || flags & MSG_DONTWAIT || (n < 0 && n != -EINPROGRESS))
			return n;
		done = n > 0 ? n : 0;
		return -EAGAIN;
	}
	rc = pd_backend.connect_done(handle(e, 0));
	if (rc)
		return rc == -EINPROGRESS ? -EAGAIN : rc;
	n = done < len ? pd_backend.send(handle(e, 0), buf + done, len - done, 0) : 0;
	if (n < 0)
		return n;
	done += n;
	return done < len ? -EAGAIN : (ssize_t)done;
}

static long
do_send(const struct event *e)
{
	static uint8_t buf[1 << 20];
	const long fd = num(e, 0), len = num(e, 2), flags = e->n_args > 3 ? num(e, 3) : 0;
	ssize_t n;

	if (len < 0 || len > (long)sizeof(buf))
		return -EINVAL;
	for (long i = 0; i < len; i++)
		buf[i] = pat(1 + run.fd[fd].tx + i);
	n = flags & MSG_FASTOPEN ? send_fastopen(e, buf, len, flags) : pd_backend.send(handle(e, 0), buf, len, flags);
	if (n > 0)
		run.fd[fd].tx += n;
	return n;
}

/* An option that is a name or bytes (\xNN), and its length: TCP_CONGESTION, TCP_FASTOPEN_KEY. */
static long
set_sockopt_text(const struct event *e, const char *text)
{
	uint8_t value[TEXT_MAX];
	unsigned int byte;
	size_t len = 0;

	for (text++; *text && *text != '"' && len < sizeof(value); len++) {
		if (sscanf(text, "\\x%2x", &byte) == 1) {
			value[len] = byte;
			text += 4;
		} else {
			value[len] = *text++;
		}
	}
	if (strcmp(text, "\"") != 0)
		pd_fail(e, "the closing quote is missing");
	if (e->n_args != 5 || num(e, 4) != (long)len)
		pd_fail(e, "the length of the name, %zu, is missing", len);
	return pd_backend.setsockopt(handle(e, 0), num(e, 1), num(e, 2), value, len);
}

static long
do_sockopt(const struct event *e, bool set)
{
	struct linger l = {0};
	int value;
	socklen_t n = sizeof(value);
	const char *text = e->n_args > 3 ? e->args[3] : "";
	long v = 0, w = 0;
	int rc;

	if (strchr(text, '{')) {
		if (!member(text, "onoff", &v) || !member(text, "linger", &w))
			pd_fail(e, "{onoff=, linger=} expected");
		l = (struct linger){.l_onoff = v, .l_linger = w};
		return pd_backend.setsockopt(handle(e, 0), num(e, 1), num(e, 2), &l, sizeof(l));
	}
	if (set && *text == '"')
		return set_sockopt_text(e, text);
	if (!is_free(text))
		v = num(e, 3);
	value = v;
	if (e->n_args > 4) {
		n = num(e, 4);
		if (n > sizeof(value))
			pd_fail(e, "a value of at most %zu bytes expected", sizeof(value));
	}
	if (set)
		return pd_backend.setsockopt(handle(e, 0), num(e, 1), num(e, 2), &value, n);
	value = 0;
	rc = pd_backend.getsockopt(handle(e, 0), num(e, 1), num(e, 2), &value, &n);
	if (rc == 0 && !is_free(text) && value != (int)v)
		pd_fail(e, "the option's value: expected %ld, got %d", v, value);
	return rc;
}

static long
do_fcntl(const struct event *e)
{
	const long fd = num(e, 0), cmd = num(e, 1);

	if (handle(e, 0) < 0)
		return -EBADF;
	if (cmd == F_SETFL)
		run.fd[fd].nonblock = num(e, 2) & O_NONBLOCK;
	return cmd == F_SETFL ? 0 : O_RDWR | (run.fd[fd].nonblock ? O_NONBLOCK : 0);
}

static long
do_ioctl(const struct event *e)
{
	const long what = num(e, 1), n = pd_backend.qlen(handle(e, 0), what == SIOCOUTQ);

	if (n >= 0 && n != num(e, 2))
		pd_fail(e, "bytes queued: expected %ld, got %ld", num(e, 2), n);
	return n < 0 ? n : 0;
}

static long
do_poll(const struct event *e)
{
	long fd = 0, events = 0, want = 0;
	int got;

	if (e->n_args < 1 || !member(e->args[0], "fd", &fd) || !member(e->args[0], "events", &events))
		pd_fail(e, "[{fd=, events=, revents=}] expected");
	if (fd < 0 || fd >= FDS || !run.fd[fd].open)
		return -EBADF;
	got = pd_backend.pollev(run.fd[fd].h) & (events | POLLERR | POLLHUP);
	if (member(e->args[0], "revents", &want) && got != want && (got || num(e, 2) == 0))
		pd_fail(e, "revents: expected %#lx, got %#x", want, got);
	return got ? 1 : num(e, 2) == 0 ? 0 : -EAGAIN;
}

long
pd_call(const struct event *e)
{
	struct sockaddr_storage a;
	socklen_t l = sizeof(a);
	long rc;

	if (strcmp(e->name, "socket") == 0)
		return pd_new_fd(e, pd_backend.socket(run.s->af == 4 ? AF_INET : AF_INET6, SOCK_STREAM, IPPROTO_TCP));
	if (strcmp(e->name, "bind") == 0) {
		run.lport = BIND_PORT;
		return pd_backend.bind(handle(e, 0), (struct sockaddr *)&a, pd_address(false, BIND_PORT, &a));
	}
	if (strcmp(e->name, "listen") == 0) {
		rc = pd_backend.listen(handle(e, 0), num(e, 1));
		run.listening = rc == 0;
		run.is_open = false;
		return rc;
	}
	if (strcmp(e->name, "accept") == 0)
		return pd_new_fd(e, pd_backend.accept(handle(e, 0), (struct sockaddr *)&a, &l));
	if (strcmp(e->name, "connect") == 0)
		return do_connect(e);
	if (strcmp(e->name, "recv") == 0 || strcmp(e->name, "read") == 0)
		return do_recv(e);
	if (strcmp(e->name, "send") == 0 || strcmp(e->name, "write") == 0 || strcmp(e->name, "sendto") == 0)
		return do_send(e);
	if (strcmp(e->name, "shutdown") == 0)
		return pd_backend.shutdown(handle(e, 0), num(e, 1));
	if (strcmp(e->name, "close") == 0) {
		rc = pd_backend.close(handle(e, 0));
		if (rc == 0)
			run.fd[num(e, 0)].open = false;
		return rc;
	}
	if (strcmp(e->name, "setsockopt") == 0 || strcmp(e->name, "getsockopt") == 0)
		return do_sockopt(e, *e->name == 's');
	if (strcmp(e->name, "fcntl") == 0)
		return do_fcntl(e);
	if (strcmp(e->name, "ioctl") == 0)
		return do_ioctl(e);
	if (strcmp(e->name, "poll") == 0)
		return do_poll(e);
	pd_fail(e, "unknown call");
	return -ENOSYS;
}

void
pd_check_result(const struct event *e, long rc)
{
	long want, err = 0;

	if (!script_number(e->result, &want) || (e->error && !script_number(e->error, &err))) {
		pd_fail(e, "the result is not understood");
		return;
	}
	if (want >= 0 ? rc != want : rc != (e->error ? -err : -EINVAL) && (e->error || rc >= 0))
		pd_fail(e, "%s(): expected %ld%s%s, got %ld%s%s", e->name, want, e->error ? " " : "",
			e->error ? e->error : "", rc < 0 ? -1 : rc, rc < 0 ? " " : "",
			rc < 0 ? strerrorname_np(-rc) : "");
}
