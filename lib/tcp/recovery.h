/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Acknowledgements, round trips and timeouts. Theory of operation: tcp/recovery.c.
 */
#ifndef TCP_RECOVERY_H
#define TCP_RECOVERY_H
#include <stdbool.h>
#include <stdint.h>

struct seg;
struct tcp_opts;
struct tern_conn;
struct tern_worker;

/** Acknowledgement processing: s->ack is in [snd_una, snd_max]. @return true if it acknowledged our FIN. */
bool tcp_ack(struct tern_worker *w, struct tern_conn *c, const struct seg *s, const struct tcp_opts *o);
/** s->ack is below SND.UNA: what it says of SACKs may be news all the same (RFC 6675 5). */
void tcp_ack_old(struct tern_worker *w, struct tern_conn *c, const struct seg *s, const struct tcp_opts *o);
void tcp_rto_fired(struct tern_worker *w, struct tern_conn *c);
void tcp_rtt_sample(struct tern_worker *w, struct tern_conn *c, uint32_t rtt_us);
/** The same by the timestamp that is echoed, if it says no more than max_us. @return whether it was one. */
bool tcp_rtt_echoed(struct tern_worker *w, struct tern_conn *c, const struct tcp_opts *o, uint64_t max_us);
#endif
