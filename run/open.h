/* SPDX-License-Identifier: BSD-3-Clause */
/* The calls of struct run_calls, by file. */
#ifndef OPEN_H
#define OPEN_H
#include "sock.h"

/* open.c */
int run_socket(int domain, int type, int protocol);
int run_bind(int fd, const struct sockaddr *sa, socklen_t len);
int run_listen(int fd, int backlog);
int run_inherit(int fd, bool blocking);
int run_accept(int fd, struct sockaddr *sa, socklen_t *len, int flags);
int run_connect(int fd, const struct sockaddr *sa, socklen_t len);
int run_shutdown(int fd, int how);
int run_close(int fd);
int run_dup(int fd, int as);
void run_forked(bool child);
/* io.c */
ssize_t run_recv(int fd, void *buf, size_t len, int flags);
ssize_t run_recvmsg(int fd, struct msghdr *m, int flags);
ssize_t run_send(int fd, const void *buf, size_t len, int flags);
ssize_t run_sendmsg(int fd, const struct msghdr *m, int flags);
ssize_t run_splice(int in, int out, size_t n, unsigned int flags);
ssize_t run_sendfile(int out, int in, off_t *off, size_t n);
/* opt.c */
int run_name(int fd, struct sockaddr *sa, socklen_t *len, bool peer);
int run_setsockopt(int fd, int level, int name, const void *val, socklen_t len);
int run_getsockopt(int fd, int level, int name, void *val, socklen_t *len);
/** What another program set on the listener fd, s has, too. */
void run_inherit_options(struct sock *s, int fd);
int run_fcntl(int fd, int cmd, long arg);
int run_ioctl(int fd, unsigned long what, void *arg);
/* set.c, wait.c */
int run_epoll_ctl(int set, int op, int fd, struct epoll_event *e);
int run_epoll_wait(int set, struct epoll_event *e, int max, const struct timespec *limit, const sigset_t *mask);
int run_poll(struct pollfd *p, nfds_t n, const struct timespec *limit, const sigset_t *mask);
#endif
