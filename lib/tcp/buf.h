/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sizes of buffers that follow the path. Theory of operation: tcp/buf.c.
 */
#ifndef TCP_BUF_H
#define TCP_BUF_H
struct tern_conn;
struct tern_worker;

#define TCP_TUNE_AFTER 65536u /* received bytes before a connection is long enough to be measured */
#define TCP_TUNE_READ 512u    /* a reader of less than that at a time, with nothing behind it, needs no more room */
/** The application has taken data. */
void tcp_rcv_tune(struct tern_worker *w, struct tern_conn *c);
/** The application waits for room to send. */
void tcp_snd_tune(struct tern_worker *w, struct tern_conn *c);
void tcp_buf_release(struct tern_worker *w, struct tern_conn *c);
#endif
