/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * TIME-WAIT records. Theory of operation: tcp/timewait.c.
 */
#ifndef TCP_TIMEWAIT_H
#define TCP_TIMEWAIT_H
#include "base/table.h"

struct seg;
struct tern_conn;
struct tern_worker;

/** TIME-WAIT record: 64 bytes for IPv4 (addr is cut), 96 for IPv6. kind_data: [0] ts_recent, [1] portset index + 1 or
 *  0, of a passive open ts_off, [2] window << 16 | TOS << 8 | feat. timer.user: TTL. */
struct timewait {
	union {
		struct tobj o;
		struct {
			TOBJ_FIELDS
		};
	};
};
#define TW_SIZE4 64
#define TW_SIZE6 96
_Static_assert(sizeof(struct timewait) <= TW_SIZE6, "a TIME-WAIT record is at most 64/96 bytes");

/** Connection c becomes a TIME-WAIT record; closed(0) is pending for the application. */
/** s: the segment that ended the connection. @return SEG_TAKEN when it became the ACK that is due, else SEG_DONE. */
int tcp_timewait_enter(struct tern_worker *w, struct tern_conn *c, struct seg *s);
int tcp_timewait_input(struct tern_worker *w, struct timewait *tw, struct seg *s);
/** RFC 6191 2, RFC 9293 3.6.1 MAY-2: is s a SYN that is surely newer than the old incarnation? A listener may take
 *  it. */
bool tcp_timewait_newer(const struct timewait *tw, const struct seg *s);
void tcp_timewait_free(struct tern_worker *w, struct timewait *tw);
void tcp_timewait_timer(struct tern_worker *w, struct timewait *tw);
/** The window that its ACKs say, and F_TS, F_SACK, F_WS as they were agreed on. */
uint16_t tcp_timewait_wnd(const struct timewait *tw, uint8_t *feat);
#endif
